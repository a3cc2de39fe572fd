# SPDX-License-Identifier: Apache-2.0
"""The unit of packaging/: what systemd-analyze says of it, and a life under a real systemd: start, reload, a crash, stop."""
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import harness
import pytest

UNIT = harness.ROOT / "packaging" / "coffer.service.in"
PROBE = """[Service]
Type=oneshot
ExecStart=/bin/bash /out/probe.sh
StandardOutput=file:/out/probe.log
StandardError=file:/out/probe.log
"""
SCRIPT = """
state() { systemctl show coffer -p ActiveState,SubState,Result,NRestarts --value | paste -sd' ' >"/out/$1"; }
get() { KUBECONFIG=/var/lib/coffer/admin.kubeconfig KUBECTL get secret a -o 'jsonpath={.data.x}' >"/out/$1"; }
finish() { journalctl -u coffer -o cat >/out/journal; systemctl poweroff --force --force; }
trap finish EXIT
systemctl start coffer || exit
state started
KUBECONFIG=/var/lib/coffer/admin.kubeconfig KUBECTL create secret generic a --from-literal=x=y
get first
main=$(systemctl show coffer -p MainPID --value)
cat "/proc/$main/status" >/out/status
cat "/proc/$main/limits" >/out/limits
stat -c '%a %n' /var/lib/coffer /etc/coffer /var/lib/coffer/* /etc/coffer/* >/out/modes
systemctl reload coffer && state reloaded
kill -KILL "$main"
for _ in $(seq 100); do
  [ "$(systemctl show coffer -p NRestarts,SubState --value | paste -sd' ')" != "1 running" ] || break
  sleep 0.1
done
state restarted
get again
systemctl stop coffer
state stopped
mkdir -p /etc/systemd/system/coffer.service.d
printf '[Service]\\nExecStart=\\nExecStart=/out/coffer serve --no-such-flag\\n' >/etc/systemd/system/coffer.service.d/wrong.conf
systemctl daemon-reload
systemctl start coffer
sleep 3
state wrong
"""


@pytest.fixture(scope="module")
def folder():
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd")
    made = Path(tempfile.mkdtemp(prefix="systemd.", dir=harness.SCRATCH))
    shutil.copyfile(harness.release_binary(), made / "coffer")
    (made / "coffer").chmod(0o755)
    return made


def write_unit(folder, program):
    (folder / "coffer.service").write_text(UNIT.read_text().replace("@bindir@/coffer", program))


def test_what_systemd_analyze_says(folder):
    write_unit(folder, str(folder / "coffer"))
    unit = str(folder / "coffer.service")
    code, said = harness.run_to_end(["systemd-analyze", "verify", "--man=no", unit])
    assert (code, said) == (0, "")
    code, said = harness.run_to_end(["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", unit])
    assert code == 0, said  # an exposure of at most 2.0 of 10


@pytest.fixture(scope="module")
def life(folder):
    """What the probe wrote, by file."""
    write_unit(folder, "/out/coffer")
    (folder / "probe.service").write_text(PROBE)
    kubectl = folder / "kubectl"
    shutil.copyfile(harness.kubectl_programs()[0], kubectl)
    kubectl.chmod(0o755)
    (folder / "probe.sh").write_text(SCRIPT.replace("KUBECTL", "/out/kubectl"))
    code, said = harness.run_to_end(["timeout", "-k", "5", "60", str(Path(__file__).with_name("systemd.sh")), str(folder)], timeout=90)
    if code == 77:
        pytest.skip(said)
    assert (folder / "journal").exists(), (code, said)
    kubectl.unlink()
    return {file.name: file.read_text() for file in folder.iterdir() if file.is_file() and file.name != "coffer"}


def test_a_life_under_systemd(life):
    log = life["probe.log"] + life["journal"]
    assert sorted(life["started"].split()) == ["0", "active", "running", "success"], log
    assert life["first"] == life["again"] == "eQ==", log
    assert "running" in life["reloaded"] and "reloading certificates" in life["journal"], log
    assert sorted(life["restarted"].split()) == ["1", "active", "running", "success"], log
    assert sorted(life["stopped"].split())[1:] == ["dead", "inactive", "success"], log


def test_who_is_told_nonsense_is_not_started_over_and_over(life):
    assert "failed" in life["wrong"] and "exit-code" in life["wrong"] and "0" in life["wrong"].split(), life["wrong"] + life["journal"]
    assert "no-such-flag" in life["journal"]


def test_what_the_process_may(life):
    status = dict(line.split(":\t", 1) for line in life["status"].splitlines() if ":\t" in line)
    for of in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[of], 16) == 0, of
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert re.search(r"Max core file size +0 +0 ", life["limits"])
    assert all(re.match(r"(700 /(var/lib|etc)/coffer|600 )", line) for line in life["modes"].splitlines()), life["modes"]
    warnings = [line for line in life["journal"].splitlines() if '"level":"warning"' in line or '"level":"error"' in line]
    assert len(warnings) == 1 and "made the unlock key" in warnings[0], warnings
