#!/usr/bin/env python3
"""
The Perl script that mailed logins (tests/data/old-remedy.pl) and loginbell side by side, on the same
log and through the same sendmail: the same mails where the script was right, the right ones where
it was not.
"""

import os
import time

import harness
from harness import DOMAIN, HOSTNAME, WORK, body, run, write
from tap import case, expect_equal, expect_in, main

SCRIPT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                      "data/old-remedy.pl")
SENDMAIL = "/usr/bin/msmtp"
LOG = "/var/log/auth.log"
HEADER = time.strftime(f"%b %e %H:%M:%S {HOSTNAME} sshd[123]: ")
HEADER_ISO = time.strftime(f"%Y-%m-%dT%H:%M:%S%z {HOSTNAME} sshd[123]: ")
KEY = "ED25519 SHA256:2wpcoO03z6B/SdA9uXARyy8EG25eEiG0ymJxDjYvvg4"
KNOWN = r"122\.123\.123\.111"
FAITHFUL = "MaxPerMail=1\n[Match]\nMethods=publickey\n"  # with Interval=0: a mail for each login


def accepted(address, user="root", method="publickey"):
    return f"Accepted {method} for {user} from {address} port 40000 ssh2" + (
        f": {KEY}" if method == "publickey" else "")


def log_of(*messages, header=HEADER):
    return "".join(f"{header}{message}\n" for message in messages)


def text_of(mail):
    return body(mail).replace("\r\n", "\n")


def address_of(mail):
    """What the subject names as the address."""
    return mail["Subject"].removeprefix("Server login from ")


class Remedies:
    """Both, with the same whitelist, the same recipients and the same sendmail."""

    def __init__(self, host, whitelist=KNOWN, known=KNOWN, extra=FAITHFUL, templates=True):
        self.host, self.known = host, known
        template = write(f"{WORK}/body", "${message}\n")
        host.configure(server=f"sendmail:{SENDMAIL}", tls="auto", source="file", extra=extra,
                       mail_extra=f"Subject=Server login from ${{addr}}\nBodyFile={template}\n"
                       if templates else "")
        write(host.whitelist, whitelist + "\n")

    def _mails(self, act):
        del self.host.mailbox.mails[:]
        act()
        return list(self.host.mailbox.mails)

    def script(self, log):
        return self._mails(lambda: run(
            "perl", SCRIPT, self.known, SENDMAIL, f"admin@{DOMAIN}", f"second.admin@{DOMAIN}",
            input=log))

    def loginbell(self, log=None):
        """What scan mails: of this log, or of the log file since the last time."""
        if log is None:
            return self._mails(lambda: self.host.command("scan"))
        return self._mails(lambda: self.host.command("scan", "--log-file=-", input=log))


@case
def the_same_mail_comes_from_both(host):
    both = Remedies(host)
    log = log_of(accepted("203.0.113.9"))
    [old] = both.script(log)
    [new] = both.loginbell(log)
    for name in ("To", "From", "Subject"):
        expect_equal(new[name], old[name], name)
    expect_equal(new["To"], f"admin@{DOMAIN}, second.admin@{DOMAIN}")
    expect_equal(new["Subject"], "Server login from 203.0.113.9")
    expect_equal((new.envelope_from, new.envelope_to), (old.envelope_from, old.envelope_to))
    expect_equal(len(new.envelope_to), 2)
    # The line's time, host and process are ${time}, ${host} and not told; the message is the same.
    expect_equal(HEADER + text_of(new), text_of(old))


@case
def each_login_has_its_mail_from_both_and_who_is_known_has_none(host):
    log = log_of(accepted("203.0.113.9"), "Failed password for root from 203.0.113.9 port 1 ssh2",
                 accepted("122.123.123.111"), accepted("2001:db8::7", "alice"),
                 accepted("198.51.100.8", "bob"))
    for whitelist in (KNOWN, "122.123.123.111", f"^{KNOWN}$", f"# the office\n\n{KNOWN}",
                      "122.123.123.111/32 # the office"):
        both = Remedies(host, whitelist)
        old, new = both.script(log), both.loginbell(log)
        expect_equal([m["Subject"] for m in new], [m["Subject"] for m in old], whitelist)
        expect_equal([HEADER + text_of(m) for m in new], [text_of(m) for m in old], whitelist)
        expect_equal(len(new), 3)


