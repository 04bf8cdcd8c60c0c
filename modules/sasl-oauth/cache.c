/* SPDX-License-Identifier: MIT
 * Implements a table of bounded size. It has only tokens that were found to be right, so that guessed ones
 * cannot fill it.
 */
#include "cache.h"

#include <satchel/hash.h>

typedef struct Entry
{
  char *user, *client;
  gint64 expires_s, until_s;
} Entry;

static GMutex lock;
static GHashTable *entries; /* digest -> Entry */

static void
entry_free (gpointer data)
{
  Entry *entry = data;
  g_free (entry->user);
  g_free (entry->client);
  g_free (entry);
}

static char *
make_digest (const char *token)
{
  return g_compute_checksum_for_string (G_CHECKSUM_SHA256, token, -1);
}

gboolean
oauth_cache_find (const char *token, gint64 now_s, OauthFindings *ret_findings)
{
  g_autofree char *digest = make_digest (token);
  g_mutex_lock (&lock);
  const Entry *entry = entries != NULL ? g_hash_table_lookup (entries, digest) : NULL;
  gboolean is_good = entry != NULL && now_s < entry->until_s;
  if (is_good)
    *ret_findings = (OauthFindings) { .verdict = OAUTH_RIGHT,
                                      .user = g_strdup (entry->user),
                                      .client = g_strdup (entry->client),
                                      .expires_s = entry->expires_s };
  else if (entry != NULL)
    g_hash_table_remove (entries, digest);
  g_mutex_unlock (&lock);
  return is_good;
}

void
oauth_cache_add (const char *token, const OauthFindings *findings, gint64 until_s)
{
  Entry *entry = g_new0 (Entry, 1);
  *entry = (Entry) { .user = g_strdup (findings->user),
                     .client = g_strdup (findings->client),
                     .expires_s = findings->expires_s,
                     .until_s = MIN (until_s, findings->expires_s) };
  g_mutex_lock (&lock);
  if (entries == NULL)
    entries = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, entry_free);
  if (g_hash_table_size (entries) >= OAUTH_CACHE_MAX)
    g_hash_table_remove_all (entries);
  g_hash_table_replace (entries, make_digest (token), entry);
  g_mutex_unlock (&lock);
}

void
oauth_cache_clear (void)
{
  g_mutex_lock (&lock);
  g_clear_pointer (&entries, g_hash_table_unref);
  g_mutex_unlock (&lock);
}
