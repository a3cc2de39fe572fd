# SPDX-License-Identifier: Apache-2.0
"""kubectl apply, of both kinds, and diff, by each kubectl there is."""
import json

import harness
import pytest
import yaml

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def dump(*objects):
    return yaml.safe_dump_all(objects)


def config(name, data, **metadata):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}, "data": data}


def deployment(name, image="a:1", replicas=2):
    labels = {"app": name}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels},
                                  "spec": {"containers": [{"name": "main", "image": image, "ports": [{"containerPort": 80}]},
                                                          {"name": "side", "image": "side:1", "env": [{"name": "A", "value": "1"}]}]}}}}


def apply(k, text, *options, **more):
    return k("apply", *options, "-f", "-", stdin=text, **more)


def versions(k, *names):
    return [k.json("get", name)["metadata"]["resourceVersion"] for name in names]


@pytest.mark.parametrize("side", ["client", "server"])
def test_what_is_unchanged_is_not_written(k, side):
    options = ["--server-side"] if side == "server" else []
    text = dump(harness.secret("s", {"a": "1"}), harness.secret("p", stringData={"a": "plain"}), config("c", {"a": "1"}), deployment("d"))
    named = ["secret/s", "secret/p", "configmap/c", "deployment/d"]
    assert apply(k, text, *options).stdout.count({"client": "created", "server": "serverside-applied"}[side]) == 4
    before = versions(k, *named)
    out = apply(k, text, *options).stdout
    assert versions(k, *named) == before
    # what a Secret's stringData became is in data: kubectl finds no stringData, sends it again, and the server writes nothing
    assert side == "server" or out.count("unchanged") + out.count("secret/p configured") == 4, out


def test_three_way_merge(k):
    apply(k, dump(config("c", {"a": "1", "b": "2"}, labels={"mine": "1", "both": "1"})))
    k("label", "configmap", "c", "theirs=1")
    k("patch", "configmap", "c", "-p", '{"data":{"z":"theirs"}}')
    assert apply(k, dump(config("c", {"a": "3"}, labels={"both": "2"}))).stdout == "configmap/c configured\n"
    found = k.json("get", "configmap", "c")
    assert found["data"] == {"a": "3", "z": "theirs"} and found["metadata"]["labels"] == {"both": "2", "theirs": "1"}
    assert json.loads(found["metadata"]["annotations"][LAST_APPLIED])["data"] == {"a": "3"}


def test_lists_are_merged_by_name(k):
    apply(k, dump(deployment("d")))
    k("set", "env", "deployment/d", "-c", "side", "B=theirs")
    changed = deployment("d", image="a:2")
    changed["spec"]["template"]["spec"]["containers"][1]["env"] = [{"name": "C", "value": "3"}]
    apply(k, dump(changed))
    main, side = k.json("get", "deployment", "d")["spec"]["template"]["spec"]["containers"]
    assert main["image"] == "a:2" and sorted(e["name"] for e in side["env"]) == ["B", "C"]
    del changed["spec"]["template"]["spec"]["containers"][1]
    apply(k, dump(changed))
    assert [c["name"] for c in k.json("get", "deployment", "d")["spec"]["template"]["spec"]["containers"]] == ["main"]


def test_apply_of_what_was_created_warns(k):
    k("create", "secret", "generic", "s", "--from-literal=a=1")
    done = apply(k, dump(harness.secret("s", {"b": "2"})))
    assert "missing the" in done.stderr and "configured" in done.stdout
    assert set(k.json("get", "secret", "s")["data"]) == {"a", "b"}


def test_a_secret_keeps_its_values_out_of_metadata(k, server):
    """Apply goes on working with the annotation that only the object itself shows."""
    value = harness.canary("apply")
    apply(k, dump(harness.secret("s", {"a": value, "b": "2"})))
    assert harness.b64(value) in k.json("get", "secret", "s")["metadata"]["annotations"][LAST_APPLIED]
    answer = server.request("GET", f"/api/v1/namespaces/{k.namespace}/secrets/s",
                            headers=[("Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")])
    assert harness.b64(value) not in answer.body.decode() and LAST_APPLIED in answer.json()["metadata"]["annotations"]
    apply(k, dump(harness.secret("s", {"b": "3"})))
    assert k.json("get", "secret", "s")["data"] == {"b": harness.b64("3")}


