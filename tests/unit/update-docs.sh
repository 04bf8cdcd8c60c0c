#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/update-docs: writes what follows from the tables, and nothing at all where a module or a command fails.
top=${SATCHEL_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
n=0 status=0
say () { n=$((n + 1)); if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; status=1; fi; }

# A tree with one group of the core and two modules, and a satchel that answers as told by files in $work/says.
mkdir -p "$work/tree/tools/lib" "$work/tree/conf.d" "$work/tree/docs/man" "$work/tree/core/runtime/config" "$work/tree/core/cli/completion" \
    "$work/build/.libs" "$work/says"
cp "$top/tools/update-docs" "$work/tree/tools/"
echo '' > "$work/tree/tools/lib/name_files.py"
echo '' > "$work/tree/tools/lib/lay_out_prose.py"
echo '  { "log", log_rows, 0 },' > "$work/tree/core/runtime/config/core_schema.c"
touch "$work/build/.libs/one.so" "$work/build/.libs/two.so"
cat > "$work/build/satchel" <<'X'
#!/bin/sh
while [ "${1#--}" != "$1" ]; do shift 2; done
says=$(dirname "$0")/../says
[ ! -e "$says/fails" ] || ! echo "$*" | grep -qf "$says/fails" || { echo "half of $*"; exit 1; }
case $1 in
    module) if [ "$2" = list ]; then cat "$says/list"; else echo "Provides:  filter"; fi ;;
    *) echo "new: $*" ;;
esac
X
chmod +x "$work/build/satchel"
good () {
    rm -f "$work/says/fails"
    printf '%s\n' 'MODULE VERSION ENABLED ROLES' 'one 0.1.0 no mail' 'two 0.1.0 no mail' > "$work/says/list"
}
old () { for file in conf.d/log.conf.in conf.d/one.conf.in conf.d/two.conf.in core/cli/completion/satchel docs/man/satchel.conf.5; do
    printf '%s\n' old '.\" BEGIN settings' '.\" END settings' > "$work/tree/$file"; done; }
is_old () { ! grep -rq 'half of\|new:' "$work/tree/conf.d" "$work/tree/core/cli" "$work/tree/docs"; }
run () { "$work/tree/tools/update-docs" "$@" "$work/build" > "$work/out" 2> "$work/said"; }

good; old; run
[ $? = 0 ] && grep -q '^new: config defaults --template two' "$work/tree/conf.d/two.conf.in" \
    && grep -q '^new: config defaults --manual one' "$work/tree/docs/man/satchel.conf.5" \
    && grep -q '^new: completion bash' "$work/tree/core/cli/completion/satchel"
say $? 'settings, manual and completion are written'
run --check
say $? 'what was written is as it should be'
old; run --check
[ $? = 1 ] && is_old && grep -q 'conf.d/one.conf.in does not follow' "$work/said"
say $? '--check says what is old, and writes nothing'

old; printf '%s\n' '  cannot be used: module two: it cannot be loaded' >> "$work/says/list"; run
[ $? = 70 ] && is_old && grep -q 'module two: it cannot be loaded' "$work/said"
say $? 'a module that cannot be loaded: nothing is written'
good; old; echo 'template two' > "$work/says/fails"; run
[ $? = 70 ] && is_old && grep -q 'config defaults --template two failed' "$work/said"
say $? 'a command that fails half-way: nothing is written'
good; old; echo 'module list' > "$work/says/fails"; run
[ $? = 70 ] && is_old
say $? 'no list of modules: nothing is written'
echo "1..$n"
exit $status
