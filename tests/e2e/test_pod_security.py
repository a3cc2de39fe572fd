# SPDX-License-Identifier: Apache-2.0
"""Pod Security admission: what a real kube-apiserver answered to requests about namespaces, pods and workloads, and that no privileged pod
comes about where nobody allowed it."""
import json
import re
import threading

import harness
import pytest

RECORDED = harness.ROOT / "tests" / "golden" / "pod-security" / "requests.json"
SPACES = "/api/v1/namespaces"
LABEL = "pod-security.kubernetes.io/"
PRIVILEGED = {"containers": [{"name": "c", "image": "i", "securityContext": {"privileged": True}}]}
PLAIN = {"containers": [{"name": "c", "image": "i"}]}
REFUSAL = 'pods "p" is forbidden: violates PodSecurity "baseline:latest": privileged (container "c" must not set securityContext.privileged=true)'
MERGE = [("Content-Type", "application/merge-patch+json")]


def pod(spec, name="p"):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def make_namespace(server, name, **labels):
    labels = {LABEL + key.replace("_", "-"): value for key, value in labels.items()}
    server.call("POST", SPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    harness.await_furniture(server, name)


def label(server, name, **labels):
    labels = {LABEL + key.replace("_", "-"): value for key, value in labels.items()}
    return server.call("PATCH", f"{SPACES}/{name}", {"metadata": {"labels": labels}}, headers=MERGE)


def warnings(answer):
    found = [re.fullmatch(r'299 - "(.*)"', value).group(1) for name, value in answer.headers if name.lower() == "warning"]
    return [text.replace('\\"', '"').replace("\\\\", "\\") for text in found]


def unnamed(value):
    """Without what is drawn by chance."""
    return json.loads(re.sub(r"made-[a-z0-9]{5}", "made-*", json.dumps(value)))


def test_answers_are_those_of_kube_apiserver():
    with harness.Server() as server:
        for row in json.loads(RECORDED.read_text()):
            answer = server.request(row["method"], row["path"], row["body"], headers=[("Content-Type", row["type"])])
            body, shown = answer.json(), f"{row['method']} {row['path']} {json.dumps(row['body'])}"
            assert answer.status == row["code"], f"{shown}: {answer}"
            assert warnings(answer) == row.get("warnings", []), shown
            for field in ("reason", "message", "details"):
                if field in row:
                    assert unnamed(body.get(field)) == unnamed(row[field]), shown
            if row["path"] == SPACES and row["code"] == 201:
                harness.await_furniture(server, row["body"]["metadata"]["name"])


@pytest.mark.parametrize("level,refused", [("privileged", None), ("restricted", "restricted:latest")])
def test_default_can_be_changed(level, refused):
    with harness.Server(flags=["--pod-security-default", level]) as server:
        make_namespace(server, "n")
        answer = server.request("POST", f"{SPACES}/n/pods", pod(PRIVILEGED))
        assert answer.status == (403 if refused else 201)
        assert not refused or f'violates PodSecurity "{refused}": privileged (' in answer.json()["message"]
        assert server.request("POST", f"{SPACES}/kube-system/pods", pod(PRIVILEGED)).status == 201
        assert ("is root on its node" in server.output()) == (level == "privileged")


def test_an_unknown_default_is_refused():
    code, output = harness.run_to_end([harness.binary(), "serve", "--pod-security-default", "none"])
    assert code == 2 and "privileged" in output and "baseline" in output and "restricted" in output


def test_labels_are_in_force_at_once(server, namespace):
    harness.await_furniture(server, namespace)
    for _ in range(20):
        assert server.request("POST", f"{SPACES}/{namespace}/pods?dryRun=All", pod(PRIVILEGED)).status == 403
        label(server, namespace, enforce="privileged")
        assert server.request("POST", f"{SPACES}/{namespace}/pods?dryRun=All", pod(PRIVILEGED)).status == 201
        label(server, namespace, enforce=None)


def test_a_label_and_a_pod_at_once_have_an_order(server, namespace):
    """Whoever was told that a namespace is tightened finds no privileged pod made after that."""
    harness.await_furniture(server, namespace)
    label(server, namespace, enforce="privileged")
    tightened, late = threading.Event(), []

    def create(worker):
        for turn in range(60):
            before = tightened.is_set()
            status = server.request("POST", f"{SPACES}/{namespace}/pods", pod(PRIVILEGED, f"p{worker}-{turn}")).status
            assert status in (201, 403)
            if before and status == 201:
                late.append((worker, turn))
            if status == 403:
                return

    workers = [threading.Thread(target=create, args=(number,)) for number in range(3)]
    for worker in workers:
        worker.start()
    label(server, namespace, enforce="baseline")
    tightened.set()
    for worker in workers:
        worker.join()
    assert late == []


def test_every_way_to_write_a_pod_is_guarded(server, namespace):
    harness.await_furniture(server, namespace)
    pods, server_side = f"{SPACES}/{namespace}/pods", [("Content-Type", "application/apply-patch+yaml")]
    yaml_body = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: i, securityContext: {privileged: true}}]}\n"
    refused = [server.request("POST", pods, pod(PRIVILEGED)), server.request("POST", pods + "?dryRun=All", pod(PRIVILEGED)),
               server.request("POST", pods, yaml_body, headers=[("Content-Type", "application/yaml")]),
               server.request("PATCH", pods + "/p?fieldManager=m", pod(PRIVILEGED), headers=server_side)]
    for answer in refused:
        assert answer.status == 403 and answer.json()["message"] == REFUSAL
    server.call("POST", pods, pod(PLAIN))
    debugger = {"spec": {"ephemeralContainers": [{"name": "c2", "image": "i", "securityContext": {"privileged": True}}]}}
    for content_type in ("application/merge-patch+json", "application/strategic-merge-patch+json"):
        answer = server.request("PATCH", pods + "/p/ephemeralcontainers", debugger, headers=[("Content-Type", content_type)])
        assert answer.status == 403 and 'container "c2" must not set' in answer.json()["message"]
    stored = server.call("GET", pods + "/p")
    stored["spec"]["ephemeralContainers"] = debugger["spec"]["ephemeralContainers"]
    assert server.request("PUT", pods + "/p/ephemeralcontainers", stored).status == 403
    assert "ephemeralContainers" not in server.call("GET", pods + "/p")["spec"]
    assert server.request("DELETE", pods + "/p").status == 200


def test_long_refusals_are_told_whole(server, namespace):
    harness.await_furniture(server, namespace)
    names = [f"container-{n:03}" for n in range(300)]
    spec = {"containers": [{"name": name, "image": "i", "securityContext": {"privileged": True}} for name in names]}
    message = server.request("POST", f"{SPACES}/{namespace}/pods", pod(spec)).json()["message"]
    assert message.endswith('(containers "' + '", "'.join(names) + '" must not set securityContext.privileged=true)')
