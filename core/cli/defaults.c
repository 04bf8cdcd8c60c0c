/* SPDX-License-Identifier: MIT
 * Writes rows of settings as a commented default file, or as tables of satchel.conf(5).
 */
#include "config.h"

#include <string.h>

#include "core/cli/cli.h"

#define WIDTH 100

/* Words stand for the directories of this build in a template and in the manual. */
static const struct
{
  const char *built, *template, *manual;
} directories[] = {
  { SATCHEL_STATE_DIR, "@state_dir@", "/var/lib/satchel" },
  { SATCHEL_RUN_DIR, "@run_dir@", "/run/satchel" },
  { SATCHEL_MODULE_DIR, "@module_dir@", "/usr/lib/satchel/modules" },
  { SATCHEL_CONF_DIR, "@conf_dir@", "/etc/satchel" },
};

static char *
in_form (const char *text, SatchelDefaultsForm form)
{
  if (form != SATCHEL_DEFAULTS_FILE)
    for (gsize i = 0; i < G_N_ELEMENTS (directories); i++)
      if (g_str_has_prefix (text, directories[i].built))
        return g_strconcat (form == SATCHEL_DEFAULTS_TEMPLATE ? directories[i].template
                                                              : directories[i].manual,
                            text + strlen (directories[i].built), NULL);
  return g_strdup (text);
}

/* Appends the default as a file has it, quotes included. */
static void
append_default (const SatchelConfigRow *row, SatchelDefaultsForm form, GString *out)
{
  g_autofree char *text = in_form (row->default_value, form);
  switch (row->type)
    {
    case SATCHEL_CONFIG_BOOL:
    case SATCHEL_CONFIG_INT:
    case SATCHEL_CONFIG_STRINGS:
    case SATCHEL_CONFIG_GROUPS:
      g_string_append (out, text);
      break;
    case SATCHEL_CONFIG_STRING:
    case SATCHEL_CONFIG_SIZE:
    case SATCHEL_CONFIG_DURATION:
    case SATCHEL_CONFIG_MODE:
    case SATCHEL_CONFIG_PATH:
    case SATCHEL_CONFIG_SECRET:
    case SATCHEL_CONFIG_ENUM:
    case SATCHEL_CONFIG_ENDPOINT:
      satchel_config_quote (text, out);
      break;
    }
}

static void append_example (const SatchelConfigRow *row, GString *out);

/* Appends a list with one group, which has what each group must have; if that is nothing, its first member.
 */
static void
append_example_group (const SatchelConfigRow *row, GString *out)
{
  gboolean needs_any = FALSE;
  for (const SatchelConfigRow *inner = row->group; inner->key != NULL; inner++)
    needs_any |= (inner->flags & SATCHEL_CONFIG_REQUIRED) != 0;
  g_string_append (out, "( { ");
  for (const SatchelConfigRow *inner = row->group; inner->key != NULL; inner++)
    if (needs_any ? (inner->flags & SATCHEL_CONFIG_REQUIRED) != 0 : inner == row->group)
      {
        g_string_append_printf (out, "%s = ", inner->key);
        append_example (inner, out);
        g_string_append (out, "; ");
      }
  g_string_append (out, "} )");
}

static const char *
find_example (const SatchelConfigRow *row)
{
  switch (row->type)
    {
    case SATCHEL_CONFIG_BOOL:
      return "true";
    case SATCHEL_CONFIG_INT:
      return "0";
    case SATCHEL_CONFIG_SIZE:
      return "\"50M\"";
    case SATCHEL_CONFIG_DURATION:
      return "\"30d\"";
    case SATCHEL_CONFIG_MODE:
      return "\"0660\"";
    case SATCHEL_CONFIG_PATH:
      return "\"PATH\"";
    case SATCHEL_CONFIG_SECRET:
      return "\"file:PATH\"";
    case SATCHEL_CONFIG_ENDPOINT:
      return "\"localhost:0\"";
    case SATCHEL_CONFIG_STRINGS:
      return "( \"...\" )";
    case SATCHEL_CONFIG_GROUPS:
    case SATCHEL_CONFIG_STRING:
    case SATCHEL_CONFIG_ENUM:
      break;
    }
  return "\"...\"";
}

static void
append_example (const SatchelConfigRow *row, GString *out)
{
  if (row->type == SATCHEL_CONFIG_GROUPS)
    append_example_group (row, out);
  else
    g_string_append (out, find_example (row));
}

/* Appends facts such as "a size, 1K to 4G; a reload applies it". */
static void
append_facts (const SatchelConfigRow *row, GString *out)
{
  static const char *const types[] = { [SATCHEL_CONFIG_BOOL] = "true or false",
                                       [SATCHEL_CONFIG_INT] = "number",
                                       [SATCHEL_CONFIG_STRING] = "text",
                                       [SATCHEL_CONFIG_SIZE] = "size",
                                       [SATCHEL_CONFIG_DURATION] = "time",
                                       [SATCHEL_CONFIG_MODE] = "rights",
                                       [SATCHEL_CONFIG_PATH] = "path",
                                       [SATCHEL_CONFIG_SECRET] = "secret",
                                       [SATCHEL_CONFIG_ENUM] = "one of",
                                       [SATCHEL_CONFIG_STRINGS] = "list of texts",
                                       [SATCHEL_CONFIG_GROUPS] = "list of groups",
                                       [SATCHEL_CONFIG_ENDPOINT] = "endpoint" };
  g_string_append (out, types[row->type]);
  if (row->choices != NULL)
    {
      g_auto (GStrv) choices = g_strsplit (row->choices, "|", -1);
      for (char **choice = choices; *choice != NULL; choice++)
        {
          g_string_append (out, choice == choices ? " " : ", ");
          satchel_config_quote (*choice, out);
        }
    }
  if (row->min != 0 || row->max != 0)
    {
      g_string_append (out, ", ");
      satchel_config_number_format (row->type, row->min, out);
      if (row->max == G_MAXINT64)
        g_string_append (out, " or more");
      else
        {
          g_string_append (out, " to ");
          satchel_config_number_format (row->type, row->max, out);
        }
    }
  if ((row->flags & SATCHEL_CONFIG_REQUIRED) != 0)
    g_string_append (out, "; required");
  if ((row->flags & SATCHEL_CONFIG_RELOADABLE) != 0)
    g_string_append (out, "; a reload applies it");
}

