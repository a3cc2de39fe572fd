# SPDX-License-Identifier: Apache-2.0
"""Client certificates that are withdrawn: by a list, by themselves, by their CA, by their end. And what TLS is spoken."""
import base64
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import harness
import pytest
import wire
from authority import Authority, context, stamp
from harness import SECRETS

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
ANNOUNCED = "/api/v1/namespaces?watch=true"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "ca")


@pytest.fixture
def serve(start, authority, tmp_path):
    """A server that trusts the authority, with the list that the authority wrote last."""
    shutil.copyfile(authority.write_list(), tmp_path / "crl.pem")
    return start(flags=["--client-ca-file", str(authority.pem), "--client-crl-file", str(tmp_path / "crl.pem")])


def reload(server):
    """SIGHUP, until it is done."""
    def done():
        return sum(text.startswith("READY=1") for text in server.notified())
    before = done()
    server.process.send_signal(signal.SIGHUP)
    harness.poll(lambda: done() > before, "the end of the reload")


def status(server, pair, version=None):
    with wire.Connection(server.address, context(server, pair, version)) as connection:
        return connection.request("GET", SECRETS).status


def open_watch(server, pair):
    watch = wire.Watch(wire.Connection(server.address, context(server, pair)), ANNOUNCED)
    assert watch.next()["type"] == "ADDED"
    return watch


def test_a_revoked_certificate_is_refused_and_its_connections_end(serve, authority):
    gone, stays = authority.client("gone"), authority.client("stays")
    assert status(serve, gone) == status(serve, stays) == 200
    ends, goes_on = open_watch(serve, gone), open_watch(serve, stays)
    idle = wire.Connection(serve.address, context(serve, gone))
    assert idle.request("GET", SECRETS).status == 200
    http2 = subprocess.Popen(["curl", "-sN", "--http2", "--insecure", "--cert", str(gone[0]), "--key", str(gone[1]),
                              "https://%s:%d%s" % (*serve.address, ANNOUNCED)], stdout=subprocess.PIPE)
    assert b"ADDED" in http2.stdout.readline()

    authority.revoke(gone[0])
    shutil.copyfile(authority.write_list(), authority.folder.parent / "crl.pem")
    reload(serve)

    ends.rest()
    http2.stdout.read()
    assert http2.wait(30) == 0, "the stream ends in good order"
    with pytest.raises((wire.Closed, OSError)):
        assert idle.request("GET", SECRETS).status == 401
        idle.request("GET", SECRETS)
    assert status(serve, gone) == 401 and status(serve, stays) == 200
    serve.call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "later"}})
    goes_on.until(lambda event: event["object"]["metadata"]["name"] == "later")
    goes_on.connection.close()
    idle.close()


