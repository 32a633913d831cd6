"""copse merge and copse follow in a database with a creator: what is taken from whom."""
from signature_cases import Keys


class Review(Keys):
    """Ann's database, and Ben's and Cat's forks of it; Ben may insert posts, Cat write notes."""

    def setUp(self):
        super().setUp()
        self.good("key", "new", "cat", "--no-passphrase")
        self.good("init", "a", "--creator", "ann")
        self.insert("a", "posts", 1, "ann")
        self.insert("a", "notes", 1, "ann")
        self.good("writers", "add", "a", "ben", "--can", "insert posts", "--key", "ann")
        self.good("writers", "add", "a", "cat", "--can", "write notes", "--key", "ann")
        self.good("fork", "a", "b")
        self.good("fork", "a", "c")

    def insert(self, store, collection, number, key):
        self.good("insert", store, collection, f'{{"_id":{number}}}', "--key", key)

    def ids(self, store, collection):
        return [line["_id"] for line in self.good_json("find", store, collection)]

    def head(self, store):
        return self.good_json("log", store, "--limit", "1")[0]["commit"]

    def merge(self, store, theirs, *options):
        result, = self.good_json("merge", store, theirs, *options)
        return result

    def test_what_is_allowed_is_taken(self):
        self.insert("b", "posts", 2, "ben")
        self.assertEqual(self.merge("a", "b")["kind"], "forward")
        self.insert("c", "notes", 2, "cat")
        result = self.merge("a", "c")
        self.assertEqual((result["kind"], result["inserted"]), ("merge", 1))
        self.assertNotIn("refused", result)
        self.assertEqual(self.merge("b", "a")["kind"], "forward")
        self.assertEqual(self.merge("c", "a")["kind"], "forward")
        for store in ("a", "b", "c"):
            self.assertEqual(self.ids(store, "posts"), [1, 2])
            self.assertEqual(self.ids(store, "notes"), [1, 2])
        self.assertEqual(self.head("a"), self.head("c"))

    def test_what_is_revoked_is_refused(self):
        self.insert("b", "posts", 2, "ben")
        self.good("writers", "remove", "a", "ben", "--key", "ann")
        before = self.head("a")
        result = self.merge("a", "b")
        self.assertEqual((result["kind"], result["refused_count"]), ("refused", 1))
        refused, = result["refused"]
        self.assertEqual((refused["what"], refused["collection"], refused["key"]),
                         ("document", "posts", 2))
        self.assertIn(f"{self.ben} was revoked by {self.ann}", refused["reason"])
        self.assertEqual(self.head("a"), before)
        told = self.run_copse("merge", "a", "b")
        self.assertEqual(told.code, 0)
        self.assertEqual(told.text(), "'main' stays as it is: nothing was taken\n")
        self.assertIn("1 change of b not taken: ", told.errors())
        self.assertIn(": posts 2\n", told.errors())
        self.assertEqual(self.ids("a", "posts"), [1])

    def test_what_others_brought_is_taken_from_a_merge(self):
        """Ben's head is a merge that Cat's notes came by, and then his own: he may not write notes."""
        self.insert("b", "posts", 2, "ben")
        self.insert("c", "notes", 2, "cat")
        self.merge("b", "c")
        self.insert("b", "posts", 3, "ben")
        result = self.merge("a", "b")
        self.assertNotIn("refused", result)
        self.assertEqual(result["kind"], "forward")
        self.assertEqual(self.head("a"), self.head("b"))
        self.assertEqual(self.ids("a", "notes"), [1, 2])

    def test_followers_take_what_they_may(self):
        self.insert("b", "posts", 2, "ben")
        self.insert("c", "notes", 2, "cat")
        self.good("writers", "remove", "a", "ben", "--key", "ann")
        told = self.run_copse("follow", "a", "b", "c", "--once")
        self.assertEqual(told.code, 0)
        self.assertIn("/b not taken: ", told.errors())
        self.assertIn(": posts 2\n", told.errors())
        self.assertEqual(self.ids("a", "posts"), [1])
        self.assertEqual(self.ids("a", "notes"), [1, 2])
        self.good("follow", "c", "a", "--once")
        self.assertEqual(self.head("a"), self.head("c"))
        self.good("follow", "a", "--once")  # c's head is a's
        self.assertEqual(self.good("follow", "a", "--once"), "")
        self.good("check", "a")
        self.good("fsck", "a")
