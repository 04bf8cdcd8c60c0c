#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/check-deps: the tree is green, and one bad include or name of each kind is red.
top=${SATCHEL_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
check=$(cd "$top" && pwd)/tools/check-deps
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
for layer in base runtime mail storage session daemon/master cli attic; do mkdir -p "$work/core/$layer"; done
mkdir -p "$work/include/satchel" "$work/modules/kestrel/nest" "$work/modules/heron"
echo 'void satchel_thing (void);' > "$work/include/satchel/thing.h"
for header in modules/heron/heron.h modules/kestrel/own.h modules/kestrel/nest/egg.h core/runtime/loop.h; do : > "$work/$header"; done
n=0 status=0
say () { n=$((n + 1)); if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; status=1; fi; }
# expect red|green NAME FILE TEXT: a red check names the file.
expect () {
    printf '%s\n' "$4" > "$work/$3"
    sh "$check" "$work" > /dev/null 2> "$work/said"; got=$?
    rm "$work/$3"
    if [ "$1" = green ]; then [ $got = 0 ]; else [ $got = 1 ] && grep -q "$3" "$work/said"; fi
    say $? "$1: $2"
}

sh "$check" "$top" 2> "$work/said"; say $? 'green: the tree'

below=
for layer in base runtime mail storage session; do
    expect green "$layer includes itself" "core/$layer/a.c" "#include \"core/$layer/b.h\""
    for lower in $below; do
        expect green "$layer includes $lower" "core/$layer/a.c" "#include \"core/$lower/b.h\""
        expect red "$lower includes $layer" "core/$lower/a.c" "#include \"core/$layer/b.h\""
    done
    expect green "daemon includes $layer" core/daemon/master/a.c "#include \"core/$layer/b.h\""
    expect red "$layer includes daemon" "core/$layer/a.h" '#include "core/daemon/master/b.h"'
    expect green "cli includes $layer" core/cli/a.c "#include \"core/$layer/b.h\""
    expect red "$layer includes cli" "core/$layer/a.c" '#include "core/cli/b.h"'
    below="$below $layer"
done
expect red 'cli includes daemon' core/cli/a.c '#include "core/daemon/master/b.h"'
expect red 'daemon includes cli' core/daemon/master/a.c '#include "core/cli/b.h"'
expect red 'a table includes a higher layer' core/base/a.def '#include "core/mail/b.h"'
expect red 'a higher layer in angle brackets' core/base/a.c '#include <core/runtime/loop.h>'
expect red 'a higher layer with blanks' core/base/a.c '  #  include   "core/runtime/loop.h" /* why */'
expect red 'a higher layer by a relative path' core/base/a.c '#include "../runtime/loop.h"'
expect red 'a higher layer by a path with dots' core/base/a.c '#include "core/base/../runtime/loop.h"'
expect red 'a name without its path' core/runtime/a.c '#include "loop.h"'
expect red 'a directory outside the order' core/attic/a.c '#include "core/base/b.h"'
expect red 'a layer that does not exist' core/cli/a.c '#include "core/attic/b.h"'
expect red 'core includes a module' core/cli/a.c '#include "modules/heron/heron.h"'
expect green 'public and system headers' core/base/a.c '#include <satchel/thing.h>
#include <string.h>
#include "config.h"'

expect green 'a module includes its own and the public' modules/kestrel/a.c '#include <satchel/thing.h>
#include "own.h"'
expect green 'a directory of a module includes its own by the path from the module' modules/kestrel/nest/a.c '#include "own.h"
#include "nest/egg.h"'
expect red 'a directory of a module includes the core' modules/kestrel/nest/a.c '#include "core/runtime/loop.h"'
expect red 'a directory of a module includes another module' modules/kestrel/nest/a.c '#include "heron.h"'
expect red 'a directory of a module includes its own without its path' modules/kestrel/nest/a.c '#include "egg.h"'
expect red 'a module goes out of its directory' modules/kestrel/nest/a.c '#include "../../heron/heron.h"'
expect red 'a module includes the core' modules/kestrel/a.c '#include "core/runtime/loop.h"'
expect red 'a module includes the core in angle brackets' modules/kestrel/a.c '#include <core/runtime/loop.h>'
expect red 'a module includes another' modules/kestrel/a.c '#include "heron.h"'
# A local.mk may name files of another module that it builds in, and none of the core.
expect green 'a module is built of its own files' modules/kestrel/local.mk 'kestrel_la_SOURCES = modules/kestrel/a.c'
expect red 'a module is built of a file of the core' modules/kestrel/local.mk 'kestrel_la_SOURCES = modules/kestrel/a.c core/runtime/loop.c'
printf '%s\n' 'kestrel_la_SOURCES = core/runtime/loop.h ' > "$work/modules/heron/local.mk"
expect red 'a module includes the core, which its local.mk names' modules/heron/a.c '#include "core/runtime/loop.h"'
rm "$work/modules/heron/local.mk"
expect red 'a public header that is none' modules/kestrel/a.c '#include <satchel/secret-thing.h>'
expect red 'core code names a module' core/storage/a.c 'static int kestrel_count;'
expect red 'a text of the core names a module' core/session/a.c 'static const char *name = "kestrel";'
expect green 'core/mail names a format of files' core/mail/a.c 'static const char *name = "kestrel";'
expect green 'a comment names a module' core/mail/a.c '/* as kestrel does */'
echo "1..$n"
exit $status
