/* SPDX-License-Identifier: MIT
 * Configuration from directories: order, overrides, includes, bad files, random
 * files.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/runtime/config/config_image.h"
#include "tests/lib/seed.h"
#include "tests/lib/rounds.h"

static const SatchelConfigRow source_rows[] = { { "name", SATCHEL_CONFIG_STRING, NULL, "Name",
                                                  .flags = SATCHEL_CONFIG_REQUIRED },
                                                { "uri", SATCHEL_CONFIG_STRING, NULL, "Where" },
                                                { "secret", SATCHEL_CONFIG_SECRET, NULL, "Password" },
                                                { NULL } };
static const SatchelConfigRow toy_rows[] = {
  { "count", SATCHEL_CONFIG_INT, "5", "A count", .min = 0, .max = 10 },
  { "other", SATCHEL_CONFIG_INT, "6", "Another" },
  { "greeting", SATCHEL_CONFIG_STRING, "hello", "A text" },
  { "quota", SATCHEL_CONFIG_SIZE, "1K", "A size" },
  { "rights", SATCHEL_CONFIG_MODE, "0640", "Rights" },
  { "keep", SATCHEL_CONFIG_DURATION, "1d", "A time" },
  { "file", SATCHEL_CONFIG_PATH, "users", "A path" },
  { "secret", SATCHEL_CONFIG_SECRET, NULL, "A secret" },
  { "names", SATCHEL_CONFIG_STRINGS, NULL, "Texts" },
  { "sources", SATCHEL_CONFIG_GROUPS, NULL, "Groups", .group = source_rows },
  { NULL }
};
static const SatchelConfigRow source_module_rows[] = {
  { "sources", SATCHEL_CONFIG_GROUPS, NULL, "Groups", .group = source_rows }, { NULL }
};

static const SatchelConfigRow *
schema (const char *group, gpointer data)
{
  if (strcmp (group, "toy") == 0)
    return toy_rows;
  return strcmp (group, "pair") == 0 ? source_module_rows : NULL;
}

typedef struct Tree
{
  char *root, *defaults, *conf, *conf_d;
  GPtrArray *problems;
  SatchelConfigSet *set;
} Tree;

static void
set_up (Tree *tree, gconstpointer data)
{
  tree->root = g_dir_make_tmp ("satchel-config-XXXXXX", NULL);
  g_assert_nonnull (tree->root);
  tree->defaults = g_build_filename (tree->root, "defaults", NULL);
  tree->conf = g_build_filename (tree->root, "etc", NULL);
  tree->conf_d = g_build_filename (tree->conf, "conf.d", NULL);
  g_assert_cmpint (g_mkdir (tree->defaults, 0755), ==, 0);
  g_assert_cmpint (g_mkdir (tree->conf, 0755), ==, 0);
  g_assert_cmpint (g_mkdir (tree->conf_d, 0755), ==, 0);
  tree->problems = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
}

static void
remove_all (const char *path)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  const char *name;
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *inner = g_build_filename (path, name, NULL);
      if (g_file_test (inner, G_FILE_TEST_IS_DIR) && !g_file_test (inner, G_FILE_TEST_IS_SYMLINK))
        remove_all (inner);
      else
        g_unlink (inner);
    }
  g_clear_pointer (&dir, g_dir_close);
  g_rmdir (path);
}

static void
tear_down (Tree *tree, gconstpointer data)
{
  remove_all (tree->root);
  g_clear_pointer (&tree->set, satchel_config_set_free);
  g_ptr_array_unref (tree->problems);
  g_free (tree->root);
  g_free (tree->defaults);
  g_free (tree->conf);
  g_free (tree->conf_d);
}

/* @name: below the root, "etc/satchel.conf". */
static void
put (const Tree *tree, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (tree->root, name, NULL);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_assert_cmpint (g_chmod (path, 0644), ==, 0);
}

static gboolean
load (Tree *tree, const char *const *overrides)
{
  g_clear_pointer (&tree->set, satchel_config_set_free);
  g_ptr_array_set_size (tree->problems, 0);
  tree->set = satchel_config_load (tree->defaults, tree->conf, overrides, schema, NULL, tree->problems);
  return tree->set != NULL;
}

