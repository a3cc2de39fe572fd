# SPDX-License-Identifier: Apache-2.0
"""kubectl auth, by each kubectl there is: can-i, whoami, reconcile, as the admin and as others."""
import json

import harness
import pytest
import yaml
from authority import Authority, context

RBAC = "/apis/rbac.authorization.k8s.io/v1"
GROUP = "rbac.authorization.k8s.io"
ROLE = {"metadata": {"name": "can"}, "rules": [
    {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["allowed"], "verbs": ["get", "update"]},
    {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]},
    {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["mountable"], "verbs": ["mount"]},
    {"apiGroups": [""], "resources": ["pods/eviction"], "verbs": ["create"]},
    {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["list"]}]}
CLUSTER_ROLE = {"metadata": {"name": "can"}, "rules": [
    {"nonResourceURLs": ["/healthz", "/api", "/api/*", "/apis", "/apis/*", "/openapi/*", "/version"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]},
    {"apiGroups": ["authorization.k8s.io", "authentication.k8s.io"], "resources": ["*"], "verbs": ["create"]}]}


@pytest.fixture(scope="module")
def users(tmp_path_factory):
    """A server on which the group devs can do a few things in the namespace default."""
    authority = Authority(tmp_path_factory.mktemp("authority") / "ca")
    with harness.Server(flags=["--client-ca-file", str(authority.pem)]) as server:
        subjects = [{"kind": "Group", "apiGroup": GROUP, "name": "devs"}]
        for place, kind, body in (("", "ClusterRole", CLUSTER_ROLE), ("namespaces/default/", "Role", ROLE)):
            plural = kind.lower() + "s"
            server.call("POST", f"{RBAC}/{place}{plural}", body)
            server.call("POST", f"{RBAC}/{place}{plural.replace('roles', 'rolebindings')}",
                        {"metadata": {"name": "can"}, "roleRef": {"apiGroup": GROUP, "kind": kind, "name": "can"}, "subjects": subjects})
        server.dev = authority.client("dev", "devs")
        server.contexts["dev"] = context(server, server.dev)
        yield server


@pytest.fixture
def admin(users, kubectl_program):
    return harness.Kubectl(kubectl_program, users)


@pytest.fixture
def dev(users, kubectl_program, tmp_path):
    made = harness.Kubectl(kubectl_program, users)
    config = yaml.safe_load(users.kubeconfig.read_text())
    config["users"][0]["user"] = {"client-certificate": str(users.dev[0]), "client-key": str(users.dev[1])}
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    made.environment["KUBECONFIG"] = str(tmp_path / "kubeconfig")
    return made


YES, NO = ("yes\n", 0), ("no\n", 1)


@pytest.mark.parametrize("question, answer", [
    (["get", "secrets/allowed"], YES),
    (["get", "secret/other"], NO),
    (["get", "secrets"], NO),
    (["update", "secret/allowed", "-n", "default"], YES),
    (["get", "secrets/allowed", "-n", "kube-system"], NO),
    (["mount", "secrets/mountable"], YES),  # a verb of Coffer's own
    (["mount", "secrets/allowed"], NO),
    (["get", "secrets/mountable"], NO),
    (["deletecollection", "configmaps"], YES),
    (["list", "configmaps", "--all-namespaces"], NO),
    (["create", "pods", "--subresource=eviction"], YES),
    (["create", "pods"], NO),
    (["list", "deployments"], YES),
    (["list", "deploy.apps"], YES),
    (["list", "nodes"], YES),
    (["get", "/healthz"], YES),
    (["get", "/apis/x"], YES),
    (["get", "/metrics"], NO),
    (["post", "/healthz"], NO),
    (["create", "selfsubjectaccessreviews.authorization.k8s.io"], YES),
])
def test_can_i(dev, admin, question, answer):
    done = dev.run("auth", "can-i", *question, check=False)
    assert (done.stdout.splitlines()[0] + "\n", done.returncode) == answer, done.stderr
    assert dev.run("auth", "can-i", "-q", *question, check=False).returncode == answer[1]
    done = admin.run("auth", "can-i", *question)
    assert done.stdout == "yes\n"


