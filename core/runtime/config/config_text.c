/* SPDX-License-Identifier: MIT
 * Reads configuration files and expands @include itself, so that libconfig never opens a file (its version
 * 1.5 calls exit on a directory, and follows loops). Remembers the file and line from which each line
 * came.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/retry.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "core/runtime/config/config_private.h"

typedef struct Line
{
  guint file, line;
} Line;

typedef struct Expansion
{
  SatchelConfigText *text;
  GPtrArray *problems;
  const char *tree; /* real path of the directory of includes; NULL: none are allowed */
  GPtrArray *open;  /* real paths of the files that are being read, outermost first */
} Expansion;

typedef enum
{
  PLAIN = 0,
  STRING,
  COMMENT
} LexState;

void
satchel_config_text_free (SatchelConfigText *text)
{
  if (text == NULL)
    return;
  g_string_free (text->text, TRUE);
  g_ptr_array_unref (text->files);
  g_array_unref (text->lines);
  g_free (text);
}

static SatchelConfigText *
text_new (void)
{
  SatchelConfigText *text = g_new0 (SatchelConfigText, 1);
  text->text = g_string_new (NULL);
  text->files = g_ptr_array_new_with_free_func (g_free);
  text->lines = g_array_new (FALSE, FALSE, sizeof (Line));
  return text;
}

char *
satchel_config_text_where (const SatchelConfigText *text, guint line)
{
  if (text->lines->len == 0)
    return g_strdup (text->files->len > 0 ? text->files->pdata[0] : "");
  const Line *from = &g_array_index (text->lines, Line, CLAMP (line, 1, text->lines->len) - 1);
  if (from->line == 0)
    return g_strdup (text->files->pdata[from->file]);
  return g_strdup_printf ("%s:%u", (const char *) text->files->pdata[from->file], from->line);
}

/* Returns the lexical state at the end of a line that begins in @state. */
static LexState
lex_line (const char *line, gsize len, LexState state)
{
  for (gsize i = 0; i < len; i++)
    {
      char c = line[i], next = i + 1 < len ? line[i + 1] : '\0';
      if (state == STRING && c == '\\')
        i++;
      else if (state == STRING)
        state = c == '"' ? PLAIN : STRING;
      else if (state == COMMENT && c == '*' && next == '/')
        {
          state = PLAIN;
          i++;
        }
      else if (state == COMMENT)
        continue;
      else if (c == '"')
        state = STRING;
      else if (c == '/' && next == '*')
        {
          state = COMMENT;
          i++;
        }
      else if (c == '#' || (c == '/' && next == '/'))
        return PLAIN;
    }
  return state;
}

/* Parses `@include "NAME"` at the start of a line, as libconfig does. Returns the name; *ret_len: length of
 * the directive. */
static char *
parse_include (const char *line, gsize len, gsize *ret_len)
{
  gsize at = 0;
  while (at < len && (line[at] == ' ' || line[at] == '\t'))
    at++;
  if (len - at < strlen ("@include") || strncmp (line + at, "@include", strlen ("@include")) != 0)
    return NULL;
  at += strlen ("@include");
  while (at < len && (line[at] == ' ' || line[at] == '\t'))
    at++;
  if (at == len || line[at++] != '"')
    return NULL;
  g_autoptr (GString) name = g_string_new (NULL);
  for (; at < len && line[at] != '"'; at++)
    {
      if (line[at] == '\\' && at + 1 < len)
        at++;
      g_string_append_c (name, line[at]);
    }
  if (at == len)
    return NULL;
  *ret_len = at + 1;
  return g_strdup (name->str);
}

static void
emit_line (Expansion *expansion, const char *line, gsize len, guint file, guint number)
{
  Line from = { file, number };
  g_string_append_len (expansion->text->text, line, (gssize) len);
  g_string_append_c (expansion->text->text, '\n');
  g_array_append_val (expansion->text->lines, from);
}

/* Reads a regular file of bounded size, which must be UTF-8 without NUL. @is_included only chooses the words
 * of a message. */
