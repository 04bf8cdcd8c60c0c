# SPDX-License-Identifier: MIT
MAIL_TESTS = tests/unit/test-mail-header tests/unit/test-mail-date tests/unit/test-mail-name tests/unit/test-mail-charset \
	tests/unit/test-mail-search
check_PROGRAMS += $(MAIL_TESTS)
TESTS += $(MAIL_TESTS)
tests_unit_test_mail_header_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_mail_date_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_mail_name_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_mail_charset_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_mail_search_LDADD = libsatchel.la $(GLIB_LIBS)
