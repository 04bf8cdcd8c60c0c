#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Module spam: what the MTA's filter wrote decides between INBOX and the spam folder, for each user by thresholds and lists."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, case, equal, main  # noqa: E402
from wire import Wire  # noqa: E402

server = Server("--set", "spam.enabled=true", "--set", "server.mail_processes=2", "--set", "server.gate_processes=1",
                "--set", 'spam.headers=( { style = "spamassassin"; } )', "--set", 'spam.junk_score="6"', "--set", 'spam.reject_score="20"',
                "--set", 'spam.users=( { name = "u0002@example.org"; junk_score = "3"; reject_score = "off"; } )', "--set", "spam.keyword=true",
                users=12)
MTA = b"Received: from outside.example by mta.example; Mon, 1 Jan 2024 00:00:00 +0000\r\n"


def send(content, *users, sender="sender@example.net"):
    """The replies, one a recipient."""
    w = Wire(server, "lmtp")
    w.line()
    w.send(b"LHLO mta.example\r\n")
    w.reply()
    w.ask(b"MAIL FROM:<%s>" % sender.encode(), b"250")
    for user in users:
        w.ask(b"RCPT TO:<%s@example.org>" % user.encode(), b"250")
    w.ask(b"DATA", b"354")
    w.send(content + b".\r\n")
    replies = [line.decode().rstrip("\r\n") for line in w.lines(len(users))]
    w.close()
    return replies


def mail(score=None, below=b"", sender="sender@example.net"):
    trusted = b"" if score is None else b"X-Spam-Status: %s, score=%.1f required=5.0\r\n" % (b"Yes" if score >= 5 else b"No", score)
    return trusted + MTA + below + b"From: A <%s>\r\nSubject: s\r\n\r\ntext\r\n" % sender.encode()


class Look:
    """What IMAP shows of a user's mailbox."""

    def __init__(self, user, mailbox="INBOX"):
        c = server.imap(user)
        equal(c.select(mailbox, readonly=True)[0], "OK", f"SELECT {mailbox}")
        self.n = int(c.untagged_responses["EXISTS"][-1])
        self.flags, self.results = b"", []
        if self.n:
            parts = c.fetch(str(self.n), "(FLAGS BODY.PEEK[HEADER])")[1]
            self.flags = b" ".join(part if isinstance(part, bytes) else part[0] for part in parts)
            self.results = re.findall(rb"(?im)^X-Satchel-Spam: *(.*?)\r$", parts[0][1])
        c.logout()


def counts(user):
    return Look(user).n, Look(user, "Junk").n


@case
def by_score():
    """one message to three users goes where each user's threshold says; none is told of another's"""
    equal([reply[:3] for reply in send(mail(4.0), "u0001", "u0002", "u0003")], ["250"] * 3, "replies")
    equal([counts(user) for user in ("u0001", "u0002", "u0003")], [(1, 0), (0, 1), (1, 0)], "INBOX and Junk")
    equal(Look("u0002", "Junk").results, [b"No, score=4.0 threshold=6.0 source=spamassassin-header"], "the field")
    equal(b"$Junk" in Look("u0002", "Junk").flags, True, "the keyword")
    equal(b"$Junk" in Look("u0001").flags, False, "the keyword of mail that is no spam")
    equal([reply[:3] for reply in send(mail(6.0), "u0001", "u0002")], ["250"] * 2, "replies")
    equal([counts(user) for user in ("u0001", "u0002")], [(1, 1), (0, 2)], "INBOX and Junk")
    equal(Look("u0001", "Junk").results, [b"Yes, score=6.0 threshold=6.0 source=spamassassin-header"], "the field")


@case
def refused():
    """from the higher threshold on the MTA hears 550, except for the user who has it off"""
    replies = send(mail(25.0), "u0001", "u0002")
    equal([reply[:9] for reply in replies], ["550 5.7.1", "250 2.0.0"], "replies")
    equal("looks like spam" in replies[0], True, replies[0])
    equal(counts("u0002"), (0, 3), "INBOX and Junk of the one who has it off")


