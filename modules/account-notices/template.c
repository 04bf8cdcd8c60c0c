/* SPDX-License-Identifier: MIT
 * Reads templates, and puts the values of a notice into them.  What is put in is not looked at again, so that
 * a client's name cannot be a placeholder.
 */
#include "template.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/retry.h>
#include <string.h>
#include <unistd.h>

struct Template
{
  char *subject, *body;
  char *what[NOTICE_KINDS];
};

static const char built_in[] = "Subject: Your mail account: ${what}\n"
                               "factor-added: a code is needed from now on\n"
                               "factor-shut: too many wrong codes\n"
                               "app-password-added: new app password\n"
                               "device-added: new device\n"
                               "password-alone: somebody knows your password\n"
                               "\n"
                               "This happened to your mail account ${user}:\n"
                               "\n"
                               "    what       ${what}\n"
                               "    name       ${label}\n"
                               "    when       ${time}\n"
                               "    network    ${network}\n"
                               "    service    ${service}\n"
                               "    program    ${client} (its own words)\n"
                               "\n"
                               "If it was you, there is nothing to do.  If it was not, change your password\n"
                               "and tell your mail administrator.\n";

/* ---- placeholders ---- */

static const char *const names[] = { "user", "what", "network", "service", "client", "label", "time" };

static const char *
or_unknown (const char *text)
{
  return *text != '\0' ? text : "-";
}

/* Returns the value of the placeholder of @len bytes at @name, which the caller frees, or NULL. */
static char *
find_value (const Template *text, const Notice *notice, const char *name, gsize len)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (notice->time_s);
  g_autofree char *when = time != NULL ? g_date_time_format (time, "%Y-%m-%d %H:%M:%S UTC") : g_strdup ("-");
  const char *values[G_N_ELEMENTS (names)] = { notice->user,
                                               text->what[notice->kind],
                                               or_unknown (notice->network),
                                               or_unknown (notice->service),
                                               or_unknown (notice->client),
                                               or_unknown (notice->label),
                                               when };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (strlen (names[i]) == len && strncmp (names[i], name, len) == 0)
      return g_strdup (values[i]);
  return NULL;
}

/* Finds the next placeholder behind @at: where its name begins, and how long it is. NULL means that there is
 * none. */
static const char *
next_placeholder (const char *at, gsize *ret_len)
{
  const char *begin = strstr (at, "${");
  if (begin == NULL)
    return NULL;
  begin += strlen ("${");
  *ret_len = strcspn (begin, "}");
  return begin;
}

static gboolean
check_placeholders (const char *text, GError **error)
{
  gsize len;
  for (const char *name = next_placeholder (text, &len); name != NULL; name = next_placeholder (name, &len))
    {
      guint i = 0;
      while (i < G_N_ELEMENTS (names) && (strlen (names[i]) != len || strncmp (names[i], name, len) != 0))
        i++;
      if (i == G_N_ELEMENTS (names) || name[len] != '}')
        return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                                  "\"${%.*s\" is no placeholder; there are ${user} ${what} ${network} "
                                  "${service} ${client} ${label} ${time}",
                                  (int) MIN (len + 1, 32), name);
    }
  return TRUE;
}

static char *
expand (const Template *text, const Notice *notice, const char *form, gsize max)
{
  GString *out = g_string_new (NULL);
  const char *at = form, *name;
  gsize len;
  while ((name = next_placeholder (at, &len)) != NULL)
    {
      g_autofree char *value = find_value (text, notice, name, len);
      g_string_append_len (out, at, name - strlen ("${") - at);
      g_string_append (out, value);
      at = name + len + 1;
    }
  g_string_append (out, at);
  g_autofree char *whole = g_string_free (out, FALSE);
  return g_utf8_make_valid (whole, (gssize) strnlen (whole, max));
}

char *
template_subject (const Template *text, const Notice *notice)
{
  return expand (text, notice, text->subject, NOTICE_TEXT_BYTES + NOTICE_USER_BYTES);
}

char *
template_body (const Template *text, const Notice *notice)
{
  return expand (text, notice, text->body, TEMPLATE_OUTPUT_MAX);
}

