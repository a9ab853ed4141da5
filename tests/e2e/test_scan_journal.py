#!/usr/bin/env python3
"""report, explain and scan on journals that systemd-journal-remote makes of export text."""

import glob
import json
import os
import quopri
import re
import resource
import shutil

import harness
from harness import ELSEWHERE, FRIEND, WORK, body, entry, make_journal
from tap import case, expect, expect_equal, expect_in, main

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data")
JOURNAL = f"{WORK}/journal"
SAMPLE = f"{WORK}/sample"
SAMPLE_WHITELIST = f"{DATA}/sample.whitelist"
T0 = 1795400000000000  # 2026-11-23, microseconds
SECOND = 1000000
KEYS = {"time", "host", "program", "pid", "uid", "method", "user", "addr", "port", "key_type",
        "fingerprint", "cert_id", "cert_serial", "ca_fingerprint", "extra", "kind", "verdict",
        "rule", "trusted", "ambiguous", "count", "message", "position"}
# user, address, method, kind, verdict, line of the rule: what the sample journal holds.
SAMPLE_LOGINS = [
    ("alice", "198.51.100.7", "publickey", "login", "allowed", 4),
    ("backup", "192.0.2.40", "publickey", "login", "allowed", 8),
    ("bob", "203.0.113.9", "keyboard-interactive/pam", "login", "alert", None),
    ("root", "203.0.113.9", "publickey", "login", "alert", None),
    ("www-deploy", "203.0.113.200", "password", "login", "alert", None),
    ("root", "203.0.113.66", "publickey", "forged", "alert", None),
    ("carol", "2001:db8:40::17", "publickey", "login", "allowed", 5),
    ("ops", "192.0.2.201", "publickey", "login", "allowed", 11),
    ("alice", "198.51.100.7", "publickey", "login", "allowed", 4),
    ("alice", "2001:db8:7::a1", "publickey", "login", "alert", None),
    ("backup", "192.0.2.40", "publickey", "login", "allowed", 8),
    ("EXAMPLE\\dave smith", "203.0.113.141", "password", "login", "alert", None),
    ("root", "203.0.113.9", "publickey", "login", "alert", None),
    ("ops", "192.0.2.202", "publickey", "login", "alert", None),
    ("root", "203.0.113.58", "publickey", "login", "alert", None),
]


def accepted(user, address, port=4242):
    return f"Accepted password for {user} from {address} port {port} ssh2"


def login(number, user, address=ELSEWHERE, **fields):
    """An entry of a login, `number` seconds after the beginning."""
    return entry(accepted(user, address, 1000 + number), T0 + number * SECOND, **fields)


def noise(number, **fields):
    return entry(f"Connection closed by 203.0.113.77 port {number}", T0 + number * SECOND, **fields)


def report(host, *arguments, directory=JOURNAL, **options):
    return host.command("report", f"--directory={directory}", *arguments, **options)


def report_json(host, *arguments, **options):
    return [json.loads(line) for line in report(host, "-o", "json", *arguments, **options)
            .stdout.splitlines()]


def users(host, *arguments, **options):
    return [o.get("user") for o in report_json(host, *arguments, **options)]


def fresh(host, *entries):
    shutil.rmtree(JOURNAL, ignore_errors=True)
    host.configure(state_owner=None)
    host.mailbox.mails.clear()
    if entries:
        make_journal(f"{JOURNAL}/system.journal", *entries)


def scan(host, *arguments, **options):
    return host.command("scan", f"--directory={JOURNAL}", *arguments, **options)


def mailed_users(host):
    """The users that the mails tell of, each as often as it is told."""
    return sorted(u for m in host.mailbox.mails
                  for u in re.findall(r"Accepted password for (\S+)\s+from",
                                      " ".join(body(m).split())))


# report

@case
def report_tells_every_login_of_the_sample_and_its_verdict(host):
    found = []
    for o in report_json(host, f"--whitelist={SAMPLE_WHITELIST}", directory=SAMPLE):
        rule = int(o["rule"].rsplit(":", 1)[1]) if "rule" in o else None
        found.append((o["user"], o["addr"], o["method"], o["kind"], o["verdict"], rule))
    expect_equal(found, SAMPLE_LOGINS)


