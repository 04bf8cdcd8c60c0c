/* SPDX-License-Identifier: MIT
 * Writes log lines: "TIME IDENT[PID]: [LEVEL: ]AREA: TEXT" with one write (2) each, or a journal entry (a
 * datagram of FIELD=value lines in the journal's native protocol) with the ids of the text as fields.
 */
#include "config.h"

#include "core/base/fd.h"
#include "core/runtime/log/log_private.h"
#include <satchel/counter.h>
#include <satchel/number.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* A line stays below PIPE_BUF, so that several processes can share a pipe. */
#define MAX_TEXT 3800
#define MAX_FIELD_BYTES 512

static int log_fd = -1; /* -1: standard error */
static int journal_fd = -1;
static int level_now = SATCHEL_LOG_INFO;
static const char *ident = "satchel";
static SatchelLogFunc diverted_to;
static int n_lost, n_untold; /* lines that could not be written; those that the log has not mentioned yet */

SATCHEL_COUNTER (lost, "satchel_log_lost_total", "Lines of the log that could not be written");

static const char *const level_names[] = { "error", "warning", "info", "debug" };
static const char level_priorities[] = "3467"; /* syslog: err, warning, info, debug */

int
satchel_log_open_file (const char *path, GError **error)
{
  int fd = open (path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
  if (fd < 0)
    satchel_error_set_errno (error, errno, "log file %s", path);
  return fd;
}

/* Says whether standard error is the stream whose device and inode JOURNAL_STREAM names (systemd.exec(5)). */
static gboolean
stderr_is_journal (void)
{
  const char *stream = g_getenv ("JOURNAL_STREAM");
  struct stat info;
  if (stream == NULL || fstat (STDERR_FILENO, &info) < 0)
    return FALSE;
  g_autofree char *own = g_strdup_printf ("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, (guint64) info.st_dev,
                                          (guint64) info.st_ino);
  return strcmp (stream, own) == 0;
}

static int
connect_journal (void)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket" };
  g_auto (SatchelFd) fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0 && connect (fd, (struct sockaddr *) &address, sizeof address) < 0)
    return -1;
  return satchel_fd_steal (&fd);
}

