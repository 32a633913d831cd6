"""History that is dropped: gc --keep-history, gc --shallow, and what then needs it."""
import json
import os
import shutil
import time

from documents_cases import DocumentsTest, ndjson
from history_cases import History


def size(store):
    """Of its files, but for the locks."""
    return sum(entry.stat().st_size for entry in os.scandir(store))


class Dropped(History):
    def drop(self, *options):
        return self.good_json("gc", self.db, *(options or ("--shallow",)))[0]

    def gone(self, number):
        """What the commit HEAD~number is said to have lost."""
        commit = self.log()[number]["commit"]
        return f"what the commit {commit} of "

    def assert_sound(self):
        self.assertIn("all is well", self.good("fsck", self.db))
        self.assertIn("all is well", self.good("check", self.db))


class Shallow(Dropped):
    def test_commits_stay_and_their_trees_go(self):
        log = self.log()
        tree = self.good_json("tree", "stat", self.db)[0]
        dry, = self.good_json("gc", self.db, "--shallow", "--dry-run")
        self.assertEqual(self.ids("--at", "HEAD~1"), [0, 1, 2, 3])
        self.assertEqual((dry["commits"], dry["commits_dropped"]), (6, 5))
        row = self.drop()
        self.assertEqual((row["commits"], row["commits_dropped"]), (6, 5))
        self.assertGreater(row["history_before_ms"], log[0]["time_ms"])
        # All commits, the nodes and the root of one tree, and the note on what was dropped.
        self.assertEqual(row["blocks"], 6 + tree["nodes"] + 1 + 1)
        self.assertEqual(row["blocks"], dry["blocks"] - dry["garbage"] + 1)
        self.assertEqual(self.log(), log)
        self.assertEqual(self.ids(), [0, 1, 2, 3, 4])
        self.assert_sound()
        self.assertEqual(self.good_json("fsck", self.db)[-1]["dropped"], 5)
        self.assertIn("5 earlier states are not here", self.good("fsck", self.db))
        # Again, and a collection that keeps the past: neither finds anything to do.
        self.assertEqual(self.drop()["blocks"], row["blocks"])
        self.assertEqual(self.drop("--progress")["blocks"], row["blocks"])

    def test_heads_of_branches_and_tags_are_kept_whole(self):
        self.good("branch", self.db, "draft", "HEAD~3")
        self.good("tag", self.db, "v1", "HEAD~1")
        self.drop()
        self.assertEqual(self.ids("--at", "v1"), [0, 1, 2, 3])
        self.assertEqual(self.ids("--ref", "draft"), [0, 1])
        self.bad(1, self.gone(2), "find", self.db, "posts", "--at", "HEAD~2")
        self.assert_sound()
        # The note is no branch, and no branch may take its place.
        self.assertEqual([row["branch"] for row in self.good_json("branch", self.db)],
                         ["draft", "main"])
        self.bad(2, "can't be the name of a ref", "branch", self.db, "dropped-history")

    def test_whoever_needs_the_past_is_told(self):
        self.good("index", self.db, "posts", "v.n")
        self.drop()
        for command in (["find", self.db, "posts"], ["count", self.db, "posts"],
                        ["get", self.db, "posts", "1"], ["stats", self.db],
                        ["aggregate", self.db, "posts", "[]"], ["export", self.db, "posts"],
                        ["collections", self.db], ["indexes", self.db, "posts"],
                        ["distinct", self.db, "posts", "v.n"], ["check", self.db]):
            result = self.bad(1, self.gone(2), *command, "--at", "HEAD~2")
            self.assertIn("`copse gc` dropped the history before 20", result.errors())
            self.assertIn("--peer URL fetches it", result.errors())
        self.bad(1, self.gone(1), "diff", self.db, "HEAD~1")
        self.bad(1, self.gone(1), "show", self.db)
        self.bad(1, self.gone(2), "branch", self.db, "back", "HEAD~2")
        self.bad(1, self.gone(2), "reset", self.db, "HEAD~2")
        told = self.run_copse("find", self.db, "posts", "--at", "HEAD~2", "--json")
        self.assertEqual(json.loads(told.errors())["error"]["status"], "NOT_FOUND")
        # A block that was never there is another matter.
        nowhere = "bafyreibzu4tgurqrpvj6qc23pnwrxsy23oe3llqzob3z4o2gysuboyyeve"
        self.bad(1, "is not in the store", "find", self.db, "posts", "--at", nowhere)

    def test_writing_goes_on(self):
        self.drop()
        self.good("insert", self.db, "posts", '{"_id":9}')
        self.assertEqual(self.ids("--at", "HEAD~1"), [0, 1, 2, 3, 4])
        self.assertEqual(self.good("diff", self.db, "HEAD~1"), '+ posts 9  {"_id":9}\n')
        self.bad(1, self.gone(2), "find", self.db, "posts", "--at", "HEAD~2")
        row = self.drop()
        self.assertEqual((row["commits"], row["commits_dropped"]), (7, 6))
        self.bad(1, self.gone(1), "find", self.db, "posts", "--at", "HEAD~1")
        self.assert_sound()

    def test_damage_is_still_damage(self):
        self.drop()
        path, = [os.path.join(self.db, name) for name in os.listdir(self.db)
                 if name.startswith(("journal-", "pack-")) and
                 os.path.getsize(os.path.join(self.db, name)) > 1000]
        with open(path, "r+b") as file:
            file.seek(os.path.getsize(path) // 2)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 1]))
        found = self.run_copse("fsck", self.db)
        self.assertEqual(found.code, 1)
        self.assertRegex(found.text(), "DAMAGE\t")

    def test_an_equal_state_that_is_kept_is_there(self):
        self.good("insert", self.db, "posts", '{"_id":9}')
        self.good("delete", self.db, "posts", '{"_id":9}')
        self.drop()
        self.assertEqual(self.ids("--at", "HEAD~2"), [0, 1, 2, 3, 4])
        self.bad(1, self.gone(1), "find", self.db, "posts", "--at", "HEAD~1")

    def test_trees_without_history_are_kept(self):
        self.load([("a", "1")])
        row, = self.good_json("gc", self.store, "--shallow")
        self.assertEqual((row["commits"], row["commits_dropped"]), (0, 0))
        self.assertEqual(self.good("tree", "get", self.store, "a"), "1\n")
        self.assertEqual(len(self.good("refs", "list", self.store).splitlines()), 1)


class KeepHistory(Dropped):
    def test_by_the_age_of_commits(self):
        time.sleep(0.8)
        self.good("insert", self.db, "posts", '{"_id":8}')
        self.good("insert", self.db, "posts", '{"_id":9}')
        dry, = self.good_json("gc", self.db, "--keep-history", "1d", "--dry-run")
        self.assertEqual((dry["commits_dropped"], dry["garbage"]), (0, 0))
        self.drop("--keep-history", "1d")
        self.assertNotIn("dropped-history", self.good("refs", "list", self.db))
        row = self.drop("--keep-history", "600ms")
        # HEAD~2 was what `main` held at that time.
        self.assertEqual((row["commits"], row["commits_dropped"]), (8, 5))
        self.assertEqual(self.ids("--at", "HEAD~1"), [0, 1, 2, 3, 4, 8])
        self.assertEqual(self.ids("--at", "HEAD~2"), [0, 1, 2, 3, 4])
        self.bad(1, self.gone(3), "find", self.db, "posts", "--at", "HEAD~3")
        self.assert_sound()
        # What was dropped once is not forgotten where more is kept later.
        self.drop("--keep-history", "1d")
        self.bad(1, self.gone(3), "find", self.db, "posts", "--at", "HEAD~3")
        self.assert_sound()

    def test_what_was_current_may_have_been_dropped_before(self):
        self.drop()
        time.sleep(0.3)
        self.good("insert", self.db, "posts", '{"_id":8}')
        self.good("insert", self.db, "posts", '{"_id":9}')
        self.good("reset", self.db, "HEAD~1")
        self.drop()
        self.good("insert", self.db, "posts", '{"_id":10}')
        for options in (["--dry-run"], []):
            self.good("gc", self.db, "--keep-history", "300ms", *options)
        self.bad(1, self.gone(2), "find", self.db, "posts", "--at", "HEAD~2")
        self.assert_sound()

    def test_what_makes_no_sense(self):
        before = self.good("refs", "list", self.db)
        for text in ("0d", "0", "-1d", "30", "d", "1y", "99999999999999999d", ""):
            self.bad(2, "--keep-history takes a time", "gc", self.db, "--keep-history=" + text)
        self.bad(2, "only one of them", "gc", self.db, "--keep-history", "1d", "--shallow")
        self.assertEqual(self.good("refs", "list", self.db), before)


class MergeDropped(Dropped):
    """main and draft went on from a state that was dropped since."""

    def setUp(self):
        super().setUp()
        self.whole = self.path("whole.copse")

    def part(self):
        """Both go on; returns what was there when they parted, as messages name it."""
        base = self.log()[0]["commit"]
        self.good("branch", self.db, "draft")
        self.update(1, {"$set": {"v.n": 11}})
        self.update(2, {"$set": {"v.n": 12}}, "--ref", "draft")
        shutil.copytree(self.db, self.whole)
        self.drop()
        return base

    def update(self, number, change, *arguments):
        self.good("update", self.db, "posts", json.dumps({"_id": number}), json.dumps(change),
                  *arguments)

    def write_by(self, policy):
        self.good("policy", self.db, "posts", policy)
        for number in (1, 2):
            self.update(number, {"$set": {"w": policy}})

    def merge(self, store, *arguments):
        return self.good_json("merge", store, "draft", *arguments)[-1]

    def head(self):
        return self.good("refs", "list", self.db)

    def test_three_way_is_refused(self):
        base = self.part()
        before = self.head()
        for options in ([], ["--conflicts", "record"], ["--conflicts", "ours"], ["--dry-run"]):
            result = self.bad(1, "they can't be merged: posts: its documents differ", "merge",
                              self.db, "draft", *options)
            self.assertIn(f"what the commit {base} of ", result.errors())
            self.assertIn("dropped the history before 20", result.errors())
            self.assertIn("--policy union needs no earlier state; --peer URL", result.errors())
            self.assertEqual(result.text(), "")
        told = self.run_copse("merge", self.db, "draft", "--json").errors()
        self.assertEqual(json.loads(told)["error"]["status"], "CONFLICT")
        self.assertEqual(self.head(), before)
        self.assert_sound()

    def test_policies_that_need_no_base_do_without(self):
        for name, options in (("union", ["--policy", "union"]), ("lww", []), ("field-wise", []),
                              ("union", [])):
            with self.subTest(name, options=options):
                if not options:
                    shutil.rmtree(self.db)
                    shutil.rmtree(self.whole)
                    super().setUp()
                    self.write_by(name)
                self.part()
                merged = self.merge(self.db, *options)
                self.assertEqual(merged["commit"], self.merge(self.whole, *options)["commit"])
                self.assertEqual(self.ids(), [0, 1, 2, 3, 4])
                self.assert_sound()

    def test_what_was_written_before_the_policy_is_refused(self):
        self.good("policy", self.db, "posts", "lww")
        self.part()
        self.bad(1, "posts: documents from before its policy differ", "merge", self.db, "draft")

    def test_what_does_not_differ_is_no_hindrance(self):
        self.good("insert", self.db, "others", '{"_id":1}')
        self.write_by("lww")
        self.part()
        self.assertEqual(self.merge(self.db)["commit"], self.merge(self.whole)["commit"])
        self.assert_sound()

    def test_an_index_that_one_side_made_is_refused(self):
        self.good("policy", self.db, "posts", "lww")
        self.good("branch", self.db, "draft")
        self.update(1, {"$set": {"v.n": 11}})
        self.good("index", self.db, "posts", "v.n", "--ref", "draft")
        self.drop()
        self.bad(1, "posts: its indexes differ", "merge", self.db, "draft")

    def test_a_head_that_goes_forward_needs_no_base(self):
        self.good("branch", self.db, "draft")
        self.update(1, {"$set": {"v.n": 11}}, "--ref", "draft")
        self.drop()
        self.assertEqual(self.merge(self.db)["kind"], "forward")

    def test_changes_are_picked_where_both_states_are(self):
        self.part()
        self.bad(1, "dropped the history before", "cherry-pick", self.db, "draft")
        self.bad(1, "dropped the history before", "revert", self.db, "HEAD")
        self.update(3, {"$set": {"v.n": 13}}, "--ref", "draft")
        self.good("cherry-pick", self.db, "draft")
        self.assertEqual(self.find('{"_id":3}')[0]["v"]["n"], 13)

    def test_a_change_is_not_picked_from_a_store_that_dropped_what_was_before(self):
        self.good("fork", self.db, self.whole)
        for number in (11, 12):
            self.update(1, {"$set": {"v.n": number}})
        self.drop()
        for commit in ("HEAD", "HEAD~1"):
            picked = self.bad(1, f"'{self.db}': what the commit ", "cherry-pick", self.whole,
                              commit, "--from", self.db)
            self.assertIn("dropped the history before 20", picked.errors())
            self.assertIn("--peer URL", picked.errors())


class Size(DocumentsTest):
    documents, commits = 2000, 200

    def test_is_that_of_a_fresh_import(self):
        rows = [{"_id": number, "n": number % 40, "text": f"{number} " * 120}
                for number in range(self.documents)]
        self.good("import", self.db, "posts", "-", stdin=ndjson(rows))
        self.good("index", self.db, "posts", "n")
        os.environ["COPSE_HISTORY"] = self.path("history")
        self.good("shell", self.db, stdin="".join(
            f'db.posts.updateOne({{_id: {number * 7919 % self.documents}}}, '
            f'{{$set: {{seen: {number}}}}})\n' for number in range(self.commits)))
        row, = self.good_json("gc", self.db, "--shallow")
        self.assertEqual(row["commits"], self.commits + 3)
        fresh = self.path("fresh")
        exported = self.good("export", self.db, "posts")
        self.good("import", fresh, "posts", "-", stdin=exported)
        self.good("index", fresh, "posts", "n")
        self.good("gc", fresh, "--shallow")
        self.assertEqual(self.good("tree", "root", fresh), self.good("tree", "root", self.db))
        ratio = size(self.db) / size(fresh)
        self.assertLessEqual(ratio, 1.10)
