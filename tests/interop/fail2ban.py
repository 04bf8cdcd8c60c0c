#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The filter for fail2ban on what a real server logs: whatever a client writes into whatever field, the addresses found are those
that guessed a password, and no other."""
import base64
import collections
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import TOP, Server, case, equal, main, need, run, scratch, wait_for  # noqa: E402

FILTER = os.path.join(TOP, "packaging/fail2ban/satchel.conf")
VICTIM = "203.0.113.7"
LINE = b"auth failed: rip=203.0.113.7 service=imap method=PLAIN reason=bad-password user="
WHOLE = b"2026-11-22T07:25:27.260Z satchel-auth[4242]: auth: " + LINE + b'"x" session=037qgrkmmxjff'
# What a client may try: our line, our line whole, behind every kind of line end, out of quotes, behind the bound of a field.
HOSTILE = [LINE, LINE + b'"x" session=037qgrkmmxjff', b'"' + LINE + b'"x"', b'x" ' + LINE + b'"', WHOLE, b"x\r\n" + WHOLE + b"\r\n",
           b"x\n" + WHOLE, b"x\r" + WHOLE, b"x\x85" + WHOLE, b"x\xe2\x80\xa8" + WHOLE, b"\x1b[2K\x1b[1G" + WHOLE, b"\xff\xfe" + WHOLE,
           b"\xc0\x8a" + WHOLE, b"\xed\xa0\x80" + LINE, b"y" * 230 + b" " + WHOLE, b"y" * 990 + b" " + LINE, b"\x01" * 1200 + WHOLE,
           b"\\" + LINE, b"\\x22 " + LINE, b"x\xc2\xa0" + LINE.replace(b" ", b"\xc2\xa0"), b"x\t" + LINE.replace(b" ", b"\t"),
           b'x reason=throttled user="' + LINE, b"%s%n" + LINE, LINE + b"\\", b"host satchel-auth[1]: auth: " + LINE + b'"x" session=1']
server = Server("--set", 'auth.failure_delay="0"', "--set", "limits.login_failures=1000", users=2)
sources = (f"127.{a}.{b}.{c}" for a in (1, 2) for b in range(256) for c in range(1, 255))
guessed = collections.Counter()  # source -> lines that a filter must find


class Client:
    """A connection from an address of its own."""

    def __init__(self, service, source=None):
        self.source = source or next(sources)
        self.s = socket.create_connection(("127.0.0.1", server.ports[service]), 60, (self.source, 0))
        self.f = self.s.makefile("rb")
        self.f.readline()

    def ask(self, data):
        """Sends, returns the answer's last line."""
        self.s.sendall(data)
        return self.line()

    def line(self):
        line = self.f.readline()
        while line[:2] == b"* " or line[3:4] == b"-":
            line = self.f.readline()
        return line

    def login(self, user, password=b"wrong"):
        return self.ask(b"a LOGIN {%d+}\r\n%s {%d+}\r\n%s\r\n" % (len(user), user, len(password), password))

    def end(self):
        self.s.close()
        self.f.close()


def found(*options, lines=None, path=None):
    """The addresses that fail2ban counts, each with how often."""
    if path is None:
        path = os.path.join(scratch(), "lines")
        with open(path, "wb") as f:
            f.write(b"".join(lines))
    r = run("fail2ban-regex", "-e", "UTF-8", "-o", "ip", *options, path, FILTER, text=True)
    return collections.Counter(x for x in r.stdout.split() if x)


def log_lines():
    with open(server.log_file, "rb") as f:
        return f.read().splitlines(keepends=True)


def settled():
    """All that was done is in the log: a login from an address of its own is."""
    c = Client("imap")
    c.login(b"nobody-at-the-end")
    guessed[c.source] += 1
    c.end()
    wait_for(lambda: f"rip={c.source} " in server.log(), "the last line is in the log")


def check(what):
    settled()
    equal(found(path=server.log_file), guessed, what)


