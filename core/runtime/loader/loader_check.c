/* SPDX-License-Identifier: MIT
 * Makes the handshake: checks a module's descriptor before any call into the module.
 */
#include "config.h"

#include <string.h>
#include <satchel/admin.h>
#include <satchel/auth.h>
#include <satchel/filter.h>
#include <satchel/helper.h>
#include <satchel/account_event.h>
#include <satchel/keyring.h>
#include <satchel/listener.h>
#include <satchel/protocol.h>
#include <satchel/sasl.h>
#include <satchel/service.h>
#include <satchel/storage.h>

#include "core/runtime/loader/admin_options.h"
#include "core/runtime/loader/kinds.h"
#include "core/runtime/loader/loader_private.h"

#define ROWS_MAX 1000
#define PROVIDES_MAX 64
#define TABLE_MAX 4096 /* bytes of the longest table that is accepted; today's longest has some hundred */
#define ROW_DEPTH_MAX 4
/* This advice is for a module that needs a newer server. */
#define NEWER "it was built for a newer server: install that one, or an older version of the module"

/* The table of a kind must have this member. */
typedef struct Must
{
  SatchelKind kind;
  gsize offset;
  const char *name;
} Must;

#define MUST(k, t, m) { SATCHEL_KIND_##k, offsetof (t, m), #m }
static const Must musts[] = {
  MUST (PROTOCOL_GATE, SatchelGateProtocolOps, service),
  MUST (PROTOCOL, SatchelProtocolOps, service),
  MUST (PROTOCOL, SatchelProtocolOps, session_new),
  MUST (PROTOCOL, SatchelProtocolOps, handlers),
#define DRIVER_MUST(name) MUST (STORAGE_DRIVER, SatchelStorageOps, name),
#define DRIVER_MAY(name)
#define STEP(name, need, turn) DRIVER_##need (name)
#define METHOD(result, name, level, classes, need, ...) DRIVER_##need (name)
#include "core/runtime/loader/storage_methods.def"
  MUST (STORAGE_LAYER, SatchelStorageOps, open),
  MUST (PASSDB, SatchelPassdbOps, look_up),
  MUST (PASSDB, SatchelPassdbOps, verify),
  MUST (USERDB, SatchelUserdbOps, look_up),
  MUST (FACTOR, SatchelFactorOps, examine),
  MUST (FACTOR, SatchelFactorOps, confirm),
  MUST (SERVICE, SatchelServiceOps, session_new),
  MUST (SERVICE, SatchelServiceOps, handlers),
  MUST (HELPER, SatchelHelperOps, handle),
  MUST (ADMIN, SatchelAdminOps, commands),
  MUST (SASL, SatchelSaslOps, name),
  MUST (SASL, SatchelSaslOps, exchange_new),
  MUST (SASL, SatchelSaslOps, step),
  MUST (SASL, SatchelSaslOps, exchange_free),
  MUST (KEYRING, SatchelKeyringOps, unlock),
  MUST (ACCOUNT_LISTENER, SatchelAccountListenerOps, happened),
};
/* A protocol with logins must have these members. */
static const Must login_musts[] = {
  MUST (PROTOCOL_GATE, SatchelGateProtocolOps, session_new),
  MUST (PROTOCOL_GATE, SatchelGateProtocolOps, handlers),
  MUST (PROTOCOL_GATE, SatchelGateProtocolOps, auth_result),
};

/* Of these members the table of a kind must have at least one. */
static const Must anys[] = {
  MUST (DELIVERY_FILTER, SatchelDeliveryFilterOps, message),
  MUST (DELIVERY_FILTER, SatchelDeliveryFilterOps, recipient),
  MUST (MAILBOX_LISTENER, SatchelMailboxListenerOps, changed),
  MUST (MAILBOX_LISTENER, SatchelMailboxListenerOps, maintain),
  MUST (MAILBOX_LISTENER, SatchelMailboxListenerOps, heard),
};

static gboolean
has_entry (const SatchelProvides *provides, const Must *must)
{
  return *(const size_t *) provides->ops >= must->offset + sizeof (gpointer)
         && G_STRUCT_MEMBER (gconstpointer, provides->ops, must->offset) != NULL;
}

static gboolean
check_musts (const SatchelProvides *provides, const Must *table, gsize n, const char *who, GError **error)
{
  for (gsize i = 0; i < n; i++)
    if (table[i].kind == provides->kind && !has_entry (provides, &table[i]))
      return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                                "%s: its %s lacks the entry point `%s`, which every one must have; the "
                                "module is not complete, ask its author",
                                who, satchel_kind_words (provides->kind), table[i].name);
  return TRUE;
}

