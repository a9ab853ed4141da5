#!/usr/bin/python3
"""What a test mail says about a mail server that does not take it: what was tried, what answered
and what to change. Prints TAP, and with it each sentence.

Usage: test_test_mail.py [TEST…]; $LOGINBELL_DELIVER is the program. Needs openssl; no root.
"""
import base64
import functools
import hashlib
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import warnings

from deliver_scene import equal, main, password_file, test
from mail_server import DEADLINE, Server


URL = r"smtps?://[^ ]+"


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@functools.cache
def directory():
    return tempfile.TemporaryDirectory()


@functools.cache
def certificate(name, subject="127.0.0.1", signer="ca", end=None):
    """The path, without .pem and .key, of one for @subject; signed by itself where signer is None.
    Its @end is two days from now."""
    path = f"{directory().name}/{name}"
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
           "-keyout", f"{path}.key"]
    if signer is None:
        extensions = ["-addext", f"subjectAltName=IP:{subject}"] if subject else []
        openssl("req", "-x509", *key, "-days", "2", *extensions, "-out", f"{path}.pem")
        return path
    authority = certificate(signer, None, None)
    openssl("req", *key, "-out", f"{path}.req")
    kind = "IP" if subject[0].isdigit() else "DNS"
    with open(f"{path}.ext", "w") as f:
        f.write(f"subjectAltName={kind}:{subject}\n")
    where = ["-in", f"{path}.req", "-extfile", f"{path}.ext", "-out", f"{path}.pem"]
    if end:  # only "openssl ca" of all versions makes one that has expired
        open(f"{path}.index", "w").close()
        with open(f"{path}.conf", "w") as f:
            f.write(f"[ca]\ndefault_ca=it\n[it]\ndatabase={path}.index\n"
                    f"new_certs_dir={directory().name}\nrand_serial=yes\ndefault_md=sha256\n"
                    "policy=names\n[names]\ncommonName=supplied\n")
        openssl("ca", "-batch", "-notext", "-config", f"{path}.conf", "-cert", f"{authority}.pem",
                "-keyfile", f"{authority}.key", "-startdate", "20200101000000Z", "-enddate", end,
                *where)
    else:
        openssl("x509", "-req", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key",
                "-CAcreateserial", "-days", "2", *where)
    return path


def tls(path, **more):
    """A server's context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path + ".pem", path + ".key")
    for key, value in more.items():
        setattr(context, key, value)
    return context


def pin(path):
    """As PinnedKey= wants it."""
    der = subprocess.run(f"openssl x509 -in {path}.pem -pubkey -noout | openssl pkey -pubin "
                         "-outform der", shell=True, check=True, capture_output=True).stdout
    return "sha256//" + base64.b64encode(hashlib.sha256(der).digest()).decode()


def ca(name="ca"):
    return f"CaFile={certificate(name, None, None)}.pem\n"


def says(state, sentence, servers, extra="", status=1):
    """Sends a test mail; @sentence is a pattern of what is said of it after the server's URL."""
    state.config(servers, extra=extra)
    p = subprocess.run(state.command("--test"), capture_output=True, timeout=DEADLINE,
                       env=dict(os.environ, LANG="C.UTF-8"))
    said = (p.stdout if status == 0 else p.stderr).decode().strip()
    print(f"# {said}", flush=True)
    equal(p.returncode, status)
    lead = r"(.*\n)?loginbell-deliver: \[Mail\]: " if status else "admin@example.net: "
    text = re.sub(f"^{lead}({URL}: )?", "", said)
    if not re.fullmatch(sentence, text):
        raise AssertionError(f"{text!r} is not {sentence!r}")


def answers(**replies):
    """A hook that gives these replies; POINT stands for the end of the mail."""
    return lambda verb, argument, session: replies.get("POINT" if verb == "." else verb)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@test
