# SPDX-License-Identifier: MIT
if WITH_OAUTH
oauth_fuzz_sources = tests/fuzz/fuzz-oauth.c $(oauth_token_sources) modules/sasl-oauth/message.c modules/sasl-oauth/message.h
oauth_fuzz_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/sasl-oauth
oauth_fuzz_cflags = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(GNUTLS_CFLAGS)
oauth_fuzz_libs = libsatchel.la $(GLIB_LIBS) $(JANSSON_LIBS) $(GNUTLS_LIBS)
check_PROGRAMS += tests/fuzz/fuzz-oauth
TESTS += tests/fuzz/fuzz-oauth
tests_fuzz_fuzz_oauth_SOURCES = $(oauth_fuzz_sources) tests/fuzz/driver.c
tests_fuzz_fuzz_oauth_CPPFLAGS = $(oauth_fuzz_cppflags)
tests_fuzz_fuzz_oauth_CFLAGS = $(oauth_fuzz_cflags)
tests_fuzz_fuzz_oauth_LDADD = $(oauth_fuzz_libs)
if FUZZ
noinst_PROGRAMS += tests/fuzz/libfuzzer-oauth
tests_fuzz_libfuzzer_oauth_SOURCES = $(oauth_fuzz_sources)
tests_fuzz_libfuzzer_oauth_CPPFLAGS = $(oauth_fuzz_cppflags)
tests_fuzz_libfuzzer_oauth_CFLAGS = $(oauth_fuzz_cflags)
tests_fuzz_libfuzzer_oauth_LDADD = $(oauth_fuzz_libs)
tests_fuzz_libfuzzer_oauth_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif
endif
