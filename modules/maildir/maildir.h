/* SPDX-License-Identifier: MIT
 * What the files of the maildir driver share.  Locks: `writer` serialises everything that changes a
 * store; `table` (short, never held over I/O) guards names, cache offsets and metadata against readers.
 */
#pragma once
#include "maildir_sys.h"

#include <satchel/log.h>
#include <satchel/storage.h>

#define MD_AREA "maildir"
#define MD_STATE_FILE "satchel-state"
#define MD_INDEX_FILE "satchel-index"
#define MD_CACHE_FILE "satchel-cache"
#define MD_KEYWORDS_FILE "dovecot-keywords"
#define MD_UIDLIST_FILE "dovecot-uidlist"
#define MD_USER_FILE "satchel-user"
#define MD_MODSEQ_FILE "satchel-modseq"
#define MD_BLOBS_FILE "satchel-blobs-" /* and the space */
#define MD_JOURNAL_FILE "satchel-journal"
#define MD_TRASH_DIR "satchel-trash"
#define MD_LETTERS 26u
#define MD_UID_BLOCK 1000u
#define MD_UID_MAX 4294000000u
#define MD_UID_JUMP (1u << 24)
#define MD_MODSEQ_BLOCK 100000u
#define MD_UIDVALIDITY_BLOCK 16u
#define MD_TOMBSTONES_MAX 20000u
#define MD_NAME_MAX 255u

/* ---- util.c ---- */
typedef struct MdStamp /* a directory as last seen */
{
  guint64 ino;
  gint64 sec;
  gint64 nsec;
} MdStamp;
guint32 md_crc32c (guint32 crc, const void *data, gsize len);
gint64 md_now_us (void); /* wall clock */
gint64 md_monotonic_ms (void);
const guint8 *md_boot_id (void); /* 16 bytes */
void md_random (void *buffer, gsize len);
/* "SECONDS.M..P..Q..R...HOST": never given twice. */
void md_unique_name (char buffer[128], gint64 seconds);
gboolean md_write_all (int fd, const void *data, gsize len, GError **error);
gboolean md_pwrite_all (int fd, const void *data, gsize len, guint64 offset, GError **error);
/* The same of several pieces; @parts is used up. */
gboolean md_pwritev_all (int fd, struct iovec *parts, guint n, guint64 offset, GError **error);
/* Reads a small regular file whole; NULL with NONEXISTENT, or CORRUPT above @max. */
GByteArray *md_read_file (int dirfd, const char *name, gsize max, GError **error);
int md_open_file (int dirfd, const char *name, GError **error); /* regular, read-write, never follows */
/* tmp + fsync + rename + fsync of the directory. @durable FALSE: no syncs. */
gboolean md_replace_file (int dirfd, const char *name, const void *data, gsize len, gboolean durable,
                          GError **error);
gboolean md_make_file (int dirfd, const char *name, const void *data, gsize len, gboolean durable,
                       GError **error); /* the same but for the directory's sync */
int md_open_dir (int dirfd, const char *name, gboolean create, GError **error);
/* "", "cur", "A/B/new": level by level, no link is followed. */
int md_open_path (int dirfd, const char *path, gboolean create, GError **error);
gboolean md_fsync (int fd, const char *what, GError **error); /* within a hold: put off */
gboolean md_stamp_of (int fd, MdStamp *ret, GError **error);
gboolean md_stamp_equal (const MdStamp *a, const MdStamp *b);
/* Calls @func for each entry but dot names, or for dot names only. d_type as in dirent. FALSE from @func
 * stops. */
typedef void (*MdEntryFunc) (const char *name, gsize len, guint8 type, gpointer data);
gboolean md_read_dir (int dirfd, MdEntryFunc func, gpointer data, GError **error);

/* ---- trouble.c ---- */
typedef enum
{
  MD_ACCESS_READ,
  MD_ACCESS_WRITE,
  MD_ACCESS_CHANGE /* of names in the directory */
} MdAccess;
/* By owner and mode: a directory also to be searched. */
gboolean md_may_read (const struct stat *st);
/* Sets @error from errno with the path of @name below @dirfd ("." for that itself), and of a refusal says
 * why. FALSE. */
gboolean md_error_at (GError **error, int errnum, int dirfd, const char *name, MdAccess access,
                      const char *what);
/* Puts the path of @name below @dirfd (as above) before what @error says.  FALSE. */
gboolean md_error_in (GError **error, int dirfd, const char *name);

