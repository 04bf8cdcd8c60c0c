# SPDX-License-Identifier: MIT
"""tools/quickstart after the packages are there: an instance in .quickstart/ with alice and bob and some mail."""
import os
import smtplib
import subprocess
import sys
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import instance  # noqa: E402
from instance import Failure, Instance  # noqa: E402

HOME = os.path.join(instance.TOP, ".quickstart")
PORTS = {"imap": 10143, "imaps": 10993, "pop3": 10110, "pop3s": 10995, "lmtp": 10024}
PASSWORD = "satchel"
DOMAIN = "example.org"
USERS = ["alice", "bob"]


def samples():
    for subject, sender, text in (
            ("Welcome to Satchel", "Satchel <postmaster@example.org>",
             "This mail came in over LMTP and waits in your INBOX.\n\nRead it with any IMAP or POP3 client.\n"),
            ("Grüße aus dem Postfach", "Bob <bob@example.org>", "Umlaute, Größen, Straßen: alles da.\n"),
            ("A list of things to try", "Alice <alice@example.org>",
             "- open two clients and flag a message in one of them\n- move mail between folders\n- search on the server\n")):
        m = EmailMessage()
        m["From"], m["To"], m["Subject"] = sender, f"alice@{DOMAIN}", subject
        m["Date"], m["Message-ID"] = formatdate(localtime=True), make_msgid(domain=DOMAIN)
        m.set_content(text)
        yield m


def deliver(i):
    with smtplib.LMTP("127.0.0.1", i.memory["ports"]["lmtp"], timeout=30) as lmtp:
        for m in samples():
            # One recipient a transaction: smtplib does not read LMTP's reply for each (RFC 2033 4.2).
            for user in USERS:
                lmtp.send_message(m, from_addr=f"postmaster@{DOMAIN}", to_addrs=[f"{user}@{DOMAIN}"])


def show_inbox(i):
    ca = i.path("tls/ca.pem")
    if ca.startswith(instance.TOP + "/"):
        ca = os.path.relpath(ca, instance.TOP)
    command = ["curl", "--silent", "--show-error", "--cacert", ca,
               "--user", f"alice:{PASSWORD}", f"imaps://localhost:{i.memory['ports']['imaps']}/INBOX",
               "--request", "FETCH 1:* (FLAGS ENVELOPE)"]
    print("$ " + " ".join(f"'{c}'" if " " in c else c for c in command), flush=True)
    r = subprocess.run(command, cwd=instance.TOP, capture_output=True, text=True, errors="replace")
    if r.returncode != 0:
        raise Failure(f"curl could not read INBOX: {r.stderr.strip()}; the server's log is {i.path('server.log')}")
    print(r.stdout.rstrip() + "\n")


def tell(i):
    p = i.memory["ports"]
    ca = i.path("tls/ca.pem")
    print(f"""Satchel is running (pid {i.pid()}).

  users      alice and bob, also as alice@{DOMAIN}; password: {PASSWORD}
  IMAP       localhost:{p['imaps']} (TLS)    localhost:{p['imap']} (STARTTLS)
  POP3       localhost:{p['pop3s']} (TLS)    localhost:{p['pop3']} (STLS)
  LMTP       localhost:{p['lmtp']}, or the socket {i.path('run/lmtp')}
  CA file    {ca}
  settings   {i.path('config/satchel.conf')}
  log        {i.path('server.log')}

Try next:
  curl --cacert {ca} -u alice:{PASSWORD} 'pop3s://localhost:{p['pop3s']}/1'
  openssl s_client -quiet -CAfile {ca} -connect localhost:{p['imaps']}
  tools/devserver cli --dir .quickstart -- who
  tools/devserver cli --dir .quickstart -- config dump --origin
  tools/quickstart --stop""")


def main():
    i = Instance(HOME)
    if sys.argv[1:]:
        i.stop(keep=sys.argv[1] == "--stop")
        print("Satchel is stopped." if sys.argv[1] == "--stop" else "Satchel is stopped, .quickstart/ removed.")
        return 0
    instance.build()
    if not i.pid():
        i.prepare(users=USERS, password=PASSWORD, storage=None, settings=[], ports=PORTS, domain=DOMAIN)
        i.start()
    if not i.memory.get("welcomed"):
        deliver(i)
        i.memory["welcomed"] = True
        i.remember()
    show_inbox(i)
    tell(i)
    return 0


try:
    sys.exit(main())
except (Failure, OSError, smtplib.SMTPException) as e:
    print(instance.complaint("quickstart", e), file=sys.stderr)
    sys.exit(1)