/* Checks the size of a table. A module that was built for a newer server may have a longer one; what this
 * server does not know must be unset, since it would be left out without a word. */
static gboolean
check_size (const SatchelProvides *provides, const char *who, GError **error)
{
  const SatchelKindRow *row = satchel_kind_row (provides->kind);
  gsize known = row->known_size, size = *(const size_t *) provides->ops;
  if (size < row->first_size || size > TABLE_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "%s: the table of its %s has no valid size (%zu; it has at least %zu bytes); "
                              "ask its author",
                              who, row->words, size, row->first_size);
  for (gsize i = known; i < size; i++)
    if (((const char *) provides->ops)[i] != 0)
      return satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                                "%s: its %s needs more of the server than this one knows (entry points "
                                "behind byte %zu of its table); " NEWER,
                                who, row->words, known);
  return TRUE;
}

guint
satchel_loader_band (const SatchelProvides *provides)
{
  const SatchelKindRow *row = satchel_kind_row (provides->kind);
  return row->band_at != 0 ? G_STRUCT_MEMBER (guint, provides->ops, row->band_at) : 0;
}

/* Says whether a kind belongs into this half of a module. The half before login may hold nothing else, which
 * keeps the rest out of the gate. */
static gboolean
kind_fits_half (const SatchelProvides *provides, gboolean is_gate)
{
  if (provides->kind == SATCHEL_KIND_SERVICE)
    return is_gate == (((const SatchelServiceOps *) provides->ops)->role == SATCHEL_ROLE_GATE);
  return (provides->kind == SATCHEL_KIND_PROTOCOL_GATE) == is_gate;
}

/* Checks that the table has at least one function that the server calls. */
static gboolean
check_any (const SatchelProvides *provides, const char *who, GError **error)
{
  g_autoptr (GString) names = g_string_new (NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (anys); i++)
    {
      if (anys[i].kind != provides->kind)
        continue;
      if (has_entry (provides, &anys[i]))
        return TRUE;
      g_string_append_printf (names, "%s`%s`", names->len > 0 ? ", " : "", anys[i].name);
    }
  return names->len == 0
         || satchel_error_set (error, SATCHEL_ERROR_INVALID,
                               "%s: its %s has none of the entry points %s, so it would never be called; the "
                               "module is not complete, ask its author",
                               who, satchel_kind_words (provides->kind), names->str);
}

/* Checks a SASL mechanism: clients see its name, and a gate compares it. */
static gboolean
check_sasl (const SatchelProvides *provides, const char *who, GError **error)
{
  const SatchelSaslOps *ops = provides->ops;
  if (provides->kind != SATCHEL_KIND_SASL)
    return TRUE;
  gsize len = strspn (ops->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
  return (len > 0 && len <= SATCHEL_SASL_NAME_MAX && ops->name[len] == '\0'
          && (ops->flags & ~(guint) SATCHEL_SASL_FLAGS_ALL) == 0)
         || satchel_error_set (
             error, SATCHEL_ERROR_INVALID,
             "%s: \"%.32s\" cannot be the name of a SASL mechanism, or this server does not know "
             "its flags (0x%x); ask its author",
             who, ops->name, ops->flags);
}

/* Checks a helper: its process has the name of the module, and serves one table. */
static gboolean
check_helper (const SatchelModule *module, const char *who, GError **error)
{
  const SatchelHelperOps *ops = NULL;
  guint n = 0;
  for (guint i = 0; module->provides[i].kind != 0; i++)
    if (module->provides[i].kind == SATCHEL_KIND_HELPER)
      {
        ops = module->provides[i].ops;
        n++;
      }
  gboolean has_role = (module->roles & SATCHEL_ROLE_HELPER) != 0;
  if (n > 1 || has_role != (n == 1))
    return satchel_error_set (
        error, SATCHEL_ERROR_INVALID,
        "%s: it must have both the role helper and one helper, or neither; ask its author", who);
  if (n == 1 && (ops->max_calls < 1 || ops->max_calls > 256))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "%s: max_calls %u of its helper is not in 1..256; ask its author", who,
                              ops->max_calls);
  gboolean has_right = (satchel_module_rights (module) & SATCHEL_RIGHT_PROGRAMS) != 0;
  if (has_right != (n == 1 && SATCHEL_HAS (ops, run_child)))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "%s: it must have both the right to start programs and a helper with "
                              "`run_child`, or neither; ask its "
                              "author",
                              who);
  return TRUE;
}

