# SPDX-License-Identifier: Apache-2.0
"""Who may what: roles and bindings in force at once, default roles, no rights given away that are not held, acting as another."""
import itertools
import json

import harness
import pytest
import wire
from authority import Authority, context

GROUP = "rbac.authorization.k8s.io"
RBAC = f"/apis/{GROUP}/v1"
RECORDED = harness.ROOT / "tests" / "golden" / "objects"


def as_user(name, *groups, uid=None, extra=()):
    headers = [("Impersonate-User", name), *(("Impersonate-Group", g) for g in groups)]
    headers += [("Impersonate-Uid", uid)] if uid else []
    return headers + [(f"Impersonate-Extra-{key}", value) for key, value in extra]


def rule(verbs, resources, groups="", names=()):
    made = {"verbs": verbs.split(","), "apiGroups": groups.split(","), "resources": resources.split(",")}
    return {**made, "resourceNames": list(names)} if names else made


def role(name, *rules, kind="Role", **more):
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": name, **more.pop("metadata", {})}, "rules": list(rules), **more}


def subject(user):
    if user.startswith("group:"):
        return {"kind": "Group", "name": user[6:], "apiGroup": GROUP}
    if user.startswith("account:"):
        namespace, name = user[8:].split("/")
        return {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    return {"kind": "User", "name": user, "apiGroup": GROUP}


def binding(name, role_name, *users, kind="RoleBinding", role_kind="Role"):
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": name}, "subjects": [subject(u) for u in users],
            "roleRef": {"apiGroup": GROUP, "kind": role_kind, "name": role_name}}


@pytest.fixture
def grant(server, namespace):
    """grant(user, *rules) binds a role of the namespace with these rules."""
    count = itertools.count()

    def run(user, *rules):
        name = f"r{next(count)}"
        server.call("POST", f"{RBAC}/namespaces/{namespace}/roles", role(name, *rules))
        server.call("POST", f"{RBAC}/namespaces/{namespace}/rolebindings", binding(name, name, user))
        return name
    return run


def secrets(namespace, name=""):
    return f"/api/v1/namespaces/{namespace}/secrets" + (f"/{name}" if name else "")


# ---- what is allowed

CASES = [  # user's rule, method, path below the namespace, status
    (rule("get", "secrets"), "GET", "secrets/s", 200),
    (rule("get", "secrets"), "GET", "secrets/none", 404),
    (rule("get", "secrets"), "GET", "secrets", 403),
    (rule("list", "secrets"), "GET", "secrets", 200),
    (rule("list", "secrets"), "GET", "secrets?watch=1&timeoutSeconds=1", 403),
    (rule("list", "secrets"), "GET", "secrets/s", 403),
    (rule("get", "secrets", names=["s"]), "GET", "secrets/s", 200),
    (rule("get", "secrets", names=["s"]), "GET", "secrets/t", 403),
    (rule("list", "secrets", names=["s"]), "GET", "secrets", 403),
    (rule("list", "secrets", names=["s"]), "GET", "secrets?fieldSelector=metadata.name%3Ds", 200),
    (rule("list", "secrets", names=["s"]), "GET", "secrets?fieldSelector=metadata.name%3D%3Ds", 200),
    (rule("list", "secrets", names=["s"]), "GET", "secrets?fieldSelector=metadata.name!%3Ds", 403),
    (rule("list", "secrets", names=["s"]), "GET", "secrets?fieldSelector=metadata.name%3Dt", 403),
    (rule("list", "secrets", names=["s"]), "GET", "secrets?fieldSelector=type%3DOpaque", 403),
    (rule("delete", "secrets", names=["s"]), "DELETE", "secrets/s?dryRun=All", 200),
    (rule("deletecollection", "secrets", names=["s"]), "DELETE", "secrets?dryRun=All", 403),
    (rule("*", "*", groups="*"), "GET", "configmaps", 200),
    (rule("get", "pods"), "GET", "secrets/s", 403),
    (rule("get", "secrets/status"), "GET", "secrets/s", 403),
    (rule("get", "secrets", groups="apps"), "GET", "secrets/s", 403),
    (rule("get", "*/status"), "GET", "secrets/s", 403),
    (rule("update", "serviceaccounts"), "PUT", "serviceaccounts/default", 400),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_rules(server, namespace, grant, case):
    allowed, method, path, status = CASES[case]
    server.call("POST", secrets(namespace), harness.secret("s", {"a": "b"}))
    grant("ann", allowed)
    found = server.request(method, f"/api/v1/namespaces/{namespace}/{path}", headers=as_user("ann"))
    assert found.status == status, found


def test_who_has_no_right_gets_403_and_learns_nothing(server, namespace):
    server.call("POST", secrets(namespace), harness.secret("s", {"a": "b"}))
    there, absent = (server.request("GET", secrets(namespace, name), headers=as_user("eve")) for name in ("s", "n"))
    assert there.status == absent.status == 403
    assert there.body.replace(b'"s\\"', b'"n\\"').replace(b'"name":"s"', b'"name":"n"') == absent.body
    message = there.json()["message"]
    assert message == f'secrets "s" is forbidden: User "eve" cannot get resource "secrets" in API group "" in the namespace "{namespace}"'
    assert server.request("GET", secrets(namespace, "s"), client="none").status == 401


def test_a_body_is_not_read_before_the_right_is_known(server, namespace):
    answer = server.request("POST", secrets(namespace), b"{" * 100000, headers=as_user("eve"))
    assert answer.status == 403


def test_in_force_at_once(server, namespace):
    """What was acknowledged holds for the next request, on every loop."""
    path = f"{RBAC}/namespaces/{namespace}"
    server.call("POST", f"{path}/roles", role("r", rule("list", "secrets")))
    for i in range(100):
        server.call("POST", f"{path}/rolebindings", binding("b", "r", "ann"))
        assert server.request("GET", secrets(namespace), headers=as_user("ann")).status == 200, i
        server.call("DELETE", f"{path}/rolebindings/b")
        assert server.request("GET", secrets(namespace), headers=as_user("ann")).status == 403, i


def test_a_changed_role_is_in_force_at_once(server, namespace):
    path = f"{RBAC}/namespaces/{namespace}"
    server.call("POST", f"{path}/roles", role("r", rule("get", "pods")))
    server.call("POST", f"{path}/rolebindings", binding("b", "r", "group:team"))
    user = as_user("ann", "team")
    for verbs, status in (("list", 200), ("get", 403), ("*", 200)):
        server.call("PUT", f"{path}/roles/r", role("r", rule(verbs, "secrets")))
        assert server.request("GET", secrets(namespace), headers=user).status == status
    server.call("DELETE", f"{path}/roles/r")
    answer = server.request("GET", secrets(namespace), headers=user)
    assert answer.status == 403
    assert answer.json()["message"].endswith(f'in the namespace "{namespace}": RBAC: role.{GROUP} "r" not found')


def test_rules_outlive_a_restart(start):
    server = start()
    server.call("POST", f"{RBAC}/clusterroles", role("r", rule("list", "secrets"), kind="ClusterRole"))
    server.call("POST", f"{RBAC}/clusterrolebindings", binding("b", "r", "ann", kind="ClusterRoleBinding", role_kind="ClusterRole"))
    server.stop()
    server.start()
    assert server.request("GET", "/api/v1/secrets", headers=as_user("ann")).status == 200


def test_documents(server):
    """What system:discovery gives to all who are authenticated, and what it does not."""
    for path, status in (("/version", 200), ("/api", 200), ("/apis/apps", 200), ("/openapi/v3", 200), ("/healthz", 200), ("/readyz", 200),
                         ("/metrics", 403), ("/", 403), ("/livez/ping", 403)):
        answer = server.request("GET", path, headers=as_user("ann"))
        assert answer.status == status, (path, answer)
        if status == 403:
            assert answer.json()["message"] == f'forbidden: User "ann" cannot get path "{path}"'


# ---- what every cluster starts with

def without_server_fields(found):
    metadata = {k: v for k, v in found["metadata"].items() if k in ("name", "namespace", "labels", "annotations")}
    return {**{k: v for k, v in found.items() if k not in ("kind", "apiVersion")}, "metadata": metadata}


@pytest.mark.parametrize("plural", ["clusterroles", "clusterrolebindings", "roles", "rolebindings"])
def test_default_objects(start, plural):
    server = start(flags=["--no-controllers"])
    expected = {name: o for name, o in json.loads((RECORDED / f"{plural}.json").read_text()).items() if o["metadata"].get("labels")}
    found = {}
    for item in server.call("GET", f"{RBAC}/{plural}")["items"]:
        metadata = item["metadata"]
        key = "/".join(filter(None, [metadata.get("namespace"), metadata["name"]]))
        if not metadata["name"].startswith("coffer:"):
            found[key] = without_server_fields(item)
    assert sorted(found) == sorted(expected)
    for name in expected:
        if found[name].get("rules") == []:
            found[name]["rules"] = None
        assert found[name] == expected[name], name


def test_a_restart_makes_good_what_defaults_lost(start):
    server = start(flags=["--no-controllers"])
    path = f"{RBAC}/clusterroles/system:discovery"
    before = server.call("GET", path)
    after = json.loads(json.dumps(before))
    after["rules"] = [rule("get", "pods")]
    del after["metadata"]["labels"]
    server.call("PUT", path, after)
    server.call("PUT", f"{RBAC}/clusterrolebindings/system:discovery", binding(
        "system:discovery", "system:discovery", "ann", kind="ClusterRoleBinding", role_kind="ClusterRole"))
    kept = server.call("GET", f"{RBAC}/clusterroles/system:basic-user")
    kept["metadata"]["annotations"]["rbac.authorization.kubernetes.io/autoupdate"] = "false"
    kept["rules"] = []
    kept = server.call("PUT", f"{RBAC}/clusterroles/system:basic-user", kept)
    untouched = server.call("GET", f"{RBAC}/clusterroles/view")["metadata"]["resourceVersion"]
    server.call("DELETE", f"{RBAC}/clusterroles/system:node")
    server.stop()
    server.start()
    found = server.call("GET", path)
    assert found["rules"] == [rule("get", "pods"), *before["rules"]] and found["metadata"]["labels"] == before["metadata"]["labels"]
    subjects = server.call("GET", f"{RBAC}/clusterrolebindings/system:discovery")["subjects"]
    assert [s["name"] for s in subjects] == ["ann", "system:authenticated"]
    assert server.call("GET", f"{RBAC}/clusterroles/system:basic-user") == kept
    assert server.call("GET", f"{RBAC}/clusterroles/view")["metadata"]["resourceVersion"] == untouched
    assert server.call("GET", f"{RBAC}/clusterroles/system:node")["rules"]


def test_aggregation(server):
    def rules(name):
        return server.call("GET", f"{RBAC}/clusterroles/{name}").get("rules") or []

    harness.poll(lambda: rules("view") and rules("edit") and rules("admin"), "the aggregated roles")
    reading = [r for r in rules("view") if "secrets" in r.get("resources", [])]
    assert not reading, "view shows no Secrets"
    mine = rule("get", "frobs", groups="example.com")
    server.call("POST", f"{RBAC}/clusterroles", role("frob-view", mine, kind="ClusterRole",
                                                     metadata={"labels": {f"{GROUP}/aggregate-to-view": "true"}}))
    harness.poll(lambda: all(mine in rules(name) for name in ("view", "edit", "admin")), "the new rule in all three")
    server.call("DELETE", f"{RBAC}/clusterroles/frob-view")
    harness.poll(lambda: not any(mine in rules(name) for name in ("view", "edit", "admin")), "the rule gone again")


def test_view_and_edit(server, namespace):
    for user in ("view", "edit"):
        server.call("POST", f"{RBAC}/namespaces/{namespace}/rolebindings", binding(user, user, user, role_kind="ClusterRole"))
    harness.poll(lambda: server.request("GET", f"/api/v1/namespaces/{namespace}/configmaps", headers=as_user("view")).status == 200, "view in force")
    assert server.request("GET", secrets(namespace), headers=as_user("view")).status == 403
    harness.poll(lambda: server.request("GET", secrets(namespace), headers=as_user("edit")).status == 200, "edit in force")
    assert server.request("POST", f"{RBAC}/namespaces/{namespace}/roles", role("x"), headers=as_user("edit")).status == 403


# ---- nobody gives away what they do not hold

def refused(answer, text):
    assert answer.status == 403, answer
    assert text in answer.json()["message"], answer.json()["message"]


MANAGE = rule("*", "roles,rolebindings", groups=GROUP)


def test_escalation(server, namespace, grant):
    grant("ann", rule("create,update,patch,get", "roles,rolebindings", groups=GROUP), rule("get,list", "secrets"),
          rule("get", "configmaps", names=["a", "b"]), rule("get", "*/log"))
    ann, path = as_user("ann"), f"{RBAC}/namespaces/{namespace}/roles"
    for i, fine in enumerate([rule("get", "secrets"), rule("list,get", "secrets"), rule("get", "secrets", names=["x"]),
                              rule("get", "configmaps", names=["b"]), rule("get", "pods/log", groups="")]):
        assert server.request("POST", path, role(f"fine{i}", fine), headers=ann).status == 201, fine
    cases = [(rule("get,delete", "secrets"), '{APIGroups:[""], Resources:["secrets"], Verbs:["delete"]}'),
             (rule("*", "secrets"), '{APIGroups:[""], Resources:["secrets"], Verbs:["*"]}'),
             (rule("get", "*"), '{APIGroups:[""], Resources:["*"], Verbs:["get"]}'),
             (rule("get", "secrets", groups="*"), '{APIGroups:["*"], Resources:["secrets"], Verbs:["get"]}'),
             (rule("get", "configmaps"), '{APIGroups:[""], Resources:["configmaps"], Verbs:["get"]}'),
             (rule("get", "configmaps", names=["a", "c"]), '{APIGroups:[""], Resources:["configmaps"], ResourceNames:["c"], Verbs:["get"]}'),
             (rule("get", "log/pods", groups=""), '{APIGroups:[""], Resources:["log/pods"], Verbs:["get"]}')]
    for wrong, missing in cases:
        answer = server.request("POST", path, role("wrong", wrong), headers=ann)
        refused(answer, 'user "ann" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n' + missing)
        assert server.request("GET", f"{path}/wrong").status == 404
    for method, content, body in [
            ("PUT", "application/json", role("fine0", rule("delete", "secrets"))),
            ("PATCH", "application/merge-patch+json", {"rules": [rule("delete", "secrets")]}),
            ("PATCH", "application/strategic-merge-patch+json", {"rules": [rule("delete", "secrets")]}),
            ("PATCH", "application/json-patch+json", [{"op": "add", "path": "/rules/0/verbs/0", "value": "delete"}])]:
        refused(server.request(method, f"{path}/fine0", body, [*ann, ("Content-Type", content)]), 'Verbs:["delete"]')
    refused(server.request("PATCH", f"{path}/fine0?fieldManager=m&force=true", role("fine0", rule("delete", "secrets")),
                           [*ann, ("Content-Type", "application/apply-patch+yaml")]), 'Verbs:["delete"]')
    refused(server.request("POST", f"{path}?dryRun=All", role("wrong", rule("delete", "secrets")), headers=ann), 'Verbs:["delete"]')
    grant("ann", rule("escalate", "roles", groups=GROUP, names=["up"]))
    assert server.request("POST", path, role("up", rule("*", "*", groups="*")), headers=ann).status == 201
    refused(server.request("POST", path, role("down", rule("*", "*", groups="*")), headers=ann), "not currently held")


def test_rights_of_cluster_roles(server, namespace):
    """URLs and aggregation: in the cluster alone."""
    name = f"c-{namespace}"
    server.call("POST", f"{RBAC}/clusterroles", role(name, rule("*", "clusterroles", groups=GROUP), {"verbs": ["get"], "nonResourceURLs": ["/healthz*"]},
                                                     kind="ClusterRole"))
    server.call("POST", f"{RBAC}/clusterrolebindings", binding(name, name, name, kind="ClusterRoleBinding", role_kind="ClusterRole"))
    server.call("PATCH", f"{RBAC}/clusterroles/{name}", [{"op": "replace", "path": "/rules/0/verbs", "value": ["create"]}],
                headers=[("Content-Type", "application/json-patch+json")])
    user, path = as_user(name), f"{RBAC}/clusterroles"
    fine = role(f"{name}-1", {"verbs": ["get"], "nonResourceURLs": ["/healthz/ping", "/healthz*"]}, kind="ClusterRole")
    assert server.request("POST", path, fine, headers=user).status == 201
    wrong = role(f"{name}-2", {"verbs": ["get"], "nonResourceURLs": ["/metrics"]}, kind="ClusterRole")
    refused(server.request("POST", path, wrong, headers=user), '{NonResourceURLs:["/metrics"], Verbs:["get"]}')
    aggregate = role(f"{name}-3", kind="ClusterRole", aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]})
    refused(server.request("POST", path, aggregate, headers=user), "must have cluster-admin privileges to use an aggregationRule")
    for made in (name, f"{name}-1"):
        server.call("DELETE", f"{path}/{made}")
    server.call("DELETE", f"{RBAC}/clusterrolebindings/{name}")


