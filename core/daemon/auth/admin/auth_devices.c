/* SPDX-License-Identifier: MIT
 * The credentials that modules keep for a user beside the password, for lists of devices: factors list and
 * end them.  Sessions are added by the mail processes.
 */
#include "config.h"

#include "core/base/exit.h"
#include "core/daemon/auth/admin/auth_admin.h"
#include "core/runtime/log/log_private.h"

#include <string.h>

#define REPLY_BYTES 8000u
#define CLIENT_ID_MAX 255u

typedef struct Listing
{
  SatchelAuth *auth;
  guint64 request;
  GString *text;
  GPtrArray *ids;
} Listing;

static void
append_age (GString *line, const char *key, gint64 at_s)
{
  if (at_s > 0)
    g_string_append_printf (line, " %s=%" G_GINT64_FORMAT, key,
                            MAX (g_get_real_time () / G_USEC_PER_SEC - at_s, 0));
}

static void
append_text (GString *line, const char *key, const char *text)
{
  if (text != NULL && *text != '\0')
    satchel_log_field (line, key, text);
}

static void
add_credential (const SatchelCredentialEntry *entry, gpointer data)
{
  Listing *listing = data;
  GString *line = listing->text;
  if (line->len > REPLY_BYTES)
    {
      satchel_role_admin_reply (listing->auth->context, listing->request, FALSE, SATCHEL_EXIT_OK, line->str);
      g_string_truncate (line, 0);
    }
  g_string_append (line, "credential");
  append_text (line, "id", entry->id);
  append_text (line, "label", entry->label);
  append_text (line, "network", entry->network);
  append_text (line, "client", entry->client);
  append_text (line, "service", entry->service);
  append_text (line, "address", entry->peer);
  append_age (line, "since_s", entry->created_s);
  append_age (line, "used_s", entry->used_s);
  if (entry->expires_s > 0)
    g_string_append_printf (line, " expires_s=%" G_GINT64_FORMAT,
                            entry->expires_s - g_get_real_time () / G_USEC_PER_SEC);
  g_string_append_c (line, '\n');
}

static void
add_id (const SatchelCredentialEntry *entry, gpointer data)
{
  g_ptr_array_add (((Listing *) data)->ids, g_strdup (entry->id));
}

/* Lists the credentials of all modules. FALSE means that one of them cannot tell; what the others say is
 * listed. */
static gboolean
list_all (SatchelAuth *auth, const char *user, SatchelCredentialEntryFunc func, Listing *listing,
          GError **error)
{
  gboolean ok = TRUE;
  for (guint i = 0; i < auth->factors->len; i++)
    {
      const SatchelFactorOps *ops = auth->factors->pdata[i];
      if (SATCHEL_HAS (ops, list_credentials))
        ok = ops->list_credentials (user, func, listing, ok ? error : NULL) && ok;
    }
  return ok;
}

static void
reply (SatchelAuth *auth, guint64 request, const char *text, const GError *error)
{
  if (error != NULL)
    satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_UNAVAILABLE, "%serror=\"%s\"\n", text,
                              error->message);
  else
    satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_OK, "%s", text);
}

static void
list_known (SatchelAuth *auth, guint64 request, const char *user, gboolean is_known,
            const char *const *arguments)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  Listing listing = { .auth = auth, .request = request, .text = text };
  list_all (auth, user, add_credential, &listing, &error);
  reply (auth, request, text->str, error);
}

void
satchel_auth_devices_list (SatchelAuth *auth, guint64 request, const char *const *arguments)
{
  g_autofree char *user = satchel_auth_admin_user (auth, request, arguments[0]);
  if (user != NULL)
    satchel_auth_admin_with_user (auth, request, user, arguments, list_known);
}

/* Ends credential @id in the module that keeps it.  FALSE without an error: no module keeps it. */
static gboolean
end_one (SatchelAuth *auth, const char *user, const char *id, GError **error)
{
  for (guint i = 0; i < auth->factors->len; i++)
    {
      const SatchelFactorOps *ops = auth->factors->pdata[i];
      g_autoptr (GError) own = NULL;
      if (!SATCHEL_HAS (ops, end_credential))
        continue;
      if (ops->end_credential (user, id, &own))
        return TRUE;
      if (g_error_matches (own, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
        continue;
      g_propagate_error (error, g_steal_pointer (&own));
      return FALSE;
    }
  return FALSE;
}

/* Ends credentials of a user, also of somebody who is no user any more. */
void
satchel_auth_devices_end (SatchelAuth *auth, guint64 request, const char *const *arguments)
{
  g_autofree char *user = satchel_auth_admin_user (auth, request, arguments[0]);
  g_autoptr (GPtrArray) ids = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  Listing listing = { .ids = ids };
  guint n = 0;
  if (user == NULL)
    return;
  if (strcmp (arguments[1], "--all") == 0)
    list_all (auth, user, add_id, &listing, &error);
  else
    g_ptr_array_add (ids, g_strdup (arguments[1]));
  for (guint i = 0; i < ids->len; i++)
    n += end_one (auth, user, ids->pdata[i], error == NULL ? &error : NULL) ? 1 : 0;
  g_autofree char *text = g_strdup_printf ("credentials ended=%u\n", n);
  reply (auth, request, text, error);
}

static void
forget_unknown (SatchelAuth *auth, guint64 request, const char *user, gboolean is_known,
                const char *const *arguments)
{
  g_autoptr (GError) error = NULL;
  if (is_known)
    {
      satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_EXISTS, "%s is a user\n", user);
      return;
    }
  for (guint i = 0; i < auth->factors->len; i++)
    {
      const SatchelFactorOps *ops = auth->factors->pdata[i];
      g_autoptr (GError) own = NULL;
      if (SATCHEL_HAS (ops, forget_user) && !ops->forget_user (user, &own) && error == NULL)
        error = g_steal_pointer (&own);
    }
  satchel_known_forget (auth->known, user);
  satchel_known_sync (auth->known);
  if (error != NULL)
    satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_TEMPORARY, "%s\n", error->message);
  else
    satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_OK, "%s", "");
}

void
satchel_auth_devices_forget (SatchelAuth *auth, guint64 request, const char *const *arguments)
{
  g_autofree char *user = satchel_auth_admin_user (auth, request, arguments[0]);
  if (user != NULL)
    satchel_auth_admin_inquire (auth, request, user, arguments, forget_unknown);
}

gboolean
satchel_auth_client_named (SatchelAuth *auth, SatchelIpcMessage *message)
{
  const char *user = satchel_ipc_get_string (message), *credential = satchel_ipc_get_string (message),
             *client = satchel_ipc_get_string (message);
  if (!satchel_ipc_message_is_done (message) || strlen (client) > CLIENT_ID_MAX)
    return FALSE;
  for (guint i = 0; i < auth->factors->len; i++)
    {
      const SatchelFactorOps *ops = auth->factors->pdata[i];
      if (SATCHEL_HAS (ops, client_named))
        ops->client_named (user, credential, client);
    }
  return TRUE;
}
