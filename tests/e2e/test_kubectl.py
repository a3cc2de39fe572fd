# SPDX-License-Identifier: Apache-2.0
"""What people do with kubectl, by each kubectl there is: Debian's 1.20 and newer ones, which send protobuf."""
import base64
import json
import re

import harness
import pytest
import yaml


@pytest.fixture
def data():
    """A value that must not be found anywhere but in answers."""
    return harness.canary("kubectl")


def create(k, name, **values):
    k("create", "secret", "generic", name, *[f"--from-literal={key.replace('_', '.')}={value}" for key, value in values.items()])


def value_of(k, name, key):
    return base64.b64decode(k.json("get", "secret", name)["data"][key]).decode()


def manifest(name, **values):
    return yaml.safe_dump(harness.secret(name, values))


# ---- create

def test_create_generic_from_literals(k, data):
    out = k.out("create", "secret", "generic", "s", f"--from-literal=a={data}", "--from-literal=b=two words")
    assert out == "secret/s created\n"
    assert value_of(k, "s", "a") == data
    assert value_of(k, "s", "b") == "two words"


def test_create_generic_from_files(k, data):
    file = k.kubectl.home / "in.bin"
    file.write_bytes(bytes(range(256)))
    environment = k.kubectl.home / "in.env"
    environment.write_text(f"# comment\nFIRST={data}\nSECOND=2\n")
    k("create", "secret", "generic", "f", f"--from-file={file}", f"--from-file=named={file}")
    k("create", "secret", "generic", "e", f"--from-env-file={environment}")
    found = k.json("get", "secret", "f")["data"]
    assert {key: base64.b64decode(value) for key, value in found.items()} == {"in.bin": bytes(range(256)), "named": bytes(range(256))}
    assert value_of(k, "e", "FIRST") == data


def test_create_tls(k):
    code, _ = harness.run_to_end(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x",
                                  "-keyout", str(k.kubectl.home / "k.pem"), "-out", str(k.kubectl.home / "c.pem")])
    assert code == 0
    k("create", "secret", "tls", "t", "--cert=c.pem", "--key=k.pem")
    found = k.json("get", "secret", "t")
    assert found["type"] == "kubernetes.io/tls"
    assert sorted(found["data"]) == ["tls.crt", "tls.key"]


def test_create_docker_registry(k, data):
    k("create", "secret", "docker-registry", "d", "--docker-server=r.example.com", "--docker-username=u", f"--docker-password={data}")
    found = k.json("get", "secret", "d")
    assert found["type"] == "kubernetes.io/dockerconfigjson"
    config = json.loads(base64.b64decode(found["data"][".dockerconfigjson"]))
    assert config["auths"]["r.example.com"]["password"] == data


@pytest.mark.parametrize("form", ["json", "yaml", "many"])
def test_create_from_file(k, data, form):
    body = harness.secret("m", {"a": data})
    text = {"json": json.dumps(body), "yaml": yaml.safe_dump(body),
            "many": manifest("m", a=data) + "---\n" + manifest("m2", a="b")}[form]
    file = k.kubectl.home / f"m.{form}"
    file.write_text(text)
    assert "secret/m created" in k.out("create", "-f", str(file))
    assert value_of(k, "m", "a") == data


def test_create_from_standard_input(k, data):
    k("create", "-f", "-", stdin=manifest("i", a=data))
    assert value_of(k, "i", "a") == data


def test_create_twice_is_refused(k):
    create(k, "s", a="b")
    done = k("create", "secret", "generic", "s", "--from-literal=a=c", check=False)
    assert done.returncode == 1
    assert 'secrets "s" already exists' in done.stderr
    assert value_of(k, "s", "a") == "b"


def test_create_unknown_field_is_refused_or_warned(k):
    done = k("create", "-f", "-", stdin=manifest("u", a="b") + "bogus: 1\n", check=False)
    if k.minor > 20:  # whose validation is its own, against /openapi/v2
        assert done.returncode == 1 and 'unknown field "bogus"' in done.stderr


def test_bad_manifest_changes_nothing(k):
    done = k("create", "--validate=false", "-f", "-", stdin='{"apiVersion":"v1","kind":"Secret","metadata":{"name":"x"},"data":{"a":"not base64!"}}',
             check=False)
    assert done.returncode == 1 and "illegal base64" in done.stderr
    assert k("get", "secret", "x", check=False).returncode == 1


def test_dry_run(k):
    out = k.out("create", "secret", "generic", "dry", "--from-literal=a=b", "--dry-run=server")
    assert out == "secret/dry created (server dry run)\n"
    create(k, "kept", a="b")
    assert "kept" in k.out("delete", "secret", "kept", "--dry-run=server")
    assert [item["metadata"]["name"] for item in k.json("get", "secrets")["items"]] == ["kept"]
    client = k.out("create", "secret", "generic", "c", "--from-literal=a=b", "--dry-run=client", "-o", "yaml")
    assert yaml.safe_load(client)["data"] == {"a": "Yg=="}