static char *
said (const Tree *tree)
{
  GString *all = g_string_new (NULL);
  for (guint i = 0; i < tree->problems->len; i++)
    {
      const SatchelConfigProblem *problem = tree->problems->pdata[i];
      g_string_append_printf (all, "%s: %s\n", problem->where, problem->text);
    }
  return g_string_free (all, FALSE);
}

/* The load fails, and says @where (below the root) and @what. */
static void
assert_says (Tree *tree, const char *where, const char *what)
{
  g_autofree char *all = said (tree);
  g_autofree char *place = g_build_filename (tree->root, where, NULL);
  for (guint i = 0; i < tree->problems->len; i++)
    {
      const SatchelConfigProblem *problem = tree->problems->pdata[i];
      if (strcmp (problem->where, *where == '-' ? where : place) == 0 && strstr (problem->text, what) != NULL)
        return;
    }
  g_error ("not said: %s: %s\nsaid: %s", where, what, all);
}

static void
assert_good (Tree *tree)
{
  g_autofree char *all = said (tree);
  if (tree->set == NULL || *all != '\0')
    g_error ("problems: %s", all);
}

static const SatchelConfig *
toy (const Tree *tree)
{
  return satchel_config_set_group (tree->set, "toy");
}

static void
assert_origin (const Tree *tree, const char *key, const char *where)
{
  g_autofree char *place = g_build_filename (tree->root, where, NULL);
  g_assert_cmpstr (satchel_config_origin (toy (tree), key), ==, place);
}

static void
test_order (Tree *tree, gconstpointer data)
{
  const char *const overrides[] = { "toy.other=9", NULL };
  put (tree, "defaults/toy.conf", "toy = {\n  count = 1; other = 1;\n  greeting = \"package\"; };\n");
  put (tree, "etc/satchel.conf", "toy = {\n  enabled = true;\n  count = 2;\n};\n");
  put (tree, "etc/conf.d/20-b.conf", "toy = {\n\n\n  other = 3; };\n");
  put (tree, "etc/conf.d/.hidden.conf", "rubbish");
  put (tree, "etc/conf.d/x.conf~", "rubbish");
  load (tree, NULL);
  /* What is not read is told, and nothing else. */
  g_assert_cmpuint (tree->problems->len, ==, 2);
  assert_says (tree, "etc/conf.d/.hidden.conf", "is not read");
  assert_says (tree, "etc/conf.d/x.conf~", "is not read");
  g_assert_true (((SatchelConfigProblem *) tree->problems->pdata[0])->is_warning);
  g_assert_true (((SatchelConfigProblem *) tree->problems->pdata[1])->is_warning);
  g_assert_cmpint (satchel_config_int (toy (tree), "count"), ==, 2);
  g_assert_cmpint (satchel_config_int (toy (tree), "other"), ==, 3);
  g_assert_cmpstr (satchel_config_string (toy (tree), "greeting"), ==, "package");
  g_assert_true (satchel_config_set_is_enabled (tree->set, "toy"));
  assert_origin (tree, "count", "etc/satchel.conf:3");
  assert_origin (tree, "other", "etc/conf.d/20-b.conf:4");
  assert_origin (tree, "greeting", "defaults/toy.conf:3");
  g_assert_cmpstr (satchel_config_origin (toy (tree), "quota"), ==, "default");
  g_autofree char *users = g_build_filename (tree->conf, "users", NULL);
  g_assert_cmpstr (satchel_config_path (toy (tree), "file"), ==, users);
  load (tree, overrides);
  g_assert_cmpint (satchel_config_int (toy (tree), "other"), ==, 9);
  g_assert_cmpstr (satchel_config_origin (toy (tree), "other"), ==, "--set toy.other");
}

