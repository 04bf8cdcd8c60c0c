/* SPDX-License-Identifier: MIT
 * Declares standard input and output as what is lent to a command in the server (file_broker.h): the path
 * "-" of `import` and `export`.
 */
#pragma once
#include <satchel/error.h>

#define SATCHEL_PATH_OF_STREAM "-"

/* Returns a descriptor of a file with what standard input has, to be read from its beginning; yours.  A pipe
 * is read to its end first, into a file without a name in $TMPDIR or /var/tmp.  INVALID: it is a terminal. */
int satchel_standard_input_open (GError **error);

/* Standard output, to which a thread copies what comes out of a pipe: however slowly it is read, the server
 * only waits where it can be told to stop, and never has the descriptor itself. */
typedef struct SatchelStandardOutput SatchelStandardOutput;
/* Takes standard output for that: what the process prints goes to standard error from now on.  INVALID: it is
 * a terminal. */
SatchelStandardOutput *satchel_standard_output_take (GError **error);
/* Returns a descriptor of the pipe, which does not block; yours. */
int satchel_standard_output_pipe (const SatchelStandardOutput *output);
/* Waits until all was copied that others have written, who must have closed their descriptors, and frees
 * @output.  IO, NOSPACE: not all of it could be written. */
gboolean satchel_standard_output_finish (SatchelStandardOutput *output, GError **error);
