#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The corpus, delivered over LMTP, read over TLS by the mail readers people use: every byte after the trace lines."""
import mailbox
import os
import pty
import select
import shutil
import smtplib
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, case, corpus_files, equal, main, need, run, scratch, wire  # noqa: E402

server = Server(users=2)
work = scratch()
mails = []       # as a client should see them, after the trace lines


def clean(content):
    """Comparable form: line ends as LF (stores of clients have those), nothing after the last one."""
    return content.replace(b"\r\n", b"\n").rstrip(b"\n")


def check(contents, client):
    """@contents: what the client got, any order."""
    equal(len(contents), len(mails), f"number of mails with {client}")
    wanted = {}
    for m in mails:
        wanted.setdefault(clean(m), []).append(m)
    # Each is some trace lines and one of the mails: the first header field tells where it begins.
    by_tail = {}
    for body in wanted:
        by_tail.setdefault(body[-64:], []).append(body)
    left = {body: len(v) for body, v in wanted.items()}
    for got in map(clean, contents):
        candidates = [b for b in by_tail.get(got[-64:], []) if got.endswith(b) and left[b] > 0]
        if not candidates:
            raise AssertionError(f"{client}: a mail is not as delivered: {got[:300]!r}")
        left[max(candidates, key=len)] -= 1
    equal(sum(left.values()), 0, f"mails that {client} lacks")


def maildir_contents(path):
    found = []
    for sub in ("new", "cur"):
        for name in os.listdir(os.path.join(path, sub)):
            with open(os.path.join(path, sub, name), "rb") as f:
                found.append(f.read())
    return found


def write(name, text, mode=0o600):
    path = os.path.join(work, name)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


@case
def deliver_corpus():
    """the corpus is taken in over LMTP"""
    with smtplib.LMTP("127.0.0.1", server.lmtp, timeout=60) as c:
        for path in corpus_files():
            with open(path, "rb") as f:
                content = f.read()
            # smtplib turns every line end into CRLF, lone CRs included.
            content = content.replace(b"\r", b"")
            equal(c.sendmail("corpus@example.net", [f"u0001@{server.domain}"], content), {}, path)
            mails.append(wire(content))


@case
def with_imaplib():
    """imaplib"""
    c = server.imap()
    c.select(readonly=True)
    contents = []
    for first in range(1, len(mails) + 1, 200):
        contents += [x[1] for x in c.fetch(f"{first}:{min(first + 199, len(mails))}", "(BODY.PEEK[])")[1] if isinstance(x, tuple)]
    c.logout()
    check(contents, "imaplib")


@case
def with_poplib():
    """poplib"""
    p = server.pop3_session()
    check([b"\r\n".join(p.retr(n + 1)[1]) + b"\r\n" for n in range(p.stat()[0])], "poplib")
    p.quit()


@case
def with_curl():
    """curl, imaps and pop3s"""
    need("curl")
    out = os.path.join(work, "curl")
    os.mkdir(out)
    run("curl", "-sS", "--cacert", server.ca_file, "-u", f"u0001:{server.password}", "-o", f"{out}/#1",
        f"imaps://localhost:{server.imaps}/INBOX;UID=[1-{len(mails)}]", timeout=300)
    check([open(os.path.join(out, n), "rb").read() for n in os.listdir(out)], "curl imaps")
    shutil.rmtree(out)
    os.mkdir(out)
    run("curl", "-sS", "--cacert", server.ca_file, "-u", f"u0001:{server.password}", "-o", f"{out}/#1",
        f"pop3s://localhost:{server.pop3s}/[1-{len(mails)}]", timeout=300)
    check([open(os.path.join(out, n), "rb").read() for n in os.listdir(out)], "curl pop3s")


@case
def with_mbsync():
    """mbsync"""
    need("mbsync")
    store = os.path.join(work, "mbsync")
    os.mkdir(store)
    config = write("mbsyncrc", f"""IMAPAccount a
Host localhost
Port {server.imaps}
User u0001
Pass {server.password}
SSLType IMAPS
CertificateFile {server.ca_file}
IMAPStore remote
Account a
MaildirStore local
Path {store}/
Inbox {store}/INBOX
SubFolders Verbatim
Channel all
Far :remote:
Near :local:
Patterns *
Create Both
Sync All
SyncState *
""")
    run("mbsync", "-c", config, "-a", timeout=300)
    check(maildir_contents(os.path.join(store, "INBOX")), "mbsync")
    for name in ("Drafts", "Sent", "Junk", "Trash", "Archive"):
        equal(os.path.isdir(os.path.join(store, name)), True, f"folder {name} with mbsync")
    # Again: nothing is transferred twice.
    run("mbsync", "-c", config, "-a", timeout=300)
    equal(len(maildir_contents(os.path.join(store, "INBOX"))), len(mails), "mails after a second run")


