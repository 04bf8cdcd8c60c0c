# SPDX-License-Identifier: MIT
"""Tokens of an issuer of the test, and an introspection endpoint (RFC 7662).

As a program, `tokens.py PORT CERT KEY JOURNAL` is the endpoint.  What it answers is written in the token itself."""
import base64
import json
import os
import re
import subprocess
import sys
import time

ISSUER = "https://idp.example.org/realms/mail"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """Signs by RS256, with openssl."""

    def __init__(self, place, name="1"):
        self.key, self.name = os.path.join(place, f"issuer-{name}.pem"), name
        subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.key], check=True, capture_output=True)

    def jwk(self):
        out = subprocess.run(["openssl", "rsa", "-in", self.key, "-noout", "-modulus"], check=True, capture_output=True, text=True).stdout
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.name, "n": base64url(bytes.fromhex(out.strip().split("=")[1])), "e": "AQAB"}

    def token(self, user="u0001", header=None, **claims):
        """A claim that is None is left out."""
        now = int(time.time())
        every = {"iss": ISSUER, "aud": "mail", "exp": now + 3600, "iat": now, "preferred_username": user, "azp": "thunderbird",
                 "scope": "openid imap", **claims}
        head = {"alg": "RS256", "kid": self.name, "typ": "JWT", **(header or {})}
        text = ".".join(base64url(json.dumps({k: v for k, v in part.items() if v is not None}).encode()) for part in (head, every))
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=text.encode(), check=True, capture_output=True).stdout
        return f"{text}.{base64url(signature)}"


def write_keys(path, *issuers):
    """As one does it with a file that is in use."""
    with open(path + ".new", "w") as f:
        json.dump({"keys": [issuer.jwk() for issuer in issuers]}, f)
    os.rename(path + ".new", path)


def bearer(user, token, host="localhost", port=143):
    return f"n,a={user},\x01host={host}\x01port={port}\x01auth=Bearer {token}\x01\x01".encode()


def xoauth2(user, token):
    return f"user={user}\x01auth=Bearer {token}\x01\x01".encode()


# ---- the endpoint ----

ACTIVE = {"active": True, "aud": "mail", "username": "u0001", "client_id": "aerc"}
ANSWERS = {
    "inactive": b'{"active": false}',
    "rubbish": b"\x00\xff<html>",
    "empty": b"",
    "list": b"[true]",
    "words": b'{"active": "true", "username": "u0001", "aud": "mail"}',
    "silent": b'{"username": "u0001", "aud": "mail"}',
    "twice": b'{"active": false, "active": true, "username": "u0001", "aud": "mail"}',
    "domain": json.dumps({**ACTIVE, "username": "U0001@Example.org"}).encode(),
    "nul": b'{"active": true, "username": "u0001\\u0000", "aud": "mail"}',
    "long": b'{"active": true, "username": "u0001", "aud": "mail", "x": "' + b"x" * 200000 + b'"}',
    "deep": b"[" * 60000,
    "expired": json.dumps({**ACTIVE, "exp": 1}).encode(),
    "otheraud": json.dumps({**ACTIVE, "aud": "web"}).encode(),
    "noaud": json.dumps({"active": True, "username": "u0001"}).encode(),
}


def serve(port, cert, key, journal):
    import http.server
    import ssl
    import urllib.parse

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            token = form["token"][0]
            with open(journal, "a") as f:
                f.write(json.dumps({"token": token, "path": self.path, "authorization": self.headers.get("Authorization"),
                                    "host": self.headers.get("Host")}) + "\n")
            self.answer(token)

        def answer(self, token):
            kind, _, user = token.partition("-")
            status = re.fullmatch(r"status(\d+)", kind)
            body = ANSWERS.get(kind) or json.dumps({**ACTIVE, "username": user}).encode()
            if kind == "slow":
                time.sleep(600)
            if kind == "cut":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
                return
            if kind == "drip":   # never ends, never pauses for long
                self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                while True:
                    self.wfile.write(b"1\r\n \r\n")
                    time.sleep(0.05)
            if os.path.exists(journal + ".revoked"):
                body = ANSWERS["inactive"]
            self.send_response(int(status[1]) if status else 200)
            self.send_header("Content-Type", "application/json")
            if status:
                self.send_header("Location", f"https://127.0.0.1:{port}/elsewhere")
            self.send_header("Content-Length", str(len(ANSWERS.get(kind, body)) if kind == "empty" else len(body)))
            self.end_headers()
            self.wfile.write(b"" if kind == "empty" else body)

        def log_message(self, *_arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler, bind_and_activate=False)
    server.daemon_threads = True
    server.allow_reuse_address = True
    server.server_bind()
    server.server_activate()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


if __name__ == "__main__":
    serve(*sys.argv[1:])
