# SPDX-License-Identifier: Apache-2.0
"""What the tests of single faults on a real broker share: an app of its own on a common broker, its processes, clients that send again
by id, and chaos's judge, who reads the topics with kcat."""
import collections
import importlib.machinery
import importlib.util
import itertools
import json
import pathlib
import shutil
import sys
import tempfile
import threading
import time
import unittest

from kafkatest import HERE, TOP, VERSIONS, Cluster, kcat
from proxy import Proxy

sys.path.append(str(TOP / "test/integration"))
from weirtest import SHOP, Client, Server, weir  # noqa: E402

loader = importlib.machinery.SourceFileLoader("chaos", str(HERE / "chaos"))
chaos = importlib.util.module_from_spec(importlib.util.spec_from_loader("chaos", loader))
loader.exec_module(chaos)

SECONDS = 60  # for what is waited for; nothing is measured
PATIENT = ("--set", "broker.session.timeout.ms=20000")  # one broker: nobody is to be thought dead on a busy machine
QUICK = ("-X", "session.timeout.ms=6000")
apps = itertools.count(1)


class World(chaos.World):
    """Processes of one app, by name. `views1` is the one whose views the judge looks at."""

    def __init__(self, case, partitions=2, module=SHOP, topics=()):
        """`topics`: those that are there before, by the last part of their names, with their settings."""
        self.case, self.module, self.cluster, self.app = case, module, case.cluster, f"app{next(apps)}"
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="weir-"))
        case.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.programs, self.threads, self.acknowledged, self.counts = {}, [], {}, collections.Counter()
        self.over, self.lock = threading.Event(), threading.Lock()
        case.addCleanup(self.over.set)
        for name, settings in dict(topics).items():
            self.cluster("topic", f"{self.app}.{name}", partitions, *(word for setting in settings for word in ("--set", setting)))
        weir("topics", "apply", *self.on_kafka(), "--partitions", partitions, check=0)

    def on_kafka(self, brokers=None):
        return "--brokers", brokers or self.cluster.bootstrap, "--app", self.app, "--allow-weak-cluster"

    def start(self, name, *arguments, module=None, directory=None, brokers=None):
        server = Server(self.home / (directory or name), module or self.module, "--log", "kafka", *self.on_kafka(brokers), *QUICK,
                        "-X", f"client.id={name}", "--outcome.timeout", 10000, *arguments).start()
        self.programs[name] = server
        self.case.addCleanup(lambda: server.process.poll() is None and server.kill())
        return server

    def get(self, name, path):
        client = Client(self.programs[name].port)
        try:
            return client.get(path)
        finally:
            client.close()

    def ready(self, name):
        """The status of its health, and what it says."""
        status, _, body = self.get(name, "/health/ready")
        return status, body.get("detail", "")

    def wait_ready(self, name):
        self.case.wait(lambda: self.ready(name)[0] == 200, lambda: f"{name} does not get ready: {self.ready(name)[1]}")

    def metric(self, name, line):
        """The sum of a process's metric, labels and all."""
        text = self.get(name, "/metrics")[2].decode()
        return sum(int(float(found.rsplit(" ", 1)[1])) for found in text.splitlines() if found.startswith(line))

    def serves(self, name):
        return self.metric(name, 'weir_lane_state{') and [p for p in range(64) if self.metric(name, f'weir_lane_state{{partition="{p}",state="serving"}}')]

    def send_until_over(self, number, keys, front):
        for n in itertools.count():
            id, key = f"c{number}-{n}", keys[n % len(keys)]
            while not self.over.is_set():
                reply = self.once(front, key, id)
                if reply is not None and reply[0] == 200:
                    with self.lock:
                        self.acknowledged[id] = (key, int(reply[1]["version"]))
                    break
                self.counts["no answer" if reply is None else reply[0]] += 1
                time.sleep(0.05)
            if self.over.is_set():
                return

    def clients(self, n, front="front1"):
        for number in range(n):
            keys = [f"k{number}-{i}" for i in range(4)]
            self.threads.append(threading.Thread(target=self.send_until_over, args=(number, keys, front), daemon=True))
            self.threads[-1].start()

    def await_progress(self, n=20):
        """So many acknowledgements more."""
        before = len(self.acknowledged)
        self.case.wait(lambda: len(self.acknowledged) >= before + n, lambda: f"only {len(self.acknowledged) - before} commands went through: {self.counts}")

    def finish(self):
        """Ends the clients, and judges what they were told."""
        self.over.set()
        for thread in self.threads:
            thread.join(60)
        self.case.assertEqual(self.judge(), [])
        return len(self.acknowledged)

    def events(self, name):
        """All events of the local copy of a process that has ended."""
        server = self.programs[name]
        lines = map(json.loads, weir("events", "--dir", server.directory, "--module", self.module, "--json", check=0).stdout.splitlines())
        return sorted(lines, key=lambda line: (line["partition"], line["offset"]))

    def put(self, value, *arguments, topic="commands"):
        """A record, by a client that is not weir."""
        kcat("-b", self.cluster.bootstrap, "-P", "-t", f"{self.app}.{topic}", *arguments, input=value)


class BrokerCase(unittest.TestCase):
    """One broker for all tests of a class, reached directly or through a proxy."""
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.proxy = Proxy()
        cls.addClassCleanup(cls.proxy.close)
        cls.cluster = Cluster(VERSIONS[-1], 1, "--behind", cls.proxy.port, *PATIENT, *cls.options)
        cls.addClassCleanup(cls.cluster.remove)
        cls.proxy.serve((cls.cluster.dir / "behind").read_text().strip())

    def wait(self, function, words, seconds=SECONDS):
        """Until it is so. `words`: what it is instead, as text or as a function."""
        until = time.monotonic() + seconds
        while True:
            try:
                result = function()
            except OSError:
                result = None
            if result:
                return result
            if time.monotonic() > until:
                self.fail(words() if callable(words) else words)
            time.sleep(0.05)
