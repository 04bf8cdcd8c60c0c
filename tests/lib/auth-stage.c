/* SPDX-License-Identifier: MIT
 * A stage for the auth role.
 */
#include "tests/lib/auth-stage.h"
#include "core/runtime/log/log_private.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <satchel/module.h>
#include <string.h>
#include <unistd.h>

Stage stage;
StageCounts stage_counts;
const char *stage_key;
gboolean stage_database_is_down, stage_hash_fails, stage_wants_upgrade;
const char *const *stage_attributes, *const *stage_attributes_of_passdb;
gboolean stage_attributes_are_down, stage_userdb_is_silent;
GHashTable *stage_aliases;
const char *stage_factor_user;
SatchelFactorVerdict stage_factor_verdict;
SatchelFactorAnswer stage_factor_answer;
const char *stage_silent_user, *stage_cheap_user, *stage_binding;
char *stage_scram;
const char *stage_notice;
gboolean stage_has_ring, stage_is_elsewhere;

typedef struct
{
  char *verifier;
  gboolean is_locked;
} User;
static GHashTable *users;
static GMutex hold_lock;
static GCond hold_change;
static gboolean is_holding;
static SatchelConfigSet *config;

/* ---- databases ---- */

static void
user_free (gpointer data)
{
  g_free (((User *) data)->verifier);
  g_free (data);
}

void
stage_set_user (const char *user, const char *password, gboolean is_locked)
{
  if (password == NULL && !is_locked)
    {
      g_hash_table_remove (users, user);
      return;
    }
  User *record = g_new0 (User, 1);
  record->verifier = password != NULL ? g_strconcat ("plain:", password, NULL) : NULL;
  record->is_locked = is_locked;
  g_hash_table_replace (users, g_strdup (user), record);
}

static GQueue held;                           /* SatchelAuthCall that stage_answer_late answers */
static GQueue held_look_ups, held_attributes; /* those of stage_userdb_speaks */

guint
stage_answer_late (void)
{
  guint n = 0;
  for (SatchelAuthCall *call; (call = g_queue_pop_head (&held)) != NULL; n++)
    satchel_auth_call_found (call, NULL);
  return n;
}

static void
look_up (SatchelAuthCall *call)
{
  const char *user = satchel_auth_call_user (call);
  g_autoptr (GError) error = NULL;
  stage_counts.n_look_ups++;
  if (g_strcmp0 (user, stage_silent_user) == 0)
    {
      g_queue_push_tail (&held, call);
      return;
    }
  const User *record = g_hash_table_lookup (users, user);
  if (stage_database_is_down)
    {
      satchel_error_set (&error, SATCHEL_ERROR_UNAVAILABLE, "down");
      satchel_auth_call_fail (call, error);
      return;
    }
  const SatchelCredential credential = { .size = sizeof credential,
                                         .user = (char *) user,
                                         .verifier = record != NULL ? record->verifier : NULL,
                                         .is_locked = record != NULL && record->is_locked,
                                         .scram = stage_scram,
                                         .attributes = (char **) stage_attributes_of_passdb };
  satchel_auth_call_found (call, record != NULL ? &credential : NULL);
}

static gboolean
list_users (SatchelUserEntryFunc func, gpointer data, GError **error)
{
  GHashTableIter iter;
  gpointer user;
  g_hash_table_iter_init (&iter, users);
  while (g_hash_table_iter_next (&iter, &user, NULL))
    func (&(SatchelUserEntry) { .user = user }, data);
  return TRUE;
}

static void
cancelled (SatchelAuthCall *call)
{
  stage_counts.n_cancelled++;
}

void
stage_hold_hashes (gboolean hold)
{
  g_mutex_lock (&hold_lock);
  is_holding = hold;
  g_cond_broadcast (&hold_change);
  g_mutex_unlock (&hold_lock);
}

