#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`config check` finds what a start would find, one message a mistake, with the place and what to do."""
import imaplib
import json
import os
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, Skip, at_end, case, equal, main, run, scratch, wait_for  # noqa: E402

work = scratch()
os.chmod(work, 0o755)
server = Server(users=2)
conf_d = os.path.join(server.config_dir, "conf.d")


def check(*sets):
    r = server.cli(*[x for s in sets for x in ("--set", s)], "config", "check", check=False)
    return r.returncode, r.stdout + r.stderr


def findings(text):
    """Without the sentence at the end that says whether all is good."""
    return [line for line in text.splitlines() if line and "has mistakes" not in line and "is good" not in line]


def put(name, content, directory=None):
    path = os.path.join(directory or conf_d, name)
    with open(path, "wb") as f:
        f.write(content if isinstance(content, bytes) else content.encode())
    return path


@case
def nothing_of_our_own():
    """a check beside the running server finds nothing: its ports, sockets, lock and directories are its own"""
    equal(check(), (0, f"The configuration of {server.config_dir} is good.\n"), "check")


@case
def ports():
    """a port that another program has is told with its name and process; a socket too; an address of another machine"""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        status, text = check(f'listen.listeners=( {{ name = "x"; protocol = "imap"; address = "127.0.0.1"; port = {port}; }} )')
        words = [str(port), "python3", f"process {os.getpid()}"] if os.getuid() == 0 else [str(port), "in use"]
        equal((status, all(w in text for w in words)), (78, True), text)
    with socket.socket(socket.AF_UNIX) as s:
        path = os.path.join(work, "sock")
        s.bind(path)
        s.listen()
        status, text = check(f'listen.listeners=( {{ name = "x"; protocol = "lmtp"; path = "{path}"; }} )')
        equal((status, "in use by another process" in text), (78, True), text)
    status, text = check('listen.listeners=( { name = "x"; protocol = "imap"; address = "192.0.2.77"; port = 4143; } )')
    equal((status, "does not have that address" in text), (78, True), text)
    status, text = check("dovecot-auth.enabled=true", 'listen.listeners=( { name = "x"; protocol = "dovecot-auth"; address = "127.0.0.1"; port = 4025; } )')
    equal((status, "on unix sockets only" in text and "set path instead of address" in text), (78, True), text)


@case
def names():
    """names of hosts and domains that are none, and networks"""
    for setting, word in (('server.hostname="mail_1.example.org"', "letters, digits"), ('server.hostname="mail..org"', "between its dots"),
                          ('server.hostname="192.0.2.1"', "is an address"), ('server.default_domain="exa mple.org"', "the name of a domain"),
                          ('auth.domains=("a.example", "-b.example")', "-b.example"),
                          ('listen.listeners=( { name = "x"; protocol = "lmtp"; address = "127.0.0.1"; port = 4024; networks = ( "10.0.0/8" ); } )', "is not a network")):
        status, text = check(setting)
        equal((status, word in text), (78, True), f"{setting}: {text}")
        equal(len([line for line in findings(text) if "warning" not in line]), 1, f"{setting}: {text}")


def certificate(name, *options, days="30"):
    key, cert = os.path.join(work, name + ".key"), os.path.join(work, name + ".pem")
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
        "-days", days, "-keyout", key, "-out", cert, *options)
    os.chmod(key, 0o600)
    return f'tls.cert="{cert}"', f'tls.key="{key}"', key


def dated_certificate(start, end):
    key, cert, csr = (os.path.join(work, "dated." + x) for x in ("key", "pem", "csr"))
    run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
        "-keyout", key, "-out", csr)
    os.chmod(key, 0o600)
    config = put("ca.cnf", f"[ca]\ndefault_ca = d\n[d]\ndatabase = {work}/index\nnew_certs_dir = {work}\nserial = {work}/serial\ndefault_md = sha256\npolicy = p\n"
                 "copy_extensions = copy\nunique_subject = no\n[p]\ncommonName = supplied\n", work)
    put("index", "", work)
    put("serial", "10\n", work)
    run("openssl", "ca", "-batch", "-selfsign", "-notext", "-config", config, "-in", csr, "-keyfile", key, "-startdate", start, "-enddate", end, "-out", cert)
    return f'tls.cert="{cert}"', f'tls.key="{key}"'


