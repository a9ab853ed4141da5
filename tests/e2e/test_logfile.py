#!/usr/bin/env python3
"""From a real SSH login in a syslog file to a mail: hosts without journald."""

import datetime
import glob
import json
import os
import random
import re
import signal
import subprocess
import time

import harness
from harness import FRIEND, body
from logfile_scene import Scene, accepted, subject
from rsyslog import Rsyslogd
from tap import case, expect, expect_equal, expect_in, main


@case
def a_login_is_mailed_once_and_says_that_nobody_vouches_for_it(host):
    with Scene(host) as scene:
        mail = scene.mailed(scene.login("root"))
        expect_equal(mail["Subject"], subject("root"))
        expect_in("not authenticated", body(mail))
        scene.mailed(scene.login("alice"))
        expect_equal(scene.subjects(), [subject("root"), subject("alice")])


@case
def a_login_from_a_whitelisted_address_sends_nothing(host):
    with Scene(host) as scene:
        scene.login("root", FRIEND)
        scene.mailed(scene.login("alice"))
        expect_equal(scene.subjects(), [subject("alice")])


@case
def rotation_while_following_loses_and_repeats_nothing(host):
    with Scene(host) as scene:
        for _ in range(3):
            scene.mailed(scene.login("root"))
            before = scene.login("alice")
            host.syslogd.rotate()
            scene.mailed(before)
        expect_equal(scene.subjects(), [subject("root"), subject("alice")] * 3)


@case
def what_happens_while_watch_is_killed_is_mailed_once_also_over_a_rotation(host):
    with Scene(host) as scene:
        scene.mailed(scene.login("root"))
        scene.watch.stop(signal.SIGKILL)
        ports = [scene.login("alice")]
        host.syslogd.rotate()
        ports.append(scene.login("root"))
        scene.login("root", FRIEND)
        scene.watch = host.watch()
        for port in ports:
            scene.mailed(port)
        scene.mailed(scene.login("alice"))
        text = "\n".join(" ".join(body(m).split()) for m in host.mailbox.mails)
        for port in ports:
            expect_equal(len(re.findall(rf"\bport:? {port}\b", host.ledger())), 1, port)
            expect(re.search(rf"\b{port}\b", text), port)


@case
def logins_that_rsyslogd_joins_are_counted(host):
    with Scene(host) as scene:
        for message in [accepted(7)] * 5 + ["Connection closed by 192.0.2.7 port 7"]:
            harness.run("logger", "-t", "sshd", "--id=77", "-p", "auth.info", message)
        host.syslogd.wait_line(f"message repeated 4 times: [ {accepted(7)}]")
        scene.mailed("7")
        scene.expect_recorded(["7", "7"])
        expect_equal(re.findall("^COUNT=(.*)", host.ledger(), re.M), ["4"])
        expect_equal(sum(int(m["X-Loginbell-Count"]) for m in host.mailbox.mails), 5)


@case
def scan_goes_on_where_it_ended(host):
    with Scene(host, start=False) as scene:
        scene.login("root")
        first = host.command("scan")
        expect(re.search(r"\bend\b", first.stdout + first.stderr), first.stdout + first.stderr)
        expect_equal(scene.subjects(), [])
        scene.login("alice")
        host.command("scan")
        host.syslogd.rotate()
        scene.login("root")
        host.command("scan")
        host.command("scan")
        expect_equal(scene.subjects(), [subject("alice"), subject("root")])


def compress(path, program="gzip"):
    """As logrotate does: the new file keeps the time, the old one goes."""
    harness.run(program, *(["-q", "--rm"] if program == "zstd" else []), path)


def rotate_and_compress(host, program="gzip"):
    """As logrotate with dateext; gives the file's name."""
    host.syslogd.rotate()
    path = f"/var/log/auth.log-{time.time_ns()}"
    os.rename("/var/log/auth.log.1", path)
    compress(path, program)
    return glob.glob(path + ".*")[0]


@case
def what_was_compressed_while_watch_was_killed_is_mailed_once(host):
    with Scene(host) as scene:
        scene.mailed(scene.login("root"))
        scene.watch.stop(signal.SIGKILL)
        ports = [scene.login("alice")]
        rotate_and_compress(host)
        ports.append(scene.login("root"))
        rotate_and_compress(host, "xz")
        scene.watch = host.watch()
        ports.append(scene.login("alice"))
        for port in ports:
            scene.mailed(port)
            expect_equal(len(re.findall(rf"\bport:? {port}\b", host.ledger())), 1, port)
        expect("\nKIND=gap" not in host.ledger(), host.ledger())


def position(host):
    with open(f"{host.reader}/position", encoding="utf-8") as file:
        return file.read()


@case
def a_record_that_is_read_again_after_compression_alerts_once(host):
    with Scene(host, start=False) as scene:
        host.command("scan", "--no-deliver")
        port = scene.login("root")
        before = position(host)
        # It is the position's file that is put in place after the ledger was written.
        for when in range(1, 20):
            subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=/rename.*", "-e",
                            f"inject=/rename.*:signal=KILL:when={when}",
                            *host.arguments("scan", "--no-deliver")], check=False)
            if port in host.ledger():
                break
        expect(port in host.ledger(), "it was never recorded")
        expect_equal(position(host), before, "it was killed too late")
        recorded = host.ledger()
        rotate_and_compress(host)
        scene.login("root", FRIEND)
        host.command("scan", "--no-deliver")
        expect_equal(host.ledger(), recorded)
        expect(position(host) != before, "the position did not move")


