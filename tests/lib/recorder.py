# SPDX-License-Identifier: MIT
"""A relay between a real IMAP client and a server without TLS, which notes what the client asks for and gets."""
import collections
import re
import socket
import threading
import zlib

LITERAL = re.compile(rb"~?\{(\d+)\+?\}\r?\n\Z")
SELECT = re.compile(rb'\A\S+ (?:SELECT|EXAMINE) (?:"((?:[^"\\]|\\.)*)"|([^ \r\n]+))', re.I)
CONTENT = re.compile(rb"(?:BODY|BINARY)\[\](?!<)|RFC822 ")


class Lines:
    """Makes lines of the bytes as they come; the bytes of a literal are left out."""

    def __init__(self):
        self.rest, self.line, self.skip, self.inflater = b"", b"", 0, None

    def inflate(self):
        """Notes that everything from here on is compressed (RFC 4978)."""
        self.inflater = zlib.decompressobj(-15)
        self.rest = self.inflater.decompress(self.rest)

    def feed(self, data):
        self.rest += self.inflater.decompress(data) if self.inflater else data
        while self.rest:
            n = min(self.skip, len(self.rest))
            self.rest, self.skip = self.rest[n:], self.skip - n
            end = self.rest.find(b"\n")
            if self.skip or end < 0:
                return
            part, self.rest = self.rest[:end + 1], self.rest[end + 1:]
            literal = LITERAL.search(part)
            self.line += part
            if literal:
                self.skip = int(literal[1])
            else:
                line, self.line = self.line, b""
                yield line


class Recorder:
    def __init__(self, port):
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.downloads = collections.Counter()   # (mailbox, UID): times its whole content came
        self.validities = collections.defaultdict(set)
        self.verbs = collections.Counter()       # of commands: "UID FETCH", "APPEND", ...
        self.commands = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client = self.listener.accept()[0]
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:  # it is down: so is this
                client.close()
                continue
            state = {"mailbox": None, "compress": None, "lines": (Lines(), Lines())}
            for n, (source, sink, note) in enumerate(((client, server, self._asked), (server, client, self._told))):
                threading.Thread(target=self._relay, args=(source, sink, note, state, state["lines"][n]), daemon=True).start()

    def _relay(self, source, sink, note, state, lines):
        try:
            while data := source.recv(65536):
                with self.lock:
                    for line in lines.feed(data):
                        note(line, state)
                sink.sendall(data)
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _asked(self, line, state):
        words = line.upper().split()
        if len(words) < 2:
            return
        verb = b" ".join(words[1:3] if words[1] == b"UID" else words[1:2]).decode("latin-1")
        self.verbs[verb] += 1
        if verb not in ("LOGIN", "AUTHENTICATE"):
            self.commands.append(line)
        if verb == "COMPRESS":
            state["compress"] = line.split()[0]
        selected = SELECT.match(line)
        if selected:
            state["mailbox"] = re.sub(rb"\\(.)", rb"\1", selected[1]) if selected[1] is not None else selected[2]

    def _told(self, line, state):
        if line.startswith(b"* ") and b" FETCH " in line[:20]:
            uid = re.search(rb"UID (\d+)", line)
            if uid and CONTENT.search(line):
                self.downloads[state["mailbox"], int(uid[1])] += 1
        if state["compress"] and line.startswith(state["compress"] + b" OK"):
            state["compress"] = None
            for lines in state["lines"]:
                lines.inflate()
        validity = re.match(rb"\* OK \[UIDVALIDITY (\d+)\]", line)
        if validity:
            self.validities[state["mailbox"]].add(int(validity[1]))

    def close(self):
        self.listener.close()
