# SPDX-License-Identifier: Apache-2.0
"""A Coffer server of the tests' own, the clients that talk to it, and the canaries that must never leave it."""
import base64
import ctypes
import json
import os
import re
import secrets
import select
import signal
import socket
import ssl
import subprocess
import tempfile
import textwrap
import threading
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

import yaml

import wire

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60
STOP_SECONDS = 60
SANITIZER = re.compile(r"((ERROR|WARNING): \w+Sanitizer|runtime error:).*")
SECRETS = "/api/v1/namespaces/default/secrets"
# So short that every revision but the newest of an object is compacted soon.
SHORT_HISTORY = ["--history", "1s"]


def binary():
    return os.environ.get("COFFER_BIN") or str(ROOT / "build" / "check" / "src" / "cmd" / "coffer")


def release_binary():
    return os.environ.get("COFFER_RELEASE_BIN") or str(ROOT / "build" / "release" / "src" / "cmd" / "coffer")


def fault_binary():
    """A build without sanitizers in which allocations can be made to fail."""
    return os.environ.get("COFFER_FAULT_BIN") or str(ROOT / "build" / "fault" / "src" / "cmd" / "coffer")


LIBC = ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


# ---- canaries: values that a run must never find outside an answer

_canaries = []
SCRATCH = Path(os.environ.get("COFFER_TEST_SCRATCH") or tempfile.mkdtemp(prefix="coffer-e2e."))


def canary(note="value"):
    """A value for a Secret that no log line, error text or temporary file may ever hold."""
    value = f"canary-{note}-{secrets.token_hex(12)}"
    _canaries.append(value)
    return value


def forms(value):
    """The forms in which a value could leak: raw, base64 at each of the three offsets, hex, URL-encoded."""
    raw = value if isinstance(value, bytes) else value.encode()
    found = {raw, raw.hex().encode(), raw.hex().upper().encode(), quote(raw, safe="").encode()}
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
        start = (0, 2, 3)[shift]
        end = len(encoded) - (1 if (shift + len(raw)) % 3 else 0)
        found.add(encoded[start:end])
        found.add(encoded[start:end].replace(b"+", b"-").replace(b"/", b"_"))
    return sorted(found)


def canaries():
    return list(_canaries)


def b64(value):
    return base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode()


def secret(name, data=None, **more):
    """A Secret as a dict; data's values are plain text."""
    metadata = {"name": name, **more.pop("metadata", {})}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, **more}
    if data is not None:
        body["data"] = {key: b64(value) for key, value in data.items()}
    return body


def needles(values):
    """One expression that finds any form of any of the values."""
    return re.compile(b"|".join(re.escape(form) for value in values for form in forms(value)))


class ProcessMemory:
    """Another process's memory, from outside: /proc/PID/mem."""

    def __init__(self, pid):
        self.pid = pid

    def mappings(self):
        for line in Path(f"/proc/{self.pid}/maps").read_text().splitlines():
            fields = line.split(maxsplit=5)
            start, end = (int(part, 16) for part in fields[0].split("-"))
            yield start, end, fields[1], fields[5] if len(fields) > 5 else ""

    def search(self, pattern, piece=1 << 24, overlap=1 << 13):
        """Where the pattern is found, in all that can be read but the store's file (ciphertext, searched as a file)."""
        found = []
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory:
            for start, end, access, path in self.mappings():
                if "r" not in access or path.endswith(".mdb") or path in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                    continue
                for at in range(start, end, piece - overlap):
                    try:
                        memory.seek(at)
                        data = memory.read(min(piece, end - at))
                    except OSError:
                        break  # secret memory: not even the kernel reads it
                    found += [f"{match.group(0)[:24]!r} at {at + match.start():#x} {access} {path}" for match in pattern.finditer(data)]
        return sorted(set(found))

    def base(self, program):
        return next(start for start, _, _, path in self.mappings() if path == os.path.realpath(program))

    def write(self, address, data):
        with open(f"/proc/{self.pid}/mem", "r+b", buffering=0) as memory:
            memory.seek(address)
            memory.write(data)

    def read(self, address, size):
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory:
            memory.seek(address)
            return memory.read(size)


