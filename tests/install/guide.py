#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The admin guide, run: its commands and files in a machine of their own with a systemd, Debian's Postfix and Debian's rspamd, from the build
to mail that comes by SMTP and is read over IMAP and POP3.  A block that is not run is listed with the reason; one that is neither fails,
so that the guide cannot grow beyond this test."""
import imaplib
import os
import re
import smtplib
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from installed import PASSWORD, Installed, flags_of_build  # noqa: E402
from machine import Machine  # noqa: E402
from overlay import SPAM_PACKAGES, Overlay  # noqa: E402
from tap import TOP, Skip, case, equal, main, run, scratch, wait_for  # noqa: E402

imaplib.Commands["MOVE"] = ("SELECTED",)
SOURCE = "/root/satchel"  # inside
STRANGER = "198.51.100.9"  # not of Postfix's mynetworks
MAIN_CF = "/etc/postfix/main.cf"
# What the guide leaves to the admin, of Postfix: names, and what belongs to the machine alone.
POSTFIX = ("myhostname=mail.example.org", "mydestination=localhost", "inet_interfaces=all", "inet_protocols=ipv4", "mynetworks=127.0.0.0/8",
           "maillog_file=/var/log/postfix.log", "smtpd_peername_lookup=no", "smtpd_error_sleep_time=0")

# What begins a block, and why it is not run here.
NOT_RUN = {
    "tools/package deb": "the packages are built, installed and used by tests/install/deb.py",
    "2026-11-22T": "a line of the log, to be looked at",
    "auth failed: ": "lines of the log, to be looked at; their fields: tests/protocol/refusals.py and log-floods.py",
    "server  = { mail_root": "a machine that Dovecot served: tests/interop/takeover.py",
    "server    = { mail_root": "a machine that Courier served: tests/interop/takeover.py",
    "# /etc/fail2ban/jail.d/": "fail2ban with our filter: tests/interop/fail2ban.py",
    "# /etc/satchel/conf.d/filters.conf": "rules for a filter that is not there: tests/fault/scanner.py has some that are",
}
NOT_RUN["# /etc/satchel/conf.d/maildir.conf"] = "sums for a server that shares the Maildirs: tests/interop/maildirsize.py"
NOT_RUN["find /var/vmail -name maildirsize"] = "the same"
NOT_RUN["nearly full: "] = "lines of the log, to be looked at; they are made by tests/interop/quota.py"
NOT_RUN["anna@example.org:$argon2id$"] = "a line of the password file: tests/interop/quota.py has such limits"
NOT_RUN["# /etc/satchel/conf.d/sql.conf"] = "a database: tests/fault/sql.py"
NOT_RUN["# in /etc/satchel/satchel.conf\nmaildir"] = "the other storage driver: most tests run over it"
NOT_RUN["# /etc/satchel/conf.d/ldap.conf"] = "a directory: tests/fault/ldap.py"
NOT_RUN["# /etc/satchel/conf.d/pam.conf"] = "accounts of the machine: tests/fault/pam.py"
NOT_RUN["# /etc/satchel/conf.d/sasl-oauth.conf"] = NOT_RUN["satchel auth test --mechanism"] = "an issuer of tokens: tests/interop/oauth.py"
NOT_RUN["umask 077; openssl rand"] = "the master key of module totp, which this machine does not have"
NOT_RUN["# /etc/satchel/conf.d/totp.conf"] = "its settings: tests/interop/totp.py"
NOT_RUN["satchel totp enrol"] = "its commands: tests/interop/totp.py"
NOT_RUN["satchel auth throttle list"] = "what is refused, and a test that asks for a password: tests/fault/throttle.py"
NOT_RUN["# /etc/satchel/conf.d/app-passwords.conf"] = "settings and commands: tests/interop/app-passwords.py"
NOT_RUN["# /etc/satchel/conf.d/account-notices.conf"] = "mail to users: tests/interop/account-notices.py"
NOT_RUN["Subject: Konto ${user}"] = NOT_RUN["Am ${time}"] = "its text: the same"
NOT_RUN["satchel app-password add"] = "the same"
NOT_RUN["# /etc/satchel/conf.d/auth.conf"] = "the same"
NOT_RUN["# /etc/satchel/conf.d/listen.conf, beside"] = "a webmail: tests/protocol/imap-origin.py"
NOT_RUN["satchel devices anna"] = "the same"
NOT_RUN["storage = {\n  driver"] = "a second driver, and users on both: tests/fault/placement.py"
NOT_RUN["# /etc/satchel/conf.d/lmtp.conf"] = "what Postfix says of a message: tests/interop/postfix.py"
NOT_RUN["# in /etc/postfix/main.cf\nlmtp_send_xforward_command"] = "the same"
NOT_RUN["# /etc/satchel/conf.d/mta.conf"] = "submission: tests/interop/submission.py; its unit: tests/install/deb.py"
NOT_RUN["# /etc/satchel/conf.d/listen.conf, beside the other listeners, for Exim"] = "Exim: tests/interop/exim.py"
for _path in ("auth/30", "router/150", "transport/30"):
    NOT_RUN[f"# /etc/exim4/conf.d/{_path}_satchel"] = "the same"
NOT_RUN["# in /etc/postfix/main.cf, for submission"] = NOT_RUN["systemctl stop satchel\nsystemctl enable --now satchel-postfix-auth"] = "the same"
NOT_RUN["# /etc/satchel/conf.d/socketmap.conf"] = NOT_RUN["# in /etc/postfix/main.cf\nvirtual_mailbox_maps"] = "recipients: tests/interop/submission.py"
NOT_RUN["# /etc/satchel/conf.d/volumes.conf"] = NOT_RUN["satchel convert anna"] = "a second volume: tests/fault/convert.py"
NOT_RUN["satchel export anna"] = NOT_RUN["satchel import anna"] = "mail in files: tests/interop/transfer.py"
# The cache of the compiler that tools/test has for a run: what the guide builds is what was built before it, if it is compiled alike.  Without
# it the guide is compiled without optimization.
CACHE = os.environ.get("CCACHE_DIR") if os.environ.get("CCACHE_BASEDIR") == TOP else None
if CACHE:
    BUILD_WITH = ("CC=/srv/install/cached-gcc CFLAGS='{}' MAKEFLAGS='-j{} WERROR=-Werror' CCACHE_DIR=/srv/cache CCACHE_READONLY=1 CCACHE_NOSTATS=1 "
                  "CCACHE_TEMPDIR=/tmp CCACHE_NOHASHDIR=1 CCACHE_DEPEND=1 CCACHE_SLOPPINESS=locale").format(flags_of_build(), os.cpu_count())
else:
    BUILD_WITH = f"CFLAGS=-O0 MAKEFLAGS=-j{os.cpu_count()}"
machine = server = None
done = set()


def blocks():
    """Indented code of the guide, in order."""
    found, lines = [], []
    with open(os.path.join(TOP, "docs/admin-guide.md")) as f:
        for line in [*f.read().splitlines(), ""]:
            if line.startswith("    "):
                lines.append(line[4:])
            elif lines:
                found.append(re.sub(r"^ {4}", "", "\n".join(lines), flags=re.M) + "\n" if lines[0].startswith("    ") else "\n".join(lines) + "\n")
                lines = []
    return found


def block(start, nth=0):
    """The block that begins so: run."""
    matches = [text for text in blocks() if text.startswith(start)]
    equal(len(matches) > nth, True, f"the guide has a block {nth + 1} that begins with {start!r}")
    text = matches[nth]
    done.add(text)
    if re.match(r"# (in )?/", text):
        file_block(text)
    else:
        command_block(text)


def command_block(text):
    """A line at a time, as it is typed.  Passwords come by --stdin: there is nobody to type them (tests/protocol/cli.py does)."""
    for line in text.replace("\\\n", " ").splitlines():
        line = re.sub(r"  +#.*", "", line)
        asks = re.match(r"satchel user (add|passwd) ", line)
        if asks:
            line = line.replace(asks.group(0), asks.group(0) + "--stdin ")
        # With the quicker shell, for speed.
        r = machine.run("sh", "-ec", f"cd {SOURCE}; export CONFIG_SHELL=/bin/dash {BUILD_WITH}; {line}", check=False, text=True,
                        timeout=900, **({"input": PASSWORD + "\n"} if asks else {}))
        if r.returncode != 0:
            raise AssertionError(f"{line!r} ended with {r.returncode}: {(r.stdout + r.stderr)[-1500:]} {machine.journal('satchel.service')[-1500:]}")


def file_block(text):
    """`# /PATH`, then its content; `# in /PATH`: settings for a file that is there."""
    first, content = text.split("\n", 1)
    name = first.lstrip("# ").removeprefix("in ")
    if name == MAIN_CF:
        machine.run("postconf", "-e", *(line for line in content.splitlines() if line and not line.startswith("#")))
    else:
        machine.put(name, content)


def settings_block(start, name="guide.conf", verb="reload"):
    """Settings without a file's name: in force until away() is called."""
    text = next(text for text in blocks() if text.startswith(start))
    done.add(text)
    machine.put("/etc/satchel/conf.d/" + name, text)
    machine.run("satchel", "config", "check")
    if verb == "restart":
        equal("restart the server" in machine.fails("satchel", "reload"), True, "a reload is refused and says what to do")
    command_block(f"systemctl {verb} satchel")

    def away():
        machine.run("rm", "/etc/satchel/conf.d/" + name)
        machine.run("systemctl", verb, "satchel")
    return away


def need_server():
    if server is None or machine.state("satchel.service") != "active":
        raise Skip("no server runs, see above")


def copy_source():
    """What a clone holds, as it is now."""
    r = run("git", "-C", TOP, "ls-files", "-z", "--cached", "--others", "--exclude-standard", check=False)
    if r.returncode != 0:
        raise Skip("the tree is no clone: `git ls-files` does not work here")
    there = b"\0".join(name for name in r.stdout.split(b"\0") if name and os.path.lexists(os.path.join(TOP.encode(), name)))
    place = scratch()
    run("tar", "-C", TOP, "--null", "-T", "-", "--owner=0", "--group=0", "-cf", os.path.join(place, "source.tar"), input=there)
    return place


@case
def installs():
    """section 1: packages for the build, the build, accounts, directories; then hostname, certificate and start"""
    global machine, server
    source = copy_source()
    overlay = Overlay(*SPAM_PACKAGES)  # packages need a network, the machine has none
    machine = Machine(lower=overlay.root, shared={source: "/srv/source", **({CACHE: "/srv/cache", os.path.join(TOP, "tests/install"): "/srv/install"} if CACHE else {})})
    machine.run("mkdir", SOURCE)
    machine.run("tar", "-C", SOURCE, "-xf", "/srv/source/source.tar")
    # Nobody answers questions, and what is there is new enough.
    machine.put("/etc/apt/apt.conf.d/99guide", 'APT::Get::Assume-Yes "true";\nAPT::Get::Upgrade "false";\n')
    block("apt-get install gcc")
    server = Installed(machine)
    server.put_certificate()
    machine.run("systemctl", "daemon-reload")
    block("satchel config check\nsystemctl enable --now satchel")
    equal(machine.state("satchel.service"), "active", "the unit")
    shown = re.compile(r"satcheld \S+ ready: pid=\d+ gates=\d+ mails=\d+")
    for where, text in (("the guide", "\n".join(blocks())), ("the journal", machine.journal("satchel.service"))):
        equal(shown.search(text) is not None, True, f"the line of a start in {where}: {text[-1000:]}")


