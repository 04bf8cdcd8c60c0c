#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""COMPRESS=DEFLATE (RFC 4978) with python's library and interimap, in clear text and under TLS; uploads that are cut off."""
import imaplib
import io
import os
import random
import socket
import subprocess
import sys
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, Skip, case, equal, main, need, scratch, wait_for  # noqa: E402
from wire import Wire  # noqa: E402

server = Server(users=4)
imaplib.Commands["COMPRESS"] = ("AUTH", "SELECTED")


class Inflated(io.RawIOBase):
    """What comes from a socket, decompressed; counts both sides."""

    def __init__(self, sock):
        self.sock, self.inflate, self.packed, self.plain = sock, zlib.decompressobj(-15), 0, 0

    def readable(self):
        return True

    def readinto(self, buffer):
        out = self.inflate.decompress(self.inflate.unconsumed_tail, len(buffer)) if self.inflate.unconsumed_tail else b""
        while not out:
            data = self.sock.recv(65536)
            if not data:
                return 0
            self.packed += len(data)
            out = self.inflate.decompress(data, len(buffer))
        self.plain += len(out)
        buffer[:len(out)] = out
        return len(out)


def compress(imap):
    """From here on imaplib speaks through zlib"""
    equal(imap._simple_command("COMPRESS", "DEFLATE")[0], "OK", "COMPRESS")
    raw, deflate = Inflated(imap.sock), zlib.compressobj(6, zlib.DEFLATED, -15)
    imap.file = io.BufferedReader(raw)
    imap.read, imap.readline = imap.file.read, imap.file.readline
    imap.send = lambda data: imap.sock.sendall(deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH))
    return raw


def talk(user, tls):
    imap = server.imap(user, tls=tls)
    if b"COMPRESS=DEFLATE" not in imap.capability()[1][0]:
        raise Skip("built without zlib")
    raw = compress(imap)
    dice = random.Random(7)
    # One that cannot be compressed, several buffers long; one that is all the same.
    hard = b"Subject: hard\r\n\r\n" + b"\r\n".join(dice.randbytes(57).hex().encode() for _ in range(20000)) + b"\r\n"
    soft = b"Subject: soft\r\n\r\n" + b"a" * 3000000 + b"\r\n"
    for message in (hard, soft):
        equal(imap.append("INBOX", None, None, message)[0], "OK", "APPEND")
    imap.select()
    for n, message in enumerate((hard, soft), 1):
        equal(imap.fetch(str(n), "(BODY.PEEK[])")[1][0][1] == message, True, "the message comes back")
    for _ in range(200):
        imap.append("INBOX", r"(\Seen)", None, b"Subject: the same again\r\nFrom: somebody@example.net\r\n\r\nx\r\n")
    before = raw.packed, raw.plain
    imap.noop()
    equal(len([x for x in imap.fetch("3:*", "(FLAGS INTERNALDATE ENVELOPE)")[1] if x]), 200, "messages told")
    packed, plain = raw.packed - before[0], raw.plain - before[1]
    equal(packed * 3 < plain, True, f"{packed} bytes for {plain}")
    equal(imap._simple_command("COMPRESS", "DEFLATE")[0], "NO", "COMPRESS once more")
    imap.logout()


@case
def clear_text():
    """In the mail process, over a socket"""
    talk("u0001", False)


@case
def under_tls():
    """In the mail process, behind a gate that relays TLS"""
    talk("u0002", True)


@case
def with_interimap():
    """interimap copies a mailbox over two compressed connections"""
    need("interimap")
    source = server.imap("u0003")
    source.create("Here")
    for i in range(30):
        source.append("Here", r"(\Flagged)" if i % 2 else None, None, b"Subject: %d\r\n\r\nbody %d\r\n" % (i, i))
    work = scratch()
    config = os.path.join(work, "config")
    with open(config, "w") as f:
        f.write(f"database = {work}/state.db\n")
        for name, user in (("local", "u0003"), ("remote", "u0004")):
            f.write(f"[{name}]\ntype = imap\nhost = 127.0.0.1\nport = {server.ports['imap']}\nSTARTTLS = NO\nauth = PLAIN LOGIN\n"
                    f"username = {user}\npassword = {server.password}\ncompress = YES\n")
    os.chmod(config, 0o600)
    r = subprocess.run(["interimap", "--debug", "--config", config], capture_output=True, timeout=120, env={**os.environ, "HOME": work})
    output = (r.stdout + r.stderr).decode(errors="replace")
    equal(r.returncode, 0, output[-2000:])
    equal("COMPRESS DEFLATE" in output, True, "it compresses")
    target = server.imap("u0004")
    equal(target.select("Here")[1], [b"30"], "messages copied")
    equal(len(target.search(None, "FLAGGED")[1][0].split()), 15, "flags copied")


@case
def cut_off():
    """Nothing stays of an APPEND of several messages whose client vanishes in the middle"""
    w = Wire(server, "imap")
    equal(w.line()[:4], b"* OK", "greeting")
    w.ask(b"1 LOGIN u0001 " + server.password.encode(), b"1 OK")
    w.ask(b"2 CREATE Cut", b"2 OK")
    w.send(b"3 APPEND Cut {100000+}\r\n" + b"x" * 100000 + b" {200000+}\r\n" + b"y" * 100000)
    tmp = os.path.join(server.mail_root, server.domain, "u0001", "tmp")
    wait_for(lambda: len(os.listdir(tmp)) >= 2, "both are on their way")
    w.s.shutdown(socket.SHUT_RDWR)
    w.close()
    wait_for(lambda: not os.listdir(tmp), "no file is left of them")
    equal(server.imap("u0001").select("Cut")[1], [b"0"], "messages")


main()
