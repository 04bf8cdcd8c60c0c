# SPDX-License-Identifier: MIT
# Both halves.
imap_core = \
	modules/imap/capabilities.c \
	modules/imap/capabilities.h \
	modules/imap/client_id.c \
	modules/imap/client_id.h \
	modules/imap/grammar/lexer.c \
	modules/imap/grammar/lexer.h \
	modules/imap/grammar/line.c \
	modules/imap/grammar/line.h \
	modules/imap/grammar/reader.c \
	modules/imap/grammar/reader.h \
	modules/imap/settings.c \
	modules/imap/settings.h \
	modules/imap/writer.c \
	modules/imap/writer.h
# After login.
imap_arguments = \
	modules/imap/grammar/arguments.c \
	modules/imap/grammar/arguments.h \
	modules/imap/grammar/arguments_append.c \
	modules/imap/grammar/arguments_fetch.c \
	modules/imap/grammar/arguments_mailbox.c \
	modules/imap/grammar/arguments_metadata.c \
	modules/imap/grammar/arguments_search.c \
	modules/imap/grammar/arguments_sync.c \
	modules/imap/grammar/sequence.c \
	modules/imap/grammar/sequence.h \
	modules/imap/grammar/url.c \
	modules/imap/grammar/url.h
imap_sources = \
	$(imap_arguments) \
	modules/imap/view/announce.c \
	modules/imap/view/renames.c \
	modules/imap/view/selected.c \
	modules/imap/messages/catenate.c \
	modules/imap/cmd_any.c \
	modules/imap/messages/cmd_append.c \
	modules/imap/mailboxes/cmd_list.c \
	modules/imap/mailboxes/cmd_mailbox.c \
	modules/imap/mailboxes/cmd_metadata.c \
	modules/imap/mailboxes/cmd_quota.c \
	modules/imap/search/cmd_search.c \
	modules/imap/mailboxes/cmd_select.c \
	modules/imap/mailboxes/cmd_status.c \
	modules/imap/messages/cmd_store.c \
	modules/imap/search/cmd_thread.c \
	modules/imap/commands.c \
	modules/imap/errors.c \
	modules/imap/errors.h \
	modules/imap/messages/fetch.c \
	modules/imap/messages/incoming.c \
	modules/imap/messages/fetch.h \
	modules/imap/messages/fetch_batch.c \
	modules/imap/messages/fetch_binary.c \
	modules/imap/messages/fetch_items.c \
	modules/imap/messages/fetch_section.c \
	modules/imap/imap_session.c \
	modules/imap/imap_session.h \
	modules/imap/input.c \
	modules/imap/output.c \
	modules/imap/replies.c \
	modules/imap/steps.c \
	modules/imap/timers.c \
	modules/imap/mailboxes/list_response.c \
	modules/imap/mailboxes/list_response.h \
	modules/imap/mailboxes/listing.c \
	modules/imap/mailboxes/listing.h \
	modules/imap/mailboxes/names.c \
	modules/imap/messages/objectid.c \
	modules/imap/messages/objectid.h \
	modules/imap/view/resync.c \
	modules/imap/view/resync.h \
	modules/imap/search/search.c \
	modules/imap/search/search.h \
	modules/imap/search/search_key.c \
	modules/imap/search/search_rows.c \
	modules/imap/search/search_result.c \
	modules/imap/search/sort.c \
	modules/imap/mailboxes/status.h \
	modules/imap/view/view.c \
	modules/imap/view/view.h
# Before login.
imap_gate_sources = \
	modules/imap/gate/imap_gate.c \
	modules/imap/gate/imap_gate.h \
	modules/imap/gate/imap_gate_auth.c \
	modules/imap/gate/imap_gate_reply.c

IMAP_CPPFLAGS = $(MODULE_CPPFLAGS) -I$(top_srcdir)/modules/imap
# Convenience libraries, so that tests can see inside.
noinst_LTLIBRARIES += libimapcore.la libimap.la libimapgate.la
libimapcore_la_SOURCES = $(imap_core)
libimapcore_la_CPPFLAGS = $(IMAP_CPPFLAGS)
libimapcore_la_CFLAGS = $(MODULE_CFLAGS)
libimap_la_SOURCES = $(imap_sources)
libimap_la_CPPFLAGS = $(IMAP_CPPFLAGS)
libimap_la_CFLAGS = $(MODULE_CFLAGS)
libimapgate_la_SOURCES = $(imap_gate_sources)
libimapgate_la_CPPFLAGS = $(IMAP_CPPFLAGS)
libimapgate_la_CFLAGS = $(MODULE_CFLAGS)

module_LTLIBRARIES += imap.la imap-gate.la
imap_la_SOURCES = modules/imap/module.c
imap_la_CPPFLAGS = $(IMAP_CPPFLAGS)
imap_la_CFLAGS = $(MODULE_CFLAGS)
imap_la_LDFLAGS = $(MODULE_LDFLAGS)
imap_la_LIBADD = libimap.la libimapcore.la $(MODULE_LIBADD)
imap_gate_la_SOURCES =
imap_gate_la_LDFLAGS = $(MODULE_LDFLAGS)
imap_gate_la_LIBADD = libimapgate.la libimapcore.la $(MODULE_LIBADD)

IMAP_TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/imap
IMAP_TESTS = \
	modules/imap/tests/test-imap-arguments \
	modules/imap/tests/test-imap-bounds \
	modules/imap/tests/test-imap-capabilities \
	modules/imap/tests/test-imap-lexer
check_PROGRAMS += $(IMAP_TESTS)
TESTS += $(IMAP_TESTS)
modules_imap_tests_test_imap_arguments_SOURCES = modules/imap/tests/test-imap-arguments.c
modules_imap_tests_test_imap_arguments_CPPFLAGS = $(IMAP_TEST_CPPFLAGS)
modules_imap_tests_test_imap_arguments_LDADD = libimap.la libimapcore.la libsatchel.la $(GLIB_LIBS)
modules_imap_tests_test_imap_bounds_SOURCES = modules/imap/tests/test-imap-bounds.c
modules_imap_tests_test_imap_bounds_CPPFLAGS = $(IMAP_TEST_CPPFLAGS)
modules_imap_tests_test_imap_bounds_LDADD = libimap.la libimapcore.la libsatchel.la $(GLIB_LIBS)
modules_imap_tests_test_imap_capabilities_SOURCES = modules/imap/tests/test-imap-capabilities.c
modules_imap_tests_test_imap_capabilities_CPPFLAGS = $(IMAP_TEST_CPPFLAGS)
modules_imap_tests_test_imap_capabilities_LDADD = libimap.la libimapcore.la libsatchel.la $(GLIB_LIBS)
modules_imap_tests_test_imap_lexer_SOURCES = modules/imap/tests/test-imap-lexer.c
modules_imap_tests_test_imap_lexer_CPPFLAGS = $(IMAP_TEST_CPPFLAGS)
modules_imap_tests_test_imap_lexer_LDADD = libimap.la libimapcore.la libsatchel.la $(GLIB_LIBS)
EXTRA_DIST += modules/imap/README.md \
	modules/imap/grammar/README.md \
	modules/imap/gate/README.md \
	modules/imap/mailboxes/README.md \
	modules/imap/messages/README.md \
	modules/imap/search/README.md \
	modules/imap/view/README.md
