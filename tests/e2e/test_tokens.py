# SPDX-License-Identifier: Apache-2.0
"""Bearer tokens: which are issued, which are accepted as whom, and which are 401."""
import base64
import hashlib
import hmac
import json
import os
import re
import signal
import stat
import subprocess
import time

import harness
import pytest

pytest.importorskip("cryptography")
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils  # noqa: E402

ISSUER = "https://kubernetes.default.svc.cluster.local"
ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
PODS = "/api/v1/namespaces/default/pods"
WHO = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def claims_of(token):
    return json.loads(unb64url(token.split(".")[1]))


def header_of(token):
    return json.loads(unb64url(token.split(".")[0]))


def pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def public_pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_id(key):
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return b64url(hashlib.sha256(der).digest())


def signature(key, algorithm, text):
    if algorithm == "none":
        return b""
    if isinstance(key, bytes):
        return hmac.new(key, text, hashlib.sha256).digest()
    digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[algorithm[2:]]
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(text, padding.PKCS1v15(), digest)
    r, s = utils.decode_dss_signature(key.sign(text, ec.ECDSA(digest)))
    size = (key.key_size + 7) // 8
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def make_token(key, claims, algorithm="ES256", **header):
    head = {"alg": algorithm, **({"kid": key_id(key)} if not isinstance(key, (bytes, type(None))) else {}), **header}
    text = b64url(json.dumps(head).encode()) + "." + b64url(claims if isinstance(claims, bytes) else json.dumps(claims).encode())
    return text + "." + b64url(signature(key, algorithm, text.encode()))


def write_file(server, name, data, mode=0o600):
    path = server.home / name
    path.write_bytes(data)
    os.chmod(path, mode)
    return str(path)


def status_as(server, token, path="/version", headers=()):
    """Authenticated or not: all but 401 is."""
    return server.request("GET", path, client="none", headers=[("Authorization", f"Bearer {token}"), *headers]).status


def accepted(server, token):
    return status_as(server, token) != 401


def name_of(server, token):
    """Who the server says it is, by the 403 of something nobody was granted."""
    answer = server.request("GET", "/api/v1/namespaces/default/secrets/x", client="none", headers=[("Authorization", f"Bearer {token}")])
    assert answer.status == 403, answer
    return answer.json()["message"].split('User "')[1].split('"')[0]


def make_account(server, name):
    return server.call("POST", ACCOUNTS, {"metadata": {"name": name}}, status=201)["metadata"]["uid"]


def ask(server, account, status=201, query="", **spec):
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    return server.call("POST", f"{ACCOUNTS}/{account}/token{query}", body, status=status)


def make_pod(server, name, account, **spec):
    body = {"metadata": {"name": name}, "spec": {"serviceAccountName": account, "containers": [{"name": "c", "image": "i"}], **spec}}
    return server.call("POST", PODS, body, status=201)["metadata"]["uid"]


@pytest.fixture(scope="module")
def server():
    with harness.Server() as running:
        harness.await_furniture(running, "default")
        yield running


class Keys:
    def __init__(self):
        self.signing = ec.generate_private_key(ec.SECP256R1())
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.p384 = ec.generate_private_key(ec.SECP384R1())
        self.p521 = ec.generate_private_key(ec.SECP521R1())
        self.stranger = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def keys():
    return Keys()


@pytest.fixture(scope="module")
def keyed(keys):
    """A server whose keys are the test's, so that any token can be made for it."""
    running = harness.Server()
    running.flags = ["--service-account-signing-key-file", write_file(running, "signing.pem", pem(keys.signing)),
                     "--service-account-key-file", write_file(running, "more.pem", public_pem(keys.rsa) + public_pem(keys.p384) + public_pem(keys.p521)),
                     "--service-account-issuer", "https://first", "--service-account-issuer", "https://second",
                     "--api-audiences", "api", "--service-account-max-token-expiration", "2h"]
    running.start()
    harness.await_furniture(running, "default")
    yield running
    running.stop()


# ---- Issuing.

