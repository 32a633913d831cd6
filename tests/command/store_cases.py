"""copse refs, fsck, gc, block, cid, and the help."""
import json
import os
import re
import subprocess

import support
from support import CommandTest


class Store(CommandTest):
    def setUp(self):
        super().setUp()
        self.rows = [(f"k{i:04}", f"v{i}") for i in range(3000)]
        self.root = self.load(self.rows)

    def test_refs(self):
        self.assertEqual(self.good("refs", "list", self.store), f"main\t{self.root}\n")
        self.assertEqual(self.good("refs", "set", self.store, "next", "main"), self.root + "\n")
        self.good("refs", "delete", self.store, "next")
        self.assertEqual(self.good_json("refs", "list", self.store),
                         [{"ref": "main", "cid": self.root}])
        self.bad(1, "there is no 'next'", "refs", "delete", self.store, "next")
        self.bad(1, "is the database itself", "refs", "delete", self.store, "main")
        self.bad(1, "is neither a ref", "refs", "set", self.store, "x", "nothing")
        self.bad(1, "is not in", "refs", "set", self.store, "x",
                 "bafyreibzu4tgurqrpvj6qc23pnwrxsy23oe3llqzob3z4o2gysuboyyeve")
        self.bad(2, "can't be the name", "refs", "set", self.store, "a\nb", "main")

    def test_gc(self):
        self.good("tree", "put", self.store, "k0000", "new")
        before, = self.good_json("gc", self.store, "--dry-run")
        self.assertGreater(before["garbage"], 0)
        self.assertEqual(self.good("tree", "get", self.store, "k0000", "--ref", self.root), "v0\n")
        row, = self.good_json("gc", self.store)
        self.assertEqual(row["blocks"], before["blocks"] - before["garbage"])
        after, = self.good_json("gc", self.store, "--dry-run")
        self.assertEqual((after["blocks"], after["garbage"]), (row["blocks"], 0))
        self.assertIn("all is well", self.good("fsck", self.store))
        self.assertEqual(self.good("tree", "count", self.store), "3000\n")
        self.bad(1, "not in the store", "tree", "count", self.store, "--ref", self.root)
        self.good("tree", "put", self.store, "z", "after")
        self.assertEqual(self.good("tree", "get", self.store, "z"), "after\n")

    def test_fsck_is_of_a_folder(self):
        result = self.bad(1, "'http://localhost:1/blog' is a remote database", "fsck",
                          "http://localhost:1/blog")
        self.assertIn("`copse check URL`", result.errors())

    def test_fsck(self):
        row = self.good_json("fsck", self.store)[-1]
        self.assertEqual((row["refs"], row["entries"], row["findings"]), (1, 3000, 0))
        self.bad(1, "there is no store", "fsck", "nothing")

    def test_damage_is_found_and_the_rest_is_readable(self):
        rows = [(f"k{i:06}", f"value {i}" * 5) for i in range(100000)]
        self.load(rows)
        self.good("tree", "export", self.store, "backup.car")
        pack, = [name for name in os.listdir(self.store) if name.startswith("pack-")]
        self.flip(pack, os.path.getsize(os.path.join(self.store, pack)) // 2)
        found = self.run_copse("fsck", self.store)
        self.assertEqual(found.code, 1, found.errors())
        self.assertRegex(found.text(), r"HASH\tmain\tbafyrei")
        self.assertIn("there is damage", found.text())
        self.assertEqual(self.good("tree", "get", self.store, "k000000"), "value 0" * 5 + "\n")
        self.run_copse("fsck", self.store, "--repair")
        self.good("tree", "import", self.store, "backup.car")
        self.assertIn("all is well", self.good("fsck", self.store))
        self.assertEqual(self.good("tree", "count", self.store), "100000\n")

    def flip(self, name, place):
        with open(os.path.join(self.store, name), "r+b") as file:
            file.seek(place, os.SEEK_END if place < 0 else os.SEEK_SET)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 16]))

    def test_a_small_load_that_is_damaged_comes_back(self):
        self.load([("a", "1"), ("b", "2")])
        journal, = [name for name in os.listdir(self.store) if name.startswith("journal-")]
        self.flip(journal, -100)
        found = self.run_copse("fsck", self.store)
        self.assertEqual(found.code, 1, found.errors())
        self.assertRegex(found.text(), r"DAMAGE\t" + journal)
        self.bad(1, "damaged", "tree", "put", self.store, "c", "3")
        self.good("fsck", self.store, "--repair")
        self.assertIn("all is well", self.good("fsck", self.store))
        self.assertEqual(self.good("tree", "get", self.store, "b"), "2\n")
        self.good("tree", "put", self.store, "c", "3")

    def test_block(self):
        text = '{"a":[1,{"/":"bafkqaaa"}],"b":"x"}'
        cid = self.good("block", "put", "-", stdin=' { "b":"x", "a":[1,{"/":"bafkqaaa"}] } ')
        # The same as `ipfs dag put` prints for it.
        self.assertEqual(cid, "bafyreigdnrsl34wo2cu4xsrfbx75ztzz2i7pt7gn56mdy7qghbf56lyxwq\n")
        self.assertEqual(self.good("block", "put", self.store, "-", stdin=text), cid)
        cid = cid.strip()
        self.assertEqual(self.good("block", "get", self.store, cid), text + "\n")
        self.assertEqual(self.good("block", "get", self.store, cid + "/a/0"), "1\n")
        self.bad(1, "there is no 'c'", "block", "get", self.store, cid + "/c")
        stat, = self.good_json("block", "stat", self.store, cid)
        self.assertEqual((stat["codec"], stat["links"], stat["verified"]), ("dag-cbor", 1, True))
        raw = self.run_copse("block", "get", self.store, cid, "--output", "raw").out
        self.assertEqual(self.good("block", "get", self.store, cid, "--output", "hex"),
                         raw.hex() + "\n")
        again = self.good("block", "put", "-", "--input", "dag-cbor", stdin=raw)
        self.assertEqual(again.strip(), cid)

    def test_raw_and_lax(self):
        cid = self.good("block", "put", self.store, "-", "--codec", "raw", stdin=b"hi\xff\n").strip()
        self.assertEqual(self.run_copse("block", "get", self.store, cid).out, b"hi\xff\n")
        loose = bytes.fromhex("a2616201616102") # keys out of order
        self.bad(1, "--lax takes", "block", "put", "-", "--input", "dag-cbor", stdin=loose)
        self.bad(1, "--lax takes", "block", "put", "-", "--input", "dag-cbor", "--strict",
                 stdin=loose)
        cid = self.good("block", "put", self.store, "-", "--input", "dag-cbor", "--lax",
                        stdin=loose).strip()
        self.assertEqual(self.good("block", "get", self.store, cid), '{"a":2,"b":1}\n')
        self.bad(1, "at most 1 MiB", "block", "put", "-", "--codec", "raw", stdin=b"x" * 1048577)
        self.bad(1, "is not dag-json", "block", "put", "-", stdin="{")
        self.bad(1, "is not a CID", "block", "get", self.store, "bafy")
        self.bad(1, "is not in", "block", "get", self.store, "bafkqaaa")

    def test_cid(self):
        row, = self.good_json("cid", self.root)
        self.assertEqual((row["version"], row["base32"]), ("1", self.root))
        self.assertEqual(json.loads(self.good("cid", row["base58btc"], "--json")), row)
        self.bad(1, "is not a CID", "cid", "xyz")


