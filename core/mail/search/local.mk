# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/mail/search/base_subject.c \
	core/mail/search/forest.c \
	core/mail/search/forest.h \
	core/mail/search/needle.c \
	core/mail/search/needle.h \
	core/mail/search/search.c \
	core/mail/search/search_address.c \
	core/mail/search/search_content.c \
	core/mail/search/sort.c \
	core/mail/search/thread.c \
	core/mail/search/thread.h \
	core/mail/search/thread_finish.c
EXTRA_DIST += core/mail/search/README.md
