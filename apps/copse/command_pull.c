/* copse pull: brings a clone up to date, and of a fork what its origin has.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "failure.h"
#include "replica_report.h"
#include "review_print.h"

#include <stdio.h>

static const copse_option pull_options[] = {
    COPSE_OPTIONS_PEERS,
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_PROGRESS,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct pull_call {
    copse_call *call;
    copse_local local;
    copse_origin origin;
    copse_replica replica;
    copse_cid head;   /* of the origin, now */
    copse_cid pulled; /* origin/main; of size 0: a clone was broken off */
    copse_cid main;   /* of size 0: not there */
    bool moved;       /* main did */
} pull_call;

/* ---- Before ---- */

static bool pull_get_ref(pull_call *self, const char *name, copse_cid *ret_cid)
{
    copse_status status = copse_local_get_ref(&self->local, name, ret_cid);
    if (status != COPSE_OK) {
        (void)copse_failure_of(self->call, status, "the ref '%s' can't be read", name);
    }
    return status == COPSE_OK;
}

static bool pull_open(pull_call *self)
{
    copse_call *call = self->call;
    const char *path = call->options.arguments[0];
    if (!copse_local_open(&self->local, call, path, COPSE_LOCAL_WRITE) ||
        !copse_origin_read(&self->local, &self->origin) ||
        !pull_get_ref(self, COPSE_REF_ORIGIN_HEAD, &self->pulled) ||
        !pull_get_ref(self, COPSE_REF_DEFAULT, &self->main)) {
        return false;
    }
    if (!copse_origin_is_there(&self->origin)) {
        char hint[512];
        (void)snprintf(hint, sizeof hint,
                       "`copse merge %s PATH` brings what another folder has, also the one that it "
                       "was forked from; `copse clone URL STORE` makes one with an origin",
                       path);
        (void)copse_failure(call, COPSE_NOT_FOUND, hint, "'%s' was not cloned: it has no origin",
                            path);
        return false;
    }
    if (!copse_origin_is_named(&self->origin) && self->main.size > 0) {
        (void)copse_failure(call, COPSE_NOT_FOUND,
                            "clone it from http://peer/name or an IPNS name to follow it",
                            "'%s' was cloned by a CID, which never changes", path);
        return false;
    }
    return copse_replica_open(&self->replica, &self->local, &self->origin, self->origin.peers,
                              self->origin.peers_count);
}

/* A head is only as good as the peer that names it: one that goes back is not followed. */
static bool pull_check_head(pull_call *self, const char *url)
{
    if (self->pulled.size == 0 ||
        !copse_replica_leads_to(&self->replica, &self->head, &self->pulled) ||
        copse_cid_equal(&self->head, &self->pulled)) {
        return true;
    }
    (void)copse_failure(self->call, COPSE_CONFLICT,
                        "ask another peer of it by --peer, or wait until this one has caught up",
                        "%s gives an older head than it gave before; nothing was changed", url);
    return false;
}

/* What the IPNS name of the origin stands for; that nobody could be asked is a failure here. */
static bool pull_ask_name(pull_call *self, const char *url)
{
    copse_call *call = self->call;
    copse_peers *peers = &self->replica.peers;
    copse_public_key key;
    copse_remote_name name;
    copse_status status =
        copse_public_key_from_name(copse_bytes_of_text(self->origin.name_key), &key, &call->err);
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "the origin of '%s'", self->local.path);
        return false;
    }
    if (!copse_peers_resolve(peers, &key, url, &name)) {
        return false;
    }
    if (name.peer == SIZE_MAX && name.suspects == 0) {
        (void)copse_failure(call, COPSE_IO, "what is here can be read with --offline",
                            "no peer could be asked what %s stands for now", url);
        return false;
    }
    self->head = name.head;
    return pull_check_head(self, url);
}