def test_binding(server, namespace, grant):
    grant("ann", rule("*", "rolebindings", groups=GROUP), rule("get", "secrets"))
    ann, path = as_user("ann"), f"{RBAC}/namespaces/{namespace}/rolebindings"
    server.call("POST", f"{RBAC}/namespaces/{namespace}/roles", role("small", rule("get", "secrets")))
    assert server.request("POST", path, binding("a", "small", "bob"), headers=ann).status == 201
    refused(server.request("POST", path, binding("b", "cluster-admin", "bob", role_kind="ClusterRole"), headers=ann),
            'not currently held:\n{APIGroups:["*"], Resources:["*"], Verbs:["*"]}\n{NonResourceURLs:["*"], Verbs:["*"]}')
    missing = server.request("POST", path, binding("c", "nosuch", "bob"), headers=ann)
    assert missing.status == 404 and missing.json()["message"] == f'rolebindings.{GROUP} "nosuch" not found'
    grant("ann", rule("bind", "clusterroles", groups=GROUP, names=["view"]))
    assert server.request("POST", path, binding("d", "view", "bob", role_kind="ClusterRole"), headers=ann).status == 201
    refused(server.request("POST", path, binding("e", "edit", "bob", role_kind="ClusterRole"), headers=ann), "not currently held")
    # What only the garbage collector and finalizers concern gives nothing away.
    patch = [("Content-Type", "application/merge-patch+json")]
    server.call("POST", path, binding("f", "cluster-admin", "bob", role_kind="ClusterRole"))
    assert server.request("PATCH", f"{path}/f", {"metadata": {"finalizers": ["example.com/x"]}}, [*ann, *patch]).status == 200
    refused(server.request("PATCH", f"{path}/f", {"metadata": {"labels": {"a": "b"}}}, [*ann, *patch]), "not currently held")
    server.call("PATCH", f"{path}/f", {"metadata": {"finalizers": []}}, headers=patch)


