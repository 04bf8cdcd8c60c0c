/* SPDX-License-Identifier: MIT
 * Header fields, encoded words, addresses, parameters: examples of the RFCs and what broken mail makes of
 * them.
 */
#include "core/mail/header/fields.h"
#include "core/mail/header/text.h"
#include <satchel/header.h>
#include <strings.h>
#include <string.h>

static void
test_fields (void)
{
  static const char block[] =
      "From user Mon Jan  1\r\nSubject: a\r\n b\r\nX-Odd : c\r\nno colon\r\nTo:\r\n\r\nbody: x\r\n";
  SatchelHeaderReader reader;
  SatchelHeaderField field;
  satchel_header_reader_init (&reader, block, sizeof block - 1);
  g_assert_true (satchel_header_reader_next (&reader, &field));
  g_assert_cmpuint (field.name_len, ==, 0);
  g_assert_true (satchel_header_reader_next (&reader, &field));
  g_assert_true (satchel_header_field_is (&field, "SUBJECT"));
  g_autofree char *unfolded = satchel_header_unfold (field.value, field.value_len, NULL);
  g_assert_cmpstr (unfolded, ==, "a b");
  g_assert_true (satchel_header_reader_next (&reader, &field));
  g_assert_true (satchel_header_field_is (&field, "x-odd"));
  g_assert_true (satchel_header_reader_next (&reader, &field));
  g_assert_cmpuint (field.name_len, ==, 0);
  g_assert_true (satchel_header_reader_next (&reader, &field));
  g_assert_true (satchel_header_field_is (&field, "to"));
  g_assert_cmpuint (field.value_len, ==, 0);
  g_assert_false (satchel_header_reader_next (&reader, &field));
}

static void
test_select (void)
{
  static const char block[] = "Subject: a\r\n b\r\nTo: x\r\nSUBJECT: c\r\n\r\n";
  static const char *const subject[] = { "subject" };
  g_autoptr (SatchelHeaderNames) names = satchel_header_names_new (subject, 1);
  g_autoptr (GString) out = g_string_new (NULL);
  satchel_header_select (block, sizeof block - 1, names, FALSE, out);
  g_assert_cmpstr (out->str, ==, "Subject: a\r\n b\r\nSUBJECT: c\r\n\r\n");
  g_string_truncate (out, 0);
  satchel_header_select (block, sizeof block - 1, names, TRUE, out);
  g_assert_cmpstr (out->str, ==, "To: x\r\n\r\n");
  /* No body and no blank line: none is made up. */
  g_string_truncate (out, 0);
  satchel_header_select ("To: x\r\n", 7, names, FALSE, out);
  g_assert_cmpstr (out->str, ==, "");
}

/* Stand in for GLib's in the library too: they count comparisons of names, which is the work that a product
 * would be. */
static guint64 n_compared;

gint
g_ascii_strncasecmp (const gchar *a, const gchar *b, gsize n)
{
  n_compared++;
  return strncasecmp (a, b, n);
}

gboolean (g_str_equal) (gconstpointer a, gconstpointer b)
{
  n_compared++;
  return strcmp (a, b) == 0;
}

/* Choosing fields costs names and lines, not their product, whether all names are there or none; the hash is
 * keyed, so that no names that are chosen for it make it slower. */
