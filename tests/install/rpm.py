#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The rpm packages, in the long run: built, checked, installed in a machine with a systemd of its own beside a database
of their own, used, upgraded, removed."""
import glob
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from installed import Installed  # noqa: E402
from machine import Machine  # noqa: E402
from tap import LONG, TOP, Skip, case, equal, main, need, run, scratch, wait_for  # noqa: E402

NAMES = ["satchel", "satchel-bdb", "satchel-devel", "satchel-ldap", "satchel-libs", "satchel-oauth", "satchel-pam", "satchel-passwd-file", "satchel-sql", "satchel-totp"]
work = scratch()
os.chmod(work, 0o755)
packages = {}
machine = server = None


def need_packages():
    if not packages:
        raise Skip("no packages; they are built in the long run")


def need_machine():
    if machine is None:
        raise Skip("no machine with the packages")


def query(name, *options):
    return run("rpm", "-qp", *options, packages[name], text=True).stdout


def rpm(*arguments):
    # Nothing here is Fedora, so no dependency outside of these packages is known.
    return machine.run("sh", "-c", 'rpm --dbpath /var/lib/rpm-test "$@" 2>&1', "rpm", *arguments, text=True).stdout


def next_release():
    """The same files as release 2: packed again instead of built again."""
    top = os.path.join(work, "again")
    version = query("satchel", "--qf", "%{VERSION}")
    root = os.path.join(top, f"BUILDROOT/satchel-{version}-2.{os.uname().machine}")
    build = os.path.join(top, f"BUILD/satchel-{version}")
    os.makedirs(root)
    os.makedirs(build)
    run("cp", os.path.join(TOP, "LICENSE"), build)
    for path in packages.values():
        run("sh", "-c", 'rpm2cpio "$1" | cpio --quiet -idmu', "unpack", path, cwd=root)
    spec = os.path.join(work, "satchel.spec")
    with open(os.path.join(TOP, "packaging/rpm/satchel.spec")) as given, open(spec, "w") as f:
        f.write(re.sub(r"^Release:.*", "Release: 2", given.read(), flags=re.M))
    run("rpmbuild", "-bb", "--short-circuit", "--nodeps", "--define", f"_topdir {top}", "--define", "_build_id_links none", spec)
    os.mkdir(os.path.join(work, "newer"))
    for built in glob.glob(os.path.join(top, "RPMS/*/*.rpm")):
        os.rename(built, os.path.join(work, "newer", os.path.basename(built)))


@case
def builds():
    """tools/package rpm builds the four packages"""
    given = os.environ.get("SATCHEL_RPMS")  # built already, while a test is written
    if not LONG and not given:
        raise Skip("in the long run")
    need("rpmbuild")
    need("cpio")
    if not given:
        run(os.path.join(TOP, "tools/package"), "rpm", "--output", work, timeout=900)
    for path in glob.glob(os.path.join(given or work, "*.rpm")):
        packages[run("rpm", "-qp", "--qf", "%{NAME}", path, text=True).stdout] = path
    equal(sorted(packages), NAMES, "packages")
    next_release()


@case
def rpmlint():
    """rpmlint finds no error"""
    need_packages()
    need("rpmlint")
    r = run("rpmlint", "-r", os.path.join(TOP, "packaging/rpm/satchel.rpmlintrc"), *packages.values(), check=False, text=True)
    equal([line for line in r.stdout.splitlines() if ": E: " in line], [], r.stdout)


@case
def contents():
    """each file is in the package where it belongs, all root's, for nobody else to write; scripts parse; what is to be edited is kept"""
    need_packages()
    wanted = {
        "satchel-libs": [r"/usr/lib[^/]*(/[^/]+)?/libsatchel\.so\.0"],
        "satchel": [r"/usr/sbin/satcheld", r"/usr/bin/satchel", r".*/systemd/system/satchel\.service", r".*/satchel-unprivileged\.service",
                    r".*/satchel-unprivileged\.socket", r".*/50-satchel\.preset", r".*/sysusers\.d/satchel\.conf", r".*/tmpfiles\.d/satchel\.conf",
                    r"/etc/satchel/satchel\.conf", r"/etc/fail2ban/filter\.d/satchel\.conf", r".*/satchel/modules/maildir\.so", r".*/satchel/modules/app-passwords\.so"],
        "satchel-passwd-file": [r".*/satchel/modules/passwd-file\.so", r"/usr/share/satchel/conf\.d/passwd-file\.conf"],
        "satchel-bdb": [r".*/satchel/modules/bdb\.so", r"/usr/share/satchel/conf\.d/bdb\.conf", r"/usr/share/man/man1/satchel-bdb\.1\.gz"],
        "satchel-ldap": [r".*/satchel/modules/ldap\.so", r"/usr/share/satchel/conf\.d/ldap\.conf"],
        "satchel-pam": [r".*/satchel/modules/pam\.so", r"/usr/share/satchel/conf\.d/pam\.conf", r"/etc/pam\.d/satchel"],
        "satchel-oauth": [r".*/satchel/modules/sasl-oauth\.so", r"/usr/share/satchel/conf\.d/sasl-oauth\.conf"],
        "satchel-sql": [r".*/satchel/modules/sql\.so", r"/usr/share/satchel/conf\.d/sql\.conf"],
        "satchel-totp": [r".*/satchel/modules/totp\.so", r"/usr/share/satchel/conf\.d/totp\.conf", r"/usr/share/man/man1/satchel-totp\.1\.gz"],
        "satchel-devel": [r"/usr/include/satchel/module\.h", r".*/libsatchel\.so", r".*/satchel\.pc", r"/usr/bin/satchel-storage-check", r"/usr/share/man/man1/satchel-storage-check\.1\.gz"],
    }
    lists = {name: query(name, "--qf", "[%{FILENAMES} %{FILEMODES:perms} %{FILEUSERNAME}\n]").splitlines() for name in NAMES}
    for name, patterns in wanted.items():
        for pattern in patterns:
            for other, lines in lists.items():
                equal(any(re.fullmatch(pattern, line.split()[0]) for line in lines), name == other, f"{pattern} in {other}")
    for lines in lists.values():
        for line in lines:
            path, rights, owner = line.split()
            equal((owner, rights[0] == "l" or (rights[5] != "w" and rights[8] != "w")), ("root", True), f"{path}: {rights}")
    for script in ("prein", "postin", "preun", "postun"):
        subprocess.run(["sh", "-n"], input=query("satchel", "--qf", "%{" + script.upper() + "}"), text=True, check=True)
    equal(query("satchel", "-c").split(), ["/etc/fail2ban/filter.d/satchel.conf", "/etc/satchel/satchel.conf"], "configuration")
    with open(os.path.join(TOP, "include/satchel/module.h")) as f:
        abi = re.search(r"#define SATCHEL_ABI (\d+)u", f.read()).group(1)
    equal(f"satchel(abi) = {abi}" in query("satchel-libs", "--provides"), True, "the ABI")


