"""Indexes that are not built, of a database that is served: answers, clones of parts."""
from serve_cases import Server
from unbuilt_cases import UnbuiltDatabase


class UnbuiltNetwork(UnbuiltDatabase):
    def setUp(self):
        super().setUp()
        self.server = Server(self.dir, self.db)
        self.addCleanup(self.server.stop)
        self.url = f"{self.server.url}/blog"

    def test_a_peer_answers_without_it(self):
        rows = self.good_json("find", self.url, "posts", '{"v.n":0}', "--explain")[0]
        self.assertEqual((rows["way"], rows["plan"]), ("answer", "document scan"))
        self.assertEqual(sorted(self.good("find", self.url, "posts", '{"v.n":0}').splitlines()),
                         sorted(self.good("find", self.db, "posts", '{"v.n":0}').splitlines()))
        self.bad(1, "not built", "find", self.url, "posts", '{"v.n":0}', "--hint", "by n")
        self.assertFalse(self.good_json("indexes", self.url, "posts")[0]["built"])

    def test_clones_of_a_part_have_it_as_it_is_and_build_it(self):
        for name, part in (("all", ()), ("collection", ("--collection", "posts")),
                           ("some", ("--collection", "posts", "--where", '{"v.n":{"$lt":2}}'))):
            self.good("clone", self.url, name, *part)
            self.assertFalse(self.good_json("indexes", name, "posts")[0]["built"])
            self.good("delete", name, "posts", '{"_id":9}')
            self.assertEqual(self.good_json("index", name, "posts", "v.n")[0]["entries"], 5)
            self.assertIn("5 entries in 1 index: all is well", self.good("check", name))
