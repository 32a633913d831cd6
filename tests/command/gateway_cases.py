"""`copse serve` as an IPFS gateway: the cases of ipfs/gateway-conformance that apply to a trustless
gateway of blocks, asked with curl. The fixtures are its own (tests/vectors/gateway).

Left out, and why: responses that are put together from UnixFS blocks (the path gateway's files,
folder listings, tar, HTML), and of CARs what needs the inside of UnixFS: paths and entities of
folders that are spread over shards, and ranges of files. There we say 501, which is tested below."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
import unittest.mock

import support
from serve_cases import FOREVER, EMPTY_CAR, Server, cid_bytes, read_varint, receive_all

VECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors", "gateway")

# Blocks of the fixtures, by what they are.
RAW_ROOT = "bafybeie72edlprgtlwwctzljf6gkn2wnlrddqjbkxo3jomh4n7omwblxly"
RAW_DIR = "bafybeifaqksygmsbnqe76kwvxoqxtkzcwssq5jkhuo65ldtqiunr3bxlra"
RAW_FILE = "bafkreihhpc5y2pqvl5rbe5uuyhqjouybfs3rvlmisccgzue2kkt5zq6upq"
RAW_TEXT = b"hello application/vnd.ipld.raw\n"
CBOR = "bafyreibs4utpgbn7uqegmd2goqz4bkyflre2ek2iwv743fhvylwi4zeeim"
CBOR_LINK = "bafyreig5alecq2l2akgajxywgnv22kuxh6xcagsnelepylqovt4t5jxt6u"
CBOR_END = "bafyreiaefvpp22slf5bzd4lqgzwbztqahwlldtqkpgmlhv7mh23pudle7y"
CBOR_END_DATA = b"\xa1ehellorthis is not a link"
JSON = "baguqeeram5ujjqrwheyaty3w5gdsmoz6vittchvhk723jjqxk7hakxkd47xq"
JSON_LINK = "baguqeeraxpdqyfizawpb7zl5gnpg7jw3myuynb42ngzmeo7xn5kmm5pabt6q"
PLAIN_CBOR = "bafireif3aymeikgfbofx533yf5vlx4kimzq6zmzmpra2mnzfsfnmv4hchm"
PLAIN_JSON = "bagaaierajjsnhsxqlgfrvknlt7z2heoljcgfv37cn45tu7mhmr23x3ekiboq"
PB_FILE = "bafybeifbrhaqujlo62d5pduqjjdajhwhhwvsipzjuxd2hmfgqzggqczgke"  # ą/ę of gateway-json-cbor
TWO = "bafybeietjm63oynimmv5yyqay33nui4y4wx6u3peezwetxgiwvfmelutzu"
TWO_SUBDIR = "bafybeiggghzz6dlue3m6nb2dttnbrygxh3lrjl5764f2m4gq7dgzdt55o4"
ASCII = "bafkreifkam6ns4aoolg3wedr4uzrs3kvq66p4pecirz6y2vlrngla62mxm"
HELLO = "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4"
MIXED = "bafybeidh6k2vzukelqtrjsmd4p52cpmltd2ufqrdtdg6yigi73in672fwu"
MIXED_SUBDIR = "bafybeicnmple4ehlz3ostv2sbojz3zhh5q7tz5r2qkfdpqfilgggeen7xm"
MULTIBLOCK = "bafybeigcisqd7m5nf3qmuvjdbakl5bdnh4ocrmacaqkpuh77qjvggmt2sa"
PIECES = ["bafkreie5noke3mb7hqxukzcy73nl23k6lxszxi5w3dtmuwz62wnvkpsscm",
          "bafkreih4ephajybraj6wnxsbwjwa77fukurtpl7oj7t7pfq545duhot7cq",
          "bafkreigu7buvm3cfunb35766dn7tmqyh2um62zcio63en2btvxuybgcpue",
          "bafkreicll3huefkc3qnrzeony7zcfo7cr3nbx64hnxrqzsixpceg332fhe",
          "bafkreifst3pqztuvj57lycamoi7z34b4emf7gawxs74nwrc2c7jncmpaqm"]
CBOR_DIR = "bafybeia264q44a3kmfc2otctzu4egp2k235o3t7mslz2yjraymp4nv6asi"
DOCUMENT = "bafyreidy4q6mmetut5jzc54ambsfnatbyoujmwbfzyyolqw24majazwgha"
DUPLICATES = "bafybeihchr7vmgjaasntayyatmp5sv6xza57iy2h4xj7g46bpjij6yhrmy"
HELLO_IDENTITY = "bafkqabtimvwgy3yk"
IDENTITY = "bafkqaf3imvwgy3zaneqgc3janfxgy2lomvscay3jmqfa"
MISSING = "bafyreifepiu23okq5zuyvyhsoiazv2icw2van3s7ko6d3ixl5jx2yj2yhu"

RAW_TYPE = "application/vnd.ipld.raw"
CAR_TYPE = "application/vnd.ipld.car"
BY_RAW = {"Accept": RAW_TYPE}
BY_CAR = {"Accept": CAR_TYPE}
CAR_HEADERS = {
    "Content-Type": rf"{CAR_TYPE}; version=1; order=dfs; dups=[ny]",
    "X-Content-Type-Options": "nosniff",
    "Accept-Ranges": "none",
    "Content-Disposition": r'attachment; filename="[a-z0-9]+\.car"',
    "ETag": 'W/"[^"]+"',
    "Cache-Control": FOREVER,
}
CORS_HEADERS = {
    "Access-Control-Allow-Origin": r"\*",
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS.*",
    "Access-Control-Allow-Headers": ".*Content-Type, Range, User-Agent, X-Requested-With",
    "Access-Control-Expose-Headers":
    "(?=.*Content-Range)(?=.*Content-Length)(?=.*X-Ipfs-Path)(?=.*X-Ipfs-Roots)"
    "(?=.*X-Chunked-Output)(?=.*X-Stream-Output).*",
}


def raw_headers(cid, path=None):
    return {
        "Content-Type": RAW_TYPE,
        "Content-Disposition": rf'attachment; filename="{cid}\.bin"',
        "X-Content-Type-Options": "nosniff",
        "ETag": rf'"{cid}\.raw"',
        "Cache-Control": FOREVER,
        "X-Ipfs-Path": f"/ipfs/{path or cid}",
        "X-Ipfs-Roots": f"(.*,)?{cid}",
    }


def car(*cids):
    """A CAR of exactly these blocks, in this order."""
    return ("car", list(cids))


# name of the suite's test; path; request headers; status; response headers (regexes); body: bytes,
# car(), or None.
CASES = [
    # trustless_gateway_raw_test
    ("TestTrustlessRaw", f"/ipfs/{RAW_DIR}?format=raw", {}, 200, raw_headers(RAW_DIR), None),
    ("TestTrustlessRaw", f"/ipfs/{RAW_DIR}", BY_RAW, 200, raw_headers(RAW_DIR), None),
    ("TestTrustlessRaw", f"/ipfs/{RAW_FILE}", BY_RAW, 200,
     {**raw_headers(RAW_FILE), "Content-Length": "31",
      "Content-Location": rf"/ipfs/{RAW_FILE}\?format=raw"}, RAW_TEXT),
    ("TestTrustlessRaw", f"/ipfs/{RAW_FILE}?filename=foobar.bin", BY_RAW, 200,
     {"Content-Disposition": r'attachment; filename="foobar\.bin"'}, RAW_TEXT),
    ("TestTrustlessRawRanges", f"/ipfs/{RAW_FILE}", {**BY_RAW, "Range": "bytes=6-16"}, 206,
     {"Content-Range": "bytes 6-16/31", "Content-Type": RAW_TYPE}, RAW_TEXT[6:17]),
    ("TestTrustlessRawRanges", f"/ipfs/{RAW_FILE}", {**BY_RAW, "Range": "bytes=-5"}, 206,
     {"Content-Range": "bytes 26-30/31"}, RAW_TEXT[26:]),
    ("TestTrustlessRawRanges", f"/ipfs/{RAW_FILE}", {**BY_RAW, "Range": "bytes=6-16,0-5"}, 200, {},
     RAW_TEXT),
    # path_gateway_raw_test: the same with a path
    ("TestGatewayBlock", f"/ipfs/{RAW_ROOT}/dir?format=raw", {}, 200,
     raw_headers(RAW_DIR, f"{RAW_ROOT}/dir"), None),
    ("TestGatewayBlock", f"/ipfs/{RAW_ROOT}/dir", {**BY_RAW, "Range": "bytes=6-16"}, 206,
     {"Content-Range": "bytes 6-16/57"}, None),
    ("TestGatewayBlock", f"/ipfs/{RAW_ROOT}/dir/ascii.txt", BY_RAW, 200,
     {**raw_headers(RAW_FILE, f"{RAW_ROOT}/dir/ascii.txt"), "Content-Length": "31",
      "X-Ipfs-Roots": f"{RAW_ROOT},{RAW_DIR},{RAW_FILE}",
      "Content-Location": rf"/ipfs/{RAW_ROOT}/dir/ascii\.txt\?format=raw"}, RAW_TEXT),
    ("TestGatewayBlock", f"/ipfs/{RAW_ROOT}/dir/ascii.txt?filename=foobar.bin", BY_RAW, 200,
     {"Content-Disposition": r'attachment; filename="foobar\.bin"'}, RAW_TEXT),
    ("TestGatewayBlock", f"/ipfs/{RAW_ROOT}/dir/nothing", BY_RAW, 404, {}, None),
    # trustless_gateway_car_test, TestTrustlessCarPathing
    ("TestTrustlessCarPathing", f"/ipfs/{TWO}/subdir/ascii.txt?format=car", {}, 200, CAR_HEADERS,
     car(TWO, TWO_SUBDIR, ASCII)),
    ("TestTrustlessCarPathing", f"/ipfs/{DOCUMENT}/files/single?format=car", {}, 200, CAR_HEADERS,
     car(DOCUMENT, HELLO)),
    ("TestTrustlessCarPathing", f"/ipfs/{DOCUMENT}/files/multiblock?format=car", {}, 200,
     CAR_HEADERS, car(DOCUMENT, MULTIBLOCK, *PIECES)),
    ("TestTrustlessCarPathing", f"/ipfs/{CBOR_DIR}/document/files/single?format=car", {}, 200,
     CAR_HEADERS, car(CBOR_DIR, DOCUMENT, HELLO)),
    ("TestTrustlessCarPathing", f"/ipfs/{TWO}/subdir/i-do-not-exist?format=car", {}, 404, {}, None),
    # TestTrustlessCarDagScopeBlock
    ("DagScopeBlock", f"/ipfs/{TWO}/subdir?format=car&dag-scope=block", {}, 200, CAR_HEADERS,
     car(TWO, TWO_SUBDIR)),
    ("DagScopeBlock", f"/ipfs/{TWO}/subdir/ascii.txt?format=car&dag-scope=block", {}, 200,
     CAR_HEADERS, car(TWO, TWO_SUBDIR, ASCII)),
    # TestTrustlessCarDagScopeEntity
    ("DagScopeEntity", f"/ipfs/{TWO}?format=car&dag-scope=entity", {}, 200, CAR_HEADERS, car(TWO)),
    ("DagScopeEntity", f"/ipfs/{MIXED}/subdir/ascii.txt?format=car&dag-scope=entity", {}, 200,
     CAR_HEADERS, car(MIXED, MIXED_SUBDIR, ASCII)),
    ("DagScopeEntity", f"/ipfs/{MIXED}/subdir/multiblock.txt?format=car&dag-scope=entity", {}, 200,
     CAR_HEADERS, car(MIXED, MIXED_SUBDIR, MULTIBLOCK, *PIECES)),
    ("DagScopeEntity", f"/ipfs/{CBOR_DIR}/document?format=car&dag-scope=entity", {}, 200,
     CAR_HEADERS, car(CBOR_DIR, DOCUMENT)),
    # TestTrustlessCarDagScopeAll
    ("DagScopeAll", f"/ipfs/{MIXED}/subdir?format=car&dag-scope=all", {}, 200, CAR_HEADERS,
     car(MIXED, MIXED_SUBDIR, ASCII, HELLO, MULTIBLOCK, *PIECES)),
    ("DagScopeAll", f"/ipfs/{MIXED}/subdir/multiblock.txt?format=car&dag-scope=all", {}, 200,
     CAR_HEADERS, car(MIXED, MIXED_SUBDIR, MULTIBLOCK, *PIECES)),
    # TestTrustlessCarEntityBytes: where the entity is no run of bytes they are passed over
    ("EntityBytes", f"/ipfs/{CBOR_DIR}/document?format=car&entity-bytes=0:5", {}, 200, CAR_HEADERS,
     car(CBOR_DIR, DOCUMENT)),
    ("EntityBytes", f"/ipfs/{TWO}/subdir?format=car&dag-scope=entity&entity-bytes=0:*", {}, 200,
     CAR_HEADERS, car(TWO, TWO_SUBDIR)),
    ("EntityBytes", f"/ipfs/{ASCII}?format=car&dag-scope=entity&entity-bytes=-5:*", {}, 200,
     CAR_HEADERS, car(ASCII)),
    *[("EntityBytes", f"/ipfs/{ASCII}?format=car&entity-bytes={wrong}", {}, 400, {}, None)
      for wrong in ("", ":", "5", "5:", "*:5", "a:b", "7:5", "-5:-7", "1:2:3", "0" * 40 + ":1")],
    # TestTrustlessCarOrderAndDuplicates
    ("Duplicates", f"/ipfs/{DUPLICATES}", {"Accept": f"{CAR_TYPE}; version=1; order=dfs; dups=y"},
     200, {**CAR_HEADERS, "Content-Type": ".*order=dfs; dups=y"},
     car(DUPLICATES, ASCII, ASCII, HELLO, MULTIBLOCK, *PIECES)),
    ("Duplicates", f"/ipfs/{DUPLICATES}", {"Accept": f"{CAR_TYPE}; version=1; order=dfs; dups=n"},
     200, {**CAR_HEADERS, "Content-Type": ".*order=dfs; dups=n"},
     car(DUPLICATES, ASCII, HELLO, MULTIBLOCK, *PIECES)),
    ("Duplicates", f"/ipfs/{DUPLICATES}", {"Accept": f"{CAR_TYPE}; version=1; order=unk"}, 200,
     {"Content-Type": ".*order=.*"}, car(DUPLICATES, ASCII, HELLO, MULTIBLOCK, *PIECES)),
    ("Duplicates", f"/ipfs/{IDENTITY}", {"Accept": f"{CAR_TYPE}; dups=y"}, 200,
     {"Content-Type": ".*dups=y"}, car()),
    ("Duplicates", f"/ipfs/{DUPLICATES}?format=car",
     {"Accept": f"{CAR_TYPE}; version=1; order=dfs; dups=y"}, 200, {"Content-Type": ".*dups=y"},
     car(DUPLICATES, ASCII, ASCII, HELLO, MULTIBLOCK, *PIECES)),
    ("Duplicates", f"/ipfs/{DUPLICATES}?format=car&car-order=dfs",
     {"Accept": f"{CAR_TYPE}; order=unk"}, 200, {"Content-Type": ".*order=dfs.*"}, None),
    ("Duplicates", f"/ipfs/{DUPLICATES}?format=car&car-dups=y",
     {"Accept": f"{CAR_TYPE}; dups=n"}, 200, {"Content-Type": ".*dups=y"}, None),
    # TestTrustlessCarFormatPrecedence
    ("FormatPrecedence", f"/ipfs/{RAW_DIR}?format=car", BY_RAW, 200, CAR_HEADERS,
     car(RAW_DIR, RAW_FILE)),
    ("FormatPrecedence", f"/ipfs/{RAW_DIR}?format=raw", BY_CAR, 200, {"Content-Type": RAW_TYPE},
     None),
    # path_gateway_dag_test, TestCodecMismatchReturns406
    *[("CodecMismatch", f"/ipfs/{cid}?format={form}", {}, 406, {}, None)
      for cid, form in ((PB_FILE, "dag-json"), (PB_FILE, "dag-cbor"), (JSON, "dag-cbor"),
                        (CBOR, "dag-json"), (CBOR, "json"), (PLAIN_CBOR, "dag-cbor"),
                        (PLAIN_JSON, "cbor"), (CBOR, "tar"))],
    *[("CodecMismatch", f"/ipfs/{cid}", {"Accept": "application/vnd.ipld.dag-json"}, 406, {}, None)
      for cid in (PB_FILE, CBOR)],
    # TestPlainCodec, TestNativeDag: a block by the name of its own codec
    *[(name, f"/ipfs/{cid}{query}", asked, 200,
       {"Content-Type": kind, "Content-Disposition": rf'{shown}; filename="{cid}\.{end}"',
        "ETag": rf'"{cid}\.{form}"', "X-Ipfs-Path": f"/ipfs/{cid}", "X-Ipfs-Roots": cid,
        "Content-Length": r"\d+", "Cache-Control": FOREVER}, ("block", cid))
      for name, cid, form, kind, shown, end in (
          ("TestPlainCodec", PLAIN_CBOR, "cbor", "application/cbor", "attachment", "cbor"),
          ("TestPlainCodec", PLAIN_JSON, "json", "application/json", "inline", "json"),
          ("TestNativeDag", CBOR, "dag-cbor", "application/vnd.ipld.dag-cbor", "attachment", "cbor"),
          ("TestNativeDag", CBOR, "cbor", "application/cbor", "attachment", "cbor"),
          ("TestNativeDag", JSON, "dag-json", "application/vnd.ipld.dag-json", "inline", "json"),
          ("TestNativeDag", JSON, "json", "application/json", "inline", "json"))
      for query, asked in ((f"?format={form}", {}), ("", {"Accept": kind}))],
    ("TestNativeDag", f"/ipfs/{JSON}?format=dag-json&filename=foobar.json", {}, 200,
     {"Content-Disposition": r'inline; filename="foobar\.json"'}, None),
    ("TestNativeDag", f"/ipfs/{JSON}?format=dag-json&filename=foobar.json&download=true", {}, 200,
     {"Content-Disposition": r'attachment; filename="foobar\.json"'}, None),
    ("TestNativeDag", f"/ipfs/{CBOR}?format=dag-cbor", {"Range": "bytes=1-3"}, 206,
     {"Content-Range": "bytes 1-3/76"}, b"cfo"),
    # TestPathing
    ("TestPathing", f"/ipfs/{CBOR}/foo?format=dag-cbor", {}, 501, {}, None),
    ("TestPathing", f"/ipfs/{CBOR}/foo/link/bar?format=dag-cbor", {}, 200,
     {"X-Ipfs-Roots": f"{CBOR},{CBOR_LINK},{CBOR_END}", "ETag": rf'"{CBOR_END}\.dag-cbor"'},
     CBOR_END_DATA),
    ("TestPathing", f"/ipfs/{CBOR}/foo/i-do-not-exist?format=raw", {}, 404, {}, None),
    ("TestPathing", f"/ipfs/{CBOR}/foo/link/bar/hello?format=raw", {}, 501, {}, None),
    ("TestPathing", f"/ipfs/{CBOR}/foo/link/bar/hello/more?format=raw", {}, 404, {}, None),
    ("TestPathing", f"/ipfs/{CBOR}/foo/link/bar?format=car", {}, 200, CAR_HEADERS,
     car(CBOR, CBOR_LINK, CBOR_END)),
    ("TestPathing", f"/ipfs/{CBOR}/foo?format=car", {}, 501, {}, None),
    ("TestPathing", f"/ipfs/{CBOR}/foo/i-do-not-exist?format=car", {}, 404, {}, None),
    ("TestPathing", f"/ipfs/{CBOR}//foo/link/", BY_RAW, 200, {}, ("block", CBOR_LINK)),
    ("TestPathing", f"/ipfs/{CBOR}/%66oo/link", BY_RAW, 200, {}, ("block", CBOR_LINK)),
    ("TestPathing", f"/ipfs/{CBOR}/%zz", BY_RAW, 400, {}, None),
    ("TestPathing", f"/ipfs/{JSON}/foo?format=dag-json", {}, 501, {}, None),
    # What needs the inside of UnixFS, or links of DAG-JSON, is not done
    ("NotDone", f"/ipfs/{JSON}?format=car", {}, 501, {}, None),
    ("NotDone", f"/ipfs/{JSON}?format=car&dag-scope=block", {}, 200, CAR_HEADERS, car(JSON)),
    ("NotDone", f"/ipfs/{MULTIBLOCK}?format=car&entity-bytes=0:5", {}, 501, {}, None),
    ("NotDone", "/ipfs/{hamt}/685.txt?format=car", {}, 501, {}, None),
    ("NotDone", "/ipfs/{hamt}?format=car&dag-scope=entity", {}, 501, {}, None),
    ("NotDone", "/ipfs/{hamt}?format=car&dag-scope=block", {}, 200, CAR_HEADERS, None),
    # path_gateway_cors_test
    ("TestCors", f"/ipfs/{HELLO_IDENTITY}/?format=raw", {}, 200, CORS_HEADERS, b"hello\n"),
    ("TestCors", f"/ipfs/{HELLO_IDENTITY}/", {"-X": "OPTIONS"}, 204, CORS_HEADERS, b""),
    # the probe, strictness, and what is not there
    ("Probe", "/ipfs/bafkqaaa?format=raw", {}, 200, {"Content-Length": "0"}, b""),
    ("Probe", "/ipfs/bafkqaaa?format=car", {}, 200, CAR_HEADERS, EMPTY_CAR),
    ("Probe", "/ipfs/bafkqaaa?format=raw", {"-X": "HEAD"}, 200, {"Content-Length": "0"}, None),
    ("Strict", f"/ipfs/{CBOR}", {}, 400, {}, None),
    ("Strict", "/ipfs/nonsense?format=raw", {}, 400, {}, None),
    ("Strict", f"/ipfs/{CBOR}?format=jpeg", {}, 400, {}, None),
    ("Missing", f"/ipfs/{MISSING}?format=raw", {}, 404, {"Cache-Control": "no-store"}, None),
    ("Missing", f"/ipfs/{MISSING}?format=raw", {"-X": "HEAD"}, 404, {}, None),
    ("Missing", f"/ipfs/{MISSING}?format=car", {}, 404, {}, None),
    ("Missing", f"/ipfs/{MISSING}", {"Cache-Control": "only-if-cached", "-X": "HEAD"}, 412, {}, None),
    ("Missing", f"/ipfs/{CBOR}?format=raw", {"Cache-Control": "only-if-cached"}, 200, {}, None),
]


def sections(data):
    """The binary CIDs (v1, sha2-256) and blocks of a CARv1; v0 ones are left out."""
    size, at = read_varint(data, 0)
    at += size
    found = []
    while at < len(data):
        size, at = read_varint(data, at)
        section = data[at:at + size]
        at += size
        if section[:1] == b"\x01":
            _, end = read_varint(section, 1) # of the codec
            found.append((section[:end + 34], section[end + 34:]))
    return found


class Conformance(unittest.TestCase):
    """`self.server` serves all fixtures."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="copse-gateway-")
        names = sorted(name for name in os.listdir(VECTORS) if name.endswith(".car"))
        cls.server = Server(cls.folder, *(os.path.join(VECTORS, name) for name in names))
        cls.blocks = {}
        for name in names:
            with open(os.path.join(VECTORS, name), "rb") as file:
                cls.blocks.update(sections(file.read()))
        index = cls.fetch("/copse/v1/single-layer-hamt-with-multi-block-files")[2]
        cls.hamt = re.search(rb'"head":{"/":"(\w+)"}', index).group(1).decode()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        shutil.rmtree(cls.folder)

    @classmethod
    def fetch(cls, path, asked=None):
        """One exchange by curl: status, headers (names in lower case), body."""
        arguments = ["curl", "-sS", "-i", "--path-as-is", "--max-time", "20"]
        for name, value in (asked or {}).items():
            if name == "-X" and value == "HEAD":
                arguments.append("--head")
            else:
                arguments += [name, value] if name == "-X" else ["-H", f"{name}: {value}"]
        ran = subprocess.run([*arguments, cls.server.url + path], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, check=False)
        head, _, body = ran.stdout.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:])
        return (int(lines[0].split()[1]), {name.lower(): value for name, value in headers.items()},
                body, ran.returncode)

    def check(self, path, asked, status, headers, body):
        got_status, got, got_body, _ = self.fetch(path, asked)
        self.assertEqual(got_status, status, got_body[:300])
        for name, pattern in headers.items():
            self.assertRegex(got.get(name.lower(), ""), f"^{pattern}$", name)
        if isinstance(body, bytes):
            self.assertEqual(got_body, body)
        elif body is not None and body[0] == "block":
            self.assertEqual(got_body, self.blocks[cid_bytes(body[1])])
        elif body is not None:
            self.assertEqual([cid for cid, _ in sections(got_body)],
                             [cid_bytes(cid) for cid in body[1]])
        if status >= 400 and asked.get("-X") != "HEAD":
            self.assertEqual(got_body.count(b"\n"), 1)

    def test_cases(self):
        for name, path, asked, status, headers, body in CASES:
            path = path.replace("{hamt}", self.hamt)
            with self.subTest(name, path=path, headers=asked):
                self.check(path, asked, status, headers, body)

    def test_cars_by_accept(self):
        """What format=car gives, Accept gives too, and says where it is."""
        for name, path, asked, status, headers, body in CASES:
            if "format=car" in path and not asked and status == 200:
                path = re.sub(r"format=car&?", "", path.replace("{hamt}", self.hamt)).rstrip("?")
                location = re.escape(path.partition("?")[0].rstrip("/")) + r"\?format=car.*"
                with self.subTest(name, path=path):
                    self.check(path, BY_CAR, status, {**headers, "Content-Location": location}, body)

    def test_content_location(self):
        """It leads to the same."""
        for path, asked in ((f"/ipfs/{RAW_ROOT}/dir", BY_RAW), (f"/ipfs/{MIXED}/subdir", BY_CAR),
                            (f"/ipfs/{DUPLICATES}", {"Accept": f"{CAR_TYPE};dups=y"}),
                            (f"/ipfs/{ASCII}?entity-bytes=0:*", BY_CAR)):
            status, headers, body, _ = self.fetch(path, asked)
            again = self.fetch(headers["content-location"])
            self.assertEqual((status, body), (200, again[2]))
            self.assertEqual(headers["etag"], again[1]["etag"])

    def test_etags(self):
        """They tell apart what is not the same, and 304 follows."""
        paths = [f"/ipfs/{MULTIBLOCK}?format=raw", f"/ipfs/{MULTIBLOCK}?format=car",
                 f"/ipfs/{MULTIBLOCK}?format=car&dag-scope=block",
                 f"/ipfs/{MULTIBLOCK}?format=car&dag-scope=entity",
                 f"/ipfs/{MULTIBLOCK}?format=car&car-dups=y",
                 f"/ipfs/{MIXED}/subdir/multiblock.txt?format=car",
                 f"/ipfs/{MIXED_SUBDIR}/multiblock.txt?format=car",
                 f"/ipfs/{DOCUMENT}/files/multiblock?format=car",
                 f"/ipfs/{ASCII}?format=car&entity-bytes=0:*",
                 f"/ipfs/{ASCII}?format=car&entity-bytes=0:5"]
        etags = [self.fetch(path)[1]["etag"] for path in paths]
        self.assertEqual(len(set(etags)), len(paths), etags)
        for path, etag in zip(paths, etags):
            status, headers, body, _ = self.fetch(path, {"If-None-Match": f'"other", {etag}'})
            self.assertEqual((status, headers["etag"], body), (304, etag, b""))
            self.assertEqual(headers["cache-control"], FOREVER)

    def test_a_missing_block_cuts_the_car(self):
        """The suite's file whose second piece is not there (v0 CIDs): curl sees that it is cut."""
        index = self.fetch("/copse/v1/file-3k-and-3-blocks-missing-block")[2]
        root = re.search(rb'"head":{"/":"(\w+)"}', index).group(1).decode()
        status, _, body, code = self.fetch(f"/ipfs/{root}?format=car")
        self.assertEqual(status, 200)
        self.assertEqual(code, 18) # "transfer closed with outstanding read data remaining"
        self.assertGreater(len(body), 1000)
        self.assertEqual(self.fetch(f"/ipfs/{root}?format=car&dag-scope=block")[3], 0)

    def test_headers_are_few(self):
        """Kubo's client takes 2 KiB of them."""
        for cid in (RAW_FILE, CBOR, JSON, "bafkqaaa"):
            ran = subprocess.run(["curl", "-sI", f"{self.server.url}/ipfs/{cid}?format=raw"],
                                 stdout=subprocess.PIPE, check=True)
            self.assertTrue(ran.stdout.startswith(b"HTTP/1.1 200"))
            self.assertLess(len(ran.stdout), 1200)

    def test_file_names(self):
        for asked, expected in (
                ("a%20b.bin", 'attachment; filename="a b.bin"'),
                ("%C3%A4%E4%B8%AD.car", "attachment; filename=\"__.car\"; "
                                        "filename*=UTF-8''%C3%A4%E4%B8%AD.car"),
                ("a%22%0D%0ASet-Cookie:%20b", 'attachment; filename="a___Set-Cookie: b"'),
                ("..%2F..%5Cetc", 'attachment; filename=".._.._etc"'),
                ("%FF", f'attachment; filename="{RAW_FILE}.bin"'), # no UTF-8
                ("%zz", f'attachment; filename="{RAW_FILE}.bin"'),
                ("", f'attachment; filename="{RAW_FILE}.bin"'),
                ("x" * 300, f'attachment; filename="{RAW_FILE}.bin"')):
            headers = self.fetch(f"/ipfs/{RAW_FILE}?format=raw&filename={asked}")[1]
            self.assertEqual(headers["content-disposition"], expected)
            self.assertNotIn("set-cookie", headers)

    def test_paths_of_many_segments(self):
        path = f"/ipfs/{CBOR}" + "/a" * 200
        self.assertEqual(self.fetch(path + "?format=raw")[0], 404) # the first one is not there
        long = f"/ipfs/{RAW_ROOT}/dir/ascii.txt" + "/" * 900
        status, headers, body, _ = self.fetch(long + "?format=raw")
        self.assertEqual((status, body), (200, RAW_TEXT))
        self.assertEqual(headers["x-ipfs-path"], f"/ipfs/{RAW_ROOT}/dir/ascii.txt")


