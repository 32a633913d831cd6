"""copse tree: each command as it is documented, its exact output, and its refusals."""
import json
import os
import random
import subprocess

import support
from support import CommandTest

FRUIT = [("lemon", "yellow"), ("apple", "red"), ("fig", "purple")]


class Load(CommandTest):
    def test_order_does_not_matter(self):
        rows = [(f"key{i:05}", f"value {i * 7919}") for i in range(5000)]
        root = self.load(rows)
        shuffled = rows[:]
        random.Random(1).shuffle(shuffled)
        self.assertEqual(self.load(shuffled, store=self.path("other")), root)
        self.assertEqual(self.good("tree", "root", self.store), root + "\n")

    def test_last_of_equal_keys_wins(self):
        self.load([("a", "1"), ("b", "2"), ("a", "3")])
        self.assertEqual(self.good("tree", "scan", self.store), "a\t3\nb\t2\n")

    def test_one_at_a_time_gives_the_same_root(self):
        root = self.load(FRUIT)
        other = self.path("other")
        for key, value in FRUIT:
            put = self.good("tree", "put", other, key, value)
        self.assertEqual(put, root + "\n")

    def test_bytes_as_they_are(self):
        data = b"\tempty key\nk\tv\tw\r\nlast\xff\x00\\\tno end"
        self.good("tree", "load", self.store, "-", stdin=data)
        self.assertEqual(self.good("tree", "scan", self.store),
                         "\tempty key\nk\tv\\tw\\r\nlast\\xff\\x00\\\\\tno end\n")
        self.assertEqual(self.good("tree", "get", self.store, "k", "--raw"), "v\tw\r")

    def test_hex_both_ways(self):
        data = bytes(range(256)).hex()
        self.good("tree", "load", self.store, "-", "--hex", stdin=f"00ff\t{data}\n\tAB\n")
        text = self.good("tree", "scan", self.store, "--hex")
        self.assertEqual(text, f"\tab\n00ff\t{data}\n")
        again = self.path("again")
        self.good("tree", "load", again, "-", "--hex", stdin=text)
        self.assertEqual(self.good("tree", "root", again), self.good("tree", "root", self.store))
        self.bad(1, "line 2: not an even number of hexadecimal digits",
                 "tree", "load", self.store, "-", "--hex", stdin="00\t00\nxy\t00\n")

    def test_a_line_without_tab_loads_nothing(self):
        root = self.load(FRUIT)
        lines = "".join(f"k{i}\tv\n" for i in range(1000)) + "no tab here\nz\tz\n"
        self.bad(1, "line 1,001: there is no TAB", "tree", "load", self.store, "-", stdin=lines)
        self.bad(1, "nothing was loaded", "tree", "load", self.store, "-", stdin="\n")
        self.assertEqual(self.good("tree", "root", self.store).strip(), root)
        self.bad(1, "line 1: the key or the value is too long", "tree", "load", self.store, "-",
                 stdin="k" * 1025 + "\tv\n")

    def test_refs(self):
        self.load(FRUIT)
        other = self.load([("x", "y")], "--ref", "next")
        self.assertEqual(self.good("tree", "root", self.store, "--ref", "next").strip(), other)
        self.assertEqual(self.good("tree", "scan", self.store, "--ref", other), "x\ty\n")
        self.assertEqual([row["ref"] for row in self.good_json("refs", "list", self.store)],
                         ["main", "next"])

    def test_json(self):
        row, = self.good_json("tree", "load", self.store, "-", stdin="a\t1\na\t2\nb\t3\n")
        self.assertEqual((row["ref"], row["rows"], row["entries"], row["before"]),
                         ("main", 3, 2, None))

    def test_more_than_memory(self):
        rows = [(f"{i * 2654435761 % 2**32:08x}", "v" * 90) for i in range(300000)]
        small = self.load(rows, "--memory", "24M", "--durability", "off")
        large = self.load(rows, "--durability", "off", store=self.path("large"))
        self.assertEqual(small, large)
        leftover = [name for name in os.listdir(self.store) if name.startswith("run")]
        self.assertEqual(leftover, [])

    def test_refusals(self):
        self.bad(1, "'nowhere.tsv' can't be read: No such file",
                 "tree", "load", self.store, "nowhere.tsv")
        self.bad(1, "Is a directory", "tree", "load", self.store, self.dir)
        self.assertFalse(os.path.exists(self.store))
        self.bad(2, "--memory takes a size, such as", "tree", "load", self.store, "-",
                 "--memory", "12Q")
        self.bad(2, "24M or more", "tree", "load", self.store, "-", "--memory", "1M")
        self.bad(2, "full|normal|off", "tree", "load", self.store, "-", "--durability", "some")
        self.bad(2, "FILE is missing", "tree", "load", self.store)
        self.bad(2, "did you mean --memory?", "tree", "load", self.store, "-", "--memroy", "1G")


