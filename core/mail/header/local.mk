# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/mail/header/address.c \
	core/mail/header/date.c \
	core/mail/header/downgrade.c \
	core/mail/header/downgrade_stream.c \
	core/mail/header/encoded_word.c \
	core/mail/header/fields.h \
	core/mail/header/header.c \
	core/mail/header/header_names.c \
	core/mail/header/parameter.c \
	core/mail/header/text.c \
	core/mail/header/text.h
EXTRA_DIST += core/mail/header/README.md
