/* SPDX-License-Identifier: MIT
 * Admin requests to auth.  A released user cannot log in and gets no mail (temporarily) until adopted.
 */
#include "config.h"

#include "core/daemon/auth_admin.h"

#include <satchel/log.h>
#include <string.h>

#include "core/runtime/log_private.h"

#define AREA "auth"
#define MAX_RELEASES 1024
#define MAX_STATUS_BYTES 12000 /* of SATCHEL_CONTROL_REPLY_MAX */
#define EXIT_NO_USER 66

/* Releases that wait for their mail process. */
typedef struct
{
  char *user;
  guint slot;
  guint64 request;
} Release;
static GSList *releases;
static guint n_releases;

static void
reply (SatchelAuth *auth, guint64 request, guint status, const char *format, ...) G_GNUC_PRINTF (4, 5);
static void
reply (SatchelAuth *auth, guint64 request, guint status, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  satchel_role_admin_reply (auth->context, request, TRUE, status, text);
}

static char *
user_argument (SatchelAuth *auth, guint64 request, const char *name)
{
  g_autoptr (GError) error = NULL;
  char *user = name == NULL ? NULL
                            : satchel_user_normalise (name, strlen (name), auth->settings.default_domain,
                                                      auth->settings.lowers_users, &error);
  if (user == NULL)
    reply (auth, request, 64, "%s\n", error != NULL ? error->message : "a user name is missing");
  return user;
}

/* A database that cannot be asked just now makes nobody unknown. */
static gboolean
is_known (SatchelAuth *auth, const char *user)
{
  g_autoptr (GPtrArray) users = g_ptr_array_new_with_free_func (g_free);
  const char *why;
  SatchelDeliveryStatus status = satchel_auth_look_up (auth, user, NULL, users, &why);
  if (status == SATCHEL_DELIVERY_TEMPORARY || g_ptr_array_find_with_equal_func (users, user, g_str_equal, NULL))
    return TRUE;
  for (guint i = 0; i < auth->passdbs->len; i++)
    {
      const SatchelPassdbOps *passdb = auth->passdbs->pdata[i];
      g_auto (SatchelCredential) credential = { .size = sizeof credential };
      g_autoptr (GError) error = NULL;
      if (passdb->look_up (user, &credential, &error) || error != NULL)
        return TRUE;
    }
  return FALSE;
}

static void
reply_unknown (SatchelAuth *auth, guint64 request, const char *user)
{
  reply (auth, request, EXIT_NO_USER, "%s: no such user; `satchel user list` shows all\n", user);
}

/* The mail processes end the sessions; what is known here is whether there is such a user at all. */
static void
admin_kick (SatchelAuth *auth, guint64 request, const char *const *arguments)
{
  g_autofree char *user = user_argument (auth, request, arguments[0]);
  if (user != NULL)
    reply (auth, request, is_known (auth, user) ? 0 : EXIT_NO_USER, "%s", "");
}

static void
admin_release (SatchelAuth *auth, guint64 request, const char *const *arguments)
{
  g_autofree char *user = user_argument (auth, request, arguments[0]);
  g_autoptr (GError) error = NULL;
  guint slot;
  if (user == NULL)
    return;
  if (!satchel_owners_find (auth->owners, user, &slot))
    {
      reply (auth, request, 0, "%s is released already\n", user);
      return;
    }
  if (!is_known (auth, user))
    {
      reply_unknown (auth, request, user);
      return;
    }
  if (n_releases >= MAX_RELEASES || !satchel_owners_release (auth->owners, user, &error))
    {
      reply (auth, request, 1, "%s is not released: %s\n", user, error != NULL ? error->message : "too many at a time");
      return;
    }
  satchel_log (SATCHEL_LOG_INFO, AREA, "user released: user=\"%s\" slot=%u", user, slot);
  SatchelPeer *mail = satchel_role_peer (auth->context, SATCHEL_ROLE_MAIL, slot);
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_RELEASE, 0);
  satchel_ipc_put_string (message, user);
  if (mail == NULL)
    satchel_ipc_message_free (message);
  if (mail == NULL || !satchel_peer_send (mail, message))
    {
      reply (auth, request, 0, "%s is released\n", user); /* no process, no session */
      return;
    }
  Release *release = g_new0 (Release, 1);
  *release = (Release){ g_steal_pointer (&user), slot, request };
  releases = g_slist_prepend (releases, release);
  n_releases++;
}

/* Ends those that wait for @slot, for @user if not NULL. */
static guint
end_releases (SatchelAuth *auth, guint slot, const char *user)
{
  guint n = 0;
  for (GSList **link = &releases; *link != NULL;)
    {
      Release *release = (*link)->data;
      if (release->slot != slot || (user != NULL && strcmp (release->user, user) != 0))
        {
          link = &(*link)->next;
          continue;
        }
      reply (auth, release->request, 0, "%s is released\n", release->user);
      g_free (release->user);
      g_free (release);
      *link = g_slist_delete_link (*link, *link);
      n_releases--;
      n++;
    }
  return n;
}

