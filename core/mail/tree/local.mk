# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/mail/tree/tree.h \
	core/mail/tree/tree_content.c \
	core/mail/tree/tree_folders.c \
	core/mail/tree/tree_lists.c \
	core/mail/tree/tree_name.c
EXTRA_DIST += core/mail/tree/README.md
