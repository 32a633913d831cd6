"""Loads of more than memory: what the process takes is asserted on ru_maxrss."""
from support import CommandTest

ROWS = 2_000_000


class Memory(CommandTest):
    def test_load_stays_within_memory(self):
        path = self.path("rows.tsv")
        value = "v" * 84
        with open(path, "w") as file:
            for i in range(ROWS):
                file.write(f"{i * 0x9e3779b97f4a7c15 % 2**64:016x}\t{i:016}{value}\n")
        result = self.run_copse("tree", "load", self.store, path, "--memory", "40M",
                                "--durability", "off")
        self.assertEqual(result.code, 0, result.errors())
        print(f"\n{ROWS} rows with --memory 40M: {result.memory_kib / 1024:.1f} MiB; "
              f"{result.errors().splitlines()[-1]}")
        self.assertLessEqual(result.memory_kib, 40 * 1024)
        self.assertEqual(self.good("tree", "count", self.store), f"{ROWS}\n")
        whole = self.run_copse("tree", "load", self.path("whole"), path, "--memory", "1G",
                               "--durability", "off")
        self.assertEqual(whole.out, result.out)
