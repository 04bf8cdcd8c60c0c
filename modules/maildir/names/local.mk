# SPDX-License-Identifier: MIT
libmaildir_la_SOURCES += \
	modules/maildir/names/file_name.c \
	modules/maildir/names/file_name.h \
	modules/maildir/names/folder_name.c \
	modules/maildir/names/folder_name.h \
	modules/maildir/names/keyword_letters.c \
	modules/maildir/names/keyword_letters.h
EXTRA_DIST += modules/maildir/names/README.md
