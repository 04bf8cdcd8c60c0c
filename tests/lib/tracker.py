# SPDX-License-Identifier: MIT
"""An IMAP client that believes nothing but what the server tells it: numbers, UIDs, flags and mod-sequences of a mailbox,
kept from untagged responses alone (RFC 3501 7, RFC 7162).  What a server must never say raises an error at once."""
import re

from wire import Wire

_LITERAL = re.compile(rb"\{(\d+)\}\r\n$")
_FETCH = re.compile(rb"\* (\d+) FETCH \((.*)\)\r\n$", re.S)
_NUMBER = re.compile(rb"\* (\d+) (EXISTS|EXPUNGE|RECENT)\r\n$")
_CODE = re.compile(rb"\[([A-Z0-9-]+)(?: ([^\]]*))?\]")
SILENT = (b"FETCH", b"STORE", b"SEARCH", b"SORT")  # no EXPUNGE and no VANISHED while one of these runs (RFC 3501 7.4.1)


def numbers(text):
    """1:3,7 as a list."""
    found = []
    for part in text.decode().split(","):
        first, _, last = part.partition(":")
        found += range(int(first), int(last or first) + 1)
    return found


def ranges(uids):
    """Returns a list of numbers as 1:3,7."""
    parts = []
    for uid in sorted(uids):
        if parts and parts[-1][1] == uid - 1:
            parts[-1][1] = uid
        else:
            parts.append([uid, uid])
    return ",".join(f"{a}:{b}" if a != b else f"{a}" for a, b in parts)


class Refused(Exception):
    """The answer was NO or BAD; the text is its line."""


class Row:
    def __init__(self, uid=None, flags=None, modseq=0):
        self.uid, self.flags, self.modseq = uid, flags, modseq