gboolean
satchel_auth_admin_released (SatchelAuth *auth, SatchelPeer *mail, const char *user)
{
  return end_releases (auth, mail->slot, user) > 0;
}

void
satchel_auth_admin_mail_lost (SatchelAuth *auth, SatchelPeer *mail)
{
  end_releases (auth, mail->slot, NULL);
}

static void
admin_adopt (SatchelAuth *auth, guint64 request, const char *const *arguments)
{
  g_autofree char *user = user_argument (auth, request, arguments[0]);
  g_autoptr (GError) error = NULL;
  if (user == NULL)
    return;
  guint n_slots = auth->context->n_mail_slots, old;
  guint64 slot = satchel_owners_default_slot (user, n_slots);
  if (arguments[1] != NULL && !g_ascii_string_to_unsigned (arguments[1], 10, 0, SATCHEL_SLOTS_MAX - 1, &slot, NULL))
    {
      reply (auth, request, 64, "\"%s\" is not the number of a mail process\n", arguments[1]);
      return;
    }
  gboolean has_owner = satchel_owners_find (auth->owners, user, &old);
  if (has_owner && !is_known (auth, user))
    {
      reply_unknown (auth, request, user);
      return;
    }
  if (has_owner)
    {
      reply (auth, request, old == slot ? 0 : 1, "%s belongs to mail process %u; release it first\n", user, old);
      return;
    }
  for (GSList *link = releases; link != NULL; link = link->next)
    if (strcmp (((Release *) link->data)->user, user) == 0)
      {
        reply (auth, request, 75, "%s is still being released\n", user);
        return;
      }
  if (!satchel_owners_adopt (auth->owners, user, (guint) slot, &error))
    {
      reply (auth, request, 1, "%s is not adopted: %s\n", user, error->message);
      return;
    }
  satchel_log (SATCHEL_LOG_INFO, AREA, "user adopted: user=\"%s\" slot=%u", user, (guint) slot);
  SatchelPeer *mail = satchel_role_peer (auth->context, SATCHEL_ROLE_MAIL, (guint) slot);
  if (mail != NULL)
    {
      g_autofree char *path = satchel_auth_user_path (user);
      SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_ADOPT, 0);
      satchel_ipc_put_string (message, user);
      satchel_ipc_put_string (message, path);
      satchel_peer_send (mail, message);
    }
  reply (auth, request, 0, "%s belongs to mail process %u\n", user, (guint) slot);
}

/* One line each, as many as an answer holds. */
static void
add_released (const char *user, gpointer data)
{
  GString *text = data;
  if (text->len > MAX_STATUS_BYTES)
    return;
  g_string_append (text, "released");
  satchel_log_field (text, "user", user);
  g_string_append_c (text, '\n');
}

static void
admin_status (SatchelAuth *auth, guint64 request, const char *const *arguments)
{
  guint n_sessions = 0;
  for (guint i = 0; i < auth->context->peers->len; i++)
    {
      SatchelPeer *peer = auth->context->peers->pdata[i];
      if (peer->role == SATCHEL_ROLE_GATE && peer->data != NULL)
        n_sessions += satchel_auth_gate_n_sessions (peer->data);
    }
  g_autoptr (GString) released = g_string_new (NULL);
  satchel_owners_released (auth->owners, add_released, released);
  reply (auth, request, 0, "auth: users=%u sessions=%u hashes=%u\n%s", g_hash_table_size (auth->n_connections), n_sessions,
         satchel_hash_pool_n_running (auth->pool), released->str);
}

/* For master, which gives a module's command to the owner: "SLOT known|unknown PATH". */
static void
admin_owner (SatchelAuth *auth, guint64 request, const char *const *arguments)
{
  g_autofree char *user = user_argument (auth, request, arguments[0]);
  guint slot;
  if (user == NULL)
    return;
  if (!satchel_owners_find (auth->owners, user, &slot))
    {
      reply (auth, request, 75, "%s is released; `satchel adopt %s` gives the user back first\n", user, user);
      return;
    }
  g_autofree char *path = satchel_auth_user_path (user);
  reply (auth, request, 0, "%u %s %s", slot, is_known (auth, user) ? "known" : "unknown", path);
}

static const struct
{
  const char *name;
  void (*func) (SatchelAuth *auth, guint64 request, const char *const *arguments);
} commands[] = {
  { "status", admin_status },
  { "kick", admin_kick },
  { "release", admin_release },
  { "adopt", admin_adopt },
  { "owner", admin_owner },
};

gboolean
satchel_auth_admin (SatchelAuth *auth, guint64 request, const char *const *argv)
{
  for (guint i = 0; argv[0] != NULL && i < G_N_ELEMENTS (commands); i++)
    if (strcmp (argv[0], commands[i].name) == 0)
      {
        commands[i].func (auth, request, argv + 1);
        return TRUE;
      }
  return FALSE;
}
