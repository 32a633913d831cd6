"""A proxy with TLS and HTTP/2 in front of the command serve, with the settings that docs/serving.md
shows."""
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
import unittest

import support
from serve_cases import Server, links
from support import CommandTest

PAGE = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "serving.md")


def shown(language):
    """The block of code in the page."""
    with open(PAGE, encoding="utf-8") as file:
        return re.search(rf"```{language}\n(.*?)```", file.read(), re.S).group(1)


class ProxyInFront(CommandTest):
    """`self.port` is that of the proxy."""

    def setUp(self):
        super().setUp()
        self.assertTrue(shutil.which("openssl"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-keyout", "key.pem", "-out", "cert.pem"], cwd=self.dir, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.good("init", "blog.copse")
        self.good("insert", "blog.copse", "posts", "-",
                  stdin="".join(f'{{"_id":{i},"n":{i % 7}}}\n' for i in range(3000)))
        self.good("init", "torn.copse")
        self.torn = self.good("block", "put", "torn.copse", "-", "--codec", "dag-cbor", "--input",
                              "dag-cbor", stdin=links(b"\x01\x55\x12\x20" + bytes(32))).strip()
        self.server = Server(self.dir, "blog.copse", "torn.copse", "--verbose", "--trust-proxy",
                             "127.0.0.1")
        self.addCleanup(self.stop_server)
        self.port = support.free_port()
        self.url = f"https://localhost:{self.port}"
        os.environ["SSL_CERT_FILE"] = self.path("cert.pem")
        self.addCleanup(os.environ.pop, "SSL_CERT_FILE")

    def stop_server(self):
        return None if self.server.child.poll() is not None else self.server.stop(signal.SIGKILL)

    def nginx(self):
        if not shutil.which("nginx"):
            raise unittest.SkipTest("there is no nginx here")
        settings = shown("nginx")
        for what, instead in (("listen 443", f"listen 127.0.0.1:{self.port}"),
                              ("data.example.org;", "localhost;"),
                              ("/etc/ssl/data.example.org.pem", self.path("cert.pem")),
                              ("/etc/ssl/data.example.org.key", self.path("key.pem")),
                              ("127.0.0.1:4180", f"127.0.0.1:{self.server.port}")):
            self.assertIn(what, settings)
            settings = settings.replace(what, instead)
        proxy = support.nginx(self.dir, settings, self.port)
        self.addCleanup(proxy.stop)

    def caddy(self):
        if not shutil.which("caddy"):
            raise unittest.SkipTest("there is no caddy here")
        settings = shown("caddy")
        for what, instead in (("data.example.org {", f"{self.url} {{\n"
                               f"bind 127.0.0.1\ntls {self.path('cert.pem')} {self.path('key.pem')}"),
                              ("127.0.0.1:4180", f"127.0.0.1:{self.server.port}")):
            self.assertIn(what, settings)
            settings = settings.replace(what, instead)
        self.write("Caddyfile", "{\nadmin off\nauto_https disable_redirects\ngrace_period 1s\n"
                   f"storage file_system {self.path('caddy')}\n}}\n{settings}")
        proxy = support.WebServer(self.dir, ["env", f"HOME={self.dir}", f"XDG_CONFIG_HOME={self.dir}",
                                             "caddy", "run", "--config", "Caddyfile", "--adapter",
                                             "caddyfile"], self.port)
        self.addCleanup(proxy.stop)

    def curl(self, *arguments):
        ran = subprocess.run(["curl", "-sS", "--cacert", self.path("cert.pem"), *arguments],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        return ran.returncode, ran.stdout.decode(errors="replace")

    def check_commands(self):
        """The answers of find and clone are those that come without the proxy."""
        asked = ("posts", '{"n":3,"_id":{"$lt":30}}')
        self.assertEqual(self.good("find", f"{self.url}/blog", *asked),
                         self.good("find", "blog.copse", *asked))
        self.good("clone", f"{self.url}/blog", "copy.copse")
        self.assertEqual(self.good("count", "copy.copse", "posts"), "3000\n")

    def check_trust(self):
        """Without the certificate, by a peer that has seen nothing yet."""
        del os.environ["SSL_CERT_FILE"]
        os.environ["COPSE_CACHE"] = self.path("other cache")
        self.bad(1, "certificate", "clone", f"{self.url}/blog", "other.copse")
        os.environ["SSL_CERT_FILE"] = self.path("cert.pem")

    def check_http2(self):
        code, out = self.curl("--http2", "-o", "/dev/null", "-w", "%{http_version} %{http_code}",
                              f"{self.url}/copse/v1/blog")
        self.assertEqual((code, out), (0, "2 200"))

    def check_clients(self):
        """The log has the client, whatever it says of itself."""
        for header in ("X-Nothing: 1", "X-Forwarded-For: 9.9.9.9", "Forwarded: for=9.9.9.9"):
            self.curl("--interface", "127.0.0.5", "-H", header, f"{self.url}/health")
        text, deadline = "", time.monotonic() + 20
        while text.count("/health") < 3 and time.monotonic() < deadline:
            with open(self.path("serve.errors"), encoding="utf-8") as file:
                text = file.read()
        self.assertEqual(text.count('127.0.0.5 "GET /health"'), 3, text)
        self.assertNotIn("9.9.9.9", text)

    def check_streams(self):
        """What happens is heard of when it happens, not when a buffer is full."""
        context = ssl.create_default_context(cafile=self.path("cert.pem"))
        with socket.create_connection(("127.0.0.1", self.port), 20) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as connection:
                connection.sendall(b"GET /copse/v1/blog/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
                got = b""
                while got.count(b"data:") < 1:
                    got += connection.recv(1 << 12)
                self.good("insert", "blog.copse", "posts", '{"_id":"new"}')
                head = self.server.ask("/copse/v1/blog")[2].decode()
                cid = re.search(r'"head":\{"/":"(\w+)"', head).group(1).encode()
                while cid not in got:
                    piece = connection.recv(1 << 12)
                    self.assertTrue(piece, got)
                    got += piece

    def check_cuts(self):
        """An answer that is cut does not look whole behind the proxy (behind Caddy 2.6 it does)."""
        head = self.server.ask("/copse/v1/blog")[2].decode()
        root = re.search(r'"tree":\{"/":"(\w+)"', head).group(1)
        code, out = self.curl("-o", "/dev/null", "-w", "%{http_code}",
                              f"{self.url}/ipfs/{root}?format=car")
        self.assertEqual((code, out), (0, "200"))
        code, _ = self.curl("-o", "/dev/null", f"{self.url}/ipfs/{self.torn}?format=car")
        self.assertIn(code, (18, 92))

    def test_nginx(self):
        self.nginx()
        self.check_commands()
        self.check_trust()
        self.check_http2()
        self.check_clients()
        self.check_streams()
        self.check_cuts()

    def test_caddy(self):
        self.caddy()
        self.check_commands()
        self.check_http2()
        self.check_clients()
        self.check_streams()
