/* SPDX-License-Identifier: MIT
 * Storage layer `sealed`, for tests: a message that begins with "Sealed: WORD" is LOCKED for every access
 * whose key is not WORD.  Nothing is encrypted; what is tested is who is asked for what in whose name.
 * `sealed-told` (TELLS_ATTRIBUTES) itself says LOCKED when it is asked for attributes; of `sealed` the core
 * finds out by the content.
 */
#include <satchel/config.h>
#include <satchel/module.h>
#include <satchel/storage.h>
#include <string.h>

#define HEAD_BYTES 256u

static const char mark[] = "Sealed: ";

typedef struct Sealed
{
  GMutex lock;
  GPtrArray *attached; /* GBytes: keys that the core says are there */
} Sealed;

static gboolean
sealed_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  Sealed *sealed = g_new0 (Sealed, 1);
  g_mutex_init (&sealed->lock);
  sealed->attached = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  storage->self = sealed;
  return TRUE;
}

static void
sealed_close (SatchelStorage *storage)
{
  Sealed *sealed = storage->self;
  g_assert_cmpuint (sealed->attached->len, ==, 0); /* each attach has had its detach */
  g_ptr_array_unref (sealed->attached);
  g_mutex_clear (&sealed->lock);
  g_free (sealed);
}

/* Under the lock.  G_MAXUINT: it is not there. */
static guint
find_key (const Sealed *sealed, GBytes *key)
{
  for (guint i = 0; i < sealed->attached->len; i++)
    if (satchel_secret_equal (sealed->attached->pdata[i], key))
      return i;
  return G_MAXUINT;
}

static void
sealed_attach (SatchelStorage *storage, const SatchelAccess *access)
{
  Sealed *sealed = storage->self;
  g_mutex_lock (&sealed->lock);
  g_assert_cmpuint (find_key (sealed, access->key), ==, G_MAXUINT);
  g_ptr_array_add (sealed->attached, g_bytes_ref (access->key));
  g_mutex_unlock (&sealed->lock);
}

static void
sealed_detach (SatchelStorage *storage, const SatchelAccess *access)
{
  Sealed *sealed = storage->self;
  g_mutex_lock (&sealed->lock);
  guint at = find_key (sealed, access->key);
  g_assert_cmpuint (at, !=, G_MAXUINT);
  g_ptr_array_remove_index_fast (sealed->attached, at);
  g_mutex_unlock (&sealed->lock);
}

static gboolean
is_attached (Sealed *sealed, GBytes *key)
{
  g_mutex_lock (&sealed->lock);
  gboolean is_there = key != NULL && find_key (sealed, key) != G_MAXUINT;
  g_mutex_unlock (&sealed->lock);
  return is_there;
}

/* May @access read what begins like @content? */
static gboolean
may_read (SatchelStorage *storage, const SatchelAccess *access, SatchelStream *content, GError **error)
{
  char head[HEAD_BYTES + 1];
  gssize n = satchel_stream_read_at (content, 0, head, HEAD_BYTES, error);
  if (n < 0)
    return FALSE;
  head[n] = '\0';
  if (!g_str_has_prefix (head, mark))
    return TRUE;
  const char *word = head + strlen (mark);
  g_autoptr (GBytes) wanted = g_bytes_new (word, strcspn (word, "\r\n"));
  if (is_attached (storage->self, access->key) && satchel_secret_equal (access->key, wanted))
    return TRUE;
  return satchel_error_set (error, SATCHEL_ERROR_LOCKED, "the message is sealed");
}

static SatchelStream *
sealed_open_message (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                     guint32 uid, GError **error)
{
  g_autoptr (SatchelStream) below = satchel_storage_open_message (storage, access, mailbox, uid, error);
  return below != NULL && may_read (storage, access, below, error) ? g_steal_pointer (&below) : NULL;
}

static SatchelStream *
sealed_peek_message (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                     guint32 uid)
{
  g_autoptr (SatchelStream) below = satchel_storage_peek_message (storage, access, mailbox, uid);
  return below != NULL && may_read (storage, access, below, NULL) ? g_steal_pointer (&below) : NULL;
}

static gboolean
sealed_get_attributes (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                       const guint32 *uids, guint n, GBytes **ret, SatchelErrorCode *ret_codes,
                       GError **error)
{
  if (!satchel_storage_get_attributes (storage, access, mailbox, uids, n, ret, ret_codes, error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GError) why = NULL;
      g_autoptr (SatchelStream) content = sealed_open_message (storage, access, mailbox, uids[i], &why);
      if (content == NULL && g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_LOCKED))
        {
          g_clear_pointer (&ret[i], g_bytes_unref);
#ifdef TELLS_ATTRIBUTES
          ret_codes[i] = SATCHEL_ERROR_LOCKED;
#endif
        }
    }
  return TRUE;
}

static const SatchelStorageOps sealed_ops = {
  .size = sizeof (SatchelStorageOps),
  .band = 300,
  .classes = SATCHEL_CLASS_CONTENT_OUT | SATCHEL_CLASS_ATTRIBUTES,
  .newest_operation = SATCHEL_OPERATION_MOVE,
  .open = sealed_open,
  .close = sealed_close,
  .attach = sealed_attach,
  .detach = sealed_detach,
  .open_message = sealed_open_message,
  .peek_message = sealed_peek_message,
  .get_attributes = sealed_get_attributes,
};

const SatchelModule *
satchel_module (void)
{
  static const SatchelProvides provides[] = { { SATCHEL_KIND_STORAGE_LAYER, NULL, &sealed_ops }, { 0 } };
  static const SatchelModule module = {
    SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
    .name = NAME,
    .version = "0.1",
    .description = "A storage layer that locks some messages for accesses without their key, for tests",
    .licence = "MIT",
    .roles = SATCHEL_ROLE_MAIL | SATCHEL_ROLE_CLI,
    .provides = provides,
  };
  return &module;
}
