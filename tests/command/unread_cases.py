"""The commands unread and mark-read: folders, peers and names, one query and all that are kept."""
import json
import os
import time

from serve_cases import Server
from support import free_port
import watch_cases
from watch_cases import CATS

DOGS = '{"tags":"dogs"}'


class ReaderTest(watch_cases.WatchTest):
    def unread(self, *arguments, database="blog.copse"):
        return int(self.good("unread", database, "posts", *arguments))

    def kept(self, *arguments, database="blog.copse"):
        return [(one["collection"], json.dumps(one["filter"], separators=(",", ":")),
                 one["reader"], one["new"])
                for one in self.good_json("unread", database, *arguments)]


class UnreadTest(ReaderTest):
    def test_counts_what_is_new(self):
        self.assertEqual(self.unread(), 2)  # to a reader who has seen nothing all is
        self.assertEqual(self.unread(CATS), 1)
        self.good("mark-read", "blog.copse", "posts", CATS)
        self.assertEqual([self.unread(CATS), self.unread(DOGS), self.unread()], [0, 1, 2])
        self.insert(3, "cats")
        self.insert(4, "cats", "dogs")
        self.good("update", "blog.copse", "posts", '{"_id":1}', '{"$set":{"n":7}}')
        self.assertEqual([self.unread(CATS)] * 2, [2, 2])  # and counting marks nothing
        self.assertEqual(self.good_json("unread", "blog.copse", "posts", CATS), [{"new": 2}])
        self.good("delete", "blog.copse", "posts", '{"_id":3}')
        self.assertEqual(self.unread(CATS), 1)
        self.good("delete", "blog.copse", "posts", '{"_id":1}')
        self.assertEqual(self.unread(CATS), 1)  # what is gone was not new
        self.good("watch", "blog.copse", "posts", CATS, "--once")
        self.assertEqual(self.unread(CATS), 0)

    def test_what_was_told_in_part(self):
        self.good("mark-read", "blog.copse", "posts", CATS)
        documents = "".join(json.dumps({"_id": n, "tags": ["cats"]}) + "\n" for n in (5, 6, 7))
        self.good("update", "blog.copse", "posts", '{"_id":1}', '{"$set":{"n":1}}')
        self.good("insert", "blog.copse", "posts", "-", stdin=documents)
        self.good("watch", "blog.copse", "posts", CATS, "--count", "2")  # 1 has changed, 5 is new
        self.insert(8, "cats")
        self.assertEqual(self.unread(CATS), 3)
        self.assertEqual(self.kept(), [("posts", CATS, "default", 3)])
        told = self.good_json("watch", "blog.copse", "posts", CATS, "--once")
        self.assertEqual([one["_id"] for one in told], [6, 7, 8])

    def test_readers_and_times(self):
        self.good("mark-read", "blog.copse", "posts", CATS)
        for number in range(3, 7):
            self.insert(number, "cats")
        self.good("mark-read", "blog.copse", "posts", CATS, "--as", "phone", "--at", "HEAD~3")
        self.assertEqual([self.unread(CATS), self.unread(CATS, "--as", "phone")], [4, 3])
        report, = self.good_json("mark-read", "blog.copse", "posts", CATS, "--as", "phone")
        self.assertEqual(report, {"readers": 1, "seen": self.head()})
        self.assertEqual([self.unread(CATS), self.unread(CATS, "--as", "phone")], [4, 0])
        self.bad(1, "no-such", "mark-read", "blog.copse", "posts", "--at", "no-such")

    def test_all_that_are_kept(self):
        result = self.run_copse("unread", "blog.copse")
        self.assertEqual((result.code, result.out), (0, b""))
        self.assertIn("nothing is remembered of 'blog.copse'", result.errors())
        self.good("mark-read", "blog.copse", "posts", DOGS)
        self.good("mark-read", "blog.copse", "posts", CATS, "--as", "phone")
        self.good("mark-read", "blog.copse", "posts", CATS)
        self.good("mark-read", "blog.copse", "people")
        self.good("init", "other.copse")
        self.good("mark-read", "other.copse", "posts", CATS)
        for number in range(3, 7):
            self.insert(number, "cats", *(["dogs"] if number > 5 else []))
        self.good("mark-read", "blog.copse", "posts", CATS, "--as", "phone")
        self.assertEqual(self.kept(), [
            ("people", "{}", "default", 0), ("posts", CATS, "default", 4),
            ("posts", CATS, "phone", 0), ("posts", DOGS, "default", 1)])
        self.assertEqual(self.kept(database="./blog.copse"), self.kept())
        self.assertEqual(self.kept("--as", "phone"), [("posts", CATS, "phone", 0)])
        self.assertEqual(self.good("unread", "blog.copse", "--as", "phone"),
                         "collection  filter           reader  new\n"
                         f"posts       {CATS}  phone     0\n")
        one, = self.good_json("unread", "blog.copse", "--as", "phone")
        self.assertEqual(one["seen"], self.head())
        self.assertGreater(one["time"], 1600000000000)
        self.good("mark-read", "blog.copse", "--as", "phone", "--at", "HEAD~4")
        self.assertEqual(self.kept("--as", "phone"), [("posts", CATS, "phone", 4)])
        report, = self.good_json("mark-read", "blog.copse")
        self.assertEqual(report, {"readers": 4, "seen": self.head()})
        self.assertEqual({new for *_, new in self.kept()}, {0})

    def test_what_is_damaged_or_gone(self):
        self.good("mark-read", "blog.copse", "posts", DOGS)
        self.insert(3, "cats")
        seen = self.head()
        self.good("mark-read", "blog.copse", "posts", CATS)
        self.good("reset", "blog.copse", "HEAD~1")
        self.good("gc", "blog.copse")
        self.insert(4, "dogs")
        result = self.bad(1, "what was seen last", "unread", "blog.copse")
        self.assertIn("`copse mark-read` begins anew", result.errors())
        self.assertIn(seen, result.errors())
        self.assertEqual(result.text().splitlines()[1].split(), ["posts", DOGS, "default", "1"])
        self.bad(1, "begins anew", "unread", "blog.copse", "posts", CATS)
        self.good("mark-read", "blog.copse", "posts", CATS)
        folder = self.path("state/copse/watch")
        before = self.kept()
        self.write(os.path.join(folder, "other.json"), "garbage")
        result = self.run_copse("unread", "blog.copse")
        self.assertEqual(result.code, 0)
        self.assertIn("is left out: other.json: ", result.errors())
        self.assertEqual(len(result.text().splitlines()), 1 + len(before))
        for name in self.states():
            self.write(os.path.join(folder, name), "garbage")
        self.bad(1, "`copse mark-read` begins anew", "unread", "blog.copse", "posts", CATS)
        self.good("mark-read", "blog.copse", "posts", CATS)
        self.assertEqual(self.unread(CATS), 0)

    def test_an_index_decides(self):
        documents = "".join(json.dumps({"_id": n, "tags": ["cats"], "at": n,
                                        "mentions": ["did:key:z6Mk", f"did:key:{n}"]}) + "\n"
                            for n in range(100, 400))
        self.good("index", "blog.copse", "posts", "mentions[],-at")
        mentions = '{"mentions":"did:key:z6Mk"}'
        self.good("mark-read", "blog.copse", "posts", mentions)
        self.good("insert", "blog.copse", "posts", "-", stdin=documents)
        count, cost = self.good_json("unread", "blog.copse", "posts", mentions, "--explain")
        self.assertEqual(count, {"new": 300})
        self.assertEqual((cost["index"], cost["rows"], cost["documents"]),
                         ("mentions,-at", 300, 0))
        self.good("mark-read", "blog.copse", "posts", mentions)
        self.good("update", "blog.copse", "posts", '{"at":{"$lt":200}}', '{"$inc":{"at":1000}}',
                  "--multi")
        count, cost = self.good_json("unread", "blog.copse", "posts", mentions, "--explain")
        self.assertEqual((count["new"], cost["rows"], cost["documents"]), (0, 200, 0))


