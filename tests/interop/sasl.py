#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SASL mechanisms from outside: GNU SASL logs in by SCRAM, bound to its TLS connection and not; certificates; what is offered."""
import base64
import contextlib
import hashlib
import os
import re
import select
import socket
import ssl
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, case, equal, free_port, main, need, run, scratch, strict_context, wait_for  # noqa: E402

ITERATIONS = 5000
server = Server("--set", "sasl-scram.enabled=true", "--set", f"sasl-scram.iterations={ITERATIONS}",
                "--set", f"passwd-file.scram_iterations={ITERATIONS}", users=3)
TLS_1_3 = "NORMAL:-VERS-ALL:+VERS-TLS1.3"


def gsasl(mechanism, *more, port=None, user="u0001", password=None, priority=TLS_1_3):
    """Whether it got in, and what it said."""
    r = run("gsasl", "--imap", "--mechanism", mechanism, "--authentication-id", user, "--password", password or server.password,
            "--starttls", "--x509-ca-file", server.ca_file, "--priority", priority, "--no-client-first",
            "--hostname", "localhost", *more, f"--connect=localhost:{port or server.ports['imap']}", check=False, stdin=subprocess.DEVNULL, text=True)
    return r.returncode == 0 and "OK" in r.stdout + r.stderr, r.stdout + r.stderr


def count(text):
    return server.log().count(text)


def capabilities(tls):
    with Plain(tls) as c:
        return {word[5:] for word in c.command("a CAPABILITY").split() if word.startswith("AUTH=")}


class Plain:
    """An IMAP client that knows lines only."""

    def __init__(self, tls=True, context=None):
        self.socket = socket.create_connection(("localhost", server.imaps if tls else server.ports["imap"]), timeout=60)
        if tls:
            self.socket = (context or strict_context(server.ca_file)).wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rwb")
        self.greeting = self.file.readline().decode()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.file.close()
        self.socket.close()

    def command(self, line):
        """All lines up to the one of its tag, or of a continuation."""
        self.file.write(line.encode() + b"\r\n")
        self.file.flush()
        text = ""
        while True:
            got = self.file.readline().decode()
            text += got
            if not got or got.startswith("+") or not got.startswith("*"):
                return text


@case
def offered():
    """what is offered follows TLS: a binding only where there is a channel to bind to"""
    equal(capabilities(True), {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"}, "with TLS")
    equal(capabilities(False), {"SCRAM-SHA-256", "PLAIN", "LOGIN"}, "without")
    with Plain() as c:
        equal("NO" in c.command("a AUTHENTICATE SCRAM-SHA-1"), True, "SCRAM-SHA-1 is off")
    with Plain(tls=False) as c:
        equal("NO" in c.command("a AUTHENTICATE SCRAM-SHA-256-PLUS"), True, "without TLS")


@case
def bound():
    """GNU SASL logs in with SCRAM-SHA-256-PLUS over TLS 1.3; over 1.2, to which it binds in another way, it is not offered"""
    need("gsasl")
    before = count("method=SCRAM-SHA-256-PLUS")
    ok, said = gsasl("SCRAM-SHA-256-PLUS")
    equal(ok, True, said)
    wait_for(lambda: count("login ok:") >= 1 and count("method=SCRAM-SHA-256-PLUS") == before + 1, "the log names the mechanism")
    ok, said = gsasl("SCRAM-SHA-256", "--no-cb", priority="NORMAL:-VERS-ALL:+VERS-TLS1.2")
    equal((ok, "AUTH=SCRAM-SHA-256-PLUS" in said), (True, False), said)


@case
def unbound():
    """GNU SASL logs in with SCRAM-SHA-256 without a binding; a wrong password and an unknown user do not"""
    need("gsasl")
    ok, said = gsasl("SCRAM-SHA-256", "--no-cb")
    equal(ok, True, said)
    ok, said = gsasl("SCRAM-SHA-256", "--no-cb", password="wrong")
    equal(ok, False, said)
    ok, said = gsasl("SCRAM-SHA-256", "--no-cb", user="nobody")
    equal(ok, False, said)
    wait_for(lambda: count("method=SCRAM-SHA-256 reason=bad-password") == 1 and count("method=SCRAM-SHA-256 reason=unknown-user") == 1,
             "reasons")


class Relay(threading.Thread):
    """Somebody in between who has the server's certificate and key: two TLS sessions, one text."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.seen = b""
        self.start()

    def run(self):
        with contextlib.suppress(ConnectionError):
            client, _peer = self.listener.accept()
            upstream = socket.create_connection(("localhost", server.ports["imap"]))
            client, upstream = self.start_tls(client, upstream)
            self.pump(client, upstream)

    def pass_line(self, source, target):
        """A line whole, which may come in pieces; nothing comes after it before it was answered."""
        line = b""
        while not line.endswith(b"\n"):
            piece = source.recv(4096)
            if not piece:
                raise ConnectionError("the end came before that of a line")
            line += piece
        target.sendall(line)
        return line

    def start_tls(self, client, upstream):
        """Passes lines on until STARTTLS was answered."""
        self.pass_line(upstream, client)
        while b"STARTTLS" not in self.pass_line(client, upstream).upper():
            self.pass_line(upstream, client)
        self.pass_line(upstream, client)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls = os.path.dirname(server.ca_file)
        context.load_cert_chain(os.path.join(tls, "cert.pem"), os.path.join(tls, "key.pem"))
        return (context.wrap_socket(client, server_side=True),
                strict_context(server.ca_file).wrap_socket(upstream, server_hostname="localhost"))

    def pump(self, client, upstream):
        ends = {client: upstream, upstream: client}
        while True:
            for one in [x for x in ends if x.pending()] or select.select(list(ends), [], [], 60)[0]:
                one.setblocking(False)
                try:
                    data = one.recv(16384)
                except ssl.SSLWantReadError:   # a record of TLS itself
                    continue
                finally:
                    one.setblocking(True)
                if not data:
                    return
                self.seen += data
                ends[one].sendall(data)


@case
def other_session():
    """the proof for one TLS session is none for another, though the certificate is the same; without binding it would be"""
    need("gsasl")
    relay = Relay()
    ok, said = gsasl("SCRAM-SHA-256-PLUS", port=relay.port)
    equal(ok, False, said)
    equal(b"AUTHENTICATE SCRAM-SHA-256-PLUS" in relay.seen, True, f"it was tried: {said}")
    relay = Relay()
    ok, said = gsasl("SCRAM-SHA-256", "--no-cb", port=relay.port)
    equal(ok, True, said)


@case
def salts():
    """a name that is no user has a salt, the same one after a restart"""
    def first(user):
        with Plain() as c:
            c.command("a AUTHENTICATE SCRAM-SHA-256")
            text = c.command(base64.b64encode(f"n,,n={user},r=abc".encode()).decode())
            return re.sub("^r=[^,]*,", "", base64.b64decode(text.split()[1]).decode())
    before = first("nobody"), first("u0002")
    equal([bool(re.fullmatch(rf"s=[A-Za-z0-9+/]{{22}}==,i={ITERATIONS}", x)) for x in before], [True, True], f"{before}")
    equal(first("nobody"), before[0], "again")
    server.stop("--keep")
    server.start()
    equal((first("nobody"), first("u0002")), before, "after a restart")


@case
def remembered_and_locked():
    """a lock counts for SCRAM at once, and a new password has new keys"""
    need("gsasl")
    server.cli("user", "lock", "u0003")
    equal(gsasl("SCRAM-SHA-256-PLUS", user="u0003")[0], False, "locked")
    server.cli("user", "unlock", "u0003")
    server.cli("user", "passwd", "u0003", "--stdin", input="something new\n")
    equal(gsasl("SCRAM-SHA-256-PLUS", user="u0003")[0], False, "the old password")
    ok, said = gsasl("SCRAM-SHA-256-PLUS", user="u0003", password="something new")
    equal(ok, True, said)


class Certificate:
    """A client's certificate, which no authority has signed, and its key."""

    def __init__(self, name):
        self.files = [os.path.join(scratch(), f"{name}-{kind}.pem") for kind in ("cert", "key")]
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
            "-out", self.files[0], "-keyout", self.files[1])
        with open(self.files[0]) as f:
            self.fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(f.read())).hexdigest()


