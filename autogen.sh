#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes ./configure.  Needs autoconf, automake, libtool and pkg-config.
set -e
cd "$(dirname "$0")"
mkdir -p m4 build-aux
for tool in autoreconf automake libtoolize pkg-config; do
    command -v "$tool" >/dev/null || { echo "autogen.sh: $tool is missing: apt-get install autoconf automake libtool pkg-config" >&2; exit 69; }
done
cp "$(automake --print-libdir)/tap-driver.sh" build-aux/tap-driver.sh
exec autoreconf --install --force --warnings=all,no-obsolete
