#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Delivery filters with a scanner in a helper: once a message and once a recipient; what they change is what IMAP and POP3 show; hung,
killed, slow or talking rubbish, mail arrives and everybody else goes on."""
import json
import os
import re
import signal
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from modules import Modules  # noqa: E402
from noops import Noops  # noqa: E402
from tap import Server, case, equal, main, wait_for  # noqa: E402
from wire import Wire  # noqa: E402

MANY = 50
modules = Modules()
modules.add("helpers/scanner.c", "scan")
modules.add("helpers/scanner.c", "each", '-DNAME="each"', '-DFIELD="X-Each"', "-DEACH")
modules.add("install/trouble.c", "trouble", '-DNAME="trouble"', "-DON_ERROR=SATCHEL_FILTER_CONTINUE", '-DFIELD="X-Trouble: "', "-DSTAGE=message")
modules.add("install/sorter.c", "sorter", '-DNAME="sorter"')


def rules(scan="module"):
    return (f'( {{ filter = "scan"; deadline = "2s"; concurrent = 4; failure = "{scan}"; }}, {{ filter = "each"; deadline = "2s"; }}, '
            '{ filter = "trouble"; deadline = "1s"; concurrent = 2; } )')


server = Server(*modules.options("scan", "each", "trouble", "sorter"), "--set", "server.mail_processes=2", "--set", "server.gate_processes=1",
                "--set", "helpers.overdue=500ms", "--set", 'lmtp.xforward_networks=("127.0.0.1")', users=MANY + 4)
TEXT = b"\r\n".join(b"line %d" % n for n in range(20)) + b"\r\n"
LONG = b"".join(b"%06d %s\r\n" % (n, b"x" * 60) for n in range(3000))  # more than is kept in memory


def put(text):
    """What filters.rules says from now on."""
    with open(os.path.join(server.config_dir, "conf.d", "90-filters.conf"), "w") as f:
        f.write("filters : { rules = " + text + "; };\n")


put(rules())
server.cli("reload")


def lines(pattern):
    return [line for line in server.log().splitlines() if re.search(pattern, line)]


def mail(*fields, text=TEXT):
    return b"".join(field.encode() + b"\r\n" for field in fields) + b"\r\n" + text


def send(content, *users, sender="sender@example.net", name="mx.example", forwarded=()):
    """One transaction; the replies, one a recipient."""
    w = Wire(server, "lmtp")
    w.line()
    w.send(b"LHLO %s\r\n" % name.encode())
    w.reply()
    for facts in forwarded:
        w.ask(b"XFORWARD " + facts, b"250")
    w.ask(b"MAIL FROM:<%s>" % sender.encode(), b"250")
    for user in users:
        w.ask(b"RCPT TO:<%s@%s>" % (user.encode(), server.domain.encode()), b"250")
    w.ask(b"DATA", b"354")
    w.send(re.sub(rb"(^|\n)\.", rb"\1..", content) + b".\r\n")
    replies = w.lines(len(users))
    w.close()
    return [reply.decode().rstrip("\r\n") for reply in replies]


def codes(replies):
    return [reply[:3] for reply in replies]


class Mailbox:
    """What IMAP shows of the newest message."""

    def __init__(self, user, name="INBOX"):
        c = server.imap(user)
        equal(c.select(name, readonly=True)[0], "OK", f"SELECT {name}")
        self.n = int(c.untagged_responses["EXISTS"][-1])
        self.content, self.size, self.flags = b"", 0, b""
        if self.n > 0:
            parts = c.fetch(str(self.n), "(RFC822.SIZE FLAGS BODY.PEEK[])")[1]
            self.content = parts[0][1]
            said = parts[0][0] + parts[1]
            self.size = int(re.search(rb"RFC822\.SIZE (\d+)", said).group(1))
            self.flags = re.search(rb"FLAGS \(([^)]*)\)", said).group(1)
        c.logout()
        self.header, self.text = self.content.split(b"\r\n\r\n", 1) if self.n else (b"", b"")

    def field(self, name):
        """Its values."""
        return [value.decode() for value in re.findall(rb"(?im)^%s: *(.*(?:\n[ \t].*)*)$" % name.encode(), self.header.replace(b"\r\n", b"\n"))]


def files(user):
    """(inode, links) of the user's messages."""
    found = []
    for place, _, names in os.walk(os.path.join(server.mail_root, server.domain, user)):
        if os.path.basename(place) in ("new", "cur"):
            found += [(s.st_ino, s.st_nlink) for s in (os.stat(os.path.join(place, name)) for name in names)]
    return found


