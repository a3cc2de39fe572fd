# SPDX-License-Identifier: Apache-2.0
"""coffer exec: against a server that is not ours, for every way to reach one and every proof of identity, and against our own."""
import base64
import json
import os
import resource
import subprocess
import sys

import harness
import peer
import pytest
import yaml

ENV = ["/usr/bin/env", "-0"]
# The sanitizer would take away core dumps on its own.
BASE = {"PATH": os.environ["PATH"], "ASAN_OPTIONS": "exitcode=99:disable_coredump=0"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return peer.Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def running(authority):
    certificate = authority.sign("server", "/CN=server", "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:other.example\n")
    one = peer.Peer(authority, certificate)
    yield one
    one.close()


@pytest.fixture
def api(running):
    running.answers.clear()
    running.seen.clear()
    running.connections = 0
    return running


class Client:
    """A kubeconfig that a test bends, and exec with it."""

    def __init__(self, folder, api, authority):
        self.folder, self.authority = folder, authority
        self.cluster = {"server": f"https://127.0.0.1:{api.port}", "certificate-authority": str(authority.certificate)}
        self.user = {"token": "t0ken"}
        self.context = {"cluster": "c", "user": "u"}
        self.environment = {**BASE, "HOME": str(folder)}

    def write(self, name="config"):
        path = self.folder / name
        path.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{"name": "c", "cluster": self.cluster}], "users": [{"name": "u", "user": self.user}],
            "contexts": [{"name": "x", "context": self.context}]}))
        return path

    def raw(self, *arguments, program=ENV, **more):
        environment = more.pop("env", self.environment)
        return subprocess.run([harness.binary(), "exec", *arguments, "--", *program], env=environment, capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=60, **more)

    def run(self, *arguments, **more):
        return self.raw("--kubeconfig", self.write(), *arguments, **more)

    def env(self, *arguments, **more):
        """What the program finds in its environment."""
        done = self.run(*arguments, **more)
        assert done.returncode == 0, done.stderr.decode()
        return dict(line.split("=", 1) for line in done.stdout.decode(errors="surrogateescape").split("\0") if line)

    def fails(self, *arguments, code=125, **more):
        done = self.run(*arguments, **more)
        assert done.returncode == code, done
        assert done.stdout == b""
        return done.stderr.decode()


@pytest.fixture
def client(tmp_path, api, authority):
    return Client(tmp_path, api, authority)


# ---- values

def test_values_arrive(client, api):
    value, other = harness.canary("exec"), "two\nlines = ü"
    api.put("db", {"password": value, "user.name": other, "empty": ""})
    found = client.env("--env", "A=db/password", "-e", "B=db/empty", "--env-from", "db:DB_")
    assert found["A"] == found["DB_password"] == value
    assert found["DB_user.name"] == other and found["B"] == found["DB_empty"] == ""
    assert found["HOME"] == client.environment["HOME"]
    assert [path for path, _, _ in api.seen] == [peer.secret_path("db")]
    assert api.connections == 1


def test_bytes_are_kept(client, api):
    value = bytes(range(1, 256))
    api.put("db", {"b": value})
    assert client.env("--env", "B=db/b")["B"].encode(errors="surrogateescape") == value


def test_who_wins(client, api):
    api.put("one", {"A": "one", "B": "one", "C": "one", "HOME": "/one"})
    api.put("two", {"B": "two", "c": "two"})
    found = client.env("--env", "C=two/c", "--env-from", "one", "--env-from", "two", "--env", "D=two/B", "--env", "D=one/A")
    assert {name: found[name] for name in "ABCD"} == {"A": "one", "B": "two", "C": "two", "D": "one"}
    assert found["HOME"] == "/one"


def test_clean(client, api):
    api.put("db", {"k": "v"})
    assert client.env("--clean", "--env", "A=db/k") == {"A": "v"}


def test_path_of_the_new_environment(client, api, tmp_path):
    tool = tmp_path / "tools" / "tool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho \"$0\"\n")
    tool.chmod(0o755)
    api.put("db", {"PATH": f"{tool.parent}:/bin"})
    assert client.run("--env", "PATH=db/PATH", program=["tool"]).stdout.decode().strip() == str(tool)


