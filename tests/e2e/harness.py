"""
Real parts around the programs under test: journald, sshd, ssh and an SMTP server, in namespaces of
their own (see namespaces.py).

    host = harness.start()              # this program goes on as PID 1 of a machine "web1"
    host.mailbox.start()
    watch = host.watch()                # returns when it says READY=1
    host.login("root", harness.ELSEWHERE)
    mail = host.mailbox.wait_for(lambda m: "root" in m["Subject"])

Whatever is awaited is awaited as an event (READY=1, a mail, the end of a process), with a deadline
that a slow machine keeps too.
"""

import contextlib
import email
import email.policy
import grp
import logging
import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import warnings

import namespaces
import tap
from namespaces import WORK

HOSTNAME = "web1"
DOMAIN = "example.net"
HERE = "192.0.2.1"           # sshd listens there
ELSEWHERE = "203.0.113.9"    # logins from there alert
FRIEND = "198.51.100.7"      # and from there do not
ELSEWHERE6 = "2001:db8::7"
MAIL = "192.0.2.25"          # mail.example.net
ADDRESSES = [HERE, ELSEWHERE, FRIEND, ELSEWHERE6, MAIL]
DEADLINE = 40                # seconds for anything that is awaited
NOBODY = 65534

_source_root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.abspath(os.environ.get("LOGINBELL", f"{_source_root}/build/loginbell"))
DELIVER = os.path.abspath(os.environ.get("LOGINBELL_DELIVER",
                                         os.path.join(os.path.dirname(PROGRAM),
                                                      "loginbell-deliver")))
JOURNAL_REMOTE = "/usr/lib/systemd/systemd-journal-remote"


def run(*command, check=True, **options):
    """subprocess.run() with captured text; a failure shows what the program said."""
    options.setdefault("timeout", DEADLINE)
    options.setdefault("stdin", subprocess.DEVNULL)
    if "input" in options:
        del options["stdin"]
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, errors="surrogateescape", **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: exit status {done.returncode}\n"
                             f"{done.stdout}{done.stderr}")
    return done


def write(path, text, mode=0o644):
    with open(path, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
    return path


def await_true(condition, what, deadline=DEADLINE):
    """For what gives no event: a file's content, a port."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline} s in vain for {what}")
        time.sleep(0.01)


_entries = 0


def entry(message, time_usec, boot="0" * 31 + "1", **fields):
    """One entry in the Journal Export Format; a field that is None is left out."""
    global _entries
    _entries += 1
    whole = {"__REALTIME_TIMESTAMP": time_usec, "__MONOTONIC_TIMESTAMP": _entries * 1000,
             "_BOOT_ID": boot, "_HOSTNAME": HOSTNAME, "_TRANSPORT": "syslog",
             "SYSLOG_IDENTIFIER": "sshd", "_COMM": "sshd", "_UID": 0, "_PID": 1000 + _entries,
             "MESSAGE": message}
    whole.update(fields)
    return "".join(f"{k}={v}\n" for k, v in whole.items() if v is not None) + "\n"


def make_journal(path, *entries):
    """Writes or adds entries to a journal file by systemd-journal-remote."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    export = write(f"{WORK}/entries.export", "".join(entries))
    run(JOURNAL_REMOTE, "-o", path, export)


class Process:
    """A program under test, or a daemon beside it, with what it says in a file."""

    def __init__(self, name, command, env=None, notify=False, **options):
        self.name = name
        self.log_path = f"{WORK}/{name}.log"
        environment = dict(os.environ, **(env or {}))
        environment.pop("NOTIFY_SOCKET", None)
        self.notify_socket = None
        if notify:
            path = f"{WORK}/{name}.notify"
            if os.path.exists(path):
                os.unlink(path)
            self.notify_socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.notify_socket.bind(path)
            os.chmod(path, 0o666)
            environment["NOTIFY_SOCKET"] = path
        with open(self.log_path, "ab") as log:
            self._log_begin = log.tell()
            options.setdefault("stdin", subprocess.DEVNULL)
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment,
                                            **options)
        if notify:
            self.wait_ready()

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        with open(self.log_path, "rb") as file:
            file.seek(self._log_begin)
            return file.read().decode(errors="replace")

    def wait_ready(self):
        """Until it sends READY=1 as by sd_notify(3)."""
        self.wait_notification(lambda line: line == b"READY=1", "become ready")

    def wait_notification(self, wanted, what):
        """Until it sends a line that is wanted, as by sd_notify(3)."""
        end = time.monotonic() + DEADLINE
        self.notify_socket.settimeout(0.2)
        while True:
            try:
                if any(map(wanted, self.notify_socket.recv(4096).split(b"\n"))):
                    return
            except TimeoutError:
                pass
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"{self.name} did not {what}:\n{self.log()}")

    def send(self, number):
        self.process.send_signal(number)

    def wait(self, deadline=DEADLINE):
        return self.process.wait(deadline)

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.send(number)
        try:
            return self.wait()
        finally:
            if self.notify_socket:
                self.notify_socket.close()


