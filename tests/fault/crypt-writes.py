#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sealed mail while passwords change: the command, or auth, is killed before each of its writes in turn; what logs in afterwards opens
the mail, and app passwords and the recovery key go on opening it."""
import contextlib
import imaplib
import json
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, case, equal, lacking, main, strict_context, wait_for  # noqa: E402
from writes import Writes  # noqa: E402

of_auth, of_command = Writes("auth"), Writes()
server = Server(users=6, wrapper=of_auth.wrapper)
STATE = os.path.join(os.path.dirname(server.config_dir), "state")
if "crypt" not in server.cli("module", "list").stdout:
    lacking("the server was built without crypt (libsodium)")
server.stop("--keep")
server.start(*(x for key, value in {
    "crypt.enabled": "true", "crypt.path": f'"{STATE}/auth/rings"', "crypt.memory": '"8K"', "crypt.passes": "1", "app-passwords.enabled": "true",
    "app-passwords.path": f'"{STATE}/auth/app-passwords"', "auth.failure_delay": '"0"', "limits.login_failures": "100000", "auth.cache_time": '"0"'}.items()
    for x in ("--set", f"{key}={value}")))
LOCKED = b"Locked"
MAIL = b"Subject: sealed\r\n\r\nof before\r\n"


def address(user):
    return f"{user}@{server.domain}"


def records(*arguments, check=True):
    return [json.loads(line) for line in server.cli(*arguments, "--json", check=check).stdout.splitlines()[:-1]]


def login(user, password):
    """A session; None: the password is wrong.  While auth is away one tries again."""
    def attempt():
        with contextlib.suppress(OSError, imaplib.IMAP4.abort):
            c = imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=strict_context(server.ca_file), timeout=60)
            try:
                c.login(user, password)
                return [c]
            except imaplib.IMAP4.abort:
                return None
            except imaplib.IMAP4.error as e:
                return [None] if "AUTHENTICATIONFAILED" in str(e) else None
        return None
    return wait_for(attempt, f"an answer to a login of {user}")[0]


def reads(user, password, n=1):
    """What a login gives: "no login", "locked", or "mail"."""
    c = login(user, password)
    if c is None:
        return "no login"
    with c:
        c.select()
        status, data = c.fetch(str(n), "(BODY.PEEK[])")
        if status == "OK":
            return "mail" if isinstance(data[0], tuple) and data[0][1].endswith(MAIL) else "nothing"
        return "locked" if LOCKED in data[0] else str(data)


def auth_is_back():
    wait_for(lambda: "auth" in server.roles().values(), "auth")


class User:
    def __init__(self, name):
        self.name, self.password = name, server.password
        self.recovery = records("crypt", "enable", address(name))[0]["recovery_key"]
        equal(login(name, self.password) is not None, True, "the first login")
        server.deliver(MAIL, name)
        self.app = self.new_app("phone")

    def new_app(self, label):
        return records("app-password", "add", address(self.name), label, "--password", self.password)[0]

    def settle(self, *candidates):
        """Exactly one of these passwords logs in, and opens the mail; it is the user's from now on."""
        found = {password: reads(self.name, password) for password in candidates}
        right = [password for password, what in found.items() if what != "no login"]
        equal([found[password] for password in right], ["mail"], f"what the passwords {found} give")
        self.password = right[0]

    def check_others(self):
        """The app password and the recovery key open the mail; the latter is changed on the way."""
        equal(reads(self.name, self.app["password"]), "mail", "the app password")
        self.recovery = records("crypt", "recovery-key", address(self.name), "--password", self.recovery)[0]["recovery_key"]


def each_write(writes, work):
    """Kills before write 1, 2, ... until there are no more.  @work: makes the work of each round, and a check after it."""
    n, was_killed = 0, True
    while was_killed:
        n += 1
        do, check = work(n)
        was_killed = writes.kill_at(n, do)
        if writes is of_auth:
            auth_is_back()
        check()
    print(f"# killed {n - 1} times", flush=True)
    equal(n > 3, True, "the work has writes")


