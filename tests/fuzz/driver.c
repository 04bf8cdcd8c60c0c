/* SPDX-License-Identifier: MIT
 * Runs a fuzz target without libFuzzer: its seeds, real mail where it lies beside the tree, and random
 * mutations of them (FUZZ_RUNS, 20,000 by default).  TAP; a failure prints GLib's random seed, which --seed
 * takes back.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/driver.h"
#include "tests/lib/seed.h"

#define MUTANT_BYTES 6000u

static GPtrArray *seeds; /* GBytes */

static void
load_mail (void)
{
  static const char *const folders[] = { "mime", "ham", "spam" };
  const char *source = g_getenv ("SATCHEL_SRCDIR") != NULL ? g_getenv ("SATCHEL_SRCDIR") : ".";
  for (gsize i = 0; i < G_N_ELEMENTS (folders); i++)
    {
      g_autofree char *path = g_build_filename (source, "../shared/corpus", folders[i], NULL);
      g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
      if (dir == NULL)
        {
          g_test_message ("skipped: no real mail in ../shared/corpus/%s", folders[i]);
          continue;
        }
      guint n = 0;
      for (const char *name = g_dir_read_name (dir); name != NULL && n < 150; name = g_dir_read_name (dir))
        {
          g_autofree char *file = g_build_filename (path, name, NULL);
          char *data;
          gsize len;
          if (!g_file_get_contents (file, &data, &len, NULL))
            continue;
          g_ptr_array_add (seeds, g_bytes_new_take (data, len));
          n++;
        }
    }
}

static void
test_seeds (void)
{
  for (guint i = 0; i < seeds->len; i++)
    {
      gsize len;
      const guint8 *data = g_bytes_get_data (g_ptr_array_index (seeds, i), &len);
      LLVMFuzzerTestOneInput (data, len);
    }
}

static gsize
random_below (gsize limit)
{
  return limit == 0 ? 0 : (gsize) g_test_rand_int_range (0, (gint32) limit);
}

static void
mutate (GByteArray *bytes)
{
  guint n_tokens = 0;
  while (fuzz_tokens[n_tokens] != NULL)
    n_tokens++;
  const gsize at = random_below (bytes->len + 1), n = random_below (MIN (40, bytes->len - at) + 1);
  switch (g_test_rand_int_range (0, 5))
    {
    case 0:
      if (at < bytes->len)
        bytes->data[at] = (guint8) g_test_rand_int_range (0, 256);
      break;
    case 1:
      g_byte_array_remove_range (bytes, (guint) at, (guint) n);
      break;
    case 2:
      {
        g_autofree guint8 *copy = g_memdup2 (bytes->data + at, n);
        g_byte_array_append (bytes, copy, (guint) n);
        break;
      }
    case 3:
      g_byte_array_set_size (bytes, (guint) at);
      break;
    default:
      {
        const char *token = fuzz_tokens[random_below (n_tokens)];
        const guint len = (guint) strlen (token), tail = bytes->len - (guint) at;
        g_byte_array_set_size (bytes, bytes->len + len);
        memmove (bytes->data + at + len, bytes->data + at, tail);
        memcpy (bytes->data + at, token, len);
        break;
      }
    }
}

static void
test_mutations (void)
{
  const char *wanted = g_getenv ("FUZZ_RUNS");
  const int n_runs = wanted != NULL ? atoi (wanted) : 20000;
  for (int run = 0; run < n_runs; run++)
    {
      gsize len;
      const guint8 *data = g_bytes_get_data (g_ptr_array_index (seeds, random_below (seeds->len)), &len);
      g_autoptr (GByteArray) bytes = g_byte_array_new ();
      g_byte_array_append (bytes, data, (guint) MIN (len, MUTANT_BYTES));
      for (gsize i = random_below (8) + 1; i > 0; i--)
        mutate (bytes);
      LLVMFuzzerTestOneInput (bytes->data, bytes->len);
    }
}

int
main (int argc, char **argv)
{
  seed_test (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  seeds = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  for (guint i = 0; fuzz_seeds[i] != NULL; i++)
    g_ptr_array_add (seeds, g_bytes_new_static (fuzz_seeds[i], strlen (fuzz_seeds[i])));
  if (fuzz_wants_mail)
    load_mail ();
  g_test_add_func ("/fuzz/seeds", test_seeds);
  g_test_add_func ("/fuzz/mutations", test_mutations);
  int status = g_test_run ();
  g_ptr_array_unref (seeds);
  return status;
}
