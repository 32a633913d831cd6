/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/served_store.h"

#include <copse/tree.h>

#include "base/alloc.h"
#include "base/err.h"

#include <string.h>

/* ---- The list ---- */

static char *served_dup(const copse_env *env, const char *text)
{
    char *copy = copse_alloc(env, strlen(text) + 1);
    if (copy != NULL) {
        memcpy(copy, text, strlen(text) + 1);
    }
    return copy;
}

static void served_free(const copse_env *env, const char *text)
{
    if (text != NULL) {
        copse_free(env, (char *)text, strlen(text) + 1);
    }
}

/* A name is one segment of a path, and none that a route has ("/copse/v1/blocks"). */
static bool served_name_is_valid(const char *name)
{
    copse_bytes bytes = copse_bytes_of_text(name);
    return copse_ref_name_is_valid(bytes) && bytes.len <= COPSE_SERVED_NAME_SIZE_BYTES_MAX &&
           strchr(name, '/') == NULL && strcmp(name, "blocks") != 0 && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

copse_status copse_served_list_add(copse_served_list *list, const copse_served *served,
                                   copse_err *err)
{
    void *items = list->items;
    if (!served_name_is_valid(served->name)) {
        return COPSE_ERR(err, COPSE_MISUSE, "'%.150s' can't be the name of a served database",
                         served->name);
    }
    if (copse_served_list_find(list, copse_bytes_of_text(served->name)) != NULL) {
        return COPSE_ERR(err, COPSE_CONFLICT, "a database '%s' is served already", served->name);
    }
    if (!copse_array_grow(list->env, &items, &list->capacity, list->count + 1, sizeof *served)) {
        return COPSE_ERR_NOMEM(err);
    }
    list->items = items;
    copse_served *item = &list->items[list->count];
    *item = *served;
    item->name = served_dup(list->env, served->name);
    item->ref = served_dup(list->env, served->ref != NULL ? served->ref : "main");
    if (item->name == NULL || item->ref == NULL) {
        served_free(list->env, item->name);
        served_free(list->env, item->ref);
        return COPSE_ERR_NOMEM(err);
    }
    list->count++;
    return COPSE_OK;
}

void copse_served_list_release(copse_served_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        served_free(list->env, list->items[i].name);
        served_free(list->env, list->items[i].ref);
    }
    copse_free_array(list->env, list->items, list->capacity, sizeof *list->items);
    *list = (copse_served_list){.env = list->env};
}

const copse_served *copse_served_list_find(const copse_served_list *list, copse_bytes name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (copse_bytes_equal(copse_bytes_of_text(list->items[i].name), name)) {
            return &list->items[i];
        }
    }
    return NULL;
}

/* ---- The store ---- */

typedef struct served_store {
    copse_store base;
    const copse_env *env;
    const copse_served_list *list;
    copse_block *config; /* the built-in one */
    uint64_t refreshed_ms;
} served_store;

/* From any database; what one of them failed with counts only if none has it. */
static copse_status served_store_look(const served_store *store, const copse_cid *cid,
                                      copse_block **ret_block, copse_err *err)
{
    copse_status answer = COPSE_NOT_FOUND;
    for (size_t i = 0; i < store->list->count; i++) {
        copse_err failure = {.message = ""};
        copse_status status =
            copse_store_get(store->list->items[i].store, cid, ret_block, &failure);
        if (status == COPSE_OK) {
            return COPSE_OK;
        }
        if (answer == COPSE_NOT_FOUND) {
            answer = status;
            if (err != NULL) {
                *err = failure;
            }
        }
    }
    return answer == COPSE_NOT_FOUND ? COPSE_ERR(err, answer, "no database here has this block")
                                     : answer;
}

/* What needs no store. */
static copse_status served_store_known(const served_store *store, const copse_cid *cid,
                                       copse_block **ret_block, copse_err *err)
{
    copse_cid_parts parts;
    copse_cid_split(cid, &parts);
    if (parts.hash == COPSE_HASH_IDENTITY) {
        return copse_block_new(store->env, cid, parts.digest, ret_block, err);
    }
    if (copse_cid_equal(cid, copse_block_cid(store->config))) {
        *ret_block = copse_block_ref(store->config);
        return COPSE_OK;
    }
    return COPSE_NOT_FOUND;
}

/* Whether any database may have more blocks than before. */
static bool served_store_refresh(served_store *store)
{
    uint64_t now = store->env->clock(store->env->clock_ctx);
    bool refreshed = false;
    if (now - store->refreshed_ms < COPSE_SERVED_REFRESH_MS) {
        return false;
    }
    store->refreshed_ms = now;
    for (size_t i = 0; i < store->list->count; i++) {
        const copse_served *served = &store->list->items[i];
        refreshed |= served->refresh != NULL && served->refresh(served->ctx, NULL) == COPSE_OK;
    }
    return refreshed;
}

static copse_status served_store_get(copse_store *base, const copse_cid *cid,
                                     copse_block **ret_block, copse_err *err)
{
    served_store *store = (served_store *)base;
    copse_status status = served_store_known(store, cid, ret_block, err);
    if (status == COPSE_NOT_FOUND) {
        status = served_store_look(store, cid, ret_block, err);
    }
    if (status == COPSE_NOT_FOUND && served_store_refresh(store)) {
        status = served_store_look(store, cid, ret_block, err);
    }
    return status;
}

static copse_status served_store_put(copse_store *base, copse_block *const *blocks, size_t count,
                                     copse_err *err)
{
    (void)base;
    (void)blocks;
    (void)count;
    return COPSE_ERR(err, COPSE_DENIED, "what is served is not written");
}

static copse_status served_store_iterate(copse_store *base, copse_store_visit_fn visit, void *ctx,
                                         copse_err *err)
{
    served_store *store = (served_store *)base;
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < store->list->count; i++) {
        status = copse_store_iterate(store->list->items[i].store, visit, ctx, err);
    }
    return status;
}

static copse_status served_store_remove(copse_store *base, const copse_cid *cids, size_t count,
                                        copse_err *err)
{
    (void)cids;
    return served_store_put(base, NULL, count, err);
}

static void served_store_close(copse_store *base)
{
    served_store *store = (served_store *)base;
    store->config = copse_block_unref(store->config);
    copse_free(store->env, store, sizeof *store);
}

static const copse_store_ops served_store_ops = {
    .get = served_store_get,
    .put = served_store_put,
    .iterate = served_store_iterate,
    .remove = served_store_remove,
    .close = served_store_close,
};

copse_status copse_served_store_new(const copse_env *env, const copse_served_list *list,
                                    copse_store **ret_store, copse_err *err)
{
    copse_tree_config config;
    served_store *store = copse_alloc_zeroed(env, sizeof *store);
    if (store == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *store = (served_store){.base = {&served_store_ops}, .env = env, .list = list};
    copse_tree_config_init(&config);
    copse_status status = copse_tree_config_block(env, &config, &store->config, err);
    if (status != COPSE_OK) {
        served_store_close(&store->base);
        return status;
    }
    *ret_store = &store->base;
    return COPSE_OK;
}
