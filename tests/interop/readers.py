#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The corpus, delivered over LMTP, read over TLS by the mail readers people use: every byte after the trace lines."""
import email
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, Skip, case, corpus_files, equal, lacking, main, need, run, scratch, wire  # noqa: E402
from terminal import terminal  # noqa: E402
from wire import Wire  # noqa: E402

NOBODY = 65534
GETMAIL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib", "getmail.py")
server = Server(users=2)
work = scratch()
mails = {}       # queue id: the bytes that were sent behind DATA, dot-stuffing aside
TRACE = re.compile(rb"\AReturn-Path: <corpus@example\.net>\r?\nDelivered-To: u0001@example\.org\r?\n"
                   rb"Received: from client\.example \(\[127\.0\.0\.1\]\)\r?\n\tby localhost with LMTP id (\S+);\r?\n\t[^\n]+\n")


def check(contents, client, form=lambda sent: sent):
    """@contents: what the client got, any order; @form: what it does to line ends or fields, on purpose."""
    found, contents = set(), list(contents)
    for got in contents:
        trace = TRACE.match(got)
        if not trace:
            raise AssertionError(f"{client}: the trace lines are not in front: {got[:400]!r}")
        name, rest = trace.group(1), got[trace.end():]
        want = form(mails[name])
        if rest != want:
            at = next((n for n, (a, b) in enumerate(zip(rest, want)) if a != b), min(len(rest), len(want)))
            raise AssertionError(f"{client}: mail {name!r} differs at {at} of {len(want)} ({len(rest)} came): "
                                 f"got {rest[max(at - 60, 0):at + 60]!r}, sent {want[max(at - 60, 0):at + 60]!r}")
        found.add(name)
    equal((len(contents), len(found)), (len(mails), len(mails)), f"mails with {client}, and different ones")


def unix(sent):
    """Stores of clients have the line ends of the system."""
    return sent.replace(b"\r\n", b"\n")


def no_cr(sent):
    return sent.replace(b"\r", b"")


def maildir_contents(path):
    found = []
    for sub in ("new", "cur"):
        for name in os.listdir(os.path.join(path, sub)):
            with open(os.path.join(path, sub, name), "rb") as f:
                found.append(f.read())
    return found


def write(name, text, mode=0o600):
    path = os.path.join(work, name)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


@case
def deliver_corpus():
    """the corpus is taken in over LMTP"""
    w = Wire(server, "lmtp")
    equal(w.line()[:4], b"220 ", "greeting")
    w.send(b"LHLO client.example\r\n")
    w.reply()
    for path in corpus_files():
        with open(path, "rb") as f:
            content = wire(f.read())
        if not content.endswith(b"\r\n"):
            content += b"\r\n"  # the line of the dot begins with CRLF, RFC 5321 4.1.1.4
        w.send(b"MAIL FROM:<corpus@example.net>\r\nRCPT TO:<u0001@%s>\r\nDATA\r\n" % server.domain.encode())
        equal([line[:3] for line in w.lines(3)], [b"250", b"250", b"354"], path)
        w.send(re.sub(rb"(\A|\r\n)\.", rb"\1..", content) + b".\r\n")
        reply = w.line()
        equal(reply[:9], b"250 2.0.0", path)
        mails[reply.split()[-1]] = content
    w.ask(b"QUIT", b"221 ")
    w.close()


@case
def with_imaplib():
    """imaplib"""
    c = server.imap()
    c.select(readonly=True)
    contents = []
    for first in range(1, len(mails) + 1, 200):
        contents += [x[1] for x in c.fetch(f"{first}:{min(first + 199, len(mails))}", "(BODY.PEEK[])")[1] if isinstance(x, tuple)]
    c.logout()
    check(contents, "imaplib")


@case
def with_poplib():
    """poplib"""
    p = server.pop3_session()
    check([b"\r\n".join(p.retr(n + 1)[1]) + b"\r\n" for n in range(p.stat()[0])], "poplib")
    p.quit()


