/* SPDX-License-Identifier: MIT
 * This file makes the keys of a message, for SEARCH, SORT and THREAD, from its attributes.
 */
#include "config.h"

#include <satchel/attributes.h>
#include <satchel/charset.h>
#include <satchel/hash.h>
#include <satchel/header.h>
#include <satchel/keys.h>
#include <string.h>

#include "core/mail/charset/casefold.h"
#include "core/mail/header/fields.h"
#include "core/mail/attributes/blob_read.h"
#include "core/mail/search/needle.h"

#define SEARCH_UNKNOWN "\xff" /* a byte that folded text never has */

typedef struct SentKey
{
  gint64 time;
  gint32 zone;
} SentKey;
typedef struct ThreadKey /* The hashes of the references follow behind it. */
{
  guint64 message_id, base_subject;
  gint64 sent;
  guint8 has_sent, is_reply;
} ThreadKey;

/* 0 stands for none. */
static guint64
hash_of (const char *text, gsize len)
{
  guint64 hash = satchel_keyed_hash (text, len);
  return hash != 0 ? hash : 1;
}

static void
append_sent (GBytes *attributes, GByteArray *out)
{
  SentKey key = { 0 };
  int zone = 0;
  if (!satchel_attributes_sent_date (attributes, &key.time, &zone))
    return;
  key.zone = zone;
  g_byte_array_append (out, (const guint8 *) &key, sizeof key);
}

gboolean
satchel_key_sent (const void *key, gsize len, gint64 *ret_time, int *ret_zone_minutes)
{
  SentKey sent;
  if (len != sizeof sent)
    return FALSE;
  memcpy (&sent, key, sizeof sent);
  *ret_time = sent.time;
  if (ret_zone_minutes != NULL)
    *ret_zone_minutes = sent.zone;
  return TRUE;
}

/* Returns the base subject as it is compared; NULL: no Subject. */
static char *
mapped_subject (GBytes *attributes, gsize *ret_len, gboolean *ret_is_reply)
{
  const char *value;
  gsize len;
  *ret_len = 0;
  *ret_is_reply = FALSE;
  if (satchel_attributes_header (attributes, "subject", &value, &len) != SATCHEL_HEADER_PRESENT)
    return NULL;
  g_autofree char *base = satchel_base_subject (value, len, &len, ret_is_reply);
  return satchel_casemap (base, len, ret_len);
}

static void
append_thread (GBytes *attributes, GByteArray *out)
{
  ThreadKey key = { 0 };
  gsize len;
  gboolean is_reply;
  g_autofree char *subject = mapped_subject (attributes, &len, &is_reply),
                  *id = satchel_attributes_message_id (attributes);
  g_autoptr (GPtrArray) references = satchel_attributes_references (attributes);
  key.message_id = id != NULL ? hash_of (id, strlen (id)) : 0;
  key.base_subject = len > 0 ? hash_of (subject, len) : 0;
  key.has_sent = satchel_attributes_sent_date (attributes, &key.sent, NULL);
  key.is_reply = is_reply;
  g_byte_array_append (out, (const guint8 *) &key, sizeof key);
  for (guint i = 0; i < references->len; i++)
    {
      const char *reference = references->pdata[i];
      guint64 hash = hash_of (reference, strlen (reference));
      if (i == 0 || references->len - i < SATCHEL_KEY_REFERENCES)
        g_byte_array_append (out, (const guint8 *) &hash, sizeof hash);
    }
}

void
satchel_key_thread (const void *key, gsize len, SatchelThreadMessage *ret_message,
                    guint64 references[SATCHEL_KEY_REFERENCES])
{
  ThreadKey thread = { 0 };
  if (len >= sizeof thread)
    memcpy (&thread, key, sizeof thread);
  ret_message->message_id = thread.message_id;
  ret_message->base_subject = thread.base_subject;
  ret_message->is_reply = thread.is_reply;
  if (thread.has_sent)
    ret_message->sent = thread.sent;
  ret_message->references = references;
  ret_message->n_references = 0;
  if (len <= sizeof thread)
    return;
  ret_message->n_references =
      (guint) MIN ((len - sizeof thread) / sizeof *references, SATCHEL_KEY_REFERENCES);
  memcpy (references, (const guint8 *) key + sizeof thread, ret_message->n_references * sizeof *references);
}

