/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/merge_actor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "doc/write.h"
#include "support/merge_contents.h"

enum { ACTOR_WRITES_MAX = 2 * MERGE_CONFLICTS_MAX, ACTOR_UNIQUE = 6 };

/* A commit in the making. */
typedef struct actor {
    merge_world *world;
    merge_peer *peer;
    merge_view view;
    merge_write writes[ACTOR_WRITES_MAX];
    size_t writes_count;
    copse_err err;
} actor;

static const copse_bytes actor_index_name = {(const uint8_t *)"x", 1};

static copse_status actor_begin(actor *self, merge_world *world, merge_peer *peer)
{
    *self = (actor){.world = world, .peer = peer};
    copse_write_clear(peer->write);
    return merge_peer_open(world, peer, &peer->head, &self->view, &self->err);
}

/* Commits, unless `status` says that it came to nothing. */
static merge_peer_ending actor_end(actor *self, copse_status status, const char *what)
{
    if (status == COPSE_OK && copse_write_count(self->peer->write) > 0) {
        return merge_peer_commit(self->world, self->peer, &self->view, self->writes,
                                 self->writes_count);
    }
    merge_view_close(&self->view);
    merge_peer_ending ending = merge_peer_end(self->world, self->peer, status, what, &self->err);
    return ending == MERGE_PEER_DONE ? MERGE_PEER_NOTHING : ending;
}

static copse_bytes actor_name(merge_collection collection)
{
    return copse_bytes_of_text(merge_collection_name(collection));
}

/* ---- Random documents ------------------------------------------------------------------------ */

static int actor_value(merge_world *world, merge_field field)
{
    switch (field) {
    case MERGE_N:
        return (int)merge_world_below(world, ACTOR_UNIQUE);
    case MERGE_TAGS:
        return (int)merge_world_below(world, 4);
    case MERGE_BIG:
        return (int)merge_world_below(world, 200);
    default:
        return world->fresh++;
    }
}

static merge_document actor_document(merge_world *world)
{
    static const uint64_t percent[MERGE_FIELDS] = {60, 70, 60, 50, 40, 15};
    merge_document document = {.is_there = true};
    for (merge_field field = 0; field < MERGE_FIELDS; field++) {
        document.fields[field] =
            merge_world_chance(world, percent[field]) ? actor_value(world, field) : -1;
    }
    return document;
}

static merge_document actor_change_fields(merge_world *world, const merge_document *before)
{
    merge_document after = *before;
    for (uint64_t changes = 1 + merge_world_below(world, 2); changes > 0; changes--) {
        merge_field field = (merge_field)merge_world_below(world, MERGE_FIELDS);
        after.fields[field] = merge_world_chance(world, 80) ? actor_value(world, field) : -1;
    }
    return after;
}

/* A document that a union with `before` is. */
static merge_document actor_greater_document(merge_world *world, const merge_document *before)
{
    merge_document after = actor_document(world);
    after.fields[MERGE_A] = actor_value(world, MERGE_A);
    for (merge_field field = MERGE_B;
         field < MERGE_FIELDS && merge_document_compare(&after, before) <= 0; field++) {
        after.fields[field] =
            after.fields[field] >= 0 ? after.fields[field] : actor_value(world, field);
    }
    return after;
}

/* ---- Operations ------------------------------------------------------------------------------ */

static void actor_log(actor *self, const merge_write *write)
{
    assert_true(self->writes_count < ACTOR_WRITES_MAX);
    self->writes[self->writes_count++] = *write;
    merge_world_say(
        self->world, "  %s %s %d: a %d b %d c %d n %d -> %s a %d b %d c %d n %d",
        write->kind == MERGE_WRITE_WHOLE    ? "whole"
        : write->kind == MERGE_WRITE_FIELDS ? "fields"
        : write->kind == MERGE_WRITE_DELETE ? "delete"
                                            : "settle",
        merge_collection_name(write->collection), write->id, write->before.fields[MERGE_A],
        write->before.fields[MERGE_B], write->before.fields[MERGE_C], write->before.fields[MERGE_N],
        write->after.is_there ? "is" : "is not", write->after.fields[MERGE_A],
        write->after.fields[MERGE_B], write->after.fields[MERGE_C], write->after.fields[MERGE_N]);
}