@case
def with_curl():
    """curl, imaps and pop3s"""
    need("curl")
    out = os.path.join(work, "curl")
    os.mkdir(out)
    run("curl", "-sS", "--cacert", server.ca_file, "-u", f"u0001:{server.password}", "-o", f"{out}/#1",
        f"imaps://localhost:{server.imaps}/INBOX;UID=[1-{len(mails)}]")
    check([open(os.path.join(out, n), "rb").read() for n in os.listdir(out)], "curl imaps")
    shutil.rmtree(out)
    os.mkdir(out)
    run("curl", "-sS", "--cacert", server.ca_file, "-u", f"u0001:{server.password}", "-o", f"{out}/#1",
        f"pop3s://localhost:{server.pop3s}/[1-{len(mails)}]")
    check([open(os.path.join(out, n), "rb").read() for n in os.listdir(out)], "curl pop3s")


@case
def with_mbsync():
    """mbsync"""
    need("mbsync")
    store = os.path.join(work, "mbsync")
    os.mkdir(store)
    config = write("mbsyncrc", f"""IMAPAccount a
Host localhost
Port {server.imaps}
User u0001
Pass {server.password}
SSLType IMAPS
CertificateFile {server.ca_file}

IMAPStore remote
Account a

MaildirStore local
Path {store}/
Inbox {store}/INBOX
SubFolders Verbatim

Channel all
Far :remote:
Near :local:
Patterns *
Create Near
Sync Pull
SyncState *
""")
    run("mbsync", "-c", config, "-a")
    # It adds one field of its own to the end of the header; before 1.5 it drops every CR, lone ones too.
    version = re.search(rb"isync (\d+)\.(\d+)", run("mbsync", "--version").stdout)
    form = no_cr if tuple(map(int, version.groups())) < (1, 5) else unix
    check([re.sub(rb"\nX-TUID: \S+\n", b"\n", c, count=1) for c in maildir_contents(os.path.join(store, "INBOX"))], "mbsync", form)
    for name in ("Drafts", "Sent", "Junk", "Trash", "Archive"):
        equal(os.path.isdir(os.path.join(store, name)), True, f"folder {name} with mbsync")
    # Again: nothing is transferred twice.
    run("mbsync", "-c", config, "-a")
    equal(len(maildir_contents(os.path.join(store, "INBOX"))), len(mails), "mails after a second run")


@case
def with_fetchmail():
    """fetchmail"""
    need("fetchmail")
    out = os.path.join(work, "fetchmail")
    os.makedirs(out)
    script = write("mda", f'#!/bin/sh\nexec cat > "$(mktemp {out}/XXXXXXXXXX)"\n', 0o700)
    config = write("fetchmailrc", f"""set no bouncemail
poll localhost protocol pop3 port {server.pop3s} user "u0001" password "{server.password}" ssl sslproto "auto" sslcertck sslcertfile "{server.ca_file}"
  no rewrite keep fetchall mda "{script}"
""")
    environment = {**os.environ, "FETCHMAILHOME": work}
    r = run("fetchmail", "-f", config, "--invisible", env=environment, check=False)
    equal(r.returncode, 0, f"fetchmail: {r.stdout[-300:]!r} {r.stderr[-300:]!r}")
    # It drops every CR, lone ones too.
    check([open(os.path.join(out, n), "rb").read() for n in os.listdir(out)], "fetchmail", no_cr)


