"""copse update and batch, and several processes that write one database."""
import json
import subprocess
import threading

import support
from documents_cases import DocumentsTest, ndjson

WRITERS, INCREMENTS, TRANSFERS = 5, 15, 8


def operation(name, /, collection="posts", **fields):
    return {name: {"collection": collection, **fields}}


class UpdateTest(DocumentsTest):
    """Three posts."""

    def setUp(self):
        super().setUp()
        self.good("insert", self.db, "posts", '{"_id":1,"n":1,"tags":["a","b"]}',
                  '{"_id":2,"n":2,"tags":["b"]}', '{"_id":3,"n":3}')

    def update(self, *arguments):
        return self.good("update", self.db, "posts", *arguments)

    def refused(self, message, *arguments, code=1):
        return self.unchanged(code, message, "update", self.db, "posts", *arguments)


class Update(UpdateTest):
    def test_one_or_all(self):
        self.assertEqual(self.update('{"_id":2}', '{"$inc":{"n":5}}'),
                         "matched 1 document, modified 1\n")
        self.assertEqual(self.update('{"tags":"b"}', '{"$set":{"x":1}}'),
                         "matched 1 document, modified 1\n")
        self.assertEqual(self.update('{"tags":"b"}', '{"$set":{"x":1}}', "--multi"),
                         "matched 2 documents, modified 1\n")
        self.assertEqual(self.update("{}", '{"$pull":{"tags":"b"}}', "--multi"),
                         "matched 3 documents, modified 2\n")
        self.assertEqual(self.find("--sort", "_id"),
                         [{"_id": 1, "n": 1, "x": 1, "tags": ["a"]},
                          {"_id": 2, "n": 7, "x": 1, "tags": []}, {"_id": 3, "n": 3}])
        self.assertIn("all is well", self.good("check", self.db))

    def test_a_change_is_a_commit_and_none_is_none(self):
        before = self.stats()
        self.update('{"n":{"$gt":1}}', '{"$inc":{"n":1}}', "--multi", "-m", "count on")
        self.assertEqual(self.stats()["generation"], before["generation"] + 1)
        self.assertIn("count on", self.good("log", self.db))
        self.update("{}", '{"$set":{"y":0}}', "--multi")
        self.assertIn("update 3 documents in posts", self.good("log", self.db))
        before = self.good("refs", "list", self.db)
        self.assertEqual(self.update("{}", '{"$max":{"n":0}}', "--multi"),
                         "matched 3 documents, modified 0\n")
        self.assertEqual(self.update('{"_id":9}', '{"$set":{"n":0}}'),
                         "matched 0 documents, modified 0\n")
        self.assertEqual(self.good("refs", "list", self.db), before)

    def test_replacement(self):
        self.update('{"n":2}', '{"title":"new"}')
        self.assertEqual(self.find('{"_id":2}'), [{"_id": 2, "title": "new"}])
        self.refused("is of one document", "{}", '{"title":"new"}', "--multi", code=2)
        self.refused("_id", '{"_id":1}', '{"_id":7}')

    def test_upsert(self):
        count = ('{"_id":"visits"}', '{"$inc":{"n":1},"$setOnInsert":{"first":true}}', "--upsert")
        made = self.run_copse("update", self.db, "counters", *count)
        self.assertEqual(made.text(), "matched 0 documents, modified 0, inserted _id \"visits\"\n")
        self.assertIn("made the collection 'counters'", made.errors())
        self.assertEqual(self.good("update", self.db, "counters", *count, "--return", "after"),
                         '{"_id":"visits","n":2,"first":true}\n')
        row, = self.good_json("update", self.db, "posts", '{"n":9}', '{"$set":{"x":1}}', "--upsert")
        self.assertEqual((row["matched"], row["modified"]), (0, 0))
        self.assertEqual(self.find('{"n":9}'), [{"_id": row["upserted"], "n": 9, "x": 1}])
        self.assertIn("upsert 1 document into posts", self.good("log", self.db))

    def test_find_and_modify(self):
        take = ("{}", '{"$set":{"taken":true}}', "--sort", "-n", "--project", "taken", "--return")
        self.assertEqual(self.update(*take, "before"), '{"_id":3}\n')
        self.assertEqual(self.update(*take, "after"), '{"_id":3,"taken":true}\n')
        row, = self.good_json("update", self.db, "posts", '{"_id":9}', '{"$set":{"n":1}}',
                              "--return", "after")
        self.assertEqual((row["document"], row["matched"]), (None, 0))
        self.assertEqual(self.update('{"_id":9}', '{"$set":{"n":1}}', "--return", "before"), "")
        self.refused("not with --multi", "{}", '{"$set":{"n":1}}', "--multi", "--return", "after",
                     code=2)
        self.refused("not with --multi", "{}", '{"$set":{"n":1}}', "--multi", "--sort", "n", code=2)
        self.refused("is for --return", "{}", '{"$set":{"n":1}}', "--project", "n", code=2)

    def test_positions_and_array_filters(self):
        self.update('{"tags":"b"}', '{"$set":{"tags.$":"c"}}', "--hint", "$natural")
        self.assertEqual(self.find('{"_id":1}')[0]["tags"], ["a", "c"])
        self.update("{}", '{"$set":{"tags.$[x]":"d"}}', "--array-filters", '[{"x":{"$gt":"a"}}]')
        self.assertEqual(self.find('{"_id":1}')[0]["tags"], ["a", "d"])

    def test_refusals(self):
        self.refused("did you mean $inc", "{}", '{"$ink":{"n":1}}')
        self.refused("the document with _id 1: ", "{}", '{"$inc":{"tags":1}}', "--multi")
        self.refused("unknown operator $foo", '{"n":{"$foo":1}}', '{"$inc":{"n":1}}')
        self.refused("the update: line 1, column", "{}", '{"$inc":')
        self.refused("there is no index", "{}", '{"$inc":{"n":1}}', "--hint", "nothing")
        self.refused("UPDATE is missing", "{}", code=2)
        errors = self.unchanged(1, "there is no collection 'post'", "update", self.db, "post", "{}",
                                '{"$inc":{"n":1}}')
        self.assertIn("did you mean 'posts'", errors)
        self.good("index", self.db, "posts", "n", "--unique")
        self.refused("have equal values 2", '{"_id":3}', '{"$set":{"n":2}}')


