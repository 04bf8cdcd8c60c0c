/* SPDX-License-Identifier: MIT
 * Implements POP3 unique ids of another server. Those that are saved are in field P of the UID list (an
 * empty one stands for the base of the file's name); all others are made by the configured format.
 */
#include "config.h"

#include "driver.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "index/name_table.h"
#include "settings.h"
#include "foreign/uidlist.h"
#include "foreign/servers.h"
#include "foreign/unique_ids.h"

#include <fcntl.h>
#include <satchel/hash.h>
#include <string.h>

#define DEFAULT_FORMAT "%08Xu%08Xv"

typedef struct SavedId
{
  guint32 uid, text; /* offset in `texts`; NUL-ended */
} SavedId;

/* The ids of the list are kept as it was read. Reference-counted, since readers use them while another thread
 * replaces them. */
struct MdUniqueIds
{
  guint64 stamp[4]; /* stamp of the UID list: inode, time, size */
  GArray *saved;    /* SavedId, ascending */
  GArray *guids;    /* the same for GUIDs, from field G */
  GByteArray *texts;
  GHashTable *known; /* the texts of `saved`, none of which the format may make for another message */
};

static void
clear_ids (gpointer data)
{
  MdUniqueIds *ids = data;
  g_array_unref (ids->saved);
  g_array_unref (ids->guids);
  g_hash_table_unref (ids->known);
  g_byte_array_unref (ids->texts);
}

void
md_unique_ids_drop (MdUniqueIds *ids)
{
  if (ids != NULL)
    g_atomic_rc_box_release_full (ids, clear_ids);
}

static void
add_id_text (MdUniqueIds *ids, GArray *to, guint32 uid, const char *text, gsize len)
{
  SavedId saved = { uid, ids->texts->len };
  g_byte_array_append (ids->texts, (const guint8 *) text, (guint) len);
  g_byte_array_append (ids->texts, (const guint8 *) "", 1);
  g_array_append_val (to, saved);
}

static void
stamp_uidlist (MdMailbox *mb, guint64 stamp[4])
{
  struct stat st;
  memset (stamp, 0, 4 * sizeof (guint64));
  if (md_sys.fstatat (mb->control_fd, MD_UIDLIST_FILE, &st, AT_SYMLINK_NOFOLLOW) != 0)
    return;
  stamp[0] = st.st_ino;
  stamp[1] = (guint64) st.st_mtim.tv_sec;
  stamp[2] = (guint64) st.st_mtim.tv_nsec;
  stamp[3] = (guint64) st.st_size;
}

static const char *
get_id_text (const MdUniqueIds *ids, const GArray *from, guint32 uid)
{
  guint low = 0, high = from->len;
  while (low < high)
    {
      guint middle = (low + high) / 2;
      const SavedId *saved = &g_array_index (from, SavedId, middle);
      if (saved->uid == uid)
        return (const char *) ids->texts->data + saved->text;
      if (saved->uid < uid)
        low = middle + 1;
      else
        high = middle;
    }
  return NULL;
}

/* Says whether the line belongs to the message that has the UID now. The list may have lines of files that
 * never came, or are gone. */
static gboolean
is_live_uid (MdMailbox *mb, const MdUidlistLine *line)
{
  const MdEntry *entry = md_table_find (&mb->table, line->uid);
  return entry != NULL && entry->base_len == line->base_len
         && memcmp (md_table_name (&mb->table, entry), line->base, line->base_len) == 0;
}

/* If two messages saved the same id, the later one falls back to the format, since a POP3 client would
 * take them for one message. */
static void
add_saved_id (MdUniqueIds *ids, const MdUidlistLine *line)
{
  gsize len;
  const char *text = md_uidlist_field (line, 'P', &len);
  if (text == NULL)
    return;
  g_autofree char *id = g_strndup (len > 0 ? text : line->base, len > 0 ? len : line->base_len);
  if (!g_hash_table_contains (ids->known, id))
    {
      add_id_text (ids, ids->saved, line->uid, id, strlen (id));
      g_hash_table_add (ids->known, g_steal_pointer (&id));
    }
}

