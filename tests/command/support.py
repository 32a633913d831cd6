"""What the tests of the command share: running it, and stores in a folder of their own."""
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

COPSE = ""


class Result:
    def __init__(self, code, out, err, memory_kib):
        self.code, self.out, self.err, self.memory_kib = code, out, err, memory_kib

    def text(self):
        return self.out.decode()

    def errors(self):
        return self.err.decode()

    def lines(self):
        """JSON lines, each parsed."""
        return [json.loads(line) for line in self.text().splitlines()]


class CommandTest(unittest.TestCase):
    """A test in a new folder, `self.dir`; `self.store` is a store that is not there yet. The cache
    of blocks is in that folder too."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="copse-command-")
        self.addCleanup(shutil.rmtree, self.dir)
        os.environ["COPSE_CACHE"] = self.path("cache")
        os.environ["XDG_STATE_HOME"] = self.path("state")
        self.store = self.path("store")

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def run_copse(self, *arguments, stdin=b"", stdout=subprocess.PIPE):
        """Runs it and waits; the memory is that of this child alone."""
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as errors:
            source.write(stdin if isinstance(stdin, bytes) else stdin.encode())
            source.seek(0)
            child = subprocess.Popen([COPSE, *map(str, arguments)], stdin=source, stdout=stdout,
                                     stderr=errors, cwd=self.dir, start_new_session=True)
            out = child.stdout.read() if child.stdout is not None else b""
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.stdout is not None:
                child.stdout.close()
            errors.seek(0)
            return Result(child.returncode, out, errors.read(), usage.ru_maxrss)

    def good(self, *arguments, stdin=b""):
        """Runs it; it must succeed. Returns what it printed."""
        result = self.run_copse(*arguments, stdin=stdin)
        self.assertEqual(result.code, 0, f"copse {arguments}: {result.errors()}")
        return result.text()

    def good_json(self, *arguments, stdin=b""):
        return [json.loads(line) for line in self.good(*arguments, "--json",
                                                       stdin=stdin).splitlines()]

    def bad(self, code, message, *arguments, stdin=b""):
        """Runs it; it must fail with this exit code, and say this."""
        result = self.run_copse(*arguments, stdin=stdin)
        self.assertEqual(result.code, code, f"copse {arguments}: {result.errors()}")
        self.assertIn(message, result.errors())
        return result

    def console(self, shown):
        """Runs the commands of a transcript, lines behind `$ ` and `> `; returns the
        transcript of that."""
        commands = re.findall(r"^\$ (.*(?:\n> .*)*)", shown, re.M)
        transcript = ""
        for command in commands:
            script = f"copse() {{ '{COPSE}' \"$@\"; }}\n" + command.replace("\n> ", "\n")
            ran = subprocess.run(["bash", "-c", script], cwd=self.dir, text=True, check=False,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            transcript += f"$ {command}\n{ran.stdout}"
        return transcript

    def assert_console(self, path, *hidden):
        """The transcripts in a page, ```console, show what happens, but for times, the CIDs of
        commits, and what the patterns `hidden` match. With UPDATE_PAGES=1 in the environment they
        are written anew."""
        path = os.path.join(os.path.dirname(__file__), "..", "..", path)
        with open(path, encoding="utf-8") as file:
            page = file.read()
        shown = re.findall(r"```console\n(.*?)```", page, re.S)
        self.assertGreater(len(shown), 0)
        changing = [r"\d+\.\d+ m?s\b", r"(?<=commit  )baf\w+", r"\d{4}-\d\d-\d\d [\d:]+ UTC",
                    r"(?<=store   ).*", *hidden]
        for block in shown:
            got = self.console(block)
            if os.environ.get("UPDATE_PAGES"):
                page = page.replace(block, got)
                continue
            for pattern in changing:
                got, block = (re.sub(pattern, "…", text) for text in (got, block))
            self.assertEqual(got, block)
        if os.environ.get("UPDATE_PAGES"):
            with open(path, "w", encoding="utf-8") as file:
                file.write(page)

    def load(self, rows, *options, store=None):
        """Loads pairs of text; returns the root."""
        lines = "".join(f"{key}\t{value}\n" for key, value in rows)
        return self.good("tree", "load", store or self.store, "-", *options, stdin=lines).strip()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class WebServer:
    """A web server of others: run by `command` in `folder`, which has its files, until it is
    stopped. It must listen on `port` of 127.0.0.1."""

    def __init__(self, folder, command, port):
        self.errors = open(os.path.join(folder, "web.errors"), "w+b")
        self.port = port
        self.child = subprocess.Popen(command, cwd=folder, stdout=self.errors, stderr=self.errors)
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 5).close()
                return
            except OSError:
                if self.child.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise
                time.sleep(0.05)

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self.errors.close()


def nginx(folder, http, port):
    """nginx with `http` as what stands in its http block, listening on `port`."""
    user = "user root;\n" if os.geteuid() == 0 else ""
    paths = "".join(f"{name}_temp_path {folder}/nginx-{name};\n" for name in (
        "client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    with open(os.path.join(folder, "nginx.conf"), "w", encoding="utf-8") as file:
        file.write(f"{user}daemon off;\nworker_processes 1;\npid {folder}/nginx.pid;\n"
                   f"error_log stderr;\nevents {{ }}\nhttp {{\naccess_log off;\n{paths}{http}\n}}\n")
    return WebServer(folder, ["nginx", "-p", folder, "-e", "stderr", "-c",
                              os.path.join(folder, "nginx.conf")], port)


def main(modules):
    """`run COPSE [NAME…]`: runs the tests of the modules, or those named."""
    global COPSE
    COPSE = os.path.abspath(sys.argv[1])
    # A copy of this module under its own name is what the tests import.
    sys.modules["support"].COPSE = COPSE
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    loader = unittest.defaultTestLoader
    suite = unittest.TestSuite()
    for module in modules:
        names = [name for name in sys.argv[2:] if hasattr(module, name.split(".")[0])]
        suite.addTests(loader.loadTestsFromNames(names, module) if sys.argv[2:]
                       else loader.loadTestsFromModule(module))
    result = unittest.TextTestRunner(verbosity=1).run(suite)
    sys.exit(0 if result.wasSuccessful() else 1)
