# SPDX-License-Identifier: Apache-2.0
"""The package kubernetes of PyPI: python_client.py does with it what people do, a test for each of its checks."""
import os
import re
import tempfile
from pathlib import Path

import harness
import pytest

PROGRAM = Path(__file__).with_name("python_client.py")
CHECKS = re.findall(r"^def check_(\w+)\(", PROGRAM.read_text(), re.MULTILINE)
NAMESPACE = "python-client"


@pytest.fixture(scope="module")
def output(client, server):
    """What one run of all checks printed."""
    python = client("python")
    server.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    home = tempfile.mkdtemp(prefix="python.", dir=harness.SCRATCH)
    code, text = harness.run_to_end([python, "-P", str(PROGRAM), NAMESPACE], timeout=120, cwd=home,
                                    env={"PATH": os.environ["PATH"], "HOME": home, "KUBECONFIG": str(server.kubeconfig)})
    server.call("DELETE", f"/api/v1/namespaces/{NAMESPACE}")
    return text


@pytest.mark.parametrize("check", CHECKS)
def test_python_kubernetes(output, check):
    assert f"ok {check}\n" in output, "\n".join(line for line in output.splitlines() if not line.startswith("ok "))


def test_the_checks_are_found():
    assert len(CHECKS) >= 8 and "watch" in CHECKS
