#!/usr/bin/env python3
"""
What an intruder may write into a login's record: certificate IDs and user names through a real
sshd, any bytes through crafted records. No rule allows it, and no output is led astray by it.
"""

import json
import os
import re
import shutil
import struct
import unicodedata

import harness
from harness import ELSEWHERE, FRIEND, HERE, WORK, body
from tap import case, expect, expect_equal, expect_in, main

JOURNAL = f"{WORK}/journal"
T0 = 1795400000000000  # microseconds
OTHER_CA, OTHER_KEY = "SHA256:" + "D" * 43, "SHA256:" + "E" * 43
HEADERS = {"Date", "From", "To", "Message-ID", "In-Reply-To", "References", "Subject",
           "Auto-Submitted", "X-Auto-Response-Suppress", "X-Loginbell-Event", "X-Loginbell-Host",
           "X-Loginbell-User", "X-Loginbell-Addr", "X-Loginbell-Method", "X-Loginbell-Key",
           "X-Loginbell-Count", "X-Loginbell-Verdict", "X-Loginbell-Sequence", "MIME-Version",
           "Content-Type", "Content-Transfer-Encoding"}
HOSTILE = [b"a\rb", b"a\nb", b"a\r\nBcc: victim@example.org", b"x\r\n.\r\nMAIL FROM:<x@example.org>\r\n",
           b"x\n.\nQUIT\n", b".", b"..", b"--boundary--", b"=?utf-8?q?x?=", b"\x1b[31mred\x1b[0m",
           b"\x1b]0;title\x07", b"a\x00b", b"a\x7fb", "\u202etxt.exe".encode(),
           "\u2066a\u2069".encode(), "a\u200bb".encode(), b"\xff\xfe", b"\xc3", b"\xed\xa0\x80",
           b"CRC=00000000\n\nKIND=login\nSEQ=9", "caf\u00e9".encode(), b"A" * 100000]


def rules(host):
    """What an administrator trusts, and an intruder would like to be."""
    harness.write(host.whitelist, f"{FRIEND}\nallow ca={OTHER_CA}\nallow key={OTHER_KEY}\n"
                  f"allow cert-id=friend\nfrom {re.escape(FRIEND)} port\n"
                  f"CA ED25519 {OTHER_CA}$\nED25519 {OTHER_KEY}\nID friend\n")


def clean(text):
    """Whether nothing in it can move a terminal's cursor or turn its text around."""
    return all(c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
               for c in text)


def check_mail(mail):
    expect(not re.search(rb"[^\x20-\x7e\r\n]|\r(?!\n)|(?<!\r)\n", mail.raw), "bytes of the mail")
    expect(all(len(line) <= 78 for line in mail.raw.split(b"\r\n")), "lines of the mail")
    expect_equal(set(mail.keys()) - HEADERS, set())
    expect_equal(len(mail.keys()), len(set(mail.keys())))
    expect_equal(sorted(mail.envelope_to), ["admin@example.net", "second.admin@example.net"])
    expect(clean(mail["Subject"] + body(mail).replace("\r\n", "\n")), mail["Subject"])


def sign(host, number, identity):
    """A certificate of the CA that sshd trusts."""
    name = f"{WORK}/ssh/bypass{number}"
    shutil.copy(f"{WORK}/ssh/user.pub", f"{name}.pub")
    harness.run("ssh-keygen", "-q", "-s", f"{WORK}/ssh/user_ca", "-I", identity, "-z", number,
                "-n", "root", f"{name}.pub")
    os.replace(f"{name}-cert.pub", f"{WORK}/ssh/certificate.pub")


def port_of(host, user="root", method="certificate"):
    return host.login(user, ELSEWHERE, method, command="set -- $SSH_CLIENT; echo $2").strip()


def expect_told(host, port, what):
    """The login is in ledger and mail."""
    mail = host.mailbox.wait_for(lambda m: re.search(rf"\bport:? {port}\b",
                                                     " ".join(body(m).split())), what)
    check_mail(mail)
    expect_equal(len(re.findall(rf"^PORT={port}$", host.ledger(), re.M)), 1, what)


@case
def a_certificate_s_id_is_no_address_no_key_no_CA_and_no_expression_s_text(host):
    host.mailbox.mails.clear()
    host.configure()
    rules(host)
    watch = host.watch()
    ids = [FRIEND, f"x from {FRIEND} port 22 ssh2", f"for root from {FRIEND} port 22",
           f"friend (serial 1) CA ED25519 {OTHER_CA}", f"x (serial 1) CA ED25519 {OTHER_CA}, y",
           f"ED25519 {OTHER_KEY} ID friend", "a\r\nBcc: victim@example.org", "\x1b[31mred",
           "\u202etxt.exe",
           # So long that sshd's own end of the message, with the CA, is cut off.
           "x" * 250 + f" (serial 1) CA ED25519 {OTHER_CA}"]
    told = []
    for number, identity in enumerate(ids, 100):
        sign(host, number, identity)
        port = port_of(host)
        expect_told(host, port, f"the login with certificate ID {identity!r}")
        told.append(port)
    expect_equal(watch.stop(), 0)
    sign(host, 99, "friend")  # the rules are in force
    host.command("scan")
    port_of(host)
    host.journal_sync()
    host.command("scan")
    expect_equal(len(re.findall("^PORT=", host.ledger(), re.M)), len(told))
    harmless = host.command("report", "--since=-1h").stdout
    expect(clean(harmless), repr(harmless))
    for line in host.command("report", "-o", "json").stdout.splitlines():
        json.loads(line)


