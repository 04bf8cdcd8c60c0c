/* SPDX-License-Identifier: MIT
 * This file keeps the password file in memory.  Names come from the network, so their table has a keyed
 * hash (SipHash).
 */
#include "database.h"
#include "verifier.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/fd.h>
#include <satchel/hash.h>
#include <satchel/log.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#define AREA "passwd-file"
#define MAX_FILE_BYTES (256 * 1024 * 1024)
#define MAX_LOGGED_LINES 20

/* This differs between versions of the file. */
typedef struct
{
  dev_t device;
  ino_t inode;
  off_t size;
  struct timespec modified, changed;
  int errnum; /* why stat failed, or 0 */
} Identity;

struct PasswdDatabase
{
  char *path;
  Identity identity;
  gboolean is_loaded;
  /* FALSE: the file was written so recently that a further write may not show in its times. */
  gboolean is_settled;
  char *trouble;              /* why nobody can log in; NULL: the file is usable */
  GHashTable *records;        /* user -> PasswdRecord */
  GHashTable *unusable;       /* users whose line is bad */
  gboolean has_unknown_lines; /* bad lines that do not say whose they are */
  GHashTable *domains;
  GMutex dummy_lock;
  char *dummy;
};

static void
forget_content (PasswdDatabase *database)
{
  g_clear_pointer (&database->trouble, g_free);
  g_hash_table_remove_all (database->records);
  g_hash_table_remove_all (database->unusable);
  g_hash_table_remove_all (database->domains);
  database->has_unknown_lines = FALSE;
}

PasswdDatabase *
passwd_database_new (const char *path)
{
  PasswdDatabase *database = g_new0 (PasswdDatabase, 1);
  database->path = g_strdup (path);
  database->records =
      g_hash_table_new_full (satchel_string_hash, g_str_equal, NULL, (GDestroyNotify) passwd_record_free);
  database->unusable = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  database->domains = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  g_mutex_init (&database->dummy_lock);
  database->dummy = passwd_verifier_new_dummy (NULL);
  return database;
}

void
passwd_database_free (PasswdDatabase *database)
{
  if (database == NULL)
    return;
  forget_content (database);
  g_hash_table_unref (database->records);
  g_hash_table_unref (database->unusable);
  g_hash_table_unref (database->domains);
  g_mutex_clear (&database->dummy_lock);
  g_free (database->dummy);
  g_free (database->path);
  g_free (database);
}

static void
take_identity (const struct stat *status, Identity *ret_identity)
{
  memset (ret_identity, 0, sizeof *ret_identity); /* zeroed, since it is compared as bytes */
  ret_identity->device = status->st_dev;
  ret_identity->inode = status->st_ino;
  ret_identity->size = status->st_size;
  ret_identity->modified = status->st_mtim;
  ret_identity->changed = status->st_ctim;
}

static gboolean
check_file_rights (const char *path, const struct stat *status, GError **error)
{
  if (!S_ISREG (status->st_mode))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "%s is not a plain file", path);
  if ((status->st_mode & 077) != 0)
    return satchel_error_set (error, SATCHEL_ERROR_NOPERM,
                              "%s can be read or written by others; run: chmod 600 %s", path, path);
  if (status->st_size > MAX_FILE_BYTES)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "%s is larger than %d bytes", path, MAX_FILE_BYTES);
  return TRUE;
}

static void
wipe_and_free (gpointer text)
{
  GByteArray *array = text;
  sodium_memzero (array->data, array->len);
  g_byte_array_unref (array);
}

static gboolean
read_file_content (int fd, GByteArray *text, GError **error)
{
  /* The file may become shorter while it is read; if it grows, the rest is read at the next change. */
  gssize filled = satchel_fd_read_all (fd, text->data, text->len - 1);
  if (filled < 0)
    return satchel_error_set_errno (error, errno, "the file cannot be read");
  text->data[filled] = '\0';
  g_byte_array_set_size (text, (guint) filled);
  return TRUE;
}

GBytes *
passwd_file_read (const char *path, struct stat *ret_status, GError **error)
{
  /* O_NONBLOCK, because a FIFO in its place must not make the process wait. */
  g_auto (SatchelFd) fd = SATCHEL_RETRY (open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (fd < 0)
    {
      int errnum = errno;
      if (errnum == ELOOP)
        satchel_error_set (error, SATCHEL_ERROR_INVALID,
                           "%s is a symbolic link; set `path` to what it points to", path);
      else if (errnum == ENOENT)
        satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT,
                           "%s does not exist; the first `satchel user add` makes it", path);
      else
        satchel_error_set_errno (error, errnum, "%s cannot be opened", path);
      return NULL;
    }
  GByteArray *text = NULL;
  gboolean ok = FALSE;
  struct stat status;
  if (fstat (fd, &status) < 0)
    satchel_error_set_errno (error, errno, "%s cannot be looked at", path);
  else if (check_file_rights (path, &status, error))
    {
      text = g_byte_array_new ();
      g_byte_array_set_size (text, (guint) status.st_size + 1);
      ok = read_file_content (fd, text, error);
    }
  if (!ok)
    {
      g_clear_pointer (&text, wipe_and_free);
      return NULL;
    }
  *ret_status = status;
  return g_bytes_new_with_free_func (text->data, text->len, wipe_and_free, text);
}

