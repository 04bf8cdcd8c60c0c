#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Postfix delivers the corpus through its lmtp transport, chrooted as Debian ships it: over TCP and over a socket in
its private directory.  It lives in an overlay of the root file system, so that nothing of it stays on the machine."""
import os
import smtplib
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from overlay import Overlay  # noqa: E402
from tap import Server, Skip, at_end, case, corpus_files, equal, free_port, main, wait_for  # noqa: E402

state = {}


def in_root(*command, **options):
    return state["overlay"].run(*command, **options)


def start():
    """Postfix with our server as the transport of all mail, by a port for one domain and by a socket for the other."""
    overlay = state["overlay"] = Overlay("postfix", "/usr/sbin/postfix", "postfix")
    state["log"] = overlay.root + "/var/log/postfix.log"
    # One shared directory: the socket must be where the chrooted lmtp client can see it.
    private = overlay.root + "/var/spool/postfix/private"
    state["server"] = Server("--set", "auth.domains=(\"socket.example\")", "--set", "passwd-file.enabled=true", users=3)
    server = state["server"]
    port = state["port"] = free_port()
    main_cf = {
        "inet_interfaces": "loopback-only", "inet_protocols": "ipv4", "myhostname": "mta.example.net", "mydestination": "",
        "relay_domains": "", "virtual_mailbox_domains": f"{server.domain}", "virtual_mailbox_maps": "",
        "virtual_transport": f"lmtp:inet:127.0.0.1:{server.lmtp}", "smtpd_relay_restrictions": "permit_mynetworks,reject",
        "mynetworks": "127.0.0.0/8", "compatibility_level": "3.6", "alias_maps": "", "alias_database": "", "maillog_file": "/var/log/postfix.log",
        # Nothing of the mail is to change on its way.
        "lmtp_line_length_limit": "0", "message_drop_headers": "", "message_size_limit": "0", "mailbox_size_limit": "0",
        "line_length_limit": "1048576", "header_size_limit": "1048576", "disable_mime_output_conversion": "yes",
        "always_add_missing_headers": "no", "local_header_rewrite_clients": "", "enable_long_queue_ids": "yes",
        "smtpd_client_connection_rate_limit": "0", "smtpd_peername_lookup": "no", "smtpd_error_sleep_time": "0",
        "virtual_destination_concurrency_limit": "5", "bounce_queue_lifetime": "0", "lmtp_cache_connection": "yes",
        "remote_header_rewrite_domain": "", "strict_smtputf8": "no", "smtpd_discard_ehlo_keywords": "",
    }
    in_root("postconf", "-e", *(f"{k}={v}" for k, v in main_cf.items()))
    in_root("postconf", "-M#", "smtp/inet", check=False)
    in_root("postconf", "-Me", f"127.0.0.1:{port}/inet=127.0.0.1:{port} inet n - y - - smtpd")
    r = in_root("postconf", "-Mf", "lmtp/unix")
    state["lmtp"] = r.stdout.decode()
    in_root("postfix", "start")
    at_end(lambda: in_root("postfix", "abort", check=False))
    state["private"] = private


def queue_is_empty():
    return b"Mail queue is empty" in in_root("postqueue", "-p", check=False).stdout


@case
def chrooted_tcp():
    """the corpus through Postfix's chrooted lmtp client over TCP, every byte after the trace lines"""
    start()
    server = state["server"]
    equal(state["lmtp"].split()[4], "y", "chroot column of lmtp in master.cf")
    files = corpus_files()
    mails = []
    with smtplib.SMTP("127.0.0.1", state["port"], timeout=120) as c:
        for path in files:
            with open(path, "rb") as f:
                content = f.read().replace(b"\r", b"").replace(b"\0", b"")
            equal(c.sendmail("corpus@example.net", [f"u0001@{server.domain}"], content), {}, path)
            mails.append(content.rstrip(b"\n"))
    wait_for(queue_is_empty, "Postfix's queue is empty", 240)
    c = server.imap()
    equal(c.select()[1], [b"%d" % len(mails)], "EXISTS")
    got = {}
    for first in range(1, len(mails) + 1, 200):
        for x in c.fetch(f"{first}:{min(first + 199, len(mails))}", "BODY.PEEK[]")[1]:
            if isinstance(x, tuple):
                content = x[1].replace(b"\r\n", b"\n").rstrip(b"\n")
                got.setdefault(content[-100:], []).append(content)
    c.logout()
    for content in mails:
        candidates = got.get(content[-100:], [])
        match = [g for g in candidates if g.endswith(content)]
        if not match:
            raise AssertionError(f"not as sent: {content[:300]!r} / {candidates[0][:1500] if candidates else None!r}")
        prefix = match[0][:-len(content)].decode("latin-1")
        for line in prefix.splitlines():
            if not line.startswith(("Return-Path:", "Delivered-To:", "X-Original-To:", "Received:", "\t")):
                raise AssertionError(f"unexpected line in front: {line!r}")


@case
def several_recipients():
    """one mail to three users through Postfix, an unknown user bounces"""
    server = state.get("server") or (start(), state["server"])[1]
    before = os.path.getsize(state["log"])
    with smtplib.SMTP("127.0.0.1", state["port"], timeout=120) as c:
        c.sendmail("a@example.net", [f"u000{n}@{server.domain}" for n in (2, 3)] + [f"nobody@{server.domain}"],
                   b"Subject: to several\r\n\r\nhello\r\n")
    def refused():
        with open(state["log"], "rb") as f:
            f.seek(before)  # the overlay keeps the log of earlier runs
            return b"5.1.1" in f.read()
    wait_for(refused, "the unknown user's refusal in Postfix's log", 60)
    for user in ("u0002", "u0003"):
        def there():
            c = server.imap(user)
            n = c.select()[1]
            c.logout()
            return n == [b"1"]
        wait_for(there, f"mail of {user}")


@case
def private_socket():
    """the same through a socket in Postfix's private directory, which only Postfix may enter"""
    if "server" not in state:
        start()
    first = state["server"]
    path = state["private"] + "/satchel-lmtp"
    if len(path.encode()) > 107:
        raise Skip("the path of the socket is too long here")
    listeners = f'( {{ name = "private"; protocol = "lmtp"; path = "{path}"; }}, {{ name = "i"; protocol = "imap"; address = "127.0.0.1"; port = %d; tls = true; }} )'
    port = free_port()
    second = Server("--set", "listen.listeners=" + listeners % port, users=1)
    in_root("postconf", "-e", "virtual_transport=lmtp:unix:private/satchel-lmtp")
    in_root("postfix", "reload")
    with smtplib.SMTP("127.0.0.1", state["port"], timeout=120) as c:
        c.sendmail("a@example.net", [f"u0001@{first.domain}"], b"Subject: by socket\r\n\r\nhello\r\n")
    wait_for(queue_is_empty, "Postfix's queue is empty", 60)
    second.imaps = second.ports["imaps"] = port
    c = second.imap()
    equal(c.select()[1], [b"1"], "EXISTS")
    c.logout()


main()
