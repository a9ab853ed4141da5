"""
The service as an administrator meets it: installed, two lines edited, enabled; stopped, killed,
reloaded; and what its sandboxes keep it from.
"""

import json
import os
import re
import shutil

import harness
import hosts
from harness import Mailbox
from host_scene import ELSEWHERE, FRIEND, READER, SENDER, expect_layout
from tap import case, expect, expect_equal, expect_in

EXPOSURE = {READER: 0.6, SENDER: 1.5, "loginbell-scan": 0.6, "loginbell-deliver-once": 1.5}
PROBE = "/opt/probe.py"


@case
def two_lines_and_one_command_are_enough(scene):
    host = scene.host
    text = host.read("/etc/loginbell/loginbell.conf")
    for old, new in (("#To=root\n", "To=admin@example.net\n"),
                     ("#Server=smtp://localhost\n", "Server=smtp://localhost:2525\n")):
        expect_equal(text.count(old), 1, old)
        text = text.replace(old, new)
    host.write("/etc/loginbell/loginbell.conf", text)
    host.run("systemctl", "enable", "--now", "loginbell")
    mail = scene.told(scene.login())
    expect_equal(mail["Subject"], f"[web1] SSH login: root from {ELSEWHERE}")
    expect_equal(mail.envelope_to, ["admin@example.net"])
    expect_equal([scene.state(u) for u in (READER, SENDER)], ["active", "active"])
    # From here on every login is to be mailed by itself.
    host.write("/etc/loginbell/loginbell.conf.d/test.conf",
               "[Alert]\nInterval=0\nRepeatInterval=0\n")
    host.run("systemctl", "reload", "loginbell")


@case
def units_have_no_fault_and_are_as_tight_as_is_said(scene):
    said = scene.host.run("systemd-analyze", "verify", "--man=no", "loginbell.service",
                          "loginbell-deliver.service", "loginbell-scan.service",
                          "loginbell-deliver-once.service", "loginbell-scan.timer")
    expect_equal(said.stdout + said.stderr, "")
    for unit, limit in EXPOSURE.items():
        said = scene.host.run("systemd-analyze", "security", "--no-pager", unit).stdout
        level = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", said)[1])
        print(f"# {unit}: {level}")
        expect(level <= limit, said)


@case
def nothing_listens(scene):
    sockets = scene.host.run("ss", "-Hlap").stdout
    expect_in("sshd", sockets)
    expect(not re.search(r'LISTEN.*"loginbell|UNCONN.*:.*"loginbell', sockets), sockets)


@case
def the_sender_is_in_one_group_and_an_administrator_in_it_reads_the_state(scene):
    host = scene.host

    def groups(unit):
        status = host.run("cat", f"/proc/{scene.pid(unit)}/status").stdout
        numbers = re.search(r"^Groups:(.*)$", status, re.M)[1].split()
        return sorted(host.run("getent", "group", n).stdout.split(":")[0] for n in numbers)

    expect_equal(groups(READER), ["adm", "loginbell", "systemd-journal"])
    expect_equal(groups(SENDER), ["loginbell"])
    expect_layout(scene)
    host.run("useradd", "--groups", "loginbell", "carol")
    host.run("runuser", "-u", "carol", "--", "cat", "/var/lib/loginbell/deliver/delivery",
             "/var/lib/loginbell/reader/ledger", "/var/lib/loginbell/reader/position")


@case
def connections_are_noticed_in_the_sandbox(scene):
    # An inotify watch for IN_OPEN (0x20) is the one on sshd's executable.
    fds = scene.host.run("sh", "-c", f"cat /proc/{scene.pid(READER)}/fdinfo/*").stdout
    masks = [int(m, 16) for m in re.findall(r"^inotify .* mask:(\w+)", fds, re.M)]
    expect(any(m & 0x20 for m in masks), fds)


@case
def reload_takes_new_rules_and_refuses_faulty_ones(scene):
    host = scene.host
    pids = [scene.pid(u) for u in (READER, SENDER)]
    host.write("/etc/loginbell/whitelist", f"{FRIEND}\n")
    host.run("systemctl", "reload", "loginbell")
    friend = scene.login(FRIEND)
    scene.told(scene.login())
    expect_equal(scene.mailbox.holding(friend), [])

    host.write("/etc/loginbell/whitelist", "198.51.100\n")
    done = host.run("systemctl", "reload", "loginbell", check=False)
    expect(done.returncode != 0, "a faulty whitelist was reloaded without a word")
    harness.await_true(lambda: "/etc/loginbell/whitelist:1:" in host.show(READER, "StatusText"),
                       "the fault in the status")
    expect_in("old rules stay in force", host.show(READER, "StatusText"))
    friend = scene.login(FRIEND)
    scene.told(scene.login())
    expect_equal(scene.mailbox.holding(friend), [])

    host.write("/etc/loginbell/whitelist", f"{FRIEND}\n")
    host.run("systemctl", "reload", "loginbell")
    harness.await_true(lambda: "faulty" not in host.show(READER, "StatusText"), "the mended rules")
    expect_equal([scene.pid(u) for u in (READER, SENDER)], pids)
    expect_in("configuration reloaded", host.journal("-u", SENDER))


