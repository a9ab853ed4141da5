#!/usr/bin/env python3
"""Kind=auto: the journal where one can be read, else the log file; and a change between them."""

import os
import re

import harness
from harness import ELSEWHERE, run
from logfile_scene import Log, Scene
from rsyslog import AUTH_LOG, Rsyslogd
from tap import case, expect, expect_equal, expect_in, main

JOURNAL = os.environ.get("LOGINBELL_JOURNAL", "1") == "1"
CONFIGURATION = {"source": "auto", "extra": "[Alert]"}


def as_alice(host, *arguments, groups=()):
    privileges = f"--groups={','.join(groups)}" if groups else "--clear-groups"
    return run("setpriv", "--reuid=alice", "--regid=alice", privileges,
               *host.arguments(*arguments), check=False)


@case
def where_a_journal_can_be_read_it_is_read(host):
    with Scene(host, **CONFIGURATION) as scene:
        scene.mailed(scene.login("root"))
        expect_equal("watching the journal;" in scene.watch.log(), JOURNAL, scene.watch.log())
        expect_equal("not authenticated" in host.ledger(), not JOURNAL, host.ledger())
        scene.stop()
        expect_equal(scene.kinds(), ["login"])


@case
def where_none_can_be_read_it_is_the_file_and_that_is_said(host):
    with Scene(host, start=False, **CONFIGURATION) as scene:
        port = scene.login("root")
        done = as_alice(host, "report", groups=["adm"])
        expect_equal(done.returncode, 0, done.stderr)
        expect_in(f"reading {AUTH_LOG}, since no journal can be read", done.stderr)
        expect_in("libsystemd" if not JOURNAL else "systemd-journal", done.stderr)
        expect_in(ELSEWHERE, done.stdout)
        done = as_alice(host, "report", "-o", "json", groups=["adm"])
        expect_in(f'"port":{port}', done.stdout.replace(": ", ":"))


@case
def who_may_read_neither_is_told_both_and_what_to_do(host):
    with Scene(host, start=False, **CONFIGURATION):
        done = as_alice(host, "report")
        expect_equal((done.returncode, done.stdout), (1, ""))
        expect_in("group systemd-journal" if JOURNAL else "libsystemd", done.stderr)
        expect(re.search(rf"{AUTH_LOG}: .*group adm", done.stderr), done.stderr)


@case
def the_journal_is_named_as_missing_where_it_was_not_built_in(host):
    with Scene(host, start=False):
        done = host.command("report", "--source=journal", check=False)
        if JOURNAL:
            expect_equal(done.returncode, 0, done.stderr)
        else:
            expect_equal((done.returncode, done.stdout), (1, ""))
            expect_in("built without journal support (libsystemd)", done.stderr)


def a_change_from_the_journal_to_the_file_and_back_loses_nothing(host):
    with Scene(host, start=False, **CONFIGURATION) as scene:
        host.command("scan", "--source=journal")
        ports = []
        for source in ("journal", "file", "file", "journal", "journal"):
            ports.append(scene.login("root"))
            host.journal_sync()
            host.command("scan", f"--source={source}")
            told = re.findall(r"^PORT=(.*)", host.ledger(), re.M)
            expect_equal(set(ports) - set(told), set(), f"{source}: {host.ledger()}")


def a_log_file_that_begins_after_the_change_tells_a_gap(host):
    with Scene(host, start=False, **CONFIGURATION) as scene:
        host.command("scan", "--source=journal")
        scene.login("root")
        for name in host.syslogd.files():
            os.unlink(name)
        host.syslogd.reopen()
        # It makes the file anew when it has something to write.
        harness.await_true(lambda: Log().send("noise") or os.path.exists(AUTH_LOG),
                           "rsyslogd to reopen its file")
        port = scene.login("root")
        host.command("scan", "--source=file")
        expect_equal(scene.kinds(), ["gap", "login"], host.ledger())
        expect_in(f"PORT={port}\n", host.ledger())
        expect_in(f"{AUTH_LOG} begins later", host.ledger())


def rotations_since_the_change_are_read(host):
    with Scene(host, start=False, **CONFIGURATION) as scene:
        scene.login("root")
        host.command("scan", "--source=journal")
        ports = []
        for how in ("compress", "nocompress"):
            ports.append(scene.login("root"))
            host.syslogd.rotate(how=how)
        ports.append(scene.login("root"))
        host.command("scan", "--source=file")
        told = re.findall(r"^PORT=(.*)", host.ledger(), re.M)
        expect_equal(told[-3:], ports, host.ledger())
        expect_equal(set(scene.kinds()), {"login"}, host.ledger())


if JOURNAL:
    case(rotations_since_the_change_are_read)
    case(a_log_file_that_begins_after_the_change_tells_a_gap)
    case(a_change_from_the_journal_to_the_file_and_back_loses_nothing)

if __name__ == "__main__":
    the_host = harness.start()
    harness.write("/etc/systemd/journald.conf", "[Journal]\nForwardToSyslog=yes\n")
    the_host.start_journald()
    the_host.syslogd = Rsyslogd(path="/run/systemd/journal/syslog")
    the_host.start_sshd()
    the_host.mailbox.start()
    main(the_host)
