#!/usr/bin/env python3
"""Silence that can be noticed: the daily heartbeat, and alerts of starts and ends of `watch`."""

import os
import re
import shutil
import signal
import time
import zlib

import harness
from harness import DOMAIN, ELSEWHERE, FRIEND, HOSTNAME, WORK, body
from tap import case, expect, expect_equal, expect_in, main

LOG = f"{WORK}/auth.log"
ALIVE = re.compile(rf"\[{HOSTNAME}\] still watching: (.*)")


def kept(host):
    """What is stored with the position: BEGIN DUE LOGINS ALLOWED FORGED GAPS."""
    with open(f"{host.reader}/position", encoding="ascii") as file:
        m = re.search(r"^HEARTBEAT=(.*)$", file.read(), re.M)
    return [int(n) for n in m[1].split()] if m else None


def set_due(host, seconds):
    """As if the day had begun so long ago that it ends in some seconds."""
    path = f"{host.reader}/position"
    numbers = kept(host)
    numbers[1] = time.time_ns() // 1000 + int(seconds * 1000000)
    with open(path, encoding="ascii") as file:
        text = re.sub(r"(?m)^HEARTBEAT=.*$", "HEARTBEAT=" + " ".join(map(str, numbers)), file.read())
    text = re.sub(r"(?m)^CRC=.*\n", "", text)
    owner = os.stat(path)
    harness.write(path, f"{text}CRC={zlib.crc32(text.encode()):08x}\n", 0o640)
    os.chown(path, owner.st_uid, owner.st_gid)


def alive(host):
    return [found[1] for found in (ALIVE.fullmatch(m["Subject"]) for m in host.mailbox.mails)
            if found]


def is_alive(mail):
    return ALIVE.fullmatch(mail["Subject"])


def fresh(host, extra="Heartbeat=daily\n", **configuration):
    host.mailbox.mails.clear()
    host.configure(extra=extra, **configuration)


@case
def a_day_goes_on_over_restarts_and_its_end_is_mailed_once(host):
    fresh(host)
    watch = host.watch()
    host.login("root", FRIEND)
    host.login("root", ELSEWHERE)
    host.mailbox.wait_for(lambda m: ELSEWHERE in m["Subject"])
    expect_equal(watch.stop(), 0)
    begin, due, *counts = kept(host)
    expect_equal(counts, [2, 1, 0, 0])
    expect(abs(due - begin - 86400 * 1000000) < 1000000, "a day")
    set_due(host, 4)
    watch = host.watch()
    host.login("alice", FRIEND)
    mail = host.mailbox.wait_for(is_alive, "the heartbeat", 60)
    expect_equal(alive(host), ["3 SSH logins, 2 of them allowed"])
    expect_equal(mail["X-Loginbell-Event"], "heartbeat")
    for line in ("source: the journal, loginbell[", f"host: {HOSTNAME}", "since: ", "until: "):
        expect_in(line, body(mail))
    harness.await_true(lambda: kept(host)[2:] == [0, 0, 0, 0], "the next day's begin")
    expect(86000 < kept(host)[1] / 1e6 - time.time() < 86401, kept(host))
    # Neither an end nor a kill makes it come again, nor what is read again be counted again.
    host.login("alice", FRIEND)
    host.login("root", ELSEWHERE)
    harness.await_true(lambda: kept(host)[2:] == [2, 1, 0, 0], "the counts")
    watch.stop(signal.SIGKILL)
    watch = host.watch()
    expect_equal(watch.stop(), 0)
    expect_equal(kept(host)[2:], [2, 1, 0, 0])
    expect_equal(len(alive(host)), 1)


