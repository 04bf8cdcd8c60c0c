/* SPDX-License-Identifier: MIT
 * Implements the record log. A line is eight hexadecimal digits of CRC-32C, a space and the record; the
 * first record is "KIND VERSION LEAST-READER".
 */
#include "config.h"

#include <satchel/record_log.h>

#include "core/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/log.h>
#include <satchel/retry.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define AREA "auth"
#define FORMAT_VERSION 1u
#define CHECK_CHARS 9u     /* digits of the checksum and a space */
#define OUTDATED_MIN 1000u /* with fewer outdated records the file is not written anew */
#define DUMP_BYTES (64u * 1024u)
#define MARK_CHARS 20u /* digits of the mark, before a newline */

struct SatchelRecordLog
{
  int root_fd, fd; /* fd -1: there is no file yet */
  guint flags;
  char *name, *new_name, *mark_name, *header;
  int mark_fd; /* -1: there is no mark, or none is wanted */
  SatchelRecordDump dump;
  gpointer data;
  GString *pending; /* lines of records that were added */
  guint n_pending, n_records;
  guint compact_at; /* number of records from which on the file is written anew */
  guint64 length;
  gboolean is_unsure; /* after a failed write it is not known what the file holds, so a new one is needed */
};

/* Computes a CRC-32C (Castagnoli), as in RFC 3720 B.4. */
static guint32
checksum_record (const char *data, gsize len)
{
  static guint32 table[256];
  if (table[1] == 0)
    for (guint i = 0; i < G_N_ELEMENTS (table); i++)
      {
        guint32 c = i;
        for (guint k = 0; k < 8; k++)
          c = (c >> 1) ^ ((c & 1) != 0 ? 0x82f63b78u : 0);
        table[i] = c;
      }
  guint32 crc = ~0u;
  for (gsize i = 0; i < len; i++)
    crc = table[(crc ^ (guchar) data[i]) & 0xff] ^ (crc >> 8);
  return ~crc;
}

static void
add_line (GString *out, const char *record)
{
  g_string_append_printf (out, "%08x %s\n", checksum_record (record, strlen (record)), record);
}

/* Returns the record in a line of @len bytes, which has no line end; NULL means that the line is damaged. */
static const char *
check_line (const char *line, gsize len)
{
  char digits[CHECK_CHARS];
  guint64 sum;
  if (len <= CHECK_CHARS || len > CHECK_CHARS + SATCHEL_RECORD_BYTES_MAX || line[CHECK_CHARS - 1] != ' '
      || memchr (line, '\0', len) != NULL)
    return NULL;
  memcpy (digits, line, CHECK_CHARS - 1);
  digits[CHECK_CHARS - 1] = '\0';
  if (!g_ascii_string_to_unsigned (digits, 16, 0, G_MAXUINT32, &sum, NULL)
      || sum != checksum_record (line + CHECK_CHARS, len - CHECK_CHARS))
    return NULL;
  return line + CHECK_CHARS;
}

static gboolean
check_header (const SatchelRecordLog *log, const char *record, GError **error)
{
  g_auto (GStrv) words = g_strsplit (record, " ", 4), ours = g_strsplit (log->header, " ", 4);
  guint64 least;
  if (g_strv_length (words) < 3 || strcmp (words[0], ours[0]) != 0
      || !g_ascii_string_to_unsigned (words[2], 10, 1, G_MAXUINT32, &least, NULL))
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                              "%s: is not a file of this kind, since it begins with \"%.60s\"", log->name,
                              record);
  if (least > FORMAT_VERSION)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                              "%s: was written by a newer version of this program; install that one again",
                              log->name);
  return TRUE;
}

typedef struct Reading
{
  guint n_damaged;     /* lines before the last good one */
  gsize good_end;      /* offset behind the last good line */
  gsize first_damaged; /* offset of the first damaged line */
} Reading;

/* Cuts @text into lines. */
static gboolean
read_lines (SatchelRecordLog *log, char *text, gsize len, SatchelRecordFunc func, Reading *reading,
            GError **error)
{
  guint n_bad = 0;
  gsize first_bad = 0;
  for (gsize at = 0; at < len;)
    {
      char *end = memchr (text + at, '\n', len - at);
      const char *record = end != NULL ? check_line (text + at, (gsize) (end - text) - at) : NULL;
      gsize next = end != NULL ? (gsize) (end - text) + 1 : len;
      if (end != NULL)
        *end = '\0';
      if (at == 0 && record == NULL)
        return satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "%s: its first line is damaged", log->name);
      if (at == 0 && !check_header (log, record, error))
        return FALSE;
      if (record == NULL && n_bad++ == 0)
        first_bad = at;
      if (record != NULL && at > 0)
        {
          func (record, log->data);
          log->n_records++;
        }
      if (record != NULL)
        {
          if (n_bad > 0 && reading->n_damaged == 0)
            reading->first_damaged = first_bad;
          reading->n_damaged += n_bad;
          n_bad = 0;
          reading->good_end = next;
        }
      at = next;
    }
  return TRUE;
}

