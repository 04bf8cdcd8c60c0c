# SPDX-License-Identifier: MIT
if WITH_PAM
module_LTLIBRARIES += pam.la
pam_la_SOURCES = \
	modules/pam/account.c \
	modules/pam/account.h \
	modules/pam/check.c \
	modules/pam/check.h \
	modules/pam/helper.c \
	modules/pam/helper.h \
	modules/pam/module.c \
	modules/pam/settings.c \
	modules/pam/settings.h \
	modules/pam/source.c \
	modules/pam/source.h \
	modules/pam/verdict.c \
	modules/pam/verdict.h
pam_la_CPPFLAGS = $(MODULE_CPPFLAGS)
pam_la_CFLAGS = $(MODULE_CFLAGS) $(PAM_CFLAGS)
pam_la_LDFLAGS = $(MODULE_LDFLAGS)
pam_la_LIBADD = $(MODULE_LIBADD) $(PAM_LIBS)

check_PROGRAMS += modules/pam/tests/test-pam-verdict
TESTS += modules/pam/tests/test-pam-verdict
modules_pam_tests_test_pam_verdict_SOURCES = modules/pam/tests/test-pam-verdict.c modules/pam/verdict.c modules/pam/verdict.h \
	modules/pam/account.c modules/pam/account.h
modules_pam_tests_test_pam_verdict_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/pam
modules_pam_tests_test_pam_verdict_CFLAGS = $(AM_CFLAGS) $(PAM_CFLAGS)
modules_pam_tests_test_pam_verdict_LDADD = libsatchel.la $(GLIB_LIBS)
endif
EXTRA_DIST += modules/pam/README.md
