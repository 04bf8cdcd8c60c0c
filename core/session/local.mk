# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/session/network.c \
	core/session/network.h \
	core/session/origin.c \
	core/session/origin.h \
	core/session/settings.c \
	core/session/settings.h
include core/session/gate/local.mk
include core/session/mail/local.mk
include core/session/delivery/local.mk
include core/session/admin/local.mk
include core/session/convert/local.mk
include core/session/fsck/local.mk
include core/session/janitor/local.mk
include core/session/transfer/local.mk
EXTRA_DIST += core/session/README.md
