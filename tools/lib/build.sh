#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds the tree and installs it below the build directory; says nothing when all is up to date.
#   build.sh [DIR]     DIR: build directory, default .build in the tree (SATCHEL_BUILD overrides)
# Everything goes to standard error; the last line is the cause when it fails.
# SATCHEL_TEST_RUN, the number of a `make check`: its tests, which all come here, share one look at the tree.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-${SATCHEL_BUILD:-$top/.build}}
mkdir -p "$build" || exit 73
build=$(cd "$build" && pwd)
is_built() { [ -n "${SATCHEL_TEST_RUN:-}" ] && [ "$(cat "$build/.built-for" 2>/dev/null)" = "$SATCHEL_TEST_RUN" ]; }
! is_built || exit 0
exec 9>"$build/.lock"
flock 9
! is_built || exit 0
fail() { tail -25 "$build/build.log" >&2; echo "$1 (whole output: $build/build.log)" >&2; exit 70; }

for tool in autoreconf automake libtoolize pkg-config make cc; do
    command -v $tool >/dev/null || { echo "$tool is missing: run tools/quickstart or tools/test, which install what a build needs" >&2; exit 69; }
done
: > "$build/build.log"
if [ ! -x "$top/configure" ] || [ "$top/configure.ac" -nt "$top/configure" ]; then
    echo "build: making ./configure" >&2
    (cd "$top" && ./autogen.sh) >>"$build/build.log" 2>&1 || fail "autogen.sh failed"
fi
if [ ! -f "$build/Makefile" ]; then
    echo "build: configuring in $build" >&2
    # Rules, and libtool for each program that is linked, are scripts of this shell: dash takes a third of bash's time.
    [ ! -x /bin/dash ] || export CONFIG_SHELL=${CONFIG_SHELL:-/bin/dash}
    (cd "$build" && ${CONFIG_SHELL:-} "$top/configure" --prefix="$build/inst" --sysconfdir="$build/inst/etc" --localstatedir="$build/inst/var" \
        ${SATCHEL_CONFIGURE:-}) >>"$build/build.log" 2>&1 || fail "configure failed"
fi
jobs=$(nproc 2>/dev/null || echo 2)
[ -x "$build/inst/sbin/satcheld" ] || echo "build: compiling" >&2
make -C "$build" -j"$jobs" ${SATCHEL_MAKEFLAGS:-} >>"$build/build.log" 2>&1 || fail "make failed"
# Files are only installed when something that is installed was made since.
is_newer() { find "$build/.libs" "$build/conf.d" "$build/packaging" -newer "$build/inst/.stamp" \( -name '*.so' -o -name '*.so.*' -o -name 'satchel*' -o -name '*.conf' \) 2>/dev/null | grep -q .; }
if [ ! -x "$build/inst/sbin/satcheld" ] || is_newer; then
    (umask 022; make -C "$build" install) >>"$build/build.log" 2>&1 || fail "make install failed"
    touch "$build/inst/.stamp"
fi
if [ -n "${SATCHEL_TEST_RUN:-}" ]; then echo "$SATCHEL_TEST_RUN" > "$build/.built-for"; fi
