/* SPDX-License-Identifier: MIT
 * Keeps an administrator's request: the user that it names, and the answer.
 */
#include "config.h"

#include "core/base/exit.h"
#include "core/daemon/auth/admin/auth_admin.h"

#include <string.h>

#define ASK_MS 8000 /* master waits a little longer */

void
satchel_auth_admin_reply (SatchelAuth *auth, guint64 request, guint status, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  satchel_role_admin_reply (auth->context, request, TRUE, status, text);
}

char *
satchel_auth_admin_user (SatchelAuth *auth, guint64 request, const char *name)
{
  g_autoptr (GError) error = NULL;
  char *user = name == NULL ? NULL
                            : satchel_user_normalise (name, strlen (name), auth->settings.default_domain,
                                                      auth->settings.lowers_users, &error);
  if (user == NULL)
    satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_USAGE, "%s\n",
                              error != NULL ? error->message : "a user name is missing");
  return user;
}

/* An administrator's request asks whether there is such a user. */
typedef struct Inquiry
{
  SatchelAuth *auth;
  guint64 request;
  char *user;
  char **arguments;
  gboolean must_be_known; /* TRUE: a name that is no user's is answered here, and `func` is not called */
  guint index;            /* index of the passdb that is being asked */
  gint64 deadline_ms;
  SatchelAdminKnownFunc func;
} Inquiry;

static void
inquiry_end (Inquiry *inquiry, gboolean is_known)
{
  SatchelAuth *auth = inquiry->auth;
  if (auth->is_stopping)
    satchel_auth_admin_reply (auth, inquiry->request, SATCHEL_EXIT_TEMPORARY, "the server is stopping\n");
  else if (inquiry->must_be_known && !is_known)
    satchel_auth_admin_reply (auth, inquiry->request, SATCHEL_EXIT_NO_USER,
                              "%s: no such user; `satchel user list` shows all\n", inquiry->user);
  else
    inquiry->func (auth, inquiry->request, inquiry->user, is_known, (const char *const *) inquiry->arguments);
  g_strfreev (inquiry->arguments);
  g_free (inquiry->user);
  g_free (inquiry);
}

static void ask_passdb (Inquiry *inquiry);

/* If a database cannot be asked now, the user is not unknown. */
static void
take_answer (SatchelCallAnswer *answer, gpointer data)
{
  Inquiry *inquiry = data;
  inquiry->index++;
  if (answer->error != NULL || answer->is_found)
    inquiry_end (inquiry, TRUE);
  else
    ask_passdb (inquiry);
}

static void
ask_passdb (Inquiry *inquiry)
{
  GPtrArray *passdbs = inquiry->auth->passdbs;
  if (inquiry->index >= passdbs->len)
    {
      inquiry_end (inquiry, FALSE);
      return;
    }
  const SatchelPassdbOps *ops = passdbs->pdata[inquiry->index];
  const SatchelQuestion question = { .kind = SATCHEL_CALL_LOOK_UP,
                                     .source = ops,
                                     .ask = ops->look_up,
                                     .cancelled = SATCHEL_HAS (ops, cancelled) ? ops->cancelled : NULL,
                                     .user = inquiry->user,
                                     .deadline_ms = inquiry->deadline_ms };
  satchel_call_ask (&question, take_answer, inquiry);
}

static void
looked_up (SatchelDeliveryStatus status, GPtrArray *users, const char *why, gpointer data)
{
  Inquiry *inquiry = data;
  if (status == SATCHEL_DELIVERY_TEMPORARY
      || g_ptr_array_find_with_equal_func (users, inquiry->user, g_str_equal, NULL))
    inquiry_end (inquiry, TRUE);
  else
    ask_passdb (inquiry);
}

static void
inquire (SatchelAuth *auth, guint64 request, const char *user, const char *const *arguments,
         gboolean must_be_known, SatchelAdminKnownFunc func)
{
  Inquiry *inquiry = g_new0 (Inquiry, 1);
  *inquiry = (Inquiry) { .auth = auth,
                         .request = request,
                         .user = g_strdup (user),
                         .arguments = g_strdupv ((char **) arguments),
                         .must_be_known = must_be_known,
                         .deadline_ms = MIN (satchel_auth_deadline_ms (auth), satchel_now_ms () + ASK_MS),
                         .func = func };
  satchel_auth_look_up (auth, user, NULL, inquiry->deadline_ms, looked_up, inquiry);
}

void
satchel_auth_admin_inquire (SatchelAuth *auth, guint64 request, const char *user,
                            const char *const *arguments, SatchelAdminKnownFunc func)
{
  inquire (auth, request, user, arguments, FALSE, func);
}

void
satchel_auth_admin_with_user (SatchelAuth *auth, guint64 request, const char *user,
                              const char *const *arguments, SatchelAdminKnownFunc func)
{
  inquire (auth, request, user, arguments, TRUE, func);
}
