#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's Postfix asks us: submission by the Dovecot authentication protocol, with passwords and one-time codes, and recipients by
the socketmap.  It lives in an overlay of the root file system."""
import os
import re
import signal
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from mta import CLIENT, Mta, code  # noqa: E402
from overlay import POSTFIX_PACKAGES, Overlay  # noqa: E402
from programs import MAIL, PROGRAMS, Place  # noqa: E402
from tap import TOP, Skip, at_end, case, equal, free_port, main, need, wait_for  # noqa: E402

need("oathtool")
state = {}


def in_root(*command, **options):
    return state["overlay"].run(*command, **options)


def start():
    overlay = state["overlay"] = Overlay(*POSTFIX_PACKAGES)
    private = overlay.root + "/var/spool/postfix/private"
    if len(private.encode()) > 90:
        raise Skip("the path of the sockets is too long here")
    mta = Mta(users=11)
    server = mta.server
    group = in_root("getent", "group", "postfix", text=True).stdout.split(":")[2]
    mta.start_server(private + "/satchel-auth", private + "/satchel-map", group)
    port = mta.port = free_port()
    with open(os.path.join(TOP, "docs/admin-guide.md")) as f:
        guide = f.read()
    lines = {key: re.search(rf"^ +{key} = (.+)$", guide, re.M)[1] for key in ("smtpd_sasl_type", "smtpd_sasl_path", "virtual_mailbox_maps")}
    equal(lines, {"smtpd_sasl_type": "dovecot", "smtpd_sasl_path": "private/satchel-auth", "virtual_mailbox_maps": "proxy:socketmap:unix:/run/satchel/socketmap:recipients"},
          "the guide's lines")
    main_cf = {
        "inet_interfaces": "loopback-only", "inet_protocols": "ipv4", "myhostname": "mta.example.net", "mydestination": "", "relay_domains": "",
        "virtual_mailbox_domains": server.domain, "virtual_transport": f"lmtp:inet:127.0.0.1:{server.lmtp}", "mynetworks": "192.0.2.0/24",
        "compatibility_level": "3.6", "alias_maps": "", "alias_database": "", "maillog_file": "/var/log/postfix.log", "recipient_delimiter": "+",
        "smtpd_peername_lookup": "no", "smtpd_error_sleep_time": "0", "smtpd_client_connection_rate_limit": "0",
        "smtpd_relay_restrictions": "permit_mynetworks,permit_sasl_authenticated,reject_unauth_destination",
        **lines, "virtual_mailbox_maps": "socketmap:unix:private/satchel-map:recipients",
        "smtpd_sasl_auth_enable": "yes", "smtpd_tls_security_level": "may", "smtpd_tls_auth_only": "yes",
        "smtpd_tls_chain_files": "/etc/postfix/chain.pem",
    }
    with open(overlay.root + "/etc/postfix/chain.pem", "w") as chain:
        tls = os.path.dirname(server.ca_file)
        for name in ("key.pem", "cert.pem"):
            with open(os.path.join(tls, name)) as f:
                chain.write(f.read())
    in_root("postconf", "-e", *(f"{k}={v}" for k, v in main_cf.items()))
    in_root("postconf", "-M#", "smtp/inet", check=False)
    in_root("postconf", "-Me", f"127.0.0.1:{port}/inet=127.0.0.1:{port} inet n - y - - smtpd")
    in_root("postfix", "start")
    at_end(lambda: in_root("postfix", "abort", check=False))
    state["mta"] = mta
    return mta


def begin():
    return state.get("mta") or start()


@case
def passwords():
    """the right password submits, by PLAIN and LOGIN; a wrong one is refused, with the client's address in our log"""
    mta = begin()
    mta.check_passwords("Postfix")
    with open(state["overlay"].root + "/var/log/postfix.log") as f:
        equal("sasl_username=u0001@example.org" in f.read(), True, "the user's own name in Postfix's log")


@case
def one_time_codes():
    """with a second factor the password alone says what is missing; the string that opened a grant over IMAP submits from there"""
    mta = begin()
    secret = mta.enrol("u0002")
    got = mta.submit("u0002", mta.server.password)
    equal((got[0], b"code required" in got[1]), (535, True), f"the password alone: {got}")
    stored = mta.server.password + code(secret)
    mta.check_string("u0002", stored)
    equal(mta.submit("u0002", mta.server.password + "000000")[0], 535, "another code")
    fresh = mta.enrol("u0004")
    stored = mta.server.password + code(fresh)
    equal(mta.submit("u0004", stored)[0], 235, "a code that comes by submission first")
    equal(mta.imap("u0004", stored), "OK", "and then by IMAP")


