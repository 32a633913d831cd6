/* JSON text to DAG-CBOR: what DAG-JSON and Extended JSON share. json_build.c says how.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_JSON_BUILD_H
#define COPSE_VALUE_JSON_BUILD_H

#include <copse/buf.h>

#include "value/json_pairs.h"

/** Room for a key that may be reserved, and more. */
#define COPSE_JSON_LEAD_SIZE_MAX 24

typedef struct copse_json_builder copse_json_builder;
typedef struct copse_json_frame copse_json_frame;

/** A map that has ended, with its pairs in DAG-CBOR's order at the end of the builder's buf. */
typedef struct copse_json_map {
    size_t offset;    /**< Of its head in the buf. */
    uint64_t count;   /**< Pairs, at least one. */
    copse_bytes lead; /**< The key that is first in the text, cut at COPSE_JSON_LEAD_SIZE_MAX. */
    bool bytes_first; /**< The value of its key "/" is a map with "bytes" first in the text. */
} copse_json_map;

/** What a format of JSON reads in its own way. */
typedef struct copse_json_dialect {
    /** Called when a map ends that has a key "/", or a key that begins with "$" if `dollars`: may
     * put something else in its place. OK; CORRUPT, LIMIT, NOMEM: by copse_json_build_fail or
     * copse_json_build_wrote. */
    copse_status (*end_map)(copse_json_builder *builder, const copse_json_map *map);
    copse_status (*write_float)(copse_buf *buf, double value);
    bool dollars;
    bool wide_integers; /**< Integers of more than 64 bits become floats. */
} copse_json_dialect;

/** Reads one text after the other. Belongs to one thread. The fields from `dialect` to `at` are for
 * the dialect's call. */
struct copse_json_builder {
    const copse_env *env;
    const copse_json_dialect *dialect;
    void *ctx; /**< The dialect's own. */
    copse_buf *buf;
    copse_err *err;
    copse_bytes text;
    const uint8_t *at;
    const uint8_t *end;
    copse_buf scratch; /**< A copy of what is changed in the buf. */
    copse_json_frame *frames;
    size_t depth;
    size_t deepest;
    size_t frames_capacity;
    copse_json_pair *pairs; /* of all open maps */
    size_t pairs_count;
    size_t pairs_capacity;
};

/** An empty one; allocates nothing. */
void copse_json_builder_init(copse_json_builder *builder, const copse_env *env,
                             const copse_json_dialect *dialect);

void copse_json_builder_release(copse_json_builder *builder);

/** Appends the one value in `text` to `buf` as strict DAG-CBOR. CORRUPT, LIMIT, NOMEM; messages
 * begin with line and column. Whatever is not OK leaves `buf` as it was. */
COPSE_MUST_USE copse_status copse_json_build(copse_json_builder *builder, copse_bytes text,
                                             copse_buf *buf, copse_err *err);

/** Fails at the place that the builder has come to. Returns `status`. */
copse_status copse_json_build_fail(copse_json_builder *builder, copse_status status,
                                   const char *format, ...) COPSE_PRINTF(3, 4);

/** Passes on the status of a write to the buf, with a message if it failed. */
copse_status copse_json_build_wrote(copse_json_builder *builder, copse_status status);

#endif
