/* SPDX-License-Identifier: MIT
 * Delivery filter for tests whose scanner, in a helper, does what the mail says: fields "X-Scan: VERB
 * ARGUMENT" (FIELD; with EACH, which is asked once a recipient and does not block, "X-Each-LOCAL: VERB
 * ARGUMENT" for that user).  The verbs: `obey` and `take`.  It says what it was told in a field, but with
 * "X-Scan-Quiet:".
 */
#define _GNU_SOURCE 1
#include <satchel/filter.h>
#include <satchel/header.h>
#include <satchel/helper.h>
#include <satchel/module.h>
#include <satchel/reactor.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef NAME
#define NAME "scan"
#endif
#ifndef FIELD
#define FIELD "X-Scan"
#endif

/* ---- the scanner: an answer of lines "VERB ARGUMENT" ---- */

static gint n_scans;

/* Writes rubbish into each link to those that call it. */
static void
talk_rubbish (void)
{
  for (int fd = 4; fd < 1024; fd++)
    {
      int type = 0;
      socklen_t type_len = sizeof type;
      if (getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0 && type == SOCK_SEQPACKET)
        (void) send (fd, "rubbish", 7, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

/* What the scanner itself does, whatever it says. */
static void
obey (const char *line)
{
  if (strcmp (line, "hang") == 0)
    for (;;)
      pause ();
  else if (strcmp (line, "crash") == 0)
    abort ();
  else if (strcmp (line, "talk") == 0)
    talk_rubbish ();
  else if (g_str_has_prefix (line, "slow "))
    g_usleep ((gulong) atoi (line + 5) * 1000);
}

static void
scan (SatchelHelperCall *call)
{
  gsize len = satchel_helper_call_content_bytes (call);
  g_autofree char *content = g_malloc (len + 1);
  g_autofree char *request = g_strndup (g_bytes_get_data (satchel_helper_call_request (call), NULL),
                                        g_bytes_get_size (satchel_helper_call_request (call)));
  g_auto (GStrv) facts = g_strsplit (request, "\n", 2);
  GString *answer = g_string_new (NULL);
  if (pread (satchel_helper_call_content_fd (call), content, len, 0) != (gssize) len)
    abort ();
  content[len] = '\0';
  g_string_append_printf (answer, "bytes %" G_GSIZE_FORMAT "\n", len);
  int number = g_atomic_int_add (&n_scans, 1) + 1;
  if (strstr (content, "\n" FIELD "-Quiet:") == NULL)
    g_string_append_printf (answer, "number %d\nfacts %s\n", number, facts[1]);
  SatchelHeaderReader reader;
  SatchelHeaderField field;
  satchel_header_reader_init (&reader, content, len);
  while (satchel_header_reader_next (&reader, &field))
    {
      if (!satchel_header_field_is (&field, facts[0]))
        continue;
      g_autofree char *line = satchel_header_unfold (field.value, field.value_len, NULL);
      obey (line);
      g_string_append_printf (answer, "%s\n", line);
    }
  g_autoptr (GBytes) reply = g_string_free_to_bytes (answer);
  satchel_helper_reply (call, reply);
}

static const SatchelHelperOps helper_ops = { .size = sizeof helper_ops, .max_calls = 4, .handle = scan };

/* ---- the filter ---- */

typedef struct Answer
{
  SatchelFilterItem *item;
  SatchelFilterVerdict verdict;
  char *text;
  GError *error;
} Answer;

static gboolean
add_header (Answer *answer, const char *argument)
{
  g_auto (GStrv) parts = g_strsplit (argument, " ", 2);
  g_autofree char *value = g_strdup (parts[0] != NULL && parts[1] != NULL ? parts[1] : "");
  for (char *c = strchr (value, '|'); c != NULL; c = strchr (c, '|'))
    *c = '\n';
  return satchel_filter_add_header (answer->item, parts[0] != NULL ? parts[0] : "", value, &answer->error);
}

static gboolean
add_fact (Answer *answer, const char *argument, const char *name)
{
  return satchel_filter_add_header (answer->item, name, argument, &answer->error);
}

static gboolean
add_many (Answer *answer, const char *argument)
{
  for (int i = 0; i < atoi (argument); i++)
    if (!satchel_filter_add_header (answer->item, "X-Many", "0123456789012345678901234567890123456789",
                                    &answer->error))
      return FALSE;
  return TRUE;
}

static gboolean
set_verdict (Answer *answer, SatchelFilterVerdict verdict, const char *text)
{
  answer->verdict = verdict;
  g_free (answer->text);
  answer->text = g_strdup (text);
  return TRUE;
}

/* Takes a word of the answer. FALSE means that the scanner talks rubbish, or asks for what is not to be
 * had. */
static gboolean
take (Answer *answer, const char *verb, const char *argument)
{
  SatchelFilterItem *item = answer->item;
  if (strcmp (verb, "number") == 0)
    return add_fact (answer, argument, FIELD "-Number");
  if (strcmp (verb, "bytes") == 0)
    return (guint64) atoll (argument) == item->content_bytes;
  if (strcmp (verb, "facts") == 0)
    return add_fact (answer, argument, FIELD "-Facts");
  if (strcmp (verb, "add") == 0)
    return add_header (answer, argument);
  if (strcmp (verb, "many") == 0)
    return add_many (answer, argument);
  if (strcmp (verb, "remove") == 0)
    return satchel_filter_remove_header (item, argument, &answer->error);
  if (strcmp (verb, "keyword") == 0)
    return satchel_filter_add_keyword (item, argument, &answer->error);
  if (strcmp (verb, "mailbox") == 0)
    return satchel_filter_set_mailbox (item, argument, &answer->error);
  if (strcmp (verb, "refuse") == 0)
    return set_verdict (answer, SATCHEL_FILTER_REFUSE, argument);
  if (strcmp (verb, "later") == 0)
    return set_verdict (answer, SATCHEL_FILTER_TEMPORARY, argument);
  if (strcmp (verb, "discard") == 0)
    return set_verdict (answer, SATCHEL_FILTER_DISCARD, NULL);
  if (strcmp (verb, "done") == 0)
    return set_verdict (answer, SATCHEL_FILTER_DONE, NULL);
  if (strcmp (verb, "flags") == 0)
    satchel_filter_add_flags (item, (guint32) atoi (argument));
  else if (strcmp (verb, "use") == 0)
    satchel_filter_set_special_use (item, (guint) atoi (argument));
  else
    return strcmp (verb, "slow") == 0 || strcmp (verb, "talk") == 0;
  return TRUE;
}

static void
end (SatchelFilterItem *item, GBytes *reply, const GError *error)
{
  if (reply == NULL)
    {
      satchel_filter_fail (item, error->message);
      return;
    }
  Answer answer = { .item = item };
  g_autofree char *text = g_strndup (g_bytes_get_data (reply, NULL), g_bytes_get_size (reply));
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  gboolean ok = TRUE;
  for (guint i = 0; ok && lines[i] != NULL; i++)
    {
      g_auto (GStrv) words = g_strsplit (lines[i], " ", 2);
      ok =
          words[0] == NULL || *words[0] == '\0' || take (&answer, words[0], words[1] != NULL ? words[1] : "");
    }
  if (ok)
    satchel_filter_answer (item, answer.verdict, answer.text);
  else
    satchel_filter_fail (item, answer.error != NULL ? answer.error->message : "its scanner talks rubbish");
  g_clear_error (&answer.error);
  g_free (answer.text);
}

/* "IDENT,ADDR,NAME,PORT,HELO,PROTO,SOURCE", with '-' for what is unknown. */
static char *
origin_of (const SatchelFilterItem *item)
{
  const SatchelOrigin *origin = item->origin;
  if (origin == NULL)
    return g_strdup ("none");
  const char *facts[] = { origin->queue_id, origin->address,  origin->name,  origin->port,
                          origin->helo,     origin->protocol, origin->source };
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (facts); i++)
    g_string_append_printf (text, "%s%s", i > 0 ? "," : "", facts[i] != NULL ? facts[i] : "-");
  return g_string_free (text, FALSE);
}

static GBytes *
request_for (const SatchelFilterItem *item, const char *field)
{
  g_autofree char *recipients = g_strjoinv (",", (char **) item->recipients);
  g_autofree char *all = g_strjoinv (",", (char **) item->all_recipients);
  g_autofree char *origin = origin_of (item);
  char *text = g_strdup_printf (
      "%s\nid=%s sender=%s recipients=%s n=%u client=%s name=%s login=%s tls=%s user=%s detail=%s all=%s "
      "origin=%s",
      field, item->id, item->sender, g_utf8_strlen (recipients, -1) < 200 ? recipients : "many",
      item->n_recipients, item->client_address, item->client_name,
      item->client_user != NULL ? item->client_user : "none", *item->tls != '\0' ? item->tls : "none",
      item->user != NULL ? item->user : "none", item->detail != NULL ? item->detail : "none",
      strlen (all) < 200 ? all : "many", origin);
  return g_bytes_new_take (text, strlen (text));
}

#ifndef EACH

/* Runs in its thread, from asking to the answer. */
static void
ask (SatchelFilterItem *item)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) request = request_for (item, FIELD);
  int fd = satchel_filter_content_fd (item, &error);
  g_autoptr (GBytes) reply =
      fd >= 0 ? satchel_helper_call_wait (NAME, request, fd, MAX (1, satchel_filter_left_ms (item)), &error)
              : NULL;
  end (item, reply, error);
}

