#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Mail to users about their accounts, as a mail program shows it: what causes it and how often, in the site's own words, also for
users who have no room, and across a kill of auth."""
import email
import email.policy
import imaplib
import json
import os
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, case, equal, main, need, strict_context, wait_for  # noqa: E402

OATHTOOL = "oathtool"
need(OATHTOOL)
server = Server(users=9)
STATE = os.path.join(os.path.dirname(server.config_dir), "state/auth")
KEY, TEMPLATE = os.path.join(STATE, "totp.key"), os.path.join(STATE, "notice.txt")
OPTIONS = ("--set", "totp.enabled=true", "--set", f'totp.key="file:{KEY}"', "--set", f'totp.path="{STATE}/totp"',
           "--set", "app-passwords.enabled=true", "--set", f'app-passwords.path="{STATE}/app-passwords"',
           "--set", "account-notices.enabled=true", "--set", f'account-notices.path="{STATE}/account-notices"',
           "--set", 'auth.failure_delay="0"', "--set", "limits.login_failures=1000", "--set", "quota.enabled=true",
           "--set", 'quota.users=( { name = "u0006@example.org"; messages = 1; }, { name = "u0008@example.org"; messages = 1; } )', "--set", "quota.grace_percent=0")
HOME, AWAY, FAR = "127.0.0.1", "127.0.0.2", "127.0.0.3"


def put(path, text):
    with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600), encoding="utf-8") as f:
        f.write(text)
    os.chown(path, os.stat(STATE).st_uid, os.stat(STATE).st_gid)


def restart(*more):
    server.stop("--keep")
    server.start(*OPTIONS, *more)


put(KEY, "a master key of 32 characters or more\n")
restart()


def connect(source):
    raw = socket.create_connection(("127.0.0.1", server.imaps), 60, (source, 0))
    return strict_context(server.ca_file).wrap_socket(raw, server_hostname="127.0.0.1")


def login(user, password, source=HOME, client=None):
    """Whether the server lets in who says so."""
    with connect(source) as s:
        f = s.makefile("rb")
        f.readline()
        if client is not None:
            s.sendall(f'i ID ("name" {{{len(client)}+}}\r\n'.encode() + client + b")\r\n")
            while not (line := f.readline()).startswith(b"i "):
                equal(line != b"", True, "the server goes on")
        s.sendall(f'a LOGIN {user} "{password}"\r\n'.encode())
        while not (line := f.readline()).startswith(b"a "):
            equal(line != b"", True, "the server goes on")
        return line.startswith(b"a OK")


def inbox(user, password="pw"):
    """The messages of INBOX, parsed."""
    c = imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=strict_context(server.ca_file), timeout=60)
    c.login(user, password)
    c.select(readonly=True)
    found = [email.message_from_bytes(answer[1], policy=email.policy.default)
             for answer in c.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(answer, tuple)]
    c.logout()
    return found


def await_mail(user, n, password="pw"):
    wait_for(lambda: len(inbox(user, password)) >= n, f"{user} has {n} messages")
    found = inbox(user, password)
    equal(len(found), n, "messages")
    return found


def app_password(user, label):
    lines = server.cli("app-password", "add", user, label, "--json").stdout.splitlines()
    return json.loads(lines[0])["password"]


def enrol(user):
    return json.loads(server.cli("totp", "enrol", user, "--no-confirm", "--json").stdout.splitlines()[0])["secret"]


def code(secret):
    return subprocess.run([OATHTOOL, "--totp", "-b", secret], capture_output=True, text=True, check=True).stdout.strip()


def auth_pid():
    return next((pid for pid, role in server.roles().items() if role == "auth"), None)


def stored():
    """The file of what is not delivered."""
    with open(os.path.join(STATE, "account-notices"), encoding="utf-8") as f:
        return f.read()


@case
def app_password_and_factor():
    """a new app password and an enrolment are told in the user's own mailbox, and nothing that was not"""
    shown = app_password("u0001", "My Phone")
    mail = await_mail("u0001", 1)[0]
    text = mail.get_content()
    equal(("My Phone" in text, "u0001@example.org" in text, "new app password" in mail["Subject"]), (True, True, True), text)
    equal((mail["From"], mail["To"], mail["Auto-Submitted"]), ("postmaster@example.org", "u0001@example.org", "auto-generated"), "fields")
    equal(shown in text or shown.replace("-", "") in text, False, "the mail has no password")
    enrol("u0001")
    subjects = [mail["Subject"] for mail in await_mail("u0001", 2, shown)]
    equal("a code is needed" in subjects[1], True, subjects)
    equal(inbox("u0002"), [], "nobody else's mail")