def test_a_token_is_issued_as_kube_apiserver_does(server):
    uid = make_account(server, "issued")
    answer = ask(server, "issued", expirationSeconds=3600)
    assert answer["metadata"].pop("managedFields")[0].items() >= {
        "manager": "unknown", "operation": "Update", "apiVersion": "authentication.k8s.io/v1", "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:expirationSeconds": {}}}, "subresource": "token"}.items()
    assert list(answer["metadata"]) == ["name", "namespace", "uid", "creationTimestamp"]
    assert answer["metadata"]["uid"] == uid
    assert list(answer["spec"].items()) == [("audiences", [ISSUER]), ("expirationSeconds", 3600), ("boundObjectRef", None)]
    token = answer["status"]["token"]
    assert list(header_of(token)) == ["alg", "kid"] and header_of(token)["alg"] == "ES256"
    claims = claims_of(token)
    assert list(claims) == ["aud", "exp", "iat", "iss", "jti", "kubernetes.io", "nbf", "sub"]
    assert claims["aud"] == [ISSUER] and claims["iss"] == ISSUER and claims["exp"] - claims["iat"] == 3600
    assert claims["kubernetes.io"] == {"namespace": "default", "serviceaccount": {"name": "issued", "uid": uid}}
    assert claims["sub"] == name_of(server, token) == "system:serviceaccount:default:issued"


def test_what_cannot_be_asked_for(server):
    make_account(server, "asks")
    make_pod(server, "other", "default")
    uid = "00000000-0000-0000-0000-000000000000"
    cases = [
        (422, 'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 10: may not specify a duration less than 10 minutes',
         {"expirationSeconds": 10}),
        (422, 'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than '
         "2^32 seconds", {"expirationSeconds": 2**32 + 1}),
        (400, "cannot bind token to object of type /v1, Kind=ConfigMap", {"boundObjectRef": {"kind": "ConfigMap", "apiVersion": "v1", "name": "a"}}),
        (400, "cannot bind token to object of type apps/v1, Kind=Pod", {"boundObjectRef": {"kind": "Pod", "apiVersion": "apps/v1", "name": "other"}}),
        (404, 'pods "none" not found', {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "none"}}),
        (404, 'nodes "none" not found', {"boundObjectRef": {"kind": "Node", "apiVersion": "v1", "name": "none"}}),
        (400, 'cannot bind token for serviceaccount "asks" to pod running with different serviceaccount name.',
         {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "other"}}),
    ]
    for status, message, spec in cases:
        assert ask(server, "asks", status=status, **spec)["message"] == message
    make_pod(server, "asking", "asks")
    conflict = ask(server, "asks", status=409, boundObjectRef={"kind": "Pod", "apiVersion": "v1", "name": "asking", "uid": uid})
    assert conflict["message"] == (f'Operation cannot be fulfilled on Pod "asking": the UID in the bound object reference ({uid}) does not match the UID in '
                                   "record. The object might have been deleted and then recreated")
    missing = ask(server, "nosuch", status=404)
    assert missing["message"] == 'serviceaccounts "nosuch" not found' and missing["details"] == {"name": "nosuch", "kind": "serviceaccounts"}
    named = server.call("POST", f"{ACCOUNTS}/asks/token", {"metadata": {"name": "else"}, "spec": {}}, status=422)
    assert named["message"] == ('TokenRequest.authentication.k8s.io "asks" is invalid: metadata.name: Invalid value: "else": must match the service account '
                                "name if specified")
    unknown = server.call("POST", f"{ACCOUNTS}/asks/token?fieldValidation=Strict", {"spec": {"nonsense": 1}}, status=400)
    assert 'unknown field "spec.nonsense"' in unknown["message"]
    server.call("GET", f"{ACCOUNTS}/asks/token", status=405)


def test_a_dry_run_gives_no_token(server):
    make_account(server, "dry")
    assert ask(server, "dry", query="?dryRun=All")["status"]["token"] == ""
    assert ask(server, "dry", status=422, query="?dryRun=All", expirationSeconds=1)["reason"] == "Invalid"


def test_kubectl_makes_tokens(server):
    make_account(server, "kubectl")
    make_pod(server, "kubectl", "kubectl")
    for program in harness.kubectl_programs():
        kubectl = harness.Kubectl(program, server)
        if kubectl.minor < 24:
            continue
        plain = kubectl.out("create", "token", "kubectl").strip()
        assert name_of(server, plain) == "system:serviceaccount:default:kubectl"
        bound = claims_of(kubectl.out("create", "token", "kubectl", "--bound-object-kind", "Pod", "--bound-object-name", "kubectl", "--duration", "20m",
                                      "--audience", ISSUER).strip())
        assert bound["kubernetes.io"]["pod"]["name"] == "kubectl" and bound["exp"] - bound["iat"] == 1200
        assert "less than 10 minutes" in kubectl.refused("create", "token", "kubectl", "--duration", "1m")
        assert "not found" in kubectl.refused("create", "token", "nosuch")


