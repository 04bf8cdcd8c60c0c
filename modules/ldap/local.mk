# SPDX-License-Identifier: MIT
if WITH_LDAP
module_LTLIBRARIES += ldap.la
ldap_la_SOURCES = \
	modules/ldap/directory.c \
	modules/ldap/directory.h \
	modules/ldap/filter.c \
	modules/ldap/filter.h \
	modules/ldap/helper.c \
	modules/ldap/helper.h \
	modules/ldap/module.c \
	modules/ldap/settings.c \
	modules/ldap/settings.h \
	modules/ldap/source.c \
	modules/ldap/source.h
ldap_la_CPPFLAGS = $(MODULE_CPPFLAGS)
ldap_la_CFLAGS = $(MODULE_CFLAGS) $(LDAP_CFLAGS)
ldap_la_LDFLAGS = $(MODULE_LDFLAGS)
ldap_la_LIBADD = $(MODULE_LIBADD) $(LDAP_LIBS)

check_PROGRAMS += modules/ldap/tests/test-ldap-filter
TESTS += modules/ldap/tests/test-ldap-filter
modules_ldap_tests_test_ldap_filter_SOURCES = modules/ldap/tests/test-ldap-filter.c modules/ldap/filter.c modules/ldap/filter.h
modules_ldap_tests_test_ldap_filter_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/ldap
modules_ldap_tests_test_ldap_filter_LDADD = libsatchel.la $(GLIB_LIBS)
endif
EXTRA_DIST += modules/ldap/README.md
