/* SPDX-License-Identifier: MIT
 * Bounds of arguments, each at its edge: the last that is good is taken, the first that is not is refused.
 */
#include "modules/imap/grammar/arguments.h"
#include "modules/imap/grammar/url.h"

#include <satchel/keywords.h>
#include <string.h>

typedef struct Kind
{
  gboolean (*parse) (ImapReader *reader, gpointer arguments);
  void (*clear) (gpointer arguments);
} Kind;

static const Kind fetch = { imap_parse_fetch, imap_fetch_arguments_clear };
static const Kind search = { imap_parse_search, imap_search_arguments_clear };
static const Kind store = { imap_parse_store, imap_store_arguments_clear };
static const Kind enable = { imap_parse_enable, imap_list_of_names_clear };
static const Kind id = { imap_parse_id, imap_list_of_names_clear };
static const Kind list = { imap_parse_list, imap_list_arguments_clear };
static const Kind get_metadata = { imap_parse_get_metadata, imap_metadata_arguments_clear };

/* Room for any of them. */
typedef union Arguments
{
  ImapFetchArguments fetch;
  ImapSearchArguments search;
  ImapStoreArguments store;
  ImapListOfNames names;
  ImapListArguments list;
  ImapMetadataArguments metadata;
} Arguments;

static gboolean
parse (const Kind *kind, const char *line, Arguments *ret_arguments)
{
  static ImapLexer lexer;
  ImapLexerLimits limits = {
    .command_bytes = 1 << 20, .literal_bytes = 1024, .nodes = 100000, .depth = IMAP_LEXER_DEPTH_MAX
  };
  gsize n;
  imap_lexer_clear (&lexer);
  imap_lexer_init (&lexer, &limits);
  g_assert_cmpint (imap_lexer_feed (&lexer, (const guint8 *) line, strlen (line), &n), ==, IMAP_LEX_COMMAND);
  ImapReader reader;
  imap_reader_init (&reader, &lexer);
  imap_reader_skip (&reader);
  memset (ret_arguments, 0, sizeof *ret_arguments);
  return kind->parse (&reader, ret_arguments);
}

static gboolean
is_taken (const Kind *kind, const char *line)
{
  Arguments arguments;
  gboolean ok = parse (kind, line, &arguments);
  kind->clear (&arguments);
  return ok;
}

/* @start, @n times @item with its number where it has a "%u", and @end. */
static char *
line_of (const char *start, const char *item, guint n, const char *end)
{
  GString *line = g_string_new (start);
  g_auto (GStrv) parts = g_strsplit (item, "%u", 2);
  for (guint i = 0; i < n; i++)
    {
      g_string_append (line, parts[0]);
      if (parts[1] != NULL)
        g_string_append_printf (line, "%u%s", i, parts[1]);
    }
  g_string_append_printf (line, "%s\r\n", end);
  return g_string_free (line, FALSE);
}

static void
test_counts (void)
{
  static const struct
  {
    const Kind *kind;
    const char *start, *item, *end;
    guint most;
  } cases[] = {
    { &fetch, "a FETCH 1 BODY[1", ".1", "]", IMAP_PART_PATH_MAX - 1 },
    { &fetch, "a FETCH 1 BODY[1", ".1", ".MIME]", IMAP_PART_PATH_MAX - 1 },
    { &search, "a SEARCH ", "NOT ", "SEEN", IMAP_SEARCH_DEPTH_MAX },
    { &store, "a STORE 1 FLAGS (", "k%u ", "\\Seen)", SATCHEL_KEYWORDS_MAX },
    { &enable, "a ENABLE", " X%u", "", 64 },
    { &id, "a ID (\"0\" NIL", " \"k\" \"v\"", ")", 29 },
    { &list, "a LIST \"\" (a", " b%u", ")", 255 },
    { &get_metadata, "a GETMETADATA x (/private/a", " /private/b%u", ")", IMAP_METADATA_ENTRIES_MAX - 1 },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint n = cases[i].most - 1; n <= cases[i].most + 1; n++)
      {
        g_autofree char *line = line_of (cases[i].start, cases[i].item, n, cases[i].end);
        if (is_taken (cases[i].kind, line) != (n <= cases[i].most))
          g_error ("%u times: %s", n, line);
      }
}

static void
test_lengths (void)
{
  static const struct
  {
    const Kind *kind;
    const char *start, *end;
    guint most; /* letters between them */
  } cases[] = {
    { &id, "a ID (\"", "\" NIL)", 30 },        /* RFC 2971 3.3 */
    { &id, "a ID (\"name\" \"", "\")", 1024 }, /* RFC 2971 3.3 */
    { &get_metadata, "a GETMETADATA x /private/", "", IMAP_METADATA_NAME_MAX - 9 },
    { &get_metadata, "a GETMETADATA x /shared/", "", IMAP_METADATA_NAME_MAX - 8 },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint n = cases[i].most - 1; n <= cases[i].most + 1; n++)
      {
        g_autofree char *line = line_of (cases[i].start, "x", n, cases[i].end);
        if (is_taken (cases[i].kind, line) != (n <= cases[i].most))
          g_error ("%u letters: %s", n, line);
      }
}

