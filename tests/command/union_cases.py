"""Unions: `copse union`, and find, count and get of many databases at once."""
import json
import os
import shutil
import tempfile

from support import CommandTest

PEOPLE = ["anna", "bert", "cleo"]


def post(person, number):
    return {"_id": number, "at": number * 10 + PEOPLE.index(person), "by": person,
            "even": number % 2 == 0}


def newest(people, count):
    posts = [post(person, number) for person in people for number in range(30)]
    return sorted(posts, key=lambda one: -one["at"])[:count]


class UnionTest(CommandTest):
    """Three people with 30 posts each; only anna has an index."""

    @classmethod
    def setUpClass(cls):
        cls.made = tempfile.mkdtemp(prefix="copse-union-")
        cls.addClassCleanup(shutil.rmtree, cls.made)

    def setUp(self):
        super().setUp()
        if not os.listdir(self.made):
            for person in PEOPLE:
                store = os.path.join(self.made, f"{person}.copse")
                self.good("init", store)
                posts = "".join(json.dumps(post(person, i)) + "\n" for i in range(30))
                self.good("insert", store, "posts", "-", stdin=posts)
            self.good("index", os.path.join(self.made, "anna.copse"), "posts", "-at")
        for person in PEOPLE:
            shutil.copytree(os.path.join(self.made, f"{person}.copse"), self.path(f"{person}.copse"))

    def stores(self):
        return [f"{person}.copse" for person in PEOPLE]

    def find(self, *arguments, union="friends.copse"):
        return [json.loads(line) for line in self.good("find", union, "posts",
                                                       *arguments).splitlines()]

    def warnings(self, *arguments):
        """What it prints, and the warnings, of a command that must succeed."""
        ran = self.run_copse(*arguments, "--json")
        self.assertEqual(ran.code, 0, ran.errors())
        return ran.lines(), [json.loads(line)["warning"]["message"]
                             for line in ran.errors().splitlines()]


class Files(UnionTest):
    def test_make_and_change(self):
        self.good("union", "friends.copse", "anna.copse", "http://127.0.0.1:9/blog")
        self.assertEqual(self.read("friends.copse"),
                         b"copse-union 1\nanna.copse\nhttp://127.0.0.1:9/blog\n")
        self.good("union", "friends.copse", "--add", "bert.copse", "anna.copse")
        self.good("union", "friends.copse", "--remove", "http://127.0.0.1:9/blog")
        self.assertEqual(self.good("union", "friends.copse", "--list"), "anna.copse\nbert.copse\n")
        self.assertEqual(self.good_json("union", "friends.copse", "--list"),
                         [{"address": f"{name}.copse", "kind": "path"}
                          for name in ("anna", "bert")])

    def test_refusals(self):
        self.good("union", "friends.copse", "anna.copse")
        before = self.read("friends.copse")
        self.bad(1, "already", "union", "friends.copse", "bert.copse")
        self.bad(1, "there is no 'nobody.copse'", "union", "friends.copse", "--add", "nobody.copse")
        self.bad(1, "is a union itself", "union", "friends.copse", "--add", "friends.copse")
        self.bad(1, "ftp", "union", "friends.copse", "--add", "ftp://a/b")
        self.bad(1, "is not in", "union", "friends.copse", "--remove", "bert.copse")
        self.bad(1, "is no union", "union", "anna.copse", "--list")
        self.bad(2, "no ADDRESS", "union", "friends.copse", "--add")
        self.bad(2, "no ADDRESS", "union", "others.copse")
        self.bad(2, "only one", "union", "friends.copse", "--add", "--remove", "bert.copse")
        self.assertEqual(self.read("friends.copse"), before)
        self.bad(1, "names many databases", "collections", "friends.copse")
        self.bad(1, "names many databases", "export", "friends.copse", "posts")
        for option in (["--ref", "main"], ["--hint", "-at"], ["--explain"], ["--at", "HEAD"]):
            self.bad(2, "for one database", "find", "friends.copse", "posts", *option)
        self.bad(2, "for unions", "find", "anna.copse", "posts", "--strict")
        self.bad(2, "for unions", "count", "anna.copse", "posts", "--strict")
        self.bad(2, "for unions", "get", "anna.copse", "posts", "1", "--with-source")

    def test_paths_count_from_the_file(self):
        os.mkdir(self.path("lists"))
        self.good("union", "lists/friends.copse", "anna.copse")
        self.write("lists/others.copse", "copse-union 1\n../anna.copse\n../bert.copse\n")
        self.assertEqual(self.find("--limit", "2", "--sort", "-at", union="lists/friends.copse"),
                         newest(["anna"], 2))
        self.assertEqual(self.find("--limit", "2", "--sort", "-at", union="lists/others.copse"),
                         newest(["anna", "bert"], 2))

    def test_damaged(self):
        self.write("damaged.copse", "copse-union 1\nftp://a/b\n")
        self.bad(1, "ftp", "find", "damaged.copse", "posts")
        self.write("other.copse", "copse-union 2\nanna.copse\n")
        self.bad(1, "other.copse", "find", "other.copse", "posts")


