# SPDX-License-Identifier: MIT
"""TAP for tests in Python: cases as functions, one server for a file, real programs run with limits."""
import contextlib
import faulthandler
import fcntl
import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

TOP = os.environ.get("SATCHEL_SRCDIR") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tools", "lib"))
import devserver  # noqa: E402
import instance  # noqa: E402
from instance import PORTS, Failure, Instance, has_ended  # noqa: E402,F401 - the last for tests
from ports import free_port  # noqa: E402,F401 - for tests

CORPUS = os.path.join(TOP, "..", "shared", "corpus")
SANITIZED = re.compile(r"\b(?:Address|Leak|Thread|UndefinedBehavior)Sanitizer\b|: runtime error: ")
STORAGE = os.environ.get("SATCHEL_STORAGE", "maildir")  # where the servers of this test keep mail
LONG = bool(os.environ.get("SATCHEL_LONG"))
SEALED = bool(os.environ.get("SATCHEL_SEALED"))  # mail of the users that a server begins with lies sealed
_cases = []


class Skip(Exception):
    """The reason why a case cannot run here, which is shown."""


def case(function):
    _cases.append(function)
    return function


def of_maildir(why):
    """For a case that is about Maildir's own files, and says why: it is none with another driver, and the log names it."""
    def choose(function):
        if STORAGE == "maildir":
            return case(function)
        print(f"# not with {STORAGE}: {function.__name__}: {why}", flush=True)
        return function
    return choose


def of_clear_mail(why):
    """Before @case or @of_maildir, of a case that is none if mail lies sealed, and says why; the log names it."""
    def choose(function):
        if SEALED and function in _cases:
            _cases.remove(function)
            print(f"# not with sealed mail: {function.__name__}: {why}", flush=True)
        return function
    return choose


def two_volumes(first, second):
    """Options of a server: with bdb, whose volumes are in one mail process each, these users have a process and those another one."""
    def rule(name, users):
        return '{ name = "%s"; users = (%s); volume = "%s"; }' % (name, ", ".join(f'"{user}@*"' for user in users), name)
    if STORAGE != "bdb":
        return []
    return ["--set", 'bdb.volumes=("a", "b")', "--set", f'storage.rules=({rule("a", first)}, {rule("b", second)})']


class TimeIsOver(BaseException):
    """The runner (limited.py) says that the test hangs; not for a test's own `except Exception`."""


_awaited = {}   # thread: what it waits for, in words


@contextlib.contextmanager
def awaiting(what):
    """Names what the thread waits for meanwhile, for the log of a test that hangs."""
    me = threading.get_ident()
    before = _awaited.get(me)
    _awaited[me] = what
    try:
        yield
    finally:
        _awaited[me] = before


def _in_words(what):
    return what() if callable(what) else what


def _end_of_time(_sign, _frame):
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)   # once
    for thread, what in list(_awaited.items()):
        if what:
            print(f"# thread {thread:#x} waits for: {_in_words(what)}", flush=True)
    raise TimeIsOver("the time of the test is over" + (f"; it waited for: {_in_words(what)}" if (what := _awaited.get(threading.main_thread().ident)) else ""))


def _tell_state_at_signal():
    """SIGUSR1: where each thread is goes to the log, then the case fails and the test ends what it started."""
    signal.signal(signal.SIGUSR1, _end_of_time)
    faulthandler.register(signal.SIGUSR1, file=sys.stdout, all_threads=True, chain=True)


def _chosen():
    """The cases that the command line names, by function or by the beginning of their words; all without arguments."""
    wanted = sys.argv[1:]
    chosen = [f for f in _cases if not wanted or any(f.__name__ == w or _words(f).startswith(w) for w in wanted)]
    if not chosen:
        sys.exit(f"there is no such case; there are: {' '.join(f.__name__ for f in _cases)}")
    return chosen


def _words(function):
    return (function.__doc__ or function.__name__).strip().splitlines()[0]


