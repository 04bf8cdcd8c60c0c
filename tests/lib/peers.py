# SPDX-License-Identifier: MIT
"""Debian's Dovecot and Courier over the mail of a devserver, on its ports, while it is stopped: one account, one server at a
time, so that clients cannot tell which one they talk to."""
import base64
import hashlib
import imaplib
import os
import poplib
import socket
import subprocess

from overlay import DOVECOT_PACKAGES, Overlay, there_are, wait_port
from tap import scratch, wait_for

MAIL = "/satchel-mail"


class Peer:
    def __init__(self, server, overlay):
        self.server, self.overlay = server, overlay
        self.ports = server.ports
        with open(os.path.join(server.dir, "devserver.json")) as f:
            import json
            self.uid = json.load(f)["uids"]["mail"]

    def imap(self, user):
        c = imaplib.IMAP4("127.0.0.1", self.ports["imap"], timeout=60)
        c.login(f"{user}@{self.server.domain}", self.server.password)
        return c

    def pop3(self, user):
        c = poplib.POP3("127.0.0.1", self.ports["pop3"], timeout=60)
        c.user(f"{user}@{self.server.domain}")
        c.pass_(self.server.password)
        return c

    def stop(self):
        self.overlay.stop()

    def own(self, path):
        subprocess.run(["chown", "-R", f"{self.uid}:{self.uid}", path], check=True)


# What 2.4 calls the parts of a mail_location, and the variables of older releases.
LOCATION_2_4 = {"LAYOUT": "mailbox_list_layout", "CONTROL": "mail_control_path", "INDEX": "mail_index_path"}
VARIABLES_2_4 = {"%d": "%{user|domain}", "%n": "%{user|username}", "%u": "%{user}", "%v": "%{uidvalidity}", "%f": "%{filename}"}


def dovecot_is_2_4(overlay):
    version = overlay.run("/usr/sbin/dovecot", "--version").stdout.decode().split()[0]
    return tuple(int(x) for x in version.split(".")[:2]) >= (2, 4)


def dovecot_settings(overlay, location, settings="", *, home=None, uid=None, password=None):
    """The lines that differ between releases.  @location: a mail_location; @settings: further lines, both as of 2.3; @home: passwords
    and homes of users, where Dovecot asks for any."""
    if not dovecot_is_2_4(overlay):
        lines = [f"mail_location = {location}", settings]
        if home:
            lines += ["disable_plaintext_auth = no", f"passdb {{\n  driver = static\n  args = password={password}\n}}",
                      f"userdb {{\n  driver = static\n  args = uid={uid} gid={uid} home={home}/%n\n}}"]
        return "\n".join(lines) + "\n"
    driver, path, *others = location.split(":")
    lines = ["dovecot_config_version = 2.4.0", "dovecot_storage_version = 2.4.0", f"mail_driver = {driver}", f"mail_path = {path}"]
    lines += [f"{LOCATION_2_4[name]} = {value}" for name, value in (x.split("=", 1) for x in others)]
    lines.append(settings.replace("%v.%u", "%{uidvalidity}.%{uid}"))
    if home:
        lines += ["auth_allow_cleartext = yes", f"passdb static {{\n  password = {password}\n}}",
                  f"userdb static {{\n  fields {{\n    uid = {uid}\n    gid = {uid}\n    home = {home}/%n\n  }}\n}}"]
    text = "\n".join(lines) + "\n"
    for old, new in VARIABLES_2_4.items():
        text = text.replace(old, new)
    return text


class Dovecot(Peer):
    """@location: mail_location, below MAIL; @settings: more lines of dovecot.conf."""

    def __init__(self, server):
        self.dir = scratch()
        os.chmod(self.dir, 0o755)
        super().__init__(server, Overlay(*DOVECOT_PACKAGES, shared={"/peer": self.dir, MAIL: server.mail_root}))

    def start(self, location, settings=""):
        self.stop()
        home = os.path.join(self.dir, "home")
        os.makedirs(home, exist_ok=True)
        self.own(home)
        with open(os.path.join(self.dir, "dovecot.conf"), "w") as f:
            f.write(dovecot_settings(self.overlay, location, settings, home="/peer/home", uid=self.uid,
                                     password=self.server.password) + f"""
base_dir = /peer/run
state_dir = /peer/state
instance_name = takeover
listen = 127.0.0.1
protocols = imap pop3
log_path = /peer/log
mail_uid = {self.uid}
mail_gid = {self.uid}
first_valid_uid = 1
ssl = no
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  inet_listener imap {{
    port = {self.ports["imap"]}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {self.ports["pop3"]}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
""")
        with open(os.path.join(self.dir, "out"), "a") as out:
            self.overlay.start("/usr/sbin/dovecot", "-F", "-c", "/peer/dovecot.conf", stdout=out, stderr=out)
        wait_port(self.ports["imap"], "Dovecot")
        wait_port(self.ports["pop3"], "Dovecot")

    def log(self):
        with open(os.path.join(self.dir, "log"), errors="replace") as f:
            return f.read()


