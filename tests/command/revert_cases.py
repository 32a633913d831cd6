"""The commands revert and cherry-pick."""
import json
import os

from history_cases import History


class RevertTest(History):
    """Five posts; three of them were changed since, each by a commit."""

    def setUp(self):
        super().setUp()
        for number in range(3):
            self.update(number, {"$set": {"v.n": 10 + number}}, "-m", f"change {number}\n\nWhy.")

    def update(self, number, change, *arguments):
        self.good("update", self.db, "posts", json.dumps({"_id": number}), json.dumps(change),
                  *arguments)

    def numbers(self, *arguments):
        return {document["_id"]: document["v"]["n"] for document in self.find(*arguments)}

    def head(self, ref="main", db=None):
        return self.good_json("log", db or self.db, "--ref", ref, "--limit", "1")[0]


class Revert(RevertTest):
    def test_one_commit_of_the_middle(self):
        of = self.log()[1]
        made = self.good_json("revert", self.db, "HEAD~1")
        self.assertEqual(made, [{"reverted": of["commit"], "inserted": 0, "replaced": 1,
                                 "merged": 0, "deleted": 0, "dry_run": False,
                                 "commit": self.head()["commit"]}])
        self.assertEqual(self.numbers(), {0: 10, 1: 1, 2: 12, 3: 3, 4: 4})
        self.assertEqual(self.head()["message"],
                         f"Revert \"change 1\"\n\nThis reverts commit {of['commit']}.")
        lines = self.good("log", self.db, "--limit", "1").splitlines()
        self.assertEqual([lines[1].split("Z  ")[1], lines[2:]],
                         ["Revert \"change 1\"", [f"    This reverts commit {of['commit']}."]])
        self.assertEqual(self.head()["parents"], [self.log()[1]["commit"]])
        self.good("check", self.db)

    def test_what_was_changed_since_stays(self):
        self.update(0, {"$set": {"w": 1}})
        made = self.good_json("revert", self.db, "HEAD~3")[0]
        self.assertEqual((made["replaced"], made["merged"]), (0, 1))
        self.assertEqual(self.find('{"_id":0}'), [{"_id": 0, "v": {"n": 0}, "w": 1}])

    def test_inserts_deletes_and_a_revert(self):
        before = self.stats()["tree"]
        self.good("insert", self.db, "posts", '{"_id":9}')
        self.good("delete", self.db, "posts", '{"_id":3}')
        after = self.stats()["tree"]
        made = self.good_json("revert", self.db, "HEAD", "HEAD~1")
        self.assertEqual([(each["inserted"], each["deleted"]) for each in made], [(1, 0), (0, 1)])
        self.assertEqual(self.stats()["tree"], before)
        self.good("revert", self.db, "HEAD", "HEAD~1")
        self.assertEqual(self.stats()["tree"], after)
        self.assertTrue(self.head()["message"].startswith("Revert \"Revert \""))

    def test_indexes_and_collections(self):
        self.good("index", self.db, "posts", "v.n")
        self.good("insert", self.db, "more", '{"_id":1}')
        self.good("revert", self.db, "HEAD", "HEAD~1")
        self.assertEqual([row["collection"] for row in self.good_json("collections", self.db)], ["posts"])
        self.assertEqual(self.good_json("indexes", self.db, "posts"), [])
        self.good("check", self.db)

    def test_a_policy(self):
        self.good("policy", self.db, "posts", "lww", "--tombstone-days", "3")
        self.assertEqual(self.good_json("show", self.db)[1:],
                         [{"change": "changed", "collection": "posts"}])
        self.good("revert", self.db, "HEAD")
        self.assertEqual(self.good("policy", self.db, "posts"), "posts: three-way\n")

    def test_conflicts_are_told_and_nothing_is_changed(self):
        self.update(1, {"$set": {"v.n": 20}})
        self.good("delete", self.db, "posts", '{"_id":2}')
        head = self.head()["commit"]
        result = self.bad(1, "'HEAD~3': 1 conflict; nothing was changed", "revert", self.db,
                          "HEAD~4", "HEAD~3")
        self.assertEqual(result.text(),
                         "conflict\tposts\t1\tthe same field was changed on both sides\n")
        result = self.run_copse("revert", self.db, "HEAD~2", "--json")
        self.assertEqual(result.lines()[0], {
            "conflict": "document", "collection": "posts", "_id": 2,
            "base": {"_id": 2, "v": {"n": 12}}, "theirs": {"_id": 2, "v": {"n": 2}}})
        self.assertEqual(self.head()["commit"], head)

    def test_a_value_that_is_anothers_now(self):
        self.good("index", self.db, "posts", "v.n", "--unique")
        self.good("insert", self.db, "posts", '{"_id":9,"v":{"n":1}}')
        result = self.bad(1, "'HEAD~3': ", "revert", self.db, "HEAD~3")
        self.assertIn("nothing was changed", result.errors())
        self.assertIn("give one of the two another value", result.errors())
        self.assertNotIn("again", result.errors())

    def test_nothing_to_do(self):
        self.good("revert", self.db, "HEAD~1")
        head = self.head()["commit"]
        of = self.log()[2]["commit"]
        self.assertIn("nothing to do", self.good("revert", self.db, of))
        self.assertIsNone(self.good_json("revert", self.db, of)[0]["commit"])
        self.assertEqual(self.head()["commit"], head)

    def test_a_dry_run(self):
        head = self.head()["commit"]
        self.assertIn("nothing was changed: --dry-run",
                      self.good("revert", self.db, "HEAD", "HEAD~1", "--dry-run"))
        made = self.good_json("revert", self.db, "HEAD", "HEAD~1", "--dry-run")
        self.assertEqual([(each["dry_run"], each["commit"]) for each in made], [(True, None)] * 2)
        self.assertEqual(self.head()["commit"], head)

    def test_an_index(self):
        self.good("index", self.db, "posts", "v.n")
        self.assertIn(": collections and indexes, no documents\n", self.good("revert", self.db, "HEAD"))
        self.assertEqual(self.good_json("indexes", self.db, "posts"), [])

    def test_the_first_commit(self):
        self.good("init", self.db, "--ref", "alone")
        self.good("insert", self.db, "posts", '{"_id":1}', "--ref", "alone")
        first = self.good_json("log", self.db, "--ref", "alone")[-1]["commit"]
        self.assertIn("nothing to do", self.good("revert", self.db, first, "--ref", "alone"))
        made = self.path("made")
        self.good("import", made, "posts", "-", stdin='{"_id":1}\n{"_id":2}\n')
        self.good("revert", made, "HEAD")
        self.assertEqual(self.good_json("collections", made), [])

    def test_merges_need_a_parent(self):
        self.good("branch", self.db, "draft")
        self.update(3, {"$set": {"v.n": 13}}, "--ref", "draft")
        self.update(4, {"$set": {"v.n": 14}})
        mine = self.head()["commit"]
        self.good("merge", self.db, "draft")
        parents = self.head()["parents"]
        result = self.bad(1, "is a merge: --parent N", "revert", self.db, "HEAD")
        self.assertIn(f"2 {parents[1]}", result.errors())
        self.bad(1, "has no parent number 3", "revert", self.db, "HEAD", "--parent", "3")
        self.bad(1, "has no parent number 2", "revert", self.db, "HEAD~1", "--parent", "2")
        self.bad(2, "counts from 1", "revert", self.db, "HEAD", "--parent", "0")
        self.good("revert", self.db, "HEAD", "--parent", parents.index(mine) + 1)
        self.assertEqual(self.numbers()[3], 3)
        self.assertEqual(self.numbers()[4], 14)

    def test_on_a_branch_with_a_message_and_an_author(self):
        author = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
        self.good("branch", self.db, "draft")
        os.environ["COPSE_AUTHOR"] = author
        self.addCleanup(os.environ.pop, "COPSE_AUTHOR")
        self.good("revert", self.db, "HEAD", "--ref", "draft", "-m", "No.")
        head = self.head("draft")
        self.assertEqual((head["message"], head["author"]), ("No.", author))
        self.assertEqual(self.numbers("--ref", "draft")[2], 2)
        self.assertEqual(self.numbers()[2], 12)

    def test_it_is_the_last_word_under_every_policy(self):
        """A revert is written now: no merge brings back what it took away."""
        for policy in ("lww", "field-wise"):
            self.good("policy", self.db, "posts", policy)
            self.update(0, {"$set": {"v.n": 50}})
            self.good("delete", self.db, "posts", '{"_id":3}')
            self.good("branch", self.db, policy)
            self.good("revert", self.db, "HEAD~1", "HEAD")
            self.update(4, {"$set": {"w": policy}}, "--ref", policy)
            self.assertEqual(self.good_json("merge", self.db, policy)[-1]["kind"], "merge")
            self.assertEqual((self.numbers()[0], self.numbers()[3]), (10, 3))
            self.assertEqual(self.find('{"_id":4}')[0]["w"], policy)
            self.good("check", self.db)

    def test_what_a_unique_index_refuses(self):
        self.good("index", self.db, "posts", "v.n", "--unique")
        self.good("insert", self.db, "posts", '{"_id":9,"v":{"n":2}}')
        self.bad(1, "unique", "revert", self.db, "HEAD~2")
        self.assertEqual(self.numbers()[2], 12)

    def test_what_is_asked_wrongly(self):
        self.bad(1, "neither a ref", "revert", self.db, "nope")
        self.bad(1, "is no commit", "revert", self.db, self.stats()["tree"])
        self.bad(2, "COMMIT", "revert", self.db)
        self.load([("a", "1")])
        self.bad(1, "is not a database", "revert", self.store, "main")


class CherryPick(RevertTest):
    def setUp(self):
        super().setUp()
        self.good("branch", self.db, "draft", "HEAD~3")

    def test_of_another_branch(self):
        self.update(4, {"$set": {"v.n": 14}}, "--ref", "draft", "-m", "change 4\n\nWhy.")
        self.update(3, {"$set": {"v.n": 13}}, "--ref", "draft")
        of = self.good_json("log", self.db, "draft~1")[0]["commit"]
        made = self.good_json("cherry-pick", self.db, "draft~1")[0]
        self.assertEqual((made["picked"], made["replaced"]), (of, 1))
        self.assertEqual(self.numbers(), {0: 10, 1: 11, 2: 12, 3: 3, 4: 14})
        self.assertEqual(self.head()["message"], f"change 4\n\nWhy.\n\n(picked from commit {of})")
        self.assertIn("nothing to do", self.good("cherry-pick", self.db, of))

    def test_several_and_their_merge(self):
        """What was picked is the same change on both sides: a merge takes it once."""
        self.good("cherry-pick", self.db, "main~1", "main", "--ref", "draft")
        self.assertEqual(self.numbers("--ref", "draft"), {0: 0, 1: 11, 2: 12, 3: 3, 4: 4})
        self.good("merge", self.db, "draft")
        self.assertEqual(self.numbers(), {0: 10, 1: 11, 2: 12, 3: 3, 4: 4})

    def test_conflicts(self):
        self.update(2, {"$set": {"v.n": 22}}, "--ref", "draft")
        head = self.head("draft")["commit"]
        self.bad(1, "1 conflict; nothing was changed", "cherry-pick", self.db, "main~1", "main",
                 "--ref", "draft")
        self.assertEqual(self.head("draft")["commit"], head)

    def test_from_another_database(self):
        self.good("fork", self.db, "mine")
        self.good("reset", "mine", "HEAD~3")
        self.update(4, {"$set": {"text": "x" * 5000}}, "-m", "large")
        of = self.head()["commit"]
        made = self.good_json("cherry-pick", "mine", "HEAD", "HEAD~2", "--from", self.db)
        self.assertEqual(made[0]["picked"], of)
        found = {json.loads(line)["_id"]: json.loads(line)
                 for line in self.good("find", "mine", "posts").splitlines()}
        self.assertEqual((len(found[4]["text"]), found[1]["v"]["n"], found[2]["v"]["n"]),
                         (5000, 11, 2))
        self.good("check", "mine")
        self.assertTrue(self.good_json("fsck", "mine")[-1]["good"])
        # By its CID alone it is not there.
        self.good("fork", "mine", "other", "--ref", self.log()[-1]["commit"])
        self.bad(1, "is not in", "cherry-pick", "other", of)
        self.bad(1, "1 conflict", "cherry-pick", "other", of, "--from", self.db)

    def test_what_is_asked_wrongly(self):
        result = self.bad(1, "there is no store", "cherry-pick", self.db, "HEAD", "--from", "nothing")
        self.assertIn("a database elsewhere is a folder,", result.errors())
        self.bad(1, "neither a ref", "cherry-pick", self.db, "nope")
