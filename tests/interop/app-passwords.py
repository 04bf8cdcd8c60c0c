#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""App passwords with real clients: what each opens and from where, one revoked among a hundred, restarts and kills, a store that
was damaged; where the main password is shut; and the list of devices."""
import imaplib
import json
import os
import poplib
import re
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from modules import Modules  # noqa: E402
from tap import Server, case, equal, main, need, strict_context, wait_for  # noqa: E402

CURL = "curl"
need(CURL)
server = Server(users=10)
STORE = os.path.join(os.path.dirname(server.config_dir), "state/auth/app-passwords")
OPTIONS = ["--set", "app-passwords.enabled=true", "--set", f'app-passwords.path="{STORE}"', "--set", 'auth.failure_delay="0"',
           "--set", "limits.login_failures=100000", "--set", 'auth.explain="always"', "--set", "limits.connections_per_user=1000",
           "--set", "limits.connections_per_address=1000"]
HOME, AWAY = "127.0.0.1", "127.0.0.2"


def restart(*more):
    server.stop("--keep")
    server.start(*OPTIONS, *more)


restart()


def records(*arguments):
    return [json.loads(line) for line in server.cli(*arguments, "--json").stdout.splitlines()[:-1]]


def add(user, label, *options):
    """(password as shown, credential)"""
    record = records("app-password", "add", user, label, *options)[0]
    return record["password"], record["id"]


def connect(port, source):
    raw = socket.create_connection(("127.0.0.1", port), 60, (source, 0))
    return strict_context(server.ca_file).wrap_socket(raw, server_hostname="127.0.0.1")


def imap(user, password, source=HOME):
    """"OK", or what the refusal says."""
    with connect(server.imaps, source) as s:
        f = s.makefile("rb")
        f.readline()
        s.sendall(f'a LOGIN {user} "{password}"\r\n'.encode())
        while not (line := f.readline()).startswith(b"a "):
            equal(line != b"", True, "the server goes on")
        return "OK" if line.startswith(b"a OK") else line.decode()[5:].strip()


def pop3(user, password, source=HOME):
    with connect(server.pop3s, source) as s:
        f = s.makefile("rb")
        for command in (b"", f"USER {user}\r\n".encode(), f"PASS {password}\r\n".encode()):
            s.sendall(command)
            line = f.readline()
        return "OK" if line.startswith(b"+OK") else line.decode()[5:].strip()


def session(user, password):
    c = imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=strict_context(server.ca_file), timeout=60)
    c.login(user, password)
    return c


def is_over(c):
    try:
        c.noop()
        return False
    except (imaplib.IMAP4.abort, OSError):
        return True


def is_refused(said):
    return said != "OK" and "UNAVAILABLE" not in said


def kill_auth():
    old = {pid for pid, role in server.roles().items() if role == "auth"}
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: {pid for pid, role in server.roles().items() if role == "auth"} - old, "auth is back")
    wait_for(lambda: imap("u0009", "pw") == "OK", "auth answers")


def listed(user):
    return {record["label"]: record for record in records("app-password", "list", user)}


@case
def clients():
    """curl, imaplib and poplib log in with an app password, as shown, without hyphens and in capitals; the main password goes on"""
    shown, name = add("u0001", "iPhone")
    equal(bool(re.fullmatch(r"[0-9a-hjkmnp-tv-z-]{30}", shown)), True, shown)
    plain = shown.replace("-", "")
    equal(len(plain), 26, "characters")
    for form in (shown, plain, plain.upper(), shown.replace("-", " ")):
        equal((imap("u0001", form), pop3("u0001", form)), ("OK", "OK"), form)
    c = session("u0001", shown)
    equal(c.noop()[0], "OK", "imaplib")
    c.logout()
    p = poplib.POP3_SSL("127.0.0.1", server.pop3s, context=strict_context(server.ca_file), timeout=60)
    p.user("u0001")
    equal(p.pass_(plain)[:3], b"+OK", "PASS of poplib")
    p.quit()
    for url in (f"imaps://127.0.0.1:{server.imaps}/", f"pop3s://127.0.0.1:{server.pop3s}/"):
        r = subprocess.run([CURL, "-sS", "--cacert", server.ca_file, "-u", f"u0001:{shown}", url], capture_output=True, text=True)
        equal(r.returncode, 0, f"{url}: {r.stderr}")
    equal(imap("u0001", "pw"), "OK", "the main password")
    equal(is_refused(imap("u0003", shown)), True, "another user")
    wrong = plain[:-1] + ("2" if plain[-1] != "2" else "3")
    equal(imap("u0001", wrong), imap("u0001", "no"), "a wrong one")
    equal(f"credential={name}" in server.log(), True, "the log names the credential")
    equal(plain in server.log() or shown in server.log(), False, "the log has no app password")


@case
def scopes():
    """protocols, networks and the end of an app password are kept, and a refusal counts as no attack"""
    one = add("u0002", "imap only", "--protocols", "imap")[0]
    near = add("u0002", "from home", "--from", "127.0.0.1/32,2001:db8::/32")[0]
    short = add("u0002", "short", "--expires", "1s")[0]
    long = add("u0002", "long", "--expires", "90d")[0]
    equal((imap("u0002", one), is_refused(pop3("u0002", one))), ("OK", True), "protocol")
    equal((imap("u0002", near), is_refused(imap("u0002", near, AWAY))), ("OK", True), "network")
    equal(imap("u0002", long), "OK", "not over yet")
    wait_for(lambda: is_refused(imap("u0002", short)), "it ends")
    found = listed("u0002")
    equal([found["from home"]["from"], found["imap only"]["protocols"], found["long"]["protocols"]],
          ["127.0.0.1/32,2001:db8::/32", "imap", "imap,pop3,smtp"], "list")
    equal(found["long"]["expires"] - found["long"]["since"], 90 * 86400, "90 days")
    reasons = set(re.findall(r"reason=(\S+) user=\"u0002\"", server.log()))
    equal(reasons, {"out-of-scope"}, "reasons")


@case
def bad_arguments():
    """labels, protocols and networks that are none are refused, as are a second app password of a label and a user who is not there"""
    add("u0003", "twice")
    for arguments, status in ((("u0003", "twice"), 73), (("u0003", ""), 65), (("u0003", "x" * 65), 65), (("u0003", "a\nb"), 65),
                              (("u0003", "x", "--protocols", "imap,ftp"), 65), (("u0003", "x", "--from", "home"), 65),
                              (("u0003", "x", "--expires", "-1d"), 64), (("u0003",), 64), (("nobody", "x"), 66)):
        r = server.cli("app-password", "add", *arguments, check=False)
        equal((r.returncode, "password=" in r.stdout), (status, False), f"{arguments}: {r.stderr}")
    equal(list(listed("u0003")), ["twice"], "list")
    equal(server.cli("app-password", "revoke", "u0003", "thrice", check=False).returncode, 66, "revoke what is not there")
    equal(server.cli("app-password", "revoke", "u0003", check=False).returncode, 65, "revoke nothing")


@case
def one_of_a_hundred():
    """one of a hundred app passwords is revoked: its three sessions end, those of the others and of the password go on"""
    made = [add("u0004", f"device {n}") for n in range(100)]
    chosen, name = made[57]
    mine = [session("u0004", chosen) for n in range(3)]
    others = [session("u0004", shown) for shown, _ in (made[0], made[56], made[58], made[99])] + [session("u0004", "pw")]
    server.cli("app-password", "revoke", "u0004", name)
    for c in mine:
        wait_for(lambda c=c: is_over(c), "the sessions of the one that was revoked end")
    equal([is_over(c) for c in others], [False] * 5, "the others")
    equal(is_refused(imap("u0004", chosen)), True, "the one that was revoked")
    equal(imap("u0004", made[58][0]), "OK", "another")
    equal(len(listed("u0004")), 99, "list")
    server.cli("app-password", "revoke", "u0004", "device 58")
    equal(is_refused(imap("u0004", made[58][0])), True, "revoked by its label")
    server.cli("app-password", "revoke", "u0004", "--all")
    wait_for(lambda: all(is_over(c) for c in others[:-1]), "the sessions of all end")
    equal(is_over(others[-1]), False, "that of the password")


@case
def last_use():
    """the list says when and from where an app password was used last and by what client, also after a restart"""
    shown = add("u0005", "Phone")[0]
    equal(listed("u0005")["Phone"]["used"], 0, "not used yet")
    with connect(server.imaps, AWAY) as s:
        f = s.makefile("rb")
        f.readline()
        s.sendall(b'i ID ("name" "Early Bird" "version" "1.0" "os" "' + b"x" * 1000 + b'")\r\n')
        while not f.readline().startswith(b"i OK"):
            pass
        s.sendall(f"a LOGIN u0005 {shown}\r\n".encode())
        while not f.readline().startswith(b"a OK"):
            pass
        found = listed("u0005")["Phone"]
        equal((found["address"], found["service"], found["client"], found["used"] >= found["since"] > 0),
              (AWAY, "imap", "Early Bird 1.0", True), "last use")
        s.sendall(b'i ID ("name" "Late Bird")\r\n')
        while not f.readline().startswith(b"i OK"):
            pass
    c = session("u0005", shown)
    c.xatom("ID", '("version" "2" "name" "Late Bird")')
    wait_for(lambda: listed("u0005")["Phone"]["client"] == "Late Bird 2", "a client that says so after its login")
    c.logout()
    restart()
    found = listed("u0005")["Phone"]
    equal((found["address"], found["client"]), (HOME, "Late Bird 2"), "after a restart")


@case
def kills():
    """an app password that was shown is good, and one that was revoked is not, though auth is killed at that moment"""
    for n in range(3):
        shown, name = add("u0006", f"number {n}")
        kill_auth()
        equal(imap("u0006", shown), "OK", "after the kill")
        server.cli("app-password", "revoke", "u0006", name)
        kill_auth()
        equal(is_refused(imap("u0006", shown)), True, "revoked, after the kill")


@case
def a_damaged_store():
    """damaged, cut or gone, the store lets no app password in, and passwords go on; with the store back all is as before"""
    shown, name = add("u0007", "Phone")
    add("u0007", "the last one")
    open_session = session("u0007", shown)
    kill_auth()
    with open(STORE, "rb") as f:
        whole = f.read()
    spoilt = bytearray(whole)
    spoilt[len(whole) // 2] ^= 4
    cut = whole[:whole.rindex(b"\n", 0, -1) + 1]
    for content, why in ((bytes(spoilt), "are damaged"), (cut, "has lost what came behind"), (None, "was removed")):
        if content is None:
            os.unlink(STORE)
        else:
            with open(STORE, "r+b") as f:
                f.truncate(0)
                f.write(content)
        kill_auth()
        wait_for(lambda why=why: f"{why}" in server.log(), "the log says so")
        equal("UNAVAILABLE" in imap("u0007", shown), True, f"{why}: app password")
        equal(imap("u0007", "pw"), "OK", f"{why}: password")
        equal(server.cli("app-password", "add", "u0007", "new", check=False).returncode != 0, True, f"{why}: add")
        equal(open_session.noop()[0], "OK", f"{why}: a session that was there")
    with open(STORE, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
        f.write(whole)
    owner = os.stat(os.path.dirname(STORE))
    os.chown(STORE, owner.st_uid, owner.st_gid)
    kill_auth()
    equal(imap("u0007", shown), "OK", "with the store back")
    equal(os.stat(STORE).st_mode & 0o077, 0, "mode")
    equal(shown.replace("-", "").encode() in whole, False, "the store has no app password in clear")
    equal(name.encode()[4:] in whole, True, "but its id")


@case
def main_password():
    """where the main password is shut, who knows it is told so, and app passwords open what they are for"""
    shown = add("u0008", "Phone")[0]
    restart("--set", 'auth.main_passwords=({name="u0008@example.org";use="nowhere"},{name="u0001@example.org";use="submission-and-web"})',
            "--set", f'auth.webmail_networks=["{AWAY}/32"]')
    for ask in (imap, pop3):
        equal("an app password is required" in ask("u0008", "pw"), True, "the right password")
        equal(ask("u0008", "no"), ask("u0002", "no"), "a wrong password")
        equal(ask("u0008", shown), "OK", "an app password")
        equal(ask("u0002", "pw"), "OK", "another user")
    equal("an app password is required" in imap("u0008", "pw", AWAY), True, "nowhere is also not the webmail")
    for user, away, note in (("u0008", HOME, "is not good here"), ("u0001", AWAY, "is good here, but not everywhere"), ("u0002", HOME, None)):
        said = server.cli("auth", "test", user, "--stdin", "--service", "imap", "--from", away, check=False, input="pw\n").stdout
        equal(("auth.main_password" in said, note is None or note in said), (note is not None, True), said)
    for _ in range(2):  # the second time it is remembered
        equal("an app password is required" in imap("u0001", "pw"), True, "a mail program")
        equal(imap("u0001", "pw", AWAY), "OK", "the webmail")
    equal(set(re.findall(r"reason=(\S+) user=\"u0008\"", server.log())), {"needs-app-password", "bad-password"}, "reasons")
    restart("--set", "auth.main_passwords=()", "--set", "auth.webmail_networks=[]")
    equal(imap("u0008", "pw"), "OK", "open again")


def devices(user):
    lines = json.loads(server.cli("devices", user, "--json").stdout)["lines"]
    return ([line for line in lines if line.get("text") == "credential"], [line for line in lines if line.get("text") == "session"])


@case
def list_of_devices():
    """`satchel devices` has app passwords and sessions with clients and addresses, and ends one or all"""
    phone, phone_id = add("u0009", "Phone")
    laptop, laptop_id = add("u0009", "Laptop", "--from", "127.0.0.0/8")
    a, b, c = session("u0009", phone), session("u0009", laptop), session("u0009", "pw")
    a.xatom("ID", '("name" "Phone Mail" "version" "17")')
    wait_for(lambda: any(x.get("client") == "Phone Mail 17" for x in devices("u0009")[0]), "the client of the credential")
    credentials, sessions = devices("u0009")
    equal([(x["id"], x["label"], x.get("network"), x["address"]) for x in credentials],
          [(phone_id, "Phone", None, HOME), (laptop_id, "Laptop", "127.0.0.0/8", HOME)], "credentials")
    equal(sorted((x["credential"], x.get("client")) for x in sessions),
          sorted([(phone_id, "Phone Mail 17"), (laptop_id, None), ("password", None)], key=str), "sessions")
    said = server.cli("devices", "u0009").stdout
    equal([word in said for word in ("Phone Mail 17", "Laptop", laptop_id, "127.0.0.0/8", "password")], [True] * 5, said)
    one = next(x["session"] for x in sessions if x["credential"] == "password")
    server.cli("devices", "end", "u0009", one)
    wait_for(lambda: is_over(c), "one session ends")
    server.cli("devices", "end", "u0009", phone_id)
    wait_for(lambda: is_over(a), "the session of what was ended")
    equal((is_over(b), is_refused(imap("u0009", phone)), imap("u0009", "pw")), (False, True, "OK"), "the others go on")
    equal(server.cli("devices", "end", "u0009", phone_id, check=False).returncode, 66, "what is no more")
    equal(server.cli("devices", "end", "u0009", check=False).returncode, 64, "no device named")
    equal(server.cli("devices", "nobody", check=False).returncode, 66, "no such user")
    server.cli("devices", "end", "u0009", "--all")
    wait_for(lambda: is_over(b), "all end")
    equal((devices("u0009")[0], is_refused(imap("u0009", laptop))), ([], True), "nothing is left")
    equal(server.cli("devices", "u0009").stdout, "", "nothing to show")


@case
def removed_and_made_anew():
    """who gets the name of a user who was removed has neither the app passwords nor the sessions of the one before"""
    shown = add("u0010", "Phone")[0]
    c = session("u0010", shown)
    server.cli("user", "del", "u0010")
    wait_for(lambda: is_over(c), "the session ends")
    equal(is_refused(imap("u0010", shown)), True, "nobody's")
    server.cli("user", "add", "u0010", "--stdin", input="another\n")
    equal((imap("u0010", "another"), is_refused(imap("u0010", shown)), listed("u0010")), ("OK", True, {}), "made anew")
    # Removed from the file by hand, so that the server hears of it with the new user only.
    shown = add("u0010", "Phone")[0]
    passwd = os.path.join(os.path.dirname(STORE), "passwd")
    with open(passwd, "r+") as f:
        lines = [line for line in f if not line.startswith("u0010@")]
        f.seek(0)
        f.truncate()
        f.writelines(lines)
    wait_for(lambda: is_refused(imap("u0010", "another")), "the user is gone")
    server.cli("user", "add", "u0010", "--stdin", input="third\n")
    equal((imap("u0010", "third"), is_refused(imap("u0010", shown))), ("OK", True), "made anew once more")
    # A user who is there keeps all.
    shown = add("u0001", "Phone")[0]
    equal(server.cli("user", "add", "u0001", "--stdin", input="x\n", check=False).returncode, 73, "who exists")
    equal(imap("u0001", shown), "OK", "his app password")

@case
def keyrings():
    """an app password opens the key of the user's mail, once the user's password let it in; revoked, its slot is gone"""
    modules = Modules()
    modules.add("layers/sealed.c", "sealed", '-DNAME="sealed"')
    modules.add("layers/ring.c", "ring")
    ring = os.path.join(os.path.dirname(STORE), "ring")
    restart(*modules.options("sealed", "ring"), "--set", f'ring.path="{ring}"')
    before = add("u0001", "without a ring")[0]
    c = session("u0001", "pw")
    equal(c.append("INBOX", None, None, b"Sealed: wax\r\nSubject: secret\r\n\r\nsecret body\r\n")[0], "OK", "APPEND")
    c.logout()

    def slots(user):
        return {record["slot"] for record in records("ring", "slots", user)}

    def reads(user, password):
        c = session(user, password)
        c.select()
        got = c.fetch("1:*", "(BODY.PEEK[TEXT])")[0]
        c.logout()
        return got

    server.cli("ring", "make", "u0001", "--key=wax", "--secret=pw")
    equal([reads("u0001", word) for word in ("pw", before)], ["OK", "NO"], "the password, and one that has no slot")
    equal(records("app-password", "add", "u0001", "sealed"), [{"user": "u0001@example.org", "needs": "password"}], "the password is needed")
    r = server.cli("app-password", "add", "u0001", "sealed", "--password=wrong", check=False)
    equal((r.returncode != 0, "opens no slot" in r.stderr), (True, True), r.stderr)
    equal((slots("u0001"), "sealed" in listed("u0001")), ({"password"}, False), "nothing was made")
    phone, name = add("u0001", "phone", "--password=pw")
    r = server.cli("app-password", "add", "u0001", "laptop", input="pw\n")
    laptop = re.search(r"password=(\S+)", r.stdout)[1]
    equal([reads("u0001", word) for word in (phone, phone.upper().replace("-", ""), laptop)], ["OK"] * 3, "app passwords open the key")
    equal(len(slots("u0001")), 3, "slots")
    kill_auth()
    equal(reads("u0001", phone), "OK", "after a kill of auth")
    server.cli("app-password", "revoke", "u0001", "phone")
    equal((name.replace(":", "-") in slots("u0001"), len(slots("u0001"))), (False, 2), "the slot of the revoked one is gone, no other")
    other, name = add("u0001", "other", "--password=pw")
    open(ring + ".down", "w").close()
    server.cli("app-password", "revoke", "u0001", "other")
    equal((is_refused(imap("u0001", other)), name.replace(":", "-") in slots("u0001")), (True, True), "revoked while the ring is down")
    equal(f"the key slot of the revoked app password {name} stays for now: the ring is down" in server.log(), True, "the log says so")
    os.unlink(ring + ".down")
    kill_auth()
    wait_for(lambda: name.replace(":", "-") not in slots("u0001"), "its slot goes when the ring is back")
    third = add("u0001", "third", "--password=pw")[1]
    server.cli("devices", "end", "u0001", third)
    wait_for(lambda: third.replace(":", "-") not in slots("u0001"), "ended as a device")
    restart()


main()
