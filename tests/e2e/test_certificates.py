# SPDX-License-Identifier: Apache-2.0
"""Requests for certificates: who may decide them, what each signer signs, and what nodes get without a person."""
import base64
import json
import ssl
import subprocess
import time

import harness
import pytest
import wire
from authority import Authority, context

CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
CLIENT, KUBELET, SERVING = ("kubernetes.io/kube-apiserver-client", "kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/kubelet-serving")
CLIENT_USAGES = ["digital signature", "key encipherment", "client auth"]
SERVER_USAGES = ["digital signature", "key encipherment", "server auth"]


def pem(folder, subject, names=None, key="ec"):
    """(path of the key, PEM of a request for it)."""
    path = folder / f"{harness.secrets.token_hex(4)}.key"
    kind = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"], "ed25519": ["ed25519"], "weak": ["rsa:1024"]}[key]
    made = subprocess.run(["openssl", "req", "-new", "-newkey", *kind, "-nodes", "-keyout", str(path), "-subj", subject,
                           *(["-addext", f"subjectAltName={names}"] if names else [])], check=True, capture_output=True)
    return path, made.stdout


def csr(name, request, signer=CLIENT, usages=("client auth",), **spec):
    return {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": name},
            "spec": {"request": base64.b64encode(request).decode(), "signerName": signer, "usages": list(usages), **spec}}


def unique():
    return "csr-" + harness.secrets.token_hex(4)


def ask(server, *arguments, client="admin", **spec):
    name = unique()
    return name, server.call("POST", CSRS, csr(name, *arguments, **spec), 201, client=client)


def decide(server, name, kind="Approved", status=200, client="admin"):
    body = server.call("GET", f"{CSRS}/{name}")
    body["status"]["conditions"] = [{"type": kind, "status": "True", "reason": "Test", "message": "by a test"}]
    return server.call("PUT", f"{CSRS}/{name}/approval", body, status, client=client)


def condition(body, kind):
    return next((c for c in body["status"].get("conditions", []) if c["type"] == kind), None)


def settled(server, name):
    """The request when it has its certificate, or failed."""
    def done():
        body = server.call("GET", f"{CSRS}/{name}")
        return body if body["status"].get("certificate") or condition(body, "Failed") else None
    return harness.poll(done, f"a certificate or a failure of {name}")


def certificate(body):
    return base64.b64decode(body["status"]["certificate"])


def text_of(certificate):
    return subprocess.run(["openssl", "x509", "-noout", "-text"], input=certificate, check=True, capture_output=True).stdout.decode()


def client_of(server, name, folder, certificate, key):
    """Lets server.request(client=name) use that certificate."""
    path = folder / f"{name}.crt"
    path.write_bytes(certificate)
    server.contexts[name] = context(server, (path, key))


def become(server, folder, user, *groups):
    """A client with a certificate that the server signed, as `user`."""
    key, request = pem(folder, "".join(f"/O={group}" for group in groups) + f"/CN={user}")
    name, _ = ask(server, request)
    decide(server, name)
    client_of(server, user, folder, certificate(settled(server, name)), key)
    return user


