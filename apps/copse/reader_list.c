/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "reader_list.h"

#include "failure.h"

#include <stdlib.h>
#include <string.h>

/* Places in list->bytes. */
typedef struct copse_reader_item {
    size_t collection;
    size_t name;
    size_t filter;
    size_t filter_size;
    copse_watch_state state;
} copse_reader_item;

static const char *reader_list_text(const copse_reader_list *list, size_t at)
{
    return (const char *)list->bytes.ptr + at;
}

static copse_bytes reader_list_filter(const copse_reader_list *list, const copse_reader_item *item)
{
    return (copse_bytes){list->bytes.ptr + item->filter, item->filter_size};
}

static int reader_list_compare(const copse_reader_list *list, const copse_reader_item *a,
                               const copse_reader_item *b)
{
    int order =
        strcmp(reader_list_text(list, a->collection), reader_list_text(list, b->collection));
    if (order == 0) {
        order = copse_bytes_compare(reader_list_filter(list, a), reader_list_filter(list, b));
    }
    return order != 0 ? order
                      : strcmp(reader_list_text(list, a->name), reader_list_text(list, b->name));
}

/* Appends the bytes and a NUL. */
static bool reader_list_append(copse_reader_list *list, copse_bytes bytes, size_t *ret_at)
{
    *ret_at = list->bytes.len;
    return copse_buf_append(&list->bytes, bytes) == COPSE_OK &&
           copse_buf_append_byte(&list->bytes, 0) == COPSE_OK;
}

static bool reader_list_reserve(copse_reader_list *list)
{
    if (list->count < list->items_max) {
        return true;
    }
    size_t items_max = list->items_max > 0 ? 2 * list->items_max : 16;
    copse_reader_item *items = realloc(list->items, items_max * sizeof *items);
    if (items != NULL) {
        list->items = items;
        list->items_max = items_max;
    }
    return items != NULL;
}

/* Puts it where it belongs. There are few. */
static copse_status reader_list_add(copse_reader_list *list, const copse_watch_reader *key,
                                    const copse_watch_state *state)
{
    copse_reader_item item = {.filter_size = key->filter.len, .state = *state};
    if (!reader_list_reserve(list) ||
        !reader_list_append(list, copse_bytes_of_text(key->collection), &item.collection) ||
        !reader_list_append(list, copse_bytes_of_text(key->name), &item.name) ||
        !reader_list_append(list, key->filter, &item.filter)) {
        return COPSE_NOMEM;
    }
    size_t at = list->count++;
    for (; at > 0 && reader_list_compare(list, &item, &list->items[at - 1]) < 0; at--) {
        list->items[at] = list->items[at - 1];
    }
    list->items[at] = item;
    return COPSE_OK;
}

static copse_status reader_list_visit(void *ctx, const copse_watch_reader *key,
                                      const copse_watch_state *state, copse_err *err)
{
    copse_reader_list *list = ctx;
    if (key == NULL) {
        copse_warn(list->reader->call, "a file in '%s' is left out: %s", list->reader->folder,
                   err->message);
        return COPSE_OK;
    }
    bool counts = strcmp(key->database, list->reader->database) == 0 &&
                  (list->name == NULL || strcmp(key->name, list->name) == 0);
    return counts ? reader_list_add(list, key, state) : COPSE_OK;
}

bool copse_reader_list_open(copse_reader_list *list, copse_reader *reader, const char *name)
{
    copse_call *call = reader->call;
    *list = (copse_reader_list){.reader = reader, .name = name};
    copse_buf_init(&list->bytes, &call->env, SIZE_MAX);
    copse_status status = copse_watch_state_list(&call->env, reader->os, reader->folder,
                                                 reader_list_visit, list, &call->err);
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "what was seen, in '%s', can't be read",
                               reader->folder);
    }
    return status == COPSE_OK;
}

void copse_reader_list_close(copse_reader_list *list)
{
    copse_buf_release(&list->bytes);
    free(list->items);
    *list = (copse_reader_list){.count = 0};
}

void copse_reader_list_take(copse_reader_list *list, size_t index)
{
    const copse_reader_item *item = &list->items[index];
    list->reader->key.collection = reader_list_text(list, item->collection);
    list->reader->key.name = reader_list_text(list, item->name);
    list->reader->key.filter = reader_list_filter(list, item);
    list->reader->state = item->state;
}
