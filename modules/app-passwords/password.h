/* SPDX-License-Identifier: MIT
 * Declares one app password: what it opens, and its last use.
 */
#pragma once
#include "secret.h"

#define APP_LABEL_BYTES_MAX 64u
#define APP_CLIENT_BYTES_MAX 64u
#define APP_NETWORKS_MAX 8u
#define APP_ID_CHARS 8u

/* An app password may open these services, which are bits. */
typedef enum
{
  APP_SERVICE_IMAP = 1 << 0,
  APP_SERVICE_POP3 = 1 << 1,
  APP_SERVICE_SMTP = 1 << 2,
  APP_SERVICE_ALL = APP_SERVICE_IMAP | APP_SERVICE_POP3 | APP_SERVICE_SMTP
} AppService;
/* Returns the bit of a service; 0 means that there is no such service. */
guint app_service_find (const char *name);
/* Returns the names of services, such as "imap pop3", with @separator between them; the caller frees it. */
char *app_services_text (guint services, const char *separator);

typedef struct AppPassword
{
  char id[APP_ID_CHARS + 1]; /* random, so that no id is used a second time */
  char *label;
  guint services;
  char **networks; /* networks that it may be used from; none: from everywhere */
  guint8 hash[APP_HASH_BYTES];
  gint64 created_s, expires_s;   /* seconds since 1970; `expires_s` 0: never */
  gint64 used_s;                 /* time of the last use; 0: never */
  char *service, *peer, *client; /* those of the last use; "" if there was none */
  gboolean is_noted;             /* the file has the last use, or there was none */
} AppPassword;
AppPassword *app_password_new (void);
AppPassword *app_password_copy (const AppPassword *password);
void app_password_free (AppPassword *password);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AppPassword, app_password_free)
/* Returns the name of the credential that sessions carry, such as "app:3f2a..."; the caller frees it. */
char *app_password_name (const AppPassword *password);
/* Returns the credential of the app password @id, which the caller frees. */
char *app_credential_name (const char *id);
/* Returns the id of a credential, borrowed; a text that is no credential is returned as it is. */
const char *app_credential_id (const char *name);
/* These note a use.  @client is the name that the client gave itself; it is made valid UTF-8 of bounded
 * length. */
void app_password_use (AppPassword *password, const SatchelLogin *login, gint64 now_s);
void app_password_set_client (AppPassword *password, const char *client);
