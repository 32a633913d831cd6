/* DAG-CBOR, checking: whether bytes are an item, and where it ends.
 *
 * An item is a head, then its content. The head's first byte holds the major type (3 bits) and an
 * argument (5 bits): the argument itself if below 24, or 24..27 for an argument of 1, 2, 4 or 8
 * bytes that follow, big-endian.
 *
 *     major  item        argument         content
 *     0      integer     the value        -
 *     1      integer     -1 - value       -
 *     2      bytes       size             the bytes
 *     3      text        size             UTF-8
 *     4      array       elements         the elements
 *     5      map         pairs            key, value, key, value…; keys are text
 *     6      link        42, as d8 2a     a byte string: 00, binary CID
 *     7      f4 f5 f6    false true null  -
 *            fb          bits of a float  -
 *
 *   I1  An argument takes the fewest bytes that hold it. (Not the bits of a float.)
 *   I2  Nothing is indefinite; 28..31 never stand for an argument.
 *   I3  Keys are text, each once, in the order of their encodings: shorter before longer, then
 *       bytewise.
 *   I4  Text is UTF-8 (RFC 3629).
 *   I5  The only tag is 42, on a byte string of a zero byte and exactly one binary CID.
 *   I6  A float has 64 bits and is finite. -0.0 is one of them, other than 0.0 and than 0.
 *   I7  Arrays and maps nest at most limits->cbor_depth_max deep.
 *   I8  An item that is a block or a document is followed by nothing.
 *
 * So a value has one encoding, if 1 and 1.0 are two values; strict mode accepts nothing else. Lax
 * mode gives up the order in I3 (not the "once"), I4, the width in I6, and takes `undefined` (f7)
 * for null: what @ipld/dag-cbor and go-ipld-prime let through, while they refuse the rest.
 *
 * Cost: one pass. The argument of an item without nesting is checked in copse_cbor_item_end_fast,
 * inlined in the loops below. Arrays and maps recurse, to I7's depth. "Once" for keys out of order
 * needs a sort of a bounded number of them, and a second walk over their map; all such walks
 * together cost at most the depth times the size.
 *
 * The whole format with vectors: docs/formats/dag-cbor.md.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/dag_cbor.h>

#include "base/err.h"
#include "value/cid_parse.h"
#include "value/dag_cbor_inline.h"

#include <assert.h>

/* One check. Its functions return the end of what they checked, or NULL after cbor_check_fail. */
typedef struct cbor_check {
    const uint8_t *end;
    bool lax;
    copse_status status; /* the first failure */
    const uint8_t *fail_at;
    const char *why;
} cbor_check;

static const uint8_t *cbor_check_items(cbor_check *check, const uint8_t *at, uint64_t count,
                                       size_t depth_left);
static const uint8_t *cbor_check_map(cbor_check *check, const uint8_t *at, uint64_t count,
                                     size_t depth_left);

static COPSE_NOINLINE const uint8_t *cbor_check_fail(cbor_check *check, copse_status status,
                                                     const uint8_t *at, const char *why)
{
    check->status = status;
    check->fail_at = at;
    check->why = why;
    return NULL;
}

/* ---- Heads ---------------------------------------------------------------------------------- */

const uint64_t copse_cbor_arg_min[4] = {24, UINT8_MAX + 1, UINT16_MAX + 1,
                                        (uint64_t)UINT32_MAX + 1};

bool copse_cbor_head_read_careful(const uint8_t *at, const uint8_t *end, copse_cbor_head *ret_head)
{
    assert(at < end);
    unsigned info = *at & 0x1f;
    if (info < 24 || info > 27 || end - at < 1 + (1 << (info - 24))) {
        return false;
    }
    unsigned width = info - 24;
    size_t arg_size = (size_t)1 << width;
    uint64_t arg = 0;
    for (size_t i = 1; i <= arg_size; i++) {
        arg = arg << 8 | at[i];
    }
    *ret_head = (copse_cbor_head){arg, *at >> 5, (uint8_t)(1 + arg_size)};
    return arg >= copse_cbor_arg_min[width] || *at > COPSE_CBOR_SIMPLE_ONE_BYTE;
}