def test_a_request_after_the_reload_is_refused_although_its_connection_lives(serve, authority):
    """Its body is still under way: the answer is the old identity's, the next request nobody's."""
    gone = authority.client("gone")
    body = b'{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"begun"}}'
    with wire.Connection(serve.address, context(serve, gone)) as connection:
        connection.send_raw(b"POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
        connection.send_raw(body[:10])
        assert serve.request("GET", "/readyz").status == 200
        authority.revoke(gone[0])
        shutil.copyfile(authority.write_list(), authority.folder.parent / "crl.pem")
        reload(serve)
        connection.send_raw(body[10:])
        answer = connection.answer()
        assert answer.status == 201 and answer.header("connection") == "close"


def test_a_certificate_in_the_list_is_revoked_itself(start, tmp_path):
    """The own CA keeps no list: whom it let in is named by the certificate."""
    server = start()
    server.stop()
    revoked = tmp_path / "revoked.pem"
    shutil.copyfile(server.home / "admin.crt", revoked)
    again = start(server.directory, flags=["--client-crl-file", str(revoked)])
    pair = (server.home / "admin.crt", server.home / "admin.key")
    assert status(again, pair) == 401


@pytest.mark.parametrize("version", VERSIONS)
def test_a_resumed_session_of_a_revoked_certificate_is_nobodys(serve, authority, version):
    gone = authority.client("gone")
    client = context(serve, gone, version)
    with wire.Connection(serve.address, client) as first:
        assert first.request("GET", SECRETS).status == 200
        session = first.socket.session
    authority.revoke(gone[0])
    shutil.copyfile(authority.write_list(), authority.folder.parent / "crl.pem")
    reload(serve)
    assert resume(serve, client, session) in (401, None)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_resumed_session_of_a_certificate_that_ended_is_nobodys(serve, authority, version):
    short = authority.client("short", end=4)
    client = context(serve, short, version)
    with wire.Connection(serve.address, client) as first:
        assert first.request("GET", SECRETS).status == 200
        session = first.socket.session
        assert resume(serve, client, session) == 200
        harness.poll(lambda: first.request("GET", SECRETS).status == 401, "401 when the certificate has ended")
    assert resume(serve, client, session) in (401, None)


def resume(server, client, session):
    """The status of a request on a resumed session; None: there was no such connection."""
    raw = socket.create_connection(server.address, timeout=wire.TIMEOUT)
    try:
        with client.wrap_socket(raw, server_hostname=server.address[0], session=session) as resumed:
            resumed.sendall(f"GET {SECRETS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            line = resumed.recv(12)
            return int(line[9:12]) if line else None
    except OSError:
        return None


@pytest.mark.parametrize("version", VERSIONS)
def test_a_chain_is_judged_again_in_full(start, authority, tmp_path, version):
    """Through resumptions and reloads, until the CA in the middle is revoked."""
    middle = authority.below(tmp_path / "middle", "middle")
    certificate, key = middle.client("jane")
    certificate.write_text(certificate.read_text() + middle.pem.read_text())
    revoked = tmp_path / "crl.pem"
    revoked.write_text(middle.client("another")[0].read_text())
    server = start(flags=["--client-ca-file", str(authority.pem), "--client-crl-file", str(revoked)])
    client = context(server, (certificate, key), version)
    with wire.Connection(server.address, client) as first:
        assert first.request("GET", SECRETS).status == 200
        session = first.socket.session
        assert [resume(server, client, session) for _ in range(3)] == [200, 200, 200]
        watch = open_watch(server, (certificate, key))
        with client.wrap_socket(socket.create_connection(server.address, timeout=wire.TIMEOUT), server_hostname=server.address[0], session=session) as resumed:
            assert resumed.session_reused
            reload(server)
            resumed.sendall(f"GET {SECRETS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            assert resumed.recv(12) == b"HTTP/1.1 200"
        assert first.request("GET", SECRETS).status == 200
        revoked.write_text(middle.pem.read_text())
        reload(server)
        watch.rest()
    assert status(server, (certificate, key)) == 401


def test_a_watch_ends_with_its_certificate(serve, authority):
    begun = harness.time.monotonic()
    watch = open_watch(serve, authority.client("short", end=4))
    watch.rest()
    assert harness.time.monotonic() - begun < 20


def test_a_ca_that_is_taken_away_takes_its_connections(start, tmp_path):
    first, second = Authority(tmp_path / "first", "first"), Authority(tmp_path / "second", "second")
    trusted = tmp_path / "trusted.pem"
    trusted.write_text(first.pem.read_text() + second.pem.read_text())
    server = start(flags=["--client-ca-file", str(trusted)])
    gone, stays = first.client("a"), second.client("b")
    ends, goes_on = open_watch(server, gone), open_watch(server, stays)
    trusted.write_text(second.pem.read_text())
    reload(server)
    ends.rest()
    assert status(server, gone) == 401 and status(server, stays) == 200
    server.call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "later"}})
    goes_on.until(lambda event: event["object"]["metadata"]["name"] == "later")
    goes_on.connection.close()


