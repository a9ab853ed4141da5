"""
Three hosts: systemd-journal-upload sends the journals of two to systemd-journal-remote on the
third, set up as the README says, and loginbell there tells of the logins on both.
"""

import shutil

import harness
import hosts
from harness import Mailbox
from host_scene import ELSEWHERE, FRIEND, READER, RELEASE
from tap import case, expect, expect_equal, expect_in

COLLECTOR, WEB, DB = "192.0.2.1", "192.0.2.101", "192.0.2.102"
REMOTE = "/var/log/journal/remote"
UPLOADER = "systemd-journal-upload"
CONFIG = f"""[Source]
Directory={REMOTE}
[Mail]
To=admin@example.net
Server=smtp://localhost:2525
[Alert]
Interval=0
RepeatInterval=0
"""
EARLIER = "/opt/earlier.so"
MINUTES = "/opt/minutes"
# The time of day that journald sees, as many minutes ago as a file says.
EARLIER_SOURCE = f"""
#include <dlfcn.h>
#include <stdio.h>
#include <time.h>

int clock_gettime(clockid_t id, struct timespec *ret)
{{
	int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
	int minutes = 0, r = real(id, ret);
	FILE *f = id == CLOCK_REALTIME ? fopen("{MINUTES}", "re") : NULL;

	if (f) {{
		(void)!fscanf(f, "%d", &minutes);
		fclose(f);
	}}
	ret->tv_sec -= 60 * minutes;
	return r;
}}
"""


def collect(host):
    """The collector's part."""
    host.write("/etc/systemd/system/systemd-journal-remote.service.d/http.conf",
               "[Service]\nExecStart=\nExecStart=/usr/lib/systemd/systemd-journal-remote "
               f"--listen-http=-3 --output={REMOTE}/\n")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "enable", "--now", "systemd-journal-remote.socket")
    host.write("/etc/loginbell/loginbell.conf", CONFIG)
    host.write("/etc/loginbell/whitelist", f"allow from={FRIEND} host={WEB}\n")
    host.run("usermod", "-aG", "systemd-journal-remote", "loginbell")


def upload(host):
    """The part of a host that sends."""
    host.write("/etc/systemd/journal-upload.conf", f"[Upload]\nURL=http://{COLLECTOR}:19532\n")
    # Debian's gives up for ever when the collector was not there five times.
    host.write(f"/etc/systemd/system/{UPLOADER}.service.d/always.conf",
               "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=always\nRestartSec=5\n")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "enable", "--now", UPLOADER)


def await_upload(scene, host, *words):
    """Until what the host's journal holds last is with the collector."""
    token = scene.login(host=host)
    harness.await_true(
        lambda: f"port {token} " in scene.host.journal(f"--directory={REMOTE}", *words),
        "the upload")
    return token


@case
def mails_of_two_hosts_that_upload_to_a_third_name_them(scene):
    scene.host.halt()
    scene.host = hosts.Host(RELEASE, "collector").boot()
    scene.mailbox = scene.listen(Mailbox(tls=False, auth=False, address="127.0.0.1"))
    scene.host.write("/opt/earlier.c", EARLIER_SOURCE)
    scene.host.run("gcc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", EARLIER, "/opt/earlier.c")
    collect(scene.host)
    scene.web, scene.db = (hosts.Host(RELEASE, name) for name in ("web1", "db1"))
    shutil.copy(scene.host.path(EARLIER), scene.db.path(EARLIER))
    scene.db.write("/etc/systemd/system/systemd-journald.service.d/earlier.conf",
                   f"[Service]\nEnvironment=LD_PRELOAD={EARLIER}\n")
    scene.db.write(MINUTES, "120\n")
    scene.first = {}
    for host, address in ((scene.web, WEB), (scene.db, DB)):
        host.boot()
        scene.host.connect(host, COLLECTOR, address)
        scene.first[address] = scene.login(host=host)
        upload(host)
    for address, port in scene.first.items():
        harness.await_true(
            lambda p=port: f"port {p} " in scene.host.journal(f"--directory={REMOTE}"),
            f"what {address} uploads")
    scene.db.write(MINUTES, "0\n")
    scene.host.run("systemctl", "enable", "--now", READER)
    for host, address in ((scene.web, WEB), (scene.db, DB)):
        mail = scene.told(scene.login(host=host))
        expect_equal(mail["Subject"], f"[{address}] SSH login: root from {ELSEWHERE}")
        expect_in(f"reported by {address}, which calls itself {host.hostname}",
                  " ".join(harness.body(mail).split()))
    expect_equal([scene.times_told(port) for port in scene.first.values()], [0, 0])


