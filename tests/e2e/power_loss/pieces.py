# SPDX-License-Identifier: Apache-2.0
"""The crash writer and the recorder, as Meson built them beside the program under test (COFFER_BUILD names another build)."""
import os
import subprocess
from pathlib import Path

import harness

BUILD = Path(os.environ.get("COFFER_BUILD") or Path(harness.binary()).parents[2])
TARGETS = ["tests/unit/store/crash-writer", "tests/unit/store/power-loss-recorder.so"]


def build():
    subprocess.run(["ninja", "-C", str(BUILD), *TARGETS], check=True, stdout=subprocess.DEVNULL)
    return [str(BUILD / target) for target in TARGETS]


def check(writer, directory, acknowledged):
    """What the checker finds wrong with a store, given the lines that were told; "" when nothing."""
    done = subprocess.run([writer, "check", str(directory)], input=acknowledged, capture_output=True, timeout=120)
    return "" if done.returncode == 0 else done.stderr.decode(errors="replace") or f"status {done.returncode}"
