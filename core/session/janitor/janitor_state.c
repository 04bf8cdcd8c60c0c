/* SPDX-License-Identifier: MIT
 * Reads and writes the janitor's file, which has lines of KEY VALUE.
 */
#include "config.h"

#include "core/session/janitor/janitor_state.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/fd.h>
#include <satchel/log.h>
#include <string.h>
#include <sys/stat.h>

#define AREA "janitor"
#define DIRECTORY "spool"
#define NAME_FORMAT ".janitor-%u"
#define FILE_MAX 4096u
#define FIRST_LINE "satchel-janitor 1"

void
satchel_janitor_state_clear (SatchelJanitorState *state)
{
  g_free (state->after);
  *state = (SatchelJanitorState) { 0 };
}

static gboolean
take_line (SatchelJanitorState *state, const char *line)
{
  const char *value = strchr (line, ' ');
  gint64 number = 0;
  if (value == NULL)
    return FALSE;
  value++;
  if (g_str_has_prefix (line, "after "))
    {
      g_free (state->after);
      state->after = g_strdup (value);
      return g_utf8_validate (value, -1, NULL);
    }
  const struct
  {
    const char *key;
    gint64 *place;
  } numbers[] = { { "began ", &state->began_s },
                  { "wall ", &state->clock.wall_ms },
                  { "boot ", &state->clock.boot_ms },
                  { "ahead ", &state->clock.ahead_ms },
                  { "unsettled ", &state->clock.unsettled_ms },
                  { "over ", NULL } };
  /* The bound is so far from the ends of the range that no sum can leave it. */
  if (!g_ascii_string_to_signed (value, 10, -(G_GINT64_CONSTANT (1) << 60), G_GINT64_CONSTANT (1) << 60,
                                 &number, NULL))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    if (g_str_has_prefix (line, numbers[i].key))
      {
        if (numbers[i].place != NULL)
          *numbers[i].place = number;
        else
          state->is_over = number != 0;
        return TRUE;
      }
  return FALSE;
}

static char *
read_file (int root_fd, const char *path)
{
  g_auto (SatchelFd) fd =
      SATCHEL_RETRY (openat (root_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (fd < 0)
    return NULL;
  char *text = g_malloc0 (FILE_MAX + 1);
  gssize n = satchel_fd_read_all (fd, text, FILE_MAX);
  text[MAX (n, 0)] = '\0';
  return text;
}

void
satchel_janitor_state_load (int root_fd, guint slot, SatchelJanitorState *ret_state)
{
  g_autofree char *path = g_strdup_printf (DIRECTORY "/" NAME_FORMAT, slot),
                  *text = read_file (root_fd, path);
  g_auto (GStrv) lines = text != NULL ? g_strsplit (text, "\n", -1) : NULL;
  *ret_state = (SatchelJanitorState) { 0 };
  if (lines == NULL)
    return;
  gboolean ok = lines[0] != NULL && strcmp (lines[0], FIRST_LINE) == 0;
  /* Text behind the last line end was cut off, and does not count. */
  for (guint i = 1; ok && lines[i] != NULL && lines[i + 1] != NULL; i++)
    ok = take_line (ret_state, lines[i]);
  if (ok && ret_state->clock.wall_ms >= 0 && ret_state->clock.boot_ms >= 0 && ret_state->began_s >= 0)
    return;
  satchel_log (SATCHEL_LOG_WARNING, AREA, "%s cannot be read; the round begins again", path);
  satchel_janitor_state_clear (ret_state);
}

gboolean
satchel_janitor_state_save (int root_fd, guint slot, const SatchelJanitorState *state, gboolean is_durable,
                            GError **error)
{
  g_autofree char *name = g_strdup_printf (NAME_FORMAT, slot);
  g_autoptr (GString) text = g_string_new (FIRST_LINE "\n");
  g_string_append_printf (text, "began %" G_GINT64_FORMAT "\nover %d\n", state->began_s, state->is_over);
  if (state->after != NULL)
    g_string_append_printf (text, "after %s\n", state->after);
  g_string_append_printf (text,
                          "wall %" G_GINT64_FORMAT "\nboot %" G_GINT64_FORMAT "\nahead %" G_GINT64_FORMAT
                          "\nunsettled %" G_GINT64_FORMAT "\n",
                          state->clock.wall_ms, state->clock.boot_ms, state->clock.ahead_ms,
                          state->clock.unsettled_ms);
  if (mkdirat (root_fd, DIRECTORY, 0700) != 0 && errno != EEXIST)
    return satchel_error_set_errno (error, errno, DIRECTORY);
  g_auto (SatchelFd) directory =
      SATCHEL_RETRY (openat (root_fd, DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (directory < 0)
    return satchel_error_set_errno (error, errno, DIRECTORY);
  if (satchel_file_replace (directory, name, text->str, text->len, NULL, is_durable, error))
    return TRUE;
  g_prefix_error (error, DIRECTORY "/");
  return FALSE;
}
