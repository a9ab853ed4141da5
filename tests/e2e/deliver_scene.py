"""
loginbell-deliver and what it works on: a state directory with a ledger, a configuration, and the
program as a process, once or staying. $LOGINBELL_DELIVER is the program.
"""

import collections
import contextlib
import hashlib
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import traceback
import zlib

from mail_server import DEADLINE, Server, wait_for

DELIVER = os.path.abspath(os.environ.get("LOGINBELL_DELIVER", "build/loginbell-deliver"))


def block(lines):
    text = "".join(f"{k}={v}\n" for k, v in lines).encode()
    return text + b"CRC=%08x\n\n" % zlib.crc32(text)


class State:
    spool = "spool"

    def __init__(self, directory):
        self.directory = directory
        self.path = os.path.join(directory, "state")
        os.makedirs(os.path.join(self.path, "reader"), 0o750)
        os.makedirs(os.path.join(self.path, "deliver"), 0o750)
        self.seq = 0
        self.id = hashlib.md5(directory.encode()).hexdigest()
        self.config_path = os.path.join(directory, "loginbell.conf")

    def file(self, name):
        """Where a file of the state is: that of the reader, or of the sender."""
        part = "reader" if re.match(r"(ledger|position|seen|rules|reserve|reader)\b", name) else "deliver"
        return os.path.join(self.path, part, name)

    def read(self, name):
        with open(self.file(name), "rb") as f:
            return f.read()

    def delivery(self):
        try:
            return self.read("delivery").decode()
        except FileNotFoundError:  # nothing was written down yet
            return ""

    def pass_time(self, seconds):
        """As if so much time had passed since what "delivery" tells; below 0: a clock set back."""
        step = int(seconds * 1000000)
        columns = {"QUEUE": (3, 5, 6), "HELD": (6, 7), "REPEAT": (1,)}
        lines = []
        for line in self.delivery().splitlines()[:-1]:
            key, _, value = line.partition("=")
            fields = value.split(" ")
            for column in columns.get(key, ()):
                if int(fields[column]) > 0:
                    fields[column] = str(int(fields[column]) - step)
            lines.append(f"{key}={' '.join(fields)}\n")
        text = "".join(lines).encode()
        with open(self.file("delivery"), "wb") as f:
            f.write(text + b"CRC=%08x\n" % zlib.crc32(text))

    def spooled(self):
        return sorted(os.listdir(self.file("spool")))

    def new_ledger(self, id=None):
        self.id = id or self.id
        self.seq = 0
        with open(self.file("ledger.new"), "wb") as f:
            f.write(block([("LOGINBELL_LEDGER", 1), ("ID", self.id), ("FIRST_SEQ", 1)]))
        os.rename(self.file("ledger.new"), self.file("ledger"))

    def add(self, n=1, kind="login", user=None, addr="203.0.113.9", **more):
        """Appends alerts in one write; gives the last number."""
        if not os.path.exists(self.file("ledger")):
            self.new_ledger()
        text = b""
        for _ in range(n):
            self.seq += 1
            now = time.time_ns() // 1000
            name = user or f"user{self.seq}"
            lines = [("KIND", kind), ("SEQ", self.seq),
                     ("ID", hashlib.md5(f"{self.id}{self.seq}".encode()).hexdigest()),
                     ("TIME_USEC", now), ("NOTED_USEC", now), ("POSITION", f"p{self.seq}"),
                     ("SOURCE", "journal"), ("HOST", "web1"), ("PROGRAM", "sshd")]
            if kind == "forged":
                lines += [("COMM", "logger"), ("UID", 1000)]
            if kind in ("login", "forged"):
                lines += [("READABLE", 1), ("TRUSTED", 1), ("METHOD", "password"),
                          ("USER", name), ("ADDR", addr), ("PORT", 4711)]
                lines += [("MESSAGE",
                           f"Accepted password for {name} from {addr} port 4711 ssh2")]
            lines += [("REASON", "no rule allows it")]
            text += block(({**dict(lines), **more}).items())
        with open(self.file("ledger"), "ab", buffering=0) as f:
            f.write(text)
        return self.seq

    def config(self, servers, extra="", alert="", mail="To=admin@example.net"):
        servers = [servers] if isinstance(servers, (Server, str)) else servers
        urls = [s if isinstance(s, str) else f"smtp://127.0.0.1:{s.port}" for s in servers]
        text = "[Mail]\nFrom=loginbell@web1.example\n" + mail + "\n"
        text += "".join(f"Server={u}\n" for u in urls) + extra + "\n[Alert]\n" + alert + "\n"
        with open(self.config_path, "w") as f:
            f.write(text)

    def command(self, *more):
        return [DELIVER, "-c", self.config_path, "--state-directory", self.path, *more]

    def once(self, expect=0, *more, env=None):
        p = subprocess.run(self.command("-v", *more), capture_output=True, timeout=3 * DEADLINE,
                           env=dict(os.environ, **(env or {})))
        self.log = p.stderr.decode()
        if "Sanitizer" in self.log or p.returncode != expect:
            raise AssertionError(f"exit status {p.returncode}, not {expect}:\n{self.log}")
        return self.log

    def start(self, *more, env=None):
        return Process(self.command(*more), env)

    def follow(self, env=None):
        return self.start("--follow", "-v", env=env)


