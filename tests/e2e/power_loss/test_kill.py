# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at random points under concurrent writes, again and again on one store, with compaction going on: every write that was
acknowledged is there, none half, and revisions go on where they were."""
import os
import random
import subprocess

import pieces

ROUNDS = 500 if os.environ.get("COFFER_LONG") else 10


def test_killed_at_random_points(tmp_path):
    writer, _ = pieces.build()
    rng = random.Random(int(os.environ.get("COFFER_SEED") or 20261121))
    acknowledged, last = [], 0
    for round_number in range(ROUNDS):
        with subprocess.Popen([writer, "write", str(tmp_path / "data"), str(round_number), "1000000"], stdout=subprocess.PIPE) as process:
            wanted = rng.randrange(1, 400)
            lines = []
            for line in process.stdout:
                lines.append(line)
                if len(lines) == wanted:
                    process.kill()
            assert process.wait() == -9
        if lines and not lines[-1].endswith(b"\n"):
            lines.pop()
        first = min(int(line.split()[0]) for line in lines)
        assert first > last, "revisions went back"
        acknowledged += lines
        last = max(int(line.split()[0]) for line in lines)
        assert pieces.check(writer, tmp_path / "data", b"".join(acknowledged)) == "", f"round {round_number}"
        last += 1  # the checker's own write
