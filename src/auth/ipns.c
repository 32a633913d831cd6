/* IPNS records.
 *
 * A record is a protocol buffer, and in it a DAG-CBOR map that says all again. Old readers (V1)
 * look at the fields of the one, new ones (V2) at the map, which alone is signed as it stands.
 *
 *     1 bytes   value           a path, or of old writers a CID
 *     2 bytes   signatureV1     of value, validity and the text EOL: never looked at
 *     3 varint  validityType    0: EOL, validity is when the record ends
 *     4 bytes   validity        2026-11-23T13:29:03.621000000Z
 *     5 varint  sequence
 *     6 varint  ttl             nanoseconds
 *     7 bytes   pubKey          08 01 12 20 and the key; the name says it already
 *     8 bytes   signatureV2     of "ipns-signature:" and data
 *     9 bytes   data            {"TTL": int, "Value": bytes, "Sequence": int, "Validity": bytes,
 *                               "ValidityType": 0}, strict; further keys are allowed
 *
 *   N1  Nothing is believed that signatureV2 does not cover: the fields that are not of data must
 *       say what data says, or all be absent.
 *   N2  A record is these fields and no others, each at most once. Only in signatureV1 may a bit
 *       differ and the record still be good.
 *   N3  Signatures of kind V1 have no prefix: they begin with the value. So a value that we sign
 *       begins with a slash, which no prefix of another kind of signature does.
 *   N4  The same record and key make the same bytes.
 *
 * Source: https://specs.ipfs.tech/ipns/ipns-record/. Deviations: the specification lets a reader
 * pass over unknown fields; none is known to be written, and N2 would not hold with them. The
 * offset of a time is Z: the specification wants UTC.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/ipns.h>

#include "base/err.h"
#include "base/protobuf.h"
#include "value/ext_json_date.h"

#include <copse/dag_cbor.h>

#include <assert.h>
#include <string.h>

enum {
    IPNS_VALUE = 1,
    IPNS_SIGNATURE_V1,
    IPNS_VALIDITY_TYPE,
    IPNS_VALIDITY,
    IPNS_SEQUENCE,
    IPNS_TTL,
    IPNS_PUBLIC_KEY,
    IPNS_SIGNATURE_V2,
    IPNS_DATA,
    IPNS_FIELDS_END,

    IPNS_EOL = 0,                /* the one type of validity that there is */
    IPNS_TIME_SECONDS_SIZE = 19, /* YYYY-MM-DDTHH:MM:SS */
    IPNS_TIME_SIZE = 30,         /* .nnnnnnnnnZ behind it */
    IPNS_CID_HEAD = 4,           /* of a name, before its public key's protocol buffer */
    IPNS_MULTIHASH = 2,
};

static const char ipns_prefix[] = "ipns-signature:";
static const char ipns_value_prefix[] = "/ipfs/";
static const uint8_t ipns_eol[] = {'E', 'O', 'L'}; /* the type of validity in signatureV1 */

/* What data says, as it stands there. */
typedef struct ipns_data {
    copse_bytes value;
    copse_bytes validity;
    uint64_t validity_type;
    uint64_t sequence;
    uint64_t ttl_ns;
} ipns_data;

/* ---- Times ---------------------------------------------------------------------------------- */

/* False: the record ends after the year 9999. */
static bool ipns_write_time(const copse_ipns_record *record, char ret_text[IPNS_TIME_SIZE])
{
    char text[COPSE_EXT_JSON_DATE_TEXT_SIZE_MAX];
    if (record->eol_ms > INT64_MAX ||
        copse_ext_json_date_write((int64_t)record->eol_ms, text) == 0) {
        return false;
    }
    memcpy(ret_text, text, IPNS_TIME_SECONDS_SIZE);
    uint64_t ns = record->eol_ms % 1000 * 1000000 + record->eol_ns;
    for (size_t at = IPNS_TIME_SIZE - 2; at > IPNS_TIME_SECONDS_SIZE; at--) {
        ret_text[at] = (char)('0' + ns % 10);
        ns /= 10;
    }
    ret_text[IPNS_TIME_SECONDS_SIZE] = '.';
    ret_text[IPNS_TIME_SIZE - 1] = 'Z';
    return true;
}

