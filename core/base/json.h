/* SPDX-License-Identifier: MIT
 * Writes JSON (RFC 8259) into a GString, with its commas and escapes.
 */
#pragma once
#include <glib.h>

typedef struct SatchelJson
{
  GString *out;
  gboolean needs_comma;
} SatchelJson;

/* In all of these, @key is NULL in an array and at the top. */
void satchel_json_open (SatchelJson *json, const char *key, char bracket); /* '{' or '[' */
void satchel_json_close (SatchelJson *json, char bracket);                 /* '}' or ']' */
/* Writes a text; NULL is written as null. */
void satchel_json_text (SatchelJson *json, const char *key, const char *value);
void satchel_json_number (SatchelJson *json, const char *key, gint64 value);
/* Writes @number as it is, or null if it is not a number. */
void satchel_json_decimal (SatchelJson *json, const char *key, const char *number);
void satchel_json_bool (SatchelJson *json, const char *key, gboolean value);
