/* Values: what documents hold. Most are what DAG-CBOR has; dates, ObjectIds, decimals and the like
 * are small maps that stand for them. Here each is written, checked, read back and compared.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/sys/os.h>
#include <copse/value.h>

#include <stdio.h>

enum { VALUES = 10 };

/* One value of each of the types that IPLD has not, one after the other, as an array. */
static copse_status write_values(copse_buf *buf, const uint8_t object_id[12])
{
    const copse_bytes content = copse_bytes_of_text("bytes");
    copse_status status = copse_cbor_write_array(buf, VALUES);
    if (status == COPSE_OK) {
        status = copse_value_write_min_key(buf);
    }
    if (status == COPSE_OK) {
        status = copse_value_write_float(buf, -0.0);
    }
    if (status == COPSE_OK) {
        status = copse_value_write_decimal(buf, copse_bytes_of_text("0.10"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("text"));
    }
    if (status == COPSE_OK) {
        status = copse_value_write_binary(buf, content, 5);
    }
    if (status == COPSE_OK) {
        status = copse_value_write_object_id(buf, object_id);
    }
    if (status == COPSE_OK) {
        status = copse_value_write_date(buf, 1767225600000);
    }
    if (status == COPSE_OK) {
        status = copse_value_write_timestamp(buf, 1767225600, 1);
    }
    if (status == COPSE_OK) {
        status = copse_value_write_regex(buf, copse_bytes_of_text("^co"), copse_bytes_of_text("i"));
    }
    return status == COPSE_OK ? copse_value_write_max_key(buf) : status;
}

/* Prints the elements with their types, and that each is above the one before. */
static void print_values(const copse_env *env, copse_bytes array)
{
    copse_err err = {0};
    copse_cbor_reader reader;
    copse_cbor_item head;
    copse_value value;
    copse_bytes before = {NULL, 0};
    copse_status status;
    copse_cbor_reader_init(&reader, array);
    example_must(copse_cbor_next(&reader, &head, &err), &err); /* now at the first element */
    while ((status = copse_value_next(&reader, &value, &err)) == COPSE_OK) {
        int order = 1;
        if (before.len > 0) {
            example_must(copse_value_compare(value.encoded, before, &order, &err), &err);
        }
        (void)printf("%-10s %s ", copse_value_type_name(value.type), order > 0 ? "above" : "???");
        example_print(env, "", value.encoded);
        before = value.encoded;
    }
    example_must(status == COPSE_END ? COPSE_OK : status, &err);
}

/* Numbers compare by value, whatever their kind. */
static void compare_numbers(const copse_env *env)
{
    copse_err err = {0};
    int order = 1;
    copse_buf integer = example_json(env, "1");
    copse_buf decimal = example_json(env, "{\"$numberDecimal\": \"1.00\"}");
    example_must(
        copse_value_compare(copse_buf_view(&integer), copse_buf_view(&decimal), &order, &err),
        &err);
    (void)printf("1 and the decimal 1.00 are %s\n", order == 0 ? "equal" : "???");
    copse_buf_release(&integer);
    copse_buf_release(&decimal);
}

int main(void)
{
    copse_env env;
    copse_err err = {0};
    copse_buf buf;
    copse_value value;
    uint8_t object_id[12];
    copse_env_init(&env);
    copse_env_init_posix(&env);
    copse_buf_init(&buf, &env, SIZE_MAX);
    example_must(copse_object_id_new(&env, object_id, &err), &err);
    example_must(write_values(&buf, object_id), &err);
    /* Bytes from elsewhere are checked once; what reads values relies on it. */
    example_must(copse_value_check(copse_buf_view(&buf), &env.limits, &err), &err);
    example_must(copse_value_read(copse_buf_view(&buf), &value, &err), &err);
    (void)printf("an %s of %d\n", copse_value_type_name(value.type), (int)value.arg);
    if (copse_document_check(copse_buf_view(&buf), &env.limits, &err) == COPSE_CORRUPT) {
        (void)printf("which is no document: %s\n", err.message);
    }
    print_values(&env, copse_buf_view(&buf));
    compare_numbers(&env);
    copse_buf_release(&buf);
    return 0;
}
