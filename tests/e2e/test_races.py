# SPDX-License-Identifier: Apache-2.0
"""All that is swapped while requests look at it, swapped all the time: rules, webhooks, kinds, nodes' Pods, keys of tokens, and each file that
SIGHUP reads again, under clients that read, watch and write. What may go wrong here is seen by a sanitizer, by ThreadSanitizer's build above
all (check.sh --long); a status that no rule explains, a server that stops, are seen anywhere."""
import collections
import json
import os
import shutil
import signal
import ssl
import threading
import time

import harness
import pytest
import wire
from authority import Authority, context

pytest.importorskip("cryptography")
from oidc_issuer import Issuer, document  # noqa: E402
from test_custom import DEFINITIONS, definition  # noqa: E402
from webhook_peer import Webhook, allow  # noqa: E402

SECONDS = 60 if os.environ.get("COFFER_LONG") else 6
CLIENTS = 32
REQUESTS = 20  # over one connection
RBAC = "/apis/rbac.authorization.k8s.io/v1"
HOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
FLOWS = "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas"
MERGE = [("Content-Type", "application/merge-patch+json")]
SPACE = "/api/v1/namespaces/default"
GROUP = "rbac.authorization.k8s.io"
# Allowed or not, known or not, there or not, of a kind that is going, lost, compacted, too many.
EXPLAINED = {200, 201, 401, 403, 404, 405, 409, 410, 429}


class Scene:
    def __init__(self, folder):
        self.folder, self.over, self.seen = folder, time.monotonic() + SECONDS, collections.Counter()
        self.authority, self.issuer, self.hook = Authority(folder / "ca"), Issuer(folder), Webhook(folder)
        self.hook.answers["/ask"] = allow
        self.files = {name: folder / name for name in ("crl.pem", "tokens.csv", "authentication.json")}
        self.gone = self.authority.client("gone", "readers")
        self.lists = [folder / "before.pem", folder / "after.pem"]
        shutil.copyfile(self.authority.write_list(), self.lists[0])
        self.authority.revoke(self.gone[0])
        shutil.copyfile(self.authority.write_list(), self.lists[1])
        self.put_files(0)
        self.connections = threading.local()
        self.server = harness.Server(flags=[
            "--client-ca-file", str(self.authority.pem), "--client-crl-file", str(self.files["crl.pem"]), "--token-auth-file", str(self.files["tokens.csv"]),
            "--authentication-config", str(self.files["authentication.json"]), "--service-account-key-lifetime", "1s"]).start()

    def put_files(self, turn):
        """Each other time someone else is revoked, in the file of tokens, of an issuer."""
        contents = {"crl.pem": self.lists[turn % 2].read_bytes(), "tokens.csv": b"race-token-%d,racer,1,readers\n" % (turn % 2),
                    "authentication.json": document(self.issuer.config()) if turn % 4 < 2 else document()}
        for name, content in contents.items():
            fresh = self.folder / "fresh"
            fresh.touch(0o600)
            fresh.write_bytes(content)
            fresh.replace(self.files[name])

    def going_on(self):
        return time.monotonic() < self.over

    def ask(self, what, method, path, body=None, headers=(), client="admin"):
        """Over the thread's connection, which is a new one now and then; that one ends with what was withdrawn is an answer too."""
        mine = self.connections.__dict__
        try:
            if client not in mine or mine[client].asked == REQUESTS:
                self.hang_up(client)
                mine[client] = self.server.connect(client)
                mine[client].asked = 0
            mine[client].asked += 1
            answer = mine[client].request(method, path, headers, body)
        except (wire.Closed, ssl.SSLError, OSError):
            self.hang_up(client)
            self.seen[what, "ended"] += 1
            return None
        if "close" in answer.all("Connection"):
            self.hang_up(client)
        assert answer.status in EXPLAINED, (what, answer)
        self.seen[what, answer.status] += 1
        return answer

    def hang_up(self, client):
        if client in self.connections.__dict__:
            self.connections.__dict__.pop(client).close()

    def admin(self, what, method, path, body=None, **more):
        answer = self.ask(what, method, path, body, **more)
        assert answer is not None and answer.status not in (401, 403), (what, answer)
        return answer


# ---- What changes. Each is called over and over with the number of its turn.

