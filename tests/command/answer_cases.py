"""The commands prove and verify."""
import json

from documents_cases import DocumentsTest, post
from support import CommandTest

CLAIM = "the claim of the root's author"


class Answers(DocumentsTest):
    """60 posts, an index on tags and createdAt, and the root that a verifier knows."""

    def setUp(self):
        super().setUp()
        self.insert_posts()
        self.good("index", self.db, "posts", "tags,-createdAt")
        self.root = self.stats()["commit"]
        self.tree = self.stats()["tree"]
        self.question = ["posts", '{"tags":"cats"}', "--sort", "-createdAt", "--limit", "5"]

    def prove(self, *question, name="answer.car"):
        row, = self.good_json("prove", self.db, *question, "-o", name)
        self.assertEqual(row["root"], self.root)
        self.assertEqual(row["bytes"], len(self.read(name)))
        return row

    def verify(self, *question, name="answer.car"):
        """The documents, and the last line."""
        *documents, verdict = self.good_json("verify", name, self.root, *question)
        self.assertTrue(verdict["verified"])
        self.assertEqual(verdict["documents"], len(documents))
        return documents, verdict

    def refused(self, fault, message, *arguments):
        result = self.bad(1, f"is refused ({fault}): ", "verify", *arguments)
        self.assertIn(message, result.errors())
        found = {json.dumps(document) for document in self.find('{"tags":"cats"}')}
        for line in result.text().splitlines():
            self.assertIn(json.dumps(json.loads(line)), found)

    def test_is_what_find_says(self):
        questions = [["posts"], self.question, ["posts", '{"_id":7}'], ["posts", '{"_id":700}'],
                     ["posts", '{"author.name":"a1"}', "--sort", "text", "--skip", "2"],
                     [*self.question, "--project", "text", "--hint", "$natural"]]
        for question in questions:
            made = self.prove(*question)
            documents, verdict = self.verify(*question)
            self.assertEqual(documents, self.find(*question[1:]))
            self.assertEqual((verdict["blocks"], verdict["bytes"], verdict["documents"]),
                             (made["blocks"], made["bytes"], made["documents"]))

    def test_needs_nothing_but_the_file(self):
        self.prove(*self.question)
        car = self.read("answer.car")
        self.assertLess(len(car), 20000)
        result = self.run_copse("verify", "-", self.root, *self.question, stdin=car)
        self.assertEqual(result.code, 0, result.errors())
        self.assertEqual(len(result.text().splitlines()), 5)
        self.assertIn("verified: 5 documents, all of the answer, by ", result.errors())

    def test_says_what_is_claimed(self):
        self.prove(*self.question)
        self.assertIn(CLAIM, self.verify(*self.question)[1]["claim"])
        self.assertIn(CLAIM, self.run_copse("verify", "answer.car", self.root,
                                            *self.question).errors())
        question = [*self.question, "--hint", "$natural"]
        self.prove(*question)
        self.assertNotIn("claim", self.verify(*question)[1])
        self.assertIn("no index was used", self.run_copse("verify", "answer.car", self.root,
                                                          *question).errors())

    def test_a_tree_as_root(self):
        self.good("prove", self.db, *self.question, "--ref", self.tree, "-o", "tree.car")
        self.good("verify", "tree.car", self.tree, *self.question)
        self.refused("other-root", self.tree, "tree.car", self.root, *self.question)

    def test_an_older_head(self):
        self.prove(*self.question)
        before = self.verify(*self.question)
        self.good("insert", self.db, "posts", json.dumps(post(100)))
        self.assertEqual(self.verify(*self.question), before)
        self.good("prove", self.db, *self.question, "--ref", self.root, "-o", "again.car")
        self.assertEqual(self.read("again.car"), self.read("answer.car"))

    def test_another_question(self):
        self.prove(*self.question)
        for change, field in [([*self.question[:5], "6"], "limit"),
                              ([*self.question[:3], "createdAt", *self.question[4:]], "sort"),
                              (["posts", '{"tags":"dogs"}', *self.question[2:]], "filter"),
                              (["users", *self.question[1:]], "collection"),
                              ([*self.question, "--skip", "1"], "skip"),
                              ([*self.question, "--project", "text"], "project")]:
            self.refused("other-query", f"its {field} is another", "answer.car", self.root,
                         *change)
        self.refused("wrong-plan", "the hint's index", "answer.car", self.root, *self.question,
                     "--hint", "$natural")

    def test_a_changed_file(self):
        self.prove(*self.question)
        car = self.read("answer.car")
        self.write("wrong.car", car[:-1] + bytes([car[-1] ^ 1]))
        self.refused("damaged-block", "does not hash", "wrong.car", self.root, *self.question)
        self.write("wrong.car", car[:-1])
        self.refused("cut-short", "ends at byte", "wrong.car", self.root, *self.question)
        self.write("wrong.car", b"")
        self.refused("cut-short", "", "wrong.car", self.root, *self.question)
        self.write("wrong.car", b"\0cats")
        self.refused("no-car", "", "wrong.car", self.root, *self.question)
        self.good("tree", "export", self.db, "wrong.car", "--ref", self.root)
        self.bad(1, "is refused (", "verify", "wrong.car", self.root, *self.question)

    def test_a_failure_leaves_the_file(self):
        self.prove(*self.question)
        car = self.read("answer.car")
        self.bad(1, "there is no index 'ghost'", "prove", self.db, "posts", "--hint", "ghost",
                 "-o", "answer.car")
        self.bad(1, "did you mean 'posts'", "prove", self.db, "post", "-o", "answer.car")
        self.assertEqual(self.read("answer.car"), car)

    def test_misuse(self):
        self.bad(2, "say where the answer goes", "prove", self.db, "posts")
        self.bad(2, "--limit takes 1 or more", "prove", self.db, "posts", "--limit", "0", "-o",
                 "a.car")
        self.bad(2, "--limit takes 1 or more", "verify", "a.car", self.root, "posts", "--limit",
                 "0")
        self.bad(1, "is not a CID", "verify", "a.car", "cats", "posts")
        self.bad(1, "a.car", "verify", "a.car", self.root, "posts")


class Page(CommandTest):
    def test_the_page_tells_the_truth(self):
        self.assert_console("docs/proofs.md")
