# SPDX-License-Identifier: Apache-2.0
"""Creating a Pod is not reading a Secret: whoever names one must be allowed to read it, however the name is written."""
import copy
import json

import harness
import marked
import pytest
import wire
from authority import Authority, context

ACCOUNTS = "system:serviceaccounts"
CONTROLLERS = {name: f"system:serviceaccount:kube-system:{name}-controller"
               for name in ("replicaset", "deployment", "cronjob", "job", "statefulset", "daemon-set")}
USERS = {"dev": "devs", "other": "others", "boss": "bosses", "robot": "robots", "system:kube-controller-manager": "managers",
         **{name: ACCOUNTS for name in CONTROLLERS.values()}}
RECORD = "coffer.dev/pod-writer"
WORK = {"pods": "", "podtemplates": "", "replicationcontrollers": "", "deployments": "apps", "replicasets": "apps", "statefulsets": "apps",
        "daemonsets": "apps", "controllerrevisions": "apps", "jobs": "batch", "cronjobs": "batch"}
KINDS = {"Pod": "pods", "PodTemplate": "podtemplates", "ReplicationController": "replicationcontrollers", "Deployment": "deployments",
         "ReplicaSet": "replicasets", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets", "Job": "jobs", "CronJob": "cronjobs"}
LABELS = {"app": "a"}


class Cluster:
    """A server, users of it by name, and what each is allowed: all work in its namespaces, and Secrets as granted."""

    def __init__(self, start, folder, *flags):
        authority = Authority(folder / "ca")
        self.server = start(flags=["--client-ca-file", str(authority.pem), *flags])
        for i, (user, group) in enumerate(USERS.items()):
            pair = authority.client(user, group)
            self.server.contexts[user] = context(self.server, pair)
        everything = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "work"}, "rules": [
            {"apiGroups": ["", "apps", "batch"], "resources": ["pods/ephemeralcontainers", "pods/resize", "pods/binding"], "verbs": ["*"]},
            *({"apiGroups": [group], "resources": [resource, f"{resource}/status", f"{resource}/scale"], "verbs": ["*"]}
              for resource, group in WORK.items())]}
        self.server.call("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", everything)
        self.count = 0

    def namespace(self):
        self.count += 1
        name = f"n{self.count}"
        self.server.call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        harness.await_furniture(self.server, name)
        self.server.call("POST", self.path(name, "rolebindings", "rbac.authorization.k8s.io"), {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "work"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "work"},
            "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user} for user in USERS]})
        return Space(self, name)

    @staticmethod
    def path(namespace, resource, group=None):
        group = WORK.get(resource.split("/")[0], "") if group is None else group
        return f"/{f'apis/{group}' if group else 'api'}/v1/namespaces/{namespace}/{resource}"


class Space:
    """One namespace, as several users see it."""

    def __init__(self, cluster, name):
        self.server, self.name, self.cluster = cluster.server, name, cluster
        self.grants = 0

    def path(self, resource, name="", group=None):
        return self.cluster.path(self.name, resource, group) + (f"/{name}" if name else "")

    def grant(self, user, verb, resource, *names):
        """Returns what takes it away again."""
        self.grants += 1
        name = f"grant-{self.grants}"
        rbac = "rbac.authorization.k8s.io"
        self.server.call("POST", self.path("roles", group=rbac), {
            "apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": {"name": name},
            "rules": [{"apiGroups": [""], "resources": [resource], "verbs": [verb], **({"resourceNames": list(names)} if names else {})}]})
        self.server.call("POST", self.path("rolebindings", group=rbac), {
            "apiVersion": f"{rbac}/v1", "kind": "RoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": name}, "subjects": [{"kind": "User", "apiGroup": rbac, "name": user}]})
        return lambda: self.server.call("DELETE", self.path("rolebindings", name, rbac))

    def send(self, user, method, resource, body, name="", query="", **more):
        return self.server.request(method, self.path(resource, name) + query, body, client=user, **more)

    def create(self, user, body, **more):
        return self.send(user, "POST", KINDS[body["kind"]], body, **more)

    def get(self, resource, name):
        return self.server.call("GET", self.path(resource, name))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    servers = []

    def start(flags):
        servers.append(harness.Server(flags=flags).start())
        return servers[-1]
    yield Cluster(start, tmp_path_factory.mktemp("authority"))
    for server in servers:
        server.stop()


@pytest.fixture
def space(cluster):
    return cluster.namespace()


# ---- objects

def spec(**more):
    return {"containers": [{"name": "c", "image": "i"}], **more}


def using(secret):
    return spec(volumes=[{"name": "v", "secret": {"secretName": secret}}])


