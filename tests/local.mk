# SPDX-License-Identifier: MIT
# Which is which: tests/README.md
# SERVER_TESTS start servers from the source tree by tools/devserver; configure --disable-server-tests leaves them out.
SERVER_TESTS =
# Those that take longest, the longest first: what starts last should be short.
LONG_TESTS = tests/protocol/over-bdb.sh tests/protocol/over-crypt.sh tests/protocol/imap-scripts.sh $(STORAGE_CHECKS) tests/interop/readers.py tests/interop/takeover.py \
	tests/install/deb.py tests/install/guide.py tests/fault/pam.py \
	tests/install/old-modules.py modules/maildir/tests/test-crash-states tests/interop/fail2ban.py tests/interop/search-dovecot.py
# Programs in C, and scripts of programs, show under a sanitizer what they show without one, and tools/test runs them only there: the
# others of them try less there (tests/lib/rounds.h), or look at what a sanitizer replaces: memory that is allocated, wiped, a stack.
PLAIN_TESTS = $(STORAGE_CHECKS) modules/bdb/tests/test-crash-states modules/bdb/tests/test-memory \
	modules/crypt/tests/test-format modules/crypt/tests/test-layer modules/crypt/tests/test-rings \
	modules/maildir/tests/test-crash-states modules/maildir/tests/test-failed-saves modules/maildir/tests/test-faults \
	modules/maildir/tests/test-import tests/protocol/imap-literals tests/unit/test-auth-hostile tests/unit/test-config-load \
	tests/unit/test-reactor tests/unit/test-snapshot tests/unit/test-spool
SANITIZED_TESTS = $(filter-out %.py tests/unit/%.sh tests/protocol/over-%.sh,$(filter modules/% tests/unit/% tests/conformance/% tests/protocol/%,$(TESTS)))
# One test by its name: make test-stream ARGS='-p /runtime/log', make test-placement ARGS=moves_back (tests/README.md).
ONE_TEST_TARGETS = $(sort $(patsubst %,test-%,$(patsubst test-%,%,$(basename $(notdir $(TESTS))))))
.PHONY: $(ONE_TEST_TARGETS) check-fast check-asan check-tsan check-fuzz
$(ONE_TEST_TARGETS):
	@$(AM_TESTS_ENVIRONMENT) MAKE='$(MAKE)' $(SHELL) $(top_srcdir)/tools/lib/one-test.sh '$(@:test-%=%)' '$(TESTS)' '$(check_PROGRAMS)' \
		'$(check_LTLIBRARIES) $(module_LTLIBRARIES)' $(ARGS)

# Those that compute longest, or need a server, are left to `make check`.
SLOW_TESTS = modules/maildir/tests/test-crash-states modules/bdb/tests/test-crash-states modules/maildir/tests/test-faults \
	modules/maildir/tests/test-failed-saves \
	modules/maildir/tests/test-collisions modules/maildir/tests/test-import tests/unit/test-config-load tests/unit/test-mail-thread \
	tests/unit/test-snapshot modules/passwd-file/tests/test-passwd-file
check-fast: all
	@$(MAKE) check-TESTS TESTS="$(filter-out $(SLOW_TESTS) %.py %.sh tests/fault/% tests/fuzz/% tests/protocol/%,$(TESTS))"

check-asan check-tsan:
	@$(top_srcdir)/tools/test $(@:check-%=%)
check-fuzz:
	@$(SHELL) $(top_srcdir)/tools/lib/fuzz.sh

include tests/lib/local.mk
include tests/unit/local.mk
include tests/layers/local.mk
include tests/conformance/local.mk
include tests/protocol/local.mk
include tests/interop/local.mk
include tests/fault/local.mk
include tests/fuzz/local.mk
include tests/install/local.mk
if WITH_SERVER_TESTS
TESTS += $(SERVER_TESTS)
endif
