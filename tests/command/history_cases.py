"""The commands log, show, diff, blame, branch, tag, reset, and --at, --message, the author."""
import json
import os
import re
import time

from documents_cases import DocumentsTest

CID = r"\bbaf[a-z2-7]{56}\b"


class History(DocumentsTest):
    """A database of six commits: it is made, five posts, each inserted."""

    def setUp(self):
        super().setUp()
        for number in range(5):
            self.good("insert", self.db, "posts", json.dumps({"_id": number, "v": {"n": number}}),
                      "-m", f"post {number}")

    def log(self, *arguments):
        return self.good_json("log", self.db, *arguments)

    def ids(self, *arguments):
        return sorted(document["_id"] for document in self.find(*arguments))


class Log(History):
    def test_tells_each_commit_newest_first(self):
        commits = self.log()
        self.assertEqual([commit["message"] for commit in commits],
                         ["post 4", "post 3", "post 2", "post 1", "post 0", "make the database"])
        self.assertEqual([commit["generation"] for commit in commits], [5, 4, 3, 2, 1, 0])
        for commit, parent in zip(commits, commits[1:]):
            self.assertEqual(commit["parents"], [parent["commit"]])
            self.assertGreaterEqual(commit["time_ms"], parent["time_ms"])
        self.assertEqual(commits[-1]["parents"], [])
        self.assertEqual(commits[0]["commit"], self.stats()["commit"])

    def test_begins_and_ends_where_it_is_told(self):
        self.assertEqual([commit["message"] for commit in self.log("HEAD~1", "--limit", "2")],
                         ["post 3", "post 2"])
        third = self.log()[2]["commit"]
        self.assertEqual(self.log(third + "~1")[0]["message"], "post 1")

    def test_for_people_has_the_cid_to_go_on_with(self):
        lines = self.good("log", self.db, "--limit", "1").splitlines()
        self.assertEqual(lines[0], self.stats()["commit"])
        self.assertRegex(lines[1], r"^  \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ  post 4$")

    def test_a_plain_tree_has_none(self):
        self.load([("a", "1")])
        self.bad(1, "is a tree without history", "log", self.store)


class Show(History):
    def test_a_commit_and_its_changes(self):
        self.good("replace", self.db, "posts", '{"_id":1,"v":{"n":7},"w":1}')
        commit, change = self.good_json("show", self.db)
        self.assertEqual(commit["message"], "replace 1 document in posts")
        self.assertEqual(change, {"change": "changed", "collection": "posts", "_id": 1,
                                  "fields": [{"path": "v.n", "before": 1, "after": 7},
                                             {"path": "w", "after": 1}]})
        self.assertIn("~ posts 1\n    ~ v.n: 1 -> 7\n    + w: 1\n", self.good("show", self.db))

    def test_the_first_commit(self):
        self.assertEqual(len(self.good_json("show", self.db, "HEAD~5")), 1)

    def test_no_commit(self):
        self.bad(1, "this is a tree, and no commit", "show", self.db, self.stats()["tree"])


