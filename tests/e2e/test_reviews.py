# SPDX-License-Identifier: Apache-2.0
"""Reviews: who may do what, who somebody is. Questions that are posted as objects, answered and never kept."""
import json
import re

import harness
import protobuf
import pytest
from authority import Authority, context

AUTHORIZATION, AUTHENTICATION = "/apis/authorization.k8s.io/v1", "/apis/authentication.k8s.io/v1"
SELF, SUBJECT = f"{AUTHORIZATION}/selfsubjectaccessreviews", f"{AUTHORIZATION}/subjectaccessreviews"
RULES, WHOAMI = f"{AUTHORIZATION}/selfsubjectrulesreviews", f"{AUTHENTICATION}/selfsubjectreviews"
TOKENS, ACCOUNTS = f"{AUTHENTICATION}/tokenreviews", "/api/v1/namespaces/default/serviceaccounts"
LOCAL = f"{AUTHORIZATION}/namespaces/nowhere/localsubjectaccessreviews"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
GET_SECRETS = {"resourceAttributes": {"verb": "get", "resource": "secrets", "namespace": "default"}}
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:]+Z")


def rule(verbs, resources=(), group="", names=(), paths=()):
    found = {"verbs": verbs.split(), "apiGroups": [group], "resources": list(resources)} if resources else {"verbs": verbs.split()}
    return {**found, **({"resourceNames": list(names)} if names else {}), **({"nonResourceURLs": list(paths)} if paths else {})}


ROLES = [
    ("clusterroles", {"metadata": {"name": "a-paths"}, "rules": [rule("get", paths=["/version", "/livez/*"]), rule("list", ["pods"])]}),
    ("namespaces/default/roles", {"metadata": {"name": "dev"}, "rules": [rule("get list watch update", ["secrets"], names=["allowed"]),
                                                                       rule("create", ["pods/eviction"])]}),
    ("clusterroles", {"metadata": {"name": "z-asks"}, "rules": [rule("create", ["*"], "authorization.k8s.io"), rule("create", ["*"], "authentication.k8s.io")]}),
    ("clusterrolebindings", ("z-dev-asks", "ClusterRole", "z-asks", "Group", "devs")),
    ("clusterrolebindings", ("z-alice-asks", "ClusterRole", "z-asks", "User", "alice")),
    ("clusterrolebindings", ("a-paths", "ClusterRole", "a-paths", "Group", "devs")),
    ("clusterrolebindings", ("b-missing", "ClusterRole", "absent", "User", "mm")),
    ("namespaces/default/rolebindings", ("dev", "Role", "dev", "Group", "devs")),
    ("namespaces/default/rolebindings", ("missing", "Role", "absent", "User", "mm")),
    ("namespaces/default/rolebindings", ("paths", "ClusterRole", "a-paths", "User", "dev")),
]


def binding(name, kind, role, subject_kind, subject):
    group = "rbac.authorization.k8s.io"
    return {"metadata": {"name": name}, "roleRef": {"apiGroup": group, "kind": kind, "name": role},
            "subjects": [{"kind": subject_kind, "name": subject, "apiGroup": group}]}


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory):
    """A server with the users dev (group devs) and alice."""
    authority = Authority(tmp_path_factory.mktemp("authority") / "ca")
    with harness.Server(flags=["--client-ca-file", str(authority.pem)]) as server:
        for client, organization in (("dev", "devs"), ("alice", "none")):
            server.contexts[client] = context(server, authority.client(client, organization))
        for collection, body in ROLES:
            server.call("POST", f"{RBAC}/{collection}", body if isinstance(body, dict) else binding(*body))
        yield server


def subject(spec, user="u", **more):
    return {"spec": {"user": user, **spec}, **more}


def selecting(fields=None, labels=None):
    parts = {"fieldSelector": fields, "labelSelector": labels}
    return subject({"resourceAttributes": {"verb": "list", "resource": "secrets", **{k: v for k, v in parts.items() if v is not None}}})


# ---- what is decided

