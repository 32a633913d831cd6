/* Finds where values end by their quotes and brackets alone; what stands between these is the
 * parser's to judge. A value that lies in one piece is lent from it; one that lies in several is
 * put together.
 *
 * Where a line is bad, the next one should still be found. So what can't be JSON is refused where
 * it shows the end of a bad line: a line end in a string, and behind a line end a bracket that
 * opens where a comma should be, as in
 *
 *     {"a": {"b": 1}
 *     {"a": 2}
 *
 * (S1) The texts that are given do not depend on how the stream is cut into pieces.
 * (S2) No more is held than one value of at most `value_size_bytes_max`.
 * (S3) Outside an array, after a failure the next value is looked for behind the line where the bad
 *      one was seen to be bad; in an array the failure stays.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/json_stream.h>

#include "base/alloc.h"
#include "base/err.h"
#include "value/json_token.h"

#include <string.h>

enum { JSON_STREAM_MARK_SIZE = 3 };

static const uint8_t json_stream_mark[JSON_STREAM_MARK_SIZE] = {0xef, 0xbb, 0xbf}; /* byte order */

/* What may come next. */
typedef enum json_stream_state {
    JSON_STREAM_START,       /* a value, or the bracket of the array */
    JSON_STREAM_VALUE,       /* a value; no array */
    JSON_STREAM_ARRAY_FIRST, /* an element or the end of the array */
    JSON_STREAM_ARRAY_NEXT,  /* a comma or the end of the array */
    JSON_STREAM_ARRAY_VALUE, /* an element */
    JSON_STREAM_ARRAY_END,   /* white space */
    JSON_STREAM_SKIP,        /* the end of the line, then a value */
    JSON_STREAM_FAILED       /* in an array: nothing */
} json_stream_state;

/* Where in a value the scan is. */
typedef struct json_stream_scan {
    bool in_value;
    bool in_scalar;
    bool in_string;
    bool in_escape; /* behind a backslash */
    bool at_quote;  /* at the quote that opens a value which is a string */
    bool line_end;  /* only white space with a line end since the last byte of a token */
    uint8_t last;   /* the last byte that is no white space */
    size_t depth;   /* open brackets */
} json_stream_scan;

struct copse_json_stream {
    const copse_env *env;
    copse_buf held; /* what earlier pieces had of the value */
    const uint8_t *at;
    const uint8_t *end;
    bool fed;      /* there is a piece that is not used up */
    bool finished; /* there are no more pieces */
    bool lent;     /* the held value was given */
    json_stream_state state;
    json_stream_scan scan;
    uint8_t marked;         /* bytes of a byte order mark that were passed; all: none may come */
    uint64_t offset;        /* of `at` in the stream */
    uint64_t line;          /* of `at` */
    uint64_t line_start;    /* its offset */
    copse_json_place place; /* where the value begins */
    copse_err failure;      /* that is repeated in an array */
};

