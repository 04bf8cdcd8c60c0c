#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""satchel, the admin's command, from the build tree."""
import json
import os
import pty
import select
import shutil
import signal
import stat
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import TOP, Skip, case, equal, main, run, scratch  # noqa: E402

BUILD = os.environ.get("SATCHEL_BUILDDIR") or TOP
SATCHEL = os.path.join(BUILD, "satchel")
os.umask(0o022)
root = scratch()
os.chmod(root, 0o755)
for name in ("etc", "etc/conf.d", "defaults", "mail", "run", "modules"):
    os.mkdir(os.path.join(root, name))
# Copies: the build tree's own files are links, or may belong to somebody else.
for name in os.listdir(os.path.join(BUILD, ".libs")):
    if name.endswith(".so") and not name.startswith("libsatchel"):
        with open(os.path.join(BUILD, ".libs", name), "rb") as f, open(os.path.join(root, "modules", name), "wb") as g:
            g.write(f.read())
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "SATCHEL_MODULE_PATH"}
GLOBAL = ["--config-dir", os.path.join(root, "etc"), "--defaults-dir", os.path.join(root, "defaults"),
          "--module-dir", os.path.join(root, "modules")]
NUMBERS = "".join(f'  {role}_user = "{os.getuid()}";\n' for role in ("gate", "auth", "mail", "config"))


def path(name):
    return os.path.join(root, name)


def put(name, text, mode=0o644):
    with open(path(name), "w") as f:
        f.write(text)
    os.chmod(path(name), mode)


def good():
    for name in os.listdir(path("etc/conf.d")):
        os.unlink(path("etc/conf.d/" + name))
    put("etc/satchel.conf", f"""server = {{
  default_domain = "example.org";
  mail_root = "{path('mail')}";
  run_dir = "{path('run')}";
  state_dir = "{path('run')}";
  admin_group = "";
{NUMBERS}}};
maildir = {{ enabled = true; }};
passwd-file = {{
  enabled = true;
  memory = "8K";
  passes = 1;
  path = "{path('passwd')}";
}};
""")


def satchel(*arguments, stdin="", code=0):
    r = subprocess.run([SATCHEL, *GLOBAL, *arguments], input=stdin, text=True, capture_output=True, timeout=120, env=ENVIRONMENT)
    if r.returncode != code:
        raise AssertionError(f"satchel {' '.join(arguments)}: exit {r.returncode}, want {code}: {r.stdout[-1500:]}{r.stderr[-1500:]}")
    return r


def has_module(name):
    if not os.path.exists(path(f"modules/{name}.so")):
        raise Skip(f"module {name} is not built")


def says(r, *texts):
    for text in texts:
        if text not in r.stderr:
            raise AssertionError(f"not said: {text!r}; said: {r.stderr[-3000:]}")


@case
def usage():
    """Wrong command lines: exit 64, and a hint"""
    says(satchel(code=64), "satchel --help")
    says(satchel("usr", code=64), 'did you mean "user"?')
    says(satchel("user", code=64), "user: a command is missing")
    says(satchel("user", "ad", code=64), 'did you mean "add"?')
    says(satchel("auth", "throttle", "lst", code=64), 'did you mean "list"?')
    says(satchel("auth", "throttle", code=64), "auth throttle: a command is missing")
    says(satchel("auth", "tst", code=64), 'did you mean "test"?')
    says(satchel("user", "add", code=64), "write satchel user add USER")
    says(satchel("user", "add", "a", "b", code=64), "too many arguments")
    says(satchel("user", "list", "--jsno", code=64), "did you mean --json?")
    says(satchel("config", "dump", "--all", code=64), "--all: no such option here")
    says(satchel("--config-dir", code=64), "--config-dir lacks its value")
    says(satchel("user", "list", "--json=yes", code=64), "takes no value")
    says(satchel("completion", "tcsh", code=64), "bash")


@case
def help_and_version():
    """--help of everything, --version"""
    text = satchel("--help").stdout
    commands = [line.split("  ")[1].strip() for line in text.split("Options:")[0].splitlines() if line.startswith("  ")]
    equal(len(commands) > 15, True, "commands in --help")
    for command in commands:
        words = [w for w in command.split() if w[0].islower()]
        equal("Usage: satchel " + " ".join(words) in satchel(*words, "--help").stdout, True, f"help of {command}")
    equal(satchel("--version").stdout.split()[0], "satchel", "--version")
    run("bash", "-n", input=satchel("completion", "bash").stdout, text=True)


