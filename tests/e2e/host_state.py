"""
The state directory of the two users: which of them may do what to the other, and how it gets in
order again after a restore or a chown. Each is followed by a login that is mailed.
"""

import re
import zlib

import harness
from host_scene import READER, READER_PART, SENDER, SENDER_PART, STATE, expect_layout
from tap import case, expect, expect_equal, expect_in

KEPT = "/root/kept"


def stop(scene):
    scene.host.run("systemctl", "stop", READER, SENDER)


def expect_told(scene):
    """Starts both; a login is mailed, and the layout is right."""
    scene.host.run("systemctl", "start", "--no-block", READER, SENDER)
    for unit in (READER, SENDER):
        harness.await_true(lambda u=unit: scene.state(u) == "active", unit)
    scene.told(scene.login())
    expect_layout(scene)


def follow_advice(scene, since):
    """Runs the commands that the log names, until there are no more."""
    host = scene.host

    def advice():
        said = host.journal("-u", READER, "-u", SENDER, "-o", "cat", f"--since=@{since}")
        return sorted(set(re.findall(r"(?:; |as root: )((?:chown|chmod) [^;\n]+)", said)))

    found = harness.await_true(advice, "a command in the log")
    print(f"# {found}")
    for command in found:
        host.run("sh", "-c", command)
    host.run("systemctl", "reset-failed", READER, SENDER, check=False)
    host.run("systemctl", "restart", "--no-block", READER, SENDER)


def now(scene):
    return scene.host.run("date", "+%s.%N").stdout.strip()


@case
def state_may_be_made_by_the_sender_first_or_by_the_reader_first(scene):
    host = scene.host
    for first, second in ((SENDER, READER), (READER, SENDER)):
        stop(scene)
        host.run("rm", "-r", STATE)
        host.run("systemctl", "start", first)
        # The reader wants the sender, so only the sender can be alone for long.
        host.run("systemctl", "start", second)
        expect_told(scene)


@case
def state_with_a_wrong_owner_of_either_part_is_put_right(scene):
    for part in (READER_PART, SENDER_PART):
        stop(scene)
        scene.host.run("chown", "-R", "root:root", part)
        expect_told(scene)
    stop(scene)
    scene.host.run("chown", "-R", "loginbell-deliver:loginbell", READER_PART)
    expect_told(scene)


@case
def state_restored_as_root_is_put_right(scene):
    host = scene.host
    stop(scene)
    host.run("cp", "-a", STATE, KEPT)
    host.run("rm", "-r", STATE)
    host.run("cp", "-r", "--no-preserve=all", KEPT, STATE)
    expect_told(scene)


@case
def state_restored_with_umask_077_is_put_right(scene):
    host = scene.host
    stop(scene)
    host.run("rm", "-r", STATE)
    host.run("sh", "-c", f"umask 077; cp -r {KEPT} {STATE}")
    since = now(scene)
    host.run("systemctl", "start", "--no-block", READER, SENDER)
    follow_advice(scene, since)
    expect_told(scene)


@case
def state_with_a_single_file_restored_as_root_is_put_right(scene):
    host = scene.host
    for path in (f"{READER_PART}/position", f"{READER_PART}/ledger", f"{SENDER_PART}/delivery"):
        stop(scene)
        host.run("chown", "root:root", path)
        since = now(scene)
        host.run("systemctl", "start", "--no-block", READER, SENDER)
        follow_advice(scene, since)
        expect_told(scene)


def as_reader(scene, script):
    """Who has broken into the reader. Gives the exit status."""
    return scene.host.run("setpriv", "--reuid=loginbell", "--regid=loginbell", "--init-groups",
                          "sh", "-c", script, check=False).returncode


