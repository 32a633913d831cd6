"""Clones and pulls whose only peer goes away: they ask again for some seconds before they give up.
And long histories."""
import json

import history_rounds_cases
from clone_cases import ReplicaTest, post


class LongHistory(history_rounds_cases.HistoryRounds):
    counts = 1000,


class BrokenOffTest(ReplicaTest):
    def test_server_gone(self):
        """Whatever came stays, nothing is to be seen, and each block is fetched once."""
        whole = self.good_json("clone", self.url, "whole")[0]
        for share in (0.1, 0.5, 0.9):
            store = f"mine-{share}"
            proxy = self.proxy()
            url = proxy.url + "/blog"
            proxy.left = int(whole["bytes_fetched"] * share)
            self.bad(1, "can't be had", "clone", url, store)
            self.assertEqual(list(self.refs(store)), ["origin"])
            self.bad(1, "", "find", store, "posts")
            kept = self.good_json("fsck", store)[-1]["blocks"] - 1
            self.assertLess(kept, whole["blocks_fetched"])
            proxy.left = None
            report = self.good_json("clone", url, store)[0]
            self.assertEqual(report["blocks_fetched"], whole["blocks_fetched"] - kept)
            self.assertEqual(report["entries"], whole["entries"])
            self.assertEqual(self.refs(store)["main"], self.refs("blog")["main"])
            self.good("check", store)
            if share == 0.9:
                self.assertGreater(kept, 10)

    def test_pull_broken_off(self):
        proxy = self.proxy()
        self.good("clone", proxy.url + "/blog", "mine")
        refs = self.refs("mine")
        lines = "".join(json.dumps(post(i)) + "\n" for i in range(5000, 6000))
        self.good("import", "blog", "posts", self.write("more.json", lines))
        proxy.left = 10_000
        self.bad(1, "can't be had", "pull", "mine")
        self.assertEqual(self.refs("mine"), refs)
        self.good("check", "mine")
        proxy.left = None
        self.assertTrue(self.good_json("pull", "mine")[0]["moved"])
        proxy.close()
        self.stop_servers()
        self.good("check", "mine")
        self.assertEqual(self.find("mine", "posts"), self.find("blog", "posts"))
