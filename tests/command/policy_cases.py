"""The command policy: how a collection's documents are merged, and the versions that two of the
policies need."""
import json
import os

from history_cases import History

VERSION_ROWS = "00706f737473007600"  # 00 posts 00 v 00


class Policy(History):
    """Five posts."""

    def policy(self, *arguments):
        return self.good_json("policy", self.db, "posts", *arguments)[0]

    def versions(self, ref="main"):
        """The rows of versions, by their number from 0."""
        return [row["value"] for row in self.good_json("tree", "scan", self.db, "--hex", "--prefix",
                                                       VERSION_ROWS, "--ref", ref)]

    def update(self, number, change, *arguments):
        self.good("update", self.db, "posts", json.dumps({"_id": number}), json.dumps(change),
                  *arguments)

    def by(self, author, *arguments):
        os.environ["COPSE_AUTHOR"] = author
        try:
            return self.good(*arguments)
        finally:
            del os.environ["COPSE_AUTHOR"]

    def test_is_shown_and_set(self):
        self.assertEqual(self.good("policy", self.db, "posts"), "posts: three-way\n")
        shown = self.policy()
        self.assertEqual((shown["collection"], shown["merge"], shown["tombstone_days"]),
                         ("posts", "three-way", 0))
        self.assertEqual(shown["commit"], self.log()[0]["commit"])
        self.assertEqual(self.good("policy", self.db, "posts", "lww"),
                         "posts: lww, deletions are kept\n")
        self.assertEqual(self.log()[0]["message"], "policy of posts: lww, deletions are kept")
        self.assertEqual(self.good("policy", self.db, "posts", "--tombstone-days", "30"),
                         "posts: lww, deletions are kept for 30 days\n")
        self.assertEqual(self.good("policy", self.db, "posts"),
                         "posts: lww, deletions are kept for 30 days\n")
        made = self.policy("field-wise", "-m", "by fields from now on")
        self.assertEqual((made["merge"], made["tombstone_days"]), ("field-wise", 30))
        self.assertEqual(self.log()[0]["message"], "by fields from now on")
        self.assertIn("field-wise", self.good("collections", self.db))
        collection = self.good_json("collections", self.db)[0]
        self.assertEqual((collection["merge"], collection["tombstone_days"]), ("field-wise", 30))
        # What is so already makes no commit.
        before = self.log()[0]["commit"]
        self.assertEqual(self.policy("field-wise")["commit"], before)
        self.assertEqual(self.policy("union", "--tombstone-days", "0")["tombstone_days"], 0)
        self.assertEqual(self.good("policy", self.db, "posts"), "posts: union\n")
        self.assertEqual(self.good("policy", self.db, "posts", "--ref",
                                   self.log("HEAD~1")[0]["commit"]),
                         "posts: field-wise, deletions are kept for 30 days\n")

    def test_what_is_asked_wrongly(self):
        self.bad(2, "three-way, union, lww or field-wise, and not 'last'", "policy", self.db,
                 "posts", "last")
        self.bad(2, "at most 36500", "policy", self.db, "posts", "--tombstone-days", "36501")
        self.bad(1, "did you mean 'posts'?", "policy", self.db, "post")
        self.bad(1, "did you mean 'posts'?", "policy", self.db, "post", "lww")
        self.bad(1, "are kept for ever", "policy", self.db, "posts", "lww", "--forget")
        self.assertEqual(self.policy()["merge"], "three-way")

    def test_documents_get_versions(self):
        self.good("policy", self.db, "posts", "lww")
        self.assertEqual(self.versions(), [])
        self.by("did:key:zA", "insert", self.db, "posts", '{"_id":9}')
        self.update(9, {"$set": {"a": 1}})
        self.by("did:key:zB", "delete", self.db, "posts", '{"_id":1}')
        deleted, written = [row["version"] for row in self.versions()]
        self.assertEqual((deleted[1:], written[1:]), (["did:key:zB", True], ["", False]))
        times = [commit["time_ms"] for commit in self.log("--limit", "2")]
        self.assertLessEqual(abs(deleted[0][0] - times[0]), 1000)
        self.assertIn("all is well", self.good("check", self.db))
        self.good("policy", self.db, "posts", "three-way")
        self.assertEqual(self.versions(), [])

    def test_an_update_writes_fields_and_a_replacement_all(self):
        self.good("policy", self.db, "posts", "field-wise")
        self.by("did:key:zA", "update", self.db, "posts", '{"_id":1}', '{"$set":{"a":1}}')
        row, = self.versions()
        self.assertEqual(list(row["fields"]), ["a"])
        self.assertEqual(row["fields"]["a"][1], "did:key:zA")
        self.by("did:key:zB", "update", self.db, "posts", '{"_id":1}', '{"a":2}')
        row, = self.versions()
        self.assertEqual((list(row), row["version"][1:]), (["version"], ["did:key:zB", False]))
        self.by("did:key:zC", "replace", self.db, "posts", '{"_id":1,"a":3}')
        self.assertEqual(self.versions()[0]["version"][1], "did:key:zC")

    def test_an_import_writes_versions(self):
        lines = "".join(json.dumps({"_id": number}) + "\n" for number in range(100))
        self.good("policy", self.db, "posts", "field-wise")
        self.good("delete", self.db, "posts", "{}", "--multi")
        # Into what is empty but for deletions: they are not lost.
        self.write("posts.ndjson", lines)
        self.by("did:key:zA", "import", self.db, "posts", "posts.ndjson")
        rows = self.versions()
        self.assertEqual({tuple(row["version"][1:]) for row in rows}, {("did:key:zA", False)})
        self.assertEqual(len(rows), 100)
        self.assertIn("all is well", self.good("check", self.db))
        # And into a new one.
        self.good("drop", self.db, "posts")
        self.good("index", self.db, "posts", "v")
        self.good("policy", self.db, "posts", "lww")
        self.by("did:key:zB", "import", self.db, "posts", "posts.ndjson")
        rows = self.versions()
        self.assertEqual({json.dumps(row["version"]) for row in rows},
                         {json.dumps(rows[0]["version"])})
        self.assertEqual((len(rows), rows[0]["version"][1]), (100, "did:key:zB"))
        self.assertIn("all is well", self.good("check", self.db))

    def test_forgetting_keeps_what_is_young(self):
        self.good("policy", self.db, "posts", "lww", "--tombstone-days", "1")
        self.good("delete", self.db, "posts", '{"_id":1}')
        before = self.log()[0]["commit"]
        self.assertNotIn("forgotten_before", self.policy())
        forgot = self.policy("--forget")
        self.assertEqual(forgot["forgotten"], 0)
        self.assertEqual(self.log("HEAD~1")[0]["commit"], before)
        self.assertRegex(forgot["forgotten_before"], r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$")
        self.assertRegex(self.good("policy", self.db, "posts", "--forget"),
                         "^posts: lww, deletions are kept for 1 day\n"
                         "deletions from before [-0-9 :]+Z are forgotten\nforgot 0 deletions\n$")
        self.assertEqual(len(self.versions()), 1)
        # What was forgotten stays so, whatever is said later.
        self.good("policy", self.db, "posts", "three-way")
        self.good("policy", self.db, "posts", "lww")
        self.assertEqual(self.policy()["forgotten_before"][:10], forgot["forgotten_before"][:10])
        self.good("drop", self.db, "posts")
        self.good("insert", self.db, "posts", '{"_id":1}')
        self.assertNotIn("forgotten_before", self.policy())

    def test_what_is_written_last_stays(self):
        self.good("policy", self.db, "posts", "lww")
        self.good("branch", self.db, "draft")
        self.update(1, {"$set": {"v.n": 10}})
        self.update(1, {"$set": {"v.n": 11}}, "--ref", "draft")
        self.good("delete", self.db, "posts", '{"_id":2}')
        self.good("merge", self.db, "draft")
        self.assertEqual(self.find('{"_id":1}')[0]["v"]["n"], 11)
        self.assertEqual(self.ids(), [0, 1, 3, 4])
        self.assertIn("all is well", self.good("check", self.db))

    def test_each_field_has_what_is_written_last(self):
        self.good("policy", self.db, "posts", "field-wise")
        self.good("branch", self.db, "draft")
        self.update(1, {"$set": {"a": 1, "b": 1}}, "--ref", "draft")
        self.update(1, {"$set": {"b": 2, "c": 2}})
        self.good("merge", self.db, "draft")
        self.assertEqual(self.find('{"_id":1}'), [{"_id": 1, "v": {"n": 1}, "a": 1, "b": 2, "c": 2}])
        self.assertIn("all is well", self.good("check", self.db))

    def test_differing_ones_are_told(self):
        self.good("branch", self.db, "draft")
        self.good("policy", self.db, "posts", "lww", "--tombstone-days", "30")
        self.good("policy", self.db, "posts", "field-wise", "--ref", "draft")
        result = self.bad(1, "`copse policy DB COLL POLICY`", "merge", self.db, "draft")
        self.assertEqual(result.text(),
                         "conflict\tposts\tits policy is lww (deletions kept for 30 days) here, "
                         "field-wise there\n")
        told = self.run_copse("merge", self.db, "draft", "--json").lines()[0]
        self.assertEqual(told, {
            "conflict": "collection", "collection": "posts",
            "ours": {"primary_key": "_id", "merge": "lww", "tombstone_days": 30, "signed": False},
            "theirs": {"primary_key": "_id", "merge": "field-wise", "tombstone_days": 0,
                       "signed": False}})
        self.good("policy", self.db, "posts", "field-wise", "--tombstone-days", "0")
        self.good("merge", self.db, "draft")

    def test_days_are_of_policies_with_versions(self):
        for policy in ("three-way", "union"):
            result = self.bad(1, f"'posts' is merged {policy}, which knows of no deletions", "policy",
                              self.db, "posts", policy, "--tombstone-days", "3")
            self.assertIn("lww or field-wise", result.errors())
        self.bad(1, "knows of no deletions", "policy", self.db, "posts", "--tombstone-days", "3")
        self.bad(1, "knows of no deletions", "policy", self.db, "posts", "--forget")
        self.assertEqual(self.policy()["tombstone_days"], 0)
        # Those that were given go with the policy that they were of.
        self.good("policy", self.db, "posts", "lww", "--tombstone-days", "3")
        self.assertEqual(self.policy("three-way")["tombstone_days"], 0)
        self.assertEqual(self.policy("lww")["tombstone_days"], 0)

    def test_a_deletion_wins_over_later_changes_of_fields(self):
        """Which isn't told as if it were the later one."""
        self.good("policy", self.db, "posts", "field-wise")
        self.good("branch", self.db, "draft")
        self.good("delete", self.db, "posts", '{"_id":1}')
        self.update(1, {"$set": {"a": 1}}, "--ref", "draft")
        self.assertIn("1 document written on both sides, of which one gave way, all or a part of it\n",
                      self.good("merge", self.db, "draft"))
        self.assertEqual(self.find('{"_id":1}'), [])

    def make_old(self, ref, time_ms):
        """As if the latest commit of a branch had been made then."""
        made = json.loads(self.good("block", "get", self.db, self.log(ref)[0]["commit"]))
        old = self.good("block", "put", self.db, "-",
                        stdin=json.dumps({**made, "time": [time_ms, 0]}))
        self.good("refs", "set", self.db, ref, old.strip())

    def test_what_parted_too_long_ago(self):
        """And once it was forgotten, also if deletions are kept for ever from then on."""
        self.good("policy", self.db, "posts", "lww", "--tombstone-days", "3")
        self.make_old("main", 1000)
        self.good("branch", self.db, "draft")
        self.update(1, {"$set": {"a": 1}})
        self.update(2, {"$set": {"b": 2}}, "--ref", "draft")
        self.make_old("draft", 2000)
        self.good("merge", self.db, "draft", "--dry-run")
        self.good("policy", self.db, "posts", "--forget")
        self.good("policy", self.db, "posts", "--tombstone-days", "0")
        result = self.bad(1, "deletions were forgotten", "merge", self.db, "draft")
        self.assertIn("`copse cherry-pick NEWER COMMIT… --from OTHER`", result.errors())
        self.good("cherry-pick", self.db, "draft")
        self.assertEqual(self.find('{"_id":2}'), [{"_id": 2, "v": {"n": 2}, "b": 2}])

    def test_one_that_only_one_side_set(self):
        """The other one, who did not know of it, loses nothing."""
        for policy in ("lww", "field-wise", "union"):
            here, there = f"{policy}-here", f"{policy}-there"
            self.good("branch", self.db, here)
            self.good("branch", self.db, there)
            self.good("policy", self.db, "posts", policy, "--ref", here)
            self.update(2, {"$set": {"a": policy}}, "--ref", here)
            self.update(1, {"$set": {"a": policy}}, "--ref", there)
            self.good("delete", self.db, "posts", '{"_id":3}', "--ref", there)
            self.good("merge", self.db, there, "--ref", here)
            self.assertEqual(self.find('{"_id":{"$in":[1,2,3]}}', "--project", "a", "--ref", here),
                             [{"_id": 1, "a": policy}, {"_id": 2, "a": policy}]
                             + ([{"_id": 3}] if policy == "union" else []))
            self.assertIn("all is well", self.good("check", self.db, "--ref", here))
