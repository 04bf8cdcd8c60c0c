/* SPDX-License-Identifier: MIT
 * core/base: descriptors that close themselves, files read, written and replaced whole, lists with links of
 * their own, numbers inside of texts.
 */
#include "config.h"

#include "core/base/fd.h"
#include "core/base/list.h"

#include <fcntl.h>
#include <satchel/number.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

static gboolean
is_open (int fd)
{
  return fcntl (fd, F_GETFD) >= 0;
}

/* A file without a name, with @text in it and its position at its end. */
static int
make_file (const char *text)
{
  int fd = memfd_create ("test", MFD_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  g_assert_true (satchel_fd_write_all (fd, text, strlen (text)));
  return fd;
}

static void
guard (void)
{
  int kept, seen;
  {
    g_auto (SatchelFd) closed = make_file ("x");
    g_auto (SatchelFd) stolen = make_file ("x");
    g_auto (SatchelFd) none = -1;
    seen = closed;
    kept = satchel_fd_steal (&stolen);
    g_assert_cmpint (stolen, ==, -1);
    g_assert_cmpint (none, ==, -1);
    errno = ENOTTY;
    g_auto (SatchelFd) not_open = kept + 1000; /* whose close(2) fails */
    g_assert_cmpint (not_open, >, kept);
  }
  g_assert_cmpint (errno, ==, ENOTTY);
  g_assert_false (is_open (seen));
  g_assert_true (is_open (kept));
  seen = kept;
  satchel_fd_clear (&kept);
  satchel_fd_clear (&kept);
  g_assert_cmpint (kept, ==, -1);
  g_assert_false (is_open (seen));
}

static void
guard_of_pairs (void)
{
  int gone, kept;
  {
    g_auto (SatchelFdPair) pair = SATCHEL_FD_PAIR_NONE;
    g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM, 0, pair.ends), ==, 0);
    kept = satchel_fd_steal (&pair.ends[0]);
    gone = pair.ends[1];
  }
  g_assert_true (is_open (kept));
  g_assert_false (is_open (gone));
  satchel_fd_clear (&kept);
}

static void
read_all (void)
{
  g_auto (SatchelFd) fd = make_file ("0123456789");
  char buffer[32] = "";
  g_assert_cmpint (satchel_fd_read_all (fd, buffer, sizeof buffer), ==, 10);
  g_assert_cmpmem (buffer, 10, "0123456789", 10);
  memset (buffer, 0, sizeof buffer);
  g_assert_cmpint (satchel_fd_read_all (fd, buffer, 4), ==, 4);
  g_assert_cmpstr (buffer, ==, "0123");
  g_assert_cmpint (satchel_fd_read_all (-1, buffer, 4), ==, -1);
  g_assert_cmpint (errno, ==, EBADF);
}

static void
read_bytes (void)
{
  g_auto (SatchelFd) fd = make_file ("0123456789"), empty = make_file (""),
                     directory = open ("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = satchel_fd_read_bytes (fd, 10, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), "0123456789", 10);
  const struct
  {
    int fd;
    gsize max_bytes;
  } bad[] = { { fd, 9 }, { empty, 10 }, { directory, G_MAXINT32 } };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) why = NULL;
      g_assert_null (satchel_fd_read_bytes (bad[i].fd, bad[i].max_bytes, &why));
      g_assert_error (why, SATCHEL_ERROR, SATCHEL_ERROR_INVALID);
    }
}

static void
write_all (void)
{
  g_auto (SatchelFd) full = open ("/dev/full", O_WRONLY | O_CLOEXEC), short_of_room = make_file ("");
  g_assert_false (satchel_fd_write_all (full, "0123456789", 10));
  g_assert_cmpint (errno, ==, ENOSPC);
  /* Five bytes fit: the first write is a short one, and only the second fails. */
  struct rlimit before, limit;
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  limit = before;
  limit.rlim_cur = 5;
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  gboolean is_written = satchel_fd_write_all (short_of_room, "0123456789", 10);
  int errnum = errno;
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &before), ==, 0);
  g_assert_false (is_written);
  g_assert_cmpint (errnum, ==, EFBIG);
  char buffer[32];
  g_assert_cmpint (satchel_fd_read_all (short_of_room, buffer, sizeof buffer), ==, 5);
}

typedef struct Item
{
  int number;
  struct Item *previous, *next;
} Item;

