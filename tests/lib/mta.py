# SPDX-License-Identifier: MIT
"""The sockets for an MTA: a client of the Dovecot authentication protocol, and one of the socketmap protocol.  And MTAs at these sockets,
with people who submit mail to them."""
import base64
import contextlib
import json
import os
import re
import signal
import smtplib
import socket
import subprocess

from tap import Server, equal, strict_context, wait_for

CLIENT = "127.0.0.3"  # the address of the client of submission


def listeners(server, auth, recipients, more=""):
    """Options that start a server with its usual TLS ports, LMTP, and these two sockets.  @more: settings of the first."""
    tcp = "".join(f'{{ name = "{name}"; protocol = "{protocol}"; address = "127.0.0.1"; port = {server.ports[name]}; tls = {tls}; }}, '
                  for name, protocol, tls in (("imaps", "imap", "true"), ("pop3s", "pop3", "true"), ("lmtp", "lmtp", "false")))
    unix = f'{{ name = "mta-auth"; protocol = "dovecot-auth"; path = "{auth}"; {more} }}, {{ name = "mta-map"; protocol = "socketmap"; path = "{recipients}"; }}'
    return ("--set", "dovecot-auth.enabled=true", "--set", "socketmap.enabled=true", "--set", f"listen.listeners=( {tcp}{unix} )")


def run_path(server, name):
    return os.path.join(os.path.dirname(server.lmtp_socket), name)


def plain(user, password, authorisation=""):
    return base64.b64encode(f"{authorisation}\0{user}\0{password}".encode()).decode()


class DovecotClient:
    """One connection of an MTA.  Lines are lists of parameters."""

    def __init__(self, path, hello="VERSION\t1\t1\nCPID\t4711\n"):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(120)
        self.s.connect(path)
        self.file = self.s.makefile("rb")
        self.n = 0
        self.handshake = []
        self.send(hello)
        while not self.handshake or self.handshake[-1] not in (["DONE"], [""]):
            self.handshake.append(self.line())

    def send(self, text):
        self.s.sendall(text if isinstance(text, bytes) else text.encode())

    def line(self):
        """[""] when the server has closed."""
        return self.file.readline().decode().rstrip("\n").split("\t")

    def mechanisms(self):
        return {line[1]: line[2:] for line in self.handshake if line[0] == "MECH"}

    def start(self, mechanism, *parameters, service="smtp"):
        self.n += 1
        self.send("\t".join(["AUTH", str(self.n), mechanism, f"service={service}", "nologin", *parameters]) + "\n")

    def ask(self, mechanism, *parameters, **options):
        """The reply to a request that needs one step, without its id."""
        self.start(mechanism, *parameters, **options)
        return self.reply()

    def reply(self):
        line = self.line()
        equal(line[1:2], [str(self.n)], f"the id in {line}")
        return [line[0], *line[2:]]

    def log_in(self, user, password, address="192.0.2.1"):
        return self.ask("PLAIN", f"rip={address}", "secured", "resp=" + plain(user, password))


class SocketmapClient:
    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(120)
        self.s.connect(path)
        self.file = self.s.makefile("rb")

    def send(self, *requests):
        self.s.sendall(b"".join(b"%d:%s," % (len(r), r) for r in (r.encode() for r in requests)))

    def reply(self):
        """"" when the server has closed."""
        digits = b""
        while (c := self.file.read(1)) not in (b":", b""):
            digits += c
        text = self.file.read(int(digits)) if digits else b""
        equal(self.file.read(1), b"," if digits else b"", f"the end of {text!r}")
        return text.decode()

    def ask(self, address, name="recipients"):
        self.send(f"{name} {address}")
        return self.reply()


