#!/usr/bin/env python3
"""
What is wrong with a log file, its disk or the disk of the state stops no reader, hides no later
login, and costs no processor while it lasts.
"""

import contextlib
import grp
import os
import re
import shutil
import socket
import time
import unittest.mock

import harness
import namespaces
from harness import run
from logfile_scene import Log, Scene, accepted, line
from rsyslog import FORMS, Rsyslogd
from tap import case, expect, expect_equal, expect_in, main

DIRECTORY = "/var/log/odd"
PATH = f"{DIRECTORY}/auth.log"
LOOK_SEC = 0.3


def append(data, path=PATH):
    with open(path, "ab") as file:
        file.write(data if isinstance(data, bytes) else data.encode())
    shutil.chown(path, "root", "adm")
    os.chmod(path, 0o640)


@contextlib.contextmanager
def odd_log(host, begin=line(1), **options):
    """A log file that only the test writes, in a directory of its own."""
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    os.makedirs(DIRECTORY)
    append(begin)
    with Scene(host, PATH, **options) as scene:
        yield scene


@contextlib.contextmanager
def small_disk(path, size="64k"):
    os.makedirs(path, exist_ok=True)
    namespaces.mount("tmpfs", path, "tmpfs", data=f"size={size},mode=0755")
    try:
        yield
    finally:
        run("umount", "--lazy", path)