def pid_of(module="scan"):
    def look():
        answer = json.loads(server.cli("status", "--json", check=False).stdout or "{}")
        row = next((row for row in answer.get("lines", []) if row.get("text") == "process" and row.get("module") == module), {})
        return row.get("state") == "ready" and int(row["pid"])
    return wait_for(look, f"the helper of {module} is ready", 60)


def users(n):
    return [f"u{i:04d}" for i in range(1, n + 1)]


@case
def once_a_message():
    """one message to 50 users in two processes is scanned once, and they share one file, changed header and all"""
    for text in (TEXT, LONG):
        equal(codes(send(mail("Subject: before"), "u0001")), ["250"], "a message before")
        before = int(Mailbox("u0001").field("X-Scan-Number")[0])
        replies = send(mail("Subject: many", "X-Each-Quiet: 1", "X-Scan: add X-Verdict fine", text=text), *users(MANY))
        equal(codes(replies), ["250"] * MANY, "replies")
        seen = [Mailbox(user) for user in users(MANY)]
        equal({box.field("X-Scan-Number")[0] for box in seen}, {str(before + 1)}, "the number of the scan")
        equal({box.field("X-Verdict")[0] for box in seen}, {"fine"}, "what it added")
        equal({box.text for box in seen}, {text}, "the text")
    shared = set.intersection(*({inode for inode, links in files(user) if links >= MANY} for user in users(MANY) if user != "u0001"))
    equal(len(shared), 2, "files that all share")
    for fields, n in ((("X-Scan-Quiet: 1", "X-Each-Quiet: 1"), MANY), (("X-Scan-Quiet: 1", "X-Each-u0002: add X-Mine 1", "X-Each-Quiet: 1"), MANY - 1)):
        old = {user: files(user) for user in users(MANY)}
        equal(codes(send(mail("Subject: nothing", *fields), *users(MANY))), ["250"] * MANY, "replies")
        new = [{inode for inode, _ in files(user)} - {inode for inode, _ in old[user]} for user in users(MANY)]
        equal(max(sum(inode in inodes for inodes in new) for inode in new[0]), n, f"links of the file, {fields}")


@case
def facts():
    """a filter hears who sends to whom, from where, and how big it is; in the recipient stage whom it is about"""
    send(mail("Subject: facts"), "u0001", "u0002+Sent", sender="", name="relay.example")
    for user, detail in (("u0001", "none"), ("u0002", "Sent")):
        box = Mailbox(user, "Sent" if detail == "Sent" else "INBOX")
        scan, each = box.field("X-Scan-Facts")[0], box.field("X-Each-Facts")[0]
        whole = f"u0001@{server.domain},u0002+Sent@{server.domain}"
        for part in (f"sender= recipients={whole} n=2", "client=127.0.0.1 name=relay.example login=none tls=none user=none detail=none"):
            equal(part in scan, True, f"{part} in {scan}")
        address = whole.split(",")[detail != "none"]
        for part in (f"recipients={address} n=2", "client=127.0.0.1 name=relay.example", f"user={user}@{server.domain} detail={detail}"):
            equal(part in each, True, f"{part} in {each}")
        equal(re.search(r"id=(\w+)", scan).group(1) in box.field("Received")[0], True, "the id of the delivery")