@case
def report_json_has_the_keys_of_a_certificate_login(host):
    found = report_json(host, f"--whitelist={SAMPLE_WHITELIST}", directory=SAMPLE)
    expect_equal([sorted(set(o) - KEYS) for o in found if set(o) - KEYS], [])
    one = found[7]
    position = one.pop("position")
    expect("s=" in position or position, "position")
    extra = one.pop("extra")
    expect_in("ED25519-CERT SHA256:", extra)
    expect_equal({k: v for k, v in one.items() if k not in ("message", "fingerprint",
                                                            "ca_fingerprint", "rule")},
                 {"time": "2026-11-21T11:00:00.314159Z", "host": "web1", "program": "sshd",
                  "pid": 2290, "uid": 0, "method": "publickey", "user": "ops",
                  "addr": "192.0.2.201", "port": 47110, "key_type": "ED25519-CERT",
                  "cert_id": "ops on call", "cert_serial": one["cert_serial"], "kind": "login",
                  "verdict": "allowed", "trusted": True, "ambiguous": False})
    expect_equal(str(one["cert_serial"]), "1201")
    expect_equal(one["rule"], f"{SAMPLE_WHITELIST}:11")
    expect_in(one["fingerprint"], one["message"])
    expect_in(one["ca_fingerprint"], one["message"])


@case
def report_json_says_what_is_ambiguous_and_what_is_not_trusted(host):
    found = report_json(host, f"--whitelist={SAMPLE_WHITELIST}", directory=SAMPLE)
    expect_equal([o["user"] for o in found if o["ambiguous"]], ["ops"])
    expect_equal([(o["addr"], o["uid"]) for o in found if not o["trusted"]], [("203.0.113.66", 1000)])


@case
def report_prints_a_table_with_and_without_its_heading(host):
    arguments = [f"--whitelist={SAMPLE_WHITELIST}"]
    whole = report(host, *arguments, directory=SAMPLE).stdout.splitlines()
    quiet = report(host, "-q", *arguments, directory=SAMPLE).stdout.splitlines()
    expect_equal(len(quiet), len(SAMPLE_LOGINS))
    expect_equal(whole[1:1 + len(quiet)], quiet)
    for line, (user, address, _, _, _, _) in zip(quiet, SAMPLE_LOGINS):
        expect_in(address, line)
        expect_in(user.replace("\\", ""), line.replace("\\", ""))
        expect("\033" not in line, line)


@case
def report_export_is_the_journal_export_format(host):
    text = report(host, "-o", "export", f"--whitelist={SAMPLE_WHITELIST}", directory=SAMPLE).stdout
    blocks = [dict(line.split("=", 1) for line in block.splitlines())
              for block in text.strip().split("\n\n")]
    expect_equal([b["LOGINBELL_USER"] for b in blocks], [row[0] for row in SAMPLE_LOGINS])
    expect_equal(blocks[0]["__REALTIME_TIMESTAMP"], "1795161761518223")
    for block in blocks:
        expect_in("Accepted ", block["MESSAGE"])
        expect(block["__CURSOR"] and block["_HOSTNAME"] == "web1", block)


@case
def report_keeps_to_since_and_until(host):
    fresh(host, *(login(n, f"u{n}") for n in range(5)))
    expect_equal(users(host), ["u0", "u1", "u2", "u3", "u4"])
    expect_equal(users(host, f"--since=@{T0 // SECOND + 2}"), ["u2", "u3", "u4"])
    expect_equal(users(host, f"--until=@{T0 // SECOND + 2}"), ["u0", "u1", "u2"])
    expect_equal(users(host, f"--since=@{T0 // SECOND + 1}", f"--until=@{T0 // SECOND + 3}"),
                 ["u1", "u2", "u3"])
    expect_equal(users(host, f"--since=@{T0 // SECOND + 9}"), [])


@case
def report_reads_sshd_and_sshd_session_and_records_without_comm(host):
    fresh(host, login(0, "a"), login(1, "b", SYSLOG_IDENTIFIER="sshd-session", _COMM="sshd-session"),
          login(2, "c", _COMM=None), login(3, "d", SYSLOG_IDENTIFIER=None),
          login(4, "e", SYSLOG_IDENTIFIER="cron", _COMM="cron"), noise(5))
    expect_equal(users(host), ["a", "b", "c", "d"])


@case
def report_calls_forged_what_sshd_did_not_write(host):
    fresh(host, login(0, "sshd"), login(1, "user", _UID=1000), login(2, "nobody", _UID=None),
          login(3, "tail", _COMM="tail"), login(4, "named", _UID=1000, SYSLOG_IDENTIFIER="x"))
    expect_equal([(o["user"], o["kind"], o["trusted"]) for o in report_json(host)],
                 [("sshd", "login", True), ("user", "forged", False), ("nobody", "forged", False),
                  ("tail", "forged", False), ("named", "forged", False)])