def test_a_rule_of_billions_is_refused_in_time(server, namespace, grant):
    grant("ann", rule("create", "roles", groups=GROUP), rule("get", "secrets"))
    many = [f"n{i}" for i in range(400)]
    body = role("x", {"verbs": many, "apiGroups": many, "resources": many, "resourceNames": many})
    answer = server.request("POST", f"{RBAC}/namespaces/{namespace}/roles", body, headers=as_user("ann"))
    assert answer.status == 403, answer
    held = [rule("*", ",".join(many), groups=",".join(many))]
    server.call("PUT", f"{RBAC}/namespaces/{namespace}/roles/r0", role("r0", rule("create", "roles", groups=GROUP), *held))
    body["rules"][0]["resources"][0] = "other"
    answer = server.request("POST", f"{RBAC}/namespaces/{namespace}/roles", body, headers=as_user("ann"))
    assert answer.status in (403, 413), answer


# ---- acting as another

def test_impersonation(server, namespace, grant):
    path = secrets(namespace)
    grant("bob", rule("list", "secrets"))
    grant("group:team", rule("list", "configmaps"))
    grant(f"account:{namespace}/robot", rule("list", "pods"))
    assert server.request("GET", path, headers=as_user("bob")).status == 200
    assert server.request("GET", path, headers=as_user("eve", "bob")).status == 403
    assert server.request("GET", f"/api/v1/namespaces/{namespace}/configmaps", headers=as_user("eve", "other", "team")).status == 200
    robot = f"system:serviceaccount:{namespace}:robot"
    assert server.request("GET", f"/api/v1/namespaces/{namespace}/pods", headers=as_user(robot)).status == 200
    assert server.request("GET", path, headers=as_user("eve", "system:masters")).status == 200
    plain = server.request("GET", path, headers=[("Impersonate-Group", "team"), ("Impersonate-Uid", "7")])
    assert plain.status == 500 and plain.header("Content-Type") == "text/plain; charset=utf-8"
    assert plain.body.decode() == (f'Internal Server Error: "{path}": requested [{{Group  team    }} {{UID  7  authentication.k8s.io/v1  }}] '
                                   "without impersonating a user\n")


