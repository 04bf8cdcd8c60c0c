# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/mail/name/list_match.c \
	core/mail/name/mailbox_name.c \
	core/mail/name/utf7.c \
	core/mail/name/utf7.h
EXTRA_DIST += core/mail/name/README.md
