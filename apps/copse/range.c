/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "range.h"

#include "failure.h"
#include "text.h"

bool copse_key_parse(copse_call *call, const char *text, copse_buf *buf, copse_bytes *ret_key)
{
    size_t start = buf->len;
    copse_bytes bytes = copse_bytes_of_text(text);
    copse_status status =
        call->output.hex ? copse_text_decode_hex(bytes, buf) : copse_buf_append(buf, bytes);
    if (status == COPSE_CORRUPT) {
        (void)copse_failure_usage(call,
                                  "with --hex, '%s' should be an even number of hexadecimal "
                                  "digits",
                                  text);
    } else if (status != COPSE_OK) {
        (void)copse_failure(call, status, NULL, "'%s': %s", text, copse_status_name(status));
    } else {
        *ret_key = (copse_bytes){buf->ptr + start, buf->len - start};
    }
    return status == COPSE_OK;
}

bool copse_range_is_given(const copse_call *call)
{
    return copse_options_has(&call->options, "--from") ||
           copse_options_has(&call->options, "--to") ||
           copse_options_has(&call->options, "--prefix");
}

const copse_bytes *copse_range_to(const copse_range *range)
{
    return range->has_to ? &range->to : NULL;
}

static bool range_parse(copse_call *call, const char *option, copse_buf *buf, copse_bytes *ret_key)
{
    const char *text = copse_options_text(&call->options, option, NULL);
    return text == NULL || copse_key_parse(call, text, buf, ret_key);
}

/* The first key behind all that begin with the prefix; false: there is none. */
static bool range_after_prefix(copse_buf *buf)
{
    while (buf->len > 0 && buf->ptr[buf->len - 1] == 0xff) {
        copse_buf_truncate(buf, buf->len - 1);
    }
    if (buf->len > 0) {
        buf->ptr[buf->len - 1]++;
    }
    return buf->len > 0;
}

static bool range_set_prefix(copse_range *range, copse_call *call)
{
    const char *text = copse_options_text(&call->options, "--prefix", NULL);
    copse_bytes unused;
    if (text == NULL) {
        return true;
    }
    if (copse_options_has(&call->options, "--from") || copse_options_has(&call->options, "--to")) {
        (void)copse_failure_usage(call, "--prefix can't stand beside --from and --to");
        return false;
    }
    if (!copse_key_parse(call, text, &range->from_buf, &range->from) ||
        !copse_key_parse(call, text, &range->to_buf, &unused)) {
        return false;
    }
    range->has_to = range_after_prefix(&range->to_buf);
    range->to = copse_buf_view(&range->to_buf);
    return true;
}

bool copse_range_init(copse_range *range, copse_call *call)
{
    *range = (copse_range){.has_to = copse_options_has(&call->options, "--to")};
    copse_buf_init(&range->from_buf, &call->env, (size_t)1 << 20);
    copse_buf_init(&range->to_buf, &call->env, (size_t)1 << 20);
    if (range_parse(call, "--from", &range->from_buf, &range->from) &&
        range_parse(call, "--to", &range->to_buf, &range->to) && range_set_prefix(range, call)) {
        return true;
    }
    copse_range_release(range);
    return false;
}

void copse_range_release(copse_range *range)
{
    copse_buf_release(&range->from_buf);
    copse_buf_release(&range->to_buf);
}
