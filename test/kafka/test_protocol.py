#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The faults that a simple design does not survive, one at a time on a real broker, each at the worst moment: a lane that is stopped
within a commit, the network cut around one, partitions added, an old log put back, a foreign transaction that hangs, an older build."""
import random
import re
import shutil
import signal
import subprocess
import time
import unittest

import wire
from kafkatest import VERSIONS, Cluster
from proxy import AFTER, BEFORE, HOLD, Trap
from protocoltest import PATIENT, BrokerCase, World, weir
from weirtest import BUILD, MODULES, Client

CUTS = 5  # each way
STOPPED_S = LONG_S = 12  # longer than a transaction may last


class StoppedLane(BrokerCase):
    def test_a_lane_stopped_within_a_commit_leaves_nothing_stale(self):
        """Its commit is on the wire when it is stopped. It reaches the broker after another lane has taken over."""
        world = World(self)
        for name in ("lane1", "lane2"):
            world.start(name, "--roles", "lane", brokers=self.proxy.address)
        world.start("front1", "--roles", "front")
        world.start("views1", "--roles", "views")
        self.wait(lambda: len(world.serves("lane1")) == 1 and len(world.serves("lane2")) == 1, "the partitions are not shared")
        world.clients(4)
        world.await_progress()
        trap = self.proxy.set(Trap("lane1", HOLD))
        self.assertTrue(trap.sprung.wait(60))
        stopped = world.programs["lane1"].process
        stopped.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        self.wait(lambda: len(world.serves("lane2")) == 2, "the other lane does not take over")
        world.await_progress()
        time.sleep(max(0, STOPPED_S - (time.monotonic() - began)))
        trap.release.set()
        self.assertTrue(trap.answered.wait(60))
        world.await_progress()
        stopped.send_signal(signal.SIGCONT)
        self.wait(lambda: len(world.serves("lane1")) == 1 and len(world.serves("lane2")) == 1, "the stopped lane does not come back")
        world.await_progress(100)
        acknowledged = world.finish()
        stale = sum(world.metric(name, "weir_kafka_stale_writer_total") for name in world.programs)
        print(f"3: stopped for {time.monotonic() - began:.0f} s within a commit; the broker answered the late commit with error {trap.error}; "
              f"{acknowledged} commands acknowledged, each once, with its version; stale_writer {stale}")
        self.assertNotEqual(trap.error, 0)
        for name in world.programs:
            world.programs[name].stop()
        events = world.events("views1")
        self.assertEqual(world.events("lane1"), events)
        self.assertEqual(world.events("lane2"), events)


class CutNetwork(BrokerCase):
    options = ("--set", "transaction.abort.timed.out.transaction.cleanup.interval.ms=500")

    def test_the_network_is_cut_around_the_end_of_a_transaction(self):
        """BEFORE: the commit never comes to the broker. AFTER: it was done, and its answer is lost."""
        random.seed(4)
        world = World(self, partitions=1)
        world.start("lane1", "--roles", "lane", brokers=self.proxy.address)
        world.start("front1", "--roles", "front")
        world.start("views1", "--roles", "views")
        self.wait(lambda: world.serves("lane1") == [0], "the lane does not serve")
        world.clients(2)
        world.await_progress()
        for kind, seconds in [(BEFORE, 1), (AFTER, 1)] * CUTS + [(BEFORE, LONG_S)]:
            trap = self.proxy.set(Trap("lane1", kind))
            self.assertTrue(trap.sprung.wait(60))
            time.sleep(seconds if seconds == LONG_S else random.uniform(0, seconds))
            self.proxy.let_back("lane1")
            world.await_progress()
            self.assertEqual(trap.error, {BEFORE: None, AFTER: 0}[kind])
        opened = world.metric("lane1", "weir_kafka_fences_total")
        acknowledged = world.finish()
        outcomes = sum(1 for _ in world.topic("outcomes"))
        print(f"4: {CUTS} commits cut off before the broker had them and one for {LONG_S} s, {CUTS} before their answer; the lane opened {opened} times; "
              f"{acknowledged} ids acknowledged, {outcomes} commands with one outcome each")
        self.assertGreaterEqual(opened, 2)  # after a short cut librdkafka asks for the same commit again


class AddedPartition(BrokerCase):
    def test_a_partition_is_added_while_it_runs(self):
        world = World(self, partitions=2)
        world.start("lane1", "--roles", "lane")
        world.start("front1", "--roles", "front")
        world.start("views1", "--roles", "views")
        world.wait_ready("lane1")
        world.clients(2)
        world.await_progress()
        wire.add_partitions(self.cluster.bootstrap, f"{world.app}.commands", 3)
        for name in world.programs:
            self.wait(lambda: "3 partitions" in world.ready(name)[1], lambda: f"{name} doesn't say it: {world.ready(name)}")
            print(f"5: {name}: {world.ready(name)[1]}")
        status, body = world.once("front1", "k0-0", "refused")
        self.assertEqual(status, 503, body)
        print(f"5: a command is refused: {status} {body['detail']}")
        acknowledged = world.finish()
        self.assertEqual({partition for partition, *_ in world.topic("commands")}, {0, 1})
        self.assertEqual({program.process.poll() for program in world.programs.values()}, {None})
        print(f"5: {acknowledged} commands acknowledged before, all there, none in the new partition; the views answer")
        for program in world.programs.values():
            program.stop()
        done = weir("run", world.module, "--dir", world.home / "lane1", "--listen", "127.0.0.1:0", "--log", "kafka", *world.on_kafka())
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(f"{world.app}.commands: it has 3 partitions, must have 2", done.stderr)
        print("5: started again:", done.stderr.strip().splitlines()[0])


class OldLog(BrokerCase):
    """An old log under newer views: the topics of an older day under a directory of today, and the copy of an older day under views
    of today."""

    def setUp(self):
        self.cluster = Cluster(VERSIONS[-1], 1, *PATIENT)
        self.addCleanup(self.cluster.remove)
        self.world = World(self, partitions=1)
        self.sent = 0

    def send(self, n):
        for _ in range(n):
            self.sent += 1
            status, body = self.world.once("node", "mug", f"o{self.sent}")
            self.assertEqual((status, body.get("version")), (200, self.sent))

    def run_and_send(self, n, directory="node"):
        server = self.world.start("node", directory=directory)
        self.world.wait_ready("node")
        self.send(n)
        self.wait(lambda: self.on_hand() == self.sent, "the view does not follow")
        server.stop()

    def on_hand(self):
        rows = self.world.get("node", "/views/stock/stock")[2]
        return rows[0]["on_hand"] if rows else 0

    def broker_data(self, away):
        """Puts the broker's data aside, or back."""
        data, old = self.cluster.dir / "1/data", self.cluster.dir / "old"
        self.cluster("stop")
        if not away:
            shutil.rmtree(data)
        shutil.copytree(*((data, old) if away else (old, data)), dirs_exist_ok=True)
        self.cluster("start")

    def put_older_topics_back(self, grown):
        """Topics of 5 commands, and then as many others as `grown` says, under a directory of 10."""
        self.run_and_send(5)
        self.broker_data(away=True)
        self.run_and_send(5)
        self.broker_data(away=False)
        self.sent = 5
        if grown > 0:
            self.run_and_send(grown, directory="other")
        server = self.world.start("node")
        self.wait(lambda: "older day" in self.world.ready("node")[1], lambda: f"it doesn't say it: {self.world.ready('node')}")
        print(f"10: topics of 5 commands, grown by {grown}, under a directory of 10: {self.world.ready('node')[1]}")
        self.assertEqual(self.on_hand(), 10)  # queries go on
        server.stop()
        server = self.world.start("node", "--roles", "views")
        self.wait(lambda: "older day" in self.world.ready("node")[1], lambda: f"views alone don't say it: {self.world.ready('node')}")
        server.stop()
        self.assertEqual([int(headers["ce_sequence"]) for *_, headers, _ in self.world.topic("events")], list(range(1, 6 + grown)))

    def test_topics_of_an_older_day_under_a_newer_directory(self):
        self.put_older_topics_back(grown=0)
        shutil.rmtree(self.world.home / "node")
        self.run_and_send(3)
        print("10: without the directory it begins anew from the topics, and goes on to version", self.sent)

    def test_topics_of_an_older_day_that_have_grown_again(self):
        self.put_older_topics_back(grown=20)

    def test_an_older_copy_under_newer_views(self):
        self.run_and_send(5)
        node, old = self.world.home / "node", self.world.home / "old-log"
        shutil.copytree(node / "log", old)
        self.run_and_send(20)
        shutil.rmtree(node / "log")
        shutil.copytree(old, node / "log")
        self.run_and_send(1)
        self.assertEqual([line["version"] for line in self.world.events("node")], list(range(1, 27)))
        print("10: the copy of 5 commands under views of 25: followed again, the views rebuilt, version 26 is next and the view shows 26")