@case
def check_good():
    """config check of a good configuration"""
    good()
    equal(satchel("config", "check").stdout.endswith("is good.\n"), True, "answer")


@case
def check_bad():
    """config check shows all mistakes of all files in one run, each with file and line"""
    good()
    with open(path("etc/satchel.conf"), "a") as f:
        f.write("limits = {\n  login_timeout = 30d;\n  message_size = 5;\n  threads = 4\n  conections = 5;\n  bad_commands = 1000;\n};\n"
                "lmpt = { enabled = true; };\n")
    first = open(path("etc/satchel.conf")).read().splitlines().index("limits = {") + 1
    put("etc/conf.d/a.conf", 'log = { level = "loud"; };\n')
    put("etc/conf.d/b.conf", 'log = {\n  level = "info"; };\n')
    r = satchel("config", "check", code=78)
    conf = path("etc/satchel.conf")
    says(r, f"{conf}:{first + 1}: limits.login_timeout: 30d is out of range", f"{conf}:{first + 2}: limits.message_size: this is a number",
         f"{conf}:{first + 3}: the setting that begins here has no ;",
         f'{conf}:{first + 4}: limits.conections: no such setting; did you mean "connections"?',
         f"{conf}:{first + 5}: limits.bad_commands: 1000 is out of range; write a value from 1 to 100",
         f'{conf}:{first + 7}: lmpt: no such group of settings and no such module; did you mean "lmtp"?',
         f'{path("etc/conf.d/a.conf")}:1: log.level: "loud" is not a choice',
         f'{path("etc/conf.d/b.conf")}:2: log.level is set twice: here and at {path("etc/conf.d/a.conf")}:1')
    equal(r.stdout, "", "standard output")


@case
def check_json():
    """config check --json: the same problems as objects with severity, file, line, setting and text; one object also when all is good"""
    def check(code, *options):
        r = satchel("config", "check", "--json", *options, code=code)
        equal(r.stderr, "", "standard error")
        got = json.loads(r.stdout)
        equal((list(got), got["config_dir"], got["valid"]), (["config_dir", "valid", "problems"], path("etc"), code == 0), "the object")
        for problem in got["problems"]:
            equal(list(problem), ["severity", "file", "line", "setting", "text"], "fields")
        return {(p["severity"], p["file"] and os.path.relpath(p["file"], path("etc")), p["line"], p["setting"]): p["text"] for p in got["problems"]}
    good()
    equal({key[0] for key in check(0)} <= {"warning"}, True, "a good one has no error")
    for setting, value in (("main_password", '"nowhere"'), ("main_passwords", '({name="example.org";use="submission-and-web"})')):
        told = check(0, "--set", f"auth.{setting}={value}")
        equal("mail programs may not use users' own passwords" in told.get(("warning", None, None, f"auth.{setting}"), f"not there: {told}"), True, setting)
        told = check(0, "--set", f"auth.{setting}={value}", "--set", "app-passwords.enabled=true")
        equal([text for text in told.values() if "may not use users' own" in text], [], f"{setting}, with app passwords")
    told = check(0, "--set", 'auth.main_passwords=({name="example.org";use="everywhere"})')
    equal([text for text in told.values() if "may not use users' own" in text], [], "nothing is shut")
    n = len(open(path("etc/satchel.conf")).read().splitlines())
    with open(path("etc/satchel.conf"), "a") as f:
        f.write("limits = { conections = 5; };\nlmpt = { enabled = true; };\n"
                'listen = { listeners = ( { name = "odd"; protocol = "gopher"; address = "127.0.0.1"; port = 70; } ); };\n')
    put("etc/conf.d/a.conf", '# warning: a line\nlog = { level = "l\\"oud"; };\n')
    put("etc/conf.d/left.conf.bak", "")
    told = check(78, "--set", "server.default_domain=no_domain..", "--set", "limits.threads=0")
    for key, text in {("error", "satchel.conf", n + 1, "limits.conections"): 'no such setting; did you mean "connections"?',
                      ("error", "satchel.conf", n + 2, "lmpt"): 'did you mean "lmtp"?',
                      ("error", "satchel.conf", n + 3, "listen.listeners.protocol"): 'listener odd: no enabled module provides the protocol "gopher"',
                      ("error", "conf.d/a.conf", 2, "log.level"): 'log.level: "l"oud" is not a choice',
                      ("warning", "conf.d/left.conf.bak", None, None): "is not read",
                      ("error", None, None, "server.default_domain"): "cannot be the name of a domain",
                      ("error", None, None, "limits.threads"): "out of range"}.items():
        equal(text in told.get(key, f"not there: {told}"), True, f"{key}: {told.get(key)}")
    equal(sorted(text for key, text in told.items() if key[0] == "error" and text not in satchel("config", "check", "--set", "server.default_domain=no_domain..",
          "--set", "limits.threads=0", code=78).stderr), [], "what people are told is the same")
    os.unlink(path("etc/conf.d/left.conf.bak"))