/* Says why copse_cbor_head_read refused the head at `at`. */
static const uint8_t *cbor_check_fail_head(cbor_check *check, const uint8_t *at)
{
    if (at >= check->end) {
        return cbor_check_fail(check, COPSE_CORRUPT, at, "an item is missing");
    }
    uint8_t info = *at & 0x1f;
    if (info == 31) {
        return cbor_check_fail(check, COPSE_CORRUPT, at,
                               *at == 0xff ? "a break without an indefinite item"
                                           : "an item of indefinite length");
    }
    if (info >= 28) {
        return cbor_check_fail(check, COPSE_CORRUPT, at, "a reserved head");
    }
    if (check->end - at < 1 + (1 << (info - 24))) {
        return cbor_check_fail(check, COPSE_CORRUPT, at, "a head is cut off");
    }
    if (*at >> 5 == COPSE_CBOR_MAJOR_SIMPLE) {
        return cbor_check_fail(check, COPSE_CORRUPT, at,
                               "a simple value other than false, true "
                               "and null");
    }
    return cbor_check_fail(check, COPSE_CORRUPT, at, "a head is longer than its argument needs");
}

/* ---- Items without nesting ------------------------------------------------------------------ */

static const uint8_t *cbor_check_text(cbor_check *check, const uint8_t *at,
                                      const copse_cbor_head *head)
{
    const uint8_t *text = at + head->size;
    if (head->arg > (size_t)(check->end - text)) {
        return cbor_check_fail(check, COPSE_CORRUPT, at, "a text is cut off");
    }
    if (!check->lax && !copse_utf8_valid_within(text, (size_t)head->arg, check->end)) {
        return cbor_check_fail(check, COPSE_CORRUPT, at, "a text is not UTF-8");
    }
    return text + head->arg;
}

/* A link whose tag has been read. */
static const uint8_t *cbor_check_link(cbor_check *check, const uint8_t *at,
                                      const copse_cbor_head *tag)
{
    if (tag->arg != COPSE_CBOR_TAG_LINK) {
        return cbor_check_fail(check, COPSE_CORRUPT, at, "a tag other than 42");
    }
    const uint8_t *string = at + tag->size;
    copse_cbor_head head;
    if (!copse_cbor_head_read(string, check->end, &head)) {
        return cbor_check_fail_head(check, string);
    }
    if (head.major != COPSE_CBOR_MAJOR_BYTES) {
        return cbor_check_fail(check, COPSE_CORRUPT, at, "a link is not a byte string");
    }
    const uint8_t *content = string + head.size;
    if (head.arg > (size_t)(check->end - content)) {
        return cbor_check_fail(check, COPSE_CORRUPT, at, "a link is cut off");
    }
    if (head.arg == 0 || content[0] != 0) {
        return cbor_check_fail(check, COPSE_CORRUPT, at, "a link does not begin with a zero byte");
    }
    copse_bytes cid = {content + 1, (size_t)head.arg - 1};
    copse_cid_parts parts;
    size_t size = 0;
    const char *why = "";
    copse_status status = copse_cid_parse(cid, &parts, &size, &why);
    if (status != COPSE_OK) {
        return cbor_check_fail(check, status, at, why);
    }
    if (size != cid.len) {
        return cbor_check_fail(check, COPSE_CORRUPT, at, "bytes follow the CID of a link");
    }
    return content + head.arg;
}

/* Whether the exponent of the float with these bits is not all ones: neither NaN nor infinite. */
static bool cbor_check_is_finite(uint64_t bits, unsigned exponent_bits, unsigned fraction_bits)
{
    uint64_t mask = (((uint64_t)1 << exponent_bits) - 1) << fraction_bits;
    return (bits & mask) != mask;
}

