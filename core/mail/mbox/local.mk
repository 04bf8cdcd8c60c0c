# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/mail/mbox/copy.c \
	core/mail/mbox/fields.c \
	core/mail/mbox/from_line.c \
	core/mail/mbox/mbox.h \
	core/mail/mbox/notes.h \
	core/mail/mbox/scanner.c \
	core/mail/mbox/window.c \
	core/mail/mbox/window.h \
	core/mail/mbox/writer.c
EXTRA_DIST += core/mail/mbox/README.md
