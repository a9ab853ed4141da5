#!/usr/bin/python3
"""Every fault of a mail server at every stage of the dialogue. Prints TAP.

A cell of the table is a server that fails in one way at one stage, and then is put right. Said is
what must come of the first run, what the log and the file "delivery" tell; in the second run
everything is mailed, once, with the bytes that were frozen in the first.

Usage: test_servers.py [TEST…]; $LOGINBELL_DELIVER is the program.
"""
import concurrent.futures
import functools
import re
import sys
import tempfile

from deliver_scene import (State, certificates, equal, exceptions, lanes, main, marks,
                           password_file, test)
from mail_server import Server

WORKERS = 16        # most of them wait for a timeout
TIMEOUTS = (2, 20)  # seconds, where one has to be waited for; the other for a slow machine

STAGES = ("GREETING", "EHLO", "STARTTLS", "HANDSHAKE", "EHLO in TLS", "AUTH", "CREDENTIALS", "MAIL",
          "RCPT", "DATA", "BODY", ".", "QUIT")
# What the log calls a stage.
SAID = {"GREETING": "the greeting|connecting", "EHLO in TLS": "EHLO", "HANDSHAKE": "STARTTLS",
        "CREDENTIALS": "AUTH", "BODY": "the message", ".": "the message"}
POSITIVE = {"GREETING": "220", "STARTTLS": "220", "CREDENTIALS": "235", "DATA": "354",
            "QUIT": "221"}
SPOILT = b"550 a\rc\x1b]0;owned\x07 \xe2\x80\xae\xc2\x9bd %s%n \0b\r\n"


def hang(sock):
    """Until the other side goes away."""
    while sock.recv(65536):
        pass
    return "close"


def endless(piece):
    def send(sock):
        while True:
            sock.sendall(piece)
    return send


def fault(name, stage):
    """What a server's hook gives at that stage."""
    positive = POSITIVE.get(stage, "250")
    more = ""
    if stage.startswith("EHLO"):
        more = "\r\n250-STARTTLS\r\n250 AUTH PLAIN" if stage == "EHLO" else "\r\n250 AUTH PLAIN"
    return {
        "421": "421 come back later",
        "450": "450 not now",
        "450 and no answer to QUIT": "450 not now",
        "550": "550 no",
        "554": "554 not at all",
        "334": "334 dGVsbA==",
        "hang": hang,
        "close": "close",
        "endless line": endless(positive.encode() + b" x" * 4096),
        "endless lines": endless((positive + "-x\r\n").encode() * 1024),
        "garbage": b"\xff\0\x80 what?\r\n",
        "spoilt": SPOILT,
        "lines": f"{positive}-one\r\n{positive}-two\r\n{positive}{'-' if more else ' '}three{more}",
        "long": f"{positive}{'-' if more else ' '}{'x' * 3000}{more}",
        "long refusal": "450 " + "x" * 3000,
    }[name]


WAITED = ("hang", "endless line", "endless lines", "garbage", "334")
REPLIES = ("421", "450", "450 and no answer to QUIT", "550", "554", "334", "spoilt", "lines",
           "long", "long refusal")
NO_REPLY = ("hang", "close", "endless line", "endless lines", "garbage")


def faults(stage):
    if stage == "HANDSHAKE":
        return ("hang", "close", "endless line")
    if stage == "BODY":
        return ("hang", "close")
    found = REPLIES + NO_REPLY
    # A challenge has one line (RFC 4954, section 4).
    return [f for f in found if f not in ("334", "lines", "long")] if stage == "AUTH" else found


def outcome(stage, name):
    """sent, deferred, doubt (deferred, and the server may have it) or refused."""
    if stage == "QUIT" or name in ("lines", "long"):
        return "sent"
    if stage in ("BODY", ".") and (name in NO_REPLY or name == "334"):
        return "doubt"
    if stage in ("DATA", ".") and name in ("550", "554", "spoilt"):
        return "refused"
    return "deferred"


def at(stage, verb, session):
    if stage == "EHLO in TLS":
        return verb == "EHLO" and session.tls
    if stage == "EHLO":
        return verb == "EHLO" and not session.tls
    return verb == stage


@functools.cache
def authority():
    directory = tempfile.TemporaryDirectory()
    state = State(directory.name)
    return directory, certificates(state), password_file(state)


