/* SPDX-License-Identifier: MIT
 * The commands `satchel user ...`, carried out by the admin calls of the enabled passdb modules
 * (include/satchel/auth.h, role cli).
 */
#include "config.h"

#include <satchel/auth.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/cli/cli.h"
#include "core/cli/control_client.h"
#include "core/base/json.h"
#include "core/runtime/login/auth_call_private.h"

#define ANSWER_BYTES_MAX 1000u

/* A command may need one of these calls of SatchelPassdbOps. */
typedef enum
{
  CALL_ADD,
  CALL_SET_PASSWORD,
  CALL_REMOVE,
  CALL_SET_LOCKED,
  CALL_LIST
} Call;

static gboolean
has_call (const SatchelPassdbOps *ops, Call call)
{
  switch (call)
    {
    case CALL_ADD:
      return SATCHEL_HAS (ops, add);
    case CALL_SET_PASSWORD:
      return SATCHEL_HAS (ops, set_password);
    case CALL_REMOVE:
      return SATCHEL_HAS (ops, remove);
    case CALL_SET_LOCKED:
      return SATCHEL_HAS (ops, set_locked);
    case CALL_LIST:
      return SATCHEL_HAS (ops, list);
    }
  return FALSE;
}

/* Returns the keyrings of this process, const SatchelKeyringOps *; yours. */
static GPtrArray *
find_keyrings (SatchelCli *cli)
{
  g_autoptr (GPtrArray) all = satchel_loader_find_all (cli->loader, SATCHEL_KIND_KEYRING);
  GPtrArray *keyrings = g_ptr_array_new ();
  for (guint i = 0; i < all->len; i++)
    g_ptr_array_add (keyrings, (gpointer) ((const SatchelProvided *) all->pdata[i])->ops);
  return keyrings;
}

/* Finds the passdb that --passdb names, or the first one that has the call. */
static const SatchelPassdbOps *
find_passdb (SatchelCli *cli, Call call, const char **ret_name, int *ret_exit)
{
  const char *wanted = satchel_cli_option (cli, "--passdb");
  if ((*ret_exit = satchel_cli_setup (cli)) != SATCHEL_EXIT_OK
      || (*ret_exit = satchel_cli_start_modules (cli)) != SATCHEL_EXIT_OK)
    return NULL;
  g_autoptr (GPtrArray) all = satchel_loader_find_all (cli->loader, SATCHEL_KIND_PASSDB);
  for (guint i = 0; i < all->len; i++)
    {
      const SatchelProvided *provided = all->pdata[i];
      if (wanted != NULL && strcmp (provided->name, wanted) != 0)
        continue;
      if (has_call (provided->ops, call))
        {
          *ret_name = provided->name;
          return provided->ops;
        }
      if (wanted != NULL)
        {
          *ret_exit = satchel_cli_fail (SATCHEL_EXIT_USAGE,
                                        "passdb %s cannot do this; its users are kept elsewhere", wanted);
          return NULL;
        }
    }
  if (wanted != NULL)
    *ret_exit = satchel_cli_fail (SATCHEL_EXIT_USAGE,
                                  "no passdb \"%s\" is enabled; `satchel module list` shows what is", wanted);
  else if (all->len == 0)
    *ret_exit =
        satchel_cli_fail (SATCHEL_EXIT_CONFIG,
                          "no passdb is enabled; enable a module that provides one in %s/satchel.conf "
                          "(`satchel module list` shows them)",
                          cli->config_dir);
  else
    *ret_exit = satchel_cli_fail (SATCHEL_EXIT_CONFIG,
                                  "no enabled passdb can do this; their users are kept elsewhere");
  return NULL;
}

/* Returns the first argument as local@domain. NULL means that it is not a user name, and the reason was
 * printed. */
static char *
user_argument (SatchelCli *cli, int *ret_exit)
{
  return satchel_cli_user_name (cli->set, satchel_cli_argument (cli, 0), ret_exit);
}

static char *
mail_path (SatchelCli *cli, const char *user)
{
  const char *at = strrchr (user, '@');
  g_autofree char *local = at != NULL ? g_strndup (user, (gsize) (at - user)) : g_strdup (user);
  return g_build_filename (satchel_cli_server_settings (cli->set).mail_root, at != NULL ? at + 1 : "", local,
                           NULL);
}

