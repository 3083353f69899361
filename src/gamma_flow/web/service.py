"""Sources, model and log at work in threads; what requests ask of them."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gamma_flow.errors import GammaFlowError, LogError, RequestError, SettingsError
from gamma_flow.live.alarm import Alarm
from gamma_flow.live.frames import Frame
from gamma_flow.live.log import Log
from gamma_flow.live.loop import Detail, Loop, Outcome
from gamma_flow.live.messages import line
from gamma_flow.live.restart import StateFile
from gamma_flow.live.sources._base import Source
from gamma_flow.live.status import Status
from gamma_flow.live.telling import result_of
from gamma_flow.live.tracker import Tracker
from gamma_flow.live.turn import Turn
from gamma_flow.model import Model
from gamma_flow.web._posted import Posted
from gamma_flow.web._strips import strip
from gamma_flow.web.hub import Hub, Message

__all__ = ["Alarms", "Latest", "Service", "note_line"]

Alarms = Callable[[Sequence[Frame], Sequence[dict[str, Any] | None]], Sequence[Alarm]]

_STEP = 0.5  # s that a loop waits for something
_MOST_LATEST = 1000  # detectors of which the last frame is kept
_SINCE = "nothing came since the service began"
_MOST_OPEN = 1000  # alarms that are kept without a log


@dataclass(frozen=True)
class Latest:
    """The last frame of a detector and what was found in it."""

    frame: Frame
    record: Mapping[str, Any] | None


class Service:
    """Runs a loop for each source, and for what requests bring; tells clients what comes out.

    Parameters
    ----------
    model : Model, optional
        Without one frames are stored and shown.
    sources : sequence of Source
        Each gets a thread; they are closed by `close`.
    log : Log, optional
        Where frames and results go; without one nothing is stored, and there is no history.
    detail : {"everything", "evidence", "scores"}
        How much is answered.
    alarms : callable, optional
        As `gamma_flow.live.Loop` takes it; called by one thread at a time.
    hub : Hub, optional
        Whom to tell.
    state : StateFile, optional
        Where the state of the tracker that ``alarms`` is goes every minute, and at the end.

    Notes
    -----
    A log is written by the loops and read by requests over a connection of their own, so that no
    request keeps a frame waiting. The loops take turns from the question which frames are new to the commit:
    a frame that comes over two sources at once is stored, told and tracked once.
    """

    def __init__(
        self,
        model: Model | None = None,
        sources: Sequence[Source] = (),
        log: Log | None = None,
        *,
        detail: Detail = "everything",
        alarms: Alarms | None = None,
        hub: Hub | None = None,
        state: StateFile | None = None,
    ) -> None:
        self.model, self.log = model, log
        self.hub = hub or Hub()
        self.posted = Posted()
        self.began = time.time()
        self._state = state
        self._tracker = alarms if isinstance(alarms, Tracker) else None
        self._noted: dict[str, str] = {}
        self._latest: dict[str, Latest] = {}
        self._alarms: dict[str, Alarm] = {}
        self._states: dict[str, str] = {}
        self._before: dict[str, Status] = {}  # what the log told at the start
        self._failed: dict[str, str] = {}
        self._ending = threading.Event()
        turn = Turn()
        self._loops = [
            _Worker(Loop(source, model, log, detail=detail, turn=turn), alarms)
            for source in [*sources, self.posted]
        ]
        self._reader: Log | None = None
        self._threads = [
            threading.Thread(target=self._run, args=(worker,), name=worker.loop.source.name, daemon=True)
            for worker in self._loops
        ]

    def start(self) -> Service:
        """Let the threads begin."""
        if self.log is not None:
            self._reader = Log.open(self.log.path, readonly=True)
            for alarm in self.log.alarms()[-_MOST_OPEN:]:
                self._alarms[alarm.key] = alarm
            self._remember(self.log)
        for thread in self._threads:
            thread.start()
        return self

    def _remember(self, log: Log) -> None:
        """Take up the last frame of each detector from before a restart, so that nobody looks at nothing."""
        for name in log.detectors()[:_MOST_LATEST]:
            for entry in log.frames(detector=name, newest_first=True, limit=1):
                self._before[name] = Status(name, "silent", _SINCE, last=entry.time)
                if entry.values is not None:
                    self._latest[name] = Latest(entry.frame(), entry.record)

    def close(self) -> None:
        """End the threads, and close sources; the log stays open."""
        self._ending.set()
        for worker in self._loops:
            worker.loop.source.close()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(10.0)
        if self._state is not None and not any(thread.is_alive() for thread in self._threads):
            self._state.keep(self._loops[-1].loop, now=True)
        if self._reader is not None:
            self._reader.close()

    def __enter__(self) -> Service:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------ what is asked

    @property
    def trouble(self) -> str:
        """What is wrong with the service as a whole; empty if all is well."""
        told = [f"{name}: {sentence}" for name, sentence in sorted(self._failed.items())]
        told += [
            status.sentence
            for worker in self._loops
            if worker.loop.busy
            for status in worker.loop.board.all()
            if status.state == "log"
        ]
        if self._state is not None and self._state.trouble:
            told.append(self._state.trouble)
        return "; ".join(dict.fromkeys(told))

    @property
    def stuck(self) -> str:
        """Why the log takes nothing from requests; empty if it does."""
        worker = self._loops[-1]
        found = [status.sentence for status in worker.loop.board.all() if status.state == "log"]
        return found[0] if found and worker.loop.busy else ""

    def statuses(self) -> list[Status]:
        """Return the state of every detector, by name; of one that several sources bring, the sum.

        One that nothing came from since the start, but that the log knows, is silent.
        """
        found: dict[str, Status] = {}
        for worker in self._loops:
            for status in worker.loop.board.all():
                other = found.get(status.detector)
                found[status.detector] = status if other is None else _joined(other, status)
        found = self._before | found
        return [found[name] for name in sorted(found)]

    def latest(self, detector: str) -> Latest | None:
        """Return the last frame of a detector, if need be from before the start; None if none is known."""
        return self._latest.get(detector)

    def alarms(self) -> list[Alarm]:
        """Return the alarms that go on, and the last ones that ended, in order of their beginning."""
        return sorted(self._alarms.values(), key=lambda alarm: alarm.start)

    def notes(self) -> dict[str, str]:
        """Return what of a detector is not as the tracker assumes, a sentence each."""
        return {} if self._tracker is None else dict(self._tracker.notes)

    def surroundings(self, detector: str) -> dict[str, Any] | None:
        """Return what the tracker knows of a detector's surroundings; None if it knows nothing."""
        try:
            return None if self._tracker is None else self._tracker.surroundings(detector)
        except SettingsError:
            return None

    def accept(self, detector: str) -> list[Alarm]:
        """Take what a detector sees now as its background from now on; return the alarms that end so.

        Raises
        ------
        RequestError
            There is no tracker, or it knows no such detector.
        LogError
            The log takes nothing: nothing is accepted.
        """
        tracker, loop = self._tracker, self._loops[-1].loop
        if tracker is None:
            raise RequestError("this service has no tracker", cure="calibrate one: gamma-flow tracker")
        with loop.turn.still() as even:
            if not even:
                raise LogError("the log takes nothing", found=self.stuck or None)
            try:
                alarms = tracker.accept(detector)
            except SettingsError as problem:
                raise RequestError("there is no such detector", found=repr(detector[:40])) from problem
            if self.log is not None and alarms:
                self.log.append([], alarms=alarms)
            if self._state is not None:
                self._state.keep(loop, now=True)  # the frames of the log alone would not tell it
        self._tell(([], alarms))
        return alarms

    def reader(self) -> Log:
        """Return the log for reading.

        Raises
        ------
        RequestError
            The service runs without one.
        """
        if self._reader is None:
            raise RequestError("this service keeps no log", cure="start it with --log FILE")
        return self._reader

    def put(self, frames: Sequence[Frame]) -> threading.Event:
        """Hand in frames from outside; what is returned is set when they are stored.

        Raises
        ------
        LogError
            The log takes nothing.
        RequestError
            Too many wait.
        """
        if self.stuck:
            raise LogError("the log takes nothing", found=self.stuck)
        done = self.posted.put(frames)
        if done is None:
            raise RequestError("the queue is full", cure="send again in a second")
        return done

    # ------------------------------------------------------------ what is told

    def _run(self, worker: _Worker) -> None:
        """Step until the end; whatever ends a loop is told, and the others go on."""
        name = worker.loop.source.name
        try:
            while not self._ending.is_set():
                self._tell(worker.step(self._ending))
                if self._state is not None:
                    self._state.keep(worker.loop)
        except GammaFlowError as problem:
            self._fail(worker, name, str(problem))
        except Exception as problem:  # a thread that dies in silence would be worse
            warnings.warn(f"{name}: {type(problem).__name__}: {problem}", RuntimeWarning, stacklevel=1)
            self._fail(worker, name, f"an error in the program: {type(problem).__name__}")

    def _fail(self, worker: _Worker, name: str, sentence: str) -> None:
        if self._ending.is_set():
            return
        self._failed[name] = sentence
        status = worker.loop.board.problem(name, "source", sentence)
        self._tell(([Outcome(status)], []))

    def _tell(self, found: tuple[Sequence[Outcome], Sequence[Alarm]]) -> None:
        outcomes, alarms = found
        listening, full = len(self.hub) > 0, self.hub.full
        told: list[Message] = []
        for outcome in outcomes:
            status, frame = outcome.status, outcome.frame
            if frame is not None:
                if frame.detector in self._latest or len(self._latest) < _MOST_LATEST:
                    self._latest[frame.detector] = Latest(frame, outcome.record)
                if listening:
                    told.append(_result(outcome, full))
            changed = self._states.get(status.detector) != status.state
            if changed or frame is None:
                self._states[status.detector] = status.state
                text = line("status", status.as_dict())
                told.append(Message(text, text))
        for alarm in alarms:
            self._alarms[alarm.key] = alarm
            text = line("alarm", alarm.as_dict())
            told.append(Message(text, text))
        told += self._news()
        while len(self._alarms) > _MOST_OPEN:
            ended = [key for key, alarm in self._alarms.items() if alarm.end is not None]
            self._alarms.pop(ended[0] if ended else next(iter(self._alarms)))
        if told:
            self.hub.publish(told)

    def _news(self) -> list[Message]:
        """Return the notes of the tracker that changed; an empty sentence says that one is over."""
        now, before = self.notes(), self._noted
        if now == before:
            return []
        self._noted = now
        changed = [name for name in {*now, *before} if now.get(name) != before.get(name)]
        lines = [note_line(name, now.get(name, "")) for name in sorted(changed)]
        return [Message(text, text) for text in lines]