def workload(kind, pod_spec, name="w", **metadata):
    """The least object of a kind whose Pods have that spec."""
    template = {"metadata": {"labels": LABELS}, "spec": pod_spec}
    once = {**template, "spec": {"restartPolicy": "Never", **pod_spec}}
    selected = {"selector": {"matchLabels": LABELS}, "template": template}
    body = {"Pod": {"spec": pod_spec}, "PodTemplate": {"template": template}, "ReplicationController": {"spec": {"selector": LABELS, "template": template}},
            "Deployment": {"spec": selected}, "ReplicaSet": {"spec": selected}, "StatefulSet": {"spec": {**selected, "serviceName": "s"}},
            "DaemonSet": {"spec": selected}, "Job": {"spec": {"template": once}},
            "CronJob": {"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": once}}}}}[kind]
    group = WORK[KINDS[kind]]
    return {"apiVersion": f"{group}/v1" if group else "v1", "kind": kind, "metadata": {"name": name, **metadata}, **copy.deepcopy(body)}


TO_SPEC = {"Pod": ["spec"], "PodTemplate": ["template", "spec"], "CronJob": ["spec", "jobTemplate", "spec", "template", "spec"]}


def pod_spec_of(body):
    for step in TO_SPEC.get(body["kind"], ["spec", "template", "spec"]):
        body = body[step]
    return body


def template_of(body):
    for step in TO_SPEC.get(body["kind"], ["spec", "template", "spec"])[:-1]:
        body = body[step]
    return body


def owner(body, kind=None):
    return [{"apiVersion": body["apiVersion"], "kind": kind or body["kind"], "name": body["metadata"]["name"], "uid": body["metadata"]["uid"], "controller": True}]


def lacks(user, secret, path, namespace):
    return (f'User "{user}" names Secret "{secret}" ({path}) and may not read it: needs verb get or mount on secrets "{secret}" '
            f'in the namespace "{namespace}"')


# ---- every field, every kind, every verb

def test_the_kinds_that_make_pods_are_those_of_this_test():
    assert {kind for kind, _ in marked.kinds_with(marked.POD_SPEC)} == set(KINDS)
    for kind, path in marked.kinds_with(marked.POD_SPEC):
        assert path == TO_SPEC.get(kind, ["spec", "template", "spec"])


FIELDS = list(marked.paths({"$ref": marked.POD_SPEC}, "secret"))


@pytest.mark.parametrize("path", FIELDS, ids=marked.text)
def test_each_field_that_names_a_secret(space, path):
    space.grant("dev", "mount", "secrets", "may")

    def pod(secret, name="p"):
        made = marked.put({"$ref": marked.POD_SPEC}, {}, path, secret)
        return workload("Pod", {**spec(), **{k: [{**v[0], "name": f"x{k.lower()}"}] if k.endswith("ontainers") or k == "volumes" else v for k, v in made.items()}}, name)

    if path[0] == "ephemeralContainers":  # are added to a Pod that is there
        for secret, status in (("may", 200), ("may-not", 403)):
            added = pod(secret)["spec"].pop("ephemeralContainers")
            space.server.call("POST", space.path("pods"), workload("Pod", spec(), f"e-{secret}"))
            answer = space.send("dev", "PATCH", f"pods/e-{secret}/ephemeralcontainers", {"spec": {"ephemeralContainers": added}},
                                headers=[("Content-Type", "application/strategic-merge-patch+json")])
            assert answer.status == status, answer
            if status == 403:
                assert answer.json()["message"] == f'pods "e-may-not" is forbidden: {lacks("dev", "may-not", "spec." + marked.text(path), space.name)}'
        return
    answer = space.create("dev", pod("may"))
    assert answer.status == 201, answer
    answer = space.create("dev", pod("may-not", "q"))
    assert answer.status == 403
    assert answer.json()["message"] == f'pods "q" is forbidden: {lacks("dev", "may-not", "spec." + marked.text(path), space.name)}'
    assert space.server.request("GET", space.path("pods", "q")).status == 404


PATCHES = {"application/json-patch+json": lambda path, value: [{"op": "replace", "path": path, "value": value}],
           "application/merge-patch+json": None, "application/strategic-merge-patch+json": None, "application/apply-patch+yaml": None}