/* Prints {"user": ..., "done": ..., "passdb": ...} or a sentence. */
static int
print_done (SatchelCli *cli, const char *user, const char *what, const char *passdb, const char *more)
{
  satchel_loader_stop (cli->loader);
  if (satchel_cli_option (cli, "--json") == NULL)
    {
      printf ("%s %s.%s%s\n", user, what, more != NULL ? "  " : "", more != NULL ? more : "");
      return SATCHEL_EXIT_OK;
    }
  g_autoptr (GString) out = g_string_new (NULL);
  g_autofree char *mail = mail_path (cli, user);
  SatchelJson json = { .out = out };
  satchel_json_open (&json, NULL, '{');
  satchel_json_text (&json, "user", user);
  satchel_json_text (&json, "done", what);
  satchel_json_text (&json, "passdb", passdb);
  satchel_json_text (&json, "mail", mail);
  if (more != NULL)
    satchel_json_text (&json, "more", more);
  satchel_json_close (&json, '}');
  puts (out->str);
  return SATCHEL_EXIT_OK;
}

static int
failed_call (SatchelCli *cli, const char *user, const GError *error)
{
  satchel_loader_stop (cli->loader);
  if (error == NULL)
    return satchel_cli_fail (SATCHEL_EXIT_SOFTWARE, "%s: the passdb failed and gave no reason", user);
  if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    return satchel_cli_fail (SATCHEL_EXIT_NO_USER, "%s: no such user; `satchel user list` shows all", user);
  if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_ALREADYEXISTS))
    return satchel_cli_fail (SATCHEL_EXIT_EXISTS,
                             "%s exists already; `satchel user passwd` sets a new password", user);
  g_autoptr (GError) told = g_error_copy (error);
  g_prefix_error (&told, "%s: ", user);
  return satchel_cli_fail_error (told);
}

/* Says why @user cannot be a mail address. NULL means that it can, as it is written (RFC 5321 4.1.2
 * Dot-string; RFC 6531 for characters outside ASCII). */
static const char *
why_no_address (const char *user)
{
  const char *at = strrchr (user, '@');
  for (const char *c = user; c < at; c++)
    if (!g_ascii_isalnum (*c) && (guchar) *c < 0x80 && strchr ("!#$%&'*+-/=?^_`{|}~.", *c) == NULL)
      return "the part before the @ may have letters, digits and !#$%&'*+-/=?^_`{|}~ with single dots "
             "between them";
  if (*user == '.' || at[-1] == '.' || strstr (user, "..") != NULL)
    return "a dot must stand between two other characters";
  for (const char *c = at + 1; *c != '\0'; c++)
    if (!g_ascii_isalnum (*c) && (guchar) *c < 0x80 && *c != '-' && *c != '.')
      return "a domain may have letters, digits, - and dots only";
  return at[1] == '-' || g_str_has_suffix (user, "-") || strstr (at, ".-") != NULL
                 || strstr (at, "-.") != NULL
             ? "no part of a domain may begin or end with -"
             : NULL;
}

/* Lets the server forget what its modules have of @user beside the password, unless that is a user. It says
 * what went wrong, if not only that no server runs. FALSE means that something may be left. */
static gboolean
forget_credentials (SatchelCli *cli, const char *user)
{
  const char *run_dir = satchel_config_path (satchel_config_set_group (cli->set, "server"), "run_dir");
  const char *const argv[] = { "forget", user, NULL };
  g_autoptr (GString) answer = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  guint status = 0;
  gboolean is_told = satchel_control_ask (run_dir, argv, answer, &status, &error);
  if (is_told && (status == SATCHEL_EXIT_OK || status == SATCHEL_EXIT_EXISTS))
    return TRUE;
  if (is_told || !g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE))
    fprintf (stderr, "satchel: %s\n", is_told ? g_strchomp (answer->str) : error->message);
  return FALSE;
}

/* Lets keyrings make what a new user is to have.  Returns what they show, to be wiped, or NULL; *ret_exit is
 * not OK where one failed, which was printed. */
static char *
add_to_keyrings (SatchelCli *cli, const char *user, const char *secret, int *ret_exit)
{
  g_autoptr (GPtrArray) keyrings = find_keyrings (cli);
  char *prepared = secret != NULL ? satchel_secret_prepare (secret) : NULL, *told = NULL;
  *ret_exit = SATCHEL_EXIT_OK;
  for (guint i = 0; i < keyrings->len && *ret_exit == SATCHEL_EXIT_OK; i++)
    {
      const SatchelKeyringOps *ops = keyrings->pdata[i];
      g_autoptr (GError) error = NULL;
      if (!SATCHEL_HAS (ops, added) || ops->added (user, prepared, told == NULL ? &told : NULL, &error))
        continue;
      g_prefix_error (&error, "%s was added, but has no keyring as it should: ", user);
      *ret_exit = satchel_cli_fail_error (error);
    }
  if (prepared != NULL)
    satchel_secret_free (prepared);
  return told;
}

