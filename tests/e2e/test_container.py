#!/usr/bin/env python3
"""
Without being root, and without being the host: any user in group systemd-journal, and a container
that has the host's journals mounted read-only, a machine ID, users and a name of its own.
"""

import grp
import os
import pwd
import re
import shutil

import harness
import namespaces
from harness import DOMAIN, ELSEWHERE, ELSEWHERE6, FRIEND, HOSTNAME, WORK, run, write
from tap import case, expect, expect_equal, expect_in, main

HOME = f"{WORK}/alice"
ROOT = f"{WORK}/container"
JOURNALS = "/host/var/log/journal"
UID = 4242
MACHINE = "c0" * 16
SECOND = 1000000


def subject(user, address):
    return f"[{HOSTNAME}] SSH login: {user} from {address}"


def mailed(host, user, address):
    return host.mailbox.wait_for(lambda m: m["Subject"] == subject(user, address),
                                 f"the login of {user} from {address}")


def journal_group():
    return grp.getgrnam("systemd-journal").gr_gid


def alice():
    return pwd.getpwnam("alice").pw_uid


class Container:
    """This machine's /usr, and else a root of its own. Its group systemd-journal is another one."""

    def __init__(self, host):
        self.host = host
        for name in ("usr", "etc", "dev", "proc", "tmp", "home", "var/lib", "run/test",
                     "host/var/log/journal", "host/run/log/journal"):
            os.makedirs(f"{ROOT}/{name}")
        for name in ("bin", "sbin", "lib", "lib64"):
            if os.path.lexists(f"/{name}"):
                os.symlink(f"usr/{name}", f"{ROOT}/{name}")
        for source, target in (("/usr", "usr"), ("/dev", "dev"), ("/proc", "proc"),
                               (WORK, "run/test")):
            namespaces.mount(source, f"{ROOT}/{target}", None, namespaces.MS_BIND)
        os.makedirs("/run/log/journal", exist_ok=True)
        for path in ("/var/log/journal", "/run/log/journal"):
            run("mount", "--bind", path, f"{ROOT}/host{path}")
            run("mount", "-o", "remount,bind,ro", f"{ROOT}/host{path}")
        write(f"{ROOT}/etc/passwd", f"root:x:0:0::/root:/bin/sh\nbell:x:{UID}:{UID}::/home:/bin/sh\n")
        write(f"{ROOT}/etc/group", f"root:x:0:\nbell:x:{UID}:\nsystemd-journal:x:{UID + 1}:\n")
        shutil.copy("/etc/hosts", f"{ROOT}/etc/hosts")
        shutil.copy("/etc/nsswitch.conf", f"{ROOT}/etc/nsswitch.conf")
        os.chown(f"{ROOT}/home", UID, UID)
        self.machine_id(MACHINE + "\n")

    def machine_id(self, text):
        """None: there is no such file."""
        path = f"{ROOT}/etc/machine-id"
        if os.path.exists(path):
            os.unlink(path)
        if text is not None:
            write(path, text, 0o444)

    def command(self, name, *arguments, group=None):
        """What runs a loginbell command in there, as user bell; in the host's group if not told."""
        groups = journal_group() if group is None else group
        return ["unshare", "--uts", "sh", "-ec", "hostname box; exec \"$@\"", "sh",
                "chroot", f"--userspec={UID}:{UID}", f"--groups={groups}", ROOT,
                self.host.program, name, "--config", self.host.config, *arguments]

    def run(self, name, *arguments, group=None, **options):
        return run(*self.command(name, *arguments, group=group), env={"HOME": "/home"}, **options)

    def watch(self, *arguments):
        return harness.Watch("watch", self.command("watch", "-v", *arguments), notify=True,
                               env={"HOME": "/home", "PATH": os.environ["PATH"]})


def password_of(owner):
    """The mail server's, which only its owner may read."""
    path = write(f"{WORK}/password.{owner}", harness.Mailbox.PASSWORD + "\n", 0o600)
    os.chown(path, owner, owner)
    return path


def configure(host, owner):
    host.mailbox.mails.clear()
    host.configure(mail_extra=f"PasswordFile={password_of(owner)}\n")


_container = None


def container(host):
    global _container
    if not _container:
        _container = Container(host)
    return _container


def as_member(host, command, *arguments):
    """What runs loginbell as alice, who is in the group for that."""
    os.makedirs(HOME, exist_ok=True)
    shutil.chown(HOME, "alice", "alice")
    return ["setpriv", "--reuid=alice", "--regid=alice", "--groups=systemd-journal", "env",
            f"XDG_STATE_HOME={HOME}", host.program, command, "--config", host.config, *arguments]


