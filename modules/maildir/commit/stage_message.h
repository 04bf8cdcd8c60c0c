/* SPDX-License-Identifier: MIT
 * Declares a message that was received and is in no mailbox yet.
 */
#pragma once
#include <satchel/storage.h>

/* SatchelStaged.driver points to this. */
typedef struct MdStaged MdStaged;
struct MdStaged
{
  char name[128]; /* name in the user's tmp/; "" if a mailbox has the file, or if it is in a spool */
  char *spool;    /* path below the root, or NULL */
  guint64 disk_size, length;
  gboolean is_raw;
};
