/* SPDX-License-Identifier: MIT
 * The table of answers.  To add a language, add an element to pop3_languages; to add an answer, a value to
 * Pop3Text, a status and a text for each language.
 */
#include "texts.h"

#include <string.h>

#define OK "+OK"
#define ERR "-ERR"
#define AUTH "-ERR [AUTH]"          /* RFC 3206 4: the credentials are at fault */
#define TEMPORARY "-ERR [SYS/TEMP]" /* RFC 3206 4 */
#define PERMANENT "-ERR [SYS/PERM]" /* RFC 3206 4 */

static const char *const statuses[POP3_N_TEXTS] = {
  [POP3_TEXT_CAPABILITIES] = OK,
  [POP3_TEXT_LANGUAGES] = OK,
  [POP3_TEXT_LANGUAGE_UNKNOWN] = ERR,
  [POP3_TEXT_UTF8_ON] = OK,
  [POP3_TEXT_BEGIN_TLS] = OK,
  [POP3_TEXT_NO_TLS] = ERR,
  [POP3_TEXT_SEND_PASS] = OK,
  [POP3_TEXT_NEEDS_TLS] = AUTH,
  [POP3_TEXT_USER_FIRST] = ERR,
  [POP3_TEXT_MECHANISMS] = OK,
  [POP3_TEXT_BAD_MECHANISM] = ERR,
  [POP3_TEXT_BAD_BASE64] = ERR,
  [POP3_TEXT_BAD_UTF8] = AUTH,
  [POP3_TEXT_CANCELLED] = ERR,
  [POP3_TEXT_LOGIN_FAILED] = AUTH,
  [POP3_TEXT_LOGIN_WITHHELD] = PERMANENT,
  [POP3_TEXT_LOGIN_UNAVAILABLE] = TEMPORARY,
  [POP3_TEXT_TOO_MANY_CONNECTIONS] = TEMPORARY,
  [POP3_TEXT_STOPPING] = TEMPORARY,
  [POP3_TEXT_BYE] = OK,
  [POP3_TEXT_UNKNOWN_COMMAND] = ERR,
  [POP3_TEXT_BAD_ARGUMENTS] = ERR,
  [POP3_TEXT_BAD_LINE] = ERR,
  [POP3_TEXT_BAD_LINE_END] = ERR,
  [POP3_TEXT_TOO_MANY_BAD] = ERR,
  [POP3_TEXT_LOGIN_TIMEOUT] = TEMPORARY,
  [POP3_TEXT_IN_USE] = "-ERR [IN-USE]",           /* RFC 2449 8.1.2 */
  [POP3_TEXT_LOGIN_DELAY] = "-ERR [LOGIN-DELAY]", /* RFC 2449 8.1.1 */
  [POP3_TEXT_MAILDROP_TEMPORARY] = TEMPORARY,
  [POP3_TEXT_MAILDROP_PERMANENT] = PERMANENT,
  [POP3_TEXT_NO_MESSAGE] = ERR,
  [POP3_TEXT_MESSAGE_DELETED] = ERR,
  [POP3_TEXT_MESSAGE_GONE] = ERR,
  [POP3_TEXT_MESSAGE_UNREADABLE] = TEMPORARY,
  [POP3_TEXT_MESSAGE_BROKEN] = PERMANENT,
  [POP3_TEXT_MESSAGE_LOCKED] = PERMANENT,
  [POP3_TEXT_MAY_NOT_DELETE] = PERMANENT,
  [POP3_TEXT_MARKED] = OK,
  [POP3_TEXT_UNMARKED] = OK,
  [POP3_TEXT_NOTHING_DONE] = OK,
  [POP3_TEXT_TOP] = OK,
  [POP3_TEXT_NOT_REMOVED] = TEMPORARY,
  [POP3_TEXT_SOME_NOT_REMOVED] = TEMPORARY,
};