@case
def with_getmail():
    """getmail"""
    need("getmail")
    # It refuses to be root, and misses the end of a child that is faster than itself: the MDA lets it go to sleep first.
    # The number of a process is no name for a mail: on a busy machine it comes again.
    place = os.path.join(work, "getmail")
    for sub in ("", "/home", "/box"):
        os.mkdir(place + sub, 0o700)
    ca_file = shutil.copy(server.ca_file, place)
    script = write("getmail/mda", f"""#!/bin/sh
state=R
while [ "$state" != S ]; do read -r pid name state rest < /proc/$PPID/stat; done
exec cat > "$(mktemp {place}/box/XXXXXXXXXX)"
""", 0o700)
    config = write("getmail/home/getmailrc", f"""[retriever]
type = SimplePOP3SSLRetriever
server = localhost
port = {server.pop3s}
username = u0001
password = {server.password}
ca_certs = {ca_file}
[destination]
type = MDA_external
path = {script}
[options]
verbose = 0
read_all = true
delete = false
delivered_to = false
received = false
""")
    options = {}
    if os.getuid() == 0:
        os.chmod(work, 0o711)
        for path in (place, config, script, ca_file, f"{place}/home", f"{place}/box"):
            os.chown(path, NOBODY, NOBODY)
        options = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    run(GETMAIL, f"--getmaildir={place}/home", env={**os.environ, "HOME": place}, cwd=place, **options)

    def as_getmail(sent):
        """It lets Python parse a mail and write it anew, without any Return-Path but its own."""
        parsed = email.message_from_bytes(unix(sent))
        del parsed["Return-Path"]
        return parsed.as_bytes(policy=parsed.policy.clone(linesep="\n"))
    check([open(os.path.join(place, "box", n), "rb").read() for n in os.listdir(place + "/box")], "getmail", as_getmail)


@case
def with_mpop():
    """mpop"""
    need("mpop")
    box = os.path.join(work, "mpop-box")
    for sub in ("", "/new", "/cur", "/tmp"):
        os.mkdir(box + sub)
    config = write("mpoprc", f"""account a
host localhost
port {server.pop3s}
user u0001
password {server.password}
tls on
tls_starttls off
tls_trust_file {server.ca_file}
keep on
uidls_file {work}/uidls
received_header off
delivery maildir {box}
""")
    run("mpop", "-C", config, "-q", "a")
    check(maildir_contents(box), "mpop", unix)
    run("mpop", "-C", config, "-q", "a")
    equal(len(maildir_contents(box)), len(mails), "mails after a second run (UIDL)")


def with_mutts(program):
    need(program)
    out = os.path.join(work, f"{program}-box")
    config = write(f"{program}rc", f"""set imap_user="u0001" imap_pass="{server.password}" ssl_ca_certificates_file="{server.ca_file}"
set certificate_file="{server.ca_file}" ssl_verify_host=yes ssl_starttls=no header_cache="{work}/{program}-cache"
set imap_condstore=yes imap_qresync=yes
set folder="{work}" mbox_type=Maildir confirmcreate=no confirmappend=no copy=no delete=no quit=yes wait_key=no
set imap_keepalive=30 mail_check=60 sort=mailbox-order timeout=5
""")
    command = [program, "-n", "-F", config, "-f", f"imaps://localhost:{server.imaps}/INBOX", "-e"]
    terminal(*command, f"push '<tag-pattern>.<enter><tag-prefix><copy-message>{out}<enter><exit>'", home=work)
    # It puts fields of its own at the end of the header, in place of those of the sender.
    own = re.compile(rb"^(?:Content-Length|Lines|Status|X-Status): [^\n]*\n", re.M)

    def without(content):
        head, end, body = content.partition(b"\n\n")
        return own.sub(b"", head + b"\n") + end[1:] + body
    check(map(without, maildir_contents(out)), program, lambda sent: without(unix(sent)))
    # Again, with what it keeps of the headers: the flags of one message changed meanwhile.
    c = server.imap()
    c.select()
    c.store("7", "+FLAGS", "(\\Flagged)")
    shutil.rmtree(out)
    terminal(*command, f"push '<tag-pattern>~F<enter><tag-prefix><copy-message>{out}<enter><exit>'", home=work)
    equal(len(maildir_contents(out)), 1, f"flagged mails with {program}")
    c.store("7", "-FLAGS", "(\\Flagged)")
    c.logout()


@case
def with_mutt():
    """mutt, twice with a cache of headers"""
    with_mutts("mutt")


@case
def with_neomutt():
    """neomutt, twice with a cache of headers"""
    with_mutts("neomutt")


def files_of(path):
    found = []
    for name in os.listdir(path):
        with open(os.path.join(path, name), "rb") as f:
            found.append(f.read())
    return found