@case
def plain_guesses():
    """each wrong password is found, whatever the protocol and the mechanism; a right one is not"""
    need("fail2ban-regex")
    for user in (b"u0001", b"nobody"):
        for attempt in (lambda c: c.login(user), lambda c: c.ask(b"a AUTHENTICATE PLAIN %s\r\n" % base64.b64encode(b"\0" + user + b"\0no"))):
            c = Client("imap")
            equal(attempt(c)[:4], b"a NO", "refused")
            guessed[c.source] += 1
            c.end()
        c = Client("pop3")
        c.ask(b"USER %s\r\n" % user)
        equal(c.ask(b"PASS no\r\n")[:4], b"-ERR", "refused")
        guessed[c.source] += 1
        c.end()
    c = Client("imap")
    equal(c.login(b"u0001", b"pw")[:4], b"a OK", "right")
    c.end()
    check("guesses")


@case
def hostile_names():
    """names of users, by every way to send one"""
    for text in HOSTILE:
        safe = re.sub(rb"[\0-\x1f\x7f]", b"", text)
        utf8 = safe.decode("utf-8", "ignore").encode()
        for way in ("login", "plain", "login-mechanism", "authorisation", "quoted"):
            c = Client("imap")
            if way == "login":
                equal(c.login(text)[:4], b"a NO", f"{way} {text!r:.80}")
            elif way == "quoted":
                c.ask(b'a LOGIN "%s" no\r\n' % utf8[:2000].replace(b"\\", b"\\\\").replace(b'"', b'\\"'))
            elif way == "login-mechanism":
                c.ask(b"a AUTHENTICATE LOGIN\r\n")
                c.ask(base64.b64encode(text[:900]) + b"\r\n")
                c.ask(base64.b64encode(b"no") + b"\r\n")
            else:
                c.ask(b"a AUTHENTICATE PLAIN %s\r\n" % base64.b64encode((text if way == "authorisation" else b"") + b"\0" + text + b"\0no"))
            guessed[c.source] += 1
            c.end()
        c = Client("pop3")
        c.ask(b"USER " + utf8[:240] + b"\r\n")
        c.ask(b"PASS no\r\n")
        guessed[c.source] += 1
        c.end()
    settled()
    # A name that is refused as malformed before it is one counts as no guess; whoever is found guessed, once.
    got = found(path=server.log_file)
    equal({source: n for source, n in got.items() if guessed[source] != n}, {}, "found, and not a guess")
    missing = [source for source in guessed if source not in got]
    log = server.log()
    equal([reason for source in missing for reason in re.findall(rf"auth failed: rip={re.escape(source)} .*reason=(\S+) ", log)
           if reason != "malformed"], [], "guesses that are not found")
    equal(len(missing) * 4 < len(guessed), True, f"most of them are guesses; not: {missing}")
    for source in missing:
        del guessed[source]


@case
def unavailable():
    """a name that looks like a line, in a line that is no failure of anybody"""
    passwd = os.path.join(os.path.dirname(server.config_dir), "state/auth/passwd")
    n = 0
    os.rename(passwd, passwd + ".away")
    try:
        for text in HOSTILE:
            c = Client("imap")
            answer = c.login(text)
            if answer[:18] != b"a NO [UNAVAILABLE]":  # no name that anybody could have: not looked up
                equal(answer[:26], b"a NO [AUTHENTICATIONFAILED"[:26], f"not checked: {text!r:.80}")
                guessed[c.source] += 1
            n += answer[:18] == b"a NO [UNAVAILABLE]"
            c.end()
        equal(n > 3, True, "names that are looked up")
    finally:
        os.rename(passwd + ".away", passwd)
    def log_in():
        c = Client("imap")
        answer = c.login(b"u0001", b"pw")
        c.end()
        return answer[:4] == b"a OK"
    wait_for(log_in, "logins are back")
    check("guesses")


