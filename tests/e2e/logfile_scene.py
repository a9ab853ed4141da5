"""
A log file that is watched, logins in it, and what must be told of them. A login is known by its
port: each has another one. A mail of many logins names a port in the first of them only, so those
that come in numbers are of users who are called after their port.
"""

import itertools
import re
import socket
import time

from harness import DEADLINE, ELSEWHERE, HOSTNAME, body
from rsyslog import AUTH_LOG, FORMS
from tap import case, expect_equal

PORT = re.compile(r"\bport:? (\d+)\b|\buser(\d+) from ")


def subject(user, address=ELSEWHERE):
    return f"[{HOSTNAME}] SSH login: {user} from {address}"


def in_each_form(function):
    """A case for each of the headers that Debian's rsyslog has had."""
    for name in ("RFC_3339", "RFC_3164"):
        def one(host, path=FORMS[name][1]):
            function(host, path)
        one.__name__ = f"{function.__name__}_{name}"
        case(one)
    return function


def accepted(port):
    return f"Accepted publickey for user{port} from {ELSEWHERE} port {port} ssh2"


def line(port):
    """A whole line, as rsyslogd writes it."""
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000000+00:00", time.gmtime())
    return f"{now} {HOSTNAME} sshd[7]: {accepted(port)}\n"


_ports = itertools.count(1)


class Log:
    """Logins to the syslog daemon as sshd sends them, but faster than sshd would let them in."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.connect("/dev/log")

    def send(self, message):
        now = time.strftime("%b %e %H:%M:%S", time.gmtime())
        self._socket.send(f"<38>{now} sshd[7]: {message}".encode())

    def login(self):
        """Gives its port."""
        port = next(_ports)
        self.send(accepted(port))
        return str(port)


class Scene:
    """
    Configuration and state of its own, an empty mailbox, and a `watch`, which is stopped at the
    end.
    """

    def __init__(self, host, path=AUTH_LOG, start=True, **configuration):
        self.host, self.path, self.start = host, path, start
        extra = configuration.pop("extra", "")
        self.configuration = {"source": "file", "extra": f"{extra}\n[Source]\nLogFile={path}\n",
                              **configuration}
        self.watch = None

    def __enter__(self):
        self.host.mailbox.mails.clear()
        self.host.configure(**self.configuration)
        if self.start:
            self.again()
        return self

    def __exit__(self, kind, *_):
        if self.watch and self.watch.process.poll() is None:
            self.stop() if kind is None else self.watch.stop()

    def again(self):
        self.watch = self.host.watch()

    def stop(self):
        expect_equal(self.watch.stop(), 0, self.watch.log())

    def login(self, user="root", address=ELSEWHERE):
        """Returns its port when it is in the log."""
        port = self.host.login(user, address, command="set -- $SSH_CLIENT; echo $2").strip()
        self.host.syslogd.wait_line(
            f"Accepted publickey for {user} from {address} port {port} ", self.path)
        return port

    def logged(self):
        """As login(), without an sshd."""
        port = Log().login()
        self.host.syslogd.wait_line(accepted(port), self.path)
        return port

    def mailed(self, port):
        """Returns the mail that tells of a login, when it has come."""
        return self.host.mailbox.wait_for(lambda m: port in self._ports(m),
                                          f"the login with port {port}")

    @staticmethod
    def _ports(mail):
        found = PORT.findall(" ".join(body(mail).split()))
        return {port or user_port for port, user_port in found}

    def subjects(self):
        return [m["Subject"] for m in self.host.mailbox.mails]

    def kinds(self):
        return re.findall(r"^KIND=(.*)", self.host.ledger(), re.M)

    def expect_told(self, ports, deadline=DEADLINE):
        """
        Each login is mailed, and after `watch` has stopped, stands in the ledger once; and so
        nothing else does. A mail whose 250 the sender did not live to see may have come twice.
        """
        ports = sorted(ports)
        mailbox = self.host.mailbox

        def missing():
            return set(ports) - set().union(*(self._ports(m) for m in mailbox.mails))
        try:
            mailbox.wait_for(lambda _: not missing(), f"{len(ports)} logins", deadline)
        except AssertionError:
            raise AssertionError(f"not mailed: {sorted(missing())}\n{self.watch.log()}") from None
        self.expect_recorded(ports)
        mails = {m["Message-ID"]: m for m in mailbox.mails}.values()
        expect_equal(sorted(p for m in mails for p in self._ports(m)), ports, "mails")

    def expect_recorded(self, ports):
        """After `watch` has stopped, each login stands in the ledger once, and nothing else."""
        self.stop()
        recorded = re.findall(r"^PORT=(.*)", self.host.ledger(), re.M)
        expect_equal(sorted(recorded), sorted(ports), "ledger")
        expect_equal(set(self.kinds()), {"login"}, self.host.ledger())