@case
def stopped_right_after_a_login(scene):
    host = scene.host
    port = scene.login()
    took = hosts.seconds(lambda: host.run("systemctl", "stop", "loginbell"))
    scene.told(port)
    expect(took < 15, f"{took:.1f} s")
    expect_equal((scene.state(READER), scene.state(SENDER)), ("inactive", "active"))
    unseen = scene.login()
    host.run("systemctl", "start", "loginbell")
    scene.told(unseen)


@case
def killed_beside_a_login(scene):
    host = scene.host
    for unit in (READER, SENDER):
        before = scene.login()
        host.run("systemctl", "kill", "-s", "KILL", unit)
        after = scene.login()
        scene.told(before)
        scene.told(after)
        harness.await_true(lambda u=unit: scene.state(u) == "active", f"{unit} again")
        expect_equal(host.show(unit, "NRestarts"), "1")


@case
def what_was_logged_before_a_kill_is_in_the_ledger_without_a_restart(scene):
    host = scene.host
    host.write("/run/systemd/system/loginbell.service.d/no-restart.conf",
               "[Service]\nRestart=no\n")
    host.run("systemctl", "daemon-reload")
    try:
        host.run("systemctl", "kill", "-s", "STOP", READER)  # so that it is not the one that reads
        port = scene.login()
        host.run("journalctl", "--sync")
        host.run("systemctl", "kill", "-s", "KILL", READER)
        scene.told(port)
        expect_equal(scene.state(READER), "failed")
    finally:
        host.run("rm", "-r", "/run/systemd/system/loginbell.service.d")
        host.run("systemctl", "daemon-reload")
        host.run("systemctl", "start", READER)


@case
def both_stop_in_time_while_the_mail_server_hangs(scene):
    host = scene.host
    scene.mailbox.stop()
    with host.network():
        refuser = harness.Refuser(2525, address="127.0.0.1", hang=True)
    port = scene.login()
    refuser.wait_visits(1)
    took = hosts.seconds(lambda: host.run("systemctl", "stop", READER, SENDER))
    print(f"# {took:.1f} s")
    expect(took < 15, f"{took:.1f} s")
    expect_equal(scene.state(SENDER), "inactive")
    refuser.stop()
    scene.listen(scene.mailbox)
    host.run("systemctl", "start", READER)  # which starts the sender
    scene.told(port)


@case
def a_scan_catches_up_and_leaves_the_services_alone(scene):
    host = scene.host
    host.run("systemctl", "start", "loginbell-scan")  # the reader holds the state: nothing to do
    expect_in("another loginbell is running", host.journal("-u", "loginbell-scan", "-o", "cat"))
    harness.await_true(lambda: "another sender is running" in
                       host.journal("-u", "loginbell-deliver-once", "-o", "cat"), "the second unit")
    for unit in ("loginbell-scan", "loginbell-deliver-once"):
        expect_equal(host.show(unit, "Result"), "success")
    host.run("systemctl", "stop", READER, SENDER)
    try:
        port = scene.login()
        host.run("systemctl", "start", "loginbell-scan")
        scene.told(port)
        scene.mailbox.stop()
        port = scene.login()
        host.run("systemctl", "start", "loginbell-scan")
        expect_in(f"from {ELSEWHERE} port {port} ", host.read("/var/lib/loginbell/reader/ledger"))
        expect_equal(host.run("loginbell", "scan", check=False).returncode, 75)
        expect_equal(scene.mailbox.holding(port), [])
    finally:
        scene.listen(scene.mailbox)
        host.run("systemctl", "start", READER)
    host.run("loginbell", "queue", "--flush", check=False)  # now, not when the back-off is over
    scene.told(port)


def credential(scene, store):
    """Sends with a password from the store, and gives the user that the server saw."""
    host = scene.host
    host.run("systemctl", "restart", SENDER)
    scene.told(scene.login(), scene.secure)
    expect_equal(scene.secure.sessions[-1]["user"], Mailbox.USER, store)


