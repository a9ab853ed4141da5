"""
A host's life: loginbell removed and installed again, its own Postfix as Debian configures it,
reboots, journals vacuumed, an upgrade, another machine-id.
"""

import os
import re

import harness
import hosts
from host_scene import ELSEWHERE, FRIEND, READER, SENDER, LocalMailbox, SAY_PORT
from tap import case, expect, expect_equal, expect_in

STATE = "/var/lib/loginbell"
LATER = "/opt/later.so"
# The time of day that a program sees, ten minutes on.
LATER_SOURCE = """
#include <dlfcn.h>
#include <time.h>

int clock_gettime(clockid_t id, struct timespec *ret)
{
	int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
	int r = real(id, ret);

	if (r == 0 && id == CLOCK_REALTIME)
		ret->tv_sec += 600;
	return r;
}
"""


@case
def uninstalled_only_the_administrators_files_stay(scene):
    host = scene.host
    host.run("systemctl", "disable", "--now", READER, SENDER)
    host.run("ninja", "-C", "/build", "uninstall")
    found = host.run("find", "/usr", "/etc", "-name", "*loginbell*").stdout.split()
    expect_equal(sorted(found), ["/etc/loginbell", "/etc/loginbell/loginbell.conf",
                                 "/etc/loginbell/loginbell.conf.d"])
    expect_in(f"{STATE}/reader/position", host.run("find", STATE).stdout)


@case
def installed_again_it_goes_on_where_it_was(scene):
    host = scene.host
    host.write("/etc/loginbell/whitelist", f"# mine\n{FRIEND}\n")
    port = scene.login()
    host.run("meson", "install", "-C", "/build", "--no-rebuild", timeout=hosts.BUILD_DEADLINE)
    host.run("systemctl", "enable", "--now", READER)
    scene.told(port)
    expect_equal(scene.times_told(port), 1)
    expect_in("# mine", host.read("/etc/loginbell/whitelist"))


@case
def with_the_defaults_root_reads_it_in_the_mailbox_of_debians_postfix(scene):
    host = scene.host
    host.run("systemctl", "stop", READER, SENDER)
    host.run("rm", "-r", "/etc/loginbell", STATE)
    host.run("meson", "install", "-C", "/build", "--no-rebuild", timeout=hosts.BUILD_DEADLINE)
    scene.mailbox.stop()
    scene.mailbox = LocalMailbox(host)
    host.run("systemctl", "start", READER)
    mail = scene.told(scene.login())
    expect_equal(mail["Subject"], f"[web1] SSH login: root from {ELSEWHERE}")
    # Encrypted where Postfix has a certificate, though it is signed by itself: Debian 12 makes one
    # for it, Debian 13 does so only with what it recommends.
    certificate = host.run("postconf", "-h", "smtpd_tls_cert_file").stdout.strip()
    expect_in(f" with ESMTP{'S' if certificate else ''} ", mail["Received"])
    expect_in("root: smtp://localhost: 250 2.0.0 Ok", host.run("loginbell", "test-mail").stdout)
    host.write("/etc/loginbell/loginbell.conf.d/test.conf",
               "[Alert]\nInterval=0\nRepeatInterval=0\n")
    host.run("systemctl", "reload", READER)


@case
def logins_just_before_and_just_after_a_reboot_are_told_once(scene):
    host = scene.host
    before = host.ssh(ELSEWHERE, f"{SAY_PORT} systemctl reboot", check=False).split()[0]
    host.await_end()
    host.power_on()
    after = harness.await_true(lambda: host.ssh(ELSEWHERE, SAY_PORT, check=False).strip(), "sshd")
    host.await_boot()
    for port in (before, after, scene.login()):
        scene.told(port)
        expect_equal(scene.times_told(port), 1)


def vacuum(host):
    """Leaves nothing of the journal but what comes from now on."""
    host.run("journalctl", "--rotate")
    host.run("sh", "-c", "sleep 1.1; journalctl --vacuum-time=1s")


def gaps(scene):
    return [m for m in scene.mailbox.mails if "log records were lost" in harness.body(m)]


@case
def a_vacuum_costs_nothing_that_was_read_and_tells_what_was_not(scene):
    host = scene.host
    for _ in range(3):
        port = scene.login()
        vacuum(host)
        scene.told(port)
        scene.told(scene.login())
    expect_equal(gaps(scene), [])
    host.run("systemctl", "stop", READER, SENDER)
    unread = scene.login()
    vacuum(host)
    host.run("systemctl", "start", READER)
    scene.told(scene.login())
    expect_equal(scene.times_told(unread), 0)
    expect_equal(len(gaps(scene)), 1)
    for key in ("since", "until"):
        expect(re.search(rf"^{key}: \d{{4}}-", harness.body(gaps(scene)[0]), re.M), key)


@case
def a_journal_that_is_vacuumed_all_the_time_costs_no_login(scene):
    host = scene.host
    host.write("/etc/systemd/journald.conf.d/small.conf", "[Journal]\nSystemMaxUse=4M\n"
               "SystemMaxFileSize=1M\nRateLimitIntervalSec=0\n")
    host.run("systemctl", "restart", "systemd-journald")
    host.write("/opt/noise", "".join(f"{n} {os.urandom(100).hex()}\n" for n in range(20_000)))
    gaps_before = len(gaps(scene))
    ports = []
    for _ in range(3):
        ports.append(scene.login())
        host.run("logger", "-t", "noise", "-f", "/opt/noise")
        host.run("journalctl", "--sync")
    expect(ports[0] not in host.journal("-t", "sshd", "-t", "sshd-session"), "nothing was vacuumed")
    for port in ports:
        scene.told(port)
    expect_equal(len(gaps(scene)), gaps_before)
    host.run("rm", "/etc/systemd/journald.conf.d/small.conf", "/opt/noise")
    host.run("systemctl", "restart", "systemd-journald")


