/* SPDX-License-Identifier: MIT
 * Runs the role config: it reads configuration without rights to change anything, loads modules for their
 * settings and checks, finds every mistake in one run, and hands master a sealed image and a plan.
 */
#include "config.h"

#include "core/daemon/config/config_role.h"

#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <satchel/protocol.h>

#include "core/base/exit.h"
#include "core/base/fd.h"
#include "core/daemon/build_id.h"
#include "core/daemon/sandbox/drop.h"
#include "core/daemon/options.h"
#include "core/daemon/sandbox/sandbox.h"
#include "core/runtime/config/core_settings.h"
#include "core/runtime/log/log_private.h"
#include "core/runtime/ipc/sealed.h"

#define CONTROL_FD 3
#define MASTER_TIMEOUT_MS 60000
#define TRY_TIMEOUT_MS 5000
#define NOBODY 65534u

typedef struct Setup
{
  guint uid, gid, trusted_uid;
  SatchelConfigSet *old; /* the configuration in force, at a reload; NULL at a start */
} Setup;

static SatchelConfigSet *
take_old_image (SatchelIpcMessage *message)
{
  satchel_ipc_get_u64 (message);
  g_auto (SatchelFd) fd = satchel_ipc_take_fd (message);
  g_autoptr (GBytes) bytes = fd >= 0 ? satchel_fd_read_bytes (fd, SATCHEL_CONFIG_IMAGE_MAX, NULL) : NULL;
  return bytes != NULL ? satchel_config_set_from_bytes (bytes, NULL) : NULL;
}

static gboolean
take_setup (Setup *setup, GError **error)
{
  g_autofree char *build = satchel_build_id ();
  SatchelIpcMessage *hello = satchel_ipc_message_new (SATCHEL_IPC_HELLO, 0);
  satchel_ipc_put_string (hello, build);
  satchel_ipc_put_u32 (hello, SATCHEL_ROLE_CONFIG);
  satchel_ipc_put_u32 (hello, 0);
  if (!satchel_ipc_send_blocking (CONTROL_FD, hello, error))
    return FALSE;
  for (;;)
    {
      g_autoptr (SatchelIpcMessage) message =
          satchel_ipc_receive_blocking (CONTROL_FD, MASTER_TIMEOUT_MS, error);
      if (message == NULL)
        return FALSE;
      if (message->type == SATCHEL_IPC_START)
        return TRUE;
      if (message->type == SATCHEL_IPC_SETUP)
        {
          setup->uid = satchel_ipc_get_u32 (message);
          setup->gid = satchel_ipc_get_u32 (message);
          satchel_ipc_get_u32 (message);
          satchel_ipc_get_u32 (message);
          setup->trusted_uid = satchel_ipc_get_u32 (message);
        }
      else if (message->type == SATCHEL_IPC_CONFIG)
        setup->old = take_old_image (message);
    }
}

