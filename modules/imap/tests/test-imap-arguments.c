/* SPDX-License-Identifier: MIT
 * Arguments, sequence sets, URLs and the writer of imap.
 */
#include "modules/imap/grammar/arguments.h"
#include "modules/imap/grammar/url.h"
#include "modules/imap/writer.h"

#include <satchel/storage.h>
#include <string.h>

static const ImapLexerLimits limits = {
  .command_bytes = 65536, .literal_bytes = 1024, .nodes = 4096, .depth = 8
};

/* Parses "tag NAME arguments"; NULL: fine, else the error. */
static const char *
parse (const char *line, gboolean (*func) (ImapReader *, gpointer), gpointer arguments)
{
  static ImapLexer lexer;
  ImapLexerLimits wide = limits;
  gsize n, at = 0, len = strlen (line);
  imap_lexer_clear (&lexer);
  imap_lexer_init (&lexer, &wide);
  ImapLexStatus status;
  while ((status = imap_lexer_feed (&lexer, (const guint8 *) line + at, len - at, &n)) == IMAP_LEX_LITERAL)
    {
      at += n;
      imap_lexer_take_literal (&lexer);
    }
  g_assert_cmpint (status, ==, IMAP_LEX_COMMAND);
  ImapReader reader;
  imap_reader_init (&reader, &lexer);
  imap_reader_skip (&reader);
  if (func (&reader, arguments))
    return NULL;
  g_assert_nonnull (reader.error);
  return reader.error;
}

static void
test_fetch (void)
{
  ImapFetchArguments fetch = { 0 };
  g_assert_null (parse ("a FETCH 1:* (FLAGS uid BODY[] BODY.PEEK[1.2.MIME]<5.10> BODY[HEADER.FIELDS (a \"b "
                        "c\")] RFC822.HEADER)\r\n",
                        imap_parse_fetch, &fetch));
  g_assert_cmpuint (fetch.items, ==, IMAP_FETCH_FLAGS | IMAP_FETCH_UID);
  g_assert_cmpuint (fetch.sections->len, ==, 4);
  const ImapSection *section = fetch.sections->pdata[1];
  g_assert_cmpint (section->kind, ==, IMAP_SECTION_MIME);
  g_assert_cmpuint (section->n_path, ==, 2);
  g_assert_cmpuint (section->offset, ==, 5);
  g_assert_cmpuint (section->count, ==, 10);
  g_assert_false (section->sets_seen);
  section = fetch.sections->pdata[2];
  g_assert_cmpstr (section->fields[1], ==, "b c");
  g_assert_true (section->sets_seen);
  g_assert_false (((ImapSection *) fetch.sections->pdata[3])->sets_seen);
  imap_fetch_arguments_clear (&fetch);
  static const char *const bad[] = {
    "",
    "1",
    "0 FLAGS",
    "1 ()",
    "1 FLAGS UID",
    "1 ALL FLAGS",
    "1 FAST UID",
    "1 BODY[0]",
    "1 BODY[1",
    "1 BODY[1]x",
    "1 BODY[MIME]",
    "1 BODY[.1]",
    "1 BODY[1.]",
    "1 BODY[1HEADER]",
    "1 BODY[FOO]",
    "1 BODY[]<1>",
    "1 BODY[]<1.0>",
    "1 BODY[]<9223372036854775808.1>",
    "1 BODY[]<0.99999999999999999999>",
    "1 BODY[]<0.1",
    "1 BODY[HEADER.FIELDS]",
    "1 BODY[HEADER.FIELDS ()]",
    "1 BODY[HEADER.FIELDS (a)",
    "1 BODY[HEADER.FIELDS (a) ]",
    "1 BODY[HEADER.FIELDS (a)]x",
    "1 (FLAGS (UID))",
    "1 \"FLAGS\"",
    "1 FLAGS)(",
    "1,2, FLAGS",
    "1:2:3 FLAGS",
    "4294967296 FLAGS",
    "1:*a FLAGS",
  };
  for (guint i = 0; i < G_N_ELEMENTS (bad) - 1; i++)
    {
      if (strchr (bad[i], ')') != NULL && strchr (bad[i], '(') > strchr (bad[i], ')'))
        continue;
      g_autofree char *line = g_strdup_printf ("a FETCH %s\r\n", bad[i]);
      g_test_message ("%s", line);
      g_assert_nonnull (parse (line, imap_parse_fetch, &fetch));
      imap_fetch_arguments_clear (&fetch);
      memset (&fetch, 0, sizeof fetch);
    }
}