@case
def the_password_is_a_credential_plain_or_encrypted(scene):
    host = scene.host
    certificate = f"{hosts.SCRATCH}/mail"
    harness.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                "-addext", "subjectAltName=DNS:localhost", "-keyout", certificate + ".key",
                "-out", certificate + ".crt")
    with open(certificate + ".crt", encoding="ascii") as file:
        host.write("/etc/loginbell/ca.crt", file.read())
    host.write("/etc/loginbell/loginbell.conf.d/secure.conf",
               "[Mail]\nServer=\nServer=smtp://localhost:2526\nUser=bell\n"
               "CaFile=/etc/loginbell/ca.crt\n")
    scene.secure = scene.listen(Mailbox(port=2526, address="127.0.0.1", certificate=certificate))
    host.run("mkdir", "-p", "-m", "700", "/etc/credstore", "/etc/credstore.encrypted")
    try:
        host.write("/etc/credstore/loginbell.smtp-password", Mailbox.PASSWORD + "\n", 0o600)
        credential(scene, "plain")
        host.run("loginbell", "test-mail")
        host.run("rm", "/etc/credstore/loginbell.smtp-password")
        host.run("systemd-creds", "encrypt", "--with-key=host", "-",
                 "/etc/credstore.encrypted/loginbell.smtp-password",
                 input=Mailbox.PASSWORD + "\n")
        credential(scene, "encrypted")
    finally:
        host.run("rm", "-r", "/etc/loginbell/loginbell.conf.d/secure.conf", "/etc/credstore",
                 "/etc/credstore.encrypted")
        host.run("systemctl", "restart", SENDER)


def probe(scene, unit):
    """What a process may do in a unit's sandbox; started by the unit, as its own program is."""
    host = scene.host
    drop_in = f"/run/systemd/system/{unit}.service.d/probe.conf"
    host.write(drop_in, f"[Service]\nExecStartPost=/usr/bin/python3 {PROBE}\n")
    host.run("systemctl", "daemon-reload")
    try:
        host.run("systemctl", "restart", unit)
        said = host.journal("-u", unit, "-o", "cat", "-t", "python3")
    finally:
        host.run("rm", drop_in)
        host.run("systemctl", "daemon-reload")
    return json.loads(said.splitlines()[-1])


@case
def outside_of_a_sandbox_the_probe_finds_everything_open(scene):
    shutil.copy(f"{os.path.dirname(__file__)}/probe.py", scene.host.path(PROBE))
    found = json.loads(scene.host.run("python3", PROBE).stdout)
    for place in ("/etc", "/var", "/run", "/root", "/etc/loginbell"):
        expect_in(place, found["writes"])
    expect_in("AF_INET", found["sockets"])
    expect(len(found["owners"]) > 1, found)
    for key in ("listens", "runs_what_was_written", "writable_code", "set-uid"):
        expect(found[key], f"{key}: {found}")


@case
def the_sandboxes_hold(scene):
    shared = {"listens": False, "runs_what_was_written": False, "writable_code": False,
              "new_user_namespace": False, "interfaces": ["lo"], "set-uid": False}

    def of(user, part):
        uid = int(scene.host.run("id", "-u", user).stdout)
        return dict(shared, uid=uid, owners=[uid], writes=[f"/var/lib/loginbell/{part}"])

    expect_equal(probe(scene, READER), dict(
        of("loginbell", "reader"), sockets=["AF_UNIX"],
        reads=["/etc/loginbell/loginbell.conf", "/var/log/journal", "/run/log/journal"]))
    expect_equal(probe(scene, SENDER), dict(
        of("loginbell-deliver", "deliver"), sockets=["AF_INET", "AF_INET6", "AF_UNIX"],
        reads=["/etc/loginbell/loginbell.conf"]))


@case
def ready_before_sshd_and_without_holding_up_the_boot(scene):
    host = scene.host
    scene.mailbox.stop()
    port = scene.login()
    host.reboot()
    scene.listen(scene.mailbox)
    host.run("loginbell", "queue", "--flush", check=False)  # now, not when the back-off is over
    scene.told(port)

    def usec(unit, key):
        return int(host.run("systemctl", "show", "--value", "-p", key, *unit).stdout)

    ready = usec([READER], "ActiveEnterTimestampMonotonic")
    sshd = usec(["ssh"], "ExecMainStartTimestampMonotonic")
    began = min(usec([u], "InactiveExitTimestampMonotonic") for u in (READER, SENDER))
    boot = usec([], "FinishTimestampMonotonic") - usec([], "UserspaceTimestampMonotonic")
    print(f"# ready after {(ready - began) / 1000:.0f} ms, sshd starts {(sshd - ready) / 1000:.0f} "
          "ms later\n# " + host.run("systemd-analyze").stdout.strip().replace("\n", "\n# "))
    expect(ready <= sshd, f"ready at {ready}, sshd at {sshd}")
    # A share of the boot, since a machine may be as slow as it likes.
    expect(ready - began < boot / 2, f"{ready - began} of {boot} us")
