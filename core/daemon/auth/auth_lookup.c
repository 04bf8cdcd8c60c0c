/* SPDX-License-Identifier: MIT
 * Addresses to users: domains, aliases at most ten deep, repetitions dropped, all bounded.  An alias that
 * leads to nobody is a mistake of the admin: an error in the log, and mail waits.
 */
#include "config.h"

#include "core/daemon/auth/auth.h"

#include <satchel/hash.h>
#include <satchel/log.h>
#include <string.h>

#define AREA "auth"
#define MAX_DEPTH 10
#define MAX_USERS 100
#define MAX_VISITED 1000
#define MAX_REPLY_BYTES 15000 /* of SATCHEL_IPC_MAX_BYTES, headers aside */

typedef struct
{
  SatchelAuth *auth;
  const char *address; /* asked for, for the log */
  gboolean is_ours;    /* a database or auth.domains names its domain */
  GPtrArray *users;    /* of the result */
  GHashTable *visited, *found;
  gboolean is_broken; /* an alias leads to nobody, and the log says so */
  const char *again;  /* an address that aliases led to twice; of visited */
} Search;

/* Logs trouble with an address.  Anybody may ask for addresses, so the lines are bounded: a few a minute say
 * as much as a million. */
static void log_trouble (const char *format, ...) G_GNUC_PRINTF (1, 2);
static void
log_trouble (const char *format, ...)
{
  static SatchelLogBudget budget = {
    .area = AREA, .burst = 20, .an_hour = 720, .burst_in_all = 20, .a_second = 1
  };
  if (!satchel_log_budget_take (&budget, "addresses", "senders"))
    return;
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  satchel_log (SATCHEL_LOG_ERROR, AREA, "%s", text);
}

static char *
normalise_address (SatchelAuth *auth, const char *address)
{
  return satchel_user_normalise (address, strlen (address), auth->settings.default_domain,
                                 auth->settings.lowers_users, NULL);
}

static gboolean
is_our_domain (SatchelAuth *auth, const char *domain)
{
  for (char **name = auth->settings.domains; name != NULL && *name != NULL; name++)
    if (g_ascii_strcasecmp (*name, domain) == 0)
      return TRUE;
  if (g_ascii_strcasecmp (auth->settings.default_domain, domain) == 0)
    return TRUE;
  for (guint i = 0; i < auth->userdbs->len; i++)
    {
      const SatchelUserdbOps *userdb = auth->userdbs->pdata[i];
      if (SATCHEL_HAS (userdb, has_domain) && userdb->has_domain (domain))
        return TRUE;
    }
  return FALSE;
}

static gboolean
has_only_aliases (const SatchelUserdbOps *userdb)
{
  return userdb->size >= G_STRUCT_OFFSET (SatchelUserdbOps, flags) + sizeof userdb->flags
         && (userdb->flags & SATCHEL_USERDB_ALIASES) != 0;
}

static SatchelDeliveryStatus
add_user (Search *search, const char *user)
{
  if (g_hash_table_contains (search->found, user))
    return SATCHEL_DELIVERY_OK;
  if (search->users->len >= MAX_USERS)
    {
      log_trouble ("address \"%s\" names more than %d users", search->address, MAX_USERS);
      return SATCHEL_DELIVERY_TEMPORARY;
    }
  g_hash_table_add (search->found, g_strdup (user));
  g_ptr_array_add (search->users, g_strdup (user));
  return SATCHEL_DELIVERY_OK;
}

static SatchelDeliveryStatus expand_address (Search *search, const char *address, const char *plain,
                                             guint first, guint depth);

/* Of a target that differs from @address in its domain only (an alias of the whole domain): the target
 * without detail. */
static char *
plain_target (const char *target, const char *address, const char *plain)
{
  const char *at = strrchr (target, '@');
  gsize local_len = (gsize) (at - target);
  if (plain == NULL || strncmp (target, address, local_len + 1) != 0)
    return NULL;
  return g_strdup_printf ("%.*s%s", (int) (strrchr (plain, '@') - plain), plain, at);
}

/* An alias of a whole domain leads to whatever was asked for, so that nobody there is simply unknown. */
static gboolean
is_of_whole_domain (SatchelAuth *auth, const char *target, const char *address)
{
  const char *at = strrchr (target, '@');
  return strncmp (target, address, (gsize) (at - target) + 1) == 0 && is_our_domain (auth, at + 1);
}

