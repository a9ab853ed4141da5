#!/usr/bin/env python3
"""
Killed at any system call: scan with its sender is killed at the Nth call of each name that touches
state or network, for every N there is, then run again until it is done. What the journal holds must
have been mailed; a second copy has the same Message-ID and the same bytes. The same for watch, killed at
random moments while logins arrive.
"""

import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import time

import harness
from harness import DEADLINE, ELSEWHERE, WORK, body, entry, make_journal
from tap import case, expect, expect_equal, main

JOURNAL = f"{WORK}/journal"
LOGINS = 20
KILLS = 200  # of a watch
T0 = 1795400000000000  # microseconds
CALLS = ("openat", "write", "pwrite64", "fdatasync", "fsync", "renameat,rename", "unlinkat",
         "ftruncate", "fallocate", "fchmod", "flock", "mkdir", "connect", "sendto", "sendmsg",
         "recvfrom", "poll", "wait4,waitid", "clone,clone3,fork,vfork")
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")  # LeakSanitizer cannot be traced


def login(number):
    return entry(f"Accepted password for u{number:02} from {ELSEWHERE} port {1000 + number} ssh2",
                 T0 + number * 1000000)


def told(mail):
    return re.findall(r"Accepted password for (u\d+) ", " ".join(body(mail).split()))


class Tally:
    def __init__(self):
        self.kills = self.doubled = 0

    def check(self, host, what, number=LOGINS):
        """Logins 1 to number are told, each in one mail, of which there may be copies."""
        mails = {}
        for m in host.mailbox.mails:
            mails.setdefault(m["Message-ID"], []).append(m)
        for copies in mails.values():
            expect_equal(len({m.raw for m in copies}), 1, f"{what}: copies differ")
            self.doubled += len(copies) - 1
        users = sorted(u for copies in mails.values() for u in told(copies[0]))
        expect_equal(users, sorted(f"u{n:02}" for n in range(1, number + 1)), what)

    def say(self, what):
        print(f"# {what}: {self.kills} kills, 0 lost, {self.doubled} mailed again", flush=True)


def prepare(host):
    """A journal with logins behind the position of a first scan; the state is kept as a model."""
    shutil.rmtree(JOURNAL, ignore_errors=True)
    make_journal(f"{JOURNAL}/system.journal", login(0))
    host.configure(state_owner=None, tls="none")
    host.command("scan", f"--directory={JOURNAL}")
    make_journal(f"{JOURNAL}/system.journal", *(login(n) for n in range(1, LOGINS + 1)))
    shutil.rmtree(f"{WORK}/model", ignore_errors=True)
    shutil.copytree(host.state, f"{WORK}/model")


def scan_killed(host, call, when):
    """Gives whether anything was killed."""
    shutil.rmtree(host.state)
    shutil.copytree(f"{WORK}/model", host.state)
    host.mailbox.mails.clear()
    trace = f"{WORK}/strace"
    subprocess.run(["strace", "-f", "-qq", "-o", trace, "-e", f"trace={call}", "-e",
                    f"inject={call}:signal=KILL:when={when}",
                    *host.arguments("scan", f"--directory={JOURNAL}")],
                   stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE,
                   env=ENVIRONMENT, check=False)
    with open(trace, encoding="utf-8", errors="replace") as file:
        return "killed by SIGKILL" in file.read()


def scan_until_done(host):
    """What a killed sender's server holds may have to time out: a few runs may be needed."""
    for _ in range(5):
        done = host.command("scan", f"--directory={JOURNAL}", check=False)
        if done.returncode == 0:
            return
    raise AssertionError(f"never done: {done.stdout}{done.stderr}")


@case
def scan_killed_at_any_system_call_loses_nothing(host):
    prepare(host)
    tally = Tally()
    for call in CALLS:
        when = 1
        while scan_killed(host, call, when):
            tally.kills += 1
            scan_until_done(host)
            tally.check(host, f"{call} {when}")
            expect_equal(host.ledger().count("KIND=login"), LOGINS, f"{call} {when}: ledger")
            when += 1
    expect(tally.kills > 50, f"only {tally.kills} kills")
    tally.say("scan")


def check_order(calls, state):
    """
    The promise, in the calls of one process as strace -y prints them: what was written to the
    ledger is durable before a position replaces another, and whatever replaces a file is durable
    before that, and its name behind it. Gives how many positions were stored.
    """
    unsynced, pending, positions = set(), None, 0
    for call in calls:
        name, _, rest = call.partition("(")
        path = next(iter(re.findall(rf"<({re.escape(state)}[^>]*)>", rest)), None)
        if " = -1 " in call or not path:
            continue
        if name in ("write", "pwrite64", "ftruncate"):
            expect(pending is None, f"{pending} is not durable as a name before {call}")
            unsynced.add(path)
        elif name in ("fsync", "fdatasync"):
            unsynced.discard(path)
            if path == state:
                pending = None
        elif name.startswith("rename"):
            old, new = re.findall(r'"([^"]*)"', rest)
            expect(f"{state}/{old}" not in unsynced, f"{old} is not durable before {call}")
            expect(pending is None, f"{pending} is not durable as a name before {call}")
            if new == "position":
                positions += 1
                expect(f"{state}/ledger" not in unsynced, f"the ledger is not durable at {call}")
            pending = new
    expect(pending is None, f"{pending} is not durable as a name at the end")
    expect_equal(unsynced & {f"{state}/ledger"}, set(), "at the end")
    return positions


