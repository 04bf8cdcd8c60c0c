# SPDX-License-Identifier: MIT
libmaildir_la_SOURCES += \
	modules/maildir/foreign/control_dir.c \
	modules/maildir/foreign/control_dir.h \
	modules/maildir/foreign/courier.c \
	modules/maildir/foreign/courier.h \
	modules/maildir/foreign/courier_keywords.c \
	modules/maildir/foreign/courier_lines.c \
	modules/maildir/foreign/courier_private.h \
	modules/maildir/foreign/examine.c \
	modules/maildir/foreign/import_mailbox.c \
	modules/maildir/foreign/maildirsize.c \
	modules/maildir/foreign/maildirsize.h \
	modules/maildir/foreign/servers.c \
	modules/maildir/foreign/servers.h \
	modules/maildir/foreign/subscriptions.c \
	modules/maildir/foreign/subscriptions.h \
	modules/maildir/foreign/uidlist.c \
	modules/maildir/foreign/uidlist.h \
	modules/maildir/foreign/uidlist_write.c \
	modules/maildir/foreign/uidlist_write.h \
	modules/maildir/foreign/unique_ids.c \
	modules/maildir/foreign/unique_ids.h
EXTRA_DIST += modules/maildir/foreign/README.md
