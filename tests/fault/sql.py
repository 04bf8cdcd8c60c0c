#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Users in SQLite and in a real PostgreSQL, which is killed and hung in the middle of logins; others are not harmed."""
import glob
import os
import pwd
import signal
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import sources  # noqa: E402
from tap import Server, Skip, at_end, case, equal, free_port, main, run, scratch, wait_for  # noqa: E402

# "pw" by crypt(3), sha512: as other servers store it.
HASH = "$6$rounds=1000$saltsalt$nII71HJmawaDYdXrUHYtoWV/pe6ZN/eQzrZXdKjhrcMU0onLRg6A5m38udZu.lA6f53rIQturF4FMx1X99KF/0"
TABLES = f"""
CREATE TABLE users (name TEXT PRIMARY KEY, hash TEXT, is_off BOOLEAN, room TEXT);
CREATE TABLE aliases (local TEXT, domain TEXT, target TEXT);
INSERT INTO users VALUES ('sally@example.org', '{{SHA512-CRYPT}}{HASH}', FALSE, '5M'), ('lou@example.org', '{HASH}', TRUE, NULL),
  ('none@example.org', NULL, NULL, NULL), ('odd@example.org', 'plain', FALSE, NULL), ('o''neil@example.org', '{HASH}', FALSE, NULL);
INSERT INTO aliases VALUES ('team', 'example.org', 'sally@example.org'), ('team', 'example.org', 'u0001@example.org'),
  ('broken', 'example.org', 'gone@example.org');
"""
USER_QUERY = "SELECT name AS \"user\", hash AS password, is_off AS locked, room AS \"quota.storage\" FROM users WHERE name = :user"
ADDRESS_QUERY = "SELECT target FROM aliases WHERE local = :local AND domain = :domain"


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def options(**more):
    own = {f"sql.{key}": quoted(value) for key, value in {"user_query": USER_QUERY, "address_query": ADDRESS_QUERY, **more}.items()}
    return sources.settings(**{"sql.enabled": "true", "quota.enabled": "true", **own})


# ---- SQLite ----

# Blanks at the end of a name are nothing to this column.
LOOSE = TABLES.replace("name TEXT PRIMARY KEY", "name TEXT COLLATE RTRIM PRIMARY KEY")

place = scratch()
os.chmod(place, 0o755)
database = os.path.join(place, "users.db")
with sqlite3.connect(database) as connection:
    connection.executescript(LOOSE)
connection.close()
lite = Server(*options(driver="sqlite", path=database), users=2)


def expect_contents(server):
    sources.expect_users(server, "sally", "pw", locked="lou")
    equal(sources.login(server, "o'neil", "pw"), "OK", "a name with a quote in it")
    equal(sources.login(server, "none", "pw"), "AUTHENTICATIONFAILED", "a user without a password")
    equal(sources.login(server, "none", ""), "AUTHENTICATIONFAILED", "a user without a password, and none given")
    equal(sources.login(server, "odd", "plain"), "UNAVAILABLE", "a hash that is none")
    equal(sources.rcpt(server, "team@example.org"), 250, "alias")
    equal(sources.rcpt(server, "broken@example.org"), 451, "alias of nobody")
    equal(sources.quota(server, "sally", "pw"), 5 * 1024, "limit from a column")
    sources.passwords_stay(server, HASH)


@case
def sqlite_users():
    """users, locks, aliases and limits come from the columns of SQLite"""
    expect_contents(lite)


@case
def sqlite_data():
    """hostile names change nothing and are nobody (SQLite)"""
    sources.expect_data(lite, "sally", "pw")
    equal(sources.login(lite, "sally@example.org ", "pw"), "AUTHENTICATIONFAILED", "a blank that the database does not mind")
    equal(sources.login(lite, "sally@example.org", "pw"), "OK", "the name as it is stored")
    with sqlite3.connect(database) as c:
        equal(c.execute("SELECT count(*) FROM users").fetchone(), (5,), "users")


@case
def sqlite_changes():
    """a change counts at the next login, and another file in the place of the old one too"""
    c = sqlite3.connect(database)
    c.execute("UPDATE users SET is_off = TRUE WHERE name = 'sally@example.org'")
    c.commit()
    equal(sources.login(lite, "sally", "pw"), "AUTHENTICATIONFAILED", "locked, though the login was remembered")
    c.execute("UPDATE users SET is_off = FALSE WHERE name = 'sally@example.org'")
    c.commit()
    c.close()
    equal(sources.login(lite, "sally", "pw"), "OK", "open again")
    other = sqlite3.connect(database + ".new")
    other.executescript(TABLES.replace("sally@", "molly@"))
    other.close()
    os.rename(database, database + ".old")
    os.rename(database + ".new", database)
    equal(sources.login(lite, "molly", "pw"), "OK", "user of the new file")
    equal(sources.login(lite, "sally", "pw"), "AUTHENTICATIONFAILED", "user of the old file")
    os.rename(database, database + ".new")
    sources.expect_away(lite, "sally", "pw")
    os.rename(database + ".old", database)
    sources.comes_back(lite, "sally", "pw")


@case
def sqlite_locked():
    """a database that somebody keeps locked in the middle of a login: unavailable in time, and well again afterwards"""
    c = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    c.execute("BEGIN EXCLUSIVE")
    sources.expect_silence(lite, "sally", "pw")
    c.execute("ROLLBACK")
    c.close()
    sources.comes_back(lite, "sally", "pw")


@case
def sqlite_helper():
    """the helper is stopped, and killed in the middle of a login"""
    sources.expect_helper_faults(lite, "sally", "pw")


# ---- PostgreSQL ----

