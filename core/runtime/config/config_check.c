/* SPDX-License-Identifier: MIT
 * Checks a text before libconfig reads it. Mistakes that libconfig hides (numbers above 2^31, a forgotten
 * `;`) or cannot explain (30d without quotes, open quotes, the same key twice) are reported in words for
 * an administrator and repaired in place, so that one run shows everything that is wrong with a file.
 */
#include "config.h"

#include <satchel/hash.h>
#include <satchel/number.h>
#include <string.h>

#include "core/runtime/config/config_private.h"

/* numbers of 18 digits, which libconfig can read */
#define NUMBER_MAX G_GUINT64_CONSTANT (999999999999999999)

typedef enum
{
  TOKEN_END = 0,
  TOKEN_NAME,
  TOKEN_NUMBER,
  TOKEN_BIG, /* a whole number beyond 31 bits without L */
  TOKEN_BOOL,
  TOKEN_STRING,
  TOKEN_WORD,  /* a word for which libconfig has no token: 30d, /var/mail */
  TOKEN_MARK,  /* one of = : , ; ( ) [ ] { } */
  TOKEN_BROKEN /* a string or comment without end, which has been reported */
} TokenType;

typedef struct Token
{
  TokenType type;
  gsize start, end; /* offsets in the text */
  guint line;
  char mark;
} Token;

typedef struct Edit
{
  gsize start, end;
  const char *with; /* static text; NULL: blanks, with line ends kept */
} Edit;

typedef struct Checker
{
  const SatchelConfigText *text;
  const char *bytes;
  gsize len, at;
  guint line;
  GPtrArray *problems;
  GArray *edits;
  Token now;
  gsize last_end; /* offset of the end of the last token */
  guint last_line;
  guint n_settings;
  gboolean is_lost;   /* reading could not go on here */
  gboolean is_broken; /* a statement was left out */
} Checker;

static char *
place_of (const Checker *checker, guint line)
{
  return satchel_config_text_where (checker->text, line);
}

static void
edit_byte (Checker *checker, gsize start, gsize end, const char *with)
{
  Edit one = { start, end, with };
  g_array_append_val (checker->edits, one);
}

static void
lose_setting (Checker *checker, guint line, const char *why)
{
  if (!checker->is_lost)
    satchel_config_problem_add (checker->problems, FALSE, place_of (checker, line), "%s", why);
  checker->is_lost = TRUE;
  checker->now =
      (Token) { .type = TOKEN_END, .start = checker->len, .end = checker->len, .line = checker->line };
}

static void
skip_line_comment (Checker *checker)
{
  while (checker->at < checker->len && checker->bytes[checker->at] != '\n')
    checker->at++;
}

/* Skips a comment that begins with slash and asterisk.  FALSE means that it has no end. */
static gboolean
skip_block_comment (Checker *checker)
{
  const char *start = checker->bytes + checker->at, *end = strstr (start + 2, "*/");
  if (end == NULL)
    {
      lose_setting (checker, checker->line, "the comment that begins here has no end; write */ after it");
      return FALSE;
    }
  for (const char *p = start; p < end; p++)
    checker->line += *p == '\n';
  checker->at += (gsize) (end + 2 - start);
  return TRUE;
}

/* Skips blanks and comments. FALSE: a comment has no end. */
static gboolean
skip_blanks (Checker *checker)
{
  while (checker->at < checker->len)
    {
      const char *p = checker->bytes + checker->at; /* NUL-ended */
      if (*p == '#' || (p[0] == '/' && p[1] == '/'))
        skip_line_comment (checker);
      else if (p[0] == '/' && p[1] == '*')
        {
          if (!skip_block_comment (checker))
            return FALSE;
        }
      else if (strchr (" \t\n\r\f", *p) != NULL && *p != '\0')
        {
          checker->line += *p == '\n';
          checker->at++;
        }
      else
        break;
    }
  return TRUE;
}

