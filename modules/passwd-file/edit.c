/* SPDX-License-Identifier: MIT
 * Changes to the file. Only the user's own line changes; comments and bad lines stay as they are.
 */
#include "edit.h"
#include "database.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/fd.h>
#include <sodium.h>
#include <string.h>
#include <sys/file.h>

#define LOCK_WAIT_MS 10000
#define LOCK_POLL_MS 20

/* Gives a file that root makes to the owner of its directory, who must be able to read it. */
static gboolean
give_to_owner (int fd, const struct stat *like, GError **error)
{
  if (geteuid () == 0 && fchown (fd, like->st_uid, like->st_gid) < 0)
    return satchel_error_set_errno (error, errno, "the new file cannot be given to the owner of the old one");
  return TRUE;
}

/* Returns the descriptor of the lock; -1 means an error. */
static int
open_locked (int directory, const char *name, const struct stat *directory_status, gboolean may_wait,
             GError **error)
{
  g_autofree char *lock_name = g_strconcat (name, ".lock", NULL);
  const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  g_auto (SatchelFd) fd = SATCHEL_RETRY (openat (directory, lock_name, flags | O_CREAT | O_EXCL, 0600));
  /* A file that existed keeps its owner, so only a new one is given away. */
  gboolean is_new = fd >= 0;
  if (fd < 0 && errno == EEXIST)
    fd = SATCHEL_RETRY (openat (directory, lock_name, flags));
  if (fd < 0)
    {
      satchel_error_set_errno (error, errno, "the lock file %s cannot be opened", lock_name);
      return -1;
    }
  if (is_new && !give_to_owner (fd, directory_status, error))
    return -1;
  for (int waited_ms = 0; SATCHEL_RETRY (flock (fd, LOCK_EX | LOCK_NB)) < 0; waited_ms += LOCK_POLL_MS)
    {
      if (errno != EWOULDBLOCK || !may_wait || waited_ms >= LOCK_WAIT_MS)
        {
          satchel_error_set (error, SATCHEL_ERROR_INUSE, "another program holds the lock %s; try again",
                             lock_name);
          return -1;
        }
      g_usleep (LOCK_POLL_MS * 1000);
    }
  return satchel_fd_steal (&fd);
}

static gboolean
append_record (GString *out, const PasswdRecord *record, GError **error)
{
  char *line = passwd_record_format (record, error);
  if (line == NULL)
    return FALSE;
  g_string_append (out, line);
  sodium_memzero (line, strlen (line));
  g_free (line);
  return TRUE;
}

/* Appends the user's line as it is after @edit; REMOVE appends nothing. Only a new password mends a bad
 * line, and only if the line has no attributes, which would be lost. */
static gboolean
append_changed (GString *out, const PasswdEdit *edit, const char *line, gsize len, GError **error)
{
  g_auto (PasswdRecord) record = { 0 };
  g_autoptr (GError) why = NULL;
  if (edit->kind == PASSWD_EDIT_REMOVE)
    return TRUE;
  if (passwd_record_parse (line, len, &record, &why) != PASSWD_LINE_RECORD)
    {
      if (edit->kind != PASSWD_EDIT_SET_PASSWORD || passwd_line_has_attributes (line, len))
        return satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                                  "the user's line in the password file is bad: %s", why->message);
      record.user = g_strdup (edit->user);
    }
  switch (edit->kind)
    {
    case PASSWD_EDIT_UPGRADE:
      if (record.verifier == NULL || strcmp (record.verifier, edit->expected) != 0)
        return satchel_error_set (error, SATCHEL_ERROR_CANCELLED, "the password was changed meanwhile");
      G_GNUC_FALLTHROUGH;
    case PASSWD_EDIT_SET_PASSWORD:
      g_free (record.verifier);
      record.verifier = g_strdup (edit->verifier);
      g_free (record.scram);
      record.scram = g_strdup (edit->scram);
      if (edit->kind == PASSWD_EDIT_SET_PASSWORD)
        record.changed = g_get_real_time () / G_USEC_PER_SEC;
      break;
    case PASSWD_EDIT_LOCK:
    case PASSWD_EDIT_UNLOCK:
      record.is_locked = edit->kind == PASSWD_EDIT_LOCK;
      break;
    case PASSWD_EDIT_ADD:
    case PASSWD_EDIT_REMOVE:
      break;
    }
  return append_record (out, &record, error);
}

static gboolean
append_added (GString *out, const PasswdEdit *edit, GError **error)
{
  PasswdRecord record = { .user = (char *) edit->user,
                          .verifier = (char *) edit->verifier,
                          .scram = (char *) edit->scram,
                          .changed = g_get_real_time () / G_USEC_PER_SEC };
  return append_record (out, &record, error);
}