def refused_connection(state):
    says(state, r"at connecting: .*Could.* connect to server "
         r"\(is the mail server running, and the port in Server= right\?\)",
         f"smtp://127.0.0.1:{free_port()}")


@test
def no_such_host(state):
    says(state, r"at connecting: Could not resolve host: mail.invalid "
         r"\(is the host name in Server= right, and does the resolver work\?\)",
         "smtp://mail.invalid")


@test
def no_route(state):
    says(state, r"at connecting: .*\(is the mail server running, and the port in Server= right\?\)",
         "smtp://255.255.255.255")


TIMED_OUT = (r"at connecting: .*timed out.* \(is the port in Server= right\? A port with implicit TLS "
             r"needs smtps://; or a firewall is in the way\)")


@test
def silence(state):
    with Server(lambda v, a, s: lambda sock: sock.recv(1) and "close") as server:
        says(state, TIMED_OUT, server, "Timeout=1s")


@test
def tls_to_a_plain_port(state):
    with Server() as server:
        says(state, r"at connecting: .*\(does the server speak TLS at this port\? "
             r"For STARTTLS use smtp://\)", f"smtps://127.0.0.1:{server.port}", ca())


@test
def plain_to_a_tls_port(state):
    with Server(tls=tls(certificate("good"))) as server:
        says(state, TIMED_OUT, server, "Timeout=1s")


@test
def no_starttls(state):
    with Server() as server:
        says(state, r"at EHLO: STARTTLS not supported\. "
             r"\(the server offers no STARTTLS, which Tls= or User= requires\)", server,
             "Tls=required")


UNTRUSTED = (r" \(Server= must name the host as its certificate does, CaFile= who signed it, "
             r"or PinnedKey= its key; an expired one must be renewed\)")


def certificate_test(name, path, extra, sentence):
    def run(state):
        with Server(starttls=tls(path())) as server:
            says(state, "at STARTTLS: " + sentence, server, "Tls=required\n" + extra())
    run.__name__ = name
    test(run)


certificate_test("certificate_expired", lambda: certificate("expired", end="20200102000000Z"), ca,
                 ".*certificate has expired" + UNTRUSTED)
certificate_test("certificate_of_its_own", lambda: certificate("own", signer=None), ca,
                 ".*self.signed certificate" + UNTRUSTED)
certificate_test("certificate_wrong_name", lambda: certificate("other", "mail.example.net"), ca,
                 ".*subject name.*" + UNTRUSTED)
certificate_test("certificate_unknown_ca", lambda: certificate("good"), lambda: ca("another"),
                 ".*unable to get local issuer certificate" + UNTRUSTED)
certificate_test("certificate_system_store", lambda: certificate("good"), str,
                 ".*unable to get local issuer certificate" + UNTRUSTED)
certificate_test("pinned_key_of_another", lambda: certificate("good"),
                 lambda: f"PinnedKey={pin(certificate('other', 'mail.example.net'))}\n",
                 r".*\(the server's key is not that of PinnedKey=\)")
certificate_test("ca_file_is_missing", lambda: certificate("good"),
                 lambda: "CaFile=/nowhere/ca.pem\n",
                 r".*/nowhere/ca.pem.* \(CaFile= cannot be read\)")
certificate_test("client_cert_is_missing", lambda: certificate("good"),
                 lambda: ca() + "ClientCert=/nowhere/c.pem\nClientKey=/nowhere/c.key\n",
                 r".*/nowhere/c.pem.* \(ClientCert= or ClientKey= cannot be used\)")


@test
def old_protocol(state):
    context = tls(certificate("good"))
    context.set_ciphers("ALL:@SECLEVEL=0")
    warnings.simplefilter("ignore")  # about old protocols, which this is
    context.minimum_version, context.maximum_version = (ssl.TLSVersion.TLSv1_1,) * 2
    with Server(starttls=context) as server:
        says(state, r"at STARTTLS: .* \(see TlsMinimum=, ClientCert= and the server's log\)",
             server, "Tls=required\n" + ca())


