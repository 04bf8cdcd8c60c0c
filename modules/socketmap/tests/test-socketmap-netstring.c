/* SPDX-License-Identifier: MIT
 * Netstrings, whole, in pieces, and what is none.
 */
#include "modules/socketmap/netstring.h"

#include <string.h>

#define LIMIT 20u

/* From memory of its own, so that a look beyond the end is seen. */
static NetstringStatus
read_text (const char *text, gsize len, char **ret_text, gsize *ret_used)
{
  g_autofree guint8 *data = g_memdup2 (text, len);
  const guint8 *found = NULL;
  gsize n = 0;
  *ret_used = 0;
  NetstringStatus status = netstring_read (data, len, LIMIT, &found, &n, ret_used);
  *ret_text = status == NETSTRING_READ ? g_strndup ((const char *) found, n) : NULL;
  return status;
}

static void
test_pieces (void)
{
  static const char *const texts[] = { "0:,",    "1:x,",   "12:recipients a,", "20:aaaaaaaaaaaaaaaaaaaa,",
                                       "3:,:,,", "2:\n\r," };
  static const char *const wanted[] = { "", "x", "recipients a", "aaaaaaaaaaaaaaaaaaaa", ",:,", "\n\r" };
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      gsize whole = strlen (texts[i]), used;
      for (gsize len = 0; len < whole; len++)
        {
          g_autofree char *text = NULL;
          g_assert_cmpint (read_text (texts[i], len, &text, &used), ==, NETSTRING_NONE);
        }
      g_autofree char *text = NULL, *again = NULL, *two = g_strconcat (texts[i], "1:z,", NULL);
      g_assert_cmpint (read_text (texts[i], whole, &text, &used), ==, NETSTRING_READ);
      g_assert_cmpstr (text, ==, wanted[i]);
      g_assert_cmpuint (used, ==, whole);
      g_assert_cmpint (read_text (two, strlen (two), &again, &used), ==, NETSTRING_READ);
      g_assert_cmpstr (again, ==, wanted[i]);
      g_assert_cmpuint (used, ==, whole);
    }
}

/* As soon as it is clear, so that nobody waits for the rest of what is none. */
static void
test_bad (void)
{
  static const char *const texts[] = {
    ":",    ",",    "x",     "-1:",  "+1:x,", " 1:x,", "1;x,",     "1x:,",
    "1:xy", "1:x;", "01:x,", "00:,", "21:",   "21",    "99999999", "18446744073709551617:x,",
    "\377"
  };
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autofree char *text = NULL;
      gsize used;
      g_assert_cmpint (read_text (texts[i], strlen (texts[i]), &text, &used), ==, NETSTRING_BAD);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/netstring/pieces", test_pieces);
  g_test_add_func ("/netstring/bad", test_bad);
  return g_test_run ();
}
