/* SPDX-License-Identifier: MIT
 * The loader: what it refuses, with what words, and the lifecycle of what it takes.
 */
#include "config.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <satchel/filter.h>
#include <satchel/helper.h>
#include <satchel/listener.h>

#include "core/runtime/loader/loader.h"

static char *dir;

static void
install (guint odd, const char *as)
{
  g_autofree char *source =
      g_strdup_printf ("%s/tests/unit/.libs/odd%u.so", g_getenv ("SATCHEL_BUILDDIR"), odd);
  g_autofree char *target = g_build_filename (dir, as, NULL);
  g_autofree char *data = NULL;
  gsize len;
  g_assert_true (g_file_get_contents (source, &data, &len, NULL));
  (void) unlink (target);
  g_assert_true (g_file_set_contents_full (target, data, (gssize) len, G_FILE_SET_CONTENTS_NONE, 0755, NULL));
  g_assert_cmpint (chmod (target, 0755), ==, 0);
}

static SatchelLoader *
new_loader (SatchelRole role)
{
  const char *dirs[] = { dir, NULL };
  return satchel_loader_new (role, dirs);
}

/* Tried and loaded as the config process does; the message must name the module and what to do. */
static void
refused (guint odd, const char *words, const char *advice)
{
  g_autofree char *name = g_strdup_printf ("odd%u", odd), *file = g_strconcat (name, ".so", NULL);
  install (odd, file);
  g_autoptr (SatchelLoader) loader = new_loader (SATCHEL_ROLE_CONFIG);
  g_autoptr (GError) error = NULL;
  gboolean ok = satchel_loader_try (loader, name, FALSE, 500, &error)
                && satchel_loader_load (loader, name, FALSE, &error) != NULL;
  if (ok)
    g_error ("%s was loaded", name);
  g_assert_nonnull (strstr (error->message, name));
  if (strstr (error->message, words) == NULL || strstr (error->message, advice) == NULL)
    g_error ("\"%s\" lacks \"%s\" or \"%s\"", error->message, words, advice);
  g_assert_null (satchel_loader_module (loader, name, FALSE));
}

#define NEWER "built for a newer server: install that one, or an older version of the module"

static void
test_refusals (void)
{
  refused (1, "ABI 8", "rebuild it");
  refused (2, "crashed while it was loaded", "enabled = false");
  refused (3, "did not end within", "enabled = false");
  refused (4, "ended the process", "enabled = false");
  refused (5, "satchel_module", "not a Satchel module");
  refused (6, "none of the entry points `message`, `recipient`", "ask its author");
  refused (7, "satchel_function_that_is_nowhere", "rebuild it");
  refused (8, "calls itself \"another\"", "rename");
  refused (9, "mark", "rebuild it");
  refused (11, "both reload and reload_end, or neither", "ask its author");
  refused (12, "satchel_odd12_", "its author has to rename it");
  refused (13, "its delivery filter needs more of the server", "install that one, or an older version");
  refused (15, "has no valid size", "ask its author");
  refused (16, "has no valid size (8;", "ask its author");
  refused (17, "none of the entry points `changed`, `maintain`, `heard`", "ask its author");
  refused (18, "provides a kind (99) that this server does not know", NEWER);
  refused (19, "setting \"later\" has a type (99) that this server does not know", NEWER);
  refused (20, "asks for rights (0x40000000) that this server does not know", NEWER);
  refused (21, "its descriptor has ", NEWER);
}

/* One child tries modules as long as they answer; after the one that ended it, another goes on, and none is
 * left behind. */
