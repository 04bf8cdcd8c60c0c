/* SPDX-License-Identifier: MIT
 * CAPA and the settings that differ per user: EXPIRE and LOGIN-DELAY (RFC 2449 6.5, 6.7).
 */
#include "capability.h"

#include <string.h>

#define DAY_MS (G_GINT64_CONSTANT (24) * 60 * 60 * 1000)

/* ---- the note ---- */

char *
pop3_state_to_note (const Pop3State *state)
{
  return g_strdup_printf ("%s %s %s %s", state->language->tag, state->is_utf8 ? "UTF8" : "-",
                          state->can_start_tls ? "STLS" : "-", state->mechanisms);
}

void
pop3_state_from_note (Pop3State *state, const void *note, gsize len)
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

/* ---- settings of users ---- */

static const SatchelConfig *
group_of_user (const SatchelConfig *config, const char *user)
{
  for (guint i = 0; i < satchel_config_n_groups (config, "users"); i++)
    {
      const SatchelConfig *group = satchel_config_group (config, "users", i);
      if (strcmp (satchel_config_string (group, "user"), user) == 0)
        return group;
    }
  return config;
}

gint64
pop3_login_delay_ms (const SatchelConfig *config, const char *user)
{
  return satchel_config_duration_ms (group_of_user (config, user), "login_delay");
}

/* Never, which is written as nothing, is longer than all others. */
static guint64
expire_of (const SatchelConfig *group)
{
  guint64 days = (guint64) (satchel_config_duration_ms (group, "expire") / DAY_MS);
  return days > 0 ? days : G_MAXUINT64;
}

/* For one user what holds; before login what holds for all of them, and "USER" where more can be told after
 * it. */
static void
append_policies (GString *out, const SatchelConfig *config, const char *user)
{
  const SatchelConfig *own = user != NULL ? group_of_user (config, user) : config;
  guint64 expire = expire_of (own);
  gint64 delay_ms = satchel_config_duration_ms (own, "login_delay");
  gboolean has_expires = FALSE, has_delays = FALSE;
  for (guint i = 0; user == NULL && i < satchel_config_n_groups (config, "users"); i++)
    {
      const SatchelConfig *group = satchel_config_group (config, "users", i);
      has_expires |= expire_of (group) != expire_of (config);
      has_delays |= satchel_config_duration_ms (group, "login_delay")
                    != satchel_config_duration_ms (config, "login_delay");
      expire = MIN (expire, expire_of (group));
      delay_ms = MAX (delay_ms, satchel_config_duration_ms (group, "login_delay"));
    }
  if (expire == G_MAXUINT64)
    g_string_append (out, "EXPIRE NEVER");
  else
    g_string_append_printf (out, "EXPIRE %" G_GUINT64_FORMAT, expire);
  g_string_append (out, has_expires ? " USER\r\n" : "\r\n");
  if (delay_ms > 0)
    g_string_append_printf (out, "LOGIN-DELAY %" G_GINT64_FORMAT "%s\r\n", (delay_ms + 999) / 1000,
                            has_delays ? " USER" : "");
}

/* What CAPA is asked of. */
typedef struct Offer
{
  const Pop3State *state;
  const SatchelConfig *config;
  const char *user; /* NULL before login */
} Offer;

static void
append_policies_of (GString *out, const Offer *offer)
{
  append_policies (out, offer->config, offer->user);
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
  { "RESP-CODES" },                 /* RFC 2449 6.4 */
  { "AUTH-RESP-CODE" },             /* RFC 3206 */
  { "PIPELINING" },                 /* RFC 2449 6.6 */
  { "UTF8 USER" },                  /* RFC 6856 2 */
  { "LANG" },                       /* RFC 6856 3 */
  { .append = append_policies_of }, /* RFC 2449 6.5, 6.7 */
  { "STLS", OFFERS_STLS },          /* RFC 2595 4 */
  { "USER", OFFERS_LOGIN },
  { NULL, OFFERS_LOGIN, append_mechanisms }, /* RFC 5034 */
  { "IMPLEMENTATION Satchel" },
};

void
pop3_send_capabilities (SatchelConnection *connection, const Pop3State *state, const SatchelConfig *config,
                        const char *user)
{
  const Offer offer = { state, config, user };
  guint offers = (state->can_start_tls ? OFFERS_STLS : 0) | (*state->mechanisms != '\0' ? OFFERS_LOGIN : 0);
  pop3_say (connection, state->language, POP3_TEXT_CAPABILITIES);
  g_autoptr (GString) out = g_string_new (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      if ((rows[i].needs & ~offers) != 0)
        continue;
      if (rows[i].append != NULL)
        rows[i].append (out, &offer);
      else
        g_string_append_printf (out, "%s\r\n", rows[i].line);
    }
  g_string_append (out, ".\r\n");
  satchel_connection_write (connection, out->str, out->len);
}
