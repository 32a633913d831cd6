/* Checking a store: every byte of every file is looked at once.
 *
 *     format     compared
 *     journals   the header by the first frame's chain; frames by checksum, sequence and chain;
 *                blocks by their hash
 *     packs      blocks by their hash, all other bytes by writing the pack again (pack_compare.h)
 *     refs       walked: what they reach is there, or reported absent
 *     the rest   files that no journal names are left over
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "backends/pack/pack_fsck.h"

#include "backends/pack/pack_compare.h"
#include "backends/pack/pack_create.h"
#include "backends/pack/pack_mark.h"
#include "base/alloc.h"
#include "base/err.h"
#include "block/block.h"

#include <stdio.h>
#include <string.h>

copse_status copse_fsck_report(copse_fsck *fsck, copse_pack_finding_kind kind, const char *file,
                               uint64_t offset, const copse_cid *cid, copse_err *err,
                               const char *message)
{
    static const copse_cid no_cid = {0};
    copse_pack_finding finding = {.kind = kind,
                                  .file = file,
                                  .offset = offset,
                                  .cid = cid != NULL ? *cid : no_cid,
                                  .message = message};
    fsck->stats.findings[kind]++;
    for (size_t i = 0; i < fsck->files_count && kind == COPSE_PACK_FINDING_DAMAGE; i++) {
        fsck->files[i].is_damaged |= strcmp(fsck->files[i].name, file) == 0;
    }
    return fsck->options->found != NULL
               ? fsck->options->found(fsck->options->found_ctx, &finding, err)
               : COPSE_OK;
}

copse_status copse_fsck_report_ref(copse_fsck *fsck, const char *file, uint64_t offset,
                                   const copse_item *item, copse_err *err)
{
    copse_cid cid = {.size = (uint8_t)item->cid.len};
    char message[COPSE_REF_NAME_SIZE_BYTES_MAX + 140];
    memcpy(cid.bytes, item->cid.ptr, item->cid.len);
    (void)snprintf(message, sizeof message,
                   "ref %.*s named this block here and was not moved: nothing proves it, or newer "
                   "commits came; a gc drops what no ref names",
                   (int)item->name.len, (const char *)item->name.ptr);
    return copse_fsck_report(fsck, COPSE_PACK_FINDING_TAIL, file, offset, &cid, err, message);
}

/* ---- Blocks ---- */

static copse_status fsck_block(copse_fsck *fsck, const char *file, uint64_t offset,
                               const copse_cid *cid, copse_bytes data, copse_err *err)
{
    copse_status status = copse_cid_verify(cid, data, NULL);
    fsck->stats.blocks += status == COPSE_OK;
    fsck->stats.opaque += status == COPSE_MISUSE;
    return status == COPSE_CORRUPT
               ? copse_fsck_report(fsck, COPSE_PACK_FINDING_DAMAGE, file, offset, cid, err,
                                   "the block doesn't hash to its CID")
               : COPSE_OK;
}

/* ---- Journals ---- */

/* A journal on the way through. */
typedef struct fsck_journal {
    copse_fsck *fsck;
    const char *name;
    copse_file *file;
    copse_journal_header header;
    uint64_t chain;
    uint64_t sequence;
    uint64_t offset;
    bool is_in_use; /* else all its bytes must be frames */
} fsck_journal;

static copse_status fsck_journal_items(fsck_journal *journal, copse_bytes payload, copse_err *err)
{
    size_t at = 0;
    copse_item item;
    copse_err why;
    copse_status status;
    uint64_t start = journal->offset + COPSE_FRAME_HEADER_SIZE_BYTES;
    while ((status = copse_item_next(payload, &at, &item, &why)) == COPSE_OK) {
        if (item.tag == COPSE_ITEM_BLOCK) {
            copse_cid cid = {.size = (uint8_t)item.cid.len};
            memcpy(cid.bytes, item.cid.ptr, item.cid.len);
            status =
                fsck_block(journal->fsck, journal->name, start + item.offset, &cid, item.data, err);
            if (status != COPSE_OK) {
                return status;
            }
        }
    }
    return status == COPSE_END
               ? COPSE_OK
               : copse_fsck_report(journal->fsck, COPSE_PACK_FINDING_DAMAGE, journal->name,
                                   start + at, NULL, err, why.message);
}

