/* SPDX-License-Identifier: MIT
 * Runs protocol scripts: each whole, one byte at a time, with an output buffer of one byte, and compressed,
 * over each stack of storage.  TAP.  The language is in README.md.  Usage: run-script FILE...
 */
#include "config.h"

#include "harness.h"

#include "core/runtime/loop/reactor_private.h"
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/socket.h>

typedef struct Script
{
  const char *path;
  char **lines;
  guint at; /* 0-based */
  gboolean bytewise, compressed;
  GHashTable *clients;   /* name to HarnessClient */
  GHashTable *variables; /* name to text */
  char *failure;
} Script;

static gboolean fail (Script *script, const char *format, ...) G_GNUC_PRINTF (2, 3);
static gboolean
fail (Script *script, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  if (script->failure == NULL)
    script->failure = g_strdup_printf ("line %u: %s", script->at + 1, text);
  return FALSE;
}

static HarnessClient *
find_client (Script *script, const char *name)
{
  HarnessClient *client = g_hash_table_lookup (script->clients, name);
  if (client == NULL)
    fail (script, "no connection %s", name);
  return client;
}

/* "<CR>", "<LF>", "<x41>", "<x41*20>" and "@{name}". */
static GString *
expand (Script *script, const char *text)
{
  GString *out = g_string_new (NULL);
  while (*text != '\0')
    {
      unsigned byte, count = 1;
      int n = 0;
      if (g_str_has_prefix (text, "<CR>") || g_str_has_prefix (text, "<LF>"))
        {
          g_string_append_c (out, text[1] == 'C' ? '\r' : '\n');
          text += 4;
        }
      else if ((sscanf (text, "<x%2x*%u>%n", &byte, &count, &n) == 2 && n > 0)
               || (n = 0, count = 1, sscanf (text, "<x%2x>%n", &byte, &n) == 1 && n > 0))
        {
          for (unsigned i = 0; i < count; i++)
            g_string_append_c (out, (char) byte);
          text += n;
        }
      else if (g_str_has_prefix (text, "@{") && strchr (text, '}') != NULL)
        {
          const char *end = strchr (text, '}');
          g_autofree char *name = g_strndup (text + 2, (gsize) (end - text - 2));
          const char *value = g_hash_table_lookup (script->variables, name);
          g_string_append (out, value != NULL ? value : "");
          text = end + 1;
        }
      else
        g_string_append_c (out, *text++);
    }
  return out;
}

/* Is the number in @text above that of the variable @name? */
static gboolean
is_above (Script *script, const char *text, const char *name)
{
  const char *other = g_hash_table_lookup (script->variables, name);
  return other != NULL && g_ascii_strtoull (text, NULL, 10) > g_ascii_strtoull (other, NULL, 10);
}

/* @pattern: "..." is anything, "@{name}" a word of digits, letters and ":,." that is the same everywhere;
 * "@{name>other}" is besides a number above that of other. */
