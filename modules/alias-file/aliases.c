/* SPDX-License-Identifier: MIT
 * This file keeps the file of aliases in memory.  The administrator chooses its keys, so the tables need no
 * keyed hash.
 */
#include "aliases.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/fd.h>
#include <satchel/hash.h>
#include <satchel/log.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define AREA "alias-file"
#define MAX_FILE_BYTES (64 * 1024 * 1024)
#define MAX_LINE_BYTES 16384
#define MAX_TARGETS 100
#define MAX_LOGGED_LINES 20

struct AliasFile
{
  char *path;
  struct stat status;
  int errnum; /* errno of stat; 0: it succeeded */
  gboolean is_loaded, is_settled;
  char *trouble;              /* why the file cannot be used, or NULL */
  char *first_bad;            /* the first bad line, "PATH:LINE: ...", or NULL */
  GHashTable *addresses;      /* local@domain -> GPtrArray of targets */
  GHashTable *names;          /* local part -> targets */
  GHashTable *catch_alls;     /* domain -> targets */
  GHashTable *domain_aliases; /* domain -> domain */
  GHashTable *domains;
};

static GHashTable *
new_targets_table (void)
{
  return g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, (GDestroyNotify) g_ptr_array_unref);
}

AliasFile *
alias_file_new (const char *path)
{
  AliasFile *file = g_new0 (AliasFile, 1);
  file->path = g_strdup (path);
  file->addresses = new_targets_table ();
  file->names = new_targets_table ();
  file->catch_alls = new_targets_table ();
  file->domain_aliases = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  file->domains = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  return file;
}

static void
forget_content (AliasFile *file)
{
  g_clear_pointer (&file->trouble, g_free);
  g_clear_pointer (&file->first_bad, g_free);
  g_hash_table_remove_all (file->addresses);
  g_hash_table_remove_all (file->names);
  g_hash_table_remove_all (file->catch_alls);
  g_hash_table_remove_all (file->domain_aliases);
  g_hash_table_remove_all (file->domains);
}

void
alias_file_free (AliasFile *file)
{
  if (file == NULL)
    return;
  forget_content (file);
  g_hash_table_unref (file->addresses);
  g_hash_table_unref (file->names);
  g_hash_table_unref (file->catch_alls);
  g_hash_table_unref (file->domain_aliases);
  g_hash_table_unref (file->domains);
  g_free (file->path);
  g_free (file);
}

/* Brings a domain into the form that user names have. */
static char *
canonical_domain (const char *domain, GError **error)
{
  g_autofree char *address = g_strconcat ("x@", domain, NULL);
  g_autofree char *canonical = satchel_user_canonical (address, strlen (address), error);
  return canonical != NULL ? g_strdup (canonical + 2) : NULL;
}

static gboolean
parse_domain (AliasFile *file, const char *name, GError **error)
{
  char *domain = canonical_domain (name, error);
  if (domain == NULL)
    return FALSE;
  g_hash_table_add (file->domains, domain);
  return TRUE;
}

static gboolean
parse_domain_alias (AliasFile *file, const char *old, const char *new, GError **error)
{
  g_autofree char *from = canonical_domain (old, error);
  g_autofree char *to = from != NULL ? canonical_domain (new, error) : NULL;
  if (to == NULL)
    return FALSE;
  if (strcmp (from, to) == 0)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "\"%s\" is an alias of itself", from);
  g_hash_table_add (file->domains, g_strdup (from));
  g_hash_table_replace (file->domain_aliases, g_steal_pointer (&from), g_steal_pointer (&to));
  return TRUE;
}

static GPtrArray *
parse_targets (const char *text, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, ",", MAX_TARGETS + 1);
  g_autoptr (GPtrArray) targets = g_ptr_array_new_with_free_func (g_free);
  if (parts[0] == NULL || g_strv_length (parts) > MAX_TARGETS)
    {
      satchel_error_set (error, SATCHEL_ERROR_LIMIT,
                         "an alias must have 1 to %d targets, with commas between them", MAX_TARGETS);
      return NULL;
    }
  for (char **part = parts; *part != NULL; part++)
    {
      const char *name = g_strstrip (*part);
      char *target = satchel_user_canonical (name, strlen (name), error);
      if (target == NULL)
        {
          g_prefix_error (error, "target \"%s\": ", name);
          return NULL;
        }
      g_ptr_array_add (targets, target);
    }
  return g_steal_pointer (&targets);
}