@case
def elsewhere():
    """section 1, other places: with the drop-in the unit serves mail in /srv/mail"""
    need_server()
    machine.run("mkdir", "-p", "/srv/mail")
    machine.put("/etc/satchel/conf.d/test.conf", 'server = { mail_root = "/srv/mail"; };\n')
    block("# /etc/systemd/system/satchel.service.d/paths.conf")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "satchel")
    server.add("paula")
    server.deliver("in-srv", user="paula")
    equal(server.subjects("paula"), ["in-srv"], "mail")
    equal(machine.say("ls", "/srv/mail").split(), ["bdb", "spool"], "where it is")
    machine.run("rm", "-r", "/etc/satchel/conf.d/test.conf", "/etc/systemd/system/satchel.service.d")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "satchel")


def answers(address, port):
    with machine.network(), socket.socket() as s:
        s.settimeout(10)
        return s.connect_ex((address, port)) == 0


@case
def configures():
    """sections 2, 3 and 4: configuration, certificates, listeners and users"""
    need_server()
    block("satchel config check             #")
    machine.run("sed", "-i", "/^tls = {/,/^};/d", "/etc/satchel/satchel.conf")  # a setting stands in one place
    settings_block("tls = { cert", "tls.conf")
    machine.run("ip", "address", "add", "192.0.2.7/32", "dev", "lo")
    away = settings_block('listen = { listeners = ( { name = "imaps"', verb="restart")
    wait_for(lambda: answers("192.0.2.7", 993) and not answers("127.0.0.1", 993), "IMAP on one address only")
    equal((answers("192.0.2.7", 143), answers("127.0.0.1", 995)), (False, True), "IMAP nowhere else, POP3 where it was")
    away()
    wait_for(lambda: answers("127.0.0.1", 993), "IMAP where it was")
    block("satchel user add anna@example.org")
    equal("locked" in machine.say("satchel", "user", "list"), True, "the last command locks her")
    machine.run("satchel", "user", "unlock", "anna@example.org")
    server.add("otto")