class Here(UnionTest):
    def setUp(self):
        super().setUp()
        self.good("union", "friends.copse", *self.stores())

    def test_find(self):
        self.assertEqual(self.find("--sort", "-at", "--limit", "7"), newest(PEOPLE, 7))
        self.assertEqual(self.find("--sort", "-at", "--skip", "50", "--limit", "11"),
                         newest(PEOPLE, 61)[50:])
        self.assertEqual(self.find("--sort", "-at"), newest(PEOPLE, 90))
        self.assertEqual(self.find('{"even":true}', "--sort", "-at", "--limit", "3"),
                         [one for one in newest(PEOPLE, 90) if one["even"]][:3])
        self.assertEqual(len(self.find()), 90)
        self.assertEqual(self.find("--sort", "-at", "--limit", "2", "--project", "by"),
                         [{"_id": one["_id"], "by": one["by"]} for one in newest(PEOPLE, 2)])
        self.assertEqual(self.find('{"_id":7}', "--sort", "_id"),
                         [post(person, 7) for person in PEOPLE])

    def test_with_source(self):
        rows = self.find("--sort", "-at", "--limit", "4", "--with-source")
        self.assertEqual(rows, [{"source": f"{one['by']}.copse", "document": one}
                                for one in newest(PEOPLE, 4)])
        row, = self.find('{"_id":1,"by":"bert"}', "--with-source", "--canonical")
        self.assertEqual(row["document"]["_id"], {"$numberInt": "1"})

    def test_count_and_get(self):
        self.assertEqual(self.good("count", "friends.copse", "posts"), "90\n")
        self.assertEqual(self.good_json("count", "friends.copse", "posts", '{"even":true}'),
                         [{"count": 45}])
        rows = self.good_json("get", "friends.copse", "posts", "3", "29")
        self.assertEqual(rows, [post(person, i) for i in (3, 29) for person in PEOPLE])
        self.bad(1, "no document 99", "get", "friends.copse", "posts", "99", "3")

    def test_collections(self):
        self.good("insert", "bert.copse", "likes", '{"_id":1}')
        self.assertEqual(self.good("count", "friends.copse", "likes"), "1\n")
        self.bad(1, "has a collection 'nope'", "find", "friends.copse", "nope")
        self.bad(1, "has a collection 'nope'", "count", "friends.copse", "nope")

    def test_gone(self):
        shutil.rmtree(self.path("bert.copse"))
        rows, warnings = self.warnings("find", "friends.copse", "posts", "--sort", "-at", "--limit",
                                       "5")
        self.assertEqual(rows, newest(["anna", "cleo"], 5))
        self.assertEqual(len(warnings), 1)
        self.assertIn("bert.copse", warnings[0])
        self.bad(1, "bert.copse", "find", "friends.copse", "posts", "--strict")
        self.bad(1, "bert.copse", "count", "friends.copse", "posts", "--strict")
        for person in ("anna", "cleo"):
            shutil.rmtree(self.path(f"{person}.copse"))
        self.bad(1, "none of the databases", "find", "friends.copse", "posts")
        self.bad(1, "none of the databases", "get", "friends.copse", "posts", "1")

    def test_a_car(self):
        self.good("tree", "export", "cleo.copse", "cleo.car")
        self.good("union", "cars.copse", "anna.copse", "cleo.car")
        self.assertEqual(self.find("--sort", "-at", "--limit", "5", union="cars.copse"),
                         newest(["anna", "cleo"], 5))


class Page(CommandTest):
    def test_docs(self):
        self.assert_console("docs/unions.md")
