"""Every other source, with real files, sockets and pipes."""

from __future__ import annotations

import io
import os
import shutil
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import gamma_flow as gf
from gamma_flow.errors import (
    DataError,
    GammaFlowError,
    MissingDependencyError,
    SettingsError,
    SourceError,
)
from gamma_flow.live.frames import Frame
from gamma_flow.live.log import Log
from gamma_flow.live.loop import Loop
from gamma_flow.live.messages import Decoder, Limits, encode
from gamma_flow.live.opening import open_source, shown
from gamma_flow.live.sources import devices
from gamma_flow.live.sources._base import Delivery, Mailbox, Source
from gamma_flow.live.sources.folder import Folder
from gamma_flow.live.sources.listmode import Binner, ListMode
from gamma_flow.live.sources.replay import Replay
from gamma_flow.live.sources.stdin import Lines

START = np.datetime64("2026-01-01T00:00:00", "us")
SECOND = np.timedelta64(1, "s")
Frames = Callable[..., list[Frame]]


def everything(source: Source, patience: float = 20.0) -> list[Delivery]:
    """Poll until the source ends."""
    came: list[Delivery] = []
    end = time.monotonic() + patience
    while not source.ended and time.monotonic() < end:
        deliveries = source.poll(0.1)
        source.acknowledge(deliveries)
        came += deliveries
    assert source.ended
    return came


# ------------------------------------------------------------------ lines


def test_lines_are_frames_and_bad_ones_are_named(frames: Frames) -> None:
    every = frames(5)
    lines = [encode(one) for one in every]
    text = b"\n".join([lines[0], b"", b"{bad", *lines[1:]])  # the last line has no end
    came = everything(Lines(io.BytesIO(text)))
    assert [one.frames[0].key for one in came if one.frames] == [one.key for one in every]
    (problem,) = [one.problem for one in came if one.problem]
    assert str(problem).startswith("line 3: the message is not whole JSON")


def test_a_line_without_end_is_refused_once_and_the_next_is_read(frames: Frames) -> None:
    (frame,) = frames(1)
    text = b"x" * 3_000_000 + b"\n" + encode(frame) + b"\n" + b"y" * 2_000_000
    came = everything(Lines(io.BytesIO(text), Decoder(Limits(size=10_000))))
    assert [len(one.frames) for one in came] == [0, 1, 0]
    assert "too large" in str(came[0].problem)


def test_a_pipe_is_read_as_it_fills(frames: Frames) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as stream, os.fdopen(writing, "wb", buffering=0) as sink:
        source = Lines(stream)
        assert source.poll(0.01) == []
        for one in frames(3):
            data = encode(one) + b"\n"
            sink.write(data[:40])
            sink.write(data[40:])
            deliveries: list[Delivery] = []
            while not deliveries:
                deliveries = source.poll(5)
            assert deliveries[0].frames[0].key == one.key
        sink.close()
        everything(source)


def test_a_full_mailbox_waits_or_drops() -> None:
    box = Mailbox(2)
    assert box.put(1, wait=False)
    assert box.put(2, wait=False)
    assert not box.put(3, wait=False)
    thread = threading.Thread(target=box.put, args=(3,), kwargs={"wait": True})
    thread.start()
    assert box.take(1, 1) == [1]
    thread.join(5)
    assert box.take(1, 9) == [2, 3]
    box.close()
    assert not box.put(4, wait=True)
    assert box.take(1, 9) == []


def test_what_waits_is_bounded_in_bytes_too(frames: Frames) -> None:
    box = Mailbox(100, most_bytes=10)
    assert box.put("large", wait=False, size=50)  # alone it may be larger
    assert not box.put("more", wait=False, size=1)
    assert box.take(1, 1) == ["large"]
    assert box.put("a", wait=False, size=5)
    assert box.put("b", wait=False, size=5)
    assert not box.put("c", wait=False, size=1)
    axis = gf.Axis.channels(2**16)
    large = encode(Frame(np.zeros(2**16), axis, START, "left"), compact=False)
    source = Lines(io.BytesIO(b"\n".join([large] * 100)))
    sizes = []
    while not source.ended:
        sizes.append(len(source.poll(5)))
    assert sum(sizes) == 100
    assert max(sizes) <= 64  # 4,194,304 channels at a time


