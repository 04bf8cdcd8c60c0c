/* SPDX-License-Identifier: MIT
 * Declares the state of a call to a module, which auth_call.c (the core's side) and auth_answer.c (the
 * module's side) share.
 */
#pragma once
#include "core/runtime/login/auth_call_private.h"

#include <satchel/helper.h>
#include <satchel/reactor.h>

struct SatchelAuthCall
{
  SatchelCallKind kind;
  const void *source;
  void (*cancelled) (SatchelAuthCall *call);
  SatchelLogin *login;
  char *user, *secret;
  gboolean has_credential;
  SatchelCredential credential;
  gsize password_len;
  SatchelKeyMaterial material; /* slot, variant and data are owned */
  gint64 deadline_ms;
  gpointer data;

  SatchelCallDoneFunc done; /* NULL: the core has been told how the call ended */
  gpointer done_data;
  SatchelTimer timer;
  GThread *thread; /* the main thread */
  SatchelAuthWorkFunc work;
  SatchelHelperPending *helper; /* a helper has been asked, and has not replied */
  SatchelAuthReplyFunc replied;
  SatchelAuthCall *previous, *next;

  GMutex lock; /* guards the members below */
  gboolean is_working, is_answered;
  SatchelCallAnswer answer;
};

/* Returns what runs work that costs memory or time; NULL: the caller runs it. */
SatchelCallWorker satchel_calls_worker (void);
/* Begins an answer. TRUE means that the caller fills `answer`; satchel_call_end_answer follows in any case.
 */
gboolean satchel_call_begin_answer (SatchelAuthCall *call, SatchelCallKind kind, SatchelCallKind other);
void satchel_call_end_answer (SatchelAuthCall *call);
/* Takes the module's answer, in the main thread, when no other thread uses the call @data any more, which is
 * freed. */
void satchel_call_take_answer (gpointer data);
void satchel_credential_copy (const SatchelCredential *from, SatchelCredential *to);