def nested(steps, value):
    for step in reversed(steps):
        value = {step: value}
    return value


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_by_each_verb(space, kind):
    """Whatever way the template changes, all its Secrets are checked; what is not the template is not asked about."""
    resource = KINDS[kind]
    space.grant("dev", "get", "secrets", "may")
    assert space.create("dev", workload(kind, using("may"), "mine")).status == 201
    refused = space.create("dev", workload(kind, using("may-not"), "w"))
    assert refused.status == 403
    steps = TO_SPEC.get(kind, ["spec", "template", "spec"])
    reason = lacks("dev", "may-not", ".".join(steps) + ".volumes[0].secret.secretName", space.name)
    assert refused.json()["message"].endswith(f' "w" is forbidden: {reason}')
    assert space.create("dev", workload(kind, using("may-not"), "w"), query="?dryRun=All").status == 403
    space.server.call("POST", space.path(resource), workload(kind, using("may-not"), "w"))
    changes = 0
    for kind_of_change in ("spec", "label"):
        for verb in ("PUT", *PATCHES):
            if kind == "Job" and kind_of_change == "spec":
                continue  # its template never changes
            changes += 1
            stored = space.get(resource, "w")
            value = f"i{changes}"
            if verb == "PUT":
                method, headers, body = "PUT", [], stored
                if kind_of_change == "label":
                    stored["metadata"]["labels"] = {"changed": value}
                else:
                    pod_spec_of(stored)["containers"][0]["image"] = value
            elif verb == "application/apply-patch+yaml":
                method, headers = "PATCH", [("Content-Type", verb)]
                body = {"apiVersion": stored["apiVersion"], "kind": kind, "metadata": {"name": "w"}}
                if kind_of_change == "label":
                    body["metadata"]["labels"] = {"changed": value}
                else:
                    body.update(nested(steps, {"containers": [{"name": "c", "image": value}]}))
            elif verb == "application/json-patch+json":
                method, headers = "PATCH", [("Content-Type", verb)]
                body = [{"op": "add", "path": "/metadata/labels", "value": {"changed": value}} if kind_of_change == "label" else
                        {"op": "replace", "path": "/" + "/".join(steps) + "/containers/0/image", "value": value}]
            else:
                method, headers = "PATCH", [("Content-Type", verb)]
                body = {"metadata": {"labels": {"changed": value}}} if kind_of_change == "label" else nested(
                    steps, {"containers": [{**pod_spec_of(stored)["containers"][0], "image": value}]})
            query = f"?fieldManager={kind_of_change}&force=true" if "apply" in verb else ""
            answer = space.send("dev", method, resource, body, "w", query, headers=headers)
            assert answer.status == (200 if kind_of_change == "label" else 403), (verb, kind_of_change, answer)
            if kind_of_change == "spec":
                assert reason in answer.json()["message"], (verb, answer)
                gained = space.grant("dev", "get", "secrets", "may-not")
                answer = space.send("dev", method, resource, body, "w", query, headers=headers)
                assert answer.status == 200, (verb, answer)
                gained()


def test_scale_and_status_ask_nothing(space):
    space.server.call("POST", space.path("deployments"), workload("Deployment", using("s")))
    scaled = space.send("dev", "PATCH", "deployments/w/scale", {"spec": {"replicas": 3}}, headers=[("Content-Type", "application/merge-patch+json")])
    assert scaled.status == 200, scaled
    status = space.send("dev", "PATCH", "deployments/w/status", {"status": {"observedGeneration": 1}, "metadata": {"annotations": {RECORD: "{}"}}},
                        headers=[("Content-Type", "application/merge-patch+json")])
    assert status.status == 200, status
    assert writer(space.get("deployments", "w"))["username"] != "dev"


# ---- service accounts

RIGHTS = [("use", "serviceaccounts"), ("impersonate", "serviceaccounts"), ("create", "serviceaccounts/token")]


def account(space, name, **more):
    space.server.call("POST", space.path("serviceaccounts"), {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}, **more})


@pytest.mark.parametrize("verb,resource", RIGHTS)
def test_an_account_is_worth_its_rights(space, verb, resource):
    account(space, "robot")
    body = workload("Deployment", spec(serviceAccountName="robot"))
    answer = space.create("dev", body)
    assert answer.status == 403
    assert answer.json()["message"] == (
        'deployments.apps "w" is forbidden: User "dev" names ServiceAccount "robot" (spec.template.spec.serviceAccountName) and may not act as it: '
        'needs verb use or impersonate on serviceaccounts "robot", or create on serviceaccounts/token "robot", in the namespace "' + space.name + '"')
    space.grant("dev", verb, resource, "someone-else")
    assert space.create("dev", body).status == 403
    space.grant("dev", verb, resource, "robot")
    assert space.create("dev", body).status == 201
    assert space.create("dev", workload("Pod", spec(serviceAccountName="robot"))).status == 201


def test_an_account_by_its_deprecated_name(space):
    account(space, "robot")
    for kind in KINDS:
        assert space.create("dev", workload(kind, spec(serviceAccount="robot"))).status == 403, kind


