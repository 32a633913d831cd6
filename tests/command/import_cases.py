"""copse import and export: formats, atomicity, what is refused and how it is said."""
import json
import random

from support import CommandTest


def lines(documents):
    return "".join(json.dumps(document) + "\n" for document in documents)


POSTS = [{"_id": i, "author": f"user{i % 7}", "createdAt": 1000 - i, "tags": [f"t{i % 3}", "all"],
          "text": "words " * (i % 40)} for i in range(300)]


class Import(CommandTest):
    def tree(self, store=None):
        return self.good_json("stats", store or self.store)[0]["tree"]

    def documents(self, collection="posts", store=None):
        return [json.loads(line)
                for line in self.good("find", store or self.store, collection).splitlines()]

    def test_any_order_any_form_one_root(self):
        shuffled = POSTS[:]
        random.Random(3).shuffle(shuffled)
        self.good("import", self.store, "posts", "-", stdin=lines(POSTS))
        files = {"a.json": json.dumps(shuffled), "b.ndjson": lines(shuffled),
                 "c.json": " ".join(json.dumps(post, indent=1) for post in shuffled)}
        for name, text in files.items():
            other = self.path(name + ".copse")
            self.good("import", other, "posts", self.write(name, text))
            self.assertEqual(self.tree(other), self.tree(), name)
        one = self.path("one.copse")
        self.good("init", one)
        self.good("insert", one, "posts", "-", stdin=lines(shuffled[:20]))
        self.good("import", one, "posts", "-", stdin=lines(shuffled[20:]))
        self.assertEqual(self.tree(one), self.tree())

    def test_indexes_before_or_after(self):
        self.good("import", self.store, "posts", "-", stdin=lines(POSTS))
        self.good("index", self.store, "posts", "tags[],-createdAt")
        self.good("index", self.store, "posts", "author")
        other = self.path("other.copse")
        self.good("init", other)
        self.good("index", other, "posts", "author")
        self.good("index", other, "posts", "tags[],-createdAt")
        self.good("import", other, "posts", "-", stdin=lines(reversed(POSTS)))
        self.assertEqual(self.tree(other), self.tree())
        self.good("check", other)

    def test_report(self):
        [report] = self.good_json("import", self.store, "posts", "-", stdin=lines(POSTS))
        self.assertEqual((report["documents"], report["inserted"], report["replaced"]),
                         (300, 300, 0))
        self.assertEqual(report["tree"], self.tree())
        text = self.good("import", self.path("b"), "posts", "-", stdin=lines(POSTS[:1]))
        self.assertIn("imported 1 document into posts", text)

    def test_extended_json(self):
        text = ('{"_id":{"$oid":"0123456789abcdef01234567"},"at":{"$date":"2026-01-02T03:04:05Z"},'
                '"n":{"$numberDecimal":"1.50"},"b":{"$binary":{"base64":"AAE=","subType":"00"}},'
                '"big":{"$numberLong":"9007199254740993"},"f":1.0}\n')
        self.good("import", self.store, "c", "-", stdin=text)
        out = self.good("find", self.store, "c")
        for part in ('"$oid":"0123456789abcdef01234567"', '"$date":"2026-01-02T03:04:05Z"',
                     '"$numberDecimal":"1.50"', '"base64":"AAE="', "9007199254740993", '"f":1.0'):
            self.assertIn(part, out)

    def test_ids_are_made(self):
        self.good("import", self.store, "c", "-", stdin='{"a":1}\n{"a":2}\n')
        found = self.documents("c")
        self.assertEqual(len({document["_id"]["$oid"] for document in found}), 2)

    def test_bad_lines_import_nothing(self):
        self.good("import", self.store, "posts", "-", stdin=lines(POSTS))
        before = self.tree()
        cases = [('{"_id":1000}\n{"_id":1001,}\n', "line 2, column "),
                 ('{"_id":1000}\n[1]\n', "line 2"),
                 ('{"_id":1000}\n\n  {"_id":1,"a":tru}\n', "line 3, column "),
                 ('{"_id":1000}\n{"a":1,"a":2}\n', "line 2"),
                 ('{"_id":1000}\n{"$a":1}\n', "line 2"),
                 ('{"_id":1000}\n{"_id":1000}\n', "_id 1000"),
                 ('{"_id":1000}\n{"_id":5}\n', "_id 5"),
                 ('{"_id":[1]}\n', "line 1"),
                 ('{"_id":1000}\n{"_id":', "line 2"),
                 ('{"a":"\\ud800"}\n', "line 1, column ")]
        for text, message in cases:
            for collection in ("posts", "empty"):
                if message == "_id 5" and collection == "empty":
                    continue
                result = self.bad(1, message, "import", self.store, collection, "-", stdin=text)
                self.assertIn("nothing was imported", result.errors())
                self.assertEqual(self.tree(), before, text)

    def test_bad_lines_skipped(self):
        text = '{"_id":1}\n{"_id":2,"x\n[2]\n{"_id":3,"x":1,"x":2}\n{"_id":[3]}\n{"_id":4}\n'
        for store in (self.store, self.store):
            result = self.run_copse("import", store, "c", "-", "--skip-bad", "--upsert", stdin=text)
            self.assertEqual(result.code, 0, result.errors())
            self.assertIn("4 bad lines skipped", result.errors())
            self.assertIn("line 2", result.errors())
        self.assertEqual([document["_id"] for document in self.documents("c")], [1, 4])

    def test_byte_order_mark(self):
        for name, text in (("lines.json", '{"_id":1}\n{"_id":2}\n'),
                           ("array.json", '[{"_id":3},{"_id":4}]'),
                           ("unnamed", '{"_id":5}\n')):
            self.good("import", self.store, "c", self.write(name, "\ufeff" + text))
        self.assertEqual([document["_id"] for document in self.documents("c")], [1, 2, 3, 4, 5])

    def test_upsert(self):
        self.good("import", self.store, "posts", "-", stdin=lines(POSTS))
        self.good("index", self.store, "posts", "author")
        changed = [{"_id": 5, "author": "new"}, {"_id": 999, "author": "newer"},
                   {"_id": 999, "author": "newest"}]
        [report] = self.good_json("import", self.store, "posts", "-", "--upsert",
                                  stdin=lines(changed))
        self.assertEqual(len(self.documents()), 301)
        self.assertEqual((report["documents"], report["inserted"], report["replaced"]), (3, 1, 2))
        [report] = self.good_json("import", self.store, "posts", "-", "--upsert",
                                  stdin=lines(changed[:2]))
        self.assertEqual((report["documents"], report["inserted"], report["replaced"]), (2, 0, 2))
        self.good("import", self.store, "posts", "-", "--upsert", stdin=lines(changed[2:]))
        self.assertEqual(self.good("count", self.store, "posts", '{"author":"newest"}').strip(), "1")
        self.good("check", self.store)

    def test_primary_key(self):
        rows = "code,name\nIE,Ireland\nIS,Iceland\n"
        self.good("import", self.store, "countries", self.write("c.csv", rows), "--id", "code")
        self.assertIn("Iceland", self.good("get", self.store, "countries", "IS"))
        self.bad(1, "its primary key is 'code'", "import", self.store, "countries", "-", "--id",
                 "name", stdin='{"name":"x"}\n')
        self.bad(1, "line 1", "import", self.store, "countries", "-", stdin='{"name":"x"}\n')

    def test_linked(self):
        self.good("import", self.store, "posts", "-", "--documents", "linked", stdin=lines(POSTS))
        self.assertEqual(sorted(post["_id"] for post in self.documents()), list(range(300)))
        self.bad(1, "keeps its documents linked", "import", self.store, "posts", "-",
                 "--documents", "inline", stdin='{"_id":1000}\n')
        self.good("check", self.store)

    def test_csv(self):
        rows = ('_id,name,at.lat,at.lng,note\r\n1,"a ""b"", c",42.5,-1e3,\r\n'
                '2,"two\nlines",007,true,"1"\n3,null,,,x\n')
        self.good("import", self.store, "c", self.write("c.csv", rows))
        self.assertEqual(self.documents("c"), [
            {"_id": 1, "name": 'a "b", c', "at": {"lat": 42.5, "lng": -1000.0}},
            {"_id": 2, "name": "two\nlines", "at": {"lat": "007", "lng": True}, "note": "1"},
            {"_id": 3, "name": None, "note": "x"}])
        self.good("import", self.store, "t", self.write("t.tsv", "_id\tn\na\t1\n"), "--text")
        self.assertEqual(self.documents("t"), [{"_id": "a", "n": "1"}])
        for text, message in [("a,b\n1\n", "1 fields, but the first line names 2"),
                              ("a,a\n1,2\n", "two fields have the name"),
                              ("a,a.b\n1,2\n", "at once a value and an object"),
                              ('a\n"x"y\n', "line 2"), ('a\n"x\n', "ends in a quoted field")]:
            self.bad(1, message, "import", self.store, "bad", self.write("bad.csv", text))

    def test_large_document(self):
        text = json.dumps({"_id": 1, "text": "x" * (64 << 20)})
        self.good("import", self.store, "c", "-", stdin=text)
        out = self.run_copse("get", self.store, "c", "1").out
        self.assertEqual(len(json.loads(out)["text"]), 64 << 20)
        self.good("check", self.store)

    def test_unique(self):
        self.good("init", self.store)
        self.good("index", self.store, "c", "email", "--unique")
        text = lines([{"_id": 1, "email": "a"}, {"_id": 2}, {"_id": 3}, {"_id": 4, "email": "a"}])
        result = self.bad(1, "nothing was imported", "import", self.store, "c", "-", stdin=text)
        self.assertIn("1 and 4", result.errors())
        self.assertEqual(self.good("count", self.store, "c").strip(), "0")

    def test_missing_file_and_store(self):
        self.bad(1, "no-such.ndjson", "import", self.store, "c", "no-such.ndjson")
        self.bad(1, "none.copse", "export", self.path("none.copse"), "c")


class Export(CommandTest):
    def test_there_and_back(self):
        self.good("import", self.store, "posts", "-", stdin=lines(POSTS))
        self.good("export", self.store, "posts", "-o", "out.ndjson")
        self.assertEqual([json.loads(line) for line in self.read("out.ndjson").splitlines()],
                         POSTS)
        other = self.path("other.copse")
        self.good("import", other, "posts", "out.ndjson")
        self.assertEqual(self.good_json("stats", other)[0]["tree"],
                         self.good_json("stats", self.store)[0]["tree"])
        some = self.good("export", self.store, "posts", "--where", '{"author":"user3"}')
        self.assertEqual(len(some.splitlines()), sum(p["author"] == "user3" for p in POSTS))
        self.bad(1, "there is no collection 'post'", "export", self.store, "post")
