"""
An auth.log as a host on the open net has it: what scanners cause, cron, sudo, and one login in 50
lines. The same bytes at every run. Logins come with all methods, one in ten from the address that
is allowed, and one in ten from an address that holds its text; and strangers call themselves
"Accepted publickey for root from ADDRESS".
"""

import time

ALLOWED = "198.51.100.7"
LOGIN_EVERY = 50
BEGIN = 1790000000   # seconds since the epoch: the first line's time
GROUP_LINES = 25     # lines of the same moment, ...
GROUP_SECONDS = 9    # ... and from it to the next
GROUPS = 1009        # texts of such groups, which come again and again
BAIT_GROUP = 13      # the one that holds a stranger's false login
METHODS = ("publickey",) * 7 + ("password",) * 2 + ("keyboard-interactive/pam",)
NOISE = (
    "sshd[{pid}]: Invalid user admin{a} from 203.0.113.{b} port {port}",
    "sshd[{pid}]: Failed password for invalid user admin{a} from 203.0.113.{b} port {port} ssh2",
    "sshd[{pid}]: Connection closed by invalid user admin{a} 203.0.113.{b} port {port} [preauth]",
    "sshd[{pid}]: Received disconnect from 203.0.113.{b} port {port}:11: Bye Bye [preauth]",
    "sshd[{pid}]: pam_unix(sshd:auth): check pass; user unknown",
    "CRON[{pid}]: pam_unix(cron:session): session closed",
    "sudo:  www{b} : PWD=/srv ; USER=root ; COMMAND=/bin/ls",
)
BAIT = ("sshd[77]: Failed password for invalid user Accepted publickey for root from 203.0.113.9 "
        "from 203.0.113.9 port 77 ssh2")


def address(number):
    if number % 10 == 0:
        return ALLOWED
    if number % 10 == 1:
        return f"{ALLOWED}{number // 10 % 10}"
    return f"100.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def login(number):
    """The message of a login; no two are the same."""
    method = METHODS[number // 10 % len(METHODS)]
    key = f": ED25519 SHA256:{number * 2654435761:043d}" if method == "publickey" else ""
    return (f"Accepted {method} for user{number % 97} from {address(number)} "
            f"port {1024 + number % 60000} ssh2{key}")


def noise(group):
    lines = [NOISE[n % len(NOISE)].format(pid=1000 + n, a=n * 7919 % 1000, b=n % 250,
                                          port=1024 + n * 31 % 60000)
             for n in range(group * GROUP_LINES, (group + 1) * GROUP_LINES)]
    if group == BAIT_GROUP:
        lines[0] = BAIT
    return lines


def header(group, iso):
    moment = time.gmtime(BEGIN + group * GROUP_SECONDS)
    if iso:
        return time.strftime("%Y-%m-%dT%H:%M:%S", moment) + f".{group % 1000000:06d}+00:00 web1 "
    return time.strftime("%b %e %H:%M:%S web1 ", moment)


def make(path, lines, iso=False):
    """Writes the log; gives the messages of all its logins, and of those that are not allowed."""
    pool = [[line + "\n" for line in noise(group)] for group in range(GROUPS)]
    messages = []
    with open(path, "w", encoding="ascii") as file:
        for group in range(lines // GROUP_LINES):
            text = pool[group % GROUPS]
            if group * GROUP_LINES % LOGIN_EVERY == 0:
                messages.append(login(len(messages)))
                text = text.copy()
                text[1 + group % (GROUP_LINES - 1)] = f"sshd[{1000 + group}]: {messages[-1]}\n"
            begin = header(group, iso)
            file.write(begin + begin.join(text))
    return messages, {m for n, m in enumerate(messages) if address(n) != ALLOWED}
