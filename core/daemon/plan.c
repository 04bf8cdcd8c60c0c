/* SPDX-License-Identifier: MIT
 * Keeps a plan in memory, and sends it from config to master.
 */
#include "config.h"

#include "core/daemon/plan.h"

#include "core/base/fd.h"

#include <string.h>
#include <unistd.h>

void
satchel_plan_listener_free (SatchelPlanListener *listener)
{
  g_free (listener->origin);
  g_free (listener->name);
  g_free (listener->protocol);
  g_free (listener->address);
  g_free (listener->path);
  g_free (listener);
}

static void
module_free (SatchelPlanModule *module)
{
  satchel_fd_clear (&module->fd);
  g_free (module->name);
  g_free (module->identity);
  g_free (module);
}

static void
helper_free (SatchelPlanHelper *helper)
{
  satchel_fd_clear (&helper->image_fd);
  g_free (helper->module);
  g_free (helper);
}

static void
tls_clear (SatchelPlanTls *tls)
{
  satchel_fd_clear (&tls->chain_fd);
  satchel_fd_clear (&tls->key_fd);
}

SatchelPlan *
satchel_plan_new (void)
{
  SatchelPlan *plan = g_new0 (SatchelPlan, 1);
  plan->listeners = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_plan_listener_free);
  plan->modules = g_ptr_array_new_with_free_func ((GDestroyNotify) module_free);
  plan->helpers = g_ptr_array_new_with_free_func ((GDestroyNotify) helper_free);
  plan->tls = g_array_new (FALSE, TRUE, sizeof (SatchelPlanTls));
  g_array_set_clear_func (plan->tls, (GDestroyNotify) tls_clear);
  plan->problems = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
  plan->image_fd = -1;
  for (guint i = 0; i < SATCHEL_PLAN_N_IDS; i++)
    plan->ids[i] = (SatchelPlanIds) { SATCHEL_PLAN_NO_ID, SATCHEL_PLAN_NO_ID };
  plan->admin_gid = SATCHEL_PLAN_NO_ID;
  return plan;
}

void
satchel_plan_free (SatchelPlan *plan)
{
  if (plan == NULL)
    return;
  char *strings[] = { plan->mail_root,      plan->state_dir,        plan->run_dir,
                      plan->log_file,       plan->mail_root_origin, plan->state_dir_origin,
                      plan->run_dir_origin, plan->log_file_origin };
  for (guint i = 0; i < G_N_ELEMENTS (strings); i++)
    g_free (strings[i]);
  g_ptr_array_unref (plan->listeners);
  g_ptr_array_unref (plan->modules);
  g_ptr_array_unref (plan->helpers);
  g_array_unref (plan->tls);
  g_ptr_array_unref (plan->problems);
  satchel_fd_clear (&plan->image_fd);
  g_free (plan);
}

static void
add_problem (SatchelPlan *plan, gboolean is_warning, const char *where, const char *setting,
             const char *format, va_list arguments)
{
  if (!is_warning)
    plan->n_errors++;
  if (plan->problems->len >= SATCHEL_PLAN_PROBLEMS_MAX)
    return;
  gboolean has_where = where != NULL && strcmp (where, "default") != 0;
  SatchelConfigProblem *problem = g_new0 (SatchelConfigProblem, 1);
  problem->where = g_strdup (has_where ? where : "");
  problem->setting = g_strdup (setting);
  problem->text = g_strdup_vprintf (format, arguments);
  problem->is_warning = is_warning;
  g_ptr_array_add (plan->problems, problem);
}

void
satchel_plan_add_problem (SatchelPlan *plan, gboolean is_warning, const char *where, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  add_problem (plan, is_warning, where, "", format, arguments);
  va_end (arguments);
}

void
satchel_plan_add_problem_of (SatchelPlan *plan, gboolean is_warning, const char *where, const char *setting,
                             const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  add_problem (plan, is_warning, where, setting, format, arguments);
  va_end (arguments);
}

char *
satchel_plan_problem_text (const SatchelPlan *plan, guint i)
{
  return satchel_config_problem_text (g_ptr_array_index (plan->problems, i));
}