static void
test_select_much (void)
{
  enum
  {
    MANY = 4000
  };
  g_autoptr (GPtrArray) wanted = g_ptr_array_new_with_free_func (g_free),
                        others = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GString) block = g_string_new (NULL), out = g_string_new (NULL);
  for (guint i = 0; i < MANY; i++)
    {
      g_ptr_array_add (wanted, g_strdup_printf ("X-Field-%05u", i));
      g_ptr_array_add (others, g_strdup_printf ("Y-Field-%05u", i));
      g_string_append_printf (block, "x-fIELD-%05u: v\r\n", MANY - 1 - i);
    }
  g_string_append (block, "\r\n");
  for (guint pass = 0; pass < 4; pass++)
    {
      const GPtrArray *list = pass < 2 ? wanted : others;
      const gboolean is_not = pass % 2 == 1;
      n_compared = 0;
      g_string_truncate (out, 0);
      g_autoptr (SatchelHeaderNames) names =
          satchel_header_names_new ((const char *const *) list->pdata, list->len);
      satchel_header_select (block->str, block->len, names, is_not, out);
      g_assert_cmpuint (out->len, ==, (pass < 2) != is_not ? block->len : 2);
      g_assert_cmpuint (n_compared, <=, 4 * MANY);
      if (pass == 0) /* each is found by one comparison at least: they are counted indeed */
        g_assert_cmpuint (n_compared, >=, MANY);
    }
  /* A line that is no field, and names longer than any that is wanted. */
  static const char *const odd[] = { "a", "", "no field" };
  static const char lines[] = "no field\r\n: b\r\n folded\r\naa: c\r\nA : d\r\n\r\n";
  g_autoptr (SatchelHeaderNames) names = satchel_header_names_new (odd, 3);
  g_string_truncate (out, 0);
  satchel_header_select (lines, sizeof lines - 1, names, FALSE, out);
  g_assert_cmpstr (out->str, ==, "A : d\r\n\r\n");
}

static const struct
{
  const char *value, *text;
} words[] = {
  /* RFC 2047 8 */
  { "=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>" },
  { "=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?= <keld@dkuug.dk>", "Keld Jørn Simonsen <keld@dkuug.dk>" },
  { "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n "
    "=?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
    "If you can read this you understand the example." },
  { "(=?ISO-8859-1?Q?a?=)", "(a)" },
  { "(=?ISO-8859-1?Q?a?= b)", "(a b)" },
  { "(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)" },
  { "(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)" },
  { "(=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=)", "(ab)" },
  { "(=?ISO-8859-1?Q?a_b?=)", "(a b)" },
  { "(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)" },
  /* RFC 2231 5 */
  { "=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore" },
  /* A character split over two words; broken words; raw 8-bit text. */
  { "=?utf-8?q?=C3?= =?UTF-8?Q?=BC?=", "ü" },
  { "=?utf-8?b?w7w?=", "ü" },
  { "=?utf-8?q?hello world?=", "hello world" },
  { "x=?utf-8?q?a?=y", "xay" },
  { "\"=?utf-8?q?a?=\"", "\"a\"" },
  { "=?utf-8?q?open", "=?utf-8?q?open" },
  { "=?utf-8?x?a?=", "=?utf-8?x?a?=" },
  { "=?"
    "?q?a?=",
    "a" },
  { "=?utf-8?q?"
    "?=",
    "" },
  { "caf\xc3\xa9", "café" },
  { "caf\xe9", "café" },
  { "=?no-such-charset?q?caf=C3=A9?=", "café" },
  { "=?no-such-charset?q?caf=E9?=", "café" },
  { "=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=", "日本" },
  /* No line end gets into a decoded header. */
  { "=?utf-8?q?a=0D=0ABcc:_b?=", "a  Bcc: b" },
  { "a=\r\n b", "a= b" },
};

static void
test_words (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    {
      g_autofree char *text = satchel_header_decode (words[i].value, strlen (words[i].value), NULL);
      g_assert_cmpstr (text, ==, words[i].text);
    }
}

/* "name|route|mailbox|host" of each address, '-' for NULL. */
static char *
address_text (const char *value, gsize len)
{
  g_autoptr (GPtrArray) list = satchel_addresses_parse (value, len, 1000);
  GString *out = g_string_new (NULL);
  for (guint i = 0; i < list->len; i++)
    {
      const SatchelAddress *a = g_ptr_array_index (list, i);
      g_string_append_printf (out, "%s[%s|%s|%s|%s]", i > 0 ? " " : "", a->name ? a->name : "-",
                              a->route ? a->route : "-", a->mailbox ? a->mailbox : "-",
                              a->host ? a->host : "-");
    }
  return g_string_free (out, FALSE);
}