def stranger():
    with machine.network():
        c = smtplib.SMTP("127.0.0.1", 25, timeout=120, source_address=(STRANGER, 0))
    c.ehlo("stranger.example.com")
    c.mail("forged@example.com")
    return c


def says(recipient):
    """What a sender from outside hears to RCPT."""
    with stranger() as c:
        return c.rcpt(recipient)


def arrives(recipient, user, subject):
    """Mail that a stranger sends, read by IMAP."""
    with stranger() as c:
        code, text = c.rcpt(recipient)
        equal(code, 250, f"{recipient}: {text}")
        equal(c.data(f"Subject: {subject}\r\n\r\nhello\r\n")[0], 250, "DATA")
    wait_for(lambda: subject in server.subjects(user), f"{subject}, to {recipient}, at {user}'s; {machine.say('tail', '-n', '5', '/var/log/postfix.log')}", 60)


@case
def postfix_by_port():
    """section 5: Postfix delivers over the port; unknown users are refused while the sender is connected"""
    need_server()
    machine.run("ip", "address", "add", STRANGER + "/32", "dev", "lo")
    machine.run("postconf", "-e", *POSTFIX)
    block("# /etc/satchel/conf.d/postfix.conf")
    block("# in /etc/postfix/main.cf")
    block("satchel reload\nsystemctl restart postfix")
    arrives("anna@example.org", "anna", "by-port")
    arrives("otto+none@example.org", "otto", "detail")
    code, text = says("nobody@example.org")
    equal((code, b"mailbox unavailable" in text), (550, True), text)


@case
def postfix_by_socket():
    """section 5: the same over a socket in Postfix's chroot that systemd makes"""
    need_server()
    block("# /etc/satchel/conf.d/postfix.conf", 1)
    block("# in /etc/postfix/main.cf", 1)
    equal("read-only" in machine.fails("satchel", "reload"), True, "a reload alone is refused with the reason")
    block("systemctl stop satchel\nsystemctl enable --now satchel-postfix.socket")
    block("systemctl restart postfix")
    arrives("anna@example.org", "anna", "by-socket")
    equal(says("nobody@example.org")[0], 550, "nobody")
    equal(answers("127.0.0.1", 24), False, "the port is closed")


@case
def aliases():
    """section 5: aliases, a catch-all and another name for a domain; no bounce was made for anybody"""
    need_server()
    block("# /etc/satchel/conf.d/aliases.conf")
    block("# /etc/satchel/aliases")
    machine.run("postconf", "-e", "virtual_mailbox_domains = example.org, example.net, old.example")
    block("systemctl restart satchel\n")
    arrives("info@example.org", "anna", "to-alias")
    wait_for(lambda: "to-alias" in server.subjects("otto"), "to-alias, at otto's")
    for recipient, user, subject in (("postmaster@example.org", "anna", "postmaster"), ("whatever@example.net", "otto", "catch-all"),
                                     ("otto@old.example", "otto", "old-domain")):
        arrives(recipient, user, subject)
    equal(says("nobody@old.example")[0], 550, "nobody of the other name")
    wait_for(lambda: "Mail queue is empty" in machine.say("postqueue", "-p"), "nothing is left in Postfix's queue")
    equal(re.findall(r".*non-delivery.*", machine.say("cat", "/var/log/postfix.log")), [], "bounces")


