#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Dovecot authentication protocol as an MTA meets it: handshake, exchanges, what is refused, and what is none of the protocol."""
import base64
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from mta import DovecotClient, listeners, plain, run_path  # noqa: E402
from tap import Server, Skip, case, equal, main, wait_for  # noqa: E402

server = Server(users=3)
AUTH, MAP = run_path(server, "mta-auth"), run_path(server, "mta-map")
OPTIONS = (*listeners(server, AUTH, MAP), "--set", 'auth.failure_delay="0"', "--set", "limits.login_failures=40", "--set", "sasl-scram.enabled=true")
server.stop("--keep")
server.start(*OPTIONS)
ALICE = f"u0001@{server.domain}"


def log_lines(*words):
    return [line for line in server.log().splitlines() if all(word in line for word in words)]


def auth_pids():
    return [pid for pid, role in server.roles().items() if role == "auth"]


@case
def handshake():
    """the server tells version, mechanisms with their flags, process, connection and cookie before the client says a word"""
    one, two = DovecotClient(AUTH, ""), DovecotClient(AUTH, "")
    equal([line[0] for line in one.handshake if line[0] != "MECH"], ["VERSION", "SPID", "CUID", "COOKIE", "DONE"], "lines")
    equal(one.handshake[0][1], "1", "major version")
    equal(one.mechanisms(), {"SCRAM-SHA-256": ["mutual-auth"], "PLAIN": ["plaintext"], "LOGIN": ["plaintext"]}, "mechanisms")
    facts = [{line[0]: line[1] for line in c.handshake if line[0] in ("SPID", "CUID", "COOKIE")} for c in (one, two)]
    equal(int(facts[0]["SPID"]) in server.roles(), True, "SPID is a process of ours")
    equal(facts[0]["SPID"] != facts[1]["SPID"] or facts[0]["CUID"] != facts[1]["CUID"], True, f"connections are told apart: {facts}")
    equal((len(facts[0]["COOKIE"]), facts[0]["COOKIE"] != facts[1]["COOKIE"]), (32, True), "cookies")


@case
def logins():
    """right and wrong passwords, one after another on one connection; the name is the user's own; the log has the client's address"""
    c = DovecotClient(AUTH)
    equal(c.log_in("U0001", server.password), ["OK", f"user={ALICE}"], "right")
    equal(c.log_in("u0001", "wrong"), ["FAIL", "user=u0001"], "wrong")
    equal(c.log_in(ALICE, server.password, "2001:db8::5"), ["OK", f"user={ALICE}"], "again, from elsewhere")
    equal(c.log_in("nobody", "pw"), ["FAIL", "user=nobody"], "no user")
    equal(c.ask("PLAIN", "rip=192.0.2.1", "secured", "resp=" + plain("u0001", server.password, "u0002")), ["FAIL", "user=u0001"], "as somebody else")
    ok = log_lines("login ok:", "service=smtp")
    equal([(f'user="{ALICE}"' in line, f"rip={rip} " in line, "method=PLAIN" in line, "tls=yes" in line)
           for line, rip in zip(ok, ("192.0.2.1", "2001:db8::5"))], [(True,) * 4] * 2, f"{ok}")
    equal(len(log_lines("auth failed:", "rip=192.0.2.1 service=smtp method=PLAIN reason=bad-password")), 1, "the failure")
    # These are no connections of the user's.
    imap = server.imap()
    imap.logout()


@case
def exchanges():
    """LOGIN by steps; PLAIN without an initial response; an empty one; CANCEL; a request that is left behind"""
    c = DovecotClient(AUTH)
    word = lambda text: base64.b64encode(text.encode()).decode()
    where = ("rip=192.0.2.1", "secured")
    equal(c.ask("LOGIN", *where), ["CONT", word("Username:")], "first")
    c.send(f"CONT\t{c.n}\t{word('u0001')}\n")
    equal(c.reply(), ["CONT", word("Password:")], "second")
    c.send(f"CONT\t{c.n}\t{word(server.password)}\n")
    equal(c.reply(), ["OK", f"user={ALICE}"], "third")
    equal(c.ask("PLAIN", *where), ["CONT", ""], "an empty challenge")
    c.send(f"CONT\t{c.n}\t{plain('u0001', server.password)}\n")
    equal(c.reply(), ["OK", f"user={ALICE}"], "PLAIN by steps")
    equal(c.ask("login", *where)[0], "CONT", "in any case of letters")
    c.send(f"CANCEL\t{c.n}\nCANCEL\t99\nCONT\t{c.n}\t{word('u0001')}\n")
    equal(c.log_in("u0001", server.password), ["OK", f"user={ALICE}"], "after CANCEL, which is not answered")
    equal(c.ask("LOGIN", *where)[0], "CONT", "left behind")
    old = c.n
    c.start("PLAIN", *where, "resp=" + plain("u0001", server.password))
    equal(c.line()[:3], ["FAIL", str(old), "temp"], "the old one fails for the moment")
    equal(c.reply(), ["OK", f"user={ALICE}"], "the new one")
    equal(c.ask("PLAIN", *where, "resp==")[0], "FAIL", "an empty response")
    equal(c.ask("LOGIN", *where, "resp=")[0], "CONT", "no response, as Exim says so")
    c.send(f"CONT\t{c.n}\t{word('u0001')}\n")
    equal(c.reply()[0], "CONT", "its name")
    c.send(f"CONT\t{c.n}\t{word(server.password)}\n")
    equal(c.reply(), ["OK", f"user={ALICE}"], "LOGIN of Exim")
    equal(c.ask("PLAIN", *where, "resp=***"), ["FAIL", "reason=the response is not base64"], "no base64")
    equal(c.ask("LOGIN", *where)[0], "CONT", "once more")
    c.send(f"CONT\t{c.n}\t***\n")
    equal(c.reply(), ["FAIL", "reason=the response is not base64"], "no base64 in a step")
    for n in range(3):  # Pipelined: answered in order.
        c.start("PLAIN", *where, "resp=" + plain("u0001", server.password if n != 1 else "wrong"))
    equal([c.line()[:2] for _ in range(3)], [["OK", str(c.n - 2)], ["FAIL", str(c.n - 1)], ["OK", str(c.n)]], "pipelined")


