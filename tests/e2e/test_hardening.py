# SPDX-License-Identifier: Apache-2.0
"""What a server that has started can no longer do, and what it answers to who tries keys."""
import os
import pwd
import signal
import ssl
import stat
import subprocess
from pathlib import Path

import harness
import pytest
from harness import SECRETS

root_only = pytest.mark.skipif(os.getuid() != 0, reason="becoming another user needs root")
BINARIES = {"sanitized": harness.binary, "release": harness.release_binary}


def states(server):
    """/proc/PID/status of each thread, as dictionaries."""
    for file in Path(f"/proc/{server.process.pid}/task").glob("*/status"):
        yield dict(line.split(":\t", 1) for line in file.read_text().splitlines() if ":\t" in line)


def work(server):
    """A bit of everything: reads, writes, controllers, statistics, certificates."""
    made = server.call("POST", SECRETS, harness.secret("s", {"a": "v"}))
    assert server.call("GET", f"{SECRETS}/s") == made
    server.call("POST", "/api/v1/namespaces", {"metadata": {"name": "other"}})
    harness.await_furniture(server, "other")
    assert server.metric("process_resident_memory_bytes") > 0
    server.process.send_signal(signal.SIGHUP)
    harness.poll(lambda: any("RELOADING=1" in text for text in server.notified()), "the beginning of a reload")
    harness.poll(lambda: server.notified()[-1].startswith("READY=1"), "the end of the reload")
    assert "cannot" not in server.output()


def check_threads(server, bounding=True):
    names = set()
    for state in states(server):
        names.add(state["Name"])
        assert state["Seccomp"] == "2" and state["NoNewPrivs"] == "1", state
        for which in ("CapInh", "CapPrm", "CapEff", "CapAmb", *(["CapBnd"] if bounding else [])):
            assert int(state[which], 16) == 0, (which, state)
    assert {"coffer", "commit", "control"} <= names


@pytest.mark.parametrize("build", BINARIES)
def test_sandbox_of_every_thread(start, build):
    server = start(program=BINARIES[build]())
    work(server)
    check_threads(server, bounding=os.getuid() == 0)
    assert "Landlock" not in server.output(), "this kernel has it, or the test can say nothing"


@pytest.mark.parametrize("build", BINARIES)
def test_not_dumpable(start, build):
    """/proc shows the files of who is not dumpable as root's, and to root alone."""
    server = start(program=BINARIES[build]())
    nobody = pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else None
    done = subprocess.run(["cat", f"/proc/{server.process.pid}/environ"], capture_output=True, user=nobody, check=False)
    assert done.returncode != 0 and done.stdout == b""


def as_nobody(**more):
    """A server in a directory of the user nobody, started by root."""
    server = harness.Server(flags=["--user", "nobody", *more.pop("flags", [])], **more)
    nobody = pwd.getpwnam("nobody")
    for folder in (harness.SCRATCH, server.home):
        os.chmod(folder, 0o755)
    os.chown(server.home, nobody.pw_uid, nobody.pw_gid)
    return server, nobody


@root_only
@pytest.mark.parametrize("build", BINARIES)
def test_another_user(build):
    server, nobody = as_nobody(program=BINARIES[build]())
    with server:
        work(server)
        check_threads(server)
        for state in states(server):
            assert set(state["Uid"].split()) == {str(nobody.pw_uid)} and set(state["Gid"].split()) == {str(nobody.pw_gid)}
        for file in [server.unlock, server.directory, *server.directory.iterdir()]:
            assert file.stat().st_uid == nobody.pw_uid, file
        assert stat.S_IMODE(server.directory.stat().st_mode) == 0o700
    with server.start():
        assert server.request("GET", f"{SECRETS}/s").status == 200


@root_only
def test_root_without_a_capability(start):
    """As the systemd unit starts it."""
    server = start(prefix=["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"], program=harness.release_binary())
    work(server)
    check_threads(server)


