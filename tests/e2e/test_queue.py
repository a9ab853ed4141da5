#!/usr/bin/python3
"""The queue of mails: shown, flushed, taken back, dropped. Prints TAP.

Usage: test_queue.py [TEST…]; $LOGINBELL and $LOGINBELL_DELIVER are the programs.
"""
import fcntl
import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys

from deliver_scene import DEADLINE, equal, exceptions, lanes, main, marks, ready, test, users
from mail_server import Server, wait_for

LOGINBELL = os.path.abspath(os.environ.get("LOGINBELL", "build/loginbell"))
LOGINBELL_DELIVER = os.path.abspath(os.environ.get("LOGINBELL_DELIVER", "build/loginbell-deliver"))
NOBODY = 65534
OPS = '\n[Mail "ops"]\nTo=ops@example.net\n'


def later(verb, *_):
    return "451 later" if verb == "MAIL" else None


def open_to_all(state):
    """The programs where each user may run them, and the way to the state."""
    os.chmod(state.directory, 0o755)
    state.programs = os.path.join(state.directory, "bin")
    os.mkdir(state.programs, 0o755)
    for path in (LOGINBELL, LOGINBELL_DELIVER):
        shutil.copy(path, state.programs)


def queue(state, *more, expect=0, user=None):
    """What it prints, and what it says in state.said."""
    programs = getattr(state, "programs", None)
    program = os.path.join(programs, "loginbell") if programs else LOGINBELL
    deliver = os.path.join(programs, "loginbell-deliver") if programs else LOGINBELL_DELIVER
    p = subprocess.run([program, "queue", "-c", state.config_path, "--state-directory",
                        state.path, *more], capture_output=True, timeout=3 * DEADLINE, text=True,
                       user=user, group=user,
                       env={**os.environ, "LOGINBELL_DELIVER": deliver},
                       extra_groups=None if user is None else [])
    state.said = p.stderr
    if "Sanitizer" in p.stderr or p.returncode != expect:
        raise AssertionError(f"exit status {p.returncode}, not {expect}:\n{p.stdout}{p.stderr}")
    return p.stdout


def rows(state, *more, expect=75):
    """[(user, destination, state, recipient)]"""
    found = map(json.loads, queue(state, "-o", "json", *more, expect=expect).splitlines())
    return [(r["user"], r["destination"], r["state"], r.get("recipient")) for r in found]


def id_of(state, seq):
    return hashlib.md5(f"{state.id}{seq}".encode()).hexdigest()


def content(state):
    """{file: bytes} of both parts of the state directory."""
    found = {}
    for directory, _, names in os.walk(state.path):
        for name in names:
            with open(os.path.join(directory, name), "rb") as f:
                found[os.path.relpath(f.name, state.path).partition("/")[2]] = f.read()
    return found


def give_up(state, server, n=2, alert="Interval=0\nRepeatInterval=0", extra=""):
    """Alerts that were given up, and a server that works."""
    server.hook = later
    state.config(server, alert=f"GiveUpAfter=10s\n{alert}", extra=extra)
    state.add(n)
    state.once(75)
    state.pass_time(60)
    assert "given up" in state.once(), state.log
    server.hook = None


def mailed(server):
    return [users(m) for m in server.mails]


@test
def what_waits_is_shown_and_a_flush_mails_it(state):
    with Server(later) as server:
        state.config(server)
        state.add(2)
        shown = queue(state, expect=75)
        equal(re.findall(r"waiting +(\d+) +(\S+)\n", shown), [("0", "-")] * 2)
        state.once(75)
        shown = queue(state, expect=75)
        equal(re.findall(r"^([0-9a-f]{12}) .* login +(user\d) .* waiting +(\d+) +in \d+s$", shown,
                         re.M), [(id_of(state, n)[:12], f"user{n}", "1") for n in (1, 2)])
        assert re.search(r"^\[Mail\]  2 wait, the first since 20", shown, re.M), shown
        assert "last error: smtp://127.0.0.1" in shown and "451 later" in shown, shown
        server.hook = None
        queue(state, "--flush")
        equal(mailed(server), [["user1", "user2"]])
        equal(queue(state), "[Mail]  nothing waits\n")
        equal(queue(state, "-q"), "")
        equal(queue(state, "-o", "json"), "")