/* The same key twice within one level names both places; over levels it is an override. */
static void
test_twice (Tree *tree, gconstpointer data)
{
  put (tree, "defaults/a.conf", "toy = { count = 1; };\n");
  put (tree, "etc/satchel.conf", "toy = { other = 1; };\n");
  put (tree, "etc/conf.d/a.conf", "\ntoy = { count = 2; };\n");
  put (tree, "etc/conf.d/b.conf", "toy = { count = 3;\n other = 2; };\n");
  g_assert_false (load (tree, NULL));
  g_assert_cmpuint (tree->problems->len, ==, 2);
  g_autofree char *first = g_strdup_printf ("here and at %s/etc/conf.d/a.conf:2", tree->root);
  assert_says (tree, "etc/conf.d/b.conf:1", first);
  g_autofree char *second = g_strdup_printf ("here and at %s/etc/satchel.conf:1", tree->root);
  assert_says (tree, "etc/conf.d/b.conf:2", second);
}

static void
test_overrides (Tree *tree, gconstpointer data)
{
  const char *const good[] = { "toy.count=7",
                               "toy.greeting=free text; with = signs",
                               "toy.quota=50M",
                               "toy.rights=0600",
                               "toy.keep=30d",
                               "toy.names=( \"a\", \"b\" )",
                               "toy.enabled=true",
                               "toy.count=8",
                               "toy.sources=( { name = \"x\"; uri = \"y\"; } )",
                               "toy.file=/x/y",
                               NULL };
  load (tree, good);
  assert_good (tree);
  g_assert_cmpint (satchel_config_int (toy (tree), "count"), ==, 8);
  g_assert_cmpstr (satchel_config_string (toy (tree), "greeting"), ==, "free text; with = signs");
  g_assert_cmpuint (satchel_config_size (toy (tree), "quota"), ==, 50 << 20);
  g_assert_cmpuint (satchel_config_mode (toy (tree), "rights"), ==, 0600);
  g_assert_cmpint (satchel_config_duration_ms (toy (tree), "keep"), ==, G_GINT64_CONSTANT (2592000000));
  g_assert_cmpstr (satchel_config_strings (toy (tree), "names")[1], ==, "b");
  g_assert_cmpuint (satchel_config_n_groups (toy (tree), "sources"), ==, 1);
  g_assert_cmpstr (satchel_config_path (toy (tree), "file"), ==, "/x/y");

  const char *const numbers[] = { "toy.quota=1048576", "toy.greeting=12", "toy.keep=0",
                                  "toy.greeting=1; count = 9", NULL };
  load (tree, numbers);
  assert_good (tree);
  g_assert_cmpuint (satchel_config_size (toy (tree), "quota"), ==, 1048576);
  g_assert_cmpint (satchel_config_int (toy (tree), "count"), ==, 5);
  g_assert_cmpstr (satchel_config_string (toy (tree), "greeting"), ==, "1; count = 9");

  const char *const bad[] = {
    "toy.cuont=7", "toy.count=11", "toy.count=many", "toyy.count=1", "nodot=1", "toy.greeting",
    "toy.=1",      "=1",           "toy.quota=50X",  "toy.names=5",  "",        "limits.threads=0",
    NULL
  };
  g_assert_false (load (tree, bad));
  g_assert_cmpuint (tree->problems->len, ==, G_N_ELEMENTS (bad) - 1);
  assert_says (tree, "--set toy.cuont", "did you mean \"count\"?");
  assert_says (tree, "--set toy.count", "11 is out of range; write a value from 0 to 10");
  assert_says (tree, "--set toyy.count", "did you mean \"toy\"?");
  assert_says (tree, "--set nodot=1", "write --set GROUP.SETTING=VALUE");
}

static void
test_unknown (Tree *tree, gconstpointer data)
{
  put (tree, "defaults/gone.conf", "gone = { # all = \"comments\";\n};\n");
  put (tree, "etc/satchel.conf",
       "toy = { };\nlmits = { threads = 4; };\nnonesuch = { enabled = true; };\ntoyy = { enabled = true; };\n"
       "unwanted = { enabled = false; };\ncount = 5;\nserver = { enabled = true; };\n");
  g_assert_false (load (tree, NULL));
  g_assert_cmpuint (tree->problems->len, ==, 5);
  assert_says (tree, "etc/satchel.conf:2",
               "lmits: no such group of settings and no such module; did you mean \"limits\"?");
  assert_says (tree, "etc/satchel.conf:3", "nonesuch: no such group of settings and no such module; install");
  assert_says (tree, "etc/satchel.conf:4", "did you mean \"toy\"?");
  assert_says (tree, "etc/satchel.conf:6", "count stands outside of any group");
  assert_says (tree, "etc/satchel.conf:7", "server.enabled: no such setting");
}