/* Up to nine digits of a second's fraction. False: not a time, or one before 1970. */
static bool ipns_read_time(copse_bytes text, copse_ipns_record *record)
{
    int64_t ms = 0;
    if (text.len == 0 || text.ptr[text.len - 1] != 'Z' ||
        copse_ext_json_date_parse(text, &ms) != COPSE_OK || ms < 0) {
        return false;
    }
    uint32_t ns = 0;
    uint32_t unit = 100000;
    for (size_t at = IPNS_TIME_SECONDS_SIZE + 4; at + 1 < text.len; at++) {
        ns += (uint32_t)(text.ptr[at] - '0') * unit;
        unit /= 10;
    }
    record->eol_ms = (uint64_t)ms;
    record->eol_ns = ns;
    return true;
}

/* ---- Making --------------------------------------------------------------------------------- */

static copse_status ipns_write_key(copse_buf *buf, const char *key)
{
    return copse_cbor_write_text(buf, copse_bytes_of_text(key));
}

static copse_status ipns_write_uint(copse_buf *buf, const char *key, uint64_t value)
{
    copse_status status = ipns_write_key(buf, key);
    return status == COPSE_OK ? copse_cbor_write_uint(buf, value) : status;
}

static copse_status ipns_write_bytes(copse_buf *buf, const char *key, copse_bytes value)
{
    copse_status status = ipns_write_key(buf, key);
    return status == COPSE_OK ? copse_cbor_write_bytes(buf, value) : status;
}

static copse_status ipns_write_data(copse_buf *buf, const ipns_data *data)
{
    copse_status status = copse_cbor_write_map(buf, 5);
    if (status == COPSE_OK) {
        status = ipns_write_uint(buf, "TTL", data->ttl_ns);
    }
    if (status == COPSE_OK) {
        status = ipns_write_bytes(buf, "Value", data->value);
    }
    if (status == COPSE_OK) {
        status = ipns_write_uint(buf, "Sequence", data->sequence);
    }
    if (status == COPSE_OK) {
        status = ipns_write_bytes(buf, "Validity", data->validity);
    }
    if (status == COPSE_OK) {
        status = ipns_write_uint(buf, "ValidityType", data->validity_type);
    }
    return status;
}

static copse_status ipns_write_record(copse_buf *buf, const ipns_data *data, copse_bytes encoded,
                                      const uint8_t *signature_v1, const uint8_t *signature_v2)
{
    copse_status status = copse_protobuf_write_bytes(buf, IPNS_VALUE, data->value);
    if (status == COPSE_OK) {
        status = copse_protobuf_write_bytes(
            buf, IPNS_SIGNATURE_V1, (copse_bytes){signature_v1, COPSE_SIGNATURE_SIZE_BYTES});
    }
    if (status == COPSE_OK) {
        status = copse_protobuf_write_varint(buf, IPNS_VALIDITY_TYPE, data->validity_type);
    }
    if (status == COPSE_OK) {
        status = copse_protobuf_write_bytes(buf, IPNS_VALIDITY, data->validity);
    }
    if (status == COPSE_OK) {
        status = copse_protobuf_write_varint(buf, IPNS_SEQUENCE, data->sequence);
    }
    if (status == COPSE_OK) {
        status = copse_protobuf_write_varint(buf, IPNS_TTL, data->ttl_ns);
    }
    if (status == COPSE_OK) {
        status = copse_protobuf_write_bytes(
            buf, IPNS_SIGNATURE_V2, (copse_bytes){signature_v2, COPSE_SIGNATURE_SIZE_BYTES});
    }
    if (status == COPSE_OK) {
        status = copse_protobuf_write_bytes(buf, IPNS_DATA, encoded);
    }
    return status;
}

