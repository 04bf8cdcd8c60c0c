/* SPDX-License-Identifier: MIT
 * Declares header blocks, encoded words, addresses, parameters (RFC 5322, RFC 2047, RFC 2045 5.1, RFC 2231).
 * Every function takes any bytes, is linear in its input and never recurses; NULs are left out of the
 * strings it returns.
 */
#pragma once
#include <satchel/types.h>

G_BEGIN_DECLS

/* A field is borrowed from the block. */
typedef struct SatchelHeaderField
{
  const char *raw; /* whole field, with its last line end */
  gsize raw_len;
  const char *name; /* without trailing white space; "" for a line that is no field */
  gsize name_len;
  const char *value; /* after the colon, folding included, without the last line end */
  gsize value_len;
  SATCHEL_RESERVED (2);
} SatchelHeaderField;
typedef struct SatchelHeaderReader
{
  const char *at, *end;
  SATCHEL_RESERVED (2);
} SatchelHeaderReader;
SATCHEL_API void satchel_header_reader_init (SatchelHeaderReader *reader, const char *block, gsize len);
/* Reads the next field.  FALSE means that the blank line or the end is reached. */
SATCHEL_API gboolean satchel_header_reader_next (SatchelHeaderReader *reader, SatchelHeaderField *ret_field);
SATCHEL_API gboolean satchel_header_field_is (const SatchelHeaderField *field, const char *name);

/* Names of fields are compared without case. A set of them is made once; then the time to look a field up
 * does not depend on how many names it has. */
typedef struct SatchelHeaderNames SatchelHeaderNames;
SATCHEL_API SatchelHeaderNames *satchel_header_names_new (const char *const *names, guint n_names);
SATCHEL_API void satchel_header_names_free (SatchelHeaderNames *names);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelHeaderNames, satchel_header_names_free)

/* Appends the fields of @block (a whole header block) whose name is in @names, or with @is_not those whose
 * name is not, then the blank line if the block has one: BODY[HEADER.FIELDS] and BODY[HEADER.FIELDS.NOT],
 * RFC 3501 6.4.5. */
SATCHEL_API void satchel_header_select (const char *block, gsize len, const SatchelHeaderNames *names,
                                        gboolean is_not, GString *out);

/* Unfolds a value (RFC 5322 2.2.3), and trims white space at both ends.  Yours. */
SATCHEL_API char *satchel_header_unfold (const char *value, gsize len, gsize *ret_len);
/* Unfolds a value and decodes its encoded words (RFC 2047; broken ones as clients do) to valid UTF-8: 8-bit
 * text that is not UTF-8 is taken for Latin-1.  Yours; at most a few times as long as @len. */
SATCHEL_API char *satchel_header_decode (const char *value, gsize len, gsize *ret_len);

/* ENVELOPE has addresses in this form (RFC 3501 7.4.2): encoded words are left as they are. */
typedef struct SatchelAddress
{
  char *name;    /* display name, or NULL */
  char *route;   /* obsolete "@a,@b", or NULL */
  char *mailbox; /* local part; at the start of a group its name; NULL: end of a group */
  char *host;    /* NULL: start or end of a group; "": the address has none */
} SatchelAddress SATCHEL_MADE_BY_CORE;
SATCHEL_API void satchel_address_free (SatchelAddress *address);
/* Returns at most @max addresses: SatchelAddress, freed with the array.  Yours. */
SATCHEL_API GPtrArray *satchel_addresses_parse (const char *value, gsize len, guint max);

/* Fields like Content-Type and Content-Disposition have the form "token; a=b". Continuations (RFC 2231 3) are
 * joined; a value with a charset (RFC 2231 4) keeps its form, and its name ends in '*'. */
typedef struct SatchelParameter
{
  char *name; /* lower case */
  char *value;
} SatchelParameter;
typedef struct SatchelParameterized
{
  char *token; /* lower case: "text/plain", "attachment"; NULL: the field has none that can be used */
  GPtrArray *parameters; /* SatchelParameter; at most 100, the first of each name */
} SatchelParameterized SATCHEL_MADE_BY_CORE;
SATCHEL_API void satchel_parameterized_parse (const char *value, gsize len, SatchelParameterized *ret_field);
SATCHEL_API void satchel_parameterized_clear (SatchelParameterized *field);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SatchelParameterized, satchel_parameterized_clear)
/* Returns the value of a parameter, decoded to UTF-8 however it was written (plain, RFC 2231, or RFC 2047 as
 * some programs do); the caller frees it. NULL means that there is no such parameter. */
SATCHEL_API char *satchel_parameterized_get (const SatchelParameterized *field, const char *name);

/* Returns message ids in @value, with angle brackets and in order, at most @max (the last ones); the array is
 * yours and frees them.  Quoting does not matter (RFC 5256 3): <"a"@b> becomes <a@b>. */
SATCHEL_API GPtrArray *satchel_message_ids_parse (const char *value, gsize len, guint max);

G_END_DECLS