static void
run_verify (SatchelAuthCall *call)
{
  const SatchelCredential *credential = satchel_auth_call_credential (call);
  const char *secret = satchel_auth_call_secret (call);
  g_autoptr (GError) error = NULL;
  g_atomic_int_inc (credential != NULL ? &stage_counts.n_hashes : &stage_counts.n_dummy_hashes);
  g_mutex_lock (&hold_lock);
  while (is_holding)
    g_cond_wait (&hold_change, &hold_lock);
  g_mutex_unlock (&hold_lock);
  if (stage_hash_fails)
    {
      satchel_error_set (&error, SATCHEL_ERROR_IO, "no memory");
      satchel_auth_call_fail (call, error);
      return;
    }
  gboolean is_right = credential != NULL && credential->verifier != NULL
                      && strcmp (credential->verifier + strlen ("plain:"), secret) == 0;
  /* A key is given for wrong passwords, too: the core must not pass that on. */
  g_autoptr (GBytes) key = stage_key != NULL ? satchel_secret_new (stage_key, strlen (stage_key)) : NULL;
  satchel_auth_call_verified (call,
                              !is_right             ? SATCHEL_VERIFY_WRONG
                              : stage_wants_upgrade ? SATCHEL_VERIFY_RIGHT_UPGRADE
                                                    : SATCHEL_VERIFY_RIGHT,
                              key);
}

static void
verify (SatchelAuthCall *call)
{
  satchel_auth_call_work (call, 1024 * 1024, run_verify);
}

static void
upgrade (SatchelAuthCall *call)
{
  g_atomic_int_inc (&stage_counts.n_upgrades);
  satchel_auth_call_upgraded (call);
}

static void
look_up_user (SatchelAuthCall *call)
{
  const char *const found[] = { satchel_auth_call_user (call), NULL };
  stage_counts.n_resolved++;
  if (stage_userdb_is_silent)
    g_queue_push_tail (&held_look_ups, call);
  else if (stage_database_is_down)
    satchel_auth_call_fail (call, NULL);
  else
    satchel_auth_call_resolved (call, g_hash_table_contains (users, found[0]) ? found : NULL);
}

static gboolean
has_domain (const char *domain)
{
  return strcmp (domain, "x.org") == 0;
}

static gboolean
has_domain_of_aliases (const char *domain)
{
  return strcmp (domain, "old.org") == 0;
}

static void
tell_attributes (SatchelAuthCall *call)
{
  g_autoptr (GError) error = NULL;
  stage_counts.n_attributes++;
  if (stage_userdb_is_silent)
    g_queue_push_tail (&held_attributes, call);
  else if (stage_attributes_are_down)
    {
      satchel_error_set (&error, SATCHEL_ERROR_UNAVAILABLE, "ask later");
      satchel_auth_call_fail (call, error);
    }
  else
    satchel_auth_call_attributes (call, stage_attributes);
}

guint
stage_userdb_speaks (void)
{
  guint n = 0;
  stage_userdb_is_silent = FALSE;
  for (SatchelAuthCall *call; (call = g_queue_pop_head (&held_look_ups)) != NULL; n++)
    look_up_user (call);
  for (SatchelAuthCall *call; (call = g_queue_pop_head (&held_attributes)) != NULL; n++)
    tell_attributes (call);
  return n;
}

static void
look_up_alias (SatchelAuthCall *call)
{
  const char *targets = g_hash_table_lookup (stage_aliases, satchel_auth_call_user (call));
  g_auto (GStrv) parts = targets != NULL ? g_strsplit (targets, " ", -1) : NULL;
  satchel_auth_call_resolved (call, (const char *const *) parts);
}

/* A test may say what it says to all; else its user's codes are the last three digits. */
static void
factor_examine (SatchelAuthCall *call)
{
  const char *secret = satchel_auth_call_secret (call);
  SatchelFactorAnswer answer = stage_factor_answer;
  answer.size = sizeof answer;
  stage_counts.n_examined++;
  if (answer.verdict != SATCHEL_FACTOR_UNAVAILABLE)
    {
      satchel_auth_call_judge (call, &answer);
      return;
    }
  gsize len = secret != NULL ? strlen (secret) : 0;
  if (g_strcmp0 (satchel_auth_call_user (call), stage_cheap_user) == 0)
    {
      answer.verdict = SATCHEL_FACTOR_ACCEPTED;
      answer.credential = "app:1";
    }
  else if (g_strcmp0 (satchel_auth_call_user (call), stage_factor_user) != 0)
    answer.verdict = SATCHEL_FACTOR_NOT_MINE;
  else if (len <= 3 || strspn (secret + len - 3, "0123456789") != 3)
    answer.verdict = SATCHEL_FACTOR_CODE_MISSING;
  else
    {
      answer.verdict = SATCHEL_FACTOR_CANDIDATES;
      answer.n_candidates = 1;
      answer.candidates[0] = len - 3;
    }
  satchel_auth_call_judge (call, &answer);
}

