/* SPDX-License-Identifier: MIT
 * This file lists the counters for administrators, and forgets those that they name.
 */
#include "config.h"

#include "core/daemon/auth/throttle/auth_throttle_private.h"

#include <string.h>

typedef struct
{
  SatchelThrottleLimits limits;
  gint64 period, now_ms;
  SatchelThrottledFunc func;
  gpointer data;
  SatchelThrottleReason kind;
  guint level;
  gboolean is_user;
} List;

/* Returns the time in ms at which the counter has no failures left. */
static gint64
end_of (const ThrottleCounter *counter)
{
  gint64 newest = 0;
  for (gint64 p = MAX (counter->newest - N_PERIODS + 1, 0); p <= counter->newest; p++)
    if (counter->counts[p % N_PERIODS] > 0)
      newest = p;
  return (newest + N_PERIODS - 1) * PERIOD_MS;
}

static void
list_account (gconstpointer key, gsize key_len, gpointer value, gpointer data)
{
  const List *list = data;
  ThrottleAccount *account = value;
  g_autofree char *user = g_strndup (key, key_len);
  SatchelThrottled found = { .kind = SATCHEL_THROTTLE_ACCOUNT,
                             .user = user,
                             .is_user = list->is_user,
                             .n_failures = throttle_sum (&account->general, list->period),
                             .limit = list->limits.account - list->limits.reserve,
                             .n_reserved = throttle_sum (&account->reserved, list->period),
                             .reserve = list->limits.reserve };
  found.ends_ms = MAX (end_of (&account->general), end_of (&account->reserved));
  if (found.n_failures + found.n_reserved > 0)
    list->func (&found, list->data);
}

static void
list_pair (gconstpointer key, gsize key_len, gpointer value, gpointer data)
{
  const List *list = data;
  SatchelThrottled found = { .kind = SATCHEL_THROTTLE_PAIR,
                             .n_failures = throttle_sum (value, list->period),
                             .limit = list->limits.pair,
                             .ends_ms = end_of (value) };
  g_autofree char *user = g_strndup (key, key_len);
  char *newline = strrchr (user, '\n');
  if (found.n_failures == 0 || newline == NULL)
    return;
  *newline = '\0';
  found.user = user;
  g_strlcpy (found.network, newline + 1, sizeof found.network);
  list->func (&found, list->data);
}

static void
list_network (gconstpointer key, gsize key_len, gpointer value, gpointer data)
{
  const List *list = data;
  const guint most[N_LEVELS] = { list->limits.address, list->limits.network, list->limits.wide };
  SatchelThrottled found = { .kind = list->kind,
                             .user = "",
                             .n_failures = throttle_sum (value, list->period),
                             .limit = most[list->level],
                             .ends_ms = end_of (value) };
  SatchelAddress address = { .is_local = key_len == 1 };
  char text[SATCHEL_ADDRESS_CHARS];
  if (found.n_failures == 0)
    return;
  if (!address.is_local)
    memcpy (address.bytes, key, sizeof address.bytes);
  satchel_address_text (&address, text);
  gboolean is_v6 = strchr (text, ':') != NULL;
  if (address.is_local || (list->level == 0 && !is_v6))
    g_strlcpy (found.network, text, sizeof found.network);
  else
    g_snprintf (found.network, sizeof found.network, "%s/%u", text,
                is_v6 ? throttle_levels[list->level].v6_bits : throttle_levels[list->level].v4_bits);
  list->func (&found, list->data);
}

void
satchel_throttle_foreach (SatchelThrottle *throttle, guint max_failures, gint64 now_ms,
                          SatchelThrottledFunc func, gpointer data)
{
  List list = { .limits = satchel_throttle_limits (max_failures),
                .period = throttle_period (now_ms),
                .now_ms = now_ms,
                .func = func,
                .data = data,
                .is_user = TRUE };
  satchel_lru_foreach (throttle->users, list_account, &list);
  list.is_user = FALSE;
  satchel_lru_foreach (throttle->strangers, list_account, &list);
  satchel_lru_foreach (throttle->pairs, list_pair, &list);
  for (; list.level < N_LEVELS; list.level++)
    {
      list.kind = throttle_levels[list.level].reason;
      satchel_lru_foreach (throttle->networks[list.level], list_network, &list);
    }
}

static guint
clear_account (SatchelLru *accounts, const char *user, gint64 period)
{
  ThrottleAccount *account = satchel_lru_find (accounts, user, strlen (user));
  if (account == NULL)
    return 0;
  guint n = throttle_sum (&account->general, period) + throttle_sum (&account->reserved, period);
  satchel_lru_remove (accounts, user, strlen (user));
  return n;
}

typedef struct
{
  GPtrArray *keys; /* char * */
  const char *user;
} Pairs;

static void
find_pair (gconstpointer key, gsize key_len, gpointer value, gpointer data)
{
  Pairs *pairs = data;
  gsize len = strlen (pairs->user);
  if (key_len > len && memcmp (key, pairs->user, len) == 0 && ((const char *) key)[len] == '\n')
    g_ptr_array_add (pairs->keys, g_strndup (key, key_len));
}

static void
forget_share (const char *user, const SatchelKnownPlace *place, gpointer data)
{
  if (strcmp (user, data) == 0)
    ((SatchelKnownPlace *) place)->n_share = 0;
}

guint
satchel_throttle_clear_user (SatchelThrottle *throttle, const char *user, gint64 now_ms)
{
  gint64 period = throttle_period (now_ms);
  guint n = clear_account (throttle->users, user, period) + clear_account (throttle->strangers, user, period);
  g_autoptr (GPtrArray) keys = g_ptr_array_new_with_free_func (g_free);
  satchel_lru_foreach (throttle->pairs, find_pair, &(Pairs) { keys, user });
  for (guint i = 0; i < keys->len; i++)
    satchel_lru_remove (throttle->pairs, keys->pdata[i], strlen (keys->pdata[i]));
  satchel_known_foreach (throttle->known, forget_share, (gpointer) user);
  return n;
}

guint
satchel_throttle_clear_place (SatchelThrottle *throttle, const char *place, gint64 now_ms)
{
  guint n = satchel_throttle_n_failures (throttle, place, now_ms);
  for (guint i = 0; i < N_LEVELS; i++)
    {
      ThrottleCounter *counter = throttle_find_network (throttle, place, i);
      if (counter != NULL)
        memset (counter->counts, 0, sizeof counter->counts);
    }
  return n;
}

void
satchel_throttle_clear (SatchelThrottle *throttle)
{
  satchel_lru_clear (throttle->users);
  satchel_lru_clear (throttle->strangers);
  satchel_lru_clear (throttle->pairs);
  for (guint i = 0; i < N_LEVELS; i++)
    satchel_lru_clear (throttle->networks[i]);
}