def status(state, expect=0):
    """{destination: (waiting, given up)}"""
    p = subprocess.run([LOGINBELL, "status", "-c", state.config_path, "--state-directory",
                        state.path], capture_output=True, timeout=DEADLINE, text=True)
    if "Sanitizer" in p.stderr or p.returncode != expect:
        raise AssertionError(f"exit status {p.returncode}, not {expect}:\n{p.stdout}{p.stderr}")
    found = {}
    for line in p.stdout.splitlines():
        m = re.match(r'\[Mail(?: "(.*)")?\]  (?:nothing waits|(\d+) alerts wait)'
                     r'(?:.*; (\d+) were given up)?', line)
        if m:
            found[m[1] or ""] = int(m[2] or 0), int(m[3] or 0)
    return found


def agree(state, expect=0):
    """What status counts, which is what queue lists."""
    counted = status(state, expect)
    listed = {name: [0, 0] for name in counted}
    for _, name, how, _ in set(r[:3] + (None,) for r in rows(state, expect=expect)):
        listed[name][how == "given-up"] += 1
    equal({name: tuple(n) for name, n in listed.items()}, counted)
    return counted


@test
def status_and_queue_agree_also_about_a_new_destination(state):
    with Server() as server:
        state.config(server, alert="GiveUpAfter=10s\nInterval=0\nRepeatInterval=0")
        state.add()
        equal(agree(state, expect=75), {"": (1, 0)})
        state.once()
        equal(agree(state), {"": (0, 0)})
        state.config(server, alert="GiveUpAfter=10s\nInterval=0\nRepeatInterval=0", extra=OPS)
        equal(agree(state), {"": (0, 0), "ops": (0, 0)})
        equal(queue(state), '[Mail]  nothing waits\n[Mail "ops"]  nothing waits\n')
        state.add()
        equal(agree(state, expect=75), {"": (1, 0), "ops": (1, 0)})
        server.hook = lambda verb, argument, _: (
            "451 later" if verb == "RCPT" and "ops@" in argument else None)
        state.once(75)
        equal(agree(state, expect=75), {"": (0, 0), "ops": (1, 0)})
        state.pass_time(60)
        state.once()
        equal(agree(state), {"": (0, 0), "ops": (0, 1)})


@test
def a_flush_that_fails_says_so(state):
    with Server(later) as server:
        state.config(server)
        state.add()
        queue(state, "--flush", expect=75)
        assert "451 later" in state.said, state.said
        equal(lanes(state)["", "login"].tries, 1)


@test
def a_flush_wakes_the_sender_that_waits(state):
    with Server(later) as server:
        state.config(server)
        state.add()
        with state.follow() as sender:
            sender.says("deferred")
            wait_for(lambda: [k for k, lane in lanes(state).items() if lane.tries], "the first try")
            server.hook = None
            queue(state, "--flush")
            equal(mailed(server), [["user1"]])
            sender.stop()


@test
def what_was_refused_is_tried_by_a_flush_and_shown_before(state):
    def hook(verb, argument, _):
        return "550 who?" if verb == "RCPT" and "bad@" in argument else None
    with Server(hook) as server:
        state.config(server, mail="To=admin@example.net bad@example.net")
        state.add()
        state.once(75)
        equal(rows(state), [("user1", "", "refused", "bad@example.net")])
        assert re.search(r"refused +1 +in \d+min.*bad@example.net$", queue(state, expect=75), re.M)
        server.hook = None
        queue(state, "--flush")
        equal([m.rcpts for m in server.mails], [["admin@example.net"], ["bad@example.net"]])


