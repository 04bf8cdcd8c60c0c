/* SPDX-License-Identifier: MIT
 * Implements the grammar that imap_text.c writes (RFC 3501 9, envelope): strings, literals, NIL and
 * parentheses.
 */
#include "config.h"

#include "core/mail/attributes/blob_read.h"

#include <satchel/attributes.h>
#include <satchel/number.h>
#include <string.h>

typedef struct Reader
{
  const char *at, *end;
} Reader;

static gboolean
skip_char (Reader *reader, char c)
{
  if (reader->at == reader->end || *reader->at != c)
    return FALSE;
  reader->at++;
  return TRUE;
}

/* Reads an nstring; @out may be NULL.  FALSE means that it is NIL or no nstring, of which some characters are
 * skipped. */
static gboolean
read_string (Reader *reader, GString *out)
{
  if (skip_char (reader, '"'))
    {
      for (; reader->at < reader->end && *reader->at != '"'; reader->at++)
        {
          if (*reader->at == '\\' && reader->at + 1 < reader->end)
            reader->at++;
          if (out != NULL)
            g_string_append_c (out, *reader->at);
        }
      skip_char (reader, '"');
      return TRUE;
    }
  if (skip_char (reader, '{'))
    {
      guint64 len = 0;
      (void) satchel_number_take (&reader->at, reader->end, 10, G_MAXUINT32, &len);
      reader->at += MIN (3, reader->end - reader->at); /* "}" and CRLF */
      len = MIN (len, (guint64) (reader->end - reader->at));
      if (out != NULL)
        g_string_append_len (out, reader->at, (gssize) len);
      reader->at += len;
      return TRUE;
    }
  while (reader->at < reader->end && g_ascii_isalpha (*reader->at))
    reader->at++;
  return FALSE;
}

/* Skips one field; a list is skipped with all that it contains. */
static void
skip_field (Reader *reader)
{
  guint depth = 0;
  do
    {
      const char *before = reader->at;
      if (skip_char (reader, '('))
        depth++;
      else if (skip_char (reader, ')'))
        depth--;
      else
        read_string (reader, NULL);
      reader->at += reader->at == before && reader->at < reader->end;
    }
  while (depth > 0 && reader->at < reader->end);
}

static char *
read_part (Reader *reader)
{
  g_autoptr (GString) text = g_string_new (NULL);
  gboolean is_string = read_string (reader, text);
  skip_char (reader, ' ');
  return is_string ? g_string_free (g_steal_pointer (&text), FALSE) : NULL;
}

SatchelAddress *
satchel_envelope_first_address (GBytes *attributes, EnvelopeField field)
{
  gsize len;
  const char *text = satchel_attributes_envelope (attributes, &len);
  Reader reader = { text, text + len };
  skip_char (&reader, '(');
  for (guint i = 0; i < (guint) field; i++)
    {
      skip_field (&reader);
      skip_char (&reader, ' ');
    }
  if (!skip_char (&reader, '(') || !skip_char (&reader, '('))
    return NULL;
  SatchelAddress *address = g_new0 (SatchelAddress, 1);
  address->name = read_part (&reader);
  address->route = read_part (&reader);
  address->mailbox = read_part (&reader);
  address->host = read_part (&reader);
  return address;
}