@case
def set_option():
    """--set overrides, and is refused like a file"""
    good()
    r = satchel("--set", "limits.threads=7", "config", "dump", "--origin", "limits")
    equal("  # from --set limits.threads\n  threads = 7;\n" in r.stdout, True, r.stdout)
    says(satchel("config", "check", "--set", "limits.thraeds=7", code=78), '--set limits.thraeds: limits.thraeds: no such setting; did you mean "threads"?')


@case
def dump():
    """config dump --origin, as text that can be read again, and as JSON"""
    good()
    text = satchel("config", "dump").stdout
    conf = path("etc/satchel.conf")
    data = json.loads(satchel("config", "dump", "--origin", "--json").stdout)
    equal(data["server"]["default_domain"], {"value": "example.org", "origin": f"{conf}:2"}, "default_domain")
    equal(data["limits"]["message_size"], {"value": "50M", "origin": "default"}, "message_size")
    plain = json.loads(satchel("config", "dump", "--json").stdout)
    put("etc/satchel.conf", text)
    equal(json.loads(satchel("config", "dump", "--json").stdout), plain, "dump, read and dumped again")
    says(satchel("config", "dump", "limts", code=66), 'did you mean "limits"?')


@case
def defaults():
    """config defaults: a file that says everything and changes nothing"""
    good()
    before = json.loads(satchel("config", "dump", "--json").stdout)
    for group in ("server", "limits", "listen", "passwd-file"):
        put(f"defaults/{group}.conf", satchel("config", "defaults", group).stdout)
    equal(json.loads(satchel("config", "dump", "--json").stdout), before, "with the default files")
    text = satchel("config", "defaults", "limits").stdout
    put("etc/conf.d/all.conf", text.replace("  # message_size", "  message_size"))
    equal(json.loads(satchel("config", "dump", "--origin", "--json").stdout)["limits"]["message_size"]["value"], "50M", "uncommented")
    for name in os.listdir(path("defaults")):
        os.unlink(path("defaults/" + name))
    says(satchel("config", "defaults", "nonesuch", code=66), "no such group")


@case
def modules():
    """module list and info: enabled, kinds, order, and why one is not loaded"""
    good()
    has_module("passwd-file")
    text = satchel("module", "list").stdout
    equal([line.split()[:3] for line in text.splitlines() if line.startswith("passwd-file")][0][2], "yes", "enabled")
    put("modules/broken.so", "not a library")
    put("modules/open.so", "", 0o666)
    os.chmod(path("modules/open.so"), 0o666)
    data = json.loads(satchel("module", "list", "--json").stdout)
    found = {m["name"]: m for m in data["modules"]}
    equal(found["passwd-file"]["usable"], True, "passwd-file is usable")
    equal(("passdb", "passwd-file") in [(one["kind"], one["name"]) for one in found["passwd-file"]["provides"]], True, "provides")
    equal("passwd-file" in data["order"]["passdbs"], True, "order")
    equal(data["order"]["account_listeners"], [], "account listeners, none of them enabled")
    equal(found["broken"]["usable"] or not found["broken"]["why_not"], False, "broken.so")
    equal("chmod" in found["open"]["why_not"], True, f"open.so: {found['open']['why_not']}")
    os.unlink(path("modules/broken.so"))
    os.unlink(path("modules/open.so"))
    info = satchel("module", "info", "passwd-file").stdout
    equal("Enabled:     yes (" + path("etc/satchel.conf") in info, True, info)
    says(satchel("module", "info", "passwd-fil", code=66), 'did you mean "passwd-file"?')
    put("etc/conf.d/x.conf", "imap = { enabled = tru; };\n")
    says(satchel("module", "list", code=78), "imap.enabled: tru will not do; write true or false")


