# SPDX-License-Identifier: MIT
"""A server of one's own in one directory: made, started, stopped.  Used by devserver, quickstart and bench-server."""
import errno
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time

from ports import free_port, port_is_free

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("SATCHEL_BUILD") or os.path.join(TOP, ".build")
MEMORY = "devserver.json"   # what a later start goes on with
OURS = ("config", "state", "mail", "run", "tls", "inst", "server.log", "output.log", MEMORY)


PORTS = ("imap", "imaps", "pop3", "pop3s", "lmtp")


class Failure(Exception):
    """The reason of a failure, as one line for a person; `output` is all that the program said."""

    def __init__(self, reason, output=""):
        super().__init__(reason)
        self.output = output


def complaint(program, error):
    """Words for an error that ends a program: what the server said, and last the reason."""
    return "\n".join(filter(None, (getattr(error, "output", None), f"{program}: {error}")))


def build():
    if subprocess.run([os.path.join(TOP, "tools/lib/build.sh"), BUILD], stdout=sys.stderr).returncode != 0:
        raise Failure("the build failed, see above")


def others_may_pass(directory):
    """Says whether a user without special rights could reach what is in there."""
    while os.stat(directory).st_mode & stat.S_IXOTH:
        if directory == "/":
            return True
        directory = os.path.dirname(directory)
    return False


def roles_may_run(directory):
    """Says whether all users can reach it, and only root can change the directories on the way."""
    while directory != "/":
        s = os.stat(directory)
        if not s.st_mode & stat.S_IXOTH or s.st_uid != 0 or s.st_mode & 0o022 and not s.st_mode & stat.S_ISVTX:
            return False
        directory = os.path.dirname(directory)
    return True


def have_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


def quote(text):
    """A libconfig string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def start_time(pid):
    """Returns the start time of a process, which tells it from a later one with the same number; None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def has_ended(pid):
    return start_time(pid) is None


def session_members(sid):
    """Processes of the session that a server leads."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as f:
                    fields = f.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == sid and fields[0] != "Z":
                found.append(int(name))
    return found


def make_certificate(directory):
    """Makes a small CA and a leaf in the directory, both as strict verifiers want them (key identifiers, critical basic constraints)."""
    def openssl(*arguments):
        r = subprocess.run(["openssl", *arguments], cwd=directory, capture_output=True, text=True)
        if r.returncode != 0:
            raise Failure("openssl: " + (r.stderr.strip().splitlines() or ["failed"])[-1])
    with open(os.path.join(directory, "leaf.ext"), "w") as f:
        f.write("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
                "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
                "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\n")
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    try:
        openssl("req", "-x509", *new_key, "-days", "3650", "-subj", "/CN=Satchel throw-away CA", "-keyout", "ca.key",
                "-out", "ca.pem", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        openssl("req", *new_key, "-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "leaf.csr")
        openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "825",
                "-extfile", "leaf.ext", "-out", "cert.pem")
    except FileNotFoundError:
        raise Failure("openssl is missing: apt-get install openssl")
    for name in ("key.pem", "ca.key"):
        os.chmod(os.path.join(directory, name), 0o600)
    for name in ("cert.pem", "ca.pem"):
        os.chmod(os.path.join(directory, name), 0o644)
    for name in ("leaf.csr", "leaf.ext"):
        os.unlink(os.path.join(directory, name))


class Instance:
    def __init__(self, directory):
        self.dir = os.path.abspath(directory)
        self.memory = {}
        try:
            with open(self.memory_path()) as f:
                self.memory = json.load(f)
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as e:
            raise Failure(f"{self.memory_path()}: {e}; remove the directory and start again")

    def memory_path(self):
        return os.path.join(self.dir, MEMORY)

    def path(self, *parts):
        return os.path.join(self.memory.get("base") or self.dir, *parts)

    # ---- making

    def prepare(self, *, users, password, storage, settings, ports, domain, hostname="localhost", certificate=None):
        """Makes what is missing; settings that a kept directory remembers count before defaults.  @certificate: a directory
        with one that make_certificate() made, for a new instance, or None for one of its own."""
        m = self.memory
        made_dir = not os.path.isdir(self.dir)
        try:
            os.makedirs(self.dir, exist_ok=True)
        except OSError as e:
            raise Failure(f"{self.dir}: cannot be made: {e.strerror}")
        m.setdefault("made_dir", made_dir)
        m["password"] = password or m.get("password") or "pw"
        m["storage"] = storage or m.get("storage") or "maildir"
        m["domain"] = domain or m.get("domain") or "example.org"
        if settings:
            new = {s.split("=", 1)[0]: s for s in m.get("settings", [])}
            new.update({s.split("=", 1)[0]: s for s in settings})
            m["settings"] = list(new.values())
        m.setdefault("settings", [])
        m["hostname"] = hostname
        self._arrange_rights()
        self._ports(ports)
        self._certificate(certificate)
        self._config()
        self._users(users)
        self.remember()

    def remember(self):
        temporary = self.memory_path() + ".new"
        with open(temporary, "w") as f:
            json.dump(self.memory, f, indent=1)
        os.replace(temporary, self.memory_path())

    def _arrange_rights(self):
        if os.getuid() == 0 and not self.memory.get("base") and not others_may_pass(os.path.dirname(self.dir)):
            # The roles' throw-away users could not come here: the server lives where they can, DIR only knows where.
            place = os.environ.get("TMPDIR")
            self.memory["base"] = tempfile.mkdtemp(prefix="satchel-", dir=place if place and others_may_pass(place) else "/var/tmp")
        for name in ("config", "config/conf.d", "state", "state/auth", "mail", "run", "tls"):
            os.makedirs(self.path(name), exist_ok=True)
        for name in ("config", "config/conf.d", "tls"):
            os.chmod(self.path(name), 0o755)
        m = self.memory
        if os.getuid() != 0:
            m["uids"] = None
            return
        # Throw-away numbers, one a role; below what Debian hands out, and no account is made.
        if not m.get("uids"):
            base = 59000 + (os.stat(self.dir).st_ino * 8) % 960
            m["uids"] = {"gate": base, "auth": base + 1, "mail": base + 2, "config": base + 3, "helper": base + 4}
        os.chown(self.path(), 0, 0)
        os.chmod(self.path(), 0o755)
        owner = m["uids"]
        os.chown(self.path("state/auth"), owner["auth"], owner["auth"])
        os.chmod(self.path("state/auth"), 0o700)
        os.chown(self.path("mail"), owner["mail"], owner["mail"])
        os.chmod(self.path("mail"), 0o700)
        os.chmod(self.path("state"), 0o755)
        os.chmod(self.path("run"), 0o755)

    def _ports(self, wanted):
        ports = self.memory.setdefault("ports", {})
        taken = set()
        for name in PORTS:
            port = ports.get(name) or (wanted or {}).get(name)
            while not port or not port_is_free(port) or port in taken:
                port = free_port()
            taken.add(port)
            ports[name] = port

    def _certificate(self, made):
        tls = self.path("tls")
        if os.path.exists(os.path.join(tls, "cert.pem")):
            return
        if made is None:
            make_certificate(tls)
            return
        for name in os.listdir(made):
            shutil.copy(os.path.join(made, name), tls)

    def _config(self):
        m = self.memory
        p = m["ports"]
        listeners = []
        hosts = ["127.0.0.1"] + (["::1"] if have_ipv6() else [])
        for host in hosts:
            end = "6" if ":" in host else ""
            for name, protocol, tls in (("imap", "imap", False), ("imaps", "imap", True), ("pop3", "pop3", False),
                                        ("pop3s", "pop3", True), ("lmtp", "lmtp", False)):
                listeners.append(f'    {{ name = "{name}{end}"; protocol = "{protocol}"; address = "{host}"; port = {p[name]};'
                                 + (" tls = true;" if tls else "") + " }")
        listeners.append(f'    {{ name = "lmtp-socket"; protocol = "lmtp"; path = {quote(self.path("run/lmtp"))}; }}')
        roles = ""
        if m["uids"]:
            roles = "".join(f'  {role}_user = "{uid}";\n' for role, uid in m["uids"].items()) + '  admin_group = "0";\n'
        text = f"""# Made by tools/devserver; changed by each start.
