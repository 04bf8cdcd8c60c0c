/* SPDX-License-Identifier: MIT
 * Runs the commands `satchel app-password ...`, which run as jobs of the auth process.
 */
#include "app_passwords.h"

#include <satchel/account_event.h>
#include <satchel/keyring.h>
#include <satchel/log.h>
#include <string.h>

#define EXPIRES_MAX SATCHEL_DAYS (3650)

static const char *
user_of (const SatchelAdminCall *call)
{
  return satchel_admin_access (call)->owner;
}

/* ---- add ---- */

/* Checks a label, which lists and log lines show, so that it must be one line of text. */
static gboolean
check_label (const char *label, GError **error)
{
  gboolean ok = *label != '\0' && strlen (label) <= APP_LABEL_BYTES_MAX && g_utf8_validate (label, -1, NULL);
  for (const char *at = label; ok && *at != '\0'; at = g_utf8_next_char (at))
    ok = g_unichar_isprint (g_utf8_get_char (at));
  return ok
         || satchel_error_set (error, SATCHEL_ERROR_INVALID,
                               "a label has 1 to %u bytes of text without control characters",
                               APP_LABEL_BYTES_MAX);
}

static gboolean
read_services (const char *text, guint *ret_services, GError **error)
{
  g_auto (GStrv) words = g_strsplit (text, ",", 8);
  *ret_services = 0;
  for (char **word = words; *word != NULL; word++)
    {
      guint service = app_service_find (g_strstrip (*word));
      if (service == 0)
        return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                                  "\"%s\" is no protocol; write some of imap,pop3,smtp", *word);
      *ret_services |= service;
    }
  return *ret_services != 0
         || satchel_error_set (error, SATCHEL_ERROR_INVALID,
                               "no protocol is named; write some of imap,pop3,smtp");
}

static gboolean
read_networks (const char *text, AppPassword *password, GError **error)
{
  g_strfreev (password->networks);
  password->networks = g_strsplit (text != NULL ? text : "", ",", APP_NETWORKS_MAX + 1);
  if (g_strv_length (password->networks) > APP_NETWORKS_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "an app password has at most %u networks",
                              APP_NETWORKS_MAX);
  for (char **network = password->networks; *network != NULL; network++)
    if (!satchel_network_check (g_strstrip (*network)))
      return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                                "\"%s\" is no network; write ADDRESS or ADDRESS/BITS, such as 192.0.2.0/24",
                                *network);
  return TRUE;
}

static AppPassword *
password_of_options (const SatchelConfig *options, GError **error)
{
  const char *label = satchel_config_string (options, "label");
  gint64 expires_ms = satchel_config_duration_ms (options, "expires");
  g_autoptr (AppPassword) password = app_password_new ();
  if (!check_label (label, error)
      || !read_services (satchel_config_string (options, "protocols"), &password->services, error)
      || !read_networks (satchel_config_string (options, "from"), password, error))
    return NULL;
  g_free (password->label);
  password->label = g_strdup (label);
  password->created_s = app_now_s ();
  password->expires_s = expires_ms > 0 ? password->created_s + expires_ms / 1000 : 0;
  return g_steal_pointer (&password);
}

static gboolean
check_new (const char *user, const AppPassword *password, GError **error)
{
  const GPtrArray *passwords = app_state_passwords (app_module.state, user);
  if (passwords != NULL && passwords->len >= APP_PASSWORDS_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT,
                              "%s has %u app passwords, which is the most; revoke one first", user,
                              APP_PASSWORDS_MAX);
  return app_state_find (app_module.state, user, password->label) == NULL
         || satchel_error_set (
             error, SATCHEL_ERROR_ALREADYEXISTS,
             "%s has an app password of that label already; choose another, or revoke it first", user);
}

/* Stores a new app password, and takes @password over. */
static gboolean
keep_password (const char *user, AppPassword *password, GError **error)
{
  g_autoptr (AppPassword) own = password;
  if (!check_new (user, own, error))
    return FALSE;
  g_autofree char *name = app_password_name (own);
  app_state_add (app_module.state, user, g_steal_pointer (&own));
  if (app_state_commit (app_module.state, error))
    return TRUE;
  app_state_remove (app_module.state, user, app_state_find (app_module.state, user, name));
  return FALSE;
}

