/* SPDX-License-Identifier: MIT
 * Records of the file: lines of words; texts are percent-encoded behind a '='.
 */
#pragma once
#include "password.h"

typedef struct AppRecord
{
  char kind; /* 'k' the mark of the installation, 'p' a password, 'd' one no more */
  guint8 mark[APP_HASH_BYTES];
  char *user, *id;
  AppPassword *password;
} AppRecord;
/* Reads a line of the file. FALSE means that it says nothing that we know. */
gboolean app_record_parse (const char *line, AppRecord *ret_record);
void app_record_clear (AppRecord *record);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (AppRecord, app_record_clear)

/* These write records; the caller frees them. */
char *app_record_of_mark (const guint8 mark[APP_HASH_BYTES]);
char *app_record_of_password (const char *user, const AppPassword *password);
char *app_record_of_end (const char *user, const AppPassword *password);
