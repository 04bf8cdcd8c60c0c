/* SPDX-License-Identifier: MIT
 * Implements base subjects (RFC 5256 2.1, grammar of 5). Linear: a run of blobs is looked at once, then
 * taken off or left as a whole.
 */
#include "config.h"

#include "core/mail/header/fields.h"
#include <satchel/header.h>
#include <satchel/sort.h>
#include <string.h>

typedef struct Subject
{
  const char *at, *end;
  gboolean is_reply;
} Subject;

static gboolean
starts_with (const char *at, const char *end, const char *word)
{
  gsize len = strlen (word);
  return (gsize) (end - at) >= len && g_ascii_strncasecmp (at, word, len) == 0;
}

static const char *
skip_blanks (const char *at, const char *end)
{
  while (at < end && *at == ' ')
    at++;
  return at;
}

/* Returns the place past subj-blob = "[" *BLOBCHAR "]" *WSP; NULL means that there is none here. */
static const char *
skip_blob (const char *at, const char *end)
{
  if (at == end || *at++ != '[')
    return NULL;
  while (at < end && *at != '[' && *at != ']')
    at++;
  return at < end && *at == ']' ? skip_blanks (at + 1, end) : NULL;
}

/* Returns the place past subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"; NULL means that there is
 * none here. */
static const char *
skip_refwd (const char *at, const char *end)
{
  if (!starts_with (at, end, "re") && !starts_with (at, end, "fw"))
    return NULL;
  at += starts_with (at, end, "fwd") ? 3 : 2;
  at = skip_blanks (at, end);
  const char *after_blob = skip_blob (at, end);
  at = after_blob != NULL ? after_blob : at;
  return at < end && *at == ':' ? at + 1 : NULL;
}

/* Does step 2. */
static void
strip_trailers (Subject *subject)
{
  for (;;)
    {
      while (subject->end > subject->at && subject->end[-1] == ' ')
        subject->end--;
      if (subject->end - subject->at < 5 || !starts_with (subject->end - 5, subject->end, "(fwd)"))
        return;
      subject->end -= 5;
      subject->is_reply = TRUE;
    }
}

/* Does steps 3 to 5 (RFC 5256 2.1).  Blobs in front of a refwd are removed with it; others only if something
 * is left then. */
static void
strip_leaders (Subject *subject)
{
  for (;;)
    {
      const char *start = skip_blanks (subject->at, subject->end), *after = start, *next;
      while ((next = skip_blob (after, subject->end)) != NULL)
        {
          start = after;
          after = next;
        }
      if ((next = skip_refwd (after, subject->end)) == NULL)
        {
          subject->at = after < subject->end ? after : start;
          return;
        }
      subject->at = next;
      subject->is_reply = TRUE;
    }
}

/* Does step 6: "[fwd: ... ]". ]". */
static gboolean
strip_forward (Subject *subject)
{
  if (subject->end - subject->at < 6 || !starts_with (subject->at, subject->end, "[fwd:")
      || subject->end[-1] != ']')
    return FALSE;
  subject->at += 5;
  subject->end--;
  subject->is_reply = TRUE;
  return TRUE;
}

/* Does step 1: tabs are spaces, and several are one. */
static gsize
squeeze (char *text, gsize len)
{
  gsize n = 0;
  for (gsize i = 0; i < len; i++)
    {
      char c = text[i] == '\t' ? ' ' : text[i];
      if (c != ' ' || n == 0 || text[n - 1] != ' ')
        text[n++] = c;
    }
  return n;
}

char *
satchel_base_subject (const char *value, gsize len, gsize *ret_len, gboolean *ret_is_reply)
{
  gsize text_len;
  char *text = satchel_header_decode (value, len, &text_len);
  text_len = squeeze (text, text_len);
  Subject subject = { text, text + text_len, FALSE };
  do
    {
      strip_trailers (&subject);
      strip_leaders (&subject);
    }
  while (strip_forward (&subject));
  gsize base_len = (gsize) (subject.end - subject.at);
  memmove (text, subject.at, base_len);
  text[base_len] = '\0';
  if (ret_len != NULL)
    *ret_len = base_len;
  if (ret_is_reply != NULL)
    *ret_is_reply = subject.is_reply;
  return text;
}