def test_a_pods_token_tells_its_node_and_kubelets_mounts_last_longer(server):
    make_account(server, "podded")
    node = server.call("POST", "/api/v1/nodes", {"metadata": {"name": "n1"}}, status=201)["metadata"]["uid"]
    pod = make_pod(server, "podded", "podded", nodeName="n1")
    reference = {"kind": "Pod", "apiVersion": "v1", "name": "podded", "uid": pod}
    own = claims_of(ask(server, "podded", boundObjectRef=reference)["status"]["token"])["kubernetes.io"]
    assert own["pod"] == {"name": "podded", "uid": pod} and own["node"] == {"name": "n1", "uid": node}
    answer = ask(server, "podded", boundObjectRef=reference, expirationSeconds=3607)
    claims = claims_of(answer["status"]["token"])
    assert claims["exp"] - claims["iat"] == 365 * 24 * 3600
    assert claims["kubernetes.io"]["warnafter"] - claims["iat"] == 3607
    for more in ({"audiences": ["vault"]}, {"expirationSeconds": 3608}):
        spec = {"boundObjectRef": reference, "expirationSeconds": 3607, **more}
        claims = claims_of(ask(server, "podded", **spec)["status"]["token"])
        assert claims["exp"] - claims["iat"] == spec["expirationSeconds"] and "warnafter" not in claims["kubernetes.io"]


def test_the_longest_time_is_kept_to(keyed):
    make_account(keyed, "long")
    body = {"spec": {"expirationSeconds": 10000}}
    answer = keyed.request("POST", f"{ACCOUNTS}/long/token", body)
    assert answer.header("Warning") == '299 - "requested expiration of 10000 seconds shortened to 7200 seconds"'
    claims = claims_of(answer.json()["status"]["token"])
    assert claims["exp"] - claims["iat"] == 7200 and claims["iss"] == "https://first" and claims["aud"] == ["api"]


# ---- Accepting.

def good_claims(server, account, uid, **more):
    now = int(time.time())
    return {"iss": "https://first", "aud": ["api"], "sub": f"system:serviceaccount:default:{account}", "iat": now, "nbf": now, "exp": now + 600,
            "kubernetes.io": {"namespace": "default", "serviceaccount": {"name": account, "uid": uid}}, **more}


def test_all_algorithms_and_issuers_that_are_accepted(keyed, keys):
    uid = make_account(keyed, "good")
    claims = good_claims(keyed, "good", uid)
    for key, algorithms in ((keys.signing, ["ES256"]), (keys.rsa, ["RS256", "RS384", "RS512"]), (keys.p384, ["ES384"]), (keys.p521, ["ES512"])):
        for algorithm in algorithms:
            assert accepted(keyed, make_token(key, claims, algorithm)), algorithm
    assert accepted(keyed, make_token(keys.signing, {**claims, "iss": "https://second"}))
    assert accepted(keyed, make_token(keys.signing, {**claims, "aud": "api"}))
    assert accepted(keyed, make_token(keys.signing, {**claims, "aud": ["vault", "api"]}))
    text = b64url(json.dumps({"alg": "ES256"}).encode()) + "." + b64url(json.dumps(claims).encode())
    assert accepted(keyed, f"{text}.{b64url(signature(keys.signing, 'ES256', text.encode()))}"), "without a kid every key is tried"


