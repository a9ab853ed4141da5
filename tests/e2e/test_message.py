#!/usr/bin/python3
"""Mails as a parser of somebody else reads them.

The compose program (argument 1) makes a mail from alert blocks; Python's email package takes it
apart. What comes out must be what was meant, whatever bytes the logs hold.
"""

import email
import email.policy
import os
import random
import re
import subprocess
import sys
import unittest

import tap

COMPOSE = sys.argv.pop(1)
NOW = 1795406706000000
FINGERPRINT = "SHA256:" + "0123456789" * 4 + "abc"

BEFORE = ["Date", "From", "To", "Message-ID", "In-Reply-To", "References", "Subject",
          "Auto-Submitted", "X-Auto-Response-Suppress", "X-Loginbell-Event"]
FILTERS = ["X-Loginbell-Host", "X-Loginbell-User", "X-Loginbell-Addr", "X-Loginbell-Method",
           "X-Loginbell-Key"]
AFTER = ["X-Loginbell-Count", "X-Loginbell-Verdict", "MIME-Version", "Content-Type",
         "Content-Transfer-Encoding"]


def escape(value):
    """As a block of the ledger escapes a value to one line."""
    out = bytearray()
    for byte in value:
        if byte == 0x5c:
            out += b"\\\\"
        elif byte < 0x20 or byte == 0x7f:
            out += b"\\x%02x" % byte
        else:
            out.append(byte)
    return bytes(out)


def block(**fields):
    values = {"KIND": "login", "SEQ": "1", "ID": "%032x" % 7, "TIME_USEC": str(NOW),
              "NOTED_USEC": str(NOW), "SOURCE": "journal", "HOST": "web1", "READABLE": "1",
              "TRUSTED": "1", "METHOD": "publickey", "USER": "root", "ADDR": "203.0.113.9",
              "PORT": "50022", "KEY_TYPE": "ED25519", "FINGERPRINT": FINGERPRINT,
              "REASON": "no rule allows it", "MESSAGE": "Accepted publickey for root"}
    values.update(fields)
    out = b""
    for key, value in values.items():
        if value is not None:
            raw = value if isinstance(value, bytes) else value.encode()
            out += key.encode() + b"=" + escape(raw) + b"\n"
    return out + b"\n"


def is_stopped(c):
    """The characters that text/display.h says never pass."""
    o = ord(c)
    ranges = [(0, 0x1f), (0x7f, 0x9f), (0xad, 0xad), (0x34f, 0x34f), (0x61c, 0x61c),
              (0x115f, 0x1160), (0x17b4, 0x17b5), (0x180b, 0x180f), (0x200b, 0x200f),
              (0x2028, 0x202e), (0x2060, 0x206f), (0x2800, 0x2800), (0x3164, 0x3164),
              (0xfdd0, 0xfdef), (0xfe00, 0xfe0f), (0xfeff, 0xfeff), (0xffa0, 0xffa0),
              (0xfff0, 0xfffb), (0xe0000, 0xe0fff)]
    return o & 0xfffe == 0xfffe or any(low <= o <= high for low, high in ranges)


def shown(value):
    """What display_append() makes of bytes, by Python's own decoder."""
    raw = value if isinstance(value, bytes) else value.encode()
    out = ""
    for c in raw.decode("utf-8", "surrogateescape"):
        o = ord(c)
        if 0xdc80 <= o <= 0xdcff:
            out += "\\x%02X" % (o - 0xdc00)
        elif is_stopped(c):
            out += "\\x%02X" % o if o < 0x80 else "\\u{%04X}" % o
        else:
            out += c
    return out


def compose(blocks, *options):
    args = [COMPOSE, "to=root@example.org", f"now={NOW}", *options]
    result = subprocess.run(args, input=blocks, capture_output=True, check=False,
                            env={**os.environ, "TZ": "UTC"})
    if result.returncode != 0:
        raise AssertionError(result.stderr.decode())
    return result.stdout


HOSTILE = [
    b"root\r\nBcc: victim@example.org",
    b"root\nBcc: victim@example.org\n\nbody",
    b"\r\n.\r\nMAIL FROM:<x@example.org>\r\n",
    b".", b"..", b".\n.", b"From me", b"From ", b">From x",
    b"--boundary", b"--", b"-- ", b"=?utf-8?q?x?=", b"=?UTF-8?B?cm9vdA==?=", b"a =?utf-8?q?b?= c",
    b"=?", b"?=", b"=", b"=3D", b"=\r\n", b"_", b"a_b", b"a?b", b"a=b",
    b"\x1b[31mred\x1b[0m\x1b]0;title\x07", b"\x00", b"a\x00b", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80",
    "evil\u202etxt.exe".encode(), "zero\u200bwidth".encode(), "\ufeffbom".encode(),
    "jos\u00e9".encode(), "\u5c71\u7530\u592a\u90ce".encode(), "\U0001f514\U0001f512".encode(),
    "\u05d0\u05d1\u05d2".encode(), "e\u0301".encode(), b" leading", b"trailing ", b"a  b", b" ", b"\t",
    b"a\\b", b"DOMAIN\\first last", b"\\xFF", b'"quoted"', b"(comment)", b"<a@b>", b"a,b;c:d", b"@",
    b"${user}", b"$$", b"%s%n", b"x" * 74, b"x" * 75, b"x" * 76, b"x" * 77, b"x" * 200,
    "\u00e9".encode() * 100, b"a b " * 60, b"\xe2\x80" * 40, b"'; rm -rf /", b"UNKNOWN",
]


