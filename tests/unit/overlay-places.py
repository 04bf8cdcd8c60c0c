#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/lib/overlay.py: tests that make and remove overlays at the same time do not meet each other's half-removed places."""
import multiprocessing
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ.get("SATCHEL_SRCDIR") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."), "tests/lib"))
from tap import case, equal, main, scratch  # noqa: E402
import overlay  # noqa: E402

TESTS, TIMES = 3, 150


class Unmounted(overlay.Overlay):
    """An overlay as far as its place goes."""

    def __init__(self):
        self.processes = []
        self.place, self.lock = overlay.new_place("nothing")


def come_and_go():
    for _ in range(TIMES):
        Unmounted().close()


@case
def three_at_a_time():
    """tests that make and remove overlays at the same time do not disturb one another"""
    overlay.SCRATCH = scratch()
    tests = [multiprocessing.Process(target=come_and_go) for _ in range(TESTS)]
    for test in tests:
        test.start()
    for test in tests:
        test.join()
    equal([test.exitcode for test in tests], [0] * TESTS, "how the tests ended")
    equal(os.listdir(overlay.SCRATCH), ["places.lock"], "what is left of their places")


@case
def left_behind():
    """the place of a test that was killed is removed by the next one, and that of a test at work stays"""
    overlay.SCRATCH = scratch()
    killed, at_work = Unmounted(), Unmounted()
    killed.lock.close()
    Unmounted().close()
    equal(sorted(os.listdir(overlay.SCRATCH)), sorted(["places.lock", os.path.basename(at_work.place)]), "the places after it")
    at_work.close()


main()
