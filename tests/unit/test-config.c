/* SPDX-License-Identifier: MIT
 * Settings: types, units, defaults, and what is said about mistakes.
 */
#include "config.h"

#include <string.h>

#include "core/runtime/config/config_image.h"

static const SatchelConfigRow source_rows[] = {
  { "name", SATCHEL_CONFIG_STRING, NULL, "Name", .flags = SATCHEL_CONFIG_REQUIRED },
  { "port", SATCHEL_CONFIG_INT, "25", "Port", .min = 1, .max = 65535 },
  { NULL }
};
static const SatchelConfigRow rows[] = {
  { "flag", SATCHEL_CONFIG_BOOL, "true", "A flag" },
  { "count", SATCHEL_CONFIG_INT, "5", "A count", .min = 0, .max = 10 },
  { "free", SATCHEL_CONFIG_INT, "0", "A count without bounds" },
  { "greeting", SATCHEL_CONFIG_STRING, "hello", "A text" },
  { "nothing", SATCHEL_CONFIG_STRING, NULL, "An unset text" },
  { "quota", SATCHEL_CONFIG_SIZE, "1K", "A size", .min = 0, .max = G_GINT64_CONSTANT (1) << 40 },
  { "keep", SATCHEL_CONFIG_DURATION, "30d", "A time", .min = 1000, .max = G_MAXINT64 },
  { "rights", SATCHEL_CONFIG_MODE, "0640", "Rights" },
  { "file", SATCHEL_CONFIG_PATH, "users", "A path" },
  { "secret", SATCHEL_CONFIG_SECRET, NULL, "A secret" },
  { "colour", SATCHEL_CONFIG_ENUM, "red", "A choice", "red|green|blue" },
  { "names", SATCHEL_CONFIG_STRINGS, "( \"a\", \"b c\" )", "Texts" },
  { "none", SATCHEL_CONFIG_STRINGS, NULL, "No texts" },
  { "sources", SATCHEL_CONFIG_GROUPS, NULL, "Groups", .group = source_rows },
  { NULL }
};

static SatchelConfigSet *
read_well (const char *text)
{
  g_autoptr (GError) error = NULL;
  SatchelConfigSet *set = satchel_config_set_from_text ("toy", rows, text, &error);
  g_assert_no_error (error);
  g_assert_nonnull (set);
  return set;
}

static void
test_defaults (void)
{
  g_autoptr (SatchelConfigSet) set = read_well ("");
  const SatchelConfig *toy = satchel_config_set_group (set, "toy");
  g_autofree char *here = g_get_current_dir ();
  g_autofree char *users = g_build_filename (here, "users", NULL);
  g_assert_false (satchel_config_set_is_enabled (set, "toy"));
  g_assert_true (satchel_config_bool (toy, "flag"));
  g_assert_cmpint (satchel_config_int (toy, "count"), ==, 5);
  g_assert_cmpstr (satchel_config_string (toy, "greeting"), ==, "hello");
  g_assert_null (satchel_config_string (toy, "nothing"));
  g_assert_cmpuint (satchel_config_size (toy, "quota"), ==, 1024);
  g_assert_cmpint (satchel_config_duration_ms (toy, "keep"), ==, G_GINT64_CONSTANT (2592000000));
  g_assert_cmpuint (satchel_config_mode (toy, "rights"), ==, 0640);
  g_assert_cmpstr (satchel_config_path (toy, "file"), ==, users);
  g_assert_cmpstr (satchel_config_string (toy, "colour"), ==, "red");
  g_assert_cmpstr (satchel_config_strings (toy, "names")[1], ==, "b c");
  g_assert_null (satchel_config_strings (toy, "names")[2]);
  g_assert_null (satchel_config_strings (toy, "none")[0]);
  g_assert_cmpuint (satchel_config_n_groups (toy, "sources"), ==, 0);
  g_assert_cmpstr (satchel_config_origin (toy, "count"), ==, "default");
  /* The core's own groups are always there. */
  const SatchelConfig *limits = satchel_config_set_group (set, "limits");
  g_assert_cmpuint (satchel_config_size (limits, "message_size"), ==, 50 << 20);
  g_assert_cmpint (satchel_config_duration_ms (limits, "login_timeout"), ==, 180000);
}

