#!/usr/bin/python3
"""Frozen messages: whom they may be sent to. Prints TAP.

Usage as of test_deliver.py.
"""
import os
import re
import tempfile

from deliver_scene import State, equal, main, marks, rewrite_frozen, test, users
from mail_server import Server

EVIL = "evil@attacker.example"


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
