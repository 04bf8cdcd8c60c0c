/* SPDX-License-Identifier: MIT
 * The image of a configuration: same after a round trip, refused when damaged in any way.
 */
#include "config.h"

#include <string.h>

#include "core/runtime/config/config_image.h"
#include "tests/lib/seed.h"

static const SatchelConfigRow source_rows[] = { { "name", SATCHEL_CONFIG_STRING, NULL, "Name",
                                                  .flags = SATCHEL_CONFIG_REQUIRED },
                                                { "wait", SATCHEL_CONFIG_DURATION, "1h", "Time" },
                                                { NULL } };
static const SatchelConfigRow rows[] = {
  { "flag", SATCHEL_CONFIG_BOOL, "true", "A flag", .flags = SATCHEL_CONFIG_RELOADABLE },
  { "count", SATCHEL_CONFIG_INT, "5", "A count" },
  { "wait", SATCHEL_CONFIG_DURATION, "1h", "A time" },
  { "greeting", SATCHEL_CONFIG_STRING, NULL, "A text" },
  { "secret", SATCHEL_CONFIG_SECRET, NULL, "A secret" },
  { "names", SATCHEL_CONFIG_STRINGS, "( \"a\", \"b c\" )", "Texts" },
  { "sources", SATCHEL_CONFIG_GROUPS, NULL, "Groups", .group = source_rows },
  { NULL }
};
#define TEXT                                                                                                 \
  "enabled = true; count = -7; greeting = \"h\xc3\xa4\"; secret = \"env:X\"; sources = ( { name = \"one\"; " \
  "wait = \"2h\"; }, { name = \"two\"; } );"

static SatchelConfigSet *
read_well (const char *text)
{
  g_autoptr (GError) error = NULL;
  SatchelConfigSet *set = satchel_config_set_from_text ("toy", rows, text, &error);
  g_assert_no_error (error);
  return set;
}

static void
test_round_trip (void)
{
  g_autoptr (SatchelConfigSet) before = read_well (TEXT);
  g_autoptr (GBytes) bytes = satchel_config_set_to_bytes (before);
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelConfigSet) after = satchel_config_set_from_bytes (bytes, &error);
  g_assert_no_error (error);
  g_autoptr (GBytes) again = satchel_config_set_to_bytes (after);
  g_assert_true (g_bytes_equal (bytes, again));
  g_assert_true (g_strv_equal (satchel_config_set_names (before), satchel_config_set_names (after)));
  const SatchelConfig *toy = satchel_config_set_group (after, "toy");
  g_assert_true (satchel_config_set_is_enabled (after, "toy"));
  g_assert_true (satchel_config_bool (toy, "flag"));
  g_assert_cmpint (satchel_config_int (toy, "count"), ==, -7);
  g_assert_cmpstr (satchel_config_string (toy, "greeting"), ==, "h\xc3\xa4");
  g_assert_cmpstr (satchel_config_strings (toy, "names")[1], ==, "b c");
  g_assert_cmpint (satchel_config_duration_ms (satchel_config_group (toy, "sources", 0), "wait"), ==,
                   7200000);
  g_assert_cmpint (satchel_config_duration_ms (satchel_config_group (toy, "sources", 1), "wait"), ==,
                   3600000);
  g_assert_cmpstr (satchel_config_origin (toy, "count"), ==, "text:1");
  g_assert_cmpstr (satchel_config_origin (toy, "flag"), ==, "default");
  g_setenv ("X", "hush", TRUE);
  char *secret = satchel_config_secret (toy, "secret", &error);
  g_assert_cmpstr (secret, ==, "hush");
  satchel_secret_free (secret);
}

/* What a helper is given: its own group, and of the core's only those that are named. */
static void
test_part (void)
{
  static const char *const names[] = { "toy", "limits", NULL };
  static const char *const other[] = { "limits", NULL };
  g_autoptr (SatchelConfigSet) set = read_well (TEXT);
  g_autoptr (GBytes) bytes = satchel_config_set_part_to_bytes (set, names),
                     others = satchel_config_set_part_to_bytes (set, other);
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelConfigSet) part = satchel_config_set_from_bytes (bytes, &error),
                               without = satchel_config_set_from_bytes (others, &error);
  g_assert_no_error (error);
  g_assert_cmpint (satchel_config_int (satchel_config_set_group (part, "toy"), "count"), ==, -7);
  g_assert_nonnull (satchel_config_set_group (part, "tls")); /* at its defaults */
  g_assert_null (satchel_config_set_group (without, "toy"));
  g_assert_null (g_strstr_len (g_bytes_get_data (others, NULL), (gssize) g_bytes_get_size (others), "env:X"));
}