def needs(verb, resource, namespace="default", **more):
    place = {"namespace": namespace} if namespace else {}
    return {"resourceAttributes": {"verb": verb, "resource": resource, **place, **more}}


BY_GROUP = 'RBAC: allowed by RoleBinding "dev/default" of Role "dev" to Group "devs"'
PATHS = 'RBAC: allowed by ClusterRoleBinding "a-paths" of ClusterRole "a-paths" to Group "devs"'
DECISIONS = [
    ({"user": "u", "groups": ["devs"]}, needs("get", "secrets", name="allowed"), True, BY_GROUP),
    ({"groups": ["devs"]}, needs("get", "secrets", name="allowed"), True, BY_GROUP),
    ({"user": "u", "groups": ["devs"]}, needs("get", "secrets", name="other"), False, None),
    ({"user": "u", "groups": ["devs"]}, needs("get", "secrets"), False, None),
    ({"user": "u", "groups": ["devs"]}, needs("get", "secrets", "other", name="allowed"), False, None),
    ({"user": "u", "groups": ["devs"]}, needs("get", "secrets", group="apps", name="allowed"), False, None),
    ({"user": "u", "groups": ["devs"]}, needs("create", "pods", subresource="eviction"), True, BY_GROUP),
    ({"user": "u", "groups": ["devs"]}, needs("create", "pods"), False, None),
    ({"user": "u", "groups": ["devs"]}, needs("list", "pods", ""), True, PATHS),
    ({"user": "u"}, needs("get", "secrets", name="allowed"), False, None),
    ({"user": "u", "groups": ["system:masters"]}, needs("get", "secrets"), True, None),
    ({"user": "system:masters"}, needs("get", "secrets"), False, None),
    ({"user": "u", "groups": ["devs"]}, {"nonResourceAttributes": {"verb": "get", "path": "/livez/etcd"}}, True, PATHS),
    ({"user": "u", "groups": ["devs"]}, {"nonResourceAttributes": {"verb": "get", "path": "/metrics"}}, False, None),
    ({"user": "dev"}, {"nonResourceAttributes": {"verb": "get", "path": "/livez/etcd"}}, False, None),  # a RoleBinding gives no paths
    ({"user": "mm"}, needs("get", "secrets"), False,
     'RBAC: [clusterrole.rbac.authorization.k8s.io "absent" not found, role.rbac.authorization.k8s.io "absent" not found]'),
    ({"user": "u", "uid": "1", "extra": {"K": ["a", "b"], "l": []}, "groups": ["devs"]}, needs("get", "secrets", name="allowed"), True, BY_GROUP),
]


@pytest.mark.parametrize("who, what, allowed, reason", DECISIONS)
def test_decision(reviewed, who, what, allowed, reason):
    expected = {"allowed": allowed, **({"reason": reason} if reason else {})}
    answer = reviewed.call("POST", SUBJECT, {"spec": {**what, **who}}, status=201)
    assert (answer["spec"], answer["status"]) == ({**what, **who}, expected)
    if "nonResourceAttributes" in what:
        return
    namespace = what["resourceAttributes"].get("namespace")
    if namespace:
        local = reviewed.call("POST", f"{AUTHORIZATION}/namespaces/{namespace}/localsubjectaccessreviews", {"spec": {**what, **who}}, status=201)
        assert local["status"] == expected and local["metadata"]["namespace"] == namespace


@pytest.mark.parametrize("client, what, status", [
    ("admin", GET_SECRETS, {"allowed": True}),
    ("admin", {"resourceAttributes": {}}, {"allowed": True}),
    ("dev", GET_SECRETS, {"allowed": False}),
    ("dev", needs("get", "secrets", name="allowed"), {"allowed": True, "reason": BY_GROUP}),
    ("alice", needs("get", "secrets", name="allowed"), {"allowed": False}),
])
def test_the_caller(reviewed, client, what, status):
    answer = reviewed.call("POST", SELF, {"spec": what}, status=201, client=client)
    assert answer["status"] == status
    assert set(answer["metadata"]) == {"managedFields"} and answer["spec"] == what


