# SPDX-License-Identifier: MIT
if WITH_CRYPT
crypt_fuzz_sources = tests/fuzz/fuzz-crypt.c modules/crypt/tests/sealing.c
check_PROGRAMS += tests/fuzz/fuzz-crypt
TESTS += tests/fuzz/fuzz-crypt
tests_fuzz_fuzz_crypt_SOURCES = $(crypt_fuzz_sources) tests/fuzz/driver.c
tests_fuzz_fuzz_crypt_CPPFLAGS = $(CRYPT_TEST_CPPFLAGS)
tests_fuzz_fuzz_crypt_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS)
tests_fuzz_fuzz_crypt_LDADD = $(CRYPT_TEST_LIBS)
if FUZZ
noinst_PROGRAMS += tests/fuzz/libfuzzer-crypt
tests_fuzz_libfuzzer_crypt_SOURCES = $(crypt_fuzz_sources)
tests_fuzz_libfuzzer_crypt_CPPFLAGS = $(CRYPT_TEST_CPPFLAGS)
tests_fuzz_libfuzzer_crypt_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS)
tests_fuzz_libfuzzer_crypt_LDADD = $(CRYPT_TEST_LIBS)
tests_fuzz_libfuzzer_crypt_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif
endif
