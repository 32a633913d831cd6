#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Statements and identities for docs/formats/authority.md, made and signed by the package
cryptography.

    python3 tests/vectors/statement.py > tests/vectors/statement.tsv
"""
import base64
import hashlib
import sys

sys.dont_write_bytecode = True
from order import head, sorted_keys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58(data):
    number = int.from_bytes(data, "big")
    text = ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


class Link(bytes):
    """A binary CID."""


class Key:
    """The key whose seed is 32 times `byte`."""

    def __init__(self, byte):
        self.secret = Ed25519PrivateKey.from_private_bytes(bytes([byte]) * 32)
        public = self.secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.did = "did:key:z" + base58(b"\xed\x01" + public)


def encode(item, in_order=True):
    """DAG-CBOR; with in_order=False a map's keys stay as they stand."""
    if isinstance(item, Link):
        return b"\xd8\x2a" + head(2, len(item) + 1) + b"\0" + item
    if isinstance(item, bytes):
        return head(2, len(item)) + item
    if isinstance(item, str):
        return head(3, len(item.encode())) + item.encode()
    if item is None:
        return b"\xf6"
    if isinstance(item, bool):
        return b"\xf5" if item else b"\xf4"
    if isinstance(item, int):
        return head(0, item) if item >= 0 else head(1, -1 - item)
    if isinstance(item, list):
        return head(4, len(item)) + b"".join(encode(one) for one in item)
    keys = sorted_keys(item) if in_order else item
    return head(5, len(item)) + b"".join(encode(key) + encode(item[key]) for key in keys)


def cid(data):
    return Link(b"\x01\x71\x12\x20" + hashlib.sha256(data).digest())


def text(name):
    return "b" + base64.b32encode(name).decode().lower().rstrip("=")


def sign(key, prefix, item, name="signature"):
    return {**item, name: key.secret.sign(prefix + encode(item))}


CREATOR, ANNA, BEN = Key(1), Key(2), Key(3)
IDENTITY = {"Format": "database", "Version": 2, "Creator": CREATOR.did, "Nonce": bytes(range(16))}
DATABASE = cid(encode(sign(CREATOR, b"copse-database:", IDENTITY, "Signature")))
TIME = 1800000000000
DELEGATION, REVOCATION = b"copse-delegation:", b"copse-revocation:"


def line(item, status, part, note, name=None):
    data = item if isinstance(item, bytes) else encode(item)
    print(data.hex(), status, part, text(name or cid(data)) if status == "OK" else "", note, sep="\t")


def grant(can, **more):
    return {"by": CREATOR.did, "to": ANNA.did, "can": can, "time": TIME, "database": DATABASE, **more}


def revocation(grants, **more):
    return {"by": CREATOR.did, "to": ANNA.did, "grants": grants, "time": TIME,
            "database": DATABASE, **more}


def without(item, name):
    return {key: value for key, value in item.items() if key != name}