@case
def what_waits_when_loginbell_is_upgraded_is_mailed_once(scene):
    host = scene.host
    host.run("systemctl", "stop", "postfix")
    waiting = [scene.login() for _ in range(3)]
    harness.await_true(lambda: waiting[-1] in host.read(f"{STATE}/reader/ledger"), "the ledger")
    old = host.run("sha256sum", "/usr/bin/loginbell").stdout
    host.run("meson", "configure", "/build", "-Dc_link_args=-Wl,--build-id=0xfeed")
    host.run("meson", "install", "-C", "/build", timeout=hosts.BUILD_DEADLINE)
    expect(host.run("sha256sum", "/usr/bin/loginbell").stdout != old, "it is the same build")
    meanwhile = scene.login()
    host.run("systemctl", "try-restart", READER, SENDER)
    waiting += [meanwhile, scene.login()]
    host.run("systemctl", "start", "postfix")
    host.run("loginbell", "queue", "--flush", check=False)
    for port in waiting + [scene.login()]:
        scene.told(port)
        expect_equal(scene.times_told(port), 1)


@case
def over_a_reboot_without_a_mail_server_alerts_wait_and_come_late(scene):
    host = scene.host
    host.write("/opt/later.c", LATER_SOURCE)
    host.run("gcc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", LATER, "/opt/later.c")
    host.run("systemctl", "disable", "--now", "postfix")
    waiting = [scene.login()]
    host.reboot()
    waiting.append(scene.login())
    host.write(f"/run/systemd/system/{SENDER}.service.d/later.conf",
               f"[Service]\nEnvironment=LD_PRELOAD={LATER}\n")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "restart", SENDER)
    expect_equal([scene.times_told(port) for port in waiting], [0, 0])
    host.run("systemctl", "enable", "--now", "postfix")
    host.run("loginbell", "queue", "--flush", check=False)
    for port in waiting:
        expect_in("[delayed]", scene.told(port)["Subject"])
    host.run("rm", f"/run/systemd/system/{SENDER}.service.d/later.conf")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "restart", SENDER)
    scene.told(scene.login())
    expect_equal([scene.times_told(port) for port in waiting], [1, 1])


@case
def without_a_machine_id_it_says_what_is_missing(scene):
    host = scene.host
    host.run("mv", "/etc/machine-id", "/etc/machine-id.away")
    done = host.run("loginbell", "report", check=False)
    host.run("mv", "/etc/machine-id.away", "/etc/machine-id")
    expect_equal(done.returncode, 1)
    expect_in("/etc/machine-id", done.stderr)


@case
def under_another_machine_id_what_was_not_read_is_a_gap_and_the_rest_is_told(scene):
    host = scene.host
    gaps_before = len(gaps(scene))
    read = scene.login()
    scene.told(read)
    host.run("systemctl", "disable", "--now", READER, SENDER)
    unread = scene.login()
    # systemd-machine-id-setup(1) would take the one of before from the container's manager.
    host.write("/etc/machine-id", host.run("systemd-id128", "new").stdout, 0o444)
    host.reboot()
    before = scene.login()
    host.run("systemctl", "enable", "--now", READER)
    scene.told(before)
    scene.told(scene.login())
    found = gaps(scene)[gaps_before:]
    expect_equal(len(found), 1)
    expect_in("since the machine ID changed", " ".join(harness.body(found[0]).split()))
    expect_equal([scene.times_told(port) for port in (read, unread, before)], [1, 0, 1])


def set_machine_id(host, text):
    host.run("sh", "-c", "cat >/etc/machine-id", input=text)


@case
def a_machine_id_that_changes_while_it_follows_starts_it_again(scene):
    host = scene.host
    pid = scene.pid(READER)
    ports = [scene.login()]
    scene.told(ports[-1])
    set_machine_id(host, host.run("systemd-id128", "new").stdout)
    host.run("systemctl", "restart", "systemd-journald")
    # The first one wakes the reader at the latest; journald has moved before.
    ports.append(scene.login())
    scene.told(ports[-1])
    expect(scene.pid(READER) != pid, "the reader was started again")
    ports.append(scene.login())
    scene.told(ports[-1])
    expect_equal([scene.times_told(port) for port in ports], [1] * len(ports))


@case
def booted_read_only_and_without_a_machine_id_it_reads_what_journald_writes(scene):
    host = scene.host
    var, _ = hosts.overlay(f"{host.name}-var", f"{host.root}/var")
    host.options = ["--read-only", f"--bind={var}:/var"]
    # Empty: systemd mounts one from /run. Missing: journald writes to /var/log/journal itself.
    for text, journal in (("", f"/var/log/journal/{host.read('/etc/machine-id').strip()}"),
                          (None, "/var/log/journal")):
        before = scene.login()
        host.halt()
        os.unlink(host.path("/etc/machine-id"))
        if text is not None:
            host.write("/etc/machine-id", text)
        host.power_on()
        after = harness.await_true(lambda: host.ssh(ELSEWHERE, SAY_PORT, check=False).strip(),
                                   "sshd")
        for port in (before, after, scene.login()):
            scene.told(port)
            expect_equal(scene.times_told(port), 1)
        expect_in("system.journal", host.run("ls", journal).stdout)