static void
factor_confirm (SatchelAuthCall *call)
{
  const SatchelFactorAnswer answer = { .size = sizeof answer, .verdict = stage_factor_verdict };
  stage_counts.n_checks++;
  stage_counts.password_len = satchel_auth_call_password_len (call);
  satchel_auth_call_judge (call, &answer);
}

static void
keyring_unlock (SatchelAuthCall *call)
{
  const SatchelKeyMaterial *material = satchel_auth_call_material (call);
  stage_counts.n_unlocked++;
  g_autofree char *text = g_strdup_printf ("%d %s %s %.*s", material->source, material->slot,
                                           material->variant, (int) material->len, material->data);
  g_autoptr (GBytes) key = stage_has_ring ? satchel_secret_new (text, strlen (text)) : NULL;
  g_autoptr (GBytes) copy = g_bytes_new_static ("a copy", 6);
  if (stage_notice != NULL)
    {
      satchel_auth_call_notice (call, stage_notice);
      satchel_auth_call_copy (call, copy);
    }
  satchel_auth_call_unlocked (call, key);
}

/* ---- credentials that the factor keeps ---- */

GPtrArray *stage_credentials;
gboolean stage_credentials_are_down;
GString *stage_told_factor;

static gboolean
list_credentials (const char *user, SatchelCredentialEntryFunc func, gpointer data, GError **error)
{
  for (guint i = 0; i < stage_credentials->len; i++)
    {
      g_auto (GStrv) words = g_strsplit (stage_credentials->pdata[i], " ", 2);
      func (&(SatchelCredentialEntry) { .size = sizeof (SatchelCredentialEntry),
                                        .id = words[0],
                                        .label = words[1],
                                        .network = "",
                                        .service = "imap",
                                        .peer = STAGE_PEER,
                                        .created_s = g_get_real_time () / G_USEC_PER_SEC - 100 },
            data);
    }
  return !stage_credentials_are_down
         || satchel_error_set (error, SATCHEL_ERROR_FAILED, "the file is damaged");
}

static gboolean
end_credential (const char *user, const char *credential, GError **error)
{
  if (stage_credentials_are_down)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "the file is damaged");
  for (guint i = 0; i < stage_credentials->len; i++)
    {
      const char *line = stage_credentials->pdata[i];
      if (g_str_has_prefix (line, credential) && line[strlen (credential)] == ' ')
        return g_ptr_array_remove_index (stage_credentials, i) != NULL;
    }
  return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "there is no such credential");
}

static void
note_client (const char *user, const char *credential, const char *client)
{
  g_string_append_printf (stage_told_factor, "%s %s is %s\n", user, credential, client);
}

static gboolean
forget_user (const char *user, GError **error)
{
  if (stage_credentials_are_down)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "the file is damaged");
  g_string_append_printf (stage_told_factor, "forgot %s\n", user);
  return TRUE;
}

/* A mechanism that sends a name, is asked for a word, and is right with "right". */
static gpointer
token_new (const SatchelLogin *login)
{
  return g_new0 (guint, 1);
}

static SatchelSaslResult
token_step (gpointer exchange, const guint8 *response, gsize len, SatchelSaslTurn *turn)
{
  guint *n = exchange;
  if (response == NULL)
    return SATCHEL_SASL_MALFORMED;
  if ((*n)++ == 0)
    {
      turn->user = g_strndup ((const char *) response, len);
      return SATCHEL_SASL_LOOK_UP;
    }
  if (len == 0)
    return SATCHEL_SASL_MALFORMED;
  turn->key = satchel_secret_new ("client key", 10);
  return len == 5 && memcmp (response, "right", 5) == 0 ? SATCHEL_SASL_RIGHT : SATCHEL_SASL_WRONG;
}

