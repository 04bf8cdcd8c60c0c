#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's Roundcube shows a user's quota, in the page that it sends and in what it tells the page later; in a browser a person lists, opens and
searches the tree of removed mail, copies a message back, and is told why nothing there can be deleted."""
import html
import http.cookiejar
import json
import os
import re
import sys
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from browser import ENTER, Browser  # noqa: E402
from overlay import Overlay, wait_port  # noqa: E402
from tap import Server, case, equal, free_port, main, scratch, wait_for  # noqa: E402

server = Server("--set", "retention.enabled=true", "--set", "quota.enabled=true", "--set", 'quota.storage="100K"', "--set", "quota.grace_percent=0", users=3)
roundcube = trouble = None

MESSAGE = "#messagelist tr.message"
CONFIG = """<?php
$config = [];
$config['db_dsnw'] = 'sqlite:////peer/roundcube.db?mode=0600';
$config['imap_host'] = '127.0.0.1:@PORT@';
$config['smtp_host'] = '127.0.0.1:1';
$config['des_key'] = 'abcdefghijklmnopqrstuvwx';
$config['log_driver'] = 'file';
$config['log_dir'] = '/peer/';
$config['temp_dir'] = '/peer/';
$config['plugins'] = [];
$config['skin'] = 'elastic';
$config['language'] = 'en_US';
"""


class Roundcube:
    """The program in an overlay, served by PHP itself."""

    def __init__(self):
        self.dir = scratch()
        self.overlay = Overlay("roundcube", "/usr/share/roundcube/index.php", "roundcube-core", "roundcube-sqlite3", "php-cli", "php-sqlite3",
                               shared={"/peer": self.dir})
        with open(self.overlay.root + "/etc/roundcube/config.inc.php", "w") as f:
            f.write(CONFIG.replace("@PORT@", str(server.ports["imap"])))
        self.let_notes_stay()
        self.port = free_port()
        with open(os.path.join(self.dir, "out"), "a") as out:
            self.overlay.start("php", "-S", f"127.0.0.1:{self.port}", "-t", "/var/lib/roundcube/public_html", stdout=out, stderr=out)
        wait_port(self.port, "PHP")

    def let_notes_stay(self):
        """What the page says stays until it is clicked away: nobody has to read it in time."""
        script = self.overlay.root + "/usr/share/roundcube/program/js/app.min.js"
        with open(script) as f:
            text, n = re.subn(r"\bmessage_time=\w+", "message_time=1e8", f.read())
        equal(n, 1, "places in Roundcube's script that have the time of a note")
        with open(script, "w") as f:
            f.write(text)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"

    def log(self):
        text = ""
        for name in ("out", "errors.log", "errors"):
            path = os.path.join(self.dir, name)
            if os.path.exists(path):
                with open(path, errors="replace") as f:
                    text += f.read()[-1500:]
        return text


class Session:
    """A user's session with Roundcube without a browser: cookies, and the token that its forms carry."""

    def __init__(self, user):
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        page = self.get()
        token = re.search(r'name="_token" value="([^"]+)"', page)
        equal(bool(token), True, f"the form of the login: {page[:500]} {roundcube.log()}")
        self.page = self.get("_task=login", {"_task": "login", "_action": "login", "_timezone": "UTC", "_url": "", "_user": f"{user}@{server.domain}",
                                             "_pass": server.password, "_token": token.group(1)})
        equal('"task":"mail"' in self.page, True, f"the page after the login: {self.page[:500]} {roundcube.log()}")
        self.token = re.search(r'"request_token":"([^"]+)"', self.page).group(1)

    def get(self, query="", form=None):
        data = urllib.parse.urlencode(form).encode() if form else None
        request = urllib.request.Request(f"{roundcube.url}?{query}", data, {"X-Roundcube-Request": getattr(self, "token", "")})
        with self.opener.open(request, timeout=120) as answer:
            return answer.read().decode()

    def ask(self, action):
        """What the page asks for in the background: commands for it to run."""
        form = {"_remote": "1", "_mbox": "INBOX", "_list": "1", "_quota": "1", "_unlock": "0"}
        return json.loads(self.get(f"_task=mail&_action={action}", form))["exec"]


class Person:
    """Uses Roundcube in a browser."""

    def __init__(self, user):
        self.browser = Browser()
        self.browser.visit(roundcube.url)
        self.browser.type("#rcmloginuser", f"{user}@{server.domain}")
        self.browser.type("#rcmloginpwd", server.password)
        self.browser.click("#rcmloginsubmit")
        self.folders()

    def folders(self):
        """The folders that the page shows."""
        return self.browser.see("#mailboxlist", "Inbox").split("\n")

    def shows(self, task):
        self.browser.click(f"#taskmenu a.{task}")

    def opens(self, folder):
        self.browser.click(f'#mailboxlist a[rel="{folder}"]')

    def lists(self, *subjects):
        """Waits until the list of messages has these, from above."""
        wait_for(lambda: [re.search(r"gone \w+", row)[0] for row in self.browser.texts(MESSAGE)] == list(subjects),
                 lambda: f"{subjects} in the list: {self.browser.page()!r}")

    def reads(self, subject):
        """Clicks at a message; returns what is shown beside the list."""
        self.browser.click(MESSAGE, subject)
        with self.browser.frame("#messagecontframe"):
            self.browser.see("h2.subject", subject)
            return self.browser.see("#messagebody")

    def chooses(self, menu, *entries):
        self.browser.click(f"a.{menu}")
        for entry in entries:
            self.browser.click(".popover a.active", entry)

    def is_told(self, kind, words):
        """Waits for what the page has to say, and clicks it away."""
        note = f"#messagestack .{kind}"
        self.browser.click(note, words)
        wait_for(lambda: not self.browser.found(note, words), f"{words!r} has gone")


