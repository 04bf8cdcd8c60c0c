/* SPDX-License-Identifier: MIT
 * The storage layer: what comes in is sealed, what goes out is opened for who has the key.  Role mail.
 */
#pragma once
#include <satchel/storage.h>

extern const SatchelStorageOps crypt_layer;
