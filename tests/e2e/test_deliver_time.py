#!/usr/bin/python3
"""Days of a sender: servers that are down for long, in order, and clocks that jump. Prints TAP.

Time passes by what is written in the file "delivery", so that nothing here waits for it.

Usage: test_deliver_time.py [TEST…]; $LOGINBELL_DELIVER is the program. No root.
"""
import re
import socket
import sys

from deliver_scene import equal, exceptions, lanes, main, marks, test, users
from mail_server import Server, wait_for

BACK_OFF = (15, 30, 60, 120, 300, 600, 900)
YEAR = 365 * 86400


def busy(verb, *_):
    return "421 too busy" if verb == "GREETING" else None


def lane(state):
    return lanes(state)["", "login"]


def planned(state):
    """Seconds until the next try, which are as they have to be."""
    wait = (lane(state).next_try_usec - lane(state).last_try_usec) / 1000000
    table = BACK_OFF[min(lane(state).tries, len(BACK_OFF)) - 1]
    assert 0.8 * table <= wait <= 1.2 * table, (lane(state).tries, wait)
    return wait


@test
def a_server_that_says_421_for_an_hour(state):
    with Server(busy) as server:
        state.config(server)
        state.add(2)
        state.once(75)
        frozen = state.read("spool/mail.login").partition(b"\n\n")[2]
        passed = 0
        while passed < 3600:
            wait, tries = planned(state), lane(state).tries
            state.pass_time(wait - 0.2)
            due = lane(state).next_try_usec
            with state.follow() as sender:
                wait_for(lambda n=tries: lane(state).tries > n, "the next try")
                sender.p.kill()
            equal(lane(state).tries, tries + 1)
            assert lane(state).last_try_usec >= due, "tried before its time"
            passed += wait
        assert server.connections < 15, server.connections
        equal(server.mails, [])
        server.hook = None
        state.pass_time(planned(state))
        with state.follow() as sender:
            server.got(1)
            wait_for(lambda: marks(state)["", "login"] == 2, "the mark")
            sender.stop()
        equal([m.data for m in server.mails], [frozen])


@test
def servers_are_tried_in_order_every_time(state):
    with Server(busy) as first, Server(busy) as second, Server() as third:
        state.config([first, second, third], alert="Interval=0")
        state.add()
        log = state.once()
        assert re.search(f":{first.port}: .*421 too busy.*; trying smtp://127.0.0.1:{second.port}",
                         log), log
        assert re.search(f":{second.port}: .*421 too busy.*; trying smtp://127.0.0.1:{third.port}",
                         log), log
        second.hook = None
        state.add()
        state.once()
        first.hook = None
        state.add()
        state.once()
        equal([[users(m) for m in s.mails] for s in (first, second, third)],
              [[["user3"]], [["user2"]], [["user1"]]])
        for server in (first, second, third):
            server.hook = busy
        state.add()
        state.once(75)
        first.hook = None
        state.once()
        equal([len(s.mails) for s in (first, second, third)], [2, 1, 1])


@test
def given_up_by_tries_and_not_by_a_clock_that_jumps(state):
    with Server(busy) as server:
        state.config(server, alert="GiveUpAfter=1h")
        state.add(2)
        state.once(75)
        waited, jumps = 0, [YEAR, -YEAR, 0, 3 * YEAR, -YEAR]
        while True:
            wait = planned(state)
            if jumps and lane(state).tries > 2:
                step = jumps.pop()
                state.pass_time(step)
                waited += wait if step > 0 else 0
            else:
                state.pass_time(wait)
                waited += wait
            # What the programs themselves take is more than nothing.
            if waited > 3500:
                break
            log = state.once(75)
            assert "given up" not in log, (waited, log)
        equal(jumps, [])
        for _ in range(2):
            if exceptions(state):
                break
            log = state.once(75 if waited < 3600 else 0)
            if not exceptions(state):
                wait = planned(state)
                state.pass_time(wait)
                waited += wait
        equal([e[:4] for e in exceptions(state)], [["given-up", "login", "1", "2"]])
        assert "given up after 1h" in log and "421 too busy" in log, log
        equal(marks(state)["", "login"], 2)
        server.hook = None
        state.add()
        state.once()
        equal([users(m) for m in server.mails], [["user3"]])
        assert "2 earlier alerts could not be delivered" in " ".join(server.mails[0].text.split())


@test
def one_destination_is_down_for_a_day(state):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with Server() as up:
        state.config(up, alert="Interval=0", extra='[Mail "ops"]\nTo=ops@example.net\nServer=\n'
                     f"Server=smtp://127.0.0.1:{port}\n")
        with state.follow() as sender:
            for n in range(1, 6):
                state.add()
                up.got(n)
                wait_for(lambda m=n: marks(state).get(("", "login")) == m, "the mark")
            sender.stop(expect=75)
        equal([users(m) for m in up.mails], [[f"user{n}"] for n in range(1, 6)])
        equal(marks(state)["ops", "login"], 0)
        state.pass_time(86400)
        with Server(port=port) as down:
            state.once()
            equal(sorted({u for m in down.mails for u in users(m)}),
                  [f"user{n}" for n in range(1, 6)])
            assert len(down.mails) <= 2, len(down.mails)
        equal(len(up.mails), 5)


@test
def of_three_recipients_one_is_refused_for_now_and_one_for_good(state):
    replies = {"slow@": "452 4.2.2 mailbox full", "bad@": "550 5.1.1 no such user"}

    def hook(verb, argument, _):
        return next((r for a, r in replies.items() if verb == "RCPT" and a in argument), None)
    with Server(hook) as server:
        state.config(server, mail="To=a@example.net slow@example.net bad@example.net",
                     alert="Interval=0")
        state.add()
        log = state.once(75)
        for address, reply in replies.items():
            assert re.search(f"recipient {address}example.net was refused: .*{reply}", log), log
        equal([m.rcpts for m in server.mails], [["a@example.net"]])
        found = {e[8]: e for e in exceptions(state)}
        equal({a: e[0] for a, e in found.items()},
              {"slow@example.net": "deferred", "bad@example.net": "refused"})
        waits = {a: (int(e[7]) - int(e[6])) / 1000000 for a, e in found.items()}
        assert 12 <= waits["slow@example.net"] <= 18, waits
        equal(waits["bad@example.net"], 3600)
        # Each gets what it lacks when it is put right and its time has come, and nobody else does.
        replies.clear()
        state.pass_time(20)
        state.once(75)
        equal([m.rcpts for m in server.mails], [["a@example.net"], ["slow@example.net"]])
        state.pass_time(3600)
        state.once()
        equal([m.rcpts for m in server.mails[2:]], [["bad@example.net"]])
        equal([users(m) for m in server.mails], [["user1"]] * 3)
        equal(exceptions(state), [])


if __name__ == "__main__":
    sys.exit(main())
