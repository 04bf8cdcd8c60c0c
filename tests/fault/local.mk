# SPDX-License-Identifier: MIT
TESTS += tests/fault/config.py tests/fault/kill.py
EXTRA_DIST += tests/fault/config.py tests/fault/kill.py
