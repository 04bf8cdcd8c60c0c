# SPDX-License-Identifier: MIT
include core/mail/scan/local.mk
include core/mail/attributes/local.mk
include core/mail/header/local.mk
include core/mail/charset/local.mk
include core/mail/search/local.mk
include core/mail/mbox/local.mk
include core/mail/name/local.mk
include core/mail/tree/local.mk
EXTRA_DIST += core/mail/README.md