def test_a_list_that_takes_the_place_of_the_old_one(serve, authority, tmp_path):
    """As programs that renew lists write them: another file, renamed; what confines the server must let it read that too."""
    gone = authority.client("gone")
    authority.revoke(gone[0])
    os.replace(authority.write_list(), tmp_path / "crl.pem")
    reload(serve)
    assert status(serve, gone) == 401


def test_many_connections_are_judged(serve, authority):
    gone = authority.client("gone")
    watches = [open_watch(serve, gone) for _ in range(40)]
    authority.revoke(gone[0])
    shutil.copyfile(authority.write_list(), authority.folder.parent / "crl.pem")
    reload(serve)
    threads = [threading.Thread(target=watch.rest) for watch in watches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def test_an_overdue_list_still_revokes_and_locks_nobody_out(start, authority, tmp_path):
    gone, stays = authority.client("gone"), authority.client("stays")
    authority.revoke(gone[0])
    overdue = authority.write_list("-crl_lastupdate", stamp(-7200), "-crl_nextupdate", stamp(-3600))
    server = start(flags=["--client-ca-file", str(authority.pem), "--client-crl-file", str(overdue)])
    assert status(server, gone) == 401 and status(server, stays) == 200
    assert server.request("GET", SECRETS).status == 200, "the own CA has no list"


def test_a_list_that_the_ca_did_not_sign_locks_its_clients_out(start, authority, tmp_path):
    """A list whose signature is wrong says nothing that can be trusted, so who it speaks of is not either."""
    impostor = Authority(tmp_path / "impostor")
    server = start(flags=["--client-ca-file", str(authority.pem), "--client-crl-file", str(impostor.write_list())])
    assert status(server, authority.client("a")) == 401
    assert server.request("GET", SECRETS).status == 200


@pytest.mark.parametrize("content", ["", "# nobody yet\n", "nonsense"])
def test_an_empty_file_is_no_list_and_the_way_out_works(tmp_path, content):
    """What a failed write leaves would else let in all whom the old list kept out. The refusal's command makes a list of nobody."""
    path = tmp_path / "list.pem"
    path.write_text(content)
    server = harness.Server(flags=["--client-crl-file", str(path)])
    with pytest.raises(harness.StartFailed) as failed:
        server.start()
    assert f"{path} holds no X509 CRL and no CERTIFICATE in PEM" in failed.value.output
    command = re.search(r"openssl req .* -out \S+?(?=[\s\"]|$)", failed.value.output, re.M).group(0).split()
    subprocess.run(command, check=True, capture_output=True)
    with harness.Server(flags=server.flags) as server:
        assert server.request("GET", SECRETS).status == 200
        path.write_text(content)
        server.process.send_signal(signal.SIGHUP)
        harness.poll(lambda: server.output().count("holds no X509 CRL") > 0, "the log says that the file is no list")
        assert server.request("GET", SECRETS).status == 200


def test_a_certificate_of_the_own_ca_is_revoked_as_the_docs_say(start, tmp_path):
    """From a list of nobody: the request's certificate behind it, and a SIGHUP; nobody else is touched."""
    path = tmp_path / "revoked.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=nobody", "-out", str(path)],
                   check=True, capture_output=True)
    server = start(flags=["--client-crl-file", str(path)])
    kubectl = harness.Kubectl(harness.kubectl_programs()[0], server)
    files = [tmp_path / name for name in ("jane", "joe")]
    for file in files:
        subprocess.run([harness.binary(), "cert", "issue", "--user", file.name, "--out", str(file), "--kubeconfig", str(server.kubeconfig)],
                       check=True, capture_output=True, timeout=60)
    listed = subprocess.run([harness.binary(), "cert", "list", "--kubeconfig", str(server.kubeconfig)], check=True, capture_output=True, text=True, timeout=60)
    name = next(line.split()[0] for line in listed.stdout.splitlines() if line.split()[1] == "jane")
    assert all("forbidden" in kubectl.refused("--kubeconfig", str(file), "get", "secrets").lower() for file in files)
    with open(path, "ab") as revoked:
        revoked.write(base64.b64decode(kubectl.out("get", "csr", name, "-o", "jsonpath={.status.certificate}")))
    reload(server)
    assert "forbidden" in kubectl.refused("--kubeconfig", str(files[1]), "get", "secrets").lower()
    assert re.search("unauthorized|logged in", kubectl.refused("--kubeconfig", str(files[0]), "get", "secrets").lower())


