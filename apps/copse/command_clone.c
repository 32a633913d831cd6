/* copse clone: a store that follows a database of others; and copse fork: one that has it to go on
 * from.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "argument.h"
#include "command.h"
#include "documents.h"
#include "failure.h"
#include "fork_past.h"
#include "place.h"
#include "replica_report.h"
#include "replica_store.h"
#include "store_copy.h"

#include <copse/address.h>
#include <copse/history_keep.h>

#include <string.h>
#include <sys/stat.h>

static const copse_option clone_options[] = {
    {"--collection", "COLL", COPSE_OPTION_TEXT, "fetch only this collection with its indexes", 0},
    {"--where", "FILTER", COPSE_OPTION_TEXT,
     "of the collection, fetch only what `copse find` with this filter needs", 0},
    COPSE_OPTIONS_PEERS,
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_PROGRESS,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static const copse_option fork_options[] = {
    {"--ref", "NAME|CID", COPSE_OPTION_TEXT, "of a folder or a CAR: what to fork instead of main",
     0},
    {"--whole", NULL, COPSE_OPTION_FLAG, "fetch all of the database and of its history", 0},
    COPSE_OPTIONS_PEERS,
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_PROGRESS,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct clone {
    copse_call *call;
    const char *from;
    const char *to;
    copse_address address;
    char name_key[COPSE_KEY_TEXT_SIZE_MAX]; /* of an address that is a name */
    copse_buf filter;
    copse_origin asked; /* its peers are lent by what asked for the head */
    copse_replica_store store;
    copse_origin origin; /* as it was written */
    copse_cid head;
} clone;

/* ---- What is asked for ---- */

static bool clone_read_address(clone *self)
{
    copse_call *call = self->call;
    copse_status status = copse_address_parse(&call->env, self->from, &self->address, &call->err);
    if (status != COPSE_OK) {
        (void)copse_failure(call, status,
                            "an address is http://peer/name, or an IPNS name or a CID with --peer",
                            "'%s': %s", self->from, call->err.message);
        return false;
    }
    if (self->address.kind == COPSE_ADDRESS_CID && !copse_options_has(&call->options, "--peer")) {
        (void)copse_failure_usage(call, "--peer URL says who has the database of this CID");
        return false;
    }
    self->asked.name = self->address.name;
    if (self->address.kind == COPSE_ADDRESS_NAME) {
        (void)copse_public_key_to_name(&self->address.key, self->name_key);
        self->asked.name_key = self->name_key;
    }
    return true;
}

/* Which part of the database is asked for. */
static bool clone_read_part(clone *self)
{
    copse_call *call = self->call;
    const char *where = copse_options_text(&call->options, "--where", NULL);
    self->asked.collection = copse_options_text(&call->options, "--collection", NULL);
    if (self->address.kind == COPSE_ADDRESS_PATH) {
        (void)copse_failure_usage(
            call, "'%s' is no address of a peer; `copse fork` copies a folder", self->from);
        return false;
    }
    if (where != NULL && self->asked.collection == NULL) {
        (void)copse_failure_usage(call, "--where is about a collection: --collection names it");
        return false;
    }
    if (self->asked.collection != NULL && strlen(self->asked.collection) > 128) {
        (void)copse_failure_usage(call, "the name of a collection has at most 128 bytes");
        return false;
    }
    if (where != NULL &&
        !copse_argument_json(call, "the filter", where, COPSE_EXT_JSON_QUERY, &self->filter)) {
        return false;
    }
    self->asked.filter = copse_buf_view(&self->filter);
    return true;
}

/* ---- Cloning ---- */

/* What the address stands for now. */
static bool clone_ask_head(clone *self, copse_peers *peers)
{
    copse_call *call = self->call;
    copse_remote_name name = {.head = self->address.cid};
    copse_status status = COPSE_OK;
    if (self->address.kind == COPSE_ADDRESS_NAME &&
        !copse_peers_resolve(peers, &self->address.key, self->from, &name)) {
        return false;
    }
    if (self->address.kind == COPSE_ADDRESS_URL) {
        status = copse_remote_head(peers->remote, self->address.name, &name.head, &call->err);
    }
    if (status != COPSE_OK) {
        (void)copse_peers_failure(peers, status, self->from);
        return false;
    }
    copse_peers_note_head(peers, self->from);
    self->head = name.head;
    return true;
}

/* Asks for the head, and makes the store only then: a wrong address leaves nothing behind. */
static bool clone_begin(clone *self)
{
    copse_call *call = self->call;
    struct stat info;
    copse_cid present = {0};
    copse_peers peers;
    bool done = stat(self->to, &info) != 0 ||
                copse_replica_store_open(&self->store, call, self->to, &present);
    if (!done || !copse_peers_open(&peers, call, self->address.peer, NULL)) {
        return false;
    }
    done = clone_ask_head(self, &peers) &&
           (!self->asked.is_fork || copse_fork_check_peers(call, &peers, &self->head, self->from));
    while (self->asked.peers_count < COPSE_REMOTE_PEERS_MAX &&
           (self->asked.peers[self->asked.peers_count] =
                copse_remote_peer(peers.remote, self->asked.peers_count)) != NULL) {
        self->asked.peers_count++;
    }
    if (done && self->store.local.db == NULL) {
        done = copse_replica_store_open(&self->store, call, self->to, &present);
    }
    done = done && copse_replica_store_write_origin(&self->store, &self->asked, &present);
    copse_peers_close(&peers);
    return done;
}

