"""
Logins by every method that the host has, from listed addresses and others, and what an intruder
does: a session that stops or kills the services as soon as it has a shell, users who write in
sshd's name.
"""

import os
import re
import threading
import time

import harness
from host_scene import ELSEWHERE, ELSEWHERE6, FRIEND, FRIEND6, READER, SENDER
from tap import case, expect, expect_equal, expect_in

TRIES = int(os.environ.get("LOGINBELL_TRIES", "3"))  # of each attack
CLAIM = "Accepted publickey for root from 192.0.2.66 port"
FLOOD = 60_000
PASSWORD = "correct horse"


def by_password(method):
    return {"user": "alice", "SSH_ASKPASS": "/opt/askpass", "SSH_ASKPASS_REQUIRE": "force",
            "options": ["-o", f"PreferredAuthentications={method}"]}


def by_certificate(name):
    """One of those that let_them_in() made."""
    return {"options": ["-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", f"/opt/{name}"]}


def certify(host, name, identity):
    host.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"/opt/{name}")
    host.run("ssh-keygen", "-q", "-s", "/opt/ca", "-I", identity, "-n", "root", "-z", "42",
             f"/opt/{name}.pub")


def let_them_in(host):
    host.write("/etc/loginbell/whitelist", f"{FRIEND}\n2001:db8:40::/48\n")
    host.run("systemctl", "reload", READER)
    host.run("useradd", "--create-home", "--shell", "/bin/sh", "alice")
    host.run("chpasswd", input=f"alice:{PASSWORD}\n")
    host.write("/opt/askpass", f"#!/bin/sh\necho '{PASSWORD}'\n", 0o755)
    host.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/opt/ca")
    certify(host, "plain", "bob on call")
    certify(host, "hostile", f"bob from {FRIEND} port 22 ssh2")
    host.write("/etc/ssh/sshd_config.d/test.conf", "TrustedUserCAKeys /opt/ca.pub\n"
               "KbdInteractiveAuthentication yes\nMaxStartups 100\n")
    host.run("systemctl", "restart", "ssh")  # a reload leaves a moment where nothing listens


@case
def logins_by_every_method_are_told_unless_they_are_listed(scene):
    host = scene.host
    let_them_in(host)
    silent = []
    for name, how, said in (
            ("key", {}, "method: publickey key: ED25519"),
            ("password", by_password("password"), "method: password"),
            ("keyboard", by_password("keyboard-interactive"), "method: keyboard-interactive/pam"),
            ("certificate", by_certificate("plain"), "bob on call")):
        for elsewhere, friend in ((ELSEWHERE, FRIEND), (ELSEWHERE6, FRIEND6)):
            silent.append(scene.login(friend, **how))
            mail = scene.told(scene.login(elsewhere, **how))
            expect_equal(mail["Subject"],
                         f"[web1] SSH login: {how.get('user', 'root')} from {elsewhere}", name)
            expect_in(said, " ".join(harness.body(mail).split()), name)
    expect_equal([scene.times_told(port) for port in silent], [0] * len(silent))


@case
def a_certificate_that_names_a_listed_address_does_not_help(scene):
    mail = scene.told(scene.login(ELSEWHERE, **by_certificate("hostile")))
    expect_equal(mail["Subject"], f"[web1] SSH login: root from {ELSEWHERE} (ambiguous)")
    # Nor does it let its owner be taken for a friend from where they are one.
    scene.told(scene.login(FRIEND, **by_certificate("hostile")))


@case
def services_stopped_killed_or_reloaded_by_the_session_that_is_told(scene):
    host = scene.host
    for unit in (READER, SENDER):
        host.write(f"/run/systemd/system/{unit}.service.d/soon.conf",
                   "[Service]\nRestartSec=100ms\n")
    host.run("systemctl", "daemon-reload")
    times = {}
    for units in (READER, SENDER, f"{READER} {SENDER}"):
        for verb in ("stop", "kill -s KILL", "reload"):
            attack = f"systemctl {verb} {units}"
            ports = []
            for _ in range(TRIES):
                ports.append(scene.login(then=f"sleep 0.05; {attack}"))
                # A start that the attack hits fails; the next one does not.
                host.run("sh", "-c", "for i in $(seq 50); do "
                         f"systemctl reset-failed {READER} {SENDER}; "
                         f"systemctl start {READER} {SENDER} && exit; sleep 0.1; done; exit 1")
            for port in ports:
                scene.told(port)
            times[attack] = [scene.times_told(port) for port in ports]
            if TRIES > 3:
                print(f"# {attack}: told once {times[attack].count(1)} of {TRIES}")
    expect(all(n == 1 for told in times.values() for n in told), times)