gboolean
passwd_file_is_whole (const char *text, gsize len, GError **error)
{
  if (len == 0)
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                              "the file is empty; restore it, or remove it and add users");
  if (text[len - 1] != '\n')
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                              "the last line has no end: the file was cut off; restore it, or end the line");
  if (!g_str_has_prefix (text, PASSWD_FIRST_LINE "\n"))
    return TRUE; /* the file was written by hand */
  const char *end = g_strrstr_len (text, (gssize) len, "\n" PASSWD_LAST_LINE "\n");
  return end != NULL
         || satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                               "the line " PASSWD_LAST_LINE
                               " is missing: the file was cut off; restore it, or "
                               "remove its first line if all users are there");
}

typedef struct
{
  GHashTable *prices; /* price of a hash -> how many users have it */
  guint best;
  char *sample;
} PriceVote;

static void
find_common_price (PriceVote *votes, const char *verifier)
{
  char *price = g_strndup (verifier, passwd_verifier_price_len (verifier));
  guint count = GPOINTER_TO_UINT (g_hash_table_lookup (votes->prices, price)) + 1;
  g_hash_table_replace (votes->prices, price, GUINT_TO_POINTER (count));
  if (count <= votes->best)
    return;
  votes->best = count;
  if (votes->sample == NULL || !g_str_has_prefix (votes->sample, price))
    {
      g_free (votes->sample);
      votes->sample = g_strdup (verifier);
    }
}

static void
set_dummy (PasswdDatabase *database, const char *sample)
{
  char *dummy = passwd_verifier_new_dummy (sample);
  g_mutex_lock (&database->dummy_lock);
  g_free (database->dummy);
  database->dummy = dummy;
  g_mutex_unlock (&database->dummy_lock);
}

static void
add_unusable (PasswdDatabase *database, const char *line, gsize len)
{
  char *user = passwd_line_user (line, len);
  if (user == NULL)
    database->has_unknown_lines = TRUE;
  else
    g_hash_table_add (database->unusable, user);
}

static void
add_record (PasswdDatabase *database, PasswdRecord *record, guint number)
{
  if (g_hash_table_contains (database->records, record->user)
      || g_hash_table_contains (database->unusable, record->user))
    {
      /* If a name has two lines, it is not known which one is meant. */
      satchel_log (SATCHEL_LOG_ERROR, AREA,
                   "%s:%u: user \"%s\" is there twice; neither is used until one is removed", database->path,
                   number, record->user);
      g_hash_table_remove (database->records, record->user);
      g_hash_table_add (database->unusable, g_strdup (record->user));
      passwd_record_free (record);
      return;
    }
  const char *domain = strchr (record->user, '@') + 1;
  if (!g_hash_table_contains (database->domains, domain))
    g_hash_table_add (database->domains, g_strdup (domain));
  g_hash_table_insert (database->records, record->user, record);
}

static void
load_lines (PasswdDatabase *database, const char *text, gsize len)
{
  PriceVote votes = { .prices = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL) };
  guint number = 0, n_bad = 0;
  for (const char *line = text; line < text + len; number++)
    {
      const char *end =
          memchr (line, '\n', (gsize) (text + len - line)); /* never stops: the file is complete */
      g_autoptr (GError) error = NULL;
      PasswdRecord record = { 0 };
      switch (passwd_record_parse (line, (gsize) (end - line), &record, &error))
        {
        case PASSWD_LINE_BLANK:
          break;
        case PASSWD_LINE_RECORD:
          if (record.verifier != NULL)
            find_common_price (&votes, record.verifier);
          add_record (database, g_memdup2 (&record, sizeof record), number + 1);
          break;
        case PASSWD_LINE_BAD:
          if (n_bad++ < MAX_LOGGED_LINES)
            satchel_log (SATCHEL_LOG_ERROR, AREA, "%s:%u: %s; the user of this line cannot log in",
                         database->path, number + 1, error->message);
          add_unusable (database, line, (gsize) (end - line));
          break;
        }
      line = end + 1;
    }
  if (n_bad > MAX_LOGGED_LINES)
    satchel_log (SATCHEL_LOG_ERROR, AREA, "%s: %u more lines are bad, and their users cannot log in",
                 database->path, n_bad - MAX_LOGGED_LINES);
  /* A name on a good line as well as on a bad one is ambiguous too. */
  GHashTableIter iter;
  gpointer user;
  g_hash_table_iter_init (&iter, database->unusable);
  while (g_hash_table_iter_next (&iter, &user, NULL))
    g_hash_table_remove (database->records, user);
  set_dummy (database, votes.sample);
  if (votes.sample != NULL)
    sodium_memzero (votes.sample, strlen (votes.sample));
  g_free (votes.sample);
  g_hash_table_unref (votes.prices);
}