@case
def a_known_address_silences_no_other(host):
    log = log_of(accepted("11.2.3.40"), accepted("1.2.3.4"))
    for whitelist in ("1.2.3.4", r"1\.2\.3\.4"):
        both = Remedies(host, whitelist, whitelist)
        expect_equal(both.script(log), [])
        expect_equal([address_of(m) for m in both.loginbell(log)], ["11.2.3.40"])


@case
def the_address_is_known_whatever_the_time_looks_like(host):
    both = Remedies(host)
    log = log_of(accepted("203.0.113.9"), header=HEADER_ISO)
    expect_equal([address_of(m) for m in both.script(log)], ["40000"])
    expect_equal([address_of(m) for m in both.loginbell(log)], ["203.0.113.9"])


@case
def the_name_of_a_user_is_no_login(host):
    both = Remedies(host)
    log = log_of("Failed password for invalid user Accepted publickey for root from 203.0.113.9 "
                 "from 198.51.100.66 port 4711 ssh2")
    expect_equal(len(both.script(log)), 1)
    expect_equal(both.loginbell(log), [])


@case
def an_address_that_somebody_else_wrote_silences_nothing(host):
    both = Remedies(host)
    log = log_of(f"Accepted publickey for root from 203.0.113.9 port 40000 ssh2: ED25519-CERT "
                 f"{KEY.split()[1]} ID 122.123.123.111 (serial 1) CA {KEY}")
    expect_equal(both.script(log), [])
    expect_equal([address_of(m) for m in both.loginbell(log)], ["203.0.113.9"])


@case
def passwords_are_seen_unless_only_keys_are_asked_for(host):
    log = log_of(accepted("203.0.113.9", method="password"))
    expect_equal(Remedies(host).script(log), [])
    expect_equal(Remedies(host).loginbell(log), [])
    [mail] = Remedies(host, extra="").loginbell(log)
    expect_equal(address_of(mail), "203.0.113.9")


@case
def the_next_start_mails_only_what_is_new(host):
    both = Remedies(host)
    write(LOG, log_of(accepted("198.51.100.8")))
    expect_equal(both.loginbell(), [])  # the first start begins at the end
    for number in (1, 2):
        with open(LOG, "a", encoding="ascii") as file:
            file.write(log_of(accepted(f"203.0.113.{number}")))
        with open(LOG, encoding="ascii") as file:
            expect_equal(len(both.script(file.read())), 1 + number)
        expect_equal([address_of(m) for m in both.loginbell()], [f"203.0.113.{number}"])
    expect_equal(both.loginbell(), [])


@case
def several_logins_go_in_one_mail_unless_told_otherwise(host):
    log = log_of(accepted("203.0.113.9"), accepted("198.51.100.8"))
    [mail] = Remedies(host, extra="[Match]\nMethods=publickey\n").loginbell(log)
    expect_equal(mail["Subject"], "Server login from 203.0.113.9 (and 1 more)")
    expect_equal(text_of(mail), f"{accepted('203.0.113.9')}\n{accepted('198.51.100.8')}\n")
    [mail] = Remedies(host, extra="", templates=False).loginbell(log)
    expect_in("2 SSH logins, 1 user, 2 addresses", mail["Subject"])


if __name__ == "__main__":
    the_host = harness.start()
    the_host.mailbox = harness.Mailbox(tls=False, auth=False).start()
    write("/etc/msmtprc", f"account default\nhost {harness.MAIL}\nport {the_host.mailbox.port}\n"
          f"from loginbell@{HOSTNAME}.{DOMAIN}\ntls off\nauth off\n")
    main(the_host)
