# SPDX-License-Identifier: Apache-2.0
"""After everything else: no log, error text, crash report or temporary file of any server holds a value that was stored."""
import errno
import os

import harness
import pytest

# What the clients of the tests wrote themselves.
CLIENTS_OWN = {"admin.key", "admin.crt"}


def left_behind():
    for folder, _, files in os.walk(harness.SCRATCH):
        parts = os.path.relpath(folder, harness.SCRATCH).split(os.sep)
        if parts[0].startswith("kubectl."):
            continue
        for file in files:
            path = os.path.join(folder, file)
            if file not in CLIENTS_OWN and os.path.isfile(path):
                yield path


def extents(file):
    """Where the file holds data: a store is a gigabyte of holes."""
    at = 0
    while True:
        try:
            at = os.lseek(file, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            raise
        end = os.lseek(file, at, os.SEEK_HOLE)
        yield at, end
        at = end


def search(path, pattern):
    with open(path, "rb", buffering=0) as file:
        for start, end in list(extents(file.fileno())):
            before = b""
            while start < end and (piece := os.pread(file.fileno(), min(end - start, 1 << 22), start)):
                if match := pattern.search(before + piece):
                    return match.group(0)
                start, before = start + len(piece), piece[-4096:]
    return None


@pytest.mark.last
def test_no_canary_left():
    assert len(harness.canaries()) >= int(os.environ.get("COFFER_CANARIES", "20")), "run with the others"
    pattern = harness.needles(harness.canaries())
    found = {path: match for path in left_behind() if (match := search(path, pattern))}
    assert not found, found


@pytest.mark.last
def test_search_can_fail(tmp_path):
    value = harness.canary("seen")
    pattern = harness.needles([value])
    for text in (value, harness.b64("x" + value), harness.b64("xy" + value), harness.b64(value), value.encode().hex(), harness.quote(value, safe="")):
        file = tmp_path / "log"
        file.write_text("a" * 5000 + text)
        assert search(file, pattern), text