@case
def certificates():
    """a certificate for another name, one that has expired or is not valid yet, a key that others can read or that is another's"""
    cert, key, path = certificate("other.example")
    status, text = check(cert, key)
    equal((status, len(findings(text)), "is not for localhost (other.example)" in text), (0, 1, True), text)
    cert, key, path = certificate("localhost")
    equal(check(cert, key)[1].count("\n"), 1, "a good one")
    os.chmod(path, 0o644)
    status, text = check(cert, key)
    equal((status, len(findings(text)), f"chmod go-w,o-r {path}" in text), (0, 1, True), text)
    other_key = certificate("third")[1]
    status, text = check(cert, other_key)
    equal((status, len(findings(text)), "does not match" in text), (78, 1, True), text)
    for dates, word in (("20200101000000Z 20200201000000Z", "has expired"), ("20900101000000Z 20900201000000Z", "is not valid yet")):
        cert, key = dated_certificate(*dates.split())
        status, text = check(cert, key)
        equal((status, len(findings(text)), word in text), (0, 1, True), text)


@case
def password_file():
    """junk in the password file is told with its line; so are a user who is there twice, and rights"""
    path = os.path.join(os.path.dirname(server.mail_root), "state/auth/passwd")
    with open(path, "rb") as f:
        good = f.read()
    owner = os.stat(path)

    def write(content):
        with open(path, "wb") as f:
            f.write(content)
    try:
        line = good.split(b"\n")[2].rsplit(b":", 1)[0] + b":"
        for junk, word, count in ((b"this is junk\n", "not USER:VERIFIER", 1), (b"x@example.org:$9$unknown\n", "passwd:", 1), (line + b"\n", "is there twice", 1),
                                  (b"anna@example.org::frozen\nand more\n", "unknown flag", 2), (b"\xff\xfe@example.org:*\n", "passwd:", 1)):
            write(junk + good)
            status, text = check()
            equal((status, len(findings(text)), word in text), (0, count, True), f"{junk}: {text}")
        write(good)
        os.chmod(path, 0o644)
        status, text = check()
        equal((status, len(findings(text)), f"chmod 600 {path}" in text), (0, 1, True), text)
        os.chmod(path, 0o600)
        write(b"\xef\xbb\xbf" + good.replace(b"\n", b"\r\n"))
        equal("whole" in check()[1], False, "with a byte order mark")
        write(good[:-20])
        equal("cut off" in check()[1], True, "cut off")
    finally:
        write(good)
        os.chmod(path, 0o600)
        os.chown(path, owner.st_uid, owner.st_gid)
    equal(check()[0], 0, "as it was")


@case
def aliases():
    """aliases that lead in a circle, to nobody, or to what is no address are told, once each; good ones are not"""
    path = os.path.join(server.config_dir, "aliases")
    good = "info@example.org: u0001@example.org, u0002@example.org\npostmaster: u0001@example.org\n@catch.example: u0002@example.org\n@old.example: @example.org\n"
    put("aliases", good, server.config_dir)
    equal(check()[1].count("\n"), 1, "good ones")
    for bad, word in (("a@example.org: b@example.org\nb@example.org: a@example.org\n", "in a circle"), ("sales@example.org: gone@example.org\n", '"gone@example.org", which is not a user'),
                      ("@dead.example: gone@example.org\n", '"gone@example.org", which is not a user'), ("team: u0001@example.org, gone@example.org\n", '"gone@example.org", which is not a user')):
        put("aliases", good + bad, server.config_dir)
        status, text = check()
        equal((status, word in text, len(findings(text)) <= 2), (0, True, True), f"{bad}: {text}")
    put("aliases", good + "no colon here\n", server.config_dir)
    status, text = check()
    equal((status, len(findings(text)), f"{path}:5:" in text), (78, 1, True), text)
    put("aliases", "\ufeff" + good.replace("\n", "\r\n"), server.config_dir)
    equal(check()[1].count("\n"), 1, "byte order mark and CRLF")
    put("aliases", "", server.config_dir)