def main():
    """Runs the cases in order of definition; arguments of the command choose some."""
    _tell_state_at_signal()
    cases = _chosen()
    print(f"1..{len(cases)}", flush=True)
    failed = 0
    for n, function in enumerate(cases, 1):
        name = _words(function)
        try:
            function()
            print(f"ok {n} - {name}", flush=True)
        except Skip as why:
            print(f"ok {n} - {name} # SKIP {why}", flush=True)
        except BaseException:  # noqa: B902 - a test that is interrupted failed
            failed += 1
            print("".join("# " + line + "\n" for line in [*traceback.format_exc().splitlines(), *_complaints()]), end="")
            print(f"not ok {n} - {name}", flush=True)
            if isinstance(sys.exc_info()[1], (KeyboardInterrupt, TimeIsOver)):
                break
    for clean in reversed(_cleanups):
        clean()
    sys.exit(1 if failed or _found else 0)


def _complaints():
    """What the servers of this test logged as errors and warnings last, for whoever has the output of the test alone."""
    for server in _servers:
        with contextlib.suppress(OSError, AttributeError):
            found = [line.rstrip() for line in server.log().splitlines() if re.search(r"\b(error|warning|critical)\b", line)]
            yield from (f"{line:.300}" for line in found[-6:])


_servers = []
_cleanups = []
_found = []   # what a sanitizer said of a server


def at_end(function):
    _cleanups.append(function)


def lacking(why):
    """Skips the case, since a program could not be installed; in CI, which has all packages, that is a failure."""
    if os.environ.get("CI"):
        raise AssertionError(why)
    raise Skip(why)


def need(program, everywhere=True):
    """@everywhere: each release that is tested on has it (tools/lib/deps.sh)."""
    if not shutil.which(program):
        why = f"{program} is not installed"
        if everywhere:
            lacking(why)
        raise Skip(why)


def equal(got, want, what):
    if got != want:
        raise AssertionError(f"{what}: got {got!r:.400}, want {want!r:.400}")


def run(*command, timeout=600, check=True, **options):
    """Runs a program.  The bound is only for one that hangs: some take a minute on a busy machine."""
    options.setdefault("capture_output", True)
    r = subprocess.run(command, timeout=timeout, **options)
    if check and r.returncode != 0:
        out = (r.stdout or b"")[-2000:] if isinstance(r.stdout, (bytes, str)) else ""
        err = (r.stderr or b"")[-2000:] if isinstance(r.stderr, (bytes, str)) else ""
        raise AssertionError(f"{command[0]} ended with {r.returncode}: {out!r} {err!r}")
    return r


def wait_for(condition, what, seconds=120):
    """Polls a condition that another process brings about; the bound is only for a test that hangs.  What is awaited may be a
    function, for words that change.  The longer it takes, the more rarely it looks: some conditions cost as much as what they wait for."""
    began = time.monotonic()
    deadline = began + seconds
    with awaiting(what):
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise AssertionError(f"{_in_words(what)}: not within {seconds} s")
            time.sleep(min(max(0.02, (time.monotonic() - began) / 20), 0.5))


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
    """Runs functions at the same time, each in a thread; the first error of one is the error of all."""
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


# Most tests are not about the cost of a login, so Argon2id is as cheap for them as it can be.  Some are about the memory that it takes
# by default, some about all of what the default costs.
CHEAP_HASHES = ("--set", 'passwd-file.memory="8K"', "--set", "passwd-file.passes=1")
LARGE_HASHES = ("--set", 'passwd-file.memory="19M"')
REAL_HASHES = (*LARGE_HASHES, "--set", "passwd-file.passes=2")


@functools.cache
def _build():
    """Looks at the tree once a test."""
    instance.build()