static gboolean
write_text (int fd, const char *text, gsize len, const char *name, GError **error)
{
  return satchel_fd_write_all (fd, text, len)
         || satchel_error_set_errno (error, errno, "the file %s cannot be written", name);
}

/* Keeps the damaged file, so that an administrator can read what it said. */
static void
keep_damaged (const SatchelRecordLog *log, const char *text, gsize len, const Reading *reading)
{
  g_autofree char *name = g_strconcat (log->name, ".damaged", NULL);
  satchel_log (SATCHEL_LOG_ERROR, AREA,
               "file %s: %u records are damaged, the first at byte %" G_GSIZE_FORMAT
               ": they are left out, and earlier records of the same users count instead; a copy of the "
               "damaged file is %s",
               log->name, reading->n_damaged, reading->first_damaged, name);
  g_auto (SatchelFd) fd = SATCHEL_RETRY (
      openat (log->root_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  g_autoptr (GError) error = NULL;
  if (fd < 0)
    satchel_error_set_errno (&error, errno, "%s cannot be made", name);
  if (fd < 0 || !write_text (fd, text, len, name, &error))
    satchel_log (SATCHEL_LOG_ERROR, AREA, "file %s", error->message);
}

/* Repairs the end of the file.  Its good records count: a record whose line is torn was never acknowledged.
 * */
static void
repair_end (SatchelRecordLog *log, const char *text, gsize len, const Reading *reading)
{
  if (reading->n_damaged > 0)
    {
      keep_damaged (log, text, len, reading);
      log->is_unsure = TRUE;
    }
  if (reading->good_end == len)
    return;
  satchel_log (SATCHEL_LOG_WARNING, AREA,
               "file %s: %" G_GSIZE_FORMAT " bytes at its end were never finished, and are dropped",
               log->name, len - reading->good_end);
  if (SATCHEL_RETRY (ftruncate (log->fd, (off_t) reading->good_end)) != 0
      || SATCHEL_RETRY (fdatasync (log->fd)) != 0)
    log->is_unsure = TRUE;
}

static gboolean
is_guarded (const SatchelRecordLog *log)
{
  return log->root_fd >= 0 && (log->flags & SATCHEL_RECORD_LOG_GUARDED) != 0;
}

/* Reads how long the file was when the mark was written last. */
static gboolean
read_mark (const SatchelRecordLog *log, guint64 *ret_length, GError **error)
{
  char text[MARK_CHARS + 2];
  gssize len = SATCHEL_RETRY (pread (log->mark_fd, text, sizeof text, 0));
  *ret_length = 0;
  if (len < 0)
    return satchel_error_set_errno (error, errno, "the file %s cannot be read", log->mark_name);
  if (len == 0)
    return TRUE;
  text[MIN ((gsize) len, MARK_CHARS)] = '\0';
  return (len == MARK_CHARS + 1 && g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT64, ret_length, NULL))
         || satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                               "%s: is damaged; remove it if %s is known to be whole", log->mark_name,
                               log->name);
}

static gboolean
check_mark (SatchelRecordLog *log, GError **error)
{
  guint64 length;
  log->mark_fd = SATCHEL_RETRY (openat (log->root_fd, log->mark_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (log->mark_fd < 0)
    return errno == ENOENT || satchel_error_set_errno (error, errno, "%s cannot be opened", log->mark_name);
  if (log->fd < 0)
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                              "%s was removed; restore it from a backup, or, if what it held shall be "
                              "forgotten, remove %s as well",
                              log->name, log->mark_name);
  if (!read_mark (log, &length, error))
    return FALSE;
  return log->length >= length
         || satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                               "%s: has lost what came behind byte %" G_GUINT64_FORMAT
                               "; restore it from a backup",
                               log->name, log->length);
}

/* Writes the length in place and inside one block, so that a crash leaves the old one or the new one. */
static gboolean
write_mark (SatchelRecordLog *log, guint64 length)
{
  g_autofree char *text = g_strdup_printf ("%0*" G_GUINT64_FORMAT "\n", (int) MARK_CHARS, length);
  return SATCHEL_RETRY (pwrite (log->mark_fd, text, MARK_CHARS + 1, 0)) == (gssize) MARK_CHARS + 1;
}

/* Writes the mark, once the file is durable.  It does not wait until the mark is durable as well: an older
 * one only finds less damage. */
