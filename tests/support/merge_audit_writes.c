/* What became of single writes, and what met in a merge: merge_audit.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/merge_audit.h"

#include "support/merge_contents.h"

/* ---- No write is lost ------------------------------------------------------------------------ */

/* A value that a write has given a field of a document of the three-way collection. */
typedef struct audit_value {
    size_t commit; /* the one that is looked at */
    int id;
    merge_field field;
    int value;
} audit_value;

static int audit_before(const merge_write *write, merge_field field)
{
    return write->before.is_there ? write->before.fields[field] : -1;
}

static int audit_after(const merge_write *write, merge_field field)
{
    return write->after.is_there ? write->after.fields[field] : -1;
}

static bool audit_is_about(const merge_world *world, size_t number, const audit_value *value)
{
    const merge_write *write = &world->log->writes[number];
    return write->collection == MERGE_THREE_WAY && write->id == value->id &&
           merge_log_has_seen(world->log, value->commit, number);
}

static bool audit_sets(const merge_world *world, size_t number, const audit_value *value)
{
    const merge_write *write = &world->log->writes[number];
    return audit_is_about(world, number, value) && write->kind != MERGE_WRITE_SETTLE &&
           audit_before(write, value->field) != value->value &&
           audit_after(write, value->field) == value->value;
}

/* Whether somebody who had seen write `number` settled what was open then. */
static bool audit_is_settled(const merge_world *world, size_t number, const audit_value *value)
{
    bool is_settled = false;
    for (size_t later = number + 1; later < world->log->writes_count && !is_settled; later++) {
        is_settled = world->log->writes[later].kind == MERGE_WRITE_SETTLE &&
                     audit_is_about(world, later, value) &&
                     merge_log_is_after(world->log, later, number);
    }
    return is_settled;
}

/* Whether somebody who had seen write `number` wrote another value. */
static bool audit_is_overwritten(const merge_world *world, size_t number, const audit_value *value)
{
    bool is_overwritten = false;
    for (size_t later = number + 1; later < world->log->writes_count && !is_overwritten; later++) {
        const merge_write *write = &world->log->writes[later];
        is_overwritten = write->kind != MERGE_WRITE_SETTLE && audit_is_about(world, later, value) &&
                         audit_after(write, value->field) != value->value &&
                         merge_log_is_after(world->log, later, number);
    }
    return is_overwritten;
}

static bool audit_is_open(const merge_contents *contents, const audit_value *value)
{
    const merge_open *open = &contents->open[value->id];
    bool is_open = open->waiting.is_there && open->waiting.fields[value->field] == value->value;
    for (size_t i = 0; i < open->sides_count; i++) {
        is_open = is_open ||
                  (open->sides[i].is_there && open->sides[i].fields[value->field] == value->value);
    }
    return is_open;
}

static bool audit_is_there(const merge_contents *contents, const audit_value *value)
{
    const merge_document *document = &contents->documents[value->id];
    return document->is_there && document->fields[value->field] == value->value;
}

/* A value is written by whoever sets it first, and by those who settle for it. */
static bool audit_is_kept(const merge_world *world, const merge_contents *contents,
                          const audit_value *value)
{
    bool is_kept = audit_is_there(contents, value) || audit_is_open(contents, value);
    for (size_t i = 0; i < world->log->writes_count && !is_kept; i++) {
        is_kept = audit_sets(world, i, value) &&
                  (audit_is_settled(world, i, value) || audit_is_overwritten(world, i, value));
    }
    return is_kept;
}

static void audit_write(merge_world *world, const merge_contents *contents, size_t commit,
                        size_t number)
{
    const merge_write *write = &world->log->writes[number];
    for (merge_field field = MERGE_A; field <= MERGE_C; field++) {
        const audit_value value = {commit, write->id, field, audit_after(write, field)};
        if (value.value >= 0 && audit_sets(world, number, &value) &&
            !audit_is_kept(world, contents, &value)) {
            merge_world_fail(world, "t %d: field %d = %d of write %zu is lost", write->id,
                             (int)field, value.value, number);
        }
    }
}

