/* SPDX-License-Identifier: MIT
 * Reads `new/` and `cur/` of a mailbox.
 */
#pragma once
#include "files/file_io.h"

typedef struct MdFound
{
  guint32 name; /* offset in `names` */
  guint8 len, is_new;
} MdFound;

typedef struct MdScan
{
  GArray *found; /* MdFound */
  GByteArray *names;
  MdStamp new_stamp, cur_stamp;
  gint64 started_us;
  gboolean is_clean; /* nothing changed during the scan, nor could it have without being noticed */
  int fd;            /* used while reading */
  guint8 is_new;     /* used while reading */
} MdScan;

gboolean md_scan (int new_fd, int cur_fd, MdScan *ret, GError **error);
void md_scan_clear (MdScan *scan);