static int clone_fetch(clone *self)
{
    copse_replica replica;
    const char *first = self->address.peer; /* those of the options come by themselves */
    if (!copse_origin_read(&self->store.local, &self->origin) ||
        !copse_replica_open(&replica, &self->store.local, &self->origin, &first,
                            first != NULL ? 1 : 0)) {
        return COPSE_EXIT_FAILED;
    }
    bool done = copse_replica_fetch(&replica, &self->head, &self->store.pulled) &&
                copse_replica_store_finish(&self->store, &self->head, &self->head);
    if (done) {
        copse_replica_report(&replica, self->origin.is_fork ? "forked" : "cloned", &self->head,
                             true);
    } else if (replica.is_unknown) {
        copse_replica_store_forget_origin(&self->store);
    }
    copse_replica_close(&replica);
    return done ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

static void clone_init(clone *self, copse_call *call)
{
    *self = (clone){
        .call = call,
        .from = call->options.arguments[0],
        .to = call->options.arguments[1],
    };
    copse_buf_init(&self->filter, &call->env, call->env.limits.json_size_bytes_max);
}

static void clone_release(clone *self)
{
    copse_origin_release(&self->origin);
    copse_local_close(&self->store.local);
    copse_buf_release(&self->filter);
    copse_address_release(&self->address);
}

static int clone_run(copse_call *call)
{
    clone self;
    int code = COPSE_EXIT_FAILED;
    clone_init(&self, call);
    if (clone_read_address(&self) && clone_read_part(&self) && clone_begin(&self)) {
        code = clone_fetch(&self);
    }
    clone_release(&self);
    return code;
}

/* ---- Forking a folder or a CAR ---- */

/* Of a folder that was cloned the fork has what is there, and the same origin for the rest. */
static bool fork_take_origin(clone *self, const copse_place *source, const copse_cid *present,
                             copse_cid *ret_pulled)
{
    *ret_pulled = (copse_cid){0};
    self->asked.is_partial = false;
    if (!copse_origin_is_there(&source->origin)) {
        return true;
    }
    copse_status status = copse_local_get_ref(&source->local, COPSE_REF_ORIGIN_HEAD, ret_pulled);
    if (status != COPSE_OK) {
        (void)copse_failure_of(self->call, status, "the refs of '%s' can't be read", self->from);
        return false;
    }
    self->asked = source->origin;
    self->asked.is_fork = true;
    self->asked.is_partial = copse_origin_is_sparse(&source->origin);
    self->asked.collection = NULL;
    self->asked.filter = (copse_bytes){NULL, 0};
    return copse_replica_store_write_origin(&self->store, &self->asked, present);
}

static copse_status fork_copy_roots(clone *self, copse_place *source, const copse_cid *origin,
                                    copse_store_copy *copy)
{
    copse_commit commit;
    copse_block *block = NULL;
    copse_status status = copse_place_commit(source, &self->head, &commit, &block);
    if (status == COPSE_OK) {
        status = copse_store_copy_root(copy, &commit.tree);
    }
    copse_block_unref(block);
    /* What earlier versions lack is lacking in the fork too. */
    if (status == COPSE_OK && (copy->absent == 0 || copse_origin_is_there(&source->origin))) {
        status = copse_store_copy_root(copy, &self->head);
        if (status == COPSE_OK && origin->size > 0) {
            status = copse_store_copy_root(copy, origin);
        }
    } else if (status == COPSE_OK) {
        status = COPSE_NOT_FOUND;
    }
    return status;
}

static bool fork_copy(clone *self, copse_place *source, const copse_cid *origin,
                      copse_store_copy *copy)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_status status = copse_store_copy_begin(
        copy, source->car != NULL ? source->car_store : source->local.store, &self->store.local);
    if (status == COPSE_OK) {
        status = fork_copy_roots(self, source, origin, copy);
    }
    copse_store_copy_end(copy);
    if (status == COPSE_NOT_FOUND) {
        (void)copse_failure(self->call, status, "`copse fsck STORE` lists what is missing",
                            "the block %s is not in '%s'", copse_cid_show(&copy->missing, text),
                            self->from);
    } else if (status != COPSE_OK) {
        (void)copse_place_failure(source, status, self->from);
    }
    return status == COPSE_OK;
}