def rules(scene, turn):
    verbs = [["get", "list", "watch"], ["get"], ["*"]][turn % 3]
    names = {} if turn % 2 else {"resourceNames": [f"s{n}" for n in range(turn % 7 + 1)]}
    role = {"metadata": {"name": "read", "labels": {"race": "yes"}}, "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": verbs, **names}]}
    scene.admin("rules", "PUT", f"{RBAC}/clusterroles/read", role)
    binding = {"metadata": {"name": "read"}, "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": "read"},
               "subjects": [{"kind": "Group", "apiGroup": GROUP, "name": name} for name in ("readers", "system:serviceaccounts")]
               + [{"kind": "User", "apiGroup": GROUP, "name": f"u{turn}"}]}
    scene.admin("rules", "POST", f"{RBAC}/namespaces/default/rolebindings", binding)
    if turn % 5 == 4:
        scene.admin("rules", "DELETE", f"{RBAC}/namespaces/default/rolebindings/read")


def webhooks(scene, turn):
    hook = {"name": "race.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Ignore", "timeoutSeconds": 5,
            "clientConfig": scene.hook.client_config("/ask"),
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}]}
    scene.admin("webhooks", "POST", HOOKS, {"metadata": {"name": f"race-{turn % 3}"}, "webhooks": [hook]})
    scene.admin("webhooks", "DELETE", f"{HOOKS}/race-{(turn + 1) % 3}")


def kinds(scene, turn):
    plural = f"races{turn % 3}"
    scene.admin("kinds", "POST", DEFINITIONS, definition(plural, "race.example.com", {"a": {"type": "string"}}))
    scene.admin("kinds", "POST", f"/apis/race.example.com/v1/namespaces/default/{plural}", {
        "apiVersion": "race.example.com/v1", "kind": plural.capitalize(), "metadata": {"name": "x"}, "spec": {"a": "b"}})
    scene.admin("kinds", "DELETE", f"{DEFINITIONS}/races{(turn + 1) % 3}.race.example.com")


def pods(scene, turn):
    pod = {"metadata": {"name": f"p{turn % 5}"}, "spec": {"nodeName": f"n{turn % 2}", "containers": [{"name": "c", "image": "i", "envFrom": [
        {"secretRef": {"name": f"s{turn % 7}"}}]}]}}
    scene.admin("pods", "POST", f"{SPACE}/pods", pod)
    scene.admin("pods", "DELETE", f"{SPACE}/pods/p{(turn + 1) % 5}?gracePeriodSeconds=0")