/* ---- filename.c ---- */
typedef struct MdName /* a parsed file name; offsets into it */
{
  guint base_len;   /* up to ":2," or the end */
  guint id_len;     /* of the prefix before the first ',' */
  gboolean has_uid; /* U= is there: written by us, for some mailbox */
  guint32 uidvalidity, uid;
  gboolean has_size, has_wire, has_length, has_date, is_raw; /* has_wire: and it may be true */
  gboolean is_odd;            /* sizes that contradict each other, or are none */
  guint64 size, wire, length; /* S=, W=, D= */
  gint64 date;                /* T=, else the leading number if has_uid */
  gboolean has_flags;         /* ":2," is there */
  guint32 flags;
  guint32 letters; /* bit per keyword letter */
} MdName;
void md_name_parse (const char *name, gsize len, MdName *ret);
/* FALSE: the name says another size than the file has: then its W= says nothing either. */
gboolean md_name_fits (const char *name, gsize len, const struct stat *st);
/* Decimal, perhaps after "-", up to @end; FALSE: anything else, or too big. */
gboolean md_parse_signed (const char *p, const char *end, gint64 *ret);
/* "PREFIX,S=..,W=..,U=V.UID" plus, with @in_cur, ":2,FLAGS".  @prefix: see md_name_id. */
typedef struct MdNameParts
{
  const char *prefix;
  guint64 size, wire,
      length; /* wire SATCHEL_SIZE_UNKNOWN: left out; length: equal to wire if there is nothing to say */
  gint64 date;
  gboolean is_raw;
  guint32 uidvalidity, uid;
} MdNameParts;
gboolean md_name_build (GString *out, const MdNameParts *parts);
void md_name_append_flags (GString *out, guint32 flags, guint32 letters, const char *unknown);
/* The base name without our fields: what the email id is made from, kept by copies. */
void md_name_id (const char *name, gsize base_len, GString *out);
/* The email id (RFC 8474): what field E says, else a hash of the above. */
void md_name_email_id (const char *name, gsize base_len, guint8 ret_id[16]);
/* ",E=", to go behind a prefix, of which it is a part from then on. */
#define MD_EMAIL_ID_FIELD 26u
void md_name_make_email_id (const guint8 id[16], char ret_field[MD_EMAIL_ID_FIELD]);
/* Suffix letters that mean nothing to us, kept when we rename. */
void md_name_unknown (const char *name, gsize len, guint32 known_letters, GString *out);

/* ---- settings.c ---- */
typedef enum
{
  MD_LAYOUT_PLUS = 0,     /* ".A.B", modified UTF-7 */
  MD_LAYOUT_FS = 1 << 0,  /* "A/B" */
  MD_LAYOUT_UTF8 = 1 << 1 /* names as they are */
} MdLayout;
/* Whose files are kept beside ours. UNKNOWN: not decided yet. */
typedef enum
{
  MD_SERVER_UNKNOWN = 0,
  MD_SERVER_NONE,
  MD_SERVER_DOVECOT,
  MD_SERVER_COURIER
} MdServer;
typedef struct MdSettings
{
  MdLayout layout;
  gboolean finds_names; /* whether they are UTF-8 is looked for */
  MdServer server;      /* as configured */
  char *path;           /* below the root */
  char *control_path;   /* the same; NULL: in the Maildir */
  char *uidl_format;    /* NULL: the default */
} MdSettings;
extern const SatchelConfigRow md_schema[];
gboolean md_settings_check (const SatchelConfig *section, GError **error);
/* @section NULL: defaults, with the path of @identity. */
void md_settings_init (MdSettings *settings, const SatchelConfig *section,
                       const SatchelStorageIdentity *identity);
void md_settings_clear (MdSettings *settings);
const char *md_server_name (MdServer server);
/* @guid: NULL if the message has none of its own. */
void md_uidl_format (GString *out, const char *format, guint32 uidvalidity, guint32 uid, const char *base,
                     gsize base_len, const char *guid);

/* ---- folder.c ---- */
/* "A/b.c" -> ".A.b&AC4-c" or, in fs, "A/b.c"; INBOX -> "".  CANNOT when it does not fit. */
char *md_folder_dir (MdLayout layout, const char *name, GError **error);
char *md_folder_name (MdLayout layout, const char *dir); /* NULL: not one of ours */
char md_folder_separator (MdLayout layout);

/* ---- slots.c: a few numbers, durable, twice ---- */
#define MD_SLOT_WORDS 12u
typedef struct MdSlots
{
  int fd;
  guint64 words[MD_SLOT_WORDS]; /* durable */
  guint64 hints[MD_SLOT_WORDS]; /* as last written; lost with the power */
  gboolean hints_valid;
} MdSlots;
gboolean md_slots_open (MdSlots *slots, int dirfd, const char *name,
                        GError **error); /* NONEXISTENT, CORRUPT */
/* @sync_dir FALSE: the caller syncs the directory. */
gboolean md_slots_create (MdSlots *slots, int dirfd, const char *name, gboolean sync_dir, GError **error);
gboolean md_slots_commit (MdSlots *slots, GError **error);
void md_slots_hint (MdSlots *slots);
void md_slots_close (MdSlots *slots);
enum
{
  MD_STATE_UIDVALIDITY,
  MD_STATE_UID_LIMIT,
  MD_STATE_ID_1,
  MD_STATE_ID_2,
  MD_STATE_RECENT,
  MD_STATE_HISTORY,
  MD_STATE_HAS_UNIQUE_IDS
};
enum
{
  MD_USER_MODSEQ_LIMIT,
  MD_USER_UIDVALIDITY
};
enum
{
  MD_HINT_MODSEQ,
  MD_HINT_BOOT_1,
  MD_HINT_BOOT_2
}; /* of the user */
enum
{
  MD_HINT_SEQUENCE,
  MD_HINT_INDEX_BOOT_1,
  MD_HINT_INDEX_BOOT_2
}; /* of a mailbox */
gboolean md_hint_is_of (const MdSlots *state, guint64 sequence);