class ForeignTransaction(BrokerCase):
    options = ("--set", "transaction.abort.timed.out.transaction.cleanup.interval.ms=500")

    def begin(self, world, key, id):
        """A transaction of another program with one command in partition 0, left open: "commit" ends it well."""
        process = subprocess.Popen([BUILD / "test/kafka/kafka_hang", self.cluster.bootstrap, f"{world.app}.commands", key, id, "shop.v1.ReceiveStock",
                                    f'{{"sku":"{key}","quantity":"1"}}'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), "open\n")
        return process

    def test_a_foreign_transaction_hangs_in_commands(self):
        world = World(self, partitions=1)
        world.start("front1")
        world.wait_ready("front1")
        self.assertEqual(world.once("front1", "mug", "first")[0], 200)
        for end, version in (("commits", 2), ("dies", 4)):
            with self.subTest(end=end):
                foreign = self.begin(world, "mug", end)
                self.wait(lambda: world.metric("front1", "weir_kafka_held") > 0, "no metric shows it")
                sent = subprocess.Popen(["curl", "-s", "-H", f'Idempotency-Key: "behind-{end}"', "-H", "Content-Type: application/json", "-d",
                                         '{"sku":"mug","quantity":"1"}', f"http://127.0.0.1:{world.programs['front1'].port}/commands/shop.v1.ReceiveStock"],
                                        stdout=subprocess.PIPE, text=True)
                self.wait(lambda: world.metric("front1", "weir_kafka_held") > 1, "the command behind it does not count")
                print(f"12: while it hangs: weir_kafka_held {world.metric('front1', 'weir_kafka_held')}, waiting {world.metric('front1', 'weir_front_waiters')}")
                if end == "dies":
                    foreign.kill()
                foreign.communicate("commit\n" if end == "commits" else "")
                sent.communicate(timeout=60)
                self.wait(lambda: world.metric("front1", "weir_kafka_held") == 0, "the metric stays")
                status, body = world.once("front1", "mug", f"behind-{end}")
                self.assertEqual((status, body["version"]), (200, version if end == "dies" else version + 1))
                print(f"12: it {end}: the command behind it made version {body['version']}")
        ids = [headers["weir-causation"] for *_, headers, _ in world.topic("events")]
        self.assertEqual(ids, ["first", "commits", "behind-commits", "behind-dies"])


