/* SPDX-License-Identifier: MIT
 * What both halves of pop3 share: texts of every language, language ranges, the note of the hand-over.
 */
#include "core/runtime/config/config_image.h"
#include "modules/pop3/capability.h"
#include "modules/pop3/settings.h"

#include <string.h>

/* RFC 2449 3: text begins with no "[" but of a response code; a line has at most 512 octets. */
static void
check_text (const Pop3Language *language, const char *status, const char *text)
{
  g_assert_nonnull (text);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  g_assert_cmpuint (strlen (status) + strlen (text) + 3, <=, 512);
  g_assert_true (*text != '[' && *text != '\0');
  for (const char *at = text; *at != '\0'; at++)
    g_assert_true ((guchar) *at >= 0x20 && *at != 0x7f
                   && (language != &pop3_languages[0] || (guchar) *at < 0x80));
}

static void
test_texts (void)
{
  for (guint i = 0; i < pop3_n_languages; i++)
    {
      const Pop3Language *language = &pop3_languages[i];
      for (guint text = 0; text < POP3_N_TEXTS; text++)
        {
          const char *status = pop3_status ((Pop3Text) text);
          g_assert_true (strcmp (status, "+OK") == 0 || g_str_has_prefix (status, "-ERR"));
          check_text (language, status, language->texts[text]);
        }
      for (guint word = 0; word < G_N_ELEMENTS (language->words); word++)
        check_text (language, "+OK", language->words[word]);
      check_text (language, "", language->name);
      g_assert_true (pop3_language_find (language->tag) == language);
    }
}

/* RFC 4647 3.4: lookup by cutting subtags off. */
static void
test_ranges (void)
{
  static const struct
  {
    const char *range, *tag;
  } cases[] = { { "de", "de" },     { "DE", "de" },      { "de-AT", "de" }, { "de-Latn-AT-1996", "de" },
                { "en-x-a", "en" }, { "d", NULL },       { "deu", NULL },   { "", NULL },
                { "-", NULL },      { "-de", NULL },     { "de--", "de" },  { "fr-de", NULL },
                { "*", NULL },      { "\xc3\xa4", NULL } };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const Pop3Language *found = pop3_language_find (cases[i].range);
      g_assert_cmpstr (found != NULL ? found->tag : NULL, ==, cases[i].tag);
    }
}

static void
test_note (void)
{
  static const char *const bad[] = { "",   " ",       "   ",          "xx UTF8 STLS PLAIN",
                                     "de", "de UTF8", "de UTF8 STLS", "\xff\xff" };
  Pop3Authorization before = { .language = pop3_language_find ("de"),
                               .is_utf8 = TRUE,
                               .can_start_tls = TRUE,
                               .mechanisms = (char *) "PLAIN LOGIN" };
  Pop3Authorization after;
  g_autofree char *note = pop3_authorization_to_note (&before);
  pop3_authorization_from_note (&after, note, strlen (note));
  g_assert_true (after.language == before.language && after.is_utf8 && after.can_start_tls);
  g_assert_cmpstr (after.mechanisms, ==, "PLAIN LOGIN");
  g_free (after.mechanisms);
  /* A gate may send anything. */
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      pop3_authorization_from_note (&after, bad[i], strlen (bad[i]));
      g_assert_nonnull (after.language);
      g_assert_nonnull (after.mechanisms);
      g_free (after.mechanisms);
    }
  pop3_authorization_from_note (&after, NULL, 0);
  g_assert_true (after.language == &pop3_languages[0] && !after.is_utf8 && !after.can_start_tls);
  g_free (after.mechanisms);
}

/* A language that the module does not have is refused, and the message says which there are. */
static void
test_language_setting (void)
{
  static const char *const bad[] = { "language = \"fr\";", "language = \"\";" }, *const good[] = {
    "", "language = \"de\";", "language = \"DE-at\";"
  };
  for (guint i = 0; i < G_N_ELEMENTS (good) + G_N_ELEMENTS (bad); i++)
    {
      gboolean is_good = i < G_N_ELEMENTS (good);
      g_autoptr (GError) error = NULL;
      SatchelConfigSet *set = satchel_config_set_from_text (
          "pop3", pop3_schema, is_good ? good[i] : bad[i - G_N_ELEMENTS (good)], &error);
      g_assert_no_error (error);
      g_assert_cmpint (pop3_check (satchel_config_set_group (set, "pop3"), &error), ==, is_good);
      g_assert_true (is_good == (error == NULL));
      g_assert_true (is_good || strstr (error->message, "use en or de") != NULL);
      satchel_config_set_free (set);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pop3/texts", test_texts);
  g_test_add_func ("/pop3/language-ranges", test_ranges);
  g_test_add_func ("/pop3/note", test_note);
  g_test_add_func ("/pop3/language-setting", test_language_setting);
  return g_test_run ();
}
