"""History of peers: what log, pull and merge ask for, and what they do where a peer doesn't serve it,
or lies."""
import http.server
import os
import threading

import serve_cases
from remote_cases import Liar
from serve_cases import car_sections
from support import CommandTest


def inserts(first, count):
    return "".join(f'db.posts.insertOne({{"_id":{number}}})\n'
                   for number in range(first, first + count))


class Peer:
    """Passes on what a server answers, and notes what was asked for."""

    def __init__(self, server, **members):
        self.asked = []
        self.cars = {}

        def spoil(path, body):
            self.asked.append(path)
            self.cars[path] = body
            return members.get("spoil", lambda _, same: same)(path, body)

        def refuse(path):
            refused = members.get("refuse", lambda _: False)(path)
            if refused:
                self.asked.append(path)
            return refused

        handler = type("OnePeer", (Liar,), {"peer": server.url, "spoil": staticmethod(spoil),
                                            "refuse": staticmethod(refuse)})
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()

    def commits(self):
        return [path for path in self.asked if path.endswith("/commits")]

    def forget(self):
        self.asked.clear()


class HistoryOfPeers(CommandTest):
    """`blog` has 121 commits, and is served."""

    COMMITS = 121

    def setUp(self):
        super().setUp()
        self.good("init", "blog")
        self.write_more("blog", 0, 120)
        self.server = serve_cases.Server(self.dir, "blog")
        self.addCleanup(self.server.stop)

    def write_more(self, store, first, count):
        """So many commits, by one process."""
        self.good("shell", store, stdin=inserts(first, count))

    def peer(self, **members):
        peer = Peer(self.server, **members)
        self.addCleanup(peer.close)
        return peer

    def cached(self, name):
        os.environ["COPSE_CACHE"] = self.path(name)
        self.addCleanup(os.environ.pop, "COPSE_CACHE", None)

    def test_all_of_it_in_three_round_trips(self):
        peer = self.peer()
        self.cached("cache")
        self.assertEqual(self.good("log", peer.url + "/blog"), self.good("log", "blog"))
        head = self.good_json("log", "blog")[0]
        parent, = head["parents"]
        # The head, its block and that of its tree, and the rest.
        self.assertEqual(peer.asked, ["/copse/v1/blog", "/copse/v1/blocks",
                                      f"/copse/v1/{parent}/commits"])
        _, sections = car_sections(peer.cars[peer.asked[-1]])
        self.assertEqual(len(sections), self.COMMITS - 1)
        peer.forget()
        self.assertEqual(self.good("log", peer.url + "/blog"), self.good("log", "blog"))
        self.assertEqual(peer.asked, ["/copse/v1/blog"])

    def test_no_more_than_asked_for(self):
        peer = self.peer()
        self.cached("cache")
        self.assertEqual(self.good("log", peer.url + "/blog", "--limit", "7"),
                         self.good("log", "blog", "--limit", "7"))
        path, = peer.commits()
        self.assertEqual(len(car_sections(peer.cars[path])[1]), 7)

    def test_a_peer_that_serves_none(self):
        peer = self.peer(refuse=lambda path: path.endswith("/commits"))
        self.cached("cache")
        self.assertEqual(self.good("log", peer.url + "/blog", "--limit", "20"),
                         self.good("log", "blog", "--limit", "20"))
        self.assertEqual(len(peer.commits()), 1)
        self.assertEqual(len(peer.asked), 2 + 1 + 19)

    def test_blame_takes_few_round_trips(self):
        expected = self.good("blame", "blog", "posts", "5")
        for refuse, most in ((False, self.COMMITS // 5), (True, 4 * self.COMMITS)):
            peer = self.peer(refuse=lambda path: refuse and path.endswith("/commits"))
            self.cached(f"cache-{refuse}")
            self.assertEqual(self.good("blame", f"{peer.url}/blog", "posts", "5"), expected)
            self.assertLess(len(peer.asked), most)

    def test_a_peer_that_lies(self):
        def spoil(path, body):
            at = len(body) // 2
            return body if not path.endswith("/commits") else (
                body[:at] + bytes([body[at] ^ 1]) + body[at + 1:])

        peer = self.peer(spoil=spoil)
        self.cached("cache")
        self.assertEqual(self.good("log", peer.url + "/blog", "--limit", "40"),
                         self.good("log", "blog", "--limit", "40"))
        self.assertGreater(len(peer.asked), 4)

    def test_pull_finds_out_whether_a_clone_follows(self):
        """It has changes of its own; the origin has many commits, and merges, of its own."""
        peer = self.peer()
        self.cached("cache")
        self.good("clone", peer.url + "/blog", "mine")
        self.assertEqual(len(peer.commits()), 1)
        self.good("insert", "mine", "posts", '{"_id":"mine"}')
        self.good("branch", "blog", "side", "HEAD~50")
        self.good("insert", "blog", "posts", '{"_id":"side"}', "--ref", "side")
        self.write_more("blog", 1000, 40)
        self.good("merge", "blog", "side")
        self.write_more("blog", 2000, 40)
        peer.forget()
        self.bad(1, "has changes of its own", "pull", "mine")
        # What is between, and then what came before the clone's commit, where the side left.
        self.assertLessEqual(len(peer.commits()), 2)
        peer.forget()
        self.good("merge", "mine", "origin/main", "--offline")
        self.assertEqual(peer.asked, [])
        self.good("check", "mine")

    def test_merge_from_a_url(self):
        peer = self.peer()
        self.cached("cache")
        self.good("clone", peer.url + "/blog", "mine")
        self.good("insert", "mine", "posts", '{"_id":"mine"}')
        self.write_more("blog", 1000, 60)
        peer.forget()
        report = self.good_json("merge", "mine", peer.url + "/blog", "--dry-run")[-1]
        self.assertEqual((report["kind"], report["inserted"]), ("merge", 60))
        self.assertEqual(len(peer.commits()), 1)
        self.assertLess(len(peer.asked), 20)


class Commits(serve_cases.ServeTest):
    """POST /copse/v1/{name or CID}/commits, by hand."""

    POSTS = 10

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.run_class("shell", "blog.copse", stdin=inserts(5000, 12))

    def request(self, want=(), have=(), limit=0):
        return (b"\xa3\x64have" + serve_cases.links(*have) + b"\x64want" +
                serve_cases.links(*want) + b"\x65limit" + bytes([limit]))

    def ask(self, subject, body, method="POST", **headers):
        return self.server.ask(f"/copse/v1/{subject}/commits", method, body, **headers)

    def log(self):
        return [serve_cases.cid_bytes(commit["commit"])
                for commit in self.good_json("log", self.path_of_blog())]

    def path_of_blog(self):
        return os.path.join(self.folder, "blog.copse")

    def test_all_and_some(self):
        log = self.log()
        status, headers, car = self.ask("blog", self.request())
        self.assertEqual((status, headers["content-type"], headers["cache-control"]),
                         (200, "application/vnd.ipld.car; version=1", "no-store"))
        self.assertEqual(headers["copse-root"], serve_cases.cid_text(log[0]))
        header, sections = car_sections(car)
        self.assertIn(log[0], header)
        self.assertEqual([cid for cid, _ in sections], log)
        unknown = b"\x01\x71\x12\x20" + bytes(32)
        for body, expected in (
                (self.request(have=[unknown, log[4], log[9]]), log[:4]),
                (self.request(have=[log[0]]), []),
                (self.request(limit=3), log[:3]),
                (self.request(want=[unknown, log[1]], have=[log[6]]), log[:6])):
            status, _, car = self.ask("blog", body)
            self.assertEqual((status, [cid for cid, _ in car_sections(car)[1]]), (200, expected))
        status, _, car = self.ask(serve_cases.cid_text(log[3]), self.request(have=[log[8]]))
        self.assertEqual([cid for cid, _ in car_sections(car)[1]], log[3:8])

    def test_refuses(self):
        request = self.request()
        cid = self.log()[0]
        for subject, body, method, expected in (
                ("blog", b"", "POST", 400), ("blog", request + b"\x00", "POST", 400),
                ("blog", request[:-1], "POST", 400),
                ("blog", request.replace(b"limit", b"limits"), "POST", 400),
                ("blog", self.request(have=[cid] * 257), "POST", 413),
                ("blog", self.request(want=[cid] * 256), "POST", 413),
                ("blo", request, "POST", 404),
                (serve_cases.Gateway.MISSING, request, "POST", 404),
                (self.tree_cid(), request, "POST", 400), ("blog", None, "GET", 405)):
            got, _, text = self.ask(subject, body, method)
            self.assertEqual(got, expected, text)
            self.assertEqual(text.count(b"\n"), 1)
        self.assertEqual(self.ask("blog", self.request(want=[cid] * 255, have=[cid] * 256))[0], 200)