static const struct
{
  const char *value, *addresses;
} lists[] = {
  /* RFC 5322 A.1.1 to A.6.1 */
  { "John Doe <jdoe@machine.example>", "[John Doe|-|jdoe|machine.example]" },
  { "\"Joe Q. Public\" <john.q.public@example.com>", "[Joe Q. Public|-|john.q.public|example.com]" },
  { "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
    "[Mary Smith|-|mary|x.test] [-|-|jdoe|example.org] [Who?|-|one|y.test]" },
  { "<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
    "[-|-|boss|nil.test] [Giant; \"Big\" Box|-|sysservices|example.net]" },
  { "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
    "[-|-|A Group|-] [Ed Jones|-|c|a.test] [-|-|joe|where.test] [John|-|jdoe|one.test] [-|-|-|-]" },
  { "Undisclosed recipients:;", "[-|-|Undisclosed recipients|-] [-|-|-|-]" },
  { "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "[Pete|-|pete|silly.test]" },
  { "A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n  joe@example.org,\r\n"
    "     John <jdoe@one.test> (my dear friend); (the end of the group)",
    "[-|-|A Group|-] [Chris Jones|-|c|public.example] [-|-|joe|example.org] [John|-|jdoe|one.test] "
    "[-|-|-|-]" },
  { "(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;",
    "[-|-|Hidden recipients|-] [-|-|-|-]" },
  { "Joe Q. Public <john.q.public@example.com>", "[Joe Q. Public|-|john.q.public|example.com]" },
  { "Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
    "[Mary Smith|@node.test|mary|example.net] [-|-|jdoe|test.example]" },
  { "<@a.test,@b.test:c@d.test>", "[-|@a.test,@b.test|c|d.test]" },
  { "John Doe <jdoe@machine(comment).  example>", "[John Doe|-|jdoe|machine.example]" },
  /* What mail has besides. */
  { "jdoe@example.org (John Doe)", "[John Doe|-|jdoe|example.org]" },
  { "\"a b\"@c", "[-|-|a b|c]" },
  { "a@[10.0.0.1]", "[-|-|a|[10.0.0.1]]" },
  { "root", "[-|-|root|]" },
  { "Root <root>", "[Root|-|root|]" },
  { "<>", "[-|-||]" },
  { "", "" },
  { " , ,", "" },
  { "\"unclosed <a@b>", "[-|-|unclosed <a@b>|]" },
  { "Name <a@b", "[Name|-|a|b]" },
  { "Name <a@b, c@d", "[Name|-|a|b] [-|-|c|d]" },
  { "<Undisclosed-Recipient:;@x>", "[-|-|Undisclosed-Recipient|x]" },
  { "a@b c@d", "[-|-|a@bc|d]" },
  { "=?utf-8?q?A=2C_B?= <a@b>", "[=?utf-8?q?A=2C_B?=|-|a|b]" },
  { "x: a@b", "[-|-|x|-] [-|-|a|b] [-|-|-|-]" },
  { "((((a", "" },
  { "a@b <c@d>", "[a@b|-|c|d]" },
  { "O'Neil, Bob <bob@x>", "[-|-|O'Neil|] [Bob|-|bob|x]" },
};

static void
test_addresses (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (lists); i++)
    {
      g_autofree char *text = address_text (lists[i].value, strlen (lists[i].value));
      g_assert_cmpstr (text, ==, lists[i].addresses);
    }
  static const char with_nul[] = "a\0b@c\0, d@e";
  g_autofree char *text = address_text (with_nul, sizeof with_nul - 1);
  g_assert_cmpstr (text, ==, "[-|-|ab|c] [-|-|d|e]");
  g_autofree char *first = satchel_addresses_first ("g:a@b,c@d;", 10);
  g_assert_cmpstr (first, ==, "a@b");
}