def test_tokens_that_are_not_good_are_401_and_only_the_log_says_why(keyed, keys):
    uid = make_account(keyed, "bad")
    good, now = good_claims(keyed, "bad", uid), int(time.time())
    token = make_token(keys.signing, good)
    head, body, sign = token.split(".")
    own = good["kubernetes.io"]
    flipped = b64url(bytes([unb64url(sign)[0] ^ 1]) + unb64url(sign)[1:])
    account = {"name": "bad", "uid": uid}
    twice = json.dumps(good)[:-1] + ',"aud":["api"]}'
    cases = {
        "expired": (make_token(keys.signing, {**good, "exp": now - 1}), "has expired"),
        "without an end": (make_token(keys.signing, {k: v for k, v in good.items() if k != "exp"}), "does not say when it expires"),
        "an end as text": (make_token(keys.signing, {**good, "exp": str(now + 100)}), "does not say when it expires"),
        "an end in exponents": (make_token(keys.signing, json.dumps(good).replace(f'"exp": {now + 600}', '"exp": 1e300').encode()), "does not say when"),
        "not yet valid": (make_token(keys.signing, {**good, "nbf": now + 300}), "not valid yet"),
        "issued in the future": (make_token(keys.signing, {**good, "iat": now + 300}), "issued in the future"),
        "wrong audience": (make_token(keys.signing, {**good, "aud": ["vault"]}), "audience is another"),
        "no audience": (make_token(keys.signing, {k: v for k, v in good.items() if k != "aud"}), "audience is another"),
        "wrong issuer": (make_token(keys.signing, {**good, "iss": "https://third"}), "no kind that is known"),
        "alg none": (make_token(None, good, "none"), "no kind that is known"),
        "alg none with a signature": (make_token(keys.signing, good, "ES256").replace(head, b64url(b'{"alg":"none"}')), "algorithm is not accepted"),
        "public key as HMAC": (make_token(public_pem(keys.signing), good, "HS256", kid=key_id(keys.signing)), "algorithm is not accepted"),
        "PS256": (make_token(keys.rsa, good, "RS256", alg="PS256"), "algorithm is not accepted"),
        "wrong key": (make_token(keys.stranger, good), "a key that is not known"),
        "wrong key under a right name": (make_token(keys.stranger, good, kid=key_id(keys.signing)), "signature is not its key's"),
        "another algorithm's key": (make_token(keys.rsa, good, "RS256", kid=key_id(keys.signing)), "signature is not its key's"),
        "changed signature": (f"{head}.{body}.{flipped}", "signature is not its key's"),
        "changed claims": (f"{head}.{b64url(json.dumps({**good, 'sub': 'x'}).encode())}.{sign}", "signature is not its key's"),
        "truncated": (token[:-8], None),
        "no signature": (f"{head}.{body}.", "no kind that is known"),
        "padded": (f"{head}.{body}.{sign}==", "base64url"),
        "four parts": (f"{token}.x", "no kind that is known"),
        "critical extension": (make_token(keys.signing, good, crit=["exp"]), "extensions"),
        "a member twice": (make_token(keys.signing, twice.encode()), "no JSON object"),
        "deep": (make_token(keys.signing, b'{"a":' + b"[" * 40 + b"]" * 40 + b"}"), "no JSON object"),
        "a list": (make_token(keys.signing, b"[]"), "no JSON object"),
        "too long": (make_token(keys.signing, {**good, "x": "y" * 40000}), None),
        "another subject": (make_token(keys.signing, {**good, "sub": "system:serviceaccount:default:default"}), "subject"),
        "no account": (make_token(keys.signing, {**good, "kubernetes.io": {"namespace": "default"}}), "subject"),
        "account of another uid": (make_token(keys.signing, {**good, "kubernetes.io": {**own, "serviceaccount": {"name": "bad", "uid": "1"}}}), "made anew"),
        "account without uid": (make_token(keys.signing, {**good, "kubernetes.io": {**own, "serviceaccount": {"name": "bad"}}}), "subject"),
        "a pod that never was": (make_token(keys.signing, {**good, "kubernetes.io": {**own, "pod": {"name": "p", "uid": "1"}}}), "Pod is gone"),
        "a secret that never was": (make_token(keys.signing, {**good, "kubernetes.io": {**own, "secret": {"name": "p", "uid": "1"}}}), "Secret is gone"),
        "a node that never was": (make_token(keys.signing, {**good, "kubernetes.io": {**own, "node": {"name": "p", "uid": "1"}}}), "Node is gone"),
        "a pod of no form": (make_token(keys.signing, {**good, "kubernetes.io": {**own, "pod": "x"}}), "Pod is gone"),
        "legacy, of no Secret": (make_token(keys.signing, {
            "iss": "kubernetes/serviceaccount", "sub": good["sub"], "kubernetes.io/serviceaccount/namespace": "default",
            "kubernetes.io/serviceaccount/secret.name": "s", "kubernetes.io/serviceaccount/service-account.name": account["name"],
            "kubernetes.io/serviceaccount/service-account.uid": account["uid"]}), "Secret is gone"),
    }
    assert accepted(keyed, token)
    for name, (bad, reason) in cases.items():
        before = len(keyed.output())
        def ask_by(bad=bad):
            return keyed.request("GET", "/version", client="none", headers=[("Authorization", f"Bearer {bad}")])
        answer = ask_by()
        if name == "too long":
            assert answer.status in (401, 431), f"{name}: {answer}"
            continue
        assert answer.status == 401, f"{name}: {answer}"
        assert answer.json() == {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "Unauthorized",
                                 "reason": "Unauthorized", "code": 401}
        if reason:  # refusals are logged twenty a second: what comes too fast is asked again
            harness.poll(lambda: reason in keyed.output()[before:] or not ask_by(), f"{name}: the log says {reason}")
    assert not any(part in keyed.output() for part in (body, sign, head)), "a credential is in the log"