static void
test_include (Tree *tree, gconstpointer data)
{
  put (tree, "etc/satchel.conf",
       "toy = {\n@include \"part.inc\"\n  other = 4;\n};\n# @include \"none\"\n/*\n@include \"none\"\n*/\n");
  put (tree, "etc/part.inc", "  count = 3;\n  greeting = \"in\";");
  load (tree, NULL);
  assert_good (tree);
  g_assert_cmpint (satchel_config_int (toy (tree), "count"), ==, 3);
  g_assert_cmpint (satchel_config_int (toy (tree), "other"), ==, 4);
  assert_origin (tree, "greeting", "etc/part.inc:2");
  assert_origin (tree, "other", "etc/satchel.conf:3");

  put (tree, "etc/part.inc", "count = 30;\n@include \"loop.inc\"\n");
  put (tree, "etc/loop.inc", "@include \"part.inc\"\n");
  g_assert_false (load (tree, NULL));
  assert_says (tree, "etc/loop.inc:1", "it includes itself");
  assert_says (tree, "etc/part.inc:1", "toy.count: 30 is out of range");
}

static void
test_bad_includes (Tree *tree, gconstpointer data)
{
  g_autofree char *outside = g_build_filename (tree->root, "outside", NULL);
  g_autofree char *link = g_build_filename (tree->conf, "link", NULL);
  put (tree, "outside", "count = 1;\n");
  g_assert_cmpint (symlink (outside, link), ==, 0);
  put (tree, "etc/satchel.conf",
       "toy = {\n@include \"conf.d\"\n@include \"none\"\n@include \"../outside\"\n@include "
       "\"link\"\n@include \"/dev/zero\"\n"
       "@include \"/etc/passwd\"\n@include \"fifo\"\n@include \"\"\n@include \"a\" @include \"b\"\n};\n");
  put (tree, "etc/a", "count = 2;\n");
  g_autofree char *fifo = g_build_filename (tree->conf, "fifo", NULL);
  g_assert_cmpint (mkfifo (fifo, 0644), ==, 0);
  g_assert_false (load (tree, NULL));
  assert_says (tree, "etc/satchel.conf:2", "is not a regular file");
  assert_says (tree, "etc/satchel.conf:3", "No such file");
  assert_says (tree, "etc/satchel.conf:4", "outside of");
  assert_says (tree, "etc/satchel.conf:5", "outside of");
  assert_says (tree, "etc/satchel.conf:6", "outside of");
  assert_says (tree, "etc/satchel.conf:7", "outside of");
  assert_says (tree, "etc/satchel.conf:8", "is not a regular file");
  assert_says (tree, "etc/satchel.conf:10", "is not a setting");
  for (guint i = 0; i < 12; i++)
    {
      g_autofree char *name = g_strdup_printf ("etc/deep%u", i);
      g_autofree char *text = g_strdup_printf ("@include \"deep%u\"\n", i + 1);
      put (tree, name, text);
    }
  put (tree, "etc/satchel.conf", "toy = {\n@include \"deep0\"\n};\n");
  g_assert_false (load (tree, NULL));
  assert_says (tree, "etc/deep6:1", "more than 8 deep");
}

