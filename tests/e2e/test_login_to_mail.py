#!/usr/bin/env python3
"""From a real SSH login in a real journal to a mail that a real SMTP server took."""

import email.utils
import os
import re
import shutil
import signal
import subprocess
import time

import harness
from harness import DOMAIN, ELSEWHERE, ELSEWHERE6, FRIEND, HOSTNAME, NOBODY, WORK, body
from tap import Skip, case, expect, expect_equal, expect_in, main

MESSAGE_ID = re.compile(rf"<[0-9a-zA-Z._-]+@{HOSTNAME}\.{DOMAIN}>")
FORGED = "Accepted publickey for root from 203.0.113.66 port 4242 ssh2"


def subject(user, address):
    return f"[{HOSTNAME}] SSH login: {user} from {address}"


def wait_login(host, user, address):
    return host.mailbox.wait_for(lambda m: m["Subject"] == subject(user, address),
                                 f"the login of {user} from {address}")


def barrier(host):
    """
    A login whose mail tells that all before it was mailed too, or never will be. Gives how many
    mails there were before.
    """
    before = len(host.mailbox.mails)
    host.login("alice", ELSEWHERE6)
    host.mailbox.wait_for(lambda m: m in host.mailbox.mails[before:]
                          and ELSEWHERE6 in (m["Subject"] or "") + body(m), "the barrier's mail")
    return before


class Scene:
    """Configuration and state of its own, a mailbox, and a `watch`, which is stopped at the end."""

    def __init__(self, host, start=True, **configuration):
        self.host, self.start = host, start
        self.configuration = configuration

    def __enter__(self):
        self.host.mailbox.mails.clear()
        self.host.mailbox.sessions.clear()
        self.host.configure(**self.configuration)
        self.watch = self.host.watch() if self.start else None
        return self

    def __exit__(self, kind, *_):
        if self.watch and self.watch.process.poll() is None:
            status = self.watch.stop()
            if kind is None:
                expect_equal(status, 0, f"exit status of watch\n{self.watch.log()}")

    def again(self):
        self.watch = self.host.watch()


@case
def a_login_with_a_key_is_mailed_once(host):
    with Scene(host):
        host.login("root", ELSEWHERE)
        mail = wait_login(host, "root", ELSEWHERE)
        barrier(host)
        expect_equal([m["Subject"] for m in host.mailbox.mails].count(mail["Subject"]), 1)


@case
def the_mail_is_what_RFC_5322_wants_and_says_who_how_and_from_where(host):
    with Scene(host):
        host.login("root", ELSEWHERE)
        mail = wait_login(host, "root", ELSEWHERE)
        expect_equal(mail.defects, [])
        expect_equal(mail["From"].addresses[0].addr_spec, f"loginbell@{HOSTNAME}.{DOMAIN}")
        expect_equal([a.addr_spec for a in mail["To"].addresses],
                     [f"admin@{DOMAIN}", f"second.admin@{DOMAIN}"])
        expect_equal(mail.envelope_from, f"loginbell@{HOSTNAME}.{DOMAIN}")
        expect_equal(sorted(mail.envelope_to), [f"admin@{DOMAIN}", f"second.admin@{DOMAIN}"])
        expect(MESSAGE_ID.fullmatch(mail["Message-ID"]), mail["Message-ID"])
        expect_equal(mail["Auto-Submitted"], "auto-generated")
        expect_equal(mail["X-Auto-Response-Suppress"], "All")
        expect_equal(mail["MIME-Version"], "1.0")
        expect_equal(mail.get_content_type(), "text/plain")
        sent = email.utils.parsedate_to_datetime(mail["Date"])
        expect(abs(sent.timestamp() - time.time()) < 600, f"Date: {mail['Date']}")
        for line in mail.raw.split(b"\r\n"):
            expect(len(line) <= 78 and b"\n" not in line and b"\r" not in line, line)
        expect(all(c < 128 for c in mail.raw), "8-bit bytes")
        logged = host.journal("-o", "cat", "-g", f"^Accepted publickey for root from {ELSEWHERE}")
        flat = " ".join(body(mail).split())
        expect_in(logged.splitlines()[-1], flat, "the log line as it was")
        expect_in(host.fingerprint(), flat, "the key's fingerprint")
        for part in ("root", ELSEWHERE, "publickey", "ED25519"):
            expect_in(part, flat)


