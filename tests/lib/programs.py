# SPDX-License-Identifier: MIT
"""Programs that people read mail with: each logs in with a string that it stored and fetches the one mail of its mailbox."""
import functools
import os
import poplib
import shutil

from tap import run, scratch, strict_context
from terminal import terminal

MAIL = b"From: a@example.net\nSubject: hello\nMessage-ID: <one@example.net>\n\nthe one mail\n"


@functools.cache
def _work():
    return scratch()


class Place:
    """Where a program works: files of its own, the ports at which it finds a server, and what it has stored."""
    n = 0

    def __init__(self, ca_file, imaps, pop3s, user, secret):
        Place.n += 1
        self.ca_file, self.imaps, self.pop3s, self.user, self.secret = ca_file, imaps, pop3s, user, secret
        self.dir = os.path.join(_work(), f"place{Place.n}")
        os.mkdir(self.dir, 0o700)

    def write(self, name, text, mode=0o600):
        path = os.path.join(self.dir, name)
        with open(path, "w", opener=lambda p, flags: os.open(p, flags, mode)) as f:
            f.write(text)
        return path

    def maildir(self):
        path = os.path.join(self.dir, "box")
        for sub in ("", "new", "cur", "tmp"):
            os.makedirs(os.path.join(path, sub), exist_ok=True)
        return path


# Each runs its program once in a place, and returns whether it has the one mail of the mailbox.

def by_curl(place):
    r = run("curl", "-sS", "--cacert", place.ca_file, "-u", f"{place.user}:{place.secret}", f"imaps://localhost:{place.imaps}/INBOX;MAILINDEX=1",
            check=False)
    if b"the one mail" not in r.stdout:
        print(f"# curl says: {r.stderr!r}", flush=True)
    return b"the one mail" in r.stdout


def by_poplib(place):
    p = poplib.POP3_SSL("localhost", place.pop3s, context=strict_context(place.ca_file), timeout=120)
    try:
        p.user(place.user)
        p.pass_(place.secret)
        return any(b"the one mail" in line for line in p.retr(1)[1])
    except poplib.error_proto:
        return False
    finally:
        p.close()


def has_mail(path):
    return any("the one mail" in open(os.path.join(path, sub, name)).read() for sub in ("new", "cur") for name in os.listdir(os.path.join(path, sub)))


def by_mbsync(place):
    box = place.maildir()
    config = place.write("mbsyncrc", f"""IMAPAccount a
Host localhost
Port {place.imaps}
User {place.user}
Pass "{place.secret}"
SSLType IMAPS
CertificateFile {place.ca_file}

IMAPStore remote
Account a

MaildirStore local
Path {place.dir}/
Inbox {box}

Channel all
Far :remote:
Near :local:
Sync Pull
SyncState *
""")
    r = run("mbsync", "-c", config, "-a", check=False)
    return r.returncode == 0 and has_mail(box)


def by_fetchmail(place):
    box = place.maildir()
    script = place.write("mda", f'#!/bin/sh\nexec cat > "$(mktemp {box}/new/XXXXXXXXXX)"\n', 0o700)
    config = place.write("fetchmailrc", f"""set no bouncemail
poll localhost protocol pop3 port {place.pop3s} user "{place.user}" password "{place.secret}" ssl sslproto "auto" sslcertck sslcertfile "{place.ca_file}"
  no rewrite keep fetchall mda "{script}"
""")
    r = run("fetchmail", "-f", config, "--invisible", env={**os.environ, "FETCHMAILHOME": place.dir}, check=False)
    return r.returncode == 0 and has_mail(box)


def by_mpop(place):
    box = place.maildir()
    config = place.write("mpoprc", f"""account a
host localhost
port {place.pop3s}
user {place.user}
password {place.secret}
tls on
tls_starttls off
tls_trust_file {place.ca_file}
keep on
uidls_file {place.dir}/uidls
delivery maildir {box}
""")
    r = run("mpop", "-C", config, "-q", "a", check=False)
    return r.returncode == 0 and has_mail(box)


def by_mutt(place):
    out = os.path.join(place.dir, "copy")
    shutil.rmtree(out, ignore_errors=True)
    config = place.write("muttrc", f"""set imap_user="{place.user}" imap_pass="{place.secret}" ssl_ca_certificates_file="{place.ca_file}"
set certificate_file="{place.ca_file}" ssl_verify_host=yes ssl_starttls=no
set folder="{place.dir}" mbox_type=Maildir confirmcreate=no confirmappend=no copy=no delete=no quit=yes wait_key=no sleep_time=0
""")
    terminal("mutt", "-n", "-F", config, "-f", f"imaps://localhost:{place.imaps}/INBOX", "-e",
             f"push '<tag-pattern>.<enter><tag-prefix><copy-message>{out}<enter><exit>'", home=place.dir)
    return os.path.isdir(out) and has_mail(out)


# By user: the program, and what must be installed for it.
PROGRAMS = {"u0001": (by_curl, "curl"), "u0002": (by_poplib, "python3"), "u0003": (by_mbsync, "mbsync"), "u0004": (by_fetchmail, "fetchmail"),
            "u0005": (by_mpop, "mpop"), "u0006": (by_mutt, "mutt")}
POP3 = (by_poplib, by_fetchmail, by_mpop)