/* Adds the operation of a write, unless it changes nothing. */
static void actor_put(actor *self, const merge_write *write)
{
    copse_write *operations = self->peer->write;
    copse_bytes name = actor_name(write->collection);
    const uint8_t id = (uint8_t)write->id;
    copse_buf buf;
    copse_status status;
    if (merge_document_same(&write->before, &write->after)) {
        return;
    }
    copse_buf_init(&buf, &self->peer->env, SIZE_MAX);
    if (write->after.is_there) {
        merge_document_encode(&write->after, write->id, &buf);
    }
    copse_bytes document = copse_buf_view(&buf);
    if (!write->after.is_there) {
        status = copse_write_delete(operations, name, (copse_bytes){&id, 1}, &self->err);
    } else if (write->kind == MERGE_WRITE_FIELDS) {
        status = copse_write_replace_fields(operations, name, document, &self->err);
    } else if (!write->before.is_there) {
        status = copse_write_insert(operations, name, document, NULL, &self->err);
    } else {
        status = copse_write_replace(operations, name, document,
                                     merge_world_chance(self->world, 50), &self->err);
    }
    copse_buf_release(&buf);
    merge_world_must(self->world, status, "adding an operation", &self->err);
    actor_log(self, write);
}

/* What a document of the union is for a writer: also one that waits. */
static merge_document actor_known(const actor *self, int id)
{
    size_t head = merge_log_find(self->world->log, &self->peer->head);
    return merge_log_state(self->world->log, head, MERGE_UNION, id).document;
}

static merge_write actor_choose(const actor *self, merge_collection collection, int id,
                                const merge_document *before)
{
    merge_world *world = self->world;
    merge_write write = {
        .kind = MERGE_WRITE_WHOLE, .collection = collection, .id = id, .before = *before};
    uint64_t choice = merge_world_below(world, 100);
    if (collection == MERGE_UNION) {
        const merge_document known = actor_known(self, id);
        write.after = actor_greater_document(world, &known);
        write.after = merge_document_compare(&write.after, &known) > 0 ? write.after : *before;
    } else if (!before->is_there || choice < 20) {
        write.after = actor_document(world);
    } else if (choice < 35) {
        write.kind = MERGE_WRITE_DELETE;
        write.after = merge_document_decode((copse_bytes){NULL, 0});
    } else {
        write.kind = MERGE_WRITE_FIELDS;
        write.after = actor_change_fields(world, before);
    }
    return write;
}

static bool actor_has_written(const actor *self, merge_collection collection, int id)
{
    bool has = false;
    for (size_t i = 0; i < self->writes_count; i++) {
        has = has || (self->writes[i].collection == collection && self->writes[i].id == id);
    }
    return has;
}

static copse_status actor_write_one(actor *self, merge_collection collection, int id)
{
    merge_document before;
    copse_status status = merge_contents_read_document(self->world, self->peer, &self->view,
                                                       collection, id, &before, &self->err);
    if (status == COPSE_OK && !actor_has_written(self, collection, id)) {
        const merge_write write = actor_choose(self, collection, id, &before);
        actor_put(self, &write);
    }
    return status;
}

merge_peer_ending merge_actor_write(merge_world *world, merge_peer *peer)
{
    actor self;
    copse_status status = actor_begin(&self, world, peer);
    uint64_t count = 1 + merge_world_below(world, 3);
    for (uint64_t i = 0; i < count && status == COPSE_OK; i++) {
        merge_collection collection =
            merge_world_chance(world, 38) /* it has most to get wrong */
                ? MERGE_FIELD_WISE
                : (merge_collection)merge_world_below(world, MERGE_COLLECTIONS);
        collection = world->joins_only && collection == MERGE_THREE_WAY ? MERGE_LWW : collection;
        status = actor_write_one(&self, collection, (int)merge_world_below(world, MERGE_KEYS));
    }
    return actor_end(&self, status, "reading what is to be written");
}

merge_peer_ending merge_actor_fill(merge_world *world, merge_peer *peer)
{
    actor self;
    copse_status status = actor_begin(&self, world, peer);
    for (merge_collection at = 0; at < MERGE_COLLECTIONS && status == COPSE_OK; at++) {
        for (int id = 0; id < MERGE_KEYS - 2; id++) {
            merge_write write = {.kind = MERGE_WRITE_WHOLE, .collection = at, .id = id};
            write.before = merge_document_decode((copse_bytes){NULL, 0});
            write.after = actor_document(world);
            write.after.fields[MERGE_N] = id < ACTOR_UNIQUE / 2 ? id : -1;
            actor_put(&self, &write);
        }
    }
    return actor_end(&self, status, "opening a database");
}

merge_peer_ending merge_actor_touch(merge_world *world, merge_peer *peer)
{
    actor self;
    int id = MERGE_KEYS + (int)peer->number;
    copse_status status = actor_begin(&self, world, peer);
    merge_collection first = world->joins_only ? MERGE_UNION : MERGE_THREE_WAY;
    for (merge_collection at = first; at < MERGE_COLLECTIONS && status == COPSE_OK; at++) {
        merge_write write = {.kind = MERGE_WRITE_WHOLE, .collection = at, .id = id};
        status =
            merge_contents_read_document(world, peer, &self.view, at, id, &write.before, &self.err);
        write.after = (merge_document){true, {-1, world->fresh++, -1, -1, -1, -1}};
        if (status == COPSE_OK) {
            actor_put(&self, &write);
        }
    }
    return actor_end(&self, status, "reading what is to be touched");
}