static const uint8_t *cbor_check_simple(cbor_check *check, const uint8_t *at,
                                        const copse_cbor_head *head)
{
    bool finite;
    switch (*at) {
    case COPSE_CBOR_FALSE:
    case COPSE_CBOR_TRUE:
    case COPSE_CBOR_NIL:
        return at + 1;
    case COPSE_CBOR_UNDEFINED:
        if (!check->lax) {
            return cbor_check_fail(check, COPSE_CORRUPT, at, "the value undefined");
        }
        return at + 1;
    case COPSE_CBOR_F16:
        finite = cbor_check_is_finite(head->arg, 5, 10);
        break;
    case COPSE_CBOR_F32:
        finite = cbor_check_is_finite(head->arg, 8, 23);
        break;
    case COPSE_CBOR_F64:
        finite = cbor_check_is_finite(head->arg, 11, 52);
        break;
    default:
        return cbor_check_fail(check, COPSE_CORRUPT, at,
                               "a simple value other than false, true and null");
    }
    if (!finite) {
        return cbor_check_fail(check, COPSE_CORRUPT, at, "a float that is not finite");
    }
    if (*at != COPSE_CBOR_F64 && !check->lax) {
        return cbor_check_fail(check, COPSE_CORRUPT, at, "a float of fewer than 64 bits");
    }
    return at + head->size;
}

/* ---- Nesting -------------------------------------------------------------------------------- */

/* Recursive, to the depth of I7: at most COPSE_CBOR_DEPTH_MAX levels of some 200 bytes of stack. */
/* NOLINTBEGIN(misc-no-recursion) */

/* An array or map. Each item in it takes at least a byte, so a count beyond the input is refused
 * before anything is done `count` times. */
static const uint8_t *cbor_check_container(cbor_check *check, const uint8_t *at,
                                           const copse_cbor_head *head, size_t depth_left)
{
    const uint8_t *content = at + head->size;
    bool is_map = head->major == COPSE_CBOR_MAJOR_MAP;
    size_t left = (size_t)(check->end - content);
    if (head->arg > (is_map ? left / 2 : left)) {
        return cbor_check_fail(check, COPSE_CORRUPT, at, "an array or map is cut off");
    }
    if (depth_left == 0) {
        return cbor_check_fail(check, COPSE_LIMIT, at, "arrays and maps nest too deep");
    }
    return is_map ? cbor_check_map(check, content, head->arg, depth_left - 1)
                  : cbor_check_items(check, content, head->arg, depth_left - 1);
}

static const uint8_t *cbor_check_item_slow(cbor_check *check, const uint8_t *at, size_t depth_left)
{
    copse_cbor_head head;
    if (!copse_cbor_head_read(at, check->end, &head)) {
        return cbor_check_fail_head(check, at);
    }
    switch (head.major) {
    case COPSE_CBOR_MAJOR_UINT:
    case COPSE_CBOR_MAJOR_NEGATIVE:
        return at + head.size;
    case COPSE_CBOR_MAJOR_BYTES:
        if (head.arg > (size_t)(check->end - at) - head.size) {
            return cbor_check_fail(check, COPSE_CORRUPT, at, "a byte string is cut off");
        }
        return at + head.size + head.arg;
    case COPSE_CBOR_MAJOR_TEXT:
        return cbor_check_text(check, at, &head);
    case COPSE_CBOR_MAJOR_TAG:
        return cbor_check_link(check, at, &head);
    case COPSE_CBOR_MAJOR_SIMPLE:
        return cbor_check_simple(check, at, &head);
    default:
        return cbor_check_container(check, at, &head, depth_left);
    }
}

COPSE_INLINE const uint8_t *cbor_check_item(cbor_check *check, const uint8_t *at, size_t depth_left)
{
    const uint8_t *next = copse_cbor_item_end_fast(at, check->end);
    return COPSE_LIKELY(next != NULL) ? next : cbor_check_item_slow(check, at, depth_left);
}

static const uint8_t *cbor_check_items(cbor_check *check, const uint8_t *at, uint64_t count,
                                       size_t depth_left)
{
    for (; count > 0; count--) {
        at = cbor_check_item(check, at, depth_left);
        if (COPSE_UNLIKELY(at == NULL)) {
            return NULL;
        }
    }
    return at;
}

/* ---- Maps ----------------------------------------------------------------------------------- */

COPSE_INLINE const uint8_t *cbor_check_key(cbor_check *check, const uint8_t *at)
{
    copse_cbor_head head;
    if (COPSE_UNLIKELY(!copse_cbor_head_read(at, check->end, &head))) {
        return cbor_check_fail_head(check, at);
    }
    if (COPSE_UNLIKELY(head.major != COPSE_CBOR_MAJOR_TEXT)) {
        return cbor_check_fail(check, COPSE_CORRUPT, at, "a map key is not text");
    }
    return cbor_check_text(check, at, &head);
}

