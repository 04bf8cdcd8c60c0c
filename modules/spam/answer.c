/* SPDX-License-Identifier: MIT
 * Reads answers.
 */
#include "answer.h"

#include <satchel/header.h>
#include <string.h>

#define STATUS_MAX 999u

/* Reads "HTTP/1.1 200 OK" or "SPAMD/1.1 0 EX_OK". */
static gboolean
read_status (const char *line, gsize len, const char *protocol, guint *ret_status)
{
  gsize n = strlen (protocol);
  if (len < n || memcmp (line, protocol, n) != 0)
    return FALSE;
  const char *end = line + len, *at = memchr (line, ' ', len);
  guint status = 0;
  if (at == NULL || ++at == end || !g_ascii_isdigit (*at))
    return FALSE;
  for (; at < end && g_ascii_isdigit (*at) && status <= STATUS_MAX; at++)
    status = status * 10 + (guint) (*at - '0');
  if (status > STATUS_MAX || (at < end && *at != ' ' && *at != '\r' && *at != '\n'))
    return FALSE;
  *ret_status = status;
  return TRUE;
}

char *
spam_answer_field (const SpamAnswer *answer, const char *name)
{
  SatchelHeaderReader reader;
  SatchelHeaderField field;
  satchel_header_reader_init (&reader, answer->fields, answer->fields_len);
  while (satchel_header_reader_next (&reader, &field))
    if (satchel_header_field_is (&field, name))
      return satchel_header_unfold (field.value, field.value_len, NULL);
  return NULL;
}

/* Finds where the parts of an answer are.  FALSE means that the blank line is missing. */
static gboolean
divide (const char *text, gsize len, SpamAnswer *ret_answer)
{
  const char *line_end = memchr (text, '\n', len), *blank = g_strstr_len (text, (gssize) len, "\r\n\r\n");
  if (line_end == NULL || blank == NULL)
    return FALSE;
  ret_answer->fields = line_end + 1;
  ret_answer->body = blank + 4;
  ret_answer->fields_len = (gsize) (ret_answer->body - ret_answer->fields);
  ret_answer->body_len = len - (gsize) (ret_answer->body - text);
  return TRUE;
}

/* Returns how long the answer says that its body is; G_MAXSIZE: it does not say, or nothing that can be. */
static gsize
said_length (const SpamAnswer *answer)
{
  g_autofree char *length = spam_answer_field (answer, "Content-Length");
  guint64 n;
  return length != NULL && g_ascii_string_to_unsigned (length, 10, 0, SPAM_ANSWER_BYTES, &n, NULL)
             ? n
             : G_MAXSIZE;
}

gsize
spam_answer_length (const char *text, gsize len)
{
  SpamAnswer answer;
  if (!divide (text, len, &answer))
    return 0;
  gsize n = said_length (&answer);
  return n == G_MAXSIZE ? G_MAXSIZE : (gsize) (answer.body - text) + n;
}

gboolean
spam_answer_read (const char *text, gsize len, const char *protocol, SpamAnswer *ret_answer)
{
  SpamAnswer answer = { 0 };
  if (!divide (text, len, &answer)
      || !read_status (text, (gsize) (answer.fields - text), protocol, &answer.status))
    return FALSE;
  gsize n = said_length (&answer);
  if (n != G_MAXSIZE && n > answer.body_len)
    return FALSE;
  answer.body_len = MIN (n, answer.body_len);
  *ret_answer = answer;
  return TRUE;
}