class Mails(unittest.TestCase):
    maxDiff = None

    def read(self, raw, headers=None):
        """Checks the outer form; gives the parsed mail and its decoded text."""
        self.assertTrue(raw.endswith(b"\r\n"))
        self.assertNotRegex(raw, rb"[^\x20-\x7e\r\n]")
        self.assertNotRegex(raw, rb"\r(?!\n)|(?<!\r)\n")
        for line in raw.split(b"\r\n"):
            self.assertLessEqual(len(line), 76)
            self.assertFalse(line.startswith((b".", b"From ")) and b": " not in line, line)
            self.assertFalse(line.endswith(b" "), line)
        for word in re.findall(rb"=\?UTF-8\?[QB]\?[^?]*\?=", raw.split(b"\r\n\r\n")[0]):
            self.assertLessEqual(len(word), 75)
            # Each word alone is whole characters (RFC 2047, section 5).
            ((text, _),) = email.header.decode_header(word.decode())
            text.decode("utf-8")
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        self.assertEqual(list(mail.defects), [])
        for name, value in mail.items():
            self.assertEqual(list(value.defects), [], name)
        if headers is not None:
            self.assertEqual(mail.keys(), headers)
        self.assertFalse(mail.is_multipart())
        self.assertEqual(mail.get_content_type(), "text/plain")
        self.assertEqual(mail.get_content_charset(), "utf-8")
        text = mail.get_payload(decode=True).decode("utf-8").replace("\r\n", "\n")
        self.assertNotIn("\r", text)
        return mail, text

    def test_hostile_messages_come_through_as_shown(self):
        for message in HOSTILE + [b"\n".join(HOSTILE), bytes(range(256)) * 4]:
            with self.subTest(message=message):
                raw = compose(block(MESSAGE=message), "body=${message}")
                _, text = self.read(raw, BEFORE + FILTERS + AFTER)
                self.assertEqual(text, shown(message) + "\n")

    def test_hostile_users_stay_in_their_place(self):
        for user in HOSTILE:
            with self.subTest(user=user):
                raw = compose(block(USER=user), "subject=<${user}>", "body=${user}")
                mail, text = self.read(raw, BEFORE + FILTERS + AFTER)
                self.assertEqual(mail["Subject"], "<" + shown(user) + ">")
                self.assertEqual(mail["X-Loginbell-User"].strip(), shown(user).strip())
                self.assertEqual(text, shown(user) + "\n")

    def test_hostile_values_in_every_field(self):
        names = ["USER", "ADDR", "METHOD", "HOST", "KEY_TYPE", "FINGERPRINT", "CERT_ID",
                 "CERT_SERIAL", "CA_FINGERPRINT", "EXTRA", "REASON", "SOURCE", "PROGRAM", "COMM",
                 "MESSAGE", "ID", "POSITION"]
        for value in HOSTILE:
            for kind in "login", "forged", "gap", "instance", "heartbeat":
                with self.subTest(value=value, kind=kind):
                    fields = {name: value for name in names}
                    raw = compose(block(KIND=kind, **fields) + block(KIND=kind, **fields))
                    mail, _ = self.read(raw)
                    self.assertEqual(set(mail.keys()) - set(BEFORE + FILTERS + AFTER), set())
                    self.assertEqual(len(mail.keys()), len(set(mail.keys())))

    def test_random_text_comes_through_as_shown(self):
        rng = random.Random(20261123)
        alphabet = ([bytes([b]) for b in range(256)] + [b" ", b"=", b"?", b"_", b".", b"=?"] * 6 +
                    [c.encode() for c in "aeiou\u00e9\u20ac\u5c71\U0001f514\u202e\u200d"] * 6)
        for _ in range(150):
            user = b"".join(rng.choices(alphabet, k=rng.randrange(1, 60)))[:90]
            message = b"".join(rng.choices(alphabet, k=rng.randrange(0, 400)))
            with self.subTest(user=user, message=message):
                raw = compose(block(USER=user, MESSAGE=message or b"x"),
                              "subject=[${user}]", "body=${message}")
                mail, text = self.read(raw, BEFORE + FILTERS + AFTER)
                self.assertEqual(mail["Subject"], "[" + shown(user) + "]")
                self.assertEqual(text, shown(message or b"x") + "\n")

    def test_long_users_are_whole_in_the_text_only(self):
        for user in b"x" * 10000, "\u00e9".encode() * 5000, b"\xff" * 10000, b"word " * 2000:
            with self.subTest(user=user[:8]):
                mail, text = self.read(compose(block(USER=user)))
                self.assertIn("user: " + shown(user) + "\n", text)
                self.assertLess(len(mail["Subject"]), 100)
                self.assertIn("...", mail["Subject"])

    def test_lines_at_the_limit(self):
        for n in range(70, 82):
            for message in b"a" * n, b"a" * (n - 1) + b" ", b"=" * n, b". " * n, b"From " * n:
                with self.subTest(message=message):
                    raw = compose(block(MESSAGE=message), "body=${message}")
                    self.assertEqual(self.read(raw)[1], shown(message) + "\n")

    def test_plain_text_goes_as_7bit(self):
        mail, text = self.read(compose(block(), "body=${user}\nfrom ${addr}\n"))
        self.assertEqual(mail["Content-Transfer-Encoding"], "7bit")
        self.assertEqual(text, "root\nfrom 203.0.113.9\n")

    def test_template_text_is_kept(self):
        body = "Caf\u00e9 = ${user}\r\n\n.\nFrom here\ntrailing \n-- \n"
        mail, text = self.read(compose(block(), "body=" + body))
        self.assertEqual(mail["Content-Transfer-Encoding"], "quoted-printable")
        self.assertEqual(text, body.replace("${user}", "root").replace("\r\n", "\n"))

    def test_addresses_are_listed_and_folded(self):
        to = [f"to=admin{i:02}@mail.example.org" for i in range(20)]
        mail, _ = self.read(compose(block(), *to, "from=bell@example.org"))
        self.assertEqual([a.addr_spec for a in mail["To"].addresses[1:]], [t[3:] for t in to])
        self.assertEqual(mail["From"].addresses[0].addr_spec, "bell@example.org")

    def test_a_bare_local_part_means_this_host(self):
        mail, _ = self.read(compose(block(), "to=admin"))
        self.assertEqual(mail["To"], "root@example.org, admin@web1.example.org")

    def test_the_message_id_is_of_the_alerts(self):
        one, two = block(ID="%032x" % 1), block(ID="%032x" % 2)
        ids = {}
        for name, blocks in (("1", one), ("2", two), ("12", one + two), ("21", two + one)):
            mail, _ = self.read(compose(blocks))
            ids[name] = mail["Message-ID"]
            self.assertRegex(ids[name], r"^<[0-9a-f]{32}@web1\.example\.org>$")
            self.assertEqual(self.read(compose(blocks, f"now={NOW + 1}"))[0]["Message-ID"],
                             ids[name])
        self.assertEqual(len(set(ids.values())), 4)

    def test_strange_domains_make_valid_ids(self):
        for fqdn, right in (("", "web1"), ("a..b.", "a.b"), (".", "localhost"), ("h\r\nX: y", "hXy"),
                            ("d" * 300, "d" * 40), ("e\u00e9.org", "e.org"),
                            ("ip-192-0-2-1.eu-central-1.compute.example.org",
                             "eu-central-1.compute.example.org")):
            with self.subTest(fqdn=fqdn):
                mail, _ = self.read(compose(block(), "fqdn=" + fqdn))
                self.assertEqual(mail["Message-ID"].split("@")[1], right + ">")

    def test_mails_thread_by_host_and_user(self):
        def root(blocks):
            mail, _ = self.read(compose(blocks))
            self.assertEqual(mail["In-Reply-To"], mail["References"])
            self.assertNotEqual(mail["References"], mail["Message-ID"])
            return mail["References"]

        self.assertEqual(root(block(ADDR="192.0.2.1")), root(block(ADDR="192.0.2.2", ID="2")))
        self.assertNotEqual(root(block()), root(block(USER="backup")))
        self.assertNotEqual(root(block()), root(block(HOST="web2")))
        self.assertEqual(root(block() * 2), root(block(USER="a") + block(USER="b")))
        self.assertNotEqual(root(block() * 2), root(block()))

    def test_a_thousand_logins_are_all_listed(self):
        blocks = b"".join(block(ID="%032x" % i, USER=f"user{i}", ADDR=f"192.0.2.{i % 256}",
                                HOST=f"web{i % 3}") for i in range(1000))
        mail, text = self.read(compose(blocks))
        self.assertEqual(mail["Subject"], "[3 hosts] 1000 SSH logins, 1000 users, 256 addresses")
        for i in range(1000):
            self.assertRegex(text, rf"(?m)\b(user: |web{i % 3}: )user{i}\b")

    def test_the_worst_thousand_fits(self):
        names = ["USER", "METHOD", "HOST", "FINGERPRINT", "CERT_ID", "SOURCE", "REASON", "MESSAGE"]
        for value in b"\xff" * 20000, "\u5c71".encode() * 10000, b"=" * 60000:
            raw = compose(block(**{name: value for name in names}) +
                          b"".join(block(ID=str(i), USER=value[:900], METHOD=value[:900],
                                         HOST=value[:90] + b"%d" % i, FINGERPRINT=value[:900])
                                   for i in range(999)))
            self.read(raw)


if __name__ == "__main__":
    tap.main_unittest()