/* Whether it was ever settled what becomes of a document: then an old value may be right. */
static bool audit_was_settled(const merge_world *world, size_t commit, int id)
{
    const audit_value any = {commit, id, MERGE_A, -1};
    bool was_settled = false;
    for (size_t i = 0; i < world->log->writes_count && !was_settled; i++) {
        was_settled =
            world->log->writes[i].kind == MERGE_WRITE_SETTLE && audit_is_about(world, i, &any);
    }
    return was_settled;
}

/* What is there was overwritten by nobody who had seen it. */
static void audit_document(merge_world *world, const merge_contents *contents, size_t commit,
                           int id)
{
    bool is_open = contents->open[id].sides_count > 0 || audit_was_settled(world, commit, id);
    for (merge_field field = MERGE_A; field <= MERGE_C && !is_open; field++) {
        const audit_value value = {
            commit, id, field,
            contents->documents[id].is_there ? contents->documents[id].fields[field] : -1};
        bool is_fresh = value.value < 0;
        for (size_t i = 0; i < world->log->writes_count && !is_fresh; i++) {
            is_fresh = audit_sets(world, i, &value) && !audit_is_overwritten(world, i, &value);
        }
        if (!is_fresh) {
            merge_world_fail(world, "t %d: field %d = %d is back", id, (int)field, value.value);
        }
    }
}

void merge_audit_three_way(merge_world *world, size_t commit)
{
    merge_contents contents;
    merge_contents_of(world, commit, MERGE_THREE_WAY, &contents);
    for (size_t i = 0; i < world->log->writes_count; i++) {
        const merge_write *write = &world->log->writes[i];
        if (write->collection == MERGE_THREE_WAY && write->kind != MERGE_WRITE_SETTLE &&
            merge_log_has_seen(world->log, commit, i) &&
            contents.open[write->id].sides_count < COPSE_CONFLICT_SIDES_MAX) {
            audit_write(world, &contents, commit, i);
        }
    }
    for (int id = 0; id < MERGE_KEYS_ALL; id++) {
        audit_document(world, &contents, commit, id);
    }
}

/* ---- What met in a merge --------------------------------------------------------------------- */

/* What one side did to a document that the other had not seen. */
typedef struct audit_news {
    bool any;
    bool deleted;
    bool written;
    bool by_fields; /* all of it */
    bool fields[MERGE_FIELDS];
} audit_news;

static audit_news audit_news_of(const merge_world *world, size_t commit, size_t other,
                                merge_collection collection, int id)
{
    audit_news news = {.by_fields = true};
    for (size_t i = 0; i < world->log->writes_count; i++) {
        const merge_write *write = &world->log->writes[i];
        if (write->collection != collection || write->id != id ||
            write->kind == MERGE_WRITE_SETTLE || !merge_log_has_seen(world->log, commit, i) ||
            merge_log_has_seen(world->log, other, i)) {
            continue;
        }
        news.any = true;
        news.deleted = news.deleted || write->kind == MERGE_WRITE_DELETE;
        news.written = news.written || write->kind != MERGE_WRITE_DELETE;
        news.by_fields = news.by_fields && write->kind == MERGE_WRITE_FIELDS;
        for (merge_field field = 0; field < MERGE_FIELDS; field++) {
            news.fields[field] =
                news.fields[field] || audit_before(write, field) != audit_after(write, field);
        }
    }
    return news;
}

static void audit_count_fields(merge_world *world, const audit_news *a, const audit_news *b)
{
    bool is_same = false;
    for (merge_field field = 0; field < MERGE_FIELDS; field++) {
        is_same = is_same || (a->fields[field] && b->fields[field]);
    }
    if (a->by_fields && b->by_fields) {
        world->counts[is_same ? MERGE_COUNT_FIELDS_SAME : MERGE_COUNT_FIELDS_APART]++;
    }
}

static void audit_count_hidden(merge_world *world, const size_t sides[2], size_t merged, int id)
{
    merge_state after = merge_log_state(world->log, merged, MERGE_FIELD_WISE, id);
    const merge_state before[2] = {merge_log_state(world->log, sides[0], MERGE_FIELD_WISE, id),
                                   merge_log_state(world->log, sides[1], MERGE_FIELD_WISE, id)};
    for (merge_field field = 0; field < MERGE_FIELDS; field++) {
        bool was_hidden = false;
        bool is_shown = false;
        for (size_t i = 0; i < 2; i++) {
            int hidden = before[i].hidden[field];
            was_hidden = was_hidden || hidden >= 0;
            is_shown = is_shown || (hidden >= 0 && after.document.fields[field] == hidden);
        }
        world->counts[MERGE_COUNT_HIDDEN] += !was_hidden && after.hidden[field] >= 0;
        world->counts[MERGE_COUNT_SHOWN_AGAIN] += is_shown;
    }
}

