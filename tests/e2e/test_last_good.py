#!/usr/bin/env python3
"""A start with a fault in the configuration or the whitelist uses what was in force before."""

import itertools
import os
import shutil
import signal
import time

import harness
from harness import DOMAIN, ELSEWHERE, FRIEND, HOSTNAME, WORK, await_true, body, write
from tap import case, expect, expect_equal, expect_in, main

LOG = f"{WORK}/auth.log"
MORE = f"{WORK}/more.whitelist"
IN_FORCE = "old rules in force: "

_ports = itertools.count(1)


class Scene:
    """Configuration and state of its own, a log file, and a `watch`, which is stopped at the end."""

    def __init__(self, host, start=True):
        self.host, self.start, self.watch = host, start, None

    def __enter__(self):
        self.host.mailbox.mails.clear()
        write(LOG, "")
        write(MORE, "192.0.2.0/24\n")
        self.host.configure(source="file", extra=f"[Source]\nLogFile={LOG}\n"
                                                 f"[Whitelist]\nFile={MORE}\n")
        if self.start:
            self.watch = self.host.watch()
            await_true(lambda: os.path.exists(f"{self.host.deliver}/config"), "the sender's copy")
        return self

    def __exit__(self, *_):
        if self.watch:
            self.watch.stop()

    def again(self):
        """Stops `watch` and starts another one."""
        self.stop()
        self.watch = self.host.watch()

    def stop(self):
        expect_equal(self.watch.stop(), 0, self.watch.log())

    def login(self, address=ELSEWHERE):
        """Returns its port."""
        port = next(_ports)
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000000+00:00", time.gmtime())
        with open(LOG, "a", encoding="ascii") as file:
            file.write(f"{now} {HOSTNAME} sshd[7]: Accepted publickey for root from {address} "
                       f"port {port} ssh2\n")
        return port

    def mailed(self, port):
        return self.host.mailbox.wait_for(
            lambda m: f"port: {port} " in " ".join(body(m).split()) + " ", f"port {port}")

    def expect_old_rules(self):
        """Logins from whitelisted addresses cause no mail, others do."""
        allowed = [self.login(FRIEND), self.login("192.0.2.7")]
        self.mailed(self.login())
        for port in allowed:
            expect(f"port {port} " not in self.host.ledger(), "an allowed login was reported")

    def status(self):
        return self.host.command("status", "--state-directory", self.host.state, check=False)

    def expect_fault(self, fault):
        """The log names it, and so does `status`."""
        expect_in(fault, self.watch.log())
        expect_in("in force since ", self.watch.log())
        expect_in(IN_FORCE + fault, self.status().stdout)

    def copy(self, name="reader/rules"):
        with open(f"{self.host.state}/{name}", encoding="utf-8") as file:
            return file.read()


def change_config(host, old, new):
    with open(host.config, encoding="utf-8") as file:
        text = file.read()
    expect_in(old, text)
    write(host.config, text.replace(old, new))


def whitelist_with_a_fault(host):
    write(host.whitelist, "# friends\n999.1.2.3\n")
    return f"{host.whitelist}:2:"


def whitelist_missing(host):
    os.unlink(MORE)
    return f"{MORE}: the whitelist cannot be read: No such file or directory"


def whitelist_unreadable(host):
    os.chmod(host.whitelist, 0o600)
    return f"{host.whitelist}: the whitelist cannot be read: Permission denied"


def configuration_with_a_fault(host):
    change_config(host, "\n[Whitelist]\n", "\n[Whitelist\n")
    return f"{host.config}:4:"


def configuration_names_a_missing_file(host):
    change_config(host, MORE, f"{WORK}/nowhere")
    return f"{WORK}/nowhere: the whitelist cannot be read: No such file or directory"


def configuration_missing(host):
    os.unlink(host.config)
    return f"{host.config}: cannot be read: No such file or directory"


def configuration_unreadable(host):
    os.chmod(host.config, 0o600)
    return f"{host.config}: cannot be read: Permission denied"


FAULTS = (whitelist_with_a_fault, whitelist_missing, whitelist_unreadable,
          configuration_with_a_fault, configuration_names_a_missing_file,
          configuration_missing, configuration_unreadable)


class Broken:
    """The files with a fault, which is mended at the end."""

    def __init__(self, host, fault):
        self.host, self.fault = host, fault
        self.paths = (host.config, host.whitelist, MORE)

    def __enter__(self):
        for path in self.paths:
            shutil.copy2(path, path + ".good")
        return self.fault(self.host)

    def __exit__(self, *_):
        for path in self.paths:
            os.rename(path + ".good", path)


def start_with(fault):
    def one(host):
        with Scene(host) as scene:
            scene.expect_old_rules()
            expect(IN_FORCE not in scene.status().stdout, "nothing is faulty yet")
            with Broken(host, fault) as named:
                scene.again()
                scene.expect_old_rules()
                scene.expect_fault(named)
                scene.again()
                scene.expect_fault(named)
            scene.again()
            scene.expect_old_rules()
            expect(IN_FORCE not in scene.status().stdout, scene.status().stdout)
            expect("FAULT=" not in scene.copy(), scene.copy())
    one.__name__ = f"a_start_uses_the_old_rules_with_a_{fault.__name__}"
    case(one)