void
satchel_cli_append_facts (const SatchelConfigRow *row, GString *out)
{
  append_facts (row, out);
  if (row->default_value == NULL || row->type == SATCHEL_CONFIG_BOOL)
    return;
  g_string_append (out, "; default ");
  g_string_append (out, row->default_value);
}

/* Appends @text as lines of a comment, each behind @lead. */
static void
append_comment (const char *text, const char *lead, GString *out)
{
  g_auto (GStrv) words = g_strsplit (text, " ", -1);
  gsize column = 0;
  for (char **word = words; *word != NULL; word++)
    {
      if (column == 0 || column + 1 + strlen (*word) > WIDTH)
        {
          g_string_append_printf (out, "%s%s", column == 0 ? "" : "\n", lead);
          column = strlen (lead);
        }
      g_string_append_printf (out, " %s", *word);
      column += 1 + strlen (*word);
    }
  g_string_append_c (out, '\n');
}

static void
append_row (const SatchelConfigRow *row, SatchelDefaultsForm form, GString *out)
{
  g_autoptr (GString) text = g_string_new (row->help);
  g_string_append (text, " (");
  append_facts (row, text);
  g_string_append_c (text, ')');
  append_comment (text->str, "  #", out);
  for (const SatchelConfigRow *inner = row->group; inner != NULL && inner->key != NULL; inner++)
    {
      g_string_printf (text, "%s: %s (", inner->key, inner->help);
      append_facts (inner, text);
      if (inner->default_value != NULL)
        {
          g_string_append (text, "; default ");
          append_default (inner, form, text);
        }
      g_string_append_c (text, ')');
      append_comment (text->str, "  #  ", out);
    }
  g_string_append_printf (out, "  # %s = ", row->key);
  if (row->default_value != NULL)
    append_default (row, form, out);
  else
    append_example (row, out);
  g_string_append_printf (out, ";%s\n", row->default_value == NULL ? " (not set)" : "");
}

static void
write_file (const char *group, const char *help, const SatchelConfigRow *rows, gboolean is_module,
            SatchelDefaultsForm form, GString *out)
{
  g_autofree char *conf_dir = in_form (SATCHEL_CONF_DIR, form);
  g_string_append (out, "# SPDX-License-Identifier: MIT\n");
  append_comment (help, "#", out);
  g_string_append_printf (out,
                          "#\n# All settings of this group with their defaults.  An upgrade replaces this "
                          "file: write what you change into\n"
                          "# %s/satchel.conf or %s/conf.d/%s.conf.\n%s = {\n",
                          conf_dir, conf_dir, group, group);
  if (is_module)
    append_row (&satchel_config_enabled_row, form, out);
  for (const SatchelConfigRow *row = rows; row->key != NULL; row++)
    {
      if (row != rows || is_module)
        g_string_append_c (out, '\n');
      append_row (row, form, out);
    }
  g_string_append (out, "};\n");
}

/* Escapes @text so that mdoc finds no macro, no escape and no end of a sentence in it. */
void
satchel_cli_append_mdoc (const char *text, GString *out)
{
  if (*text == '.' || *text == '\'')
    g_string_append (out, "\\&");
  for (const char *p = text; *p != '\0'; p++)
    if (*p == '\\')
      g_string_append (out, "\\e");
    else if (*p == '"')
      g_string_append (out, "\\(dq");
    else if (*p == '-')
      g_string_append (out, "\\-");
    else
      g_string_append_c (out, *p);
  g_string_append_c (out, '\n');
}

static void
write_manual_rows (const SatchelConfigRow *rows, gboolean is_module, GString *out)
{
  g_string_append (out, ".Bl -tag -width Ds\n");
  for (const SatchelConfigRow *row = is_module ? &satchel_config_enabled_row : rows; row->key != NULL;
       row = row == &satchel_config_enabled_row ? rows : row + 1)
    {
      g_autoptr (GString) facts = g_string_new ("(");
      append_facts (row, facts);
      g_string_append (facts, row->default_value != NULL ? "; default " : "; not set)");
      if (row->default_value != NULL)
        {
          append_default (row, SATCHEL_DEFAULTS_MANUAL, facts);
          g_string_append_c (facts, ')');
        }
      g_string_append_printf (out, ".It Ic %s\n", row->key);
      satchel_cli_append_mdoc (row->help, out);
      g_string_append (out, ".br\n");
      satchel_cli_append_mdoc (facts->str, out);
      if (row->group != NULL)
        write_manual_rows (row->group, FALSE, out);
    }
  g_string_append (out, ".El\n");
}

void
satchel_cli_write_defaults (const char *group, const char *help, const SatchelConfigRow *rows,
                            gboolean is_module, SatchelDefaultsForm form, GString *out)
{
  if (form != SATCHEL_DEFAULTS_MANUAL)
    {
      write_file (group, help, rows, is_module, form, out);
      return;
    }
  g_string_append_printf (out, ".Ss %s%s\n", group, is_module ? " (module)" : "");
  satchel_cli_append_mdoc (help, out);
  write_manual_rows (rows, is_module, out);
}