def place_for(name):
    path = os.path.join(work, name)
    os.mkdir(path)
    return path


@case
def with_mail_imapclient():
    """Perl's Mail::IMAPClient"""
    if subprocess.run(["perl", "-MMail::IMAPClient", "-MIO::Socket::SSL", "-e1"], capture_output=True).returncode:
        lacking("Mail::IMAPClient is not installed")
    out = place_for("perl")
    run("perl", "-we", r"""
use strict; use Mail::IMAPClient;
my ($port, $ca, $password, $out) = @ARGV;
my $c = Mail::IMAPClient->new(Server => "localhost", Port => $port, User => "u0001", Password => $password, Uid => 1, Peek => 1,
                              Ssl => [SSL_ca_file => $ca, SSL_verify_mode => 1]) or die "login: $@";
sub ok { my ($what, $value) = @_; defined $value or die "$what: " . $c->LastError; $value }
my @folders = $c->folders; grep($_ eq "Drafts", @folders) or die "folders: @folders";
ok(select => $c->select("INBOX"));
for my $uid (@{ok(messages => scalar $c->messages)}) {
    open my $f, ">:raw", "$out/$uid" or die; print $f ok(message => $c->message_string($uid)); close $f;
}
ok(structure => $c->get_bodystructure($_)) for ($c->messages)[0..20];
ok(envelope => $c->get_envelope($_)) for ($c->messages)[0..20];
my $uid = ok(append => $c->append_string("Drafts", "Subject: from perl\r\n\r\nx\r\n", '\Draft'));
ok(select => $c->select("Drafts"));
"@{$c->search('SUBJECT', 'from perl')}" eq $uid or die "search";
ok(create => $c->create("perl's"));
my $new = ok(move => $c->move("perl's", $uid)); ok(expunge => $c->expunge);
$c->message_count("Drafts") == 0 && $c->message_count("perl's") == 1 or die "move";
ok(delete => $c->delete("perl's"));
ok(logout => $c->logout);
""", str(server.imaps), server.ca_file, server.password, out)
    check(files_of(out), "Mail::IMAPClient")


@case
def with_imapfilter():
    """imapfilter"""
    need("imapfilter")
    out = place_for("imapfilter")
    config = write("imapfilter.lua", f"""
account = IMAP {{ server = "localhost", port = {server.imaps}, username = "u0001", password = "{server.password}", ssl = "auto" }}
for n, message in ipairs(account.INBOX:select_all()) do
  mailbox, uid = table.unpack(message)
  f = io.open("{out}/" .. uid, "wb")
  f:write(mailbox[uid]:fetch_message())
  f:close()
end
account:create_mailbox("filtered")
some = account.INBOX:is_smaller(4000)
some:copy_messages(account.filtered)
some:add_flags({{ "$filtered" }})
both = account.INBOX:has_keyword("$filtered") * some
f = io.open("{work}/imapfilter-count", "w")
f:write(#both .. " " .. #some .. " " .. #account.filtered:select_all())
f:close()
account.filtered:select_all():delete_messages()
some:remove_flags({{ "$filtered" }})
account:delete_mailbox("filtered")
""")
    os.mkdir(os.path.join(work, ".imapfilter"))
    run("imapfilter", "-t", server.ca_file, "-c", config, env={**os.environ, "HOME": work})
    check(files_of(out), "imapfilter")
    with open(os.path.join(work, "imapfilter-count")) as f:
        counts = f.read().split()
    equal(len(set(counts)) == 1 and int(counts[0]) > 10, True, f"mails found by keyword, selected and copied: {counts}")


@case
def with_mailutil():
    """mailutil, of the library behind alpine and php: from one account to another"""
    need("mailutil", everywhere=False)
    names = ["{localhost:%d/imap/notls/norsh/user=u000%d}%s" % (server.ports["imap"], n, box) for n, box in ((1, "INBOX"), (2, ""))]
    password = (b"password:", server.password.encode() + b"\n")
    terminal("mailutil", "transfer", "-m", "append", *names, home=work, keys=[password, password])
    c = server.imap("u0002")
    c.select()
    check([x[1] for x in c.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(x, tuple)], "mailutil")
    c.logout()


