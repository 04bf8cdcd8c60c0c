#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Mistakes of an admin: each is answered with file, line and what to do, all in one run; a reload with one changes nothing."""
import os
import re
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import TOP, Server, case, equal, main, run, scratch  # noqa: E402

server = Server(users=1)
work = scratch()
os.chmod(work, 0o755)
listening = socket.socket()
listening.bind(("127.0.0.1", 0))
listening.listen()
BUSY = listening.getsockname()[1]


def other_key():
    path = os.path.join(work, "other.pem")
    if not os.path.exists(path):
        run("openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", path)
        os.chmod(path, 0o600)
    return path


def mistakes():
    """file name: (text, line of the mistake, words that must be in the message)."""
    cert = os.path.join(os.path.dirname(server.ca_file), "cert.pem")
    return {
        "10-semicolon.conf": ("auth = {\n  failure_delay = \"1s\"\n  cache_time = \"30m\";\n};\n", (2, 3), [";"]),
        "11-bare.conf": ("limits = {\n  login_timeout = 30s;\n};\n", (2,), ["30s", '"']),
        "12-number.conf": ("namespace = {\n  prefix = 17;\n};\n", (2,), ["prefix", "quotes"]),
        "13-path.conf": ("tls = {\n  certificates = ( {\n    name = \"x\";\n    cert = \"/nonexistent/cert.pem\";\n    key = \"/nonexistent/key.pem\"; } );\n};\n",
                         (4, 5), ["/nonexistent/"]),
        "14-unknown-module.conf": ("\nimpa = { enabled = true; };\n", (2,), ["impa", "imap"]),
        "15-unknown-key.conf": ("pop3 = {\n\n  lock_wiat = \"0s\";\n};\n", (3,), ["lock_wiat", "lock_wait"]),
        "16-twice.conf": ("lmtp = {\n  recipients = 5;\n  line = \"4K\";\n  recipients = 6;\n};\n", (2, 4), ["recipients"]),
        "17-range.conf": ("limits = {\n  connections = 0;\n};\n", (2,), ["connections", "1"]),
        "18-mismatch.conf": (f"tls = {{\n  certificates = ( {{\n    name = \"x\";\n    cert = \"{cert}\";\n    key = \"{other_key()}\"; }} );\n}};\n",
                             (5,), ["key", "match"]),
        # What only the module itself can tell.
        "19-language.conf": ("pop3 = {\n\n  language = \"fr\";\n};\n", (3,), ["pop3.language", "fr"]),
        "20-maildir.conf": ("maildir = {\n  path = \"/srv/%d/%n\";\n};\n", (2,), ["maildir.path", "server.mail_root"]),
    }, cert


def write(name, text):
    with open(os.path.join(server.config_dir, "conf.d", name), "w") as f:
        f.write(text)


def clear():
    for name in os.listdir(os.path.join(server.config_dir, "conf.d")):
        os.unlink(os.path.join(server.config_dir, "conf.d", name))


def names_it(output, name, text_lines_words):
    _, lines, words = text_lines_words
    for line in output.splitlines():
        m = re.search(re.escape(name) + r":(\d+):", line)
        if m and int(m.group(1)) in lines and all(w.lower() in line.lower() for w in words):
            return True
    return False


@case
def all_in_one_run():
    """every mistake of several files is told in one run of `satchel config check`"""
    found, _ = mistakes()
    for name, (text, _, _) in found.items():
        write(name, text)
    r = server.cli("config", "check", check=False)
    clear()
    equal(r.returncode, 78, f"exit status ({r.stdout} {r.stderr})")
    for name, expected in found.items():
        # Whether a key fits its certificate, and whether files can be read, is checked at start and reload.
        if name.startswith(("13", "18")):
            continue
        equal(names_it(r.stdout + r.stderr, name, expected), True, f"{name} in:\n{r.stdout}{r.stderr}")


@case
def nothing_stores_mail():
    """a storage driver that is not enabled is told, though its module is there for its settings; so are missing logins"""
    for setting, status, words in (("maildir.enabled=false", 78, "no enabled module provides the storage driver"),
                                   ("passwd-file.enabled=false", 0, "nobody can log in")):
        r = server.cli("--set", setting, "config", "check", check=False)
        equal(r.returncode, status, f"exit status ({r.stdout} {r.stderr})")
        equal(words in r.stdout + r.stderr, True, f"{words} in:\n{r.stdout}{r.stderr}")