@case
def quotas():
    """section 5: limits as each row says, shown by IMAP"""
    need_server()
    block("# /etc/satchel/conf.d/quota.conf")
    machine.run("satchel", "config", "check")
    machine.run("systemctl", "restart", "satchel")
    for user, limit in (("anna", 20), ("otto", 2)):
        c = server.imap(user)
        status, (_, quotas_told) = c.getquotaroot("INBOX")
        equal((status, re.findall(rb"STORAGE \d+ (\d+)", quotas_told[0])), ("OK", [b"%d" % (limit * 1024 * 1024)]), user)
        c.logout()


@case
def reads():
    """all of it is read over POP3 as well"""
    need_server()
    equal(sorted(server.pop3_subjects("anna")), ["by-port", "by-socket", "postmaster", "to-alias"], "anna's mail")
    equal(sorted(server.pop3_subjects("otto")), ["catch-all", "detail", "old-domain", "to-alias"], "otto's mail")


def comes(subject, text="hello"):
    """What a stranger hears whose mail to anna is complete."""
    with stranger() as c:
        c.rcpt("anna@example.org")
        return c.data(f"From: forged@example.com\r\nMessage-ID: <{subject}@example.com>\r\nSubject: {subject}\r\n\r\n{text}\r\n")


def in_junk(user):
    c = server.imap(user)
    c.select("Junk", readonly=True)
    found = server.fetch_subjects(c)
    c.logout()
    return found


@case
def spam():
    """section 5: by the header each user's threshold decides; lists; a scanner of Satchel's own is configured"""
    need_server()
    block("# /etc/satchel/conf.d/spam.conf\nspam = {\n  enabled = true;\n  headers = ( { style = \"rspamd\"; position = \"received\"")
    machine.put("/etc/satchel/rspamd-password", "secret\n", 0o600)
    machine.run("chown", "satchel-helper", "/etc/satchel/rspamd-password")
    away = settings_block("# /etc/satchel/conf.d/spam.conf, beside", "spam-scanner.conf", verb="restart")
    scored = "\r\nX-Spamd-Result: default: False [5.00 / 15.00]\r\nReceived: from outside by mta"
    for user in ("anna", "otto"):
        server.deliver("five" + scored, user, "/var/spool/postfix/private/satchel-lmtp")
    equal((in_junk("anna"), in_junk("otto"), server.subjects("otto")[-1]), (["five"], [], "five"), "by 4.5 and by 6")
    block("satchel spam allow anna")
    equal(machine.say("satchel", "spam", "list", "anna@example.org"), "sender=newsletter@shop.example list=allow", "what is left on the list")
    away()


