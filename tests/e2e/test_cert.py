# SPDX-License-Identifier: Apache-2.0
"""`coffer cert`: certificates for people and nodes, asked for as kubectl would be let in."""
import datetime
import os
import re
import signal
import stat
import subprocess

import harness
import pytest
import yaml
from authority import Authority
from test_certificates import CSRS, NODE_CLIENT, become, decide, grant, rule, settled, unique


def cert(*arguments, kubeconfig=None, **more):
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **({"KUBECONFIG": str(kubeconfig)} if kubeconfig else {})}
    return subprocess.run([harness.binary(), "cert", *map(str, arguments)], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=90,
                          env=environment, **more)


def well(*arguments, **more):
    done = cert(*arguments, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(*arguments, **more):
    done = cert(*arguments, **more)
    assert done.returncode == 1 and done.stdout == "", (done.returncode, done.stdout)
    return done.stderr


def asks_as(kubectl, file):
    """The user that the server sees, told by its 403."""
    text = kubectl.refused("--kubeconfig", str(file), "get", "--raw", "/api/v1/secrets")
    found = re.search(r'User "(.*)" cannot', text)
    assert found, text
    return found.group(1)


def test_a_person_gets_a_kubeconfig(server, kubectl, tmp_path):
    file, group = tmp_path / "jane.kubeconfig", unique()
    out = well("issue", "--user", 'jane "j" doe', "--group", "devs", "--group", group, "--out", file, kubeconfig=server.kubeconfig)
    assert re.fullmatch(rf"wrote {file}, which lasts until \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n", out)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert yaml.safe_load(file.read_text())["users"][0]["name"] == 'jane "j" doe'
    assert "jane" in asks_as(kubectl, file)
    grant(server, group, rule(["list"], ["secrets"], group=""), kind="Group")
    kubectl.out("--kubeconfig", str(file), "get", "--raw", "/api/v1/secrets")
    listed = well("list", kubeconfig=server.kubeconfig)
    assert listed.splitlines()[0].split() == ["REQUEST", "USER", "GROUPS", "REQUESTOR", "REQUESTEDDURATION", "STATE", "EXPIRES"]
    assert re.search(rf'coffer-cert-\w+ +jane "j" doe +devs,{group} +admin +- +Issued +\d{{4}}-', listed)


def test_no_key_goes_over_the_wire(server, tmp_path):
    file = tmp_path / "a.pem"
    well("issue", "--user", "a", "--pem", file, kubeconfig=server.kubeconfig)
    text = file.read_text()
    assert text.index("BEGIN CERTIFICATE") < text.index("BEGIN PRIVATE KEY") and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "PRIVATE KEY" not in str([harness.base64.b64decode(i["spec"]["request"]) for i in server.call("GET", CSRS)["items"]])


def test_a_node_gets_and_renews_its_own(server, tmp_path):
    node, file = unique(), tmp_path / "node.kubeconfig"
    well("issue", "--node", node, "--out", file, "--lifetime", "1h", kubeconfig=server.kubeconfig)
    request = next(i for i in server.call("GET", CSRS)["items"] if i["metadata"]["name"] in well("list", kubeconfig=server.kubeconfig)
                   and f"system:node:{node}" in well("list", kubeconfig=server.kubeconfig) and i["spec"].get("expirationSeconds") == 3600)
    assert request["spec"]["signerName"] == "kubernetes.io/kube-apiserver-client-kubelet"
    server.call("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})
    grant(server, f"system:node:{node}", rule(["create", "get"], ["certificatesigningrequests"]),
          rule(["create"], ["certificatesigningrequests/selfnodeclient"]))
    before = file.read_text()
    assert "not due yet" in well("renew", "--out", file) and file.read_text() == before
    assert f"renewed {file}" in well("renew", "--out", file, "--force")
    after = file.read_text()
    changed = [line.split(":")[0].strip() for line, other in zip(before.splitlines(), after.splitlines()) if line != other]
    assert changed == ["client-certificate-data", "client-key-data"]
    assert "not due yet" in well("renew", "--out", file)


def kubeconfig_of(server, tmp_path, user):
    """A kubeconfig of a new user with that certificate (become)."""
    file = tmp_path / f"{user}.kubeconfig"
    config = yaml.safe_load(server.kubeconfig.read_text())
    config["users"][0]["user"] = {"client-certificate": str(tmp_path / f"{user}.crt"), "client-key": str(next(tmp_path.glob("*.key")))}
    file.write_text(yaml.safe_dump(config))
    return file


def asker(server, tmp_path, *more):
    """A kubeconfig of who may ask, and not approve; `more`: verbs beside."""
    user = become(server, tmp_path, f"asker-{unique()}")
    grant(server, user, rule(["create", "get", *more], ["certificatesigningrequests"]))
    return kubeconfig_of(server, tmp_path, user)


def heed_interrupts():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # what a shell begins in the background, or nohup, ignores some


def issuing(file, kubeconfig, timeout="40s"):
    """(the command under way, the name of its request)."""
    command = [harness.binary(), "cert", "issue", "--user", "eve", "--out", str(file), "--kubeconfig", str(kubeconfig), "--timeout", timeout]
    running = harness.Running(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=heed_interrupts))
    return running, running.wait_line("waiting for somebody to approve").split()[-1]


def names(server):
    return {i["metadata"]["name"] for i in server.call("GET", CSRS)["items"]}


def test_who_may_not_approve_waits(server, tmp_path):
    waiting, name = issuing(tmp_path / "eve", asker(server, tmp_path))
    assert not (tmp_path / "eve").exists()
    decide(server, name)
    waiting.wait_line("wrote ")
    assert waiting.process.wait(30) == 0 and name in names(server)


@pytest.mark.parametrize("may_delete", [True, False])
def test_a_request_of_which_nothing_comes_is_taken_back(server, tmp_path, may_delete):
    """Where it may not be, the sentence says how to go on."""
    config = asker(server, tmp_path, *(["delete"] if may_delete else []))
    denied, name = issuing(tmp_path / "eve", config)
    decide(server, name, "Denied")
    line = denied.wait_line("coffer cert: the request was denied: by a test")
    late = refused("issue", "--user", "eve", "--out", tmp_path / "eve", "--kubeconfig", config, "--timeout", "1s").splitlines()[-1]
    assert denied.process.wait(30) == 1 and not (tmp_path / "eve").exists()
    timed_out = re.search(r"nobody approved the request (coffer-cert-\w+) in time", late).group(1)
    failed, unsigned = issuing(tmp_path / "eve", config)
    body = server.call("GET", f"{CSRS}/{unsigned}")
    body["status"]["conditions"] = [{"type": "Failed", "status": "True", "reason": "Test", "message": "not this one"}]
    server.call("PUT", f"{CSRS}/{unsigned}/status", body)
    not_signed = failed.wait_line("coffer cert: the request was not signed: not this one")
    for told, request in ((line, name), (late, timed_out), (not_signed, unsigned)):
        assert (f"({request} was deleted again: ask anew)" if may_delete else f"kubectl delete csr {request})") in told
        assert (request in names(server)) != may_delete


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_request_is_taken_back_when_interrupted(server, tmp_path, number):
    waiting, name = issuing(tmp_path / "eve", asker(server, tmp_path, "delete"))
    waiting.process.send_signal(number)
    waiting.wait_line(f"coffer cert: interrupted ({name} was deleted again")
    assert waiting.process.wait(30) == -number and name not in names(server) and not (tmp_path / "eve").exists()


def test_what_was_issued_is_not_taken_back(server, tmp_path):
    """A certificate that came before the interruption was noticed is written."""
    waiting, name = issuing(tmp_path / "eve", asker(server, tmp_path, "delete"))
    waiting.process.send_signal(signal.SIGSTOP)
    decide(server, name)
    settled(server, name)
    waiting.process.send_signal(signal.SIGINT)
    waiting.process.send_signal(signal.SIGCONT)
    waiting.wait_line("wrote ")
    assert waiting.process.wait(30) == 0 and name in names(server) and "client-key-data" in (tmp_path / "eve").read_text()


def test_a_lifetime_that_was_cut_is_told(start, tmp_path):
    server = start(flags=["--certificate-lifetime", "9h"])
    for number, (asked, told) in enumerate([("10h", "asked for 10h, got 9h"), ("9000d", "asked for 24y, got 9h"), ("9h", None), ("8h", None), ("30m", None)]):
        done = cert("issue", "--user", "a", "--out", tmp_path / str(number), "--lifetime", asked, kubeconfig=server.kubeconfig)
        assert done.returncode == 0 and (f"warning: {told}: the server gives" in done.stderr if told else "asked for" not in done.stderr), done.stderr
    assert re.search(r"admin +30m +Issued", well("list", kubeconfig=server.kubeconfig))


def test_what_comes_next_is_told(server, kubectl, tmp_path):
    """By commands that work."""
    done = cert("issue", "--user", "a", "-n", "kube-public", "--out", tmp_path / "out", kubeconfig=server.kubeconfig)
    command = re.search("next: kubectl (.*)\n", done.stderr).group(1).split()
    assert "selfsubjectrulesreviews" in kubectl.out(*command)
    assert 'in the namespace "kube-public"' in kubectl.refused("--kubeconfig", str(tmp_path / "out"), "get", "secrets")
    done = cert("issue", "--node", "a", "--pem", tmp_path / "pem", kubeconfig=server.kubeconfig)
    flags = dict(re.findall(r"--(client-\w+)=(\S+)", re.search("next: .*kubectl config set-credentials NAME (.*)\n", done.stderr).group(1)))
    config = yaml.safe_load(server.kubeconfig.read_text())
    config["users"][0]["user"] = flags
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    assert flags and 'User "system:node:a" cannot' in kubectl.refused("--kubeconfig", str(tmp_path / "config"), "get", "--raw", "/api/v1/secrets")


def test_what_the_server_refuses_is_told(server, tmp_path):
    text = refused("issue", "--user", "eve", "--group", "system:masters", "--out", tmp_path / "x", kubeconfig=server.kubeconfig)
    assert "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed" in text
    assert not (tmp_path / "x").exists()


def test_files_that_are_there_are_kept(server, tmp_path):
    file = tmp_path / "config"
    file.write_text("mine")
    assert "is there already" in refused("issue", "--user", "a", "--out", file, kubeconfig=server.kubeconfig)
    assert file.read_text() == "mine"
    assert "no such file" in refused("renew", "--out", tmp_path / "none", kubeconfig=server.kubeconfig)
    file.chmod(0o600)
    assert "holds no client certificate" in refused("renew", "--out", file, kubeconfig=server.kubeconfig)
    file.chmod(0o644)
    assert "may be read or changed by others" in refused("renew", "--out", file, kubeconfig=server.kubeconfig)


def subject_of(file):
    return subprocess.run(["openssl", "x509", "-noout", "-subject", "-in", str(file)], text=True, capture_output=True, check=True).stdout.strip()


def requestors(server, user):
    """Who asked for the certificates of that user."""
    return sorted(i["spec"]["username"] for i in server.call("GET", CSRS)["items"]
                  if user in subprocess.run(["openssl", "req", "-noout", "-subject"], input=harness.base64.b64decode(i["spec"]["request"]),
                                            capture_output=True, check=True).stdout.decode())


def test_a_pem_file_is_renewed_by_itself(server, tmp_path):
    """At the server of the kubeconfig at hand, whoever that is of; also of one without a user."""
    node, file = unique(), tmp_path / "node.pem"
    well("issue", "--node", node, "--pem", file, kubeconfig=server.kubeconfig)
    server.call("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})
    grant(server, f"system:node:{node}", rule(["create", "get"], ["certificatesigningrequests"]),
          rule(["create"], ["certificatesigningrequests/selfnodeclient"]))
    bare = tmp_path / "bare"
    config = yaml.safe_load(server.kubeconfig.read_text())
    bare.write_text(yaml.safe_dump({**config, "users": [], "contexts": [{"name": "c", "context": {"cluster": config["clusters"][0]["name"]}}],
                                    "current-context": "c"}))
    before, subject = file.read_text(), subject_of(file)
    assert f"renewed {file}" in well("renew", "--pem", file, "--force", kubeconfig=server.kubeconfig)
    between = file.read_text()
    assert f"renewed {file}" in well("renew", "--pem", file, "--force", "--kubeconfig", bare)
    assert len({before, between, file.read_text()}) == 3 and file.read_text().count("BEGIN") == 2 and subject_of(file) == subject
    assert requestors(server, node) == ["admin", *[f"system:node:{node}"] * 2]


def test_a_pem_file_is_renewed_by_another_identity(server, tmp_path):
    user, file = unique(), tmp_path / "a.pem"
    well("issue", "--user", user, "--group", "g", "--pem", file, kubeconfig=server.kubeconfig)
    before = file.read_text()
    told = refused("renew", "--pem", file, "--force", kubeconfig=server.kubeconfig)
    assert f'User "{user}" cannot create' in told and f'asked as "{user}", whom the certificate names; --kubeconfig FILE asks as somebody else' in told
    assert file.read_text() == before
    assert "renewed" in well("renew", "--pem", file, "--force", "--kubeconfig", server.kubeconfig)
    assert file.read_text() != before and subject_of(file) == f"subject=O = g, CN = {user}"
    assert requestors(server, user) == ["admin"] * 2


def test_a_certificate_that_has_ended_is_renewed_by_who_may(server, tmp_path):
    certificate, key = Authority(tmp_path / "ca").client("late", organization="g", begin=-120, end=-60)
    file = tmp_path / "late.pem"
    file.write_text(certificate.read_text() + key.read_text())
    file.chmod(0o600)
    assert f"the certificate in {file} has ended: renew it by --kubeconfig" in refused("renew", "--pem", file, kubeconfig=server.kubeconfig)
    assert "renewed" in well("renew", "--pem", file, "--kubeconfig", server.kubeconfig)


def test_a_certificate_that_the_server_takes_no_more(server, tmp_path):
    certificate, key = Authority(tmp_path / "ca").client("stranger", organization="g")
    file = tmp_path / "stranger.pem"
    file.write_text(certificate.read_text() + key.read_text())
    file.chmod(0o600)
    told = refused("renew", "--pem", file, "--force", kubeconfig=server.kubeconfig)
    assert "--kubeconfig FILE asks as somebody else" in told or "is the client certificate one of its CA" in told


def span(file):
    dates = subprocess.run(["openssl", "x509", "-noout", "-startdate", "-enddate", "-in", file], capture_output=True, check=True, text=True).stdout
    begin, end = (datetime.datetime.strptime(line.split("=")[1], "%b %d %H:%M:%S %Y %Z") for line in dates.splitlines())
    return int((end - begin).total_seconds())


@pytest.mark.parametrize("lifetime", ["10m", "1h", "10h", "30d"])
def test_a_renewed_certificate_lasts_as_long(server, tmp_path, lifetime):
    file = tmp_path / "a.pem"
    well("issue", "--user", unique(), "--pem", file, "--lifetime", lifetime, kubeconfig=server.kubeconfig)
    first = span(file)
    for _ in range(2):
        well("renew", "--pem", file, "--force", "--kubeconfig", server.kubeconfig)
        assert abs(span(file) - first) <= 2
    well("renew", "--pem", file, "--force", "--lifetime", "2h", "--kubeconfig", server.kubeconfig)
    assert abs(span(file) - 2 * 3600 - 300) <= 2


def test_a_file_that_could_not_be_written_is_not_asked_for(server, tmp_path):
    before = names(server)
    told = refused("issue", "--user", unique(), "--out", tmp_path / "none" / "a", kubeconfig=server.kubeconfig)
    assert f"{tmp_path}/none/: cannot write there: No such file or directory" in told
    assert names(server) == before


def test_a_bootstrapper_joins_a_node(server, tmp_path):
    """As a machine joins: a credential that may ask for nodes' certificates, and no person."""
    node, user = unique(), become(server, tmp_path, f"joiner-{unique()}")
    grant(server, user, NODE_CLIENT, rule(["get"], ["certificatesigningrequests"]))
    assert "wrote" in well("issue", "--node", node, "--out", tmp_path / "node", "--kubeconfig", kubeconfig_of(server, tmp_path, user))


def bootstrap_kubeconfig(server, file, annotations=None):
    """A kubeconfig with a new bootstrap token, as kubeadm hands them to machines."""
    identity, secret = harness.secrets.token_hex(3), harness.secrets.token_hex(8)
    server.call("POST", "/api/v1/namespaces/kube-system/secrets",
                harness.secret(f"bootstrap-token-{identity}", {"token-id": identity, "token-secret": secret, "usage-bootstrap-authentication": "true"},
                               type="bootstrap.kubernetes.io/token", metadata={"annotations": annotations or {}}))
    config = yaml.safe_load(server.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": f"{identity}.{secret}"}
    file.write_text(yaml.safe_dump(config))
    return file


def test_bootstrap_tokens_make_nodes(server, kubectl, tmp_path):
    """One token for nodes that are new, one for a node that was there; neither is good for another's name."""
    grant(server, "system:bootstrappers", NODE_CLIENT, rule(["get"], ["certificatesigningrequests"]), kind="Group")
    fresh, there = unique(), unique()
    server.call("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": there}})
    anyone = bootstrap_kubeconfig(server, tmp_path / "any")
    its_own = bootstrap_kubeconfig(server, tmp_path / "own", {"coffer.dev/node-name": there})
    well("issue", "--node", fresh, "--out", tmp_path / "fresh", "--kubeconfig", anyone)
    well("issue", "--node", there, "--out", tmp_path / "there", "--kubeconfig", its_own)
    kubectl.out("--kubeconfig", str(tmp_path / "there"), "get", "--raw", f"/api/v1/nodes/{there}")
    for node, token in ((there, anyone), (unique(), its_own)):
        assert "nobody approved" in refused("issue", "--node", node, "--out", tmp_path / "no", "--kubeconfig", token, "--timeout", "2s")


@pytest.mark.parametrize("arguments", [["issue", "--user", "a", "--out"], ["list"]])
def test_no_server(tmp_path, arguments):
    config = {"apiVersion": "v1", "kind": "Config", "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
              "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}], "users": [{"name": "u", "user": {"token": "t"}}], "current-context": "c"}
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    out = [*arguments, tmp_path / "new"] if arguments[0] == "issue" else arguments
    done = cert(*out, kubeconfig=tmp_path / "config")
    assert done.returncode == 1 and done.stdout == "" and "127.0.0.1: cannot connect" in done.stderr


@pytest.mark.parametrize("action", ["issue", "list"])
def test_each_allocation_fails_once(server, tmp_path, action):
    """Then the command does its work, or says why not and leaves no file; OpenSSL's own abort has its own sentence."""
    failures, after, successes = 0, 0, 0
    while successes < 10:
        out = tmp_path / str(after)
        arguments = [action, *(["--user", "a", "--out", str(out), "--timeout", "5s"] if action == "issue" else [])]
        done = subprocess.run([harness.fault_binary(), "cert", *arguments, "--kubeconfig", str(server.kubeconfig)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, env={**os.environ, "COFFER_FAIL_ALLOCATION": str(after)})
        if done.returncode == 0:
            assert action == "list" or "client-key-data" in out.read_text()
            successes += after > 2000
        else:
            failures += 1
            assert not out.exists()
            assert (done.returncode == 1 and done.stderr.startswith("coffer cert: ")) or "OpenSSL internal error" in done.stderr, done
        after += 13 if after < 1000 else 101
    assert failures > 10
