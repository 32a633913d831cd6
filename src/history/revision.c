/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/revision.h>

#include <copse/sys/refs.h>

#include "base/err.h"
#include "value/ext_json_date.h"

#include <string.h>

enum { REVISION_DAY_SIZE = 10, REVISION_TIME_SIZE_MAX = 40 };

static bool revision_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Takes "~N" off the end. END: there is none. */
static copse_status revision_take_back(copse_bytes *text, uint64_t *ret_back, copse_err *err)
{
    uint64_t back = 0;
    size_t at = text->len;
    if (at == 0) {
        return COPSE_END;
    }
    while (at > 0 && revision_is_digit(text->ptr[at - 1])) {
        at--;
    }
    if (at == 0 || text->ptr[at - 1] != '~') {
        return memchr(text->ptr, '~', text->len) == NULL
                   ? COPSE_END
                   : COPSE_ERR(err, COPSE_CORRUPT, "behind ~ a number must stand: HEAD~3");
    }
    if (at == text->len || at == 1) {
        return COPSE_ERR(err, COPSE_CORRUPT, "~ needs something before it and a number behind it");
    }
    for (size_t i = at; i < text->len; i++) {
        if (back > (UINT64_MAX - 9) / 10) {
            return COPSE_ERR(err, COPSE_CORRUPT, "the number behind ~ is too large");
        }
        back = back * 10 + (uint64_t)(text->ptr[i] - '0');
    }
    text->len = at - 1;
    *ret_back = back;
    return COPSE_OK;
}

/* Whether it begins as YYYY-MM-DD. */
static bool revision_is_time(copse_bytes text)
{
    static const char shape[] = "dddd-dd-dd";
    if (text.len < REVISION_DAY_SIZE) {
        return false;
    }
    for (size_t i = 0; i < REVISION_DAY_SIZE; i++) {
        if (shape[i] == 'd' ? !revision_is_digit(text.ptr[i]) : text.ptr[i] != '-') {
            return false;
        }
    }
    return true;
}

/* A day alone stands for its last millisecond. */
static copse_status revision_read_time(copse_bytes text, uint64_t *ret_time_ms, copse_err *err)
{
    static const char end_of_day[] = "T23:59:59.999Z";
    char whole[REVISION_TIME_SIZE_MAX];
    int64_t time_ms;
    if (text.len == REVISION_DAY_SIZE) {
        memcpy(whole, text.ptr, REVISION_DAY_SIZE);
        memcpy(whole + REVISION_DAY_SIZE, end_of_day, sizeof end_of_day);
        text = copse_bytes_of_text(whole);
    }
    if (copse_ext_json_date_parse(text, &time_ms) != COPSE_OK || time_ms < 0) {
        return COPSE_ERR(err, COPSE_CORRUPT,
                         "no time: 2026-11-22, 2026-11-22T10:00:00Z or 2026-11-22T10:00:00+01:00");
    }
    *ret_time_ms = (uint64_t)time_ms;
    return COPSE_OK;
}

copse_status copse_revision_parse(copse_bytes text, copse_revision *ret_revision, copse_err *err)
{
    copse_revision revision = {.kind = COPSE_REVISION_REF};
    uint64_t back = 0;
    copse_status status;
    while ((status = revision_take_back(&text, &back, err)) == COPSE_OK) {
        revision.back = back > UINT64_MAX - revision.back ? UINT64_MAX : revision.back + back;
    }
    if (status != COPSE_END) {
        return status;
    }
    status = COPSE_OK;
    if (text.len == 0) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a revision is HEAD, HEAD~3, a ref, a CID, or a time");
    }
    if (copse_bytes_equal(text, copse_bytes_of_text("HEAD"))) {
        revision.kind = COPSE_REVISION_HEAD;
    } else if (revision_is_time(text)) {
        revision.kind = COPSE_REVISION_TIME;
        status = revision_read_time(text, &revision.time_ms, err);
    } else if (copse_cid_from_text(text, &revision.cid, NULL) == COPSE_OK) {
        revision.kind = COPSE_REVISION_CID;
    } else {
        revision.name = text;
    }
    if (status == COPSE_OK) {
        *ret_revision = revision;
    }
    return status;
}

bool copse_revision_is_note(copse_bytes name)
{
    return copse_bytes_equal(name, copse_bytes_of_text(COPSE_REVISION_ORIGIN)) ||
           copse_bytes_equal(name, copse_bytes_of_text(COPSE_REVISION_FOLLOWING)) ||
           copse_bytes_equal(name, copse_bytes_of_text(COPSE_REVISION_DROPPED));
}

/* Whether it is `ref`, or stands below it. */
static bool revision_is_of(copse_bytes name, const char *ref)
{
    copse_bytes prefix = copse_bytes_of_text(ref);
    return copse_bytes_has_prefix(name, prefix) &&
           (name.len == prefix.len || name.ptr[prefix.len] == '/');
}

copse_status copse_revision_check_name(copse_bytes name, copse_err *err)
{
    copse_revision revision;
    if (!copse_ref_name_is_valid(name)) {
        return COPSE_ERR(err, COPSE_MISUSE,
                         "a name is 1 to %d bytes of UTF-8 without control characters",
                         COPSE_REF_NAME_SIZE_BYTES_MAX);
    }
    if (copse_revision_parse(name, &revision, NULL) != COPSE_OK ||
        !copse_bytes_equal(revision.name, name)) {
        return COPSE_ERR(err, COPSE_MISUSE,
                         "it would be read as a revision: HEAD, a time, a CID, or one with ~");
    }
    if (copse_bytes_has_prefix(name, copse_bytes_of_text(COPSE_REVISION_TAGS))) {
        return COPSE_ERR(err, COPSE_MISUSE, "what begins with tags/ are tags, which do not move");
    }
    if (copse_bytes_equal(name, copse_bytes_of_text(COPSE_REVISION_DROPPED))) {
        return COPSE_ERR(err, COPSE_MISUSE, "it says what of the past was dropped");
    }
    if (revision_is_of(name, COPSE_REVISION_FOLLOWING)) {
        return COPSE_ERR(err, COPSE_MISUSE, "following is where `copse follow` keeps its list");
    }
    if (revision_is_of(name, COPSE_REVISION_ORIGIN)) {
        return COPSE_ERR(err, COPSE_MISUSE, "origin is where a clone keeps what it came from");
    }
    return COPSE_OK;
}