/* ---- table.c: names by UID ---- */
enum
{
  MD_ENTRY_NEW = 1,
  MD_ENTRY_DEAD = 2,
  MD_ENTRY_OURS = 4
};
typedef struct MdEntry
{
  guint32 uid;
  guint32 name; /* offset of the whole name in the arena, in units of 1; NUL-ended */
  guint8 bits, base_len, name_len, reserved;
  guint32 cache_len;
  guint64 cache_off; /* 0: none */
} MdEntry;
typedef struct MdTable
{
  GArray *entries; /* ascending by uid, dead ones among them */
  GByteArray *arena;
  guint n_dead;
  gsize garbage;
} MdTable;
void md_table_init (MdTable *table);
void md_table_clear (MdTable *table);
MdEntry *md_table_find (MdTable *table, guint32 uid); /* NULL: none, or dead */
const char *md_table_name (const MdTable *table, const MdEntry *entry);
MdEntry *md_table_add (MdTable *table, guint32 uid, guint8 bits, const char *name,
                       guint base_len); /* @uid above all */
void md_table_rename (MdTable *table, MdEntry *entry, guint8 bits, const char *name, guint base_len);
void md_table_compact (MdTable *table); /* pointers to entries become stale */

/* ---- keywords.c ---- */
typedef struct MdKeywords
{
  guint n;
  char **names;                     /* n; most mailboxes have none */
  GHashTable *by_name;              /* in lower case: bit + 1; NULL while they are few */
  gint8 *letter;                    /* n; -1: none */
  gint16 bit_of_letter[MD_LETTERS]; /* -1: none */
  gboolean is_unsure;               /* a save failed: what the file has is not known */
} MdKeywords;
void md_keywords_init (MdKeywords *keywords);
void md_keywords_clear (MdKeywords *keywords);
void md_keywords_load (MdKeywords *keywords, int dirfd);
int md_keywords_find (const MdKeywords *keywords, const char *name);
/* In memory; -1: satchel_keywords_limit are there.  *ret_needs_file: it took a letter. */
int md_keywords_add (MdKeywords *keywords, const char *name, gboolean *ret_needs_file);
gboolean md_keywords_is_valid (const char *name);
int md_keywords_add_without_letter (MdKeywords *keywords, const char *name, int letter);
/* Durable, or is_unsure. */
gboolean md_keywords_save (MdKeywords *keywords, int dirfd, GError **error);
void md_keywords_copy (const MdKeywords *keywords, MdKeywords *ret_copy);
/* Another name for a bit that no message has; its letter stays.  TRUE: it has one. */
gboolean md_keywords_rename (MdKeywords *keywords, guint bit, const char *name);
SatchelKeywordSet md_keywords_from_letters (const MdKeywords *keywords, guint32 letters);
guint32 md_keywords_to_letters (const MdKeywords *keywords, const SatchelKeywordSet *bits);
SatchelKeywordSet md_keywords_lettered (const MdKeywords *keywords); /* bits that have a letter */
guint32 md_keywords_letters (const MdKeywords *keywords);            /* letters that have a bit */

/* ---- uidlist.c: UIDs of foreign files ---- */
typedef struct MdUidlistLine
{
  guint32 uid;
  guint32 base_len;
  const char *base;   /* into `data` */
  gint64 date;        /* or SATCHEL_DATE_UNKNOWN */
  const char *fields; /* between UID and ':'; into `data` */
  guint32 fields_len;
  gboolean is_checked; /* ours, with a checksum */
} MdUidlistLine;
typedef struct MdUidlist
{
  GByteArray *data;
  GArray *lines; /* MdUidlistLine, ascending by uid */
  guint32 *buckets;
  guint mask, version;
  guint32 uidvalidity, uidnext; /* of the header; 0: none */
  char guid[33];                /* the same; "" */
  gboolean is_damaged;          /* something in it was skipped */
  gboolean is_unsorted;
} MdUidlist;
/* @uidvalidity: whose lines count; 0: the head's.  Never NULL. */
MdUidlist *md_uidlist_load (int dirfd, const char *file, guint32 uidvalidity);
void md_uidlist_free (MdUidlist *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MdUidlist, md_uidlist_free)
const MdUidlistLine *md_uidlist_find (const MdUidlist *list, const char *base, guint len);
/* @hash: satchel_keyed_hash of it. */
const MdUidlistLine *md_uidlist_find_hashed (const MdUidlist *list, guint64 hash, const char *base,
                                             guint len);
/* The value of the first field @key, not NUL-ended; NULL: none. */
const char *md_uidlist_field (const MdUidlistLine *line, char key, gsize *ret_len);
typedef struct MdListed /* a line to write */
{
  guint32 uid, len;
  const char *base;
  gint64 date;
  const char *fields; /* of others, "P... G..."; C and T in them are left out */
  gsize fields_len;
} MdListed;
/* @unique_id: to save; NULL: what `fields` have. */
void md_uidlist_line (GString *out, guint32 uidvalidity, const MdListed *file, const char *unique_id);

typedef struct MdStore MdStore;
typedef struct MdMailbox MdMailbox;
typedef struct MdPlan MdPlan;
typedef struct MdUniqueIds MdUniqueIds;
typedef struct MdUnsized MdUnsized;

