"""Running `copse serve` for long: settings in a file, logs, a service manager, manual pages."""
import glob
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import unittest

import support
from serve_cases import Server, cid_text, receive_all
from support import CommandTest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
FIXTURE = os.path.join(ROOT, "tests", "vectors", "gateway", "dag-cbor-traversal.car")


class Operated(CommandTest):
    def serve(self, *arguments):
        server = Server(self.dir, *arguments)
        self.addCleanup(lambda: server.child.poll() is None and server.stop(signal.SIGKILL))
        self.assertTrue(server.hello, "it did not begin")
        return server

    def make(self, name):
        self.good("init", self.path(name))
        self.good("insert", self.path(name), "posts", '{"_id":1}')
        return self.path(name)


class Config(Operated):
    def names(self, server):
        return [row["name"] for row in server.hello["databases"]]

    def test_settings(self):
        self.make("a.copse"), self.make("my blog")
        self.write("serve.conf", "# what we serve\r\n\r\ndatabase = a.copse\r\n  database=my blog  \n"
                                 f"database = {FIXTURE}\n\tlog = json\nlisten = 192.0.2.1:1\n"
                                 "verbose = no\nannounce = https://a.example\n"
                                 "announce = https://b.example\nurl = 100\n# the end")
        server = self.serve("--config", "serve.conf")
        self.assertEqual(self.names(server), ["a", "my blog", "dag-cbor-traversal"])
        head = json.loads(server.ask("/copse/v1/dag-cbor-traversal")[2])["head"]["/"]
        peer, = json.loads(server.ask(f"/routing/v1/providers/{head}")[2])["Providers"]
        self.assertEqual(peer["Addrs"], ["/dns/a.example/tcp/443/tls/http",
                                         "/dns/b.example/tcp/443/tls/http"])
        self.assertEqual(server.ask("/" + "x" * 200)[0], 414) # the limit `url`
        self.assertEqual(server.ask("/copse/v1/my%20blog")[0], 200)
        code, errors = server.stop()
        self.assertEqual(code, 0)
        self.assertEqual(len([json.loads(line) for line in errors.splitlines()]), 4)

    def test_the_command_line_wins(self):
        self.make("a.copse"), self.make("b.copse")
        self.write("serve.conf", "database = a.copse\nlisten = 192.0.2.1:1\nurl = 100\nlog = json\n")
        server = self.serve("b.copse", "--config", "serve.conf", "--limit", "url=8K", "--log", "text")
        self.assertEqual(self.names(server), ["b"])
        self.assertEqual(server.ask("/" + "x" * 200)[0], 404)
        self.assertIn('"GET /xxx', server.stop()[1])
        server = self.serve("b.copse", "--limit", "url=100", "--limit", "url=8K")
        self.assertEqual(server.ask("/" + "x" * 200)[0], 404)
        server.stop()

    def test_errors_name_file_and_line(self):
        self.make("a.copse")
        for text, line, message in (
                ("database = a.copse\nconections = 5\n", 2, "there is no setting 'conections'"),
                ("\n\nlisten 1\n", 3, "a line is NAME = VALUE"),
                ("= 1\n", 1, "neither of them empty"),
                ("listen =\n", 1, "neither of them empty"),
                ("log = xml\n", 1, "--log takes json|text, not 'xml'"),
                ("verbose = maybe\n", 1, "--verbose takes yes or no, not 'maybe'"),
                ("connections = many\n", 1, "connections takes a number, such as 100"),
                ("connections = 0\n", 1, "connections can't be 0"),
                ("memory = 5X\n", 1, "memory takes a size"),
                ("idle-time = 5\n", 1, "idle-time takes a time, such as 500ms, 10s or 2m"),
                ("idle-time = 4294968s\n", 1, "idle-time can't be 4294968s"),
                ("config = other.conf\n", 1, "there is no setting 'config'"),
                ("limit = url=5\n", 1, "there is no setting 'limit'"),
                ("a" * 100 + " = 1\n", 1, "a line is NAME = VALUE"),
                ("listen = a\0b\n", 1, "a NUL")):
            self.write("serve.conf", text)
            result = self.bad(2, message, "serve", "--config", "serve.conf")
            self.assertIn(f"serve.conf:{line}: ", result.errors())
        self.write("serve.conf", "conections = 5\n")
        self.assertIn("did you mean connections?",
                      self.bad(2, "", "serve", "--config", "serve.conf").errors())
        self.write("serve.conf", "databas = a\n")
        self.assertIn("did you mean database?",
                      self.bad(2, "", "serve", "--config", "serve.conf").errors())

    def test_refuses(self):
        self.write("serve.conf", "log = json\n")
        self.bad(1, "serve.none", "serve", "--config", "serve.none")
        self.bad(2, "DB is missing", "serve", "--config", "serve.conf")
        self.bad(2, "DB is missing", "serve")
        self.make("a.copse")
        self.write("serve.conf", "".join(f"announce = http://a{i}\n" for i in range(65)))
        self.bad(2, "at most", "serve", "a.copse", "--config", "serve.conf")
        self.write("serve.conf", "announce = http://a\n")
        self.bad(2, "", "serve", "a.copse", "--config", "serve.conf",
                 *(word for i in range(64) for word in ("--announce", f"http://b{i}")))
        for limit, message in (("conections=5", "did you mean connections?"), ("url", "NAME=VALUE"),
                               ("=5", "there is no limit ''"), ("url=", "url takes a size"),
                               ("url=99999999999999999999", "url takes a size"),
                               ("request-time=99999999999999999999s", "takes a time")):
            self.bad(2, message, "serve", "a.copse", "--limit", limit)

    def test_each_name_means_one_thing(self):
        """No limit is called like an option: in a file they have one space of names."""
        with open(os.path.join(ROOT, "apps", "copse", "serve_limits.c"), encoding="utf-8") as file:
            limits = re.findall(r'SERVE_LIMIT\("([a-z-]+)"', file.read())
        options = re.findall(r"^  (?:-\w, )?--([a-z-]+)", self.good("serve", "--help"), re.M)
        self.assertGreater(min(len(limits), len(options)), 8)
        self.assertEqual(len(set(limits + options + ["database"])), len(limits + options) + 1)
        with open(os.path.join(ROOT, "docs", "serving.md"), encoding="utf-8") as file:
            rows = re.findall(r"^\| (`[a-z-]+`(?:, `[a-z-]+`)*) \| `\w+_max`", file.read(), re.M)
        documented = [name for row in rows for name in re.findall(r"[a-z-]+", row)]
        self.assertEqual(sorted(documented), sorted(limits))

    def test_a_limit_of_watchers(self):
        self.make("a.copse")
        self.write("serve.conf", "database = a.copse\nwatchers = 1\n")
        server = self.serve("--config", "serve.conf")
        first, second = server.connect(), server.connect()
        for connection in (first, second):
            connection.sendall(b"GET /copse/v1/a/events HTTP/1.1\r\nHost: h\r\n\r\n")
            got = connection.recv(1 << 12)
            self.assertIn(b" 200 OK" if connection is first else b" 503 ", got)
        self.assertEqual(re.findall(rb"Retry-After: \d+", got), [b"Retry-After: 10"])
        first.close()
        second.close()
        self.assertEqual(server.stop()[0], 0)

    def test_a_car_file(self):
        """It is served as it is, and queried like a folder."""
        folder = self.make("a.copse")
        self.good("tree", "export", folder, self.path("copy.car"))
        server = self.serve("copy.car")
        self.assertEqual(server.hello["databases"], [{"name": "copy", "path": "copy.car"}])
        self.assertEqual(self.good("find", f"{server.url}/copy", "posts"), '{"_id":1}\n')
        self.assertEqual(server.stop()[0], 0)
        self.write("broken.car", self.read("copy.car")[:-10])
        self.bad(1, "can't be read as a CAR file", "serve", "broken.car")
        # One without roots has blocks, and no head.
        cid = bytes.fromhex("01551220") + hashlib.sha256(b"x").digest()
        self.write("rootless.car", bytes.fromhex("11a265726f6f7473806776657273696f6e01") +
                   bytes([len(cid) + 1]) + cid + b"x")
        server = self.serve("rootless.car")
        self.assertEqual(server.ask("/copse/v1/rootless")[0], 404)
        self.assertEqual(server.ask(f"/ipfs/{cid_text(cid)}?format=raw")[::2], (200, b"x"))
        server.stop()