/* A very long part number is bounded. */
static void
test_fetch_depth (void)
{
  g_autoptr (GString) line = g_string_new ("a FETCH 1 BODY[1");
  for (guint i = 0; i < 500; i++)
    g_string_append (line, ".1");
  g_string_append (line, "]\r\n");
  ImapFetchArguments fetch = { 0 };
  g_assert_nonnull (parse (line->str, imap_parse_fetch, &fetch));
  imap_fetch_arguments_clear (&fetch);
}

/* @n times @item between @start and @end: the error, or NULL. */
static const char *
parse_many (const char *start, const char *item, guint n, const char *end, gboolean is_search)
{
  ImapFetchArguments fetch = { 0 };
  ImapSearchArguments search = { 0 };
  g_autoptr (GString) line = g_string_new (start);
  for (guint i = 0; i < n; i++)
    g_string_append (line, item);
  g_string_append (line, end);
  const char *error =
      is_search ? parse (line->str, imap_parse_search, &search) : parse (line->str, imap_parse_fetch, &fetch);
  if (is_search)
    imap_search_arguments_clear (&search);
  else
    imap_fetch_arguments_clear (&fetch);
  return error;
}

/* Sections times parts, chosen headers times lines, texts times messages are bounded by what one command
 * may ask for. */
static void
test_bounds (void)
{
  static const struct
  {
    const char *item;
    guint max;
    gboolean is_search;
  } cases[] = {
    { " BODY.PEEK[1]<7.1>", IMAP_FETCH_SECTIONS_MAX, FALSE },
    { " RFC822.TEXT", IMAP_FETCH_SECTIONS_MAX, FALSE },
    { " BODY[HEADER.FIELDS (X)]", IMAP_FETCH_COSTLY_SECTIONS_MAX, FALSE },
    { " BODY[1.HEADER.FIELDS.NOT (X Y)]", IMAP_FETCH_COSTLY_SECTIONS_MAX, FALSE },
    { " BINARY.SIZE[1]", IMAP_FETCH_COSTLY_SECTIONS_MAX, FALSE },
    { " BINARY.PEEK[1]<1.1>", IMAP_FETCH_COSTLY_SECTIONS_MAX, FALSE },
    { " BODY x", IMAP_SEARCH_TEXTS_MAX, TRUE },
    { " OR TEXT x SEEN", IMAP_SEARCH_TEXTS_MAX, TRUE },
    { " (NOT (NOT BODY x))", IMAP_SEARCH_TEXTS_MAX, TRUE },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint more = 0; more < 2; more++)
      {
        gboolean is_search = cases[i].is_search;
        const char *error = parse_many (is_search ? "a SEARCH" : "a FETCH 1 (UID", cases[i].item,
                                        cases[i].max + more, is_search ? "\r\n" : ")\r\n", is_search);
        g_test_message ("%s: %s", cases[i].item, error);
        g_assert_true ((error != NULL) == (more == 1));
      }
  /* Message ids, as programs that look for copies ask. */
  const char *ids = parse_many ("a SEARCH", " OR HEADER MESSAGE-ID <a@b> SEEN", 500, "\r\n", TRUE);
  g_assert_null (ids);
}

static void
test_search (void)
{
  ImapSearchArguments search = { 0 };
  g_assert_null (parse ("a SEARCH CHARSET utf-8 OR OR SEEN FLAGGED OR (NEW 1:3) NOT BODY {3}\r\nabc SINCE "
                        "1-Feb-1994 UNKEYWORD x\r\n",
                        imap_parse_search, &search));
  g_assert_cmpstr (search.charset, ==, "utf-8");
  g_assert_cmpuint (search.key->children->len, ==, 3);
  const ImapSearchKey *or = search.key->children->pdata[0];
  g_assert_cmpint (or->kind, ==, IMAP_KEY_OR);
  g_assert_cmpuint (or->children->len, ==, 4); /* both chains are flat */
  imap_search_arguments_clear (&search);
  static const char *const bad[] = { "",
                                     "FOO",
                                     "OR SEEN",
                                     "NOT",
                                     "BODY",
                                     "HEADER x",
                                     "SINCE 1994",
                                     "SINCE 31-Foo-1994",
                                     "LARGER x",
                                     "LARGER -1",
                                     "UID x",
                                     "KEYWORD \"a)b\"",
                                     "KEYWORD \"a b\"",
                                     "()",
                                     "0",
                                     "CHARSET",
                                     "CHARSET utf-8" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *line = g_strdup_printf ("a SEARCH %s\r\n", bad[i]);
      memset (&search, 0, sizeof search);
      g_test_message ("%s", line);
      g_assert_nonnull (parse (line, imap_parse_search, &search));
      imap_search_arguments_clear (&search);
    }
}