class Read(CommandTest):
    def setUp(self):
        super().setUp()
        self.rows = [(f"k{i:04}", f"v{i}") for i in range(0, 4000, 2)]
        self.load(self.rows)

    def scan(self, *options):
        lines = self.good("tree", "scan", self.store, *options).splitlines()
        return [tuple(line.split("\t")) for line in lines]

    def test_get(self):
        self.assertEqual(self.good("tree", "get", self.store, "k0002"), "v2\n")
        self.bad(1, "main has no key 'k0003'", "tree", "get", self.store, "k0003")
        self.assertEqual(self.good_json("tree", "get", self.store, "k0002"),
                         [{"key": "k0002", "value": "v2"}])

    def test_scan(self):
        rows = self.rows
        self.assertEqual(self.scan(), rows)
        self.assertEqual(self.scan("--reverse"), rows[::-1])
        self.assertEqual(self.scan("--from", "k0100", "--to", "k0200"), rows[50:100])
        self.assertEqual(self.scan("--from=k0100", "--limit", "3"), rows[50:53])
        self.assertEqual(self.scan("--to", "k0100", "--reverse", "--limit", "2"), rows[48:50][::-1])
        self.assertEqual(self.scan("--prefix", "k01"), rows[50:100])
        self.assertEqual(self.scan("--limit", "0"), [])
        self.assertEqual(self.scan("--from", "z"), [])
        self.bad(2, "--prefix can't stand beside", "tree", "scan", self.store, "--prefix", "a",
                 "--to", "b")

    def test_prefix_of_ff(self):
        self.good("tree", "put", self.store, "--hex", "ff", "01", "ffff00", "02", "fe", "03")
        self.assertEqual(self.scan("--prefix", "ff", "--hex"), [("ff", "01"), ("ffff00", "02")])

    def test_count_rank_nth(self):
        self.assertEqual(self.good("tree", "count", self.store), "2000\n")
        self.assertEqual(self.good("tree", "count", self.store, "--prefix", "k01"), "50\n")
        self.assertEqual(self.good("tree", "rank", self.store, "k0100"), "50\n")
        self.assertEqual(self.good("tree", "rank", self.store, "k0101"), "51\n")
        self.assertEqual(self.good("tree", "nth", self.store, "50"), "k0100\tv100\n")
        self.bad(1, "it has 2,000", "tree", "nth", self.store, "2000")
        self.bad(2, "N should be a number", "tree", "nth", self.store, "-1x".lstrip("-"))
        self.assertEqual(self.good_json("tree", "count", self.store), [{"count": 2000}])
        self.assertEqual(self.good_json("tree", "rank", self.store, "l"), [{"rank": 2000}])

    def test_json_is_json(self):
        self.good("tree", "put", self.store, "--hex", "ff00", "c3a4", "22", "5c0a22")
        rows = self.good_json("tree", "scan", self.store)
        self.assertEqual(rows[0], {"key": '"', "value": '\\\n"'})
        self.assertEqual(rows[-1], {"key": {"/": {"bytes": "/wA"}}, "value": "ä"})
        self.assertEqual(len(rows), 2002)

    def test_values_of_the_data_model(self):
        value = '{"n":[1,-2,2.5,null,true],"to":{"/":"bafkqaaa"}}'
        self.good("tree", "put", self.store, "doc", value, "--dag-json")
        self.assertEqual(self.good("tree", "get", self.store, "doc"), value + "\n")
        self.assertEqual(self.good_json("tree", "get", self.store, "doc")[0]["value"],
                         json.loads(value))

    def test_stat(self):
        row, = self.good_json("tree", "stat", self.store)
        self.assertEqual((row["entries"], row["depth"]), (2000, len(row["levels"])))
        self.assertEqual(sum(level["nodes"] for level in row["levels"]), row["nodes"])
        self.assertIn("entries  2,000", self.good("tree", "stat", self.store))

    def test_names(self):
        self.bad(1, "its refs: main", "tree", "scan", self.store, "--ref", "mian")
        self.bad(1, "there is no store 'nothing'", "tree", "scan", "nothing")
        self.assertFalse(os.path.exists(self.path("nothing")))
        other = self.good("block", "put", self.store, "-", stdin="[1,2,3,4]").strip()
        self.bad(1, "is not the root of a tree", "tree", "scan", self.store, "--ref", other)
        result = self.run_copse("tree", "scan", self.store, "--ref", "mian", "--json")
        self.assertEqual(json.loads(result.errors())["error"]["status"], "NOT_FOUND")

    def test_output_that_does_not_arrive(self):
        with open("/dev/full", "wb") as full:
            result = self.run_copse("tree", "scan", self.store, stdout=full)
        self.assertEqual(result.code, 1)
        self.assertIn("No space left", result.errors())
        shell = subprocess.run(f"'{support.COPSE}' tree scan store | head -n 1", shell=True,
                               cwd=self.dir, capture_output=True, check=False)
        self.assertEqual((shell.stdout, shell.stderr), (b"k0000\tv0\n", b""))


