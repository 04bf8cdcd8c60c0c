#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""getmail as it is installed, but for one fault of its own: it delivers in a child, and where that ends before getmail begins to wait
for it, getmail waits for a minute and gives up."""
import runpy
import shutil
import sys
import threading

from getmailcore import baseclasses

LOOK_S = 0.05


class ToldBefore(threading.Condition):
    """Is told also of what came before somebody waited.  The handler of the signal runs in the thread that waits."""
    is_told = False

    def notify_all(self):
        self.is_told = True
        super().notify_all()

    def wait(self, timeout=None):
        while not self.is_told:
            super().wait(LOOK_S)
        return True


baseclasses.Condition = ToldBefore
sys.argv[0] = shutil.which("getmail")
runpy.run_path(sys.argv[0], run_name="__main__")
