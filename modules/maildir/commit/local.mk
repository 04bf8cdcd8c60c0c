# SPDX-License-Identifier: MIT
libmaildir_la_SOURCES += \
	modules/maildir/commit/commit_batch.c \
	modules/maildir/commit/exchange.c \
	modules/maildir/commit/journal.c \
	modules/maildir/commit/journal.h \
	modules/maildir/commit/plan_ahead.c \
	modules/maildir/commit/plan_append.c \
	modules/maildir/commit/plan_copy.c \
	modules/maildir/commit/plan_flags.c \
	modules/maildir/commit/plan_import.c \
	modules/maildir/commit/plan_keywords.c \
	modules/maildir/commit/plan_messages.c \
	modules/maildir/commit/plan_operation.c \
	modules/maildir/commit/stage_message.c \
	modules/maildir/commit/stage_message.h \
	modules/maildir/commit/steps.c \
	modules/maildir/commit/sync_hold.c \
	modules/maildir/commit/sync_hold.h \
	modules/maildir/commit/transaction_plan.c \
	modules/maildir/commit/transaction_plan.h
EXTRA_DIST += modules/maildir/commit/README.md