def shown(text):
    """What the quota bar is told in a page or in commands for it."""
    told = re.findall(r"set_quota\((\{.*?\})\)", text)
    equal(len(told), 1, f"set_quota: {text[-1500:]} {roundcube.log()}")
    return json.loads(told[0])


def message(size):
    text = b"From: a@example.net\r\nSubject: sized\r\n\r\n"
    return text + b"x" * (size - len(text) - 2) + b"\r\n"


def need_roundcube():
    """Started once; who cannot have it is told why in each case."""
    global roundcube, trouble
    if trouble:
        raise trouble
    try:
        roundcube = roundcube or Roundcube()
    except Exception as e:
        trouble = e
        raise


@case
def under():
    """half of the quota is used: the page says 50 %, of what, and a new message moves it"""
    need_roundcube()
    c = server.imap("u0001")
    equal(c.append("INBOX", None, None, message(51200))[0], "OK", "APPEND")
    session = Session("u0001")
    quota = shown(session.page)
    equal((quota["percent"], html.unescape(quota["title"])), (50, "Disk usage: 50 KB / 100 KB (50%)"), "the quota in the page")
    session.ask("list")
    equal(c.append("INBOX", None, None, message(20480))[0], "OK", "APPEND")
    equal(shown(session.ask("refresh"))["percent"], 70, "after another message")
    c.logout()


@case
def over():
    """more is used than is allowed, since the limit was lowered: the page says 100 %"""
    need_roundcube()
    c = server.imap("u0002")
    equal(c.append("INBOX", None, None, message(92160))[0], "OK", "APPEND")
    with open(os.path.join(server.config_dir, "conf.d", "50-quota.conf"), "w") as f:
        f.write('quota = { users = ( { name = "u0002@example.org"; storage = "50K"; } ); };\n')
    server.cli("reload")
    quota = shown(Session("u0002").page)
    equal((quota["percent"], quota["used"], quota["total"]), (100, 90, 50), "the quota in the page")
    equal(c.append("INBOX", None, None, message(100))[0], "NO", "and nothing more is taken")
    c.logout()


@case
def removed_mail():
    """in a browser the tree of removed mail is listed, opened and searched; a message is copied back; what would change the tree is refused in clear words"""
    need_roundcube()
    tree = "Recently Deleted/INBOX"
    c = server.imap("u0003")
    for n in ("first", "second"):
        equal(c.append("INBOX", None, None, f"From: bob@example.net\r\nSubject: gone {n}\r\n\r\nbody of the {n}\r\n".encode())[0], "OK", "APPEND")
    c.select("INBOX")
    c.store("1:2", "+FLAGS", "\\Deleted")
    c.expunge()
    person = Person("u0003")
    equal("Recently Deleted" in person.folders(), False, "subscribed folders alone are shown")
    person.shows("settings")
    person.browser.click("#settings-menu a", "Folders")
    person.browser.click(f'input[value="{tree}"] + label')
    person.is_told("confirmation", "Folder successfully subscribed.")
    person.shows("mail")
    equal("Recently Deleted" in person.folders(), True, "the tree among the folders")
    person.opens(tree)
    person.lists("gone second", "gone first")
    equal(person.reads("gone first"), "body of the first", "the message")
    person.browser.type("#mailsearchform", "second" + ENTER)
    person.lists("gone second")
    person.browser.click(".searchbar a.reset")
    person.lists("gone second", "gone first")
    person.reads("gone first")
    person.chooses("more", "Copy to...", "Inbox")
    person.is_told("confirmation", "Message(s) copied successfully.")
    for said, *choices in (("Server Error: Mailbox is read-only", "delete"), ("Server Error: Mailbox is read-only", "more", "Move to...", "Inbox"),
                           ("Unable to perform operation. Folder is read-only.", "markmessage", "As flagged"),
                           ("Unable to perform operation. Folder is read-only.", "markmessage", "As unread")):
        person.reads("gone second")
        person.chooses(*choices)
        person.is_told("error", said)
        person.lists("gone second", "gone first")
    person.opens("INBOX")
    person.lists("gone first")
    equal(person.reads("gone first"), "body of the first", "the copy")
    c.select("INBOX")
    equal((c.search(None, "SUBJECT", "first")[1], c.search(None, "DELETED")[1]), ([b"1"], [b""]), "INBOX afterwards")
    c.select(f'"{tree}"', readonly=True)
    equal(c.search(None, "ALL")[1], [b"1 2"], "the tree afterwards")
    c.logout()


main()
