#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's Exim asks us: submission by the Dovecot authentication protocol, and recipients by LMTP callouts.  It lives in an overlay
of the root file system, and has the lines of the admin guide."""
import os
import re
import sys
import textwrap

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from mta import Mta, code  # noqa: E402
from overlay import EXIM_PACKAGES, Overlay, wait_port  # noqa: E402
from tap import TOP, Skip, case, equal, free_port, main, need  # noqa: E402

need("oathtool")
state = {}
LOG = "/var/log/exim4/mainlog"
MAIN = """
primary_hostname = mta.example.net
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
tls_advertise_hosts = *
tls_certificate = /etc/exim4/cert.pem
tls_privatekey = /etc/exim4/key.pem
smtp_accept_max = 50
smtp_accept_queue_per_connection = 0
host_lookup =
acl_smtp_rcpt = check_recipient
begin acl
check_recipient:
  accept authenticated = *
  require domains = {domain}
          verify = recipient/callout=60s,no_cache
  accept
begin routers
{router}
begin transports
{transport}
begin authenticators
{authenticators}
"""


def guide(path):
    """The guide's block for a file of Exim's."""
    with open(os.path.join(TOP, "docs/admin-guide.md")) as f:
        return textwrap.dedent(re.search(rf"^    # {re.escape(path)}.*\n((?:    .*\n|\n)+?)(?=\n\S|    # )", f.read(), re.M)[1])


def start():
    overlay = state["overlay"] = Overlay(*EXIM_PACKAGES)
    os.makedirs(overlay.root + "/run/satchel")
    auth = overlay.root + "/run/satchel/exim-auth"
    if len(auth.encode()) > 100:
        raise Skip("the path of the socket is too long here")
    mta = Mta(users=5)
    group = overlay.run("getent", "group", "Debian-exim", text=True).stdout.split(":")[2]
    mta.start_server(auth, overlay.root + "/run/satchel/map", group)
    server, port = mta.server, free_port()
    text = MAIN.format(port=port, domain=server.domain, authenticators=guide("/etc/exim4/conf.d/auth/30_satchel"),
                       router=guide("/etc/exim4/conf.d/router/150_satchel").replace("+virtual_domains", server.domain),
                       transport=guide("/etc/exim4/conf.d/transport/30_satchel").replace("port = 24", f"port = {server.lmtp}"))
    for name, content in (("exim4.conf", text), *((name, open(os.path.join(os.path.dirname(server.ca_file), name)).read()) for name in ("cert.pem", "key.pem"))):
        with open(f"{overlay.root}/etc/exim4/{name}", "w") as f:
            f.write(content)
        overlay.run("chown", "root:Debian-exim", f"/etc/exim4/{name}")
        os.chmod(f"{overlay.root}/etc/exim4/{name}", 0o640)
    overlay.start("exim4", "-bdf", "-q1h", "-C", "/etc/exim4/exim4.conf")
    wait_port(port, "Exim")
    mta.port = port
    state["mta"] = mta
    return mta


def begin():
    return state.get("mta") or start()


@case
def passwords():
    """the right password submits, by PLAIN and LOGIN, over TLS alone; a wrong one is refused, with the client's address in our log"""
    mta = begin()
    mta.check_passwords("Exim")


@case
def one_string():
    """the string that has just opened a grant over IMAP submits from there, and one that submitted first opens IMAP"""
    mta = begin()
    stored = mta.server.password + code(mta.enrol("u0002"))
    equal(mta.submit("u0002", mta.server.password)[0], 535, "the password alone")
    mta.check_string("u0002", stored)
    equal(mta.submit("u0002", stored, source="127.0.0.1")[0], 535, "from another network")
    stored = mta.server.password + code(mta.enrol("u0003"))
    equal((mta.submit("u0003", stored)[0], mta.imap("u0003", stored)), (235, "OK"), "submission first")


@case
def app_passwords():
    """an app password submits without a code, if it is for smtp, and not once it is revoked"""
    mta = begin()
    phone, reader = mta.app_password("u0004", "Phone"), mta.app_password("u0004", "Reader", "--protocols", "imap,pop3")
    for mechanism in ("PLAIN", "LOGIN"):
        equal(mta.submit("u0004", phone, mechanism)[0], 235, mechanism)
    equal((mta.submit("u0004", reader)[0], mta.imap("u0004", reader)), (535, "OK"), "one that is not for smtp")
    mta.server.cli("app-password", "revoke", "u0004", "Phone")
    equal(mta.submit("u0004", phone)[0], 535, "revoked")


@case
def recipients():
    """known recipients are taken and unknown ones refused for good, as our LMTP says"""
    mta = begin()
    equal(mta.stranger_says("u0001@example.org")[0], 250, "known")
    equal(mta.stranger_says("nobody@example.org")[0], 550, "unknown")


@case
def auth_stopped():
    """auth that hangs is a failure for the moment, and Exim goes on when auth does"""
    mta = begin()
    with mta.stopped_auth():
        equal(mta.submit("u0001", mta.server.password)[0], 435, "while it hangs")


main()