@case
def layers():
    """module list: storage layers from the client down, as the server stacks them"""
    good()
    for name in ("noop", "xor"):
        shutil.copy(os.path.join(BUILD, "tests/layers/.libs", name + ".so"), path(f"modules/{name}.so"))
    put("etc/conf.d/layers.conf", "noop = { enabled = true; };\nxor = { enabled = true; };\n")
    order = json.loads(satchel("module", "list", "--json").stdout)["order"]
    equal(order["layers"], ["noop", "xor"], "the higher band is nearer to the client")
    put("etc/conf.d/layers.conf", 'noop = { enabled = true; };\nxor = { enabled = true; };\nstorage = { layers = [ "xor", "noop" ]; };\n')
    order = json.loads(satchel("module", "list", "--json").stdout)["order"]
    equal(order["layers"], ["xor", "noop"], "as storage.layers says")


@case
def bands_and_stacks():
    """module list: bands, and the stacks that the configuration makes of layers and drivers"""
    good()
    for kind, name in (("layers", "noop"), ("layers", "xor"), ("layers", "memory")):
        shutil.copy(os.path.join(BUILD, f"tests/{kind}/.libs", name + ".so"), path(f"modules/{name}.so"))
    on = "".join(f"{name} = {{ enabled = true; }};\n" for name in ("noop", "xor", "memory"))
    profile = '{ name = "plain"; driver = "memory"; }, { name = "mixed"; driver = "memory"; layers = [ "xor" ]; }'
    put("etc/conf.d/layers.conf", f'{on}storage = {{ driver = "maildir"; layers = [ "xor", "noop" ]; profiles = ( {profile} ); }};\n')
    shown = json.loads(satchel("module", "list", "--json").stdout)
    bands = {module["name"]: one["band"] for module in shown["modules"] for one in module["provides"] if "band" in one}
    equal(bands["noop"] > bands["xor"] > 0, True, f"the bands of the layers: {bands}")
    equal("maildir" in bands, False, "a driver has no band")
    equal([(stack["name"], stack["layers"], stack["driver"]) for stack in shown["stacks"]],
          [("default", ["xor", "noop"], "maildir"), ("plain", [], "memory"), ("mixed", ["xor"], "memory")], "stacks")
    text = satchel("module", "list").stdout.splitlines()
    xor, noop = f"xor ({bands['xor']})", f"noop ({bands['noop']})"
    equal([line for line in text if line.startswith(("Stack ", "Storage layers"))],
          [f"Storage layers, nearest to the client first: {xor}, {noop}",
           f"Stack default, from the client down: {xor}, {noop}, maildir",
           "Stack plain, from the client down: memory",
           f"Stack mixed, from the client down: {xor}, memory"], "as text")
    put("etc/conf.d/layers.conf", f'{on}storage = {{ driver = "maildir"; }};\n')
    shown = json.loads(satchel("module", "list", "--json").stdout)["stacks"]
    equal(shown, [{"name": "default", "layers": ["noop", "xor"], "driver": "maildir"}], "without names, by the bands")


@case
def users():
    """user add, passwd, list, show, lock, unlock, del"""
    good()
    has_module("passwd-file")
    satchel("user", "add", "--stdin", "Alice", stdin="pass word\n")
    satchel("user", "add", "bob@other.example", "--no-password")
    says(satchel("user", "add", "--stdin", "alice@example.org", stdin="x\n", code=73), "exists already")
    listed = json.loads(satchel("user", "list", "--json").stdout)
    equal([(u["user"], u["locked"], u["scheme"]) for u in sorted(listed, key=lambda u: u["user"])],
          [("alice@example.org", False, "argon2id"), ("bob@other.example", False, None)], "user list")
    equal("bob@other.example without-password" in satchel("user", "list").stdout, True, "bob has none")
    first = open(path("passwd")).read()
    equal("pass word" in first, False, "password in the file")
    satchel("user", "passwd", "--stdin", "alice", stdin="other\n")
    equal(open(path("passwd")).read() != first, True, "passwd changes the file")
    equal(stat.S_IMODE(os.stat(path("passwd")).st_mode) & 0o077, 0, "rights of the file")
    satchel("user", "lock", "alice")
    equal(json.loads(satchel("user", "show", "alice", "--json").stdout)["locked"], True, "locked")
    satchel("user", "unlock", "alice")
    shown = json.loads(satchel("user", "show", "alice", "--json").stdout)
    equal((shown["locked"], shown["mail"]), (False, path("mail/example.org/alice")), "unlocked, and where mail is")
    text = satchel("user", "del", "alice").stdout
    equal("The mail stays in " + path("mail/example.org/alice") in text, True, text)
    for command in ("del", "show", "lock", "unlock"):
        says(satchel("user", command, "alice", code=66), "no such user")
    says(satchel("user", "passwd", "--stdin", "alice", stdin="x\n", code=66), "no such user")