static int
compare_saved_uids (const void *a, const void *b)
{
  const SavedId *x = a, *y = b;
  return (x->uid > y->uid) - (x->uid < y->uid);
}

/* Lines of messages that exist come before others, which may belong to files that appear later. */
static void
add_all_saved (MdMailbox *mb, MdUniqueIds *ids, const MdUidlist *list)
{
  g_autofree gboolean *live = g_new (gboolean, list->lines->len + 1);
  g_autoptr (GHashTable) uids = g_hash_table_new (satchel_number_hash, NULL);
  g_mutex_lock (&mb->store->table);
  for (guint i = 0; i < list->lines->len; i++)
    live[i] = is_live_uid (mb, &g_array_index (list->lines, MdUidlistLine, i));
  g_mutex_unlock (&mb->store->table);
  for (int pass = 0; pass < 2; pass++)
    for (guint i = 0; i < list->lines->len; i++)
      {
        const MdUidlistLine *line = &g_array_index (list->lines, MdUidlistLine, i);
        if (live[i] == (pass == 0)
            && (pass == 0 || !g_hash_table_contains (uids, GUINT_TO_POINTER (line->uid))))
          {
            g_hash_table_add (uids, GUINT_TO_POINTER (line->uid));
            add_saved_id (ids, line);
          }
      }
  g_array_sort (ids->saved, compare_saved_uids);
}

static MdUniqueIds *
read_ids (MdMailbox *mb, GError **error)
{
  guint64 stamp[4];
  stamp_uidlist (mb, stamp);
  g_autoptr (MdUidlist) list = md_uidlist_load (mb->control_fd, MD_UIDLIST_FILE, mb->uidvalidity, error);
  if (list == NULL)
    return NULL;
  MdUniqueIds *ids = g_atomic_rc_box_new0 (MdUniqueIds);
  ids->saved = g_array_new (FALSE, FALSE, sizeof (SavedId));
  ids->guids = g_array_new (FALSE, FALSE, sizeof (SavedId));
  ids->texts = g_byte_array_new ();
  ids->known = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  memcpy (ids->stamp, stamp, sizeof stamp);
  for (guint i = 0; i < list->lines->len; i++)
    {
      const MdUidlistLine *line = &g_array_index (list->lines, MdUidlistLine, i);
      gsize len;
      const char *text = md_uidlist_field (line, 'G', &len);
      if (text != NULL && len > 0)
        add_id_text (ids, ids->guids, line->uid, text, len);
    }
  if (md_uidlist_has_unique_ids (list))
    add_all_saved (mb, ids, list);
  return ids;
}

MdUniqueIds *
md_unique_ids_current (MdMailbox *mb, GError **error)
{
  guint64 stamp[4];
  stamp_uidlist (mb, stamp);
  g_mutex_lock (&mb->store->table);
  MdUniqueIds *ids = mb->unique_ids != NULL ? g_atomic_rc_box_acquire (mb->unique_ids) : NULL;
  g_mutex_unlock (&mb->store->table);
  if (ids != NULL && memcmp (ids->stamp, stamp, sizeof stamp) == 0)
    return ids;
  md_unique_ids_drop (ids);
  ids = read_ids (mb, error);
  if (ids == NULL)
    return NULL;
  g_mutex_lock (&mb->store->table);
  MdUniqueIds *old = mb->unique_ids;
  mb->unique_ids = g_atomic_rc_box_acquire (ids);
  g_mutex_unlock (&mb->store->table);
  md_unique_ids_drop (old);
  return ids;
}

/* RFC 1939 section 7 asks for one to 70 characters from 0x21 to 0x7E. */
static gboolean
is_valid_id (const char *id)
{
  gsize len = 0;
  while (id[len] >= 0x21 && id[len] <= 0x7e)
    len++;
  return id[len] == '\0' && len >= 1 && len <= SATCHEL_UNIQUE_ID_BYTES;
}

/* Makes the id that replaces one which is not allowed.  It follows from the text of that id alone, so it
 * stays the same wherever the message goes. */