def factor_options(server):
    """Options with one-time codes and app passwords, whose files are beside those of auth."""
    store = os.path.join(os.path.dirname(server.config_dir), "state/auth/totp")
    with open(store + ".key", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
        f.write("a master key of 32 characters or more\n")
    os.chown(store + ".key", os.stat(os.path.dirname(store)).st_uid, os.stat(os.path.dirname(store)).st_gid)
    settings = ("totp.enabled=true", f'totp.key="file:{store}.key"', f'totp.path="{store}"', "app-passwords.enabled=true",
                f'app-passwords.path="{os.path.dirname(store)}/app-passwords"', 'auth.explain="always"', "limits.login_failures=40", 'auth.failure_delay="0"')
    return [word for setting in settings for word in ("--set", setting)]


class Mta:
    """An MTA that takes submissions on `port`, its users those of `server`."""

    def __init__(self, users):
        self.server = Server(users=users)
        self.server.stop("--keep")
        self.port = None

    def start_server(self, auth, recipients, group):
        self.server.start(*listeners(self.server, auth, recipients, f'group = "{group}";'), *factor_options(self.server))

    def connect(self, source=CLIENT):
        """A client of submission, under TLS.  A process of the MTA that could not go on is gone; the next one serves."""
        c = smtplib.SMTP("127.0.0.1", self.port, timeout=120, source_address=(source, 0))
        c.ehlo()
        c.starttls(context=strict_context(self.server.ca_file))
        c.ehlo()
        return c

    def submit(self, user, password, mechanism="PLAIN", source=CLIENT):
        """(code, text) of the login; what is sent then must be taken."""
        with self.connect(source) as c:
            if mechanism == "PLAIN":
                got = c.docmd("AUTH", "PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode())
            else:
                c.docmd("AUTH", "LOGIN")
                c.docmd(base64.b64encode(user.encode()).decode())
                got = c.docmd(base64.b64encode(password.encode()).decode())
            if got[0] == 235:
                equal(c.mail("u0001@example.org")[0], 250, "MAIL")
                equal(c.rcpt("somebody@elsewhere.example")[0], 250, "relaying for who logged in")
            return got

    def check_passwords(self, program):
        """The right password submits, by PLAIN and LOGIN, over TLS; a wrong one is refused, with the client's address in our log."""
        with self.connect() as c:
            equal(set(c.esmtp_features["auth"].split()), {"PLAIN", "LOGIN"}, f"what {program} offers")
        for mechanism in ("PLAIN", "LOGIN"):
            equal(self.submit("u0001", self.server.password, mechanism)[0], 235, mechanism)
        equal(self.submit("u0001", "wrong")[0], 535, "a wrong password")
        equal(self.submit("nobody", "wrong")[0], 535, "nobody's")
        lines = [line for line in self.server.log().splitlines() if f"rip={CLIENT} service=smtp" in line]
        ok = [line for line in lines if "login ok:" in line]
        equal([("method=PLAIN" in line, "method=LOGIN" in line, "tls=yes" in line) for line in ok],
              [(True, False, True), (False, True, True)], f"{ok}")
        failed = [line for line in lines if "auth failed:" in line]
        equal([re.search(r"reason=(\S+)", line)[1] for line in failed], ["bad-password", "unknown-user"], f"{failed}")

    def check_string(self, user, stored):
        """The string that has just opened a grant over IMAP submits from there."""
        equal(self.imap(user, stored), "OK", "IMAP with the code")
        for mechanism in ("PLAIN", "LOGIN"):
            equal(self.submit(user, stored, mechanism)[0], 235, f"the same string by {mechanism}")

    @contextlib.contextmanager
    def stopped_auth(self):
        """Auth hangs, and once it goes on, logins do."""
        pid = self.auth_pid()
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_for(lambda: self.submit("u0001", self.server.password)[0] == 235, "afterwards")

    def stranger_says(self, recipient):
        with smtplib.SMTP("127.0.0.1", self.port, timeout=120) as c:
            c.ehlo("stranger.example.com")
            c.mail("forged@example.com")
            return c.rcpt(recipient)

    def imap(self, user, password):
        """A login from the address of the client of submission."""
        raw = socket.create_connection(("127.0.0.1", self.server.imaps), 60, (CLIENT, 0))
        with strict_context(self.server.ca_file).wrap_socket(raw, server_hostname="127.0.0.1") as s:
            f = s.makefile("rb")
            f.readline()
            s.sendall(f'a LOGIN {user} "{password}"\r\n'.encode())
            while not (line := f.readline()).startswith(b"a "):
                equal(line != b"", True, "the server goes on")
            return "OK" if line.startswith(b"a OK") else line.decode()

    def enrol(self, user):
        lines = self.server.cli("totp", "enrol", user, "--no-confirm", "--json").stdout.splitlines()
        return json.loads(lines[0])["secret"]

    def app_password(self, user, label, *options):
        return json.loads(self.server.cli("app-password", "add", user, label, *options, "--json").stdout.splitlines()[0])["password"]

    def auth_pid(self):
        (pid,) = [pid for pid, role in self.server.roles().items() if role == "auth"]
        return pid


def code(secret):
    return subprocess.run(["oathtool", "--totp", "-b", secret], capture_output=True, text=True, check=True).stdout.strip()