def check_log(log, stage, name):
    bad = re.search("[^\n\\x20-\\x7e\\u2026]", log)
    assert not bad, f"{bad!r} in {log!r}"
    if outcome(stage, name) == "sent":
        return
    assert re.search(f"127.0.0.1:\\d+: at ({SAID.get(stage, stage)})\\b", log), log
    if name in ("421", "450", "550", "554", "long refusal"):
        assert f"the server said: {fault(name, stage)[:40]}" in log, log
    if name == "spoilt":
        assert "the server said: 550 a" in log, log


def check_first(state, server, stage, name):
    """What the first run left behind."""
    kind = outcome(stage, name)
    if kind == "sent":
        equal(len(server.mails), 1)
        equal(marks(state)["", "login"], 2)
        assert "\nREPLY=250" in state.delivery() and "\nFAILURE" not in state.delivery()
        return
    equal(server.mails, [])
    failure = re.search("^FAILURE=(.*)$", state.delivery(), re.MULTILINE).group(1)
    assert "127.0.0.1" in failure and failure.isprintable(), failure
    if kind == "refused":
        equal([e[:4] for e in exceptions(state)], [["refused", "login", "1", "2"]])
        equal(state.spooled(), [])
        return
    equal(exceptions(state), [])
    equal(marks(state)["", "login"], 0)
    lane = lanes(state)["", "login"]
    equal(lane.tries, 1)
    wait = lane.next_try_usec - lane.last_try_usec
    assert 12e6 <= wait <= 18e6, wait
    equal(state.spooled(), ["mail.login"])
    head = state.read("spool/mail.login")[:100]
    assert b"IN_DOUBT=%d\n" % (kind == "doubt") in head, head


def run_cell(stage, name, seconds):
    _, (tls, ca), password = authority()
    answer = fault(name, stage)
    kind = outcome(stage, name)
    timeout = f"{seconds}s" if name in WAITED else "1h"

    def hook(verb, _, session):
        if verb == "QUIT" and "QUIT" in name:
            return hang
        return answer if at(stage, verb, session) else None
    with tempfile.TemporaryDirectory() as d, Server(hook, starttls=tls, auth=["PLAIN"]) as server:
        state = State(d)
        state.config(server, extra=f"CaFile={ca}\nUser=bell\nPasswordFile={password}\n"
                     f"Timeout={timeout}")
        state.add(2)
        state.once(0 if kind == "sent" else 75, *([] if name.startswith("endless") else ["-v"]))
        check_log(state.log, stage, name)
        check_first(state, server, stage, name)
        if kind == "sent":
            return
        server.hook = None
        before = list(server.bodies)
        if kind == "refused":
            state.pass_time(3600)
            state.once()
            equal(sorted(u for m in server.mails for u in re.findall("for (user.) from", m.text)),
                  ["user1", "user2"])
        else:
            frozen = state.read("spool/mail.login").partition(b"\n\n")[2]
            state.once()
            equal([m.data for m in server.mails], [frozen])
            assert set(before) <= {frozen}
            equal([m.login for m in server.mails], [("PLAIN", "bell", "s3cret")])
        equal(marks(state)["", "login"], 2)
        equal(exceptions(state), [])
        equal(state.spooled(), [])
        assert "\nFAILURE" not in state.delivery()


@test
def a_server_that_sends_byte_by_byte(state):
    _, (tls, ca), password = authority()
    with Server(starttls=tls, auth=["PLAIN"], slow=True) as server:
        state.config(server, extra=f"CaFile={ca}\nUser=bell\nPasswordFile={password}\n")
        state.add(2)
        state.once()
        equal([(m.tls, m.login) for m in server.mails], [(True, ("PLAIN", "bell", "s3cret"))])


def try_cell(cell):
    for seconds in TIMEOUTS:
        try:
            run_cell(*cell, seconds)
            return cell, None
        except Exception as error:  # one cell hides no other
            found = error
    return cell, found


@functools.cache
def results():
    authority()
    cells = [(stage, name) for stage in STAGES for name in faults(stage)]
    cells.sort(key=lambda c: c[1] not in WAITED)
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        return dict(pool.map(try_cell, cells))


def stage_test(stage):
    def run(_):
        failed = {name: results()[stage, name] for name in faults(stage)
                  if results()[stage, name] is not None}
        assert not failed, "\n".join(f"{name}: {type(e).__name__}: {e}"
                                     for name, e in failed.items())
    run.__name__ = "every_fault_at_" + re.sub("[^a-z]+", "_", stage.lower().replace(".", "the end"))
    test(run)


for each in STAGES:
    stage_test(each)


if __name__ == "__main__":
    sys.exit(main())