@case
def ignored_files():
    """files that are not read are named: backups, what an upgrade left, directories, dots, files beside satchel.conf; a README is not"""
    paths = [put(name, "x = 1;\n") for name in ("20-tls.conf~", "20-tls.conf.dpkg-new", "tls", ".tls.conf")]
    os.mkdir(os.path.join(conf_d, "more"))
    paths += [os.path.join(conf_d, "more"), put("imap.conf", "imap = { enabled = true; };\n", server.config_dir)]
    silent = [put("README", "read me\n"), put(".tls.conf.swp", "x")]
    try:
        status, text = check()
        equal((status, len(findings(text))), (0, len(paths)), text)
        for path in paths:
            equal(sum(line.startswith(path + ": warning: ") for line in findings(text)), 1, f"{path} in {text}")
    finally:
        for path in paths + silent:
            os.rmdir(path) if os.path.isdir(path) else os.unlink(path)
    path = put("unreadable.conf", "imap = { };\n")
    os.unlink(path)
    os.symlink("/nonexistent", path)
    status, text = check()
    os.unlink(path)
    equal((status, len(findings(text)), path in text), (78, 1, True), text)


@case
def one_mistake_one_message():
    """a file that breaks off, whatever is in it, gives one message with file and line, and nothing that follows from it"""
    with open(os.path.join(server.config_dir, "satchel.conf")) as f:
        whole = f.read()
    lines = whole.splitlines()
    maildir = next(i for i, line in enumerate(lines) if line.startswith("maildir"))
    for what, broken in (("no =", lines[:maildir] + ["maildir { enabled = true; };"] + lines[maildir + 1:]),
                         ("no closing brace", lines[:maildir] + ["maildir = { enabled = true;"] + lines[maildir + 1:]),
                         ("no closing quote", ["server = {", '  hostname = "localhost;', "};"] + lines),
                         ("one brace more", lines[:maildir] + ["};"] + lines[maildir:]),
                         ("a misspelt group", lines[:maildir] + ["maildri = { enabled = true; };"] + lines[maildir + 1:]),
                         ("a misspelt value", lines[:maildir] + ["maildir = { enabled = ture; };"] + lines[maildir + 1:]),
                         ("no value", lines[:maildir] + ["maildir = { enabled = ; };"] + lines[maildir + 1:]),
                         ("a comment without end", ["/* a comment"] + lines)):
        put("satchel.conf", "\n".join(broken) + "\n", server.config_dir)
        status, text = check()
        put("satchel.conf", whole, server.config_dir)
        equal((status, len(findings(text))), (78, 1), f"{what}: {text}")
        equal("satchel.conf:" in findings(text)[0], True, f"{what}: {text}")
    equal(check()[0], 0, "as it was")


@case
def marks_and_line_ends():
    """a byte order mark and CRLF are taken, in included files too; UTF-16 is told as that"""
    put("20-bom.conf", b"\xef\xbb\xbf# from another system\r\nlimits = {\r\n  message_size = \"20M\";\r\n};\r\n")
    equal(check()[1].count("\n"), 1, "byte order mark and CRLF")
    equal("20M" in server.cli("config", "dump", "limits").stdout, True, "it counts")
    put("inner.inc", b"\xef\xbb\xbfmessage_size = \"21M\";\r\n", server.config_dir)
    put("20-bom.conf", b"\xef\xbb\xbflimits = {\r\n@include \"../inner.inc\"\r\n};\r\n")
    status, text = check()
    equal((status, len(findings(text))), (0, 0), text)
    put("20-bom.conf", b"\xef\xbb\xbflimits = {\r\n  connections = 0;\r\n};\r\n")
    equal("20-bom.conf:2" in check()[1], True, "the line is right")
    put("20-bom.conf", "limits = { };\n".encode("utf-16"))
    status, text = check()
    equal((status, len(findings(text)), "UTF-16" in text), (78, 1, True), text)
    os.unlink(os.path.join(conf_d, "20-bom.conf"))


