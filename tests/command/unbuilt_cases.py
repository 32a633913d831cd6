"""Indexes that a merge brings from the other side alone: there, but not built."""
import json

from history_cases import History


class UnbuiltDatabase(History):
    """main has merged a unique index of a branch, `by n`, which holds m too."""

    def setUp(self):
        super().setUp()
        self.good("branch", self.db, "draft")
        self.good("index", self.db, "posts", "v.n", "--name", "by n", "--unique", "--include", "m",
                  "--ref", "draft")
        self.good("insert", self.db, "posts", '{"_id":9,"v":{"n":0},"m":[1]}')
        self.good("branch", self.db, "other")
        self.good("merge", self.db, "draft")


class Unbuilt(UnbuiltDatabase):
    def index(self):
        return self.good_json("indexes", self.db, "posts")[0]

    def explain(self, *arguments):
        return self.good_json("find", self.db, "posts", '{"v.n":3}', "--explain", *arguments)[0]

    def test_is_told(self):
        row = self.index()
        self.assertEqual((row["index"], row["built"], row["entries"], row["unique"]),
                         ("by n", False, 0, True))
        self.assertRegex(self.good("indexes", self.db), r"by n +v\.n +not built +--unique")
        self.assertIn("0 entries in 1 index: all is well", self.good("check", self.db))
        self.assertEqual(self.good_json("stats", self.db)[0]["collections"][0]["indexes"],
                         [{"index": "by n", "entries": 0}])

    def test_the_merge_tells_how_it_is_built(self):
        """Also who had it built; and that nobody sees to it that values are unique."""
        came = f"index posts.by n came not built: `copse index {self.db} posts v.n --ref other` builds it; "
        lost = f"index posts.by n is not built any more: `copse index {self.db} posts v.n --ref draft` builds it; "
        self.good("insert", self.db, "posts", '{"_id":10}', "--ref", "other")
        for options in (["--dry-run"], []):
            self.assertIn(came + "until then nobody", self.good(
                "merge", self.db, "draft", "--ref", "other", *options))
        self.good("branch", self.db, "ahead", "draft")
        self.good("insert", self.db, "posts", '{"_id":11}', "--ref", "draft")
        self.assertIn(lost, self.good("merge", self.db, "main", "--ref", "draft", "--dry-run"))
        merged = self.good_json("merge", self.db, "main", "--ref", "draft")[0]
        self.assertEqual(merged["unbuilt"], [{"collection": "posts", "index": "by n",
                                              "fields": "v.n", "unique": True, "was_built": True}])
        moved = self.good_json("merge", self.db, "main", "--ref", "ahead", "--dry-run")[0]
        self.assertEqual((moved["kind"], moved["unbuilt"]), ("forward", merged["unbuilt"]))
        self.assertIn(lost.replace("draft", "ahead"),
                      self.good("merge", self.db, "main", "--ref", "ahead"))
        self.assertEqual(self.good_json("merge", self.db, "draft")[0]["unbuilt"], [])
        self.assertNotIn("unique", self.good("merge", self.db, "other"))

    def test_no_query_uses_it_and_explain_says_why(self):
        plan = self.explain()
        self.assertEqual((plan["plan"], plan["index"], plan["suggestion"]),
                         ("document scan", None, "v.n"))
        self.assertIn({"index": "by n", "why not": "it came by a merge, and is not built"},
                      plan["candidates"])
        text = self.good("find", self.db, "posts", '{"v.n":3}', "--explain")
        self.assertIn("why       the index that could help is not built\n", text)
        self.assertIn(f"faster    copse index {self.db} posts v.n\n", text)
        self.bad(1, "not built", "find", self.db, "posts", '{"v.n":3}', "--hint", "by n")
        self.assertEqual(self.ids('{"v.n":0}'), [0, 9])
        self.assertEqual(self.good_json("aggregate", self.db, "posts", json.dumps(
            [{"$group": {"_id": None, "most": {"$max": "$v.n"}}}])), [{"_id": None, "most": 4}])

    def test_writing_makes_no_entries(self):
        self.good("insert", self.db, "posts", '{"_id":10,"v":{"n":0}}')
        self.good("update", self.db, "posts", '{"_id":1}', '{"$set":{"v.n":0}}')
        self.good("import", self.db, "posts", self.write("more.jsonl", '{"_id":11,"v":{"n":0}}\n'))
        self.assertIn("0 entries", self.good("check", self.db))

    def test_its_fields_build_it_as_it_was_defined(self):
        self.bad(1, "documents 0 and 9 have equal values", "index", self.db, "posts", "v.n")
        self.assertFalse(self.index()["built"])
        self.good("delete", self.db, "posts", '{"_id":9}')
        self.bad(1, "another index by n", "index", self.db, "posts", "v.n", "--name", "by n",
                 "--link")
        result = self.good_json("index", self.db, "posts", "v.n")[0]
        self.assertEqual((result["index"], result["entries"]), ("by n", 5))
        row = self.index()
        self.assertEqual((row["built"], row["unique"], row["include"]), (True, True, ["m"]))
        self.assertEqual(self.explain()["index"], "by n")
        self.bad(1, "equal values", "insert", self.db, "posts", '{"_id":12,"v":{"n":0}}')
        self.assertIn("5 entries in 1 index: all is well", self.good("check", self.db))

    def test_other_fields_or_options_make_another(self):
        self.good("index", self.db, "posts", "v.n", "--link")
        self.assertEqual({row["index"]: row["built"]
                          for row in self.good_json("indexes", self.db, "posts")},
                         {"by n": False, "v.n": True})

    def test_it_can_be_dropped(self):
        self.good("drop-index", self.db, "posts", "by n")
        self.assertEqual(self.good_json("indexes", self.db, "posts"), [])