static gboolean
update_mark (SatchelRecordLog *log, GError **error)
{
  if (!is_guarded (log))
    return TRUE;
  if (log->mark_fd < 0)
    log->mark_fd = SATCHEL_RETRY (
        openat (log->root_fd, log->mark_name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  return (log->mark_fd >= 0 && write_mark (log, log->length))
         || satchel_error_set_errno (error, errno, "the file %s cannot be written", log->mark_name);
}

/* Sets the mark to 0, before a shorter file takes the place of this one. */
static gboolean
forget_mark (SatchelRecordLog *log, GError **error)
{
  return log->mark_fd < 0 || (write_mark (log, 0) && SATCHEL_RETRY (fdatasync (log->mark_fd)) == 0)
         || satchel_error_set_errno (error, errno, "the file %s cannot be written", log->mark_name);
}

static gboolean
read_file (SatchelRecordLog *log, SatchelRecordFunc func, GError **error)
{
  struct stat status;
  if (fstat (log->fd, &status) != 0)
    return satchel_error_set_errno (error, errno, "%s cannot be looked at", log->name);
  if (!S_ISREG (status.st_mode) || status.st_size > SATCHEL_RECORD_LOG_BYTES_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                              "%s: is not a regular file, or is larger than %u MiB", log->name,
                              SATCHEL_RECORD_LOG_BYTES_MAX >> 20);
  gsize len = (gsize) status.st_size;
  g_autofree char *text = g_malloc (len + 1), *copy = NULL;
  gssize n_read = satchel_fd_read_all (log->fd, text, len);
  if (n_read != (gssize) len)
    return satchel_error_set_errno (error, n_read < 0 ? errno : EIO, "the file %s cannot be read", log->name);
  if (len == 0)
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "%s: is empty", log->name);
  copy = g_memdup2 (text, len);
  Reading reading = { 0 };
  if (!read_lines (log, text, len, func, &reading, error))
    return FALSE;
  if (reading.n_damaged > 0 && (log->flags & SATCHEL_RECORD_LOG_WHOLE) != 0)
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                              "%s: %u records are damaged, the first at byte %" G_GSIZE_FORMAT
                              "; restore the file from a backup",
                              log->name, reading.n_damaged, reading.first_damaged);
  log->length = reading.good_end;
  if (is_guarded (log) && !check_mark (log, error))
    return FALSE;
  repair_end (log, copy, len, &reading);
  return TRUE;
}

SatchelRecordLog *
satchel_record_log_open (int root_fd, const char *name, const char *kind, guint flags, SatchelRecordFunc func,
                         SatchelRecordDump dump, gpointer data, GError **error)
{
  SatchelRecordLog *log = g_new0 (SatchelRecordLog, 1);
  log->flags = flags;
  log->root_fd = root_fd;
  log->name = g_strdup (name);
  log->new_name = g_strconcat (name, ".new", NULL);
  log->mark_name = g_strconcat (name, ".mark", NULL);
  log->mark_fd = -1;
  log->header = g_strdup_printf ("%s %u %u", kind, FORMAT_VERSION, FORMAT_VERSION);
  log->dump = dump;
  log->data = data;
  log->pending = g_string_new (NULL);
  log->fd =
      root_fd >= 0
          ? SATCHEL_RETRY (openat (root_fd, name, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK))
          : -1;
  gboolean ok = root_fd < 0 || (log->fd < 0 && errno == ENOENT);
  if (log->fd < 0 && !ok)
    satchel_error_set_errno (error, errno, "%s cannot be opened", name);
  else if (log->fd >= 0)
    ok = read_file (log, func, error);
  else if (is_guarded (log))
    ok = check_mark (log, error);
  log->compact_at = MAX (2 * log->n_records, OUTDATED_MIN);
  if (ok)
    return log;
  satchel_record_log_free (log);
  return NULL;
}

void
satchel_record_log_free (SatchelRecordLog *log)
{
  if (log == NULL)
    return;
  if (log->fd >= 0)
    close (log->fd);
  if (log->mark_fd >= 0)
    close (log->mark_fd);
  g_string_free (log->pending, TRUE);
  g_free (log->name);
  g_free (log->new_name);
  g_free (log->mark_name);
  g_free (log->header);
  g_free (log);
}

guint
satchel_record_log_n_records (const SatchelRecordLog *log)
{
  return log->n_records;
}

typedef struct Dumping
{
  SatchelRecordLog *log;
  int fd;
  GString *buffer;
  guint n_records;
  guint64 length;
  GError *error;
} Dumping;

static void
flush_dump (Dumping *dumping)
{
  if (dumping->error == NULL)
    write_text (dumping->fd, dumping->buffer->str, dumping->buffer->len, dumping->log->new_name,
                &dumping->error);
  dumping->length += dumping->buffer->len;
  g_string_truncate (dumping->buffer, 0);
}