@test
def client_certificate(state):
    context = tls(certificate("good"), verify_mode=ssl.CERT_REQUIRED)
    context.load_verify_locations(certificate("ca", None, None) + ".pem")
    client = certificate("client", "web1.example.net")
    with Server(starttls=context) as server:
        says(state, r"at (STARTTLS|EHLO): .* \(see TlsMinimum=, ClientCert= and the server's log\)",
             server, "Tls=required\n" + ca())
        says(state, "250 queued as 4711", server,
             f"Tls=required\n{ca()}ClientCert={client}.pem\nClientKey={client}.key\n", status=0)


@test
def opportunistic(state):
    for path in (certificate("expired", end="20200102000000Z"), certificate("own", signer=None),
                 certificate("other", "mail.example.net")):
        with Server(starttls=tls(path)) as server:
            says(state, "250 queued as 4711", server, "Tls=opportunistic",
                 status=0)
            equal([m.tls for m in server.mails], [True])
    with Server(starttls=tls(certificate("good"))) as server:
        says(state, "at STARTTLS: .*" + UNTRUSTED, server, "Tls=opportunistic\n" + ca("another"))


LATER = r" \(a temporary refusal, e\.g\. greylisting or a limit: it is tried again\)"


@test
def authentication(state):
    good = ca() + f"User=bell\nPasswordFile={password_file(state)}\n"
    context = tls(certificate("good"))
    mechanism = (r"at EHLO: Login denied "
                 r"\(the server offers no usable mechanism: see Auth=\)")
    with Server(answers(CREDENTIALS="535 5.7.8 wrong"), starttls=context, auth=["PLAIN"]) as server:
        says(state, r"at AUTH the server said: 535 5.7.8 wrong "
             r"\(see User=, PasswordFile= and Auth=\)", server, good)
        server.hook = answers(CREDENTIALS="454 4.7.0 later")
        says(state, r"at AUTH the server said: 454 4.7.0 later "
             r"\(the server cannot check the password now: see its log\)", server, good)
        says(state, mechanism, server, good + "Auth=LOGIN\n")
        server.auth = ["GSSAPI"]
        says(state, mechanism, server, good)
        server.auth = ()
        says(state, r"at EHLO: the server offers no AUTH, and User= is set: nothing was sent "
             r"\(is this the right server or port, or User= not needed\?\)", server, good)
        server.hook = answers(EHLO="421 too many")
        says(state, "at EHLO the server said: 421 too many" + LATER, server, good)


@test
def passwords(state):
    path = state.directory + "/p"
    extra = f"{ca()}User=bell\nPasswordFile={path}\n"
    with Server() as server:
        says(state, f"the password in {path} cannot be read by uid .*: No such file or directory",
             server, extra)
        for content, mode, sentence in (
                ("", 0o600, "holds no password"), ("\n", 0o600, "holds no password"),
                ("secret", 0o604, r"may be read by others \(mode 0604\); chmod o-rwx it")):
            with open(path, "w") as f:
                f.write(content)
            os.chmod(path, mode)
            says(state, f"{path} {sentence}", server, extra)
        os.unlink(path)
        os.mkdir(path, 0o700)
        says(state, f"the password in {path} cannot be read by uid .*: Is a directory",
             server, extra)
        says(state, "User= is set, but there is no password: neither PasswordFile= nor the "
             "credential loginbell.smtp-password", server, "User=bell")
        equal(server.connections, 0)


