/* SPDX-License-Identifier: MIT
 * Declares the sums of what a module's command prints for many users: the numbers of records whose keys and
 * texts are the same are added up.
 */
#pragma once
#include <glib.h>

typedef struct SatchelCliTotals SatchelCliTotals;
SatchelCliTotals *satchel_cli_totals_new (void);
void satchel_cli_totals_free (SatchelCliTotals *totals);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelCliTotals, satchel_cli_totals_free)
/* Adds a record as satchel_admin_fields writes it with --json: in the other form a text may look like a
 * number.
 */
void satchel_cli_totals_add (SatchelCliTotals *totals, const char *record);
/* Prints the records, those that came first stand first. */
void satchel_cli_totals_print (const SatchelCliTotals *totals, gboolean is_json);
