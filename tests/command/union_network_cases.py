"""Unions of databases that peers serve: one who is not there, names, offline."""
import http.server
import json
import os
import shutil
import threading

import serve_cases
from union_cases import PEOPLE, UnionTest, newest, post


class Peers(UnionTest):
    """anna and bert on one peer, cleo on another."""

    def setUp(self):
        super().setUp()
        self.first = self.serve("anna.copse", "bert.copse")
        self.second = self.serve("cleo.copse")
        self.addresses = [f"{self.first.url}/anna", f"{self.first.url}/bert",
                          f"{self.second.url}/cleo"]
        self.good("union", "friends.copse", *self.addresses)

    def serve(self, *stores):
        server = serve_cases.Server(self.dir, *stores)
        self.addCleanup(lambda: server.child.poll() is None and server.stop())
        return server

    def test_find(self):
        for options in ([], ["--verify", "blocks"]):
            shutil.rmtree(self.path("cache"), ignore_errors=True)
            self.assertEqual(self.find("--sort", "-at", "--limit", "7", *options),
                             newest(PEOPLE, 7))
            self.assertEqual(self.find("--sort", "-at", *options), newest(PEOPLE, 90))
        self.assertEqual([row["source"] for row in self.find("--sort", "-at", "--limit", "3",
                                                              "--with-source")],
                         list(reversed(self.addresses)))
        self.assertEqual(self.good("count", "friends.copse", "posts", '{"even":true}'), "45\n")
        self.assertEqual(self.good_json("get", "friends.copse", "posts", "3"),
                         [post(person, 3) for person in PEOPLE])

    def test_what_is_new(self):
        self.find("--sort", "-at", "--limit", "2")
        self.good("insert", "bert.copse", "posts", '{"_id":99,"at":999}')
        self.assertEqual(self.find("--sort", "-at", "--limit", "1"), [{"_id": 99, "at": 999}])

    def test_offline(self):
        self.find("--sort", "-at", "--limit", "5")
        self.first.stop()
        self.second.stop()
        self.assertEqual(self.find("--sort", "-at", "--limit", "5", "--offline"),
                         newest(PEOPLE, 5))
        self.assertEqual(self.find("--sort", "-at", "--limit", "5"), newest(PEOPLE, 5))

    def test_one_is_not_there(self):
        self.second.stop()
        rows, warnings = self.warnings("find", "friends.copse", "posts", "--sort", "-at", "--limit",
                                       "5")
        self.assertEqual(rows, newest(["anna", "bert"], 5))
        self.assertEqual(len(warnings), 1)
        self.assertIn("refused", warnings[0])
        self.assertIn(self.addresses[2], warnings[0])
        ran = self.bad(1, "refused", "find", "friends.copse", "posts", "--strict")
        self.assertEqual(ran.out, b"")
        rows, warnings = self.warnings("count", "friends.copse", "posts")
        self.assertEqual((rows, len(warnings)), ([{"count": 60}], 1))
        self.first.stop()
        rows, warnings = self.warnings("count", "friends.copse", "posts")
        self.assertEqual((rows, len(warnings)), ([{"count": 60}], 3))
        self.assertEqual(sum("its head as it was" in warning for warning in warnings), 2)
        self.bad(1, "can't be asked", "count", "friends.copse", "posts", "--strict")
        shutil.rmtree(self.path("cache"))
        self.bad(1, "none of the databases", "count", "friends.copse", "posts")

    def test_mixed(self):
        """A folder, a CID, a name on a peer, and a name that the peer does not have."""
        commit = json.loads(self.good("stats", "cleo.copse", "--json"))["commit"]
        self.good("union", "mixed.copse", "anna.copse", self.addresses[1], commit,
                  f"{self.first.url}/nobody")
        rows, warnings = self.warnings("find", "mixed.copse", "posts", "--sort", "-at", "--limit",
                                       "7", "--peer", self.second.url)
        self.assertEqual(rows, newest(PEOPLE, 7))
        self.assertEqual(len(warnings), 1)
        self.assertIn("nobody", warnings[0])

    def test_names(self):
        os.environ["COPSE_KEYS"] = self.path("keys")
        name = self.good("key", "new", "blog", "--no-passphrase").split()[2]
        server = self.serve("bert.copse", "--publish", "blog")
        self.good("union", "names.copse", name, "cleo.copse")
        self.assertEqual(self.find("--sort", "-at", "--limit", "4", "--peer", server.url,
                                   union="names.copse"), newest(["bert", "cleo"], 4))
        self.good("union", "names.copse", "--add",
                  "k51qzi5uqu5dlkw8pxuw9qmqayfdeh4kfebhmreauqdc6a7c3y7d5i9fi8mk9w")
        rows, warnings = self.warnings("find", "names.copse", "posts", "--sort", "-at", "--limit",
                                       "4", "--peer", server.url)
        self.assertEqual(rows, newest(["bert", "cleo"], 4))
        self.assertEqual(len(warnings), 1)
        self.assertIn("no peer has a record", warnings[0])
        self.good("union", "names.copse", "--remove",
                  "k51qzi5uqu5dlkw8pxuw9qmqayfdeh4kfebhmreauqdc6a7c3y7d5i9fi8mk9w")
        server.stop()
        for options, why in ([], "can't be looked up"), (["--offline"], "is not asked"):
            rows, warnings = self.warnings("find", "names.copse", "posts", "--sort", "-at",
                                           "--limit", "4", "--peer", server.url,
                                           "--peer", self.first.url, *options)
            self.assertEqual(rows, newest(["bert", "cleo"], 4))
            self.assertEqual(len(warnings), 1)
            self.assertRegex(warnings[0], f"^{name} {why}; using the record seen "
                             r"\d+ s ago \(sequence \d+\)$")
        ran = self.bad(1, f"{name} can't be looked up", "find", "names.copse", "posts", "--strict",
                       "--peer", server.url)
        self.assertEqual(ran.out, b"")

    def test_a_car_on_a_web_server(self):
        self.good("tree", "export", "cleo.copse", "cleo.car")
        handler = http.server.SimpleHTTPRequestHandler
        handler.log_message = lambda *_: None
        folder = self.dir

        class Handler(handler):
            def __init__(self, *arguments, **options):
                super().__init__(*arguments, directory=folder, **options)

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
            threading.Thread(target=web.serve_forever, daemon=True).start()
            self.good("union", "web.copse", "anna.copse",
                      f"http://127.0.0.1:{web.server_port}/cleo.car")
            ran = self.run_copse("find", "web.copse", "posts", "--sort", "-at", "--limit", "5")
            web.shutdown()
        # This server knows no ranges, which is said; the others answer.
        self.assertEqual(ran.code, 0, ran.errors())
        self.assertEqual([json.loads(line) for line in ran.text().splitlines()],
                         newest(["anna"], 5) if ran.err else newest(["anna", "cleo"], 5))
