"""copse pull in a clone of a database with a creator: main follows only who may write it."""
import json

from serve_cases import Server
from signature_cases import Keys


class PullReview(Keys):
    def setUp(self):
        super().setUp()
        self.good("init", "a", "--creator", "ann")
        self.insert("a", 1, "ann")
        self.server = Server(self.dir, "a")
        self.addCleanup(self.server.stop)
        self.good("clone", f"{self.server.url}/a", "mine")

    def insert(self, store, number, key):
        self.good("insert", store, "posts", f'{{"_id":{number}}}', "--key", key)

    def pull(self):
        return self.good_json("pull", "mine")[0]

    def forge(self):
        """Takes its signature from the head of a."""
        head = self.good_json("log", "a", "--limit", "1")[0]["commit"]
        commit = json.loads(self.good("block", "get", "a", head))
        del commit["signature"]
        forged = self.good("block", "put", "a", "-", stdin=json.dumps(commit)).strip()
        self.good("refs", "set", "a", "main", forged)

    def test_a_clone_takes_what_was_allowed(self):
        self.good("writers", "add", "a", "ben", "--can", "insert posts", "--key", "ann")
        self.insert("a", 2, "ben")
        self.assertTrue(self.pull()["moved"])
        self.assertFalse(self.pull()["moved"])
        self.assertEqual(self.good("count", "mine", "posts"), "2\n")

    def test_a_clone_does_not_take_what_nobody_signed(self):
        self.insert("a", 2, "ann")
        self.forge()
        result = self.bad(1, "main was not moved", "pull", "mine")
        self.assertIn("/a not taken: the commit is not signed: posts 2", result.errors())
        self.assertEqual(self.good("count", "mine", "posts"), "1\n")
        self.assertEqual(self.good("count", "mine", "posts", "--ref", "origin/main"), "2\n")
        merged, = self.good_json("merge", "mine", "origin/main")
        self.assertEqual((merged["kind"], merged["refused_count"]), ("refused", 1))