static gboolean
check_band (const SatchelProvides *provides, const SatchelKindRow *row, const char *who, GError **error)
{
  guint band = satchel_loader_band (provides);
  return !row->must_be_band || (band >= 1 && band <= 999)
         || satchel_error_set (error, SATCHEL_ERROR_INVALID,
                               "%s: band %u of its %s is not in 1..999; ask its author", who, band,
                               row->words);
}

static gboolean
has_logins (const SatchelProvides *provides)
{
  return provides->kind == SATCHEL_KIND_PROTOCOL_GATE
         && !(((const SatchelGateProtocolOps *) provides->ops)->flags & SATCHEL_PROTOCOL_NO_LOGIN);
}

static gboolean
check_half (const SatchelProvides *provides, gboolean is_gate, const char *who, GError **error)
{
  return kind_fits_half (provides, is_gate)
         || satchel_error_set (error, SATCHEL_ERROR_INVALID, "%s: a %s does not belong in this file; %s", who,
                               satchel_kind_words (provides->kind),
                               is_gate ? "NAME-gate.so holds only what runs before login"
                                       : "it belongs in NAME-gate.so");
}

/* Checks one thing that a module provides: its kind is known, its table complete, and its place the right
 * one. */
static gboolean
check_provided (const SatchelModule *module, const SatchelProvides *provides, gboolean is_gate,
                const char *who, GError **error)
{
  const SatchelKindRow *row = satchel_kind_row (provides->kind);
  if (row == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                              "%s: it provides a kind (%u) that this server does not know; " NEWER, who,
                              (guint) provides->kind);
  if (provides->ops == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "%s: the table of its %s is missing; ask its author", who, row->words);
  return check_size (provides, who, error) && check_musts (provides, musts, G_N_ELEMENTS (musts), who, error)
         && check_any (provides, who, error) && check_sasl (provides, who, error)
         && (!has_logins (provides)
             || check_musts (provides, login_musts, G_N_ELEMENTS (login_musts), who, error))
         && check_half (provides, is_gate, who, error) && check_band (provides, row, who, error)
         && (provides->kind != SATCHEL_KIND_ADMIN
             || satchel_admin_check_table (module, provides, who, error));
}

static gboolean
check_provides (const SatchelModule *module, gboolean is_gate, const char *who, GError **error)
{
  const gboolean is_empty = module->provides == NULL || module->provides[0].kind == 0;
  if (module->provides != NULL && is_empty && module->roles == 0)
    return TRUE; /* the group is for the settings of its gate half */
  if (is_empty)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "%s: it provides nothing; ask its author", who);
  for (guint i = 0; module->provides[i].kind != 0; i++)
    {
      if (i >= PROVIDES_MAX)
        return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                                  "%s: it provides more than %d things; ask its author", who, PROVIDES_MAX);
      if (!check_provided (module, &module->provides[i], is_gate, who, error))
        return FALSE;
    }
  return check_helper (module, who, error);
}

static gboolean
check_rows (const SatchelModule *module, const SatchelConfigRow *rows, guint depth, const char *who,
            GError **error)
{
  for (guint i = 0; rows != NULL && rows[i].key != NULL; i++)
    {
      const SatchelConfigRow *row = &rows[i];
      if (row->type > SATCHEL_CONFIG_ENDPOINT)
        return satchel_error_set (
            error, SATCHEL_ERROR_CANNOT,
            "%s: its setting \"%.64s\" has a type (%u) that this server does not know; " NEWER, who, row->key,
            (guint) row->type);
      gboolean is_bad = i >= ROWS_MAX || depth > ROW_DEPTH_MAX || row->type < SATCHEL_CONFIG_BOOL
                        || row->help == NULL || (depth == 0 && strcmp (row->key, "enabled") == 0)
                        || (row->type == SATCHEL_CONFIG_ENUM && row->choices == NULL)
                        || (row->type == SATCHEL_CONFIG_GROUPS && row->group == NULL) || row->min > row->max;
      if (is_bad)
        return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                                  "%s: the description of its setting \"%.64s\" is not valid; ask its author",
                                  who, row->key);
      gboolean is_endpoint = row->type == SATCHEL_CONFIG_ENDPOINT;
      if (is_endpoint
          && ((module->roles & SATCHEL_ROLE_HELPER) == 0
              || (depth == 0 && (row->flags & SATCHEL_CONFIG_RELOADABLE) == 0)))
        return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                                  "%s: its setting \"%.64s\" is an endpoint, which needs the role helper and "
                                  "is reloadable; ask its author",
                                  who, row->key);
      if (row->type == SATCHEL_CONFIG_GROUPS && !check_rows (module, row->group, depth + 1, who, error))
        return FALSE;
    }
  return TRUE;
}