class Change(CommandTest):
    def setUp(self):
        super().setUp()
        self.rows = [(f"k{i:04}", f"v{i}") for i in range(3000)]
        self.base = self.load(self.rows)
        for ref in ("base", "theirs"):
            self.good("refs", "set", self.store, ref, "main")

    def test_put_and_delete(self):
        self.good("tree", "put", self.store, "k0001", "new", "z", "last")
        self.good("tree", "delete", self.store, "k0000", "absent")
        self.assertEqual(self.good("tree", "diff", self.store, self.base, "main"),
                         "-\tk0000\n~\tk0001\n+\tz\n")
        self.good("tree", "put", self.store, "k0001", "v1", "k0000", "v0")
        self.assertEqual(self.good("tree", "delete", self.store, "z").strip(), self.base)
        self.good("tree", "delete", self.store, "--prefix", "k1")
        self.assertEqual(self.good("tree", "count", self.store), "2000\n")
        self.bad(2, "either keys or a range", "tree", "delete", self.store)
        self.bad(2, "the value of 'b' is missing", "tree", "put", self.store, "a", "1", "b")
        self.assertFalse(os.path.exists(self.path("none")))
        self.bad(1, "there is no store", "tree", "delete", "none", "k")

    def test_diff(self):
        self.good("tree", "put", self.store, "k0500", "x", "k2999x", "y", "--ref", "theirs")
        self.assertEqual(self.good("tree", "diff", self.store, "main", "theirs"),
                         "~\tk0500\n+\tk2999x\n")
        self.assertEqual(self.good("tree", "diff", self.store, "theirs", "main", "--values"),
                         "~\tk0500\tx\tv500\n-\tk2999x\ty\n")
        self.assertEqual(self.good("tree", "diff", self.store, "main", "theirs", "--from", "k1"),
                         "+\tk2999x\n")
        self.assertEqual(self.good_json("tree", "diff", self.store, "main", "theirs")[0],
                         {"change": "changed", "key": "k0500", "before": "v500", "after": "x"})
        self.assertEqual(self.good("tree", "diff", self.store, "main", "theirs", "--count"),
                         "added\t1\nremoved\t0\nchanged\t1\n")
        self.assertEqual(self.good("tree", "diff", self.store, "main", "main"), "")

    def test_merge(self):
        self.good("tree", "put", self.store, "k0001", "ours")
        self.good("tree", "put", self.store, "k2000", "theirs", "--ref", "theirs")
        self.good("tree", "delete", self.store, "k0100", "--ref", "theirs")
        merged = self.good("tree", "merge", self.store, "base", "main", "theirs").strip()
        self.assertEqual(self.good("tree", "diff", self.store, "base", merged),
                         "~\tk0001\n-\tk0100\n~\tk2000\n")
        self.assertNotEqual(self.good("tree", "root", self.store).strip(), merged)
        self.good("tree", "merge", self.store, "base", "main", "theirs", "--ref", "main")
        self.assertEqual(self.good("tree", "root", self.store).strip(), merged)
        wanted = [(k, {"k0001": "ours", "k2000": "theirs"}.get(k, v)) for k, v in self.rows
                  if k != "k0100"]
        self.assertEqual(self.load(wanted, store=self.path("plain")), merged)

    def test_conflict(self):
        self.good("tree", "put", self.store, "k0001", "ours", "k0002", "ours")
        self.good("tree", "put", self.store, "k0001", "theirs", "--ref", "theirs")
        self.good("tree", "delete", self.store, "k0002", "--ref", "theirs")
        refs = self.good("refs", "list", self.store)
        blocks = self.good_json("gc", self.store, "--dry-run")
        merge = ("tree", "merge", self.store, "base", "main", "theirs", "--ref", "main")
        result = self.bad(1, "2 keys changed on both sides", *merge)
        self.assertEqual(result.text(), "k0001\nk0002\n")
        rows = self.bad(1, "CONFLICT", *merge, "--json").lines()
        self.assertEqual(rows[1], {"conflict": "k0002", "base": "v2", "a": "ours", "b": None})
        self.assertEqual(self.good("refs", "list", self.store), refs)
        self.assertEqual(self.good_json("gc", self.store, "--dry-run"), blocks)
        self.good(*merge, "--theirs")
        self.assertEqual(self.good("tree", "get", self.store, "k0001"), "theirs\n")
        self.bad(2, "can't stand together", *merge, "--ours", "--theirs")