def fill(directory):
    with open(f"{directory}/filler", "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def spent(pid):
    """Clock ticks of processor time, and how often the process waited for something."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        waits = re.search(r"^voluntary_ctxt_switches:\s*(\d+)", file.read(), re.M)[1]
    return int(fields[11]) + int(fields[12]), int(waits)


def expect_idle(scene, what):
    """Looks for a while, in which a busy loop would take 30 ticks or wait some hundred times."""
    ticks, waits = spent(scene.watch.pid)
    time.sleep(LOOK_SEC)
    after = spent(scene.watch.pid)
    expect(scene.watch.process.poll() is None, f"{what}: {scene.watch.log()}")
    expect(after[0] - ticks <= 5 and after[1] - waits <= 20,
           f"{what}: {after[0] - ticks} ticks, {after[1] - waits} waits in {LOOK_SEC} s")


@case
def bytes_that_are_no_text_hide_no_login(host):
    odd = [b"", b"\n", b"\0" * 5000 + b"\n", b"\xff\xfe\xc3(\n", b"\r\n", b"\r", b"\x1b[2J\x07\n",
           b"\0" * 3, line(9)[:40].encode() + b"\0\0\0"]
    with odd_log(host) as scene:
        for number, before in enumerate(odd, 100):
            append(before + line(number).encode())
        append(line(200).replace("\n", "\r\n"))
        append(line(201).replace("user201", "user201\udcff").encode(errors="surrogateescape"))
        for byte in line(202).encode():
            append(bytes([byte]))
        scene.mailed("200")
        scene.expect_told(map(str, [*range(100, 100 + len(odd)), 200, 201, 202]))


def anonymous_kib(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"^RssAnon:\s*(\d+) kB", file.read(), re.M)[1])


@case
def a_line_of_100_MB_hides_no_login_and_takes_no_memory(host):
    with odd_log(host, start=False) as scene:
        # A sanitizer's copies of the stack are not the program's memory.
        with unittest.mock.patch.dict(os.environ, ASAN_OPTIONS="detect_stack_use_after_return=0"):
            scene.again()
        before = anonymous_kib(scene.watch)
        for _ in range(100):
            append(b"x" * 1000000)
        append("\n" + line(2))
        scene.mailed("2")
        append(line(3)[:-1])
        for _ in range(100):
            append(b" x" * 500000)
        append("\n" + line(4))
        scene.mailed("4")
        grown = anonymous_kib(scene.watch) - before
        expect(grown < 1024, f"{grown} KiB more")
        expect_in("line cut at 64 KiB", host.ledger())
        scene.expect_told(["2", "3", "4"])
    os.unlink(PATH)


@case
def an_empty_file_is_followed(host):
    with odd_log(host, begin="") as scene:
        expect_idle(scene, "an empty file")
        append(line(2))
        scene.mailed("2")
        os.truncate(PATH, 0)
        expect_idle(scene, "truncated to nothing")
        append(line(3))
        scene.mailed("3")
        scene.stop()
        # Nobody knows what else the truncation took.
        expect_equal(scene.kinds(), ["login", "gap", "login"], host.ledger())


def put_directory():
    os.mkdir(PATH)


def put_fifo():
    os.mkfifo(PATH)


def put_socket():
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(PATH)


def put_endless_device():
    os.symlink("/dev/zero", PATH)


def put_dangling_link():
    os.symlink("nowhere/auth.log", PATH)


def put_link_to_itself():
    os.symlink("auth.log", PATH)


def put_unreadable_file():
    with open(os.open(PATH, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(line(9))


IN_PLACE = [put_directory, put_fifo, put_socket, put_endless_device, put_dangling_link,
            put_link_to_itself, put_unreadable_file]


def take_away():
    if os.path.isdir(PATH):
        os.rmdir(PATH)
    else:
        os.unlink(PATH)


@case
def something_else_in_place_of_the_file_while_following(host):
    with odd_log(host) as scene:
        ports = []
        for number, put in enumerate(IN_PLACE, 10):
            os.rename(PATH, f"{PATH}.{number}")
            put()
            append(line(100 + number), f"{PATH}.{number}")  # rsyslogd was not told yet
            scene.mailed(str(100 + number))
            expect_idle(scene, put.__name__)
            take_away()
            append(line(number))
            scene.mailed(str(number))
            ports += [str(number), str(100 + number)]
        scene.expect_told(ports)


@case
def something_else_in_place_of_the_file_at_the_start_is_an_error_that_names_it(host):
    with odd_log(host, start=False):
        os.unlink(PATH)
        for put in IN_PLACE:
            put()
            for command in ("watch", "scan", "report"):
                if command == "watch" and put is put_dangling_link:
                    continue  # it may come
                done = host.run_as("loginbell", "env", "--default-signal", *host.arguments(command),
                                   check=False)
                what = f"{command}, {put.__name__}: {done.stderr}"
                expect_equal(done.returncode, 1, what)
                expect_in(PATH, done.stderr, what)
                expect_equal(done.stdout, "", what)
            take_away()


@case
def a_file_that_may_be_read_later_is_read_then(host):
    with odd_log(host) as scene:
        os.rename(PATH, PATH + ".1")
        put_unreadable_file()
        expect_idle(scene, "unreadable")
        os.chown(PATH, 0, grp.getgrnam("adm").gr_gid)
        os.chmod(PATH, 0o640)
        scene.expect_told(["9"])


@case
def a_full_disk_hides_no_login_that_rsyslogd_wrote(host):
    path = FORMS["RFC_5424"][1]
    directory = os.path.dirname(path)
    with small_disk(directory):
        host.syslogd.reopen()
        log = Log()
        log.send(accepted(1))
        host.syslogd.wait_line(accepted(1), path)
        with Scene(host, path) as scene:
            fill(directory)
            for number in range(2, 80):
                log.send(accepted(number))
            expect_idle(scene, "a full disk")
            os.unlink(f"{directory}/filler")
            log.send(accepted(100))
            host.syslogd.wait_line(accepted(100), path)
            scene.mailed("100")
            written = set(re.findall(r"for user(\d+) from \S+ port \1 ssh2\n",
                                     host.syslogd.text(path))) - {"1"}
            expect("2" in written, host.syslogd.text(path))
            told = re.findall(r"^MESSAGE=.* port (\d+) ssh2$", host.ledger(), re.M)
            expect_equal(written - set(told), set())
    host.syslogd.reopen()


@case
def a_disk_that_is_read_only_for_a_while_hides_no_login(host):
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    with small_disk(DIRECTORY), Scene(host, PATH) as scene:
        append(line(1))
        scene.mailed("1")
        run("mount", "-o", "remount,ro", DIRECTORY)
        expect_idle(scene, "read-only")
        scene.stop()
        scene.again()
        run("mount", "-o", "remount,rw", DIRECTORY)
        append(line(2))
        scene.expect_told(["1", "2"])


@case
def a_full_state_directory_delays_alerts_and_loses_none(host):
    with odd_log(host, start=False) as scene, small_disk(host.state):
        shutil.chown(host.state, "loginbell", "adm")
        scene.again()
        append(line(2))
        scene.mailed("2")
        fill(host.reader)
        for number in range(3, 40):
            append(line(number))
        harness.await_true(lambda: "does not advance" in scene.watch.log(), "a word of the full disk")
        expect_idle(scene, "a full state directory")
        os.unlink(f"{host.reader}/filler")
        harness.await_true(lambda: "\nPORT=39\n" in host.ledger(), "the last login in the ledger")
        ports = [str(number) for number in range(2, 40)]
        scene.expect_told(ports)


if __name__ == "__main__":
    the_host = harness.start()
    the_host.syslogd = Rsyslogd(first="$ActionResumeInterval 1")
    the_host.mailbox.start()
    main(the_host)
