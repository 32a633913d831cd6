/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/static_counts.h"

#include "support/car_site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

typedef enum static_query {
    STATIC_TAG,    /* the 32 newest of a tag */
    STATIC_AUTHOR, /* the 20 newest of an author */
    STATIC_GET,    /* one by its _id */
    STATIC_QUERIES
} static_query;

typedef struct static_cost {
    uint64_t requests;
    uint64_t round_trips;
    uint64_t body_bytes; /* of all answers */
    uint64_t documents;
} static_cost;

typedef struct static_row {
    uint64_t posts;
    bool linked;
    static_query query;
    static_cost cost;
} static_row;

static const char *const static_names[STATIC_QUERIES] = {"STATIC_TAG", "STATIC_AUTHOR",
                                                         "STATIC_GET"};

/* Posts, linked, query; requests, round trips, bytes, documents. The first request, of 32 KiB, is
 * among them. */
static const static_row static_table[] = {
    {1000, false, STATIC_TAG, {11, 3, 104878, 32}},
    {1000, false, STATIC_AUTHOR, {13, 3, 81209, 20}},
    {1000, false, STATIC_GET, {2, 2, 35764, 1}},
    {1000, true, STATIC_TAG, {28, 3, 55103, 32}},
    {1000, true, STATIC_AUTHOR, {36, 4, 83218, 20}},
    {1000, true, STATIC_GET, {3, 3, 35174, 1}},
    {10000, false, STATIC_TAG, {19, 5, 116883, 32}},
    {10000, false, STATIC_AUTHOR, {35, 5, 117063, 20}},
    {10000, false, STATIC_GET, {3, 3, 36659, 1}},
    {10000, true, STATIC_TAG, {37, 4, 57667, 32}},
    {10000, true, STATIC_AUTHOR, {52, 6, 113592, 20}},
    {10000, true, STATIC_GET, {4, 4, 37108, 1}},
    {100000, false, STATIC_TAG, {29, 7, 123879, 32}},
    {100000, false, STATIC_AUTHOR, {55, 7, 165015, 20}},
    {100000, false, STATIC_GET, {4, 4, 40828, 1}},
    {100000, true, STATIC_TAG, {39, 5, 62889, 32}},
    {100000, true, STATIC_AUTHOR, {63, 7, 148464, 20}},
    {100000, true, STATIC_GET, {4, 4, 38410, 1}},
};

enum { STATIC_ROWS = sizeof static_table / sizeof static_table[0] };

static void static_query_init(const posts_world *world, static_query kind, answer_query *query)
{
    char filter[96];
    switch (kind) {
    case STATIC_AUTHOR:
        answer_query_init(query, "{\"author\":\"user7\"}", "-createdAt", NULL, 0, 20);
        break;
    case STATIC_GET:
        (void)snprintf(filter, sizeof filter, "{\"_id\":\"%s\"}", world->middle);
        answer_query_init(query, filter, NULL, NULL, 0, 0);
        break;
    default:
        answer_query_init(query, "{\"tags\":\"cats\"}", "-createdAt", NULL, 0, 32);
        break;
    }
}

static static_cost static_measure(const posts_world *world, copse_bytes car, static_query kind)
{
    file_transport transport;
    car_site_client client;
    answer_query query;
    copse_remote_find *find = NULL;
    copse_bytes document;
    copse_status status;
    copse_err err = {0};
    static_cost cost = {.documents = 0};
    file_transport_init(&transport, car);
    static_query_init(world, kind, &query);
    assert_int_equal(
        car_site_client_init(&client, database_world_env(&world->db), &transport, &err), COPSE_OK);
    const copse_remote_find_options options = {.name = "blog.car", .query = &query.options};
    assert_int_equal(copse_remote_find_new(client.remote, &options, &find, &err), COPSE_OK);
    while ((status = copse_remote_find_next(find, &document, &err)) == COPSE_OK) {
        cost.documents++;
    }
    if (status != COPSE_END) {
        fail_msg("%s: %s", copse_status_name(status), err.message);
    }
    copse_remote_find_free(find);
    copse_remote_stats stats = copse_remote_get_stats(client.remote);
    cost.requests = stats.requests;
    cost.round_trips = stats.round_trips;
    cost.body_bytes = stats.received_bytes - 200 * stats.requests; /* file_transport's heads */
    car_site_client_release(&client);
    answer_query_release(&query);
    return cost;
}

/* The row of the table; NULL: there is none. */
static const static_row *static_find(const posts_world_options *options, static_query kind)
{
    for (size_t i = 0; i < STATIC_ROWS; i++) {
        const static_row *row = &static_table[i];
        if (row->posts == options->count && row->linked == options->linked && row->query == kind) {
            return row;
        }
    }
    return NULL;
}

void static_counts_check(const posts_world_options *options)
{
    posts_world world;
    copse_buf car;
    bool same = true;
    posts_world_init(&world, options);
    copse_buf_init(&car, database_world_env(&world.db), SIZE_MAX);
    car_site_layout(world.db.world.store, &world.commit, copse_tree_root(world.db.tree), &car);
    for (static_query kind = 0; kind < STATIC_QUERIES; kind++) {
        static_cost cost = static_measure(&world, copse_buf_view(&car), kind);
        const static_row *row = static_find(options, kind);
        same = same && row != NULL && row->cost.requests == cost.requests &&
               row->cost.round_trips == cost.round_trips &&
               row->cost.body_bytes == cost.body_bytes && row->cost.documents == cost.documents;
        print_message("{%llu, %s, %s, {%llu, %llu, %llu, %llu}},\n",
                      (unsigned long long)options->count, options->linked ? "true" : "false",
                      static_names[kind], (unsigned long long)cost.requests,
                      (unsigned long long)cost.round_trips, (unsigned long long)cost.body_bytes,
                      (unsigned long long)cost.documents);
    }
    copse_buf_release(&car);
    posts_world_release(&world);
    if (!same) {
        fail_msg("other costs than in the table of tests/support/static_counts.c: if they are "
                 "meant to be, put the rows above in their place");
    }
}
