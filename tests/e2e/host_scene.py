"""One Debian, and what is done to it and looked at in all cases."""

import email
import email.policy
import os
import re

import harness
import hosts
from harness import Mailbox
from tap import expect, expect_in

RELEASE = os.environ.get("LOGINBELL_RELEASE", "bookworm")
ELSEWHERE, FRIEND, ELSEWHERE6, FRIEND6 = hosts.ADDRESSES
READER, SENDER = "loginbell", "loginbell-deliver"
STATE = "/var/lib/loginbell"
READER_PART, SENDER_PART = f"{STATE}/reader", f"{STATE}/deliver"
# What a session on the host runs to say from which port it came.
SAY_PORT = "set -- $SSH_CLIENT; echo $2;"


class LocalMailbox:
    """root's mailbox on the host, where its own mail server delivers."""

    PATH = "/var/mail/root"

    def __init__(self, host):
        self._host = host

    @property
    def mails(self):
        try:
            with open(self._host.path(self.PATH), "rb") as file:
                text = b"\n" + file.read()
        except FileNotFoundError:
            return []
        # mbox(5): each begins with a line "From ", which within a mail has ">" before it.
        return [email.message_from_bytes(part.partition(b"\n")[2], policy=email.policy.default)
                for part in text.split(b"\nFrom ")[1:]]

    def wait_for(self, wanted, what):
        return harness.await_true(lambda: next(filter(wanted, self.mails), None), what)


class Scene:
    """The host, and the mailbox that its mails go to: at first one of ours in its network."""

    def __init__(self):
        self.host = hosts.Host(RELEASE).boot()
        self.mailbox = self.listen(Mailbox(port=2525, tls=False, auth=False, address="127.0.0.1"))
        self._ports = set()

    def listen(self, mailbox):
        with self.host.network():
            return mailbox.start()

    def login(self, address=ELSEWHERE, then="", host=None, **how):
        """A login that no other is like, and what its session does then. Gives its port."""
        while True:
            port = (host or self.host).ssh(address, SAY_PORT + then, **how).split()[0]
            if port not in self._ports:
                self._ports.add(port)
                return port

    def told(self, port, mailbox=None):
        """Waits for the mail that tells of a login."""
        return (mailbox or self.mailbox).wait_for(tells_of(port), f"the login from port {port}")

    def times_told(self, port):
        """In how many mails a login is told; one that came a second time, whole, is the same."""
        return len({m["Message-ID"] for m in self.mailbox.mails if tells_of(port)(m)})

    def pid(self, unit):
        return self.host.show(unit, "MainPID")

    def state(self, unit):
        return self.host.show(unit, "ActiveState")


def tells_of(port):
    """Whether a mail does."""
    return lambda m: re.search(rf"\bport {port}\b", " ".join(harness.body(m).split()))


def expect_layout(scene):
    """Each part belongs to its program, and nobody else may write there."""
    found = scene.host.run("find", STATE, "-printf", "%M %u:%g %p\n").stdout
    expect_in(f"drwxr-xr-x root:root {STATE}\n", found)
    expect_in(f"drwxr-s--- loginbell:loginbell {READER_PART}\n", found)
    expect_in(f"drwxr-s--- loginbell-deliver:loginbell {SENDER_PART}\n", found)
    for line in found.splitlines()[1:]:
        owner = "loginbell-deliver" if SENDER_PART in line else "loginbell"
        mode = "-rw-------" if line.endswith((".lock", "deliver/config")) else "-rw-r-----"
        expect(line.startswith((f"{mode} {owner}:loginbell ", f"drwxr-s--- {owner}:loginbell ",
                                f"drwxr-x--- {owner}:loginbell ")), found)
