/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "failure.h"

#include "text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Messages may quote anything, so what can't stand in JSON is replaced. */
static void failure_print_member(const char *name, const char *text)
{
    bool is_utf8 = copse_text_is_utf8(copse_bytes_of_text(text));
    (void)fprintf(stderr, "\"%s\":\"", name);
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        if (c == '"' || c == '\\') {
            (void)fprintf(stderr, "\\%c", c);
        } else {
            (void)fputc(c < 0x20 || c == 0x7f || (c > 0x7f && !is_utf8) ? '?' : c, stderr);
        }
    }
    (void)fputs("\"", stderr);
}

/* A small output of its own: what goes to stderr must not mix with what is gathered for stdout. */
static void failure_print_json(copse_status status, const char *message, const char *hint)
{
    (void)fprintf(stderr, "{\"error\":{\"status\":\"%s\",", copse_status_name(status));
    failure_print_member("message", message);
    if (hint != NULL) {
        (void)fputs(",", stderr);
        failure_print_member("hint", hint);
    }
    (void)fputs("}}\n", stderr);
}

static void failure_print_warning(const copse_call *call, const char *message, const char *members);

static void failure_print(copse_call *call, copse_status status, const char *message,
                          const char *hint)
{
    (void)copse_output_flush(&call->output);
    if (call->warns) {
        failure_print_warning(call, message, "");
        return;
    }
    if (call->output.json) {
        failure_print_json(status, message, hint);
        return;
    }
    (void)fprintf(stderr, "copse: %s\n", message);
    if (hint != NULL) {
        (void)fprintf(stderr, "       %s\n", hint);
    }
}

int copse_failure(copse_call *call, copse_status status, const char *hint, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    failure_print(call, status, message, hint);
    return COPSE_EXIT_FAILED;
}

static const char *failure_hint(copse_status status)
{
    switch (status) {
    case COPSE_WANT:
        return "the store lacks blocks of this tree; `copse fsck STORE` lists them";
    case COPSE_CORRUPT:
        return "`copse fsck STORE` says what is damaged and what is still whole";
    case COPSE_CONFLICT:
        return "somebody else changed it meanwhile; run the command again";
    case COPSE_NOMEM:
        return "give the machine more memory, or the command less: --memory";
    default:
        return NULL;
    }
}

int copse_failure_of(copse_call *call, copse_status status, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    const char *detail = call->err.message;
    if (status == COPSE_WANT) {
        detail = "a block is missing";
    } else if (call->err.status != status || detail[0] == '\0') {
        detail = copse_status_name(status);
    }
    if (len >= 0 && (size_t)len < sizeof message) {
        bool has_errno = status < 0 && call->err.status == status && call->err.os_errno != 0;
        const char *reason = has_errno ? strerror(call->err.os_errno) : "";
        bool known = reason[0] == '\0' || strstr(detail, reason) != NULL;
        (void)snprintf(message + len, sizeof message - (size_t)len, ": %s%s%s", detail,
                       known ? "" : ": ", known ? "" : reason);
    }
    failure_print(call, status, message, failure_hint(status));
    return COPSE_EXIT_FAILED;
}

int copse_failure_usage(copse_call *call, const char *format, ...)
{
    char message[1024];
    char hint[512];
    const copse_command *command = call->command;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    (void)snprintf(hint, sizeof hint, "usage: copse %s%s%s; `copse %s --help` has examples",
                   command->name, command->arguments[0] != '\0' ? " " : "", command->arguments,
                   command->name);
    failure_print(call, COPSE_MISUSE, message, hint);
    call->misused = true;
    return COPSE_EXIT_USAGE;
}

void copse_note(const copse_call *call, const char *format, ...)
{
    va_list args;
    if (call->output.json) {
        return;
    }
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

/* `members`: more of them, with a comma before each, or "". */
static void failure_print_warning(const copse_call *call, const char *message, const char *members)
{
    if (call->output.json) {
        (void)fputs("{\"warning\":{", stderr);
        failure_print_member("message", message);
        (void)fprintf(stderr, "%s}}\n", members);
    } else {
        (void)fprintf(stderr, "copse: %s\n", message);
    }
}

void copse_warn(const copse_call *call, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    failure_print_warning(call, message, "");
}

void copse_warn_stale(const copse_call *call, uint64_t age_s, uint64_t sequence,
                      const char *message)
{
    char members[96];
    (void)snprintf(members, sizeof members,
                   ",\"stale\":true,\"age\":%" PRIu64 ",\"sequence\":%" PRIu64, age_s, sequence);
    failure_print_warning(call, message, members);
}
