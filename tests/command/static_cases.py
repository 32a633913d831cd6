"""`copse publish --static`, and reading what it wrote from web servers that know nothing of Copse:
nginx, and Python's http.server, which ignores Range."""
import functools
import gzip
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import support
from remote_cases import READING, QUESTION, post, run_in
from support import CommandTest

POSTS = 3000
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
CONFIG = """daemon off; master_process off; pid {dir}/pid; error_log {dir}/error.log;
events {{ worker_connections 256; }}
http {{
  log_format counted '$request_method $uri $status $http_range $bytes_sent';
  access_log {dir}/access.log counted; {types}
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  server {{ listen 127.0.0.1:{port}; root {www}; {more} }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Nginx:
    """An nginx of its own: prefix, configuration, port."""

    def __init__(self, www, more="", types="default_type application/octet-stream;"):
        self.dir = tempfile.mkdtemp(prefix="copse-nginx-")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = os.path.join(self.dir, "nginx.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(dir=self.dir, www=www, port=self.port, more=more, types=types))
        # The folder is this user's alone, and so are its workers: there is no master.
        self.child = subprocess.Popen([NGINX, "-p", self.dir, "-c", config],
                                      stderr=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            time.sleep(0.02)

    def log(self):
        """The requests so far: method, path, status, range, bytes sent."""
        time.sleep(0.05)
        with open(os.path.join(self.dir, "access.log"), encoding="utf-8") as file:
            return [line.split() for line in file]

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(20)
        shutil.rmtree(self.dir)


class Simple(http.server.SimpleHTTPRequestHandler):
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass


class SimpleServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Whoever has seen enough goes away."""


