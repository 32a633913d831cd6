"""The command follow: databases that follow each other, live and step by step, over HTTP, by names and
from folders; rolled back and forked heads; kills; the quota."""
import json
import os
import random
import signal
import socket
import subprocess
import time

import support
from clone_cases import ReplicaTest
from names_cases import NamesTest
from support import CommandTest, free_port
from watch_cases import Watcher

LIVE_SECONDS = 60


class Follower(Watcher):
    """A running `copse follow`, whose lines are read as they come."""

    command = "follow"


class FollowTest(CommandTest):
    """Databases `a`, `b`, … with one past."""

    def setUp(self):
        super().setUp()
        self.running = []
        self.addCleanup(self.stop_all)
        self.good("init", "a")
        self.insert("a", 0)

    def stop_all(self):
        for child in self.running:
            child.kill()
            child.wait()
            child.stdout.close()

    def fork(self, *stores):
        for store in stores:
            self.good("fork", "a", store)

    def insert(self, store, number, **more):
        self.good("insert", store, "posts", json.dumps({"_id": number, **more}))

    def ids(self, store):
        return sorted((json.loads(line)["_id"] for line in
                       self.good("find", store, "posts").splitlines()), key=str)

    def refs(self, store):
        return dict(line.split("\t") for line in self.good("refs", "list", store).splitlines())

    def head(self, store):
        return self.refs(store)["main"]

    def log(self, store):
        return self.good_json("log", store)

    def merges(self, store):
        return [commit for commit in self.log(store) if len(commit.get("parents", [])) > 1]

    def once(self, store, *arguments):
        return self.good_json("follow", store, *arguments, "--once")

    def list(self, store):
        return {os.path.basename(one["address"]): one
                for one in self.good_json("follow", store, "--list")}

    def follower(self, *arguments):
        follower = Follower(self.dir, *arguments)
        self.addCleanup(follower.stop)
        return follower

    def serve(self, store, port=None):
        """Serves it; the URL of the database, and the process."""
        port = port or free_port()
        child = subprocess.Popen([support.COPSE, "serve", store, "--listen", f"127.0.0.1:{port}"],
                                 cwd=self.dir, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.running.append(child)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), 5).close()
                break
            except OSError:
                time.sleep(0.02)
        return f"http://127.0.0.1:{port}/{store}", child

    def end(self, child):
        self.running.remove(child)
        child.kill()
        child.wait()
        child.stdout.close()

    def wait_for(self, holds, *followers):
        deadline = time.monotonic() + LIVE_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError("it does not come: " + "; ".join(
                    follower.said() for follower in followers))
            time.sleep(0.05)

    def assert_one_head(self, *stores):
        self.assertEqual(len({self.head(store) for store in stores}), 1)
        for store in stores:
            self.good("check", store)
            report = self.good_json("fsck", store)[-1]
            self.assertTrue(report["good"])
            self.assertEqual(report.get("absent", 0), 0)