@case
def reload_changes_nothing():
    """a reload with any of them fails with the message, and clients notice nothing"""
    c = server.imap()
    c.select()
    found, _ = mistakes()
    for name, expected in found.items():
        write(name, expected[0])
        r = server.cli("reload", check=False)
        clear()
        equal(r.returncode != 0, True, f"exit status of reload with {name}")
        equal(names_it(r.stdout + r.stderr, name, expected), True, f"{name} in:\n{r.stdout}{r.stderr}")
        equal("takes effect" in r.stdout + r.stderr, False, f"what is refused takes no effect:\n{r.stdout}{r.stderr}")
        equal(c.noop()[0], "OK", "a session that was there")
        server.imap().logout()
    equal(server.cli("reload").returncode, 0, "a reload without mistakes")
    equal(c.noop()[0], "OK", "the session after a good reload")
    c.logout()


@case
def start_says_why():
    """a start with mistakes ends with 78 and tells all of them; a busy port is told with who to ask"""
    kept = os.path.join(work, "kept")
    other = Server(users=1, directory=kept)
    other.stop("--keep")
    found, _ = mistakes()
    for name in ("10-semicolon.conf", "15-unknown-key.conf", "13-path.conf"):
        with open(os.path.join(kept, "config/conf.d", name), "w") as f:
            f.write(found[name][0])
    r = subprocess.run([os.path.join(TOP, "tools/devserver"), "start", "--dir", kept, "--json"], capture_output=True, text=True)
    equal(r.returncode != 0, True, "exit status")
    for name in ("10-semicolon.conf", "15-unknown-key.conf"):
        equal(names_it(r.stderr, name, found[name]), True, f"{name} in:\n{r.stderr}")
    shutil.rmtree(os.path.join(kept, "config/conf.d"))
    os.mkdir(os.path.join(kept, "config/conf.d"))
    listener = f'listen.listeners=( {{ name = "a"; protocol = "imap"; address = "127.0.0.1"; port = {BUSY}; }} )'
    r = subprocess.run([os.path.join(TOP, "tools/devserver"), "start", "--dir", kept, "--set", listener], capture_output=True, text=True)
    equal(r.returncode != 0 and str(BUSY) in r.stderr and "in use" in r.stderr, True, f"busy port: {r.stderr[-600:]}")


@case
def certificate_reload():
    """a renewed certificate is used after a reload, without dropping anyone; a half-written one changes nothing"""
    import ssl
    c = server.imap()
    c.select()
    tls = os.path.dirname(server.ca_file)

    def serial():
        with socket.create_connection(("127.0.0.1", server.imaps), 30) as s:
            context = ssl.create_default_context(cafile=server.ca_file)
            with context.wrap_socket(s, server_hostname="localhost") as t:
                return t.getpeercert()["serialNumber"]
    before = serial()
    with open(os.path.join(tls, "cert.pem")) as f:
        good = f.read()
    with open(os.path.join(tls, "cert.pem"), "w") as f:
        f.write(good[:len(good) // 2])
    r = server.cli("reload", check=False)
    equal(r.returncode != 0 and "cert.pem" in r.stdout + r.stderr, True, f"half a certificate: {r.stdout}{r.stderr}")
    equal(serial(), before, "certificate after a failed reload")
    with open(os.path.join(work, "ext"), "w") as f:
        f.write("basicConstraints=critical,CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
                "subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    run("openssl", "req", "-new", "-key", f"{tls}/key.pem", "-subj", "/CN=localhost", "-out", f"{work}/csr")
    run("openssl", "x509", "-req", "-in", f"{work}/csr", "-CA", f"{tls}/ca.pem", "-CAkey", f"{tls}/ca.key", "-days", "30", "-set_serial", "4242",
        "-extfile", f"{work}/ext", "-out", f"{tls}/cert.pem")
    equal(server.cli("reload").returncode, 0, "reload")
    equal(int(serial(), 16), 4242, "the new certificate")
    equal(c.noop()[0], "OK", "the session that was there")
    c.logout()


main()
