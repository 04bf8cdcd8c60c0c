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
libsealing_la_CFLAGS = $(MODULE_CFLAGS) $(SODIUM_CFLAGS) $(GNUTLS_CFLAGS)
noinst_LTLIBRARIES += libsealedstore.la
libsealedstore_la_SOURCES = \
	modules/crypt/admin.c \
	modules/crypt/admin.h \
	modules/crypt/admin_copy.c \
	modules/crypt/admin_escrow.c \
	modules/crypt/admin_private.h \
	modules/crypt/admin_recover.c \
	modules/crypt/box.c \
	modules/crypt/box.h \
	modules/crypt/copy.c \
	modules/crypt/copy.h \
	modules/crypt/copy_blob.c \
	modules/crypt/copy_blob.h \
	modules/crypt/delivered.c \
	modules/crypt/delivered.h \
	modules/crypt/escrow.c \
	modules/crypt/escrow.h \
	modules/crypt/keyring.c \
	modules/crypt/keyring.h \
	modules/crypt/layer.c \
	modules/crypt/layer.h \
	modules/crypt/login.c \
	modules/crypt/login.h \
	modules/crypt/opened.c \
	modules/crypt/opened.h \
	modules/crypt/recovery.c \
	modules/crypt/recovery.h \
	modules/crypt/recovery_slot.c \
	modules/crypt/recovery_slot.h \
	modules/crypt/ring.c \
	modules/crypt/ring.h \
	modules/crypt/ring_text.c \
	modules/crypt/rings.c \
	modules/crypt/rings.h \
	modules/crypt/settings.c \
	modules/crypt/settings.h \
	modules/crypt/slot.c \
	modules/crypt/slot.h \
	modules/crypt/state.c \
	modules/crypt/state.h \
	modules/crypt/store.c \
	modules/crypt/store.h \
	modules/crypt/told.c \
	modules/crypt/told.h \
	modules/crypt/verify.c \
	modules/crypt/verify.h \
	modules/crypt/verify_admin.c \
	modules/crypt/wanted.c \
	modules/crypt/wanted.h \
	modules/crypt/work.c \
	modules/crypt/work.h \
	modules/crypt/work_admin.c \
	modules/crypt/work_admin.h \
	modules/crypt/work_batch.c \
	modules/crypt/work_batch.h
libsealedstore_la_CPPFLAGS = $(MODULE_CPPFLAGS)
libsealedstore_la_CFLAGS = $(MODULE_CFLAGS) $(SODIUM_CFLAGS) $(GNUTLS_CFLAGS)
module_LTLIBRARIES += crypt.la
crypt_la_SOURCES = modules/crypt/module.c
crypt_la_CPPFLAGS = $(MODULE_CPPFLAGS)
crypt_la_CFLAGS = $(MODULE_CFLAGS) $(SODIUM_CFLAGS) $(GNUTLS_CFLAGS)
crypt_la_LDFLAGS = $(MODULE_LDFLAGS)
crypt_la_LIBADD = libsealedstore.la libsealing.la $(MODULE_LIBADD) $(SODIUM_LIBS) $(GNUTLS_LIBS)
dist_man_MANS += docs/man/satchel-crypt.1

CRYPT_TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/crypt -I$(top_srcdir)/modules/crypt/tests
CRYPT_TEST_LIBS = libsealing.la libsatchel.la $(GLIB_LIBS) $(SODIUM_LIBS) $(GNUTLS_LIBS)
check_PROGRAMS += modules/crypt/tests/test-format modules/crypt/tests/crypt-seal
TESTS += modules/crypt/tests/test-format
modules_crypt_tests_test_format_SOURCES = modules/crypt/tests/test-format.c modules/crypt/tests/sealing.c modules/crypt/tests/sealing.h
modules_crypt_tests_test_format_CPPFLAGS = $(CRYPT_TEST_CPPFLAGS)
modules_crypt_tests_test_format_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS) $(GNUTLS_CFLAGS)
modules_crypt_tests_test_format_LDADD = $(CRYPT_TEST_LIBS)
modules_crypt_tests_crypt_seal_SOURCES = modules/crypt/tests/crypt-seal.c modules/crypt/tests/sealing.c modules/crypt/tests/sealing.h
modules_crypt_tests_crypt_seal_CPPFLAGS = $(CRYPT_TEST_CPPFLAGS)
modules_crypt_tests_crypt_seal_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS) $(GNUTLS_CFLAGS)
modules_crypt_tests_crypt_seal_LDADD = $(CRYPT_TEST_LIBS)
check_PROGRAMS += modules/crypt/tests/test-rings
TESTS += modules/crypt/tests/test-rings
modules_crypt_tests_test_rings_SOURCES = modules/crypt/tests/test-rings.c
modules_crypt_tests_test_rings_CPPFLAGS = $(CRYPT_TEST_CPPFLAGS)
modules_crypt_tests_test_rings_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS) $(GNUTLS_CFLAGS)
modules_crypt_tests_test_rings_LDADD = libsealedstore.la $(CRYPT_TEST_LIBS)
check_PROGRAMS += modules/crypt/tests/test-layer
TESTS += modules/crypt/tests/test-layer
modules_crypt_tests_test_layer_SOURCES = modules/crypt/tests/test-layer.c
modules_crypt_tests_test_layer_CPPFLAGS = $(CRYPT_TEST_CPPFLAGS) -I$(top_srcdir)/tests/layers
modules_crypt_tests_test_layer_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS) $(GNUTLS_CFLAGS)
modules_crypt_tests_test_layer_LDADD = libsealedstore.la libmemory.la $(CRYPT_TEST_LIBS)
endif
EXTRA_DIST += modules/crypt/README.md modules/crypt/FORMAT.md
