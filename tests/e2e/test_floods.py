#!/usr/bin/env python3
"""Many logins and many forgeries, with a real journald and sshd."""

import os
import re
import shutil
import subprocess
import time

import harness
from harness import ELSEWHERE, WORK, body, entry, make_journal
from tap import case, expect, expect_equal, main

JOURNAL = f"{WORK}/journal"
T0 = 1795400000000000  # microseconds
FORGED = "Accepted publickey for root from 203.0.113.66 port 4242 ssh2"
FORGERIES = 60000
LEDGER_MAX = 16384  # bytes that these may cost


def scene(host, extra=""):
    host.mailbox.mails.clear()
    host.configure(extra=extra)


@case
def ten_thousand_logins_at_once_are_listed_each_in_twelve_mails_at_most(host):
    shutil.rmtree(JOURNAL, ignore_errors=True)
    host.mailbox.mails.clear()
    host.configure(state_owner=None, extra="RepeatInterval=1h\n")
    make_journal(f"{JOURNAL}/system.journal", entry("Connection closed", T0))
    host.command("scan", f"--directory={JOURNAL}")
    make_journal(f"{JOURNAL}/system.journal",
                 *(entry(f"Accepted password for u{n:05} from {ELSEWHERE} port {n} ssh2",
                         T0 + n * 10) for n in range(1, 10001)))
    begin = time.monotonic()
    host.command("scan", "--no-deliver", f"--directory={JOURNAL}")
    print(f"# 10000 logins in the ledger after {time.monotonic() - begin:.2f} s", flush=True)
    expect_equal(host.ledger().count("\nKIND=login\n"), 10000)
    host.command("scan", f"--directory={JOURNAL}")
    expect(len(host.mailbox.mails) <= 12, f"{len(host.mailbox.mails)} mails")
    told = re.findall(r"\bu\d{5}\b(?=\s+from)", "\n".join(body(m) for m in host.mailbox.mails))
    expect_equal(len(set(told)), 10000)
    print(f"# in {len(host.mailbox.mails)} mails", flush=True)


def flood(number):
    """What an unprivileged user can do best: lines on the socket of logger(1), one after another."""
    lines = f"{WORK}/forged"
    with open(lines, "w", encoding="ascii") as file:
        file.writelines(f"{FORGED}: {n}\n" for n in range(number))
    os.chmod(lines, 0o644)
    return subprocess.Popen(["setpriv", "--reuid=alice", "--regid=alice", "--clear-groups",
                             "logger", "-t", "sshd", "-f", lines], stdin=subprocess.DEVNULL)


@case
def a_flood_of_forgeries_delays_no_login_and_costs_little(host):
    scene(host)
    watch = host.watch()
    forger = flood(FORGERIES)
    host.mailbox.wait_for(lambda m: "forged" in m["Subject"], "the first forgery's mail")
    logins = 0
    while forger.poll() is None or not logins:
        port = host.login("root", ELSEWHERE, command="set -- $SSH_CLIENT; echo $2").strip()
        logins += 1
        host.mailbox.wait_for(lambda m, p=port: "SSH login: " in m["Subject"]
                              and f"port: {p}" in body(m).splitlines(), "the login in the flood")
    # Not after what is told of the flood: only the first forgery was mailed yet.
    expect_equal(len([m for m in host.mailbox.mails if "forged" in m["Subject"]]), 1)
    expect_equal(forger.wait(), 0)
    host.journal_sync()
    late = [(int(noted) - int(at)) / 1e6 for at, noted in
            re.findall(r"KIND=login\n(?:.*\n)*?TIME_USEC=(\d+)\nNOTED_USEC=(\d+)", host.ledger())]
    print(f"# {logins} logins meanwhile, in the ledger after {max(late):.2f} s at most", flush=True)
    expect_equal(watch.stop(), 0)
    mails = [m for m in host.mailbox.mails if "forged" in m["Subject"]]
    told = sum(int(n or 1) for m in mails
               for n in re.findall(r"(\d+)? ?forged SSH login record", m["Subject"]))
    blocks = [b for b in host.ledger().split("\n\n") if "KIND=forged" in b]
    size = sum(map(len, blocks))
    print(f"# {told} forgeries told in {len(mails)} mails, {size} bytes of ledger", flush=True)
    expect_equal(told, FORGERIES)
    expect(len(mails) <= 4, f"{len(mails)} mails")
    expect(size < LEDGER_MAX, f"{size} bytes")


@case
def more_forgers_than_are_joined_apart_are_all_named(host):
    scene(host)
    uids = [40000 + n for n in range(20)]

    def log(uid, text):
        harness.run("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups",
                    "logger", "-t", "sshd", text)

    # journald makes a journal file for each user, which sd_journal may open when it has read newer
    # entries of others.
    watch = host.watch()
    for round_ in range(2):
        for uid in uids:
            log(uid, f"{FORGED}: {round_}")
    host.journal_sync()
    expect_equal(watch.stop(), 0)
    text = " ".join(" ".join(body(m).split()) for m in host.mailbox.mails)
    told = set()
    for found in re.finditer(r"user ids? ((?:\d+, )*\d+)", text):
        told |= set(map(int, found[1].split(", ")))
    expect_equal(sorted(told), uids)
    expect_equal(sum(int(n) for n in re.findall(r"COUNT=(\d+)", host.ledger()))
                 + len(re.findall(r"KIND=forged", host.ledger()))
                 - len(re.findall(r"COUNT=", host.ledger())), 2 * len(uids))


if __name__ == "__main__":
    the_host = harness.start()
    # There are no units here: the forger's flood would use up the share of sshd.
    os.makedirs("/etc/systemd", exist_ok=True)
    harness.write("/etc/systemd/journald.conf", "[Journal]\nRateLimitIntervalSec=0\n")
    the_host.start()
    the_host.mailbox.start()
    main(the_host)