/* What a database gave for @address.  OK also if nothing came of it. */
static SatchelDeliveryStatus
follow_alias (Search *search, const char *address, const char *plain, const GPtrArray *targets, guint index,
              guint depth)
{
  const SatchelUserdbOps *userdb = search->auth->userdbs->pdata[index];
  for (guint i = 0; i < targets->len; i++)
    {
      g_autofree char *target = normalise_address (search->auth, targets->pdata[i]);
      SatchelDeliveryStatus status = SATCHEL_DELIVERY_UNKNOWN;
      if (target == NULL)
        {
          log_trouble ("address \"%s\" leads to \"%s\", which is not an address", address,
                       (const char *) targets->pdata[i]);
          search->is_broken = TRUE;
        }
      else if (strcmp (target, address) == 0 && !has_only_aliases (userdb))
        status = add_user (search, target);
      else if (strcmp (target, address) == 0)
        status = expand_address (search, target, NULL, index + 1, depth + 1);
      else if (g_hash_table_contains (search->visited, target))
        {
          search->again = g_hash_table_lookup (search->visited, target);
          status = SATCHEL_DELIVERY_OK;
        }
      else
        {
          g_autofree char *target_plain = plain_target (target, address, plain);
          status = expand_address (search, target, target_plain, 0, depth + 1);
        }
      if (status == SATCHEL_DELIVERY_TEMPORARY)
        return status;
      if (status == SATCHEL_DELIVERY_UNKNOWN && target != NULL
          && !is_of_whole_domain (search->auth, target, address))
        {
          log_trouble ("address \"%s\" leads to \"%s\", which is not a user here", address, target);
          search->is_broken = TRUE;
        }
    }
  return SATCHEL_DELIVERY_OK;
}

/* Databases in their order, the first that knows @address (or @plain, asked second by each) decides. */
static SatchelDeliveryStatus
expand_address (Search *search, const char *address, const char *plain, guint first, guint depth)
{
  const char *const names[] = { address, plain };
  if (depth > MAX_DEPTH || g_hash_table_size (search->visited) >= MAX_VISITED)
    {
      log_trouble ("aliases of \"%s\" are nested too deeply, at \"%s\"", search->address, address);
      return SATCHEL_DELIVERY_TEMPORARY;
    }
  if (first == 0)
    g_hash_table_add (search->visited, g_strdup (address));
  GPtrArray *userdbs = search->auth->userdbs;
  for (guint i = first; i < userdbs->len; i++)
    for (guint k = 0; k < G_N_ELEMENTS (names) && names[k] != NULL; k++)
      {
        const SatchelUserdbOps *userdb = userdbs->pdata[i];
        g_autoptr (GPtrArray) targets = g_ptr_array_new_with_free_func (g_free);
        g_autoptr (GError) error = NULL;
        switch (userdb->look_up (names[k], targets, &error))
          {
          case SATCHEL_USERDB_UNKNOWN:
            break;
          case SATCHEL_USERDB_TEMPORARY:
            log_trouble ("address \"%s\" cannot be looked up: %s", names[k],
                         error != NULL ? error->message : "no reason given");
            return SATCHEL_DELIVERY_TEMPORARY;
          case SATCHEL_USERDB_FOUND:
            /* A database that cannot name domains vouches by its answer; one that can must have named it. */
            if (search->is_ours || !SATCHEL_HAS (userdb, has_domain))
              return follow_alias (search, names[k], k == 0 ? plain : NULL, targets, i, depth);
            break;
          }
      }
  return SATCHEL_DELIVERY_UNKNOWN;
}