@case
def device():
    """a login with a code from a new network is told, with the client's own words, and not again from there; nor is a known network"""
    shown = app_password("u0003", "reader")
    secret = enrol("u0003")
    await_mail("u0003", 2, shown)
    equal(login("u0003", "pw" + code(secret), AWAY, b"Good Mail\r\nBcc: eve@example.org ${user}"), True, "login")
    mail = await_mail("u0003", 3, shown)[2]
    text = mail.get_content()
    equal(("new device" in mail["Subject"], AWAY in text, "Good Mail??Bcc: eve@example.org ${user}" in text, "imap" in text),
          (True, True, True, True), text)
    equal((mail["Bcc"], mail.defects), (None, []), "header")
    equal(login("u0003", "pw", AWAY), False, "without a code, from the network that is known now")
    app_password("u0003", "the last")
    subjects = [mail["Subject"] for mail in await_mail("u0003", 4, shown)]
    equal("new app password" in subjects[3], True, f"the known network is no news: {subjects}")


@case
def password_alone():
    """a right password without a code from an unknown network is told once an hour for each network; a wrong password is not"""
    shown = app_password("u0004", "reader")
    enrol("u0004")
    await_mail("u0004", 2, shown)
    for _ in range(3):
        equal((login("u0004", "pw", AWAY), login("u0004", "wrong", FAR)), (False, False), "refused")
    text = await_mail("u0004", 3, shown)[2].get_content()
    equal((AWAY in text, "knows your password" in text), (True, True), text)
    equal(login("u0004", "pw", FAR), False, "refused")
    equal(FAR in await_mail("u0004", 4, shown)[3].get_content(), True, "another network")
    said = server.cli("auth", "test", "u0004", "--stdin", "--from", "127.0.0.9", check=False, input="pw\n")
    equal("code-missing" in said.stdout, True, said.stdout)
    app_password("u0004", "the last")
    equal("127.0.0.9" in "".join(mail.get_content() for mail in await_mail("u0004", 5, shown)), False, "a test is no login")


def fill(user):
    """The message that takes the only place that the user has."""
    server.deliver(b"Subject: fills it\r\n\r\nx\r\n", user)
    equal([mail["Subject"] for mail in inbox(user)], ["fills it"], "full")


def await_refusal(user):
    wait_for(lambda: any("not delivered" in line and f"user={user}@" in line for line in server.log().splitlines()), "it is refused")


def empty(user):
    c = server.imap(user)
    c.select()
    c.store("1", "+FLAGS", r"(\Deleted)")
    c.expunge()
    c.logout()


@case
def no_room():
    """who has no room gets in all the same, and has the notice once there is room"""
    fill("u0006")
    shown = app_password("u0006", "Phone")
    await_refusal("u0006")
    equal((login("u0006", "pw"), login("u0006", shown)), (True, True), "logins")
    empty("u0006")
    wait_for(lambda: ["new app password" in mail["Subject"] for mail in inbox("u0006")] == [True], "the notice")


@case
def kill():
    """a notice that is not delivered when auth is killed comes from the next auth, once"""
    fill("u0008")
    app_password("u0008", "Phone")
    await_refusal("u0008")
    equal("u0008" in stored(), True, "it is in the file")
    old = auth_pid()
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: auth_pid() not in (None, old), "auth is back")
    wait_for(lambda: login("u0008", "pw"), "auth answers")
    empty("u0008")
    wait_for(lambda: ["new app password" in mail["Subject"] for mail in inbox("u0008")] == [True], "the notice")
    restart()
    app_password("u0009", "Phone")
    await_mail("u0009", 1)
    equal(len(inbox("u0008")), 1, "not again")


@case
def switched_off():
    """without the module nobody gets mail"""
    server.stop("--keep")
    server.start(*(option.replace("notices.enabled=true", "notices.enabled=false") for option in OPTIONS))
    app_password("u0002", "Phone")
    restart()
    app_password("u0002", "Tablet")
    equal(["Tablet" in mail.get_content() for mail in await_mail("u0002", 1)], [True], "the second one alone")


@case
def own_words():
    """the site's own text is used, with its words for what happened, and a reload changes it; a bad one refuses the reload"""
    put(TEMPLATE, "Subject: Für ${user}: ${what}\napp-password-added: neues App-Passwort „${x}“\n\n"
                  "${label} ${network} ${time}\n")
    restart("--set", f'account-notices.template="{TEMPLATE}"', "--set", 'account-notices.sender="Technik <hilfe@example.org>"',
            "--set", "account-notices.per_day=2", "--set", 'account-notices.about=("app-password-added")')
    app_password("u0005", "Telefon ü")
    mail = await_mail("u0005", 1)[0]
    equal((mail["Subject"], mail["From"]), ("Für u0005@example.org: neues App-Passwort „${x}“", "Technik <hilfe@example.org>"), "fields")
    equal(mail.get_content().startswith("Telefon ü - 20"), True, mail.get_content())
    put(TEMPLATE, "Subject: x\n\n${nothing}\n")
    r = server.cli("reload", check=False)
    equal((r.returncode != 0, "${nothing}" in r.stderr + r.stdout), (True, True), r.stderr + r.stdout)
    put(TEMPLATE, "Subject: second\n\nx\n")
    server.cli("reload")
    app_password("u0005", "two")
    equal(await_mail("u0005", 2)[1]["Subject"], "second", "after the reload")
    app_password("u0005", "three")
    shown = app_password("u0007", "another user")
    await_mail("u0007", 1, shown)
    equal(len(inbox("u0005")), 2, "no more than two a day")


main()
