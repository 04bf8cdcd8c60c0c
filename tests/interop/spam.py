#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real rspamd and real SpamAssassin score the corpus that Postfix delivers, each mail goes where its score says, and they learn what mutt
and mbsync move; without them mail arrives all the same.  All of them live in an overlay of the root file system, so that nothing of them stays on the machine."""
import contextlib
import glob
import json
import os
import re
import shutil
import signal
import smtplib
import socketserver
import subprocess
import sys
import threading
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from overlay import SPAM_PACKAGES, Overlay, wait_closed, wait_port  # noqa: E402
from tap import Server, at_end, case, corpus_files, equal, free_port, main, need, run, scratch, wait_for  # noqa: E402
from programs import Place  # noqa: E402
from terminal import terminal  # noqa: E402

GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
# What asks others over the network, or counts.
SILENT = ("rbl surbl fuzzy_check asn spf dkim dkim_signing dmarc arc phishing greylist history_redis neural ratelimit reputation replies url_redirector "
          "mx_check external_services hfilter").split()
ports = {name: free_port() for name in ("normal", "controller", "proxy", "redis", "smtp", "spamd")}
state = {}


def in_root(*command, **options):
    return state["overlay"].run(*command, **options)


def put(path, text):
    path = state["overlay"].root + path
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)


def start_rspamd():
    """rspamd as Debian configures it, without a network."""
    settings = "/etc/rspamd/local.d/"
    put("/etc/rspamd/tld", "com\nnet\norg\nexample\n")
    put(settings + "options.inc", 'filters = "regexp"; url_tld = "/etc/rspamd/tld"; local_addrs = []; disable_hyperscan = true;\n'
        'dns { nameserver = ["127.0.0.1:1"]; timeout = 0.01s; retransmits = 1; }\n')
    for name in SILENT:
        put(settings + name + ".conf", "enabled = false;\n")
    put(settings + "actions.conf", "reject = 1000; add_header = 4; greylist = null;\n")
    put(settings + "worker-normal.inc", f'bind_socket = "127.0.0.1:{ports["normal"]}"; count = 1;\n')
    put(settings + "worker-controller.inc", f'bind_socket = "127.0.0.1:{ports["controller"]}"; password = "secret"; secure_ip = [];\n')
    put(settings + "worker-proxy.inc", f'bind_socket = "127.0.0.1:{ports["proxy"]}"; upstream "local" {{ default = yes; hosts = "127.0.0.1:{ports["normal"]}"; }}\n')
    put(settings + "milter_headers.conf", 'use = ["x-spamd-result"]; skip_local = false;\n')
    put(settings + "redis.conf", f'servers = "127.0.0.1:{ports["redis"]}";\n')
    put(settings + "classifier-bayes.conf", "min_tokens = 2;\n")
    state["overlay"].start("redis-server", "--port", str(ports["redis"]), "--bind", "127.0.0.1", "--save", "", "--dir", "/tmp", stdout=subprocess.DEVNULL)
    wait_port(ports["redis"], "redis")
    state["rspamd"] = state["overlay"].start("rspamd", "-u", "_rspamd", "-g", "_rspamd", "-f", "-c", "/etc/rspamd/rspamd.conf", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for name in ("normal", "controller", "proxy"):
        wait_port(ports[name], f"rspamd's {name}")


def start_spamd():
    """SpamAssassin with Debian's rules, without those that ask others."""
    in_root("install", "-d", "-o", "debian-spamd", "/var/lib/spamassassin/home")
    state["spamd"] = state["overlay"].start("spamd", "-L", "-x", "--allow-tell", "-m", "2", "-i", "127.0.0.1", "-p", str(ports["spamd"]), "-u", "debian-spamd", "-H", "/var/lib/spamassassin/home",
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_port(ports["spamd"], "spamd")


def start_postfix():
    main_cf = {
        "inet_interfaces": "loopback-only", "inet_protocols": "ipv4", "myhostname": "mta.example.net", "mydestination": "",
        "virtual_mailbox_domains": "example.org", "virtual_mailbox_maps": "", "smtpd_relay_restrictions": "permit_mynetworks,reject",
        "mynetworks": "127.0.0.0/8", "compatibility_level": "3.6", "alias_maps": "", "alias_database": "", "maillog_file": "/var/log/postfix.log",
        "smtpd_peername_lookup": "no", "smtpd_client_connection_rate_limit": "0", "message_size_limit": "0", "mailbox_size_limit": "0",
    }
    in_root("postconf", "-e", *(f"{k}={v}" for k, v in main_cf.items()))
    in_root("postconf", "-M#", "smtp/inet", check=False)
    in_root("postconf", "-Me", f"127.0.0.1:{ports['smtp']}/inet=127.0.0.1:{ports['smtp']} inet n - y - - smtpd")
    in_root("postfix", "start")
    at_end(lambda: in_root("postfix", "abort", check=False))


def use(server, *, milter):
    """Postfix delivers to @server from now on, after rspamd has seen the mail or not."""
    in_root("postconf", "-e", f"virtual_transport=lmtp:inet:127.0.0.1:{server.lmtp}", "smtpd_milters=" + (f"inet:127.0.0.1:{ports['proxy']}" if milter else ""))
    in_root("postfix", "stop")
    in_root("postfix", "start")


def stage():
    if "overlay" not in state:
        state["overlay"] = Overlay(*SPAM_PACKAGES)
        start_rspamd()
        start_postfix()
    return state["overlay"]


def some_mail(n):
    """n spam and n ham, small ones."""
    found = []
    for folder in ("spam", "ham"):
        small = [path for path in corpus_files(folder) if os.path.getsize(path) < 8000]
        found += small[::len(small) // n][:n]
    contents = []
    for i, path in enumerate(found):
        with open(path, "rb") as f:
            content = re.sub(rb"(?m)^(X-Spam|X-Satchel)[^\n]*\n([ \t][^\n]*\n)*", b"", f.read().replace(b"\r", b"").replace(b"\0", b""))
        contents.append(b"X-Number: %d\n" % i + content.removeprefix(b"From ") if not content.startswith(b"From ") else b"X-Number: %d\n" % i + content.partition(b"\n")[2])
    return contents


def send(contents, user):
    with smtplib.SMTP("127.0.0.1", ports["smtp"], timeout=120) as c:
        for content in contents:
            equal(c.sendmail("corpus@example.net", [f"{user}@example.org"], content), {}, "SMTP")
    wait_for(lambda: b"Mail queue is empty" in in_root("postqueue", "-p", check=False).stdout, "Postfix's queue is empty", 240)


def fetch(server, user):
    """{mailbox: [header]} of INBOX and Junk."""
    c = server.imap(user)
    found = {}
    for name in ("INBOX", "Junk"):
        n = int(c.select(name, readonly=True)[1][0])
        found[name] = [part[1] for part in (c.fetch("1:*", "BODY.PEEK[HEADER]")[1] if n else []) if isinstance(part, tuple)]
    c.logout()
    return found


def statistics():
    request = urllib.request.Request(f"http://127.0.0.1:{ports['controller']}/stat", headers={"Password": "secret"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return {row["symbol"]: row["revision"] for row in json.load(answer)["statfiles"]}


def is_learnt(server, verdict):
    """Whether a scanner has learnt a message so."""
    return re.search(rf"(?m)^satchel_spam_learnt_total +verdict:{verdict},result:learnt +[1-9]", server.cli("status", "--counters").stdout) is not None


def rspamd_server():
    if "by-rspamd" not in state:
        state["by-rspamd"] = Server("--set", "spam.enabled=true", "--set", 'spam.headers=( { style = "rspamd"; position = "bottom"; } )', "--set", 'spam.junk_score="4"',
                                    "--set", 'spam.scanner="rspamd"', "--set", f'spam.server="127.0.0.1:{ports["normal"]}"',
                                    "--set", f'spam.learn_server="127.0.0.1:{ports["controller"]}"', "--set", 'spam.password="secret"', "--set", "server.mail_processes=1",
                                    "--set", "server.gate_processes=1", users=5)
    return state["by-rspamd"]


def spamd_server():
    if "by-spamd" not in state:
        start_spamd()
        state["by-spamd"] = Server("--set", "spam.enabled=true", "--set", 'spam.scanner="spamd"', "--set", f'spam.server="127.0.0.1:{ports["spamd"]}"', "--set", 'spam.timeout="25s"',
                                   "--set", "server.mail_processes=1", "--set", "server.gate_processes=1", directory=os.path.join(scratch(), "second"), users=2)
    return state["by-spamd"]


def look_where(found, score_of, threshold):
    """Each is where its score says; there are some on either side."""
    for name, headers in found.items():
        for header in headers:
            score = score_of(header)
            equal("Junk" if score >= threshold else "INBOX", name, f"the mailbox of a mail with the score {score}")
        equal(len(headers) > 0, True, f"mail in {name}")


@case
def milter():
    """rspamd is Postfix's milter: what it writes at the end of the header decides, whatever a sender wrote there"""
    stage()
    server = rspamd_server()
    use(server, milter=True)
    forged = b"X-Spamd-Result: default: False [-50.00 / 15.00]; NICE(-50.00)[]\nX-Spam: No\n"
    send([forged + content for content in some_mail(12)], "u0001")
    found = fetch(server, "u0001")
    equal(sum(map(len, found.values())), 24, "mails")
    look_where(found, lambda header: float(re.findall(rb"(?m)^X-Spamd-Result: [^\[]*\[(-?[\d.]+)", header)[-1]), 4)


@case
def asked():
    """Satchel asks rspamd itself; GTUBE is spam"""
    stage()
    server = rspamd_server()
    use(server, milter=False)
    send([*some_mail(6), b"Subject: test\n\n" + GTUBE + b"\n"], "u0002")
    found = fetch(server, "u0002")
    equal(sum(map(len, found.values())), 13, "mails")
    look_where(found, lambda header: float(re.search(rb"(?m)^X-Satchel-Spam: \w+, score=(-?[\d.]+) threshold=4.0 source=rspamd\r$", header)[1]), 4)
    equal([header for header in found["Junk"] if b"Subject: test" in header] != [], True, "GTUBE in the spam folder")


@case
def learnt():
    """what mutt moves into the spam folder and mbsync out of it changes rspamd's statistics"""
    need("mutt")
    need("mbsync")
    stage()
    server = rspamd_server()
    before = statistics()
    server.deliver(some_mail(6)[8], "u0003")
    place = Place(server.ca_file, server.imaps, server.pop3s, "u0003", server.password)
    config = place.write("muttrc", f"""set imap_user="u0003" imap_pass="{server.password}" ssl_ca_certificates_file="{server.ca_file}"
set certificate_file="{server.ca_file}" ssl_verify_host=yes ssl_starttls=no
set confirmcreate=no confirmappend=no delete=yes quit=yes wait_key=no sleep_time=0
""")
    url = f"imaps://localhost:{server.imaps}"
    terminal("mutt", "-n", "-F", config, "-f", f"{url}/INBOX", "-e", f"push '<tag-pattern>.<enter><tag-prefix><save-message>{url}/Junk<enter><sync-mailbox><exit>'", home=place.dir)
    equal({name: len(headers) for name, headers in fetch(server, "u0003").items()}, {"INBOX": 0, "Junk": 1}, "after mutt")
    wait_for(lambda: is_learnt(server, "spam") and statistics()["BAYES_SPAM"] > before["BAYES_SPAM"], "it is learnt as spam")
    mbsyncrc = place.write("mbsyncrc", f"""IMAPAccount a
Host localhost
Port {server.imaps}
User u0003
Pass "{server.password}"
SSLType IMAPS
CertificateFile {server.ca_file}

IMAPStore remote
Account a

MaildirStore local
Path {place.dir}/mail/
Inbox {place.dir}/mail/INBOX
SubFolders Verbatim

Channel all
Far :remote:
Near :local:
Patterns INBOX Junk
Create Near
Expunge Both
SyncState *
""")
    os.makedirs(place.dir + "/mail", exist_ok=True)
    run("mbsync", "-c", mbsyncrc, "-a")
    [path] = glob.glob(place.dir + "/mail/Junk/*/*,*")
    shutil.move(path, os.path.join(place.dir, "mail/INBOX/cur", re.sub(r",U=\d+", "", os.path.basename(path))))
    run("mbsync", "-c", mbsyncrc, "-a")
    equal({name: len(headers) for name, headers in fetch(server, "u0003").items()}, {"INBOX": 1, "Junk": 0}, "after mbsync")
    wait_for(lambda: is_learnt(server, "ham") and statistics()["BAYES_HAM"] > before["BAYES_HAM"], "it is learnt as ham")


@case
def by_spamassassin():
    """spamd scores mail and learns what is moved"""
    stage()
    server = spamd_server()
    use(server, milter=False)
    send([*some_mail(5), b"Subject: test\n\n" + GTUBE + b"\n"], "u0001")
    found = fetch(server, "u0001")
    look_where(found, lambda header: float(re.search(rb"(?m)^X-Satchel-Spam: \w+, score=(-?[\d.]+) source=spamd\r$", header)[1]), 5)
    c = server.imap("u0001")
    c.select("INBOX")
    c.copy("1", "Junk")
    c.logout()
    wait_for(lambda: is_learnt(server, "spam"), "spamd learns")


class Rubbish(socketserver.ThreadingTCPServer):
    """Has the port of a scanner, and answers what none would."""
    allow_reuse_address = daemon_threads = True

    class Answer(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(100)
            self.request.sendall(b"\0\xff" * 50000)

    def __init__(self, port):
        super().__init__(("127.0.0.1", port), self.Answer)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *exception):
        self.shutdown()
        super().__exit__(*exception)


def processes_of(program):
    """All that a program of the overlay consists of."""
    found = [program.pid]
    for pid in found:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            found += map(int, f.read().split())
    return found


def tell(program, sign):
    """Sends a signal to all of it, the last that were started first."""
    for pid in reversed(processes_of(program)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sign)


def unscanned(server):
    """How many messages could not be scanned, by the counters, and by the lines of the log."""
    counted = re.findall(r"(?m)^satchel_spam_scans_total +result:(?:failed|skipped) +(\d+)$", server.cli("status", "--counters").stdout)
    return sum(map(int, counted)), server.log().count("not scanned: ")


def send_gtube(server, user, subject):
    """Sends what every scanner takes for spam; returns the mailboxes in which it is."""
    send([b"Subject: %s\n\n%s\n" % (subject.encode(), GTUBE)], user)
    return [name for name, headers in fetch(server, user).items() for header in headers if b"Subject: %s\r\n" % subject.encode() in header]


def look_unscanned(server, user, subject):
    before = unscanned(server)
    equal(send_gtube(server, user, subject), ["INBOX"], f"where mail comes to, with a scanner that is {subject}")
    equal(unscanned(server), (before[0] + 1, before[1] + 1), f"counts and lines of mail that was not scanned, with a scanner that is {subject}")
    equal("status=deferred" in in_root("cat", "/var/log/postfix.log").stdout.decode(), False, "whether Postfix had to try again")


def trouble(scanner, port, server, user):
    use(server, milter=False)
    tell(scanner, signal.SIGSTOP)
    look_unscanned(server, user, "stopped")
    tell(scanner, signal.SIGCONT)
    equal(send_gtube(server, user, "well"), ["Junk"], "where spam comes to, when the scanner goes on")
    tell(scanner, signal.SIGKILL)
    wait_closed(port)
    look_unscanned(server, user, "gone")
    with Rubbish(port):
        look_unscanned(server, user, "replaced")


@case
def rspamd_in_trouble():
    """rspamd is stopped, killed, and replaced by a program that answers rubbish: mail comes into INBOX at the first try, with a line and a count"""
    stage()
    trouble(state["rspamd"], ports["normal"], rspamd_server(), "u0004")


@case
def spamd_in_trouble():
    """the same with spamd"""
    stage()
    server = spamd_server()
    trouble(state["spamd"], ports["spamd"], server, "u0002")


main()
