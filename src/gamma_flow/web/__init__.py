"""The service over live operation: REST, a stream of results, and the page that an operator watches.

Threads ask the sources, analyse and store, as `gamma_flow.live` does; what they find is handed to clients,
none of which can slow them down::

    sources ──Loop──▶ log ──▶ hub ──▶ page, WebSocket, events
    requests ──────▶ workers ──▶ answers

Needs ``pip install 'gamma-flow[web]'``. Nothing here is imported by ``import gamma_flow``.
"""

from typing import TYPE_CHECKING

from gamma_flow._lazy import exports

if TYPE_CHECKING:
    from gamma_flow.web.app import application
    from gamma_flow.web.service import Service
    from gamma_flow.web.settings import WebSettings

_HOMES = {
    "Service": "gamma_flow.web.service",
    "WebSettings": "gamma_flow.web.settings",
    "application": "gamma_flow.web.app",
}

__all__ = ["Service", "WebSettings", "application"]

__getattr__, __dir__ = exports(__name__, _HOMES, globals())