@case
def bad_names_and_passwords():
    """Users and passwords that will not do: exit 65, and nothing is changed"""
    good()
    has_module("passwd-file")
    before = satchel("user", "list").stdout
    for name in ("", "a/b", "..", "a@", "@b", "a@b@c", "x\ny", "a" * 300, "\udcff"):
        satchel("user", "add", "--stdin", name, stdin="x\n", code=65)
    says(satchel("user", "add", "--stdin", "carol", stdin="", code=65), "the password is empty")
    says(satchel("user", "add", "--stdin", "carol", stdin="\n", code=65), "the password is empty")
    says(satchel("user", "add", "--stdin", "carol", stdin="x" * 2000 + "\n", code=65), "it may have 1024 bytes")
    says(satchel("user", "add", "--stdin", "carol", stdin="a\0b\n", code=65), "NUL")
    says(satchel("user", "add", "carol", code=64), "--stdin")
    says(satchel("user", "add", "--stdin", "--no-password", "carol", code=64), "cannot be used together")
    says(satchel("user", "list", "--passdb", "nonesuch", code=64), 'no passdb "nonesuch" is enabled')
    equal(satchel("user", "list").stdout, before, "users afterwards")
    put("etc/conf.d/x.conf", "maildir = { enabled = true; };\n")
    says(satchel("user", "list", "--set", "passwd-file.enabled=false", code=78), "is set twice")
    os.unlink(path("etc/conf.d/x.conf"))
    says(satchel("user", "list", "--set", "passwd-file.enabled=false", code=78), "no passdb is enabled")


def on_terminal(*arguments, answers):
    """Runs satchel on a terminal; its output and exit status."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(SATCHEL, [SATCHEL, *GLOBAL, *arguments], ENVIRONMENT)
    seen = b""
    answers = list(answers)
    while True:
        if not select.select([fd], [], [], 60)[0]:
            os.kill(pid, signal.SIGKILL)
            break
        try:
            data = os.read(fd, 4096)
        except OSError:
            break
        if not data:
            break
        seen += data
        if answers and seen.endswith(b": "):
            os.write(fd, answers.pop(0))
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(fd)
    return code, seen.decode()


@case
def terminal():
    """Passwords on a terminal are asked for twice and never shown"""
    good()
    has_module("passwd-file")
    code, seen = on_terminal("user", "add", "dave", answers=[b"secret-1\n", b"secret-1\n"])
    equal((code, "secret-1" in seen), (0, False), seen)
    code, seen = on_terminal("user", "passwd", "dave", answers=[b"secret-2\n", b"secret-3\n"])
    equal((code, "differ" in seen, "secret-" in seen), (65, True, False), seen)
    code, seen = on_terminal("user", "passwd", "dave", answers=[b"\x03"])
    equal((code, "nothing was changed" in seen), (1, True), seen)


@case
def no_server():
    """Commands for a running server without one: exit 69, and where it was looked for"""
    good()
    for command in (["status"], ["who"], ["kick", "alice"], ["reload"], ["stop"], ["release", "alice"], ["adopt", "alice"], ["log-reopen"]):
        says(satchel(*command, code=69), "no server runs here", path("run/control"))
    r = satchel("convert", "anna", "bert", "cleo", "--to", "maildir", code=69)
    equal(len(r.stderr.splitlines()), 1, f"it is said once, and not for each user: {r.stderr}")


main()
