#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Signed documents for docs/formats/database.md, signed by the package cryptography.

    python3 tests/vectors/document_signature.py > tests/vectors/document_signature.tsv
"""
import sys

sys.dont_write_bytecode = True
from statement import ANNA, BEN, cid, encode

PREFIX = b"copse-document:"
DATABASE = cid(encode({"a": "database"}))
DOCUMENT = encode({"_id": 1, "text": "grüß\nGott"})
KEY = bytes.fromhex("2e81")
TIME = [1700000000000, 7]


def row(author=ANNA, prefix=PREFIX, database=DATABASE, collection="posts", key=KEY, time=TIME,
        document=DOCUMENT, name=None, at=None, deleted=False, cut=lambda signature: signature):
    link = cid(document) if document else None
    message = encode([database, collection, key, time, link])
    signature = cut(author.secret.sign(prefix + message))
    return encode({"version": [at or time, name or author.did, deleted, signature]})


def line(encoded, status, note, document=DOCUMENT):
    print(encoded.hex(), document.hex() or "-", status, note, sep="\t")


def main():
    print("# Signed documents: docs/formats/database.md, made by document_signature.py. Columns, by tabs:")
    print("# row of versions and document in hex (-: none); `OK` or the status of verifying; note. All")
    print("# stand in the collection posts under the key 2e81, of the database that is named by the CID of")
    print("# {\"a\": \"database\"}. The author's key has a seed of 32 bytes 02.")
    line(row(), "OK", "a document")
    line(row(time=[0, 0]), "OK", "at no time")
    line(row(time=[2**63 - 1, 2**32 - 1]), "OK", "at the last time")
    line(row(document=b"", deleted=True), "OK", "a deletion", b"")
    line(row(author=BEN), "OK", "by another")
    line(encode({"version": [TIME, ANNA.did, False]}), "NOT_FOUND", "no signature")
    line(encode({"version": [TIME, ANNA.did, True]}), "NOT_FOUND", "a deletion, no signature", b"")
    line(row(author=BEN, name=ANNA.did), "CORRUPT", "signed by another")
    line(row(name="did:key:zQ3sh"), "CORRUPT", "an author who is no Ed25519 key")
    line(row(prefix=b""), "CORRUPT", "signed without a prefix")
    line(row(prefix=b"copse-commit:"), "CORRUPT", "signed as something else")
    line(row(database=cid(b"")), "CORRUPT", "from another database")
    line(row(collection="drafts"), "CORRUPT", "from another collection")
    line(row(key=b"\x2e\x82"), "CORRUPT", "from another primary key")
    line(row(at=[1700000000000, 8]), "CORRUPT", "another counter")
    line(row(at=[1700000000001, 7]), "CORRUPT", "another time")
    line(row(), "CORRUPT", "an altered document", encode({"_id": 1, "text": "good day"}))
    line(row(deleted=True), "CORRUPT", "a document passed off as its deletion", b"")
    line(row(document=b""), "CORRUPT", "a deletion passed off as a document")
    line(row(deleted=True), "CORRUPT", "a document that the row says is deleted")
    line(row(cut=lambda signature: signature[:63]), "CORRUPT", "63 bytes")
    line(row(cut=lambda signature: signature + b"\0"), "CORRUPT", "65 bytes")
    line(row(cut=lambda signature: bytes(64)), "CORRUPT", "zeros")


if __name__ == "__main__":
    main()
