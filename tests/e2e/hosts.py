"""
Whole hosts: Debian with its own systemd, journald and sshd, made by debootstrap, with loginbell
built and installed inside, booted by systemd-nspawn with a network of its own.

    hosts.start()                       # the program goes on in namespaces of its own
    host = hosts.Host("bookworm").boot()
    host.run("systemctl", "enable", "--now", "loginbell")
    host.ssh("203.0.113.9")
    host.halt()

The file systems that debootstrap makes are kept in $LOGINBELL_TEST_CACHE, by default in
$XDG_CACHE_HOME/loginbell-tests, and only read from then on: a host writes into an overlay in
memory. Everything ends with the program.
"""

import contextlib
import ctypes
import fcntl
import glob
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time

import harness
import namespaces
import tap

MIRROR = os.environ.get("LOGINBELL_TEST_MIRROR", "http://deb.debian.org/debian")
PACKAGES = """systemd systemd-sysv dbus openssh-server openssh-client iproute2 ca-certificates
    python3 gzip xz-utils zstd gcc libc6-dev meson ninja-build pkg-config libsystemd-dev
    libpcre2-dev libcurl4-openssl-dev postfix sudo systemd-journal-remote""".split()
NEEDED = ("debootstrap", "systemd-nspawn", "nsenter", "unshare")
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRATCH = "/run/loginbell-hosts"  # of the program's own mount namespace
CGROUP = "loginbell-host-"
ADDRESSES = ("203.0.113.9", "198.51.100.7", "2001:db8::9", "2001:db8:40::7")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
BUILD_DEADLINE = 600
BASE_DEADLINE = 1200


def start():
    """
    Goes on in a mount and a PID namespace of the program's own, so that no mount and no process
    outlives it. Where hosts cannot be had the whole program is skipped, with why.
    """
    missing = [name for name in NEEDED if not shutil.which(name)]
    if missing:
        tap.skip_all(f"no {', '.join(missing)} here")
    if os.geteuid() != 0:
        tap.skip_all("needs root (debootstrap, systemd-nspawn)")
    if os.getpid() != 1:
        os.execvp("unshare", ["unshare", "--mount", "--pid", "--fork", "--kill-child",
                              "--mount-proc", sys.executable, *sys.argv])
    if not cgroups():
        tap.skip_all("no control groups here")
    remove_cgroups(CGROUP + "*")
    os.makedirs(SCRATCH, exist_ok=True)
    try:
        namespaces.mount("tmpfs", SCRATCH, "tmpfs", 0, "mode=0755")
    except OSError as error:
        tap.skip_all(f"namespaces: {error}")


def cgroups():
    """
    The control groups that this process is in: of the unified hierarchy, and of systemd's own where
    the machine still has that. Two hosts in the same ones would take each other's services for
    their own.
    """
    with open("/proc/self/cgroup", encoding="ascii") as file:
        own = dict(line.rstrip("\n").split(":", 2)[1:] for line in file)
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = [line.split() for line in file]
    found = []
    for fields in mounts:
        kind, options = fields[fields.index("-") + 1], fields[-1].split(",")
        name = "" if kind == "cgroup2" else "name=systemd" if "name=systemd" in options else None
        if kind.startswith("cgroup") and name in own:
            found.append(fields[4] + own[name].rstrip("/"))
    return found


def join(name):
    for cgroup in cgroups():
        os.makedirs(f"{cgroup}/{name}", exist_ok=True)
        with open(f"{cgroup}/{name}/cgroup.procs", "w", encoding="ascii") as file:
            file.write("0")


def remove_cgroups(pattern):
    """With all below them, where nothing runs in them any more."""
    for top in cgroups():
        for directory, _, _ in (d for found in glob.glob(f"{top}/{pattern}")
                                for d in os.walk(found, topdown=False)):
            with contextlib.suppress(OSError):
                os.rmdir(directory)


def cache_directory():
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.environ.get("LOGINBELL_TEST_CACHE") or os.path.join(cache, "loginbell-tests")


def base(release):
    """The root file system of a release, made where the cache has none with these packages."""
    key = hashlib.sha256(" ".join(PACKAGES).encode()).hexdigest()[:12]
    cache = cache_directory()
    path = os.path.join(cache, f"{release}-{key}")
    os.makedirs(cache, exist_ok=True)
    with open(path + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path):
            shutil.rmtree(path + ".new", ignore_errors=True)
            harness.run("debootstrap", "--variant=minbase", "--include=" + ",".join(PACKAGES),
                        release, path + ".new", MIRROR, timeout=BASE_DEADLINE)
            shutil.rmtree(path + ".new/var/cache/apt/archives")
            os.rename(path + ".new", path)
    return path


def overlay(name, *lower):
    """A file system that begins as the directories @lower, the first one on top. Gives (root, what
    was written)."""
    directory = f"{SCRATCH}/{name}"
    for part in ("root", "upper", "work"):
        os.makedirs(f"{directory}/{part}")
    namespaces.mount("overlay", f"{directory}/root", "overlay", 0,
                     f"lowerdir={':'.join(lower)},upperdir={directory}/upper,"
                     f"workdir={directory}/work")
    return f"{directory}/root", f"{directory}/upper"


_installed = {}


def installed(release):
    """The layers of a host with loginbell built inside, as an administrator would install it."""
    if release not in _installed:
        bottom = base(release)
        root, upper = overlay(f"{release}-build", bottom)
        harness.run("systemd-nspawn", "-q", "-D", root, "--pipe", "--register=no", "--keep-unit",
                    f"--bind-ro={SOURCE}:/src", "sh", "-ec",
                    "meson setup /build /src --prefix=/usr -Dtests=disabled\n"
                    "meson install -C /build", timeout=BUILD_DEADLINE)
        _installed[release] = [upper, bottom]
    return _installed[release]