class Process:
    def __init__(self, command, env=None):
        self.err = tempfile.TemporaryFile()
        self.p = subprocess.Popen(command, stderr=self.err, env=dict(os.environ, **(env or {})))
        self.pid = self.p.pid

    def log(self):
        return os.pread(self.err.fileno(), 1 << 22, 0).decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait()
        if "Sanitizer" in self.log():
            raise AssertionError(self.log())
        self.err.close()

    def stop(self, expect=0, number=signal.SIGTERM):
        self.p.send_signal(number)
        status = self.p.wait(DEADLINE)
        if status != expect:
            raise AssertionError(f"exit status {status}, not {expect}:\n{self.log()}")

    def says(self, text):
        wait_for(lambda: re.search(text, self.log()), f"log has {text!r}:\n{self.log()}")


Lane = collections.namedtuple(
    "Lane", "mark serial last_mail_usec tries last_try_usec next_try_usec")


def lanes(state):
    """{(destination, lane): Lane} as the file says."""
    found, name = {}, None
    for line in state.delivery().splitlines():
        key, _, value = line.partition("=")
        if key == "DESTINATION":
            name = value
        elif key == "QUEUE":
            lane, *numbers = value.split()
            found[name, lane] = Lane(*map(int, numbers))
    return found


def marks(state):
    """{(destination, lane): mark} as the file says; 0 of one that is not there yet."""
    return collections.defaultdict(int, {key: lane.mark for key, lane in lanes(state).items()})


def exceptions(state):
    return [l.partition("=")[2].split() for l in state.delivery().splitlines()
            if l.startswith("HELD=")]


def rewrite_frozen(state, name, change):
    """Changes a frozen message's head as whoever may write to the spool can: with a right CRC."""
    path = state.file(f"{state.spool}/{name}")
    with open(path, "rb") as f:
        head, _, mail = f.read().partition(b"\n\n")
    lines = change(head + b"\n").splitlines(keepends=True)
    signed = b"".join(l for l in lines[1:] if not l.startswith(b"CRC="))
    with open(path, "wb") as f:
        f.write(lines[0] + signed + b"CRC=%08x\n\n" % zlib.crc32(signed) + mail)


def users(mail):
    return sorted(set(re.findall(r"\buser\d+\b", mail.text)), key=lambda u: int(u[4:]))


def equal(a, b):
    if a != b:
        raise AssertionError(f"{a!r} is not {b!r}")


def ready(state, sender):
    """Waits until a follower has taken the lock and handled what was there."""
    def locked():
        with contextlib.suppress(FileNotFoundError):
            return state.read("sender.pid").startswith(b"PID=%d\n" % sender.pid)
    wait_for(locked, "the sender's lock")
    return True


def certificates(state):
    """A server context for 127.0.0.1, and the authority's file."""
    d = state.directory
    run = lambda *a: subprocess.run(["openssl", *a], check=True, capture_output=True)
    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Test CA",
        "-keyout", f"{d}/ca.key", "-out", f"{d}/ca.pem")
    run("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1",
        "-keyout", f"{d}/key.pem", "-out", f"{d}/req.pem")
    with open(f"{d}/ext", "w") as f:
        f.write("subjectAltName=IP:127.0.0.1\n")
    run("x509", "-req", "-in", f"{d}/req.pem", "-CA", f"{d}/ca.pem", "-CAkey", f"{d}/ca.key",
        "-CAcreateserial", "-days", "2", "-extfile", f"{d}/ext", "-out", f"{d}/cert.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{d}/cert.pem", f"{d}/key.pem")
    return context, f"{d}/ca.pem"


def password_file(state, mode=0o600):
    path = os.path.join(state.directory, "password")
    with open(path, "w") as f:
        f.write("s3cret\n")
    os.chmod(path, mode)
    return path


TESTS = []


def test(f):
    """Marks a test: it is called with a fresh State, and may return "SKIP why"."""
    TESTS.append(f)
    return f


def main():
    """Runs the tests, or those named on the command line, and prints TAP. Gives the exit status."""
    wanted = sys.argv[1:]
    tests = [t for t in TESTS if not wanted or t.__name__ in wanted]
    failed = 0
    print(f"1..{len(tests)}", flush=True)
    for i, t in enumerate(tests, 1):
        name = t.__name__
        with tempfile.TemporaryDirectory() as d:
            try:
                skip = t(State(d))
                print(f"ok {i} {name}" + (f" # {skip}" if skip else ""), flush=True)
            except Exception:
                failed += 1
                print(f"not ok {i} {name}")
                for line in traceback.format_exc().splitlines():
                    print("# " + line, flush=True)
    return failed > 0
