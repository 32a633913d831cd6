"""The commands clone and pull: replicas of a served database, whole and sparse."""
import json
import os
import signal
import socket
import subprocess
import threading

import support
from serve_cases import Server
from support import CommandTest


def post(number, **more):
    return {"_id": number, "tags": ["cats" if number % 20 == 0 else "dogs"], "n": number % 7,
            "text": "x" * (1500 if number % 50 == 0 else 40), **more}


class Proxy:
    """Passes bytes on to a server; of what comes back `left` more bytes (None: all), then it hangs
    up, or `stalls`."""

    def __init__(self, port):
        self.port = port
        self.left = None
        self.stalls = False
        self.stalled = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.port))
            for pair in ((client, server, False), (server, client, True)):
                threading.Thread(target=self.pass_on, args=pair, daemon=True).start()

    def pass_on(self, source, sink, is_answer):
        try:
            while True:
                data = source.recv(4096)
                if is_answer and self.left is not None:
                    data, rest = data[:self.left], data[self.left:]
                    self.left -= len(data)
                    if rest and self.stalls:
                        self.stalled.set()
                        return
                    if rest:
                        sink.sendall(data)
                        break
                if not data:
                    break
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()


class ReplicaTest(CommandTest):
    """A server of `blog`: 1,500 posts with two indexes, a few others, one of 2.5 MB."""

    posts = 1500

    def setUp(self):
        super().setUp()
        os.environ["COPSE_CACHE"] = self.path("cache")
        self.addCleanup(os.environ.pop, "COPSE_CACHE")
        lines = "".join(json.dumps(post(i)) + "\n" for i in range(self.posts))
        self.good("import", "blog", "posts", self.write("posts.json", lines))
        self.good("index", "blog", "posts", "tags")
        self.good("index", "blog", "posts", "-n")
        self.good("import", "blog", "files", self.write("files.json", json.dumps(
            {"_id": "large", "text": "y" * 2_500_000})))
        self.servers = []
        self.addCleanup(self.stop_servers)
        self.url = self.serve("blog").url + "/blog"

    def serve(self, store):
        self.servers.append(Server(self.dir, store))
        return self.servers[-1]

    def stop_servers(self):
        while self.servers:
            self.servers.pop().stop()

    def proxy(self):
        proxy = Proxy(self.servers[0].port)
        self.addCleanup(proxy.close)
        return proxy

    def refs(self, store):
        return dict(line.split("\t") for line in self.good("refs", "list", store).splitlines())

    def reachable(self, store):
        """How many blocks the store keeps."""
        return self.good_json("gc", store)[0]["blocks"]

    def find(self, store, *arguments):
        return sorted(self.good("find", store, *arguments, "--offline").splitlines())