const Pop3Language pop3_languages[] = {
  { .tag = "en",
    .name = "English",
    .words = { "messages", "octets", "Language changed" },
    .texts = {
        [POP3_TEXT_CAPABILITIES] = "Capabilities follow",
        [POP3_TEXT_LANGUAGES] = "Languages follow",
        [POP3_TEXT_LANGUAGE_UNKNOWN] = "This language is not known here",
        [POP3_TEXT_UTF8_ON] = "UTF-8 it is",
        [POP3_TEXT_BEGIN_TLS] = "Begin TLS",
        [POP3_TEXT_NO_TLS] = "TLS is not available now",
        [POP3_TEXT_SEND_PASS] = "Send PASS",
        [POP3_TEXT_NEEDS_TLS] = "No login in clear text: use STLS first",
        [POP3_TEXT_USER_FIRST] = "USER first",
        [POP3_TEXT_MECHANISMS] = "Mechanisms follow",
        [POP3_TEXT_BAD_MECHANISM] = "Unknown mechanism",
        [POP3_TEXT_BAD_BASE64] = "Not base64",
        [POP3_TEXT_BAD_UTF8] = "Not UTF-8",
        [POP3_TEXT_CANCELLED] = "Authentication cancelled",
        [POP3_TEXT_LOGIN_FAILED] = "Authentication failed.",
        [POP3_TEXT_LOGIN_WITHHELD] = "This login does not open your mail",
        [POP3_TEXT_LOGIN_UNAVAILABLE] = "Login is not available now, try again later",
        [POP3_TEXT_TOO_MANY_CONNECTIONS] = "Too many connections",
        [POP3_TEXT_STOPPING] = "The server is stopping",
        [POP3_TEXT_BYE] = "Bye",
        [POP3_TEXT_UNKNOWN_COMMAND] = "Unknown command",
        [POP3_TEXT_BAD_ARGUMENTS] = "Wrong arguments",
        [POP3_TEXT_BAD_LINE] = "Line too long, or with control characters",
        [POP3_TEXT_BAD_LINE_END] = "Lines end in CRLF, not in LF alone",
        [POP3_TEXT_TOO_MANY_BAD] = "Too many bad commands",
        [POP3_TEXT_LOGIN_TIMEOUT] = "Login took too long",
        [POP3_TEXT_IN_USE] = "The maildrop is in use by another session",
        [POP3_TEXT_LOGIN_DELAY] = "Too soon after the last login",
        [POP3_TEXT_MAILDROP_TEMPORARY] = "The maildrop cannot be opened now",
        [POP3_TEXT_MAILDROP_PERMANENT] = "The maildrop cannot be opened: ask the administrator",
        [POP3_TEXT_NO_MESSAGE] = "No such message",
        [POP3_TEXT_MESSAGE_DELETED] = "The message is marked as deleted",
        [POP3_TEXT_MESSAGE_GONE] = "The message was removed by another client",
        [POP3_TEXT_MESSAGE_UNREADABLE] = "The message cannot be read now",
        [POP3_TEXT_MESSAGE_BROKEN] = "The message cannot be read: ask the administrator",
        [POP3_TEXT_MESSAGE_LOCKED] = "The message is locked: this login has no key for it",
        [POP3_TEXT_MAY_NOT_DELETE] = "Messages of this maildrop may not be deleted",
        [POP3_TEXT_MARKED] = "Marked as deleted",
        [POP3_TEXT_UNMARKED] = "Nothing is marked",
        [POP3_TEXT_NOTHING_DONE] = "Nothing done",
        [POP3_TEXT_TOP] = "Top of the message follows",
        [POP3_TEXT_NOT_REMOVED] = "Nothing was removed",
        [POP3_TEXT_SOME_NOT_REMOVED] = "Some deleted messages were not removed",
    } },
  { .tag = "de",
    .name = "Deutsch",
    .words = { "Nachrichten", "Oktette", "Sprache gewechselt" },
    .texts = {
        [POP3_TEXT_CAPABILITIES] = "Fähigkeiten",
        [POP3_TEXT_LANGUAGES] = "Sprachen",
        [POP3_TEXT_LANGUAGE_UNKNOWN] = "Diese Sprache ist hier nicht bekannt",
        [POP3_TEXT_UTF8_ON] = "Ab jetzt UTF-8",
        [POP3_TEXT_BEGIN_TLS] = "TLS beginnt",
        [POP3_TEXT_NO_TLS] = "TLS ist jetzt nicht möglich",
        [POP3_TEXT_SEND_PASS] = "Jetzt PASS",
        [POP3_TEXT_NEEDS_TLS] = "Keine Anmeldung im Klartext: zuerst STLS",
        [POP3_TEXT_USER_FIRST] = "Zuerst USER",
        [POP3_TEXT_MECHANISMS] = "Verfahren",
        [POP3_TEXT_BAD_MECHANISM] = "Unbekanntes Verfahren",
        [POP3_TEXT_BAD_BASE64] = "Kein Base64",
        [POP3_TEXT_BAD_UTF8] = "Kein UTF-8",
        [POP3_TEXT_CANCELLED] = "Anmeldung abgebrochen",
        [POP3_TEXT_LOGIN_FAILED] = "Anmeldung fehlgeschlagen.",
        [POP3_TEXT_LOGIN_WITHHELD] = "Diese Anmeldung öffnet die Post nicht",
        [POP3_TEXT_LOGIN_UNAVAILABLE] = "Anmelden ist gerade nicht möglich, bitte später noch einmal",
        [POP3_TEXT_TOO_MANY_CONNECTIONS] = "Zu viele Verbindungen",
        [POP3_TEXT_STOPPING] = "Der Server hält an",
        [POP3_TEXT_BYE] = "Auf Wiedersehen",
        [POP3_TEXT_UNKNOWN_COMMAND] = "Unbekannter Befehl",
        [POP3_TEXT_BAD_ARGUMENTS] = "Falsche Argumente",
        [POP3_TEXT_BAD_LINE] = "Zeile zu lang oder mit Steuerzeichen",
        [POP3_TEXT_BAD_LINE_END] = "Zeilen enden mit CRLF, nicht mit LF allein",
        [POP3_TEXT_TOO_MANY_BAD] = "Zu viele falsche Befehle",
        [POP3_TEXT_LOGIN_TIMEOUT] = "Die Anmeldung hat zu lange gedauert",
        [POP3_TEXT_IN_USE] = "Eine andere Sitzung benutzt das Postfach",
        [POP3_TEXT_LOGIN_DELAY] = "Zu bald nach der letzten Anmeldung",
        [POP3_TEXT_MAILDROP_TEMPORARY] = "Das Postfach lässt sich gerade nicht öffnen",
        [POP3_TEXT_MAILDROP_PERMANENT] = "Das Postfach lässt sich nicht öffnen: bitte die Verwaltung fragen",
        [POP3_TEXT_NO_MESSAGE] = "Diese Nachricht gibt es nicht",
        [POP3_TEXT_MESSAGE_DELETED] = "Die Nachricht ist zum Löschen vorgemerkt",
        [POP3_TEXT_MESSAGE_GONE] = "Ein anderes Programm hat die Nachricht entfernt",
        [POP3_TEXT_MESSAGE_UNREADABLE] = "Die Nachricht lässt sich gerade nicht lesen",
        [POP3_TEXT_MESSAGE_BROKEN] = "Die Nachricht lässt sich nicht lesen: bitte den Verwalter fragen",
        [POP3_TEXT_MESSAGE_LOCKED] = "Die Nachricht ist verschlossen: diese Anmeldung hat keinen Schlüssel dafür",
        [POP3_TEXT_MAY_NOT_DELETE] = "Nachrichten dieses Postfachs dürfen nicht gelöscht werden",
        [POP3_TEXT_MARKED] = "Zum Löschen vorgemerkt",
        [POP3_TEXT_UNMARKED] = "Nichts ist vorgemerkt",
        [POP3_TEXT_NOTHING_DONE] = "Nichts getan",
        [POP3_TEXT_TOP] = "Anfang der Nachricht",
        [POP3_TEXT_NOT_REMOVED] = "Nichts wurde entfernt",
        [POP3_TEXT_SOME_NOT_REMOVED] = "Einige gelöschte Nachrichten wurden nicht entfernt",
    } },
};
const guint pop3_n_languages = G_N_ELEMENTS (pop3_languages);