class Tracker:
    """mode: "plain", "condstore" or "qresync"."""

    def __init__(self, server, user="u0001", mode="plain"):
        self.mode, self.rows, self.counter, self.selected = mode, [], 0, None
        self.uidvalidity = self.uidnext = self.modseq = 0
        self.seen_modseq, self.code_modseq = 0, None
        self.running, self.bodies, self.log, self.codes = b"", {}, [], {}
        self.wire = Wire(server, "imap")
        assert self.line().startswith(b"* OK"), "greeting"
        self.ask(b"LOGIN %s %s" % (user.encode(), server.password.encode()))
        if mode == "qresync":
            self.ask(b"ENABLE QRESYNC")
        elif mode == "condstore":
            self.ask(b"ENABLE CONDSTORE")

    # ---- lines

    def line(self):
        """Reads one response with its literals."""
        whole = b""
        while True:
            line = self.wire.line()
            whole += line
            if not line:
                raise AssertionError(f"{self.mode}: dropped in {self.running[:200]!r} after {self.log[-3:]!r}")
            literal = _LITERAL.search(line)
            if not literal:
                self.log = self.log[-30:] + [whole[:300]]
                return whole
            whole += self.exactly(int(literal[1]))

    def exactly(self, n):
        while len(self.wire.buffer) < n:
            data = self.wire.s.recv(65536)
            if not data:
                raise AssertionError("dropped inside a literal")
            self.wire.buffer += data
        data, self.wire.buffer = self.wire.buffer[:n], self.wire.buffer[n:]
        return data

    def wrong(self, what, line):
        raise AssertionError(f"{self.mode}: {what} in {self.running[:200]!r}: {line[:300]!r}; "
                             f"{len(self.rows)} messages; before: {self.log[-12:]!r}")

    # ---- commands

    def send(self, command):
        self.counter += 1
        self.running = command
        self.seen_modseq, self.code_modseq, self.bodies, self.codes = 0, None, {}, {}
        self.tag = b"T%d" % self.counter
        self.wire.send(self.tag + b" " + command + b"\r\n")

    def finish(self):
        """Reads up to the tagged answer, which is returned; Refused unless it is OK."""
        while True:
            line = self.line()
            if line.startswith(self.tag + b" "):
                break
            self.untagged(line)
        answer = line[len(self.tag) + 1:]
        self.take_code(answer)
        if self.code_modseq is not None:
            self.modseq = self.code_modseq  # even if higher ones were seen (RFC 7162 6)
        elif self.mode != "plain":
            self.modseq = max(self.modseq, self.seen_modseq)
        if not answer.startswith(b"OK"):
            raise Refused(answer.decode())
        return answer

    def ask(self, command):
        self.send(command)
        return self.finish()

    def append(self, mailbox, content, flags=b""):
        self.send(b"APPEND %s (%s) {%d+}\r\n" % (mailbox, flags, len(content)) + content)
        return self.finish()

    # ---- responses

    def take_code(self, text):
        code = _CODE.search(text[:200] if b"[" in text[:12] else b"")
        if not code:
            return
        self.codes[code[1]] = code[2]
        if code[1] == b"HIGHESTMODSEQ":
            self.code_modseq = int(code[2])
        elif code[1] == b"UIDVALIDITY":
            self.uidvalidity = int(code[2])
        elif code[1] == b"UIDNEXT":
            self.uidnext = int(code[2])
        elif code[1] == b"CLOSED":
            self.rows = []

    def may_expunge(self):
        words = self.running.split(b" ")
        return words[0] not in SILENT

    def untagged(self, line):
        fetch, number = _FETCH.match(line), _NUMBER.match(line)
        if fetch:
            self.take_fetch(int(fetch[1]), fetch[2], line)
        elif number:
            self.take_number(int(number[1]), number[2], line)
        elif line.startswith(b"* VANISHED "):
            self.take_vanished(line)
        elif line.startswith(b"* BYE") and self.running != b"LOGOUT":
            self.wrong("goodbye", line)
        elif line.startswith(b"* BAD"):
            self.wrong("protocol error", line)
        elif line.startswith(b"* OK"):
            self.take_code(line[2:])
        elif line.startswith((b"* SEARCH", b"* ESEARCH")):
            self.found = [int(x) for x in line.split(b"(")[0].split()[2:]] if line.startswith(b"* SEARCH") else []

    def take_number(self, n, what, line):
        if what == b"EXISTS":
            if n < len(self.rows):
                self.wrong("EXISTS goes back", line)
            self.rows += [Row() for _ in range(n - len(self.rows))]
        elif what == b"EXPUNGE":
            if self.mode == "qresync":
                self.wrong("EXPUNGE after ENABLE QRESYNC", line)
            if not self.may_expunge():
                self.wrong("EXPUNGE", line)
            if not 1 <= n <= len(self.rows):
                self.wrong("EXPUNGE of no message", line)
            del self.rows[n - 1]

    def take_vanished(self, line):
        is_earlier = line.startswith(b"* VANISHED (EARLIER) ")
        uids = numbers(line.split()[-1])
        if self.mode != "qresync":
            self.wrong("VANISHED without ENABLE QRESYNC", line)
        if is_earlier:
            self.earlier(uids, line)
            return
        if not self.may_expunge():
            self.wrong("VANISHED", line)
        for uid in uids:
            at = 0
            while at < len(self.rows) and (self.rows[at].uid or 0) < uid:
                at += 1
            # One that was announced and never looked at has an unknown UID: any of those before the next known one.
            if at == len(self.rows) or self.rows[at].uid != uid:
                at -= 1
                if at < 0 or self.rows[at].uid is not None:
                    self.wrong(f"VANISHED of {uid}, which is not there", line)
            del self.rows[at]

    def earlier(self, uids, line):
        """Checks that the server does not say this of a message that is in the view."""
        there = {row.uid for row in self.rows} & set(uids)
        if there and not self.running.startswith((b"SELECT", b"EXAMINE")):
            self.wrong(f"VANISHED (EARLIER) of {there}, which are there", line)
        self.gone.update(uids)

    def take_fetch(self, n, items, line):
        if not 1 <= n <= len(self.rows):
            self.wrong("FETCH of no message", line)
        row = self.rows[n - 1]
        head = items.split(b" BODY[", 1)[0] if not items.startswith(b"BODY[") else b""
        uid = re.search(rb"(?:^| )UID (\d+)", head)
        flags = re.search(rb"(?:^| )FLAGS \(([^)]*)\)", head)
        modseq = re.search(rb"(?:^| )MODSEQ \((\d+)\)", head)
        if uid:
            if row.uid not in (None, int(uid[1])):
                self.wrong(f"message {n} was {row.uid}", line)
            row.uid = int(uid[1])
            near = [r.uid for r in self.rows[max(0, n - 2):n + 1] if r.uid]
            if near != sorted(near):
                self.wrong("UIDs do not ascend", line)
        if flags:
            row.flags = frozenset(flags[1].decode().split()) - {"\\Recent"}
            if self.mode != "plain" and b"FETCH" not in self.running and not (uid and modseq):
                self.wrong("no UID or MODSEQ", line)
        if modseq:
            row.modseq = int(modseq[1])
            self.seen_modseq = max(self.seen_modseq, row.modseq)
        body = items.partition(b"}\r\n")
        if body[1]:
            self.bodies[row.uid] = body[2]

    # ---- mailboxes

    def select(self, mailbox=b"INBOX", command=b"SELECT", known=None):
        """known: (uidvalidity, modseq, {uid: flags}) of an earlier visit, to be caught up with (RFC 7162 3.2.5)."""
        self.rows, self.gone = [], set()
        if known is None:
            self.ask(b"%s %s" % (command, mailbox))
            return
        parameters = b"%d %d" % known[:2]
        if known[2]:
            parameters += b" " + ranges(known[2]).encode()
        # The answers come in the order of the view: what is known of it is laid below them afterwards.
        self.ask(b"%s %s (QRESYNC (%s))" % (command, mailbox, parameters))
        if self.uidvalidity != known[0]:
            return
        left = sorted(set(known[2]) - self.gone)
        if len(left) > len(self.rows):
            raise AssertionError(f"{self.mode}: knows of {len(left)} messages, the mailbox has {len(self.rows)}; gone: {sorted(self.gone)}, "
                                 f"asked with {parameters!r}, told {self.log[-12:]!r}")
        for row, uid in zip(self.rows, left):
            if row.uid not in (None, uid):
                raise AssertionError(f"{self.mode}: {uid} should be where {row.uid} is; told {self.log[-12:]!r}")
            row.uid = uid
            if row.flags is None:
                row.flags = known[2][uid]

    def known(self):
        return self.uidvalidity, self.modseq, {row.uid: row.flags for row in self.rows if row.uid}

    def look_at_new(self):
        """Fetches the messages that were only announced, after which nothing is unknown."""
        while any(row.uid is None or row.flags is None for row in self.rows):
            first = next(i for i, row in enumerate(self.rows, 1) if row.uid is None or row.flags is None)
            try:
                self.ask(b"FETCH %d:%d (UID FLAGS)" % (first, len(self.rows)))
            except Refused as why:
                if "[EXPUNGEISSUED]" not in str(why):
                    raise
            self.ask(b"NOOP")

    def view(self):
        """[(uid, flags)] in order of numbers."""
        return [(row.uid, tuple(sorted(row.flags))) for row in self.rows]

    def close(self):
        self.ask(b"LOGOUT")
        self.wire.close()
