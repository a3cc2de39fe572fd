# SPDX-License-Identifier: Apache-2.0
"""An HTTPS server in a thread of the test's, with a CA of its own: what webhooks and issuers of tokens are made of."""
import datetime
import http.server
import ipaddress
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


def make_certificates(directory, names, authority="peer-ca"):
    """A CA's certificate in PEM, and the path of a file with a certificate of these names and its key."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _certificate(authority, ca_key, authority, ca_key, [(x509.BasicConstraints(ca=True, path_length=None), True)])
    alternatives = [x509.DNSName(name) for name in names] + [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    leaf = _certificate("peer", key, authority, ca_key, [(x509.SubjectAlternativeName(alternatives), False)])
    file = directory / "peer.pem"
    file.touch(0o600)
    file.write_bytes(_pem(leaf) + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return _pem(ca), file


class Handler(http.server.BaseHTTPRequestHandler):
    def send(self, status, body, headers=()):
        self.send_response(status)
        for name, value in [("Content-Length", str(len(body))), *headers]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class HttpsServer(http.server.ThreadingHTTPServer):
    """Runs at once; `connections` counts those that came."""
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, certificate_file, handler, address="127.0.0.1", port=0):
        super().__init__((address, port), handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate_file)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.port, self.connections = self.server_address[1], 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def process_request(self, *arguments):
        self.connections += 1
        super().process_request(*arguments)

    def handle_error(self, *_):
        pass  # a client that went away

    def stop(self):
        self.shutdown()
        self.server_close()
