# SPDX-License-Identifier: Apache-2.0
"""Every recorded exchange that concerns what Coffer serves gets the answer that kube-apiserver gave."""
import json
import subprocess

import golden
import harness
import pytest
from authority import Authority
from golden import SECRETS

EXCHANGES = golden.load()
INDEX = golden.index()
EXCLUDED = golden.excluded()
DIFFERENCES = golden.differences()
RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces/golden"
# What was recorded is kube-apiserver alone: nobody emptied its namespaces or made things in them.
FLAGS = ["--no-controllers", "--service-account-issuer", "https://kubernetes.default.svc"]
REPLAYED = [n for n in sorted(EXCHANGES) if n not in EXCLUDED and DIFFERENCES.get(n, 0) is not None]


# ---- the steps between the exchanges that were not recorded, by the number of the next one

def create_namespace(replay):
    replay.server.call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "golden"}})
    rules = [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["allowed"], "verbs": ["get", "list", "watch", "update"]}]
    replay.server.call("POST", f"{RBAC}/roles", {"metadata": {"name": "dev"}, "rules": rules})
    replay.server.call("POST", f"{RBAC}/rolebindings", bind("dev", "devs", "Group"))


def create_allowed(replay):
    replay.server.call("POST", SECRETS, harness.secret("allowed", {"a": "b"}))


def churn(replay):
    """While a watch runs: w1 is created, changed, relabelled and deleted."""
    def during():
        server = replay.server
        server.call("POST", SECRETS, harness.secret("w1", {"a": "b"}, metadata={"labels": {"w": "1"}}))
        server.call("PUT", f"{SECRETS}/w1", harness.secret("w1", {"a": "c"}, metadata={"labels": {"w": "1"}}))
        server.call("PUT", f"{SECRETS}/w1", harness.secret("w1", {"a": "c"}, metadata={"labels": {"w": "2"}}))
        server.call("DELETE", f"{SECRETS}/w1")
    return during


def create_to_delete(replay):
    for name in ("d1", "d2", "d3", "d4", "d5", "d6"):
        replay.server.call("POST", SECRETS, harness.secret(name, {"a": "b"}, metadata={"labels": {"del": "yes"}}))


def create_with_finalizer(replay):
    replay.server.call("POST", SECRETS, harness.secret("fin", {"a": "b"}, metadata={"finalizers": ["example.com/hold"]}))


def remove_finalizers(replay):
    for name in ("d3", "d4"):
        replay.server.call("PUT", f"{SECRETS}/{name}", harness.secret(name, {"a": "b"}, metadata={"labels": {"del": "yes"}}))


def create_large(replay):
    replay.server.call("POST", SECRETS, harness.secret("large", {"a": golden.LARGE}))


def change_s1(suffix):
    def change(replay):
        for i in range(3):
            replay.server.call("PUT", f"{SECRETS}/s1", harness.secret("s1", {"i": f"{i}{suffix}"}))
    return change


def limit_secrets(replay):
    """A quota that allows none, after the Secret that came before it was gone."""
    replay.server.call("DELETE", "/api/v1/namespaces/ns2/secrets/x")
    replay.server.call("POST", "/api/v1/namespaces/ns2/resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": {"secrets": "0"}}})


def bind(name, subject, kind):
    group = "rbac.authorization.k8s.io"
    return {"metadata": {"name": name}, "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
            "subjects": [{"kind": kind, "name": subject, "apiGroup": group}]}


def let_alice_manage(verbs):
    def change(replay):
        rules = [{"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"], "verbs": verbs}]
        body = {"metadata": {"name": "rbacadmin"}, "rules": rules}
        if replay.server.request("POST", f"{RBAC}/roles", body).status == 409:
            replay.server.call("PUT", f"{RBAC}/roles/rbacadmin", body)
        replay.server.request("POST", f"{RBAC}/rolebindings", bind("rbacadmin", "alice", "User"))
    return change


def create_dq(replay):
    replay.server.request("POST", SECRETS, harness.secret("dq", {"a": "b"}))


def create_more(replay):
    """Between the two runs seven Secrets came, alike but for their names."""
    item = EXCHANGES[419].json()["items"][0]
    for provider in ("aescbc", "aesgcm", "identity", "json", "json-aesgcm", "none", "secretbox"):
        metadata = {"name": f"enc-{provider}", "labels": item["metadata"]["labels"], "annotations": item["metadata"]["annotations"]}
        replay.server.call("POST", SECRETS, {**item, "kind": "Secret", "apiVersion": "v1", "metadata": metadata})


