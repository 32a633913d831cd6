#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Order keys (docs/formats/order.md), implemented a second time: exact fractions instead of bits.

    python3 tests/vectors/order.py > tests/vectors/order.tsv
"""
import hashlib
import struct
import sys
from fractions import Fraction

NAN, INF = float("nan"), float("inf")


class Form:
    """A value of a type of its own: its name, then what it holds."""

    def __init__(self, name, *args):
        self.name, self.args = name, args

    def __repr__(self):
        return repr(self.args) + " " + self.name


def dec(text):
    return Form("decimal", text)


# ---- DAG-CBOR ----------------------------------------------------------------------------------


def head(major, arg):
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if arg < 24:
            return bytes([major << 5 | arg])
        if arg < 1 << 8 * size:
            return bytes([major << 5 | info]) + arg.to_bytes(size, "big")
    raise ValueError(arg)


def cbor(value):
    if value is None:
        return b"\xf6"
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, float):
        if value != value or value in (INF, -INF) or str(value) == "-0.0":
            text = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(str(value), "-0.0")
            return cbor({"$numberDouble": text})
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    if isinstance(value, dict):
        return head(5, len(value)) + b"".join(cbor(k) + cbor(value[k]) for k in sorted_keys(value))
    if value.name == "link":
        return b"\xd8\x2a" + cbor(b"\0" + value.args[0])
    return cbor(
        {
            "decimal": lambda text: {"$numberDecimal": text},
            "date": lambda ms: {"$date": ms},
            "oid": lambda id: {"$oid": id.hex()},
            "binary": lambda data, subtype: {"$binary": {"base64": data, "subType": "%02x" % subtype}},
            "timestamp": lambda t, i: {"$timestamp": {"i": i, "t": t}},
            "regex": lambda p, o: {"$regularExpression": {"options": o, "pattern": p}},
            "min": lambda: {"$minKey": 1},
            "max": lambda: {"$maxKey": 1},
        }[value.name](*value.args)
    )


def sorted_keys(value):
    return sorted(value, key=lambda k: (len(k.encode()), k.encode()))


# ---- Parts -------------------------------------------------------------------------------------


def decimal_parts(text):
    """Sign (-1, 1), coefficient, exponent; coefficient None: not finite."""
    sign = -1 if text[0] == "-" else 1
    digits, _, exponent = text.lstrip("-").partition("E")
    if not digits[0].isdigit():
        return sign, None, 0
    whole, _, fraction = digits.partition(".")
    return sign, int(whole + fraction), int(exponent or 0) - len(fraction)


def exact(value):
    """A number as a Fraction, or as float NaN or infinity."""
    if isinstance(value, Form):
        sign, coefficient, exponent = decimal_parts(value.args[0])
        if coefficient is None:
            return NAN if "NaN" in value.args[0] else sign * INF
        return sign * coefficient * Fraction(10) ** exponent
    return value if value != value or value in (INF, -INF) else Fraction(value)


def number(value):
    v = exact(value)
    if v != v:
        return b"\x20"
    if v in (INF, -INF):
        return b"\xb7" if v > 0 else b"\x21"
    if v == 0:
        return b"\x6c"
    m = abs(v)
    e = m.numerator.bit_length() - m.denominator.bit_length()
    while m >= Fraction(2) ** (e + 1):
        e += 1
    while m < Fraction(2) ** e:
        e -= 1
    if -8 <= e <= 63:
        first = bytes([0x6E + 8 + e])
    elif e > 0:
        first = b"\xb6" + e.to_bytes(2, "big")
    else:
        first = b"\x6d" + (0x8000 + e).to_bytes(2, "big")
    rest, groups = m / Fraction(2) ** e - 1, b""
    while not groups or (rest != 0 and len(groups) < 17):
        rest *= 128
        group = rest.numerator // rest.denominator
        rest -= group
        groups += bytes([group << 1 | (rest != 0)])
    if v > 0:
        return first + groups
    return bytes([0xD8 - first[0]]) + bytes(b ^ 0xFF for b in first[1:] + groups)


def text(value):
    return value.encode().replace(b"\1", b"\1\2").replace(b"\0", b"\1\1") + b"\0"


def size(n):
    if n <= 0xF7:
        return bytes([n])
    length = (n.bit_length() + 7) // 8
    return bytes([0xF7 + length]) + n.to_bytes(length, "big")


def is_number(value):
    return (
        isinstance(value, (int, float)) and not isinstance(value, bool)
    ) or (isinstance(value, Form) and value.name == "decimal")


def content(value):
    if value is None:
        return b"\x18"
    if is_number(value):
        return number(value)
    if isinstance(value, bool):
        return b"\xd5" if value else b"\xd4"
    if isinstance(value, str):
        return b"\xc0" + text(value)
    if isinstance(value, bytes):
        return b"\xcc" + size(len(value)) + b"\0" + value
    if isinstance(value, list):
        return b"\xc8" + b"".join(map(content, value)) + b"\0"
    if isinstance(value, dict):
        return b"\xc4" + b"".join(content(k) + content(value[k]) for k in sorted_keys(value)) + b"\0"
    return {
        "binary": lambda data, subtype: b"\xcc" + size(len(data)) + bytes([subtype]) + data,
        "oid": lambda id: b"\xd0" + id,
        "date": lambda ms: b"\xd8" + (ms + 2**63).to_bytes(8, "big"),
        "timestamp": lambda t, i: b"\xdc" + struct.pack(">II", t, i),
        "regex": lambda p, o: b"\xe0" + text(p) + text(o),
        "link": lambda cid: b"\xe4" + size(len(cid)) + cid,
        "min": lambda: b"\x08",
        "max": lambda: b"\xf0",
    }[value.name](*value.args)


def part(value):
    """The part, and whether it is cut."""
    whole = content(value)
    if len(whole) <= 240:
        return whole, False
    if len(whole) <= 256:
        return whole[:240] + b"\1" + whole[240:], False
    return whole[:240] + b"\2" + hashlib.sha256(whole).digest()[:16], True


# ---- Trailers ----------------------------------------------------------------------------------


def varint(n):
    out = b""
    while n >= 128:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def spots(value):
    """The notes of all numbers and nulls in a value, None for those without one."""
    if isinstance(value, list):
        return [note for item in value for note in spots(item)]
    if isinstance(value, dict):
        return [note for key in sorted_keys(value) for note in spots(value[key])]
    if value is None:
        return [None]
    if not is_number(value):
        return []
    if isinstance(value, Form):
        sign, coefficient, exponent = decimal_parts(value.args[0])
        if coefficient is None:
            return [(2, b"\0\0")]
        negative_zero = coefficient == 0 and sign < 0
        return [(2, (2 * (exponent + 6176) + negative_zero).to_bytes(2, "big"))]
    if isinstance(value, float):
        if str(value) == "-0.0":
            return [(1, b"")]
        v = exact(value)
        if isinstance(v, Fraction) and v.denominator == 1 and -(2**64) <= v < 2**64:
            return [(0, b"")]
    return [None]


def trailer(notes):
    out, gap = b"", 0
    for note in notes:
        if note is None:
            gap += 1
        else:
            out, gap = out + varint(4 * gap + note[0]) + note[1], 0
    return out


# ---- The table ---------------------------------------------------------------------------------

CID = bytes.fromhex("01711220" + "00" * 31 + "01")
NUMBERS = [
    NAN, dec("NaN"), -INF, dec("-Infinity"), dec("-9.999999999999999999999999999999999E+6144"),
    -1e300, -(2**64), -float(2**64), 1 - 2**64, -(2**63), -(2**53) - 1, -float(2**53), -1000, -1.5,
    -1, -1.0, dec("-1.00"), -0.5, -0.001, dec("-0.1"), -0.1, -5e-324, dec("-1E-6176"), 0, 0.0, -0.0,
    dec("0"), dec("-0"), dec("0E+6111"), dec("-0E-6176"), dec("1E-6176"), dec("1E-324"), 5e-324,
    dec("4.940656458412465441765687928682214E-324"), 2.2250738585072014e-308, 1e-300,
    0.00390625, dec("0.00390625"), dec("0.003906250000000000000000000000000001"),
    0.1, dec("0.1"), dec("0.10"), dec("0.1000000000000000055511151231257827"),
    dec("0.1000000000000000055511151231257828"), 0.5, 1, 1.0, dec("1"), dec("1.00"), 1.5, 2, 3, 23,
    24, 127, 128, 129, 255, 256, 257, 1000, 32767, 32768, 65535, 65537, 2**31 - 1, 2**32 + 1,
    1714564800000, 2**53 - 1, 2**53, float(2**53), 2**53 + 1, dec("9007199254740993"),
    dec("9007199254740992.5"), float(2**53 + 2), 2**63 - 1, 2**63, float(2**63), 2**64 - 1,
    dec("18446744073709551615"), dec("18446744073709551615.5"), float(2**64),
    dec("18446744073709551616"), 1e23, dec("1E+23"), 1.7976931348623157e308, dec("1E+309"),
    dec("1." + "0" * 33 + "E+6144"), dec("9.999999999999999999999999999999999E+6144"), INF, dec("Infinity"),
]
OTHERS = [
    Form("min"), None, "", "\0", "\0\0", "\1", "\2", "a", "a\0", "a\1", "a\2", "ab", "b", "\x7f",
    "\u00e4", "\uffff", "\U0001f600", "x" * 238, "x" * 239, "x" * 254, "x" * 255, "x" * 256,
    "y" * 1000,
    {}, {"": 1}, {"a": None}, {"a": 1}, {"a": 1.0}, {"a": 1, "b": 2}, {"a": 2}, {"b": 0},
    {"b": 0, "aa": {"a": -0.0}}, {"aa": 0},
    [], [None], [[]], [1, 2.0, dec("3.0")], [1, 2.0, dec("3.0"), None, None, 5.0], [[1], []],
    ["x" * 233, 1.0], ["x" * 233, 0.1], ["x" * 236, [dec("0.1"), 1.0] * 3],
    b"", b"\0", b"\1\2", b"\xff" * 247, b"\xff" * 248, Form("binary", b"", 5),
    Form("binary", b"\1\2", 5), Form("binary", b"\xff\xff", 255),
    Form("oid", bytes(12)), Form("oid", bytes(range(244, 256))), False, True,
    Form("date", -(2**63)), Form("date", -1), Form("date", 0), Form("date", 2**63 - 1),
    Form("timestamp", 0, 0), Form("timestamp", 1, 2**32 - 1), Form("timestamp", 2, 0),
    Form("regex", "", ""), Form("regex", "a", ""), Form("regex", "a", "i"),
    Form("regex", "a\1", "imx"), Form("link", CID), Form("link", CID[:-1] + b"\2"), Form("max"),
]
# What a decoder says of a key, by where it sees that.
PART, NOTES, MISFIT, LOOSE, VALUE = (
    "not a part", "no list of notes", "does not fit its value", "a note has no value",
    "not that of a value",
)
CORRUPT = [
    ("", PART, "empty"), ("00", PART, "no first byte"), ("ff", PART, "no first byte"),
    ("7c", PART, "no group"), ("6e", PART, "no group"), ("7601", PART, "a group is missing"),
    ("760100", PART, "the last group is zero"),
    ("b6003f00", PART, "an exponent that has a byte of its own"),
    ("b64fbe00", PART, "an exponent too large"),
    ("6d7ff800", PART, "an exponent that has a byte of its own, small"),
    ("6d2fda00", PART, "an exponent too small"),
    ("c061", PART, "a text without an end"), ("c00100", PART, "no escape: 00"),
    ("c0010300", PART, "no escape: 03"), ("c0010201", PART, "ends inside an escape"),
    ("c0ff00", VALUE, "not UTF-8"), ("cc0100", PART, "content is missing"),
    ("ccf8f700" + "00" * 247, PART, "a size of two bytes that fits one"), ("d000", PART, "too short"),
    ("c4760076" + "0000", VALUE, "a key that is not text"),
    ("c4c0610000", VALUE, "a key without a value"),
    ("c4c062007600c06100760000", VALUE, "keys out of order"),
    ("c4c061007600c06100760000", VALUE, "a key twice"), ("c4c02400760000", VALUE, "begins with $"),
    ("c8", PART, "an array without an end"), ("1000", LOOSE, "a note behind [] in an index"),
    ("1800", MISFIT, "null is no float"), ("c81800" + "03", MISFIT, "missing inside an array"),
    ("c0610000", LOOSE, "a note behind a text"), ("760003", MISFIT, "a number is not missing"),
    ("760001", MISFIT, "1 is not -0.0"), ("768000", MISFIT, "1.5 is a float without a note"),
    ("6c08", LOOSE, "a gap of two behind one number"), ("760004", LOOSE, "a gap of one"),
    ("76000000", LOOSE, "two notes for one number"),
    ("76008000", NOTES, "a gap that is written too long"), ("760080", NOTES, "ends inside a gap"),
    ("76000230", NOTES, "ends inside an exponent"),
    ("7600023042", MISFIT, "1 is not 10 times an integer"),
    ("7600023041", MISFIT, "a negative zero that is 1"),
    ("7600026000", MISFIT, "1 has no exponent 6112"),
    ("6c026000", MISFIT, "no zero has the exponent 6112"),
    ("b64fbd00", MISFIT, "2^20413 is no float"), ("20020001", MISFIT, "NaN has no exponent"),
    (number(dec("0.1")).hex(), MISFIT, "no float, and not noted"),
    ("e000690000", LOOSE, "a note behind a regex"), ("e000786900", VALUE, "options out of order"),
    ("e000696900", VALUE, "an option twice"), ("e0007100", VALUE, "no option: q"), ("e00069", PART, "options without an end"),
    ("e001010000", VALUE, "NUL in a pattern"), ("e40100", VALUE, "no CID"),
    ("c0" + "78" * 238 + "0001", LOOSE, "a marker where the part has ended"),
    ("c0" + "78" * 239 + "0300", PART, "no marker"),
    ("c0" + "78" * 239 + "02" + "00" * 15, PART, "a hash too short"),
    ("c0" + "78" * 239 + "02" + "00" * 17, LOOSE, "a note behind a part that is cut"),
]


def main():
    print("# Order keys of one value, ascending; written by order.py. docs/formats/order.md")
    print("# item (or missing, empty)\tpart\ttrailer\tnote; or: -\twhat is wrong\ta corrupt key\tnote")
    rows = [("missing", part(None)[0], trailer([(3, b"")]), "missing field")]
    rows.append(("empty", b"\x10", b"", "[] in an index"))
    for value in NUMBERS + OTHERS:
        bytes_, cut = part(value)
        notes = [] if cut else spots(value)
        rows.append((cbor(value).hex(), bytes_, trailer(notes), repr(value)[:60].replace("\t", " ")))
    for item, bytes_, notes, note in sorted(rows, key=lambda row: row[1]):
        print(item, bytes_.hex(), notes.hex(), note, sep="\t")
    for key, why, note in CORRUPT:
        print("-", why, key, note, sep="\t")


if __name__ == "__main__":
    sys.exit(main())