@case
def every_split():
    """a dialogue in any two pieces is answered the same way"""
    script = f"VERSION\t1\t1\nCPID\t1\nAUTH\t1\tPLAIN\tservice=smtp\trip=192.0.2.1\tsecured\tresp={plain('u0001', server.password)}\n".encode()
    for split in range(len(script)):
        c = DovecotClient(AUTH, "")
        c.send(script[:split])
        c.send(script[split:])
        equal(c.line(), ["OK", "1", f"user={ALICE}"], f"split at {split}")
        c.s.close()


@case
def policies():
    """without TLS between client and MTA only this machine may log in; other services and mechanisms are refused; no address is the peer"""
    c = DovecotClient(AUTH)
    response = "resp=" + plain("u0001", server.password)
    equal(c.ask("PLAIN", "rip=192.0.2.1", response), ["FAIL", "reason=logins are taken over TLS only"], "in clear text")
    equal(c.ask("PLAIN", "rip=127.0.0.1", response), ["OK", f"user={ALICE}"], "from this machine")
    equal(c.ask("PLAIN", response), ["OK", f"user={ALICE}"], "without an address")
    equal(len(log_lines("login ok:", "rip=local service=smtp")), 1, "the peer itself")
    for service in ("imap", "", "smtp x", "smtpx"):
        equal(c.ask("PLAIN", "secured", response, service=service), ["FAIL", "reason=this service is not in dovecot-auth.services"], service)
    for address in ("", "local", "192.0.2", "192.0.2.1.", "example.org", "192.0.2.1\001t", "1" * 4000):
        equal(c.ask("PLAIN", f"rip={address}", "secured", response), ["FAIL", "reason=rip= is no IP address"], address)
    for mechanism in ("SCRAM-SHA-256-PLUS", "EXTERNAL", "X" * 200, "PLA\001IN", "ANONYMOUS"):
        equal(c.ask(mechanism, "rip=192.0.2.1", "secured"), ["FAIL", "reason=this mechanism is not offered"], mechanism)
    equal(c.log_in("u0001", server.password), ["OK", f"user={ALICE}"], "the connection goes on")


@case
def scram():
    """SCRAM-SHA-256, without a binding to a channel that ends at the MTA"""
    c = DovecotClient(AUTH)
    for flag, want in (("n", "CONT"), ("y", "CONT"), ("p=tls-exporter", "FAIL")):
        first = base64.b64encode(f"{flag},,n=u0001,r=fyko+d2lbbFgONRv9qkxdawL".encode()).decode()
        got = c.ask("SCRAM-SHA-256", "rip=192.0.2.1", "secured", "resp=" + first)
        equal(got[0], want, f"gs2 flag {flag}: {got}")
        if want == "CONT":
            equal(base64.b64decode(got[1]).startswith(b"r=fyko+d2lbbFgONRv9qkxdawL"), True, "the server's first message")
            c.send(f"CONT\t{c.n}\t{base64.b64encode(b'c=biws,r=x,p=AAAA').decode()}\n")
            equal(c.reply()[0], "FAIL", "a wrong proof")


