# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/session/delivery/delivery.c \
	core/session/delivery/delivery_account.c \
	core/session/delivery/delivery_account.h \
	core/session/delivery/delivery_host.c \
	core/session/delivery/delivery_lookup.c \
	core/session/delivery/delivery_owner.c \
	core/session/delivery/delivery_private.h \
	core/session/delivery/delivery_remote.c \
	core/session/delivery/delivery_target.h \
	core/session/delivery/filter.c \
	core/session/delivery/filter_item.c \
	core/session/delivery/filter_private.h \
	core/session/delivery/header_edit.c \
	core/session/delivery/header_edit.h \
	core/session/delivery/spool.c \
	core/session/delivery/spool_seal.c \
	core/session/delivery/spool_seal.h \
	core/session/delivery/spool_stream.c
EXTRA_DIST += core/session/delivery/README.md
