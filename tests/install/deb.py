#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Debian packages: built, checked, installed in a machine with a systemd of its own, used, upgraded, removed, purged."""
import glob
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from installed import Installed, flags_of_build  # noqa: E402
from machine import Machine  # noqa: E402
from tap import LONG, TOP, Skip, case, equal, main, need, run, scratch, wait_for  # noqa: E402

NAMES = ["libsatchel0", "satchel", "satchel-bdb", "satchel-dev", "satchel-ldap", "satchel-oauth", "satchel-pam", "satchel-passwd-file", "satchel-sql", "satchel-totp"]
UNITS = ["satchel.service", "satchel-unprivileged.service", "satchel-unprivileged.socket", "satchel-postfix.socket", "satchel-postfix-auth.socket"]
work = scratch()
os.chmod(work, 0o755)
packages = {}
machine = server = None


def need_machine():
    if machine is None:
        raise Skip("no machine with the packages")


def contains(text, *parts):
    for part in parts:
        if part not in text:
            raise AssertionError(f"{part!r} is missing in: {text[-1500:]}")


def config(*lines):
    """A file that overrides; none: away with it."""
    if lines:
        machine.put("/etc/satchel/conf.d/test.conf", "\n".join(lines) + "\n")
    else:
        machine.run("rm", "-f", "/etc/satchel/conf.d/test.conf")


def start(unit="satchel.service"):
    machine.run("systemctl", "start", unit)
    equal(machine.state(unit), "active", unit)


def stop(unit="satchel.service"):
    machine.run("systemctl", "stop", unit)
    equal(machine.processes(unit), {}, "processes that are left")
    for user in ("satchel", "satchel-gate", "satchel-auth", "satchel-mail"):
        equal(machine.run("pgrep", "-u", user, check=False).stdout, b"", f"processes of {user}")


def refused(unit="satchel.service"):
    """What the journal says of a start that fails; the unit does not try again."""
    machine.run("journalctl", "--rotate", "--vacuum-time=1us")
    machine.fails("systemctl", "start", unit)
    equal(machine.state(unit), "failed", unit)
    equal(machine.say("systemctl", "show", "-p", "NRestarts", "--value", unit), "0", "restarts")
    said = machine.journal(unit)
    machine.run("systemctl", "reset-failed", unit)
    return said


def role(unit, name):
    return [pid for pid, command in machine.processes(unit).items() if f"--role={name}" in command]


def all_ready():
    states = re.findall(r"^(?:auth|mail|gate) +\d+ +\S+ +(\S+)", machine.say("satchel", "status"), re.M)
    return len(states) >= 3 and set(states) == {"ready"}


@case
def builds():
    """tools/package deb builds the packages from the tree and leaves nothing in it"""
    need("dpkg-buildpackage")
    need("dh")
    before = run("git", "-C", TOP, "status", "--porcelain", "--ignored", check=False).stdout
    given = os.environ.get("SATCHEL_DEBS")  # built already, while a test is written
    if not given:
        # With the flags of the build for tests, whose files the compiler's cache has, and with the quicker shell, for speed; in the long run
        # with those of the system.
        quick = {} if LONG else {"DEB_CFLAGS_SET": flags_of_build(), "DEB_CPPFLAGS_SET": "", "DEB_LDFLAGS_SET": "", "DPKG_DEB_COMPRESSOR_LEVEL": "1", "CONFIG_SHELL": "/bin/dash"}
        run(os.path.join(TOP, "tools/package"), "deb", "--output", work, env={**os.environ, "DEB_BUILD_OPTIONS": "noautodbgsym", **quick}, timeout=900)
    for path in glob.glob(os.path.join(given or work, "*.deb")):
        packages[run("dpkg-deb", "-f", path, "Package", text=True).stdout.strip()] = path
    equal(sorted(packages), NAMES, "packages")
    equal(run("git", "-C", TOP, "status", "--porcelain", "--ignored", check=False).stdout, before, "the tree")