@test
def refusals(state):
    itself = r" \(the message itself was refused: see the server's log\)"
    recipient = r" \(see To=; a server that refuses to relay requires User= and PasswordFile=\)"
    for replies, advice in (
            ({"GREETING": "554 5.7.1 no service for you"},
             r" \(the server rejects this host: ask its administrator, or see Server=\)"),
            ({"GREETING": "421 4.7.0 too many connections"}, LATER),
            ({"EHLO": "550 bad name", "HELO": "550 bad name"}, r" \(see EhloName=\)"),
            ({"MAIL": "550 5.1.8 sender unknown"}, r" \(see From= and EnvelopeFrom=\)"),
            ({"MAIL": "530 5.7.0 authenticate first"},
             r" \(the server requires authentication: see User= and PasswordFile=\)"),
            ({"MAIL": "450 4.7.1 slow down"}, LATER),
            ({"RCPT": "550 5.1.1 no such user"}, recipient),
            ({"RCPT": "554 5.7.1 relay access denied"}, recipient),
            ({"RCPT": "451 4.7.1 greylisted, come back"}, LATER),
            ({"RCPT": "452 4.2.2 mailbox full"}, LATER),
            ({"DATA": "554 no valid recipients"}, itself),
            ({"POINT": "552 5.3.4 too large"}, r" \(the message is too large: see MaxPerMail=\)"),
            ({"POINT": "554 5.7.1 spam"}, itself),
            ({"POINT": "451 4.3.0 later"}, LATER)):
        stage, reply = list(replies.items())[0]
        stage = {"GREETING": "the greeting", "POINT": "the message"}.get(stage, stage)
        with Server(answers(**replies)) as server:
            says(state, f"at {stage} the server said: {re.escape(reply)}{advice}", server)


@test
def a_server_that_dies_before_its_250(state):
    with Server(answers(POINT="close")) as server:
        says(state, r"at the message: .* \(see the server's log\) \(the server may have accepted it\)",
             server)


@test
def one_recipient_of_two_is_refused(state):
    def hook(verb, argument, _):
        return "550 5.1.1 no such user" if verb == "RCPT" and "bad@" in argument else None
    with Server(hook) as server:
        state.config(server, mail="To=good@example.net bad@example.net")
        p = subprocess.run(state.command("--test"), capture_output=True, timeout=DEADLINE)
        said, failed = p.stdout.decode(), p.stderr.decode()
        print(f"# {said}# {failed}", end="", flush=True)
        equal(p.returncode, 1)
        assert re.fullmatch(f"good@example.net: {URL}: 250 queued as 4711\n", said), said
        assert re.fullmatch("loginbell-deliver: recipient bad@example.net was refused: "
                            f"{URL}: at RCPT the server said: 550 5.1.1 no such user .*\n",
                            failed), failed


@test
def sendmail(state):
    path = state.directory + "/sendmail"
    says(state, f"{path} cannot be run: No such file or directory \\(see Server=\\)",
         f"sendmail:{path}")
    for script, mode, sentence in (
            ("exit 0", 0o644, r"cannot be run: Permission denied \(see Server=\)"),
            ("cat >/dev/null; echo queue full >&2; exit 75", 0o755,
             r"ended with exit status 75 \(EX_TEMPFAIL\): queue full"),
            ("exit 67", 0o755, r"ended with exit status 67 \(EX_NOUSER: see To=\)"),
            ("exit 77", 0o755, r"ended with exit status 77 \(EX_NOPERM: see EnvelopeFrom=\)"),
            ("exit 3", 0o755, r"ended with exit status 3 \(see its log\)"),
            ("cat >/dev/null; sleep 100", 0o755,
             r"did not end in time \(see its log, and Timeout=\) \(the server may have accepted it\)"),
            ("cat >/dev/null; kill -9 $$", 0o755,
             r"was killed by signal 9 \(the server may have accepted it\)")):
        if os.path.exists(path):
            os.unlink(path)
        with open(path, "w") as f:
            f.write(f"#!/bin/sh\n{script}\n")
        os.chmod(path, mode)
        says(state, f"{path} {sentence}", f"sendmail:{path}",
             "Timeout=2s" if "sleep" in script else "")


if __name__ == "__main__":
    sys.exit(main())
