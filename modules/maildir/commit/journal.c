/* SPDX-License-Identifier: MIT
 * Implements the journal: the steps of a transaction that takes several, written and synced before the first
 * is done, and done again after a crash. A step is done again only if its source still exists and its target
 * does not yet.
 */
#include "config.h"

#include "files/access_error.h"
#include "files/checksum.h"
#include "files/file_io.h"
#include "commit/journal.h"
#include "files/log_area.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "commit/transaction_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/log.h>
#include <string.h>

#define HEAD_BYTES 4096u
#define JOURNAL_MAX (256u << 20)
#define KEEP_BYTES (1u << 20)
#define JOURNAL_VERSION 2u

typedef struct Head
{
  char magic[8];
  guint32 version, least_reader;
  guint64 sequence;
  guint32 len, payload_crc; /* `len` 0: there is nothing to do */
  guint32 reserved, crc;
} Head;

/* Behind the head of a path the directory follows, then the end of the name. The first `shared` bytes of the
 * name are those of the step's first name. */
typedef struct PathHead
{
  guint16 dir_len, shared, rest_len;
} PathHead;

static Head
make_journal_head (guint64 sequence, guint32 len, guint32 payload_crc)
{
  Head head;
  memset (&head, 0, sizeof head);
  memcpy (head.magic, "SATJRNAL", 8);
  head.version = head.least_reader = JOURNAL_VERSION;
  head.sequence = sequence;
  head.len = len;
  head.payload_crc = payload_crc;
  head.crc = md_crc32c (0, &head, G_STRUCT_OFFSET (Head, crc));
  return head;
}

void
md_journal_init (MdJournal *journal)
{
  *journal = (MdJournal) { .fd = -1 };
}

void
md_journal_close (MdJournal *journal)
{
  md_fd_clear (&journal->fd);
}

static gboolean
ensure_journal (MdStore *store, GError **error)
{
  MdJournal *journal = &store->journal;
  if (journal->fd >= 0)
    return TRUE;
  journal->fd = md_open_file (store->user_fd, MD_JOURNAL_FILE, NULL);
  if (journal->fd >= 0)
    return TRUE;
  g_autofree guint8 *block = g_malloc0 (HEAD_BYTES * 4);
  Head head = make_journal_head (0, 0, 0);
  memcpy (block, &head, sizeof head);
  if (!md_replace_file (store->user_fd, MD_JOURNAL_FILE, block, HEAD_BYTES * 4, TRUE, error))
    {
      md_sys.unlinkat (store->user_fd, MD_JOURNAL_FILE,
                       0); /* a file whose name is not durable must not be found next time */
      return FALSE;
    }
  journal->fd = md_open_file (store->user_fd, MD_JOURNAL_FILE, error);
  return journal->fd >= 0;
}

/* Appends directory and name; of the name only the part that differs from the start of @like. */
static void
append_path (GByteArray *out, const char *dir, const char *name, const char *like)
{
  dir = dir != NULL ? dir : "";
  name = name != NULL ? name : "";
  gsize shared = 0;
  while (name[shared] != '\0' && name[shared] == like[shared])
    shared++;
  name += shared;
  PathHead head = { (guint16) strlen (dir), (guint16) shared, (guint16) strlen (name) };
  const guint at = out->len;
  g_byte_array_set_size (out, at + (guint) sizeof head + head.dir_len + head.rest_len);
  guint8 *to = out->data + at;
  memcpy (to, &head, sizeof head);
  memcpy (to + sizeof head, dir, head.dir_len);
  memcpy (to + sizeof head + head.dir_len, name, head.rest_len);
}

static void
append_steps (GByteArray *out, const MdPlan *plan)
{
  for (guint i = 0; i < plan->steps->len; i++)
    {
      const MdStep *step = &g_array_index (plan->steps, MdStep, i);
      const guint8 kind = (guint8) step->kind;
      if (step->is_external)
        continue;
      g_byte_array_append (out, &kind, 1);
      append_path (out, step->from_dir, step->from, "");
      append_path (out, step->to_dir, step->to, step->from);
    }
}

gboolean
md_journal_write (MdStore *store, MdPlan *const *plans, guint n, GError **error)
{
  MdJournal *journal = &store->journal;
  if (g_atomic_int_get (&journal->is_half_done) && !md_journal_settle (store, error))
    return FALSE;
  if (!ensure_journal (store, error))
    return FALSE;
  g_autoptr (GByteArray) out = g_byte_array_new ();
  for (guint i = 0; i < n; i++)
    if (plans[i]->steps->len > 1)
      append_steps (out, plans[i]);
  if (out->len > JOURNAL_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT,
                              "the change concerns more messages than the journal can hold");
  Head head = make_journal_head (++journal->sequence, out->len, md_crc32c (0, out->data, out->len));
  if (!md_pwrite_all (journal->fd, out->data, out->len, HEAD_BYTES, "journal", error)
      || !md_pwrite_all (journal->fd, &head, sizeof head, 0, "journal", error))
    {
      md_journal_retire (store);
      return FALSE;
    }
  if (md_sys.fdatasync (journal->fd) != 0)
    {
      satchel_error_set_errno (error, errno, "the journal of the user's Maildir cannot be written to disk");
      md_journal_retire (store);
      return FALSE;
    }
  journal->size = HEAD_BYTES + out->len;
  journal->is_in_force = TRUE;
  journal->retire_pending = FALSE;
  return TRUE;
}