@case
def listeners():
    """an entry replaces the defaults of its protocol alone; what nothing serves is told, and a listener that no module serves"""
    one = 'listen.listeners=( { name = "x"; protocol = "imap"; address = "127.0.0.1"; port = 4143; } )'
    status, text = check(one)
    told = [line for line in findings(text) if "nothing listens for" in line]
    equal((status, len(told), any("pop3 is enabled" in x for x in told), any("lmtp is enabled" in x for x in told)), (0, 2, True, True), text)
    status, text = check(one, "listen.defaults=true", "server.run_dir=\"%s/run\"" % work)
    # 110, 995 and so on may be in use on this machine; that they are asked for is what counts.
    equal("nothing listens" in text, False, text)
    status, text = check('listen.listeners=( { name = "x"; protocol = "nntp"; address = "127.0.0.1"; port = 4119; } )')
    equal((status, 'no enabled module provides the protocol "nntp"' in text), (78, True), text)


@case
def unknown_users():
    """users that are not there are errors with a status, for all commands that take one; what is no address is not added"""
    for command in (["kick"], ["release"], ["adopt"], ["user", "show"], ["user", "lock"], ["user", "unlock"], ["user", "del"], ["user", "passwd", "--stdin"]):
        r = server.cli(*command, "nobody@example.org", check=False, input="x\n")
        equal((r.returncode, "no such user" in r.stderr), (66, True), f"{command}: {r.stdout}{r.stderr}")
    for name in ("a b", "anna@exa mple.org", "anna@", "@example.org", "anna@@example.org", "<anna@example.org>", "anna,otto@example.org", "anna@-x.org", ".anna", "an..na", "anna@x..org"):
        r = server.cli("user", "add", "--stdin", name, check=False, input="x\n")
        equal(r.returncode, 65, f"{name}: {r.stdout}{r.stderr}")
    r = server.cli("user", "add", "--stdin", "ännä+x_y@exämple.org", check=False, input="x\n")
    equal(r.returncode, 0, r.stderr)
    server.cli("user", "del", "ännä+x_y@exämple.org")


@case
def typed_status():
    """status --json has numbers, booleans and lists; released users are shown in both forms"""
    c = server.imap("u0001")
    server.cli("release", "u0002")
    said = json.loads(server.cli("status", "--json").stdout)
    first = said["lines"][0]
    equal((said["status"], first["pid"], type(first["since"]), first["state"]), (0, server.pid, int, "running"), str(first))
    roles = [x for x in said["lines"] if x.get("text") == "process"]
    equal({(type(x["pid"]), type(x["slot"]), type(x["restarts"]), type(x["uptime_s"]), type(x["role"])) for x in roles}, {(int, int, int, int, str)}, "processes")
    equal(sum(x["sessions"] for x in said["lines"] if x.get("text") == "mail:"), 1, "sessions of the mail processes")
    equal(said["released"], ["u0002@example.org"], "released")
    equal("u0002@example.org is released" in server.cli("status").stdout, True, "for people")
    who = json.loads(server.cli("who", "--json").stdout)["lines"]
    equal([(x["user"], x["tls"], type(x["age_s"])) for x in who], [("u0001@example.org", True, int)], "who")
    c.logout()
    server.cli("adopt", "u0002")
    equal(json.loads(server.cli("status", "--json").stdout)["released"], [], "after adopt")


def counter(name, **labels):
    counters = json.loads(server.cli("status", "--json").stdout)["counters"]
    found = [x for x in counters if x["name"] == name and x["labels"] == labels]
    return found[0].get("value", found[0].get("count")) if found else None


def wrong_password():
    """A line of the log, whoever is away but auth."""
    c = imaplib.IMAP4("127.0.0.1", server.ports["imap"], timeout=60)
    equal(c.xatom("LOGIN", "u0001", "wrong")[0], "NO", "a wrong password")
    c.shutdown()