@case
def what_is_written_is_durable_in_the_promised_order(host):
    prepare(host)
    trace = f"{WORK}/strace"
    subprocess.run(["strace", "-qq", "-y", "-o", trace, "-e",
                    "trace=write,pwrite64,ftruncate,fsync,fdatasync,rename,renameat,renameat2",
                    *host.arguments("scan", "--no-deliver", f"--directory={JOURNAL}")],
                   stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE,
                   env=ENVIRONMENT, check=True)
    with open(trace, encoding="utf-8", errors="replace") as file:
        calls = file.read().splitlines()
    expect(check_order(calls, host.reader) >= 1, "no position was stored")
    expect_equal(host.ledger().count("KIND=login"), LOGINS)
    ledger = next(n for n, c in enumerate(calls) if c.startswith("fdatasync"))
    for broken in (calls[:ledger] + calls[ledger + 1:],
                   [c for c in calls if not c.startswith("fsync")]):
        try:
            check_order(broken, host.reader)
        except AssertionError:
            continue
        raise AssertionError("a broken order is not noticed")


FAULTS = {
    "write": ("error=ENOSPC", "error=EDQUOT", "error=EIO", "retval=3"),
    "fdatasync": ("error=EIO", "error=ENOSPC"),
    "fsync": ("error=EIO", "error=ENOSPC"),
    "renameat,rename": ("error=ENOSPC", "error=EROFS"),
    "unlinkat": ("error=EROFS",),
    "fchmod": ("error=EPERM",),
    "ftruncate": ("error=EIO",),
    "fallocate": ("error=ENOSPC",),
    "openat": ("error=EROFS",),
}


@case
def a_fault_of_the_disk_at_any_system_call_loses_and_repeats_nothing(host):
    prepare(host)
    faults = 0
    for call, errors in FAULTS.items():
        for error in errors:
            for when in itertools.count(1):
                shutil.rmtree(host.state)
                shutil.copytree(f"{WORK}/model", host.state)
                host.mailbox.mails.clear()
                trace = f"{WORK}/strace"
                done = subprocess.run(
                    ["strace", "-qq", "-o", trace, "-e", f"trace={call}", "-P", host.reader,
                     *(a for n in ("ledger", "position", "position.tmp", "reserve", "reader.lock")
                       for a in ("-P", f"{host.reader}/{n}")),
                     "-e", f"inject={call}:{error}:when={when}",
                     *host.arguments("scan", "--no-deliver", f"--directory={JOURNAL}")],
                    stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE,
                    env=ENVIRONMENT, check=False)
                with open(trace, encoding="utf-8", errors="replace") as file:
                    if "(INJECTED)" not in file.read():
                        break
                faults += 1
                what = f"{call} {error} {when}: {done.stderr.decode(errors='replace')}"
                expect(done.returncode in (0, 1), what)
                expect(done.returncode == 0 or done.stderr, what)
                host.command("scan", "--no-deliver", f"--directory={JOURNAL}")
                expect_equal(host.ledger().count("\nKIND=login\n"), LOGINS, what)
                expect_equal(sorted(re.findall(r"^USER=(.*)", host.ledger(), re.M)),
                             [f"u{n:02}" for n in range(1, LOGINS + 1)], what)
        scan_until_done(host)
        Tally().check(host, call)
    expect(faults > 30, f"only {faults} faults")
    print(f"# {faults} faults", flush=True)


class Writer:
    """A journal that grows while it is read."""

    def __init__(self):
        self.process = subprocess.Popen(
            [harness.JOURNAL_REMOTE, "-o", f"{JOURNAL}/system.journal", "-"],
            stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def write(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def close(self):
        self.process.stdin.close()
        self.process.wait(DEADLINE)


@case
def watch_killed_at_random_moments_loses_nothing(host):
    seed = int.from_bytes(os.urandom(4), "big")
    print(f"# seed {seed}", flush=True)
    moments = random.Random(seed)
    tally = Tally()
    shutil.rmtree(JOURNAL, ignore_errors=True)
    make_journal(f"{JOURNAL}/system.journal", login(0))
    host.configure(state_owner=None, tls="none")
    host.mailbox.mails.clear()
    host.command("scan", f"--directory={JOURNAL}")
    writer = Writer()
    number = 0
    for _ in range(KILLS):
        watch = host.watch(f"--directory={JOURNAL}")
        for _ in range(moments.randrange(3)):
            number += 1
            writer.write(login(number))
        time.sleep(moments.random() * 0.06)  # the moment of the kill
        watch.stop(signal.SIGKILL)
        tally.kills += 1
    writer.close()
    scan_until_done(host)
    tally.check(host, "watch", number)
    expect_equal(host.ledger().count("KIND=login"), number)
    tally.say("watch")


if __name__ == "__main__":
    the_host = harness.start()
    the_host.mailbox = harness.Mailbox(tls=False, auth=False).start()
    main(the_host)
