#!/usr/bin/env python3
"""
Hosts without systemd: the LSB and the OpenRC script as init runs them, beside a real rsyslogd. PID 1
here does what an init does: it takes in orphans.
"""

import contextlib
import glob
import os
import re
import shutil
import signal
import socket
import time

import harness
import namespaces
from harness import DOMAIN, ELSEWHERE, FRIEND, MAIL, WORK, await_true, body, run, write
from tap import Skip, case, expect, expect_equal, expect_in, main

SCRIPTS = os.environ.get("LOGINBELL_INIT", os.path.dirname(harness.PROGRAM))
SCRIPT = "/etc/init.d/loginbell"
CONFIG = "/etc/loginbell/loginbell.conf"
STATE = "/var/lib/loginbell"
PIDFILE = "/run/loginbell.pid"
OPENRC = "/var/cache/loginbell-tests/openrc"  # tests/setup unpacks it


def become_child_of_init():
    """Goes on in a child; PID 1 takes in orphans, and ends as the child does."""
    child = os.fork()
    while child:
        pid, status = os.wait()
        if pid == child:
            os._exit(os.waitstatus_to_exitcode(status) & 0xff)


class Rsyslogd:
    """Debian's rules, and the priority of each message of a daemon before it."""

    def __init__(self):
        os.unlink("/dev/log")
        config = write(f"{WORK}/rsyslog.conf", f"""
global(workDirectory="{WORK}")
module(load="imuxsock")
template(name="priority" type="string" string="%pri-text% %syslogtag%%msg%\\n")
$FileGroup adm
$FileCreateMode 0640
auth,authpriv.*		/var/log/auth.log
daemon.*		/var/log/daemon.log;priority
""")
        self.process = harness.Process("rsyslogd", [
            "/usr/sbin/rsyslogd", "-n", "-f", config, "-i", "/run/rsyslogd.pid"])
        await_true(lambda: os.path.exists("/dev/log"), "rsyslogd")
        run("logger", "-p", "auth.info", "begin")
        self.wait_line("begin", "auth.log")

    @staticmethod
    def text(name):
        try:
            with open(f"/var/log/{name}", encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def wait_line(self, text, name, since=0):
        await_true(lambda: text in self.text(name)[since:], f"{text!r} in {name}")


class Hanger:
    """A mail server that takes connections and says nothing."""

    def __init__(self, port):
        self._socket = socket.create_server((MAIL, port))
        self.connections = []

    def wait_connection(self):
        self._socket.settimeout(harness.DEADLINE)
        self.connections.append(self._socket.accept()[0])

    def stop(self):
        for s in (self._socket, *self.connections):
            s.close()


def configure(host, **options):
    host.configure(source="auto", state_owner=None, **options)
    shutil.chown(f"{WORK}/password", "loginbell-deliver")
    os.makedirs(os.path.dirname(CONFIG), exist_ok=True)
    shutil.copy(host.config, CONFIG)


def script(action, status=0):
    """Runs the installed script; gives what it said."""
    done = run(SCRIPT, action, check=False)
    expect_equal(done.returncode, status, f"{action}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def processes(*names):
    """The pids of the programs under test, or of those of them that are named."""
    wanted = [f"{WORK}/bin/{name}" for name in names or ("loginbell", "loginbell-deliver")]
    pids = []
    for link in glob.glob("/proc/[0-9]*/exe"):
        with contextlib.suppress(OSError):
            if os.readlink(link) in wanted:
                pids.append(int(link.split("/")[2]))
    return pids


def parent(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def watcher():
    """The pid of `watch`, the supervisor."""
    pids = processes("loginbell")
    expect(pids, "watch does not run")
    return next(p for p in pids if parent(p) not in pids)


def reader():
    return await_true(lambda: [p for p in processes("loginbell") if parent(p) == watcher()],
                      "the reader")[0]


def sender():
    return await_true(lambda: processes("loginbell-deliver"), "the sender")[0]


def identity(pid):
    """Real, effective, saved and file system uid and gid, and the groups."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        lines = dict(line.split(":", 1) for line in file)
    return [[int(n) for n in lines[key].split()] for key in ("Uid", "Gid", "Groups")]


def user_id(name):
    return int(run("id", "-u", name).stdout)


def group_id(name):
    return int(run("getent", "group", name).stdout.split(":")[2])


def expect_service_users():
    """The reader may read logs; the sender is in no other group than that of the state."""
    gid = group_id("loginbell")
    expect_equal(identity(watcher())[0], [0] * 4)
    uids, gids, groups = identity(reader())
    expect_equal((uids, gids), ([user_id("loginbell")] * 4, [gid] * 4))
    expect_equal(sorted(groups), sorted([gid, group_id("adm"), group_id("systemd-journal")]))
    expect_equal(identity(sender()), [[user_id("loginbell-deliver")] * 4, [gid] * 4, [gid]])


class Scene:
    """The script as it is installed, nothing running, nothing mailed."""

    def __init__(self, host, **options):
        self.host, self.options = host, options

    def __enter__(self):
        self.host.mailbox.mails.clear()
        shutil.rmtree(STATE, ignore_errors=True)
        configure(self.host, **self.options)
        return self

    def __exit__(self, kind, *_):
        run(SCRIPT, "stop", check=False)
        if kind is None:
            expect_equal(processes(), [], "what was left behind")

    def login(self, user, address=ELSEWHERE):
        """Returns the port when the login is in the log."""
        port = self.host.login(user, address, command="set -- $SSH_CLIENT; echo $2").strip()
        self.host.rsyslogd.wait_line(f"for {user} from {address} port {port} ", "auth.log")
        return port

    def times_mailed(self, port):
        text = [" ".join(body(m).split()) for m in self.host.mailbox.mails]
        return sum(bool(re.search(rf"\bport:? {port}\b", t)) for t in text)

    def expect_mailed(self, *ports):
        """Each once, and nothing else."""
        for port in ports:
            await_true(lambda p=port: self.times_mailed(p), f"a mail on port {port}")
        expect_equal([self.times_mailed(p) for p in ports], [1] * len(ports))
        expect_equal(len(self.host.mailbox.mails), len(ports))


def kill_watch():
    """As an intruder would; gives its pid."""
    pid = watcher()
    os.kill(pid, signal.SIGKILL)
    await_true(lambda: pid not in processes(), "the end of watch")
    return pid


@case
def lsb_start_says_what_to_do_where_there_is_no_user(host):
    with Scene(host):
        run("userdel", "loginbell-deliver")
        try:
            expect_in("adduser --system", script("start", status=6))
            script("status", status=3)
            expect(not os.path.exists(STATE), "a state directory was made")
            # The program itself names the user that is missing.
            done = run(f"{WORK}/bin/loginbell", "watch", check=False)
            expect_equal(done.returncode, 1)
            expect_in("there is no user loginbell-deliver", done.stderr)
        finally:
            run("useradd", "--system", "--gid", "loginbell", "--no-create-home",
                "loginbell-deliver")


@case
def lsb_a_login_after_start_is_mailed_and_one_before_stop(host):
    with Scene(host) as scene:
        script("status", status=3)
        script("start")
        first = scene.login("root")
        scene.login("root", FRIEND)
        scene.expect_mailed(first)
        script("status")
        second = scene.login("alice")
        time.sleep(0.05)
        script("stop")
        expect_equal(scene.times_mailed(second), 1, "mails when stop had returned")
        script("status", status=3)
        expect_equal(processes(), [])
        expect(not os.path.exists(PIDFILE), "a PID file was left")
        script("stop")


@case
def lsb_reader_and_sender_run_as_two_users(host):
    with Scene(host):
        script("start")
        expect_service_users()
        gid = group_id("loginbell")
        for path, owner in ((STATE, (0o755, 0, 0)),
                            (f"{STATE}/reader", (0o2750, user_id("loginbell"), gid)),
                            (f"{STATE}/deliver", (0o2750, user_id("loginbell-deliver"), gid))):
            status = os.stat(path)
            expect_equal((status.st_mode & 0o7777, status.st_uid, status.st_gid), owner, path)
        # The supervisor holds nothing that an intruder could write to.
        files = [os.readlink(f) for f in glob.glob(f"/proc/{watcher()}/fd/*")]
        expect(not any(f.startswith((STATE, "/var/log", "socket:")) for f in files), files)


@case
def lsb_messages_go_to_the_syslog_with_their_priority(host):
    with Scene(host, server=f"smtp://mail.{DOMAIN}:2") as scene:  # nobody listens there
        since = len(host.rsyslogd.text("daemon.log"))
        script("start")
        scene.login("root")
        for line in (f"daemon.notice loginbell[{reader()}]: watching /var/log/auth.log",
                     "daemon.warning loginbell-deliver["):
            host.rsyslogd.wait_line(line, "daemon.log", since)
        expect("loginbell[" not in host.rsyslogd.text("auth.log"), "they reached the log it follows")


@case
def lsb_a_second_start_changes_nothing(host):
    with Scene(host):
        script("start")
        pid = watcher()
        script("start")
        expect_equal((watcher(), open(PIDFILE, encoding="ascii").read()), (pid, f"{pid}\n"))


@case
def lsb_after_sigkill_status_says_dead_and_start_goes_on(host):
    with Scene(host) as scene:
        script("start")
        pid = kill_watch()
        script("status", status=1)
        await_true(lambda: not processes(), "the end of the sender")
        port = scene.login("root")
        script("start")
        expect(watcher() != pid, "no new process")
        script("status")
        scene.expect_mailed(port)


@case
def lsb_a_program_that_is_killed_is_started_again(host):
    with Scene(host) as scene:
        script("start")
        for which in (reader, sender):
            pid = which()
            os.kill(pid, signal.SIGKILL)
            port = scene.login("root")
            await_true(lambda w=which, p=pid: processes("loginbell")[1:] and w() != p, "another")
            await_true(lambda p=port: scene.times_mailed(p), f"a mail on port {port}")
        script("stop")


@case
def lsb_a_pid_that_is_somebody_elses_now_is_left_alone(host):
    with Scene(host) as scene:
        write(PIDFILE, f"{host.sshd.pid}\n")
        script("status", status=1)
        script("stop")
        script("start")
        scene.expect_mailed(scene.login("root"))


@case
def lsb_restart_keeps_its_place(host):
    with Scene(host) as scene:
        script("start")
        pid = watcher()
        before = scene.login("root")
        script("restart")
        expect(watcher() != pid, "no new process")
        after = scene.login("alice")
        script("stop")
        between = scene.login("root")
        script("start")
        scene.expect_mailed(before, after, between)


@case
def lsb_stop_ends_in_time_while_the_mail_server_hangs(host):
    hanger = Hanger(2526)
    with Scene(host, server=f"smtp://mail.{DOMAIN}:2526") as scene:
        script("start")
        port = scene.login("root")
        hanger.wait_connection()
        begin = time.monotonic()
        script("stop")
        took = time.monotonic() - begin
        expect(took < 15, f"stop took {took:.1f} s")
        expect_equal(processes(), [])
        hanger.stop()
        configure(host)
        script("start")
        scene.expect_mailed(port)


@case
def lsb_reload_takes_new_rules_and_refuses_faulty_ones(host):
    with Scene(host) as scene:
        script("reload", status=7)
        script("start")
        pid = watcher()
        other = write(f"{WORK}/other.whitelist", f"{ELSEWHERE}\n")
        text = open(CONFIG, encoding="utf-8").read()
        write(CONFIG, text.replace(host.whitelist, other))
        since = len(host.rsyslogd.text("daemon.log"))
        script("reload")
        host.rsyslogd.wait_line("configuration reloaded", "daemon.log", since)
        scene.login("root")
        friend = scene.login("root", FRIEND)
        scene.expect_mailed(friend)

        faulty = write(f"{WORK}/faulty.whitelist", f"{FRIEND}\n999.1.2.3\n")
        write(CONFIG, text.replace(host.whitelist, faulty))
        for action in ("configtest", "reload", "force-reload", "restart"):
            expect_in(f"{faulty}:2:", script(action, status=6), action)
        expect_equal(watcher(), pid)
        scene.login("alice")
        second = scene.login("alice", FRIEND)
        scene.expect_mailed(friend, second)
        script("stop")
        expect_in(f"{faulty}:2:", script("start"))
        scene.login("alice")
        third = scene.login("alice", FRIEND)
        scene.expect_mailed(friend, second, third)
        script("stop")
        os.unlink("/var/lib/loginbell/reader/rules")
        expect_in(f"{faulty}:2:", script("start", status=1))
        await_true(lambda: not processes(), "the end")
        write(CONFIG, text)
        script("configtest")


@case
def lsb_start_fails_where_watch_cannot_begin(host):
    with Scene(host):
        for part, user in (("reader", "loginbell"), ("deliver", "loginbell-deliver")):
            os.makedirs(f"{STATE}/{part}")  # root's
            since = len(host.rsyslogd.text("daemon.log"))
            expect_in("syslog", script("start", status=1))
            host.rsyslogd.wait_line(f"chown -R {user}:loginbell {STATE}/{part}", "daemon.log",
                                    since)
            expect_equal(processes(), [])
            shutil.rmtree(STATE)


@case
def lsb_another_action_is_wrong_usage(host):
    with Scene(host):
        expect_in("usage", script("begin", status=2))


def need_openrc():
    """From the first case on that wants it, OpenRC lies over /usr and its script is installed."""
    if not os.path.exists(OPENRC):
        raise Skip(f"no {OPENRC} (tests/setup makes it)")
    if os.path.exists("/run/openrc"):
        return
    try:
        namespaces.mount("overlay", "/usr", "overlay", 0, f"lowerdir={OPENRC}/usr:/usr")
    except OSError as error:
        raise Skip(f"OpenRC cannot be laid over /usr: {error}") from error
    for name in ("starting", "started", "stopping", "inactive", "wasinactive", "failed",
                 "hotplugged", "daemons", "options", "exclusive", "scheduled", "tmp"):
        os.makedirs(f"/run/openrc/{name}")
    write("/run/openrc/softlevel", "default")
    os.makedirs("/etc/conf.d", exist_ok=True)
    write("/etc/conf.d/loginbell", f"command={WORK}/bin/loginbell\n")
    shutil.copy(f"{SCRIPTS}/loginbell.openrc", SCRIPT)
    os.chmod(SCRIPT, 0o755)


@case
def openrc_a_login_after_start_is_mailed_and_one_before_stop(host):
    need_openrc()
    with Scene(host) as scene:
        script("status", status=3)
        script("start")
        script("status")
        expect_service_users()
        scene.expect_mailed(scene.login("root"))
        port = scene.login("alice")
        time.sleep(0.05)
        script("stop")
        expect_equal(scene.times_mailed(port), 1, "mails when stop had returned")
        script("status", status=3)
        expect_equal(processes(), [])


@case
def openrc_starts_anew_what_was_killed(host):
    need_openrc()
    with Scene(host) as scene:
        script("start")
        sender()
        ports = []
        for _ in range(12):  # by default it gives up after ten
            kill_watch()
            ports.append(scene.login("root"))
            await_true(lambda: processes("loginbell"), "a new process")
        for port in ports:
            await_true(lambda p=port: scene.times_mailed(p), f"a mail on port {port}")
        script("status")


@case
def openrc_reload_takes_new_rules_and_refuses_faulty_ones(host):
    need_openrc()
    with Scene(host) as scene:
        script("start")
        sender()
        pid = watcher()
        other = write(f"{WORK}/other.whitelist", f"{ELSEWHERE}\n")
        text = open(CONFIG, encoding="utf-8").read()
        write(CONFIG, text.replace(host.whitelist, other))
        since = len(host.rsyslogd.text("daemon.log"))
        script("reload")
        host.rsyslogd.wait_line("configuration reloaded", "daemon.log", since)
        scene.login("root")
        friend = scene.login("root", FRIEND)
        scene.expect_mailed(friend)

        faulty = write(f"{WORK}/faulty.whitelist", "999.1.2.3\n")
        write(CONFIG, text.replace(host.whitelist, faulty))
        for action, status in (("configtest", 2), ("reload", 2), ("restart", 1)):
            expect_in(f"{faulty}:1:", script(action, status), action)
        expect_equal(watcher(), pid)
        script("stop")
        expect_in(f"{faulty}:1:", script("start"))
        scene.login("alice")
        second = scene.login("alice", FRIEND)
        scene.expect_mailed(friend, second)
        script("stop")


if __name__ == "__main__":
    the_host = harness.start()
    become_child_of_init()
    namespaces.mount("tmpfs", "/var/lib", "tmpfs", namespaces.MS_NOSUID, "mode=0755")
    expect(not os.path.exists("/run/systemd/system"), "systemd is here")
    shutil.copy(f"{SCRIPTS}/loginbell.init", SCRIPT)
    os.chmod(SCRIPT, 0o755)
    write("/etc/default/loginbell", f"DAEMON={WORK}/bin/loginbell\n")
    the_host.rsyslogd = Rsyslogd()
    the_host.start_sshd()
    the_host.mailbox.start()
    main(the_host)