/* Adds targets to those of earlier lines for the same key. */
static gboolean
add_targets (GHashTable *table, const char *key, const char *text, GError **error)
{
  g_autoptr (GPtrArray) targets = parse_targets (text, error);
  if (targets == NULL)
    return FALSE;
  GPtrArray *old = g_hash_table_lookup (table, key);
  if (old == NULL)
    g_hash_table_insert (table, g_strdup (key), g_steal_pointer (&targets));
  else if (old->len + targets->len > MAX_TARGETS)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "an alias may have at most %d targets",
                              MAX_TARGETS);
  else
    g_ptr_array_extend_and_steal (old, g_steal_pointer (&targets));
  return TRUE;
}

/* Takes "ADDRESS", "NAME" (at any domain), "@DOMAIN" (a catch-all) or "@DOMAIN: @DOMAIN".  A bare name is
 * brought into the form of user names with a domain that is cut off again. */
static gboolean
parse_alias (AliasFile *file, const char *key, const char *targets, GError **error)
{
  if (key[0] == '@' && targets[0] == '@')
    return parse_domain_alias (file, key + 1, targets + 1, error);
  if (key[0] == '@')
    {
      g_autofree char *domain = canonical_domain (key + 1, error);
      if (domain == NULL || !add_targets (file->catch_alls, domain, targets, error))
        return FALSE;
      g_hash_table_add (file->domains, g_steal_pointer (&domain));
      return TRUE;
    }
  gboolean is_bare = strchr (key, '@') == NULL;
  g_autofree char *address = is_bare ? g_strconcat (key, "@x", NULL) : g_strdup (key);
  g_autofree char *canonical = satchel_user_canonical (address, strlen (address), error);
  if (canonical == NULL)
    return FALSE;
  char *domain = strrchr (canonical, '@') + 1;
  if (is_bare)
    {
      domain[-1] = '\0';
      return add_targets (file->names, canonical, targets, error);
    }
  if (!add_targets (file->addresses, canonical, targets, error))
    return FALSE;
  g_hash_table_add (file->domains, g_strdup (domain));
  return TRUE;
}

static gboolean
parse_line (AliasFile *file, char *line, GError **error)
{
  static const char keyword[] = "domain";
  g_strstrip (line);
  if (line[0] == '\0' || line[0] == '#')
    return TRUE;
  gsize keyword_len = strlen (keyword);
  if (strncmp (line, keyword, keyword_len) == 0 && g_ascii_isspace (line[keyword_len]))
    return parse_domain (file, g_strchug (line + keyword_len), error);
  char *colon = strchr (line, ':');
  if (colon == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "the line is neither \"ADDRESS: TARGET, TARGET\" nor \"domain NAME\"");
  *colon = '\0';
  return parse_alias (file, g_strchomp (line), g_strchug (colon + 1), error);
}

static void
note_bad_line (AliasFile *file, guint number, guint n_bad, const char *why)
{
  if (file->first_bad == NULL)
    file->first_bad = g_strdup_printf ("%s:%u: %s", file->path, number, why);
  if (n_bad <= MAX_LOGGED_LINES)
    satchel_log (SATCHEL_LOG_ERROR, AREA, "%s:%u: %s; this line is left out", file->path, number, why);
}