@case
def origin():
    """what a trusted MTA says of a message, and all its recipients, reach filters of both stages in every mail process; without XFORWARD nothing does"""
    told = (b"NAME=client.example ADDR=IPv6:2001:DB8:0::7 PORT=2525", b"PROTO=ESMTP HELO=c.example IDENT=4bKQ0Y3Z3Xz9rw SOURCE=REMOTE")
    some = users(8)
    for forwarded, want in ((told, "4bKQ0Y3Z3Xz9rw,2001:db8::7,client.example,2525,c.example,ESMTP,REMOTE"), ((), "none"),
                            ((b"NAME=client.example IDENT=4bKQ ADDR=[UNAVAILABLE] HELO=c.example SOURCE=LOCAL",), "4bKQ,-,-,-,-,-,LOCAL")):
        equal(codes(send(mail("Subject: origin"), *some, forwarded=forwarded)), ["250"] * len(some), "replies")
        everybody = ",".join(f"{user}@{server.domain}" for user in some)
        for user in some:
            box = Mailbox(user)
            for name in ("X-Scan-Facts", "X-Each-Facts"):
                facts = box.field(name)[0]
                equal(facts.endswith(f" all={everybody} origin={want}"), True, f"{name} of {user}: {facts}")


def plain_of(box):
    """What came, without what filters and this server added."""
    own = rb"(?m)^(X-Scan-Number|X-Scan-Facts|X-Each-Number|X-Each-Facts|Return-Path|Delivered-To|Received|X-Added|X-Folded): .*\n(?:[ \t].*\n)*"
    return re.sub(own, b"", box.content.replace(b"\r\n", b"\n"))


@case
def header_changes():
    """fields are added below our trace and above all else, and removed by name; IMAP and POP3 show that, and sizes are exact; whatever the
    size, and with bare line ends"""
    asks = ("X-Scan: add X-Added one", "X-Scan: add X-Folded first|  second", "X-Scan: remove x-spam-STATUS", "X-Scan: remove Received")
    kept = ("Subject: kept", "Received: by elsewhere; now", "X-Spam-Status: No", "X-Spam: other", "X-Spam-Status: yes,\r\n folded", "To: x")
    bare = b"bare LF\nand bare CR\rand the end\r\n"
    for n, text in enumerate((TEXT, LONG, bare, LONG + bare)):
        for to in (["u0003"], ["u0003", "u0004"]):
            equal(codes(send(mail(*asks, *kept, text=text), *to)), ["250"] * len(to), "replies")
            box = Mailbox("u0003")
            names = re.findall(rb"(?m)^([\w-]+):", box.header)
            trace = [b"Return-Path"] + [b"Delivered-To"] * (len(to) == 1) + [b"Received"]
            equal(names[:len(trace)], trace, "our trace comes first")
            added = names[len(trace):len(trace) + 6]
            equal(added, [b"X-Each-Facts", b"X-Each-Number", b"X-Folded", b"X-Added", b"X-Scan-Facts", b"X-Scan-Number"], "then what was added")
            equal((box.field("X-Spam-Status"), box.field("X-Spam"), len(box.field("Received"))), ([], ["other"], 1), "what was removed")
            equal(box.field("X-Folded"), ["first\n  second"], "a folded field")
            equal(box.size, len(box.content), "RFC822.SIZE")
            left = mail(*asks, "Subject: kept", "X-Spam: other", "To: x", text=text)
            equal(plain_of(box), left.replace(b"\r\n", b"\n"), f"the rest, byte for byte ({n})")
            c = server.pop3_session("u0003")
            number = c.stat()[0]
            octets = int(c.list(number).split()[2])
            got = b"\r\n".join(c.retr(number)[1]) + b"\r\n"
            c.quit()
            if bare not in text:  # poplib cuts at bare line ends
                equal((got, octets), (box.content, len(box.content)), "POP3")
            equal(octets, len(box.content), "octets of LIST")