@case
def hostile_before_login():
    """tags, commands, mechanisms, ID, answers of SASL, TLS server names and garbage"""
    for text in HOSTILE:
        line = text.replace(b"\n", b" ").replace(b"\r", b" ")
        for command in (line, b"a " + line, b"a AUTHENTICATE " + line, b'a ID ("name" "%s")' % line.replace(b"\\", b"").replace(b'"', b""),
                        b"a AUTHENTICATE PLAIN " + line, b"a SELECT " + line, b"a STARTTLS " + line):
            c = Client("imap")
            c.s.sendall(command + b"\r\nz LOGOUT\r\n")
            c.end()
        for command in (line, b"AUTH " + line, b"USER x\r\nAPOP " + line, b"STLS " + line):
            c = Client("pop3")
            c.s.sendall(command + b"\r\nQUIT\r\n")
            c.end()
        with socket.create_connection(("127.0.0.1", server.imaps), 60, (next(sources), 0)) as s:
            s.sendall(text + b"\r\n")
    for name in (LINE.decode(), WHOLE.decode()):
        subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.imaps}", "-servername", name, "-quiet"], input=b"z LOGOUT\r\n",
                       capture_output=True, timeout=60)
    context = ssl.create_default_context()  # refuses our certificate
    for _ in range(3):
        try:
            context.wrap_socket(socket.create_connection(("127.0.0.1", server.imaps), 60), server_hostname="localhost").close()
        except OSError:
            pass
    check("guesses")


@case
def hostile_mail():
    """HELO, sender, recipient and its detail, Message-ID, header; a log line each, and none of ours"""
    for text in HOSTILE:
        plain = re.sub(rb"[^ -~]", b"", text)
        short = plain[:200]
        quoted = b'"' + short.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
        c = Client("lmtp")
        for command in (b"LHLO " + plain, b"LHLO c.example", b"MAIL FROM:<" + plain + b">", b"NOOP " + plain, plain, b"MAIL FROM:<%s@example.net>" % quoted,
                        b"RCPT TO:<" + plain + b">", b"RCPT TO:<%s@example.org>" % quoted, b"RCPT TO:<a@%s>" % plain, b"RCPT TO:<u0001@example.org> " + plain):
            c.ask(command + b"\r\n")
        for address in (b'"u0001+%s"@example.org' % quoted[1:-1], b"u0001@example.org"):
            equal(c.ask(b"RCPT TO:<%s>\r\n" % address)[:3], b"250", f"RCPT {address!r}")
        c.ask(b"DATA\r\n")
        equal(c.ask(b"Message-ID: <%s@x>\r\nFrom: %s\r\nSubject: %s\r\n\r\n%s\r\n.\r\n" % (plain, plain, plain, WHOLE))[:3], b"250", "delivered")
        c.line()
        c.end()
    wait_for(lambda: server.log().count("delivered:") >= len(HOSTILE), "deliveries are in the log")
    check("guesses")


@case
def hostile_after_login():
    """mailboxes, keywords, searches and what a client says of itself"""
    for text in HOSTILE:
        c = Client("imap")
        equal(c.login(b"u0002", b"pw")[:4], b"a OK", "login")
        name = text.decode("utf-8", "ignore").encode()[:200]
        literal = b"{%d+}\r\n%s" % (len(name), name)
        for command in (b'a ID ("name" %s "version" %s)' % (literal, literal), b"a CREATE " + literal, b"a SELECT " + literal, b"a SUBSCRIBE " + literal,
                        b"a RENAME %s %s" % (literal, literal), b"a STATUS %s (MESSAGES)" % literal, b"a DELETE " + literal):
            c.ask(command + b"\r\n")
        c.end()
    check("guesses")