static void
load_lines (AliasFile *file, const char *text, gsize len)
{
  guint n_bad = 0, number = 1;
  /* Editors of other systems begin a UTF-8 file with a byte order mark. */
  gsize mark = len >= 3 && memcmp (text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
  for (const char *line = text + mark; line < text + len; number++)
    {
      const char *end = memchr (line, '\n', (gsize) (text + len - line));
      gsize line_len = (gsize) ((end != NULL ? end : text + len) - line);
      g_autoptr (GError) error = NULL;
      if (line_len > MAX_LINE_BYTES || memchr (line, '\0', line_len) != NULL)
        note_bad_line (file, number, ++n_bad, "the line is too long or holds a NUL");
      else
        {
          g_autofree char *copy = g_strndup (line, line_len);
          if (!parse_line (file, copy, &error))
            note_bad_line (file, number, ++n_bad, error->message);
        }
      line += line_len + 1;
    }
}

static gboolean
read_file (AliasFile *file, char **ret_text, gsize *ret_len, GError **error)
{
  g_auto (SatchelFd) fd = SATCHEL_RETRY (open (file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd < 0)
    return satchel_error_set_errno (error, errno, "%s cannot be opened", file->path);
  struct stat status;
  gboolean ok = fstat (fd, &status) == 0
                || satchel_error_set_errno (error, errno, "%s cannot be looked at", file->path);
  if (ok && (!S_ISREG (status.st_mode) || status.st_size > MAX_FILE_BYTES))
    ok = satchel_error_set (error, SATCHEL_ERROR_INVALID, "%s is not a plain file of at most %d bytes",
                            file->path, MAX_FILE_BYTES);
  /* A file that others may write is refused, since it decides who gets other people's mail. */
  if (ok && (status.st_mode & 022) != 0)
    ok = satchel_error_set (error, SATCHEL_ERROR_NOPERM, "%s can be written by others; run: chmod go-w %s",
                            file->path, file->path);
  g_autofree char *text = ok ? g_malloc ((gsize) status.st_size + 1) : NULL;
  gssize filled = ok ? satchel_fd_read_all (fd, text, (gsize) status.st_size) : -1;
  if (ok && filled < 0)
    ok = satchel_error_set_errno (error, errno, "%s cannot be read", file->path);
  if (!ok)
    return FALSE;
  *ret_text = g_steal_pointer (&text);
  *ret_len = (gsize) filled;
  return TRUE;
}

static gboolean
is_same_file (const struct stat *a, const struct stat *b)
{
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size
         && a->st_mode == b->st_mode && a->st_mtim.tv_sec == b->st_mtim.tv_sec
         && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec
         && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

gboolean
alias_file_refresh (AliasFile *file, GError **error)
{
  struct stat status = { 0 };
  int errnum = stat (file->path, &status) == 0 ? 0 : errno;
  if (!file->is_loaded || !file->is_settled || errnum != file->errnum
      || !is_same_file (&status, &file->status))
    {
      g_autoptr (GError) why = NULL;
      g_autofree char *text = NULL;
      gsize len = 0;
      forget_content (file);
      file->is_loaded = TRUE;
      file->errnum = errnum;
      file->status = status;
      /* A file that changed just now is read again next time, since a second write within one tick of the
       * file system's clock would not show in its times. */
      gint64 age_us = g_get_real_time ()
                      - ((gint64) status.st_mtim.tv_sec * G_USEC_PER_SEC + status.st_mtim.tv_nsec / 1000);
      file->is_settled = errnum != 0 || ABS (age_us) > 100000;
      if (read_file (file, &text, &len, &why))
        load_lines (file, text, len);
      else
        {
          file->trouble = g_strdup (why->message);
          satchel_log (SATCHEL_LOG_ERROR, AREA,
                       "%s; until it is mended, mail to any address is refused for the time being",
                       file->trouble);
        }
    }
  return file->trouble == NULL || satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "%s", file->trouble);
}

gboolean
alias_file_check (AliasFile *file, GError **error)
{
  return alias_file_refresh (file, error)
         && (file->first_bad == NULL
             || satchel_error_set (error, SATCHEL_ERROR_INVALID, "%s", file->first_bad));
}

static gboolean
add_users (GHashTable *table, const char *key, GPtrArray *users)
{
  const GPtrArray *targets = g_hash_table_lookup (table, key);
  for (guint i = 0; targets != NULL && i < targets->len; i++)
    g_ptr_array_add (users, g_strdup (targets->pdata[i]));
  return targets != NULL;
}

gboolean
alias_file_find (AliasFile *file, const char *address, GPtrArray *users)
{
  const char *at = strrchr (address, '@');
  if (at == NULL)
    return FALSE;
  if (add_users (file->addresses, address, users))
    return TRUE;
  const char *domain = g_hash_table_lookup (file->domain_aliases, at + 1);
  if (domain != NULL)
    g_ptr_array_add (users, g_strdup_printf ("%.*s@%s", (int) (at - address), address, domain));
  return domain != NULL;
}

gboolean
alias_file_find_fallback (AliasFile *file, const char *address, GPtrArray *users)
{
  const char *at = strrchr (address, '@');
  if (at == NULL)
    return FALSE;
  g_autofree char *name = g_strndup (address, (gsize) (at - address));
  return add_users (file->names, name, users) || add_users (file->catch_alls, at + 1, users);
}

gboolean
alias_file_has_domain (AliasFile *file, const char *domain)
{
  return g_hash_table_contains (file->domains, domain);
}

/* Lists the addresses.  A callback may look up an address, which may read a changed file, so no pointer into
 * the tables is kept while it runs. */
void
alias_file_list (AliasFile *file, SatchelAddressFunc func, gpointer data)
{
  GHashTable *const tables[] = { file->addresses, file->names, file->catch_alls };
  g_autoptr (GPtrArray) addresses = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < G_N_ELEMENTS (tables); i++)
    {
      GHashTableIter iter;
      gpointer key;
      g_hash_table_iter_init (&iter, tables[i]);
      while (g_hash_table_iter_next (&iter, &key, NULL))
        g_ptr_array_add (addresses, g_strconcat (tables[i] == file->catch_alls ? "*@" : "", key, NULL));
    }
  for (guint i = 0; i < addresses->len; i++)
    func (addresses->pdata[i], data);
}
