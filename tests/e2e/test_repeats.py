#!/usr/bin/python3
"""What is held back and told together, over simulated hours and days. Prints TAP.

Time passes by making what is written down older: ledger and "delivery" hold all times that the
sender goes by. Made younger, it is a clock that was set back. Usage as of test_deliver.py.
"""
import os
import re
import signal
import socket
import tempfile
import zlib

import tap
from deliver_scene import State, marks, users
from mail_server import DEADLINE, Server, wait_for
from tap import case, expect, expect_equal, main

MINUTE, HOUR, DAY = 60, 3600, 86400


def older(word, usec):
    return str(int(word) - usec) if int(word) else word


def pass_time(state, seconds):
    """Nothing may run on the state meanwhile."""
    usec = int(seconds * 1000000)
    blocks = state.read("ledger").decode().split("\n\n")
    for i, text in enumerate(blocks):
        if text:
            text = re.sub(r"(?m)^((?:TIME|NOTED|FROM)_USEC)=(\d+)$",
                          lambda m: f"{m[1]}={older(m[2], usec)}", text)
            text = text[:text.index("CRC=")]
            blocks[i] = f"{text}CRC={zlib.crc32(text.encode()):08x}"
    with open(state.file("ledger"), "w", encoding="utf-8") as f:
        f.write("\n\n".join(blocks))
    times = {"QUEUE": (3, 5, 6), "HELD": (6, 7), "REPEAT": (1,)}
    text = ""
    for line in state.delivery().splitlines():
        key, _, value = line.partition("=")
        words = value.split(" ")
        for i in times.get(key, ()):
            words[i] = older(words[i], usec)
        if key != "CRC":
            text += f"{key}={' '.join(words)}\n"
    with open(state.file("delivery"), "w", encoding="utf-8") as f:
        f.write(text + f"CRC={zlib.crc32(text.encode()):08x}\n")


def further(mail):
    """How many repeats a mail tells of, and how many logins by themselves."""
    held = sum(map(int, re.findall(r"the same login came (\d+) times?", " ".join(mail.text.split()))))
    return held, len(re.findall(r"(?m)^user: ", mail.text)) - len(
        re.findall(r"(?m)^why: the same login came", mail.text))


@case
def a_job_that_logs_in_every_minute_is_told_at_once_and_then_hourly_with_the_count(state):
    with Server() as server:
        state.config(server)
        minute_of = []
        for minute in range(150):
            state.add(user="backup")
            state.once()
            minute_of += [minute] * (len(server.mails) - len(minute_of))
            pass_time(state, MINUTE)
        expect_equal(minute_of, [0, 60, 120])
        told = [further(m) for m in server.mails]
        expect_equal(told, [(0, 1), (59, 1), (59, 1)])
        # When it ends, what is left comes by itself.
        pass_time(state, HOUR)
        state.once()
        expect_equal(further(server.mails[-1]), (29, 0))
        pass_time(state, DAY)
        state.once()
        expect_equal(len(server.mails), 4)


@case
def a_summary_says_how_many_the_last_hour_had_and_the_next_hour_begins_with_it(state):
    with Server() as server:
        state.config(server)
        state.add(user="backup")
        state.once()
        state.add(4, user="backup")
        state.once()
        pass_time(state, HOUR)
        state.once()
        expect_equal([further(m) for m in server.mails], [(0, 1), (4, 0)])
        state.add(user="backup")
        state.once()
        expect_equal(len(server.mails), 2, "the summary began no window")


@case
def what_is_new_in_any_way_is_never_held(state):
    variants = ({}, {"addr": "203.0.113.10"}, {"user": "other"}, {"FINGERPRINT": "SHA256:b"},
                {"METHOD": "publickey"}, {"HOST": "web2"}, {"addr": "2001:db8::1"})
    with Server() as server:
        state.config(server)
        for number, variant in enumerate(variants, 1):
            for again in range(3):
                state.add(**{"user": "root", "FINGERPRINT": "SHA256:a", **variant})
                state.once()
                expect_equal(len(server.mails), number, f"{variant}, time {again}")


@case
def what_could_not_be_read_and_what_is_no_login_is_never_held(state):
    with Server() as server:
        state.config(server)
        for number in range(1, 4):
            state.add(user="root", READABLE=0)
            state.add(kind="gap")
            state.once()
            expect_equal(len(server.mails), number)