/* ---- uidlist_write.c ---- */
gboolean md_uidlist_has_ours (const MdMailbox *mb);
/* Its line, with the unique id where that is not what the format makes. */
void md_uidlist_add (const MdMailbox *mb, const MdListed *file, GString *out);
/* All lines: of what is known, with what @old says of it, and of @arrivals (MdListed; may be NULL). */
void md_uidlist_everything (const MdMailbox *mb, const MdUidlist *old, const GArray *arrivals, GString *out);
/* Appends @lines, or writes the file anew with a header; @guid: "" for our own. */
gboolean md_uidlist_append (MdMailbox *mb, guint32 uidnext, const char *guid, const GString *lines,
                            gboolean anew, gboolean durable, GError **error);
/* Appends lines of our own files, which have unique ids of their own.  Durable. */
gboolean md_uidlist_add_saved (MdMailbox *mb, const GString *lines, GError **error);
gboolean md_uidlist_has_unique_ids (const MdUidlist *list); /* any of its lines */
/* Lists our own files where people may go back; never fails an operation. */
void md_uidlist_add_ours (MdMailbox *mb);

/* ---- unique_ids.c: POP3 ---- */
/* A reference, by md_unique_ids_drop; never NULL. */
MdUniqueIds *md_unique_ids_current (MdMailbox *mb);
void md_unique_ids_drop (MdUniqueIds *ids);
char *md_unique_id (MdMailbox *mb, const MdUniqueIds *ids, guint32 uid); /* NULL: what the protocol makes */
/* What is told in place of an id of @mb's format that is none (RFC 1939 7); yours.  NULL: that of the format
 * is told, or the one that is saved already. */
char *md_unique_id_to_save (const MdMailbox *mb, const MdListed *file);

/* ---- subscriptions.c: of the server that was here before ---- */
MdServer md_server_find (MdStore *store);
gboolean md_server_has_utf8_names (MdStore *store);
/* TRUE: they were read, since they are not as we left them. */
gboolean md_subscriptions_read (MdStore *store);
void md_subscriptions_write (MdStore *store);

/* ---- courier.c ---- */
#define MD_COURIER_UIDS "courierimapuiddb"
#define MD_COURIER_POP3 "courierpop3dsizelist"
#define MD_COURIER_KEYWORDS "courierimapkeywords"
/* Before the first scan: keywords become letters in the names of the files.  @is_first: it is new to us. */
gboolean md_courier_take_keywords (MdMailbox *mb, gboolean is_first, GError **error);
gboolean md_courier_changed (MdMailbox *mb, GError **error); /* at each change of ours */
GHashTable *md_courier_unique_ids (MdMailbox *mb); /* base of the name -> "P" and id; g_hash_table_unref */
gboolean md_courier_lacks (const MdMailbox *mb);   /* its list of this mailbox */
void md_courier_write (MdMailbox *mb);

/* ---- index.c ---- */
typedef struct MdTombstone
{
  guint32 first, last;
  guint64 modseq;
} MdTombstone;
typedef enum
{
  MD_INDEX_LOST = 0,
  MD_INDEX_STALE,
  MD_INDEX_EXACT
} MdIndexTrust;
typedef struct MdSummary
{
  guint8 boot_id[16];
  guint32 uidvalidity, uidnext, first_recent, n_messages, n_unseen, n_deleted;
  guint64 highestmodseq, size_bytes, history_start, cache_id;
  guint64 sequence; /* of the frame; a hint in the state file names the last one */
  MdStamp new_stamp, cur_stamp;
  guint32 is_suspect, listed_upto;
} MdSummary;
typedef struct MdIndex
{
  int fd;
  guint64 size, checkpoint_size, sequence;
  GByteArray *pending;     /* items not yet written */
  gboolean is_broken;      /* a write failed: the file is gone */
  int failure;             /* errno of the last checkpoint that failed */
  gboolean has_overflowed; /* pending items were dropped: only a checkpoint will do */
  gboolean needs_sync;     /* pending or written items that names cannot hold */
  gboolean is_unnamed;     /* the file may be another one after a crash: its name was not synced */
} MdIndex;
void md_index_init (MdIndex *index);
/* Fills table, keywords, metadata, tombstones of @mb; *ret_snapshot: NULL when lost. */
MdIndexTrust md_index_load (MdMailbox *mb, SatchelSnapshot **ret_snapshot, MdSummary *ret_summary);
void md_index_row (MdMailbox *mb, const SatchelMessageRow *row, const MdEntry *entry);
void md_index_flags (MdMailbox *mb, const SatchelMessageRow *row,
                     const MdEntry *entry); /* flags, keywords, and the name's end */
void md_index_expunged (MdMailbox *mb, guint32 uid, guint64 modseq);
void md_index_keyword (MdMailbox *mb, guint bit);
void md_index_metadata (MdMailbox *mb, guint32 uid, const char *key, GBytes *value);
/* Writes pending items and the summary; a checkpoint now and then.  FALSE only if @durable and that failed.
 */
gboolean md_index_flush (MdMailbox *mb, gboolean durable, GError **error);
void md_index_checkpoint (MdMailbox *mb);
/* @ret_n_unsized: messages without a size; G_MAXUINT32: it does not say. */
gboolean md_index_peek (int dirfd, MdSummary *ret, guint32 *ret_n_unsized);
void md_index_close (MdMailbox *mb);
void md_index_discard (MdMailbox *mb);  /* it is of no use to anyone */
void md_index_distrust (MdMailbox *mb); /* it is not what is true now, but may hold what nothing else does */