static gboolean
drop_rights (Setup *setup, GError **error)
{
  if (geteuid () == 0 && setup->uid == SATCHEL_PLAN_NO_ID)
    {
      /* Before the configuration has been read, config_user is not known, so the process runs as the
       * packaged account, or as nobody. */
      const struct passwd *entry = getpwnam ("satchel");
      setup->uid = entry != NULL ? entry->pw_uid : NOBODY;
      setup->gid = entry != NULL ? entry->pw_gid : NOBODY;
    }
  if (!satchel_drop_rights (setup->uid, setup->gid, SATCHEL_PLAN_NO_ID, geteuid () == 0, error))
    return FALSE;
  g_auto (SatchelFd) root = open ("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  g_auto (SatchelFd) null = open ("/dev/null", O_PATH | O_CLOEXEC);
  SatchelSandboxPath paths[] = { { root, FALSE, FALSE }, { null, TRUE, FALSE } };
  if (root < 0)
    return satchel_error_set_errno (error, errno, "the root directory cannot be opened");
  return satchel_sandbox_enter (SATCHEL_ROLE_CONFIG, SATCHEL_SANDBOX_BEST_EFFORT, paths, null >= 0 ? 2 : 1,
                                NULL, error);
}

/* Finds server.module_dir, which is needed before modules can check their settings. */
static char *
find_module_dir (const SatchelOptions *options)
{
  if (options->module_dir != NULL)
    return g_strdup (options->module_dir);
  g_autoptr (GPtrArray) ignored =
      g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
  g_autoptr (SatchelConfigSet) set = satchel_config_load_lenient (
      options->defaults_dir, options->config_dir, (const char *const *) options->sets, NULL, NULL, ignored);
  SatchelServerSettings server;
  satchel_server_settings_read (satchel_config_set_group (set, "server"), &server);
  return g_strdup (server.module_dir);
}

static void
plan_module (SatchelConfigWork *work, const SatchelConfig *section, const SatchelModule *module,
             gboolean is_gate)
{
  g_autoptr (GError) error = NULL;
  int fd = satchel_loader_open (work->loader, module->name, is_gate, NULL, &error);
  struct stat st;
  if (fd < 0 || fstat (fd, &st) != 0)
    {
      satchel_config_work_problem (work, FALSE, section, "enabled", "%s",
                                   error != NULL ? error->message
                                                 : "the module's file has vanished; install it again");
      return;
    }
  SatchelPlanModule *planned = g_new0 (SatchelPlanModule, 1);
  planned->name = g_strdup (module->name);
  planned->is_gate = is_gate;
  planned->roles =
      is_gate ? satchel_roles_with (SATCHEL_TRAIT_PROCESS | SATCHEL_TRAIT_GATE_HALVES, 0)
              : module->roles & satchel_roles_with (SATCHEL_TRAIT_PROCESS, SATCHEL_TRAIT_GATE_HALVES);
  planned->identity =
      g_strdup_printf ("%lu:%lu:%ld", (gulong) st.st_dev, (gulong) st.st_ino, (glong) st.st_mtime);
  planned->fd = fd;
  g_ptr_array_add (work->plan->modules, planned);
}

static gboolean
is_protocol (const SatchelModule *module)
{
  for (guint i = 0; module->provides[i].kind != 0; i++)
    if (module->provides[i].kind == SATCHEL_KIND_PROTOCOL)
      return TRUE;
  return FALSE;
}

static gboolean
has_gate_half (SatchelConfigWork *work, const char *name)
{
  g_autoptr (GPtrArray) files = satchel_loader_list (work->loader);
  for (guint i = 0; i < files->len; i++)
    {
      const SatchelModuleFile *file = g_ptr_array_index (files, i);
      if (file->is_gate && strcmp (file->name, name) == 0)
        return TRUE;
    }
  return FALSE;
}

static void
load_module (SatchelConfigWork *work, const char *name)
{
  const SatchelConfig *section = satchel_config_set_group (work->set, name);
  g_autoptr (GError) error = NULL;
  const SatchelModule *module = satchel_loader_load (work->loader, name, FALSE, &error);
  if (module == NULL)
    {
      satchel_config_work_problem (work, FALSE, section, "enabled", "%s", error->message);
      return;
    }
  plan_module (work, section, module, FALSE);
  if (has_gate_half (work, name))
    {
      const SatchelModule *gate = NULL;
      if (satchel_loader_try (work->loader, name, TRUE, TRY_TIMEOUT_MS, &error))
        gate = satchel_loader_load (work->loader, name, TRUE, &error);
      if (gate != NULL)
        plan_module (work, section, gate, TRUE);
      else
        satchel_config_work_problem (work, FALSE, section, "enabled", "%s", error->message);
    }
  else if (is_protocol (module))
    satchel_config_work_problem (work, FALSE, section, "enabled",
                                 "module %s: its other half %s-gate.so is missing; install it beside %s.so",
                                 name, name, name);
}

/* Lists what enabled modules provide. Others were loaded as well, to have their settings checked. */
static GPtrArray *
find_enabled (SatchelConfigWork *work, SatchelKind kind)
{
  GPtrArray *found = satchel_loader_find_all (work->loader, kind);
  for (guint i = found->len; i > 0; i--)
    if (!satchel_config_set_is_enabled (work->set,
                                        ((const SatchelProvided *) found->pdata[i - 1])->module->name))
      g_ptr_array_remove_index (found, i - 1);
  return found;
}

/* Warns of rules for filters that are not enabled: a name was misspelt, or a rule was left over. */
static void
check_filter_rules (SatchelConfigWork *work)
{
  const SatchelConfig *section = satchel_config_set_group (work->set, "filters");
  g_autoptr (GPtrArray) filters = find_enabled (work, SATCHEL_KIND_DELIVERY_FILTER);
  for (guint i = 0; i < satchel_config_n_groups (section, "rules"); i++)
    {
      SatchelFilterSettings rule;
      satchel_filter_rule_settings_read (satchel_config_group (section, "rules", i), &rule);
      const char *name = rule.filter;
      gboolean is_there = name == NULL;
      for (guint k = 0; k < filters->len; k++)
        is_there |= g_strcmp0 (((const SatchelProvided *) filters->pdata[k])->module->name, name) == 0;
      if (!is_there)
        satchel_config_work_problem (
            work, TRUE, section, "rules",
            "filters.rules names %s, which is not an enabled delivery filter; the rule does nothing", name);
    }
}

static void
load_modules (SatchelConfigWork *work)
{
  const char *const *names = satchel_config_set_names (work->set);
  for (guint i = 0; names[i] != NULL; i++)
    if (satchel_config_set_is_enabled (work->set, names[i]))
      load_module (work, names[i]);
  satchel_loader_check (work->loader, work->set, work->problems);
  /* One mistake makes one message: if a group is misspelt, what it might enable is not reported missing. */
  if (satchel_config_set_state (work->set) != SATCHEL_CONFIG_WHOLE)
    return;
  satchel_config_work_storage (work);
  check_filter_rules (work);
  g_autoptr (GPtrArray) passdbs = find_enabled (work, SATCHEL_KIND_PASSDB);
  if (passdbs->len == 0)
    satchel_config_work_problem (
        work, TRUE, NULL, NULL,
        "nobody can log in: no enabled module checks passwords; enable one (satchel module list shows them)");
}

static void
fill_plan (SatchelConfigWork *work)
{
  SatchelPlan *plan = work->plan;
  const SatchelConfig *server = satchel_config_set_group (work->set, "server"),
                      *log = satchel_config_set_group (work->set, "log");
  guint n_cores = g_get_num_processors ();
  /* The modes stand in the order of the choices of server.sandbox. */
  static const SatchelSandboxMode sandboxes[] = { SATCHEL_SANDBOX_REQUIRED, SATCHEL_SANDBOX_BEST_EFFORT,
                                                  SATCHEL_SANDBOX_OFF };
  SatchelServerSettings settings;
  satchel_server_settings_read (server, &settings);
  SatchelLogSettings log_settings;
  satchel_log_settings_read (log, &log_settings);
  plan->n_gates = CLAMP (settings.gate_processes > 0 ? settings.gate_processes : n_cores, 1, 64);
  plan->n_mails = CLAMP (settings.mail_processes > 0 ? settings.mail_processes : n_cores, 1, 64);
  plan->stop_grace_ms = (guint32) settings.stop_grace_ms;
  plan->hang_ms = (guint32) settings.hang_ms;
  plan->stuck_ms = (guint32) settings.stuck_ms;
  plan->sandbox = sandboxes[settings.sandbox];
  plan->log_level = log_settings.level;
  plan->mail_root = g_strdup (settings.mail_root);
  plan->state_dir = g_strdup (settings.state_dir);
  plan->run_dir = g_strdup (settings.run_dir);
  plan->log_file = g_strdup (log_settings.file != NULL ? log_settings.file : "");
  plan->mail_root_origin = g_strdup (satchel_config_origin (server, "mail_root"));
  plan->state_dir_origin = g_strdup (satchel_config_origin (server, "state_dir"));
  plan->run_dir_origin = g_strdup (satchel_config_origin (server, "run_dir"));
  plan->log_file_origin = g_strdup (satchel_config_origin (log, "file"));
}

/* Warns of settings that changed but take effect at a restart only; those that master handles itself are
 * left out. */
static void
warn_of_fixed (SatchelConfigWork *work, const SatchelConfigSet *old)
{
  g_auto (GStrv) keys = satchel_config_set_compare (old, work->set, TRUE);
  for (guint i = 0; keys != NULL && keys[i] != NULL; i++)
    {
      const char *key = keys[i], *dot = strchr (key, '.');
      if (g_str_has_prefix (key, "listen.") || strcmp (key, "server.gate_processes") == 0
          || (dot != NULL && strcmp (dot, ".enabled") == 0))
        continue;
      /* Otherwise a user could have two mail processes, or be in a stack that a process does not have. */
      if (g_str_has_prefix (key, "storage."))
        satchel_config_work_problem (
            work, FALSE, satchel_config_set_group (work->set, "storage"), dot + 1,
            "%s changed: where users are is fixed while the server runs; restart it, or take the change back",
            key);
      else
        satchel_config_work_problem (work, TRUE, NULL, key, "%s changed: it takes effect at the next restart",
                                     key);
    }
}

static void
move_problems (SatchelConfigWork *work)
{
  for (guint i = 0; i < work->problems->len; i++)
    {
      const SatchelConfigProblem *problem = g_ptr_array_index (work->problems, i);
      satchel_plan_add_problem_of (work->plan, problem->is_warning, problem->where, problem->setting, "%s",
                                   problem->text);
    }
  g_ptr_array_set_size (work->problems, 0);
}

/* Puts "conf.d/10-a.conf:9" before "conf.d/10-a.conf:10". */
static gint
compare_problems (gconstpointer a, gconstpointer b)
{
  const SatchelConfigProblem *p = *(SatchelConfigProblem *const *) a, *q = *(SatchelConfigProblem *const *) b;
  g_autofree char *x = g_utf8_collate_key_for_filename (p->where, -1),
                  *y = g_utf8_collate_key_for_filename (q->where, -1);
  int order = strcmp (x, y);
  return order != 0 ? order : strcmp (p->text, q->text);
}

/* Makes an image for each helper, with the settings of its module and what the core needs in every process.
 * A helper gets no more, since an attacker may take it over. */
static gboolean
make_helper_images (const SatchelConfigWork *work, GError **error)
{
  for (guint i = 0; i < work->plan->helpers->len; i++)
    {
      SatchelPlanHelper *helper = g_ptr_array_index (work->plan->helpers, i);
      const char *names[] = { "server", "log", "limits", "helpers", helper->module, NULL };
      g_autoptr (GBytes) image = satchel_config_set_part_to_bytes (work->set, names);
      gsize len;
      const void *data = g_bytes_get_data (image, &len);
      helper->image_fd = satchel_sealed_new ("satchel-config", data, len, error);
      if (helper->image_fd < 0)
        return FALSE;
    }
  return TRUE;
}

/* Grants a module processes that start programs, which it may ask for; only the site gives it that, and with
 * it a group. */
static void
grant_programs (SatchelConfigWork *work, SatchelPlanHelper *helper)
{
  const SatchelModule *module = satchel_loader_module (work->loader, helper->module, FALSE);
  gboolean is_wanted = module != NULL && (satchel_module_rights (module) & SATCHEL_RIGHT_PROGRAMS) != 0,
           is_granted = FALSE;
  const SatchelConfig *section = satchel_config_set_group (work->set, "helpers");
  for (guint i = 0; i < satchel_config_n_groups (section, "programs"); i++)
    {
      const SatchelConfig *row = satchel_config_group (section, "programs", i);
      SatchelProgramSettings grant;
      satchel_program_settings_read (row, &grant);
      if (g_strcmp0 (grant.module, helper->module) != 0)
        continue;
      is_granted = TRUE;
      if (grant.group != NULL)
        satchel_config_work_group (work, row, "group", grant.group, &helper->gid);
    }
  if (is_wanted && !is_granted)
    satchel_config_work_problem (
        work, FALSE, satchel_config_set_group (work->set, helper->module), "enabled",
        "module %s starts programs and loads libraries while it runs, which this "
        "server does not allow it yet; allow it with helpers.programs = ( { module = "
        "\"%s\"; } )",
        helper->module, helper->module);
}

static void
plan_helpers (SatchelConfigWork *work)
{
  for (guint i = 0; i < work->plan->modules->len; i++)
    {
      const SatchelPlanModule *module = g_ptr_array_index (work->plan->modules, i);
      if ((module->roles & satchel_roles_with (SATCHEL_TRAIT_ONE_MODULE, 0)) == 0)
        continue;
      SatchelPlanHelper *helper = g_new0 (SatchelPlanHelper, 1);
      helper->module = g_strdup (module->name);
      helper->gid = SATCHEL_PLAN_NO_ID;
      helper->image_fd = -1;
      g_ptr_array_add (work->plan->helpers, helper);
      grant_programs (work, helper);
    }
  if (work->plan->helpers->len > SATCHEL_PLAN_HELPERS_MAX)
    satchel_config_work_problem (work, FALSE, NULL, NULL,
                                 "%u modules with helpers are enabled, and at most %u can run; disable some",
                                 work->plan->helpers->len, SATCHEL_PLAN_HELPERS_MAX);
}

static gboolean
tell_master (SatchelConfigWork *work, GError **error)
{
  SatchelPlan *plan = work->plan;
  g_ptr_array_sort (plan->problems, compare_problems);
  for (guint i = 0; i < plan->problems->len; i++)
    if (!satchel_plan_send_problem (CONTROL_FD, g_ptr_array_index (plan->problems, i), error))
      return FALSE;
  if (plan->n_errors == 0)
    {
      g_autoptr (GBytes) image = satchel_config_set_to_bytes (work->set);
      gsize len;
      const void *data = g_bytes_get_data (image, &len);
      plan->image_fd = satchel_sealed_new ("satchel-config", data, len, error);
      if (plan->image_fd < 0 || !make_helper_images (work, error))
        return FALSE;
    }
  gboolean is_broken = satchel_config_set_state (work->set) == SATCHEL_CONFIG_BROKEN;
  return (is_broken || satchel_plan_send (CONTROL_FD, plan, error))
         && satchel_plan_send_end (CONTROL_FD, plan->n_errors == 0, error);
}

static gboolean
work_through (const SatchelOptions *options, SatchelConfigWork *work, Setup *setup, GError **error)
{
  g_autofree char *module_dir = find_module_dir (options);
  const char *dirs[] = { module_dir, NULL };
  work->loader = satchel_loader_new (SATCHEL_ROLE_CONFIG, dirs);
  satchel_loader_set_trusted_uid (work->loader, setup->trusted_uid);
  satchel_loader_set_default (work->loader);
  work->set = satchel_config_load_lenient (options->defaults_dir, options->config_dir,
                                           (const char *const *) options->sets, satchel_loader_schema,
                                           work->loader, work->problems);
  gboolean is_broken = satchel_config_set_state (work->set) == SATCHEL_CONFIG_BROKEN;
  if (!is_broken)
    load_modules (work);
  (void) satchel_loader_end_trials (work->loader);
  move_problems (work);
  fill_plan (work);
  /* If the configuration could not be read as a whole, accounts, certificates and ports would be those of
   * the defaults, so they are not checked. */
  if (!is_broken)
    {
      plan_helpers (work);
      satchel_config_work_names (work);
      satchel_config_work_main_password (work);
      satchel_config_work_ids (work);
      satchel_config_work_tls (work);
      satchel_config_work_listeners (work);
    }
  if (satchel_config_set_state (work->set) == SATCHEL_CONFIG_WHOLE && work->plan->n_errors == 0)
    satchel_config_work_addresses (work);
  /* A configuration that is refused would not take effect after a restart either. */
  if (setup->old != NULL && work->plan->n_errors == 0)
    warn_of_fixed (work, setup->old);
  return tell_master (work, error);
}

int
satchel_config_role_main (const SatchelOptions *options)
{
  (void) fcntl (CONTROL_FD, F_SETFD, FD_CLOEXEC);
  satchel_log_open (-1, SATCHEL_LOG_INFO, "config");
  Setup setup = { SATCHEL_PLAN_NO_ID, SATCHEL_PLAN_NO_ID, 0, NULL };
  SatchelConfigWork work = { .is_root = geteuid () == 0 };
  work.plan = satchel_plan_new ();
  work.without_tls = g_string_new (NULL);
  work.problems = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
  g_autoptr (GError) error = NULL;
  if (take_setup (&setup, &error) && drop_rights (&setup, &error)
      && work_through (options, &work, &setup, &error))
    return work.plan->n_errors == 0 ? 0 : SATCHEL_EXIT_CONFIG;
  satchel_log (SATCHEL_LOG_ERROR, "config", "%s", error->message);
  return SATCHEL_EXIT_CONFIG;
}