@case
def lintian():
    """lintian finds no error"""
    need("lintian")
    if not packages:
        raise Skip("no packages")
    changes = glob.glob(os.path.dirname(packages["satchel"]) + "/*.changes")[0]
    user = ["--allow-root"] if os.getuid() == 0 else []
    r = run("lintian", *user, "--fail-on", "error", changes, check=False, text=True)
    equal((r.returncode, [line for line in r.stdout.splitlines() if line.startswith("E:")]), (0, []), r.stdout + r.stderr)


def listing(name):
    """{path: (rights, owner)} of a package's files."""
    found = {}
    for line in run("dpkg-deb", "-c", packages[name], text=True).stdout.splitlines():
        rights, owner, _, _, _, path = line.split(maxsplit=5)
        found[path.split(" -> ")[0][1:]] = (rights, owner)
    return found


@case
def contents():
    """each file is in the package where it belongs, none in two, all root's and for nobody else to write"""
    if not packages:
        raise Skip("no packages")
    lists = {name: listing(name) for name in NAMES}
    wanted = {
        "libsatchel0": [r"/usr/lib/[^/]+/libsatchel\.so\.0"],
        "satchel": [r"/usr/sbin/satcheld", r"/usr/bin/satchel", r"(/usr)?/lib/systemd/system/satchel\.service",
                    r"(/usr)?/lib/systemd/system/satchel-unprivileged\.(service|socket)", r"/usr/lib/systemd/system-preset/50-satchel\.preset",
                    r"/usr/lib/sysusers\.d/satchel\.conf", r"/usr/lib/tmpfiles\.d/satchel\.conf", r"/etc/fail2ban/filter\.d/satchel\.conf",
                    r"/etc/satchel/satchel\.conf", r"/usr/lib/[^/]+/satchel/modules/maildir\.so", r"/usr/lib/[^/]+/satchel/modules/app-passwords\.so", r"/usr/lib/[^/]+/satchel/modules/account-notices\.so", r"/usr/share/man/man8/satcheld\.8\.gz"],
        "satchel-passwd-file": [r"/usr/lib/[^/]+/satchel/modules/passwd-file\.so", r"/usr/share/satchel/conf\.d/passwd-file\.conf"],
        "satchel-bdb": [r"/usr/lib/[^/]+/satchel/modules/bdb\.so", r"/usr/share/satchel/conf\.d/bdb\.conf", r"/usr/share/man/man1/satchel-bdb\.1\.gz"],
        "satchel-ldap": [r"/usr/lib/[^/]+/satchel/modules/ldap\.so", r"/usr/share/satchel/conf\.d/ldap\.conf"],
        "satchel-pam": [r"/usr/lib/[^/]+/satchel/modules/pam\.so", r"/usr/share/satchel/conf\.d/pam\.conf", r"/etc/pam\.d/satchel"],
        "satchel-oauth": [r"/usr/lib/[^/]+/satchel/modules/sasl-oauth\.so", r"/usr/share/satchel/conf\.d/sasl-oauth\.conf"],
        "satchel-sql": [r"/usr/lib/[^/]+/satchel/modules/sql\.so", r"/usr/share/satchel/conf\.d/sql\.conf"],
        "satchel-totp": [r"/usr/lib/[^/]+/satchel/modules/totp\.so", r"/usr/share/satchel/conf\.d/totp\.conf", r"/usr/share/man/man1/satchel-totp\.1\.gz"],
        "satchel-dev": [r"/usr/include/satchel/module\.h", r"/usr/lib/[^/]+/libsatchel\.so", r"/usr/lib/[^/]+/pkgconfig/satchel\.pc",
                        r"/usr/bin/satchel-storage-check", r"/usr/share/man/man1/satchel-storage-check\.1\.gz"],
    }
    for name, patterns in wanted.items():
        for pattern in patterns:
            for other, files in lists.items():
                equal(any(re.fullmatch(pattern, path) for path in files), name == other, f"{pattern} in {other}")
    seen = {}
    for name, files in lists.items():
        for path, (rights, owner) in files.items():
            equal(owner, "root/root", path)
            equal(rights[0] == "l" or (rights[5] != "w" and rights[8] != "w"), True, f"{path}: {rights}")
            if rights[0] != "d":
                equal(seen.setdefault(path, name), name, f"packages with {path}")