@test
def what_was_given_up_is_shown_and_taken_back(state):
    with Server() as server:
        give_up(state, server)
        equal(rows(state, expect=0), [(u, "", "given-up", None) for u in ("user1", "user2")])
        assert "[Mail]  nothing waits; 2 given up\n" in queue(state), queue(state)
        told = queue(state, "--retry", id_of(state, 2)[:8])
        assert "user2" in told and f"alert {id_of(state, 2)}: tried again: [Mail]\n" in told, told
        equal(mailed(server), [["user2"]])
        equal([e[:4] for e in exceptions(state)], [["given-up", "login", "1", "1"]])
        queue(state, "--retry", id_of(state, 2), expect=1)
        assert "does not wait" in state.said, state.said
        state.once()
        equal(mailed(server), [["user2"]])
        state.add()
        state.once()
        assert "1 earlier alert could not" in " ".join(server.mails[1].text.split())


@test
def what_is_taken_back_waits_as_long_as_any(state):
    with Server() as server:
        give_up(state, server, n=1)
        equal(lanes(state)["", "retry"].tries, 1)
        server.hook = later
        queue(state, "--retry", id_of(state, 1), expect=75)
        equal(rows(state), [("user1", "", "deferred", None)])
        state.pass_time(5)
        state.once(75)
        server.hook = None
        queue(state, "--flush")
        equal(mailed(server), [["user1"]])
        equal(exceptions(state), [])


@test
def a_sender_that_stays_takes_back_and_drops(state):
    with Server() as server:
        give_up(state, server, n=3)
        with state.follow() as sender:
            ready(state, sender)
            queue(state, "--retry", id_of(state, 1))
            equal([users(m) for m in server.got(1)], [["user1"]])
            queue(state, "--drop", id_of(state, 2))
            sender.says(f"drop alert {id_of(state, 2)}: dropped: ")
            equal(rows(state, expect=0), [("user3", "", "given-up", None)])
            state.add()
            server.got(2)
            sender.stop()
        equal(mailed(server), [["user1"], ["user4"]])


@test
def what_is_dropped_is_never_mailed_and_the_others_are(state):
    with Server(later) as server:
        state.config(server, alert="Interval=0\nRepeatInterval=0\nMaxPerMail=3")
        state.add(5)
        state.once(75)
        for n in (2, 5):  # one in the frozen mail, one that comes after it
            told = queue(state, "--drop", id_of(state, n))
            assert f"user{n}" in told and f"{id_of(state, n)}: dropped: [Mail]" in told, told
        equal([r[0] for r in rows(state)], ["user1", "user3", "user4"])
        queue(state, "--drop", id_of(state, 5), expect=1)
        server.hook = None
        state.once()
        equal(mailed(server), [["user1", "user3"], ["user4"]])
        assert "DROPPED" not in state.delivery(), state.delivery()
        equal(marks(state)["", "login"], 5)
        queue(state, "--drop", id_of(state, 1), expect=1)
        assert "does not wait" in state.said, state.said


@test
def the_only_alert_of_a_mail_goes_with_it(state):
    with Server(later) as server:
        state.config(server)
        state.add()
        state.add(kind="forged")
        state.once(75)
        assert "mail.login" in state.spooled()
        queue(state, "--drop", id_of(state, 1))
        assert "mail.login" not in state.spooled(), state.outgoing()
        equal([r[0] for r in rows(state)], ["user2"])
        queue(state, "--drop", id_of(state, 2))
        equal(state.spooled(), [])
        server.hook = None
        state.once()
        equal(server.mails, [])
        state.add()
        state.once()
        equal(mailed(server), [["user3"]])


@test
def a_refused_and_a_given_up_one_are_dropped(state):
    def spam(verb, mail, _):
        return "554 spam" if verb == "." and "user2 " in mail.text else None
    with Server(spam) as server:
        state.config(server, alert="Interval=0\nRepeatInterval=0")
        state.add(2)
        state.once(75)
        equal(rows(state), [("user2", "", "refused", None)])
        queue(state, "--drop", id_of(state, 2))
        server.hook = None
        state.pass_time(7200)
        state.once()
        equal(mailed(server), [["user1"]])
        give_up(state, server)
        queue(state, "--drop", id_of(state, 3))
        equal(rows(state, expect=0), [("user4", "", "given-up", None)])
        state.add()
        state.once()
        assert "1 earlier alert could not" in " ".join(server.mails[-1].text.split())


