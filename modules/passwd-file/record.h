/* SPDX-License-Identifier: MIT
 * One line of the file: USER:VERIFIER:FLAGS:CHANGED:CHECK:ATTRIBUTES. README.md has the format.
 */
#pragma once
#include <satchel/auth.h>

typedef struct PasswdRecord
{
  char *user;
  char *verifier; /* NULL: no password */
  char *scram;    /* SCRAM keys as RFC 5803 2 writes them, with a blank between them; NULL: none */
  gboolean is_locked;
  gint64 changed;   /* seconds since 1970; 0: unknown */
  char *attributes; /* NAME=VALUE, checked, with a blank between them; NULL: none */
} PasswdRecord;
void passwd_record_clear (PasswdRecord *record);
void passwd_record_free (PasswdRecord *record);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PasswdRecord, passwd_record_clear)

#define PASSWD_FIRST_LINE "#satchel-passwd 1"
#define PASSWD_LAST_LINE "#end"

typedef enum
{
  PASSWD_LINE_BAD = 0,
  PASSWD_LINE_BLANK, /* empty or a comment */
  PASSWD_LINE_RECORD
} PasswdLine;
/* Reads @line, which has no line end. BAD sets @error. */
PasswdLine passwd_record_parse (const char *line, gsize len, PasswdRecord *ret_record, GError **error);
/* Returns the user that a line is about, also of a bad line; NULL means that the line does not say. The
 * caller frees it. */
char *passwd_line_user (const char *line, gsize len);
/* Says whether the line has a sixth field, good or bad. */
gboolean passwd_line_has_attributes (const char *line, gsize len);
/* Returns the attributes, each as NAME=VALUE; the caller frees them. */
char **passwd_record_attributes (const PasswdRecord *record);
/* Returns the line, with its end. NULL means that the user's name cannot be written in this format. */
char *passwd_record_format (const PasswdRecord *record, GError **error);