@case
def garbage():
    """what is no line of the protocol closes the connection, a line of 8 KiB is the longest; others go on"""
    c = DovecotClient(AUTH)
    for bad in (b"GET / HTTP/1.1\r\n\r\n", b"\0\n", b"VERSION\t2\t0\n", b"AUTH\t1\tPLAIN\tservice=smtp\n", b"VERSION\t1\t1\nAUTH\tx\tPLAIN\n",
                b"VERSION\t1\t1\nCONT\n", b"VERSION\t1\t1\nAUTH\t1\tPLAIN\trip=\0010\n", b"x" * 8193, b"VERSION\t1\t1\nAUTH\t1\tPLAIN\tresp=" + b"A" * 70000):
        other = DovecotClient(AUTH, "")
        try:
            other.send(bad)
            equal(other.line(), [""], f"after {bad[:40]!r}")
        except (ConnectionResetError, BrokenPipeError):
            pass  # it closed before it had all
    filler = "x" * (8192 - len(f"AUTH\t1\tPLAIN\tservice=smtp\tnologin\tlip=\trip=192.0.2.1\tsecured\tresp={plain('u0001', server.password)}"))
    equal(c.ask("PLAIN", f"lip={filler}", "rip=192.0.2.1", "secured", "resp=" + plain("u0001", server.password)), ["OK", f"user={ALICE}"], "8 KiB")
    c.send("UNKNOWN\twhatever\nCPID\t2\nVERSION\t1\t9\n")
    equal(c.log_in("u0001", server.password), ["OK", f"user={ALICE}"], "unknown commands are passed over")


@case
def guesses():
    """guesses count for the account as all do, and then the right password is refused too"""
    c = DovecotClient(AUTH)
    n = 0
    while not log_lines("reason=throttled", "rip=198.51.100.7 service=smtp"):
        n += 1
        equal(n < 60, True, "it ends")
        equal(c.log_in("u0003", f"guess {n}", "198.51.100.7"), ["FAIL", "user=u0003"], "a guess")
    equal(n > 5, True, f"{n} guesses were let through to the limit")
    equal(c.log_in("u0003", server.password, "198.51.100.7"), ["FAIL", "user=u0003"], "the right password from there")
    equal(c.log_in("u0002", server.password, "192.0.2.1")[0], "OK", "others")


def is_in():
    """A right login on a new connection, which may find nobody there."""
    try:
        c = DovecotClient(AUTH)
        c.start("PLAIN", "rip=192.0.2.1", "secured", "resp=" + plain("u0001", server.password))
        return c.line() == ["OK", "1", f"user={ALICE}"]
    except OSError:
        return False


@case
def whose_the_socket_is():
    """strangers of the machine may not use the socket; owner, group and mode are as the listener says, and a name that is none is told"""
    equal(oct(os.stat(AUTH).st_mode & 0o777), oct(0o660), "the mode, where none is set")
    if os.geteuid() != 0:
        raise Skip("only root can give a socket to another account")
    own = f'{{ name = "given"; protocol = "dovecot-auth"; path = "{AUTH}-2"; owner = "65534"; group = "3"; mode = "0640"; }}'
    unknown = own.replace("65534", "nobody-here").replace('group = "3"', 'group = "no-group-here"')
    at_address = own.replace(f'path = "{AUTH}-2"', 'address = "127.0.0.1"; port = 1').replace("dovecot-auth", "imap").replace("given", "at")
    checked = server.cli("config", "check", "--set", "dovecot-auth.enabled=true", "--set", f"listen.listeners=( {unknown}, {at_address} )", check=False)
    for said in ('there is no account "nobody-here"', 'there is no group "no-group-here"', "owner is for unix sockets"):
        equal(said in checked.stderr + checked.stdout, True, f"{said}: {checked}")
    server.stop("--keep")
    given = [option.replace("listen.listeners=( ", f"listen.listeners=( {own}, ") for option in OPTIONS]
    server.start(*given)
    status = os.stat(f"{AUTH}-2")
    equal((status.st_uid, status.st_gid, oct(status.st_mode & 0o777)), (65534, 3, oct(0o640)), "owner, group, mode")
    equal(DovecotClient(f"{AUTH}-2").log_in("u0001", server.password), ["OK", f"user={ALICE}"], "a login there")


@case
def ends_with_its_gate():
    """a reload that makes new gates ends a connection on which nothing is asked, so that the old gate can go"""
    c = DovecotClient(AUTH)
    equal(c.log_in("u0001", server.password), ["OK", f"user={ALICE}"], "before")
    os.makedirs(os.path.join(server.config_dir, "conf.d"), exist_ok=True)
    with open(os.path.join(server.config_dir, "conf.d/gates.conf"), "w") as f:
        f.write("server = { gate_processes = 3; };\n")
    server.cli("reload")
    equal(c.line(), [""], "the old gate ends")
    wait_for(is_in, "a new connection")


@case
def auth_stopped_and_killed():
    """auth that hangs or is gone loses the connection, which MTAs take for a failure of the moment; nobody is refused, and then all is as before"""
    c = DovecotClient(AUTH)
    equal(c.log_in("u0001", server.password)[0], "OK", "before")
    (pid,) = auth_pids()
    os.kill(pid, signal.SIGSTOP)
    try:
        c.start("PLAIN", "rip=192.0.2.1", "secured", "resp=" + plain("u0001", server.password))
        equal(c.line(), [""], "while it hangs")
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(is_in, "a login when it goes on")
    (pid,) = auth_pids()
    os.kill(pid, signal.SIGKILL)
    wait_for(is_in, "a login after it was killed")


main()
