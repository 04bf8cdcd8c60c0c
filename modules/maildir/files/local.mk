# SPDX-License-Identifier: MIT
libmaildir_la_SOURCES += \
	modules/maildir/files/access_error.c \
	modules/maildir/files/access_error.h \
	modules/maildir/files/boot_id.c \
	modules/maildir/files/boot_id.h \
	modules/maildir/files/checksum.c \
	modules/maildir/files/checksum.h \
	modules/maildir/files/file_io.c \
	modules/maildir/files/file_io.h \
	modules/maildir/files/log_area.h \
	modules/maildir/files/maildir_sys.c \
	modules/maildir/files/maildir_sys.h \
	modules/maildir/files/unique_name.c \
	modules/maildir/files/unique_name.h
EXTRA_DIST += modules/maildir/files/README.md
