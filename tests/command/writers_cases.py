"""copse writers, and what a writer may write in a database with a creator."""
import os

from signature_cases import Keys


class Writers(Keys):
    def setUp(self):
        super().setUp()
        self.good("init", self.db, "--creator", "ann")
        self.good("insert", self.db, "posts", '{"_id":1}', "--key", "ann")

    def grant(self, key, *rights, by="ann"):
        cans = [word for right in rights for word in ("--can", right)]
        return self.good("writers", "add", self.db, key, *cans, "--key", by)

    def insert_by(self, key, number):
        return self.good("insert", self.db, "posts", f'{{"_id":{number}}}', "--key", key)

    def test_what_is_granted_may_be_written(self):
        insert = ("insert", self.db, "posts", '{"_id":2}')
        self.bad(1, "signs with a key", *insert)
        self.bad(1, f"{self.ben} has no grant", *insert, "--key", "ben")
        self.assertEqual(self.grant("ben", "insert posts"), f"grant {self.ben}: insert posts\n")
        self.good(*insert, "--key", "ben")
        self.bad(1, "no right to write posts", "delete", self.db, "posts", '{"_id":2}', "--key", "ben")
        self.bad(1, "no right to write posts", "replace", self.db, "posts", '{"_id":2,"a":1}',
                 "--key", "ben")
        self.bad(1, "no right to write posts", "update", self.db, "posts", '{"_id":2}',
                 '{"$set":{"a":1}}', "--key", "ben")
        self.bad(1, "the catalogue of tags", "insert", self.db, "tags", "{}", "--key", "ben")
        self.bad(1, "the catalogue of posts", "index", self.db, "posts", "a", "--key", "ben")
        self.grant(self.ben, "write posts")
        self.good("delete", self.db, "posts", '{"_id":2}', "--key", "ben")
        self.good("check", self.db)
        self.good("fsck", self.db)

    def test_imports_keep_to_it(self):
        self.write("two.json", '{"_id":7}\n')
        path = self.path("two.json")
        self.bad(1, "signs with a key", "import", self.db, "fresh", path)
        self.bad(1, "has no grant", "import", self.db, "fresh", path, "--key", "ben")
        self.grant("ben", "insert posts")
        self.bad(1, "the catalogue of fresh", "import", self.db, "fresh", path, "--key", "ben")
        self.good("import", self.db, "posts", path, "--key", "ben")

    def test_what_is_taken_back_counts_no_more(self):
        self.grant("ben", "write posts")
        self.insert_by("ben", 2)
        self.bad(1, "neither gave these grants", "writers", "remove", self.db, "ben", "--key",
                 "ben")
        self.assertEqual(self.good("writers", "remove", self.db, "ben", "--last", "HEAD", "--key",
                                   "ann"), f"revoke the grants of {self.ben}\n")
        self.bad(1, "was revoked", "insert", self.db, "posts", '{"_id":3}', "--key", "ben")
        one, = (line for line in self.good_json("writers", "list", self.db)
                if line["key"] == self.ben)
        self.assertEqual((one["can"], one["state"]), (["write posts"], "up-to"))
        self.assertIn("last", one)
        self.grant("ben", "insert posts")
        self.insert_by("ben", 3)

    def test_expiry(self):
        self.good("writers", "add", self.db, "ben", "--can", "insert", "--expires", "2020-01-31",
                  "--key", "ann")
        self.bad(1, "expired 2020-01-31", "insert", self.db, "posts", "{}", "--key", "ben")
        self.assertIn("  insert  NOT NOW: ", self.good("writers", "list", self.db))
        self.good("writers", "add", self.db, "ben", "--can", "insert", "--expires", "30d", "--key",
                  "ann")
        self.insert_by("ben", 2)
        for when in ("d", "0d", "99999d", "soon", "36501d"):
            self.bad(2, "--expires is", "writers", "add", self.db, "ben", "--can", "insert",
                     "--expires", when, "--key", "ann")

    def test_admins_grant(self):
        self.bad(1, "has no grant", "writers", "add", self.db, "ann", "--can", "write", "--key",
                 "ben")
        self.grant("ben", "admin posts")
        self.good("key", "new", "cat", "--no-passphrase")
        self.grant("cat", "write posts", "insert posts", by="ben")
        self.insert_by("cat", 2)
        self.bad(1, "no right to say who may write tags", "writers", "add", self.db, "cat", "--can",
                 "write tags", "--key", "ben")
        listed = self.good_json("writers", "list", self.db)
        self.assertEqual([line["state"] for line in listed], ["good"] * 3)
        self.good("writers", "remove", self.db, "ben", "--key", "ann")
        self.bad(1, "no right", "insert", self.db, "posts", "{}", "--key", "cat")

    def test_merges_unite_what_was_said(self):
        copy = self.path("copy.copse")
        self.good("fork", self.db, copy)
        self.good("writers", "add", copy, "ben", "--can", "insert posts", "--key", "ann")
        self.grant("ben", "write tags")
        self.good("merge", self.db, copy)
        self.good("merge", copy, self.db)
        heads = [self.good("tree", "root", db) for db in (self.db, copy)]
        self.assertEqual(heads[0], heads[1])
        self.assertEqual(len(self.good("writers", "list", self.db).splitlines()), 3)
        self.insert_by("ben", 2)

    def test_what_makes_no_sense(self):
        other = self.path("other.copse")
        self.good("init", other)
        self.bad(1, "has no creator", "writers", "list", other)
        self.bad(1, "has no creator", "writers", "add", other, "ben", "--can", "admin", "--key",
                 "ann")
        self.bad(1, "is said with a key", "writers", "add", self.db, "ben", "--can", "admin")
        self.bad(1, "is no key", "writers", "add", self.db, "did:key:zzz", "--can", "admin",
                 "--key", "ann")
        self.bad(1, "has no grants", "writers", "remove", self.db, "ben", "--key", "ann")
        self.bad(2, "--can says", "writers", "add", self.db, "ben", "--key", "ann")
        for can in ("read", "write ", ""):
            self.bad(2, "--can is", "writers", "add", self.db, "ben", "--can", can, "--key", "ann")


class WritersPage(Keys):
    def setUp(self):
        super().setUp()
        os.environ["COPSE_KEYS"] = self.path("page")

    def test_the_page_tells_the_truth(self):
        self.assert_console("docs/writers.md", r"did:key:z\w+", r"bafy\w+", r"k51\w+",
                            r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", r"(?<=copied )\d+",
                            r"(?<=revoked by )…( with the last commit …)?")  # either one
