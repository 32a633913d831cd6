"""The commands that read, on every kind of address: http://peer/name, a root CID with peers, a CAR
file. What is fetched, cached, refused, and said."""
import http.server
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request

import serve_cases
import support
from support import CommandTest

TAGS = ["cats", "dogs", "birds"]
QUESTION = ["posts", '{"tags":"cats"}', "--sort", "-createdAt", "--limit", "5"]
READING = [
    ["find", "@", "posts"],
    ["find", "@", *QUESTION],
    ["find", "@", *QUESTION, "--verify", "blocks"],
    ["find", "@", "posts", '{"_id":7}'],
    ["find", "@", "posts", '{"_id":-1}'],
    ["find", "@", "posts", '{"author.name":"a1"}', "--sort", "text", "--project", "text"],
    ["find", "@", *QUESTION, "--hint", "$natural"],
    ["get", "@", "posts", "5", "17", "399"],
    ["count", "@", "posts"],
    ["count", "@", "posts", '{"tags":"cats"}'],
    ["distinct", "@", "posts", "author.name", '{"tags":"cats"}'],
    ["aggregate", "@", "posts", '[{"$match":{"tags":"cats"}},{"$sortByCount":"$author.name"}]'],
    ["aggregate", "@", "posts", '[{"$limit":3},{"$lookup":{"from":"posts","localField":"_id",'
     '"foreignField":"_id","as":"self"}}]'],
    ["collections", "@"],
    ["indexes", "@", "posts"],
    ["indexes", "@", "--json"],
    ["export", "@", "posts"],
    ["export", "@", "posts", "--where", '{"tags":"dogs"}', "--canonical"],
    ["check", "@"],
    ["check", "@", "--json"],
    ["tree", "root", "@"],
    ["tree", "count", "@"],
    ["tree", "nth", "@", "200"],
    ["tree", "rank", "@", "zz"],
    ["tree", "scan", "@", "--hex", "--limit", "9"],
    ["tree", "scan", "@", "--hex", "--reverse", "--json"],
    ["tree", "get", "@", "--hex", "0000"],
    ["tree", "stat", "@", "--json"],
]
HISTORY = [
    ["log", "@"],
    ["log", "@", "HEAD~1", "--json"],
    ["show", "@"],
    ["show", "@", "HEAD~1", "--ids"],
    ["diff", "@", "HEAD~1"],
    ["diff", "@", "HEAD~2", "HEAD", "posts", "--json"],
    ["diff", "@", "HEAD~2", "--count"],
    ["find", "@", "posts", "--at", "HEAD~1"],
    ["blame", "@", "posts", "7"],
    ["blame", "@", "posts", "17", "--at", "HEAD~1", "--json"],
]


def post(number):
    return {"_id": number, "text": serve_cases.text_of(number, 1), "tags": [TAGS[number % 3]],
            "author": {"name": f"a{number % 5}"},
            "createdAt": {"$date": f"2026-01-{number % 28 + 1:02}T00:00:{number % 60:02}Z"}}