@case
def state_of_the_sender_and_the_password_are_out_of_the_readers_reach(scene):
    host = scene.host
    host.run("mkdir", "-p", "-m", "700", "/etc/credstore")
    host.write("/etc/credstore/loginbell.smtp-password", "secret\n", 0o600)
    host.run("systemctl", "restart", SENDER)
    pid = scene.pid(SENDER)
    try:
        expect_equal(as_reader(scene, f"cat {SENDER_PART}/delivery"), 0)  # it may look
        for attack in ("cat /etc/credstore/loginbell.smtp-password",
                       f"cat /run/credentials/{SENDER}.service/loginbell.smtp-password.plain",
                       f"cat /proc/{pid}/environ", f"cat /proc/{pid}/mem",
                       f"cat {SENDER_PART}/sender.lock",
                       f"touch {SENDER_PART}/request.flush", f"touch {SENDER_PART}/spool/mail.login",
                       f"echo >> {SENDER_PART}/delivery", f"rm {SENDER_PART}/delivery",
                       f"mv {SENDER_PART} {STATE}/other", f"mv {READER_PART} {STATE}/other",
                       f"kill -TERM {pid}", "echo >> /etc/loginbell/loginbell.conf"):
            expect(as_reader(scene, attack) != 0, attack)
    finally:
        host.run("rm", "-r", "/etc/credstore")
    # What it may do to its own part reaches the configured recipients alone.
    before = len(scene.mailbox.mails)
    forged = ""
    for block in host.read(f"{READER_PART}/ledger").split("\n\n")[:-1]:
        text = block.rpartition("CRC=")[0].replace(
            "KIND=", "RCPT=intruder@example.org\nTO=intruder@example.org\n"
            "SERVER=smtp://192.0.2.66\nKIND=")
        forged += f"{text}CRC={zlib.crc32(text.encode()):08x}\n\n"
    stop(scene)
    host.write(f"{READER_PART}/ledger", forged, 0o640)
    expect_told(scene)
    expect_equal({r for m in scene.mailbox.mails[before:] for r in m.envelope_to},
                 {"admin@example.net"})


@case
def state_in_which_the_reader_made_traps_hangs_nobody(scene):
    """The sender and root's commands open regular files alone, and follow no link."""
    host = scene.host
    for trap in ("mkfifo {}", "ln -s /dev/zero {}", "ln -s /etc/shadow {}", "mkdir {}"):
        for name in ("ledger", "position", "reader.pid"):
            path = f"{READER_PART}/{name}"
            stop(scene)
            host.run("mv", path, KEPT + ".file", check=False)  # none runs: no .pid file
            expect_equal(as_reader(scene, trap.format(path)), 0)
            for command in ("status", "queue"):
                done = host.run("timeout", "10", "loginbell", command, check=False)
                expect(done.returncode != 124, f"{trap} {name}: {command} hangs")
                expect("root:" not in done.stdout + done.stderr, done.stdout)
            host.run("timeout", "20", "/usr/libexec/loginbell-deliver", check=False)
            host.run("rm", "-rf", path)
            host.run("mv", KEPT + ".file", path, check=False)
        expect_told(scene)


@case
def state_cannot_be_locked_by_those_who_may_read_it(scene):
    host = scene.host
    host.run("useradd", "--groups", "adm,loginbell", "mallory")
    for path in (f"{READER_PART}/reader.lock", f"{SENDER_PART}/sender.lock"):
        done = host.run("runuser", "-u", "mallory", "--", "flock", "--nonblock", path, "true",
                        check=False)
        expect_in("Permission denied", done.stderr)
    said = host.run("runuser", "-u", "mallory", "--", "loginbell", "status", check=False).stdout
    for name, unit in (("reader", READER), ("sender", SENDER)):
        expect_in(f"{name}     runs (process {scene.pid(unit)})", said)
    host.run("systemctl", "kill", "-s", "KILL", READER, SENDER)
    for unit in (READER, SENDER):
        harness.await_true(lambda u=unit: scene.state(u) == "active", f"{unit} again")
    stop(scene)
    said = host.run("loginbell", "status", check=False).stdout
    expect_in("reader     does not run\nsender     does not run\n", said)
    expect_told(scene)
