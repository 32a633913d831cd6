#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Examples of Extended JSON for docs/formats/values.md, with DAG-CBOR by order.py.

    python3 tests/vectors/ext_json.py > tests/vectors/ext_json.tsv
"""
import sys

sys.dont_write_bytecode = True
from order import CID, INF, NAN, Form, cbor, dec

LINK = "bafyreiaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaae"
OID = "507f1f77bcf86cd799439011"
UUID = "c8edabc3-f738-4ca3-b68d-ab92a91478a3"


def of_int(n, wrapper):
    return n, str(n), '{"$%s":"%d"}' % (wrapper, n)


def same(value, text):
    return value, text, text


def of_float(value, text):
    return value, text, '{"$numberDouble":"%s"}' % text


def binary(base64, subtype):
    return '{"$binary":{"base64":"%s","subType":"%s"}}' % (base64, subtype)


def date(ms, text):
    canonical = '{"$date":{"$numberLong":"%d"}}' % ms
    return Form("date", ms), '{"$date":"%s"}' % text if text else canonical, canonical


# JSON that is read in both modes, and what it becomes: the value, relaxed, canonical.
VALUES = [
    ("null", same(None, "null")),
    ("true", same(True, "true")),
    ('"text"', same("text", '"text"')),
    ('["a",[]]', same(["a", []], '["a",[]]')),
    ('{"bb":"x","c":{},"_id":"y"}', same({"_id": "y", "bb": "x", "c": {}}, '{"_id":"y","c":{},"bb":"x"}')),
    ("5", of_int(5, "numberInt")),
    ("-5", of_int(-5, "numberInt")),
    ("-0", of_int(0, "numberInt")),
    ("2147483647", of_int(2**31 - 1, "numberInt")),
    ("-2147483648", of_int(-(2**31), "numberInt")),
    ("2147483648", of_int(2**31, "numberLong")),
    ("-2147483649", of_int(-(2**31) - 1, "numberLong")),
    ("9223372036854775807", of_int(2**63 - 1, "numberLong")),
    ("-9223372036854775808", of_int(-(2**63), "numberLong")),
    ("9223372036854775808", same(2**63, "9223372036854775808")),
    ("-9223372036854775809", same(-(2**63) - 1, "-9223372036854775809")),
    ("18446744073709551615", same(2**64 - 1, "18446744073709551615")),
    ("-18446744073709551616", same(-(2**64), "-18446744073709551616")),
    ("18446744073709551616", of_float(2.0**64, "18446744073709552000.0")),
    ("5.0", of_float(5.0, "5.0")),
    ("5e0", of_float(5.0, "5.0")),
    ("0.1", of_float(0.1, "0.1")),
    ("-0.0", of_float(-0.0, "-0.0")),
    ('{"$numberInt":"5"}', of_int(5, "numberInt")),
    ('{"$numberLong":"5"}', of_int(5, "numberInt")),
    ('{"$numberLong":"-9223372036854775808"}', of_int(-(2**63), "numberLong")),
    ('{"$numberDouble":"5"}', of_float(5.0, "5.0")),
    ('{"$numberDouble":"-0"}', of_float(-0.0, "-0.0")),
    ('{"$numberDouble":"-0.0"}', of_float(-0.0, "-0.0")),
    ('{"$numberDouble":"NaN"}', same(NAN, '{"$numberDouble":"NaN"}')),
    ('{"$numberDouble":"Infinity"}', same(INF, '{"$numberDouble":"Infinity"}')),
    ('{"$numberDouble":"-Infinity"}', same(-INF, '{"$numberDouble":"-Infinity"}')),
    ('{"$numberDecimal":"5.0"}', same(dec("5.0"), '{"$numberDecimal":"5.0"}')),
    ('{"$numberDecimal":"5e3"}', same(dec("5E+3"), '{"$numberDecimal":"5E+3"}')),
    ('{"$date":"2024-05-01T12:00:00.5Z"}', date(1714564800500, "2024-05-01T12:00:00.500Z")),
    ('{"$date":"2024-05-01T14:00:00+02:00"}', date(1714564800000, "2024-05-01T12:00:00Z")),
    ('{"$date":"2024-05-01T14:00:00+0200"}', date(1714564800000, "2024-05-01T12:00:00Z")),
    ('{"$date":"2024-05-01T14:00:00+02"}', date(1714564800000, "2024-05-01T12:00:00Z")),
    ('{"$date":{"$numberLong":"0"}}', date(0, "1970-01-01T00:00:00Z")),
    ('{"$date":0}', date(0, "1970-01-01T00:00:00Z")),
    ('{"$date":253402300799999}', date(253402300799999, "9999-12-31T23:59:59.999Z")),
    ('{"$date":253402300800000}', date(253402300800000, None)),
    ('{"$date":-1}', date(-1, None)),
    ('{"$oid":"507F1F77BCF86CD799439011"}', same(Form("oid", bytes.fromhex(OID)), '{"$oid":"%s"}' % OID)),
    ('{"$binary":{"base64":"AQI=","subType":"5"}}', same(Form("binary", b"\1\2", 5), binary("AQI=", "05"))),
    ('{"$binary":{"base64":"AQI=","subType":"00"}}', same(b"\1\2", binary("AQI=", "00"))),
    ('{"$binary":"AQI=","$type":"05"}', same(Form("binary", b"\1\2", 5), binary("AQI=", "05"))),
    ('{"/":{"bytes":"AQI"}}', same(b"\1\2", binary("AQI=", "00"))),
    ('{"$uuid":"%s"}' % UUID, same(Form("binary", bytes.fromhex(UUID.replace("-", "")), 4),
                                   binary("yO2rw/c4TKO2jauSqRR4ow==", "04"))),
    ('{"$timestamp":{"t":1,"i":2}}', same(Form("timestamp", 1, 2), '{"$timestamp":{"t":1,"i":2}}')),
    ('{"$timestamp":{"t":{"$numberInt":"1"},"i":2}}',
     same(Form("timestamp", 1, 2), '{"$timestamp":{"t":1,"i":2}}')),
    ('{"$regularExpression":{"pattern":"a","options":"xi"}}',
     same(Form("regex", "a", "ix"), '{"$regularExpression":{"pattern":"a","options":"ix"}}')),
    ('{"$symbol":"a"}', same("a", '"a"')),
    ('{"$symbol":{"$symbol":"a"}}', same("a", '"a"')),
    ('{"$undefined":true}', same(None, "null")),
    ('{"$minKey":1}', same(Form("min"), '{"$minKey":1}')),
    ('{"$maxKey":{"$numberInt":"1"}}', same(Form("max"), '{"$maxKey":1}')),
    ('{"/":"%s"}' % LINK, same(Form("link", CID), '{"/":"%s"}' % LINK)),
    ('{"$ref":"c","$id":"x"}', same({"$ref": "c", "$id": "x"}, '{"$id":"x","$ref":"c"}')),
    ('{"$ref":"c","$id":"x","$db":"d"}',
     same({"$ref": "c", "$id": "x", "$db": "d"}, '{"$db":"d","$id":"x","$ref":"c"}')),
    ('{"a":"x","$b":"y"}', same({"a": "x", "$b": "y"}, '{"a":"x","$b":"y"}')),
    ('{"a":"x","$oid":"y"}', same({"a": "x", "$oid": "y"}, '{"a":"x","$oid":"y"}')),
]

# JSON that is kept in QUERY mode; in VALUE mode it is refused, with these words in the message.
QUERIES = [
    ('{"$regex":"a","$options":"i"}', {"$regex": "a", "$options": "i"}, "write {\"$regularExpression\""),
    ('{"$gt":"a"}', {"$gt": "a"}, 'begins with "$gt", which is no type'),
    ('{"$ref":"c","$id":"x","y":"z"}', {"$ref": "c", "$id": "x", "y": "z"}, '"$ref", which is no type'),
    ('{"$ref":"c"}', {"$ref": "c"}, '"$ref", which is no type'),
    ('{"$set":"a","b":"c"}', {"$set": "a", "b": "c"}, '"$set", which is no type'),
]

# JSON that is refused in both modes.
REFUSED = [
    ('{"a":1,"a":2}', "CORRUPT", "same key twice"),
    ("1e400", "LIMIT", "range"),
    ('{"$numberDouble":"1e400"}', "LIMIT", ""),
    ('{"$numberInt":"2147483648"}', "CORRUPT", "32 bits"),
    ('{"$numberLong":"9223372036854775808"}', "CORRUPT", "64 bits"),
    ('{"$numberLong":"-9223372036854775809"}', "CORRUPT", "64 bits"),
    ('{"$numberLong":5}', "CORRUPT", "64 bits"),
    ('{"$date":"2024-05-01"}', "CORRUPT", "existing date"),
    ('{"$date":"2024-02-30T00:00:00Z"}', "CORRUPT", "existing date"),
    ('{"$code":"f()"}', "CORRUPT", "JavaScript"),
    ('{"$code":"f()","$scope":{}}', "CORRUPT", "JavaScript"),
    ('{"$dbPointer":{"$ref":"c","$id":"x"}}', "CORRUPT", '{"$ref": text, "$id": value}'),
    ('{"$oid":"%s","a":1}' % OID, "CORRUPT", "other keys"),
    ('{"bbbbb":1,"$oid":"%s"}' % OID, "CORRUPT", "other keys"),
    ('{"$date":0,"a":1}', "CORRUPT", "other keys"),
    ('{"/":"text"}', "CORRUPT", "link"),
    ('{"/":"%s","a":1}' % LINK, "CORRUPT", "other keys"),
]

# Items that have no Extended JSON.
UNWRITABLE = [
    (cbor({"/": "text"}), "LIMIT", "reserves"),
    (cbor([{"/": {"bytes": "AQI"}}]), "LIMIT", "reserves"),
    (b"\xfb\x80" + bytes(7), "CORRUPT", "a bare -0.0"),
    (b"\xa2\x61b\x01\x61a\x01", "CORRUPT", "order"),
]


def main():
    print("# Extended JSON; written by ext_json.py. docs/formats/values.md")
    print("# value\tJSON\titem\trelaxed\tcanonical: JSON is read as the item, which is written so")
    print("# query\tJSON\titem\tin VALUE mode refused with these words")
    print("# refused\tJSON\tstatus\twords in the message")
    print("# unwritable\titem\tstatus\twords in the message")
    for text, (value, relaxed, canonical) in VALUES:
        print("value", text, cbor(value).hex(), relaxed, canonical, sep="\t")
    for text, value, why in QUERIES:
        print("query", text, cbor(value).hex(), why, sep="\t")
    for row in REFUSED:
        print("refused", *row, sep="\t")
    for item, status, why in UNWRITABLE:
        print("unwritable", item.hex(), status, why, sep="\t")


if __name__ == "__main__":
    sys.exit(main())
