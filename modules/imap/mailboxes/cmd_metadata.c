/* SPDX-License-Identifier: MIT
 * Implements GETMETADATA and SETMETADATA (RFC 5464): annotations of mailboxes and of the account, kept as
 * blobs of the user: one for each mailbox, by its id, so that annotations follow a RENAME and nobody
 * inherits them.
 */
#include "imap_session.h"

#include <satchel/hash.h>
#include <string.h>

#define SPACE "imap"
#define SERVER_BLOB "server"
#define FORMAT "satchel-metadata 1\n"
#define N_LOCKS 64u
/* So many values with their names fit a blob (SATCHEL_BLOB_BYTES). */
#define VALUE_BYTES 16384
#define VALUES_MAX 50u

/* A lock is held from reading a blob to writing it.  That is enough, since all sessions of a user are in this
 * process. */
static GMutex locks[N_LOCKS];

static GMutex *
lock_of (ImapSession *session)
{
  return &locks[satchel_string_hash (satchel_store_access (session->store)->owner) % N_LOCKS];
}

/* ---- one blob ---- */

typedef struct Annotations
{
  GPtrArray *names;  /* char *, lower case, sorted */
  GPtrArray *values; /* GBytes */
} Annotations;

static void
annotations_init (Annotations *annotations)
{
  annotations->names = g_ptr_array_new_with_free_func (g_free);
  annotations->values = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
}

static void
annotations_clear (Annotations *annotations)
{
  g_clear_pointer (&annotations->names, g_ptr_array_unref);
  g_clear_pointer (&annotations->values, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Annotations, annotations_clear)

/* Finds the place of @name, or the place where it belongs. TRUE: it exists. */
static gboolean
find_annotation (const Annotations *annotations, const char *name, guint *ret_index)
{
  guint low = 0, high = annotations->names->len;
  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      if (strcmp (annotations->names->pdata[middle], name) < 0)
        low = middle + 1;
      else
        high = middle;
    }
  *ret_index = low;
  return low < annotations->names->len && strcmp (annotations->names->pdata[low], name) == 0;
}

/* Sets an annotation. @value NULL: removes it. */
static void
set_annotation (Annotations *annotations, const char *name, GBytes *value)
{
  guint index;
  if (find_annotation (annotations, name, &index))
    {
      g_ptr_array_remove_index (annotations->names, index);
      g_ptr_array_remove_index (annotations->values, index);
    }
  if (value == NULL)
    return;
  g_ptr_array_insert (annotations->names, (gint) index, g_strdup (name));
  g_ptr_array_insert (annotations->values, (gint) index, g_bytes_ref (value));
}

/* Makes a blob, which has FORMAT, then of each annotation: its name, NUL, the number of bytes of its value,
 * NUL, the value. */
static GBytes *
write_annotations (const Annotations *annotations)
{
  if (annotations->names->len == 0)
    return NULL;
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_byte_array_append (out, (const guint8 *) FORMAT, strlen (FORMAT));
  for (guint i = 0; i < annotations->names->len; i++)
    {
      const char *name = annotations->names->pdata[i];
      gsize len;
      const guint8 *value = g_bytes_get_data (annotations->values->pdata[i], &len);
      g_autofree char *size = g_strdup_printf ("%" G_GSIZE_FORMAT, len);
      g_byte_array_append (out, (const guint8 *) name, (guint) strlen (name) + 1);
      g_byte_array_append (out, (const guint8 *) size, (guint) strlen (size) + 1);
      g_byte_array_append (out, value, (guint) len);
    }
  return g_byte_array_free_to_bytes (g_steal_pointer (&out));
}

/* Returns a text that ends with NUL before @end; *@ref_at is moved behind it. */
static const char *
take_text (const char **ref_at, const char *end)
{
  const char *text = *ref_at, *nul = memchr (text, '\0', (gsize) (end - text));
  if (nul != NULL)
    *ref_at = nul + 1;
  return nul != NULL ? text : NULL;
}

