/* SPDX-License-Identifier: MIT
 * Asks auth for recipients (role mail, main thread). The detail behind '+' is cut off here; auth knows
 * domains, aliases and users.
 */
#include "config.h"

#include "core/session/delivery/delivery_private.h"
#include "core/session/mail/mail.h"

#include <satchel/hash.h>
#include <string.h>

enum
{
  USERS_MAX = 100 /* an alias has at most so many users, as in auth */
};

typedef struct Lookup
{
  guint64 request;
  SatchelSession *session;
  char *address, *detail;
  SatchelRecipientFunc func;
  gpointer data;
} Lookup;

static GHashTable *lookups; /* request -> Lookup */
static guint64 last_request;

static void
lookup_free (gpointer data)
{
  Lookup *lookup = data;
  g_free (lookup->address);
  g_free (lookup->detail);
  g_free (lookup);
}

/* Ends a look-up, with exactly one call of func. */
static void
answer_look_up (Lookup *lookup, SatchelRoutedRecipient *routed)
{
  SatchelSession *session = lookup->session;
  routed->recipient.size = sizeof routed->recipient;
  routed->recipient.address = lookup->address;
  routed->recipient.detail = lookup->detail;
  lookup->func (&routed->recipient, lookup->data);
  g_hash_table_remove (lookups, &lookup->request);
  satchel_session_unhold (session);
}

static void
answer_later (gpointer data)
{
  guint64 *request = data;
  Lookup *lookup = lookups != NULL ? g_hash_table_lookup (lookups, request) : NULL;
  if (lookup != NULL)
    answer_look_up (lookup, &(SatchelRoutedRecipient) {
                                .recipient = { .status = SATCHEL_DELIVERY_TEMPORARY, .why = "auth-away" } });
  g_free (request);
}

/* Returns "local+detail@domain" without the detail. *ret_detail: NULL if there is none, as in
 * "local+@domain". */
static char *
cut_detail (const char *address, char **ret_detail)
{
  const char *at = strrchr (address, '@');
  gsize local_len = at != NULL ? (gsize) (at - address) : strlen (address);
  gsize cut = strcspn (address, satchel_delivery_host ()->detail_separators);
  *ret_detail = NULL;
  if (cut == 0 || cut >= local_len)
    return g_strdup (address);
  if (cut + 1 < local_len)
    *ret_detail = g_strndup (address + cut + 1, local_len - cut - 1);
  return g_strdup_printf ("%.*s%s", (int) cut, address, at != NULL ? at : "");
}

void
satchel_delivery_look_up (SatchelSession *session, const char *address, SatchelRecipientFunc func,
                          gpointer data)
{
  if (lookups == NULL)
    lookups = g_hash_table_new_full (satchel_number64_hash, g_int64_equal, NULL, lookup_free);
  Lookup *lookup = g_new0 (Lookup, 1);
  lookup->request = ++last_request;
  lookup->session = session;
  lookup->func = func;
  lookup->data = data;
  g_autofree char *plain = cut_detail (address, &lookup->detail);
  lookup->address = g_strdup (address);
  satchel_session_hold (session);
  g_hash_table_insert (lookups, &lookup->request, lookup);

  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_LOOKUP, 0);
  satchel_ipc_put_u64 (message, lookup->request);
  satchel_ipc_put_string (message, plain);
  if (strcmp (plain, address) != 0)
    satchel_ipc_put_string (message, address);
  if (!satchel_delivery_host ()->send_to_auth (message))
    satchel_defer (answer_later, g_memdup2 (&lookup->request, sizeof lookup->request));
}

gboolean
satchel_delivery_auth_message (SatchelIpcMessage *message)
{
  if (message->type != SATCHEL_IPC_LOOKUP_REPLY)
    return FALSE;
  guint64 request = satchel_ipc_get_u64 (message);
  guint32 status = satchel_ipc_get_u32 (message);
  const char *why = satchel_ipc_get_string (message);
  guint32 n = satchel_ipc_get_u32 (message);
  if (message->failed || n > USERS_MAX || status > SATCHEL_DELIVERY_NOSPACE)
    return FALSE;
  const char *users[USERS_MAX + 1] = { NULL };
  g_autoptr (GPtrArray) places = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_place_unref);
  guint32 slots[USERS_MAX + 1] = { 0 };
  for (guint i = 0; i < n; i++)
    {
      users[i] = satchel_ipc_get_string (message);
      slots[i] = satchel_ipc_get_u32 (message);
      g_ptr_array_add (places, satchel_place_get (message));
    }
  if (!satchel_ipc_message_is_done (message) || (status == SATCHEL_DELIVERY_OK && n == 0))
    return FALSE;
  Lookup *lookup = lookups != NULL ? g_hash_table_lookup (lookups, &request) : NULL;
  if (lookup != NULL)
    answer_look_up (lookup,
                    &(SatchelRoutedRecipient) { .recipient = { .status = status, .users = users, .why = why },
                                                .slots = slots,
                                                .places = (SatchelPlace *const *) (gpointer) places->pdata });
  return TRUE;
}

void
satchel_delivery_auth_lost (void)
{
  GHashTableIter iter;
  gpointer value;
  if (lookups == NULL)
    return;
  g_hash_table_iter_init (&iter, lookups);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    satchel_defer (answer_later, g_memdup2 (&((Lookup *) value)->request, sizeof (guint64)));
}
