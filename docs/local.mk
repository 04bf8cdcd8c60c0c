# SPDX-License-Identifier: MIT
dist_doc_DATA = docs/admin-guide.md docs/architecture.md docs/protocols.md docs/performance.md
EXTRA_DIST += docs/decisions tests/README.md