def test_namespace(client, api):
    api.put("db", {"k": "given"}, "given")
    api.put("db", {"k": "context"}, "context")
    client.context["namespace"] = "context"
    assert client.env("--env", "A=db/k")["A"] == "context"
    assert client.env("--env", "A=db/k", "-n", "given")["A"] == "given"


def test_no_secret_no_connection(client, api):
    done = client.raw("--kubeconfig", "/nonexistent")
    assert done.returncode == 0 and api.connections == 0


@pytest.mark.parametrize("flags, sentence", [
    (["--env", "A=none/k"], "there is no Secret default/none at"),
    (["--env-from", "none"], "there is no Secret default/none at"),
    (["--env", "A=db/none"], "there is no key none in Secret default/db; to go on without it, add --optional db/none"),
    (["--env", "A=db/none", "--env", "B=db/k", "--optional", "db/k"], "there is no key none in Secret default/db"),
    (["--env", "A=none/k", "--env", "B=none/l", "--optional", "none/k"], "there is no Secret default/none at"),
])
def test_missing(client, api, flags, sentence):
    api.put("db", {"k": "v"})
    assert sentence in client.fails(*flags)


@pytest.mark.parametrize("flags", [
    ["--env", "A=none/k", "--optional", "none"],
    ["--env", "A=none/k", "--optional", "none/k"],
    ["--env-from", "none", "--env", "A=db/none", "--optional=none", "--optional=db/none"],
    ["--env", "A=db/none", "--optional", "db"],
])
def test_optional(client, api, flags):
    api.put("db", {"k": "v"})
    found = client.env(*flags, "--env", "B=db/k")
    assert "A" not in found and found["B"] == "v"


def test_optional_is_for_missing_alone(client, api):
    api.answer("db", *peer.status(403, "Forbidden", "secrets \"db\" is forbidden: no"))
    assert "cannot read Secret default/db: secrets \"db\" is forbidden: no" in client.fails("--env", "A=db/k", "--optional", "db")
    api.answer("db", 404, "404 page not found")
    assert "is it an API server?" in client.fails("--env", "A=db/k", "--optional", "db")


def test_a_secret_without_data(client, api):
    api.answer("db", 200, '{"kind":"Secret","apiVersion":"v1","metadata":{"name":"db"}}')
    assert "PATH" in client.env("--env-from", "db")
    assert "there is no key k" in client.fails("--env", "A=db/k")


def test_values_an_environment_cannot_carry(client, api):
    room = 131072 - len("A=") - 1
    api.put("db", {"nul": b"a\0b", "large": "x" * (room + 1), "fits": "x" * room})
    assert len(client.env("--env", "A=db/fits")["A"]) == room
    assert "key large of Secret default/db is 131070 bytes" in client.fails("--env", "A=db/large")
    assert "key nul of Secret default/db holds a NUL byte" in client.fails("--env", "A=db/nul")
    assert "key nul" in client.fails("--env-from", "db")


def test_too_much_in_all(client, api):
    api.put("db", {f"k{i:02}": "x" * 100000 for i in range(80)})
    assert "more than the kernel takes" in client.fails("--env-from", "db", code=126)


@pytest.mark.parametrize("body, sentence", [
    ('{"data":{"k":"?"}}', "key k of Secret default/db is no base64"),
    ('{"data":{"k":7}}', "key k of Secret default/db is no base64"),
    ('{"data":[]}', "without a mapping of data"),
    ('[]', "the server sent no JSON object"),
    ('', "the server sent no JSON object"),
])
def test_odd_answers(client, api, body, sentence):
    api.answer("db", 200, body)
    assert sentence in client.fails("--env", "A=db/k")


def test_keys_that_are_no_names(client, api):
    api.put("db", {"a=b": "1", "new\nline": "2", "": "3", "1.fine-one": "4"})
    done = client.run("--env-from", "db")
    assert done.returncode == 0 and b"1.fine-one=4\0" in done.stdout
    assert done.stderr.decode().count("warning: a key of Secret default/db was skipped") == 3


