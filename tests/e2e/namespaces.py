"""
A machine of our own for a test program: mount, network, PID, UTS and IPC namespaces with fresh
/run, /var/log, /dev, /proc and a copy of /etc. Nothing that is done there reaches the real
machine, and whatever is left running dies with the program, which is PID 1 inside.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8
PR_SET_PDEATHSIG = 1
CAP_NET_ADMIN = 12

WORK = "/run/test"
DEVICES = ("null", "fuse", "zero", "full", "random", "urandom", "tty")

_libc = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
    """Namespaces cannot be had here; the text says why."""


def _check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source, target, kind=None, flags=0, data=None):
    def text(value):
        return None if value is None else value.encode()

    _check(_libc.mount(text(source), target.encode(), text(kind), ctypes.c_ulong(flags),
                       text(data)), f"mount {target}")


def _make_private():
    """
    Keeps our mounts to ourselves. In a chroot "/" is no mount point, and then the mount that holds
    it can only be reached from outside of the chroot: go there, and come back.
    """
    root = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    elsewhere = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    os.chroot("/proc")
    os.fchdir(root)
    while True:
        here = os.stat(".")
        os.chdir("..")
        if os.path.samestat(here, os.stat(".")):
            break
    os.chroot(".")
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    os.fchdir(root)
    os.chroot(".")
    os.close(root)
    os.close(elsewhere)


def _fresh_dev():
    os.makedirs(f"{WORK}/dev")
    for name in DEVICES:
        path = f"{WORK}/dev/{name}"
        open(path, "w").close()
        if os.path.exists(f"/dev/{name}"):
            mount(f"/dev/{name}", path, None, MS_BIND)
    os.makedirs(f"{WORK}/dev/shm", 0o1777)
    os.makedirs(f"{WORK}/dev/pts")
    mount("devpts", f"{WORK}/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
          "newinstance,ptmxmode=0666,mode=0620")
    os.symlink("pts/ptmx", f"{WORK}/dev/ptmx")
    os.symlink("/run/systemd/journal/dev-log", f"{WORK}/dev/log")
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        os.symlink(f"/proc/self/fd{target}", f"{WORK}/dev/{name}")
    mount(f"{WORK}/dev", "/dev", None, MS_BIND | MS_REC)


def _set_up(hostname, addresses):
    _make_private()
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    if not os.path.ismount("/sys/fs/cgroup"):  # journald looks there; a chroot may have none
        mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC)
        mount("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    for path in ("/run", "/var/log"):
        mount("tmpfs", path, "tmpfs", MS_NOSUID, "mode=0755")
    os.makedirs(WORK)
    _fresh_dev()
    shutil.copytree("/etc", f"{WORK}/etc", symlinks=True, ignore_dangling_symlinks=True)
    mount(f"{WORK}/etc", "/etc", None, MS_BIND)
    socket.sethostname(hostname)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in addresses:
        prefix = "128" if ":" in address else "32"
        subprocess.run(["ip", "address", "add", f"{address}/{prefix}", "dev", "lo"]
                       + (["nodad"] if ":" in address else []), check=True)


def _has_capability(number):
    with open("/proc/self/status", encoding="ascii") as file:
        mask = next(int(line.split()[1], 16) for line in file if line.startswith("CapEff:"))
    return bool(mask >> number & 1)


def _unshare(flags):
    """
    unshare(2). A container's root may not be allowed to configure a network, not even one of its
    own; in a user namespace (with all users as they are) it is.
    """
    if _has_capability(CAP_NET_ADMIN):
        _check(_libc.unshare(flags), "unshare(2)")
        return
    pid = os.getpid()
    ready, go = os.pipe()
    helper = os.fork()
    if helper == 0:  # only somebody outside may write the map
        os.close(go)
        os.read(ready, 1)
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{pid}/{name}", "w", encoding="ascii") as file:
                file.write("0 0 65536")
        os._exit(0)
    os.close(ready)
    try:
        _check(_libc.unshare(flags | CLONE_NEWUSER), "unshare(2)")
    finally:
        os.close(go)
        os.waitpid(helper, 0)


def enter(hostname, addresses):
    """
    Goes on inside. The calling process stays outside, waits, and ends as the inner one does, so
    this returns only once, in the inner one. Unavailable, if that cannot be done here.
    """
    if os.geteuid() != 0:
        raise Unavailable("needs root (namespaces, journald, sshd)")
    try:
        _unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC)
    except OSError as error:
        raise Unavailable(f"namespaces: {error}") from error
    pid = os.fork()
    if pid > 0:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: os.kill(pid, signal.SIGKILL))
        _, status = os.waitpid(pid, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xff)
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        _set_up(hostname, addresses)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(f"namespaces: {error}") from error
