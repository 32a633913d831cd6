/* Any bytes as a stream of events: what comes out doesn't depend on how they are cut, is what a
 * plain reading of the standard gives for all of them at once, and memory stays bounded (A3).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "proto/event_stream.h"

#include "support/event_trace.h"
#include "support/fuzz.h"
#include "support/test_env.h"

#include <stdlib.h>
#include <string.h>

enum { INPUT_SIZE_MAX = 12 << 10, MEMORY_SIZE_MAX = 4 * 2 * COPSE_EVENT_SIZE_BYTES_MAX };

/* ---- The plain reading: of a whole text, line by line, without bounds ---- */

typedef struct plain {
    char data[2 * INPUT_SIZE_MAX];
    size_t data_len;
    bool has_data;
    copse_bytes type;
    copse_bytes id;
    copse_buf *out;
} plain;

static void plain_append(plain *self, copse_bytes bytes)
{
    fuzz_must(copse_buf_append(self->out, bytes) == COPSE_OK);
}

static void plain_dispatch(plain *self)
{
    if (self->has_data) {
        plain_append(self, copse_bytes_of_text("["));
        plain_append(self, self->type);
        plain_append(self, copse_bytes_of_text("|"));
        plain_append(self, self->id);
        plain_append(self, copse_bytes_of_text("|"));
        plain_append(self, (copse_bytes){(const uint8_t *)self->data, self->data_len});
        plain_append(self, copse_bytes_of_text("]"));
    }
    self->data_len = 0;
    self->has_data = false;
    self->type = (copse_bytes){NULL, 0};
}

static bool plain_is(copse_bytes name, const char *text)
{
    return copse_bytes_equal(name, copse_bytes_of_text(text));
}

static void plain_line(plain *self, copse_bytes line)
{
    size_t name = 0;
    while (name < line.len && line.ptr[name] != ':') {
        name++;
    }
    size_t value = name < line.len ? name + 1 : name;
    value += value < line.len && value > name && line.ptr[value] == ' ';
    copse_bytes field = {line.ptr, name};
    copse_bytes text = {line.ptr + value, line.len - value};
    if (line.len == 0) {
        plain_dispatch(self);
    } else if (plain_is(field, "data")) {
        if (self->has_data) {
            self->data[self->data_len++] = '\n';
        }
        memcpy(self->data + self->data_len, text.ptr, text.len);
        self->data_len += text.len;
        self->has_data = true;
    } else if (plain_is(field, "event")) {
        self->type = text;
    } else if (plain_is(field, "id") && (text.len == 0 || memchr(text.ptr, 0, text.len) == NULL)) {
        self->id = text;
    }
}

static void plain_read(copse_bytes bytes, copse_buf *out)
{
    plain *self = calloc(1, sizeof *self);
    fuzz_must(self != NULL);
    self->out = out;
    size_t at = bytes.len >= 3 && memcmp(bytes.ptr, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    for (size_t start = at; at < bytes.len; at++) {
        if (bytes.ptr[at] == '\n' || bytes.ptr[at] == '\r') {
            plain_line(self, (copse_bytes){bytes.ptr + start, at - start});
            at += bytes.ptr[at] == '\r' && at + 1 < bytes.len && bytes.ptr[at + 1] == '\n';
            start = at + 1;
        }
    }
    free(self);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    test_env env;
    copse_buf at_once;
    copse_buf in_pieces;
    if (size < 2 || size > INPUT_SIZE_MAX) {
        return 0;
    }
    copse_bytes stream = {data + 1, size - 1};
    test_env_init(&env);
    copse_buf_init(&at_once, &env.env, SIZE_MAX);
    copse_buf_init(&in_pieces, &env.env, SIZE_MAX);
    fuzz_must(event_trace(&env.env, stream, SIZE_MAX, &at_once) == COPSE_OK);
    fuzz_must(event_trace(&env.env, stream, 1 + (size_t)data[0] % 7, &in_pieces) == COPSE_OK);
    fuzz_must(copse_bytes_equal(copse_buf_view(&at_once), copse_buf_view(&in_pieces)));
    copse_buf_truncate(&in_pieces, 0);
    plain_read(stream, &in_pieces);
    fuzz_must(copse_bytes_equal(copse_buf_view(&at_once), copse_buf_view(&in_pieces)));
    fuzz_must(env.peak_bytes < MEMORY_SIZE_MAX + at_once.cap + in_pieces.cap);
    copse_buf_release(&at_once);
    copse_buf_release(&in_pieces);
    return 0;
}
