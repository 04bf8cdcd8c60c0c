/* SPDX-License-Identifier: MIT
 * The productions of RFC 3501 9 and RFC 9051 9, one function each.
 */
#include "config.h"

#include "tests/lib/imap_grammar.h"

#include <string.h>

typedef struct ImapText
{
  const char *at, *end;
  gboolean is_bad;
  gboolean is_extended;
  guint depth;
} ImapText;

static gboolean
imap_expect (ImapText *text, char c)
{
  if (text->is_bad || text->at == text->end || *text->at != c)
    text->is_bad = TRUE;
  else
    text->at++;
  return !text->is_bad;
}

static gboolean
imap_is (ImapText *text, char c)
{
  return !text->is_bad && text->at < text->end && *text->at == c;
}

static guint64
imap_number (ImapText *text)
{
  guint64 value = 0;
  if (text->is_bad || text->at == text->end || !g_ascii_isdigit (*text->at))
    text->is_bad = TRUE;
  while (!text->is_bad && text->at < text->end && g_ascii_isdigit (*text->at))
    value = value * 10 + (guint64) (*text->at++ - '0');
  return value;
}

/* Reads a string; TRUE means that there was none but NIL. */
static gboolean
imap_nstring (ImapText *text, gboolean may_be_nil)
{
  if (text->is_bad)
    return FALSE;
  if (may_be_nil && text->end - text->at >= 3 && memcmp (text->at, "NIL", 3) == 0)
    {
      text->at += 3;
      return TRUE;
    }
  if (imap_is (text, '{'))
    {
      text->at++;
      guint64 len = imap_number (text);
      imap_expect (text, '}');
      imap_expect (text, '\r');
      imap_expect (text, '\n');
      if (text->is_bad || len > (guint64) (text->end - text->at) || memchr (text->at, 0, len) != NULL)
        text->is_bad = TRUE;
      else
        text->at += len;
      return FALSE;
    }
  imap_expect (text, '"');
  while (!text->is_bad && text->at < text->end && *text->at != '"')
    {
      guchar c = (guchar) *text->at++;
      if (c == '\\')
        {
          if (text->at == text->end || (*text->at != '"' && *text->at != '\\'))
            text->is_bad = TRUE;
          else
            text->at++;
        }
      else if (c == 0 || c == '\r' || c == '\n' || c >= 0x80)
        text->is_bad = TRUE;
    }
  imap_expect (text, '"');
  return FALSE;
}

static gboolean
imap_nil (ImapText *text)
{
  if (text->is_bad || text->end - text->at < 3 || memcmp (text->at, "NIL", 3) != 0)
    return FALSE;
  text->at += 3;
  return TRUE;
}

static void
imap_addresses (ImapText *text)
{
  if (imap_nil (text))
    return;
  imap_expect (text, '(');
  do
    {
      imap_expect (text, '(');
      imap_nstring (text, TRUE);
      imap_expect (text, ' ');
      imap_nstring (text, TRUE);
      imap_expect (text, ' ');
      imap_nstring (text, TRUE);
      imap_expect (text, ' ');
      imap_nstring (text, TRUE);
      imap_expect (text, ')');
    }
  while (imap_is (text, '('));
  imap_expect (text, ')');
}

static void
imap_envelope (ImapText *text)
{
  imap_expect (text, '(');
  imap_nstring (text, TRUE);
  imap_expect (text, ' ');
  imap_nstring (text, TRUE);
  for (int i = 0; i < 6; i++)
    {
      imap_expect (text, ' ');
      imap_addresses (text);
    }
  imap_expect (text, ' ');
  imap_nstring (text, TRUE);
  imap_expect (text, ' ');
  imap_nstring (text, TRUE);
  imap_expect (text, ')');
}

static void
imap_parameters (ImapText *text)
{
  if (imap_nil (text))
    return;
  imap_expect (text, '(');
  for (;;)
    {
      imap_nstring (text, FALSE);
      imap_expect (text, ' ');
      imap_nstring (text, FALSE);
      if (!imap_is (text, ' '))
        break;
      text->at++;
    }
  imap_expect (text, ')');
}

/* Reads SP body-fld-dsp SP body-fld-lang SP body-fld-loc. */
static void
imap_disposition (ImapText *text)
{
  imap_expect (text, ' ');
  if (!imap_nil (text))
    {
      imap_expect (text, '(');
      imap_nstring (text, FALSE);
      imap_expect (text, ' ');
      imap_parameters (text);
      imap_expect (text, ')');
    }
  imap_expect (text, ' ');
  if (imap_is (text, '('))
    {
      text->at++;
      for (imap_nstring (text, FALSE); imap_is (text, ' ');)
        {
          text->at++;
          imap_nstring (text, FALSE);
        }
      imap_expect (text, ')');
    }
  else
    imap_nstring (text, TRUE);
  imap_expect (text, ' ');
  imap_nstring (text, TRUE);
}

static void
imap_body (ImapText *text)
{
  if (++text->depth > 110)
    text->is_bad = TRUE;
  imap_expect (text, '(');
  if (imap_is (text, '('))
    {
      while (imap_is (text, '('))
        imap_body (text);
      imap_expect (text, ' ');
      imap_nstring (text, FALSE);
      if (text->is_extended)
        {
          imap_expect (text, ' ');
          imap_parameters (text);
          imap_disposition (text);
        }
      imap_expect (text, ')');
      text->depth--;
      return;
    }
  const char *type = text->at;
  imap_nstring (text, FALSE);
  imap_expect (text, ' ');
  imap_nstring (text, FALSE);
  const gboolean is_text = g_str_has_prefix (type, "\"text\" "),
                 is_message = g_str_has_prefix (type, "\"message\" \"rfc822\" ")
                              || g_str_has_prefix (type, "\"message\" \"global\" ");
  imap_expect (text, ' ');
  imap_parameters (text);
  imap_expect (text, ' ');
  imap_nstring (text, TRUE);
  imap_expect (text, ' ');
  imap_nstring (text, TRUE);
  imap_expect (text, ' ');
  imap_nstring (text, FALSE);
  imap_expect (text, ' ');
  imap_number (text);
  if (is_message)
    {
      imap_expect (text, ' ');
      imap_envelope (text);
      imap_expect (text, ' ');
      imap_body (text);
    }
  if (is_message || is_text)
    {
      imap_expect (text, ' ');
      imap_number (text);
    }
  if (text->is_extended)
    {
      imap_expect (text, ' ');
      imap_nstring (text, TRUE);
      imap_disposition (text);
    }
  imap_expect (text, ')');
  text->depth--;
}

gboolean
imap_is_string (const char *data, gsize len)
{
  ImapText text = { data, data + len, FALSE, FALSE, 0 };
  imap_nstring (&text, FALSE);
  return !text.is_bad && text.at == text.end;
}

gboolean
imap_is_envelope (const char *data, gsize len)
{
  ImapText text = { data, data + len, FALSE, FALSE, 0 };
  imap_envelope (&text);
  return !text.is_bad && text.at == text.end;
}

gboolean
imap_is_body (const char *data, gsize len, gboolean is_extended)
{
  ImapText text = { data, data + len, FALSE, is_extended, 0 };
  imap_body (&text);
  return !text.is_bad && text.at == text.end;
}
