# SPDX-License-Identifier: MIT
MAIL_TESTS = tests/unit/test-mail-header tests/unit/test-mail-date tests/unit/test-mail-name tests/unit/test-mail-charset \
	tests/unit/test-mail-search tests/unit/test-mail-scan tests/unit/test-mail-bounds \
	tests/unit/test-mail-sort tests/unit/test-mail-thread tests/unit/test-mail-downgrade \
	tests/unit/test-mail-enclosed tests/unit/test-mail-mbox tests/unit/test-mail-tree
check_PROGRAMS += $(MAIL_TESTS)
TESTS += $(MAIL_TESTS)
tests_unit_test_mail_header_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_mail_date_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_mail_name_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_mail_charset_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_mail_search_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_mail_scan_LDADD = libimapgrammar.la libsatchel.la $(GLIB_LIBS)
tests_unit_test_mail_downgrade_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_mail_tree_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_mail_mbox_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_mail_enclosed_LDADD = libimapgrammar.la libsatchel.la $(GLIB_LIBS)
tests_unit_test_mail_bounds_LDADD = libimapgrammar.la libsatchel.la $(GLIB_LIBS)
tests_unit_test_mail_sort_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_mail_thread_LDADD = libsatchel.la $(GLIB_LIBS)
if HAVE_GMIME
check_PROGRAMS += tests/unit/test-mail-oracle
TESTS += tests/unit/test-mail-oracle
tests_unit_test_mail_oracle_CFLAGS = $(AM_CFLAGS) $(GMIME_CFLAGS)
tests_unit_test_mail_oracle_LDADD = libimapgrammar.la libsatchel.la $(GLIB_LIBS) $(GMIME_LIBS)
endif
