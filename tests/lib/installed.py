# SPDX-License-Identifier: MIT
"""A server that a package installed in a machine (machine.py): first configuration, users, mail in and out."""
import imaplib
import os
import poplib
import re
import socket
import ssl

from tap import TOP, equal, run, scratch

DOMAIN = "example.org"
PASSWORD = "pw"


def flags_of_build():
    """Flags of the compiler in the build for tests: with the same ones the compiler's cache has what was compiled there."""
    with open(os.path.join(os.environ.get("SATCHEL_BUILD") or os.path.join(TOP, ".build"), "Makefile")) as f:
        return re.search(r"^CFLAGS = (.*)$", f.read(), re.M)[1]


class Installed:
    def __init__(self, machine):
        self.machine = machine
        self.n = 0
        work = scratch()
        self.ca, key = os.path.join(work, "cert.pem"), os.path.join(work, "key.pem")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-keyout", key,
            "-out", self.ca, "-subj", "/CN=mail.example.org", "-addext", "subjectAltName=DNS:mail.example.org,IP:127.0.0.1")
        with open(self.ca) as cert, open(key) as secret:
            self.cert, self.key = cert.read(), secret.read()

    def put_certificate(self):
        self.machine.put("/etc/satchel/tls/fullchain.pem", self.cert)
        self.machine.put("/etc/satchel/tls/privkey.pem", self.key, 0o600)

    def set_hostname(self):
        self.machine.run("sed", "-i", 's/hostname = ""/hostname = "mail.example.org"/', "/etc/satchel/satchel.conf")

    def add(self, user):
        self.machine.run("satchel", "user", "add", f"{user}@{DOMAIN}", "--stdin", input=PASSWORD.encode() + b"\n")

    def deliver(self, subject, user="anna", path="/run/satchel/lmtp"):
        """Delivers over the LMTP socket, as the machine's MTA would."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(60)
            # A path of the machine's root; a unix address holds 107 bytes.
            here = os.open(f"/proc/{self.machine.first}/root{os.path.dirname(path)}", os.O_PATH)
            s.connect(f"/proc/self/fd/{here}/{os.path.basename(path)}")
            os.close(here)
            f = s.makefile("rwb")
            for command, want in ((None, b"220"), ("LHLO mta.example.net", b"250"), ("MAIL FROM:<sender@example.net>", b"250"),
                                  (f"RCPT TO:<{user}@{DOMAIN}>", b"250"), ("DATA", b"354"),
                                  (f"From: sender@example.net\r\nSubject: {subject}\r\n\r\nhello\r\n.", b"250"), ("QUIT", b"221")):
                if command is not None:
                    f.write(command.encode() + b"\r\n")
                    f.flush()
                line = f.readline()
                while line[3:4] == b"-":
                    line = f.readline()
                equal(line[:3], want, f"reply to {command!r}: {line!r}")

    def context(self):
        return ssl.create_default_context(cafile=self.ca)

    def imap(self, user="anna"):
        with self.machine.network():
            c = imaplib.IMAP4_SSL("127.0.0.1", 993, ssl_context=self.context(), timeout=60)
        c.login(f"{user}@{DOMAIN}", PASSWORD)
        return c

    def subjects(self, user="anna"):
        """Reads the mail by IMAP."""
        c = self.imap(user)
        c.select("INBOX", readonly=True)
        found = self.fetch_subjects(c)
        c.logout()
        return found

    @staticmethod
    def fetch_subjects(c):
        data = c.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
        return [re.search(rb"Subject: (\S+)", part[1]).group(1).decode() for part in data if isinstance(part, tuple)]

    def pop3_subjects(self, user="anna"):
        with self.machine.network():
            c = poplib.POP3_SSL("127.0.0.1", 995, context=self.context(), timeout=60)
        c.user(f"{user}@{DOMAIN}")
        c.pass_(PASSWORD)
        found = [re.search(rb"Subject: (\S+)", b"\n".join(c.top(i + 1, 0)[1])).group(1).decode() for i in range(c.stat()[0])]
        c.quit()
        return found

    def check_mail(self, what):
        """Delivers one more message, and finds it by both protocols behind all the others."""
        self.n += 1
        subject = f"m{self.n}-{what}"
        before = self.subjects()
        self.deliver(subject)
        equal(self.subjects(), [*before, subject], f"IMAP {what}")
        equal(self.pop3_subjects(), [*before, subject], f"POP3 {what}")
