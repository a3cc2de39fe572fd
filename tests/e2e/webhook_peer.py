# SPDX-License-Identifier: Apache-2.0
"""An admission webhook over HTTPS with a CA of its own, whose answers the tests write."""
import base64
import json
import threading

import https_peer


def allow(request, **more):
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": {"uid": request["uid"], "allowed": True, **more}}


def deny(request, **status):
    return allow(request, allowed=False, **({"status": status} if status else {}))


def patch(request, *operations, **more):
    return allow(request, patchType="JSONPatch", patch=base64.b64encode(json.dumps(operations).encode()).decode(), **more)


class Webhook:
    """Serves paths by functions request -> answer: a dict is sent as JSON, a function of the handler answers by itself."""

    def __init__(self, directory, names=("localhost",), address="127.0.0.1"):
        self.authority, file = https_peer.make_certificates(directory, names)
        self.answers, self.reviews = {}, {}
        self.released = threading.Event()  # what hangs goes on when the peer ends
        peer = self

        class Handler(https_peer.Handler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                path, _, self.query = self.path.partition("?")
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                peer.reviews.setdefault(path, []).append(review)
                answer = peer.answers[path](review["request"])
                if callable(answer):
                    answer(self)
                else:
                    self.send(200, json.dumps(answer).encode())

            def send(self, status, body, headers=()):
                super().send(status, body, [("Content-Type", "application/json"), *headers])

        self.server = https_peer.HttpsServer(file, Handler, address)
        self.port = self.server.port

    @property
    def connections(self):
        return self.server.connections

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.released.set()
        self.server.stop()

    def client_config(self, path, **more):
        return {"caBundle": base64.b64encode(self.authority).decode(), "url": f"https://127.0.0.1:{self.port}{path}", **more}

    def last(self, path):
        return self.reviews[path][-1]["request"]
