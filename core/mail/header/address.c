/* SPDX-License-Identifier: MIT
 * This file parses address lists (RFC 5322 3.4, with the obsolete forms of 4.4) into what ENVELOPE shows
 * (RFC 3501 7.4.2), in one pass.  A malformed list gives what a reader would see in it.
 */
#include "config.h"

#include <satchel/header.h>
#include <string.h>

#include "core/mail/header/fields.h"
#include "core/mail/header/text.h"

/* A list that is being read has these words since the last separator. */
typedef struct Words
{
  GString *phrase;   /* the words with single spaces between them, without quotes */
  GString *compact;  /* the same without spaces around '.' and '@': "local@host" */
  gsize at_sign;     /* offset of the last '@' in compact, or G_MAXSIZE */
  gboolean has_word; /* there was a word, even an empty one ("") */
  GString *comment;
} Words;

void
satchel_address_free (SatchelAddress *address)
{
  if (address == NULL)
    return;
  g_free (address->name);
  g_free (address->route);
  g_free (address->mailbox);
  g_free (address->host);
  g_free (address);
}

static void
words_reset (Words *words)
{
  g_string_truncate (words->phrase, 0);
  g_string_truncate (words->compact, 0);
  g_string_truncate (words->comment, 0);
  words->at_sign = G_MAXSIZE;
  words->has_word = FALSE;
}

static char *
copy_or_null (const GString *text)
{
  return text->len > 0 ? g_strndup (text->str, text->len) : NULL;
}

static void
add_address (GPtrArray *list, char *name, char *route, char *mailbox, char *host)
{
  SatchelAddress *address = g_new0 (SatchelAddress, 1);
  address->name = name;
  address->route = route;
  address->mailbox = mailbox;
  address->host = host;
  g_ptr_array_add (list, address);
}

/* Reads a domain literal, "[192.0.2.1]". Its end is looked for in a bounded stretch, so that a run of '['
 * takes linear time. */
static const char *
read_domain_literal (const char *at, const char *end, GString *phrase)
{
  const char *close = memchr (at, ']', MIN (end - at, 256));
  close = close != NULL && memchr (at, ',', close - at) == NULL ? close + 1 : at + 1;
  for (; at < close; at++)
    if (*at != '\r' && *at != '\n' && *at != '\0')
      g_string_append_c (phrase, *at);
  return at;
}

/* Reads one '.' or '@', or an atom, whose first byte may be quoted by a backslash. */
static const char *
read_atom (const char *at, const char *end, GString *phrase)
{
  const gboolean is_joint = *at == '.' || *at == '@';
  if (*at == '\\' && at + 1 < end)
    at++;
  if (*at != '\0' && *at != '\r' && *at != '\n')
    g_string_append_c (phrase, *at);
  at++;
  while (!is_joint && at < end && strchr (" \t\r\n(),;:<>.@\"[", *at) == NULL)
    g_string_append_c (phrase, *at++);
  return at;
}

static const char *
read_word (const char *at, const char *end, GString *phrase)
{
  if (*at == '"')
    return satchel_read_quoted (at, end, phrase);
  return *at == '[' ? read_domain_literal (at, end, phrase) : read_atom (at, end, phrase);
}

/* Reads up to the next special; atoms and quoted strings, with what RFC 5322 4.4 allows between them. */
static const char *
read_words (const char *at, const char *end, Words *words)
{
  gboolean had_space = FALSE;
  while (at < end)
    {
      const char *next = satchel_skip_cfws (at, end, words->comment);
      had_space = had_space || next != at;
      at = next;
      if (at == end || strchr (",;:<>", *at) != NULL)
        break;
      if (had_space && words->phrase->len > 0)
        g_string_append_c (words->phrase, ' ');
      had_space = FALSE;
      if (*at == '@')
        words->at_sign = words->compact->len;
      const gsize start = words->phrase->len;
      at = read_word (at, end, words->phrase);
      words->has_word = TRUE;
      g_string_append_len (words->compact, words->phrase->str + start, words->phrase->len - start);
    }
  return at;
}

