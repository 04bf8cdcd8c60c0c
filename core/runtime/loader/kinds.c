/* SPDX-License-Identifier: MIT
 * The table of kinds.  A new kind is a value of SatchelKind (<satchel/module.h>) and a row here; members that
 * its table must have are rows of loader_check.c.
 */
#include "config.h"

#include <satchel/account_event.h>
#include <satchel/admin.h>
#include <satchel/auth.h>
#include <satchel/filter.h>
#include <satchel/helper.h>
#include <satchel/keyring.h>
#include <satchel/listener.h>
#include <satchel/protocol.h>
#include <satchel/sasl.h>
#include <satchel/service.h>
#include <satchel/storage.h>

#include "core/runtime/loader/kinds.h"

/* BAND_NONE is for a kind without a band; BAND_MAY allows any number, BAND_MUST 1 to 999. */
#define BAND_NONE(type) 0, FALSE
#define BAND_MAY(type) offsetof (type, band), FALSE
#define BAND_MUST(type) offsetof (type, band), TRUE
/* Makes a row of the table.  @last is the last member that the kind's table of functions had at first. */
#define ROW(kind, words, type, last, band, title, key)                                                       \
  [SATCHEL_KIND_##kind] = {                                                                                  \
    words, sizeof (type), G_STRUCT_OFFSET (type, last) + sizeof (gpointer), BAND_##band (type), title, key   \
  }

static const SatchelKindRow rows[] = {
  ROW (PROTOCOL_GATE, "protocol (before login)", SatchelGateProtocolOps, refusal, NONE, NULL, NULL),
  ROW (PROTOCOL, "protocol", SatchelProtocolOps, flags, NONE, NULL, NULL),
  ROW (STORAGE_DRIVER, "storage driver", SatchelStorageOps, shown_flags, NONE, NULL, NULL),
  ROW (STORAGE_LAYER, "storage layer", SatchelStorageOps, shown_flags, MUST,
       "Storage layers, nearest to the client first", "layers"),
  ROW (DELIVERY_FILTER, "delivery filter", SatchelDeliveryFilterOps, cancelled, MUST, "Delivery filters",
       "filters"),
  ROW (MAILBOX_LISTENER, "mailbox listener", SatchelMailboxListenerOps, heard, MAY, "Mailbox listeners",
       "listeners"),
  ROW (PASSDB, "passdb", SatchelPassdbOps, flags, MAY, "Passdbs", "passdbs"),
  ROW (USERDB, "userdb", SatchelUserdbOps, cancelled, MAY, "Userdbs", "userdbs"),
  ROW (FACTOR, "factor", SatchelFactorOps, cancelled, MAY, "Factors", "factors"),
  ROW (SERVICE, "service", SatchelServiceOps, handlers, NONE, NULL, NULL),
  ROW (HELPER, "helper", SatchelHelperOps, cancelled, NONE, NULL, NULL),
  ROW (ADMIN, "admin commands", SatchelAdminOps, commands, NONE, NULL, NULL),
  ROW (SASL, "SASL mechanism", SatchelSaslOps, exchange_free, MAY, "SASL mechanisms", "mechanisms"),
  ROW (KEYRING, "keyring", SatchelKeyringOps, drop_slot, MAY, "Keyrings", "keyrings"),
  ROW (ACCOUNT_LISTENER, "account listener", SatchelAccountListenerOps, happened, NONE, "Account listeners",
       "account_listeners"),
};

const SatchelKindRow *
satchel_kind_row (guint kind)
{
  return kind >= 1 && kind < G_N_ELEMENTS (rows) ? &rows[kind] : NULL;
}

const char *
satchel_kind_words (guint kind)
{
  const SatchelKindRow *row = satchel_kind_row (kind);
  return row != NULL ? row->words : "unknown kind";
}