def main():
    print("# Statements and identities: docs/formats/authority.md, made by statement.py. Columns, by tabs:")
    print("# encoding in hex; `OK`, the status of reading, or `SIGNATURE` if only that is wrong; a part of")
    print("# the message where reading fails; CID where it is OK; note. Keys have seeds of 32 equal bytes.")
    print("# identities")
    identity = sign(CREATOR, b"copse-database:", IDENTITY, "Signature")
    line(identity, "OK", "", "an identity")
    line({**identity, "Nonce": bytes(16)}, "SIGNATURE", "", "an identity: another nonce")
    line({"Format": "database", "Version": 2}, "NOT_FOUND", "no creator", "an identity: without")
    line(sign(CREATOR, b"copse-database:", {**IDENTITY, "Version": 3}, "Signature"), "CORRUPT",
         "not the identity", "an identity: version 3")
    line(sign(CREATOR, b"copse-database:", {**IDENTITY, "Nonce": bytes(15)}, "Signature"), "CORRUPT",
         "not the identity", "an identity: a short nonce")
    line(without(identity, "Signature"), "CORRUPT", "not the identity", "an identity: no signature")
    line({**identity, "Signatures": 1}, "CORRUPT", "not the identity", "an identity: a key more")
    print("# grants")
    some = grant([["write", "posts"]])
    line(sign(CREATOR, DELEGATION, some), "OK", "", "one right")
    full = grant([["admin", ""], ["admin", "posts"], ["write", "a"], ["write", "bb"],
                  ["insert", ""], ["insert", "mail"]], expires=TIME + 1)
    line(sign(CREATOR, DELEGATION, full), "OK", "", "all rights, which expire")
    line(sign(ANNA, DELEGATION, {**some, "by": ANNA.did, "to": BEN.did, "time": 0}), "OK", "",
         "by another, at no time")
    line(sign(CREATOR, DELEGATION, grant([["insert", f"{n:02}"] for n in range(64)])), "OK", "",
         "64 rights")
    line(sign(CREATOR, DELEGATION, grant([["insert", "ü" * 64]], expires=2**63 - 1)), "OK", "",
         "the longest collection, the last time")
    good = sign(CREATOR, DELEGATION, some)
    line(sign(ANNA, DELEGATION, some), "SIGNATURE", "", "signed by another")
    line(sign(CREATOR, REVOCATION, some), "SIGNATURE", "", "signed as a revocation")
    line(sign(CREATOR, b"", some), "SIGNATURE", "", "signed without a prefix")
    line({**good, "to": BEN.did}, "SIGNATURE", "", "for another")
    line({**good, "can": [["admin", "posts"]]}, "SIGNATURE", "", "another right")
    line({**good, "can": [["write", "mail"]]}, "SIGNATURE", "", "another collection")
    line({**good, "expires": TIME}, "SIGNATURE", "", "made to expire")
    line({**good, "time": TIME + 1}, "SIGNATURE", "", "another time")
    line({**good, "database": cid(b"")}, "SIGNATURE", "", "another database")
    for name in good:
        line(without(good, name), "CORRUPT", "grants" if name == "can" else name, f"without {name}")
    for can, part in (([], "no items"), ([["insert", f"{n:02}"] for n in range(65)], "can"),
                      ([["write"]], "can"), ([["write", "a", "b"]], "can"), ([["read", "a"]], "can"),
                      ([["write", 1]], "can"), (["write", "a"], "can"), ("write", "can"),
                      ([["write", "b"], ["write", "a"]], "in order"),
                      ([["write", "bb"], ["write", "a"]], "in order"),
                      ([["insert", "a"], ["write", "a"]], "in order"),
                      ([["write", "a"], ["write", "a"]], "in order"),
                      ([["write", "a" * 129]], "no name"), ([["write", "a\n"]], "no name"),
                      ([["write", "a\x7f"]], "no name")):
        line(sign(CREATOR, DELEGATION, grant(can)), "CORRUPT", part, "rights")
    for more, part in (({"expires": 0}, "expires"), ({"expires": None}, "expires"),
                       ({"expires": -1}, "expires"), ({"expires": 2**63}, "too late"),
                       ({"time": 2**63}, "time"), ({"time": -1}, "time"), ({"time": "1"}, "time"),
                       ({"by": "did:key:z6Mk"}, "by"), ({"to": "did:web:example.org"}, "to"),
                       ({"to": ANNA.did.encode()}, "to"), ({"more": 1}, "time"), ({"z": 1}, "by"),
                       ({"signatures": 1}, "a key behind"),
                       ({"database": Link(b"\x01\x55\x12\x20" + bytes(32))}, "database"),
                       ({"database": bytes(36)}, "database"),
                       ({"last": cid(b"")}, "time"), ({"grants": [cid(b"")]}, "database")):
        line(sign(CREATOR, DELEGATION, grant([["write", "a"]], **more)), "CORRUPT", part, f"{more}"[:60])
    line({**good, "signature": bytes(63)}, "CORRUPT", "signature", "a short signature")
    line(encode({name: good[name] for name in reversed(good)}, False), "CORRUPT", "", "keys out of order")
    line(encode(good) + b"\0", "CORRUPT", "", "a byte behind it")
    line(encode(good)[:-1], "CORRUPT", "", "cut")
    line(encode([good]), "CORRUPT", "a map", "a list")
    line(encode(good) + bytes(8193), "LIMIT", "at most", "too long")
    print("# revocations")
    names = sorted(cid(bytes([n])) for n in range(65))
    line(sign(CREATOR, REVOCATION, revocation(names[:1])), "OK", "", "nothing of it counts")
    line(sign(CREATOR, REVOCATION, revocation(names[:64], last=cid(b"commit"))), "OK", "",
         "64 grants, up to a commit")
    back = sign(CREATOR, REVOCATION, revocation(names[:1], last=cid(b"commit")))
    line(without(back, "last"), "SIGNATURE", "", "the last commit taken out")
    line({**back, "last": cid(b"another")}, "SIGNATURE", "", "another last commit")
    line({**back, "grants": names[:2]}, "SIGNATURE", "", "a grant more")
    line(sign(CREATOR, DELEGATION, revocation(names[:1])), "SIGNATURE", "", "signed as a grant")
    for name in back:
        if name != "last":
            line(without(back, name), "CORRUPT", name, f"without {name}")
    for grants, part in (([], "no items"), (names, "grants"), (names[1::-1], "in order"),
                         ([names[0]] * 2, "in order"), ([b""], "grants"), (names[0], "grants"),
                         ([Link(b"\x01\x55\x12\x20" + bytes(32))], "no CID")):
        line(sign(CREATOR, REVOCATION, revocation(grants)), "CORRUPT", part, "grants")
    for more, part in (({"last": None}, "last"), ({"last": Link(b"\x12\x20" + bytes(32))}, "no CID"),
                       ({"expires": TIME}, "database")):
        line(sign(CREATOR, REVOCATION, revocation(names[:1], **more)), "CORRUPT", part, f"{more}"[:60])


if __name__ == "__main__":
    main()