const char *
pop3_status (Pop3Text text)
{
  return statuses[text];
}

void
pop3_say_words (SatchelConnection *connection, Pop3Text text, const char *words)
{
  satchel_connection_print (connection, "%s %s\r\n", statuses[text], words);
}

void
pop3_say (SatchelConnection *connection, const Pop3Language *language, Pop3Text text)
{
  pop3_say_words (connection, text, language->texts[text]);
}

void
pop3_say_ok (SatchelConnection *connection, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *words = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  satchel_connection_print (connection, OK " %s\r\n", words);
}

void
pop3_say_challenge (SatchelConnection *connection, const guint8 *data, gsize len)
{
  g_autofree char *challenge = g_base64_encode (data, len);
  satchel_connection_print (connection, "+ %s\r\n", challenge);
}

void
pop3_say_lines (SatchelConnection *connection, GString *lines, gboolean is_last)
{
  if (is_last)
    g_string_append (lines, ".\r\n");
  satchel_connection_write_bytes (connection, g_string_free_to_bytes (lines));
}

const char *
pop3_refusal (SatchelRefusal why)
{
  switch (why)
    {
    case SATCHEL_REFUSED_ADDRESS:
      return TEMPORARY " Too many connections from your address\r\n";
    case SATCHEL_REFUSED_FULL:
      return TEMPORARY " Too many connections, try again later\r\n";
    case SATCHEL_REFUSED_UNAVAILABLE:
    case SATCHEL_REFUSED_NETWORK:
      break;
    }
  return TEMPORARY " Not available now, try again later\r\n";
}

