# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/mail/attributes/attributes.c \
	core/mail/attributes/blob.c \
	core/mail/attributes/blob.h \
	core/mail/attributes/blob_read.h \
	core/mail/attributes/envelope.c \
	core/mail/attributes/keys.c \
	core/mail/attributes/section.c
EXTRA_DIST += core/mail/attributes/README.md