copse_status copse_json_stream_new(const copse_env *env, size_t value_size_bytes_max,
                                   copse_json_stream **ret_stream, copse_err *err)
{
    copse_json_stream *stream = copse_alloc_zeroed(env, sizeof *stream);
    if (stream == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    stream->env = env;
    stream->line = 1;
    copse_buf_init(&stream->held, env, value_size_bytes_max);
    *ret_stream = stream;
    return COPSE_OK;
}

copse_json_stream *copse_json_stream_free(copse_json_stream *stream)
{
    if (stream != NULL) {
        copse_buf_release(&stream->held);
        copse_free(stream->env, stream, sizeof *stream);
    }
    return NULL;
}

copse_status copse_json_stream_feed(copse_json_stream *stream, copse_bytes piece, copse_err *err)
{
    if (stream->fed || stream->finished) {
        return COPSE_ERR(err, COPSE_MISUSE,
                         stream->fed ? "the last piece has not been used up"
                                     : "there was an end of the stream");
    }
    stream->fed = piece.len > 0;
    stream->finished = piece.len == 0;
    stream->at = piece.ptr;
    stream->end = piece.len > 0 ? piece.ptr + piece.len : piece.ptr;
    return COPSE_OK;
}

/* ---- Places ---- */

/* Moves to `to`, counting the lines. */
static void json_stream_pass(copse_json_stream *stream, const uint8_t *to)
{
    const uint8_t *at = stream->at;
    const uint8_t *found;
    while (at < to && (found = memchr(at, '\n', (size_t)(to - at))) != NULL) {
        at = found + 1;
        stream->line++;
        stream->line_start = stream->offset + (uint64_t)(at - stream->at);
    }
    stream->offset += (uint64_t)(to - stream->at);
    stream->at = to;
}

static copse_json_place json_stream_place(const copse_json_stream *stream)
{
    return (copse_json_place){.line = stream->line,
                              .column = stream->offset - stream->line_start + 1,
                              .offset = stream->offset};
}

/* Fails at `place`. Leaves the value; outside an array, `next` is what may come then. */
static copse_status json_stream_fail(copse_json_stream *stream, copse_status status,
                                     const copse_json_place *place, json_stream_state next,
                                     const char *why, copse_err *err)
{
    bool in_array =
        stream->state >= JSON_STREAM_ARRAY_FIRST && stream->state <= JSON_STREAM_ARRAY_END;
    stream->state = in_array ? JSON_STREAM_FAILED : next;
    stream->scan = (json_stream_scan){0};
    copse_buf_truncate(&stream->held, 0);
    (void)COPSE_ERR(&stream->failure, status, "line %llu, column %llu: %s",
                    (unsigned long long)place->line, (unsigned long long)place->column, why);
    if (err != NULL) {
        *err = stream->failure;
    }
    return status;
}

/* ---- Inside a value ---- */

/* What a scan has come to. */
typedef enum json_stream_found {
    JSON_STREAM_MORE,     /* the end of the piece */
    JSON_STREAM_COMPLETE, /* the end of the value */
    JSON_STREAM_BROKEN    /* a line end in a string, or a bracket instead of a comma */
} json_stream_found;

/* Scans a string from `*at` on, up to behind its closing quote. */
COPSE_INLINE json_stream_found json_stream_scan_string(json_stream_scan *scan, const uint8_t **at,
                                                       const uint8_t *end)
{
    uint64_t seen = 0;
    const uint8_t *byte = *at;
    for (;;) {
        if (scan->in_escape && byte < end) {
            scan->in_escape = false;
            byte++;
        }
        byte = copse_json_plain_end(byte, end, &seen);
        *at = byte;
        if (byte == end) {
            return JSON_STREAM_MORE;
        }
        if (*byte == '\n') {
            return JSON_STREAM_BROKEN;
        }
        scan->in_escape = *byte == '\\';
        byte++;
        if (byte[-1] == '"') {
            scan->in_string = false;
            *at = byte;
            return JSON_STREAM_COMPLETE;
        }
    }
}

/* Scans a number or a word: up to white space, a comma or a bracket. */
static json_stream_found json_stream_scan_scalar(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *byte = *at;
    while (byte < end && !copse_json_is_space(*byte) && *byte != ',' && *byte != '[' &&
           *byte != ']' && *byte != '{' && *byte != '}') {
        byte++;
    }
    *at = byte;
    return byte < end ? JSON_STREAM_COMPLETE : JSON_STREAM_MORE;
}

/* Scans what is in brackets, from a byte outside strings up to behind the last bracket. */
static json_stream_found json_stream_scan_brackets(json_stream_scan *scan, const uint8_t **at,
                                                   const uint8_t *end)
{
    for (const uint8_t *byte = *at; byte < end; byte++) {
        uint8_t here = *byte;
        if (copse_json_is_space(here)) {
            scan->line_end |= here == '\n';
            continue;
        }
        bool opens = here == '{' || here == '[';
        if (COPSE_UNLIKELY(opens && scan->line_end && scan->last != ',' && scan->last != ':' &&
                           scan->last != '[')) {
            *at = byte;
            return JSON_STREAM_BROKEN;
        }
        scan->line_end = false;
        scan->last = here;
        if (here == '"') {
            *at = byte + 1;
            scan->in_string = true;
            json_stream_found found = json_stream_scan_string(scan, at, end);
            if (found != JSON_STREAM_COMPLETE) {
                return found;
            }
            byte = *at - 1;
        } else if (opens) {
            scan->depth++;
        } else if ((here == '}' || here == ']') && --scan->depth == 0) {
            *at = byte + 1;
            return JSON_STREAM_COMPLETE;
        }
    }
    *at = end;
    return JSON_STREAM_MORE;
}

/* Scans on in the value from `*at` on. */
static json_stream_found json_stream_scan_value(json_stream_scan *scan, const uint8_t **at,
                                                const uint8_t *end)
{
    if (scan->in_scalar) {
        return json_stream_scan_scalar(at, end);
    }
    if (scan->in_string) {
        *at += scan->at_quote;
        scan->at_quote = false;
        json_stream_found found = json_stream_scan_string(scan, at, end);
        if (found != JSON_STREAM_COMPLETE || scan->depth == 0) {
            return found;
        }
    }
    return json_stream_scan_brackets(scan, at, end);
}

/* Whether a value may begin with `byte`; notes what kind. */
static bool json_stream_begin(copse_json_stream *stream, uint8_t byte)
{
    json_stream_scan scan = {.in_value = true};
    bool letter = (uint8_t)((byte | 0x20) - 'a') < 26;
    scan.in_string = byte == '"';
    scan.at_quote = scan.in_string;
    scan.in_scalar =
        copse_json_is_digit(byte) || letter || byte == '-' || byte == '+' || byte == '.';
    if (!scan.in_string && !scan.in_scalar && byte != '{' && byte != '[') {
        return false;
    }
    stream->scan = scan;
    stream->place = json_stream_place(stream);
    return true;
}

/* Ends the value whose last part ends at `to`, and gives it. */
static copse_status json_stream_give(copse_json_stream *stream, const uint8_t *to,
                                     copse_bytes *ret_text, copse_json_place *ret_place,
                                     copse_err *err)
{
    copse_bytes part = {stream->at, (size_t)(to - stream->at)};
    if (stream->held.len > 0 && copse_buf_append(&stream->held, part) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    json_stream_pass(stream, to);
    bool in_array = stream->state >= JSON_STREAM_ARRAY_FIRST;
    stream->state = in_array ? JSON_STREAM_ARRAY_NEXT : JSON_STREAM_VALUE;
    stream->scan.in_value = false;
    stream->lent = stream->held.len > 0;
    *ret_text = stream->lent ? copse_buf_view(&stream->held) : part;
    *ret_place = stream->place;
    return COPSE_OK;
}

/* Keeps what the piece has of the value, up to which `scan` has come. */
static copse_status json_stream_hold(copse_json_stream *stream, const json_stream_scan *scan,
                                     copse_err *err)
{
    copse_bytes part = {stream->at, (size_t)(stream->end - stream->at)};
    if (copse_buf_append(&stream->held, part) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    json_stream_pass(stream, stream->end);
    stream->scan = *scan;
    stream->fed = false;
    return COPSE_WANT;
}

/* Fails at `at`, where the value can't go on. */
static copse_status json_stream_break(copse_json_stream *stream, const uint8_t *at, copse_err *err)
{
    json_stream_pass(stream, at);
    copse_json_place place = json_stream_place(stream);
    if (*at == '\n') {
        return json_stream_fail(stream, COPSE_CORRUPT, &place, JSON_STREAM_SKIP,
                                "the line ends in a string", err);
    }
    return json_stream_fail(stream, COPSE_CORRUPT, &place, JSON_STREAM_VALUE,
                            "a bracket where a comma or the end of the value before was expected",
                            err);
}

/* Goes on in a value that has begun, in the piece that is there. One byte is looked at behind the
 * longest value that is allowed, wherever the pieces end (S1). */
static copse_status json_stream_value(copse_json_stream *stream, copse_bytes *ret_text,
                                      copse_json_place *ret_place, copse_err *err)
{
    json_stream_scan scan = stream->scan; /* so that out of memory changes nothing */
    const uint8_t *at = stream->at;
    size_t room = stream->held.max - stream->held.len;
    size_t left = (size_t)(stream->end - at);
    json_stream_found found =
        json_stream_scan_value(&scan, &at, left > room ? at + room + 1 : stream->end);
    if (found == JSON_STREAM_BROKEN) {
        return json_stream_break(stream, at, err);
    }
    if ((size_t)(at - stream->at) > room) {
        json_stream_pass(stream, stream->at + room);
        return json_stream_fail(stream, COPSE_LIMIT, &stream->place, JSON_STREAM_SKIP,
                                "the value is too long", err);
    }
    return found == JSON_STREAM_COMPLETE ? json_stream_give(stream, at, ret_text, ret_place, err)
                                         : json_stream_hold(stream, &scan, err);
}

/* Goes on in a value that has begun, at the end of the pieces that were fed. */
static copse_status json_stream_value_end(copse_json_stream *stream, copse_bytes *ret_text,
                                          copse_json_place *ret_place, copse_err *err)
{
    if (!stream->finished) {
        stream->fed = false;
        return COPSE_WANT;
    }
    if (stream->scan.in_scalar) {
        return json_stream_give(stream, stream->at, ret_text, ret_place, err);
    }
    return json_stream_fail(stream, COPSE_CORRUPT, &stream->place, JSON_STREAM_VALUE,
                            "the stream ends in the value that begins here", err);
}

/* ---- Between values ---- */

static copse_status json_stream_unexpected(copse_json_stream *stream, const char *why,
                                           copse_err *err)
{
    copse_json_place place = json_stream_place(stream);
    return json_stream_fail(stream, COPSE_CORRUPT, &place, JSON_STREAM_SKIP, why, err);
}

/* Whether what comes next breaks off a byte order mark that has begun. None may begin behind it. */
static bool json_stream_breaks_mark(copse_json_stream *stream)
{
    bool begun = stream->marked > 0 && stream->marked < JSON_STREAM_MARK_SIZE;
    stream->marked = JSON_STREAM_MARK_SIZE;
    return begun;
}

/* Behind the last piece. */
static copse_status json_stream_end(copse_json_stream *stream, copse_err *err)
{
    if (json_stream_breaks_mark(stream)) {
        return json_stream_unexpected(stream, "a byte order mark is cut short", err);
    }
    if (stream->state >= JSON_STREAM_ARRAY_FIRST && stream->state <= JSON_STREAM_ARRAY_VALUE) {
        return json_stream_unexpected(stream, "the stream ends in the array", err);
    }
    return COPSE_END;
}

/* Moves over `byte`, which comes next, into `state`. */
static copse_status json_stream_enter(copse_json_stream *stream, json_stream_state state)
{
    json_stream_pass(stream, stream->at + 1);
    stream->state = state;
    return COPSE_OK;
}

/* Reads what comes next between two values: something that moves the state, or the beginning of a
 * value. */
static copse_status json_stream_between(copse_json_stream *stream, copse_err *err)
{
    uint8_t byte = *stream->at;
    json_stream_state state = stream->state;
    if (stream->offset == stream->marked && stream->marked < JSON_STREAM_MARK_SIZE &&
        byte == json_stream_mark[stream->marked]) {
        stream->marked++;
        return json_stream_enter(stream, state);
    }
    if (json_stream_breaks_mark(stream)) {
        return json_stream_unexpected(stream, "a byte order mark is cut short", err);
    }
    if (state == JSON_STREAM_ARRAY_END) {
        return json_stream_unexpected(stream, "only white space may follow the array", err);
    }
    if (state == JSON_STREAM_START && byte == '[') {
        return json_stream_enter(stream, JSON_STREAM_ARRAY_FIRST);
    }
    if (byte == ']' && (state == JSON_STREAM_ARRAY_FIRST || state == JSON_STREAM_ARRAY_NEXT)) {
        return json_stream_enter(stream, JSON_STREAM_ARRAY_END);
    }
    if (state == JSON_STREAM_ARRAY_NEXT) {
        return byte == ',' ? json_stream_enter(stream, JSON_STREAM_ARRAY_VALUE)
                           : json_stream_unexpected(stream, "a comma or ']' was expected", err);
    }
    if (!json_stream_begin(stream, byte)) {
        return json_stream_unexpected(stream, "a value can't begin so", err);
    }
    return COPSE_OK;
}

/* Moves behind the end of the line. */
static void json_stream_skip_line(copse_json_stream *stream)
{
    const uint8_t *found = memchr(stream->at, '\n', (size_t)(stream->end - stream->at));
    json_stream_pass(stream, found != NULL ? found + 1 : stream->end);
    stream->state = found != NULL ? JSON_STREAM_VALUE : JSON_STREAM_SKIP;
}

copse_status copse_json_stream_next(copse_json_stream *stream, copse_bytes *ret_text,
                                    copse_json_place *ret_place, copse_err *err)
{
    if (stream->lent) {
        copse_buf_truncate(&stream->held, 0);
        stream->lent = false;
    }
    for (;;) {
        if (stream->state == JSON_STREAM_FAILED) {
            if (err != NULL) {
                *err = stream->failure;
            }
            return stream->failure.status;
        }
        if (stream->scan.in_value) {
            return stream->at < stream->end
                       ? json_stream_value(stream, ret_text, ret_place, err)
                       : json_stream_value_end(stream, ret_text, ret_place, err);
        }
        if (stream->at < stream->end && stream->state == JSON_STREAM_SKIP) {
            json_stream_skip_line(stream);
        }
        const uint8_t *at = stream->at;
        if (stream->state != JSON_STREAM_SKIP && at < stream->end) {
            json_stream_pass(stream, copse_json_skip_space(at, stream->end));
        }
        if (stream->at == stream->end) {
            stream->fed = false;
            return stream->finished ? json_stream_end(stream, err) : COPSE_WANT;
        }
        copse_status status = json_stream_between(stream, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
}
