"""The command fork, and merging databases that are elsewhere: folders, CARs, served ones."""
import json
import os
import urllib.request

from clone_cases import ReplicaTest, post


class ForkTest(ReplicaTest):
    posts = 700

    def insert(self, store, *documents):
        lines = "".join(json.dumps(document) + "\n" for document in documents)
        self.good("import", store, "posts", "-", stdin=lines)

    def ids(self, store, *arguments):
        return {json.loads(line)["_id"] for line in
                self.good("find", store, "posts", '{"n":{"$exists":false}}', "--project", "_id",
                          *arguments).splitlines()}

    def log(self, store, *arguments):
        return [commit["commit"] for commit in self.good_json("log", store, *arguments)]

    def merge(self, *arguments):
        return self.good_json("merge", *arguments)[-1]

    def save_car(self, path):
        """All that the head of blog leads to, as a file."""
        url = f"{self.servers[0].url}/ipfs/{self.refs('blog')['main']}?format=car"
        with urllib.request.urlopen(url) as answer:
            return self.write(path, answer.read())

    def save_head(self, store):
        """A store that has the head of blog, and not what it leads to."""
        head = self.refs("blog")["main"]
        block = self.run_copse("block", "get", "blog", head, "--output", "raw").out
        self.good("init", store, "--ref", "other")
        self.good("block", "put", store, "-", "--input", "dag-cbor", stdin=block)
        self.good("refs", "set", store, "main", head)
        return self.good("tree", "root", "blog").strip()

    def assert_whole(self, store):
        """Nothing is missing in it, of the past either, and all of it can be read alone."""
        self.stop_servers()
        report = self.good_json("fsck", store)[-1]
        self.assertTrue(report["good"])
        self.assertEqual(report["absent"], 0)
        self.good("check", store)
        for commit in self.log(store):
            self.good("find", store, "posts", "--ref", commit)


class ForkFolder(ForkTest):
    def test_all_that_main_leads_to(self):
        self.insert("blog", {"_id": "more"})
        self.good("branch", "blog", "draft")
        self.insert("blog", {"_id": "new"})
        report = self.good_json("fork", "blog", "mine")[0]
        self.assertEqual((report["sparse"], report["head"]), (False, self.refs("blog")["main"]))
        self.assertEqual(self.refs("mine"), {"main": report["head"]})
        self.assertEqual(self.log("mine"), self.log("blog"))
        self.assertEqual(report["blocks"], self.reachable("mine"))
        draft = self.good_json("fork", "blog", "other", "--ref", "draft")[0]
        self.assertEqual(self.refs("other"), {"main": self.refs("blog")["draft"]})
        self.assertLess(draft["blocks"], report["blocks"])
        self.assert_whole("mine")

    def test_of_a_car(self):
        self.save_car("blog.car")
        self.assertIn("copied", self.good("fork", "blog.car", "mine"))
        self.assertEqual(self.log("mine"), self.log("blog"))
        self.assert_whole("mine")

    def test_of_a_car_without_its_history(self):
        """A commit could not be made in it, and what is there would pass for damaged."""
        self.good("publish", "blog", "--static", "site")
        refused = self.bad(1, "'site/blog.car' can't be forked: it is without its history",
                           "fork", "site/blog.car", "mine")
        self.assertIn("`copse publish --history`", refused.errors())
        self.assertFalse(os.path.exists(self.path("mine")))
        self.good("publish", "blog", "--static", "site", "--history")
        self.good("fork", "site/blog.car", "mine")
        self.insert("mine", {"_id": "mine"})
        self.assert_whole("mine")

    def test_goes_on_alone_and_comes_together(self):
        self.good("fork", "blog", "mine")
        self.insert("mine", {"_id": "mine"})
        self.insert("blog", {"_id": "theirs"})
        result = self.bad(1, "has no origin", "pull", "mine")
        self.assertIn("`copse merge mine PATH`", result.errors())
        made = self.merge("mine", "blog")
        self.assertEqual((made["kind"], made["inserted"]), ("merge", 1))
        self.assertEqual(self.ids("mine"), {"mine", "theirs"})
        # The same commit, whoever makes it: then each is the other's head.
        made = self.merge("blog", "mine")
        self.assertEqual((made["kind"], made["inserted"]), ("forward", 1))
        self.assertEqual(self.refs("mine")["main"], self.refs("blog")["main"])
        self.assertEqual(self.merge("mine", "blog")["kind"], "nothing")
        self.assert_whole("mine")
        self.assert_whole("blog")

    def test_what_is_asked_wrongly(self):
        result = self.bad(1, "there is no store 'nothing'", "fork", "nothing", "mine")
        self.assertIn("can be forked is a folder,", result.errors())
        self.bad(1, "neither a ref", "fork", "blog", "mine", "--ref", "nope")
        self.bad(2, "all is copied", "fork", "blog", "mine", "--whole")
        self.bad(2, "a peer says itself", "fork", self.url, "mine", "--ref", "main")
        self.assertFalse(os.path.exists(self.path("mine")))
        self.good("fork", "blog", "mine")
        self.bad(1, "is a store already; nothing was changed", "fork", "blog", "mine")

    def test_of_a_damaged_folder(self):
        root = self.save_head("hollow")
        self.bad(1, f"the block {root} is not in 'hollow'", "fork", "hollow", "mine")
        self.assertNotIn("main", self.refs("mine"))