static bool pull_ask_head(pull_call *self)
{
    char url[512];
    copse_peers *peers = &self->replica.peers;
    (void)copse_origin_show(&self->origin, url, sizeof url);
    if (peers->is_offline) {
        (void)copse_failure(self->call, COPSE_MISUSE, "what is here can be read with --offline",
                            "--offline asks nobody: %s is pulled from its peers", url);
        return false;
    }
    if (self->origin.name_key != NULL) {
        return pull_ask_name(self, url);
    }
    copse_status status =
        copse_remote_head(peers->remote, self->origin.name, &self->head, &self->call->err);
    if (status != COPSE_OK) {
        (void)copse_peers_failure(peers, status, url);
        return false;
    }
    if (copse_remote_get_stats(peers->remote).is_stale) {
        (void)copse_failure(self->call, COPSE_IO, "what is here can be read with --offline",
                            "%s can't be asked for its head: %s", url,
                            copse_remote_reason(peers->remote, SIZE_MAX, 0));
        return false;
    }
    return pull_check_head(self, url);
}

/* ---- After ---- */

static int pull_report_own(pull_call *self)
{
    if (self->origin.is_fork) {
        copse_note(self->call, "copse: `copse merge %s origin/main` brings it into main",
                   self->local.path);
        return COPSE_EXIT_OK;
    }
    return copse_failure(
        self->call, COPSE_CONFLICT,
        "what was pulled is the ref origin/main: `copse merge STORE origin/main` brings it in",
        "'%s' has changes of its own since it was cloned or pulled: main was not moved",
        self->local.path);
}

/* Opens what main is. */
static copse_status pull_open_main(pull_call *self, copse_tree **tree, copse_database **database)
{
    copse_local *local = &self->local;
    copse_err *err = &self->call->err;
    copse_commit commit;
    copse_block *block = NULL;
    copse_status status;
    do {
        status = copse_local_commit(local, &self->main, &commit, &block);
    } while (copse_replica_fetched(&self->replica, &status));
    if (status == COPSE_OK) {
        do {
            status = copse_tree_open(local->cache, &commit.tree, tree, err);
        } while (copse_replica_fetched(&self->replica, &status));
    }
    if (status == COPSE_OK && block != NULL) { /* else a bare tree, which is nobody's */
        do {
            status = copse_database_open(*tree, database, err);
        } while (copse_replica_fetched(&self->replica, &status));
    }
    copse_block_unref(block);
    return status;
}

/* Whether main has a creator: what is pulled has to be reviewed then. False: reported. */
static bool pull_find_creator(pull_call *self, bool *ret_found)
{
    copse_tree *tree = NULL;
    copse_database *database = NULL;
    copse_status status = pull_open_main(self, &tree, &database);
    if (status != COPSE_OK) {
        (void)copse_peers_failure(&self->replica.peers, status, self->local.path);
    }
    *ret_found = database != NULL && copse_database_identity(database) != NULL;
    copse_database_close(database);
    copse_tree_close(tree);
    return status == COPSE_OK;
}

/* Whether main may become the head, as a merge of both says (head_merge.h). False: reported. */
static bool pull_review(pull_call *self, const char *url)
{
    copse_call *call = self->call;
    copse_local *local = &self->local;
    const copse_head_merge_options options = {.cache = local->cache,
                                              .store = local->store,
                                              .ours = self->main,
                                              .theirs = self->head,
                                              .policy = COPSE_MERGE_THREE_WAY,
                                              .conflicts = COPSE_MERGE_CONFLICTS_RECORD};
    copse_head_merge *merge = NULL;
    copse_database_conflict conflict;
    bool is_taken = false;
    copse_status status = copse_head_merge_new(&call->env, &options, &merge, &call->err);
    if (status == COPSE_OK) {
        do {
            status = copse_head_merge_next(merge, &conflict, &call->err);
        } while (copse_replica_fetched(&self->replica, &status));
    }
    if (status == COPSE_END) {
        const copse_head_merge_result *result = copse_head_merge_get_result(merge);
        is_taken = result->kind == COPSE_HEAD_MERGE_NOTHING ||
                   (result->kind == COPSE_HEAD_MERGE_FORWARD &&
                    copse_cid_equal(&result->head, &self->head));
        copse_review_warn(call, url, result);
    }
    if (status != COPSE_END) {
        (void)copse_peers_failure(&self->replica.peers, status, url);
    } else if (!is_taken) {
        (void)copse_failure(call, COPSE_DENIED,
                            "what was pulled is the ref origin/main: `copse merge STORE "
                            "origin/main` takes what its signers may write",
                            "'%s': main was not moved: not all that %s changed may be taken",
                            local->path, url);
    }
    copse_head_merge_free(merge);
    return is_taken;
}

