/* SPDX-License-Identifier: MIT
 * Implements the capabilities. Pure; gate and mail. modules/imap/README.md names each; tools/check-docs
 * compares.
 */
#include "capabilities.h"

#define PLUS IMAP_OFFER_LITERAL_PLUS
#define MINUS IMAP_OFFER_LITERAL_MINUS
#define STARTTLS IMAP_OFFER_STARTTLS
#define NO_LOGIN IMAP_OFFER_NO_LOGIN
#define COMPRESS IMAP_OFFER_COMPRESS
#define QUOTA IMAP_OFFER_QUOTA

/* Say when a capability is offered.  Before login a gate names what works there, and what clients look
 * for that ask only once. */
typedef enum
{
  AFTER_LOGIN = IMAP_OFFER_AFTER_LOGIN,
  BEFORE_LOGIN = IMAP_OFFER_BEFORE_LOGIN,
  ALWAYS = AFTER_LOGIN | BEFORE_LOGIN
} When;

static const struct
{
  char name[24];
  When when;
  guint needs; /* IMAP_OFFER_* */
} rows[] = {
  { "IMAP4rev1", ALWAYS },
  { "IMAP4rev2", ALWAYS },
  { "LITERAL+", ALWAYS, PLUS },
  { "LITERAL-", ALWAYS, MINUS },
  { "BINARY", AFTER_LOGIN },
  { "PREVIEW", AFTER_LOGIN },
  { "SAVEDATE", AFTER_LOGIN },
  { "OBJECTID", AFTER_LOGIN },
  { "ESEARCH", AFTER_LOGIN },
  { "SEARCHRES", AFTER_LOGIN },
  { "WITHIN", AFTER_LOGIN },
  { "SORT", AFTER_LOGIN },
  { "SORT=DISPLAY", AFTER_LOGIN },
  { "ESORT", AFTER_LOGIN },
  { "THREAD=ORDEREDSUBJECT", AFTER_LOGIN },
  { "THREAD=REFERENCES", AFTER_LOGIN },
  { "THREAD=REFS", AFTER_LOGIN },
  { "IDLE", ALWAYS },
  { "CONDSTORE", AFTER_LOGIN },
  { "QRESYNC", AFTER_LOGIN },
  { "STATUS=SIZE", AFTER_LOGIN },
  { "LIST-EXTENDED", AFTER_LOGIN },
  { "LIST-STATUS", AFTER_LOGIN },
  { "CHILDREN", ALWAYS },
  { "SPECIAL-USE", ALWAYS },
  { "XLIST", AFTER_LOGIN },
  { "MULTIAPPEND", AFTER_LOGIN },
  { "CATENATE", AFTER_LOGIN },
  { "REPLACE", AFTER_LOGIN },
  { "MOVE", ALWAYS },
  { "UIDPLUS", ALWAYS },
  { "UNSELECT", ALWAYS },
  { "CREATE-SPECIAL-USE", AFTER_LOGIN },
  { "NAMESPACE", ALWAYS },
  { "ID", ALWAYS },
  { "ENABLE", ALWAYS },
  { "UTF8=ACCEPT", AFTER_LOGIN },
  { "METADATA", AFTER_LOGIN },
  { "SASL-IR", ALWAYS },
  { "STARTTLS", BEFORE_LOGIN, STARTTLS },
  { "LOGINDISABLED", BEFORE_LOGIN, NO_LOGIN },
  { "COMPRESS=DEFLATE", AFTER_LOGIN, COMPRESS },
  { "QUOTA", AFTER_LOGIN, QUOTA },
  { "QUOTA=RES-STORAGE", AFTER_LOGIN, QUOTA },
  { "QUOTA=RES-MESSAGE", AFTER_LOGIN, QUOTA },
};

void
imap_write_capabilities (ImapWriter *writer, const ImapSettings *settings, guint offers)
{
  offers |= settings->literals == IMAP_LITERALS_MINUS ? MINUS : PLUS;
  char *start = imap_writer_reserve (writer, sizeof rows), *at = start;
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      if ((offers & rows[i].when) == 0 || (rows[i].needs & ~offers) != 0)
        continue;
      if (at > start)
        *at++ = ' ';
      at = stpcpy (at, rows[i].name);
    }
  writer->len += (gsize) (at - start);
  if (offers & AFTER_LOGIN)
    {
      imap_write (writer, " APPENDLIMIT=");
      imap_write_number (writer, imap_append_limit (settings));
    }
}
