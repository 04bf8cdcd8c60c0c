# SPDX-License-Identifier: MIT
"""A real Thunderbird without a screen: a profile with accounts of a server, told by Marionette what its user would do."""
import base64
import contextlib
import json
import os
import socket
import subprocess

from tap import at_end, free_port, need, scratch, wait_for

# Functions that each script can use.  Answers of Thunderbird come to listeners, which `done` and `listener` make promises of.
HELPERS = """
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const serverOf = user => MailServices.accounts.allServers.find(s => s.username == user);
function urlListener() {
  const { promise, resolve, reject } = Promise.withResolvers();
  return { promise, OnStartRunningUrl() {}, OnStopRunningUrl(url, status) { status ? reject(new Error("status " + status.toString(16))) : resolve(); },
           QueryInterface: ChromeUtils.generateQI(["nsIUrlListener"]) };
}
function copyListener() {
  const { promise, resolve, reject } = Promise.withResolvers();
  return { promise, onStartCopy() {}, onProgress() {}, setMessageKey() {}, getMessageId() { return null; },
           onStopCopy(status) { status ? reject(new Error("status " + status.toString(16))) : resolve(); },
           QueryInterface: ChromeUtils.generateQI(["nsIMsgCopyServiceListener"]) };
}
const headersOf = folder => [...folder.msgDatabase.enumerateMessages()].sort((a, b) => a.messageKey - b.messageKey);
function contentOf(folder, header) {
  const { promise, resolve, reject } = Promise.withResolvers();
  const pieces = [];
  MailServices.messageServiceFromURI(folder.getUriForMsg(header)).streamMessage(folder.getUriForMsg(header), {
    onStartRequest() {},
    onDataAvailable(request, stream, offset, count) {
      const input = Cc["@mozilla.org/binaryinputstream;1"].createInstance(Ci.nsIBinaryInputStream);
      input.setInputStream(stream);
      pieces.push(input.readBytes(count));
    },
    onStopRequest(request, status) { status ? reject(new Error("status " + status.toString(16))) : resolve(btoa(pieces.join(""))); },
    QueryInterface: ChromeUtils.generateQI(["nsIStreamListener"]),
  }, null, null, false, "");
  return promise;
}
function folderNamed(user, name) {
  const root = serverOf(user).rootFolder;
  return name == "INBOX" ? root.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox) : root.getChildNamed(name);
}
"""