def test_impersonation_needs_rights(server, namespace, start):
    """By certificates of their own, for who impersonates cannot do so twice."""
    authority = Authority(harness.SCRATCH / f"ca-{namespace}")
    own = start(flags=["--client-ca-file", str(authority.pem)])
    own.contexts["dev"] = context(own, authority.client("dev", "devs"))
    allowed = [rule("impersonate", "users", names=["bob"]), rule("impersonate", "groups", names=["team"]),
               rule("impersonate", "uids", groups="authentication.k8s.io", names=["7"]),
               rule("impersonate", "userextras/scopes", groups="authentication.k8s.io", names=["view"])]
    own.call("POST", f"{RBAC}/clusterroles", role("imp", *allowed, kind="ClusterRole"))
    own.call("POST", f"{RBAC}/clusterrolebindings", binding("imp", "imp", "group:devs", kind="ClusterRoleBinding", role_kind="ClusterRole"))
    own.call("POST", f"{RBAC}/namespaces/default/roles", role("robots", rule("impersonate", "serviceaccounts", names=["robot"])))
    own.call("POST", f"{RBAC}/namespaces/default/rolebindings", binding("robots", "robots", "dev"))
    cases = [(as_user("bob"), None), (as_user("bob", "team"), None), (as_user("bob", uid="7"), None),
             (as_user("bob", extra=[("Scopes", "view")]), None), (as_user("system:serviceaccount:default:robot"), None),
             (as_user("eve"), 'users "eve" is forbidden: User "dev" cannot impersonate resource "users" in API group "" at the cluster scope'),
             (as_user("bob", "team", "system:masters"), 'groups "system:masters" is forbidden: User "dev" cannot impersonate resource "groups"'),
             (as_user("bob", uid="8"), 'uids.authentication.k8s.io "8" is forbidden: User "dev" cannot impersonate resource "uids"'),
             (as_user("bob", extra=[("scopes", "view"), ("scopes", "edit")]),
              'userextras.authentication.k8s.io "edit" is forbidden: User "dev" cannot impersonate resource "userextras/scopes"'),
             (as_user("system:serviceaccount:default:other"), 'serviceaccounts "other" is forbidden: User "dev" cannot impersonate'),
             (as_user("system:serviceaccount:kube-system:robot"), 'serviceaccounts "robot" is forbidden: User "dev" cannot impersonate')]
    for headers, message in cases:
        answer = own.request("GET", "/version", headers=headers, client="dev")
        assert answer.status == (403 if message else 200), (headers, answer)
        if message:
            assert answer.json()["message"].startswith(message), answer