def test_what_a_token_is_bound_to_ends_it(server):
    make_account(server, "bound")
    pod = make_pod(server, "bound", "bound")
    secret = server.call("POST", harness.SECRETS, harness.secret("bound"), status=201)["metadata"]["uid"]
    node = server.call("POST", "/api/v1/nodes", {"metadata": {"name": "bound"}}, status=201)["metadata"]["uid"]
    objects = {"Pod": (f"{PODS}/bound", pod), "Secret": (f"{harness.SECRETS}/bound", secret), "Node": ("/api/v1/nodes/bound", node)}
    tokens = {kind: ask(server, "bound", boundObjectRef={"kind": kind, "apiVersion": "v1", "name": "bound", "uid": uid})["status"]["token"]
              for kind, (_, uid) in objects.items()}
    free = ask(server, "bound")["status"]["token"]
    for kind, (path, _) in objects.items():
        assert accepted(server, tokens[kind])
        server.call("DELETE", path, {"gracePeriodSeconds": 0})
        assert not accepted(server, tokens[kind]), kind
    make_pod(server, "bound", "bound")
    assert not accepted(server, tokens["Pod"]), "another Pod of the same name"
    assert accepted(server, free)
    server.call("DELETE", f"{ACCOUNTS}/bound")
    assert not accepted(server, free)
    make_account(server, "bound")
    assert not accepted(server, free), "another account of the same name"


def test_forms_of_the_header(server):
    make_account(server, "forms")
    token = ask(server, "forms")["status"]["token"]

    def status(value):
        return server.request("GET", "/version", client="none", headers=[("Authorization", value)]).status

    assert all(status(value) != 401 for value in (f"Bearer {token}", f"bearer {token}", f"BEARER  {token} "))
    assert all(status(value) == 401 for value in ("Bearer", "Bearer ", f"Basic {token}", token, "Bearer nope", f"Bearer {token}x", "Bearer \u00ff"))
    assert server.request("GET", "/version", headers=[("Authorization", "Bearer nope")]).status == 200, "the certificate comes first"


# ---- Keys.

def test_the_keys_are_told_and_verify(server):
    make_account(server, "told")
    token = ask(server, "told")["status"]["token"]
    configuration = server.request("GET", "/.well-known/openid-configuration")
    assert configuration.header("Cache-Control") == "public, max-age=3600" and configuration.header("Content-Type") == "application/json"
    told = configuration.json()
    assert told == {"issuer": ISSUER, "jwks_uri": f"https://127.0.0.1:{server.port}/openid/v1/jwks", "response_types_supported": ["id_token"],
                    "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["ES256"]}
    refused = server.request("GET", "/openid/v1/jwks", headers=[("Accept", "application/json")])
    assert refused.status == 406
    assert refused.json()["message"] == "406: Not Acceptable\n\nAvailable representations: application/jwk-set+json" and refused.json()["details"] == {}
    answer = server.request("GET", "/openid/v1/jwks", headers=[("Accept", "*/*")])
    assert answer.header("Content-Type") == "application/jwk-set+json" and answer.header("Cache-Control") == "public, max-age=3600"
    (key,) = answer.json()["keys"]
    assert list(key) == ["use", "kty", "kid", "crv", "alg", "x", "y"] and key["kid"] == header_of(token)["kid"]
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(unb64url(key["x"]), "big"), int.from_bytes(unb64url(key["y"]), "big"), ec.SECP256R1())
    head, body, sign = token.split(".")
    raw = unb64url(sign)
    der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    numbers.public_key().verify(der, f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))


def test_keys_of_files_are_told(keyed, keys):
    found = {key["kid"]: key for key in keyed.request("GET", "/openid/v1/jwks").json()["keys"]}
    assert set(found) == {key_id(key) for key in (keys.signing, keys.rsa, keys.p384, keys.p521)}
    modulus = keys.rsa.public_key().public_numbers().n
    assert list(found[key_id(keys.rsa)].items()) == [("use", "sig"), ("kty", "RSA"), ("kid", key_id(keys.rsa)), ("alg", "RS256"),
                                                     ("n", b64url(modulus.to_bytes(256, "big"))), ("e", "AQAB")]


def test_keys_outlive_a_restart_and_follow_each_other():
    with harness.Server() as server:
        harness.await_furniture(server, "default")
        first = ask(server, "default")["status"]["token"]
        server.stop()
        server.flags = ["--service-account-key-lifetime", "2s"]
        server.start()
        assert accepted(server, first)

        def another_key_signs():
            server.process.send_signal(signal.SIGHUP)
            server.notified()  # what is never read would block the server
            return header_of(ask(server, "default")["status"]["token"])["kid"] != header_of(first)["kid"]
        harness.poll(another_key_signs, "another key", pause=0.5)
        second = ask(server, "default")["status"]["token"]
        assert accepted(server, first) and accepted(server, second)
        told = {key["kid"] for key in server.request("GET", "/openid/v1/jwks").json()["keys"]}
        assert {header_of(first)["kid"], header_of(second)["kid"]} <= told
        server.stop()
        server.flags = ["--service-account-signing-key-file", write_file(server, "rsa.pem", pem(rsa.generate_private_key(65537, 2048)))]
        server.start()
        third = ask(server, "default")["status"]["token"]
        assert header_of(third)["alg"] == "RS256" and all(accepted(server, token) for token in (first, second, third))