static char *
read_file (const char *path, char *where, gsize *ret_len, GPtrArray *problems)
{
  g_autofree char *place = where;
  struct stat st;
  g_auto (SatchelFd) fd = SATCHEL_RETRY (open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (fd < 0 || fstat (fd, &st) != 0)
    {
      int errnum = errno;
      satchel_config_problem_add (
          problems, FALSE, g_steal_pointer (&place), "cannot read %s: %s%s", path, g_strerror (errnum),
          errnum == EACCES ? "; let the account that reads configuration read it (chmod, chgrp)" : "");
      return NULL;
    }
  const char *why = NULL;
  if (!S_ISREG (st.st_mode))
    why = "is not a regular file; name a file";
  else if ((st.st_mode & S_IWOTH) != 0)
    why = "is writable by everyone; run: chmod o-w on it";
  else if (st.st_size > SATCHEL_CONFIG_FILE_MAX)
    why = "is larger than 1 MiB; that is not a configuration file";
  g_autofree char *bytes = NULL;
  gssize len = 0;
  if (why == NULL)
    {
      bytes = g_malloc (SATCHEL_CONFIG_FILE_MAX + 2);
      len = satchel_fd_read_all (fd, bytes, SATCHEL_CONFIG_FILE_MAX + 1);
      bytes[MAX (len, 0)] = '\0';
      if (len < 0)
        why = "cannot be read: input/output error";
      else if (len > SATCHEL_CONFIG_FILE_MAX)
        why = "is larger than 1 MiB; that is not a configuration file";
    }
  if (why != NULL)
    {
      satchel_config_problem_add (problems, FALSE, g_steal_pointer (&place), "%s %s", path, why);
      return NULL;
    }
  *ret_len = (gsize) len;
  return g_steal_pointer (&bytes);
}

static gboolean
is_clean (const char *name, const char *bytes, gsize len, GPtrArray *problems)
{
  const char *bad;
  if (g_utf8_validate_len (bytes, len, &bad))
    return TRUE;
  guint line = 1;
  for (const char *p = bytes; p < bad; p++)
    line += *p == '\n';
  satchel_config_problem_add (problems, FALSE, g_strdup_printf ("%s:%u", name, line),
                              *bad == '\0'
                                      || (bad == bytes && len > 1
                                          && ((guchar) *bad == 0xff || (guchar) *bad == 0xfe)
                                          && (guchar) bad[1] >= 0xfe)
                                  ? "this is not UTF-8, but UTF-16 or no text at all; save the file as UTF-8"
                                  : "this line is not UTF-8; save the file as UTF-8");
  return FALSE;
}

static gboolean expand_lines (Expansion *expansion, const char *name, const char *bytes, gsize len,
                              gboolean has_lines);

static gboolean
is_inside (const char *real, const char *tree)
{
  gsize len = strlen (tree);
  return strncmp (real, tree, len) == 0 && (real[len] == '/' || g_str_has_suffix (tree, "/"));
}

/* Puts the included file in place of its directive. */
static gboolean
include_file (Expansion *expansion, const char *by, guint line, const char *name)
{
  g_autofree char *where = g_strdup_printf ("%s:%u", by, line);
  g_autofree char *directory = g_path_get_dirname (by);
  g_autofree char *path =
      g_path_is_absolute (directory) ? g_canonicalize_filename (name, directory) : g_strdup (name);
  char *resolved = expansion->tree != NULL ? realpath (path, NULL) : NULL;
  g_autofree char *real = g_strdup (resolved);
  free (resolved);
  if (expansion->tree == NULL)
    satchel_config_problem_add (expansion->problems, FALSE, g_steal_pointer (&where),
                                "@include is not possible here");
  else if (real == NULL)
    satchel_config_problem_add (expansion->problems, FALSE, g_steal_pointer (&where), "cannot include %s: %s",
                                path, g_strerror (errno));
  else if (!is_inside (real, expansion->tree))
    satchel_config_problem_add (expansion->problems, FALSE, g_steal_pointer (&where),
                                "cannot include %s: it is outside of %s; move it there", path,
                                expansion->tree);
  else if (g_ptr_array_find_with_equal_func (expansion->open, real, g_str_equal, NULL))
    satchel_config_problem_add (expansion->problems, FALSE, g_steal_pointer (&where),
                                "cannot include %s: it includes itself; remove one of the @include lines",
                                path);
  else if (expansion->open->len >= SATCHEL_CONFIG_INCLUDE_DEPTH)
    satchel_config_problem_add (
        expansion->problems, FALSE, g_steal_pointer (&where),
        "cannot include %s: files include each other more than %u deep; include it from a file further up",
        path, SATCHEL_CONFIG_INCLUDE_DEPTH);
  else
    {
      gsize len;
      g_autofree char *bytes = read_file (real, g_steal_pointer (&where), &len, expansion->problems);
      if (bytes == NULL || !is_clean (path, bytes, len, expansion->problems))
        return FALSE;
      g_ptr_array_add (expansion->open, real);
      gboolean ok = expand_lines (expansion, path, bytes, len, TRUE);
      g_ptr_array_remove_index (expansion->open, expansion->open->len - 1);
      return ok;
    }
  return FALSE;
}

/* Expands includes. FALSE means that something could not be included; the rest has been expanded. */
static gboolean
expand_lines (Expansion *expansion, const char *name, const char *bytes, gsize len, gboolean has_lines)
{
  guint file = expansion->text->files->len, number = 0;
  g_ptr_array_add (expansion->text->files, g_strdup (name));
  /* Editors of other systems begin a UTF-8 file with a byte order mark, which is not part of the text. */
  gsize mark = len >= 3 && memcmp (bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
  LexState state = PLAIN;
  gboolean ok = TRUE;
  for (gsize at = mark; at < len;)
    {
      const char *line = bytes + at;
      const char *end = memchr (line, '\n', len - at);
      gsize line_len = end != NULL ? (gsize) (end - line) : len - at, directive_len;
      at += line_len + (end != NULL);
      number++;
      g_autofree char *target = state == PLAIN ? parse_include (line, line_len, &directive_len) : NULL;
      if (target != NULL)
        {
          ok = include_file (expansion, name, number, target) && ok;
          line += directive_len;
          line_len -= directive_len;
        }
      if (expansion->text->text->len + line_len > SATCHEL_CONFIG_TEXT_MAX)
        {
          satchel_config_problem_add (expansion->problems, FALSE, g_strdup_printf ("%s:%u", name, number),
                                      "this file has more than 4 MiB with all that it includes; shorten it");
          return FALSE;
        }
      emit_line (expansion, line, line_len, file, has_lines ? number : 0);
      state = lex_line (line, line_len, state);
    }
  return ok;
}

/* An @include that is left at the start of a line (in a comment, behind another one) is changed so that
 * libconfig does not follow it. */
static void
defuse_line (SatchelConfigText *text)
{
  for (char *line = text->text->str; line != NULL && *line != '\0';)
    {
      line += strspn (line, " \t");
      if (strncmp (line, "@include", strlen ("@include")) == 0)
        *line = '!';
      if ((line = strchr (line, '\n')) != NULL)
        line++;
    }
}

SatchelConfigText *
satchel_config_text_read (const char *path, const char *tree, GPtrArray *problems)
{
  gsize len;
  g_autofree char *bytes = read_file (path, g_strdup (path), &len, problems);
  if (bytes == NULL || !is_clean (path, bytes, len, problems))
    return NULL;
  char *resolved = realpath (tree, NULL), *resolved_file = realpath (path, NULL);
  g_autofree char *real_tree = g_strdup (resolved);
  g_autoptr (GPtrArray) open = g_ptr_array_new ();
  g_autofree char *real_path = g_strdup (resolved_file != NULL ? resolved_file : path);
  free (resolved);
  free (resolved_file);
  g_ptr_array_add (open, real_path);
  g_autoptr (SatchelConfigText) text = text_new ();
  Expansion expansion = { .text = text, .problems = problems, .tree = real_tree, .open = open };
  /* A failed include has been reported; reading goes on, so that other mistakes are found in the same run. */
  text->is_broken = !expand_lines (&expansion, path, bytes, len, TRUE);
  defuse_line (text);
  return g_steal_pointer (&text);
}

SatchelConfigText *
satchel_config_text_from_string (const char *label, const char *string, gboolean has_lines,
                                 GPtrArray *problems)
{
  gsize len = strlen (string);
  if (len > SATCHEL_CONFIG_FILE_MAX)
    {
      satchel_config_problem_add (problems, FALSE, g_strdup (label),
                                  "this file is longer than 1 MiB; shorten it");
      return NULL;
    }
  if (!is_clean (label, string, len, problems))
    return NULL;
  g_autoptr (SatchelConfigText) text = text_new ();
  Expansion expansion = { .text = text, .problems = problems };
  guint before = problems->len;
  if (!expand_lines (&expansion, label, string, len, has_lines) && problems->len > before)
    return NULL;
  defuse_line (text);
  return g_steal_pointer (&text);
}
