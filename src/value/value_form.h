/* Maps that stand for values of types that IPLD has not.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_VALUE_FORM_H
#define COPSE_VALUE_VALUE_FORM_H

#include <copse/value.h>

/** Reads the form of which `reader` stands behind the map's head, of one pair, moves behind it and
 * fills `value` as copse_value_enter. False: it is none; the reader has moved. */
bool copse_value_form_read(copse_cbor_reader *reader, copse_value *value);

/** As copse_value_next, but of an object or array moves behind the head only, to its first key or
 * element. Sets what the type names, and nothing else: neither zeros nor `encoded`. Whatever is not
 * OK leaves `value` with no meaning, and the reader where it was. */
COPSE_MUST_USE copse_status copse_value_enter(copse_cbor_reader *reader, copse_value *value,
                                              copse_err *err);

/** Whether `reader`, behind a map's head of `pairs` pairs, stands before those of a DBRef: "$id",
 * "$ref" and perhaps "$db", nothing else. It is an object, though its keys begin with "$". */
bool copse_value_is_reference(copse_cbor_reader reader, uint64_t pairs);

#endif
