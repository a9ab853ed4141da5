#!/usr/bin/python3
"""Faults of the disk under the sender, and the order in which it makes things durable. Prints TAP.

strace fails the Nth call of each kind that changes the disk, for every N there is. A fault never
keeps an alert from being mailed, is told in the log, and is over when the disk is well again.

Usage: test_deliver_disk.py [TEST…]; $LOGINBELL_DELIVER is the program. Needs strace; no root.
"""
import concurrent.futures
import contextlib
import functools
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

from deliver_scene import Process, State, equal, main, marks, test, users
from mail_server import DEADLINE, Server, wait_for

CALLS = ("openat", "write", "pwrite64", "fsync", "fdatasync", "renameat,rename,renameat2", "unlinkat",
         "mkdirat", "fchmod", "ftruncate")
ERRORS = ("ENOSPC", "EIO", "EDQUOT", "EROFS")
WORKERS = 8
WAITS = re.compile(r'openat\(.*"(/tmp/[^"]*/state|deliver|reader|sender\.lock|delivery|ledger)"')
# The .pid file is for people only; a copy of the configuration that cannot be read is replaced.
SILENT = re.compile(r"sender\.(lock>|pid)|\"config\", O_RDONLY")
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")  # LeakSanitizer cannot be traced


def start(state, *arguments, follow=False):
    """The sender under strace, as arguments for subprocess; the trace is of state.trace."""
    state.trace = state.directory + "/trace"
    names = ["", "delivery", "delivery.tmp", "sender.lock", "sender.pid", "spool"]
    names += [f"spool/mail.{lane}{end}" for lane in ("login", "forged") for end in ("", ".tmp")]
    paths = [a for n in names for a in ("-P", state.file(n).rstrip("/"))]
    return ["strace", "-f", "-qq", "-y", "-o", state.trace, *arguments, "-P", state.path, *paths,
            *state.command("-v", *(["--follow"] if follow else []))]


def trace_of(state):
    with open(state.trace, encoding="utf-8", errors="replace") as f:
        return f.read()


def fill(state, server):
    state.config(server, alert="Interval=0")
    state.add(2)
    state.add(kind="forged")


def check_whole(state, server, same_bytes=True):
    """All is mailed, in two mails, of which copies are the same; nothing is left to do."""
    state.once()
    copies = {}
    for m in server.mails:
        copies.setdefault(m.id, set()).add(m.data)
    equal(len(copies), 2)
    assert not same_bytes or all(len(bodies) == 1 for bodies in copies.values())
    equal(sorted(u for m in {m.id: m for m in server.mails}.values() for u in users(m)),
          ["user1", "user2", "user3"])
    equal([marks(state)["", lane] for lane in ("login", "forged")], [3, 3])
    equal(state.spooled(), [])


def enumerate_calls(attempt, calls):
    """Calls attempt(call, N) for N from 1 until it gives None; gives all that it gave."""
    def enumerate_one(call):
        found = []
        for when in range(1, 200):
            try:
                came = attempt(call, when)
            except AssertionError as problem:
                raise AssertionError(f"{call} {when}: {problem}") from problem
            if came is None:
                return found
            found.append(f"{call.split(',')[0]} {when}: {came}")
        raise AssertionError(f"{call}: no end")
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        found = [f for part in pool.map(enumerate_one, calls) for f in part]
    for f in found:
        print("#", f)
    print(f"# {len(found)} in all", flush=True)
    return found


def needs_strace(function):
    @functools.wraps(function)
    def run(state):
        return function(state) if shutil.which("strace") else "SKIP no strace"
    return run


def fail_once(call, when):
    error = ERRORS[when % len(ERRORS)]
    with tempfile.TemporaryDirectory() as d, Server() as server:
        state = State(d)
        fill(state, server)
        p = subprocess.run(start(state, "-e", f"trace={call}", "-e",
                                 f"inject={call}:error={error}:when={when}"),
                           capture_output=True, timeout=3 * DEADLINE, env=ENVIRONMENT)
        log = p.stderr.decode()
        line = next((l for l in trace_of(state).splitlines() if "(INJECTED)" in l), None)
        if not line:
            equal(p.returncode, 0)
            return None
        what = re.sub(r"^\d+ +|/tmp/[^/>]*/state", "", line)
        # Only what can be neither read nor locked has to wait.
        assert p.returncode == 0 or WAITS.search(line), f"{p.returncode}, {what}:\n{log}"
        assert SILENT.search(line) or re.search(
            "No space|Input/output|Disk quota|Read-only", log), f"not told: {what}\n{log}"
        before = len(server.mails)
        equal(before == 2, p.returncode == 0)
        check_whole(state, server)
        return f"{what}: exit status {p.returncode}, {len(server.mails) - 2} mailed again"


@test
@needs_strace
def a_call_that_fails_holds_back_nothing(_):
    assert len(enumerate_calls(fail_once, CALLS)) > 40


