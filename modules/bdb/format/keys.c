/* SPDX-License-Identifier: MIT
 * This file builds keys of a volume's tables.
 */
#include "config.h"

#include "format/keys.h"

#include <string.h>

void
bdb_key_bytes (BdbKey *key, gconstpointer bytes, gsize len)
{
  len = MIN (len, sizeof key->bytes - 1 - key->len);
  if (len > 0)
    memcpy (key->bytes + key->len, bytes, len);
  key->len += (guint) len;
}

void
bdb_key_u32 (BdbKey *key, guint32 number)
{
  guint32 big = GUINT32_TO_BE (number);
  bdb_key_bytes (key, &big, sizeof big);
}

void
bdb_key_u64 (BdbKey *key, guint64 number)
{
  guint64 big = GUINT64_TO_BE (number);
  bdb_key_bytes (key, &big, sizeof big);
}

void
bdb_key_text (BdbKey *key, const char *text)
{
  bdb_key_bytes (key, text, strlen (text) + 1);
}

void
bdb_key_begin (BdbKey *key, guint32 user, BdbKind kind)
{
  guint8 byte = (guint8) kind;
  key->len = 0;
  bdb_key_u32 (key, user);
  bdb_key_bytes (key, &byte, 1);
}

void
bdb_key_of_user (BdbKey *key, const char *path)
{
  bdb_key_begin (key, 0, BDB_KIND_USER);
  if (path != NULL)
    bdb_key_bytes (key, path, strlen (path));
}

void
bdb_key_content (BdbKey *key, guint32 user, guint64 content)
{
  key->len = 0;
  bdb_key_u32 (key, user);
  bdb_key_u64 (key, content);
}

void
bdb_key_part (BdbKey *key, guint32 user, guint64 content, guint32 part)
{
  bdb_key_content (key, user, content);
  bdb_key_u32 (key, part);
}

guint32
bdb_key_read_u32 (const guint8 *bytes)
{
  guint32 big;
  memcpy (&big, bytes, sizeof big);
  return GUINT32_FROM_BE (big);
}

guint64
bdb_key_read_u64 (const guint8 *bytes)
{
  guint64 big;
  memcpy (&big, bytes, sizeof big);
  return GUINT64_FROM_BE (big);
}