@case
def installs():
    """installed, nothing runs or is enabled; systemd finds no fault in the units; accounts and directories are there"""
    global machine, server
    if not packages:
        raise Skip("no packages")
    m = Machine(shared={os.path.dirname(packages["satchel"]): "/srv/packages"})
    m.run("sh", "-c", "dpkg -i /srv/packages/*.deb")
    machine, server = m, Installed(m)
    for unit in UNITS:
        equal(m.run("systemctl", "is-enabled", unit, check=False, text=True).stdout.strip(), "disabled", unit)
        equal(m.state(unit), "inactive", unit)
    # By their paths: of a name alone systemd 257 looks in the directory it runs in.
    paths = [m.say("systemctl", "show", "-p", "FragmentPath", "--value", unit) for unit in UNITS]
    r = m.run("systemd-analyze", "verify", "--man=no", *paths, check=False, text=True)
    equal((r.returncode, r.stdout + r.stderr), (0, ""), "systemd-analyze verify")
    equal(m.say("stat", "-c", "%n %U %a", "/var/lib/satchel", "/var/lib/satchel/auth", "/var/lib/satchel/mail").splitlines(),
          ["/var/lib/satchel root 755", "/var/lib/satchel/auth satchel-auth 700", "/var/lib/satchel/mail satchel-mail 700"], "directories")
    equal(m.say("pkg-config", "--variable=abi", "satchel"),
          re.search(r"#define SATCHEL_ABI (\d+)u", open(os.path.join(TOP, "include/satchel/module.h")).read()).group(1), "abi of satchel.pc")


@case
def exposure():
    """systemd's measure of exposure: 2.5 at most under root's master, 1.5 at most under one account"""
    need_machine()
    for unit, most in (("satchel.service", 2.5), ("satchel-unprivileged.service", 1.5)):
        said = machine.say("systemd-analyze", "security", "--no-pager", unit)
        equal(float(re.search(r"exposure level for \S+ (\d+\.\d)", said).group(1)) <= most, True, f"{unit}: {said[-80:]}")


@case
def first_start():
    """before hostname and certificate are there nothing starts, once, and what is missing is said with its line"""
    need_machine()
    hostname, cert, key = "server.hostname is empty; set the name that clients connect to", "fullchain.pem cannot be read", "privkey.pem cannot be read"
    contains(refused(), "/etc/satchel/satchel.conf:", hostname, cert, key)
    contains(machine.fails("satchel", "config", "check"), hostname, cert, key)
    server.put_certificate()
    said = refused()
    contains(said, hostname)
    equal(cert in said, False, said)
    server.set_hostname()
    machine.run("mv", "/etc/satchel/tls/privkey.pem", "/etc/satchel/tls/away.pem")
    said = refused()
    contains(said, key)
    equal("hostname" in said, False, said)
    machine.run("mv", "/etc/satchel/tls/away.pem", "/etc/satchel/tls/privkey.pem")
    machine.run("satchel", "config", "check")


@case
def serves():
    """started, it takes mail in and gives it out by IMAP and POP3, each process in its sandbox"""
    need_machine()
    server.add("anna")
    start()
    server.check_mail("first")
    equal(machine.say("systemctl", "show", "-p", "StatusText", "--value", "satchel.service"), "serving", "status")
    said = machine.journal("satchel.service")
    equal([line for line in said.splitlines() if "andbox" in line or "andlock" in line or "seccomp" in line], [], "warnings of the sandbox")
    for name, user in (("gate", "satchel-gate"), ("auth", "satchel-auth"), ("mail", "satchel-mail")):
        for pid in role("satchel.service", name):
            facts = dict(re.findall(r"^(\w+):\s*(.*)$", machine.say("cat", f"/proc/{pid}/status"), re.M))
            equal((facts["Uid"].split()[0], facts["CapEff"], facts["Seccomp"]), (machine.say("id", "-u", user), "0" * 16, "2"), name)


