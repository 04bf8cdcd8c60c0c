# SPDX-License-Identifier: MIT
if WITH_PASSWD_FILE
# A convenience library, so that its tests can see inside.
noinst_LTLIBRARIES += libpasswdfile.la
libpasswdfile_la_SOURCES = \
	modules/passwd-file/database.c \
	modules/passwd-file/database.h \
	modules/passwd-file/edit.c \
	modules/passwd-file/edit.h \
	modules/passwd-file/module.c \
	modules/passwd-file/record.c \
	modules/passwd-file/record.h \
	modules/passwd-file/settings.c \
	modules/passwd-file/settings.h \
	modules/passwd-file/verifier.c \
	modules/passwd-file/verifier.h
libpasswdfile_la_CPPFLAGS = $(MODULE_CPPFLAGS)
libpasswdfile_la_CFLAGS = $(MODULE_CFLAGS) $(SODIUM_CFLAGS) $(CRYPT_CFLAGS)
module_LTLIBRARIES += passwd-file.la
passwd_file_la_SOURCES =
passwd_file_la_LDFLAGS = $(MODULE_LDFLAGS)
passwd_file_la_LIBADD = libpasswdfile.la $(MODULE_LIBADD) $(SODIUM_LIBS) $(CRYPT_LIBS)

# The module's objects, without the loader: its tables are what the core calls.
check_PROGRAMS += modules/passwd-file/tests/test-passwd-file
TESTS += modules/passwd-file/tests/test-passwd-file
modules_passwd_file_tests_test_passwd_file_SOURCES = modules/passwd-file/tests/test-passwd-file.c
modules_passwd_file_tests_test_passwd_file_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/passwd-file
modules_passwd_file_tests_test_passwd_file_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS) $(CRYPT_CFLAGS)
modules_passwd_file_tests_test_passwd_file_LDADD = libpasswdfile.la libsatchel.la $(GLIB_LIBS) $(SODIUM_LIBS) $(CRYPT_LIBS)
endif
EXTRA_DIST += modules/passwd-file/README.md