@case
def a_rotation_that_cannot_be_unpacked_is_named_in_a_gap(host):
    with Scene(host, start=False) as scene:
        host.command("scan")
        scene.login("root")
        name = rotate_and_compress(host)
        scene.login("alice")
        harness.run("mount", "--bind", "/dev/null", "/usr/bin/gzip")
        try:
            host.command("scan")
        finally:
            harness.run("umount", "/usr/bin/gzip")
        text = "\n".join(" ".join(body(m).split()) for m in host.mailbox.mails)
        expect_in(f"{name} was not read: gzip is not installed", text)
        expect_in("alice", text)
        host.command("scan")
        expect_equal(host.ledger().count("was not read: gzip"), 1, host.ledger())


@case
def scans_that_are_killed_while_logs_are_rotated_and_compressed_find_each_login_once(host):
    chance = random.Random(5)
    directory = "/var/log/torture"
    log = f"{directory}/auth.log"
    os.makedirs(directory)
    number = 0

    def write_logins():
        nonlocal number
        with open(log, "a", encoding="ascii") as file:
            for _ in range(chance.randrange(40)):
                number += 1
                now = datetime.datetime.now(datetime.timezone.utc).isoformat()
                file.write(f"{now} web1 CRON[7]: nothing of interest\n" * chance.randrange(3) +
                           f"{now} web1 sshd[7]: Accepted password for u{number}. from "
                           f"203.0.113.80 port 9 ssh2\n")

    def rotate():
        for n in range(30, 0, -1):
            for path in glob.glob(f"{log}.{n}") + glob.glob(f"{log}.{n}.*"):
                os.rename(path, f"{log}.{n + 1}{path[len(f'{log}.{n}'):]}")
        os.rename(log, f"{log}.1")
        write_logins()
        for path in glob.glob(f"{log}.*[0-9]")[:chance.randrange(3)]:
            compress(path, chance.choice(["gzip", "xz", "zstd"]))

    host.configure(source="file")
    # As its user, so that the reader is killed and not root's process, which waits for it.
    scan = ["setpriv", "--reuid=loginbell", "--regid=adm", "--init-groups",
            *host.arguments("scan", "--no-deliver", f"--log-file={log}")]
    open(log, "w", encoding="ascii").close()
    harness.run(*scan)
    for _ in range(25):
        write_logins()
        process = subprocess.Popen(scan, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.random() * 0.1)
        rotate()
        process.kill()
        process.wait()
    # What a killed one had just started may hold its lock for a moment.
    harness.await_true(lambda: "recorded" in harness.run(*scan).stdout, "a whole scan")
    found = re.findall(r" for u(\d+)\. from ", host.ledger())
    expect_equal(sorted(found, key=int), [str(n + 1) for n in range(number)])


@case
def scan_of_standard_input_mails_what_it_finds_and_keeps_no_position(host):
    with Scene(host, start=False) as scene:
        line = "Nov  3 04:05:06 web1 sshd[7]: Accepted password for eve from 203.0.113.80 port 9 ssh2\n"
        host.command("scan", "--log-file=-", input=line)
        expect_equal(len(scene.subjects()), 1)
        expect_in("SSH login: eve from 203.0.113.80", scene.subjects()[0])
        expect(not os.path.exists(f"{host.reader}/position"), "a position was kept")


@case
def what_a_syslog_daemon_joined_is_counted(host):
    login = "Accepted password for {} from 203.0.113.80 port 9 ssh2"
    alice, bob = login.format("alice"), login.format("bob")
    lines = (f"Nov  3 04:05:06 web1 sshd[7]: {alice}\n"
             f"Nov  3 04:05:08 web1 sshd[7]: message repeated 2 times: [ {alice}]\n"
             f"Nov  3 04:05:09 web1 sshd[8]: {bob}\n"
             "Nov  3 04:05:11 web1 last message repeated 4 times\n")
    with Scene(host, start=False) as scene:
        table = host.command("report", "--log-file=-", input=lines).stdout.splitlines()
        expect_equal([("2 times" in row, "4 times" in row) for row in table[1:]],
                     [(False, False), (True, False), (False, False), (False, True)])
        rows = [json.loads(row) for row in host.command(
            "report", "-o", "json", "--log-file=-", input=lines).stdout.splitlines()]
        expect_equal([(row["user"], row.get("count", 1), row["message"]) for row in rows],
                     [("alice", 1, alice), ("alice", 2, alice), ("bob", 1, bob), ("bob", 4, bob)])
        host.command("scan", "--log-file=-", input=lines)
        expect_equal(len(scene.subjects()), 1)
        expect_in("8 SSH logins, 2 users, 1 address", scene.subjects()[0])
        text = body(host.mailbox.mails[0]).replace("\r\n", "\n")
        expect_in("\nby user:\n5  bob\n3  alice\n", text)
        expect_in("logins: 2, which the log joined in one line\n", text)


@case
def an_unreadable_log_file_is_an_error_that_names_it(host):
    with Scene(host, start=False):
        done = host.run_as("nobody", host.program, "report", "--log-file=/var/log/auth.log",
                           check=False)
        expect_equal(done.returncode, 1)
        expect_in("/var/log/auth.log", done.stderr)
        expect_equal(done.stdout, "")


if __name__ == "__main__":
    the_host = harness.start()
    the_host.syslogd = Rsyslogd(first="$RepeatedMsgReduction on")
    the_host.start_sshd()
    the_host.mailbox.start()
    main(the_host)