static GLogWriterOutput
write_glib_message (GLogLevelFlags flags, const GLogField *fields, gsize n_fields, gpointer data)
{
  SatchelLogLevel level = SATCHEL_LOG_DEBUG;
  if (flags & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
    level = SATCHEL_LOG_ERROR;
  else if (flags & (G_LOG_LEVEL_WARNING | G_LOG_LEVEL_MESSAGE))
    level = SATCHEL_LOG_WARNING;
  const char *message = "", *domain = "glib";
  for (gsize i = 0; i < n_fields; i++)
    {
      if (fields[i].length >= 0)
        continue;
      if (strcmp (fields[i].key, "MESSAGE") == 0)
        message = fields[i].value;
      else if (strcmp (fields[i].key, "GLIB_DOMAIN") == 0)
        domain = fields[i].value;
    }
  satchel_log (level, domain, "%s", message);
  return G_LOG_WRITER_HANDLED;
}

void
satchel_log_open (int fd, SatchelLogLevel level, const char *name)
{
  static gboolean has_writer;
  ident = name;
  satchel_log_set_level (level);
  if (fd >= 0)
    satchel_log_reopen (fd);
  else if (journal_fd < 0 && stderr_is_journal ())
    journal_fd = connect_journal ();
  if (!has_writer)
    g_log_set_writer_func (write_glib_message, NULL, NULL);
  has_writer = TRUE;
}

void
satchel_log_reopen (int fd)
{
  int old = g_atomic_int_get (&log_fd);
  if (old < 0)
    {
      g_atomic_int_set (&log_fd, fd);
      return;
    }
  /* The descriptor is replaced in place, so that a thread that writes meanwhile never finds it closed. */
  if (dup3 (fd, old, O_CLOEXEC) >= 0)
    close (fd);
}

void
satchel_log_set_level (SatchelLogLevel level)
{
  g_atomic_int_set (&level_now, (int) level);
}

gboolean
satchel_log_is_enabled (SatchelLogLevel level)
{
  return (int) level <= g_atomic_int_get (&level_now);
}

void
satchel_log_divert (SatchelLogFunc func)
{
  diverted_to = func;
}

/* Returns the length of the character at @text, 1 if it is not valid. *ret_is_plain: it can neither end a
 * line nor control a terminal. */
static gsize
character_at (const char *text, gsize len, gboolean *ret_is_plain)
{
  guchar byte = (guchar) *text;
  gunichar c = byte < 0x80 ? byte : g_utf8_get_char_validated (text, (gssize) len);
  if (c == (gunichar) -1 || c == (gunichar) -2)
    {
      *ret_is_plain = FALSE;
      return 1;
    }
  *ret_is_plain = c >= 0x20 && (c < 0x7f || c >= 0xa0) && c != 0x2028 && c != 0x2029;
  return (gsize) g_unichar_to_utf8 (c, NULL);
}

/* Returns the number of printable ASCII characters that @text, of @len bytes, begins with. */
static gsize
count_printable (const char *text, gsize len)
{
  gsize n = 0;
  while (n < len && text[n] >= 0x20 && text[n] < 0x7f)
    n++;
  return n;
}

/* Appends @text, at most the length of a line. The bound applies to what is written, with escapes, which
 * make four bytes of one. */
static void
append_clean (GString *line, const char *text)
{
  for (gsize len = strlen (text); len > 0;)
    {
      /* Nearly every line is one such run.  As below, each of its characters leaves room for an escape. */
      gsize room = line->len + 4 <= MAX_TEXT ? MAX_TEXT - 3 - line->len : 0;
      gsize n = count_printable (text, MIN (len, room));
      gboolean is_plain = TRUE;
      if (n == 0)
        {
          n = character_at (text, len, &is_plain);
          if (line->len + 4 * n > MAX_TEXT)
            {
              g_string_append (line, "...");
              return;
            }
        }
      if (is_plain)
        g_string_append_len (line, text, (gssize) n);
      else
        for (gsize i = 0; i < n; i++)
          g_string_append_printf (line, "\\x%02X", (guchar) text[i]);
      text += n;
      len -= n;
    }
}

/* Returns the end of the "key=value" at @at, whose value may be in quotes, as satchel_log_field writes it.
 * NULL: something else is there. */
static const char *
field_end (const char *at, gsize *ret_key_len)
{
  gsize key_len = strspn (at, "abcdefghijklmnopqrstuvwxyz_-");
  if (key_len == 0 || at[key_len] != '=')
    return NULL;
  *ret_key_len = key_len;
  const char *value = at + key_len + 1;
  if (*value != '"')
    return value + strcspn (value, " ,");
  const char *end = strchr (value + 1, '"');
  return end != NULL ? end + 1 : NULL;
}

/* Finds the first field of a line, which is "words: key=value key=value text", where words and text may be
 * missing. Only pairs before the text are fields, since the text may quote what a client chose. Words are
 * accepted only from areas that never put a name into them. */
static const char *
first_field (const char *area, const char *text)
{
  static const char *const with_words[] = { "auth", "gate", "mail", "delivery", NULL };
  gsize len = strspn (text, "abcdefghijklmnopqrstuvwxyz -");
  return text[len] == ':' && text[len + 1] == ' ' && g_strv_contains (with_words, area) ? text + len + 2
                                                                                        : text;
}

/* Turns "rip=" into "rip:", which has the same length, in the text behind the fields, since programs that
 * ban addresses look for "rip=". */
static void
hide_addresses (const char *area, GString *text)
{
  gsize key_len;
  if (strstr (text->str, "rip=") == NULL)
    return;
  const char *at = first_field (area, text->str), *end;
  while ((end = field_end (at, &key_len)) != NULL)
    at = end + (*end == ' ');
  for (; (at = strstr (at, "rip=")) != NULL; at += 4)
    text->str[at - text->str + 3] = ':';
}

/* These keys become fields of the journal. */
static const char *const journal_keys[] = { "session", "user",   "rip",     "service",
                                            "method",  "reason", "mailbox", "uid" };

static void
append_journal_fields (GString *entry, const char *area, const char *text)
{
  gsize key_len;
  const char *at = first_field (area, text), *end;
  for (; (end = field_end (at, &key_len)) != NULL; at = end + (*end == ' '))
    {
      const char *value = at + key_len + 1;
      gboolean is_quoted = *value == '"';
      for (guint i = 0; i < G_N_ELEMENTS (journal_keys); i++)
        {
          const char *name = journal_keys[i];
          if (strlen (name) != key_len || strncmp (name, at, key_len) != 0)
            continue;
          g_autofree char *upper = g_ascii_strup (name, -1);
          g_string_append_printf (entry, "SATCHEL_%s=%.*s\n", upper, (int) (end - value) - 2 * is_quoted,
                                  value + is_quoted);
        }
    }
}

void
satchel_log_journal_entry (GString *entry, SatchelLogLevel level, const char *area, const char *text)
{
  g_string_append_printf (entry,
                          "MESSAGE=%s: %s\nPRIORITY=%c\nSYSLOG_IDENTIFIER=satchel-%s\nSATCHEL_AREA=%s\n",
                          area, text, level_priorities[level], ident, area);
  append_journal_fields (entry, area, text);
}

static gboolean
send_to_journal (SatchelLogLevel level, const char *area, const char *text)
{
  g_autoptr (GString) entry = g_string_sized_new (512);
  satchel_log_journal_entry (entry, level, area, text);
  return send (journal_fd, entry->str, entry->len, MSG_NOSIGNAL | MSG_DONTWAIT) == (gssize) entry->len;
}

void
satchel_log_append_time (GString *line, const struct timespec *now)
{
  /* Most lines of a busy thread share the text of their second. */
  static __thread struct
  {
    time_t second;
    char text[32]; /* empty: of no second */
  } last;
  if (now->tv_sec != last.second || last.text[0] == '\0')
    {
      struct tm parts;
      gmtime_r (&now->tv_sec, &parts);
      strftime (last.text, sizeof last.text, "%Y-%m-%dT%H:%M:%S", &parts);
      last.second = now->tv_sec;
    }
  guint ms = (guint) (now->tv_nsec / 1000000);
  const char rest[] = { '.', (char) ('0' + ms / 100), (char) ('0' + ms / 10 % 10), (char) ('0' + ms % 10),
                        'Z' };
  g_string_append (line, last.text);
  g_string_append_len (line, rest, sizeof rest);
}

static void
stamp_line (GString *line)
{
  char pid[SATCHEL_NUMBER_DIGITS];
  struct timespec now;
  clock_gettime (CLOCK_REALTIME, &now);
  satchel_log_append_time (line, &now);
  g_string_append (line, strcmp (ident, "satchel") == 0 ? " " : " satchel-");
  g_string_append (line, ident);
  g_string_append_c (line, '[');
  g_string_append_len (line, pid, satchel_number_put (pid, (guint64) getpid ()) - pid);
  g_string_append (line, "]: ");
}

/* Writes a line. Returns 0 or an errno. After a line that a full disk cut off, the next one begins on a line
 * of its own. */
static int
put_line (int fd, GString *line)
{
  static int is_torn;
  if (g_atomic_int_compare_and_exchange (&is_torn, 1, 0))
    g_string_prepend_c (line, '\n');
  gssize n;
  do
    n = write (fd >= 0 ? fd : STDERR_FILENO, line->str, line->len);
  while (n < 0 && errno == EINTR);
  int errnum = n < 0 ? errno : ENOSPC;
  if (n > 0 && line->str[n - 1] != '\n')
    g_atomic_int_set (&is_torn, 1);
  struct stat st;
  if (n < (gssize) line->len)
    return errnum;
  /* Says whether the log file has been removed: a write would succeed, and nobody could ever read it. */
  return fd >= 0 && fstat (fd, &st) == 0 && S_ISREG (st.st_mode) && st.st_nlink == 0 ? ENOENT : 0;
}

/* Counts a line that could not be written, and reports it on standard error with the line itself: at once,
 * then once a minute. */
static void
lose_line (int fd, const GString *line, int errnum)
{
  static gint64 next_us;
  gint64 now_us = g_get_monotonic_time ();
  g_atomic_int_inc (&n_lost);
  satchel_counter_add (&lost, 1);
  g_atomic_int_inc (&n_untold);
  if (fd < 0 || now_us < next_us)
    return;
  next_us = now_us + 60 * G_USEC_PER_SEC;
  g_autofree char *text = g_strdup_printf (
      "satchel-%s[%d]: the log cannot be written (%s), %d lines are lost so far; make room, or put its "
      "directory back and run: satchel log-reopen\n%s",
      ident, (int) getpid (), errnum == ENOENT ? "its file was removed" : g_strerror (errnum),
      g_atomic_int_get (&n_lost), line->str + (line->str[0] == '\n'));
  gssize n;
  do
    n = write (STDERR_FILENO, text, strlen (text));
  while (n < 0 && errno == EINTR);
}

/* The log can be written again: reports there how many lines are missing. */
static void
tell_lost (int fd)
{
  int n = g_atomic_int_get (&n_untold);
  if (!g_atomic_int_compare_and_exchange (&n_untold, n, 0))
    return;
  g_autoptr (GString) line = g_string_new (NULL);
  stamp_line (line);
  g_string_append_printf (
      line, "warning: log: %d lines of this process could not be written and are missing here\n", n);
  if (put_line (fd, line) != 0)
    g_atomic_int_add (&n_untold, n);
}

static void
write_line (SatchelLogLevel level, const char *area, const char *text)
{
  g_autoptr (GString) line = g_string_sized_new (256);
  stamp_line (line);
  if (level != SATCHEL_LOG_INFO)
    {
      g_string_append (line, level_names[level]);
      g_string_append (line, ": ");
    }
  g_string_append (line, area);
  g_string_append (line, ": ");
  g_string_append (line, text);
  g_string_append_c (line, '\n');
  int fd = g_atomic_int_get (&log_fd);
  int errnum = put_line (fd, line);
  if (errnum != 0)
    lose_line (fd, line, errnum);
  else if (g_atomic_int_get (&n_untold) > 0)
    tell_lost (fd);
}

void
satchel_log (SatchelLogLevel level, const char *area, const char *format, ...)
{
  if (!satchel_log_is_enabled (level) || level > SATCHEL_LOG_DEBUG)
    return;
  int saved = errno;
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *raw = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_autoptr (GString) text = g_string_sized_new (256);
  append_clean (text, raw);
  hide_addresses (area, text);
  if (diverted_to != NULL)
    diverted_to (level, area, text->str);
  else if (g_atomic_int_get (&log_fd) >= 0 || journal_fd < 0 || !send_to_journal (level, area, text->str))
    write_line (level, area, text->str);
  errno = saved;
}

static gboolean
is_plain_value (const char *value)
{
  for (const char *at = value; *at != '\0'; at++)
    if (!g_ascii_isalnum (*at) && strchr ("._:@/+-", *at) == NULL)
      return FALSE;
  return *value != '\0';
}

/* Says whether a character of a quoted value may stand for itself. */
static gboolean
is_quotable (gunichar c, gboolean is_ascii, gboolean keeps_equals)
{
  if (c == (gunichar) -1 || c == (gunichar) -2 || c == '"' || c == '\\' || (c == '=' && !keeps_equals))
    return FALSE;
  return is_ascii ? c >= 0x20 && c < 0x7f : g_unichar_isprint (c);
}

/* Returns the number of ASCII characters that @value begins with and that may stand for themselves. */
static gsize
count_quotable (const char *value, gsize len, gboolean keeps_equals)
{
  gsize n = 0;
  while (n < len && value[n] >= 0x20 && value[n] < 0x7f && value[n] != '"' && value[n] != '\\'
         && (value[n] != '=' || keeps_equals))
    n++;
  return n;
}

void
satchel_log_append_quoted (GString *line, const char *value, gsize len, gboolean is_ascii)
{
  /* "=" alone is usual in addresses; together with a blank it might look like a field. */
  gboolean keeps_equals = TRUE;
  for (gsize i = 0; i < len && keeps_equals; i++)
    keeps_equals = g_ascii_isgraph (value[i]) && value[i] != '"' && value[i] != '\\';
  g_string_append_c (line, '"');
  while (len > 0)
    {
      gsize n_plain = count_quotable (value, len, keeps_equals);
      g_string_append_len (line, value, (gssize) n_plain);
      value += n_plain;
      len -= n_plain;
      if (len == 0)
        break;
      gunichar c = g_utf8_get_char_validated (value, (gssize) len);
      if (*value == '\0')
        c = (gunichar) -1;
      gsize n =
          c < 0x80 || c == (gunichar) -1 || c == (gunichar) -2 ? 1 : (gsize) g_unichar_to_utf8 (c, NULL);
      if (is_quotable (c, is_ascii, keeps_equals))
        g_string_append_len (line, value, (gssize) n);
      else
        for (gsize i = 0; i < n; i++)
          g_string_append_printf (line, "\\x%02X", (guchar) value[i]);
      value += n;
      len -= n;
    }
  g_string_append_c (line, '"');
}

void
satchel_log_field (GString *line, const char *key, const char *value)
{
  g_string_append_c (line, ' ');
  g_string_append (line, key);
  g_string_append_c (line, '=');
  if (value == NULL)
    value = "";
  if (is_plain_value (value))
    {
      g_string_append (line, value);
      return;
    }
  satchel_log_append_quoted (line, value, strnlen (value, MAX_FIELD_BYTES), FALSE);
}
