/* SPDX-License-Identifier: MIT
 * Mailbox names: modified UTF-7, canonical form, namespaces, LIST patterns.
 */
#include <satchel/mailbox_name.h>
#include <string.h>

static void
test_utf7 (void)
{
  static const struct
  {
    const char *utf7, *utf8;
  } good[] = { { "~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語" }, /* RFC 3501 5.1.3 */
               { "&Jjo-!", "☺!" },
               { "&U,BTF2XlZyyKng-", "台北日本語" },
               { "A&-B", "A&B" },
               { "Entw&APw-rfe", "Entwürfe" },
               { "&2D3eAA-", "😀" },
               { "&AOk-&-", "é&" },
               { "&AAo-", "\n" },
               { "", "" } };
  /* RFC 3501 5.1.3's bad ones first. */
  static const char *const bad[] = {
    "&Jjo!",  "&U,BTFw-&ZeVnLIqe-", "&",    "&A",    "&AGE-", "&AOk",  "&AO-",  "&AOkA-",      "&AOl-",
    "&AOk=-", "caf\xc3\xa9",        "a\tb", "a\x7f", "&2D0-", "&3gA-", "&AAA-", "&ZeVnLIqe/-", "&2D0AYQ-"
  };
  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autofree char *utf8 = satchel_utf7_decode (good[i].utf7, strlen (good[i].utf7));
      g_assert_cmpstr (utf8, ==, good[i].utf8);
      g_autofree char *utf7 = satchel_utf7_encode (good[i].utf8);
      g_assert_cmpstr (utf7, ==, good[i].utf7);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *utf8 = satchel_utf7_decode (bad[i], strlen (bad[i]));
      if (utf8 != NULL)
        g_error ("taken: %s", bad[i]);
    }
  g_assert_null (satchel_utf7_decode ("a\0b", 3));
}

static void
test_normalise (void)
{
  static const struct
  {
    const char *name, *normal;
  } names[] = { { "Sent", "Sent" },
                { "inbox", "INBOX" },
                { "InBoX/a", "INBOX/a" },
                { "inboxes", "inboxes" },
                { "a/inbox", "a/inbox" },
                { "e\xcc\x81", "é" }, /* NFD and NFC twins are one name */
                { "é", "é" },
                { "a.b", "a.b" },
                { "...", "..." },
                { "~", "~" },
                { "a/..b", "a/..b" },
                { "a%*", "a%*" },
                { "", NULL },
                { "/", NULL },
                { "/a", NULL },
                { "a/", NULL },
                { "a//b", NULL },
                { ".", NULL },
                { "..", NULL },
                { "a/../b", NULL },
                { "a/.", NULL },
                { "a\nb", NULL },
                { "a\x7f", NULL },
                { "a\xc2\x85", NULL },
                { "a\xe2\x80\xa8", NULL },
                { "\xc0\xae", NULL }, /* overlong '.' */
                { "\xed\xa0\x80", NULL },
                { "\xff", NULL } };
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *normal =
          satchel_mailbox_name_normalise (names[i].name, strlen (names[i].name), &error);
      g_assert_cmpstr (normal, ==, names[i].normal);
      g_assert_true ((error == NULL) == (normal != NULL));
      if (error != NULL)
        g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_INVALID);
      g_assert_true (satchel_mailbox_name_is_valid (names[i].name)
                     == (g_strcmp0 (names[i].name, names[i].normal) == 0));
    }
  g_autofree char *most = g_strnfill (1024, 'a'), *more = g_strnfill (1025, 'a');
  g_assert_true (satchel_mailbox_name_is_valid (most));
  g_assert_false (satchel_mailbox_name_is_valid (more));
  g_assert_null (satchel_mailbox_name_normalise ("a\0b", 3, NULL));
}

static void
check_both (const SatchelNamespace *ns, const char *client, const char *internal)
{
  g_autofree char *to = satchel_namespace_to_internal (ns, client, strlen (client), NULL);
  g_assert_cmpstr (to, ==, internal);
  g_autofree char *back = satchel_namespace_to_client (ns, internal);
  g_assert_cmpstr (back, ==, client);
}

static void
check_refused (const SatchelNamespace *ns, const char *client, SatchelErrorCode code)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (satchel_namespace_to_internal (ns, client, strlen (client), &error));
  g_assert_error (error, SATCHEL_ERROR, (int) code);
}

