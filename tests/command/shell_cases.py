"""copse shell: calls, words and settings, scripts, and what is typed on a terminal."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import stat
import struct
import termios
import time

import support
from support import CommandTest

POSTS = [{"_id": number, "title": f"Post {number}", "tags": ["cats"] if number % 2 else ["dogs"],
          "author": {"name": f"a{number % 3}"},
          "createdAt": {"$date": f"2026-01-0{number}T00:00:00Z"}} for number in range(1, 7)]


class ShellTest(CommandTest):
    def setUp(self):
        super().setUp()
        os.environ["COPSE_HISTORY"] = self.path("state/history")
        os.environ.pop("COLUMNS", None)
        self.good("init", self.store)
        self.good("insert", self.store, "posts", "-",
                  stdin="".join(json.dumps(post) + "\n" for post in POSTS))
        self.good("index", self.store, "posts", "tags,-createdAt")

    def shell(self, script, *options):
        return self.good("shell", self.store, *options, stdin=script)

    def refused(self, code, message, script, *options):
        return self.bad(code, message, "shell", self.store, *options, stdin=script)

    def assert_same(self, call, *arguments):
        """A call in the shell prints what the command prints."""
        command, *rest = arguments
        self.assertEqual(self.shell(call + "\n"), self.good(command, self.store, *rest), call)


class Calls(ShellTest):
    def test_reading(self):
        cats = '{"tags":"cats"}'
        since = '{"createdAt":{"$gte":{"$date":"2026-01-03T00:00:00Z"}}}'
        self.assert_same("posts.find()", "find", "posts")
        self.assert_same('posts.find({"tags":"cats"}).sort({"createdAt":-1}).limit(2)', "find",
                         "posts", cats, "--sort", "-createdAt", "--limit", "2")
        self.assert_same("posts.find({tags:'cats'},{title:1}).sort('-createdAt').skip(1)", "find",
                         "posts", cats, "--sort", "-createdAt", "--skip", "1", "--project", "title")
        self.assert_same("db.posts.find({tags: 'cats'}).project({title: 1, _id: 0});", "find",
                         "posts", cats, "--project", '{"title":1,"_id":0}')
        self.assert_same("posts.findOne({_id: 3})", "find", "posts", '{"_id":3}', "--limit", "1")
        self.assert_same("posts.find({createdAt: {$gte: ISODate('2026-01-03')}}).sort('_id')",
                         "find", "posts", since, "--sort", "_id")
        self.assert_same("posts.find({title: /^post [12]$/i}).sort('_id')", "find", "posts",
                         '{"title":{"$regex":"^post [12]$","$options":"i"}}', "--sort", "_id")
        self.assert_same("posts.find({tags:'cats'}).hint('tags,-createdAt').toArray()", "find",
                         "posts", cats, "--hint", "tags,-createdAt")
        self.assert_same("posts.count()", "count", "posts")
        self.assert_same("posts.find({tags:'cats'}).count()", "count", "posts", cats)
        self.assert_same("posts.countDocuments({tags:'cats'})", "count", "posts", cats)
        self.assert_same("posts.distinct('author.name', {tags:'cats'})", "distinct", "posts",
                         "author.name", cats)
        self.assert_same("posts.get(3, 1)", "get", "posts", "3", "1")
        self.assert_same("posts.indexes()", "indexes", "posts")
        self.assert_same("posts.export()", "export", "posts")

    def test_explain(self):
        shown = self.shell("posts.find({tags:'cats'}).explain()\n")
        self.assertIn("index scan of 'tags,-createdAt'", shown)
        self.assertNotIn("_id", shown)
        self.assertIn("posts", self.shell("posts.find({title:'x'}).explain('executionStats')\n"))
        self.assertIn("_id", self.shell("posts.find().explain(false)\n"))

    def test_writing(self):
        self.shell("posts.insert({_id: 'n', when: new Date('2026-02-01T10:00:00'), x: .5},\n"
                   "             {_id: ObjectId('0123456789abcdef01234567'), big: Long('7')},)\n"
                   "posts.insertMany([{_id: 'a', 'k.l': 1}, {_id: \"b\", q: 'it\\'s \"q\"'}])\n")
        self.assertEqual(self.shell("posts.get('n', 'a', 'b')\n"), "".join((
            '{"_id":"n","x":0.5,"when":{"$date":"2026-02-01T10:00:00Z"}}\n',
            '{"_id":"a","k.l":1}\n', '{"_id":"b","q":"it\'s \\"q\\""}\n')))
        self.assertIn('"big":7', self.good("get", self.store, "posts", "0123456789abcdef01234567"))
        self.shell("posts.delete({_id: 'n'})\nposts.deleteMany({_id: {$in: ['a', 'b']}})\n")
        self.assertEqual(self.shell("posts.count()\n"), "7\n")
        self.shell("posts.createIndex({title: 1}, {unique: true, name: 'by title'})\n")
        indexes = self.good_json("indexes", self.store, "posts")
        self.assertEqual([(i["index"], i["unique"]) for i in indexes],
                         [("by title", True), ("tags,-createdAt", False)])
        self.shell("posts.dropIndex('by title')\n")
        self.shell("posts.index('-title').message('titles')\nposts.drop()\n")
        self.assertEqual(self.good_json("log", self.store)[1]["message"], "titles")
        self.assertEqual(self.shell("collections\n"), "")

    def test_updating(self):
        self.shell("posts.update({_id: 1}, {$set: {n: 1}})\n"
                   "posts.updateMany({tags: 'dogs'}, {$set: {n: 2}}).message('dogs')\n"
                   "posts.updateOne({_id: 99}, {$inc: {n: 5}}, {upsert: true})\n"
                   "posts.replaceOne({_id: 2}, {whole: true})\n")
        self.assertEqual(self.shell("posts.find({n: {$exists: true}}, {n: 1}).sort({_id: 1})\n"),
                         '{"_id":1,"n":1}\n{"_id":4,"n":2}\n{"_id":6,"n":2}\n{"_id":99,"n":5}\n')
        self.assertEqual(self.shell("posts.get(2)\n"), '{"_id":2,"whole":true}\n')
        script = ("posts.findOneAndUpdate({_id: 1}, {$inc: {n: 1}})\n"
                  "posts.findOneAndUpdate({_id: 1}, {$inc: {n: 1}}, {returnDocument: 'after'})\n")
        self.assertEqual([json.loads(line)["n"] for line in self.shell(script).splitlines()],
                         [1, 3])

    def test_aggregating(self):
        self.assert_same("posts.aggregate([{$group: {_id: '$author.name', n: {$sum: 1}}},\n"
                         "                 {$sort: {_id: 1}}])", "aggregate", "posts",
                         '[{"$group":{"_id":"$author.name","n":{"$sum":1}}},{"$sort":{"_id":1}}]')

    def test_a_text_that_looks_like_another_id(self):
        self.shell("ids.insert({_id: '7'}, {_id: 7}, {_id: '--json'})\n")
        self.assertEqual(self.shell("ids.get('7')\n"), '{"_id":"7"}\n')
        self.assertEqual(self.shell("ids.get(7)\n"), '{"_id":7}\n')
        self.assertEqual(self.shell("ids.get('--json')\n"), '{"_id":"--json"}\n')

    def test_what_is_refused(self):
        for script, message in [
                ("posts.fnid()", "did you mean find?"),
                ("posts.log()", "there is no method 'log'"),
                ("posts.find({a: 1}", "a bracket is not closed"),
                ("posts.find({a 1})", "a : is missing, at: 1})"),
                ("posts.find({a: b})", "a text needs quotes, at: b})"),
                ("posts.find({a: 1 b: 2})", "a , or } is missing, at: b: 2})"),
                ("posts.find({a: 'x})", "a quote is not closed"),
                ("posts.find({}, {}, 3)", "one argument too many"),
                ("posts.find({}, {}, {foo: 1})", "`find` takes no 'foo'"),
                ("posts.find().foo(1)", "`find` takes no 'foo'"),
                ("posts.find().limit()", "'limit' needs a value"),
                ("posts.find().limit('x')", "--limit takes a number"),
                ("posts.find() posts", "there is something behind the call"),
                ("posts.find({a: ISODate()x})", "a , or } is missing"),
                ("posts.find({a: ObjectId(1)})", "a text in quotes is missing"),
                ("posts.find({a: 012})", "numbers are decimal"),
                ("posts.distinct()", "PATH is missing"),
                ("find posts {a: 1}x", "something behind the JSON"),
                ("shell", "this is the shell"),
                (".foo", "there is no .foo"),
                (".mode xml", "usage: .mode json|table"),
                (".help me", "usage: .help"),
        ]:
            self.refused(2, message, script + "\n")


class Words(ShellTest):
    def test_commands(self):
        self.assert_same("find posts {tags: 'cats'} --sort -createdAt --limit 2", "find", "posts",
                         '{"tags":"cats"}', "--sort", "-createdAt", "--limit", "2")
        self.assert_same("find posts '{\"_id\":1}' # so", "find", "posts", '{"_id":1}')
        self.assert_same("log --limit 1", "log", "--limit", "1")
        self.assertEqual(self.shell("tree count\n"), self.good("tree", "count", self.store))
        self.assertIn("usage: copse find", self.shell("help find\n"))
        self.assertIn("copse 0", self.shell("version\n"))

    def test_of_other_prompts(self):
        collections = self.good("collections", self.store)
        for words in ("show collections", "show tables;", "\\dt", "\\d"):
            self.assertEqual(self.shell(words + "\n"), collections)
        self.assertEqual(self.shell("\\di\n"), self.good("indexes", self.store))
        for words in ("exit", "quit", "\\q", ".quit", "quit;"):
            self.assertEqual(self.shell(words + "\nnonsense\n"), "")
        self.assertIn(".mode json|table", self.shell("\\?\n"))

    def test_lines_go_on(self):
        self.assertEqual(self.shell("posts.find({\n  _id:\n  {$in: [1,\n2]}})\n  "
                                    "# (not this\nposts.count(\n)\ncollections # {\ncount posts\n")
                         .count("\n"), 6)
        self.assertEqual(self.shell("find posts {title: /[\\/(]/,\n x: 1}\n"), "")


class Settings(ShellTest):
    def test_table(self):
        shown = self.shell(".mode table\nposts.find({_id: {$lt: 3}}, {tags: 0})\n")
        self.assertEqual(shown, "_id  title   author         createdAt\n"
                                '  1  Post 1  {"name":"a1"}  2026-01-01T00:00:00Z\n'
                                '  2  Post 2  {"name":"a2"}  2026-01-02T00:00:00Z\n')
        self.assertEqual(self.shell(".mode table\nposts.count()\nposts.find({_id: 9})\n"), "6\n")
        self.assertEqual(self.shell(".mode table\n.mode json\n.mode\nposts.get(1)\n"),
                         ".mode json\n" + self.good("get", self.store, "posts", "1"))

    def test_a_table_is_cut(self):
        os.environ["COLUMNS"] = "30"
        self.shell("wide.insert({_id: 1, a: 'ä\\n" + "x" * 99 + "', b: 'short'})\n")
        shown = self.shell(".mode table\nwide.find()\n")
        self.assertEqual(max(len(line) for line in shown.splitlines()), 30)
        self.assertIn("ä\\nxxx", shown)
        self.assertIn("…  short", shown)
        self.shell("many.insert({" + ", ".join(f"f{i}: {i}" for i in range(20)) + "})\n")
        self.assertIn("more fields than fit", self.shell(".mode table\nmany.find()\n"))

    def test_many_rows(self):
        rows = "".join(json.dumps({"_id": i, "n": i * i}) + "\n" for i in range(2500))
        self.good("insert", self.store, "rows", "-", stdin=rows)
        shown = self.shell(".mode table\nrows.find()\n").splitlines()
        self.assertEqual([line.split() for line in shown if line.split()[0] != "_id"],
                         [[str(i), str(i * i)] for i in range(2500)])

    def test_timing_and_explain(self):
        shown = self.shell(".timing on\nposts.count()\n.timing\n.timing off\nposts.count()\n")
        self.assertRegex(shown, r"^6\ntime +\d+\.\d ms\n\.timing off\n6\n$")
        shown = self.shell(".explain on\nposts.count()\ncollections\n")
        self.assertIn("counted   6", shown)

    def test_ref(self):
        self.good("branch", self.store, "draft")
        shown = self.shell(".ref\n.ref draft\n.ref\nposts.insert({_id: 7})\nposts.count()\n"
                           ".ref main\nposts.count()\n")
        self.assertEqual(shown, ".ref main\n.ref draft\n7\n7\n6\n")
        self.assertEqual(self.shell("posts.count()\n", "--ref", "draft"), "7\n")
        self.refused(1, "none", ".ref none\n")

    def test_at(self):
        self.shell("posts.insert({_id: 7})\n")
        self.assertEqual(self.shell(".at HEAD~1\n.at\nposts.count()\n.at HEAD\nposts.count()\n"),
                         ".at HEAD~1\n6\n7\n")
        self.refused(2, "the past can't be changed", ".at HEAD~1\nposts.insert({_id: 8})\n")
        self.refused(1, "HEAD~99", ".at HEAD~99\n")


class Scripts(ShellTest):
    def test_script(self):
        script = ('# comment\ninsert posts {"_id": 10, "text": "it\'s {here}"}\n'
                  "find posts '{\"_id\":10}'\n\ncount posts\nquit\nnonsense\n")
        out = self.shell(script)
        self.assertIn('{"_id":10,"text":"it\'s {here}"}', out)
        self.assertTrue(out.endswith("7\n"))

    def test_ends_at_the_first_failure(self):
        self.refused(1, "line 2 of the script; it ends here",
                     "\nfind nothing\ninsert c {\"_id\":1}\n")
        self.assertNotIn("c ", self.good("collections", self.store))
        self.refused(2, "a quote is not closed", "find 'c\n")
        self.refused(2, "is not closed", 'find c {"a":1\n')
        self.refused(2, "unknown command", "fnid c\n")
        self.refused(2, "line 2 of the script", "count posts\nposts.find({\n  a: b\n})\n")
        self.bad(1, "", "shell", self.path("none"))

    def test_keeps_going(self):
        result = self.refused(2, "line 2 of the script\n",
                              "count posts\nnonsense\nfind nothing\ncount posts",
                              "--keep-going")
        self.assertEqual(result.text(), "6\n6\n")
        self.assertIn("line 3 of the script\n", result.errors())

    def test_commands_do_not_read_the_script(self):
        self.refused(2, "unknown command '{\"_id\":50}'", "insert posts -\n{\"_id\":50}\n")
        self.assertEqual(self.shell("posts.count()\n"), "6\n")

    def test_keeps_no_history(self):
        self.shell("posts.count()\n")
        self.assertFalse(os.path.exists(self.path("state")))

    def test_page(self):
        os.environ["COLUMNS"] = "96"
        self.assert_console("docs/shell.md", r"\b[0-9a-f]{24}\b", r"\bbaf\w+",
                            r"\d{4}-\d\d-\d\d [\d:]+Z")


class Terminal:
    """`copse shell` on a terminal of its own."""
    TIMEOUT_S = 20

    def __init__(self, *arguments):
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.environ.update(TERM="xterm", EDITRC="/dev/null", LC_ALL="C.UTF-8")
            try:
                os.execv(support.COPSE, ["copse", "shell", *map(str, arguments)])
            finally:
                os._exit(127)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        self.seen = ""

    def read(self, seconds):
        if not select.select([self.terminal], [], [], seconds)[0]:
            return
        try:
            data = os.read(self.terminal, 1 << 16)
        except OSError: # the other end is closed
            data = b""
        if not data:
            raise EOFError
        self.seen += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>()][B0]?|[\r\x07]", "",
                            data.decode(errors="replace"))

    def expect(self, text):
        """Waits until it was shown; what stands behind it is for the next time."""
        deadline = time.monotonic() + self.TIMEOUT_S
        while text not in self.seen:
            left = deadline - time.monotonic()
            try:
                if left <= 0:
                    raise EOFError
                self.read(left)
            except EOFError:
                raise AssertionError(f"{text!r} was not shown; but: {self.seen!r}") from None
        shown, self.seen = self.seen.split(text, 1)
        return shown

    def until(self, text, keys):
        """Types the keys, again each half second, until the text is shown. (A terminal forgets
        what waits to be shown at each Ctrl-C.)"""
        deadline = time.monotonic() + self.TIMEOUT_S
        again = 0
        while text not in self.seen and time.monotonic() < deadline:
            if time.monotonic() >= again:
                self.type(keys)
                again = time.monotonic() + 0.5
            self.read(0.1)

    def pass_time(self, seconds):
        """Reads what is shown meanwhile, so that the shell can go on."""
        self.read(0)
        time.sleep(seconds)

    def type(self, keys):
        os.write(self.terminal, keys.encode())

    def end(self):
        """Waits for its end; returns the exit code."""
        deadline = time.monotonic() + self.TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                self.read(0.05)
            except EOFError:
                pass
            process, status = os.waitpid(self.process, os.WNOHANG)
            if process:
                self.process = None
                return os.waitstatus_to_exitcode(status)
        raise AssertionError(f"it does not end; shown: {self.seen!r}")

    def close(self):
        if self.process is not None:
            os.kill(self.process, signal.SIGKILL)
            os.waitpid(self.process, 0)
        os.close(self.terminal)


class Typed(ShellTest):
    def terminal(self, *options):
        terminal = Terminal(self.store, *options)
        self.addCleanup(terminal.close)
        terminal.expect("store> ")
        return terminal

    @staticmethod
    def completed(terminal, keys, shown):
        """Types, then Tab and the rest; what follows is shown."""
        terminal.type(keys)
        terminal.expect(shown)
        terminal.expect("> ")

    def test_prompt_and_errors(self):
        terminal = self.terminal()
        terminal.type("posts.count()\n")
        terminal.expect("\n6\n")
        terminal.expect("store> ")
        terminal.type("posts.find({\n")
        terminal.expect("... ")
        terminal.type("_id: 2})\n")
        terminal.expect('{"_id":2,')
        terminal.expect("store> ")
        terminal.type("nonsense\n")
        terminal.expect("unknown command 'nonsense'")
        terminal.expect("store> ")
        terminal.type(".at HEAD~1\n")
        terminal.expect("store at HEAD~1> ")
        terminal.type("posts.find({title: 'ä'}).count()\n")
        terminal.expect("\n0\n")
        terminal.expect("> ")
        terminal.type("\x04")
        self.assertEqual(terminal.end(), 0)

    def test_interrupt(self):
        terminal = self.terminal()
        terminal.type("nonsense")
        terminal.expect("nonsense")
        terminal.type("\x03")
        terminal.expect("^C\n")
        terminal.expect("store> ")
        terminal.type("posts.find({\n")
        terminal.expect("... ")
        terminal.type("\x03")
        terminal.expect("store> ")
        terminal.type("count posts\n")
        terminal.expect("\n6\n")
        terminal.expect("store> ")
        terminal.type(".quit\n")
        self.assertEqual(terminal.end(), 0)

    def test_interrupt_while_it_reads(self):
        """Ctrl-C makes the terminal forget what was typed, also what the shell is about to read."""
        terminal = self.terminal()
        for number in range(300):
            terminal.type("x" * 40)
            terminal.pass_time(number % 30 / 30000)
            terminal.type("\x03")
            terminal.expect("^C\n")
            terminal.expect("store> ")

    def test_interrupt_of_a_command(self):
        terminal = self.terminal()
        terminal.type("insert posts -\n") # which waits for documents
        terminal.expect("insert posts -\n")
        terminal.until("interrupted", "\x03") # until it has begun
        terminal.expect("copse: interrupted")
        terminal.expect("store> ")
        terminal.type("posts.count()\n")
        terminal.expect("\n6\n")

    def test_history(self):
        path = self.path("state/history")
        terminal = self.terminal()
        terminal.type("posts.count(\n")
        terminal.expect("... ")
        terminal.type("{_id: 1})\n")
        terminal.expect("\n1\n")
        terminal.expect("store> ")
        for _ in range(2):
            terminal.type("posts.count({_id: 77})\n")
            terminal.expect("\n0\n")
            terminal.expect("store> ")
        terminal.type("\x04")
        self.assertEqual(terminal.end(), 0)
        self.assertEqual(self.read("state/history"),
                         b"posts.count( {_id: 1})\nposts.count({_id: 77})\n")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("state")).st_mode), 0o700)
        terminal = self.terminal()
        terminal.type("\x10\x10\n") # up, up
        terminal.expect("\n1\n")
        terminal.expect("store> ")
        terminal = self.terminal("--no-history")
        terminal.type("\x10collections\n")
        terminal.expect("posts")
        terminal.expect("store> ")
        self.assertNotIn(b"collections", self.read("state/history"))

    def test_history_is_bounded(self):
        os.mkdir(self.path("state"))
        lines = [f"count posts # {i} {'x' * 600}\n" for i in range(2000)]
        self.write("state/history", "".join(lines))
        terminal = self.terminal()
        terminal.type("\x10\n")
        terminal.expect("\n6\n")
        terminal.expect("store> ")
        kept = self.read("state/history").decode().splitlines(keepends=True)
        self.assertEqual(kept, lines[1000:] + lines[-1:])

    def test_completion(self):
        terminal = self.terminal()
        self.completed(terminal, "pos\tcount(\t)\n", "\n6\n")
        self.completed(terminal, "posts.find({auth\t.\t: 'a1'}).coun\t)\n", "\n2\n")
        self.completed(terminal, "posts.find({_id: {$lt\te: 2}}).proj\t{titl\t: 1, _id: 0})\n",
                       '{"title":"Post 1"}\n{"title":"Post 2"}\n')
        self.completed(terminal, "posts.find({_id: 1}).hi\t'tag\t').expl\t)\n", "tags,-createdAt")
        self.completed(terminal, "posts.distinct('author.n\t')\n", '"a0"\n"a1"\n"a2"\n')
        self.completed(terminal, "cou\tpos\t {tag\t: 'cats'}\n", "\n3\n")
        self.completed(terminal, "find posts {_id: 1} --proj\ttit\t,auth\t.name\n",
                       '{"_id":1,"title":"Post 1","author":{"name":"a1"}}\n')
        self.completed(terminal, "tree cou\t\n", "\n")
        terminal.type(".mo\tta\t\n.mode\n")
        terminal.expect("\n.mode table\n")
        terminal.type(".mode json\n")
        self.completed(terminal, "posts.aggregate([{$mat\t: {tags: 'cats', _id: {$lt\te: 3}}}, "
                                 "{$sortB\t: '$autho\t.name'}])\n", '{"_id":"a0","count":1}')
        terminal.type("posts.update({_id: 1}, {$cur\t: {seen: true}})\n")
        terminal.expect("modified 1")

    def test_completion_shows_a_choice(self):
        terminal = self.terminal()
        terminal.type("posts.find({tags: {$bits\t\t")
        shown = terminal.expect("$bitsAnySet")
        for name in ("$bitsAllClear", "$bitsAllSet", "$bitsAnyClear"):
            self.assertIn(name, shown)
        terminal.expect("posts.find({tags: {$bitsA")
        terminal.type("llSet: 1}}).count()\n")
        terminal.expect("\n0\n")

    def test_completion_of_refs(self):
        self.good("branch", self.store, "draft")
        self.good("tag", self.store, "release")
        terminal = self.terminal()
        terminal.type(".ref dr\t\n")
        terminal.expect("store@draft> ")
        terminal.type(".at rel\t\n")
        terminal.expect("store@draft at release> ")
        terminal.type("posts.count().\t")
        terminal.type("\x03")
        terminal.expect("store@draft at release> ")
        terminal.type("diff rel\t dra\t\n")
        terminal.expect("> ")
