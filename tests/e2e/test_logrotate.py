#!/usr/bin/env python3
"""
From a login in rsyslogd's file to a mail, while logrotate takes the file away in each of its ways.
Each login is told once.
"""

import os
import random
import signal
import threading
import time

import harness
from harness import body
from logfile_scene import Log, Scene, accepted, in_each_form
from rsyslog import DEBIAN, FORMS, Rsyslogd
from tap import case, expect, expect_equal, expect_in, main

PLAIN = "nocompress"
COPIED = "nocompress\n\tcopytruncate"
DATED = "nocompress\n\tdateext"

class Logins(threading.Thread):
    """Logins in quick succession until stopped; at the end all of them are in the log."""

    def __init__(self, host, path, pause_sec):
        super().__init__(daemon=True)
        self._host, self._path, self._pause_sec = host, path, pause_sec
        self._stop_wanted = threading.Event()
        self.ports = []
        self.start()

    def run(self):
        log = Log()
        while not self._stop_wanted.wait(self._pause_sec):
            self.ports.append(log.login())

    def stop(self):
        self._stop_wanted.set()
        self.join()
        self._host.syslogd.wait_line(accepted(self.ports[-1]), self._path)
        return self.ports


def killed_between(host, path, *steps, login=Scene.logged):
    """One login before, and logins and the steps between, while nobody watches, and one after."""
    with Scene(host, path) as scene:
        ports = [login(scene)]
        scene.mailed(ports[0])
        scene.watch.stop(signal.SIGKILL)
        for step in steps:
            ports.append(login(scene))
            step(scene)
        ports.append(login(scene))
        scene.again()
        scene.expect_told(ports)


def rotation(how, **options):
    return lambda scene: scene.host.syslogd.rotate(scene.path, how, **options)


def followed(host, path, how, login=Scene.logged):
    with Scene(host, path) as scene:
        ports = []
        for _ in range(3):
            ports.append(login(scene))
            host.syslogd.rotate(path, how)
            scene.mailed(ports[-1])
        ports.append(login(scene))
        scene.expect_told(ports)


@in_each_form
def logins_between_rotations_as_Debian_does_them(host, path):
    followed(host, path, DEBIAN, Scene.login)


@in_each_form
def logins_between_copies_and_truncations(host, path):
    followed(host, path, COPIED)


@in_each_form
def rotated_while_stopped(host, path):
    killed_between(host, path, rotation(PLAIN), login=Scene.login)


@in_each_form
def rotated_twice_while_stopped(host, path):
    killed_between(host, path, rotation(PLAIN), rotation(PLAIN))


@in_each_form
def rotated_with_a_date_in_the_name_while_stopped(host, path):
    for name in host.syslogd.files(path):
        if "-" in name[len(path):]:
            os.unlink(name)
    killed_between(host, path, rotation(DATED))


@in_each_form
def copied_and_truncated_while_stopped(host, path):
    killed_between(host, path, rotation(COPIED))


@in_each_form
def copied_and_truncated_twice_while_stopped(host, path):
    killed_between(host, path, rotation(COPIED), rotation(COPIED))


@in_each_form
def rotated_twice_as_Debian_does_it_while_stopped(host, path):
    killed_between(host, path, rotation(DEBIAN), rotation(DEBIAN))


@in_each_form
def compressed_at_once_while_stopped(host, path):
    killed_between(host, path, rotation("compress"))


@case
def what_is_gone_is_told_as_a_gap_and_what_is_left_as_logins(host):
    path = FORMS["RFC_3339"][1]
    with Scene(host, path) as scene:
        scene.mailed(scene.logged())
        scene.watch.stop(signal.SIGKILL)
        lost = scene.logged()
        host.syslogd.rotate(path, PLAIN, keep=1)
        host.syslogd.rotate(path, "nocompress\n\tifempty", keep=1)
        expect(f"port {lost} " not in host.syslogd.text(path), "it was not rotated away")
        left = scene.logged()
        scene.again()
        scene.mailed(left)
        expect_equal(scene.kinds(), ["login", "gap", "login"], host.ledger())
        gap = host.mailbox.wait_for(lambda m: "gap" in (m["Subject"] + body(m)).lower(), "the gap")
        expect_in(path, body(gap))


@in_each_form
def rotated_at_the_very_moment_of_logins(host, path):
    with Scene(host, path) as scene:
        logins = Logins(host, path, 0.0005)
        for _ in range(40):
            host.syslogd.rotate(path, PLAIN, keep=60)
        scene.expect_told(logins.stop())


@in_each_form
def killed_at_random_moments_of_logins_and_rotations(host, path):
    with Scene(host, path) as scene:
        logins = Logins(host, path, 0.002)
        for _ in range(10):
            for _ in range(random.randrange(3)):
                host.syslogd.rotate(path, PLAIN, keep=60)
            time.sleep(random.uniform(0, 0.05))  # the moment of the kill, which is what varies
            scene.watch.stop(signal.SIGKILL)
            if random.randrange(2):
                host.syslogd.rotate(path, PLAIN, keep=60)
            scene.again()
        scene.expect_told(logins.stop())


if __name__ == "__main__":
    the_host = harness.start()
    the_host.syslogd = Rsyslogd()
    the_host.start_sshd()
    the_host.mailbox.start()
    main(the_host)