/* ---- cache.c: attributes ---- */
typedef struct MdCache
{
  int fd;
  guint64 id, size, dead;
} MdCache;
void md_cache_init (MdCache *cache);
gboolean md_cache_open (MdMailbox *mb, gboolean create);
void md_cache_close (MdCache *cache);
/* Writes n blobs; offsets[i] 0 where it did not work: a cache never fails an operation. */
void md_cache_put (MdMailbox *mb, const guint32 *uids, GBytes *const *blobs, guint n, guint64 *ret_offsets);
typedef struct MdCacheRef
{
  guint64 offset;
  guint32 len, uid, slot;
} MdCacheRef;
void md_cache_get (int fd, MdCacheRef *refs, guint n, GBytes **ret);
gboolean md_cache_compact (MdMailbox *mb);

/* ---- user.c: the per-user file ---- */
typedef struct MdUser
{
  GHashTable *subscriptions; /* name -> NULL */
  GHashTable *special_use;   /* name -> use bits */
  GString *log;              /* lines of the change log as in the file, oldest first */
  guint n_log;
  MdSlots slots;
  guint64 modseq, uidvalidity; /* last given; 0: none yet */
  MdServer server;             /* whose files are kept beside ours */
  guint64 foreign_stamp[3];    /* of its subscriptions, as read or written last: time, size */
  gboolean has_old_form;       /* of Dovecot's subscriptions */
  gboolean is_news;            /* something of it was not ours before */
  gboolean has_utf8_names;     /* folders, as found when it was taken over */
  gboolean is_unsure;          /* a save failed: the next operation saves, even if it changes nothing */
} MdUser;
gboolean md_user_open (MdStore *store, GError **error);
void md_user_read (MdStore *store); /* its first part, which changes nothing on disk */
void md_user_free (MdUser *user);
gboolean md_user_save (MdStore *store, GError **error); /* durable, or is_unsure */
/* An entry of the change log; it is written with the next save. */
void md_user_log (MdStore *store, char what, const char *name, const char *other);
/* The entry and all the rest; FALSE: the entry is dropped, and the caller puts back what it changed. */
gboolean md_user_save_change (MdStore *store, char what, const char *name, const char *other, GError **error);
gboolean md_user_next_modseq (MdStore *store, guint64 *ret, GError **error);
gboolean md_user_next_uidvalidity (MdStore *store, guint32 *ret, GError **error);
/* What is given from now on is above these, which another store gave; 0: as it is. */
gboolean md_user_raise (MdStore *store, guint64 modseq, guint32 uidvalidity, GError **error);

/* ---- journal.c: intent of a transaction of several steps ---- */
typedef enum
{
  MD_STEP_RENAME = 1,
  MD_STEP_LINK,
  MD_STEP_UNLINK,
  MD_STEP_RENAME_DIR
} MdStepKind;
typedef struct MdStep
{
  MdStepKind kind;
  int from_fd, to_fd;            /* borrowed directories */
  const char *from_dir, *to_dir; /* their paths below the user's: "cur", ".A/new", "tmp"; borrowed */
  const char *from, *to;         /* names in them, see md_plan_name */
  gboolean is_done;
  gboolean is_external; /* LINK from a spool: no redo */
  gboolean is_staged;   /* RENAME out of tmp/ */
} MdStep;
typedef struct MdJournal
{
  int fd;
  guint64 sequence;
  gboolean retire_pending; /* the end is written but not synced */
  guint64 size;
} MdJournal;
void md_journal_init (MdJournal *journal);
/* One record for all of the plans that take several steps. */
gboolean md_journal_write (MdStore *store, MdPlan *const *plans, guint n, GError **error);
void md_journal_retire (MdStore *store);
gboolean md_journal_settle (MdStore *store, GError **error);
gboolean md_journal_recover (MdStore *store, GError **error);
void md_journal_close (MdJournal *journal);

/* ---- mailbox.c, sync.c, store.c ---- */
struct MdStore
{
  SatchelStorage *storage;
  int root_fd, user_fd, tmp_fd; /* root borrowed */
  int control_fd; /* of the other server's files of the user; the same as user_fd if there is no such place */
  MdSettings settings;
  GMutex writer, table;
  MdUser *user;
  MdJournal journal;
  GHashTable *open;    /* directory name -> MdMailbox, borrowed */
  GHashTable *counted; /* usage.c: of mailboxes that are not open; under `writer`, as is the next */
  guint count_round;
  guint64 list_user_serial, user_serial;
  GArray *owed_syncs;  /* see md_hold_settle; NULL: none */
  GArray *list_stamps; /* of the directories of the last list */
  gboolean list_known;
};

typedef struct MdFound
{
  guint32 name; /* offset in `names` */
  guint8 len, is_new;
} MdFound;
typedef struct MdScan
{
  GArray *found;
  GByteArray *names;
  MdStamp new_stamp, cur_stamp;
  gint64 started_us;
  gboolean is_clean; /* nothing changed while it was read, and could not have unnoticed */
  int fd;            /* while reading */
  guint8 is_new;
} MdScan;

