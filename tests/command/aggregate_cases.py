"""The command `copse aggregate`."""
import json

import support
from support import CommandTest


def document(number):
    return {"_id": number, "author": f"a{number % 4}", "tags": [f"t{number % 3}", "all"],
            "score": number * 7 % 10, "text": "x" * (number % 50)}


class Aggregate(CommandTest):
    def setUp(self):
        super().setUp()
        self.db = self.path("blog.copse")
        self.good("init", self.db)

    def insert(self, count=60):
        text = "".join(json.dumps(document(i)) + "\n" for i in range(count))
        self.good("insert", self.db, "posts", "-", stdin=text)

    def aggregate(self, stages, *options):
        return [json.loads(line) for line in
                self.good("aggregate", self.db, "posts", json.dumps(stages), *options).splitlines()]

    def test_stages(self):
        self.insert()
        self.assertEqual(self.aggregate([{"$count": "n"}]), [{"n": 60}])
        self.assertEqual(self.aggregate([{"$sortByCount": "$author"}, {"$limit": 1}]),
                         [{"_id": "a3", "count": 15}])
        groups = self.aggregate([{"$unwind": "$tags"},
                                 {"$group": {"_id": "$tags", "n": {"$sum": 1}}},
                                 {"$sort": {"n": -1, "_id": 1}}])
        self.assertEqual(groups, [{"_id": "all", "n": 60}] +
                         [{"_id": f"t{i}", "n": 20} for i in range(3)])

    def test_sort_order_of_several_fields(self):
        self.insert(8)
        found = self.aggregate([{"$sort": {"score": -1, "author": 1}}, {"$project": {"_id": 1}}])
        rows = sorted((document(i) for i in range(8)), key=lambda d: (-d["score"], d["author"]))
        self.assertEqual([d["_id"] for d in found], [d["_id"] for d in rows])

    def test_memory_changes_nothing(self):
        self.insert(6000)
        for stages in ([{"$sort": {"score": 1}}],
                       [{"$group": {"_id": "$_id", "t": {"$max": "$text"}}}]):
            spilled, = self.good_json("aggregate", self.db, "posts", json.dumps(stages),
                                      "--memory", "200K", "--explain", "--json")
            self.assertGreater(spilled["stages"][0]["spilled_bytes"], 100000)
            self.assertEqual(self.aggregate(stages, "--memory", "200K"), self.aggregate(stages))

    def test_explain(self):
        self.insert()
        self.good("index", self.db, "posts", "author")
        text = self.good("aggregate", self.db, "posts",
                         '[{"$match":{"author":"a1"}},{"$unwind":"$tags"}]', "--explain")
        self.assertIn("index scan of 'author'", text)
        self.assertRegex(text, r"stage     \$match +by the query\nstage     \$unwind +15 in, 30 out\n")
        row, = self.good_json("aggregate", self.db, "posts", '[{"$count":"n"}]', "--explain",
                              "--json")
        self.assertEqual(row["plan"], "count")
        self.assertEqual(row["stages"], [{"stage": "$count", "by": "count"}])

    def test_explains_what_a_stage_reads(self):
        self.insert()
        self.good("insert", self.db, "people", *(json.dumps({"_id": i, "name": f"a{i}"})
                                                 for i in range(5)))
        stages = json.dumps([{"$limit": 3}, {"$lookup": {
            "from": "people", "localField": "author", "foreignField": "name", "as": "person"}}])
        explain = ("aggregate", self.db, "posts", stages, "--explain")
        self.assertIn("3 in, 3 out\ninside    3 runs examined 15 keys, 15 documents; the first: "
                      "document scan; faster with an index on name\n", self.good(*explain))
        self.good("index", self.db, "people", "name")
        self.assertIn("3 in, 3 out\ninside    3 runs examined 3 keys, 3 documents; the first: index "
                      "scan of 'name'\n", self.good(*explain))
        row, = self.good_json(*explain)
        self.assertEqual(row["stages"][1]["first_query"]["index"], "name")

    def test_the_past(self):
        self.insert(3)
        self.good("delete", self.db, "posts", '{"_id":1}')
        self.assertEqual(self.aggregate([{"$count": "n"}]), [{"n": 2}])
        self.assertEqual(self.aggregate([{"$count": "n"}], "--at", "HEAD~1"), [{"n": 3}])

    def test_now(self):
        self.insert(1)
        row, = self.aggregate([{"$project": {"_id": 0, "now": "$$NOW"}}])
        self.assertGreater(row["now"]["$date"], "2026")

    def test_refuses(self):
        self.insert(3)
        for message, stages in (('unknown stage "$grup", did you mean $group?', '[{"$grup":{}}]'),
                                ("$sample is random", '[{"$sample":{"size":3}}]'),
                                ("line 1", '[{"$match":'),
                                ("stage 1, $replaceWith: a document can't become",
                                 '[{"$replaceWith":"$author"}]')):
            result = self.bad(1, message, "aggregate", self.db, "posts", stages)
            self.assertEqual(result.text(), "")
        for hint, stages in (("JSON has", "[{$match:{}}]"), ("lists the stages", '[{"$limit":"x"}]')):
            self.assertIn(hint, self.bad(1, "the pipeline: ", "aggregate", self.db, "posts",
                                         stages).errors())
        self.bad(1, "did you mean 'posts'", "aggregate", self.db, "post", "[]")
        self.bad(1, "--memory", "aggregate", self.db, "posts", '[{"$sort":{"a":1}}]', "--memory", "1K")

    def test_page(self):
        self.assert_console("docs/aggregation.md")
