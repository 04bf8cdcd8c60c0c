/* SPDX-License-Identifier: MIT
 * Declares how Berkeley DB lists directories here.
 */
#pragma once

/* Gives the names in @directory but "." and "..", for bdb_file_list_free; returns 0 or an errno. The
 * library's own takes a directory that cannot be read to its end for one that ends there: with an I/O error
 * it finds no log, begins another over the one that is there, and the volume can never be opened again. */
int bdb_file_list (const char *directory, char ***ret_names, int *ret_n);
void bdb_file_list_free (char **names, int n);
