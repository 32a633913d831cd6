/* One pass, by descent: each piece is read and written in its form of JSON at once.
 *
 * (J1) A text that is Extended JSON is accepted, and what it becomes stands for the same value.
 * (J2) What is written is JSON, if the input is UTF-8, and becomes itself when it is read again.
 * (J3) It is at most 32 times as long as the input, and 64 bytes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "shell_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- Bytes ---- */

static bool shell_json_fail(copse_shell_json *reader, const char *problem)
{
    reader->problem = problem;
    return false;
}

static bool shell_json_append(copse_shell_json *reader, copse_bytes bytes)
{
    return copse_buf_append(reader->out, bytes) == COPSE_OK ||
           shell_json_fail(reader, "there is no room for so much");
}

static bool shell_json_append_text(copse_shell_json *reader, const char *text)
{
    return shell_json_append(reader, copse_bytes_of_text(text));
}

static uint8_t shell_json_byte(const copse_shell_json *reader, size_t ahead)
{
    size_t at = reader->at + ahead;
    return at < reader->text.len ? reader->text.ptr[at] : 0;
}

uint8_t copse_shell_json_peek(copse_shell_json *reader)
{
    uint8_t byte = shell_json_byte(reader, 0);
    while (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r') {
        reader->at++;
        byte = shell_json_byte(reader, 0);
    }
    return byte;
}

bool copse_shell_json_skip(copse_shell_json *reader, char byte)
{
    bool is_there = copse_shell_json_peek(reader) == (uint8_t)byte;
    reader->at += is_there;
    return is_there;
}

static bool shell_json_is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* Letters of names: what JavaScript takes, and all that is not ASCII. */
static bool shell_json_is_letter(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' ||
           byte == '$' || byte >= 0x80;
}

/* Moves over a name without quotes; that of a member may hold points and begin with a digit. Empty:
 * none begins here. */
static copse_bytes shell_json_take_name(copse_shell_json *reader, bool is_member)
{
    size_t start = reader->at;
    uint8_t byte = shell_json_byte(reader, 0);
    while (shell_json_is_letter(byte) ||
           (shell_json_is_digit(byte) && (is_member || reader->at > start)) ||
           (byte == '.' && is_member && reader->at > start)) {
        reader->at++;
        byte = shell_json_byte(reader, 0);
    }
    return (copse_bytes){reader->text.ptr + start, reader->at - start};
}

/* ---- Texts ---- */

/* Appends one byte of a text as JSON has it. */
static bool shell_json_append_quoted(copse_shell_json *reader, uint8_t byte)
{
    char escaped[8] = {(char)byte, '\0'};
    if (byte == '"' || byte == '\\') {
        (void)snprintf(escaped, sizeof escaped, "\\%c", byte);
    } else if (byte < 0x20) {
        (void)snprintf(escaped, sizeof escaped, "\\u%04x", byte);
    }
    return shell_json_append_text(reader, escaped);
}

