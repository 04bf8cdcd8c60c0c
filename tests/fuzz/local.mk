# SPDX-License-Identifier: MIT
include tests/fuzz/mail.mk
