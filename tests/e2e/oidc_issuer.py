# SPDX-License-Identifier: Apache-2.0
"""An OpenID Connect issuer over HTTPS with a CA of its own: a discovery document and keys, which the tests change."""
import json
import time

import pytest

pytest.importorskip("cryptography")
from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: E402
import https_peer  # noqa: E402
from test_tokens import b64url, make_token  # noqa: E402


def number(value, size):
    return b64url(value.to_bytes(size, "big"))


def jwk(key, kid):
    numbers = key.public_key().public_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": number(numbers.n, key.key_size // 8), "e": "AQAB"}
    return {"kty": "EC", "use": "sig", "alg": "ES256", "crv": "P-256", "kid": kid, "x": number(numbers.x, 32), "y": number(numbers.y, 32)}


class Issuer:
    """`keys` maps kid to key; `documents` overrides a path's answer: (status, headers, bytes)."""

    def __init__(self, directory, path=""):
        directory.mkdir(exist_ok=True)
        self.authority, self.file = https_peer.make_certificates(directory, ["localhost"], authority=f"ca-of-{directory.name}")
        self.keys, self.documents, self.asked, self.port, self.path = {"one": ec.generate_private_key(ec.SECP256R1())}, {}, [], 0, path
        self.fetched_at = []  # time.monotonic() of each fetch
        self.start()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}{self.path}"

    def answer(self, path):
        if path in self.documents:
            return self.documents[path]
        if path == self.path + "/.well-known/openid-configuration":
            document = {"issuer": self.url, "jwks_uri": self.url + "/keys", "response_types_supported": ["id_token"]}
        elif path == self.path + "/keys":
            document = {"keys": [{"kty": "oct", "k": "AAAA"}, *(jwk(key, kid) for kid, key in self.keys.items())]}
        else:
            return 404, [], b""
        return 200, [], json.dumps(document).encode()

    def start(self):
        issuer = self

        class Handler(https_peer.Handler):
            def do_GET(self):
                issuer.asked.append(self.path)
                if self.path.endswith("openid-configuration"):
                    issuer.fetched_at.append(time.monotonic())
                status, headers, body = issuer.answer(self.path)
                self.send(status, body, headers)

        self.server = https_peer.HttpsServer(self.file, Handler, port=self.port)
        self.port = self.server.port

    def stop(self):
        self.server.stop()

    def fetches(self):
        return len(self.fetched_at)

    def claims(self, **more):
        now = int(time.time())
        all_claims = {"iss": self.url, "aud": "kubernetes", "sub": "u-1", "email": "ann@example.com", "groups": ["dev", "ops"], "iat": now,
                      "exp": now + 600, **more}
        return {name: value for name, value in all_claims.items() if value is not None}

    def token(self, kid="one", key=None, algorithm="ES256", **claims):
        return make_token(key or self.keys[kid], self.claims(**claims), algorithm, kid=kid)

    def config(self, **more):
        """An item of `jwt`."""
        issuer = {"url": self.url, "certificateAuthority": self.authority.decode(), "audiences": ["kubernetes", "other"],
                  "audienceMatchPolicy": "MatchAny", **more.pop("issuer", {})}
        return {"issuer": issuer, "claimMappings": {"username": {"claim": "email", "prefix": "oidc:"},
                                                    "groups": {"claim": "groups", "prefix": "oidc:"}}, **more}


def document(*jwt, **more):
    return json.dumps({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration", "jwt": list(jwt), **more}).encode()
