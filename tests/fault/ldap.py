#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Users in a real directory (OpenLDAP's slapd), which is killed and hung in the middle of logins; others are not harmed."""
import glob
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import sources  # noqa: E402
from tap import Server, Skip, at_end, case, equal, free_port, main, run, scratch, wait_for  # noqa: E402

BASE = "dc=example,dc=org"
ENTRIES = f"""dn: {BASE}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: cn=reader,{BASE}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: secret of the reader

dn: ou=people,{BASE}
objectClass: organizationalUnit
ou: people

"""


def person(uid, password="pw", kind="person", room=None, also=(), mail=None):
    return "".join(f"{line}\n" for line in (
        f"dn: uid={uid},ou=people,{BASE}", "objectClass: inetOrgPerson", f"uid: {uid}", "cn: x", "sn: x", f"mail: {uid}@example.org",
        *([f"mail: {mail}"] if mail else []),
        *([f"userPassword: {password}"] if password else []), f"employeeType: {kind}", *([f"roomNumber: {room}"] if room else []),
        *(f"carLicense: {address}" for address in also))) + "\n"


place = scratch()
os.chmod(place, 0o755)


class Directory:
    """One of our own, with throw-away data, that dies with the test."""

    def __init__(self):
        self.program = next(iter(glob.glob("/usr/sbin/slapd") + glob.glob("/usr/libexec/slapd")), None)
        if not self.program:
            raise Skip("slapd is missing (package slapd)")
        self.plain, self.tls, self.dir = free_port(), free_port(), os.path.join(place, "slapd")
        os.mkdir(self.dir, 0o755)
        os.mkdir(f"{self.dir}/db")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{self.dir}/key.pem", "-out", f"{self.dir}/cert.pem")
        self.ca = os.path.join(place, "ldap.crt")
        with open(f"{self.dir}/cert.pem") as f, open(self.ca, "w") as g:
            g.write(f.read())
        modules = next(iter(glob.glob("/usr/lib/ldap") + glob.glob("/usr/lib*/openldap")), None)
        with open(f"{self.dir}/slapd.conf", "w") as f:
            f.write("".join(f"include /etc/ldap/schema/{name}.schema\n" for name in ("core", "cosine", "inetorgperson"))
                    + f"allow bind_anon_cred\npidfile {self.dir}/pid\nmodulepath {modules}\nmoduleload back_mdb\n"
                    f"TLSCertificateFile {self.dir}/cert.pem\nTLSCertificateKeyFile {self.dir}/key.pem\n"
                    f"database mdb\nsuffix {BASE}\nrootdn cn=admin,{BASE}\nrootpw admin\ndirectory {self.dir}/db\n"
                    'access to attrs=userPassword by anonymous auth by * none\n'
                    f'access to * by dn.exact="cn=reader,{BASE}" read by anonymous auth by * none\n')
        self.process = None
        at_end(self.kill)
        run(self.program, "-T", "add", "-f", f"{self.dir}/slapd.conf", input=(
            ENTRIES + person("sally", room="5M", also=["team@example.org"]) + person("lou", kind="former") + person("none", password=None)
            + person("twin1", also=["both@example.org"], mail="twin@example.org")
            + person("twin2", also=["both@example.org"], mail="twin@example.org")
            + person("o'neil")).encode())
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "-d", "0", "-f", f"{self.dir}/slapd.conf", "-h", f"ldap://127.0.0.1:{self.plain} ldaps://127.0.0.1:{self.tls}"],
            start_new_session=True, stdout=open(os.path.join(place, "slapd.log"), "a"), stderr=subprocess.STDOUT)
        wait_for(self.is_up, "slapd is up", seconds=120)

    def is_up(self):
        import socket
        try:
            socket.create_connection(("127.0.0.1", self.tls), timeout=5).close()
            return True
        except OSError:
            return False

    def pids(self):
        return [self.process.pid]

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def change(self, ldif):
        run("ldapmodify", "-x", "-H", f"ldap://127.0.0.1:{self.plain}", "-D", f"cn=admin,{BASE}", "-w", "admin", input=ldif.encode())