/* What stands at the offset is no frame: a torn tail, or damage before a later frame, to which the
 * offset moves. END: there is no later one. */
static copse_status fsck_journal_gap(fsck_journal *journal, copse_journal_reader *reader,
                                     copse_err *err)
{
    copse_frame frame;
    copse_bytes payload;
    uint64_t next = journal->offset;
    uint64_t size = 0;
    copse_status found = copse_journal_reader_search(reader, &next, &frame, &payload, err);
    while (found == COPSE_OK && next == journal->offset) {
        next++;
        found = copse_journal_reader_search(reader, &next, &frame, &payload, err);
    }
    if (found != COPSE_OK && found != COPSE_END) {
        return found;
    }
    bool is_damage = !journal->is_in_use || (found == COPSE_OK && frame.synced > journal->offset);
    copse_status status = journal->file->ops->size(journal->file, &size, err);
    if (status == COPSE_OK) {
        char message[160];
        (void)snprintf(message, sizeof message, "%s, to byte %llu",
                       is_damage ? "no frame, or none that follows the one before"
                                 : "a write that was cut short; if nothing crashed, a commit is "
                                   "damaged",
                       (unsigned long long)(found == COPSE_OK ? next : size));
        status = copse_fsck_report(journal->fsck,
                                   is_damage ? COPSE_PACK_FINDING_DAMAGE : COPSE_PACK_FINDING_TAIL,
                                   journal->name, journal->offset, NULL, err, message);
    }
    if (status == COPSE_OK && (found == COPSE_END || !is_damage)) {
        return COPSE_END;
    }
    journal->offset = next;
    journal->sequence = frame.sequence - 1;
    journal->chain = frame.chain;
    return status;
}

static copse_status fsck_journal_frames(fsck_journal *journal, copse_journal_reader *reader,
                                        copse_err *err)
{
    copse_status status = COPSE_OK;
    bool is_first = true;
    while (status == COPSE_OK) {
        copse_frame frame;
        copse_bytes payload;
        status = copse_journal_reader_at(reader, journal->offset, &frame, &payload, err);
        if (status == COPSE_OK && (frame.chain != journal->chain ||
                                   (!is_first && frame.sequence != journal->sequence + 1) ||
                                   is_first != ((frame.flags & COPSE_FRAME_SNAPSHOT) != 0))) {
            status = COPSE_CORRUPT;
        }
        if (status == COPSE_CORRUPT) {
            status = fsck_journal_gap(journal, reader, err);
            is_first = false;
            continue;
        }
        if (status == COPSE_OK) {
            status = fsck_journal_items(journal, payload, err);
            journal->sequence = frame.sequence;
            journal->chain = frame.checksum;
            journal->offset += copse_frame_size(&frame);
            is_first = false;
        }
    }
    return status == COPSE_END ? COPSE_OK : status;
}

static copse_status fsck_journal_check(copse_fsck *fsck, const copse_pack_file *file,
                                       bool is_in_use, copse_err *err)
{
    uint8_t bytes[COPSE_JOURNAL_HEADER_SIZE_BYTES];
    copse_journal_reader reader;
    fsck_journal journal = {.fsck = fsck,
                            .name = file->name,
                            .file = file->file,
                            .offset = sizeof bytes,
                            .is_in_use = is_in_use};
    copse_err why = {0};
    copse_status status = copse_pack_io_read(file->file, file->name, 0, bytes, sizeof bytes, &why);
    if (status == COPSE_OK) {
        status = copse_journal_header_read(bytes, &journal.header, &why);
    }
    if (status == COPSE_CORRUPT) {
        return copse_fsck_report(fsck, COPSE_PACK_FINDING_DAMAGE, file->name, 0, NULL, err,
                                 why.message);
    }
    if (status != COPSE_OK) {
        if (err != NULL) {
            *err = why;
        }
        return status;
    }
    journal.chain = journal.header.chain;
    copse_journal_reader_init(&reader, fsck->env);
    copse_journal_reader_reset(&reader, file->file, journal.header.salt);
    status = fsck_journal_frames(&journal, &reader, err);
    copse_journal_reader_release(&reader);
    if (status == COPSE_OK && !is_in_use && journal.offset != file->size) {
        status = copse_fsck_report(fsck, COPSE_PACK_FINDING_DAMAGE, file->name, journal.offset,
                                   NULL, err, "the journal ends at another place than it must");
    }
    return status;
}

