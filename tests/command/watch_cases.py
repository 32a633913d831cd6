"""The command watch, and the events of heads: folders and peers, restarts, kills, rolled-back heads."""
import http.client
import http.server
import json
import os
import queue
import random
import signal
import subprocess
import threading
import time

import support
from serve_cases import Server
from support import CommandTest, free_port

CATS = '{"tags":"cats"}'


class Watcher:
    """A running `copse watch`, whose lines are read as they come."""

    command = "watch"

    def __init__(self, folder, *arguments):
        self.errors = open(os.path.join(folder, f"watch.{time.monotonic_ns()}"), "w+b")
        self.child = subprocess.Popen([support.COPSE, self.command, *arguments], cwd=folder,
                                      stdout=subprocess.PIPE, stderr=self.errors)
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.child.stdout:
            self.lines.put(line.decode().rstrip("\n"))

    def next(self, timeout=20):
        return self.lines.get(timeout=timeout)

    def next_json(self):
        return json.loads(self.next())

    def is_quiet(self, seconds):
        try:
            self.lines.get(timeout=seconds)
            return False
        except queue.Empty:
            return True

    def said(self):
        self.errors.seek(0)
        return self.errors.read().decode()

    def wait_until_it_says(self, text):
        deadline = time.monotonic() + 20
        while text not in self.said():
            if time.monotonic() > deadline:
                raise AssertionError(f"it does not say '{text}' but: {self.said()}")
            time.sleep(0.05)

    def wait(self):
        """Until it ends by itself: the exit code, and the lines that were left."""
        code = self.child.wait(20)
        self.reader.join()
        return code, [self.lines.get() for _ in range(self.lines.qsize())]

    def stop(self, number=signal.SIGKILL):
        """Ends it; returns the lines that were left."""
        if self.child.poll() is None:
            self.child.send_signal(number)
        self.child.wait(20)
        self.reader.join()
        self.child.stdout.close()
        self.errors.close()
        return [self.lines.get() for _ in range(self.lines.qsize())]


