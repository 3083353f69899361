"""Frames from topics of an MQTT broker, acknowledged when they are safe (needs paho-mqtt)."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from gamma_flow.errors import MessageError, MissingDependencyError, SourceError
from gamma_flow.live.messages import Decoder
from gamma_flow.live.sources._base import ENOUGH, Delivery, Mailbox, Source

__all__ = ["Mqtt"]

_SESSION = 7 * 24 * 3600  # seconds that a broker keeps what came while we were away


@dataclass(frozen=True)
class _Token:
    connection: int
    mid: int
    qos: int


class Mqtt(Source):
    """Messages of one or more topics at quality of service 1, over MQTT 5 or 3.1.1.

    A message is acknowledged when `acknowledge` is called, not when it arrives: what was not safe comes again
    after a restart, for the session outlives the connection (for a week, if the broker allows it). A lost
    connection is made anew, with growing pauses up to half a minute. At most ``waiting`` messages wait here;
    the broker keeps the rest (mosquitto: ``max_queued_messages``). Messages of quality 0 that find no room
    are dropped and counted.

    Parameters
    ----------
    topics : sequence of str
        Filters; ``+`` and ``#`` stand for any. The last level of a message's topic names its detector where
        the message does not.
    host, port : str, int
        The broker.
    group : str, optional
        Share the messages with other workers of this group (``$share/group/topic``).
    client : str
        Name of this session: two that are connected at once need two names.
    username, password : str, optional
        For the broker.
    tls : bool
        Speak TLS, and check the broker's certificate against those of this computer.
    authority : path, optional
        A file with the certificates to check it against instead.
    protocol : {5, 4}
        MQTT 5 or 3.1.1.
    decoder : Decoder, optional
        Limits, and what messages may leave out.
    waiting : int
        Messages that wait here at most.
    patience : float
        Seconds to wait for the broker's first answer.

    Raises
    ------
    SourceError
        No broker there, or it refuses us.
    MissingDependencyError
        paho-mqtt is not installed.
    """

    def __init__(
        self,
        topics: Sequence[str],
        host: str = "localhost",
        port: int = 1883,
        *,
        group: str | None = None,
        client: str = "gamma-flow",
        username: str | None = None,
        password: str | None = None,
        tls: bool = False,
        authority: str | None = None,
        protocol: int = 5,
        decoder: Decoder | None = None,
        waiting: int = 1000,
        patience: float = 10.0,
    ) -> None:
        self.decoder = decoder or Decoder()
        self.name = f"mqtt://{host}:{port}/{','.join(topics)}"
        self._filters = [f"$share/{group}/{topic}" if group else topic for topic in topics]
        self._box = Mailbox(waiting)
        self._waiting = waiting
        self._connection = 0
        self._answered = threading.Event()
        self._refusal: str | None = None
        self._paho = _paho()
        self._properties: Any = None
        self._client = self._made(client, protocol)
        if username is not None:
            self._client.username_pw_set(username, password)
        if tls:
            self._trust(authority)
        self._connect(host, port, patience)

    def _made(self, name: str, protocol: int) -> Any:
        paho = self._paho
        five = protocol == 5
        if protocol not in (4, 5):
            raise SourceError(
                "unknown version of MQTT", where=self.name, expected="5 or 4 (3.1.1)", found=str(protocol)
            )
        client = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=name,
            protocol=paho.MQTTv5 if five else paho.MQTTv311,
            manual_ack=True,
            **({} if five else {"clean_session": False}),
        )
        if five:
            properties = import_module("paho.mqtt.properties")
            self._properties = properties.Properties(
                import_module("paho.mqtt.packettypes").PacketTypes.CONNECT
            )
            self._properties.SessionExpiryInterval = _SESSION
            self._properties.ReceiveMaximum = max(1, min(self._waiting, 65535))
            self._properties.MaximumPacketSize = 4 * self.decoder.limits.size + 2**16
        client.reconnect_delay_set(1, 30)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        return client

    def _trust(self, authority: str | None) -> None:
        try:
            self._client.tls_set(ca_certs=authority)
        except (OSError, ValueError) as problem:
            raise SourceError(
                "the certificates cannot be read", where=authority, cure="name a file in PEM format (ca=FILE)"
            ) from problem

    def _connect(self, host: str, port: int, patience: float) -> None:
        cure = "start the broker, or check host and port"
        clean = {} if self._properties is None else {"clean_start": False, "properties": self._properties}
        try:
            self._client.connect(host, port, keepalive=30, **clean)
        except (OSError, ValueError) as problem:
            self.close()
            reason = getattr(problem, "strerror", None) or str(problem)
            raise SourceError(
                f"the broker cannot be reached: {reason}", where=self.name, cure=cure
            ) from problem
        self._client.loop_start()
        if not self._answered.wait(patience) or self._refusal is not None:
            refusal = self._refusal or f"no answer within {patience:g} s"
            self.close()
            raise SourceError(
                f"the broker does not let us listen: {refusal}",
                where=self.name,
                cure="check name, password and rights" if self._refusal else cure,
            )

    # ------------------------------------------------- called by the thread that receives

    def _on_connect(self, client: Any, _: Any, __: Any, reason: Any, ___: Any) -> None:
        if reason.is_failure:
            self._refusal = str(reason)
            self.trouble = f"the broker refuses us: {reason}"
            self._answered.set()
            return
        self._connection += 1
        client.subscribe([(topic, 1) for topic in self._filters])

    def _on_subscribe(self, _: Any, __: Any, ___: Any, reasons: Any, ____: Any) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        self._refusal = refused[0] if refused else None
        self.trouble = f"the broker refuses the topic: {refused[0]}" if refused else ""
        self._answered.set()

    def _on_disconnect(self, _: Any, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        self.trouble = f"the broker is away ({reason}); it is tried again"

    def _on_message(self, _: Any, __: Any, message: Any) -> None:
        token = _Token(self._connection, message.mid, message.qos)
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "(a topic that is no text)"
        item = (topic, bytes(message.payload), token)
        size = len(message.payload)
        if not self._box.put(item, wait=message.qos > 0, size=size) and message.qos == 0:
            self.dropped += 1

    # ------------------------------------------------- called by whoever asks

    def poll(self, timeout: float = 1.0, most: int = 256) -> list[Delivery]:
        """Return what has come; see `Source.poll`."""
        deliveries: list[Delivery] = []
        values = 0
        while len(deliveries) < most and values < ENOUGH:
            taken = self._box.take(0.0 if deliveries else timeout, 1)
            if not taken:
                break
            deliveries.append(self._delivery(*taken[0]))
            values += deliveries[-1].values
        return deliveries

    def _delivery(self, topic: str, payload: bytes, token: _Token) -> Delivery:
        where = "".join(sign if sign.isprintable() else "?" for sign in topic[:200])
        detector = where.rpartition("/")[2]
        try:
            frames = tuple(self.decoder.decode(payload, where=where, detector=detector))
            return Delivery(frames, where, token=token)
        except MessageError as problem:
            return Delivery((), where, problem, detector, token)

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Tell the broker; what came over an earlier connection is left, for it comes again."""
        for delivery in deliveries:
            token = delivery.token
            # the number means another message on a new connection
            if token.qos > 0 and token.connection == self._connection and self._client is not None:
                self._client.ack(token.mid, token.qos)

    def close(self) -> None:
        """Leave the broker; it keeps what comes from now on."""
        self._box.close()
        client, self._client = self._client, None
        if client is None:
            return
        client.disconnect()
        client.loop_stop()
        # the client closes its last sockets when nobody holds it any more
        client.on_connect = client.on_disconnect = client.on_message = client.on_subscribe = None


def _paho() -> Any:
    try:
        return import_module("paho.mqtt.client")
    except ImportError as problem:
        raise MissingDependencyError(
            "MQTT needs paho-mqtt", cure="pip install 'gamma-flow[live]', or pip install 'paho-mqtt>=2'"
        ) from problem
