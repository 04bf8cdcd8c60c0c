/* SPDX-License-Identifier: MIT
 * One enrolled user: the codes that were used and those that were wrong.
 */
#include "user.h"

#include <sodium.h>
#include <string.h>

#define DAY_S 86400
#define RECENT_S 900
#define RECENT_MAX 5u

TotpUser *
totp_user_new (const char *name)
{
  TotpUser *user = g_new0 (TotpUser, 1);
  user->name = g_strdup (name);
  user->next_grant = 1;
  user->grants = g_ptr_array_new_with_free_func ((GDestroyNotify) totp_grant_free);
  return user;
}

void
totp_user_free (TotpUser *user)
{
  g_ptr_array_unref (user->grants);
  g_free (user->sealed);
  g_free (user->name);
  g_free (user);
}

void
totp_grant_free (TotpGrant *grant)
{
  g_free (grant->network);
  g_free (grant->service);
  g_free (grant->peer);
  g_free (grant->client);
  g_free (grant);
}

gboolean
totp_user_has_used (const TotpUser *user, guint64 step)
{
  for (guint i = 0; i < user->n_used; i++)
    if (user->used[i] == step)
      return TRUE;
  return step <= user->floor;
}

void
totp_user_use (TotpUser *user, guint64 step)
{
  if (totp_user_has_used (user, step))
    return;
  if (user->n_used == TOTP_USED_MAX)
    {
      user->floor = MAX (user->floor, user->used[0]);
      memmove (user->used, user->used + 1, --user->n_used * sizeof user->used[0]);
    }
  guint at = user->n_used++;
  for (; at > 0 && user->used[at - 1] > step; at--)
    user->used[at] = user->used[at - 1];
  user->used[at] = step;
}

static void
forget_old_wrong (TotpUser *user, gint64 now_s)
{
  guint n_old = 0;
  while (n_old < user->n_wrong && now_s - user->wrong_s[n_old] >= DAY_S)
    n_old++;
  user->n_wrong -= n_old;
  memmove (user->wrong_s, user->wrong_s + n_old, user->n_wrong * sizeof user->wrong_s[0]);
}

gboolean
totp_user_is_closed (TotpUser *user, gint64 now_s)
{
  forget_old_wrong (user, now_s);
  guint n_recent = 0;
  while (n_recent < user->n_wrong && now_s - user->wrong_s[user->n_wrong - 1 - n_recent] < RECENT_S)
    n_recent++;
  return user->is_shut || n_recent >= RECENT_MAX;
}

gboolean
totp_user_was_wrong (const TotpUser *user, const guint8 text[TOTP_HASH_BYTES])
{
  for (guint i = 0; i < user->n_wrong_texts; i++)
    if (sodium_memcmp (user->wrong_texts[i], text, TOTP_HASH_BYTES) == 0)
      return TRUE;
  return FALSE;
}

void
totp_user_count_wrong (TotpUser *user, const guint8 text[TOTP_HASH_BYTES], gint64 now_s)
{
  forget_old_wrong (user, now_s);
  if (user->n_wrong < TOTP_WRONG_MAX)
    user->wrong_s[user->n_wrong++] = now_s;
  user->is_shut = user->is_shut || user->n_wrong == TOTP_WRONG_MAX;
  if (user->n_wrong_texts == TOTP_WRONG_TEXTS_MAX)
    memmove (user->wrong_texts, user->wrong_texts + 1, --user->n_wrong_texts * sizeof user->wrong_texts[0]);
  memcpy (user->wrong_texts[user->n_wrong_texts++], text, TOTP_HASH_BYTES);
}

void
totp_user_forgive (TotpUser *user)
{
  user->n_wrong = 0;
  user->is_shut = FALSE;
}