int
satchel_cli_user_add (SatchelCli *cli)
{
  int exit;
  const char *passdb;
  g_autoptr (GError) error = NULL;
  const SatchelPassdbOps *ops = find_passdb (cli, CALL_ADD, &passdb, &exit);
  g_autofree char *user = ops != NULL ? user_argument (cli, &exit) : NULL;
  if (user == NULL)
    return exit;
  const char *why = why_no_address (user);
  if (why != NULL)
    return satchel_cli_fail (SATCHEL_EXIT_DATA, "%s is not a mail address: %s", user, why);
  const SatchelConfig *server = satchel_config_set_group (cli->set, "server");
  if (strchr (satchel_cli_argument (cli, 0), '@') == NULL
      && strcmp (satchel_config_origin (server, "default_domain"), "default") == 0)
    fprintf (stderr,
             "satchel: server.default_domain is not set, so this is %s; if that is not meant, set it or give "
             "the whole address\n",
             user);
  gboolean without = satchel_cli_option (cli, "--no-password") != NULL,
           from_stdin = satchel_cli_option (cli, "--stdin") != NULL;
  if (without && from_stdin)
    return satchel_cli_fail (SATCHEL_EXIT_USAGE, "--stdin and --no-password cannot be used together");
  char *secret = without ? NULL : satchel_cli_read_password (from_stdin, user, &exit);
  if (secret == NULL && !without)
    return exit;
  /* App passwords and grants of an earlier user of the same name must not open the new user's mail. */
  (void) forget_credentials (cli, user);
  gboolean ok = ops->add (user, secret, &error);
  char *told = ok ? add_to_keyrings (cli, user, secret, &exit) : NULL;
  satchel_secret_free (secret);
  if (!ok)
    return failed_call (cli, user, error);
  int status = exit == SATCHEL_EXIT_OK ? print_done (cli, user, "was added", passdb, told) : exit;
  satchel_secret_free (told);
  return status;
}

/* A search through the users of a passdb finds out whether a user exists before a call changes it. */
typedef struct Search
{
  const char *user; /* the only user to be listed; NULL: all */
  GPtrArray *found; /* copies of SatchelUserEntry */
} Search;

static void
entry_free (gpointer data)
{
  SatchelUserEntry *entry = data;
  g_free ((char *) entry->user);
  g_free ((char *) entry->scheme);
  g_free (entry);
}

static void
note_entry (const SatchelUserEntry *entry, gpointer data)
{
  Search *search = data;
  if (search->user != NULL && strcmp (search->user, entry->user) != 0)
    return;
  SatchelUserEntry *copy = g_new0 (SatchelUserEntry, 1);
  *copy = *entry;
  copy->user = g_strdup (entry->user);
  copy->scheme = g_strdup (entry->scheme);
  g_ptr_array_add (search->found, copy);
}

/* Returns a password as what opens a slot; borrowed from @prepared. */
static SatchelKeyMaterial
material_of (const char *prepared)
{
  return (SatchelKeyMaterial) { .size = sizeof (SatchelKeyMaterial),
                                .source = SATCHEL_KEY_SECRET,
                                .slot = SATCHEL_CREDENTIAL_PASSWORD,
                                .variant = "",
                                .data = (const guint8 *) prepared,
                                .len = strlen (prepared) };
}

static gboolean
rewrap_with (const char *user, const char *present, const char *secret, GError **error)
{
  char *old = satchel_secret_prepare (present), *new = satchel_secret_prepare (secret);
  const SatchelKeyMaterial opener = material_of (old), material = material_of (new);
  gboolean ok = satchel_keyring_rewrap (user, &opener, &material, error);
  satchel_secret_free (old);
  satchel_secret_free (new);
  return ok;
}

/* Lets the new password open a keyring that was given another key.  A login with the password before it may
 * have taken that key meanwhile: then there is one more. */
static gboolean
open_to_new (const char *user, const char *secret, GError **error)
{
  g_autoptr (GError) why = NULL;
  if (rewrap_with (user, "", secret, &why))
    return TRUE;
  if (g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM))
    return satchel_keyring_renew (user, error) && rewrap_with (user, "", secret, error);
  g_propagate_error (error, g_steal_pointer (&why));
  return FALSE;
}

/* Lets the new password open the user's keyrings, with the present one where a ring needs it.  FALSE: nothing
 * may be changed, and the reason was printed. */
