#!/usr/bin/env python3
"""
A log file on a file system that does not tell what is written to it: the test writes beneath a FUSE
mount, as another host would. bindfs gives a new file the number that the one before it had there.
"""

import contextlib
import os
import shutil
import subprocess

import harness
import tap
from harness import run
from logfile_scene import Scene, line
from tap import case, expect_equal, expect_in, main

BENEATH = "/var/log/beneath"
DIRECTORY = "/var/log/polled"
PATH = f"{BENEATH}/auth.log"


def append(port, path=PATH):
    with open(path, "a", encoding="ascii") as file:
        file.write(line(port))


@contextlib.contextmanager
def polled_log(host):
    for directory in (BENEATH, DIRECTORY):
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
    append(1)
    with subprocess.Popen(["bindfs", "-f", "-o", "allow_other", BENEATH, DIRECTORY]) as server:
        try:
            harness.await_true(lambda: os.path.ismount(DIRECTORY), "the mount")
            with Scene(host, f"{DIRECTORY}/auth.log") as scene:
                yield scene
        finally:
            run("umount", "--lazy", DIRECTORY, check=False)
            server.terminate()


@case
def what_is_written_is_read_and_that_it_is_looked_for_is_said(host):
    with polled_log(host) as scene:
        append(2)
        scene.mailed("2")
        expect_in("is polled once a second: its file system does not report", scene.watch.log())
        scene.expect_told(["2"])


@case
def a_file_that_is_renamed_is_read_to_its_end_and_the_next_one_too(host):
    with polled_log(host) as scene:
        append(2)
        scene.mailed("2")
        os.rename(PATH, f"{PATH}.1")
        append(3, f"{PATH}.1")
        append(4)
        scene.mailed("4")
        append(5)
        scene.expect_told(["2", "3", "4", "5"])


@case
def of_a_file_that_is_truncated_the_copy_is_read_and_the_file_anew(host):
    with polled_log(host) as scene:
        append(2)
        scene.mailed("2")
        append(3)
        shutil.copy2(PATH, f"{PATH}.1")
        os.truncate(PATH, 0)
        append(4)
        scene.mailed("4")
        append(5)
        scene.expect_told(["2", "3", "4", "5"])


@case
def what_came_while_nobody_read_is_read_afterwards(host):
    with polled_log(host) as scene:
        append(2)
        scene.mailed("2")
        scene.stop()
        append(3)
        os.rename(PATH, f"{PATH}.1")
        append(4)
        scene.again()
        scene.mailed("4")
        scene.expect_told(["2", "3", "4"])


if __name__ == "__main__":
    for needed in ("/dev/fuse", shutil.which("bindfs") or "/usr/bin/bindfs"):
        if not os.path.exists(needed):
            tap.skip_all(f"no {needed} here")
    the_host = harness.start()
    the_host.mailbox.start()
    main(the_host)
