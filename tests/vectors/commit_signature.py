#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Signed commits for docs/formats/commit.md, signed by the package cryptography.

    python3 tests/vectors/commit_signature.py > tests/vectors/commit_signature.tsv
"""
import sys

sys.dont_write_bytecode = True
from statement import ANNA, BEN, cid, encode, sign

TREE = cid(encode({"a": "tree"}))
PREFIX = b"copse-commit:"
FIRST = {"time": [1700000000000, 0], "tree": TREE, "skips": [], "parents": [], "generation": 0,
         "author": ANNA.did}
NEXT = {**FIRST, "time": [1700000000000, 7], "parents": [cid(encode(FIRST)), TREE], "generation": 1,
        "skips": [], "message": "grüß\nGott"}


def line(commit, status, note):
    print(encode(commit).hex(), status, note, sep="\t")


def main():
    print("# Signed commits: docs/formats/commit.md, made by commit_signature.py. Columns, by tabs: block")
    print("# in hex; `OK` or the status of verifying; note. The author's key has a seed of 32 bytes 02.")
    line(sign(ANNA, PREFIX, FIRST), "OK", "the first commit")
    line(sign(ANNA, PREFIX, NEXT), "OK", "a merge with a message")
    line(FIRST, "NOT_FOUND", "no signature")
    good = sign(ANNA, PREFIX, NEXT)
    line(sign(BEN, PREFIX, NEXT), "CORRUPT", "signed by another")
    line(sign(ANNA, b"", NEXT), "CORRUPT", "signed without a prefix")
    line(sign(ANNA, b"copse-delegation:", NEXT), "CORRUPT", "signed as something else")
    line({**good, "author": BEN.did}, "CORRUPT", "another author")
    line({**good, "author": "did:key:zQ3sh"}, "CORRUPT", "an author who is no Ed25519 key")
    for name, value in (("time", [1700000000001, 7]), ("time", [1700000000000, 8]),
                        ("tree", cid(b"")), ("parents", [TREE, cid(encode(FIRST))]),
                        ("parents", [TREE]), ("generation", 2), ("message", "Gott")):
        line({**good, name: value}, "CORRUPT", f"another {name}")
    line({name: good[name] for name in good if name != "message"}, "CORRUPT", "no message")
    line({**good, "signature": good["signature"][:63]}, "CORRUPT", "63 bytes")
    line({**good, "signature": good["signature"] + b"\0"}, "CORRUPT", "65 bytes")
    line({**good, "signature": bytes(64)}, "CORRUPT", "zeros")


if __name__ == "__main__":
    main()