def test_what_an_account_lists_counts_as_named(space):
    account(space, "lists", secrets=[{"name": "token"}], imagePullSecrets=[{"name": "pull"}])
    space.grant("dev", "use", "serviceaccounts", "lists")
    for body in (workload("Deployment", spec(serviceAccountName="lists")), workload("Pod", spec(serviceAccountName="lists"))):
        message = space.create("dev", body).json()["message"]
        assert message.endswith(f'User "dev" runs as ServiceAccount "lists", which lists Secrets that may not be read by it: needs verb get or mount on '
                                f'all secrets and imagePullSecrets of serviceaccounts "lists" in the namespace "{space.name}"')
        assert "token" not in message and "pull" not in message
    one = space.grant("dev", "mount", "secrets", "token")
    assert space.create("dev", workload("Pod", spec(serviceAccountName="lists"))).status == 403
    space.grant("dev", "mount", "secrets", "pull")
    assert space.create("dev", workload("Pod", spec(serviceAccountName="lists"))).status == 201
    one()
    assert space.create("dev", workload("Pod", spec(serviceAccountName="lists"), "p2")).status == 403


def test_the_default_account_gives_its_pull_secrets_to_who_may_read_them(space):
    assert space.create("dev", workload("Pod", spec(), "before")).status == 201
    space.server.call("PATCH", space.path("serviceaccounts", "default"), {"secrets": [{"name": "token"}], "imagePullSecrets": [{"name": "pull"}]},
                      headers=[("Content-Type", "application/merge-patch+json")])
    for kind in ("Pod", "Deployment"):
        answer = space.create("dev", workload(kind, spec()))
        assert answer.status == 403 and "pull\"" not in answer.json()["message"], answer
    space.grant("dev", "mount", "secrets", "pull")
    for kind in ("Pod", "Deployment"):
        assert space.create("dev", workload(kind, spec())).status == 201


# ---- the recorded writer

def writer(body):
    return json.loads(body["metadata"].get("annotations", {}).get(RECORD, "{}"))


def merge(space, user, resource, name, body):
    return space.send(user, "PATCH", resource, body, name, headers=[("Content-Type", "application/merge-patch+json")])


def child(kind, of, pod_spec, name, **more):
    return workload(kind, pod_spec, name, ownerReferences=owner(of), labels=LABELS, **more)


def test_the_writer_of_a_template_is_recorded_and_nobody_else_says_who(space):
    forged = {RECORD: json.dumps({"username": "boss", "groups": ["system:masters"]}), "own": "1"}
    made = space.create("dev", workload("Deployment", spec(), annotations=forged)).json()
    assert writer(made) == {"username": "dev", "groups": ["devs", "system:authenticated"]}
    kept = made["metadata"]["annotations"][RECORD]
    for patch in ({"metadata": {"annotations": {RECORD: None}}}, {"metadata": {"annotations": forged}}, {"metadata": {"annotations": None}},
                  {"metadata": {"labels": {"a": "b"}}}):
        assert merge(space, "other", "deployments", "w", patch).status == 200
        assert space.get("deployments", "w")["metadata"]["annotations"][RECORD] == kept
    stored = space.get("deployments", "w")
    stored["metadata"]["annotations"] = forged
    assert space.send("other", "PUT", "deployments", stored, "w").status == 200
    assert space.get("deployments", "w")["metadata"]["annotations"] == {RECORD: kept, "own": "1"}
    for operation in ({"op": "remove", "path": "/metadata/annotations/coffer.dev~1pod-writer"},
                      {"op": "replace", "path": "/metadata/annotations", "value": forged}):
        answer = space.send("other", "PATCH", "deployments", [operation], "w", headers=[("Content-Type", "application/json-patch+json")])
        assert answer.status == 200, answer
        assert space.get("deployments", "w")["metadata"]["annotations"][RECORD] == kept
    applied = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "w", "annotations": forged}}
    answer = space.send("other", "PATCH", "deployments", applied, "w", "?fieldManager=other&force=true", headers=[("Content-Type", "application/apply-patch+yaml")])
    assert answer.status == 200, answer
    stored = space.get("deployments", "w")
    assert stored["metadata"]["annotations"][RECORD] == kept
    assert RECORD not in json.dumps(stored["metadata"]["managedFields"])
    assert merge(space, "other", "deployments", "w", {"spec": {"template": {"metadata": {"annotations": {"x": "y"}}}}}).status == 200
    assert writer(space.get("deployments", "w"))["username"] == "other"


def test_an_apply_that_says_the_record_again_writes_nothing(space):
    body = {**workload("Deployment", spec()), "metadata": {"name": "w", "labels": {"a": "b"}}}
    apply = [("Content-Type", "application/apply-patch+yaml")]
    for _ in range(2):
        answer = space.send("dev", "PATCH", "deployments", body, "w", "?fieldManager=t", headers=apply)
        assert answer.status < 300, answer
        body["metadata"]["annotations"] = {RECORD: answer.json()["metadata"]["annotations"][RECORD]}
    again = space.send("dev", "PATCH", "deployments", body, "w", "?fieldManager=t", headers=apply).json()
    assert again["metadata"]["resourceVersion"] == answer.json()["metadata"]["resourceVersion"]


