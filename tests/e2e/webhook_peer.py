# SPDX-License-Identifier: Apache-2.0
"""An admission webhook over HTTPS with a CA of its own, whose answers the tests write."""
import base64
import datetime
import http.server
import ipaddress
import json
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(subject, key, issuer, issuer_key, extensions):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name(issuer)).public_key(key.public_key())
               .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
               .not_valid_after(now + datetime.timedelta(hours=1)))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256())


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def make_certificates(directory, names, authority="webhook-ca"):
    """A CA's certificate in PEM, and the path of a file with a certificate of these names and its key."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _certificate(authority, ca_key, authority, ca_key, [(x509.BasicConstraints(ca=True, path_length=None), True)])
    alternatives = [x509.DNSName(name) for name in names] + [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    leaf = _certificate("webhook", key, authority, ca_key, [(x509.SubjectAlternativeName(alternatives), False)])
    file = directory / "webhook.pem"
    file.touch(0o600)
    file.write_bytes(_pem(leaf) + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return _pem(ca), file


def allow(request, **more):
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": {"uid": request["uid"], "allowed": True, **more}}


def deny(request, **status):
    return allow(request, allowed=False, **({"status": status} if status else {}))


def patch(request, *operations, **more):
    return allow(request, patchType="JSONPatch", patch=base64.b64encode(json.dumps(operations).encode()).decode(), **more)


class Webhook:
    """Serves paths by functions request -> answer: a dict is sent as JSON, a function of the handler answers by itself."""

    def __init__(self, directory, names=("localhost",), address="127.0.0.1"):
        self.authority, file = make_certificates(directory, names)
        self.answers, self.reviews, self.connections = {}, {}, 0
        self.released = threading.Event()  # what hangs goes on when the peer ends
        peer = self

        class Handler(http.server.BaseHTTPRequestHandler):
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
                self.send_response(status)
                for name, value in [("Content-Length", str(len(body))), ("Content-Type", "application/json"), *headers]:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def process_request(self, *arguments):
                peer.connections += 1
                super().process_request(*arguments)

            def handle_error(self, *_):
                pass  # a client that went away

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        self.server = Server((address, 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    def client_config(self, path, **more):
        return {"caBundle": base64.b64encode(self.authority).decode(), "url": f"https://127.0.0.1:{self.port}{path}", **more}

    def last(self, path):
        return self.reviews[path][-1]["request"]