def test_last_applied_commands(k):
    apply(k, dump(config("c", {"a": "1"})))
    assert yaml.safe_load(k.out("apply", "view-last-applied", "configmap", "c"))["data"] == {"a": "1"}
    (k.kubectl.home / "other.yaml").write_text(dump(config("c", {"b": "2"})))
    k("apply", "set-last-applied", "-f", "other.yaml")
    assert yaml.safe_load(k.out("apply", "view-last-applied", "configmap/c"))["data"] == {"b": "2"}


def test_prune(k):
    kinds = "--prune-allowlist" if k.minor > 25 else "--prune-whitelist"
    options = ["--prune", "-l", "set=x", f"{kinds}=core/v1/Secret", f"{kinds}=core/v1/ConfigMap"]
    both = [harness.secret("s", {"a": "1"}, metadata={"labels": {"set": "x"}}), config("c", {"a": "1"}, labels={"set": "x"})]
    k("create", "secret", "generic", "other", "--from-literal=a=1")
    apply(k, dump(*both), *options)
    out = apply(k, dump(both[1]), *options).stdout
    assert "secret/s pruned" in out and "configmap/c unchanged" in out
    assert [i["metadata"]["name"] for i in k.json("get", "secrets")["items"]] == ["other"]


def test_apply_set(k):
    """kubectl keeps the list of what belongs to a set in a Secret."""
    if k.minor < 27:
        pytest.skip("this kubectl has no apply sets")
    k.kubectl.environment["KUBECTL_APPLYSET"] = "true"
    options = ["--prune", "--applyset=secrets/mine"]
    apply(k, dump(harness.secret("s", {"a": "1"}), config("c", {"a": "1"})), *options)
    labels = k.json("get", "secret", "mine")["metadata"]["labels"]
    assert list(labels) == ["applyset.kubernetes.io/id"]
    assert "secret/s pruned" in apply(k, dump(config("c", {"a": "1"})), *options).stdout
    assert k("get", "secret", "s", check=False).returncode == 1


