/* copse follow: a database kept merged with what others publish.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "failure.h"
#include "follow_backfill.h"
#include "follow_live.h"
#include "past.h"
#include "place.h"
#include "table.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FOLLOW_TICK_MS = 200 };

static const copse_option follow_options[] = {
    {"--once", NULL, COPSE_OPTION_FLAG, "ask everybody once, and end", 0},
    {"--list", NULL, COPSE_OPTION_FLAG, "tell whom it follows, and what was taken of them", 0},
    {"--remove", NULL, COPSE_OPTION_FLAG, "follow ADDRESS no more; what was taken stays", 0},
    {"--accept", NULL, COPSE_OPTION_FLAG,
     "take what ADDRESS has, though it was rolled back or has forked", 0},
    {"--conflicts", "record|refuse", COPSE_OPTION_CHOICE,
     "what becomes of documents in conflict; record if not given", 0},
    {"--backfill", "COLL [FILTER]", COPSE_OPTION_LIST,
     "fetch what this query needs, between merges; may come several times", 0},
    {"--backfill-history", NULL, COPSE_OPTION_FLAG, "fetch the past, between merges", 0},
    {"--quota", "SIZE", COPSE_OPTION_SIZE, "of what is fetched by --backfill, in all runs", 0},
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_PROGRESS,
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* ---- Addresses ------------------------------------------------------------------------------- */

static bool follow_is_itself(const copse_call *call, const char *path)
{
    char mine[PATH_MAX];
    return realpath(call->options.arguments[0], mine) != NULL && strcmp(mine, path) == 0;
}

/* An address as it is kept: that of a folder holds wherever the command is run. */
static bool follow_name_address(copse_call *call, const char *text, char ret_text[PATH_MAX])
{
    copse_address address;
    struct stat info;
    copse_status status = copse_address_parse(&call->env, text, &address, &call->err);
    copse_address_kind kind = address.kind;
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "'%s'", text);
        return false;
    }
    copse_address_release(&address);
    bool is_path = kind == COPSE_ADDRESS_PATH;
    bool is_there = is_path && stat(text, &info) == 0;
    if (kind == COPSE_ADDRESS_CID || (is_there && !S_ISDIR(info.st_mode))) {
        (void)copse_failure(call, COPSE_MISUSE, "`copse merge DB THEIRS` merges it",
                            "'%s' never changes", text);
        return false;
    }
    if (is_path && realpath(text, ret_text) == NULL) {
        (void)copse_failure(call, COPSE_NOT_FOUND,
                            "who is followed is a folder, http://peer/name, or an IPNS name",
                            "there is no folder '%s'", text);
        return false;
    }
    if (is_path && follow_is_itself(call, ret_text)) {
        (void)copse_failure(call, COPSE_MISUSE, NULL, "'%s' is the database itself", text);
        return false;
    }
    if (!is_path && snprintf(ret_text, PATH_MAX, "%s", text) >= PATH_MAX) {
        (void)copse_failure(call, COPSE_LIMIT, NULL, "an address is too long");
        return false;
    }
    return true;
}

/* The number of the address that argument number `index` means, as it was written or as it is kept.
 * SIZE_MAX: it is not followed; reported. */
static size_t follow_find(copse_call *call, const copse_follow_list *list, size_t index)
{
    const char *text = call->options.arguments[index];
    char path[PATH_MAX];
    size_t at = copse_follow_list_find(list, text);
    if (at == SIZE_MAX && realpath(text, path) != NULL) {
        at = copse_follow_list_find(list, path);
    }
    if (at == SIZE_MAX) {
        (void)copse_failure(call, COPSE_NOT_FOUND, "`copse follow DB --list` tells who is",
                            "'%s' is not followed", text);
    }
    return at;
}

/* ---- Changing the list ----------------------------------------------------------------------- */

static bool follow_add(void *ctx, copse_follow_list *list)
{
    copse_call *call = ctx;
    bool good = true;
    for (size_t i = 1; i < call->options.arguments_count && good; i++) {
        char address[PATH_MAX];
        good = follow_name_address(call, call->options.arguments[i], address);
        if (good && copse_follow_list_find(list, address) == SIZE_MAX) {
            copse_status status = copse_follow_list_add(list, address, &call->err);
            good = status == COPSE_OK;
            if (!good) {
                (void)copse_failure_of(call, status, "'%s'", address);
            }
        }
    }
    return good;
}

