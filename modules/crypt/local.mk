# SPDX-License-Identifier: MIT
if WITH_CRYPT
# A convenience library, so that its tests can see inside.
noinst_LTLIBRARIES += libsealing.la
libsealing_la_SOURCES = \
	modules/crypt/attributes.c \
	modules/crypt/attributes.h \
	modules/crypt/chunk.c \
	modules/crypt/chunk.h \
	modules/crypt/header.c \
	modules/crypt/header.h \
	modules/crypt/key.c \
	modules/crypt/key.h \
	modules/crypt/reader.c \
	modules/crypt/reader.h \
	modules/crypt/writer.c \
	modules/crypt/writer.h
libsealing_la_CPPFLAGS = $(MODULE_CPPFLAGS)
libsealing_la_CFLAGS = $(MODULE_CFLAGS) $(SODIUM_CFLAGS)

CRYPT_TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/crypt -I$(top_srcdir)/modules/crypt/tests
CRYPT_TEST_LIBS = libsealing.la libsatchel.la $(GLIB_LIBS) $(SODIUM_LIBS)
check_PROGRAMS += modules/crypt/tests/test-format modules/crypt/tests/crypt-seal
TESTS += modules/crypt/tests/test-format
modules_crypt_tests_test_format_SOURCES = modules/crypt/tests/test-format.c modules/crypt/tests/sealing.c modules/crypt/tests/sealing.h
modules_crypt_tests_test_format_CPPFLAGS = $(CRYPT_TEST_CPPFLAGS)
modules_crypt_tests_test_format_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS)
modules_crypt_tests_test_format_LDADD = $(CRYPT_TEST_LIBS)
modules_crypt_tests_crypt_seal_SOURCES = modules/crypt/tests/crypt-seal.c modules/crypt/tests/sealing.c modules/crypt/tests/sealing.h
modules_crypt_tests_crypt_seal_CPPFLAGS = $(CRYPT_TEST_CPPFLAGS)
modules_crypt_tests_crypt_seal_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS)
modules_crypt_tests_crypt_seal_LDADD = $(CRYPT_TEST_LIBS)
endif
EXTRA_DIST += modules/crypt/README.md modules/crypt/FORMAT.md
