# SPDX-License-Identifier: Apache-2.0
"""`coffer serve` as a process: its files, refusals, signals, and who may talk to it."""
import json
import os
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
from pathlib import Path

import harness
import pytest
import wire
from harness import SECRETS


def refusal(server):
    """The sentence of a server that must not start."""
    with pytest.raises(harness.StartFailed) as failed:
        server.start()
    server.check_output()
    assert failed.value.code not in (0, 99) and failed.value.code > 0
    return failed.value.output


# ---- the first start

def test_first_start_makes_what_is_needed(start):
    server = start()
    mode = stat.S_IMODE(os.stat(server.kubeconfig).st_mode)
    assert mode == 0o600
    assert stat.S_IMODE(os.stat(server.unlock).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(server.directory).st_mode) == 0o700
    assert "back" in server.output() and str(server.unlock) in server.output(), "the first start says what must be backed up"
    assert f"KUBECONFIG={server.kubeconfig}" in server.output() or str(server.kubeconfig) in server.output()


def test_private_keys_lie_encrypted(start):
    server = start()
    admin_key = server.home.joinpath("admin.key").read_bytes()
    for file in server.directory.iterdir():
        if file == server.kubeconfig:
            continue
        content = file.read_bytes()
        assert b"PRIVATE KEY" not in content, file
        for form in harness.forms(admin_key.split(b"\n")[1]):
            assert form not in content, file


def test_start_is_fast(start):
    first = harness.Server(program=harness.release_binary())
    with first:
        pass
    started = harness.time.monotonic()
    with first.start():
        assert harness.time.monotonic() - started < 1.0


def test_stored_values_are_ciphertext(start):
    server = start()
    value = harness.canary("stored")
    server.call("POST", SECRETS, harness.secret("s", {"a": value}, metadata={"labels": {"marker-label": "marker-in-metadata"}}))
    content = b"".join(file.read_bytes() for file in server.directory.glob("*.mdb"))
    assert b"k8s:enc:kms:v2:coffer:" in content
    for form in harness.forms(value) + harness.forms("marker-in-metadata"):
        assert form not in content


def test_data_lives_through_a_restart(start):
    server = start()
    made = server.call("POST", SECRETS, harness.secret("s", {"a": "b"}))
    kubeconfig = server.kubeconfig.read_text()
    server.stop()
    server.listen = f"127.0.0.1:{server.port}"
    server.start()
    assert server.call("GET", f"{SECRETS}/s") == made
    assert server.kubeconfig.read_text() == kubeconfig, "it is written anew only when it no longer fits"


# ---- refusals

def test_second_server_on_the_same_port(start):
    server = start()
    output = refusal(harness.Server(listen=f"127.0.0.1:{server.port}"))
    assert str(server.port) in output and "127.0.0.1" in output


def test_second_server_on_the_same_directory(start):
    server = start()
    second = harness.Server(directory=server.directory)
    assert str(server.directory) in refusal(second)
    assert server.request("GET", "/readyz").status == 200


@pytest.mark.parametrize("what", ["missing", "wrong", "garbage", "empty", "readable by others"])
def test_unlock_key(start, what):
    server = start()
    server.call("POST", SECRETS, harness.secret("s", {"a": "b"}))
    server.stop()
    kept = server.unlock.read_bytes()
    other = start()
    {"missing": lambda: server.unlock.unlink(),
     "wrong": lambda: shutil.copyfile(other.unlock, server.unlock),
     "garbage": lambda: server.unlock.write_bytes(os.urandom(200)),
     "empty": lambda: server.unlock.write_bytes(b""),
     "readable by others": lambda: server.unlock.chmod(0o644)}[what]()
    output = refusal(server)
    assert str(server.unlock) in output
    if what == "missing":
        assert not server.unlock.exists(), "a key is made only when the data directory is empty"
    server.unlock.write_bytes(kept)
    server.unlock.chmod(0o600)
    server.start()
    assert server.call("GET", f"{SECRETS}/s")["data"] == {"a": "Yg=="}


def test_read_only_directory():
    if os.getuid() != 0:
        pytest.skip("mounting a read-only file system needs root")
    server = harness.Server()
    with server:
        pass
    mount = server.home / "mount"
    mount.mkdir()
    subprocess.run(["mount", "--bind", str(server.directory), str(mount)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(mount)], check=True)
        second = harness.Server(directory=mount)
        shutil.copyfile(server.unlock, second.unlock)
        second.unlock.chmod(0o600)
        assert str(mount) in refusal(second)
    finally:
        subprocess.run(["umount", str(mount)], check=True)


@pytest.mark.parametrize("flags", [["--listen", "nonsense"], ["--unlock", "nonsense"], ["--tls-cert-file", "/nonexistent"],
                                   ["--memory-limit", "1"], ["--store-limit", "many"], ["--log-level", "loud"], ["--no-such-flag"]])
def test_wrong_flags(flags):
    assert flags[0].lstrip("-") in refusal(harness.Server(flags=flags))


# ---- who may talk

def test_without_certificate_is_401(server):
    for path in ("/api/v1/secrets", "/readyz", "/version", "/metrics", "/"):
        answer = server.request("GET", path, client="none")
        assert answer.status == 401 and answer.json()["reason"] == "Unauthorized", path


def test_anonymous_health(start):
    server = start(flags=["--anonymous-health"])
    assert server.request("GET", "/livez", client="none").body == b"ok"
    assert server.request("GET", "/readyz", client="none").body == b"ok"
    for path in ("/readyz?verbose", "/livez/ping", "/healthz", "/version", SECRETS):
        assert server.request("GET", path, client="none").status == 401, path


def foreign_certificate(folder, name="foreign"):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                    "/O=system:masters/CN=admin", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", str(folder / f"{name}.key"),
                    "-out", str(folder / f"{name}.crt")], check=True, capture_output=True)
    return folder / f"{name}.crt", folder / f"{name}.key"


def test_foreign_client_certificate_is_refused(server):
    certificate, key = foreign_certificate(server.home)
    context = ssl.create_default_context(cadata=None)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(certificate, key)
    for _ in range(2):  # a resumed session is no better
        with wire.Connection(server.address, context) as connection:
            assert connection.request("GET", SECRETS).status == 401


def test_client_ca_file(start, tmp_path):
    certificate, key = foreign_certificate(tmp_path)
    server = start(flags=["--client-ca-file", str(certificate)])
    server.contexts["none"].load_cert_chain(certificate, key)
    assert server.request("GET", SECRETS, client="none").status == 200


def test_client_ca_file_without_a_certificate(tmp_path):
    (tmp_path / "empty.pem").write_text("")
    assert "empty.pem holds no certificate" in refusal(harness.Server(flags=["--client-ca-file", str(tmp_path / "empty.pem")]))


def test_own_serving_certificate_and_reload(start, tmp_path):
    """--tls-cert-file is served; SIGHUP takes the new one; running connections live on."""
    certificate, key = foreign_certificate(tmp_path)
    server = start(flags=["--tls-cert-file", str(certificate), "--tls-private-key-file", str(key)])

    def served():
        return ssl.get_server_certificate(server.address)

    assert served() == certificate.read_text()
    context = ssl.create_default_context(cafile=str(certificate))
    context.load_cert_chain(server.home / "admin.crt", server.home / "admin.key")
    with wire.Connection(server.address, context) as connection:
        assert connection.request("GET", "/readyz").status == 200
        other, other_key = foreign_certificate(tmp_path, "second")
        shutil.copyfile(other, certificate)
        shutil.copyfile(other_key, key)
        server.process.send_signal(signal.SIGHUP)
        harness.poll(lambda: served() == other.read_text(), "the new certificate")
        assert connection.request("GET", "/readyz").status == 200


def test_reload_of_broken_certificate_keeps_the_old(start, tmp_path):
    certificate, key = foreign_certificate(tmp_path)
    server = start(flags=["--tls-cert-file", str(certificate), "--tls-private-key-file", str(key)])
    before = ssl.get_server_certificate(server.address)
    certificate.write_text("nonsense")
    server.process.send_signal(signal.SIGHUP)
    harness.poll(lambda: str(certificate) in server.output(), "a log line that names the file")
    assert ssl.get_server_certificate(server.address) == before


def test_certificates_renew_while_running(start):
    server = start(flags=["--certificate-lifetime", "6s"])
    first, config = ssl.get_server_certificate(server.address), server.kubeconfig.read_text()
    harness.poll(lambda: ssl.get_server_certificate(server.address) != first, "a renewed serving certificate")
    harness.poll(lambda: server.kubeconfig.read_text() != config, "a renewed admin.kubeconfig")
    server._read_kubeconfig()
    assert server.request("GET", "/readyz").status == 200


def test_a_certificate_ends_on_open_connections_too(start):
    server = start(flags=["--certificate-lifetime", "4s"])
    with server.connect() as connection:
        assert connection.request("GET", "/readyz").status == 200

        def ended():
            try:
                return connection.request("GET", "/readyz").status == 401
            except (wire.Closed, OSError):  # the look at the files was sooner than the next request
                return True
        harness.poll(ended, "401 after the certificate's end")


def test_tls_san(start):
    server = start(flags=["--tls-san", "coffer.example.com", "--tls-san", "10.1.2.3"])
    text = subprocess.run(["openssl", "x509", "-noout", "-text"], input=ssl.get_server_certificate(server.address), text=True, capture_output=True,
                          check=True).stdout
    assert "DNS:coffer.example.com" in text and "IP Address:10.1.2.3" in text and "IP Address:127.0.0.1" in text


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_versions_and_resumption(server, version):
    context = server.contexts["admin"]
    plain = ssl.create_default_context(cadata="".join(ssl.DER_cert_to_PEM_cert(c) for c in context.get_ca_certs(binary_form=True)))
    plain.load_cert_chain(server.home / "admin.crt", server.home / "admin.key")
    plain.minimum_version = plain.maximum_version = version
    with wire.Connection(server.address, plain) as first:
        assert first.request("GET", "/readyz").status == 200
        session = first.socket.session
    raw = socket.create_connection(server.address, timeout=wire.TIMEOUT)
    with plain.wrap_socket(raw, server_hostname="127.0.0.1", session=session) as resumed:
        assert resumed.session_reused
        resumed.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert resumed.recv(15) == b"HTTP/1.1 200 OK"


