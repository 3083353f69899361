"""Live operation: frames from sources that do not end, a durable log, and the state of every detector.

A source hands out deliveries of frames; the loop analyses them, writes frames and results into the log, and
only then acknowledges and shows them::

    source ──poll──▶ frames ──analyse──▶ records ──▶ log ──▶ acknowledged, shown

Nothing here is imported by ``import gamma_flow``.
"""

__all__: list[str] = []