def test_pods_carry_no_record(space):
    made = space.create("dev", workload("Pod", spec(), annotations={RECORD: "{}"})).json()
    assert "annotations" not in made["metadata"]


def test_a_controller_acts_for_who_wrote_the_template(space):
    lose = space.grant("dev", "get", "secrets", "db")
    web = space.create("dev", workload("ReplicaSet", using("db"), "web")).json()
    replicaset = CONTROLLERS["replicaset"]
    pod = child("Pod", web, using("db"), "web-1")
    assert space.create(replicaset, pod).status == 201
    lose()
    refused = space.create(replicaset, child("Pod", web, using("db"), "web-2"))
    assert refused.status == 403
    assert refused.json()["message"] == 'pods "web-2" is forbidden: ' + lacks(
        "dev", "db", "spec.volumes[0].secret.secretName", space.name).replace('"dev" names', '"dev", who wrote the template of ReplicaSet "web", names')
    space.grant("dev", "mount", "secrets", "db")
    assert space.create(replicaset, child("Pod", web, using("db"), "web-3")).status == 201


@pytest.mark.parametrize("manager", [CONTROLLERS["replicaset"], "system:kube-controller-manager"])
def test_a_controller_does_not_lend_its_own_rights(space, manager):
    space.grant(manager, "get", "secrets")
    made = space.create("dev", workload("ReplicaSet", spec(), "web")).json()
    assert space.create(manager, child("Pod", made, using("db"), "p1")).status == 403
    alone = space.create(manager, workload("Pod", using("db"), "p2"))
    assert alone.status == 403 and "no writer of a controlling template is recorded" in alone.json()["message"]
    assert space.create(manager, workload("Pod", spec(), "p3")).status == 201


def test_an_owner_counts_by_its_uid_and_kind(space):
    space.grant("boss", "get", "secrets", "db")
    first = space.create("boss", workload("ReplicaSet", using("db"), "web")).json()
    replicaset = CONTROLLERS["replicaset"]
    assert space.create(replicaset, child("Pod", first, using("db"), "p1")).status == 201
    space.server.call("DELETE", space.path("replicasets", "web"))
    assert space.create(replicaset, child("Pod", first, using("db"), "p2")).status == 403
    second = space.create("dev", workload("ReplicaSet", spec(), "web")).json()
    assert space.create(replicaset, child("Pod", first, using("db"), "p3")).status == 403
    assert space.create(replicaset, child("Pod", second, using("db"), "p4")).status == 403
    loose = child("Pod", space.create("boss", workload("ReplicaSet", using("db"), "other")).json(), using("db"), "p5")
    for changed in ({"controller": False}, {"uid": "0"}, {"kind": "Deployment"}, {"apiVersion": "apps/v1beta1"}, {"name": "web"}):
        forged = copy.deepcopy(loose)
        forged["metadata"]["ownerReferences"][0].update(changed)
        assert space.create(replicaset, forged).status == 403, changed
    assert space.create(replicaset, loose).status == 201


def test_a_forged_owner_helps_nobody(space):
    """Who is no controller of Kubernetes answers for himself, whatever owner he names; and for the owner's writer too."""
    space.grant("boss", "get", "secrets", "db")
    theirs = space.create("boss", workload("ReplicaSet", using("db"), "web")).json()
    assert space.create("dev", child("Pod", theirs, using("db"), "p1")).status == 403
    assert space.create("dev", child("ReplicaSet", theirs, using("db"), "r1")).status == 403
    mine = space.create("dev", workload("ReplicaSet", spec(), "mine")).json()
    robot = space.grant("robot", "get", "secrets", "db")
    assert space.create("robot", child("Pod", mine, using("db"), "p2")).status == 403
    assert space.create("robot", workload("Pod", using("db"), "p3")).status == 201
    robot()


@pytest.mark.parametrize("chain", [("Deployment", "deployment", "ReplicaSet", "replicaset"), ("CronJob", "cronjob", "Job", "job")], ids=lambda c: c[0])
def test_a_chain_carries_the_writer_on(space, chain):
    top, by, middle, then = chain
    once = {"restartPolicy": "Never"} if middle == "Job" else {}
    space.grant("dev", "get", "secrets", "db")
    above = space.create("dev", workload(top, {**using("db"), **once}, "top")).json()
    answer = space.create(CONTROLLERS[by], child(middle, above, {**using("db"), **once}, "mid", annotations=above["metadata"]["annotations"]))
    assert answer.status == 201, answer
    between = answer.json()
    assert between["metadata"]["annotations"][RECORD] == above["metadata"]["annotations"][RECORD]
    assert space.create(CONTROLLERS[then], child("Pod", between, {**using("db"), **once}, "p1")).status == 201
    assert space.create(CONTROLLERS[then], child("Pod", between, {**using("other"), **once}, "p2")).status == 403
    assert space.create(CONTROLLERS[by], child(middle, above, {**using("other"), **once}, "mid2")).status == 403