/* What file @name of @dirfd says, and its mode. */
static char *
look (int dirfd, const char *name, mode_t *ret_mode)
{
  struct stat st;
  g_auto (SatchelFd) fd = openat (dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (fstat (fd, &st), ==, 0);
  char *text = g_malloc0 ((gsize) st.st_size + 1);
  g_assert_cmpint (satchel_fd_read_all (fd, text, (gsize) st.st_size), ==, st.st_size);
  *ret_mode = st.st_mode & 07777;
  return text;
}

static void
replace (void)
{
  g_autofree char *path = g_dir_make_tmp ("satchel-test-XXXXXX", NULL);
  g_auto (SatchelFd) dirfd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const struct stat like = { .st_mode = S_IFREG | 0640, .st_uid = geteuid (), .st_gid = getegid () };
  g_autoptr (GError) error = NULL;
  mode_t mode;
  g_assert_true (satchel_file_replace (dirfd, "file", "first", 5, NULL, TRUE, &error));
  g_autofree char *first = look (dirfd, "file", &mode);
  g_assert_cmpstr (first, ==, "first");
  g_assert_cmpint (mode, ==, 0600);
  /* What somebody put in the way is no way to another file. */
  g_assert_true (satchel_file_replace (dirfd, "other", "other", 5, NULL, FALSE, &error));
  g_assert_cmpint (symlinkat ("other", dirfd, "file.new"), ==, 0);
  g_assert_true (satchel_file_replace (dirfd, "file", "second", 6, &like, TRUE, &error));
  g_autofree char *second = look (dirfd, "file", &mode), *other = look (dirfd, "other", &(mode_t) { 0 });
  g_assert_cmpstr (second, ==, "second");
  g_assert_cmpint (mode, ==, 0640);
  g_assert_cmpstr (other, ==, "other");
  /* What cannot be replaced is as it was, and nothing is left beside it. */
  g_assert_cmpint (mkdirat (dirfd, "directory", 0700), ==, 0);
  g_assert_false (satchel_file_replace (dirfd, "directory", "x", 1, NULL, TRUE, &error));
  g_assert_nonnull (strstr (error->message, "directory.new"));
  g_assert_cmpint (faccessat (dirfd, "directory.new", F_OK, AT_SYMLINK_NOFOLLOW), !=, 0);
  g_assert_cmpint (faccessat (dirfd, "file.new", F_OK, AT_SYMLINK_NOFOLLOW), !=, 0);
  g_assert_cmpint (unlinkat (dirfd, "directory", AT_REMOVEDIR), ==, 0);
  g_assert_cmpint (unlinkat (dirfd, "file", 0), ==, 0);
  g_assert_cmpint (unlinkat (dirfd, "other", 0), ==, 0);
  g_assert_cmpint (rmdir (path), ==, 0);
  g_clear_error (&error);
  g_assert_false (satchel_file_replace (dirfd, "file", "x", 1, NULL, FALSE, &error));
  g_assert_nonnull (error);
}

static char *
numbers (Item *first)
{
  GString *text = g_string_new (NULL);
  Item *before = NULL;
  SATCHEL_LIST_EACH (Item, item, first)
    {
      g_assert_true (item->previous == before);
      g_string_append_printf (text, "%d", item->number);
      before = item;
    }
  return g_string_free (text, FALSE);
}

static void
list (void)
{
  Item items[] = { { 1, NULL, NULL }, { 2, NULL, NULL }, { 3, NULL, NULL }, { 4, NULL, NULL } };
  Item *first = NULL;
  for (guint i = 0; i < G_N_ELEMENTS (items); i++)
    SATCHEL_LIST_PREPEND (first, &items[i]);
  g_autofree char *all = numbers (first);
  g_assert_cmpstr (all, ==, "4321");
  SATCHEL_LIST_REMOVE (first, &items[1]);
  SATCHEL_LIST_REMOVE (first, &items[3]);
  SATCHEL_LIST_REMOVE (first, &items[0]);
  g_autofree char *left = numbers (first);
  g_assert_cmpstr (left, ==, "3");
  g_assert_true (SATCHEL_CONTAINER (&first->next, Item, next) == &items[2]);
  SATCHEL_LIST_PREPEND (first, &items[1]);
  SATCHEL_LIST_EACH (Item, item, first)
    SATCHEL_LIST_REMOVE (first, item);
  g_assert_null (first);
}

static void
take_number (void)
{
  static const struct
  {
    const char *text;
    gssize end; /* -1: at the NUL */
    guint base;
    guint64 max;
    gssize taken; /* -1: refused */
    guint64 number;
  } cases[] = {
    { "0", -1, 10, 0, 1, 0 },
    { "17 rest", -1, 10, 17, 2, 17 },
    { "17 rest", -1, 10, 16, -1, 0 },
    { "17", 1, 10, 17, 1, 1 },
    { "17", 0, 10, 17, -1, 0 },
    { "", -1, 10, 17, -1, 0 },
    { "007", -1, 10, 7, 3, 7 },
    { "+7", -1, 10, 7, -1, 0 },
    { "-7", -1, 10, G_MAXUINT64, -1, 0 },
    { " 7", -1, 10, 7, -1, 0 },
    { "0x10", -1, 16, 16, 1, 0 },
    { "fFg", -1, 16, 255, 2, 255 },
    { "12a", -1, 10, 12, 2, 12 },
    { "778", -1, 8, 63, 2, 63 },
    { "18446744073709551615", -1, 10, G_MAXUINT64, 20, G_MAXUINT64 },
    { "18446744073709551616", -1, 10, G_MAXUINT64, -1, 0 },
    { "99999999999999999999999999", -1, 10, G_MAXUINT64, -1, 0 },
    { "4294967296", -1, 10, G_MAXUINT32, -1, 0 },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *at = cases[i].text, *end = cases[i].end >= 0 ? at + cases[i].end : NULL;
      guint64 number = 4711;
      gboolean ok = satchel_number_take (&at, end, cases[i].base, cases[i].max, &number);
      g_test_message ("\"%s\" in base %u", cases[i].text, cases[i].base);
      g_assert_cmpint (ok, ==, cases[i].taken >= 0);
      g_assert_cmpint (at - cases[i].text, ==, ok ? cases[i].taken : 0);
      g_assert_cmpuint (number, ==, ok ? cases[i].number : 4711);
    }
}

static void
put_number (void)
{
  static const struct
  {
    guint64 number;
    const char *text;
  } cases[] = { { 0, "0" },
                { 9, "9" },
                { 10, "10" },
                { 4294967296, "4294967296" },
                { 10000000000000000000u, "10000000000000000000" },
                { G_MAXUINT64, "18446744073709551615" } };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      char text[SATCHEL_NUMBER_DIGITS + 1];
      memset (text, '#', sizeof text);
      char *end = satchel_number_put (text, cases[i].number);
      g_assert_cmpint (*end, ==, '#'); /* nothing is written behind it */
      *end = '\0';
      g_assert_cmpstr (text, ==, cases[i].text);
    }
}

