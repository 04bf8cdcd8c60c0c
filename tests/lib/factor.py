# SPDX-License-Identifier: MIT
"""A server with one-time codes, its clock, and clients from other networks."""
import ipaddress
import json
import os
import socket
import struct
import subprocess
import threading
import time

from tap import Server, equal, free_port, strict_context

HOME, AWAY = "127.0.0.1", "127.0.0.9"


class FactorServer:
    """@clock: clock.Clock, or None; @first: options with which users are made.  Also listens for proxies, which say where a client is:
    `proxied`."""

    def __init__(self, *options, users=2, clock=None, first=(), app_passwords=False):
        self.clock = clock
        wrapper, more = (clock.wrapper, clock.options) if clock else ((), ())
        s = self.server = Server(*first, users=users, wrapper=wrapper)
        self.store = os.path.join(os.path.dirname(s.config_dir), "state/auth/totp")
        self.key = self.store + ".key"
        self.write_key(self.key, "a master key of 32 characters or more\n")
        s.stop("--keep")
        self.proxied = free_port()
        own = "".join(f'{{ name = "{name}"; protocol = "{name.rstrip("s")}"; address = "127.0.0.1"; port = {s.ports[name]}; '
                      f'tls = {"true" if name.endswith("s") else "false"}; }}, ' for name in ("imap", "imaps", "pop3", "pop3s", "lmtp"))
        self.options = ("--set", "totp.enabled=true", "--set", f'totp.key="file:{self.key}"', "--set", f'totp.path="{self.store}"',
                        "--set", 'auth.failure_delay="0"', "--set",
                        f'listen.listeners=( {own} {{ name = "proxied"; protocol = "imap"; address = "127.0.0.1"; port = {self.proxied}; '
                        'allow_cleartext = true; trusted_proxies = ( "127.0.0.0/8" ); } )', *more, *first, *options)
        if app_passwords:
            self.options += ("--set", "app-passwords.enabled=true", "--set", f'app-passwords.path="{os.path.dirname(self.store)}/app-passwords"')
        s.start(*self.options)

    def write_key(self, path, text):
        """A file that only auth reads."""
        with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as f:
            f.write(text)
        owner = os.stat(os.path.dirname(self.store))
        os.chown(path, owner.st_uid, owner.st_gid)

    def enrol(self, user):
        """The secret of a user who is enrolled from now on."""
        lines = self.server.cli("totp", "enrol", user, "--no-confirm", "--json").stdout.splitlines()
        return json.loads(lines[0])["secret"]

    def app_password(self, user, label="phone", *options):
        return json.loads(self.server.cli("app-password", "add", user, label, *options, "--json").stdout.splitlines()[0])["password"]

    def now(self):
        return self.clock.now() if self.clock else time.time()

    def code(self, secret, later_s=0):
        """The code of the app, by oathtool."""
        return self.code_at(secret, int(self.now()) + later_s)

    @staticmethod
    def code_at(secret, time_s):
        return subprocess.run(["oathtool", "--totp", "-b", secret, "-N", f"@{time_s}"], capture_output=True, text=True, check=True).stdout.strip()

    def grants(self, user):
        return [json.loads(line) for line in self.server.cli("totp", "grants", user, "--json").stdout.splitlines()[:-1]]

    def imap(self, user, password, source=HOME):
        """"OK", or what the refusal says."""
        with self.connect(self.server.imaps, source) as s:
            return imap_login(s.makefile("rb"), s, user, password)

    def pop3(self, user, password, source=HOME):
        with self.connect(self.server.pop3s, source) as s:
            f = s.makefile("rb")
            for command in (b"", f"USER {user}\r\n".encode(), f"PASS {password}\r\n".encode()):
                s.sendall(command)
                line = f.readline()
            return "OK" if line.startswith(b"+OK") else line.decode()[5:].strip()

    def connect(self, port, source):
        raw = socket.create_connection(("127.0.0.1", port), 120, (source, 0))
        return strict_context(self.server.ca_file).wrap_socket(raw, server_hostname="127.0.0.1")

    def imap_from(self, address, user, password):
        """As imap, from any address, as a proxy tells it."""
        source, here = ipaddress.ip_address(address), ipaddress.ip_address("192.0.2.254" if "." in address else "2001:db8::fe")
        payload = source.packed + here.packed + struct.pack("!HH", 4000, 143)
        with socket.create_connection(("127.0.0.1", self.proxied), 120) as s:
            s.sendall(b"\r\n\r\n\0\r\nQUIT\n\x21" + (b"\x11" if source.version == 4 else b"\x21") + struct.pack("!H", len(payload)) + payload)
            return imap_login(s.makefile("rb"), s, user, password)


def imap_login(f, s, user, password):
    equal(f.readline()[:4], b"* OK", "greeting")
    s.sendall(f'a LOGIN {user} "{password}"\r\n'.encode())
    while not (line := f.readline()).startswith(b"a "):
        equal(line != b"", True, "the server goes on")
    return "OK" if line.startswith(b"a OK") else line.decode()[5:].strip()


class Relay:
    """A port whose connections reach @port from the address @source, for programs that cannot choose theirs."""

    def __init__(self, port, source):
        self.target, self.source = port, source
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client = self.listener.accept()[0]
            server = socket.create_connection(("127.0.0.1", self.target), 120, (self.source, 0))
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self._copy, args=(a, b), daemon=True).start()

    @staticmethod
    def _copy(source, destination):
        try:
            while data := source.recv(65536):
                destination.sendall(data)
            destination.shutdown(socket.SHUT_WR)
        except OSError:  # one side is gone: so is the other
            for s in (source, destination):
                s.close()
