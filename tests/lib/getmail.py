#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""getmail as it is installed, but for one fault of its own: it delivers in a child, and listens for the signal of its end only after it
has started it.  Where the child ends before, getmail never hears of it.  Here it waits for the child itself."""
import os
import runpy
import shutil
import sys

from getmailcore import baseclasses
from getmailcore.exceptions import getmailOperationError


def wait_for_child(_base, pid):
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code < 0:
        raise getmailOperationError(f"child pid {pid} killed by signal {-code}")
    return code


baseclasses.ForkingBase._prepare_child = lambda _base: None
baseclasses.ForkingBase._wait_for_child = wait_for_child
sys.argv[0] = shutil.which("getmail")
runpy.run_path(sys.argv[0], run_name="__main__")