static const SatchelDeliveryFilterOps filter_ops = {
  .size = sizeof filter_ops, .band = 200, .on_error = SATCHEL_FILTER_CONTINUE, .message = ask
};

#else

static void
answered (GBytes *reply, const GError *error, gpointer data)
{
  end (data, reply, error);
}

/* Runs in the main loop, since nothing waits in a thread. */
static void
call (gpointer data)
{
  SatchelFilterItem *item = data;
  if (satchel_filter_is_cancelled (item))
    {
      satchel_filter_fail (item, "too late");
      return;
    }
  g_autofree char *local = g_strndup (item->user, strcspn (item->user, "@"));
  g_autofree char *field = g_strdup_printf (FIELD "-%s", local);
  g_autoptr (GBytes) request = request_for (item, field);
  int fd = satchel_filter_content_fd (item, NULL); /* made in ask */
  satchel_filter_set_data (
      item, satchel_helper_call (NAME, request, fd, SATCHEL_HELPER_TIMEOUT_MAX_MS, answered, item));
}

static void
ask (SatchelFilterItem *item)
{
  g_autoptr (GError) error = NULL;
  if (satchel_filter_content_fd (item, &error) < 0)
    satchel_filter_fail (item, error->message);
  else
    satchel_defer (call, item);
}

static void
cancelled (SatchelFilterItem *item)
{
  if (satchel_filter_data (item) != NULL)
    satchel_helper_cancel (satchel_filter_data (item));
}

static const SatchelDeliveryFilterOps filter_ops = { .size = sizeof filter_ops,
                                                     .band = 300,
                                                     .on_error = SATCHEL_FILTER_TEMPORARY,
                                                     .recipient = ask,
                                                     .cancelled = cancelled };

#endif

static const SatchelProvides provides[] = {
  { SATCHEL_KIND_HELPER, NULL, &helper_ops },
  { SATCHEL_KIND_DELIVERY_FILTER, NULL, &filter_ops },
  { 0 },
};
static const SatchelModule module = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = NAME,
  .version = "1",
  .description = "Scans mail, for tests",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_MAIL | SATCHEL_ROLE_HELPER,
  .provides = provides,
};

const SatchelModule *
satchel_module (void)
{
  return &module;
}