/* ---- Packs ---- */

typedef struct fsck_pack {
    copse_fsck *fsck;
    const copse_pack_file *file;
    copse_pack_compare compare;
} fsck_pack;

static copse_status fsck_pack_section(void *ctx, uint64_t offset, copse_bytes cid_bytes,
                                      copse_bytes data, copse_err *err)
{
    fsck_pack *pack = ctx;
    copse_cid cid;
    copse_status status = copse_cid_from_bytes(cid_bytes, &cid, err);
    if (status == COPSE_OK) {
        status = fsck_block(pack->fsck, pack->file->name, offset, &cid, data, err);
    }
    return status == COPSE_OK ? copse_pack_compare_put(&pack->compare, &cid, data, err) : status;
}

static copse_status fsck_pack_check(copse_fsck *fsck, const copse_pack_file *file, copse_err *err)
{
    fsck_pack pack = {.fsck = fsck, .file = file};
    copse_err why = {0};
    uint64_t end = 0;
    copse_status status = copse_pack_compare_init(&pack.compare, file, &why);
    if (status == COPSE_OK) {
        status = copse_pack_file_sections(file, fsck_pack_section, &pack, &end, &why);
    }
    bool is_cut = status == COPSE_CORRUPT;
    if (status == COPSE_OK) {
        status = copse_pack_compare_finish(&pack.compare, &why);
    }
    if (is_cut) {
        status = copse_fsck_report(fsck, COPSE_PACK_FINDING_DAMAGE, file->name, end, NULL, err,
                                   why.message);
    } else if (status == COPSE_OK && pack.compare.differs) {
        status =
            copse_fsck_report(fsck, COPSE_PACK_FINDING_DAMAGE, file->name, pack.compare.offset,
                              NULL, err, "the pack's frame or index is not what its blocks make");
    } else if (status != COPSE_OK && err != NULL) {
        *err = why;
    }
    copse_pack_compare_release(&pack.compare);
    return status;
}

/* ---- The store ---- */

static copse_status fsck_file(copse_fsck *fsck, const copse_pack_file *file, bool is_in_use,
                              copse_err *err)
{
    fsck->stats.files++;
    if (file->file == NULL) {
        return copse_fsck_report(fsck, COPSE_PACK_FINDING_DAMAGE, file->name, 0, NULL, err,
                                 "the file is missing");
    }
    return file->id.kind == COPSE_PACK_NAME_PACK ? fsck_pack_check(fsck, file, err)
                                                 : fsck_journal_check(fsck, file, is_in_use, err);
}

static copse_status fsck_seen(void *ctx, copse_block *block, copse_err *err)
{
    (void)ctx;
    (void)block;
    (void)err;
    return COPSE_OK;
}

/* What refs reach, and the store doesn't have. */
static copse_status fsck_reach(copse_fsck *fsck, copse_pack_db *db, copse_err *err)
{
    copse_pack_mark mark;
    copse_pack_mark_init(&mark, db, fsck_seen, NULL);
    mark.is_lenient = true;
    copse_status status = copse_pack_mark_refs(&mark, err);
    for (size_t i = 0; i < mark.absent_count && status == COPSE_OK; i++) {
        status = copse_fsck_report(fsck, COPSE_PACK_FINDING_ABSENT, "", 0, &mark.absent[i], err,
                                   "a ref reaches this block, which is not here");
    }
    copse_pack_mark_release(&mark);
    return status;
}