def test_keys_that_choose_what_runs(client, api):
    api.put("db", {"LD_PRELOAD": "/evil.so", "PATH": "/evil", "BASH_ENV": "$(evil)", "fine": "1"})
    done = client.run("--env-from", "db")
    assert done.returncode == 0 and b"fine=1\0" in done.stdout and b"evil" not in done.stdout
    assert done.stderr.decode().count("it chooses what code runs") == 3
    assert client.env("--env", "BASH_ENV=db/BASH_ENV")["BASH_ENV"] == "$(evil)"


# ---- the program

@pytest.mark.parametrize("program, code", [
    (["/bin/sh", "-c", "exit 7"], 7),
    (["no-such-program"], 127),
    (["/etc/passwd"], 126),
    (["/etc/passwd/x"], 127),
])
def test_exit_status(client, api, program, code):
    assert client.run(program=program).returncode == code


def test_nothing_stays_behind(client, api, tmp_path):
    """The program has no descriptor, signal, limit or argument of ours, and is the very process that was started."""
    value = harness.canary("exec")
    api.put("db", {"k": value})
    program = [sys.executable, "-c", "import json,os,resource; print(json.dumps({"
               "'fds': sorted(int(f) for f in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + f)), 'pid': os.getpid(),"
               "'status': open('/proc/self/status').read(), 'command': open('/proc/self/cmdline').read(),"
               "'core': resource.getrlimit(resource.RLIMIT_CORE), 'lock': resource.getrlimit(resource.RLIMIT_MEMLOCK)}))"]
    def limits():
        resource.setrlimit(resource.RLIMIT_CORE, (4096, 8192))
    process = subprocess.Popen([harness.binary(), "exec", "--kubeconfig", client.write(), "--env", "A=db/k", "--", *program], env=client.environment,
                               stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, preexec_fn=limits)
    found = json.loads(process.communicate(timeout=60)[0])
    status = dict(line.split(":\t", 1) for line in found["status"].splitlines() if ":\t" in line)
    assert found["pid"] == process.pid
    assert found["fds"] == [0, 1, 2]
    assert found["core"] == [4096, 8192]
    assert found["lock"] == list(resource.getrlimit(resource.RLIMIT_MEMLOCK))
    ours = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
    assert status["SigBlk"] == "0000000000000000"
    # Python itself ignores SIGPIPE and SIGXFSZ
    assert int(status["SigIgn"], 16) == int(ours["SigIgn"], 16)
    assert value not in found["command"]


def test_failures_tell_no_value(client, api):
    value = harness.canary("exec")
    api.put("db", {"k": value, "nul": value.encode() + b"\0"})
    client.user = {"token": harness.canary("token")}
    for flags, program in ((["--env", "A=db/nul"], ENV), (["--env", "A=db/k"], ["no-such-program"]), (["--env", "A=db/none"], ENV)):
        done = client.run(*flags, program=program)
        assert done.returncode in (125, 127)
        assert not harness.needles(harness.canaries()).search(done.stderr + done.stdout)


def test_each_allocation_fails_once(client, api, authority):
    """Then the program starts with the value, or exec says why not; OpenSSL's own abort has its own sentence."""
    value = harness.canary("exec")
    api.put("db", {"k": value})
    certificate, key = authority.sign("jane", "/CN=jane", "extendedKeyUsage=clientAuth\n")
    client.user = {"client-certificate": str(certificate), "client-key": str(key)}
    config, failures, after, successes = client.write(), 0, 0, 0
    while successes < 40:
        done = subprocess.run([harness.fault_binary(), "exec", "--kubeconfig", config, "--env", "A=db/k", "--", *ENV], stdin=subprocess.DEVNULL,
                              env={**client.environment, "COFFER_FAIL_ALLOCATION": str(after)}, capture_output=True, timeout=60)
        said = done.stderr.decode()
        if done.returncode == 0:
            assert f"A={value}".encode() in done.stdout.split(b"\0")
            successes += after > 3000
        else:
            failures += 1
            assert done.stdout == b"" and value not in said
            assert (done.returncode == 125 and said.startswith("coffer exec: ")) or "OpenSSL internal error" in said, done
        after += 13
    assert failures > 10


