#!/usr/bin/python3
"""loginbell-deliver against real and misbehaving mail servers, on loopback. Prints TAP.

Usage: test_deliver.py [TEST…]; $LOGINBELL_DELIVER is the program. Needs python3-aiosmtpd
and openssl; no root. Mails are read by Python's email package, ledgers are written by
deliver_scene.py.
"""
import base64
import email
import email.policy
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from deliver_scene import (State, block, certificates, equal, exceptions, main, marks,
                           password_file, ready, test, users)
from mail_server import DEADLINE, Server, wait_for


@test
def one_alert_goes_in_one_mail(state):
    with Server() as server:
        state.config(server)
        state.add()
        state.once()
        equal(len(server.mails), 1)
        mail = server.mails[0]
        equal(mail.rcpts, ["admin@example.net"])
        equal(mail.sender, "loginbell@web1.example")
        equal(mail.message["Subject"], "[web1] SSH login: user1 from 203.0.113.9")
        assert "Accepted password for user1 from 203.0.113.9 port 4711" in mail.text
        equal(state.spooled(), [])
        equal(marks(state), {("", "login"): 1, ("", "forged"): 1, ("", "retry"): 0})
        state.once()
        equal(len(server.mails), 1)


@test
def nothing_to_do_connects_nowhere(state):
    with Server() as server:
        state.config(server)
        state.once()
        state.new_ledger()
        state.once()
        equal(server.connections, 0)


@test
def several_alerts_go_in_one_digest(state):
    with Server() as server:
        state.config(server)
        state.add(30)
        state.once()
        equal(len(server.mails), 1)
        equal(users(server.mails[0]), [f"user{i}" for i in range(1, 31)])


@test
def max_per_mail_splits_a_digest(state):
    with Server() as server:
        state.config(server, alert="MaxPerMail=4")
        state.add(10)
        state.once()
        equal([users(m) for m in server.mails],
              [[f"user{i}" for i in r] for r in (range(1, 5), range(5, 9), range(9, 11))])
        equal(server.connections, 1)


@test
def forged_alerts_go_apart_and_after(state):
    with Server() as server:
        state.config(server)
        for _ in range(3):
            state.add(kind="forged")
            state.add()
        state.once()
        equal(len(server.mails), 2)
        equal(users(server.mails[0]), ["user2", "user4", "user6"])
        assert "forged" in server.mails[1].message["Subject"].lower()


@test
def a_refused_forged_mail_delays_no_login(state):
    def hook(verb, mail, _):
        if verb == "." and "forged" in mail.message["Subject"].lower():
            return "451 later"
    with Server(hook) as server:
        state.config(server, alert="Interval=0")
        state.add(kind="forged")
        state.add()
        state.once(75)
        state.add()
        state.once(75)
        equal([users(m) for m in server.mails], [["user2"], ["user3"]])


@test
def kinds_that_are_not_wanted_are_passed_over(state):
    with Server() as server:
        state.config(server, alert="Events=gap")
        state.add()
        state.add(kind="gap", COUNT=5)
        state.once()
        equal(len(server.mails), 1)
        equal(users(server.mails[0]), [])


@test
def two_destinations_have_their_own_marks(state):
    with Server() as up, socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
        probe.close()
        state.config(up, extra=f'[Mail "ops"]\nTo=ops@example.net\n'
                     f"Server=\nServer=smtp://127.0.0.1:{port}\n")
        state.add()
        state.once(75)
        equal([m.rcpts for m in up.mails], [["admin@example.net"]])
        equal(marks(state)["", "login"], 1)
        equal(marks(state)["ops", "login"], 0)
        with Server(port=port) as down:
            state.once()
            equal([m.rcpts for m in down.mails], [["ops@example.net"]])
        equal(len(up.mails), 1)


@test
def server_down_then_up(state):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    state.config(f"smtp://127.0.0.1:{port}")
    state.add()
    log = state.once(75)
    assert "deferred" in log and "next try in" in log, log
    frozen = state.read("spool/mail.login")
    with Server(port=port) as server:
        state.once()
        equal(len(server.mails), 1)
        equal(server.mails[0].data, frozen.partition(b"\n\n")[2])