@case
def reloads():
    """a reload of a good configuration succeeds; of a bad one it fails, and all goes on as before"""
    need_machine()
    c = server.imap()
    c.select("INBOX")
    config("limits = { message_size = \"20M\"; };")
    machine.run("systemctl", "reload", "satchel.service")
    contains(machine.say("satchel", "config", "dump", "limits"), '20M')
    for bad in ("limits = {", "limits = { message_sise = \"1M\"; };", "no-such-module = { enabled = true; };", "imap = { enabled = \"perhaps\"; };",
                "tls = { key = \"/etc/hostname\"; };"):
        config(bad)
        machine.fails("systemctl", "reload", "satchel.service")
        equal(machine.state("satchel.service"), "active", bad)
        contains(machine.journal("satchel.service"), "reload refused, nothing was changed")
        equal(c.noop()[0], "OK", "the session")
    config()
    machine.run("systemctl", "reload", "satchel.service")
    c.logout()
    server.check_mail("reloaded")


@case
def survives():
    """a process that is killed is back, and so is the whole service when master is killed, with all mail"""
    need_machine()
    for name in ("gate", "mail", "auth"):
        old = role("satchel.service", name)
        machine.run("kill", "-KILL", *map(str, old))
        wait_for(lambda: len(role("satchel.service", name)) == len(old) and not set(role("satchel.service", name)) & set(old), f"new {name}")
        wait_for(all_ready, "readiness")
    server.check_mail("after-roles")
    master = machine.say("systemctl", "show", "-p", "MainPID", "--value", "satchel.service")
    machine.run("kill", "-KILL", master)
    wait_for(lambda: machine.state("satchel.service") == "active"
             and machine.say("systemctl", "show", "-p", "MainPID", "--value", "satchel.service") not in ("0", master), "the restart")
    server.check_mail("after-master")
    stop()
    equal(machine.run("ls", "/run/satchel", check=False).returncode != 0, True, "/run/satchel is gone")


# Settings, and a part of the refusal before the drop-in is written.
ELSEWHERE = {
    "server.mail_root": ('server = { mail_root = "/srv/mail"; };', "/srv/mail is read-only for satchel.service"),
    "server.mail_root in /home": ('server = { mail_root = "/home/vmail"; };', "/home/vmail is read-only for satchel.service"),
    "listen.listeners": ('listen = { listeners = ( { name = "postfix"; protocol = "lmtp"; path = "/var/spool/postfix/private/satchel-lmtp"; } ); };',
                         "/var/spool/postfix/private is read-only for satchel.service"),
    "log.file": ('log = { file = "/opt/logs/satchel.log"; };', "/opt/logs is read-only for satchel.service"),
}


@case
def elsewhere():
    """mail, a socket or the log outside of the service's own directories: the refusal prints the commands that allow it, and they do"""
    need_machine()
    machine.run("mkdir", "-p", "/opt/logs", "/var/spool/postfix/private", "/srv/mail")
    for what, (setting, refusal) in ELSEWHERE.items():
        config(setting)
        said = refused()
        contains(said, "/etc/satchel/conf.d/test.conf:1: ", refusal)
        command = re.search(re.escape(refusal) + r"; run: (.*)", said).group(1)
        machine.run("sh", "-c", command)
        start()
        if "listeners" in what:
            server.deliver("into-the-spool", path="/var/spool/postfix/private/satchel-lmtp")
        else:
            server.check_mail(re.sub(r"\W", "-", what))
        stop()
        machine.run("rm", "-r", "/etc/systemd/system/satchel.service.d")
        machine.run("systemctl", "daemon-reload")
    equal(machine.say("sh", "-c", "ls -d /srv/mail/bdb/default/records.db /home/vmail/bdb/default/records.db | wc -l"), "2", "volumes")
    contains(machine.say("cat", "/opt/logs/satchel.log"), "delivered:")
    config()