static gboolean
lex_string (Checker *checker)
{
  const char *p = checker->bytes;
  for (checker->at++; checker->at < checker->len && p[checker->at] != '"' && p[checker->at] != '\n';
       checker->at++)
    if (p[checker->at] == '\\')
      {
        checker->at++;
        if (g_ascii_tolower (p[checker->at]) == 'x' && p[checker->at + 1] == '0' && p[checker->at + 2] == '0')
          satchel_config_problem_add (checker->problems, FALSE, place_of (checker, checker->line),
                                      "this text has \\x00, which no setting may hold; remove it");
        if (p[checker->at] == '\n')
          break;
      }
  if (checker->at >= checker->len || p[checker->at] != '"')
    {
      lose_setting (checker, checker->line,
                    "the text that begins here has no closing quote on this line; write \" after it");
      return FALSE;
    }
  checker->at++;
  return TRUE;
}

static TokenType
classify_name (const char *word, gsize len)
{
  for (gsize i = 1; i < len; i++)
    if (!g_ascii_isalnum (word[i]) && strchr ("-_*", word[i]) == NULL)
      return TOKEN_WORD;
  if ((len == 4 && g_ascii_strncasecmp (word, "true", 4) == 0)
      || (len == 5 && g_ascii_strncasecmp (word, "false", 5) == 0))
    return TOKEN_BOOL;
  return TOKEN_NAME;
}

/* Classifies what follows "0x": up to 7 digits fit 32 bits with their sign, up to 15 fit 64. */
static TokenType
classify_hex (const char *digits, gsize len)
{
  for (gsize i = 0; i < len; i++)
    if (!g_ascii_isxdigit (digits[i]))
      return TOKEN_WORD;
  if (len > 15)
    return TOKEN_WORD;
  return len > 7 ? TOKEN_BIG : TOKEN_NUMBER;
}

/* Classifies what follows the digits of a number: L or LL, or a fraction. */
static TokenType
classify_number_end (const char *tail, gsize len)
{
  if (tail[0] == 'L')
    return len == 1 || (len == 2 && tail[1] == 'L') ? TOKEN_NUMBER : TOKEN_WORD;
  if (tail[0] != '.' || len < 2)
    return TOKEN_WORD;
  for (gsize i = 1; i < len; i++)
    if (!g_ascii_isdigit (tail[i]))
      return TOKEN_WORD;
  return TOKEN_NUMBER;
}

/* Classifies a word by libconfig's own rules for names and numbers. */
static TokenType
classify_word (const char *word, gsize len)
{
  const char *at = word + (word[0] == '-' || word[0] == '+'), *end = word + len;
  guint64 number;
  if (g_ascii_isalpha (word[0]) || word[0] == '*')
    return classify_name (word, len);
  if (len > 2 && word[0] == '0' && (word[1] == 'x' || word[1] == 'X'))
    return classify_hex (word + 2, len - 2);
  if (!satchel_number_take (&at, end, 10, NUMBER_MAX, &number))
    return TOKEN_WORD;
  if (at < end)
    return classify_number_end (at, (gsize) (end - at));
  return number > G_MAXINT32 ? TOKEN_BIG : TOKEN_NUMBER;
}

static void
advance_token (Checker *checker)
{
  checker->last_end = checker->now.end;
  checker->last_line = checker->now.line;
  if (checker->is_lost || !skip_blanks (checker))
    return;
  const char *p = checker->bytes;
  Token token = { .type = TOKEN_END, .start = checker->at, .line = checker->line };
  if (checker->at >= checker->len)
    token.type = TOKEN_END;
  else if (p[checker->at] == '"')
    {
      if (!lex_string (checker))
        return;
      token.type = TOKEN_STRING;
    }
  else if (strchr ("=:,;()[]{}", p[checker->at]) != NULL)
    {
      token.type = TOKEN_MARK;
      token.mark = p[checker->at++];
    }
  else
    {
      while (checker->at < checker->len && strchr (" \t\r\n\f\"=:,;()[]{}#", p[checker->at]) == NULL
             && !(p[checker->at] == '/' && strchr ("/*", p[checker->at + 1]) != NULL
                  && p[checker->at + 1] != '\0'))
        checker->at++;
      token.type = classify_word (p + token.start, checker->at - token.start);
    }
  token.end = checker->at;
  checker->now = token;
}

