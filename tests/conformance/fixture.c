/* SPDX-License-Identifier: MIT
 * What the cases of the conformance suite share.
 */
#include "config.h"

#include "conformance.h"

#include "core/runtime/loop/job_private.h"
#include "tests/lib/descriptors.h"
#include "tests/lib/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static guint n_users; /* each case has a user of its own: `memory` keeps them for the life of the process */

/* Makes the access of the server itself, with the key that the stack needs. */
static SatchelAccess *
access_of (const Fixture *fixture)
{
  const char *text = fixture->backend->key;
  g_autoptr (GBytes) key = text != NULL ? satchel_secret_new (text, strlen (text)) : NULL;
  return satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                .cause = SATCHEL_CAUSE_BACKGROUND,
                                                .owner = fixture->user,
                                                .key = key,
                                                .rights = SATCHEL_RIGHTS_ALL });
}

gboolean
fixture_try_open_store (Fixture *fixture, GError **error)
{
  g_autoptr (SatchelAccess) access = access_of (fixture);
  SatchelStoreOpenOptions options = {
    .user = fixture->user,
    .path = fixture->path,
    .root_fd = fixture->root_fd,
    .levels = fixture->backend->levels,
    .n_levels = fixture->backend->n_levels,
    .mailboxes = fixture->mailboxes,
    .limits = fixture->limits,
    .attributes = fixture->backend->attributes,
    .access = access,
  };
  fixture->store = satchel_store_open (&options, error);
  return fixture->store != NULL;
}

void
fixture_open_store (Fixture *fixture)
{
  OK (fixture_try_open_store (fixture, E));
}

Fixture
fixture_another_user (const Fixture *fixture)
{
  Fixture user = *fixture;
  user.store = NULL;
  user.user = g_strdup_printf ("user%u@example.org", ++n_users);
  user.path = g_strdup_printf ("example.org/user%u", n_users);
  return user;
}

