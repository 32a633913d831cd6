/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve_limits.h"

#include "options.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

typedef enum serve_limit_kind {
    SERVE_LIMIT_COUNT,
    SERVE_LIMIT_SIZE,
    SERVE_LIMIT_TIME
} serve_limit_kind;

/* Documented in docs/serving.md, "In the open". */
static const struct serve_limit {
    const char *name;
    serve_limit_kind kind;
    size_t offset; /* in copse_limits */
    size_t size;   /* of the field */
} serve_limits[] = {
#define SERVE_LIMIT(name, kind, field)                                                             \
    {                                                                                              \
        name, kind, offsetof(copse_limits, field), sizeof(((copse_limits *)NULL)->field)           \
    }
    SERVE_LIMIT("connections", SERVE_LIMIT_COUNT, http_connections_max),
    SERVE_LIMIT("address-connections", SERVE_LIMIT_COUNT, http_address_connections_max),
    SERVE_LIMIT("address-answers", SERVE_LIMIT_COUNT, http_address_answers_max),
    SERVE_LIMIT("url", SERVE_LIMIT_SIZE, http_url_bytes_max),
    SERVE_LIMIT("head", SERVE_LIMIT_SIZE, http_head_bytes_max),
    SERVE_LIMIT("headers", SERVE_LIMIT_COUNT, http_headers_max),
    SERVE_LIMIT("body", SERVE_LIMIT_SIZE, http_body_bytes_max),
    SERVE_LIMIT("batch", SERVE_LIMIT_COUNT, wants_max),
    SERVE_LIMIT("name-records", SERVE_LIMIT_COUNT, serve_records_max),
    SERVE_LIMIT("watchers", SERVE_LIMIT_COUNT, serve_watchers_max),
    SERVE_LIMIT("memory", SERVE_LIMIT_SIZE, serve_memory_bytes_max),
    SERVE_LIMIT("cache", SERVE_LIMIT_SIZE, serve_cache_bytes_max),
    SERVE_LIMIT("request-time", SERVE_LIMIT_TIME, http_request_ms_max),
    SERVE_LIMIT("idle-time", SERVE_LIMIT_TIME, http_idle_ms_max),
    SERVE_LIMIT("write-time", SERVE_LIMIT_TIME, http_write_ms_max),
    SERVE_LIMIT("stop-time", SERVE_LIMIT_TIME, http_stop_ms_max),
    SERVE_LIMIT("answer-blocks", SERVE_LIMIT_COUNT, answer_blocks_max),
    SERVE_LIMIT("answer-size", SERVE_LIMIT_SIZE, answer_size_bytes_max),
    SERVE_LIMIT("answer-memory", SERVE_LIMIT_SIZE, answer_memory_bytes_max),
    SERVE_LIMIT("answer-time", SERVE_LIMIT_TIME, answer_ms_max),
#undef SERVE_LIMIT
};

enum { SERVE_LIMITS_COUNT = sizeof serve_limits / sizeof serve_limits[0] };

const char *copse_serve_limits_name(size_t index)
{
    return index < SERVE_LIMITS_COUNT ? serve_limits[index].name : NULL;
}

/* Reads the value; false: `ret_expected` says what it should be. */
static bool serve_limit_parse(const struct serve_limit *limit, const char *text,
                              uint64_t *ret_value, const char **ret_expected)
{
    switch (limit->kind) {
    case SERVE_LIMIT_COUNT:
        *ret_expected = "a number, such as 100";
        return copse_text_to_count(text, ret_value);
    case SERVE_LIMIT_SIZE:
        *ret_expected = "a size, such as 64K, 256M or 2G";
        return copse_text_to_size(text, ret_value);
    case SERVE_LIMIT_TIME:
        break;
    }
    *ret_expected = "a time, such as 500ms, 10s or 2m";
    return copse_text_to_ms(text, ret_value);
}

/* Whether the value fits the field, which is then set. */
static bool serve_limit_store(const struct serve_limit *limit, uint64_t value, copse_limits *limits)
{
    uint8_t *field = (uint8_t *)limits + limit->offset;
    uint32_t narrow = (uint32_t)value;
    if (value == 0 || (limit->size == sizeof narrow && value > UINT32_MAX)) {
        return false;
    }
    if (limit->size == sizeof narrow) {
        memcpy(field, &narrow, sizeof narrow);
    } else {
        memcpy(field, &value, sizeof value);
    }
    return true;
}

static const struct serve_limit *serve_limit_find(const char *name, size_t len)
{
    for (size_t i = 0; i < SERVE_LIMITS_COUNT; i++) {
        if (strlen(serve_limits[i].name) == len && memcmp(serve_limits[i].name, name, len) == 0) {
            return &serve_limits[i];
        }
    }
    return NULL;
}

static const char *serve_limit_nearest(const char *name, size_t len)
{
    char word[32];
    const char *nearest = NULL;
    size_t distance_best = 4;
    (void)snprintf(word, sizeof word, "%.*s", (int)(len < sizeof word ? len : sizeof word - 1),
                   name);
    for (size_t i = 0; i < SERVE_LIMITS_COUNT; i++) {
        size_t distance = copse_word_distance(word, serve_limits[i].name);
        if (distance < distance_best) {
            distance_best = distance;
            nearest = serve_limits[i].name;
        }
    }
    return nearest;
}

bool copse_serve_limits_set(copse_limits *limits, const char *text, char *ret_problem,
                            size_t problem_size)
{
    size_t len = strcspn(text, "=");
    const struct serve_limit *limit = serve_limit_find(text, len);
    const char *expected = NULL;
    uint64_t value = 0;
    if (limit == NULL) {
        const char *nearest = serve_limit_nearest(text, len);
        (void)snprintf(ret_problem, problem_size, "there is no limit '%.*s'%s%s%s",
                       (int)(len < 100 ? len : 100), text, nearest != NULL ? "; did you mean " : "",
                       nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
        return false;
    }
    if (text[len] != '=' || !serve_limit_parse(limit, text + len + 1, &value, &expected)) {
        (void)snprintf(ret_problem, problem_size, "%s takes %s", limit->name,
                       expected != NULL ? expected : "a value: NAME=VALUE");
        return false;
    }
    if (!serve_limit_store(limit, value, limits)) {
        (void)snprintf(ret_problem, problem_size, "%s can't be %s", limit->name, text + len + 1);
        return false;
    }
    return true;
}
