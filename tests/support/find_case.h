/* One query on a remote, to be asked in many situations (remote_world.h).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_FIND_CASE_H
#define COPSE_TESTS_FIND_CASE_H

#include "support/remote_world.h"

/** How a remote is made. Without a store nothing stays here. */
enum { FIND_CASE_STORE = 1, FIND_CASE_KEEPS = 2, FIND_CASE_OFFLINE = 4 };

/** A world, a query, and a remote over peers of it. */
typedef struct find_case {
    remote_world world;
    copse_env env;
    copse_store *store; /* NULL: none */
    remote_heads heads;
    remote_client client;
    answer_query query;
} find_case;

/** A query, as answer_query_init takes it. */
typedef struct find_case_row {
    const char *filter;
    const char *sort;
    const char *projection;
    uint64_t skip;
    uint64_t limit;
} find_case_row;

enum { FIND_CASE_ROWS_COUNT = 11 };

/** Queries of all kinds of plans and orders. */
extern const find_case_row find_case_rows[FIND_CASE_ROWS_COUNT];

/** Makes all: the query is for the 12 newest posts of a tag. */
void find_case_init(find_case *one, size_t peers, unsigned flags);
void find_case_release(find_case *one);

/** Makes another remote, with nothing that was here. */
void find_case_renew(find_case *one, size_t peers, unsigned flags);

/** Makes another remote, with the same store and heads. */
void find_case_reconnect(find_case *one, size_t peers, unsigned flags);

/* The halves of these, for who changes what lies between. */

/** Makes store, heads and remote. */
void find_case_begin(find_case *one, size_t peers, unsigned flags);
/** Makes the remote over what is here. */
void find_case_connect(find_case *one, size_t peers, unsigned flags);
/** Frees remote and store. */
void find_case_end(find_case *one);

/** Sets the query. */
void find_case_ask(find_case *one, const find_case_row *row);

/** Runs it; root NULL: by name. */
remote_found find_case_run(find_case *one, const copse_cid *root, bool blocks_only);

script_peer *find_case_peer(find_case *one, size_t peer);

/** Fails the test unless it was answered, in this way. */
void find_case_assert_ended(const remote_found *found, copse_remote_way way);

/** Fails the test unless that stands in what the peer said. */
void find_case_assert_said(const find_case *one, size_t peer, const char *text);

#endif