static void
test_sort (void)
{
  ImapSearchArguments sort = { 0 };
  g_assert_null (
      parse ("a SORT return (min SAVE) (REVERSE DATE subject Reverse Subject DATE DISPLAYTO) utf-8 $\r\n",
             imap_parse_sort, &sort));
  g_assert_cmpuint (sort.returns, ==, IMAP_RETURN_MIN | IMAP_RETURN_SAVE);
  g_assert_cmpuint (sort.n_sorts, ==, 3);
  g_assert_cmpint (sort.sorts[0], ==, IMAP_SORT_DATE);
  g_assert_cmpint (sort.sorts[1], ==, IMAP_SORT_SUBJECT);
  g_assert_cmpint (sort.sorts[2], ==, IMAP_SORT_DISPLAYTO);
  g_assert_cmpuint (sort.reversed, ==, 1);
  g_assert_true (((ImapSearchKey *) sort.key->children->pdata[0])->set.is_saved);
  imap_search_arguments_clear (&sort);
  static const char *const bad[] = { "",
                                     "(DATE)",
                                     "(DATE) UTF-8",
                                     "DATE UTF-8 ALL",
                                     "() UTF-8 ALL",
                                     "(REVERSE) UTF-8 ALL",
                                     "(REVERSE REVERSE DATE) UTF-8 ALL",
                                     "((DATE)) UTF-8 ALL",
                                     "(\"DATE\") UTF-8 ALL",
                                     "(DATE)UTF-8 ALL",
                                     "RETURN (DATE) UTF-8 ALL",
                                     "RETURN (X) (DATE) UTF-8 ALL",
                                     "(DATE) RETURN (MIN) UTF-8 ALL",
                                     "(DATE) (UTF-8) ALL" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *line = g_strdup_printf ("a SORT %s\r\n", bad[i]);
      memset (&sort, 0, sizeof sort);
      g_test_message ("%s", line);
      g_assert_nonnull (parse (line, imap_parse_sort, &sort));
      imap_search_arguments_clear (&sort);
    }
}

static void
test_thread (void)
{
  ImapSearchArguments thread = { 0 };
  g_assert_null (parse ("a THREAD refs \"UTF-8\" 1:2 SEEN\r\n", imap_parse_thread, &thread));
  g_assert_cmpint (thread.algorithm, ==, SATCHEL_THREAD_REFS);
  g_assert_cmpstr (thread.charset, ==, "UTF-8");
  g_assert_cmpuint (thread.key->children->len, ==, 2);
  imap_search_arguments_clear (&thread);
  static const char *const bad[] = {
    "", "REFS", "REFS UTF-8", "REF UTF-8 ALL", "\"REFS\" UTF-8 ALL", "(REFS) UTF-8 ALL"
  };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *line = g_strdup_printf ("a THREAD %s\r\n", bad[i]);
      memset (&thread, 0, sizeof thread);
      g_assert_nonnull (parse (line, imap_parse_thread, &thread));
      imap_search_arguments_clear (&thread);
    }
}

static void
test_search_depth (void)
{
  g_autoptr (GString) nots = g_string_new ("a SEARCH");
  for (guint i = 0; i < 200; i++)
    g_string_append (nots, " NOT");
  g_string_append (nots, " SEEN\r\n");
  ImapSearchArguments search = { 0 };
  g_assert_nonnull (parse (nots->str, imap_parse_search, &search));
  imap_search_arguments_clear (&search);
  memset (&search, 0, sizeof search);
  g_autoptr (GString) ors = g_string_new ("a SEARCH");
  for (guint i = 0; i < 60; i++)
    g_string_append (ors, " OR FROM x");
  g_string_append (ors, " SEEN\r\n");
  g_assert_null (parse (ors->str, imap_parse_search, &search));
  imap_search_arguments_clear (&search);
}

