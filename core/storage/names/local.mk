# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/storage/names/name_list.c \
	core/storage/names/names.c \
	core/storage/names/namespaces.c \
	core/storage/names/rights.c \
	core/storage/names/special_use.c
EXTRA_DIST += core/storage/names/README.md
