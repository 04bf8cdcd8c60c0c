#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tokens about which an introspection endpoint is asked, which is slow, hung, killed, talks rubbish or is somebody else; others are not
harmed."""
import base64
import imaplib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import sources  # noqa: E402
import tokens  # noqa: E402
from tap import TOP, Server, at_end, case, equal, free_port, lacking, main, run, scratch, strict_context, wait_for  # noqa: E402

place = scratch()
os.chmod(place, 0o755)
SECRET = "a secret: with / signs"


def certificate(name, subject="IP:127.0.0.1"):
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
        "-addext", f"subjectAltName={subject}", "-keyout", f"{place}/{name}.key", "-out", f"{place}/{name}.pem")


class Endpoint:
    def __init__(self):
        self.port, self.journal, self.process = free_port(), os.path.join(place, "journal"), None
        certificate("own")
        at_end(self.kill)
        self.start()

    def start(self, name="own"):
        self.process = subprocess.Popen([sys.executable, os.path.join(TOP, "tests/lib/tokens.py"), str(self.port), f"{place}/{name}.pem", f"{place}/{name}.key",
                                         self.journal], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.is_up, "the endpoint is up")

    def is_up(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            return True
        except OSError:
            return False

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def asked(self):
        """What it was asked, in order."""
        if not os.path.exists(self.journal):
            return []
        with open(self.journal) as f:
            return [json.loads(line) for line in f]


endpoint = Endpoint()


def options(**more):
    own = {"enabled": "true", "tokens": '"introspection"', "server": f'"127.0.0.1:{endpoint.port}"', "path": '"/realms/mail/introspect"',
           "ca_file": f'"{place}/own.pem"', "client_id": '"satchel mail"', "client_secret": f'"{SECRET}"', "audience": '[ "mail" ]',
           "user_claim": '"username"', "cache_time": '"0"', **more}
    return sources.settings(**{f"sasl-oauth.{key}": value for key, value in own.items()})


server = Server(*options(), users=3)
if "sasl-oauth" not in server.cli("module", "list").stdout:
    lacking("the server was built without sasl-oauth (libcurl, Jansson)")


def login(token, user="u0001", which=None):
    """"OK", or the response code of the refusal."""
    which = which or server
    c = imaplib.IMAP4_SSL("127.0.0.1", which.imaps, ssl_context=strict_context(which.ca_file), timeout=120)
    answers = [tokens.bearer(user, token), b"\x01"]
    try:
        c.authenticate("OAUTHBEARER", lambda _challenge: answers.pop(0))
        return "OK"
    except imaplib.IMAP4.error as e:
        return re.search(r"\[([A-Z]+)\]", str(e)).group(1)
    finally:
        c.shutdown()


def others_are_well():
    sources.others_are_well(server)


@case
def asked():
    """an active token of the user opens; the endpoint is asked as the settings say, with the server's own credentials"""
    equal(login("ok-u0001"), "OK", "active")
    equal(login("domain"), "OK", "active, with the domain")
    question = endpoint.asked()[0]
    name = base64.b64encode(b"satchel%20mail:a%20secret%3A%20with%20%2F%20signs").decode()
    equal(question, {"token": "ok-u0001", "path": "/realms/mail/introspect", "authorization": f"Basic {name}", "host": f"127.0.0.1:{endpoint.port}"}, "the question")
    sources.passwords_stay(server, SECRET, "ok-u0001")


@case
def refused():
    """a token that is not active, has expired, is another user's, or for another service"""
    for token in ("inactive", "expired", "ok-u0002", "ok-nobody", "otheraud", "noaud"):
        equal(login(token), "AUTHENTICATIONFAILED", token)
    equal(login("ok-nobody", user="nobody"), "AUTHENTICATIONFAILED", "an unknown user")
    wait_for(lambda: 'why="the token is not active"' in server.log(), "the log says why")


@case
def rubbish():
    """answers that are none, too long, without end, or of another status: unavailable, and never in"""
    for token in ("rubbish", "empty", "list", "words", "silent", "twice", "nul", "long", "deep", "cut", "status500", "status302", "status204", "status401", "drip"):
        equal(login(token), "UNAVAILABLE", token)
    equal(any(question["path"] == "/elsewhere" for question in endpoint.asked()), False, "redirected")
    others_are_well()
    wait_for(lambda: "it does not take client_id and client_secret (status 401)" in server.log(), "the log says what to do")
    equal(login("ok-u0001"), "OK", "afterwards")