@case
def the_command_is_killed_while_the_user_gets_another_password():
    user = User("u0001")

    def work(n):
        old, new = user.password, f"password {n}"
        return of_command.command(server, "user", "passwd", address(user.name), "--stdin", text=f"{new}\n{old}\n"), lambda: user.settle(old, new)
    each_write(of_command, work)
    equal(user.password.startswith("password"), True, "the last one is not killed")
    user.check_others()


@case
def auth_is_killed_while_the_new_password_logs_in():
    user = User("u0002")

    def work(n):
        old, user.password = user.password, f"password {n}"
        server.cli("user", "passwd", address(user.name), "--stdin", input=f"{user.password}\n{old}\n")
        return lambda: login(user.name, user.password), lambda: user.settle(old, user.password)
    each_write(of_auth, work)
    user.check_others()


@case
def auth_is_killed_while_app_passwords_are_made_and_revoked():
    user, made = User("u0003"), []

    def add(_):
        for old in records("app-password", "list", address(user.name)):
            if old["label"] == "tablet":
                server.cli("app-password", "revoke", address(user.name), old["id"])

        def check():
            user.settle(user.password)
            user.check_others()
        return lambda: made.append(records("app-password", "add", address(user.name), "tablet", "--password", user.password, check=False)), check
    each_write(of_auth, add)
    equal(reads(user.name, made[-1][0]["password"]), "mail", "the app password that was made at last")

    def revoke(n):
        mine = user.new_app(f"laptop {n}")

        def check():
            equal(reads(user.name, mine["password"]) in ("mail", "no login"), True, "an app password that may be revoked")
            user.settle(user.password)
            server.cli("app-password", "revoke", address(user.name), mine["id"], check=False)
            equal(reads(user.name, mine["password"]), "no login", "the revoked one")
            wait_for(lambda: mine["id"] not in [r.get("slot") for r in records("crypt", "status", address(user.name))], "its slot goes")
        return lambda: server.cli("app-password", "revoke", address(user.name), mine["id"], check=False), check
    each_write(of_auth, revoke)
    user.check_others()


@case
def the_command_is_killed_while_the_mail_is_given_up():
    """What is sealed by then is locked for the new password, and new mail is not; the recovery key of before opens all."""
    user = User("u0004")

    def work(n):
        old, new = user.password, f"password {n}"

        def check():
            found = {password: reads(user.name, password) for password in (old, new)}
            equal(found in ({old: "mail", new: "no login"}, {old: "no login", new: "locked"}), True, f"what the passwords give: {found}")
            user.password = old if found[new] == "no login" else new
            server.deliver(MAIL, user.name)
            with login(user.name, user.password) as c:
                c.select()
                last = c.search(None, "ALL")[1][0].split()[-1]
                equal(c.fetch(last, "(BODY.PEEK[])")[1][0][1].endswith(MAIL), True, "new mail")
            if found[new] == "locked":
                server.cli("crypt", "recover", address(user.name), "--password", user.recovery)
                equal(reads(user.name, new), "mail", "mail of before, after the recovery")
                user.recovery = records("crypt", "recovery-key", address(user.name), "--password", new)[0]["recovery_key"]
            elif records("crypt", "status", address(user.name))[0]["former_keys"] > n_former[0]:  # the key, and not the password
                user.recovery = records("crypt", "recovery-key", address(user.name), "--password", old)[0]["recovery_key"]
            n_former[0] = records("crypt", "status", address(user.name))[0]["former_keys"]
        return of_command.command(server, "user", "passwd", address(user.name), "--stdin", "--lose-mail", text=f"{new}\n"), check
    n_former = [0]
    each_write(of_command, work)


@case
def auth_is_killed_while_the_mail_is_recovered():
    user = User("u0005")

    def recover(n):
        server.cli("user", "passwd", address(user.name), "--stdin", "--lose-mail", input=f"password {n}\n")
        user.password = f"password {n}"
        equal(reads(user.name, user.password), "locked", "mail of before")
        key = user.recovery

        def check():
            if reads(user.name, user.password) != "mail":
                server.cli("crypt", "recover", address(user.name), "--password", key)
            user.settle(user.password)
            user.recovery = records("crypt", "recovery-key", address(user.name), "--password", user.password)[0]["recovery_key"]
        return lambda: server.cli("crypt", "recover", address(user.name), "--password", key, check=False), check
    each_write(of_auth, recover)


main()
