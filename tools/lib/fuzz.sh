#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds the fuzz targets with clang into .build-fuzz and runs each for FUZZ_SECONDS (30).  What a run finds stays in .build-fuzz/found.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$top/.build-fuzz
command -v clang > /dev/null || { echo "clang is missing: run tools/test, which installs what tests need" >&2; exit 69; }
SATCHEL_CONFIGURE='--enable-fuzz --enable-asan --disable-hardening CC=clang' "$top/tools/lib/build.sh" "$build" || exit
mkdir -p "$build/found"
failed=0 n=0
for target in "$build"/tests/fuzz/libfuzzer-*; do
    [ -x "$target" ] && [ ! -d "$target" ] || continue
    name=$(basename "$target")
    case $name in *.*) continue ;; esac
    n=$((n + 1))
    mkdir -p "$build/corpus/$name"
    if "$target" -max_total_time="${FUZZ_SECONDS:-30}" -max_len=65536 -artifact_prefix="$build/found/$name-" "$build/corpus/$name" \
        > "$build/$name.log" 2>&1; then echo "ok $n - $name: $(grep -o 'Done [0-9]* runs' "$build/$name.log")"
    else failed=$((failed + 1)); tail -20 "$build/$name.log"; echo "not ok $n - $name (whole output: $build/$name.log)"; fi
done
echo "1..$n"
[ $failed = 0 ] && [ $n -gt 0 ]