static void
dump_record (const char *record, gpointer data)
{
  Dumping *dumping = data;
  add_line (dumping->buffer, record);
  dumping->n_records++;
  if (dumping->buffer->len >= DUMP_BYTES)
    flush_dump (dumping);
}

/* Syncs the new file, and puts it in the place of the old one. */
static gboolean
finish_new_file (SatchelRecordLog *log, Dumping *dumping, GError **error)
{
  if (dumping->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&dumping->error));
      return FALSE;
    }
  if (SATCHEL_RETRY (fsync (dumping->fd)) != 0)
    return satchel_error_set_errno (error, errno, "the file %s cannot be written to disk", log->new_name);
  if (!forget_mark (log, error))
    return FALSE;
  if (SATCHEL_RETRY (renameat (log->root_fd, log->new_name, log->root_fd, log->name)) != 0)
    return satchel_error_set_errno (error, errno, "the file %s cannot be put in place", log->new_name);
  /* From here on the new file is used, whether or not its name is durable. */
  satchel_fd_clear (&log->fd);
  log->fd = satchel_fd_steal (&dumping->fd);
  log->length = dumping->length;
  log->n_records = dumping->n_records;
  log->compact_at = MAX (2 * log->n_records, OUTDATED_MIN);
  log->is_unsure = SATCHEL_RETRY (fsync (log->root_fd)) != 0;
  return !log->is_unsure
         || satchel_error_set_errno (error, errno, "the directory of the file %s cannot be written to disk",
                                     log->name);
}

static gboolean
write_new_file (SatchelRecordLog *log, GError **error)
{
  Dumping dumping = { .log = log };
  dumping.fd = SATCHEL_RETRY (openat (log->root_fd, log->new_name,
                                      O_RDWR | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (dumping.fd < 0)
    return satchel_error_set_errno (error, errno, "%s cannot be made", log->new_name);
  dumping.buffer = g_string_new (NULL);
  add_line (dumping.buffer, log->header);
  log->dump (dump_record, &dumping, log->data);
  flush_dump (&dumping);
  gboolean ok = finish_new_file (log, &dumping, error);
  if (dumping.fd >= 0)
    {
      close (dumping.fd);
      (void) unlinkat (log->root_fd, log->new_name, 0);
    }
  g_string_free (dumping.buffer, TRUE);
  g_clear_error (&dumping.error);
  return ok;
}

void
satchel_record_log_add (SatchelRecordLog *log, const char *record)
{
  add_line (log->pending, record);
  log->n_pending++;
}

static gboolean
append_pending (SatchelRecordLog *log, GError **error)
{
  if (log->length + log->pending->len > SATCHEL_RECORD_LOG_BYTES_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "%s: would be larger than %u MiB", log->name,
                              SATCHEL_RECORD_LOG_BYTES_MAX >> 20);
  if (!write_text (log->fd, log->pending->str, log->pending->len, log->name, error))
    return FALSE;
  if (SATCHEL_RETRY (fdatasync (log->fd)) != 0)
    return satchel_error_set_errno (error, errno, "the file %s cannot be written to disk", log->name);
  log->length += log->pending->len;
  log->n_records += log->n_pending;
  return TRUE;
}

/* Writes the file anew without outdated records. If that fails, it is tried again when the file has grown. */
static void
compact_file (SatchelRecordLog *log)
{
  g_autoptr (GError) error = NULL;
  log->compact_at = 2 * log->n_records;
  if (!write_new_file (log, &error) || !update_mark (log, &error))
    satchel_log (SATCHEL_LOG_WARNING, AREA, "file %s stays as long as it is: %s", log->name, error->message);
}

static void
drop_pending (SatchelRecordLog *log)
{
  g_string_truncate (log->pending, 0);
  log->n_pending = 0;
}

gboolean
satchel_record_log_rewrite (SatchelRecordLog *log, GError **error)
{
  gboolean ok = log->root_fd < 0 || (write_new_file (log, error) && update_mark (log, error));
  log->is_unsure |= !ok;
  drop_pending (log);
  return ok;
}

gboolean
satchel_record_log_sync (SatchelRecordLog *log, guint n_live, GError **error)
{
  if (log->n_pending == 0)
    return TRUE;
  gboolean is_new = log->fd < 0 || log->is_unsure;
  gboolean ok =
      log->root_fd < 0
      || ((is_new ? write_new_file (log, error) : append_pending (log, error)) && update_mark (log, error));
  /* After a failure it is not known how much was written, and a sync that failed on a descriptor cannot be
   * repeated. */
  log->is_unsure |= !ok;
  drop_pending (log);
  if (ok && log->n_records > log->compact_at && log->n_records > n_live + OUTDATED_MIN)
    compact_file (log);
  return ok;
}
