/* SPDX-License-Identifier: MIT
 * Implements messages that must not be scanned; see suspects.h.
 */
#include "config.h"

#include "core/storage/mailbox/suspects.h"

#include "core/runtime/loop/job_private.h"
#include "core/runtime/loop/reactor_private.h"
#include "core/storage/store/store_open.h"

#include <satchel/hash.h>
#include <string.h>

#define ID_DIGITS 32u
#define SUSPECTS_MAX 256u
#define SCAN "scan "

static GMutex lock;
static GHashTable *suspects; /* set of crumbs */
static gint64 added_ms;      /* when they were added, all at once and before START */

static gboolean
is_number (const char *text, gsize len)
{
  return len > 0 && len <= 20 && strspn (text, "0123456789") >= len;
}

gboolean
satchel_suspect_is_valid (const char *crumb)
{
  static const char hex[] = "0123456789abcdef";
  if (g_str_has_prefix (crumb, SCAN))
    {
      const char *size = crumb + strlen (SCAN), *dash = strchr (size, '-');
      return dash != NULL && is_number (size, (gsize) (dash - size)) && strlen (dash + 1) == 16
             && strspn (dash + 1, hex) == 16;
    }
  if (strspn (crumb, hex) != ID_DIGITS || crumb[ID_DIGITS] != ' ')
    return FALSE;
  const char *uid = crumb + ID_DIGITS + 1;
  return is_number (uid, strlen (uid));
}

/* Returns what each hop writes before the message (RFC 5321 4.4), ours too: other times and ids at the next
 * try. */
static gsize
trace_len (const char *head, gsize len)
{
  static const char *const names[] = { "Return-Path:", "Received:", "Delivered-To:" };
  gsize at = 0;
  for (gboolean is_trace = TRUE; is_trace;)
    {
      is_trace = FALSE;
      for (guint i = 0; i < G_N_ELEMENTS (names); i++)
        is_trace = is_trace
                   || (len - at > strlen (names[i])
                       && g_ascii_strncasecmp (head + at, names[i], strlen (names[i])) == 0);
      if (!is_trace)
        break;
      /* Skips the field and the lines that continue it. */
      do
        {
          const char *end = memchr (head + at, '\n', len - at);
          if (end == NULL)
            return at;
          at = (gsize) (end - head) + 1;
        }
      while (at < len && (head[at] == ' ' || head[at] == '\t'));
    }
  return at;
}

/* FNV-1a, without a key, since the next process must get the same number.  A sender who finds another
 * content with the same number only makes that message be stored unparsed. */
static guint64
hash_of (const guint8 *data, gsize len)
{
  guint64 hash = G_GUINT64_CONSTANT (0xcbf29ce484222325);
  for (gsize i = 0; i < len; i++)
    hash = (hash ^ data[i]) * G_GUINT64_CONSTANT (0x100000001b3);
  return hash;
}

char *
satchel_suspect_crumb (const void *head, gsize len, guint64 size)
{
  gsize n = MIN (len, SATCHEL_SUSPECT_HEAD_BYTES), skip = trace_len (head, n);
  /* The end of the hashed part must not depend on how much is skipped. */
  gsize hashed = n == SATCHEL_SUSPECT_HEAD_BYTES ? MIN (n - skip, SATCHEL_SUSPECT_HEAD_BYTES / 2) : n - skip;
  return g_strdup_printf (SCAN "%" G_GUINT64_FORMAT "-%016" G_GINT64_MODIFIER "x", size - MIN (size, skip),
                          hash_of ((const guint8 *) head + skip, hashed));
}

void
satchel_store_add_suspect (const char *crumb)
{
  g_mutex_lock (&lock);
  if (suspects == NULL)
    suspects = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  if (g_hash_table_size (suspects) < SUSPECTS_MAX)
    g_hash_table_add (suspects, g_strdup (crumb));
  added_ms = satchel_clock_ms ();
  g_mutex_unlock (&lock);
}

gboolean
satchel_store_is_suspect (const char *crumb)
{
  g_mutex_lock (&lock);
  gboolean is_there = suspects != NULL && g_hash_table_contains (suspects, crumb);
  g_mutex_unlock (&lock);
  return is_there;
}

gboolean
satchel_store_has_suspects (void)
{
  g_mutex_lock (&lock);
  gboolean has = suspects != NULL;
  g_mutex_unlock (&lock);
  return has;
}

gboolean
satchel_store_is_suspect_by (const char *module, const char *crumb)
{
  if (!satchel_store_has_suspects ())
    return FALSE;
  g_autofree char *by = g_strdup_printf (SATCHEL_SUSPECT_BY "%s %s", module, crumb);
  return satchel_store_is_suspect (by);
}

gboolean
satchel_store_refuses_user (const char *user)
{
  if (!satchel_store_has_suspects () || satchel_clock_ms () - added_ms > SATCHEL_SUSPECT_REFUSE_MS)
    return FALSE;
  g_autofree char *crumb = g_strconcat (SATCHEL_SUSPECT_USER, user, NULL);
  return satchel_store_is_suspect (crumb);
}

gboolean
satchel_store_is_suspect_listener (const char *listener, const char *user)
{
  if (!satchel_store_has_suspects ())
    return FALSE;
  g_autofree char *crumb = g_strdup_printf (SATCHEL_SUSPECT_LISTENER "%s %s", listener, user);
  return satchel_store_is_suspect (crumb);
}

void
satchel_scan_crumb_begin (SatchelScanCrumb *scan, const char *crumb)
{
  satchel_job_get_crumb (scan->before, sizeof scan->before);
  satchel_job_crumb ("%s", crumb);
}

void
satchel_scan_crumb_end (const SatchelScanCrumb *scan)
{
  satchel_job_crumb ("%s", scan->before);
}
