# SPDX-License-Identifier: MIT
# A convenience library, so that its tests can see inside.
noinst_LTLIBRARIES += libapppasswords.la
libapppasswords_la_SOURCES = \
	modules/app-passwords/app_passwords.c \
	modules/app-passwords/app_passwords.h \
	modules/app-passwords/admin.c \
	modules/app-passwords/factor.c \
	modules/app-passwords/module.c \
	modules/app-passwords/password.c \
	modules/app-passwords/password.h \
	modules/app-passwords/record.c \
	modules/app-passwords/record.h \
	modules/app-passwords/secret.c \
	modules/app-passwords/secret.h \
	modules/app-passwords/slots.c \
	modules/app-passwords/state.c \
	modules/app-passwords/state.h
libapppasswords_la_CPPFLAGS = $(MODULE_CPPFLAGS)
libapppasswords_la_CFLAGS = $(MODULE_CFLAGS)
module_LTLIBRARIES += app-passwords.la
app_passwords_la_SOURCES =
app_passwords_la_LDFLAGS = $(MODULE_LDFLAGS)
app_passwords_la_LIBADD = libapppasswords.la $(MODULE_LIBADD)

check_PROGRAMS += modules/app-passwords/tests/test-app-passwords
TESTS += modules/app-passwords/tests/test-app-passwords
modules_app_passwords_tests_test_app_passwords_SOURCES = modules/app-passwords/tests/test-app-passwords.c
modules_app_passwords_tests_test_app_passwords_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/app-passwords
modules_app_passwords_tests_test_app_passwords_LDADD = libapppasswords.la libsatchel.la $(GLIB_LIBS)
dist_man_MANS += docs/man/satchel-app-passwords.1
EXTRA_DIST += modules/app-passwords/README.md
