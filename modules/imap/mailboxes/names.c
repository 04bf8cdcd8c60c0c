/* SPDX-License-Identifier: MIT
 * Mailbox names between client and storage: modified UTF-7 (RFC 3501 5.1.3) or UTF-8 (RFC 6855 3, RFC
 * 9051 5.1), and the namespace.
 */
#include "imap_session.h"

#include <string.h>

char *
imap_name_decode (const ImapSession *session, const char *name)
{
  gsize len = strlen (name);
  if (!imap_session_is_utf8 (session))
    return satchel_utf7_decode (name, len);
  return g_utf8_validate_len (name, len, NULL) ? g_strndup (name, len) : NULL;
}

char *
imap_name_to_internal (const ImapSession *session, const char *name, GError **error)
{
  g_autofree char *utf8 = imap_name_decode (session, name);
  if (utf8 == NULL)
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID,
                         "the mailbox name is not in modified UTF-7, or not in UTF-8 if that is enabled");
      return NULL;
    }
  return satchel_namespace_to_internal (&session->ns, utf8, strlen (utf8), error);
}

char *
imap_name_to_client (const ImapSession *session, const char *name)
{
  return satchel_namespace_to_client (&session->ns, name);
}

char *
imap_name_denormalised (const ImapSession *session, const char *supplied, const char *name)
{
  /* Clients may write INBOX in any case (RFC 9051 5.1). */
  if (!imap_session_is_rev2 (session) || strcmp (name, "INBOX") == 0)
    return NULL;
  g_autofree char *written = imap_name_decode (session, supplied);
  g_autofree char *shown = imap_name_to_client (session, name);
  gsize len = strlen (written), shown_len = strlen (shown);
  gboolean is_same =
      strncmp (written, shown, shown_len) == 0
      && (len == shown_len || (len == shown_len + 1 && written[shown_len] == session->ns.separator));
  return is_same ? NULL : g_steal_pointer (&written);
}

SatchelMailbox *
imap_name_open (ImapSession *session, const char *name, gboolean may_block, GError **error)
{
  g_autofree char *internal = imap_name_to_internal (session, name, error);
  if (internal == NULL)
    return NULL;
  if (may_block)
    return satchel_store_open_mailbox (session->store, internal, error);
  return satchel_store_peek_mailbox (session->store, internal);
}