/* A million separators, brackets, comments cost a pass each, whatever they open. */
static void
test_addresses_hostile (void)
{
  static const char *const pieces[] = { "(", "\"", "<",  "[",   "@",    ",", ":",
                                        ";", "a,", "<@", "<a:", "(\"<", "\\" };
  for (gsize i = 0; i < G_N_ELEMENTS (pieces); i++)
    {
      g_autoptr (GString) value = g_string_new (NULL);
      while (value->len < 500000)
        g_string_append (value, pieces[i]);
      g_autoptr (GPtrArray) list = satchel_addresses_parse (value->str, value->len, 1000);
      g_assert_cmpuint (list->len, <=, 1001);
      g_autofree char *decoded = satchel_header_decode (value->str, value->len, NULL);
      g_assert_nonnull (decoded);
    }
  g_autoptr (GString) open_words = g_string_new (NULL);
  for (int i = 0; i < 100000; i++)
    g_string_append (open_words, "=?a?q?");
  g_autofree char *decoded = satchel_header_decode (open_words->str, open_words->len, NULL);
  g_assert_cmpuint (strlen (decoded), <=, open_words->len);
}

static const struct
{
  const char *value, *token, *parameters;
  const char *name, *decoded;
} fields[] = {
  { "text/plain; charset=us-ascii (Plain text)", "text/plain", "charset=us-ascii", "charset", "us-ascii" },
  { "TEXT/Plain; CHARSET=\"iso-8859-1\"", "text/plain", "charset=iso-8859-1", NULL, NULL },
  /* RFC 2231 3, 4, 4.1 */
  { "message/external-body; access-type=URL;\r\n URL*0=\"ftp://\";\r\n "
    "URL*1=\"cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar\"",
    "message/external-body", "url=ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar access-type=URL",
    NULL, NULL },
  { "application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A", "application/x-stuff",
    "title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A", "title", "This is ***fun***" },
  { "application/x-stuff\r\n ; title*0*=us-ascii'en'This%20is%20even%20more%20\r\n ; "
    "title*1*=%2A%2A%2Afun%2A%2A%2A%20\r\n"
    " ; title*2=\"isn't it!\"",
    "application/x-stuff",
    "title*=us-ascii'en'This%20is%20even%20more%20%2A%2A%2Afun%2A%2A%2A%20isn%27t%20it!", "title",
    "This is even more ***fun*** isn't it!" },
  /* RFC 2183 2 */
  { "attachment; filename=genome.jpeg;\r\n modification-date=\"Wed, 12 Feb 1997 16:29:51 -0500\";",
    "attachment", "filename=genome.jpeg modification-date=Wed, 12 Feb 1997 16:29:51 -0500", "filename",
    "genome.jpeg" },
  { "attachment; filename=my report (1).pdf", "attachment", "filename=my report", NULL, NULL },
  { "attachment; filename=report(1).pdf", "attachment", "filename=report(1).pdf", NULL, NULL },
  { "attachment; filename=\"=?utf-8?q?=C3=BC.txt?=\"", "attachment",
    "filename==?utf-8?q?=C3=BC.txt?=", "filename", "ü.txt" },
  { "text/plain charset=utf-8", "text/plain", "charset=utf-8", NULL, NULL },
  { "text/plain; charset=utf-8\r\n name=x", "text/plain", "charset=utf-8 name=x", NULL, NULL },
  { "text / plain ; a = b", "text/plain", "a=b", NULL, NULL },
  { "multipart/mixed; boundary=\"a;b\\\"c\"", "multipart/mixed", "boundary=a;b\"c", NULL, NULL },
  { "a/b; x=1; x=2; =3; y; ;;z=", "a/b", "x=1 z=", NULL, NULL },
  { "", NULL, "", NULL, NULL },
  { ";a=b", NULL, "a=b", NULL, NULL },
};

