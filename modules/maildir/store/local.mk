# SPDX-License-Identifier: MIT
libmaildir_la_SOURCES += \
	modules/maildir/store/blob_file.c \
	modules/maildir/store/core_files.c \
	modules/maildir/store/destroy.c \
	modules/maildir/store/list.c \
	modules/maildir/store/list.h \
	modules/maildir/store/maildir_store.c \
	modules/maildir/store/maildir_store.h \
	modules/maildir/store/remove_tree.c \
	modules/maildir/store/slots.c \
	modules/maildir/store/slots.h \
	modules/maildir/store/tree.c \
	modules/maildir/store/tree.h \
	modules/maildir/store/tree_fs.c \
	modules/maildir/store/usage_count.c \
	modules/maildir/store/user_file.c \
	modules/maildir/store/user_file.h
EXTRA_DIST += modules/maildir/store/README.md
