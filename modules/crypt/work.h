/* SPDX-License-Identifier: MIT
 * Mail of before gets the form that mail is to have: what lies in clear is sealed, what is sealed is opened.
 * Contents are exchanged in their places (storage.h, exchange), so that nothing else changes, and whoever
 * ends in between goes on later.  How far it is lies in a blob beside the mail.
 */
#pragma once
#include "store.h"

typedef enum
{
  CRYPT_WORK_FAILED = 0,
  CRYPT_WORK_DONE,
  CRYPT_WORK_STOPPED, /* the caller stopped it */
  CRYPT_WORK_LOCKED,  /* what is left needs the key, which nobody has here */
  CRYPT_WORK_LEFT     /* messages are left that are damaged, and stay as they are; the log names them */
} CryptWorkResult;

typedef struct CryptWorkCounts
{
  guint64 n_messages; /* messages of the user, those that layers keep included */
  guint64 n_done;     /* those of them that have been looked at, and have the form they are to have */
  guint64 n_changed, n_bytes, n_damaged, n_locked;
} CryptWorkCounts;

typedef struct CryptWork
{
  SatchelStorage *storage; /* the layer's level */
  const SatchelAccess *access;
  CryptKeys *keys;     /* that open mail, borrowed; NULL: those of whoever has the store open */
  guint64 bytes_per_s; /* 0: as fast as it can */
  gboolean (*goes_on) (const CryptWorkCounts *counts, gpointer data); /* FALSE: stop now */
  gpointer data;
  CryptWorkCounts counts;
  CryptState state; /* the form that mail is to have */
  /* of work.c: */
  GHashTable *next;
  gboolean is_finished; /* all mail has had the form; what came since has it from the start */
} CryptWork;

/* Works until all mail has its form, or something ends it.  One at a time for a store: others wait.
 * [blocks] */
CryptWorkResult crypt_work_run (CryptWork *work, GError **error);
/* Counts what is done without doing anything.  [blocks] */
gboolean crypt_work_look (CryptWork *work, GError **error);
/* The layer's upkeep, and the rate at which it works. */
SatchelMaintained crypt_work_maintain (SatchelStorage *storage, const SatchelAccess *access,
                                       const SatchelMaintenance *maintenance, GError **error);
void crypt_work_set_rate (guint64 bytes_per_s);
