#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a broker, its topics and what others put there: each told in words that say what to do, or answered with an
outcome; and the lane goes on. Every test prints the words."""
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
import time
import unittest

import wire
from kafkatest import VERSIONS, Cluster
from protocoltest import BrokerCase, World, kcat, weir
from weirtest import SHOP, Client, Server

RUN = ("run", SHOP, "--listen", "127.0.0.1:0", "--log", "kafka")


class Told(unittest.TestCase):
    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="weir-"))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)

    def assert_refused(self, what, words, *arguments):
        done = weir(*RUN, "--dir", self.home / "data", *arguments)
        said = done.stderr.strip().splitlines()
        print(f"{what}: exit {done.returncode}: {said[0] if said else ''}")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(words, done.stderr)


class Reaching(Told):
    """Who may come, and what they may do."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(VERSIONS[-1], 1, "--sasl")
        cls.addClassCleanup(cls.cluster.remove)
        cls.secure = (cls.cluster.dir / "bootstrap.secure").read_text().strip()
        cls.rights = weir("acl", "print", "--app", "APP", "--principal", "User:weir", check=0).stdout.splitlines()

    def as_weir(self, app, password="weir-password"):
        options = (f"security.protocol=sasl_plaintext", "sasl.mechanisms=PLAIN", "sasl.username=weir", f"sasl.password={password}")
        return "--brokers", self.secure, "--app", app, "--allow-weak-cluster", *(word for option in options for word in ("-X", option))

    def topics(self, app):
        weir("topics", "apply", "--brokers", self.cluster.bootstrap, "--app", app, "--allow-weak-cluster", "--partitions", 1, check=0)

    def allow(self, app, but=None):
        """All that `weir acl print` says for front, lane and views, but one (operation, resource)."""
        for line in self.rights:
            if line.startswith("#") and "apply" in line:
                return
            if line.startswith("#"):
                continue
            words = shlex.split(line.replace("APP", app))
            resource = next(i for i, word in enumerate(words) if word in ("--topic", "--group", "--transactional-id"))
            kind, name = words[resource][2:], words[resource + 1] + ("*" if "prefixed" in words else "")
            for i, word in enumerate(words):
                operation = re.sub("(?<!^)([A-Z])", r"-\1", words[i + 1]).lower() if word == "--operation" else None
                if operation is not None and (operation, words[resource + 1]) != but:
                    wire.allow(self.cluster.bootstrap, "weir", operation, kind, name)

    def test_an_unknown_broker(self):
        self.assert_refused("unknown broker", "no broker of 127.0.0.1:1 answers", "--brokers", "127.0.0.1:1")

    def test_a_wrong_password(self):
        self.topics("password")
        self.assert_refused("wrong password", "doesn't let weir in", *self.as_weir("password", password="wrong"))

    def test_no_right_at_all(self):
        self.topics("nothing")
        self.assert_refused("no right at all", "this user may not see them: `weir acl print`", *self.as_weir("nothing"))

    def served(self, app):
        """What a process with these rights says, until it is well or says what is missing: health, a command, a view."""
        process = Server(self.home / app, SHOP, "--log", "kafka", "--outcome.timeout", 3000, *self.as_weir(app))
        try:
            process.start()
        except AssertionError as error:
            return str(error)
        self.addCleanup(lambda: process.process.poll() is None and process.kill())
        until, said = time.monotonic() + 45, ""
        while time.monotonic() < until and "uthoriz" not in said:
            client = Client(process.port)
            status, _, body = client.get("/health/ready")
            if status == 200:
                status, _, body = client.send("shop.v1.ReceiveStock", sku="mug", quantity="1")
            client.close()
            if status == 200:
                return "all is well"
            said = body["detail"]
            time.sleep(0.2)
        process.kill()
        return said

    def test_a_missing_right(self):
        missing = {"front": ("write", "{}.commands"), "lane": ("write", "{}.lane."), "group": ("read", "{}.lanes"), "views": ("read", "{}.events")}
        for app, (operation, resource) in missing.items():
            with self.subTest(missing=resource):
                self.topics(app)
                self.allow(app, but=(operation, resource.format(app)))
                said = self.served(app)
                print(f"all rights but {operation} of {resource.format(app)}: {said.splitlines()[-1]}")
                self.assertIn("uthoriz", said)
                wire.allow(self.cluster.bootstrap, "weir", operation, *{"front": ("topic", "front.commands"), "lane": ("transactional-id", "lane.lane.*"),
                                                                        "group": ("group", "group.lanes"), "views": ("topic", "views.events")}[app])
                self.assertEqual(self.served(app), "all is well")
        print("with it: all is well")