# ---- read

@pytest.fixture
def three(k):
    for name, label, value in (("one", "x", "1"), ("three", "z", "333"), ("two", "x", "22")):
        k("create", "-f", "-", stdin=yaml.safe_dump(harness.secret(name, {"a": value, "b": value}, metadata={"labels": {"app": label}})))
    return k


def names(text):
    return [line.split()[0] for line in text.splitlines()]


def test_get_table(three):
    lines = three.out("get", "secrets").splitlines()
    assert lines[0].split() == ["NAME", "TYPE", "DATA", "AGE"]
    assert names("\n".join(lines[1:])) == ["one", "three", "two"]
    assert lines[1].split()[1:3] == ["Opaque", "2"]
    assert re.fullmatch(r"\d+[sm].*", lines[1].split()[3])


def test_get_outputs(three):
    assert three.out("get", "secret", "one", "-o", "name") == "secret/one\n"
    assert three.out("get", "secret", "one", "-o", "jsonpath={.data.a}") == "MQ=="
    assert yaml.safe_load(three.out("get", "secret", "one", "-o", "yaml"))["data"] == {"a": "MQ==", "b": "MQ=="}
    assert three.json("get", "secret", "one")["type"] == "Opaque"
    assert names(three.out("get", "secrets", "-o", "wide"))[0] == "NAME"
    assert three.out("get", "secrets", "-o", "go-template={{range .items}}{{.metadata.name}} {{end}}") == "one three two "
    assert three.out("get", "secrets", "-o", "custom-columns=N:.metadata.name", "--no-headers").split() == ["one", "three", "two"]


def test_get_by_selectors(three):
    assert names(three.out("get", "secrets", "-l", "app=x", "--no-headers")) == ["one", "two"]
    assert names(three.out("get", "secrets", "-l", "app notin (x)", "--no-headers")) == ["three"]
    assert names(three.out("get", "secrets", "--field-selector", "metadata.name=two", "--no-headers")) == ["two"]
    assert names(three.out("get", "secrets", "--field-selector", "type=Opaque,metadata.name!=two", "--no-headers")) == ["one", "three"]
    assert "No resources found" in three("get", "secrets", "-l", "app=none").stderr


def test_get_options(three):
    assert names(three.out("get", "secrets", "--sort-by=.metadata.creationTimestamp", "--no-headers"))
    assert names(three.out("get", "secrets", "--chunk-size=1", "--no-headers")) == ["one", "three", "two"]
    assert three.out("get", "secrets", "--show-labels", "--no-headers").splitlines()[0].endswith("app=x")
    assert three.out("get", "secrets", "-L", "app", "--no-headers").splitlines()[1].endswith("z")
    assert three.namespace in three.out("get", "secrets", "-A", "--no-headers")
    assert names(three.out("get", "secret", "one", "two", "--no-headers")) == ["one", "two"]
    assert "no-such" not in three("get", "secret", "no-such", "--ignore-not-found").stdout


def test_get_missing(k):
    done = k("get", "secret", "nope", check=False)
    assert done.returncode == 1
    assert done.stderr == 'Error from server (NotFound): secrets "nope" not found\n'


def test_describe(three, data):
    create(three, "d", password=data)
    out = three.out("describe", "secret", "d")
    assert f"password:  {len(data)} bytes" in out and data not in out
    assert "Type:  Opaque" in out


def test_watch(k):
    create(k, "w", a="1")
    watch = k.kubectl.start("-n", k.namespace, "get", "secret", "w", "-w", "-o", 'jsonpath={.data.a}{"\\n"}')
    watch.wait_line(harness.b64("1"))
    k("replace", "-f", "-", stdin=manifest("w", a="2"))
    watch.wait_line(harness.b64("2"))
    watch.end()


def test_watch_table_of_all(k):
    create(k, "first", a="1")
    watch = k.kubectl.start("-n", k.namespace, "get", "secrets", "--watch", "--output-watch-events")
    watch.wait_line("first")
    create(k, "second", a="1")
    assert watch.wait_line("second").split()[0] == "ADDED"
    k("delete", "secret", "second")
    assert watch.wait_line("DELETED").split()[1] == "second"
    watch.end()


# ---- change and delete

def test_replace(k):
    create(k, "r", a="1")
    assert k.out("replace", "-f", "-", stdin=manifest("r", a="2")) == "secret/r replaced\n"
    assert value_of(k, "r", "a") == "2"
    before = k.json("get", "secret", "r")["metadata"]["uid"]
    k("replace", "--force", "-f", "-", stdin=manifest("r", a="3"))
    assert value_of(k, "r", "a") == "3"
    assert k.json("get", "secret", "r")["metadata"]["uid"] != before


def test_replace_conflict(k):
    create(k, "r", a="1")
    old = k.json("get", "secret", "r")
    k("replace", "-f", "-", stdin=manifest("r", a="2"))
    done = k("replace", "-f", "-", stdin=json.dumps(old), check=False)
    assert done.returncode == 1 and "the object has been modified" in done.stderr
    assert value_of(k, "r", "a") == "2"