static void
test_store (void)
{
  ImapStoreArguments store = { 0 };
  g_assert_null (
      parse ("a STORE 1 +flags.silent (\\Seen $Forwarded \\DELETED)\r\n", imap_parse_store, &store));
  g_assert_true (store.is_silent);
  g_assert_cmpint (store.mode, ==, 2);
  g_assert_cmpuint (store.flags.flags, ==, SATCHEL_FLAG_SEEN | SATCHEL_FLAG_DELETED);
  g_assert_cmpstr (store.flags.keywords[0], ==, "$Forwarded");
  imap_store_arguments_clear (&store);
  memset (&store, 0, sizeof store);
  g_assert_null (parse ("a STORE 1 FLAGS \\Seen x\r\n", imap_parse_store, &store));
  imap_store_arguments_clear (&store);
  static const char *const bad[] = {
    "1 FLAGS",       "1 FLAGS \\Recent",     "1 FLAGS (\\*)", "1 FLAGS (a\"b\")", "1 FLAGS (\"x\")",
    "1 FLAGS (a]b)", "1 FLAGS ({3}\r\na)b)", "1 FOO x",       "1 ++FLAGS x",      "1 FLAGS (x) y"
  };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *line = g_strdup_printf ("a STORE %s\r\n", bad[i]);
      memset (&store, 0, sizeof store);
      g_test_message ("%s", line);
      g_assert_nonnull (parse (line, imap_parse_store, &store));
      imap_store_arguments_clear (&store);
    }
}

static void
test_list (void)
{
  ImapListArguments list = { 0 };
  g_assert_null (parse ("a LIST \"\" %\r\n", imap_parse_list, &list));
  g_assert_false (list.is_extended);
  g_assert_cmpuint (list.patterns->len, ==, 1);
  imap_list_arguments_clear (&list);
  memset (&list, 0, sizeof list);
  g_assert_null (parse (
      "a LIST (subscribed RECURSIVEMATCH) x (% {2}\r\ny* \"\") RETURN (STATUS (SIZE MESSAGES) CHILDREN)\r\n",
      imap_parse_list, &list));
  g_assert_true (list.is_extended);
  g_assert_cmpstr (list.reference, ==, "x");
  g_assert_cmpuint (list.patterns->len, ==, 3);
  g_assert_cmpstr (list.patterns->pdata[1], ==, "y*");
  g_assert_cmpuint (list.select, ==, IMAP_LIST_SUBSCRIBED | IMAP_LIST_RECURSIVEMATCH);
  g_assert_cmpuint (list.returns, ==, IMAP_LIST_SUBSCRIBED | IMAP_LIST_CHILDREN | IMAP_LIST_STATUS);
  g_assert_cmpuint (list.status_items, ==, IMAP_STATUS_SIZE | IMAP_STATUS_MESSAGES);
  imap_list_arguments_clear (&list);
  static const char *const bad[] = {
    "",
    "\"\"",
    "() \"\"",
    "() () %",
    "(X) \"\" %",
    "\"\" % CHILDREN",
    "\"\" % RETURN CHILDREN",
    "\"\" % RETURN (STATUS)",
    "\"\" % RETURN (STATUS (X))",
    "\"\" % RETURN (STATUS MESSAGES)",
    "\"\" % RETURN ((CHILDREN))",
    "\"\" ((%))",
    "\"\" ()",
    "(SUBSCRIBED)\"\" %",
    "(REMOTE RECURSIVEMATCH) \"\" %",
    "\"\" % RETURN () x",
  };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *line = g_strdup_printf ("a LIST %s\r\n", bad[i]);
      memset (&list, 0, sizeof list);
      g_test_message ("%s", line);
      g_assert_nonnull (parse (line, imap_parse_list, &list));
      imap_list_arguments_clear (&list);
    }
}

static void
test_create (void)
{
  ImapMailboxArguments create = { 0 };
  g_assert_null (parse ("a CREATE x\r\n", imap_parse_create, &create));
  g_assert_cmpuint (create.special_use, ==, 0);
  imap_mailbox_arguments_clear (&create);
  memset (&create, 0, sizeof create);
  g_assert_null (
      parse ("a CREATE \"x y\" (USE (\\sent \\Junk \\Sent) use ())\r\n", imap_parse_create, &create));
  g_assert_cmpstr (create.name, ==, "x y");
  g_assert_cmpuint (create.special_use, ==, SATCHEL_USE_SENT | SATCHEL_USE_JUNK);
  g_assert_false (create.has_other_use);
  imap_mailbox_arguments_clear (&create);
  memset (&create, 0, sizeof create);
  g_assert_null (parse ("a CREATE x (USE (\\Sent \\Important))\r\n", imap_parse_create, &create));
  g_assert_true (create.has_other_use);
  imap_mailbox_arguments_clear (&create);
  static const char *const bad[] = { "",
                                     "x ()",
                                     "x (USE)",
                                     "x (USE Sent)",
                                     "x (USE (Sent))",
                                     "x (USE (\\))",
                                     "x (USE (\\Sent)) y",
                                     "x (USE (\\Sent) SIZE)",
                                     "x USE (\\Sent)",
                                     "x (USE (\"\\\\Sent\"))",
                                     "x (USE ((\\Sent)))" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *line = g_strdup_printf ("a CREATE %s\r\n", bad[i]);
      memset (&create, 0, sizeof create);
      g_test_message ("%s", line);
      g_assert_nonnull (parse (line, imap_parse_create, &create));
      imap_mailbox_arguments_clear (&create);
    }
}