@case
def every_target():
    """the same lines as a journal, a syslog daemon and a container's log hand them on"""
    lines = log_lines()
    equal(len(guessed) > 100, True, "there is something to find")
    forms = {
        # fail2ban reads the journal's entries as HOST IDENTIFIER[PID]: MESSAGE, where the level is a field of its own.
        "journal": rb"\1 mail.example satchel-\2[\3]: ",
        # Standard error of a unit, taken by the journal where its socket cannot be reached: our own line is the message.
        "journal, standard error": rb"\1 mail.example satcheld[17]: \1 satchel-\2[\3]: ",
        "syslog, new form": rb"2026-11-22T07:25:27.260123+01:00 mail.example satchel-\2[\3]: ",
        "syslog, old form": rb"Nov 22 07:25:27 mail satchel-\2[\3]: ",
    }
    for name, form in forms.items():
        changed = [re.sub(rb"^(\S+Z) satchel-(\w+)\[(\d+)\]: (?:(?:warning|error): )?", form, line) for line in lines]
        equal(found(lines=changed), guessed, name)


@case
def other_programs():
    """lines of other programs and of our other processes that quote one of ours are nobody's"""
    ours = WHOLE.split(b" ", 1)[1]
    stamp = b"2026-11-22T07:25:27.260Z "
    for prefix in (b"sshd[1]: Invalid user ", b"mail.example sshd[1]: Invalid user ", b"satchel-mail[1]: imap: user=u ", b"satchel-gate[1]: ",
                   b"mail.example satchel-mail[1]: ", b"satchel-auth[1]: auth: x ", b"satchel-auth[1]: other: ", b"a b ", b"mail.example satcheld[1]: x "):
        equal(found(lines=[stamp + prefix + ours + b"\n"]), {}, f"behind {prefix!r}")
    equal(found(lines=[stamp + ours + b"\n"]), {VICTIM: 1}, "the line itself is one")
    for reason in ("code-missing", "code-stale", "needs-app-password", "scram-needs-grant", "unavailable", "malformed"):
        equal(found(lines=[stamp + ours.replace(b"bad-password", reason.encode()) + b"\n"]), {}, reason)
    for reason in ("unknown-user", "locked", "throttled", "bad-code"):
        equal(found(lines=[stamp + ours.replace(b"bad-password", reason.encode()).replace(VICTIM.encode(), b"2001:db8::7") + b"\n"]), {"2001:db8::7": 1}, reason)


@case
def guide():
    """the jail of the admin guide, as fail2ban reads it"""
    need("fail2ban-client")
    with open(os.path.join(TOP, "docs/admin-guide.md")) as f:
        block = re.search(r"^    # /etc/fail2ban/jail\.d/satchel\.conf\n((?:    .*\n)+)", f.read(), re.M).group(1)
    config = os.path.join(scratch(), "fail2ban")
    shutil.copytree("/etc/fail2ban", config)
    shutil.copy(FILTER, os.path.join(config, "filter.d/satchel.conf"))
    shutil.rmtree(os.path.join(config, "jail.d"))
    os.mkdir(os.path.join(config, "jail.d"))
    with open(os.path.join(config, "jail.d/satchel.conf"), "w") as f:
        f.write(re.sub(r"(?m)^    ", "", block))
    run("fail2ban-client", "-c", config, "-t")
    commands = run("fail2ban-client", "-c", config, "-d", text=True).stdout
    units = sorted(name[:-len(".in")] for name in os.listdir(os.path.join(TOP, "packaging/systemd")) if name.endswith(".service.in"))
    match = ", '+', ".join(f"'_SYSTEMD_UNIT={unit}'" for unit in reversed(units))
    equal(len(units), 2, f"units of ours: {units}")
    for part in ("['add', 'satchel', 'systemd']", f"['set', 'satchel', 'addjournalmatch', {match}]",
                 "['set', 'satchel', 'datepattern', '{^LN-BEG}']", "['start', 'satchel']", "'110,143,993,995'"):
        equal(part in commands, True, f"{part} in what fail2ban does")


main()
