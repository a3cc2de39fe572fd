# SPDX-License-Identifier: Apache-2.0
"""kubectl's commands that change objects: edit, patch, label, set, scale and their like, and those that make objects from options."""
import json

import harness
import pytest
import yaml


def editor(k, script):
    """KUBE_EDITOR becomes a shell script that gets the file as $1."""
    file = k.kubectl.home / "editor.sh"
    file.write_text("#!/bin/sh\n" + script + "\n")
    file.chmod(0o700)
    k.kubectl.environment["KUBE_EDITOR"] = str(file)


@pytest.fixture
def deployment(k):
    k("create", "deployment", "d", "--image=a:1")
    return "deployment/d"


def template(k):
    return k.json("get", "deployment", "d")["spec"]["template"]


# ---- edit

def test_edit(k):
    value = harness.canary("edit")
    k("create", "secret", "generic", "s", "--from-literal=a=1")
    editor(k, f"sed -i 's/^  a: .*/  a: {harness.b64(value)}/' \"$1\"")
    assert k.out("edit", "secret", "s") == "secret/s edited\n"
    assert k.json("get", "secret", "s")["data"] == {"a": harness.b64(value)}
    editor(k, "true")
    done = k("edit", "secret", "s")
    assert "Edit cancelled, no changes made" in done.stdout + done.stderr


def test_edit_that_is_refused_is_offered_again(k):
    k("create", "secret", "generic", "s", "--from-literal=a=1")
    editor(k, f"""echo round >> {k.kubectl.home}/rounds
if grep -q 'illegal base64\\|is invalid\\|cannot' "$1"; then cp "$1" {k.kubectl.home}/second; sed -i 's/^  a: .*/  a: Mg==/' "$1"
else sed -i 's/^  a: .*/  a: "not base64!"/' "$1"; fi""")
    k("edit", "secret", "s")
    assert (k.kubectl.home / "rounds").read_text() == "round\nround\n"
    assert k.json("get", "secret", "s")["data"] == {"a": "Mg=="}


def test_edit_of_many_and_of_another_kind(k, deployment):
    k("create", "configmap", "c", "--from-literal=a=1")
    editor(k, "sed -i 's/^    a: \"1\"/    a: \"2\"/; s/replicas: 1$/replicas: 3/' \"$1\"")
    out = k.out("edit", "configmap/c", deployment)
    assert "configmap/c edited" in out and "deployment.apps/d edited" in out
    assert k.json("get", "configmap", "c")["data"] == {"a": "2"} and k.json("get", deployment)["spec"]["replicas"] == 3


# ---- patch

def test_patch_types(k, deployment):
    containers = '{"spec":{"template":{"spec":{"containers":[{"name":"%s","image":"b:1"}]}}}}'
    k("patch", deployment, "-p", containers % "side")
    assert sorted(c["name"] for c in template(k)["spec"]["containers"]) == ["a", "side"]
    k("patch", deployment, "--type=strategic", "-p", '{"spec":{"template":{"spec":{"containers":[{"name":"a","$patch":"delete"}]}}}}')
    assert [c["name"] for c in template(k)["spec"]["containers"]] == ["side"]
    k("patch", deployment, "--type=merge", "-p", containers % "other")
    assert [c["name"] for c in template(k)["spec"]["containers"]] == ["other"]
    k("patch", deployment, "--type=json", "-p", '[{"op":"replace","path":"/spec/replicas","value":4},{"op":"test","path":"/spec/replicas","value":4}]')
    assert k.json("get", deployment)["spec"]["replicas"] == 4
    (k.kubectl.home / "p.yaml").write_text("spec:\n  replicas: 5\n")
    if k.minor > 20:
        k("patch", deployment, "--patch-file=p.yaml")
        assert k.json("get", deployment)["spec"]["replicas"] == 5


def test_patch_refused(k, deployment):
    before = k.json("get", deployment)["metadata"]["resourceVersion"]
    value = harness.canary("patch")
    assert "spec.replicas: Invalid value: -1" in k.refused("patch", deployment, "-p", '{"spec":{"replicas":-1}}')
    assert "field is immutable" in k.refused("patch", deployment, "-p", '{"spec":{"selector":{"matchLabels":{"x":"y"}}}}')
    assert "not found" in k.refused("patch", "deployment", "no", "-p", "{}")
    k.refused("patch", deployment, "--type=json", "-p", '[{"op":"remove","path":"/spec/bogus"}]')
    k("create", "secret", "generic", "s", f"--from-literal=a={value}")
    refused = k.refused("patch", "secret", "s", "--type=json", "-p", '[{"op":"test","path":"/data/a","value":"x"}]')
    assert value not in refused and harness.b64(value) not in refused
    assert k.json("get", deployment)["metadata"]["resourceVersion"] == before
    done = k("patch", deployment, "-p", '{"spec":{"replicas":1}}')
    assert "(no change)" in done.stdout and k.json("get", deployment)["metadata"]["resourceVersion"] == before


