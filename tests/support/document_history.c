/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/document_history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HISTORY_IDS = 40,
    HISTORY_PAD = 1300 /* makes a document that is linked */
};

/* A random document, encoded, with about `pad` bytes more. */
static copse_bytes history_document(uint64_t *random, int id, int pad)
{
    char *json = database_model_random_document(random, id, 0);
    size_t len = strlen(json);
    size_t size = len + (size_t)pad + 16;
    char *padded = malloc(size);
    if (padded == NULL) {
        abort();
    }
    (void)snprintf(padded, size, "%.*s,\"text\":\"%0*d\"}", (int)len - 1, json, pad, id);
    copse_bytes document = database_world_value(pad > 0 ? padded : json);
    free(padded);
    free(json);
    return document;
}

static copse_status history_put(uint64_t *random, copse_write *write, database_model *model)
{
    int id = (int)test_random_below(random, HISTORY_IDS);
    uint64_t kind = test_random_below(random, 4);
    copse_bytes posts = copse_bytes_of_text("posts");
    if (kind == 0 && model->exists) { /* else nothing is written, not even the header */
        char text[16];
        (void)snprintf(text, sizeof text, "%d", id);
        copse_bytes value = database_world_value(text);
        copse_status status = copse_write_delete(write, posts, value, NULL);
        database_world_free(value);
        database_model_delete(model, id);
        return status;
    }
    copse_bytes document =
        history_document(random, id, test_random_below(random, 10) == 0 ? HISTORY_PAD : 0);
    bool is_insert = kind == 1 && test_random_below(random, 4) == 0;
    copse_status status = is_insert ? copse_write_insert(write, posts, document, NULL, NULL)
                                    : copse_write_replace(write, posts, document, true, NULL);
    if (status == COPSE_OK) {
        status = database_model_put(model, id, document, !is_insert, true);
    }
    database_world_free(document);
    return status;
}

static copse_status history_create_index(copse_write *write, database_model *model,
                                         const char *name, const char *fields, const char *options)
{
    copse_sort_spec spec = {.count = 0};
    copse_env env;
    copse_env_init(&env);
    copse_status status =
        copse_sort_spec_parse(&env, copse_bytes_of_text(fields), true, &spec, NULL);
    if (status == COPSE_OK) {
        copse_index_definition definition = {.name = copse_bytes_of_text(name),
                                             .fields = spec.fields,
                                             .fields_count = spec.count,
                                             .unique = options[0] == 'u',
                                             .link = options[0] == 'l'};
        status = copse_write_create_index(write, copse_bytes_of_text("posts"), &definition, NULL);
    }
    copse_sort_spec_release(&spec);
    return status == COPSE_OK ? database_model_create_index(model, name, fields, options) : status;
}

static copse_status history_index(uint64_t *random, copse_write *write, database_model *model,
                                  uint64_t *index_builds)
{
    static const char *const choices[][3] = {{"a", "a", ""},
                                             {"ab", "a,-b", ""},
                                             {"c", "-c[]", ""},
                                             {"d", "d", "link"},
                                             {"b", "b", "unique"}};
    const char *const *choice = choices[test_random_below(random, 5)];
    copse_bytes posts = copse_bytes_of_text("posts");
    if (model->indexes_count > 0 && test_random_below(random, 3) == 0) {
        const char *name = model->indexes[test_random_below(random, model->indexes_count)].name;
        copse_status status = copse_write_drop_index(write, posts, copse_bytes_of_text(name), NULL);
        return status == COPSE_OK ? database_model_drop_index(model, name) : status;
    }
    *index_builds += model->documents_count > 0;
    return history_create_index(write, model, choice[0], choice[1], choice[2]);
}

copse_status document_history_operate(uint64_t *random, copse_write *write, database_model *model,
                                      uint64_t *index_builds)
{
    uint64_t kind = test_random_below(random, 40);
    if (kind == 0 && model->exists) {
        copse_status status =
            copse_write_drop_collection(write, copse_bytes_of_text("posts"), NULL);
        return status == COPSE_OK ? database_model_drop(model) : status;
    }
    return kind < 10 && model->exists ? history_index(random, write, model, index_builds)
                                      : history_put(random, write, model);
}

/* An import: a small one, one that the sorter spills, one that makes a pack. */
typedef struct history_import {
    int count;
    int pad; /* of each document */
} history_import;

static const history_import history_small = {60, 0};
static const history_import history_spilled = {200, 600};
static const history_import history_packed = {130, 9000};

copse_status document_history_load(uint64_t *random, copse_loader *loader, database_model *model,
                                   copse_err *err)
{
    copse_status status = COPSE_OK;
    uint64_t choice = test_random_below(random, 8);
    const history_import *import = choice < 5   ? &history_small
                                   : choice < 7 ? &history_spilled
                                                : &history_packed;
    for (int id = 0; id < import->count && status == COPSE_OK; id++) {
        copse_bytes document = history_document(random, id, import->pad);
        status = copse_loader_add(loader, document, (uint64_t)id, err);
        if (status == COPSE_OK) {
            status = database_model_put(model, id, document, false, true);
        }
        database_world_free(document);
    }
    return status;
}
