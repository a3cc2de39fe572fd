# SPDX-License-Identifier: Apache-2.0
"""ID tokens of OpenID Connect issuers: which are accepted as whom, which are 401, and what an issuer's outage changes."""
import signal
import time

import harness
import pytest
import wire
import yaml

pytest.importorskip("cryptography")
from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: E402
from oidc_issuer import Issuer, document  # noqa: E402
from test_tokens import make_token, public_pem, status_as  # noqa: E402

REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


def accepted(server, token):
    """/version is everybody's who is known; too many refused tokens of an address would be 429."""
    status = status_as(server, token)
    assert status in (200, 401), status
    return status == 200


def who(server, token):
    answer = server.request("POST", REVIEWS, REVIEW, client="none", headers=[("Authorization", f"Bearer {token}")])
    assert answer.status == 201, answer
    return answer.json()["status"]["userInfo"]


def serve(tmp_path, *jwt, **more):
    file = tmp_path / "authentication.yaml"
    file.write_bytes(document(*jwt, **more))
    return harness.Server(flags=["--authentication-config", str(file)])


def await_accepted(server, token, timeout=30.0):
    harness.poll(lambda: accepted(server, token), "the token is accepted", timeout=timeout, pause=0.5)


def logged(server, text):
    harness.poll(lambda: text in server.output(), f"the log says {text}")


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    made = Issuer(tmp_path_factory.mktemp("issuer"), path="/realms/one/")
    made.keys["rsa"] = rsa.generate_private_key(65537, 2048)
    made.path = "/realms/one"
    yield made
    made.stop()


@pytest.fixture(scope="module")
def server(issuer, tmp_path_factory):
    rules = [{"claim": "tenant", "requiredValue": "t1"}]
    item = issuer.config(claimValidationRules=rules)
    item["claimMappings"]["uid"] = {"claim": "sub"}
    with serve(tmp_path_factory.mktemp("config"), item) as running:
        await_accepted(running, issuer.token(tenant="t1"))
        yield running


def test_user(server, issuer):
    user = who(server, issuer.token(tenant="t1"))
    assert user == {"username": "oidc:ann@example.com", "uid": "u-1", "groups": ["oidc:dev", "oidc:ops", "system:authenticated"]}
    assert who(server, issuer.token("rsa", algorithm="RS256", tenant="t1", groups="one"))["groups"] == ["oidc:one", "system:authenticated"]
    assert who(server, issuer.token(tenant="t1", groups=None))["groups"] == ["system:authenticated"]
    assert accepted(server, issuer.token(tenant="t1", aud=["x", "other"], azp="who", email_verified=True))
    assert accepted(server, issuer.token(tenant="t1", nbf=int(time.time()) + 200, iat=None))


