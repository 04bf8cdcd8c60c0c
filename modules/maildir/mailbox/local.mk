# SPDX-License-Identifier: MIT
libmaildir_la_SOURCES += \
	modules/maildir/mailbox/dates.c \
	modules/maildir/mailbox/inotify_watch.c \
	modules/maildir/mailbox/inotify_watch.h \
	modules/maildir/mailbox/mailbox.h \
	modules/maildir/mailbox/mailbox_calls.c \
	modules/maildir/mailbox/mailbox_open.c \
	modules/maildir/mailbox/mailbox_recovery.c \
	modules/maildir/mailbox/mailbox_state.c \
	modules/maildir/mailbox/message.c \
	modules/maildir/mailbox/metadata.c \
	modules/maildir/mailbox/metadata.h \
	modules/maildir/mailbox/scan.c \
	modules/maildir/mailbox/scan.h \
	modules/maildir/mailbox/sync.c \
	modules/maildir/mailbox/sync.h \
	modules/maildir/mailbox/sync_arrivals.h \
	modules/maildir/mailbox/sync_look.c \
	modules/maildir/mailbox/sync_uids.c \
	modules/maildir/mailbox/unsized.c \
	modules/maildir/mailbox/unsized.h
EXTRA_DIST += modules/maildir/mailbox/README.md