/* Finds the language with the tag that @range begins with, @len bytes of it. NULL means that there is
 * none. */
static const Pop3Language *
find_tag (const char *range, gsize len)
{
  for (guint i = 0; i < pop3_n_languages; i++)
    if (strlen (pop3_languages[i].tag) == len && g_ascii_strncasecmp (pop3_languages[i].tag, range, len) == 0)
      return &pop3_languages[i];
  return NULL;
}

const Pop3Language *
pop3_language_find (const char *range)
{
  const Pop3Language *found = NULL;
  gsize len = strlen (range);
  while (len > 0 && (found = find_tag (range, len)) == NULL)
    {
      /* The last subtag is cut off, with the "-" before it. */
      while (len > 0 && range[--len] != '-')
        ;
    }
  return found;
}

static void
list_languages (SatchelConnection *connection, const Pop3Language *language)
{
  pop3_say (connection, language, POP3_TEXT_LANGUAGES);
  GString *lines = g_string_new (NULL);
  for (guint i = 0; i < pop3_n_languages; i++)
    g_string_append_printf (lines, "%s %s\r\n", pop3_languages[i].tag, pop3_languages[i].name);
  pop3_say_lines (connection, lines, TRUE);
}

void
pop3_run_lang (SatchelConnection *connection, const Pop3Language **language, const char *range,
               const char *preferred)
{
  if (*range == '\0')
    {
      list_languages (connection, *language);
      return;
    }
  const Pop3Language *found = pop3_language_find (strcmp (range, "*") == 0 ? preferred : range);
  if (found == NULL)
    {
      pop3_say (connection, *language, POP3_TEXT_LANGUAGE_UNKNOWN);
      return;
    }
  *language = found;
  pop3_say_ok (connection, "%s %s", found->tag, found->words[POP3_WORD_LANGUAGE_CHANGED]);
}
