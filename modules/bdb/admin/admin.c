/* SPDX-License-Identifier: MIT
 * Lists the commands `satchel bdb ...`, and those that only show something. A command names a user, so that
 * it runs in the process that has the user's volume open.
 */
#include "config.h"

#include "admin/admin.h"
#include "admin/level.h"
#include "message/mailbox.h"

#include <satchel/module.h>

/* ---- stat ---- */

static gboolean
print_stat (SatchelAdminCall *call, const BdbVolumeFacts *facts)
{
  return satchel_admin_record (
      call, SATCHEL_ADMIN_TEXT ("volume", facts->home),
      SATCHEL_ADMIN_NUMBER ("records_bytes", (gint64) facts->table_bytes[BDB_RECORDS]),
      SATCHEL_ADMIN_NUMBER ("content_bytes", (gint64) facts->table_bytes[BDB_CONTENT]),
      SATCHEL_ADMIN_NUMBER ("bodies_bytes", (gint64) facts->bodies_bytes),
      SATCHEL_ADMIN_NUMBER ("log_bytes", (gint64) facts->log_bytes),
      SATCHEL_ADMIN_NUMBER ("log_since_checkpoint", (gint64) facts->n_since_checkpoint),
      SATCHEL_ADMIN_NUMBER ("log_syncs", (gint64) facts->n_syncs),
      SATCHEL_ADMIN_NUMBER ("commits", (gint64) facts->n_commits),
      SATCHEL_ADMIN_NUMBER ("cache_hits", (gint64) facts->n_hits),
      SATCHEL_ADMIN_NUMBER ("cache_misses", (gint64) facts->n_misses),
      SATCHEL_ADMIN_NUMBER ("deadlocks", (gint64) facts->n_deadlocks));
}

static gboolean
run_stat (SatchelAdminCall *call, GError **error)
{
  BdbVolumeFacts facts;
  g_autoptr (SatchelStore) store = satchel_admin_open_store (call, error);
  BdbStore *own = bdb_admin_level (store, error);
  if (own == NULL || !bdb_volume_facts (own->volume, &facts, error))
    return FALSE;
  print_stat (call, &facts);
  g_free (facts.home);
  return TRUE;
}

/* ---- dump ---- */

typedef struct Dump
{
  SatchelAdminCall *call;
  BdbBlock block;
  gboolean is_bad;
} Dump;

static gboolean
dump_block (const guint8 *key, guint key_len, const guint8 *value, guint value_len, gpointer data)
{
  Dump *dump = data;
  BdbBlock *block = &dump->block;
  dump->is_bad = key_len != BDB_KEY_HEAD + 8
                 || !bdb_block_read (block, bdb_key_read_u32 (key + BDB_KEY_HEAD + 4), value, value_len);
  for (guint i = 0; !dump->is_bad && i < BDB_BLOCK_MESSAGES; i++)
    if (block->present >> i & 1)
      {
        const BdbRow *row = &block->rows[i];
        if (!satchel_admin_record (
                dump->call, SATCHEL_ADMIN_NUMBER ("mailbox", bdb_key_read_u32 (key + BDB_KEY_HEAD)),
                SATCHEL_ADMIN_NUMBER ("uid", block->number * BDB_BLOCK_MESSAGES + i),
                SATCHEL_ADMIN_NUMBER ("modseq", (gint64) row->modseq),
                SATCHEL_ADMIN_NUMBER ("flags", row->flags), SATCHEL_ADMIN_NUMBER ("size", (gint64) row->size),
                SATCHEL_ADMIN_NUMBER ("content", (gint64) row->content)))
          return FALSE;
      }
  return !dump->is_bad;
}

/* Returns names and states of mailboxes, copied so that no lock is held while the terminal is slow. */
static GPtrArray *
copy_names (BdbStore *store)
{
  GPtrArray *lines = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer name, value;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&store->lock);
  g_hash_table_iter_init (&iter, store->boxes);
  while (g_hash_table_iter_next (&iter, &name, &value))
    {
      const BdbBox *box = value;
      g_ptr_array_add (
          lines,
          g_strdup_printf ("mailbox %u \"%s\": uidvalidity=%u uidnext=%u modseq=%" G_GUINT64_FORMAT
                           " messages=%u bytes=%" G_GUINT64_FORMAT,
                           box->number, (const char *) name, box->state.uidvalidity, box->state.uidnext,
                           box->state.highestmodseq, box->state.n_messages, box->state.size_bytes));
    }
  return lines;
}

static gboolean
run_dump (SatchelAdminCall *call, GError **error)
{
  BdbKey prefix;
  g_autoptr (SatchelStore) store = satchel_admin_open_store (call, error);
  BdbStore *own = bdb_admin_level (store, error);
  if (own == NULL)
    return FALSE;
  g_autoptr (GPtrArray) lines = copy_names (own);
  for (guint i = 0; i < lines->len; i++)
    if (!satchel_admin_print (call, "%s", (const char *) lines->pdata[i]))
      return TRUE;
  Dump dump = { .call = call };
  bdb_key_begin (&prefix, own->user, BDB_KIND_MESSAGES);
  gboolean ok = bdb_scan (own->volume, NULL, BDB_RECORDS, &prefix, NULL, dump_block, &dump, error);
  bdb_block_clear (&dump.block);
  if (!ok)
    return FALSE;
  return !dump.is_bad
         || satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "a record of messages cannot be read");
}

/* ---- the table ---- */

static const SatchelConfigRow name_option[] = { { "name", SATCHEL_CONFIG_STRING, NULL,
                                                  "Name of the directory that is made in VOLUME/backups",
                                                  NULL, 0, 0, NULL, SATCHEL_CONFIG_REQUIRED },
                                                { NULL } };

static const SatchelAdminCommand stat_command = {
  .size = sizeof stat_command,
  .name = "stat",
  .summary = "Shows sizes and counters of the volume that a user's mail is in",
  .of_user = TRUE,
  .run = run_stat,
};
static const SatchelAdminCommand dump_command = {
  .size = sizeof dump_command,
  .name = "dump",
  .summary = "Shows the records of a user's mailboxes and messages",
  .of_user = TRUE,
  .run = run_dump,
};
static const SatchelAdminCommand backup_command = {
  .size = sizeof backup_command,
  .name = "backup",
  .summary = "Copies the volume that a user's mail is in, while it is in use",
  .details =
      "The copy is in the directory backups of the volume, and can be copied away from there.  To go\n"
      "back to it, stop the server, and put the tables, the log and the directory bodies of the copy in\n"
      "place of those of the volume.",
  .options = name_option,
  .operand = "name",
  .of_user = TRUE,
  .run = bdb_admin_backup,
};
static const SatchelAdminCommand verify_command = {
  .size = sizeof verify_command,
  .name = "verify",
  .summary = "Checks all pages of the volume that a user's mail is in, on a copy that is removed then, and "
             "all bodies",
  .of_user = TRUE,
  .run = bdb_admin_verify,
};
static const SatchelAdminCommand *const commands[] = { &backup_command, &dump_command, &stat_command,
                                                       &verify_command, NULL };
const SatchelAdminOps bdb_admin_ops = { .size = sizeof bdb_admin_ops, .commands = commands };
