# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/mail/scan/blob_write.c \
	core/mail/scan/imap_text.c \
	core/mail/scan/preview.c \
	core/mail/scan/scan.h \
	core/mail/scan/scan_global.c \
	core/mail/scan/scan_header.c \
	core/mail/scan/scanner.c \
	core/mail/scan/scanner.h
EXTRA_DIST += core/mail/scan/README.md
