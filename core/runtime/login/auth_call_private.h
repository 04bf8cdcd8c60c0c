/* SPDX-License-Identifier: MIT
 * Declares calls to passdbs, userdbs, factors and keyrings (<satchel/auth.h>), as the core makes them. Main
 * thread only.
 */
#pragma once
#include <satchel/job.h>
#include <satchel/keyring.h>

/* Makes a secret that several may hold, and that is overwritten when the last one lets it go.  @text is
 * copied. */
char *satchel_shared_secret_new (const char *text, gsize len);
char *satchel_shared_secret_ref (char *secret);  /* NULL is fine */
void satchel_shared_secret_unref (char *secret); /* NULL is fine */

/* Makes a copy, which counts its references; NULL strings become "", but for the user. */
SatchelLogin *satchel_login_new (const SatchelLogin *from);
SatchelLogin *satchel_login_ref (SatchelLogin *login);
void satchel_login_unref (SatchelLogin *login); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelLogin, satchel_login_unref)

/* Says whether @id may be the id of a credential. */
gboolean satchel_credential_id_check (const char *id);

typedef enum
{
  SATCHEL_CALL_LOOK_UP = 0,
  SATCHEL_CALL_VERIFY,
  SATCHEL_CALL_UPGRADE,
  SATCHEL_CALL_EXAMINE,
  SATCHEL_CALL_CONFIRM,
  SATCHEL_CALL_UNLOCK,
  SATCHEL_CALL_RESOLVE,   /* asks a userdb by `look_up` */
  SATCHEL_CALL_ATTRIBUTES /* asks a userdb for attributes */
} SatchelCallKind;

/* The call copies what this has, or takes references. */
typedef struct SatchelQuestion
{
  SatchelCallKind kind;
  const void *source; /* the table whose function is asked; calls are counted by it */
  void (*ask) (SatchelAuthCall *call);
  void (*cancelled) (SatchelAuthCall *call); /* or NULL */
  SatchelLogin *login;
  const char *user;
  char *secret;                        /* satchel_shared_secret_new, or NULL */
  const SatchelCredential *credential; /* or NULL */
  gsize password_len;
  const SatchelKeyMaterial *material; /* or NULL */
  gint64 deadline_ms;
} SatchelQuestion;

typedef struct SatchelCallAnswer
{
  GError *error; /* the source could not answer; nothing else is set then */
  gboolean is_found;
  SatchelCredential credential;  /* answer to LOOK_UP; may be taken */
  SatchelVerify verdict;         /* answer to VERIFY */
  GBytes *key;                   /* answer to VERIFY and UNLOCK; may be taken */
  gboolean is_withheld;          /* answer to UNLOCK: the login is refused, and `notice` says why */
  char *notice;                  /* for the user, or NULL; may be taken */
  gboolean has_changed;          /* keyrings say other attributes of the user than before */
  GBytes *copy;                  /* to be kept beside the user's mail, or NULL; may be taken */
  SatchelFactorAnswer judgement; /* answer to EXAMINE and CONFIRM */
  char *credential_id, *scopes;  /* what `judgement` points to */
  char *key_secret;              /* also of `judgement`; satchel_shared_secret_new, or NULL; may be taken */
  char **texts; /* of RESOLVE and ATTRIBUTES; NULL: the source does not know the name; may be taken */
} SatchelCallAnswer;
/* It is called once, possibly before satchel_call_ask returns. */
typedef void (*SatchelCallDoneFunc) (SatchelCallAnswer *answer, gpointer data);
void satchel_call_ask (const SatchelQuestion *question, SatchelCallDoneFunc done, gpointer data);
/* Ends all calls that have no answer: their `done` is called with an error.  Answers that come later are
 * dropped. */
void satchel_calls_end (void);
guint satchel_calls_n_pending (void);

/* This runs the work of satchel_auth_call_work; NULL: it is run at once, in the thread that asks.  @done is
 * called once in the main thread; with @ran FALSE, @func was not called. */
typedef void (*SatchelCallWorker) (const char *place, guint64 cost_bytes, gint64 deadline_ms,
                                   SatchelJobFunc func, void (*done) (gpointer data, gboolean ran),
                                   gpointer data);
void satchel_calls_set_worker (SatchelCallWorker worker);

/* Sets the keyrings of this process, const SatchelKeyringOps *, in their order, which are not taken over;
 * NULL means none. */
void satchel_keyrings_set (GPtrArray *keyrings);
/* Sets the secret from which satchel_auth_derive derives values. */
void satchel_auth_set_secret (const guint8 bytes[SATCHEL_DERIVED_BYTES]);
/* Sets what satchel_auth_end_credential does. */
void satchel_auth_set_end_credential (void (*func) (const char *user, const char *credential));
