/* SPDX-License-Identifier: MIT
 * What a query gave, within bounds.
 */
#include "database.h"

#include <string.h>

gboolean
sql_is_over (SatchelHelperCall *call, GError **error)
{
  if (satchel_helper_call_left_ms (call) > 0 && !satchel_helper_call_is_cancelled (call))
    return FALSE;
  satchel_error_set (error, SATCHEL_ERROR_TIMEOUT, "the database did not answer in time");
  return TRUE;
}

static SqlResult *
make_room (SqlResult *result, const char *text, GError **error)
{
  result->n_bytes += text != NULL ? strlen (text) + 1 : 1;
  if (result->n_bytes <= SQL_BYTES_MAX && result->rows->len < SQL_ROWS_MAX)
    return result;
  satchel_error_set (error, SATCHEL_ERROR_LIMIT, "a query has a result of more than %u rows or %u bytes",
                     SQL_ROWS_MAX, SQL_BYTES_MAX);
  return NULL;
}

gboolean
sql_result_add (SqlResult *result, const char *const *texts, GError **error)
{
  guint n = result->columns->len;
  for (guint i = 0; i < n; i++)
    if (make_room (result, texts[i], error) == NULL)
      return FALSE;
  char **row = g_new0 (char *, n);
  for (guint i = 0; i < n; i++)
    row[i] = g_strdup (texts[i]);
  g_ptr_array_add (result->rows, row);
  return TRUE;
}

void
sql_result_free (SqlResult *result)
{
  for (guint i = 0; i < result->rows->len; i++)
    {
      char **row = result->rows->pdata[i];
      for (guint k = 0; k < result->columns->len; k++)
        {
          if (row[k] != NULL)
            explicit_bzero (row[k], strlen (row[k]));
          g_free (row[k]);
        }
      g_free (row);
    }
  g_ptr_array_unref (result->rows);
  g_ptr_array_unref (result->columns);
  g_free (result);
}