@case
def counters():
    """status counts logins, sessions, deliveries and commits over all processes; a process that dies takes back nothing but what is open"""
    wrong = counter("satchel_logins_total", service="imap", result="bad-password") or 0
    delivered = counter("satchel_deliveries_total", status="ok") or 0
    commits = counter("satchel_commit_seconds")
    server.deliver(b"Subject: one\r\n\r\nbody\r\n", "u0001")
    wrong_password()
    right = counter("satchel_logins_total", service="imap", result="ok") or 0
    c = server.imap("u0001")
    equal(counter("satchel_logins_total", service="imap", result="bad-password"), wrong + 1, "wrong passwords")
    equal(counter("satchel_logins_total", service="imap", result="ok"), right + 1, "logins")
    equal(counter("satchel_sessions", service="imap"), 1, "open sessions")
    equal(counter("satchel_deliveries_total", status="ok"), delivered + 1, "deliveries")
    equal(counter("satchel_commit_seconds") > commits, True, "commits")
    times = [x for x in json.loads(server.cli("status", "--json").stdout)["counters"] if x["name"] == "satchel_commit_seconds"][0]
    equal((times["kind"], times["buckets"][-1]["count"], times["sum"] > 0), ("histogram", times["count"], True), str(times))
    equal("satchel_logins_total" in server.cli("status", "--counters").stdout, True, "for people")
    equal("satchel_logins_total" in server.cli("status").stdout, False, "and only when asked for")

    begun = counter("satchel_sessions_total", service="imap")
    for line in json.loads(server.cli("status", "--json").stdout)["lines"]:
        if line.get("text") == "process" and line["role"] == "mail":
            os.kill(line["pid"], signal.SIGKILL)
    wait_for(lambda: counter("satchel_sessions", service="imap") in (0, None), "no open session is counted any more")
    wait_for(lambda: (counter("satchel_restarts_total", role="mail") or 0) > 0, "the restart is counted")
    equal(counter("satchel_sessions_total", service="imap"), begun, "what has been counted stays")
    c.shutdown()


@case
def lost_log():
    """a log that cannot be written is told on standard error and counted; it is written again as soon as it can be"""
    output = os.path.join(os.path.dirname(server.mail_root), "output.log")
    os.unlink(server.log_file)
    wrong_password()
    wait_for(lambda: "cannot be written" in open(output).read(), "the complaint on standard error")
    equal(counter("satchel_log_lost_total") > 0, True, "counted")
    wait_for(lambda: os.path.exists(server.log_file), "the file is made again")

    def said():
        wrong_password()
        return "could not be written and are missing here" in server.log()
    wait_for(said, "it says that lines are missing")
    if os.getuid() != 0:
        raise Skip("a full disk needs root")


@case
def log_elsewhere():
    """a reload with a log file that cannot be opened is refused, and nothing of it is in force; one that can be opened is used"""
    conf = os.path.join(server.config_dir, "satchel.conf")
    place = os.path.dirname(server.mail_root)
    first = open(conf).read()
    equal(first.count(f'"{server.log_file}"'), 1, "the log file is named once")

    def reload(file):
        with open(conf, "w") as f:
            f.write(first.replace(server.log_file, file))
        return server.cli("reload", check=False)
    r = reload(f"{place}/nowhere/log")
    equal((r.returncode, f"{place}/nowhere/log" in r.stdout + r.stderr), (1, True), f"refused: {r.stdout}{r.stderr}")
    equal("reload refused, nothing was changed" in server.log(), True, "said in the log that is still used")
    equal(reload(f"{place}/other-log").returncode, 0, "a file that can be opened")
    equal("configuration reloaded" in open(f"{place}/other-log").read(), True, "the new file")
    equal(reload(server.log_file).returncode, 0, "back to the first file")


@case
def full_log():
    """the same on a full disk: the server goes on, and the log goes on on a line of its own when there is room"""
    if os.getuid() != 0:
        raise Skip("a full disk needs root")
    place = os.path.join(work, "disk")
    os.mkdir(place)
    r = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", place], capture_output=True)
    if r.returncode != 0:
        raise Skip("no tmpfs can be mounted here")
    at_end(lambda: subprocess.run(["umount", "-l", place], capture_output=True))
    full = Server("--set", f'log.file="{place}/log"', users=1)
    with open(place + "/fill", "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"x" * 512)
        except OSError:
            pass
    with open(place + "/log", "ab", buffering=0) as f:
        try:
            while True:
                f.write(b"filling up this page, too\n")
        except OSError:
            pass
    output = os.path.join(os.path.dirname(full.mail_root), "output.log")
    c = full.imap()
    equal(c.select()[0], "OK", "people still work")
    wait_for(lambda: "No space left" in open(output).read(), "the complaint on standard error")
    os.unlink(place + "/fill")
    full.imap().logout()
    c.logout()

    def told():
        full.imap().logout()
        with open(place + "/log", errors="replace") as f:
            return any("could not be written" in line and line.startswith("20") for line in f)
    wait_for(told, "what is missing is told")


main()