static bool fsck_is_named(const copse_pack_view *view, const copse_fsck_file *file)
{
    bool is_named = strcmp(view->journal->name, file->name) == 0;
    for (size_t i = 0; i < view->files_count; i++) {
        is_named |= strcmp(view->files[i]->name, file->name) == 0;
    }
    return is_named;
}

static copse_status fsck_leftovers(copse_fsck *fsck, const copse_pack_view *view, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < fsck->files_count && status == COPSE_OK; i++) {
        const copse_fsck_file *file = &fsck->files[i];
        if (!fsck_is_named(view, file)) {
            bool is_tail = file->id.kind == COPSE_PACK_NAME_ASIDE;
            status = copse_fsck_report(
                fsck, COPSE_PACK_FINDING_LEFTOVER, file->name, 0, NULL, err,
                is_tail ? "a writer found no whole commit in these bytes and put them aside; "
                          "--repair takes out what is good, a later gc removes them"
                        : "no journal names this file");
        }
    }
    return status;
}

static copse_status fsck_db(copse_fsck *fsck, copse_pack_db *db, copse_err *err)
{
    copse_status status = fsck_file(fsck, db->view.journal, true, err);
    for (size_t i = 0; i < db->view.files_count && status == COPSE_OK; i++) {
        status = fsck_file(fsck, db->view.files[i], false, err);
    }
    if (status == COPSE_OK) {
        status = fsck_reach(fsck, db, err);
    }
    return status == COPSE_OK ? fsck_leftovers(fsck, &db->view, err) : status;
}

/* Where a store doesn't open: says so of the newest journal, and looks at each file on its own. */
static copse_status fsck_unopened(copse_fsck *fsck, const char *message, copse_err *err)
{
    const char *newest = "";
    for (size_t i = 0; i < fsck->files_count; i++) {
        if (fsck->files[i].id.kind == COPSE_PACK_NAME_JOURNAL) {
            newest = fsck->files[i].name; /* they stand by generation */
        }
    }
    return copse_fsck_report(fsck, COPSE_PACK_FINDING_DAMAGE, newest,
                             COPSE_JOURNAL_HEADER_SIZE_BYTES, NULL, err, message);
}

static bool fsck_file_before(const copse_pack_name *a, const copse_pack_name *b)
{
    if (a->kind != b->kind || a->generation != b->generation) {
        return a->kind != b->kind ? a->kind < b->kind : a->generation < b->generation;
    }
    return a->offset < b->offset;
}

static copse_status fsck_list_file(void *ctx, const char *name, copse_err *err)
{
    copse_fsck *fsck = ctx;
    copse_pack_name id = copse_pack_name_parse(name);
    void *files = fsck->files;
    if (id.kind != COPSE_PACK_NAME_JOURNAL && id.kind != COPSE_PACK_NAME_PACK &&
        id.kind != COPSE_PACK_NAME_TEMPORARY && id.kind != COPSE_PACK_NAME_ASIDE) {
        return COPSE_OK;
    }
    if (!copse_array_grow(fsck->env, &files, &fsck->files_capacity, fsck->files_count + 1,
                          sizeof fsck->files[0])) {
        return COPSE_ERR_NOMEM(err);
    }
    fsck->files = files;
    size_t at = fsck->files_count++;
    while (at > 0 && fsck_file_before(&id, &fsck->files[at - 1].id)) {
        fsck->files[at] = fsck->files[at - 1];
        at--;
    }
    fsck->files[at] = (copse_fsck_file){.id = id};
    (void)snprintf(fsck->files[at].name, sizeof fsck->files[at].name, "%.*s",
                   (int)sizeof fsck->files[at].name - 1, name);
    return COPSE_OK;
}

