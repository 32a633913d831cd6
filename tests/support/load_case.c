/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/load_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

copse_status load_case_begin(copse_tree *tree, copse_store *store, const load_case *load,
                             copse_loader **ret_loader, copse_err *err)
{
    copse_run_store runs = {NULL, NULL};
    if (load->runs != NULL) {
        runs = memory_runs_init(load->runs);
    }
    return copse_loader_new(tree, store, copse_bytes_of_text(load->collection),
                            copse_bytes_of_text("_id"), load->documents, load->memory,
                            load->runs != NULL ? &runs : NULL, ret_loader, err);
}

copse_status load_case_try(copse_loader *loader, const char *json, uint64_t tag, copse_err *err)
{
    copse_bytes document = database_world_value(json);
    copse_status status = copse_loader_add(loader, document, tag, err);
    database_world_free(document);
    return status;
}

void load_case_add(copse_loader *loader, const char *json, uint64_t tag)
{
    copse_err err = {0};
    if (load_case_try(loader, json, tag, &err) != COPSE_OK) {
        fail_msg("%s: %s", json, err.message);
    }
}

void load_case_document(uint64_t number, char ret_json[LOADER_DOCUMENT_SIZE])
{
    static const char *const tags[] = {
        "",
        "\"tags\":\"cats\",",
        "\"tags\":[\"cats\",\"dogs\",\"cats\"],",
        "\"tags\":[],",
        "\"tags\":null,",
        "\"tags\":[1,1.5,{\"$date\":5}],",
    };
    static const char *const values[] = {"", "\"a\":null,", "\"a\":7,", "\"a\":[1,2],",
                                         "\"a\":7.0,"};
    char id[64];
    char text[LOADER_DOCUMENT_SIZE - 512];
    uint64_t seed = number;
    uint64_t draw = test_random(&seed);
    if (number % 3 == 0) {
        (void)snprintf(id, sizeof id, "%d", (int)number * 7 - 500);
    } else {
        (void)snprintf(id, sizeof id, "\"k%llx\"", (unsigned long long)(draw << 20 | number));
    }
    size_t size = draw % 16 == 0 ? 1000 + number % 100 : draw % 16 == 1 ? 300 : draw % 40;
    memset(text, 'a' + (int)(draw % 26), size);
    text[size] = 0;
    /* No two arrays in one document: that no index could hold. */
    const char *a = values[draw / 64 % 5];
    const char *t = tags[draw / 512 % 6];
    if (strchr(a, '[') != NULL && strchr(t, '[') != NULL) {
        t = "";
    }
    (void)snprintf(ret_json, LOADER_DOCUMENT_SIZE, "{%s%s\"n\":%d,\"text\":\"%s\",\"_id\":%s}", t,
                   a, (int)(draw % 1000), text, id);
}

void load_case_index(database_world *db, const char *collection, bool linked)
{
    database_world_index(db, collection, "", "tags[],-n", NULL);
    database_world_index(db, collection, "", "a,text", "include=n,_id");
    database_world_index(db, collection, "", "-n", "filter={\"n\":{\"$gte\":500}}");
    database_world_index(db, collection, "one", "n,text,_id", "unique");
    database_world_index(db, collection, "late", "tags,a", "unbuilt unique");
    if (linked) {
        database_world_index(db, collection, "to", "text", "link");
    }
}