class Topics(BrokerCase, Told):
    """Three brokers, and nothing weak allowed."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(VERSIONS[-1], 3)
        cls.addClassCleanup(cls.cluster.remove)

    def on(self, app):
        return "--brokers", self.cluster.bootstrap, "--app", app

    def test_topics_that_would_lose_records(self):
        wrong = {"count": ("events", 3, (), "it has 3 partitions, must have 2"),
                 "compacted": ("events", 2, ("cleanup.policy=compact",), "cleanup.policy is compact, must be delete"),
                 "retained": ("events", 2, ("retention.ms=3600000",), "retention.ms is 3600000, must be -1"),
                 "isr": ("outcomes", 2, ("min.insync.replicas=1",), "min.insync.replicas is 1, must be 2"),
                 "toomany": ("outcomes", 2, ("min.insync.replicas=4",), "min.insync.replicas is 4, must be 2"),
                 "unclean": ("events", 2, ("unclean.leader.election.enable=true",), "unclean.leader.election.enable is true, must be false"),
                 "small": ("commands", 2, ("max.message.bytes=5000",), "max.message.bytes is 5000, must be 1048588")}
        for app, (topic, partitions, settings, words) in wrong.items():
            with self.subTest(app=app):
                self.cluster("topic", f"{app}.{topic}", partitions, *(word for setting in settings for word in ("--set", setting)))
                for other in {"commands", "outcomes", "dead-letters"} - {topic} if app == "count" else ():
                    self.cluster("topic", f"{app}.{other}", 2)
                planned = weir("topics", "plan", *self.on(app), check=1).stdout
                self.assertIn(words, planned)
                applied = weir("topics", "apply", *self.on(app), "--partitions", 2, check=0).stdout
                if app == "count":
                    self.assert_refused(app, words, *self.on(app))
                    continue
                print(f"{app}: {next(line for line in planned.splitlines() if words in line)[:150]}; applied: "
                      f"{next(line for line in applied.splitlines() if ': set ' in line)}")
                self.assertEqual(weir("topics", "plan", *self.on(app), check=0).stdout, "")


class ForeignRecords(BrokerCase):
    def test_whatever_others_put_into_commands_has_an_outcome(self):
        large = ("max.message.bytes=8000000", "retention.ms=-1", "retention.bytes=-1", "message.timestamp.type=LogAppendTime")
        world = World(self, topics={"commands": large})
        world.start("node")
        world.wait_ready("node")
        status, body = world.once("node", "mug", "before")
        self.assertEqual(status, 200)
        right = next(partition for partition, *_ in world.topic("events"))
        kind, good = ("-H", "ce_type=shop.v1.ReceiveStock"), '{"sku":"mug","quantity":"1"}\n'
        file = world.home / "large"
        file.write_text(f'{{"sku":"mug","quantity":"1","note":"{"x" * 5000000}"}}')
        records = {
            "no key": (("-p", right, *kind), good, "malformed"),
            "no type": (("-k", "mug"), good, "malformed"),
            "not JSON": (("-k", "mug", *kind), "hello\n", "malformed"),
            "a field that is none": (("-k", "mug", *kind), '{"sku":"mug","colour":"red"}\n', "malformed"),
            "another key within": (("-k", "mug", *kind), '{"sku":"cup","quantity":"1"}\n', "malformed"),
            "a type that is none": (("-k", "mug", "-H", "ce_type=shop.v1.Paint"), good, "malformed"),
            "another partitioner": (("-p", 1 - right, "-k", "mug", *kind), good, "wrong-partition"),
            "tombstone": (("-K", ":", *kind, "-Z"), "mug:\n", "malformed"),
            "a header that is none": (("-k", "mug", *kind, "-H", "weir-expected-version=soon"), good, "malformed"),
            "5 MB": (("-k", "mug", *kind, "-X", "message.max.bytes=9000000", file), None, "malformed"),
        }
        for n, (what, (arguments, value, _)) in enumerate(records.items(), 2):
            world.put(value, "-X", "topic.partitioner=murmur2", "-H", f"what={what}", *arguments)
            status, body = world.once("node", "mug", f"behind-{n}")
            self.assertEqual((status, body.get("version")), (200, n), what)  # the lane goes on
        world.programs["node"].stop()
        outcomes = {(partition, headers["weir-command-offset"]): (headers["ce_type"], headers.get("weir-code", ""), value)
                    for partition, _, _, headers, value in world.topic("outcomes")}
        commands = {(partition, str(offset)): headers.get("what", "") for partition, offset, _, headers, _ in world.topic("commands")}
        self.assertEqual(set(outcomes), set(commands))  # one each, and of nothing else
        self.assertEqual(set(commands.values()), {"", *records})
        for at, what in commands.items():
            with self.subTest(what=what):
                kind, code, words = outcomes[at]
                self.assertEqual((kind, code), ("weir.rejected", records[what][2]) if what != "" else ("weir.accepted", ""))
                if what != "":
                    print(f"{what}: {kind} {code}: {words}")
        print(f"{len(commands)} commands, {len(records)} of them foreign, an outcome each; stock/mug is at version {body['version']}")


class Formats(BrokerCase):
    def test_events_as_json_are_read_by_views_and_restored_by_a_lane(self):
        """And as Protobuf, one after the other in one log."""
        world = World(self, partitions=1)
        for n, form in enumerate(("json", "protobuf", "json"), 1):
            for directory in (f"node-{n}",):  # an empty one: all is restored from the topics
                server = world.start("node", "--events.format", form, directory=directory)
                world.wait_ready("node")
                self.wait(lambda: (world.get("node", "/views/stock/stock")[2] or [{"on_hand": 0}])[0]["on_hand"] == n - 1, "the view does not show it")
                status, body = world.once("node", "mug", f"id-{n}")
                self.assertEqual((status, body["version"]), (200, n))
                server.stop()
        events = [(headers["content-type"], value) for *_, headers, value in world.topic("events")]
        print("events as stored:", events)
        self.assertEqual([form for form, _ in events], ["application/json", "application/protobuf", "application/json"])
        self.assertEqual(events[0][1], '{"sku":"mug","quantity":"1"}')


if __name__ == "__main__":
    unittest.main()