static bool follow_remove(void *ctx, copse_follow_list *list)
{
    copse_call *call = ctx;
    for (size_t i = 1; i < call->options.arguments_count; i++) {
        size_t at = follow_find(call, list, i);
        if (at == SIZE_MAX) {
            return false;
        }
        copse_follow_list_remove(list, at);
    }
    return true;
}

static bool follow_accept(void *ctx, copse_follow_list *list)
{
    copse_call *call = ctx;
    for (size_t i = 1; i < call->options.arguments_count; i++) {
        size_t at = follow_find(call, list, i);
        if (at == SIZE_MAX) {
            return false;
        }
        copse_follow_list_accept(list, at);
    }
    return true;
}

/* Forgets what was taken last of the addresses. */
static bool follow_forget_heads(copse_call *call, copse_local *local)
{
    copse_follow_list *list = NULL;
    bool done = copse_following_read(local, &list, NULL);
    for (size_t i = 1; i < call->options.arguments_count && done; i++) {
        size_t at = follow_find(call, list, i);
        done = at != SIZE_MAX &&
               copse_following_set_head(local, copse_follow_list_at(list, at)->address, NULL);
    }
    copse_follow_list_free(list);
    return done;
}

/* Makes the change that the options say; true also if there is none. */
static bool follow_change(copse_call *call)
{
    bool removes = copse_options_has(&call->options, "--remove");
    bool accepts = copse_options_has(&call->options, "--accept");
    copse_local local;
    if (call->options.arguments_count == 1) {
        return true;
    }
    if (!copse_local_open(&local, call, call->options.arguments[0], COPSE_LOCAL_WRITE)) {
        return false;
    }
    bool done = (!removes && !accepts) || follow_forget_heads(call, &local);
    done = done && copse_following_edit(&local,
                                        removes   ? follow_remove
                                        : accepts ? follow_accept
                                                  : follow_add,
                                        call);
    copse_local_close(&local);
    return done;
}

/* ---- Telling --------------------------------------------------------------------------------- */

static void follow_print_json(copse_output *out, const copse_follow_source *source,
                              const copse_cid *head)
{
    char time[COPSE_PAST_TIME_SIZE];
    copse_output_begin(out);
    copse_output_text(out, "address", source->address);
    copse_output_text(out, "state", copse_follow_state_text(source->state));
    copse_output_cid(out, "head", head->size > 0 ? head : NULL);
    if (source->refused.size > 0) {
        copse_output_cid(out, "refused", &source->refused);
    }
    if (source->sequence > 0) {
        copse_output_number(out, "sequence", source->sequence);
    }
    if (source->time_ms > 0) {
        copse_output_text(out, "time", copse_past_time(source->time_ms, time));
    }
    copse_output_end(out);
}

static void follow_print_row(copse_table *table, const copse_follow_source *source,
                             const copse_cid *head)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    char time[COPSE_PAST_TIME_SIZE];
    char sequence[32];
    (void)snprintf(sequence, sizeof sequence, "%llu", (unsigned long long)source->sequence);
    copse_table_text(table, source->address);
    copse_table_text(table, copse_follow_state_text(source->state));
    copse_table_text(table, source->time_ms > 0 ? copse_past_time(source->time_ms, time) : "never");
    copse_table_text(table, source->sequence > 0 ? sequence : "");
    copse_table_text(table, head->size > 0 ? copse_cid_show(head, text) : "");
}

