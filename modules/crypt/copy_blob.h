/* SPDX-License-Identifier: MIT
 * The copy of the ring beside the mail, in role mail.
 */
#pragma once
#include "store.h"

/* Keeps the copy that came with the access, if it is another one than the last.  Where that fails, it is
 * logged, and the next login with news tries again. */
void crypt_copy_keep (SatchelStorage *storage, const SatchelAccess *access);
/* Returns it; yours.  NONEXISTENT: there is none. */
GBytes *crypt_copy_read (SatchelStorage *storage, const SatchelAccess *access, GError **error);