def test_kubectl(server, issuer):
    program = next((name for name in harness.kubectl_programs() if harness.Kubectl(name, server).minor >= 28), None)
    if not program:
        pytest.skip("no kubectl that has `auth whoami`")
    config = yaml.safe_load(server.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": issuer.token(tenant="t1")}
    file = server.home / "oidc.kubeconfig"
    file.write_text(yaml.safe_dump(config))
    out = harness.Kubectl(program, server).out("--kubeconfig", str(file), "auth", "whoami")
    assert "oidc:ann@example.com" in out and "oidc:dev" in out


@pytest.mark.parametrize("name,claims", [
    ("audience", {"aud": "else"}), ("no audience", {"aud": None}), ("audience that is no text", {"aud": 5}),
    ("issuer", {"iss": "https://127.0.0.1:1"}), ("no issuer", {"iss": None}),
    ("over", {"exp": 1700000000}), ("without end", {"exp": None}), ("not yet", {"nbf": 32503680000}), ("issued later", {"iat": 32503680000}),
    ("no name", {"email": None}), ("a name that is no text", {"email": ["ann"]}), ("empty name", {"email": ""}),
    ("email not verified", {"email_verified": False}), ("email verified by a text", {"email_verified": "true"}),
    ("groups that are no texts", {"groups": [1]}), ("groups that are an object", {"groups": {}}),
    ("distributed groups", {"groups": None, "_claim_names": {"groups": "src"}, "_claim_sources": {"src": {"endpoint": "https://127.0.0.1:1"}}}),
    ("no uid", {"sub": None}),
    ("a required claim is missing", {"tenant": None}), ("a required claim is another", {"tenant": "t2"}),
    ("a required claim is no text", {"tenant": ["t1"]})])
def test_claims_that_are_refused(server, issuer, name, claims):
    assert not accepted(server, issuer.token(**{"tenant": "t1", **claims})), name


def test_signatures_that_are_refused(server, issuer):
    claims, key, other = issuer.claims(tenant="t1"), issuer.keys["one"], ec.generate_private_key(ec.SECP256R1())
    assert accepted(server, make_token(key, claims, kid="one"))
    for token in [make_token(None, claims, "none", kid="one"), make_token(public_pem(key), claims, "HS256", kid="one"),
                  make_token(other, claims, kid="one"), make_token(issuer.keys["rsa"], claims, "RS512", kid="rsa"),
                  make_token(key, claims, kid="rsa"), make_token(key, claims, kid="one", crit=["x"])]:
        assert not accepted(server, token), token
    good = make_token(key, claims, kid="one")
    assert not accepted(server, good[:-8] + ("AAAAAAAA" if good[-8:] != "AAAAAAAA" else "BBBBBBBB"))


def test_reasons_are_in_the_log_alone(server, issuer):
    answer = server.request("GET", "/version", client="none", headers=[("Authorization", f"Bearer {issuer.token(tenant='t-wrong')}")])
    assert answer.status == 401 and answer.json()["message"] == "Unauthorized"
    logged(server, "the token's claim tenant has not the value that is required")
    assert "t-wrong" not in server.output()


def test_unknown_keys_ask_at_most_every_ten_seconds(server, issuer):
    """However many requests there are. The fetch is waited for that follows one which is not long ago."""
    token = issuer.token(kid="no-such", key=issuer.keys["one"], tenant="t1")

    def fetched_again():
        before = issuer.fetches()
        return harness.poll(lambda: status_as(server, token) == 401 and issuer.fetches() > before, "the keys are fetched", timeout=30, pause=0.5)
    if time.monotonic() - issuer.fetched_at[-1] > 5:
        fetched_again()
    fetched_again()
    assert issuer.fetched_at[-1] - issuer.fetched_at[-2] > 9
    assert accepted(server, issuer.token(tenant="t1"))


def test_rotation(server, issuer):
    old = issuer.token(tenant="t1")
    issuer.keys["two"] = ec.generate_private_key(ec.SECP256R1())
    one = issuer.keys.pop("one")
    try:
        await_accepted(server, issuer.token("two", tenant="t1"))
        assert not accepted(server, old), "the issuer has dropped that key"
    finally:
        issuer.keys["one"] = one
        await_accepted(server, old)


def test_outage(tmp_path):
    issuer = Issuer(tmp_path / "issuer")
    with serve(tmp_path, issuer.config()) as server:
        token = issuer.token()
        await_accepted(server, token)
        issuer.stop()
        # Whatever asks for the keys now fails, and changes nothing.
        assert not accepted(server, issuer.token(kid="new", key=issuer.keys["one"]))
        harness.poll(lambda: "those that were fetched stay in use" in server.output(), "the fetch fails", timeout=30)
        assert accepted(server, token)
        # Neither does a new configuration that keeps the issuer.
        (tmp_path / "authentication.yaml").write_bytes(document(issuer.config(claimValidationRules=[{"claim": "sub", "requiredValue": "u-1"}])))
        server.process.send_signal(signal.SIGHUP)
        harness.poll(lambda: not accepted(server, issuer.token(sub="u-2")), "the new rules are in force", pause=0.2)
        assert accepted(server, token)


def test_issuers_that_cannot_be_used(tmp_path):
    never, other = Issuer(tmp_path / "never"), Issuer(tmp_path / "other")
    never.stop()
    foreign = Issuer(tmp_path / "foreign")  # whose certificate another CA signed
    moved, liar, weak, huge = (Issuer(tmp_path / name) for name in ("moved", "liar", "weak", "huge"))
    moved.documents["/.well-known/openid-configuration"] = 302, [("Location", other.url + "/.well-known/openid-configuration")], b""
    liar.documents["/.well-known/openid-configuration"] = other.answer("/.well-known/openid-configuration")
    weak.keys = {"weak": rsa.generate_private_key(65537, 1024)}
    huge.documents["/keys"] = 200, [], b'{"keys":[' + b" " * (1 << 20) + b"]}"
    bad = {never: "cannot connect", foreign: "certificate is not trusted", moved: "answered 302", liar: "of another issuer",
           weak: "no key that verifies", huge: "larger than"}
    items = [issuer.config() for issuer in (never, moved, liar, weak, huge, other)]
    items.append(foreign.config(issuer={"certificateAuthority": other.authority.decode()}))
    key = ec.generate_private_key(ec.SECP256R1())
    with serve(tmp_path, *items) as server:
        await_accepted(server, other.token())
        for issuer, reason in bad.items():
            harness.poll(lambda: any(issuer.url in line and reason in line for line in server.output().splitlines()), reason)
            assert not accepted(server, issuer.token(kid="x", key=key)), reason
            assert not accepted(server, issuer.token(kid="x", key=other.keys["one"])), reason
        assert not accepted(server, make_token(other.keys["one"], never.claims(), kid="one"))
        # It comes back: its tokens are good from then on.
        never.start()
        await_accepted(server, never.token(), timeout=40)
    for issuer in (other, foreign, moved, liar, weak, huge, never):
        issuer.stop()


def test_two_issuers(tmp_path):
    first, second = Issuer(tmp_path / "a"), Issuer(tmp_path / "b")
    second.documents["/elsewhere"] = second.answer("/.well-known/openid-configuration")
    second.documents["/.well-known/openid-configuration"] = 404, [], b""
    item = second.config(issuer={"audiences": ["second"], "discoveryURL": second.url + "/elsewhere"})
    item["claimMappings"] = {"username": {"claim": "sub", "prefix": ""}}
    with serve(tmp_path, first.config(), item, apiVersion="apiserver.config.k8s.io/v1beta1") as server:
        await_accepted(server, first.token())
        await_accepted(server, second.token(aud="second"))
        assert who(server, first.token())["username"] == "oidc:ann@example.com"
        assert who(server, second.token(aud="second")) == {"username": "u-1", "groups": ["system:authenticated"]}
        assert not accepted(server, make_token(first.keys["one"], second.claims(aud="second"), kid="one")), "each has its own keys"
        assert not accepted(server, second.token()), "each has its own audiences"
        logged(server, "without a prefix")
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": first.token()}}
        status = server.call("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review, status=201)["status"]
        assert status["authenticated"] and status["user"]["username"] == "oidc:ann@example.com"
        assert status["audiences"] == ["https://kubernetes.default.svc.cluster.local"]
    first.stop()
    second.stop()


def test_reload(tmp_path):
    issuer, added = Issuer(tmp_path / "a"), Issuer(tmp_path / "b")
    file = tmp_path / "authentication.yaml"
    with serve(tmp_path, issuer.config()) as server:
        await_accepted(server, issuer.token())
        assert not accepted(server, added.token())
        file.write_bytes(document(issuer.config(), added.config()))
        server.process.send_signal(signal.SIGHUP)
        await_accepted(server, added.token())
        file.write_bytes(document(issuer.config(issuer={"audiences": []})))
        server.process.send_signal(signal.SIGHUP)
        logged(server, "cannot read the authentication configuration; what was in force stays")
        logged(server, "jwt[0].issuer.audiences: Required value")
        assert accepted(server, issuer.token()) and accepted(server, added.token())
        file.write_bytes(document())
        server.process.send_signal(signal.SIGHUP)
        harness.poll(lambda: not accepted(server, issuer.token()), "no issuer is left")
        assert not accepted(server, added.token())
    issuer.stop()
    added.stop()


@pytest.mark.parametrize("text,sentence", ids=["yaml", "kind", "field", "scheme", "own", "cel"], argvalues=[
    (b"{", "yaml:"), (b"kind: Pod\napiVersion: v1\n", "must be an AuthenticationConfiguration"),
    (document(jwt2=[]), 'unknown field "jwt2"'),
    (document({"issuer": {"url": "http://a", "audiences": ["x"]}}), "jwt[0].issuer.url: URL scheme must be https"),
    (document({"issuer": {"url": "https://kubernetes.default.svc.cluster.local", "audiences": ["x"]}}), "--service-account-issuer"),
    (document({"issuer": {"url": "https://a", "audiences": ["x"]}, "userValidationRules": [{"expression": "true"}]}),
     "jwt[0].userValidationRules: CEL expressions are not supported")])
def test_bad_configurations_end_the_start(tmp_path, text, sentence):
    file = tmp_path / "authentication.yaml"
    file.write_bytes(text)
    with pytest.raises(harness.StartFailed) as failed:
        harness.Server(flags=["--authentication-config", str(file)]).start()
    assert sentence in failed.value.output and str(file) in failed.value.output


def test_the_recipe_for_github_is_true(issuer, tmp_path):
    """docs/tokens.md: its configuration, at an issuer of the tests' own, and its binding."""
    config = yaml.safe_load(harness.documented("tokens.md", "A CI system", 2))
    config["jwt"][0]["issuer"].update(url=issuer.url, certificateAuthority=issuer.authority.decode())
    (tmp_path / "authentication.yaml").write_text(yaml.safe_dump(config))

    def token(**claims):
        return issuer.token("rsa", algorithm="RS256", **{"aud": "coffer", "sub": "repo:my-org/app:ref:refs/heads/main", "repository_owner": "my-org", **claims})
    with harness.Server(flags=["--authentication-config", str(tmp_path / "authentication.yaml")]) as server:
        await_accepted(server, token())
        assert who(server, token())["username"] == "github:repo:my-org/app:ref:refs/heads/main"
        assert not accepted(server, token(repository_owner="another")) and not accepted(server, token(aud="sts.amazonaws.com"))
        kubectl = harness.Kubectl(harness.kubectl_programs()[0], server)
        kubectl.out("create", "namespace", "team-a")
        kubectl.out("create", "role", "deploy", "-n", "team-a", "--verb=list", "--resource=configmaps")
        kubectl.out(*harness.documented("tokens.md", "A CI system", 3).split()[1:])
        path = "/api/v1/namespaces/team-a/configmaps"
        for sub, status in (("repo:my-org/app:ref:refs/heads/main", 200), ("repo:my-org/app:pull_request", 403)):
            assert server.request("GET", path, client="none", headers=[("Authorization", f"Bearer {token(sub=sub)}")]).status == status


# ---- What is withdrawn ends open watches too.

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


def allow_watches(server, group):
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    server.call("POST", f"{rbac}/clusterroles", {"metadata": {"name": "watcher"}, "rules": [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["watch"]}]}, 201)
    server.call("POST", f"{rbac}/clusterrolebindings", {
        "metadata": {"name": "watchers"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "watcher"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}]}, 201)