struct MdMailbox
{
  MdStore *store;
  SatchelStorageMailbox *handle; /* NULL while only looked at */
  char *name, *dir;              /* dir: "" for INBOX */
  char *new_path, *cur_path;
  int fd, new_fd, cur_fd;
  int control_fd;          /* UID list and keywords; the same as fd if there is no other place for them */
  guint32 listed_upto;     /* the UID list has all below it, and UIDNEXT; 0: not known */
  MdUniqueIds *unique_ids; /* guarded by `table`; NULL: not read */
  GHashTable *told_ids;    /* unique ids of messages below told_upto, to which imports must not add another;
                              NULL: not made */
  guint32 told_upto;
  gboolean is_changed; /* since it was opened: Courier's files are behind */
  gboolean is_deleted;
  MdSlots state;
  guint32 uidvalidity, uidnext, first_recent;
  guint64 history_start;
  MdKeywords keywords;
  MdTable table;
  GHashTable *metadata; /* uid -> GHashTable (key -> GBytes); NULL: none */
  GArray *tombstones;   /* MdTombstone, ascending by modseq */
  MdIndex index;
  MdCache cache;
  MdIndexTrust trust;
  SatchelSnapshot *snapshot; /* newest, published or about to be */
  SatchelSnapshot *published;
  MdUnsized *unsized;       /* usage.c; NULL: not counted */
  SatchelSnapshot *indexed; /* what the index said when it was opened; until it is published */
  MdStamp new_stamp, cur_stamp;
  gint64 suspect_due_ms; /* 0: the stamps can be trusted */
  gint64 scan_ms;
  MdScan early_scan; /* made to recover the state, used up by the next sync */
  gboolean has_early_scan;
  gint busy;        /* atomic: a commit is at work */
  gboolean watched; /* main thread */
  int watch_wd[2];
};

static inline guint64
md_min (guint64 a, guint64 b)
{
  return a < b ? a : b;
}

MdMailbox *md_mailbox_load (MdStore *store, const char *name, GError **error);
void md_mailbox_unload (MdMailbox *mb);
/* An index of this boot whose directories have not moved answers by itself, of a mailbox that can be opened.
 */
gboolean md_mailbox_peek (MdStore *store, const char *dir, MdSummary *ret_summary,
                          SatchelMailboxState *ret_state);
/* @as: NULL, or whose id, UIDVALIDITY and UIDNEXT it has. */
gboolean md_mailbox_create_files (MdStore *store, int fd, const SatchelMailboxImport *as, GError **error);
void md_mailbox_state (MdMailbox *mb, guint64 modseq, SatchelMailboxState *ret);
gboolean md_mailbox_reserve_uids (MdMailbox *mb, guint32 upto, GError **error);
void md_mailbox_add_tombstone (MdMailbox *mb, guint32 uid, guint64 modseq);
void md_mailbox_publish (MdMailbox *mb);
void md_mailbox_take_snapshot (MdMailbox *mb, SatchelSnapshot *snapshot);
gboolean md_mailbox_is_current (MdMailbox *mb);
gboolean md_mailbox_is_in_place (const MdMailbox *mb);
void md_mailbox_lose (MdMailbox *mb); /* in sync only */
void md_mailbox_mark_suspect (MdMailbox *mb, gint64 at_least_ms);
void md_mailbox_set_paths (MdMailbox *mb);
gboolean md_mailbox_recover_state (MdMailbox *mb, MdIndexTrust trust, const MdSummary *summary,
                                   GError **error);
/* Takes in what the directories hold; writer lock held. */
gboolean md_sync (MdMailbox *mb, gboolean force, GError **error);
gboolean md_scan (int new_fd, int cur_fd, MdScan *ret, GError **error);
void md_scan_clear (MdScan *scan);

/* control.c.  @fd: the mailbox's own directory, returned where there is no other place. */
int md_control_open (MdStore *store, const char *dir, int fd, gboolean create, GError **error);
void md_control_renamed (MdStore *store, const char *from, const char *to);
void md_control_removed (MdStore *store, const char *dir);

/* ---- operations of the driver, by file ---- */
gboolean md_open (SatchelStorage *storage, const SatchelConfig *section, GError **error); /* store.c */
void md_close (SatchelStorage *storage);
void md_remove_tree (int dirfd, const char *name);
gboolean md_list (SatchelStorage *storage, const SatchelAccess *access, GPtrArray *infos,
                  GError **error); /* list.c */
gboolean md_list_is_current (SatchelStorage *storage, const SatchelAccess *access);
gboolean md_create (SatchelStorage *storage, const SatchelAccess *access, const char *name, guint special_use,
                    GError **error); /* tree.c */
/* Writer lock held. */
gboolean md_create_as (MdStore *store, const char *name, const SatchelMailboxImport *as, GError **error);
gboolean md_remove_locked (MdStore *store, const char *name, GError **error);
gboolean md_remove (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error);
gboolean md_rename (SatchelStorage *storage, const SatchelAccess *access, const char *from, const char *to,
                    GError **error);
