/* SPDX-License-Identifier: MIT
 * Answers CAPA from a table, and makes the note with the results of the AUTHORIZATION state.
 */
#include "capability.h"
#include "settings.h"

#include <string.h>

/* ---- the note ---- */

char *
pop3_authorization_to_note (const Pop3Authorization *state)
{
  return g_strdup_printf ("%s %s %s %s", state->language->tag, state->is_utf8 ? "UTF8" : "-",
                          state->can_start_tls ? "STLS" : "-", state->mechanisms);
}

void
pop3_authorization_from_note (Pop3Authorization *state, const void *note, gsize len)
{
  g_autofree char *text = len > 0 ? g_strndup (note, len) : g_strdup ("");
  g_auto (GStrv) words = g_strsplit (text, " ", 4);
  gboolean is_whole = g_strv_length (words) == 4;
  const Pop3Language *language = is_whole ? pop3_language_find (words[0]) : NULL;
  state->language = language != NULL ? language : &pop3_languages[0];
  state->is_utf8 = is_whole && strcmp (words[1], "UTF8") == 0;
  state->can_start_tls = is_whole && strcmp (words[2], "STLS") == 0;
  state->mechanisms = g_strdup (is_whole ? words[3] : "");
}

/* ---- the lines ---- */

/* CAPA is answered in this state. */
typedef struct Offer
{
  const Pop3Authorization *state;
  const SatchelConfig *config;
  const char *user; /* NULL before login */
} Offer;

/* Writes EXPIRE and LOGIN-DELAY: those of the user, or before login what holds for all users, with "USER" if
 * some users have other values. */
static void
append_policies (GString *out, const Offer *offer)
{
  Pop3Policies policies = { 0 };
  if (offer->user != NULL)
    policies.strictest = pop3_policy_of_user (offer->config, offer->user);
  else
    policies = pop3_policies_of_all (offer->config);
  gint64 days = policies.strictest.expire_ms / SATCHEL_DAYS (1);
  if (days == 0)
    g_string_append (out, "EXPIRE NEVER");
  else
    g_string_append_printf (out, "EXPIRE %" G_GINT64_FORMAT, days);
  g_string_append (out, policies.has_expires ? " USER\r\n" : "\r\n");
  if (policies.strictest.login_delay_ms > 0)
    g_string_append_printf (out, "LOGIN-DELAY %" G_GINT64_FORMAT "%s\r\n",
                            (policies.strictest.login_delay_ms + 999) / 1000,
                            policies.has_delays ? " USER" : "");
}

static void
append_mechanisms (GString *out, const Offer *offer)
{
  g_string_append_printf (out, "SASL %s\r\n", offer->state->mechanisms);
}

enum
{
  OFFERS_STLS = 1 << 0,
  OFFERS_LOGIN = 1 << 1
};

static const struct
{
  const char *line; /* NULL: `append` writes it */
  guint needs;
  void (*append) (GString *out, const Offer *offer);
} rows[] = {
  { "TOP" },
  { "UIDL" },
  { "RESP-CODES" },              /* RFC 2449 6.4 */
  { "AUTH-RESP-CODE" },          /* RFC 3206 */
  { "PIPELINING" },              /* RFC 2449 6.6 */
  { "UTF8 USER" },               /* RFC 6856 2 */
  { "LANG" },                    /* RFC 6856 3 */
  { .append = append_policies }, /* RFC 2449 6.5, 6.7 */
  { "STLS", OFFERS_STLS },       /* RFC 2595 4 */
  { "USER", OFFERS_LOGIN },
  { NULL, OFFERS_LOGIN, append_mechanisms }, /* RFC 5034 */
  { "IMPLEMENTATION Satchel" },
};

void
pop3_send_capabilities (SatchelConnection *connection, const Pop3Authorization *state,
                        const SatchelConfig *config, const char *user)
{
  const Offer offer = { .state = state, .config = config, .user = user };
  guint offers = (state->can_start_tls ? OFFERS_STLS : 0) | (*state->mechanisms != '\0' ? OFFERS_LOGIN : 0);
  pop3_say (connection, state->language, POP3_TEXT_CAPABILITIES);
  GString *out = g_string_new (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      if ((rows[i].needs & ~offers) != 0)
        continue;
      if (rows[i].append != NULL)
        rows[i].append (out, &offer);
      else
        g_string_append_printf (out, "%s\r\n", rows[i].line);
    }
  pop3_say_lines (connection, out, TRUE);
}