/* A keyword that is too long is not a mistake in the grammar, and not kept. */
static void
test_long_keyword (void)
{
  for (guint n = SATCHEL_KEYWORD_BYTES - 1; n <= SATCHEL_KEYWORD_BYTES + 1; n++)
    {
      Arguments arguments;
      g_autofree char *line = line_of ("a STORE 1 +FLAGS (short ", "k", n, ")");
      g_assert_true (parse (&store, line, &arguments));
      const ImapFlagList *flags = &arguments.store.flags;
      g_assert_cmpint (flags->has_long_keyword, ==, n > SATCHEL_KEYWORD_BYTES);
      g_assert_cmpuint (g_strv_length (flags->keywords), ==, n > SATCHEL_KEYWORD_BYTES ? 1 : 2);
      imap_store_arguments_clear (&arguments);
    }
}

/* Numbers of messages and parts: 1 to 4294967295 (RFC 9051 9); octets of a partial fetch: below 2^63. */
static void
test_numbers (void)
{
  static const struct
  {
    const char *number;
    gboolean is_good;
  } cases[] = { { "0", FALSE },
                { "1", TRUE },
                { "9", TRUE },
                { "01", FALSE },
                { "4294967295", TRUE },
                { "4294967296", FALSE },
                { "42949672950", FALSE },
                { "-1", FALSE },
                { "18446744073709551617", FALSE },
                { "1:4294967295", TRUE },
                { "4294967296:1", FALSE },
                { "1:0", FALSE },
                { "1:", FALSE },
                { ":1", FALSE },
                { "1,", FALSE },
                { ",1", FALSE },
                { "1,,2", FALSE },
                { "*", TRUE },
                { "*:*", TRUE },
                { "**", FALSE },
                { "1:2:3", FALSE },
                { "/", FALSE },
                { "1:9:", FALSE },
                { ":", FALSE },
                { "1;2", FALSE },
                { "$", TRUE },
                { "$,1", FALSE } };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *line = g_strdup_printf ("a FETCH %s FLAGS\r\n", cases[i].number);
      if (is_taken (&fetch, line) != cases[i].is_good)
        g_error ("%s", line);
    }
  static const struct
  {
    const char *section;
    gboolean is_good;
  } sections[] = { { "BODY[0]", FALSE },
                   { "BODY[1]", TRUE },
                   { "BODY[4294967295]", TRUE },
                   { "BODY[4294967296]", FALSE },
                   { "BODY[18446744073709551617]", FALSE },
                   { "BODY[1.0]", FALSE },
                   { "BODY[]<0.1>", TRUE },
                   { "BODY[]<0.0>", FALSE },
                   { "BODY[]<9223372036854775807.1>", TRUE },
                   { "BODY[]<9223372036854775808.1>", FALSE } };
  for (guint i = 0; i < G_N_ELEMENTS (sections); i++)
    {
      g_autofree char *line = g_strdup_printf ("a FETCH 1 %s\r\n", sections[i].section);
      if (is_taken (&fetch, line) != sections[i].is_good)
        g_error ("%s", line);
    }
}

/* RFC 5464 3.2, 3.1: names of entries. */
static void
test_entries (void)
{
  static const struct
  {
    const char *name;
    gboolean is_good;
  } cases[] = {
    { "/private/a", TRUE },         { "/shared/a", TRUE },           { "/private", FALSE },
    { "/private/", FALSE },         { "/privates/a", FALSE },        { "/sharedx", FALSE },
    { "/other/a", FALSE },          { "private/a", FALSE },          { "/private//a", FALSE },
    { "/private/a/", FALSE },       { "/private/a/b", TRUE },        { "/private/vendor", FALSE },
    { "/private/vendor/x", FALSE }, { "/private/vendor/x/y", TRUE }, { "/shared/vendor/x", FALSE },
    { "/shared/vendor/x/y", TRUE }, { "/private/vendors", TRUE },    { "\"/private/a*\"", FALSE },
    { "\"/private/a%\"", FALSE },   { "\"/private/\x7f\"", FALSE },  { "\"/private/~ \"", TRUE },
    { "\"/private/\x1f\"", FALSE }
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *line = g_strdup_printf ("a GETMETADATA x %s\r\n", cases[i].name);
      if (is_taken (&get_metadata, line) != cases[i].is_good)
        g_error ("%s", line);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL);
  g_test_add_func ("/imap/bounds/counts", test_counts);
  g_test_add_func ("/imap/bounds/lengths", test_lengths);
  g_test_add_func ("/imap/bounds/long-keyword", test_long_keyword);
  g_test_add_func ("/imap/bounds/numbers", test_numbers);
  g_test_add_func ("/imap/bounds/entries", test_entries);
  return g_test_run ();
}