@case
def report_tells_what_journald_dropped_as_a_gap(host):
    driver = {"_TRANSPORT": "driver", "MESSAGE_ID": "a596d6fe7bfa4994828e72309e95d61e",
              "SYSLOG_IDENTIFIER": "systemd-journald", "_COMM": "systemd-journald"}
    text = "Suppressed 4321 messages from ssh.service"
    fresh(host, login(0, "a"),
          entry(text, T0 + SECOND, N_DROPPED=4321, OBJECT_SYSTEMD_UNIT="ssh.service", **driver),
          entry(text, T0 + 2 * SECOND, N_DROPPED=1, OBJECT_SYSTEMD_UNIT="cron.service",
                **dict(driver, MESSAGE="Suppressed 1 messages from cron.service")))
    found = report_json(host)
    expect_equal([o["kind"] for o in found], ["login", "gap"])
    expect_in("4321", json.dumps(found[1]))


@case
def report_does_not_believe_a_drop_notice_of_a_user(host):
    fresh(host, login(0, "a"),
          entry("Suppressed 9 messages from ssh.service", T0 + SECOND, N_DROPPED=9, _UID=1000,
                MESSAGE_ID="a596d6fe7bfa4994828e72309e95d61e", _TRANSPORT="journal",
                OBJECT_SYSTEMD_UNIT="ssh.service"))
    expect_equal([o["kind"] for o in report_json(host)], ["login"])


@case
def report_shows_no_control_character(host):
    fresh(host, login(0, "ev\\033[31mil"), login(1, "bi\u202edi"))
    text = report(host).stdout
    expect(all(c == "\n" or (c.isprintable() and c != "\u202e") for c in text), repr(text))
    expect_equal(len(report_json(host)), 2)


@case
def report_reads_all_boots_also_with_a_clock_that_was_set_back(host):
    second = "0" * 31 + "2"
    fresh(host, login(100, "a"), login(101, "b"))
    make_journal(f"{JOURNAL}/system@2.journal", login(50, "c", boot=second),
                 login(51, "d", boot=second))
    expect_equal(sorted(users(host)), ["a", "b", "c", "d"])


@case
def report_reads_every_file_though_few_may_be_open(host):
    fresh(host)
    for n in range(40):
        make_journal(f"{JOURNAL}/host{n}.journal", login(n, f"u{n}"))
    found = host.command("report", f"--directory={JOURNAL}", "-o", "json", preexec_fn=lambda:
                         resource.setrlimit(resource.RLIMIT_NOFILE, (20, 4096))).stdout
    expect_equal([json.loads(line)["user"] for line in found.splitlines()],
                 [f"u{n}" for n in range(40)])


@case
def report_fails_where_not_every_file_can_be_opened(host):
    fresh(host)
    for n in range(40):
        make_journal(f"{JOURNAL}/host{n}.journal", login(n, f"u{n}"))
    done = host.command("report", f"--directory={JOURNAL}", check=False, preexec_fn=lambda:
                        resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20)))
    expect_equal(done.returncode, 1, done.stdout)
    expect(done.stderr.strip(), "no word about it")


# journalctl | report --log-file=-

@case
def what_journalctl_prints_tells_the_logins_of_the_journal_itself(host):
    unit = "ssh@1-192.0.2.1:22-203.0.113.9:1003.service"
    fresh(host, login(1, "a", _SYSTEMD_UNIT="ssh.service"), login(2, "b", _PID=None),
          noise(3), login(4, "c", _SYSTEMD_UNIT=unit, boot="0" * 31 + "2"),
          login(5, "d", _SYSTEMD_UNIT="user@0.service", _SYSTEMD_USER_UNIT="my-sshd.service",
                boot="0" * 31 + "2"),
          login(6, "e", _SYSTEMD_UNIT="session-3.scope", boot="0" * 31 + "2"))
    want = [{k: o.get(k) for k in ("time", "host", "pid", "user", "port", "message")}
            for o in report_json(host)]
    expect_equal([o["user"] for o in want], list("abcde"))
    precise = ("short-precise", "short-iso-precise", "short-unix")
    untimed = ("short-monotonic", "short-delta", "cat")
    for form in ("short", "short-iso", "short-full", "with-unit", *precise, *untimed):
        text = harness.run("journalctl", "-q", "-o", form, f"--directory={JOURNAL}").stdout
        found = [json.loads(line) for line in host.command(
            "report", "-o", "json", "--log-file=-", input=text).stdout.splitlines()]
        expect_equal(len(found), len(want), form)
        for one, login_there in zip(found, want):
            expected = dict(login_there)
            if form == "cat":
                expected["host"] = expected["pid"] = None
            # Short times have no year; times since boot are none.
            length = len("2026-11-23T02:13:21.000000") if form in precise else len(
                "2026-11-23T02:13:21")
            begin = len("2026-") if form in ("short", "short-precise") else 0
            time, time_there = one.get("time"), expected.pop("time")
            if form in untimed:
                expect_equal(time, None, form)
            else:
                expect_equal(time[begin:length], time_there[begin:length], form)
            expect_equal({k: one.get(k) for k in expected}, expected, form)


