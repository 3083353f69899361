"""The service over live operation: REST, a stream of results, and the page that an operator watches.

Threads ask the sources, analyse and store, as `gamma_flow.live` does; what they find is handed to clients,
none of which can slow them down::

    sources ──Loop──▶ log ──▶ hub ──▶ page, WebSocket, events
    requests ──────▶ workers ──▶ answers

Needs ``pip install 'gamma-flow[web]'``. Nothing here is imported by ``import gamma_flow``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gamma_flow.web.app import application
    from gamma_flow.web.service import Service
    from gamma_flow.web.settings import WebSettings

_HOMES = {"Service": "service", "WebSettings": "settings", "application": "app"}

__all__ = ["Service", "WebSettings", "application"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gamma_flow.web' has no attribute '{name}'")
    return getattr(import_module(f"gamma_flow.web.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
