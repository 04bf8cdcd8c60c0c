# SPDX-License-Identifier: MIT
libmaildir_la_SOURCES += \
	modules/maildir/index/cache.c \
	modules/maildir/index/cache.h \
	modules/maildir/index/index.c \
	modules/maildir/index/index.h \
	modules/maildir/index/index_format.h \
	modules/maildir/index/index_items.c \
	modules/maildir/index/index_items.h \
	modules/maildir/index/index_load.c \
	modules/maildir/index/index_peek.c \
	modules/maildir/index/name_table.c \
	modules/maildir/index/name_table.h \
	modules/maildir/index/planned.c \
	modules/maildir/index/planned.h
EXTRA_DIST += modules/maildir/index/README.md
