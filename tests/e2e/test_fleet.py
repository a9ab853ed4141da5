#!/usr/bin/env python3
"""
Logins on several hosts, whose journals a real systemd-journal-remote collects over HTTP: it then
names them by their addresses. The file system for them is small, so that it soon rotates.
"""

import http.client
import os
import re
import shutil
import signal
import time

import harness
import namespaces
from harness import ELSEWHERE, FRIEND, HOSTNAME, MAIL, WORK, body, entry, run, write
from tap import case, expect, expect_equal, expect_in, main

REMOTE = "/var/log/journal/remote"
GROUP = "systemd-journal-remote"  # of the files that its service makes
PORT = 19532
UPLOAD = "/usr/lib/systemd/systemd-journal-upload"
SECOND = 1000000
HOUR = 3600 * SECOND
BOOTS = {}
WEB1, WEB2, WEB3 = "192.0.2.101", "192.0.2.102", "192.0.2.103"


class Collector:
    """systemd-journal-remote, as its service starts it."""

    def __init__(self):
        os.makedirs(REMOTE, exist_ok=True)
        namespaces.mount("tmpfs", REMOTE, "tmpfs", 0, "size=96m")
        run("groupadd", "--force", "--system", GROUP)
        run("usermod", "-a", "-G", GROUP, "loginbell")
        shutil.chown(REMOTE, "root", GROUP)
        os.chmod(REMOTE, 0o2755)
        self.process = None

    def start(self):
        self.process = harness.Process("journal-remote", [
            harness.JOURNAL_REMOTE, f"--listen-http={MAIL}:{PORT}", f"--output={REMOTE}"])

        def listening():
            expect(self.process.process.poll() is None, self.process.log())
            with harness.socket.socket() as probe:
                return probe.connect_ex((MAIL, PORT)) == 0
        harness.await_true(listening, "journal-remote")

    def stop(self, number=signal.SIGTERM):
        self.process.stop(number)

    def clear(self):
        for name in os.listdir(REMOTE):
            os.unlink(f"{REMOTE}/{name}")


def upload(host, *entries):
    """What systemd-journal-upload does, with entries of our own."""
    connection = http.client.HTTPConnection(MAIL, PORT, source_address=(host, 0))
    connection.request("POST", "/upload", "".join(entries),
                       {"Content-Type": "application/vnd.fdo.journal"})
    answer = connection.getresponse()
    text = answer.read().decode()
    expect_equal(answer.status, 202, text)
    connection.close()


def login(host, user, age=0, address=ELSEWHERE, **fields):
    """An entry of a login on a host, `age` microseconds ago."""
    boot = BOOTS.setdefault(host, f"{len(BOOTS) + 1:032x}")
    fields.setdefault("_HOSTNAME", f"host{host.rsplit('.', 1)[1]}")
    return entry(f"Accepted password for {user} from {address} port 4711 ssh2",
                 int(time.time() * SECOND) - age, boot, **fields)


def noise(host, size=100):
    return entry(os.urandom(size).hex(), int(time.time() * SECOND), BOOTS.setdefault(
        host, f"{len(BOOTS) + 1:032x}"), SYSLOG_IDENTIFIER="cron", _COMM="cron")


def told(host):
    """(host, user) of each login in the ledger, sorted."""
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
              for block in host.ledger().split("\n\n")]
    return sorted((b["HOST"], b["USER"]) for b in blocks if b.get("KIND") == "login")


def wait_user(host, user):
    return host.mailbox.wait_for(lambda m: re.search(rf"\b{user}\b", body(m)),
                                 f"the login of {user}")


class Scene:
    def __init__(self, host, start=True, extra=""):
        self.host, self.start, self.extra = host, start, extra

    def __enter__(self):
        self.host.collector.clear()
        self.host.mailbox.mails.clear()
        self.host.configure()
        write(self.host.whitelist, f"{FRIEND}\n{self.extra}")
        self.watch = None
        if self.start:
            upload(WEB1, noise(WEB1))
            self.again()
        return self

    def again(self, *arguments):
        self.watch = self.host.watch(f"--directory={REMOTE}", *arguments)

    def __exit__(self, kind, *_):
        if self.watch and self.watch.process.poll() is None:
            status = self.watch.stop()
            if kind is None:
                expect_equal(status, 0, self.watch.log())