/* The keys of a map that is valid but for their order: whether each stands once. Not inlined: its
 * stack must not be part of each level of nesting. */
static COPSE_NOINLINE bool cbor_check_unsorted(cbor_check *check, const uint8_t *content,
                                               uint64_t count)
{
    uint32_t offsets[COPSE_CBOR_UNSORTED_PAIRS_MAX];
    const uint8_t *at = content;
    if (count > COPSE_CBOR_UNSORTED_PAIRS_MAX) {
        (void)cbor_check_fail(check, COPSE_LIMIT, at, "too many map keys out of order");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if ((size_t)(at - content) > UINT32_MAX) {
            (void)cbor_check_fail(check, COPSE_LIMIT, at, "too large a map out of order");
            return false;
        }
        offsets[i] = (uint32_t)(at - content);
        at = copse_cbor_item_skip(at, check->end);
        at = copse_cbor_item_skip(at, check->end);
    }
    copse_cbor_sort_keys(content, check->end, offsets, (size_t)count);
    size_t offset = 0;
    if (copse_cbor_find_equal_keys(content, check->end, offsets, (size_t)count, &offset)) {
        (void)cbor_check_fail(check, COPSE_CORRUPT, content + offset, "a map key stands twice");
        return false;
    }
    return true;
}

static const uint8_t *cbor_check_map(cbor_check *check, const uint8_t *at, uint64_t count,
                                     size_t depth_left)
{
    const uint8_t *content = at;
    const uint8_t *last = NULL;
    size_t last_size = 0;
    bool sorted = true;
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *key = at;
        at = cbor_check_key(check, key);
        if (COPSE_UNLIKELY(at == NULL)) {
            return NULL;
        }
        size_t key_size = (size_t)(at - key);
        if (i > 0) {
            int order = copse_cbor_key_compare(last, last_size, key, key_size, check->end);
            if (COPSE_UNLIKELY(order == 0)) {
                return cbor_check_fail(check, COPSE_CORRUPT, key, "a map key stands twice");
            }
            if (COPSE_UNLIKELY(order > 0) && !check->lax) {
                return cbor_check_fail(check, COPSE_CORRUPT, key, "map keys are out of order");
            }
            sorted = sorted && order < 0;
        }
        last = key;
        last_size = key_size;
        at = cbor_check_item(check, at, depth_left);
        if (COPSE_UNLIKELY(at == NULL)) {
            return NULL;
        }
    }
    return sorted || cbor_check_unsorted(check, content, count) ? at : NULL;
}

/* NOLINTEND(misc-no-recursion) */

/* ---- Entry ---------------------------------------------------------------------------------- */

copse_status copse_dag_cbor_item_size(copse_bytes input, const copse_limits *limits,
                                      copse_cbor_mode mode, size_t *ret_size, copse_err *err)
{
    size_t depth_max = limits->cbor_depth_max < COPSE_CBOR_DEPTH_MAX ? limits->cbor_depth_max
                                                                     : COPSE_CBOR_DEPTH_MAX;
    if (input.len == 0) {
        return COPSE_ERR(err, COPSE_CORRUPT, "dag-cbor: byte 0: an item is missing");
    }
    cbor_check check = {.end = input.ptr + input.len, .lax = mode == COPSE_CBOR_LAX};
    const uint8_t *next = cbor_check_item(&check, input.ptr, depth_max);
    if (next == NULL) {
        return COPSE_ERR(err, check.status, "dag-cbor: byte %zu: %s",
                         (size_t)(check.fail_at - input.ptr), check.why);
    }
    *ret_size = (size_t)(next - input.ptr);
    return COPSE_OK;
}

copse_status copse_dag_cbor_check(copse_bytes input, const copse_limits *limits,
                                  copse_cbor_mode mode, copse_err *err)
{
    size_t size = 0;
    copse_status status = copse_dag_cbor_item_size(input, limits, mode, &size, err);
    if (status == COPSE_OK && size != input.len) {
        return COPSE_ERR(err, COPSE_CORRUPT, "dag-cbor: byte %zu: bytes follow the item", size);
    }
    return status;
}