static void
test_trials (void)
{
  static const struct
  {
    const char *name, *words; /* NULL: it is fine */
  } tried[] = { { "odd0", NULL },
                { "odd1", "ABI 8" },
                { "odd2", "crashed while it was loaded" },
                { "odd14", NULL },
                { "odd3", "did not end within" },
                { "odd4", "ended the process" },
                { "odd0", NULL } };
  SatchelLoader *loader = new_loader (SATCHEL_ROLE_CONFIG);
  g_assert_cmpint (waitpid (-1, NULL, WNOHANG), ==, -1);
  for (guint i = 0; i < G_N_ELEMENTS (tried); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *file = g_strconcat (tried[i].name, ".so", NULL);
      install ((guint) atoi (tried[i].name + strlen ("odd")), file);
      gboolean ok = satchel_loader_try (loader, tried[i].name, FALSE, 500, &error);
      g_assert_true (ok == (tried[i].words == NULL));
      if (!ok && strstr (error->message, tried[i].words) == NULL)
        g_error ("\"%s\" lacks \"%s\"", error->message, tried[i].words);
      g_assert_null (satchel_loader_module (loader, tried[i].name, FALSE));
    }
  g_assert_cmpint (waitpid (-1, NULL, WNOHANG), ==, 0);
  satchel_loader_free (loader);
  g_assert_cmpint (waitpid (-1, NULL, WNOHANG), ==, -1);
}

/* A table that is longer than the server's, with nothing set behind what the server knows. */
static void
test_longer_table (void)
{
  install (14, "odd14.so");
  g_autoptr (SatchelLoader) loader = new_loader (SATCHEL_ROLE_MAIL);
  g_autoptr (GError) error = NULL;
  g_assert_nonnull (satchel_loader_load (loader, "odd14", FALSE, &error));
  g_assert_no_error (error);
  g_assert_nonnull (satchel_loader_find (loader, SATCHEL_KIND_DELIVERY_FILTER, "odd14"));
}

static char *
load_error (const char *name)
{
  g_autoptr (SatchelLoader) loader = new_loader (SATCHEL_ROLE_MAIL);
  g_autoptr (GError) error = NULL;
  g_assert_null (satchel_loader_load (loader, name, FALSE, &error));
  return g_strdup (error->message);
}

static void
assert_says (const char *name, const char *words)
{
  g_autofree char *text = load_error (name);
  if (strstr (text, words) == NULL)
    g_error ("\"%s\" lacks \"%s\"", text, words);
}

static void
test_ownership (void)
{
  install (0, "odd0.so");
  g_autofree char *path = g_build_filename (dir, "odd0.so", NULL),
                  *other = g_build_filename (dir, "other", NULL);
  g_assert_cmpint (chmod (path, 0775), ==, 0);
  assert_says ("odd0", "chmod go-w");
  g_assert_cmpint (chmod (path, 0757), ==, 0);
  assert_says ("odd0", "chmod go-w");
  g_assert_cmpint (chmod (path, 0755), ==, 0);
  g_assert_cmpint (chmod (dir, 0777), ==, 0);
  assert_says ("odd0", "chmod go-w");
  g_assert_cmpint (chmod (dir, 0755), ==, 0);
  g_assert_cmpint (rename (path, other), ==, 0);
  g_assert_cmpint (symlink ("other", path), ==, 0);
  assert_says ("odd0", "symbolic link");
  g_assert_cmpint (unlink (path), ==, 0);
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  assert_says ("odd0", "not a regular file");
  g_assert_cmpint (unlink (path), ==, 0);
  assert_says ("odd0", "install it");
  assert_says ("../odd0", "cannot be the name");
  assert_says ("Odd", "cannot be the name");
  assert_says ("", "cannot be the name");
  if (geteuid () != 0)
    {
      g_test_skip ("a file of another owner: needs root");
      return;
    }
  install (0, "odd0.so");
  g_assert_cmpint (chown (path, 60001, 60001), ==, 0);
  assert_says ("odd0", "chown 0");
  g_assert_cmpint (chown (path, 0, 0), ==, 0);
  g_assert_cmpint (chown (dir, 60001, 60001), ==, 0);
  assert_says ("odd0", "chown 0");
  g_assert_cmpint (chown (dir, 0, 0), ==, 0);
}