/* What was dropped of the past of a folder is missing in the fork on purpose too. */
static bool fork_take_note(clone *self, const copse_place *source)
{
    copse_call *call = self->call;
    uint64_t before_ms = 0;
    copse_status status = COPSE_OK;
    if (source->local.db != NULL) {
        status = copse_history_dropped(&call->env, source->local.refs, source->local.store,
                                       &before_ms, &call->err);
    }
    if (status == COPSE_OK && before_ms > 0) {
        status = copse_history_note_dropped(&call->env, self->store.local.refs,
                                            self->store.local.store, before_ms, &call->err);
    }
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "'%s' can't be forked", self->from);
    }
    return status == COPSE_OK;
}

static void fork_report(clone *self, const copse_store_copy *copy)
{
    copse_output *out = &self->call->output;
    char count[64];
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "from", self->from);
        copse_output_cid(out, "head", &self->head);
        copse_output_number(out, "blocks", copy->blocks);
        copse_output_bool(out, "sparse", self->asked.is_partial);
        copse_output_end(out);
        return;
    }
    copse_output_format(out, "forked %s: copied %s\n", self->from,
                        copse_documents_plural(copy->blocks, "block", count, sizeof count));
}

static int fork_files(clone *self)
{
    copse_call *call = self->call;
    struct stat info;
    copse_place source;
    copse_store_copy copy;
    copse_cid present = {0};
    copse_cid origin = {0};
    if (copse_options_has(&call->options, "--whole")) {
        return copse_failure_usage(call, "of a folder or a CAR all is copied that is there");
    }
    if (stat(self->from, &info) != 0) {
        return copse_failure(call, COPSE_NOT_FOUND,
                             "what can be forked is a folder, a CAR file, http://peer/name, or an "
                             "IPNS name",
                             "there is no store '%s'", self->from);
    }
    if (!copse_place_open(&source, call, COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    bool done = copse_place_resolve(&source, copse_place_ref(call), &self->head) &&
                (source.car == NULL ||
                 copse_fork_check_past(call, source.source, NULL, &self->head, self->from)) &&
                copse_replica_store_open(&self->store, call, self->to, &present) &&
                fork_take_origin(self, &source, &present, &origin) &&
                fork_copy(self, &source, &origin, &copy) && fork_take_note(self, &source) &&
                copse_replica_store_finish(&self->store, &self->head, &origin);
    copse_place_close(&source);
    if (done) {
        fork_report(self, &copy);
    }
    return done ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

static int fork_run(copse_call *call)
{
    clone self;
    int code = COPSE_EXIT_FAILED;
    clone_init(&self, call);
    self.asked.is_fork = true;
    self.asked.is_partial = !copse_options_has(&call->options, "--whole");
    if (clone_read_address(&self)) {
        if (self.address.kind == COPSE_ADDRESS_PATH) {
            code = fork_files(&self);
        } else if (copse_options_has(&call->options, "--ref")) {
            code = copse_failure_usage(call, "--ref is about a folder or a CAR: a peer says itself "
                                             "what its database is");
        } else if (clone_begin(&self)) {
            code = clone_fetch(&self);
        }
    }
    clone_release(&self);
    return code;
}

const copse_command copse_command_clone = {
    .name = "clone",
    .arguments = "URL STORE",
    .summary = "Make a store with a database that others serve",
    .details =
        "URL is http://peer/name, or an IPNS name (k51…) or the CID of a root with --peer. All of\n"
        "the database as it is now is fetched, from all peers, each block verified; earlier\n"
        "versions are not. With\n"
        "--collection the rest stays at the origin, and is fetched when a command asks for it.\n"
        "The store remembers its origin: `copse pull STORE` brings it up to date. A clone that\n"
        "was broken off goes on where it was when the command is run again.\n",
    .options = clone_options,
    .examples = "copse clone http://127.0.0.1:4180/blog mine.copse\n"
                "copse clone http://127.0.0.1:4180/blog cats.copse --collection posts "
                "--where '{\"tags\":\"cats\"}'",
    .run = clone_run,
};

const copse_command copse_command_fork = {
    .name = "fork",
    .arguments = "PATH|URL STORE",
    .summary = "Make a database of your own that goes on from another",
    .details =
        "What is forked has one history with the fork until one of both goes on, and they can be\n"
        "merged at any time (`copse merge`). main is yours. Of a peer, `copse pull` brings what\n"
        "it has as origin/main; of a folder, `copse merge STORE PATH` takes what it has.\n"
        "\n"
        "Of a folder or a CAR file all is copied that main, or --ref, leads to, history too. Of\n"
        "http://peer/name, or an IPNS name (k51…) or a CID with --peer, nothing is fetched but\n"
        "the head: the rest comes when a command needs it, and stays. --whole fetches all of the\n"
        "database and its history. What is published without its history can't be forked. A fork\n"
        "that was broken off goes on where it was when the command is run again.\n",
    .options = fork_options,
    .examples = "copse fork blog.copse mine.copse\n"
                "copse fork http://127.0.0.1:4180/blog mine.copse\n"
                "copse fork http://127.0.0.1:4180/blog mine.copse --whole",
    .run = fork_run,
};