@test
@needs_strace
def a_disk_that_is_full_for_long_holds_back_nothing(_):
    """The sender stays; meanwhile alerts come. What was not written is written when it can be."""
    for calls in ("write,pwrite64", "fsync,fdatasync", "renameat,rename,renameat2", "unlinkat"):
        with tempfile.TemporaryDirectory() as d, Server() as server:
            state = State(d)
            state.config(server, alert="Interval=0")
            state.new_ledger()
            # The lock's own pid is the first that is written.
            command = start(state, "-e", f"trace={calls}", "-e",
                            f"inject={calls}:error=ENOSPC:when=3..20", follow=True)
            with Process(command, ENVIRONMENT) as tracer:
                pid = sender_pid(state)
                for number in range(1, 12):
                    state.add()
                    server.got(number)
                    wait_for(lambda n=number: f"user{n}" in server.mails[-1].text, "the next mail")
                wait_for(lambda: marks(state).get(("", "login")) == 11, "the mark")
                os.kill(pid, signal.SIGTERM)
                tracer.p.wait(DEADLINE)
                assert "No space left on device" in tracer.log(), tracer.log()
            equal(sorted(sum(map(users, server.mails), [])), sorted(f"user{n}" for n in range(1, 12)))
            state.once()
            equal((len(server.mails), state.spooled()), (11, []))


def sender_pid(state):
    """Of a sender that runs under strace, once it has its lock."""
    def locked():
        with contextlib.suppress(FileNotFoundError, ValueError):
            with open(state.file("sender.pid"), encoding="ascii") as f:
                return int(f.readline().removeprefix("PID="))
    return wait_for(locked, "the sender's lock")


def kill_once(call, when):
    with tempfile.TemporaryDirectory() as d, Server() as server:
        state = State(d)
        fill(state, server)
        command = start(state, "-e", f"trace={call}", "-e",
                        f"inject={call}:signal=KILL:when={when}", follow=True)
        with Process(command, ENVIRONMENT) as tracer:
            def over():
                return tracer.p.poll() is not None or marks(state).get(("", "forged")) == 3
            wait_for(over, "the end")
            if tracer.p.poll() is None:
                with contextlib.suppress(ProcessLookupError):  # it was killed just now
                    os.kill(sender_pid(state), signal.SIGTERM)
            tracer.p.wait(DEADLINE)
        line = next((l for l in trace_of(state).splitlines() if "killed by SIGKILL" in l), None)
        mailed = len(server.mails)
        check_whole(state, server)
        return f"{mailed} of 2 mailed, {len(server.mails) - 2} again" if line else None


@test
@needs_strace
def a_follower_killed_at_any_call_loses_nothing(_):
    assert len(enumerate_calls(kill_once, CALLS + ("poll", "inotify_add_watch"))) > 40


def durable(trace, state):
    """
    Walks a trace, and knows what a power loss would leave: a file after its fsync, a name after that
    of its folder. Gives how many mails went out.
    """
    synced, renamed, kept, sent = set(), {}, set(), 0
    for line in trace.splitlines():
        line = re.sub(r"^\d+ +", "", line)
        if m := re.match(r"f(?:data)?sync\(\d+<(.*?)>\) += 0", line):
            synced.add(m[1])
            for name in [n for n in renamed if os.path.dirname(n) == m[1]]:
                kept.add(name)
                del renamed[name]
        elif m := re.match(r'renameat\(\d+<(.*?)>, "(.*?)", \d+<.*?>, "(.*?)"\) += 0', line):
            assert f"{m[1]}/{m[2]}" in synced, f"renamed before its fsync: {line}"
            synced.discard(f"{m[1]}/{m[2]}")
            renamed[f"{m[1]}/{m[3]}"] = True
            kept.discard(f"{m[1]}/{m[3]}")
        elif m := re.match(r'pwrite64\(\d+<(.*?/spool/.*?)>, "1", 1', line):
            synced.discard(m[1])
        elif m := re.match(r'unlinkat\(\d+<(.*?)>, "(spool/[a-z.]*)", 0\) += 0', line):
            assert state.file("delivery") in kept, f"removed before it is noted: {line}"
            kept.discard(state.file("delivery"))
        elif re.match(r'(sendto|write|sendmsg)\(\d+<TCP.*From: ', line):
            mail = state.file(f"spool/mail.{('login', 'forged')[sent]}")
            assert mail in kept and mail in synced, f"sent before it is durable: {line}"
            assert os.path.dirname(state.file("delivery")) in synced, f"sent before spool/ is durable: {line}"
            assert state.file("ledger") in synced, f"sent before its alerts are durable: {line}"
            synced.discard(state.file("ledger"))
            sent += 1
    return sent


@test
@needs_strace
def mails_are_durable_before_they_go_and_marks_before_they_are_gone(state):
    with Server() as server:
        fill(state, server)
        command = start(state, "-yy", "-s", "2000", "-e", "trace=fsync,fdatasync,renameat,rename,"
                        "renameat2,pwrite64,unlinkat,sendto,sendmsg,write")
        # Sockets too: without the paths.
        command = command[:command.index("-P")] + state.command("-v")
        subprocess.run(command, check=True, capture_output=True, timeout=3 * DEADLINE,
                       env=ENVIRONMENT)
        equal(durable(trace_of(state), state), 2)
        equal(len(server.mails), 2)


@test
def a_disk_that_takes_so_many_bytes_holds_back_nothing(_):
    """Short writes: no file may grow beyond a limit, which falls anywhere into what is written."""
    for limit in (0, 1, 30, 31, 200, 367, 1000, 1900):
        def limited(n=limit):
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (n, n))
        with tempfile.TemporaryDirectory() as d, Server() as server:
            state = State(d)
            fill(state, server)
            p = subprocess.run(state.command(), capture_output=True, timeout=DEADLINE,
                               preexec_fn=limited)
            equal((p.returncode, len(server.mails)), (0, 2))
            assert b"File too large" in p.stderr, (limit, p.stderr)
            # Neither the mail nor what was done could be kept: only the Message-ID is the same.
            check_whole(state, server, same_bytes=False)


if __name__ == "__main__":
    sys.exit(main())