@case
def any_user_in_group_systemd_journal_watches_and_mails(host):
    configure(host, alice())
    run(*as_member(host, "check"))
    watch = harness.Watch("watch", as_member(host, "watch", "-v"), notify=True)
    host.login("root", ELSEWHERE)
    mailed(host, "root", ELSEWHERE)
    expect_equal(watch.stop(), 0, watch.log())
    state = f"{HOME}/loginbell"
    for directory, _, files in os.walk(state):
        for name in [directory, *(f"{directory}/{f}" for f in files)]:
            expect_equal(os.stat(name).st_uid, alice(), name)
    expect_equal(os.stat(state).st_mode & 0o7777, 0o750)


@case
def such_a_user_scans_and_reports(host):
    configure(host, alice())
    run(*as_member(host, "scan"))
    host.login("alice", ELSEWHERE6)
    host.journal_sync()
    run(*as_member(host, "scan"))
    mailed(host, "alice", ELSEWHERE6)
    expect_in(ELSEWHERE6, run(*as_member(host, "report")).stdout)


@case
def what_a_user_may_not_read_is_named(host):
    configure(host, 0)
    done = run(*as_member(host, "test-mail"), check=False)
    expect_equal(done.returncode, 1, done.stderr)
    expect(re.search(rf"{WORK}/password\.0 .*Permission denied", done.stderr), done.stderr)
    os.chmod(host.config, 0o600)
    shutil.rmtree(f"{WORK}/alice/loginbell")  # and with it the copy of the last good configuration
    for command in ("check", "watch", "scan", "report", "test-mail"):
        done = run(*as_member(host, command), check=False)
        expect_equal((done.returncode, done.stdout), (2, ""), f"{command}: {done.stderr}")
        expect(re.search(rf"{host.config}: .*Permission denied", done.stderr), done.stderr)


@case
def a_container_follows_the_hosts_journal_over_rotations(host):
    box = container(host)
    configure(host, UID)
    watch = box.watch(f"--directory={JOURNALS}")
    host.login("root", ELSEWHERE)
    mailed(host, "root", ELSEWHERE)
    host.login("root", FRIEND)
    host.rotate_journal()
    host.login("alice", ELSEWHERE)
    mailed(host, "alice", ELSEWHERE)
    host.rotate_journal()
    run("journalctl", "--vacuum-files=1")
    host.run_as("alice", "logger", "a first file of alice's own")
    host.login("root", ELSEWHERE6)
    mail = mailed(host, "root", ELSEWHERE6)
    expect_equal(mail["From"], f"loginbell@{HOSTNAME}.{DOMAIN}")
    expect_equal(watch.stop(), 0, watch.log())
    expect_equal(len(host.mailbox.mails), 3)
    expect(os.path.exists(f"{ROOT}/home/.local/state/loginbell/reader/position"), "the state")


@case
def a_container_goes_on_where_it_was(host):
    box = container(host)
    configure(host, UID)
    host.login("alice", ELSEWHERE6)
    host.login("alice", FRIEND)
    host.journal_sync()
    box.run("scan", f"--directory={JOURNALS}")
    mailed(host, "alice", ELSEWHERE6)
    box.run("scan", f"--directory={JOURNALS}")
    expect_equal(len(host.mailbox.mails), 1)


@case
def a_container_reads_a_volatile_journal(host):
    box = container(host)
    harness.make_journal(f"/run/log/journal/{'a1' * 16}/system.journal", harness.entry(
        f"Accepted password for root from {ELSEWHERE} port 4711 ssh2", 1700000000 * SECOND))
    done = box.run("report", "--directory=/host/run/log/journal", group=0)
    expect_in(ELSEWHERE, done.stdout)


@case
def in_a_container_the_group_that_has_no_name_there_is_told_by_number(host):
    done = container(host).run("report", f"--directory={JOURNALS}", group=UID + 1, check=False)
    expect_equal((done.returncode, done.stdout), (1, ""))
    expect_in(f"group {journal_group()},", done.stderr)


@case
def without_a_machine_id_a_directory_is_read_all_the_same(host):
    box = container(host)
    try:
        for text, told in ((None, "No such file or directory"), ("", "holds no machine ID"),
                           ("uninitialized\n", "holds no machine ID")):
            box.machine_id(text)
            done = box.run("report", f"--directory={JOURNALS}")
            expect_in(ELSEWHERE6, done.stdout, text)
            done = box.run("report", "--source=journal", check=False)
            expect_equal((done.returncode, done.stdout), (1, ""), text)
            expect_in(f"/etc/machine-id: {told}; ", done.stderr, text)
            expect_in("--directory", done.stderr, text)
    finally:
        box.machine_id(MACHINE + "\n")


@case
def without_the_hosts_journal_a_container_says_where_it_looked(host):
    done = container(host).run("report", "--source=journal", check=False)
    expect_equal((done.returncode, done.stdout), (1, ""))
    expect_in(f"/var/log/journal/{MACHINE}", done.stderr)


host = harness.start().start()
host.mailbox.start()
main(host, after_failure=lambda: "".join(
    f"\n--- {p}\n" + open(p, errors="replace").read()[-1500:]
    for p in (f"{WORK}/watch.log",) if os.path.exists(p)))
