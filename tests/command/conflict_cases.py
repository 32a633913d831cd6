"""copse conflicts and resolve: what merges left open."""
# SPDX-License-Identifier: MIT OR Apache-2.0
from support import CommandTest


class Conflicts(CommandTest):
    """posts 1 is changed on both sides, 2 is deleted here, 3 there."""

    def setUp(self):
        super().setUp()
        self.good("init", "blog.copse")
        self.good("insert", "blog.copse", "posts", *('{"_id":%d,"t":"old","n":0}' % n
                                                     for n in (1, 2, 3, 4)))
        self.good("branch", "blog.copse", "draft")
        self.good("update", "blog.copse", "posts", '{"_id":1}', '{"$set":{"t":"ours","n":1}}')
        self.good("delete", "blog.copse", "posts", '{"_id":2}')
        self.good("update", "blog.copse", "posts", '{"_id":3}', '{"$set":{"t":"ours"}}')
        self.good("update", "blog.copse", "posts", '{"_id":1}', '{"$set":{"t":"theirs","m":2}}',
                  "--ref", "draft")
        self.good("update", "blog.copse", "posts", '{"_id":2}', '{"$set":{"t":"theirs"}}',
                  "--ref", "draft")
        self.good("delete", "blog.copse", "posts", '{"_id":3}', "--ref", "draft")
        self.heads = {ref: self.good_json("log", "blog.copse", "--ref", ref)[0]["commit"]
                      for ref in ("main", "draft")}

    def merge(self):
        self.good("merge", "blog.copse", "draft", "--conflicts", "record")

    def conflicts(self, *arguments):
        return self.good_json("conflicts", "blog.copse", *arguments)

    def posts(self):
        return {post["_id"]: post for post in self.good_json("find", "blog.copse", "posts")}

    def test_lists_all_sides(self):
        self.merge()
        found = self.conflicts("posts")
        self.assertEqual(found, self.conflicts())
        self.assertEqual([one["_id"] for one in found], [1, 2, 3])
        for one in found:
            self.assertEqual(one["base"], {"_id": one["_id"], "t": "old", "n": 0})
            self.assertEqual(one["present"], self.posts()[one["_id"]])
        sides = {side["commit"]: side["document"] for side in found[0]["sides"]}
        self.assertEqual(sides, {self.heads["main"]: {"_id": 1, "t": "ours", "n": 1},
                                 self.heads["draft"]: {"_id": 1, "t": "theirs", "n": 0, "m": 2}})
        self.assertEqual(found[0]["present"]["n"], 1)  # what merges is merged
        self.assertEqual(found[0]["present"]["m"], 2)
        self.assertIn(None, [side["document"] for side in found[1]["sides"]])
        text = self.run_copse("conflicts", "blog.copse")
        self.assertIn("posts  1\n  present   {", text.text())
        self.assertIn("3 conflicts", text.errors())
        self.assertIn("--take 1` settles", text.errors())
        for head in self.heads.values():  # who wrote the head may not have written the document
            self.assertRegex(text.text(), f"            head {head[:16]}… of [0-9-]+ [0-9:]+Z\n")
        self.assertNotIn("written", text.text())
        self.assertIn("all is well", self.good("check", "blog.copse"))

    def test_the_other_side_makes_the_same(self):
        self.merge()
        mine = self.good_json("log", "blog.copse")[0]["commit"]
        self.good("branch", "blog.copse", "other", self.heads["draft"])
        self.good("merge", "blog.copse", self.heads["main"], "--ref", "other", "--conflicts",
                  "record")
        self.assertEqual(self.good_json("log", "blog.copse", "--ref", "other")[0]["commit"], mine)

    def test_a_value_is_listed_once(self):
        self.good("branch", "blog.copse", "third", "HEAD~3")
        self.good("update", "blog.copse", "posts", '{"_id":1}', '{"$set":{"t":"ours","n":1}}',
                  "--ref", "third")
        self.merge()
        self.good("merge", "blog.copse", "third", "--conflicts", "record")
        sides = {side["commit"]: side["document"] for side in self.conflicts()[0]["sides"]}
        documents = [str(document) for document in sides.values()]
        self.assertEqual(len(documents), 3)
        self.assertEqual(len(set(documents)), 3)
        self.assertEqual(sides[self.heads["main"]], {"_id": 1, "t": "ours", "n": 1})
        self.assertIn("all is well", self.good("check", "blog.copse"))

    def test_resolve(self):
        self.merge()
        self.assertEqual([side["commit"] for side in self.conflicts()[0]["sides"]],
                         [self.heads["main"], self.heads["draft"]])  # by their times
        self.good("resolve", "blog.copse", "posts", "1", "--take", "2")
        self.assertEqual(self.posts()[1], {"_id": 1, "t": "theirs", "n": 0, "m": 2})
        self.good("resolve", "blog.copse", "posts", "2", "--delete")
        self.assertNotIn(2, self.posts())
        self.good("resolve", "blog.copse", "posts", "3", "--document", '{"_id":3,"t":"both"}')
        self.assertEqual(self.posts()[3], {"_id": 3, "t": "both"})
        self.assertEqual(self.conflicts(), [])
        self.assertIn("no conflicts", self.run_copse("conflicts", "blog.copse").errors())
        # Who had recorded the same merge gets the resolution.
        self.good("branch", "blog.copse", "late", "HEAD~3")
        self.good("insert", "blog.copse", "posts", '{"_id":9}', "--ref", "late")
        self.good("merge", "blog.copse", "main", "--ref", "late")
        self.assertEqual(self.conflicts("--ref", "late"), [])

    def test_present_and_base(self):
        self.merge()
        present = self.posts()
        self.good("resolve", "blog.copse", "posts", "1", "--take", "present")
        self.good("resolve", "blog.copse", "posts", "2", "--take", "base")
        self.assertEqual(self.posts()[1], present[1])
        self.assertEqual(self.posts()[2], {"_id": 2, "t": "old", "n": 0})
        self.assertEqual([one["_id"] for one in self.conflicts()], [3])

    def test_what_is_asked_wrongly(self):
        self.merge()
        self.bad(2, "say by one of", "resolve", "blog.copse", "posts", "1")
        self.bad(2, "say by one of", "resolve", "blog.copse", "posts", "1", "--take", "1",
                 "--delete")
        self.bad(1, "no side 3", "resolve", "blog.copse", "posts", "1", "--take", "3")
        self.bad(1, "no side 0", "resolve", "blog.copse", "posts", "1", "--take", "0")
        result = self.bad(1, "no 'waiting'", "resolve", "blog.copse", "posts", "1", "--take",
                          "waiting")
        self.assertIn("--take is the number of a side, base or present;", result.errors())
        result = self.bad(1, "the document: ", "resolve", "blog.copse", "posts", "1", "--document",
                          '{"t":')
        self.assertIn("its } is missing", result.errors())
        self.bad(1, "no conflict about 4", "resolve", "blog.copse", "posts", "4", "--delete")
        for document in ('{"_id":4,"t":"x"}', '{"t":"x"}', '{"_id":"1"}'):
            self.bad(1, "must have the _id of the conflict, 1", "resolve", "blog.copse", "posts",
                     "1", "--document", document)
        self.assertEqual(self.posts()[4], {"_id": 4, "t": "old", "n": 0})
        self.bad(1, "post", "conflicts", "blog.copse", "post")
        self.assertEqual(len(self.conflicts()), 3)


class Waiting(CommandTest):
    """Two users with one e-mail: the later waits."""

    def setUp(self):
        super().setUp()
        self.good("init", "db.copse")
        self.good("insert", "db.copse", "users", '{"_id":0,"mail":"z"}')
        self.good("index", "db.copse", "users", "mail", "--unique")
        self.good("branch", "db.copse", "other")
        self.good("insert", "db.copse", "users", '{"_id":2,"mail":"a"}')
        self.good("insert", "db.copse", "users", '{"_id":1,"mail":"a"}', "--ref", "other")
        self.good("merge", "db.copse", "other")

    def users(self):
        return [user["_id"] for user in self.good_json("find", "db.copse", "users")]

    def waiting(self):
        return [one["waiting"]["document"]["_id"] for one in self.good_json("conflicts", "db.copse")]

    def test_the_later_waits(self):
        self.assertEqual(self.users(), [0, 2])
        self.assertEqual(self.waiting(), [1])
        one, = self.good_json("conflicts", "db.copse")
        self.assertIsNone(one["present"])
        self.assertEqual(one["waiting"]["index"], "mail")
        self.assertIn("time", one["waiting"])
        result = self.bad(1, "there is no document 1 in 'users'", "get", "db.copse", "users", "1")
        self.assertIn("a merge left it waiting: `copse conflicts DB COLL`", result.errors())
        result = self.bad(1, "there is no document 3 in 'users'", "get", "db.copse", "users", "3")
        self.assertNotIn("waiting", result.errors())
        shown = self.run_copse("conflicts", "db.copse")
        self.assertIn("1 conflict; `copse resolve DB COLL ID --take waiting`", shown.errors())
        self.assertRegex(shown.text(), "            written [0-9-]+ ")
        result = self.bad(1, "no 'ours'", "resolve", "db.copse", "users", "1", "--take", "ours")
        self.assertIn("--take is present or waiting;", result.errors())
        result = self.bad(1, "equal values", "resolve", "db.copse", "users", "1", "--take",
                          "waiting")
        self.assertIn("give one of the two another value", result.errors())
        self.assertNotIn("meanwhile", result.errors())
        self.good("update", "db.copse", "users", '{"_id":2}', '{"$set":{"mail":"b"}}')
        self.good("resolve", "db.copse", "users", "1", "--take", "waiting")
        self.assertEqual(self.users(), [0, 1, 2])
        self.assertEqual(self.waiting(), [])

    def test_of_a_union_has_no_time(self):
        self.good("init", "union.copse")
        self.good("insert", "union.copse", "users", '{"_id":0,"mail":"z"}')
        self.good("index", "union.copse", "users", "mail", "--unique")
        self.good("policy", "union.copse", "users", "union")
        self.good("branch", "union.copse", "other")
        self.good("insert", "union.copse", "users", '{"_id":1,"mail":"a"}')
        self.good("insert", "union.copse", "users", '{"_id":2,"mail":"a"}', "--ref", "other")
        self.good("merge", "union.copse", "other")
        one, = self.good_json("conflicts", "union.copse")
        self.assertEqual((one["_id"], list(one["waiting"])), (2, ["index", "document"]))
        self.assertNotIn("1970", self.good("conflicts", "union.copse"))

    def test_comes_back_by_itself(self):
        self.good("delete", "db.copse", "users", '{"_id":2}')
        self.good("insert", "db.copse", "users", '{"_id":5,"mail":"c"}', "--ref", "other")
        self.good("merge", "db.copse", "other")
        self.assertEqual(self.users(), [0, 1, 5])
        self.assertEqual(self.waiting(), [])

    def test_is_dropped(self):
        self.good("resolve", "db.copse", "users", "1", "--take", "present")
        self.assertEqual((self.users(), self.waiting()), ([0, 2], []))
