"""The loop of live operation: ask, analyse, store, and only then acknowledge and show."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from gamma_flow.data import SpectrumSet
from gamma_flow.errors import AnalysisWarning, GammaFlowError, LogError
from gamma_flow.live.alarm import Alarm
from gamma_flow.live.frames import Frame, now, together
from gamma_flow.live.log import Log
from gamma_flow.live.sources._base import Delivery, Source
from gamma_flow.live.status import Board, Status
from gamma_flow.live.turn import Turn
from gamma_flow.model import Model

__all__ = ["Detail", "Loop", "Outcome", "analysed", "recorded"]

Detail = Literal["everything", "evidence", "scores"]
_SLOWLY = 1.0  # s between two tries to write
_CATCHING = threading.Lock()


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one frame, or of one message that is none.

    Attributes
    ----------
    status : Status
        State of the detector after it.
    frame : Frame or None
        None for a message that was refused, and for news about a source.
    record : dict or None
        What was found, as `Analysis.records` has it; None where the frame could not be analysed.
    alarms : tuple of Alarm
        Those of its detector that began, grew or ended in this step, with the last frame of the step.
    """

    status: Status
    frame: Frame | None = None
    record: dict[str, Any] | None = None
    alarms: tuple[Alarm, ...] = ()


def analysed(
    model: Model, frames: Sequence[Frame], detail: Detail = "everything"
) -> list[dict[str, Any] | GammaFlowError]:
    """Return what a model finds in each frame, or why it cannot.

    Frames on one axis are analysed as one batch; those that do not fit the model do not disturb the others.

    Parameters
    ----------
    model : Model
        Of any axis; its templates are carried onto that of each frame.
    frames : sequence of Frame
        N frames.
    detail : {"everything", "evidence", "scores"}
        As `Model.analyse` takes it.

    Returns
    -------
    list
        N records as `Analysis.records` has them, or errors. What the analysis warns of (templates that lie
        outside the axis, told once an axis) stands as ``warning`` in the records of that batch.
    """
    found: list[dict[str, Any] | GammaFlowError] = [{}] * len(frames)
    for spectra, rows in together(frames):
        try:
            answers: Sequence[dict[str, Any] | GammaFlowError]
            answers = recorded(model, spectra, detail)
        except GammaFlowError as problem:
            answers = [problem] * len(rows)
        for row, answer in zip(rows.tolist(), answers, strict=True):
            found[row] = answer
    return found


def recorded(model: Model, spectra: SpectrumSet, detail: Detail) -> list[dict[str, Any]]:
    """Analyse, and put what it warned of into the records: in a stream nobody reads what scrolls by.

    A model warns when it meets an axis; the warnings of Python are caught for all threads at once, so that
    this is done by one of them at a time, and only then.
    """
    if model.met(spectra.axis):
        return model.analyse(spectra, detail=detail).records()
    with _CATCHING, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        records = model.analyse(spectra, detail=detail).records()
    mine = [str(one.message) for one in told if issubclass(one.category, AnalysisWarning)]
    for one in told:
        if not issubclass(one.category, AnalysisWarning):
            warnings.warn(one.message, one.category, stacklevel=2)
    return [record | {"warning": mine[0]} for record in records] if mine else records


def _with_alarms(outcomes: list[Outcome], alarms: Sequence[Alarm]) -> list[Outcome]:
    """Give the last outcome of each detector the alarms of that detector."""
    out = list(outcomes)
    last = {one.status.detector: at for at, one in enumerate(out)}
    for name, at in last.items():
        mine = tuple(alarm for alarm in alarms if alarm.detector == name)
        if mine:
            out[at] = replace(out[at], alarms=mine)
    return out


@dataclass
class _Batch:
    """What one step handles, kept while the log takes nothing."""

    deliveries: Sequence[Delivery]
    analysed: bool = False
    seen: bool = False  # by the hook for alarms
    commits: int = 0  # of all loops, when it was asked which frames are new
    fresh: Sequence[Frame] = ()
    known: Sequence[Frame] = ()
    found: Sequence[dict[str, Any] | GammaFlowError | None] = ()
    alarms: Sequence[Alarm] = ()

    @property
    def records(self) -> list[dict[str, Any] | None]:
        """What was found, None where nothing could be."""
        return [answer if isinstance(answer, dict) else None for answer in self.found]

    def without_known(self, new: Sequence[bool]) -> None:
        """Move frames that another loop has stored meanwhile to those that came again."""
        self.known = [*self.known, *(one for one, first in zip(self.fresh, new, strict=True) if not first)]
        self.found = [one for one, first in zip(self.found, new, strict=True) if first]
        self.fresh = [one for one, first in zip(self.fresh, new, strict=True) if first]