def test_a_source_is_an_iterator(frames: Frames) -> None:
    lines = b"\n".join(encode(one) for one in frames(3))
    assert len(list(Lines(io.BytesIO(lines)))) == 3
    with pytest.raises(GammaFlowError, match="line 2"):
        list(Lines(io.BytesIO(encode(frames(1)[0]) + b"\n{}")))


# ------------------------------------------------------------------ folder


def test_files_that_are_dropped_are_taken_once(tmp_path: Path, labelled: gf.SpectrumSet) -> None:
    source = Folder(tmp_path, every=0.02, settle=0.05)
    assert source.poll(0.05) == []
    gf.write(labelled[:3], tmp_path / "a.npz")
    (delivery,) = source.poll(10)
    assert [one.values.tolist() for one in delivery.frames] == labelled.values[:3].tolist()
    assert delivery.frames[0].arrived
    assert source.poll(0.2) == []
    gf.write(labelled[3:5], tmp_path / "a.npz")  # another content under the same name
    (delivery,) = source.poll(10)
    assert len(delivery.frames) == 2


def test_a_file_that_is_being_written_is_waited_for(tmp_path: Path, labelled: gf.SpectrumSet) -> None:
    gf.write(labelled[:2], tmp_path / "whole.n42")
    data = (tmp_path / "whole.n42").read_bytes()
    folder = tmp_path / "drop"
    folder.mkdir()
    source = Folder(folder, every=0.01, settle=0.15)
    with (folder / "a.n42").open("wb", buffering=0) as sink:
        for start in range(0, len(data), len(data) // 8):
            sink.write(data[start : start + len(data) // 8])
            assert source.poll(0.03) == []
    (delivery,) = source.poll(10)
    assert delivery.problem is None
    assert len(delivery.frames) == 2


def test_unfinished_names_and_other_patterns_are_left_alone(tmp_path: Path, labelled: gf.SpectrumSet) -> None:
    for name in (".a.npz", "b.npz.part", "c.npz.tmp", "d.txt"):
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / "sub").mkdir()
    source = Folder(tmp_path, pattern="*.np*", every=0.01, settle=0.0, once=True)
    assert everything(source) == []
    gf.write(labelled[:1], tmp_path / "b.npz.part", format="npz")
    source = Folder(tmp_path, pattern="*.npz", every=0.01, settle=0.0)
    source.poll(0.05)
    (tmp_path / "b.npz.part").rename(tmp_path / "b.npz")
    assert len(source.poll(10)[0].frames) == 1


def test_a_bad_file_is_refused_once_and_a_good_one_goes_on(tmp_path: Path, labelled: gf.SpectrumSet) -> None:
    (tmp_path / "a.n42").write_text("<RadInstrumentData><cut")
    (tmp_path / "b.txt").write_text("a letter to somebody")
    (tmp_path / "c.spe").write_bytes(b"")
    (tmp_path / "large.spe").write_bytes(b"0" * 5000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("a.csv", "0," * 10_000)
    gf.write(labelled[:1], tmp_path / "z.npz")
    came = everything(Folder(tmp_path, every=0.01, settle=0.0, once=True, largest=4000))
    by_name = {one.where: one for one in came}
    assert len(came) == 6
    assert "would unpack to too much; expected 16000 bytes at most, found 20000" in str(
        by_name["bomb.zip"].problem
    )
    assert "cut" in str(by_name["a.n42"].problem)
    assert "not a spectrum file" in str(by_name["b.txt"].problem)
    assert "is empty" in str(by_name["c.spe"].problem)
    assert "too large" in str(by_name["large.spe"].problem)
    assert len(by_name["z.npz"].frames) == 1


def test_acknowledged_files_go_to_the_folder_of_the_done(tmp_path: Path, labelled: gf.SpectrumSet) -> None:
    done = tmp_path / "done"
    for name in ("a.npz", "b.npz"):
        gf.write(labelled[:1], tmp_path / name)
        done.mkdir(exist_ok=True)
    (done / "a.npz").write_bytes(b"an older one")
    source = Folder(tmp_path, done=done, every=0.01, settle=0.0, once=True, pattern="*.npz")
    everything(source)
    assert not list(tmp_path.glob("*.npz"))
    assert len(list(done.iterdir())) == 3
    assert (done / "a.npz").read_bytes() == b"an older one"


def test_the_log_knows_files_after_a_restart(tmp_path: Path, labelled: gf.SpectrumSet) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    gf.write(labelled[:4], folder / "a.npz")
    for _ in range(2):
        with Log.open(tmp_path / "log.gfl") as log:
            for _ in Loop(Folder(folder, every=0.01, settle=0.0, once=True), None, log):
                pass
            assert len(log) == 4
    shutil.copy(folder / "a.npz", folder / "copy.npz")
    with Log.open(tmp_path / "log.gfl") as log:
        loop = Loop(Folder(folder, every=0.01, settle=0.0, once=True), None, log)
        assert list(loop) == []
        assert sum(status.duplicates for status in loop.board.all()) == 8


def test_a_folder_that_goes_away_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    with pytest.raises(SourceError, match="no such folder"):
        Folder(folder)
    folder.mkdir()
    source = Folder(folder, every=0.01)
    folder.rmdir()
    assert source.poll(0.02) == []
    assert source.trouble.startswith("the folder cannot be read")
    folder.mkdir()
    source.poll(0.02)
    assert source.trouble == ""


# ------------------------------------------------------------------ ZeroMQ


def test_zeromq_pulls_over_a_real_socket(frames: Frames) -> None:
    zmq = pytest.importorskip("zmq", reason="pyzmq is not installed: pip install 'gamma-flow[live]'")
    from gamma_flow.live.sources.zeromq import ZeroMq

    with (
        ZeroMq("tcp://127.0.0.1:*", bind=True) as source,
        zmq.Context() as context,
        context.socket(zmq.PUSH) as push,
    ):
        push.setsockopt(zmq.LINGER, 0)
        push.connect(source.address)
        every = frames(20)
        for one in every:
            push.send(encode(one))
        push.send(b"{}")
        push.send_multipart([b"lab/right", b'{"version": 1, "counts": [1]}'])
        came: list[Delivery] = []
        while len(came) < 22:
            deliveries = source.poll(5)
            assert deliveries, "nothing came"
            came += deliveries
        assert [one.frames[0].key for one in came[:20]] == [one.key for one in every]
        assert came[20].problem is not None
        assert came[21].frames[0].detector == "right"
        assert source.poll(0.01) == []


def test_zeromq_subscribes(frames: Frames) -> None:
    zmq = pytest.importorskip("zmq", reason="pyzmq is not installed: pip install 'gamma-flow[live]'")
    with zmq.Context() as context, context.socket(zmq.XPUB) as publish:
        publish.setsockopt(zmq.LINGER, 0)
        port = publish.bind_to_random_port("tcp://127.0.0.1")
        with open_source(f"zmq://127.0.0.1:{port}?type=sub&topic=lab") as source:
            assert publish.recv() == b"\x01lab"  # it has subscribed
            publish.send_multipart([b"other/left", encode(frames(1)[0])])
            publish.send_multipart([b"lab/left", encode(frames(2)[1])])
            (delivery,) = source.poll(5)
            assert delivery.frames[0].key == frames(2)[1].key
            assert delivery.where == "lab/left"


def test_an_address_that_is_taken_is_one_sentence() -> None:
    zmq = pytest.importorskip("zmq", reason="pyzmq is not installed: pip install 'gamma-flow[live]'")
    with zmq.Context() as context, context.socket(zmq.PULL) as other:
        port = other.bind_to_random_port("tcp://127.0.0.1")
        with pytest.raises(
            SourceError, match=r"tcp://127.0.0.1:\d+: the address cannot be taken: .*; check it"
        ):
            open_source(f"zmq://127.0.0.1:{port}?bind=1")


# ------------------------------------------------------------------ list mode


def test_binning_is_that_of_numpy(rng: np.random.Generator) -> None:
    times = np.sort(rng.uniform(0, 10, 5000))
    energies = rng.uniform(-10, 1010, 5000)
    axis = gf.Axis.linear(0, 1000, 50)
    binner = Binner(axis, 0.5, START, "left", dead_time=1e-5)
    done: list[Frame] = []
    for part in np.array_split(np.arange(5000), 37):  # cuts anywhere
        done += binner.add(times[part], energies[part])
    done += binner.finish()
    expected, _, _ = np.histogram2d(times, energies, [np.arange(0, 10.5, 0.5), axis.edges])
    assert np.array_equal(np.stack([one.values for one in done]), expected)
    assert [one.time for one in done] == [START + np.timedelta64(500 * k, "ms") for k in range(20)]
    events = np.histogram(times, np.arange(0, 10.5, 0.5))[0]
    assert np.allclose([one.live_time for one in done], 0.5 - 1e-5 * events)
    outside = [one.total + float(one.meta.get("outside", 0.0)) for one in done]
    assert outside == events.tolist()


def test_events_out_of_order_are_refused_and_the_next_go_on() -> None:
    text = b"time,channel\n# a remark\n0.1,3\n0.2 4\n1.5\t5\n"
    binner = Binner(gf.Axis.channels(8), 1.0, START, "left", calibrated=gf.Axis.polynomial([0, 100.0], 8))
    came = everything(ListMode(binner, io.BytesIO(text)))
    frames = [one for delivery in came for one in delivery.frames]
    assert [one.total for one in frames] == [2, 1]
    assert frames[0].axis.unit == "keV"
    assert frames[0].values.tolist() == [0, 0, 0, 1, 1, 0, 0, 0]
    for bad, why in (
        ([0.5, 0.1], "jumps.*a step of -0.4 s"),
        ([0.0, 1e6], "jumps"),
        ([0.0, np.nan], "not finite"),
        ([1e11], "too far"),
    ):
        with pytest.raises(DataError, match=why):
            Binner(gf.Axis.channels(8), 1.0, START, "left").add(bad, np.ones(len(bad)))
    came = everything(ListMode(Binner(gf.Axis.channels(8), 1.0, START, "left"), io.BytesIO(b"1 2\n3 4 5\n")))
    assert "event 1: an event is a time and a value; expected two numbers" in str(came[0].problem)
    with pytest.raises(SourceError, match="no list of events"):
        everything(ListMode(Binner(gf.Axis.channels(8), 1.0, START, "left"), io.BytesIO(b"1" * 9000)))
    with pytest.raises(DataError, match="no frame has this length"):
        Binner(gf.Axis.channels(8), 0.0, START, "left")


def test_list_mode_by_its_address(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("".join(f"{0.01 * n},{n % 100}\n" for n in range(1000)))
    source = open_source(
        f"listmode:{path}?frame=2&channels=128&detector=probe&start=2026-01-01T00:00:00Z&dead=0.001"
    )
    frames = [one for delivery in everything(source) for one in delivery.frames]
    assert [one.total for one in frames] == [200] * 5
    assert frames[1].time == START + 2 * SECOND
    assert frames[0].live_time == pytest.approx(1.8)
    frames = list(open_source(f"listmode:{path}?energy=0,50&channels=10"))
    assert frames[0].axis == gf.Axis.linear(0, 50, 10)
    with pytest.raises(SourceError, match="cannot be read"):
        open_source(f"listmode:{tmp_path}/none.csv")


# ------------------------------------------------------------------ replay


def timed(count: int) -> gf.SpectrumSet:
    time_ = START + np.arange(count) * np.timedelta64(20, "ms")
    return gf.SpectrumSet(np.ones((count, 2)), gf.Axis.channels(2), time=time_, detector="left")


def test_a_replay_keeps_order_times_and_pauses() -> None:
    source = Replay([timed(6)[::-1]], speed=1.0)
    began = time.monotonic()
    frames = [one for delivery in everything(source) for one in delivery.frames]
    assert time.monotonic() - began >= 0.1  # five pauses of 20 ms; how much longer does not matter
    assert [one.time for one in frames] == timed(6).time.tolist() or [one.time for one in frames] == list(
        timed(6).time
    )
    assert not frames[0].arrived
    moved = Replay([timed(3)], speed=float("inf"), rebase=True, start=START + 100 * SECOND)
    times = [delivery.frames[0].time for delivery in everything(moved)]
    assert times == [START + 100 * SECOND + k * np.timedelta64(20, "ms") for k in range(3)]


def test_without_times_the_durations_count(labelled: gf.SpectrumSet) -> None:
    source = Replay([labelled[:6]], speed=float("inf"), start=START)
    frames = [delivery.frames[0] for delivery in everything(source)]
    assert [(one.detector, one.time) for one in frames] == [
        (name, START + k * SECOND) for k in range(3) for name in ("left", "right")
    ]
    assert frames[0].meta["labels"] == "Am241"
    assert len({one.key for one in frames}) == 6
    with pytest.raises(SettingsError, match="no replay has this speed"):
        Replay([labelled], speed=0)
    with pytest.raises(SourceError, match="no spectrum to play"):
        Replay([labelled[:0]])


def test_files_and_scenes_are_replayed(tmp_path: Path, labelled: gf.SpectrumSet) -> None:
    gf.write(labelled, tmp_path / "a.npz")
    source = open_source(f"replay:{tmp_path}/a.npz?speed=max")
    assert sum(len(delivery.frames) for delivery in everything(source)) == 120
    (tmp_path / "scene.toml").write_text(
        '[[static]]\nnuclides = ["Cs137"]\ncount_rate = 500\nn = 3\nlive_time = 1.0\n'
        "[detector]\nchannels = 64\n"
    )
    frames = list(open_source(f"replay:{tmp_path}/scene.toml?speed=max"))
    assert len(frames) == 3
    assert frames[0].axis.unit == "keV"
    with pytest.raises(GammaFlowError, match=r"none\.npz"):
        open_source(f"replay:{tmp_path}/none.npz")


# ------------------------------------------------------------------ devices


def test_a_device_that_adds_up_gives_differences() -> None:
    looks = [
        devices.Accumulated(np.array([5.0, 1]), gf.Axis.channels(2), 1.0, 1.1),
        devices.Accumulated(np.array([7.0, 1]), gf.Axis.channels(2), 1.9, 2.1),
        devices.Accumulated(np.array([1.0, 0]), gf.Axis.channels(2), 0.5, 0.6),
        devices.Accumulated(np.array([4.0, 0]), gf.Axis.channels(2), 1.0, 1.2),
    ]
    source = devices.Accumulating(iter(looks).__next__, "box", length=0.001)
    assert source.poll(0.1) == []
    (delivery,) = source.poll(0.1)
    assert delivery.frames[0].values.tolist() == [2, 0]
    assert delivery.frames[0].live_time == pytest.approx(0.9)
    assert source.poll(0.1) == []
    assert "cleared" in source.trouble
    (delivery,) = source.poll(0.1)
    assert delivery.frames[0].values.tolist() == [3, 0]
    with pytest.raises(SourceError, match="the device does not answer: StopIteration"):
        source.poll(0.1)


def test_the_adapters_ask_as_the_libraries_answer() -> None:
    counts = np.zeros(1024)
    scout: Any = SimpleNamespace(
        spectrum=lambda: SimpleNamespace(a0=-6.0, a1=2.4, a2=0.0004, counts=counts.tolist())
    )
    source = devices.radiacode(device=scout, length=0.001)
    source.poll(0.1)
    counts[10] += 4
    (delivery,) = source.poll(0.1)
    assert delivery.frames[0].total == 4
    assert delivery.frames[0].axis == gf.Axis.polynomial([-6.0, 2.4, 0.0004], 1024)
    base: Any = SimpleNamespace(spectrum=counts, livetime=1.0, realtime=2.0, stop=lambda: None)
    with devices.digibase(device=base, length=0.001, serial="77") as source:
        source.poll(0.1)
        (delivery,) = source.poll(0.1)
    assert delivery.frames[0].detector == "77"
    assert delivery.frames[0].live_time == 0.0
    with pytest.raises(MissingDependencyError, match=r"needs the package radiacode; pip install"):
        devices.radiacode()


# ------------------------------------------------------------------ addresses


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ftp://host/a", "unknown source; expected -, mqtt://HOST/TOPIC"),
        ("", "unknown source"),
        ("mqtt://host", "no broker or no topic"),
        ("mqtt://host:port/a", "the address cannot be understood"),
        ("mqtt://host/a?gruop=x", r"does not know this option; expected group, .*, found gruop"),
        ("mqtt://host/a?protocol=3", "the option 'protocol' cannot be understood"),
        ("mqtt://host/a?size=-1", "the option 'size' cannot be understood"),
        ("mqtt://host/a?group=x&group=y", "given twice"),
        ("zmq://host", "no host and port"),
        ("replay:a?speed=fast", "the option 'speed' cannot be understood"),
        ("listmode:-?energy=1", "a range is two numbers"),
        ("folder:/nowhere/at/all", "no such folder"),
    ],
)
def test_an_address_that_is_none_is_one_sentence(text: str, why: str) -> None:
    with pytest.raises(GammaFlowError, match=why) as caught:
        open_source(text)
    assert "\n" not in str(caught.value)


def test_passwords_are_not_shown() -> None:
    assert shown("mqtt://me:secret@host/a") == "mqtt://***@host/a"
    with pytest.raises(SettingsError) as caught:
        open_source("mqtt://me:secret@host/a?x=1")
    assert "secret" not in str(caught.value)
