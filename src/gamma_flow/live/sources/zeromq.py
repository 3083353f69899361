"""Frames from ZeroMQ sockets, PULL or SUB (needs pyzmq)."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Literal

from gamma_flow.errors import MessageError, MissingDependencyError, SourceError
from gamma_flow.live.messages import Decoder
from gamma_flow.live.sources._base import ENOUGH, Delivery, Source

__all__ = ["ZeroMq"]


class ZeroMq(Source):
    """Messages of a ZeroMQ socket; of several parts the last is the message, the first names the detector.

    ZeroMQ knows no acknowledgements: what was received and not yet stored is lost when the program dies.
    Where nothing may be lost, take MQTT at quality of service 1. A message larger than the limit
    closes its sender's connection.

    Parameters
    ----------
    address : str
        ``tcp://host:port``, ``ipc://path``, ...
    kind : {"pull", "sub"}
        PULL shares a queue among those who ask; SUB gets what a publisher sends.
    bind : bool
        Wait at the address for senders, instead of going there.
    topic : str
        What the first part has to begin with, for "sub".
    decoder : Decoder, optional
        Limits, and what messages may leave out.
    waiting : int
        Messages that wait here at most; a PUSH then waits, a PUB drops.

    Raises
    ------
    SourceError
        The address is none, or taken.
    MissingDependencyError
        pyzmq is not installed.
    """

    def __init__(
        self,
        address: str,
        kind: Literal["pull", "sub"] = "pull",
        *,
        bind: bool = False,
        topic: str = "",
        decoder: Decoder | None = None,
        waiting: int = 100,
    ) -> None:
        self.name = f"zmq {kind} {address}"
        self.decoder = decoder or Decoder()
        self._zmq = _zmq()
        zmq = self._zmq
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PULL if kind == "pull" else zmq.SUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RCVHWM, waiting)
        self._socket.setsockopt(zmq.MAXMSGSIZE, self.decoder.limits.size + 2**16)
        if kind == "sub":
            self._socket.setsockopt(zmq.SUBSCRIBE, topic.encode())
        try:
            if bind:
                self._socket.bind(address)
            else:
                self._socket.connect(address)
        except zmq.ZMQError as problem:
            self.close()
            raise SourceError(
                f"the address cannot be taken: {problem.strerror}",
                where=address,
                cure="check it, or that no other program waits there",
            ) from problem

    @property
    def address(self) -> str:
        """The address that the socket is bound to, with the port that the system chose."""
        return str(self._socket.getsockopt(self._zmq.LAST_ENDPOINT).decode())

    def poll(self, timeout: float = 1.0, most: int = 256) -> list[Delivery]:
        """Return what has come; see `Source.poll`."""
        deliveries: list[Delivery] = []
        if not self._socket.poll(int(timeout * 1000)):
            return deliveries
        values = 0
        while len(deliveries) < most and values < ENOUGH:
            try:
                parts: list[Any] = self._socket.recv_multipart(self._zmq.NOBLOCK)
            except self._zmq.Again:
                break
            deliveries.append(self._delivery(parts))
            values += deliveries[-1].values
        return deliveries

    def _delivery(self, parts: list[bytes]) -> Delivery:
        head = parts[0][:200].decode("utf-8", "replace") if len(parts) > 1 else ""
        where = "".join(sign if sign.isprintable() else "?" for sign in head) or self.name
        detector = where.rpartition("/")[2] if len(parts) > 1 else ""
        try:
            return Delivery(tuple(self.decoder.decode(parts[-1], where=where, detector=detector)), where)
        except MessageError as problem:
            return Delivery((), where, problem, detector)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
        self._context.term()


def _zmq() -> Any:
    try:
        return import_module("zmq")
    except ImportError as problem:
        raise MissingDependencyError(
            "ZeroMQ needs pyzmq", cure="pip install 'gamma-flow[live]', or pip install pyzmq"
        ) from problem