@case
def a_heartbeat_that_a_kill_kept_out_of_the_position_does_not_come_twice(host):
    fresh(host)
    expect_equal(host.watch().stop(), 0)
    set_due(host, -1)
    shutil.copy2(f"{host.reader}/position", f"{WORK}/position")
    watch = host.watch()
    host.mailbox.wait_for(is_alive, "the heartbeat")
    watch.stop(signal.SIGKILL)
    with open(f"{WORK}/position", encoding="ascii") as file:
        text = file.read()
    with open(f"{host.reader}/position", "w", encoding="ascii") as file:
        file.write(text)
    expect_equal(host.watch().stop(), 0)
    expect_equal(len(alive(host)), 1)
    expect(kept(host)[1] > time.time_ns() // 1000, "the next day has not begun")


@case
def a_time_without_power_is_told_once(host):
    fresh(host)
    expect_equal(host.watch().stop(), 0)
    set_due(host, -5 * 86400)
    watch = host.watch()
    host.mailbox.wait_for(is_alive, "the heartbeat")
    expect_equal(watch.stop(), 0)
    expect_equal(host.watch().stop(), 0)
    expect_equal(alive(host), ["no SSH login"])


@case
def without_a_reader_there_is_none(host):
    fresh(host)
    expect_equal(host.watch("--no-deliver").stop(), 0)
    set_due(host, -1)
    harness.run(f"{host.bin}/loginbell-deliver", "-c", host.config, "--state-directory", host.state)
    # What comes after the end of a watch records what is left, and says nothing else.
    host.command("scan", "--no-deliver")
    harness.run(f"{host.bin}/loginbell-deliver", "-c", host.config, "--state-directory", host.state)
    expect_equal(alive(host), [])


@case
def a_scan_tells_too_that_it_still_runs(host):
    fresh(host)
    host.command("scan")
    host.login("root", FRIEND)
    host.journal_sync()
    host.command("scan")
    expect_equal(alive(host), [])
    set_due(host, 1800)  # the next scan may come in a day
    host.command("scan")
    expect_equal(alive(host), ["1 SSH login, 1 of them allowed"])
    begin, due, *_ = kept(host)
    expect(due - begin > 86400 * 1000000, "the hour has shifted")
    host.command("scan")
    expect_equal(len(alive(host)), 1)


@case
def a_log_that_is_gone_is_not_watched(host):
    harness.write(LOG, "")
    fresh(host, source=f"file\nLogFile={LOG}")
    expect_equal(host.watch().stop(), 0)
    set_due(host, -1)
    os.unlink(LOG)
    watch = host.watch()
    time.sleep(0.5)
    expect_equal(watch.stop(), 0)
    expect_equal(alive(host), [])
    harness.write(LOG, "")
    set_due(host, -1)
    watch = host.watch()
    host.mailbox.wait_for(is_alive, "the heartbeat")
    expect_equal(watch.stop(), 0)


@case
def off_keeps_and_tells_nothing(host):
    fresh(host)
    expect_equal(host.watch().stop(), 0)
    set_due(host, -1)
    text = open(host.config, encoding="utf-8").read().replace("Heartbeat=daily\n", "")
    harness.write(host.config, text)
    expect_equal(host.watch().stop(), 0)
    expect_equal(kept(host), None)
    expect_equal(host.mailbox.mails, [])


def events(host):
    """What the mails tell of starts and ends, in order."""
    text = " ".join(" ".join(body(m).split()) for m in host.mailbox.mails)
    return re.findall(r"why: loginbell \S+ (.*?)\.(?= |$)", text)


@case
def starts_and_ends_are_told_where_that_is_asked_for(host):
    fresh(host, extra="", mail_extra="Events=login instance\n")
    want = []
    for number, name in ((signal.SIGTERM, "15 (Terminated)"), (signal.SIGINT, "2 (Interrupt)")):
        expect_equal(host.watch().stop(number), 0)
        want += ["was started", f"was stopped by signal {name}"]
        expect_equal(events(host), want, "mailed before the end")
    watch = host.watch()
    want.append("was started")
    harness.await_true(lambda: events(host) == want, "the start's mail")
    watch.stop(signal.SIGKILL)
    host.command("scan", "--no-deliver")  # as ExecStopPost= does
    watch = host.watch()
    want.append("was started; the previous run did not stop by itself: it was killed, or the "
                "machine went down")
    harness.await_true(lambda: events(host) == want, "the start's mail")
    expect_equal(watch.stop(), 0)
    expect_equal(host.watch().stop(), 0)
    expect_equal(events(host)[len(want):], ["was stopped by signal 15 (Terminated)", "was started",
                                    "was stopped by signal 15 (Terminated)"])


if __name__ == "__main__":
    the_host = harness.start().start()
    the_host.mailbox.start()
    main(the_host)