def test_directories_and_kustomizations(k):
    folder = k.kubectl.home / "all"
    folder.mkdir()
    (folder / "a.yaml").write_text(dump(config("a", {"a": "1"})))
    (folder / "b.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [config("b", {"b": "1"}), config("b2", {"b": "1"})]}))
    assert k.out("apply", "-f", "all").split() == ["configmap/a", "created", "configmap/b", "created", "configmap/b2", "created"]
    (folder / "kustomization.yaml").write_text(
        "namePrefix: k-\nresources: [a.yaml]\nsecretGenerator:\n- {name: s, literals: [x=1]}\ngeneratorOptions: {disableNameSuffixHash: true}\n")
    assert sorted(k.out("apply", "-k", "all").split()) == ["configmap/k-a", "created", "created", "secret/k-s"]
    k("delete", "-k", "all")
    assert [i["metadata"]["name"] for i in k.json("get", "secrets")["items"]] == []


# ---- server side

def managers(found):
    return {entry["manager"]: entry for entry in found["metadata"]["managedFields"]}


def get_managed(k, name):
    return k.json("get", name, *(["--show-managed-fields"] if k.minor > 20 else []))


def test_conflict_and_force(k):
    apply(k, dump(config("c", {"a": "1", "b": "1"})), "--server-side")
    text = dump(config("c", {"a": "2"}))
    done = apply(k, text, "--server-side", "--field-manager=other", check=False)
    assert done.returncode == 1 and 'conflict with "kubectl"' in done.stderr and ".data.a" in done.stderr
    assert k.json("get", "configmap", "c")["data"] == {"a": "1", "b": "1"}
    apply(k, text, "--server-side", "--field-manager=other", "--force-conflicts")
    found = get_managed(k, "configmap/c")
    assert found["data"] == {"a": "2", "b": "1"}
    entries = managers(found)
    assert {name: entry["fieldsV1"]["f:data"] for name, entry in entries.items()} == {"kubectl": {"f:b": {}}, "other": {"f:a": {}}}
    assert all(entry["operation"] == "Apply" for entry in entries.values())


def test_fields_are_removed_by_their_owner(k):
    apply(k, dump(config("c", {"a": "1", "b": "1"})), "--server-side")
    apply(k, dump(config("c", {"b": "1", "z": "1"})), "--server-side", "--field-manager=other")
    apply(k, dump(config("c", {"z": "1"})), "--server-side")
    assert k.json("get", "configmap", "c")["data"] == {"b": "1", "z": "1"}, "b has another owner still"
    apply(k, dump(config("c", {})), "--server-side", "--field-manager=other")
    assert k.json("get", "configmap", "c")["data"] == {"z": "1"}


def test_string_data_that_is_gone_leaves_data(k):
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {%s}\n"
    apply(k, text % "a: x, b: z", "--server-side")
    assert k.json("get", "secret", "s")["data"] == {"a": "eA==", "b": "eg=="}
    apply(k, text % "b: w", "--server-side")
    assert k.json("get", "secret", "s")["data"] == {"b": "dw=="}


def test_from_client_side_to_server_side(k):
    apply(k, dump(deployment("d")))
    apply(k, dump(deployment("d", replicas=3)), "--server-side")
    changed = deployment("d", replicas=3)
    del changed["spec"]["template"]["spec"]["containers"][1]
    apply(k, dump(changed), "--server-side")
    found = get_managed(k, "deployment/d")
    assert found["spec"]["replicas"] == 3 and managers(found)["kubectl"]["operation"] == "Apply"
    # newer ones migrate what the former apply owned
    assert [c["name"] for c in found["spec"]["template"]["spec"]["containers"]] == (["main"] if k.minor >= 26 else ["main", "side"])


def test_apply_after_a_scale_conflicts(k):
    apply(k, dump(deployment("d")), "--server-side")
    k("scale", "deployment/d", "--replicas=5")
    assert ".spec.replicas" in k.refused("apply", "--server-side", "-f", "-", stdin=dump(deployment("d")))


def test_refused_applies_change_nothing(k):
    apply(k, dump(config("c", {"a": "1"})), "--server-side")
    before = versions(k, "configmap/c")
    bad = dump({**config("c", {"a": "2"}), "bogus": {"x": 1}})
    assert "bogus" in k.refused("apply", "--server-side", "--validate=false", "-f", "-", stdin=bad)
    stale = dump(config("c", {"a": "2"}, resourceVersion="1"))
    assert "the object has been modified" in k.refused("apply", "--server-side", "-f", "-", stdin=stale)
    assert versions(k, "configmap/c") == before


def test_server_side_dry_run(k):
    text = dump(config("c", {"a": "1"}))
    assert apply(k, text, "--server-side", "--dry-run=server").stdout == "configmap/c serverside-applied (server dry run)\n"
    assert apply(k, text, "--dry-run=server").stdout == "configmap/c created (server dry run)\n"
    assert k("get", "configmap", "c", check=False).returncode == 1


# ---- diff

@pytest.mark.parametrize("options", [[], ["--server-side"]], ids=["client", "server"])
def test_diff(k, options):
    value, other = harness.canary("diff"), harness.canary("diff")
    objects = [harness.secret("s", {"a": value}), config("c", {"a": "1"}), deployment("d")]
    done = k("diff", *options, "-f", "-", stdin=dump(objects[1]), check=False)
    assert done.returncode == 1 and "+  name: c" in done.stdout, "an object that would be new"
    apply(k, dump(*objects), *options)
    before = versions(k, "secret/s", "configmap/c", "deployment/d")
    done = k("diff", *options, "-f", "-", stdin=dump(*objects), check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    objects[0]["data"]["a"], objects[1]["data"]["a"], objects[2]["spec"]["replicas"] = harness.b64(other), "2", 9
    done = k("diff", *options, "-f", "-", stdin=dump(*objects), check=False)
    assert done.returncode == 1, done.stderr
    assert "-  a: \"1\"\n+  a: \"2\"" in done.stdout and "-  replicas: 2\n+  replicas: 9" in done.stdout
    assert k.minor == 20 or harness.b64(other) not in done.stdout, "values of Secrets are masked"
    assert versions(k, "secret/s", "configmap/c", "deployment/d") == before
    done = k("diff", *options, "-f", "-", stdin=dump({**config("c", {}), "kind": "Bogus"}), check=False)
    assert done.returncode > 1
