/* SPDX-License-Identifier: MIT
 * This file checks all bodies in body files.  While it does, the caller holds the lock of backups, so that no
 * room is given back.
 */
#include "config.h"

#include "body/body_notes.h"

typedef struct Verify
{
  BdbBodyFiles *files;
  guint8 *buffer;
  GError *error;
} Verify;

static gboolean
check_piece (Verify *verify, const BdbBodyPiece *piece, guint32 user, guint64 content)
{
  if (!bdb_body_files_read (verify->files, piece->place, verify->buffer, piece->length, &verify->error))
    return FALSE;
  return bdb_body_piece_is_right (piece, verify->buffer)
         || satchel_error_set (&verify->error, SATCHEL_ERROR_CORRUPT,
                               "content %" G_GUINT64_FORMAT
                               " of user number %u is damaged: bodies/%010u at %" G_GUINT64_FORMAT
                               "; go back to a backup",
                               content, user, piece->place.file, piece->place.offset);
}

static gboolean
check_body (guint32 user, guint64 content, const guint8 *record, guint len, gpointer data)
{
  Verify *verify = data;
  guint64 length;
  if (!bdb_body_record_length (record, len, &length))
    return satchel_error_set (&verify->error, SATCHEL_ERROR_CORRUPT,
                              "the record of content %" G_GUINT64_FORMAT " of user number %u cannot be read",
                              content, user);
  for (guint64 i = 0; i * BDB_BODY_PIECE_BYTES < length; i++)
    {
      BdbBodyPiece piece = bdb_body_record_piece (record, len, i);
      if (!check_piece (verify, &piece, user, content))
        return FALSE;
    }
  return TRUE;
}

gboolean
bdb_body_verify (BdbVolume *volume, GError **error)
{
  g_autofree guint8 *buffer = g_malloc (BDB_BODY_PIECE_BYTES);
  Verify verify = { .files = bdb_volume_bodies (volume), .buffer = buffer };
  gboolean ok = bdb_body_scan (volume, check_body, &verify, error);
  if (verify.error != NULL)
    g_propagate_error (error, verify.error);
  return ok && verify.error == NULL;
}
