# SPDX-License-Identifier: Apache-2.0
"""The npm package @kubernetes/client-node: what test_node_client.mjs does with it, a test for each of its checks."""
import re
import subprocess
import tempfile
from pathlib import Path

import harness
import pytest

PROGRAM = Path(__file__).with_name("test_node_client.mjs")
CHECKS = re.findall(r"^  async (\w+)\(\) \{$", PROGRAM.read_text(), re.MULTILINE)
NAMESPACE = "node-client"


@pytest.fixture(scope="module")
def lines(client):
    """What one run of all checks printed. The server is its own: it is started anew while an informer watches."""
    packages = client("node")
    with harness.Server() as server:
        server.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        server.listen = f"127.0.0.1:{server.port}"
        home = tempfile.mkdtemp(prefix="node.", dir=harness.SCRATCH)
        process = subprocess.Popen(["node", str(PROGRAM), packages, NAMESPACE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   env={"PATH": harness.os.environ["PATH"], "HOME": home, "KUBECONFIG": str(server.kubeconfig)}, cwd=home, text=True)
        running = harness.Running(process)
        running.wait_line("restart\n", timeout=60)
        server.stop()
        server.start()
        process.stdin.write("go on\n")
        process.stdin.flush()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
        yield running.all_lines()


@pytest.mark.parametrize("check", CHECKS)
def test_client_node(lines, check):
    assert f"ok {check}\n" in lines, "".join(line for line in lines if not line.startswith("ok "))


def test_the_checks_are_found():
    assert len(CHECKS) >= 8 and "informer" in CHECKS