gboolean
satchel_plan_send_problem (int fd, const SatchelConfigProblem *problem, GError **error)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_PROBLEM, 0);
  g_autofree char *short_where = g_strndup (problem->where, 1024),
                  *short_setting = g_strndup (problem->setting, 256),
                  *short_text = g_strndup (problem->text, 4096);
  g_autofree char *clean_where = g_utf8_make_valid (short_where, -1),
                  *clean_setting = g_utf8_make_valid (short_setting, -1),
                  *clean_text = g_utf8_make_valid (short_text, -1);
  satchel_ipc_put_u32 (message, problem->is_warning);
  satchel_ipc_put_string (message, clean_where);
  satchel_ipc_put_string (message, clean_setting);
  satchel_ipc_put_string (message, clean_text);
  return satchel_ipc_send_blocking (fd, message, error);
}

gboolean
satchel_plan_send_end (int fd, gboolean is_ok, GError **error)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_PLAN_END, 0);
  satchel_ipc_put_u32 (message, is_ok);
  return satchel_ipc_send_blocking (fd, message, error);
}

static gboolean
send_listener (int fd, const SatchelPlanListener *listener, GError **error)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_PLAN_LISTENER, 0);
  const char *strings[] = { listener->origin, listener->name, listener->protocol, listener->address,
                            listener->path };
  for (guint i = 0; i < G_N_ELEMENTS (strings); i++)
    satchel_ipc_put_string (message, strings[i]);
  guint32 numbers[] = { listener->port,
                        listener->mode,
                        listener->uid,
                        listener->gid,
                        listener->roles,
                        listener->implicit_tls,
                        listener->allow_cleartext,
                        listener->is_optional };
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    satchel_ipc_put_u32 (message, numbers[i]);
  return satchel_ipc_send_blocking (fd, message, error);
}

static gboolean
send_module (int fd, const SatchelPlanModule *module, GError **error)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_MODULE, 0);
  satchel_ipc_put_string (message, module->name);
  satchel_ipc_put_u32 (message, module->is_gate);
  satchel_ipc_put_u32 (message, module->roles);
  satchel_ipc_put_string (message, module->identity);
  satchel_ipc_put_fd (message, module->fd);
  return satchel_ipc_send_blocking (fd, message, error);
}

static gboolean
send_helper (int fd, const SatchelPlanHelper *helper, GError **error)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_PLAN_HELPER, 0);
  satchel_ipc_put_string (message, helper->module);
  satchel_ipc_put_u32 (message, helper->gid);
  satchel_ipc_put_fd (message, helper->image_fd);
  return satchel_ipc_send_blocking (fd, message, error);
}