@test
def a_mail_that_a_server_may_have_stays_as_it_is(state):
    with Server(lambda verb, *_: "close" if verb == "." else None) as server:
        state.config(server)
        state.add(2)
        state.once(75)
        before = state.read("spool/mail.login")
        queue(state, "--drop", id_of(state, 1), expect=1)
        assert "a server may have accepted the message" in state.said, state.said
        equal(state.read("spool/mail.login"), before)
        server.hook = None
        state.once()
        equal(mailed(server), [["user1", "user2"]])


@test
def each_destination_has_its_own_queue(state):
    def hook(verb, argument, _):
        return "451 later" if verb == "RCPT" and "ops@" in argument else None
    with Server(hook) as server:
        state.config(server, extra=OPS + "Events=login\n")
        state.add()
        state.add(kind="gap")
        state.once(75)
        equal([m.rcpts for m in server.mails], [["admin@example.net"]])
        equal(rows(state), [("user1", "ops", "waiting", None)])
        shown = queue(state, expect=75)
        assert shown.index("[Mail]  nothing waits") < shown.index('[Mail "ops"]  1 waits'), shown
        assert "dropped: ops" in queue(state, "--drop", id_of(state, 1))
        server.hook = None
        state.once()
        equal(len(server.mails), 1)


@test
def a_drop_before_any_try_is_for_all_destinations(state):
    with Server() as server:
        state.config(server, extra=OPS)
        state.add(2)
        state.once()
        state.add(2)
        equal([r[:2] for r in rows(state)], [(u, d) for d in ("", "ops") for u in
                                             ("user3", "user4")])
        assert "dropped: [Mail], ops" in queue(state, "--drop", id_of(state, 3))
        state.once()
        equal(mailed(server)[2:], [["user4"], ["user4"]])


@test
def one_alert_is_shown_with_the_mail_as_it_will_go(state):
    with Server(later) as server:
        state.config(server, alert="MaxPerMail=2")
        state.add(3)
        before = content(state)
        shown = queue(state, id_of(state, 3))
        assert "user         user3\n" in shown and "SSH login: user3 from" in shown, shown
        assert "would be sent now: the message to admin@example.net ([Mail])" in shown, shown
        assert "user1" not in shown, shown
        equal(content(state), before)
        state.once(75)
        before = content(state)
        frozen = state.read("spool/mail.login").partition(b"\n\n")[2].decode()
        shown = queue(state, id_of(state, 1)[:7])
        assert shown.endswith(f"already tried; will be sent again unchanged: the message to admin@example.net ([Mail])"
                              f":\n\n" + frozen.replace("\r\n", "\n")), shown
        assert "user3" in queue(state, id_of(state, 3))
        equal(content(state), before)
        equal([json.loads(queue(state, "-o", "json", id_of(state, 3), expect=75))["user"]],
              ["user3"])


@test
def a_given_up_one_is_shown_with_the_mail_that_a_retry_would_send(state):
    with Server() as server:
        give_up(state, server)
        before = content(state)
        shown = queue(state, id_of(state, 1))
        assert "given up; if it were tried again: the message to admin" in shown, shown
        assert "SSH login: user1 from" in shown and "user2" not in shown, shown
        equal(content(state), before)


@test
def odd_names_are_safe_for_a_terminal(state):
    odd = "a\x1b[2J\\x9b\u202e<&\"é"
    with Server(lambda verb, *_: b"451 \x1b]0;x\x07\r\n" if verb == "MAIL" else None) as server:
        state.config(server)
        state.add(user=odd, MESSAGE=f"Accepted password for {odd}")
        state.once(75)
        for text in (queue(state, expect=75), queue(state, id_of(state, 1))):
            found = set(re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text))
            equal(found, set())
            assert "a\\x1B[2J" in text, text
        queue(state, "--drop", id_of(state, 1))
        assert "\x1b" not in state.said, state.said


