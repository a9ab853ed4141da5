"""
A real rsyslogd, and a real logrotate that rotates its files as Debian has it.

One rsyslogd writes each message to several files at once, one for each form of header, so that no
test has to wait for another daemon: FORMS says which file has which. Debian's log is the one with
RFC 3339 times, at the path where loginbell looks by itself.
"""

import glob
import gzip
import os
import signal
import socket

import harness
from harness import WORK

AUTH_LOG = "/var/log/auth.log"
FORMS = {
    "RFC_3339": ("RSYSLOG_FileFormat", AUTH_LOG),
    "RFC_3164": ("RSYSLOG_TraditionalFileFormat", "/var/log/rfc3164/auth.log"),
    "RFC_5424": ("RSYSLOG_SyslogProtocol23Format", "/var/log/rfc5424/auth.log"),
}

DEBIAN = "compress\n\tdelaycompress"

# The stanza of Debian's /etc/logrotate.d/rsyslog, and what /etc/logrotate.conf says before it.
ROTATE = """
weekly
rotate 4
create

{path}
{{
	rotate {keep}
	weekly
	missingok
	notifempty
	{how}
	sharedscripts
	postrotate
		kill -HUP {pid}
	endscript
}}
"""


class Rsyslogd:
    """@first goes before all else in its configuration, @path is the socket where it listens."""

    def __init__(self, first="", path="/dev/log"):
        os.makedirs(f"{WORK}/rsyslog", exist_ok=True)
        rules = "".join(f"auth,authpriv.*\t{file};{template}\n"
                        for template, file in FORMS.values())
        config = harness.write(f"{WORK}/rsyslog.conf", f"""
{first}
global(workDirectory="{WORK}/rsyslog")
module(load="imuxsock" SysSock.Name="{path}")
$FileOwner root
$FileGroup adm
$FileCreateMode 0640
$DirCreateMode 0755
{rules}""")
        self.process = harness.Process("rsyslogd", ["rsyslogd", "-n", "-f", config,
                                                    "-i", f"{WORK}/rsyslogd.pid"])
        harness.await_true(lambda: self._listens(path), "rsyslogd")

    @staticmethod
    def _listens(path):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
            return probe.connect_ex(path) == 0

    @staticmethod
    def files(path=AUTH_LOG):
        """The log and its rotations."""
        return glob.glob(glob.escape(path) + "*")

    @classmethod
    def text(cls, path=AUTH_LOG):
        """What the log and its rotations hold, compressed or not."""
        text = b""
        for name in cls.files(path):
            try:
                with (gzip.open if name.endswith(".gz") else open)(name, "rb") as file:
                    text += file.read()
            except (FileNotFoundError, EOFError):
                pass  # it is being rotated; it is seen under another name at the next look
        return text.decode(errors="replace")

    def wait_line(self, text, path=AUTH_LOG):
        harness.await_true(lambda: text in self.text(path), f"{text!r} in {path}")

    def rotate(self, path=AUTH_LOG, how=DEBIAN, keep=4):
        """Returns when rsyslogd writes no more to what was rotated."""
        config = harness.write(f"{WORK}/logrotate.conf", ROTATE.format(
            path=path, how=how, keep=keep, pid=self.process.pid))
        harness.run("logrotate", "--force", "--state", f"{WORK}/logrotate.state", config)
        harness.await_true(lambda: not self.holds_rotated(path), "rsyslogd to reopen its file")

    def reopen(self):
        """Has it open its files anew, where another disk was mounted."""
        self.process.send(signal.SIGHUP)

    def holds_rotated(self, path):
        names = []
        for fd in glob.glob(f"/proc/{self.process.pid}/fd/*"):
            try:
                names.append(os.readlink(fd))
            except FileNotFoundError:
                pass
        return any(n.startswith(path) and n != path for n in names)
