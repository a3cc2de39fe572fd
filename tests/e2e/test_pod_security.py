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
MERGE, STRATEGIC = ([("Content-Type", f"application/{kind}-patch+json")] for kind in ("merge", "strategic-merge"))


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


def race(server, namespace, turn):
    """Pods are made, and get new images, while a label forbids them. The revisions of what was written, and of the label."""
    pods, written = f"{SPACES}/{namespace}/pods", []

    def write(worker):
        image = {"spec": {"containers": [{"name": "c", "image": ""}]}}
        with server.connect() as connection:
            for step in range(200):
                image["spec"]["containers"][0]["image"] = f"i{turn}-{step}"
                for answer in (connection.request("POST", pods, [], pod(PRIVILEGED, f"p{turn}-{worker}-{step}")),
                               connection.request("PATCH", f"{pods}/old{worker}", STRATEGIC, image)):
                    assert answer.status in (200, 201, 403), answer
                    if answer.status == 403:
                        return
                    written.append(int(answer.json()["metadata"]["resourceVersion"]))

    workers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    harness.poll(lambda: len(written) > 10, "some writes")
    tightened = label(server, namespace, enforce="baseline")
    for worker in workers:
        worker.join()
    return written, int(tightened["metadata"]["resourceVersion"])


def test_no_pod_slips_in_beside_a_label(server, namespace):
    """What is written after a namespace was tightened, in the order of revisions, was judged by the new label."""
    harness.await_furniture(server, namespace)
    label(server, namespace, enforce="privileged")
    for worker in range(4):
        server.call("POST", f"{SPACES}/{namespace}/pods", pod(PRIVILEGED, f"old{worker}"))
    for turn in range(10):
        written, tightened = race(server, namespace, turn)
        assert len(written) > 10 and max(written) < tightened
        label(server, namespace, enforce="privileged")


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


def test_a_new_label_looks_at_a_bounded_number_of_pods(server, namespace):
    harness.await_furniture(server, namespace)
    label(server, namespace, enforce="privileged")

    def create(worker):
        with server.connect() as connection:
            for number in range(worker, 3001, 4):
                assert connection.request("POST", f"{SPACES}/{namespace}/pods", [], pod(PRIVILEGED, f"p{number:04}")).status == 201

    harness.in_threads(4, create)
    change = {"metadata": {"labels": {LABEL + "enforce": "baseline"}}}
    bound, headline, pods = warnings(server.request("PATCH", f"{SPACES}/{namespace}", change, headers=MERGE))
    checked = int(re.fullmatch(r"new PodSecurity enforce level only checked against the first (\d+) of 3001 existing pods", bound).group(1))
    assert 1 < checked <= 3000
    assert headline == f'existing pods in namespace "{namespace}" violate the new PodSecurity enforce level "baseline:latest"'
    assert pods == f"p0000 (and {checked - 1} other pods): privileged"


def test_app_armor_annotations_stay_as_they_were_judged(server, namespace):
    key = "container.apparmor.security.beta.kubernetes.io/c"
    path = f"/api/v1/namespaces/{namespace}/pods"
    harness.await_furniture(server, namespace)
    server.call("POST", path, {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
    patch = [("Content-Type", "application/merge-patch+json")]
    for part in ("", "/status"):
        answer = server.request("PATCH", f"{path}/a{part}", {"metadata": {"annotations": {key: "unconfined"}}}, patch)
        assert answer.status == 422 and "may not add AppArmor annotations" in answer.json()["message"], answer