# ---- misuse

@pytest.mark.parametrize("flags, sentence", [
    (["--evn", "A=db/k"], "unknown flag --evn; did you mean --env?"),
    (["--env", "db/k"], "flag --env takes NAME=SECRET/KEY, not db/k"),
    (["--env", "A=db"], "flag --env takes"),
    (["--env", "=db/k"], "flag --env takes"),
    (["--env", "A=../x/k"], "flag --env takes"),
    (["--env", "A=db/"], "flag --env takes"),
    (["--env-from", ""], "flag --env-from takes"),
    (["--env-from", "db:a=b"], "flag --env-from takes"),
    (["--env", "A=db/k", "--optional", "other"], "--optional other names nothing that --env or --env-from takes"),
    (["-n", "a/b"], "a/b is no name of a namespace"),
])
def test_misuse(client, api, flags, sentence):
    error = client.fails(*flags)
    assert sentence in error and "Try 'coffer exec --help'." in error
    assert not api.seen


# ---- who we are

def test_token(client, api):
    api.put("db", {"k": "v"})
    client.env("--env", "A=db/k")
    _, headers, subject = api.seen[0]
    assert headers.get_all("Authorization") == ["Bearer t0ken"] and subject is None
    assert headers["Accept"] == "application/json" and "curl" not in headers.get("User-Agent", "")


def test_token_file(client, api, tmp_path):
    api.put("db", {"k": "v"})
    (tmp_path / "token").write_text("from-file\n")
    client.user = {"tokenFile": "token"}
    client.env("--env", "A=db/k")
    assert api.seen[0][1]["Authorization"] == "Bearer from-file"


def test_token_that_would_be_two_headers(client, api):
    client.user = {"token": "a\r\nX-Evil: 1"}
    assert "cannot be sent in a header" in client.fails("--env", "A=db/k")
    assert not api.seen


def test_password(client, api):
    api.put("db", {"k": "v"})
    client.user = {"username": "jane", "password": "pä:ss"}
    client.env("--env", "A=db/k")
    assert api.seen[0][1]["Authorization"] == "Basic " + base64.b64encode("jane:pä:ss".encode()).decode()


@pytest.mark.parametrize("inline", [False, True])
def test_client_certificate(client, api, authority, inline):
    api.put("db", {"k": "v"})
    certificate, key = authority.sign("jane", "/O=team/CN=jane", "extendedKeyUsage=clientAuth\n")
    if inline:
        client.user = {"client-certificate-data": base64.b64encode(certificate.read_bytes()).decode(),
                       "client-key-data": base64.b64encode(key.read_bytes()).decode()}
        client.cluster["certificate-authority-data"] = base64.b64encode(authority.certificate.read_bytes()).decode()
        del client.cluster["certificate-authority"]
    else:
        client.user = {"client-certificate": os.path.relpath(certificate, client.folder), "client-key": str(key)}
    client.env("--env", "A=db/k")
    assert api.seen[0][2]["commonName"] == "jane" and "Authorization" not in api.seen[0][1]


def test_client_certificate_of_another_ca(client, api, tmp_path):
    (tmp_path / "other").mkdir()
    certificate, key = peer.Authority(tmp_path / "other").sign("jane", "/O=team/CN=jane", "extendedKeyUsage=clientAuth\n")
    client.user = {"client-certificate": str(certificate), "client-key": str(key)}
    assert "is the client certificate one of its CA" in client.fails("--env", "A=db/k")
    assert not api.seen


def plugin(client, script, **more):
    path = client.folder / "plugin"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    client.user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", "interactiveMode": "IfAvailable", **more}}


CREDENTIAL = '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":%s}'