@case
def postfix_socket():
    """satchel-postfix.socket: systemd binds inside Postfix's spool, the server serves it without a right to write there"""
    need_machine()
    machine.run("sh", "-c", "id postfix >/dev/null 2>&1 || useradd --system postfix; chown postfix /var/spool/postfix/private; chmod 700 /var/spool/postfix/private")
    config('listen = { listeners = ( { name = "postfix"; protocol = "lmtp"; path = "/var/spool/postfix/private/satchel-lmtp"; } ); };')
    start("satchel-postfix.socket")
    start()
    equal(machine.say("stat", "-c", "%U %a", "/var/spool/postfix/private/satchel-lmtp"), "postfix 600", "owner of the socket")
    server.deliver("over-the-socket-unit", path="/var/spool/postfix/private/satchel-lmtp")
    stop()
    machine.run("systemctl", "stop", "satchel-postfix.socket")
    config()
    start()
    equal(server.subjects()[-1], "over-the-socket-unit", "the newest message")
    stop()
    config('dovecot-auth = { enabled = true; }; '
           'listen = { listeners = ( { name = "postfix-auth"; protocol = "dovecot-auth"; path = "/var/spool/postfix/private/satchel-auth"; } ); };')
    start("satchel-postfix-auth.socket")
    start()
    equal(machine.say("stat", "-c", "%U %a", "/var/spool/postfix/private/satchel-auth"), "postfix 600", "owner of the socket for logins")
    stop()
    machine.run("systemctl", "stop", "satchel-postfix-auth.socket")
    config()


@case
def unprivileged():
    """satchel-unprivileged.service: one account, no capability, no network, and all works: mail, reload, kills"""
    need_machine()
    unit = "satchel-unprivileged.service"
    contains(refused(unit), "privkey.pem cannot be read (Permission denied); make it readable for the user that starts the server")
    machine.run("systemctl", "stop", "satchel-unprivileged.socket")
    machine.run("sh", "-c", "cd /etc/satchel/tls && chgrp satchel-mail privkey.pem && chmod 640 privkey.pem")
    start(unit)
    uid = machine.say("id", "-u", "satchel-mail")
    for pid in machine.processes(unit):
        facts = dict(re.findall(r"^(\w+):\s*(.*)$", machine.say("cat", f"/proc/{pid}/status"), re.M))
        equal((facts["Uid"].split(), facts["CapPrm"], facts["CapBnd"]), ([uid] * 4, "0" * 16, "0" * 16), f"process {pid}")
        equal(machine.say("readlink", f"/proc/{pid}/ns/net") != machine.say("readlink", "/proc/1/ns/net"), True, "a network of its own")
    equal(set(re.findall(r"--role=(\w+)", " ".join(machine.processes(unit).values()))), {"auth", "gate", "mail"}, "roles")
    server.check_mail("unprivileged")
    machine.run("systemctl", "reload", unit)
    config("limits = {")
    machine.fails("systemctl", "reload", unit)
    config('listen = { listeners = ( { name = "high"; protocol = "imap"; address = "*"; port = 1143; } ); };')
    machine.fails("systemctl", "reload", unit)
    contains(machine.journal(unit), "listener high: 0.0.0.0 port 1143 cannot be bound", "put it into the socket unit")
    config()
    for name in ("gate", "mail", "auth"):
        old = role(unit, name)
        machine.run("kill", "-KILL", *map(str, old))
        wait_for(lambda: len(role(unit, name)) == len(old) and not set(role(unit, name)) & set(old), f"new {name}")
        wait_for(all_ready, "readiness")
    server.check_mail("unprivileged-again")
    stop(unit)
    machine.run("systemctl", "stop", "satchel-unprivileged.socket")


@case
def back_from_unprivileged():
    """back under root's master: the command that it prints is all that is needed"""
    need_machine()
    said = refused()
    machine.run("sh", "-c", re.search(r"run: (chown -R \S+ /var/lib/satchel/auth)", said).group(1))
    start()
    server.check_mail("back")


