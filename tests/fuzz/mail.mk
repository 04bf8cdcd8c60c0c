# SPDX-License-Identifier: MIT
# Each target twice: in `make check` under the plain driver, and with --enable-fuzz (CC=clang) as a libFuzzer program.
MAIL_FUZZ = tests/fuzz/fuzz-mail-scan tests/fuzz/fuzz-mail-blob tests/fuzz/fuzz-mail-header tests/fuzz/fuzz-mail-search \
	tests/fuzz/fuzz-mail-name tests/fuzz/fuzz-mail-charset tests/fuzz/fuzz-mail-thread tests/fuzz/fuzz-mail-mbox
check_PROGRAMS += $(MAIL_FUZZ)
TESTS += $(MAIL_FUZZ)
noinst_HEADERS += tests/fuzz/driver.h
tests_fuzz_fuzz_mail_scan_SOURCES = tests/fuzz/fuzz-mail-scan.c tests/fuzz/driver.c
tests_fuzz_fuzz_mail_scan_LDADD = libimapgrammar.la libsatchel.la $(GLIB_LIBS)
tests_fuzz_fuzz_mail_blob_SOURCES = tests/fuzz/fuzz-mail-blob.c tests/fuzz/driver.c
tests_fuzz_fuzz_mail_blob_LDADD = libimapgrammar.la libsatchel.la $(GLIB_LIBS)
tests_fuzz_fuzz_mail_header_SOURCES = tests/fuzz/fuzz-mail-header.c tests/fuzz/driver.c
tests_fuzz_fuzz_mail_header_LDADD = libimapgrammar.la libsatchel.la $(GLIB_LIBS)
tests_fuzz_fuzz_mail_search_SOURCES = tests/fuzz/fuzz-mail-search.c tests/fuzz/driver.c
tests_fuzz_fuzz_mail_search_LDADD = libimapgrammar.la libsatchel.la $(GLIB_LIBS)
tests_fuzz_fuzz_mail_name_SOURCES = tests/fuzz/fuzz-mail-name.c tests/fuzz/driver.c
tests_fuzz_fuzz_mail_name_LDADD = libsatchel.la $(GLIB_LIBS)
tests_fuzz_fuzz_mail_charset_SOURCES = tests/fuzz/fuzz-mail-charset.c tests/fuzz/driver.c
tests_fuzz_fuzz_mail_charset_LDADD = libsatchel.la $(GLIB_LIBS)
tests_fuzz_fuzz_mail_thread_SOURCES = tests/fuzz/fuzz-mail-thread.c tests/fuzz/driver.c
tests_fuzz_fuzz_mail_thread_LDADD = libsatchel.la $(GLIB_LIBS)
tests_fuzz_fuzz_mail_mbox_SOURCES = tests/fuzz/fuzz-mail-mbox.c tests/fuzz/driver.c
tests_fuzz_fuzz_mail_mbox_LDADD = libsatchel.la $(GLIB_LIBS)
if FUZZ
noinst_PROGRAMS += tests/fuzz/libfuzzer-mail-scan tests/fuzz/libfuzzer-mail-blob tests/fuzz/libfuzzer-mail-header \
	tests/fuzz/libfuzzer-mail-search tests/fuzz/libfuzzer-mail-name tests/fuzz/libfuzzer-mail-charset \
	tests/fuzz/libfuzzer-mail-thread tests/fuzz/libfuzzer-mail-mbox
tests_fuzz_libfuzzer_mail_scan_SOURCES = tests/fuzz/fuzz-mail-scan.c
tests_fuzz_libfuzzer_mail_scan_LDADD = libimapgrammar.la libsatchel.la $(GLIB_LIBS)
tests_fuzz_libfuzzer_mail_scan_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_libfuzzer_mail_blob_SOURCES = tests/fuzz/fuzz-mail-blob.c
tests_fuzz_libfuzzer_mail_blob_LDADD = libimapgrammar.la libsatchel.la $(GLIB_LIBS)
tests_fuzz_libfuzzer_mail_blob_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_libfuzzer_mail_header_SOURCES = tests/fuzz/fuzz-mail-header.c
tests_fuzz_libfuzzer_mail_header_LDADD = libimapgrammar.la libsatchel.la $(GLIB_LIBS)
tests_fuzz_libfuzzer_mail_header_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_libfuzzer_mail_search_SOURCES = tests/fuzz/fuzz-mail-search.c
tests_fuzz_libfuzzer_mail_search_LDADD = libimapgrammar.la libsatchel.la $(GLIB_LIBS)
tests_fuzz_libfuzzer_mail_search_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_libfuzzer_mail_name_SOURCES = tests/fuzz/fuzz-mail-name.c
tests_fuzz_libfuzzer_mail_name_LDADD = libsatchel.la $(GLIB_LIBS)
tests_fuzz_libfuzzer_mail_name_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_libfuzzer_mail_charset_SOURCES = tests/fuzz/fuzz-mail-charset.c
tests_fuzz_libfuzzer_mail_charset_LDADD = libsatchel.la $(GLIB_LIBS)
tests_fuzz_libfuzzer_mail_charset_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_libfuzzer_mail_thread_SOURCES = tests/fuzz/fuzz-mail-thread.c
tests_fuzz_libfuzzer_mail_thread_LDADD = libsatchel.la $(GLIB_LIBS)
tests_fuzz_libfuzzer_mail_thread_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_libfuzzer_mail_mbox_SOURCES = tests/fuzz/fuzz-mail-mbox.c
tests_fuzz_libfuzzer_mail_mbox_LDADD = libsatchel.la $(GLIB_LIBS)
tests_fuzz_libfuzzer_mail_mbox_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif
EXTRA_DIST += tests/fuzz/README.md