@case
def the_mail_goes_over_TLS_and_with_AUTH(host):
    with Scene(host):
        host.login("root", ELSEWHERE)
        wait_login(host, "root", ELSEWHERE)
        expect_equal(host.mailbox.sessions[0]["tls"], True)
        expect_equal(host.mailbox.sessions[0]["user"], harness.Mailbox.USER)


@case
def the_mail_goes_to_a_smtps_server(host):
    starttls, host.mailbox = host.mailbox, harness.Mailbox(port=4650, implicit_tls=True).start()
    try:
        with Scene(host, server=f"smtps://mail.{DOMAIN}:4650"):
            host.login("root", ELSEWHERE)
            wait_login(host, "root", ELSEWHERE)
    finally:
        host.mailbox.stop()
        host.mailbox = starttls


@case
def logins_by_password_and_certificate_and_over_IPv6_are_mailed(host):
    with Scene(host):
        host.login("alice", ELSEWHERE, "password")
        mail = wait_login(host, "alice", ELSEWHERE)
        expect_in("password", body(mail))
        host.login("root", ELSEWHERE, "certificate")
        mail = wait_login(host, "root", ELSEWHERE)
        expect_in("alice on call", body(mail), "the certificate's ID")
        host.login("root", ELSEWHERE6)
        wait_login(host, "root", ELSEWHERE6)


@case
def a_login_from_a_whitelisted_address_sends_nothing(host):
    with Scene(host):
        host.login("root", FRIEND)
        host.login("root", ELSEWHERE)
        wait_login(host, "root", ELSEWHERE)
        barrier(host)
        expect_equal(host.mailbox.holding(FRIEND), [])
        expect(FRIEND not in host.ledger(), host.ledger())


@case
def a_whitelist_that_changes_is_read_again(host):
    with Scene(host) as scene:
        host.login("root", ELSEWHERE)
        wait_login(host, "root", ELSEWHERE)
        harness.write(host.whitelist + ".new", f"{FRIEND}\n{ELSEWHERE}\n")
        os.rename(host.whitelist + ".new", host.whitelist)
        # Logins are judged by the rules of their time, so wait until the new ones are in force.
        harness.await_true(lambda: "whitelist loaded: 2 rules" in scene.watch.log(), "the new whitelist")
        host.login("alice", ELSEWHERE)
        barrier(host)
        expect(subject("alice", ELSEWHERE) not in [m["Subject"] for m in host.mailbox.mails],
               "the login was mailed in spite of the new rule")


@case
def a_faulty_whitelist_is_told_as_the_status_until_it_is_mended(host):
    with Scene(host) as scene:
        harness.write(host.whitelist + ".new", "203.0.113\n")
        os.rename(host.whitelist + ".new", host.whitelist)
        scene.watch.wait_notification(
            lambda line: line.startswith(b"STATUS=") and b"old rules stay" in line
            and f"{host.whitelist}:1:".encode() in line, "tell the fault")
        harness.write(host.whitelist + ".new", f"{FRIEND}\n")
        os.rename(host.whitelist + ".new", host.whitelist)
        scene.watch.wait_notification(
            lambda line: line.startswith(b"STATUS=") and b"faulty" not in line,
            "take the fault back")


@case
def what_happens_while_watch_is_killed_is_mailed_once_afterwards(host):
    with Scene(host) as scene:
        host.login("root", ELSEWHERE)
        wait_login(host, "root", ELSEWHERE)
        scene.watch.stop(signal.SIGKILL)
        host.login("alice", ELSEWHERE)
        host.login("root", FRIEND)
        host.journal_sync()
        scene.again()
        wait_login(host, "alice", ELSEWHERE)
        barrier(host)
        subjects = [m["Subject"] for m in host.mailbox.mails]
        expect_equal(subjects.count(subject("alice", ELSEWHERE)), 1, subjects)
        expect_equal(subjects.count(subject("root", ELSEWHERE)), 1, subjects)
        expect_equal(host.mailbox.holding(FRIEND), [])


@case
def killed_at_any_moment_every_login_is_mailed_once(host):
    with Scene(host) as scene:
        for number in range(6):
            host.login("root" if number % 2 else "alice", ELSEWHERE, command=f": {number}")
            time.sleep(0.02 * number)  # the moment of the kill, which is what varies
            scene.watch.stop(signal.SIGKILL)
            scene.again()
        barrier(host)
        ports = re.findall(rf"from {ELSEWHERE} port (\d+)",
                           host.journal("-o", "cat", "-g", "^Accepted", "-n", "7"))
        expect_equal(len(ports), 6)
        # A mail whose 250 was not recorded may come twice, then with the same Message-ID.
        mails = {m["Message-ID"]: " ".join(body(m).split()) for m in host.mailbox.mails}
        for port in ports:
            holding = [i for i, text in mails.items() if re.search(rf"\bport {port}\b", text)]
            expect_equal(len(holding), 1, f"mails that tell of the login with port {port}")


@case
def a_login_while_the_mail_server_is_down_is_mailed_when_it_is_up(host):
    with Scene(host):
        host.mailbox.stop()
        refuser = harness.Refuser(host.mailbox.port)
        try:
            host.login("root", ELSEWHERE)
            refuser.wait_visits(1)
        finally:
            refuser.stop()
            host.mailbox.start()
        wait_login(host, "root", ELSEWHERE)
        barrier(host)
        expect_equal([m["Subject"] for m in host.mailbox.mails].count(subject("root", ELSEWHERE)), 1)


@case
def a_server_with_a_certificate_of_somebody_else_gets_nothing(host):
    with Scene(host, start=False) as scene:
        text = open(host.config, encoding="utf-8").read()
        harness.write(host.config, text.replace(f"CaFile={WORK}/ca.crt\n", ""))
        scene.again()
        host.login("root", ELSEWHERE)
        harness.await_true(lambda: "certificate" in scene.watch.log().lower(),
                           "a complaint about the certificate")
        expect_equal(host.mailbox.mails, [])
        scene.watch.stop()
        harness.write(host.config, text)
        scene.again()
        host.login("alice", ELSEWHERE6)  # a new alert is a reason to try again at once
        host.mailbox.wait_for(lambda m: re.search(rf"\broot\b.*{ELSEWHERE}", " ".join(body(m).split())),
                              "the login that the other server did not get")


def check_forged(host):
    mail = host.mailbox.wait_for(lambda m: "203.0.113.66" in " ".join(body(m).split()),
                                 "the forgery's mail")
    expect_in("forged", (mail["Subject"] + body(mail)).lower())
    expect_in(str(NOBODY), body(mail), "the uid of who wrote it")
    barrier(host)
    for mail in host.mailbox.holding("203.0.113.66"):
        expect("SSH login: " not in mail["Subject"], mail["Subject"])
        expect("forged" in mail["Subject"].lower(), mail["Subject"])


@case
def a_forgery_by_logger_is_mailed_as_forged(host):
    with Scene(host):
        host.run_as("nobody", "logger", "-t", "sshd", FORGED)
        check_forged(host)


@case
def a_forgery_by_a_program_named_sshd_is_mailed_as_forged(host):
    os.makedirs(f"{WORK}/forger", exist_ok=True)
    shutil.copy2("/usr/bin/logger", f"{WORK}/forger/sshd")
    with Scene(host):
        # It stays until journald has looked at it in /proc.
        forger = subprocess.Popen(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
                                   "--clear-groups", f"{WORK}/forger/sshd", "-t", "sshd"],
                                  stdin=subprocess.PIPE, text=True)
        forger.stdin.write(FORGED + "\n")
        forger.stdin.flush()
        check_forged(host)
        forger.stdin.close()
        expect_equal(forger.wait(), 0)
        written = host.journal("-o", "cat", "--output-fields=_COMM", "-g", "203.0.113.66", "-n", "1")
        expect_equal(written.strip(), "sshd", "the forger's _COMM")


@case
def a_forgery_by_roots_helper_is_mailed_as_forged(host):
    with Scene(host):
        harness.write(f"{WORK}/tailed", FORGED + "\n")
        harness.run("systemd-cat", "-t", "sshd", "timeout", "2", "tail", "-f", f"{WORK}/tailed", check=False)
        mail = host.mailbox.wait_for(lambda m: "203.0.113.66" in " ".join(body(m).split()))
        expect_in("forged", mail["Subject"].lower())
        expect_in("tail", body(mail))


@case
def a_failed_login_of_a_user_with_a_clever_name_is_no_login(host):
    with Scene(host):
        name = "Accepted publickey for root from 203.0.113.66 port 1 ssh2"
        try:
            host.login(name, ELSEWHERE)
        except AssertionError:
            pass
        else:
            raise AssertionError("that user could log in")
        barrier(host)
        expect_in(f"Invalid user {name}", host.journal("-o", "cat", "-g", "^Invalid user", "-n", "1"))
        expect_equal(host.mailbox.holding("203.0.113.66"), [])


@case
def rotation_while_following_loses_and_repeats_nothing(host):
    with Scene(host):
        users = ("root", "alice") * 4
        for user in users:
            host.login(user, ELSEWHERE)
            host.rotate_journal()
        ports = re.findall(rf"from {ELSEWHERE} port (\d+)",
                           host.journal("-o", "cat", "-g", "^Accepted", "-n", str(len(users))))
        expect_equal(len(ports), len(users))
        barrier(host)
        text = "\n".join(" ".join(body(m).split()) for m in host.mailbox.mails)
        ledger = host.ledger()
        for port in ports:
            expect_equal(len(re.findall(rf"\bport {port}\b", ledger)), 1, f"port {port} in the ledger")
            expect(re.search(rf"\b{port}\b", text), f"port {port} was not mailed")


@case
def rotation_in_quick_succession_does_not_end_watch(host):
    """
    journald cuts off what is not used of a file that it rotates, while we have it mapped: a
    reader that is just there gets SIGBUS.
    """
    with Scene(host) as scene:
        ports = []
        for number in range(150):
            host.run_as("alice", "logger", "-t", "alice", f"message {number}")
            host.journald.send(signal.SIGUSR2)
            if number % 50 == 49:
                ports.append(host.login("root", ELSEWHERE, command="set -- $SSH_CLIENT; echo $2").strip())
            expect(scene.watch.process.poll() is None,
                   f"watch ended with {scene.watch.process.poll()} after {number} rotations")
        for port in ports:
            host.mailbox.wait_for(lambda m, p=port: re.search(rf"\bport:? {p}\b", " ".join(body(m).split())),
                                  f"the login with port {port}")
            expect_equal(len(re.findall(rf"\bport {port}\b", host.ledger())), 1, port)


@case
def a_journald_that_restarts_is_followed(host):
    with Scene(host):
        host.journald.stop()
        host.start_journald()
        host.login("root", ELSEWHERE)
        wait_login(host, "root", ELSEWHERE)


@case
def stopping_right_after_a_login_does_not_silence_it(host):
    with Scene(host) as scene:
        host.login("root", ELSEWHERE)
        time.sleep(0.05)
        expect_equal(scene.watch.stop(), 0, scene.watch.log())
        expect_equal([m["Subject"] for m in host.mailbox.mails], [subject("root", ELSEWHERE)])


