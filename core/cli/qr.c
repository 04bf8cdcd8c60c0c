/* SPDX-License-Identifier: MIT
 * QR codes in the terminal, two rows of modules in one line of text.  Light is drawn and dark left out, with
 * colours set, so that it is readable on dark and light terminals alike.
 */
#include "config.h"

#include "core/cli/cli.h"

#include <stdio.h>

#ifdef HAVE_QRENCODE
#include <qrencode.h>

#define MARGIN 2

static gboolean
is_dark (const QRcode *code, int x, int y)
{
  return x >= 0 && y >= 0 && x < code->width && y < code->width && (code->data[y * code->width + x] & 1) != 0;
}

void
satchel_cli_print_qr (const char *text)
{
  /* The index is 2 if the upper module is dark, and 1 more if the lower one is. */
  static const char *const blocks[] = { "\u2588", "\u2580", "\u2584", " " };
  QRcode *code = QRcode_encodeString8bit (text, 0, QR_ECLEVEL_L);
  if (code == NULL)
    return;
  for (int y = -MARGIN; y < code->width + MARGIN; y += 2)
    {
      fputs ("\033[37;40m", stdout);
      for (int x = -MARGIN; x < code->width + MARGIN; x++)
        fputs (blocks[2 * is_dark (code, x, y) + is_dark (code, x, y + 1)], stdout);
      fputs ("\033[0m\n", stdout);
    }
  QRcode_free (code);
}
#else
void
satchel_cli_print_qr (const char *text)
{
  /* Without libqrencode no picture is drawn; the text that it would show was printed as well. */
}
#endif
