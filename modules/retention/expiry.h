/* SPDX-License-Identifier: MIT
 * Mail that is removed by itself from Junk, Trash and other mailboxes that the settings name: upkeep of a
 * listener, which removes as a client would, so that the layer keeps it and other listeners hear of it.
 */
#pragma once
#include "settings.h"

SatchelMaintained retention_expire (SatchelStore *store, const SatchelMaintenance *maintenance,
                                    GError **error);