class WatchTest(CommandTest):
    def setUp(self):
        super().setUp()
        os.environ["XDG_STATE_HOME"] = self.path("state")
        self.good("init", "blog.copse")
        self.insert(1, "cats")
        self.insert(2, "dogs")

    def insert(self, number, *tags):
        self.good("insert", "blog.copse", "posts", json.dumps({"_id": number, "tags": tags}))

    def watcher(self, *arguments):
        watcher = Watcher(self.dir, *arguments)
        self.addCleanup(watcher.stop)
        return watcher

    def begun(self, *arguments):
        """A watcher that has kept where it begins."""
        before = self.states()
        watcher = self.watcher(*arguments)
        deadline = time.monotonic() + 20
        while self.states() == before and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertNotEqual(self.states(), before)
        return watcher

    def states(self):
        folder = self.path("state/copse/watch")
        return {name for name in os.listdir(folder) if name.endswith(".json")} if os.path.isdir(
            folder) else set()

    def wait_until_seen(self, *arguments):
        """Until nothing is unread: what is printed is not kept at once."""
        deadline = time.monotonic() + 20
        while (any(self.good_json("watch", *arguments, "--unread")[0].values()) and
               time.monotonic() < deadline):
            time.sleep(0.05)

    def head(self):
        return self.good_json("log", "blog.copse")[0]["commit"]

    def serve(self, port, *arguments, database="blog.copse"):
        child = subprocess.Popen([support.COPSE, "serve", database, "--listen",
                                  f"127.0.0.1:{port}", *arguments], cwd=self.dir,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.assertIn(b"/copse/v1/", child.stdout.readline())
        self.addCleanup(self.end, child)
        return child

    def end(self, child):
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
        code = child.wait(20)
        child.stdout.close()
        return code


class FolderTest(WatchTest):
    def test_tells_what_is_new_changed_and_gone(self):
        watcher = self.begun("blog.copse", "posts", CATS)
        self.insert(3, "cats", "dogs")
        self.assertEqual(watcher.next(), '+ posts 3  {"_id":3,"tags":["cats","dogs"]}')
        self.insert(4, "dogs")
        self.good("update", "blog.copse", "posts", '{"_id":1}', '{"$set":{"n":7}}')
        self.assertEqual([watcher.next(), watcher.next()], ["~ posts 1", "    + n: 7"])
        self.good("update", "blog.copse", "posts", '{"_id":3}', '{"$pull":{"tags":"cats"}}')
        self.assertEqual(watcher.next(), '- posts 3  {"_id":3,"tags":["cats","dogs"]}')
        self.good("update", "blog.copse", "posts", '{"_id":4}', '{"$push":{"tags":"cats"}}')
        self.assertEqual(watcher.next(), '+ posts 4  {"_id":4,"tags":["dogs","cats"]}')
        self.assertTrue(watcher.is_quiet(0.5))

    def test_tells_programs(self):
        watcher = self.begun("blog.copse", "posts", CATS, "--json")
        self.insert(3, "cats")
        self.assertEqual(watcher.next_json(), {
            "change": "new", "_id": 3, "document": {"_id": 3, "tags": ["cats"]},
            "commit": self.head()})
        self.good("update", "blog.copse", "posts", '{"_id":3}', '{"$set":{"n":7}}')
        self.assertEqual(watcher.next_json(), {
            "change": "changed", "_id": 3, "document": {"_id": 3, "n": 7, "tags": ["cats"]},
            "fields": [{"path": "n", "after": 7}], "commit": self.head()})
        self.good("drop", "blog.copse", "posts")
        gone = [watcher.next_json(), watcher.next_json()]
        self.assertEqual([(one["change"], one["_id"]) for one in gone], [("gone", 1), ("gone", 3)])

    def test_goes_on_where_it_was(self):
        self.begun("blog.copse", "posts", CATS).stop()
        for number in range(10, 40):
            self.insert(number, "cats" if number % 2 else "dogs")
        self.good("delete", "blog.copse", "posts", '{"_id":11}')
        told = self.good_json("watch", "blog.copse", "posts", CATS, "--once")
        self.assertEqual([one["_id"] for one in told], list(range(13, 40, 2)))
        self.assertEqual(self.good("watch", "blog.copse", "posts", CATS, "--once"), "")
        # Another filter, another reader: each has seen what it has seen.
        for other in (["{\"tags\":\"dogs\"}"], [CATS, "--as", "phone"], []):
            told = self.good_json("watch", "blog.copse", "posts", *other, "--once")
            self.assertGreater(len(told), 10)
            self.assertEqual(self.good("watch", "blog.copse", "posts", *other, "--once"), "")
        # The same filter in other words is the same.
        self.assertEqual(self.good("watch", "./blog.copse", "posts", '{ "tags" : "cats" }',
                                   "--once"), "")

    def test_where_to_begin(self):
        for number in range(3, 7):
            self.insert(number, "cats")
        ids = lambda *more: [one["_id"] for one in self.good_json(
            "watch", "blog.copse", "posts", CATS, "--once", "--as", "x", *more)]
        self.assertEqual(ids("--since", "HEAD~2"), [5, 6])
        self.assertEqual(ids(), [])
        self.assertEqual(ids("--all"), [1, 3, 4, 5, 6])
        self.assertEqual(ids("--since", "HEAD"), [])
        self.bad(2, "one of them", "watch", "blog.copse", "posts", "--all", "--since", "HEAD")
        self.bad(1, "no-such", "watch", "blog.copse", "posts", "--since", "no-such", "--once")

    def test_counts_what_is_unread(self):
        unread = lambda *more: self.good_json("watch", "blog.copse", "posts", CATS, "--unread",
                                              *more)
        self.assertEqual(unread(), [{"new": 1, "changed": 0, "gone": 0}])
        self.good("watch", "blog.copse", "posts", CATS, "--mark-read")
        self.insert(3, "cats")
        self.insert(4, "cats")
        self.good("update", "blog.copse", "posts", '{"_id":1}', '{"$set":{"n":7}}')
        for _ in range(2):
            self.assertEqual(unread(), [{"new": 2, "changed": 1, "gone": 0}])
        self.assertEqual(unread("--membership"), [{"new": 2, "changed": 0, "gone": 0}])
        self.assertEqual(self.good("watch", "blog.copse", "posts", CATS, "--unread"),
                         "new\t2\nchanged\t1\ngone\t0\n")
        self.good("watch", "blog.copse", "posts", CATS, "--mark-read")
        self.assertEqual(unread(), [{"new": 0, "changed": 0, "gone": 0}])

    def test_ends_after_so_many(self):
        self.good("watch", "blog.copse", "posts", CATS, "--mark-read")
        documents = "".join(json.dumps({"_id": n, "tags": ["cats"]}) + "\n" for n in range(10, 17))
        self.good("insert", "blog.copse", "posts", "-", stdin=documents)
        told = []
        for _ in range(3):
            told += [one["_id"] for one in self.good_json("watch", "blog.copse", "posts", CATS,
                                                          "--count", "2")]
        self.assertEqual(told, list(range(10, 16)))
        self.assertEqual(self.good_json("watch", "blog.copse", "posts", CATS, "--unread"),
                         [{"new": 1, "changed": 0, "gone": 0}])
        self.insert(20, "cats")
        told = self.good_json("watch", "blog.copse", "posts", CATS, "--once")
        self.assertEqual([one["_id"] for one in told], [16, 20])

    def test_counts_of_two_kinds(self):
        """How many were told of a difference means another thing with --membership."""
        self.insert(3, "cats")
        self.good("watch", "blog.copse", "posts", CATS, "--mark-read")
        documents = "".join(json.dumps({"_id": n, "tags": ["cats"]}) + "\n" for n in (5, 6, 7))
        self.good("update", "blog.copse", "posts", '{"_id":1}', '{"$set":{"n":1}}')
        self.good("insert", "blog.copse", "posts", "-", stdin=documents)
        ids = lambda *more: [one["_id"] for one in self.good_json(
            "watch", "blog.copse", "posts", CATS, *more)]
        self.assertEqual(ids("--count", "2", "--membership"), [5, 6])
        self.assertEqual(ids("--once"), [1, 5, 6, 7])

    def test_a_head_that_went_back(self):
        watcher = self.begun("blog.copse", "posts", CATS)
        self.insert(3, "cats")
        self.assertEqual(watcher.next(), '+ posts 3  {"_id":3,"tags":["cats"]}')
        self.good("reset", "blog.copse", "HEAD~1")
        self.assertEqual(watcher.next(), '- posts 3  {"_id":3,"tags":["cats"]}')
        watcher.wait_until_it_says("the head went back")
        watcher.stop()
        self.insert(4, "cats")
        seen = self.head()
        self.good("watch", "blog.copse", "posts", CATS, "--mark-read")
        self.good("reset", "blog.copse", "HEAD~1")
        self.insert(5, "cats")
        told = self.good_json("watch", "blog.copse", "posts", CATS, "--once")
        self.assertEqual(told[0], {"change": "jump", "from": seen, "commit": self.head()})
        self.assertEqual([(one["change"], one["_id"]) for one in told[1:]],
                         [("gone", 4), ("new", 5)])

    def test_what_was_seen_is_gone(self):
        self.insert(3, "cats")
        self.good("watch", "blog.copse", "posts", CATS, "--mark-read")
        self.good("reset", "blog.copse", "HEAD~1")
        self.good("gc", "blog.copse")
        result = self.bad(1, "what was seen last", "watch", "blog.copse", "posts", CATS, "--once")
        self.assertIn("begins anew", result.errors())
        self.good("watch", "blog.copse", "posts", CATS, "--mark-read")
        self.insert(4, "cats")
        told = self.good_json("watch", "blog.copse", "posts", CATS, "--once")
        self.assertEqual([one["_id"] for one in told], [4])

    def test_what_was_half_told_is_gone(self):
        self.good("watch", "blog.copse", "posts", CATS, "--mark-read")
        documents = "".join(json.dumps({"_id": n, "tags": ["cats"]}) + "\n" for n in (5, 6, 7))
        self.good("insert", "blog.copse", "posts", "-", stdin=documents)
        self.good("watch", "blog.copse", "posts", CATS, "--count", "1")
        self.good("reset", "blog.copse", "HEAD~1")
        self.good("gc", "blog.copse")
        self.insert(8, "cats")
        self.assertEqual(self.good_json("watch", "blog.copse", "posts", CATS, "--unread"),
                         [{"new": 1, "changed": 0, "gone": 0}])
        result = self.run_copse("watch", "blog.copse", "posts", CATS, "--once")
        self.assertEqual(result.text(), '+ posts 8  {"_id":8,"tags":["cats"]}\n')
        self.assertIn("told in part is gone", result.errors())
        self.assertEqual(self.good_json("watch", "blog.copse", "posts", CATS, "--once"), [])

    def test_kills_lose_nothing(self):
        """Killed at any moment and begun again: nothing is missed, and no more told twice than was
        under way."""
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        self.good("watch", "blog.copse", "posts", CATS, "--mark-read")
        told = []
        kills = 0
        watcher = self.watcher("blog.copse", "posts", CATS, "--json")
        for number in range(100, 130):
            self.insert(number, "cats")
            if chance.random() < 0.4:
                time.sleep(chance.random() * 0.3)
                told += watcher.stop()
                kills += 1
                watcher = self.watcher("blog.copse", "posts", CATS, "--json")
        deadline = time.monotonic() + 20
        while (not told or json.loads(told[-1])["_id"] != 129) and time.monotonic() < deadline:
            told.append(watcher.next())
        ids = [json.loads(line)["_id"] for line in told]
        self.assertEqual(sorted(set(ids)), list(range(100, 130)), f"seed {seed}")
        self.assertLessEqual(len(ids) - 30, kills * 30, f"seed {seed}")
        self.wait_until_seen("blog.copse", "posts", CATS)
        self.assertEqual(self.good("watch", "blog.copse", "posts", CATS, "--once"), "")

    def test_what_can_not_be_watched(self):
        self.good("tree", "export", "blog.copse", "blog.car")
        self.bad(1, "never changes", "watch", "blog.car", "posts", CATS)
        told = self.good_json("watch", "blog.car", "posts", CATS, "--once")
        self.assertEqual([one["_id"] for one in told], [1])
        self.bad(1, "", "watch", "blog.copse", "posts", '{"$foo":1}')
        self.bad(1, "", "watch", "no-such", "posts")
        result = self.run_copse("watch", "blog.copse", "pots", "--once")
        self.assertEqual((result.code, result.out), (0, b""))
        self.assertIn("there is no collection 'pots' now", result.errors())
        self.good("watch", "blog.copse", "posts", CATS, "--mark-read")
        folder = self.path("state/copse/watch")
        for name in self.states():
            self.write(os.path.join(folder, name), "garbage")
        self.bad(1, "--since REVISION, --all or --mark-read begins anew", "watch", "blog.copse", "posts", CATS,
                 "--once")
        self.assertEqual(len(self.good_json("watch", "blog.copse", "posts", CATS, "--all",
                                            "--once")), 1)


class WatchPageTest(CommandTest):
    def test_the_page_tells_the_truth(self):
        os.environ["XDG_STATE_HOME"] = self.path("state")
        self.assert_console("docs/watching.md")


class PeerTest(WatchTest):
    def test_tells_as_it_comes(self):
        server = Server(self.dir, "blog.copse")
        self.addCleanup(server.stop)
        watcher = self.begun(f"{server.url}/blog", "posts", CATS, "--json")
        for number in range(10, 15):
            self.insert(number, "cats")
            self.assertEqual(watcher.next_json()["_id"], number)
        self.insert(15, "dogs")
        self.assertTrue(watcher.is_quiet(0.6))

    def test_outlives_the_server(self):
        port = free_port()
        url = f"http://127.0.0.1:{port}/blog"
        line = '+ posts {0}  {{"_id":{0},"tags":["cats"]}}'.format
        server = self.serve(port)
        watcher = self.begun(url, "posts", CATS)
        self.insert(3, "cats")
        self.assertEqual(watcher.next(), line(3))
        started = time.monotonic()
        self.assertEqual(self.end(server), 0)
        self.assertLess(time.monotonic() - started, 3)  # streams don't hold it up
        watcher.wait_until_it_says("it is tried again")
        for number in range(100, 120):
            self.insert(number, "cats")
        server = self.serve(port)
        self.assertEqual([watcher.next() for _ in range(20)],
                         [line(number) for number in range(100, 120)])
        watcher.wait_until_it_says("is heard again")
        self.wait_until_seen(url, "posts", CATS)
        watcher.stop()
        self.insert(200, "cats")
        told = self.good_json("watch", url, "posts", CATS, "--count", "1")
        self.assertEqual([one["_id"] for one in told], [200])

    def test_begins_before_the_server(self):
        port = free_port()
        watcher = self.watcher(f"http://127.0.0.1:{port}/blog", "posts", CATS, "--all")
        watcher.wait_until_it_says("it is tried again")
        self.serve(port)
        self.assertEqual(watcher.next(), '+ posts 1  {"_id":1,"tags":["cats"]}')

    def test_a_server_that_dies_hard(self):
        port = free_port()
        server = self.serve(port)
        watcher = self.begun(f"http://127.0.0.1:{port}/blog", "posts", CATS, "--json")
        server.kill()
        server.wait()
        self.insert(3, "cats")
        self.serve(port)
        self.assertEqual(watcher.next_json()["_id"], 3)

    def test_a_peer_without_events(self):
        """A gateway in front that has no such page: the head is asked for from time to time."""
        server = Server(self.dir, "blog.copse")
        self.addCleanup(server.stop)
        asked = []

        class Gateway(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self, body=None):
                asked.append(self.path)
                if self.path.endswith("/events"):
                    status, headers, got = 404, {}, b"no such page\n"
                else:
                    names = {n: v for n, v in self.headers.items() if n.lower() in (
                        "accept", "content-type")}
                    status, headers, got = server.ask(self.path, self.command, body, **names)
                self.send_response(status)
                for name in ("content-type", "copse-root"):
                    if name in headers:
                        self.send_header(name, headers[name])
                self.send_header("Content-Length", str(len(got)))
                self.end_headers()
                self.wfile.write(got)

            def do_GET(self):
                self.forward()

            def do_POST(self):
                self.forward(self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *_):
                pass

        gateway = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
        thread = threading.Thread(target=gateway.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(gateway.server_close)
        self.addCleanup(gateway.shutdown)
        watcher = self.begun(f"http://127.0.0.1:{gateway.server_port}/blog", "posts", CATS,
                             "--json")
        self.insert(3, "cats")
        self.assertEqual(watcher.next_json()["_id"], 3)
        watcher.stop()
        self.assertEqual(asked.count("/copse/v1/blog/events"), 1)

    def test_a_head_that_nobody_has(self):
        """A peer announces one, and a good one later: that is told."""
        server = Server(self.dir, "blog.copse")
        self.addCleanup(server.stop)
        heads = queue.Queue()

        class Liar(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if not self.path.endswith("/events"):
                    return self.forward()
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                for head in iter(heads.get, None):
                    self.wfile.write(f'data: {{"head":{{"/":"{head}"}}}}\n\n'.encode())

            def forward(self, body=None):
                names = {n: v for n, v in self.headers.items() if n.lower() in (
                    "accept", "content-type")}
                status, headers, got = server.ask(self.path, self.command, body, **names)
                self.send_response(status)
                for name in ("content-type", "copse-root"):
                    if name in headers:
                        self.send_header(name, headers[name])
                self.send_header("Content-Length", str(len(got)))
                self.end_headers()
                self.wfile.write(got)

            def do_POST(self):
                self.forward(self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *_):
                pass

        liar = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
        thread = threading.Thread(target=liar.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(liar.server_close)
        self.addCleanup(liar.shutdown)
        self.addCleanup(heads.put, None)
        heads.put(self.head())
        watcher = self.begun(f"http://127.0.0.1:{liar.server_port}/blog", "posts", CATS, "--json")
        self.good("init", "other.copse")
        self.good("insert", "other.copse", "posts", '{"_id":77}')
        heads.put(self.good_json("log", "other.copse")[0]["commit"])
        watcher.wait_until_it_says("the head")
        self.insert(3, "cats")
        heads.put(self.head())
        self.assertEqual(watcher.next_json()["_id"], 3)

    def test_loads_only_what_differs(self):
        documents = "".join(json.dumps({"_id": n, "tags": ["cats" if n % 5 == 0 else "dogs"],
                                        "text": "x" * 200}) + "\n" for n in range(100, 5100))
        self.good("insert", "blog.copse", "posts", "-", stdin=documents)
        self.good("index", "blog.copse", "posts", "tags[]")
        server = Server(self.dir, "blog.copse")
        self.addCleanup(server.stop)
        url = f"{server.url}/blog"
        ask = lambda *more: self.good_json("watch", url, "posts", CATS, "--once", "--explain",
                                           *more)
        self.good("watch", url, "posts", CATS, "--mark-read")
        self.insert(9000, "cats")
        told, first = ask()
        self.assertEqual(told["_id"], 9000)
        self.assertEqual((first["compared"], first["rows"], first["documents"]),
                         ("documents", 1, 1))
        for number in range(9001, 9041):
            self.insert(number, "dogs" if number % 20 else "cats")
        *told, among = ask("--membership")
        self.assertEqual([one["_id"] for one in told], [9020, 9040])
        self.assertEqual((among["compared"], among["index"], among["rows"], among["documents"]),
                         ("index", "tags", 2, 2))
        self.assertLess(first["blocks_fetched"], 30)
        self.assertLess(among["blocks_fetched"], 30)
        self.assertEqual(ask()[0]["blocks_fetched"], 0)
        self.good("watch", "blog.copse", "posts", CATS, "--mark-read")
        self.insert(9041, "cats")
        lines = self.good("watch", "blog.copse", "posts", CATS, "--unread", "--membership",
                          "--explain")
        self.assertIn("compared  the index tags; rows that differ: 1; documents loaded: 0\n", lines)

    def test_events_seen_by_curl(self):
        server = Server(self.dir, "blog.copse")
        curl = subprocess.Popen(["curl", "-sSN", "-D", "headers",
                                 f"{server.url}/copse/v1/blog/events"], cwd=self.dir,
                                stdout=subprocess.PIPE)
        events = []
        for number in (10, 11, None):
            event = [curl.stdout.readline().decode() for _ in range(3)]
            self.assertEqual(event[2], "\n")
            name, _, head = event[0].strip().partition(": ")
            field, _, data = event[1].strip().partition(": ")
            self.assertEqual((name, field, head), ("id", "data", self.head()))
            data = json.loads(data)
            self.assertEqual(data["head"], {"/": head})
            self.assertEqual((data["name"], "tree" in data), ("blog", True))
            events.append(head)
            if number:
                self.insert(number, "cats")
        self.assertEqual(len(set(events)), 3)
        code, _ = server.stop()
        self.assertEqual(code, 0)
        self.assertEqual(curl.wait(20), 0)  # the stream ended; it was not cut
        curl.stdout.close()
        headers = self.read("headers").decode().lower()
        for line in ("content-type: text/event-stream", "cache-control: no-store",
                     "x-accel-buffering: no", "access-control-allow-origin: *"):
            self.assertIn(line, headers)

    def test_many_streams(self):
        """All are told, from several addresses, and others are served beside them."""
        server = Server(self.dir, "blog.copse")
        self.addCleanup(server.stop)
        streams = []
        for number in range(200):
            connection = http.client.HTTPConnection(
                "127.0.0.1", server.port, timeout=20,
                source_address=(f"127.0.0.{2 + number // 50}", 0))
            connection.request("GET", "/copse/v1/blog/events")
            streams.append((connection, connection.getresponse()))
            self.assertTrue(streams[-1][1].readline().startswith(b"id: "))
        self.assertEqual(server.ask("/copse/v1/blog")[0], 200)
        self.insert(3, "cats")
        head = self.head()
        for connection, stream in streams:
            lines = [stream.readline() for _ in range(3)]
            self.assertEqual(lines[2].decode(), f"id: {head}\n")
            stream.close()
            connection.close()

    def test_a_database_that_is_not_served(self):
        """Refused as --once refuses it; but one that was there may come back."""
        port = free_port()
        server = self.serve(port)
        wrong = f"http://127.0.0.1:{port}/bolg"
        for more in ((), ("--once",), ("--all",)):
            self.bad(1, "lists what is served there", "watch", wrong, "posts", *more)
        watcher = self.begun(f"http://127.0.0.1:{port}/blog", "posts", CATS)
        self.end(server)
        self.good("init", "other.copse")
        other = self.serve(port, database="other.copse")
        watcher.wait_until_it_says("it is tried again")
        self.end(other)
        self.insert(3, "cats")
        self.serve(port)
        self.assertEqual(watcher.next(40), '+ posts 3  {"_id":3,"tags":["cats"]}')


class NameTest(WatchTest):
    """Of a name: the peer that serves it tells when to ask for the record."""

    def setUp(self):
        super().setUp()
        os.environ["COPSE_KEYS"] = self.path("keys")
        os.environ.pop("COPSE_PEERS", None)
        _, self.did, self.name = self.good("key", "new", "blog", "--no-passphrase").split()

    def publish(self, port):
        return self.serve(port, "--publish", "blog")

    def test_tells_as_it_comes(self):
        port = free_port()
        self.publish(port)
        watcher = self.begun(self.name, "posts", CATS, "--json", "--peer",
                             f"http://127.0.0.1:{port}")
        started = time.monotonic()
        for number in range(10, 17):
            self.insert(number, "cats")
            self.assertEqual(watcher.next_json()["_id"], number)
        self.assertLess(time.monotonic() - started, 10)  # asked every 2 s it takes 14

    def test_outlives_the_server(self):
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        line = '+ posts {0}  {{"_id":{0},"tags":["cats"]}}'.format
        server = self.publish(port)
        watcher = self.begun(self.name, "posts", CATS, "--peer", url)
        self.insert(3, "cats")
        self.assertEqual(watcher.next(), line(3))
        for again in range(2):
            self.end(server)
            watcher.wait_until_it_says(f"{self.name}: {url}: connection refused; it is tried again")
            self.insert(10 + again, "cats")
            self.assertTrue(watcher.is_quiet(4.5))  # it was asked for twice meanwhile
            server = self.publish(port)
            self.assertEqual(watcher.next(), line(10 + again))
            said = watcher.said()
            self.assertEqual((said.count("\n"), said.count("tried again"),
                              said.count("is heard again")),
                             (2 + 2 * again, 1 + again, 1 + again), said)

    def test_only_the_record_counts(self):
        """The events of a peer tell of a head; what is told is what the record says, which another
        peer has."""
        port, other = free_port(), free_port()
        self.publish(port)
        self.good("init", "other.copse")
        records = self.serve(other, "--accept-records", database="other.copse")
        urls = [f"http://127.0.0.1:{one}" for one in (other, port)]
        self.good("publish", "blog.copse", "--key", "blog", "--to", urls[0])
        watcher = self.begun(f"ipns://{self.name}", "posts", CATS, "--json", "--peer", urls[0],
                             "--peer", urls[1])
        self.insert(3, "cats")
        self.assertEqual(watcher.next_json()["_id"], 3)
        self.end(records)
        self.insert(4, "cats")
        self.assertEqual(watcher.next_json()["_id"], 4)

    def test_all_spellings_are_one_name(self):
        port = free_port()
        self.publish(port)
        peer = ("--peer", f"http://127.0.0.1:{port}")
        self.good("watch", self.name, "posts", CATS, "--mark-read", *peer)
        self.insert(3, "cats")
        for spelling in (self.name, f"ipns://{self.name}"):
            self.assertEqual(self.good_json("watch", spelling, "posts", CATS, "--unread", *peer),
                             [{"new": 1, "changed": 0, "gone": 0}])
        self.assertEqual(len(self.states()), 1)

    def test_nobody_to_ask(self):
        self.bad(1, "a peer must say what it stands for", "watch", self.name, "posts")