/* ---- reading ---- */

static gboolean
take_line (Template *text, const char *line, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (line, ":", 2);
  guint kind = notice_kind_find (g_strchomp (parts[0]));
  char **place = g_ascii_strcasecmp (parts[0], "Subject") == 0 ? &text->subject
                 : kind != 0                                   ? &text->what[kind]
                                                               : NULL;
  if (place == NULL || parts[1] == NULL)
    return satchel_error_set (
        error, SATCHEL_ERROR_INVALID,
        "\"%.60s\" is no line of its head; before the empty line stand \"Subject: TEXT\" "
        "and \"KIND: TEXT\" for %s, %s, %s, %s, %s",
        line, notice_kind_name (1), notice_kind_name (2), notice_kind_name (3), notice_kind_name (4),
        notice_kind_name (5));
  g_free (*place);
  *place = g_strdup (g_strstrip (parts[1]));
  return TRUE;
}

static gboolean
is_text (const char *text)
{
  gboolean ok = strlen (text) <= TEMPLATE_BYTES_MAX && g_utf8_validate (text, -1, NULL);
  for (const char *at = text; ok && *at != '\0'; at = g_utf8_next_char (at))
    ok = *at == '\n' || *at == '\t' || g_unichar_isprint (g_utf8_get_char (at));
  return ok;
}

static gboolean
parse (Template *text, char *head, GError **error)
{
  char *end = strstr (head, "\n\n");
  if (end == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "there is no empty line before the body");
  *end = '\0';
  g_auto (GStrv) lines = g_strsplit (head, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    if (!take_line (text, *line, error))
      return FALSE;
  if (text->subject == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "there is no line \"Subject: TEXT\"");
  text->body = g_strdup (end + strlen ("\n\n"));
  return check_placeholders (text->subject, error) && check_placeholders (text->body, error);
}

/* Copies the words for kinds of events that @text lacks from @other, the built-in template. */
static void
fill_up (Template *text, const Template *other)
{
  for (guint kind = 1; kind < NOTICE_KINDS; kind++)
    if (text->what[kind] == NULL)
      text->what[kind] = g_strdup (other->what[kind]);
}

Template *
template_new (const char *form, GError **error)
{
  g_autoptr (Template) text = g_new0 (Template, 1);
  g_auto (GStrv) lines = g_strsplit (form != NULL ? form : built_in, "\r\n", -1);
  g_autofree char *copy = g_strjoinv ("\n", lines);
  if (!is_text (copy))
    satchel_error_set (error, SATCHEL_ERROR_INVALID,
                       "it is not UTF-8 text without control characters of at most %u bytes",
                       TEMPLATE_BYTES_MAX);
  else if (parse (text, copy, error))
    {
      if (form != NULL)
        {
          g_autoptr (Template) ours = template_new (NULL, NULL);
          fill_up (text, ours);
        }
      return g_steal_pointer (&text);
    }
  return NULL;
}

Template *
template_read (const char *path, GError **error)
{
  char text[TEMPLATE_BYTES_MAX + 2];
  if (path == NULL)
    return template_new (NULL, error);
  int fd = SATCHEL_RETRY (open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  gssize n = fd >= 0 ? SATCHEL_RETRY (read (fd, text, sizeof text - 1)) : -1;
  int why = errno;
  if (fd >= 0)
    close (fd);
  if (n < 0)
    {
      satchel_error_set_errno (error, why, "%s cannot be read", path);
      return NULL;
    }
  text[n] = '\0';
  Template *read_text = strlen (text) == (gsize) n ? template_new (text, error) : NULL;
  if (read_text == NULL && error != NULL && *error == NULL)
    satchel_error_set (error, SATCHEL_ERROR_INVALID, "it has a NUL");
  g_prefix_error (error, "%s: ", path);
  return read_text;
}

void
template_free (Template *text)
{
  if (text == NULL)
    return;
  g_free (text->subject);
  g_free (text->body);
  for (guint kind = 0; kind < NOTICE_KINDS; kind++)
    g_free (text->what[kind]);
  g_free (text);
}