static void
append_text (const char *text, gsize len, GByteArray *out)
{
  g_byte_array_append (out, (const guint8 *) text, (guint) MIN (len, SATCHEL_KEY_TEXT_BYTES));
}

static void
append_subject (GBytes *attributes, GByteArray *out)
{
  gsize len;
  gboolean is_reply;
  g_autofree char *subject = mapped_subject (attributes, &len, &is_reply);
  if (subject != NULL)
    append_text (subject, len, out);
}

/* RFC 5957 3 asks for the name, decoded, unless that is empty; else the address; of a group's start the
 * group's name.
 */
static char *
display_of (const SatchelAddress *address)
{
  g_autofree char *name =
      address->name != NULL ? satchel_header_decode (address->name, strlen (address->name), NULL) : NULL;
  if (name != NULL && *name != '\0')
    return g_steal_pointer (&name);
  gboolean has_host = address->host != NULL && *address->host != '\0';
  return has_host ? g_strconcat (address->mailbox, "@", address->host, NULL) : g_strdup (address->mailbox);
}

static void
append_address (GBytes *attributes, EnvelopeField field, gboolean is_display, GByteArray *out)
{
  SatchelAddress *address = satchel_envelope_first_address (attributes, field);
  if (address == NULL)
    return;
  if (address->mailbox != NULL)
    {
      gsize len;
      g_autofree char *text = is_display ? display_of (address) : g_strdup (address->mailbox);
      g_autofree char *mapped = satchel_casemap (text, strlen (text), &len);
      append_text (mapped, len, out);
    }
  satchel_address_free (address);
}

static const struct
{
  const char *name;
  SatchelKeyKind kind;
} fields[] = { { "subject", SATCHEL_KEY_IN_SUBJECT },
               { "from", SATCHEL_KEY_IN_FROM },
               { "to", SATCHEL_KEY_IN_TO },
               { "cc", SATCHEL_KEY_IN_CC } };

gboolean
satchel_key_of_header (const char *name, SatchelKeyKind *ret_kind)
{
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    if (g_ascii_strcasecmp (name, fields[i].name) == 0)
      {
        *ret_kind = fields[i].kind;
        return TRUE;
      }
  return FALSE;
}

typedef struct Shown
{
  GByteArray *out;
  guint start, raw, raw_len; /* where the key begins in `out`, and where in it the field's raw text is */
} Shown;

/* Appends @folded, a name or address as ENVELOPE shows it, unless the field's raw text contains the same
 * bytes already. TRUE means that the key has no more room, which ends the walk over the addresses. */
static gboolean
append_shown (const char *folded, gsize len, gpointer data)
{
  Shown *shown = data;
  if (memmem (shown->out->data + shown->raw, shown->raw_len, folded, len) != NULL)
    return FALSE;
  if (shown->out->len - shown->start + len + 1 > SATCHEL_KEY_SEARCH_BYTES)
    return TRUE;
  g_byte_array_append (shown->out, (const guint8 *) folded, (guint) len + 1);
  return FALSE;
}

/* Appends what a search in the fields of @kind compares: for each field its folded text, ended by a NUL, and
 * then those of its names and addresses that ENVELOPE shows in another way. If that does not fit, or the
 * field is not known, the key says only that nothing is known. */