static gboolean
matches (Script *script, const char *pattern, const char *line)
{
  for (; *pattern != '\0'; pattern++, line++)
    {
      if (g_str_has_prefix (pattern, "..."))
        {
          for (gsize i = strlen (line) + 1; i > 0; i--)
            if (matches (script, pattern + 3, line + i - 1))
              return TRUE;
          return FALSE;
        }
      const char *end = g_str_has_prefix (pattern, "@{") ? strchr (pattern, '}') : NULL;
      if (end != NULL)
        {
          g_autofree char *name = g_strndup (pattern + 2, (gsize) (end - pattern - 2));
          char *above = strchr (name, '>');
          if (above != NULL)
            *above++ = '\0';
          const char *known = g_hash_table_lookup (script->variables, name);
          gsize len =
              known != NULL
                  ? strlen (known)
                  : strspn (line, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:,.");
          if (known != NULL ? strncmp (line, known, len) != 0 : len == 0)
            return FALSE;
          if (above != NULL && !is_above (script, line, above))
            return FALSE;
          if (known == NULL)
            g_hash_table_insert (script->variables, g_strdup (name), g_strndup (line, len));
          return matches (script, end + 1, line + len);
        }
      if (*pattern != *line)
        return FALSE;
    }
  return *line == '\0';
}

/* The next line from the server, without CRLF.  NULL: failed. */
static char *
receive_line (Script *script, HarnessClient *client)
{
  const char *end;
  gsize n_seen = 0; /* bytes in front of which there is no CRLF */
  while ((end = memmem (client->received->str + n_seen, client->received->len - n_seen, "\r\n", 2)) == NULL)
    {
      n_seen = MAX (client->received->len, 1) - 1;
      if (client->is_at_end)
        {
          fail (script, "the connection has ended; left: \"%s\"", client->received->str);
          return NULL;
        }
      if (!harness_wait (client))
        {
          fail (script, "nothing came; left: \"%s\"", client->received->str);
          return NULL;
        }
    }
  gsize len = (gsize) (end - client->received->str);
  char *line = g_malloc (len + 1);
  for (gsize i = 0; i < len; i++)
    line[i] = client->received->str[i] != '\0' ? client->received->str[i] : '?';
  line[len] = '\0';
  g_string_erase (client->received, 0, (gssize) len + 2);
  return line;
}

static gboolean
expect (Script *script, HarnessClient *client, const char *pattern, gboolean may_skip)
{
  for (;;)
    {
      g_autofree char *line = receive_line (script, client);
      if (line == NULL)
        return fail (script, "expected \"%s\"", pattern);
      if (matches (script, pattern, line))
        return TRUE;
      if (!may_skip)
        return fail (script, "expected \"%s\"\n#   got \"%.500s\"", pattern, line);
    }
}

static void
send_text (Script *script, HarnessClient *client, const char *text, const char *end)
{
  g_autoptr (GString) bytes = expand (script, text);
  g_string_append (bytes, end);
  harness_send (client, bytes->str, bytes->len, script->bytewise);
}

/* The lines up to ".", each with CRLF. */
static GString *
read_message (Script *script)
{
  GString *message = g_string_new (NULL);
  for (script->at++; script->lines[script->at] != NULL && strcmp (script->lines[script->at], ".") != 0;
       script->at++)
    {
      g_autoptr (GString) line = expand (script, script->lines[script->at]);
      g_string_append_len (message, line->str, (gssize) line->len);
      g_string_append (message, "\r\n");
    }
  return message;
}

/* append NAME MAILBOX [arguments], lines, ".": APPEND with a literal, and OK. */
static gboolean
append (Script *script, const char *arguments)
{
  g_auto (GStrv) words = g_strsplit (arguments, " ", 2);
  HarnessClient *client = find_client (script, words[0]);
  g_autoptr (GString) message = read_message (script);
  if (client == NULL)
    return FALSE;
  g_autofree char *command = g_strdup_printf ("append0 APPEND %s {%zu+}\r\n", words[1], message->len);
  harness_send (client, command, strlen (command), script->bytewise);
  harness_send (client, message->str, message->len, script->bytewise);
  harness_send (client, "\r\n", 2, script->bytewise);
  return expect (script, client, "append0 OK ...", TRUE);
}

/* mail USER, lines, "."; remove USER UIDS: behind the back of every session. */
static gboolean
change_inbox (Script *script, const char *line)
{
  g_auto (GStrv) words = g_strsplit (line, " ", 3);
  g_autoptr (GError) error = NULL;
  if (strcmp (words[0], "remove") == 0)
    return harness_remove (words[1], words[2], &error) || fail (script, "%s", error->message);
  g_autoptr (GString) message = read_message (script);
  return harness_deliver (words[1], message->str, message->len, &error)
         || fail (script, "%s", error->message);
}

/* inbox USER N, lines, ".": N messages are there, and the newest one has exactly these lines. */
static gboolean
expect_inbox (Script *script, const char *arguments)
{
  g_auto (GStrv) words = g_strsplit (arguments, " ", 2);
  g_autoptr (GError) error = NULL;
  guint n = 0;
  g_autofree char *content = harness_newest_message (words[0], &n, &error);
  if (error != NULL)
    return fail (script, "%s", error->message);
  if (n != g_ascii_strtoull (words[1], NULL, 10))
    return fail (script, "%u messages are in the INBOX of %s", n, words[0]);
  g_auto (GStrv) lines = g_strsplit (content != NULL ? content : "", "\r\n", -1);
  guint i = 0;
  for (script->at++; script->lines[script->at] != NULL && strcmp (script->lines[script->at], ".") != 0;
       script->at++)
    {
      g_autoptr (GString) pattern = expand (script, script->lines[script->at]);
      if (lines[i] == NULL || !matches (script, pattern->str, lines[i]))
        return fail (script, "expected \"%s\"\n#   got \"%.500s\"", pattern->str,
                     lines[i] != NULL ? lines[i] : "the end");
      i++;
    }
  /* What the last CRLF ends is no line. */
  return (lines[i] != NULL && *lines[i] == '\0' && lines[i + 1] == NULL) || (n == 0 && i == 0)
         || fail (script, "more than was expected: \"%.500s\"", lines[i] != NULL ? lines[i] : "no CRLF");
}

/* blob USER SPACE NAME TEXT */
static gboolean
put_blob (Script *script, const char *arguments)
{
  g_auto (GStrv) words = g_strsplit (arguments, " ", 4);
  g_autoptr (GError) error = NULL;
  GString *text = expand (script, words[3]);
  g_autoptr (GBytes) value = g_string_free_to_bytes (text);
  return harness_put_blob (words[0], words[1], words[2], value, &error)
         || fail (script, "%s", error->message);
}

/* read USER UIDS: exactly these messages of INBOX are read. */
static gboolean
expect_read (Script *script, const char *arguments)
{
  g_auto (GStrv) words = g_strsplit (arguments, " ", 2);
  g_autoptr (GError) error = NULL;
  harness_settle ();
  g_autofree char *uids = harness_read_messages (words[0], &error);
  if (uids == NULL)
    return fail (script, "%s", error->message);
  return strcmp (uids, words[1]) == 0 || fail (script, "%s are read", uids);
}

/* COMPRESS, and all that follows compressed. */
static gboolean
compress_client (Script *script, const char *name)
{
  HarnessClient *client = find_client (script, name);
  if (client == NULL)
    return FALSE;
  harness_send (client, harness_protocol.compress, strlen (harness_protocol.compress), script->bytewise);
  return expect (script, client, harness_protocol.compressed, TRUE) && harness_client_compress (client);
}

static gboolean
connect_client (Script *script, const char *arguments, gboolean is_gate)
{
  g_auto (GStrv) words = g_strsplit (arguments, " ", 3);
  HarnessClient *client = is_gate ? harness_connect_gate (g_strcmp0 (words[1], "clear") == 0)
                                  : harness_connect (words[1], words[1] != NULL ? words[2] : NULL);
  g_hash_table_replace (script->clients, g_strdup (words[0]), client);
  if (is_gate)
    return TRUE;
  return expect (script, client, harness_protocol.greeting, FALSE)
         && (!script->compressed || compress_client (script, words[0]));
}

static gboolean
expect_end (Script *script, const char *name)
{
  HarnessClient *client = find_client (script, name);
  if (client == NULL)
    return FALSE;
  while (!client->is_at_end)
    if (!harness_wait (client))
      return fail (script, "the connection does not end");
  return client->received->len == 0 || fail (script, "before the end came \"%.200s\"", client->received->str);
}

/* "C: text", "S(b): text": FALSE in *ret_is_dialogue for anything else. */
static gboolean
run_dialogue (Script *script, const char *line, gboolean *ret_is_dialogue)
{
  char kind = line[0], modifier = '\0', name[32] = "a";
  const char *at = line + 1;
  *ret_is_dialogue = FALSE;
  if (kind != 'C' && kind != 'S')
    return TRUE;
  if (*at == '-' || *at == '+')
    modifier = *at++;
  if (*at == '(')
    {
      gsize len = strcspn (at + 1, ")");
      g_strlcpy (name, at + 1, MIN (sizeof name, len + 1));
      at += len + 2;
    }
  if (*at != ':')
    return TRUE;
  *ret_is_dialogue = TRUE;
  at += at[1] == ' ' ? 2 : 1;
  HarnessClient *client = find_client (script, name);
  if (client == NULL)
    return FALSE;
  if (kind == 'S')
    return expect (script, client, at, modifier == '+');
  send_text (script, client, at, modifier == '-' ? "" : "\r\n");
  return TRUE;
}

static gboolean
run_line (Script *script)
{
  const char *line = script->lines[script->at];
  gboolean is_dialogue;
  if (*line == '\0' || *line == '#' || *line == '!')
    return TRUE;
  if (!run_dialogue (script, line, &is_dialogue))
    return FALSE;
  if (is_dialogue)
    return TRUE;
  if (g_str_has_prefix (line, "connect "))
    return connect_client (script, line + 8, FALSE);
  if (g_str_has_prefix (line, "gate "))
    return connect_client (script, line + 5, TRUE);
  if (g_str_has_prefix (line, "compress "))
    return compress_client (script, line + 9);
  if (g_str_has_prefix (line, "append "))
    return append (script, line + 7);
  if (g_str_has_prefix (line, "mail ") || g_str_has_prefix (line, "remove "))
    return change_inbox (script, line);
  if (g_str_has_prefix (line, "inbox "))
    return expect_inbox (script, line + 6);
  if (g_str_has_prefix (line, "blob "))
    return put_blob (script, line + 5);
  if (g_str_has_prefix (line, "read "))
    return expect_read (script, line + 5);
  if (g_str_has_prefix (line, "closed "))
    return expect_end (script, line + 7);
  if (g_str_has_prefix (line, "drop "))
    {
      g_hash_table_remove (script->clients, line + 5);
      harness_settle ();
      return TRUE;
    }
  if (g_str_has_prefix (line, "halfclose "))
    {
      HarnessClient *client = find_client (script, line + 10);
      return client != NULL && shutdown (client->fd, SHUT_WR) == 0;
    }
  if (g_str_has_prefix (line, "raw "))
    {
      g_auto (GStrv) words = g_strsplit (line + 4, " ", 2);
      HarnessClient *client = find_client (script, words[0]);
      g_autoptr (GString) bytes = expand (script, words[1]);
      return client != NULL && send (client->fd, bytes->str, bytes->len, MSG_NOSIGNAL) == (gssize) bytes->len;
    }
  const struct
  {
    const char *line;
    void (*func) (void);
  } for_all[] = { { "rest", harness_rest }, { "timeout", harness_time_out }, { "stop", harness_shut_down } };
  for (guint i = 0; i < G_N_ELEMENTS (for_all); i++)
    if (strcmp (line, for_all[i].line) == 0)
      {
        for_all[i].func ();
        return TRUE;
      }
  if (g_str_has_prefix (line, "silence "))
    {
      HarnessClient *client = find_client (script, line + 8);
      harness_settle ();
      return client != NULL
             && (client->received->len == 0 || fail (script, "unasked: \"%.200s\"", client->received->str));
    }
  return fail (script, "unknown line \"%s\"", line);
}

/* "!PROTOCOL key = value;", "!limits ...", "!namespace INBOX. .", "!special-use", "!layer NAME", "!only
 * whole",
 * "!compress". */
static void
read_options (char **lines, HarnessOptions *options, GString *stack, GString *settings, GString *limits,
              gboolean *ret_only_whole, gboolean *ret_uses_zlib)
{
  g_autofree char *own = g_strdup_printf ("!%s ", harness_protocol.name);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      const char *line = lines[i];
      if (g_str_has_prefix (line, own))
        g_string_append (settings, line + strlen (own));
      else if (g_str_has_prefix (line, "!limits "))
        g_string_append (limits, line + 8);
      else if (g_str_has_prefix (line, "!namespace "))
        {
          options->separator = line[strlen (line) - 1];
          options->prefix = g_intern_string (strndupa (line + 11, strlen (line) - 13));
        }
      else if (g_str_has_prefix (line, "!layer "))
        {
          g_string_prepend (stack, " ");
          g_string_prepend (stack, line + 7);
        }
      else if (g_str_has_prefix (line, "!special-use"))
        options->has_special_use = TRUE;
      else if (g_str_has_prefix (line, "!only whole"))
        *ret_only_whole = TRUE;
      else if (g_str_has_prefix (line, "!compress"))
        *ret_uses_zlib = TRUE;
    }
  options->stack = stack->str;
  options->settings = settings->str;
  options->limit_settings = limits->str;
}

