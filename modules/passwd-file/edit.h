/* SPDX-License-Identifier: MIT
 * Changes to the file: under a lock, by rename, durable on return. Any thread may call these; they block.
 */
#pragma once
#include "record.h"

typedef enum
{
  PASSWD_EDIT_ADD = 1,
  PASSWD_EDIT_SET_PASSWORD,
  PASSWD_EDIT_UPGRADE, /* only if the verifier is still `expected` */
  PASSWD_EDIT_LOCK,
  PASSWD_EDIT_UNLOCK,
  PASSWD_EDIT_REMOVE
} PasswdEditKind;

typedef struct PasswdEdit
{
  PasswdEditKind kind;
  const char *user;
  const char *verifier; /* ADD (may be NULL), SET_PASSWORD, UPGRADE */
  const char *expected; /* UPGRADE */
  const char *scram;    /* beside the verifier; NULL: none */
} PasswdEdit;
/* Errors: ALREADYEXISTS, NONEXISTENT, CORRUPT, INUSE (someone else holds the lock), IO. */
gboolean passwd_edit_apply (const char *path, const PasswdEdit *edit, GError **error);
