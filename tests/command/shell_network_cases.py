"""copse shell on the database of a peer: what Tab offers, and what it fetches for that."""
import remote_cases
import shell_cases


class RemoteShell(remote_cases.RemoteTest):
    def test_completion_fetches_the_catalogue_alone(self):
        terminal = shell_cases.Terminal(self.url, "--no-history")
        self.addCleanup(terminal.close)
        terminal.expect("blog> ")
        terminal.type("pos\tfin\t\t") # two Tabs: find and findOne are shown
        terminal.expect("findOne(")
        terminal.type("({crea\t")
        terminal.expect("({createdAt")
        terminal.type("\x03")
        terminal.expect("blog> ")
        terminal.type("indexes --he\t\x03")
        terminal.expect("blog> ")
        self.good("shell", self.url, "--offline") # so much has been fetched
        for arguments in (["get", self.url, "posts", "250"], ["count", self.url, "posts"],
                          ["count", self.url, "posts", '{"tags":"cats"}']):
            self.bad(1, "offline", *arguments, "--offline")
        terminal.type("posts.find({aut\t.name: 'a1'}).count()\n") # a field without an index
        terminal.expect("\n0\n")
        terminal.expect("blog> ")
        terminal.type("posts.find({'author.name': 'a1'}).count()\n")
        terminal.expect("\n80\n")
        self.good("get", self.url, "posts", "250", "--offline")
        terminal.type("\x04")
        self.assertEqual(terminal.end(), 0)