SatchelDeliveryStatus
satchel_auth_look_up (SatchelAuth *auth, const char *address, const char *plain, GPtrArray *users,
                      const char **ret_why)
{
  g_autofree char *name = normalise_address (auth, address);
  g_autofree char *plain_name = plain != NULL ? normalise_address (auth, plain) : NULL;
  *ret_why = "bad-address";
  /* A detail may hold what no user's name may, '/' for one. */
  if (name == NULL)
    name = g_steal_pointer (&plain_name);
  if (name == NULL)
    return SATCHEL_DELIVERY_UNKNOWN;
  Search search = {
    .auth = auth, .address = name, .is_ours = is_our_domain (auth, strrchr (name, '@') + 1), .users = users
  };
  search.visited = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  search.found = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  SatchelDeliveryStatus status = expand_address (&search, name, plain_name, 0, 0);
  /* All is lost or nothing: half the users would get the mail twice at the next try. */
  if (status != SATCHEL_DELIVERY_OK)
    g_ptr_array_set_size (users, 0);
  else if (users->len == 0)
    {
      if (search.again != NULL && !search.is_broken)
        log_trouble ("address \"%s\" leads in a circle of aliases, by \"%s\"", name, search.again);
      status =
          search.again != NULL || search.is_broken ? SATCHEL_DELIVERY_TEMPORARY : SATCHEL_DELIVERY_UNKNOWN;
    }
  *ret_why = status == SATCHEL_DELIVERY_OK          ? ""
             : status == SATCHEL_DELIVERY_TEMPORARY ? "look-up"
             : search.is_ours                       ? "unknown-user"
                                                    : "unknown-domain";
  g_hash_table_unref (search.visited);
  g_hash_table_unref (search.found);
  return status;
}

/* Adds where each user lives; durable before anybody hears of it.  Who is released or being moved has no
 * owner now. */
static SatchelDeliveryStatus
find_owners (SatchelAuth *auth, const GPtrArray *users, guint *ret_slots, GPtrArray *places)
{
  gsize n_bytes = 0;
  g_autoptr (GError) error = NULL;
  for (guint i = 0; i < users->len && n_bytes <= MAX_REPLY_BYTES; i++)
    {
      SatchelPlacement placement;
      SatchelPlace *place = NULL;
      if (!satchel_placements_find (auth->placements, users->pdata[i], &placement, &ret_slots[i], &error)
          || (place = satchel_auth_place (auth, users->pdata[i], &placement, &error)) == NULL)
        break;
      g_ptr_array_add (places, place);
      n_bytes += strlen (users->pdata[i]) + 8 + satchel_place_bytes (place);
    }
  gboolean is_durable = satchel_placements_sync (auth->placements, error == NULL ? &error : NULL);
  if (is_durable && error == NULL && n_bytes <= MAX_REPLY_BYTES)
    return SATCHEL_DELIVERY_OK;
  if (error != NULL)
    satchel_auth_log_misplaced (error);
  else
    log_trouble ("an address leads to %u users, whose names, places and attributes are more than %d bytes",
                 users->len, MAX_REPLY_BYTES);
  return SATCHEL_DELIVERY_TEMPORARY;
}

gboolean
satchel_auth_lookup_message (SatchelAuth *auth, SatchelPeer *peer, SatchelIpcMessage *message)
{
  guint64 request = satchel_ipc_get_u64 (message);
  const char *plain = satchel_ipc_get_string (message);
  const char *full = satchel_ipc_message_is_done (message) ? "" : satchel_ipc_get_string (message);
  if (!satchel_ipc_message_is_done (message))
    return FALSE;
  g_autoptr (GPtrArray) users = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) places = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_place_unref);
  guint slots[MAX_USERS] = { 0 };
  const char *why = "";
  SatchelDeliveryStatus status = full[0] != '\0' ? satchel_auth_look_up (auth, full, plain, users, &why)
                                                 : satchel_auth_look_up (auth, plain, NULL, users, &why);
  if (status == SATCHEL_DELIVERY_OK
      && (status = find_owners (auth, users, slots, places)) != SATCHEL_DELIVERY_OK)
    {
      g_ptr_array_set_size (users, 0);
      why = "no-owner";
    }

  SatchelIpcMessage *reply = satchel_ipc_message_new (SATCHEL_IPC_LOOKUP_REPLY, message->session_id);
  satchel_ipc_put_u64 (reply, request);
  satchel_ipc_put_u32 (reply, status);
  satchel_ipc_put_string (reply, why);
  satchel_ipc_put_u32 (reply, users->len);
  for (guint i = 0; i < users->len; i++)
    {
      satchel_ipc_put_string (reply, users->pdata[i]);
      satchel_ipc_put_u32 (reply, slots[i]);
      satchel_place_put (reply, places->pdata[i]);
    }
  satchel_peer_send (peer, reply);
  return TRUE;
}
