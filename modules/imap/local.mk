# SPDX-License-Identifier: MIT
imap_core = modules/imap/lexer.c modules/imap/lexer.h modules/imap/line.c modules/imap/line.h \
	modules/imap/reader.c modules/imap/reader.h \
	modules/imap/writer.c modules/imap/writer.h
imap_arguments = modules/imap/sequence.c modules/imap/sequence.h modules/imap/arguments.c modules/imap/arguments.h \
	modules/imap/arguments-append.c modules/imap/arguments-fetch.c modules/imap/arguments-mailbox.c \
	modules/imap/arguments-search.c modules/imap/url.c modules/imap/url.h \
	modules/imap/arguments-sync.c
imap_search = modules/imap/cmd-search.c modules/imap/search.c modules/imap/search.h modules/imap/search-key.c \
	modules/imap/search-result.c modules/imap/sort.c modules/imap/cmd-thread.c modules/imap/objectid.c modules/imap/objectid.h
imap_sources = $(imap_core) $(imap_arguments) modules/imap/announce.c modules/imap/catenate.c modules/imap/cmd-append.c \
	modules/imap/resync.c modules/imap/resync.h \
	modules/imap/errors.c modules/imap/errors.h modules/imap/view.c modules/imap/view.h \
	modules/imap/command.c modules/imap/session.c modules/imap/session.h modules/imap/input.c modules/imap/names.c \
	modules/imap/cmd-any.c modules/imap/cmd-select.c modules/imap/cmd-mailbox.c modules/imap/cmd-quota.c modules/imap/cmd-list.c \
	modules/imap/cmd-status.c modules/imap/listing.c modules/imap/listing.h modules/imap/status.h \
	modules/imap/cmd-store.c $(imap_search) modules/imap/fetch.c modules/imap/fetch.h \
	modules/imap/fetch-section.c modules/imap/fetch-binary.c modules/imap/schema.c modules/imap/schema.h

module_LTLIBRARIES += imap.la imap-gate.la
imap_la_SOURCES = $(imap_sources) modules/imap/module.c
imap_la_CPPFLAGS = $(MODULE_CPPFLAGS)
imap_la_CFLAGS = $(MODULE_CFLAGS)
imap_la_LDFLAGS = $(MODULE_LDFLAGS)
imap_la_LIBADD = $(MODULE_LIBADD)
imap_gate_la_SOURCES = $(imap_core) modules/imap/gate.c modules/imap/gate-auth.c modules/imap/gate.h
imap_gate_la_CPPFLAGS = $(MODULE_CPPFLAGS)
imap_gate_la_CFLAGS = $(MODULE_CFLAGS)
imap_gate_la_LDFLAGS = $(MODULE_LDFLAGS)
imap_gate_la_LIBADD = $(MODULE_LIBADD)
EXTRA_DIST += modules/imap/README.md
