# SPDX-License-Identifier: MIT
module_LTLIBRARIES += spam.la
spam_sources = \
	modules/spam/finding.h \
	modules/spam/headers.c \
	modules/spam/headers.h \
	modules/spam/junk.c \
	modules/spam/junk.h \
	modules/spam/lists.c \
	modules/spam/lists.h \
	modules/spam/names.h \
	modules/spam/note.c \
	modules/spam/note.h \
	modules/spam/score.c \
	modules/spam/score.h \
	modules/spam/settings.c \
	modules/spam/settings.h \
	modules/spam/verdict.c \
	modules/spam/verdict.h
spam_scanner_sources = \
	modules/spam/answer.c \
	modules/spam/answer.h \
	modules/spam/breaker.c \
	modules/spam/breaker.h \
	modules/spam/json.c \
	modules/spam/json.h \
	modules/spam/question.c \
	modules/spam/question.h \
	modules/spam/rspamd.c \
	modules/spam/scanner.h \
	modules/spam/spamd.c
spam_queue_sources = \
	modules/spam/known.c \
	modules/spam/known.h \
	modules/spam/queue.c \
	modules/spam/queue.h \
	modules/spam/wish.c \
	modules/spam/wish.h
spam_la_SOURCES = $(spam_sources) $(spam_scanner_sources) $(spam_queue_sources) \
	modules/spam/admin.c \
	modules/spam/admin.h \
	modules/spam/admin_queue.c \
	modules/spam/admin_queue.h \
	modules/spam/alarm.c \
	modules/spam/alarm.h \
	modules/spam/exchange.c \
	modules/spam/exchange.h \
	modules/spam/filter.c \
	modules/spam/filter.h \
	modules/spam/helper.c \
	modules/spam/helper.h \
	modules/spam/learner.c \
	modules/spam/learner.h \
	modules/spam/listener.c \
	modules/spam/listener.h \
	modules/spam/mailboxes.c \
	modules/spam/mailboxes.h \
	modules/spam/module.c \
	modules/spam/scan.c \
	modules/spam/scan.h \
	modules/spam/teach.c \
	modules/spam/teach.h
spam_la_CPPFLAGS = $(MODULE_CPPFLAGS)
spam_la_CFLAGS = $(MODULE_CFLAGS)
spam_la_LDFLAGS = $(MODULE_LDFLAGS)
spam_la_LIBADD = $(MODULE_LIBADD)

spam_tests = modules/spam/tests/test-spam modules/spam/tests/test-spam-learn modules/spam/tests/test-spam-scanner
check_PROGRAMS += $(spam_tests)
TESTS += $(spam_tests)
SPAM_TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/layers -I$(top_srcdir)/modules/spam
modules_spam_tests_test_spam_SOURCES = modules/spam/tests/test-spam.c $(spam_sources)
modules_spam_tests_test_spam_CPPFLAGS = $(SPAM_TEST_CPPFLAGS)
modules_spam_tests_test_spam_LDADD = libmemory.la libsatchel.la $(GLIB_LIBS)
modules_spam_tests_test_spam_learn_SOURCES = modules/spam/tests/test-spam-learn.c $(spam_queue_sources)
modules_spam_tests_test_spam_learn_CPPFLAGS = $(SPAM_TEST_CPPFLAGS)
modules_spam_tests_test_spam_learn_LDADD = libmemory.la libsatchel.la $(GLIB_LIBS)
modules_spam_tests_test_spam_scanner_SOURCES = modules/spam/tests/test-spam-scanner.c $(spam_scanner_sources) modules/spam/score.c
modules_spam_tests_test_spam_scanner_CPPFLAGS = $(SPAM_TEST_CPPFLAGS)
modules_spam_tests_test_spam_scanner_LDADD = libsatchel.la $(GLIB_LIBS)
dist_man_MANS += docs/man/satchel-spam.1
EXTRA_DIST += modules/spam/README.md