def test_patch_of_subresources(k, deployment):
    if k.minor < 24:
        pytest.skip("this kubectl patches no subresources")
    k("patch", deployment, "--subresource=status", "--type=merge", "-p", '{"status":{"replicas":7},"spec":{"replicas":9}}')
    found = k.json("get", deployment)
    assert (found["status"]["replicas"], found["spec"]["replicas"]) == (7, 1)
    k("patch", deployment, "--subresource=scale", "--type=merge", "-p", '{"spec":{"replicas":2}}')
    assert k.json("get", deployment, "--subresource=scale")["spec"]["replicas"] == 2


# ---- label, annotate, scale, set, rollout

def test_label_and_annotate(k):
    for name in ("a", "b"):
        k("create", "configmap", name, f"--from-literal=x={name}")
    assert k.out("label", "configmap", "a", "app=x", "tier=db") == "configmap/a labeled\n"
    assert "already has a value" in k.refused("label", "configmap", "a", "app=y")
    k("label", "configmap", "a", "app=y", "--overwrite")
    k("label", "configmap", "-l", "app=y", "tier-")
    assert k.json("get", "configmap", "a")["metadata"]["labels"] == {"app": "y"}
    k("label", "configmaps", "--all", "all=1")
    assert "configmap/b" in k.out("get", "configmaps", "-l", "all=1,app!=y,!none", "-o", "name").split()
    assert k.out("annotate", "configmap", "a", "note=it's here").startswith("configmap/a annotate")
    k("annotate", "configmap", "a", "note-", "other=1")
    assert k.json("get", "configmap", "a")["metadata"]["annotations"] == {"other": "1"}
    assert "a valid label must be" in k.refused("label", "configmap", "a", "x=a b")
    assert "the object has been modified" in k.refused("label", "configmap", "a", "z=1", "--resource-version=1")