def run_in(folder, *arguments, stdin=""):
    return subprocess.run([support.COPSE, *arguments], input=stdin.encode(), cwd=folder, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()


class RemoteTest(CommandTest):
    """Two peers serve blog.copse, with 400 posts. Each test has a cache of its own."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="copse-remote-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.blog = os.path.join(cls.folder, "blog.copse")
        run_in(cls.folder, "init", "blog.copse")
        posts = "".join(json.dumps(post(i)) + "\n" for i in range(400))
        run_in(cls.folder, "insert", "blog.copse", "posts", "-", stdin=posts)
        run_in(cls.folder, "index", "blog.copse", "posts", "tags,-createdAt")
        stats = json.loads(run_in(cls.folder, "stats", "blog.copse", "--json"))
        cls.commit, cls.tree = stats["commit"], stats["tree"]
        cls.servers = [cls.serve_class("blog.copse") for _ in range(2)]
        cls.peers = [server.url for server in cls.servers]
        cls.url = f"{cls.peers[0]}/blog"
        cls.of_peers = [word for peer in cls.peers for word in ("--peer", peer)]

    @classmethod
    def serve_class(cls, *arguments):
        server = serve_cases.Server(cls.folder, *arguments)
        cls.addClassCleanup(lambda: server.child.poll() is None and server.stop())
        return server

    def serve(self, *arguments):
        server = serve_cases.Server(self.dir, *arguments)
        self.addCleanup(lambda: server.child.poll() is None and server.stop())
        return server

    def forget(self):
        shutil.rmtree(self.path("cache"), ignore_errors=True)

    def explain(self, *arguments):
        row, = self.good_json("find", *arguments, "--explain")
        return row

    def local(self, *arguments):
        return self.good("find", self.blog, *arguments)


class Addresses(RemoteTest):
    def assert_as_local(self, address, *options, commands=READING):
        for command in commands:
            local = self.run_copse(*[self.blog if word == "@" else word for word in command])
            there = self.run_copse(*[address if word == "@" else word for word in command],
                                   *options)
            self.assertEqual((there.code, there.text()), (local.code, local.text()),
                             f"{command}: {there.errors()}")
            self.assertGreater(len(local.out) + ('"_id":-1' in str(command)), 0)

    def test_a_url(self):
        self.assert_as_local(self.url)
        self.assert_as_local(self.url, commands=HISTORY)

    def test_a_commit_of_two_peers(self):
        self.assert_as_local(self.commit, *self.of_peers)
        self.assert_as_local(self.commit, *self.of_peers, commands=HISTORY)

    def test_a_tree(self):
        self.assert_as_local(self.tree, "--peer", self.peers[1])
        self.bad(1, "a tree without history", "log", self.tree, "--peer", self.peers[1])

    def test_a_ref_of_a_url(self):
        self.assert_as_local(self.url, "--ref", self.tree)
        self.bad(1, "'next' is no CID", "find", self.url, "posts", "--ref", "next")

    def test_a_car_file(self):
        with urllib.request.urlopen(f"{self.peers[0]}/ipfs/{self.commit}?format=car") as answer:
            self.write("blog.car", answer.read())
        self.assert_as_local(self.path("blog.car"))
        self.assertFalse(os.path.exists(self.path("cache")))

    def test_a_car_file_that_lacks_blocks(self):
        self.good("prove", self.blog, *QUESTION, "-o", "answer.car")
        self.assertEqual(self.good("find", "answer.car", *QUESTION), self.local(*QUESTION))
        self.bad(1, "--peer URL fetches what a CAR file lacks", "export", "answer.car", "posts")
        self.assertEqual(self.good("export", "answer.car", "posts", "--peer", self.peers[0]),
                         self.good("export", self.blog, "posts"))

    def test_what_is_no_car_file(self):
        self.write("posts.txt", "not a CAR")
        self.bad(1, "can't be read as a CAR file", "find", "posts.txt", "posts")
        self.write("cut.car", self.read_car()[:-10])
        self.bad(1, "cut.car", "find", "cut.car", "posts")

    def read_car(self):
        return urllib.request.urlopen(f"{self.peers[0]}/ipfs/{self.commit}?format=car").read()

    def test_stats(self):
        local, = self.good_json("stats", self.blog)
        there, = self.good_json("stats", self.url)
        for name in ("nodes", "bytes", "store"):
            self.assertNotIn(name, there)
            local.pop(name)
        self.assertEqual((local.pop("ref"), there.pop("ref")), ("main", self.url))
        self.assertEqual(there, local)
        self.assertIn("400", self.good("stats", self.url))

    def test_shell(self):
        script = f'count posts\nfind {" ".join(map(repr, QUESTION))}\ntree root\n'
        local = self.good("shell", self.blog, stdin=script)
        self.assertEqual(self.good("shell", self.url, stdin=script), local)
        self.assertEqual(self.good("shell", self.commit, *self.of_peers, stdin=script), local)
        self.bad(1, "is a remote database", "shell", self.url, stdin='insert posts {"_id":1}\n')

    def test_proofs_of_peers(self):
        for address in ([self.url], [self.commit, *self.of_peers]):
            self.forget()
            self.good("prove", address[0], *QUESTION, *address[1:], "-o", "there.car")
            self.good("prove", self.blog, *QUESTION, "-o", "here.car")
            self.assertEqual(self.read("there.car"), self.read("here.car"))
            self.assertIn(self.local(*QUESTION), self.good("verify", "there.car", self.commit,
                                                           *QUESTION))

    def test_what_differs_is_all_that_is_read(self):
        run_in(self.dir, "init", "many.copse")
        posts = "".join(json.dumps(post(i)) + "\n" for i in range(5000))
        run_in(self.dir, "insert", "many.copse", "posts", "-", stdin=posts)
        run_in(self.dir, "replace", "many.copse", "posts", '{"_id":77}')
        server = self.serve("many.copse")
        shape = json.loads(run_in(self.dir, "stats", "many.copse", "--json"))
        for command in (["diff", f"{server.url}/many", "HEAD~1", "--ids"],
                        ["show", f"{server.url}/many", "--ids"]):
            self.forget()
            self.assertIn("~ posts 77\n", self.good(*command))
            blocks = self.good_json("cache", "stat")[0]["blocks"]
            # Two commits, and of each tree its root, the path to the post, and the catalogue.
            self.assertLessEqual(blocks, 2 + 2 * (1 + shape["levels"] + 1))
        self.assertGreater(shape["nodes"], 10 * blocks)

    def test_diff(self):
        before = json.loads(run_in(self.folder, "stats", "blog.copse", "--json"))["tree"]
        self.assertEqual(self.good("tree", "diff", self.url, before, "main", "--count"),
                         "added\t0\nremoved\t0\nchanged\t0\n")

    def test_writing_is_refused(self):
        for command in (["insert", "@", "posts", '{"_id":1}'], ["drop", "@", "posts"],
                        ["delete", "@", "posts", '{"_id":1}'], ["index", "@", "posts", "text"],
                        ["init", "@"], ["tree", "put", "@", "a", "b"], ["gc", "@"],
                        ["replace", "@", "posts", '{"_id":1}']):
            result = self.bad(1, "is a remote database, which can only be queried",
                              *[self.url if word == "@" else word for word in command])
            self.assertIn(f"`copse clone {self.url} mine.copse`", result.errors())
            self.bad(1, "which never changes",
                     *[self.tree if word == "@" else word for word in command])
        self.assertEqual(os.listdir(self.dir), [])

    def test_what_is_no_address(self):
        for address in ("http://127.0.0.1", "http:///blog", "ftp://127.0.0.1/blog",
                        "http://a@b/blog", f"{self.url}?x=1"):
            self.bad(1, f"'{address}'", "find", address, "posts")
        self.bad(2, "ftp", "find", self.url, "posts", "--peer", "ftp://127.0.0.1")
        many = ["--peer", "http://127.0.0.1:1"] * 65
        self.bad(2, "--peer was given too often", "find", self.url, "posts", *many)


class Counts(RemoteTest):
    def test_one_round_trip(self):
        first = self.explain(self.url, *QUESTION)
        self.assertEqual((first["way"], first["round_trips"], first["requests"], first["peers"]),
                         ("answer", 1, 1, 1))
        self.assertGreater(first["blocks_fetched"], 4)
        self.assertEqual(first["returned"], 5)
        self.assertGreater(first["bytes_fetched"], 1000)
        again = self.explain(self.url, *QUESTION)
        self.assertEqual((again["way"], again["round_trips"], again["blocks_fetched"]),
                         ("answer", 1, 0))
        self.assertLess(again["bytes_fetched"], first["bytes_fetched"] / 2)
        self.assertEqual(again["blocks_read"], first["blocks_read"])

    def test_of_a_root_nothing_at_the_second_time(self):
        first = self.explain(self.commit, *QUESTION, *self.of_peers)
        self.assertEqual((first["way"], first["round_trips"]), ("answer", 1))
        again = self.explain(self.commit, *QUESTION, *self.of_peers)
        self.assertEqual((again["way"], again["round_trips"], again["requests"],
                          again["blocks_fetched"], again["bytes_fetched"]), ("local", 0, 0, 0, 0))
        self.assertEqual(again["from_cache"], first["blocks_fetched"])

    def test_block_by_block(self):
        row = self.explain(self.commit, *QUESTION, "--verify", "blocks", *self.of_peers)
        self.assertEqual(row["way"], "blocks")
        self.assertGreater(row["round_trips"], 3)
        count, = self.good_json("count", self.url, "posts", '{"tags":"cats"}', "--explain")
        self.assertEqual((count["count"], count["way"]), (134, "blocks"))
        again, = self.good_json("count", self.url, "posts", '{"tags":"cats"}', "--explain")
        self.assertEqual((again["way"], again["blocks_fetched"], again["requests"]),
                         ("local", 0, 1))

    def test_all_of_it_comes_in_few_round_trips(self):
        self.good("export", self.commit, "posts", *self.of_peers, "-o", "posts.ndjson")
        row = self.explain(self.commit, "posts", "--verify", "blocks", "--offline")
        self.assertEqual(row["requests"], 0)
        self.forget()
        row = self.explain(self.commit, "posts", "--verify", "blocks", *self.of_peers)
        self.assertEqual(row["returned"], 400)
        self.assertLess(row["round_trips"], 16)

    def test_people_can_read_it(self):
        text = self.good("find", self.url, *QUESTION, "--explain")
        self.assertRegex(text, r"\nway       a peer's answer, with its proof\n")
        self.assertRegex(text, r"\nfetched   \d+ blocks, [\d.]+ kB, from 1 peer; 0 from the cache\n")
        self.assertRegex(text, r"\nnetwork   1 round trip, 1 request, [\d.]+ kB received, \d+ B sent")

    def test_local_output_is_as_it_was(self):
        row = self.explain(self.blog, *QUESTION)
        self.assertFalse({"way", "round_trips", "blocks_fetched"} & set(row))
        self.assertFalse(os.path.exists(self.path("cache")))

    def test_the_cache_is_where_it_is_said(self):
        self.good("find", self.url, *QUESTION, "--cache", "elsewhere")
        self.assertTrue(os.path.isdir(self.path("elsewhere")))
        self.assertFalse(os.path.exists(self.path("cache")))
        self.write("file", "")
        result = self.run_copse("find", self.url, *QUESTION, "--cache", "file/cache")
        self.assertEqual(result.text(), self.local(*QUESTION))
        self.assertIn("nothing is cached", result.errors())


class Names(RemoteTest):
    def test_slips_are_found(self):
        for options in ([], ["--verify", "blocks"]):
            self.bad(1, "did you mean 'posts'?", "find", self.url, "pots", *options)
            result = self.bad(1, "there is no collection 'pots' in", "find", self.commit, "pots",
                              *options, *self.of_peers)
            self.assertEqual(result.text(), "")
            self.bad(1, "did you mean 'tags,-createdAt'?", "find", self.url, *QUESTION, "--hint",
                     "tags,createdAt", *options)

    def test_a_name_that_is_not_served(self):
        for command in (["find", "@", "posts"], ["count", "@", "posts"], ["tree", "root", "@"]):
            words = [f"{self.peers[0]}/blo" if word == "@" else word for word in command]
            result = self.bad(1, "there is no database of this name", *words)
            self.assertIn(f"`curl {self.peers[0]}/` lists", result.errors())

    def test_a_root_that_nobody_has(self):
        unknown = "bafyreigjaek3zrnf76rjlimpw5iu7mjdtupjf3y5l63b7sa3sziezinmqu"
        for command in (["find", unknown, "posts"], ["count", unknown, "posts"]):
            result = self.bad(1, f"a block can't be had: {unknown}", *command, *self.of_peers)
            for peer in self.peers:
                self.assertIn(f"{peer}: does not have it", result.errors())
            self.bad(1, "--peer URL names a peer that has the database", *command)
            error, = [json.loads(line)["error"] for line in
                      self.bad(1, unknown, *command, "--json").errors().splitlines()]
            self.assertEqual(error["status"], "IO")

    def test_no_database_of_documents(self):
        self.load([("a", "1"), ("b", "2")], store=self.path("plain"))
        url = self.serve("plain").url + "/plain"
        self.assertEqual(self.good("tree", "scan", url), "a\t1\nb\t2\n")
        self.assertEqual(self.good("tree", "get", url, "b"), "2\n")
        self.bad(1, "has no key 'c'", "tree", "get", url, "c")
        self.bad(1, "is not a database of documents", "collections", url)


class Offline(RemoteTest):
    def setUp(self):
        super().setUp()
        shutil.copytree(self.blog, self.path("mine.copse"))
        self.server = self.serve("mine.copse")
        self.mine = self.server.url + "/mine"

    def test_what_is_cached_works(self):
        self.good("find", self.mine, *QUESTION)
        self.assertEqual(self.good("find", self.mine, *QUESTION, "--offline"),
                         self.local(*QUESTION))
        self.server.stop()
        for options in ([], ["--offline"], ["--verify", "blocks"]):
            result = self.run_copse("find", self.mine, *QUESTION, *options)
            self.assertEqual((result.code, result.text()), (0, self.local(*QUESTION)))
            self.assertRegex(result.errors(), r"(can't be|is not) asked: this is its head as it "
                                              r"was \d+ s ago")
        self.assertEqual(self.good("find", self.commit, *QUESTION), self.local(*QUESTION))

    def test_what_is_not_is_named(self):
        self.good("find", self.mine, *QUESTION)
        self.server.stop()
        result = self.bad(1, "can't be had: bafyrei", "export", self.mine, "posts")
        self.assertIn(f"{self.server.url}: connection refused", result.errors())
        self.assertIn("--peer URL names another peer", result.errors())
        result = self.bad(1, "can't be had: bafyrei", "export", self.mine, "posts", "--offline")
        self.assertIn("without --offline peers are asked", result.errors())
        self.assertEqual(self.good("export", self.mine, "posts", "--peer", self.peers[0]),
                         self.good("export", self.blog, "posts"))

    def test_without_a_cache(self):
        self.server.stop()
        for command in (["find", self.mine, "posts"], ["count", self.mine, "posts"],
                        ["shell", self.mine]):
            self.bad(1, "connection refused", *command)
            self.bad(1, "the head was not seen before", *command, "--offline")

    def test_a_peer_that_goes_on_without_the_name(self):
        """The first peer is gone, the head was seen; another has what is not cached."""
        self.good("count", self.mine, "posts")
        self.server.stop()
        result = self.run_copse("find", self.mine, *QUESTION, "--peer", self.peers[0])
        self.assertEqual(result.text(), self.local(*QUESTION))

    def test_an_older_head_is_told(self):
        shutil.copytree(self.path("mine.copse"), self.path("older"))
        self.good("insert", "mine.copse", "posts", json.dumps(post(1000)))
        self.assertEqual(self.good("count", self.mine, "posts"), "401\n")
        self.server.stop()
        shutil.rmtree(self.path("mine.copse"))
        os.rename(self.path("older"), self.path("mine.copse"))
        port = self.server.port
        again = subprocess.Popen([support.COPSE, "serve", "mine.copse", "--listen",
                                  f"127.0.0.1:{port}"], cwd=self.dir, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL)
        try:
            again.stdout.readline()
            result = self.run_copse("count", self.mine, "posts")
            self.assertEqual(result.text(), "400\n")
            self.assertIn("an older head than it had given before", result.errors())
        finally:
            again.terminate()
            again.wait()
            again.stdout.close()


class Liar(http.server.BaseHTTPRequestHandler):
    """Passes everything on to a peer, and changes what it answers."""

    protocol_version = "HTTP/1.1"
    peer = ""
    spoil = staticmethod(lambda path, body: body)
    refuse = staticmethod(lambda path: False)

    def answer(self, body):
        if self.refuse(self.path):
            self.reply(404, [("Content-Type", "text/plain")], b"not today\n")
            return
        headers = {name: value for name, value in self.headers.items()
                   if name.lower() not in ("host", "accept-encoding", "connection", "expect")}
        request = urllib.request.Request(self.peer + self.path, body, headers)
        try:
            with urllib.request.urlopen(request) as got:
                self.reply(got.status, [(name, value) for name, value in got.headers.items()
                                        if name.lower() in ("content-type", "copse-root")],
                           self.spoil(self.path, got.read()))
        except urllib.error.HTTPError as refused:
            with refused:
                self.reply(refused.code, [("Content-Type", "text/plain")], refused.read())

    def reply(self, status, headers, body):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(None)

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *_):
        pass


class Lies(RemoteTest):
    def lie(self, spoil=None, refuse=None):
        """The URL of a peer that spoils what it passes on."""
        members = {"peer": self.peers[0]}
        if spoil is not None:
            members["spoil"] = staticmethod(spoil)
        if refuse is not None:
            members["refuse"] = staticmethod(refuse)
        handler = type("OneLiar", (Liar,), members)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_address[1]}"

    @staticmethod
    def flip(at):
        def spoil(path, body):
            if not path.endswith("/query") and "blocks" not in path and "/ipfs/" not in path:
                return body
            place = int(len(body) * at)
            return body[:place] + bytes([body[place] ^ 1]) + body[place + 1:]
        return spoil

    def assert_right_or_refused(self, result):
        """What is printed is right, in the right order; and nothing lacks without a word."""
        right = self.local(*QUESTION)
        self.assertTrue(right.startswith(result.text()), result.text())
        if result.code == 0:
            self.assertEqual(result.text(), right)
        else:
            self.assertEqual(result.code, 1)
            self.assertIn("copse: ", result.errors())
        return result.code

    def test_an_honest_one_for_comparison(self):
        self.assertEqual(self.good("find", self.lie() + "/blog", *QUESTION), self.local(*QUESTION))

    def test_a_flipped_bit(self):
        for at in (0.3, 0.95):
            liar = self.lie(self.flip(at))
            address = [f"{liar}/blog"] if at < 0.5 else [self.commit, "--peer", liar]
            code = self.assert_right_or_refused(
                self.run_copse("find", address[0], *QUESTION, *address[1:]))
            self.assertEqual(code, 1)
            self.forget()
            self.bad(1, liar, "count", address[0], "posts", *address[1:])

    def test_another_peer_helps(self):
        for at in (0.3, 0.6, 0.95):
            liar = self.lie(self.flip(at))
            for command in (["find", self.commit, *QUESTION],
                            ["find", self.commit, *QUESTION, "--verify", "blocks"],
                            ["count", self.commit, "posts"], ["export", self.commit, "posts"]):
                self.forget()
                local = self.good(command[0], self.blog, *command[2:])
                self.assertEqual(self.good(*command, "--peer", liar, "--peer", self.peers[1]),
                                 local)

    def test_an_answer_that_is_cut(self):
        for share in (0.2, 0.5, 0.9):
            cut = self.lie(lambda path, body, share=share:
                           body[:int(len(body) * share)] if path.endswith("/query") else body)
            self.forget()
            row = self.explain(self.commit, *QUESTION, "--peer", cut)
            self.assertEqual(row["returned"], 5)
            self.assertIn(row["way"], ("mixed", "blocks"))
            self.forget()
            self.assertEqual(self.good("find", f"{cut}/blog", *QUESTION), self.local(*QUESTION))

    def test_an_answer_that_is_refused(self):
        peer = self.lie(refuse=lambda path: path.endswith("/query"))
        for address in ([f"{peer}/blog"], [self.commit, "--peer", peer]):
            self.forget()
            row = self.explain(address[0], *QUESTION, *address[1:])
            self.assertEqual((row["returned"], row["way"]), (5, "blocks"))

    def test_documents_before_a_failure_are_right(self):
        def only_the_answer(path):
            return not path.endswith("/query")

        cut = self.lie(lambda path, body: body[:-200] if path.endswith("/query") else body,
                       only_the_answer)
        result = self.run_copse("find", self.commit, "posts", "--peer", cut)
        self.assertEqual(result.code, 1)
        self.assertTrue(self.local("posts").startswith(result.text()))
        self.assertGreater(len(result.out), 0)
        self.assertIn("the documents printed above are in the database", result.errors())
        self.assertIn(f"{cut}: ", result.errors())

    def test_another_database(self):
        """A peer that answers with the head of another database is believed in that, and in no
        more: a name is its to give."""
        self.good("init", "other.copse")
        self.good("insert", "other.copse", "posts", '{"_id":1}')
        other = self.serve("other.copse").url
        self.assertEqual(self.good("find", f"{other}/other", "posts"), '{"_id":1}\n')
        self.bad(1, self.commit, "find", self.commit, "posts", "--peer", other)


class Limits(RemoteTest):
    def test_an_answer_that_does_not_fit(self):
        """What one answer can't hold goes on block by block."""
        row = self.explain(self.url, "posts")
        self.assertEqual(row["returned"], 400)
        self.assertIn(row["way"], ("answer", "mixed"))

    def test_a_cache_of_no_size(self):
        self.bad(2, "a cache of 1024 bytes", "find", self.url, "posts", "--cache-size", "1K")
        self.assertEqual(self.good("find", self.url, "posts", "--cache-size", "1M"),
                         self.local("posts"))

    def test_a_pipe_that_is_closed(self):
        child = subprocess.Popen([support.COPSE, "export", self.url, "posts"], cwd=self.dir,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        child.stdout.close()
        errors = child.stderr.read().decode()
        child.stderr.close()
        self.assertEqual(child.wait(20), 1)
        self.assertNotRegex(errors, re.compile("signal", re.I))
