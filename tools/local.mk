# SPDX-License-Identifier: MIT
EXTRA_DIST += tools/quickstart tools/test tools/devserver tools/bench-server tools/bench tools/lib/deps.sh tools/lib/build.sh \
	tools/lib/instance.py tools/lib/quickstart.py tools/lib/bench_server.py tools/lib/ratios.py tests/lsan.supp

# For tools/test: the tests of one suite (a directory of tests/; modules' own tests count as unit).
print-tests:
	@for t in $(TESTS); do case $$t in tests/$(SUITE)/*) echo $$t;; modules/*) test $(SUITE) != unit || echo $$t;; esac; done

# Ours next to Dovecot, in one run; the generator lives beside the project.
bench:
	$(top_srcdir)/tools/bench