static void
test_values (void)
{
  g_autoptr (SatchelConfigSet) set =
      read_well ("enabled = true; flag = False;\ncount = 10; free = 0x7fffffff; greeting = \"a\\\"b\" \"c\"; "
                 "quota = \"3G\";\n"
                 "keep = \"90m\"; rights = \"0600\"; file = \"/etc/x\"; colour = \"blue\"; # comment\n names "
                 "= [ \"x\" ]; // comment\n"
                 "/* a\n   comment */ sources = ( { name = \"one\" }, { name = \"two\"; port = 26; } );");
  const SatchelConfig *toy = satchel_config_set_group (set, "toy");
  g_assert_true (satchel_config_set_is_enabled (set, "toy"));
  g_assert_true (satchel_config_bool (toy, "enabled"));
  g_assert_false (satchel_config_bool (toy, "flag"));
  g_assert_cmpint (satchel_config_int (toy, "count"), ==, 10);
  g_assert_cmpint (satchel_config_int (toy, "free"), ==, G_MAXINT32);
  g_assert_cmpstr (satchel_config_string (toy, "greeting"), ==, "a\"bc");
  g_assert_cmpuint (satchel_config_size (toy, "quota"), ==, G_GUINT64_CONSTANT (3) << 30);
  g_assert_cmpint (satchel_config_duration_ms (toy, "keep"), ==, 5400000);
  g_assert_cmpuint (satchel_config_mode (toy, "rights"), ==, 0600);
  g_assert_cmpstr (satchel_config_path (toy, "file"), ==, "/etc/x");
  g_assert_cmpstr (satchel_config_strings (toy, "names")[0], ==, "x");
  g_assert_null (satchel_config_strings (toy, "names")[1]);
  g_assert_cmpuint (satchel_config_n_groups (toy, "sources"), ==, 2);
  g_assert_cmpint (satchel_config_int (satchel_config_group (toy, "sources", 0), "port"), ==, 25);
  g_assert_cmpstr (satchel_config_string (satchel_config_group (toy, "sources", 1), "name"), ==, "two");
  g_assert_cmpint (satchel_config_int (satchel_config_group (toy, "sources", 1), "port"), ==, 26);
  g_assert_cmpstr (satchel_config_origin (toy, "quota"), ==, "text:2");
  g_assert_cmpstr (satchel_config_origin (toy, "colour"), ==, "text:3");
}

/* Rows with members fill a struct; all others leave it alone. */
typedef enum
{
  RED = 0,
  GREEN,
  BLUE
} Colour;
typedef struct Filled
{
  gboolean flag;
  guint count;
  const char *greeting, *nothing;
  guint64 size;
  gint64 keep_ms;
  guint rights;
  const char *file;
  Colour colour, unset_colour;
  const char *const *names, *const *none;
  guint untouched;
} Filled;
#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, Filled, member)
static const SatchelConfigRow filling_rows[] = {
  { "rights", INTO (MODE, rights), "0640", "Not in the order of the struct" },
  { "flag", INTO (BOOL, flag), "true", "The struct's first member" },
  { "other", SATCHEL_CONFIG_INT, "7", "No member" },
  { "count", INTO (INT, count), "5", "A count", .min = 0, .max = 10 },
  { "greeting", INTO (STRING, greeting), "hello", "A text" },
  { "nothing", INTO (STRING, nothing), NULL, "An unset text" },
  { "size", INTO (SIZE, size), "1K", "A size", .min = 0, .max = SATCHEL_TIB (1) },
  { "keep", INTO (DURATION, keep_ms), "30d", "A time", .min = SATCHEL_SECONDS (1), .max = SATCHEL_DAYS (60) },
  { "file", INTO (PATH, file), "/users", "A path" },
  { "colour", INTO (ENUM, colour), "green", "A choice", "red|green|blue" },
  { "unset_colour", INTO (ENUM, unset_colour), NULL, "An unset choice", "red|green|blue" },
  { "names", INTO (STRINGS, names), "( \"a\", \"b c\" )", "Texts" },
  { "none", INTO (STRINGS, none), NULL, "No texts" },
  { NULL }
};

static void
test_fill (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelConfigSet) set = satchel_config_set_from_text (
      "toy", filling_rows, "colour = \"blue\"; size = \"3G\"; flag = false;", &error);
  g_assert_no_error (error);
  const char unset[] = "as it was";
  Filled filled = { .flag = TRUE, .nothing = unset, .unset_colour = GREEN, .untouched = 99 };
  satchel_config_fill (satchel_config_set_group (set, "toy"), filling_rows, &filled);
  g_assert_false (filled.flag);
  g_assert_cmpuint (filled.count, ==, 5);
  g_assert_cmpstr (filled.greeting, ==, "hello");
  g_assert_true (filled.nothing == unset);
  g_assert_cmpuint (filled.size, ==, (guint64) SATCHEL_GIB (3));
  g_assert_cmpint (filled.keep_ms, ==, SATCHEL_DAYS (30));
  g_assert_cmpuint (filled.rights, ==, 0640);
  g_assert_cmpstr (filled.file, ==, "/users");
  g_assert_cmpint (filled.colour, ==, BLUE);
  g_assert_cmpint (filled.unset_colour, ==, GREEN);
  g_assert_cmpstr (filled.names[1], ==, "b c");
  g_assert_null (filled.names[2]);
  g_assert_nonnull (filled.none);
  g_assert_null (filled.none[0]);
  g_assert_cmpuint (filled.untouched, ==, 99);
}