# explain

@case
def explain_reads_a_line_as_the_log_file_is_read(host):
    fresh(host)
    told = host.command(
        "explain", f"Nov  3 04:05:06 web1 sshd[7]: message repeated 2 times: [ {accepted('a', ELSEWHERE)}]",
        f"04:05 web1 sshd[7]: {accepted('b', ELSEWHERE)}",
        f"Nov  3 04:05:06 web1 cron[7]: {accepted('c', ELSEWHERE)}",
        f"Tue 2026-11-03 04:05:06 UTC web1 ssh.service[7]: {accepted('d', ELSEWHERE)}").stdout
    blocks = re.split(r"\n(?=\S)", told.strip())
    expect(re.search(r"times +2\n", blocks[0]), blocks[0])
    for block, user in ((blocks[0], "a"), (blocks[1], "b"), (blocks[3], "d")):
        expect(re.search(rf"user +{user}\n.*verdict +alert", block, re.DOTALL), block)
    expect_in("not of sshd", blocks[2])


@case
def explain_tells_fields_and_the_rule_of_each_line(host):
    fresh(host)
    told = host.command("explain", accepted("root", FRIEND), accepted("eve", ELSEWHERE),
                        f"Nov  3 04:05:06 web1 sshd[7]: {accepted('mallory', FRIEND)}",
                        "Failed password for root from 203.0.113.9 port 1 ssh2").stdout
    blocks = re.split(r"\n(?=\S)", told.strip())
    expect_equal(len(blocks), 4, told)
    expect_in(f"{host.whitelist}:2", blocks[0])
    expect_in("eve", blocks[1])
    expect(host.whitelist + ":" not in blocks[1], blocks[1])
    expect_in("mallory", blocks[2])
    expect_in(f"{host.whitelist}:2", blocks[2])
    expect(ELSEWHERE not in blocks[3].split("\n", 1)[1], blocks[3])


@case
def explain_reads_standard_input(host):
    fresh(host)
    told = host.command("explain", "-o", "json", input=accepted("root", FRIEND) + "\nno login\n"
                        + accepted("eve", ELSEWHERE)).stdout
    expect_equal([(o["user"], o["verdict"]) for o in map(json.loads, told.splitlines())],
                 [("root", "allowed"), ("eve", "alert")])


# scan

@case
def dry_run_prints_the_mails_and_makes_nothing(host):
    fresh(host)
    shutil.rmtree(host.state)
    told = host.command("scan", "--dry-run", f"--directory={SAMPLE}",
                        f"--whitelist={SAMPLE_WHITELIST}").stdout
    flat = " ".join(told.split())
    for user, address, _, _, verdict, _ in SAMPLE_LOGINS:
        expect_equal(address in flat, verdict == "alert" or address == FRIEND, address)
    expect("Subject: " in told, told)
    expect(not os.path.exists(host.state), "the state directory was made")
    expect_equal(host.mailbox.mails, [])


def comparable(text):
    """A message without what depends on the time and on the ledger's name."""
    return re.sub(r"(?m)^(Date|X-Loginbell-Sequence|mailed|delay|oldest): .*\n", "", text).strip()


def readable(raw):
    """A message with its body decoded, and with LF."""
    head, text = raw.replace(b"\r\n", b"\n").split(b"\n\n", 1)
    if b"quoted-printable" in head:
        text = quopri.decodestring(text)
    return (head + b"\n\n" + text).decode()


