/* SPDX-License-Identifier: MIT
 * Implements the user's file: subscriptions, special use and the change log as text with a checksum,
 * replaced whole and kept in two generations; and the counters of mod-sequences and UIDVALIDITY.
 */
#include "config.h"

#include "files/boot_id.h"
#include "files/checksum.h"
#include "files/file_io.h"
#include "files/log_area.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "settings.h"
#include "store/slots.h"
#include "foreign/servers.h"
#include "foreign/subscriptions.h"
#include "store/user_file.h"

#include <satchel/hash.h>
#include <satchel/log.h>
#include <satchel/number.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODSEQ_BLOCK 100000u /* so many mod-sequences are reserved by one write of the counters */
#define UIDVALIDITY_BLOCK 16u
#define USER_FILE_MAX (64u << 20)
#define LOG_MAX 1000u
#define PREVIOUS MD_USER_FILE ".old"

static void
append_log_line (MdUser *user, const char *entry)
{
  g_string_append_printf (user->log, "log %s\n", entry);
  if (++user->n_log <= LOG_MAX)
    return;
  g_string_erase (user->log, 0, strchr (user->log->str, '\n') + 1 - user->log->str);
  user->n_log--;
}

/* Reads "A B C", and " old" behind it if the file of another server was in its old form.  Returns whether it
 * was. */
static gboolean
parse_stamp (const char *text, guint64 ret_stamp[3])
{
  for (guint i = 0; i < 3; i++)
    if ((i > 0 && !satchel_text_take (&text, " "))
        || !satchel_number_take (&text, NULL, 10, G_MAXUINT64, &ret_stamp[i]))
      return FALSE;
  return strcmp (text, " old") == 0;
}

static gboolean
parse_user_line (MdUser *user, char *line)
{
  char *space = strchr (line, ' ');
  if (space == NULL)
    return FALSE;
  *space = '\0';
  char *value = space + 1;
  if (strcmp (line, "subscribed") == 0)
    g_hash_table_add (user->subscriptions, g_strdup (value));
  else if (strcmp (line, "use") == 0)
    {
      const char *at = value;
      guint32 bits;
      if (!satchel_number_take_u32 (&at, NULL, G_MAXUINT32, &bits) || *at != ' ' || bits == 0)
        return FALSE;
      g_hash_table_insert (user->special_use, g_strdup (at + 1), GUINT_TO_POINTER (bits));
    }
  else if (strcmp (line, "log") == 0)
    append_log_line (user, value);
  else if (strcmp (line, "server") == 0)
    user->server = md_server_from_name (value);
  else if (strcmp (line, "names") == 0)
    user->has_utf8_names = strcmp (value, "utf-8") == 0;
  else if (strcmp (line, "foreign") == 0)
    user->has_old_form = parse_stamp (value, user->foreign_stamp);
  return TRUE; /* a newer version may add lines, which are passed over */
}

/* Trims the log, which an open store keeps mostly without a change: it takes no more room than its text. */
static void
trim_log (GString *log)
{
  log->allocated_len = log->len + 1;
  log->str = g_realloc (log->str, log->allocated_len);
}

static gboolean
load_user_generation (MdUser *user, int user_fd, const char *file, GError **error)
{
  g_autoptr (GByteArray) data = md_read_file (user_fd, file, USER_FILE_MAX, error);
  if (data == NULL)
    return FALSE;
  g_byte_array_append (data, (const guint8 *) "", 1);
  char *text = (char *) data->data;
  char *body = strchr (text, '\n');
  if (body == NULL || !md_check_head (text, "satchel-user", body + 1, strlen (body + 1))
      || strlen (text) + 1 != data->len)
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                              "the file %s is damaged: its checksum does not match", file);
  g_auto (GStrv) lines = g_strsplit (body + 1, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    if (**line != '\0')
      parse_user_line (user, *line);
  return TRUE;
}

static guint64
get_same_boot_modseq (const MdSlots *slots)
{
  guint64 boot[2];
  memcpy (boot, md_boot_id (), 16);
  if (!slots->hints_valid || slots->hints[MD_HINT_BOOT_1] != boot[0]
      || slots->hints[MD_HINT_BOOT_2] != boot[1])
    return 0;
  guint64 modseq = slots->hints[MD_HINT_MODSEQ];
  return modseq <= slots->words[MD_USER_MODSEQ_LIMIT] ? modseq : 0;
}

static gboolean
open_counters (MdUser *user, int user_fd, GError **error)
{
  g_autoptr (GError) local = NULL;
  if (!md_slots_open (&user->slots, user_fd, MD_MODSEQ_FILE, &local))
    {
      if (!md_file_is_lost (local))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
      /* Milliseconds since 1970 are more than any lost counter can have reached. */
      memset (&user->slots, 0, sizeof user->slots);
      user->modseq = (guint64) g_get_real_time () / 1000;
      user->uidvalidity = (guint64) g_get_real_time () / G_USEC_PER_SEC;
      /* The first numbers are reserved at once, so that what comes next needs no sync of its own. */
      user->slots.words[MD_USER_MODSEQ_LIMIT] = user->modseq + MODSEQ_BLOCK;
      user->slots.words[MD_USER_UIDVALIDITY] = user->uidvalidity + UIDVALIDITY_BLOCK;
      return md_slots_create (&user->slots, user_fd, MD_MODSEQ_FILE, TRUE, error);
    }
  user->modseq = get_same_boot_modseq (&user->slots);
  if (user->modseq == 0)
    user->modseq = user->slots.words[MD_USER_MODSEQ_LIMIT];
  return TRUE;
}

