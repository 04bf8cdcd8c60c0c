# SPDX-License-Identifier: MIT
# Protocols on the wire, against a real server.
TESTS += tests/protocol/lmtp.py tests/protocol/pop3.py
EXTRA_DIST += tests/protocol/lmtp.py tests/protocol/pop3.py tests/lib/wire.py
