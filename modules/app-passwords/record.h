/* SPDX-License-Identifier: MIT
 * Declares the records of the file: lines of words, with texts percent-encoded behind a '='.
 */
#pragma once
#include "password.h"

typedef struct AppRecord
{
  char kind; /* 'k': mark of the installation; 'p': a password; 'd': a password that is no more */
  guint8 mark[APP_HASH_BYTES];
  char *user, *id;
  AppPassword *password;
} AppRecord;
/* Reads a line of the file.  FALSE means that it is no record that this version knows. */
gboolean app_record_parse (const char *line, AppRecord *ret_record);
void app_record_clear (AppRecord *record);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (AppRecord, app_record_clear)

/* These write records; the caller frees them. */
char *app_record_of_mark (const guint8 mark[APP_HASH_BYTES]);
char *app_record_of_password (const char *user, const AppPassword *password);
char *app_record_of_end (const char *user, const char *id);