@case
def rspamd():
    """section 5: Postfix and rspamd from start to end: what it says decides, what it refuses never arrives, and it learns from users"""
    need_server()
    machine.run("rm", "-f", "/etc/satchel/conf.d/spam-scanner.conf")
    # The machine has no resolver, and nobody waits for a second try; what a mail is like is not the question.
    machine.put("/etc/rspamd/local.d/greylist.conf", "enabled = false;\n")
    machine.put("/etc/rspamd/local.d/options.inc", 'dns { nameserver = ["127.0.0.1:1"]; timeout = 0.01s; retransmits = 1; }\ndisable_hyperscan = true;\n')
    machine.put("/etc/rspamd/rspamd.local.lua", "".join(
        f"rspamd_config.TEST_{subject.upper()} = {{ callback = function(task) return task:get_subject() == '{subject}' end, score = {score} }}\n"
        for subject, score in (("seven", "27.0"), ("none", "-40.0"))))
    machine.put("/etc/rspamd/local.d/actions.conf", "reject = 1000;\n")  # but for what is certain
    block("apt install rspamd")
    block("# /etc/rspamd/local.d/redis.conf")
    block("# /etc/rspamd/local.d/milter_headers.conf")
    block("# in /etc/postfix/main.cf\nsmtpd_milters")
    block("# /etc/satchel/conf.d/spam.conf\nspam = {\n  enabled = true;\n  headers = ( { style = \"rspamd\"; position = \"bottom\"")
    machine.run("satchel", "config", "check")
    machine.run("systemctl", "start", "redis-server")
    block("systemctl restart rspamd postfix satchel")
    wait_for(lambda: answers("127.0.0.1", 11332) and answers("127.0.0.1", 11334), "rspamd answers", 120)
    words = "\r\n".join(f"number {n} of {n * n} words that say nothing in particular about {n * 7}" for n in range(60))
    equal(comes("gtube", "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X")[0], 554, "what rspamd refuses")
    equal((comes("seven")[0], comes("none", words)[0]), (250, 250), "mail")
    wait_for(lambda: "none" in server.subjects("anna") and "seven" in in_junk("anna"), f"mail is where it belongs; {machine.say('tail', '-n', '5', '/var/log/postfix.log')}", 60)
    c = server.imap("anna")
    c.select("INBOX")
    c.uid("MOVE", c.uid("SEARCH", "SUBJECT", "none")[1][0].decode(), "Junk")
    c.logout()
    wait_for(lambda: "span=today spam=1 " in machine.say("satchel", "spam", "stats", "anna@example.org"),
             f"rspamd learns; {machine.say('satchel', 'spam', 'stats', 'anna@example.org')}", 60)
    block("satchel spam stats")
    machine.run("rm", "/etc/satchel/conf.d/spam.conf")
    machine.run("postconf", "-X", "smtpd_milters")
    machine.run("systemctl", "restart", "postfix", "satchel")


def lmtp_path():
    """Where the server takes mail: section 5 moves the socket to where Postfix finds it."""
    return next(path for path in ("/var/spool/postfix/private/satchel-lmtp", "/run/satchel/lmtp")
                if os.path.exists(f"/proc/{machine.first}/root{path}"))


@case
def removed_mail():
    """section 5: what anna removes is kept, and comes back by the commands that are shown"""
    need_server()
    block("# /etc/satchel/conf.d/retention.conf")
    machine.run("satchel", "config", "check")
    machine.run("systemctl", "restart", "satchel")
    server.deliver("removed", path=lmtp_path())
    before = sorted(server.subjects("anna"))
    c = server.imap("anna")
    c.select()
    c.store("1:*", "+FLAGS", "\\Deleted")
    c.expunge()
    c.logout()
    equal(server.subjects("anna"), [], "after the removal")
    block("satchel retention list anna")
    equal(sorted(server.subjects("anna")), before, "after the commands, one of which restores")
    equal("case 7" in machine.say("satchel", "retention", "hold", "anna@example.org", "--show"), True, "the hold")


@case
def unprivileged():
    """section 1, the other unit: with the commands that are shown it serves the same mail"""
    need_server()
    machine.run("systemctl", "disable", "--now", "satchel-postfix.socket")
    machine.run("rm", "/etc/satchel/conf.d/postfix.conf")
    block("systemctl disable --now satchel\nchgrp")
    equal(machine.state("satchel-unprivileged.service"), "active", "the unit")
    before = server.subjects("anna")
    server.deliver("unprivileged")
    equal(server.subjects("anna"), [*before, "unprivileged"], "mail")


@case
def nothing_left_out():
    """every block of the guide is run or listed with the reason, and nothing is listed that is not there"""
    if server is None:
        raise Skip("nothing was installed, see above")
    found = blocks()
    for text in found:
        why = next((why for start, why in NOT_RUN.items() if text.startswith(start)), None)
        if why:
            print(f"# not run: {text.splitlines()[0][:60]}: {why}", flush=True)
        equal((text[:80], (text in done) != (why is not None)), (text[:80], True), "a block that is neither run nor listed; see NOT_RUN in this test")
    equal([start for start in NOT_RUN if not any(text.startswith(start) for text in found)], [], "listed, but not in the guide")


main()
