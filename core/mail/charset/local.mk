# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/mail/charset/casefold.c \
	core/mail/charset/casefold.h \
	core/mail/charset/casemap.c \
	core/mail/charset/charset.c \
	core/mail/charset/charset_reader.h \
	core/mail/charset/transfer.c
EXTRA_DIST += core/mail/charset/README.md