static SatchelSaslResult
token_found (gpointer exchange, const char *user, const SatchelCredential *credential, SatchelSaslTurn *turn)
{
  turn->challenge = g_bytes_new_static (credential != NULL ? "word" : "Word", 4);
  return SATCHEL_SASL_CHALLENGE;
}

static const SatchelSaslOps token = { .size = sizeof token,
                                      .name = "TOKEN-PLUS",
                                      .flags = SATCHEL_SASL_NEEDS_BINDING,
                                      .exchange_new = token_new,
                                      .step = token_step,
                                      .found = token_found,
                                      .exchange_free = g_free };
static const SatchelUserdbOps userdb = { .size = sizeof userdb,
                                         .band = 500,
                                         .look_up = look_up_user,
                                         .has_domain = has_domain,
                                         .attributes = tell_attributes,
                                         .cancelled = cancelled };
static const SatchelPassdbOps passdb = { .size = sizeof passdb,
                                         .band = 10,
                                         .look_up = look_up,
                                         .verify = verify,
                                         .upgrade = upgrade,
                                         .list = list_users,
                                         .cancelled = cancelled,
                                         .userdb = &userdb };
static const SatchelUserdbOps aliasdb = { .size = sizeof aliasdb,
                                          .band = 100,
                                          .look_up = look_up_alias,
                                          .has_domain = has_domain_of_aliases,
                                          .flags = SATCHEL_USERDB_ALIASES };
static const SatchelFactorOps factor = { .size = sizeof factor,
                                         .band = 10,
                                         .examine = factor_examine,
                                         .confirm = factor_confirm,
                                         .list_credentials = list_credentials,
                                         .end_credential = end_credential,
                                         .client_named = note_client,
                                         .forget_user = forget_user };
const char *stage_ring_says;

static gboolean
keyring_attributes (const char *user, GPtrArray *attributes, GError **error)
{
  if (stage_ring_says != NULL && *stage_ring_says == '\0')
    return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "the ring is away");
  if (stage_ring_says != NULL)
    g_ptr_array_add (attributes, g_strdup (stage_ring_says));
  return TRUE;
}

static const SatchelKeyringOps keyring = {
  .size = sizeof keyring, .band = 10, .unlock = keyring_unlock, .attributes = keyring_attributes
};
static const SatchelProvides provides[] = { { SATCHEL_KIND_PASSDB, NULL, &passdb },
                                            { SATCHEL_KIND_USERDB, NULL, &userdb },
                                            { SATCHEL_KIND_USERDB, "aliases", &aliasdb },
                                            { SATCHEL_KIND_FACTOR, NULL, &factor },
                                            { SATCHEL_KIND_KEYRING, NULL, &keyring },
                                            { SATCHEL_KIND_SASL, NULL, &token },
                                            { 0 } };
static const SatchelModule module = { SATCHEL_MODULE_FACTS,  .name = "fake",   .version = "0",
                                      .description = "test", .licence = "MIT", .roles = SATCHEL_ROLE_AUTH,
                                      .provides = provides };

/* ---- what role.c gives ---- */

SatchelPeer *
satchel_role_peer (SatchelRoleContext *context, SatchelRole role, guint slot)
{
  if (role == SATCHEL_ROLE_GATE)
    return slot < STAGE_GATES ? &stage.gates[slot] : NULL;
  return slot < STAGE_MAILS ? &stage.mails[slot] : NULL;
}

gboolean
satchel_peer_send_after (SatchelPeer *peer, SatchelIpcMessage *message, const SatchelPeer *first)
{
  if (peer->link == NULL)
    {
      satchel_ipc_message_free (message);
      return FALSE;
    }
  g_assert_cmpuint (message->body->len, <, SATCHEL_IPC_MAX_BYTES);
  gboolean is_late = first != NULL && stage.mails_are_slow;
  g_queue_push_tail (is_late ? &stage.late
                             : &stage.sent[peer->slot + (peer->role == SATCHEL_ROLE_MAIL ? STAGE_GATES : 0)],
                     message);
  return TRUE;
}