@case
def with_fetchmail():
    """fetchmail"""
    need("fetchmail")
    out = os.path.join(work, "fetchmail")
    os.makedirs(out)
    script = write("mda", f'#!/bin/sh\nexec cat > "$(mktemp {out}/XXXXXXXXXX)"\n', 0o700)
    config = write("fetchmailrc", f"""set no bouncemail
poll localhost protocol pop3 port {server.pop3s} user "u0001" password "{server.password}" ssl sslproto "auto" sslcertck sslcertfile "{server.ca_file}"
  no rewrite keep fetchall mda "{script}"
""")
    environment = {**os.environ, "FETCHMAILHOME": work}
    r = run("fetchmail", "-f", config, "--invisible", timeout=300, env=environment, check=False)
    equal(r.returncode, 0, f"fetchmail: {r.stdout[-300:]!r} {r.stderr[-300:]!r}")
    check([open(os.path.join(out, n), "rb").read() for n in os.listdir(out)], "fetchmail")


@case
def with_getmail():
    """getmail"""
    need("getmail")
    box = os.path.join(work, "getmail-box")
    for sub in ("", "/new", "/cur", "/tmp"):
        os.mkdir(box + sub)
    home = os.path.join(work, "getmail")
    os.mkdir(home, 0o700)
    write("getmail/getmailrc", f"""[retriever]
type = SimplePOP3SSLRetriever
server = localhost
port = {server.pop3s}
username = u0001
password = {server.password}
ca_certs = {server.ca_file}
[destination]
type = Maildir
path = {box}/
user = {os.environ.get("USER", "root")}
[options]
read_all = true
delete = false
delivered_to = false
received = false
""")
    run("getmail", f"--getmaildir={home}", timeout=300)
    check(maildir_contents(box), "getmail")


@case
def with_mpop():
    """mpop"""
    need("mpop")
    box = os.path.join(work, "mpop-box")
    for sub in ("", "/new", "/cur", "/tmp"):
        os.mkdir(box + sub)
    config = write("mpoprc", f"""account a
host localhost
port {server.pop3s}
user u0001
password {server.password}
tls on
tls_starttls off
tls_trust_file {server.ca_file}
keep on
uidls_file {work}/uidls
received_header off
delivery maildir {box}
""")
    run("mpop", "-C", config, "-q", "a", timeout=300)
    check(maildir_contents(box), "mpop")
    run("mpop", "-C", config, "-q", "a", timeout=300)
    equal(len(maildir_contents(box)), len(mails), "mails after a second run (UIDL)")


@case
def with_mutt():
    """mutt"""
    need("mutt")
    out = os.path.join(work, "mutt-box")
    config = write("muttrc", f"""set imap_user="u0001" imap_pass="{server.password}" ssl_ca_certificates_file="{server.ca_file}"
set certificate_file="{server.ca_file}" ssl_usesystemcerts=no ssl_verify_host=yes ssl_starttls=no
set mbox_type=Maildir confirmcreate=no confirmappend=no copy=no delete=no quit=yes wait_key=no header_cache= message_cachedir=
set imap_keepalive=30 mail_check=60 sort=mailbox-order timeout=5
""")
    master, slave = pty.openpty()
    process = subprocess.Popen(["mutt", "-F", config, "-f", f"imaps://localhost:{server.imaps}/INBOX", "-e",
                                f"push '<tag-pattern>~A<enter><tag-prefix><copy-message>{out}<enter><exit>'"],
                               stdin=slave, stdout=slave, stderr=slave, env={**os.environ, "TERM": "vt100", "HOME": work}, close_fds=True)
    os.close(slave)
    deadline = time.monotonic() + 240
    screen = b""
    while process.poll() is None and time.monotonic() < deadline:
        if select.select([master], [], [], 0.2)[0]:
            try:
                screen = (screen + os.read(master, 65536))[-4000:]
            except OSError:
                break
    if process.poll() is None:
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"mutt did not end: {screen!r}")
    # mutt writes a Status line of its own into no Maildir; contents are compared as they are.
    check(maildir_contents(out), "mutt")


main()
