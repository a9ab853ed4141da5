#!/usr/bin/python3
"""What the sender does with a state that is damaged, or from elsewhere. Prints TAP.

Never a crash, never a lost alert: what was mailed already may come again, since that is not known
any more, and the log says so.

Usage: test_deliver_state.py [TEST…]; $LOGINBELL_DELIVER is the program. No root.
"""
import concurrent.futures
import os
import sys
import tempfile

from deliver_scene import State, equal, exceptions, main, marks, test, users
from mail_server import Server

WORKERS = 8


def damages(text):
    """(what, damaged text): cut anywhere, flipped anywhere, and what was never such a file."""
    for n in sorted({0, 1, 20, len(text) // 3, len(text) // 2, len(text) - 14, len(text) - 1}):
        yield f"cut at {n}", text[:n]
    for at in range(0, len(text), max(1, len(text) // 24)):
        yield f"flipped at {at}", text[:at] + bytes([text[at] ^ 0x10]) + text[at + 1:]
    yield "binary", os.urandom(300)
    yield "NULs", bytes(len(text))
    yield "twice", text * 2
    yield "longer", text + b"HELD=refused login 1 1 1 0 0 0\n"


def for_each_damage(text, attempt):
    def run(damage):
        with tempfile.TemporaryDirectory() as d, Server() as server:
            try:
                attempt(State(d), server, damage[1])
            except AssertionError as problem:
                raise AssertionError(f"{damage[0]}: {problem}") from problem
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        print(f"# {len(list(pool.map(run, damages(text))))} damages", flush=True)


def overwrite(state, name, content):
    with open(state.file(name), "wb") as f:
        f.write(content)


@test
def a_damaged_delivery_file_loses_nothing(state):
    with Server() as server:
        state.config(server)
        state.add(3)
        state.once()

    def attempt(other, server, text):
        other.config(server, alert="RepeatInterval=0")
        other.add(3)
        other.once()
        overwrite(other, "delivery", text)
        other.add()
        log = other.once()
        assert "delivery.damaged" in log, log
        equal(other.read("delivery.damaged"), text)
        equal([users(m) for m in server.mails], [["user1", "user2", "user3"],
                                                 ["user1", "user2", "user3", "user4"]])
        equal(marks(other)["", "login"], 4)
        other.once()
        equal(len(server.mails), 2)
    for_each_damage(state.read("delivery"), attempt)


def put_off(state, server, n):
    """A mail that was frozen and not taken."""
    server.hook = lambda verb, *_: "451 later" if verb == "MAIL" else None
    state.config(server)
    state.add(n)
    state.once(75)
    server.hook = None


@test
def a_damaged_frozen_mail_loses_nothing(state):
    with Server() as server:
        put_off(state, server, 2)

    def attempt(other, server, text):
        put_off(other, server, 2)
        overwrite(other, "spool/mail.login", text)
        log = other.once()
        assert "spool/mail.login" in log, log
        equal(other.spooled(), ["mail.login.damaged"])
        equal([users(m) for m in server.mails], [["user1", "user2"]])
        equal(marks(other)["", "login"], 2)
    for_each_damage(state.read("spool/mail.login"), attempt)


@test
def files_of_nobody_are_left_alone(state):
    with Server() as server:
        put_off(state, server, 2)
        frozen = state.read("spool/mail.login")
        names = {"README": b"by hand", "other.login": frozen, "mail.login.tmp": b"torn",
                 "mail.retry": b"", "mail.forged": frozen}
        for name, content in names.items():
            overwrite(state, "spool/" + name, content)
        os.mkdir(state.file("spool/mail.login.old"))
        log = state.once()
        equal([users(m) for m in server.mails], [["user1", "user2"]])
        for name in ("README", "other.login", "mail.login.old"):
            assert f"spool/{name}" in log, log
        equal(state.spooled(), ["README", "mail.login.old", "mail.login.tmp", "mail.retry.damaged",
                                 "other.login"])
        state.once()
        equal(len(server.mails), 1)


@test
def a_folder_in_the_place_of_a_file(state):
    with Server() as server:
        state.config(server)
        state.add(2)
        os.makedirs(state.file("spool/mail.login"))
        state.once()
        equal([users(m) for m in server.mails], [["user1", "user2"]])


@test
def what_stepped_aside_outlives_a_damaged_delivery_file(state):
    """The mark of a mail that was frozen before tells nothing of what is to be mailed again."""
    def hook(verb, mail, _):
        if verb == "." and "user1 " in mail.text:
            return "554 spam"
        return "451 later" if verb == "MAIL" and later else None
    later = []
    with Server(hook) as server:
        state.config(server, alert="Interval=0\nRepeatInterval=0")
        state.add()
        state.once(75)
        equal([e[0] for e in exceptions(state)], ["refused"])
        state.add()
        later.append(True)
        state.once(75)
        overwrite(state, "delivery", b"")
        later.clear()
        server.hook = None
        state.once()
        equal(sorted({u for m in server.mails for u in users(m)}), ["user1", "user2"])


@test
def a_frozen_mail_of_another_ledger_that_is_refused_holds_up_nothing(state):
    with Server() as server:
        put_off(state, server, 2)
        state.new_ledger("f" * 32)
        state.add(3)
        server.hook = lambda verb, mail, _: "554 spam" if (
            verb == "." and "3 SSH logins" not in mail.message["Subject"]) else None
        log = state.once()
        equal([users(m) for m in server.mails], [["user1", "user2", "user3"]])
        assert "spool/mail.login.refused" in log, log
        equal(state.spooled(), ["mail.login.refused"])


if __name__ == "__main__":
    sys.exit(main())