static void
test_bad_files (Tree *tree, gconstpointer data)
{
  g_autofree char *main_file = g_build_filename (tree->conf, "satchel.conf", NULL);
  /* A file of 100 MB, mostly a hole. */
  put (tree, "etc/satchel.conf", "toy = { count = 1; };\n");
  g_assert_cmpint (truncate (main_file, 100 * 1024 * 1024), ==, 0);
  g_assert_false (load (tree, NULL));
  assert_says (tree, "etc/satchel.conf", "is larger than 1 MiB");
  /* NUL and other encodings. */
  g_assert_true (g_file_set_contents (main_file, "toy = {\n count = 1;\0 };\n", 23, NULL));
  g_assert_false (load (tree, NULL));
  assert_says (tree, "etc/satchel.conf:2", "UTF-16 or no text at all");
  put (tree, "etc/satchel.conf", "toy = {\n\n greeting = \"h\xe4llo\"; };\n");
  g_assert_false (load (tree, NULL));
  assert_says (tree, "etc/satchel.conf:3", "not UTF-8");
  /* Others may write it. */
  put (tree, "etc/satchel.conf", "toy = { count = 1; };\n");
  g_assert_cmpint (g_chmod (main_file, 0666), ==, 0);
  g_assert_false (load (tree, NULL));
  assert_says (tree, "etc/satchel.conf", "is writable by everyone");
  if (geteuid () != 0)
    {
      g_assert_cmpint (g_chmod (main_file, 0), ==, 0);
      g_assert_false (load (tree, NULL));
      assert_says (tree, "etc/satchel.conf", "Permission denied");
    }
  g_unlink (main_file);
  /* No files but a directory, a pipe, a dangling link. */
  g_assert_cmpint (g_mkdir (main_file, 0755), ==, 0);
  g_autofree char *fifo = g_build_filename (tree->conf_d, "a.conf", NULL),
                  *dangling = g_build_filename (tree->conf_d, "b.conf", NULL);
  g_assert_cmpint (mkfifo (fifo, 0644), ==, 0);
  g_assert_cmpint (symlink ("nowhere", dangling), ==, 0);
  g_assert_false (load (tree, NULL));
  assert_says (tree, "etc/satchel.conf", "is not a regular file");
  assert_says (tree, "etc/conf.d/a.conf", "is not a regular file");
  assert_says (tree, "etc/conf.d/b.conf", "No such file");
  g_rmdir (main_file);
  g_unlink (fifo);
  g_unlink (dangling);
  g_assert_cmpint (g_chmod (tree->conf_d, 0777), ==, 0);
  g_assert_false (load (tree, NULL));
  assert_says (tree, "etc/conf.d", "is writable by everyone");
  g_assert_cmpint (g_chmod (tree->conf_d, 0755), ==, 0);
  /* No admin's files at all are fine, no directory is not. */
  load (tree, NULL);
  assert_good (tree);
  remove_all (tree->conf);
  g_assert_false (load (tree, NULL));
  assert_says (tree, "etc", "no such directory of configuration");
}