def watch_maps(server, *headers):
    return wire.Watch(server.connect("none"), f"{CONFIG_MAPS}?watch=1", headers)


def shows(server, watch, name):
    server.call("POST", CONFIG_MAPS, {"metadata": {"name": name}}, 201)
    watch.until(lambda event: event["object"]["metadata"]["name"] == name)


def test_a_watch_ends_with_its_issuers_key(tmp_path):
    issuer = Issuer(tmp_path / "issuer")
    with serve(tmp_path, issuer.config()) as server:
        harness.await_furniture(server, "default")
        allow_watches(server, "oidc:dev")
        token = issuer.token()
        await_accepted(server, token)
        watch = watch_maps(server, ("Authorization", f"Bearer {token}"))
        shows(server, watch, "before")
        issuer.keys["one"] = ec.generate_private_key(ec.SECP256R1())
        server.process.send_signal(signal.SIGHUP)
        harness.poll(lambda: not accepted(server, token), "the key is taken back", timeout=30, pause=0.5)
        began = time.monotonic()
        assert watch.rest() == [] and time.monotonic() - began < 40, "it is looked at every half minute"


def test_a_watch_without_a_credential_ends_when_that_is_no_longer_allowed(tmp_path):
    with serve(tmp_path, anonymous={"enabled": True, "conditions": [{"path": CONFIG_MAPS}]}) as server:
        harness.await_furniture(server, "default")
        allow_watches(server, "system:unauthenticated")
        watch = watch_maps(server)
        shows(server, watch, "before")
        server.process.send_signal(signal.SIGHUP)
        shows(server, watch, "still-allowed")
        (tmp_path / "authentication.yaml").write_bytes(document(anonymous={"enabled": True, "conditions": [{"path": "/livez"}]}))
        server.process.send_signal(signal.SIGHUP)
        assert watch.rest() == []
        assert bare(server, CONFIG_MAPS).status == 401


