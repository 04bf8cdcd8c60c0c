# SPDX-License-Identifier: MIT
# Which is which: tests/README.md
# SERVER_TESTS start servers from the source tree by tools/devserver; configure --disable-server-tests leaves them out.
SERVER_TESTS =
# Those that take longest, the longest first: what starts last should be short.
LONG_TESTS = tests/interop/takeover.py tests/install/guide.py tests/install/deb.py
include tests/lib/local.mk
include tests/unit/local.mk
include tests/layers/local.mk
include tests/conformance/local.mk
include tests/protocol/local.mk
include tests/interop/local.mk
include tests/fault/local.mk
include tests/fuzz/local.mk
include tests/install/local.mk
if WITH_SERVER_TESTS
TESTS += $(SERVER_TESTS)
endif