/* Appends a character: with `quoted` as JSON has it, else as it is. */
static bool shell_json_append_char(copse_shell_json *reader, uint32_t code, bool quoted)
{
    uint8_t bytes[4];
    size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (code < 0x80) {
        bytes[0] = (uint8_t)code;
        return quoted     ? shell_json_append_quoted(reader, bytes[0])
               : code > 0 ? shell_json_append(reader, (copse_bytes){bytes, 1})
                          : shell_json_fail(reader, "a NUL can't stand here");
    }
    for (size_t i = size; i > 1; i--) {
        bytes[i - 1] = (uint8_t)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    bytes[0] = (uint8_t)((0xf00 >> size) | code);
    return shell_json_append(reader, (copse_bytes){bytes, size});
}

/* Moves over `count` hexadecimal digits. */
static bool shell_json_take_hex(copse_shell_json *reader, size_t count, uint32_t *ret_code)
{
    uint32_t code = 0;
    for (; count > 0; count--) {
        uint8_t byte = shell_json_byte(reader, 0);
        uint8_t letter = byte | 0x20;
        if (!shell_json_is_digit(byte) && (letter < 'a' || letter > 'f')) {
            return shell_json_fail(reader, "\\u needs 4 hexadecimal digits, \\x 2");
        }
        code = code * 16 + (uint32_t)(shell_json_is_digit(byte) ? byte - '0' : letter - 'a' + 10);
        reader->at++;
    }
    *ret_code = code;
    return true;
}

/* Moves over what follows \u: one character, for which two halves may be given. */
static bool shell_json_take_unicode(copse_shell_json *reader, uint32_t *ret_code)
{
    uint32_t low = 0;
    if (!shell_json_take_hex(reader, 4, ret_code)) {
        return false;
    }
    if (*ret_code < 0xd800 || *ret_code > 0xdfff) {
        return true;
    }
    bool is_pair = *ret_code < 0xdc00 && shell_json_byte(reader, 0) == '\\' &&
                   shell_json_byte(reader, 1) == 'u';
    reader->at += is_pair ? 2 : 0;
    if (is_pair && !shell_json_take_hex(reader, 4, &low)) {
        return false;
    }
    if (!is_pair || low < 0xdc00 || low > 0xdfff) {
        return shell_json_fail(reader, "half a character: a surrogate without the other");
    }
    *ret_code = 0x10000 + ((*ret_code - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

/* Moves over what follows a backslash. */
static bool shell_json_take_escape(copse_shell_json *reader, uint32_t *ret_code)
{
    static const char letters[] = "bfnrtv0";
    static const char codes[] = "\b\f\n\r\t\v";
    uint8_t byte = shell_json_byte(reader, 0);
    const char *letter = byte != 0 ? strchr(letters, byte) : NULL;
    if (byte == 0 || byte >= 0x80 ||
        (shell_json_is_letter(byte) && letter == NULL && byte != 'u' && byte != 'x')) {
        return shell_json_fail(reader, "there is no such escape");
    }
    reader->at++;
    if (byte == 'u') {
        return shell_json_take_unicode(reader, ret_code);
    }
    if (byte == 'x') {
        return shell_json_take_hex(reader, 2, ret_code);
    }
    *ret_code = letter != NULL ? (uint32_t)codes[letter - letters] : byte;
    return true;
}

/* Reads a text, whose quote stands here. */
static bool shell_json_read_text(copse_shell_json *reader, bool quoted)
{
    uint8_t quote = shell_json_byte(reader, 0);
    reader->at++;
    for (;;) {
        uint8_t byte = shell_json_byte(reader, 0);
        uint32_t code = byte;
        if (reader->at >= reader->text.len) {
            return shell_json_fail(reader, "a quote is not closed");
        }
        reader->at++;
        if (byte == quote) {
            return true;
        }
        if (byte == '\\' && !shell_json_take_escape(reader, &code)) {
            return false;
        }
        bool done = byte < 0x80 ? shell_json_append_char(reader, code, quoted)
                                : shell_json_append(reader, (copse_bytes){&byte, 1});
        if (!done) {
            return false;
        }
    }
}

static bool shell_json_is_quote(uint8_t byte)
{
    return byte == '"' || byte == '\'';
}

/* Reads a text and appends it as JSON. */
static bool shell_json_read_string(copse_shell_json *reader)
{
    return shell_json_append_text(reader, "\"") && shell_json_read_text(reader, true) &&
           shell_json_append_text(reader, "\"");
}

bool copse_shell_json_text(copse_shell_json *reader)
{
    return shell_json_is_quote(copse_shell_json_peek(reader))
               ? shell_json_read_text(reader, false)
               : shell_json_fail(reader, "a text in quotes is missing");
}

/* ---- Numbers ---- */

static bool shell_json_read_digits(copse_shell_json *reader, const char *instead)
{
    size_t start = reader->at;
    while (shell_json_is_digit(shell_json_byte(reader, 0))) {
        reader->at++;
    }
    copse_bytes digits = {reader->text.ptr + start, reader->at - start};
    if (digits.len == 0 && instead == NULL) {
        return shell_json_fail(reader, "a digit is missing");
    }
    return digits.len > 0 ? shell_json_append(reader, digits)
                          : shell_json_append_text(reader, instead);
}

static bool shell_json_read_exponent(copse_shell_json *reader)
{
    char text[3] = {(char)shell_json_byte(reader, 0), '\0', '\0'};
    uint8_t sign = shell_json_byte(reader, 1);
    if (text[0] != 'e' && text[0] != 'E') {
        return true;
    }
    text[1] = sign == '+' || sign == '-' ? (char)sign : '\0';
    reader->at += strlen(text);
    return shell_json_append_text(reader, text) && shell_json_read_digits(reader, NULL);
}

/* Reads a number and appends it as JSON has it, 0.5 for +.5 and 5.0 for 5. */
static bool shell_json_read_number(copse_shell_json *reader)
{
    uint8_t sign = shell_json_byte(reader, 0);
    reader->at += sign == '+' || sign == '-';
    bool starts_with_point = shell_json_byte(reader, 0) == '.';
    if (shell_json_byte(reader, 0) == '0' && (shell_json_is_digit(shell_json_byte(reader, 1)) ||
                                              (shell_json_byte(reader, 1) | 0x20) == 'x')) {
        return shell_json_fail(reader, "numbers are decimal and don't begin with 0");
    }
    if ((sign == '-' && !shell_json_append_text(reader, "-")) ||
        !shell_json_read_digits(reader, starts_with_point ? "0" : NULL)) {
        return false;
    }
    if (shell_json_byte(reader, 0) == '.') {
        reader->at++;
        if (!shell_json_append_text(reader, ".") ||
            !shell_json_read_digits(reader, starts_with_point ? NULL : "0")) {
            return false;
        }
    }
    return shell_json_read_exponent(reader);
}

static bool shell_json_is_number(uint8_t byte)
{
    return shell_json_is_digit(byte) || byte == '-' || byte == '+' || byte == '.';
}

/* ---- Constructors ---- */

/* What mongosh calls like a function: the texts around its arguments, and what these are: s text,
 * o text that may be missing, d a number written as a text, n a number, x a byte written as two
 * hexadecimal digits, t a time. */
typedef struct shell_json_constructor {
    const char *name;
    const char *arguments;
    const char *parts[3];
} shell_json_constructor;

static const shell_json_constructor shell_json_constructors[] = {
    {"ObjectId", "s", {"{\"$oid\":", "}"}},
    {"ISODate", "t", {"{\"$date\":", "}"}},
    {"Date", "t", {"{\"$date\":", "}"}},
    {"UUID", "s", {"{\"$uuid\":", "}"}},
    {"NumberInt", "d", {"{\"$numberInt\":", "}"}},
    {"Int32", "d", {"{\"$numberInt\":", "}"}},
    {"NumberLong", "d", {"{\"$numberLong\":", "}"}},
    {"Long", "d", {"{\"$numberLong\":", "}"}},
    {"Double", "d", {"{\"$numberDouble\":", "}"}},
    {"NumberDecimal", "d", {"{\"$numberDecimal\":", "}"}},
    {"Decimal128", "d", {"{\"$numberDecimal\":", "}"}},
    {"BinData", "xs", {"{\"$binary\":{\"subType\":", ",\"base64\":", "}}"}},
    {"Timestamp", "nn", {"{\"$timestamp\":{\"t\":", ",\"i\":", "}}"}},
    {"RegExp", "so", {"{\"$regularExpression\":{\"pattern\":", ",\"options\":", "}}"}},
    {"MinKey", "", {"{\"$minKey\":1}"}},
    {"MaxKey", "", {"{\"$maxKey\":1}"}},
    {"CID", "s", {"{\"/\":", "}"}},
    {NULL, NULL, {NULL}},
};

/* Completes what stands in the out from `start` on as a JSON text: a date alone is midnight, and
 * without a zone it is UTC. */
static bool shell_json_complete_date(copse_shell_json *reader, size_t start)
{
    enum { QUOTED_DATE_SIZE = 12 }; /* "2026-01-01" */
    const char *text = (const char *)reader->out->ptr + start;
    size_t size = reader->out->len - start;
    const char *time = memchr(text, 'T', size);
    size_t zone_from = time != NULL ? (size_t)(time - text) : size;
    const char *missing = size == QUOTED_DATE_SIZE ? "T00:00:00Z" : "";
    if (time != NULL && memchr(time, 'Z', size - zone_from) == NULL &&
        memchr(time, '+', size - zone_from) == NULL &&
        memchr(time, '-', size - zone_from) == NULL) {
        missing = "Z";
    }
    copse_buf_truncate(reader->out, reader->out->len - 1);
    return shell_json_append_text(reader, missing) && shell_json_append_text(reader, "\"");
}

/* Reads milliseconds and appends them as a $date has them. */
static bool shell_json_read_milliseconds(copse_shell_json *reader)
{
    return shell_json_append_text(reader, "{\"$numberLong\":\"") &&
           shell_json_read_number(reader) && shell_json_append_text(reader, "\"}");
}

static bool shell_json_read_time(copse_shell_json *reader)
{
    uint8_t byte = copse_shell_json_peek(reader);
    size_t start = reader->out->len;
    char now[48];
    if (byte == ')') {
        (void)snprintf(now, sizeof now, "{\"$numberLong\":\"%" PRIu64 "\"}", reader->now_ms);
        return shell_json_append_text(reader, now);
    }
    if (shell_json_is_number(byte)) {
        return shell_json_read_milliseconds(reader);
    }
    return shell_json_is_quote(byte)
               ? shell_json_read_string(reader) && shell_json_complete_date(reader, start)
               : shell_json_fail(reader, "a time such as \"2026-01-01T12:00:00Z\" is missing");
}

/* A byte, which is given as a decimal number. */
static bool shell_json_read_subtype(copse_shell_json *reader)
{
    uint32_t number = 0;
    char text[8];
    if (!shell_json_is_digit(copse_shell_json_peek(reader))) {
        return shell_json_fail(reader, "a number from 0 to 255 is missing");
    }
    while (number <= UINT8_MAX && shell_json_is_digit(shell_json_byte(reader, 0))) {
        number = number * 10 + (uint32_t)(shell_json_byte(reader, 0) - '0');
        reader->at++;
    }
    if (number > UINT8_MAX) {
        return shell_json_fail(reader, "a number from 0 to 255 is missing");
    }
    (void)snprintf(text, sizeof text, "\"%02x\"", (unsigned)number);
    return shell_json_append_text(reader, text);
}

static bool shell_json_read_argument(copse_shell_json *reader, char kind)
{
    uint8_t byte = copse_shell_json_peek(reader);
    if (kind == 't') {
        return shell_json_read_time(reader);
    }
    if (kind == 'x') {
        return shell_json_read_subtype(reader);
    }
    if (kind == 'o' && byte == ')') {
        return shell_json_append_text(reader, "\"\"");
    }
    if (kind != 'n' && shell_json_is_quote(byte)) {
        return shell_json_read_string(reader);
    }
    if (kind == 'n' && shell_json_is_number(byte)) {
        return shell_json_read_number(reader);
    }
    if (kind == 'd' && shell_json_is_number(byte)) {
        return shell_json_append_text(reader, "\"") && shell_json_read_number(reader) &&
               shell_json_append_text(reader, "\"");
    }
    return shell_json_fail(reader, kind == 'n'   ? "a number is missing"
                                   : kind == 'd' ? "a number is missing, or one in quotes"
                                                 : "a text in quotes is missing");
}

/* Reads the arguments of a constructor, whose name has been read. */
static bool shell_json_construct(copse_shell_json *reader, const shell_json_constructor *made)
{
    const char *kinds = made->arguments;
    bool has_bracket = copse_shell_json_skip(reader, '(');
    if (!has_bracket && kinds[0] != '\0') {
        return shell_json_fail(reader, "a ( is missing");
    }
    if (!shell_json_append_text(reader, made->parts[0])) {
        return false;
    }
    for (size_t i = 0; kinds[i] != '\0'; i++) {
        bool comma = i == 0 || copse_shell_json_skip(reader, ',');
        if (!comma && kinds[i] != 'o') {
            return shell_json_fail(reader, "a , is missing");
        }
        if (!shell_json_read_argument(reader, kinds[i]) ||
            !shell_json_append_text(reader, made->parts[i + 1])) {
            return false;
        }
    }
    return !has_bracket || copse_shell_json_skip(reader, ')') ||
           shell_json_fail(reader, "a ) is missing");
}

/* A word without quotes, and what it stands for. */
typedef struct shell_json_word {
    const char *name;
    const char *json;
} shell_json_word;

static const shell_json_word shell_json_words[] = {
    {"true", "true"},
    {"false", "false"},
    {"null", "null"},
    {"undefined", "{\"$undefined\":true}"},
    {"NaN", "{\"$numberDouble\":\"NaN\"}"},
    {"Infinity", "{\"$numberDouble\":\"Infinity\"}"},
    {"-Infinity", "{\"$numberDouble\":\"-Infinity\"}"},
    {NULL, NULL},
};

/* Reads a word or a constructor; a minus may stand before it. */
static bool shell_json_read_word(copse_shell_json *reader)
{
    size_t start = reader->at;
    reader->at += shell_json_byte(reader, 0) == '-';
    (void)shell_json_take_name(reader, false);
    copse_bytes name = {reader->text.ptr + start, reader->at - start};
    if (copse_bytes_equal(name, copse_bytes_of_text("new"))) {
        (void)copse_shell_json_peek(reader);
        start = reader->at;
        name = shell_json_take_name(reader, false);
    }
    for (const shell_json_word *word = shell_json_words; word->name != NULL; word++) {
        if (copse_bytes_equal(name, copse_bytes_of_text(word->name))) {
            return shell_json_append_text(reader, word->json);
        }
    }
    const shell_json_constructor *made = shell_json_constructors;
    while (made->name != NULL && !copse_bytes_equal(name, copse_bytes_of_text(made->name))) {
        made++;
    }
    if (made->name != NULL) {
        return shell_json_construct(reader, made);
    }
    reader->at = start;
    return shell_json_fail(reader, "a text needs quotes");
}

/* ---- Values ---- */

/* Reads /pattern/options. */
static bool shell_json_read_regex(copse_shell_json *reader)
{
    bool escaped = false;
    if (!shell_json_append_text(reader, "{\"$regularExpression\":{\"pattern\":\"")) {
        return false;
    }
    for (;;) {
        reader->at++;
        if (reader->at >= reader->text.len) {
            return shell_json_fail(reader, "a regex is not closed: /…/");
        }
        uint8_t byte = shell_json_byte(reader, 0);
        if (byte == '/' && !escaped) {
            break;
        }
        if (byte == '\\' && !escaped) {
            escaped = true;
            continue;
        }
        /* The backslash is the pattern's own, but before a slash. */
        if ((escaped && byte != '/' && !shell_json_append_quoted(reader, '\\')) ||
            !(byte < 0x80 ? shell_json_append_quoted(reader, byte)
                          : shell_json_append(reader, (copse_bytes){&byte, 1}))) {
            return false;
        }
        escaped = false;
    }
    reader->at++;
    copse_bytes options = shell_json_take_name(reader, false);
    return shell_json_append_text(reader, "\",\"options\":\"") &&
           shell_json_append(reader, options) && shell_json_append_text(reader, "\"}}");
}

/* Reads a member's name and colon, and appends the name alone, with `quoted` as JSON. */
static bool shell_json_read_name(copse_shell_json *reader, bool quoted)
{
    uint8_t byte = copse_shell_json_peek(reader);
    const char *quote = quoted ? "\"" : "";
    bool is_quoted = shell_json_is_quote(byte);
    copse_bytes name = {NULL, 0};
    if (!is_quoted) {
        name = shell_json_take_name(reader, true);
        if (name.len == 0) {
            return shell_json_fail(reader, "a name is missing");
        }
    }
    return shell_json_append_text(reader, quote) &&
           (is_quoted ? shell_json_read_text(reader, quoted) : shell_json_append(reader, name)) &&
           shell_json_append_text(reader, quote) &&
           (copse_shell_json_skip(reader, ':') || shell_json_fail(reader, "a : is missing"));
}

bool copse_shell_json_name(copse_shell_json *reader)
{
    return shell_json_read_name(reader, false);
}

/* Reads what stands in brackets, the first of which has been read.
 * NOLINTNEXTLINE(misc-no-recursion): at most COPSE_SHELL_JSON_DEPTH_MAX deep */
static bool shell_json_read_members(copse_shell_json *reader, bool is_object)
{
    char close = is_object ? '}' : ']';
    if (reader->depth == COPSE_SHELL_JSON_DEPTH_MAX) {
        return shell_json_fail(reader, "that is nested too deep");
    }
    reader->depth++;
    for (bool first = true; !copse_shell_json_skip(reader, close); first = false) {
        if (!first && !copse_shell_json_skip(reader, ',')) {
            return shell_json_fail(reader,
                                   is_object ? "a , or } is missing" : "a , or ] is missing");
        }
        if (!first && copse_shell_json_skip(reader, close)) {
            break;
        }
        if ((!first && !shell_json_append_text(reader, ",")) ||
            (is_object &&
             !(shell_json_read_name(reader, true) && shell_json_append_text(reader, ":"))) ||
            !copse_shell_json_value(reader)) {
            return false;
        }
    }
    reader->depth--;
    return shell_json_append_text(reader, is_object ? "}" : "]");
}

/* NOLINTNEXTLINE(misc-no-recursion): at most COPSE_SHELL_JSON_DEPTH_MAX deep */
bool copse_shell_json_value(copse_shell_json *reader)
{
    uint8_t byte = copse_shell_json_peek(reader);
    if (byte == '{' || byte == '[') {
        reader->at++;
        return shell_json_append_text(reader, byte == '{' ? "{" : "[") &&
               shell_json_read_members(reader, byte == '{');
    }
    if (shell_json_is_quote(byte)) {
        return shell_json_read_string(reader);
    }
    if (shell_json_is_letter(byte) || (byte == '-' && shell_json_byte(reader, 1) == 'I')) {
        return shell_json_read_word(reader);
    }
    if (shell_json_is_number(byte)) {
        return shell_json_read_number(reader);
    }
    return byte == '/' ? shell_json_read_regex(reader)
                       : shell_json_fail(reader, "a value is missing");
}