# ---- ways around

def test_an_apply_that_creates_needs_create(server, namespace, grant):
    grant("ann", rule("patch,get", "secrets,configmaps"))
    path, headers = secrets(namespace), [*as_user("ann"), ("Content-Type", "application/apply-patch+yaml")]
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "new"}, "data": {"a": "Yg=="}}
    for query in ("fieldManager=m", "fieldManager=m&dryRun=All"):
        refused(server.request("PATCH", f"{path}/new?{query}", body, headers=headers), 'User "ann" cannot create resource "secrets"')
    assert server.request("GET", f"{path}/new").status == 404
    server.call("POST", path, harness.secret("new", {"a": "b"}))
    assert server.request("PATCH", f"{path}/new?fieldManager=m&force=true", body, headers=headers).status == 200
    grant("ann", rule("create", "configmaps"))
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}, "data": {"a": "b"}}
    assert server.request("PATCH", f"/api/v1/namespaces/{namespace}/configmaps/new?fieldManager=m", body, headers=headers).status == 201


def test_a_body_that_comes_after_the_right_has_gone(server, namespace, grant):
    name = grant("ann", rule("patch", "secrets"))
    server.call("POST", secrets(namespace), harness.secret("s", {"a": "b"}))
    with server.connect() as late:
        body = b'{"metadata":{"labels":{"a":"b"}}}'
        head = [*as_user("ann"), ("Content-Type", "application/merge-patch+json"), ("Content-Length", str(len(body)))]
        late.send_raw(wire.encode_request("PATCH", secrets(namespace, "s"), head, None, late.host))
        server.call("DELETE", f"{RBAC}/namespaces/{namespace}/rolebindings/{name}")
        late.send_raw(body)
        assert late.answer().status == 403


