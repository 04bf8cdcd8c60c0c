# SPDX-License-Identifier: MIT
include tests/fuzz/mail.mk
include tests/fuzz/bdb.mk
include tests/fuzz/config.mk
include tests/fuzz/crypt.mk
include tests/fuzz/imap.mk
include tests/fuzz/maildir.mk
include tests/fuzz/oauth.mk
include tests/fuzz/spam.mk