static void
test_units (void)
{
  g_assert_cmpint (SATCHEL_MINUTES (30), ==, 1800000);
  g_assert_cmpint (SATCHEL_HOURS (24), ==, SATCHEL_DAYS (1));
  g_assert_cmpint (SATCHEL_DAYS (3650), ==, G_GINT64_CONSTANT (315360000000));
  g_assert_cmpint (SATCHEL_KIB (64), ==, 65536);
  g_assert_cmpint (SATCHEL_TIB (1), ==, G_GINT64_CONSTANT (1) << 40);
}

/* Every mistake names its line and what to do. */
static const struct
{
  const char *text, *says[3];
} mistakes[] = {
  { "count = 11;", { "text:1: toy.count: 11 is out of range", "0 to 10" } },
  { "count = -1;", { "text:1: toy.count: -1 is out of range" } },
  { "free = 4294967297;", { NULL } }, /* fits; must not wrap: test_big */
  { "count = 4294967301;", { "text:1: toy.count: 4294967301 is out of range" } }, /* 5 after wrapping */
  { "count = 0x100000001;", { "text:1: toy.count: 4294967297 is out of range" } },
  { "count = \"5\";", { "text:1: toy.count: this is a text; write a whole number" } },
  { "count = 5.5;", { "text:1: toy.count: this is a number with a fraction" } },
  { "count = 99999999999999999999999999;",
    { "text:1: toy.count: 99999999999999999999999999 will not do; write a whole number" } },
  { "flag = 1;", { "text:1: toy.flag: this is a number; write true or false" } },
  { "flag = \"true\";", { "text:1: toy.flag: this is a text; write true or false" } },
  { "greeting = 5;", { "text:1: toy.greeting: this is a number; write a text in quotes" } },
  { "greeting = hello;", { "text:1: hello must be in quotes; write \"hello\"" } },
  { "file = /var/mail;", { "text:1: /var/mail must be in quotes; write \"/var/mail\"" } },
  { "\nkeep = 30d;", { "text:2: 30d must be in quotes; write \"30d\"" } },
  { "keep = 30;", { "text:1: toy.keep: this is a number; write a time in quotes", "\"30d\"" } },
  { "keep = \"30\";", { "text:1: toy.keep: \"30\" will not do; write a time" } },
  { "keep = \"30x\";", { "text:1: toy.keep: \"30x\" will not do; write a time" } },
  { "keep = \"1ms\";", { "text:1: toy.keep: 1ms is out of range; write a value from 1s" } },
  { "keep = \"99999999999999999w\";", { "text:1: toy.keep: \"99999999999999999w\" will not do" } },
  { "quota = 50;", { "text:1: toy.quota: this is a number; write a size in quotes" } },
  { "quota = \"50X\";", { "text:1: toy.quota: \"50X\" will not do; write a size" } },
  { "quota = \"1.5G\";", { "text:1: toy.quota: \"1.5G\" will not do; write a size" } },
  { "quota = \"2T\";", { "text:1: toy.quota: 2T is out of range; write a value from 0 to 1T" } },
  { "rights = 0600;", { "text:1: toy.rights: this is a number; write rights in octal, in quotes" } },
  { "rights = \"0999\";", { "text:1: toy.rights: \"0999\" will not do" } },
  { "colour = \"gren\";", { "text:1: toy.colour: \"gren\" is not a choice; did you mean \"green\"?" } },
  { "colour = \"mauve\";",
    { "text:1: toy.colour: \"mauve\" is not a choice; write one of \"red\", \"green\", \"blue\"" } },
  { "names = \"a\";", { "text:1: toy.names: this is a text; write a list" } },
  { "names = ( \"a\", 1 );", { "text:1: toy.names: this is a list; write a list of texts" } },
  { "names = ( \"a\", );", { "text:1: there is a comma before the )" } },
  { "names = ( \"a\" \n;",
    { "text:1: the list that begins here lacks a comma between its parts, or its )" } },
  { "sources = ( { port = 26; } );", { "text:1: toy.sources: \"name\" is missing" } },
  { "sources = ( { name = \"a\"; }, \n{ name = \"a\"; } );",
    { "text:2: toy.sources: two entries are named \"a\": here and at text:1" } },
  { "sources = ( { nam = \"a\"; } );",
    { "text:1: toy.sources.nam: no such setting; did you mean \"name\"?" } },
  { "sources = { name = \"a\"; };", { "text:1: toy.sources: this is a group; write a list of groups" } },
  { "sources = ( { name = \"a\"; port = 0; } );", { "text:1: toy.sources.port: 0 is out of range" } },
  { "colr = 1;", { "text:1: toy.colr: no such setting; did you mean \"colour\"?" } },
  { "zzzzzzzz = 1;", { "text:1: toy.zzzzzzzz: no such setting; remove it" } },
  { "count = 1;\n count = 2;", { "text:2: \"count\" is set twice: here and at text:1; remove one" } },
  { "count = 1;\ngreeting = \"x\"\ncount = 2;",
    { "text:2: the setting that begins here has no ; at its end; add it",
      "text:3: \"count\" is set twice" } },
  { "greeting = \"x\"\n", { "text:1: the setting that begins here has no ; at its end; add it" } },
  { "names = ( \"x\",\n \"y\" )\ncount = 1;",
    { "text:1: the setting that begins here has no ; at its end" } },
  { "greeting = \"x;\ncount = 1;", { "text:1: the text that begins here has no closing quote" } },
  { "greeting = \"x\\x00y\";", { "text:1: this text has \\x00" } },
  { "\n/* greeting = \"x\";", { "text:2: the comment that begins here has no end" } },
  { "greeting =\ncount = 1;", { "text:1: greeting has no value; add it" } },
  { "greeting = ;", { "text:1: greeting has no value; add it" } },
  { "greeting \"x\";\ncount = 11;",
    { "text:1: greeting lacks its =", "text:2: toy.count: 11 is out of range" } },
  { "! ;", { "text:1: ! is not a setting" } },
  { "count = 1; }; };", { "a closing bracket that nothing opened" } },
  { "a = { b = { \n", { "the group that begins here has no closing }" } },
  { "@include \"/etc/passwd\"\ncount = 1;", { "text:1: @include is not a setting" } },
  { "\n @include \"/etc\"\n", { "text:2: @include is not possible here" } },
  /* All of one run at once. */
  { "count = 11\nkeep = 30d;\nflg = true;\nquota = 5;",
    { "text:1: the setting that begins here has no ;", "text:2: 30d must be",
      "toy.flg: no such setting; did you mean \"flag\"?" } },
};