/* A descriptor of the first form has this size; later members follow behind it. */
#define DESCRIPTOR_MIN offsetof (SatchelModule, rights)

guint
satchel_module_rights (const SatchelModule *module)
{
  return module->size >= offsetof (SatchelModule, rights) + sizeof module->rights ? module->rights : 0;
}

static gboolean
check_rights (const SatchelModule *module, const char *who, GError **error)
{
  guint rights = satchel_module_rights (module);
  const guint known = SATCHEL_RIGHT_CONNECT | SATCHEL_RIGHT_PROGRAMS;
  if ((rights & ~known) != 0)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                              "%s: it asks for rights (0x%x) that this server does not know; " NEWER, who,
                              rights & ~known);
  if ((rights & SATCHEL_RIGHT_CONNECT) != 0 && (module->roles & SATCHEL_ROLE_HELPER) == 0)
    return satchel_error_set (
        error, SATCHEL_ERROR_CANNOT,
        "%s: it asks for connections in a process that holds mail or passwords; only helpers may make them",
        who);
  return TRUE;
}

static gboolean
check_build (const SatchelModule *module, const char *who, GError **error)
{
  if (module->magic != SATCHEL_MODULE_MAGIC)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "%s: its descriptor does not start with Satchel's mark; it is not a Satchel "
                              "module, or built against other headers: rebuild it",
                              who);
  if (module->abi != SATCHEL_ABI)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "%s: it was built for ABI %u, this server has ABI %u; rebuild it against this "
                              "server's headers, or install the version that fits",
                              who, module->abi, SATCHEL_ABI);
  if (module->size < DESCRIPTOR_MIN || module->size > sizeof (SatchelModule))
    return satchel_error_set (
        error, SATCHEL_ERROR_INVALID, "%s: its descriptor has %u bytes, and this server knows %u to %u; %s",
        who, module->size, (guint) DESCRIPTOR_MIN, (guint) sizeof (SatchelModule),
        module->size < DESCRIPTOR_MIN ? "rebuild it against this server's headers" : NEWER);
  if ((module->reload != NULL) != (module->reload_end != NULL))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "%s: it must have both reload and reload_end, or neither; ask its author", who);
  if (module->pointer_bits != 8 * sizeof (void *) || module->glib_major != GLIB_MAJOR_VERSION)
    return satchel_error_set (
        error, SATCHEL_ERROR_INVALID,
        "%s: it was built for %u-bit pointers and GLib %u, this server for %u and %u; rebuild it", who,
        module->pointer_bits, module->glib_major, (guint) (8 * sizeof (void *)), (guint) GLIB_MAJOR_VERSION);
  return TRUE;
}

gboolean
satchel_loader_check_descriptor (SatchelRole role, const SatchelModule *module, const char *name,
                                 gboolean is_gate, GError **error)
{
  g_autofree char *who = g_strdup_printf ("module %s%s", name, is_gate ? " (gate half)" : "");
  if (module == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "%s: it returned no descriptor; ask its author",
                              who);
  if (!check_build (module, who, error))
    return FALSE;
  if (module->name == NULL || strcmp (module->name, name) != 0)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "%s: it calls itself \"%.64s\"; rename the file to %.64s%s", who,
                              module->name != NULL ? module->name : "",
                              module->name != NULL ? module->name : "NAME", is_gate ? "-gate.so" : ".so");
  if (module->version == NULL || module->description == NULL || module->licence == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "%s: its version, description or licence is missing; ask its author", who);
  if (is_gate && (module->roles & SATCHEL_ROLE_GATE) == 0)
    return satchel_error_set (error, SATCHEL_ERROR_NOPERM,
                              "%s: it does not declare the role gate; ask its author", who);
  gboolean looks_only = role == SATCHEL_ROLE_CONFIG || role == SATCHEL_ROLE_CLI;
  if (!looks_only && (module->roles & role) == 0)
    return satchel_error_set (error, SATCHEL_ERROR_NOPERM,
                              "%s: it does not run in this process; see `satchel module info %s`", who, name);
  if (is_gate && module->schema != NULL)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "%s: settings belong to %s.so; ask its author",
                              who, name);
  return check_rights (module, who, error) && check_rows (module, module->schema, 0, who, error)
         && check_provides (module, is_gate, who, error);
}
