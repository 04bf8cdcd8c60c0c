/* SPDX-License-Identifier: MIT
 * This file resolves addresses to users: domains, then aliases at most ten deep, with repetitions dropped.
 * All of it is bounded.  An alias that leads to nobody is a mistake of the administrator: the log has an
 * error, and mail to it is deferred.
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

/* Each address on the way from what was asked for to its users has a frame. */
typedef struct Frame
{
  char *address, *plain; /* each userdb is asked for @address, then for @plain, if not NULL */
  guint index, depth;    /* number of the userdb that is asked; how many aliases led here */
  gboolean asks_plain;
  char **targets; /* what a userdb gave; NULL: none yet */
  guint target;   /* the one of `targets` that is being followed */
} Frame;

typedef struct Search
{
  SatchelAuth *auth;
  char *address; /* the address that was asked for */
  gint64 deadline_ms;
  gboolean is_ours;             /* a database or auth.domains names its domain */
  GPtrArray *users;             /* the users that were found */
  GPtrArray *frames;            /* Frame, the innermost last */
  SatchelDeliveryStatus status; /* the result, once `frames` is empty */
  GHashTable *visited, *found;  /* NULL as long as there is only one address, or one user */
  gboolean is_broken;           /* an alias leads to nobody, and the log says so */
  const char *again;            /* an address that aliases led to twice; borrowed */
  gboolean is_asking, is_running;
  SatchelLookUpFunc func;
  gpointer data;
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

static void
frame_free (gpointer data)
{
  Frame *frame = data;
  g_free (frame->address);
  g_free (frame->plain);
  g_strfreev (frame->targets);
  g_free (frame);
}

static Frame *
innermost (const Search *search)
{
  return search->frames->len > 0 ? search->frames->pdata[search->frames->len - 1] : NULL;
}

/* Drops all users that were found: with half of them, those would get the mail twice at the next try. */
static void
put_off (Search *search)
{
  g_ptr_array_set_size (search->frames, 0);
  search->status = SATCHEL_DELIVERY_TEMPORARY;
}

/* Says whether @user was found already.  Most addresses name one user, so only a second one makes the table.
 * */
static gboolean
is_found (Search *search, const char *user)
{
  if (search->users->len == 0)
    return FALSE;
  if (search->found == NULL)
    {
      search->found = g_hash_table_new (satchel_string_hash, g_str_equal);
      g_hash_table_add (search->found, g_ptr_array_index (search->users, 0));
    }
  return g_hash_table_contains (search->found, user);
}

static void
add_user (Search *search, const char *user)
{
  if (is_found (search, user))
    return;
  if (search->users->len >= MAX_USERS)
    {
      log_trouble ("address \"%s\" names more than %d users", search->address, MAX_USERS);
      put_off (search);
      return;
    }
  g_ptr_array_add (search->users, g_strdup (user));
  if (search->found != NULL)
    g_hash_table_add (search->found, (gpointer) g_ptr_array_index (search->users, search->users->len - 1));
}

/* Returns the target without detail, if @target differs from @address in its domain only, as with an alias of
 * a whole domain; else NULL. */
static char *
plain_target (const char *target, const char *address, const char *plain)
{
  const char *at = strrchr (target, '@');
  gsize local_len = (gsize) (at - target);
  if (plain == NULL || strncmp (target, address, local_len + 1) != 0)
    return NULL;
  return g_strdup_printf ("%.*s%s", (int) (strrchr (plain, '@') - plain), plain, at);
}

/* Says whether @target comes from an alias of a whole domain.  Such an alias leads to any address that was
 * asked for, so that if nobody has it there, the address is simply unknown. */
static gboolean
is_of_whole_domain (SatchelAuth *auth, const char *target, const char *address)
{
  const char *at = strrchr (target, '@');
  return strncmp (target, address, (gsize) (at - target) + 1) == 0 && is_our_domain (auth, at + 1);
}

/* Returns the address as it was noted when aliases led there, or the one that was asked for first; NULL means
 * that they did not. */
static const char *
find_visit (const Search *search, const char *address)
{
  if (strcmp (address, search->address) == 0)
    return search->address;
  return search->visited != NULL ? g_hash_table_lookup (search->visited, address) : NULL;
}

/* Notes an address that was looked at. The first one is not noted, so that a look-up without aliases needs no
 * table. */
static void
note_visit (Search *search, const char *address)
{
  if (search->visited == NULL)
    search->visited = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  g_hash_table_add (search->visited, g_strdup (address));
}

/* Follows another address.  @plain is taken over.  The userdbs from @first on are asked. */
static void
push_frame (Search *search, const char *address, char *plain, guint first, guint depth)
{
  if (depth > MAX_DEPTH || (search->visited != NULL && g_hash_table_size (search->visited) >= MAX_VISITED))
    {
      log_trouble ("aliases of \"%s\" are nested too deeply, at \"%s\"", search->address, address);
      g_free (plain);
      put_off (search);
      return;
    }
  if (first == 0 && depth > 0)
    note_visit (search, address);
  Frame *frame = g_new0 (Frame, 1);
  *frame = (Frame) { .address = g_strdup (address), .plain = plain, .index = first, .depth = depth };
  g_ptr_array_add (search->frames, frame);
}

/* Returns the name that a userdb is asked for, or has known. */
static const char *
asked_name (const Frame *frame)
{
  return frame->asks_plain ? frame->plain : frame->address;
}

static char *
normal_target (const Search *search, const Frame *frame)
{
  return normalise_address (search->auth, frame->targets[frame->target]);
}

/* Ends the innermost address: what came of it is news of the target that led there. */
static void
pop_frame (Search *search, SatchelDeliveryStatus status)
{
  g_ptr_array_set_size (search->frames, (gint) search->frames->len - 1);
  Frame *outer = innermost (search);
  search->status = status;
  if (outer == NULL)
    return;
  g_autofree char *target = normal_target (search, outer);
  if (status == SATCHEL_DELIVERY_UNKNOWN && !is_of_whole_domain (search->auth, target, asked_name (outer)))
    {
      log_trouble ("address \"%s\" leads to \"%s\", which is not a user here", asked_name (outer), target);
      search->is_broken = TRUE;
    }
  outer->target++;
}

/* Follows what a database gave: a user, or an alias that leads on. */
static void
follow_target (Search *search, Frame *frame)
{
  const SatchelUserdbOps *userdb = search->auth->userdbs->pdata[frame->index];
  const char *address = asked_name (frame);
  g_autofree char *target = normal_target (search, frame);
  gboolean is_itself = g_strcmp0 (target, address) == 0;
  if (is_itself && has_only_aliases (userdb))
    push_frame (search, target, NULL, frame->index + 1, frame->depth + 1);
  else if (target != NULL && !is_itself && find_visit (search, target) == NULL)
    push_frame (search, target, plain_target (target, address, frame->asks_plain ? NULL : frame->plain), 0,
                frame->depth + 1);
  else
    {
      frame->target++;
      if (is_itself)
        add_user (search, target);
      else if (target != NULL)
        search->again = find_visit (search, target);
      else
        {
          log_trouble ("address \"%s\" leads to \"%s\", which is not an address", address,
                       frame->targets[frame->target - 1]);
          search->is_broken = TRUE;
        }
    }
}

static void run_search (Search *search);

static void
answered (SatchelCallAnswer *answer, gpointer data)
{
  Search *search = data;
  Frame *frame = innermost (search);
  const SatchelUserdbOps *userdb = search->auth->userdbs->pdata[frame->index];
  search->is_asking = FALSE;
  if (answer->error != NULL)
    {
      if (!g_error_matches (answer->error, SATCHEL_ERROR, SATCHEL_ERROR_CANCELLED))
        log_trouble ("address \"%s\" cannot be looked up: %s", asked_name (frame), answer->error->message);
      put_off (search);
    }
  /* A database that cannot name domains vouches for an address by its answer; one that can must have named
   * the domain. */
  else if (answer->texts != NULL && (search->is_ours || !SATCHEL_HAS (userdb, has_domain)))
    frame->targets = g_steal_pointer (&answer->texts);
  else if (!frame->asks_plain && frame->plain != NULL)
    frame->asks_plain = TRUE;
  else
    {
      frame->asks_plain = FALSE;
      frame->index++;
    }
  if (!search->is_running)
    run_search (search);
}

static void
ask_userdb (Search *search, const Frame *frame)
{
  const SatchelUserdbOps *userdb = search->auth->userdbs->pdata[frame->index];
  const SatchelQuestion question = { .kind = SATCHEL_CALL_RESOLVE,
                                     .source = userdb,
                                     .ask = userdb->look_up,
                                     .cancelled = SATCHEL_HAS (userdb, cancelled) ? userdb->cancelled : NULL,
                                     .user = asked_name (frame),
                                     .deadline_ms = search->deadline_ms };
  search->is_asking = TRUE;
  satchel_call_ask (&question, answered, search);
}

static void
finish_search (Search *search)
{
  SatchelDeliveryStatus status = search->status;
  if (status != SATCHEL_DELIVERY_OK)
    g_ptr_array_set_size (search->users, 0);
  else if (search->users->len == 0)
    {
      if (search->again != NULL && !search->is_broken)
        log_trouble ("address \"%s\" leads in a circle of aliases, by \"%s\"", search->address,
                     search->again);
      status =
          search->again != NULL || search->is_broken ? SATCHEL_DELIVERY_TEMPORARY : SATCHEL_DELIVERY_UNKNOWN;
    }
  const char *why = status == SATCHEL_DELIVERY_OK          ? ""
                    : status == SATCHEL_DELIVERY_TEMPORARY ? "look-up"
                    : search->is_ours                      ? "unknown-user"
                                                           : "unknown-domain";
  search->func (status, search->users, why, search->data);
  g_clear_pointer (&search->found, g_hash_table_unref);
  g_clear_pointer (&search->visited, g_hash_table_unref);
  g_ptr_array_unref (search->users);
  g_ptr_array_unref (search->frames);
  g_free (search->address);
  g_free (search);
}

/* Databases in their order, the first that knows an address decides.  Answers that come at once cost no turn
 * of the loop. */
static void
run_search (Search *search)
{
  search->is_running = TRUE;
  while (!search->is_asking && search->frames->len > 0)
    {
      Frame *frame = innermost (search);
      if (frame->targets == NULL && frame->index < search->auth->userdbs->len)
        ask_userdb (search, frame);
      else if (frame->targets == NULL)
        pop_frame (search, SATCHEL_DELIVERY_UNKNOWN);
      else if (frame->targets[frame->target] != NULL)
        follow_target (search, frame);
      else
        pop_frame (search, SATCHEL_DELIVERY_OK);
    }
  search->is_running = FALSE;
  if (!search->is_asking)
    finish_search (search);
}

gint64
satchel_auth_deadline_ms (const SatchelAuth *auth)
{
  return satchel_now_ms () + auth->settings.source_ms;
}

void
satchel_auth_look_up (SatchelAuth *auth, const char *address, const char *plain, gint64 deadline_ms,
                      SatchelLookUpFunc func, gpointer data)
{
  g_autofree char *name = normalise_address (auth, address);
  g_autofree char *plain_name = plain != NULL ? normalise_address (auth, plain) : NULL;
  /* A detail may hold what no user's name may, '/' for one. */
  if (name == NULL)
    name = g_steal_pointer (&plain_name);
  if (name == NULL)
    {
      g_autoptr (GPtrArray) nobody = g_ptr_array_new_with_free_func (g_free);
      func (SATCHEL_DELIVERY_UNKNOWN, nobody, "bad-address", data);
      return;
    }
  Search *search = g_new0 (Search, 1);
  *search = (Search) { .auth = auth,
                       .address = g_strdup (name),
                       .deadline_ms = deadline_ms,
                       .is_ours = is_our_domain (auth, strrchr (name, '@') + 1),
                       .users = g_ptr_array_new_with_free_func (g_free),
                       .frames = g_ptr_array_new_with_free_func (frame_free),
                       .func = func,
                       .data = data };
  push_frame (search, name, g_steal_pointer (&plain_name), 0, 0);
  run_search (search);
}
