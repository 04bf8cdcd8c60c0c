#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Postfix delivers the corpus through its lmtp transport, chrooted as Debian ships it: over TCP and over a socket in
its private directory.  It lives in an overlay of the root file system, so that nothing of it stays on the machine."""
import os
import re
import smtplib
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from overlay import POSTFIX_PACKAGES, Overlay  # noqa: E402
from tap import TOP, Server, Skip, at_end, case, corpus_files, equal, free_port, main, wait_for  # noqa: E402

state = {}


def in_root(*command, **options):
    return state["overlay"].run(*command, **options)


def start():
    """Postfix with our server as the transport of all mail, by a port for one domain and by a socket for the other."""
    overlay = state["overlay"] = Overlay(*POSTFIX_PACKAGES)
    state["log"] = overlay.root + "/var/log/postfix.log"
    # One shared directory: the socket must be where the chrooted lmtp client can see it.
    private = overlay.root + "/var/spool/postfix/private"
    state["server"] = Server("--set", "auth.domains=(\"socket.example\")", "--set", "passwd-file.enabled=true",
                             "--set", 'lmtp.xforward_networks=("127.0.0.1")', users=3)
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


def use_settings():
    """Postfix goes on with main.cf as it is now.  `postfix reload` comes back before its processes have read it, a start after."""
    in_root("postfix", "stop")
    in_root("postfix", "start")


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

    def bounced():
        with open(state["log"], "rb") as f:
            f.seek(before)
            said = f.read()
        return b"5.1.1" in said and b"sender non-delivery notification" in said
    wait_for(bounced, "the unknown user's refusal and the bounce in Postfix's log", 60)
    for user in ("u0002", "u0003"):
        def there():
            c = server.imap(user)
            n = c.select()[1]
            c.logout()
            return n == [b"1"]
        wait_for(there, f"mail of {user}")
    wait_for(queue_is_empty, "what became of the bounce itself is logged", 60)


@case
def queue_ids():
    """with the guide's line Postfix says by XFORWARD what its log calls a message and who sent it; our line of the delivery has both, for each message of a connection"""
    server = state.get("server") or (start(), state["server"])[1]
    with open(os.path.join(TOP, "docs/admin-guide.md")) as f:
        equal("lmtp_send_xforward_command = yes" in f.read(), True, "the guide's line")
    in_root("postconf", "-e", "lmtp_send_xforward_command=yes")
    use_settings()
    before = os.path.getsize(state["log"])
    with smtplib.SMTP("127.0.0.1", state["port"], timeout=120, local_hostname="c.example") as c:
        for n in range(4):
            c.sendmail("a@example.net", [f"u000{n % 2 + 1}@{server.domain}"], f"Message-ID: <queue-{n}@example.net>\r\nSubject: queue id\r\n\r\nhello\r\n".encode())
    # Made on Postfix's machine: Postfix sends no XFORWARD, and what it said of the mail before must not stick.
    in_root("sendmail", "-f", "a@example.net", f"u0001@{server.domain}", input=b"Message-ID: <queue-local@example.net>\n\nhello\n")
    wait_for(queue_is_empty, "Postfix's queue is empty", 60)
    with open(state["log"], "rb") as f:
        f.seek(before)
        ids = {message: queue for queue, message in re.findall(r"cleanup\[\d+\]: (\w+): message-id=<(queue-\w+)@", f.read().decode())}
    lines = {re.search(r"<(queue-\w+)@", line).group(1): line for line in server.log().splitlines() if "delivered:" in line and "<queue-" in line}
    equal((len(ids), len(set(ids.values())), set(lines)), (5, 5, set(ids)), "messages in both logs")
    for message, line in lines.items():
        is_local = message == "queue-local"
        equal(re.findall(r" queue-id=(\S+)", line), [] if is_local else [ids[message]], f"Postfix's id in {line}")
        equal(re.findall(r" client=(\S+)", line), [] if is_local else ["127.0.0.1"], f"the client in {line}")


def guide_settings():
    """What the admin guide puts into main.cf for recipients, as it stands there."""
    with open(os.path.join(TOP, "docs/admin-guide.md")) as f:
        block = f.read().split("# in /etc/postfix/main.cf\n", 1)[1].split("\n\n", 1)[0]
    lines = [line.strip() for line in block.splitlines() if line.strip() and "#" not in line]
    found = [line for line in lines if not line.startswith(("virtual_mailbox_domains", "virtual_transport"))]
    equal(any("reject_unverified_recipient" in line for line in found), True, "the guide's lines")
    return found


def stranger_says(*recipients, content=None):
    """What a sender from outside hears to each RCPT; with `content` the mail is sent to those that were taken."""
    with smtplib.SMTP("127.0.0.1", state["port"], timeout=120) as c:
        c.ehlo("stranger.example.com")
        c.mail("forged@example.com")
        replies = [c.rcpt(recipient) for recipient in recipients]
        if content is not None:
            equal(c.data(content)[0], 250, "DATA")
        return replies


def has(user, mailbox, subject):
    c = state["server"].imap(user)
    c.select(mailbox, readonly=True)
    found = c.search(None, "SUBJECT", f'"{subject}"')[1]
    c.logout()
    return len(found[0].split())