def grant(server, subject, *rules, kind="User"):
    name = unique()
    server.call("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles",
                {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": list(rules)})
    server.call("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
                {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
                 "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
                 "subjects": [{"kind": kind, "apiGroup": "rbac.authorization.k8s.io", "name": subject}]})


def rule(verbs, resources, names=(), group="certificates.k8s.io"):
    made = {"apiGroups": [group], "resources": resources, "verbs": verbs}
    return {**made, "resourceNames": list(names)} if names else made


# ---- kubectl

def test_kubectl_approve_and_deny(server, kubectl, tmp_path):
    key, request = pem(tmp_path, "/O=devs/CN=jane")
    yes, no = unique(), unique()
    for name in (yes, no):
        kubectl.run("create", "-f", "-", stdin=json.dumps(csr(name, request)))
    assert "Pending" in kubectl.out("get", "csr", yes)
    assert "approved" in kubectl.out("certificate", "approve", yes)
    assert "denied" in kubectl.out("certificate", "deny", no)
    body = settled(server, yes)
    assert "Approved,Issued" in kubectl.out("get", "csr", yes) and "Denied" in kubectl.out("get", "csr", no)
    approved = condition(body, "Approved")
    assert approved["reason"] == "KubectlApprove" and approved["lastUpdateTime"] and approved["lastTransitionTime"]
    assert "certificate" not in server.call("GET", f"{CSRS}/{no}")["status"]
    assert "approved" in kubectl.out("certificate", "approve", yes), "once more changes nothing"
    client_of(server, "jane", tmp_path, certificate(body), key)
    answer = server.call("GET", "/api/v1/secrets", status=403, client="jane")
    assert 'User "jane" cannot list resource "secrets"' in answer["message"]


def test_what_a_certificate_says(server, tmp_path):
    _, request = pem(tmp_path, "/O=a/O=b/OU=dropped/CN=jane", "DNS:a.example,IP:10.0.0.1,email:j@a.example,URI:x://y")
    name, made = ask(server, request, usages=CLIENT_USAGES, expirationSeconds=3600)
    assert made["spec"]["username"] == "admin" and "system:masters" in made["spec"]["groups"]
    decide(server, name)
    text = text_of(certificate(settled(server, name)))
    assert "Subject: O = a, O = b, CN = jane" in text and "CN = coffer-ca" in text
    assert "CA:FALSE" in text and "TLS Web Client Authentication" in text and "Digital Signature, Key Encipherment" in text
    assert "TLS Web Server" not in text
    assert "DNS:a.example, IP Address:10.0.0.1, email:j@a.example, URI:x://y" in text
    raw = ssl._ssl._test_decode_cert  # noqa: SLF001 - the one parser of dates that Python has
    path = tmp_path / "made.pem"
    path.write_bytes(certificate(settled(server, name)))
    dates = raw(str(path))
    begin, end = (ssl.cert_time_to_seconds(dates[k]) for k in ("notBefore", "notAfter"))
    assert abs(time.time() - 300 - begin) < 60 and abs(time.time() + 3600 - end) < 60


# ---- each signer, with both outcomes

NODE = "/O=system:nodes/CN=system:node:n1"
SIGNED = [
    (CLIENT, "/CN=jane", None, ["client auth"]),
    (CLIENT, "/O=devs/CN=jane", "DNS:a.example", CLIENT_USAGES),
    (KUBELET, NODE, None, CLIENT_USAGES),
    (KUBELET, NODE, None, ["digital signature", "client auth"]),
    (SERVING, NODE, "DNS:n1", SERVER_USAGES),
    (SERVING, NODE, "IP:10.0.0.1", ["digital signature", "server auth"]),
]
FAILED = [
    (CLIENT, "/CN=jane", None, ["client auth", "server auth"], "invalid usage for client certificate: server auth"),
    (CLIENT, "/CN=jane", None, ["client auth", "cert sign"], "invalid usage for client certificate: cert sign"),
    (CLIENT, "/CN=jane", None, ["digital signature"], "missing required usage for client certificate: client auth"),
    (KUBELET, "/CN=system:node:n1", None, CLIENT_USAGES, "subject organization is not system:nodes"),
    (KUBELET, "/O=system:nodes/O=system:masters/CN=system:node:n1", None, CLIENT_USAGES, "subject organization is not system:nodes"),
    (KUBELET, "/O=system:nodes/CN=jane", None, CLIENT_USAGES, "subject common name does not begin with system:node:"),
    (KUBELET, NODE, "DNS:a", CLIENT_USAGES, "DNS subjectAltNames are not allowed"),
    (KUBELET, NODE, "IP:1.2.3.4", CLIENT_USAGES, "IP subjectAltNames are not allowed"),
    (KUBELET, NODE, "email:a@b", CLIENT_USAGES, "Email subjectAltNames are not allowed"),
    (KUBELET, NODE, "URI:x:y", CLIENT_USAGES, "URI subjectAltNames are not allowed"),
    (KUBELET, NODE, None, SERVER_USAGES, "usages did not match [client auth digital signature key encipherment]"),
    (KUBELET, NODE, None, ["client auth"], "usages did not match [client auth digital signature key encipherment]"),
    (SERVING, NODE, None, SERVER_USAGES, "DNS or IP subjectAltName is required"),
    (SERVING, "/O=devs/CN=system:node:n1", "DNS:n1", SERVER_USAGES, "subject organization is not system:nodes"),
    (SERVING, "/O=system:nodes/CN=n1", "DNS:n1", SERVER_USAGES, "subject common name does not begin with system:node:"),
    (SERVING, NODE, "DNS:n1,email:a@b", SERVER_USAGES, "Email subjectAltNames are not allowed"),
    (SERVING, NODE, "DNS:n1,URI:x:y", SERVER_USAGES, "URI subjectAltNames are not allowed"),
    (SERVING, NODE, "DNS:n1", [*SERVER_USAGES, "client auth"], "usages did not match [digital signature key encipherment server auth]"),
]


@pytest.mark.parametrize("signer, subject, names, usages", SIGNED)
def test_what_a_signer_signs(server, tmp_path, signer, subject, names, usages):
    name, _ = ask(server, pem(tmp_path, subject, names)[1], signer, usages)
    if signer != KUBELET:  # which an admin may ask for without more
        decide(server, name)
    text = text_of(certificate(settled(server, name)))
    assert ("TLS Web Server Authentication" in text) == ("server auth" in usages)
    assert ("TLS Web Client Authentication" in text) == ("client auth" in usages)


@pytest.mark.parametrize("signer, subject, names, usages, why", FAILED)
def test_what_a_signer_does_not_sign(server, tmp_path, signer, subject, names, usages, why):
    name, _ = ask(server, pem(tmp_path, subject, names)[1], signer, usages)
    decide(server, name)
    body = settled(server, name)
    failed = condition(body, "Failed")
    assert "certificate" not in body["status"]
    assert (failed["status"], failed["reason"], failed["message"]) == ("True", "SignerValidationFailure", why)


@pytest.mark.parametrize("key", ["rsa", "ed25519"])
def test_other_keys(server, tmp_path, key):
    name, _ = ask(server, pem(tmp_path, "/CN=jane", key=key)[1])
    decide(server, name)
    assert certificate(settled(server, name))


def test_other_signers_are_left_alone(server, tmp_path):
    _, request = pem(tmp_path, "/CN=jane")
    theirs, own = ask(server, request, "example.com/mine")[0], ask(server, request)[0]
    decide(server, theirs)
    decide(server, own)
    settled(server, own)
    assert list(server.call("GET", f"{CSRS}/{theirs}")["status"]) == ["conditions"]
    body = server.call("POST", CSRS, csr(unique(), request, "kubernetes.io/legacy-unknown"), 422)
    assert "the legacy signerName is not allowed via this API version" in body["message"]


@pytest.mark.parametrize("request_of, why", [
    (lambda folder: b"nonsense", "PEM block type must be CERTIFICATE REQUEST"),
    (lambda folder: b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "the certificate request is malformed"),
    (lambda folder: pem(folder, "/CN=jane", key="weak")[1], "the key must be RSA of 2048 to 8192 bits"),
    (lambda folder: pem(folder, "/CN=jane", "otherName:1.2.3.4;UTF8:x")[1], "a subjectAltName must be")])
def test_what_is_no_request(server, tmp_path, request_of, why):
    body = server.call("POST", CSRS, csr(unique(), request_of(tmp_path)), 422)
    cause = next(c for c in body["details"]["causes"] if c["field"] == "spec.request")
    assert why in cause["message"]


# ---- who may decide and sign

def test_nobody_asks_to_be_a_master(server, tmp_path):
    _, request = pem(tmp_path, "/O=system:masters/CN=jane")
    name = unique()
    body = server.call("POST", CSRS, csr(name, request), 403)
    assert body["message"] == (f'certificatesigningrequests.certificates.k8s.io "{name}" is forbidden: use of {CLIENT} signer with '
                               "system:masters group is not allowed")
    assert server.request("POST", CSRS, csr(unique(), request, "example.com/mine")).status == 201


def test_approval_takes_a_right_to_the_signer(server, tmp_path):
    _, request = pem(tmp_path, "/CN=jane")
    name, _ = ask(server, request)
    user = become(server, tmp_path, f"approver-{unique()}")
    grant(server, user, rule(["get"], ["certificatesigningrequests"]), rule(["update", "patch"], ["certificatesigningrequests/approval"]))
    body = decide(server, name, status=403, client=user)
    assert body["message"] == (f'certificatesigningrequests.certificates.k8s.io "{name}" is forbidden: user not permitted to approve requests '
                               f'with signerName "{CLIENT}"')
    patch = {"status": {"conditions": [{"type": "Approved", "status": "True", "reason": "R", "message": "m"}]}}
    merge = [("Content-Type", "application/merge-patch+json")]
    assert server.request("PATCH", f"{CSRS}/{name}/approval", patch, merge, client=user).status == 403
    grant(server, user, rule(["approve"], ["signers"], [KUBELET]))
    decide(server, name, status=403, client=user)
    grant(server, user, rule(["approve"], ["signers"], ["kubernetes.io/*"]))
    decide(server, name, client=user)
    assert certificate(settled(server, name))


def test_signing_takes_a_right_to_the_signer(server, tmp_path):
    _, request = pem(tmp_path, "/CN=jane")
    name, _ = ask(server, request, "example.com/mine")
    decide(server, name)
    user = become(server, tmp_path, f"signer-{unique()}")
    grant(server, user, rule(["get"], ["certificatesigningrequests"]), rule(["update"], ["certificatesigningrequests/status"]))
    own = Authority(tmp_path / "ca").client("x")[0].read_bytes()
    body = server.call("GET", f"{CSRS}/{name}", client=user)
    body["status"]["certificate"] = base64.b64encode(own).decode()
    refused = server.call("PUT", f"{CSRS}/{name}/status", body, 403, client=user)
    assert refused["message"].endswith('user not permitted to sign requests with signerName "example.com/mine"')
    grant(server, user, rule(["sign"], ["signers"], ["example.com/mine"]))
    signed = server.call("PUT", f"{CSRS}/{name}/status", body, client=user)
    assert certificate(signed) == own
    signed["status"]["certificate"] = base64.b64encode(own + own).decode()
    refused = server.call("PUT", f"{CSRS}/{name}/status", signed, 422, client=user)
    assert "updates may not modify existing certificate content" in refused["message"]


def test_the_approval_subresource_sets_no_certificate(server, tmp_path):
    _, request = pem(tmp_path, "/CN=jane")
    name, _ = ask(server, request, "example.com/mine")
    own = Authority(tmp_path / "ca").client("x")[0].read_bytes()
    for subresource in ("approval", "status"):
        body = server.call("GET", f"{CSRS}/{name}")
        body["status"]["certificate"] = base64.b64encode(own if subresource == "approval" else b"nonsense").decode()
        refused = server.call("PUT", f"{CSRS}/{name}/{subresource}", body, 422)
        assert ("updates may not set certificate content" if subresource == "approval" else "must contain at least one CERTIFICATE") in refused["message"]
    body = server.call("GET", f"{CSRS}/{name}")
    body["status"] = {"certificate": base64.b64encode(own).decode()}
    assert "certificate" not in server.call("PUT", f"{CSRS}/{name}", body)["status"], "the object itself takes no status"


def test_who_asks_cannot_be_forged(server, tmp_path):
    _, request = pem(tmp_path, "/CN=jane")
    user = become(server, tmp_path, f"asker-{unique()}")
    grant(server, user, rule(["create", "get", "update"], ["certificatesigningrequests"]))
    name, made = ask(server, request, client=user, username="admin", groups=["system:masters"], uid="1", extra={"a": ["b"]})
    assert made["spec"]["username"] == user and made["spec"]["groups"] == ["system:authenticated"] and "uid" not in made["spec"]
    assert list(made["spec"]["extra"]) == ["authentication.kubernetes.io/credential-id"]
    made["spec"].update(username="admin", signerName="example.com/x")
    assert server.call("PUT", f"{CSRS}/{name}", made, client=user)["spec"]["username"] == user


# ---- nodes

NODE_CLIENT = rule(["create"], ["certificatesigningrequests", "certificatesigningrequests/nodeclient"])
SELF_CLIENT = rule(["create"], ["certificatesigningrequests/selfnodeclient"])


def node_request(folder, node, signer=KUBELET):
    return pem(folder, f"/O=system:nodes/CN=system:node:{node}")


def stays_pending(server, name):
    """The controller has looked at it once it has decided what came later."""
    marker, _ = ask(server, pem(harness.SCRATCH, "/CN=marker")[1])
    decide(server, marker)
    settled(server, marker)
    body = server.call("GET", f"{CSRS}/{name}")
    assert not body["status"].get("conditions"), body


def test_a_node_gets_and_renews_its_certificate(server, tmp_path):
    """A bootstrapper's first certificate for a node that is not there yet, then the node's own renewal."""
    node = unique()
    user = become(server, tmp_path, f"boot-{unique()}", "bootstrappers")
    grant(server, "bootstrappers", NODE_CLIENT, kind="Group")
    key, request = node_request(tmp_path, node)
    name, _ = ask(server, request, KUBELET, CLIENT_USAGES, client=user)
    body = settled(server, name)
    assert condition(body, "Approved")["message"] == "Auto approving kubelet client certificate after SubjectAccessReview."
    client_of(server, f"system:node:{node}", tmp_path, certificate(body), key)

    server.call("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})
    grant(server, f"system:node:{node}", rule(["create", "get"], ["certificatesigningrequests"]), SELF_CLIENT)
    _, again = node_request(tmp_path, node)
    name, _ = ask(server, again, KUBELET, CLIENT_USAGES, client=f"system:node:{node}")
    assert condition(settled(server, name), "Approved")["message"] == \
        "Auto approving self kubelet client certificate after SubjectAccessReview."
    other = csr(unique(), node_request(tmp_path, "other")[1], KUBELET, CLIENT_USAGES)
    assert f"can only create a node CSR with CN=system:node:{node}" in server.call("POST", CSRS, other, 403, client=f"system:node:{node}")["message"]


def test_a_node_that_is_there_is_not_taken_over(server, tmp_path):
    node = unique()
    user = become(server, tmp_path, f"boot-{unique()}")
    grant(server, user, NODE_CLIENT)
    server.call("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})
    _, request = node_request(tmp_path, node)
    name, _ = ask(server, request, KUBELET, CLIENT_USAGES, client=user)
    stays_pending(server, name)
    decide(server, name)
    assert certificate(settled(server, name)), "a person may"


def test_without_the_right_nothing_is_approved(server, tmp_path):
    user = become(server, tmp_path, f"plain-{unique()}")
    grant(server, user, rule(["create"], ["certificatesigningrequests"]))
    name, _ = ask(server, node_request(tmp_path, unique())[1], KUBELET, CLIENT_USAGES, client=user)
    stays_pending(server, name)
    serving, _ = ask(server, pem(tmp_path, NODE, "DNS:n1")[1], SERVING, SERVER_USAGES)
    stays_pending(server, serving)


def token(server, annotations=None):
    """A bootstrap token's id; and a client that comes by a certificate as its user."""
    identity = harness.secrets.token_hex(3)
    server.call("POST", "/api/v1/namespaces/kube-system/secrets",
                harness.secret(f"bootstrap-token-{identity}", {"token-id": identity, "token-secret": harness.canary()[:16],
                                                               "usage-bootstrap-authentication": "true"},
                               type="bootstrap.kubernetes.io/token", metadata={"annotations": annotations or {}}))
    return identity


def test_a_token_made_for_a_node_brings_that_one_back(server, tmp_path):
    node, other = unique(), unique()
    server.call("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})
    identity = token(server, {"coffer.dev/node-name": node})
    user = become(server, tmp_path, f"system:bootstrap:{identity}")
    grant(server, user, NODE_CLIENT)
    for_other, _ = ask(server, node_request(tmp_path, other)[1], KUBELET, CLIENT_USAGES, client=user)
    name, _ = ask(server, node_request(tmp_path, node)[1], KUBELET, CLIENT_USAGES, client=user)
    assert certificate(settled(server, name))
    stays_pending(server, for_other)


def test_a_token_made_for_any_node_takes_none_over(server, tmp_path):
    node = unique()
    server.call("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})
    identity = token(server)
    user = become(server, tmp_path, f"system:bootstrap:{identity}")
    grant(server, user, NODE_CLIENT)
    name, _ = ask(server, node_request(tmp_path, node)[1], KUBELET, CLIENT_USAGES, client=user)
    stays_pending(server, name)
    fresh, _ = ask(server, node_request(tmp_path, unique())[1], KUBELET, CLIENT_USAGES, client=user)
    assert certificate(settled(server, fresh))
    server.call("DELETE", f"/api/v1/namespaces/kube-system/secrets/bootstrap-token-{identity}")
    late, _ = ask(server, node_request(tmp_path, unique())[1], KUBELET, CLIENT_USAGES, client=user)
    stays_pending(server, late)


# ---- time

def test_what_is_old_goes(start, tmp_path):
    """A certificate's request goes when the certificate has ended; what is denied, an hour after."""
    server = start(flags=["--certificate-lifetime", "20s"])
    key, request = pem(tmp_path, "/CN=jane")
    name, _ = ask(server, request)
    decide(server, name)
    pair = (tmp_path / "short.crt", key)
    pair[0].write_bytes(certificate(settled(server, name)))
    denied, _ = ask(server, request)
    body = server.call("GET", f"{CSRS}/{denied}")
    body["status"]["conditions"] = [{"type": "Denied", "status": "True", "reason": "R", "message": "m", "lastUpdateTime": "2026-01-01T00:00:00Z"}]
    server.call("PUT", f"{CSRS}/{denied}/approval", body)
    harness.poll(lambda: server.request("GET", f"{CSRS}/{denied}").status == 404, "the end of an old refusal")
    with wire.Connection(server.address, context(server, pair)) as connection:
        assert connection.request("GET", "/api/v1/secrets").status == 403
    server.contexts["late"] = server.contexts["admin"]
    harness.poll(lambda: (server._read_kubeconfig(), server.request("GET", f"{CSRS}/{name}").status == 404)[1], "the end of an ended certificate",
                 timeout=60)
