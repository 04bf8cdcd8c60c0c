# SPDX-License-Identifier: MIT
libauth_la_SOURCES += \
	core/daemon/auth/users/auth_attributes.c \
	core/daemon/auth/users/auth_lookup.c \
	core/daemon/auth/users/auth_mail.c \
	core/daemon/auth/users/auth_mail.h \
	core/daemon/auth/users/auth_owned.c \
	core/daemon/auth/users/auth_recipient.c
EXTRA_DIST += core/daemon/auth/users/README.md