class UnreadPeerTest(ReaderTest):
    def test_a_served_database(self):
        server = Server(self.dir, "blog.copse")
        self.addCleanup(server.stop)
        url = f"{server.url}/blog"
        self.assertEqual(self.unread(CATS, database=url), 1)
        self.good("mark-read", url, "posts", CATS)
        self.good("mark-read", "blog.copse", "posts", CATS)  # another address, another place
        self.insert(3, "cats")
        self.insert(4, "dogs")
        self.good("mark-read", "blog.copse")
        self.assertEqual(self.unread(CATS, database=url), 1)
        self.assertEqual(self.kept(database=url), [("posts", CATS, "default", 1)])
        self.good("mark-read", url)
        self.assertEqual(self.kept(database=url), [("posts", CATS, "default", 0)])

    def test_a_name(self):
        os.environ["COPSE_KEYS"] = self.path("keys")
        self.addCleanup(os.environ.pop, "COPSE_KEYS")
        _, _, name = self.good("key", "new", "blog", "--no-passphrase").split()
        port = free_port()
        self.serve(port, "--publish", "blog")
        peer = ["--peer", f"http://127.0.0.1:{port}"]
        self.good("mark-read", name, "posts", CATS, *peer)
        self.insert(3, "cats")
        self.insert(4, "cats")
        deadline = time.monotonic() + 20
        while self.unread(CATS, *peer, database=name) < 2 and time.monotonic() < deadline:
            time.sleep(0.2)
        self.assertEqual(self.kept(*peer, database=name), [("posts", CATS, "default", 2)])
