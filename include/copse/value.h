/* Values of documents: DAG-CBOR items, of which some maps stand for types that IPLD has not.
 *
 * Format: docs/formats/values.md, "Stored forms". {"$date": 0} is a date, not a map; the forms are
 * those of MongoDB Extended JSON v2 with numbers and bytes in their DAG-CBOR kinds. A DBRef, of the
 * keys "$id", "$ref" and perhaps "$db", is an object. Any other map whose first key begins with "$"
 * is no value, and neither is a bare float -0.0.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_H
#define COPSE_VALUE_H

#include <copse/dag_cbor.h>

COPSE_EXTERN_C_BEGIN

/** Types, in the order in which values of different types compare; the three kinds of number
 * compare by value. */
typedef enum copse_value_type {
    COPSE_VALUE_MIN_KEY, /**< {"$minKey": 1} */
    COPSE_VALUE_NULL,    /**< null */
    COPSE_VALUE_INT,     /**< an integer, -2^64 to 2^64 - 1 */
    COPSE_VALUE_FLOAT,   /**< a float, or {"$numberDouble": "NaN"|"Infinity"|"-Infinity"|"-0.0"} */
    COPSE_VALUE_DECIMAL, /**< {"$numberDecimal": text}: IEEE 754 decimal128 */
    COPSE_VALUE_TEXT,    /**< a string */
    COPSE_VALUE_OBJECT,  /**< a map that is no form; pairs in DAG-CBOR's order */
    COPSE_VALUE_ARRAY,   /**< an array */
    COPSE_VALUE_BINARY,  /**< bytes: subtype 0; {"$binary": {"base64": bytes, "subType": "05"}} */
    COPSE_VALUE_OBJECT_ID, /**< {"$oid": text of 24 hex digits, lower case} */
    COPSE_VALUE_BOOL,      /**< true, false */
    COPSE_VALUE_DATE,      /**< {"$date": int64, milliseconds since 1970-01-01 UTC} */
    COPSE_VALUE_TIMESTAMP, /**< {"$timestamp": {"i": uint32, "t": uint32}} */
    COPSE_VALUE_REGEX,     /**< {"$regularExpression": {"options": text, "pattern": text}} */
    COPSE_VALUE_LINK,      /**< a link to a block */
    COPSE_VALUE_MAX_KEY    /**< {"$maxKey": 1} */
} copse_value_type;

/** A value as a typed view; what the type doesn't name is zero. Borrows the encoding. */
typedef struct copse_value {
    copse_value_type type;
    bool boolean;        /**< BOOL. */
    bool negative;       /**< INT: the value is -1 - arg, else arg. */
    uint8_t subtype;     /**< BINARY. */
    uint64_t arg;        /**< INT, see negative. ARRAY: elements; OBJECT: pairs. */
    double real;         /**< FLOAT, also not finite, also -0.0. */
    int64_t date_ms;     /**< DATE. */
    uint32_t seconds;    /**< TIMESTAMP: "t". */
    uint32_t increment;  /**< TIMESTAMP: "i". */
    copse_bytes bytes;   /**< TEXT, BINARY: content. OBJECT_ID: 24 digits. DECIMAL: text. REGEX:
                              pattern. LINK: binary CID. */
    copse_bytes options; /**< REGEX: letters in alphabetical order. */
    copse_bytes encoded; /**< All of the item. */
} copse_value;

/** Reads the value that `encoded`, one strict DAG-CBOR item that was checked before, stands for.
 * Of an object or array only the outermost level is looked at. CORRUPT: no value, or bytes that
 * break DAG-CBOR. */
COPSE_API COPSE_MUST_USE copse_status copse_value_read(copse_bytes encoded, copse_value *ret_value,
                                                       copse_err *err);

/** Reads the next value of `reader` and moves behind all of it. END: there is no more. CORRUPT as
 * copse_value_read; the reader has not moved. */
COPSE_API COPSE_MUST_USE copse_status copse_value_next(copse_cbor_reader *reader,
                                                       copse_value *ret_value, copse_err *err);

/** Checks that `encoded` is one strict DAG-CBOR item and a value on all its levels. CORRUPT names
 * the path of what is wrong; LIMIT as copse_dag_cbor_check. */
COPSE_API COPSE_MUST_USE copse_status copse_value_check(copse_bytes encoded,
                                                        const copse_limits *limits, copse_err *err);

/** Checks that `encoded` is a document: an object that passes copse_value_check. CORRUPT, LIMIT. */
COPSE_API COPSE_MUST_USE copse_status copse_document_check(copse_bytes encoded,
                                                           const copse_limits *limits,
                                                           copse_err *err);

/** Compares two values in MongoDB's order over all types: negative, zero or positive. Numbers by
 * exact value, whatever their kinds (NaN equals NaN and is below all other numbers; -0.0 equals 0);
 * text by code points; objects pair by pair in DAG-CBOR's order, first the keys (as text), then the
 * values, one that is a prefix before the other; arrays element by element likewise; binary by
 * size, then subtype, then content. Zero does not say that the encodings are equal. CORRUPT: one of
 * them is no value. Takes no memory. */
COPSE_API COPSE_MUST_USE copse_status copse_value_compare(copse_bytes a, copse_bytes b,
                                                          int *ret_order, copse_err *err);

/** The name that `$type` has for a type: "int", "double", "objectId", … Static storage. */
COPSE_API const char *copse_value_type_name(copse_value_type type);

/* ---- Writing the forms; each as the writers of dag_cbor.h ---- */

COPSE_API COPSE_MUST_USE copse_status copse_value_write_date(copse_buf *buf, int64_t date_ms);

/** Any float: also NaN, the infinities and -0.0, as their forms. */
COPSE_API COPSE_MUST_USE copse_status copse_value_write_float(copse_buf *buf, double value);

COPSE_API COPSE_MUST_USE copse_status copse_value_write_object_id(copse_buf *buf,
                                                                  const uint8_t id[12]);

COPSE_API COPSE_MUST_USE copse_status copse_value_write_binary(copse_buf *buf, copse_bytes content,
                                                               uint8_t subtype);

COPSE_API COPSE_MUST_USE copse_status copse_value_write_timestamp(copse_buf *buf, uint32_t seconds,
                                                                  uint32_t increment);

/** `options` in any order; kept in alphabetical order. MISUSE: a letter twice or none of "ilmsux",
 * a NUL in either, or not UTF-8. */
COPSE_API COPSE_MUST_USE copse_status copse_value_write_regex(copse_buf *buf, copse_bytes pattern,
                                                              copse_bytes options);

/** `text` in any of the spellings of decimal128; kept in the canonical one of its value and
 * exponent ("1E+3" is not "1000"). MISUSE: it is none, or not exact in 34 digits. */
COPSE_API COPSE_MUST_USE copse_status copse_value_write_decimal(copse_buf *buf, copse_bytes text);

COPSE_API COPSE_MUST_USE copse_status copse_value_write_min_key(copse_buf *buf);
COPSE_API COPSE_MUST_USE copse_status copse_value_write_max_key(copse_buf *buf);

/** Makes a new ObjectId: seconds of the clock, then 8 random bytes. MISUSE: `env` has no clock or
 * no random source. IO. */
COPSE_API COPSE_MUST_USE copse_status copse_object_id_new(const copse_env *env, uint8_t ret_id[12],
                                                          copse_err *err);

COPSE_EXTERN_C_END

#endif