def test_who_rolls_back_answers_for_it(space):
    """And a child that was adopted keeps its own writer, unless it says the same as the template that adopted it."""
    gone = space.grant("dev", "get", "secrets", "db")
    space.grant("boss", "get", "secrets", "db")
    deployment, replicaset = CONTROLLERS["deployment"], CONTROLLERS["replicaset"]
    top = space.create("dev", workload("Deployment", using("db"), "top")).json()
    old = space.create(deployment, child("ReplicaSet", top, using("db"), "old")).json()
    gone()
    top = space.send("boss", "PUT", "deployments", {**top, "spec": {**top["spec"], "template": workload("Deployment", spec())["spec"]["template"]}}, "top").json()
    assert writer(top)["username"] == "boss"
    note = {"metadata": {"annotations": {"deployment.kubernetes.io/revision": "2"}}}
    assert merge(space, deployment, "replicasets", "old", note).status == 200
    assert writer(space.get("replicasets", "old"))["username"] == "dev"
    assert space.create(replicaset, child("Pod", old, using("db"), "p1")).status == 403
    undone = {**space.get("deployments", "top")}
    pod_spec_of(undone).update(using("db"))
    assert space.send("dev", "PUT", "deployments", undone, "top").status == 403
    assert space.send("boss", "PUT", "deployments", undone, "top").status == 200
    note["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "3"
    assert merge(space, deployment, "replicasets", "old", note).status == 200
    assert writer(space.get("replicasets", "old"))["username"] == "boss"
    assert space.create(replicaset, child("Pod", old, using("db"), "p2")).status == 201


def revision(name, of, pod_spec, number=1, **metadata):
    """What the controller of a StatefulSet or DaemonSet keeps of a template."""
    data = {"spec": {"template": {"$patch": "replace", "metadata": {"creationTimestamp": None, "labels": LABELS}, "spec": pod_spec}}}
    return {"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": number, "data": data,
            "metadata": {"name": name, "ownerReferences": owner(of), **metadata}}


def test_a_revision_is_a_template_too(space):
    made = space.create("dev", workload("StatefulSet", spec(), "set")).json()
    body = revision("set-1", made, using("db"))
    answer = space.send("dev", "POST", "controllerrevisions", body)
    assert answer.status == 403
    assert answer.json()["message"] == ('controllerrevisions.apps "set-1" is forbidden: ' +
                                        lacks("dev", "db", "data.spec.template.spec.volumes[0].secret.secretName", space.name))
    space.grant("dev", "mount", "secrets", "db")
    answer = space.send("dev", "POST", "controllerrevisions", body)
    assert answer.status == 201 and writer(answer.json())["username"] == "dev"
    for odd in (None, {"spec": 5}, {"spec": {"template": "secret"}}, {"spec": {"template": {"spec": []}}}):
        assert space.send("dev", "POST", "controllerrevisions", {**body, "data": odd, "metadata": {"generateName": "odd-"}}).status in (201, 422)


def template_of(pod_spec):
    return json.dumps({"metadata": {"labels": LABELS}, "spec": pod_spec})


def disguises():
    """Data in which Go's decoders, which ignore the case of names and take the last of two, read a Secret's name that no plain reader sees."""
    hidden, plain = template_of(using("db")), template_of(spec())
    volume = '{"spec": {"template": {"spec": {"volumes": [{"name": "v", %s}]}}}}'
    yield "data's own", '{"Spec": {"template": %s}}' % hidden
    yield "template", '{"spec": {"template": %s, "TEMPLATE": %s}}' % (plain, hidden)
    yield "volumes", '{"spec": {"template": {"spec": {"volumeS": [{"name": "v", "secret": {"secretName": "db"}}]}}}}'
    yield "long s", volume % '"\u017fecret": {"secretName": "db"}'
    yield "escaped", volume % '"\\u017fecret": {"secretName": "db"}'
    yield "name", volume % '"csi": {"driver": "d", "nodePublishSecretRef": {"NAME": "db"}}'
    yield "Kelvin", '{"spec": {"template": {"spec": {"containers": [{"env": [{"valueFrom": {"secret\u212aeyRef": {"name": "db", "key": "k"}}}]}]}}}}'


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in disguises()])
def test_names_in_a_revision_are_plain(space, data):
    made = space.create("dev", workload("StatefulSet", spec(), "set")).json()
    body = json.dumps({**revision("set-1", made, spec()), "data": "DATA"}).replace('"DATA"', data).encode()
    answer = space.send("dev", "POST", "controllerrevisions", body)
    assert answer.status == 403 and "which some decoders take for another's name" in answer.json()["message"], answer


