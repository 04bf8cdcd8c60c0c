# SPDX-License-Identifier: MIT
"""Raw lines over a socket, for protocol tests: what is sent is exactly what is written here."""
import itertools
import select
import socket
import ssl

from tap import equal, strict_context


class Wire:
    def __init__(self, server, service, *, tls=False, path=None):
        if path:
            self.s = socket.socket(socket.AF_UNIX)
            self.s.settimeout(60)
            self.s.connect(path)
        else:
            self.s = socket.create_connection(("127.0.0.1", server.ports[service]), 60)
        if tls:
            self.s = strict_context(server.ca_file).wrap_socket(self.s, server_hostname="localhost")
        self.buffer = b""

    def send(self, data):
        self.s.sendall(data)

    def line(self):
        """Reads one line with its end; b"" when the server has closed."""
        while b"\n" not in self.buffer:
            try:
                data = self.s.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                rest, self.buffer = self.buffer, b""
                return rest
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line + b"\n"

    def exchange(self, data):
        """Sends while it reads, until the server closes; in one thread, since Python's TLS sockets are not for two at once."""
        found, data = [self.buffer], memoryview(data)
        self.s.setblocking(False)
        while True:
            try:
                if data:
                    data = data[self.s.send(data[:65536]):]
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            try:
                piece = self.s.recv(65536)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                if not any(select.select([self.s], [self.s] if data else [], [], 60)):
                    raise AssertionError(f"no answer for a minute; {len(data)} bytes are still to be sent") from None
                continue
            if not piece:
                return b"".join(found)
            found.append(piece)

    def lines(self, n):
        return [self.line() for _ in range(n)]

    def ask(self, command, *starts):
        """Sends a line and expects as many answers as there are starts."""
        self.send(command + b"\r\n")
        got = self.lines(len(starts) or 1)
        for line, start in zip(got, starts):
            equal(line[:len(start)], start, f"answer to {command[:60]!r}")
            # "+ " asks for more; no other answer has a blank at its end.
            equal(line == b"+ \r\n" or line.rstrip() + b"\r\n" == line, True, f"the end of {line!r}, an answer to {command[:60]!r}")
        return got[-1]

    def append_many(self, folder, messages, at_once=100):
        """IMAP: uploads messages, each with flags and date, many in each command, so that they share the syncs of the disk."""
        messages = iter(messages)
        while some := list(itertools.islice(messages, at_once)):
            self.send(b'a APPEND "%s"' % folder.encode() + b"".join(
                b' (%s) "%s" {%d+}\r\n%s' % (flags.encode(), date.encode(), len(content), content) for flags, date, content in some))
            self.ask(b"", b"a OK")

    def rest(self):
        """Reads everything until the server closes."""
        found = [self.line()]
        while found[-1]:
            found.append(self.line())
        return b"".join(found)

    def multi(self):
        """Reads an answer that ends in a dot, as in POP3, without the line of the dot."""
        found = []
        while True:
            line = self.line()
            if line in (b".\r\n", b""):
                equal(line, b".\r\n", "end of a dotted answer")
                return found
            found.append(line)

    def reply(self):
        """Reads one SMTP reply with all its lines."""
        found = [self.line()]
        while found[-1][3:4] == b"-":
            found.append(self.line())
        return found

    def close(self):
        self.s.close()