@test
def a_name_that_json_has_to_quote(state):
    with Server(later) as server:
        state.config(server)
        state.add(user='q"\u202e')
        equal(rows(state), [('q"\u202e', "", "waiting", None)])


@test
def nothing_is_written_or_waited_for_to_show(state):
    with Server(later) as server:
        state.config(server)
        state.add(2)
        state.once(75)
        before = content(state)
        with open(state.file("sender.lock")) as sender, open(state.file("ledger")) as reader:
            fcntl.flock(sender, fcntl.LOCK_EX)
            fcntl.flock(reader, fcntl.LOCK_EX)
            queue(state, expect=75)
            queue(state, id_of(state, 1))
        equal(content(state), before)


@test
def what_is_no_regular_file_in_the_state_hangs_nobody(state):
    def make(how, path):
        if how == "fifo":
            os.mkfifo(path)
        elif how == "folder":
            os.mkdir(path)
        else:
            os.symlink(how, path)

    with Server(later) as server:
        state.config(server)
        state.add(2)
        state.once(75)
        names = ("ledger", "position", "reader.pid", "reader.lock", "delivery", "sender.pid",
                 "sender.lock", "spool/mail.login", "spool")
        for how in ("fifo", "folder", "/dev/zero"):
            for name in names:
                path = state.file(name)
                kept = state.path + "/kept"
                if os.path.lexists(path):
                    os.rename(path, kept)
                make(how, path)
                for command in ([LOGINBELL, "status"], [LOGINBELL, "queue"],
                                [LOGINBELL, "scan", "--dry-run"], [LOGINBELL_DELIVER]):
                    subprocess.run([*command, "-c", state.config_path, "--state-directory",
                                    state.path], capture_output=True, timeout=DEADLINE,
                                   stdin=subprocess.DEVNULL)
                if os.path.isdir(path) and not os.path.islink(path):
                    shutil.rmtree(path)
                elif os.path.lexists(path):
                    os.unlink(path)
                if os.path.lexists(kept):
                    os.rename(kept, path)


@test
def who_may_not_write_may_look_and_who_may_not_read_is_told(state):
    if os.geteuid() != 0:
        return "SKIP needs root"
    with Server(later) as server:
        state.config(server)
        state.add()
        state.once(75)
        open_to_all(state)
        for directory, names, files in os.walk(state.path):
            for name in names + files + ["."]:
                path = os.path.join(directory, name)
                os.chmod(path, 0o755 if os.path.isdir(path) else 0o644)
        before = content(state)
        queue(state, expect=75, user=NOBODY)
        queue(state, id_of(state, 1), user=NOBODY)
        for ask in (["--drop", id_of(state, 1)], ["--retry", id_of(state, 1)], ["--flush"]):
            queue(state, *ask, expect=1, user=NOBODY)
            assert f"cannot write to the state directory as uid {NOBODY}" in state.said, state.said
        os.chmod(state.path, 0o750)
        for more in ([], ["--drop", id_of(state, 1)], ["--flush"], [id_of(state, 1)]):
            queue(state, *more, expect=1, user=NOBODY)
            assert "cannot open the state directory: Permission denied" in state.said, state.said
        equal(content(state), before)


@test
def root_becomes_the_owner_of_the_state(state):
    if os.geteuid() != 0:
        return "SKIP needs root"
    with Server(later) as server:
        state.config(server)
        state.add(2)
        open_to_all(state)
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", state.path], check=True)
        queue(state, "--flush", expect=75)
        queue(state, "--drop", id_of(state, 1))
        equal({os.stat(os.path.join(d, n)).st_uid for d, ns, fs in os.walk(state.path)
               for n in ns + fs}, {NOBODY})
        equal([n for n in os.listdir(state.file("")) if n.startswith(("request", "answer"))], [])


