"""The command serve: what it answers, to curl and over bare sockets, and how it ends."""
import base64
import gzip
import hashlib
import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import support
from support import CommandTest

FOREVER = "public, max-age=29030400, immutable"
EMPTY_CAR = bytes.fromhex("19a265726f6f747381d82a4500015500006776657273696f6e01")


class Server:
    """A running `copse serve` on a free port."""

    def __init__(self, folder, *arguments):
        self.errors = open(os.path.join(folder, "serve.errors"), "w+b")
        self.child = subprocess.Popen(
            [support.COPSE, "serve", *arguments, "--listen", "127.0.0.1:0", "--json"], cwd=folder,
            stdout=subprocess.PIPE, stderr=self.errors)
        ready, _, _ = select.select([self.child.stdout], [], [], 20)
        self.hello = json.loads(self.child.stdout.readline()) if ready else {}
        self.url = self.hello.get("url", "")
        self.port = int(self.url.rpartition(":")[2] or 0)

    def stop(self, number=signal.SIGTERM):
        """Ends it; returns the exit code and what stood on stderr."""
        if self.child.poll() is None:
            self.child.send_signal(number)
        try:
            code = self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            code = self.child.wait()
        self.child.stdout.close()
        self.errors.seek(0)
        errors = self.errors.read().decode()
        self.errors.close()
        return code, errors

    def ask(self, path, method="GET", body=None, **headers):
        """One exchange: status, headers (names in lower case), body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        got = response.read()
        connection.close()
        return response.status, {n.lower(): v for n, v in response.getheaders()}, got

    def connect(self, buffer_bytes=None):
        connection = socket.socket()
        if buffer_bytes:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        connection.settimeout(20)
        connection.connect(("127.0.0.1", self.port))
        return connection


def receive_all(connection):
    got = b""
    try:
        while True:
            piece = connection.recv(1 << 16)
            if not piece:
                break
            got += piece
    except ConnectionResetError:
        pass
    return got


def read_varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7f) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value, at
        shift += 7


def car_sections(data):
    """The binary CIDs and blocks of a CARv1; each is verified."""
    size, at = read_varint(data, 0)
    header, at = data[at:at + size], at + size
    sections = []
    while at < len(data):
        size, at = read_varint(data, at)
        section, at = data[at:at + size], at + size
        cid, block = section[:36], section[36:]
        assert cid[:1] == b"\x01" and cid[2:4] == b"\x12\x20", cid.hex()
        assert hashlib.sha256(block).digest() == cid[4:]
        sections.append((cid, block))
    return header, sections


def cid_text(cid):
    return "b" + base64.b32encode(cid).decode().lower().rstrip("=")


def cid_bytes(text):
    digits = text[1:].upper()
    return base64.b32decode(digits + "=" * (-len(digits) % 8))


def links(*cids):
    """The DAG-CBOR of a list of links."""
    count = len(cids)
    head = (bytes([0x80 | count]) if count < 24 else bytes([0x98, count]) if count < 256 else
            b"\x99" + count.to_bytes(2, "big"))
    return head + b"".join(
        b"\xd8\x2a" + (bytes([0x40 | len(cid) + 1]) if len(cid) < 23 else
                       b"\x58" + bytes([len(cid) + 1])) + b"\0" + cid for cid in cids)


def text_of(number, salt):
    """Text that does not compress, so that an answer is as large as it looks."""
    return hashlib.sha256(f"{number} {salt}".encode()).hexdigest() * 6


class ServeTest(CommandTest):
    """`self.server` serves the database blog.copse with 1,500 posts."""

    POSTS = 1500

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="copse-serve-")
        cls.run_class("init", "blog.copse")
        posts = "".join(json.dumps({"_id": i, "text": text_of(i, 0)}) + "\n"
                        for i in range(cls.POSTS))
        cls.run_class("insert", "blog.copse", "posts", "-", stdin=posts)
        cls.server = Server(cls.folder, "blog.copse", "--verbose")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        shutil.rmtree(cls.folder)

    @classmethod
    def run_class(cls, *arguments, stdin=""):
        subprocess.run([support.COPSE, *arguments], input=stdin.encode(), cwd=cls.folder,
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def head(self):
        return json.loads(self.server.ask("/copse/v1/blog")[2])

    def head_cid(self):
        return self.head()["head"]["/"]

    def tree_cid(self):
        return self.head()["tree"]["/"]


class Raw(ServeTest):
    def test_headers(self):
        cid = self.head_cid()
        status, headers, body = self.server.ask(f"/ipfs/{cid}?format=raw")
        self.assertEqual(status, 200)
        self.assertEqual(hashlib.sha256(body).digest(), cid_bytes(cid)[4:])
        expected = {
            "content-type": "application/vnd.ipld.raw",
            "content-length": str(len(body)),
            "content-disposition": f'attachment; filename="{cid}.bin"',
            "etag": f'"{cid}.raw"',
            "cache-control": FOREVER,
            "x-content-type-options": "nosniff",
            "x-ipfs-path": f"/ipfs/{cid}",
            "x-ipfs-roots": cid,
        }
        self.assertEqual({name: headers.get(name) for name in expected}, expected)
        self.assertNotIn("content-location", headers)
        status, by_accept, again = self.server.ask(f"/ipfs/{cid}",
                                                   Accept="application/vnd.ipld.raw")
        self.assertEqual((status, again), (200, body))
        self.assertEqual(by_accept["content-location"], f"/ipfs/{cid}?format=raw")
        status, of_head, nothing = self.server.ask(f"/ipfs/{cid}?format=raw", "HEAD")
        self.assertEqual((status, nothing), (200, b""))
        of_head.pop("date"), headers.pop("date")
        self.assertEqual(of_head, headers)

    def test_never_compressed(self):
        _, headers, _ = self.server.ask(f"/ipfs/{self.head_cid()}?format=raw",
                                        Accept_Encoding="zstd, gzip")
        self.assertNotIn("content-encoding", headers)

    def test_not_modified(self):
        cid = self.head_cid()
        path = f"/ipfs/{cid}?format=raw"
        for etag in (f'"{cid}.raw"', f'W/"{cid}.raw"', f'"a", W/"{cid}.raw"', "*"):
            status, headers, body = self.server.ask(path, If_None_Match=etag)
            self.assertEqual((status, body), (304, b""), etag)
            self.assertEqual(headers["etag"], f'"{cid}.raw"')
            self.assertNotIn("content-length", headers)
        for etag in ('"a"', f'"{cid}.car"', cid):
            self.assertEqual(self.server.ask(path, If_None_Match=etag)[0], 200, etag)

    def test_ranges(self):
        path = f"/ipfs/{self.head_cid()}?format=raw"
        whole = self.server.ask(path)[2]
        size = len(whole)
        for value, start, end in (("0-0", 0, 1), ("3-8", 3, 9), ("5-", 5, size), ("-4", size - 4, size),
                                  ("2-999999", 2, size), ("-999999", 0, size)):
            status, headers, body = self.server.ask(path, Range=f"bytes={value}")
            self.assertEqual((status, body), (206, whole[start:end]), value)
            self.assertEqual(headers["content-range"], f"bytes {start}-{end - 1}/{size}")
        for value in ("bytes=5-3", "bytes=a-b", "bytes=1-2,4-5", "lines=1-2", "bytes=-", "bytes="):
            self.assertEqual(self.server.ask(path, Range=value)[::2], (200, whole), value)
        for value in (f"bytes={size}-", "bytes=-0"):
            status, headers, _ = self.server.ask(path, Range=value)
            self.assertEqual((status, headers["content-range"]), (416, f"bytes */{size}"))
        self.assertEqual(self.server.ask(path, Range="bytes=0-0", If_Range='"other"')[0], 200)

    def test_the_config_is_there(self):
        """It is in no store, and other software can't read the tree without it."""
        root = self.server.ask(f"/ipfs/{self.tree_cid()}?format=raw")[2]
        config = cid_text(root[6:42])
        self.bad(1, "", "block", "get", os.path.join(self.folder, "blog.copse"), config)
        status, _, body = self.server.ask(f"/ipfs/{config}?format=raw")
        self.assertEqual((status, hashlib.sha256(body).digest()), (200, root[10:42]))


class Gateway(ServeTest):
    """The cases of gateway-conformance that concern a server of DAG-CBOR and raw blocks."""

    MISSING = cid_text(b"\x01\x71\x12\x20" + bytes(32))
    # path with {} for the head, request headers, status, response headers (regexes)
    CASES = [
        # TestTrustlessRaw
        ("/ipfs/{}?format=raw", {}, 200, {"Content-Type": r"application/vnd\.ipld\.raw"}),
        ("/ipfs/{}", {"Accept": "application/vnd.ipld.raw"}, 200,
         {"Content-Type": r"application/vnd\.ipld\.raw", "Content-Disposition": "attachment;.*",
          "X-Content-Type-Options": "nosniff", "Cache-Control": "public.*immutable"}),
        ("/ipfs/{}", {}, 400, {}),
        ("/ipfs/{}", {"Accept": "*/*"}, 400, {}),
        # TestTrustlessRawRanges
        ("/ipfs/{}?format=raw", {"Range": "bytes=6-16"}, 206, {"Content-Range": "bytes 6-16/.*"}),
        # FormatPrecedence: the query wins over Accept
        ("/ipfs/{}?format=raw", {"Accept": "application/vnd.ipld.car"}, 200,
         {"Content-Type": r"application/vnd\.ipld\.raw"}),
        ("/ipfs/{}?format=car", {"Accept": "application/vnd.ipld.raw"}, 200,
         {"Content-Type": r"application/vnd\.ipld\.car.*"}),
        ("/ipfs/{}?format=car&car-dups=y", {"Accept": "application/vnd.ipld.car; dups=n"}, 200,
         {"Content-Type": ".*dups=y"}),
        ("/ipfs/{}", {"Accept": "application/vnd.ipld.raw;q=0.3, application/vnd.ipld.car;q=0.8"},
         200, {"Content-Type": r"application/vnd\.ipld\.car.*"}),
        # OrderAndDuplicates
        ("/ipfs/{}", {"Accept": "application/vnd.ipld.car; order=dfs; dups=y"}, 200,
         {"Content-Type": r"application/vnd\.ipld\.car; version=1; order=dfs; dups=y"}),
        ("/ipfs/{}", {"Accept": "application/vnd.ipld.car; version=1; order=unk; dups=n"}, 200,
         {"Content-Type": ".*order=dfs; dups=n"}),
        ("/ipfs/{}?format=car&car-version=2", {}, 400, {}),
        ("/ipfs/{}?format=car&car-order=bfs", {}, 400, {}),
        ("/ipfs/{}?format=car&car-dups=maybe", {}, 400, {}),
        # DagScope
        ("/ipfs/{}?format=car&dag-scope=block", {}, 200, {"Accept-Ranges": "none"}),
        ("/ipfs/{}?format=car&dag-scope=entity&entity-bytes=0:*", {}, 200, {}),
        ("/ipfs/{}?format=car&dag-scope=all", {}, 200, {"ETag": 'W/".*"'}),
        ("/ipfs/{}?format=car&dag-scope=some", {}, 400, {}),
        # the probe, and identity CIDs
        ("/ipfs/bafkqaaa?format=raw", {}, 200, {"Content-Length": "0"}),
        ("/ipfs/bafkqaaa?format=car", {}, 200, {}),
        ("/ipfs/bafkqaf3imvwgy3zaneqgc3janfxgy2lomvscay3jmqfa?format=car", {}, 200, {}),
        # TestCodecMismatchReturns406, and forms that are not made here
        ("/ipfs/{}?format=dag-json", {}, 406, {}),
        ("/ipfs/{}", {"Accept": "application/vnd.ipld.dag-json"}, 406, {}),
        ("/ipfs/{}?format=tar", {}, 406, {}),
        ("/ipfs/{}?format=jpeg", {}, 400, {}),
        # paths: those of fixtures are in gateway_cases.py
        ("/ipfs/{}/tree?format=raw", {}, 200, {"X-Ipfs-Roots": "{},bafy[a-z0-9]+"}),
        ("/ipfs/{}/tree/1/0?format=raw", {}, 501, {}),
        ("/ipfs/{}/parents/0/tree?format=car&dag-scope=block", {}, 200, {}),
        ("/ipfs/{}/message?format=car", {}, 501, {}),
        ("/ipfs/{}/nothing?format=car", {}, 404, {}),
        # what isn't there
        ("/ipfs/" + MISSING + "?format=raw", {}, 404, {}),
        ("/ipfs/" + MISSING + "?format=car", {}, 404, {}),
        ("/ipfs/" + MISSING + "?format=raw", {"Cache-Control": "only-if-cached"}, 412, {}),
        ("/ipfs/{}?format=raw", {"Cache-Control": "only-if-cached"}, 200, {}),
        ("/ipfs/nonsense?format=raw", {}, 400, {}),
        ("/ipfs/" + MISSING[:-3] + "?format=raw", {}, 400, {}),
        ("/ipfs/", {}, 404, {}),
        # TestCors
        ("/ipfs/bafkqabtimvwgy3yk/?format=raw", {}, 200,
         {"Access-Control-Allow-Origin": r"\*",
          "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS.*",
          "Access-Control-Allow-Headers": ".*Content-Type, Range, User-Agent, X-Requested-With",
          "Access-Control-Expose-Headers":
          "Content-Length, Content-Range, .*X-Chunked-Output, X-Ipfs-Path, X-Ipfs-Roots, "
          "X-Stream-Output"}),
    ]

    def test_cases(self):
        cid = self.head_cid()
        for path, asked, expected, headers in self.CASES:
            with self.subTest(path=path, headers=asked):
                status, got, body = self.server.ask(path.replace("{}", cid), **{
                    name.replace("-", "_"): value for name, value in asked.items()})
                self.assertEqual(status, expected, body)
                for name, pattern in headers.items():
                    self.assertRegex(got.get(name.lower(), ""),
                                     f"^{pattern.replace('{}', cid)}$")
                if status >= 400:
                    self.assertEqual(body.count(b"\n"), 1)
                    self.assertGreater(len(body), 8)

    def test_the_probe(self):
        self.assertEqual(self.server.ask("/ipfs/bafkqaaa?format=car")[2], EMPTY_CAR)
        self.assertEqual(self.server.ask("/ipfs/bafkqaaa?format=raw")[2], b"")
        self.assertEqual(self.server.ask("/ipfs/bafkqabtimvwgy3yk?format=raw")[2], b"hello\n")

    def test_options(self):
        for path in ("/ipfs/bafkqaaa", "/copse/v1/blocks", "/copse/v1/blog", "/"):
            status, headers, body = self.server.ask(path, "OPTIONS")
            self.assertEqual((status, body), (204, b""))
            self.assertEqual(headers["access-control-allow-origin"], "*")
            self.assertIn("OPTIONS", headers["allow"])
        for method, path in (("POST", "/ipfs/bafkqaaa"), ("PUT", "/"), ("DELETE", "/health"),
                             ("GET", "/copse/v1/blocks/")):
            status, headers, _ = self.server.ask(path, method)
            self.assertIn(status, (404, 405))
            self.assertEqual(status == 405, "allow" in headers)
        self.assertEqual(self.server.ask("/nothing")[0], 404)
        self.assertEqual(self.server.ask("/copse/v1/%00")[0], 400)


class Cars(ServeTest):
    def test_whole_tree(self):
        root = self.tree_cid()
        _, headers, body = self.server.ask(f"/ipfs/{root}?format=car")
        _, sections = car_sections(body)
        self.assertEqual(sections[0][0], cid_bytes(root))
        self.assertEqual(len({cid for cid, _ in sections}), len(sections))
        self.write("tree.car", body)
        self.assertEqual(headers["transfer-encoding"], "chunked")
        self.good("tree", "import", self.path("copy"), self.path("tree.car"))
        count = self.good("tree", "count", self.path("copy")).strip()
        self.assertEqual(count, self.good("tree", "count", "--ref", root,
                                          os.path.join(self.folder, "blog.copse")).strip())
        self.assertGreater(int(count), self.POSTS)
        exported = self.path("exported.car")
        self.good("tree", "export", os.path.join(self.folder, "blog.copse"), exported, "--ref",
                  root)
        self.assertEqual(self.read(exported), body)

    def test_scope_of_one_block(self):
        root = self.tree_cid()
        for scope in ("block", "entity"):
            body = self.server.ask(f"/ipfs/{root}?format=car&dag-scope={scope}")[2]
            self.assertEqual([cid for cid, _ in car_sections(body)[1]], [cid_bytes(root)])

    def test_compressed(self):
        path = f"/ipfs/{self.head_cid()}?format=car"
        plain = self.server.ask(path)[2]
        status, headers, packed = self.server.ask(path, Accept_Encoding="br, gzip;q=0.5")
        self.assertEqual((status, headers["content-encoding"]), (200, "gzip"))
        self.assertEqual(gzip.decompress(packed), plain)
        self.assertIn("Accept-Encoding", headers["vary"])
        _, headers, packed = self.server.ask(path, Accept_Encoding="gzip, zstd")
        self.assertEqual((headers["content-encoding"], packed[:4]), ("zstd", b"\x28\xb5\x2f\xfd"))
        self.assertNotIn("content-encoding", self.server.ask(path, Accept_Encoding="zstd;q=0")[1])
        if shutil.which("zstd"):
            self.assertEqual(subprocess.run(["zstd", "-dcq"], input=packed, check=True,
                                            stdout=subprocess.PIPE).stdout, plain)
        got = subprocess.run(["curl", "-sS", "--compressed", self.server.url + path], check=True,
                             stdout=subprocess.PIPE).stdout
        self.assertEqual(got, plain)

    def test_not_modified(self):
        path = f"/ipfs/{self.head_cid()}?format=car"
        etag = self.server.ask(path)[1]["etag"]
        self.assertEqual(self.server.ask(path, If_None_Match=etag)[::2], (304, b""))
        self.assertEqual(self.server.ask(path + "&car-dups=y", If_None_Match=etag)[0], 200)

    def test_head_has_no_body(self):
        status, headers, body = self.server.ask(f"/ipfs/{self.head_cid()}?format=car", "HEAD")
        self.assertEqual((status, body), (200, b""))
        self.assertNotIn("content-length", headers)

    def test_a_missing_block_cuts_it(self):
        """Of two links one leads nowhere."""
        folder = self.path("torn")
        block = links(b"\x01\x55\x12\x20" + hashlib.sha256(b"there").digest(),
                      b"\x01\x55\x12\x20" + hashlib.sha256(b"missing").digest())
        self.good("init", folder)
        there = self.good("block", "put", folder, "-", "--codec", "raw", stdin=b"there").strip()
        root = self.good("block", "put", folder, "-", "--codec", "dag-cbor", "--input", "dag-cbor",
                         stdin=block).strip()
        server = Server(self.dir, folder)
        try:
            connection = server.connect()
            connection.sendall(f"GET /ipfs/{root}?format=car HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            got = receive_all(connection)
            connection.close()
            self.assertIn(b"HTTP/1.1 200 ", got)
            self.assertFalse(got.endswith(b"0\r\n\r\n"))
            curl = subprocess.run(["curl", "-sS", f"{server.url}/ipfs/{root}?format=car"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
            self.assertEqual(curl.returncode, 18)
            both = links(*(cid_bytes(cid) for cid in (root, there)))
            _, sections = car_sections(server.ask("/copse/v1/blocks", "POST", both)[2])
            self.assertEqual([cid_text(cid) for cid, _ in sections], [root, there])
        finally:
            server.stop()


class Batch(ServeTest):
    def ask(self, body, **headers):
        return self.server.ask("/copse/v1/blocks", "POST", body, **headers)

    def test_in_the_order_asked_for(self):
        _, sections = car_sections(self.server.ask(f"/ipfs/{self.tree_cid()}?format=car")[2])
        cids = [cid for cid, _ in sections]
        wanted = cids[::-2]
        missing = b"\x01\x71\x12\x20" + bytes(32)
        identity = bytes.fromhex("01550000")
        status, headers, body = self.ask(
            links(wanted[0], missing, identity, *wanted[1:], wanted[0]))
        self.assertEqual((status, headers["content-type"]),
                         (200, "application/vnd.ipld.car; version=1"))
        header, sections = car_sections(body)
        self.assertEqual([cid for cid, _ in sections], wanted)
        self.assertEqual(header, EMPTY_CAR[1:])
        self.assertEqual(self.ask(links(missing))[2], EMPTY_CAR)
        self.assertEqual(self.ask(links())[2], EMPTY_CAR)
        status, headers, packed = self.ask(links(*cids), Accept_Encoding="gzip")
        self.assertEqual(car_sections(gzip.decompress(packed))[1][0][0], cids[0])

    def test_refuses(self):
        cid = cid_bytes(self.head_cid())
        for body, status in ((b"", 400), (b"\xff", 400), (b"\xa0", 400), (b"\x81\x01", 400),
                             (links(cid) + b"\x00", 400), (links(cid)[:-1], 400),
                             (b"\x9f" + links(cid)[1:] + b"\xff", 400),
                             (links(*[cid] * 1025), 413), (b"\x00" * (1 << 20 | 1), 413)):
            got, _, text = self.ask(body)
            self.assertEqual(got, status, text)
            self.assertEqual(text.count(b"\n"), 1)
        self.assertEqual(self.ask(links(*[cid] * 1024))[0], 200)


def query_request(minimum, limit):
    """Asks for posts with _id of at least `minimum`, both below 24, in DAG-CBOR."""
    query = (b"\xa6\x64skip\x00\x64sort\xf6\x65limit" + bytes([limit]) +
             b"\x66filter\xa1\x63_id\xa1\x64$gte" + bytes([minimum]) +
             b"\x67project\xf6\x6acollection\x65posts")
    return b"\xa4\x64have\x80\x64hint\xf6\x64root\xf6\x65query" + query


class Queries(ServeTest):
    def ask(self, body, path="/copse/v1/blog/query", method="POST", **headers):
        return self.server.ask(path, method, body, **headers)

    def test_an_answer_verifies(self):
        status, headers, car = self.ask(query_request(7, 3), Origin="http://page.example")
        self.assertEqual((status, headers["content-type"], headers["cache-control"]),
                         (200, "application/vnd.ipld.car; version=1", "no-store"))
        self.assertEqual(headers["copse-root"], self.head_cid())
        self.assertIn("Copse-Root", headers["access-control-expose-headers"])
        self.write("answer.car", car)
        *documents, verdict = self.good_json("verify", "answer.car", headers["copse-root"],
                                             "posts", '{"_id":{"$gte":7}}', "--limit", "3")
        self.assertEqual([document["_id"] for document in documents], [7, 8, 9])
        status, of_gzip, packed = self.ask(query_request(7, 3), Accept_Encoding="gzip")
        self.assertEqual((status, of_gzip["content-encoding"]), (200, "gzip"))
        self.assertEqual(gzip.decompress(packed), car)
        tree = self.tree_cid()
        status, of_tree, _ = self.ask(query_request(7, 3), f"/copse/v1/{tree}/query")
        self.assertEqual((status, of_tree["copse-root"]), (200, tree))

    def test_refuses(self):
        request = query_request(7, 3)
        nowhere = f"/copse/v1/{Gateway.MISSING}/query"
        for body, path, method, status in (
                (b"", "/copse/v1/blog/query", "POST", 400),
                (request + b"\x00", "/copse/v1/blog/query", "POST", 400),
                (request.replace(b"$gte", b"$gee"), "/copse/v1/blog/query", "POST", 400),
                (request, "/copse/v1/blo/query", "POST", 404), (request, nowhere, "POST", 404),
                (None, "/copse/v1/blog/query", "GET", 405)):
            got, _, text = self.ask(body, path, method)
            self.assertEqual(got, status, text)
            self.assertEqual(text.count(b"\n"), 1)


class Heads(ServeTest):
    def test_forms(self):
        status, headers, body = self.server.ask("/copse/v1/blog")
        head = json.loads(body)
        stats, = self.good_json("stats", os.path.join(self.folder, "blog.copse"))
        self.assertEqual(head, {"head": {"/": stats["commit"]}, "name": "blog",
                                "tree": {"/": stats["tree"]}})
        self.assertEqual((status, headers["content-type"], headers["cache-control"]),
                         (200, "application/json", "no-cache"))
        status, of_cbor, cbor = self.server.ask("/copse/v1/blog",
                                                Accept="application/vnd.ipld.dag-cbor")
        self.assertEqual(of_cbor["content-type"], "application/vnd.ipld.dag-cbor")
        self.assertEqual(cbor[:8], b"\xa3\x64head\xd8\x2a")
        self.assertNotEqual(of_cbor["etag"], headers["etag"])
        self.assertEqual(self.server.ask("/copse/v1/blog", Accept="application/vnd.ipld.dag-json")
                         [1]["content-type"], "application/vnd.ipld.dag-json")
        status, _, body = self.server.ask("/copse/v1/blog", If_None_Match=headers["etag"])
        self.assertEqual((status, body), (304, b""))
        self.assertEqual(self.server.ask("/copse/v1/blo")[0], 404)

    def test_commits_of_others_are_seen(self):
        before = self.head()
        etag = self.server.ask("/copse/v1/blog")[1]["etag"]
        for number in range(3):
            self.run_class("insert", "blog.copse", "other", json.dumps({"n": number}))
            after = self.head()
            self.assertNotEqual(after["head"], before["head"])
            self.assertEqual(self.server.ask(f"/ipfs/{after['tree']['/']}?format=raw")[0], 200)
            before = after
        self.assertEqual(self.server.ask("/copse/v1/blog", If_None_Match=etag)[0], 200)
        # A block is found without asking for the head first.
        self.run_class("insert", "blog.copse", "other", '{"n":9}')
        stats, = self.good_json("stats", os.path.join(self.folder, "blog.copse"))
        time.sleep(0.15)
        self.assertEqual(self.server.ask(f"/ipfs/{stats['commit']}?format=raw")[0], 200)

    def test_pages(self):
        index = json.loads(self.server.ask("/")[2])
        self.assertEqual([row["name"] for row in index["databases"]], ["blog"])
        status, headers, page = self.server.ask("/", Accept="text/html,*/*;q=0.8")
        self.assertEqual((status, headers["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertIn(b'<a href="/copse/v1/blog">blog</a>', page)
        self.assertEqual(self.server.ask("/health")[::2], (200, b"ok\n"))

    def test_metrics(self):
        def count(name):
            text = self.server.ask("/metrics")[2].decode()
            found = re.search(rf"^{re.escape(name)} (\d+)$", text, re.M)
            return int(found.group(1)) if found else 0

        name = 'copse_http_requests_total{route="/ipfs/{}",status="404"}'
        blocks = count("copse_blocks_sent_total")
        before = count(name)
        self.server.ask(f"/ipfs/{Gateway.MISSING}?format=raw")
        self.assertEqual(count(name), before + 1)
        self.server.ask(f"/ipfs/{self.head_cid()}?format=raw")
        self.assertEqual(count("copse_blocks_sent_total"), blocks + 1)
        self.assertEqual(count("copse_http_connections"), 1)
        for line in self.server.ask("/metrics")[2].decode().splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) \w+ .*|\w+({[^}]*({})?[^}]*})? \d+)$')


class Ends(CommandTest):
    def serve(self, *arguments):
        server = Server(self.dir, *arguments)
        self.addCleanup(lambda: server.child.poll() is None and server.stop(signal.SIGKILL))
        return server

    def make(self, name, size_bytes=0):
        folder = self.path(name)
        self.good("init", folder)
        if size_bytes > 0:
            rows = "".join(json.dumps({"_id": i, "text": text_of(i, name)}) + "\n"
                           for i in range(size_bytes // 384))
            self.good("insert", folder, "posts", "-", stdin=rows)
        return folder

    def test_several_databases(self):
        self.make("a.copse"), self.make("b c"), self.make("d&<\"e.copse")
        server = self.serve("a.copse/", self.path("b c"), "d&<\"e.copse", "--verbose")
        self.assertEqual([row["name"] for row in server.hello["databases"]],
                         ["a", "b c", "d&<\"e"])
        self.assertEqual(json.loads(server.ask("/copse/v1/b%20c")[2])["name"], "b c")
        page = server.ask("/", Accept="text/html")[2].decode()
        self.assertIn('<a href="/copse/v1/d%26%3C%22e">d&amp;&lt;&quot;e</a>', page)
        code, errors = server.stop(signal.SIGINT)
        self.assertEqual(code, 0)
        self.assertRegex(errors, r'127\.0\.0\.1 "GET /copse/v1/b%20c" 200 \d+ B \d+ ms\n')

    def test_refuses(self):
        self.make("a.copse")
        os.mkdir(self.path("other"))
        self.make("other/a")
        self.make("blocks.copse")
        self.bad(1, "there is no store", "serve", "nothing", "--listen", "127.0.0.1:0")
        self.bad(1, "is served already", "serve", "a.copse", "other/a", "--listen", "127.0.0.1:0")
        self.bad(1, "can't be the name", "serve", "blocks.copse", "--listen", "127.0.0.1:0")
        self.bad(2, "no IP address", "serve", "a.copse", "--listen", "nowhere:0")
        self.bad(2, "is no ADDRESS:PORT", "serve", "a.copse", "--listen", "127.0.0.1:70000")
        self.bad(2, "is no ADDRESS:PORT", "serve", "a.copse", "--listen", "127.0.0.1:x")
        server = self.serve("a.copse")
        self.bad(1, "address already in use", "serve", "a.copse", "--listen",
                 f"127.0.0.1:{server.port}")
        self.assertEqual(server.stop()[0], 0)

    def test_sends_what_runs_before_it_ends(self):
        root = self.stats(self.make("blog.copse", 6 << 20))
        server = self.serve("blog.copse")
        whole = server.ask(f"/ipfs/{root}?format=car")[2]
        connection = server.connect(1 << 16)
        connection.sendall(f"GET /ipfs/{root}?format=car HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        got = connection.recv(1 << 12)
        server.child.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        with self.assertRaises(OSError):
            server.connect()
        got += receive_all(connection)
        connection.close()
        self.assertTrue(got.endswith(b"\r\n0\r\n\r\n"))
        self.assertGreater(len(got), len(whole))
        self.assertEqual(server.stop()[0], 0)

    def test_memory_is_bounded(self):
        """Clients that ask for much and read nothing."""
        root = self.stats(self.make("blog.copse", 7 << 20))
        server = self.serve("blog.copse")
        server.ask("/")
        clients = [server.connect(1 << 14) for _ in range(16)]
        for client in clients:
            client.sendall(f"GET /ipfs/{root}?format=car HTTP/1.1\r\nHost: h\r\n"
                           f"Accept-Encoding: zstd\r\n\r\n".encode())
        held, deadline = 0, time.monotonic() + 20
        while held <= 16 << 16 and time.monotonic() < deadline:
            text = server.ask("/metrics")[2].decode()
            held = int(re.search(r"^copse_answer_memory_bytes (\d+)$", text, re.M).group(1))
        self.assertGreater(held, 16 << 16)
        self.assertLessEqual(held, 256 << 20)
        for client in clients:
            client.close()
        self.assertEqual(server.stop()[0], 0)

    def stats(self, folder):
        stats, = self.good_json("stats", folder)
        return stats["tree"]