static void
append_fields (GBytes *attributes, SatchelKeyKind kind, GByteArray *out)
{
  const char *name = fields[kind - SATCHEL_KEY_IN_SUBJECT].name, *value;
  gsize state = 0, len;
  const guint start = out->len;
  gboolean is_known = satchel_attributes_header (attributes, name, NULL, NULL) != SATCHEL_HEADER_UNKNOWN;
  while (is_known && satchel_attributes_header_next (attributes, name, &state, &value, &len))
    {
      gsize folded_len;
      g_autofree char *decoded = satchel_header_decode (value, len, &folded_len);
      g_autofree char *folded = satchel_casefold (decoded, folded_len, &folded_len);
      const Shown shown = { out, start, out->len, (guint) folded_len };
      is_known = out->len - start + folded_len + 1 <= SATCHEL_KEY_SEARCH_BYTES;
      if (!is_known)
        break;
      g_byte_array_append (out, (const guint8 *) folded, (guint) folded_len + 1);
      is_known = kind == SATCHEL_KEY_IN_SUBJECT
                 || !satchel_show_addresses (value, len, append_shown, (gpointer) &shown);
    }
  if (is_known)
    return;
  g_byte_array_set_size (out, start);
  g_byte_array_append (out, (const guint8 *) SEARCH_UNKNOWN, 1);
}

SatchelMatch
satchel_key_search (const void *key, gsize len, const SatchelNeedle *needle)
{
  if (len == 0)
    return SATCHEL_MATCH_NO;
  if (*(const char *) key == SEARCH_UNKNOWN[0])
    return SATCHEL_MATCH_UNKNOWN;
  return satchel_needle_is_in_folded (needle, key, len) ? SATCHEL_MATCH_YES : SATCHEL_MATCH_NO;
}

enum
{
  MAILDROP_INTERNATIONALIZED = 1,
  MAILDROP_NO_LINE_END = 2
};

/* Appends the key MAILDROP, which is empty for most mail. */
static void
append_maildrop (GBytes *attributes, GByteArray *out)
{
  guint8 flags =
      (guint8) ((satchel_attributes_is_internationalized (attributes) ? MAILDROP_INTERNATIONALIZED : 0)
                | (satchel_attributes_ends_in_crlf (attributes) ? 0 : MAILDROP_NO_LINE_END));
  if (flags != 0)
    g_byte_array_append (out, &flags, 1);
}

void
satchel_key_maildrop (const void *key, gsize len, gboolean *ret_is_internationalized,
                      gboolean *ret_ends_in_crlf)
{
  guint8 flags = len > 0 ? *(const guint8 *) key : 0;
  *ret_is_internationalized = (flags & MAILDROP_INTERNATIONALIZED) != 0;
  *ret_ends_in_crlf = (flags & MAILDROP_NO_LINE_END) == 0;
}

void
satchel_key_append (GBytes *attributes, SatchelKeyKind kind, GByteArray *out)
{
  switch (kind)
    {
    case SATCHEL_KEY_SENT:
      append_sent (attributes, out);
      break;
    case SATCHEL_KEY_THREAD:
      append_thread (attributes, out);
      break;
    case SATCHEL_KEY_SUBJECT:
      append_subject (attributes, out);
      break;
    case SATCHEL_KEY_FROM:
    case SATCHEL_KEY_DISPLAY_FROM:
      append_address (attributes, ENVELOPE_FROM, kind == SATCHEL_KEY_DISPLAY_FROM, out);
      break;
    case SATCHEL_KEY_TO:
    case SATCHEL_KEY_DISPLAY_TO:
      append_address (attributes, ENVELOPE_TO, kind == SATCHEL_KEY_DISPLAY_TO, out);
      break;
    case SATCHEL_KEY_CC:
      append_address (attributes, ENVELOPE_CC, FALSE, out);
      break;
    case SATCHEL_KEY_IN_SUBJECT:
    case SATCHEL_KEY_IN_FROM:
    case SATCHEL_KEY_IN_TO:
    case SATCHEL_KEY_IN_CC:
      append_fields (attributes, kind, out);
      break;
    case SATCHEL_KEY_MAILDROP:
      append_maildrop (attributes, out);
      break;
    case SATCHEL_N_KEYS:
      break;
    }
}