# ---- Who has no credential: `anonymous` of the same file.

def bare(server, path, **more):
    return server.request("GET", path, client="none", **more)


def await_status(server, path, status):
    harness.poll(lambda: bare(server, path).status == status, f"{path} is {status}")


def test_anonymous_is_limited_to_paths(tmp_path):
    """Exact ones: what lies below or beside them is 401, as is all else; a reload that takes them away is in force at once."""
    with serve(tmp_path, anonymous={"enabled": True, "conditions": [{"path": "/livez"}, {"path": "/api/v1/secrets"}]}) as server:
        assert bare(server, "/livez").status == bare(server, "/livez?verbose").status == 200
        answer = bare(server, "/api/v1/secrets?limit=5")
        assert answer.status == 403 and 'User "system:anonymous" cannot list resource "secrets"' in answer.json()["message"]
        for path in ("/livez/ping", "/livez/", "/Livez", "/%6civez", "//livez", "/readyz", "/version", "/api", "/api/v1/secrets/", harness.SECRETS, "/nothing"):
            assert bare(server, path).status == 401, path
        for value in ("Bearer nope", "Basic YTpi"):
            assert bare(server, "/livez", headers=[("Authorization", value)]).status == 401
        logged(server, "requests without a credential are system:anonymous's")
        file = tmp_path / "authentication.yaml"
        file.write_bytes(document(anonymous={"enabled": True}))
        server.process.send_signal(signal.SIGHUP)
        await_status(server, "/readyz", 200)
        file.write_bytes(document(anonymous={"enabled": False, "conditions": [{"path": "/livez"}]}))
        server.process.send_signal(signal.SIGHUP)
        logged(server, "anonymous.conditions: enabled should be set to true when conditions are defined")
        assert bare(server, "/readyz").status == 200, "what was in force"
        file.write_bytes(document())
        server.process.send_signal(signal.SIGHUP)
        await_status(server, "/livez", 401)


@pytest.mark.parametrize("flag, anonymous, good", [
    ("--anonymous-auth", {"enabled": True}, False), ("--anonymous-auth", {"enabled": False}, False),
    ("--anonymous-auth=false", {"enabled": True}, False), ("--anonymous-auth=false", None, True), ("--anonymous-auth", None, True)])
def test_the_flag_and_the_file_exclude_each_other(tmp_path, flag, anonymous, good):
    server = serve(tmp_path, anonymous=anonymous)
    server.flags.append(flag)
    if good:
        with server:
            assert bare(server, "/readyz").status == (200 if flag == "--anonymous-auth" else 401)
        return
    with pytest.raises(harness.StartFailed) as failed:
        server.start()
    assert "anonymous: Forbidden: --anonymous-auth flag cannot be set when anonymous field is configured" in failed.value.output