@case
def forged():
    """fields that a sender wrote decide nothing, and the module's own field is stripped"""
    forged_fields = b"X-Spam-Status: No, score=-50 required=5\r\nX-Spam-Flag: NO\r\nx-satchel-spam: No, score=-50\r\n"
    send(mail(9.0, forged_fields), "u0004")
    equal(counts("u0004"), (0, 1), "spam with forged fields")
    equal(Look("u0004", "Junk").results, [b"Yes, score=9.0 threshold=6.0 source=spamassassin-header"], "the field")
    send(mail(None, b"X-Spam-Flag: YES\r\nX-Spam-Status: Yes, score=99 required=5\r\n"), "u0004")
    equal(counts("u0004"), (1, 1), "mail that was not scanned")
    equal(Look("u0004").results, [b"Unknown"], "the field")


@case
def listed():
    """a user's lists count before the score, by From and by the envelope, an address before its domain"""
    user = f"u0005@{server.domain}"
    server.cli("spam", "allow", user, "Friend@example.com")
    server.cli("spam", "block", user, "example.com")
    equal(server.cli("spam", "list", user).stdout.splitlines(), ["sender=example.com list=block", "sender=friend@example.com list=allow"], "the lists")
    send(mail(25.0, sender="friend@example.com"), "u0005")
    equal(counts("u0005"), (1, 0), "allowed")
    send(mail(0.0, sender="other@mail.example.com"), "u0005")
    equal(counts("u0005"), (1, 1), "blocked by From")
    send(mail(0.0), "u0005", sender="bounce@example.com")
    equal(counts("u0005"), (1, 2), "blocked by the envelope")
    server.cli("spam", "block", user, "example.com", "--remove")
    send(mail(0.0, sender="other@example.com"), "u0005")
    equal(counts("u0005"), (2, 2), "not blocked any more")
    r = server.cli("spam", "block", user, "no address", check=False)
    equal((r.returncode, "neither an address" in r.stderr), (65, True), f"what is no address: {r.stderr}")


@case
def folder():
    """a spam folder that was deleted is made anew; one of another name is used as it is"""
    c = server.imap("u0006")
    equal(c.delete("Junk")[0], "OK", "DELETE")
    send(mail(9.0), "u0006")
    equal(c.select("Junk", readonly=True)[1], [b"1"], "the folder that was made")
    c.logout()
    c = server.imap("u0007")
    equal(c.rename("Junk", "Rubbish")[0], "OK", "RENAME")
    c.logout()
    send(mail(9.0), "u0007")
    equal((Look("u0007").n, Look("u0007", "Rubbish").n), (0, 1), "INBOX and the renamed folder")
    send(mail(9.0), "u0008+Rubbish")
    equal(counts("u0008"), (0, 1), "mail to a detail")


@case
def over_pop3():
    """POP3 never shows what is in the spam folder"""
    send(mail(9.0), "u0009")
    send(mail(0.0), "u0009")
    pop3 = server.pop3_session("u0009")
    equal(pop3.stat()[0], 1, "messages over POP3")
    pop3.quit()


@case
def told():
    """the log has a line for each message that is put aside, and the counters have all"""
    lines = [line for line in server.log().splitlines() if " judged: " in line and "user=u0002@" in line]
    equal([re.search(r"verdict=\S+ reason=\S+ score=\S+", line).group(0) for line in lines],
          ["verdict=junk reason=score score=4.0", "verdict=junk reason=score score=6.0", "verdict=junk reason=score score=25.0"], "lines")
    equal("bounces to senders" in server.log(), True, "the warning that mail is refused")
    counters = server.cli("status", "--counters").stdout
    equal(re.findall(r"(?m)^satchel_spam_verdicts_total +verdict:refused,reason:score +(\d+)$", counters), ["1"], "the counter of refusals")


main()
