/* SPDX-License-Identifier: MIT
 * What each error of the machine is called, wherever it strikes; and that an interrupted call is none.
 */
#include "config.h"

#include "modules/maildir/files/access_error.h"
#include "modules/maildir/files/maildir_sys.h"
#include "modules/maildir/tests/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int failing;       /* errno of calls; 0: none */
static const char *where; /* part of the names that they are made for */
static guint n_interrupted;

static gboolean
strikes (const char *path)
{
  if (failing == 0 || strstr (path, where) == NULL)
    return FALSE;
  errno = failing;
  return TRUE;
}

static MdSys real;

static int
failing_openat (int dirfd, const char *path, int flags, mode_t mode)
{
  return strikes (path) ? -1 : real.openat (dirfd, path, flags, mode);
}

static int
failing_openat_cached (int dirfd, const char *path, int flags)
{
  errno = EAGAIN;
  return -1;
}

static int
failing_renameat (int olddirfd, const char *oldpath, int newdirfd, const char *newpath)
{
  return strikes (oldpath) ? -1 : real.renameat (olddirfd, oldpath, newdirfd, newpath);
}

static const struct
{
  int errnum;
  int code;
} codes[] = {
  { ENOSPC, SATCHEL_ERROR_NOSPACE },   { EDQUOT, SATCHEL_ERROR_NOSPACE },
  { EACCES, SATCHEL_ERROR_ACCESS },    { EPERM, SATCHEL_ERROR_ACCESS },
  { EROFS, SATCHEL_ERROR_ACCESS },     { EMFILE, SATCHEL_ERROR_RESOURCES },
  { ENFILE, SATCHEL_ERROR_RESOURCES }, { ENOMEM, SATCHEL_ERROR_RESOURCES },
  { EIO, SATCHEL_ERROR_IO },           { ESTALE, SATCHEL_ERROR_IO },
  { ELOOP, SATCHEL_ERROR_IO },         { ENXIO, SATCHEL_ERROR_IO },
};

/* A file that cannot be opened, new or old, and one that cannot be renamed. */
static void
test_codes (void)
{
  Place place;
  GError *error = NULL;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  append_text (inbox, "kept\r\n", 0, NULL, NULL);
  real = md_calls;
  md_calls.openat = failing_openat;
  md_calls.openat_cached = failing_openat_cached;
  md_calls.renameat = failing_renameat;
  where = ".M"; /* messages, and what is to be one */
  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      failing = codes[i].errnum;
      g_assert_null (satchel_mailbox_open_message (inbox, 1, &error));
      g_assert_error (error, SATCHEL_ERROR, codes[i].code);
      g_assert_nonnull (strstr (error->message, "/new/"));
      g_assert_nonnull (strstr (error->message, g_strerror (failing)));
      g_clear_error (&error);
      g_assert_cmpuint (append_text (inbox, "more\r\n", 0, NULL, &error), ==, 0);
      g_assert_error (error, SATCHEL_ERROR, codes[i].code);
      g_clear_error (&error);
      g_assert_false (change_flags (inbox, 1, 1, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_FLAGGED, NULL, &error));
      g_assert_error (error, SATCHEL_ERROR, codes[i].code);
      g_clear_error (&error);
    }
  failing = 0;
  g_autofree char *text = message_text (inbox, 1), *all = describe (inbox);
  g_assert_cmpstr (text, ==, "kept\r\n");
  g_assert_cmpstr (all, ==, "1:0");
  satchel_mailbox_unref (inbox);
  md_sys_reset ();
  place_remove (&place);
}

/* ---- interruptions ---- */

static gboolean
is_interrupted (void)
{
  static guint n;
  if (++n % 2 == 0)
    return FALSE;
  n_interrupted++;
  errno = EINTR;
  return TRUE;
}

#define INTERRUPTED(type, name, parameters, ...)                                                             \
  static type interrupted_##name parameters                                                                  \
  {                                                                                                          \
    return is_interrupted () ? -1 : real.name (__VA_ARGS__);                                                 \
  }

