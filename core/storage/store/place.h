/* SPDX-License-Identifier: MIT
 * Declares places: where a user's mail is, as auth tells mail processes, and these each other: stack,
 * volume, and the epoch of the last change of owner. Immutable, ref-counted; any thread.
 */
#pragma once
#include "core/runtime/ipc/ipc.h"

#define SATCHEL_DEFAULT_PROFILE "default"
#define SATCHEL_PLACE_NAME_MAX 64u /* bytes of a profile or volume */

/* A user who is to move to another stack may have mail already. */
typedef enum
{
  SATCHEL_LOOK_FREE = 0, /* there is no mail, or no one asked */
  SATCHEL_LOOK_HAS_MAIL,
  SATCHEL_LOOK_FAILED /* the answer is unknown, or there is no such stack or volume */
} SatchelLook;

typedef struct SatchelPlace
{
  const char *path;    /* path of the user's mail below the mail root */
  const char *profile; /* name in storage.profiles; NULL stands for SATCHEL_DEFAULT_PROFILE */
  const char *volume;  /* a name that the driver gives; "" or NULL: the driver has only one volume */
  /* Grows with each change of owner; a mail process with an earlier one does not own the user any more. */
  guint64 epoch;
  /* A rule chose the place: if the default stack has mail of the user, the user stays there. */
  gboolean is_new;
  gboolean may_stay; /* with is_new: users of the default stack are in this process as well */
  /* What the userdbs say of the user, NAME=VALUE, each ended by SATCHEL_PLACE_ATTRIBUTE_END. NULL means that
   * nobody asked them, and an open store keeps what it has. */
  const char *attributes;
} SatchelPlace;
#define SATCHEL_PLACE_ATTRIBUTE_END '\x1f'

/* Makes a copy. */
SatchelPlace *satchel_place_new (const SatchelPlace *from);
SatchelPlace *satchel_place_ref (const SatchelPlace *place);
void satchel_place_unref (SatchelPlace *place);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelPlace, satchel_place_unref)
/* Adds a place to a message: s path, s profile, s volume, u64 epoch, s attributes, u32 flags.  NULL adds the
 * place of no user. */
void satchel_place_put (SatchelIpcMessage *message, const SatchelPlace *place);
SatchelPlace *satchel_place_get (SatchelIpcMessage *message);
/* Returns the place as one line of text, yours; NULL means that @text is no place. */
char *satchel_place_to_text (const SatchelPlace *place);
SatchelPlace *satchel_place_from_text (const char *text);
/* A place has at most so many bytes on the wire. */
gsize satchel_place_bytes (const SatchelPlace *place);