@case
def slow():
    """endpoints that answer late hold no other login, and are unavailable in time"""
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(login("slow"))) for _ in range(6)]  # more than connections
    for thread in threads:
        thread.start()
    others_are_well()
    for thread in threads:
        thread.join(120)
    equal(answers, ["UNAVAILABLE"] * 6, "logins")
    wait_for(lambda: login("ok-u0001") == "OK", "it works again")


@case
def hung():
    """an endpoint that stands still, and one that is killed in the middle of a question"""
    os.kill(endpoint.process.pid, signal.SIGSTOP)
    for token in ("ok-u0001", "inactive"):
        equal(login(token), "UNAVAILABLE", f"hung, {token}")
    others_are_well()
    answers = []
    thread = threading.Thread(target=lambda: answers.append(login("ok-u0001")))
    thread.start()
    endpoint.kill()
    thread.join(120)
    equal(answers, ["UNAVAILABLE"], "killed")
    for token in ("ok-u0001", "inactive"):
        equal(login(token), "UNAVAILABLE", f"away, {token}")
    others_are_well()
    endpoint.start()
    wait_for(lambda: login("ok-u0001") == "OK", "it works again")
    equal(login("inactive"), "AUTHENTICATIONFAILED", "inactive afterwards")


@case
def stranger():
    """an endpoint with a certificate of somebody else, or of another name, is told no token"""
    certificate("other")
    run("openssl", "req", "-x509", "-key", f"{place}/own.key", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:elsewhere.example",
        "-out", f"{place}/name.pem")
    run("cp", f"{place}/own.key", f"{place}/name.key")
    n = len(endpoint.asked())
    endpoint.kill()
    endpoint.start("other")
    equal(login("ok-u0001"), "UNAVAILABLE", "a stranger")
    endpoint.kill()
    endpoint.start("name")
    named = Server(*options(ca_file=f'"{place}/name.pem"'), users=1)
    equal(login("ok-u0001", which=named), "UNAVAILABLE", "another name")
    named.stop()
    equal(len(endpoint.asked()), n, "what it was told")
    endpoint.kill()
    endpoint.start()
    wait_for(lambda: login("ok-u0001") == "OK", "it works again")


@case
def helper():
    """the helper is stopped, and killed in the middle of a login"""
    with sources.stopped([sources.helper_pid(server)]):
        equal(login("ok-u0001"), "UNAVAILABLE", "stopped")
        others_are_well()
    wait_for(lambda: login("ok-u0001") == "OK", "it works again")
    old = sources.helper_pid(server)
    os.kill(old, signal.SIGSTOP)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(login("ok-u0001")))
    thread.start()
    os.kill(old, signal.SIGKILL)
    thread.join(120)
    equal(answers[0] in ("UNAVAILABLE", "OK"), True, f"killed: {answers}")
    others_are_well()
    wait_for(lambda: login("ok-u0001") == "OK", "it works again")


@case
def remembered():
    """with cache_time a token is asked about once, and one that was refused each time; without, what is revoked counts at once"""
    own = Server(*options(cache_time='"10m"'), users=1)

    def count(token):
        return sum(question["token"] == token for question in endpoint.asked())
    equal([login("once-u0001", which=own) for _ in range(3)], ["OK"] * 3, "logins")
    equal(count("once-u0001"), 1, "questions about a right token")
    n = count("inactive")
    equal([login("inactive", which=own) for _ in range(2)], ["AUTHENTICATIONFAILED"] * 2, "refused")
    equal(count("inactive"), n + 2, "questions about a wrong one")
    equal(login("once-u0001", user="u0002", which=own), "AUTHENTICATIONFAILED", "another user with a remembered token")
    equal(login("ok-u0001"), "OK", "without cache_time")
    with open(endpoint.journal + ".revoked", "w"):
        pass
    equal(login("ok-u0001"), "AUTHENTICATIONFAILED", "revoked")
    equal(login("once-u0001", which=own), "OK", "remembered")
    equal(login("new-u0001", which=own), "AUTHENTICATIONFAILED", "another token")
    os.remove(endpoint.journal + ".revoked")
    own.stop()


main()
