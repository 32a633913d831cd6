"""The commands key new, list, export, import: names, files, modes, passphrases, the terminal."""
import os
import pty
import signal
import stat
import subprocess

import support
from support import CommandTest

# The seed of 32 zero bytes: tests/vectors/key.tsv.
DID = "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"
IPNS = "k51qzi5uqu5dhnwe629wdlncpql6frppdpwnz4wtlcw816aysd5wwlk63g4wmh"


class Key(CommandTest):
    def setUp(self):
        super().setUp()
        for name in ("COPSE_PASSPHRASE", "XDG_CONFIG_HOME"):
            os.environ.pop(name, None)
        os.environ["HOME"] = self.path("home")
        os.environ["COPSE_KEYS"] = self.path("keys")

    def new(self, name="blog", *options):
        return self.good("key", "new", name, *(options or ["--no-passphrase"])).split()

    def mode(self, name):
        return stat.S_IMODE(os.stat(self.path(name)).st_mode)

    def run_at_terminal(self, typed, *arguments):
        """Runs it on a terminal, where each line is typed once something was shown for it. Returns
        the exit code, and all that the terminal showed."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.dir)
            signal.alarm(60)  # rather than wait for ever
            os.execv(support.COPSE, [support.COPSE, *arguments])
        shown = b""
        for line in typed:
            while not shown.endswith(b": "):
                shown += os.read(terminal, 1024)
            os.write(terminal, line)
            shown += b"\n"
        try:
            while part := os.read(terminal, 1024):
                shown += part
        except OSError:
            pass  # how Linux says that the other end is closed
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


class Files(Key):
    def test_a_new_key_is_its_owners_alone(self):
        os.umask(0)
        self.addCleanup(os.umask, 0o022)
        self.new()
        self.assertEqual((self.mode("keys"), self.mode("keys/blog.key")), (0o700, 0o600))

    def test_where_keys_are(self):
        for name, value, folder in [("COPSE_KEYS", "other", "other"),
                                    ("XDG_CONFIG_HOME", self.path("xdg"), "xdg/copse/keys"),
                                    ("XDG_CONFIG_HOME", "relative", "home/.config/copse/keys")]:
            del os.environ["COPSE_KEYS"]
            os.environ[name] = value
            self.new()
            self.assertTrue(os.path.exists(self.path(f"{folder}/blog.key")))
            os.environ["COPSE_KEYS"] = ""

    def test_keys_that_others_may_read_are_refused(self):
        self.new()
        for mode in (0o640, 0o604, 0o620):
            os.chmod(self.path("keys/blog.key"), mode)
            self.bad(1, "chmod 600", "key", "export", "blog")
            self.bad(1, "others than you may read or write the key", "key", "list")
        os.chmod(self.path("keys/blog.key"), 0o400)
        self.good("key", "list")

    def test_a_key_is_never_overwritten(self):
        line = self.new()
        exported = self.write("file", self.read("keys/blog.key"))
        self.bad(1, "there is a key 'blog' already", "key", "new", "blog", "--no-passphrase")
        self.bad(1, "is there already", "key", "import", "blog", exported)
        self.bad(1, "is there already", "key", "export", "blog", "--to", exported)
        self.assertEqual(self.good("key", "list").split(), line)

    def test_names(self):
        for name in ("", ".hidden", "a b", "ä", "a" * 65):
            self.bad(2, "can't be the name of a key", "key", "new", name, "--no-passphrase")
        self.bad(2, "usage: copse key new", "key", "new", "-a", "--no-passphrase")
        self.new("a" * 64)
        self.new("a.b_c-1")


class List(Key):
    def test_sorted_and_without_passphrases(self):
        self.assertEqual(self.good("key", "list"), "")
        self.write("secret", "correct horse\n")
        keys = {name: self.new(name, *options) for name, options in
                {"blog": ["--passphrase-file", self.path("secret")], "admin": []}.items()}
        self.assertEqual([line.split("\t") for line in self.good("key", "list").splitlines()],
                         [keys["admin"], keys["blog"]])
        self.assertEqual(self.good_json("key", "list")[1],
                         {"key": "blog", "did": keys["blog"][1], "ipns": keys["blog"][2]})
        self.assertRegex(keys["blog"][1], "^did:key:z6Mk[1-9A-Za-z]{44}$")
        self.assertRegex(keys["blog"][2], "^k51qzi5uqu5d[0-9a-z]{50}$")

    def test_what_is_no_key_is_told_and_the_rest_listed(self):
        self.new()
        self.write("keys/README", "no key")
        self.write("keys/bad.key", "no key")
        os.chmod(self.path("keys/bad.key"), 0o600)
        result = self.bad(1, "bad.key: not a key file", "key", "list")
        self.assertIn("blog\t", result.text())


class Move(Key):
    def test_export_and_import(self):
        self.write("secret", "correct horse")
        line = self.new("blog", "--passphrase-file", self.path("secret"))
        self.good("key", "export", "blog", "--to", "blog.key")
        self.assertEqual(self.mode("blog.key"), 0o600)
        self.assertEqual(self.read("blog.key"), self.read("keys/blog.key"))
        self.assertEqual(self.run_copse("key", "export", "blog").out, self.read("blog.key"))
        self.assertEqual(self.good("key", "import", "copy", "blog.key").split()[1:], line[1:])
        self.assertEqual(self.read("keys/copy.key"), self.read("blog.key"))
        os.chmod(self.path("blog.key"), 0o644)  # where it comes from is not ours to judge
        self.good("key", "import", "third", "blog.key")

    def test_a_seed(self):
        self.write("seed", bytes(32))
        line = self.good("key", "import", "zero", "--seed-file", "seed", "--no-passphrase")
        self.assertEqual(line.split(), ["zero", DID, IPNS])
        with open(self.path("seed"), "rb") as seed:
            self.good("key", "import", "again", "--seed-file", "-", "--no-passphrase",
                      stdin=seed.read())
        self.write("short", bytes(31))
        self.bad(1, "has 31 bytes; a seed has 32", "key", "import", "a", "--seed-file", "short")
        self.write("long", bytes(33))
        self.bad(1, "has more than 32 bytes", "key", "import", "a", "--seed-file", "long")

    def test_what_makes_no_sense(self):
        self.write("seed", bytes(32))
        self.bad(2, "give a FILE", "key", "import", "a")
        self.bad(2, "give a FILE", "key", "import", "a", "seed", "--seed-file", "seed")
        self.bad(2, "keeps its passphrase", "key", "import", "a", "seed", "--no-passphrase")
        self.bad(1, "not a key file", "key", "import", "a", "seed")
        self.bad(1, "can't be read", "key", "import", "a", "missing")
        self.bad(1, "can't be read", "key", "export", "missing")
        self.assertEqual(self.good("key", "list"), "")

    def test_damage_is_found(self):
        self.new()
        file = bytearray(self.read("keys/blog.key"))
        for at in (0, 1, 3, len(file) - 50):
            damaged = bytearray(file)
            damaged[at] ^= 1
            self.bad(1, "not a key file", "key", "import", "a", self.write("damaged", bytes(damaged)))


class Passphrase(Key):
    def test_is_needed(self):
        self.write("empty", "\n")
        self.bad(1, "the passphrase is empty", "key", "new", "a", "--passphrase-file", "empty")
        self.bad(1, "no passphrase can be read from", "key", "new", "a", "--passphrase-file", "no")
        self.write("long", "x" * 4097)
        self.bad(1, "no passphrase can be read from", "key", "new", "a", "--passphrase-file",
                 "long")
        self.assertFalse(os.path.exists(self.path("keys")))

    def test_no_terminal(self):
        result = subprocess.run([support.COPSE, "key", "new", "a"], stdin=subprocess.DEVNULL,
                                capture_output=True, check=False, start_new_session=True)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"there is no terminal", result.stderr)
        self.assertIn(b"--passphrase-file FILE or $COPSE_PASSPHRASE", result.stderr)

    def test_from_the_environment(self):
        os.environ["COPSE_PASSPHRASE"] = "correct horse"
        self.addCleanup(os.environ.pop, "COPSE_PASSPHRASE")
        self.good("key", "new", "blog")
        self.assertNotIn(b"correct horse", self.read("keys/blog.key"))

    def test_at_the_terminal_it_is_asked_twice_and_not_shown(self):
        code, shown = self.run_at_terminal([b"correct horse\n", b"correct horse\n"],
                                           "key", "new", "blog")
        self.assertEqual(code, 0, shown)
        self.assertIn("new passphrase of the key 'blog': ", shown)
        self.assertIn("the same again: ", shown)
        self.assertNotIn("horse", shown)
        self.assertIn(self.good("key", "list").split()[1], shown)

    def test_at_the_terminal_typed_wrong(self):
        code, shown = self.run_at_terminal([b"correct horse\n", b"correct hors\n"],
                                           "key", "new", "blog")
        self.assertEqual(code, 1)
        self.assertIn("are not the same", shown)
        code, shown = self.run_at_terminal([b"\n"], "key", "new", "blog")
        self.assertEqual(code, 1)
        self.assertIn("the passphrase is empty", shown)
        code, shown = self.run_at_terminal([b"\x03"], "key", "new", "blog")
        self.assertEqual(code, 1)
        self.assertIn("cancelled", shown)
        self.assertFalse(os.path.exists(self.path("keys/blog.key")))

    def test_a_key_file_is_not_for_a_terminal(self):
        self.new()
        code, shown = self.run_at_terminal([], "key", "export", "blog")
        self.assertEqual(code, 1)
        self.assertIn("a key file is not for a terminal", shown)


class OpenKey(Key):
    """Keys that a command signs with: `copse publish`."""

    def setUp(self):
        super().setUp()
        self.db = self.path("blog.copse")
        self.good("init", self.db)
        self.write("secret", "correct horse\n")
        self.new("blog", "--passphrase-file", "secret")
        self.new("open")
        self.publish = ("publish", self.db, "--out", self.path("record"), "--key")

    def test_by_file_environment_and_path(self):
        self.good(*self.publish, "blog", "--passphrase-file", "secret")
        self.bad(1, "the passphrase does not open the key", *self.publish, "blog",
                 "--passphrase-file", "keys/blog.key")
        self.good(*self.publish, self.path("keys/blog.key"), "--passphrase-file", "secret")
        os.environ["COPSE_PASSPHRASE"] = "correct horse"
        self.addCleanup(os.environ.pop, "COPSE_PASSPHRASE")
        self.good(*self.publish, "blog")
        os.chmod(self.path("keys/blog.key"), 0o644)
        self.bad(1, "others than you may read or write the key", *self.publish, "blog")
        self.bad(1, "No such file", *self.publish, "none")

    def test_without_a_passphrase_also_where_one_is_given(self):
        self.good(*self.publish, "open")
        self.good(*self.publish, "open", "--passphrase-file", "secret")

    def test_at_the_terminal(self):
        code, shown = self.run_at_terminal([b"correct horse\n"], *self.publish, "blog")
        self.assertEqual(code, 0, shown)
        self.assertIn("passphrase of the key 'blog': ", shown)
        self.assertNotIn("the same again", shown)
        code, shown = self.run_at_terminal([b"correct hors\n"], *self.publish, "blog")
        self.assertEqual(code, 1)
        self.assertIn("the passphrase does not open the key", shown)


class KeyPage(Key):
    def test_shows_what_happens(self):
        self.write("secret", "correct horse\n")
        self.assert_console("docs/keys.md", r"did:key:z\w+", r"k51\w+")