@test
def an_id_that_is_none_or_several(state):
    with Server() as server:
        state.config(server)
        state.add(40)
        ids = [id_of(state, n + 1) for n in range(40)]
        digit = next(d for d in "0123456789abcdef" if sum(i[0] == d for i in ids) > 1)
        for more in (["--drop", digit], [digit]):
            queue(state, *more, expect=1)
            equal(re.findall("^  ([0-9a-f]{32}) ", state.said, re.M),
                  [i for i in ids if i[0] == digit][:10])
        for more in (["--drop", "f" * 32], ["--retry", "f" * 32], ["f" * 32]):
            queue(state, *more, expect=1)
            assert "no such alert" in state.said, state.said
        for more in (["--drop", "x"], [""], ["../x"], ["0" * 33], ["--drop", ids[0], "--flush"],
                     ["--drop", ids[0], "--retry", ids[1]], ["--drop", ids[0], ids[1]],
                     ["-o", "export"], ids[:2]):
            queue(state, *more, expect=2)
        queue(state, "--retry", ids[0], expect=1)
        assert "was not given up" in state.said, state.said
        equal(len(rows(state)), 40)


@test
def a_missing_or_damaged_state_is_told(state):
    with Server(later) as server:
        state.config(server)
        for more in ([], ["--flush"]):
            path, state.path = state.path, state.path + "/none"
            queue(state, *more, expect=1)
            assert "No such file" in state.said and not os.path.exists(state.path), state.said
            state.path = path
        for more in ([], ["--drop", "a" * 32], ["a" * 32]):
            queue(state, *more, expect=1)
            assert "ledger: No such file" in state.said, state.said
        state.add(3)
        state.once(75)
        whole = content(state)
        for name, damage, words in (
                ("delivery", b"", "not a delivery file"),
                ("delivery", whole["delivery"][:-5], "damaged"),
                ("spool/mail.login", whole["spool/mail.login"][:-5], "damaged"),
                ("ledger", b"x" + whole["ledger"].replace(b"user2", b"user0"), "damaged")):
            with open(state.file(name), "wb") as f:
                f.write(damage)
            before = content(state)
            for more in ([], ["-o", "json"]):
                queue(state, *more, expect=1)
                assert words in state.said, (name, state.said)
            queue(state, id_of(state, 1), expect=1)
            equal(content(state), before)
            with open(state.file(name), "wb") as f:
                f.write(whole[name])
        queue(state, expect=75)


@test
def what_a_killed_command_asked_for_is_done(state):
    with Server(later) as server:
        state.config(server, alert="Interval=0\nRepeatInterval=0")
        state.add(3)
        state.once(75)
        for n in (2, 3):
            open(state.file(f"request.drop.{id_of(state, n)}"), "w").close()
        for name in ("request.drop.x", f"request.eat.{id_of(state, 1)}"):
            open(state.file(name), "w").close()
        server.hook = None
        state.once()
        equal(mailed(server), [["user1"]])
        equal(sorted(n for n in os.listdir(state.file("")) if n.startswith("request")),
              ["request.drop.x", f"request.eat.{id_of(state, 1)}"])


@test
def a_sender_that_is_killed_anywhere_drops_once_and_all_the_same(state):
    """Between what it writes down: "delivery", the frozen mail, the answer."""
    with Server(later) as server:
        state.config(server, alert="Interval=0\nRepeatInterval=0")
        state.add(3)
        state.once(75)
        frozen = state.read("spool/mail.login")
        queue(state, "--drop", id_of(state, 2))
        with open(state.file("spool/mail.login"), "wb") as f:
            f.write(frozen)
        open(state.file(f"request.drop.{id_of(state, 2)}"), "w").close()
        server.hook = None
        state.once()
        equal(mailed(server), [["user1", "user3"]])


CALLS = ("openat", "write", "fsync", "renameat", "unlinkat")