def test_files_that_others_may_read_or_that_hold_no_keys_are_refused(keys):
    for flag, name, data, mode, reason in (
            ("--token-auth-file", "tokens.csv", b"token,user,uid", 0o644, "may be read"),
            ("--service-account-signing-key-file", "open.pem", pem(keys.signing), 0o644, "may be read"),
            ("--service-account-signing-key-file", "public.pem", public_pem(keys.signing), 0o600, "no private key"),
            ("--service-account-signing-key-file", "weak.pem", pem(rsa.generate_private_key(65537, 1024)), 0o600, "RSA of 2048"),
            ("--service-account-key-file", "none.pem", b"nothing", 0o644, "no key in PEM form")):
        server = harness.Server()
        server.flags = [flag, write_file(server, name, data, mode)]
        with pytest.raises(harness.StartFailed) as failed:
            server.start()
        assert reason in failed.value.output and name in failed.value.output, failed.value.output


# ---- Without a credential.

def test_nobody_is_anonymous_unless_it_is_said():
    with harness.Server() as server:
        assert server.request("GET", "/version", client="none").status == 401
        server.stop()
        server.flags = ["--anonymous-auth"]
        server.start()
        assert "--anonymous-auth" in server.output()
        answer = server.request("GET", harness.SECRETS, client="none")
        assert answer.status == 403 and 'User "system:anonymous" cannot list resource "secrets"' in answer.json()["message"]
        for value in ("Bearer nope", "Basic YTpi"):
            assert server.request("GET", harness.SECRETS, client="none", headers=[("Authorization", value)]).status == 401


# ---- Files, and nodes that join.

def test_tokens_of_a_file_are_read_again():
    with harness.Server() as server:
        server.stop()
        path = write_file(server, "tokens.csv", b'first-token,alice,1,"devs,system:masters"\n')
        server.flags = ["--token-auth-file", path]
        server.start()
        assert status_as(server, "first-token") == 200
        write_file(server, "tokens.csv", b'second-token,bob,2\n')
        server.process.send_signal(signal.SIGHUP)
        harness.poll(lambda: accepted(server, "second-token"), "the file's new token")
        assert not accepted(server, "first-token") and name_of(server, "second-token") == "bob"
        harness.poll(lambda: server.output().count("reloaded: certificates") == 1, "the line that says so")
        write_file(server, "tokens.csv", b'third-token,bob\n')
        server.process.send_signal(signal.SIGHUP)
        harness.poll(lambda: "tokens.csv, line 1: not TOKEN,USER,UID" in server.output(), "a line in the log")
        assert accepted(server, "second-token") and "third-token" not in server.output()
        assert server.output().count("reloaded: certificates") == 1, "not all of it was"


SYSTEM = "/api/v1/namespaces/kube-system/secrets"


def bootstrap(token, **more):
    name, secret = token.split(".")
    data = {"token-id": name, "token-secret": secret, "usage-bootstrap-authentication": "true", **more}
    return harness.secret(f"bootstrap-token-{name}", {k: v for k, v in data.items() if v is not None}, type="bootstrap.kubernetes.io/token")


def test_bootstrap_tokens(server):
    token = "abcdef.0123456789abcdef"
    assert not accepted(server, token)
    server.call("POST", SYSTEM, bootstrap(token, **{"auth-extra-groups": "system:bootstrappers:worker,system:bootstrappers:a:b-c"}), status=201)
    assert name_of(server, token) == "system:bootstrap:abcdef"
    for other in ("abcdef.0123456789abcdeg", "abcdeg.0123456789abcdef", "ABCDEF.0123456789abcdef", token + "0", "abcdef.", token.replace(".", "x")):
        assert not accepted(server, other), other
    server.call("DELETE", f"{SYSTEM}/bootstrap-token-abcdef")
    assert not accepted(server, token)
    cases = {
        "aaaaa0": ({"expiration": "2020-01-01T00:00:00Z"}, False), "aaaaa1": ({"expiration": "2100-01-01T00:00:00Z"}, True),
        "aaaaa2": ({"expiration": "soon"}, False), "aaaaa3": ({"usage-bootstrap-authentication": None}, False),
        "aaaaa4": ({"usage-bootstrap-authentication": "True"}, False), "aaaaa5": ({"token-id": "aaaaa1"}, False),
        "aaaaa6": ({"auth-extra-groups": "system:masters"}, False), "aaaaa7": ({"auth-extra-groups": "system:bootstrappers:a-"}, False),
        "aaaaa8": ({"auth-extra-groups": ""}, True), "aaaaa9": ({"token-secret": None}, False),
    }
    for name, (more, fine) in cases.items():
        token = f"{name}.0123456789abcdef"
        server.call("POST", SYSTEM, bootstrap(token, **more), status=201)
        assert accepted(server, token) == fine, more
    opaque = "bbbbb0.0123456789abcdef"
    server.call("POST", SYSTEM, {**bootstrap(opaque), "type": "Opaque"}, status=201)
    elsewhere = "bbbbb1.0123456789abcdef"
    server.call("POST", harness.SECRETS, bootstrap(elsewhere), status=201)
    assert not accepted(server, opaque) and not accepted(server, elsewhere)