def test_can_i_list(dev, admin):
    lines = dev.out("auth", "can-i", "--list").splitlines()
    assert lines[0].split() == ["Resources", "Non-Resource", "URLs", "Resource", "Names", "Verbs"]
    rows = {tuple(line.split()) for line in lines[1:]}
    for row in ("secrets [] [allowed] [get update]", "configmaps [] [] [*]", "pods/eviction [] [] [create]", "deployments.apps [] [] [list]",
                "nodes [] [] [list]", "[/version] [] [get]"):
        assert tuple(row.split()) in rows, rows
    elsewhere = dev.out("auth", "can-i", "--list", "-n", "kube-system", "--no-headers")
    assert "nodes" in elsewhere and "configmaps" not in elsewhere
    bare = dev.out("auth", "can-i", "--list", "--no-headers").splitlines()
    assert [line.split() for line in bare] == [line.split() for line in lines[1:]]
    assert admin.run("auth", "can-i", "--list").returncode == 0


def test_whoami(dev, admin):
    if dev.minor < 28:
        return  # it has no such command, or asks for versions that are no more
    for kubectl, name, groups in ((dev, "dev", ["devs", "system:authenticated"]), (admin, None, ["system:masters", "system:authenticated"])):
        rows = dict(line.split(None, 1) for line in kubectl.out("auth", "whoami").splitlines())
        assert (rows["Groups"].strip(), name in (None, rows["Username"].strip())) == ("[" + " ".join(groups) + "]", True)
        found = json.loads(kubectl.out("auth", "whoami", "-o", "json"))
        assert found["kind"] == "SelfSubjectReview" and found["status"]["userInfo"]["groups"] == groups
        assert yaml.safe_load(kubectl.out("auth", "whoami", "-o", "yaml"))["status"] == found["status"]
        assert kubectl.out("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}") == found["status"]["userInfo"]["username"]


def test_can_i_as_another(dev, admin):
    def asked(*question):
        done = admin.run("auth", "can-i", *question, check=False)
        return done.stdout.splitlines()[0], done.returncode
    assert asked("get", "secrets/allowed", "--as=somebody", "--as-group=devs") == ("yes", 0)
    assert asked("get", "secrets/allowed", "--as=somebody") == ("no", 1)
    assert asked("get", "secrets", "--as=somebody", "--as-group=system:masters") == ("yes", 0)
    assert asked("list", "nodes", "--as=system:serviceaccount:default:default") == ("no", 1)
    rows = admin.out("auth", "can-i", "--list", "--as=somebody", "--as-group=devs")
    assert "[mountable]" in rows and "[mountable]" not in admin.out("auth", "can-i", "--list", "--as=somebody")
    assert "orbidden" in dev.refused("auth", "can-i", "get", "secrets", "--as=admin")
    if admin.minor >= 28:
        found = json.loads(admin.out("auth", "whoami", "--as=somebody", "--as-group=devs", "-o", "json"))
        assert found["status"]["userInfo"] == {"username": "somebody", "groups": ["devs", "system:authenticated"]}


def test_reviews_as_resources(admin):
    """They are listed and explained, can be created from a file, and nothing else."""
    listed = admin.out("api-resources", "--verbs=create", "-o", "name").split()
    for name in ("subjectaccessreviews", "localsubjectaccessreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews"):
        assert f"{name}.authorization.k8s.io" in listed
    assert {"tokenreviews.authentication.k8s.io", "selfsubjectreviews.authentication.k8s.io"} <= set(listed)
    assert "resourceAttributes" in admin.out("explain", "subjectaccessreviews.spec")
    assert "audiences" in admin.out("explain", "tokenreviews.spec")
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {"groups": ["devs"], "resourceAttributes": {"verb": "get", "resource": "secrets", "namespace": "default", "name": "allowed"}}}
    assert admin.out("create", "-f", "-", "-o", "jsonpath={.status.allowed}", stdin=json.dumps(body)) == "true"
    if admin.minor >= 28:  # older ones look for dryRun in a patch
        assert json.loads(admin.out("create", "-f", "-", "-o", "json", "--dry-run=server", stdin=json.dumps(body)))["status"]["allowed"] is True
    assert "MethodNotAllowed" in admin.refused("get", "subjectaccessreviews.authorization.k8s.io")