directory = Directory()


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def options(**more):
    own = {f"ldap.{key}": quoted(value) for key, value in {
        "server": f"127.0.0.1:{directory.tls}", "ca_file": directory.ca, "bind_dn": f"cn=reader,{BASE}",
        "bind_password": "secret of the reader", "base": f"ou=people,{BASE}",
        "user_filter": "(&(objectClass=inetOrgPerson)(mail=:user)(!(employeeType=former)))",
        "address_filter": "(carLicense=:user)", **more}.items()}
    return sources.settings(**{"ldap.enabled": "true", "quota.enabled": "true",
                               "ldap.attributes": '( { name = "quota.storage"; from = "roomNumber"; } )', **own})


server = Server(*options(), users=2)


@case
def users():
    """users, aliases and limits come from entries, over TLS with a checked certificate; the filter locks"""
    sources.expect_users(server, "sally", "pw", locked="lou")
    equal(sources.login(server, "o'neil", "pw"), "OK", "a name with a quote in it")
    equal(sources.login(server, "none", "pw"), "AUTHENTICATIONFAILED", "a user without a password")
    for name in ("sally", "none", "nobody-here"):
        equal(sources.login(server, name, ""), "AUTHENTICATIONFAILED", f"{name} without a password: no anonymous bind")
        equal(sources.login_plainly(server, name, ""), False, f"LOGIN of {name} without a password")
    equal(sources.login(server, "twin", "pw"), "UNAVAILABLE", "a name that two entries have")
    equal(sources.rcpt(server, "team@example.org"), 250, "alias")
    equal(sources.rcpt(server, "both@example.org"), 250, "alias of two")
    equal(sources.quota(server, "sally", "pw"), 5 * 1024, "limit from an attribute")
    sources.passwords_stay(server, "secret of the reader")


@case
def data():
    """hostile names change nothing and are nobody"""
    sources.expect_data(server, "sally", "pw")


@case
def changes():
    """a changed password and a lock count at the next login, remembered or not"""
    equal(sources.login(server, "sally", "pw"), "OK", "first")
    directory.change(f"dn: uid=sally,ou=people,{BASE}\nchangetype: modify\nreplace: userPassword\nuserPassword: new\n")
    equal(sources.login(server, "sally", "pw"), "AUTHENTICATIONFAILED", "the old password, though the login was remembered")
    equal(sources.login(server, "sally", "new"), "OK", "the new one")
    directory.change(f"dn: uid=sally,ou=people,{BASE}\nchangetype: modify\nreplace: employeeType\nemployeeType: former\n")
    equal(sources.login(server, "sally", "new"), "AUTHENTICATIONFAILED", "whom the filter does not find any more")
    equal(sources.rcpt(server, "sally@example.org"), 550, "mail for that user")
    directory.change(f"dn: uid=sally,ou=people,{BASE}\nchangetype: modify\nreplace: employeeType\nemployeeType: person\n-\n"
                     "replace: userPassword\nuserPassword: pw\n")
    equal(sources.login(server, "sally", "pw"), "OK", "as before")


@case
def hung():
    """a directory that stands still in the middle of a login: unavailable in time, and well again afterwards"""
    sources.expect_hung(server, directory.pids(), "sally", "pw")


@case
def killed():
    """a directory that is killed in the middle of a login, stays away, and comes again"""
    sources.expect_killed(server, directory, "sally", "pw")


@case
def helper():
    """the helper is stopped, and killed in the middle of a login"""
    sources.expect_helper_faults(server, "sally", "pw")


@case
def starttls():
    """StartTLS before anything is said; a server whose certificate has another name, or is of somebody else, is not asked"""
    other_name = Server(*options(server=f"localhost:{directory.tls}"), users=1)
    equal(sources.login(other_name, "sally", "pw"), "UNAVAILABLE", "a certificate with another name")
    other_name.stop()
    own = Server(*options(server=f"127.0.0.1:{directory.plain}", tls="starttls"), users=1)
    equal(sources.login(own, "sally", "pw"), "OK", "by StartTLS")
    own.stop("--keep")
    other = os.path.join(place, "other.pem")
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", other, "-out", directory.ca)
    own.start()
    equal(sources.login(own, "sally", "pw"), "UNAVAILABLE", "a stranger")
    sources.others_are_well(own)
    own.stop()


main()
