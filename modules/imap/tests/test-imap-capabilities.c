/* SPDX-License-Identifier: MIT
 * What a gate offers is what the session behind it has.
 */
#include "modules/imap/capabilities.h"

#include <string.h>

#define ALL_OFFERS (IMAP_OFFER_STARTTLS | IMAP_OFFER_NO_LOGIN | IMAP_OFFER_COMPRESS | IMAP_OFFER_QUOTA)

static char **
get_capabilities (ImapLiterals literals, guint offers)
{
  ImapWriter writer = { .room = G_MAXSIZE };
  const ImapSettings settings = { .literals = literals, .message_bytes = 1000 };
  imap_write_capabilities (&writer, &settings, offers);
  g_autofree char *text = g_strndup ((const char *) writer.data, writer.len);
  imap_writer_clear (&writer);
  return g_strsplit (text, " ", -1);
}

static gboolean
has (char **names, const char *name)
{
  return g_strv_contains ((const char *const *) names, name);
}

static void
test_before_login (void)
{
  for (ImapLiterals literals = IMAP_LITERALS_PLUS; literals <= IMAP_LITERALS_MINUS; literals++)
    {
      g_auto (GStrv) before = get_capabilities (literals, IMAP_OFFER_BEFORE_LOGIN);
      g_auto (GStrv) after = get_capabilities (literals, IMAP_OFFER_AFTER_LOGIN);
      g_assert_cmpstr (before[0], ==, "IMAP4rev1");
      g_assert_cmpuint (g_strv_length (before), >, 5);
      for (guint i = 0; before[i] != NULL; i++)
        if (!has (after, before[i]))
          g_error ("%s is offered before login and not after it", before[i]);
      g_assert_true (has (before, literals == IMAP_LITERALS_PLUS ? "LITERAL+" : "LITERAL-"));
      g_assert_false (has (before, literals == IMAP_LITERALS_PLUS ? "LITERAL-" : "LITERAL+"));
      g_assert_false (has (before, "APPENDLIMIT=1000"));
      g_assert_true (has (after, "APPENDLIMIT=1000"));
    }
}

/* What depends on something is offered with it only, and where it belongs. */
static void
test_conditions (void)
{
  static const struct
  {
    const char *name;
    guint when, needs;
  } cases[] = {
    { "STARTTLS", IMAP_OFFER_BEFORE_LOGIN, IMAP_OFFER_STARTTLS },
    { "LOGINDISABLED", IMAP_OFFER_BEFORE_LOGIN, IMAP_OFFER_NO_LOGIN },
    { "COMPRESS=DEFLATE", IMAP_OFFER_AFTER_LOGIN, IMAP_OFFER_COMPRESS },
    { "QUOTA", IMAP_OFFER_AFTER_LOGIN, IMAP_OFFER_QUOTA },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      guint other = cases[i].when ^ (IMAP_OFFER_BEFORE_LOGIN | IMAP_OFFER_AFTER_LOGIN);
      g_auto (GStrv) offered = get_capabilities (IMAP_LITERALS_PLUS, cases[i].when | cases[i].needs);
      g_auto (GStrv) without =
          get_capabilities (IMAP_LITERALS_PLUS, cases[i].when | (ALL_OFFERS & ~cases[i].needs));
      g_auto (GStrv) elsewhere = get_capabilities (IMAP_LITERALS_PLUS, other | ALL_OFFERS);
      g_assert_true (has (offered, cases[i].name));
      g_assert_false (has (without, cases[i].name));
      g_assert_false (has (elsewhere, cases[i].name));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/imap/capabilities/before-login", test_before_login);
  g_test_add_func ("/imap/capabilities/conditions", test_conditions);
  return g_test_run ();
}
