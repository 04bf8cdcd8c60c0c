/* SPDX-License-Identifier: MIT
 * Declares pins: contents that somebody reads, which therefore stay. They may outlive the store.
 */
#pragma once
#include <glib.h>

typedef struct BdbPins BdbPins;
BdbPins *bdb_pins_new (void);
BdbPins *bdb_pins_ref (BdbPins *pins);
void bdb_pins_unref (BdbPins *pins);
void bdb_pins_add (BdbPins *pins, guint64 content);
void bdb_pins_remove (BdbPins *pins, guint64 content);
gboolean bdb_pins_has (BdbPins *pins, guint64 content);
