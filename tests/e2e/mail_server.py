"""
An SMTP server that does what it is told, for tests of the sender.

    with Server(lambda verb, argument, session: "451 later" if verb == "MAIL" else None) as server:
        ...
        server.mails, server.commands, server.bodies
"""

import base64
import contextlib
import email
import email.policy
import re
import socket
import threading
import time

DEADLINE = 60  # seconds; only a failing test waits for that long


def wait_for(condition, what):
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"timeout: {what}")


class Mail:
    def __init__(self, sender, rcpts, data, session):
        self.sender, self.rcpts, self.data = sender, rcpts, data
        self.tls, self.login, self.ehlo = session.tls, session.login, session.ehlo
        self.message = email.message_from_bytes(data, policy=email.policy.default)
        self.text = self.message.get_content()
        self.id = self.message["Message-ID"]


class Session:
    tls = False
    login = None
    ehlo = None


class Server:
    """One thread a connection. hook(verb, argument, session) may give a reply of its own, or
    "close", or a function of the socket that may; bytes go out as they are. Verb is "GREETING" at
    first, "HANDSHAKE" before that of TLS, "CREDENTIALS" at the end of AUTH, "BODY" before the mail
    is read, and "." after it, with the mail as the argument. A slow server sends each byte by
    itself."""

    def __init__(self, hook=None, tls=None, starttls=None, auth=(), port=0, slow=False):
        self.hook, self.tls, self.starttls, self.auth = hook, tls, starttls, auth
        self.slow = slow
        self.mails, self.commands, self.bodies = [], [], []
        self.connections = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.open = set()
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for s in list(self.open):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        self.open.add(s)
        try:
            self.talk(s)
        except (OSError, ValueError, EOFError):
            pass
        finally:
            self.open.discard(s)
            with contextlib.suppress(OSError):
                s.close()

    def talk(self, s):
        session = Session()
        if self.tls:
            s = self.tls.wrap_socket(s, server_side=True)
            session.tls = True
        state = {"s": s, "f": s.makefile("rb")}

        def say(text):
            data = text if isinstance(text, bytes) else text.encode() + b"\r\n"
            for piece in [bytes([c]) for c in data] if self.slow else [data]:
                state["s"].sendall(piece)

        def line():
            got = state["f"].readline()
            if not got.endswith(b"\r\n"):
                raise EOFError
            return got[:-2].decode("latin-1")

        def ask(verb, argument):
            reply = self.hook(verb, argument, session) if self.hook else None
            if reply == "close":
                raise EOFError
            if callable(reply):
                reply = reply(state["s"])
            return reply

        def answer(verb, argument, default):
            reply = ask(verb, argument) or default
            say(reply)
            return reply[:1] in ("2", "3", b"2", b"3")

        if not answer("GREETING", "", "220 mail.example ESMTP"):
            return
        sender, rcpts = None, []
        while True:
            text = line()
            self.commands.append(text)
            verb, _, argument = text.partition(" ")
            verb = verb.upper()
            if verb in ("EHLO", "HELO"):
                session.ehlo = argument
                lines = ["mail.example"]
                if self.starttls and not session.tls:
                    lines.append("STARTTLS")
                if self.auth:
                    lines.append("AUTH " + " ".join(self.auth))
                default = "\r\n".join(
                    f"250{'-' if i + 1 < len(lines) else ' '}{l}" for i, l in enumerate(lines))
                answer(verb, argument, default)
            elif verb == "STARTTLS":
                if answer(verb, argument, "220 go"):
                    ask("HANDSHAKE", "")
                    state["s"] = self.starttls.wrap_socket(state["s"], server_side=True)
                    state["f"] = state["s"].makefile("rb")
                    session.tls = True
            elif verb == "AUTH":
                reply = ask(verb, argument)
                if reply:
                    say(reply)
                    continue
                mechanism, _, first = argument.partition(" ")
                if mechanism == "PLAIN":
                    if not first:
                        say("334 ")
                        first = line()
                    _, user, password = base64.b64decode(first).decode().split("\0")
                else:
                    say("334 VXNlcm5hbWU6")
                    user = base64.b64decode(line()).decode()
                    say("334 UGFzc3dvcmQ6")
                    password = base64.b64decode(line()).decode()
                if answer("CREDENTIALS", user, "235 welcome"):
                    session.login = (mechanism, user, password)
            elif verb == "MAIL":
                sender, rcpts = argument, []
                answer(verb, argument, "250 sender ok")
            elif verb == "RCPT":
                if answer(verb, argument, "250 recipient ok"):
                    rcpts.append(re.search("<(.*)>", argument).group(1))
            elif verb == "DATA":
                if not answer(verb, argument, "354 go"):
                    continue
                ask("BODY", "")
                data = b""
                while True:
                    got = state["f"].readline()
                    if not got.endswith(b"\r\n"):
                        raise EOFError
                    if got == b".\r\n":
                        break
                    data += got[1:] if got.startswith(b".") else got
                with self.lock:
                    self.bodies.append(data)
                mail = Mail(re.search("<(.*)>", sender).group(1), list(rcpts), data, session)
                reply = ask(".", mail) or "250 queued as 4711"
                if reply[:1] in ("2", b"2"):
                    with self.lock:
                        self.mails.append(mail)
                say(reply)
            elif verb == "RSET":
                say("250 ok")
            elif verb == "QUIT":
                answer(verb, argument, "221 bye")
                return
            else:
                say("502 what?")

    def got(self, n):
        wait_for(lambda: len(self.mails) >= n, f"{n} mails, got {len(self.mails)}")
        return self.mails