class _Worker:
    """One loop, and the alarms that it made and may not tell before they are stored."""

    def __init__(self, loop: Loop, hook: Alarms | None) -> None:
        self.loop, self._hook = loop, hook
        self._pending: list[Alarm] = []
        if hook is not None:
            loop.alarms = self._made

    def _made(self, frames: Sequence[Frame], records: Sequence[dict[str, Any] | None]) -> Sequence[Alarm]:
        assert self._hook is not None
        alarms = self._hook(frames, records)
        self._pending += alarms
        return alarms

    def step(self, ending: threading.Event) -> tuple[list[Outcome], list[Alarm]]:
        loop = self.loop
        if loop.source.ended and not loop.busy:
            ending.wait(_STEP)
            return [Outcome(status) for status in loop.board.silent(clock=time.monotonic())], []
        outcomes = loop.step(_STEP)
        if loop.busy:
            return outcomes, []
        alarms, self._pending = self._pending, []
        return outcomes, alarms


def note_line(detector: str, sentence: str) -> bytes:
    """Return a note of the tracker as a message."""
    return line("note", {"detector": detector, "sentence": sentence})


def _result(outcome: Outcome, full: bool) -> Message:
    content = result_of(outcome)
    plain = line("result", content)
    if not full:
        return Message(plain, plain)
    assert outcome.frame is not None
    return Message(plain, line("result", content | {"strip": strip(outcome.frame.values)}))


def _joined(one: Status, other: Status) -> Status:
    """Return the state of a detector that two sources bring: the later one, with the sums of both."""
    later = max(one, other, key=lambda status: status.seen)
    problems = dict(one.problems)
    for state, count in other.problems:
        problems[state] = problems.get(state, 0) + count
    last = [status.last for status in (one, other) if status.last is not None]
    return replace(
        later,
        frames=one.frames + other.frames,
        duplicates=one.duplicates + other.duplicates,
        refused=one.refused + other.refused,
        problems=tuple(sorted(problems.items())),
        last=np.max(last) if last else None,
    )
