#!/usr/bin/env python3
"""Logs on standard input: what journalctl prints, old rotations, and a pipe that goes on."""

import datetime
import json
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess

import harness
import namespaces
from harness import ELSEWHERE, HOSTNAME
from logfile_scene import Scene, line
from rsyslog import AUTH_LOG
from tap import case, expect, expect_equal, expect_in, main

TIMED = ["short", "short-full", "short-iso", "short-iso-precise", "short-precise", "short-unix",
         "with-unit"]
UNTIMED = ["short-monotonic", "short-delta"]


def pipe(host, producer, *arguments, **options):
    """PRODUCER | loginbell ARGUMENT… --log-file=-"""
    with subprocess.Popen(producer, stdout=subprocess.PIPE) as left:
        return harness.run(*host.arguments(*arguments), "--log-file=-", stdin=left.stdout,
                           **options)


def report(host, *producer):
    done = pipe(host, producer, "report", "-o", "json")
    return [json.loads(text) for text in done.stdout.splitlines()]


@case
def what_journalctl_prints_is_read_in_each_of_its_forms(host):
    host.configure(source="file")
    ports = [int(host.login("root", ELSEWHERE, command="set -- $SSH_CLIENT; echo $2"))
             for _ in range(2)]
    host.journal_sync()
    of_journal = [json.loads(text)["__REALTIME_TIMESTAMP"] for text in host.journal(
        "-o", "json", "-g", "^Accepted ").splitlines()]
    for form in TIMED + UNTIMED:
        found = report(host, "journalctl", "-q", "--no-pager", "-o", form)
        expect_equal([(r["user"], r["addr"], r["port"]) for r in found],
                     [("root", ELSEWHERE, port) for port in ports], form)
        for record, usec in zip(found, of_journal):
            expect_equal(record.get("host"), HOSTNAME, form)
            if form in UNTIMED:
                expect("time" not in record, f"{form}: {record}")
                continue
            time = datetime.datetime.fromisoformat(record["time"].replace("Z", "+00:00"))
            expect(0 <= int(usec) / 1e6 - time.timestamp() < 1, f"{form}: {time}, {usec}")


@case
def compressed_rotations_are_shown_by_zcat_and_a_dry_run(host):
    with Scene(host, start=False) as scene:
        lines = [line(number) for number in range(1, 4)]
        for number, text in enumerate(lines, 1):
            harness.run("sh", "-c", f"gzip >{AUTH_LOG}.{number}.gz", input=text)
        done = pipe(host, ["sh", "-c", f"zcat {AUTH_LOG}.*.gz"], "scan", "--dry-run")
        for number in range(1, 4):
            expect_in(f"user{number} from {ELSEWHERE}", done.stdout)
        expect_equal(scene.subjects(), [])
        expect_equal(os.listdir(host.state), [])


SENDER = "loginbell-deliver"


def make_sender_user():
    try:
        return pwd.getpwnam(SENDER)
    except KeyError:
        for path, line_ in (("/etc/passwd", f"{SENDER}:x:61999:61999::/:/usr/sbin/nologin"),
                            ("/etc/group", f"{SENDER}:x:61999:")):
            with open(path, "a", encoding="utf-8") as file:
                file.write(line_ + "\n")
        return pwd.getpwnam(SENDER)


@case
def a_scan_of_standard_input_keeps_its_state_until_all_is_accepted(host):
    user = make_sender_user()
    namespaces.mount("tmpfs", "/var/tmp", "tmpfs", data="mode=1777")
    host.configure(source="file")
    host.mailbox.mails.clear()
    password = f"{harness.WORK}/password"
    owner = os.stat(password).st_uid
    shutil.chown(password, SENDER)
    command = [host.program, "scan", "--config", host.config, "--log-file=-"]
    logins = "".join(line(number) for number in range(1, 4))
    done = harness.run(*command, input=logins)
    expect_in("3 logins, 3 alerts", done.stdout)
    expect_equal(len(host.mailbox.mails), 1)
    expect_equal((os.listdir("/var/tmp"), os.listdir(host.state)), ([], []))

    host.mailbox.refuse = lambda envelope: "451 4.3.0 not now"
    done = harness.run(*command, input=line(4), check=False)
    expect_equal(done.returncode, 75, done.stderr)
    kept, = os.listdir("/var/tmp")
    kept = f"/var/tmp/{kept}"
    expect_in(f"{kept} is kept", done.stderr)
    status = os.stat(kept)
    expect_equal((status.st_mode, status.st_uid), (stat.S_IFDIR | 0o700, user.pw_uid))
    expect_equal({os.lstat(os.path.join(d, f)).st_uid
                  for d, ds, fs in os.walk(kept) for f in ds + fs}, {user.pw_uid})
    expect_equal([f for _, _, fs in os.walk(kept) for f in fs if f == "position"], [])

    host.mailbox.refuse = None
    retry = re.search(r"to try again: loginbell (.*)", done.stderr)[1].split()
    harness.run(host.program, *retry, "--config", host.config)
    expect_in("user4 from", host.mailbox.mails[-1]["Subject"])
    expect_equal(len(host.mailbox.mails), 2)

    done = harness.run(*command, "--no-deliver", input=line(5), check=False)
    expect_equal(done.returncode, 2)
    expect_in("--no-deliver", done.stderr)
    shutil.chown(password, owner)


@case
def a_pipe_of_tail_is_watched_to_its_end(host):
    with Scene(host, start=False) as scene:
        harness.write(AUTH_LOG, line(1))
        tail = subprocess.Popen(["tail", "-n", "+1", "-F", AUTH_LOG], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL)
        scene.watch = harness.Watch("watch", host.arguments("watch", "-v", "--log-file=-"),
                                      notify=True, stdin=tail.stdout)
        with open(AUTH_LOG, "a", encoding="utf-8") as file:
            file.write(line(2))
        scene.mailed("2")
        tail.terminate()
        tail.wait()
        expect_equal(scene.watch.wait(), 0, scene.watch.log())
        expect_in("standard input has ended", scene.watch.log())
        scene.expect_told(["1", "2"])
        expect(not os.path.exists(f"{host.reader}/position"), "a position was kept")


@case
def who_reads_only_the_begin_costs_no_time_and_no_word(host):
    host.configure(source="file")
    big = harness.write("/run/test/big.log", "".join(line(n) for n in range(1, 50001)))
    for arguments in (["report"], ["report", "-o", "json"], ["report", "-o", "export"],
                      ["scan", "--dry-run"]):
        with subprocess.Popen([*host.arguments(*arguments), f"--log-file={big}"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as left:
            left.stdout.readline()
            left.stdout.close()
            expect_equal(left.stderr.read(), b"", arguments)
            expect_equal(left.wait(harness.DEADLINE), -signal.SIGPIPE, arguments)


if __name__ == "__main__":
    the_host = harness.start().start()
    the_host.mailbox.start()
    main(the_host)