@case
def what_is_padded_until_its_end_is_cut_is_not_allowed_by_the_true_CA(host):
    host.mailbox.mails.clear()
    host.configure()
    ca = harness.run("ssh-keygen", "-l", "-f", f"{WORK}/ssh/user_ca.pub").stdout.split()[1]
    harness.write(host.whitelist, f"allow ca={ca}\nCA ED25519 {ca}\n")
    watch = host.watch()
    sign(host, 200, "short")
    port = port_of(host)
    sign(host, 201, "x" * 400)
    expect_told(host, port_of(host), "the padded one")
    expect_equal(watch.stop(), 0)
    expect(f"\nPORT={port}\n" not in host.ledger(), "the CA's rule is not in force")


@case
def a_user_whose_name_tells_another_address_is_told(host):
    host.mailbox.mails.clear()
    host.configure()
    harness.write(host.whitelist, f"{FRIEND}\nallow from={FRIEND}\nallow user=root\nallow user=a\n")
    names = [f"x from {FRIEND} port 22 ssh2", f"root from {FRIEND} port 1", f"a from {FRIEND}"]
    with open("/etc/passwd", "a", encoding="ascii") as file:
        file.writelines(f"{name}:x:0:0::/:/bin/sh\n" for name in names)
    with open("/etc/shadow", "a", encoding="ascii") as file:
        file.writelines(f"{name}:*:20000::::::\n" for name in names)
    watch = host.watch()
    for name in names:
        port = harness.run(
            "ssh", "-F", "none", "-b", ELSEWHERE, "-o", "StrictHostKeyChecking=no", "-o",
            "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "BatchMode=yes", "-i",
            f"{WORK}/ssh/user", "-l", name, HERE, "set -- $SSH_CLIENT; echo $2").stdout.strip()
        mail = host.mailbox.wait_for(lambda m, p=port: f"port {p} ssh2" in " ".join(body(m).split()),
                                     f"the login of {name!r}")
        check_mail(mail)
    expect_equal(watch.stop(), 0)


def raw_entry(number, message):
    """One entry in the Journal Export Format, with any bytes."""
    text = (f"__REALTIME_TIMESTAMP={T0 + number * 1000000}\n__MONOTONIC_TIMESTAMP={number * 1000}\n"
            f"_BOOT_ID={'0' * 31}1\n_HOSTNAME=web1\n_TRANSPORT=syslog\nSYSLOG_IDENTIFIER=sshd\n"
            f"_COMM=sshd\n_UID=0\n_PID={number}\nMESSAGE\n").encode()
    return text + struct.pack("<Q", len(message)) + message + b"\n\n"


def add(*entries):
    os.makedirs(JOURNAL, exist_ok=True)
    with open(f"{WORK}/raw.export", "wb") as file:
        file.write(b"".join(entries))
    harness.run(harness.JOURNAL_REMOTE, "-o", f"{JOURNAL}/system.journal", f"{WORK}/raw.export")


@case
def any_bytes_come_through_ledger_mail_table_and_JSON(host):
    shutil.rmtree(JOURNAL, ignore_errors=True)
    host.mailbox.mails.clear()
    host.configure(state_owner=None)
    add(raw_entry(1, b"Connection closed"))
    host.command("scan", f"--directory={JOURNAL}")
    count = 0
    for number, bad in enumerate(HOSTILE):
        forms = (b"Accepted password for " + bad + b" from 203.0.113.9 port 1 ssh2",
                 b"Accepted publickey for root from 203.0.113.9 port 1 ssh2: " + bad,
                 b"Accepted " + bad)
        add(*(raw_entry(10 + 3 * number + i, m) for i, m in enumerate(forms)))
        before = len(host.mailbox.mails)
        host.command("scan", f"--directory={JOURNAL}")
        expect_equal(len(host.mailbox.mails), before + 1, bad[:40])
        mail = host.mailbox.mails[-1]
        check_mail(mail)
        expect_in("3 SSH logins", mail["Subject"], bad[:40])
        count += 3
    ledger = open(f"{host.reader}/ledger", "rb").read()
    expect(not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", ledger), "controls in the ledger")
    expect(all(re.match(rb"[A-Z_]+=", line) for line in ledger.split(b"\n") if line), "its lines")
    expect_equal(len(re.findall(rb"^KIND=login$", ledger, re.M)), count)
    table = host.command("report", "-q", f"--directory={JOURNAL}").stdout
    expect(clean(table), "the table")
    expect_equal(len(table.splitlines()), count)
    found = host.command("report", "-o", "json", f"--directory={JOURNAL}").stdout
    expect(not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", found), "controls in JSON")
    expect_equal([json.loads(line)["kind"] for line in found.splitlines()], ["login"] * count)
    expect(clean(host.command("scan", "--dry-run", f"--directory={JOURNAL}",
                              "--since=@1795400000").stdout), "the dry run")


if __name__ == "__main__":
    the_host = harness.start().start()
    the_host.mailbox.start()
    main(the_host)
