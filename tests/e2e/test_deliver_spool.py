#!/usr/bin/python3
"""What is frozen: each message's number, and whom it may be sent to. Prints TAP.

Usage as of test_deliver.py.
"""
import contextlib
import os
import re
import subprocess
import tempfile
import threading
import time

from deliver_scene import State, equal, main, marks, rewrite_frozen, test, users
from mail_server import DEADLINE, Server

EVIL = "evil@attacker.example"


def numbers(mails):
    """What their headers say, as (ledger, destination, number)."""
    found = []
    for m in mails:
        ledger, destination, number = m.message["X-Loginbell-Sequence"].split(" ")
        found.append((ledger, destination, int(number)))
    return found


def counted(state, server, *expected, destination="[Mail]"):
    equal(numbers(server.mails), [(state.id, destination, n) for n in expected])


@contextlib.contextmanager
def killed_while_sending(state, server, verb="."):
    """A sender that is killed when the server is at @verb; the server answers everything after."""
    held = threading.Event()

    def hook(at, *_):
        if at == verb:
            held.set()
            time.sleep(1)
            return "close"
        return None

    server.hook = hook
    with state.start() as sender:
        assert held.wait(DEADLINE)
        sender.p.kill()
        sender.p.wait()
    server.hook = None
    yield


@test
def messages_are_numbered_from_1_by_one_over_restarts(state):
    with Server() as server:
        state.config(server, alert="MaxPerMail=2")
        state.add(5)
        state.once()
        state.add(kind="forged")
        state.add(kind="gap")
        state.once()
        state.pass_time(3600)
        with state.follow() as sender:
            state.add()
            sender.says("accepted")
            sender.stop()
        counted(state, server, 1, 2, 3, 4, 5, 6)


@test
def each_destination_counts_by_itself(state):
    with Server() as first, Server() as second:
        state.config(first, extra=f'[Mail "second"]\nTo=b@example.net\nEvents=login\n'
                                  f"Server=smtp://127.0.0.1:{second.port}\n")
        state.add(kind="gap")
        state.once()
        state.add()
        state.once()
        counted(state, first, 1, 2)
        counted(state, second, 1, destination="second")


@test
def a_message_that_was_being_sent_keeps_its_number_and_no_other_gets_it(state):
    for verb in ("MAIL", "."):
        with tempfile.TemporaryDirectory() as d, Server() as server:
            s = State(d)
            s.config(server)
            s.add(kind="forged")
            with killed_while_sending(s, server, verb):
                pass
            frozen = s.read(f"{s.spool}/mail.forged")
            assert b"X-Loginbell-Sequence: %s [Mail] 1\r\n" % s.id.encode() in frozen, frozen
            # Logins are sent first.
            s.add()
            s.once()
            equal(len(set(server.bodies)), 2)
            counted(s, server, 2, 1)
            assert server.mails[1].data in frozen
            equal(os.listdir(s.file(s.spool)), [])


@test
def killed_at_any_write_no_number_is_used_twice_or_left_out(state):
    if subprocess.run(["which", "strace"], capture_output=True).returncode != 0:
        return "SKIP no strace"
    for call in ("fsync", "fdatasync", "renameat,rename,renameat2", "unlinkat"):
        for when in range(1, 40):
            with tempfile.TemporaryDirectory() as d, Server() as server:
                s = State(d)
                s.config(server)
                s.add()
                s.add(kind="forged")
                p = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
                                    "-e", f"inject={call}:signal=KILL:when={when}", *s.command()],
                                   capture_output=True,
                                   env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))
                s.add(2, kind="forged")
                s.add(2)
                s.once()
                found = {m.id: n for m, n in zip(server.mails, numbers(server.mails))}
                equal(sorted(n for _, _, n in found.values()), list(range(1, len(found) + 1)))
            if p.returncode == 0:
                break
    return None


@test
def a_refused_message_is_made_again_with_its_number(state):
    def hook(verb, mail, _):
        return "554 no logs" if verb == "." and b"Accepted password" in mail.data else None
    with Server(hook) as server:
        state.config(server)
        state.add(2)
        state.once()
        state.add()
        server.hook = None
        state.once()
        counted(state, server, 1, 2)


@test
def halves_of_a_refused_message_have_numbers_of_their_own(state):
    def hook(verb, mail, _):
        return "554 no" if verb == "." and b"user3" in mail.data else None
    with Server(hook) as server:
        state.config(server)
        state.add(4)
        state.once(75)
        # Two tries that use up no number.
        for _ in range(2):
            state.pass_time(3600)
            state.once(75)
        state.pass_time(3600)
        server.hook = None
        state.once()
        equal([users(m) for m in server.mails], [["user1", "user2"], ["user4"], ["user3"]])
        counted(state, server, 1, 2, 3)


