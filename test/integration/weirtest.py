"""What the integration tests share: the program, a running server, and HTTP on kept-alive connections."""
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.parse

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("WEIR_TEST_BUILD", TOP / "build"))
WEIR = BUILD / "weir"
SHOP = BUILD / "examples/shop/shop.so"
MODULES = BUILD / "test/modules"
TOOLS = BUILD / "test/tools"
SHOP_DATA = TOP / "examples/shop/data"


def weir(*arguments, check=None, **options):
    """Runs the program; `check`: the exit status that it must have."""
    run = subprocess.run([str(WEIR), *map(str, arguments)], capture_output=True, text=True, timeout=300, **options)
    if check is not None and run.returncode != check:
        raise AssertionError(f"weir {' '.join(map(str, arguments))}: exit {run.returncode} instead of {check}\n{run.stdout}\n{run.stderr}")
    return run


class Server:
    """`weir run` on a directory, on a port of its own choice."""

    environment = None # of the program; None: this one's

    def __init__(self, directory, module=SHOP, *arguments):
        self.directory, self.module, self.arguments = directory, module, arguments
        self.process = None

    def start(self):
        self.log = tempfile.NamedTemporaryFile("w+", suffix=".log", delete=False)
        self.process = subprocess.Popen([str(WEIR), "run", str(self.module), "--dir", str(self.directory), "--listen", "127.0.0.1:0", *map(str, self.arguments)],
                                        stdout=self.log, stderr=subprocess.STDOUT, env=self.environment)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            said = self.said()
            match = re.search(r"https?://127\.0\.0\.1:(\d+)", said)
            if match is not None:
                self.port = int(match[1])
                self.url = f"http://127.0.0.1:{self.port}"
                return self
            if self.process.poll() is not None:
                raise AssertionError(f"weir run ended with {self.process.returncode}:\n{said}")
            time.sleep(0.005)
        raise AssertionError("weir run did not come up:\n" + self.said())

    def said(self):
        return pathlib.Path(self.log.name).read_text()

    def forget_log(self):
        self.log.close()
        os.unlink(self.log.name)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.forget_log()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=60)
        said = self.said()
        self.forget_log()
        if status != 0:
            raise AssertionError(f"weir run ended with {status}:\n{said}")

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            if kind is None:
                self.stop()
            else:
                self.kill()


class Client:
    """One kept-alive connection."""

    def __init__(self, port, timeout=30):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def request(self, method, path, body=None, headers=None):
        """Returns status, headers, body: JSON where it is."""
        self.connection.request(method, path, body=body, headers=headers or {})
        reply = self.connection.getresponse()
        data = reply.read()
        if "json" in (reply.getheader("Content-Type") or "") and "ndjson" not in reply.getheader("Content-Type"):
            data = json.loads(data)
        return reply.status, reply.headers, data

    def send(self, kind, id=None, **fields):
        headers = {"Content-Type": "application/json"}
        if id is not None:
            headers["Idempotency-Key"] = f'"{id}"'
        return self.request("POST", f"/commands/{kind}", json.dumps(fields), headers)

    def get(self, path, headers=None, **query):
        return self.request("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""), headers=headers)

    def close(self):
        self.connection.close()


class Case(unittest.TestCase):
    """A test with a directory of its own."""

    def setUp(self):
        self.tmp = pathlib.Path(tempfile.mkdtemp(prefix="weir-"))
        self.addCleanup(shutil.rmtree, self.tmp, ignore_errors=True)
        self.dir = self.tmp / "shop.data"

    def client(self, server):
        client = Client(server.port)
        self.addCleanup(client.close)
        return client

    def wait_for_views(self, client):
        """Until no view is behind: one by one, from their status. They may take as long as they get on."""
        until, applied = time.monotonic() + 60, None
        while time.monotonic() < until:
            _, _, listing = client.get("/views")
            if all(view["lagEvents"] == 0 and view["state"] == "following" for view in listing["views"]):
                return
            if applied != [view["applied"] for view in listing["views"]]:
                until, applied = time.monotonic() + 60, [view["applied"] for view in listing["views"]]
            time.sleep(0.02)
        self.fail(f"the views did not catch up: {listing}")

    def wait_until_ready(self, client):
        """A node on Kafka serves its partitions when its copy holds all that was in them before."""
        until = time.monotonic() + 120
        while client.get("/health/ready")[0] != 200:
            self.assertLess(time.monotonic(), until, "it does not get ready")
            time.sleep(0.05)

    def dumps(self):
        return {path.name.split("-")[0]: weir("view", "dump", path.name.split("-")[0], "--dir", self.dir, check=0).stdout
                for path in sorted((self.dir / "views").glob("*.db"))}

    def assert_words(self, said, *words):
        for word in words:
            self.assertIn(str(word), said)

    def assert_problem(self, reply, status, code, *words):
        """The reply is an RFC 9457 problem with this status and code (None: HTTP's own), and these words in its detail."""
        got, headers, body = reply
        self.assertEqual(got, status, body)
        self.assertEqual(headers["Content-Type"], "application/problem+json")
        self.assertEqual(body["status"], status)
        self.assertEqual(body["type"], "about:blank" if code is None else f"urn:weir:problem:{code}")
        self.assertEqual(body.get("code"), code)
        self.assertTrue(body["title"])
        self.assert_words(body["detail"], *words)
        return body

    def assert_fails(self, status, arguments, *words, **options):
        """The command line ends with this exit status and says these words to stderr."""
        run = weir(*arguments, check=status, **options)
        self.assert_words(run.stderr, *words)
        return run


class ServerCase(Case):
    """Tests that share one running server and leave its aggregates alone: each takes keys of its own."""
    module, arguments = SHOP, ()

    @classmethod
    def setUpClass(cls):
        cls.home = pathlib.Path(tempfile.mkdtemp(prefix="weir-"))
        cls.addClassCleanup(shutil.rmtree, cls.home, ignore_errors=True)
        cls.server = Server(cls.home / "data", cls.module, *cls.arguments).start()
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        super().setUp()
        self.http = self.client(self.server)
        self.key = self.id().rsplit(".", 1)[1]

    def post(self, kind, fields, **headers):
        """A command as JSON; a header's name is written with _ for -."""
        body = fields if isinstance(fields, (str, bytes)) else json.dumps(fields)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.request("POST", f"/commands/{kind}", body, {"Content-Type": "application/json", **headers})

    def receive(self, quantity="5", **headers):
        return self.post("shop.v1.ReceiveStock", {"sku": self.key, "quantity": quantity}, **headers)

    def url(self):
        return "--url", self.server.url