@case
def installs():
    """installed, nothing runs; a first start is refused with its reasons; then it serves, and an upgrade keeps the open session"""
    global machine, server
    need_packages()
    machine = Machine(shared={os.path.dirname(packages["satchel"]): "/srv/packages", os.path.join(work, "newer"): "/srv/newer"})
    server = Installed(machine)
    machine.run("mkdir", "-p", "/var/lib/rpm-test")
    rpm("--initdb")
    rpm("-i", "--nodeps", *(f"/srv/packages/{os.path.basename(p)}" for p in packages.values()))
    # Debian's linker does not look where rpm's libdir is.
    machine.run("sh", "-c", "dirname $(find /usr/lib* -name libsatchel.so.0) > /etc/ld.so.conf.d/test.conf; ldconfig; systemctl daemon-reload")
    equal(machine.run("systemctl", "is-enabled", "satchel.service", check=False, text=True).stdout.strip(), "disabled", "enabled")
    machine.fails("systemctl", "start", "satchel.service")
    equal("server.hostname is empty" in machine.journal("satchel.service"), True, "the reason")
    machine.run("systemctl", "reset-failed", "satchel.service")
    server.put_certificate()
    server.set_hostname()
    machine.run("systemctl", "start", "satchel.service")
    server.add("anna")
    server.check_mail("first")


@case
def upgrades():
    """an upgrade leaves the open session alone and the edited configuration; a reload starts the new program"""
    need_machine()
    c = server.imap()
    c.select("INBOX")
    master = machine.say("systemctl", "show", "-p", "MainPID", "--value", "satchel.service")
    said = rpm("-U", "--nodeps", *(f"/srv/newer/{name}" for name in sorted(os.listdir(os.path.join(work, "newer")))))
    equal("the running server and its sessions go on" in said, True, said)
    equal(rpm("-q", "--qf", "%{RELEASE}", "satchel"), "2", "release")
    server.deliver("while-upgraded")
    equal(c.noop()[0], "OK", "the session")
    equal(server.fetch_subjects(c)[-1], "while-upgraded", "what the session sees")
    machine.run("systemctl", "reload", "satchel.service")
    wait_for(lambda: machine.runs(master, "/usr/sbin/satcheld"), "the new program")
    wait_for(lambda: "serving" in machine.say("systemctl", "show", "-p", "StatusText", "satchel.service"), "readiness")
    server.check_mail("upgraded")


@case
def removes():
    """removed, nothing runs; mail, passwords and the edited configuration stay"""
    need_machine()
    rpm("-e", "--nodeps", *NAMES)
    equal(machine.processes("satchel.service"), {}, "processes")
    equal(machine.run("test", "-e", "/usr/sbin/satcheld", check=False).returncode, 1, "the program")
    machine.run("grep", "-q", "mail.example.org", "/etc/satchel/satchel.conf.rpmsave")
    machine.run("test", "-s", "/var/lib/satchel/auth/passwd")
    equal(int(machine.say("sh", "-c", "grep -c 'Subject: m[0-9]' /var/lib/satchel/mail/bdb/default/content.db")) > 0, True, "mail")


main()
