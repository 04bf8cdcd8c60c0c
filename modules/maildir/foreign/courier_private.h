/* SPDX-License-Identifier: MIT
 * Declares what the files about Courier share: courier_lines.c, courier_keywords.c and courier.c, each of
 * which calls only those before it.
 */
#pragma once
#include "mailbox/mailbox.h"

/* This file exists while Courier's files say all that ours do. */
#define MD_COURIER_MARK "satchel-courier"
#define MD_COURIER_FILE_MAX (256u << 20)

/* Reads a file of lines; *ret_lines, yours, is NULL if there is none, or a damaged one. FALSE: it cannot be
 * read just now. */
gboolean md_courier_read_lines (int fd, const char *file, gsize max, char ***ret_lines, GError **error);
/* Returns the name of a message without what follows its base, yours; @len -1: NUL-ended. */
char *md_courier_base_name (const char *name, gssize len);
/* Writes the whole list. It has all changes since the last one, so the files of changes are removed. */
gboolean md_courier_write_keywords (MdMailbox *mb, GError **error);