/* The mark of the end is synced by the next journal or, before the next acknowledgement, by
 * md_journal_settle. */
void
md_journal_retire (MdStore *store)
{
  MdJournal *journal = &store->journal;
  if (journal->fd < 0 || journal->is_half_done)
    return;
  journal->is_in_force = FALSE;
  Head head = make_journal_head (journal->sequence, 0, 0);
  if (!md_pwrite_all (journal->fd, &head, sizeof head, 0, "journal", NULL))
    {
      /* Without the file there is nothing to do again. */
      md_sys.unlinkat (store->user_fd, MD_JOURNAL_FILE, 0);
      md_sys.fsync (store->user_fd);
      md_journal_close (journal);
      journal->retire_pending = FALSE;
      return;
    }
  if (journal->size > KEEP_BYTES && md_sys.ftruncate (journal->fd, KEEP_BYTES) == 0)
    journal->size = KEEP_BYTES;
  journal->retire_pending = TRUE;
}

typedef struct Reader
{
  const guint8 *at, *end;
} Reader;

static gboolean
take_path (Reader *reader, const char *like, char **dir, char **name)
{
  PathHead head;
  if ((gsize) (reader->end - reader->at) < sizeof head)
    return FALSE;
  memcpy (&head, reader->at, sizeof head);
  reader->at += sizeof head;
  if ((gsize) (reader->end - reader->at) < (gsize) head.dir_len + head.rest_len
      || head.shared > strlen (like))
    return FALSE;
  *dir = g_strndup ((const char *) reader->at, head.dir_len);
  *name = g_strdup_printf ("%.*s%.*s", head.shared, like, head.rest_len,
                           (const char *) reader->at + head.dir_len);
  reader->at += head.dir_len + head.rest_len;
  return strchr (*name, '/') == NULL;
}

static gboolean
name_exists (int fd, const char *name)
{
  struct stat st;
  return md_sys.fstatat (fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Does a step again.  FALSE means that it is still to be done, or not durable, for another reason than that a
 * file or directory is gone. */
static gboolean
redo_step (MdStore *store, const MdStep *step)
{
  int result = 0;
  g_autoptr (GError) error = NULL;
  g_auto (MdFd) from_fd = md_open_path (store->user_fd, step->from_dir, FALSE, &error);
  g_auto (MdFd) to_fd = step->kind == MD_STEP_UNLINK || error != NULL
                            ? -1
                            : md_open_path (store->user_fd, step->to_dir, FALSE, &error);
  if (error != NULL && !md_file_is_lost (error))
    return FALSE;
  if (from_fd >= 0 && step->kind == MD_STEP_UNLINK)
    result = md_sys.unlinkat (from_fd, step->from, 0);
  else if (from_fd >= 0 && to_fd >= 0 && name_exists (from_fd, step->from) && !name_exists (to_fd, step->to))
    {
      if (step->kind == MD_STEP_LINK)
        result = md_sys.linkat (from_fd, step->from, to_fd, step->to, 0);
      else
        result = md_sys.renameat (from_fd, step->from, to_fd, step->to);
    }
  gboolean ok = result == 0 || errno == ENOENT;
  if (to_fd >= 0)
    ok &= md_sys.fsync (to_fd) == 0;
  if (from_fd >= 0)
    ok &= md_sys.fsync (from_fd) == 0;
  return ok;
}

/* Does the steps of a record again.  FALSE means that at least one is still to be done. */
static gboolean
redo_steps (MdStore *store, const guint8 *data, gsize len)
{
  Reader reader = { data, data + len };
  gboolean ok = TRUE;
  while (reader.at < reader.end)
    {
      guint8 kind = *reader.at++;
      g_autofree char *from_dir = NULL, *from = NULL, *to_dir = NULL, *to = NULL;
      if (kind < MD_STEP_RENAME || kind > MD_STEP_RENAME_DIR || !take_path (&reader, "", &from_dir, &from)
          || !take_path (&reader, from, &to_dir, &to))
        break;
      ok &= redo_step (
          store, &(MdStep) { .kind = kind, .from_dir = from_dir, .from = from, .to_dir = to_dir, .to = to });
    }
  return ok;
}

/* Reads the head of the journal, which nearly always says that there is nothing to do. */
static gboolean
read_journal_head (MdStore *store, Head *ret, GError **error)
{
  g_auto (MdFd) fd = md_open_file (store->user_fd, MD_JOURNAL_FILE, error);
  ssize_t n = fd >= 0 ? md_sys.pread (fd, ret, sizeof *ret, 0) : 0;
  if (fd < 0)
    return FALSE;
  if (n < 0)
    return md_error_at (error, errno, store->user_fd, MD_JOURNAL_FILE, MD_ACCESS_READ, "read");
  return (n == (ssize_t) sizeof *ret && memcmp (ret->magic, "SATJRNAL", 8) == 0
          && ret->crc == md_crc32c (0, ret, G_STRUCT_OFFSET (Head, crc)))
         || satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "the head of the journal is damaged");
}

/* Reads the steps of the record behind @head. */
static GByteArray *
read_steps (MdStore *store, const Head *head, GError **error)
{
  g_autoptr (GByteArray) data =
      md_read_file (store->user_fd, MD_JOURNAL_FILE, JOURNAL_MAX + HEAD_BYTES, error);
  if (data == NULL)
    return NULL;
  if (data->len >= HEAD_BYTES + (guint64) head->len
      && head->payload_crc == md_crc32c (0, data->data + HEAD_BYTES, head->len))
    return g_steal_pointer (&data);
  satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "the record of the journal is not whole");
  return NULL;
}