static gboolean
is_mark (const Checker *checker, char mark)
{
  return checker->now.type == TOKEN_MARK && checker->now.mark == mark;
}

static int
shown_len (gsize start, gsize end)
{
  return (int) MIN (end - start, 60);
}

/* Reports text without quotes, shows how to write it, and puts it in quotes. */
static void
quote_word (Checker *checker)
{
  const Token *word = &checker->now;
  satchel_config_problem_add (checker->problems, FALSE, place_of (checker, word->line),
                              "%.*s must be in quotes; write \"%.*s\"", shown_len (word->start, word->end),
                              checker->bytes + word->start, shown_len (word->start, word->end),
                              checker->bytes + word->start);
  gboolean is_safe = memchr (checker->bytes + word->start, '\\', word->end - word->start) == NULL;
  if (is_safe)
    edit_byte (checker, word->start, word->start, "\"");
  edit_byte (checker, is_safe ? word->end : word->start, word->end, is_safe ? "\"" : "\"\"");
}

static gboolean check_value (Checker *checker, guint depth);
static void check_settings (Checker *checker, guint depth, guint open_line);

/* Checks elements after `(` or `[`. */
static void
check_elements (Checker *checker, char close, guint depth)
{
  guint open_line = checker->now.line;
  advance_token (checker);
  while (!checker->is_lost && !is_mark (checker, close))
    {
      if (!check_value (checker, depth))
        {
          g_autofree char *why = g_strdup_printf ("the list that begins here has no closing %c", close);
          lose_setting (checker, open_line, why);
          return;
        }
      if (is_mark (checker, close))
        break;
      if (!is_mark (checker, ','))
        {
          g_autofree char *why =
              g_strdup_printf ("the list that begins here lacks a comma between its parts, or its %c", close);
          lose_setting (checker, open_line, why);
          return;
        }
      gsize comma = checker->now.start;
      guint line = checker->now.line;
      advance_token (checker);
      if (is_mark (checker, close))
        {
          satchel_config_problem_add (checker->problems, FALSE, place_of (checker, line),
                                      "there is a comma before the %c that ends the list; remove it", close);
          edit_byte (checker, comma, comma + 1, NULL);
        }
    }
  advance_token (checker);
}

/* Checks a value. FALSE means that there is none here. */
static gboolean
check_value (Checker *checker, guint depth)
{
  if (depth > SATCHEL_CONFIG_DEPTH)
    {
      lose_setting (checker, checker->now.line, "more than 16 groups or lists in each other");
      return FALSE;
    }
  switch (checker->now.type)
    {
    case TOKEN_NUMBER:
    case TOKEN_BOOL:
      advance_token (checker);
      return TRUE;
    case TOKEN_BIG:
      /* libconfig 1.5 would silently cut the number to 32 bits; with L the check of its range sees it. */
      edit_byte (checker, checker->now.end, checker->now.end, "L");
      advance_token (checker);
      return TRUE;
    case TOKEN_STRING:
      while (checker->now.type == TOKEN_STRING && !checker->is_lost)
        advance_token (checker);
      return TRUE;
    case TOKEN_NAME:
    case TOKEN_WORD:
      quote_word (checker);
      advance_token (checker);
      return TRUE;
    case TOKEN_MARK:
      if (checker->now.mark == '{')
        check_settings (checker, depth + 1, checker->now.line);
      else if (checker->now.mark == '(' || checker->now.mark == '[')
        check_elements (checker, checker->now.mark == '(' ? ')' : ']', depth + 1);
      else
        return FALSE;
      return TRUE;
    case TOKEN_END:
    case TOKEN_BROKEN:
      return FALSE;
    }
  return FALSE;
}