server = {{
  hostname = {quote(m["hostname"])};
  default_domain = {quote(m["domain"])};
  mail_root = {quote(self.path("mail"))};
  state_dir = {quote(self.path("state"))};
  run_dir = {quote(self.path("run"))};
{roles}}};
log = {{ file = {quote(self.path("server.log"))}; }};
tls = {{ cert = {quote(self.path("tls/cert.pem"))}; key = {quote(self.path("tls/key.pem"))}; }};
listen = {{
  defaults = false;
  listeners = (
{(","+chr(10)).join(listeners)}
  );
}};
storage = {{ driver = {quote(m["storage"])}; }};
imap = {{ enabled = true; }};
pop3 = {{ enabled = true; }};
lmtp = {{ enabled = true; }};
{m["storage"]} = {{ enabled = true; }};
alias-file = {{ enabled = true; path = {quote(self.path("config/aliases"))}; }};
passwd-file = {{ enabled = true; path = {quote(self.path("state/auth/passwd"))}; }};
"""
        with open(self.path("config/satchel.conf"), "w") as f:
            f.write(text)
        aliases = self.path("config/aliases")
        if not os.path.exists(aliases):
            with open(aliases, "w") as f:
                f.write("# alias: target, target\n")
        for name in (self.path("config/satchel.conf"), aliases):
            os.chmod(name, 0o644)
        open(self.path("server.log"), "a").close()

    def programs(self):
        """Directory of the installed programs; a copy in our own directory where roles could not reach the tree."""
        installed = os.path.join(BUILD, "inst")
        if not self.memory.get("own_programs") and (os.getuid() != 0 or roles_may_run(installed)):
            return installed
        copy = self.path("inst")
        shutil.rmtree(copy, ignore_errors=True)
        subprocess.run(["cp", "-r", "--no-preserve=ownership", installed, copy], check=True)
        subprocess.run(["chmod", "-R", "go-w,a+rX", copy], check=True)
        return copy

    def options(self, programs):
        result = ["--config-dir", self.path("config"), "--defaults-dir", os.path.join(programs, "share/satchel/conf.d")]
        # SATCHEL_SET="server.sandbox=off ...": for every server of a test (test_map.py).
        settings = self.memory.get("settings", []) + os.environ.get("SATCHEL_SET", "").split()
        if not any(setting.startswith("server.module_dir=") for setting in settings):
            result += ["--module-dir", os.path.join(programs, "lib/satchel/modules")]
        for setting in settings:
            result += ["--set", setting]
        return result

    def environment(self, programs):
        env = dict(os.environ)
        env.pop("SATCHEL_MODULE_PATH", None)  # make check's; here the installed modules run
        if programs != os.path.join(BUILD, "inst"):
            env["LD_LIBRARY_PATH"] = os.path.join(programs, "lib")
        return env

    def command(self, arguments):
        """Returns arguments and environment for the satchel command on this server."""
        programs = self.memory.get("programs") or self.programs()
        return [os.path.join(programs, "bin/satchel"), *self.options(programs), *arguments], self.environment(programs)

    def cli(self, arguments, **options):
        command, environment = self.command(arguments)
        return subprocess.run(command, env=environment, **options)

    def user_names(self):
        return self.memory.get("users", [])

    def _users(self, users):
        """@users: names to have, or None to keep what is there."""
        m = self.memory
        m["programs"] = self.programs()
        known = m.setdefault("users", [])
        wanted = [u for u in (users if users is not None else ([] if known else default_names(2))) if u not in known]
        if not wanted:
            return
        first = wanted[0]
        r = self.cli(["user", "add", "--stdin", f"{first}@{m['domain']}"], input=m["password"] + "\n", text=True,
                     capture_output=True)
        if r.returncode != 0:
            said = r.stderr.strip()
            raise Failure("satchel user add: " + (said.splitlines() or [f"exit {r.returncode}"])[-1], said)
        # One password, one hash: the others' lines are the first one's with another name.
        passwd = self.path("state/auth/passwd")
        with open(passwd) as f:
            lines = f.read().splitlines()
        line = next(l for l in lines if l.startswith(f"{first}@{m['domain']}:"))
        # Without its last field, the check of the whole line.
        rest = line[len(first):].rsplit(":", 1)[0] + ":"
        with open(passwd, "a") as f:
            f.write("".join(f"{name}{rest}\n" for name in wanted[1:]))
        if m["uids"]:
            for name in os.listdir(self.path("state/auth")):
                os.chown(self.path("state/auth", name), m["uids"]["auth"], m["uids"]["auth"])
        known += wanted

    # ---- running

    def pid(self):
        """The running master, or None."""
        pid, began = self.memory.get("pid"), self.memory.get("began")
        return pid if pid and start_time(pid) == began else None

    def start(self, wrapper=()):
        if self.pid():
            return
        self._end_leftovers()
        programs = self.memory["programs"] = self.programs()
        notify = self.path("run/notify")
        if os.path.exists(notify):
            os.unlink(notify)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as ready:
            bind_short(ready, notify)
            env = self.environment(programs)
            env["NOTIFY_SOCKET"] = notify
            with open(self.path("output.log"), "ab") as output:
                began = output.tell()
                process = subprocess.Popen([*wrapper, os.path.join(programs, "sbin/satcheld"), *self.options(programs)], env=env,
                                           stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/",
                                           start_new_session=True)
            self.memory.update(pid=process.pid, began=start_time(process.pid))
            self.remember()
            ready.settimeout(0.25)
            deadline = time.monotonic() + 60
            while True:
                try:
                    if b"READY=1" in ready.recv(4096):
                        break
                except TimeoutError:
                    pass
                if process.poll() is not None or time.monotonic() > deadline:
                    self._end_leftovers()
                    with open(self.path("output.log"), errors="replace") as f:
                        f.seek(began)
                        output = f.read().strip()
                    cause = output.splitlines()[-1] if output else ""
                    if process.returncode is None:
                        raise Failure(f"satcheld was not ready within 60 s: {cause}", output)
                    raise Failure(f"satcheld ended with status {process.returncode}: {cause}", output)
        os.unlink(notify)
        # Where this program goes on beside the server, it takes the server's status when it ends.
        threading.Thread(target=process.wait, daemon=True).start()

    def _end_leftovers(self):
        """Ends what a master that died left behind: only members of the session it led."""
        sid = self.memory.get("pid")
        if not sid:
            return
        began = start_time(sid)
        if began is not None and began != self.memory.get("began"):
            return  # another process has that number now, and with it the session
        for sign, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            members = session_members(sid)
            for pid in members:
                try:
                    os.kill(pid, sign)
                except ProcessLookupError:
                    pass
            deadline = time.monotonic() + patience
            while session_members(sid) and time.monotonic() < deadline:
                time.sleep(0.02)

    def stop(self, keep=False):
        pid = self.pid()
        if pid:
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + 20
            while start_time(pid) == self.memory["began"] and time.monotonic() < deadline:
                time.sleep(0.02)
        self._end_leftovers()
        if keep:
            self.memory.pop("pid", None)
            self.memory.pop("began", None)
            if os.path.exists(self.memory_path()):
                self.remember()
            return
        if not os.path.exists(self.memory_path()):
            return
        if self.memory.get("base"):
            shutil.rmtree(self.memory["base"], ignore_errors=True)
        for name in OURS:
            path = os.path.join(self.dir, name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path, ignore_errors=True)
            elif os.path.lexists(path):
                os.unlink(path)
        if self.memory.get("made_dir"):
            try:
                os.rmdir(self.dir)
            except OSError as e:
                if e.errno not in (errno.ENOTEMPTY, errno.ENOENT):
                    raise

    def facts(self):
        m = self.memory
        return {"pid": m["pid"], **m["ports"], "lmtp_socket": self.path("run/lmtp"), "ca_file": self.path("tls/ca.pem"),
                "config_dir": self.path("config"), "mail_root": self.path("mail"), "log_file": self.path("server.log"),
                "domain": m["domain"], "password": m["password"]}


def bind_short(sock, path):
    """Binds a unix socket whose path may be longer than a socket address holds."""
    if len(path.encode()) < 108:
        sock.bind(path)
        return
    raise Failure(f"{path}: longer than the 107 bytes a unix socket's address may have; choose a shorter --dir")


def default_names(n):
    return [f"u{i:04d}" for i in range(1, n + 1)]
