# SPDX-License-Identifier: MIT
EXTRA_DIST += tests/install/README.md
# What others see: installed headers and library only, the installed units, packages in a machine with a systemd of its own.
SERVER_TESTS += tests/install/third-party.py tests/install/units.py tests/install/deb.py tests/install/rpm.py \
	tests/install/guide.py tests/install/old-modules.py tests/install/first-modules.py
EXTRA_DIST += tests/install/third-party.py tests/install/units.py tests/install/deb.py tests/install/rpm.py \
	tests/install/guide.py tests/install/old-modules.py tests/install/first-modules.py tests/install/abi-1.tar.xz \
	tests/install/cached-gcc \
	tests/install/hello.c tests/install/hello-gate.c tests/install/reluctant.c tests/install/sorter.c tests/install/trouble.c \
	tests/lib/machine.py tests/lib/installed.py
EXTRA_DIST += tests/install/README.md