@case
def each_mail_names_the_host_that_reported(host):
    with Scene(host):
        upload(WEB1, login(WEB1, "anna"))
        mail = wait_user(host, "anna")
        expect_equal(mail["Subject"], f"[{WEB1}] SSH login: anna from {ELSEWHERE}")
        expect_in(f"source: journal, as reported by {WEB1}, which calls itself host101, sshd",
                  " ".join(body(mail).split()))
        harness.make_journal(f"{REMOTE}/remote-web2.example.org.journal",
                             login(WEB2, "berta", _HOSTNAME="web2"))
        mail = wait_user(host, "berta")
        expect_equal(mail["Subject"], f"[web2.example.org] SSH login: berta from {ELSEWHERE}")
        expect_in("source: journal, as reported by web2.example.org, sshd",
                  " ".join(body(mail).split()))


@case
def a_login_on_a_host_with_systemd_journal_upload_is_mailed(host):
    with Scene(host):
        uploader = harness.Process("journal-upload", [
            UPLOAD, f"--url=http://{MAIL}:{PORT}", f"--save-state={WORK}/upload-state"])
        try:
            host.login("root", ELSEWHERE)
            mail = host.mailbox.wait_for(lambda m: ELSEWHERE in (m["Subject"] or ""))
        finally:
            uploader.stop()
        expect_equal(mail["Subject"], f"[{MAIL}] SSH login: root from {ELSEWHERE}")
        expect_in(f"which calls itself {HOSTNAME}", " ".join(body(mail).split()))
        expect_in(host.fingerprint(), " ".join(body(mail).split()))


@case
def what_a_host_uploads_again_is_not_told_again(host):
    with Scene(host, start=False) as scene:
        sent = [login(WEB1, "old", HOUR), noise(WEB1)]
        upload(WEB1, *sent)
        scene.again()
        for user in ("anna", "berta", "carla"):
            sent.append(login(WEB1, user))
            upload(WEB1, *sent)
            wait_user(host, user)
        scene.watch.stop(signal.SIGKILL)
        sent.append(login(WEB1, "dora"))
        upload(WEB1, *sent)
        scene.again()
        wait_user(host, "dora")
        expect_equal(told(host), [(WEB1, user) for user in ("anna", "berta", "carla", "dora")])


@case
def an_hour_that_a_host_uploads_late_is_told_while_following(host):
    with Scene(host):
        upload(WEB2, login(WEB2, "early", 2 * HOUR))
        upload(WEB1, login(WEB1, "new"))
        wait_user(host, "new")
        upload(WEB2, *[login(WEB2, f"late{n}", HOUR - n * 60 * SECOND) for n in range(60)])
        wait_user(host, "late59")
        upload(WEB1, login(WEB1, "newer"))
        wait_user(host, "newer")
        expect_equal(told(host), sorted([(WEB2, "early"), (WEB1, "new"), (WEB1, "newer")] +
                                        [(WEB2, f"late{n}") for n in range(60)]))


@case
def an_hour_that_a_host_uploads_late_is_told_after_a_kill(host):
    with Scene(host) as scene:
        upload(WEB2, login(WEB2, "early", 2 * HOUR))
        upload(WEB1, login(WEB1, "new"))
        wait_user(host, "early")
        wait_user(host, "new")
        scene.watch.stop(signal.SIGKILL)
        upload(WEB1, login(WEB1, "newer"))
        upload(WEB2, *[login(WEB2, f"late{n}", HOUR - n * 60 * SECOND) for n in range(60)])
        upload(WEB3, login(WEB3, "unknown", 3 * HOUR))
        scene.again()
        upload(WEB1, login(WEB1, "last"))
        wait_user(host, "last")
        for user in ("newer", "late59", "unknown"):
            wait_user(host, user)
        expect_equal(told(host), sorted(
            [(WEB2, "early"), (WEB1, "new"), (WEB1, "newer"), (WEB3, "unknown"),
             (WEB1, "last")] + [(WEB2, f"late{n}") for n in range(60)]))


@case
def kills_at_any_moment_lose_and_repeat_nothing(host):
    with Scene(host, start=False) as scene:
        wanted = []
        upload(WEB1, noise(WEB1))
        scene.again("--no-deliver")
        for n in range(20):
            for name in (WEB1, WEB2, WEB3):
                wanted.append((name, f"u{n}"))
                upload(name, login(name, f"u{n}", HOUR * (n % 3)))
            time.sleep(0.01 * (n % 4))
            scene.watch.stop(signal.SIGKILL)
            scene.again("--no-deliver")
        harness.await_true(lambda: len(told(host)) >= len(wanted), "all logins")
        expect_equal(told(host), sorted(wanted))