def test_of_repeated_members_of_a_revision_the_last_counts(space):
    made = space.create("dev", workload("StatefulSet", spec(), "set")).json()
    for first, last, status in (spec(), using("db"), 403), (using("db"), spec(), 201):
        data = '{"spec": {"template": %s, "template": %s}}' % (template_of(first), template_of(last))
        body = json.dumps({**revision("set-1", made, spec()), "data": "DATA"}).replace('"DATA"', data).encode()
        answer = space.send("dev", "POST", "controllerrevisions", body)
        assert answer.status == status, answer
    assert answer.json()["data"]["spec"]["template"]["spec"] == json.loads(template_of(spec()))["spec"]
    stored = space.get("controllerrevisions", "set-1")  # each name once, or it could never be changed again
    assert merge(space, "dev", "controllerrevisions", "set-1", {"revision": 2}).status == 200
    assert writer(stored)["username"] == "dev"


def test_who_wrote_a_revision_answers_for_it_whatever_it_holds(space):
    """A rollout back to data without a template is its writer's too."""
    space.grant("boss", "get", "secrets", "db")
    made = space.create("boss", workload("StatefulSet", using("db"), "set")).json()
    body = {**revision("set-1", made, spec()), "data": {"spec": {"replicas": 1}}}
    answer = space.send("dev", "POST", "controllerrevisions", body)
    assert answer.status == 201 and writer(answer.json())["username"] == "dev"
    pod = child("Pod", made, using("db"), "p")
    pod["metadata"]["labels"] = {"controller-revision-hash": "set-1"}
    refused = space.create(CONTROLLERS["statefulset"], pod)
    assert refused.status == 403 and 'User "dev", who wrote the template of ControllerRevision "set-1",' in refused.json()["message"]


@pytest.mark.parametrize("kind,by,label", [("StatefulSet", "statefulset", "set-1"), ("DaemonSet", "daemon-set", "1")])
def test_pods_of_an_older_template_are_its_writers(space, kind, by, label):
    """Who may no longer read a Secret does not get it by what others changed since, nor by a rollout that stands still."""
    gone = space.grant("dev", "get", "secrets", "db")
    space.grant("boss", "get", "secrets", "db")
    controller, resource = CONTROLLERS[by], KINDS[kind]
    made = space.create("dev", workload(kind, using("db"), "set")).json()
    first = space.send(controller, "POST", "controllerrevisions", revision("set-1", made, pod_spec_of(made), annotations=made["metadata"]["annotations"]))
    assert first.status == 201 and writer(first.json())["username"] == "dev", first

    def pod(name, hashed):
        body = child("Pod", made, using("db"), name)
        return {**body, "metadata": {**body["metadata"], "labels": {"controller-revision-hash": hashed}}}
    assert space.create(controller, pod("p1", label)).status == 201
    gone()
    assert merge(space, "boss", resource, "set", {"spec": {"template": {"metadata": {"annotations": {"x": "y"}}}}}).status == 200
    refused = space.create(controller, pod("p2", label))
    assert refused.status == 403 and 'User "dev", who wrote the template of ControllerRevision "set-1",' in refused.json()["message"]
    assert space.create(controller, pod("p3", "unknown")).status == 201
    assert merge(space, controller, "controllerrevisions", "set-1", {"revision": 2}).status == 200
    assert writer(space.send(controller, "GET", "controllerrevisions", None, "set-1").json())["username"] == "dev"
    assert merge(space, "boss", resource, "set", {"spec": {"template": {"metadata": {"annotations": None}}}}).status == 200
    assert merge(space, controller, "controllerrevisions", "set-1", {"revision": 3}).status == 200
    assert writer(space.send(controller, "GET", "controllerrevisions", None, "set-1").json())["username"] == "boss"
    assert space.create(controller, pod("p4", label)).status == 201


def test_deputies_with_rights_do_not_change_the_record_by_what_is_no_template(space):
    space.grant("boss", "get", "secrets")
    made = space.create("dev", workload("ReplicaSet", spec(), "web")).json()
    assert merge(space, "boss", "replicasets", "web", {"spec": {"replicas": 3}}).status == 200
    assert writer(space.get("replicasets", "web"))["username"] == "dev"
    assert space.create(CONTROLLERS["replicaset"], child("Pod", made, using("db"), "p")).status == 403


# ---- kubectl, and the option