/* Skips a statement that cannot be read up to its end, and blanks it. */
static void
skip_statement (Checker *checker, gsize start)
{
  checker->is_broken = TRUE;
  guint depth = 0;
  while (checker->now.type != TOKEN_END)
    {
      if (checker->now.type == TOKEN_MARK && strchr ("([{", checker->now.mark) != NULL)
        depth++;
      else if (checker->now.type == TOKEN_MARK && strchr (")]}", checker->now.mark) != NULL)
        {
          if (depth == 0)
            break;
          depth--;
        }
      gboolean is_end = is_mark (checker, ';') && depth == 0;
      advance_token (checker);
      if (is_end)
        break;
    }
  edit_byte (checker, start, checker->last_end, NULL);
}

/* Checks the `;` after a value that began on @line. */
static void
check_end_of_statement (Checker *checker, gboolean is_group, guint line)
{
  if (is_mark (checker, ';') || is_mark (checker, ','))
    {
      advance_token (checker);
      return;
    }
  /* A group on one line needs no `;` before its `}`, as in libconfig. */
  gboolean may_lack = is_group
                      || ((is_mark (checker, '}') || checker->now.type == TOKEN_END)
                          && checker->now.line == checker->last_line);
  if (!may_lack && !checker->is_lost)
    satchel_config_problem_add (checker->problems, FALSE, place_of (checker, line),
                                "the setting that begins here has no ; at its end; add it");
}

static void
check_duplicate (Checker *checker, GHashTable *names, const Token *name, gboolean *ret_is_second)
{
  g_autofree char *key = g_strndup (checker->bytes + name->start, name->end - name->start);
  guint first = GPOINTER_TO_UINT (g_hash_table_lookup (names, key));
  *ret_is_second = first != 0;
  if (first != 0)
    {
      g_autofree char *other = place_of (checker, first);
      satchel_config_problem_add (checker->problems, FALSE, place_of (checker, name->line),
                                  "\"%.64s\" is set twice: here and at %s; remove one", key, other);
    }
  else
    g_hash_table_insert (names, g_steal_pointer (&key), GUINT_TO_POINTER (name->line));
}

static void
complain_no_value (Checker *checker, const Token *name)
{
  satchel_config_problem_add (checker->problems, FALSE, place_of (checker, name->line),
                              "%.*s has no value; add it", shown_len (name->start, name->end),
                              checker->bytes + name->start);
}

/* Says whether another setting begins on a later line, where the value of @name should be.  After "a =" the
 * line "b = 1" is a setting, and b no value of a.  It reads one token ahead, and goes back. */
static gboolean
is_next_setting (Checker *checker, const Token *name)
{
  const Checker before = *checker;
  if (before.now.type != TOKEN_NAME || before.now.line == name->line)
    return FALSE;
  advance_token (checker);
  gboolean is_name = is_mark (checker, '=') || is_mark (checker, ':');
  checker->now = before.now;
  checker->at = before.at;
  checker->line = before.line;
  checker->last_end = before.last_end;
  return is_name;
}

/* Checks the value of @name and its `;`.  One that is not a value takes the whole statement with it, and so
 * does one of a name that was set before (@is_second): edits within it count no more. */
static void
check_assigned (Checker *checker, const Token *name, gboolean is_second, guint depth)
{
  gboolean is_group = is_mark (checker, '{');
  guint n_edits = checker->edits->len;
  if (!check_value (checker, depth))
    {
      if (!checker->is_lost)
        complain_no_value (checker, name);
      g_array_set_size (checker->edits, n_edits);
      skip_statement (checker, name->start);
      return;
    }
  check_end_of_statement (checker, is_group, name->line);
  if (is_second)
    {
      g_array_set_size (checker->edits, n_edits);
      edit_byte (checker, name->start, checker->last_end, NULL);
    }
}