@test
def a_number_that_may_be_missing_is_logged(state):
    """A message that is given up while another one has the next number."""
    with Server() as server:
        state.config(server, alert="GiveUpAfter=1h")
        state.add()
        freeze(state, server, in_doubt=True)
        server.hook = lambda verb, *_: "451 later" if verb == "MAIL" else None
        for _ in range(40):
            state.pass_time(900)
            with state.start("-v") as sender:
                sender.p.wait(DEADLINE)
                log = sender.log()
            if "given up" in log:
                break
        assert "[Mail]: the number 1 may be missing" in log, log
        server.hook = None
        state.add()
        state.once()
        counted(state, server, 2)


@test
def what_may_have_been_accepted_does_not_share_its_number(state):
    """The first copy is in doubt when the server refuses the second one."""
    with Server() as server:
        state.config(server)
        state.add(2)
        with killed_while_sending(state, server):
            pass
        server.hook = lambda verb, mail, _: (
            "554 no logs" if verb == "." and b"Accepted password" in mail.data else None)
        state.once()
        counted(state, server, 2)


@test
def another_ledger_begins_with_1(state):
    with Server() as server:
        state.config(server)
        state.add()
        state.once()
        old = state.id
        state.new_ledger("f" * 32)
        state.add()
        state.once()
        equal(numbers(server.mails), [(old, "[Mail]", 1), ("f" * 32, "[Mail]", 1)])


def freeze(state, server, in_doubt=False):
    """Leaves a frozen message with one alert behind."""
    server.hook = lambda verb, *_: (
        "close" if in_doubt and verb == "." else
        "451 later" if not in_doubt and verb == "MAIL" else None)
    state.once(75)
    server.hook = None
    server.bodies.clear()


def address(old, new):
    return lambda text: re.sub(b"(?m)^(RCPT=\\S+) " + old.encode() + b"$",
                               lambda m: m[1] + b" " + new.encode(), text)


def add_address(new):
    return lambda text: re.sub(b"(?m)^(RCPT=\\S+) (.*)$",
                               lambda m: m[0] + b"\n" + m[1] + b" " + new.encode(), text)


def expect_no_evil(server):
    assert not any(EVIL in str(c) for c in server.commands), server.commands
    assert not any(EVIL in m.rcpts for m in server.mails), [m.rcpts for m in server.mails]


@test
def a_recipient_written_into_a_frozen_message_gets_nothing(state):
    for in_doubt in (False, True):
        for forge in (address("admin@example.net", EVIL), add_address(EVIL)):
            with tempfile.TemporaryDirectory() as d, Server() as server:
                s = State(d)
                s.config(server)
                s.add()
                freeze(s, server, in_doubt)
                rewrite_frozen(s, "mail.login", forge)
                assert EVIL.encode() in s.read(f"{s.spool}/mail.login")
                s.once()
                expect_no_evil(server)
                equal([m.rcpts for m in server.mails], [["admin@example.net"]])
                equal(users(server.mails[0]), ["user1"])
                equal(marks(s)["", "login"], 1)
                equal(os.listdir(s.file(s.spool)), [])


@test
def a_recipient_written_into_a_message_of_another_ledger_gets_nothing(state):
    with Server() as server:
        state.config(server)
        state.add()
        freeze(state, server)
        rewrite_frozen(state, "mail.login", address("admin@example.net", EVIL))
        state.new_ledger("f" * 32)
        state.add(user="user7")
        state.once()
        expect_no_evil(server)
        equal([(m.rcpts, users(m)) for m in server.mails],
              [(["admin@example.net"], ["user1"]), (["admin@example.net"], ["user7"])])


@test
def a_recipient_written_into_a_retry_gets_nothing(state):
    def refuse(verb, argument, _):
        return "550 no such user" if verb == "RCPT" and "b@" in argument else None
    with Server(refuse) as server:
        state.config(server, mail="To=a@example.net b@example.net")
        state.add()
        state.once(75)
        state.pass_time(3600)
        server.hook = lambda verb, *_: "451 later" if verb == "MAIL" else None
        state.once(75)
        server.hook = None
        name, = os.listdir(state.file(state.spool))
        rewrite_frozen(state, name, address("b@example.net", EVIL))
        log = state.once()
        assert f"{EVIL} is no longer configured" in log, log
        expect_no_evil(server)
        equal([m.rcpts for m in server.mails], [["a@example.net"], ["b@example.net"]])


@test
def recipients_that_were_replaced_while_a_message_was_in_doubt_get_its_alerts(state):
    with Server() as server:
        state.config(server)
        state.add(2)
        freeze(state, server, in_doubt=True)
        state.config(server, mail="To=new@example.net")
        state.once()
        equal([(m.rcpts, users(m)) for m in server.mails],
              [(["new@example.net"], ["user1", "user2"])])
        equal(marks(state)["", "login"], 2)


@test
def a_message_of_nobody_is_not_sent(state):
    """All its recipients have it, as its file says: no server is asked to send it to none."""
    with Server() as server:
        state.config(server)
        state.add()
        freeze(state, server)
        rewrite_frozen(state, "mail.login", lambda text: text.replace(b"RCPT=open", b"RCPT=accepted"))
        server.commands.clear()
        state.once()
        equal(server.mails, [])
        equal(server.commands, [])


if __name__ == "__main__":
    raise SystemExit(main())