class Diff(History):
    def test_both_ways(self):
        self.assertEqual(self.good("diff", self.db, "HEAD~2"),
                         '+ posts 3  {"_id":3,"v":{"n":3}}\n+ posts 4  {"_id":4,"v":{"n":4}}\n')
        self.assertEqual(self.good("diff", self.db, "HEAD", "HEAD~1"),
                         '- posts 4  {"_id":4,"v":{"n":4}}\n')
        self.assertEqual(self.good("diff", self.db, "HEAD", "HEAD"), "")

    def test_collections_and_indexes(self):
        self.good("index", self.db, "posts", "v.n")
        self.good("insert", self.db, "people", '{"_id":"ann"}')
        self.assertEqual(self.good("diff", self.db, "HEAD~2"),
                         '+ people: the collection\n+ posts: index v.n\n'
                         '+ people "ann"  {"_id":"ann"}\n')
        self.assertEqual(self.good("diff", self.db, "HEAD~2", "HEAD", "posts"),
                         "+ posts: index v.n\n")
        self.good("drop", self.db, "people")
        self.assertIn('- people "ann"  {"_id":"ann"}\n', self.good("diff", self.db, "HEAD~1"))

    def test_counts_and_ids(self):
        row, = self.good_json("diff", self.db, "HEAD~4", "HEAD", "posts", "--count")
        self.assertEqual(row, {"added": 4, "removed": 0, "changed": 0, "collections": 0,
                               "indexes": 0})
        self.good("index", self.db, "posts", "v.n")
        self.good("insert", self.db, "people", '{"_id":"ann"}')
        self.assertEqual(self.good("diff", self.db, "HEAD~2", "--count"),
                         "added\t1\nremoved\t0\nchanged\t0\ncollections\t1\nindexes\t1\n")
        self.good("reset", self.db, "HEAD~2")
        self.assertEqual(self.good("diff", self.db, "HEAD~1", "--ids"), "+ posts 4\n")

    def test_a_collection_that_is_not_there(self):
        self.good("insert", self.db, "people", '{"_id":"ann"}')
        self.assertIn("did you mean 'posts'?", self.bad(
            1, "there is no collection 'post'", "diff", self.db, "HEAD~1", "HEAD", "post").errors())
        self.bad(1, "neither of the two states has a collection 'people'", "diff", self.db, "HEAD~2",
                 "HEAD~1", "people")
        self.good("diff", self.db, "HEAD~1", "HEAD", "people")
        self.assertIn("copse diff DB HEAD~1 HEAD posts", self.bad(
            1, "'posts' is a collection", "diff", self.db, "HEAD~1", "posts").errors())
        for command in ("branch", "tag"):
            self.good(command, self.db, "posts")
            self.assertEqual(self.good("diff", self.db, "HEAD", "posts"), "")
            self.good(command, self.db, "posts", "--delete")

    def test_what_is_not_there(self):
        self.bad(1, "history is 4 commits shorter", "diff", self.db, "HEAD~9")
        self.bad(1, "'nope' is neither a ref of", "diff", self.db, "nope")
        self.bad(1, "history begins later", "diff", self.db, "1999-12-31")
        self.assertIn("a revision is HEAD~3, a branch,", self.bad(
            1, "no time", "diff", self.db, "2026-02-30").errors())
        absent = "bafyreifepiu23okq5zuyvyhsoiazv2icw2van3s7ko6d3ixl5jx2yj2yhu"
        self.bad(1, f"copse: {absent}: the block {absent} is not in", "find", self.db, "posts",
                 "--at", absent)
        self.assertIn(f"`copse branch {self.db} nxt` a branch of main", self.bad(
            1, "has no database 'nxt'", "reset", self.db, "HEAD", "--ref", "nxt").errors())
        self.bad(1, "a number must stand", "diff", self.db, "HEAD~x")