class TwoBuilds(BrokerCase):
    def add(self, world, id):
        client = Client(world.programs["node"].port, timeout=20)
        try:
            return client.send("testing.v1.Add", id=id, counterId="a", amount="5")
        finally:
            client.close()

    def test_an_older_build_meets_an_event_that_it_doesnt_know(self):
        """The newer one has written it. The older one on the newer one's directory, and on its own, which has followed meanwhile."""
        older, newer = MODULES / "module_older.so", MODULES / "module_newer.so"
        world = World(self, partitions=1, module=newer)
        world.start("node", module=older)
        world.wait_ready("node")
        self.assertEqual(self.add(world, "one")[2]["version"], 1)
        world.programs["node"].stop()
        world.start("watcher", "--roles", "views", module=older)
        world.start("node", module=newer)
        world.wait_ready("node")
        client = Client(world.programs["node"].port)
        self.assertEqual(client.send("testing.v1.Reset", id="two", counterId="a")[2]["version"], 2)
        client.close()
        world.programs["node"].stop()
        for directory in ("node", "watcher", "empty"):
            with self.subTest(directory=directory):
                if directory == "watcher":
                    world.programs["watcher"].stop()
                world.start("node", module=older, directory=directory)
                self.wait(lambda: "testing.v1.WasReset" in world.ready("node")[1], lambda: f"it doesn't say it: {world.ready('node')}")
                print(f"13: the older build on the directory '{directory}': {world.ready('node')[1]}")
                status, _, body = self.add(world, "three")
                self.assertIn(status, (503, 504), body)
                self.assertIsNone(world.programs["node"].process.poll())
                world.programs["node"].stop()
        for directory in ("watcher", "empty", "node"):
            with self.subTest(again=directory):
                world.start("node", module=newer, directory=directory)
                world.wait_ready("node")
                status, _, body = self.add(world, "three")
                self.assertEqual((status, body["version"]), (200, 3))
                status, _, body = world.get("node", "/aggregates/counter/a")
                self.assertEqual((status, body["state"]["total"]), (200, "5"))
                history = world.get("node", "/aggregates/counter/a/events")[2]
                print(f"13: the newer build on '{directory}' again: version 3, total {body['state']['total']}")
                self.assertIn("{'was': '5'}", re.sub("'counterId': '[a-z]*', ", "", str(history)))  # what the older build kept as JSON
                world.programs["node"].stop()


if __name__ == "__main__":
    unittest.main()