@case
def dry_run_prints_the_bytes_that_are_sent(host):
    fresh(host)
    template = harness.write(f"{WORK}/body", "\u2192 ${user}\tfrom ${addr}\n${message}\n")
    host.configure(
        state_owner=None,
        extra="MaxPerMail=3\n"
              f"[Whitelist]\nFile=\nFile={WORK}/rules.d/*.rules\nFile={SAMPLE_WHITELIST}\n"
              "[Mail \"second\"]\nTo=ops\nFrom=bell@example.org\nEvents=login gap\n"
              f"Subject=\u2192 ${{user}}, ${{count}}\nBodyFile={template}\n")
    before = set(os.listdir("/var/tmp"))
    told = host.command("scan", "--dry-run", f"--directory={SAMPLE}", "--since=@1").stdout
    expect_equal(set(os.listdir("/var/tmp")) - before, set(), "left over")
    expect_equal(host.mailbox.mails, [])
    host.command("scan", f"--directory={SAMPLE}", "--since=@1")
    printed = sorted(comparable(m) for m in re.split(r"(?m)^(?=Date: )", told)[1:])
    sent = sorted(comparable(readable(m.raw)) for m in host.mailbox.mails)
    expect(len(sent) > 4, f"{len(sent)} messages")
    expect_equal(printed, sent)
    flat = "\n".join(sent)
    for part in ("From: bell@example.org", "\u2192 root\tfrom 203.0.113.9",
                 f"add to {SAMPLE_WHITELIST}:", "forged SSH login record"):
        expect_in(part, flat)


@case
def dry_run_needs_no_privileges_and_no_configuration(host):
    fresh(host, login(0, "a"))
    for path in glob.glob(f"{JOURNAL}/*"):
        os.chmod(path, 0o644)
    done = as_nobody(host, "scan", "--dry-run", f"--directory={JOURNAL}")
    expect_equal(done.returncode, 0, done.stderr)
    expect_in("Subject: ", done.stdout)
    expect_in("To: ", done.stdout)


@case
def the_first_scan_begins_at_the_end_says_so_and_records_it(host):
    fresh(host, login(0, "old"), noise(1))
    done = scan(host)
    expect(re.search(r"\bend\b", done.stdout + done.stderr), done.stdout + done.stderr)
    expect_equal(host.mailbox.mails, [])
    expect(os.path.getsize(f"{host.reader}/position") > 0, "no position")
    make_journal(f"{JOURNAL}/system.journal", login(2, "new"))
    scan(host)
    expect_equal(mailed_users(host), ["new"])


@case
def scan_since_a_time_mails_from_there(host):
    fresh(host, *(login(n, f"u{n}") for n in range(4)))
    scan(host, f"--since=@{T0 // SECOND + 2}")
    expect_equal(mailed_users(host), ["u2", "u3"])


@case
def each_scan_goes_on_exactly_behind_the_one_before(host):
    fresh(host, login(0, "old"))
    scan(host)
    for n in range(1, 5):
        make_journal(f"{JOURNAL}/system.journal", noise(10 * n), login(10 * n + 1, f"u{n}"),
                     noise(10 * n + 2))
        scan(host)
        expect_equal(mailed_users(host), [f"u{k}" for k in range(1, n + 1)])
    scan(host)
    expect_equal(len(mailed_users(host)), 4)


@case
def two_entries_of_the_same_microsecond_are_two(host):
    fresh(host, login(0, "old"))
    scan(host)
    make_journal(f"{JOURNAL}/system.journal", login(5, "a"), login(5, "b"))
    scan(host)
    expect_equal(mailed_users(host), ["a", "b"])
    make_journal(f"{JOURNAL}/system.journal", login(5, "c"))
    scan(host)
    expect_equal(mailed_users(host), ["a", "b", "c"])


@case
def scan_goes_on_where_the_file_of_its_position_was_vacuumed(host):
    fresh(host, login(0, "old"))
    scan(host)
    make_journal(f"{JOURNAL}/system@2.journal", login(10, "a"), noise(11), login(12, "b"))
    os.unlink(f"{JOURNAL}/system.journal")
    scan(host)
    expect_equal(mailed_users(host), ["a", "b"])
    scan(host)
    expect_equal(mailed_users(host), ["a", "b"])


@case
def scan_goes_on_after_a_position_on_noise_of_another_program(host):
    fresh(host, login(0, "old"),
          entry("(root) CMD (true)", T0 + SECOND, SYSLOG_IDENTIFIER="CRON", _COMM="cron"))
    scan(host)
    make_journal(f"{JOURNAL}/system.journal", login(2, "a"))
    scan(host)
    expect_equal(mailed_users(host), ["a"])


@case
def scan_reads_a_new_boot_whose_clock_is_behind(host):
    fresh(host, login(1000, "old"))
    scan(host)
    second = "0" * 31 + "2"
    make_journal(f"{JOURNAL}/system@2.journal", login(10, "a", boot=second),
                 login(11, "b", boot=second))
    scan(host)
    expect_equal(mailed_users(host), ["a", "b"])


def gaps(host):
    return [" ".join(body(m).split()) for m in host.mailbox.mails if "gap" in m["Subject"]]