/* Reads "<@route:local@host>"; @at is past '<'. */
static const char *
read_angle (const char *at, const char *end, Words *words, char **ret_route)
{
  *ret_route = NULL;
  words_reset (words);
  at = satchel_skip_cfws (at, end, NULL);
  if (at < end && *at == '@')
    {
      g_autoptr (GString) route = g_string_new (NULL);
      const char *start = at;
      while (at < end && *at != ':' && *at != '>' && *at != '<')
        {
          if (*at != '\0' && strchr (" \t\r\n", *at) == NULL)
            g_string_append_c (route, *at);
          at++;
        }
      if (at < end && *at == ':')
        {
          *ret_route = copy_or_null (route);
          at++;
        }
      else
        at = start;
    }
  for (;;)
    {
      at = read_words (at, end, words);
      /* A comma inside angle brackets can only mean that '>' is missing; ':' and ';' are skipped, as in
       * "<Undisclosed:;@x>". */
      if (at == end || *at == ',')
        return at;
      at++;
      if (at[-1] == '>')
        return at;
    }
}

static void
split_spec (const Words *words, char **ret_mailbox, char **ret_host)
{
  /* The mailbox is never NIL, which would read as the start or end of a group (RFC 3501 7.4.2). */
  if (words->at_sign == G_MAXSIZE)
    {
      *ret_mailbox = g_strndup (words->compact->str, words->compact->len);
      *ret_host = g_strdup ("");
      return;
    }
  *ret_mailbox = g_strndup (words->compact->str, words->at_sign);
  *ret_host = g_strndup (words->compact->str + words->at_sign + 1, words->compact->len - words->at_sign - 1);
}

static const char *
add_angle (const char *at, const char *end, Words *words, GPtrArray *list)
{
  char *route, *mailbox, *host;
  char *name = copy_or_null (words->phrase);
  at = read_angle (at + 1, end, words, &route);
  split_spec (words, &mailbox, &host);
  words_reset (words);
  /* Words behind "<...>" are ignored, unless they are a comment that names the person. */
  at = read_words (at, end, words);
  if (name == NULL)
    name = copy_or_null (words->comment);
  add_address (list, name, route, mailbox, host);
  words_reset (words);
  /* A second '<' without a comma starts a new address. */
  while (at < end && *at == '>')
    at = read_words (at + 1, end, words);
  return at;
}

static void
add_plain (Words *words, GPtrArray *list)
{
  if (words->has_word)
    {
      char *mailbox, *host;
      /* Text without '@' is no address; it is shown as a whole, as a reader would see it. */
      if (words->at_sign == G_MAXSIZE)
        {
          mailbox = g_strndup (words->phrase->str, words->phrase->len);
          host = g_strdup ("");
        }
      else
        split_spec (words, &mailbox, &host);
      add_address (list, copy_or_null (words->comment), NULL, mailbox, host);
    }
  words_reset (words);
}

GPtrArray *
satchel_addresses_parse (const char *value, gsize len, guint max)
{
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_address_free);
  const char *at = value, *end = value + len;
  gboolean in_group = FALSE;
  Words words = { g_string_new (NULL), g_string_new (NULL), G_MAXSIZE, FALSE, g_string_new (NULL) };

  while (at < end && list->len < max)
    {
      at = read_words (at, end, &words);
      if (at == end)
        break;
      if (*at == '<')
        {
          at = add_angle (at, end, &words, list);
          continue;
        }
      if (*at == ':' && !in_group && words.at_sign == G_MAXSIZE)
        {
          in_group = TRUE;
          add_address (list, NULL, NULL, g_strndup (words.phrase->str, words.phrase->len), NULL);
          words_reset (&words);
        }
      else if (*at == ',' || *at == ';')
        add_plain (&words, list);
      if (*at == ';' && in_group)
        {
          in_group = FALSE;
          add_address (list, NULL, NULL, NULL, NULL);
        }
      at++;
    }
  if (list->len < max)
    add_plain (&words, list);
  if (in_group)
    add_address (list, NULL, NULL, NULL, NULL);
  g_string_free (words.phrase, TRUE);
  g_string_free (words.compact, TRUE);
  g_string_free (words.comment, TRUE);
  return list;
}

char *
satchel_addresses_first (const char *value, gsize len)
{
  /* A group's start may come first. */
  g_autoptr (GPtrArray) list = satchel_addresses_parse (value, len, 4);
  for (guint i = 0; i < list->len; i++)
    {
      const SatchelAddress *address = g_ptr_array_index (list, i);
      if (address->mailbox != NULL && address->host != NULL)
        return g_strconcat (address->mailbox, "@", address->host, NULL);
    }
  return NULL;
}