class FollowFolders(FollowTest):
    def test_two_rest_at_one_merge(self):
        self.fork("b")
        self.insert("a", 1)
        self.insert("b", 2)
        events = self.once("a", "b")
        self.assertEqual([event["event"] for event in events], ["took", "main"])
        self.assertEqual(events[1]["head"], self.head("a"))
        self.assertEqual([event["event"] for event in self.once("b", "a")], ["took", "main"])
        for store in ("a", "b", "a", "b"):
            events = self.once(store)  # at most what it made of it itself is new to the other
            self.assertNotIn("main", [event["event"] for event in events])
        self.assertEqual(self.ids("a"), [0, 1, 2])
        self.assertEqual(len(self.merges("a")), 1)
        self.assert_one_head("a", "b")
        self.assertEqual(self.once("a"), [])

    def test_two_who_merge_at_the_same_time_make_one_commit(self):
        self.fork("b")
        self.insert("a", 1, x="a")
        self.insert("b", 1, x="b")  # a conflict, which is recorded
        self.good("fork", "b", "b-before")
        self.good("fork", "a", "a-before")
        self.once("a", "b-before")
        self.once("b", "a-before")
        self.assert_one_head("a", "b")
        self.assertEqual(len(self.merges("b")), 1)
        self.assertEqual(len(self.good_json("conflicts", "a")), 1)
        self.bad(1, "1 conflict: main was not moved", "follow", "a-before", "b-before", "--once",
                 "--conflicts", "refuse")

    def test_rings_and_all_to_all_come_to_rest(self):
        for rounds, ring in ((1, True), (1, False), (3, True)):
            with self.subTest(rounds=rounds, ring=ring):
                stores = [f"{letter}{rounds}{ring}" for letter in "xyz"]
                self.fork(*stores)
                for i, store in enumerate(stores):
                    others = [stores[(i + 1) % 3]] + ([] if ring else [stores[(i + 2) % 3]])
                    self.once(store, *others)
                for turn in range(rounds):
                    for i, store in enumerate(stores):
                        self.insert(store, f"{turn} {i}")
                        self.once(store)
                moved = True
                turns = 0
                while moved:
                    before = [self.head(store) for store in stores]
                    for store in stores:
                        self.once(store)
                    moved = before != [self.head(store) for store in stores]
                    turns += 1
                    self.assertLess(turns, 8)
                self.assertEqual(len(self.ids(stores[0])), 1 + 3 * rounds)
                self.assertLessEqual(len(self.merges(stores[0])), 3 * rounds)
                self.assert_one_head(*stores)

    def test_the_list(self):
        self.fork("b", "c")
        self.bad(1, "follows nobody", "follow", "a", "--once")
        self.bad(1, "there is no folder 'nowhere'", "follow", "a", "nowhere")
        self.bad(1, "never changes", "follow", "a", self.head("a"))
        self.bad(1, "is the database itself", "follow", "a", "../" + os.path.basename(self.dir) + "/a")
        self.bad(2, "--remove and --accept are about an ADDRESS", "follow", "a", "--remove")
        self.bad(2, "--quota is about --backfill", "follow", "a", "--quota", "1M")
        self.assertEqual(self.good("follow", "a", "--list"), "")
        self.insert("b", 1)
        self.once("a", "b", "./c")
        self.once("a", "b")  # again: nothing
        listed = self.list("a")
        self.assertEqual(set(listed), {"b", "c"})
        self.assertEqual(listed["b"]["head"], self.head("b"))
        self.assertEqual((listed["b"]["state"], listed["c"]["state"]), ("followed", "followed"))
        self.assertEqual(self.refs("a")[f"following/{self.path('b')}"], self.head("b"))
        self.assertIn(self.path("b"), self.good("follow", "a", "--list"))
        self.good("follow", "a", "--remove", "b")
        self.assertEqual(set(self.list("a")), {"c"})
        self.bad(1, "'b' is not followed", "follow", "a", "b", "--remove")
        self.assertEqual([ref for ref in self.refs("a") if ref.startswith("following/")],
                         [f"following/{self.path('c')}"])
        self.bad(2, "following is where", "branch", "a", "following/x")
        self.assertNotIn("following\t", self.good("branch", "a"))
        self.good("gc", "a")
        self.assertEqual(set(self.list("a")), {"c"})

    def test_who_is_not_there_does_not_stop_the_others(self):
        self.fork("b", "c")
        self.once("a", "b", "c")
        self.insert("c", 1)
        os.rename(self.path("b"), self.path("away"))
        result = self.run_copse("follow", "a", "--once")
        self.assertEqual(result.code, 1)
        self.assertIn(self.path("b"), result.errors())
        self.assertEqual(self.ids("a"), [0, 1])
        os.rename(self.path("away"), self.path("b"))
        self.assertEqual(self.good("follow", "a", "--once"), "")

    def test_rolled_back_and_forked_heads(self):
        self.fork("b")
        self.insert("b", 1)
        self.once("a", "b")
        taken = self.head("b")
        self.good("reset", "b", "HEAD~1")
        result = self.bad(1, "was rolled back", "follow", "a", "--once")
        self.assertIn("--accept", result.errors())
        listed = self.list("a")["b"]
        self.assertEqual((listed["state"], listed["head"], listed["refused"]),
                         ("rolled back", taken, self.head("b")))
        self.insert("b", 2)
        self.bad(1, "was rolled back", "follow", "a", "--once")  # whatever follows
        self.assertEqual(self.ids("a"), [0, 1])
        self.good("follow", "a", "b", "--accept")
        self.assertEqual(self.list("a")["b"]["state"], "followed")
        self.once("a")
        self.assertEqual(self.ids("a"), [0, 1, 2])
        self.good("reset", "b", "HEAD~1")
        self.insert("b", 3)
        self.bad(1, "has forked", "follow", "a", "--once")
        self.assertEqual(self.list("a")["b"]["state"], "forked")
        self.good("gc", "a")
        self.good("follow", "a", "--accept", "b")
        self.once("a")
        self.assertEqual(self.ids("a"), [0, 1, 2, 3])

    def test_killed_in_the_middle_it_goes_on(self):
        """Killed at any moment: the store is whole, and what was to come comes."""
        self.fork("b")
        for part in range(3):
            lines = "".join(json.dumps({"_id": f"{part} {i}", "n": i}) + "\n" for i in range(400))
            self.good("import", "b", "posts", "-", stdin=lines)
        self.insert("a", 1)
        chance = random.Random(7)
        killed = 0
        for turn in range(14):
            store = f"m{turn}"
            self.good("fork", "a", store)
            child = subprocess.Popen([support.COPSE, "follow", store, "b", "--once"], cwd=self.dir,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0.001, 0.06))
            child.send_signal(signal.SIGKILL)
            killed += child.wait() == -signal.SIGKILL
            self.assertTrue(self.good_json("fsck", store)[-1]["good"])
            self.assertIn(len(self.ids(store)), (2, 1202))
            self.once(store, "b")
            self.assertEqual(len(self.ids(store)), 1202)
        self.assert_one_head(*(f"m{turn}" for turn in range(14)))
        self.assertGreater(killed, 3)