/* ---- RFC 7162 ---- */

static void
test_select (void)
{
  ImapSelectArguments select = { 0 };
  g_assert_null (parse ("a SELECT INBOX\r\n", imap_parse_select, &select));
  g_assert_cmpstr (select.name, ==, "INBOX");
  g_assert_false (select.is_condstore);
  g_assert_cmpuint (select.qresync.uidvalidity, ==, 0);
  imap_select_arguments_clear (&select);
  memset (&select, 0, sizeof select);
  g_assert_null (parse (
      "a SELECT {1}\r\nx (qresync (4294967295 9223372036854775807 7,1:3 (1,4:5 10,20:21)) CondStore)\r\n",
      imap_parse_select, &select));
  g_assert_cmpstr (select.name, ==, "x");
  g_assert_true (select.is_condstore);
  g_assert_cmpuint (select.qresync.uidvalidity, ==, 4294967295u);
  g_assert_cmpuint (select.qresync.modseq, ==, G_MAXINT64);
  g_assert_true (select.qresync.has_uids);
  g_assert_cmpuint (select.qresync.uids.n_ranges, ==, 2);
  g_assert_cmpuint (select.qresync.match_numbers.ranges[1].last, ==, 5);
  g_assert_cmpuint (select.qresync.match_uids.ranges[0].first, ==, 10);
  imap_select_arguments_clear (&select);
  memset (&select, 0, sizeof select);
  g_assert_null (parse ("a SELECT x (QRESYNC (1 0 (1 1)))\r\n", imap_parse_select, &select));
  g_assert_false (select.qresync.has_uids);
  g_assert_cmpuint (select.qresync.match_uids.n_ranges, ==, 1);
  imap_select_arguments_clear (&select);
  static const char *const bad[] = { "x ()",
                                     "x CONDSTORE",
                                     "x (FOO)",
                                     "x (QRESYNC)",
                                     "x (QRESYNC ())",
                                     "x (QRESYNC (1))",
                                     "x (QRESYNC (0 1))",
                                     "x (QRESYNC (4294967296 1))",
                                     "x (QRESYNC (1 9223372036854775808))",
                                     "x (QRESYNC (1 -1))",
                                     "x (QRESYNC (1 1 1:*))",
                                     "x (QRESYNC (1 1 *))",
                                     "x (QRESYNC (1 1 $))",
                                     "x (QRESYNC (1 1 ($ 1)))",
                                     "x (QRESYNC (1 1 x))",
                                     "x (QRESYNC (1 1 1 2))",
                                     "x (QRESYNC (1 1 (1)))",
                                     "x (QRESYNC (1 1 (1 2 3)))",
                                     "x (QRESYNC (1 1 (1:* 2:3)))",
                                     "x (QRESYNC (1 1 (2,1 3,4)))",
                                     "x (QRESYNC (1 1 (1,2 4,3)))",
                                     "x (QRESYNC (1 1 (2:1 3:4)))",
                                     "x (QRESYNC (1 1 (1,1 3,4)))",
                                     "x (QRESYNC (1 1 1 ()))",
                                     "x (QRESYNC (1 1) QRESYNC (1 1))",
                                     "x (CONDSTORE) y",
                                     "x (QRESYNC (1 1 1:2 (1 1) 3))",
                                     "x (\"CONDSTORE\")" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *line = g_strdup_printf ("a SELECT %s\r\n", bad[i]);
      memset (&select, 0, sizeof select);
      g_test_message ("%s", line);
      g_assert_nonnull (parse (line, imap_parse_select, &select));
      imap_select_arguments_clear (&select);
    }
}