def test_a_change_of_rules_is_answered_at_once(reviewed):
    what = needs("delete", "configmaps")
    for i in range(3):
        assert reviewed.call("POST", SUBJECT, subject(what, user="late"))["status"] == {"allowed": False}
        reviewed.call("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "late"}, "rules": [rule("delete", ["configmaps"])]})
        reviewed.call("POST", f"{RBAC}/namespaces/default/rolebindings", binding("late", "ClusterRole", "late", "User", "late"))
        assert reviewed.call("POST", SUBJECT, subject(what, user="late"))["status"]["allowed"]
        reviewed.call("DELETE", f"{RBAC}/namespaces/default/rolebindings/late")
        reviewed.call("DELETE", f"{RBAC}/clusterroles/late")


# ---- what is refused

NEITHER = "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified"
PATH = {"nonResourceAttributes": {"path": "/x", "verb": "get"}}
SHOWN = 'spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":"get"}: '
FIELDS, LABELS = "spec.resourceAttributes.fieldSelector", "spec.resourceAttributes.labelSelector"
NEED = "must be specified when `operator` is 'In' or 'NotIn'"
NEED_NOT = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
ODD = {"requirements": [{"key": "", "operator": "In", "values": []}, {"key": "a", "operator": "Exists", "values": ["x"]},
                        {"key": "a", "operator": "Zz"}, {"key": "a", "operator": "NotIn"}]}
BOTH_FORMS = {"rawSelector": "a=b", "requirements": [{"key": "k", "operator": "In", "values": ["x"]}]}
MANAGED = ('"managedFields":[{"manager":"unknown","operation":"Update","apiVersion":"authorization.k8s.io/v1","time":"TIME","fieldsType":"FieldsV1",'
           '"fieldsV1":{%s"f:spec":{"f:resourceAttributes":{".":{},"f:namespace":{},"f:resource":{},"f:verb":{}}%s}}}]')
INVALID = [
    (SELF, {}, [NEITHER]),
    (SELF, {"spec": {}}, [NEITHER]),
    (SELF, {"spec": {**GET_SECRETS, **PATH}}, [SHOWN + "cannot be specified in combination with resourceAttributes"]),
    (SUBJECT, {"spec": {}}, [NEITHER, 'spec.user: Invalid value: "": at least one of user or group must be specified']),
    (SELF, {"spec": GET_SECRETS, "metadata": {"name": "x", "labels": {"a": "b"}, "uid": "u", "creationTimestamp": "2020-01-01T00:00:00Z"}},
     ['metadata: Invalid value: {"name":"x","labels":{"a":"b"},' + MANAGED % ('"f:metadata":{"f:labels":{".":{},"f:a":{}}},', "") + "}: must be empty"]),
    (LOCAL, subject(needs("get", "secrets", "nowhere"), metadata={"name": "a"}),
     ['metadata: Invalid value: {"name":"a","namespace":"nowhere",' + MANAGED % ("", ',"f:user":{}') + "}: must be empty except for namespace"]),
    (LOCAL, subject({"resourceAttributes": {"verb": "get"}}),
     ['spec.resourceAttributes.namespace: Invalid value: "": must match metadata.namespace']),
    (LOCAL, subject(PATH), [SHOWN + "disallowed on this kind of request"]),
    (SUBJECT, selecting({}), [f"{FIELDS}.requirements: Required value: when {FIELDS} is specified, requirements or rawSelector is required"]),
    (SUBJECT, selecting(None, {}), [f"{LABELS}.requirements: Required value: when {LABELS} is specified, requirements or rawSelector is required"]),
    (SUBJECT, selecting(BOTH_FORMS), [f'{FIELDS}.rawSelector: Invalid value: "a=b": may not specified at the same time as requirements']),
    (SUBJECT, selecting(None, BOTH_FORMS), [f'{LABELS}.rawSelector: Invalid value: "a=b": may not specified at the same time as requirements']),
    (SUBJECT, selecting(ODD), [
        f"{FIELDS}.requirements[0].key: Required value: must be specified", f"{FIELDS}.requirements[0].values: Required value: {NEED}",
        f"{FIELDS}.requirements[1].values: Forbidden: {NEED_NOT}", f"{FIELDS}.requirements[3].values: Required value: {NEED}"]),
    (SUBJECT, selecting(None, ODD), [
        f"{LABELS}.requirements[0].values: Required value: {NEED}",
        f'{LABELS}.requirements[0].key: Invalid value: "": name part must be non-empty',
        f"{LABELS}.requirements[0].key: Invalid value: \"\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
        "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
        "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
        f"{LABELS}.requirements[1].values: Forbidden: {NEED_NOT}", f"{LABELS}.requirements[3].values: Required value: {NEED}"]),
]


@pytest.mark.parametrize("path, body, causes", INVALID)
def test_invalid(reviewed, path, body, causes):
    answer = reviewed.call("POST", path, body, status=422)
    listed = causes[0] if len(causes) == 1 else f"[{', '.join(causes)}]"
    assert TIME.sub("TIME", answer["message"]) == f'.authorization.k8s.io "" is invalid: {listed}'
    assert {**answer["details"], "causes": None} == {"group": "authorization.k8s.io", "causes": None}
    assert [TIME.sub("TIME", f"{c['field']}: {c['message']}") for c in answer["details"]["causes"]] == causes


@pytest.mark.parametrize("path, body, message", [
    (RULES, {"spec": {}}, "no namespace on request"),
    (TOKENS, {}, "token is required for TokenReview in authentication"),
    (TOKENS, {"spec": {"token": "", "audiences": ["a"]}}, "token is required for TokenReview in authentication"),
    (LOCAL, subject(needs("get", "secrets", "nowhere"), metadata={"namespace": "other"}),
     "the namespace of the provided object does not match the namespace sent on the request"),
    (SELF, {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {"user": "u", **GET_SECRETS}},
     'SubjectAccessReview in version "v1" cannot be handled as a SelfSubjectAccessReview: converting (v1.SubjectAccessReview) to '
     "(authorization.SelfSubjectAccessReview): unknown conversion"),
    (f"{SELF}?fieldValidation=Strict", {"spec": {**GET_SECRETS, "zz": 1}},
     'SelfSubjectAccessReview in version "v1" cannot be handled as a SelfSubjectAccessReview: strict decoding error: unknown field "spec.zz"'),
])
def test_bad_request(reviewed, path, body, message):
    answer = reviewed.call("POST", path, body, status=400)
    assert (answer["message"], answer["reason"], answer.get("details")) == (message, "BadRequest", None)


IGNORED, PARTLY = "%s ignored due to parse error", "%s partially ignored due to parse error"
SELECTORS = [
    ({"rawSelector": "a=b"}, None, None),
    ({"rawSelector": "a==="}, IGNORED, IGNORED),
    ({"rawSelector": "a"}, IGNORED, None),
    ({"requirements": [{"key": "a", "operator": "In", "values": ["x", "y"]}]}, IGNORED, None),
    ({"requirements": [{"key": "a", "operator": "NotIn", "values": ["x"]}]}, None, None),
    ({"requirements": [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": "In", "values": ["x"]}]}, PARTLY, None),
    ({"requirements": [{"key": "a", "operator": "Zz"}]}, IGNORED, IGNORED),
    ({"requirements": [{"key": "a", "operator": "Zz"}, {"key": "b", "operator": "In", "values": ["x"]}]}, PARTLY, PARTLY),
]


@pytest.mark.parametrize("selector, of_fields, of_labels", SELECTORS)
def test_selectors(reviewed, selector, of_fields, of_labels):
    def flaws(body):
        return reviewed.call("POST", SUBJECT, body, status=201)["status"].get("evaluationError")
    fields, labels = of_fields and of_fields % FIELDS, of_labels and of_labels % LABELS
    assert flaws(selecting(selector)) == fields
    assert flaws(selecting(None, selector)) == labels
    assert flaws(selecting(selector, selector)) == ("; ".join(filter(None, (fields, labels))) or None)


# ---- rules, and who the caller is

def rules_of(server, client, namespace="default"):
    answer = server.call("POST", RULES, {"metadata": {"name": "x"}, "spec": {"namespace": namespace}}, status=201, client=client)
    assert (answer["metadata"], answer["spec"]) == ({}, {})
    return answer["status"]


def test_rules(reviewed):
    """Those of the cluster first, by the names of their bindings; each binding once; paths by ClusterRoleBindings alone."""
    def own(rules):
        return [r for r in rules if r.get("apiGroups", [""]) == [""] and "/api" not in r.get("nonResourceURLs", []) and
                "/healthz" not in r.get("nonResourceURLs", [])]
    found = rules_of(reviewed, "dev")
    dev = [rule("get list watch update", ["secrets"], names=["allowed"]), rule("create", ["pods/eviction"])]
    assert own(found["resourceRules"]) == [rule("list", ["pods"]), *dev, rule("list", ["pods"])]
    assert own(found["nonResourceRules"]) == [rule("get", paths=["/version", "/livez/*"])]
    assert found["incomplete"] is False and "evaluationError" not in found
    elsewhere = rules_of(reviewed, "dev", "elsewhere")
    assert own(elsewhere["resourceRules"]) == [rule("list", ["pods"])]


def test_who(reviewed):
    sent = {"metadata": {"name": "x"}, "status": {"userInfo": {"username": "root", "groups": ["system:masters"]}}}
    for client, groups in (("dev", ["devs", "system:authenticated"]), ("alice", ["none", "system:authenticated"])):
        answer = reviewed.call("POST", WHOAMI, sent, status=201, client=client)
        extra = answer["status"]["userInfo"].pop("extra")
        assert answer["status"] == {"userInfo": {"username": client, "groups": groups}}
        assert list(answer["metadata"]) == ["creationTimestamp"] and TIME.fullmatch(answer["metadata"]["creationTimestamp"])
        assert list(extra) == ["authentication.kubernetes.io/credential-id"]
        assert re.fullmatch("X509SHA256=[0-9a-f]{64}", extra["authentication.kubernetes.io/credential-id"][0])


# ---- tokens

BAD = {"user": {}, "error": "invalid bearer token"}


@pytest.fixture
def account(reviewed, request):
    """(name, issue): a service account of the test's own, and its tokens."""
    name = re.sub("[^a-z]", "-", request.node.originalname)
    uid = reviewed.call("POST", ACCOUNTS, {"metadata": {"name": name}})["metadata"]["uid"]

    def issue(**spec):
        return reviewed.call("POST", f"{ACCOUNTS}/{name}/token", {"spec": spec})["status"]["token"]
    return name, uid, issue


def review(server, token, *audiences, **more):
    spec = {"token": token, **({"audiences": list(audiences)} if audiences else {})}
    answer = server.call("POST", TOKENS, {"spec": spec, **more}, status=201)
    assert answer["spec"] == spec
    return answer["status"]


def test_a_good_token(reviewed, account):
    name, uid, issue = account
    found = review(reviewed, issue())
    extra = found["user"].pop("extra")
    assert found["authenticated"] is True and len(found["audiences"]) == 1
    assert found["user"] == {"username": f"system:serviceaccount:default:{name}", "uid": uid,
                             "groups": ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]}
    assert re.fullmatch("JTI=[0-9a-f-]{36}", extra["authentication.kubernetes.io/credential-id"][0]) and set(found) == {"authenticated", "user", "audiences"}


def test_audiences_of_a_token(reviewed, account):
    _, _, issue = account
    token = issue(audiences=["vault", "db"])
    for asked, good_for in ((["db"], ["db"]), (["db", "other"], ["db"]), (["other"], None), ([], None)):
        found = review(reviewed, token, *asked)
        assert found.get("audiences") == good_for and (good_for is not None or found == BAD)
    assert review(reviewed, issue(), "vault") == BAD


def test_a_token_whose_account_is_gone(reviewed, account):
    name, _, issue = account
    token = issue()
    assert review(reviewed, token)["authenticated"]
    reviewed.call("DELETE", f"{ACCOUNTS}/{name}")
    assert review(reviewed, token) == BAD


@pytest.mark.parametrize("token", ["nope", "a.b.c", "a b", "a\nb", "\u0000", "x" * 20000, "eyJhbGciOiJub25lIn0.e30."])
def test_a_bad_token(reviewed, token):
    claimed = {"authenticated": True, "user": {"username": "root", "groups": ["system:masters"]}}
    assert review(reviewed, token) == review(reviewed, token, "a", "b") == review(reviewed, token, status=claimed) == BAD


def test_a_token_of_the_wrong_key_is_told_in_the_log_alone(reviewed, account):
    _, _, issue = account
    token = issue()
    forged = token[:-6] + ("AAAAAA" if token[-6:] != "AAAAAA" else "BBBBBB")
    assert review(reviewed, forged) == BAD
    log = reviewed.log.read_text()
    assert "a token under review is not good" in log and token not in log and forged not in log and token.split(".")[1] not in log


# ---- forms

def message(*fields):
    """Protobuf: (number, text, bytes of a message, or list of them)."""
    out = b""
    for number, value in fields:
        for item in value if isinstance(value, list) else [value]:
            item = item.encode() if isinstance(item, str) else item
            assert len(item) < 128
            out += bytes([number << 3 | 2, len(item)]) + item
    return out


def enveloped(kind, body, group="authorization.k8s.io"):
    return b"k8s\0" + message((1, message((1, f"{group}/v1"), (2, kind))), (2, body), (3, b""), (4, b""))


PROTOBUF = "application/vnd.kubernetes.protobuf"
RESOURCE = message((1, "default"), (2, "get"), (5, "secrets"), (7, "allowed"))
ASKED = needs("get", "secrets", name="allowed")
BODIES = {
    SELF: (enveloped("SelfSubjectAccessReview", message((1, b""), (2, message((1, RESOURCE))))), {"spec": ASKED}, 3),
    SUBJECT: (enveloped("SubjectAccessReview", message((1, b""), (2, message((1, RESOURCE), (3, "zed"), (4, ["devs", "x"]))))),
              {"spec": {**ASKED, "user": "zed", "groups": ["devs", "x"]}}, 3),
    f"{AUTHORIZATION}/namespaces/default/localsubjectaccessreviews":
        (enveloped("LocalSubjectAccessReview", message((1, b""), (2, message((1, RESOURCE), (4, ["devs"]))))), {"spec": {**ASKED, "groups": ["devs"]}}, 3),
    RULES: (enveloped("SelfSubjectRulesReview", message((1, b""), (2, message((1, "default"))))), {"spec": {"namespace": "default"}}, 3),
    TOKENS: (enveloped("TokenReview", message((1, b""), (2, message((1, "nope"), (2, ["a", "b"])))), "authentication.k8s.io"),
             {"spec": {"token": "nope", "audiences": ["a", "b"]}}, 3),
    WHOAMI: (enveloped("SelfSubjectReview", message((1, b"")), "authentication.k8s.io"), {}, 2),
}


@pytest.mark.parametrize("path", BODIES, ids=[path.rsplit("/", 1)[1] for path in BODIES])
def test_forms(reviewed, path):
    """Every form of body gives the same answer, in every form that was asked for."""
    binary, body, status_field = BODIES[path]

    def post(sent, form="application/json", accept="application/json", query=""):
        return reviewed.request("POST", path + query, sent, headers=[("Content-Type", form), ("Accept", accept)], client="dev")

    answers = [post(binary, PROTOBUF), post(json.dumps(body).encode()), post(json.dumps(body).encode(), "application/yaml"),
               post(json.dumps(body).encode(), query="?dryRun=All"), post(binary, PROTOBUF, query="?pretty=1")]
    shown = [TIME.sub("TIME", json.dumps(answer.json())) for answer in answers]
    assert [answer.status for answer in answers] == [201] * 5 and len(set(shown)) == 1, shown
    yaml = post(binary, PROTOBUF, "application/yaml")
    assert yaml.status == 201 and TIME.sub("TIME", json.dumps(harness.yaml.safe_load(yaml.body.decode()), default=str)).count('"status"') == 1
    packed = post(binary, PROTOBUF, PROTOBUF)
    version, kind, inside = protobuf.envelope(packed.body)
    assert (packed.status, version.split("/")[1]) == (201, "v1") and kind == answers[0].json()["kind"]
    assert protobuf.field(inside, status_field) is not None
    partial = post(binary, PROTOBUF, "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io")
    assert partial.status == 201 and partial.json()["kind"] == "PartialObjectMetadata"
    assert post(binary, PROTOBUF, "application/json;as=Table;v=v1;g=meta.k8s.io").status == 406
    assert post(b"\xff\xff", PROTOBUF).status == 400 and post(b"{").status == 400


def test_what_a_client_says_in_status_is_not_kept(reviewed):
    answer = reviewed.call("POST", SELF, {"spec": GET_SECRETS, "status": {"allowed": True, "reason": "x"}}, client="alice", status=201)
    assert answer["status"] == {"allowed": False}


def test_warnings_and_managers(reviewed):
    answer = reviewed.request("POST", f"{SELF}?fieldManager=me", {"spec": {**GET_SECRETS, "zz": 1}})
    assert answer.status == 201 and answer.all("Warning") == ['299 - "unknown field \\"spec.zz\\""']
    assert answer.json()["metadata"]["managedFields"][0]["manager"] == "me"


# ---- they are no resources that are kept

KINDS = [SELF, SUBJECT, LOCAL, RULES, TOKENS, WHOAMI]


@pytest.mark.parametrize("path", KINDS, ids=[path.rsplit("/", 1)[1] for path in KINDS])
def test_only_create(reviewed, path):
    for method, status in (("GET", 405), ("DELETE", 405), ("PUT", 405), ("PATCH", 405)):
        assert reviewed.request(method, path, {} if method in ("PUT", "PATCH") else None).status == status, method
    assert reviewed.request("GET", f"{path}?watch=1").status == 405
    for method in ("GET", "DELETE", "PUT", "PATCH", "POST"):
        for below in ("/x", "/x/status"):
            assert reviewed.request(method, path + below, {} if method[0] == "P" else None).status == 404, (method, below)


def test_places(reviewed):
    for path in (f"{AUTHORIZATION}/localsubjectaccessreviews", f"{AUTHORIZATION}/namespaces/default/selfsubjectaccessreviews"):
        assert reviewed.request("POST", path, subject(GET_SECRETS)).status == 404


def test_nothing_is_kept(reviewed):
    """No revision is used up, and a namespace does not have to exist."""
    before = reviewed.call("GET", "/api/v1/secrets")["metadata"]["resourceVersion"]
    for _ in range(20):
        reviewed.call("POST", SELF, {"spec": GET_SECRETS}, status=201)
        reviewed.call("POST", LOCAL, subject(needs("get", "secrets", "nowhere")), status=201)
    assert reviewed.call("GET", "/api/v1/secrets")["metadata"]["resourceVersion"] == before


def test_a_namespace_that_is_deleted_has_none_of_them(reviewed):
    reviewed.call("POST", "/api/v1/namespaces", {"metadata": {"name": "ends"}})
    reviewed.call("DELETE", "/api/v1/namespaces/ends")
    answer = reviewed.call("POST", LOCAL.replace("nowhere", "ends"), subject(needs("get", "secrets", "ends")), status=201)
    assert answer["status"] == {"allowed": False}
    harness.poll(lambda: reviewed.request("GET", "/api/v1/namespaces/ends").status == 404, "the namespace's end")


def test_schemas(reviewed):
    for group in ("authorization.k8s.io", "authentication.k8s.io"):
        document = reviewed.call("GET", f"/openapi/v3/apis/{group}/v1")
        paths = {path: set(methods) - {"parameters"} for path, methods in document["paths"].items()}
        assert paths and all(methods == {"post"} for methods in paths.values()), paths
        assert not any(name.endswith("List") for name in document["components"]["schemas"])
