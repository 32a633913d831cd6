"""The commands cache stat and cache clear."""
import json
import os
import subprocess

import support
from support import CommandTest

NONE = {"blocks": 0, "bytes": 0, "heads": 0, "generations": 0}


class Cache(CommandTest):
    def setUp(self):
        super().setUp()
        self.cache = self.path("cache")

    def fill(self, number=1):
        """A generation is a store as any other."""
        os.makedirs(self.cache, exist_ok=True)
        generation = os.path.join(self.cache, f"gen-{number:06}")
        self.load([(f"{i:05}", "x" * 50) for i in range(500)], store=generation)
        return generation

    def stat(self, cache=None):
        row, = self.good_json("cache", "stat", "--cache", cache or self.cache)
        self.assertEqual(row.pop("cache"), cache or self.cache)
        return row

    def test_none_is_empty_and_is_not_made(self):
        self.assertEqual(self.stat(), NONE)
        self.assertEqual(self.good("cache", "clear", "--cache", self.cache), "cleared 0 B\n")
        self.assertFalse(os.path.exists(self.cache))

    def test_counts(self):
        self.fill(1)
        self.fill(2)
        row = self.stat()
        self.assertEqual(row["generations"], 2)
        self.assertGreater(row["blocks"], 10)
        files = sum(os.path.getsize(os.path.join(folder, name))
                    for folder, _, names in os.walk(self.cache) for name in names)
        self.assertEqual(row["bytes"], files)
        text = self.good("cache", "stat", "--cache", self.cache)
        self.assertIn(f"{row['blocks']} blocks, ", text)
        self.assertIn(" in 2 generations; 1 head\n", text)

    def test_is_cleared(self):
        self.fill()
        size = self.stat()["bytes"]
        row, = self.good_json("cache", "clear", "--cache", self.cache)
        self.assertEqual(row, {"cache": self.cache, "cleared_bytes": size})
        self.assertEqual(self.stat(), NONE)
        self.assertEqual(os.listdir(self.cache), ["lock"])

    def test_leaves_other_folders_alone(self):
        generation = self.fill()
        for name in ["cache/letters", "cache/gen-000001/letters"]:
            self.write(name, "mine")
            before = sorted(os.listdir(generation))
            result = self.bad(1, "is not a cache: ", "cache", "clear", "--cache", self.cache)
            self.assertIn("nothing was changed", result.errors())
            self.assertEqual(sorted(os.listdir(generation)), before)
            os.remove(self.path(name))
        self.good("cache", "clear", "--cache", self.cache)

    def test_damage_is_passed_over(self):
        generation = self.fill(1)
        whole = self.stat()["blocks"]
        self.fill(2)
        for name in os.listdir(generation):
            self.write(os.path.join(generation, name), b"\x00" * 100)
        self.assertEqual(self.stat()["blocks"], whole)
        self.good("cache", "clear", "--cache", self.cache)
        self.assertEqual(self.stat(), NONE)

    def test_where_it_is(self):
        def where(**variables):
            environment = {name: value for name, value in os.environ.items()
                           if name not in ("COPSE_CACHE", "XDG_CACHE_HOME", "HOME")}
            ran = subprocess.run([support.COPSE, "cache", "stat", "--json"], cwd=self.dir,
                                 env={**environment, **variables}, capture_output=True,
                                 check=False)
            return json.loads(ran.stdout)["cache"] if ran.returncode == 0 else ran.returncode
        home = {"HOME": "/nowhere/home"}
        self.assertEqual(where(**home), "/nowhere/home/.cache/copse")
        self.assertEqual(where(**home, XDG_CACHE_HOME="/nowhere/xdg"), "/nowhere/xdg/copse")
        self.assertEqual(where(**home, XDG_CACHE_HOME=""), "/nowhere/home/.cache/copse")
        self.assertEqual(where(**home, XDG_CACHE_HOME="xdg"), "/nowhere/home/.cache/copse")
        self.assertEqual(where(**home, XDG_CACHE_HOME="/x", COPSE_CACHE="/nowhere/own"),
                         "/nowhere/own")
        self.assertEqual(where(COPSE_CACHE="/nowhere/own"), "/nowhere/own")
        self.assertEqual(where(), 2)
        self.assertEqual(where(HOME="/" + "x" * 5000), 2)
