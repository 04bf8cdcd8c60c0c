/* SPDX-License-Identifier: MIT
 * Any bytes as another server's list of UIDs: what is read is in bounds, in order and found again by its
 * name, and lists written of it read the same.
 */
#include "modules/maildir/names/file_name.h"
#include "modules/maildir/files/maildir_sys.h"
#include "modules/maildir/foreign/uidlist.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/driver.h"

#define UIDVALIDITY 1700000000u

const gboolean fuzz_wants_mail = FALSE;
const char *const fuzz_seeds[] = { "3 V1700000000 N5 Gb0a9e20bde2c6665a1b10000f5e5a6b1\n1 "
                                   ":1600000000.M1P1.a\n2 W123 S120 :1600000001.M1P1.a,S=1:2,S\n4 PABC1 :x\n",
                                   "3 V1700000000 N9\n3 C00000000 T1600000000 :wrong\n7 :a:2,\n5 :b\n5 :c\n",
                                   "1 1700000000 4\n1 1600000000.M1P1.a\n3 1600000001.M1P1.a:2,RS\n",
                                   "3 V1 N2\r\n1 :of another number\r\n",
                                   "3 V1700000000 N3\n1 :a\n2 :torn",
                                   NULL };
const char *const fuzz_tokens[] = { "\n",
                                    "\r\n",
                                    " ",
                                    ":",
                                    ":2,S",
                                    "/",
                                    ".",
                                    "3 V1700000000 N5\n",
                                    "1 1700000000 4\n",
                                    "4294967295",
                                    "4294967296",
                                    "0",
                                    " C",
                                    " C00000000",
                                    " T-1",
                                    " T9223372036854775807",
                                    " P",
                                    " W1",
                                    "1 :a\n",
                                    "\xff",
                                    NULL };

static const guint8 *input;
static gsize input_len;

static int
memory_openat (int dirfd, const char *path, int flags, mode_t mode)
{
  return 3;
}

static int
memory_fstat (int fd, struct stat *st)
{
  *st = (struct stat) { .st_mode = S_IFREG | 0600, .st_size = (off_t) input_len };
  return 0;
}

static ssize_t
memory_pread (int fd, void *buffer, size_t len, off_t offset)
{
  const gsize n = MIN (len, input_len - (gsize) offset);
  memcpy (buffer, input + offset, n);
  return (ssize_t) n;
}

static int
memory_close (int fd)
{
  return 0;
}

static MdUidlist *
read_list (const void *data, gsize len, guint32 uidvalidity)
{
  md_calls = (MdSys) {
    .openat = memory_openat, .fstat = memory_fstat, .pread = memory_pread, .close = memory_close
  };
  input = data;
  input_len = len;
  return md_uidlist_load (AT_FDCWD, "list", uidvalidity, NULL);
}

static void
check_line (const MdUidlist *list, const MdUidlistLine *line)
{
  const char *start = (const char *) list->data->data, *end = start + list->data->len;
  g_assert_true (line->uid > 0 && line->uid <= MD_UID_MAX);
  g_assert_true (line->base >= start && line->base_len > 0 && line->base_len <= MD_NAME_MAX
                 && (gsize) (end - line->base) >= line->base_len);
  g_assert_null (memchr (line->base, '/', line->base_len));
  g_assert_null (memchr (line->base, '\n', line->base_len));
  g_assert_true (line->fields == NULL
                 || (line->fields >= start && line->fields + line->fields_len <= line->base));
  for (char key = 'A'; key <= 'Z'; key++)
    {
      gsize len = 0;
      const char *value = md_uidlist_field (line, key, &len);
      g_assert_true (value == NULL || (value[-1] == key && value + len <= line->fields + line->fields_len));
    }
}

/* Of the lines that are found by their names; the later of two of one name. */
static guint
write_found (const MdUidlist *list, GString *out)
{
  guint n = 0;
  for (guint i = 0; i < list->lines->len; i++)
    {
      const MdUidlistLine *line = &g_array_index (list->lines, MdUidlistLine, i);
      check_line (list, line);
      g_assert_true (i == 0 || line[-1].uid <= line->uid);
      const MdUidlistLine *found = md_uidlist_find (list, line->base, line->base_len);
      g_assert_nonnull (found);
      g_assert_cmpmem (found->base, found->base_len, line->base, line->base_len);
      g_assert_cmpuint (found->uid, >=, line->uid);
      /* A file with CR at its end is renamed before it is listed. */
      if (found != line || memchr (line->base, '\r', line->base_len) != NULL)
        continue;
      n++;
      md_uidlist_line (
          out, UIDVALIDITY,
          &(MdListed) { line->uid, line->base_len, line->base, line->date, line->fields, line->fields_len },
          NULL);
    }
  return n;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (MdUidlist) any = read_list (data, size, 0);
  g_autoptr (MdUidlist) list = read_list (data, size, UIDVALIDITY);
  g_autoptr (GString) ours = g_string_new ("3 V1700000000 N9\n"), again = g_string_new ("3 V1700000000 N9\n"),
                      unused = g_string_new (NULL);
  write_found (any, unused);
  guint n = write_found (list, ours);
  g_autoptr (MdUidlist) back = read_list (ours->str, ours->len, UIDVALIDITY);
  if (back->is_damaged)
    g_error ("written: %s", ours->str);
  g_assert_cmpuint (back->lines->len, ==, n);
  for (guint i = 0; i < n; i++)
    g_assert_true (g_array_index (back->lines, MdUidlistLine, i).is_checked);
  write_found (back, again);
  g_assert_cmpstr (again->str, ==, ours->str);
  return 0;
}
