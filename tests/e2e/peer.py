# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes API server that is not ours: HTTPS with a CA of its own, answers from a table, and a record of what was asked."""
import base64
import http.server
import json
import socket
import ssl
import subprocess
import threading


class Authority:
    """A CA and what it signs, by the openssl program."""

    def __init__(self, folder):
        self.folder = folder
        self.certificate, self.key = folder / "ca.crt", folder / "ca.key"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                      "-subj", "/CN=peer-ca", "-keyout", self.key, "-out", self.certificate)

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    def sign(self, name, subject, extension, days=30):
        request, certificate, key, extensions = (self.folder / f"{name}.{end}" for end in ("csr", "crt", "key", "ext"))
        extensions.write_text(extension)
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject, "-keyout", key, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-days", days, "-set_serial", "7",
                      "-extfile", extensions, "-out", certificate)
        return certificate, key


def status(code, reason, message):
    return code, json.dumps({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason,
                             "code": code})


def secret_path(name, namespace="default"):
    return f"/api/v1/namespaces/{namespace}/secrets/{name}"


class Peer:
    """Requests are kept in .seen: (path, headers, the client certificate's subject or None)."""

    def __init__(self, authority, certificate, tls=True):
        self.answers, self.seen, self.connections = {}, [], 0
        peer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                peer.connections += 1

            def do_GET(self):
                given = self.connection.getpeercert() if tls else None
                subject = dict(pair for part in given["subject"] for pair in part) if given else None
                peer.seen.append((self.path, self.headers, subject))
                code, text = peer.answers.get(self.path) or status(404, "NotFound", "it is not found")
                body = text.encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class QuietServer(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass  # a client that does not trust us leaves in the handshake

        self.server = QuietServer(("127.0.0.1", 0), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            context.load_verify_locations(authority.certificate)
            context.verify_mode = ssl.CERT_OPTIONAL
            # The handshake belongs to the connection's thread, not to the one that accepts.
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def put(self, name, data, namespace="default"):
        encoded = {key: base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode() for key, value in data.items()}
        self.answer(name, 200, json.dumps({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": name, "namespace": namespace},
                                           "data": encoded, "type": "Opaque"}), namespace)

    def answer(self, name, code, text, namespace="default"):
        self.answers[secret_path(name, namespace)] = (code, text)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Proxy:
    """An HTTP proxy that knows CONNECT; where clients wanted to go is in .seen."""

    def __init__(self, target_port):
        self.seen, self.target_port = [], target_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(4096)
            if not piece:
                return
            head += piece
        self.seen.append(head.split(b"\r\n")[0].decode())
        server = socket.create_connection(("127.0.0.1", self.target_port))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        threading.Thread(target=self._copy, args=(server, client), daemon=True).start()
        self._copy(client, server)

    @staticmethod
    def _copy(source, target):
        try:
            while piece := source.recv(65536):
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()