static void
test_parameters (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      g_auto (SatchelParameterized) field = { NULL, NULL };
      g_autoptr (GString) text = g_string_new (NULL);
      satchel_parameterized_parse (fields[i].value, strlen (fields[i].value), &field);
      g_assert_cmpstr (field.token, ==, fields[i].token);
      for (guint k = 0; k < field.parameters->len; k++)
        {
          const SatchelParameter *parameter = g_ptr_array_index (field.parameters, k);
          g_string_append_printf (text, "%s%s=%s", k > 0 ? " " : "", parameter->name, parameter->value);
        }
      if (i == 2)
        /* Order is that of first appearance. */
        g_assert_true (g_str_has_prefix (text->str, "access-type=URL url="));
      else
        g_assert_cmpstr (text->str, ==, fields[i].parameters);
      if (fields[i].name == NULL)
        continue;
      g_autofree char *decoded = satchel_parameterized_get (&field, fields[i].name);
      g_assert_cmpstr (decoded, ==, fields[i].decoded);
    }
}

static void
test_message_ids (void)
{
  static const char value[] = "<a@b>\r\n <c@d> (x) <e @f> <> junk <g\r\n @h>";
  g_autoptr (GPtrArray) ids = satchel_message_ids_parse (value, sizeof value - 1, 10);
  g_assert_cmpuint (ids->len, ==, 4);
  g_assert_cmpstr (ids->pdata[0], ==, "<a@b>");
  g_assert_cmpstr (ids->pdata[2], ==, "<e@f>");
  g_assert_cmpstr (ids->pdata[3], ==, "<g@h>");
  g_autoptr (GPtrArray) last = satchel_message_ids_parse (value, sizeof value - 1, 1);
  g_assert_cmpuint (last->len, ==, 1);
  g_assert_cmpstr (last->pdata[0], ==, "<g@h>");
  /* RFC 5256 3 has this one. */
  static const char quoted[] =
      "<log\"1@a.b> <\"01KF8JCEOCBS0045PS\"@xxx.yyy.com> <\"a\\\"b\\\\\"@c> <\"x\"@[d\\e]> <\"";
  g_autoptr (GPtrArray) plain = satchel_message_ids_parse (quoted, sizeof quoted - 1, 10);
  g_assert_cmpuint (plain->len, ==, 4);
  g_assert_cmpstr (plain->pdata[0], ==, "<log\"1@a.b>");
  g_assert_cmpstr (plain->pdata[1], ==, "<01KF8JCEOCBS0045PS@xxx.yyy.com>");
  g_assert_cmpstr (plain->pdata[2], ==, "<a\"b\\@c>");
  g_assert_cmpstr (plain->pdata[3], ==, "<x@[d\\e]>");
}

static void
test_imap_string (void)
{
  g_autoptr (GString) out = g_string_new (NULL);
  satchel_imap_append_string (out, NULL, 0);
  satchel_imap_append_string (out, "", 0);
  satchel_imap_append_string (out, "a\"b\\", -1);
  satchel_imap_append_string (out, "\xc3\xa9\0\"", 4);
  satchel_imap_append_string (out, "a\r\nb", -1);
  g_assert_cmpstr (out->str, ==, "NIL\"\"\"a\\\"b\\\\\"{3}\r\n\xc3\xa9\"{4}\r\na\r\nb");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mail/header/fields", test_fields);
  g_test_add_func ("/mail/header/select", test_select);
  g_test_add_func ("/mail/header/select-much", test_select_much);
  g_test_add_func ("/mail/header/encoded-words", test_words);
  g_test_add_func ("/mail/header/addresses", test_addresses);
  g_test_add_func ("/mail/header/addresses-hostile", test_addresses_hostile);
  g_test_add_func ("/mail/header/parameters", test_parameters);
  g_test_add_func ("/mail/header/message-ids", test_message_ids);
  g_test_add_func ("/mail/header/imap-string", test_imap_string);
  return g_test_run ();
}