static void
show_new (SatchelAdminCall *call, const char *name, const char *secret)
{
  char shown[APP_SHOWN_CHARS + 1];
  app_secret_show (secret, shown);
  satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("user", user_of (call)), SATCHEL_ADMIN_TEXT ("id", name),
                        SATCHEL_ADMIN_TEXT ("password", shown));
  satchel_admin_print (call,
                       "It is shown this once; hyphens may be left out, and capital letters do not count.");
  explicit_bzero (shown, sizeof shown);
}

/* Makes the rest of a new app password: its secret, and what follows from it. */
static gboolean
make_secret (const char *user, AppPassword *password, char ret_secret[APP_SECRET_CHARS + 1], GError **error)
{
  return app_random_text (password->id, APP_ID_CHARS, error) && app_secret_make (ret_secret, error)
         && (app_secret_hash (user, ret_secret, password->hash)
             || satchel_error_set (error, SATCHEL_ERROR_FAILED, "the library cannot compute hashes"));
}

/* What became of the slot of a new app password in the user's keyrings. */
typedef enum
{
  SLOT_FAILED = 0,
  SLOT_ADDED, /* or the user has no ring */
  SLOT_ASKED  /* the user's password is needed, and asked for */
} SlotResult;

static SlotResult
add_slot (SatchelAdminCall *call, const AppPassword *password, const char *secret, GError **error)
{
  const char *own = satchel_config_string (satchel_admin_options (call), "password");
  g_autofree char *name = app_password_name (password);
  g_autoptr (GError) why = NULL;
  if (app_slot_add (user_of (call), name, secret, own, &why))
    return SLOT_ADDED;
  if (own == NULL && g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM))
    {
      satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("user", user_of (call)),
                            SATCHEL_ADMIN_TEXT ("needs", "password"));
      satchel_admin_ask (call, "password", "The user's password, which opens the key of the mail");
      return SLOT_ASKED;
    }
  g_propagate_prefixed_error (error, g_steal_pointer (&why),
                              "the app password cannot be made to open the key of the user's mail: ");
  return SLOT_FAILED;
}

/* Stores the app password, which is taken over, and shows it.  Its slot is there. */
static gboolean
add_password (SatchelAdminCall *call, AppPassword *password, const char *secret, GError **error)
{
  const char *user = user_of (call);
  g_autofree char *name = app_password_name (password);
  g_autofree char *label = g_strdup (password->label);
  if (!app_lock (error))
    {
      app_password_free (password);
      return FALSE;
    }
  gboolean ok = keep_password (user, password, error);
  app_unlock ();
  if (ok)
    {
      satchel_log (SATCHEL_LOG_INFO, APP_AREA, "user=\"%s\" has a new app password %s", user, name);
      satchel_account_event (&(SatchelAccountEvent) { .size = sizeof (SatchelAccountEvent),
                                                      .kind = SATCHEL_ACCOUNT_APP_PASSWORD_ADDED,
                                                      .user = user,
                                                      .label = label });
      show_new (call, name, secret);
    }
  return ok;
}

/* Says whether the new app password may be added.  What changes until it is added is found then. */
static gboolean
check_first (const char *user, const AppPassword *password, GError **error)
{
  if (!app_lock (error))
    return FALSE;
  gboolean ok = check_new (user, password, error);
  app_unlock ();
  return ok;
}

/* The slot comes first: one without an app password opens for nobody, since nobody has its secret. */
static gboolean
run_add (SatchelAdminCall *call, GError **error)
{
  const char *user = user_of (call);
  char secret[APP_SECRET_CHARS + 1];
  g_autoptr (AppPassword) password = password_of_options (satchel_admin_options (call), error);
  if (password == NULL || !check_first (user, password, error)
      || !make_secret (user, password, secret, error))
    return FALSE;
  g_autofree char *name = app_password_name (password);
  SlotResult slot = add_slot (call, password, secret, error);
  gboolean ok = slot == SLOT_ASKED
                || (slot == SLOT_ADDED && add_password (call, g_steal_pointer (&password), secret, error));
  if (!ok && slot == SLOT_ADDED)
    (void) satchel_keyring_drop_slot (user, name, NULL);
  explicit_bzero (secret, sizeof secret);
  return ok;
}

/* ---- list ---- */