/* Checks NAME = VALUE ; */
static void
check_setting (Checker *checker, GHashTable *names, guint depth)
{
  const Token name = checker->now;
  gboolean is_second;
  if (++checker->n_settings > SATCHEL_CONFIG_SETTINGS)
    {
      lose_setting (checker, name.line, "more than 10,000 settings in one file");
      return;
    }
  advance_token (checker);
  if (!is_mark (checker, '=') && !is_mark (checker, ':'))
    {
      satchel_config_problem_add (checker->problems, FALSE, place_of (checker, name.line),
                                  "%.*s lacks its =; write NAME = VALUE;", shown_len (name.start, name.end),
                                  checker->bytes + name.start);
      skip_statement (checker, name.start);
      return;
    }
  check_duplicate (checker, names, &name, &is_second);
  advance_token (checker);
  if (!is_next_setting (checker, &name))
    {
      check_assigned (checker, &name, is_second, depth);
      return;
    }
  complain_no_value (checker, &name);
  edit_byte (checker, name.start, checker->last_end, NULL);
}

/* Checks settings from `{` on (depth > 0), or the whole text. */
static void
check_settings (Checker *checker, guint depth, guint open_line)
{
  g_autoptr (GHashTable) names = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  if (depth > 0)
    advance_token (checker);
  while (!checker->is_lost)
    {
      if (depth > 0 && is_mark (checker, '}'))
        {
          advance_token (checker);
          return;
        }
      if (checker->now.type == TOKEN_END)
        {
          if (depth > 0)
            lose_setting (checker, open_line,
                          "the group that begins here has no closing }; write }; after its last setting");
          return;
        }
      if (checker->now.type == TOKEN_NAME || checker->now.type == TOKEN_BOOL)
        check_setting (checker, names, depth);
      else if (is_mark (checker, ';') || is_mark (checker, ','))
        {
          edit_byte (checker, checker->now.start, checker->now.end, NULL);
          advance_token (checker);
        }
      else if (checker->now.type == TOKEN_MARK && strchr (")]}", checker->now.mark) != NULL)
        lose_setting (checker, checker->now.line,
                      "a closing bracket that nothing opened; remove it, or look for a missing one above");
      else
        {
          satchel_config_problem_add (checker->problems, FALSE, place_of (checker, checker->now.line),
                                      "%.*s is not a setting; write NAME = VALUE;",
                                      shown_len (checker->now.start, checker->now.end),
                                      checker->bytes + checker->now.start);
          skip_statement (checker, checker->now.start);
        }
    }
}

static void
apply_edits (SatchelConfigText *text, GArray *edits)
{
  GString *out = g_string_sized_new (text->text->len + 2 * edits->len);
  gsize at = 0;
  for (guint i = 0; i < edits->len; i++)
    {
      const Edit *one = &g_array_index (edits, Edit, i);
      if (one->start < at)
        continue;
      g_string_append_len (out, text->text->str + at, (gssize) (one->start - at));
      if (one->with != NULL)
        g_string_append (out, one->with);
      else
        for (gsize p = one->start; p < one->end; p++)
          g_string_append_c (out, text->text->str[p] == '\n' ? '\n' : ' ');
      at = one->end;
    }
  g_string_append (out, text->text->str + at);
  g_string_free (text->text, TRUE);
  text->text = out;
}

static int
compare_edits (gconstpointer a, gconstpointer b)
{
  const Edit *one = a, *other = b;
  if (one->start != other->start)
    return one->start < other->start ? -1 : 1;
  return one->end > other->end ? -1 : one->end < other->end;
}

gboolean
satchel_config_check_text (SatchelConfigText *text, GPtrArray *problems)
{
  g_autoptr (GArray) edits = g_array_new (FALSE, FALSE, sizeof (Edit));
  Checker checker = { .text = text,
                      .bytes = text->text->str,
                      .len = text->text->len,
                      .line = 1,
                      .problems = problems,
                      .edits = edits };
  advance_token (&checker);
  check_settings (&checker, 0, 0);
  text->is_broken = text->is_broken || checker.is_lost || checker.is_broken;
  if (checker.is_lost)
    return FALSE;
  /* A blanked statement may hold edits of its own, so of two that begin together the longer one comes first
   * and wins. */
  g_array_sort (edits, compare_edits);
  apply_edits (text, edits);
  return TRUE;
}