static void
fixture_set_up (Fixture *fixture, gconstpointer backend)
{
  g_autoptr (GError) error = NULL;
  fixture->backend = backend;
  fixture->root = g_dir_make_tmp ("satchel-conformance-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->root_fd = open (fixture->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_assert_cmpint (fixture->root_fd, >=, 0);
  g_assert_no_errno (mkdirat (fixture->root_fd, "spool", 0700));
  *fixture = fixture_another_user (fixture);
  fixture_open_store (fixture);
}

static int
remove_entry (const char *path, const struct stat *status, int type, struct FTW *where)
{
  return remove (path);
}

void
fixture_remove_tree (const char *path)
{
  nftw (path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* What a driver has left for the main thread holds the store: it runs first. */
void
fixture_close_store (Fixture *fixture)
{
  loop_settle ();
  loop_until (satchel_job_n_pending () == 0);
  loop_settle ();
  g_clear_pointer (&fixture->store, satchel_store_unref);
}

static void
fixture_tear_down (Fixture *fixture)
{
  fixture_close_store (fixture);
  descriptors_assert_none_below (fixture->root, fixture->root_fd);
  close (fixture->root_fd);
  fixture_remove_tree (fixture->root);
  g_free (fixture->root);
  g_free (fixture->user);
  g_free (fixture->path);
}

void
fixture_reopen (Fixture *fixture)
{
  fixture_close_store (fixture);
  fixture_open_store (fixture);
}

/* ---- registration ---- */

typedef struct Registration
{
  const SatchelConformanceBackend *backend;
  void (*func) (Fixture *fixture);
} Registration;

static void
run_case (gconstpointer data)
{
  const Registration *registration = data;
  Fixture fixture = { 0 };
  fixture_set_up (&fixture, registration->backend);
  registration->func (&fixture);
  fixture_tear_down (&fixture);
}

static void
add_cases (const char *stack_name, const SatchelConformanceBackend *backend, const char *area,
           const ConformanceCase *cases)
{
  for (; cases->name != NULL; cases++)
    {
      g_autofree char *path = g_strdup_printf ("/conformance/%s/%s/%s", stack_name, area, cases->name);
      Registration *registration = g_new (Registration, 1);
      *registration = (Registration) { backend, cases->func };
      g_test_add_data_func_full (path, registration, run_case, g_free);
    }
}

static void
skip_area (gconstpointer reason)
{
  g_test_skip (reason);
}

/* An area that the stack has no method for shows as one skipped case. */
static void
add_area_if (gboolean has_it, const char *reason, const char *stack_name,
             const SatchelConformanceBackend *backend, const char *area, const ConformanceCase *cases)
{
  if (has_it)
    {
      add_cases (stack_name, backend, area, cases);
      return;
    }
  g_autofree char *path = g_strdup_printf ("/conformance/%s/%s", stack_name, area);
  g_test_add_data_func (path, reason, skip_area);
}

void
satchel_conformance_add (const char *stack_name, const SatchelConformanceBackend *backend)
{
  add_cases (stack_name, backend, "names", conformance_names);
  add_cases (stack_name, backend, "special-use", conformance_uses);
  add_cases (stack_name, backend, "mailboxes", conformance_mailboxes);
  add_cases (stack_name, backend, "append", conformance_append);
  add_cases (stack_name, backend, "content", conformance_content);
  add_cases (stack_name, backend, "flags", conformance_flags);
  add_cases (stack_name, backend, "copies", conformance_copies);
  add_cases (stack_name, backend, "fields", conformance_fields);
  add_cases (stack_name, backend, "import", conformance_import);
  add_cases (stack_name, backend, "changes", conformance_changes);
  add_cases (stack_name, backend, "sync", conformance_sync);
  add_cases (stack_name, backend, "heard", conformance_heard);
  add_cases (stack_name, backend, "parallel", conformance_parallel);
  /* What `kept` is told to remove still takes up room. */
  const SatchelStorageOps *driver = backend->levels[backend->n_levels - 1].ops;
  if (strcmp (backend->levels[0].name, "kept") != 0)
    add_area_if (SATCHEL_HAS (driver, usage), "the driver does not count what mail takes up", stack_name,
                 backend, "usage", conformance_usage);
  add_area_if (SATCHEL_HAS (driver, put_blobs), "the driver keeps no blobs of modules", stack_name, backend,
               "blobs", conformance_blobs);
  if (backend->n_levels == 1)
    add_area_if (SATCHEL_HAS (driver, exchange), "the driver does not exchange contents", stack_name, backend,
                 "exchange", conformance_exchange);
  if (backend->n_levels == 1)
    add_area_if (SATCHEL_HAS (driver, destroy) && SATCHEL_HAS (driver, exists),
                 "the driver removes no stores, or does not say which it has", stack_name, backend, "destroy",
                 conformance_destroy);
  if (backend->n_levels == 1)
    {
      add_cases (stack_name, backend, "driver", conformance_driver);
      add_cases (stack_name, backend, "ops", conformance_ops);
      add_cases (stack_name, backend, "bulk", conformance_bulk);
    }
  if (backend->files != CONFORMANCE_NO_FILES)
    add_cases (stack_name, backend, "kills", conformance_kills);
  if (backend->files == CONFORMANCE_FILES)
    {
      add_cases (stack_name, backend, "faults", conformance_faults);
      add_cases (stack_name, backend, "damage", conformance_damage);
    }
  if (g_str_has_prefix (backend->levels[0].name, "sealed"))
    add_cases (stack_name, backend, "access", conformance_access);
  if (strcmp (backend->levels[0].name, "shows") == 0)
    add_cases (stack_name, backend, "shown", conformance_shown);
}

/* ---- mail ---- */

SatchelMailbox *
fixture_open (Fixture *fixture, const char *name)
{
  g_autoptr (GError) error = NULL;
  SatchelMailbox *mailbox = satchel_store_open_mailbox (fixture->store, name, &error);
  if (mailbox != NULL)
    return mailbox;
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
  OK (satchel_store_create (fixture->store, name, 0, E));
  OK ((mailbox = satchel_store_open_mailbox (fixture->store, name, E)) != NULL);
  return mailbox;
}

SatchelStage *
fixture_stage (Fixture *fixture, const void *data, gsize len)
{
  SatchelStage *stage;
  OK ((stage = satchel_stage_new (fixture->store, len, E)) != NULL);
  /* In odd pieces: a driver must not depend on how it gets content. */
  const char *bytes = data;
  for (gsize done = 0, piece = 1; done < len; done += piece, piece = piece * 3 + 1)
    {
      piece = MIN (piece, len - done);
      OK (satchel_stage_write (stage, bytes + done, piece, E));
    }
  OK (satchel_stage_finish (stage, E));
  g_assert_cmpuint (satchel_stage_size (stage), ==, len);
  g_assert_nonnull (satchel_stage_attributes (stage));
  return stage;
}

guint32
fixture_put_bytes (Fixture *fixture, SatchelMailbox *mailbox, const void *data, gsize len, guint32 flags,
                   const char *const *keywords, gint64 internal_date)
{
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  SatchelOperation *operation = satchel_transaction_append (
      transaction, mailbox, fixture_stage (fixture, data, len), flags, keywords, internal_date);
  OK (satchel_transaction_commit (transaction, E));
  g_assert_nonnull (operation->ret_uids);
  g_assert_cmpuint (operation->ret_uids->len, ==, 1);
  g_assert_cmpuint (operation->ret_uidvalidity, ==, state_of (mailbox).uidvalidity);
  guint32 uid = g_array_index (operation->ret_uids, guint32, 0);
  g_assert_cmpuint (uid, >, 0);
  return uid;
}

guint32
fixture_put (Fixture *fixture, SatchelMailbox *mailbox, const char *subject)
{
  g_autofree char *text =
      g_strdup_printf ("From: a@example.org\r\nSubject: %s\r\n\r\nbody of %s\r\n", subject, subject);
  return fixture_put_bytes (fixture, mailbox, text, strlen (text), 0, NULL, 1700000000);
}

SatchelUidSet
uid_range (guint32 first, guint32 last)
{
  SatchelUidSet set = { NULL, 0 };
  satchel_uid_set_add (&set, first, last);
  return set;
}

void
fixture_set_flags (Fixture *fixture, SatchelMailbox *mailbox, guint32 uid, SatchelFlagsMode mode,
                   guint32 flags, const char *keyword)
{
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  g_auto (SatchelUidSet) uids = uid_range (uid, uid);
  const char *const keywords[] = { keyword, NULL };
  satchel_transaction_flags (transaction, mailbox, &uids, mode, flags, keywords, G_MAXUINT64);
  OK (satchel_transaction_commit (transaction, E));
}

void
fixture_expunge (Fixture *fixture, SatchelMailbox *mailbox, guint32 first, guint32 last)
{
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  g_auto (SatchelUidSet) uids = uid_range (first, last);
  satchel_transaction_expunge (transaction, mailbox, &uids, FALSE);
  OK (satchel_transaction_commit (transaction, E));
}

guint64
fixture_move (Fixture *fixture, SatchelMailbox *from, guint32 uid, SatchelMailbox *to)
{
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  g_auto (SatchelUidSet) uids = uid_range (uid, uid);
  SatchelOperation *operation = satchel_transaction_move (transaction, from, &uids, to);
  OK (satchel_transaction_commit (transaction, E));
  return operation->ret_uids->len == 1 ? g_array_index (operation->ret_uids, guint32, 0) : 0;
}

/* ---- looking ---- */

SatchelMailboxState
state_of (SatchelMailbox *mailbox)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  return snapshot->state;
}

gboolean
row_of (SatchelMailbox *mailbox, guint32 uid, SatchelMessageRow *ret_row)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  guint32 index;
  guint at;
  if (!satchel_snapshot_find (snapshot, uid, &index))
    return FALSE;
  const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &at);
  satchel_chunk_get_row (chunk, at, ret_row);
  return TRUE;
}