static void
test_roles_and_registry (void)
{
  install (0, "odd0.so");
  install (10, "odd10.so");
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelLoader) gate = new_loader (SATCHEL_ROLE_AUTH);
  g_assert_null (satchel_loader_load (gate, "odd0", FALSE, &error));
  g_assert_nonnull (strstr (error->message, "does not run in this process"));
  g_clear_error (&error);

  g_autoptr (SatchelLoader) loader = new_loader (SATCHEL_ROLE_MAIL);
  const SatchelModule *module = satchel_loader_load (loader, "odd0", FALSE, &error);
  g_assert_no_error (error);
  g_assert_true (satchel_loader_load (loader, "odd0", FALSE, &error) == module);
  const SatchelProvided *provided = satchel_loader_find (loader, SATCHEL_KIND_DELIVERY_FILTER, "odd0");
  g_assert_nonnull (provided);
  g_assert_cmpuint (provided->band, ==, 500);
  g_assert_null (satchel_loader_find (loader, SATCHEL_KIND_PASSDB, "odd0"));
  /* Two that claim one name: the second is refused, and names the first. */
  g_assert_null (satchel_loader_load (loader, "odd10", FALSE, &error));
  g_assert_nonnull (strstr (error->message, "module odd0"));
  /* A gate never maps what is not its half. */
  install (0, "odd0-gate.so");
  g_autoptr (SatchelLoader) real_gate = new_loader (SATCHEL_ROLE_GATE);
  g_clear_error (&error);
  g_assert_null (satchel_loader_load (real_gate, "odd0", TRUE, &error));
  g_assert_nonnull (strstr (error->message, "gate"));
}

static void
test_lifecycle (void)
{
  install (0, "odd0.so");
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelLoader) loader = new_loader (SATCHEL_ROLE_MAIL);
  const SatchelModule *module = satchel_loader_load (loader, "odd0", FALSE, &error);
  g_assert_nonnull (module);
  g_autoptr (SatchelConfigSet) old = satchel_config_set_from_text ("odd0", module->schema, "", &error);
  g_assert_no_error (error);
  g_autoptr (SatchelConfigSet) next =
      satchel_config_set_from_text ("odd0", module->schema, "refuse = true;", &error);
  g_assert_no_error (error);
  g_assert_true (satchel_loader_configure (loader, old, &error));
  g_assert_true (satchel_loader_start (loader, &error));
  for (guint i = 0; i < 1000; i++)
    {
      g_assert_true (satchel_loader_reload_prepare (loader, old, &error));
      satchel_loader_reload_end (loader, TRUE);
    }
  g_assert_false (satchel_loader_reload_prepare (loader, next, &error));
  g_assert_nonnull (strstr (error->message, "told to refuse"));
  satchel_loader_stop (loader);
}

/* Modules that remember what is in force; each refuses when its setting says so. */
#define N_SEVERAL 4u
typedef struct Several
{
  gint64 in_force, next; /* the setting `value` */
  guint n_asked, n_committed, n_aborted;
} Several;
static Several several[N_SEVERAL];

static gboolean
several_reload (guint i, const SatchelConfig *section, GError **error)
{
  several[i].n_asked++;
  several[i].next = satchel_config_int (section, "value");
  return !satchel_config_bool (section, "refuse")
         || satchel_error_set (error, SATCHEL_ERROR_INVALID, "told to refuse");
}

static void
several_end (guint i, gboolean is_commit)
{
  *(is_commit ? &several[i].n_committed : &several[i].n_aborted) += 1;
  if (is_commit)
    several[i].in_force = several[i].next;
}

static const SatchelConfigRow several_rows[] = {
  { "value", SATCHEL_CONFIG_INT, "0", "What is in force", .min = 0, .max = 1000,
    .flags = SATCHEL_CONFIG_RELOADABLE },
  { "refuse", SATCHEL_CONFIG_BOOL, "false", "Refuses a reload", .flags = SATCHEL_CONFIG_RELOADABLE },
  { NULL }
};
static void
several_filter (SatchelFilterItem *item)
{
  satchel_filter_answer (item, SATCHEL_FILTER_CONTINUE, NULL);
}

static const SatchelDeliveryFilterOps several_ops = { .size = sizeof several_ops,
                                                      .band = 500,
                                                      .message = several_filter };
static const SatchelProvides several_provides[] = { { SATCHEL_KIND_DELIVERY_FILTER, NULL, &several_ops },
                                                    { 0 } };
#define SEVERAL(i)                                                                                           \
  static gboolean several_reload_##i (const SatchelConfig *section, GError **error)                          \
  {                                                                                                          \
    return several_reload (i, section, error);                                                               \
  }                                                                                                          \
  static void several_end_##i (gboolean is_commit)                                                           \
  {                                                                                                          \
    several_end (i, is_commit);                                                                              \
  }
