#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""weir copy: the shop's year of orders, from a data directory into the topics of a real broker, killed at any moment and begun again;
what the log on Kafka then is, seen by weir, by another node that has only the topics, and by kcat. And what is refused, in words."""
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from kafkatest import TOP, VERSIONS, Cluster, kcat

sys.path.append(str(TOP / "test/integration"))
from weirtest import SHOP, SHOP_DATA, WEIR, Client, Server, weir  # noqa: E402

KILLS = int(os.environ.get("WEIR_COPY_KILLS", 6))
SECONDS = 120  # for what is waited for; nothing is measured
VIEWS = ("customers", "sales", "stock")
ORDERS = ("online-retail.csv", "--as", "shop.v1.RecordSale", "--map", "sku=StockCode", "--map", "sold_at_ms=InvoiceDate",
          "--map", "unit_price_cents=UnitPrice")


def load(server, file, *arguments):
    done = weir("load", SHOP_DATA / file, *arguments, "--url", server.url)
    return dict(line.split() for line in done.stdout.splitlines() if len(line.split()) == 2)


class Copy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(VERSIONS[-1])
        cls.addClassCleanup(cls.cluster.remove)
        cls.home = pathlib.Path(tempfile.mkdtemp(prefix="weir-"))
        cls.addClassCleanup(shutil.rmtree, cls.home, ignore_errors=True)
        cls.source = cls.home / "shop.data"
        with Server(cls.source) as server:
            load(server, "opening.csv", "--as", "shop.v1.ReceiveStock", "--map", "sku=StockCode")
            client = Client(server.port)
            cls.answer = client.send("shop.v1.ReceiveStock", id="once", sku="copied", quantity="7")
            client.close()
            load(server, *ORDERS)
        cls.dumps = {view: weir("view", "dump", view, "--dir", cls.source, check=0).stdout for view in VIEWS}
        cls.events = cls.events_of(cls.source)

    @staticmethod
    def events_of(directory):
        lines = map(json.loads, weir("events", "--dir", directory, "--module", SHOP, "--json", check=0).stdout.splitlines())
        return sorted(({name: value for name, value in line.items() if name != "position"} for line in lines),
                      key=lambda line: (line["partition"], line["offset"]))

    def on_kafka(self, app):
        return "--brokers", self.cluster.bootstrap, "--app", app, "--allow-weak-cluster"

    def topics(self, app, partitions=4):
        weir("topics", "apply", *self.on_kafka(app), "--partitions", partitions, check=0)

    def words(self, app, directory=None, source=None):
        return ["copy", "--from", source or self.source, "--to", self.cluster.bootstrap, "--app", app, "--allow-weak-cluster", "--dir",
                directory or self.home / f"{app}-kafka.data", "--module", SHOP, "-X", "session.timeout.ms=6000"]

    def copy(self, app, check=0, **options):
        return weir(*self.words(app, **options), check=check)

    def refused(self, app, *words, status=2, **options):
        said = self.copy(app, check=status, **options).stderr
        for word in words:
            self.assertIn(str(word), said)
        print("refused:", said.strip().splitlines()[-1])

    def begin(self, app, line="commands sent"):
        """A copy that was killed once it had said so."""
        process = subprocess.Popen([str(word) for word in (WEIR, *self.words(app))], stderr=subprocess.PIPE, text=True)
        for said in process.stderr:
            if line in said:
                break
        process.kill()
        process.wait()
        process.stderr.close()

    def serve(self, app, directory, *arguments):
        server = Server(directory, SHOP, "--log", "kafka", *self.on_kafka(app), *arguments).start()
        self.addCleanup(lambda: server.process.poll() is None and server.kill())
        return server

    def wait_until(self, function, expected):
        until = time.monotonic() + SECONDS
        while (got := function()) != expected and time.monotonic() < until:
            time.sleep(0.2)
        self.assertEqual(got, expected)

    def check_views(self, server, who):
        for view in VIEWS:
            self.wait_until(lambda: weir("view", "dump", view, "--url", server.url).stdout, self.dumps[view])
        print(f"{who}: the views {', '.join(VIEWS)} are dumped as before: {sum(map(len, self.dumps.values()))} bytes")

    def check_topics(self, app):
        """Commands have the offsets of before, without gap; events and outcomes name them as their source."""
        offsets = {}
        for line in kcat("-b", self.cluster.bootstrap, "-C", "-t", f"{app}.commands", "-e", "-q", "-f", "%p %o %h\n").stdout.splitlines():
            partition, offset, headers = line.split(" ", 2)
            offsets.setdefault(int(partition), []).append((int(offset), dict(h.split("=", 1) for h in headers.split(",")).get("ce_id")))
        ids = {}
        for partition, commands in offsets.items():
            self.assertEqual([offset for offset, _ in commands], list(range(len(commands))))
            ids.update({(partition, offset): id for offset, id in commands})
        for event in self.events:
            self.assertEqual(ids[event["partition"], event["command"]], event.get("commandId"))
        print("topics:", sum(map(len, offsets.values())), "commands, each at its offset and with its id;", len(self.events), "events name them")

    def test_killed_at_any_moment(self):
        random.seed(int(os.environ.get("WEIR_SEED", time.time())))
        self.topics("shop")
        for kill in range(1, KILLS + 1):
            process = subprocess.Popen([str(word) for word in (WEIR, *self.words("shop"))], stderr=subprocess.PIPE, text=True)
            for _ in range(random.randint(0, 6)): # a resumed one says so, then each partition what was sent, and what was copied
                process.stderr.readline()
            time.sleep(random.uniform(0, 0.1))
            process.send_signal(signal.SIGKILL)
            process.wait()
            said = process.stderr.read().strip().splitlines()
            process.stderr.close()
            print(f"kill {kill}: exit {process.returncode}, after {said[-1] if said else 'what was read before'}")
        said = self.copy("shop")
        print(said.stderr.strip(), said.stdout.strip(), sep="\n")
        self.assertIn("the copy is whole already", self.copy("shop").stderr)
        directory = self.home / "shop-kafka.data"
        self.assertEqual(self.events_of(directory), self.events)
        self.check_topics("shop")
        self.goes_on("shop", directory)

    def goes_on(self, app, directory):
        other = self.serve(app, self.home / "other.data", "--roles", "views")
        self.check_views(other, "another node, from the topics alone")
        other.stop()
        self.assertEqual(self.events_of(self.home / "other.data"), self.events)
        server = self.serve(app, directory)
        self.check_views(server, "the node that copied")
        client = Client(server.port, timeout=60)
        self.addCleanup(client.close)
        self.wait_until(lambda: client.get("/health/ready")[0], 200)
        status, headers, body = client.send("shop.v1.ReceiveStock", id="once", sku="copied", quantity="7")
        self.assertEqual((status, body["version"], headers.get("Weir-Position")),
                         (200, self.answer[2]["version"], self.answer[1].get("Weir-Position")))
        again = load(server, *ORDERS)
        self.assertEqual((again.get("accepted", "0"), again["unreadable"]), ("0", "1"))
        status, _, body = client.send("shop.v1.ReceiveStock", id="new", sku="copied", quantity="1")
        self.assertEqual((status, body["version"]), (200, self.answer[2]["version"] + 1))
        print("goes on: the id from before is answered as before, the file is loaded again as", again, "and a new command makes version",
              body["version"])
        server.stop()

    def test_refusals(self):
        self.refused("none", "none", "weir topics apply")
        self.topics("three", 3)
        self.refused("three", "4 partitions", "have 3", "--partitions 4")
        self.refused("none", "no log", source=self.home / "nothing", status=2)
        self.topics("used")
        kcat("-b", self.cluster.bootstrap, "-P", "-t", "used.commands", "-p", "2", input="x\n")
        self.refused("used", "used.commands, partition 2 is not empty")
        self.topics("own")
        self.serve("own", self.home / "own.data").stop()
        self.refused("own", "hold the log", "already", directory=self.home / "copy-own.data")
        self.refused("own", "--dir", directory=self.source)

    def test_a_copy_that_was_begun(self):
        self.topics("begun")
        self.begin("begun")
        done = weir("run", SHOP, "--log", "kafka", "--dir", self.home / "run.data", "--listen", "127.0.0.1:0", *self.on_kafka("begun"))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("a copy of the log", done.stderr)
        print("refused:", done.stderr.strip().splitlines()[-1])
        with Server(self.home / "second.data") as server:
            client = Client(server.port)
            client.send("shop.v1.ReceiveStock", sku="a", quantity="1")
            client.close()
        self.refused("begun", "a copy of another log", source=self.home / "second.data", directory=self.home / "x.data")
        with Server(self.source):
            self.refused("begun", "in use")
        kcat("-b", self.cluster.bootstrap, "-P", "-t", "begun.commands", "-p", "3", "-k", "k", input="x\n")
        self.refused("begun", "somebody else", "partition 3")


if __name__ == "__main__":
    unittest.main()