copse_status copse_fsck_list(copse_fsck *fsck, copse_err *err)
{
    fsck->files_count = 0;
    return copse_pack_io_list(&fsck->io, fsck_list_file, fsck, err);
}

static copse_status fsck_run(copse_fsck *fsck, copse_err *err)
{
    const copse_pack_options read_only = {.read_only = true};
    copse_pack_db *db = NULL;
    copse_err why = {0};
    copse_status status = copse_fsck_list(fsck, &why);
    if (status == COPSE_OK) {
        status = copse_pack_create_check(&fsck->io, &why);
    }
    if (status == COPSE_CORRUPT) {
        fsck->stats.files++;
        status =
            copse_fsck_report(fsck, COPSE_PACK_FINDING_DAMAGE, "format", 0, NULL, err, why.message);
    } else if (status == COPSE_OK) {
        fsck->stats.files++;
        status = copse_pack_db_open(fsck->env, fsck->os, fsck->io.path, &read_only, &db, &why);
        if (status == COPSE_OK) {
            status = fsck_db(fsck, db, err);
            (void)copse_pack_db_close(db);
            return status;
        }
        if (status == COPSE_CORRUPT) {
            return fsck_unopened(fsck, why.message, err);
        }
    }
    if (status != COPSE_OK && err != NULL) {
        *err = why;
    }
    return status;
}

/* Opens a lock file and takes it, without waiting. */
static copse_status fsck_lock(copse_fsck *fsck, const char *name, copse_file **ret_file,
                              copse_err *err)
{
    copse_status status =
        copse_pack_io_open(&fsck->io, name, COPSE_OPEN_WRITE | COPSE_OPEN_CREATE, ret_file, err);
    if (status == COPSE_OK) {
        status = (*ret_file)->ops->lock(*ret_file, COPSE_LOCK_EXCLUSIVE, false, err);
    }
    return status == COPSE_CONFLICT
               ? COPSE_ERR(err, status, "the store is in use: nobody may write while it is mended")
               : status;
}

/* Checks and mends with nobody else at work: what is found is still so when it is mended, and no
 * journal is made that nobody looked at. */
static copse_status fsck_mend(copse_fsck *fsck, copse_err *err)
{
    copse_file *locks[2] = {NULL, NULL};
    copse_status status = copse_pack_create_check(&fsck->io, err);
    if (status != COPSE_OK && status != COPSE_CORRUPT) {
        return status;
    }
    status = fsck_lock(fsck, "gc.lock", &locks[0], err);
    if (status == COPSE_OK) {
        status = fsck_lock(fsck, "lock", &locks[1], err);
    }
    if (status == COPSE_OK) {
        status = fsck_run(fsck, err);
    }
    if (status == COPSE_OK && fsck->stats.findings[COPSE_PACK_FINDING_DAMAGE] > 0) {
        status = copse_fsck_repair(fsck, err);
    }
    (void)copse_pack_io_close(locks[1]);
    (void)copse_pack_io_close(locks[0]);
    return status == COPSE_OK ? copse_fsck_take_tails(fsck, err) : status;
}

copse_status copse_pack_fsck(const copse_env *env, copse_os *os, const char *path,
                             const copse_pack_fsck_options *options,
                             copse_pack_fsck_stats *ret_stats, copse_err *err)
{
    static const copse_pack_fsck_options none = {0};
    if (env == NULL || os == NULL || path == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a check needs an environment, a system and a path");
    }
    copse_fsck fsck = {.env = env, .os = os, .options = options != NULL ? options : &none};
    copse_status status = copse_pack_io_init(&fsck.io, env, os, path, err);
    if (status == COPSE_OK) {
        status = fsck.options->repair ? fsck_mend(&fsck, err) : fsck_run(&fsck, err);
    }
    copse_free_array(env, fsck.files, fsck.files_capacity, sizeof fsck.files[0]);
    copse_pack_io_release(&fsck.io);
    if (status == COPSE_OK && ret_stats != NULL) {
        *ret_stats = fsck.stats;
    }
    return status;
}