static gboolean
read_annotations (GBytes *blob, Annotations *annotations, GError **error)
{
  gsize len;
  const char *at = g_bytes_get_data (blob, &len), *end = at + len;
  gboolean is_good = len >= strlen (FORMAT) && memcmp (at, FORMAT, strlen (FORMAT)) == 0;
  at += is_good ? strlen (FORMAT) : 0;
  while (is_good && at < end)
    {
      guint64 size;
      const char *name = take_text (&at, end), *number = name != NULL ? take_text (&at, end) : NULL;
      is_good =
          number != NULL && g_ascii_string_to_unsigned (number, 10, 0, (guint64) (end - at), &size, NULL);
      if (!is_good)
        break;
      g_autoptr (GBytes) value = g_bytes_new (at, size);
      set_annotation (annotations, name, value);
      at += size;
    }
  return is_good || satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "annotations cannot be read");
}

static gboolean
load_annotations (ImapSession *session, const char *blob_name, Annotations *annotations, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autoptr (GBytes) blob = satchel_store_get_blob (session->store, SPACE, blob_name, &why);
  if (blob != NULL)
    return read_annotations (blob, annotations, error);
  if (g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&why));
  return FALSE;
}

/* ---- whose they are ---- */

static char *
id_text (const guint8 id[16])
{
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < 16; i++)
    g_string_append_printf (text, "%02x", id[i]);
  return g_string_free (text, FALSE);
}

/* Returns the name of the blob of storage's mailbox @name; yours.  NULL means that there is none that the
 * user may see. */
static char *
blob_of_mailbox (ImapSession *session, const char *name, GError **error)
{
  SatchelMailboxState state;
  return satchel_store_status (session->store, name, &state, error) ? id_text (state.mailbox_id) : NULL;
}

/* A command is about a mailbox, or about the server. */
typedef struct Target
{
  char *blob;
  char *client_name; /* UTF-8; "": the server */
  guint rights;
} Target;

static void
target_clear (Target *target)
{
  g_free (target->blob);
  g_free (target->client_name);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Target, target_clear)

/* Finds the target of a command. For a mailbox the client needs the rights l and r, which RFC 5464 3.3 lets
 * a server require. [blocks] */
static gboolean
find_target (ImapSession *session, const char *name, Target *ret_target, GError **error)
{
  if (*name == '\0')
    {
      *ret_target = (Target) { g_strdup (SERVER_BLOB), g_strdup (""), SATCHEL_RIGHTS_ALL };
      return TRUE;
    }
  g_autofree char *internal = imap_name_to_internal (session, name, error);
  if (internal == NULL)
    return FALSE;
  ret_target->rights = satchel_store_rights (session->store, internal);
  ret_target->client_name = imap_name_to_client (session, internal);
  ret_target->blob = blob_of_mailbox (session, internal, error);
  return ret_target->blob != NULL;
}

static gboolean
is_private (const char *entry)
{
  return g_str_has_prefix (entry, "/private");
}

/* Says whether the user has private annotations: others than the owner of a shared store have none. */
static gboolean
has_private (ImapSession *session)
{
  const SatchelAccess *access = satchel_store_access (session->store);
  return strcmp (access->user, access->owner) == 0;
}

/* ---- GETMETADATA ---- */

typedef struct Answer
{
  GPtrArray *names;  /* char * */
  GPtrArray *values; /* GBytes or NULL */
  guint at;
  char *client_name;
} Answer;

static void
answer_free (gpointer data)
{
  Answer *answer = data;
  g_ptr_array_unref (answer->values);
  g_ptr_array_unref (answer->names);
  g_free (answer->client_name);
  g_free (answer);
}

/* Says whether @name is @entry, or at most @depth levels below it. */
static gboolean
is_below (const char *name, const char *entry, guint depth)
{
  gsize len = strlen (entry);
  guint levels = 0;
  if (strncmp (name, entry, len) != 0 || (name[len] != '\0' && name[len] != '/'))
    return FALSE;
  for (const char *at = name + len; *at != '\0' && levels <= depth; at++)
    levels += *at == '/';
  return levels <= depth;
}

