"""What a service is told: where it listens, whom it lets in, how much it takes."""

from __future__ import annotations

import ipaddress
import secrets
import socket
from dataclasses import dataclass, field

from gamma_flow.errors import SettingsError

__all__ = ["WebSettings", "is_loopback"]

_SHORTEST_TOKEN = 16


def is_loopback(host: str) -> bool:
    """Tell whether an address is reached from this computer alone.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class WebSettings:
    """Where a service listens and what it allows.

    Parameters
    ----------
    host, port : str, int
        Address to bind to. With any other than loopback a token is needed.
    token : str
        What a client has to know; 16 characters or more. Empty on loopback: none is needed; empty elsewhere:
        one is drawn.
    names : tuple of str
        Further names under which the service is reached (``Host`` of a request).
    upload_bytes, upload_spectra, upload_channels, upload_values : int
        What one upload may hold at most: bytes (unpacked ones too), spectra, channels of one spectrum, and
        channels of all together.
    waiting : int
        Messages that wait for one slow client; then the oldest go.
    clients : int
        Streams at a time.
    workers : int
        Threads for requests.

    Raises
    ------
    SettingsError
        A token that is too short, a port that is none.

    Examples
    --------
    >>> WebSettings().token, len(WebSettings(host="192.0.2.7").token) >= 32
    ('', True)
    """

    host: str = "127.0.0.1"
    port: int = 8765
    token: str = field(default="", repr=False)
    names: tuple[str, ...] = ()
    upload_bytes: int = 2**25
    upload_spectra: int = 20_000
    upload_channels: int = 2**16
    upload_values: int = 2**23
    waiting: int = 256
    clients: int = 64
    workers: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.port < 2**16:
            raise SettingsError("this is no port", expected="0 to 65535", found=str(self.port))
        if self.token and (len(self.token) < _SHORTEST_TOKEN or not self.token.isascii()):
            raise SettingsError(
                "the token is too short or not plain",
                expected=f"{_SHORTEST_TOKEN} ASCII characters or more",
                found=f"{len(self.token)} characters",
                cure="leave it out: one is drawn",
            )
        if not self.token and not is_loopback(self.host):
            object.__setattr__(self, "token", secrets.token_urlsafe(24))

    def link(self, port: int) -> str:
        """Return the link that opens the page, with the token in its fragment, which no server sees."""
        host = self.host
        if host in ("0.0.0.0", "::"):  # noqa: S104 - only compared
            host = _own_address()
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{port}/" + (f"#token={self.token}" if self.token else "")


def _own_address() -> str:
    """Return the address by which others on the network reach this computer; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()