def test_labels_by_replace(k):
    create(k, "l", a="1")
    body = k.json("get", "secret", "l")
    body["metadata"]["labels"] = {"team": "blue"}
    k("replace", "-f", "-", stdin=json.dumps(body))
    assert names(k.out("get", "secrets", "-l", "team=blue", "--no-headers")) == ["l"]


def test_immutable(k):
    k("create", "-f", "-", stdin=yaml.safe_dump(harness.secret("imm", {"a": "b"}, immutable=True)))
    done = k("replace", "-f", "-", stdin=yaml.safe_dump(harness.secret("imm", {"a": "c"}, immutable=True)), check=False)
    assert done.returncode == 1 and "field is immutable" in done.stderr


def test_delete(three):
    assert three.out("delete", "secret", "one").startswith('secret "one" deleted')
    assert "not found" in three("delete", "secret", "one", check=False).stderr
    three("delete", "secret", "one", "--ignore-not-found")
    assert "two" in three.out("delete", "secrets", "-l", "app=x")
    assert names(three.out("get", "secrets", "--no-headers")) == ["three"]
    three("delete", "secrets", "--all")
    assert three.json("get", "secrets")["items"] == []


def test_delete_from_file_and_now(k):
    create(k, "f", a="b")
    k("delete", "-f", "-", stdin=manifest("f", a="b"))
    create(k, "n", a="b")
    k("delete", "secret", "n", "--now")
    assert k.json("get", "secrets")["items"] == []


def test_wait_for_delete(k, server):
    create(k, "w", a="b")
    before = server.metric("coffer_watches")
    waiting = k.kubectl.start("-n", k.namespace, "wait", "--for=delete", "secret/w", "--timeout=30s")
    harness.poll(lambda: server.metric("coffer_watches") > before, "its watch")
    k("delete", "secret", "w")
    assert waiting.process.wait(30) == 0


# ---- namespaces

def test_namespace(kubectl, kubectl_program):
    name = "ns-" + harness.secrets.token_hex(3)
    assert kubectl.out("create", "namespace", name) == f"namespace/{name} created\n"
    row = kubectl.out("get", "namespace", name, "--no-headers").split()
    assert row[:2] == [name, "Active"]
    assert json.loads(kubectl.out("get", "namespace", name, "-o", "json"))["metadata"]["labels"] == {"kubernetes.io/metadata.name": name}
    kubectl.run("-n", name, "create", "secret", "generic", "s", "--from-literal=a=b")
    assert kubectl.out("delete", "namespace", name) == f'namespace "{name}" deleted\n'
    assert kubectl.run("get", "namespace", name, check=False).returncode == 1


def test_default_namespaces(kubectl):
    assert {"default", "kube-system"} <= set(names(kubectl.out("get", "namespaces", "--no-headers")))


def test_create_in_missing_namespace(kubectl):
    done = kubectl.run("-n", "nope", "create", "secret", "generic", "s", "--from-literal=a=b", check=False)
    assert done.returncode == 1 and 'namespaces "nope" not found' in done.stderr


# ---- discovery

def test_api_resources(kubectl):
    rows = {line.split()[0]: line.split()[1:] for line in kubectl.out("api-resources", "--no-headers").splitlines()}
    assert rows["secrets"] == ["v1", "true", "Secret"]
    assert rows["namespaces"] == ["ns", "v1", "false", "Namespace"]
    assert "secrets" in kubectl.out("api-resources", "--verbs=list,watch,deletecollection", "-o", "name")


def test_api_versions_and_version(kubectl):
    assert "v1" in kubectl.out("api-versions").split()
    version = json.loads(kubectl.out("version", "-o", "json"))["serverVersion"]
    assert version["major"] == "1" and int(version["minor"].rstrip("+")) >= 30


def test_explain(kubectl):
    out = kubectl.out("explain", "secret")
    assert re.search(r"KIND:\s+Secret", out) and re.search(r"VERSION:\s+v1", out)
    for field in ("data", "immutable", "stringData", "type", "metadata"):
        assert re.search(rf"^\s+{field}\s*<", out, re.MULTILINE), field
    assert "generateName" in kubectl.out("explain", "secret.metadata")


def test_raw(kubectl):
    assert kubectl.out("get", "--raw", "/readyz") == "ok"
    assert "readyz check passed" in kubectl.out("get", "--raw", "/readyz?verbose")
    assert "# TYPE" in kubectl.out("get", "--raw", "/metrics")


def test_there_is_a_newest_kubectl(client, server):
    """Left out, with the reason, where it cannot be built: then the tests here ran without it."""
    assert harness.Kubectl(client("kubectl"), server).minor >= 34


def test_unknown_resource(kubectl):
    done = kubectl.run("get", "frobs", check=False)
    assert done.returncode == 1 and "the server doesn't have a resource type \"frobs\"" in done.stderr