static void
show_password (SatchelAdminCall *call, const AppPassword *password)
{
  g_autofree char *id = app_password_name (password);
  g_autofree char *services = app_services_text (password->services, ",");
  g_autofree char *networks = g_strjoinv (",", password->networks);
  satchel_admin_record (
      call, SATCHEL_ADMIN_TEXT ("id", id), SATCHEL_ADMIN_TEXT ("label", password->label),
      SATCHEL_ADMIN_TEXT ("protocols", services), SATCHEL_ADMIN_TEXT ("from", networks),
      SATCHEL_ADMIN_NUMBER ("since", password->created_s),
      SATCHEL_ADMIN_NUMBER ("expires", password->expires_s), SATCHEL_ADMIN_NUMBER ("used", password->used_s),
      SATCHEL_ADMIN_TEXT ("service", password->service), SATCHEL_ADMIN_TEXT ("address", password->peer),
      SATCHEL_ADMIN_TEXT ("client", password->client));
}

/* Lists what was copied under the lock, since writing waits for a terminal. */
static gboolean
run_list (SatchelAdminCall *call, GError **error)
{
  g_autoptr (GPtrArray) copies = g_ptr_array_new_with_free_func ((GDestroyNotify) app_password_free);
  if (!app_lock (error))
    return FALSE;
  const GPtrArray *passwords = app_state_passwords (app_module.state, user_of (call));
  for (guint i = 0; passwords != NULL && i < passwords->len; i++)
    g_ptr_array_add (copies, app_password_copy (passwords->pdata[i]));
  app_unlock ();
  for (guint i = 0; i < copies->len; i++)
    show_password (call, copies->pdata[i]);
  return TRUE;
}

/* ---- revoke ---- */

static gboolean
run_revoke (SatchelAdminCall *call, GError **error)
{
  const SatchelConfig *options = satchel_admin_options (call);
  const char *what = satchel_config_string (options, "which");
  gboolean all = satchel_config_bool (options, "all");
  guint n;
  if ((what == NULL) != all)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "%s",
                              all ? "--all goes without an app password"
                                  : "which app password? give its id or label, or --all");
  if (!app_revoke (user_of (call), what, &n, error))
    return FALSE;
  app_slots_drop ();
  satchel_admin_print (call, "%u app %s of %s revoked; %s sessions end.", n,
                       n == 1 ? "password" : "passwords", user_of (call), n == 1 ? "its" : "their");
  return TRUE;
}

/* ---- table ---- */

static const SatchelConfigRow add_options[] = {
  { "label", SATCHEL_CONFIG_STRING, NULL, "What the person calls the device or program",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "protocols", SATCHEL_CONFIG_STRING, "imap,pop3,smtp", "Protocols that it opens" },
  { "from", SATCHEL_CONFIG_STRING, NULL,
    "Networks that it works from, ADDRESS/BITS with commas between; otherwise all" },
  { "expires", SATCHEL_CONFIG_DURATION, "0", "Time after which it ends, such as 90d; 0: never", .min = 0,
    .max = EXPIRES_MAX },
  { "password", SATCHEL_CONFIG_STRING, NULL,
    "The user's own password, where a key of the mail needs it; asked for if it is left out" },
  { NULL }
};
static const SatchelConfigRow revoke_options[] = {
  { "which", SATCHEL_CONFIG_STRING, NULL, "Its id or its label" },
  { "all", SATCHEL_CONFIG_BOOL, "false", "Revoke all app passwords of the user" },
  { NULL }
};

#define COMMAND(a_name, a_summary, ...)                                                                      \
  { .size = sizeof (SatchelAdminCommand),                                                                    \
    .name = a_name,                                                                                          \
    .summary = a_summary,                                                                                    \
    .of_user = TRUE,                                                                                         \
    .in_auth = TRUE,                                                                                         \
    __VA_ARGS__ }
static const SatchelAdminCommand add =
    COMMAND ("add", "Give a user an app password for one device or program", .run = run_add,
             .options = add_options, .operand = "label",
             .details = "It is shown once, and typed in the place of the password, without a code.\n"
                        "No two of a user have the same label.");
static const SatchelAdminCommand list = COMMAND (
    "list", "Show a user's app passwords", .run = run_list,
    .details = "since, expires and used are seconds since 1970, and 0 for never.  The last use is of\n"
               "the time since auth started, or as it was up to five minutes before auth ended.");
static const SatchelAdminCommand revoke =
    COMMAND ("revoke", "End an app password and its sessions", .run = run_revoke, .options = revoke_options,
             .operand = "which", .details = "Sessions that other credentials opened go on.");

static const SatchelAdminCommand *const commands[] = { &add, &list, &revoke, NULL };
const SatchelAdminOps app_commands = { sizeof app_commands, commands };