static void audit_count_document(merge_world *world, const size_t sides[2],
                                 merge_collection collection, int id)
{
    const audit_news a = audit_news_of(world, sides[0], sides[1], collection, id);
    const audit_news b = audit_news_of(world, sides[1], sides[0], collection, id);
    bool met_deletion = (a.deleted && b.written) || (b.deleted && a.written);
    if (!a.any || !b.any) {
        return;
    }
    if (collection == MERGE_UNION) {
        world->counts[MERGE_COUNT_UNION_BOTH]++;
    } else if (collection == MERGE_LWW) {
        world->counts[MERGE_COUNT_LWW_BOTH]++;
        world->counts[MERGE_COUNT_LWW_DELETED] += met_deletion;
    } else if (collection == MERGE_FIELD_WISE) {
        world->counts[MERGE_COUNT_FIELDS_DELETED] += met_deletion;
        audit_count_fields(world, &a, &b);
    }
}

/* The conflicts that neither side had. */
static void audit_count_recorded(merge_world *world, const size_t sides[2], size_t merged)
{
    merge_contents before[2];
    merge_contents after;
    merge_contents_of(world, sides[0], MERGE_THREE_WAY, &before[0]);
    merge_contents_of(world, sides[1], MERGE_THREE_WAY, &before[1]);
    merge_contents_of(world, merged, MERGE_THREE_WAY, &after);
    for (int id = 0; id < MERGE_KEYS_ALL; id++) {
        const merge_open *open = &after.open[id];
        bool is_new = open->sides_count == 2 && before[0].open[id].sides_count == 0 &&
                      before[1].open[id].sides_count == 0;
        if (is_new) {
            bool is_deleted = !open->sides[0].is_there || !open->sides[1].is_there;
            world->counts[!open->has_base ? MERGE_COUNT_MADE_TWICE
                          : is_deleted    ? MERGE_COUNT_CHANGED_DELETED
                                          : MERGE_COUNT_CHANGED_TWICE]++;
        }
    }
}

/* Indexes that have come without their rows. */
static uint64_t audit_unbuilt(merge_world *world, size_t commit)
{
    merge_view view;
    uint64_t unbuilt = 0;
    merge_world_open(world, commit, &view);
    for (merge_collection at = 0; at < MERGE_COLLECTIONS; at++) {
        const copse_collection *collection = merge_view_collection(&view, at);
        for (size_t i = 0; i < collection->indexes_count; i++) {
            unbuilt += collection->indexes[i].is_unbuilt;
        }
    }
    merge_view_close(&view);
    return unbuilt;
}

void merge_audit_count(merge_world *world, const size_t sides[2], size_t merged,
                       const merge_outcome *outcome)
{
    world->counts[MERGE_COUNT_UNBUILT] += audit_unbuilt(world, merged) > 0 &&
                                          audit_unbuilt(world, sides[0]) == 0 &&
                                          audit_unbuilt(world, sides[1]) == 0;
    world->counts[MERGE_COUNT_CROSSWISE] += outcome->bases > 1;
    world->counts[MERGE_COUNT_WAITING] += outcome->stats.waiting;
    world->counts[MERGE_COUNT_RETURNED] += outcome->stats.returned;
    world->counts[MERGE_COUNT_ONE_SIDE] += outcome->stats.settled;
    for (merge_collection at = MERGE_UNION; at < MERGE_COLLECTIONS; at++) {
        for (int id = 0; id < MERGE_KEYS_ALL; id++) {
            audit_count_document(world, sides, at, id);
        }
    }
    for (int id = 0; id < MERGE_KEYS_ALL; id++) {
        audit_count_hidden(world, sides, merged, id);
    }
    if (outcome->stats.recorded > 0) {
        audit_count_recorded(world, sides, merged);
    }
}