INTERRUPTED (int, openat, (int dirfd, const char *path, int flags, mode_t mode), dirfd, path, flags, mode)
INTERRUPTED (ssize_t, pread, (int fd, void *buffer, size_t len, off_t offset), fd, buffer, len, offset)
INTERRUPTED (ssize_t, pwrite, (int fd, const void *buffer, size_t len, off_t offset), fd, buffer, len, offset)
INTERRUPTED (ssize_t, pwritev, (int fd, const struct iovec *parts, int n, off_t offset), fd, parts, n, offset)
INTERRUPTED (ssize_t, write, (int fd, const void *buffer, size_t len), fd, buffer, len)
INTERRUPTED (int, fstat, (int fd, struct stat *st), fd, st)
INTERRUPTED (int, fstatat, (int dirfd, const char *path, struct stat *st, int flags), dirfd, path, st, flags)
INTERRUPTED (int, linkat, (int a, const char *from, int b, const char *to, int flags), a, from, b, to, flags)
INTERRUPTED (int, renameat, (int a, const char *from, int b, const char *to), a, from, b, to)
INTERRUPTED (int, unlinkat, (int dirfd, const char *path, int flags), dirfd, path, flags)
INTERRUPTED (int, mkdirat, (int dirfd, const char *path, mode_t mode), dirfd, path, mode)
INTERRUPTED (int, fsync, (int fd), fd)
INTERRUPTED (int, fdatasync, (int fd), fd)
INTERRUPTED (int, ftruncate, (int fd, off_t len), fd, len)
INTERRUPTED (ssize_t, getdents, (int fd, void *buffer, size_t len), fd, buffer, len)

/* It has closed all the same. */
static int
interrupted_close (int fd)
{
  real.close (fd);
  errno = EINTR;
  return -1;
}

static void
interrupt_all (void)
{
  real = md_calls;
  md_calls.openat = interrupted_openat;
  md_calls.openat_cached = failing_openat_cached;
  md_calls.pread = interrupted_pread;
  md_calls.pwrite = interrupted_pwrite;
  md_calls.pwritev = interrupted_pwritev;
  md_calls.write = interrupted_write;
  md_calls.fstat = interrupted_fstat;
  md_calls.fstatat = interrupted_fstatat;
  md_calls.linkat = interrupted_linkat;
  md_calls.renameat = interrupted_renameat;
  md_calls.unlinkat = interrupted_unlinkat;
  md_calls.mkdirat = interrupted_mkdirat;
  md_calls.fsync = interrupted_fsync;
  md_calls.fdatasync = interrupted_fdatasync;
  md_calls.ftruncate = interrupted_ftruncate;
  md_calls.getdents = interrupted_getdents;
  md_calls.close = interrupted_close;
}

static void
test_interrupted (void)
{
  Place place;
  GError *error = NULL;
  place_make (&place);
  interrupt_all ();
  place_open (&place);
  satchel_store_create (place.store, "Work", 0, &error);
  g_assert_no_error (error);
  satchel_store_subscribe (place.store, "Work", TRUE, &error);
  g_assert_no_error (error);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX"), *work = place_mailbox (&place, "Work");
  const char *const keywords[] = { "$Label1", NULL };
  for (guint i = 0; i < 3; i++)
    {
      append_text (inbox, "kept\r\n", 0, keywords, &error);
      g_assert_no_error (error);
    }
  g_assert_true (change_flags (inbox, 1, 2, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, NULL, &error));
  g_assert_true (transfer (inbox, 2, 2, work, FALSE, &error));
  g_assert_true (transfer (inbox, 3, 3, work, TRUE, &error));
  g_assert_true (expunge (inbox, 2, 2, &error));
  g_assert_no_error (error);
  satchel_store_rename (place.store, "Work", "Done", &error);
  g_assert_no_error (error);
  satchel_mailbox_unref (inbox);
  satchel_mailbox_unref (work);
  place_close (&place);
  place_open (&place);
  inbox = place_mailbox (&place, "INBOX");
  work = place_mailbox (&place, "Done");
  g_autofree char *text = message_text (work, 2), *left = describe (inbox), *there = describe (work);
  g_assert_cmpstr (text, ==, "kept\r\n");
  g_assert_cmpstr (left, ==, "1:1");
  g_assert_cmpstr (there, ==, "1:1 2:0");
  g_assert_cmpuint (n_interrupted, >, 100);
  satchel_mailbox_unref (inbox);
  satchel_mailbox_unref (work);
  place_close (&place);
  md_sys_reset ();
  place_remove (&place);
}