def test_browsers_carry_a_token_in_the_protocol_of_a_websocket(server):
    make_account(server, "browser")
    token = ask(server, "browser")["status"]["token"]

    def status(protocol, upgrade=True):
        headers = [("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Protocol", protocol)]
        with server.connect("none") as connection:
            return connection.request("GET", f"{harness.SECRETS}?watch=1",
                                      [*headers, *([("Connection", "Upgrade"), ("Upgrade", "websocket")] if upgrade else [])]).status

    carrier = "base64url.bearer.authorization.k8s.io."
    assert status(f"{carrier}{b64url(token.encode())}, base64.binary.k8s.io") == 403
    assert status(f"{carrier}{b64url(b'nope')}, base64.binary.k8s.io") == 401
    assert status(f"{carrier}!!!") == 401
    assert status("base64.binary.k8s.io") == 401
    assert status(f"{carrier}{b64url(token.encode())}", upgrade=False) == 401


# ---- Secrets that hold a token.

def token_secret(name, account, data=None, **annotations):
    return harness.secret(name, data, type="kubernetes.io/service-account-token",
                          metadata={"annotations": {"kubernetes.io/service-account.name": account, **annotations}})


def get_secret(server, name):
    return server.call("GET", f"{harness.SECRETS}/{name}", status=200)


def filled(server, name):
    return harness.poll(lambda: get_secret(server, name).get("data", {}).get("token") and get_secret(server, name), "a token in the Secret")


def data_of(secret):
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


def gone(server, name):
    harness.poll(lambda: server.request("GET", f"{harness.SECRETS}/{name}").status == 404, f"the Secret {name} to go")


def test_a_secret_is_filled_with_a_token_that_lives_with_it(server):
    uid = make_account(server, "legacy")
    server.call("POST", harness.SECRETS, token_secret("legacy", "legacy"), status=201)
    secret = filled(server, "legacy")
    data = data_of(secret)
    assert set(data) == {"ca.crt", "namespace", "token"} and data["namespace"] == "default" and data["ca.crt"].startswith("-----BEGIN CERTIFICATE")
    assert secret["metadata"]["annotations"]["kubernetes.io/service-account.uid"] == uid
    assert claims_of(data["token"]) == {
        "iss": "kubernetes/serviceaccount", "kubernetes.io/serviceaccount/namespace": "default", "kubernetes.io/serviceaccount/secret.name": "legacy",
        "kubernetes.io/serviceaccount/service-account.name": "legacy", "kubernetes.io/serviceaccount/service-account.uid": uid,
        "sub": "system:serviceaccount:default:legacy"}
    assert name_of(server, data["token"]) == "system:serviceaccount:default:legacy"
    path = f"{harness.SECRETS}/legacy"
    merge = [("Content-Type", "application/merge-patch+json")]
    label = "kubernetes.io/legacy-token-invalid-since"
    server.call("PATCH", path, {"metadata": {"labels": {label: "2026-01-01"}}}, headers=merge)
    assert not accepted(server, data["token"]), "marked as invalid"
    server.call("PATCH", path, {"metadata": {"labels": {label: None}}}, headers=merge)
    assert accepted(server, data["token"])
    server.call("PATCH", path, {"data": {"token": harness.b64("x" + data["token"])}}, headers=merge)
    assert not accepted(server, data["token"]), "the Secret holds another"
    server.call("PATCH", path, {"data": {"token": None, "ca.crt": harness.b64("another"), "mine": harness.b64("kept")}}, headers=merge)
    again = data_of(harness.poll(lambda: "token" in (secret := get_secret(server, "legacy"))["data"] and secret, "a token again"))
    assert {**again, "token": ""} == {**data, "token": "", "mine": "kept"}
    data["token"] = again["token"]
    assert accepted(server, data["token"])
    server.call("PATCH", path, {"metadata": {"finalizers": ["example.com/hold"]}}, headers=merge)
    server.call("DELETE", path)
    assert not accepted(server, data["token"]), "it is being deleted"
    server.call("PATCH", path, {"metadata": {"finalizers": None}}, headers=merge)
    gone(server, "legacy")
    assert not accepted(server, data["token"])


