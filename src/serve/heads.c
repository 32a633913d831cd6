/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/heads.h"

#include "base/alloc.h"
#include "serve/service.h"

#include <copse/dag_json.h>

#include <string.h>

enum { HEADS_EVENT_BYTES_MAX = 4096 };

void copse_heads_release(copse_service *service)
{
    copse_heads *heads = &service->heads;
    for (size_t i = 0; i < heads->capacity; i++) {
        copse_buf_release(&heads->items[i].event);
    }
    copse_free_array(service->env, heads->items, heads->capacity, sizeof *heads->items);
    *heads = (copse_heads){.items = NULL};
}

/* "id: bafy…\ndata: {"head":…}\n\n" */
static copse_status heads_write_event(copse_service *service, const copse_served *served,
                                      const copse_cid *head, const copse_cid *tree, copse_buf *buf)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_buf encoded;
    (void)copse_cid_to_text(head, COPSE_BASE32, text);
    copse_buf_init(&encoded, service->env, HEADS_EVENT_BYTES_MAX);
    copse_status status = copse_service_write_head(served, head, tree, &encoded);
    const char *const before[] = {"id: ", text, "\ndata: "};
    for (size_t i = 0; i < sizeof before / sizeof before[0] && status == COPSE_OK; i++) {
        status = copse_buf_append(buf, copse_bytes_of_text(before[i]));
    }
    if (status == COPSE_OK) {
        status = copse_dag_json_from_cbor(service->env, copse_buf_view(&encoded), COPSE_CBOR_STRICT,
                                          buf, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_buf_append(buf, copse_bytes_of_text("\n\n"));
    }
    copse_buf_release(&encoded);
    return status;
}

/* Reads the head that the ref names now. What fails leaves it as it was (E4). */
static copse_status heads_read(copse_service *service, const copse_served *served,
                               copse_watched_head *watched)
{
    copse_cid head;
    copse_cid tree;
    copse_status status = served->refresh != NULL ? served->refresh(served->ctx, NULL) : COPSE_OK;
    if (status == COPSE_OK) {
        status = copse_refs_get(served->refs, copse_bytes_of_text(served->ref), &head, NULL);
    }
    if (status != COPSE_OK || copse_cid_equal(&head, &watched->cid)) {
        return status;
    }
    copse_buf event;
    copse_buf_init(&event, service->env, HEADS_EVENT_BYTES_MAX);
    status = copse_service_commit_tree(service, served->store, &head, &tree, NULL);
    if (status == COPSE_OK) {
        status = heads_write_event(service, served, &head, &tree, &event);
    }
    if (status != COPSE_OK) {
        copse_buf_release(&event);
        return status;
    }
    copse_buf_release(&watched->event);
    watched->event = event;
    watched->cid = head;
    return COPSE_OK;
}

const copse_watched_head *copse_heads_look(copse_service *service, size_t index)
{
    copse_heads *heads = &service->heads;
    uint64_t now = service->env->clock(service->env->clock_ctx);
    void *items = heads->items;
    size_t capacity = heads->capacity;
    if (!copse_array_grow(service->env, &items, &heads->capacity, index + 1,
                          sizeof *heads->items)) {
        return NULL;
    }
    heads->items = items;
    memset(heads->items + capacity, 0, (heads->capacity - capacity) * sizeof *heads->items);
    copse_watched_head *watched = &heads->items[index];
    if (now - watched->looked_ms >= COPSE_HEADS_LOOK_MS) { /* also if the clock went back */
        watched->looked_ms = now;
        (void)heads_read(service, &service->databases.items[index], watched);
    }
    return watched;
}