@case
def a_window_lasts_an_hour_whatever_the_clock_is_set_to(state):
    with Server() as server:
        state.config(server)
        for step in (-30 * DAY, -1, 10 * DAY):  # set back, a little, and far ahead
            before = len(server.mails)
            state.add(user=f"user{before}")
            state.once()
            pass_time(state, step)
            state.add(2, user=f"user{before}")
            state.once()
            ahead = step > HOUR
            expect_equal(len(server.mails) - before, 2 if ahead else 1, step)
            if not ahead:
                pass_time(state, HOUR)
                state.once()
                expect_equal(further(server.mails[-1]), (2, 0), step)
            pass_time(state, 2 * DAY)
            state.once()


def told_waiting(notify):
    text = ""
    while "Alerts wait" not in text:
        text = notify.recv(4096).decode()


@case
def the_interval_holds_over_a_kill_and_over_clock_steps(state):
    path = os.path.join(state.directory, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, Server() as server:
        notify.bind(path)
        notify.settimeout(DEADLINE)
        state.config(server, alert="Interval=1h\nRepeatInterval=0")
        env = {"NOTIFY_SOCKET": path}
        with state.follow(env) as sender:
            state.add()
            server.got(1)
            wait_for(lambda: marks(state).get(("", "login")) == 1, "the mark")
            state.add()
            told_waiting(notify)
            sender.p.kill()
        mails = 1
        for step in (0, -30 * DAY, -10):
            pass_time(state, step)
            with state.follow(env) as sender:
                told_waiting(notify)
                state.add()
                told_waiting(notify)
                sender.p.kill()
                sender.p.wait()
            expect_equal(len(server.mails), mails, f"step {step}")
        pass_time(state, HOUR)
        with state.follow(env) as sender:
            server.got(2)
            wait_for(lambda: marks(state)["", "login"] == 5, "the mark")
            sender.stop()
        expect_equal([users(m) for m in server.mails], [["user1"], [f"user{n}" for n in range(2, 6)]])


@case
def repeats_are_counted_once_however_often_the_sender_is_killed(state):
    with Server() as server:
        state.config(server, alert="Interval=0")
        state.add(user="backup")
        state.once()
        for number in range(10):
            state.add(user="backup")
            with state.follow() as sender:
                if number % 2:
                    wait_for(lambda n=number: marks(state)["", "login"] >= n + 2, "the mark")
                sender.p.send_signal(signal.SIGKILL)
        pass_time(state, HOUR)
        state.once()
        expect_equal(further(server.mails[-1]), (10, 0))
        expect_equal(len(server.mails), 2)


@case
def a_destination_that_is_down_for_a_day_holds_up_nobody_and_gets_what_it_wants(state):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with Server() as up:
        state.config(up, alert="MaxPerMail=15\nRepeatInterval=0",
                     extra='[Mail "ops"]\nTo=ops@example.net\nEvents=login\n'
                     f"Server=\nServer=smtp://127.0.0.1:{port}\n")
        for hour in range(1, 25):
            state.add()
            state.add(kind="gap", REASON=f"hour {hour}")
            state.once(75)
            expect_equal(len(up.mails), hour, "the one that is up")
            expect_equal(users(up.mails[-1]), [f"user{2 * hour - 1}"])
            expect(f"hour {hour}" in up.mails[-1].text, up.mails[-1].text)
            pass_time(state, HOUR)
        with Server(port=port) as ops:
            state.once()
            expect_equal(len(up.mails), 24)
            text = "".join(m.text for m in ops.mails)
            logins = [u for m in ops.mails for u in users(m)]
            expect_equal(sorted(logins), sorted(f"user{n}" for n in range(1, 48, 2)))
            expect("hour" not in text.replace("hours", ""), "a gap that ops does not want")
            # The first was frozen with the first try; the others fill their mails.
            expect_equal(len(ops.mails), 3)
            expect(all("[delayed]" in m.message["Subject"] for m in ops.mails[1:]),
                   [m.message["Subject"] for m in ops.mails])


class Fresh:
    """Each case has a state of its own."""

    def __call__(self, function):
        def run():
            # In memory: hundreds of runs, each of which waits for the disk.
            memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
            with tempfile.TemporaryDirectory(dir=memory) as directory:
                function(State(directory))
        run.__name__ = function.__name__
        return run


if __name__ == "__main__":
    tap._cases[:] = map(Fresh(), tap._cases)
    main()