def test_secrets_go_with_their_account_and_accounts_forget_their_secrets(server):
    make_account(server, "owner")
    for name in ("owner-1", "owner-2"):
        server.call("POST", harness.SECRETS, token_secret(name, "owner"), status=201)
        filled(server, name)
    token = data_of(get_secret(server, "owner-1"))["token"]
    server.call("PATCH", f"{ACCOUNTS}/owner", {"secrets": [{"name": "owner-1"}, {"name": "owner-2"}, {"name": "other"}]},
                headers=[("Content-Type", "application/merge-patch+json")])
    server.call("DELETE", f"{harness.SECRETS}/owner-2")
    harness.poll(lambda: server.call("GET", f"{ACCOUNTS}/owner")["secrets"] == [{"name": "owner-1"}, {"name": "other"}], "the name to go")
    server.call("DELETE", f"{ACCOUNTS}/owner")
    gone(server, "owner-1")
    make_account(server, "owner")
    assert not accepted(server, token)
    odd = [("nobody", {}), ("owner", {"kubernetes.io/service-account.uid": "1"}), ("../secrets/x", {}), ("owner/token", {}), ("a%2fb", {})]
    for number, (account, annotations) in enumerate(odd):
        server.call("POST", harness.SECRETS, token_secret(f"odd-{number}", account, **annotations), status=201)
        gone(server, f"odd-{number}")
    fixed = {**token_secret("fixed", "owner", {"token": "mine"}), "immutable": True}
    server.call("POST", harness.SECRETS, fixed, status=201)
    server.call("POST", harness.SECRETS, token_secret("last", "owner"), status=201)
    filled(server, "last")
    assert data_of(get_secret(server, "fixed")) == {"token": "mine"}


def test_a_token_of_a_secret_outlives_restarts():
    with harness.Server() as server:
        harness.await_furniture(server, "default")
        server.call("POST", harness.SECRETS, token_secret("kept", "default"), status=201)
        token = data_of(filled(server, "kept"))["token"]
        made = int(time.time())
        server.stop()
        harness.poll(lambda: time.time() >= made + 1, "the key is a second old", pause=0.02)
        server.flags = ["--service-account-key-lifetime", "1s"]
        server.start()
        second = ask(server, "default")["status"]["token"]
        assert header_of(second)["kid"] != header_of(token)["kid"] and accepted(server, second)
        assert accepted(server, token)


# ---- What docs/tokens.md tells to type.

def typed(kubectl, text):
    """Runs it as a person would, with that kubectl, in its folder."""
    if not (kubectl.home / "kubectl").exists():
        (kubectl.home / "kubectl").symlink_to(kubectl.program)
    environment = {**kubectl.environment, "PATH": f"{kubectl.home}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], capture_output=True, text=True, timeout=120, env=environment, cwd=kubectl.home)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_the_recipe_for_ci_is_true(server):
    """Every command of it, and that the account may what it was given and nothing else."""
    kubectl = next((made for made in (harness.Kubectl(name, server) for name in harness.kubectl_programs()) if made.minor >= 24), None)
    if not kubectl:
        pytest.skip("no kubectl that has `create token`")
    typed(kubectl, harness.documented("tokens.md", "A CI system", 0))
    assert typed(kubectl, harness.documented("tokens.md", "A CI system", 1)).splitlines()[-1] == "yes"
    assert stat.S_IMODE((kubectl.home / "ci.token").stat().st_mode) == 0o600
    assert 'User "system:serviceaccount:ci:deploy" cannot list' in kubectl.refused("--kubeconfig", "ci.kubeconfig", "get", "secrets")
    pod = {"containers": [{"name": "c", "image": "i"}], "volumes": [{"name": "v", "secret": {"secretName": "db"}}]}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app"},
            "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": pod}}}
    assert "created" in kubectl.out("--kubeconfig", "ci.kubeconfig", "create", "-f", "-", stdin=json.dumps(body))
    pod["volumes"][0]["secret"]["secretName"] = "other"
    assert 'names Secret "other"' in kubectl.refused("--kubeconfig", "ci.kubeconfig", "replace", "-f", "-", stdin=json.dumps(body))
    kubectl.out("delete", "serviceaccount", "deploy", "-n", "ci")
    assert re.search("nauthorized|logged in", kubectl.refused("--kubeconfig", "ci.kubeconfig", "get", "configmaps"))
