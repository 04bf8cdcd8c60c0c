/* SPDX-License-Identifier: MIT
 * This file counts the notices of users.  The counts are in memory, and a restart of auth empties them,
 * since only somebody who can log in, or nearly so, can cause notices.  What was sent within a day counts,
 * so a user has no more entries than notices a day.
 */
#include "rate.h"

#include <satchel/hash.h>
#include <string.h>

#define HOUR_MS (3600 * G_GINT64_CONSTANT (1000))
#define DAY_MS (24 * HOUR_MS)
#define USERS_MAX 65536u

typedef struct Sent
{
  guint kind;
  guint64 network;
  gint64 at_ms;
} Sent;

struct Limits
{
  GHashTable *users; /* name -> GArray of Sent, the oldest first */
};

Limits *
limits_new (void)
{
  Limits *limits = g_new0 (Limits, 1);
  limits->users =
      g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, (GDestroyNotify) g_array_unref);
  return limits;
}

void
limits_free (Limits *limits)
{
  if (limits == NULL)
    return;
  g_hash_table_unref (limits->users);
  g_free (limits);
}

static void
forget_old (GArray *sent, gint64 now_ms)
{
  guint n = 0;
  while (n < sent->len && now_ms - g_array_index (sent, Sent, n).at_ms >= DAY_MS)
    n++;
  if (n > 0)
    g_array_remove_range (sent, 0, n);
}

static gboolean
is_over (gpointer name, gpointer value, gpointer data)
{
  GArray *sent = value;
  forget_old (sent, *(gint64 *) data);
  return sent->len == 0;
}

/* Returns the notices that @user was sent, as far as they are remembered.  NULL means that too many other
 * users got one today. */
static GArray *
sent_to (Limits *limits, const char *user, gint64 now_ms)
{
  GArray *sent = g_hash_table_lookup (limits->users, user);
  if (sent != NULL)
    return sent;
  if (g_hash_table_size (limits->users) >= USERS_MAX)
    g_hash_table_foreach_remove (limits->users, is_over, &now_ms);
  if (g_hash_table_size (limits->users) >= USERS_MAX)
    return NULL;
  sent = g_array_new (FALSE, FALSE, sizeof (Sent));
  g_hash_table_insert (limits->users, g_strdup (user), sent);
  return sent;
}

/* Returns a number for the network of a notice, or for its label if it has no network: two app passwords in
 * one hour are two events, which their names tell apart. */
static guint64
place_of (const Notice *notice)
{
  const char *text = *notice->network != '\0' ? notice->network : notice->label;
  return satchel_keyed_hash (text, strlen (text));
}

gboolean
limits_take (Limits *limits, const Notice *notice, guint per_day, gint64 now_ms)
{
  GArray *sent = sent_to (limits, notice->user, now_ms);
  Sent one = { .kind = notice->kind, .network = place_of (notice), .at_ms = now_ms };
  if (sent == NULL)
    return FALSE;
  forget_old (sent, now_ms);
  for (guint i = 0; i < sent->len; i++)
    {
      const Sent *other = &g_array_index (sent, Sent, i);
      if (other->kind == one.kind && other->network == one.network && now_ms - other->at_ms < HOUR_MS)
        return FALSE;
    }
  if (sent->len >= per_day)
    return FALSE;
  g_array_append_val (sent, one);
  return TRUE;
}