static copse_status ipns_make_encoded(const copse_key *key, const ipns_data *data,
                                      copse_bytes encoded, copse_buf *ret_buf, copse_err *err)
{
    uint8_t signature_v1[COPSE_SIGNATURE_SIZE_BYTES];
    uint8_t signature_v2[COPSE_SIGNATURE_SIZE_BYTES];
    uint8_t end_v1[IPNS_TIME_SIZE + sizeof ipns_eol];
    memcpy(end_v1, data->validity.ptr, IPNS_TIME_SIZE);
    memcpy(end_v1 + IPNS_TIME_SIZE, ipns_eol, sizeof ipns_eol);
    copse_status status =
        copse_key_sign(key, data->value, (copse_bytes){end_v1, sizeof end_v1}, signature_v1, err);
    if (status == COPSE_OK) {
        status = copse_key_sign(key, copse_bytes_of_text(ipns_prefix), encoded, signature_v2, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    size_t start = ret_buf->len;
    status = ipns_write_record(ret_buf, data, encoded, signature_v1, signature_v2);
    if (status == COPSE_OK && ret_buf->len - start > COPSE_IPNS_RECORD_SIZE_BYTES_MAX) {
        status = COPSE_LIMIT;
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(ret_buf, start);
    }
    return status;
}

copse_status copse_ipns_make(const copse_key *key, const copse_ipns_record *record,
                             copse_buf *ret_buf, copse_err *err)
{
    char time[IPNS_TIME_SIZE];
    if (record->value.len == 0 || record->value.ptr[0] != '/') {
        return COPSE_ERR(err, COPSE_MISUSE, "the value of a record is a path: it begins with '/'");
    }
    if (record->eol_ns >= 1000000 || !ipns_write_time(record, time)) {
        return COPSE_ERR(err, COPSE_MISUSE, "a record can't end then");
    }
    ipns_data data = {.value = record->value,
                      .validity = {(const uint8_t *)time, sizeof time},
                      .validity_type = IPNS_EOL,
                      .sequence = record->sequence,
                      .ttl_ns = record->ttl_ns};
    copse_buf encoded;
    copse_buf_init(&encoded, ret_buf->env, COPSE_IPNS_RECORD_SIZE_BYTES_MAX);
    copse_status status = ipns_write_data(&encoded, &data);
    if (status == COPSE_OK) {
        status = ipns_make_encoded(key, &data, copse_buf_view(&encoded), ret_buf, err);
    }
    copse_buf_release(&encoded);
    if (status == COPSE_LIMIT) {
        return COPSE_ERR(err, status, "the record would be longer than %d bytes",
                         COPSE_IPNS_RECORD_SIZE_BYTES_MAX);
    }
    return status == COPSE_NOMEM ? COPSE_ERR_NOMEM(err) : status;
}

/* ---- Reading -------------------------------------------------------------------------------- */

/* Fields by number; those absent are zero, and not in `seen`. */
typedef struct ipns_fields {
    copse_protobuf_field at[IPNS_FIELDS_END];
    uint32_t seen; /* bit n: field n */
} ipns_fields;

static bool ipns_has(const ipns_fields *fields, unsigned number)
{
    return (fields->seen >> number & 1) != 0;
}

static bool ipns_is_varint(uint64_t number)
{
    return number == IPNS_VALIDITY_TYPE || number == IPNS_SEQUENCE || number == IPNS_TTL;
}

/* N2 */
static copse_status ipns_read_fields(copse_bytes encoded, ipns_fields *ret_fields, copse_err *err)
{
    ipns_fields fields = {0};
    copse_protobuf_field field;
    copse_status status;
    while ((status = copse_protobuf_next(&encoded, &field)) == COPSE_OK) {
        if (field.number >= IPNS_FIELDS_END || field.is_bytes == ipns_is_varint(field.number) ||
            ipns_has(&fields, (unsigned)field.number)) {
            return COPSE_ERR(err, COPSE_CORRUPT, "a field that no IPNS record has, or not twice");
        }
        fields.at[field.number] = field;
        fields.seen |= (uint32_t)1 << field.number;
    }
    if (status != COPSE_END) {
        return COPSE_ERR(err, status, "not an IPNS record");
    }
    if (fields.at[IPNS_SIGNATURE_V2].bytes.len != COPSE_SIGNATURE_SIZE_BYTES ||
        !ipns_has(&fields, IPNS_DATA)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the IPNS record has no signature of version 2");
    }
    if (ipns_has(&fields, IPNS_SIGNATURE_V1) &&
        fields.at[IPNS_SIGNATURE_V1].bytes.len != COPSE_SIGNATURE_SIZE_BYTES) {
        return COPSE_ERR(err, COPSE_CORRUPT, "signatureV1 of the IPNS record is none");
    }
    *ret_fields = fields;
    return COPSE_OK;
}

/* The value of a key in the map at `reader`, which must be of `kind`. */
static copse_status ipns_read_item(const copse_cbor_reader *reader, const char *key,
                                   copse_cbor_kind kind, copse_cbor_item *ret_item, copse_err *err)
{
    copse_cbor_reader at = *reader;
    copse_cbor_item item;
    if (copse_cbor_find_key(&at, copse_bytes_of_text(key), NULL) != COPSE_OK ||
        copse_cbor_next(&at, &item, NULL) != COPSE_OK || item.kind != kind || item.negative) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the IPNS record has no right %s", key);
    }
    *ret_item = item;
    return COPSE_OK;
}

static copse_status ipns_read_data(const copse_env *env, copse_bytes encoded, ipns_data *ret_data,
                                   copse_err *err)
{
    copse_cbor_reader reader;
    copse_cbor_item value;
    copse_cbor_item validity;
    copse_cbor_item validity_type;
    copse_cbor_item sequence;
    copse_cbor_item ttl;
    copse_status status =
        copse_cbor_reader_init_untrusted(&reader, encoded, &env->limits, COPSE_CBOR_STRICT, err);
    if (status == COPSE_OK) {
        status = ipns_read_item(&reader, "Value", COPSE_CBOR_BYTES, &value, err);
    }
    if (status == COPSE_OK) {
        status = ipns_read_item(&reader, "Validity", COPSE_CBOR_BYTES, &validity, err);
    }
    if (status == COPSE_OK) {
        status = ipns_read_item(&reader, "ValidityType", COPSE_CBOR_INT, &validity_type, err);
    }
    if (status == COPSE_OK) {
        status = ipns_read_item(&reader, "Sequence", COPSE_CBOR_INT, &sequence, err);
    }
    if (status == COPSE_OK) {
        status = ipns_read_item(&reader, "TTL", COPSE_CBOR_INT, &ttl, err);
    }
    if (status == COPSE_OK) {
        *ret_data = (ipns_data){.value = value.bytes,
                                .validity = validity.bytes,
                                .validity_type = validity_type.arg,
                                .sequence = sequence.arg,
                                .ttl_ns = ttl.arg};
    }
    return status;
}

/* N1; absent fields of version 1 are as zero, and their absence throughout is good. */
static bool ipns_agrees(const ipns_fields *fields, const ipns_data *data,
                        const copse_public_key *name)
{
    const uint32_t version_1 = (1U << IPNS_VALUE) | (1U << IPNS_SIGNATURE_V1) |
                               (1U << IPNS_VALIDITY_TYPE) | (1U << IPNS_VALIDITY) |
                               (1U << IPNS_SEQUENCE) | (1U << IPNS_TTL);
    if (ipns_has(fields, IPNS_PUBLIC_KEY)) {
        copse_cid cid;
        copse_public_key_to_cid(name, &cid);
        copse_bytes public_key = {cid.bytes + IPNS_CID_HEAD, cid.size - IPNS_CID_HEAD};
        if (!copse_bytes_equal(fields->at[IPNS_PUBLIC_KEY].bytes, public_key)) {
            return false;
        }
    }
    return (fields->seen & version_1) == 0 ||
           (copse_bytes_equal(fields->at[IPNS_VALUE].bytes, data->value) &&
            copse_bytes_equal(fields->at[IPNS_VALIDITY].bytes, data->validity) &&
            fields->at[IPNS_VALIDITY_TYPE].varint == data->validity_type &&
            fields->at[IPNS_SEQUENCE].varint == data->sequence &&
            fields->at[IPNS_TTL].varint == data->ttl_ns);
}

/* What a record of `name` says, which may have ended. `ret_data` borrows from `encoded`. */
static copse_status ipns_open(const copse_env *env, copse_bytes encoded,
                              const copse_public_key *name, ipns_data *ret_data, copse_err *err)
{
    ipns_fields fields = {0};
    if (encoded.len > COPSE_IPNS_RECORD_SIZE_BYTES_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "an IPNS record has at most %d bytes, not %zu",
                         COPSE_IPNS_RECORD_SIZE_BYTES_MAX, encoded.len);
    }
    copse_status status = ipns_read_fields(encoded, &fields, err);
    if (status == COPSE_OK) {
        status = copse_public_key_verify(env, name, copse_bytes_of_text(ipns_prefix),
                                         fields.at[IPNS_DATA].bytes,
                                         fields.at[IPNS_SIGNATURE_V2].bytes.ptr, err);
    }
    if (status == COPSE_OK) {
        status = ipns_read_data(env, fields.at[IPNS_DATA].bytes, ret_data, err);
    }
    if (status == COPSE_OK && !ipns_agrees(&fields, ret_data, name)) {
        status = COPSE_ERR(err, COPSE_CORRUPT,
                           "the IPNS record says outside of what is signed something else");
    }
    return status;
}

