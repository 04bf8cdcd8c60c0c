#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's Roundcube shows a user's quota, in the page that it sends to a browser and in what it tells the page later, and the tree of
removed mail, of which it copies messages back."""
import html
import http.cookiejar
import json
import os
import re
import sys
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from overlay import Overlay, wait_port  # noqa: E402
from tap import Server, case, equal, free_port, main, scratch  # noqa: E402

server = Server("--set", "retention.enabled=true", "--set", "quota.enabled=true", "--set", 'quota.storage="100K"', "--set", "quota.grace_percent=0", users=3)
roundcube = trouble = None

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
        self.port = free_port()
        with open(os.path.join(self.dir, "out"), "a") as out:
            self.overlay.start("php", "-S", f"127.0.0.1:{self.port}", "-t", "/var/lib/roundcube/public_html", stdout=out, stderr=out)
        wait_port(self.port, "PHP")

    def log(self):
        text = ""
        for name in ("out", "errors.log", "errors"):
            path = os.path.join(self.dir, name)
            if os.path.exists(path):
                with open(path, errors="replace") as f:
                    text += f.read()[-1500:]
        return text


class Browser:
    """A user's session with Roundcube: cookies, and the token that its forms carry."""

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
        request = urllib.request.Request(f"http://127.0.0.1:{roundcube.port}/?{query}", data, {"X-Roundcube-Request": getattr(self, "token", "")})
        with self.opener.open(request, timeout=120) as answer:
            return answer.read().decode()

    def does(self, task, action, **form):
        """What the page is told to run after something that the user does."""
        told = json.loads(self.get(f"_task={task}&_action={action}", {"_remote": "1", "_unlock": "0", **form}))
        return told.get("exec", "")

    def ask(self, action):
        """What the page asks for in the background: commands for it to run."""
        form = {"_remote": "1", "_mbox": "INBOX", "_list": "1", "_quota": "1", "_unlock": "0"}
        return json.loads(self.get(f"_task=mail&_action={action}", form))["exec"]


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
    browser = Browser("u0001")
    quota = shown(browser.page)
    equal((quota["percent"], html.unescape(quota["title"])), (50, "Disk usage: 50 KB / 100 KB (50%)"), "the quota in the page")
    browser.ask("list")
    equal(c.append("INBOX", None, None, message(20480))[0], "OK", "APPEND")
    equal(shown(browser.ask("refresh"))["percent"], 70, "after another message")
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
    quota = shown(Browser("u0002").page)
    equal((quota["percent"], quota["used"], quota["total"]), (100, 90, 50), "the quota in the page")
    equal(c.append("INBOX", None, None, message(100))[0], "NO", "and nothing more is taken")
    c.logout()


@case
def removed_mail():
    """the tree of removed mail is shown, listed, opened and searched; a message is copied back; what would change the tree is refused in clear words"""
    need_roundcube()
    tree = "Recently Deleted/INBOX"
    c = server.imap("u0003")
    for n in ("first", "second"):
        equal(c.append("INBOX", None, None, f"From: bob@example.net\r\nSubject: gone {n}\r\n\r\nbody of the {n}\r\n".encode())[0], "OK", "APPEND")
    c.select("INBOX")
    c.store("1:2", "+FLAGS", "\\Deleted")
    c.expunge()
    browser = Browser("u0003")
    equal(tree in browser.page.replace("\\/", "/"), False, "the page shows subscribed folders only")
    equal(html.unescape(browser.get("_task=settings&_action=folders")).count("Recently Deleted") > 0, True, "the list of all folders")
    browser.does("settings", "subscribe", _mbox=tree)
    equal(tree in browser.get("_task=mail").replace("\\/", "/"), True, "the page with the tree")
    equal(re.findall(r"gone \w+", browser.does("mail", "list", _mbox=tree)), ["gone second", "gone first"], "the list")
    page = html.unescape(browser.get("_task=mail&_action=show&_uid=1&_mbox=" + urllib.parse.quote(tree)))
    equal(("gone first" in page, "body of the first" in page), (True, True), f"the message: {page[-2000:]}")
    found = browser.get("_task=mail&_action=search&_remote=1&_q=second&_headers=text&_scope=base&_mbox=" + urllib.parse.quote(tree))
    equal(re.findall(r"gone \w+", found), ["gone second"], "a search of the text")
    equal("error" in browser.does("mail", "copy", _mbox=tree, _target_mbox="INBOX", _uid="1"), False, "a copy")
    c.select("INBOX")
    equal((c.search(None, "SUBJECT", "first")[1], c.search(None, "DELETED")[1]), ([b"1"], [b""]), "INBOX afterwards")
    for action, more in (("delete", {}), ("move", {"_target_mbox": "INBOX"}), ("mark", {"_flag": "delete"})):
        said = browser.does("mail", action, _mbox=tree, _uid="2", **more)
        equal(len(re.findall(r'display_message\("(?:Server Error: Mailbox|Unable to perform operation. Folder) is read-only\.?","error"', said)), 1, f"{action}: {said}")
    c.select(f'"{tree}"', readonly=True)
    equal(c.search(None, "ALL")[1], [b"1 2"], "the tree afterwards")
    c.logout()


main()
