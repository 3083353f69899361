"""The service as a program on a free port, and a client that trusts nothing."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Ping, RejectConnection, Request, TextMessage

from live.brokers import free_port

ROOT = Path(__file__).resolve().parents[2]


class Served:
    """``gamma-flow serve`` as a child; started again under the same port if asked."""

    def __init__(self, *args: str, program: list[str] | None = None, token: str = "") -> None:
        self.port, self.token = free_port(), token
        self.program = program or [sys.executable, "-m", "gamma_flow", "serve"]
        self.args = list(args)
        self.told = ""
        self.process: subprocess.Popen[str] | None = None

    def spawn(self, errors: IO[str] | None = None) -> None:
        """Start the program, and do not wait until it answers."""
        command = [*self.program, *self.args, "--port", str(self.port)]
        env = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{os.environ.get('PYTHONPATH', '')}"}
        where = subprocess.DEVNULL if errors is None else errors
        self.process = subprocess.Popen(command, stderr=where, text=True, env=env)

    def start(self) -> Served:
        with tempfile.TemporaryFile("w+") as errors:
            self.spawn(errors)
            assert self.process is not None
            for _ in range(400):
                try:
                    self.ask("GET", "/health")
                    break
                except OSError:
                    gone = self.process.poll() is not None
                    time.sleep(0.05)
                if gone:
                    break
            errors.seek(0)
            self.told = errors.read()
        assert self.process.poll() is None, self.told
        return self

    def stop(self, how: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(15)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, content (JSON where it is that) and headers of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            given = {"Authorization": f"Bearer {self.token}"} if self.token else {}
            connection.request(method, path, body, {**given, **(headers or {})})
            response = connection.getresponse()
            data = response.read()
        finally:
            connection.close()
        told = {name.lower(): value for name, value in response.getheaders()}
        content = json.loads(data) if told.get("content-type") == "application/json" and data else data
        return response.status, content, told

    def get(self, path: str, **headers: str) -> Any:
        status, content, _ = self.ask("GET", path, headers=headers)
        assert status == 200, content
        return content

    def post(self, path: str, body: bytes, **headers: str) -> Any:
        status, content, _ = self.ask("POST", path, body, headers)
        assert status == 200, content
        return content

    def until(self, done: Callable[[], bool], seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, "it does not happen"
            time.sleep(0.05)


@contextmanager
def serving(*args: str, **options: Any) -> Iterator[Served]:
    made = Served(*args, **options)
    try:
        yield made.start()
    finally:
        if made.process is not None and made.process.poll() is None:
            made.stop()


class Live:
    """A WebSocket of the service."""

    def __init__(self, served: Served, path: str = "/live", headers: dict[str, str] | None = None) -> None:
        self._socket = socket.create_connection(("127.0.0.1", served.port), timeout=20)
        self._protocol = WSConnection(ConnectionType.CLIENT)
        extra = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        asked = Request(host=f"127.0.0.1:{served.port}", target=path, extra_headers=extra)
        self._socket.sendall(self._protocol.send(asked))
        self.refused = 0
        self._left: list[Any] = []
        self._text = ""
        first = self._event()
        if isinstance(first, RejectConnection):
            self.refused = first.status_code
        else:
            assert isinstance(first, AcceptConnection)

    def _event(self) -> Any:
        while not self._left:
            data = self._socket.recv(65536)
            self._protocol.receive_data(data or None)
            self._left = list(self._protocol.events())
        return self._left.pop(0)

    def next(self) -> dict[str, Any] | None:
        """The next message, None when the other side has closed."""
        while True:
            event = self._event()
            if isinstance(event, TextMessage):
                self._text += event.data
                if event.message_finished:
                    text, self._text = self._text, ""
                    return json.loads(text)
            elif isinstance(event, Ping):
                self._socket.sendall(self._protocol.send(event.response()))
            elif isinstance(event, CloseConnection):
                return None

    def results(self, count: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while len(found) < count:
            message = self.next()
            assert message is not None
            if message["type"] == "result":
                found.append(message)
        return found

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Live:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