def late_mail(state, between):
    """The subject of a mail that is frozen just before its two logins are five minutes old."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    state.config(f"smtp://127.0.0.1:{port}")
    then = time.time_ns() // 1000 - 298_000_000
    state.add(2, TIME_USEC=then, NOTED_USEC=then)
    state.once(75)
    assert b"[delayed]" not in state.read("spool/mail.login")
    between()
    time.sleep(2.5)
    with Server(port=port) as server:
        state.once()
        equal([users(m) for m in server.mails], [["user1", "user2"]])
        return server.mails[0].message["Subject"]


@test
def a_mail_that_became_late_while_it_waited_says_so(state):
    equal(late_mail(state, lambda: None), "[web1] [delayed] 2 SSH logins, 2 users, 1 address")


@test
def a_mail_that_became_late_goes_as_it_was_where_the_ledger_is_damaged(state):
    def damage():
        text = state.read("ledger").replace(b"USER=user1", b"USER=user3")
        with open(state.file("ledger"), "wb") as f:
            f.write(text)

    equal(late_mail(state, damage), "[web1] 2 SSH logins, 2 users, 1 address")


@test
def second_server_takes_over(state):
    with Server(lambda v, a, s: "421 too busy" if v == "GREETING" else None) as first:
        with Server() as second:
            state.config([first, second])
            state.add()
            state.once()
            equal(len(second.mails), 1)


@test
def temporary_refusals_are_tried_again(state):
    replies = []
    with Server(lambda v, a, s: replies.pop(0)[1] if replies and replies[0][0] == v else None) as server:
        state.config(server)
        state.add()
        for verb in ("GREETING", "EHLO", "MAIL", "RCPT", "DATA", "."):
            replies[:] = [(verb, "451 not now")] + ([("HELO", "451 not now")] if verb == "EHLO" else [])
            state.once(75)
            assert not replies, verb
        equal(server.mails, [])
        state.once()
        equal(len(server.mails), 1)
        equal(len(set(server.bodies)), 1)


@test
def permanent_errors_before_rcpt_are_deferred(state):
    wrong = []
    with Server(lambda v, a, s: "550 no" if v in wrong else None) as server:
        state.config(server)
        state.add()
        for verb in (["GREETING"], ["EHLO", "HELO"], ["MAIL"]):
            wrong[:] = verb
            state.once(75)
            equal(exceptions(state), [])
        wrong.clear()
        state.once()
        equal(len(server.mails), 1)


@test
def one_refused_recipient_holds_up_nobody(state):
    refused = ["bad@example.net"]
    def hook(verb, argument, _):
        if verb == "RCPT" and any(r in argument for r in refused):
            return "550 no such user"
    with Server(hook) as server:
        state.config(server, alert="Interval=0",
                     mail="To=a@example.net bad@example.net c@example.net")
        state.add()
        state.once(75)
        equal(sorted(r for m in server.mails for r in m.rcpts), ["a@example.net", "c@example.net"])
        equal([(e[0], e[2], e[3], e[8]) for e in exceptions(state)],
              [("refused", "1", "1", "bad@example.net")])
        state.add()
        state.once(75)
        equal(sorted(r for m in server.mails for r in m.rcpts), ["a@example.net"] * 2 + ["c@example.net"] * 2)
        # Once it is taken, it gets both in one digest, and nobody else gets anything again.
        refused.clear()
        before = len(server.mails)
        with state.follow() as sender:
            ready(state, sender)
            open(state.file("request.flush"), "w").close()
            wait_for(lambda: len(server.mails) > before, "digest")
            sender.stop()
        equal([(m.rcpts, users(m)) for m in server.mails[before:]],
              [(["bad@example.net"], ["user1", "user2"])])
        equal(server.mails[-1].message["To"], "bad@example.net")
        equal(exceptions(state), [])


@test
def one_deferred_recipient_holds_up_nobody(state):
    def hook(verb, argument, _):
        if verb == "RCPT" and "slow@" in argument:
            return "452 mailbox full"
    with Server(hook) as server:
        state.config(server, mail="To=a@example.net slow@example.net", alert="Interval=0")
        state.add()
        state.once(75)
        equal([m.rcpts for m in server.mails], [["a@example.net"]])
        equal([(e[0], e[8]) for e in exceptions(state)], [("deferred", "slow@example.net")])
        equal(marks(state)["", "login"], 1)


@test
def all_recipients_refused_is_deferred(state):
    with Server(lambda v, a, s: "550 relaying denied" if v == "RCPT" else None) as server:
        state.config(server, mail="To=a@example.net b@example.net")
        state.add()
        assert "all recipients were refused" in state.once(75)
        equal(exceptions(state), [])
        equal(marks(state)["", "login"], 0)
        server.hook = None
        state.once()
        equal([m.rcpts for m in server.mails], [["a@example.net", "b@example.net"]])


@test
def refused_text_goes_again_without_log_lines(state):
    def hook(verb, mail, _):
        if verb == "." and "Accepted password" in mail.text:
            return "554 spam"
    with Server(hook) as server:
        state.config(server)
        state.add()
        state.once()
        equal(len(server.mails), 1)
        assert "Accepted password" not in server.mails[0].text
        equal(len(server.bodies), 2)


@test
def one_refused_alert_steps_aside(state):
    def hook(verb, mail, _):
        if verb == "." and re.search(r"\buser5\b", mail.text):
            return "554 spam"
    with Server(hook) as server:
        state.config(server)
        state.add(9)
        state.once(75)
        got = sorted((u for m in server.mails for u in users(m)), key=lambda u: int(u[4:]))
        equal(got, [f"user{i}" for i in range(1, 10) if i != 5])
        equal([e[:4] for e in exceptions(state)], [["refused", "login", "5", "5"]])
        equal(marks(state)["", "login"], 9)
        equal(state.spooled(), [])
        # Not before an hour.
        n = len(server.bodies)
        state.once(75)
        equal(len(server.bodies), n)


@test
def a_server_that_refuses_everything_is_not_stormed(state):
    with Server(lambda v, m, s: "554 go away" if v == "." else None) as server:
        state.config(server)
        state.add(500)
        state.once(75)
        assert len(server.bodies) < 60, len(server.bodies)
        equal(server.mails, [])
        equal(sum(int(e[3]) - int(e[2]) + 1 for e in exceptions(state)), 500)


@test
def death_after_the_dot_sends_the_same_bytes_again(state):
    with Server(lambda v, m, s: "close" if v == "." else None) as server:
        state.config(server)
        state.add()
        state.once(75)
        assert b"IN_DOUBT=1\n" in state.read("spool/mail.login")
        state.add()
        state.config(server, extra="Subject=another ${user}")
        server.hook = None
        state.once()
        equal(server.bodies[0], server.bodies[1])
        equal(server.mails[0].data, server.bodies[0])
        equal([users(m) for m in server.mails], [["user1"], ["user2"]])
        equal(server.mails[1].message["Subject"], "another user2")


@test
def closing_within_the_mail_is_no_doubt(state):
    """The server closes before it has read a mail that is larger than what sockets hold."""
    def hang_up(sock):
        sock.sendall(b"354 go\r\n")
        sock.recv(1000)
        sock.shutdown(socket.SHUT_RDWR)
        return "x"
    with Server(lambda v, a, s: hang_up if v == "DATA" else None) as server:
        # On loopback the kernel holds megabytes otherwise, whole mails.
        server.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        server.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        state.config(server, alert="MaxPerMail=10000")
        for _ in range(40):
            state.add(500)
        state.once(75)
        head = state.read("spool/mail.login")
        assert len(head) > 1000000, len(head)
        assert b"IN_DOUBT=0\n" in head[:100], head[:100]


@test
def killed_while_sending_sends_the_same_bytes_again(state):
    held = threading.Event()
    def hook(verb, mail, _):
        if verb == ".":
            held.set()
            time.sleep(1)
            return "close"
    with Server(hook) as server:
        state.config(server)
        state.add(3)
        with state.start() as sender:
            assert held.wait(DEADLINE)
            sender.p.kill()
            sender.p.wait()
        server.hook = None
        state.add()
        state.once()
        equal(len(server.bodies), 3)
        equal(server.bodies[0], server.bodies[1])
        equal([users(m) for m in server.mails], [["user1", "user2", "user3"], ["user4"]])


@test
def killed_at_any_write_loses_nothing(state):
    """strace kills the sender at the Nth call of each kind that changes the disk."""
    if subprocess.run(["which", "strace"], capture_output=True).returncode != 0:
        return "SKIP no strace"
    for call in ("fsync", "fdatasync", "renameat,rename,renameat2", "pwrite64", "unlinkat", "write"):
        for when in range(1, 40):
            with tempfile.TemporaryDirectory() as d, Server() as server:
                s = State(d)
                s.config(server)
                s.add(2)
                s.add(kind="forged")
                p = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
                                    "-e", f"inject={call}:signal=KILL:when={when}",
                                    *s.command()], capture_output=True,
                                   env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))
                if p.returncode not in (0, 137, -9):
                    raise AssertionError(f"{call} {when}: {p.returncode} {p.stderr}")
                killed = p.returncode != 0
                s.once()
                seen = {}
                for m in server.mails:
                    seen.setdefault(m.id, set()).add(m.data)
                equal(len(seen), 2)
                for bodies in seen.values():
                    equal(len(bodies), 1)
                equal(marks(s)["", "login"], 3)
                equal(s.spooled(), [])
            if not killed:
                break
    return None


@test
def starttls_is_required_and_verified(state):
    tls, ca = certificates(state)
    with Server(starttls=tls) as server:
        state.config(server, extra="Tls=required")
        state.add()
        log = state.once(75)
        assert "CaFile=" in log, log
        equal([c for c in server.commands if c.startswith("MAIL")], [])
        state.config(server, extra=f"Tls=required\nCaFile={ca}")
        state.once()
        equal([m.tls for m in server.mails], [True])


@test
def required_tls_that_is_not_offered_sends_nothing(state):
    with Server() as server:
        state.config(server, extra="Tls=required")
        state.add()
        assert "STARTTLS" in state.once(75)
        equal([c for c in server.commands if c.startswith("MAIL")], [])


@test
def opportunistic_tls_takes_any_certificate(state):
    tls, _ = certificates(state)
    with Server(starttls=tls) as server:
        state.config(server)
        state.add()
        state.once()
        equal([m.tls for m in server.mails], [True])


@test
def smtps_with_own_authority(state):
    tls, ca = certificates(state)
    with Server(tls=tls) as server:
        state.config(f"smtps://127.0.0.1:{server.port}", extra=f"Tls=required\nCaFile={ca}")
        state.add()
        state.once()
        equal([m.tls for m in server.mails], [True])


@test
def pinned_key_is_checked(state):
    tls, _ = certificates(state)
    key = subprocess.run(
        f"openssl x509 -in {state.directory}/cert.pem -pubkey -noout | openssl pkey -pubin "
        "-outform der | openssl dgst -sha256 -binary | openssl base64", shell=True, check=True,
        capture_output=True).stdout.decode().strip()
    with Server(starttls=tls) as server:
        state.config(server, extra="Tls=required\nPinnedKey=sha256//" + base64.b64encode(b"x" * 32).decode())
        state.add()
        assert "PinnedKey" in state.once(75)
        equal(server.mails, [])
        state.config(server, extra=f"Tls=required\nPinnedKey=sha256//{key}")
        state.once()
        equal([m.tls for m in server.mails], [True])


@test
def auth_plain_and_login(state):
    tls, ca = certificates(state)
    path = password_file(state)
    for mechanism in ("PLAIN", "LOGIN"):
        with Server(starttls=tls, auth=("PLAIN", "LOGIN")) as server:
            state.config(server, extra=f"CaFile={ca}\nUser=bell\nPasswordFile={path}\nAuth={mechanism}")
            state.add()
            state.once()
            equal([m.login for m in server.mails], [(mechanism, "bell", "s3cret")])
            assert "s3cret" not in state.log


@test
def password_from_the_credentials_directory(state):
    tls, ca = certificates(state)
    os.mkdir(state.directory + "/credentials")
    with open(state.directory + "/credentials/loginbell.smtp-password", "w") as f:
        f.write("other")
    with Server(starttls=tls, auth=("PLAIN",)) as server:
        state.config(server, extra=f"CaFile={ca}\nUser=bell")
        state.add()
        assert "PasswordFile=" in state.once(75)
        equal(server.connections, 0)
        state.once(env={"CREDENTIALS_DIRECTORY": state.directory + "/credentials"})
        equal([m.login for m in server.mails], [("PLAIN", "bell", "other")])


@test
def empty_credential_stands_for_the_plain_one(state):
    tls, ca = certificates(state)
    credentials = state.directory + "/credentials"
    os.mkdir(credentials)
    with open(credentials + "/loginbell.smtp-password", "w") as f:
        f.write("\n")
    with Server(starttls=tls, auth=("PLAIN",)) as server:
        state.config(server, extra=f"CaFile={ca}\nUser=bell")
        state.add()
        assert "PasswordFile=" in state.once(75, env={"CREDENTIALS_DIRECTORY": credentials})
        equal(server.connections, 0)
        with open(credentials + "/loginbell.smtp-password.plain", "w") as f:
            f.write("other\n")
        state.once(env={"CREDENTIALS_DIRECTORY": credentials})
        equal([m.login for m in server.mails], [("PLAIN", "bell", "other")])


@test
def password_file_that_others_may_read_is_not_used(state):
    tls, ca = certificates(state)
    path = password_file(state, 0o644)
    with Server(starttls=tls, auth=("PLAIN",)) as server:
        state.config(server, extra=f"CaFile={ca}\nUser=bell\nPasswordFile={path}")
        state.add()
        assert "may be read by others" in state.once(75)
        equal(server.connections, 0)


@test
def refused_password_is_deferred(state):
    tls, ca = certificates(state)
    path = password_file(state)
    with Server(lambda v, a, s: "535 wrong" if v == "AUTH" else None, starttls=tls,
                auth=("PLAIN",)) as server:
        state.config(server, extra=f"CaFile={ca}\nUser=bell\nPasswordFile={path}")
        state.add()
        log = state.once(75)
        assert "535 wrong" in log and "PasswordFile=" in log, log
        equal(server.mails, [])


@test
def no_credentials_in_the_clear(state):
    path = password_file(state)
    with Server(auth=("PLAIN", "LOGIN")) as server:
        state.config(server, extra=f"User=bell\nPasswordFile={path}")
        state.add()
        state.once(75)
        equal([c for c in server.commands if c.startswith(("AUTH", "MAIL"))], [])


@test
def a_user_and_a_server_without_auth_sends_nothing(state):
    tls, ca = certificates(state)
    path = password_file(state)
    with Server(starttls=tls) as server:
        state.config(server, extra=f"CaFile={ca}\nUser=bell\nPasswordFile={path}")
        state.add()
        assert "no AUTH" in state.once(75)
        equal(server.bodies, [])
        assert b"IN_DOUBT=0\n" in state.read("spool/mail.login")


@test
def an_independent_server_takes_it(state):
    """aiosmtpd, with STARTTLS and AUTH required."""
    tls, ca = certificates(state)
    path = password_file(state)
    got = []

    class Handler:
        async def handle_DATA(self, server, session, envelope):
            got.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
            return "250 taken"

    def check(server, session, envelope, mechanism, data):
        assert isinstance(data, LoginPassword)
        return AuthResult(success=data.login == b"bell" and data.password == b"s3cret")

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    controller = Controller(Handler(), hostname="127.0.0.1", port=port, tls_context=tls,
                            require_starttls=True, auth_required=True, authenticator=check)
    controller.start()
    try:
        state.config(f"smtp://127.0.0.1:{port}", extra=f"CaFile={ca}\nUser=bell\nPasswordFile={path}")
        state.add(1000)
        state.once()
    finally:
        controller.stop()
    equal(len(got), 1)
    message = email.message_from_bytes(got[0][2], policy=email.policy.default)
    equal(sorted(set(re.findall(r"\buser\d+\b", message.get_content()))),
          sorted(f"user{i}" for i in range(1, 1001)))


@test
def ehlo_name_is_said_as_configured(state):
    with Server() as server:
        state.config(server, extra="EhloName=bell.example.org")
        state.add()
        state.once()
        equal(server.mails[0].ehlo, "bell.example.org")


@test
def sendmail_takes_it_with_local_line_ends(state):
    d = state.directory
    with open(f"{d}/sendmail", "w") as f:
        f.write(f'#!/bin/sh\nprintf "%s\\n" "$@" >{d}/args\ncat >{d}/mail\n'
                f"echo hello >&2\nexit $(cat {d}/status)\n")
    os.chmod(f"{d}/sendmail", 0o755)
    with open(f"{d}/status", "w") as f:
        f.write("75")
    state.config(f"sendmail:{d}/sendmail", mail="To=a@example.net b@example.net")
    state.add()
    log = state.once(75)
    assert "exit status 75" in log and "hello" in log, log
    with open(f"{d}/status", "w") as f:
        f.write("0")
    state.once()
    with open(f"{d}/args") as f:
        equal(f.read().split("\n"),
              ["-i", "-f", "loginbell@web1.example", "--", "a@example.net", "b@example.net", ""])
    with open(f"{d}/mail", "rb") as f:
        mail = f.read()
    assert b"\r" not in mail
    equal(email.message_from_bytes(mail, policy=email.policy.default)["Subject"],
          "[web1] SSH login: user1 from 203.0.113.9")


@test
def sendmail_that_hangs_is_killed(state):
    d = state.directory
    with open(f"{d}/sendmail", "w") as f:
        f.write("#!/bin/sh\ncat >/dev/null\nsleep 1000\n")
    os.chmod(f"{d}/sendmail", 0o755)
    state.config(f"sendmail:{d}/sendmail", extra="Timeout=1")
    state.add()
    assert "did not end in time" in state.once(75)
    assert b"IN_DOUBT=1\n" in state.read("spool/mail.login")


@test
def a_server_that_hangs_is_given_up_by_the_timeout(state):
    with Server(lambda v, a, s: time.sleep(30) or "close" if v == "MAIL" else None) as server:
        state.config(server, extra="Timeout=1")
        state.add()
        state.once(75)
        equal(server.mails, [])


@test
def follower_mails_what_comes_and_waits_the_interval(state):
    with Server() as server:
        state.config(server, alert="Interval=2s")
        with state.follow() as sender:
            ready(state, sender)
            state.add()
            server.got(1)
            wait_for(lambda: marks(state)["", "login"] == 1, "mark")
            for _ in range(5):
                state.add()
            server.got(2)
            wait_for(lambda: marks(state)["", "login"] == 6, "mark")
            sender.stop()
        equal([users(m) for m in server.mails], [["user1"], [f"user{i}" for i in range(2, 7)]])


@test
def follower_notices_a_ledger_that_comes_and_one_that_is_rotated(state):
    with Server() as server:
        state.config(server, alert="Interval=0")
        with state.follow() as sender:
            ready(state, sender)
            state.new_ledger()
            state.add()
            server.got(1)
            wait_for(lambda: marks(state)["", "login"] == 1, "mark")
            os.rename(state.file("ledger"), state.file("ledger.1"))
            with open(state.file("ledger"), "wb") as f:
                f.write(block([("LOGINBELL_LEDGER", 1), ("ID", state.id), ("FIRST_SEQ", 2)]))
            state.add()
            server.got(2)
            sender.stop()
        equal([users(m) for m in server.mails], [["user1"], ["user2"]])


@test
def sigterm_mails_what_waits_without_a_pause(state):
    with Server() as server:
        state.config(server, alert="Interval=1h")
        with state.follow() as sender:
            ready(state, sender)
            state.add()
            server.got(1)
            wait_for(lambda: marks(state)["", "login"] == 1, "mark")
            state.add(2)
            sender.stop()
        equal([users(m) for m in server.mails], [["user1"], ["user2", "user3"]])


@test
def sigterm_ends_a_hanging_server_in_time(state):
    held = threading.Event()
    def hook(verb, argument, _):
        if verb == ".":
            held.set()
            time.sleep(100)
    with Server(hook) as server:
        state.config(server)
        state.add()
        with state.follow() as sender:
            assert held.wait(DEADLINE)
            sender.stop(expect=75)
        assert b"IN_DOUBT=1\n" in state.read("spool/mail.login")
        server.hook = None
        state.once()
        equal(server.bodies[0], server.mails[0].data)


@test
def sighup_takes_a_good_configuration_and_keeps_off_a_bad_one(state):
    with Server() as server:
        state.config(server, alert="Interval=0")
        with state.follow() as sender:
            ready(state, sender)
            with open(state.config_path, "a") as f:
                f.write("[Mail]\nNoSuchKey=1\n")
            sender.p.send_signal(signal.SIGHUP)
            sender.says("stays in force")
            state.add()
            server.got(1)
            state.config(server, alert="Interval=0", mail="To=new@example.net")
            sender.p.send_signal(signal.SIGHUP)
            sender.says("configuration reloaded")
            state.add()
            server.got(2)
            sender.stop()
        equal([m.rcpts for m in server.mails], [["admin@example.net"], ["new@example.net"]])


@test
def once_beside_a_follower_waits_for_it(state):
    with Server() as server:
        state.config(server, alert="Interval=1h")
        with state.follow() as sender:
            ready(state, sender)
            state.add()
            server.got(1)
            wait_for(lambda: marks(state)["", "login"] == 1, "mark")
            state.add()
            state.once()
            equal(len(server.mails), 2)
            server.hook = lambda v, a, s: "451 no" if v == "MAIL" else None
            state.add()
            state.once(75)
            equal(len(server.mails), 2)
            equal(state.start("--follow").p.wait(DEADLINE), 1)
            sender.stop(expect=75)


@test
def once_takes_over_from_a_sender_that_goes_away(state):
    held = threading.Event()
    def hook(verb, argument, _):
        if verb == "." and not held.is_set():
            held.set()
            time.sleep(100)
    with Server(hook) as server:
        state.config(server)
        state.add()
        with state.follow() as sender:
            assert held.wait(DEADLINE)
            with state.start() as other:
                time.sleep(0.5)
                sender.p.kill()
                equal(other.p.wait(DEADLINE), 0)
        equal(len(server.mails), 1)
        equal(server.bodies[0], server.bodies[1])


@test
def repeats_are_held_and_told_once(state):
    with Server() as server:
        state.config(server, alert="Interval=0\nRepeatInterval=4s")
        with state.follow() as sender:
            ready(state, sender)
            state.add(user="user1")
            server.got(1)
            wait_for(lambda: marks(state)["", "login"] == 1, "mark")
            for _ in range(3):
                state.add(user="user1")
            state.add(user="user2")
            server.got(2)
            equal(users(server.mails[1]), ["user2"])
            server.got(3)
            assert "came 3 times" in server.mails[2].text, server.mails[2].text
            assert "3 further SSH logins" in server.mails[2].text, server.mails[2].text
            wait_for(lambda: " 0 0 " in state.delivery(), "told")
            sender.stop()
        equal(len(server.mails), 3)


@test
def repeats_that_the_log_joined_are_each_counted(state):
    with Server() as server:
        state.config(server, alert="Interval=0\nRepeatInterval=2s")
        state.add(user="user1")
        state.once()
        state.add(user="user1", COUNT=4)
        state.add(user="user1")
        state.once()
        equal(len(server.mails), 1)
        time.sleep(2)
        state.once()
        equal(len(server.mails), 2)
        assert "5 further SSH logins" in server.mails[1].text, server.mails[1].text
        assert "came 5 times" in server.mails[1].text, server.mails[1].text


@test
def repeats_are_not_held_with_zero(state):
    with Server() as server:
        state.config(server, alert="RepeatInterval=0")
        for _ in range(3):
            state.add(user="user1")
            state.once()
        equal(len(server.mails), 3)


@test
def held_repeats_survive_a_restart(state):
    with Server() as server:
        state.config(server, alert="RepeatInterval=3s")
        state.add(user="user1")
        state.once()
        state.add(2, user="user1")
        state.once()
        equal(len(server.mails), 1)
        time.sleep(3)
        state.once()
        equal(len(server.mails), 2)
        assert "came 2 times" in server.mails[1].text, server.mails[1].text


@test
def back_off_is_cut_short_by_a_new_alert(state):
    down = [True]
    with Server(lambda v, a, s: "421 down" if v == "GREETING" and down[0] else None) as server:
        state.config(server, alert="Interval=0")
        state.add()
        with state.follow() as sender:
            sender.says("deferred")
            down[0] = False
            state.add()
            server.got(2)
            sender.stop()
        equal([users(m) for m in server.mails], [["user1"], ["user2"]])


@test
def an_accepted_mail_does_not_cut_short_the_back_off_of_another(state):
    tried = []
    def hook(verb, mail, _):
        if verb == "." and "forged" in mail.message["Subject"].lower():
            tried.append(mail)
            return "451 later"
    with Server(hook) as server:
        state.config(server, alert="Interval=0")
        state.add(kind="forged")
        with state.follow() as sender:
            sender.says("deferred")
            for i in range(5):
                state.add()
                server.got(i + 1)
                wait_for(lambda: marks(state)["", "login"] == i + 2, "mark")
            sender.stop(expect=75)
        equal(len(tried), 2)  # the second is that of SIGTERM


@test
def given_up_alerts_are_told_in_the_next_mail(state):
    down = [True]
    with Server(lambda v, a, s: "451 no" if v == "MAIL" and down[0] else None) as server:
        state.config(server, alert="GiveUpAfter=1s")
        state.add(2)
        state.once(75)
        time.sleep(1.2)
        log = state.once()
        assert "given up" in log, log
        equal([e[:4] for e in exceptions(state)], [["given-up", "login", "1", "2"]])
        down[0] = False
        state.add()
        state.once()
        equal(len(server.mails), 1)
        assert "2 earlier alerts could not be delivered" in " ".join(server.mails[0].text.split())
        assert "UNREPORTED" not in state.delivery()


@test
def a_changed_configuration_makes_the_mail_anew(state):
    with Server(lambda v, a, s: "451 no" if v == "MAIL" else None) as server:
        state.config(server)
        state.add()
        state.once(75)
        state.config(server, mail="To=new@example.net", extra="Subject=bell ${user}")
        server.hook = None
        state.once()
        equal([m.rcpts for m in server.mails], [["new@example.net"]])
        equal(server.mails[0].message["Subject"], "bell user1")


@test
def a_damaged_delivery_file_is_set_aside_and_nothing_is_lost(state):
    with Server() as server:
        state.config(server)
        state.add(2)
        state.once()
        text = bytearray(state.read("delivery"))
        text[60] ^= 1
        with open(state.file("delivery"), "wb") as f:
            f.write(text)
        state.add()
        assert "delivery.damaged" in state.once()
        equal(users(server.mails[-1]), ["user1", "user2", "user3"])
        equal(state.read("delivery.damaged"), bytes(text))


@test
def a_damaged_frozen_mail_is_made_anew(state):
    with Server(lambda v, a, s: "451 no" if v == "MAIL" else None) as server:
        state.config(server)
        state.add()
        state.once(75)
        with open(state.file("spool/mail.login"), "r+b") as f:
            f.truncate(700)
        server.hook = None
        state.once()
        equal([users(m) for m in server.mails], [["user1"]])


@test
def another_ledger_is_mailed_whole(state):
    with Server() as server:
        state.config(server, alert="RepeatInterval=0")
        state.add(3)
        state.once()
        state.new_ledger("f" * 32)
        state.add(2)
        assert "not the same as before" in state.once()
        equal(users(server.mails[1]), ["user1", "user2"])


@test
def a_mark_ahead_of_the_ledger_is_taken_back(state):
    with Server() as server:
        state.config(server, alert="RepeatInterval=0")
        state.add(5)
        copy = state.read("ledger")
        state.add(5)
        state.once()
        with open(state.file("ledger"), "wb") as f:
            f.write(copy)
        assert "ledger ends at 5" in state.once()
        state.seq = 5
        state.add()
        state.once()
        equal(users(server.mails[-1]), ["user6"])


@test
def a_frozen_mail_ahead_of_the_ledger_keeps_nothing_back(state):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    state.config(f"smtp://127.0.0.1:{port}", alert="RepeatInterval=0")
    state.add(2)
    copy = state.read("ledger")
    state.add()
    state.once(75)
    with open(state.file("ledger"), "wb") as f:
        f.write(copy)
    with Server(port=port) as server:
        state.once()
        equal(users(server.mails[-1]), ["user1", "user2", "user3"])
        state.seq = 2
        state.add(2)
        state.once()
        equal(users(server.mails[-1]), ["user3", "user4"])


@test
def wrong_usage_and_configuration_exit_with_2(state):
    state.config("smtp://127.0.0.1:1", extra="Nonsense=1")
    state.add()
    state.once(2)
    state.config("smtp://127.0.0.1:1")
    state.once(2, "--no-such-option")
    state.once(2, "argument")


@test
def test_message_says_what_the_server_answered(state):
    with Server() as server:
        state.config(server)
        p = subprocess.run(state.command("--test"), capture_output=True, check=True, timeout=DEADLINE)
        assert b"queued as 4711" in p.stdout, p.stdout
        equal(len(server.mails), 1)
        server.hook = lambda v, a, s: "550 no" if v == "MAIL" else None
        p = subprocess.run(state.command("--test"), capture_output=True, timeout=DEADLINE)
        equal(p.returncode, 1)
        assert b"550 no" in p.stderr, p.stderr


@test
def a_full_disk_does_not_hold_back_a_mail(state):
    """No file may grow beyond a few bytes: neither the frozen mail nor what was done fits."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
    with Server() as server:
        state.config(server)
        state.add()
        p = subprocess.run(state.command(), capture_output=True, timeout=DEADLINE, preexec_fn=limit)
        equal(p.returncode, 0)
        assert b"sent from memory" in p.stderr and b"delivery cannot be written" in p.stderr, p.stderr
        equal(len(server.mails), 1)
        # It is not known any more that it was mailed: it comes again, and can be known again.
        state.once()
        equal(len(server.mails), 2)
        equal(server.mails[0].id, server.mails[1].id)
        equal(state.spooled(), [])


@test
def readiness_and_status_are_told(state):
    path = os.path.join(state.directory, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, Server() as server:
        notify.bind(path)
        notify.settimeout(DEADLINE)
        state.config(server)
        with state.follow(env={"NOTIFY_SOCKET": path}) as sender:
            got = ""
            while "READY=1" not in got or "STATUS=All is sent" not in got:
                got += notify.recv(4096).decode() + "\n"
            sender.stop()


@test
def idle_follower_sleeps(state):
    """No system call but the poll it waits in: its context switches stay as they are."""
    with Server() as server:
        state.config(server, alert="Interval=0")
        with state.follow() as sender:
            ready(state, sender)
            state.add()
            server.got(1)
            wait_for(lambda: marks(state)["", "login"] == 1, "mark")

            def switches():
                with open(f"/proc/{sender.pid}/status") as f:
                    return re.findall(r"ctxt_switches:\s*(\d+)", f.read())
            quiet = None
            end = time.monotonic() + DEADLINE
            while time.monotonic() < end:
                before = switches()
                time.sleep(2)
                quiet = switches() == before
                if quiet:
                    break
            assert quiet
            sender.stop()


if __name__ == "__main__":
    sys.exit(main())