#define SEVERAL_MODULE(i)                                                                                    \
  { SATCHEL_MODULE_FACTS,                                                                                    \
    .name = "several" #i,                                                                                    \
    .version = "1",                                                                                          \
    .description = "d",                                                                                      \
    .licence = "MIT",                                                                                        \
    .roles = SATCHEL_ROLE_MAIL,                                                                              \
    .schema = several_rows,                                                                                  \
    .provides = several_provides,                                                                            \
    .reload = several_reload_##i,                                                                            \
    .reload_end = several_end_##i }
SEVERAL (0)
SEVERAL (1)
SEVERAL (2)
SEVERAL (3)
static const SatchelModule several_modules[N_SEVERAL] = { SEVERAL_MODULE (0), SEVERAL_MODULE (1),
                                                          SEVERAL_MODULE (2), SEVERAL_MODULE (3) };

static SatchelConfigSet *
several_set (gint value, guint refuses)
{
  g_autofree char *none = g_build_filename (dir, "no-files", NULL);
  g_autoptr (GPtrArray) overrides = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < N_SEVERAL; i++)
    {
      g_ptr_array_add (overrides, g_strdup_printf ("several%u.value=%d", i, value));
      g_ptr_array_add (overrides,
                       g_strdup_printf ("several%u.refuse=%s", i, i == refuses ? "true" : "false"));
    }
  g_ptr_array_add (overrides, NULL);
  g_assert_cmpint (g_mkdir_with_parents (none, 0755), ==, 0);
  g_autoptr (GPtrArray) problems =
      g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
  SatchelConfigSet *set = satchel_config_load (none, none, (const char *const *) overrides->pdata,
                                               satchel_loader_schema, satchel_loader_default (), problems);
  for (guint i = 0; i < problems->len; i++)
    g_test_message ("%s", ((const SatchelConfigProblem *) problems->pdata[i])->text);
  g_assert_nonnull (set);
  return set;
}

/* Modules that note what each has taken and given back: "a" in configure, "A" in start, "-" in stop.  The
 * second one refuses the step that it is told to. */
static GString *steps;
static char refused_step;

static gboolean
note_step (char step, GError **error)
{
  if (step == refused_step)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "told to refuse");
  g_string_append_c (steps, step);
  return TRUE;
}
#define NOTING(letter, configured, started, stopped)                                                         \
  static gboolean configure_##letter (const SatchelConfig *section, GError **error)                          \
  {                                                                                                          \
    return note_step (configured, error);                                                                    \
  }                                                                                                          \
  static gboolean start_##letter (SatchelRole role, GError **error)                                          \
  {                                                                                                          \
    return note_step (started, error);                                                                       \
  }                                                                                                          \
  static void stop_##letter (void)                                                                           \
  {                                                                                                          \
    g_string_append_c (steps, stopped);                                                                      \
  }                                                                                                          \
  static const SatchelModule noting_##letter = { SATCHEL_MODULE_FACTS,                                       \
                                                 .name = "noting-" #letter,                                  \
                                                 .version = "1",                                             \
                                                 .description = "d",                                         \
                                                 .licence = "MIT",                                           \
                                                 .roles = SATCHEL_ROLE_MAIL,                                 \
                                                 .schema = noting_rows,                                      \
                                                 .provides = several_provides,                               \
                                                 .configure = configure_##letter,                            \
                                                 .start = start_##letter,                                    \
                                                 .stop = stop_##letter };

static const SatchelConfigRow noting_rows[] = { { NULL } };
NOTING (a, 'a', 'A', '1')
NOTING (b, 'b', 'B', '2')
NOTING (c, 'c', 'C', '3')

/* Loads the three, and begins and ends as a process does; returns the steps that were made. */
static char *
run_steps (char which)
{
  g_autoptr (SatchelLoader) loader = satchel_loader_new (SATCHEL_ROLE_MAIL, NULL);
  g_autoptr (GError) error = NULL;
  steps = g_string_new (NULL);
  refused_step = which;
  g_assert_true (satchel_loader_add (loader, &noting_a, FALSE, &error));
  g_assert_true (satchel_loader_add (loader, &noting_b, FALSE, &error));
  g_assert_true (satchel_loader_add (loader, &noting_c, FALSE, &error));
  g_autoptr (SatchelConfigSet) set = satchel_config_set_from_text ("noting-a", noting_rows, "", &error);
  g_assert_no_error (error);
  if (satchel_loader_configure (loader, set, &error))
    (void) satchel_loader_start (loader, &error);
  g_assert_true ((error != NULL) == (which != '\0'));
  satchel_loader_stop (loader);
  return g_string_free (steps, FALSE);
}