/* Whether main may become the head. A database with a creator takes nothing of who may not write
 * it; what a sparse clone lacks can't be looked at. False: reported. */
static bool pull_may_move(pull_call *self)
{
    char url[512];
    bool has_creator = false;
    bool is_whole = self->main.size > 0 && !copse_cid_equal(&self->main, &self->head) &&
                    !copse_origin_is_sparse(&self->origin);
    (void)copse_origin_show(&self->origin, url, sizeof url);
    return !is_whole ||
           (pull_find_creator(self, &has_creator) && (!has_creator || pull_review(self, url)));
}

/* Moves what was pulled last, then the head, if nothing was written here since. */
static int pull_finish(pull_call *self)
{
    copse_local *local = &self->local;
    bool follows = self->main.size == 0 ||
                   (!self->origin.is_fork &&
                    (copse_cid_equal(&self->main, &self->pulled) ||
                     copse_replica_leads_to(&self->replica, &self->main, &self->head)));
    copse_status status =
        copse_local_move_ref(local, COPSE_REF_ORIGIN_HEAD, &self->pulled, &self->head);
    if (status == COPSE_OK && !follows) {
        return copse_replica_leads_to(&self->replica, &self->head, &self->main)
                   ? COPSE_EXIT_OK /* it was merged, or nothing is new there */
                   : pull_report_own(self);
    }
    if (status == COPSE_OK) {
        if (!pull_may_move(self)) {
            return COPSE_EXIT_FAILED;
        }
        self->moved = !copse_cid_equal(&self->main, &self->head);
        status = copse_local_move_ref(local, COPSE_REF_DEFAULT, &self->main, &self->head);
    }
    if (status == COPSE_CONFLICT) {
        (void)copse_failure_of(self->call, status, "'%s'", local->path);
    }
    return status == COPSE_OK ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

static int pull_run(copse_call *call)
{
    pull_call self = {.call = call};
    int code = COPSE_EXIT_FAILED;
    if (pull_open(&self)) {
        if (!copse_origin_is_named(&self.origin)) {
            (void)copse_failure(call, COPSE_NOT_FOUND,
                                "run the same `copse clone` or `copse fork` again",
                                "the clone in '%s' was broken off", self.local.path);
        } else if (pull_ask_head(&self) &&
                   copse_replica_fetch(&self.replica, &self.head, &self.pulled)) {
            code = pull_finish(&self);
        }
    }
    if (code == COPSE_EXIT_OK) {
        copse_replica_report(&self.replica, "pulled", &self.head, self.moved);
    }
    copse_replica_close(&self.replica);
    copse_origin_release(&self.origin);
    copse_local_close(&self.local);
    return code;
}

const copse_command copse_command_pull = {
    .name = "pull",
    .arguments = "STORE",
    .summary = "Bring a clone up to date",
    .details =
        "Asks the origin for its head, and fetches what differs from what was pulled last, from\n"
        "all peers. Then main moves there, if nothing was written here since; otherwise what was\n"
        "fetched is the ref origin/main, and main stays. A sparse clone stays one: only the new\n"
        "blocks of its part are fetched. Of a fork main never moves: merge origin/main. Broken\n"
        "off, it goes on where it was.\n"
        "\n"
        "Of a database with a creator main moves only if those who signed may write what they\n"
        "did (`copse writers`); else merge origin/main, which takes the rest. A sparse clone\n"
        "takes what its origin has.\n",
    .options = pull_options,
    .examples = "copse pull mine.copse\n"
                "copse pull mine.copse --peer http://127.0.0.1:4181",
    .run = pull_run,
};
