# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/storage/transaction/commit.c \
	core/storage/transaction/import.c \
	core/storage/transaction/operation_fields.c \
	core/storage/transaction/operations.c \
	core/storage/transaction/round.c \
	core/storage/transaction/transaction.c
EXTRA_DIST += core/storage/transaction/README.md
