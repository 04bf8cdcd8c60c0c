#!/bin/sh
# SPDX-License-Identifier: MIT
# For `make test-NAME`, in the build directory: one-test.sh NAME TESTS PROGRAMS LIBRARIES ARGUMENT...
# Builds the one test of that name and runs it with the arguments.  SUITE chooses where several have the name.
set -u
name=$1 tests=$2 programs=$3 libraries=$4
shift 4
found=
for test in $tests; do
    base=${test##*/} base=${base%.py} base=${base%.sh}
    [ "${base#test-}" = "$name" ] || continue
    case "$test" in tests/"${SUITE:-}"*/* | modules/"${SUITE:-}"*/*) found="$found $test" ;; esac
done
set -f
count=$(echo $found | wc -w)
[ "$count" = 1 ] || { echo "test-$name: $count tests:$found; choose with SUITE=unit or another directory of tests/" >&2; exit 64; }
test=${found# }
case $test in
*.py) exec python3 "$SATCHEL_SRCDIR/$test" "$@" ;;
*.sh) "$MAKE" -s $programs $libraries || exit
      exec "$SATCHEL_SRCDIR/$test" "$@" ;;
*) "$MAKE" -s "$test" $libraries || exit
   exec "./$test" "$@" ;;
esac