/* Reads the newest generation that is whole, if there is any. FALSE: one is there and cannot be read just
 * now. To go on without it would lose it at the next change. */
static gboolean
load_user (MdStore *store, GError **error)
{
  g_autoptr (GError) first = NULL;
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GError) local = NULL;
      if (load_user_generation (store->user, store->user_fd, i == 0 ? MD_USER_FILE : PREVIOUS, &local))
        return TRUE;
      if (!md_file_is_lost (local))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
      if (i == 0)
        first = g_steal_pointer (&local);
    }
  if (!g_error_matches (first, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    satchel_log (SATCHEL_LOG_WARNING, MD_AREA, "user=%s %s; the user starts without subscriptions",
                 store->storage->identity->user, first->message);
  return TRUE;
}

gboolean
md_user_read (MdStore *store, GError **error)
{
  MdUser *user = store->user = g_new0 (MdUser, 1);
  user->slots.fd = -1;
  user->log = g_string_new (NULL);
  /* Names are those of the user and bounded in number by the core. */
  user->subscriptions = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  user->special_use = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  if (!load_user (store, error))
    return FALSE;
  trim_log (user->log);
  MdServer before = user->server;
  if (store->settings.server != MD_SERVER_UNKNOWN)
    user->server = store->settings.server;
  else if (user->server == MD_SERVER_UNKNOWN)
    user->server = md_server_find (store);
  if (before == MD_SERVER_UNKNOWN && user->server != MD_SERVER_NONE)
    user->has_utf8_names = md_server_has_utf8_names (store);
  if (store->settings.finds_names && user->has_utf8_names)
    store->settings.layout |= MD_LAYOUT_UTF8;
  user->is_news = md_subscriptions_read (store) || (before != user->server && user->server != MD_SERVER_NONE);
  return TRUE;
}

/* Opens the user's file. Subscriptions that another server left, or changed since, are kept in it. */
gboolean
md_user_open (MdStore *store, GError **error)
{
  if (!md_user_read (store, error))
    return FALSE;
  MdUser *user = store->user;
  g_autoptr (GError) local = NULL;
  if (user->is_news)
    satchel_log (SATCHEL_LOG_INFO, MD_AREA,
                 "user=%s the files that %s left were taken over: %u subscriptions",
                 store->storage->identity->user, md_server_facts (user->server)->name,
                 g_hash_table_size (user->subscriptions));
  if (user->is_news && !md_user_save (store, &local))
    satchel_log (SATCHEL_LOG_WARNING, MD_AREA, "user=%s %s", store->storage->identity->user, local->message);
  return open_counters (user, store->user_fd, error);
}

void
md_user_free (MdUser *user)
{
  g_hash_table_unref (user->subscriptions);
  g_hash_table_unref (user->special_use);
  g_string_free (user->log, TRUE);
  md_slots_close (&user->slots);
  g_free (user);
}

gboolean
md_user_save (MdStore *store, GError **error)
{
  MdUser *user = store->user;
  g_autoptr (GString) body = g_string_new (NULL);
  GHashTableIter iter;
  gpointer key, value;
  if (user->server != MD_SERVER_UNKNOWN)
    g_string_append_printf (body, "server %s\n", md_server_facts (user->server)->name);
  if (user->has_utf8_names)
    g_string_append (body, "names utf-8\n");
  if (user->foreign_stamp[0] != 0)
    g_string_append_printf (body,
                            "foreign %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "%s\n",
                            user->foreign_stamp[0], user->foreign_stamp[1], user->foreign_stamp[2],
                            user->has_old_form ? " old" : "");
  g_hash_table_iter_init (&iter, user->subscriptions);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    g_string_append_printf (body, "subscribed %s\n", (char *) key);
  g_hash_table_iter_init (&iter, user->special_use);
  while (g_hash_table_iter_next (&iter, &key, &value))
    g_string_append_printf (body, "use %u %s\n", GPOINTER_TO_UINT (value), (char *) key);
  g_string_append_len (body, user->log->str, (gssize) user->log->len);
  g_autoptr (GString) file = g_string_new (NULL);
  g_string_printf (file, "satchel-user 1 1 %08x\n", md_crc32c (0, body->str, body->len));
  g_string_append_len (file, body->str, (gssize) body->len);
  md_sys.unlinkat (store->user_fd, PREVIOUS, 0);
  md_sys.linkat (store->user_fd, MD_USER_FILE, store->user_fd, PREVIOUS, 0);
  store->user_serial++;
  /* The failure may have come before or after the rename, so until the next save nobody knows what is on
   * disk. */
  user->is_unsure = !md_replace_file (store->user_fd, MD_USER_FILE, file->str, file->len, TRUE, error);
  return !user->is_unsure;
}

gboolean
md_user_save_change (MdStore *store, char what, const char *name, const char *other, GError **error)
{
  MdUser *user = store->user;
  md_user_log (store, what, name, other);
  if (md_user_save (store, error))
    return TRUE;
  const char *last = g_strrstr_len (user->log->str, (gssize) user->log->len - 1, "\n");
  g_string_truncate (user->log, last != NULL ? (gsize) (last + 1 - user->log->str) : 0);
  user->n_log--;
  return FALSE;
}

void
md_user_log (MdStore *store, char what, const char *name, const char *other)
{
  g_autofree char *entry = g_strdup_printf ("%" G_GUINT64_FORMAT " %c %s%s%s", store->user->modseq, what,
                                            name, other != NULL ? "\t" : "", other != NULL ? other : "");
  append_log_line (store->user, entry);
}

/* Gives a mod-sequence.  The hint says to the next process of this boot where the counter is. */
static void
give_modseq (MdUser *user, guint64 modseq)
{
  MdSlots *slots = &user->slots;
  user->modseq = modseq;
  slots->hints[MD_HINT_MODSEQ] = modseq;
  memcpy (&slots->hints[MD_HINT_BOOT_1], md_boot_id (), 16);
  md_slots_hint (slots);
}

gboolean
md_user_next_modseq (MdStore *store, guint64 *ret, GError **error)
{
  MdUser *user = store->user;
  MdSlots *slots = &user->slots;
  guint64 next = user->modseq + 1;
  if (next > slots->words[MD_USER_MODSEQ_LIMIT])
    {
      guint64 before = slots->words[MD_USER_MODSEQ_LIMIT];
      slots->words[MD_USER_MODSEQ_LIMIT] = next + MODSEQ_BLOCK;
      if (!md_slots_commit (slots, error))
        {
          slots->words[MD_USER_MODSEQ_LIMIT] = before;
          return FALSE;
        }
    }
  give_modseq (user, next);
  *ret = next;
  return TRUE;
}

gboolean
md_user_next_uidvalidity (MdStore *store, guint32 *ret, GError **error)
{
  MdUser *user = store->user;
  MdSlots *slots = &user->slots;
  guint64 limit = slots->words[MD_USER_UIDVALIDITY];
  guint64 now = (guint64) (g_get_real_time () / G_USEC_PER_SEC);
  const guint64 end = md_server_facts (user->server)->uidvalidity_end;
  guint64 next = MAX (end != 0 ? now % end : now, MAX (user->uidvalidity, limit) + 1);
  if (user->uidvalidity > 0 && user->uidvalidity + 1 < limit)
    next = user->uidvalidity + 1;
  else
    {
      /* Reserves a few ahead, so that making several mailboxes at a first login syncs once. */
      slots->words[MD_USER_UIDVALIDITY] = next + UIDVALIDITY_BLOCK;
      if (!md_slots_commit (slots, error))
        {
          slots->words[MD_USER_UIDVALIDITY] = limit;
          return FALSE;
        }
    }
  if (next > G_MAXUINT32)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "no UIDVALIDITY is left for a new mailbox");
  user->uidvalidity = next;
  *ret = (guint32) next;
  return TRUE;
}

