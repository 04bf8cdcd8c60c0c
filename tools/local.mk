# SPDX-License-Identifier: MIT
EXTRA_DIST += tools/quickstart tools/test tools/package tools/devserver tools/bench-server tools/bench tools/lib/deps.sh \
	tools/lib/build.sh tools/lib/libtool.sh tools/lib/one-test.sh tools/lib/fuzz.sh tools/lib/other-release.sh \
	tools/lib/instance.py tools/lib/devserver.py tools/lib/ports.py tools/lib/quickstart.py tools/lib/bench_server.py tools/lib/ratios.py tests/lsan.supp

# For tools/test: the tests of suites (SUITE="unit fault": directories of tests/; modules' own tests count as unit), long ones first,
# without those in WITHOUT.
print-tests:
	@for t in $(filter-out $(WITHOUT),$(filter $(TESTS),$(LONG_TESTS)) $(filter-out $(LONG_TESTS),$(TESTS))); do for s in $(SUITE); do \
		case $$t in tests/$$s/*) echo $$t;; modules/*) test $$s != unit || echo $$t;; esac; done; done

print-programs:
	@echo $(filter-out $(WITHOUT),$(check_PROGRAMS))
print-sanitized-tests:
	@echo $(filter $(SANITIZED_TESTS),$(LONG_TESTS)) $(filter-out $(LONG_TESTS),$(SANITIZED_TESTS))
# Those that run with a sanitizer only, and programs that only they use.
print-sanitized-only:
	@echo $(filter-out $(PLAIN_TESTS),$(SANITIZED_TESTS)) $(filter tests/protocol/run-%,$(check_PROGRAMS))

# Ours next to Dovecot, in one run; the generator lives beside the project.
bench:
	$(top_srcdir)/tools/bench

EXTRA_DIST += tools/check-deps tools/check-rings tools/check-hashes tools/check-turns tools/check-settings tools/check-abi \
	tools/abi-layout include/satchel.abi tools/check-hardening tools/check-docs tools/update-docs
# The rules of dependencies, of hashes and of turns are part of every build that has something new to read: a source, a directory in
# which a file came or went, or a rule.
CLEANFILES += .checked .checked.new
all-local: check-new-sources
check-new-sources:
	@cd $(top_srcdir) && test -e $(abs_top_builddir)/.checked && test -z "$$(find core include modules tools/check-deps tools/check-hashes tools/check-turns \
		-newer $(abs_top_builddir)/.checked \( -type d -o -name '*.[ch]' -o -name '*.def' -o -name local.mk -o -name 'check-*' \) -print -quit)" || { \
		touch $(abs_top_builddir)/.checked.new && $(SHELL) tools/check-deps . && $(SHELL) tools/check-hashes . && $(SHELL) tools/check-turns . \
		&& mv $(abs_top_builddir)/.checked.new $(abs_top_builddir)/.checked; }
check-deps:
	@$(SHELL) $(top_srcdir)/tools/check-deps $(top_srcdir)
check-hashes:
	@$(SHELL) $(top_srcdir)/tools/check-hashes $(top_srcdir)
check-turns:
	@$(SHELL) $(top_srcdir)/tools/check-turns $(top_srcdir)
check-settings:
	@python3 $(top_srcdir)/tools/check-settings $(top_srcdir)
# Reads the symbols of the objects, so each build does it that has linked something.
LINKED = $(lib_LTLIBRARIES) $(noinst_LTLIBRARIES) $(module_LTLIBRARIES) $(bin_PROGRAMS) $(sbin_PROGRAMS)
CLEANFILES += .rings-checked .format-checked .format-checked.new
all-local: .rings-checked
.rings-checked: $(LINKED) tools/check-rings tools/check-abi
	@test -z "$(module_LTLIBRARIES)" || $(SHELL) $(top_srcdir)/tools/check-abi $(module_LTLIBRARIES:%.la=.libs/%.so)
	@if command -v python3 > /dev/null; then python3 $(top_srcdir)/tools/check-rings . $(top_srcdir) && touch $@; \
		else echo "SKIPPED: check-rings: python3 is not installed"; fi
check-rings: $(LINKED)
	@python3 $(top_srcdir)/tools/check-rings . $(top_srcdir)
check-abi: $(module_LTLIBRARIES)
	@$(SHELL) $(top_srcdir)/tools/check-abi $(module_LTLIBRARIES:%.la=.libs/%.so)
	@CC="$(CC)" python3 $(top_srcdir)/tools/abi-layout .
update-abi:
	@CC="$(CC)" python3 $(top_srcdir)/tools/abi-layout --update .
# Files as they are installed: what libtool leaves in the build tree is linked to be run there.
HARDENED = $(lib_LTLIBRARIES) $(module_LTLIBRARIES) $(bin_PROGRAMS) $(sbin_PROGRAMS)
if CET
CHECK_CET = --cet
else
CHECK_CET =
endif
check-hardening: $(HARDENED)
if HARDENING
if SANITIZE
	@echo "SKIPPED: check-hardening: a sanitizer's build is not hardened"
else
	@rm -rf .hardened && $(MAKE) -s install DESTDIR=$(abs_top_builddir)/.hardened > /dev/null 2>&1
	@python3 $(top_srcdir)/tools/check-hardening $(CHECK_CET) --libdir $(libdir) --self-test "$(CC)" \
		.hardened && rm -rf .hardened
if !CET
	@echo "SKIPPED: check-hardening: CET: not this machine's, or the compiler has no -fcf-protection"
endif
endif
else
	@echo "SKIPPED: check-hardening: configured with --disable-hardening"
endif
check-docs: satchel $(module_LTLIBRARIES)
	@$(SHELL) $(top_srcdir)/tools/check-docs .
update-docs: satchel $(module_LTLIBRARIES)
	@$(SHELL) $(top_srcdir)/tools/update-docs .
# The style of the sources (.clang-format).  Other versions of clang-format lay out some lines otherwise.
CLANG_FORMAT = clang-format-19
EXTRA_DIST += .clang-format .editorconfig tools/check-format
format:
	@$(SHELL) $(top_srcdir)/tools/check-format --write $(CLANG_FORMAT) $(top_srcdir)
check-format:
	@$(SHELL) $(top_srcdir)/tools/check-format $(CLANG_FORMAT) $(top_srcdir) $(abs_builddir)/.format-checked
# For editors and clang-tidy; from what make would run.
EXTRA_DIST += .clang-tidy tools/compile-commands tools/coverage tools/tidy tools/release tools/mutate tools/README.md tools/lib/README.md \
	tools/lib/check_documents.py tools/lib/lay_out_prose.py tools/lib/name_files.py \
	tools/lib/line_counts.py tools/lib/test_map.py tools/lib/mutations.py tools/lib/mutant_build.py
compile_commands.json:
	@python3 $(top_srcdir)/tools/compile-commands .
print-check-programs:
	@echo $(check_PROGRAMS) $(check_LTLIBRARIES)
# Slips that a compiler does not see (.clang-tidy), over FILES or all of core and modules.
CLANG_TIDY = clang-tidy-19
tidy: compile_commands.json
	@$(SHELL) $(top_srcdir)/tools/tidy $(CLANG_TIDY) $(top_srcdir) $(FILES)
# The lines that the tests ran.
coverage:
	@python3 $(top_srcdir)/tools/coverage $(ARGS)
.PHONY: check-new-sources compile_commands.json print-check-programs tidy coverage format check-format
check-local: check-headers check-rings check-settings check-abi check-docs check-format
