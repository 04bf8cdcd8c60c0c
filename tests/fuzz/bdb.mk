# SPDX-License-Identifier: MIT
if WITH_BDB
check_PROGRAMS += tests/fuzz/fuzz-bdb-record
TESTS += tests/fuzz/fuzz-bdb-record
tests_fuzz_fuzz_bdb_record_SOURCES = tests/fuzz/fuzz-bdb-record.c tests/fuzz/driver.c
tests_fuzz_fuzz_bdb_record_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/bdb
tests_fuzz_fuzz_bdb_record_LDADD = libbdb.la $(XXHASH_LIBS) libsatchel.la $(GLIB_LIBS)
if FUZZ
noinst_PROGRAMS += tests/fuzz/libfuzzer-bdb-record
tests_fuzz_libfuzzer_bdb_record_SOURCES = tests/fuzz/fuzz-bdb-record.c
tests_fuzz_libfuzzer_bdb_record_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/bdb
tests_fuzz_libfuzzer_bdb_record_LDADD = libbdb.la $(XXHASH_LIBS) libsatchel.la $(GLIB_LIBS)
tests_fuzz_libfuzzer_bdb_record_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif
endif
