"""Round trips of the commands that copy a history: the same for one commit and for a thousand."""
import json
import os
import shutil

import serve_cases
from support import CommandTest


class HistoryRounds(CommandTest):
    """`base` has 600 posts and an index, and `blog` has more and more commits than that."""

    counts = 40, 150

    def setUp(self):
        super().setUp()
        os.environ["COPSE_CACHE"] = self.path("cache")
        self.addCleanup(os.environ.pop, "COPSE_CACHE")
        posts = "".join(json.dumps({"_id": number, "tag": f"t{number % 7}", "text": "x" * 50}) + "\n"
                        for number in range(600))
        self.good("import", "base", "posts", "-", stdin=posts)
        self.good("index", "base", "posts", "tag")
        self.good("fork", "base", "blog")
        self.good("update", "base", "posts", '{"_id":0}', '{"$set":{"tag":"own"}}')
        self.levels = len(self.good_json("tree", "stat", "base")[0]["levels"])
        self.commits = 0
        server = serve_cases.Server(self.dir, "blog")
        self.addCleanup(server.stop)
        self.url = server.url + "/blog"

    def write_until(self, commits):
        """By one process. Posts all over the collection."""
        lines = "".join(
            f'db.posts.updateOne({{"_id":{1 + number * 7 % 599}}},{{"$set":{{"n":{number}}}}})\n'
            for number in range(self.commits, commits))
        self.good("shell", "blog", stdin=lines)
        self.commits = commits

    def run_counted(self, *arguments):
        """Runs it with an empty cache. Returns its round trips."""
        shutil.rmtree(self.path("cache"), ignore_errors=True)
        return self.good_json(*arguments)[-1]["round_trips"]

    def assert_rounds(self, commits):
        """The head is one round trip, its block and that of its tree another, the commits a third;
        then one for each level."""
        self.write_until(commits)
        for store in ("mine", "whole", "clone"):
            shutil.rmtree(self.path(store), ignore_errors=True)
        shutil.copytree(self.path("base"), self.path("mine"))
        self.assertEqual(self.run_counted("clone", self.url, "clone"), 3 + self.levels)
        # The blocks of the other trees that name their roots are one more.
        self.assertEqual(self.run_counted("fork", self.url, "whole", "--whole"), 4 + self.levels)
        self.assertEqual(self.run_counted("pull", "follows"), 4 + self.levels)
        # It reads what differs, then brings what else is in the history.
        self.assertEqual(self.run_counted("merge", "mine", self.url), 5 + 2 * self.levels)
        for store in ("mine", "whole", "follows"):
            self.assertEqual(self.good_json("fsck", store)[-1].get("absent", 0), 0)
        log = self.good("log", "blog")
        self.assertEqual(self.good("log", "whole", "--offline"), log)
        self.assertEqual(self.good("log", "follows", "--ref", "origin/main", "--offline"), log)

    def test_any_number_of_commits(self):
        self.good("fork", self.url, "follows", "--whole")
        for commits in self.counts:
            with self.subTest(commits=commits):
                self.assert_rounds(commits)