class FollowLive(FollowTest):
    def test_three_who_follow_each_other(self):
        self.fork("b", "c")
        served = {store: self.serve(store)[0] for store in "abc"}
        followers = [self.follower(store, *(url for other, url in served.items() if other != store))
                     for store in "abc"]
        for turn in range(4):
            for store in "abc":
                self.insert(store, f"{store}{turn}")
        self.wait_for(lambda: all(len(self.ids(store)) == 13 for store in "abc") and
                      len({self.head(store) for store in "abc"}) == 1, *followers)
        head = self.head("a")
        time.sleep(1)
        self.assertEqual({self.head(store) for store in "abc"}, {head})
        self.assertLess(len(self.merges("a")), 36)
        for follower in followers:
            follower.stop()
        self.assert_one_head("a", "b", "c")

    def test_a_peer_that_is_killed_and_comes_back(self):
        self.fork("b", "c")
        url, server = self.serve("b")
        port = int(url.split(":")[2].split("/")[0])
        follower = self.follower("a", url, "c")
        self.insert("b", 1)
        self.wait_for(lambda: self.ids("a") == [0, 1], follower)
        self.end(server)
        follower.wait_until_it_says("it is tried again")
        self.insert("b", 2)
        self.insert("c", 3)
        self.wait_for(lambda: self.ids("a") == [0, 1, 3], follower)
        self.serve("b", port)
        self.wait_for(lambda: self.ids("a") == [0, 1, 2, 3], follower)
        follower.wait_until_it_says("is heard again")
        follower.stop()
        self.good("check", "a")

    def test_what_others_change_in_the_list(self):
        self.fork("b", "c")
        follower = self.follower("a", "b")
        self.wait_for(lambda: "b" in self.list("a") and self.list("a")["b"]["head"], follower)
        self.insert("c", 1)
        self.once("a", "c")
        self.insert("c", 2)
        self.wait_for(lambda: self.ids("a") == [0, 1, 2], follower)
        self.good("follow", "a", "--remove", "c")
        time.sleep(0.5)
        self.insert("c", 3)
        self.insert("b", 4)
        self.wait_for(lambda: 4 in self.ids("a"), follower)
        self.assertEqual(self.ids("a"), [0, 1, 2, 4])
        self.good("reset", "b", "HEAD~1")
        follower.wait_until_it_says("was rolled back")
        self.insert("b", 5)
        self.good("follow", "a", "b", "--accept")
        self.wait_for(lambda: 5 in self.ids("a"), follower)


