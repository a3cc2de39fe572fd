# SPDX-License-Identifier: Apache-2.0
"""Every verb on every kind and subresource, over HTTP/1.1, HTTP/2 and WebSocket, as a user without rights and as one with all rights elsewhere: always 403, and
never a word of what is stored, nor whether it is there. An answer about what exists is, but for the name that was asked for,
byte for byte the answer about what does not."""
import json
import re
import ssl
from urllib.parse import quote

import harness
import pytest
import wire
from authority import Authority, context
from websocket import WebSocket

RBAC = "/apis/rbac.authorization.k8s.io/v1"
OBJECTS = json.loads((harness.ROOT / "tests" / "golden" / "objects" / "created.json").read_text())
# A name that exists and one that does not: of one length, so that only a difference of substance is one.
HERE, ABSENT = "is-here", "is-gone"
NAMESPACE, NO_NAMESPACE = "inhabited", "desolated"
ELSEWHERE = "elsewhere"
# What a client may be told of a request beside its answer: drawn anew, or the clock's.
PASSING = {"audit-id", "date"}
# The headers that such an answer has.
HEADERS = {"audit-id", "cache-control", "content-type", "date", "content-length", "connection", "x-content-type-options", "warning"}
FLOW_HEADERS = {"x-kubernetes-pf-flowschema-uid", "x-kubernetes-pf-prioritylevel-uid"}  # of what was let in
FORMS = [None, "application/json;as=Table;v=v1;g=meta.k8s.io", "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
         "application/yaml", "application/vnd.kubernetes.protobuf"]
PATCHES = ["application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json", "application/apply-patch+yaml"]
VERBS_OF = {"get": "GET", "list": "GET", "watch": "GET", "create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE",
            "deletecollection": "DELETE"}