/* ---- Resolving ------------------------------------------------------------------------------- */

/* What the document becomes: of a three-way one anything, of others nothing that clashes. */
static merge_write actor_decision(actor *self, merge_collection collection, int id,
                                  const merge_contents *contents)
{
    merge_world *world = self->world;
    const merge_open *open = &contents->open[id];
    merge_write write = {.kind = MERGE_WRITE_WHOLE,
                         .collection = collection,
                         .id = id,
                         .before = contents->documents[id],
                         .after = contents->documents[id]};
    uint64_t choice = merge_world_below(world, 3);
    if (collection == MERGE_UNION) {
        write = actor_choose(self, collection, id, &write.before);
        write.after.fields[MERGE_N] = -1;
        const merge_document known = actor_known(self, id);
        write.after = merge_document_compare(&write.after, &known) > 0 ? write.after : write.before;
    } else if (choice == 0) {
        write.after = actor_document(world);
        write.after.fields[MERGE_N] = -1;
    } else if (choice == 1 && open->sides_count > 0) {
        write.after = open->sides[merge_world_below(world, open->sides_count)];
    }
    write.kind = write.after.is_there ? MERGE_WRITE_WHOLE : MERGE_WRITE_DELETE;
    return write;
}

static void actor_resolve_one(actor *self, merge_collection collection, int id,
                              const merge_contents *contents)
{
    const uint8_t item = (uint8_t)id;
    const merge_write settle = {.kind = MERGE_WRITE_SETTLE, .collection = collection, .id = id};
    merge_write write = actor_decision(self, collection, id, contents);
    bool is_same = merge_document_same(&write.before, &write.after);
    if (collection == MERGE_UNION && is_same) {
        return; /* else the union of what it knows would be less than that */
    }
    merge_world_must(self->world,
                     copse_write_resolve(self->peer->write, actor_name(collection),
                                         (copse_bytes){&item, 1}, &self->err),
                     "resolving", &self->err);
    actor_log(self, &settle);
    actor_put(self, &write);
    bool is_deleted = (collection == MERGE_LWW || collection == MERGE_FIELD_WISE) && is_same &&
                      !write.after.is_there && contents->open[id].waiting.is_there;
    if (is_deleted) {
        write.kind = MERGE_WRITE_DELETE;
        actor_log(self, &write); /* resolving does it */
    }
}

merge_peer_ending merge_actor_resolve(merge_world *world, merge_peer *peer)
{
    actor self;
    merge_contents contents;
    copse_status status = actor_begin(&self, world, peer);
    merge_collection collection = (merge_collection)merge_world_below(world, MERGE_COLLECTIONS);
    int first = (int)merge_world_below(world, MERGE_KEYS);
    if (status == COPSE_OK) {
        status = merge_contents_read(world, peer, &self.view, collection, &contents, &self.err);
    }
    for (int i = 0; i < MERGE_KEYS && status == COPSE_OK && self.writes_count == 0; i++) {
        int id = (first + i) % MERGE_KEYS;
        if (contents.open[id].sides_count > 0 || contents.open[id].waiting.is_there) {
            actor_resolve_one(&self, collection, id, &contents);
        }
    }
    merge_peer_ending ending = actor_end(&self, status, "reading conflicts");
    world->counts[MERGE_COUNT_RESOLVED] += ending == MERGE_PEER_DONE;
    return ending;
}

/* ---- The catalogue --------------------------------------------------------------------------- */

static const copse_index_definition *actor_find_index(const merge_view *view,
                                                      merge_collection collection)
{
    const copse_collection *of = merge_view_collection(view, collection);
    for (size_t i = 0; i < of->indexes_count; i++) {
        if (copse_bytes_equal(of->indexes[i].name, actor_index_name)) {
            return &of->indexes[i];
        }
    }
    return NULL;
}

static void actor_create_index(actor *self, merge_collection collection,
                               const copse_index_definition *definition)
{
    merge_world_must(
        self->world,
        copse_write_create_index(self->peer->write, actor_name(collection), definition, &self->err),
        "making an index", &self->err);
}

static void actor_drop_index(actor *self, merge_collection collection)
{
    merge_world_must(self->world,
                     copse_write_drop_index(self->peer->write, actor_name(collection),
                                            actor_index_name, &self->err),
                     "dropping an index", &self->err);
}

