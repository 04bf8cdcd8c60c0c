# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/session/mail/mail.c \
	core/session/mail/mail.h \
	core/session/mail/mail_private.h \
	core/session/mail/service_listener.c \
	core/session/mail/service_listener.h \
	core/session/mail/session.c
EXTRA_DIST += core/session/mail/README.md