/* Names of other namespaces have no prefix, and one spelling. */
static void
test_other_namespaces (void)
{
  static const char *const others[] = { "Kept mail", "Public/A.B", NULL };
  const SatchelNamespace plain = { .prefix = "", .separator = '/', .others = others };
  const SatchelNamespace courier = { .prefix = "INBOX.", .separator = '.', .others = others };
  const SatchelNamespace same = { .prefix = "Kept mail/", .separator = '/', .others = others };
  check_both (&plain, "Kept mail/a", "Kept mail/a");
  check_both (&courier, "Kept mail", "Kept mail");
  check_both (&courier, "Kept mail.a.b", "Kept mail/a/b");
  check_both (&courier, "Public.A/B.c", "Public/A.B/c");
  check_both (&courier, "INBOX.Public.A", "Public/A");
  check_both (&courier, "INBOX.Kept mails", "Kept mails");
  check_refused (&courier, "INBOX.Kept mail", SATCHEL_ERROR_CANNOT);
  check_refused (&courier, "INBOX.Kept mail.a", SATCHEL_ERROR_CANNOT);
  check_refused (&courier, "Kept mails", SATCHEL_ERROR_CANNOT);
  check_refused (&courier, "Public", SATCHEL_ERROR_CANNOT);
  check_refused (&courier, "Kept mail..a", SATCHEL_ERROR_CANNOT);
  /* A prefix that is called as one of them: the user's own names go first. */
  check_both (&same, "Kept mail/a", "a");
  check_both (&same, "Kept mail/Kept mail/a", "Kept mail/a");
}

static void
test_namespace (void)
{
  const SatchelNamespace plain = { "", '/' }, courier = { "INBOX.", '.' }, dots = { "", '.' };
  check_both (&plain, "INBOX", "INBOX");
  check_both (&plain, "a/b.c", "a/b.c");
  check_both (&plain, "INBOX/a", "INBOX/a");
  check_both (&courier, "INBOX", "INBOX");
  check_both (&courier, "INBOX.Sent", "Sent");
  check_both (&courier, "INBOX.a.b", "a/b");
  check_both (&courier, "INBOX.a/b", "a.b");
  check_both (&courier, "INBOX.INBOX.Sent", "INBOX/Sent");
  check_both (&dots, "a.b/c", "a/b.c");
  check_both (&dots, "INBOX.a", "INBOX/a");
  g_autofree char *folded = satchel_namespace_to_internal (&courier, "inbox.Sent", 10, NULL);
  g_assert_cmpstr (folded, ==, "Sent");
  g_autofree char *trailing = satchel_namespace_to_internal (&plain, "a/b/", 4, NULL);
  g_assert_cmpstr (trailing, ==, "a/b");
  g_autofree char *inbox = satchel_namespace_to_internal (&courier, "INBOX.", 6, NULL);
  g_assert_cmpstr (inbox, ==, "INBOX");
  check_refused (&courier, "Sent", SATCHEL_ERROR_CANNOT);
  check_refused (&courier, "INBOX.INBOX", SATCHEL_ERROR_CANNOT);
  check_refused (&courier, "INBOX.inbox.", SATCHEL_ERROR_CANNOT);
  check_refused (&courier, "INBOX./", SATCHEL_ERROR_INVALID);
  check_refused (&courier, "INBOX.//", SATCHEL_ERROR_INVALID);
  check_refused (&courier, "INBOX..a", SATCHEL_ERROR_INVALID);
  check_refused (&plain, "", SATCHEL_ERROR_INVALID);
  check_refused (&plain, "a//", SATCHEL_ERROR_INVALID);
  check_refused (&plain, "../x", SATCHEL_ERROR_INVALID);
}

static void
test_list (void)
{
  static const struct
  {
    const char *pattern, *name;
    gboolean is_match;
  } cases[] = { { "*", "a/b", TRUE },
                { "%", "a", TRUE },
                { "%", "a/b", FALSE },
                { "%/%", "a/b", TRUE },
                { "a/%", "a", FALSE },
                { "a*", "a/b/c", TRUE },
                { "a/%", "a/b", TRUE },
                { "*c", "a/b/c", TRUE },
                { "%c", "a/c", FALSE },
                { "inbox", "INBOX", TRUE },
                { "iN%", "INBOX", TRUE },
                { "inbox/%", "INBOX/a", TRUE },
                { "sent", "Sent", FALSE },
                { "", "a", FALSE },
                { "a", "a", TRUE },
                { "a", "ab", FALSE },
                { "ab", "a", FALSE },
                { "%%%*%%", "a/b", TRUE },
                { "a%c*e", "abc/d/e", TRUE },
                { "*a*b*c", "xaybzc", TRUE },
                { "*a*b*c", "xaybzcd", FALSE },
                { "a/%/c", "a/b", FALSE },
                { "INBOX*", "inboxes", FALSE },
                { "é%", "éa", TRUE } };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    if (satchel_list_match (cases[i].pattern, cases[i].name, '/') != cases[i].is_match)
      g_error ("%s against %s", cases[i].pattern, cases[i].name);
  g_assert_true (satchel_list_match ("%.%", "a.b", '.'));
  /* Patterns that backtracking would take for ever over. */
  g_autoptr (GString) pattern = g_string_new (NULL);
  for (int i = 0; i < 300; i++)
    g_string_append (pattern, i % 2 ? "a%" : "a*");
  g_string_append_c (pattern, 'b');
  g_autofree char *name = g_strnfill (1000, 'a');
  g_assert_false (satchel_list_match (pattern->str, name, '/'));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mail/name/utf7", test_utf7);
  g_test_add_func ("/mail/name/normalise", test_normalise);
  g_test_add_func ("/mail/name/namespace", test_namespace);
  g_test_add_func ("/mail/name/other-namespaces", test_other_namespaces);
  g_test_add_func ("/mail/name/list", test_list);
  return g_test_run ();
}