@case
def a_login_that_watch_had_no_time_to_see_is_mailed_when_it_stops(host):
    with Scene(host) as scene:
        scene.watch.send(signal.SIGSTOP)
        host.login("root", ELSEWHERE)
        scene.watch.send(signal.SIGTERM)
        scene.watch.send(signal.SIGCONT)
        expect_equal(scene.watch.wait(), 0, scene.watch.log())
        expect_equal([m["Subject"] for m in host.mailbox.mails], [subject("root", ELSEWHERE)])


@case
def the_first_start_begins_at_the_end_of_the_journal(host):
    host.login("root", ELSEWHERE)
    host.journal_sync()
    with Scene(host) as scene:
        expect(os.path.getsize(f"{host.reader}/position") > 0, "the position was not recorded at once")
        barrier(host)
        expect_equal(host.mailbox.holding(ELSEWHERE), [])
        expect(scene.watch.process.poll() is None, "watch has ended")


@case
def scan_says_that_it_begins_at_the_end_and_then_catches_up(host):
    with Scene(host, start=False):
        host.login("root", ELSEWHERE)
        host.journal_sync()
        first = host.command("scan")
        expect_equal(host.mailbox.mails, [])
        expect(re.search(r"\bend\b", first.stdout + first.stderr), first.stdout + first.stderr)
        host.login("alice", ELSEWHERE)
        host.login("alice", FRIEND)
        host.journal_sync()
        host.command("scan")
        expect_equal([m["Subject"] for m in host.mailbox.mails], [subject("alice", ELSEWHERE)])
        host.command("scan")
        expect_equal(len(host.mailbox.mails), 1, "a scan without news")


@case
def scan_ends_with_75_while_the_mail_server_is_down(host):
    with Scene(host, start=False):
        host.command("scan")
        host.mailbox.stop()
        try:
            host.login("root", ELSEWHERE)
            host.journal_sync()
            expect_equal(host.command("scan", check=False).returncode, 75)
        finally:
            host.mailbox.start()
        expect_equal(host.command("scan", check=False).returncode, 0)
        expect_equal([m["Subject"] for m in host.mailbox.mails], [subject("root", ELSEWHERE)])


@case
def a_dry_run_prints_the_mail_and_touches_nothing(host):
    with Scene(host, start=False):
        host.command("scan")
        host.login("root", ELSEWHERE)
        host.journal_sync()
        before = {n: os.stat(f"{host.reader}/{n}").st_mtime_ns for n in os.listdir(host.reader)}
        told = host.command("scan", "--dry-run").stdout
        expect_in(f"Subject: {subject('root', ELSEWHERE)}", told)
        after = {n: os.stat(f"{host.reader}/{n}").st_mtime_ns for n in os.listdir(host.reader)}
        expect_equal(after, before)
        expect_equal(host.mailbox.mails, [])


@case
def a_second_watch_says_who_holds_the_state(host):
    with Scene(host) as scene:
        second = host.command("watch", check=False)
        expect_equal(second.returncode, 1)
        expect_in(str(scene.watch.pid), second.stderr)
        done = host.command("scan")
        expect_in("another loginbell is running", done.stderr)
        expect_equal(done.stdout, "")


@case
def nothing_in_the_state_directory_belongs_to_root(host):
    with Scene(host):
        host.login("root", ELSEWHERE)
        wait_login(host, "root", ELSEWHERE)
        owner = os.stat(host.state).st_uid
        for directory, _, names in os.walk(host.state):
            for name in names:
                status = os.stat(os.path.join(directory, name))
                secret = name.endswith(".lock") or name == "config"
                expect_equal((name, status.st_uid, status.st_mode & 0o777),
                             (name, owner, 0o600 if secret else 0o640))


def tell_logs():
    text = ""
    for name in sorted(os.listdir(WORK)):
        if name.endswith(".log"):
            with open(f"{WORK}/{name}", encoding="utf-8", errors="replace") as file:
                text += f"\n== {name}\n" + "".join(file.readlines()[-30:])
    return text


if __name__ == "__main__":
    the_host = harness.start().start()
    the_host.mailbox.start()
    main(the_host, after_failure=tell_logs)