static gboolean
edit_lines (const char *text, gsize len, const PasswdEdit *edit, GString *out, GError **error)
{
  gboolean is_there = FALSE, is_added = FALSE;
  for (const char *line = text; line < text + len;)
    {
      const char *end = memchr (line, '\n', (gsize) (text + len - line));
      gsize line_len = (gsize) (end - line);
      g_autofree char *user = passwd_line_user (line, line_len);
      gboolean is_end =
          line_len == strlen (PASSWD_LAST_LINE) && memcmp (line, PASSWD_LAST_LINE, line_len) == 0;
      if (user != NULL && strcmp (user, edit->user) == 0)
        {
          if (edit->kind == PASSWD_EDIT_ADD)
            return satchel_error_set (error, SATCHEL_ERROR_ALREADYEXISTS, "user \"%s\" is there already",
                                      edit->user);
          /* If a user has two lines, setting a new password keeps one of them. */
          if (!(is_there && edit->kind == PASSWD_EDIT_SET_PASSWORD)
              && !append_changed (out, edit, line, line_len, error))
            return FALSE;
          is_there = TRUE;
        }
      else
        {
          if (is_end && edit->kind == PASSWD_EDIT_ADD && !is_added
              && !(is_added = append_added (out, edit, error)))
            return FALSE;
          g_string_append_len (out, line, (gssize) line_len + 1);
        }
      line = end + 1;
    }
  if (edit->kind == PASSWD_EDIT_ADD)
    return is_added || append_added (out, edit, error);
  return is_there
         || satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "there is no user \"%s\"", edit->user);
}

static gboolean
edit_locked (int directory, const char *path, const char *name, const struct stat *directory_status,
             const PasswdEdit *edit, GError **error)
{
  static const char fresh[] = PASSWD_FIRST_LINE "\n# USER:VERIFIER:FLAGS:CHANGED:CHECK:ATTRIBUTES; see the "
                                                "documentation of module passwd-file\n" PASSWD_LAST_LINE "\n";
  g_autoptr (GError) why = NULL;
  /* A new file belongs to the owner of the directory, who can read it. */
  struct stat status = *directory_status;
  status.st_mode = 0600;
  g_autoptr (GBytes) bytes = passwd_file_read (path, &status, &why);
  if (bytes != NULL)
    status.st_mode &= 0700;
  else if (edit->kind == PASSWD_EDIT_ADD && g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    bytes = g_bytes_new_static (fresh, strlen (fresh));
  else
    {
      g_propagate_error (error, g_steal_pointer (&why));
      return FALSE;
    }
  gsize len;
  const char *text = g_bytes_get_data (bytes, &len);
  if (!passwd_file_is_whole (text, len, error))
    return FALSE;
  /* The buffer has its final size at once, since growing would leave copies of hashes behind in memory. */
  GString *out = g_string_sized_new (len + 4096);
  gboolean ok = edit_lines (text, len, edit, out, error)
                && satchel_file_replace (directory, name, out->str, out->len, &status, TRUE, error);
  sodium_memzero (out->str, out->len);
  g_string_free (out, TRUE);
  return ok;
}

gboolean
passwd_edit_apply (const char *path, const PasswdEdit *edit, GError **error)
{
  g_autofree char *directory_path = g_path_get_dirname (path);
  g_autofree char *name = g_path_get_basename (path);
  g_auto (SatchelFd) directory = SATCHEL_RETRY (open (directory_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int errnum = errno;
  /* NONEXISTENT would be taken for "no such user". */
  if (directory < 0 && errnum == ENOENT)
    return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE,
                              "%s: there is no such directory yet; start satcheld once, which "
                              "makes its own, or correct passwd-file.path",
                              directory_path);
  if (directory < 0)
    return satchel_error_set_errno (error, errnum, "the directory %s cannot be opened", directory_path);
  struct stat status;
  gboolean ok =
      fstat (directory, &status) == 0
      || satchel_error_set_errno (error, errno, "the directory %s cannot be looked at", directory_path);
  /* An upgrade can wait for the next login; an administrator waits for the lock. */
  g_auto (SatchelFd) lock =
      ok ? open_locked (directory, name, &status, edit->kind != PASSWD_EDIT_UPGRADE, error) : -1;
  ok = lock >= 0 && edit_locked (directory, path, name, &status, edit, error);
  if (!ok)
    g_prefix_error (error, "%s: ", path);
  return ok;
}
