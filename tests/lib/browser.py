# SPDX-License-Identifier: MIT
"""A real browser that is used as a person uses it: Chromium without a screen, told by chromedriver (W3C WebDriver) what to click and type."""
import contextlib
import json
import os
import subprocess
import urllib.error
import urllib.request

from overlay import wait_port
from tap import at_end, free_port, need, scratch, wait_for

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # a reference to one in W3C WebDriver, as ENTER is its name of the key
ENTER = "\ue007"
# What a person cannot see, or not reach yet: another try has the same effect as waiting a moment.
NOT_YET = {"element click intercepted", "element not interactable", "stale element reference", "no such frame", "no such element", "no such window"}
# Chromium has no sandbox of its own when it runs as root, and no name but this machine's leads anywhere.
OPTIONS = ("--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --window-size=1400,1000 --no-first-run --disable-background-networking "
           "--disable-component-update --disable-sync --disable-extensions --disable-breakpad --password-store=basic").split()
OPTIONS += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--proxy-server=direct://"]
FIND = """const [css, text] = arguments;
return Array.from(document.querySelectorAll(css)).filter(e => e.getClientRects().length > 0 && getComputedStyle(e).visibility == 'visible' && e.innerText.includes(text));"""


class Refused(Exception):
    """An error that WebDriver has a name for."""

    def __init__(self, error, message):
        super().__init__(f"{error}: {message:.300}")
        self.error = error


class Browser:
    """Whatever is looked for has to be seen, and is waited for."""

    def __init__(self):
        need("chromium", everywhere=False)
        need("chromedriver", everywhere=False)
        home, port = scratch(), free_port()
        with open(os.path.join(home, "log"), "w") as log:
            self.driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "HOME": home},
                                           start_new_session=True)
        self.url = f"http://127.0.0.1:{port}/session"
        at_end(self.close)
        wait_port(port, "chromedriver")
        options = {"binary": "/usr/bin/chromium", "args": [*OPTIONS, f"--user-data-dir={home}/data"]}
        self.url += "/" + self._ask("POST", "", capabilities={"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}})["sessionId"]

    def _ask(self, method, path, **body):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode() if method == "POST" else None, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as e:
            value = json.load(e)["value"]
            raise Refused(value["error"], value["message"]) from None

    def visit(self, url):
        self._ask("POST", "/url", url=url)

    def run(self, script, *arguments):
        return self._ask("POST", "/execute/sync", script=script, args=arguments)

    def page(self):
        """What can be read on the page, or in the frame, for whoever has a failure to understand."""
        return self.run("return document.body ? document.body.innerText : ''")

    def found(self, css, text=""):
        """The elements that can be seen now and have the text."""
        return self.run(FIND, css, text)

    def texts(self, css):
        return [self._ask("GET", f"/element/{element[ELEMENT]}/text") for element in self.found(css)]

    def _do(self, css, text, action):
        """Does something with the first such element as soon as that is possible."""
        def attempt():
            try:
                elements = self.found(css, text)
                return elements and (action("/element/" + elements[0][ELEMENT]) or True)
            except Refused as e:
                if e.error not in NOT_YET:
                    raise
                return None
        return wait_for(attempt, lambda: f"{css} with {text!r} on the page: {self.page()[-1500:]!r}")

    def see(self, css, text=""):
        """Waits until such an element can be seen, and returns its text."""
        return self._do(css, text, lambda element: self._ask("GET", element + "/text"))

    def click(self, css, text=""):
        self._do(css, text, lambda element: self._ask("POST", element + "/click"))

    def type(self, css, keys):
        """Types into a field, after whatever it has."""
        self._do(css, "", lambda element: self._ask("POST", element + "/value", text=keys))

    @contextlib.contextmanager
    def frame(self, css):
        """What follows is about the page in a frame."""
        self._do(css, "", lambda element: self._ask("POST", "/frame", id={ELEMENT: element.rpartition("/")[2]}))
        try:
            yield
        finally:
            self._ask("POST", "/frame", id=None)

    def close(self):
        with contextlib.suppress(OSError, Refused):
            self._ask("DELETE", "")
        self.driver.terminate()
        self.driver.wait()