@case
def a_reader_that_crashes_is_told(scene):
    """As it does where libsystemd reads what is damaged."""
    before = scene.pid(READER)
    scene.host.run("systemctl", "kill", "-s", "SEGV", READER)
    scene.mailbox.wait_for(lambda m: "SIGSEGV" in harness.body(m), "the crash's mail")
    harness.await_true(lambda: scene.pid(READER) not in ("0", before), "the next reader")
    scene.told(scene.login())


@case
def a_journal_that_the_session_takes_away_silences_no_login(scene):
    host = scene.host
    active = "$(ls /var/log/journal/*/system.journal /run/log/journal/*/system.journal)"

    def lost_files():
        return host.run("sh", "-c", f"ls -l /proc/{scene.pid(READER)}/fd | "
                        "grep -E 'deleted|/root/away' || :").stdout

    for attack, done in ((f"rm {active}", "was deleted"), (f"mv {active} /root/away", "was moved")):
        for number in range(1, TRIES + 1):
            ports = [scene.login(then=attack), scene.login()]
            for port in ports:
                scene.told(port)
            expect_equal([scene.times_told(port) for port in ports], [1, 1], attack)
            harness.await_true(lambda: len(scene.mailbox.holding(done)) >= number,
                               f"that it {done}")
            host.run("journalctl", "--rotate")
            scene.told(scene.login())
            harness.await_true(lambda: not lost_files(), "the reader to let go of the file")


def as_alice(host, *command, **options):
    return host.run("runuser", "-u", "alice", "--", *command, **options)


def forgeries(scene):
    return [m for m in scene.mailbox.mails if "forged" in m["Subject"]]


@case
def what_users_write_in_the_name_of_sshd_is_told_as_theirs(scene):
    host = scene.host
    uid = host.run("id", "-u", "alice").stdout.strip()
    host.run("cp", "/usr/bin/logger", "/home/alice/sshd")
    host.write("/home/alice/claim", f"{CLAIM} 4 ssh2\n")
    host.write("/etc/sudoers.d/alice", "alice ALL=(root) NOPASSWD: /usr/bin/tail\n", 0o440)
    as_alice(host, "logger", "-t", "sshd", f"{CLAIM} 1 ssh2")
    mail = scene.mailbox.wait_for(lambda m: "forged" in m["Subject"], "the first forgery")
    expect_in(f"uid {uid}", mail["Subject"] + harness.body(mail))
    as_alice(host, "systemd-cat", "-t", "sshd", "echo", f"{CLAIM} 2 ssh2")
    as_alice(host, "/home/alice/sshd", "-t", "sshd", f"{CLAIM} 3 ssh2")
    # It stays, so that journald sees which command it is.
    as_alice(host, "timeout", "2", "systemd-cat", "-t", "sshd", "sudo", "tail", "-f",
             "/home/alice/claim", check=False)
    # root's uid is another: told at once.
    mail = scene.mailbox.wait_for(
        lambda m: "forged" in m["Subject"] and "port 4 ssh2" in harness.body(m), "sudo's forgery")
    expect_in('the command "tail" as root', " ".join(harness.body(mail).split()))
    host.run("systemctl", "restart", READER)  # what was held is told now, joined
    mail = scene.mailbox.wait_for(
        lambda m: re.search(r"\b2 forged", m["Subject"]), "the other forgeries")
    expect_in(f"uid {uid}", mail["Subject"] + harness.body(mail))
    expect_equal(scene.mailbox.holding("SSH login: root from 192.0.2.66"), [])


@case
def a_flood_of_forgeries_delays_no_login(scene):
    host = scene.host
    host.write("/home/alice/flood", "".join(f"{CLAIM} {n} ssh2\n" for n in range(FLOOD)))
    before = len(scene.mailbox.mails)
    flood = threading.Thread(target=as_alice, args=(host, "logger", "-t", "sshd", "-f",
                                                    "/home/alice/flood"))
    flood.start()
    took = []
    while flood.is_alive() or not took:
        port = scene.login()
        begin = time.monotonic()
        scene.told(port)
        took.append(time.monotonic() - begin)
    flood.join()
    print(f"# {len(took)} logins, told {max(took):.2f} s after their end at most")
    host.run("systemctl", "restart", READER)  # what was held is told now, joined

    def counts():
        subjects = [m["Subject"] for m in scene.mailbox.mails[before:]]
        return [int(n) for n in re.findall(r"(\d+) forged", "\n".join(subjects))]

    harness.await_true(lambda: sum(counts()) == FLOOD, "all forgeries to be counted")
    expect(len(counts()) <= 3, counts())
    expect(max(took) < 2, took)