class Thunderbird:
    """Accounts of @users at @server, over IMAP with TLS or (@pop3) POP3 that leaves mail on the server."""

    def __init__(self, server, users, pop3=False):
        need("thunderbird", everywhere=False)
        self.home, self.n = scratch(), 0
        self.profile = os.path.join(self.home, "profile")
        os.mkdir(self.profile)
        port = free_port()
        with open(os.path.join(self.profile, "user.js"), "w") as f:
            f.writelines(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences(server, users, pop3, port))
        # What tests ask of GLib's programs, that they abort at a warning, is for ours.
        environment = {name: value for name, value in os.environ.items() if name != "G_DEBUG"}
        with open(os.path.join(self.home, "log"), "w") as log:
            self.process = subprocess.Popen(["thunderbird", "--headless", "--marionette", "--remote-allow-system-access", "--profile", self.profile],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**environment, "HOME": self.home}, start_new_session=True)
        at_end(self.close)
        self.socket = wait_for(lambda: self._connect(port), "Thunderbird")
        self._message()
        self._ask("WebDriver:NewSession")
        self._ask("WebDriver:SetTimeouts", script=300000)
        self._ask("Marionette:SetContext", value="chrome")
        self._trust(server, users, pop3)

    def _connect(self, port):
        if self.process.poll() is not None:
            with open(os.path.join(self.home, "log"), errors="replace") as f:
                raise AssertionError(f"Thunderbird ended: {f.read()[-1000:]}")
        with contextlib.suppress(OSError):
            return socket.create_connection(("127.0.0.1", port), 300)

    def _message(self):
        """A message of Marionette is its length in decimal digits, a colon, and JSON."""
        length = b""
        while (c := self.socket.recv(1)) != b":":
            if not c:
                raise AssertionError("Thunderbird has gone")
            length += c
        data = b""
        while len(data) < int(length):
            data += self.socket.recv(int(length) - len(data))
        return json.loads(data)

    def _ask(self, name, **parameters):
        self.n += 1
        data = json.dumps([0, self.n, name, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(data), data))
        _, _, error, result = self._message()
        if error:
            raise AssertionError(f"{name}: {error['error']}: {error['message']:.500}")
        return result

    def run(self, script, *arguments):
        """Runs the body of an asynchronous function, in which `args` are the arguments, and returns what it returns."""
        body = "const [args, resolve] = arguments;\n" + HELPERS + "(async () => {" + script + "})().then(v => resolve([v]), e => resolve(String(e)));"
        value = self._ask("WebDriver:ExecuteAsyncScript", script=body, args=[list(arguments)], newSandbox=True)["value"]
        if isinstance(value, str):
            raise AssertionError(f"Thunderbird: {value:.500}")
        return value[0]

    def _trust(self, server, users, pop3):
        """Adds the authority of the server, and the passwords, as the user's answers would."""
        with open(server.ca_file) as f:
            authority = "".join(line for line in f.read().splitlines() if "-----" not in line)
        self.run("""
const [authority, users, password, scheme] = args;
Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB).addCertFromBase64(authority, "CT,C,C");
for (const user of users) {
  const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
  login.init(scheme + "://localhost", null, scheme + "://localhost", user, password, "", "");
  await Services.logins.addLoginAsync(login);
}""", authority, list(users), server.password, "mailbox" if pop3 else "imap")

    def messages(self, user, n, folder="INBOX"):
        """[size, content] of the @n messages of a folder, read from the server."""
        self.run("folderNamed(...args).updateFolder(null);", user, folder)
        wait_for(lambda: self.run("return headersOf(folderNamed(...args)).length;", user, folder) == n, f"{n} messages in {folder}")
        found = self.run("""
const folder = folderNamed(...args);
const found = [];
for (const header of headersOf(folder))
  found.push([header.messageSize, await contentOf(folder, header)]);
return found;""", user, folder)
        return [(size, base64.b64decode(content)) for size, content in found]

    def upload(self, user, folder, path):
        """Puts the message of a file into a folder."""
        self.run("""
const [user, name, path] = args;
const file = Cc["@mozilla.org/file/local;1"].createInstance(Ci.nsIFile);
file.initWithPath(path);
const listener = copyListener();
MailServices.copy.copyFileMessage(file, folderNamed(user, name), null, false, 0, "", listener, null);
await listener.promise;""", user, folder, path)

    def copy(self, user, source, destination):
        """Copies all messages of a folder to another."""
        self.run("""
const [user, source, destination] = args;
const listener = copyListener(), from = folderNamed(user, source);
MailServices.copy.copyMessages(from, headersOf(from), folderNamed(user, destination), false, listener, null, false);
await listener.promise;""", user, source, destination)

    def get_by_pop3(self, user):
        """Gets new mail, and returns what the user's local inbox then has; its lines end in LF, as Thunderbird keeps them."""
        self.run("""
const server = serverOf(args[0]);
const listener = urlListener(), inbox = server.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
MailServices.pop3.GetNewMail(null, listener, inbox, server);
await listener.promise;""", user)
        found = self.run("""
const folder = folderNamed(args[0], "INBOX");
const found = [];
for (const header of headersOf(folder))
  found.push(await contentOf(folder, header));
return found;""", user)
        return [base64.b64decode(content) for content in found]

    def close(self):
        with contextlib.suppress(OSError, AssertionError, AttributeError):
            self._ask("Marionette:Quit", flags=["eForceQuit"])
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def preferences(server, users, pop3, port):
    """What the assistant for new accounts writes, and what keeps Thunderbird from asking anything else on the network."""
    yield from {"marionette.port": port, "app.update.enabled": False, "datareporting.policy.dataSubmissionEnabled": False, "network.proxy.type": 0,
                "mail.provider.enabled": False, "mailnews.start_page.enabled": False, "mail.rights.version": 1, "mail.shell.checkDefaultClient": False,
                "extensions.update.enabled": False, "browser.safebrowsing.phishing.enabled": False, "app.donation.eoy.version.viewed": 999,
                "mail.biff.play_sound": False, "mailnews.auto_config.guess.enabled": False, "services.settings.server": "data:,"}.items()
    yield "mail.accountmanager.accounts", ",".join(f"account{n}" for n in range(1, len(users) + 1))
    for n, user in enumerate(users, 1):
        yield from ((f"mail.account.account{n}.{name}", value) for name, value in (("server", f"server{n}"), ("identities", f"id{n}")))
        yield from ((f"mail.identity.id{n}.{name}", value) for name, value in (("useremail", f"{user}@{server.domain}"), ("fullName", user), ("valid", True)))
        settings = {"type": "pop3" if pop3 else "imap", "hostname": "localhost", "port": server.pop3s if pop3 else server.imaps, "socketType": 3, "userName": user,
                    "name": user, "authMethod": 3, "login_at_startup": False, "check_new_mail": False, "leave_on_server": True, "download_on_biff": False,
                    "offline_download": False, "autosync_offline_stores": False}
        yield from ((f"mail.server.server{n}.{name}", value) for name, value in settings.items())
