/* The databases that a union names, opened and asked together: those that can't be had are told of,
 * and left out.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_UNION_SEARCH_H
#define COPSE_APPS_UNION_SEARCH_H

#include "place.h"
#include "union_file.h"

/** The options of a command that can ask a union. */
#define COPSE_OPTION_STRICT                                                                        \
    {                                                                                              \
        "--strict", NULL, COPSE_OPTION_FLAG,                                                       \
            "of a union: fail if one of its databases can't be had", 0                             \
    }
#define COPSE_OPTIONS_UNION                                                                        \
    COPSE_OPTION_STRICT,                                                                           \
    {                                                                                              \
        "--with-source", NULL, COPSE_OPTION_FLAG,                                                  \
            "of a union: say which of its databases a document is from", 0                         \
    }

/** One of the databases. */
typedef struct copse_union_place {
    struct copse_union_search *search;
    const copse_union_entry *entry;
    bool is_out; /**< It can't be had; reported. */
    /* With peers: */
    copse_address address;
    copse_peers peers;
    copse_cid root; /* size 0: the head, which is not known yet */
    copse_remote_find *find;
    copse_source *source; /* of the find */
    /* Here: */
    copse_place place;
    copse_tree *tree;
    copse_database *database;
} copse_union_place;

/** Stays where it is. A zeroed one may be closed. */
typedef struct copse_union_search {
    copse_call *call;
    copse_union_file file;
    copse_peers peers; /**< What those of all places are beside of. */
    copse_union_place *places;
    copse_union *all; /**< What is being asked; NULL: nothing. */
    size_t *numbers;  /**< Of the places, of each source of `all`. */
    size_t sources_count;
    copse_remote_one *ones;
    bool has_failed;     /**< A place is out. */
    bool has_collection; /**< Of those that were opened. */
    copse_bytes collection;
} copse_union_search;

/** Opens what the union, the first argument of the command, names. False: reported; close it
 * nevertheless. */
bool copse_union_search_open(copse_union_search *search, copse_call *call);

void copse_union_search_close(copse_union_search *search);

/** Begins to ask all places; `by_blocks`: no peer is asked for an answer. False: reported. */
bool copse_union_search_ask(copse_union_search *search, const copse_query_options *query,
                            bool by_blocks);

/** The next document, lent until the next call, and the address that it is from. END; else
 * reported. */
copse_status copse_union_search_next(copse_union_search *search, copse_bytes *ret_document,
                                     const char **ret_source);

/** All matches. Failures are reported. */
copse_status copse_union_search_count(copse_union_search *search, uint64_t *ret_count);

/** Ends with the status of the last of these calls: no place at all could be had, or none has the
 * collection. Returns an exit code. */
int copse_union_search_finish(copse_union_search *search, copse_status status);

/* ---- The commands, where their first argument is a union ---- */

bool copse_union_is_named(const copse_call *call);

/** Whether none of the options of unions is given: no union is named. False: reported. */
bool copse_union_check_none(copse_call *call);

int copse_union_find(copse_call *call, const copse_query_options *query);
int copse_union_count_run(copse_call *call);
int copse_union_get(copse_call *call);

#endif