/* "!without LAYER": the script is not for stacks that have this layer. */
static gboolean
is_without (char **lines, const char *stack)
{
  g_auto (GStrv) names = g_strsplit (stack, " ", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    if (g_str_has_prefix (lines[i], "!without ")
        && g_strv_contains ((const char *const *) names, lines[i] + strlen ("!without ")))
      return TRUE;
  return FALSE;
}

static void
client_gone (gpointer data)
{
  harness_client_free (data);
}

typedef enum
{
  MODE_WHOLE = 0,
  MODE_BYTEWISE,
  MODE_TIGHT,     /* output buffer of one byte */
  MODE_COMPRESSED /* COMPRESS after each login */
} Mode;

static guint n_run;

static void
run_once (const char *path, char **lines, const char *stack, Mode mode)
{
  static const char *const modes[] = { "whole", "bytewise", "tight", "compressed" };
  g_autoptr (GString) settings = g_string_new (NULL), limits = g_string_new (NULL),
                      levels = g_string_new (stack);
  HarnessOptions options = { .output_buffer = mode == MODE_TIGHT ? 1 : 0 };
  gboolean only_whole = FALSE, uses_zlib = FALSE;
  read_options (lines, &options, levels, settings, limits, &only_whole, &uses_zlib);
  if (is_without (lines, stack) || (only_whole && mode != MODE_WHOLE)
      || (mode == MODE_COMPRESSED && (uses_zlib || harness_protocol.compress == NULL)))
    return;
  g_autofree char *name = g_path_get_basename (path);
  g_autofree char *why = harness_begin (&options);
  if (why == NULL && (uses_zlib || mode == MODE_COMPRESSED) && !satchel_connection_can_compress ())
    why = g_strdup ("zlib was not there at the build");
  Script script = {
    .path = path, .lines = lines, .bytewise = mode == MODE_BYTEWISE, .compressed = mode == MODE_COMPRESSED
  };
  script.clients = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, client_gone);
  script.variables = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  for (; why == NULL && lines[script.at] != NULL; script.at++)
    if (!run_line (&script))
      {
        fail (&script, "failed");
        break;
      }
  g_hash_table_unref (script.clients);
  g_hash_table_unref (script.variables);
  harness_end ();
  printf ("%sok %u %s %s, %s", script.failure != NULL ? "not " : "", ++n_run, name, modes[mode], stack);
  if (why != NULL)
    printf (" # SKIP %s", why);
  printf ("\n");
  if (script.failure != NULL)
    printf ("# %s: %s\n", name, script.failure);
  fflush (stdout);
  g_free (script.failure);
}

