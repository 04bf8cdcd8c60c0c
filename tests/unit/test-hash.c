/* SPDX-License-Identifier: MIT
 * The keyed hash: one answer in a process, another in the next, so that nobody can work out names that
 * collide.
 */
#include <satchel/hash.h>

#include <stdio.h>
#include <string.h>

static const char *program;

static char *
hash_of_another_process (void)
{
  const char *const arguments[] = { program, "--print", NULL };
  g_autoptr (GError) error = NULL;
  char *output = NULL;
  int status = -1;
  g_assert_true (g_spawn_sync (NULL, (char **) arguments, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output, NULL,
                               &status, &error));
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
  return output;
}

static void
print (void)
{
  printf ("%" G_GUINT64_FORMAT " %u %u\n", satchel_keyed_hash ("INBOX", 5), satchel_string_hash ("INBOX"),
          satchel_number_hash (GUINT_TO_POINTER (1)));
}

static void
test_secret (void)
{
  g_autofree char *first = hash_of_another_process (), *second = hash_of_another_process ();
  g_auto (GStrv) a = g_strsplit (g_strchomp (first), " ", -1), b = g_strsplit (g_strchomp (second), " ", -1);
  g_assert_cmpuint (g_strv_length (a), ==, 3);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpstr (a[i], !=, b[i]);
}

/* All octets and the length count; where they lie does not. */
static void
test_content (void)
{
  char text[2][40];
  memset (text[0], 'x', sizeof text[0]);
  memcpy (text[1] + 1, text[0], sizeof text[0] - 1);
  for (gsize len = 1; len < 32; len++)
    {
      guint64 hash = satchel_keyed_hash (text[0], len);
      g_assert_true (hash == satchel_keyed_hash (text[1] + 1, len));
      g_assert_true (hash != satchel_keyed_hash (text[0], len - 1));
      for (gsize at = 0; at < len; at++)
        {
          text[0][at] ^= 1;
          g_assert_true (hash != satchel_keyed_hash (text[0], len));
          text[0][at] ^= 1;
        }
    }
}

int
main (int argc, char **argv)
{
  program = argv[0];
  if (argc == 2 && strcmp (argv[1], "--print") == 0)
    {
      print ();
      return 0;
    }
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hash/secret", test_secret);
  g_test_add_func ("/hash/content", test_content);
  return g_test_run ();
}
