/* SPDX-License-Identifier: MIT
 * Keyring `ring`, for tests: a user's key is a word, and each slot has a secret that gives it.  Nothing is
 * wrapped; what is tested is who adds, opens and drops which slot.  `satchel ring make USER` makes a ring,
 * with a slot of the user's password; `satchel ring slots USER` lists slots; a file FILE.down makes every
 * change fail.
 */
#include <satchel/admin.h>
#include <satchel/keyring.h>
#include <satchel/module.h>
#include <string.h>
#include <unistd.h>

static GMutex lock; /* guards the file */
static char *path;

/* A group is a user.  "key" is its word; every other member is a slot, with its secret. */
static GKeyFile *
load (void)
{
  GKeyFile *file = g_key_file_new ();
  (void) g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, NULL);
  return file;
}

static gboolean
store (GKeyFile *file, GError **error)
{
  g_autofree char *down = g_strconcat (path, ".down", NULL);
  if (access (down, F_OK) == 0)
    return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "the ring is down");
  return g_key_file_save_to_file (file, path, error);
}

/* The name of a slot in the file. */
static char *
slot_name (const SatchelKeyMaterial *material)
{
  char *name = g_strdup_printf ("%s%s", material->slot, material->variant);
  return g_strdelimit (name, ":", '-');
}

static gboolean
opens (GKeyFile *file, const char *user, const SatchelKeyMaterial *material)
{
  g_autofree char *name = slot_name (material);
  g_autofree char *secret = g_key_file_get_string (file, user, name, NULL);
  return secret != NULL && strlen (secret) == material->len
         && memcmp (secret, material->data, material->len) == 0;
}

static void
unlock (SatchelAuthCall *call)
{
  const char *user = satchel_auth_call_user (call);
  g_mutex_lock (&lock);
  g_autoptr (GKeyFile) file = load ();
  gboolean is_open = opens (file, user, satchel_auth_call_material (call));
  g_autofree char *word = is_open ? g_key_file_get_string (file, user, "key", NULL) : NULL;
  g_mutex_unlock (&lock);
  g_autoptr (GBytes) key = word != NULL ? satchel_secret_new (word, strlen (word)) : NULL;
  satchel_auth_call_unlocked (call, key);
}

/* Puts @material in a slot, which @opener must open. */
static gboolean
put (const char *user, const SatchelKeyMaterial *opener, const SatchelKeyMaterial *material, GError **error)
{
  g_autoptr (GKeyFile) file = load ();
  if (!g_key_file_has_group (file, user))
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "no ring");
  if (!opens (file, user, opener))
    return satchel_error_set (error, SATCHEL_ERROR_NOPERM, "that opens no slot");
  g_autofree char *name = slot_name (material);
  g_autofree char *secret = g_strndup ((const char *) material->data, material->len);
  g_key_file_set_string (file, user, name, secret);
  return store (file, error);
}

static gboolean
add_slot (const char *user, const SatchelKeyMaterial *opener, const SatchelKeyMaterial *material,
          GError **error)
{
  g_mutex_lock (&lock);
  gboolean ok = put (user, opener, material, error);
  g_mutex_unlock (&lock);
  return ok;
}

static gboolean
drop (const char *user, const char *slot, GError **error)
{
  g_autoptr (GKeyFile) file = load ();
  gsize n;
  g_auto (GStrv) members = g_key_file_get_keys (file, user, &n, NULL);
  g_autofree char *name = slot_name (&(SatchelKeyMaterial) { .slot = slot, .variant = "" });
  if (members == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "no ring");
  if (!g_strv_contains ((const char *const *) members, name))
    return TRUE;
  if (n <= 2) /* the key, and the slot */
    return satchel_error_set (error, SATCHEL_ERROR_NOPERM, "it is the last slot");
  return g_key_file_remove_key (file, user, name, error) && store (file, error);
}

static gboolean
drop_slot (const char *user, const char *slot, GError **error)
{
  g_mutex_lock (&lock);
  gboolean ok = drop (user, slot, error);
  g_mutex_unlock (&lock);
  return ok;
}

static const SatchelKeyringOps ops = { .size = sizeof ops,
                                       .band = 100,
                                       .unlock = unlock,
                                       .rewrap = add_slot,
                                       .add_slot = add_slot,
                                       .drop_slot = drop_slot };

/* ---- commands ---- */

static gboolean
run_make (SatchelAdminCall *call, GError **error)
{
  const SatchelConfig *options = satchel_admin_options (call);
  const char *user = satchel_admin_access (call)->owner;
  g_mutex_lock (&lock);
  g_autoptr (GKeyFile) file = load ();
  g_key_file_set_string (file, user, "key", satchel_config_string (options, "key"));
  g_key_file_set_string (file, user, SATCHEL_CREDENTIAL_PASSWORD, satchel_config_string (options, "secret"));
  gboolean ok = store (file, error);
  g_mutex_unlock (&lock);
  return ok;
}

static gboolean
run_slots (SatchelAdminCall *call, GError **error)
{
  g_mutex_lock (&lock);
  g_autoptr (GKeyFile) file = load ();
  g_mutex_unlock (&lock);
  g_auto (GStrv) members = g_key_file_get_keys (file, satchel_admin_access (call)->owner, NULL, NULL);
  for (char **member = members; member != NULL && *member != NULL; member++)
    if (strcmp (*member, "key") != 0)
      satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("slot", *member));
  return TRUE;
}

static const SatchelConfigRow make_options[] = {
  { "key", SATCHEL_CONFIG_STRING, NULL, "The key", .flags = SATCHEL_CONFIG_REQUIRED },
  { "secret", SATCHEL_CONFIG_STRING, NULL, "The user's password", .flags = SATCHEL_CONFIG_REQUIRED },
  { NULL }
};
static const SatchelAdminCommand make = { .size = sizeof make,
                                          .name = "make",
                                          .summary = "Make a ring",
                                          .options = make_options,
                                          .of_user = TRUE,
                                          .in_auth = TRUE,
                                          .run = run_make };
static const SatchelAdminCommand slots = { .size = sizeof slots,
                                           .name = "slots",
                                           .summary = "List slots",
                                           .of_user = TRUE,
                                           .in_auth = TRUE,
                                           .run = run_slots };
static const SatchelAdminCommand *const commands[] = { &make, &slots, NULL };
static const SatchelAdminOps admin = { sizeof admin, commands };

/* ---- the module ---- */

static const SatchelConfigRow schema[] = {
  { "path", SATCHEL_CONFIG_PATH, NULL, "The file", .flags = SATCHEL_CONFIG_REQUIRED }, { NULL }
};

static gboolean
configure (const SatchelConfig *section, GError **error)
{
  path = g_strdup (satchel_config_path (section, "path"));
  return TRUE;
}

const SatchelModule *
satchel_module (void)
{
  static const SatchelProvides provides[] = { { SATCHEL_KIND_KEYRING, NULL, &ops },
                                              { SATCHEL_KIND_ADMIN, NULL, &admin },
                                              { 0 } };
  static const SatchelModule module = {
    SATCHEL_MODULE_FACTS, /* what it was built against */
    .name = "ring",       .version = "0.1",           .description = "A keyring in clear text, for tests",
    .licence = "MIT",     .roles = SATCHEL_ROLE_AUTH, .schema = schema,
    .provides = provides, .configure = configure
  };
  return &module;
}
