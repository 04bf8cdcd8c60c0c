# SPDX-License-Identifier: MIT
check_PROGRAMS += tests/fuzz/fuzz-config
TESTS += tests/fuzz/fuzz-config
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz-config.c tests/fuzz/driver.c
tests_fuzz_fuzz_config_LDADD = libsatchel.la $(GLIB_LIBS)
if FUZZ
noinst_PROGRAMS += tests/fuzz/libfuzzer-config
tests_fuzz_libfuzzer_config_SOURCES = tests/fuzz/fuzz-config.c
tests_fuzz_libfuzzer_config_LDADD = libsatchel.la $(GLIB_LIBS)
tests_fuzz_libfuzzer_config_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif
