"""The command merge: branches of one database."""
import json

from history_cases import CID, History
from support import CommandTest


class Merge(History):
    """Five posts; draft and main have each gone on from there."""

    def setUp(self):
        super().setUp()
        self.good("branch", self.db, "draft")

    def merge(self, *arguments):
        return self.good_json("merge", self.db, *arguments)

    def update(self, number, change, *arguments):
        self.good("update", self.db, "posts", json.dumps({"_id": number}), json.dumps(change),
                  *arguments)

    def head(self, ref="main"):
        return self.good_json("log", self.db, "--ref", ref, "--limit", "1")[0]

    def test_both_sides_go_together_by_fields(self):
        self.good("index", self.db, "posts", "v.n")
        self.good("reset", self.db, "main", "--ref", "draft")
        self.update(1, {"$set": {"v.n": 11}})
        self.update(1, {"$set": {"v.m": 12}}, "--ref", "draft")
        self.good("insert", self.db, "posts", '{"_id":7,"v":{"n":1}}', "--ref", "draft")
        self.good("delete", self.db, "posts", '{"_id":2}', "--ref", "draft")
        heads = sorted([self.head()["commit"], self.head("draft")["commit"]])
        before = self.head()["commit"]
        dry = self.merge("draft", "--dry-run")[0]
        self.assertEqual(self.head()["commit"], before)
        made = self.merge("draft")[0]
        self.assertEqual((made["kind"], made["inserted"], made["merged"], made["deleted"]),
                         ("merge", 1, 1, 1))
        self.assertEqual({**dry, "dry_run": False}, made)
        self.assertEqual(self.head()["commit"], made["commit"])
        self.assertEqual(sorted(self.head()["parents"]), heads)
        self.assertEqual(self.find('{"_id":1}'), [{"_id": 1, "v": {"m": 12, "n": 11}}])
        self.assertEqual(self.ids('{"v.n":{"$gte":0}}', "--hint", "v.n"), [0, 1, 3, 4, 7])
        self.assertIn("all is well", self.good("check", self.db))
        # The other branch gets the same commit, and then neither has anything to do.
        self.assertEqual(self.merge("main", "--ref", "draft")[0]["kind"], "forward")
        self.assertEqual(self.head("draft")["commit"], made["commit"])
        self.assertEqual(self.merge("draft")[0]["kind"], "nothing")

    def test_what_only_moves_forward_is_counted(self):
        self.update(1, {"$set": {"v.n": 11}}, "--ref", "draft")
        self.good("insert", self.db, "posts", '{"_id":7}', '{"_id":8}', "--ref", "draft")
        for number in (2, 3, 4):
            self.good("delete", self.db, "posts", json.dumps({"_id": number}), "--ref", "draft")
        dry = self.merge("draft", "--dry-run")[0]
        made = self.merge("draft")[0]
        self.assertEqual((made["kind"], made["inserted"], made["replaced"], made["merged"],
                          made["deleted"]), ("forward", 2, 1, 0, 3))
        self.assertEqual({**dry, "dry_run": False}, made)
        nothing = self.merge("draft")[0]
        self.assertEqual((nothing["inserted"], nothing["deleted"]), (0, 0))

    def test_either_way_makes_the_same_commit(self):
        self.update(1, {"$set": {"a": 1}})
        self.update(2, {"$set": {"b": 1}}, "--ref", "draft")
        self.good("branch", self.db, "copy")
        one = self.merge("draft")[0]["commit"]
        self.assertEqual(self.merge("copy", "--ref", "draft")[0]["commit"], one)

    def test_conflicts_are_told_and_nothing_is_merged(self):
        self.update(1, {"$set": {"v.n": 21}})
        self.good("delete", self.db, "posts", '{"_id":3}')
        self.update(1, {"$set": {"v.n": 22}}, "--ref", "draft")
        self.update(3, {"$set": {"v.n": 23}}, "--ref", "draft")
        before = self.head()["commit"]
        result = self.bad(1, "2 conflicts: nothing was merged", "merge", self.db, "draft")
        self.assertIn("conflict\tposts\t1\tthe same field was changed on both sides", result.text())
        self.assertIn("conflict\tposts\t3\tdeleted here, changed there", result.text())
        self.assertEqual(self.head()["commit"], before)
        told = self.run_copse("merge", self.db, "draft", "--json")
        lines = [json.loads(line) for line in told.text().splitlines()]
        self.assertEqual(lines[0], {
            "conflict": "document", "collection": "posts", "_id": 1,
            "base": {"_id": 1, "v": {"n": 1}}, "ours": {"_id": 1, "v": {"n": 21}},
            "theirs": {"_id": 1, "v": {"n": 22}}})
        self.assertEqual(sorted(lines[1]), ["_id", "base", "collection", "conflict", "theirs"])
        # Settled on one side, it merges.
        self.update(1, {"$set": {"v.n": 21}}, "--ref", "draft")
        self.good("delete", self.db, "posts", '{"_id":3}', "--ref", "draft")
        self.assertEqual(self.merge("draft")[0]["kind"], "merge")

    def test_a_union_takes_both_and_deletes_nothing(self):
        self.update(1, {"$set": {"v.n": 30}})
        self.good("delete", self.db, "posts", '{"_id":3}')
        self.update(1, {"$set": {"v.n": 31}}, "--ref", "draft")
        self.good("insert", self.db, "posts", '{"_id":8}', "--ref", "draft")
        self.good("branch", self.db, "copy")
        one = self.merge("draft", "--policy", "union")[0]["commit"]
        self.assertEqual(self.ids(), [0, 1, 2, 3, 4, 8])
        self.assertEqual(self.find('{"_id":1}')[0]["v"]["n"], 31)
        self.assertEqual(self.merge("copy", "--ref", "draft", "--policy", "union")[0]["commit"], one)

    def test_a_clash_in_a_unique_index_waits(self):
        self.good("index", self.db, "posts", "v.n", "--unique")
        self.good("branch", self.db, "other")
        self.good("insert", self.db, "posts", '{"_id":20,"v":{"n":50}}')
        self.good("insert", self.db, "posts", '{"_id":21,"v":{"n":50}}', "--ref", "other")
        self.assertIn("1 document waiting for a unique value",
                      self.good("merge", self.db, "other"))
        self.assertEqual(self.ids(), [0, 1, 2, 3, 4, 20])
        self.assertIn("all is well", self.good("check", self.db))

    def test_an_index_of_one_side_is_built_when_asked(self):
        self.good("index", self.db, "posts", "v.n", "--ref", "draft")
        self.update(1, {"$set": {"v.n": 11}})
        self.assertEqual(self.merge("draft")[0]["kind"], "merge")
        self.bad(1, "is not built", "find", self.db, "posts", '{"v.n":11}', "--hint", "v.n")
        self.assertEqual(self.ids('{"v.n":11}'), [1])
        self.good("index", self.db, "posts", "v.n")
        self.assertEqual(self.ids('{"v.n":11}', "--hint", "v.n"), [1])
        self.assertIn("all is well", self.good("check", self.db))

    def test_conflicts_are_recorded_or_settled(self):
        self.update(1, {"$set": {"v.n": 21, "a": 1}})
        self.update(1, {"$set": {"v.n": 22, "b": 1}}, "--ref", "draft")
        heads = [self.head()["commit"], self.head("draft")["commit"]]
        expected = {
            "record": {"_id": 1, "v": {"n": 22}, "a": 1, "b": 1},
            "ours": {"_id": 1, "v": {"n": 21}, "a": 1, "b": 1},
            "theirs": {"_id": 1, "v": {"n": 22}, "a": 1, "b": 1},
        }
        for mode, document in expected.items():
            self.good("branch", self.db, mode)
            made = self.merge("draft", "--ref", mode, "--conflicts", mode)[-1]
            self.assertEqual((made["recorded"], made["settled"]),
                             (1, 0) if mode == "record" else (0, 1))
            self.assertEqual(self.find('{"_id":1}', "--ref", mode), [document])
            head = self.head(mode)
            self.assertEqual(sorted(head["parents"]) if mode == "record" else head["parents"],
                             sorted(heads) if mode == "record" else heads)
            self.assertEqual(head["message"], "" if mode == "record" else "merge draft")
            self.good("check", self.db, "--ref", mode)
        self.assertIn("1 document kept as conflicts",
                      self.good("merge", self.db, "draft", "--conflicts", "record", "--dry-run"))
        self.bad(2, "--message is about", "merge", self.db, "draft", "-m", "Mine")
        self.good("merge", self.db, "draft", "--conflicts", "ours", "-m", "Mine")
        self.assertEqual(self.head()["message"], "Mine")

    def test_what_is_asked_wrongly(self):
        self.bad(1, "neither a ref", "merge", self.db, "nope")
        self.bad(2, "three-way or union", "merge", self.db, "draft", "--policy", "mine")
        self.bad(2, "`copse policy DB COLL POLICY` sets lww and field-wise", "merge", self.db,
                 "draft", "--policy", "lww")
        self.bad(1, "is no commit", "merge", self.db, self.stats()["tree"])
        self.load([("a", "1")])
        self.bad(1, "is not a database", "merge", self.store, "main")


class Page(CommandTest):
    def test_shows_what_happens(self):
        self.assert_console("docs/merging.md", CID, r"\bbaf[a-z2-7]{13}…", r"\d{4}-\d\d-\d\d [\d:]+Z")
