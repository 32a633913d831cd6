/* copse cache stat, copse cache clear: the cache of blocks that were fetched from peers.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "cache_folder.h"
#include "command.h"
#include "failure.h"
#include "text.h"

#include <copse/block_cache.h>

/* It is opened to look at, and nothing is put into it: any bound will do. */
#define CACHE_ANY_SIZE ((uint64_t)1 << 30)

static const copse_option cache_options[] = {
    {"--cache", "DIR", COPSE_OPTION_TEXT,
     "the cache, instead of $COPSE_CACHE, $XDG_CACHE_HOME/copse or ~/.cache/copse", 0},
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct cache_call {
    copse_call *call;
    copse_os *os;
    char path[COPSE_CACHE_FOLDER_SIZE];
    copse_block_cache_stats stats; /* zeros: there is no cache */
} cache_call;

/* Reports why the cache can't be used. */
static int cache_failure(cache_call *self, copse_status status)
{
    copse_call *call = self->call;
    return status == COPSE_CORRUPT
               ? copse_failure(call, status, "name the cache's own folder with --cache DIR",
                               "'%s' is not a cache: %s; nothing was changed", self->path,
                               call->err.message)
               : copse_failure_of(call, status, "the cache in '%s'", self->path);
}

static copse_status cache_pass_over(void *ctx, const char *name, copse_err *err)
{
    (void)ctx;
    (void)name;
    (void)err;
    return COPSE_OK;
}

/* Whether the folder is there: opening would make it. */
static bool cache_is_there(cache_call *self)
{
    return self->os->ops->list_dir(self->os, self->path, cache_pass_over, NULL, NULL) !=
           COPSE_NOT_FOUND;
}

static copse_status cache_load_stats(cache_call *self)
{
    copse_call *call = self->call;
    copse_block_cache *cache = NULL;
    if (!cache_is_there(self)) {
        return COPSE_OK;
    }
    copse_status status = copse_block_cache_open(&call->env, self->os, self->path, CACHE_ANY_SIZE,
                                                 &cache, &call->err);
    if (status == COPSE_OK) {
        status = copse_block_cache_get_stats(cache, &self->stats, &call->err);
    }
    (void)copse_block_cache_close(cache);
    return status;
}

static int cache_stat(cache_call *self)
{
    copse_output *out = &self->call->output;
    char texts[4][COPSE_TEXT_NUMBER_SIZE];
    copse_status status = cache_load_stats(self);
    const copse_block_cache_stats *stats = &self->stats;
    if (status != COPSE_OK) {
        return cache_failure(self, status);
    }
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "cache", self->path);
        copse_output_number(out, "blocks", stats->blocks);
        copse_output_number(out, "bytes", stats->size_bytes);
        copse_output_number(out, "heads", stats->heads);
        copse_output_number(out, "generations", stats->generations);
        copse_output_end(out);
        return COPSE_EXIT_OK;
    }
    copse_output_format(out, "%s blocks, %s, in %s generation%s; %s head%s\n",
                        copse_text_of_count(stats->blocks, texts[0]),
                        copse_text_of_size(stats->size_bytes, texts[1]),
                        copse_text_of_count(stats->generations, texts[2]),
                        stats->generations == 1 ? "" : "s",
                        copse_text_of_count(stats->heads, texts[3]), stats->heads == 1 ? "" : "s");
    return COPSE_EXIT_OK;
}

static int cache_clear(cache_call *self)
{
    copse_call *call = self->call;
    copse_output *out = &call->output;
    char text[COPSE_TEXT_NUMBER_SIZE];
    copse_status status = cache_load_stats(self);
    if (status == COPSE_OK) {
        status = copse_block_cache_clear(&call->env, self->os, self->path, &call->err);
    }
    if (status != COPSE_OK && status != COPSE_NOT_FOUND) {
        return cache_failure(self, status);
    }
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "cache", self->path);
        copse_output_number(out, "cleared_bytes", self->stats.size_bytes);
        copse_output_end(out);
        return COPSE_EXIT_OK;
    }
    copse_output_format(out, "cleared %s\n", copse_text_of_size(self->stats.size_bytes, text));
    return COPSE_EXIT_OK;
}

static int cache_run(copse_call *call, int (*run)(cache_call *self))
{
    cache_call self = {.call = call};
    if (!copse_cache_folder(call, self.path, sizeof self.path)) {
        return copse_failure_usage(call, "no cache is named, and there is no $HOME: give --cache");
    }
    copse_status status = copse_os_posix_new(&call->env, &self.os, &call->err);
    if (status != COPSE_OK) {
        return copse_failure_of(call, status, "the system");
    }
    int code = run(&self);
    (void)copse_os_free(self.os);
    return code;
}

static int cache_stat_run(copse_call *call)
{
    return cache_run(call, cache_stat);
}

static int cache_clear_run(copse_call *call)
{
    return cache_run(call, cache_clear);
}

const copse_command copse_command_cache_stat = {
    .name = "cache stat",
    .arguments = "",
    .summary = "Show what the cache of fetched blocks holds",
    .details = "Commands that read from peers keep the blocks that they fetched there, up to\n"
               "--cache-size, and heads: what a name at a peer stood for when it was last asked.\n"
               "A block may be counted twice.\n",
    .options = cache_options,
    .examples = "copse cache stat\n"
                "copse cache stat --cache /tmp/mine --json",
    .run = cache_stat_run,
};

const copse_command copse_command_cache_clear = {
    .name = "cache clear",
    .arguments = "",
    .summary = "Remove the cache of fetched blocks",
    .details =
        "Nothing is lost that a peer doesn't have, but what is cached for offline use. Commands\n"
        "that are running go on. A folder that holds anything else is left alone.\n",
    .options = cache_options,
    .examples = "copse cache clear\n"
                "copse cache clear --cache /tmp/mine",
    .run = cache_clear_run,
};