static int
compare_strings (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

char *
keywords_of (SatchelMailbox *mailbox, guint32 uid)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  guint32 index;
  guint at;
  g_assert_true (satchel_snapshot_find (snapshot, uid, &index));
  const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &at);
  SatchelKeywordSet set = satchel_chunk_keywords (chunk, at);
  for (int k = satchel_keyword_set_next (&set, 0); k >= 0; k = satchel_keyword_set_next (&set, (guint) k + 1))
    {
      g_assert_cmpint (k, <, snapshot->n_keywords);
      g_ptr_array_add (names, snapshot->keywords[k]);
    }
  g_ptr_array_sort (names, compare_strings);
  g_ptr_array_add (names, NULL);
  return g_strjoinv (" ", (char **) names->pdata);
}

GBytes *
content_of (SatchelMailbox *mailbox, guint32 uid)
{
  g_autoptr (SatchelStream) stream = NULL;
  OK ((stream = satchel_mailbox_open_message (mailbox, uid, E)) != NULL);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  for (;;)
    {
      char buffer[5003];
      gssize n;
      OK ((n = satchel_stream_read_at (stream, bytes->len, buffer, sizeof (buffer), E)) >= 0);
      if (n == 0)
        break;
      g_byte_array_append (bytes, (guint8 *) buffer, (guint) n);
    }
  gint64 length;
  OK ((length = satchel_stream_length (stream, E)) >= 0);
  g_assert_cmpint (length, ==, bytes->len);
  return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}

