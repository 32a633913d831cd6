"""History that was dropped, by a peer or in a clone."""
import json
import shutil

from clone_cases import ReplicaTest


class DroppedNetwork(ReplicaTest):
    posts = 300

    def change(self, store, number):
        self.good("update", store, "posts", f'{{"_id":{number}}}', '{"$inc":{"n":100}}')

    def values(self, store, number, *arguments):
        line, = self.good("find", store, "posts", f'{{"_id":{number}}}', *arguments).splitlines()
        return json.loads(line)["n"]

    def drop(self, store):
        return self.good_json("gc", store, "--shallow")[0]

    def assert_sound(self, store):
        self.assertIn("all is well", self.good("fsck", store))
        self.assertIn("all is well", self.good("check", store))


class DroppedByPeer(DroppedNetwork):
    """The server has dropped its past."""

    def setUp(self):
        super().setUp()
        for number in range(1, 4):
            self.change("blog", number)
        self.assertEqual(self.drop("blog")["commits_dropped"], 6)

    def test_what_it_has_is_read(self):
        self.assertEqual(self.values(self.url, 3), 103)
        self.assertEqual(len(self.good_json("log", self.url)), 7)
        self.bad(1, "does not have it", "find", self.url, "posts", "--at", "HEAD~1")
        self.assertIn("all is well", self.good("check", self.url))

    def test_it_is_cloned_and_pulled(self):
        self.good("clone", self.url, "mine")
        self.assertEqual(self.good("tree", "root", "mine"), self.good("tree", "root", "blog"))
        self.assert_sound("mine")
        self.change("blog", 4)
        self.change("blog", 5)
        self.drop("blog")
        self.good("pull", "mine")
        self.assertEqual(self.good("tree", "root", "mine"), self.good("tree", "root", "blog"))
        self.assertEqual(self.values("mine", 5, "--offline"), 105)
        self.assert_sound("mine")
        commit = self.good_json("log", "mine")[1]["commit"]
        result = self.bad(1, f"what the commit {commit} of 20", "find", "mine", "posts",
                          "--at", "HEAD~1")
        self.assertIn("nobody who was asked has it any more", result.errors())
        self.assertNotIn("`copse fork`", result.errors())
        # A clone may drop what it has of the past likewise.
        self.drop("mine")
        self.assert_sound("mine")

    def test_a_part_is_cloned(self):
        self.good("clone", self.url, "part", "--collection", "posts", "--where", '{"tags":"cats"}')
        self.assertEqual(len(self.find("part", "posts", '{"tags":"cats"}')), self.posts // 20)
        self.drop("part")
        self.assertIn("all is well", self.good("fsck", "part"))


class DroppedByOrigin(DroppedNetwork):
    """A sparse fork has left the rest of what it began with at an origin that has dropped it."""

    def setUp(self):
        super().setUp()
        self.base = self.refs("blog")["main"]
        shutil.copytree(self.path("blog"), self.path("copy"))
        self.good("fork", self.url, "mine")
        self.set_tags("mine", 150, "own")
        for number in range(5, self.posts, 10):
            self.set_tags("blog", number, "theirs")
        self.drop("blog")

    def set_tags(self, store, number, tag):
        self.good("update", store, "posts", f'{{"_id":{number}}}', f'{{"$set":{{"tags":["{tag}"]}}}}')

    def tagged(self, tag):
        return len(self.good("find", "mine", "posts", f'{{"tags":"{tag}"}}').splitlines())

    def assert_told(self, *arguments):
        result = self.bad(1, f"what the commit {self.base} of 20", *arguments)
        self.assertIn("nobody who was asked has it any more", result.errors())
        self.assertIn("--peer URL fetches it from a peer that still has it", result.errors())
        self.assertIn("`copse fork` makes a new one", result.errors())

    def test_whose_state_is_lost_is_told(self):
        self.assert_told("merge", "mine", self.url)
        self.assert_told("find", "mine", "posts", '{"n":3}')
        self.good("pull", "mine")
        self.assert_told("merge", "mine", "origin/main")
        self.assertEqual(self.tagged("own"), 1)

    def test_a_copy_gives_it(self):
        peer = self.serve("copy").url
        merged, = self.good_json("merge", "mine", self.url, "--peer", peer)
        self.assertEqual(merged["kind"], "merge")
        self.assertEqual((self.tagged("own"), self.tagged("theirs")), (1, self.posts // 10))

    def test_where_nothing_was_written(self):
        self.good("fork", self.url, "follows")
        self.change("blog", 8)
        self.drop("blog")
        self.assertEqual(self.good_json("merge", "follows", self.url)[-1]["kind"], "forward")
        self.assertEqual(self.values("follows", 8), self.values("blog", 8))

    def test_who_is_not_asked_may_have_it(self):
        result = self.bad(1, "can't be had", "find", "mine", "posts", '{"n":3}', "--offline")
        self.assertNotIn("any more", result.errors())

    def test_a_check_says_where_it_was(self):
        for command in ("fsck", "check"):
            text = self.run_copse(command, "mine").text()
            self.assertRegex(text, f"[0-9]+ more blocks were left at {self.url}")


class DroppedByClone(DroppedNetwork):
    """A clone has dropped what its origin still has."""

    def setUp(self):
        super().setUp()
        self.good("clone", self.url, "mine")
        self.change("mine", 1)
        self.change("mine", 2)
        self.drop("mine")

    def test_it_gives_back_what_it_has(self):
        self.assertEqual(self.values("mine", 1, "--at", "HEAD~2"), 1)
        # What was never there can't come back; the clone's own first change is gone.
        result = self.bad(1, "history before 20", "find", "mine", "posts", "--at", "HEAD~1")
        self.assertIn("what the commit ", result.errors())
        self.assert_sound("mine")

    def test_any_other_peer_may(self):
        self.good("init", "alone")
        self.good("insert", "alone", "posts", '{"_id":1,"n":1}')
        self.change("alone", 1)
        url = self.serve("alone").url
        self.assertEqual(self.values("alone", 1, "--at", "HEAD~1"), 1)
        shutil.copytree(self.path("alone"), self.path("copy"))
        self.drop("copy")
        self.bad(1, "--peer URL fetches it", "find", "copy", "posts", "--at", "HEAD~1", "--offline")
        self.assertEqual(self.values("copy", 1, "--at", "HEAD~1", "--peer", url), 1)
        self.assertEqual(self.values("copy", 1, "--at", "HEAD~1"), 1)
        self.assert_sound("copy")


class DroppedByEither(DroppedNetwork):
    """Two forks of blog, which went on, each by two changes."""

    def setUp(self):
        super().setUp()
        for name, number in (("mine", 151), ("other", 152)):
            self.good("fork", "blog", name)
            self.change(name, number)
            self.change(name, number)
        self.stop_servers()

    def merge(self, *arguments):
        merged = self.good_json("merge", "mine", *arguments)[-1]
        self.assertEqual(merged["kind"], "merge")
        self.assertEqual((self.values("mine", 151), self.values("mine", 152)), (204, 205))
        self.assert_sound("mine")
        return merged["commit"]

    def read_in_part(self, store, commit):
        """Brings a part of an earlier state back."""
        server = self.serve("blog")
        self.assertEqual(self.values(store, 1, "--at", commit, "--peer", server.url), 1)
        self.stop_servers()

    def test_either_may_have_dropped_the_past(self):
        shutil.copytree(self.path("mine"), self.path("copy"))
        self.drop("mine")
        one = self.merge("other")
        self.assertEqual(self.values("mine", 152, "--at", one), 205)
        # The state between, which only the other one has, came with it.
        between = self.good_json("log", "other")[1]["commit"]
        self.assertEqual(self.values("mine", 152, "--at", between), 105)
        shutil.rmtree(self.path("mine"))
        shutil.move(self.path("copy"), self.path("mine"))
        self.drop("other")
        self.assertEqual(self.merge("other"), one)
        result = self.bad(1, "dropped the history before", "find", "mine", "posts", "--at", between)
        self.assertIn(between, result.errors())

    def test_one_that_is_served_may_too(self):
        self.drop("other")
        base = self.refs("blog")["main"]
        self.read_in_part("other", base)
        url = self.serve("other").url + "/other"
        self.merge(url)
        self.good("fork", url, "whole", "--whole")
        self.stop_servers()
        self.assertEqual(self.values("whole", 152, "--offline"), 205)
        self.assertIn("states are not here", self.good("fsck", "whole"))

    def test_a_third_gives_what_both_dropped(self):
        self.drop("mine")
        self.drop("other")
        base = self.refs("blog")["main"]
        for _ in range(2):
            result = self.bad(1, "posts: its documents differ", "merge", "mine", "other")
            self.assertIn(f"what the commit {base} of ", result.errors())
            self.read_in_part("mine", base)
        self.merge("other", "--peer", self.serve("blog").url)
        self.assertEqual(self.values("mine", 151, "--at", base), 4)

    def test_a_clock_that_is_ahead_is_not_noted(self):
        """As then all that is written here would pass for dropped, were it missing."""
        head = self.refs("other")["main"]
        block = self.run_copse("block", "get", "other", head, "--output", "raw").out
        at = block.index(b"dtime\x82\x1b") + 6
        block = block[:at] + b"\x1b" + (2**63 - 2).to_bytes(8, "big") + block[at + 9:]
        late = self.good("block", "put", "other", "-", "--input", "dag-cbor", stdin=block).strip()
        self.good("refs", "set", "other", "main", late)
        self.change("other", 153)
        self.drop("other")
        self.bad(1, "its time is ahead of the clock here", "merge", "mine", "other")
        self.assertEqual(list(self.refs("mine")), ["main"])
        self.assert_sound("mine")

    def test_a_fork_has_dropped_what_was(self):
        self.drop("mine")
        self.good("fork", "mine", "again")
        self.assert_sound("again")
        self.bad(1, "dropped the history before", "find", "again", "posts", "--at", "HEAD~1")