class Loop:
    """Brings a source, a model and a log together, step by step.

    Parameters
    ----------
    source : Source
        Where frames come from.
    model : Model, optional
        Without one frames are stored and shown, but not analysed.
    log : Log, optional
        Without one nothing is stored, and a frame that comes again is analysed again.
    detail : {"everything", "evidence", "scores"}
        How much is answered.
    batch : int
        Deliveries that are taken at a time at most. What has come is taken at once: a larger batch never
        waits.
    alarms : callable, optional
        Called with the new frames and their records before they are stored; returns the alarms to store with
        them. It is called once for each frame, in order of arrival, with duplicates left out. A
        `gamma_flow.live.tracker.Tracker` is one.
    turn : Turn, optional
        The same one for all loops that share a log or ``alarms``: a frame that comes to two of them at once
        is then stored, shown, and given to ``alarms`` once.

    Attributes
    ----------
    board : Board
        The states of all detectors.
    """

    def __init__(
        self,
        source: Source,
        model: Model | None = None,
        log: Log | None = None,
        *,
        detail: Detail = "everything",
        batch: int = 256,
        alarms: Callable[[Sequence[Frame], Sequence[dict[str, Any] | None]], Sequence[Alarm]] | None = None,
        turn: Turn | None = None,
    ) -> None:
        self.source, self.model, self.log = source, model, log
        self.detail, self.batch, self.alarms = detail, batch, alarms
        self.turn = turn or Turn()
        self.board = Board()
        self._stuck: _Batch | None = None
        self._dropped = 0
        self._trouble = ""

    def __iter__(self) -> Iterator[Outcome]:
        """Yield outcomes until the source ends."""
        while not self.source.ended or self.busy:
            yield from self.step()

    @property
    def busy(self) -> bool:
        """Whether frames wait for the log."""
        return self._stuck is not None

    def step(self, timeout: float = 1.0) -> list[Outcome]:
        """Take what has come, and return what became of it; wait up to ``timeout`` seconds for something.

        While the log takes nothing (its disk is full) frames are neither acknowledged nor shown; its file
        has the state "log", the same is tried again with the next step, and nothing more is taken in.

        Raises
        ------
        SourceError
            The source does not go on.
        """
        stuck = self._stuck is not None
        if stuck:
            time.sleep(min(timeout, _SLOWLY))
        batch = self._stuck or _Batch(self.source.poll(timeout, self.batch))
        clock = time.monotonic()
        news = self._of_source(clock)
        if not batch.deliveries:
            return [*news, *(Outcome(status) for status in self.board.silent(clock=clock))]
        try:
            self._analyse(batch)
            self._store(batch)
        except LogError as problem:
            self._stuck = batch
            return [*news, Outcome(self.board.problem(problem.where or "log", "log", problem))]
        self._stuck = None
        if stuck and self.log is not None:
            news.append(Outcome(self.board.well(str(self.log.path))))
        self.source.acknowledge(batch.deliveries)
        for frame in batch.known:
            self.board.duplicate(frame, clock=clock)
        told = _with_alarms(self._told(batch.fresh, batch.found, clock), batch.alarms)
        bad = [self._refusal(one, clock) for one in batch.deliveries if one.problem is not None]
        # one detector may fall silent while others of the same source go on
        silent = [Outcome(status) for status in self.board.silent(clock=clock)]
        return [*news, *told, *bad, *silent]

    def _analyse(self, batch: _Batch) -> None:
        """Fill in what is new and what was found in it, once: a second try at the log finds it there."""
        if batch.analysed:
            return
        frames = [frame for delivery in batch.deliveries for frame in delivery.frames]
        batch.commits = self.turn.commits
        new = [True] * len(frames) if self.log is None else self.log.new(frames)
        batch.fresh = [frame for frame, first in zip(frames, new, strict=True) if first]
        batch.known = [frame for frame, first in zip(frames, new, strict=True) if not first]
        batch.found = [None] * len(batch.fresh)
        if self.model is not None and batch.fresh:
            batch.found = [*analysed(self.model, batch.fresh, self.detail)]
        batch.analysed = True

    def _store(self, batch: _Batch) -> None:
        """Ask for alarms, once, and commit; no other loop of the same turn does so meanwhile."""
        if not batch.fresh:
            return
        with self.turn.of(self):
            if not batch.seen and self.log is not None and self.turn.commits != batch.commits:
                batch.without_known(self.log.new(batch.fresh))
            if not batch.seen and batch.fresh and self.alarms is not None:
                self.turn.ahead(self)
                batch.alarms = self.alarms(batch.fresh, batch.records)
            batch.seen = True
            if self.log is not None and batch.fresh:
                self.log.append(batch.fresh, batch.records, batch.alarms)

    def _told(self, frames: Sequence[Frame], found: Sequence[Any], clock: float) -> list[Outcome]:
        present = now()
        outcomes = []
        for frame, answer in zip(frames, found, strict=True):
            status = self.board.frame(frame, clock=clock, present=present)
            if isinstance(answer, GammaFlowError):
                status = self.board.problem(frame.detector, "model", answer)
            elif answer is not None and "warning" in answer and status.state == "ok":
                status = self.board.problem(frame.detector, "range", answer["warning"])
            outcomes.append(Outcome(status, frame, answer if isinstance(answer, dict) else None))
        return outcomes

    def _refusal(self, delivery: Delivery, clock: float) -> Outcome:
        assert delivery.problem is not None
        name = delivery.detector or self.source.name
        return Outcome(self.board.problem(name, "message", delivery.problem, clock=clock))

    def _of_source(self, clock: float) -> list[Outcome]:
        """Return what is new about the source itself: connection lost, messages dropped."""
        news = []
        name, trouble = self.source.name, self.source.trouble
        if trouble != self._trouble:
            self._trouble = trouble
            news.append(
                Outcome(self.board.problem(name, "source", trouble) if trouble else self.board.well(name))
            )
        if self.source.dropped > self._dropped:
            lost = self.source.dropped - self._dropped
            self._dropped = self.source.dropped
            sentence = f"{lost} messages were dropped: the queue is full"
            news.append(Outcome(self.board.problem(name, "queue", sentence, clock=clock)))
        return news