void
assert_content (SatchelMailbox *mailbox, guint32 uid, const void *data, gsize len)
{
  g_autoptr (GBytes) content = content_of (mailbox, uid);
  gsize n;
  gconstpointer bytes = g_bytes_get_data (content, &n);
  g_assert_cmpmem (bytes, n, data, len);
  /* A driver may know no faster way, but what it gives is the same. */
  g_autoptr (SatchelStream) peeked = satchel_mailbox_peek_message (mailbox, uid);
  if (peeked == NULL)
    return;
  g_autofree guint8 *buffer = g_malloc (len + 1);
  g_assert_cmpint (satchel_stream_read_at (peeked, 0, buffer, len + 1, NULL), ==, (gssize) len);
  g_assert_cmpmem (buffer, len, data, len);
}

char *
describe_mailbox (SatchelMailbox *mailbox)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  GString *text = g_string_new (NULL);
  const SatchelMailboxState *state = &snapshot->state;
  for (guint i = 0; i < sizeof (state->mailbox_id); i++)
    g_string_append_printf (text, "%02x", state->mailbox_id[i]);
  g_string_append_printf (text,
                          " validity=%u next=%u modseq=%" G_GUINT64_FORMAT
                          " recent=%u n=%u unseen=%u deleted=%u size=%" G_GUINT64_FORMAT,
                          state->uidvalidity, state->uidnext, state->highestmodseq, state->first_recent_uid,
                          state->n_messages, state->n_unseen, state->n_deleted, state->size_bytes);
  for (guint32 i = 0; i < state->n_messages; i++)
    {
      guint at;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, i, &at);
      g_autofree char *keywords = keywords_of (mailbox, chunk->uid[at]);
      g_autoptr (GBytes) content = content_of (mailbox, chunk->uid[at]);
      guint8 id[16];
      OK (satchel_mailbox_email_id (mailbox, chunk->uid[at], id, E));
      g_string_append_printf (
          text,
          "\nuid=%u flags=%u modseq=%" G_GUINT64_FORMAT " size=%" G_GUINT64_FORMAT " date=%" G_GINT64_FORMAT
          " saved=%" G_GINT64_FORMAT " [%s] %u %02x%02x%02x%02x",
          chunk->uid[at], chunk->flags[at], chunk->modseq[at], chunk->size[at], chunk->internal_date[at],
          chunk->save_date[at], keywords, g_bytes_hash (content), id[0], id[1], id[2], id[15]);
    }
  return g_string_free (text, FALSE);
}

const SatchelMailboxInfo *
list_find (GPtrArray *infos, const char *name)
{
  for (guint i = 0; i < infos->len; i++)
    if (strcmp (((SatchelMailboxInfo *) infos->pdata[i])->name, name) == 0)
      return infos->pdata[i];
  return NULL;
}
