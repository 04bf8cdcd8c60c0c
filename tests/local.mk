# SPDX-License-Identifier: MIT
# Which is which: tests/README.md
include tests/lib/local.mk
include tests/unit/local.mk
include tests/layers/local.mk
include tests/conformance/local.mk
include tests/protocol/local.mk
include tests/interop/local.mk
include tests/fault/local.mk
include tests/fuzz/local.mk
include tests/install/local.mk
