/* SPDX-License-Identifier: MIT
 * Declares bytes of messages whose size is not known.
 */
#pragma once
#include <glib.h>

typedef struct MdMailbox MdMailbox;
typedef struct MdUnsized MdUnsized;

void md_unsized_free (MdUnsized *unsized);
/* Returns the bytes of all messages of @mb whose size is not known. */
guint64 md_unsized_bytes (MdMailbox *mb);
/* Returns the size in the name of the message, or that of the file; 0 means that the file is gone. */
guint64 md_file_bytes (MdMailbox *mb, guint32 uid);