class CloneTest(ReplicaTest):
    # ---- Whole ----

    def test_whole(self):
        report = self.good_json("clone", self.url, "mine")[0]
        self.assertEqual(report["head"], self.refs("blog")["main"])
        self.assertFalse(report["sparse"])
        refs = self.refs("mine")
        self.assertEqual(refs["main"], self.refs("blog")["main"])
        self.assertEqual(refs["origin/main"], refs["main"])
        self.assertEqual(self.good("tree", "count", "mine"), self.good("tree", "count", "blog"))
        self.assertEqual(report["entries"], int(self.good("tree", "count", "mine")))
        self.stop_servers()
        expected = self.good("check", "blog")
        self.assertEqual(self.good("check", "mine"), expected)
        for query in (["posts"], ["posts", '{"tags":"cats"}'], ["posts", '{"n":3}'], ["files"]):
            self.assertEqual(self.find("mine", *query), self.find("blog", *query))
        # All that the head's tree has, its commit, and the three before it, which those written here
        # may take skip links from. The CAR has the built-in config instead.
        scratch = self.path("scratch.car")
        self.good("tree", "export", "blog", scratch)
        self.good("tree", "import", "alone", scratch, "--ref", "main")
        self.assertEqual(report["blocks_fetched"], self.reachable("alone") + 3)
        self.assertEqual(self.reachable("mine"), report["blocks_fetched"] + 1)

    def test_written_offline_any_number_of_times(self):
        for n in range(7):
            self.good("insert", "blog", "others", '{"_id":%d}' % n)
        stores = ["mine%d" % n for n in range(3)]
        for store in stores:
            self.good("clone", self.url, store)
            self.good("insert", "blog", "others", json.dumps({"_id": store}))
        self.good("pull", stores[0])
        self.stop_servers()
        for store in stores:
            for n in range(9):
                self.good("insert", store, "others", '{"_id":%d}' % (200 + n))

    def test_earlier_commits_stay(self):
        self.good("clone", self.url, "mine")
        report = self.good_json("fsck", "mine")[-1]
        self.assertTrue(report["good"])
        self.assertGreaterEqual(report["absent"], 1)
        self.assertEqual(report["origin"], self.url)
        self.assertIn("earlier versions", self.good("fsck", "mine"))

    def test_existing_store_is_refused(self):
        self.good("clone", self.url, "mine")
        self.bad(1, "is a store already; nothing was changed", "clone", self.url, "mine")
        self.good("init", "other")
        self.bad(1, "is a store already; nothing was changed", "clone", self.url, "other")
        self.assertEqual(list(self.refs("other")), ["main"])

    # ---- Pull ----

    def test_pull_fetches_what_differs(self):
        self.good("clone", self.url, "mine")
        nothing = self.good_json("pull", "mine")[0]
        self.assertEqual((nothing["blocks_fetched"], nothing["moved"]), (0, False))
        self.assertEqual(nothing["round_trips"], 1)
        before = self.reachable("mine")
        self.good("replace", "blog", "posts", json.dumps(post(1003, text="another")))
        report = self.good_json("pull", "mine")[0]
        # The commit, the root, and the path to one leaf of documents.
        levels = json.loads(self.good("tree", "stat", "blog", "--json"))["levels"]
        levels = levels if isinstance(levels, int) else len(levels)
        self.assertEqual(report["blocks_fetched"], 2 + levels)
        self.assertTrue(report["moved"])
        self.assertEqual(report["entries_same"], report["entries"] - 1)
        self.assertEqual(report["round_trips"], 2 + levels)
        self.assertEqual(self.refs("mine")["main"], self.refs("blog")["main"])
        self.stop_servers()
        self.assertEqual(self.find("mine", "posts", '{"_id":1003}'),
                         self.find("blog", "posts", '{"_id":1003}'))
        self.good("check", "mine")
        # The version before stays in the history that is here: its commit is a parent.
        self.assertEqual(self.reachable("mine"), before + report["blocks_fetched"])

    def test_pull_over_several_commits(self):
        self.good("clone", self.url, "mine")
        for i in range(5):
            self.good("insert", "blog", "posts", json.dumps(post(10_000 + i)))
        self.good("delete", "blog", "posts", '{"_id":20}')
        report = self.good_json("pull", "mine")[0]
        self.assertTrue(report["moved"])
        self.assertLess(report["blocks_fetched"], 40)
        self.stop_servers()
        self.good("check", "mine")
        self.assertEqual(self.find("mine", "posts"), self.find("blog", "posts"))

    def test_own_changes_stay(self):
        self.good("clone", self.url, "mine")
        self.good("insert", "mine", "posts", '{"_id":"mine"}')
        self.good("insert", "blog", "posts", '{"_id":"theirs"}')
        own = self.refs("mine")["main"]
        result = self.bad(1, "has changes of its own", "pull", "mine")
        self.assertIn("copse merge", result.errors())
        refs = self.refs("mine")
        self.assertEqual(refs["main"], own)
        self.assertEqual(refs["origin/main"], self.refs("blog")["main"])
        self.stop_servers()
        self.assertEqual(self.find("mine", "posts", '{"_id":"mine"}'), ['{"_id":"mine"}'])
        self.assertEqual(
            self.find("mine", "posts", '{"_id":"theirs"}', "--ref", "origin/main"),
            ['{"_id":"theirs"}'])
        self.good("fsck", "mine")

    def test_own_changes_alone(self):
        """Nothing new at the origin, and nothing moves."""
        self.good("clone", self.url, "mine")
        self.good("insert", "mine", "posts", '{"_id":"mine"}')
        refs = self.refs("mine")
        self.assertFalse(self.good_json("pull", "mine")[0]["moved"])
        self.assertEqual(self.refs("mine"), refs)

    def test_own_changes_and_theirs_are_merged(self):
        self.good("clone", self.url, "mine")
        self.good("insert", "mine", "posts", '{"_id":"mine"}')
        self.good("insert", "blog", "posts", '{"_id":"theirs"}')
        self.bad(1, "`copse merge STORE origin/main`", "pull", "mine")
        merged = self.good_json("merge", "mine", "origin/main")[0]
        self.assertEqual((merged["kind"], merged["inserted"]), ("merge", 1))
        self.assertEqual(self.find("mine", "posts", '{"_id":{"$in":["mine","theirs"]}}'),
                         ['{"_id":"mine"}', '{"_id":"theirs"}'])
        # It has all of the origin's until that goes on.
        self.assertFalse(self.good_json("pull", "mine")[0]["moved"])
        self.good("insert", "blog", "posts", '{"_id":"more"}')
        self.bad(1, "has changes of its own", "pull", "mine")
        self.assertEqual(self.good_json("merge", "mine", "origin/main")[0]["inserted"], 1)
        self.good("check", "mine")

    def test_a_sparse_clone_merges_without_the_rest(self):
        """It has a few blocks of the database, and gets those on the way to what differs."""
        whole = self.good_json("clone", self.url, "whole")[0]["blocks_fetched"]
        cats = '{"tags":"cats"}'
        self.good("clone", self.url, "cats", "--collection", "posts", "--where", cats)
        self.good("update", "cats", "posts", cats, '{"$set":{"mine":true}}')
        self.good("insert", "blog", "posts", '{"_id":"theirs","tags":["cats"]}')
        self.run_copse("pull", "cats")
        before = self.good_json("fsck", "cats")[-1]["blocks"]
        self.assertEqual(self.good_json("merge", "cats", "origin/main")[0]["kind"], "merge")
        after = self.good_json("fsck", "cats")[-1]["blocks"]
        self.assertLess(after - before, 40)
        self.assertGreater(whole, 4 * (after - before))
        found = self.find("cats", "posts", cats)
        self.assertEqual(sum('"mine":true' in line for line in found), 1)
        self.assertIn('{"_id":"theirs","tags":["cats"]}', found)

    def test_pull_between_the_refs(self):
        """The process ended behind the move of origin/main: the next pull moves main."""
        self.good("clone", self.url, "mine")
        before = self.refs("mine")["main"]
        for i in range(3):
            self.good("insert", "blog", "posts", json.dumps(post(5000 + i)))
        self.good("pull", "mine")
        self.good("refs", "set", "mine", "main", before)
        self.good("insert", "blog", "posts", json.dumps(post(6000)))
        self.assertTrue(self.good_json("pull", "mine")[0]["moved"])
        self.assertEqual(self.refs("mine")["main"], self.refs("blog")["main"])

    def test_an_older_head_is_refused(self):
        old = self.refs("blog")["main"]
        self.good("insert", "blog", "posts", json.dumps(post(5000)))
        self.good("clone", self.url, "mine")
        refs = self.refs("mine")
        self.good("refs", "set", "blog", "main", old)
        self.bad(1, "gives an older head than it gave before", "pull", "mine")
        self.assertEqual(self.refs("mine"), refs)

    def test_not_a_clone(self):
        self.bad(1, "has no origin", "pull", "blog")
        self.bad(1, "there is no store", "pull", "nothing")

    # ---- Sparse ----

    def test_collection(self):
        whole = self.good_json("clone", self.url, "mine")[0]
        report = self.good_json("clone", self.url, "part", "--collection", "posts")[0]
        self.assertTrue(report["sparse"])
        # The three chunks of files and the leaf they hang on stay there, at least.
        self.assertLess(report["blocks_fetched"], whole["blocks_fetched"] - 2)
        self.assertEqual(self.refs("part")["main"], self.refs("mine")["main"])
        self.stop_servers()
        self.assertEqual(self.find("part", "posts"), self.find("blog", "posts"))
        self.assertEqual(self.find("part", "posts", '{"tags":"cats"}', "--sort", "_id"),
                         self.find("blog", "posts", '{"tags":"cats"}', "--sort", "_id"))
        self.bad(1, "can't be had", "find", "part", "files", "--offline")

    def test_versions_come_with_their_collection(self):
        self.good("policy", "blog", "posts", "field-wise")
        self.good("update", "blog", "posts", '{"_id":0}', '{"$set":{"a":1}}')
        self.good("delete", "blog", "posts", '{"_id":1}')
        self.good("clone", self.url, "part", "--collection", "posts")
        # One of a query lacks versions, and fetches those that it writes over.
        self.good("clone", self.url, "cats", "--collection", "posts", "--where", '{"tags":"cats"}')
        self.good("update", "cats", "posts", '{"_id":0}', '{"$set":{"b":1}}')
        self.good("insert", "cats", "posts", '{"_id":1}')
        self.stop_servers()
        rows = {clone: [row["value"] for row in
                        self.good_json("tree", "scan", clone, "--hex", "--prefix",
                                       "00706f737473007600")] for clone in ("part", "cats")}
        self.assertEqual([(sorted(row.get("fields", {})), row["version"][2])
                          for row in rows["part"]], [(["a"], False), ([], True)])
        self.assertEqual([(sorted(row.get("fields", {})), row["version"][2])
                          for row in rows["cats"]], [(["a", "b"], False), ([], False)])

    def test_sparse_is_no_damage(self):
        self.good("clone", self.url, "part", "--collection", "posts")
        absent = self.good_json("fsck", "part")[-1]
        self.assertEqual((absent["good"], absent["origin"]), (True, self.url))
        self.assertGreaterEqual(absent["absent"], 3)
        self.assertIn("this is a sparse clone", self.good("fsck", "part"))
        checked = self.run_copse("check", "part")
        self.assertEqual(checked.code, 1)
        self.assertIn("not checked: 'part' is a sparse clone", checked.text())
        self.assertTrue(json.loads(self.run_copse("check", "part", "--json").text())["sparse"])
        result = self.run_copse("gc", "part")
        self.assertEqual(result.code, 0)
        self.assertIn(self.url, result.errors())
        self.stop_servers()
        self.assertEqual(self.find("part", "posts"), self.find("blog", "posts"))

    def test_sparse_store_with_damage(self):
        """What must be here and is not a matter of being sparse is still found."""
        self.good("clone", self.url, "part", "--collection", "posts")
        name = next(n for n in os.listdir(self.path("part")) if "journal" in n)
        data = bytearray(self.read("part/" + name))
        data[len(data) // 2] ^= 1
        self.write("part/" + name, bytes(data))
        self.assertEqual(self.run_copse("fsck", "part").code, 1)

    def test_the_rest_is_fetched_when_asked_for(self):
        self.good("clone", self.url, "part", "--collection", "posts")
        large = self.good("find", "part", "files")
        self.assertEqual(large, self.good("find", "blog", "files"))
        self.stop_servers()
        self.assertEqual(self.good("find", "part", "files", "--offline"), large)

    def test_where(self):
        cats = '{"tags":"cats"}'
        whole = self.good_json("clone", self.url, "mine")[0]
        report = self.good_json("clone", self.url, "cats", "--collection", "posts", "--where",
                                cats)[0]
        self.assertEqual(report["documents"], self.posts // 20)
        self.assertEqual(report["round_trips"], 1)
        self.assertLess(report["blocks_fetched"], whole["blocks_fetched"])
        self.good("insert", "blog", "posts", json.dumps(post(20_000)))
        pulled = self.good_json("pull", "cats")[0]
        self.assertEqual(pulled["documents"], self.posts // 20 + 1)
        self.assertLess(pulled["blocks_fetched"], 15)
        self.good("gc", "cats")
        self.stop_servers()
        self.assertEqual(self.find("cats", "posts", cats), self.find("blog", "posts", cats))
        self.bad(1, "can't be had", "find", "cats", "files", "--offline")

    def test_pull_stays_sparse(self):
        self.good("clone", self.url, "part", "--collection", "posts")
        self.good("import", "blog", "files", self.write("more.json", json.dumps(
            {"_id": "more", "text": "z" * 2_100_000})))
        self.good("insert", "blog", "posts", json.dumps(post(20_000)))
        report = self.good_json("pull", "part")[0]
        self.assertLess(report["block_bytes"], 1_000_000)
        self.stop_servers()
        self.assertEqual(self.find("part", "posts"), self.find("blog", "posts"))

    # ---- Broken off ----

    def test_client_killed(self):
        proxy = self.proxy()
        url = proxy.url + "/blog"
        whole = self.good_json("clone", url, "whole")[0]
        for number in (signal.SIGINT, signal.SIGKILL):
            store = f"mine-{number}"
            proxy.left, proxy.stalls = whole["bytes_fetched"] // 2, True
            child = subprocess.Popen([support.COPSE, "clone", url, store], cwd=self.dir,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.assertTrue(proxy.stalled.wait(20))
            child.send_signal(number)
            self.assertNotEqual(child.wait(20), 0)
            self.assertNotIn("main", self.refs(store))
            proxy.left, proxy.stalls = None, False
            proxy.stalled.clear()
            self.good("clone", url, store)
            self.good("check", store)

    # ---- Peers and addresses ----

    def test_second_peer(self):
        """The one that is asked first breaks down: the other one has the blocks."""
        whole = self.good_json("clone", self.url, "copy")[0]
        second = self.serve("copy")
        proxy = self.proxy()
        proxy.left = whole["bytes_fetched"] // 4
        report = self.good_json("clone", proxy.url + "/blog", "mine", "--peer", second.url)[0]
        self.assertEqual(report["peers"], 2)
        self.good("check", "mine")
        # Both are remembered; a head comes from the first alone.
        self.bad(1, "can't be asked for its head", "pull", "mine")
        proxy.left = None
        self.assertFalse(self.good_json("pull", "mine")[0]["moved"])

    def test_by_cid(self):
        head = self.refs("blog")["main"]
        self.bad(2, "--peer URL says who has", "clone", head, "mine")
        self.good("clone", head, "mine", "--peer", self.servers[0].url)
        self.assertEqual(self.refs("mine")["main"], head)
        self.good("check", "mine")
        self.bad(1, "which never changes", "pull", "mine")
        root = self.good("tree", "root", "blog").strip()
        self.good("clone", root, "bare", "--peer", self.servers[0].url)
        self.good("check", "bare")

    def test_bad_addresses(self):
        cases = [("the head could not be had", self.servers[0].url + "/nothing"),
                 ("refused", "http://127.0.0.1:1/blog"),
                 ("only http: and https:", "ftp://127.0.0.1/blog")]
        for message, url in cases:
            self.bad(1, message, "clone", url, "mine")
            self.assertFalse(os.path.exists(self.path("mine")))
        self.bad(2, "is no address of a peer", "clone", "blog", "mine")
        self.bad(2, "--where is about a collection", "clone", self.url, "mine", "--where", "{}")
        self.bad(1, "the filter", "clone", self.url, "mine", "--collection", "posts", "--where",
                 "{tags")
        self.assertFalse(os.path.exists(self.path("mine")))
        self.bad(1, "there is no collection 'nope'", "clone", self.url, "mine", "--collection",
                 "nope")
        self.assertEqual(self.good("refs", "list", "mine"), "")
        # The folder may become another clone.
        self.good("clone", self.url, "mine", "--collection", "posts")
        self.assertEqual(self.good("find", "mine", "posts", '{"_id":7}', "--offline"),
                         self.good("find", "blog", "posts", '{"_id":7}'))
