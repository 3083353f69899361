"""Sources by what looks like a URL: ``mqtt://localhost/spectra``, ``replay:a.n42``, ``-``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from gamma_flow.data import Axis
from gamma_flow.errors import SettingsError
from gamma_flow.live.messages import Decoder, Limits
from gamma_flow.live.sources._base import Source

__all__ = ["SCHEMES", "open_source"]

SCHEMES = {
    "-": "JSON lines from standard input",
    "mqtt://HOST/TOPIC": "messages of a broker; mqtts:// with TLS",
    "zmq://HOST:PORT": "messages of a ZeroMQ socket; zmq+ipc:PATH for one on this computer",
    "folder:PATH": "files that are dropped into a folder",
    "replay:FILE": "a file, a folder or a simulated scene, played again",
    "demo:": "simulated detectors by which sources pass",
    "listmode:FILE": "events, a time and a channel or energy a line; - for standard input",
    "radiacode:": "a RadiaCode (experimental)",
    "digibase:": "an ORTEC digiBASE (experimental)",
}


def open_source(text: str) -> Source:
    """Open a source.

    Parameters
    ----------
    text : str
        ``-`` or a URL; ``SCHEMES`` and docs/live.md list them with their options. All that bring messages
        take ``detector`` (name of a detector that messages leave out), ``axis`` (coefficients, keV) and
        ``size`` (bytes of a message at most).

    Raises
    ------
    SettingsError
        No such source, or an option that it does not know.
    SourceError
        It cannot be reached.
    MissingDependencyError
        It needs a library that is not installed.
    """
    if text == "-":
        text = "lines:-"
    scheme = text.partition(":")[0].lower() if ":" in text else ""
    maker = _MAKERS.get(scheme)
    if maker is None:
        raise SettingsError(
            "unknown source", where=shown(text), expected=", ".join(SCHEMES), found=shown(scheme) or None
        )
    options = _Options(text)
    return maker(options)


def shown(text: str) -> str:
    """Return a URL without its password, cut to what a line bears."""
    head, sign, rest = text.partition("://")
    if sign and "@" in rest.partition("/")[0]:
        rest = "***@" + rest.partition("@")[2]
    return "".join(one if one.isprintable() else "?" for one in (head + sign + rest)[:200])


class _Options:
    """The parts of a URL and its options, each taken once; what is left over is an error."""

    def __init__(self, text: str) -> None:
        self.text = shown(text)
        try:
            self.parts = urlsplit(text, allow_fragments=False)  # "#" is a topic of MQTT
            self.port = self.parts.port
        except ValueError as problem:
            raise SettingsError(f"the address cannot be understood: {problem}", where=self.text) from problem
        self.path = unquote(self.parts.path)
        pairs = parse_qsl(self.parts.query, keep_blank_values=True)
        self._left = dict(pairs)
        if len(self._left) < len(pairs):
            raise SettingsError("an option is given twice", where=self.text)

    def take(self, name: str, made: Callable[[str], Any] = str, default: Any = None) -> Any:
        """Return an option, made of its text."""
        text = self._left.pop(name, None)
        if text is None:
            return default
        try:
            return made(text)
        except (ValueError, KeyError) as problem:
            raise SettingsError(
                f"the option '{name}' cannot be understood", where=self.text, found=repr(text)[:60]
            ) from problem

    def done(self, *known: str) -> None:
        """Refuse what nobody took.

        Raises
        ------
        SettingsError
            An option is left over.
        """
        if self._left:
            raise SettingsError(
                "the source does not know this option",
                where=self.text,
                expected=", ".join(known),
                found=", ".join(self._left)[:60],
            )

    def decoder(self) -> Decoder:
        """Return the decoder that the common options ask for."""
        return Decoder(
            Limits(size=self.take("size", _positive, Limits().size)),
            detector=self.take("detector", default=""),
            axis=self.take("axis", _numbers),
        )


_COMMON = ("detector", "axis", "size")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError(text)
    return value


def _speed(text: str) -> float:
    return float("inf") if text == "max" else float(text)


def _yes(text: str) -> bool:
    return {"1": True, "yes": True, "true": True, "": True, "0": False, "no": False, "false": False}[text]


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def _lines(options: _Options) -> Source:
    from gamma_flow.live.sources.stdin import Lines

    decoder = options.decoder()
    options.done(*_COMMON)
    return Lines(decoder=decoder)


def _mqtt(options: _Options) -> Source:
    from gamma_flow.live.sources.mqtt import Mqtt

    parts = options.parts
    topics = [topic for topic in options.path.lstrip("/").split(",") if topic]
    if not parts.hostname or not topics:
        raise SettingsError(
            "the address names no broker or no topic", where=options.text, expected="mqtt://HOST/TOPIC"
        )
    tls = parts.scheme == "mqtts"
    asked = {
        "group": options.take("group"),
        "client": options.take("client", default="gamma-flow"),
        "protocol": options.take("protocol", {"5": 5, "4": 4, "311": 4}.__getitem__, 5),
        "waiting": options.take("waiting", _positive, 1000),
        "authority": options.take("ca"),
        "decoder": options.decoder(),
    }
    options.done("group", "client", "protocol", "waiting", "ca", *_COMMON)
    return Mqtt(
        topics,
        parts.hostname,
        options.port or (8883 if tls else 1883),
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        tls=tls,
        **asked,
    )


def _zmq(options: _Options) -> Source:
    from gamma_flow.live.sources.zeromq import ZeroMq

    parts = options.parts
    local = parts.scheme == "zmq+ipc"
    if not (options.path if local else parts.hostname and options.port):
        raise SettingsError(
            "the address names no host and port", where=options.text, expected="zmq://HOST:PORT"
        )
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    address = f"ipc://{options.path}" if local else f"tcp://{host}:{options.port}"
    kind = options.take("type", {"pull": "pull", "sub": "sub"}.__getitem__, "pull")
    asked = {
        "bind": options.take("bind", _yes, False),
        "topic": options.take("topic", default=""),
        "waiting": options.take("waiting", _positive, 100),
        "decoder": options.decoder(),
    }
    options.done("type", "bind", "topic", "waiting", *_COMMON)
    return ZeroMq(address, kind, **asked)


def _folder(options: _Options) -> Source:
    from gamma_flow.live.sources.folder import Folder

    asked = {
        "pattern": options.take("pattern", default="*"),
        "done": options.take("done"),
        "every": options.take("every", _seconds, 0.5),
        "settle": options.take("settle", _seconds, 1.0),
        "detector": options.take("detector", default=""),
        "once": options.take("once", _yes, False),
    }
    options.done(*asked)
    return Folder(options.path, **asked)


def _replay(options: _Options) -> Source:
    from gamma_flow.live.sources.replay import Replay, sets_behind

    asked = {
        "speed": options.take("speed", _speed, 1.0),
        "rebase": options.take("rebase", _yes, False),
        "detector": options.take("detector", default="replay"),
    }
    options.done(*asked)
    return Replay(sets_behind(options.path), name=options.text, **asked)


def _demo(options: _Options) -> Source:
    from gamma_flow.live.sources.demo import Demo

    asked = {
        "detectors": options.take("detectors", _positive, 3),
        "seed": options.take("seed", int, 1),
        "speed": options.take("speed", float, 1.0),
    }
    options.done(*asked)
    return Demo(**asked)


def _listmode(options: _Options) -> Source:
    from gamma_flow.live.sources.listmode import Binner, ListMode, opened, started

    channels = options.take("channels", _positive, 1024)
    terms, energies = options.take("axis", _numbers), options.take("energy", _numbers)
    asked = {
        "length": options.take("frame", _seconds, 1.0),
        "start": options.take("start", started, started(None)),
        "detector": options.take("detector", default="listmode"),
        "dead_time": options.take("dead", _seconds, float("nan")),
    }
    options.done("channels", "axis", "energy", "frame", "start", "detector", "dead")
    if channels > Limits().channels:
        raise SettingsError("too many channels", where=options.text, expected=str(Limits().channels))
    axis, bears = Axis.channels(channels), None
    if energies is not None:
        if len(energies) != 2:
            raise SettingsError("a range is two numbers", where=options.text, expected="energy=LO,HI")
        axis = Axis.linear(energies[0], energies[1], channels)
    elif terms is not None:
        bears = Axis.polynomial(terms, channels)
    binner, stream = Binner(axis, calibrated=bears, **asked), opened(options.path)
    return ListMode(binner, stream, options.text, close=stream is not None)


def _radiacode(options: _Options) -> Source:
    from gamma_flow.live.sources.devices import radiacode

    asked = {"bluetooth": options.take("bluetooth"), "length": options.take("frame", _seconds, 1.0)}
    options.done("bluetooth", "frame")
    return radiacode(**asked)


def _digibase(options: _Options) -> Source:
    from gamma_flow.live.sources.devices import digibase

    terms = options.take("axis", _numbers)
    asked = {"serial": options.take("serial"), "length": options.take("frame", _seconds, 1.0)}
    options.done("serial", "frame", "axis")
    return digibase(axis=None if terms is None else Axis.polynomial(terms, 1024), **asked)


_MAKERS: dict[str, Callable[[_Options], Source]] = {
    "lines": _lines,
    "mqtt": _mqtt,
    "mqtts": _mqtt,
    "zmq": _zmq,
    "zmq+ipc": _zmq,
    "folder": _folder,
    "replay": _replay,
    "demo": _demo,
    "listmode": _listmode,
    "radiacode": _radiacode,
    "digibase": _digibase,
}