@pytest.mark.parametrize("content", ["-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"])
def test_what_is_no_list_is_refused(tmp_path, content):
    path = tmp_path / "no-list.pem"
    path.write_text(content)
    server = harness.Server(flags=["--client-crl-file", str(path)])
    with pytest.raises(harness.StartFailed) as failed:
        server.start()
    assert "no-list.pem" in failed.value.output and failed.value.code == 1


@pytest.mark.parametrize("mode, good", [(0o600, True), (0o400, True), (0o640, True), (0o440, True), (0o644, False), (0o660, False), (0o604, False)])
def test_the_mode_of_a_key_file(start, authority, tmp_path, mode, good):
    certificate, key = authority.client("server")
    os.chmod(key, mode)
    flags = ["--tls-cert-file", str(certificate), "--tls-private-key-file", str(key)]
    if good:
        start(flags=flags)
        return
    with pytest.raises(harness.StartFailed) as failed:
        harness.Server(flags=flags).start()
    assert f"{key} may be read or changed by others (mode {mode:04o})" in failed.value.output


# ---- forward secrecy

def s_client(server, *arguments, data=b""):
    done = subprocess.run(["openssl", "s_client", "-connect", "%s:%d" % server.address, *arguments], input=data, capture_output=True, timeout=30)
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


@pytest.mark.parametrize("suite, good", [
    ("ECDHE-ECDSA-AES128-GCM-SHA256", True), ("ECDHE-ECDSA-AES256-GCM-SHA384", True), ("ECDHE-ECDSA-CHACHA20-POLY1305", True),
    ("ECDHE-ECDSA-AES128-SHA256", False), ("ECDHE-ECDSA-AES128-SHA", False), ("AES128-GCM-SHA256", False), ("AES256-SHA", False),
    ("ECDH-ECDSA-AES128-GCM-SHA256", False), ("ADH-AES128-GCM-SHA256", False), ("NULL-SHA256", False), ("PSK-AES128-GCM-SHA256", False)])
def test_tls12_suites(server, suite, good):
    code, text = s_client(server, "-tls1_2", "-cipher", f"{suite}:@SECLEVEL=0")
    assert (code == 0 and suite in text and "Server Temp Key" in text) if good else code != 0, text


def test_no_key_exchange_without_forward_secrecy_with_an_rsa_key(start, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=rsa", "-keyout", str(tmp_path / "rsa.key"),
                    "-out", str(tmp_path / "rsa.pem")], check=True, capture_output=True)
    server = start(flags=["--tls-cert-file", str(tmp_path / "rsa.pem"), "--tls-private-key-file", str(tmp_path / "rsa.key")])
    assert s_client(server, "-tls1_2", "-cipher", "kRSA:@SECLEVEL=0")[0] != 0
    assert s_client(server, "-tls1_2", "-cipher", "kDHE:@SECLEVEL=0")[0] != 0
    assert "ECDHE-RSA-AES128-GCM-SHA256" in s_client(server, "-tls1_2")[1]


def test_tls13_offers_ephemeral_keys_alone(server):
    assert "Server Temp Key: X25519" in s_client(server, "-tls1_3")[1]
    assert s_client(server, "-tls1_3", "-groups", "ffdhe2048")[0] != 0


def test_no_renegotiation(server):
    client = subprocess.Popen(["openssl", "s_client", "-connect", "%s:%d" % server.address, "-tls1_2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    out, _ = client.communicate(b"R\n", 30)
    assert b"RENEGOTIATING" in out and b"no renegotiation" in out