class FollowNames(NamesTest):
    def test_a_name_moved_by_publish(self):
        self.good("fork", "blog.copse", "mine")
        relay = self.serve("blog.copse", "--accept-records", "--publish", "blog")
        self.stop(relay)
        server = self.serve("blog.copse", "--accept-records")
        first, = self.good_json("publish", "blog.copse", "--key", "blog", "--to", server.url)
        self.good("follow", "mine", self.name, "--peer", server.url, "--once")
        one, = self.good_json("follow", "mine", "--list")
        self.assertEqual((one["address"], one["sequence"], one["head"]),
                         (self.name, first["sequence"],
                          self.good_json("log", "blog.copse")[0]["commit"]))
        self.insert(2)
        self.good("follow", "mine", "--peer", server.url, "--once")
        self.assertEqual(self.ids("mine", "posts"), [1])  # it is not published yet
        later, = self.good_json("publish", "blog.copse", "--key", "blog", "--to", server.url)
        self.good("follow", "mine", "--peer", server.url, "--once")
        self.assertEqual(self.ids("mine", "posts"), [1, 2])
        one, = self.good_json("follow", "mine", "--list")
        self.assertEqual(one["sequence"], later["sequence"])

    def test_live(self):
        self.good("fork", "blog.copse", "mine")
        server = self.serve("blog.copse", "--publish", "blog")
        follower = Follower(self.dir, "mine", self.name, "--peer", server.url)
        self.addCleanup(follower.stop)
        self.insert(2)
        deadline = time.monotonic() + LIVE_SECONDS
        while self.ids("mine", "posts") != [1, 2]:
            self.assertLess(time.monotonic(), deadline, follower.said())
            time.sleep(0.05)


class FollowBackfill(ReplicaTest):
    posts = 700

    def backfill(self, *arguments):
        return self.good_json("follow", "mine", self.path("other"), "--once", *arguments)[-1]

    def setUp(self):
        super().setUp()
        self.good("fork", self.url, "mine")
        self.good("fork", "mine", "other")

    def test_a_query(self):
        self.backfill("--backfill", 'posts {"n":{"$gte":650}}')
        found = self.good("find", self.url, "posts", '{"n":{"$gte":650}}')
        self.stop_servers()
        self.assertEqual(self.good("find", "mine", "posts", '{"n":{"$gte":650}}', "--offline"),
                         found)

    def test_quota(self):
        small = 30_000
        first = self.backfill("--backfill", "posts", "--quota", small)
        self.assertEqual((first["event"], first["done"]), ("backfill", False))
        self.assertTrue(small <= first["total"] < small + 20_000, first)  # the last block and no more
        kept = self.reachable("mine")
        again = self.backfill("--backfill", "posts", "--quota", small)  # of all runs together
        self.assertEqual((again["bytes"], again["total"], again["done"]),
                         (0, first["total"], False))
        self.assertEqual(self.reachable("mine"), kept)
        rest = self.backfill("--backfill", "posts", "--quota", "100M")
        self.assertEqual(rest["total"], first["total"] + rest["bytes"])
        self.assertTrue(rest["done"])
        self.stop_servers()
        self.assertEqual(len(self.find("mine", "posts")), self.posts)

    def test_history(self):
        before = self.good_json("log", self.url)
        self.backfill("--backfill-history")
        self.stop_servers()
        self.assertEqual(len(self.good_json("log", "mine", "--offline")), len(before))


class FollowPage(CommandTest):
    def test_page(self):
        self.assert_console("docs/following.md", r"\bbaf\w+", r"\d{4}-\d\d-\d\d [\d:]+Z",
                            r"/[^ ]*/(?=anna|ben)")