gboolean md_subscribe (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                       gboolean subscribe, GError **error); /* list.c */
gboolean md_set_special_use (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                             guint special_use, GError **error);
gboolean md_folder_exists (MdStore *store, const char *dir);
gboolean md_folder_has_children (MdStore *store, const char *dir);
gboolean md_folder_is_below (MdStore *store, const char *dir, const char *parent);
/* @stamps: NULL, or of md_list_stamps_new, to be filled. */
GPtrArray *md_folder_dirs (MdStore *store, GArray *stamps, GError **error);
GArray *md_list_stamps_new (void);
/* tree_fs.c: layout fs.  A mailbox made in trash/@unique to its place; out of it; from place to place, with
 * its children. */
gboolean md_fs_place (MdStore *store, int trash_fd, const char *unique, const char *dir, GError **error);
gboolean md_fs_displace (MdStore *store, const char *dir, int trash_fd, const char *unique, GError **error);
gboolean md_fs_rename (MdStore *store, const char *from, const char *to, GError **error);
SatchelStorageMailbox *md_open_mailbox (SatchelStorage *storage, const SatchelAccess *access,
                                        const char *name, GError **error); /* mailbox.c */
void md_close_mailbox (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox);
gboolean md_status (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                    SatchelMailboxState *ret_state, GError **error);
gboolean md_sync_mailbox (SatchelStorage *storage, const SatchelAccess *access,
                          SatchelStorageMailbox *mailbox, GError **error);
gboolean md_is_current (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox);
gboolean md_claim_recent (SatchelStorage *storage, const SatchelAccess *access,
                          SatchelStorageMailbox *mailbox, guint32 upto_uid, guint32 *ret_first,
                          GError **error);
gboolean md_vanished (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                      guint64 modseq, SatchelUidSet *ret_uids, gboolean *ret_is_complete, GError **error);
void md_watch (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
               gboolean watch); /* watch.c */
void md_watch_forget (MdMailbox *mb);
void md_watch_pause (MdMailbox *mb, gboolean pause); /* any thread; within a commit */
void md_watch_stop (void);
typedef struct MdStaged /* SatchelStaged.driver */
{
  char name[128]; /* in the user's tmp/; "" once taken or spooled */
  char *spool;    /* path below the root, or NULL */
  guint64 disk_size, length;
  gint64 mtime;
  gboolean is_raw;
} MdStaged;
SatchelWriter *md_stage (SatchelStorage *storage, const SatchelAccess *access, guint64 size_hint,
                         SatchelStaged *staged, GError **error); /* stage.c */
gboolean md_stage_spooled (SatchelStorage *storage, const SatchelAccess *access, const char *path,
                           gboolean is_lf, SatchelStaged *staged, GError **error);
void md_stage_drop (SatchelStorage *storage, const SatchelAccess *access, SatchelStaged *staged);
void md_commit (SatchelStorage *storage, SatchelTransaction *const *transactions, guint n,
                GError **results); /* commit.c */
SatchelStream *md_open_message (SatchelStorage *storage, const SatchelAccess *access,
                                SatchelStorageMailbox *mailbox, guint32 uid, GError **error); /* message.c */
SatchelStream *md_peek_message (SatchelStorage *storage, const SatchelAccess *access,
                                SatchelStorageMailbox *mailbox, guint32 uid);
gboolean md_email_id (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                      guint32 uid, guint8 ret_id[16], GError **error);
gboolean md_get_attributes (SatchelStorage *storage, const SatchelAccess *access,
                            SatchelStorageMailbox *mailbox, const guint32 *uids, guint n, GBytes **ret,
                            SatchelErrorCode *ret_codes, GError **error);
gboolean md_put_attributes (SatchelStorage *storage, const SatchelAccess *access,
                            SatchelStorageMailbox *mailbox, const guint32 *uids, guint n,
                            GBytes *const *attributes, const guint64 *sizes, GError **error);
gboolean md_get_metadata (SatchelStorage *storage, const SatchelAccess *access,
                          SatchelStorageMailbox *mailbox, guint32 uid, const char *key, GBytes **ret,
                          GError **error);
gboolean md_put_metadata (SatchelStorage *storage, const SatchelAccess *access,
                          SatchelStorageMailbox *mailbox, guint32 uid, const char *key, GBytes *value,
                          GError **error);
gboolean md_hold_syncs (SatchelStorage *storage, const SatchelAccess *access, gboolean hold,
                        GError **error); /* hold.c */
/* Syncs that failed at the end of a hold: nothing is acknowledged before they worked. */
gboolean md_hold_settle (MdStore *store, GError **error);
void md_hold_drop (MdStore *store);
gboolean md_fill_dates (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                        GError **error); /* dates.c */
void md_metadata_set (MdMailbox *mb, guint32 uid, const char *key, GBytes *value);
void md_metadata_drop (MdMailbox *mb, guint32 uid);
gboolean md_list_metadata (SatchelStorage *storage, const SatchelAccess *access,
                           SatchelStorageMailbox *mailbox, const guint32 *uids, guint n,
                           SatchelMetadataFunc func, gpointer data, GError **error); /* metadata.c */
gboolean md_tombstones (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                        GArray *tombstones, guint64 *ret_history_start, GError **error); /* import.c */
gboolean md_import_mailbox (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                            const SatchelMailboxImport *import, GError **error);
/* @md_unique_id, or what the protocol makes; never NULL for a message that is there. */
char *md_unique_id_told (MdMailbox *mb, const MdUniqueIds *ids, guint32 uid);