@case
def one_recipient():
    """what a filter says about one recipient is that one's alone, in this process or another"""
    to = users(8)
    field = "X-Each-{}: {}"
    says = {"u0002": "refuse not to me", "u0003": "later try tomorrow", "u0004": "discard", "u0005": "mailbox Archive", "u0006": "keyword $mine"}
    before = {user: Mailbox(user).n for user in to}
    replies = send(mail("Subject: each", *(field.format(user, what) for user, what in says.items()), "X-Each-u0007: add X-Mine yes"), *to)
    equal(codes(replies), ["250", "550", "451", "250", "250", "250", "250", "250"], "replies")
    equal(replies[1], f"550 5.7.1 not to me: <u0002@{server.domain}>", "its own text")
    equal(replies[2], f"451 4.7.1 try tomorrow: <u0003@{server.domain}>", "its own text, for now")
    after = {user: Mailbox(user) for user in to}
    equal([after[user].n - before[user] for user in to], [1, 0, 0, 0, 0, 1, 1, 1], "new in INBOX")
    equal(Mailbox("u0005", "Archive").field("Subject"), ["each"], "in the mailbox that it chose")
    equal((b"$mine" in after["u0006"].flags, b"$mine" in after["u0007"].flags), (True, False), "the keyword")
    equal((after["u0007"].field("X-Mine"), after["u0008"].field("X-Mine")), (["yes"], []), "the field")
    equal(all(box.size == len(box.content) for box in after.values()), True, "sizes")
    for pattern in ("refused: .*user=\"?u0002@.* filter=each text=\"not to me\"", "not delivered: .*user=\"?u0003@.* filter=each", "discarded: .*user=\"?u0004@.* filter=each"):
        equal(len(lines(pattern)), 1, pattern)


@case
def verdicts():
    """refused, deferred and discarded for all; keywords, flags, mailboxes and special uses; text that is none for a reply line"""
    to = ["u0010", "u0011"]
    before = [Mailbox(user).n for user in to]
    refused = send(mail("X-Scan: refuse this is spam"), *to)
    equal(refused, [f"550 5.7.1 this is spam: <{user}@{server.domain}>" for user in to], "refused")
    equal(send(mail("X-Scan: later busy"), *to), [f"451 4.7.1 busy: <{user}@{server.domain}>" for user in to], "deferred")
    equal(codes(send(mail("X-Scan: discard"), *to)), ["250", "250"], "discarded")
    equal([Mailbox(user).n for user in to], before, "nothing came of it")
    long_text = send(mail("X-Scan: refuse " + "\u00e4\u0001" + "x" * 500), *to[:1])[0]
    equal(re.fullmatch(r"550 5\.7\.1 \?+x{190,200}: <.*>", long_text) is not None and len(long_text) < 300, True, f"a text cut and cleaned: {long_text}")
    equal(codes(send(mail("Subject: flags", "X-Scan: keyword $Junk", "X-Scan: keyword two", "X-Scan: flags 5", "X-Scan: use 16"), "u0010")), ["250"], "reply")
    box = Mailbox("u0010", "Junk")
    equal(set(box.flags.split()) - {b"\\Recent"}, {b"$Junk", b"two", b"\\Seen", b"\\Flagged"}, "flags of the one in \\Junk")
    equal(codes(send(mail("Subject: nowhere", "X-Scan: mailbox Nowhere"), "u0010")), ["250"], "a mailbox that is not there")
    equal(Mailbox("u0010").field("Subject"), ["nowhere"], "is INBOX")
    equal(codes(send(mail("Subject: done", "X-For: sorter", "X-Scan: done"), "u0010")), ["250"], "reply")
    equal(Mailbox("u0010", "Archive").field("Subject"), ["done"], "a filter of the other stage goes on after DONE")


@case
def too_much():
    """what a filter may not ask for is its failure: the mail comes as it came"""
    for what in ("many 1000", "keyword (", "keyword " + "k" * 200, "add X-Bad:Name x", "add X-Bad a\u0001b", "add X-Bad a|b", "mailbox ../up", "remove " + "n" * 100,
                 "add X-Bad " + "l" * 1200, "tell me lies"):
        told = len(lines("filter failed:.*module scan"))
        equal(codes(send(mail("Subject: as it came", "X-Scan: " + what), "u0012")), ["250"], what)
        equal(len(lines("filter failed:.*module scan")), told + 1, f"{what}: it is told")
        box = Mailbox("u0012")
        equal((box.field("Subject"), box.field("X-Scan-Number"), box.field("X-Bad")), (["as it came"], [], []), what)


