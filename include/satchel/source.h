/* SPDX-License-Identifier: MIT
 * Sources in helpers: users that a program elsewhere keeps, such as a database or a directory.  The module is
 * a passdb, or a userdb, or both, in role auth, and asks its own helper, which answers by the calls of a
 * SatchelSourceOps.  Whoever needs more than this asks by satchel_source_ask or by
 * satchel_auth_call_ask_helper.  docs/modules/passdb.md; decision 0074.
 */
#pragma once
#include <satchel/auth.h>
#include <satchel/helper.h>

G_BEGIN_DECLS

/* An answer has at most this many texts. */
#define SATCHEL_SOURCE_TEXTS_MAX 4096u

typedef enum
{
  SATCHEL_SOURCE_USER = 0,
  SATCHEL_SOURCE_ADDRESS,
  SATCHEL_SOURCE_VERIFY
} SatchelSourceQuestion;

/* ---- in the helper ---- */

/* What is to be verified: texts are borrowed for the time of the call, never NULL, and come from a process
 * that may have been taken over. */
typedef struct SatchelSourceLogin
{
  SATCHEL_MADE_BY_CORE
  size_t size;
  const char *user, *secret;
  const char *service, *listener, *peer; /* the members of SatchelLogin; "" outside of logins */
} SatchelSourceLogin;

/* Each works on one question in a thread of the helper, and may block.  Whatever else it does, *error set
 * means that the source cannot tell now; @error is never NULL.  @ret_texts frees its texts with g_free. */
typedef struct SatchelSourceOps
{
  size_t size;
  /* @name is local@domain.  Texts: those that the auth half expects, for satchel_source_look_up a
   * verifier ("": the user has none, and no login is remembered) and each attribute as NAME=VALUE.  None: the
   * user is unknown here.  May. */
  void (*user) (SatchelHelperCall *call, const char *name, GPtrArray *ret_texts, GError **error);
  /* May. Adds the users or addresses that get the mail of @address to @ret_texts; none means that it is
   * unknown here. */
  void (*address) (SatchelHelperCall *call, const char *address, GPtrArray *ret_texts, GError **error);
  /* May. Answers RIGHT or WRONG. It must cost about the same for a user who is unknown. */
  SatchelVerify (*verify) (SatchelHelperCall *call, const SatchelSourceLogin *login, GError **error);
} SatchelSourceOps;

/* Works on @call and answers it, for `handle` of the helper's table; a question without a call in @ops fails.
 * [blocks] */
SATCHEL_API void satchel_source_handle (SatchelHelperCall *call, const SatchelSourceOps *ops);
/* Says whether @value, as the source spells it, is the name that was asked for. A bare one belongs to
 * whichever domain that was. What compares loosely (blanks, upper case) would open one account by two names.
 * [any thread] */
SATCHEL_API gboolean satchel_source_is_name (const char *value, const char *name);

/* ---- in auth; main thread ---- */

/* Have @module's helper answer @call: bodies for entry points of a passdb and a userdb. */
SATCHEL_API void satchel_source_look_up (SatchelAuthCall *call, const char *module);
SATCHEL_API void satchel_source_verify (SatchelAuthCall *call, const char *module);
SATCHEL_API void satchel_source_resolve (SatchelAuthCall *call, const char *module);
SATCHEL_API void satchel_source_attributes (SatchelAuthCall *call, const char *module);
/* Asks @question and gives the reply to @func, which answers @call. */
SATCHEL_API void satchel_source_ask (SatchelAuthCall *call, const char *module,
                                     SatchelSourceQuestion question, SatchelAuthReplyFunc func);
/* Returns the texts of a reply, NULL-ended and borrowed from it; free the array alone, with g_free. NULL
 * means that the reply is none, and that @call has been failed. */
SATCHEL_API const char **satchel_source_texts (SatchelAuthCall *call, GBytes *reply);
/* Fails @call, because what its helper says makes no sense. */
SATCHEL_API void satchel_source_refuse (SatchelAuthCall *call, const char *why);

G_END_DECLS
