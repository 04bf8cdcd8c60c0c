/* SPDX-License-Identifier: MIT
 * Queries of module sql: names become numbers, and what belongs to nobody is refused.
 */
#include "query.h"

#include <string.h>

static void
expect (const char *text, char sign, const char *expected, const char *values)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SqlQuery) query = sql_query_parse (text, sign, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (query->text, ==, expected);
  g_auto (GStrv) bound = sql_query_bind (query, "o'neil@x@example.org");
  g_autofree char *joined = g_strjoinv ("|", bound);
  g_assert_cmpstr (joined, ==, values);
}

static void
test_numbers (void)
{
  expect ("SELECT p FROM u WHERE n = :user", '?', "SELECT p FROM u WHERE n = ?1", "o'neil@x@example.org");
  expect ("SELECT p FROM u WHERE d=:domain AND l=:local OR d2=:domain", '$',
          "SELECT p FROM u WHERE d=$1 AND l=$2 OR d2=$1", "example.org|o'neil@x");
  expect ("SELECT a FROM b WHERE c=:address;", '$', "SELECT a FROM b WHERE c=$1;", "o'neil@x@example.org");
  /* A word of which ours is the beginning, casts, texts in quotes and comments are no values. */
  expect ("SELECT 'a:b', \"x:y\"::text /* :user */ FROM t -- :local\nWHERE n=:user::text", '$',
          "SELECT 'a:b', \"x:y\"::text /* :user */ FROM t -- :local\nWHERE n=$1::text",
          "o'neil@x@example.org");
}

static void
test_refused (void)
{
  static const char *const bad[] = {
    "SELECT p FROM u",
    "SELECT p FROM u WHERE n = ':user'",
    "SELECT p FROM u WHERE n = \":local\" AND :user",
    "SELECT p FROM u WHERE n = ? AND m = :user",
    "SELECT p FROM u WHERE n = $1 AND m = :user",
    "SELECT :user; DROP TABLE u",
    "SELECT p FROM u WHERE n = :username",
    "",
  };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SqlQuery) query = sql_query_parse (bad[i], '?', &error);
      g_assert_null (query);
      g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_INVALID);
    }
}

/* No text, however it is cut off, makes it read beyond its end. */
static void
test_cut_off (void)
{
  static const char text[] = "SELECT 'x' /* y */ \"z\" -- w\n FROM t WHERE a=:user::text AND b=:local;  ";
  for (gsize len = 0; len < sizeof text; len++)
    {
      g_autofree char *cut = g_strndup (text, len);
      g_autoptr (SqlQuery) query = sql_query_parse (cut, '?', NULL);
      g_assert_true (query == NULL || query->n_values > 0);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sql/query/numbers", test_numbers);
  g_test_add_func ("/sql/query/refused", test_refused);
  g_test_add_func ("/sql/query/cut-off", test_cut_off);
  return g_test_run ();
}