def test_old_tls_is_refused(server):
    done = subprocess.run(["openssl", "s_client", "-connect", "%s:%d" % server.address, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], input=b"",
                          capture_output=True, timeout=30, check=False)
    assert done.returncode != 0


def test_closed_standard_descriptors(start):
    """What would go to them must not go into the store."""
    server = start(prefix=["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"])
    assert {os.readlink(f"/proc/{server.process.pid}/fd/{fd}") for fd in range(3)} == {"/dev/null"}
    assert server.request("GET", "/readyz").status == 200


# ---- signals, logs, health

def test_sigterm_drains_with_a_running_watch(start):
    server = start()
    with server.watch(f"{SECRETS}?watch=true") as watch:
        server.call("POST", SECRETS, harness.secret("s", {"a": "b"}))
        assert watch.next()["object"]["metadata"]["name"] == "s"
        server.process.send_signal(signal.SIGTERM)
        assert watch.rest() == [], "the stream ends in good order"
    server.stop()


def test_sigterm_lets_a_request_finish(start):
    server = start()
    body = json.dumps(harness.secret("s", {"a": "b"})).encode()
    with server.connect() as connection:
        head = f"POST {SECRETS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.send_raw(head.encode() + body[:10])
        assert server.request("GET", "/readyz").status == 200  # so the head has been read
        server.process.send_signal(signal.SIGTERM)
        connection.send_raw(body[10:])
        assert connection.answer().status == 201
    server.stop()


def test_sigterm_ends_idle_connections(start):
    server = start()
    with server.connect() as connection:
        assert connection.request("GET", "/readyz").status == 200
        server.process.send_signal(signal.SIGTERM)
        assert connection.ended()
    server.stop()


@pytest.mark.parametrize("form", ["json", "text"])
def test_log_format(start, form):
    server = start(flags=["--log-format", form])
    server.request("GET", "/readyz")
    server.stop()
    lines = [line for line in server.output().splitlines() if line.startswith("{")]
    if form == "text":
        assert not lines
    else:
        assert lines
        for line in lines:
            json.loads(line)


def test_metrics(server):
    answer = server.request("GET", "/metrics")
    assert answer.status == 200 and answer.header("Content-Type").startswith("text/plain; version=0.0.4")
    for line in answer.body.decode().splitlines():
        assert line.startswith("# ") or re.fullmatch(r'[a-zA-Z_:][\w:]*(\{[^}]*\})? [-+0-9.eEInfNa]+', line), line


def test_no_core_dumps(start):
    server = start(program=harness.release_binary())
    limits = Path(f"/proc/{server.process.pid}/limits").read_text()
    row = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert row.split()[4:6] == ["0", "0"]


def test_notify_protocol(start):
    """READY=1 is what start() waits for; a reload and the end are announced too."""
    server = start()
    said = server.notified
    server.process.send_signal(signal.SIGHUP)
    harness.poll(lambda: any("RELOADING=1" in text for text in said()), "RELOADING=1")
    harness.poll(lambda: said()[-1].startswith("READY=1"), "READY=1 after the reload")
    server.process.send_signal(signal.SIGTERM)
    harness.poll(lambda: any("STOPPING=1" in text for text in said()), "STOPPING=1")


def ageless(answer):
    """A Table without the last column, which a second may change."""
    for row in answer.get("rows", []):
        row["cells"].pop()
    return answer


@pytest.mark.parametrize("form", ["", ";as=Table;g=meta.k8s.io;v=v1", ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1"])
def test_a_write_shows_what_was_written(server, namespace, form):
    """Also where an object's own text looks like a revision that is not known yet."""
    path, unknown = f"/api/v1/namespaces/{namespace}/secrets", str(2 ** 64 - 1)
    accept = [("Accept", "application/json" + form)]
    for include in ("None", "Metadata", "Object"):
        for pretty in ("", "&pretty=1"):
            query = f"?includeObject={include}{pretty}"
            body = harness.secret("s", None, metadata={name: {"resourceVersion": unknown} for name in ("labels", "annotations")})
            body["data"] = {"resourceVersion": unknown}  # base64, as it happens
            for method, at, more in (("POST", "", {}), ("PUT", "/s", {"more": "YQ=="}), ("PUT", "/s", {})):
                body["data"].update(more)
                written = server.request(method, path + at + query, body, headers=accept)
                assert ageless(written.json()) == ageless(server.call("GET", f"{path}/s{query}", headers=accept)), (method, query)
            server.call("DELETE", f"{path}/s")