@functools.cache
def _certificate():
    """The directory with the certificate that all servers of tests have: a new one costs as much as half a start."""
    place = os.path.join(instance.BUILD, ".certificate")
    with open(place + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # A day is enough for a run, and far from its end.
        if not os.path.exists(place) or os.stat(place).st_mtime < time.time() - 86400:
            made = tempfile.mkdtemp(prefix=".certificate-", dir=instance.BUILD)
            instance.make_certificate(made)
            shutil.rmtree(place, ignore_errors=True)
            os.rename(made, place)
    return place


class Server:
    """A devserver of one's own; attributes are its JSON.  Its hashes are cheap, unless the options have others."""

    def __init__(self, *options, users=2, directory=None, wrapper=()):
        """@wrapper: a command that runs it, as prlimit."""
        self.wrapper = wrapper
        self.dir = directory or os.path.join(scratch(), "server")
        # Held until the test ends, so that they are this server's also while it is stopped.
        ports = (f"--port={name}={free_port()}" for name in PORTS)
        _servers.append(self)
        self.start("--users", str(users), *ports, *CHEAP_HASHES, *options)
        at_end(self.finish)
        if SEALED and directory is None:  # a directory that is kept has rings already
            self._seal()

    def start(self, *options):
        """Starts the server, also again after stop("--keep")."""
        storage = ["--storage", os.environ["SATCHEL_STORAGE"]] if "SATCHEL_STORAGE" in os.environ else []
        try:
            _build()
            facts = devserver.start(devserver.parsed(["start", "--dir", self.dir, *storage, *options]), self.wrapper, _certificate())
        except (Failure, OSError) as e:
            raise AssertionError(instance.complaint("devserver start", e)[-3000:])
        self.ports = {name: facts[name] for name in PORTS}
        del facts["imap"]  # the method is called so
        self.__dict__.update(facts)

    def _seal(self):
        """Gives each user a ring, which a login shuts; settings stay over restarts."""
        rings = os.path.join(os.path.dirname(self.config_dir), "state/auth/rings")
        self.stop("--keep")
        self.start("--set", "crypt.enabled=true", "--set", f'crypt.path="{rings}"', "--set", 'crypt.memory="8K"', "--set", "crypt.passes=1")
        for user in Instance(self.dir).user_names():
            self.cli("crypt", "enable", f"{user}@{self.domain}")
            self.imap(user).logout()

    def stop(self, *options):
        devserver.stop(devserver.parsed(["stop", "--dir", self.dir, *options]))

    def finish(self):
        """The end of a server; what a sanitizer has found in any of its processes fails the test."""
        self.stop("--keep")
        with contextlib.suppress(OSError), open(Instance(self.dir).path("output.log"), errors="replace") as f:
            for line in f:
                if SANITIZED.search(line):
                    _found.append(line)
                    print(f"# {line.rstrip():.300}\nnot ok - a sanitizer found something in a server", flush=True)
        self.stop()

    def cli(self, *arguments, check=True, **options):
        """Runs the satchel command, as `devserver cli` does."""
        command, environment = Instance(self.dir).command(arguments)
        return run(*command, check=check, text=True, env=environment, **options)

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

    def imap_when_back(self, user="u0001"):
        """A session while processes are killed: as long as one is away the server says so, or closes, and one tries again."""
        import imaplib

        def attempt():
            with contextlib.suppress(imaplib.IMAP4.error, OSError):
                return self.imap(user)
        return wait_for(attempt, f"a login of {user}")

    def pop3_session(self, user="u0001"):
        import poplib
        c = poplib.POP3_SSL("127.0.0.1", self.pop3s, context=strict_context(self.ca_file), timeout=60)
        c.user(user)
        c.pass_(self.password)
        return c

    def deliver(self, content, *users, sender="sender@example.net"):
        """Delivers over LMTP in one transaction; the content is bytes with any line ends."""
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
    """Returns the content as a client should get it, with CRLF for LF."""
    return re.sub(rb"\r?\n", b"\r\n", content)