gboolean
satchel_peer_send (SatchelPeer *peer, SatchelIpcMessage *message)
{
  return satchel_peer_send_after (peer, message, NULL);
}

gboolean
satchel_peer_keeps_up (const SatchelPeer *peer)
{
  return peer != NULL && peer->link != NULL && !stage.mails_are_behind;
}

void
satchel_role_admin_reply (SatchelRoleContext *context, guint64 request, gboolean final, guint status,
                          const char *text)
{
  g_string_append_printf (stage.admin_reply, "%u %s", status, text);
  stage.n_admin_final += final;
}

void
satchel_role_stopped (SatchelRoleContext *context)
{
}

/* ---- life ---- */

static void
collect_log (SatchelLogLevel level, const char *area, const char *message)
{
  g_string_append_printf (stage.log, "%s\n", message);
}

static void
start (const char *const *overrides)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) problems =
      g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
  g_autoptr (GError) error = NULL;
  g_ptr_array_add (all, g_strdup ("auth.failure_delay=\"0ms\""));
  g_ptr_array_add (all, g_strdup ("server.default_domain=x.org"));
  for (; overrides != NULL && *overrides != NULL; overrides++)
    g_ptr_array_add (all, g_strdup (*overrides));
  g_ptr_array_add (all, NULL);
  config =
      satchel_config_load (NULL, stage.directory, (const char *const *) all->pdata, NULL, NULL, problems);
  for (guint i = 0; i < problems->len; i++)
    g_test_message ("%s", ((SatchelConfigProblem *) problems->pdata[i])->text);
  g_assert_nonnull (config);

  stage.context = (SatchelRoleContext) {
    .role = SATCHEL_ROLE_AUTH, .n_mail_slots = STAGE_MAILS, .config = config, .root_fd = stage.root_fd
  };
  stage.context.loader = satchel_loader_new (SATCHEL_ROLE_AUTH, NULL);
  g_assert_true (satchel_loader_add (stage.context.loader, &module, FALSE, &error));
  stage.context.peers = g_ptr_array_new ();
  g_assert_true (satchel_auth_role_start (&stage.context, &stage.hooks, &error));
  g_assert_no_error (error);
  for (guint i = 0; i < STAGE_GATES + STAGE_MAILS; i++)
    {
      SatchelPeer *peer = i < STAGE_GATES ? &stage.gates[i] : &stage.mails[i - STAGE_GATES];
      *peer = (SatchelPeer) { .context = &stage.context,
                              .role = i < STAGE_GATES ? SATCHEL_ROLE_GATE : SATCHEL_ROLE_MAIL,
                              .slot = i < STAGE_GATES ? i : i - STAGE_GATES,
                              .link = GINT_TO_POINTER (1) };
      g_ptr_array_add (stage.context.peers, peer);
      stage.hooks->peer_up (&stage.context, peer);
    }
}

static void
finish (void)
{
  stage_settle ();
  stage.hooks->stop (&stage.context, 0);
  g_ptr_array_unref (stage.context.peers);
  satchel_loader_free (stage.context.loader);
  g_clear_pointer (&config, satchel_config_set_free);
  for (guint i = 0; i < G_N_ELEMENTS (stage.sent); i++)
    g_queue_clear_full (&stage.sent[i], (GDestroyNotify) satchel_ipc_message_free);
  g_queue_clear_full (&stage.late, (GDestroyNotify) satchel_ipc_message_free);
  stage.mails_are_slow = FALSE;
}