class StaticTest(CommandTest):
    """A database of 3,000 posts, published in both forms, behind an nginx."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="copse-static-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.blog = os.path.join(cls.folder, "blog.copse")
        cls.www = os.path.join(cls.folder, "www")
        run_in(cls.folder, "init", "blog.copse")
        posts = "".join(json.dumps(post(i)) + "\n" for i in range(POSTS))
        run_in(cls.folder, "import", "blog.copse", "posts", "-", stdin=posts)
        run_in(cls.folder, "index", "blog.copse", "posts", "tags,-createdAt")
        run_in(cls.folder, "publish", "blog.copse", "--static", "www")
        run_in(cls.folder, "publish", "blog.copse", "--static", "www", "--blocks")
        cls.nginx = Nginx(cls.www)
        cls.addClassCleanup(cls.nginx.stop)
        cls.car = f"{cls.nginx.url}/blog.car"
        cls.blocks = f"{cls.nginx.url}/blog"

    def start(self, *arguments, **options):
        nginx = Nginx(*arguments, **options)
        self.addCleanup(nginx.stop)
        return nginx

    def serve_simply(self, folder):
        """Python's http.server, on a thread."""
        server = SimpleServer(
            ("127.0.0.1", 0), functools.partial(Simple, directory=folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_address[1]}"

    def forget(self):
        shutil.rmtree(self.path("cache"), ignore_errors=True)

    def explain(self, address):
        self.forget()
        row, = self.good_json("find", address, *QUESTION, "--explain")
        return row


class Publishing(StaticTest):
    def test_files(self):
        with open(os.path.join(self.www, "blog.json"), encoding="utf-8") as file:
            said = json.load(file)
        stats, = self.good_json("stats", self.blog)
        self.assertEqual((said["name"], said["blocks"], said["head"]["/"], said["tree"]["/"]),
                         ("blog", "ipfs/", stats["commit"], stats["tree"]))
        self.assertEqual(said["count"], len(os.listdir(os.path.join(self.www, "ipfs"))))
        self.assertEqual(sorted(os.listdir(self.www)),
                         ["blog.car", "blog.json", "copse", "ipfs"])

    def test_json(self):
        row, = self.good_json("publish", self.blog, "--static", "site", "--name", "other")
        self.assertEqual((row["folder"], row["name"]), ("site", "other"))
        self.assertEqual(row["file_bytes"], os.path.getsize(self.path("site/other.car")))
        self.assertEqual(self.good("count", "site/other.car", "posts"), f"{POSTS}\n")

    def test_a_second_time(self):
        """What is published is the same to the byte; of blocks only new ones are written."""
        self.good("publish", self.blog, "--static", "site")
        first = self.read("site/blog.car")
        self.good("publish", self.blog, "--static", "site")
        self.assertEqual(self.read("site/blog.car"), first)
        shutil.copytree(self.blog, self.path("blog.copse"))
        self.good("publish", "blog.copse", "--static", "site", "--blocks")
        before, = self.good_json("publish", "blog.copse", "--static", "site", "--blocks")
        self.assertEqual(before["files_written"], 0)
        self.good("insert", "blog.copse", "posts", '{"_id":-5}')
        after, = self.good_json("publish", "blog.copse", "--static", "site", "--blocks")
        self.assertGreater(after["files_written"], 0)
        self.assertLess(after["files_written"], 12)
        names = os.listdir(self.path("site/ipfs"))
        self.assertFalse([name for name in names if "." in name])
        # What a crash made of a file is put right.
        whole = self.read(f"site/ipfs/{names[0]}")
        self.write(f"site/ipfs/{names[0]}", bytes(len(whole)))
        self.write(f"site/ipfs/{names[1]}", b"")
        self.good("publish", "blog.copse", "--static", "site", "--blocks")
        self.assertEqual(self.read(f"site/ipfs/{names[0]}"), whole)
        self.assertGreater(len(self.read(f"site/ipfs/{names[1]}")), 0)

    def test_history(self):
        """Behind the database as it is stands what was before."""
        self.good("publish", self.blog, "--static", "site")
        self.bad(1, "block", "log", "site/blog.car")
        now = os.path.getsize(self.path("site/blog.car"))
        self.good("publish", self.blog, "--static", "site", "--history")
        self.assertGreater(os.path.getsize(self.path("site/blog.car")), now)
        nginx = self.start(self.path("site"))
        for address in ("site/blog.car", f"{nginx.url}/blog.car"):
            self.assertEqual(self.good("log", address), self.good("log", self.blog))
            self.assertEqual(self.good("diff", address, "HEAD~1", "--count"),
                             self.good("diff", self.blog, "HEAD~1", "--count"))

    def test_refusals(self):
        self.bad(2, "--static DIR", "publish", self.blog)
        self.bad(2, "no name for a file", "publish", self.blog, "--static", "x", "--name", "a/b")
        self.bad(1, "can't be written", "publish", self.blog, "--static", "/dev/null")
        self.bad(1, "neither a ref", "publish", self.blog, "--static", "x", "--ref", "next")

    def test_a_disk_that_is_full(self):
        """The file that was there stays."""
        self.good("publish", self.blog, "--static", "site")
        before = self.read("site/blog.car")
        shutil.copytree(self.blog, self.path("blog.copse"))
        self.good("insert", "blog.copse", "posts", '{"_id":-5}')
        command = f"ulimit -f 64; trap '' XFSZ; '{support.COPSE}' publish blog.copse --static site"
        ran = subprocess.run(["bash", "-c", command], cwd=self.dir, stderr=subprocess.PIPE,
                             check=False)
        self.assertEqual(ran.returncode, 1)
        self.assertIn(b"blog.car", ran.stderr)
        self.assertEqual(self.read("site/blog.car"), before)
        self.assertEqual(sorted(os.listdir(self.path("site"))), ["blog.car", "blog.json"])


class Reading(StaticTest):
    def assert_as_local(self, address):
        for command in READING:
            local = self.run_copse(*[self.blog if word == "@" else word for word in command])
            there = self.run_copse(*[address if word == "@" else word for word in command])
            self.assertEqual((there.code, there.text()), (local.code, local.text()),
                             f"{command}: {there.errors()}")

    def test_a_car(self):
        self.assert_as_local(self.car)

    def test_blocks(self):
        """Nobody answers a POST: it goes on block by block, through /ipfs/CID."""
        self.assert_as_local(self.blocks)
        posts = {status for method, path, status, *_ in self.nginx.log() if method == "POST"}
        self.assertLessEqual(posts, {"404", "405"})
        self.assertGreater(len(posts), 0)

    def test_blocks_are_few(self):
        """Who knows only the top of a tree takes an index for a narrow range all the same."""
        row = self.explain(self.blocks)
        self.assertEqual(row["returned"], 5)
        self.assertLess(row["requests"], 60)

    def test_types_of_files(self):
        """A server that thinks that what it doesn't know is text."""
        nginx = self.start(self.www, types="default_type text/plain;")
        self.forget()
        self.assertEqual(self.good("count", f"{nginx.url}/blog", "posts"), f"{POSTS}\n")

    def test_counts(self):
        """What --explain says is what the server saw."""
        before = len(self.nginx.log())
        row = self.explain(self.car)
        seen = self.nginx.log()[before:]
        self.assertEqual(row["requests"], len(seen))
        self.assertEqual({entry[2] for entry in seen}, {"206"})
        self.assertEqual(row["bytes_fetched"], sum(int(entry[-1]) for entry in seen))
        self.assertLessEqual(row["round_trips"], 5)
        self.assertLess(row["bytes_fetched"], 250000)

    def test_what_is_cached_is_not_asked_for(self):
        self.explain(self.car)
        before = len(self.nginx.log())
        row, = self.good_json("find", self.car, *QUESTION, "--explain")
        self.assertEqual(row["requests"], 1)  # of the head
        self.assertEqual(len(self.nginx.log()), before + 1)
        self.assertIn("as it was", self.run_copse("find", self.car, *QUESTION, "--offline").errors())

    def test_as_a_peer_among_peers(self):
        tree = self.good_json("stats", self.blog)[0]["tree"]
        self.forget()
        self.assertEqual(self.good("count", tree, "posts", "--peer", self.car), f"{POSTS}\n")
        self.forget()
        self.assertEqual(self.good("find", tree, *QUESTION, "--peer", "http://127.0.0.1:1",
                                   "--peer", self.car, "--peer", self.nginx.url),
                         self.good("find", self.blog, *QUESTION))

    def test_a_clone_and_its_pull(self):
        www = self.path("www")
        shutil.copytree(self.blog, self.path("mine.copse"))
        self.good("publish", "mine.copse", "--static", www)
        nginx = self.start(www)
        self.good("clone", f"{nginx.url}/mine.car", "copy.copse")
        self.good("insert", "mine.copse", "posts", '{"_id":-5}')
        self.good("publish", "mine.copse", "--static", www)
        self.good("pull", "copy.copse")
        self.assertEqual(self.good("get", "copy.copse", "posts", "-5"), '{"_id":-5}\n')

    def test_published_again_meanwhile(self):
        """The file is another one, and so is its ETag; a find that begins anew sees the new one."""
        www = self.path("www")
        shutil.copytree(self.blog, self.path("mine.copse"))
        self.good("publish", "mine.copse", "--static", www)
        nginx = self.start(www)
        self.assertEqual(self.good("count", f"{nginx.url}/mine.car", "posts"), f"{POSTS}\n")
        self.good("insert", "mine.copse", "posts", '{"_id":-5}')
        self.good("publish", "mine.copse", "--static", www)
        self.assertEqual(self.good("count", f"{nginx.url}/mine.car", "posts"), f"{POSTS + 1}\n")


class Servers(StaticTest):
    def test_one_that_ignores_ranges(self):
        """A small file is taken whole; a large one is not."""
        url = self.serve_simply(self.www)
        row = self.explain(f"{url}/blog.car")
        self.assertEqual(row["requests"], 1)
        self.assertGreater(row["bytes_fetched"], os.path.getsize(os.path.join(self.www, "blog.car")))
        self.assertEqual(self.good("find", f"{url}/blog.car", *QUESTION),
                         self.good("find", self.blog, *QUESTION))
        shutil.copy(os.path.join(self.www, "blog.car"), self.path("large.car"))
        with open(self.path("large.car"), "ab") as file:
            file.write(bytes(5 << 20))
        url = self.serve_simply(self.dir)
        self.bad(1, "its server must know Range", "count", f"{url}/large.car", "posts")

    def test_blocks_of_one_that_knows_no_post(self):
        url = self.serve_simply(self.www)
        self.forget()
        self.assertEqual(self.good("find", f"{url}/blog", *QUESTION),
                         self.good("find", self.blog, *QUESTION))

    def test_one_that_compresses(self):
        """Parts of a compressed file are of no use: told, not read."""
        www = self.path("www")
        os.makedirs(www)
        with open(os.path.join(self.www, "blog.car"), "rb") as file:
            self.write("www/blog.car", gzip.compress(file.read()))
        nginx = self.start(www, more="add_header Content-Encoding gzip;")
        self.bad(1, "compressed", "count", f"{nginx.url}/blog.car", "posts")

    def test_what_is_no_such_file(self):
        self.bad(1, "answered 404", "count", f"{self.nginx.url}/none.car", "posts")
        os.makedirs(self.path("www"))
        self.write("www/empty.car", b"")
        self.write("www/text.car", b"not a CAR " * 100)
        self.write("www/cut.car", self.read(os.path.join(self.www, "blog.car"))[:100000])
        nginx = self.start(self.path("www"))
        self.bad(1, "", "count", f"{nginx.url}/empty.car", "posts")
        self.bad(1, "can't be read", "count", f"{nginx.url}/text.car", "posts")
        self.bad(1, "cut short", "count", f"{nginx.url}/cut.car", "posts")

    def test_a_car_of_others(self):
        """With an index it is read by ranges, without places; without one it is read whole."""
        tree = self.good_json("stats", self.blog)[0]["tree"]
        www = self.path("www")
        os.makedirs(www)
        self.good("tree", "export", self.blog, "www/two.car", "--car2")
        self.good("tree", "export", self.blog, "www/one.car")
        nginx = self.start(www)
        for name in ("one", "two"):
            self.forget()
            self.assertEqual(self.good("find", f"{nginx.url}/{name}.car", *QUESTION),
                             self.good("find", self.blog, *QUESTION))
        self.assertEqual(self.good("tree", "root", f"{nginx.url}/two.car").strip(), tree)