static int follow_print_list(copse_call *call)
{
    copse_output *out = &call->output;
    copse_local local;
    copse_follow_list *list = NULL;
    copse_table table;
    if (!copse_local_open(&local, call, call->options.arguments[0], COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    bool done = copse_following_read(&local, &list, NULL);
    copse_table_init(&table, &call->env, "address|state|when|#sequence|head");
    for (size_t i = 0; done && i < copse_follow_list_count(list); i++) {
        const copse_follow_source *source = copse_follow_list_at(list, i);
        copse_cid head;
        done = copse_following_head(&local, source->address, &head);
        if (done && out->json) {
            follow_print_json(out, source, &head);
        } else if (done) {
            follow_print_row(&table, source, &head);
        }
    }
    if (done && !out->json && copse_table_print(&table, out) != COPSE_OK) {
        (void)copse_failure(call, COPSE_NOMEM, NULL, "out of memory");
        done = false;
    }
    copse_table_release(&table);
    copse_follow_list_free(list);
    copse_local_close(&local);
    return done ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

/* ---- Following ------------------------------------------------------------------------------- */

static bool follow_tick(void *ctx)
{
    return copse_follow_live_tick(ctx, 0);
}

static int follow_run_live(copse_call *call, copse_merge_conflicts conflicts)
{
    copse_follow_live *live = copse_follow_live_new(call, conflicts);
    bool is_once = copse_options_has(&call->options, "--once");
    if (live == NULL) {
        return COPSE_EXIT_FAILED;
    }
    int code = is_once ? copse_follow_live_once(live) : COPSE_EXIT_OK;
    copse_follow_backfill backfill = {
        .call = call, .between = is_once ? NULL : follow_tick, .ctx = live};
    if (is_once) {
        code = copse_follow_backfill_run(&backfill) ? code : COPSE_EXIT_FAILED;
    }
    bool going = !is_once;
    while (going && !call->output.failed) {
        going = copse_follow_live_tick(live, FOLLOW_TICK_MS);
        if (going && !backfill.is_over) {
            (void)copse_follow_backfill_run(&backfill); /* what failed is tried again */
        }
    }
    copse_follow_live_free(live);
    return is_once || call->output.failed ? code : COPSE_EXIT_FAILED;
}

static int follow_run(copse_call *call)
{
    const copse_options *options = &call->options;
    bool changes = copse_options_has(options, "--remove") || copse_options_has(options, "--accept");
    bool refuses = strcmp(copse_options_text(options, "--conflicts", "record"), "refuse") == 0;
    if (changes && options->arguments_count == 1) {
        return copse_failure_usage(call, "--remove and --accept are about an ADDRESS");
    }
    if (copse_options_has(options, "--remove") && copse_options_has(options, "--accept")) {
        return copse_failure_usage(call, "--remove or --accept: one of them");
    }
    if (!copse_follow_backfill_check(call)) {
        return COPSE_EXIT_USAGE;
    }
    if (!follow_change(call)) {
        return COPSE_EXIT_FAILED;
    }
    if (copse_options_has(options, "--list")) {
        return follow_print_list(call);
    }
    return changes ? COPSE_EXIT_OK
                   : follow_run_live(call, refuses ? COPSE_MERGE_CONFLICTS_REFUSE
                                                   : COPSE_MERGE_CONFLICTS_RECORD);
}

const copse_command copse_command_follow = {
    .name = "follow",
    .arguments = "DB [ADDRESS...]",
    .summary = "Keep a database merged with what others publish",
    .details =
        "Adds the addresses to those that DB follows - http://peer/name, an IPNS name (k51…), a\n"
        "folder - and merges what they have into main, now and whenever it changes, until it is\n"
        "stopped. The list is kept in DB: without ADDRESS it goes on with it. Merges are "
        "automatic:\n"
        "who follows each other comes to rest at one head. Documents that both changed are merged\n"
        "by the policy of their collection (`copse policy`); conflicts are recorded (`copse\n"
        "conflicts`). Into a database with a creator comes only what those who signed may write\n"
        "(`copse writers`); what is refused is told.\n"
        "\n"
        "Who can't be reached is tried again, after pauses that grow to 5 minutes. An address "
        "whose\n"
        "head lacks commits that were taken from there before is told, and not followed any more\n"
        "until --accept: it was rolled back, or has forked.\n"
        "\n"
        "In a sparse clone --backfill fetches what a query needs, and --backfill-history the "
        "past,\n"
        "from its origin and --peer; with --quota no more than that.\n",
    .options = follow_options,
    .examples = "copse follow mine.copse http://127.0.0.1:4180/blog ../theirs.copse\n"
                "copse follow mine.copse --once\n"
                "copse follow mine.copse --list\n"
                "copse follow mine.copse ../theirs.copse --accept\n"
                "copse follow mine.copse --remove http://127.0.0.1:4180/blog",
    .run = follow_run,
};
