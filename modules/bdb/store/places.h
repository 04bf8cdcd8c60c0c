/* SPDX-License-Identifier: MIT
 * This header declares where stores of users were looked for, also those that could not be opened.
 */
#pragma once
#include <glib.h>

void bdb_places_note (const char *user, const char *home);
char *bdb_places_find (const char *user); /* yours; NULL: unknown */
void bdb_places_forget (void);