class Log(Operated):
    MEMBERS = ["time", "peer", "method", "path", "status", "bytes", "ms", "cut"]

    def send(self, server, request):
        connection = server.connect()
        connection.sendall(request)
        got = receive_all(connection)
        connection.close()
        return got

    def test_json(self):
        server = self.serve(self.make("a.copse"), "--log", "json")
        server.ask("/copse/v1/a")
        server.ask("/nothing?x=%22", "HEAD")
        quoted = self.send(server, b'GET /a"b\\c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n')
        latin = self.send(server, b"GET /\xe9\xc3\xa9 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        self.send(server, b"nonsense\r\n\r\n")
        long = self.send(server, b"GET /" + b'"' * 3000 + b" HTTP/1.1\r\nHost: h\r\n"
                                 b"Connection: close\r\n\r\n")
        _, errors = server.stop()
        lines = [json.loads(line) for line in errors.splitlines()]
        self.assertEqual(len(lines), 6)
        for line in lines:
            self.assertEqual(list(line), self.MEMBERS)
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertEqual((line["peer"], line["cut"]), ("127.0.0.1", False))
            self.assertGreater(line["bytes"], 50)
            self.assertGreaterEqual(line["ms"], 0)
        self.assertEqual([(line["method"], line["path"], line["status"]) for line in lines[:2]],
                         [("GET", "/copse/v1/a", 200), ("HEAD", "/nothing?x=%22", 404)])
        for line, answer, path in ((lines[2], quoted, '/a"b\\c'), (lines[3], latin, "/\xe9\xe9"),
                                   (lines[5], long, "/" + '"' * 2047)):
            status = int(answer.split()[1])
            self.assertEqual(line["status"], status)
            self.assertEqual(line["path"], path if status != 400 else "")
        self.assertEqual((lines[4]["method"], lines[4]["status"]), ("", 400))

    def test_what_is_cut(self):
        folder = self.path("big.copse")
        self.good("init", folder)
        self.good("insert", folder, "posts", "-", stdin="".join(
            json.dumps({"_id": i, "text": os.urandom(20000).hex()}) for i in range(200)))
        stats, = self.good_json("stats", folder)
        server = self.serve(folder, "--log", "json")
        connection = server.connect(1 << 14)
        connection.sendall(f"GET /ipfs/{stats['tree']}?format=car HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        connection.recv(1 << 10)
        connection.close()
        line = json.loads(server.stop()[1].splitlines()[0])
        self.assertTrue(line["cut"])

    def test_text(self):
        server = self.serve(self.make("a.copse"), "--log", "text")
        server.ask("/copse/v1/a")
        answer = self.send(server, b"GET /\xe9\x9b[31m HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        _, errors = server.stop()
        lines = errors.splitlines()
        self.assertRegex(lines[0], r'^127\.0\.0\.1 "GET /copse/v1/a" 200 \d+ B \d+ ms$')
        self.assertTrue(all(" " <= c <= "~" for line in lines for c in line), lines)
        self.assertEqual(len(lines), 2, answer)


class Service(Operated):
    def notified(self, name):
        """What the server tells the socket of this name."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind("\0" + name[1:] if name.startswith("@") else name)
            manager.settimeout(20)
            os.environ["NOTIFY_SOCKET"] = name
            try:
                server = self.serve(self.make("a.copse"))
                told = manager.recv(100)
            finally:
                del os.environ["NOTIFY_SOCKET"]
            self.assertEqual(server.stop()[0], 0)
        return told

    def test_notifies_by_a_path(self):
        self.assertEqual(self.notified(self.path("notify")), b"READY=1")

    def test_notifies_by_an_abstract_name(self):
        self.assertEqual(self.notified(f"@copse-test-{os.getpid()}"), b"READY=1")

    def test_nobody_to_notify(self):
        for name in ("", "x", "relative", self.path("nothing"), "/" * 200):
            os.environ["NOTIFY_SOCKET"] = name
            try:
                server = self.serve(FIXTURE)
            finally:
                del os.environ["NOTIFY_SOCKET"]
            self.assertEqual(server.ask("/health")[0], 200)
            self.assertEqual(server.stop()[0], 0)

    def test_the_unit(self):
        with open(os.path.join(ROOT, "apps", "copse", "copse.service.in"), encoding="utf-8") as file:
            unit = file.read()
        self.assertEqual(re.findall(r"@\w+@", unit), ["@copse_bindir@"])
        for setting in ("DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes",
                        "MemoryDenyWriteExecute=yes", "--config /etc/copse/serve.conf"):
            self.assertIn(setting, unit)
        if shutil.which("systemd-analyze") is None:
            self.skipTest("systemd-analyze is not installed")
        os.symlink(support.COPSE, self.path("copse"))
        self.write("copse.service", unit.replace("@copse_bindir@", self.dir))
        ran = subprocess.run(["systemd-analyze", "verify", "--man=no", self.path("copse.service")],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertEqual((ran.returncode, ran.stdout), (0, b""))


class Manual(CommandTest):
    def pages(self):
        subprocess.run([os.path.join(ROOT, "tools", "make-man"), support.COPSE, self.path("man")],
                       check=True)
        return sorted(glob.glob(self.path("man/*.1")))

    def test_pages(self):
        """Each command has one, and what its help says is in it."""
        overview = re.findall(r"^  (?!copse )([a-z][a-z -]*?)(?= [A-Z\[]|  )", self.good("--help"), re.M)
        names = [os.path.basename(page)[:-len(".1")] for page in self.pages()]
        self.assertEqual(sorted(names), sorted(
            ["copse", *("copse-" + command.replace(" ", "-") for command in overview)]))
        for name in names:
            if name == "copse":
                continue
            page = self.path(f"man/{name}.1")
            with open(page, "rb") as file:
                text = file.read().decode("ascii")
            words = re.search(r"^\\fBcopse (.*?)\\fR", text, re.M).group(1).replace("\\-", "-")
            self.assertEqual("copse-" + words.replace(" ", "-"), name)
            for option in re.findall(r"^  (?:-\w, )?(--[a-z0-9-]+)", self.good(*words.split(), "--help"),
                                     re.M):
                self.assertIn("\\fB" + option.replace("-", "\\-") + "\\fR", text)
        self.bad(2, "there is no page", "help", "--man", "copse-nothing")

    @unittest.skipIf(shutil.which("groff") is None, "groff is not installed")
    def test_groff_has_nothing_to_say(self):
        for page in self.pages():
            ran = subprocess.run(["groff", "-ww", "-man", "-Tutf8", page], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, check=True)
            self.assertEqual(ran.stderr, b"", page)
            self.assertIn(b"SEE ALSO", re.sub(rb"\x1b\[[0-9;]*m|.\x08", b"", ran.stdout))