class ForkServed(ForkTest):
    def test_nothing_is_fetched_but_the_head(self):
        report = self.good_json("fork", self.url, "mine")[0]
        self.assertEqual((report["sparse"], report["head"]), (True, self.refs("blog")["main"]))
        self.assertLess(report["blocks_fetched"], 5)
        self.assertNotIn("commits", report)
        refs = self.refs("mine")
        self.assertEqual(refs["main"], refs["origin/main"])
        # The rest comes as it is needed, and stays.
        found = self.good("find", "mine", "posts", '{"_id":7}')
        self.assertEqual(found, self.good("find", "blog", "posts", '{"_id":7}'))
        self.assertEqual(self.log("mine"), self.log("blog"))
        self.insert("mine", {"_id": "mine"})
        self.assertTrue(self.good_json("fsck", "mine")[-1]["good"])
        self.assertLess(self.reachable("mine"), 40)
        self.stop_servers()
        self.assertEqual(self.good("find", "mine", "posts", '{"_id":7}', "--offline"), found)
        self.assertEqual(len(self.log("mine")), len(self.log("blog")) + 1)

    def test_pull_leaves_main(self):
        self.good("fork", self.url, "mine")
        head = self.refs("mine")["main"]
        self.insert("blog", {"_id": "theirs"})
        pulled = self.run_copse("pull", "mine")
        self.assertEqual(pulled.code, 0)
        self.assertIn(": its head; fetched", pulled.text())
        self.assertIn("`copse merge mine origin/main`", pulled.errors())
        self.assertEqual(self.refs("mine")["main"], head)
        self.assertEqual(self.refs("mine")["origin/main"], self.refs("blog")["main"])
        made = self.merge("mine", "origin/main")
        # What it shares with its origin is there: nobody is asked for it only to count.
        self.assertEqual((made["kind"], made["inserted"]), ("forward", None))
        self.insert("mine", {"_id": "mine"})
        self.insert("blog", {"_id": "later"})
        self.good("pull", "mine")
        self.assertEqual(self.merge("mine", "origin/main")["kind"], "merge")
        self.assertEqual(self.good_json("pull", "mine")[0]["moved"], False)
        self.assertEqual(self.ids("mine"), {"mine", "theirs", "later"})

    def test_whole(self):
        for i in range(40):
            self.insert("blog", {"_id": f"more {i}"})
        report = self.good_json("fork", self.url, "mine", "--whole")[0]
        self.assertLess(report["round_trips"], 20)
        self.assertEqual((report["sparse"], report["commits"]), (False, len(self.log("blog"))))
        self.insert("blog", {"_id": "a"})
        self.insert("blog", {"_id": "b"})
        pulled = self.good_json("pull", "mine")[0]
        self.assertEqual((pulled["commits"], pulled["moved"]), (2, False))
        self.assertEqual(self.merge("mine", "origin/main")["kind"], "forward")
        self.assert_whole("mine")

    def test_of_a_sparse_clone_in_a_folder(self):
        """It has what is there, and the origin for the rest."""
        self.good("clone", self.url, "cats", "--collection", "posts", "--where", '{"tags":"cats"}')
        report = self.good_json("fork", "cats", "mine")[0]
        self.assertTrue(report["sparse"])
        self.assertLess(report["blocks"], self.reachable("blog"))
        self.assertEqual(self.good("find", "mine", "posts", '{"tags":"cats"}', "--offline"),
                         self.good("find", "blog", "posts", '{"tags":"cats"}'))
        self.good("find", "mine", "files")
        self.insert("blog", {"_id": "theirs"})
        self.good("pull", "mine")
        dry = self.merge("mine", "origin/main", "--dry-run")
        self.assertEqual((dry["kind"], dry["inserted"]), ("forward", 1))
        made = self.merge("mine", "origin/main")
        self.assertEqual((made["kind"], made["inserted"]), ("forward", 1))

    def test_a_sparse_one_can_not_be_checked(self):
        """Nor can the origin in its place, when it has gone on."""
        self.good("fork", self.url, "mine")
        checked = self.run_copse("check", "mine")
        self.assertEqual(checked.code, 1)
        self.assertIn("'mine' is a sparse fork", checked.text())
        self.assertNotIn("copse check", checked.text())

    def test_what_is_served_is_changed_in_a_fork(self):
        for command in (["policy", self.url, "posts", "lww"], ["merge", self.url, "blog"],
                        ["resolve", self.url, "posts", "1", "--delete"]):
            result = self.bad(1, "is a remote database", *command)
            self.assertIn("`copse fork` one with its history", result.errors())

    def test_of_a_car_without_its_history(self):
        self.good("publish", "blog", "--static", "site")
        url = self.serve("site/blog.car").url + "/blog"
        for options in ([], ["--whole"]):
            refused = self.bad(1, f"'{url}' can't be forked: it is without its history", "fork",
                               url, "mine", *options)
            self.assertIn("`copse clone` follows it", refused.errors())
            self.assertFalse(os.path.exists(self.path("mine")))
        self.good("clone", url, "mine")
        # Others may have the rest.
        self.good("fork", url, "whole", "--whole", "--peer", self.servers[0].url)
        self.insert("whole", {"_id": "mine"})
        self.assert_whole("whole")

    def test_by_the_page_of_its_head(self):
        """What `copse serve` prints."""
        page = self.servers[0].url + "/copse/v1/blog"
        self.good("fork", page, "mine")
        self.insert("blog", {"_id": "theirs"})
        self.assertEqual(self.ids(page), {"theirs"})
        self.assertEqual(self.merge("mine", page)["kind"], "forward")
        self.assertEqual(self.good_json("pull", "mine")[0]["origin"], self.url)
        self.assertEqual(self.ids("mine"), {"theirs"})

    def test_by_cid(self):
        head = self.refs("blog")["main"]
        self.bad(2, "--peer URL says who has", "fork", head, "mine")
        self.good("fork", head, "mine", "--peer", self.servers[0].url)
        self.assertEqual(self.log("mine"), self.log("blog"))


