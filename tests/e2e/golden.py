# SPDX-License-Identifier: Apache-2.0
"""Recorded exchanges: reading them, masking what changes from run to run, and learning which of our values stands for which recorded one."""
import json
import re
from pathlib import Path

import harness
import protobuf
import wire

FOLDER = harness.ROOT / "tests" / "golden"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
GENERATED = re.compile(r"\b(gen-|g{58})[bcdfghjklmnpqrstvwxz2456789]{5}\b")
TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
CERTIFICATE = re.compile(r"X509SHA256=[0-9a-f]{64}")
REVISION = re.compile(r"((?:resource version|current): ?|record \()\d+( \(\d+\))?", re.IGNORECASE)
AGE = re.compile(r"^(\d+[smhd]){1,2}$")
MASKED = {"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "continue", "storageVersionHash", "description", "serverAddress"}
VERSION_FACTS = {"gitVersion", "gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform"}
# Headers that clients rely on; of those that carry random values only that they are there.
HEADERS = ["Content-Type", "Cache-Control", "Warning", "Vary", "Retry-After", "X-Content-Type-Options", "Content-Encoding"]
PRESENT = ["Audit-Id", "Etag"]

X = 1024 * 1024
# Bodies that the recorder cut, made whole.
LONG_BODIES = {
    40: lambda: harness.secret("x", {"a": "c"}, metadata={"annotations": {"a": "c" * 262145}}),
    54: lambda: harness.secret("big", {"a": "x" * (X + 1)}),
    55: lambda: harness.secret("big", {"a": "x" * X}),
    56: lambda: harness.secret("big", {"a": "x" * (3 * X)}),
    128: lambda: [{"op": "test", "path": "/kind", "value": "Secret"}] * 10001,
}
LARGE = b"\x0b" + b"x" * 150000
LONG_ANSWERS = {55: "x" * X, 349: LARGE}
# Sent as bytes: what matters is how they are framed.
RAW = {455, 456, 457, 458, 459, 460, 461, 499}
# Causes in the order of a Go map, that is in none.
UNORDERED = {"create-bad-keys-many"}
# What these list depends on the kinds that are served: each of our entries must be one of the recorded.
SUBSET = {"api-v1", "apis", "api-aggregated", "apis-aggregated", "api-aggregated-kubectl"}


class Exchange:
    def __init__(self, path):
        self.name = path.stem
        self.number = int(self.name[:3])
        self.title = self.name[4:]
        text = path.read_bytes()
        head, _, rest = text.partition(b"\n### REQUEST\n")
        self.client = re.match(rb"### CLIENT: (\S+)", head).group(1).decode()
        self.request, _, rest = rest.partition(b"\n### RESPONSE\n")
        response, _, _ = rest.partition(b"\n### NOTE\n")
        head, _, self.body = response.partition(b"\n\n")
        lines = head.decode("latin-1").split("\n")
        self.status_line = lines[0]
        self.status = int(lines[0].split(" ")[1])
        self.headers = [tuple(line.split(": ", 1)) if ": " in line else (line.rstrip(":"), "") for line in lines[1:]]
        self._restore_answer()

    def _restore_answer(self):
        if self.body.startswith(b"(hex, also in .bin) "):
            self.body = bytes.fromhex(self.body.split(b") ", 1)[1].decode())
        if self.number in LONG_ANSWERS:
            start = self.body.index(b'"a":"') + 5
            self.body = self.body[:start] + harness.b64(LONG_ANSWERS[self.number]).encode() + b'"},"type":"Opaque"}\n'
        if self.title == "pipelined":  # the second answer is checked where it is read
            self.body = self.body.partition(b"HTTP/1.1 200 OK")[0]

    @property
    def request_line(self):
        return self.request.split(b"\n", 1)[0].decode()

    @property
    def method(self):
        return self.request_line.split(" ")[0]

    @property
    def path(self):
        return (self.request_line.split(" ") + [""])[1]

    def request_headers(self):
        head = self.request.partition(b"\n\n")[0].decode().split("\n")[1:]
        pairs = [line.split(":", 1) for line in head if line]
        return [(name, value.strip()) for name, value in pairs if name not in ("Host", "Connection", "Content-Length")]

    def request_body(self):
        if self.number in LONG_BODIES:
            return json.dumps(LONG_BODIES[self.number](), separators=(",", ":")).encode()
        body = self.request.partition(b"\n\n")[2]
        if body.startswith(b"(hex) "):
            return bytes.fromhex(body[6:].decode())
        return body

    def raw_request(self):
        if self.number == 457:
            return (b"GET /api/v1/namespaces/golden/secrets/s1 HTTP/1.1\r\nHost: x\r\nX-Big: " + b"a" * 1100000 + b"\r\n\r\n")
        return self.request.replace(b"\n", b"\r\n")

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def changes_secret(self):
        """The Secret that this exchange left behind, when it wrote one."""
        body = self.json()
        wrote = self.method in ("PATCH", "PUT", "POST") and self.status in (200, 201) and "dryRun" not in self.path
        return body if wrote and isinstance(body, dict) and body.get("kind") == "Secret" and "/namespaces/golden/" in self.path else None


def load():
    return {e.number: e for e in (Exchange(path) for path in sorted((FOLDER / "exchanges").glob("*.http")))}


def index():
    """number -> name of everything that was recorded."""
    rows = [line for line in (FOLDER / "INDEX").read_text().splitlines() if line and not line.startswith("#")]
    return {int(row[:3]): row.split(" | ")[0] for row in rows}


def numbers(text):
    found = []
    for word in text.replace(",", " ").split():
        if re.fullmatch(r"\d{3}(-\d{3})?", word):
            first, _, last = word.partition("-")
            found += range(int(first), int(last or first) + 1)
    return found


def excluded():
    """number -> class of those that concern later issues."""
    found, reason = {}, None
    for line in (FOLDER / "EXCLUDED").read_text().splitlines():
        if line.startswith("["):
            reason = line[1:line.index("]")]
        elif line and not line.startswith("#"):
            found.update({number: reason for number in numbers(line)})
    return found


def differences():
    """number -> status that we give instead, None where the state can't be reached by requests alone."""
    found = {}
    for line in (harness.ROOT / "docs" / "compatibility.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 4 or not re.match(r"\d{3}", cells[0]):
            continue
        which = numbers(cells[0])
        statuses = [int(word) for word in re.findall(r"\b[1-5]\d\d\b", cells[2])]
        for i, number in enumerate(which):
            found[number] = statuses[min(i, len(statuses) - 1)] if statuses else None
    return found


# ---- comparing

def mask(value, key=""):
    if isinstance(value, dict):
        return {k: "*" if k in MASKED and not isinstance(v, (dict, list)) else mask(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [mask(v, key) for v in value]
    if isinstance(value, str):
        value = GENERATED.sub("GENERATED", TIME.sub("TIME", UUID.sub("UUID", TOKEN.sub("TOKEN", value))))
        value = CERTIFICATE.sub("X509SHA256=HASH", REVISION.sub(r"\1N", value))
        return "AGE" if key == "cells" and AGE.match(value) else value
    return value


def is_bookmark(event):
    """A bookmark by the clock: when and how many come is not fixed. The one that ends the initial events is."""
    return event.get("type") == "BOOKMARK" and "initial-events-end" not in json.dumps(event)


def documents(body):
    """The JSON documents of a body: one, or an event a line. None when it is not JSON."""
    text = body.decode("utf8", "replace")
    for pieces in ([text], [line for line in text.split("\n") if line]):
        try:
            return [document for document in map(json.loads, pieces) if not (isinstance(document, dict) and is_bookmark(document))]
        except ValueError:
            pass
    return None


# Messages within messages, by field number; "*" is masked.
TIME_SHAPE = {1: "*"}
LIST_META = {2: "*", 3: "*"}
META = {5: "*", 6: "*", 8: TIME_SHAPE, 9: TIME_SHAPE, 11: {}, 12: {}, 17: {4: TIME_SHAPE, 7: {}}}
OBJECT = {1: META}
SHAPES = {"Secret": {1: META, 2: {}}, "SecretList": {1: LIST_META, 2: {1: META, 2: {}}}, "PartialObjectMetadata": OBJECT,
          "PartialObjectMetadataList": {1: LIST_META, 2: OBJECT}, "Status": {1: LIST_META, 5: {6: "*"}}}


def shaped(message, shape):
    """Every field in its order, also the empty ones."""
    found = []
    for number, value in protobuf.fields(message):
        inner = shape.get(number)
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        found.append([number, inner if inner == "*" and value else shaped(value, inner) if isinstance(inner, dict) else
                      mask(text) if isinstance(text, str) else text])
    return found


def described(kind, message):
    return [kind, shaped(message, SHAPES[kind[-1]])]


def protobuf_text(body):
    """An answer in protobuf, masked; frames of a watch."""
    if body.startswith(b"k8s\0"):
        version, kind, message = protobuf.envelope(body)
        return json.dumps(described([version, kind], message))
    return "\n".join(json.dumps(described(event[:3], event[3])) for event in protobuf.events(body) if event[0] != "BOOKMARK")


def comparable(exchange, body):
    if "protobuf" in dict(exchange.headers).get("Content-Type", ""):
        return protobuf_text(body)
    found = documents(body)
    if found is None:
        text = TIME.sub("TIME", UUID.sub("UUID", body.decode("utf8", "replace")))
        text = re.sub(r'(?m)^( *resourceVersion: )"\d+"$', r"\1N", text)
        if "verbose" in exchange.path:  # each server has checks of its own
            text = re.sub(r"(?m)^(\[\+\])(?!ping ok)\S+ ok\n", "", text)
        return text
    masked = [mask(document) for document in found]
    if exchange.title in UNORDERED:
        masked[0]["message"] = sorted(re.split(r", (?=data\[)", masked[0]["message"].partition("[")[2][:-1]))
        masked[0]["details"]["causes"].sort(key=json.dumps)
    if exchange.title in ("version", "pipelined", "anonoff-version", "anon-version"):
        masked = [{k: "*" if k in VERSION_FACTS else v for k, v in masked[0].items()}]
    return "\n".join(json.dumps(document, ensure_ascii=False) for document in masked)


def listed(document):
    """The entries of a discovery document by name, without what depends on the verbs that are served so far."""
    if document["kind"] == "APIGroupDiscoveryList":
        entries = [(item["metadata"].get("name", ""), v["version"], r) for item in document["items"] for v in item["versions"]
                   for r in v["resources"]]
        return {(group, version, r["resource"]): {k: v for k, v in mask(r).items() if k not in ("verbs", "subresources")}
                for group, version, r in entries}
    entries = document.get("resources") or document.get("groups")
    return {entry["name"]: {k: v for k, v in mask(entry).items() if k not in ("verbs",)} for entry in entries}


def compare(exchange, answer):
    """What differs, in words; empty when nothing does."""
    found = []
    if (answer.status, answer.status_line.split(" ")[0]) != (exchange.status, exchange.status_line.split(" ")[0]):
        found.append(f"status {answer.status_line!r}, recorded {exchange.status_line!r}")
    for name in HEADERS:
        if answer.all(name) != exchange.all(name):
            found.append(f"{name} {answer.all(name)}, recorded {exchange.all(name)}")
    for name in PRESENT:
        if len(answer.all(name)) != len(exchange.all(name)):
            found.append(f"{name} {'missing' if exchange.all(name) else 'not recorded'}")
    if exchange.title in SUBSET and answer.status == 200:
        ours, theirs = listed(answer.json()), listed(exchange.json())
        found += [f"{name}: {entry}, recorded {theirs.get(name)}" for name, entry in ours.items() if entry != theirs.get(name)]
    elif exchange.method != "HEAD":
        ours, theirs = comparable(exchange, answer.body), comparable(exchange, exchange.body)
        theirs = theirs.replace('"f:stringData"', '"f:data"')  # who owns what 155 applied shows in every later list
        if ours != theirs:
            found.append(f"body\n  ours     {ours[:3000]}\n  recorded {theirs[:3000]}")
        found += layout(exchange, answer)
    return found


def layout(exchange, answer):
    """The text beside the values: indented or not, the newline at the end, < > & escaped."""
    found = []
    if not documents(exchange.body):
        return found
    if exchange.body.startswith(b"{\n") != answer.body.startswith(b"{\n"):
        found.append("indented" if answer.body.startswith(b"{\n") else "not indented")
    if exchange.body.endswith(b"\n") != answer.body.endswith(b"\n"):
        found.append("a newline at the end" if answer.body.endswith(b"\n") else "no newline at the end")
    if not exchange.body.startswith(b"{\n") and re.search(rb"[<>&]", answer.body):
        found.append("< > or & not escaped")
    return found


# ---- what of ours stands for what was recorded

class Known:
    """Recorded resourceVersions, tokens (to continue, or of accounts) and ETags, and ours in their place."""

    def __init__(self):
        self.revisions, self.tokens, self.objects, self.etags = {}, {}, {}, {}

    def learn(self, recorded, ours, found=None):
        """Walks both; returns where an object's resourceVersion does not stand for the one it stood for before."""
        found = [] if found is None else found
        if isinstance(recorded, dict) and isinstance(ours, dict):
            if recorded.get("kind") == "TokenRequest" and recorded.get("status") and ours.get("status"):
                self.tokens[recorded["status"]["token"]] = ours["status"]["token"]
            mine, theirs = ours.get("metadata"), recorded.get("metadata")
            if isinstance(mine, dict) and isinstance(theirs, dict):
                self._learn_metadata(theirs, mine, found)
            for key in recorded.keys() & ours.keys():
                self.learn(recorded[key], ours[key], found)
        elif isinstance(recorded, list) and isinstance(ours, list):
            for a, b in zip(recorded, ours):
                self.learn(a, b, found)
        return found

    def _learn_metadata(self, theirs, mine, found):
        if theirs.get("continue") and mine.get("continue"):
            self.tokens[theirs["continue"]] = mine["continue"]
        revision, our_revision = theirs.get("resourceVersion"), mine.get("resourceVersion")
        if not revision or not our_revision:
            return
        self.revisions[revision] = our_revision
        if "uid" in theirs and "uid" in mine:
            before = self.objects.setdefault((theirs["uid"], revision), (mine["uid"], our_revision))
            if before != (mine["uid"], our_revision):
                found.append(f"resourceVersion {revision} of {theirs.get('name')} was {before[1]}, now {our_revision}")

    def translate(self, text):
        """A recorded path or body with our values in it."""
        for recorded, ours in self.tokens.items():
            text = text.replace(recorded, ours)
        text = re.sub(r"(?<=resourceVersion=)\d+", lambda m: self.revisions.get(m.group(0), m.group(0)), text)
        return re.sub(r'(?<="resourceVersion":")\d+(?=")', lambda m: self.revisions.get(m.group(0), m.group(0)), text)


# ---- sending

class Replay:
    """Sends the exchanges in their order to one server, with the steps between them that were not recorded."""

    def __init__(self, server, exchanges, skip):
        self.server, self.exchanges, self.skip = server, exchanges, skip
        self.known, self.answers, self.notes = Known(), {}, {}

    def run(self, first, last, before):
        """before: number -> what to do ahead of it; a generator's rest runs while that exchange (a watch) is answered."""
        for number in [n for n in range(first, last + 1) if n in self.exchanges or n in before]:
            during = before[number](self) if number in before else None
            exchange = self.exchanges.get(number)
            if exchange is None:
                continue
            if number in self.skip:
                self._reach_state(exchange)
                continue
            self.answers[number] = answer = self._send(exchange, during)
            self.notes[number] = self._learn(exchange, answer)

    def _learn(self, exchange, answer):
        self.known.etags.update(zip(exchange.all("Etag"), answer.all("Etag")))
        recorded, ours = documents(exchange.body), documents(answer.body)
        return self.known.learn(recorded, ours) if recorded and ours else []

    def _reach_state(self, exchange):
        """The same state without the verb: the object that was answered is put."""
        body = exchange.changes_secret()
        if body is None:
            return
        name = body["metadata"]["name"]
        kept = ("name", "namespace", "labels", "annotations", "finalizers")
        copy = {**body, "metadata": {k: v for k, v in body["metadata"].items() if k in kept}}
        method, path = ("POST", SECRETS) if exchange.status == 201 else ("PUT", f"{SECRETS}/{name}")
        answer = self.server.request(method, path, copy)
        assert answer.status == exchange.status, f"{exchange.name}: its state can't be reached: {answer}"
        self._learn(exchange, answer)

    def _send(self, exchange, during):
        if exchange.number in RAW:
            return self._send_raw(exchange)
        path = re.sub(r"timeoutSeconds=\d+", "timeoutSeconds=1", self.known.translate(exchange.path))
        body = exchange.request_body()
        if exchange.number not in LONG_BODIES and re.search(rb'"(resourceVersion|token)"', body):
            body = self.known.translate(body.decode()).encode()
        headers = [(name, self.known.etags.get(value) or self.known.translate(value)) for name, value in exchange.request_headers()]
        lines = [("Host", "%s:%d" % self.server.address), *headers]
        if body or exchange.method in ("POST", "PUT"):
            lines.append(("Content-Length", str(len(body))))
        lines.append(("Connection", "close"))
        head = f"{exchange.method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines) + "\r\n"
        with self.server.connect(exchange.client) as connection:
            try:
                connection.send_raw(head.encode() + body)
            except OSError:
                pass  # a body that is refused by its length need not be read
            answer = connection.head()
            if during:
                during()
            for piece in connection.pieces(answer, exchange.method):
                answer.body += piece
        return answer

    def _send_raw(self, exchange):
        context = None if exchange.client == "no" else self.server.contexts[exchange.client]
        with wire.Connection(self.server.address, context) as connection:
            try:
                connection.send_raw(exchange.raw_request())
            except OSError:
                pass
            answer = connection.answer()
            if exchange.title == "pipelined":
                second = connection.answer()
                assert (second.status, second.body) == (200, b"ok"), second
            return answer


SECRETS = "/api/v1/namespaces/golden/secrets"