@case
def after_each_program():
    """the string by which curl, poplib, mbsync, fetchmail, mpop and mutt have just logged in submits at once from there, and from nowhere else"""
    mta = begin()
    readers = dict(zip((f"u{n:04}" for n in range(6, 12)), PROGRAMS.values()))
    mta.server.deliver(MAIL, *readers)
    for reader, (program, name) in readers.items():
        need(name)
        stored = mta.server.password + code(mta.enrol(reader))
        equal(program(Place(mta.server.ca_file, mta.server.imaps, mta.server.pop3s, reader, stored)), True, f"{name} with the code")
        for mechanism in ("PLAIN", "LOGIN"):
            equal(mta.submit(reader, stored, mechanism, "127.0.0.1")[0], 235, f"the string of {name} by {mechanism}")
        equal(mta.submit(reader, stored)[0], 535, f"the string of {name} from another network")


@case
def app_passwords():
    """an app password submits without a code, if it is for smtp; not once it is revoked, or its user is locked"""
    mta = begin()
    phone, reader = mta.app_password("u0003", "Phone"), mta.app_password("u0003", "Reader", "--protocols", "imap,pop3")
    mta.enrol("u0003")
    equal(mta.submit("u0003", mta.server.password)[0], 535, "the password alone")
    for mechanism in ("PLAIN", "LOGIN"):
        equal(mta.submit("u0003", phone, mechanism)[0], 235, mechanism)
    equal(mta.submit("u0003", phone.replace("-", "").upper())[0], 235, "in another form")
    equal((mta.submit("u0003", reader)[0], mta.imap("u0003", reader)), (535, "OK"), "one that is not for smtp")
    equal("reason=out-of-scope" in mta.server.log(), True, "the log says why")
    mta.server.cli("user", "lock", "u0003")
    equal((mta.submit("u0003", phone)[0], mta.imap("u0003", phone) == "OK"), (535, False), "a locked user")
    mta.server.cli("user", "unlock", "u0003")
    equal(mta.submit("u0003", phone)[0], 235, "unlocked")
    mta.server.cli("app-password", "revoke", "u0003", "Phone")
    equal(mta.submit("u0003", phone)[0], 535, "revoked")
    mta.server.cli("totp", "reset", "u0003")


@case
def recipients():
    """known recipients are taken, unknown ones refused for good, and nobody is refused while the database cannot be read"""
    mta = begin()
    for recipient in ("u0001@example.org", "U0001+lists@example.org"):
        equal(mta.stranger_says(recipient)[0], 250, recipient)
    code_, text = mta.stranger_says("nobody@example.org")
    equal((code_, b"User unknown" in text), (550, True), text)
    passwd = os.path.join(os.path.dirname(mta.server.config_dir), "state/auth/passwd")
    os.chmod(passwd, 0o604)  # which others may read, so that it is not believed
    try:
        wait_for(lambda: 400 <= mta.stranger_says("u0003@example.org")[0] < 500, "a known one is put off")
        wait_for(lambda: 400 <= mta.stranger_says("nobody@example.org")[0] < 500, "an unknown one as well")
    finally:
        os.chmod(passwd, 0o600)
    wait_for(lambda: mta.stranger_says("u0003@example.org")[0] == 250, "the database is back")
    equal(mta.stranger_says("nobody@example.org")[0], 550, "and knows who is not there")


@case
def guessing():
    """guesses by submission count for the account, and then its right password is refused from there"""
    mta = begin()
    n = 0
    while not [line for line in mta.server.log().splitlines() if "reason=throttled" in line and f"rip={CLIENT} service=smtp" in line]:
        n += 1
        equal(n < 60, True, "it ends")
        equal(mta.submit("u0005", f"guess {n}")[0], 535, "a guess")
    equal(mta.submit("u0005", mta.server.password)[0], 535, "the right password")


@case
def auth_stopped():
    """auth that hangs is a failure for the moment, and Postfix goes on when auth does"""
    mta = begin()
    equal(mta.submit("u0001", mta.server.password)[0], 235, "before")
    with mta.stopped_auth():
        equal(mta.submit("u0001", mta.server.password)[0], 454, "while it hangs")
    os.kill(mta.auth_pid(), signal.SIGKILL)
    wait_for(lambda: mta.submit("u0001", mta.server.password)[0] == 235, "after auth was killed")


main()