static void
test_modifiers (void)
{
  ImapFetchArguments fetch = { 0 };
  g_assert_null (parse ("a FETCH 1 (FLAGS) (VANISHED CHANGEDSINCE 12)\r\n", imap_parse_fetch, &fetch));
  g_assert_cmpuint (fetch.items, ==, IMAP_FETCH_FLAGS | IMAP_FETCH_MODSEQ);
  g_assert_true (fetch.wants_vanished && fetch.has_changed_since);
  g_assert_cmpuint (fetch.changed_since, ==, 12);
  imap_fetch_arguments_clear (&fetch);
  static const char *const bad[] = { "1 FLAGS ()",
                                     "1 FLAGS (VANISHED)",
                                     "1 FLAGS (CHANGEDSINCE)",
                                     "1 FLAGS (CHANGEDSINCE x)",
                                     "1 FLAGS (CHANGEDSINCE 1 2)",
                                     "1 FLAGS (CHANGEDSINCE 1) x",
                                     "1 FLAGS CHANGEDSINCE 1",
                                     "1 FLAGS (CHANGEDSINCE (1))",
                                     "1 ALL (CHANGEDSINCE 1 VANISHED VANISHED)",
                                     "1 FLAGS (CHANGEDSINCE 9223372036854775808)",
                                     "1 (FLAGS) (UNCHANGEDSINCE 1)" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *line = g_strdup_printf ("a FETCH %s\r\n", bad[i]);
      memset (&fetch, 0, sizeof fetch);
      g_test_message ("%s", line);
      g_assert_nonnull (parse (line, imap_parse_fetch, &fetch));
      imap_fetch_arguments_clear (&fetch);
    }
  ImapStoreArguments store = { 0 };
  g_assert_null (parse ("a STORE 1 (unchangedsince 0) -FLAGS.SILENT x\r\n", imap_parse_store, &store));
  g_assert_cmpuint (store.unchanged_since, ==, 0);
  imap_store_arguments_clear (&store);
  memset (&store, 0, sizeof store);
  g_assert_null (parse ("a STORE 1 -FLAGS x\r\n", imap_parse_store, &store));
  g_assert_cmpuint (store.unchanged_since, ==, G_MAXUINT64);
  imap_store_arguments_clear (&store);
}

static void
test_search_modseq (void)
{
  ImapSearchArguments search = { 0 };
  g_assert_null (
      parse ("a SEARCH OR (NOT MODSEQ \"/flags/\\\\Seen\" shared 5) SEEN\r\n", imap_parse_search, &search));
  g_assert_true (search.names_modseq);
  g_assert_false (search.names_numbers);
  imap_search_arguments_clear (&search);
  memset (&search, 0, sizeof search);
  g_assert_null (parse ("a SEARCH NOT (UID 1 2:3)\r\n", imap_parse_search, &search));
  g_assert_true (search.names_numbers && !search.names_modseq);
  imap_search_arguments_clear (&search);
}

static void
test_vanished_lines (void)
{
  g_auto (SatchelUidSet) set = { 0 };
  ImapWriter writer = { .room = 1 };
  for (guint32 uid = 1; uid <= 600; uid += 2)
    satchel_uid_set_add (&set, uid, uid);
  guint at = imap_write_vanished (&writer, &set, 0, TRUE);
  g_assert_cmpuint (at, >, 1);
  g_assert_cmpuint (at, <, set.n_ranges);
  g_assert_cmpuint (writer.len, <, 8192);
  writer.len = 0;
  g_assert_cmpuint (imap_write_vanished (&writer, &set, 298, FALSE), ==, 300);
  imap_write_raw (&writer, "", 1);
  g_assert_cmpstr (writer.data, ==, "* VANISHED 597,599\r\n");
  imap_writer_clear (&writer);
}

/* ---- sequence sets ---- */

static char *
resolve (const char *text, guint32 star)
{
  ImapSequence sequence = { 0 };
  g_auto (SatchelUidSet) set = { 0 };
  if (!imap_sequence_parse (text, &sequence))
    return g_strdup ("bad");
  imap_sequence_resolve (&sequence, star, &set);
  imap_sequence_clear (&sequence);
  ImapWriter writer = { .room = 1 };
  imap_write_set (&writer, &set);
  char *result = g_strndup (writer.data != NULL ? writer.data : "", writer.len);
  imap_writer_clear (&writer);
  return result;
}

/* "mailbox uidvalidity uid section offset count", or "-". */
static void
check_url (const char *text, const char *expected)
{
  g_auto (ImapUrl) url = { 0 };
  g_autofree char *got = g_strdup ("-");
  if (imap_url_parse (text, &url))
    {
      g_free (got);
      got = g_strdup_printf ("%s %u %u %s %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT,
                             url.mailbox != NULL ? url.mailbox : "*", url.uidvalidity, url.uid, url.section,
                             url.offset, (gint64) url.count);
    }
  g_assert_cmpstr (got, ==, expected);
}

