/* SPDX-License-Identifier: MIT
 * Writes JSON (RFC 8259) into a GString: commas and escapes are seen to.
 */
#pragma once
#include <glib.h>

typedef struct SatchelJson
{
  GString *out;
  gboolean needs_comma;
} SatchelJson;

/* @key: NULL in an array and at the top. */
void satchel_json_open (SatchelJson *json, const char *key, char bracket);      /* '{' or '[' */
void satchel_json_close (SatchelJson *json, char bracket);                      /* '}' or ']' */
void satchel_json_text (SatchelJson *json, const char *key, const char *value); /* NULL: null */
void satchel_json_number (SatchelJson *json, const char *key, gint64 value);
void satchel_json_decimal (SatchelJson *json, const char *key,
                           const char *number); /* as it is; what is no number: null */
void satchel_json_bool (SatchelJson *json, const char *key, gboolean value);
