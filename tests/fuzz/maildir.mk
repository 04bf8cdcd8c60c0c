# SPDX-License-Identifier: MIT
check_PROGRAMS += tests/fuzz/fuzz-maildir-uidlist
TESTS += tests/fuzz/fuzz-maildir-uidlist
tests_fuzz_fuzz_maildir_uidlist_SOURCES = tests/fuzz/fuzz-maildir-uidlist.c tests/fuzz/driver.c
tests_fuzz_fuzz_maildir_uidlist_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/maildir
tests_fuzz_fuzz_maildir_uidlist_LDADD = libmaildir.la libsatchel.la $(GLIB_LIBS)
if FUZZ
noinst_PROGRAMS += tests/fuzz/libfuzzer-maildir-uidlist
tests_fuzz_libfuzzer_maildir_uidlist_SOURCES = tests/fuzz/fuzz-maildir-uidlist.c
tests_fuzz_libfuzzer_maildir_uidlist_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/maildir
tests_fuzz_libfuzzer_maildir_uidlist_LDADD = libmaildir.la libsatchel.la $(GLIB_LIBS)
tests_fuzz_libfuzzer_maildir_uidlist_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif
