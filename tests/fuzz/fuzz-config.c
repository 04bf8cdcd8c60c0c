/* SPDX-License-Identifier: MIT
 * Any text as settings: refused with a reason, or taken, and then the image of it reads back the same; an
 * image damaged by bytes of the same input is refused or is a whole one.
 */
#include <string.h>

#include "core/runtime/config/config_image.h"
#include "tests/fuzz/driver.h"

static const SatchelConfigRow source_rows[] = { { "name", SATCHEL_CONFIG_STRING, NULL, "Name",
                                                  .flags = SATCHEL_CONFIG_REQUIRED },
                                                { "wait", SATCHEL_CONFIG_DURATION, "1h", "Time" },
                                                { NULL } };
static const SatchelConfigRow rows[] = { { "flag", SATCHEL_CONFIG_BOOL, "true", "A flag" },
                                         { "count", SATCHEL_CONFIG_INT, "5", "A count", .min = 0, .max = 10 },
                                         { "quota", SATCHEL_CONFIG_SIZE, "1K", "A size" },
                                         { "keep", SATCHEL_CONFIG_DURATION, "30d", "A time" },
                                         { "rights", SATCHEL_CONFIG_MODE, "0640", "Rights" },
                                         { "colour", SATCHEL_CONFIG_ENUM, "red", "A choice", "red|green" },
                                         { "text", SATCHEL_CONFIG_STRING, NULL, "A text" },
                                         { "names", SATCHEL_CONFIG_STRINGS, NULL, "Texts" },
                                         { "sources", SATCHEL_CONFIG_GROUPS, NULL, "Groups",
                                           .group = source_rows },
                                         { NULL } };

const gboolean fuzz_wants_mail = FALSE;
const char *const fuzz_seeds[] = {
  "flag = false; count = 3; quota = \"3M\"; keep = \"1h\"; rights = \"0600\"; colour = \"green\"; text = "
  "\"a\\\"\\x41\" \"b\";",
  "names = ( \"a\", \"b\" ); sources = ( { name = \"a\"; wait = \"2h\"; }, { name = \"b\" } ); # comment\n",
  "count = 4294967297;\nkeep = 30d\nquota = 5;\ncuont = 1;\ncount = 2;\n",
  "/* c */ text = \"x\";\n@include \"/etc/passwd\"\n", NULL
};
const char *const fuzz_tokens[] = { "{",
                                    "}",
                                    "(",
                                    ")",
                                    "[",
                                    "]",
                                    ";",
                                    ",",
                                    "=",
                                    ":",
                                    "\"",
                                    "\\",
                                    "\n",
                                    "/*",
                                    "*/",
                                    "#",
                                    "//",
                                    "@include \"x\"",
                                    "\n@include \"/\"\n",
                                    "30d",
                                    "0600",
                                    "99999999999",
                                    "0xffffffffff",
                                    "1e9",
                                    "L",
                                    "true",
                                    "count",
                                    "text",
                                    "sources",
                                    "name",
                                    "\\x00",
                                    "\xc3\xa4",
                                    "\xff",
                                    NULL };

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelConfigSet) set = satchel_config_set_from_text ("toy", rows, text, &error);
  g_assert_true ((set == NULL) == (error != NULL));
  if (set == NULL)
    return 0;
  g_autoptr (GBytes) bytes = satchel_config_set_to_bytes (set);
  g_autoptr (SatchelConfigSet) back = satchel_config_set_from_bytes (bytes, NULL);
  g_assert_nonnull (back);
  g_auto (GStrv) changed = satchel_config_set_compare (set, back, FALSE);
  g_assert_cmpuint (g_strv_length (changed), ==, 0);
  gsize len;
  g_autofree guint8 *damaged = g_memdup2 (g_bytes_get_data (bytes, &len), g_bytes_get_size (bytes));
  for (gsize i = 0; i + 2 < size && i < 12; i += 3)
    damaged[(data[i] * 256u + data[i + 1]) % len] ^= data[i + 2];
  g_autoptr (GBytes) other = g_bytes_new_static (damaged, len);
  g_autoptr (SatchelConfigSet) read = satchel_config_set_from_bytes (other, NULL);
  if (read != NULL)
    {
      g_autoptr (GBytes) again = satchel_config_set_to_bytes (read);
      g_assert_cmpuint (g_bytes_get_size (again), >, 0);
    }
  return 0;
}