static gboolean
send_tls (int fd, const SatchelPlanTls *tls, GError **error)
{
  for (guint is_key = 0; is_key < 2; is_key++)
    {
      SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_TLS_FILE, 0);
      satchel_ipc_put_u64 (message, 0);
      satchel_ipc_put_u32 (message, tls->index);
      satchel_ipc_put_u32 (message, is_key);
      satchel_ipc_put_fd (message, is_key ? tls->key_fd : tls->chain_fd);
      if (!satchel_ipc_send_blocking (fd, message, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
satchel_plan_send (int fd, const SatchelPlan *plan, GError **error)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_PLAN, 0);
  for (guint i = 0; i < SATCHEL_PLAN_N_IDS; i++)
    {
      satchel_ipc_put_u32 (message, plan->ids[i].uid);
      satchel_ipc_put_u32 (message, plan->ids[i].gid);
    }
  guint32 numbers[] = { plan->admin_gid,     plan->n_gates,   plan->n_mails, plan->sandbox,
                        plan->stop_grace_ms, plan->log_level, plan->hang_ms, plan->stuck_ms };
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    satchel_ipc_put_u32 (message, numbers[i]);
  const char *strings[] = { plan->mail_root,      plan->state_dir,        plan->run_dir,
                            plan->log_file,       plan->mail_root_origin, plan->state_dir_origin,
                            plan->run_dir_origin, plan->log_file_origin };
  for (guint i = 0; i < G_N_ELEMENTS (strings); i++)
    satchel_ipc_put_string (message, strings[i]);
  if (!satchel_ipc_send_blocking (fd, message, error))
    return FALSE;
  for (guint i = 0; i < plan->listeners->len; i++)
    if (!send_listener (fd, g_ptr_array_index (plan->listeners, i), error))
      return FALSE;
  for (guint i = 0; i < plan->modules->len; i++)
    if (!send_module (fd, g_ptr_array_index (plan->modules, i), error))
      return FALSE;
  for (guint i = 0; plan->image_fd >= 0 && i < plan->helpers->len; i++)
    if (!send_helper (fd, g_ptr_array_index (plan->helpers, i), error))
      return FALSE;
  for (guint i = 0; i < plan->tls->len; i++)
    if (!send_tls (fd, &g_array_index (plan->tls, SatchelPlanTls, i), error))
      return FALSE;
  if (plan->image_fd < 0)
    return TRUE;
  message = satchel_ipc_message_new (SATCHEL_IPC_CONFIG, 0);
  satchel_ipc_put_u64 (message, 0);
  satchel_ipc_put_fd (message, plan->image_fd);
  return satchel_ipc_send_blocking (fd, message, error);
}

static gboolean
take_numbers (SatchelPlan *plan, SatchelIpcMessage *message)
{
  if (plan->mail_root != NULL)
    return FALSE;
  for (guint i = 0; i < SATCHEL_PLAN_N_IDS; i++)
    {
      plan->ids[i].uid = satchel_ipc_get_u32 (message);
      plan->ids[i].gid = satchel_ipc_get_u32 (message);
    }
  guint32 *numbers[] = { &plan->admin_gid,     &plan->n_gates,   &plan->n_mails, &plan->sandbox,
                         &plan->stop_grace_ms, &plan->log_level, &plan->hang_ms, &plan->stuck_ms };
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    *numbers[i] = satchel_ipc_get_u32 (message);
  char **strings[] = { &plan->mail_root,      &plan->state_dir,        &plan->run_dir,
                       &plan->log_file,       &plan->mail_root_origin, &plan->state_dir_origin,
                       &plan->run_dir_origin, &plan->log_file_origin };
  for (guint i = 0; i < G_N_ELEMENTS (strings); i++)
    *strings[i] = g_strdup (satchel_ipc_get_string (message));
  gboolean is_absolute = *plan->mail_root == '/' && *plan->state_dir == '/' && *plan->run_dir == '/'
                         && (*plan->log_file == '\0' || *plan->log_file == '/');
  return satchel_ipc_message_is_done (message) && is_absolute && plan->n_gates >= 1 && plan->n_gates <= 64
         && plan->n_mails >= 1 && plan->n_mails <= 64 && plan->stop_grace_ms <= 3600000
         && plan->hang_ms >= 100 && plan->hang_ms <= 86400000 && plan->stuck_ms >= 100
         && plan->stuck_ms <= 86400000;
}

static gboolean
take_listener (SatchelPlan *plan, SatchelIpcMessage *message)
{
  SatchelPlanListener *listener = g_new0 (SatchelPlanListener, 1);
  g_ptr_array_add (plan->listeners, listener);
  char **strings[] = { &listener->origin, &listener->name, &listener->protocol, &listener->address,
                       &listener->path };
  for (guint i = 0; i < G_N_ELEMENTS (strings); i++)
    *strings[i] = g_strdup (satchel_ipc_get_string (message));
  guint32 *numbers[] = { &listener->port,
                         &listener->mode,
                         &listener->uid,
                         &listener->gid,
                         &listener->roles,
                         &listener->implicit_tls,
                         &listener->allow_cleartext,
                         &listener->is_optional };
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    *numbers[i] = satchel_ipc_get_u32 (message);
  return satchel_ipc_message_is_done (message) && plan->listeners->len <= SATCHEL_PLAN_LISTENERS_MAX
         && listener->port <= 65535 && (*listener->address == '\0') != (*listener->path == '\0')
         && (*listener->path == '\0' || *listener->path == '/');
}

static gboolean
take_module (SatchelPlan *plan, SatchelIpcMessage *message)
{
  SatchelPlanModule *module = g_new0 (SatchelPlanModule, 1);
  g_ptr_array_add (plan->modules, module);
  module->name = g_strdup (satchel_ipc_get_string (message));
  module->is_gate = satchel_ipc_get_u32 (message);
  module->roles = satchel_ipc_get_u32 (message);
  module->identity = g_strdup (satchel_ipc_get_string (message));
  module->fd = satchel_ipc_take_fd (message);
  return satchel_ipc_message_is_done (message) && module->fd >= 0
         && plan->modules->len <= SATCHEL_PLAN_MODULES_MAX;
}

static gboolean
take_helper (SatchelPlan *plan, SatchelIpcMessage *message)
{
  SatchelPlanHelper *helper = g_new0 (SatchelPlanHelper, 1);
  g_ptr_array_add (plan->helpers, helper);
  helper->module = g_strdup (satchel_ipc_get_string (message));
  helper->gid = satchel_ipc_get_u32 (message);
  helper->image_fd = satchel_ipc_take_fd (message);
  return satchel_ipc_message_is_done (message) && helper->image_fd >= 0 && *helper->module != '\0'
         && plan->helpers->len <= SATCHEL_PLAN_HELPERS_MAX;
}

static gboolean
take_tls (SatchelPlan *plan, SatchelIpcMessage *message)
{
  satchel_ipc_get_u64 (message);
  guint32 index = satchel_ipc_get_u32 (message), is_key = satchel_ipc_get_u32 (message);
  int fd = satchel_ipc_take_fd (message);
  if (!satchel_ipc_message_is_done (message) || fd < 0 || index >= SATCHEL_PLAN_TLS_MAX)
    {
      satchel_fd_clear (&fd);
      return FALSE;
    }
  for (guint i = 0; i < plan->tls->len; i++)
    {
      SatchelPlanTls *tls = &g_array_index (plan->tls, SatchelPlanTls, i);
      int *place = is_key ? &tls->key_fd : &tls->chain_fd;
      if (tls->index != index)
        continue;
      satchel_fd_clear (place);
      *place = fd;
      return TRUE;
    }
  SatchelPlanTls tls = { index, is_key ? -1 : fd, is_key ? fd : -1 };
  g_array_append_val (plan->tls, tls);
  return TRUE;
}

static gboolean
take_image (SatchelPlan *plan, SatchelIpcMessage *message)
{
  satchel_ipc_get_u64 (message);
  satchel_fd_clear (&plan->image_fd);
  plan->image_fd = satchel_ipc_take_fd (message);
  return satchel_ipc_message_is_done (message) && plan->image_fd >= 0;
}

static gboolean
take_problem (SatchelPlan *plan, SatchelIpcMessage *message)
{
  gboolean is_warning = satchel_ipc_get_u32 (message) != 0;
  const char *where = satchel_ipc_get_string (message), *setting = satchel_ipc_get_string (message),
             *text = satchel_ipc_get_string (message);
  if (!satchel_ipc_message_is_done (message))
    return FALSE;
  satchel_plan_add_problem_of (plan, is_warning, where, setting, "%s", text);
  return TRUE;
}

static gboolean
take_end (SatchelPlan *plan, SatchelIpcMessage *message)
{
  plan->is_ok = satchel_ipc_get_u32 (message) != 0;
  return satchel_ipc_message_is_done (message);
}

static const struct
{
  SatchelIpcType type;
  SatchelPlanStep step; /* what is to be done after a message that is well-formed */
  gboolean (*take) (SatchelPlan *plan, SatchelIpcMessage *message);
} messages[] = {
  { SATCHEL_IPC_PLAN, SATCHEL_PLAN_MORE, take_numbers },
  { SATCHEL_IPC_PLAN_LISTENER, SATCHEL_PLAN_MORE, take_listener },
  { SATCHEL_IPC_MODULE, SATCHEL_PLAN_MORE, take_module },
  { SATCHEL_IPC_PLAN_HELPER, SATCHEL_PLAN_MORE, take_helper },
  { SATCHEL_IPC_TLS_FILE, SATCHEL_PLAN_MORE, take_tls },
  { SATCHEL_IPC_CONFIG, SATCHEL_PLAN_MORE, take_image },
  { SATCHEL_IPC_PROBLEM, SATCHEL_PLAN_MORE, take_problem },
  { SATCHEL_IPC_PLAN_END, SATCHEL_PLAN_DONE, take_end },
};

SatchelPlanStep
satchel_plan_take (SatchelPlan *plan, SatchelIpcMessage *message)
{
  for (guint i = 0; i < G_N_ELEMENTS (messages); i++)
    if (messages[i].type == message->type)
      return messages[i].take (plan, message) ? messages[i].step : SATCHEL_PLAN_BAD;
  return SATCHEL_PLAN_BAD;
}

gboolean
satchel_plan_same_listeners (const SatchelPlan *a, const SatchelPlan *b)
{
  if (a->listeners->len != b->listeners->len)
    return FALSE;
  for (guint i = 0; i < a->listeners->len; i++)
    {
      const SatchelPlanListener *x = g_ptr_array_index (a->listeners, i),
                                *y = g_ptr_array_index (b->listeners, i);
      if (strcmp (x->name, y->name) != 0 || strcmp (x->protocol, y->protocol) != 0
          || strcmp (x->address, y->address) != 0 || strcmp (x->path, y->path) != 0 || x->port != y->port
          || x->mode != y->mode || x->uid != y->uid || x->gid != y->gid || x->roles != y->roles
          || x->implicit_tls != y->implicit_tls || x->allow_cleartext != y->allow_cleartext)
        return FALSE;
    }
  return TRUE;
}

guint
satchel_plan_n_processes (const SatchelPlan *plan, const SatchelRoleRow *row)
{
  switch (row->processes)
    {
    case SATCHEL_PROCESSES_NONE:
      return 0;
    case SATCHEL_PROCESSES_ONE:
      return 1;
    case SATCHEL_PROCESSES_PER_MAIL:
      return plan->n_mails;
    case SATCHEL_PROCESSES_PER_GATE:
      return plan->n_gates;
    case SATCHEL_PROCESSES_PER_HELPER:
      return plan->helpers->len;
    }
  return 0;
}

const char *
satchel_plan_module_of (const SatchelPlan *plan, const SatchelRoleRow *row, guint slot)
{
  if ((row->traits & SATCHEL_TRAIT_ONE_MODULE) == 0)
    return "";
  return ((const SatchelPlanHelper *) g_ptr_array_index (plan->helpers, slot))->module;
}

static char *
module_set (const SatchelPlan *plan, guint roles, gboolean is_gate)
{
  GString *set = g_string_new (NULL);
  for (guint i = 0; i < plan->modules->len; i++)
    {
      const SatchelPlanModule *module = g_ptr_array_index (plan->modules, i);
      if ((module->roles & roles) != 0 && !module->is_gate == !is_gate)
        g_string_append_printf (set, "%s %s\n", module->name, module->identity);
    }
  return g_string_free (set, FALSE);
}

gboolean
satchel_plan_same_modules (const SatchelPlan *a, const SatchelPlan *b, guint roles, gboolean is_gate)
{
  g_autofree char *x = module_set (a, roles, is_gate), *y = module_set (b, roles, is_gate);
  return strcmp (x, y) == 0;
}

char *
satchel_plan_needs_restart (const SatchelPlan *now, const SatchelPlan *next)
{
  g_autoptr (GPtrArray) what = g_ptr_array_new ();
  if (memcmp (now->ids, next->ids, sizeof now->ids) != 0)
    g_ptr_array_add (what, (gpointer) "the accounts of the processes");
  if (strcmp (now->mail_root, next->mail_root) != 0)
    g_ptr_array_add (what, (gpointer) "server.mail_root");
  if (strcmp (now->state_dir, next->state_dir) != 0)
    g_ptr_array_add (what, (gpointer) "server.state_dir");
  if (strcmp (now->run_dir, next->run_dir) != 0)
    g_ptr_array_add (what, (gpointer) "server.run_dir");
  if (*now->log_file != '\0' && *next->log_file == '\0')
    g_ptr_array_add (what, (gpointer) "log.file to none");
  if (now->n_mails != next->n_mails)
    g_ptr_array_add (what, (gpointer) "server.mail_processes");
  if (now->sandbox != next->sandbox)
    g_ptr_array_add (what, (gpointer) "server.sandbox");
  if (!satchel_plan_same_modules (
          now, next, satchel_roles_with (SATCHEL_TRAIT_PROCESS, SATCHEL_TRAIT_GATE_HALVES), FALSE))
    g_ptr_array_add (what, (gpointer) "the modules of auth, mail and helpers");
  if (what->len == 0)
    return NULL;
  g_ptr_array_add (what, NULL);
  return g_strjoinv (", ", (char **) what->pdata);
}