gboolean
md_user_raise (MdStore *store, guint64 modseq, guint32 uidvalidity, GError **error)
{
  MdUser *user = store->user;
  guint64 *words = user->slots.words;
  const guint64 modseq_limit = words[MD_USER_MODSEQ_LIMIT], uidvalidity_limit = words[MD_USER_UIDVALIDITY];
  if (modseq > modseq_limit)
    words[MD_USER_MODSEQ_LIMIT] = modseq + MODSEQ_BLOCK;
  /* After any loss the clock is above the counter again, unless the counter leaves no room for more. */
  const gboolean counts = uidvalidity < G_MAXUINT32 - MD_UID_JUMP;
  if (counts && uidvalidity >= uidvalidity_limit)
    words[MD_USER_UIDVALIDITY] = (guint64) uidvalidity + UIDVALIDITY_BLOCK;
  if ((words[MD_USER_MODSEQ_LIMIT] != modseq_limit || words[MD_USER_UIDVALIDITY] != uidvalidity_limit)
      && !md_slots_commit (&user->slots, error))
    {
      words[MD_USER_MODSEQ_LIMIT] = modseq_limit;
      words[MD_USER_UIDVALIDITY] = uidvalidity_limit;
      return FALSE;
    }
  if (modseq > user->modseq)
    give_modseq (user, modseq);
  if (counts && (user->uidvalidity > 0 || uidvalidity >= uidvalidity_limit))
    user->uidvalidity = MAX (user->uidvalidity, uidvalidity);
  return TRUE;
}
