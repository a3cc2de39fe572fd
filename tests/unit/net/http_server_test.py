# SPDX-License-Identifier: Apache-2.0
"""The HTTP server against hand-made bytes and real clients: http_server_test.py SERVER. Needs openssl and curl."""
import os, socket, ssl, struct, subprocess, sys, tempfile, threading, time, unittest

SERVER = sys.argv.pop(1)
DIRECTORY = tempfile.TemporaryDirectory()


def path(name):
    return os.path.join(DIRECTORY.name, name)


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def issue(name, subject, extension):
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path(name + ".key"))
    openssl("req", "-new", "-key", path(name + ".key"), "-subj", subject, "-out", path(name + ".csr"))
    with open(path("ext"), "w") as file:
        file.write(extension)
    openssl("x509", "-req", "-in", path(name + ".csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-CAcreateserial",
            "-days", "2", "-extfile", path("ext"), "-out", path(name + ".pem"))


def make_certificates():
    for ca in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path(ca + ".key"),
                "-subj", "/CN=" + ca, "-days", "2", "-out", path(ca + ".pem"))
    issue("server", "/CN=server", "subjectAltName=IP:127.0.0.1")
    issue("client", "/O=g1/O=g2/CN=admin", "extendedKeyUsage=clientAuth")


class Server:
    """A running server; leaving ends it and checks that every request that began was given up."""

    def __init__(self, *options, tls=False, loops=1, wrap=()):
        files = [path("server.pem"), path("server.key"), path("ca.pem")] if tls else []
        self.process = subprocess.Popen([*wrap, SERVER, "0", str(loops), *files, *options], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def __enter__(self):
        return self

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def end(self):
        self.process.stdin.close()
        line = self.process.stdout.read()
        assert self.process.wait(20) == 0, "the server failed"
        self.process.stdout.close()
        return dict(pair.split("=") for pair in line.split())

    def __exit__(self, kind, *_):
        if self.process.stdin.closed:
            return
        statistics = self.end()
        if kind is None:
            assert statistics["heads"] == statistics["gones"], statistics
            assert statistics["arenas"] == "0", statistics


def read_all(s):
    data = b""
    try:
        while piece := s.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data


def read_until(s, mark):
    data = b""
    while mark not in data:
        piece = s.recv(65536)
        if not piece:
            raise AssertionError("closed after %r" % data[-200:])
        data += piece
    return data


GET = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"


class Http1(unittest.TestCase):
    def ask(self, request, *options):
        with Server(*options) as server, server.connect() as s:
            s.sendall(request)
            return read_all(s)

    def test_go_error_texts(self):
        error = b"\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
        for request, status, text in [
            (b"NONSENSE\r\n\r\n x y", b"400 Bad Request", b"400 Bad Request"),
            (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", b"400 Bad Request: missing required Host header",
             b"400 Bad Request: missing required Host header"),
            (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 70000, b"431 Request Header Fields Too Large",
             b"431 Request Header Fields Too Large"),
            (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 101 + b"\r\n", b"431 Request Header Fields Too Large",
             b"431 Request Header Fields Too Large"),
            (b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", b"501 Not Implemented",
             b"Unsupported transfer encoding"),
        ]:
            self.assertEqual(self.ask(request), b"HTTP/1.1 " + status + error + text)

    def test_a_drain_that_times_out_before_a_busy_loop_knows(self):
        for slow in (0, 1):  # which loop has which connection is not known
            with Server("drain=1", loops=2) as server, server.connect() as a, server.connect() as b:
                for s in (a, b):
                    s.sendall(GET % b"/fixed")
                    read_until(s, b"x" * 1000)
                a.sendall(GET % (b"/busy?n=300", b"/busy?n=50")[slow])
                b.sendall(GET % (b"/busy?n=50", b"/busy?n=300")[slow])
                server.process.stdin.close()
                try:
                    self.assertEqual(server.process.wait(20), 0)
                finally:
                    server.process.kill()
                    server.process.stdout.close()

    def test_pipelining_keeps_order(self):
        answer = self.ask(GET % b"/held" + GET % b"/fixed" + b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
                          + b"GET /nope HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        at = [answer.index(x) for x in (b"held\n", b"x" * 1000, b"abc", b"404 Not Found")]
        self.assertEqual(at, sorted(at))
        self.assertEqual(answer.count(b"HTTP/1.1 200 OK"), 3)
        self.assertIn(b"Connection: close", answer)

    def test_byte_by_byte(self):
        with Server() as server, server.connect() as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: x\r\n\r\n":
                s.sendall(bytes([byte]))
            self.assertTrue(read_until(s, b"abcde").startswith(b"HTTP/1.1 200 OK\r\n"))

    def test_http10(self):
        answer = self.ask(b"GET /fixed HTTP/1.0\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.0 200 OK\r\n"))
        self.assertNotIn(b"Connection", answer)
        answer = self.ask(b"GET /stream?n=100000 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        head, body = answer.split(b"\r\n\r\n", 1)
        self.assertNotIn(b"chunked", head)
        self.assertEqual(len(body), 100000)

    def test_head_has_no_body(self):
        answer = self.ask(b"HEAD /fixed HTTP/1.1\r\nHost: x\r\n\r\nHEAD /stream?n=5 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertIn(b"Content-Length: 1000\r\n", answer)
        self.assertNotIn(b"xxx", answer)
        self.assertTrue(answer.endswith(b"\r\n\r\n"))

    def test_expect(self):
        with Server() as server, server.connect() as s:
            s.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
            self.assertEqual(read_until(s, b"\r\n\r\n"), b"HTTP/1.1 100 Continue\r\n\r\n")
            s.sendall(b"ok")
            self.assertTrue(read_until(s, b"\r\n\r\nok").startswith(b"HTTP/1.1 200"))
            s.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\nExpect: 100-continue\r\n\r\n")
            answer = read_all(s)
            self.assertTrue(answer.startswith(b"HTTP/1.1 413 "))
            self.assertIn(b"Connection: close", answer)

    def test_too_large_body_reaches_a_client_that_still_sends(self):
        for framing in (b"Content-Length: 20000000", b"Transfer-Encoding: chunked"):
            with Server() as server, server.connect() as s:
                s.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\n" + framing + b"\r\n\r\n")
                try:
                    for _ in range(64):
                        s.sendall(b"10000\r\n" + b"z" * 65536 + b"\r\n")
                except (ConnectionResetError, BrokenPipeError):
                    pass
                self.assertTrue(s.recv(100).startswith(b"HTTP/1.1 413 "))

    def test_unread_body_is_dropped(self):
        answer = self.ask(b"POST /fixed HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde" + b"GET /nope HTTP/1.0\r\n\r\n")
        self.assertIn(b"404 Not Found", answer)

    def test_abort_is_visible(self):
        answer = self.ask(GET % b"/abort")
        self.assertIn(b"chunked", answer)
        self.assertFalse(answer.endswith(b"0\r\n\r\n"))

    def test_bad_chunk(self):
        answer = self.ask(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcdefgh\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 Bad Request\r\n"))

    def test_back_pressure(self):
        """A gigabyte is asked for and not read: the server's memory stays, and others are served."""
        with Server("stall=1000") as server, server.connect() as s:
            s.sendall(GET % b"/stream?n=1000000000")
            read_until(s, b"yyyy")
            for _ in range(20):
                with server.connect() as other:
                    other.sendall(GET % b"/fixed")
                    read_until(other, b"x" * 1000)
            with open("/proc/%d/statm" % server.process.pid) as file:
                self.assertLess(int(file.read().split()[1]) * 4096, 200 << 20)
            time_of_reset = time.monotonic()
            while True:  # the stalled stream is cut in the end: not before the time, and not whole
                with open("/proc/net/tcp") as file:
                    if not any(":%04X" % server.port in line.split()[1] and line.split()[3] == "01" for line in file.readlines()[1:]):
                        break
                self.assertLess(time.monotonic() - time_of_reset, 10)
                os.sched_yield()

    def test_deadlines(self):
        for options, request, answer in [
            (["head=200"], b"GET / HT", b"HTTP/1.1 408 Request Timeout\r\n"),
            (["body=200"], b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc", b"HTTP/1.1 408 Request Timeout\r\n"),
            (["idle=200"], GET % b"/fixed", b"HTTP/1.1 200 OK\r\n"),
        ]:
            self.assertTrue(self.ask(request, *options).startswith(answer))

    def test_watches(self):
        with Server(loops=2) as server:
            watches = [server.connect() for _ in range(50)]
            for s in watches:
                s.sendall(GET % b"/watch")
                read_until(s, b"\r\n\r\n")
            with server.connect() as s:
                s.sendall(GET % b"/notify")
                read_until(s, b"ok\n")
            for s in watches:
                self.assertIn(b"64\r\n", read_until(s, b"x" * 100 + b"\r\n"))
            for s in watches[:25]:  # these leave; the others are ended by the drain
                s.close()
            server.process.stdin.close()
            for s in watches[25:]:
                self.assertEqual(read_all(s), b"0\r\n\r\n")
                s.close()

    def test_limit_of_connections(self):
        with Server("connections=5") as server:
            kept = [server.connect() for _ in range(5)]
            for s in kept:
                s.sendall(GET % b"/fixed")
                read_until(s, b"x" * 1000)
            with server.connect() as s:
                self.assertEqual(read_all(s), b"")
            kept.pop().close()
            answer = b""
            while not answer:  # until the server saw that one left
                with server.connect() as s:
                    try:
                        s.sendall(b"GET /fixed HTTP/1.0\r\n\r\n")
                        answer = read_all(s)
                    except (ConnectionResetError, BrokenPipeError):
                        pass
            for s in kept:
                s.close()

    def test_out_of_descriptors(self):
        with Server("files=24") as server:
            kept, refused = [], 0
            for _ in range(30):
                s = server.connect()
                kept.append(s)
                try:
                    s.sendall(GET % b"/fixed")
                    refused += read_until(s, b"\n") == b""
                except (AssertionError, ConnectionResetError, BrokenPipeError):
                    refused += 1
            self.assertGreater(refused, 3)
            with open("/proc/%d/stat" % server.process.pid) as file:
                busy = sum(map(int, file.read().rsplit(")")[1].split()[11:13]))
            self.assertLess(busy, 100)
            for s in kept:
                s.close()
            answer = b""
            while not answer:
                with server.connect() as s:
                    try:
                        s.sendall(b"GET /fixed HTTP/1.0\r\n\r\n")
                        answer = read_all(s)
                    except (ConnectionResetError, BrokenPipeError):
                        pass

    def test_many_connections(self):
        with Server(loops=2) as server:
            kept = [server.connect() for _ in range(400)]
            for s in kept:
                s.sendall(GET % b"/fixed")
            for s in kept:
                read_until(s, b"x" * 1000)
                s.close()


def resident(server):
    with open("/proc/%d/statm" % server.process.pid) as file:
        return int(file.read().split()[1]) * 4096


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    def text(b):
        return (bytes([len(b)]) if len(b) < 127 else b"\x7f" + integer(len(b) - 127)) + b

    def integer(n):
        out = b""
        while n >= 128:
            out += bytes([n & 127 | 128])
            n >>= 7
        return out + bytes([n])
    return b"\0" + text(name) + text(value)


def request(target=b"/fixed", method=b"GET", extra=b""):
    # 0x20: "my table has no room now", as the server's settings ask for
    return (b"\x20" + literal(b":method", method) + literal(b":scheme", b"https") + literal(b":path", target)
            + literal(b":authority", b"x") + extra)


class H2:
    def __init__(self, server, settings=b""):
        self.socket = server.connect()
        self.buffer = b""
        self.send(PREFACE + frame(SETTINGS, 0, 0, settings))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def take(self, n):
        while len(self.buffer) < n:
            piece = self.socket.recv(65536)
            if not piece:
                raise EOFError
            self.buffer += piece
        out, self.buffer = self.buffer[:n], self.buffer[n:]
        return out

    def frame(self):
        head = self.take(9)
        payload = self.take(int.from_bytes(head[:3], "big"))
        if head[3] == SETTINGS and not head[4] & 1:
            self.send(frame(SETTINGS, 1, 0))
        return head[3], head[4], int.from_bytes(head[5:], "big"), payload

    def until(self, kind, stream=None):
        """Frames up to the first of that kind; the last one is it."""
        frames = []
        while not frames or frames[-1][0] != kind or (stream is not None and frames[-1][2] != stream):
            frames.append(self.frame())
        return frames

    def body(self, stream):
        data = b""
        while True:
            kind, flags, of, payload = self.frame()
            if kind == RST and of == stream:
                raise ConnectionResetError(int.from_bytes(payload, "big"))
            if kind == DATA and of == stream:
                data += payload
            if kind in (DATA, HEADERS) and of == stream and flags & 1:
                return data

    def bodies(self, *streams):
        """Those of the streams that ended well, once all ended."""
        got, open_streams = {stream: b"" for stream in streams}, set(streams)
        while open_streams:
            kind, flags, stream, payload = self.frame()
            if kind == DATA:
                got[stream] += payload
            if kind == RST:
                got.pop(stream, None)
            if kind == RST or (kind in (DATA, HEADERS) and flags & 1):
                open_streams.discard(stream)
        return got


class Http2(unittest.TestCase):
    def test_streams(self):
        with Server() as server, H2(server) as h:
            for i in range(1, 400, 2):
                h.send(frame(HEADERS, 5, i, request()))
            ended = set()
            h.send(frame(WINDOW, 0, 0, struct.pack(">I", 1 << 24)))
            while len(ended) < 200:
                kind, flags, stream, payload = h.frame()
                if kind == DATA and flags & 1:
                    ended.add(stream)

    def test_body_before_and_after_it_is_asked_for(self):
        with Server() as server, H2(server) as h:
            h.send(frame(HEADERS, 4, 1, request(b"/echo", b"POST")))
            for _ in range(3):
                h.send(frame(DATA, 0, 1, b"a" * 10000))
            h.send(frame(DATA, 1, 1, b"b"))
            self.assertEqual(h.body(1), b"a" * 30000 + b"b")

    def test_too_large_body(self):
        with Server() as server, H2(server) as h:
            h.send(frame(HEADERS, 4, 1, request(b"/echo", b"POST", literal(b"content-length", b"99999999"))))
            self.assertEqual(h.body(1), b"too large\n")
            self.assertEqual(h.until(RST, 1)[-1][3], b"\0\0\0\0")

    def test_abort(self):
        with Server() as server, H2(server) as h:
            h.send(frame(WINDOW, 0, 0, struct.pack(">I", 1 << 24)) + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 24)))
            h.send(frame(HEADERS, 5, 1, request(b"/abort")))
            with self.assertRaises(ConnectionResetError) as caught:
                h.body(1)
            self.assertEqual(caught.exception.args, (2,))

    def test_windows(self):
        """Nothing is sent beyond the stream's window; a stream whose window stays shut is reset; others go on."""
        with Server("stall=400") as server, H2(server, struct.pack(">HI", 4, 1000)) as h:
            h.send(frame(HEADERS, 5, 1, request(b"/stream?n=5000")))
            got, reset = 0, False
            while not reset:
                kind, flags, stream, payload = h.frame()
                got += len(payload) if kind == DATA else 0
                reset = kind == RST
            self.assertEqual(got, 1000)
            h.send(frame(HEADERS, 5, 3, request()))
            self.assertEqual(h.body(3), b"x" * 1000)

    def test_watches_on_one_connection(self):
        with Server() as server, H2(server) as h:
            for i in range(1, 200, 2):
                h.send(frame(HEADERS, 5, i, request(b"/watch")))
            for _ in range(100):
                h.until(HEADERS)
            h.send(frame(HEADERS, 5, 201, request(b"/notify", b"POST")))
            woken = set()
            while len(woken) < 100:
                kind, flags, stream, payload = h.frame()
                if kind == DATA and payload == b"x" * 100:
                    woken.add(stream)
            for i in range(1, 100, 2):
                h.send(frame(RST, 0, i, struct.pack(">I", 8)))
            h.send(frame(PING, 0, 0, b"12345678"))
            h.until(PING)
            server.process.stdin.close()
            ended, goaway = 0, False
            try:
                while True:
                    kind, flags, stream, payload = h.frame()
                    ended += kind == DATA and flags & 1
                    goaway |= kind == GOAWAY
            except EOFError:
                pass
            self.assertTrue(goaway)
            self.assertEqual(ended, 50)

    def expect_calm(self, attack):
        with Server() as server, H2(server) as h:
            def send():
                try:
                    attack(h)
                except OSError:
                    pass
            sender = threading.Thread(target=send)
            sender.start()
            code = None
            try:
                while code is None:
                    kind, flags, stream, payload = h.frame()
                    if kind == GOAWAY:
                        code = int.from_bytes(payload[4:8], "big")
            except (EOFError, OSError):
                pass
            h.socket.close()
            sender.join()
            with H2(server) as other:  # and the server lives
                other.send(frame(HEADERS, 5, 1, request()))
                self.assertEqual(other.body(1), b"x" * 1000)
            return code

    def test_rapid_reset(self):
        def attack(h):
            for i in range(1, 100000, 2):
                h.send(frame(HEADERS, 5, i, request(b"/watch")) + frame(RST, 0, i, struct.pack(">I", 8)))
        self.assertIn(self.expect_calm(attack), (2, 11))  # nghttp2's limit or ours

    def test_resets_that_the_server_is_made_to_send(self):
        def attack(h):
            for i in range(1, 100000, 2):  # a malformed header is an error of the stream
                h.send(frame(HEADERS, 5, i, request(extra=literal(b"Upper", b"x"))))
        self.assertEqual(self.expect_calm(attack), 11)

    def test_continuation_flood(self):
        def attack(h):
            h.send(frame(HEADERS, 1, 1, request()))
            for _ in range(1000):
                h.send(frame(CONTINUATION, 0, 1, literal(b"a", b"b" * 1000)))
        self.expect_calm(attack)

    def test_header_limits(self):
        with Server() as server, H2(server) as h:
            h.send(frame(HEADERS, 5, 1, request(extra=b"".join(literal(b"h%d" % i, b"v") for i in range(101)))))
            h.until(HEADERS, 1)
            h.send(frame(HEADERS, 5, 3, request()))
            self.assertEqual(h.body(3), b"x" * 1000)

    def test_ping_flood_without_reading(self):
        with Server() as server:
            s = server.connect()
            try:
                s.sendall(PREFACE + frame(SETTINGS, 0, 0))
                for _ in range(2000):
                    s.sendall(frame(PING, 0, 0, b"12345678") * 500)
            except OSError:
                pass
            self.assertLess(resident(server), 200 << 20)
            s.close()

    def test_refused_streams_without_reading(self):
        """Each stream too many is owed a reset. A peer who takes none of them is cut off, or told to go and ignored when the
        kernel took enough of them to count first; either way it costs no memory."""
        windows = frame(SETTINGS, 0, 0, struct.pack(">HI", 4, (1 << 31) - 1)) + frame(WINDOW, 0, 0, struct.pack(">I", 1 << 30))
        with Server() as server, server.connect() as s:
            s.sendall(PREFACE + windows + frame(HEADERS, 5, 1, request(b"/stream?n=1000000000")))
            try:
                for i in range(3, 2000000, 2000):  # the settings are never acknowledged
                    s.sendall(b"".join(frame(HEADERS, 5, i + k, request(b"/watch")) for k in range(0, 2000, 2)))
            except OSError:
                pass
            self.assertLess(resident(server), 100 << 20)

    def test_heads_of_all_streams(self):
        """A header in HPACK's table costs its sender a byte each time, and the server its length."""
        with Server() as server, H2(server, struct.pack(">HI", 4, 0)) as h:
            h.send(frame(HEADERS, 5, 1, request()[1:] + b"\x40" + literal(b"a", b"b" * 3900)[1:]))
            for i in range(3, 1800, 2):
                h.send(frame(HEADERS, 5, i, request()[1:] + b"\xbe" * 15))
            h.send(frame(PING, 0, 0, b"12345678"))
            h.until(PING)
            self.assertLess(resident(server), 50 << 20)
            h.send(b"".join(frame(RST, 0, i, struct.pack(">I", 8)) for i in range(1, 1800, 2)))
            h.send(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65535)) + frame(HEADERS, 5, 1801, request()[1:]))
            self.assertEqual(h.body(1801), b"x" * 1000)

    def test_not_http2(self):
        with Server() as server, server.connect() as s:
            s.sendall(PREFACE + b"\xff" * 100)
            read_all(s)


class Tls(unittest.TestCase):
    def curl(self, server, target, *options, ok=True):
        result = subprocess.run(["curl", "-sS", "--max-time", "10", "--cacert", path("ca.pem"), *options,
                                 "https://127.0.0.1:%d%s" % (server.port, target)], capture_output=True)
        self.assertEqual(result.returncode == 0, ok, result.stderr)
        return result.stdout

    def test_clients(self):
        certificate = ["--cert", path("client.pem"), "--key", path("client.key")]
        other = ["--cert", path("other.pem"), "--key", path("other.key")]
        with Server(tls=True, loops=2) as server:
            for version in ("--http1.1", "--http2"):
                self.assertEqual(self.curl(server, "/who", version), b"nobody\n")
                self.assertEqual(self.curl(server, "/who", version, *certificate), b"admin groups=2\n")
                self.assertEqual(self.curl(server, "/who", version, "--tls-max", "1.2", *certificate), b"admin groups=2\n")
                self.assertEqual(self.curl(server, "/who", version, *other), b"nobody\n")
                self.assertEqual(len(self.curl(server, "/stream?n=3000000", version)), 3000000)
                body = os.urandom(2500000)
                with open(path("body"), "wb") as file:
                    file.write(body)
                self.assertEqual(self.curl(server, "/echo", version, "--data-binary", "@" + path("body")), body)
            self.curl(server, "/who", "--tls-max", "1.1", ok=False)
            self.assertEqual(int(server.end()["handshake_failures"]) >= 1, True)

    def test_resumption_keeps_the_identity(self):
        with Server(tls=True) as server:
            for version in ("-tls1_2", "-tls1_3"):
                for session in (["-sess_out", path("session")], ["-sess_in", path("session")]):
                    client = subprocess.Popen(["openssl", "s_client", "-connect", "127.0.0.1:%d" % server.port, version, "-CAfile",
                                               path("ca.pem"), "-cert", path("client.pem"), "-key", path("client.key"), *session,
                                               "-ign_eof"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                    out, _ = client.communicate(b"GET /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 20)
                    self.assertIn(b"admin groups=2", out)
                    self.assertEqual(b"Reused, TLS" in out, session[0] == "-sess_in")

    def test_plain_http(self):
        with Server(tls=True) as server, server.connect() as s:
            s.sendall(GET % b"/")
            self.assertEqual(read_all(s), b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")

    def test_garbage(self):
        with Server(tls=True) as server:
            for data in (b"\x16\x03\x01\xff\xff" + b"\0" * 50, b"\0" * 1000, os.urandom(5000)):
                with server.connect() as s:
                    s.sendall(data)
                    s.shutdown(socket.SHUT_WR)
                    read_all(s)
            self.assertEqual(self.curl(server, "/who"), b"nobody\n")

    def test_port_in_use(self):
        with Server() as server:
            second = subprocess.run([SERVER, str(server.port), "1"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
            self.assertEqual(second.returncode, 1)
            self.assertIn("127.0.0.1 port %d: another program" % server.port, second.stderr)


class Faults(unittest.TestCase):
    """Every allocation fails once (in builds that can): an answer is right or it does not come, and the server goes on."""

    def arm(self, server, n):
        while True:
            try:
                self.https(server, b"/fail?n=%d" % n)
                return
            except OSError:  # the allocation failed before the answer was sent
                pass

    def https(self, server, target):
        with CONTEXT.wrap_socket(server.connect(), server_hostname="127.0.0.1") as s:
            s.sendall(b"GET %s HTTP/1.0\r\n\r\n" % target)
            return read_all(s)

    def test_https(self):
        with Server(tls=True) as server:
            for n in range(1, 700, 5):
                self.arm(server, n)
                for target, length in ((b"/fixed", 1000), (b"/stream?n=70000", 70000), (b"/who", 15)):
                    try:
                        answer = self.https(server, target)
                    except OSError:
                        continue
                    if b" 200 OK" in answer:
                        self.assertEqual(len(answer.split(b"\r\n\r\n", 1)[1]), length)
                self.arm(server, 0)
                self.assertTrue(self.https(server, b"/fixed").endswith(b"x" * 1000))

    def test_http2(self):
        with Server() as server:
            for n in range(1, 80):
                with server.connect() as s:
                    s.sendall(b"GET /fail?n=%d HTTP/1.0\r\n\r\n" % n)
                    read_all(s)
                try:
                    with H2(server) as h:
                        h.send(frame(HEADERS, 5, 1, request()) + frame(HEADERS, 4, 3, request(b"/echo", b"POST")) +
                               frame(DATA, 1, 3, b"abc") + frame(HEADERS, 5, 5, request(b"/stream?n=5000")))
                        for stream, body in h.bodies(1, 3, 5).items():
                            right = {1: b"x" * 1000, 3: b"abc", 5: b"y" * 5000}[stream]
                            self.assertIn(body, (right, b"", b"too large\n", b"no memory\n"))  # "": refused with 429
                except (EOFError, OSError):
                    pass
                answer = b""
                while not answer:
                    with server.connect() as s:
                        s.sendall(b"GET /fail?n=0 HTTP/1.0\r\n\r\n")
                        answer = read_all(s)


class Hygiene(unittest.TestCase):
    """Nothing of a request or an answer stays in the server's memory: buffers of OpenSSL and nghttp2 included."""

    def find(self, server, marker):
        found = []
        with open("/proc/%d/maps" % server.process.pid) as maps, open("/proc/%d/mem" % server.process.pid, "rb", 0) as memory:
            for line in maps:
                fields = line.split()
                start, end = (int(x, 16) for x in fields[0].split("-"))
                if "w" not in fields[1]:
                    continue
                memory.seek(start)
                data = memory.read(end - start)
                at = data.find(marker)
                while at >= 0:
                    found.append("%s+%#x %r" % (fields[-1], at, data[at:at + 60]))
                    at = data.find(marker, at + 1)
        return found

    def test_nothing_stays(self):
        with open(SERVER, "rb") as file:
            program = file.read()
            if b"__asan_init" in program or b"__tsan_init" in program:
                self.skipTest("free() does not wipe under a sanitizer")
        marker = b"Xq7" + os.urandom(12).hex().encode()
        with open(path("marked"), "wb") as file:
            file.write(b" ".join([marker] * 10000))
        with Server(tls=True) as server:
            kept = []  # open connections keep their state
            for version in ("http/1.1", "h2"):
                context = ssl.create_default_context(cafile=path("ca.pem"))
                context.set_alpn_protocols([version])
                with_body = request(b"/echo", b"POST", literal(b"authorization", b"Bearer " + marker))
                if version == "h2":
                    data = (PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, 4, 1, with_body) + frame(DATA, 1, 1, marker * 100)
                            + frame(HEADERS, 5, 3, request(b"/headers", extra=literal(b"authorization", marker))))
                else:
                    data = (b"POST /echo HTTP/1.1\r\nHost: x\r\nAuthorization: " + marker + b"\r\nContent-Length: %d\r\n\r\n"
                            % (100 * len(marker)) + marker * 100 + b"GET /headers HTTP/1.1\r\nHost: x\r\nCookie: " + marker
                            + b"\r\n\r\nGET /held HTTP/1.1\r\nHost: x\r\nX: " + marker + b"\r\n\r\n")
                s = context.wrap_socket(server.connect(), server_hostname="127.0.0.1")
                s.sendall(data)
                read_until(s, b"held\n" if version != "h2" else b"authorization=[" + marker)
                kept.append(s)
                certificate = ["--cert", path("client.pem"), "--key", path("client.key")]
                subprocess.run(["curl", "-sS", "--cacert", path("ca.pem"), "--http2" if version == "h2" else "--http1.1", "-o",
                                path("out"), "-H", "Authorization: " + marker.decode(), "--data-binary", "@" + path("marked"),
                                *certificate, "https://127.0.0.1:%d/echo" % server.port], check=True)
                s.sendall(frame(PING, 0, 0, b"12345678") if version == "h2" else GET % b"/who")  # the turn after
                read_until(s, b"12345678" if version == "h2" else b"nobody\n")
            self.assertEqual(self.find(server, marker), [])
            self.assertNotEqual(self.find(server, b"x" * 1000), [])  # what is there is found
            for s in kept:
                s.close()


if __name__ == "__main__":
    make_certificates()
    CONTEXT = ssl.create_default_context(cafile=path("ca.pem"))
    CONTEXT.load_cert_chain(path("client.pem"), path("client.key"))
    CONTEXT.set_alpn_protocols(["http/1.1"])
    unittest.main(verbosity=1)
