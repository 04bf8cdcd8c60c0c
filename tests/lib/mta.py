# SPDX-License-Identifier: MIT
"""The sockets for an MTA: a client of the Dovecot authentication protocol, and one of the socketmap protocol."""
import base64
import os
import socket

from tap import equal


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
