# SPDX-License-Identifier: MIT
if WITH_TOTP
# A convenience library, so that its tests can see inside.
noinst_LTLIBRARIES += libtotp.la
libtotp_la_SOURCES = \
	modules/totp/code.c \
	modules/totp/code.h \
	modules/totp/admin.c \
	modules/totp/admin.h \
	modules/totp/enrol.c \
	modules/totp/factor.c \
	modules/totp/grants.c \
	modules/totp/module.c \
	modules/totp/record.c \
	modules/totp/record.h \
	modules/totp/rekey.c \
	modules/totp/seal.c \
	modules/totp/seal.h \
	modules/totp/settings.c \
	modules/totp/settings.h \
	modules/totp/state.c \
	modules/totp/state.h \
	modules/totp/totp.c \
	modules/totp/totp.h \
	modules/totp/user.c \
	modules/totp/user.h
libtotp_la_CPPFLAGS = $(MODULE_CPPFLAGS)
libtotp_la_CFLAGS = $(MODULE_CFLAGS) $(SODIUM_CFLAGS) $(GNUTLS_CFLAGS)
module_LTLIBRARIES += totp.la
totp_la_SOURCES =
totp_la_LDFLAGS = $(MODULE_LDFLAGS)
totp_la_LIBADD = libtotp.la $(MODULE_LIBADD) $(SODIUM_LIBS) $(GNUTLS_LIBS)

dist_man_MANS += docs/man/satchel-totp.1

TOTP_TESTS = modules/totp/tests/test-totp modules/totp/tests/test-totp-factor
check_PROGRAMS += $(TOTP_TESTS)
TESTS += $(TOTP_TESTS)
modules_totp_tests_test_totp_factor_SOURCES = modules/totp/tests/test-totp-factor.c
modules_totp_tests_test_totp_factor_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/totp
modules_totp_tests_test_totp_factor_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS) $(GNUTLS_CFLAGS)
modules_totp_tests_test_totp_factor_LDADD = libtotp.la libsatchel.la $(GLIB_LIBS) $(SODIUM_LIBS) $(GNUTLS_LIBS)
modules_totp_tests_test_totp_SOURCES = modules/totp/tests/test-totp.c
modules_totp_tests_test_totp_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/totp
modules_totp_tests_test_totp_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS) $(GNUTLS_CFLAGS)
modules_totp_tests_test_totp_LDADD = libtotp.la libsatchel.la $(GLIB_LIBS) $(SODIUM_LIBS) $(GNUTLS_LIBS)
endif
EXTRA_DIST += modules/totp/README.md