void
stage_begin (const char *const *overrides)
{
  stage.directory = g_dir_make_tmp ("satchel-auth-XXXXXX", NULL);
  stage.root_fd = open (stage.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  stage.log = g_string_new (NULL);
  stage.admin_reply = g_string_new (NULL);
  stage_credentials = g_ptr_array_new ();
  stage_told_factor = g_string_new (NULL);
  stage_counts = (StageCounts) { 0 };
  stage_database_is_down = stage_hash_fails = stage_wants_upgrade = FALSE;
  stage_factor_user = stage_silent_user = stage_cheap_user = stage_binding = NULL;
  stage_scram = NULL;
  stage_has_ring = FALSE;
  stage_notice = NULL;
  stage_credentials_are_down = FALSE;
  stage_attributes = stage_attributes_of_passdb = NULL;
  stage_attributes_are_down = stage_userdb_is_silent = FALSE;
  stage_factor_answer = (SatchelFactorAnswer) { 0 };
  stage_key = NULL;
  users = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, user_free);
  stage_aliases = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  satchel_log_divert (collect_log);
  stage_set_user ("alice@x.org", "pw", FALSE);
  stage_set_user ("bob@x.org", "pw", FALSE);
  start (overrides);
}

void
stage_end (void)
{
  finish ();
  satchel_log_divert (NULL);
  g_string_free (stage.log, TRUE);
  g_string_free (stage.admin_reply, TRUE);
  g_ptr_array_unref (stage_credentials);
  g_string_free (stage_told_factor, TRUE);
  g_hash_table_unref (users);
  g_hash_table_unref (stage_aliases);
  unlinkat (stage.root_fd, "placements", 0);
  unlinkat (stage.root_fd, "secret", 0);
  unlinkat (stage.root_fd, "known-networks", 0);
  close (stage.root_fd);
  g_assert_cmpint (g_rmdir (stage.directory), ==, 0);
  g_free (stage.directory);
}

void
stage_restart (const char *const *overrides)
{
  finish ();
  start (overrides);
}

void
stage_mail_away (guint slot)
{
  stage.mails[slot].link = NULL;
  stage.hooks->peer_down (&stage.context, &stage.mails[slot]);
}

void
stage_mail_back (guint slot)
{
  stage.mails[slot].link = GINT_TO_POINTER (1);
  stage.hooks->peer_up (&stage.context, &stage.mails[slot]);
}

/* ---- messages ---- */

gboolean
stage_deliver (SatchelPeer *peer, SatchelIpcMessage *message)
{
  gboolean ok = stage.hooks->peer_message (&stage.context, peer, message);
  satchel_ipc_message_free (message);
  return ok;
}

/* Puts the login part of a message. */
static void
put_login (SatchelIpcMessage *message, const char *service, const char *method, const char *peer,
           guint secure)
{
  satchel_ipc_put_string (message, service);
  satchel_ipc_put_string (message, method);
  satchel_ipc_put_string (message, "listener");
  satchel_ipc_put_string (message, peer);
  satchel_ipc_put_string (message, "");
  satchel_ipc_put_string (message, "");
  satchel_ipc_put_u32 (message, secure);
}

SatchelIpcMessage *
stage_password_message (guint64 session, const char *service, const char *method, const char *peer,
                        guint secure, const void *user, gsize user_len, const void *password,
                        gsize password_len)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_AUTH_PASSWORD, session);
  put_login (message, service, method, peer, secure);
  satchel_ipc_put_bytes (message, user, user_len);
  satchel_ipc_put_bytes (message, password, password_len);
  return message;
}

gboolean
stage_password_full (guint gate, guint64 session, const char *service, const char *method, const char *peer,
                     guint secure, const void *user, gsize user_len, const void *password, gsize password_len)
{
  return stage_deliver (&stage.gates[gate], stage_password_message (session, service, method, peer, secure,
                                                                    user, user_len, password, password_len));
}

gboolean
stage_password (guint gate, guint64 session, const char *peer, const char *user, const char *password)
{
  return stage_password_full (gate, session, "imap", "LOGIN", peer, 1, user, strlen (user), password,
                              strlen (password));
}

gboolean
stage_sasl (guint gate, guint64 session, const char *mechanism, guint secure, const void *initial, gssize len)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_AUTH_START, session);
  put_login (message, "imap", mechanism, STAGE_PEER, secure);
  satchel_ipc_put_u32 (message, len >= 0);
  satchel_ipc_put_bytes (message, initial, len > 0 ? (gsize) len : 0);
  satchel_ipc_put_bytes (message, stage_binding, stage_binding != NULL ? strlen (stage_binding) : 0);
  satchel_ipc_put_bytes (message, NULL, 0);
  satchel_ipc_put_bytes (message, NULL, 0);
  return stage_deliver (&stage.gates[gate], message);
}