static void
make_valid_id (GString *id)
{
  g_autofree char *sum = g_compute_checksum_for_string (G_CHECKSUM_SHA256, id->str, (gssize) id->len);
  g_string_printf (id, "satchel-%.48s", sum);
}

char *
md_unique_id (MdMailbox *mb, const MdUniqueIds *ids, guint32 uid)
{
  const MdStore *store = mb->store;
  const char *format = store->settings.uidl_format;
  const char *saved = get_id_text (ids, ids->saved, uid);
  if (format == NULL)
    format = md_server_facts (store->user->server)->uidl_format;
  if (format == NULL && ids->saved->len == 0)
    return NULL; /* the protocol makes the same */
  g_autoptr (GString) out = g_string_new (NULL);
  g_mutex_lock (&mb->store->table);
  const MdEntry *entry = md_table_find (&mb->table, uid);
  gboolean is_there = entry != NULL && (entry->bits & MD_ENTRY_DEAD) == 0;
  if (is_there && saved != NULL)
    g_string_assign (out, saved);
  else if (is_there)
    md_uidl_format (out, format != NULL ? format : DEFAULT_FORMAT,
                    &(MdUidlParts) { .uidvalidity = mb->uidvalidity,
                                     .uid = uid,
                                     .base = md_table_name (&mb->table, entry),
                                     .base_len = entry->base_len,
                                     .guid = get_id_text (ids, ids->guids, uid) });
  g_mutex_unlock (&mb->store->table);
  /* the other server has given this id to clients */
  gboolean is_told = is_valid_id (out->str) && saved != NULL;
  if (!is_valid_id (out->str))
    make_valid_id (out);
  if (!is_told && g_hash_table_contains (ids->known, out->str))
    g_string_printf (out, "satchel-%08x%08x", uid, mb->uidvalidity);
  while (!is_told && g_hash_table_contains (ids->known, out->str))
    g_string_append_c (out, 'x');
  return is_there ? g_strdup (out->str) : NULL;
}

char *
md_unique_id_told (MdMailbox *mb, const MdUniqueIds *ids, guint32 uid)
{
  char *id = md_unique_id (mb, ids, uid);
  if (id != NULL)
    return id;
  GString *out = g_string_new (NULL);
  md_uidl_format (out, DEFAULT_FORMAT,
                  &(MdUidlParts) { .uidvalidity = mb->uidvalidity, .uid = uid, .base = "" });
  return g_string_free (out, FALSE);
}

char *
md_unique_id_to_save (const MdMailbox *mb, const MdListed *file)
{
  const char *format = mb->store->settings.uidl_format;
  const MdUidlistLine line = { .fields = file->fields, .fields_len = (guint32) file->fields_len };
  gsize len = 0;
  if (format == NULL || md_uidlist_field (&line, 'P', &len) != NULL)
    return NULL;
  const char *field = md_uidlist_field (&line, 'G', &len);
  g_autofree char *guid = field != NULL && len > 0 ? g_strndup (field, len) : NULL;
  g_autoptr (GString) id = g_string_new (NULL);
  md_uidl_format (id, format,
                  &(MdUidlParts) { .uidvalidity = mb->uidvalidity,
                                   .uid = file->uid,
                                   .base = file->base,
                                   .base_len = file->len,
                                   .guid = guid });
  if (is_valid_id (id->str))
    return NULL;
  make_valid_id (id);
  return g_string_free (g_steal_pointer (&id), FALSE);
}

gboolean
md_unique_ids (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
               const guint32 *uids, guint n, char **ret, GError **error)
{
  MdStore *store = storage->self;
  MdMailbox *mb = mailbox->driver;
  if (store->settings.uidl_format == NULL && store->user->server == MD_SERVER_NONE
      && mb->state.words[MD_STATE_HAS_UNIQUE_IDS] == 0)
    return TRUE;
  MdUniqueIds *ids = md_unique_ids_current (mb, error);
  if (ids == NULL)
    return FALSE;
  for (guint i = 0; i < n; i++)
    ret[i] = md_unique_id (mb, ids, uids[i]);
  md_unique_ids_drop (ids);
  return TRUE;
}
