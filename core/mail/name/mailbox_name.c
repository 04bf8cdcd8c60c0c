/* SPDX-License-Identifier: MIT
 * This file converts between mailbox names as storage.h has them and as clients see them, in a namespace.
 */
#include "config.h"

#include <satchel/mailbox_name.h>
#include <string.h>
#include <uninorm.h>

/* Input is bounded before it is brought into NFC, which can make text shorter. */
#define INPUT_BYTES (4 * SATCHEL_MAILBOX_NAME_BYTES)

static gboolean
has_control (const char *text)
{
  for (; *text != '\0'; text = g_utf8_next_char (text))
    {
      gunichar c = g_utf8_get_char (text);
      /* Some screens end a line at U+2028 and U+2029 as well. */
      if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029)
        return TRUE;
    }
  return FALSE;
}

static gboolean
has_bad_level (const char *name)
{
  for (;;)
    {
      gsize len = strcspn (name, "/");
      if (len == 0 || (len == 1 && name[0] == '.') || (len == 2 && memcmp (name, "..", 2) == 0))
        return TRUE;
      if (name[len] == '\0')
        return FALSE;
      name += len + 1;
    }
}

static char *
to_nfc (const char *name, gsize len)
{
  gboolean is_ascii = TRUE;
  for (gsize i = 0; i < len && is_ascii; i++)
    is_ascii = (guchar) name[i] < 0x80;
  if (is_ascii)
    return g_strndup (name, len);
  size_t result_len;
  uint8_t *result = u8_normalize (UNINORM_NFC, (const uint8_t *) name, len, NULL, &result_len);
  char *copy = result != NULL ? g_strndup ((char *) result, result_len) : NULL;
  free (result);
  return copy;
}

char *
satchel_mailbox_name_normalise (const char *name, gsize len, GError **error)
{
  g_autofree char *normal = NULL;
  if (len == 0 || len > INPUT_BYTES || !g_utf8_validate_len (name, len, NULL))
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID, "the mailbox name is empty, too long or not UTF-8");
      return NULL;
    }
  normal = to_nfc (name, len);
  if (normal == NULL || strlen (normal) > SATCHEL_MAILBOX_NAME_BYTES || has_control (normal)
      || has_bad_level (normal))
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID,
                         "the mailbox name has an empty or forbidden level, or is too long");
      return NULL;
    }
  /* INBOX in any case is the one INBOX (RFC 3501 5.1), also as the first level of a name, so that its
   * children are below it. */
  if (g_ascii_strncasecmp (normal, "INBOX", 5) == 0 && (normal[5] == '\0' || normal[5] == '/'))
    memcpy (normal, "INBOX", 5);
  return g_steal_pointer (&normal);
}

gboolean
satchel_mailbox_name_is_valid (const char *name)
{
  g_autofree char *normal = satchel_mailbox_name_normalise (name, strlen (name), NULL);
  return g_strcmp0 (normal, name) == 0;
}

/* Swaps '.' and '/' in @name if '.' is the separator. */
static void
swap_separators (const SatchelNamespace *ns, char *name)
{
  if (ns->separator == '.')
    for (; *name != '\0'; name++)
      if (*name == '.' || *name == '/')
        *name = *name == '.' ? '/' : '.';
}

/* Says whether a name begins with the prefix. One that starts with INBOX matches it in any case, as the name
 * itself does. */
static gboolean
has_prefix (const SatchelNamespace *ns, const char *name)
{
  gsize len = strlen (ns->prefix), inbox = g_str_has_prefix (ns->prefix, "INBOX") ? 5 : 0;
  return strlen (name) >= len && g_ascii_strncasecmp (name, ns->prefix, inbox) == 0
         && memcmp (name + inbox, ns->prefix + inbox, len - inbox) == 0;
}

/* Says whether the prefix begins with the level @other.  Then @other is shown below the prefix like any name;
 * otherwise two mailboxes would have one name. */
static gboolean
is_in_prefix (const SatchelNamespace *ns, const char *other)
{
  g_autofree char *client = g_strdup (other);
  swap_separators (ns, client);
  gsize len = strlen (client);
  return strncmp (ns->prefix, client, len) == 0
         && (ns->prefix[len] == ns->separator || ns->prefix[len] == '\0');
}

/* Says whether another namespace has @name, which is as storage has it. */
static gboolean
is_of_others (const SatchelNamespace *ns, const char *name)
{
  for (const char *const *other = ns->others; other != NULL && *other != NULL; other++)
    {
      gsize len = strlen (*other);
      if (strncmp (name, *other, len) == 0 && (name[len] == '\0' || name[len] == '/')
          && !is_in_prefix (ns, *other))
        return TRUE;
    }
  return FALSE;
}

/* Returns a name that has no prefix, since another namespace has it; or NULL. */
static char *
of_others_to_internal (const SatchelNamespace *ns, const char *name)
{
  if (ns->others == NULL)
    return NULL;
  g_autofree char *swapped = g_strdup (name);
  swap_separators (ns, swapped);
  g_autofree char *internal = satchel_mailbox_name_normalise (swapped, strlen (swapped), NULL);
  return internal != NULL && is_of_others (ns, internal) ? g_steal_pointer (&internal) : NULL;
}

char *
satchel_namespace_to_internal (const SatchelNamespace *ns, const char *name, gsize len, GError **error)
{
  if (len > INPUT_BYTES || memchr (name, '\0', len) != NULL)
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID, "the mailbox name is too long or has a NUL");
      return NULL;
    }
  if (len > 1 && name[len - 1] == ns->separator)
    len--;
  g_autofree char *client = g_strndup (name, len);
  if (g_ascii_strcasecmp (client, "INBOX") == 0)
    return g_strdup ("INBOX");
  char *of_others = of_others_to_internal (ns, client);
  if (of_others != NULL)
    return of_others;
  if (!has_prefix (ns, client))
    {
      satchel_error_set (error, SATCHEL_ERROR_CANNOT, "the mailbox name is outside the namespace \"%s\"",
                         ns->prefix);
      return NULL;
    }
  char *rest = client + strlen (ns->prefix);
  swap_separators (ns, rest);
  g_autofree char *internal = satchel_mailbox_name_normalise (rest, strlen (rest), error);
  /* "INBOX.INBOX" would be a second name of INBOX. */
  if (internal != NULL && ns->prefix[0] != '\0' && strcmp (internal, "INBOX") == 0)
    {
      satchel_error_set (error, SATCHEL_ERROR_CANNOT, "INBOX has no second name");
      return NULL;
    }
  if (internal != NULL && is_of_others (ns, internal))
    {
      satchel_error_set (error, SATCHEL_ERROR_CANNOT, "%s has a namespace of its own, without \"%s\"",
                         internal, ns->prefix);
      return NULL;
    }
  return g_steal_pointer (&internal);
}

char *
satchel_namespace_to_client (const SatchelNamespace *ns, const char *name)
{
  if (strcmp (name, "INBOX") == 0)
    return g_strdup (name);
  const char *prefix = is_of_others (ns, name) ? "" : ns->prefix;
  char *client = g_strconcat (prefix, name, NULL);
  swap_separators (ns, client + strlen (prefix));
  return client;
}