def test_a_secret_for_a_token_needs_the_account(server, namespace, grant):
    server.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "power"}})
    grant("ann", rule("create,get,patch", "secrets"))
    made = {"metadata": {"name": "mine", "annotations": {"kubernetes.io/service-account.name": "power"}}, "type": "kubernetes.io/service-account-token"}
    refused(server.request("POST", secrets(namespace), made, headers=as_user("ann")), 'asks for a token of ServiceAccount "power" and may not act as it')
    for i, right in enumerate((rule("use", "serviceaccounts", names=["power"]), rule("impersonate", "serviceaccounts"), rule("create", "serviceaccounts/token"))):
        user = f"u{i}"
        grant(user, rule("create", "secrets"), right)
        made["metadata"]["name"] = f"mine{i}"
        assert server.request("POST", secrets(namespace), made, headers=as_user(user)).status == 201, right


def test_what_rules_may_hold_is_bounded(server, namespace):
    path = f"{RBAC}/namespaces/{namespace}"
    answer = server.request("POST", f"{path}/roles", role("big", rule("get", "secrets", names=["a"] * 20000)))
    assert answer.status == 422 and "must not name more than 16384" in answer.json()["message"]
    many = binding("big", "big", *["u"] * 20000)
    assert server.request("POST", f"{path}/rolebindings", many).status == 422
