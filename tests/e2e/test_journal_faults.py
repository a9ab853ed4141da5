#!/usr/bin/env python3
"""What can happen to a journal: files that come, go, may not be read, or are damaged."""

import contextlib
import glob
import os
import random
import re
import shutil
import signal
import socket
import time

import harness
import hosts
from harness import ELSEWHERE, WORK, body, entry, make_journal, run
from tap import Skip, case, expect, expect_equal, expect_in, main

STORED = "/var/log/journal"
VOLATILE = "/run/log/journal"
SEED = int(os.environ.get("LOGINBELL_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
T0 = 1795400000000000  # 2026-11-23, microseconds
SECOND = 1000000
SETTLED = 2.5          # seconds after which a file is no longer one that journald just made
IN_A_FILE = 20         # logins of a damaged journal
HEADER = 272           # bytes at the beginning of a journal file
# Of these the flags for hash and layout, the key, and place and size of the hash table: with one bit
# of them flipped, a file looks as if it held nothing.
LOOKED_UP_BY = (12, *range(24, 40), *range(104, 120))


def read(path):
    with open(path, "rb") as file:
        return file.read()


def machine_id():
    with open("/etc/machine-id", encoding="ascii") as file:
        return file.read().strip()


def files():
    return sorted(p for root in (STORED, VOLATILE) for p in glob.glob(f"{root}/*/*.journal*"))


def remove(*paths):
    for path in paths:
        shutil.rmtree(path, ignore_errors=True)


class Scene:
    """A journald with an empty journal, and a `watch`; both end with it."""

    def __init__(self, host, persistent=True, start=True, conf=""):
        self.host, self.persistent, self.start, self.conf = host, persistent, start, conf
        self.ports, self.watch = [], None

    def __enter__(self):
        host = self.host
        remove(STORED, VOLATILE)
        with contextlib.suppress(FileNotFoundError):
            os.unlink("/run/systemd/journal/flushed")
        harness.write("/etc/systemd/journald.conf", f"[Journal]\n{self.conf}\n")
        host.start_journald(self.persistent)
        host.mailbox.mails.clear()
        host.configure()
        if self.start:
            self.login()  # there is a journal file, and an entry for the position
            host.journal_sync()
            self.ports.clear()
            self.again()
        return self

    def __exit__(self, kind, *_):
        try:
            if self.watch and self.watch.process.poll() is None:
                status = self.watch.stop()
                if kind is None:
                    expect_equal(status, 0, f"exit status of watch\n{self.watch.log()}")
        finally:
            if self.host.journald.process.poll() is None:
                self.host.journald.stop()

    def again(self):
        self.watch = self.host.watch()

    def login(self):
        """A login that has to be told; gives its port."""
        self.ports.append(self.host.login("root", ELSEWHERE,
                                          command="set -- $SSH_CLIENT; echo $2").strip())
        return self.ports[-1]

    def told(self, kind="login"):
        """The ports, or the reasons, of what the ledger tells of."""
        key = "PORT" if kind == "login" else "REASON"
        return [re.search(rf"^{key}=(.*)$", block, re.M)[1]
                for block in self.host.ledger().split("\n\n")
                if re.search(rf"^KIND={kind}$", block, re.M)]

    def await_told(self, what="the logins in the ledger"):
        """All logins, each once and in their order."""
        harness.await_true(lambda: self.ports[-1] in self.told(), f"{what}\n{self.watch.log()}")
        expect_equal(self.told(), self.ports, what)

    def await_gap(self, part):
        """A gap's reason in the ledger."""
        return harness.await_true(lambda: next((r for r in self.told("gap") if part in r), None),
                                  f"a gap that tells {part!r}: {self.watch.log()}")


# A journal that comes later

def flush(host):
    """Returns when journald has moved /run/log/journal to /var/log/journal."""
    run("journalctl", "--flush")


@case
def a_journal_that_becomes_persistent_is_followed(host):
    with Scene(host, persistent=False) as scene:
        expect(not os.path.exists(STORED), "there is a persistent journal")
        scene.login()
        scene.await_told()
        host.make_journal_root()
        flush(host)
        expect_equal([p for p in files() if p.startswith(VOLATILE)], [])
        scene.login()
        scene.await_told()
        expect_equal(scene.told("gap"), [])
        scene.watch.stop()
        scene.login()
        host.journal_sync()
        scene.again()
        scene.login()
        scene.await_told()
        expect_equal(scene.told("gap"), [])


@case
def a_journal_that_became_persistent_while_nobody_read_is_gone_on_in(host):
    with Scene(host, persistent=False) as scene:
        scene.login()
        scene.await_told()
        scene.watch.stop()
        scene.login()
        host.journal_sync()
        host.make_journal_root()
        flush(host)
        scene.login()
        host.journal_sync()
        scene.again()
        scene.await_told()
        expect_equal(scene.told("gap"), [])


@case
def a_journal_that_becomes_volatile_is_followed(host):
    """The whole tree of the persistent one is removed, and journald begins in /run."""
    with Scene(host) as scene:
        scene.login()
        scene.await_told()
        host.journald.stop()
        remove(STORED)
        os.unlink("/run/systemd/journal/flushed")
        host.start_journald(persistent=False)
        scene.login()
        scene.await_told()


@case
def a_later_journal_that_may_not_be_read_is_told_and_read_when_it_may(host):
    with Scene(host, persistent=False) as scene:
        scene.login()
        scene.await_told()
        os.mkdir(STORED)  # by hand: without the group that journald's files get from it
        os.chmod(STORED, 0o755)
        flush(host)
        scene.login()
        harness.await_true(lambda: "add the user to group" in scene.watch.log(),
                           f"an error that says what to do\n{scene.watch.log()}")
        for path in glob.glob(f"{STORED}/*/*"):
            shutil.chown(path, "root", "systemd-journal")
        scene.await_told()


@case
def a_machine_id_that_changes_ends_the_reader_and_the_next_one_reads_the_new_journal(host):
    with Scene(host) as scene:
        scene.login()
        scene.await_told()
        first = machine_id()
        try:
            harness.write("/etc/machine-id", os.urandom(16).hex() + "\n", 0o444)
            before = scene.login()  # journald does not know yet
            harness.await_true(lambda: "/etc/machine-id has changed" in scene.watch.log(),
                               "the reader's end")
            host.journald.stop()
            host.start_journald()
            harness.await_true(lambda: scene.watch.log().count("watching the journal") == 2,
                               "the next reader")
            after = scene.login()
            harness.await_true(lambda: after in scene.told(), "the login after the change")
            # Its record may come when the reader has ended, and then only the old directory has it.
            expect(before in scene.told() or scene.told("gap"), "the login before, or a gap")
            expect_equal(scene.watch.stop(), 0)
        finally:
            host.journald.stop()
            harness.write("/etc/machine-id", first + "\n", 0o444)


@case
def what_new_users_wrote_before_entries_that_were_read_is_found(host):
    uids = list(range(41000, 41005))
    with Scene(host) as scene:
        scene.watch.send(signal.SIGSTOP)
        for uid in uids:  # each gets a journal file
            run("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "logger", "-t",
                "sshd", f"Accepted publickey for root from 203.0.113.66 port {uid} ssh2")
        scene.login()
        host.journal_sync()
        scene.watch.send(signal.SIGCONT)
        scene.await_told()
        expect_equal(scene.watch.stop(), 0)
        for _ in range(2):
            found = re.findall(r"^UID=(41\d+)$", host.ledger(), re.M)
            expect_equal(sorted(found), [str(uid) for uid in uids])
            host.command("scan")


# A journal that is replaced

@case
def a_directory_that_is_replaced_is_followed(host):
    with Scene(host) as scene:
        for path in (f"{STORED}/{machine_id()}", STORED):
            scene.login()
            scene.await_told()
            host.journald.stop()
            os.rename(path, f"/var/log/old{len(scene.ports)}")
            host.start_journald()
            scene.login()
            scene.await_told(path)
        for path in glob.glob("/var/log/old*"):
            shutil.rmtree(path)


@case
def a_login_in_files_that_are_deleted_is_told(host):
    with Scene(host) as scene:
        for _ in range(3):
            scene.login()
            time.sleep(0.05)
            for path in files():
                os.unlink(path)
            scene.await_told()
            host.rotate_journal()
        scene.login()
        scene.await_told()


def archived():
    return [p for p in files() if "@" in p]


def active():
    return f"{STORED}/{machine_id()}/system.journal"


@case
def what_journald_writes_into_a_deleted_file_is_told(host):
    """It looks every five seconds whether its file still has a name."""
    with Scene(host) as scene:
        for number in range(1, 4):
            scene.login()
            scene.await_told()
            for path in files():
                os.unlink(path)
            scene.login()
            scene.await_told()
            scene.await_gap(f"{active()} was deleted")
            expect_equal(len(scene.told("gap")), number)
            host.rotate_journal()
        scene.login()
        scene.await_told()
        expect_equal(len(scene.told("gap")), 3)


@case
def what_journald_writes_into_a_deleted_file_that_had_grown_is_told(host):
    """libsystemd reads such a file no further than it was when it last looked at its size."""
    with Scene(host) as scene:
        size = os.path.getsize(active())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            log.connect("/dev/log")
            number = 0
            while os.path.getsize(active()) == size:
                log.send(b"<38>noise: %d %s" % (number, os.urandom(200).hex().encode()))
                number += 1
        host.journal_sync()
        scene.login()
        scene.await_told()
        os.unlink(active())
        scene.login()
        scene.await_told()
        scene.await_gap(f"{active()} was deleted")


@case
def what_journald_writes_into_a_file_that_was_moved_away_is_told(host):
    """It does not notice that before it rotates."""
    with Scene(host) as scene:
        for path in (active(), os.path.dirname(active()), STORED):
            away = f"/var/log/away{len(scene.ports)}"
            scene.login()
            scene.await_told()
            os.rename(path, away)
            for _ in range(2):
                scene.login()
                scene.await_told(path)
            scene.await_gap(f"{active()} was moved to {away}")
            host.make_journal_root()
            os.makedirs(os.path.dirname(active()), exist_ok=True)
            shutil.chown(os.path.dirname(active()), "root", "systemd-journal")
            os.chmod(os.path.dirname(active()), 0o2755)
            host.rotate_journal()
            scene.login()
            scene.await_told(path)
        expect_equal(len(scene.told("gap")), 3)
        for path in glob.glob("/var/log/away*"):
            remove(path) if os.path.isdir(path) else os.unlink(path)


@case
def a_file_that_was_moved_away_and_back_is_told_once(host):
    with Scene(host) as scene:
        for _ in range(2):
            scene.login()
            scene.await_told()
            os.rename(active(), "/var/log/away")
            scene.login()
            scene.await_told()
            os.rename("/var/log/away", active())
            scene.login()
            scene.await_told()
        scene.await_gap("moved to /var/log/away")


@case
def a_file_that_was_moved_away_while_nobody_read_is_told(host):
    with Scene(host) as scene:
        scene.login()
        scene.await_told()
        host.rotate_journal()
        scene.watch.stop(signal.SIGKILL)
        os.rename(active(), "/var/log/away")
        scene.again()
        scene.await_gap(f"there is no {active()}")
        host.rotate_journal()
        scene.login()
        scene.await_told()
        os.unlink("/var/log/away")


@case
def rotation_and_vacuum_are_no_gap_for_who_follows(host):
    with Scene(host) as scene:
        for _ in range(4):
            scene.login()
            host.rotate_journal()
            scene.login()
            scene.await_told()
            run("journalctl", "--vacuum-files=1")
            scene.login()
            scene.await_told()
        expect_equal(len(archived()), 0, "archived files that vacuum left")
        expect_equal(scene.told("gap"), [])


@case
def what_was_rotated_while_nobody_read_is_read_once(host):
    with Scene(host) as scene:
        scene.login()
        scene.await_told()
        scene.watch.stop()
        for _ in range(3):
            scene.login()
            host.rotate_journal()
        host.journal_sync()
        scene.again()
        scene.login()
        scene.await_told()
        expect_equal(scene.told("gap"), [])


@case
def what_was_vacuumed_unread_is_a_gap_with_its_interval(host):
    with Scene(host) as scene:
        scene.login()
        scene.await_told()
        scene.watch.stop()
        host.login("root", ELSEWHERE)  # nobody will know
        host.rotate_journal()
        run("journalctl", "--vacuum-files=1")
        scene.login()
        host.journal_sync()
        begin = int(re.search(r"^__REALTIME_TIMESTAMP=(.*)", host.journal("-o", "export"), re.M)[1])
        scene.again()
        scene.await_gap("vacuumed before it was read")
        scene.await_told()
        interval = re.search(r"^TIME_USEC=(\d+)\n(?:.+\n)*?FROM_USEC=(\d+)$", host.ledger(), re.M)
        expect_equal(int(interval[1]), begin)
        expect(int(interval[2]) < begin, host.ledger())


# What journald says and does not say

@case
def without_a_journal_it_is_an_error_and_auto_takes_the_file(host):
    with Scene(host, persistent=False, start=False, conf="Storage=none"):
        run("logger", "-t", "sshd", "Accepted password for root from 203.0.113.9 port 1 ssh2")
        host.journal_sync()
        expect_equal(files(), [])
        for command in ("scan", "report", "watch"):
            done = host.command(command, "--source=journal", check=False)
            expect_equal((done.returncode, done.stdout), (1, ""), command)
            expect_in(f"no journal files in {STORED}/{machine_id()}", done.stderr)
        log = harness.write("/var/log/auth.log", "Nov  3 04:05:06 web1 sshd[7]: Accepted password "
                            "for eve from 203.0.113.9 port 1 ssh2\n")
        done = host.command("report", "--source=auto")
        expect_in(f"reading {log}", done.stderr)
        expect_in("eve", done.stdout)
        os.unlink(log)


@case
def journals_of_namespaces_are_not_read(host):
    """They hold what services in a LogNamespace= write: sshd's is the machine's own."""
    with Scene(host) as scene:
        scene.login()
        scene.await_told()
        text = entry("Accepted password for eve from 203.0.113.66 port 1 ssh2",
                     int(time.time() * SECOND))
        make_journal(f"{STORED}/{machine_id()}.other/system.journal", text)
        scene.login()
        scene.await_told()
        expect("203.0.113.66" not in host.command("report").stdout, "the report reads it")


@case
def what_journald_suppressed_of_sshd_is_a_gap_with_the_number(host):
    tops = hosts.cgroups()
    if not tops:
        raise Skip("no control groups here")
    own = f"{hosts.CGROUP}{os.urandom(4).hex()}"

    def join(name):
        for top in tops:
            os.makedirs(f"{top}/{name}", exist_ok=True)
            harness.write(f"{top}/{name}/cgroup.procs", "0")

    join(own)  # as PID 1 of this machine: below it journald finds units
    try:
        with Scene(host, conf="RateLimitIntervalSec=1s\nRateLimitBurst=10"):
            speak = ("import socket,time\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n"
                     "s.connect('/dev/log')\nfor n in range(2000):\n"
                     " s.send(b'<38>sshd[7]: Connection closed by 203.0.113.77 port %d' % n)\n"
                     "time.sleep(1.5)\ns.send(b'<38>sshd[7]: one more')\ntime.sleep(0.5)\n")
            run("/usr/bin/python3", "-c", speak,
                preexec_fn=lambda: join(f"{own}/system.slice/ssh.service"))
            mail = host.mailbox.wait_for(lambda m: "ssh.service" in body(m), "the gap's mail")
            number = re.search(r"Suppressed (\d+) messages from ssh.service",
                               host.journal("-o", "cat", "-g", "^Suppressed"))[1]
            expect_in(number, body(mail))
    finally:
        join("")
        hosts.remove_cgroups(own)


# Damage

def flip(path, data, numbers, where=None):
    """Flips some bits of the file that holds `data`; where that is given, one of its header."""
    last = len(data.rstrip(b"\0")) - 1
    with open(path, "r+b") as file:
        for _ in range(1 if where else numbers.choice((1, 1, 4, 64))):
            at = numbers.choice(where) if where else numbers.randrange(last)
            while not where and at > HEADER and not data[at]:  # most is tables that are empty
                at = numbers.randrange(last) if numbers.random() < 0.9 else numbers.randrange(HEADER)
            file.seek(at)
            file.write(bytes([data[at] ^ 1 << numbers.randrange(8)]))


@case
def a_report_of_damaged_files_tells_what_it_lacks(host):
    print(f"# LOGINBELL_SEED={SEED}", flush=True)
    numbers = random.Random(SEED)
    logins = [f"Accepted password for u{n} from 203.0.113.9 port {1000 + n} ssh2"
              for n in range(3 * IN_A_FILE)]
    directory = f"{WORK}/damaged"
    for part in range(3):
        make_journal(f"{directory}/system@{part}.journal", *(
            text for n in range(IN_A_FILE * part, IN_A_FILE * part + IN_A_FILE) for text in
            (entry(logins[n], T0 + n * SECOND), entry(f"noise {n}", T0 + n * SECOND + 1))))
    whole = {path: read(path) for path in glob.glob(f"{directory}/*")}
    host.configure()
    time.sleep(SETTLED)
    for round_number in range(60):
        damaged = numbers.choice(sorted(whole))
        if round_number % 6 == 5:
            os.truncate(damaged, numbers.randrange(1, len(whole[damaged].rstrip(b"\0"))))
        else:
            flip(damaged, whole[damaged], numbers, LOOKED_UP_BY if round_number % 6 == 4 else None)
        done = host.command("report", "-o", "json", f"--directory={directory}", check=False)
        with open(damaged, "r+b") as file:
            file.write(whole[damaged])
        expect(done.returncode in (0, 1), f"exit status {done.returncode}: {done.stderr}")
        told = done.returncode == 1 or '"kind":"gap"' in done.stdout
        for part in range(0, len(logins), IN_A_FILE):
            expect(told or any(text in done.stdout for text in logins[part:part + IN_A_FILE]),
                   f"round {round_number}: nothing tells that {damaged} was not read")


@case
def a_follower_gets_over_truncated_files(host):
    print(f"# LOGINBELL_SEED={SEED}", flush=True)
    numbers = random.Random(SEED)
    with Scene(host) as scene:
        for number in range(6):
            scene.login()
            scene.await_told()
            host.rotate_journal()
            time.sleep(0.1)
            host.journal_sync()
            path = numbers.choice([p for p in files() if "@" in p])
            os.truncate(path, numbers.randrange(1, os.path.getsize(path)))
            expect(scene.watch.process.poll() is None,
                   f"watch ended with {scene.watch.process.poll()}: {scene.watch.log()}")
            if number % 2:
                scene.watch.stop(signal.SIGKILL)
                scene.again()
        # What journald writes into a damaged file may be lost to everybody, not what comes behind.
        active = next(p for p in files() if "@" not in p)
        os.truncate(active, numbers.randrange(1, os.path.getsize(active)))
        host.login("root", ELSEWHERE)
        host.journald.stop()
        os.unlink(active)
        host.start_journald()
        port = scene.login()
        harness.await_true(lambda: port in scene.told(), f"the login\n{scene.watch.log()}")


@case
def a_damaged_file_that_journald_writes_to_is_told(host):
    with Scene(host) as scene:
        scene.login()
        scene.await_told()
        time.sleep(SETTLED)
        scene.watch.stop()
        host.journald.stop()
        with open(active(), "r+b") as file:
            file.write(b"\0" * HEADER)
        scene.again()
        scene.await_gap(f"{active()} is damaged")


@case
def a_reader_that_crashed_is_told_by_the_scan_behind_it(host):
    with Scene(host) as scene:
        scene.watch.stop(signal.SIGKILL)
        for result, status in (("signal", "KILL"), ("watchdog", "ABRT"), ("success", "SEGV")):
            host.command("scan", "--no-deliver",
                         env=dict(os.environ, SERVICE_RESULT=result, EXIT_STATUS=status))
        expect_equal(scene.told("gap"), [])
        for status in ("SEGV", "BUS"):
            host.command("scan", "--no-deliver",
                         env=dict(os.environ, SERVICE_RESULT="core-dump", EXIT_STATUS=status))
        expect_equal([re.search(r"SIG\w+", reason)[0] for reason in scene.told("gap")],
                     ["SIGSEGV", "SIGBUS"])


@case
def a_file_that_is_damaged_while_it_is_followed_is_told_once(host):
    with Scene(host) as scene:
        scene.login()
        scene.await_told()
        host.rotate_journal()
        time.sleep(SETTLED)
        archived = next(p for p in files() if "@" in p)
        with open(archived, "r+b") as file:
            file.write(b"\0" * HEADER)
        scene.watch.stop(signal.SIGKILL)
        scene.again()
        scene.await_gap(f"{archived} is damaged")
        scene.login()
        scene.await_told()
        scene.watch.stop()
        scene.again()
        scene.login()
        scene.await_told()
        expect_equal([archived in reason for reason in scene.told("gap")].count(True), 1)


if __name__ == "__main__":
    the_host = harness.start()
    the_host.start_journald()
    the_host.start_sshd()
    the_host.journald.stop()
    the_host.mailbox.start()
    main(the_host)