static gboolean
rewrap_keys (SatchelCli *cli, const char *user, const char *secret, int *ret_exit)
{
  g_autoptr (GError) error = NULL;
  if (rewrap_with (user, "", secret, &error))
    return TRUE;
  gboolean is_shut = g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM);
  if (is_shut && satchel_cli_option (cli, "--lose-mail") != NULL)
    {
      g_clear_error (&error);
      is_shut = FALSE;
      if (satchel_keyring_renew (user, &error))
        return TRUE;
    }
  if (!is_shut)
    {
      *ret_exit = satchel_cli_fail_error (error);
      return FALSE;
    }
  g_clear_error (&error);
  char *present =
      satchel_cli_read_present_password (satchel_cli_option (cli, "--stdin") != NULL, user, ret_exit);
  if (present == NULL)
    return FALSE;
  gboolean ok = rewrap_with (user, present, secret, &error);
  satchel_secret_free (present);
  if (ok)
    return TRUE;
  *ret_exit =
      satchel_cli_fail (SATCHEL_EXIT_FAILED,
                        "%s: that does not open the key of the sealed mail (%s); nothing was changed. "
                        "With --lose-mail the mail so far stays locked until its keyring is opened in "
                        "another way",
                        user, error->message);
  return FALSE;
}

int
satchel_cli_user_passwd (SatchelCli *cli)
{
  int exit;
  const char *passdb;
  g_autoptr (GError) error = NULL;
  const SatchelPassdbOps *ops = find_passdb (cli, CALL_SET_PASSWORD, &passdb, &exit);
  g_autofree char *user = ops != NULL ? user_argument (cli, &exit) : NULL;
  if (user == NULL)
    return exit;
  /* Nobody should have to type a password twice before the command says that the user does not exist. */
  if (SATCHEL_HAS (ops, list))
    {
      g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (entry_free);
      Search search = { user, found };
      if (ops->list (note_entry, &search, NULL) && found->len == 0)
        return satchel_cli_fail (SATCHEL_EXIT_NO_USER, "%s: no such user; `satchel user list` shows all",
                                 user);
    }
  char *secret = satchel_cli_read_password (satchel_cli_option (cli, "--stdin") != NULL, user, &exit);
  if (secret == NULL)
    return exit;
  g_autoptr (GPtrArray) keyrings = find_keyrings (cli);
  satchel_keyrings_set (keyrings);
  gboolean may = rewrap_keys (cli, user, secret, &exit);
  gboolean ok = may && ops->set_password (user, secret, &error)
                && (satchel_cli_option (cli, "--lose-mail") == NULL || open_to_new (user, secret, &error));
  satchel_keyrings_set (NULL);
  satchel_secret_free (secret);
  if (!may)
    return exit;
  return ok ? print_done (cli, user, "has a new password", passdb, NULL) : failed_call (cli, user, error);
}

int
satchel_cli_user_del (SatchelCli *cli)
{
  int exit;
  const char *passdb;
  g_autoptr (GError) error = NULL;
  const SatchelPassdbOps *ops = find_passdb (cli, CALL_REMOVE, &passdb, &exit);
  g_autofree char *user = ops != NULL ? user_argument (cli, &exit) : NULL;
  if (user == NULL)
    return exit;
  gboolean ok = ops->remove (user, &error);
  gboolean is_gone = ok || g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
  gboolean is_clean = is_gone && forget_credentials (cli, user);
  if (!ok)
    return failed_call (cli, user, error);
  g_autofree char *path = mail_path (cli, user);
  g_autofree char *more = g_strdup_printf (
      "The mail stays in %s; a new user of this name would see it.%s", path,
      is_clean ? ""
               : "  The server was not told: if modules keep other credentials of this user, "
                 "run the command again once it runs.");
  return print_done (cli, user, "was removed", passdb, more);
}

static int
set_locked (SatchelCli *cli, gboolean locked)
{
  int exit;
  const char *passdb;
  g_autoptr (GError) error = NULL;
  const SatchelPassdbOps *ops = find_passdb (cli, CALL_SET_LOCKED, &passdb, &exit);
  g_autofree char *user = ops != NULL ? user_argument (cli, &exit) : NULL;
  if (user == NULL)
    return exit;
  if (!ops->set_locked (user, locked, &error))
    return failed_call (cli, user, error);
  return print_done (cli, user, locked ? "is locked" : "is not locked any more", passdb,
                     locked ? "Sessions that are open go on; `satchel kick` ends them." : NULL);
}

int
satchel_cli_user_lock (SatchelCli *cli)
{
  return set_locked (cli, TRUE);
}