@case
def unknown_users_at_smtp_time():
    """the guide's lines: unknown users are refused while the sender is connected, what we take is taken and delivered, nobody gets a bounce"""
    server = state.get("server") or (start(), state["server"])[1]
    before = os.path.getsize(state["log"]) if os.path.exists(state["log"]) else 0
    with open(os.path.join(server.config_dir, "aliases"), "w") as f:
        f.write("info@example.org: u0001@example.org\n@catch.example: u0002@example.org\n@old.example: @example.org\n")
    c = server.imap()
    c.create("lists")
    c.logout()
    # Loopback is a stranger here.
    in_root("postconf", "-e", "mynetworks=192.0.2.0/24", "smtpd_relay_restrictions=permit_mynetworks,reject_unauth_destination", "recipient_delimiter=+",
            f"virtual_mailbox_domains={server.domain},catch.example,old.example", *guide_settings())
    use_settings()
    for recipient, code in (("nobody@example.org", 550), ("nobody+u0001@example.org", 550), ("nobody@old.example", 550), ("no.body@example.org", 550),
                            ("u0001@elsewhere.example", 554)):
        got, text = stranger_says(recipient)[0]
        equal((recipient, got), (recipient, code), text)
        equal(code == 554 or b"mailbox unavailable" in text, True, text)
    taken = {"u0001@example.org": ("u0001", "INBOX"), "info@example.org": ("u0001", "INBOX"), "u0001+lists@example.org": ("u0001", "lists"),
             "anything@catch.example": ("u0002", "INBOX"), "u0002@old.example": ("u0002", "INBOX"), "U0002+none@example.org": ("u0002", "INBOX")}
    for recipient, (user, mailbox) in taken.items():
        # One mail to somebody and to nobody: it comes once, and the other was refused.
        (good, text), (bad, _) = stranger_says(recipient, "nobody@example.org", content=f"Subject: to {recipient}\r\n\r\nhello\r\n")
        equal((recipient, good, bad), (recipient, 250, 550), text)
        wait_for(lambda: has(user, mailbox, f"to {recipient}") == 1, f"mail to {recipient} in {mailbox} of {user}", 60)
    server.stop("--keep")
    equal(stranger_says("u0003@example.org")[0][0], 450, "an address that was not asked for yet, while the server is away")
    equal(stranger_says("u0001@example.org", content="Subject: while away\r\n\r\nhello\r\n")[0][0], 250, "one that is known goes into the queue")
    server.start()

    def comes():
        in_root("postqueue", "-f")
        return has("u0001", "INBOX", "while away")
    wait_for(comes, "the queued mail", 60)
    wait_for(queue_is_empty, "Postfix's queue is empty", 60)
    with open(state["log"], "rb") as f:
        f.seek(before)
        said = f.read()
    equal([line for line in said.splitlines() if b"non-delivery" in line or b"status=bounced" in line and b"to=<nobody" not in line], [], "bounces")


@case
def removed_users():
    """a removed user's address is refused, a new user's taken, when the cached answer has expired: an hour and two minutes in the guide"""
    if "server" not in state:
        raise Skip("no server, see above")
    server = state["server"]
    times = dict(re.findall(r"address_verify_(\w+)_time = (\w+)", "\n".join(guide_settings())))
    # A refresh that fails changes nothing (postconf(5)), and puts expiry off by PROBE_TTL, 1000 s: none may come before it.
    equal((times["positive_refresh"], times["positive_expire"]), ("1h", "1h"), "the guide's hour")
    equal(times["negative_expire"], "2m", "the guide's two minutes")
    in_root("postconf", "-e", *(f"address_verify_{which}_time=2s" for which in times))
    use_settings()
    equal(stranger_says("u0003@example.org")[0][0], 250, "a user")
    server.cli("user", "del", "u0003@example.org")
    wait_for(lambda: stranger_says("u0003@example.org")[0][0] == 550, "the refusal", 60)
    server.cli("user", "add", "u0003@example.org", "--stdin", input="pw\n")
    wait_for(lambda: stranger_says("u0003@example.org")[0][0] == 250, "it is taken again", 60)
    in_root("postconf", "-e", "mynetworks=127.0.0.0/8", "smtpd_recipient_restrictions=", "smtpd_relay_restrictions=permit_mynetworks,reject", "recipient_delimiter=",
            f"virtual_mailbox_domains={server.domain}")
    use_settings()


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
    second = Server("--set", "listen.listeners=" + listeners % port, "--set", 'lmtp.xforward_networks=("local")', users=1)
    in_root("postconf", "-e", "virtual_transport=lmtp:unix:private/satchel-lmtp", "lmtp_send_xforward_command=yes")
    use_settings()
    with smtplib.SMTP("127.0.0.1", state["port"], timeout=120) as c:
        c.sendmail("a@example.net", [f"u0001@{first.domain}"], b"Subject: by socket\r\n\r\nhello\r\n")
    wait_for(queue_is_empty, "Postfix's queue is empty", 60)
    second.imaps = second.ports["imaps"] = port
    c = second.imap()
    equal(c.select()[1], [b"1"], "EXISTS")
    c.logout()
    equal([" queue-id=" in line for line in second.log().splitlines() if "delivered:" in line], [True], "what Postfix says by the socket")


main()
