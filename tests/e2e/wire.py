# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 over TLS, seen byte by byte: what comes, in which pieces, and how a connection ends."""
import json
import socket
import ssl
from urllib.parse import quote

TIMEOUT = 30.0


class Closed(Exception):
    """The peer ended the connection before the answer was whole."""


class Answer:
    def __init__(self, status_line, headers):
        self.status_line = status_line
        self.status = int(status_line.split(" ", 2)[1])
        self.headers = headers
        self.body = b""
        self.piece_sizes = []

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name, default=None):
        return next(iter(self.all(name)), default)

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status_line} {self.body[:300]!r}"


class Connection:
    """One TLS connection; send() and answer() may be called in turn as long as the peer keeps it open."""

    def __init__(self, address, context, timeout=TIMEOUT, hello=True):
        self.socket = socket.create_connection(address, timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.host = "%s:%d" % address
        self.buffer = b""
        if context and hello:
            self.socket = context.wrap_socket(self.socket, server_hostname=address[0])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send_raw(self, data):
        self.socket.sendall(data)

    def send(self, method, path, headers=(), body=None):
        self.send_raw(encode_request(method, path, headers, body, self.host))

    def _fill(self):
        try:
            data = self.socket.recv(1 << 18)
        except (ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            raise Closed(str(error)) from error
        if not data:
            raise Closed("end of stream")
        self.buffer += data

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._fill()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def _exactly(self, size):
        while len(self.buffer) < size:
            self._fill()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def head(self):
        status_line = self._line().decode()
        headers = []
        while line := self._line():
            name, _, value = line.decode("latin-1").partition(":")
            headers.append((name, value.strip()))
        return Answer(status_line, headers)

    def pieces(self, answer, method="GET"):
        """The body in the pieces it was sent in: chunks, or what came until the end."""
        if method == "HEAD" or answer.status in (204, 304) or answer.status < 200:
            return
        if (answer.header("Transfer-Encoding") or "").lower() == "chunked":
            while size := int(self._line().split(b";")[0], 16):
                piece = self._exactly(size)
                if self._exactly(2) != b"\r\n":
                    raise Closed("a chunk without its end")
                yield piece
            while self._line():
                pass
        elif answer.header("Content-Length") is not None:
            yield self._exactly(int(answer.header("Content-Length")))
        else:
            while True:
                try:
                    self._fill()
                except Closed:
                    break
            yield self.buffer
            self.buffer = b""

    def answer(self, method="GET"):
        answer = self.head()
        for piece in self.pieces(answer, method):
            answer.piece_sizes.append(len(piece))
            answer.body += piece
        return answer

    def request(self, method, path, headers=(), body=None):
        self.send(method, path, headers, body)
        return self.answer(method)

    def ended(self):
        """Waits until the peer closes; False when it sends something instead."""
        try:
            self._fill()
        except Closed:
            return True
        return False


def encode_request(method, path, headers, body, host):
    if isinstance(body, (dict, list)):
        body = json.dumps(body, separators=(",", ":"))
    if isinstance(body, str):
        body = body.encode()
    headers = [(name, value) for name, value in headers if value is not None]
    names = {name.lower() for name, _ in headers}
    lines = [("Host", host)] if "host" not in names else []
    lines += headers
    if body is not None:
        if "content-type" not in names:
            lines.append(("Content-Type", "application/json"))
        lines.append(("Content-Length", str(len(body))))
    text = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines) + "\r\n"
    return text.encode("latin-1") + (body or b"")


class Watch:
    """A watch on a connection of its own; next() waits for the next event."""

    def __init__(self, connection, path, headers=()):
        self.connection = connection
        connection.send("GET", path, headers)
        self.answer = connection.head()
        self.text = b""
        self.source = connection.pieces(self.answer)
        if self.answer.status != 200:
            self.answer.body = b"".join(self.source)
            raise AssertionError(f"watch refused: {self.answer}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def next(self):
        """The next event; None when the server ended the stream in good order."""
        while b"\n" not in self.text:
            piece = next(self.source, None)
            if piece is None:
                return None
            self.text += piece
        line, _, self.text = self.text.partition(b"\n")
        return json.loads(line)

    def until(self, wanted):
        """Events up to and with the first that wanted() accepts."""
        events = []
        while event := self.next():
            events.append(event)
            if wanted(event):
                return events
        raise AssertionError(f"the stream ended before what was waited for came: {events}")

    def rest(self):
        events = []
        while event := self.next():
            events.append(event)
        return events


def query(path, **parameters):
    pairs = [f"{name}={quote(str(value), safe='')}" for name, value in parameters.items()]
    return path + ("?" + "&".join(pairs) if pairs else "")