class Hint(UpdateTest):
    def test_of_an_index_that_is_not_there(self):
        self.good("index", self.db, "posts", "tags")
        self.unchanged(1, "did you mean 'tags'?", "update", self.db, "posts", "{}",
                       '{"$set":{"x":1}}', "--hint", "tag")


class Batch(UpdateTest):
    def batch(self, *operations, options=()):
        return self.good("batch", self.db, "-", *options, stdin=ndjson(operations))

    def refused_batch(self, message, *operations):
        self.unchanged(1, message, "batch", self.db, "-", stdin=ndjson(operations))

    def test_collections_must_be_there(self):
        insert = operation("insertOne", "others", document={"_id": 1})
        for name in ("updateOne", "updateMany"):
            change = operation(name, "pots", filter={}, update={"$set": {"n": 1}})
            self.refused_batch(f"stdin, line 2, {name}: there is no collection 'pots', did you mean "
                               "'posts'?", insert, change)
        self.refused_batch("line 1, replaceOne: there is no collection 'x'",
                           operation("replaceOne", "x", filter={"_id": 1}, replacement={"n": 1}))
        self.refused_batch("line 1, deleteMany: there is no collection 'others'",
                           operation("deleteMany", "others", filter={}), insert)
        self.refused_batch("line 1, createIndex: there is no collection 'pots', did you mean",
                           operation("createIndex", "pots", fields="n"))
        self.assertEqual(self.batch(
            insert, operation("deleteMany", "others", filter={}),
            operation("updateOne", "pots", filter={"_id": 1}, update={"$set": {"n": 1}}, upsert=True),
            operation("updateMany", "pots", filter={}, update={"$inc": {"n": 1}}),
            operation("createIndex", "pots", fields="n")),
            "inserted 2, matched 1, modified 1, deleted 1\n")
        self.assertEqual(self.run_copse(
            "batch", self.db, "-", stdin=ndjson([operation("insertOne", "a", document={}),
                                                 operation("insertOne", "b", document={}),
                                                 operation("insertOne", "a", document={})])
        ).errors(), "copse: made the collection 'a'\ncopse: made the collection 'b'\n")

    def test_all_operations(self):
        made = self.batch(
            operation("insertOne", document={"_id": 10, "n": 10}),
            operation("insertOne", "others", document={"n": {"$numberDecimal": "1.5"}}),
            operation("updateOne", filter={"_id": 10}, update={"$inc": {"n": 1}}),
            operation("updateMany", filter={"n": {"$gte": 3}}, update={"$set": {"big": True}}),
            operation("updateOne", filter={"_id": 11}, update={"$set": {"n": 4}}, upsert=True),
            operation("updateOne", filter={}, update={"$set": {"last": True}}, sort="-_id"),
            operation("updateOne", filter={"_id": 1}, update={"$set": {"tags.$[x]": "z"}},
                      arrayFilters=[{"x": "b"}]),
            operation("replaceOne", filter={"n": 2}, replacement={"n": 20}),
            operation("createIndex", fields="-n", name="by-n", unique=True, where={"n": {"$gt": 3}}),
            operation("deleteOne", filter={"big": True}, sort="n", hint="$natural"),
            operation("deleteMany", "others", filter={}))
        self.assertEqual(made, "inserted 3, matched 6, modified 6, deleted 2\n")
        self.assertEqual(self.find("--sort", "_id"),
                         [{"_id": 1, "n": 1, "tags": ["a", "z"]}, {"_id": 2, "n": 20},
                          {"_id": 10, "n": 11, "big": True}, {"_id": 11, "n": 4, "last": True}])
        self.assertEqual(self.stats()["generation"], 2)
        self.assertIn("batch of 11 operations", self.good("log", self.db))
        self.assertIn("by-n", self.good("indexes", self.db))
        self.assertIn("all is well", self.good("check", self.db))

    def test_an_array_in_a_file(self):
        path = self.write("all.json", json.dumps(
            [operation("deleteOne", filter={"_id": number}) for number in (1, 2, 7)]))
        row, = self.good_json("batch", self.db, path, "-m", "less")
        self.assertEqual((row["operations"], row["deleted"]), (3, 2))
        self.assertIn("less", self.good("log", self.db))
        before = self.good("refs", "list", self.db)
        self.good("batch", self.db, path)
        self.good("batch", self.db, "-", stdin="")
        self.assertEqual(self.good("refs", "list", self.db), before)

    def test_all_or_none(self):
        good = operation("insertOne", document={"_id": 10})
        self.refused_batch("stdin, line 2, updateOne: the document with _id 1: ", good,
                           operation("updateOne", filter={"_id": 1}, update={"$inc": {"tags": 1}}))
        self.refused_batch("stdin, line 3, insertOne: posts: there is a document with _id 2",
                           operation("updateMany", filter={}, update={"$inc": {"n": 1}}), good,
                           operation("insertOne", document={"_id": 2}), good)
        self.refused_batch("stdin, line 2, createIndex: ", good,
                           operation("createIndex", fields="n,n"))
        self.good("index", self.db, "posts", "n", "--unique")
        self.refused_batch("stdin, line 1, updateMany: posts: unique index n",
                           operation("updateMany", filter={}, update={"$set": {"n": 1}}), good)

    def test_what_is_no_operation(self):
        one = operation("updateOne", filter={}, update={"$inc": {"n": 1}})
        for message, *operations in [
                ("line 2: not an operation: an object with one of insertOne", one, {"updateTwo": {}}),
                ("line 1: not an operation", {**one, **operation("deleteOne", filter={})}),
                ("line 1: not an operation", [1]),
                ("updateOne: what it takes is an object", {"updateOne": 1}),
                ('updateOne: it needs "filter"', operation("updateOne", update={"$inc": {"n": 1}})),
                ('insertOne: it takes no "documents"', operation("insertOne", documents=[])),
                ('updateMany: it takes no "sort"',
                 operation("updateMany", filter={}, update={"$inc": {"n": 1}}, sort="n")),
                ('"upsert" must be true or false', operation("updateOne", filter={}, upsert=1,
                                                             update={"$inc": {"n": 1}})),
                ('"filter" must be an object', operation("deleteOne", filter=[])),
                ("a replacement has no operators",
                 operation("replaceOne", filter={}, replacement={"$inc": {"n": 1}})),
                ("an update has operators",
                 operation("updateOne", filter={}, update={"n": 1})),
                ("unknown operator $foo", operation("deleteMany", filter={"n": {"$foo": 1}})),
                ("unknown update operator $foo",
                 operation("updateOne", filter={}, update={"$foo": {"n": 1}}))]:
            self.refused_batch(message, *operations)
        self.unchanged(1, "stdin, line 2, column", "batch", self.db, "-", stdin="\n{")
        self.unchanged(1, "nothing", "batch", self.db, "nothing")


class Writers(DocumentsTest):
    """Processes that write one database at once."""

    def start(self, script):
        """A shell that runs `script` with the command as $0, the database as $1 and its number as
        $2, in several processes."""
        return [subprocess.Popen(["sh", "-c", script, support.COPSE, self.db, str(number)],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                for number in range(WRITERS)]

    def finish(self, writers):
        for writer in writers:
            errors = writer.communicate()[1]
            self.assertEqual((writer.returncode, errors), (0, b""))

    def commits(self):
        return [row["commit"] for row in self.good_json("log", self.db)]

    def test_no_increment_is_lost(self):
        self.good("insert", self.db, "posts", '{"_id":"n","n":0}')
        self.good("index", self.db, "posts", "n")
        self.finish(self.start(
            f'i=0; while [ $i -lt {INCREMENTS} ]; do "$0" update "$1" posts \'{{"_id":"n"}}\' '
            '\'{"$inc":{"n":1}}\' --durability off || exit 1; i=$((i+1)); done'))
        total = WRITERS * INCREMENTS
        self.assertEqual(self.find(), [{"_id": "n", "n": total}])
        commits = self.commits()
        self.assertEqual(len(commits), total + 3)
        for steps, commit in enumerate(commits[:total:7]):  # each is whole, and one further
            self.assertIn("all is well", self.good("check", self.db, "--ref", commit))
            self.assertEqual(self.find('{"n":{"$gte":0}}', "--ref", commit, "--hint", "n"),
                             [{"_id": "n", "n": total - 7 * steps}])

    def test_readers_see_batches_whole(self):
        self.good("insert", self.db, "posts", *(json.dumps({"_id": number, "n": 100})
                                                for number in range(WRITERS)))
        self.good("index", self.db, "posts", "n")
        sums, ended = [], threading.Event()

        def read():
            while not ended.is_set():
                by_index = self.find('{"n":{"$gt":-1000}}', "--hint", "n")
                sums.append((len(by_index), sum(row["n"] for row in by_index)))
        reader = threading.Thread(target=read)
        writers = self.start(
            f'i=0; while [ $i -lt {TRANSFERS} ]; do printf \'%s\\n\' '
            '"{\\"updateOne\\":{\\"collection\\":\\"posts\\",\\"filter\\":{\\"_id\\":$2},'
            '\\"update\\":{\\"\\$inc\\":{\\"n\\":-1}}}}" '
            '\'{"updateOne":{"collection":"posts","filter":{},"sort":"n",'
            '"update":{"$inc":{"n":1}}}}\' '
            '| "$0" batch "$1" - --durability off || exit 1; i=$((i+1)); done')
        reader.start()
        try:
            self.finish(writers)
        finally:
            ended.set()
            reader.join()
        self.assertGreater(len(sums), 0)
        self.assertEqual(set(sums), {(WRITERS, 100 * WRITERS)})
        self.assertIn("all is well", self.good("check", self.db))

    def test_each_job_is_taken_once(self):
        jobs = 25
        self.good("insert", self.db, "posts", *(json.dumps({"_id": number, "state": "new"})
                                                for number in range(jobs)))
        self.good("index", self.db, "posts", "state,_id")
        self.finish(self.start(
            'while r=$("$0" update "$1" posts \'{"state":"new"}\' '
            '"{\\"\\$set\\":{\\"state\\":\\"taken\\",\\"by\\":$2},\\"\\$inc\\":{\\"times\\":1}}" '
            '--sort _id --return after --durability off) && [ -n "$r" ]; do :; done'))
        rows = self.find()
        self.assertEqual([row["times"] for row in rows], [1] * jobs)
        self.assertGreater(len({row["by"] for row in rows}), 1)
