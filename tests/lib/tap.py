# SPDX-License-Identifier: MIT
"""TAP for tests in Python: cases as functions, one server for a file, real programs run with limits."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback

TOP = os.environ.get("SATCHEL_SRCDIR") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tools", "lib"))
from ports import free_port  # noqa: E402,F401 - for tests

CORPUS = os.path.join(TOP, "..", "shared", "corpus")
LONG = bool(os.environ.get("SATCHEL_LONG"))
_cases = []


class Skip(Exception):
    """Why a case cannot run here; shown aloud."""


def case(function):
    _cases.append(function)
    return function


def main():
    """Runs the cases in order of definition."""
    print(f"1..{len(_cases)}", flush=True)
    failed = 0
    for n, function in enumerate(_cases, 1):
        name = (function.__doc__ or function.__name__).strip().splitlines()[0]
        try:
            function()
            print(f"ok {n} - {name}", flush=True)
        except Skip as why:
            print(f"ok {n} - {name} # SKIP {why}", flush=True)
        except BaseException:  # noqa: B902 - a test that is interrupted failed
            failed += 1
            print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()), end="")
            print(f"not ok {n} - {name}", flush=True)
            if isinstance(sys.exc_info()[1], KeyboardInterrupt):
                break
    for clean in reversed(_cleanups):
        clean()
    sys.exit(1 if failed else 0)


_cleanups = []


def at_end(function):
    _cleanups.append(function)


def need(program):
    if not shutil.which(program):
        raise Skip(f"{program} is not installed")


def equal(got, want, what):
    if got != want:
        raise AssertionError(f"{what}: got {got!r:.400}, want {want!r:.400}")


def run(*command, timeout=600, check=True, **options):
    """The bound is only for a program that hangs: some take a minute on a busy machine."""
    options.setdefault("capture_output", True)
    r = subprocess.run(command, timeout=timeout, **options)
    if check and r.returncode != 0:
        out = (r.stdout or b"")[-2000:] if isinstance(r.stdout, (bytes, str)) else ""
        err = (r.stderr or b"")[-2000:] if isinstance(r.stderr, (bytes, str)) else ""
        raise AssertionError(f"{command[0]} ended with {r.returncode}: {out!r} {err!r}")
    return r


def wait_for(condition, what, seconds=30):
    """Polls a condition that another process brings about; the bound is only for a test that hangs."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


class _Worker(threading.Thread):
    def __init__(self, work):
        super().__init__(daemon=True)
        self.work, self.error = work, None

    def run(self):
        try:
            self.work()
        except BaseException as e:  # noqa: B902 - told by the test
            self.error = e


def run_all(*works, seconds=600):
    """All at once, each in a thread; the first error of one is the error of all."""
    workers = [_Worker(work) for work in works]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(seconds)
        if worker.is_alive():
            raise AssertionError("one of them hangs")
        if worker.error:
            raise worker.error


def scratch():
    d = tempfile.mkdtemp(prefix="satchel-test-")
    at_end(lambda: shutil.rmtree(d, ignore_errors=True))
    return d


class Server:
    """A devserver of one's own; attributes are its JSON."""

    def __init__(self, *options, users=2, directory=None, wrapper=()):
        """@wrapper: a command that runs it, as prlimit."""
        self.wrapper = wrapper
        self.dir = directory or os.path.join(scratch(), "server")
        self.start("--users", str(users), *options)
        at_end(self.stop)

    def start(self, *options):
        """Also again, after stop("--keep")."""
        r = subprocess.run([*self.wrapper, os.path.join(TOP, "tools/devserver"), "start", "--dir", self.dir, "--json", *options],
                           capture_output=True, text=True, timeout=900)
        if r.returncode != 0:
            raise AssertionError(f"devserver start: {r.stderr[-3000:]}")
        facts = json.loads(r.stdout)
        self.ports = {name: facts[name] for name in ("imap", "imaps", "pop3", "pop3s", "lmtp")}
        del facts["imap"]  # the method is called so
        self.__dict__.update(facts)

    def stop(self, *options):
        subprocess.run([os.path.join(TOP, "tools/devserver"), "stop", "--dir", self.dir, *options], capture_output=True, timeout=120)

    def cli(self, *arguments, check=True, **options):
        return run(os.path.join(TOP, "tools/devserver"), "cli", "--dir", self.dir, "--", *arguments, check=check, text=True, **options)

    def log(self):
        with open(self.log_file, errors="replace") as f:
            return f.read()

    def roles(self):
        """Children of master: {pid: role}."""
        found = {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    with open(f"/proc/{name}/stat") as f:
                        fields = f.read().rpartition(")")[2].split()
                    if int(fields[1]) == self.pid and fields[0] != "Z":
                        with open(f"/proc/{name}/cmdline") as f:
                            m = re.search(r"--role=(\w+)", f.read())
                        found[int(name)] = m.group(1) if m else "?"
                except (OSError, AttributeError):
                    pass
        return found

    def imap(self, user="u0001", tls=True):
        import imaplib
        import ssl
        if tls:
            c = imaplib.IMAP4_SSL("127.0.0.1", self.imaps, ssl_context=strict_context(self.ca_file), timeout=60)
        else:
            c = imaplib.IMAP4("127.0.0.1", self.ports["imap"], timeout=60)
        c.login(user, self.password)
        return c

    def pop3_session(self, user="u0001"):
        import poplib
        c = poplib.POP3_SSL("127.0.0.1", self.pop3s, context=strict_context(self.ca_file), timeout=60)
        c.user(user)
        c.pass_(self.password)
        return c

    def deliver(self, content, *users, sender="sender@example.net"):
        """Over LMTP, one transaction; the content as bytes with any line ends."""
        from wire import Wire
        w = Wire(self, "lmtp")
        equal(w.line()[:3], b"220", "greeting of lmtp")
        w.send(b"LHLO test.example\r\n")
        w.reply()
        w.ask(b"MAIL FROM:<%s>" % sender.encode(), b"250")
        users = users or ("u0001",)
        for user in users:
            w.ask(b"RCPT TO:<%s@%s>" % (user.encode(), self.domain.encode()), b"250")
        w.ask(b"DATA", b"354")
        w.send(re.sub(rb"(^|\n)\.", rb"\1..", wire(content)) + b".\r\n")
        equal([x[:3] for x in w.lines(len(users))], [b"250"] * len(users), "replies to DATA")
        w.close()


def strict_context(ca_file):
    import ssl
    context = ssl.create_default_context(cafile=ca_file)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def corpus_files(*folders):
    if not os.path.isdir(CORPUS):
        raise Skip("../shared/corpus is missing")
    return [os.path.join(CORPUS, folder, name) for folder in folders or ("ham", "spam")
            for name in sorted(os.listdir(os.path.join(CORPUS, folder)))]


def wire(content):
    """What a client should get: LF line ends as CRLF."""
    return re.sub(rb"\r?\n", b"\r\n", content)