/* What a module has taken it gives back, the last one first, wherever another one refuses. */
static void
test_stop_after_failure (void)
{
  static const struct
  {
    char refused_step;
    const char *steps;
  } cases[] = {
    { '\0', "abcABC321" }, { 'b', "a1" }, { 'c', "ab21" }, { 'B', "abcA321" }, { 'C', "abcAB321" }
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *made = run_steps (cases[i].refused_step);
      g_assert_cmpstr (made, ==, cases[i].steps);
    }
}

/* Whoever refuses, first, between or last: everybody, before it and after it, is as before; a hundred times.
 */
static void
test_several_refuse (void)
{
  SatchelLoader *loader = satchel_loader_new (SATCHEL_ROLE_MAIL, NULL);
  satchel_loader_set_default (loader);
  g_autoptr (GError) error = NULL;
  for (guint i = 0; i < N_SEVERAL; i++)
    {
      (void) satchel_loader_add (loader, &several_modules[i], FALSE, &error);
      g_assert_no_error (error);
    }
  g_autoptr (SatchelConfigSet) old = several_set (7, N_SEVERAL);
  g_assert_true (satchel_loader_configure (loader, old, &error));
  g_assert_true (satchel_loader_reload_prepare (loader, old, &error));
  for (guint i = 0; i < N_SEVERAL; i++)
    g_assert_cmpint (several[i].in_force, ==, 0); /* nothing is in force before all have agreed */
  satchel_loader_reload_end (loader, TRUE);
  for (guint round = 0; round < 100; round++)
    {
      guint refuses = round % N_SEVERAL;
      g_autoptr (SatchelConfigSet) next = several_set (8, refuses);
      memset (several, 0, sizeof several);
      for (guint i = 0; i < N_SEVERAL; i++)
        several[i].in_force = 7;
      g_assert_false (satchel_loader_reload_prepare (loader, next, &error));
      g_autofree char *name = g_strdup_printf ("module several%u: reload: ", refuses);
      g_assert_true (g_str_has_prefix (error->message, name));
      g_clear_error (&error);
      for (guint i = 0; i < N_SEVERAL; i++)
        {
          g_assert_cmpint (several[i].in_force, ==, 7);
          g_assert_cmpuint (several[i].n_committed, ==, 0);
          g_assert_cmpuint (several[i].n_asked, ==, i <= refuses);
          g_assert_cmpuint (several[i].n_aborted, ==, i < refuses); /* each that agreed, once */
        }
    }
  g_autoptr (SatchelConfigSet) good = several_set (9, N_SEVERAL);
  g_assert_true (satchel_loader_reload_prepare (loader, good, &error));
  satchel_loader_reload_end (loader, FALSE); /* another process refused */
  g_assert_cmpint (several[0].in_force, ==, 7);
  g_assert_true (satchel_loader_reload_prepare (loader, good, &error));
  satchel_loader_reload_end (loader, TRUE);
  for (guint i = 0; i < N_SEVERAL; i++)
    g_assert_cmpint (several[i].in_force, ==, 9);
}

static void
test_list (void)
{
  install (0, "odd0.so");
  install (0, "odd0-gate.so");
  g_autofree char *junk = g_build_filename (dir, "README", NULL);
  g_assert_true (g_file_set_contents (junk, "x", 1, NULL));
  g_autoptr (SatchelLoader) loader = new_loader (SATCHEL_ROLE_CLI);
  g_autoptr (GPtrArray) files = satchel_loader_list (loader);
  guint n = 0;
  for (guint i = 0; i < files->len; i++)
    {
      const SatchelModuleFile *file = g_ptr_array_index (files, i);
      g_assert_cmpstr (file->name, !=, "README");
      n += strcmp (file->name, "odd0") == 0;
    }
  g_assert_cmpuint (n, ==, 2);
  g_assert_nonnull (satchel_loader_schema ("odd0", loader));
  g_assert_null (satchel_loader_schema ("nothing", loader));
  g_assert_nonnull (satchel_loader_why_not (loader, "nothing"));
}