def compact(replay):
    """Takes a token, changes s1, and starts the server anew with so short a history that all of it is compacted."""
    create_more(replay)
    token = replay.server.call("GET", f"{SECRETS}?limit=2")["metadata"]["continue"]
    recorded = EXCHANGES[413].path.split("continue=")[1]
    replay.known.tokens[recorded] = token
    change_s1("x")(replay)
    restart(replay.server, FLAGS + harness.SHORT_HISTORY)

    def compacted():
        replay.server.call("PUT", f"{SECRETS}/allowed", harness.secret("allowed", {"n": str(compacted.tries)}))
        compacted.tries += 1
        return replay.server.request("GET", f"{SECRETS}?limit=2&continue={token}").status == 410
    compacted.tries = 0
    harness.poll(compacted, "compaction", pause=0.2)


def restart(server, flags):
    server.stop()
    server.flags = flags
    server.start()


FIRST_RUN = {1: create_namespace, 177: create_allowed, 245: churn, 246: churn, 250: churn, 251: churn, 272: create_to_delete,
             287: create_with_finalizer, 292: remove_finalizers, 342: let_alice_manage(["*"]), 346: limit_secrets, 349: create_large, 351: change_s1("")}
SECOND_RUN = {409: compact, 423: let_alice_manage(["get", "list", "create", "update"]), 431: create_dq, 433: create_dq, 434: create_dq}


def keys_and_tokens(folder):
    """An RSA key, as the recorded server had, and a file with the token that was recorded."""
    key, tokens = folder / "signing.pem", folder / "tokens.csv"
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(key)], check=True, capture_output=True)
    tokens.write_text('admin-token-0123456789abcdef,admin,1,"system:masters"\n')
    for path in (key, tokens):
        path.chmod(0o600)
    return ["--service-account-signing-key-file", str(key), "--token-auth-file", str(tokens),
            "--service-account-jwks-uri", "https://127.0.0.1:16443/openid/v1/jwks"]


@pytest.fixture(scope="module")
def replay():
    authority = Authority(harness.SCRATCH / "golden-clients")
    FLAGS.extend(["--client-ca-file", str(authority.pem)])
    server = harness.Server()
    server.flags = [*FLAGS, "--anonymous-auth", *keys_and_tokens(server.home)]
    server.clients = {"dev": authority.client("dev", "devs"), "alice": authority.client("alice", None)}
    server.start()
    skip = set(EXCHANGES) - set(REPLAYED)
    run = golden.Replay(server, EXCHANGES, skip)
    run.failure = None
    try:
        run.run(1, 399, FIRST_RUN)
        run.run(400, 500, SECOND_RUN)
    except Exception as error:  # what was answered until then is compared all the same
        run.failure = error
    yield run
    server.stop() if run.failure is None else server.kill()


@pytest.mark.parametrize("number", REPLAYED, ids=[EXCHANGES[n].name for n in REPLAYED])
def test_exchange(replay, number):
    assert number in replay.answers, f"not answered: {replay.failure!r}"
    exchange, answer = EXCHANGES[number], replay.answers[number]
    if number in DIFFERENCES:
        assert answer.status == DIFFERENCES[number], f"docs/compatibility.md says {DIFFERENCES[number]}: {answer}"
        return
    found = golden.compare(exchange, answer) + replay.notes[number]
    assert not found, "\n".join([f"{exchange.request_line}", *found])


@pytest.mark.parametrize("number", sorted(INDEX), ids=[INDEX[n] for n in sorted(INDEX)])
def test_accounted_for(number):
    """Replayed, excluded for a later issue, or a difference on purpose: one of them, and not two."""
    places = [number in EXCLUDED, number in DIFFERENCES, number in EXCHANGES and number not in EXCLUDED and number not in DIFFERENCES]
    assert places.count(True) == 1, f"{INDEX[number]}: excluded {places[0]}, difference {places[1]}, replayed {places[2]}"


def test_comparison_can_fail(replay):
    """A value, a header, a field's order or a resourceVersion that is not the recorded one is seen."""
    exchange, answer = EXCHANGES[4], replay.answers[4]

    def changed(body=None, **headers):
        copy = golden.wire.Answer(answer.status_line, [(k, headers.get(k.replace("-", "_"), v)) for k, v in answer.headers])
        copy.body = json.dumps(body, separators=(",", ":")).encode() + b"\n" if body else answer.body
        return golden.compare(exchange, copy)

    body = answer.json()
    assert changed({**body, "type": "other"})
    assert changed({**body, "more": 1})
    assert changed(dict(reversed(body.items())))
    assert changed(Cache_Control="public")
    known = golden.Known()
    assert not known.learn(exchange.json(), body)
    body["metadata"]["resourceVersion"] += "0"
    assert known.learn(exchange.json(), body)