static void actor_new_index(actor *self, merge_collection collection)
{
    copse_sort_spec spec;
    const char *fields = merge_world_chance(self->world, 70) ? "a" : "-b,c";
    merge_world_must(self->world,
                     copse_sort_spec_parse(&self->peer->env, copse_bytes_of_text(fields), true,
                                           &spec, &self->err),
                     "an index", &self->err);
    const copse_index_definition definition = {
        .name = actor_index_name, .fields = spec.fields, .fields_count = spec.count};
    actor_create_index(self, collection, &definition);
    copse_sort_spec_release(&spec);
}

static void actor_keep_deletions(actor *self, merge_collection collection, uint32_t days)
{
    merge_world_must(self->world,
                     copse_write_set_merge(self->peer->write, actor_name(collection),
                                           merge_collection_policy(collection), days, &self->err),
                     "setting a policy", &self->err);
}

merge_peer_ending merge_actor_catalogue(merge_world *world, merge_peer *peer)
{
    actor self;
    merge_collection collection = merge_world_chance(world, 50) ? MERGE_THREE_WAY : MERGE_LWW;
    copse_status status = actor_begin(&self, world, peer);
    const copse_index_definition *index =
        status == COPSE_OK ? actor_find_index(&self.view, collection) : NULL;
    bool is_options = merge_world_chance(world, 35);
    bool is_built_now =
        !is_options && index != NULL && index->is_unbuilt && merge_world_chance(world, 70);
    if (status != COPSE_OK) {
        return actor_end(&self, status, "opening a database");
    }
    if (is_options) {
        actor_keep_deletions(&self, collection, 3650 + (uint32_t)merge_world_below(world, 4));
    } else if (index == NULL) {
        actor_new_index(&self, collection);
    } else if (is_built_now) {
        copse_index_definition definition = *index;
        definition.is_unbuilt = false;
        actor_create_index(&self, collection, &definition);
    } else {
        actor_drop_index(&self, collection);
    }
    merge_world_say(world, "  the catalogue of %s: %s", merge_collection_name(collection),
                    is_options      ? "options"
                    : is_built_now  ? "builds the index"
                    : index == NULL ? "makes the index"
                                    : "drops the index");
    merge_peer_ending ending = actor_end(&self, status, "the catalogue");
    world->counts[MERGE_COUNT_BUILT] += is_built_now && ending == MERGE_PEER_DONE;
    return ending;
}

/* ---- Giving in ------------------------------------------------------------------------------- */

static void actor_yield_index(actor *self, const merge_view *theirs, merge_collection collection)
{
    const copse_index_definition *index = actor_find_index(theirs, collection);
    if (actor_find_index(&self->view, collection) != NULL) {
        actor_drop_index(self, collection);
    }
    if (index != NULL) {
        copse_index_definition definition = *index;
        definition.is_unbuilt = true;
        actor_create_index(self, collection, &definition);
    }
}

static copse_status actor_yield_document(actor *self, const merge_refusal *refusal)
{
    merge_write write = {.kind = refusal->theirs.is_there ? MERGE_WRITE_WHOLE : MERGE_WRITE_DELETE,
                         .collection = refusal->collection,
                         .id = refusal->id,
                         .after = refusal->theirs};
    copse_status status =
        merge_contents_read_document(self->world, self->peer, &self->view, refusal->collection,
                                     refusal->id, &write.before, &self->err);
    if (status == COPSE_OK) {
        actor_put(self, &write);
    }
    return status;
}

static copse_status actor_yield_one(actor *self, const merge_view *theirs,
                                    const merge_refusal *refusal)
{
    switch (refusal->what) {
    case COPSE_CONFLICT_DOCUMENT:
        return actor_yield_document(self, refusal);
    case COPSE_CONFLICT_INDEX:
        actor_yield_index(self, theirs, refusal->collection);
        return COPSE_OK;
    default:
        actor_keep_deletions(self, refusal->collection,
                             merge_view_collection(theirs, refusal->collection)->tombstone_days);
        return COPSE_OK;
    }
}

merge_peer_ending merge_actor_yield(merge_world *world, merge_peer *peer, const copse_cid *theirs,
                                    const merge_outcome *outcome)
{
    actor self;
    merge_view view = {.tree = NULL};
    copse_status status = actor_begin(&self, world, peer);
    if (status == COPSE_OK) {
        status = merge_peer_open(world, peer, theirs, &view, &self.err);
    }
    for (size_t i = 0; i < outcome->refusals_count && status == COPSE_OK; i++) {
        status = actor_yield_one(&self, &view, &outcome->refusals[i]);
    }
    merge_view_close(&view);
    return actor_end(&self, status, "giving in");
}