/* Walks everything, so that a sanitizer sees each pointer. */
static void
walk (const SatchelConfigSet *set)
{
  for (const char *const *name = satchel_config_set_names (set); *name != NULL; name++)
    g_assert_nonnull (satchel_config_set_group (set, *name));
  const SatchelConfig *limits = satchel_config_set_group (set, "limits");
  g_assert_nonnull (limits);
  satchel_config_size (limits, "message_size");
  g_autoptr (GBytes) bytes = satchel_config_set_to_bytes (set);
  g_assert_cmpuint (g_bytes_get_size (bytes), >, 0);
}

static void
test_cut (void)
{
  g_autoptr (SatchelConfigSet) set = read_well (TEXT);
  g_autoptr (GBytes) bytes = satchel_config_set_to_bytes (set);
  for (gsize len = 0; len < g_bytes_get_size (bytes); len++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree guint8 *copy =
          g_memdup2 (g_bytes_get_data (bytes, NULL), MAX (len, 1)); /* its own end: overruns are seen */
      g_autoptr (GBytes) cut = g_bytes_new_static (copy, len);
      g_assert_null (satchel_config_set_from_bytes (cut, &error));
      g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_INVALID);
    }
  g_autoptr (GByteArray) longer = g_byte_array_new ();
  g_byte_array_append (longer, g_bytes_get_data (bytes, NULL), (guint) g_bytes_get_size (bytes));
  g_byte_array_append (longer, (const guint8 *) "", 1);
  g_autoptr (GBytes) one_more = g_bytes_new (longer->data, longer->len);
  g_assert_null (satchel_config_set_from_bytes (one_more, NULL));
}

static void
test_mutations (void)
{
  g_autoptr (SatchelConfigSet) set = read_well (TEXT);
  g_autoptr (GBytes) bytes = satchel_config_set_to_bytes (set);
  gsize len = g_bytes_get_size (bytes);
  for (guint round = 0; round < 20000; round++)
    {
      g_autofree guint8 *copy = g_memdup2 (g_bytes_get_data (bytes, NULL), len);
      guint n = (guint) g_test_rand_int_range (1, 4);
      for (guint i = 0; i < n; i++)
        {
          gsize at = (gsize) g_test_rand_int_range (0, (gint32) len);
          copy[at] = g_test_rand_int_range (0, 4) == 0
                         ? 0xff
                         : (guint8) (copy[at] ^ (1u << g_test_rand_int_range (0, 8)));
        }
      g_autoptr (GBytes) damaged = g_bytes_new_static (copy, len);
      g_autoptr (GError) error = NULL;
      g_autoptr (SatchelConfigSet) read = satchel_config_set_from_bytes (damaged, &error);
      g_assert_true ((read == NULL) == (error != NULL));
      if (read != NULL)
        walk (read);
    }
}

static void
test_compare (void)
{
  g_autoptr (SatchelConfigSet) before = read_well (TEXT);
  g_autoptr (SatchelConfigSet) same = read_well (TEXT " wait = \"60m\";");
  g_auto (GStrv) none = satchel_config_set_compare (before, same, FALSE);
  g_assert_cmpuint (g_strv_length (none), ==, 0);
  g_autoptr (SatchelConfigSet) after = read_well (
      "enabled = true; count = -7; greeting = \"h\xc3\xa4\"; secret = \"env:X\"; flag = false; names = ();"
      "sources = ( { name = \"one\"; wait = \"2h\"; }, { name = \"three\"; } );");
  g_auto (GStrv) all = satchel_config_set_compare (before, after, FALSE);
  g_autofree char *joined = g_strjoinv (" ", all);
  g_assert_cmpstr (joined, ==, "toy.flag toy.names toy.sources");
  g_auto (GStrv) fixed = satchel_config_set_compare (before, after, TRUE);
  g_autofree char *joined_fixed = g_strjoinv (" ", fixed);
  g_assert_cmpstr (joined_fixed, ==, "toy.names toy.sources");
}

int
main (int argc, char **argv)
{
  seed_test (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/image/part", test_part);
  g_test_add_func ("/config/image/round-trip", test_round_trip);
  g_test_add_func ("/config/image/cut", test_cut);
  g_test_add_func ("/config/image/mutations", test_mutations);
  g_test_add_func ("/config/image/compare", test_compare);
  return g_test_run ();
}
