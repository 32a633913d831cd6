"""Collections of signed documents: copse policy --signed, all commands that write into one, and
what copse check and copse merge make of what is forged."""
import hashlib
import os

from serve_cases import read_varint
from signature_cases import Keys

VERSIONS = "006c657474657273007600"  # 00 letters 00 v 00
WRONG = "the document is not signed by its author"
CID_SIZE = 36
CID_HEAD = b"\x01\x71\x12\x20"  # dag-cbor, sha2-256


def blocks_of(car):
    size, at = read_varint(car, 0)
    at += size
    while at < len(car):
        size, at = read_varint(car, at)
        yield car[at:at + CID_SIZE], car[at + CID_SIZE:at + size]
        at += size


def forge_car(car, replacements):
    """A CAR of a tree, whose nodes stand before those that they link to, with other bytes, of the
    same lengths, in its nodes, and all links right."""
    changes = list(replacements)
    for cid, block in reversed(list(blocks_of(car))):
        made = block
        for old, new in changes:
            made = made.replace(old, new)
        car = car.replace(block, made)
        changes.append((cid, CID_HEAD + hashlib.sha256(made).digest()))
    for old, new in changes:
        car = car.replace(old, new)
    return car


class Signed(Keys):
    """Ann's database with two signed letters."""

    def setUp(self):
        super().setUp()
        self.good("init", self.db, "--creator", "ann")
        self.made = self.good("policy", self.db, "letters", "lww", "--signed", "--key", "ann")
        os.environ["COPSE_KEY"] = "ann"
        self.good("insert", self.db, "letters", '{"_id":1,"text":"good day"}', '{"_id":2}')

    def let_ben_insert(self):
        self.good("writers", "add", self.db, "ben", "--can", "insert letters")

    def forge(self, *replacements, name="forged.copse"):
        """The database as somebody who has its blocks can make it."""
        self.good("tree", "export", self.db, self.path("tree.car"))
        with open(self.path("tree.car"), "rb") as file:
            car = file.read()
        with open(self.path("forged.car"), "wb") as file:
            file.write(forge_car(car, replacements))
        forged = self.path(name)
        self.good("tree", "import", forged, self.path("forged.car"))
        return forged

    def findings(self, db):
        result = self.run_copse("check", db, "--json")
        found = [line for line in result.lines() if "finding" in line]
        self.assertEqual(result.code, 1 if found else 0)
        return [(line["collection"], line["message"]) for line in found]

    def test_is_shown(self):
        self.assertEqual(self.made, "letters: lww, signed, deletions are kept\n")
        self.assertEqual(self.good("policy", self.db, "letters"), self.made)
        self.assertIs(self.good_json("policy", self.db, "letters")[0]["signed"], True)
        self.assertIs(self.good_json("collections", self.db)[0]["signed"], True)
        self.assertIn("lww, signed\n", self.good("collections", self.db))
        self.assertEqual(self.good("policy", self.db, "letters", "--tombstone-days", "30"),
                         "letters: lww, signed, deletions are kept for 30 days\n")
        self.assertEqual(self.last()["message"],
                         "policy of letters: lww, signed, deletions are kept for 30 days")

    def test_stays_until_it_is_dropped(self):
        for policy in ("three-way", "union", "field-wise"):
            self.bad(1, "so it stays lww until it is dropped", "policy", self.db, "letters", policy)
        before = self.good("tree", "root", self.db)
        self.good("policy", self.db, "letters", "lww")
        self.good("policy", self.db, "letters", "--signed")
        self.assertEqual(self.good("tree", "root", self.db), before)
        self.good("drop", self.db, "letters")
        self.good("policy", self.db, "letters", "lww", "--signed")
        self.assertEqual(self.good("count", self.db, "letters"), "0\n")

    def test_is_not_reverted(self):
        self.good("index", self.db, "notes", "text")
        self.good("policy", self.db, "notes", "lww")
        self.good("policy", self.db, "notes", "--signed")
        result = self.bad(1, "1 conflict", "revert", self.db, "HEAD")
        self.assertIn("conflict\tnotes\t", result.text())
        self.assertIs(self.good_json("policy", self.db, "notes")[0]["signed"], True)

    def test_what_can_not_be_signed(self):
        self.good("insert", self.db, "posts", '{"_id":1}')
        self.bad(1, "only where they are merged lww, and not three-way", "policy", self.db, "posts",
                 "--signed")
        self.bad(1, "has documents, or had some", "policy", self.db, "posts", "lww", "--signed")
        self.bad(2, "--signed goes with lww, and not with union", "policy", self.db, "posts",
                 "union", "--signed")
        self.bad(1, "letters", "policy", self.db, "leters", "lww", "--signed")
        self.bad(1, "there is no collection", "policy", self.db, "new", "--signed")
        plain = self.path("plain.copse")
        self.good("init", plain)
        self.bad(1, "only in a database with a creator", "policy", plain, "letters", "lww",
                 "--signed")

    def test_all_that_is_written_is_signed(self):
        self.let_ben_insert()
        self.good("replace", self.db, "letters", '{"_id":2,"a":[1]}')
        self.good("replace", self.db, "letters", '{"_id":3}', "--upsert")
        self.good("update", self.db, "letters", '{"_id":1}', '{"$set":{"text":"ho"}}')
        self.good("update", self.db, "letters", '{"_id":9}', '{"$set":{"a":1}}', "--upsert")
        self.good("insert", self.db, "letters", '{"_id":4}', "--key", "ben")
        self.good("delete", self.db, "letters", '{"_id":4}')
        self.write("batch.json", '{"insertOne":{"collection":"letters","document":{"_id":5}}}\n')
        self.good("batch", self.db, self.path("batch.json"))
        self.write("more.json", '{"_id":6}\n{"_id":7}\n')
        self.good("import", self.db, "letters", self.path("more.json"))
        self.good("revert", self.db, "HEAD")
        self.assertEqual(self.findings(self.db), [])
        self.good("drop", self.db, "letters")
        self.good("policy", self.db, "letters", "lww", "--signed")
        self.good("import", self.db, "letters", self.path("more.json"), "--key", "ben")
        versions = self.good_json("tree", "scan", self.db, "--hex", "--prefix", VERSIONS)
        self.assertEqual([(row["value"]["version"][1], len(row["value"]["version"]))
                          for row in versions], [(self.ben, 4)] * 2)
        self.assertEqual(self.findings(self.db), [])

    def test_without_a_key_nothing_is_written(self):
        del os.environ["COPSE_KEY"]
        self.write("more.json", '{"_id":6}\n')
        for change in (("insert", self.db, "letters", '{"_id":6}'),
                       ("update", self.db, "letters", '{"_id":1}', '{"$set":{"a":1}}'),
                       ("replace", self.db, "letters", '{"_id":1}'),
                       ("delete", self.db, "letters", '{"_id":1}'),
                       ("import", self.db, "letters", self.path("more.json")),
                       ("import", self.db, "letters", self.path("more.json"), "--skip-bad")):
            result = self.bad(1, "signs with a key", *change)
            self.assertIn("--key NAME, $COPSE_KEY or a line `key = NAME` in the config",
                          result.errors())
        self.good("drop", self.db, "letters", "--key", "ann")
        self.good("policy", self.db, "letters", "lww", "--signed", "--key", "ann")
        result = self.bad(1, "its documents are signed with a key", "import", self.db, "letters",
                          self.path("more.json"))
        self.assertIn("--key NAME", result.errors())

    def forgeries(self):
        """Another text, another's name, another time."""
        name, other = (f"{did}\xf4".encode("latin-1") for did in (self.ann, self.ben))
        time, later = (b"\x84\x82\x1b" + first for first in (b"\0", b"\1"))
        return (b"good day", b"good bye"), (name, other), (time, later)

    def test_what_is_forged_is_found(self):
        self.assertEqual(self.findings(self.forge()), [])
        for forgery, count in zip(self.forgeries(), (1, 2, 2)):
            self.assertEqual(self.findings(self.forge(forgery)), [("letters", WRONG)] * count)
        forged = self.forge((b"letters", b"lessons"))
        self.assertEqual(self.findings(forged), [("lessons", WRONG)] * 2)
        self.assertIn(f"version\tlessons\t-\t1\t{WRONG}\n", self.bad(1, "", "check", forged).text())

    def test_what_is_forged_is_not_merged(self):
        self.let_ben_insert()
        mine = ("find", self.db, "letters", '{"_id":{"$lt":3}}')
        before = self.good(*mine)
        for number, forgery in enumerate(self.forgeries()):
            forged = self.forge(forgery, name=f"forged{number}.copse")
            self.good("insert", forged, "letters", f'{{"_id":{number + 3}}}', "--key", "ben")
            self.good("merge", self.db, forged)
            self.assertEqual(self.good(*mine), before)
            self.assertEqual(self.findings(self.db), [])
        self.assertEqual(self.good("count", self.db, "letters"), "5\n")

    def test_older_versions_do_not_come_back(self):
        """Neither by their signatures, nor by taking newer ones away."""
        older = self.path("older.copse")
        self.let_ben_insert()
        self.good("fork", self.db, older)
        self.good("update", self.db, "letters", '{"_id":1}', '{"$set":{"text":"ho"}}')
        self.good("delete", self.db, "letters", '{"_id":2}')
        self.good("insert", older, "letters", '{"_id":3}', "--key", "ben")
        self.good("merge", self.db, older)
        self.assertEqual(self.good("find", self.db, "letters"),
                         '{"_id":1,"text":"ho"}\n{"_id":3}\n')
        self.assertEqual(self.findings(self.db), [])

    def test_writers_merge(self):
        copy = self.path("copy.copse")
        self.let_ben_insert()
        self.good("fork", self.db, copy)
        self.good("insert", copy, "letters", '{"_id":3}', "--key", "ben")
        self.good("insert", self.db, "letters", '{"_id":4}')
        self.good("merge", self.db, copy)
        self.good("merge", copy, self.db)
        self.assertEqual(*(self.good("tree", "root", db) for db in (self.db, copy)))
        self.assertEqual(self.good("count", copy, "letters"), "4\n")
        self.assertEqual(self.findings(copy), [])