@case
def after_a_broken_position_reading_goes_on_behind_the_last_alert_and_it_is_told(host):
    fresh(host, login(0, "old"))
    scan(host)
    path = f"{host.reader}/position"
    with open(path, "rb") as file:
        good = file.read()
    told = []
    for n, bad in enumerate((b"", b"\0" * 40, good[:len(good) // 2], good[:-3] + b"zz\n",
                             b"journal nonsense\n", os.urandom(300))):
        make_journal(f"{JOURNAL}/system.journal", login(2 * n + 1, f"u{n}"), noise(2 * n + 2))
        if n == 0:
            scan(host)  # an alert whose position can be gone on from
        with open(path, "wb") as file:
            file.write(bad)
        host.mailbox.mails.clear()
        make_journal(f"{JOURNAL}/system.journal", login(100 + n, f"v{n}"))
        tried = host.command("scan", "--dry-run", f"--directory={JOURNAL}")
        expect_in(f"v{n}", tried.stdout, tried.stderr)
        expect(not re.search(r"\bold\b", tried.stdout), tried.stdout)
        done = scan(host)
        expect_in("position is damaged", done.stderr, repr(bad))
        told += gaps(host)
        told_users = {u for m in host.mailbox.mails for u in re.findall(r"\b[uv]\d\b", body(m))}
        expect_equal(told_users, {f"v{n}"} | ({f"u{n}"} if n else set()), repr(bad))
    expect(any("position is damaged" in t and "checksum" in t for t in told), told)
    host.mailbox.mails.clear()
    scan(host)
    expect_equal(host.mailbox.mails, [])


@case
def a_position_that_was_removed_is_told_and_nothing_is_lost(host):
    fresh(host, login(0, "old"))
    scan(host)
    os.unlink(f"{host.reader}/position")
    make_journal(f"{JOURNAL}/system.journal", login(1, "first"))
    scan(host)  # without an alert in the ledger: by the time of its beginning
    expect_in("first", mailed_users(host))
    os.unlink(f"{host.reader}/position")
    make_journal(f"{JOURNAL}/system.journal", login(90, "second"))
    host.mailbox.mails.clear()
    scan(host)
    expect_equal(mailed_users(host), ["second"])
    expect_equal(len(gaps(host)), 1)
    expect_in("position was removed", gaps(host)[0])


@case
def a_ledger_that_was_removed_is_told(host):
    fresh(host, login(0, "old"))
    scan(host)
    os.unlink(f"{host.reader}/ledger")
    make_journal(f"{JOURNAL}/system.journal", login(1, "new"))
    scan(host)
    expect_equal(mailed_users(host), ["new"])
    expect_in("ledger was removed", gaps(host)[0])


@case
def damaged_alerts_in_the_ledger_are_told_once(host):
    fresh(host, login(0, "old"))
    scan(host)
    make_journal(f"{JOURNAL}/system.journal", login(1, "a"), login(2, "b"))
    scan(host)
    path = f"{host.reader}/ledger"
    with open(path, "rb") as file:
        ledger = file.read()
    at = ledger.index(b"USER=a")
    with open(path, "wb") as file:
        file.write(ledger[:at] + b"USER=x" + ledger[at + 6:])
    host.mailbox.mails.clear()
    make_journal(f"{JOURNAL}/system.journal", login(3, "c"))
    scan(host)
    scan(host)
    expect_equal(mailed_users(host), ["c"])
    expect_equal(len(gaps(host)), 1)
    expect_in("damaged alerts in the ledger: 1", gaps(host)[0])


@case
def many_logins_go_in_one_mail_that_lists_each(host):
    fresh(host, login(0, "old"))
    scan(host)
    make_journal(f"{JOURNAL}/system.journal", *(login(n, f"u{n}") for n in range(1, 301)))
    scan(host)
    expect_equal(len(host.mailbox.mails), 1)
    mail = host.mailbox.mails[0]
    expect_in("300 SSH logins", mail["Subject"])
    told = set(re.findall(r"\bu\d+\b", body(mail)))
    expect_equal(told, {f"u{n}" for n in range(1, 301)})


@case
def forged_logins_go_apart_from_real_ones(host):
    fresh(host, login(0, "old"))
    scan(host)
    make_journal(f"{JOURNAL}/system.journal", login(1, "real"), login(2, "fake", _UID=1000),
                 login(3, "fake", _UID=1000))
    scan(host)
    expect_equal(len(host.mailbox.mails), 2)
    real, forged = host.mailbox.mails
    expect_in("real", body(real))
    expect("fake" not in body(real), body(real))
    expect_in("forged", forged["Subject"].lower())
    expect_in("1000", body(forged))


@case
def a_forgery_whose_command_is_not_known_says_where_it_came_from(host):
    fresh(host, login(0, "old"))
    scan(host)
    make_journal(f"{JOURNAL}/system.journal", login(1, "fake", _COMM=None, _TRANSPORT="stdout"))
    scan(host)
    expect_in("standard output of a command that ran as root",
              " ".join(body(host.mailbox.mails[0]).split()))


# status

def status(host, **options):
    return host.command("status", "--state-directory", host.state, check=False, **options)


@case
def status_tells_what_was_read_what_waits_and_what_was_mailed(host):
    fresh(host, login(0, "old"))
    done = status(host)
    expect_in("position   none yet", done.stdout, done.stderr)
    expect_equal(done.returncode, 0, done.stdout)
    scan(host)
    make_journal(f"{JOURNAL}/system.journal", login(1, "a\x1b[31m"), login(2, "b"))
    scan(host, "--no-deliver")
    done = status(host)
    expect_equal(done.returncode, 75, done.stdout)
    expect_in("all was read until 2", done.stdout)
    expect_in("ledger     2 alerts; the last, login of b from 203.0.113.9, 2", done.stdout)
    expect_in("[Mail]  2 alerts wait, the first since 2", done.stdout)
    host.mailbox.stop()
    try:
        expect_equal(scan(host, check=False).returncode, 75)
        done = status(host)
        expect_equal(done.returncode, 75, done.stdout)
        expect(re.search(r"failure +smtp://.*(refused|connect)", done.stdout), done.stdout)
        expect_in("next try   in ", done.stdout)
    finally:
        host.mailbox.start()
    scan(host)
    done = status(host)
    expect_equal(done.returncode, 0, done.stdout)
    expect_in("[Mail]  nothing waits", done.stdout)
    expect_in(f"last mail  {host.mailbox.mails[-1]['Message-ID']} 2", done.stdout)
    expect(re.search(r"answer +.*250", done.stdout), done.stdout)
    expect_equal(re.findall(r"^(?:reader|sender) +(.*)", done.stdout, re.M),
                 ["does not run"] * 2)
    expect("\x1b" not in done.stdout, done.stdout)


@case
def status_names_the_processes_that_run(host):
    fresh(host, login(0, "old"))
    watch = host.watch(f"--directory={JOURNAL}")
    try:
        harness.await_true(lambda: "sender     runs" in status(host).stdout, "the sender")
        expect_in(f"reader     runs (process {watch.pid})", status(host).stdout)
    finally:
        watch.stop()


@case
def status_of_a_damaged_state_says_what_is_damaged(host):
    fresh(host, login(0, "old"))
    scan(host)
    with open(f"{host.reader}/position", "w", encoding="ascii") as file:
        file.write("x")
    expect_in("the position is damaged", status(host).stdout)
    shutil.rmtree(host.state)
    done = status(host)
    expect_equal(done.returncode, 1, done.stdout)
    expect_in(host.state, done.stderr)


# what can be wrong

def as_nobody(host, *arguments):
    return host.run_as("nobody", host.program, *arguments, check=False,
                       env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"})


@case
def an_unreadable_journal_is_an_error_that_says_what_to_do(host):
    fresh(host, login(0, "a"))
    for path in glob.glob(f"{JOURNAL}/*"):
        os.chmod(path, 0o640)
    for command in (["report"], ["scan", "--dry-run"]):
        done = as_nobody(host, *command, f"--directory={JOURNAL}")
        expect_equal(done.returncode, 1, done.stdout)
        expect_in(JOURNAL, done.stderr)
        expect_equal(done.stdout, "")


@case
def the_unreadable_journal_of_the_machine_names_the_group(host):
    fresh(host)
    if not host.journald:
        host.start_journald()
        harness.run("logger", "-t", "sshd", accepted("root", ELSEWHERE))
        host.journal_sync()
    for command in (["report"], ["scan", "--dry-run"]):
        done = as_nobody(host, *command, "--source=journal")
        expect_equal(done.returncode, 1, done.stdout)
        expect_in("systemd-journal", done.stderr)


@case
def one_unreadable_file_among_readable_ones_is_an_error_too(host):
    fresh(host, login(0, "a"))
    make_journal(f"{JOURNAL}/system@2.journal", login(1, "b"))
    os.chmod(f"{JOURNAL}/system.journal", 0o644)
    os.chmod(f"{JOURNAL}/system@2.journal", 0o600)
    done = as_nobody(host, "report", f"--directory={JOURNAL}")
    expect_equal(done.returncode, 1, done.stdout)
    expect_in("system@2.journal", done.stderr)


@case
def a_wrong_directory_is_an_error(host):
    fresh(host)
    os.makedirs(f"{WORK}/empty", exist_ok=True)
    harness.write(f"{WORK}/a-file", "no directory\n")
    for directory in (f"{WORK}/nowhere", f"{WORK}/a-file", f"{WORK}/empty"):
        for command in (["report"], ["scan", "--dry-run"], ["scan"]):
            done = host.command(*command, f"--directory={directory}", check=False)
            expect_equal(done.returncode, 1, f"{command} {directory}\n{done.stdout}{done.stderr}")
            expect_in(directory, done.stderr)


@case
def a_bad_whitelist_is_told_with_line_and_column(host):
    fresh(host, login(0, "a"))
    bad = harness.write(f"{WORK}/bad.rules", "# good\n192.0.2.1\nAccepted (publickey\n")
    for command in (["report"], ["scan"], ["scan", "--dry-run"]):
        done = host.command(*command, f"--directory={JOURNAL}", f"--whitelist={bad}", check=False)
        expect_equal(done.returncode, 2, done.stderr)
        expect(re.search(rf"{re.escape(bad)}:3:\d+: ", done.stderr), done.stderr)
        expect_equal(done.stdout, "")
    for line in ("10.0.0.300", "192.0.2.0/33", "192.0.2.1/24", "user=root", "allow colour=red",
                 "allow", "allow from=192.0.2", "allow until=soon", "[", "2001:db8::/129"):
        harness.write(bad, f"192.0.2.1\n{line}\n")
        done = host.command("explain", f"--whitelist={bad}", "x", check=False)
        expect_equal(done.returncode, 2, line)
        expect(re.search(rf"{re.escape(bad)}:2(:\d+)?: ", done.stderr), f"{line}: {done.stderr}")


@case
def a_missing_whitelist_is_an_error(host):
    fresh(host)
    done = host.command("explain", f"--whitelist={WORK}/missing", "x", check=False)
    expect_equal(done.returncode, 2)
    expect_in(f"{WORK}/missing", done.stderr)


@case
def a_bad_configuration_is_told_with_its_line(host):
    fresh(host)
    for line, word in (("Colour=red", "Colour"), ("Tls=perhaps", "Tls"), ("To=a b@", "To"),
                       ("Server=ftp://x", "Server")):
        path = harness.write(f"{WORK}/bad.conf", f"[Mail]\n{line}\n")
        done = harness.run(host.program, "check", "--config", path, check=False)
        expect_equal(done.returncode, 2, line)
        expect_in(f"{path}:2", done.stderr)
        expect_in(word, done.stderr)


@case
def a_state_that_cannot_be_written_is_told_before_anything_is_read(host):
    fresh(host)
    os.chmod(host.state, 0o755)
    # There is no such journal either: that would be told if it had been looked at.
    done = as_nobody(host, "scan", f"--directory={WORK}/nowhere", "--state-directory", host.state)
    expect_equal(done.returncode, 1)
    expect_in(host.state, done.stderr)
    expect(f"{WORK}/nowhere" not in done.stderr, done.stderr)
    done = host.command("scan", f"--directory={WORK}/nowhere", "--state-directory=/dev/null",
                        check=False)
    expect_equal(done.returncode, 1)
    expect_in("/dev/null", done.stderr)


@case
def wrong_usage_ends_with_2(host):
    for arguments in ([], ["ring"], ["report", "--colour"], ["report", "--since=soon"],
                      ["report", "-o", "xml"], ["report", "extra"],
                      ["report", f"--directory={JOURNAL}", "--log-file=-"]):
        done = harness.run(host.program, *arguments, check=False)
        expect_equal(done.returncode, 2, f"{arguments}: {done.stderr}")
        expect(done.stderr and not done.stdout, arguments)


@case
def help_and_version_end_with_0(host):
    expect_in("scan", harness.run(host.program, "--help").stdout)
    expect(re.search(r"\d+\.\d+", harness.run(host.program, "--version").stdout), "version")


@case
def output_that_cannot_be_written_is_a_failure(host):
    with open("/dev/full", "w", encoding="ascii") as full:
        import subprocess
        done = subprocess.run(host.arguments("report", f"--directory={SAMPLE}"), stdout=full,
                              stderr=subprocess.PIPE, check=False)
    expect_equal(done.returncode, 1)


if __name__ == "__main__":
    the_host = harness.start()
    the_host.mailbox.start()
    make_journal(f"{SAMPLE}/system.journal", open(f"{DATA}/sample.export", encoding="utf-8").read())
    the_host.configure(state_owner=None)
    main(the_host)