def newer():
    """The same packages with a higher version, in a directory of the machine."""
    machine.run("mkdir", "-p", "/root/newer")
    script = """set -e; cd /root/newer
for f in /srv/packages/*.deb; do d=$(basename "$f" .deb); dpkg-deb -R "$f" $d
sed -i -e 's/^Version: .*/Version: 9.0-1/' -e 's/(= [^)]*)/(= 9.0-1)/g' $d/DEBIAN/control; dpkg-deb -Zgzip -z1 -b $d $d.deb >/dev/null; rm -r $d; done"""
    machine.run("sh", "-c", script)


@case
def upgrades():
    """an upgrade leaves an open session alone and says how the new program is started; that keeps the ports"""
    need_machine()
    newer()
    c = server.imap()
    c.select("INBOX")
    master = machine.say("systemctl", "show", "-p", "MainPID", "--value", "satchel.service")
    said = machine.say("sh", "-c", "dpkg -i /root/newer/*.deb")
    contains(said, "the running server and its sessions go on", "systemctl reload satchel")
    equal(machine.say("dpkg-query", "-W", "-f", "${Version}", "satchel"), "9.0-1", "version")
    equal(machine.state("satchel.service"), "active", "the service")
    server.deliver("while-upgraded")
    equal(c.noop()[0], "OK", "the session")
    equal(server.fetch_subjects(c)[-1], "while-upgraded", "what the session sees")
    equal(machine.runs(master, "/usr/sbin/satcheld"), False, "the new program runs before the reload")
    machine.run("systemctl", "reload", "satchel.service", check=False)
    wait_for(lambda: machine.runs(master, "/usr/sbin/satcheld"), "the new program")
    wait_for(lambda: machine.state("satchel.service") == "active" and all_ready(), "readiness")
    equal(machine.say("systemctl", "show", "-p", "MainPID", "-p", "NRestarts", "--value", "satchel.service").splitlines(), [master, "0"], "the same master")
    server.check_mail("upgraded")


@case
def removes():
    """removed, nothing runs and the configuration stays; purged, it goes, and mail, passwords and accounts stay"""
    need_machine()
    machine.run("systemctl", "enable", "satchel.service")
    machine.run("dpkg", "-r", "satchel-bdb", "satchel-ldap", "satchel-oauth", "satchel-pam", "satchel-passwd-file", "satchel-sql", "satchel-totp", "satchel", "satchel-dev", "libsatchel0")
    equal(machine.processes("satchel.service"), {}, "processes")
    equal(machine.run("pgrep", "satcheld", check=False).stdout, b"", "processes")
    machine.run("test", "-f", "/etc/satchel/satchel.conf")
    equal(machine.run("test", "-e", "/usr/sbin/satcheld", check=False).returncode, 1, "the program is gone")
    said = machine.say("dpkg", "-P", "satchel-bdb", "satchel-ldap", "satchel-oauth", "satchel-pam", "satchel-passwd-file", "satchel-sql", "satchel-totp", "satchel", "satchel-dev", "libsatchel0")
    contains(said, "mail and passwords stay in /var/lib/satchel")
    # Not all of the root directory: in the machine's own below it other tests make files meanwhile.
    left = machine.say("find", "/etc", "/usr", "/var/lib/dpkg", "/var/lib/systemd", "-xdev", "-name", "*satchel*", "-newer", "/srv/packages")
    left = [path for path in left.splitlines() if "satchel-test" not in path and not path.startswith("/etc/satchel/tls")]
    equal([path for path in left if path != "/etc/satchel"], [], "what is left")
    equal(machine.say("ls", "/etc/satchel", "/etc/satchel/tls").split(), ["/etc/satchel:", "tls", "/etc/satchel/tls:", "fullchain.pem", "privkey.pem"],
          "the admin's own files")
    equal(int(machine.say("sh", "-c", "grep -c 'Subject: m[0-9]' /var/lib/satchel/mail/bdb/default/content.db")) > 0, True, "mail")
    machine.run("test", "-s", "/var/lib/satchel/auth/passwd")
    machine.run("id", "satchel-mail")


main()