/* Adds a value, each at most once, however many of the command's entries name it. */
static void
add_value (Answer *answer, const char *name, GBytes *value)
{
  if (g_ptr_array_find_with_equal_func (answer->names, name, g_str_equal, NULL))
    return;
  g_ptr_array_add (answer->names, g_strdup (name));
  g_ptr_array_add (answer->values, value != NULL ? g_bytes_ref (value) : NULL);
}

/* Chooses the values that @metadata asks for; an entry without a value is NIL if it was asked for by its
 * name alone. Returns the size of the largest value that is left out for its size, or 0. */
static gsize
choose_values (ImapSession *session, const ImapMetadataArguments *metadata, const Annotations *annotations,
               Answer *answer)
{
  gsize longest = 0;
  for (guint i = 0; i < metadata->entries->len; i++)
    {
      const char *entry = metadata->entries->pdata[i];
      guint index;
      gboolean may_see = !is_private (entry) || has_private (session);
      if (metadata->depth == 0 && (!may_see || !find_annotation (annotations, entry, &index)))
        add_value (answer, entry, NULL);
      for (guint k = 0; may_see && k < annotations->names->len; k++)
        {
          gsize size = g_bytes_get_size (annotations->values->pdata[k]);
          if (!is_below (annotations->names->pdata[k], entry, metadata->depth))
            continue;
          if (size > metadata->max_size)
            longest = MAX (longest, size);
          else
            add_value (answer, annotations->names->pdata[k], annotations->values->pdata[k]);
        }
    }
  return longest;
}

static void
write_value (ImapWriter *writer, GBytes *value)
{
  gsize len;
  if (value == NULL)
    {
      imap_write (writer, "NIL");
      return;
    }
  const char *text = g_bytes_get_data (value, &len);
  imap_write_string (writer, text != NULL ? text : "", len);
}

/* Writes one METADATA response for each annotation, since any value may be large, and the command can pause
 * between two responses while the output is full. */
static ImapStep
write_answer (ImapSession *session, ImapCommand *command, Answer *answer)
{
  ImapWriter *writer = &session->writer;
  for (; answer->at < answer->names->len; answer->at++)
    {
      const char *name = answer->names->pdata[answer->at];
      if (imap_writer_is_full (writer))
        return IMAP_STEP_AGAIN;
      imap_write (writer, "* METADATA ");
      imap_write_mailbox (writer, answer->client_name);
      imap_write (writer, " (");
      imap_write_string (writer, name, strlen (name));
      imap_write (writer, " ");
      write_value (writer, answer->values->pdata[answer->at]);
      imap_write (writer, ")\r\n");
    }
  return imap_command_ok (command, "GETMETADATA completed.");
}

ImapStep
imap_run_get_metadata (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  const ImapMetadataArguments *metadata = command->arguments;
  g_autoptr (GError) error = NULL;
  if (command->state != NULL)
    return write_answer (session, command, command->state);
  g_auto (Target) target = { 0 };
  g_auto (Annotations) annotations = { 0 };
  annotations_init (&annotations);
  if (!find_target (session, metadata->name, &target, &error)
      || !load_annotations (session, target.blob, &annotations, &error))
    return imap_command_error (session, command, error);
  Answer *answer = g_new0 (Answer, 1);
  answer->names = g_ptr_array_new_with_free_func (g_free);
  /* g_bytes_unref also takes NULL */
  answer->values = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  answer->client_name = g_steal_pointer (&target.client_name);
  command->state = answer;
  command->state_free = answer_free;
  gsize longest = choose_values (session, metadata, &annotations, answer);
  if (longest > 0)
    command->code = g_strdup_printf ("METADATA LONGENTRIES %" G_GSIZE_FORMAT, longest);
  return write_answer (session, command, answer);
}

/* ---- SETMETADATA ---- */