# ---- reconcile

def manifest(rules, subjects, name):
    group = f"{GROUP}/v1"
    verbs = [{"apiGroups": [""], "resources": [r], "verbs": v} for r, v in rules.items()]
    users = [{"kind": "User", "apiGroup": GROUP, "name": s} for s in subjects]
    found = []
    for place, role in (({}, "ClusterRole"), ({"namespace": "default"}, "Role")):
        found += [{"apiVersion": group, "kind": role, "metadata": {"name": name, **place}, "rules": verbs},
                  {"apiVersion": group, "kind": f"{role}Binding", "metadata": {"name": name, **place}, "subjects": users,
                   "roleRef": {"apiGroup": GROUP, "kind": role, "name": name}}]
    return yaml.safe_dump_all(found)


PLACES = {"ClusterRole": f"{RBAC}/clusterroles", "Role": f"{RBAC}/namespaces/default/roles",
          "ClusterRoleBinding": f"{RBAC}/clusterrolebindings", "RoleBinding": f"{RBAC}/namespaces/default/rolebindings"}


def state(server, name):
    """What the roles allow and whom the bindings name; None: not there."""
    found = {}
    for kind, path in PLACES.items():
        answer = server.request("GET", f"{path}/{name}")
        body = answer.json() if answer.status == 200 else None
        found[kind] = body and ({(rule["resources"][0], verb) for rule in body["rules"] for verb in rule["verbs"]} if "rules" in body
                                else {subject["name"] for subject in body["subjects"]})
    return found


def both(roles, bindings):
    return {kind: bindings if kind.endswith("Binding") else roles for kind in PLACES}


def test_reconcile(admin, users, kubectl_program):
    name = f"reconciled-{admin.minor}"

    def reconcile(rules, subjects, *flags):
        return admin.out("auth", "reconcile", "-f", "-", *flags, stdin=manifest(rules, subjects, name))

    first, second = {"secrets": ["get", "list"]}, {"secrets": ["get"], "pods": ["list"]}
    reconcile(first, ["a"], "--dry-run=client")
    assert state(users, name) == both(None, None)
    assert reconcile(first, ["a"]).count(" reconciled\n") == 4
    assert state(users, name) == both({("secrets", "get"), ("secrets", "list")}, {"a"})
    reconcile(second, ["b"], "--dry-run=client")
    assert state(users, name) == both({("secrets", "get"), ("secrets", "list")}, {"a"})
    assert "server" in admin.refused("auth", "reconcile", "-f", "-", "--dry-run=server", stdin=manifest(second, ["b"], name))  # kubectl has none
    reconcile(second, ["b"])  # what is there stays
    assert state(users, name) == both({("secrets", "get"), ("secrets", "list"), ("pods", "list")}, {"a", "b"})
    reconcile(second, ["b"], "--remove-extra-permissions")
    assert state(users, name) == both({("secrets", "get"), ("pods", "list")}, {"a", "b"})
    reconcile(second, ["b"], "--remove-extra-subjects")
    assert state(users, name) == both({("secrets", "get"), ("pods", "list")}, {"b"})
    before = users.call("GET", f"{PLACES['Role']}/{name}")
    reconcile(second, ["b"], "--remove-extra-permissions", "--remove-extra-subjects")
    assert users.call("GET", f"{PLACES['Role']}/{name}") == before


def test_reconcile_makes_the_namespace(admin, users):
    body = {"apiVersion": f"{GROUP}/v1", "kind": "Role", "metadata": {"name": "r", "namespace": f"made-{admin.minor}"}, "rules": []}
    admin.run("auth", "reconcile", "-f", "-", stdin=json.dumps(body))
    assert users.call("GET", f"/api/v1/namespaces/made-{admin.minor}")["status"] == {"phase": "Active"}


def test_reconcile_needs_rights(dev, users):
    name = f"refused-{dev.minor}"
    body = {"apiVersion": f"{GROUP}/v1", "kind": "Role", "metadata": {"name": name, "namespace": "default"}, "rules": []}
    assert "orbidden" in dev.refused("auth", "reconcile", "-f", "-", stdin=json.dumps(body))
    assert state(users, name) == both(None, None)