/* Runs as the uid of nobody if it can, since root lacks no permission. */
static void
describe_refusal (const char *dir, const char *name, MdAccess access, int report_fd)
{
  int fd = open (dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (geteuid () == 0
      && (setgroups (0, NULL) != 0 || setresgid (65534, 65534, 65534) != 0
          || setresuid (65534, 65534, 65534) != 0))
    _exit (1);
  GError *error = NULL;
  md_error_at (&error, EACCES, fd, name, access, "test");
  gboolean ok = write (report_fd, error->message, strlen (error->message)) > 0;
  _exit (ok ? 0 : 1);
}

static char *
refusal (const char *dir, const char *name, MdAccess access)
{
  char text[8192];
  int ends[2], status = 0;
  g_assert_cmpint (pipe (ends), ==, 0);
  pid_t child = fork ();
  if (child == 0)
    describe_refusal (dir, name, access, ends[1]);
  g_assert_cmpint (child, >, 0);
  close (ends[1]);
  ssize_t n = read (ends[0], text, sizeof text - 1);
  close (ends[0]);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
  g_assert_cmpint (n, >, 0);
  return g_strndup (text, (gsize) n);
}

/* An administrator reads which path was refused, which permission is missing on it, and what to do; or that
 * owner and mode are not what stands in the way. */
static void
test_refusals (void)
{
  g_autofree char *dir = g_dir_make_tmp ("satchel-trouble-XXXXXX", NULL);
  g_autofree char *secret = g_build_filename (dir, "secret", NULL),
                  *open_file = g_build_filename (dir, "open", NULL);
  const gboolean is_root = geteuid () == 0;
  const guint uid = is_root ? 65534 : (guint) geteuid ();
  g_assert_true (g_file_set_contents (secret, "x", 1, NULL) && g_file_set_contents (open_file, "x", 1, NULL));
  g_assert_cmpint (chmod (secret, 0), ==, 0);
  g_assert_cmpint (chmod (open_file, 0644), ==, 0);
  g_assert_cmpint (chmod (dir, 0555), ==, 0);
  g_autofree char *read_it = refusal (dir, "secret", MD_ACCESS_READ);
  g_autofree char *write_it = refusal (dir, "secret", MD_ACCESS_WRITE);
  g_autofree char *make_name = refusal (dir, "new", MD_ACCESS_CHANGE);
  g_autofree char *allowed = refusal (dir, "open", MD_ACCESS_READ);
  g_autofree char *lists_dir = refusal (dir, ".", MD_ACCESS_READ);
  g_autofree char *lacks_r =
      g_strdup_printf ("has mode 0000, and uid %u lacks r%s", uid, is_root ? ": run" : "");
  g_autofree char *lacks_rw =
      g_strdup_printf ("has mode 0000, and uid %u lacks rw%s", uid, is_root ? ": run" : "");
  g_autofree char *lacks_w = g_strdup_printf ("has mode 0555, and uid %u lacks w", uid);
  g_autofree char *new_path = g_strdup_printf ("test %s/new: ", dir);
  g_assert_nonnull (strstr (read_it, secret));
  g_assert_nonnull (strstr (read_it, lacks_r));
  g_assert_null (strstr (read_it, "lacks rw"));
  g_assert_nonnull (strstr (write_it, lacks_rw));
  g_assert_true (g_str_has_prefix (make_name, new_path));
  g_assert_nonnull (strstr (make_name, lacks_w));
  g_assert_nonnull (strstr (allowed, "owner and mode would let uid"));
  g_assert_nonnull (strstr (lists_dir, "owner and mode would let uid"));
  g_assert_cmpint (strncmp (lists_dir + strlen ("test "), dir, strlen (dir)), ==, 0);
  g_assert_cmpint (lists_dir[strlen ("test ") + strlen (dir)], ==, ':');
  if (is_root)
    g_assert_nonnull (strstr (read_it, "run chown 65534"));
  g_assert_cmpint (chmod (dir, 0444), ==, 0);
  g_autofree char *search = refusal (dir, "open", MD_ACCESS_READ);
  g_autofree char *lacks_x = g_strdup_printf ("%s belongs to uid %u", dir, (guint) geteuid ());
  g_assert_nonnull (strstr (search, lacks_x));
  g_assert_nonnull (strstr (search, "lacks x"));
  chmod (dir, 0755);
  unlink (secret);
  unlink (open_file);
  rmdir (dir);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/maildir/trouble/codes", test_codes);
  g_test_add_func ("/maildir/trouble/interrupted", test_interrupted);
  g_test_add_func ("/maildir/trouble/refusals", test_refusals);
  return g_test_run ();
}
