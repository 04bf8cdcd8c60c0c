/* SPDX-License-Identifier: MIT
 * Remembers when each user logged in last, for LOGIN-DELAY (RFC 2449 6.5). A user has one owner, so this
 * process hears of every login by whichever gate. After a restart one login may come too early.
 */
#include "pop3_session.h"

#include <satchel/hash.h>
#include <string.h>

enum
{
  SWEEP_MS = 600000
};

typedef struct Login
{
  gint64 at_ms, until_ms;
} Login;

static GHashTable *logins; /* user to Login */
static SatchelTimer sweep_timer;

static gboolean
is_over (gpointer user, gpointer login, gpointer now_ms)
{
  return ((const Login *) login)->until_ms <= *(const gint64 *) now_ms;
}

static void
sweep (SatchelTimer *timer, gpointer data)
{
  gint64 now_ms = satchel_now_ms ();
  g_hash_table_foreach_remove (logins, is_over, &now_ms);
  if (g_hash_table_size (logins) > 0)
    satchel_timer_arm (timer, SWEEP_MS, sweep, NULL);
}

gboolean
pop3_is_too_early (Pop3 *pop3)
{
  const char *user = satchel_session_user (pop3->session);
  const Login *login = logins != NULL ? g_hash_table_lookup (logins, user) : NULL;
  gint64 delay_ms = pop3_policy_of_user (satchel_session_config (pop3->session), user).login_delay_ms;
  /* The current settings count, since a reload may have made the delay shorter. */
  return login != NULL && satchel_now_ms () < login->at_ms + delay_ms;
}

void
pop3_note_login (Pop3 *pop3)
{
  const char *user = satchel_session_user (pop3->session);
  gint64 delay_ms = pop3_policy_of_user (satchel_session_config (pop3->session), user).login_delay_ms;
  if (delay_ms == 0)
    return;
  if (logins == NULL)
    logins = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  Login *login = g_new (Login, 1);
  login->at_ms = satchel_now_ms ();
  login->until_ms = login->at_ms + delay_ms;
  g_hash_table_replace (logins, g_strdup (user), login);
  if (sweep_timer.due_ms == 0)
    satchel_timer_arm (&sweep_timer, SWEEP_MS, sweep, NULL);
}