COURIER = """#!/bin/sh
mkdir -p /run/courier/authdaemon
chown -R courier:courier /run/courier
(set -a; . /etc/courier/authdaemonrc; exec /usr/lib/courier/courier-authlib/authdaemond) &
opts="-address=127.0.0.1 -maxprocs=60 -maxperip=60 -maxperc=60 @TCPDOPTS@"
set -a
. /etc/courier/imapd
IMAP_STARTTLS=NO
PROTO=imap
AUTHMODULES=authdaemon
MAILDIRPATH=Maildir
couriertcpd $opts @IMAP@ /usr/lib/courier/courier/imaplogin /usr/bin/imapd Maildir &
(. /etc/courier/pop3d; PROTO=pop3; couriertcpd $opts @POP3@ /usr/lib/courier/courier/courierpop3login \\
    /usr/lib/courier/courier/courierpop3d Maildir) &
wait
"""


class Courier(Peer):
    """Maildirs at MAIL/DOMAIN/USER/Maildir."""

    def __init__(self, server):
        self.dir = scratch()
        super().__init__(server, Overlay("courier", "/usr/bin/imapd", "courier-imap", "courier-pop", *there_are("gamin"),
                                         shared={MAIL: server.mail_root}))
        root = self.overlay.root
        subprocess.run(["sed", "-i", 's/^authmodulelist=.*/authmodulelist="authuserdb"/; s/^daemons=.*/daemons=2/',
                        root + "/etc/courier/authdaemonrc"], check=True)
        subprocess.run(["sed", "-i", "s/^IMAP_EMPTYTRASH=.*/IMAP_EMPTYTRASH=/; s/^IMAP_ULIMITD=.*/IMAP_ULIMITD=4000000/",
                        root + "/etc/courier/imapd"], check=True)
        password = "{SHA256}" + base64.b64encode(hashlib.sha256(server.password.encode()).digest()).decode()
        with open(root + "/etc/courier/userdb", "w") as f:
            for name in server.users:
                home = f"{MAIL}/{server.domain}/{name.partition('@')[0]}"
                f.write(f"{name}\tuid={self.uid}|gid={self.uid}|home={home}|systempw={password}\n")
        os.chmod(root + "/etc/courier/userdb", 0o600)
        self.overlay.run("makeuserdb")

    def tcpd_options(self):
        """The options of its own start script; newer releases have no switch for ident look-ups."""
        with open(self.overlay.root + "/etc/courier/imapd") as f:
            return next(line.split('"')[1] for line in f if line.startswith("TCPDOPTS="))

    def start(self):
        self.stop()
        path = self.overlay.root + "/usr/local/sbin/courier-takeover"
        with open(path, "w") as f:
            f.write(COURIER.replace("@IMAP@", str(self.ports["imap"])).replace("@POP3@", str(self.ports["pop3"]))
                    .replace("@TCPDOPTS@", self.tcpd_options()))
        with open(os.path.join(self.dir, "out"), "a") as out:
            self.overlay.start("/bin/sh", "/usr/local/sbin/courier-takeover", stdout=out, stderr=out)
        wait_port(self.ports["imap"], "Courier")
        wait_port(self.ports["pop3"], "Courier")
        # Its servers answer "Temporary problem" to logins until the daemon that they ask is there.
        wait_for(self.can_ask, "Courier's authdaemond listens")

    def can_ask(self):
        try:
            directory = os.open(self.overlay.root + "/run/courier/authdaemon", os.O_PATH)  # a unix address holds 107 bytes
        except FileNotFoundError:
            return False
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.connect(f"/proc/self/fd/{directory}/socket")
                return True
            except OSError:
                return False
            finally:
                os.close(directory)
