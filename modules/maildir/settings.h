/* SPDX-License-Identifier: MIT
 * Declares settings of the driver.
 */
#pragma once
#include <satchel/storage.h>

typedef enum
{
  MD_LAYOUT_PLUS = 0,     /* ".A.B", modified UTF-7 */
  MD_LAYOUT_FS = 1 << 0,  /* "A/B" */
  MD_LAYOUT_UTF8 = 1 << 1 /* names are not encoded */
} MdLayout;

/* Files of this server are kept beside ours. UNKNOWN: not decided yet. */
typedef enum
{
  MD_SERVER_UNKNOWN = 0,
  MD_SERVER_NONE,
  MD_SERVER_DOVECOT,
  MD_SERVER_COURIER
} MdServer;

typedef struct MdSettings
{
  MdLayout layout;
  gboolean finds_names; /* the store finds out whether names are in UTF-8 */
  MdServer server;      /* the server that is configured */
  gboolean keeps_maildirsize;
  char *path;         /* below the root */
  char *control_path; /* below the root; NULL: in the Maildir */
  char *uidl_format;  /* NULL: the default */
} MdSettings;

extern const SatchelConfigRow md_schema[];
gboolean md_settings_check (const SatchelConfig *section, GError **error);
/* Reads the settings for a user.  @section NULL: they are the defaults, with the path of @identity. */
void md_settings_init (MdSettings *settings, const SatchelConfig *section,
                       const SatchelStorageIdentity *identity);
void md_settings_clear (MdSettings *settings);
/* The facts of which a POP3 unique id can be made. */
typedef struct MdUidlParts
{
  guint32 uidvalidity, uid;
  const char *base; /* base of the file's name */
  gsize base_len;
  const char *guid; /* the message's own, or NULL */
} MdUidlParts;
/* Appends the unique id that @format makes. */
void md_uidl_format (GString *out, const char *format, const MdUidlParts *parts);
