"""The command serve among clients that behave badly, and in several processes."""
import hashlib
import os
import re
import signal
import socket
import subprocess
import time

import support
from serve_cases import ServeTest, Server, receive_all
from support import CommandTest


def ask_from(host, port, path="/health", header=""):
    """One exchange from 127.0.0.`host`; returns the status, or None."""
    connection = socket.socket()
    connection.settimeout(20)
    connection.bind((f"127.0.0.{host}", 0))
    try:
        connection.connect(("127.0.0.1", port))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\n{header}"
                           "Connection: close\r\n\r\n".encode())
        got = receive_all(connection)
    finally:
        connection.close()
    return int(got[9:12]) if got.startswith(b"HTTP/1.1 ") else None


class Abuse(ServeTest):
    def connect_from(self, host):
        connection = socket.socket()
        connection.settimeout(20)
        connection.bind((f"127.0.0.{host}", 0))
        connection.connect(("127.0.0.1", self.server.port))
        return connection

    def test_one_address_does_not_lock_others_out(self):
        """256 connections that ask nothing."""
        idle = [self.connect_from(3) for _ in range(256)]
        try:
            deadline = time.monotonic() + 20
            while ask_from(3, self.server.port) != 429:
                self.assertLess(time.monotonic(), deadline)
            for host in (1, 4, 5):
                self.assertEqual(ask_from(host, self.server.port), 200)
        finally:
            for connection in idle:
                connection.close()
        deadline = time.monotonic() + 20
        while ask_from(3, self.server.port) != 200:
            self.assertLess(time.monotonic(), deadline)

    def test_pipelining(self):
        """A hundred requests for different blocks in one packet; order kept."""
        cid = self.tree_cid()
        whole = self.server.ask(f"/ipfs/{cid}?format=raw")[2]
        connection = self.connect_from(1)
        connection.sendall(b"".join(
            f"GET /ipfs/{cid}?format=raw HTTP/1.1\r\nHost: h\r\nRange: bytes=0-{i}\r\n"
            f"{'Connection: close' + chr(13) + chr(10) if i == 99 else ''}\r\n".encode()
            for i in range(100)))
        got = receive_all(connection)
        connection.close()
        for i in range(100):
            head, _, got = got.partition(b"\r\n\r\n")
            self.assertTrue(head.startswith(b"HTTP/1.1 206 " if i < len(whole) else b"HTTP/1.1 2"))
            size = min(i + 1, len(whole))
            self.assertEqual(got[:size], whole[:size])
            got = got[size:]
        self.assertEqual(got, b"")

    def test_smuggling(self):
        """What another parser could read as two requests is refused, and the connection closed: what
        stands behind it is no request."""
        for head in (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                     b"Content-Length: 5\r\nContent-Length: 6\r\n", b"Transfer-Encoding : chunked\r\n",
                     b"A: b\r\n Content-Length: 5\r\n", b"A: b\nContent-Length: 5\r\n",
                     b"A: b\0\r\n", b"Transfer-Encoding: xchunked\r\n"):
            connection = self.connect_from(1)
            connection.sendall(b"POST /copse/v1/blocks HTTP/1.1\r\nHost: h\r\n" + head +
                               b"\r\n0\r\n\r\nGET /health HTTP/1.1\r\nHost: h\r\n\r\n")
            got = receive_all(connection)
            connection.close()
            self.assertIn(got[9:12], (b"400", b"501"), head)
            self.assertEqual(got.count(b"HTTP/1.1 "), 1, head)
            self.assertNotIn(b"ok\n", got)

    def test_other_protocols(self):
        for text in (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /health\r\n\r\n",
                     b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(64) + b"\r\n\r\n",
                     b"SSH-2.0-OpenSSH_9.2\r\n", b"\0" * 5000):
            connection = self.connect_from(1)
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            got = receive_all(connection)
            connection.close()
            self.assertIn(got[:13], (b"HTTP/1.1 400 ", b"HTTP/1.1 414 ", b"HTTP/1.1 505 ", b""), text)
            self.assertEqual(ask_from(1, self.server.port), 200)

    def test_half_closed(self):
        root = self.tree_cid()
        whole = self.server.ask(f"/ipfs/{root}?format=car")[2]
        connection = self.connect_from(1)
        connection.sendall(f"GET /ipfs/{root}?format=car HTTP/1.0\r\n\r\n".encode())
        connection.shutdown(socket.SHUT_WR)
        self.assertEqual(receive_all(connection).partition(b"\r\n\r\n")[2], whole)
        connection.close()