int
main (int argc, char **argv)
{
  static const char *const stacks[] = { "memory", "noop memory",   "xor memory", "maildir",
                                        "bdb",    "crypt maildir", "crypt bdb" };
  const char *only = g_getenv ("STACK");
  const char *only_mode = g_getenv ("MODE");
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
  satchel_reactor_init ();
  for (int i = 1; i < argc; i++)
    {
      g_autofree char *text = NULL;
      g_autoptr (GError) error = NULL;
      if (!g_file_get_contents (argv[i], &text, NULL, &error))
        {
          printf ("Bail out! %s\n", error->message);
          return 1;
        }
      g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
      for (guint s = 0; s < G_N_ELEMENTS (stacks); s++)
        for (Mode mode = MODE_WHOLE; mode <= MODE_COMPRESSED; mode++)
          {
            /* The memory driver in every mode; the others show what storage changes, one mode each. */
            if ((only != NULL && strcmp (only, stacks[s]) != 0)
                || (only_mode != NULL && atoi (only_mode) != (int) mode)
                || (s > 0 && mode != (s == 2 ? MODE_TIGHT : MODE_WHOLE)))
              continue;
            run_once (argv[i], lines, stacks[s], mode);
          }
    }
  printf ("1..%u\n", n_run);
  return 0;
}