static void
test_secrets (Tree *tree, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  put (tree, "etc/satchel.conf", "toy = { secret = \"file:hush\"; };\n");
  g_assert_false (load (tree, NULL));
  assert_says (tree, "etc/satchel.conf:1", "cannot be found");
  put (tree, "etc/hush", "from file\nsecond line\n");
  g_assert_false (load (tree, NULL));
  assert_says (tree, "etc/satchel.conf:1", "is open to everyone; run: chmod o=");
  g_autofree char *hush = g_build_filename (tree->conf, "hush", NULL);
  g_assert_cmpint (g_chmod (hush, 0640), ==, 0);
  load (tree, NULL);
  assert_good (tree);
  char *secret = satchel_config_secret (toy (tree), "secret", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (secret, ==, "from file");
  satchel_secret_free (secret);
  /* Opened to the world after the start. */
  g_assert_cmpint (g_chmod (hush, 0644), ==, 0);
  g_assert_null (satchel_config_secret (toy (tree), "secret", &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM);
  g_clear_error (&error);

  put (tree, "etc/satchel.conf", "toy = { secret = \"credential:word\"; };\n");
  load (tree, NULL);
  assert_good (tree);
  g_unsetenv ("CREDENTIALS_DIRECTORY");
  g_assert_null (satchel_config_secret (toy (tree), "secret", &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
  g_clear_error (&error);
  put (tree, "etc/word", "from systemd");
  g_autofree char *word = g_build_filename (tree->conf, "word", NULL);
  g_assert_cmpint (g_chmod (word, 0400), ==, 0);
  g_setenv ("CREDENTIALS_DIRECTORY", tree->conf, TRUE);
  secret = satchel_config_secret (toy (tree), "secret", &error);
  g_assert_cmpstr (secret, ==, "from systemd");
  satchel_secret_free (secret);
  put (tree, "etc/satchel.conf", "toy = { secret = \"credential:../word\"; };\n");
  g_assert_false (load (tree, NULL));

  put (tree, "etc/satchel.conf", "toy = { secret = \"plain\"; };\n");
  g_assert_true (load (tree, NULL));
  assert_says (tree, "etc/satchel.conf:1", "the secret stands here in clear text");
  g_assert_true (((SatchelConfigProblem *) tree->problems->pdata[0])->is_warning);
  g_autoptr (GString) shown = g_string_new (NULL);
  satchel_config_value_format (toy (tree), "secret", 0, shown);
  g_assert_cmpstr (shown->str, ==, "\"(hidden)\"");
}

/* Two sources with the same name in different modules keep their own options; a value is data, whatever
 * it looks like. */
static void
test_own_options (Tree *tree, gconstpointer data)
{
  put (tree, "etc/satchel.conf",
       "toy = { sources = ( { name = \"a\"; uri = \"%n%s/../\\x01\"; }, { name = \"b\"; uri = \"two\"; } ); "
       "};\n"
       "pair = { sources = ( { name = \"a\"; uri = \"three\"; } ); };\n");
  load (tree, NULL);
  assert_good (tree);
  const SatchelConfig *pair = satchel_config_set_group (tree->set, "pair");
  g_assert_cmpstr (satchel_config_string (satchel_config_group (toy (tree), "sources", 0), "uri"), ==,
                   "%n%s/../\x01");
  g_assert_cmpstr (satchel_config_string (satchel_config_group (toy (tree), "sources", 1), "uri"), ==, "two");
  g_assert_cmpstr (satchel_config_string (satchel_config_group (pair, "sources", 0), "uri"), ==, "three");
}

/* Everything that is dumped can be read again and gives the same. */
static void
test_dump (Tree *tree, gconstpointer data)
{
  put (tree, "etc/satchel.conf",
       "toy = { count = 3; other = -9999999999L; greeting = \"a\\\"\\\\\\n\\x7f\\t\"; quota = \"3M\"; names "
       "= ( \"x\", \"\" );\n"
       "sources = ( { name = \"a\"; uri = \"u\"; }, { name = \"b\"; } ); };\n");
  load (tree, NULL);
  assert_good (tree);
  g_autoptr (GString) dump = g_string_new ("toy = {\n");
  g_autofree const char **keys = satchel_config_keys (toy (tree));
  for (const char **key = keys; *key != NULL; key++)
    if (satchel_config_is_set (toy (tree), *key))
      {
        g_string_append_printf (dump, "  %s = ", *key);
        satchel_config_value_format (toy (tree), *key, 2, dump);
        g_string_append (dump, ";\n");
      }
  g_string_append (dump, "};\n");
  g_autoptr (SatchelConfigSet) before = g_steal_pointer (&tree->set);
  put (tree, "etc/satchel.conf", dump->str);
  load (tree, NULL);
  assert_good (tree);
  g_auto (GStrv) changed = satchel_config_set_compare (before, tree->set, FALSE);
  g_autofree char *joined = g_strjoinv (" ", changed);
  g_assert_cmpstr (joined, ==, "");
}

/* Pieces that random files are made of. */
static const char *const pieces[] = {
  "toy",
  "server",
  "limits",
  " = ",
  " : ",
  "{",
  "}",
  "};",
  ";",
  ",",
  "(",
  ")",
  "[",
  "]",
  "\"",
  "\\",
  "\n",
  "\n",
  " ",
  "#",
  "//",
  "/*",
  "*/",
  "count",
  "other",
  "greeting",
  "sources",
  "name",
  "names",
  "enabled",
  "threads",
  "1",
  "0600",
  "30d",
  "-5",
  "99999999999",
  "1e9",
  "0x",
  "0xffffffffff",
  "1.5",
  "true",
  "false",
  "\"x\"",
  "\"30d\"",
  "\"\\x00\"",
  "\\xff",
  "@include",
  "@include \"a\"",
  "\n@include \"satchel.conf\"\n",
  "\n@include \"/\"\n",
  "\r\n",
  "\t",
  "L",
  "toy = { count = 1; };",
  "toy = { sources = ( { name = \"a\"; } ); };",
  "\xc3\xa4",
  "*",
  "-",
  "+",
  ".",
  "'",
  "$",
  "%s%n",
};

static void
test_random (Tree *tree, gconstpointer data)
{
  guint rounds = count_rounds (20000, 100000);
  g_autofree char *path = g_build_filename (tree->conf, "satchel.conf", NULL);
  guint n_good = 0;
  for (guint round = 0; round < rounds; round++)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      guint n = (guint) g_test_rand_int_range (0, 40);
      for (guint i = 0; i < n; i++)
        if (g_test_rand_int_range (0, 20) == 0)
          g_string_append_c (text, (char) g_test_rand_int_range (0, 256));
        else
          g_string_append (text, pieces[g_test_rand_int_range (0, G_N_ELEMENTS (pieces))]);
      FILE *file = fopen (path, "we");
      g_assert_nonnull (file);
      fwrite (text->str, 1, text->len, file);
      fclose (file);
      gboolean ok = load (tree, NULL);
      n_good += ok;
      /* Refused with a reason, or taken. */
      if (!ok)
        g_assert_cmpuint (tree->problems->len, >, 0);
      for (guint i = 0; i < tree->problems->len; i++)
        {
          const SatchelConfigProblem *problem = tree->problems->pdata[i];
          g_assert_cmpuint (strlen (problem->text), >, 10);
          g_assert_true (g_utf8_validate (problem->text, -1, NULL));
        }
    }
  g_test_message ("%u of %u random files were fine", n_good, rounds);
}

/* The worst that 1 MiB can do: depth, many settings, many mistakes. */
static void
test_heavy (Tree *tree, gconstpointer data)
{
  static const char *const units[] = { "{",
                                       "a={",
                                       "(",
                                       "[",
                                       "toy={",
                                       "a=1;",
                                       "\"",
                                       "/*",
                                       "x",
                                       "\n",
                                       "@include \"x\"\n",
                                       ";",
                                       "}",
                                       "toy={count=99;};",
                                       "a=((((((((((",
                                       "a=\"\"\"\"" };
  const gsize size = count_rounds (1024 * 1024, 1024 * 1024);
  for (gsize i = 0; i < G_N_ELEMENTS (units); i++)
    for (guint in_group = 0; in_group < 2; in_group++)
      {
        g_autoptr (GString) text = g_string_new (in_group ? "toy = { names = ( " : "");
        while (text->len + 200 < size)
          g_string_append (text, units[i]);
        put (tree, "etc/satchel.conf", text->str);
        load (tree, NULL);
        g_assert_cmpuint (tree->problems->len, <=, 201);
      }
  g_autoptr (GString) many = g_string_new ("toy = {\n");
  while (many->len + 200 < size)
    g_string_append_printf (many, "a%" G_GSIZE_FORMAT "=1;", many->len);
  g_string_append (many, "};\n");
  put (tree, "etc/satchel.conf", many->str);
  g_assert_false (load (tree, NULL));
  g_assert_cmpuint (tree->problems->len, <=, 201);
}

#define ADD(name, func) g_test_add ("/config/load/" name, Tree, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  umask (022);
  seed_test (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  ADD ("order", test_order);
  ADD ("twice", test_twice);
  ADD ("overrides", test_overrides);
  ADD ("unknown", test_unknown);
  ADD ("include", test_include);
  ADD ("bad-includes", test_bad_includes);
  ADD ("bad-files", test_bad_files);
  ADD ("secrets", test_secrets);
  ADD ("own-options", test_own_options);
  ADD ("dump", test_dump);
  ADD ("random", test_random);
  ADD ("heavy", test_heavy);
  return g_test_run ();
}