class Help(CommandTest):
    def names(self):
        overview = self.good("--help")
        names = re.findall(r"^  ((?:tree |refs |block |key )?[a-z-]+) [A-Z\[]", overview, re.M)
        self.assertGreater(len(names), 40)
        return names

    def test_every_command_teaches(self):
        for name in self.names():
            text = self.good(*name.split(), "--help")
            self.assertRegex(text, f"^usage: copse {name}")
            self.assertIn("\nexamples:\n  ", text)
            self.assertEqual(self.good("help", *name.split()), text)
            self.assertLessEqual(max(map(len, text.splitlines())), 100)

    def test_every_command_refuses(self):
        for name in self.names():
            if name != "help":
                self.bad(2, "unknown option '--nonsense'", *name.split(), "--nonsense")

    def test_the_first_example_runs(self):
        overview = self.good("--help")
        lines = [line.strip() for line in overview.splitlines()
                 if "fruit.db" in line and "STORE" not in line]
        self.assertEqual(len(lines), 5)
        script = "set -e\ncopse() { '%s' \"$@\"; }\n%s\n" % (support.COPSE, "\n".join(lines))
        ran = subprocess.run(["bash", "-c", script], cwd=self.dir, capture_output=True, text=True,
                             check=False)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn('{"_id":"kiwi","grams":75}\n', ran.stdout)
        self.assertIn("index scan of '-grams'", ran.stdout)

    def test_the_readme_tells_the_truth(self):
        self.assert_console("README.md")

    def test_words(self):
        self.bad(2, "did you mean tree scan?", "tree", "scna")
        self.bad(2, "unknown command 'nonsense'", "nonsense")
        self.bad(2, "needs a second word", "tree")
        self.assertIn("tree load", self.good("tree", "--help"))