@case
def with_horde():
    """Horde's IMAP library, which Nextcloud Mail uses: contents, structures, and only what changed the second time"""
    library = "/usr/share/php/Horde/Imap/Client/Socket.php"
    if not shutil.which("php") or not os.path.exists(library):
        raise Skip("php and Horde_Imap_Client are not installed")
    out = place_for("horde")
    script = write("horde.php", r"""<?php
error_reporting(E_ALL & ~E_DEPRECATED);
set_error_handler(function ($no, $text, $file, $line) { if (error_reporting() & $no) throw new ErrorException("$text in $file:$line"); });
spl_autoload_register(function ($class) { @include_once strtr($class, "_\\", "//") . ".php"; });
[, $port, $password, $out] = $argv;
$account = ["username" => "u0001", "password" => $password, "hostspec" => "127.0.0.1", "port" => $port, "secure" => false,
            "cache" => ["backend" => new Horde_Imap_Client_Cache_Backend_Null()]];  // with any cache it enables QRESYNC
$c = new Horde_Imap_Client_Socket($account);
$c->login();
$boxes = $c->listMailboxes("*", Horde_Imap_Client::MBOX_ALL, ["special_use" => true, "attributes" => true, "status" => Horde_Imap_Client::STATUS_MESSAGES]);
in_array("\\sent", $boxes["Sent"]["attributes"]) or die("special use: " . json_encode($boxes["Sent"]));
$all = $c->search("INBOX")["match"];
$q = new Horde_Imap_Client_Fetch_Query(); $q->fullText(["peek" => true]);
foreach ($c->fetch("INBOX", $q, ["ids" => $all]) as $uid => $m) file_put_contents("$out/$uid", $m->getFullMsg());
$q = new Horde_Imap_Client_Fetch_Query(); $q->envelope(); $q->structure(); $q->flags(); $q->size(); $q->imapDate();
foreach ($c->fetch("INBOX", $q, ["ids" => $all]) as $m) { $m->getEnvelope()->subject; $m->getStructure()->contentTypeMap(); }
$token = $c->getSyncToken("INBOX");
$some = new Horde_Imap_Client_Ids(array_slice($all->ids, 3, 2));
$other = new Horde_Imap_Client_Socket($account);
$other->store("INBOX", ["add" => ['$horde'], "ids" => $some]);
$new = $other->append("INBOX", [["data" => "From: h@example.net\r\nTo: u@example.org\r\nSubject: horde\r\n\r\nWhat is shorter than 100 bytes it quotes, line ends and all, once UTF8=ACCEPT is on.\r\n"]]);
$c->logout();
$c = new Horde_Imap_Client_Socket($account);
$sync = $c->sync(Horde_Imap_Client_Mailbox::get("INBOX"), $token, ["ids" => $all]);
$changed = $sync->flagsuids->ids; sort($changed);
$changed == array_merge($some->ids, $new->ids) or die("flags: " . json_encode($changed));
$sync->newmsgsuids->ids == $new->ids or die("new: " . json_encode($sync->newmsgsuids->ids));
$sorted = $c->search("INBOX", null, ["sort" => [Horde_Imap_Client::SORT_SUBJECT]])["match"];
count($sorted) == count($all) + 1 or die("sort: " . count($sorted) . " of " . count($all));
count($c->thread("INBOX", ["criteria" => Horde_Imap_Client::THREAD_REFERENCES])->messageList()) == count($sorted) or die("thread");
$other->store("INBOX", ["remove" => ['$horde'], "ids" => $some]);
$other->expunge("INBOX", ["ids" => $new, "delete" => true]);
$c->logout();
echo "fine";
""")
    r = run("php", script, str(server.ports["imap"]), server.password, out)
    equal(r.stdout, b"fine", "Horde")
    check(files_of(out), "Horde")


main()
