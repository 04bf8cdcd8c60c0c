# SPDX-License-Identifier: MIT
check_PROGRAMS += tests/fuzz/fuzz-imap-command
TESTS += tests/fuzz/fuzz-imap-command
tests_fuzz_fuzz_imap_command_SOURCES = tests/fuzz/fuzz-imap-command.c tests/fuzz/driver.c
tests_fuzz_fuzz_imap_command_CPPFLAGS = $(IMAP_TEST_CPPFLAGS)
tests_fuzz_fuzz_imap_command_LDADD = libimap.la libimapcore.la libsatchel.la $(GLIB_LIBS)
check_PROGRAMS += tests/fuzz/fuzz-imap-url
TESTS += tests/fuzz/fuzz-imap-url
tests_fuzz_fuzz_imap_url_SOURCES = tests/fuzz/fuzz-imap-url.c modules/imap/grammar/url.c modules/imap/grammar/url.h tests/fuzz/driver.c
tests_fuzz_fuzz_imap_url_CPPFLAGS = $(IMAP_TEST_CPPFLAGS)
tests_fuzz_fuzz_imap_url_LDADD = $(GLIB_LIBS)
if FUZZ
noinst_PROGRAMS += tests/fuzz/libfuzzer-imap-command
tests_fuzz_libfuzzer_imap_command_SOURCES = tests/fuzz/fuzz-imap-command.c
tests_fuzz_libfuzzer_imap_command_CPPFLAGS = $(IMAP_TEST_CPPFLAGS)
tests_fuzz_libfuzzer_imap_command_LDADD = libimap.la libimapcore.la libsatchel.la $(GLIB_LIBS)
tests_fuzz_libfuzzer_imap_command_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
noinst_PROGRAMS += tests/fuzz/libfuzzer-imap-url
tests_fuzz_libfuzzer_imap_url_SOURCES = tests/fuzz/fuzz-imap-url.c modules/imap/grammar/url.c modules/imap/grammar/url.h
tests_fuzz_libfuzzer_imap_url_CPPFLAGS = $(IMAP_TEST_CPPFLAGS)
tests_fuzz_libfuzzer_imap_url_LDADD = $(GLIB_LIBS)
tests_fuzz_libfuzzer_imap_url_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif
