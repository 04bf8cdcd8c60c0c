#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SEARCH, SORT and THREAD next to Debian's Dovecot, with the same mails: the corpus, and threads made to be difficult. Where
the answers differ on purpose the case says why."""
import imaplib
import os
import random
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from overlay import DOVECOT_PACKAGES, Overlay  # noqa: E402
from peers import dovecot_is_2_4, dovecot_settings  # noqa: E402
from tap import Server, case, corpus_files, equal, main, scratch, wire  # noqa: E402

USER = "u0001"
NOBODY = 65534
# The space in front of such a name, a source route without a host, and half a group are read in two ways.
ODD = re.compile(rb'^From: "" |^To: (@develop:|<Undisclosed-Recipient:;@)', re.M)
server = Server(users=1)


def odd_threads(count):
    """Replies over a few message ids: broken chains, loops, duplicates, subjects with all kinds of marks, equal dates."""
    rng = random.Random(5256)
    ids = [f"<{n}@thread.example>" for n in range(count // 2)]
    marks = ["", "", "", "Re: ", "RE: ", "Fwd: ", "[list] ", "Re: [list] ", "[list] Re: ", "Fw: Re: ", "re[2]: "]
    words = ["plan", "Plan", "lunch", "=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "=?utf-8?q?gr=C3=BC=C3=9Fe?=", "zebra", "Zoo", "_under", "[only]"]
    for n in range(count):
        head = [f"From: {rng.choice(['Ann <ann@x.example>', 'bob@y.example', '=?utf-8?q?=C3=84nne?= <carl@z.example>', 'Zed <zed@x.example>'])}",
                f"To: {rng.choice(['x@a.example', 'Team <y@b.example>', 'Q <q@c.example>, r@d.example'])}",
                f"Subject: {rng.choice(marks)}{rng.choice(words)}{rng.choice(['', '', ' (fwd)', '  '])}",
                f"Date: {rng.choice(['Mon, 06', 'Tue, 07', 'Wed, 08'])} Jan 2020 {rng.randrange(24):02}:{rng.randrange(0, 60, 20):02}:00 {rng.choice(['+0000', '-0700', '+0530'])}"]
        if rng.random() < 0.9:
            head.append(f"Message-ID: {rng.choice(ids)}")
        if rng.random() < 0.6:
            head.append("References: " + "\r\n\t".join(rng.choice(ids) for _ in range(rng.randrange(1, 6))))
        if rng.random() < 0.2:
            head.append(f"In-Reply-To: {rng.choice(ids)} (that mail)")
        yield ("\r\n".join(head) + f"\r\n\r\nbody {n}\r\n").encode()


def answer(c, command):
    """The numbers of an untagged answer, as text."""
    tag = c._new_tag()
    c.send(tag + b" " + command.encode() + b"\r\n")
    text = b""
    while True:
        line = c.readline()
        equal(line != b"", True, f"the server goes on: {command}")
        if line.startswith(tag):
            equal(line.split()[1], b"OK", f"{command}: {line}")
            return text.decode()
        if re.match(rb"\* (SEARCH|SORT|THREAD|ESEARCH)", line):
            text = re.sub(rb'\(TAG "[^"]*"\) ?', b"", line.strip())


COMMANDS = [f"{uid}SORT ({keys}) UTF-8 {what}" for uid in ("", "UID ") for what in ("ALL", "SUBJECT re")
            for keys in ("ARRIVAL", "DATE", "REVERSE DATE", "SUBJECT", "SUBJECT REVERSE DATE", "FROM DATE", "TO SUBJECT", "CC",
                         "SIZE", "REVERSE SIZE", "DISPLAYFROM", "DISPLAYTO REVERSE SUBJECT")]
COMMANDS += [f"UID THREAD {algorithm} UTF-8 {what}" for algorithm in ("REFERENCES", "REFS", "ORDEREDSUBJECT")
             for what in ("ALL", "SUBJECT re", "SEEN")]
COMMANDS += [f"UID SEARCH {keys}" for keys in (
    "FROM ann", "SUBJECT plan", "NOT SUBJECT plan", "TO example OR SUBJECT zoo FROM bob", "SENTBEFORE 7-Jan-2020", "SENTON 7-Jan-2020",
    "SENTSINCE 7-Jan-2020", "LARGER 2000 SMALLER 4000", "HEADER References thread.example", "HEADER X-Spam-Status \"\"", "BODY \"body 1\"",
    "TEXT received", "YOUNGER 3600", "NOT OLDER 3600", "RETURN (MIN MAX COUNT) ALL", "RETURN () SUBJECT plan", "RETURN (COUNT) SEEN")]


def fill(c, folder, mails):
    c.create(folder)
    for n, mail in enumerate(mails):
        flags = "(\\Seen)" if n % 3 == 0 else None
        equal(c.append(folder, flags, f'"{1 + n * 7 % 28:2}-Feb-2020 10:{n % 60:02}:00 +0000"', wire(mail))[0], "OK", "APPEND")


def ask(c):
    """Everything, of both folders."""
    answers = {}
    fill(c, "Threads", odd_threads(600))
    corpus = [open(path, "rb").read() for path in corpus_files("ham", "mime")]
    fill(c, "Corpus", [mail for mail in corpus if not ODD.search(mail)])
    for folder in ("Threads", "Corpus"):
        c.select(folder)
        for command in COMMANDS:
            if folder == "Threads" or "SENT" not in command:  # without a Date we take the internal date, they none
                answers[folder, command] = form(command, answer(c, command))
    c.logout()
    return answers


def form(command, text):
    """Dovecot orders the threads of REFS by the latest sent date in each, we as the draft wants by the latest arrival."""
    if "THREAD REFS" not in command:
        return text
    threads, depth, start = [], 0, 0
    for at, c in enumerate(text):
        start = at if c == "(" and depth == 0 else start
        depth += (c == "(") - (c == ")")
        if c == ")" and depth == 0:
            threads.append(text[start:at + 1])
    return " ".join(sorted(threads))


def around(text, other):
    """Where it differs."""
    at = next((n for n, (a, b) in enumerate(zip(text, other)) if a != b), min(len(text), len(other)))
    return f"at {at} of {len(text)}: {text[max(at - 40, 0):at + 80]}"


def dovecot():
    """Its imap process alone, already logged in, on a pipe."""
    home = scratch()
    overlay = Overlay(*DOVECOT_PACKAGES, shared={"/peer": home})
    with open(os.path.join(home, "dovecot.conf"), "w") as f:
        f.write(dovecot_settings(overlay, "maildir:/peer/mail") + "ssl = no\nlog_path = /peer/log\nfirst_valid_uid = 1\nprotocols = imap\n")
    os.chown(home, NOBODY, NOBODY)
    return imaplib.IMAP4_stream(f"chroot --userspec={NOBODY}:{NOBODY} {overlay.root} env USER={USER} HOME=/peer /usr/lib/dovecot/imap "
                                f"{'-k ' if dovecot_is_2_4(overlay) else ''}-c /peer/dovecot.conf 2>/dev/null")


@case
def the_same_answers():
    ours, theirs = ask(server.imap(USER)), ask(dovecot())
    different = [f"{folder}: {command}\n  ours   {around(ours[folder, command], got)}\n  theirs {around(got, ours[folder, command])}"
                 for (folder, command), got in theirs.items() if got != ours[folder, command]]
    if different:
        raise AssertionError("\n".join(different))


main()