class PostgreSQL:
    """One of our own, with throw-away data, that dies with the test."""

    def __init__(self):
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
        if not programs:
            raise Skip("PostgreSQL is missing (package postgresql)")
        self.bin = os.path.dirname(programs[-1])
        self.dir, self.port = os.path.join(place, "pg"), free_port()
        os.mkdir(self.dir)
        self.account = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        os.chown(self.dir, pwd.getpwnam(self.account).pw_uid, pwd.getpwnam(self.account).pw_gid)
        secret = os.path.join(place, "pg.password")
        with open(secret, "w") as f:
            f.write("secret of the database\n")
        os.chmod(secret, 0o644)
        self.own(f"{self.bin}/initdb", "-D", self.dir, "-U", "satchel", "-A", "scram-sha-256", f"--pwfile={secret}", "-N", "-E", "UTF8")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost", "-keyout", f"{self.dir}/server.key", "-out", f"{self.dir}/server.crt")
        os.chmod(f"{self.dir}/server.key", 0o600)
        for name in ("server.key", "server.crt"):
            os.chown(f"{self.dir}/{name}", pwd.getpwnam(self.account).pw_uid, pwd.getpwnam(self.account).pw_gid)
        self.ca = os.path.join(place, "pg.crt")
        with open(f"{self.dir}/server.crt") as f, open(self.ca, "w") as g:
            g.write(f.read())
        self.process = None
        at_end(self.kill)
        self.start()
        self.psql(TABLES)

    def own(self, *command, **options):
        return run(*command, user=self.account, cwd="/", env={**os.environ, "PGPASSWORD": "secret of the database", "LC_ALL": "C"}, **options)

    def start(self):
        self.process = subprocess.Popen(
            [f"{self.bin}/postgres", "-D", self.dir, "-h", "127.0.0.1", "-p", str(self.port), "-k", "", "-F", "-c", "ssl=on", "-c",
             "max_connections=20", "-c", "shared_buffers=16MB",
             # Files of its own directory: it is killed, and would leave those in /dev/shm.
             "-c", "dynamic_shared_memory_type=mmap"], user=self.account, cwd="/", start_new_session=True,
            stdout=open(os.path.join(place, "pg.log"), "a"), stderr=subprocess.STDOUT)
        wait_for(lambda: self.own(f"{self.bin}/pg_isready", "-h", "127.0.0.1", "-p", str(self.port), check=False).returncode == 0,
                 "PostgreSQL is up", seconds=120)

    def psql(self, text):
        self.own(f"{self.bin}/psql", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "satchel", "-d", "postgres", "-v", "ON_ERROR_STOP=1",
                 input=text.encode())

    def pids(self):
        """Master first, so that it does not miss that a child stands still."""
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=False)
        return [self.process.pid, *map(int, children.stdout.split())]

    def kill(self):
        if self.process and self.process.poll() is None:
            for pid in self.pids():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.wait()


postgres = PostgreSQL()
big = Server(*options(driver="postgresql", server=f"localhost:{postgres.port}", database="postgres", password="secret of the database",
                      ca_file=postgres.ca), users=2)


@case
def postgresql_users():
    """users, locks, aliases and limits come from the columns of PostgreSQL, over TLS with a checked certificate"""
    expect_contents(big)
    postgres.psql("DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) "
                  "WHERE a.application_name = 'satchel' AND s.ssl) THEN RAISE EXCEPTION 'in clear'; END IF; END $$;")
    sources.passwords_stay(big, "secret of the database")


@case
def postgresql_data():
    """hostile names change nothing and are nobody (PostgreSQL)"""
    sources.expect_data(big, "sally", "pw")
    postgres.psql("DO $$ BEGIN IF (SELECT count(*) FROM users) <> 5 THEN RAISE EXCEPTION 'users'; END IF; END $$;")


@case
def postgresql_pool():
    """a crowd shares few connections"""
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(12) as crowd:
        equal(set(crowd.map(lambda i: sources.rcpt(big, "sally@example.org"), range(60))), {250}, "recipients")
    postgres.psql("DO $$ BEGIN IF (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'satchel') > 4 "
                  "THEN RAISE EXCEPTION 'too many'; END IF; END $$;")


@case
def postgresql_hung():
    """a server that stands still in the middle of a login: unavailable in time, and well again afterwards"""
    sources.expect_hung(big, postgres.pids(), "sally", "pw")


@case
def postgresql_killed():
    """a server that is killed in the middle of a login, stays away, and comes again"""
    sources.expect_killed(big, postgres, "sally", "pw")


@case
def postgresql_helper():
    """the helper is stopped, and killed in the middle of a login"""
    sources.expect_helper_faults(big, "sally", "pw")


@case
def postgresql_stranger():
    """a server whose certificate has another name, or is of somebody else, is not asked"""
    other_name = Server(*options(driver="postgresql", server=f"127.0.0.1:{postgres.port}", database="postgres",
                                 password="secret of the database", ca_file=postgres.ca), users=1)
    equal(sources.login(other_name, "sally", "pw"), "UNAVAILABLE", "a certificate with another name")
    other_name.stop()
    big.stop("--keep")
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=DNS:localhost", "-keyout", os.path.join(place, "other.key"), "-out", postgres.ca)
    big.start()
    sources.expect_away(big, "sally", "pw")
    equal("certificate verify failed" in big.log(), True, "the log says why")


@case
def mistakes():
    """a query that puts a value in quotes, or asks for nobody, is refused with file and line"""
    for query, words in (("SELECT hash AS password FROM users WHERE name = ':user'", "quotes"), ("SELECT 1", "nobody"),
                         ("SELECT :name", "there is no value")):
        result = lite.cli("config", "check", "--set", f"sql.user_query={quoted(query)}", check=False)
        equal(result.returncode != 0 and words in result.stdout + result.stderr, True, f"{query}: {result.stdout}{result.stderr}")


main()
