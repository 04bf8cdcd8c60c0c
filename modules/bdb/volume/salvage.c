/* SPDX-License-Identifier: MIT
 * This file saves what a damaged volume still has: the library reads the tables page by page and writes what
 * it finds as text, a key and a value in turn, which go into a new volume.
 */
#include "config.h"

#include "body/body_files.h"
#include "volume/copy.h"
#include "volume/environment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SALVAGE_DIR "salvage"
#define SALVAGE_CACHE (16u << 20)
#define SALVAGE_LOG (16u << 20)

static void
hear_nothing (gpointer data, const char *message)
{
}

/* " 0a1b" becomes its bytes. */
static gboolean
read_hex (const char *line, GByteArray *out)
{
  g_byte_array_set_size (out, 0);
  if (*line++ != ' ')
    return FALSE;
  for (; g_ascii_isxdigit (line[0]) && g_ascii_isxdigit (line[1]); line += 2)
    {
      guint8 byte = (guint8) (g_ascii_xdigit_value (line[0]) << 4 | g_ascii_xdigit_value (line[1]));
      g_byte_array_append (out, &byte, 1);
    }
  return *line == '\n' || *line == '\0';
}

/* Puts each pair that is whole; what cannot be put is left out. */
static guint64
load_text (FILE *text, DB *db)
{
  char *line = NULL;
  size_t room = 0;
  guint64 n_records = 0;
  gboolean has_key = FALSE;
  g_autoptr (GByteArray) key = g_byte_array_new (), value = g_byte_array_new ();
  while (getline (&line, &room, text) > 0)
    {
      if (!read_hex (line, has_key ? value : key))
        {
          has_key = FALSE; /* a head or an end */
          continue;
        }
      if (has_key)
        {
          DBT where = { .data = key->data, .size = key->len },
              what = { .data = value->data, .size = value->len };
          n_records += db->put (db, NULL, &where, &what, 0) == 0;
        }
      has_key = !has_key;
    }
  free (line);
  return n_records;
}

static void
hear_error (const DB_ENV *env, const char *prefix, const char *message)
{
}

/* Writes what is found in a table.  The environment of its own goes on after pages with wrong checksums. */
static int
find_records (const char *damaged, FILE *text)
{
  DB_ENV *env;
  DB *db;
  int code = db_env_create (&env, 0);
  if (code != 0)
    return code;
  env->set_errcall (env, hear_error);
  code = env->set_flags (env, DB_NOPANIC, 1);
  if (code == 0)
    code = env->open (env, NULL, DB_CREATE | DB_PRIVATE | DB_INIT_MPOOL, 0600);
  if (code == 0)
    code = db_create (&db, env, 0);
  if (code == 0)
    code = db->verify (db, damaged, NULL, text, DB_SALVAGE); /* it ends the handle */
  env->close (env, 0);
  return code;
}

static int
write_text (const char *damaged, FILE *text)
{
  BdbMemory *memory = bdb_memory_new ();
  bdb_memory_enter (memory);
  int code = find_records (damaged, text);
  bdb_memory_leave ();
  bdb_memory_free (memory);
  /* That pages are damaged is why we are here. */
  return code == DB_VERIFY_BAD || code == DB_RUNRECOVERY ? 0 : code;
}

static gboolean
salvage_table (const char *home, const char *target, const char *file, BdbEnvironment *fresh, BdbTable table,
               guint64 *n_records, GError **error)
{
  g_autofree char *damaged = g_build_filename (home, file, NULL);
  g_autofree char *dump = g_strdup_printf ("%s/%s.text", target, file);
  FILE *text = fopen (dump, "w+e");
  if (text == NULL)
    return satchel_error_set_errno (error, errno, "%s cannot be made", dump);
  int code = write_text (damaged, text);
  rewind (text);
  bdb_memory_enter (fresh->memory);
  *n_records += load_text (text, fresh->tables[table]);
  bdb_memory_leave ();
  fclose (text);
  unlink (dump);
  return code == 0 || bdb_error_set (error, code, damaged);
}

gboolean
bdb_copy_salvage (const char *home, guint64 *ret_n_records, GError **error)
{
  static const char *const files[] = BDB_TABLE_FILES;
  const BdbSettings settings = { .cache = SALVAGE_CACHE, .log_file = SALVAGE_LOG };
  BdbEnvironment fresh;
  g_autofree char *target = g_build_filename (home, SALVAGE_DIR, NULL);
  *ret_n_records = 0;
  if (mkdir (target, 0700) != 0)
    return satchel_error_set_errno (error, errno, "the directory %s cannot be made; move away an older one",
                                    target);
  if (!bdb_environment_open (&fresh, target, &settings, hear_nothing, NULL, error))
    return FALSE;
  gboolean ok = TRUE;
  for (guint i = 0; ok && i < BDB_N_TABLES; i++)
    ok = salvage_table (home, target, files[i], &fresh, i, ret_n_records, error);
  bdb_environment_close (&fresh, FALSE);
  return ok && bdb_body_files_link (home, target, error);
}