/* Checks the changes of SETMETADATA.  Returns NULL, or the response code of the first that is not allowed. */
static const char *
check_changes (ImapSession *session, const ImapMetadataArguments *metadata, const Target *target)
{
  for (guint i = 0; i < metadata->entries->len; i++)
    {
      const char *entry = metadata->entries->pdata[i];
      GBytes *value = metadata->values->pdata[i];
      if (is_private (entry) && !has_private (session))
        return "METADATA NOPRIVATE";
      /* Shared annotations of the server belong to all users, those of a mailbox to all who may read it.
       */
      if (!is_private (entry) && (*metadata->name == '\0' || (target->rights & SATCHEL_RIGHT_WRITE) == 0))
        return "NOPERM";
      if (value != NULL && g_bytes_get_size (value) > VALUE_BYTES)
        return "METADATA MAXSIZE " G_STRINGIFY (VALUE_BYTES);
    }
  return NULL;
}

static gboolean
put_blob (ImapSession *session, const char *name, GBytes *value, GError **error)
{
  SatchelBlob change = { name, value };
  return satchel_store_put_blobs (session->store, SPACE, &change, 1, error);
}

ImapStep
imap_run_set_metadata (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  const ImapMetadataArguments *metadata = command->arguments;
  g_autoptr (GError) error = NULL;
  g_auto (Target) target = { 0 };
  g_auto (Annotations) annotations = { 0 };
  annotations_init (&annotations);
  if (!find_target (session, metadata->name, &target, &error))
    return imap_command_error (session, command, error);
  const char *refusal = check_changes (session, metadata, &target);
  if (refusal != NULL)
    return imap_command_no (command, refusal, "Nothing was changed.");
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (lock_of (session));
  if (!load_annotations (session, target.blob, &annotations, &error))
    return imap_command_error (session, command, error);
  for (guint i = 0; i < metadata->entries->len; i++)
    set_annotation (&annotations, metadata->entries->pdata[i], metadata->values->pdata[i]);
  if (annotations.names->len > VALUES_MAX)
    return imap_command_no (command, "METADATA TOOMANY", "Nothing was changed.");
  g_autoptr (GBytes) blob = write_annotations (&annotations);
  if (put_blob (session, target.blob, blob, &error))
    return imap_command_ok (command, "SETMETADATA completed.");
  if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_LIMIT))
    return imap_command_no (command, "METADATA TOOMANY", "Too many mailboxes have annotations.");
  return imap_command_error (session, command, error);
}

/* ---- mailboxes that come and go ---- */

char *
imap_metadata_of (ImapSession *session, const char *name)
{
  g_auto (GStrv) blobs = satchel_store_list_blobs (session->store, SPACE, NULL);
  if (blobs == NULL || blobs[0] == NULL)
    return NULL;
  g_autofree char *blob = blob_of_mailbox (session, name, NULL);
  return blob != NULL && g_strv_contains ((const char *const *) blobs, blob) ? g_steal_pointer (&blob) : NULL;
}

static void
log_failure (ImapSession *session, const GError *error)
{
  satchel_session_log (
      session->session, SATCHEL_LOG_ERROR,
      "the annotations of a mailbox could not be moved to its new name, or removed with it: %s",
      error->message);
}

void
imap_metadata_remove (ImapSession *session, const char *blob)
{
  g_autoptr (GError) error = NULL;
  if (blob != NULL && !put_blob (session, blob, NULL, &error))
    log_failure (session, error);
}

void
imap_metadata_copy (ImapSession *session, const char *from, const char *to)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *blob = imap_metadata_of (session, from), *copy = NULL;
  g_autoptr (GBytes) value = NULL;
  if (blob == NULL)
    return;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (lock_of (session));
  if ((copy = blob_of_mailbox (session, to, &error)) == NULL
      || (value = satchel_store_get_blob (session->store, SPACE, blob, &error)) == NULL
      || !put_blob (session, copy, value, &error))
    log_failure (session, error);
}
