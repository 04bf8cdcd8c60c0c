#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The conformance suite finds what is wrong with a driver or a layer: each fault of the driver `broken`, and of the layer `careless`
over Maildir (tests/layers), fails the case that is named here; without a fault all of these cases pass."""
import os
import re
import resource
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import TOP, case, equal, main  # noqa: E402

BUILD = os.environ.get("SATCHEL_BUILDDIR") or os.path.join(TOP, ".build")
DRIVER = os.path.join(BUILD, "tests/layers/.libs/broken.so")
LAYER = os.path.join(BUILD, "tests/layers/.libs/careless.so")
BELOW = os.path.join(BUILD, ".libs/maildir.so")
# The fault, the case that finds it, and what of it the case sees.
FAULTS = {
    "uid-again": ("append/uids-never-again", "uid > highest"),
    "modseq-stays": ("changes/modseq-grows", "highestmodseq > last"),
    "writes-on-failure": ("content/gone", "id[1] == 0xa5"),
    "copy-forgets-keywords": ("copies/copy", "keywords == expected"),
    "half-a-batch": ("append/all-or-nothing", "other_after == other_before"),
    "wrong-bytes": ("content/sizes", "bytes == data"),
    "move-keeps": ("copies/move", "pair.from"),
    "condition-ignored": ("flags/unchanged-since", "ret_failed"),
    "tombstone-lost": ("changes/vanished", "check_vanished"),
    "usage-off": ("usage/messages", "usage_now.bytes"),
    "uidvalidity-again": ("mailboxes/recreated-differs", "g_hash_table_add (seen"),
    "flags-lost": ("append/survives", "inbox_after == inbox_before"),
    "status-on-failure": ("ops/no-mailbox", "is_poisoned (&state"),
    "file-keeps-end": ("driver/files", "strlen (expected)"),
    "exchange-keeps-attributes": ("exchange/attributes", "g_bytes_get_data (expected"),
}
LAYER_FAULTS = {
    "swallows-errors": ("faults/once", "what was acknowledged is not there"),
    "two-steps": ("kills/each-call", "neither all of the change nor nothing of it"),
    "unchecked-file": ("damage/each-file", "has other content or flags"),
}


def check(fault, *cases, layer=False):
    """Runs these cases; the exit status, and all that was said."""
    paths = [word for name in cases for word in ("-p", f"/conformance/{'careless+maildir' if layer else 'broken'}/{name}")]
    stack = [f'{LAYER if layer else DRIVER}:fault = "{fault}";', *([BELOW] if layer else [])]
    # A case that fails ends the program, which leaves its directory.
    with tempfile.TemporaryDirectory(prefix="satchel-test-", dir="/dev/shm") as directory:
        r = subprocess.run([os.path.join(BUILD, "satchel-storage-check"), *stack, *paths], capture_output=True, text=True, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)), env={**os.environ, "TMPDIR": directory})
    return r.returncode, r.stdout + r.stderr


@case
def passes_without_fault():
    """without a fault the driver passes all of these cases"""
    status, said = check("none", *[name for name, _ in FAULTS.values()])
    equal(status, 0, said)
    equal(len(re.findall(r"^ok \d+ ", said, re.M)), len(FAULTS), f"cases that passed: {said}")


@case
def careful_layer_passes():
    """without a fault the layer passes all of these cases"""
    status, said = check("none", *[name for name, _ in LAYER_FAULTS.values()], layer=True)
    equal(status, 0, said)
    equal(len(re.findall(r"^ok \d+ ", said, re.M)), len(LAYER_FAULTS), f"cases that passed: {said}")


def found(fault, name, words, layer=False):
    def look():
        status, said = check(fault, name, layer=layer)
        equal(status != 0, True, f"the suite passes: {said}")
        why = re.search(r"^Bail out! .*$|.* ERROR \*\*: .*$", said, re.M)
        equal(bool(why) and words in why[0], True, f"it fails for {words}: {said}")
        print("# " + why[0][:200], flush=True)
    look.__doc__ = f"{fault}: {name} fails"
    return look


for one, (its_case, seen) in FAULTS.items():
    case(found(one, its_case, seen))
for one, (its_case, seen) in LAYER_FAULTS.items():
    case(found(one, its_case, seen, layer=True))

main()
