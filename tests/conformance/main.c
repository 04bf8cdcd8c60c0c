/* SPDX-License-Identifier: MIT
 * satchel-storage-check: runs the suite over storage modules.  Without arguments, as a test of this tree:
 * over its drivers and the test layers.  README.md.
 */
#include "config.h"

#include "conformance.h"
#include "kills.h"
#include "tests/lib/keep.h"
#include "tests/lib/rounds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static SatchelLoader *loader;
static GPtrArray *stacks; /* for the life of the program, as the cases borrow them */
static const char *default_driver = "maildir";

typedef struct Stack
{
  SatchelConformanceBackend backend;
  SatchelStoreLevel levels[8];
  const char *arguments[9];
} Stack;

static void
fail (const char *what, const GError *error)
{
  g_printerr ("satchel-storage-check: %s: %s\n", what, error->message);
  exit (EXIT_FAILURE);
}

static G_GNUC_NORETURN G_GNUC_PRINTF (1, 2) void fail_usage (const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *what = g_strdup_vprintf (format, args);
  va_end (args);
  g_printerr ("satchel-storage-check: %s; see satchel-storage-check --help\n", what);
  exit (64); /* EX_USAGE */
}

/* A path, or the name of a module in the module directories.  NULL with the reason. */
static const SatchelModule *
load (const char *module, GError **error)
{
  if (strchr (module, '/') == NULL && !g_str_has_suffix (module, ".so"))
    return satchel_loader_load (loader, module, FALSE, error);
  g_autofree char *base = g_path_get_basename (module);
  if (g_str_has_suffix (base, ".so"))
    base[strlen (base) - 3] = '\0';
  int fd = open (module, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    {
      satchel_error_set_errno (error, errno, "%s", module);
      return NULL;
    }
  const SatchelModule *loaded = satchel_loader_load_fd (loader, fd, base, FALSE, error);
  close (fd);
  return loaded;
}

/* @settings: as in its group, on top of the defaults. */
static gboolean
make_level (const SatchelModule *module, const char *settings, SatchelStoreLevel *ret_level,
            gboolean *ret_is_driver, GError **error)
{
  for (const SatchelProvides *provides = module->provides; provides->kind != 0; provides++)
    {
      if (provides->kind != SATCHEL_KIND_STORAGE_DRIVER && provides->kind != SATCHEL_KIND_STORAGE_LAYER)
        continue;
      const SatchelConfig *section = NULL;
      if (module->schema != NULL)
        {
          const SatchelConfigSet *set =
              keep (satchel_config_set_from_text (module->name, module->schema, settings, error));
          if (set == NULL)
            return FALSE;
          section = satchel_config_set_group (set, module->name);
        }
      if (module->configure != NULL && !module->configure (section, error))
        return FALSE;
      if (module->start != NULL && !module->start (SATCHEL_ROLE_MAIL, error))
        return FALSE;
      *ret_level = (SatchelStoreLevel) { provides->name != NULL ? provides->name : module->name,
                                         provides->ops, section };
      *ret_is_driver = provides->kind == SATCHEL_KIND_STORAGE_DRIVER;
      return TRUE;
    }
  return satchel_error_set (error, SATCHEL_ERROR_INVALID, "%s provides neither a storage driver nor a layer",
                            module->name);
}

/* @arguments: of the command line that makes these levels; copied.  @suffix: of its name, where there is more
 * than one of it. */
static Stack *
add_stack (const SatchelStoreLevel *levels, const char *const *arguments, guint n, const char *suffix,
           SatchelConformanceFiles files)
{
  Stack *stack = g_new0 (Stack, 1);
  g_ptr_array_add (stacks, stack);
  GString *name = g_string_new (NULL);
  for (guint i = 0; i < n; i++)
    {
      stack->levels[i] = levels[i];
      stack->arguments[i] = g_strdup (arguments[i]);
      g_string_append_printf (name, "%s%s", i > 0 ? "+" : "", levels[i].name);
    }
  g_string_append (name, suffix);
  stack->backend = (SatchelConformanceBackend) {
    .levels = stack->levels, .n_levels = n, .arguments = stack->arguments, .files = files
  };
  satchel_conformance_add (name->str, &stack->backend);
  g_string_free (name, TRUE);
  return stack;
}

/* Where the settings of "PATH.so:SETTINGS" or "NAME:SETTINGS" begin; NULL: there are none. */
static const char *
find_settings (const char *argument)
{
  const char *end = strstr (argument, ".so:");
  if (end != NULL)
    return end + 4;
  end = strchr (argument, ':');
  return end != NULL && memchr (argument, '/', (gsize) (end - argument)) == NULL ? end + 1 : NULL;
}

static void
add_level (const char *argument, SatchelStoreLevel *ret_level, gboolean *ret_is_driver)
{
  g_autoptr (GError) error = NULL;
  const char *settings = find_settings (argument);
  g_autofree char *module_name =
      settings != NULL ? g_strndup (argument, (gsize) (settings - 1 - argument)) : g_strdup (argument);
  const SatchelModule *module = load (module_name, &error);
  if (module == NULL
      || !make_level (module, settings != NULL ? settings : "", ret_level, ret_is_driver, &error))
    fail (argument, error);
}

/* Modules of the command line: a driver ends a stack; layers alone go over the default driver. */
static void
add_from_arguments (int argc, char **argv)
{
  SatchelStoreLevel levels[G_N_ELEMENTS (((Stack *) NULL)->levels)];
  const char *arguments[G_N_ELEMENTS (levels)];
  guint n = 0;
  for (int i = 1; i < argc; i++)
    {
      gboolean is_driver;
      if (n == G_N_ELEMENTS (levels) - 1)
        fail_usage ("a stack has at most %u layers above its driver", n - 1);
      arguments[n] = argv[i];
      add_level (argv[i], &levels[n++], &is_driver);
      if (!is_driver)
        continue;
      add_stack (levels, arguments, n, "", CONFORMANCE_FILES);
      n = 0;
    }
  if (n == 0)
    return;
  gboolean is_driver;
  arguments[n] = default_driver;
  add_level (default_driver, &levels[n++], &is_driver);
  add_stack (levels, arguments, n, "", CONFORMANCE_FILES);
}

static char *
make_argument (const char *build_dir, const char *file, const char *settings)
{
  g_autofree char *path = g_build_filename (build_dir, file, NULL);
  return g_strconcat (path, settings[0] != '\0' ? ":" : "", settings, NULL);
}

static void
skip_case (gconstpointer reason)
{
  g_test_skip (reason);
}

/* Areas with many openings are for the long run where settings make little difference.  Beside the files of
 * Courier a message may be without its keywords after a kill, since these are in files of their own.  Below
 * `retention`, @layer, a removal is another change than without it. */
static SatchelConformanceFiles
files_tried (const char *layer, const char *suffix)
{
  gboolean is_retention = layer != NULL && strstr (layer, "retention.so") != NULL;
  if (layer == NULL || is_retention)
    {
      if (suffix[0] == '\0')
        return is_retention && !is_long_run () ? CONFORMANCE_FILES_OF_REMOVALS : CONFORMANCE_FILES;
      if (is_long_run () && strcmp (suffix, "-fs") == 0)
        return CONFORMANCE_FILES;
    }
  return CONFORMANCE_NO_FILES;
}

/* Says whether @file is there; else a case named after it and @suffix shows that it is not. */
static gboolean
is_built (const char *build_dir, const char *file, const char *suffix)
{
  g_autofree char *path = g_build_filename (build_dir, file, NULL);
  g_autofree char *name = g_strdup_printf ("/conformance/%s%s", file, suffix);
  if (g_file_test (path, G_FILE_TEST_EXISTS))
    return TRUE;
  g_test_add_data_func (name, "the module is not built", skip_case);
  return FALSE;
}

/* The key by which `crypt` seals the mail of every user. */
#define PRIVATE_HALF "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
#define PUBLIC_HALF "8462fb3f0798f9fe2c39f3823bb41cd3effe70bb5c81735be46a143135c58454"

/* Says whether the layer in @file is tried over @driver.  Under a sanitizer a layer that only tests have goes
 * over the driver in memory alone: its own code is watched there, and a driver's without it; what it shows of
 * the others is shown by the same program without a sanitizer. */
static gboolean
is_tried (const char *file, const char *driver)
{
  return !is_sanitized () || is_long_run () || !g_str_has_prefix (file, "tests/")
         || strcmp (driver, "memory") == 0;
}

/* Each driver, or the one of that name, alone and below each layer.  In memory where that is possible: a run
 * makes some 20,000 files and syncs. */
static void
add_tree (const char *build_dir, const char *only)
{
  if (access ("/dev/shm", W_OK) == 0)
    g_setenv ("TMPDIR", "/dev/shm", FALSE);
  static const struct
  {
    const char *file, *settings, *attributes, *key;
  } layers[] = {
    { NULL, NULL },
    { "tests/layers/.libs/noop.so", "" },
    { "tests/layers/.libs/xor.so", "" },
    { "tests/layers/.libs/sealed.so", "" },
    { "tests/layers/.libs/sealed-told.so", "" },
    { "tests/layers/.libs/shows.so", "" },
    { ".libs/retention.so", "" },
    { ".libs/quota.so", "storage = \"1T\"; messages = 1000000;" }, /* never reached: only counted */
    { ".libs/crypt.so", "", "crypt.public=" PUBLIC_HALF "\x1f", PRIVATE_HALF },
  };
  static const struct
  {
    const char *name, *file, *settings, *suffix;
  } drivers[] = {
    { "memory", "tests/layers/.libs/memory.so", "", "" },
    { "maildir", ".libs/maildir.so", "", "" },
    { "bdb", ".libs/bdb.so", "keep_open = false; cache = \"8M\"; log_file = \"4M\"; reserve = \"1M\";", "" },
    { "maildir", ".libs/maildir.so",
      "layout = \"fs\"; control_path = \"control/%u\"; other_server = \"dovecot\";", "-fs" },
    { "maildir", ".libs/maildir.so", "path = \"%d/%n/Maildir\"; other_server = \"courier\";", "-courier" },
  };
  for (guint d = 0; d < G_N_ELEMENTS (drivers); d++)
    {
      if (only != NULL && strcmp (only, drivers[d].name) != 0)
        continue;
      if (!is_built (build_dir, drivers[d].file, drivers[d].suffix))
        continue;
      for (guint l = 0; l < (drivers[d].suffix[0] == '\0' ? G_N_ELEMENTS (layers) : 1); l++)
        {
          if (l > 0
              && (!is_tried (layers[l].file, drivers[d].name)
                  || !is_built (build_dir, layers[l].file, drivers[d].file)))
            continue;
          g_autofree char *layer =
              l > 0 ? make_argument (build_dir, layers[l].file, layers[l].settings) : NULL;
          g_autofree char *driver = make_argument (build_dir, drivers[d].file, drivers[d].settings);
          const char *const arguments[] = { l > 0 ? layer : driver, driver };
          const guint n = l > 0 ? 2 : 1;
          SatchelStoreLevel levels[2];
          gboolean is_driver;
          for (guint i = 0; i < n; i++)
            add_level (arguments[i], &levels[i], &is_driver);
          Stack *stack =
              add_stack (levels, arguments, n, drivers[d].suffix, files_tried (layer, drivers[d].suffix));
          stack->backend.attributes = layers[l].attributes;
          stack->backend.key = layers[l].key;
        }
    }
}

static void
print_help (void)
{
  g_print (
      "usage: satchel-storage-check [OPTION...] LEVEL...\n"
      "Tries whether storage modules do what <satchel/storage.h> promises, in mail roots of its own below\n"
      "TMPDIR; it touches no other mail.  It prints TAP: a line a case, \"ok\" or \"not ok\".\n"
      "\n"
      "A LEVEL is an installed module by its name, or the path of a module file, and may have settings:\n"
      "  satchel-storage-check maildir                        the installed driver maildir\n"
      "  satchel-storage-check ./mydriver.so                  a driver of yours\n"
      "  satchel-storage-check ./mylayer.so bdb               a layer of yours over the driver bdb\n"
      "  satchel-storage-check ./mylayer.so                   the same over %s\n"
      "  satchel-storage-check 'maildir:layout = \"fs\";'       with settings, as in a file of settings\n"
      "Layers come before the driver, which ends a stack; several stacks may follow each other.\n"
      "\n"
      "Options:\n"
      "  -l                  list the cases, and run none\n"
      "  -p PATH             run only the cases below PATH, such as /conformance/maildir/flags\n"
      "  -s PATH             skip the cases below PATH\n"
      "  -k                  go on after a case has failed, where that is possible\n"
      "  --verbose           tell more\n"
      "  --version           print the version\n"
      "  --help              print this\n"
      "\n"
      "SATCHEL_LONG=1 in the environment runs long cases at their full length.\n"
      "Exit status: 0 if all cases passed, 64 if the command line is wrong, another value if a case "
      "failed.\n",
      default_driver);
}

/* Options that GLib's test program does not know, or means otherwise. */
static void
take_options (int argc, char **argv)
{
  for (int i = 1; i < argc; i++)
    if (strcmp (argv[i], "--help") == 0 || strcmp (argv[i], "-h") == 0)
      {
        print_help ();
        exit (EXIT_SUCCESS);
      }
    else if (strcmp (argv[i], "--version") == 0)
      {
        g_print ("satchel-storage-check %s\n", PACKAGE_VERSION);
        exit (EXIT_SUCCESS);
      }
}

int
main (int argc, char **argv)
{
  take_options (argc, argv);
  if (!kills_is_child ())
    g_test_init (&argc, &argv, NULL);
  const char *build_dir = g_getenv ("SATCHEL_BUILDDIR");
  if (argc < 2 && build_dir == NULL)
    fail_usage ("name the driver or the layers to try");
  for (int i = 1; i < argc; i++)
    if (argv[i][0] == '-')
      fail_usage ("there is no option %s", argv[i]);
  g_auto (GStrv) dirs = satchel_loader_search_path (SATCHEL_MODULE_DIR);
  stacks = g_ptr_array_new ();
  loader = satchel_loader_new (SATCHEL_ROLE_MAIL, (const char *const *) dirs);
  if (argc > 1)
    add_from_arguments (argc, argv);
  else
    add_tree (build_dir, g_getenv ("SATCHEL_STORAGE"));
  if (kills_is_child ())
    return kills_run_child (&((Stack *) stacks->pdata[0])->backend);
  return g_test_run ();
}
