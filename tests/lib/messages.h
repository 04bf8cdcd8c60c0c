/* SPDX-License-Identifier: MIT
 * Declares what a client does with messages, through the storage API, each as one transaction.
 */
#pragma once
#include "core/storage/store/store_private.h"

/* UID of the new message; 0 with @error. */
guint32 append_text (SatchelMailbox *mailbox, const char *text, guint32 flags, const char *const *keywords,
                     GError **error);
/* @key NULL means: without metadata. */
guint32 append_with_metadata (SatchelMailbox *mailbox, const char *text, guint32 flags,
                              const char *const *keywords, const char *key, const char *value,
                              GError **error);
char *message_text (SatchelMailbox *mailbox, guint32 uid); /* NULL: not to be read */
gboolean change_flags (SatchelMailbox *mailbox, guint32 first, guint32 last, SatchelFlagsMode mode,
                       guint32 flags, const char *const *keywords, GError **error);
gboolean expunge (SatchelMailbox *mailbox, guint32 first, guint32 last, GError **error);
gboolean transfer (SatchelMailbox *from, guint32 first, guint32 last, SatchelMailbox *to, gboolean move,
                   GError **error);
/* "uid:flags uid:flags", flags in hexadecimal. */
char *describe (SatchelMailbox *mailbox);