def test_plugin_token(client, api):
    api.put("db", {"k": "v"})
    plugin(client, "printf '%s' \"$KUBERNETES_EXEC_INFO\" > \"$OUT\"\necho '" + CREDENTIAL % '{"token":"\'"$1"\'"}' + "'\n", args=["p1ugin"],
           env=[{"name": "OUT", "value": str(client.folder / "info")}], provideClusterInfo=True)
    found = client.env("--env", "A=db/k")
    assert api.seen[0][1]["Authorization"] == "Bearer p1ugin"
    info = json.loads((client.folder / "info").read_text())
    assert info["spec"]["interactive"] is False and info["spec"]["cluster"]["server"] == client.cluster["server"]
    assert base64.b64decode(info["spec"]["cluster"]["certificate-authority-data"]) == client.authority.certificate.read_bytes()
    assert "OUT" not in found and "KUBERNETES_EXEC_INFO" not in found


def test_plugin_certificate(client, api, authority):
    api.put("db", {"k": "v"})
    certificate, key = authority.sign("plug", "/CN=plug", "extendedKeyUsage=clientAuth\n")
    (client.folder / "out").write_text(CREDENTIAL % json.dumps({"clientCertificateData": certificate.read_text(), "clientKeyData": key.read_text()}))
    plugin(client, "cat \"$(dirname \"$0\")/out\"\n")
    client.env("--env", "A=db/k")
    assert api.seen[0][2]["commonName"] == "plug"


def test_plugin_failures(client, api):
    plugin(client, "echo 'log in first' >&2; exit 3\n")
    error = client.fails("--env", "A=db/k")
    assert "log in first" in error and "failed with status 3" in error
    plugin(client, "", interactiveMode="Always")
    assert "wants a terminal" in client.fails("--env", "A=db/k")
    plugin(client, "", command="no-such-plugin", installHint="get it from there")
    assert "is not installed: get it from there" in client.fails("--env", "A=db/k")
    assert not api.seen


def test_impersonation(client, api):
    api.put("db", {"k": "v"})
    client.user |= {"as": "jane", "as-groups": ["a", "b"], "as-uid": "7", "as-user-extra": {"x/y": ["1"]}}
    client.env("--env", "A=db/k")
    headers = api.seen[0][1]
    assert headers.get_all("Impersonate-Group") == ["a", "b"] and headers["Impersonate-User"] == "jane"
    assert headers["Impersonate-Uid"] == "7" and headers["Impersonate-Extra-x%2Fy"] == "1"


def test_refused(client, api):
    api.answer("db", *peer.status(401, "Unauthorized", "Unauthorized"))
    assert "cannot read Secret default/db: Unauthorized" in client.fails("--env", "A=db/k")


# ---- where it goes

def test_untrusted(client, api, tmp_path):
    del client.cluster["certificate-authority"]
    (tmp_path / "other").mkdir()
    other = peer.Authority(tmp_path / "other")
    for cluster in ({}, {"certificate-authority": str(other.certificate)}):
        client.cluster = {"server": client.cluster["server"], **cluster}
        assert "certificate" in client.fails("--env", "A=db/k")
    assert not api.seen


def test_insecure_is_warned_about(client, api):
    api.put("db", {"k": "v"})
    client.cluster = {"server": client.cluster["server"], "insecure-skip-tls-verify": True}
    done = client.run("--env", "A=db/k")
    assert done.returncode == 0 and b"warning: cluster \"c\" is not verified" in done.stderr


def test_server_name(client, api):
    api.put("db", {"k": "v"})
    client.cluster["tls-server-name"] = "other.example"
    client.env("--env", "A=db/k")
    client.cluster["tls-server-name"] = "wrong.example"
    assert "certificate" in client.fails("--env", "A=db/k")


def test_base_path(client, api):
    api.put("db", {"k": "v"})
    api.answers["/base" + peer.secret_path("db")] = api.answers.pop(peer.secret_path("db"))
    client.cluster["server"] += "/base/"
    assert client.env("--env", "A=db/k")["A"] == "v"