copse_status copse_ipns_verify(const copse_env *env, copse_bytes encoded,
                               const copse_public_key *name, uint64_t time_ms,
                               copse_ipns_record *ret_record, copse_err *err)
{
    ipns_data data = {0};
    copse_status status = ipns_open(env, encoded, name, &data, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_ipns_record record = {
        .value = data.value, .sequence = data.sequence, .ttl_ns = data.ttl_ns};
    if (data.validity_type != IPNS_EOL || !ipns_read_time(data.validity, &record)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the IPNS record does not say when it ends");
    }
    if (time_ms > record.eol_ms || (time_ms == record.eol_ms && record.eol_ns == 0)) {
        return COPSE_ERR(err, COPSE_DENIED, "the IPNS record ended at %.*s", (int)data.validity.len,
                         (const char *)data.validity.ptr);
    }
    *ret_record = record;
    return COPSE_OK;
}

/* ---- Use ------------------------------------------------------------------------------------ */

static int ipns_compare_uint(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

int copse_ipns_compare(const copse_ipns_record *a, const copse_ipns_record *b)
{
    int order = ipns_compare_uint(a->sequence, b->sequence);
    if (order == 0) {
        order = ipns_compare_uint(a->eol_ms, b->eol_ms);
    }
    return order != 0 ? order : ipns_compare_uint(a->eol_ns, b->eol_ns);
}

void copse_ipns_routing_key(const copse_public_key *name,
                            uint8_t ret_key[COPSE_IPNS_ROUTING_KEY_SIZE_BYTES])
{
    static const char prefix[] = "/ipns/";
    copse_cid cid;
    copse_public_key_to_cid(name, &cid);
    size_t prefix_len = sizeof prefix - 1;
    assert(prefix_len + cid.size - IPNS_MULTIHASH == COPSE_IPNS_ROUTING_KEY_SIZE_BYTES);
    memcpy(ret_key, prefix, prefix_len);
    memcpy(ret_key + prefix_len, cid.bytes + IPNS_MULTIHASH, cid.size - IPNS_MULTIHASH);
}

size_t copse_ipns_value_of_cid(const copse_cid *cid, char ret_text[COPSE_IPNS_VALUE_TEXT_SIZE_MAX])
{
    size_t prefix_len = sizeof ipns_value_prefix - 1;
    memcpy(ret_text, ipns_value_prefix, prefix_len);
    return prefix_len + copse_cid_to_text(cid, COPSE_BASE32, ret_text + prefix_len);
}

copse_status copse_ipns_value_to_cid(copse_bytes value, copse_cid *ret_cid, copse_err *err)
{
    copse_bytes prefix = copse_bytes_of_text(ipns_value_prefix);
    if (!copse_bytes_has_prefix(value, prefix)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the name does not stand for /ipfs/ and a CID");
    }
    copse_bytes text = {value.ptr + prefix.len, value.len - prefix.len};
    if (text.len > 0 && text.ptr[text.len - 1] == '/') {
        text.len--;
    }
    return copse_cid_from_text(text, ret_cid, err);
}
