#!/usr/bin/env python3
"""
Who logged in is root at once, and wants no mail: the reader is ended or killed, or the journal's
files are deleted, 50 ms after the login. $LOGINBELL_TRIES: how often each (default: 5); what was
told of how many is printed.
"""

import os
import re
import signal
import time

import harness
from harness import ELSEWHERE, body
from tap import case, expect, expect_equal, main

TRIES = int(os.environ.get("LOGINBELL_TRIES", "5"))
MOMENT = 0.05  # seconds: what the intruder takes
PORT = "set -- $SSH_CLIENT; echo $2"


def ports_told(host):
    """Of the logins that mails tell of."""
    return set(re.findall(rf"Accepted publickey for root from {ELSEWHERE} port (\d+)",
                          "\n".join(" ".join(body(m).split()) for m in host.mailbox.mails)))


def gaps(host):
    return [m for m in host.mailbox.mails if "records were lost" in m["Subject"] or "gap" in m["Subject"]]


def login(host):
    """The login's port, as soon as sshd has let the intruder in."""
    return host.login("root", ELSEWHERE, command=PORT).strip()


def deletions_told(host):
    return host.ledger().count("system.journal was deleted")


def delete_journal(host):
    for path in host.journal_files():
        os.unlink(path)


def renew_journal(host):
    """journald goes on in the deleted files until it is started again."""
    host.journald.stop()
    host.start_journald()


def say(what, told, of):
    print(f"# {what}: {told} of {of} told", flush=True)


def fresh(host):
    host.mailbox.mails.clear()
    host.configure()


@case
def ended_by_SIGTERM(host):
    fresh(host)
    ports = set()
    for _ in range(TRIES):
        watch = host.watch()
        ports.add(login(host))
        time.sleep(MOMENT)
        expect_equal(watch.stop(), 0, watch.log())
    say("SIGTERM", len(ports & ports_told(host)), TRIES)
    expect_equal(ports_told(host), ports)


@case
def killed_and_scanned_afterwards(host):
    fresh(host)
    ports = set()
    for _ in range(TRIES):
        watch = host.watch()
        ports.add(login(host))
        time.sleep(MOMENT)
        watch.stop(signal.SIGKILL)
        host.command("scan")
    say("SIGKILL, then scan", len(ports & ports_told(host)), TRIES)
    expect_equal(ports_told(host), ports)


@case
def the_journal_s_files_deleted(host):
    fresh(host)
    ports = set()
    for _ in range(TRIES):
        watch = host.watch()
        port = login(host)
        ports.add(port)
        time.sleep(MOMENT)
        delete_journal(host)
        host.mailbox.wait_for(lambda m: port in " ".join(body(m).split()), "the login's mail")
        renew_journal(host)
        expect_equal(watch.stop(), 0)
    expect_equal(deletions_told(host), TRIES)
    say("journal deleted", len(ports & ports_told(host)), TRIES)
    expect_equal(ports_told(host), ports)


@case
def the_journal_s_files_deleted_before_the_reader_had_time_to_look(host):
    """It reads on in there, also what journald has not yet written when they are deleted."""
    fresh(host)
    ports = set()
    for _ in range(TRIES):
        watch = host.watch()
        watch.send(signal.SIGSTOP)
        ports.add(login(host))
        delete_journal(host)
        watch.send(signal.SIGCONT)
        renew_journal(host)
        expect_equal(watch.stop(), 0)
    expect_equal(deletions_told(host), TRIES)
    say("journal deleted before it was read", len(ports & ports_told(host)), TRIES)
    expect_equal(ports_told(host), ports)


@case
def the_journal_s_files_deleted_and_the_reader_killed_before_it_looked(host):
    """Nothing has the login any more: that there is a gap is told."""
    fresh(host)
    host.command("scan")
    for number in range(1, TRIES + 1):
        login(host)
        delete_journal(host)
        renew_journal(host)
        host.command("scan")
        expect(len(gaps(host)) >= number, f"try {number}: no gap is told, but "
               f"{[m['Subject'] for m in host.mailbox.mails]}")
    say("journal deleted while nobody reads, as a gap", len(gaps(host)), TRIES)


if __name__ == "__main__":
    the_host = harness.start().start()
    the_host.mailbox.start()
    main(the_host)
