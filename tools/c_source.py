"""What the checkers share: finding our C files, and reading C without a compiler."""
import os
import re

FOLDERS = ("include", "src", "apps", "tests", "bench", "examples", "bindings")
PROGRAM_SUFFIXES = ("_test.c", "_fuzz.c", "_bench.c")


def files(folders=FOLDERS, suffixes=(".c", ".h")):
    """Our C files below the current folder, sorted."""
    found = []
    for folder in folders:
        for parent, children, names in os.walk(folder):
            children[:] = [c for c in children if c != "node_modules"]
            found += [os.path.join(parent, n) for n in names if n.endswith(suffixes)]
    return sorted(found)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL)


def blank(text, keep_strings=False):
    """The text with comments (and strings) turned into spaces; line numbers stay the same."""
    def spaces(match):
        token = match.group()
        if keep_strings and token[0] in "\"'":
            return token
        return re.sub(r"[^\n]", " ", token)
    return TOKEN.sub(spaces, text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]', re.MULTILINE)


def includes(text):
    """(line, quote, name) of each #include."""
    plain = blank(text, keep_strings=True)
    return [(line_of(plain, m.start(1)), m.group(1), m.group(2)) for m in INCLUDE.finditer(plain)]


class Layers:
    """tools/layers.txt."""

    def __init__(self, path="tools/layers.txt"):
        self.names = []
        self.core = set()
        self.named = {}
        self.headers = {}
        for number, line in enumerate(read(path).splitlines(), 1):
            words = line.split("#")[0].split()
            if not words:
                continue
            if words[0] == "layer" and len(words) > 1:
                unknown = [w for w in words[2:] if w not in self.named]
                if unknown:
                    raise SystemExit(f"{path}:{number}: not a lower layer: {' '.join(unknown)}")
                self.names.append(words[1])
                self.named[words[1]] = words[2:]
            elif words == ["core-ends"]:
                self.core = set(self.names)
            elif words[0] == "header" and len(words) == 3:
                if words[2] not in self.named:
                    raise SystemExit(f"{path}:{number}: no such layer: {words[2]}")
                self.headers[words[1]] = words[2]
            else:
                raise SystemExit(f"{path}:{number}: cannot read: {line}")

    def allowed(self, layer):
        """The layer itself and all that it may include."""
        found = {layer}
        for lower in self.named[layer]:
            found |= self.allowed(lower)
        return found

    def of_public_header(self, name):
        """The layer of copse/name.h or copse/sys/name.h; None if nothing tells."""
        if name in self.headers:
            return self.headers[name]
        noun = os.path.basename(name)[:-2]
        for layer in self.names:
            if os.path.exists(f"src/{layer}/{noun}.c"):
                return layer
        return None