/* Finishes a change of which a part can neither be done nor put back.  If it stayed so, clients would see
 * half of it from the next look on. */
static gboolean
finish_half_done (MdStore *store, GError **error)
{
  Head head;
  g_autoptr (GByteArray) data =
      read_journal_head (store, &head, NULL) && head.len > 0 ? read_steps (store, &head, NULL) : NULL;
  if (data == NULL || !redo_steps (store, data->data + HEAD_BYTES, head.len))
    return satchel_error_set (error, SATCHEL_ERROR_IO,
                              "a change is half done, and can be neither finished nor put back yet");
  satchel_log (SATCHEL_LOG_INFO, MD_AREA, "user=%s a change that a failure left half done is finished",
               store->storage->identity->user);
  store->maildirsize_is_stale = TRUE;
  g_atomic_int_set (&store->journal.is_half_done, FALSE);
  md_journal_retire (store);
  return TRUE;
}

gboolean
md_journal_settle (MdStore *store, GError **error)
{
  MdJournal *journal = &store->journal;
  if (journal->is_half_done && !finish_half_done (store, error))
    return FALSE;
  if (!journal->retire_pending || journal->fd < 0)
    return TRUE;
  if (md_sys.fdatasync (journal->fd) != 0)
    {
      int saved = errno;
      md_journal_close (journal); /* no later sync of this descriptor would report the failure */
      md_sys.unlinkat (store->user_fd, MD_JOURNAL_FILE, 0);
      journal->retire_pending = FALSE;
      if (md_sys.fsync (store->user_fd) == 0)
        return TRUE;
      return satchel_error_set_errno (error, saved,
                                      "the journal of the user's Maildir cannot be written to disk");
    }
  journal->retire_pending = FALSE;
  return TRUE;
}

gboolean
md_journal_finish (MdStore *store, GError **error)
{
  if (!g_atomic_int_get (&store->journal.is_half_done))
    return TRUE;
  g_mutex_lock (&store->writer);
  gboolean ok = md_journal_settle (store, error);
  g_mutex_unlock (&store->writer);
  return ok;
}

/* Returns TRUE for a journal that is missing or that a crash cut off, which says that nothing was begun.  One
 * that cannot be read just now says nothing. */
static gboolean
is_not_begun (GError **error, GError **why)
{
  if (md_file_is_lost (*why))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (why));
  return FALSE;
}

gboolean
md_journal_recover (MdStore *store, GError **error)
{
  Head head;
  g_autoptr (GError) why = NULL;
  if (!read_journal_head (store, &head, &why))
    return is_not_begun (error, &why);
  if (head.least_reader > JOURNAL_VERSION)
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                              "the journal of the user's Maildir was written by a newer version of Satchel; "
                              "install that version again");
  store->journal.sequence = head.sequence;
  if (head.version < JOURNAL_VERSION || head.len == 0)
    return TRUE;
  g_autoptr (GByteArray) data = read_steps (store, &head, &why);
  if (data == NULL)
    return is_not_begun (error, &why);
  satchel_log (SATCHEL_LOG_INFO, MD_AREA, "user=%s a change that a crash interrupted is being finished",
               store->storage->identity->user);
  store->maildirsize_is_stale = TRUE;
  if (!redo_steps (store, data->data + HEAD_BYTES, head.len))
    {
      g_atomic_int_set (&store->journal.is_half_done, TRUE); /* mailboxes are opened when it is finished */
      return TRUE;
    }
  if (!ensure_journal (store, error))
    return FALSE;
  md_journal_retire (store);
  return md_journal_settle (store, error);
}