class Watch(Process):
    """`watch`: a supervisor, with the reader and the sender as its children."""

    @property
    def pid(self):
        """That of the reader."""
        return await_true(lambda: self._child("loginbell"), "the reader")

    @property
    def sender(self):
        """The sender's process ID."""
        return await_true(lambda: self._child("loginbell-deliver"), "the sender")

    def _child(self, name):
        parent = self.process.pid
        with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as file:
            for child in file.read().split():
                with contextlib.suppress(FileNotFoundError), \
                        open(f"/proc/{child}/comm", encoding="ascii") as comm:
                    if comm.read().strip() == name[:15]:
                        return int(child)
        return None

    @staticmethod
    def _ended(pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                return file.read().rpartition(")")[2].split()[0] in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return True

    def stop(self, number=signal.SIGTERM):
        """As Process.stop(); SIGKILL hits the reader first, which gets no signal before it."""
        if number == signal.SIGKILL and self.process.poll() is None:
            self.send(signal.SIGSTOP)
            reader = self._child("loginbell")
            if reader:
                os.kill(reader, signal.SIGKILL)
                await_true(lambda: self._ended(reader), "the end of the reader")
        return super().stop(number)


class Mailbox:
    """An SMTP server of aiosmtpd, and the mails that it took."""

    USER, PASSWORD = "bell", 'a "quoted" # password'

    def __init__(self, port=2525, implicit_tls=False, tls=True, auth=True, address=MAIL,
                 certificate=f"{WORK}/mail"):
        self.port, self.implicit_tls, self.tls, self.auth = port, implicit_tls, tls, auth
        self.address, self.certificate = address, certificate  # without .crt, .key
        self.mails = []      # email.message.EmailMessage, with .envelope_from, .envelope_to, .raw
        self.sessions = []   # one dict per mail: tls, user
        self.refuse = None   # called with the envelope, may give an SMTP reply instead of taking it
        self._changed = threading.Condition()
        self._controller = None

    def start(self):
        warnings.simplefilter("ignore")  # aiosmtpd's, about AUTH without TLS
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        from aiosmtpd.controller import Controller
        from aiosmtpd.smtp import AuthResult

        def authenticate(server, session, envelope, mechanism, data):
            good = (data.login == self.USER.encode() and data.password == self.PASSWORD.encode())
            return AuthResult(success=good, handled=good, auth_data=data.login.decode())

        options = {"hostname": self.address, "port": self.port, "server_hostname": f"mail.{DOMAIN}"}
        if self.tls:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self.certificate + ".crt", self.certificate + ".key")
            if self.implicit_tls:
                options["ssl_context"] = context
            else:
                options.update(tls_context=context, require_starttls=True)
        if self.auth:
            options.update(authenticator=authenticate, auth_required=True,
                           auth_require_tls=self.tls and not self.implicit_tls)
        self._controller = Controller(self, **options)
        self._controller.start()
        return self

    def stop(self):
        if self._controller:
            self._controller.stop()
            self._controller = None

    async def handle_DATA(self, server, session, envelope):
        reply = self.refuse(envelope) if self.refuse else None
        if reply:
            return reply
        mail = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        mail.raw = envelope.original_content
        mail.envelope_from, mail.envelope_to = envelope.mail_from, list(envelope.rcpt_tos)
        with self._changed:
            self.sessions.append({"tls": session.ssl is not None or self.implicit_tls,
                                  "user": session.auth_data, "ehlo": session.host_name})
            self.mails.append(mail)
            self._changed.notify_all()
        return "250 OK"

    def wait_for(self, wanted, what="a mail", deadline=DEADLINE):
        """The first mail for which wanted(mail) is true, now or when it comes."""
        with self._changed:
            found = self._changed.wait_for(lambda: [m for m in self.mails if wanted(m)], deadline)
        if not found:
            subjects = [m["Subject"] for m in self.mails]
            raise AssertionError(f"waited {deadline} s in vain for {what}; mails: {subjects}")
        return found[0]

    def holding(self, text):
        """All mails that have the text in subject or body."""
        return [m for m in self.mails if text in (m["Subject"] or "") or text in body(m)]