class At(History):
    def test_every_read_has_it(self):
        self.good("index", self.db, "posts", "v.n")
        self.good("insert", self.db, "people", '{"_id":"ann"}')
        at = ["--at", "HEAD~4"]
        self.assertEqual(self.ids(*at), [0, 1, 2])
        self.assertEqual(self.good("count", self.db, "posts", *at).strip(), "3")
        self.assertEqual(self.good("distinct", self.db, "posts", "v.n", *at), "0\n1\n2\n")
        self.assertEqual(self.good("indexes", self.db, "posts", *at), "")
        row, = self.good_json("collections", self.db, *at)
        self.assertEqual((row["collection"], row["documents"]), ("posts", 3))
        row, = self.good_json("aggregate", self.db, "posts", '[{"$count":"n"}]', *at)
        self.assertEqual(row["n"], 3)
        self.assertEqual(len(self.good("export", self.db, "posts", *at).splitlines()), 3)
        self.bad(1, "no document", "get", self.db, "posts", "4", *at)
        self.assertEqual(self.stats(*at)["commit"], self.log("HEAD~4")[0]["commit"])
        self.assertEqual(self.good_json("check", self.db, *at)[-1]["tree"], self.stats(*at)["tree"])
        self.assertIn("all is well", self.good("check", self.db, *at))
        self.good("prove", self.db, "posts", "-o", self.path("past.car"), *at)
        self.assertEqual(len(self.good("verify", self.path("past.car"),
                                       self.log("HEAD~4")[0]["commit"], "posts").splitlines()), 3)

    def test_those_that_have_it_are_listed(self):
        names = re.findall(r"^  ([a-z][a-z -]*) [A-Z\[]", self.good("--help"), re.M)
        self.assertGreater(len(names), 50)
        having = {name for name in names
                  if "--at REVISION" in self.good(*name.split(), "--help")}
        page = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "history.md")
        with open(page, encoding="utf-8") as file:
            listed = re.search(r"takes `--at`.*", file.read())[0]
        self.assertEqual(having, set(re.findall(r"`([a-z][a-z -]*)`", listed)))

    def test_by_time(self):
        time.sleep(0.02)
        middle = self.log()[0]["time_ms"] + 10
        self.good("insert", self.db, "posts", '{"_id":99}')
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(middle // 1000))
        self.assertEqual(self.ids("--at", f"{stamp}.{middle % 1000:03}Z"), [0, 1, 2, 3, 4])
        self.assertEqual(self.ids("--at", time.strftime("%Y-%m-%d", time.gmtime())),
                         [0, 1, 2, 3, 4, 99])

    def test_writing_has_not(self):
        self.bad(2, "--at", "insert", self.db, "posts", '{"_id":1}', "--at", "HEAD~1")


class Names(History):
    def test_branches_go_their_own_ways(self):
        self.good("branch", self.db, "draft", "HEAD~1")
        self.good("insert", self.db, "posts", '{"_id":100}', "--ref", "draft")
        self.assertEqual(self.ids("--ref", "draft"), [0, 1, 2, 3, 100])
        self.assertEqual(self.ids(), [0, 1, 2, 3, 4])
        self.assertEqual(self.good("diff", self.db, "main", "draft", "--ids"),
                         "- posts 4\n+ posts 100\n")
        self.assertEqual([row["branch"] for row in self.good_json("branch", self.db)],
                         ["draft", "main"])
        self.bad(1, "there is a 'draft' already", "branch", self.db, "draft")
        self.good("branch", self.db, "draft", "--delete")
        self.bad(1, "there is no 'draft'", "branch", self.db, "draft", "--delete")

    def test_no_name_means_something_else(self):
        cid = self.log()[1]["commit"]
        for name in ("HEAD", "a~1", "2026-11-22", "2026-11-22-x", cid, "origin", "origin/main",
                     "tags/v1"):
            for command in ("branch", "tag"):
                self.unchanged(2, f"'{name}' can't be the name", command, self.db, name)
                self.unchanged(2, f"'{name}' can't be the name", command, self.db, name,
                               "--delete")
            self.unchanged(2, "can't be the name", "refs", "set", self.db, name, "main")
            self.unchanged(2, "can't be the name", "insert", self.db, "posts", '{"_id":100}',
                           "--ref", name)

    def test_main_stays(self):
        for command in (["branch", self.db, "main", "--delete"], ["refs", "delete", self.db, "main"]):
            self.assertIn("copse reset", self.unchanged(1, "'main' is the database itself",
                                                        *command))

    def test_what_is_taken_away_is_told(self):
        was = self.log("HEAD~1")[0]["commit"]
        for make, take, ref in ((["branch", self.db, "a"], ["branch", self.db, "a", "--delete"], "a"),
                                (["tag", self.db, "b"], ["tag", self.db, "b", "--delete"],
                                 "tags/b"),
                                (["refs", "set", self.db, "c"], ["refs", "delete", self.db, "c"],
                                 "c")):
            revision = was if make[0] == "refs" else "HEAD~1"
            self.good(*make, revision)
            self.assertEqual(self.run_copse(*take).errors(), f"copse: '{ref}' was at {was}\n")
            self.good(*make, revision)
            self.assertEqual(self.good_json(*take), [{"deleted": ref, "was": was}])
        self.assertEqual(self.good("refs", "list", self.db).count("\n"), 1)

    def test_delete_takes_a_name_alone(self):
        self.good("branch", self.db, "draft")
        for command in ("branch", "tag"):
            self.unchanged(2, "--delete needs a name", command, self.db, "--delete")
            self.unchanged(2, "takes no revision", command, self.db, "draft", "HEAD~1", "--delete")

    def test_tags_stay(self):
        self.good("tag", self.db, "v1", "HEAD~2")
        self.good("insert", self.db, "posts", '{"_id":100}')
        self.assertEqual(self.ids("--at", "v1"), [0, 1, 2])
        self.assertEqual(self.ids("--at", "v1~1"), [0, 1])
        self.assertEqual([row["tag"] for row in self.good_json("tag", self.db)], ["v1"])
        self.assertEqual([row["branch"] for row in self.good_json("branch", self.db)], ["main"])
        self.bad(1, "already", "tag", self.db, "v1")
        before = self.good("refs", "list", self.db)
        for command in (["insert", self.db, "posts", '{"_id":101}'], ["reset", self.db, "HEAD"],
                        ["drop", self.db, "posts"], ["tree", "put", self.db, "a", "b"]):
            self.assertIn("tags, which do not move",
                          self.run_copse(*command, "--ref", "tags/v1").errors())
        self.assertEqual(self.good("refs", "list", self.db), before)

    def test_reset_and_back(self):
        result = self.run_copse("reset", self.db, "HEAD~3")
        self.assertEqual(result.code, 0)
        self.assertEqual(self.ids(), [0, 1])
        before = result.errors().split()[-1]
        self.good("reset", self.db, before)
        self.assertEqual(self.ids(), [0, 1, 2, 3, 4])
        self.bad(1, "a tree, and no commit", "reset", self.db, self.stats()["tree"])
        self.bad(1, "neither a ref", "reset", self.db, "nope")


class Author(History):
    def setUp(self):
        super().setUp()
        self.saved = {name: os.environ.pop(name, None)
                      for name in ("COPSE_AUTHOR", "XDG_CONFIG_HOME")}

    def tearDown(self):
        for name, value in self.saved.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        super().tearDown()

    def test_comes_from_the_environment_or_the_file(self):
        os.environ["XDG_CONFIG_HOME"] = self.dir
        os.mkdir(self.path("copse"))
        self.write("copse/config", "# me\n  author = did:key:z6MkFile \n")
        self.good("insert", self.db, "posts", '{"_id":100}')
        self.assertEqual(self.log()[0]["author"], "did:key:z6MkFile")
        os.environ["COPSE_AUTHOR"] = "did:key:z6MkVariable"
        self.good("delete", self.db, "posts", '{"_id":100}')
        self.assertEqual(self.log()[0]["author"], "did:key:z6MkVariable")
        self.assertIn("  by did:key:z6MkVariable\n", self.good("log", self.db, "--limit", "1"))

    def test_is_a_did_key(self):
        os.environ["COPSE_AUTHOR"] = "Ann"
        self.unchanged(1, "'Ann' is no author", "insert", self.db, "posts", '{"_id":100}')
        self.bad(1, "'Ann' is no author", "init", self.path("new"))
        self.assertFalse(os.path.exists(self.path("new")))


class Blame(History):
    def blame(self, *arguments):
        return self.good_json("blame", self.db, "posts", *arguments)

    def messages(self, *arguments):
        return {line["field"]: line["message"] for line in self.blame(*arguments)}

    def update(self, change, *arguments):
        self.good("update", self.db, "posts", '{"_id":1}', json.dumps(change), *arguments)

    def test_each_field_has_its_commit(self):
        self.update({"$set": {"v.m": [1, 2]}}, "-m", "m\nand more")
        self.update({"$set": {"w": {}}}, "-m", "w")
        self.update({"$set": {"w": {"x": 1}}}, "-m", "w.x")
        self.assertEqual(self.messages("1"), {"_id": "post 1", "v.n": "post 1",
                                              "v.m": "m\nand more", "w.x": "w.x"})
        self.assertEqual(self.messages("1", "--at", "HEAD~1"),
                         {"_id": "post 1", "v.n": "post 1", "v.m": "m\nand more", "w": "w"})
        line = [line for line in self.blame("1") if line["field"] == "v.m"][0]
        commit = [commit for commit in self.log() if commit["message"] == "m\nand more"][0]
        self.assertEqual(line, {"field": "v.m", "value": [1, 2], "commit": commit["commit"],
                                "time_ms": commit["time_ms"], "message": "m\nand more"})
        rows = self.good("blame", self.db, "posts", "1").splitlines()
        self.assertRegex(rows[0], "^field +value +time +commit +message$")
        self.assertIn(r"v.m    [1,2]  ", self.good("blame", self.db, "posts", "1"))
        self.assertTrue(rows[1].endswith(commit["commit"] + "  m"), rows)

    def test_goes_through_merges_to_where_the_value_came_from(self):
        self.good("branch", self.db, "draft")
        self.update({"$set": {"v.n": 7}}, "--ref", "draft", "-m", "theirs")
        self.update({"$set": {"o": 1}}, "-m", "ours")
        self.good("delete", self.db, "posts", '{"_id":2}', "--ref", "draft", "-m", "theirs too")
        self.good("merge", self.db, "draft")
        self.assertEqual(self.messages("1"), {"_id": "post 1", "v.n": "theirs", "o": "ours"})
        deleted = self.blame("2")
        self.assertEqual([(line["deleted"], line["message"]) for line in deleted],
                         [(True, "theirs too")])

    def test_says_who_and_cuts_what_is_long(self):
        author = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
        os.environ["COPSE_AUTHOR"] = author
        try:
            self.update({"$set": {"long": "é" * 40}}, "-m", "long")
            self.good("delete", self.db, "posts", '{"_id":3}', "-m", "gone")
        finally:
            del os.environ["COPSE_AUTHOR"]
        lines = {line["field"]: line for line in self.blame("1")}
        self.assertEqual((lines["long"]["author"], "author" in lines["v.n"]), (author, False))
        text = self.good("blame", self.db, "posts", "1")
        self.assertRegex(text, '"é{23}…  .*' + author + "  long\n")
        self.assertRegex(self.good("blame", self.db, "posts", "3"),
                         "^deleted [-0-9]+ [:0-9]+Z in " + CID + "\n  gone\n  by " + author + "$")

    def test_what_never_was(self):
        self.bad(1, "no document 9 in 'posts', nor was there one", "blame", self.db, "posts", "9")
        self.bad(1, "did you mean 'posts'", "blame", self.db, "post", "1")
        self.load([("a", "1")])
        self.bad(1, "is not a database", "blame", self.store, "posts", "1")
        self.good("drop", self.db, "posts", "-m", "all gone")
        self.assertEqual(self.blame("1")[0]["message"], "all gone")

    def test_says_how_far_it_came_where_the_past_was_dropped(self):
        self.good("tag", self.db, "then")
        self.update({"$set": {"m": 1}})
        self.update({"$set": {"n": 1}}, "-m", "last")
        self.good("gc", self.db, "--shallow")
        run = self.run_copse("blame", self.db, "posts", "1", "--json")
        self.assertEqual(run.code, 1)
        self.assertEqual({(line["field"], line["message"], line.get("older"))
                          for line in run.lines()},
                         {(field, "last", True) for field in ("_id", "v.n", "m", "n")})
        self.assertIn("dropped the history", run.errors())


class Page(History):
    def test_shows_what_happens(self):
        os.environ.pop("COPSE_AUTHOR", None)
        self.assert_console("docs/history.md", CID, r"\d{4}-\d\d-\d\d [\d:]+Z")
