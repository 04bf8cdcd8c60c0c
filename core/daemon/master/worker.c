/* SPDX-License-Identifier: MIT
 * Implements the records of master's children: it answers questions about them, and sends them messages.
 * workers.c handles what happens to a child.
 */
#include "config.h"

#include "core/daemon/master/master_private.h"

void
satchel_worker_send (SatchelWorker *worker, SatchelIpcMessage *message)
{
  if (worker->link != NULL)
    satchel_ipc_send (worker->link, message);
  else
    satchel_ipc_message_free (message);
}

const SatchelPlan *
satchel_worker_plan (const SatchelWorker *worker, guint64 *ret_generation)
{
  const SatchelMaster *master = worker->master;
  gboolean is_next = worker->is_next && master->next_plan != NULL;
  *ret_generation = is_next ? master->next_generation : master->generation;
  return is_next ? master->next_plan : master->plan;
}

guint
satchel_master_free_slot (SatchelMaster *master, SatchelRole role)
{
  for (guint slot = 0; slot < SATCHEL_SLOTS_MAX; slot++)
    {
      gboolean is_taken = FALSE;
      for (guint i = 0; i < master->workers->len; i++)
        {
          const SatchelWorker *worker = g_ptr_array_index (master->workers, i);
          is_taken = is_taken || (worker->role == role && worker->slot == slot);
        }
      if (!is_taken)
        return slot;
    }
  return SATCHEL_SLOTS_MAX;
}

gboolean
satchel_master_is_all_ready (SatchelMaster *master)
{
  for (guint i = 0; i < master->workers->len; i++)
    {
      const SatchelWorker *worker = g_ptr_array_index (master->workers, i);
      if (!worker->is_ready && !worker->is_retiring)
        return FALSE;
    }
  return master->workers->len > 0;
}

char *
satchel_crumb_text (const SatchelBreadcrumb *written)
{
  GString *line = g_string_new (NULL);
  if (written == NULL)
    return g_string_free (line, FALSE);
  /* The process that wrote the breadcrumb may have been taken over, so nothing in it is trusted. */
  SatchelBreadcrumb crumb = *written;
  const struct
  {
    const char *key;
    char *text;
    gsize size;
  } fields[] = { { "operation", crumb.operation, sizeof crumb.operation },
                 { "user", crumb.user, sizeof crumb.user },
                 { "message", crumb.detail, sizeof crumb.detail },
                 { "module", crumb.module, sizeof crumb.module },
                 { "call", crumb.call, sizeof crumb.call },
                 { "where", crumb.where, sizeof crumb.where } };
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      fields[i].text[fields[i].size - 1] = '\0';
      if (*fields[i].text != '\0')
        satchel_log_field (line, fields[i].key, fields[i].text);
    }
  return g_string_free (line, FALSE);
}
