"""The commands over documents: init, insert, get, find, count, distinct, replace, delete, index,
indexes, drop-index, collections, drop, stats, check."""
import json
import os
import subprocess

import support
from support import CommandTest

TAGS = ["cats", "dogs", "birds"]


def post(number):
    return {"_id": number, "text": f"post {number}", "tags": [TAGS[number % 3], "all"],
            "author": {"name": f"a{number % 5}"},
            "createdAt": {"$date": f"2026-01-{number % 28 + 1:02}T00:00:00Z"}}


def ndjson(documents):
    return "".join(json.dumps(document) + "\n" for document in documents)


class DocumentsTest(CommandTest):
    """A database `self.db` with 60 posts."""

    def setUp(self):
        super().setUp()
        self.db = self.path("blog.copse")
        self.good("init", self.db)

    def insert_posts(self, count=60):
        return self.good("insert", self.db, "posts", "-", stdin=ndjson(map(post, range(count))))

    def stats(self, *options):
        row, = self.good_json("stats", self.db, *options)
        return row

    def find(self, *arguments):
        return [json.loads(line) for line in
                self.good("find", self.db, "posts", *arguments).splitlines()]

    def unchanged(self, code, message, *arguments, stdin=b""):
        """It must fail, say this, and change nothing."""
        before = self.good("refs", "list", self.db)
        result = self.bad(code, message, *arguments, stdin=stdin)
        self.assertEqual(self.good("refs", "list", self.db), before)
        self.assertEqual(result.text(), "")
        return result.errors()


class Init(DocumentsTest):
    def test_makes_an_empty_database(self):
        self.assertEqual(self.good("collections", self.db), "")
        stats = self.stats()
        self.assertEqual((stats["generation"], stats["collections"]), (0, []))
        self.assertEqual(self.good("refs", "list", self.db), f"main\t{stats['commit']}\n")
        self.assertIn("all is well", self.good("check", self.db))

    def test_refuses_what_is_there(self):
        self.unchanged(1, "has a database 'main' already", "init", self.db)
        self.load([("a", "b")])
        self.bad(1, "is not a database of documents", "init", self.store)
        other = self.path("other")
        self.load([("a", "b")], "--ref", "plain", store=other)
        self.bad(1, "is a store already", "init", other)
        self.good("init", other, "--ref", "blog")
        self.good("insert", other, "posts", '{"_id":1}', "--ref", "blog")
        self.bad(2, "can't be the name", "init", self.db, "--ref", "a\nb")

    def test_a_folder_with_other_things(self):
        os.mkdir(self.path("full"))
        self.write("full/letter.txt", "dear")
        self.bad(1, "full", "init", "full")
        self.assertEqual(os.listdir(self.path("full")), ["letter.txt"])

    def test_what_is_no_database(self):
        self.bad(1, "`copse init STORE` makes one", "find", "nothing",
                 "posts")
        self.assertFalse(os.path.exists(self.path("nothing")))
        self.bad(1, "there is no store", "insert", "nothing", "posts", '{"_id":1}')
        self.assertFalse(os.path.exists(self.path("nothing")))
        self.load([("a", "b")])
        self.bad(1, "is not a database of documents", "find", self.store, "posts")
        self.bad(1, "is not a database of documents", "insert", self.store, "posts", '{"_id":1}')
        self.bad(1, "its refs: main", "find", self.db, "posts", "--ref", "nxt")
        self.bad(1, "copse init", "insert", self.db, "posts", '{"_id":1}', "--ref", "nxt")


class Insert(DocumentsTest):
    def test_prints_the_ids(self):
        printed = self.good("insert", self.db, "posts", '{"_id":1}', '{"_id":"b"}', '{"n":1}')
        one, two, made = printed.splitlines()
        self.assertEqual((one, two), ("1", '"b"'))
        self.assertRegex(made, r'^{"\$oid":"[0-9a-f]{24}"}$')
        self.assertEqual(self.good("get", self.db, "posts", json.loads(made)["$oid"]),
                         f'{{"_id":{made},"n":1}}\n')
        row, = self.good_json("insert", self.db, "posts", '{"_id":2}')
        self.assertEqual((row["collection"], row["inserted"], row["ids"]), ("posts", 1, [2]))
        self.assertEqual(row["commit"], self.stats()["commit"])

    def test_says_that_a_collection_is_new(self):
        first = self.run_copse("insert", self.db, "posts", '{"_id":1}')
        self.assertIn("made the collection 'posts'", first.errors())
        self.assertEqual(self.run_copse("insert", self.db, "posts", '{"_id":2}').errors(), "")

    def test_a_stream_is_one_commit(self):
        self.assertEqual(self.insert_posts(), "".join(f"{i}\n" for i in range(60)))
        stats = self.stats()
        self.assertEqual((stats["generation"], stats["message"]),
                         (1, "insert 60 documents into posts"))
        self.assertEqual(stats["collections"][0]["documents"], 60)

    def test_the_order_does_not_matter(self):
        self.insert_posts()
        root = self.stats()["tree"]
        other = self.path("other")
        self.good("init", other)
        for number in (7, 3):
            self.good("insert", other, "posts", json.dumps(post(number)))
        rest = [post(i) for i in reversed(range(60)) if i not in (3, 7)]
        self.good("insert", other, "posts", "-", stdin=ndjson(rest))
        self.assertEqual(self.good_json("stats", other)[0]["tree"], root)

    def test_refuses(self):
        self.insert_posts(3)
        self.unchanged(1, "`copse replace`", "insert", self.db, "posts", '{"_id":1}')
        self.unchanged(1, "document 2: ", "insert", self.db, "posts", '{"_id":8}', '{"_id":1}')
        self.unchanged(1, "stdin, line 3: ", "insert", self.db, "posts", "-",
                       stdin='{"_id":8}\n\n{"_id":1}\n')
        self.unchanged(1, "line 1, column 11: ", "insert", self.db, "posts", '{"_id":8, bad}')
        self.unchanged(1, "stdin, line 2, column 9: ", "insert", self.db, "posts", "-",
                       stdin='{"_id":8}\n{"_id": ?}\n')
        self.unchanged(1, "nothing was inserted", "insert", self.db, "posts", "17")
        self.unchanged(1, "nothing was inserted", "insert", self.db, "posts", '{"_id":[1]}')
        self.unchanged(1, "stdin, line 2: ", "insert", self.db, "posts", "-",
                       stdin='{"_id":8}\n{"_id":[1]}\n')
        self.unchanged(1, "nothing was inserted", "insert", self.db, "a\nb", '{"_id":9}')
        self.unchanged(2, "DOC... is missing", "insert", self.db, "posts")

    def test_everybody_s_documents_arrive(self):
        writers = [subprocess.Popen(
            ["sh", "-c", 'for i in 0 1 2 3 4 5 6 7; do "$0" insert "$1" posts "{\\"_id\\":\\"$2-$i\\"}" '
             '--durability off || exit 1; done', support.COPSE, self.db, str(writer)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for writer in range(4)]
        for writer in writers:
            self.assertEqual((writer.communicate()[1].count(b"can't"), writer.returncode), (0, 0))
        self.assertEqual(self.good("count", self.db, "posts"), "32\n")
        self.assertEqual(self.stats()["generation"], 32)
        self.assertIn("all is well", self.good("check", self.db))


class Get(DocumentsTest):
    def test_ids(self):
        self.good("insert", self.db, "c", '{"_id":17,"is":"number"}', '{"_id":"17","is":"text"}',
                  '{"_id":"fig"}', '{"_id":-5}', '{"_id":{"$date":"2026-01-31T00:00:00Z"}}',
                  '{"_id":{"$oid":"69141fa2b5c1d1a7e0f3b2c4"}}', '{"_id":{"a":1}}')
        self.assertEqual(self.good("get", self.db, "c", "17"), '{"_id":17,"is":"number"}\n')
        self.assertEqual(self.good("get", self.db, "c", '"17"'), '{"_id":"17","is":"text"}\n')
        self.assertEqual(self.good("get", self.db, "c", "17.0"), '{"_id":17,"is":"number"}\n')
        for word in ("fig", "-5", '"fig"', '{"a":1}', '{"$date":"2026-01-31T00:00:00Z"}',
                     "69141fa2b5c1d1a7e0f3b2c4", "69141FA2B5C1D1A7E0F3B2C4"):
            self.assertIn('{"_id":', self.good("get", self.db, "c", word))
        both = self.run_copse("get", self.db, "c", "18", "fig")
        self.assertEqual((both.code, both.text()), (1, '{"_id":"fig"}\n'))
        self.assertIn("there is no document 18 in 'c'", both.errors())
        self.assertIn("'\"18\"' is the text", both.errors())
        self.bad(1, "there is no document date in 'c'", "get", self.db, "c", "date")
        self.bad(1, "the _id: line 1, column", "get", self.db, "c", '{"a":')
        never = self.run_copse("get", self.db, "c", "[1]")
        self.assertEqual((never.code, never.text()), (1, ""))
        self.assertIn("the _id: a primary key is never of type array", never.errors())
        self.assertNotIn("damaged", never.errors())

    def test_a_decimal_id(self):
        self.good("insert", self.db, "c", '{"_id":{"$numberDecimal":"0.1"}}')
        self.assertIn("all is well", self.good("check", self.db))

    def test_canonical(self):
        self.good("insert", self.db, "c", '{"_id":1,"x":1.5}')
        self.assertEqual(self.good("get", self.db, "c", "1", "--canonical"),
                         '{"_id":{"$numberInt":"1"},"x":{"$numberDouble":"1.5"}}\n')

    def test_large_and_linked(self):
        text = "x" * 3_000_000
        self.good("insert", self.db, "c", "-", stdin=json.dumps({"_id": 1, "t": text}))
        self.assertEqual(json.loads(self.good("get", self.db, "c", "1"))["t"], text)
        self.assertIn("all is well", self.good("check", self.db))


class Find(DocumentsTest):
    def setUp(self):
        super().setUp()
        self.insert_posts()

    def ids(self, *arguments):
        return [document["_id"] for document in self.find(*arguments)]

    def test_answers(self):
        self.assertEqual(sorted(self.ids()), list(range(60)))
        self.assertEqual(sorted(self.ids('{"tags":"cats"}')), list(range(0, 60, 3)))
        self.assertEqual(self.ids("{}", "--sort", "-_id", "--limit", "3"), [59, 58, 57])
        self.assertEqual(self.ids("--sort", '{"_id":-1}', "--limit", "2", "--skip", "1"), [58, 57])
        self.assertEqual(self.ids("--sort", "author.name,-_id", "--limit", "2"), [55, 50])
        self.assertEqual(self.find('{"_id":7}', "--project", "text,author.name"),
                         [{"_id": 7, "text": "post 7", "author": {"name": "a2"}}])
        self.assertEqual(set(self.find('{"_id":7}', "--project", "-text,-author")[0]),
                         {"_id", "tags", "createdAt"})
        self.assertEqual(self.find('{"_id":7}', "--project", '{"text":1,"_id":0}'),
                         [{"text": "post 7"}])
        self.assertEqual(self.find('{"_id":7}', "--canonical", "--project", "_id"),
                         [{"_id": {"$numberInt": "7"}}])
        self.assertEqual(self.find('{"createdAt":{"$lt":{"$date":"2020-01-01T00:00:00Z"}}}'), [])

    def test_indexes_change_no_answer(self):
        question = ('{"tags":"cats","author.name":{"$gte":"a2"}}', "--sort", "-createdAt", "--limit",
                    "5")
        before = self.find(*question)
        self.assertEqual(len(before), 5)
        for fields in ("tags,-createdAt", "author.name", "-createdAt"):
            self.good("index", self.db, "posts", fields)
            self.assertEqual(self.find(*question), before)
            self.assertEqual(self.find(*question, "--hint", fields), before)
        self.assertEqual(self.find(*question, "--hint", "$natural"), before)

    def test_explain(self):
        question = ('{"tags":"cats"}', "--sort", "-createdAt", "--limit", "4", "--explain")
        plan, = self.good_json("find", self.db, "posts", *question)
        self.assertEqual((plan["plan"], plan["index"], plan["returned"]), ("document scan", None, 4))
        self.assertEqual(plan["documents_examined"], 60)
        self.assertGreater(plan["blocks_read"], 0)
        self.assertEqual(plan["suggestion"], "tags,-createdAt")
        text = self.good("find", self.db, "posts", *question)
        advice, = [line for line in text.splitlines() if line.startswith("faster")]
        self.assertEqual(advice.split(None, 1)[1],
                         f"copse index {self.db} posts tags,-createdAt")
        command = advice.split(None, 1)[1].replace("copse", f"'{support.COPSE}'", 1)
        subprocess.run(command, shell=True, check=True, cwd=self.dir, capture_output=True)
        plan, = self.good_json("find", self.db, "posts", *question)
        self.assertEqual((plan["plan"], plan["index"]), ("index scan", "tags,-createdAt"))
        self.assertEqual((plan["keys_examined"], plan["documents_examined"], plan["returned"]),
                         (4, 4, 4))
        self.assertLessEqual({"plan", "index", "keys_examined", "documents_examined", "returned",
                              "blocks_read", "sorted", "ranges", "filter", "why", "suggestion",
                              "milliseconds"}, set(plan))
        text = self.good("find", self.db, "posts", *question)
        self.assertRegex(text, r"^plan +index scan of 'tags,-createdAt'")
        self.assertIn("4 keys, 4 documents", text)
        self.assertNotIn("faster", text)

    def test_explain_of_decimals(self):
        self.good("index", self.db, "posts", "price")
        for operator, said in (("$eq", "price = %s"), ("$gte", "price >= %s"),
                               ("$lt", " < %s"), ("$gt", "price > %s"),
                               ("$lte", " <= %s")):
            plan, = self.good_json("find", self.db, "posts", "--explain", "--hint", "price",
                                   '{"price":{"%s":{"$numberDecimal":"0.10"}}}' % operator)
            self.assertIn(said % '{"$numberDecimal":"0.1"}', plan["ranges"][0])

    def test_refuses(self):
        self.bad(1, "did you mean 'posts'?", "find", self.db, "post")
        self.bad(1, "`copse collections DB` lists", "find", self.db, "comments")
        self.bad(1, "the filter: line 1, column 2: ", "find", self.db, "posts", "{tags:cats}")
        self.bad(1, "did you mean $gt", "find", self.db, "posts", '{"_id":{"$get":1}}')
        self.bad(1, "--sort: ", "find", self.db, "posts", "--sort", "a,,b")
        self.bad(1, "--sort: ", "find", self.db, "posts", "--sort", '{"a":2}')
        self.bad(1, "--project: ", "find", self.db, "posts", "--project", '{"a":')
        self.bad(1, "", "find", self.db, "posts", "--project", "a,-b")
        self.bad(2, "--limit takes", "find", self.db, "posts", "--limit", "0")
        self.bad(2, "--limit takes", "find", self.db, "posts", "--limit", "many")
        self.good("index", self.db, "posts", "author.name")
        self.bad(1, "did you mean 'author.name'?", "find", self.db, "posts", "--hint", "author.nam")
        self.bad(1, "`copse indexes DB COLL` lists", "find", self.db, "posts", "--hint", "nothing")
        error = json.loads(self.bad(1, "", "find", self.db, "post", "--json").errors())
        self.assertEqual(error["error"]["status"], "NOT_FOUND")

    def test_count_and_distinct(self):
        self.assertEqual(self.good("count", self.db, "posts"), "60\n")
        self.assertEqual(self.good_json("count", self.db, "posts", '{"tags":"dogs"}'),
                         [{"count": 20}])
        self.good("index", self.db, "posts", "tags")
        plan, = self.good_json("count", self.db, "posts", '{"tags":"dogs"}', "--explain")
        self.assertEqual((plan["index"], plan["documents_examined"], plan["count"]), ("tags", 0, 20))
        self.assertIn("counted   20 in", self.good("count", self.db, "posts", '{"tags":"dogs"}',
                                                   "--explain"))
        self.assertEqual(self.good("distinct", self.db, "posts", "tags"),
                         '"all"\n"birds"\n"cats"\n"dogs"\n')
        self.assertEqual(self.good_json("distinct", self.db, "posts", "author.name",
                                        '{"_id":{"$lt":2}}'),
                         [{"path": "author.name", "count": 2, "values": ["a0", "a1"]}])
        self.assertEqual(self.good("distinct", self.db, "posts", "nothing"), "")
        self.bad(1, "did you mean 'posts'?", "count", self.db, "pots")
        self.bad(1, "did you mean 'posts'?", "distinct", self.db, "pots", "tags")
        for path in ("a..b", "", "a.$"):
            errors = self.bad(1, "path", "distinct", self.db, "posts", path).errors()
            self.assertNotIn("damaged", errors)


class Change(DocumentsTest):
    def setUp(self):
        super().setUp()
        self.insert_posts()

    def test_replace(self):
        self.assertEqual(self.good("replace", self.db, "posts", '{"_id":1,"text":"new"}'),
                         "replaced 1 document\n")
        self.assertEqual(self.good("get", self.db, "posts", "1"), '{"_id":1,"text":"new"}\n')
        before = self.good("refs", "list", self.db)
        self.assertEqual(self.good("replace", self.db, "posts", '{"_id":1,"text":"new"}'),
                         "replaced 0 documents\n")
        self.assertEqual(self.good("refs", "list", self.db), before)
        self.unchanged(1, "--upsert", "replace", self.db, "posts", '{"_id":1}', '{"_id":99}')
        self.unchanged(1, "nothing was replaced", "replace", self.db, "posts", '{"text":"no _id"}')
        self.unchanged(1, "did you mean 'posts'?", "replace", self.db, "post", '{"_id":1}')
        row, = self.good_json("replace", self.db, "posts", "-", "--upsert",
                              stdin='{"_id":2}\n{"_id":99}\n')
        self.assertEqual((row["replaced"], row["inserted"]), (1, 1))
        self.assertEqual(self.good("count", self.db, "posts"), "61\n")

    def test_delete(self):
        self.assertEqual(self.good("delete", self.db, "posts", '{"tags":"cats"}'),
                         "deleted 1 document\n")
        self.assertEqual(self.good_json("delete", self.db, "posts", '{"tags":"cats"}',
                                        "--multi")[0]["deleted"], 19)
        before = self.good("refs", "list", self.db)
        self.assertEqual(self.good("delete", self.db, "posts", '{"tags":"cats"}', "--multi"),
                         "deleted 0 documents\n")
        self.assertEqual(self.good("refs", "list", self.db), before)
        self.unchanged(1, "matches every document", "delete", self.db, "posts", "{}")
        self.unchanged(1, "matches every document", "delete", self.db, "posts", " { } ")
        self.unchanged(1, "did you mean $gt", "delete", self.db, "posts", '{"a":{"$get":1}}')
        self.unchanged(1, "did you mean 'posts'?", "delete", self.db, "post", '{"a":1}')
        self.unchanged(2, "FILTER is missing", "delete", self.db, "posts")
        self.assertEqual(self.good("delete", self.db, "posts", "{}", "--multi"),
                         "deleted 40 documents\n")
        self.assertEqual(self.good("collections", self.db).split()[-5:],
                         ["0", "0", "inline", "_id", "three-way"])
        self.assertIn("all is well", self.good("check", self.db))

    def test_branches_and_earlier_commits(self):
        commit = self.stats()["commit"]
        self.good("refs", "set", self.db, "next", "main")
        self.good("insert", self.db, "posts", '{"_id":"next"}', "--ref", "next")
        self.good("delete", self.db, "posts", "{}", "--multi")
        self.assertEqual(self.good("count", self.db, "posts", "--ref", "next"), "61\n")
        self.assertEqual(self.good("count", self.db, "posts"), "0\n")
        self.assertEqual(self.good("count", self.db, "posts", "--ref", commit), "60\n")
        self.good("drop", self.db, "posts")
        self.good("gc", self.db)
        self.assertIn("all is well", self.good("fsck", self.db))
        self.assertEqual(self.good("count", self.db, "posts", "--ref", commit), "60\n")
        self.good("refs", "set", self.db, "main", commit)
        self.assertEqual(self.good("count", self.db, "posts"), "60\n")


class Indexes(DocumentsTest):
    def setUp(self):
        super().setUp()
        self.insert_posts()

    def test_kinds(self):
        self.assertEqual(self.good("index", self.db, "posts", "tags,-createdAt"),
                         "tags,-createdAt\n")
        self.good("index", self.db, "posts", "text", "--unique", "--name", "by text")
        self.good("index", self.db, "posts", "-createdAt", "--where", '{"author.name":"a1"}',
                  "--include", "text,author.name")
        rows = {row["index"]: row for row in self.good_json("indexes", self.db)}
        self.assertEqual(rows["tags,-createdAt"]["entries"], 120)
        self.assertEqual((rows["by text"]["entries"], rows["by text"]["unique"]), (60, True))
        partial, = [row for name, row in rows.items() if name not in ("by text", "tags,-createdAt")]
        self.assertEqual((partial["entries"], partial["include"], partial["where"]),
                         (12, ["text", "author.name"], {"author.name": "a1"}))
        table = self.good("indexes", self.db, "posts").splitlines()
        self.assertEqual(table[0].split(), ["collection", "index", "fields", "entries", "options"])
        self.assertEqual(len(table), 4)
        self.assertTrue(any(line.split() == ["posts", "tags,-createdAt", "tags[],-createdAt", "120"]
                            for line in table), table)
        self.assertEqual([line for line in table if line.endswith(" ")], [])
        self.assertIn("all is well", self.good("check", self.db))

    def test_unique(self):
        self.unchanged(1, "no index was made", "index", self.db, "posts", "author.name", "--unique")
        self.good("index", self.db, "posts", "text", "--unique")
        errors = self.unchanged(1, "the documents 7 and 100 have equal values", "insert", self.db,
                                "posts", '{"_id":100,"text":"post 7"}')
        self.assertNotIn("copse replace", errors)

    def test_again_and_others(self):
        self.good("index", self.db, "posts", "text")
        before = self.good("refs", "list", self.db)
        self.assertEqual(self.good("index", self.db, "posts", "text"), "text\n")
        self.assertEqual(self.good("refs", "list", self.db), before)
        self.unchanged(1, "no index was made", "index", self.db, "posts", "tags", "--name", "text")

    def test_before_the_documents(self):
        result = self.run_copse("index", self.db, "users", "email", "--unique")
        self.assertEqual((result.code, result.text()), (0, "email\n"))
        self.assertIn("made the collection 'users'", result.errors())
        self.good("insert", self.db, "users", '{"_id":1,"email":"a@b.c"}')
        self.unchanged(1, "equal values", "insert", self.db, "users", '{"_id":2,"email":"a@b.c"}')

    def test_refuses(self):
        self.unchanged(1, "did you mean 'posts'?", "index", self.db, "post", "text")
        self.unchanged(1, "the fields: ", "index", self.db, "posts", "a,,b")
        self.unchanged(1, "--where: line 1", "index", self.db, "posts", "a", "--where", "{a:1}")
        self.unchanged(1, "did you mean $gt", "index", self.db, "posts", "a", "--where",
                       '{"a":{"$get":1}}')
        self.unchanged(2, "without a direction", "index", self.db, "posts", "a", "--include", "-b")
        self.unchanged(2, "FIELDS is missing", "index", self.db, "posts")

    def test_drop(self):
        self.good("index", self.db, "posts", "text")
        root = self.stats()["tree"]
        self.good("index", self.db, "posts", "author.name")
        self.unchanged(1, "did you mean 'author.name'?", "drop-index", self.db, "posts",
                       "author.nam")
        self.unchanged(1, "did you mean 'posts'?", "drop-index", self.db, "post", "text")
        self.good("drop-index", self.db, "posts", "author.name")
        self.good("index", self.db, "posts", "-_id")
        self.good("drop-index", self.db, "posts", "-_id")
        self.assertEqual(self.stats()["tree"], root)
        self.assertEqual(self.good_json("drop", self.db, "posts")[0]["documents"], 60)
        self.assertEqual(self.good("collections", self.db), "")
        self.unchanged(1, "there is no collection 'posts'", "drop", self.db, "posts")


class Whole(DocumentsTest):
    def setUp(self):
        super().setUp()
        self.insert_posts()
        self.good("index", self.db, "posts", "tags,-createdAt")

    def test_collections(self):
        self.good("insert", self.db, "users", '{"_id":"ann"}')
        self.assertEqual(self.good("collections", self.db),
                         "collection  documents  indexes  form    key  merge\n"
                         "posts              60        1  inline  _id  three-way\n"
                         "users               1        0  inline  _id  three-way\n")
        self.assertEqual(self.good_json("collections", self.db)[1],
                         {"collection": "users", "documents": 1, "indexes": 0, "form": "inline",
                          "primary_key": "_id", "merge": "three-way", "tombstone_days": 0,
                          "signed": False})

    def test_stats(self):
        stats = self.stats()
        self.assertEqual(stats["collections"],
                         [{"collection": "posts", "documents": 60,
                           "indexes": [{"index": "tags,-createdAt", "entries": 120}]}])
        self.assertEqual(self.good("tree", "root", self.db).strip(), stats["tree"])
        self.assertEqual(int(self.good("tree", "count", self.db)), stats["entries"])
        self.assertGreater(stats["store"]["bytes"], stats["bytes"])
        text = self.good("stats", self.db)
        self.assertIn(stats["commit"], text)
        self.assertIn("index posts by tags,-createdAt", text)
        self.assertLessEqual(max(map(len, text.splitlines())), 100)

    def test_check_finds_damage(self):
        row, = self.good_json("check", self.db)
        self.assertEqual((row["documents"], row["index_entries"], row["findings"], row["good"]),
                         (60, 120, 0, True))
        # The same rows as a plain tree, without one entry of the index.
        entries = [json.loads(line) for line in
                   self.good("tree", "scan", self.db, "--json", "--hex").splitlines()]
        victim = [entry["key"] for entry in entries if "6900" in entry["key"]][-1]
        root = self.stats()["tree"]
        self.good("refs", "set", self.db, "bare", root)
        self.good("tree", "delete", self.db, victim, "--hex", "--ref", "bare")
        result = self.run_copse("check", self.db, "--ref", "bare")
        self.assertEqual(result.code, 1, result.errors())
        kind, collection, index, *_ = result.text().splitlines()[0].split("\t")
        self.assertEqual((kind, collection, index), ("entry-missing", "posts", "tags,-createdAt"))
        self.assertIn("there is damage", result.text())
        rows = [json.loads(line) for line in
                self.run_copse("check", self.db, "--ref", "bare", "--json").text().splitlines()]
        self.assertEqual((rows[0]["finding"], rows[-1]["findings"], rows[-1]["good"]),
                         ("entry-missing", 1, False))

    def test_check_hashes_blocks(self):
        self.good("import", self.db, "more", "-", stdin=ndjson(map(post, range(30000))))
        pack, = [name for name in os.listdir(self.db) if name.startswith("pack-")]
        with open(os.path.join(self.db, pack), "r+b") as file:
            file.seek(os.path.getsize(file.name) // 2)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 16]))
        result = self.run_copse("check", self.db)
        self.assertEqual(result.code, 1, result.errors())
        self.assertIn("does not hash to its CID", result.text())
        self.assertIn("damage", result.text().splitlines()[-1])

    def test_tree_commands_leave_documents_alone(self):
        self.assertIn("posts", self.good("tree", "scan", self.db, "--limit", "3"))
        self.unchanged(1, "holds a database of documents", "tree", "put", self.db, "a", "b")
        self.unchanged(1, "holds a database of documents", "tree", "delete", self.db, "a")
        self.unchanged(1, "holds a database of documents", "tree", "load", self.db, "-",
                       stdin="a\tb\n")
        self.good("tree", "put", self.db, "a", "b", "--ref", "plain")
        self.unchanged(1, "holds a database of documents", "tree", "merge", self.db, "plain",
                       "plain", "plain", "--ref", "main")
        self.good("tree", "export", self.db, "blog.car")
        self.unchanged(1, "holds a database of documents", "tree", "import", self.db, "blog.car")
        self.good("tree", "import", self.store, "blog.car")
        self.assertEqual(self.good("count", self.store, "posts"), "60\n")
        self.good("insert", self.store, "posts", '{"_id":"more"}')
        self.assertEqual(self.good("count", self.store, "posts"), "61\n")


class Guide(CommandTest):
    def test_the_guide_tells_the_truth(self):
        self.assert_console("docs/documents.md")
