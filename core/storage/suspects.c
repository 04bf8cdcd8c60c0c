/* SPDX-License-Identifier: MIT
 * Messages that must not be scanned; see suspects.h.
 */
#include "config.h"

#include "core/storage/suspects.h"

#include "core/runtime/job_private.h"
#include "core/storage/store_open.h"

#include <satchel/hash.h>
#include <string.h>

#define ID_DIGITS 32u
#define SUSPECTS_MAX 256u
#define SCAN "scan "

static GMutex lock;
static GHashTable *suspects; /* crumbs */

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
      return dash != NULL && is_number (size, (gsize) (dash - size)) && strlen (dash + 1) == 16 && strspn (dash + 1, hex) == 16;
    }
  if (strspn (crumb, hex) != ID_DIGITS || crumb[ID_DIGITS] != ' ')
    return FALSE;
  const char *uid = crumb + ID_DIGITS + 1;
  return is_number (uid, strlen (uid));
}

/* FNV-1a.  The next process must come to the same number, so no key; who finds another content with it has only made
 * that one be stored unparsed. */
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
  return g_strdup_printf (SCAN "%" G_GUINT64_FORMAT "-%016" G_GINT64_MODIFIER "x", size,
                          hash_of (head, MIN (len, SATCHEL_SUSPECT_HEAD_BYTES)));
}

void
satchel_store_add_suspect (const char *crumb)
{
  g_mutex_lock (&lock);
  if (suspects == NULL)
    suspects = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  if (g_hash_table_size (suspects) < SUSPECTS_MAX)
    g_hash_table_add (suspects, g_strdup (crumb));
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