def test_scale(k, deployment):
    assert k.out("scale", deployment, "--replicas=3") == "deployment.apps/d scaled\n"
    assert "Expected replicas to be 1, was 3" in k.refused("scale", deployment, "--current-replicas=1", "--replicas=4")
    k("create", "-f", "-", stdin=yaml.safe_dump({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "s"}, "spec": {
            "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}}))
    k("scale", "statefulset/s", "--replicas=2")
    assert k.json("get", "statefulset", "s")["spec"]["replicas"] == 2 and k.json("get", deployment)["spec"]["replicas"] == 3


def test_set(k, deployment):
    k("set", "image", deployment, "a=a:2")
    k("set", "env", deployment, "A=1", "B=2")
    k("set", "env", deployment, "A-")
    k("create", "secret", "generic", "s", "--from-literal=key=1")
    k("set", "env", deployment, "--from=secret/s", "--prefix=S_")
    k("set", "resources", deployment, "--limits=cpu=200m,memory=512Mi")
    k("set", "serviceaccount", deployment, "robot")
    spec = template(k)["spec"]
    main = spec["containers"][0]
    assert main["image"] == "a:2" and spec["serviceAccountName"] == "robot" and main["resources"]["limits"] == {"cpu": "200m", "memory": "512Mi"}
    assert main["env"] == [{"name": "B", "value": "2"}, {"name": "S_KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "key"}}}]
    k("create", "service", "clusterip", "v", "--tcp=80")
    k("set", "selector", "service", "v", "a=b")
    assert k.json("get", "service", "v")["spec"]["selector"] == {"a": "b"}
    k("create", "rolebinding", "r", "--clusterrole=view", "--user=u")
    k("set", "subject", "rolebinding", "r", "--group=g")
    assert [s["kind"] for s in k.json("get", "rolebinding", "r")["subjects"]] == ["User", "Group"]


def test_rollout(k, deployment):
    k("rollout", "restart", deployment)
    assert "kubectl.kubernetes.io/restartedAt" in template(k)["metadata"]["annotations"]
    k("rollout", "pause", deployment)
    assert k.json("get", deployment)["spec"]["paused"] is True
    assert "can't restart paused deployment" in k.refused("rollout", "restart", deployment)
    k("rollout", "resume", deployment)
    assert "paused" not in k.json("get", deployment)["spec"]
    assert k.out("rollout", "history", deployment).startswith("deployment.apps/d")
    assert "no rollout history found" in k.refused("rollout", "undo", deployment)


def test_rollout_status(k, deployment, server):
    watch = k.start("rollout", "status", deployment)
    watch.wait_line("Waiting for deployment")
    generation = k.json("get", deployment)["metadata"]["generation"]
    status = {"observedGeneration": generation, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}
    server.call("PATCH", f"/apis/apps/v1/namespaces/{k.namespace}/deployments/d/status", {"status": status},
                headers=[("Content-Type", "application/merge-patch+json")])
    watch.wait_line("successfully rolled out")
    assert watch.process.wait(30) == 0


# ---- objects made from options

GENERATED = {
    "configmap": (["configmap", "x", "--from-literal=a=b"], "configmap/x", lambda o: o["data"] == {"a": "b"}),
    "serviceaccount": (["serviceaccount", "x"], "serviceaccount/x", lambda o: True),
    "role": (["role", "x", "--verb=get,list", "--resource=secrets,deployments.apps", "--resource-name=n"], "role/x",
             lambda o: [r["apiGroups"] for r in o["rules"]] == [[""], ["apps"]] and o["rules"][0]["resourceNames"] == ["n"]),
    "rolebinding": (["rolebinding", "x", "--role=x", "--serviceaccount=default:robot", "--group=g"], "rolebinding/x",
                    lambda o: len(o["subjects"]) == 2 and o["roleRef"]["name"] == "x"),
    "quota": (["quota", "x", "--hard=secrets=5,count/deployments.apps=2"], "resourcequota/x", lambda o: o["spec"]["hard"]["secrets"] == "5"),
    "deployment": (["deployment", "x", "--image=a:1"], "deployment/x", lambda o: o["spec"]["strategy"]["type"] == "RollingUpdate"),
    "job": (["job", "x", "--image=a:1", "--", "date"], "job/x", lambda o: o["spec"]["template"]["spec"]["containers"][0]["command"] == ["date"]),
    "cronjob": (["cronjob", "x", "--image=a:1", "--schedule=*/5 * * * *"], "cronjob/x", lambda o: o["spec"]["concurrencyPolicy"] == "Allow"),
    "service": (["service", "nodeport", "x", "--tcp=80:8080"], "service/x", lambda o: o["spec"]["type"] == "NodePort"),
    "externalname": (["service", "externalname", "y", "--external-name=a.example.com"], "service/y", lambda o: o["spec"]["externalName"] == "a.example.com"),
    "ingress": (["ingress", "x", "--rule=a.example.com/*=svc:80,tls=s"], "ingress/x", lambda o: o["spec"]["tls"][0]["secretName"] == "s"),
    "pdb": (["pdb", "x", "--selector=a=b", "--min-available=1"], "pdb/x", lambda o: o["spec"]["minAvailable"] == 1),
}


def test_create_from_options(k):
    """`kubectl create KIND` for each kind that has it, and again: it is there already."""
    for name, (arguments, path, right) in GENERATED.items():
        if k.minor < 22 and name in ("cronjob", "ingress", "pdb"):
            continue  # it makes them of versions that are gone
        k("create", *arguments)
        assert right(k.json("get", path)), name
    assert '"x" already exists' in k.refused("create", "configmap", "x")


def test_create_what_has_no_namespace(k):
    name = k.namespace
    made = {f"clusterrole/{name}": ["clusterrole", name, "--verb=get", "--resource=nodes", "--non-resource-url=/metrics"],
            f"clusterrolebinding/{name}": ["clusterrolebinding", name, f"--clusterrole={name}", "--user=u"],
            f"priorityclass/{name}": ["priorityclass", name, "--value=1000", "--description=d"]}
    try:
        k("create", *made[f"clusterrole/{name}"][:2], "--verb=get", "--resource=nodes")
        k("create", *made[f"clusterrolebinding/{name}"])
        k("create", *made[f"priorityclass/{name}"])
        assert k.json("get", f"priorityclass/{name}")["value"] == 1000
        assert "may not be changed in an update" in k.refused("patch", f"priorityclass/{name}", "-p", '{"value":5}')
    finally:
        k("delete", *made, "--ignore-not-found")


def test_run_expose_autoscale(k, deployment):
    assert k.out("run", "p", "--image=a:1", "--labels=app=p", "--port=80", "--restart=Never", "--env=A=1") == "pod/p created\n"
    pod = k.json("get", "pod", "p")
    assert pod["status"]["phase"] == "Pending" and pod["spec"]["restartPolicy"] == "Never"
    assert k.out("expose", "pod", "p", "--port=80", "--name=v") == "service/v exposed\n"
    assert k.json("get", "service", "v")["spec"]["selector"] == {"app": "p"}
    k("expose", deployment, "--port=80", "--target-port=8080", "--name=w", "--type=LoadBalancer")
    k("autoscale", deployment, "--min=1", "--max=4", "--cpu-percent=50")
    found = json.loads(k.kubectl.out("get", "--raw", f"/apis/autoscaling/v2/namespaces/{k.namespace}/horizontalpodautoscalers/d"))
    assert found["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 50


def test_create_job_from_cronjob(k):
    if k.minor < 22:
        pytest.skip("this kubectl makes cron jobs of a version that is gone")
    k("create", "cronjob", "c", "--image=a:1", "--schedule=0 0 * * *")
    k("create", "job", "j", "--from=cronjob/c")
    job = k.json("get", "job", "j")
    assert job["metadata"]["ownerReferences"][0]["kind"] == "CronJob" and job["spec"]["template"]["spec"]["containers"][0]["image"] == "a:1"


# ---- delete

def names(k, kind="configmaps"):
    return [item["metadata"]["name"] for item in k.json("get", kind, "-l", "mine")["items"]]


def await_gone(k, name):
    k("wait", "--for=delete", name, "--timeout=30s", check=k.minor > 20)  # 1.20 does not take it when it is gone already
    assert "not found" in k.refused("get", name)


def owned(k, name, owner):
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"], "blockOwnerDeletion": True}
    k("create", "-f", "-", stdin=yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": name, "labels": {"mine": "1"}, "ownerReferences": [reference]}}))


@pytest.mark.parametrize("cascade", ["background", "foreground", "orphan"])
def test_delete_cascade(k, cascade):
    k("create", "configmap", "owner")
    owned(k, "child", k.json("get", "configmap", "owner"))
    k("delete", "configmap", "owner", f"--cascade={cascade}")
    assert k("get", "configmap", "owner", check=False).returncode == 1
    if cascade == "orphan":
        assert "ownerReferences" not in k.json("get", "configmap", "child")["metadata"]
    else:
        await_gone(k, "configmap/child")


def test_delete_pods(k):
    for name in ("a", "b", "c"):
        k("run", name, "--image=i", "--labels=mine=1")
    assert "force deleted" in k.out("delete", "pod", "a", "--grace-period=0", "--force")
    k("delete", "pods", "-l", "mine", "--field-selector=metadata.name=b")
    assert names(k, "pods") == ["c"]
    k("delete", "pods", "--all")
    assert names(k, "pods") == []


def test_delete_waits_for_finalizers(k):
    k("create", "configmap", "c", "--from-literal=a=1")
    k("patch", "configmap", "c", "-p", '{"metadata":{"finalizers":["example.com/hold"]}}')
    assert k.out("delete", "configmap", "c", "--wait=false").startswith('configmap "c" deleted')
    assert k.json("get", "configmap", "c")["metadata"]["deletionTimestamp"]
    k("patch", "configmap", "c", "-p", '{"metadata":{"finalizers":null}}')
    await_gone(k, "configmap/c")


def test_delete_many_kinds(k):
    k("create", "configmap", "x")
    k("create", "secret", "generic", "x")
    k("create", "deployment", "x", "--image=a")
    out = k.out("delete", "configmap/x", "secret/x", "deployment.apps/x")
    assert out.count("deleted") == 3
    k("create", "deployment", "y", "--image=a")
    k("create", "service", "clusterip", "y", "--tcp=80")
    assert k.out("delete", "all", "--all").count("deleted") == 2
    assert k.json("get", "all")["items"] == []


def test_replace_force_keeps_nothing_of_the_old(k):
    k("create", "secret", "generic", "s", "--from-literal=a=1", "--from-literal=b=1")
    before = k.json("get", "secret", "s")["metadata"]["uid"]
    k("replace", "--force", "-f", "-", stdin=yaml.safe_dump(harness.secret("s", {"a": "2"})))
    found = k.json("get", "secret", "s")
    assert found["data"] == {"a": "Mg=="} and found["metadata"]["uid"] != before