class MergeElsewhere(ForkTest):
    """mine is a fork of blog; both have gone on."""

    def setUp(self):
        super().setUp()
        self.good("fork", "blog", "mine")
        self.insert("mine", {"_id": "mine"})
        for i in range(3):
            self.insert("blog", {"_id": f"theirs {i}"})
        self.insert("blog", {"_id": "large", "text": os.urandom(1_500_000).hex()})
        self.good("delete", "blog", "posts", '{"_id":"theirs 0"}')
        self.expected = {"mine", "theirs 1", "theirs 2", "large"}

    def assert_merged(self, *arguments):
        made = self.merge("mine", *arguments)
        self.assertEqual((made["kind"], made["inserted"]), ("merge", 3))
        self.assertEqual(self.ids("mine"), self.expected)
        self.assertEqual(self.merge("mine", *arguments)["kind"], "nothing")
        self.assert_whole("mine")

    def test_a_folder(self):
        self.assert_merged("blog")

    def test_a_car(self):
        self.save_car("blog.car")
        self.assert_merged("blog.car")

    def test_a_served_database(self):
        self.assert_merged(self.url)
        self.assertEqual(list(self.refs("mine")), ["main"])

    def test_nothing_differs(self):
        """One round trip tells that."""
        self.good("merge", "mine", self.url)
        self.good("merge", "blog", "mine")
        made = self.merge("mine", self.url)
        self.assertEqual((made["kind"], made["round_trips"], made["blocks_fetched"]),
                         ("nothing", 1, 0))

    def test_a_cid(self):
        self.assert_merged(self.refs("blog")["main"], "--peer", self.servers[0].url)

    def test_a_forward_is_whole_too(self):
        self.good("fork", "mine", "third")
        self.good("merge", "mine", "blog")
        made = self.merge("third", "mine")
        self.assertEqual((made["kind"], made["inserted"]), ("forward", 3))
        self.assertEqual(self.ids("third"), self.expected)
        self.assert_whole("third")

    def test_only_what_differs_is_read(self):
        """A served database has thousands of entries; a sparse fork gets those on the way."""
        self.good("fork", self.url, "sparse")
        self.insert("sparse", {"_id": "own"})
        self.insert("blog", {"_id": "late"})
        before = self.reachable("sparse")
        self.assertEqual(self.merge("sparse", self.url)["kind"], "merge")
        self.assertLess(self.reachable("sparse") - before, 60)
        # Another one than its origin: what is new there is copied, and nothing else.
        self.insert("mine", {"_id": "late"})
        before = self.reachable("sparse")
        self.assertEqual(self.merge("sparse", "mine", "--policy", "union")["kind"], "merge")
        self.assertLess(self.reachable("sparse") - before, 60)
        self.assertEqual(self.ids("sparse"), self.expected | {"own", "late"})

    def test_a_dry_run_leaves_nothing(self):
        before = self.reachable("mine"), self.refs("mine")
        self.assertTrue(self.merge("mine", "blog", "--dry-run")["dry_run"])
        self.assertTrue(self.merge("mine", self.url, "--dry-run")["dry_run"])
        self.assertEqual((self.reachable("mine"), self.refs("mine")), before)

    def test_a_revision_wins(self):
        self.good("branch", "mine", "blog", "HEAD~1")
        result = self.run_copse("merge", "mine", "blog", "--json")
        self.assertEqual(result.lines()[0]["kind"], "nothing")
        result = self.run_copse("merge", "mine", "blog")
        self.assertIn("'blog' is taken as a revision of 'mine'", result.errors())
        self.assertEqual(self.merge("mine", "./blog")["kind"], "merge")

    def test_strangers(self):
        self.insert("strange", {"_id": "strange", "text": "s" * 2000})
        self.bad(1, "they can't be merged", "merge", "mine", "strange")
        self.assertEqual(self.merge("mine", "strange", "--policy", "union")["inserted"], 1)
        self.assertEqual(self.ids("mine"), {"mine", "strange"})
        self.assert_whole("mine")

    def test_what_can_not_be_had(self):
        head = self.refs("mine")["main"]
        for name in ("nothing", "./nothing", "../nothing.car"):
            result = self.bad(1, f"'{name}' is neither a ref of 'mine' nor a CID, nor a path that is there",
                              "merge", "mine", name)
            self.assertIn("a database elsewhere is a folder,", result.errors())
        self.bad(1, "only http: and https:", "merge", "mine", "ftp://127.0.0.1/blog")
        self.bad(1, "the head could not be had", "merge", "mine", self.servers[0].url + "/nothing")
        self.bad(1, "refused", "merge", "mine", "http://127.0.0.1:1/blog")
        root = self.good("tree", "root", "blog").strip()
        self.bad(1, "is no commit", "merge", "mine", root, "--peer", self.servers[0].url)
        # A folder that lacks what it names.
        self.save_head("hollow")
        self.bad(1, "is not in 'hollow'", "merge", "mine", "hollow")
        self.assertEqual(self.refs("mine")["main"], head)

    def test_broken_off_it_never_has_a_head_that_lacks_blocks(self):
        proxy = self.proxy()
        head = self.refs("mine")["main"]
        for left in (20_000, 1_500_000):
            proxy.left = left
            self.assertEqual(self.run_copse("merge", "mine", proxy.url + "/blog").code, 1)
            self.assertEqual(self.refs("mine")["main"], head)
        proxy.left = None
        self.assert_merged(proxy.url + "/blog")
