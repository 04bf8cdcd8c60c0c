# SPDX-License-Identifier: MIT
spam_fuzz_sources = tests/fuzz/fuzz-spam.c $(spam_scanner_sources) modules/spam/headers.c modules/spam/note.c modules/spam/score.c
check_PROGRAMS += tests/fuzz/fuzz-spam
TESTS += tests/fuzz/fuzz-spam
tests_fuzz_fuzz_spam_SOURCES = $(spam_fuzz_sources) tests/fuzz/driver.c
tests_fuzz_fuzz_spam_CPPFLAGS = $(SPAM_TEST_CPPFLAGS)
tests_fuzz_fuzz_spam_LDADD = libsatchel.la $(GLIB_LIBS)
if FUZZ
noinst_PROGRAMS += tests/fuzz/libfuzzer-spam
tests_fuzz_libfuzzer_spam_SOURCES = $(spam_fuzz_sources)
tests_fuzz_libfuzzer_spam_CPPFLAGS = $(SPAM_TEST_CPPFLAGS)
tests_fuzz_libfuzzer_spam_LDADD = libsatchel.la $(GLIB_LIBS)
tests_fuzz_libfuzzer_spam_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif
