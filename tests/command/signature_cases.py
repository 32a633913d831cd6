"""Signed commits and databases with a creator: --key, $COPSE_KEY, the config file; log, show, check,
fsck, init --creator, stats, merge."""
import json
import os

from support import CommandTest

NAMES = ("COPSE_AUTHOR", "COPSE_KEY", "COPSE_PASSPHRASE", "XDG_CONFIG_HOME")


class Keys(CommandTest):
    def setUp(self):
        super().setUp()
        kept = {name: os.environ.get(name) for name in NAMES + ("HOME", "COPSE_KEYS")}
        self.addCleanup(self.restore, kept)
        for name in NAMES:
            os.environ.pop(name, None)
        os.environ["HOME"] = self.path("home")
        os.environ["COPSE_KEYS"] = self.path("keys")
        self.ann, self.ben = (self.good("key", "new", name, "--no-passphrase").split()[1]
                              for name in ("ann", "ben"))
        self.db = self.path("blog.copse")

    def restore(self, kept):
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value

    def last(self):
        return self.good_json("log", self.db, "--limit", "1")[0]

    def insert(self, *options):
        self.good("insert", self.db, "posts", "{}", *options)
        return self.last()


class Signatures(Keys):
    def test_who_signs(self):
        self.good("init", self.db)
        self.assertNotIn("signature", self.last())
        commit = self.insert("--key", "ann")
        self.assertEqual((commit["author"], commit["signature"]), (self.ann, "right"))
        os.environ["COPSE_KEY"] = "ben"
        self.assertEqual(self.insert()["author"], self.ben)
        self.assertEqual(self.insert("--key", "ann")["author"], self.ann)
        del os.environ["COPSE_KEY"]
        os.makedirs(self.path("home/.config/copse"))
        self.write("home/.config/copse/config", "author = \nkey = ben\n")
        commit = self.insert()
        self.assertEqual((commit["author"], commit["signature"]), (self.ben, "right"))
        for command in ("log", "show"):
            self.assertIn(f"  signed by {self.ben}\n", self.good(command, self.db))
        self.good("check", self.db)
        self.good("fsck", self.db)

    def test_every_command_that_writes_signs(self):
        self.good("init", self.db)
        os.environ["COPSE_KEY"] = "ann"
        self.write("posts.json", '{"_id":1,"a":1}\n{"_id":2}\n')
        self.write("batch.json", '{"insert":"posts","document":{"_id":3}}\n')
        for words in (("import", self.db, "posts", self.path("posts.json")),
                      ("insert", self.db, "posts", '{"_id":4}'),
                      ("replace", self.db, "posts", '{"_id":4,"a":2}'),
                      ("update", self.db, "posts", '{"_id":4}', '{"$set":{"a":3}}'),
                      ("delete", self.db, "posts", '{"_id":4}'),
                      ("index", self.db, "posts", "a"), ("drop-index", self.db, "posts", "a"),
                      ("policy", self.db, "posts", "lww"), ("insert", self.db, "posts", '{"_id":5}'),
                      ("revert", self.db, "HEAD"), ("drop", self.db, "posts")):
            before = self.last()["commit"]
            self.good(*words)
            commit = self.last()
            self.assertNotEqual(commit["commit"], before, words)
            self.assertEqual((commit["author"], commit.get("signature")), (self.ann, "right"), words)

    def test_author_and_key_agree(self):
        self.good("init", self.db)
        os.environ["COPSE_AUTHOR"] = self.ben
        self.bad(1, f"the author '{self.ben}' is not the key 'ann'", "insert", self.db, "posts", "{}",
                 "--key", "ann")
        self.assertEqual(self.insert("--key", "ben")["signature"], "right")
        self.assertNotIn("signature", self.insert())
        self.bad(1, "can't be read", "insert", self.db, "posts", "{}", "--key", "nobody")

    def test_a_decided_merge_is_signed(self):
        self.good("init", self.db)
        self.good("insert", self.db, "posts", '{"_id":1,"a":1}')
        self.good("branch", self.db, "draft")
        self.good("replace", self.db, "posts", '{"_id":1,"a":2}')
        self.good("replace", self.db, "posts", '{"_id":1,"a":3}', "--ref", "draft")
        self.bad(2, "--key is about --conflicts", "merge", self.db, "draft", "--key", "ann")
        self.good("merge", self.db, "draft", "--conflicts", "ours", "--key", "ann")
        commit = self.last()
        self.assertEqual((len(commit["parents"]), commit["signature"]), (2, "right"))

    def test_a_wrong_signature_is_told(self):
        self.good("init", self.db)
        commit = self.insert("--key", "ann")["commit"]
        block = json.loads(self.good("block", "get", self.db, commit))
        block["message"] = "something else"
        forged = self.good("block", "put", self.db, "-", stdin=json.dumps(block)).strip()
        self.good("refs", "set", self.db, "main", forged)
        self.assertEqual(self.last()["signature"], "wrong")
        for command in ("log", "show"):
            self.assertIn(f"  by {self.ann}: THE SIGNATURE IS WRONG\n", self.good(command, self.db))
        checked = self.run_copse("check", self.db)
        self.assertEqual(checked.code, 1)
        self.assertIn("signature\t-\t-\t-\tthe commit is not signed by its author\n", checked.text())
        self.assertIn("there is damage", checked.text())
        self.good("insert", self.db, "posts", "{}", "--key", "ann")
        self.good("check", self.db)  # the past is fsck's
        found = self.run_copse("fsck", self.db)
        self.assertEqual(found.code, 1)
        self.assertIn(f"SIGNATURE\tmain\t{forged}\t", found.text())


class Creators(Keys):
    def test_a_database_says_who_made_it(self):
        self.good("init", self.db, "--creator", "ann")
        stats, = self.good_json("stats", self.db)
        self.assertEqual(stats["creator"], self.ann)
        self.assertEqual(self.last()["signature"], "right")
        self.assertIn(f"id      {stats['identity']}\n        made by {self.ann}\n",
                      self.good("stats", self.db))
        self.write("posts.json", '{"_id":1}\n')
        self.good("import", self.db, "posts", self.path("posts.json"), "--key", "ann")
        self.good("check", self.db)
        copy = self.path("copy.copse")
        self.good("fork", self.db, copy)
        self.assertEqual(self.good_json("stats", copy)[0]["identity"], stats["identity"])
        self.bad(1, "has a database 'main' already", "init", self.db, "--creator", "ann")

    def test_only_copies_merge(self):
        other = self.path("other.copse")
        for db in (self.db, other):
            self.good("init", db, "--creator", "ann")
            self.good("insert", db, "posts", "{}", "--key", "ann")
        for options in ((), ("--policy", "union")):
            self.bad(1, "databases of different identities", "merge", self.db, other, *options)

