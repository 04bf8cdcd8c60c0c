/* SPDX-License-Identifier: MIT
 * Implements `satchel auth throttle`: shows and forgets failed logins.
 */
#include "config.h"

#include "core/base/exit.h"
#include "core/daemon/auth/admin/auth_admin.h"
#include "core/runtime/log/log_private.h"
#include "core/session/network.h"

#include <string.h>

#define PART_BYTES 8000 /* bytes of one part of the answer */
#define LINES_MAX 10000

typedef struct
{
  SatchelAuth *auth;
  guint64 request;
  const char *user; /* "": the list shows all users */
  gboolean is_all;  /* the list also shows what is not refused */
  gint64 now_ms;
  GString *text;
  guint n_lines, n_left_out;
} List;

static void
send_text (List *list, gboolean is_final)
{
  satchel_role_admin_reply (list->auth->context, list->request, is_final, SATCHEL_EXIT_OK, list->text->str);
  g_string_truncate (list->text, 0);
}

/* Begins a line of the list. FALSE means that the list is full, and that there are more than it shows. */
static gboolean
begin_line (List *list, const char *kind, const char *user, const char *network)
{
  if (list->n_lines == LINES_MAX)
    {
      list->n_left_out++;
      return FALSE;
    }
  list->n_lines++;
  if (list->text->len > PART_BYTES)
    send_text (list, FALSE);
  g_string_append_printf (list->text, "kind=%s", kind);
  if (*user != '\0')
    {
      g_string_append (list->text, " user=");
      satchel_log_append_quoted (list->text, user, strlen (user), TRUE);
    }
  if (*network != '\0')
    satchel_log_field (list->text, "network", network);
  return TRUE;
}

static void
list_throttled (const SatchelThrottled *throttled, gpointer data)
{
  List *list = data;
  gboolean is_refused = throttled->n_failures >= throttled->limit;
  if ((!is_refused && !list->is_all) || (*list->user != '\0' && strcmp (list->user, throttled->user) != 0)
      || !begin_line (list, satchel_throttle_word (throttled->kind), throttled->user, throttled->network))
    return;
  g_string_append_printf (list->text, " failures=%u limit=%u", throttled->n_failures, throttled->limit);
  if (throttled->kind == SATCHEL_THROTTLE_ACCOUNT)
    g_string_append_printf (list->text, " reserved=%u reserve=%u", throttled->n_reserved, throttled->reserve);
  g_string_append_printf (list->text, " refused=%s forgotten_in_s=%" G_GINT64_FORMAT "\n",
                          is_refused ? "yes" : "no", MAX (throttled->ends_ms - list->now_ms, 0) / 1000);
}

static void
list_known (const char *user, const SatchelKnownPlace *place, gpointer data)
{
  List *list = data;
  char network[SATCHEL_ADDRESS_CHARS];
  satchel_address_text (&place->address, network);
  if (strcmp (list->user, user) == 0 && begin_line (list, "known", user, network))
    g_string_append_printf (list->text, " seen=%" G_GINT64_FORMAT " proved=%s\n", place->seen_s,
                            place->is_proved ? "yes" : "no");
}

static void
list_all (SatchelAuth *auth, guint64 request, const char *user, gboolean is_all)
{
  List list = { .auth = auth,
                .request = request,
                .user = user,
                .is_all = is_all || *user != '\0',
                .now_ms = satchel_now_ms (),
                .text = g_string_new (NULL) };
  satchel_throttle_foreach (auth->throttle, auth->settings.max_failures, list.now_ms, list_throttled, &list);
  if (*user != '\0')
    satchel_known_foreach (auth->known, list_known, &list);
  if (list.n_left_out > 0)
    g_string_append_printf (list.text, "more=%u\n", list.n_left_out);
  send_text (&list, TRUE);
  g_string_free (list.text, TRUE);
}

static void
clear_one (SatchelAuth *auth, guint64 request, const char *name, gboolean with_networks)
{
  gint64 now_ms = satchel_now_ms ();
  char place[SATCHEL_PLACE_BYTES];
  if (satchel_place_from_peer (name, place))
    {
      satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_OK, "failures=%u networks=0\n",
                                satchel_throttle_clear_place (auth->throttle, place, now_ms));
      return;
    }
  g_autofree char *user = satchel_auth_admin_user (auth, request, name);
  if (user == NULL)
    return;
  guint n_failures = satchel_throttle_clear_user (auth->throttle, user, now_ms);
  guint n_networks = with_networks ? satchel_known_forget (auth->known, user) : 0;
  satchel_known_sync (auth->known);
  satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_OK, "failures=%u networks=%u\n", n_failures,
                            n_networks);
}

/* The arguments are "list" and all or refused, with a USER if one is meant; or "clear" and all; or "clear",
 * failures or networks, and a USER or an ADDRESS. */
void
satchel_auth_admin_throttle (SatchelAuth *auth, guint64 request, const char *const *arguments)
{
  guint n = g_strv_length ((char **) arguments);
  const char *verb = n > 0 ? arguments[0] : "", *what = n > 1 ? arguments[1] : "";
  if (strcmp (verb, "list") == 0 && n == 2)
    list_all (auth, request, "", strcmp (what, "all") == 0);
  else if (strcmp (verb, "list") == 0 && n == 3)
    {
      g_autofree char *user = satchel_auth_admin_user (auth, request, arguments[2]);
      if (user != NULL)
        list_all (auth, request, user, TRUE);
    }
  else if (strcmp (verb, "clear") == 0 && n == 3)
    clear_one (auth, request, arguments[2], strcmp (what, "networks") == 0);
  else if (strcmp (verb, "clear") == 0 && strcmp (what, "all") == 0)
    {
      satchel_throttle_clear (auth->throttle);
      satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_OK, "%s", "");
    }
  else
    satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_USAGE, "the request is not complete\n");
}