def test_kubectl_sees_no_difference_where_there_is_none(space, kubectl_program):
    kubectl = harness.Kubectl(kubectl_program, space.server)
    manifest = json.dumps(workload("Deployment", using("db")))
    kubectl.run("-n", space.name, "apply", "-f", "-", stdin=manifest)
    assert kubectl.run("-n", space.name, "diff", "-f", "-", stdin=manifest).stdout == ""
    version = space.get("deployments", "w")["metadata"]["resourceVersion"]
    assert "unchanged" in kubectl.run("-n", space.name, "apply", "-f", "-", stdin=manifest).stdout
    shown = kubectl.out("-n", space.name, "get", "deployment", "w", "-o", "yaml")
    kubectl.run("-n", space.name, "replace", "-f", "-", stdin=shown)
    kubectl.run("-n", space.name, "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=manifest)
    newer = space.get("deployments", "w")["metadata"]["resourceVersion"]
    kubectl.run("-n", space.name, "apply", "--server-side", "-f", "-", stdin=manifest)
    assert kubectl.run("-n", space.name, "diff", "--server-side", "-f", "-", stdin=manifest).stdout == ""
    assert space.get("deployments", "w")["metadata"]["resourceVersion"] == newer and version


def test_all_that_is_missing_is_said_at_once(space):
    """So that one grant is enough: each Secret once, the first ten by name, and the ServiceAccount."""
    names = [f"s{i}" for i in range(13)]
    volumes = [{"name": f"v{i}", "secret": {"secretName": name}} for i, name in enumerate([*names, "s1", "may"])]
    body = workload("Pod", spec(volumes=volumes, serviceAccountName="app"), "a")
    space.grant("dev", "get", "secrets", "may")
    account = ('names ServiceAccount "app" (spec.serviceAccountName) and may not act as it: needs verb use or impersonate on serviceaccounts "app", '
               f'or create on serviceaccounts/token "app", in the namespace "{space.name}"')

    def missing(count, more=""):
        listed = ", ".join(f'"s{i}" (spec.volumes[{i}].secret.secretName)' for i in range(count))
        return (f'names Secrets {listed}{more} and may not read them: needs verb get or mount on each of these secrets '
                f'in the namespace "{space.name}"')

    def said():
        answer = space.create("dev", body)
        assert answer.status == 403
        return answer.json()["message"].removeprefix('pods "a" is forbidden: User "dev" ')
    space.server.call("POST", space.path("serviceaccounts"), {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app"}})
    assert said() == f'{missing(10, " and 3 more")}; {account}'
    space.grant("dev", "mount", "secrets", *names[2:])
    assert said() == f"{missing(2)}; {account}"
    space.grant("dev", "use", "serviceaccounts", "app")
    assert said() == missing(2)
    space.grant("dev", "mount", "secrets", "s0")
    assert space.create("dev", body).json()["message"] == \
        f'pods "a" is forbidden: {lacks("dev", "s1", "spec.volumes[1].secret.secretName", space.name)}'
    many = workload("Pod", spec(imagePullSecrets=[{"name": f"p{i}"} for i in range(3000)]), "b")
    message = space.create("dev", many).json()["message"]
    assert '"p9" (spec.imagePullSecrets[9].name) and over 54 more and may not read them' in message and len(message) < 1500
    space.grant("dev", "mount", "secrets", "s1")
    assert space.create("dev", body).status == 201


def warnings(answer):
    return [value for name, value in answer.headers if name.lower() == "warning"]


def test_warn_says_what_enforce_would(start, tmp_path):
    space = Cluster(lambda flags: start(flags=flags), tmp_path, "--pod-secret-check", "warn").namespace()
    assert "--pod-secret-check is weakened" in space.server.output()
    answer = space.create("dev", workload("Pod", using("db")))
    assert answer.status == 201
    wanted = f"pod-secret-check: {lacks('dev', 'db', 'spec.volumes[0].secret.secretName', space.name)}".replace('"', '\\"')
    assert warnings(answer) == [f'299 - "{wanted}"']
    many = spec(imagePullSecrets=[{"name": f"s{i}"} for i in range(100)])
    assert len(warnings(space.create("dev", workload("Pod", many, "many")))) == 16
    space.grant("dev", "get", "secrets")
    assert warnings(space.create("dev", workload("Pod", using("db"), "q"))) == []


def test_off_asks_nothing_and_records_all_the_same(start, tmp_path):
    space = Cluster(lambda flags: start(flags=flags), tmp_path, "--pod-secret-check", "off").namespace()
    assert "--pod-secret-check is weakened" in space.server.output()
    answer = space.create("dev", workload("Deployment", using("db")))
    assert answer.status == 201 and warnings(answer) == []
    assert writer(answer.json())["username"] == "dev"