class Share(CommandTest):
    def setUp(self):
        super().setUp()
        self.rows = [(f"k{i:04}", f"v{i}") for i in range(3000)]
        self.root = self.load(self.rows)

    def test_prove_keys(self):
        self.good("tree", "prove", self.store, "k0007", "nokey", "-o", "p.car")
        verify = ("tree", "verify", "p.car", self.root, "k0007", "nokey")
        self.assertEqual(self.good(*verify), "k0007\tv7\nnokey\n")
        self.assertEqual(self.good_json(*verify), [
            {"key": "k0007", "value": "v7"}, {"key": "nokey", "absent": True},
            {"verified": True, "present": 1, "absent": 1}])
        self.bad(1, "'p.car' is refused", "tree", "verify", "p.car", self.root, "k2500")

    def test_prove_range(self):
        question = ("--from", "k0100", "--to", "k0110", "--reverse")
        self.good("tree", "prove", self.store, *question, "--output", "p.car")
        self.assertEqual(self.good("tree", "verify", "p.car", self.root, *question),
                         "".join(f"k{i:04}\tv{i}\n" for i in range(109, 99, -1)))
        piped = self.run_copse("tree", "prove", self.store, *question, "-o", "-")
        self.assertEqual(piped.out, self.read("p.car"))

    def test_tampered_proofs(self):
        self.good("tree", "prove", self.store, "k0007", "-o", "p.car")
        proof = self.read("p.car")
        for at in random.Random(1).sample(range(len(proof)), 40):
            changed = bytearray(proof)
            changed[at] ^= 1 << at % 8
            self.write("t.car", bytes(changed))
            result = self.run_copse("tree", "verify", "t.car", self.root, "k0007")
            self.assertEqual(result.code, 1, f"byte {at}")
        for cut in (0, 10, len(proof) // 2, len(proof) - 1):
            self.write("t.car", proof[:cut])
            self.assertEqual(self.run_copse("tree", "verify", "t.car", self.root, "k0007").code, 1)
        self.write("t.car", proof + proof[-40:])
        self.assertEqual(self.run_copse("tree", "verify", "t.car", self.root, "k0007").code, 1)

    def test_prove_refusals(self):
        self.bad(2, "-o FILE.car", "tree", "prove", self.store, "k0001")
        self.bad(2, "either keys or a range", "tree", "prove", self.store, "k", "--prefix", "k",
                 "-o", "p.car")
        self.bad(1, "can't be written", "tree", "prove", self.store, "k0001", "-o", "no/p.car")
        self.bad(1, "'bafyxx' is not a CID", "tree", "verify", "p.car", "bafyxx", "k")

    def test_export_import(self):
        self.good("tree", "export", self.store, "x.car")
        copy = self.path("copy")
        self.assertEqual(self.good("tree", "import", copy, "x.car").strip(), self.root)
        self.assertEqual(self.good("tree", "root", copy).strip(), self.root)
        self.assertEqual(self.good("tree", "scan", copy), self.good("tree", "scan", self.store))
        self.assertEqual(self.run_copse("tree", "export", copy, "-").out, self.read("x.car"))
        self.good("tree", "export", self.store, "x2.car", "--car2")
        row, = self.good_json("tree", "import", copy, "x2.car", "--ref", "two")
        self.assertEqual((row["root"], row["unreachable"]), (self.root, 0))
        self.assertIn("all is well", self.good("fsck", copy))

    def test_import_refuses(self):
        self.good("tree", "export", self.store, "x.car")
        data = bytearray(self.read("x.car"))
        self.write("cut.car", bytes(data[:len(data) // 2]))
        data[len(data) // 2] ^= 1
        self.write("bad.car", bytes(data))
        self.load([("a", "b")], store=self.path("copy"))
        refs = self.good("refs", "list", "copy")
        self.bad(1, "nothing was imported", "tree", "import", "copy", "bad.car")
        self.bad(1, "nothing was imported", "tree", "import", "copy", "cut.car")
        self.good("tree", "prove", self.store, "k0001", "-o", "part.car")
        self.bad(1, "blocks are missing", "tree", "import", "copy", "part.car")
        self.assertEqual(self.good("refs", "list", "copy"), refs)

    def test_import_reports_what_is_extra(self):
        self.good("tree", "export", self.store, "x.car")
        self.load([("only", "here")], "--ref", "other")
        self.good("tree", "export", self.store, "y.car", "--ref", "other")
        header = self.read("y.car").find(b"\x12\x20")
        self.assertGreater(header, 0)
        sections = self.read("y.car")[self.read("y.car")[0] + 1:]
        self.write("both.car", self.read("x.car") + sections)
        row, = self.good_json("tree", "import", "copy", "both.car")
        self.assertEqual((row["root"], row["unreachable"]), (self.root, 2))
