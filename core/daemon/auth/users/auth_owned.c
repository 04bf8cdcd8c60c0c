/* SPDX-License-Identifier: MIT
 * This file answers the questions of a mail process's janitor: which of these users it owns, and which
 * accounts it owns altogether.
 */
#include "config.h"

#include "core/daemon/auth/auth.h"

#include <satchel/log.h>
#include <string.h>

#define NAMES_MAX 100u
#define REPLY_BYTES 8000u
#define LOOKED_AT_MAX 5000u

static GPtrArray *accounts; /* all accounts, sorted, as of the last time a process began to ask */

static void
add_account (const SatchelUserEntry *entry, gpointer data)
{
  g_ptr_array_add (data, g_strdup (entry->user));
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* If a database cannot list its users just now, users who have mail are visited all the same. */
static void
list_accounts (SatchelAuth *auth)
{
  g_clear_pointer (&accounts, g_ptr_array_unref);
  accounts = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < auth->passdbs->len; i++)
    {
      const SatchelPassdbOps *passdb = auth->passdbs->pdata[i];
      g_autoptr (GError) error = NULL;
      if (SATCHEL_HAS (passdb, list) && !passdb->list (add_account, accounts, &error)
          && satchel_error_is_news (error))
        satchel_log (SATCHEL_LOG_WARNING, "auth", "accounts cannot be listed for upkeep: %s",
                     error != NULL ? error->message : "no reason given");
    }
  g_ptr_array_sort (accounts, compare_names);
}

static guint
first_after (const char *name)
{
  guint low = 0, high = accounts->len;
  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      if (strcmp (accounts->pdata[middle], name) <= 0)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

/* Adds @user if mail process @slot owns him; a name that is no user's is left out.  Only a user who has an
 * account is placed by the rules here, since of a directory of mail nothing but its name is known. */
static void
add_owned (SatchelAuth *auth, const char *user, guint slot, gboolean is_account, GPtrArray *found)
{
  guint owner;
  SatchelPlacement placement;
  g_autofree char *normal = satchel_user_normalise (user, strlen (user), auth->settings.default_domain,
                                                    auth->settings.lowers_users, NULL);
  if (normal == NULL || strcmp (normal, user) != 0)
    return;
  gboolean is_placed = satchel_placements_get (auth->placements, user, &placement, &owner)
                       || !satchel_placement_rules_exist (satchel_placements_rules (auth->placements));
  if (owner == slot && (is_placed || is_account)
      && satchel_placements_find (auth->placements, user, &placement, &owner, NULL))
    g_ptr_array_add (found, g_strdup (user));
}

/* Adds some of the accounts behind @after.  *ret_last is the last one that was looked at.  TRUE means that
 * there are no more. */
static gboolean
find_accounts (SatchelAuth *auth, const char *after, guint slot, GPtrArray *found, const char **ret_last)
{
  if (*after == '\0' || accounts == NULL)
    list_accounts (auth);
  gsize n_bytes = 0;
  guint at = first_after (after), end = MIN (accounts->len, at + LOOKED_AT_MAX);
  for (; at < end && found->len < NAMES_MAX && n_bytes < REPLY_BYTES / 2; at++)
    {
      const char *user = accounts->pdata[at];
      n_bytes += strlen (user) + 8;
      add_owned (auth, user, slot, TRUE, found);
      *ret_last = user;
    }
  return at >= accounts->len;
}

/* A question lives until all is known that belongs to its answer. */
typedef struct Owned
{
  SatchelAuth *auth;
  SatchelPeer *mail;
  guint64 serial; /* serial number of the link by which the question came */
  guint64 request;
  gboolean is_last;
  char *last;       /* the last account that was looked at */
  GPtrArray *found; /* char * */
} Owned;

static void
owned_free (Owned *owned)
{
  g_ptr_array_unref (owned->found);
  g_free (owned->last);
  g_free (owned);
}

/* Answers, unless the process that asked has gone: the next one of that mail slot has other questions under
 * the same numbers. */
static void
reply_owned (Owned *owned, const SatchelPlace *place)
{
  if (owned->mail->serial != owned->serial)
    return;
  SatchelIpcMessage *reply = satchel_ipc_message_new (SATCHEL_IPC_OWNED_REPLY, 0);
  satchel_ipc_put_u64 (reply, owned->request);
  satchel_ipc_put_u32 (reply, owned->is_last);
  satchel_ipc_put_string (reply, owned->last);
  satchel_ipc_put_u32 (reply, owned->found->len);
  for (guint i = 0; i < owned->found->len; i++)
    {
      satchel_ipc_put_string (reply, owned->found->pdata[i]);
      satchel_place_put (reply, place);
    }
  satchel_peer_send (owned->mail, reply);
}

/* The attributes of one user have come.  If a userdb cannot tell them now, the user is left for another time,
 * since a layer may have to know them before it removes mail. */
static void
told_attributes (const char *attributes, const GError *error, gpointer data)
{
  Owned *owned = data;
  const char *user = owned->found->pdata[0];
  SatchelPlacement placement;
  guint slot;
  g_autoptr (SatchelPlace) place = NULL;
  if (attributes != NULL)
    {
      satchel_placements_get (owned->auth->placements, user, &placement, &slot);
      place = satchel_placements_place (owned->auth->placements, user, &placement, attributes);
    }
  else
    {
      satchel_auth_log_misplaced (error);
      g_ptr_array_set_size (owned->found, 0);
    }
  reply_owned (owned, place);
  owned_free (owned);
}

gboolean
satchel_auth_owned_message (SatchelAuth *auth, SatchelPeer *mail, SatchelIpcMessage *message)
{
  guint64 request = satchel_ipc_get_u64 (message);
  guint32 wants_accounts = satchel_ipc_get_u32 (message);
  g_autofree char *after = g_strdup (satchel_ipc_get_string (message));
  guint32 n = satchel_ipc_get_u32 (message);
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);
  if (n > NAMES_MAX)
    return FALSE;
  for (guint32 i = 0; i < n && !message->failed; i++)
    add_owned (auth, satchel_ipc_get_string (message), mail->slot, FALSE, found);
  if (!satchel_ipc_message_is_done (message))
    return FALSE;
  const char *last = "";
  gboolean is_last = wants_accounts && find_accounts (auth, after, mail->slot, found, &last);
  g_autoptr (GError) error = NULL;
  if (!satchel_placements_sync (auth->placements, &error)) /* The process asks again later. */
    {
      satchel_auth_log_misplaced (error);
      g_ptr_array_set_size (found, 0);
    }
  Owned *owned = g_new0 (Owned, 1);
  *owned = (Owned) { auth, mail, mail->serial, request, is_last, g_strdup (last), g_ptr_array_ref (found) };
  if (is_last)
    g_clear_pointer (&accounts, g_ptr_array_unref);
  /* The attributes go only with an answer for a single user: a list needs none, and is bounded. */
  if (!wants_accounts && n == 1 && found->len == 1)
    {
      satchel_auth_ask_attributes (
          auth,
          &(SatchelAttributesQuestion) { .user = found->pdata[0],
                                         .deadline_ms = satchel_auth_deadline_ms (auth) },
          told_attributes, owned);
      return TRUE;
    }
  reply_owned (owned, NULL);
  owned_free (owned);
  return TRUE;
}