def flows(scene, turn):
    levels = ["global-default", "workload-low"]
    spec = {"priorityLevelConfiguration": {"name": levels[turn % 2]}, "matchingPrecedence": 300 + turn % 100, "distinguisherMethod": {"type": "ByUser"},
            "rules": [{"subjects": [{"kind": "Group", "group": {"name": "readers"}}], "resourceRules": [
                {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": True}]}]}
    scene.admin("flows", "POST", FLOWS, {"metadata": {"name": f"race-{turn % 3}"}, "spec": spec})
    scene.admin("flows", "DELETE", f"{FLOWS}/race-{(turn + 1) % 3}")


def files(scene, turn):
    scene.put_files(turn)
    scene.server.process.send_signal(signal.SIGHUP)
    scene.server.notified()
    scene.seen["files", 200] += 1
    threading.Event().wait(0.1)


# ---- Who asks meanwhile.

def read(scene, turn):
    scene.ask("read", "GET", f"{harness.SECRETS}/s{turn % 7}", client="reader")
    scene.ask("list", "GET", f"{harness.SECRETS}?fieldSelector=coffer.dev/filtered%3Dtrue", client="reader")


def watch(scene, turn):
    scene.ask("watch", "GET", f"{harness.SECRETS}?watch=1&timeoutSeconds=1&fieldSelector=coffer.dev/filtered%3Dtrue", client="reader")


def write(scene, turn):
    name = f"s{turn % 7}"
    scene.admin("write", "POST", harness.SECRETS, harness.secret(name, {"turn": str(turn)}))
    scene.admin("write", "PATCH", f"{harness.SECRETS}/{name}", {"stringData": {"turn": f"again {turn}"}}, headers=MERGE)
    scene.admin("write", "POST", f"{SPACE}/configmaps", {"metadata": {"generateName": "c-"}, "data": {"a": "b"}})
    if turn % 3 == 0:
        scene.admin("write", "DELETE", f"{harness.SECRETS}/{name}")


def revoked(scene, turn):
    scene.ask("revoked", "GET", f"{SPACE}/secrets/s1", client="gone")


def bearer(scene, what, token):
    return scene.ask(what, "GET", "/version", client="none", headers=[("Authorization", f"Bearer {token}")])


def own_token(scene, turn):
    asked = scene.admin("own token", "POST", f"{SPACE}/serviceaccounts/default/token", {"spec": {}})
    answer = bearer(scene, "own token", asked.json()["status"]["token"])
    assert answer is None or answer.status in (200, 429), answer  # whichever key signed it


def account(scene, turn):
    """A watch that rests on a token, whose account goes while it runs."""
    path, name = f"{SPACE}/serviceaccounts", f"race-{turn % 50}"
    scene.admin("account", "POST", path, {"metadata": {"name": name}})
    asked = scene.admin("account", "POST", f"{path}/{name}/token", {"spec": {}})
    if asked.status != 201:
        return
    try:
        with scene.server.connect("none") as connection:
            connection.send("GET", f"{harness.SECRETS}?watch=1&timeoutSeconds=2", [("Authorization", "Bearer " + asked.json()["status"]["token"])])
            scene.admin("account", "DELETE", f"{path}/{name}")
            answer = connection.answer()
            assert answer.status in EXPLAINED, answer
            scene.seen["account's watch", answer.status] += 1
    except (wire.Closed, ssl.SSLError, OSError):
        scene.seen["account's watch", "ended"] += 1


def file_token(scene, turn):
    bearer(scene, "file's token", f"race-token-{turn % 2}")


def issuer_token(scene, turn):
    bearer(scene, "issuer's token", scene.issuer.token())


def node(scene, turn):
    scene.ask("node", "GET", f"{harness.SECRETS}/s{turn % 7}", client=f"n{turn % 2}")
    scene.ask("node", "GET", f"{SPACE}/pods/p{turn % 5}", client=f"n{turn % 2}")


def custom(scene, turn):
    scene.ask("custom", "GET", f"/apis/race.example.com/v1/races{turn % 3}", client="admin")
    scene.ask("custom", "GET", "/openapi/v2" if turn % 4 == 0 else "/apis", client="admin")


def http2(scene, turn):
    asked = [("GET", f"{harness.SECRETS}{end}", [], None) for n in range(50) for end in (
        f"/s{n % 7}", "?fieldSelector=coffer.dev/filtered%3Dtrue", "?watch=1&timeoutSeconds=1&fieldSelector=coffer.dev/filtered%3Dtrue")]
    for answer in harness.http2_answers(scene.server, scene.pairs["reader"], asked):
        assert answer.status in EXPLAINED, answer
        scene.seen["http2", answer.status] += 1


def review(scene, turn):
    scene.ask("review", "POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", {"spec": {"namespace": "default"}}, client="reader")
    scene.ask("review", "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {
        "spec": {"user": f"u{turn}", "groups": ["readers"], "resourceAttributes": {"namespace": "default", "verb": "get", "resource": "secrets", "name": "s1"}}})


CHANGES = [rules, webhooks, kinds, pods, flows, files]
ASKERS = [read, watch, write, revoked, own_token, account, file_token, issuer_token, node, custom, http2, review]


def test_nothing_tears(tmp_path):
    scene = Scene(tmp_path)
    server = scene.server
    harness.await_furniture(server, "default")
    pairs = {"reader": ("reader", "readers"), "n0": ("system:node:n0", "system:nodes"), "n1": ("system:node:n1", "system:nodes")}
    scene.pairs = {client: scene.authority.client(name, group) for client, (name, group) in pairs.items()}
    for client, pair in scene.pairs.items():
        server.contexts[client] = context(server, pair)
    server.contexts["gone"] = context(server, scene.gone)
    server.call("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "sum"}, "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"race": "yes"}}]}})
    server.call("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "read", "labels": {"race": "yes"}}, "rules": []})
    works = CHANGES + [ASKERS[i % len(ASKERS)] for i in range(CLIENTS)]
    scene.over = time.monotonic() + SECONDS

    def run(i):
        turn = i
        while scene.going_on():
            works[i](scene, turn)
            turn += 1
    try:
        harness.in_threads(len(works), run)
        alive = server.call("GET", "/version")
        assert alive["major"] == "1"
        server.stop()
    finally:
        server.kill()
        scene.issuer.stop()
        scene.hook.__exit__()
    report = {f"{what} {status}": count for (what, status), count in sorted(scene.seen.items(), key=str)}
    for what in ("rules", "webhooks", "kinds", "pods", "flows", "account", "write", "own token"):
        assert scene.seen[what, 200] + scene.seen[what, 201] > 0, report
    for what in ("read", "list", "watch", "http2", "revoked", "file's token"):  # both outcomes, or nothing was changed under them
        assert scene.seen[what, 200] > 0 and sum(scene.seen[what, status] for status in (401, 403, 410, "ended", 429)) > 0, report
    print(json.dumps(report))