/* A line of texts and numbers is taken apart piece by piece. */
static void
take_text (void)
{
  const char *at = "size 12:4294967295";
  guint32 size = 7, rest = 7;
  g_assert_false (satchel_text_take (&at, "size  "));
  g_assert_true (satchel_text_take (&at, "size "));
  g_assert_false (satchel_number_take_u32 (&at, NULL, 11, &size));
  g_assert_cmpuint (size, ==, 7);
  g_assert_true (satchel_number_take_u32 (&at, NULL, 12, &size));
  g_assert_true (satchel_text_take (&at, ":"));
  g_assert_true (satchel_number_take_u32 (&at, NULL, G_MAXUINT32, &rest));
  g_assert_cmpuint (size, ==, 12);
  g_assert_cmpuint (rest, ==, G_MAXUINT32);
  g_assert_cmpstr (at, ==, "");
  g_assert_false (satchel_text_take (&at, ":"));
}

/* An error knows the setting that it is about, whatever colons are in its text, and its copies know it too.
 */
static void
settings_of_errors (void)
{
  g_autoptr (GError) error = NULL;
  g_assert_false (satchel_error_set (&error, SATCHEL_ERROR_INVALID, "path: %s", "text"));
  g_assert_null (satchel_error_setting (error));
  g_assert_null (satchel_error_setting (NULL));
  g_assert_false (satchel_error_blame_setting (&error, "key"));
  g_assert_cmpstr (satchel_error_setting (error), ==, "key");
  g_assert_cmpstr (error->message, ==, "key: path: text");
  g_autoptr (GError) copy = g_error_copy (error);
  g_clear_error (&error);
  g_assert_cmpstr (satchel_error_setting (copy), ==, "key");

  g_assert_false (satchel_error_set_setting (&error, "users", "\"%s\" is listed twice", "a"));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_INVALID);
  g_assert_cmpstr (satchel_error_setting (error), ==, "users");
  g_assert_cmpstr (error->message, ==, "users: \"a\" is listed twice");
  g_clear_error (&error);

  g_set_error_literal (&error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "no file");
  g_assert_null (satchel_error_setting (error));
  g_assert_false (satchel_error_blame_setting (&error, "key"));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_FAILED);
  g_assert_cmpstr (error->message, ==, "key: no file");
  g_assert_cmpstr (satchel_error_setting (error), ==, "key");

  g_assert_false (satchel_error_blame_setting (NULL, "key"));
  g_assert_false (satchel_error_set_setting (NULL, "key", "nobody asks"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/base/fd/guard", guard);
  g_test_add_func ("/base/fd/guard-of-pairs", guard_of_pairs);
  g_test_add_func ("/base/fd/read-all", read_all);
  g_test_add_func ("/base/fd/read-bytes", read_bytes);
  g_test_add_func ("/base/fd/write-all", write_all);
  g_test_add_func ("/base/file/replace", replace);
  g_test_add_func ("/base/list", list);
  g_test_add_func ("/base/error/setting", settings_of_errors);
  g_test_add_func ("/base/number/take", take_number);
  g_test_add_func ("/base/number/put", put_number);
  g_test_add_func ("/base/number/text", take_text);
  return g_test_run ();
}