def test_proxy(client, api):
    api.put("db", {"k": "v"})
    proxy = peer.Proxy(api.port)
    client.cluster |= {"proxy-url": f"http://127.0.0.1:{proxy.port}", "server": "https://other.example:6443"}
    assert client.env("--env", "A=db/k")["A"] == "v"
    assert proxy.seen == ["CONNECT other.example:6443 HTTP/1.1"]
    del client.cluster["proxy-url"]
    client.environment["HTTPS_PROXY"] = f"http://127.0.0.1:{proxy.port}"
    assert client.env("--env", "A=db/k")["A"] == "v"
    assert len(proxy.seen) == 2
    client.cluster["server"] = f"https://127.0.0.1:{api.port}"
    assert client.env("--env", "A=db/k")["A"] == "v"
    assert len(proxy.seen) == 2  # not for this machine, as with kubectl
    proxy.close()


def test_plain_http_on_this_machine(client, api, authority):
    plain = peer.Peer(authority, None, tls=False)
    plain.put("db", {"k": "v"})
    client.cluster = {"server": f"http://127.0.0.1:{plain.port}"}
    done = client.run("--env", "A=db/k")
    assert b"A=v\0" in done.stdout and done.stderr == b""
    plain.close()


def test_nobody_there(client, api):
    client.cluster["server"] = "https://127.0.0.1:1"
    assert "127.0.0.1" in client.fails("--env", "A=db/k")


def test_kubeconfig_list(client, api):
    api.put("db", {"k": "v"})
    whole = yaml.safe_load(client.write().read_text())
    parts = [{key: whole[key]} for key in ("clusters", "users", "contexts", "current-context")]
    for number, part in enumerate(parts):
        (client.folder / f"part{number}").write_text(yaml.safe_dump(part))
    names = ":".join(str(client.folder / f"part{number}") for number in range(len(parts)))
    client.environment["KUBECONFIG"] = f"/nonexistent:{names}"
    done = client.raw("--env", "A=db/k")
    assert b"A=v\0" in done.stdout, done.stderr


def test_home_kubeconfig_and_context(client, api):
    api.put("db", {"k": "v"})
    (client.folder / ".kube").mkdir()
    client.write(".kube/config")
    assert b"A=v\0" in client.raw("--env", "A=db/k").stdout
    done = client.raw("--env", "A=db/k", "--context", "y")
    assert done.returncode == 125 and b'there is no context "y"; there is "x"' in done.stderr


def test_in_cluster(client, api, authority):
    """A pod's service account, in a mount namespace of the test's own."""
    unshare = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*unshare, "mount", "-t", "tmpfs", "none", "/run"], capture_output=True).returncode != 0:
        unshare = ["unshare", "--mount"]
        if subprocess.run([*unshare, "mount", "-t", "tmpfs", "none", "/run"], capture_output=True).returncode != 0:
            pytest.skip("no mount namespaces here")
    api.put("db", {"k": "v"}, "pod-space")
    client.environment |= {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(api.port)}
    script = ("mount -t tmpfs none /run && d=/run/secrets/kubernetes.io/serviceaccount && mkdir -p $d && printf pod-token > $d/token && "
              f"printf pod-space > $d/namespace && cp {authority.certificate} $d/ca.crt && exec {harness.binary()} exec --env A=db/k -- env -0")
    done = subprocess.run([*unshare, "sh", "-c", script], env=client.environment, capture_output=True, timeout=60)
    assert b"A=v\0" in done.stdout, done.stderr
    assert api.seen[0][1]["Authorization"] == "Bearer pod-token"


# ---- our own server

def test_own_server(server, namespace):
    value = harness.canary("exec")
    server.call("POST", f"/api/v1/namespaces/{namespace}/secrets", harness.secret("db", {"password": value, "user": "app"}))
    done = subprocess.run([harness.binary(), "exec", "--kubeconfig", server.kubeconfig, "-n", namespace, "--env", "PGPASSWORD=db/password",
                           "--env-from", "db:DB_", "--", *ENV], env=BASE, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.decode().split("\0")
    assert f"PGPASSWORD={value}" in lines and "DB_user=app" in lines
    done = subprocess.run([harness.binary(), "exec", "--kubeconfig", server.kubeconfig, "-n", namespace, "--env", "A=none/k", "--", "true"], env=BASE,
                          capture_output=True, timeout=60)
    assert done.returncode == 125 and f"there is no Secret {namespace}/none".encode() in done.stderr
