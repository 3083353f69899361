"""Counts in the text format of Prometheus."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping

from gamma_flow._version import __version__
from gamma_flow.web.service import Service

__all__ = ["text_of"]


def text_of(service: Service, counts: Mapping[str, int]) -> str:
    """Return all metrics.

    Parameters
    ----------
    service : Service
        Whose.
    counts : mapping
        ``analysed`` and ``refused STATUS``, as the application counts them.

    References
    ----------
    Prometheus exposition formats, text format 0.0.4.
    """
    statuses = service.statuses()
    named = [(f'detector="{_escaped(status.detector)}"', status) for status in statuses]
    out = [
        *_metric("info", "gauge", "Version.", [(f'version="{__version__}"', 1)]),
        *_metric(
            "up", "gauge", "1 while all is well, 0 while something is not.", [("", int(not service.trouble))]
        ),
        *_metric("frames_total", "counter", "Frames taken.", [(name, one.frames) for name, one in named]),
        *_metric(
            "duplicates_total",
            "counter",
            "Frames that came again.",
            [(n, one.duplicates) for n, one in named],
        ),
        *_metric(
            "refused_messages_total", "counter", "Messages refused.", [(n, one.refused) for n, one in named]
        ),
        *_metric(
            "detector_state",
            "gauge",
            "1 for the state that a detector is in.",
            [(f'{name},state="{one.state}"', 1) for name, one in named],
        ),
        *_metric(
            "problems_total",
            "counter",
            "How often a detector came into a state.",
            [(f'{name},state="{state}"', count) for name, one in named for state, count in one.problems],
        ),
        *_metric(
            "alarms_open", "gauge", "Alarms that go on.", [("", sum(a.end is None for a in service.alarms()))]
        ),
        *_metric("clients", "gauge", "Clients that listen.", [("", len(service.hub))]),
        *_metric(
            "client_messages_dropped_total",
            "counter",
            "Not sent to slow clients.",
            [("", service.hub.dropped)],
        ),
        *_metric(
            "uploads_analysed_total",
            "counter",
            "Spectra analysed by request.",
            [("", counts.get("analysed", 0))],
        ),
        *_metric(
            "requests_refused_total",
            "counter",
            "Requests refused, by status.",
            [
                (f'status="{key.split()[1]}"', n)
                for key, n in sorted(counts.items())
                if key.startswith("refused ")
            ],
        ),
        *_metric("memory_peak_bytes", "gauge", "Most memory so far.", [("", _peak())]),
    ]
    if service.log is not None:
        out += _metric("log_bytes", "gauge", "Bytes that the log takes.", [("", service.reader().size)])
    return "\n".join(out) + "\n"


def _metric(name: str, kind: str, told: str, values: Iterable[tuple[str, float]]) -> list[str]:
    full = f"gamma_flow_{name}"
    lines = [f"{full}{{{labels}}} {value}" if labels else f"{full} {value}" for labels, value in values]
    return [f"# HELP {full} {told}", f"# TYPE {full} {kind}", *lines]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _peak() -> int:
    """Return the most memory so far in bytes; 0 where the system has no such count (Windows)."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