def body(mail):
    return mail.get_content()


class Refuser:
    """A listener that hangs up at once, or never says a word, and tells of each who came."""

    def __init__(self, port, address=MAIL, hang=False):
        self._socket = socket.create_server((address, port), backlog=16, reuse_port=True)
        self._held = [] if hang else None
        self._changed = threading.Condition()
        self.visits = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            if self._held is None:
                connection.close()
            else:
                self._held.append(connection)
            with self._changed:
                self.visits += 1
                self._changed.notify_all()

    def wait_visits(self, number):
        with self._changed:
            if not self._changed.wait_for(lambda: self.visits >= number, DEADLINE):
                raise AssertionError(f"only {self.visits} of {number} connections came")

    def stop(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


class Host:
    """The machine. Its parts are started by need; everything ends with the test program."""

    def __init__(self):
        self.bin = f"{WORK}/bin"
        self.state = f"{WORK}/state"
        self.reader = f"{self.state}/reader"  # its part of the state, and the sender's
        self.deliver = f"{self.state}/deliver"
        self.whitelist = f"{WORK}/whitelist"
        self.config = f"{WORK}/loginbell.conf"
        self.journald = self.sshd = None
        self.mailbox = Mailbox()
        self.program = f"{self.bin}/loginbell"
        self._install()
        self._make_users()
        self._make_certificates()

    # What there is before anything runs.

    def _install(self):
        """The programs where every user may execute them, wherever the build directory is."""
        os.makedirs(self.bin)
        for path in (PROGRAM, DELIVER):
            if os.path.exists(path):
                shutil.copy2(path, f"{self.bin}/{os.path.basename(path)}")
        os.environ.pop("LOGINBELL_DELIVER", None)
        os.environ["HOME"] = "/root"

    def _make_users(self):
        for name, arguments in (("loginbell", ["--system", "--user-group", "--no-create-home"]),
                                ("alice", ["--user-group", "--no-create-home"])):
            try:
                pwd.getpwnam(name)
            except KeyError:
                run("useradd", "--shell", "/bin/sh", "--home-dir", "/", *arguments, name)
        with contextlib.suppress(KeyError):
            pwd.getpwnam("loginbell-deliver")
            run("userdel", "loginbell-deliver")
        run("useradd", "--system", "--gid", "loginbell", "--no-create-home", "--home-dir", "/",
            "loginbell-deliver")
        for group in ("systemd-journal", "adm"):
            try:
                grp.getgrnam(group)
            except KeyError:
                run("groupadd", "--system", group)
            run("usermod", "-a", "-G", group, "loginbell")
        self.alice_password = "correct horse"
        secret = run("openssl", "passwd", "-6", self.alice_password).stdout.strip()
        run("chpasswd", "-e", input=f"alice:{secret}\nroot:*\n")
        write("/etc/hosts", f"127.0.0.1 localhost\n::1 localhost\n{HERE} {HOSTNAME}.{DOMAIN} "
                            f"{HOSTNAME}\n{MAIL} mail.{DOMAIN}\n")
        write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\n")
        write("/etc/hostname", HOSTNAME + "\n")
        write("/etc/machine-id", os.urandom(16).hex() + "\n", 0o444)

    def _make_certificates(self):
        """A CA that nobody else knows, and the mail server's certificate."""
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "2", "-subj", "/CN=Test CA",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", f"{WORK}/ca.key", "-out", f"{WORK}/ca.crt")
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", f"/CN=mail.{DOMAIN}", "-keyout", f"{WORK}/mail.key", "-out",
            f"{WORK}/mail.csr")
        write(f"{WORK}/mail.ext", f"subjectAltName=DNS:mail.{DOMAIN}\n"
              "extendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash\n"
              "authorityKeyIdentifier=keyid\n")
        run("openssl", "x509", "-req", "-in", f"{WORK}/mail.csr", "-CA", f"{WORK}/ca.crt",
            "-CAkey", f"{WORK}/ca.key", "-CAcreateserial", "-days", "2", "-extfile",
            f"{WORK}/mail.ext", "-out", f"{WORK}/mail.crt")
        write(f"{WORK}/password", Mailbox.PASSWORD + "\n", 0o600)
        shutil.chown(f"{WORK}/password", "loginbell")

    # journald

    def make_journal_root(self, path="/var/log/journal"):
        """
        As systemd-tmpfiles makes it, for who may read what journald makes inside. Without that in
        /var/log journald writes to /run/log.
        """
        os.makedirs(path, exist_ok=True)
        shutil.chown(path, "root", "systemd-journal")
        os.chmod(path, 0o2755)

    def start_journald(self, persistent=True):
        os.makedirs("/run/systemd/journal", exist_ok=True)
        if persistent:
            self.make_journal_root()
            write("/run/systemd/journal/flushed", "")
        else:
            self.make_journal_root("/run/log/journal")
        self.journald = Process("journald", [
            next(p for p in ("/usr/lib/systemd/systemd-journald", "/lib/systemd/systemd-journald")
                 if os.path.exists(p))], notify=True)
        await_true(lambda: os.path.exists("/run/systemd/journal/dev-log"), "/dev/log")

    def rotate_journal(self):
        """Returns when journald has rotated."""
        run("journalctl", "--rotate")

    def journal_sync(self):
        """Returns when journald has taken everything that was sent to it before."""
        run("journalctl", "--sync")

    def journal(self, *arguments):
        return run("journalctl", "--no-pager", "-q", *arguments).stdout

    def journal_files(self):
        return [os.path.join(d, f) for d, _, files in os.walk("/var/log/journal") for f in files]

    # sshd

    def start_sshd(self):
        directory = f"{WORK}/ssh"
        os.makedirs(directory)
        os.makedirs("/run/sshd", 0o755, exist_ok=True)
        for name in ("host", "user", "user_ca"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f",
                f"{directory}/{name}")
        run("ssh-keygen", "-q", "-s", f"{directory}/user_ca", "-I", "alice on call", "-z", "42",
            "-n", "root,alice", "-V", "-1d:+1d", f"{directory}/user.pub")
        os.rename(f"{directory}/user-cert.pub", f"{directory}/certificate.pub")
        write(f"{directory}/sshd_config", f"""
Port 22
ListenAddress {HERE}
ListenAddress ::1
HostKey {directory}/host
PidFile none
AuthorizedKeysFile {directory}/user.pub
TrustedUserCAKeys {directory}/user_ca.pub
StrictModes no
PermitRootLogin yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
MaxStartups 100
LogLevel INFO
""")
        self.sshd = Process("sshd", ["/usr/sbin/sshd", "-D", "-f", f"{directory}/sshd_config"])

        def listening():
            if self.sshd.process.poll() is not None:
                raise AssertionError(f"sshd: {self.sshd.log()}")
            with socket.socket() as probe:
                return probe.connect_ex((HERE, 22)) == 0
        await_true(listening, "sshd")

    def fingerprint(self):
        return run("ssh-keygen", "-l", "-f", f"{WORK}/ssh/user.pub").stdout.split()[1]

    def login(self, user, address, method="key", command="true"):
        """Logs in from an address: with "key", "certificate" or "password"."""
        target = "::1" if ":" in address else HERE
        options = ["-F", "none", "-b", address, "-o", "StrictHostKeyChecking=no",
                   "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
                   "-o", "IdentityAgent=none", "-o", "IdentitiesOnly=yes"]
        env = dict(os.environ)
        if method == "password":
            ask = write(f"{WORK}/askpass", f"#!/bin/sh\necho '{self.alice_password}'\n", 0o755)
            env.update(SSH_ASKPASS=ask, SSH_ASKPASS_REQUIRE="force", DISPLAY="none")
            options += ["-o", "PreferredAuthentications=password"]
        else:
            options += ["-o", "BatchMode=yes", "-i", f"{WORK}/ssh/user"]
            if method == "certificate":
                options += ["-o", f"CertificateFile={WORK}/ssh/certificate.pub"]
        return run("ssh", *options, f"{user}@{target}", command, env=env).stdout

    def start(self):
        self.start_journald()
        self.start_sshd()
        return self

    # loginbell

    def configure(self, server=None, tls="required", extra="", mail_extra="",
                  state_owner="loginbell", source="journal"):
        """Writes configuration and whitelist, and makes an empty state directory."""
        write(self.whitelist, f"# friends\n{FRIEND}\n")
        server = server or f"smtp://mail.{DOMAIN}:{self.mailbox.port}"
        auth = f"User={Mailbox.USER}\nPasswordFile={WORK}/password\n" if self.mailbox.auth else ""
        write(self.config, f"""
[Source]
Kind={source}
[Whitelist]
File={self.whitelist}
[Mail]
To=admin@{DOMAIN}
To=second.admin@{DOMAIN}
From=loginbell@{HOSTNAME}.{DOMAIN}
Server={server}
Tls={tls}
CaFile={WORK}/ca.crt
{auth}{mail_extra}
[Alert]
Interval=0
RepeatInterval=0
{extra}
""")
        shutil.rmtree(self.state, ignore_errors=True)
        os.makedirs(self.state, 0o750)
        if state_owner:
            shutil.chown(self.state, state_owner, "adm")

    def arguments(self, command, *arguments):
        state = ["--state-directory", self.state] if command in ("watch", "scan") else []
        return [self.program, command, "--config", self.config, *state, *map(str, arguments)]

    def watch(self, *arguments, name="watch"):
        return Watch(name, self.arguments("watch", "-v", *arguments), notify=True)

    def command(self, name, *arguments, **options):
        """Runs a loginbell command with the configuration to its end."""
        return run(*self.arguments(name, *arguments), **options)

    def run_as(self, user, *command, **options):
        """Runs a command as a user, without groups but the user's own."""
        group = pwd.getpwnam(user).pw_gid
        return run("setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", *command,
                   **options)

    def ledger(self):
        """What stands in the ledger, as text."""
        text = ""
        for name in ("ledger.1", "ledger"):
            path = f"{self.reader}/{name}"
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as file:
                    text += file.read()
        return text


def start():
    """Becomes the machine; where that cannot be done the whole program is skipped, with why."""
    try:
        namespaces.enter(HOSTNAME, ADDRESSES)
    except namespaces.Unavailable as reason:
        tap.skip_all(str(reason))
    return Host()
