/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/posts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/dag_cbor.h>

#include "crypto/hash.h"

enum {
    POSTS_WORDS = 2000,
    POSTS_TAGS = 200,
    POSTS_CATS = 4, /* the tag's number */
    POSTS_TEXT_MIN = 195,
    POSTS_WORD_SIZE = 12,
    POSTS_TAGS_EACH_MAX = 4
};

static const uint64_t posts_from_ms = 1609459200000; /* 2021-01-01 */
static const uint64_t posts_span_ms = UINT64_C(36) * 30 * 86400 * 1000;

struct posts {
    uint64_t count;
    bool random_ids;
    uint64_t next;
    uint32_t random;
    char id[POSTS_ID_SIZE + 1];
    char words[POSTS_WORDS][POSTS_WORD_SIZE];
    char tags[POSTS_TAGS][POSTS_WORD_SIZE + 4];
    double shares[POSTS_TAGS]; /* of the tags until this one */
};

/* splitmix32 */
static uint32_t posts_random(uint32_t *state)
{
    uint32_t z = *state += 0x9e3779b9u;
    z = (z ^ (z >> 16)) * 0x21f0aaadu;
    z = (z ^ (z >> 15)) * 0x735a2d97u;
    return z ^ (z >> 15);
}

void posts_rewind(posts *self)
{
    self->next = 0;
    self->random = 3;
}

posts *posts_new(uint64_t count, bool random_ids)
{
    static const char letters[] = "abcdefghijklmnoprstuvy";
    posts *self = calloc(1, sizeof *self);
    assert_non_null(self);
    self->count = count;
    self->random_ids = random_ids;
    for (uint32_t i = 0; i < POSTS_WORDS; i++) {
        uint32_t random = 777 + i;
        size_t len = 3 + posts_random(&random) % 8;
        for (size_t j = 0; j < len; j++) {
            self->words[i][j] = letters[posts_random(&random) % (sizeof letters - 1)];
        }
    }
    double share = 0;
    for (unsigned i = 0; i < POSTS_TAGS; i++) {
        (void)snprintf(self->tags[i], sizeof self->tags[i], "%s%u", self->words[i], i);
        share += 1.0 / (i + 1);
        self->shares[i] = share;
    }
    (void)snprintf(self->tags[POSTS_CATS], sizeof self->tags[POSTS_CATS], "cats");
    posts_rewind(self);
    return self;
}

void posts_free(posts *self)
{
    free(self);
}

const char *posts_id(const posts *self)
{
    return self->id;
}

/* ---- A post ---------------------------------------------------------------------------------- */

static void posts_must(copse_status status)
{
    assert_int_equal(status, COPSE_OK);
}

static void posts_field(copse_buf *buf, const char *name, const char *value)
{
    posts_must(copse_cbor_write_text(buf, copse_bytes_of_text(name)));
    if (value != NULL) {
        posts_must(copse_cbor_write_text(buf, copse_bytes_of_text(value)));
    }
}

static size_t posts_choose_tag(posts *self)
{
    double x = posts_random(&self->random) / 4294967296.0 * self->shares[POSTS_TAGS - 1];
    size_t tag = 0;
    while (self->shares[tag] < x) {
        tag++;
    }
    return tag;
}

static void posts_write_tags(posts *self, copse_buf *buf)
{
    size_t tags[POSTS_TAGS_EACH_MAX];
    size_t count = 0;
    size_t wanted = 1 + posts_random(&self->random) % POSTS_TAGS_EACH_MAX;
    while (count < wanted) {
        size_t tag = posts_choose_tag(self);
        size_t at = 0;
        while (at < count && tags[at] != tag) {
            at++;
        }
        tags[at] = tag;
        count += at == count;
    }
    posts_field(buf, "tags", NULL);
    posts_must(copse_cbor_write_array(buf, count));
    for (size_t i = 0; i < count; i++) {
        posts_must(copse_cbor_write_text(buf, copse_bytes_of_text(self->tags[tags[i]])));
    }
}

static void posts_write_text(const posts *self, unsigned edits, copse_buf *buf)
{
    char text[POSTS_TEXT_MIN + POSTS_WORD_SIZE + 1];
    size_t len = 0;
    uint32_t random = (uint32_t)self->next * 16 + edits + 12345;
    while (len < POSTS_TEXT_MIN) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s ",
                                self->words[posts_random(&random) % POSTS_WORDS]);
    }
    text[len - 1] = '\0';
    posts_field(buf, "text", text);
}

static void posts_make_id(posts *self)
{
    uint8_t digest[COPSE_SHA2_256_SIZE_BYTES];
    uint32_t high = posts_random(&self->random);
    uint32_t low = posts_random(&self->random);
    (void)snprintf(self->id, sizeof self->id, "%08x%08x%08x",
                   (unsigned)(0x60000000u + (uint32_t)self->next), (unsigned)high, (unsigned)low);
    if (self->random_ids) {
        copse_sha2_256(copse_bytes_of_text(self->id), digest);
        for (size_t i = 0; i < POSTS_ID_SIZE / 2; i++) {
            (void)snprintf(self->id + 2 * i, 3, "%02x", digest[i]);
        }
    }
}

bool posts_next(posts *self, unsigned edits, copse_buf *buf)
{
    size_t offset = buf->len;
    char author[16];
    double step = (double)posts_span_ms / (double)self->count;
    uint32_t authors = self->count / 50 > 10 ? (uint32_t)(self->count / 50) : 10;
    if (self->next == self->count) {
        return false;
    }
    posts_write_tags(self, buf);
    posts_make_id(self);
    posts_field(buf, "_id", self->id);
    (void)snprintf(author, sizeof author, "user%u",
                   (unsigned)(posts_random(&self->random) % authors));
    posts_field(buf, "author", author);
    posts_field(buf, "createdAt", NULL);
    posts_must(
        copse_cbor_write_uint(buf, (uint64_t)((double)posts_from_ms + (double)self->next * step) +
                                       posts_random(&self->random) % (uint32_t)step));
    posts_write_text(self, edits, buf);
    posts_must(copse_cbor_finish_map(buf, offset, 5));
    self->next++;
    return true;
}
