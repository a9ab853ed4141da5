"""
What a process may do where this runs: tries, and prints as one JSON object what worked. Run by
test_host.py in the sandboxes of the services, and for comparison outside of them. Only what
Python's standard library can do.
"""

import ctypes
import json
import mmap
import os
import shutil
import socket
import subprocess
import sys

STATE = "/var/lib/loginbell"
PARTS = ("reader", "deliver")
PLACES = ("/etc", "/usr/lib", "/boot", "/var", "/var/log", "/var/lib", "/run", "/root", "/home",
          "/srv", "/etc/loginbell", "/proc/sys/kernel/core_pattern", "/sys/fs/cgroup", STATE,
          *(f"{STATE}/{part}" for part in PARTS))
FAMILIES = ("AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET", "AF_UNIX", "AF_VSOCK")
CLONE_NEWUSER = 0x10000000


def works(function, *arguments):
    try:
        function(*arguments)
    except OSError:
        return False
    return True


def write(place):
    if os.path.isdir(place):
        path = f"{place}/.probe"
        with open(path, "w", encoding="ascii"):
            pass
        os.unlink(path)
    else:
        os.close(os.open(place, os.O_WRONLY))


def read(path):
    if os.path.isdir(path):
        os.listdir(path)
    else:
        with open(path, "rb") as file:
            file.read(1)


def open_socket(family):
    kind = socket.SOCK_DGRAM if family == "AF_UNIX" else socket.SOCK_RAW \
        if family in ("AF_NETLINK", "AF_PACKET") else socket.SOCK_STREAM
    socket.socket(getattr(socket, family), kind).close()


def listen():
    with socket.socket(socket.AF_UNIX) as s:
        s.bind("\0loginbell-probe")
        s.listen()


def run_what_was_written():
    part = next(p for p in PARTS if os.access(f"{STATE}/{p}", os.W_OK))
    path = f"{STATE}/{part}/.probe"
    try:
        shutil.copy("/bin/true", path)
        os.chmod(path, 0o700)
        subprocess.run([path], check=True)
    finally:
        os.unlink(path)


def new_user_namespace():
    libc = ctypes.CDLL(None, use_errno=True)
    pid = os.fork()  # for the comparison: it would change this process
    if pid == 0:
        os._exit(libc.unshare(CLONE_NEWUSER) != 0)
    if os.waitpid(pid, 0)[1]:
        raise OSError("unshare")


def owners_of_processes():
    """The users of all processes that are seen in /proc."""
    found = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/status", encoding="ascii", errors="replace") as file:
                    found |= {int(line.split()[1]) for line in file if line.startswith("Uid:")}
            except OSError:
                pass
    return sorted(found)


def interfaces():
    with open("/proc/self/net/dev", encoding="ascii") as file:
        return sorted(line.split(":")[0].strip() for line in file if ":" in line)


print(json.dumps({
    "uid": os.getuid(),
    "writes": [p for p in PLACES if works(write, p)],
    "reads": [p for p in ("/etc/shadow", "/etc/loginbell/loginbell.conf", "/var/log/journal",
                          "/run/log/journal", "/root", "/proc/1/status", "/dev/kmsg")
              if works(read, p)],
    "sockets": [f for f in FAMILIES if works(open_socket, f)],
    "listens": works(listen),
    "runs_what_was_written": works(run_what_was_written),
    "writable_code": works(lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)),
    "new_user_namespace": works(new_user_namespace),
    "owners": owners_of_processes(),
    "interfaces": interfaces(),
    "set-uid": works(os.setuid, 1),
}), file=sys.stdout)
