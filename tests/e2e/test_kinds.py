# SPDX-License-Identifier: Apache-2.0
"""One object of every kind, created as on a kube-apiserver that recorded its answers (tests/golden/objects): whole
answers, with managedFields, the rows of tables and discovery come out the same. Only what differs from run to run is masked."""
import json
import re
from urllib.parse import quote

import harness
import pytest

OBJECTS = harness.ROOT / "tests" / "golden" / "objects"
CREATED = json.loads((OBJECTS / "created.json").read_text())
TABLES = json.loads((OBJECTS / "tables.json").read_text())
DISCOVERY = json.loads((OBJECTS / "discovery.json").read_text())
TABLE = ("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
# Cells that differ from run to run.
PASSING = {"Age", "Created At", "MissingPL", "Cluster-IP", "Last Seen", "First Seen"}
CONTROLLER = re.compile(r"(?<=controller-uid=)[0-9a-f-]{36}")
# What recorded the answers was no client with a name.
ANONYMOUS = ("User-Agent", "unknown")

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
MASKED = {"uid", "resourceVersion", "clusterIP", "batch.kubernetes.io/controller-uid", "controller-uid"}
# Answers to other requests than creates of objects.
OTHERS = {"tokenrequest", "crd-established"}
# Differences that docs/compatibility.md names: entry and path, or table and column.
DIFFERENT = {
    ("persistentvolume", "metadata.finalizers"),
    ("persistentvolumeclaim", "metadata.finalizers"),
    ("csr", "spec.username"),
    ("csr", "spec.groups"),
    ("csr", "spec.extra"),
    ("/apis/certificates.k8s.io/v1/certificatesigningrequests", "Requestor"),
    ("/api/v1/namespaces/d/resourcequotas", "Request"),  # the recorded server had no controllers
}


def masked(value, key=""):
    if isinstance(value, dict):
        return {k: masked(v, k) for k, v in value.items()}
    if isinstance(value, list):
        # the one address of a service that is not headless
        return ["*"] if key == "clusterIPs" and value != ["None"] else [masked(v) for v in value]
    if key in MASKED and value not in ("None", ""):
        return "*"
    return "*" if isinstance(value, str) and TIME.match(value) and not value.startswith("2026-01-01") else value


def without(value, path):
    name, _, rest = path.partition(".")
    if isinstance(value, dict) and name in value:
        if rest:
            without(value[name], rest)
        else:
            del value[name]


def without_writer(document):
    """docs/pod-secrets.md: what makes Pods notes who wrote its template."""
    annotations = document.get("metadata", {}).get("annotations", {})
    if annotations.pop("coffer.dev/pod-writer", None) and not annotations:
        del document["metadata"]["annotations"]
    return document


def comparable(entry, answer):
    document = without_writer(masked(json.loads(json.dumps(answer))))
    for name, path in DIFFERENT:
        if name == entry:
            without(document, path)
    # a name that was drawn for the token of an account
    return json.loads(re.sub(r"kube-api-access-[a-z0-9]{5}", "kube-api-access-*", json.dumps(document)))


@pytest.fixture(scope="module")
def populated():
    """A server with all of them, and what it answered. As on the recorded one, pods may use their host."""
    answers = {}
    with harness.Server(flags=["--pod-security-default", "privileged"]) as server:
        server.call("POST", "/api/v1/namespaces", {"metadata": {"name": "d"}})
        account = server.watch("/api/v1/namespaces/d/serviceaccounts?watch=true&resourceVersion=0")
        account.until(lambda event: event["object"]["metadata"]["name"] == "default")
        for entry, exchange in CREATED.items():
            request = exchange["request"]
            if entry in OTHERS:
                continue
            if entry == "custom-resource":
                established(server, "foos.ex.example.com")
            answers[entry] = server.request(request["method"], request["path"], json.dumps(request["body"]).encode(),
                                            [ANONYMOUS, ("Content-Type", "application/json")])
        yield server, answers


def established(server, name):
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    watch = server.watch(f"{path}?watch=true&resourceVersion=0&fieldSelector=metadata.name%3D{quote(name)}")
    watch.until(lambda event: any(c["type"] == "Established" and c["status"] == "True"
                                  for c in event["object"].get("status", {}).get("conditions", [])))


@pytest.mark.parametrize("entry", [e for e in CREATED if e not in OTHERS])
def test_created(populated, entry):
    answer = populated[1][entry]
    recorded = CREATED[entry]
    assert answer.status == recorded["status"], answer.body
    assert comparable(entry, answer.json()) == comparable(entry, recorded["response"])


@pytest.mark.parametrize("path", TABLES)
def test_table(populated, path):
    server, recorded = populated[0], TABLES[path]
    table = json.loads(server.request("GET", path, headers=[TABLE]).body)
    columns = [[c["name"], c["type"], c["format"], c["priority"]] for c in table["columnDefinitions"]]
    assert columns == recorded["columns"]
    compared = [i for i, column in enumerate(columns) if column[0] not in PASSING and (path, column[0]) not in DIFFERENT]
    name = next(i for i, column in enumerate(columns) if column[2] == "name")
    created = {exchange["request"]["body"]["metadata"]["name"] for entry, exchange in CREATED.items()
               if exchange["request"]["path"] == path}
    ours, theirs = ({row[name]: [CONTROLLER.sub("*", str(row[i])) for i in compared] for row in rows if row[name] in created}
                    for rows in ([row["cells"] for row in table["rows"]], recorded["rows"]))
    assert ours and ours == theirs


EVENTS = {"e": "/api/v1/namespaces/d/events", "e2": "/apis/events.k8s.io/v1/namespaces/d/events"}


@pytest.mark.parametrize("path, selector, found", [
    (EVENTS["e"], "involvedObject.name=p", {"e", "e2"}),
    (EVENTS["e"], "involvedObject.kind=Node", set()),
    (EVENTS["e"], "source=x", {"e"}),
    (EVENTS["e"], "source=x/y", {"e2"}),
    (EVENTS["e"], "reportingComponent=x/y,reason=R", {"e2"}),
    (EVENTS["e2"], "regarding.name=p,type=Normal", {"e", "e2"}),
    (EVENTS["e2"], "reportingController!=x/y", {"e"}),
])
def test_events_are_selected_by_their_fields_in_both_groups(populated, path, selector, found):
    listed = populated[0].call("GET", f"{path}?fieldSelector={quote(selector)}")
    assert {item["metadata"]["name"] for item in listed["items"]} == found


@pytest.mark.parametrize("path, selector", [(EVENTS["e"], "regarding.name=p"), (EVENTS["e2"], "involvedObject.name=p"), (EVENTS["e2"], "source=x")])
def test_fields_of_the_other_group_are_refused(populated, path, selector):
    refusal = populated[0].call("GET", f"{path}?fieldSelector={quote(selector)}", status=400)
    assert refusal["message"] == f"field label not supported: {selector.split('=')[0]}"


# Resources with no objects behind them, which later issues bring, and parts of nodes and pods that a kubelet serves.
UNSERVED = {"bindings", "componentstatuses", "nodes/proxy", "services/proxy", "pods/attach", "pods/exec", "pods/log", "pods/portforward",
            "pods/proxy", "serviceaccounts/token"}


@pytest.mark.parametrize("path", [path for path, document in DISCOVERY.items()
                                  if document.get("kind") == "APIResourceList" and "example.com" not in path
                                  and any(r["name"] not in UNSERVED for r in document["resources"])])
def test_discovery(populated, path):
    ours = {r["name"]: r for r in populated[0].call("GET", path)["resources"]}
    theirs = {r["name"]: r for r in DISCOVERY[path]["resources"] if r["name"] not in UNSERVED}
    for name, resource in theirs.items():
        assert ours.get(name) == resource


@pytest.mark.parametrize("method, path, status", [
    ("GET", "", 200), ("GET", "/absent", 404), ("GET", "?watch=true&timeoutSeconds=1", 200), ("DELETE", "?dryRun=All", 200), ("POST", "?dryRun=All", 201)])
def test_a_deprecated_kind_warns(populated, method, path, status):
    body = {"metadata": {"name": "new"}} if method == "POST" else None
    answer = populated[0].request(method, f"/api/v1/namespaces/d/endpoints{path}", body)
    assert answer.status == status
    assert answer.all("Warning") == ['299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"']
    assert populated[0].request(method, f"/api/v1/namespaces/d/configmaps{path}", body).all("Warning") == []