class Routing(unittest.TestCase):
    """Delegated routing: who has a block."""

    PEER_ID = "Qm[1-9A-HJ-NP-Za-km-z]{44}"

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="copse-routing-")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def serve(self, *arguments):
        server = Server(self.folder, os.path.join(VECTORS, "dag-cbor-traversal.car"), *arguments)
        self.addCleanup(server.stop)
        return server

    def providers(self, server, cid=CBOR, query="", **headers):
        status, _, body = server.ask(f"/routing/v1/providers/{cid}{query}", **headers)
        self.assertEqual(status, 200, body)
        return json.loads(body)["Providers"]

    def test_one_that_has_it(self):
        server = self.serve()
        status, headers, body = server.ask(f"/routing/v1/providers/{CBOR}")
        self.assertEqual((status, headers["content-type"]), (200, "application/json"))
        self.assertEqual(headers["access-control-allow-origin"], "*")
        self.assertIn("GET", headers["access-control-allow-methods"])
        self.assertEqual(headers["vary"], "Accept")
        # Host says where it is: that is for who said so alone.
        self.assertEqual(headers["cache-control"], "private, no-store")
        announced = self.serve("--announce", "https://a.example")
        headers = announced.ask(f"/routing/v1/providers/{CBOR}")[1]
        self.assertEqual(headers["cache-control"], "public, max-age=300")
        peer, = json.loads(body)["Providers"]
        self.assertRegex(peer.pop("ID"), f"^{self.PEER_ID}$")
        self.assertEqual(peer, {"Schema": "peer", "Addrs": [f"/ip4/127.0.0.1/tcp/{server.port}/http"],
                                "Protocols": ["transport-ipfs-gateway-http"]})
        status, headers, lines = server.ask(
            f"/routing/v1/providers/{CBOR}",
            Accept="application/x-ndjson, application/json;q=0.8")
        self.assertEqual(headers["content-type"], "application/x-ndjson")
        self.assertEqual(lines.count(b"\n"), 1)
        self.assertEqual(json.loads(lines), json.loads(body)["Providers"][0])
        self.assertEqual(self.providers(server), self.providers(server, IDENTITY))

    def test_one_that_has_it_not(self):
        server = self.serve()
        status, headers, body = server.ask(f"/routing/v1/providers/{MISSING}")
        self.assertEqual((status, body), (200, b'{"Providers":[]}\n'))
        self.assertIn("max-age=15", headers["cache-control"])
        self.assertEqual(server.ask(f"/routing/v1/providers/{MISSING}",
                                    Accept="application/x-ndjson")[::2], (200, b""))
        self.assertEqual(server.ask("/routing/v1/providers/nonsense")[0], 422)
        self.assertEqual(server.ask(f"/routing/v1/providers/{CBOR}?filter-addrs=%zz")[0], 422)
        self.assertEqual(server.ask(f"/routing/v1/providers/{CBOR}", "POST")[0], 405)

    def test_hosts(self):
        server = self.serve()
        for host, address in (("example.org", "/dns/example.org/tcp/80/http"),
                              ("example.org:8080", "/dns/example.org/tcp/8080/http"),
                              ("192.0.2.1", "/ip4/192.0.2.1/tcp/80/http"),
                              ("192.0.2.256", "/dns/192.0.2.256/tcp/80/http"),
                              ("[2001:db8::1]:81", "/ip6/2001:db8::1/tcp/81/http")):
            reply = self.raw(server, host)
            self.assertEqual(reply["Providers"][0]["Addrs"], [address])
        for host in ("a:0", "a:65536", "a:b", "[::1", "[x]", "a_b", "a:1:2", "a\"b", "a/b", "x" * 254):
            self.assertEqual(self.raw(server, host)["Providers"], [], host)

    def raw(self, server, host):
        connection = server.connect()
        connection.sendall(f"GET /routing/v1/providers/{CBOR} HTTP/1.1\r\nHost: {host}\r\n"
                           f"Connection: close\r\n\r\n".encode())
        got = receive_all(connection)
        connection.close()
        return json.loads(got.partition(b"\r\n\r\n")[2])

    def test_announced(self):
        addresses = ["/dns/a.example/tcp/443/tls/http", "/ip6/2001:db8::1/tcp/81/http",
                     "/ip4/192.0.2.1/udp/4001/quic-v1"]
        server = self.serve("--announce", "https://a.example/", "--announce", "http://[2001:db8::1]:81",
                            "--announce", addresses[2])

        def shown(query):
            found = self.providers(server, query=query)
            self.assertTrue(all(peer["Protocols"] for peer in found))
            return [address for peer in found for address in peer["Addrs"]]

        for query, expected in (
                ("", addresses),
                ("?filter-addrs=tcp", addresses[:2]),
                ("?filter-addrs=TLS,webrtc", addresses[:1]),
                ("?filter-addrs=https", addresses[:1]),
                ("?filter-addrs=https,tcp,webrtc%2Cquic-v1", addresses),
                ("?filter-addrs=!tls", addresses[1:]),
                ("?filter-addrs=tcp,!tls", addresses[1:2]),
                ("?filter-addrs=!tcp,!udp", []),
                ("?filter-addrs=webtransport", []),
                ("?filter-addrs=unknown", []),
                ("?filter-protocols=unknown,transport-bitswap,Transport-IPFS-gateway-http", addresses),
                ("?filter-protocols=transport-bitswap", []),
                ("?filter-addrs=https&filter-protocols=transport-bitswap", [])):
            self.assertEqual(shown(query), expected, query)
        ids = {self.providers(server)[0]["ID"]}
        ids.add(self.providers(self.serve("--announce", "https://a.example"))[0]["ID"])
        self.assertEqual(len(ids), 1) # of the first address: processes share it

    def test_the_id_is_that_of_the_key(self):
        environment = {"COPSE_KEYS": os.path.join(self.folder, "keys"), "COPSE_PASSPHRASE": "open"}
        with unittest.mock.patch.dict(os.environ, environment):
            for words in (["init", "blog"], ["insert", "blog", "posts", "{}"], ["key", "new", "me"]):
                subprocess.run([support.COPSE, *words], cwd=self.folder, check=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            server = Server(self.folder, "blog", "--publish", "me")
        self.addCleanup(server.stop)
        head = json.loads(server.ask("/copse/v1/blog")[2])["head"]["/"]
        peer, = self.providers(server, head)
        self.assertRegex(peer["ID"], "^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$")

    def test_announced_nonsense(self):
        for address in ("ftp://a", "a.example", "https://", "https://a/b", "/ip4/1.2.3.4/tcp/1/h ttp"):
            ran = subprocess.run([support.COPSE, "serve", os.path.join(VECTORS, "dag-pb.car"), "--listen",
                                  "127.0.0.1:0", "--announce", address], stderr=subprocess.PIPE,
                                 check=False, timeout=20)
            self.assertEqual(ran.returncode, 2)
            self.assertIn(b"is neither a multiaddr nor", ran.stderr)
