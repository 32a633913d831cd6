"""docs/updates.md shows what happens."""
from support import CommandTest


class UpdatesPage(CommandTest):
    def test_the_page_tells_the_truth(self):
        self.assert_console("docs/updates.md")
