# SPDX-License-Identifier: MIT
# Both halves.
imap_core = \
	modules/imap/capabilities.c \
	modules/imap/capabilities.h \
	modules/imap/client_id.c \
	modules/imap/client_id.h \
	modules/imap/lexer.c \
	modules/imap/lexer.h \
	modules/imap/line.c \
	modules/imap/line.h \
	modules/imap/reader.c \
	modules/imap/reader.h \
	modules/imap/settings.c \
	modules/imap/settings.h \
	modules/imap/writer.c \
	modules/imap/writer.h
# After login.
imap_arguments = \
	modules/imap/arguments.c \
	modules/imap/arguments.h \
	modules/imap/arguments_append.c \
	modules/imap/arguments_fetch.c \
	modules/imap/arguments_mailbox.c \
	modules/imap/arguments_metadata.c \
	modules/imap/arguments_search.c \
	modules/imap/arguments_sync.c \
	modules/imap/sequence.c \
	modules/imap/sequence.h \
	modules/imap/url.c \
	modules/imap/url.h
imap_sources = \
	$(imap_core) \
	$(imap_arguments) \
	modules/imap/announce.c \
	modules/imap/catenate.c \
	modules/imap/cmd_any.c \
	modules/imap/cmd_append.c \
	modules/imap/cmd_list.c \
	modules/imap/cmd_mailbox.c \
	modules/imap/cmd_metadata.c \
	modules/imap/cmd_quota.c \
	modules/imap/cmd_search.c \
	modules/imap/cmd_select.c \
	modules/imap/cmd_status.c \
	modules/imap/cmd_store.c \
	modules/imap/cmd_thread.c \
	modules/imap/commands.c \
	modules/imap/errors.c \
	modules/imap/errors.h \
	modules/imap/fetch.c \
	modules/imap/fetch.h \
	modules/imap/fetch_binary.c \
	modules/imap/fetch_section.c \
	modules/imap/imap_session.c \
	modules/imap/imap_session.h \
	modules/imap/input.c \
	modules/imap/listing.c \
	modules/imap/listing.h \
	modules/imap/names.c \
	modules/imap/objectid.c \
	modules/imap/objectid.h \
	modules/imap/resync.c \
	modules/imap/resync.h \
	modules/imap/search.c \
	modules/imap/search.h \
	modules/imap/search_key.c \
	modules/imap/search_result.c \
	modules/imap/sort.c \
	modules/imap/status.h \
	modules/imap/view.c \
	modules/imap/view.h
# Before login.
imap_gate_sources = \
	modules/imap/imap_gate.c \
	modules/imap/imap_gate.h \
	modules/imap/imap_gate_auth.c

module_LTLIBRARIES += imap.la imap-gate.la
imap_la_SOURCES = $(imap_sources) modules/imap/module.c
imap_la_CPPFLAGS = $(MODULE_CPPFLAGS)
imap_la_CFLAGS = $(MODULE_CFLAGS)
imap_la_LDFLAGS = $(MODULE_LDFLAGS)
imap_la_LIBADD = $(MODULE_LIBADD)
imap_gate_la_SOURCES = $(imap_core) $(imap_gate_sources)
imap_gate_la_CPPFLAGS = $(MODULE_CPPFLAGS)
imap_gate_la_CFLAGS = $(MODULE_CFLAGS)
imap_gate_la_LDFLAGS = $(MODULE_LDFLAGS)
imap_gate_la_LIBADD = $(MODULE_LIBADD)

IMAP_TESTS = \
	modules/imap/tests/test-imap-arguments \
	modules/imap/tests/test-imap-bounds \
	modules/imap/tests/test-imap-capabilities \
	modules/imap/tests/test-imap-lexer
check_PROGRAMS += $(IMAP_TESTS)
TESTS += $(IMAP_TESTS)
modules_imap_tests_test_imap_arguments_SOURCES = modules/imap/tests/test-imap-arguments.c $(imap_core) $(imap_arguments)
modules_imap_tests_test_imap_arguments_LDADD = libsatchel.la $(GLIB_LIBS)
modules_imap_tests_test_imap_bounds_SOURCES = modules/imap/tests/test-imap-bounds.c $(imap_core) $(imap_arguments)
modules_imap_tests_test_imap_bounds_LDADD = libsatchel.la $(GLIB_LIBS)
modules_imap_tests_test_imap_capabilities_SOURCES = modules/imap/tests/test-imap-capabilities.c $(imap_core)
modules_imap_tests_test_imap_capabilities_LDADD = libsatchel.la $(GLIB_LIBS)
modules_imap_tests_test_imap_lexer_SOURCES = modules/imap/tests/test-imap-lexer.c $(imap_core) $(imap_arguments)
modules_imap_tests_test_imap_lexer_LDADD = libsatchel.la $(GLIB_LIBS)
EXTRA_DIST += modules/imap/README.md
