/* SPDX-License-Identifier: MIT
 * Any bytes as a mailbox name, its modified UTF-7, and a LIST pattern: what is taken comes back the same.
 */
#include <satchel/mailbox_name.h>
#include <string.h>

#include "tests/fuzz/driver.h"

const gboolean fuzz_wants_mail = FALSE;
const char *const fuzz_seeds[] = {
  "~peter/mail/&U,BTFw-/&ZeVnLIqe-", "INBOX.a.b", "inbox/x", "e\xcc\x81/..", "a%b*c", "&AOk-&-", NULL
};
const char *const fuzz_tokens[] = { "&",  "-", "&AOk-",    "/",        ".",    "..",           "INBOX",
                                    "%",  "*", "\xc3\xa9", "\xcc\x81", "\xff", "\xed\xa0\x80", "&2D3eAA-",
                                    "\n", NULL };

static void
check_namespace (const SatchelNamespace *ns, const char *name, gsize len)
{
  g_autofree char *internal = satchel_namespace_to_internal (ns, name, len, NULL);
  if (internal == NULL)
    return;
  g_assert_true (satchel_mailbox_name_is_valid (internal));
  g_autofree char *client = satchel_namespace_to_client (ns, internal);
  g_autofree char *back = satchel_namespace_to_internal (ns, client, strlen (client), NULL);
  g_assert_cmpstr (back, ==, internal);
  g_assert_true (satchel_list_match (client, client, ns->separator) || strpbrk (client, "*%") != NULL);
  g_assert_true (satchel_list_match ("*", client, ns->separator));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const SatchelNamespace plain = { "", '/' }, courier = { "INBOX.", '.' }, dots = { "", '.' };
  const char *name = (const char *) data;
  g_autofree char *decoded = satchel_utf7_decode (name, size);
  if (decoded != NULL)
    {
      g_assert_true (g_utf8_validate (decoded, -1, NULL));
      g_autofree char *encoded = satchel_utf7_encode (decoded);
      g_assert_cmpmem (encoded, strlen (encoded), name, size);
    }
  check_namespace (&plain, name, size);
  check_namespace (&courier, name, size);
  check_namespace (&dots, name, size);
  g_autofree char *normal = satchel_mailbox_name_normalise (name, size, NULL);
  if (normal != NULL)
    {
      g_autofree char *encoded = satchel_utf7_encode (normal);
      g_autofree char *back = satchel_utf7_decode (encoded, strlen (encoded));
      g_assert_cmpstr (back, ==, normal);
    }
  g_autofree char *pattern = g_strndup (name, size / 2);
  g_autofree char *against = g_strndup (name + size / 2, size - size / 2);
  if (satchel_list_match (pattern, against, '/'))
    g_assert_false (satchel_list_match (pattern, against, '/') != TRUE);
  return 0;
}