@case
def a_rule_for_one_of_the_hosts_does_not_hold_for_the_other(scene):
    allowed = scene.login(FRIEND, host=scene.web)
    scene.told(scene.login(FRIEND, host=scene.db))
    scene.told(scene.login(host=scene.web))
    expect_equal(scene.times_told(allowed), 0)


@case
def what_one_of_them_uploads_again_is_not_told_again(scene):
    """As after an upload that did not end well."""
    scene.db.run("systemctl", "stop", UPLOADER)
    scene.db.run("find", "/var/lib/", "-path", "*/journal-upload/state", "-delete")
    scene.db.run("systemctl", "start", UPLOADER)
    scene.told(await_upload(scene, scene.db))
    first = scene.first[DB]
    expect(scene.host.journal(f"--directory={REMOTE}", "--grep",
                              f"^Accepted .* port {first} ").count("\n") > 1, "not sent again")
    expect_equal(scene.times_told(first), 0)


def an_hour_unsent(scene):
    """Logins on a host that does not upload, an hour of its journal; then newer ones elsewhere."""
    scene.db.run("systemctl", "stop", UPLOADER)
    ports = []
    for minutes in range(60, -1, -10):
        scene.db.write(MINUTES, f"{minutes}\n")
        ports.append(scene.login(host=scene.db))
        scene.db.run("journalctl", "--sync")
    return ports, scene.login(host=scene.web)


@case
def an_hour_that_one_uploads_late_is_told_while_following(scene):
    ports, newer = an_hour_unsent(scene)
    scene.told(newer)
    expect_equal([scene.times_told(port) for port in ports], [0] * len(ports))
    scene.db.run("systemctl", "start", UPLOADER)
    for port in ports:
        scene.told(port)
    scene.told(scene.login(host=scene.web))
    expect_equal([scene.times_told(port) for port in ports], [1] * len(ports))


@case
def an_hour_that_one_uploads_late_is_told_after_a_pause(scene):
    ports, newer = an_hour_unsent(scene)
    scene.told(newer)
    scene.host.run("systemctl", "stop", READER)
    scene.db.run("systemctl", "start", UPLOADER)
    ports.append(await_upload(scene, scene.db))
    ports.append(await_upload(scene, scene.web))
    scene.host.run("systemctl", "start", READER)
    for port in ports:
        scene.told(port)
    scene.told(scene.login(host=scene.web))
    expect_equal([scene.times_told(port) for port in ports], [1] * len(ports))


@case
def what_is_logged_while_the_collector_is_down_comes_when_it_is_back(scene):
    scene.host.halt()
    ports = [scene.login(host=host) for host in (scene.web, scene.db)]
    scene.mailbox.stop()
    scene.host.boot()
    scene.listen(scene.mailbox)
    for host, address in ((scene.web, WEB), (scene.db, DB)):
        scene.host.connect(host, COLLECTOR, address)
    for port in ports:
        scene.told(port)
    expect_equal([scene.times_told(port) for port in ports], [1] * len(ports))
    expect_equal([m["Subject"] for m in scene.mailbox.mails
                  if "records were lost" in harness.body(m)], [])