gboolean
stage_step (guint gate, guint64 session, const void *response, gsize len)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_AUTH_STEP, session);
  satchel_ipc_put_bytes (message, response, len);
  return stage_deliver (&stage.gates[gate], message);
}

gboolean
stage_simple (guint gate, SatchelIpcType type, guint64 session)
{
  return stage_deliver (&stage.gates[gate], satchel_ipc_message_new (type, session));
}

static SatchelIpcMessage *
take_reply (guint gate)
{
  for (SatchelIpcMessage *message; (message = g_queue_pop_head (&stage.sent[gate])) != NULL;
       satchel_ipc_message_free (message))
    if (message->type == SATCHEL_IPC_AUTH_REPLY)
      return message;
  return NULL;
}

void
stage_wait_reply (guint gate, StageReply *ret_reply)
{
  SatchelIpcMessage *message;
  while ((message = take_reply (gate)) == NULL)
    g_main_context_iteration (NULL, TRUE);
  *ret_reply = (StageReply) { .session = message->session_id };
  gsize len;
  ret_reply->status = satchel_ipc_get_u32 (message);
  const guint8 *challenge = satchel_ipc_get_bytes (message, &len);
  memcpy (ret_reply->challenge, challenge, MIN (len, sizeof ret_reply->challenge - 1));
  g_strlcpy (ret_reply->explain, satchel_ipc_get_string (message), sizeof ret_reply->explain);
  const guint8 *grant = satchel_ipc_get_bytes (message, &ret_reply->grant_len);
  g_assert_true (ret_reply->grant_len == 0 || ret_reply->grant_len == 16);
  memcpy (ret_reply->grant, grant, ret_reply->grant_len);
  ret_reply->mail_slot = satchel_ipc_get_u32 (message);
  g_strlcpy (ret_reply->user, satchel_ipc_get_string (message), sizeof ret_reply->user);
  g_assert_true (satchel_ipc_message_is_done (message));
  g_assert_cmpint (ret_reply->grant_len == 16, ==,
                   ret_reply->status == SATCHEL_AUTH_OK && !stage_is_elsewhere);
  satchel_ipc_message_free (message);
}

SatchelAuthStatus
stage_wait_status (guint gate)
{
  StageReply reply;
  stage_wait_reply (gate, &reply);
  return reply.status;
}

gboolean
stage_has_reply (guint gate)
{
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  for (GList *link = stage.sent[gate].head; link != NULL; link = link->next)
    if (((SatchelIpcMessage *) link->data)->type == SATCHEL_IPC_AUTH_REPLY)
      return TRUE;
  return FALSE;
}

static guint
n_running (void)
{
  static const char *const status[] = { "status", NULL };
  guint n = 0;
  g_string_truncate (stage.admin_reply, 0);
  stage.hooks->admin (&stage.context, 1, status, -1);
  const char *hashes = strstr (stage.admin_reply->str, "hashes=");
  g_assert_nonnull (hashes);
  n = (guint) g_ascii_strtoull (hashes + strlen ("hashes="), NULL, 10);
  return n;
}

void
stage_settle (void)
{
  while (n_running () > 0)
    g_main_context_iteration (NULL, TRUE);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
}

SatchelIpcMessage *
stage_take_from_mail (guint slot)
{
  return g_queue_pop_head (&stage.sent[STAGE_GATES + slot]);
}

guint
stage_count_lines (const char *text)
{
  guint n = 0;
  for (const char *p = stage.log->str; (p = strstr (p, text)) != NULL; p++)
    n++;
  return n;
}

guint
stage_n_hashes (void)
{
  return stage_counts.n_hashes + stage_counts.n_dummy_hashes;
}

SatchelAuthStatus
stage_log_in (guint64 session, const char *user, const char *password)
{
  g_assert_true (stage_password (0, session, STAGE_PEER, user, password));
  SatchelAuthStatus status = stage_wait_status (0);
  if (status == SATCHEL_AUTH_OK)
    g_assert_true (stage_simple (0, SATCHEL_IPC_SESSION_END, session));
  return status;
}
