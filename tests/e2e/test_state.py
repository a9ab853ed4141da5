#!/usr/bin/env python3
"""A full disk under the state: what is logged meanwhile is mailed once there is room."""

import os
import re
import shutil

import harness
import namespaces
from harness import ELSEWHERE, HOSTNAME, await_true, body, run
from tap import case, expect, expect_equal, expect_in, main

SIZE = 4 << 20
CRITICAL = "No space left on device; the position does not advance until there is room"


class SmallDisk:
    """A state directory on a file system of its own, and a `watch` that uses it."""

    def __init__(self, host):
        self.host = host

    def __enter__(self):
        host = self.host
        host.mailbox.mails.clear()
        host.configure()
        namespaces.mount("tmpfs", host.state, "tmpfs", data=f"size={SIZE},mode=0750")
        shutil.chown(host.state, "loginbell", "adm")
        self.watch = host.watch()
        return self

    def __exit__(self, kind, *_):
        status = self.watch.stop()
        run("umount", "-l", self.host.state)
        if kind is None:
            expect_equal(status, 0, self.watch.log())

    def fill(self):
        """Leaves no byte."""
        with open(f"{self.host.reader}/ballast", "ab", buffering=0) as file:
            for block in (65536, 4096, 1):
                try:
                    while file.write(b"x" * block):
                        pass
                except OSError:
                    pass

    def free(self):
        os.unlink(f"{self.host.reader}/ballast")

    def login(self, user):
        """Gives the port that it came from."""
        return self.host.login(user, ELSEWHERE, command="set -- $SSH_CLIENT; echo $2").strip()

    def mailed(self, port):
        return self.host.mailbox.wait_for(
            lambda m: re.search(rf"\bport: {port}\b", " ".join(body(m).split())), f"port {port}")

    def in_ledger(self, port):
        return f"port {port} " in self.host.ledger()


@case
def on_a_full_disk_alerts_use_the_reserve_then_the_position_waits_for_room(host):
    with SmallDisk(host) as disk:
        disk.mailed(disk.login("root"))
        await_true(lambda: os.path.exists(f"{host.reader}/reserve"), "the reserve")
        disk.fill()
        port = disk.login("alice")
        disk.mailed(port)
        expect(disk.in_ledger(port), "the reserve was not used")
        expect_in("the reserve is used", disk.watch.log())

        ports = []
        for _ in range(10):  # the ledger's last block has room left
            disk.fill()
            ports.append(disk.login("root"))
            host.journal_sync()
            await_true(lambda: disk.in_ledger(ports[-1]) or CRITICAL in disk.watch.log(),
                       "the alert, or that it was not recorded")
            if not disk.in_ledger(ports[-1]):
                break
        expect(not disk.in_ledger(ports[-1]), "the disk never was full")
        disk.fill()  # the directory's own entries need a block of theirs
        ports.append(disk.login("alice"))
        expect(not any(f"port: {port}" in body(m) for m in host.mailbox.mails
                       for port in ports[-2:]), "it was mailed without the ledger")

        disk.free()
        for port in ports[-2:]:
            await_true(lambda p=port: disk.in_ledger(p), "the ledger")
            disk.mailed(port)
        other = disk.login("root")
        disk.mailed(other)
        for port in [*ports, other]:
            expect_equal(len([m for m in host.mailbox.mails if f"port: {port}" in body(m)]), 1)
            expect_equal(host.ledger().count(f"port {port} "), 1)
        expect_equal(disk.watch.log().count(CRITICAL), 1, disk.watch.log())


if __name__ == "__main__":
    the_host = harness.start().start()
    the_host.mailbox.start()
    main(the_host)
