# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/mail/address.c core/mail/attributes.c core/mail/blob.c core/mail/blob.h core/mail/blob_read.h core/mail/blob_write.c \
	core/mail/charset.c core/mail/charset_reader.h core/mail/date.c core/mail/encoded_word.c core/mail/fields.h core/mail/header.c \
	core/mail/header_names.c \
	core/mail/imap_text.c core/mail/parameter.c core/mail/preview.c core/mail/scan.h core/mail/scan_global.c core/mail/scan_header.c \
	core/mail/scanner.c core/mail/scanner.h core/mail/section.c core/mail/text.c core/mail/text.h core/mail/transfer.c \
	core/mail/casefold.c core/mail/casefold.h core/mail/list_match.c core/mail/mailbox_name.c core/mail/search.c \
	core/mail/needle.h core/mail/search_address.c core/mail/search_content.c core/mail/utf7.c \
	core/mail/base_subject.c core/mail/casemap.c core/mail/envelope.c core/mail/forest.c \
	core/mail/forest.h core/mail/keys.c core/mail/sort.c core/mail/thread.c core/mail/thread.h core/mail/thread_finish.c \
	core/mail/downgrade.c core/mail/downgrade_stream.c
EXTRA_DIST += core/mail/README.md