class Paths(CommandTest):
    def test_paths_without_end(self):
        """A DAG of few blocks and 2^40 paths, with duplicates: the answer is cut, and others get
        theirs meanwhile."""
        self.good("init", "a.copse")
        block = b"\x80"
        for _ in range(41):
            link = b"\xd8\x2a\x58\x25\x00\x01\x71\x12\x20" + hashlib.sha256(block).digest()
            root = self.good("block", "put", "a.copse", "-", "--codec", "dag-cbor", "--input",
                             "dag-cbor", stdin=block).strip()
            block = b"\x82" + link + link
        server = Server(self.dir, "a.copse")
        self.addCleanup(lambda: server.child.poll() is None and server.stop(signal.SIGKILL))
        for encoding in ("zstd", "gzip", "identity"):
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
                connection.sendall(f"GET /ipfs/{root}?format=car&car-dups=y HTTP/1.1\r\nHost: h\r\n"
                                   f"Accept-Encoding: {encoding}\r\n\r\n".encode())
                for _ in range(5):
                    self.assertEqual(ask_from(1, server.port), 200)
                got = receive_all(connection)
            self.assertIn(b"HTTP/1.1 200 ", got)
            self.assertFalse(got.endswith(b"\r\n0\r\n\r\n"))


class Processes(CommandTest):
    def serve(self, *arguments):
        self.good("init", "a.copse")
        server = Server(self.dir, "a.copse", *arguments)
        self.addCleanup(lambda: server.child.poll() is None and server.stop(signal.SIGKILL))
        return server

    def workers(self, server, count):
        """The pids of the workers, when there are so many."""
        deadline = time.monotonic() + 20
        while True:
            with open(f"/proc/{server.child.pid}/task/{server.child.pid}/children",
                      encoding="ascii") as file:
                pids = [int(pid) for pid in file.read().split()]
            if len(pids) == count:
                return pids
            self.assertLess(time.monotonic(), deadline, pids)
            time.sleep(0.02)

    def wait_gone(self, pids):
        deadline = time.monotonic() + 20
        while any(os.path.exists(f"/proc/{pid}") for pid in pids):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def counted(self, server, name, least):
        """What any worker says that all have counted, when it is so much."""
        deadline = time.monotonic() + 20
        while True:
            text = server.ask("/metrics")[2].decode()
            found = re.search(rf"^{re.escape(name)} (\d+)$", text, re.M)
            if found and int(found.group(1)) >= least or time.monotonic() > deadline:
                return int(found.group(1)) if found else 0

    def answers(self, server):
        for _ in range(40):
            self.assertEqual(server.ask("/health")[0], 200)

    def test_workers(self):
        server = self.serve("--processes", "3")
        pids = self.workers(server, 3)
        self.answers(server)
        self.bad(1, "in use", "serve", "a.copse", "--processes", "2", "--listen",
                 f"127.0.0.1:{server.port}")
        self.bad(1, "in use", "serve", "a.copse", "--listen", f"127.0.0.1:{server.port}")
        time.sleep(0.5)  # in which it tells the others what it has counted
        os.kill(pids[1], signal.SIGKILL)
        deadline = time.monotonic() + 20
        while pids[1] in self.workers(server, 3):
            self.assertLess(time.monotonic(), deadline)
        self.answers(server)
        after = self.workers(server, 3)
        self.assertEqual(len(set(after) & set(pids)), 2)
        self.assertGreaterEqual(self.counted(server, 'copse_http_requests_total{route="/health",'
                                             'status="200"}', 80), 80)
        code, errors = server.stop()
        self.assertEqual(code, 0)
        self.assertRegex(errors, r"worker \d ended by itself \(signal 9\): made anew in 100 ms\n")
        self.wait_gone(after)

    def test_workers_go_with_their_parent(self):
        server = self.serve("--processes", "2")
        pids = self.workers(server, 2)
        server.stop(signal.SIGKILL)
        self.wait_gone(pids)

    def test_what_no_worker_can_do(self):
        """It is told once, and ends it all."""
        result = self.bad(1, "there is no store", "serve", "nothing", "--processes", "2", "--listen",
                          "127.0.0.1:0")
        self.assertEqual(result.errors().count("there is no store"), 1)
        for count in ("0", "65", "x"):
            self.bad(2, "--processes takes", "serve", "a.copse", "--processes", count)
        self.bad(2, "is no IP address of a proxy", "serve", "a.copse", "--listen", "127.0.0.1:0",
                 "--trust-proxy", "nowhere")

    def test_limits_of_an_address(self):
        server = self.serve("--limit", "address-connections=2")
        held = [server.connect(), server.connect()]
        for connection in held:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
            self.assertTrue(connection.recv(1 << 12).startswith(b"HTTP/1.1 200 "))
        self.assertEqual(ask_from(1, server.port), 429)
        self.assertEqual(ask_from(2, server.port), 200)
        for connection in held:
            connection.close()

    def test_fewer_files_than_connections(self):
        self.good("init", "b.copse")
        script = (f"ulimit -n 400; exec '{support.COPSE}' serve b.copse --listen 127.0.0.1:0")
        child = subprocess.Popen(["bash", "-c", script], cwd=self.dir, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
        url = child.stdout.readline().decode()
        self.assertIn("/copse/v1/b", url)
        child.terminate()
        _, errors = child.communicate(timeout=20)
        self.assertEqual(child.returncode, 0)
        self.assertRegex(errors.decode(), r"at most 272 connections instead of 8192: the system lets "
                         r"a process open 400 files")