# Of what kube-apiserver has and this server has not, nothing may be told either.
UNSERVED = ["pods/log", "pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "services/proxy", "nodes/proxy", "nothings", "nothings/status"]


# What everybody may ask about themselves (system:basic-user).
BASIC = {"selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"}


def everything(verbs):
    return [{"apiGroups": ["*"], "resources": ["*"], "verbs": verbs}]


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """A server with an object of each name of every kind that takes a small one, and users who may do nothing there."""
    authority = Authority(tmp_path_factory.mktemp("authority") / "ca")
    with harness.Server(flags=["--client-ca-file", str(authority.pem)]) as server:
        server.canary = harness.canary("withheld")
        for name in (NAMESPACE, ELSEWHERE):
            server.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
            harness.await_furniture(server, name)
        populate(server)
        server.pairs = {client: authority.client(client, "people") for client in ("nobody", "elsewhere", "named")}
        for client, pair in server.pairs.items():
            server.contexts[client] = context(server, pair)
        server.call("POST", f"{RBAC}/namespaces/{ELSEWHERE}/roles", {"metadata": {"name": "all"}, "rules": everything(["*"])})
        grant(server, ELSEWHERE, "all", "elsewhere")
        # who may get one name knows nothing of the others
        server.call("POST", f"{RBAC}/namespaces/{NAMESPACE}/roles", {"metadata": {"name": "one"}, "rules": [
            {"apiGroups": ["*"], "resources": ["*"], "resourceNames": ["granted"], "verbs": ["*"]}]})
        grant(server, NAMESPACE, "one", "named")
        server.needles = harness.needles([server.canary])
        yield server


def grant(server, namespace, role, user):
    group = "rbac.authorization.k8s.io"
    server.call("POST", f"{RBAC}/namespaces/{namespace}/rolebindings", {
        "metadata": {"name": user}, "roleRef": {"apiGroup": group, "kind": "Role", "name": role}, "subjects": [{"kind": "User", "apiGroup": group, "name": user}]})


def collection(group_version, resource, namespace):
    prefix = f"/api/{group_version}" if "/" not in group_version else f"/apis/{group_version}"
    return f"{prefix}/namespaces/{namespace}/{resource}" if namespace else f"{prefix}/{resource}"


def populate(server):
    """HERE of each kind for which an object was recorded, with a canary wherever it may stand."""
    server.made = set()
    notes = {"note": server.canary}
    for exchange in OBJECTS.values():
        request = exchange["request"]
        body = json.loads(json.dumps(request.get("body", {})))
        # what is asked about every write would answer for it
        if "metadata" not in body or request["path"].endswith("/token") or "admissionregistration" in request["path"]:
            continue
        body["metadata"].pop("namespace", None)
        body["metadata"].update(name=HERE, annotations=notes)
        body["metadata"].pop("generateName", None)
        path = re.sub(r"/namespaces/[^/]+/", f"/namespaces/{NAMESPACE}/", request["path"])
        if path.endswith("/secrets"):
            body = harness.secret(HERE, {"key": server.canary}, metadata={"annotations": notes})
        if server.request("POST", path, body).status == 201:
            server.made.add(path)
    assert len(server.made) > 25 and any(path.endswith("/secrets") for path in server.made), server.made


def resources(server):
    """(group and version, resource, namespaced, verbs) of all that is served, and of what is not."""
    versions = server.call("GET", "/api")["versions"]
    for group in server.call("GET", "/apis")["groups"]:
        versions += [version["groupVersion"] for version in group["versions"]]
    for version in versions:
        path = f"/api/{version}" if "/" not in version else f"/apis/{version}"
        for resource in server.call("GET", path)["resources"]:
            yield version, resource["name"], resource["namespaced"], resource["verbs"]
    for name in UNSERVED:
        yield "v1", name, not name.startswith("nodes"), list(VERBS_OF)


def requests(version, resource, namespaced, namespace, name):
    """(method, path, headers, body) of every verb in every form, also of verbs that the resource does not have."""
    plural, _, part = resource.partition("/")
    at = collection(version, plural, namespace if namespaced else None)
    one = f"{at}/{name}" + (f"/{part}" if part else "")
    body = json.dumps({"metadata": {"name": name}}).encode()
    json_body = [("Content-Type", "application/json")]
    for form in FORMS:
        accept = [("Accept", form)] if form else []
        yield "GET", one, accept, None
        if not part:
            yield "GET", at, accept, None
            yield "GET", f"{at}?fieldSelector={quote(f'metadata.name={name}')}", accept, None
    for path in [one] if part or plural in BASIC else [at, one]:
        yield "POST", path, json_body, body
    yield "HEAD", one, [], None
    yield "PUT", one, json_body, body
    yield "PUT", f"{one}?dryRun=All", json_body, b"{"
    for kind in PATCHES:
        yield "PATCH", f"{one}?fieldManager=m", [("Content-Type", kind)], b"[]" if "json-patch" in kind else b"{}"
    yield "DELETE", one, [], None
    yield "OPTIONS", one, [], None
    if not part and plural not in BASIC:
        yield "POST", f"{at}?dryRun=All", [("Content-Type", "application/vnd.kubernetes.protobuf")], b"k8s\0"
    if not part:
        yield "GET", f"{at}?watch=1&timeoutSeconds=1", [], None
        yield "GET", f"{at}?watch=1&fieldSelector={quote(f'metadata.name={name}')}", [], None
        yield "GET", f"{at}?limit=1", [], None
        yield "GET", f"{at}?fieldSelector=none", [], None
        yield "GET", f"{at}?resourceVersion=99999999", [], None
        yield "DELETE", f"{at}?fieldSelector={quote(f'metadata.name={name}')}", [], None


def normal(answer, namespace, name):
    """All of an answer that must not depend on what exists."""
    def plain(data):
        return data.replace(name.encode(), b"NAME").replace(namespace.encode(), b"NAMESPACE")
    headers = [(key, plain(value.encode())) for key, value in answer.headers if key.lower() not in PASSING]
    return answer.status_line, headers, plain(answer.body)


def check(server, what, answer):
    assert not server.needles.search(repr(answer.headers).encode() + answer.body), (what, answer)
    assert {key.lower() for key, _ in answer.headers} <= HEADERS, answer.headers


class Asker:
    """One user's connection, which is opened again when it ends."""

    def __init__(self, server, client):
        self.server, self.client, self.connection = server, client, None

    def ask(self, method, path, headers, body):
        for _ in range(2):
            if self.connection is None:
                self.connection = self.server.connect(self.client)
            try:
                answer = self.connection.request(method, path, headers, body)
                break
            except (wire.Closed, ssl.SSLError, OSError):
                self.close()
        received = repr(answer.headers).encode() + answer.body
        assert not self.server.needles.search(received), f"{self.client}: {method} {path}: {answer}"
        headers = {key.lower() for key, _ in answer.headers}
        assert headers <= (HEADERS if answer.status in (401, 403) else HEADERS | FLOW_HEADERS), answer.headers
        if "close" in answer.all("Connection"):
            self.close()
        return answer

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


# Who is asked as, in which namespaces, and for which names.
CASES = [
    ("nobody", [(NAMESPACE, HERE), (NAMESPACE, ABSENT), (NO_NAMESPACE, HERE)]),
    ("elsewhere", [(NAMESPACE, HERE), (NAMESPACE, ABSENT), (NO_NAMESPACE, HERE)]),
    ("named", [(NAMESPACE, HERE), (NAMESPACE, ABSENT)]),
]


def over_http1(server, client, asked):
    asker = Asker(server, client)
    answers = [asker.ask(*request) for request in asked]
    asker.close()
    return answers


def over_http2(server, client, asked):
    answers = harness.http2_answers(server, server.pairs[client], asked)
    for request, answer in zip(asked, answers):
        check(server, (client, request[:2]), answer)
    return answers


def over_websocket(server, client, asked):
    """Watches alone: a refused handshake is an answer like any other."""
    answers = []
    for request in asked:
        with server.connect(client) as connection:
            answers.append(WebSocket(connection, request[1], headers=request[2]).answer)
        check(server, (client, request[:2]), answers[-1])
    return answers


@pytest.mark.parametrize("over", [over_http1, over_http2, over_websocket])
@pytest.mark.parametrize("client, places", CASES, ids=[case[0] for case in CASES])
def test_every_verb_on_everything(closed, client, places, over):
    """What is asked in each place, place by place beside each other."""
    rows = [row for version, resource, namespaced, _ in resources(closed)
            for row in zip(*(requests(version, resource, namespaced, namespace, name) for namespace, name in places))
            if over is not over_websocket or "watch=1" in row[0][1]]
    answers = iter(over(closed, client, [request for row in rows for request in row]))
    for row in rows:
        found = [next(answers) for _ in row]
        assert {answer.status for answer in found} == {403}, (row[0][:2], found)
        assert row[0][0] == "HEAD" or b"orbidden" in found[0].body
        told = {repr(normal(answer, *place)) for answer, place in zip(found, places)}
        assert len(told) == 1, (row[0][:2], told)
    assert len(rows) > (100 if over is over_websocket else 1000)


def test_reviews_tell_of_rights_alone(closed):
    """The admin asks what the others may: whether the object is there plays no part."""
    reviews = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    for client, places in CASES:
        for version, resource, namespaced, verbs in resources(closed):
            plural, _, part = resource.partition("/")
            told = set()
            for namespace, name in places:
                where = {"namespace": namespace} if namespaced else {}
                what = {"verb": verbs[0], "group": version.rpartition("/")[0], "resource": plural, "subresource": part, "name": name, **where}
                answer = closed.call("POST", reviews, {"spec": {"user": client, "resourceAttributes": what}}, status=201)
                told.add(json.dumps(answer["status"]))
            assert told == {'{"allowed": false}'}


def test_namespaces_themselves(closed):
    """Whether a namespace exists is not told to who may do all in another."""
    for client in ("nobody", "elsewhere"):
        asker = Asker(closed, client)
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            for part in ("", "/status", "/finalize"):
                told = set()
                for namespace in (NAMESPACE, NO_NAMESPACE):
                    headers = [("Content-Type", "application/merge-patch+json" if method == "PATCH" else "application/json")]
                    answer = asker.ask(method, f"/api/v1/namespaces/{namespace}{part}", headers, b"{}" if method in ("PUT", "PATCH") else None)
                    assert answer.status == 403
                    told.add(repr(normal(answer, namespace, HERE)))
                assert len(told) == 1, told
        asker.close()


def test_all_namespaces(closed):
    """A list of all namespaces is refused whole to who may list in one."""
    for client in ("nobody", "elsewhere", "named"):
        asker = Asker(closed, client)
        for version, resource, namespaced, _ in resources(closed):
            if not namespaced or "/" in resource:
                continue
            for query in ("", "?watch=1", f"?fieldSelector=metadata.namespace={ELSEWHERE}", f"?fieldSelector=metadata.name={HERE}", "?limit=1"):
                answer = asker.ask("GET", collection(version, resource, None) + query, [], None)
                assert answer.status == 403, answer
        asker.close()


def test_documents(closed):
    """Paths that are no resources: the same word for those that exist and those that do not."""
    asker, told = Asker(closed, "nobody"), {}
    for path in ("/metrics", "/debug", "/logs", "/nothing", "/readyz/store", "/livez/nothing", "/.well-known/nothing"):
        for method in ("GET", "POST", "DELETE"):
            answer = asker.ask(method, path, [], None)
            assert answer.status == 403, (method, path, answer)
            told.setdefault(method, set()).add(answer.body.replace(path.encode(), b"PATH"))
    assert all(len(found) == 1 for found in told.values()), told
    asker.close()


def test_rights_elsewhere_are_rights(closed):
    """The run above would prove nothing if its user could do nothing."""
    asker = Asker(closed, "elsewhere")
    path = f"/api/v1/namespaces/{ELSEWHERE}/configmaps"
    assert asker.ask("GET", path, [], None).status == 200
    assert asker.ask("POST", path, [("Content-Type", "application/json")], b'{"metadata":{"name":"mine"}}').status == 201
    assert asker.ask("GET", f"{path}/none", [], None).status == 404
    asker.close()
    asker = Asker(closed, "named")
    assert asker.ask("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets/granted", [], None).status == 404
    asker.close()


def test_nothing_was_changed(closed):
    """None of it did anything."""
    for path in sorted(closed.made):
        plural = path.rsplit("/", 1)[1]
        body = closed.call("GET", f"{path}/{HERE}")
        assert "deletionTimestamp" not in body["metadata"], plural
        assert closed.request("GET", f"{path}/{ABSENT}").status == 404


def test_no_value_in_the_log(closed):
    assert not closed.needles.search(closed.log.read_bytes())


def test_the_search_can_fail(closed):
    answer = closed.request("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets/{HERE}")
    assert closed.needles.search(answer.body)
    other = closed.request("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets/{ABSENT}")
    assert repr(normal(answer, NAMESPACE, HERE)) != repr(normal(other, NAMESPACE, ABSENT))
