# SPDX-License-Identifier: MIT
include core/storage/change_log/local.mk
include core/storage/convert/local.mk
include core/storage/mailbox/local.mk
include core/storage/names/local.mk
include core/storage/snapshot/local.mk
include core/storage/store/local.mk
include core/storage/taken/local.mk
include core/storage/transaction/local.mk
EXTRA_DIST += core/storage/README.md
