/* SPDX-License-Identifier: MIT
 * Declares the text of notices: a few lines "NAME: TEXT", an empty line, and the body, in UTF-8. `Subject`
 * is the subject; a line with the name of a kind (notice.h) has the text of ${what} for it. Subject and body
 * may have ${user}, ${what}, ${network}, ${service}, ${client}, ${label}, ${time}.
 */
#pragma once
#include "notice.h"

#include <satchel/error.h>

#define TEMPLATE_BYTES_MAX 4096u
#define TEMPLATE_OUTPUT_MAX 6144u /* most bytes of an expanded body */

typedef struct Template Template;
/* Makes a template of @text; NULL means the text that is built in. It returns NULL with @error if it is no
 * template. */
Template *template_new (const char *text, GError **error);
/* Reads a template from the file @path; NULL means the text that is built in. */
Template *template_read (const char *path, GError **error);
void template_free (Template *text);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Template, template_free)
/* These return the subject, one line, and the body, lines that end in LF. The caller frees them. */
char *template_subject (const Template *text, const Notice *notice);
char *template_body (const Template *text, const Notice *notice);