def works():
    """Until the scanner is there again."""
    def attempt():
        equal(codes(send(mail("Subject: again"), "u0013")), ["250"], "reply")
        return Mailbox("u0013").field("X-Scan-Number")
    wait_for(attempt, "mail is scanned again", 60)


def send_many(what, n=12):
    """At a time, to different users; all replies."""
    got = []
    threads = [threading.Thread(target=lambda i=i: got.extend(send(mail("Subject: " + what, "X-Scan: " + what), f"u{20 + i:04d}"))) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return codes(got)


@case
def scanner_in_trouble():
    """a scanner that hangs, is killed, crashes, is slow, or talks rubbish: mail arrives as it came, NOOP is answered, no mail process ends"""
    for what, n in (("hang", 12), ("crash", 4), ("talk", 4), ("slow 60000", 12), ("slow 100", 8)):
        pid_of()
        with Noops(server) as noops:
            equal(send_many(what, n), ["250"] * n, f"{what}: replies")
            noops.wait_more()
        equal({Mailbox(f"u{20 + i:04d}").field("Subject")[0] for i in range(n)}, {what}, f"{what}: it is there")
        works()
    equal(len(lines("filter failed:.*module scan: did not answer in time|filter failed:.*module scan: helper scan did not answer in time")) > 0, True, "it is told")
    with Noops(server) as noops:
        replies = []
        waiting = threading.Thread(target=lambda: replies.extend(send(mail("Subject: killed", "X-Scan: slow 60000"), "u0014")))
        pid = pid_of()
        waiting.start()
        noops.wait_more()
        os.kill(pid, signal.SIGKILL)
        waiting.join(60)
        equal(codes(replies), ["250"], "killed: reply")
    equal(Mailbox("u0014").field("Subject"), ["killed"], "killed: it is there")
    works()


@case
def recipient_filter_in_trouble():
    """a filter of one recipient that answers from the main loop: its call is cancelled at the deadline, and its errors defer"""
    told = len(lines("filter failed:.*module each: did not answer in time"))
    with Noops(server):
        replies = send(mail("Subject: hung", "X-Each-u0002: hang"), "u0001", "u0002")
    equal(replies[0][:3], "250", "the other one has it")
    equal(replies[1], f"451 4.3.0 Temporary trouble, try again later: <u0002@{server.domain}>", "deferred in the protocol's own words")
    equal(len(lines("filter failed:.*module each: did not answer in time")), told + 1, "it is told")
    wait_for(lambda: codes(send(mail("Subject: well"), "u0002")) == ["250"], "its helper is back", 60)


@case
def filter_hangs_itself():
    """a filter that hangs in the mail process keeps its own threads and no others: mail goes on at the deadline, then without waiting, IMAP goes
    on all the time"""
    before = Mailbox("u0015").n
    with Noops(server) as noops:
        for _ in range(12):
            equal(codes(send(mail("Subject: asleep", "X-Trouble: sleep"), "u0015")), ["250"], "reply")
        noops.wait_more()
    equal(len(lines("filter failed:.*module trouble: answers none of those that it has")) > 0, True, "it is not waited for any more")
    equal(Mailbox("u0015").n, before + 12, "messages")


@case
def counters_and_settings():
    """the counters show what filters said; a reload changes what a failure means; a rule for nobody is told of"""
    shown = server.cli("status", "--counters").stdout
    for part in ("satchel_filter_answers_total +filter:scan,result:refuse ", "satchel_filter_answers_total +filter:each,result:failed ", "satchel_filter_seconds "):
        equal(re.search(part, shown) is not None, True, f"{part} in {shown[:3000]}")
    put(rules("defer")[:-1] + ', { filter = "nobody"; } )')
    said = server.cli("config", "check", check=False)
    equal("nobody, which is not an enabled delivery filter" in said.stdout + said.stderr, True, f"the check: {said}")
    server.cli("reload")
    equal(send(mail("X-Scan: tell me lies"), "u0016")[0][:9], "451 4.3.0", "a failure defers now")
    equal(codes(send(mail("Subject: fine"), "u0016")), ["250"], "others")


main()