class StartFailed(Exception):
    def __init__(self, code, output):
        super().__init__(f"exit status {code}: {output}")
        self.code, self.output = code, output


class Server:
    """`coffer serve` on a directory. start() returns when the server says that it is ready."""

    def __init__(self, directory=None, flags=(), program=None, environment=None, prefix=(), limits=None, listen="127.0.0.1:0"):
        self.home = Path(tempfile.mkdtemp(prefix="server.", dir=SCRATCH))
        self.directory = Path(directory) if directory else self.home / "data"
        self.unlock = self.directory.parent / (self.directory.name + ".key")
        self.flags, self.program, self.prefix = list(flags), program or binary(), list(prefix)
        self.environment, self.limits, self.listen = environment or {}, limits, listen
        self.clients = {}  # names of more clients: (certificate, key)
        self.log = self.home / "log"
        self.process = None
        self.port = None

    # -- life

    def command(self):
        return [*self.prefix, self.program, "serve", "--data-dir", str(self.directory), "--listen", self.listen,
                "--unlock", f"file:{self.unlock}", "--log-level", os.environ.get("COFFER_TEST_LOG_LEVEL", "trace"), *self.flags]

    def start(self):
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notices = []
        path = str(self.home / "notify")
        if os.path.exists(path):
            os.unlink(path)
        self.notify.bind(path)
        os.chmod(path, 0o777)  # as systemd's: who becomes another user notifies it too
        # the newest lines of a server that is started anew come after those of its former life
        with open(self.log, "ab") as log:
            environment = {**os.environ, "NOTIFY_SOCKET": path, "HOME": str(self.home), "TMPDIR": str(self.home),
                           "ASAN_OPTIONS": "abort_on_error=0:exitcode=99:detect_leaks=1:allocator_may_return_null=1",
                           "UBSAN_OPTIONS": "print_stacktrace=1", **self.environment}
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=environment, preexec_fn=self._before_exec, cwd=self.home)
        pidfd = os.pidfd_open(self.process.pid)
        try:
            self._await_ready(pidfd)
        finally:
            os.close(pidfd)
        self._read_kubeconfig()
        return self

    def _before_exec(self):
        die_with_parent()
        if self.limits:
            self.limits()

    def notified(self):
        """What was said by systemd's notify protocol so far."""
        while select.select([self.notify], [], [], 0)[0]:
            self.notices.append(self.notify.recv(4096).decode())
        return self.notices

    def _await_ready(self, pidfd):
        deadline = time.monotonic() + READY_SECONDS
        while True:
            ready, _, _ = select.select([self.notify, pidfd], [], [], max(0, deadline - time.monotonic()))
            if any(text.startswith("READY=1") for text in self.notified()):
                return
            if pidfd in ready:
                raise StartFailed(self.process.wait(), self.output())
            if not ready:
                self.kill()
                raise AssertionError(f"not ready within {READY_SECONDS} s: {self.output()}")

    def _read_kubeconfig(self):
        self.kubeconfig = self.directory / "admin.kubeconfig"
        config = yaml.safe_load(self.kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        url = urlsplit(cluster["server"])
        self.address = (url.hostname, url.port)
        self.port = url.port
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self.contexts = {}
        for client in ("admin", "none"):
            context = ssl.create_default_context(cadata=authority)
            if client == "admin":
                files = []
                for name, field in (("crt", "client-certificate-data"), ("key", "client-key-data")):
                    file = self.home / f"admin.{name}"
                    file.touch(0o600)
                    file.write_bytes(base64.b64decode(user[field]))
                    files.append(file)
                context.load_cert_chain(*files)
            self.contexts[client] = context
        for client, pair in self.clients.items():
            self.contexts[client] = ssl.create_default_context(cadata=authority)
            self.contexts[client].load_cert_chain(*pair)

    def output(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def check_output(self):
        found = SANITIZER.search(self.output())
        assert not found, f"{self.log}: {found.group(0)}"

    def stop(self, timeout=STOP_SECONDS):
        """SIGTERM: it must drain, exit 0 and have nothing to report."""
        if self.process is None or self.process.poll() is not None:
            code = self.process.returncode if self.process else 0
        else:
            self.process.send_signal(signal.SIGTERM)
            code = self.process.wait(timeout)
        self.check_output()
        assert code == 0, f"exit status {code}: {self.output()[-4000:]}"

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(STOP_SECONDS)
        if self.process:
            self.check_output()

    def __enter__(self):
        return self.start() if self.process is None else self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.kill()

    # -- talk

    def connect(self, client="admin", timeout=wire.TIMEOUT):
        return wire.Connection(self.address, self.contexts[client], timeout)

    def request(self, method, path, body=None, headers=(), client="admin", timeout=wire.TIMEOUT):
        with self.connect(client, timeout) as connection:
            answer = connection.request(method, path, [*headers, ("Connection", "close")], body)
        if answer.status >= 400:  # kept for the search for canaries
            with open(self.home / "errors", "ab") as errors:
                errors.write(repr(answer.headers).encode() + answer.body + b"\n")
        return answer

    def call(self, method, path, body=None, status=None, **more):
        """The JSON of an answer that must be a success, or have this status."""
        answer = self.request(method, path, body, **more)
        assert answer.status == status if status else answer.status < 300, f"{method} {path}: {answer}"
        return answer.json()

    def watch(self, path, client="admin", timeout=wire.TIMEOUT):
        return wire.Watch(self.connect(client, timeout), path)

    def metric(self, name):
        for line in self.request("GET", "/metrics").body.decode().splitlines():
            if line.split("{")[0].split(" ")[0] == name:
                return float(line.rsplit(" ", 1)[1])
        raise AssertionError(f"/metrics has no {name}")

    # -- look at

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _memory_rows(self):
        rows = dict(line.split(":") for line in Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines()[1:])
        return {name: int(value.split()[0]) * 1024 for name, value in rows.items()}

    def memory(self):
        """Private and resident bytes."""
        rows = self._memory_rows()
        return rows["Private_Clean"] + rows["Private_Dirty"], rows["Rss"]

    def own_memory(self):
        """Bytes that the process wrote itself: heap, arenas, stacks, relocations. Unlike private ones these depend on no other process."""
        return self._memory_rows()["Anonymous"]


def run_to_end(command, timeout=READY_SECONDS, **more):
    """A program that must end by itself: (exit status, stdout and stderr)."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, **more)
    return done.returncode, done.stdout.decode(errors="replace")


def await_furniture(server, namespace):
    """Waits until a new namespace has all that controllers put into it: the service account without which no Pod is made, and kube-root-ca.crt."""
    for path in ("serviceaccounts/default", "configmaps/kube-root-ca.crt"):
        poll(lambda p=path: server.request("GET", f"/api/v1/namespaces/{namespace}/{p}").status == 200, path)


def http2_answers(server, pair, asked):
    """The answers to (method, path, headers, body), all over one connection, by node's client and this (certificate, key)."""
    authority = server.home / "authority.crt"
    if not authority.exists():
        authority.write_text("".join(ssl.DER_cert_to_PEM_cert(found) for found in server.contexts["admin"].get_ca_certs(binary_form=True)))
    lines = "".join(json.dumps([method, path, headers, body.decode() if body else None]) + "\n" for method, path, headers, body in asked)
    done = subprocess.run(["node", str(Path(__file__).with_name("http2.mjs")), server.address[0], str(server.port), str(authority), *map(str, pair)],
                          input=lines, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    answers = []
    for line in done.stdout.splitlines():
        status, headers, body = json.loads(line)
        answers.append(wire.Answer(f"HTTP/2 {status}", [found for found in headers if found[0] != ":status"]))
        answers[-1].body = base64.b64decode(body)
    assert len(answers) == len(asked)
    return answers


# ---- kubectl

def kubectl_programs():
    """The paths that kubectls.sh finds; COFFER_KUBECTLS=path:path sets others."""
    given = os.environ.get("COFFER_KUBECTLS")
    if given is None:
        given = subprocess.run([ROOT / "tests" / "e2e" / "kubectls.sh"], stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout.strip()
        os.environ["COFFER_KUBECTLS"] = given
    return given.split(":") if given else []


MINORS = {}  # of each kubectl, by its path


class Kubectl:
    """Runs one kubectl against one server, in a folder of its own; what it keeps of discovery is shared by the tests of a server."""

    def __init__(self, program, server):
        self.program, self.server = program, server
        self.home = Path(tempfile.mkdtemp(prefix="kubectl.", dir=SCRATCH))
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(SCRATCH / f"kubectl.of.{os.path.basename(server.home)}{program.replace('/', '-')}"),
                            "TMPDIR": str(self.home), "KUBECONFIG": str(server.kubeconfig)}

    def run(self, *arguments, stdin=None, check=True, timeout=60):
        done = subprocess.run([self.program, *arguments], input=stdin, text=True, capture_output=True, timeout=timeout,
                              env=self.environment, cwd=self.home)
        if check:
            assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done

    def out(self, *arguments, **more):
        return self.run(*arguments, **more).stdout

    def refused(self, *arguments, **more):
        """What is printed by a command that must fail."""
        done = self.run(*arguments, check=False, **more)
        assert done.returncode != 0, f"kubectl {' '.join(arguments)} went well: {done.stdout}{done.stderr}"
        return done.stderr

    @property
    def minor(self):
        """34 of kubectl 1.34."""
        if self.program not in MINORS:
            found = json.loads(self.out("version", "--client", "-o", "json"))["clientVersion"]["minor"]
            MINORS[self.program] = int(found.rstrip("+"))
        return MINORS[self.program]

    def start(self, *arguments):
        return Running(subprocess.Popen([self.program, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, env=self.environment, cwd=self.home, text=True, bufsize=1))


class Running:
    """A program that goes on while lines of it are awaited."""

    def __init__(self, process):
        self.process = process
        self.lines = []
        self.changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()
        with self.changed:
            self.lines.append(None)
            self.changed.notify_all()

    def wait_line(self, wanted, timeout=30):
        """Waits until a line contains the text; returns it."""
        def there():
            return next((line for line in self.lines if line and wanted in line), None) or (None in self.lines and "")
        with self.changed:
            found = self.changed.wait_for(there, timeout)
        assert found, f"no line with {wanted!r} came: {self.lines}"
        return found

    def count_lines(self, wanted):
        with self.changed:
            return sum(1 for line in self.lines if line and wanted in line)

    def all_lines(self):
        """All that was printed, when it has ended."""
        with self.changed:
            assert self.changed.wait_for(lambda: None in self.lines, 30), "it goes on"
            return self.lines[:-1]

    def end(self):
        self.process.terminate()
        self.process.wait(30)


def poll(condition, what, timeout=30.0, pause=0.02):
    """For states that nothing announces: asks again until it holds."""
    deadline = time.monotonic() + timeout
    waiter = threading.Event()
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        waiter.wait(pause)
    return found


def documented(page, heading, number=0):
    """The number-th block of commands or text under that heading of docs/page, as it is to be typed."""
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", (ROOT / "docs" / page).read_text(), re.M | re.S).group(1)
    return textwrap.dedent(re.findall(r"(?:^    .*\n)+", section, re.M)[number])


def in_threads(count, work):
    """Runs work(i) in count threads; the first exception is raised here."""
    results, errors = [None] * count, []

    def run(i):
        try:
            results[i] = work(i)
        except BaseException as error:  # pylint: disable=broad-except
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
        assert not thread.is_alive(), "a client thread hangs"
    if errors:
        raise errors[0]
    return results
