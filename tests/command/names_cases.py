"""Names: `copse serve --publish`, `copse publish --key`, records of others, and what readers make of
`k51…` addresses. Records are read over HTTP with curl."""
import functools
import json
import os
import shutil
import subprocess
import threading
import time

import support
from serve_cases import Server
from static_cases import Simple, SimpleServer

VECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors", "ipns_records")
RECORD_TYPE = "application/vnd.ipfs.ipns-record"
V1_V2 = "k51qzi5uqu5dlkw8pxuw9qmqayfdeh4kfebhmreauqdc6a7c3y7d5i9fi8mk9w"
V2 = "k51qzi5uqu5dit2ku9mutlfgwyz8u730on38kd10m97m36bjt66my99hb6103f"
BROKEN = "k51qzi5uqu5dlmit2tuwdvnx4sbnyqgmvbxftl0eo3f33wwtb9gr7yozae9kpw"


def curl(url, *options):
    """Status, headers (lower-case names) and body of a request."""
    ran = subprocess.run(["curl", "-s", "-i", "--max-time", "20", *options, url],
                         stdout=subprocess.PIPE, check=True)
    head, _, body = ran.stdout.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(": ")
        headers.setdefault(name.lower(), value)
    return int(lines[0].split()[1]), headers, body


class NamesTest(support.CommandTest):
    """A key "blog" without a passphrase, and a database with one document."""

    def setUp(self):
        super().setUp()
        self.servers = []
        self.addCleanup(self.stop_all)
        for name in ("COPSE_PASSPHRASE", "COPSE_PEERS"):
            os.environ.pop(name, None)
        os.environ["COPSE_KEYS"] = self.path("keys")
        self.name = self.new_key("blog")
        self.good("init", "blog.copse")
        self.insert(1)

    def stop_all(self):
        for server in self.servers:
            server.stop()

    def stop(self, server):
        self.servers.remove(server)
        self.assertEqual(server.stop()[0], 0)

    def new_key(self, key):
        return self.good("key", "new", key, "--no-passphrase").split()[2]

    def insert(self, number, store="blog.copse"):
        self.good("insert", store, "posts", json.dumps({"_id": number}))

    def serve(self, *arguments):
        server = Server(self.dir, *arguments)
        self.servers.append(server)
        self.assertTrue(server.url, "the server did not begin")
        return server

    def record(self, server, name=None):
        """The record, as the server gives it, read by `npm ipns`' own words: here only its parts
        that stand in the clear."""
        status, headers, body = curl(f"{server.url}/ipns/{name or self.name}?format=ipns-record")
        self.assertEqual(status, 200, body)
        self.assertEqual(headers["content-type"], RECORD_TYPE)
        return body

    def head(self, server, database="blog"):
        return json.loads(curl(f"{server.url}/copse/v1/{database}")[2])

    def ids(self, *arguments):
        return [json.loads(line)["_id"] for line in self.good("find", *arguments).splitlines()]


# Name of the test there, path, headers that are sent, status, headers that are expected.
CONFORMANCE = [
    ("GET IPNS Record (V1+V2) with format=ipns-record", f"/ipns/{V1_V2}?format=ipns-record", {},
     200, {"content-disposition": "attachment;.*", "content-type": RECORD_TYPE,
           "cache-control": "public, max-age=1800"}),
    ("GET IPNS Record (V2) with format=ipns-record", f"/ipns/{V2}?format=ipns-record", {},
     200, {"content-disposition": "attachment;.*", "content-type": RECORD_TYPE,
           "cache-control": "public, max-age=1800"}),
    ("GET IPNS Record (V1+V2) with Accept", f"/ipns/{V1_V2}", {"Accept": RECORD_TYPE},
     200, {"content-disposition": "attachment;.*", "content-type": RECORD_TYPE,
           "cache-control": "public, max-age=1800"}),
    ("GET IPNS Record (V2) with Accept", f"/ipns/{V2}", {"Accept": RECORD_TYPE},
     200, {"content-disposition": "attachment;.*", "content-type": RECORD_TYPE,
           "cache-control": "public, max-age=1800"}),
    ("GET IPNS Record with explicit ?filename=",
     f"/ipns/{V1_V2}?format=ipns-record&filename=test%D1%82%D0%B5%D1%81%D1%82.ipns-record", {}, 200,
     {"content-disposition": r'attachment; filename="test____\.ipns-record"; '
                             r"filename\*=UTF-8''test%D1%82%D0%B5%D1%81%D1%82\.ipns-record"}),
    # Beyond the suite.
    ("not valid", f"/ipns/{BROKEN}?format=ipns-record", {}, 404, {}),
    ("no name", "/ipns/example.org?format=ipns-record", {}, 400, {}),
    ("a CID that is no name", "/ipns/bafkqaaa?format=ipns-record", {}, 400, {}),
    ("no format", f"/ipns/{V2}", {}, 400, {}),
    ("another format", f"/ipns/{V2}?format=raw", {}, 406, {}),
    ("another type", f"/ipns/{V2}", {"Accept": "application/vnd.ipld.car"}, 406, {}),
    ("no format at all", f"/ipns/{V2}?format=x", {}, 400, {}),
    ("delegated routing", f"/routing/v1/ipns/{V2}", {"Accept": RECORD_TYPE}, 200,
     {"content-type": RECORD_TYPE, "cache-control": "public, max-age=1800"}),
    ("delegated routing, unknown", "/routing/v1/ipns/k51qzi5uqu5dhnwe629wdlncpql6frppdpwnz4wtlcw816"
     "aysd5wwlk63g4wmh", {}, 404, {}),
    ("delegated routing, no name", "/routing/v1/ipns/x", {}, 400, {}),
]


class Relayed(NamesTest):
    def test_conformance(self):
        server = self.serve("blog.copse", "--records", VECTORS)
        for test, path, sent, status, expected in CONFORMANCE:
            with self.subTest(test):
                options = [word for name, value in sent.items() for word in
                           ("-H", f"{name}: {value}")]
                got, headers, body = curl(server.url + path, *options)
                self.assertEqual(got, status, body)
                self.assertEqual(headers["access-control-allow-origin"], "*")
                for name, pattern in expected.items():
                    self.assertRegex(headers[name], f"^{pattern}$")
        for name, kind in ((V1_V2, "v1-v2"), (V2, "v2")):
            with open(os.path.join(VECTORS, f"{name}_{kind}.ipns-record"), "rb") as file:
                self.assertEqual(self.record(server, name), file.read())

    def test_not_modified(self):
        server = self.serve("blog.copse", "--publish", "blog")
        url = f"{server.url}/ipns/{self.name}?format=ipns-record"
        status, headers, _ = curl(url)
        self.assertEqual(status, 200)
        status, _, body = curl(url, "-H", f"If-None-Match: {headers['etag']}")
        self.assertEqual((status, body), (304, b""))
        status, head_headers, body = curl(url, "-I")
        self.assertEqual((status, body), (200, b""))
        self.assertEqual(head_headers["etag"], headers["etag"])

    def test_put(self):
        server = self.serve("blog.copse", "--accept-records")
        url = f"{server.url}/routing/v1/ipns/{self.name}"
        self.good("publish", "blog.copse", "--key", "blog", "--out", "first")
        self.insert(2)
        self.good("publish", "blog.copse", "--key", "blog", "--out", "second")
        other = self.new_key("other")

        def put(file, name=self.name, kind=RECORD_TYPE):
            return curl(f"{server.url}/routing/v1/ipns/{name}", "-X", "PUT", "-H",
                        f"Content-Type: {kind}", "--data-binary", f"@{self.path(file)}")

        self.assertEqual(curl(url)[0], 404)
        self.assertEqual(put("first")[0], 200)
        self.assertEqual(put("first")[0], 200)  # once more
        self.assertEqual(put("second")[0], 200)
        status, _, body = put("first")
        self.assertEqual(status, 409)
        self.assertIn(b"sequence", body)
        self.assertEqual(curl(url)[2], self.read("second"))
        self.write("garbage", b"x" * 100)
        self.assertEqual(put("garbage")[0], 400)
        self.assertEqual(put("second", other)[0], 400)
        self.write("huge", b"x" * 20000)
        self.assertEqual(put("huge", other)[0], 413)
        self.assertEqual(put("second", kind="text/plain")[0], 415)
        self.assertEqual(put("second", "nobody")[0], 400)
        self.assertEqual(curl(url)[2], self.read("second"))

    def test_put_is_off_by_default(self):
        server = self.serve("blog.copse")
        self.good("publish", "blog.copse", "--key", "blog", "--out", "record")
        status, _, body = curl(f"{server.url}/routing/v1/ipns/{self.name}", "-X", "PUT", "-H",
                               f"Content-Type: {RECORD_TYPE}", "--data-binary",
                               f"@{self.path('record')}")
        self.assertEqual((status, body), (403, b"this server takes no records\n"))
        self.bad(1, "it answered 403: this server takes no records", "publish", "blog.copse",
                 "--key", "blog", "--to", server.url)

    def test_a_bounded_number(self):
        server = self.serve("blog.copse", "--accept-records", "--limit", "name-records=2")
        names = []
        for i in range(3):
            names.append(self.new_key(f"key{i}"))
            result = self.run_copse("publish", "blog.copse", "--key", f"key{i}", "--to", server.url)
            self.assertEqual(result.code, 0, result.errors())
        self.assertEqual([curl(f"{server.url}/routing/v1/ipns/{name}")[0] for name in names],
                         [404, 200, 200])


class Published(NamesTest):
    def test_the_record_follows_the_head(self):
        server = self.serve("blog.copse", "--publish", "blog")
        head = self.head(server)
        self.assertEqual(head["name-key"], self.name)
        self.assertEqual(server.hello["databases"][0]["name_key"], self.name)
        before = self.record(server)
        self.assertIn(b"/ipfs/" + head["head"]["/"].encode(), before)
        self.assertEqual(self.record(server), before)
        self.insert(2)
        after = self.record(server)
        self.assertIn(b"/ipfs/" + self.head(server)["head"]["/"].encode(), after)
        self.assertNotEqual(after, before)
        status, headers, _ = curl(f"{server.url}/ipns/{self.name}?format=ipns-record")
        self.assertEqual((status, headers["cache-control"]), (200, "public, max-age=60"))

    def test_processes_give_one_record(self):
        server = self.serve("blog.copse", "--publish", "blog", "--processes", "3")
        for number in range(2, 6):
            self.insert(number)
            self.assertEqual(len({self.record(server) for _ in range(12)}), 1)

    def test_many_who_publish_at_once(self):
        """Processes that know nothing of each other, while the head moves: no sequence says two
        things, and each new head has a greater one."""
        values, children = {}, []
        for number in range(2, 8):
            self.insert(number)
            children += [subprocess.Popen([support.COPSE, "publish", "blog.copse", "--key", "blog",
                                           "--json"], cwd=self.dir, stdout=subprocess.PIPE)
                         for _ in range(4)]
        for child in children:
            report = json.loads(child.communicate()[0])
            self.assertEqual(child.returncode, 0)
            self.assertEqual(values.setdefault(report["sequence"], report["value"]),
                             report["value"])
        heads = [f"/ipfs/{commit['commit']}" for commit in self.good_json("log", "blog.copse")]
        by_age = [value for _, value in sorted(values.items())]
        self.assertEqual(by_age, [head for head in reversed(heads) if head in by_age])

    def test_settings_in_a_file(self):
        self.write("serve.conf", "database = blog.copse\npublish = keys/blog.key\nttl = 5m\n")
        server = self.serve("--config", "serve.conf")
        self.assertEqual(self.head(server)["name-key"], self.name)
        self.record(server)
        self.assertTrue(os.path.exists(self.path("keys/blog.sequence")))

    def test_the_same_after_a_restart(self):
        server = self.serve("blog.copse", "--publish", "blog")
        before = self.record(server)
        self.stop(server)
        self.assertEqual(self.record(self.serve("blog.copse", "--publish", "blog")), before)
        report, = self.good_json("publish", "blog.copse", "--key", "blog")
        time.sleep(0.01)
        self.insert(2)
        later, = self.good_json("publish", "blog.copse", "--key", "blog")
        self.assertGreater(later["sequence"], report["sequence"])
        self.assertLessEqual(abs(later["sequence"] / 1000 - time.time()), 60)

    def test_several_databases(self):
        self.good("init", "other.copse")
        self.new_key("second")
        server = self.serve("blog.copse", "other.copse", "--publish", "second=other", "--publish",
                            "blog=blog", "--ttl", "5m", "--validity", "1h")
        names = [one["name_key"] for one in server.hello["databases"]]
        self.assertEqual(names[0], self.name)
        for name, database in zip(names, ("blog", "other")):
            self.assertIn(self.head(server, database)["head"]["/"].encode(),
                          self.record(server, name))
        _, headers, _ = curl(f"{server.url}/ipns/{self.name}?format=ipns-record")
        self.assertEqual(headers["cache-control"], "public, max-age=300")
        for wrong, message in [(["--publish", "blog"], "says which of the databases"),
                               (["--publish", "blog=none"], "no database 'none' is served"),
                               (["--publish", "=blog"], "takes KEY or KEY=NAME"),
                               (["--publish", "blog=blog", "--publish", "second=blog"],
                                "under one key"),
                               (["--publish", "blog=blog", "--ttl", "soon"], "--ttl takes a time"),
                               (["--publish", "blog=blog", "--validity", "1s"], "a minute to"),
                               (["--publish", "blog=blog", "--ttl", "100h"], "longer than"),
                               (["--accept-records", "--processes", "2"], "for one process")]:
            self.bad(2, message, "serve", "blog.copse", "other.copse", "--listen", "127.0.0.1:0",
                     *wrong)
        self.bad(1, "key list", "serve", "blog.copse", "--publish", "nobody")
        for name in ("blog", "copy"):  # the same file, and a copy of it
            shutil.copy(self.path("keys/blog.key"), self.path("keys/copy.key"))
            self.bad(1, "are one key", "serve", "blog.copse", "other.copse", "--listen",
                     "127.0.0.1:0", "--publish", "blog=blog", "--publish", f"{name}=other")

    def test_a_damaged_sequence_file_is_said(self):
        self.good("publish", "blog.copse", "--key", "blog")
        file = bytearray(self.read("keys/blog.sequence"))
        file[45] ^= 1
        self.write("keys/blog.sequence", bytes(file))
        self.bad(1, "blog.sequence is damaged", "publish", "blog.copse", "--key", "blog")
        self.bad(1, "blog.sequence is damaged", "serve", "blog.copse", "--publish", "blog",
                 "--listen", "127.0.0.1:0")

    def test_publish_options(self):
        self.bad(2, "--key KEY signs it", "publish", "blog.copse", "--out", "x", "--static", "www")
        self.bad(2, "--key KEY makes", "publish", "blog.copse")
        first, = self.good_json("log", "blog.copse")[-1:]
        report, = self.good_json("publish", "blog.copse", "--key", "blog", "--ref", first["commit"],
                                 "--validity", "2h")
        self.assertEqual(report["value"], f"/ipfs/{first['commit']}")

    def test_a_static_site_with_a_name(self):
        self.good("publish", "blog.copse", "--static", "www", "--blocks", "--key", "blog", "--out",
                  "record")
        self.assertEqual(self.read(f"www/ipns/{self.name}"), self.read("record"))
        web = SimpleServer(("127.0.0.1", 0),
                           functools.partial(Simple, directory=self.path("www")))
        threading.Thread(target=web.serve_forever, daemon=True).start()
        self.addCleanup(web.server_close)
        self.addCleanup(web.shutdown)
        self.assertEqual(self.ids(self.name, "posts", "--peer",
                                  f"http://127.0.0.1:{web.server_address[1]}"), [1])


class Read(NamesTest):
    def test_commands(self):
        server = self.serve("blog.copse", "--publish", "blog")
        for address in (self.name, f"ipns://{self.name}"):
            self.assertEqual(self.ids(address, "posts", "--peer", server.url), [1])
        os.environ["COPSE_PEERS"] = f" {server.url},\n"
        self.assertEqual(self.good("count", self.name, "posts"), "1\n")
        self.assertIn("posts", self.good("collections", self.name))
        self.assertEqual(len(self.good_json("log", self.name)), 2)
        os.environ["COPSE_PEERS"] = ""
        self.bad(1, "$COPSE_PEERS says who may know it", "count", self.name, "posts")
        self.bad(1, "copse clone", "insert", self.name, "posts", "{}")
        self.bad(1, "no IPNS name", "count", "ipns://nobody", "posts")

    def test_counts(self):
        server = self.serve("blog.copse", "--publish", "blog")
        explained, = self.good_json("find", self.name, "posts", "--peer", server.url, "--explain")
        self.assertEqual((explained["round_trips"], explained["requests"]), (2, 2))
        explained, = self.good_json("find", self.name, "posts", "--peer", server.url, "--explain")
        self.assertEqual((explained["round_trips"], explained["requests"]), (1, 1))

    def test_offline(self):
        server = self.serve("blog.copse", "--publish", "blog")
        self.bad(1, "the record of the name could not be had", "find", self.name, "posts",
                 "--offline")
        self.assertEqual(self.ids(self.name, "posts", "--peer", server.url), [1])
        result = self.run_copse("find", self.name, "posts", "--offline")
        self.assertEqual((result.code, result.text()), (0, '{"_id":1}\n'))
        self.assertRegex(result.errors(), r"using the record seen \d+ s ago \(sequence \d+\)")
        self.stop(server)
        result = self.run_copse("find", self.name, "posts", "--peer", server.url)
        self.assertEqual((result.code, result.text()), (0, '{"_id":1}\n'))
        self.assertIn("using the record seen", result.errors())

    def test_a_peer_that_goes_back_is_refused_and_named(self):
        old = self.serve("blog.copse", "--accept-records")
        self.good("publish", "blog.copse", "--key", "blog", "--to", old.url)
        self.insert(2)
        new = self.serve("blog.copse", "--publish", "blog")
        self.assertEqual(sorted(self.ids(self.name, "posts", "--peer", old.url, "--peer", new.url)),
                         [1, 2])
        result = self.run_copse("find", self.name, "posts", "--peer", old.url)
        self.assertEqual(result.code, 0)
        self.assertEqual(len(result.lines()), 2)
        self.assertRegex(result.errors(), rf"{old.url} gave an older record than one that was seen "
                                          r"before: its sequence is \d+, that one's \d+")
        result = self.run_copse("find", self.name, "posts", "--peer", old.url, "--json")
        warnings = [json.loads(line)["warning"]["message"] for line in
                    result.errors().splitlines()]
        self.assertRegex(warnings[0], f"^{old.url} gave an older record")
        self.good("cache", "clear")
        self.assertEqual(len(self.ids(self.name, "posts", "--peer", old.url)), 2)
        names = self.path("state/copse/names")
        self.assertEqual(sorted(os.listdir(names)),
                         [f"{self.name}.record", f"{self.name}.record.lock"])
        shutil.rmtree(names)
        self.assertEqual(self.ids(self.name, "posts", "--peer", old.url), [1])

    def test_a_record_that_cannot_be_remembered_is_told_of(self):
        server = self.serve("blog.copse", "--publish", "blog")
        for state, why in ((self.path("file"), "can't be made"),
                           ("/" + "x" * 5000, "is too long")):
            self.write("file", b"")
            os.environ["XDG_STATE_HOME"] = state
            result = self.run_copse("find", self.name, "posts", "--peer", server.url)
            self.assertEqual((result.code, result.text()), (0, '{"_id":1}\n'))
            self.assertRegex(result.errors(), f"{self.name} stands for can't be remembered.*{why}")

    def test_readers_at_once_keep_the_newest(self):
        """Each reads another record of the name; whatever their order, the newest stays."""
        servers = []
        for number in range(2, 6):
            servers.append(self.serve("blog.copse", "--accept-records"))
            self.good("publish", "blog.copse", "--key", "blog", "--to", servers[-1].url)
            self.insert(number)
        newest = self.record(servers[-1])
        for _ in range(5):
            shutil.rmtree(self.path("state"), ignore_errors=True)
            children = [subprocess.Popen([support.COPSE, "count", self.name, "posts", "--peer",
                                          server.url], cwd=self.dir, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
                        for server in reversed(servers)]
            self.assertEqual([child.wait() for child in children], [0] * len(children))
            self.assertEqual(self.read(f"state/copse/names/{self.name}.record"), newest)

    def test_clone_and_pull(self):
        server = self.serve("blog.copse", "--publish", "blog")
        result = self.run_copse("clone", self.name, "mine.copse", "--peer", server.url)
        self.assertEqual(result.code, 0, result.errors())
        self.insert(2)
        self.good("pull", "mine.copse")
        self.assertEqual(self.ids("mine.copse", "posts"), [1, 2])
        self.bad(1, "--offline asks nobody", "pull", "mine.copse", "--offline")
        self.stop(server)
        self.bad(1, "no peer could be asked what", "pull", "mine.copse")
        self.insert(3)
        moved = self.serve("blog.copse", "--publish", "blog")  # elsewhere: the name is the same
        self.good("pull", "mine.copse", "--peer", moved.url)
        self.assertEqual(self.ids("mine.copse", "posts"), [1, 2, 3])

    def test_a_name_leads_to_blocks_of_others(self):
        named = self.serve("blog.copse", "--publish", "blog")
        self.good("clone", f"{named.url}/blog", "mirror.copse")
        self.good("init", "empty.copse")
        mirror = self.serve("mirror.copse", "empty.copse")
        self.good("publish", "blog.copse", "--key", "blog", "--out", f"{self.name}.ipns-record")
        self.stop(named)
        relay = self.serve("empty.copse", "--records", self.dir)
        self.assertEqual(self.ids(self.name, "posts", "--peer", relay.url, "--peer", mirror.url),
                         [1])


class NamesPage(NamesTest):
    """The page is run against a server on a free port, which stands there as 4180."""

    def setUp(self):
        super().setUp()
        shutil.rmtree(self.path("keys"))
        shutil.rmtree(self.path("blog.copse"))
        self.write("seed", bytes(32))
        self.good("key", "import", "blog", "--seed-file", "seed", "--no-passphrase")
        self.good("init", "blog.copse")
        self.good("insert", "blog.copse", "posts", '{"_id":1,"title":"first"}')
        self.server = self.serve("blog.copse", "--publish", "blog")

    def console(self, shown):
        port = str(self.server.port)
        return super().console(shown.replace("4180", port)).replace(port, "4180")

    def test_the_page(self):
        self.assert_console("docs/names.md", r"\b\d{13}\b", r"/ipfs/baf\w+",
                            r"\d{4}-\d\d-\d\d [\d:]+Z", r"\d+ s ago", r"\d+ B, in")
