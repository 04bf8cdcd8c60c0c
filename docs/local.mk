# SPDX-License-Identifier: MIT
dist_doc_DATA = docs/admin-guide.md docs/architecture.md docs/design.md docs/known-limits.md docs/mutation.md docs/performance.md docs/protocols.md \
	docs/sealed-mail.md docs/security.md
EXTRA_DIST += docs/README.md docs/releasing.md docs/decisions docs/modules tests/README.md
dist_man_MANS += docs/man/satchel.1 docs/man/satchel.conf.5 docs/man/satcheld.8
exampledir = $(docdir)/examples
dist_example_DATA = docs/examples/satchel.conf