static void
test_mistakes (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (mistakes); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SatchelConfigSet) set = satchel_config_set_from_text ("toy", rows, mistakes[i].text, &error);
      if (mistakes[i].says[0] == NULL)
        continue;
      if (set != NULL)
        g_error ("case %" G_GSIZE_FORMAT " (%s) was accepted", i, mistakes[i].text);
      for (gsize k = 0; k < G_N_ELEMENTS (mistakes[i].says) && mistakes[i].says[k] != NULL; k++)
        if (error == NULL || strstr (error->message, mistakes[i].says[k]) == NULL)
          g_error ("case %" G_GSIZE_FORMAT " (%s): not said: %s\n said: %s", i, mistakes[i].text,
                   mistakes[i].says[k], error != NULL ? error->message : "nothing");
    }
}

static void
test_big (void)
{
  g_autoptr (SatchelConfigSet) set = read_well ("free = 4294967297;");
  g_assert_cmpint (satchel_config_int (satchel_config_set_group (set, "toy"), "free"), ==,
                   G_GINT64_CONSTANT (4294967297));
}

static void
test_required (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelConfigSet) off = satchel_config_set_from_text ("toy", source_rows, "", &error);
  g_assert_no_error (error);
  g_autoptr (SatchelConfigSet) on =
      satchel_config_set_from_text ("toy", source_rows, "\nenabled = true;", &error);
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_INVALID);
  g_assert_cmpstr (error->message, ==, "text:2: toy: \"name\" must be set: Name");
  g_assert_nonnull (off);
  g_assert_null (on);
}

static void
test_suggest (void)
{
  const char *names[] = { "hostname", "mail_root", "log", NULL };
  g_assert_cmpstr (satchel_suggest ("hostnam", names), ==, "hostname");
  g_assert_cmpstr (satchel_suggest ("hsotname", names), ==, "hostname");
  g_assert_cmpstr (satchel_suggest ("mail-root", names), ==, "mail_root");
  g_assert_cmpstr (satchel_suggest ("lgo", names), ==, "log");
  g_assert_null (satchel_suggest ("xyz", names));
  g_assert_null (satchel_suggest ("", names));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/unit/defaults", test_defaults);
  g_test_add_func ("/config/unit/values", test_values);
  g_test_add_func ("/config/unit/fill", test_fill);
  g_test_add_func ("/config/unit/units", test_units);
  g_test_add_func ("/config/unit/mistakes", test_mistakes);
  g_test_add_func ("/config/unit/big-numbers", test_big);
  g_test_add_func ("/config/unit/required", test_required);
  g_test_add_func ("/config/unit/suggest", test_suggest);
  return g_test_run ();
}