int
satchel_cli_user_unlock (SatchelCli *cli)
{
  return set_locked (cli, FALSE);
}

static char *
changed_text (const SatchelUserEntry *entry)
{
  if (entry->changed == 0)
    return NULL;
  g_autoptr (GDateTime) at = g_date_time_new_from_unix_utc (entry->changed);
  return at != NULL ? g_date_time_format (at, "%Y-%m-%dT%H:%M:%SZ") : NULL;
}

static void
entry_json (SatchelJson *json, const SatchelUserEntry *entry, const char *passdb)
{
  g_autofree char *changed = changed_text (entry);
  satchel_json_open (json, NULL, '{');
  satchel_json_text (json, "user", entry->user);
  satchel_json_bool (json, "locked", entry->is_locked);
  satchel_json_text (json, "scheme", entry->scheme);
  satchel_json_text (json, "changed", changed);
  satchel_json_text (json, "passdb", passdb);
}

/* Lists the users of all passdbs that can list them, or of the one that --passdb names. */
int
satchel_cli_user_list (SatchelCli *cli)
{
  int exit;
  const char *first, *wanted = satchel_cli_option (cli, "--passdb");
  if (find_passdb (cli, CALL_LIST, &first, &exit) == NULL)
    return exit;
  gboolean as_json = satchel_cli_option (cli, "--json") != NULL;
  g_autoptr (GString) out = g_string_new (NULL);
  SatchelJson json = { .out = out };
  satchel_json_open (&json, NULL, '[');
  g_autoptr (GPtrArray) all = satchel_loader_find_all (cli->loader, SATCHEL_KIND_PASSDB);
  for (guint i = 0; i < all->len; i++)
    {
      const SatchelProvided *provided = all->pdata[i];
      const SatchelPassdbOps *ops = provided->ops;
      g_autoptr (GError) error = NULL;
      g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (entry_free);
      Search search = { NULL, found };
      if (!SATCHEL_HAS (ops, list) || (wanted != NULL && strcmp (provided->name, wanted) != 0))
        continue;
      if (!ops->list (note_entry, &search, &error))
        return failed_call (cli, provided->name, error);
      for (guint k = 0; k < found->len; k++)
        {
          const SatchelUserEntry *entry = found->pdata[k];
          if (!as_json)
            printf ("%s%s%s\n", entry->user, entry->is_locked ? " locked" : "",
                    entry->scheme == NULL ? " without-password" : "");
          else
            {
              entry_json (&json, entry, provided->name);
              satchel_json_close (&json, '}');
            }
        }
    }
  satchel_json_close (&json, ']');
  if (as_json)
    puts (out->str);
  satchel_loader_stop (cli->loader);
  return SATCHEL_EXIT_OK;
}

int
satchel_cli_user_show (SatchelCli *cli)
{
  int exit;
  const char *passdb;
  struct stat st;
  g_autoptr (GError) error = NULL;
  const SatchelPassdbOps *ops = find_passdb (cli, CALL_LIST, &passdb, &exit);
  g_autofree char *user = ops != NULL ? user_argument (cli, &exit) : NULL;
  if (user == NULL)
    return exit;
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (entry_free);
  Search search = { user, found };
  if (!ops->list (note_entry, &search, &error))
    return failed_call (cli, user, error);
  satchel_loader_stop (cli->loader);
  if (found->len == 0)
    return satchel_cli_fail (SATCHEL_EXIT_NO_USER, "%s: no such user; `satchel user list` shows all", user);
  const SatchelUserEntry *entry = found->pdata[0];
  g_autofree char *changed = changed_text (entry), *path = mail_path (cli, user);
  gboolean has_mail = stat (path, &st) == 0;
  if (satchel_cli_option (cli, "--json") != NULL)
    {
      g_autoptr (GString) out = g_string_new (NULL);
      SatchelJson json = { .out = out };
      entry_json (&json, entry, passdb);
      satchel_json_text (&json, "mail", path);
      satchel_json_close (&json, '}');
      puts (out->str);
      return SATCHEL_EXIT_OK;
    }
  printf ("User:     %s\nLocked:   %s\nPassword: %s\n", entry->user, entry->is_locked ? "yes" : "no",
          entry->scheme != NULL ? entry->scheme : "none");
  if (changed != NULL)
    printf ("Changed:  %s\n", changed);
  printf ("Passdb:   %s\nMail:     %s%s\n", passdb, path,
          has_mail ? "" : " (nothing there yet, or not readable by you)");
  return SATCHEL_EXIT_OK;
}