def killed_at_each_call(state, prepared, *more):
    """Runs "queue" again and again from the same state, killed at the next call each time."""
    for call in CALLS:
        for number in itertools.count(1):
            shutil.rmtree(state.path)
            shutil.copytree(prepared, state.path)
            p = subprocess.run(
                ["strace", "-f", "-o", os.devnull, "-e", f"trace={call}", "-e",
                 f"inject={call}:signal=SIGKILL:when={number}", LOGINBELL, "queue", "-c",
                 state.config_path, "--state-directory", state.path, *more],
                capture_output=True, timeout=3 * DEADLINE,
                env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))
            if "Sanitizer" in p.stderr.decode():
                raise AssertionError(p.stderr.decode())
            yield f"{call} {number}"
            if p.returncode in (0, 75):
                break


def finish(state, expect=None):
    p = subprocess.run(state.command(), capture_output=True, timeout=3 * DEADLINE)
    if expect is not None:
        equal(p.returncode, expect)


@test
def a_drop_that_is_killed_at_any_call(state):
    """Asked for again, it is done, and the others are mailed once."""
    if not shutil.which("strace"):
        return "SKIP needs strace"
    with Server(later) as server:
        state.config(server, alert="Interval=0\nRepeatInterval=0\nMaxPerMail=3")
        state.add(4)
        state.once(75)
        prepared = os.path.join(state.directory, "prepared")
        shutil.copytree(state.path, prepared)
        kills = 0
        for what in killed_at_each_call(state, prepared, "--drop", id_of(state, 2)):
            again = subprocess.run([LOGINBELL, "queue", "-c", state.config_path,
                                    "--state-directory", state.path, "--drop", id_of(state, 2)],
                                   capture_output=True, text=True)
            assert again.returncode == 0 or re.search("waits no more|does not wait",
                                                      again.stderr), (what, again.stderr)
            server.hook = None
            finish(state, 0)
            equal((what, mailed(server)), (what, [["user1", "user3"], ["user4"]]))
            server.hook = later
            server.mails.clear()
            kills += 1
        print(f"# {kills} kills", flush=True)


@test
def a_retry_that_is_killed_at_any_call(state):
    """It is mailed, a second time only as the same bytes; the other one is not."""
    if not shutil.which("strace"):
        return "SKIP needs strace"
    with Server() as server:
        give_up(state, server)
        prepared = os.path.join(state.directory, "prepared")
        shutil.copytree(state.path, prepared)
        kills = copies = 0
        for what in killed_at_each_call(state, prepared, "--retry", id_of(state, 2)):
            finish(state)
            if not server.mails:
                queue(state, "--retry", id_of(state, 2))
            equal((what, {tuple(users(m)) for m in server.mails}), (what, {("user2",)}))
            equal((what, len({m.data for m in server.mails})), (what, 1))
            equal((what, rows(state, expect=0)), (what, [("user1", "", "given-up", None)]))
            copies += len(server.mails) - 1
            server.mails.clear()
            kills += 1
        print(f"# {kills} kills, {copies} mailed again", flush=True)


@test
def what_was_mailed_meanwhile_is_not_said_to_be_dropped(state):
    with Server() as server:
        state.config(server)
        state.add()
        state.once()
        open(state.file(f"request.drop.{id_of(state, 1)}"), "w").close()
        assert "does not wait" in state.once(), state.log
        equal(len(server.mails), 1)


@test
def a_number_that_is_given_once_more_is_another_alert(state):
    with Server(later) as server:
        state.config(server)
        state.add(3)
        queue(state, "--drop", id_of(state, 3))
        assert "DROPPED=login 3\n" in state.delivery(), state.delivery()
        state.new_ledger()
        state.add(2)
        state.once(75)
        state.add(2)
        server.hook = None
        state.once()
        equal(sorted({u for m in server.mails for u in users(m)}),
              ["user1", "user2", "user3", "user4"])


if __name__ == "__main__":
    sys.exit(main())