static void
hear (const SatchelMailboxEvent *event)
{
}

static const SatchelMailboxListenerOps listener_ops = { .size = sizeof listener_ops, .changed = hear };

static void
handle (SatchelHelperCall *call)
{
}

static GBytes *
run_child (GBytes *request, GError **error)
{
  return g_bytes_ref (request);
}

static const SatchelHelperOps helper_ops = { .size = sizeof helper_ops, .max_calls = 1, .handle = handle },
                              no_calls = { .size = sizeof no_calls, .handle = handle },
                              no_handle = { .size = sizeof no_handle, .max_calls = 1 },
                              with_child = { .size = sizeof with_child,
                                             .max_calls = 1,
                                             .handle = handle,
                                             .run_child = run_child };

/* What the descriptor of a helper must say. */
static void
test_helper (void)
{
  static const SatchelConfigRow door[] = { { "door", SATCHEL_CONFIG_ENDPOINT, NULL, "Door",
                                             .flags = SATCHEL_CONFIG_RELOADABLE },
                                           { NULL } },
                                fixed[] = { { "door", SATCHEL_CONFIG_ENDPOINT, NULL, "Door" }, { NULL } };
  static const SatchelProvides one[] = { { SATCHEL_KIND_HELPER, NULL, &helper_ops }, { 0 } },
                               two[] = { { SATCHEL_KIND_HELPER, NULL, &helper_ops },
                                         { SATCHEL_KIND_HELPER, "b", &helper_ops },
                                         { 0 } },
                               idle[] = { { SATCHEL_KIND_HELPER, NULL, &no_calls }, { 0 } },
                               deaf[] = { { SATCHEL_KIND_HELPER, NULL, &no_handle }, { 0 } },
                               forks[] = { { SATCHEL_KIND_HELPER, NULL, &with_child }, { 0 } },
                               none[] = { { SATCHEL_KIND_MAILBOX_LISTENER, NULL, &listener_ops }, { 0 } };
  static const struct
  {
    guint roles, rights;
    const SatchelConfigRow *schema;
    const SatchelProvides *provides;
    const char *why; /* NULL: fine */
  } rows[] = {
    { SATCHEL_ROLE_HELPER, 0, NULL, one, NULL },
    { SATCHEL_ROLE_HELPER | SATCHEL_ROLE_MAIL, SATCHEL_RIGHT_CONNECT, door, one, NULL },
    { SATCHEL_ROLE_MAIL, 0, NULL, one, "or neither" },
    { SATCHEL_ROLE_HELPER, 0, NULL, none, "or neither" },
    { SATCHEL_ROLE_HELPER, 0, NULL, two, "or neither" },
    { SATCHEL_ROLE_HELPER, 0, NULL, idle, "max_calls" },
    { SATCHEL_ROLE_HELPER, 0, NULL, deaf, "handle" },
    { SATCHEL_ROLE_MAIL, 0, door, none, "needs the role helper" },
    { SATCHEL_ROLE_HELPER, 0, fixed, one, "reloadable" },
    { SATCHEL_ROLE_MAIL, SATCHEL_RIGHT_CONNECT, NULL, none, "only helpers may" },
    { SATCHEL_ROLE_HELPER, 1u << 20, NULL, one, "rights (0x100000)" },
    { SATCHEL_ROLE_HELPER, SATCHEL_RIGHT_PROGRAMS, NULL, forks, NULL },
    { SATCHEL_ROLE_HELPER, SATCHEL_RIGHT_PROGRAMS, NULL, one, "run_child" },
    { SATCHEL_ROLE_HELPER, 0, NULL, forks, "run_child" },
    { SATCHEL_ROLE_MAIL, SATCHEL_RIGHT_PROGRAMS, NULL, none, "run_child" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      const SatchelModule module = { SATCHEL_MODULE_FACTS,
                                     .name = "toy",
                                     .version = "1",
                                     .description = "d",
                                     .licence = "MIT",
                                     .roles = rows[i].roles,
                                     .rights = rows[i].rights,
                                     .schema = rows[i].schema,
                                     .provides = rows[i].provides };
      g_autoptr (SatchelLoader) loader = satchel_loader_new (SATCHEL_ROLE_CONFIG, NULL);
      g_autoptr (GError) error = NULL;
      g_assert_cmpint (satchel_loader_add (loader, &module, FALSE, &error), ==, rows[i].why == NULL);
      if (rows[i].why != NULL && strstr (error->message, rows[i].why) == NULL)
        g_error ("row %u: %s", i, error->message);
    }
}

/* A module of before the descriptor grew is taken, and nothing is read beyond its end; one of a later server
 * is not. */
static void
test_descriptor_grows (void)
{
  static const SatchelProvides listener[] = { { SATCHEL_KIND_MAILBOX_LISTENER, NULL, &listener_ops }, { 0 } };
  static const struct
  {
    guint size;
    const char *why; /* NULL: fine */
  } rows[] = {
    { offsetof (SatchelModule, rights), NULL },
    { sizeof (SatchelModule), "only helpers may" },
    { offsetof (SatchelModule, stop), "rebuild it" },
    { sizeof (SatchelModule) + 8, "a newer server" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      /* What lies behind an older one is no right of its. */
      SatchelModule module = { SATCHEL_MODULE_FACTS,
                               .name = "toy",
                               .version = "1",
                               .description = "d",
                               .licence = "MIT",
                               .roles = SATCHEL_ROLE_MAIL,
                               .rights = SATCHEL_RIGHT_CONNECT,
                               .provides = listener };
      module.size = rows[i].size;
      g_autoptr (SatchelLoader) loader = satchel_loader_new (SATCHEL_ROLE_CONFIG, NULL);
      g_autoptr (GError) error = NULL;
      g_assert_cmpint (satchel_loader_add (loader, &module, FALSE, &error), ==, rows[i].why == NULL);
      if (rows[i].why != NULL && strstr (error->message, rows[i].why) == NULL)
        g_error ("row %u: %s", i, error->message);
    }
}

/* What has only the settings of its gate half runs nowhere, and provides nothing; all else provides
 * something. */
static void
test_settings_only (void)
{
  static const SatchelProvides nothing[] = { { 0 } };
  g_autoptr (SatchelLoader) loader = satchel_loader_new (SATCHEL_ROLE_CONFIG, NULL);
  g_autoptr (GError) error = NULL;
  static SatchelModule module;
  module = several_modules[0];
  module.reload = NULL;
  module.reload_end = NULL;
  module.provides = nothing;
  g_assert_false (satchel_loader_add (loader, &module, FALSE, &error));
  g_assert_nonnull (strstr (error->message, "it provides nothing"));
  g_clear_error (&error);
  module.roles = 0;
  g_assert_true (satchel_loader_add (loader, &module, FALSE, &error));
  g_assert_no_error (error);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_unsetenv ("SATCHEL_MODULE_PATH");
  dir = g_dir_make_tmp ("satchel-loader-XXXXXX", NULL);
  g_assert_cmpint (chmod (dir, 0755), ==, 0);
  g_test_add_func ("/loader/refusals", test_refusals);
  g_test_add_func ("/loader/trials", test_trials);
  g_test_add_func ("/loader/longer-table", test_longer_table);
  g_test_add_func ("/loader/ownership", test_ownership);
  g_test_add_func ("/loader/roles-and-registry", test_roles_and_registry);
  g_test_add_func ("/loader/helper", test_helper);
  g_test_add_func ("/loader/descriptor-grows", test_descriptor_grows);
  g_test_add_func ("/loader/lifecycle", test_lifecycle);
  g_test_add_func ("/loader/stop-after-failure", test_stop_after_failure);
  g_test_add_func ("/loader/several-refuse", test_several_refuse);
  g_test_add_func ("/loader/list", test_list);
  g_test_add_func ("/loader/settings-only", test_settings_only);
  int status = g_test_run ();
  g_autoptr (GDir) entries = g_dir_open (dir, 0, NULL);
  const char *name;
  while ((name = g_dir_read_name (entries)) != NULL)
    {
      g_autofree char *path = g_build_filename (dir, name, NULL);
      (void) g_remove (path);
    }
  (void) g_rmdir (dir);
  return status;
}