static gboolean
is_settled (const struct timespec *modified)
{
  struct timespec now;
  clock_gettime (CLOCK_REALTIME, &now);
  gint64 age_ms =
      ((gint64) now.tv_sec - modified->tv_sec) * 1000 + (now.tv_nsec - modified->tv_nsec) / 1000000;
  return age_ms > 100 || age_ms < -1000; /* times of files advance in steps of the kernel's clock */
}

static void
load_file (PasswdDatabase *database)
{
  forget_content (database);
  g_autoptr (GError) error = NULL;
  struct stat status;
  g_autoptr (GBytes) bytes = passwd_file_read (database->path, &status, &error);
  gsize len = 0;
  const char *text = bytes != NULL ? g_bytes_get_data (bytes, &len) : NULL;
  if (bytes != NULL)
    {
      take_identity (&status, &database->identity);
      database->is_settled = is_settled (&status.st_mtim);
      if (!passwd_file_is_whole (text, len, &error))
        g_prefix_error (&error, "%s: ", database->path);
    }
  if (error != NULL)
    {
      database->trouble = g_strdup (error->message);
      satchel_log (SATCHEL_LOG_ERROR, AREA, "%s; nobody of this file can log in", database->trouble);
      return;
    }
  load_lines (database, text, len);
  satchel_log (SATCHEL_LOG_DEBUG, AREA, "%s: %u users", database->path,
               g_hash_table_size (database->records));
}

gboolean
passwd_database_refresh (PasswdDatabase *database, GError **error)
{
  struct stat status;
  Identity identity = { 0 };
  if (lstat (database->path, &status) == 0)
    take_identity (&status, &identity);
  else
    {
      memset (&identity, 0, sizeof identity);
      identity.errnum = errno;
    }
  if (!database->is_loaded || !database->is_settled
      || memcmp (&identity, &database->identity, sizeof identity) != 0)
    {
      database->identity = identity;
      database->is_settled = TRUE;
      database->is_loaded = TRUE;
      load_file (database);
    }
  return database->trouble == NULL
         || satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "%s", database->trouble);
}

const PasswdRecord *
passwd_database_find (PasswdDatabase *database, const char *user, gboolean minds_unknown_lines,
                      GError **error)
{
  const PasswdRecord *record = g_hash_table_lookup (database->records, user);
  if (record == NULL
      && ((minds_unknown_lines && database->has_unknown_lines)
          || g_hash_table_contains (database->unusable, user)))
    satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "%s has a bad line that may be that of \"%s\"",
                       database->path, user);
  return record;
}

gboolean
passwd_database_has_domain (PasswdDatabase *database, const char *domain)
{
  return g_hash_table_contains (database->domains, domain);
}

char *
passwd_database_dummy (PasswdDatabase *database)
{
  g_mutex_lock (&database->dummy_lock);
  char *dummy = g_strdup (database->dummy);
  g_mutex_unlock (&database->dummy_lock);
  return dummy;
}

static int
compare_records (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(PasswdRecord *const *) a)->user, (*(PasswdRecord *const *) b)->user);
}

void
passwd_database_list (PasswdDatabase *database, SatchelUserEntryFunc func, gpointer data)
{
  g_autoptr (GPtrArray) sorted = g_ptr_array_sized_new (g_hash_table_size (database->records));
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, database->records);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    g_ptr_array_add (sorted, value);
  g_ptr_array_sort (sorted, compare_records);
  for (guint i = 0; i < sorted->len; i++)
    {
      const PasswdRecord *record = sorted->pdata[i];
      SatchelUserEntry entry = { .user = record->user,
                                 .is_locked = record->is_locked,
                                 .changed = record->changed };
      if (record->verifier != NULL)
        entry.scheme = passwd_scheme_name (passwd_verifier_scheme (record->verifier, NULL, NULL));
      func (&entry, data);
    }
}