def start_fails_with(fault):
    def one(host):
        with Scene(host, start=False), Broken(host, fault) as named:
            for command in ("watch", "scan"):
                done = host.command(command, check=False)
                expect_equal(done.returncode, 2, done.stderr)
                expect_in(named, done.stderr)
                expect(not os.path.exists(f"{host.reader}/rules"), "a copy of a faulty file")
    one.__name__ = f"without_a_copy_a_start_fails_with_a_{fault.__name__}"
    case(one)


for each in FAULTS:
    start_with(each)
    start_fails_with(each)


@case
def a_mended_whitelist_is_used_at_once_and_copied(host):
    with Scene(host) as scene:
        with Broken(host, whitelist_with_a_fault):
            scene.again()
        await_true(lambda: IN_FORCE not in scene.status().stdout, "the mended whitelist")
        write(host.whitelist + ".new", f"{FRIEND}\n203.0.113.77\n")
        os.rename(host.whitelist + ".new", host.whitelist)
        await_true(lambda: "203.0.113.77" in scene.copy(), "the copy of the new rules")
        with Broken(host, whitelist_with_a_fault):
            scene.again()
            port = scene.login("203.0.113.77")
            scene.mailed(scene.login())
            expect(f"port {port} " not in host.ledger(), "the newest good rules were not copied")


@case
def a_fault_while_running_is_in_status_until_it_is_mended(host):
    with Scene(host) as scene:
        with Broken(host, whitelist_with_a_fault) as named:
            await_true(lambda: IN_FORCE + named in scene.status().stdout, "the whitelist's fault")
        await_true(lambda: IN_FORCE not in scene.status().stdout, "the mended whitelist")
        with Broken(host, configuration_with_a_fault) as named:
            scene.watch.send(signal.SIGHUP)
            scene.watch.wait_notification(lambda line: b"faulty" in line, "report the fault")
            await_true(lambda: IN_FORCE + named in scene.status().stdout, "the fault")
            scene.expect_old_rules()
        scene.watch.send(signal.SIGHUP)
        await_true(lambda: IN_FORCE not in scene.status().stdout, "the mended configuration")


@case
def the_sender_mails_to_the_old_recipient(host):
    with Scene(host) as scene:
        scene.expect_old_rules()
        expect_equal(os.stat(f"{host.deliver}/config").st_mode & 0o777, 0o600)
        with Broken(host, lambda _: None):
            change_config(host, f"To=admin@{DOMAIN}", "To=not an address\nNonsense=1")
            scene.again()
            mail = scene.mailed(scene.login())
            expect_in(f"admin@{DOMAIN}", mail["To"])
            expect_equal(scene.watch.log().count("is used instead"), 1, scene.watch.log())


@case
def scan_uses_the_old_rules_as_well(host):
    with Scene(host, start=False) as scene:
        host.command("scan")
        with Broken(host, whitelist_with_a_fault) as named:
            allowed, port = scene.login(FRIEND), scene.login()
            done = host.command("scan", check=False)
            expect_equal(done.returncode, 0, done.stderr)
            expect_in(named, done.stderr)
            scene.mailed(port)
            expect(f"port {allowed} " not in host.ledger(), "an allowed login was reported")


@case
def report_and_explain_answer_as_the_service_and_check_names_the_fault(host):
    with Scene(host) as scene:
        scene.login(FRIEND)
        with Broken(host, configuration_with_a_fault) as named:
            env = dict(os.environ, STATE_DIRECTORY=host.state)
            line = f"Accepted publickey for root from {FRIEND} port 1 ssh2"
            done = host.command("explain", line, env=env, check=False)
            expect_equal(done.returncode, 0, done.stderr)
            expect_in(f"allowed by {host.whitelist}:2", done.stdout)
            expect_in(named, done.stderr)
            done = host.command("report", env=env, check=False)
            expect_equal(done.returncode, 0, done.stderr)
            expect_in(FRIEND, done.stdout)
            done = host.command("check", env=env, check=False)
            expect_equal(done.returncode, 2, done.stderr)
            expect_in(named, done.stderr)
            expect("instead" not in done.stderr, done.stderr)


@case
def a_damaged_copy_is_as_none_and_made_again(host):
    with Scene(host) as scene:
        for damage in (lambda path: write(path, "CRC=00000000\n"), os.mkfifo,
                       lambda path: os.symlink("/etc/passwd", path)):
            scene.stop()
            os.unlink(f"{host.reader}/rules")
            damage(f"{host.reader}/rules")
            with Broken(host, whitelist_with_a_fault) as named:
                done = host.command("watch", check=False, timeout=harness.DEADLINE)
                expect_equal(done.returncode, 2, done.stderr)
                expect_in(named, done.stderr)
                scene.status()
            scene.watch = host.watch()
            expect_in(f"CONFIG={host.config}\n", scene.copy())


@case
def more_than_a_mebibyte_is_not_copied(host):
    with Scene(host) as scene:
        write(MORE + ".new", "# " + "x" * (1 << 20) + "\n192.0.2.0/24\n")
        os.rename(MORE + ".new", MORE)
        await_true(lambda: "larger than 1 MiB" in scene.watch.log(), "the warning")
        scene.expect_old_rules()
        scene.stop()
        with Broken(host, whitelist_missing) as named:
            done = host.command("watch", check=False)
            expect_equal(done.returncode, 2, done.stderr)
            expect_in(named, done.stderr)
        scene.watch = host.watch()


if __name__ == "__main__":
    the_host = harness.start()
    the_host.mailbox.start()
    main(the_host)
