# SPDX-License-Identifier: MIT
if WITH_SQL
module_LTLIBRARIES += sql.la
sql_la_SOURCES = \
	modules/passwd-file/verifier.c \
	modules/passwd-file/verifier.h \
	modules/sql/database.h \
	modules/sql/helper.c \
	modules/sql/helper.h \
	modules/sql/module.c \
	modules/sql/postgresql.c \
	modules/sql/query.c \
	modules/sql/query.h \
	modules/sql/result.c \
	modules/sql/settings.c \
	modules/sql/settings.h \
	modules/sql/source.c \
	modules/sql/source.h \
	modules/sql/sqlite.c
sql_la_CPPFLAGS = $(MODULE_CPPFLAGS) -I$(top_srcdir)/modules/passwd-file
sql_la_CFLAGS = $(MODULE_CFLAGS) $(SODIUM_CFLAGS) $(CRYPT_CFLAGS) $(SQLITE_CFLAGS) $(PQ_CFLAGS)
sql_la_LDFLAGS = $(MODULE_LDFLAGS)
sql_la_LIBADD = $(MODULE_LIBADD) $(SODIUM_LIBS) $(CRYPT_LIBS) $(SQLITE_LIBS) $(PQ_LIBS)

check_PROGRAMS += modules/sql/tests/test-sql-query
TESTS += modules/sql/tests/test-sql-query
modules_sql_tests_test_sql_query_SOURCES = modules/sql/tests/test-sql-query.c modules/sql/query.c modules/sql/query.h
modules_sql_tests_test_sql_query_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/sql
modules_sql_tests_test_sql_query_LDADD = libsatchel.la $(GLIB_LIBS)
endif
EXTRA_DIST += modules/sql/README.md