def external(own, port, certificate=None, initial="=", version=ssl.TLSVersion.TLSv1_3):
    """(whether EXTERNAL is offered, the first word of what IMAP, or POP3 says)"""
    context = strict_context(own.ca_file)
    context.minimum_version = context.maximum_version = version
    if certificate is not None:
        context.load_cert_chain(*certificate.files)
    raw = socket.create_connection(("localhost", port), timeout=60)
    with context.wrap_socket(raw, server_hostname="localhost") as s, s.makefile("rwb") as f:
        def ask(line):
            f.write(line.encode() + b"\r\n")
            f.flush()
            while (got := f.readline()).startswith(b"* "):
                lines.append(got)
            return got
        lines = [f.readline()]
        if lines[0].startswith(b"+OK"):
            ask("CAPA")
            while lines[-1] not in (b".\r\n", b""):
                lines.append(f.readline())
            return any(b"EXTERNAL" in line for line in lines), ask(f"AUTH EXTERNAL {initial}").decode().split()[0]
        ask("a CAPABILITY")
        return b"AUTH=EXTERNAL" in b"".join(lines), ask(f"b AUTHENTICATE EXTERNAL {initial}").decode().split()[1]


@case
def certificates():
    """who proves the key of a certificate in the list is in without a password, by TLS 1.2 and 1.3, as its own user alone; nobody else is"""
    own = Server(users=2)
    own.stop("--keep")
    anna, bob, stranger = (Certificate(name) for name in ("anna", "bob", "stranger"))
    asking = {"imap": free_port(), "pop3": free_port()}
    plain = "".join(f'{{ name = "{name}"; protocol = "{name.rstrip("s")}"; address = "127.0.0.1"; port = {own.ports[name]}; '
                    f'tls = {"true" if name.endswith("s") else "false"}; }}, ' for name in ("imap", "imaps", "pop3", "pop3s", "lmtp"))
    with_certificates = ", ".join(f'{{ name = "asking-{name}"; protocol = "{name}"; address = "127.0.0.1"; port = {port}; tls = true; client_certificates = true; }}'
                                  for name, port in asking.items())

    def start(*rows):
        own.start("--set", "sasl-external.enabled=true", "--set", f"listen.listeners=( {plain} {with_certificates} )", "--set", 'auth.failure_delay="0"',
                  "--set", "sasl-external.certificates=( " + ", ".join(f'"{x.fingerprint} {user}@example.org"' for x, user in rows) + " )")
    start((anna, "u0001"), (bob, "u0002"))
    imap, pop3 = asking["imap"], asking["pop3"]

    def word(text):
        return base64.b64encode(text.encode()).decode()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        equal(external(own, imap, anna, version=version), (True, "OK"), f"{version}")
    equal(external(own, pop3, bob), (True, "+OK"), "POP3")
    ok = re.findall(r'login ok: user="(\S+?)@.*method=EXTERNAL', own.log())
    equal(ok, ["u0001", "u0001", "u0002"], "whose the certificates are")
    for initial, got in ((word("u0001"), "OK"), (word("u0001@example.org"), "OK"), (word("u0002"), "NO")):
        equal(external(own, imap, anna, initial)[1], got, f"as {initial}")
    equal(external(own, imap, stranger)[1], "NO", "a certificate that is not in the list")
    wait_for(lambda: f'reason=malformed user="{stranger.fingerprint}"' in own.log(), "the log names it")
    equal(external(own, imap)[0:2], (False, "NO"), "no certificate")
    equal(external(own, own.imaps, anna), (False, "NO"), "a listener that asks for none")
    own.cli("user", "lock", "u0002")
    equal(external(own, imap, bob)[1], "NO", "a locked user")
    own.cli("user", "unlock", "u0002")
    equal(external(own, imap, bob)[1], "OK", "unlocked")
    own.stop("--keep")
    start((stranger, "u0001"))
    equal([external(own, imap, x)[1] for x in (bob, stranger)], ["NO", "OK"], "another list")


if __name__ == "__main__":
    main()
