#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/check-settings: the tree is green, a name without a row and a row of another type are red.
top=${SATCHEL_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
check=$(cd "$top" && pwd)/tools/check-settings
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/core/runtime/config" "$work/core/runtime/process" "$work/core/cli" "$work/modules/toy"
cat > "$work/core/runtime/config/core_schema.c" <<'X'
static const SatchelConfigRow nest_rows[] = {
  { "name", SATCHEL_CONFIG_STRING, NULL, "Name" },
  { "eggs", INTO (INT, Nest, eggs), "3",
    "Number of eggs", .min = 0, .max = 9 },
  { NULL }
};
static const SatchelConfigRow tree_rows[] = {
  { "height", SATCHEL_CONFIG_SIZE, "1M", "Height" },
  { "keeper_user", SATCHEL_CONFIG_STRING, "root", "Account" },
  { "nests", SATCHEL_CONFIG_GROUPS, NULL, "Nests", .group = nest_rows },
  { NULL }
};
static const SatchelConfigRow pond_rows[] = {
  { "depth", SATCHEL_CONFIG_SIZE, "1M", "Depth" },
  { NULL }
};
const SatchelConfigSchema satchel_core_schemas[] = {
  { "server", tree_rows, "A tree" },
  { "pond", pond_rows, "A pond" },
  { NULL }
};
X
n=0 status=0
say () { n=$((n + 1)); if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; status=1; fi; }
# expect red|green NAME FILE [WORDS that a red check says]: standard input is the file.
expect () {
    cat > "$work/$3"
    python3 "$check" "$work" 2> "$work/said"; got=$?
    rm "$work/$3"
    if [ "$1" = green ]; then [ $got = 0 ]; else [ $got = 1 ] && grep -q "$3:[0-9]*: .*$4" "$work/said"; fi
    say $? "$1: $2"
}

python3 "$check" "$top"; say $? 'green: the tree'

a=core/cli/a.c
expect green 'names that have rows' $a <<'X'
const SatchelConfig *tree = satchel_config_set_group (set, "server");
x = satchel_config_size (tree, "height") + satchel_config_n_groups (tree, "nests");
y = satchel_config_string (satchel_config_group (tree, "nests", 0), "name");
satchel_config_work_problem (work, FALSE, tree, is_high ? "height" : "nests", "%s is not \"%s\"", "a, b", z);
satchel_config_work_problem (work, FALSE, section, "enabled", "no");
satchel_config_work_problem (work, FALSE, NULL, "pond.depth", "no");
satchel_config_work_problem (work, FALSE, satchel_config_set_group (set, provided->name), "enabled", "no");
z = satchel_config_string (section, key); /* satchel_config_string (section, "feathers") */
X
expect red 'a name without a row' $a 'no setting "hight"; did you mean "height"' <<'X'
x = satchel_config_size (section, "hight");
X
expect red 'a row of another group' $a 'no setting "depth"' <<'X'
x = satchel_config_size (satchel_config_set_group (set, "server"), "depth");
X
expect red 'a row of another group, by a variable' $a 'no setting "depth"' <<'X'
const SatchelConfig *server = satchel_config_set_group (set, "server");
x = satchel_config_origin (server, "depth");
X
expect red 'a row of the list that an element is not of' $a 'no setting "height"' <<'X'
x = satchel_config_size (satchel_config_group (section, "nests", 1), "height");
X
expect red 'a row of another type' $a 'cannot return SIZE' <<'X'
x = satchel_config_int (section, "height");
X
expect red 'a type of a row that fills a member' $a 'cannot return INT' <<'X'
x = satchel_config_string (section, "eggs");
X
expect red 'a problem with a setting that is none' $a 'no setting "deep"' <<'X'
satchel_config_work_problem (work, FALSE,
                             section, x ? "depth" : "deep", "%s", "text");
X
expect red 'a problem with a setting of no group' $a 'no setting "height"' <<'X'
satchel_config_work_problem (work, FALSE, NULL, "pond.height", "text");
X
expect red 'a group that is none' $a 'no group "sever"; did you mean "server"' <<'X'
x = satchel_config_set_group (context->config, "sever");
X
expect red 'a group that is none, asked of a host' $a 'no group "puddle"' <<'X'
x = host.group ("puddle");
X
expect green 'an account of a role' core/runtime/process/roles.def <<'X'
ROLE (KEEPER, "keeper", "keeper_user")
X
expect red 'an account of a role without a row' core/runtime/process/roles.def 'no setting "warden_user"' <<'X'
ROLE (WARDEN, "warden", "warden_user")
X
cat > "$work/modules/toy/settings.c" <<'X'
const SatchelConfigRow toy_schema[] = {
  { "color", INTO (STRING, Settings, color), "red", "Color" },
  { "no-paint", SATCHEL_CONFIG_BOOL, NULL, "Unpainted" },
  { NULL }
};
X
m=modules/toy/module.c
expect green 'names of a module that have rows' $m <<'X'
x = satchel_config_is_set (section, "enabled") && satchel_config_bool (options, "no-paint");
y = satchel_config_string (section, "color");
X
expect red 'a name that is no row of the module' $m 'no row "colour"; did you mean "color"' <<'X'
y = satchel_config_string (section, "colour");
X
expect red 'a name of the core in a module' $m 'no row "height"' <<'X'
y = satchel_config_size (section, "height");
X
expect red 'a row of a module of another type' $m 'cannot return BOOL' <<'X'
y = satchel_config_string (options, "no-paint");
X
echo "1..$n"
exit $status