@root_only
def test_a_low_port_is_taken_before(tmp_path):
    """By who may; nobody's process then serves it."""
    server, _ = as_nobody(listen="127.0.0.1:843")
    try:
        server.start()
    except harness.StartFailed as failed:
        assert "another program does already" in failed.output
        pytest.skip("port 843 is taken")
    assert server.request("GET", "/readyz").status == 200 and server.port == 843
    server.stop()


def refused(flags, **more):
    server = harness.Server(flags=flags, **more)
    with pytest.raises(harness.StartFailed) as failed:
        server.start()
    server.check_output()
    assert not server.directory.exists()
    return failed.value.output


def test_user_that_cannot_be():
    assert "there is no such user" in refused(["--user", "no-such-user-here"])


@root_only
def test_user_that_only_root_can_become():
    server, nobody = as_nobody()
    server.flags = ["--user", "root"]
    done = subprocess.run(server.command(), capture_output=True, text=True, timeout=60, user=nobody.pw_uid, group=nobody.pw_gid,
                          env={"HOME": str(server.home)}, cwd=server.home, check=False)
    assert done.returncode == 1 and "only root can become another user" in done.stderr


@root_only
def test_files_are_opened_by_who_reads_them_later():
    """What only root could read is refused at start, not first by a reload."""
    server, _ = as_nobody()
    ca = server.home / "ca.pem"
    with harness.Server() as other:
        ca.write_text(ssl.get_server_certificate(other.address))
    ca.chmod(0o600)
    server.flags += ["--client-ca-file", str(ca)]
    with pytest.raises(harness.StartFailed) as failed:
        server.start()
    assert str(ca) in failed.value.output and "Permission denied" in failed.value.output


def certificate(folder, suffix):
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=x",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / f"tls{suffix}.key", "-out", folder / f"tls{suffix}.crt"],
                   check=True, capture_output=True)


def relink(link, target):
    fresh = link.with_name("fresh")
    fresh.symlink_to(target)
    fresh.replace(link)


def renamed(base, version):
    """As most tools do it: a new file over the old one."""
    certificate(base / "new", "")
    for name in ("tls.crt", "tls.key"):
        (base / "live").mkdir(exist_ok=True)
        (base / "new" / name).replace(base / "live" / name)


def certbot(base, version):
    """A link into a directory where each version has a name of its own."""
    certificate(base / "archive", version)
    (base / "live").mkdir(exist_ok=True)
    for end in ("crt", "key"):
        relink(base / "live" / f"tls.{end}", f"../archive/tls{version}.{end}")


def projected(base, version):
    """As the kubelet does it: a directory for each version, and one link that tells which."""
    certificate(base / "live" / f"..{version}", "")
    relink(base / "live" / "..data", f"..{version}")
    for name in ("tls.crt", "tls.key"):
        relink(base / "live" / name, f"..data/{name}")


@pytest.mark.parametrize("build", BINARIES)
@pytest.mark.parametrize("replace", [renamed, certbot, projected])
def test_replaced_files_are_read_again(start, tmp_path, build, replace):
    replace(tmp_path, 1)
    server = start(program=BINARIES[build](), flags=["--tls-cert-file", f"{tmp_path}/live/tls.crt", "--tls-private-key-file", f"{tmp_path}/live/tls.key"])
    for version in (2, 3):
        replace(tmp_path, version)
        server.process.send_signal(signal.SIGHUP)
        wanted = (tmp_path / "live" / "tls.crt").read_text()
        harness.poll(lambda: ssl.get_server_certificate(server.address) == wanted, "the new certificate")


def test_without_the_sandbox_it_warns(start):
    server = start(flags=["--no-sandbox"])
    assert all(state["Seccomp"] == "0" and state["NoNewPrivs"] == "1" for state in states(server))
    assert "--no-sandbox: system calls and access to files are not restricted" in server.output()


def test_no_debug_endpoints(server):
    for path in ("/debug", "/debug/", "/debug/pprof", "/debug/pprof/heap", "/debug/pprof/profile?seconds=1", "/debug/flags/v"):
        answer = server.request("GET", path)
        assert answer.status == 404, (path, answer)
        assert server.request("GET", path, client="none").status == 401
