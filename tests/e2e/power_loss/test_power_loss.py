# SPDX-License-Identifier: Apache-2.0
"""Power loss: what a store wrote is recorded, and its file rebuilt as a disk could hold it after the power went at random points:
all that was synced, and of the rest any part, sector by sector. Every write acknowledged before must be there."""
import os
import random
import struct
import subprocess

import pieces
import pytest

SECTOR = 512  # what a disk writes whole
POINTS = 300 if os.environ.get("COFFER_LONG") else 25
SEED = int(os.environ.get("COFFER_SEED") or 20261121)
HEAD = struct.Struct("=cQQ")


@pytest.fixture(scope="module")
def built():
    return pieces.build()


def record(built, scratch, *flags, fail_sync=None):
    """Runs the writer under the recorder; its process and the trace."""
    writer, recorder = built
    env = dict(os.environ, LD_PRELOAD=recorder, RECORDER_TRACE=str(scratch / "trace"))
    env["ASAN_OPTIONS"] = "verify_asan_link_order=0:" + env.get("ASAN_OPTIONS", "")
    if fail_sync:
        env["RECORDER_FAIL_SYNC"] = str(fail_sync)
    done = subprocess.run([writer, "write", str(scratch / "data"), str(SEED), "60", *flags], env=env, capture_output=True, timeout=120)
    return done, list(events((scratch / "trace").read_bytes()))


def events(trace):
    at = 0
    while at < len(trace):
        kind, offset, size = HEAD.unpack_from(trace, at)
        at += HEAD.size
        yield kind, offset, trace[at:at + size]
        at += size


class Disk:
    """A file as the disk has it, and what the disk was given since it was last told to sync."""

    def __init__(self):
        self.durable = bytearray()
        self.pending = []  # (offset, bytes)

    def put(self, image, offset, data):
        if len(image) < offset + len(data):
            image.extend(bytes(offset + len(data) - len(image)))
        image[offset:offset + len(data)] = data

    def apply(self, kind, offset, data):
        if kind in b"WY":
            self.pending.append((offset, data))
        if kind == b"Y":  # this write, and no other, is synced when it returns
            self.put(self.durable, *self.pending.pop())
        if kind == b"S":
            for write in self.pending:
                self.put(self.durable, *write)
            self.pending.clear()
        assert kind != b"T", "a store's file is never cut"

    def after_power_loss(self, rng, interrupted):
        """One of the images that may be found: of each sector not yet synced, any of the versions it was given, or none."""
        image = bytearray(self.durable)
        share = rng.choice([0.0, 0.1, 0.5, 0.9, 1.0])
        for offset, data in self.pending + interrupted:
            start = 0
            while start < len(data):
                size = min(SECTOR - (offset + start) % SECTOR, len(data) - start)
                if rng.random() < share:
                    self.put(image, offset + start, data[start:start + size])
                start += size
        return image


def losses(built, scratch, trace, points):
    """Rebuilds the file at so many random points; yields what is wrong there ("" when nothing) and how much was told by then."""
    rng = random.Random(SEED)
    started = next(i for i, event in enumerate(trace) if event[0] == b"A")
    chosen = set(rng.sample(range(started, len(trace)), min(points, len(trace) - started)))
    disk, told = Disk(), []
    for i, (kind, offset, data) in enumerate(trace):
        if i in chosen:
            interrupted = [(offset, data)] if kind in b"WY" else []
            directory = scratch / f"loss-{i}"
            directory.mkdir(mode=0o700)
            (directory / "data.mdb").write_bytes(disk.after_power_loss(rng, interrupted))
            yield pieces.check(built[0], directory, b"".join(told)), len(told)
            for name in directory.iterdir():
                name.unlink()
        if kind == b"A":
            told.append(data)
        else:
            disk.apply(kind, offset, data)


def test_every_acknowledged_write_survives(built, tmp_path):
    done, trace = record(built, tmp_path)
    assert done.returncode == 0, done.stderr
    kinds = {kind for kind, _, _ in trace}
    assert {b"W", b"Y", b"S", b"A"} <= kinds, f"the recorder saw only {kinds}"
    most = 0
    for wrong, told in losses(built, tmp_path, trace, POINTS):
        assert wrong == "", f"after {told} acknowledged writes"
        most = max(most, told)
    assert most > 100, "no point came late enough to mean anything"


def test_without_syncs_it_fails(built, tmp_path):
    """The test can fail: a store that does not sync loses what it acknowledged."""
    done, trace = record(built, tmp_path, "no-sync")
    assert done.returncode == 0, done.stderr
    assert any(kind == b"A" for kind, _, _ in trace)
    assert any(wrong for wrong, _ in losses(built, tmp_path, trace, 10))


def test_without_the_last_sync_it_fails(built, tmp_path):
    """It is as sharp as it must be: one kind of sync left out, of pages or of the page that points at them, shows."""
    _, trace = record(built, tmp_path)
    pages_unsynced = [event for event in trace if event[0] != b"S"]
    root_unsynced = [(b"W" if kind == b"Y" else kind, offset, data) for kind, offset, data in trace]
    for weakened in (pages_unsynced, root_unsynced):
        scratch = tmp_path / str(len(list(tmp_path.iterdir())))
        scratch.mkdir()
        assert any(wrong for wrong, _ in losses(built, scratch, weakened, 40))


@pytest.mark.parametrize("fail_sync", [5, 30])
def test_a_failed_sync_ends_the_process(built, tmp_path, fail_sync):
    """It names the file and acknowledges nothing more; what was acknowledged is there at the next start."""
    done, trace = record(built, tmp_path, fail_sync=fail_sync)
    assert done.returncode == 1
    assert str(tmp_path / "data" / "data.mdb") in done.stderr.decode()
    assert len(done.stderr.decode().splitlines()) == 1, done.stderr
    assert pieces.check(built[0], tmp_path / "data", done.stdout) == ""