@case
def a_rule_for_a_host_holds_for_what_that_host_reported(host):
    with Scene(host, extra=f"allow user=backup host={WEB2}\n"):
        upload(WEB1, login(WEB1, "first"))
        wait_user(host, "first")
        upload(WEB2, login(WEB2, "backup"))
        upload(WEB1, login(WEB1, "backup"))
        upload(WEB3, login(WEB2, "backup"))  # it may call itself what it likes
        upload(WEB2, login(WEB2, "root"))
        wait_user(host, "root")
        host.mailbox.wait_for(lambda m: WEB3 in (m["Subject"] or "") + body(m))
        expect_equal(told(host), [(WEB1, "backup"), (WEB1, "first"), (WEB2, "root"),
                                  (WEB3, "backup")])


@case
def rotation_by_the_collector_loses_and_repeats_nothing(host):
    with Scene(host) as scene:
        wanted = []
        for n in range(12):
            name = (WEB1, WEB2)[n % 2]
            wanted.append((name, f"r{n}"))
            upload(name, *[noise(name, 1500) for _ in range(150)])
            upload(name, login(name, f"r{n}"))
            if n == 6:
                wait_user(host, "r5")
                scene.watch.stop(signal.SIGKILL)
                scene.again()
        for _, user in wanted:
            wait_user(host, user)
        expect_equal(told(host), sorted(wanted))
        names = os.listdir(REMOTE)
        expect(any(n.startswith(f"remote-{WEB1}@") for n in names), f"it never rotated: {names}")


@case
def a_collector_that_is_killed_and_started_again_loses_nothing(host):
    with Scene(host):
        upload(WEB1, login(WEB1, "before"))
        wait_user(host, "before")
        for n in range(3):
            host.collector.stop(signal.SIGKILL)
            host.collector.start()
            upload(WEB1, login(WEB1, f"after{n}", HOUR))
            upload(WEB2, login(WEB2, f"after{n}"))
        for n in range(3):
            wait_user(host, f"after{n}")
        harness.await_true(lambda: len(told(host)) == 7, "seven logins")
        expect_equal(told(host), sorted([(WEB1, "before")] + [
            (w, f"after{n}") for n in range(3) for w in (WEB1, WEB2)]))


@case
def a_host_that_comes_to_an_empty_directory_is_told(host):
    with Scene(host, start=False) as scene:
        scene.again()
        upload(WEB3, login(WEB3, "first", 5 * HOUR))
        wait_user(host, "first")
        expect_equal(told(host), [(WEB3, "first")])


@case
def a_file_that_cannot_be_read_holds_up_no_other_host(host):
    with Scene(host) as scene:
        write(f"{REMOTE}/remote-bad.journal", "no journal\n" * 1000)
        upload(WEB1, login(WEB1, "good"))
        wait_user(host, "good")
        mail = host.mailbox.wait_for(lambda m: "remote-bad.journal" in body(m), "the gap")
        expect_in("[bad]", mail["Subject"])
        scene.watch.stop(signal.SIGKILL)
        scene.again()
        upload(WEB1, login(WEB1, "better"))
        wait_user(host, "better")
        time.sleep(5)
        expect_equal(len(host.mailbox.holding("remote-bad.journal")), 1)


@case
def who_may_not_read_is_told_the_group(host):
    with Scene(host):
        done = host.run_as("alice", host.program, "report", f"--directory={REMOTE}", check=False)
        expect_equal(done.returncode, 1)
        expect_in(f"add the user to group {GROUP}", done.stderr)


@case
def report_and_scan_show_all_hosts_in_order_of_time(host):
    with Scene(host, start=False):
        for n in range(50):
            name = f"192.0.2.{n + 101}"
            upload(name, login(name, f"u{n}", (n * 7 % 50) * SECOND * 60))
        done = host.command("report", "-q", f"--directory={REMOTE}")
        users = [u for u in re.findall(r"\bu\d+\b", done.stdout)]
        expect_equal(users, [f"u{n}" for n in sorted(range(50), key=lambda n: -(n * 7 % 50))])
        host.command("scan", f"--directory={REMOTE}")
        upload(WEB3, login(WEB3, "late", 9 * HOUR))
        upload(WEB2, login(WEB2, "now"))
        dry = host.command("scan", "--dry-run", f"--directory={REMOTE}").stdout
        expect_in("late", dry)
        host.command("scan", f"--directory={REMOTE}")
        host.command("scan", f"--directory={REMOTE}")
        expect_equal(told(host), [(WEB2, "now"), (WEB3, "late")])


if __name__ == "__main__":
    the_host = harness.start()
    run("ip", "address", "add", f"{WEB1}/24", "dev", "lo")  # and with it all of the network
    the_host.start()
    the_host.mailbox.start()
    the_host.collector = Collector()
    the_host.collector.start()
    main(the_host)