class Host:
    """One host; what is written to its file system stays over a reboot."""

    _count = 0

    def __init__(self, release, hostname="web1"):
        Host._count += 1
        self.hostname = hostname
        self.options = []  # of systemd-nspawn(1), beside those for all
        self.name = f"{release}-{os.urandom(3).hex()}-{Host._count}"
        self.root, _ = overlay(self.name, *installed(release))
        self._nspawn = None
        self.init = None  # the PID of its systemd, as seen from here
        self._prepare()

    def _prepare(self):
        self.write("/etc/hostname", f"{self.hostname}\n")
        self.write("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
        os.makedirs(f"{self.root}/root/.ssh", 0o700, exist_ok=True)
        self.key = f"{SCRATCH}/{self.name}/key"
        harness.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key)
        shutil.copy(self.key, f"{self.root}/root/.ssh/id")
        shutil.copy(self.key + ".pub", f"{self.root}/root/.ssh/authorized_keys")

    def path(self, path):
        """Where a path of the host is found from here. While it runs it has a /run of its own."""
        return (f"/proc/{self.init}/root" if self.init else self.root) + path

    def write(self, path, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        harness.write(self.path(path), text, mode)

    def read(self, path):
        with open(self.path(path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def power_on(self):
        """Returns when its systemd is there; little else is."""
        with open(f"{SCRATCH}/{self.name}/console", "ab") as console:
            self._nspawn = subprocess.Popen(
                ["systemd-nspawn", "-q", "-D", self.root, "-M", self.name,
                 f"--hostname={self.hostname}", "--private-network", "-b", "--console=pipe",
                 "--register=no", "--keep-unit", "--link-journal=no", f"--bind-ro={SOURCE}:/src",
                 *self.options],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                preexec_fn=lambda: join(CGROUP + self.name))
        children = f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children"
        harness.await_true(lambda: self._find_init(children), "systemd in the host")
        for address in ADDRESSES:
            self.run("ip", "address", "add", address, "dev", "lo",
                     *(["nodad"] if ":" in address else []))

    def connect(self, other, own_address, other_address):
        """A cable to another host that runs, with an address at each end."""
        ends = (self, f"to{other.hostname}", own_address), (other, f"to{self.hostname}",
                                                            other_address)
        self._ip("link", "add", ends[0][1], "type", "veth", "peer", "name", ends[1][1],
                 "netns", other.init)
        for (host, name, address), (_, _, peer) in (ends, ends[::-1]):
            host._ip("address", "add", address, "peer", peer, "dev", name)
            host._ip("link", "set", name, "up")

    def _ip(self, *command):
        """In the host's network, but with the numbers that processes have here."""
        harness.run("nsenter", "-t", self.init, "-n", "ip", *command)

    def await_boot(self):
        """Returns when all that starts at boot has started."""
        harness.await_true(lambda: self.run("systemctl", "is-system-running", check=False)
                           .stdout.strip() in ("running", "degraded"), "the host's boot")
        return self

    def boot(self):
        self.power_on()
        return self.await_boot()

    def _find_init(self, children):
        if self._nspawn.poll() is not None:
            raise AssertionError(f"systemd-nspawn ended:\n{self.console()}")
        with open(children, encoding="ascii") as file:
            pids = file.read().split()
        # Its namespaces are whole when systemd listens to systemctl.
        self.init = pids[0] if pids else None
        return self.init and os.path.exists(f"/proc/{self.init}/root/run/systemd/private")

    def console(self):
        with open(f"{SCRATCH}/{self.name}/console", encoding="utf-8", errors="replace") as file:
            return file.read()

    def halt(self):
        """An orderly shutdown."""
        self._nspawn.send_signal(signal.SIGTERM)
        self.await_end()

    def await_end(self):
        """Until it is down by itself: a reboot, too, only ends it, and power_on() is the rest."""
        self._nspawn.wait(harness.DEADLINE)
        remove_cgroups(CGROUP + self.name)
        self._nspawn = self.init = None

    def reboot(self):
        self.halt()
        return self.boot()

    def run(self, *command, check=True, **options):
        """Runs a command inside, as root."""
        return harness.run("nsenter", "-t", self.init, "-a", *command, check=check,
                           env=ENVIRONMENT, **options)

    def ssh(self, address, command="true", user="root", options=(), check=True, **environment):
        """Logs in from one of ADDRESSES, as root by a key where nothing else is said."""
        options = options or ("-o", "BatchMode=yes", "-i", "/root/.ssh/id")
        return self.run("env", *(f"{k}={v}" for k, v in environment.items()),
                        "ssh", "-F", "none", "-b", address, "-o", "StrictHostKeyChecking=no",
                        "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", *options,
                        f"{user}@{'::1' if ':' in address else '127.0.0.1'}", command,
                        check=check).stdout

    def journal(self, *arguments):
        return self.run("journalctl", "--no-pager", "-q", *arguments).stdout

    def show(self, unit, key):
        """One property of a unit."""
        return self.run("systemctl", "show", "--value", "-p", key, unit).stdout.strip()

    @contextlib.contextmanager
    def network(self):
        """What begins to listen or connect in here does so in the host's network."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/self/ns/net", "rb") as ours, \
                open(f"/proc/{self.init}/ns/net", "rb") as theirs:
            if libc.setns(theirs.fileno(), namespaces.CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns(2)")
            try:
                yield
            finally:
                libc.setns(ours.fileno(), namespaces.CLONE_NEWNET)


def seconds(call):
    """How long it took."""
    begin = time.monotonic()
    call()
    return time.monotonic() - begin