gboolean md_unique_ids (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                        const guint32 *uids, guint n, char **ret, GError **error); /* unique_ids.c */

gboolean md_exists (const SatchelStorageIdentity *identity, const SatchelConfig *section);
gboolean md_examine (const SatchelStorageIdentity *identity, const SatchelConfig *section,
                     SatchelExamineFunc func, gpointer data, GError **error); /* examine.c */
gboolean md_check_owner (int fd, const char *path, GError **error);           /* store.c */

gboolean md_usage (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                   const SatchelUidSet *uids, SatchelUsage *ret_usage, GError **error); /* usage.c */
void md_unsized_free (MdUnsized *unsized);
GHashTable *md_counted_new (void);
gboolean md_read_part (SatchelStorage *storage, const SatchelAccess *access, const char *name, guint64 offset,
                       gsize max, GByteArray *data, GError **error); /* files.c */
gboolean md_write_part (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                        guint64 offset, GBytes *bytes, SatchelFileWrite how, GError **error);

GBytes *md_get_blob (SatchelStorage *storage, const SatchelAccess *access, const char *space,
                     const char *name, GError **error); /* blobs.c */
gboolean md_list_blobs (SatchelStorage *storage, const SatchelAccess *access, const char *space,
                        GPtrArray *names, GError **error);
gboolean md_put_blobs (SatchelStorage *storage, const SatchelAccess *access, const char *space,
                       const SatchelBlob *changes, guint n, GError **error);

extern const SatchelStorageOps md_ops;

/* ---- plan.c: a transaction as steps and effects ---- */
typedef struct MdEffect /* on the table, undone in reverse when a transaction fails */
{
  MdMailbox *mb;
  guint32 uid;
  enum
  {
    MD_EFFECT_ADD,
    MD_EFFECT_RENAME,
    MD_EFFECT_REMOVE,
    MD_EFFECT_TOUCH
  } kind;
  MdEntry before;     /* RENAME, REMOVE */
  GBytes *attributes; /* ADD; may be NULL */
  guint64 modseq;
} MdEffect;
/* What a transaction asks of the keywords of a mailbox. */
typedef struct MdKeywordUse
{
  MdMailbox *mb;
  SatchelKeywordSet
      used; /* those asked for; once is_counted, all that messages have as well, now or before */
  gboolean is_counted;
  gboolean is_full; /* none is free for another name */
  guint n_without;  /* names that had no room */
} MdKeywordUse;
/* What a transaction imports into a mailbox. */
typedef struct MdImport
{
  MdMailbox *mb;
  guint32 uidnext; /* before it: given back if it fails, so that the same can be tried again */
  GString *lines;  /* of the UID list */
} MdImport;
void md_import_free (gpointer import);
struct MdPlan
{
  MdStore *store;
  GArray *steps;        /* MdStep */
  GArray *effects;      /* MdEffect */
  GPtrArray *mailboxes; /* MdMailbox touched */
  GPtrArray *before;    /* their snapshots before it, references */
  GPtrArray *staged;    /* MdStaged taken */
  GArray *keyword_uses; /* MdKeywordUse */
  GPtrArray *imports;   /* MdImport */
  gboolean syncs_tmp;
  guint64 modseq;      /* 0: none taken yet */
  guint64 op_modseq;   /* what the operation at work gives to what it changes: this, or what it imports */
  gboolean op_changes; /* the operation at work changed something so far */
  GStringChunk *names; /* of the steps */
  GString *new_name, *unknown; /* of the message at work */
};
MdPlan *md_plan_new (MdStore *store);
void md_plan_free (MdPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MdPlan, md_plan_free)
gboolean md_plan_operation (MdPlan *plan, SatchelOperation *operation, GError **error);
void md_plan_undo (MdPlan *plan);         /* of the memory */
void md_plan_undo_imports (MdPlan *plan); /* part of it */
/* Before the first operation: counters go above what it imports. */
gboolean md_plan_begin_imports (MdStore *store, SatchelTransaction *transaction, GError **error);
/* After the last: unique ids, durable before anything is done.  FALSE: undo. */
gboolean md_plan_save_imports (MdPlan *plan, GError **error);
void md_plan_tell_keywords (const MdPlan *plan); /* a log line for each mailbox that had no room for all */
void md_plan_touch (MdPlan *plan, MdMailbox *mb);
MdStep *md_plan_step (MdPlan *plan, MdStepKind kind);
const char *md_plan_name (MdPlan *plan, const char *name); /* a copy that lives as long as the plan */
gboolean md_plan_run (MdPlan *plan, GError **error);       /* steps.c: on failure everything is put back */
void md_plan_roll_back (MdPlan *plan);
gboolean md_plan_has_removed (const MdPlan *plan); /* then there is no way back */
gboolean md_plan_sync (MdPlan *const *plans, guint n, GError **error);
/* Journals where needed, runs, syncs, writes indexes and publishes; for one plan of the driver's own. */
gboolean md_plan_execute (MdPlan *plan, GError **error);
void md_plan_finish (MdPlan *const *plans, guint n);
/* FALSE: not there. */
gboolean md_row_of (const SatchelSnapshot *snapshot, guint32 uid, SatchelMessageRow *ret);
gboolean md_plan_sync_indexes (MdPlan *const *plans, guint n, GError **error);
