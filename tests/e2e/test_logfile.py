#!/usr/bin/env python3
"""From a real SSH login in a syslog file to a mail: hosts without journald."""

import json
import os
import re
import signal

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


@case
def scan_of_standard_input_mails_what_it_finds_and_keeps_no_position(host):
    with Scene(host, start=False) as scene:
        line = "Nov  3 04:05:06 web1 sshd[7]: Accepted password for eve from 203.0.113.80 port 9 ssh2\n"
        host.command("scan", "--log-file=-", input=line)
        expect_equal(len(scene.subjects()), 1)
        expect_in("SSH login: eve from 203.0.113.80", scene.subjects()[0])
        expect(not os.path.exists(f"{host.state}/position"), "a position was kept")


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
