# SPDX-License-Identifier: MIT
"""Users whose mail lies sealed: a server that has them, mail with a mark in it, and the places where the mark can be found."""
import base64
import json
import os
import re

from tap import Server, lacking

MARK = "Kranichflugzeit"


def patterns():
    """The mark as it is, in UTF-16, and in base64 at each of its three places."""
    text = MARK.encode()
    found = [text, MARK.encode("utf-16-le"), MARK.encode("utf-16-be")]
    for shift in range(3):
        found.append(base64.b64encode(b"x" * shift + text)[4 if shift else 0:-4])
    return found


ANY = re.compile(b"|".join(re.escape(pattern) for pattern in patterns()))


def message(n, size=0):
    """Mail with the mark in its header and its text."""
    head = f"From: {MARK} <a{n}@example.net>\r\nTo: b@example.org\r\nSubject: {MARK} {n}\r\nMessage-ID: <{n}.{MARK}@example.net>\r\n\r\n"
    line = f"{MARK} {n} \u00e4 text\r\n".encode()
    return head.encode() + line * max(1, size // len(line))


class SealedServer(Server):
    """A server with crypt, whose users have no ring yet."""

    def __init__(self, *options, users):
        super().__init__(*options, users=users)
        self.state_dir = os.path.join(os.path.dirname(self.config_dir), "state")
        if "crypt" not in self.cli("module", "list").stdout:
            lacking("the server was built without crypt (libsodium)")
        self.crypt_options = [x for key, value in {
            "crypt.enabled": "true", "crypt.path": f'"{self.state_dir}/auth/rings"', "crypt.memory": '"8K"', "crypt.passes": "1",
            "app-passwords.enabled": "true", "app-passwords.path": f'"{self.state_dir}/auth/app-passwords"', "auth.failure_delay": '"0"',
            "limits.login_failures": "100000"}.items() for x in ("--set", f"{key}={value}")]
        self.restart()

    def restart(self):
        self.stop("--keep")
        self.start(*self.crypt_options)

    def address(self, user):
        return f"{user}@{self.domain}"

    def records(self, *arguments, check=True):
        """What a command says with --json, but for its last line."""
        return [json.loads(line) for line in self.cli(*arguments, "--json", check=check).stdout.splitlines()[:-1]]

    def enable(self, user):
        """Seals the user's new mail, logs in once, and returns the recovery key."""
        key = self.records("crypt", "enable", self.address(user))[0]["recovery_key"]
        self.imap(user).logout()
        return key

    def clear_files(self):
        """Files below the state directories in which the mark is."""
        found = []
        for directory, _, names in (*os.walk(self.state_dir), *os.walk(self.mail_root)):
            for name in names:
                path = os.path.join(directory, name)
                try:
                    with open(path, "rb") as f:
                        content = f.read()
                except OSError:
                    continue
                if ANY.search(content):
                    found.append(path)
        return found

    def memory(self):
        """What of the mark is in the memory of each process: lines "ROLE NAME-OF-THE-MAPPING: what is around it"."""
        return memory_of(self, ANY)


def memory_of(server, pattern):
    """The same of what the compiled pattern of bytes finds, at most 64 bytes long."""
    found = []
    for pid, role in [(server.pid, "master"), *server.roles().items()]:
        found += [f"{role} {where}" for where in _marks_of(pid, pattern)]
    return found


def _marks_of(pid, pattern):
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span, rights, *_, name = (line.split(maxsplit=5) + [""])[:6]
            if "r" not in rights or name.strip() in ("[vvar]", "[vsyscall]", "[vdso]"):
                continue
            start, end = (int(x, 16) for x in span.split("-"))
            yield from (f"{name.strip() or 'anonymous'} {at:#x}: {around!r}" for at, around in _marks_in(memory, start, end, pattern))


def _marks_in(memory, start, end, pattern, piece=1 << 20):
    """Reads a mapping by pieces, which overlap so that no mark is cut."""
    for begin in range(start, end, piece):
        try:
            content = os.pread(memory.fileno(), min(piece + 64, end - begin), begin)
        except OSError:
            continue   # a page that cannot be read, as those of secret memory
        for found in pattern.finditer(content):
            if found.start() < piece:
                yield begin + found.start(), content[max(0, found.start() - 24):found.end() + 24]