static void
test_url (void)
{
  /* RFC 4469, its examples. */
  check_url ("/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER", "Drafts 385759045 20 HEADER 0 -1");
  check_url ("/INBOX;UIDVALIDITY=785799047/;UID=113330/;section=1.5.9", "INBOX 785799047 113330 1.5.9 0 -1");
  check_url ("/Drafts/;UID=3002", "Drafts 0 3002  0 -1");
  /* RFC 5092 9.1 and 11: names in UTF-8, levels, partial ranges. */
  check_url ("/gray%20council;uidvalidity=385759045/;uid=20/;section=1.2/;partial=0.1024",
             "gray council 385759045 20 1.2 0 1024");
  check_url ("/~peter/%E6%97%A5%E6%9C%AC%E8%AA%9E/;UID=4294967295/;PARTIAL=7",
             "~peter/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e 0 4294967295  7 -1");
  check_url (";UID=20/;SECTION=1.MIME", "* 0 20 1.MIME 0 -1");
  check_url ("/a;UIDVALIDITY=1/;UID=1/;SECTION=HEADER.FIELDS%20(To)", "a 1 1 HEADER.FIELDS (To) 0 -1");
  static const char *const bad[] = { "",
                                     "/",
                                     "x",
                                     "imap://u@h/INBOX/;UID=1",
                                     "//h/INBOX/;UID=1",
                                     "INBOX/;UID=1",
                                     "/INBOX",
                                     "/INBOX;UID=1",
                                     "/INBOX/",
                                     "/INBOX/;UID",
                                     "/INBOX/;UID=",
                                     "/INBOX/;UID=0",
                                     "/INBOX/;UID=4294967296",
                                     "/INBOX/;UID=1x",
                                     "/INBOX/;UID=1/",
                                     "/INBOX/;UID=1;SECTION=1",
                                     "/INBOX/;UID=1/;SECTION=",
                                     "/INBOX/;UID=1/;SECTION=/;PARTIAL=1",
                                     "/INBOX/;UID=1/;SECTION=1;PARTIAL=1",
                                     "/INBOX/;UID=1/;PARTIAL=",
                                     "/INBOX/;UID=1/;PARTIAL=1.",
                                     "/INBOX/;UID=1/;PARTIAL=1.0",
                                     "/INBOX/;UID=1/;PARTIAL=1/;SECTION=1",
                                     "/INBOX/;UID=1;URLAUTH=anonymous:internal:00",
                                     "/INBOX;UIDVALIDITY=0/;UID=1",
                                     "/INBOX;UIDVALIDITY=1;UID=1",
                                     "/;UID=1",
                                     "/;UIDVALIDITY=1/;UID=1",
                                     "/a%/;UID=1",
                                     "/a%2/;UID=1",
                                     "/a%zz/;UID=1",
                                     "/a%00b/;UID=1",
                                     "/a%ff/;UID=1",
                                     "/a b/;UID=1",
                                     "/a\"b/;UID=1",
                                     "/\xe6\x97\xa5/;UID=1",
                                     "/a?q/;UID=1",
                                     "/a#f/;UID=1",
                                     "/INBOX/;UID=1/;SECTION=1]" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    check_url (bad[i], "-");
  g_autoptr (GString) longest = g_string_new ("/");
  while (longest->len < IMAP_URL_BYTES_MAX)
    g_string_append_c (longest, 'a');
  g_string_append (longest, "/;UID=1");
  check_url (longest->str, "-");
}

static void
test_sequence (void)
{
  static const struct
  {
    const char *text;
    guint32 star;
    const char *expected;
  } cases[] = {
    { "1:*,*:1,4294967295", 5, "1:5,4294967295" },
    { "5:3,1", 9, "1,3:5" },
    { "*", 7, "7" },
    { "9:*", 7, "7:9" },
    { "2,1,3", 9, "1:3" },
    { "1:3,2:8,5", 9, "1:8" },
    { "*", 0, "" },
    { "1:4294967295,4294967295:1", 3, "1:4294967295" },
    { "0", 5, "bad" },
    { "1:0", 5, "bad" },
    { "", 5, "bad" },
    { "1,", 5, "bad" },
    { ",1", 5, "bad" },
    { "01", 5, "bad" },
    { "4294967296", 5, "bad" },
    { "1:2:3", 5, "bad" },
    { "-1", 5, "bad" },
    { "*:*", 4, "4" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *set = resolve (cases[i].text, cases[i].star);
      g_test_message ("%s", cases[i].text);
      g_assert_cmpstr (set, ==, cases[i].expected);
    }
}

/* Many ranges, in the worst order. */
static void
test_sequence_many (void)
{
  g_autoptr (GString) text = g_string_new ("1");
  for (guint i = 100000; i > 0; i--)
    g_string_append_printf (text, ",%u:%u", 10 * i, 10 * i + 3);
  ImapSequence sequence = { 0 };
  g_auto (SatchelUidSet) set = { 0 };
  g_assert_true (imap_sequence_parse (text->str, &sequence));
  imap_sequence_resolve (&sequence, 5, &set);
  g_assert_cmpuint (set.n_ranges, ==, 100001);
  g_assert_cmpuint (satchel_uid_set_count (&set), ==, 400001);
  imap_sequence_clear (&sequence);
}

/* ---- writer ---- */

static void
check_string (const char *text, gsize len, gboolean is_utf8, const char *expected)
{
  ImapWriter writer = { .room = 1, .is_utf8 = is_utf8 };
  imap_write_string (&writer, text, len);
  g_autofree char *result = g_strndup (writer.data, writer.len);
  g_assert_cmpstr (result, ==, expected);
  imap_writer_clear (&writer);
}

static void
test_writer (void)
{
  check_string ("", 0, FALSE, "\"\"");
  check_string ("a \"b\\", 5, FALSE, "\"a \\\"b\\\\\"");
  check_string ("a\r\nb", 4, FALSE, "{4}\r\na\r\nb");
  check_string ("\xc3\xa9", 2, FALSE, "{2}\r\n\xc3\xa9");
  check_string ("a\0b", 3, FALSE, "\"ab\"");
  check_string ("\"\xc3\xa9", 3, TRUE, "\"\\\"\xc3\xa9\"");
  check_string ("a\xc3", 2, TRUE, "{2}\r\na\xc3");
  check_string ("\xc3\xa9\r", 3, TRUE, "{3}\r\n\xc3\xa9\r");
  ImapWriter writer = { .room = 1 };
  char *keywords[] = { (char *) "$Junk", (char *) "a)b", (char *) "Work", NULL };
  imap_write_flags (&writer, SATCHEL_FLAG_SEEN | SATCHEL_FLAG_UNPARSED, &(SatchelKeywordSet) { { 7 } },
                    keywords, 3, TRUE);
  imap_write (&writer, " ");
  imap_write_number (&writer, G_MAXUINT64);
  imap_write (&writer, " ");
  imap_write_mailbox (&writer, "Entw\xc3\xbcrfe & \"x\"");
  writer.is_utf8 = TRUE;
  imap_write_mailbox (&writer, " \xc3\xbc&");
  imap_write_safe_text (&writer, " a]b\r\nc", 100);
  imap_write_raw (&writer, "", 1);
  g_assert_cmpstr (
      writer.data, ==,
      "(\\Seen \\Recent $Junk Work) 18446744073709551615 \"Entw&APw-rfe &- \\\"x\\\"\"\" \xc3\xbc&\" abc");
  imap_writer_clear (&writer);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/imap/arguments/fetch", test_fetch);
  g_test_add_func ("/imap/arguments/fetch-depth", test_fetch_depth);
  g_test_add_func ("/imap/arguments/bounds", test_bounds);
  g_test_add_func ("/imap/arguments/search", test_search);
  g_test_add_func ("/imap/arguments/search-depth", test_search_depth);
  g_test_add_func ("/imap/arguments/sort", test_sort);
  g_test_add_func ("/imap/arguments/thread", test_thread);
  g_test_add_func ("/imap/arguments/store", test_store);
  g_test_add_func ("/imap/arguments/list", test_list);
  g_test_add_func ("/imap/arguments/create", test_create);
  g_test_add_func ("/imap/url", test_url);
  g_test_add_func ("/imap/arguments/select", test_select);
  g_test_add_func ("/imap/arguments/modifiers", test_modifiers);
  g_test_add_func ("/imap/arguments/search-modseq", test_search_modseq);
  g_test_add_func ("/imap/writer/vanished", test_vanished_lines);
  g_test_add_func ("/imap/sequence/resolve", test_sequence);
  g_test_add_func ("/imap/sequence/many", test_sequence_many);
  g_test_add_func ("/imap/writer/forms", test_writer);
  return g_test_run ();
}
