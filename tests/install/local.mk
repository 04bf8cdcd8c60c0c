# SPDX-License-Identifier: MIT
# What a third party sees: installed headers and library only.
SERVER_TESTS += tests/install/third-party.py
EXTRA_DIST += tests/install/third-party.py tests/install/hello.c tests/install/hello-gate.c tests/install/sorter.c
