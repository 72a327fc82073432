#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The test broker itself: what the tests on Kafka rest on must fail when it should, and come back as it was."""
import os
import pathlib
import shutil
import socket
import tempfile
import time
import unittest

import wire
from kafkatest import VERSIONS, Cluster, broker, kcat


def records(bootstrap, topic):
    return kcat("-b", bootstrap, "-C", "-t", topic, "-e", "-q").stdout.split()


class One(unittest.TestCase):
    """One broker of each version, through all that may be done to it."""

    def each(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                cluster = Cluster(version)
                try:
                    yield cluster
                finally:
                    cluster.remove()

    def test_a_killed_broker_comes_back_with_port_and_data(self):
        for cluster in self.each():
            self.assertEqual(cluster.status(check=0), {1: "running"})
            cluster("topic", "kept", 2)
            kcat("-b", cluster.bootstrap, "-P", "-t", "kept", "-p", "1", input="a\nb\nc\n")
            cluster("kill")
            self.assertEqual(cluster.status(check=3), {1: "stopped"})
            self.assertRaises(OSError, wire.brokers, cluster.bootstrap)
            self.assertEqual(cluster("start").stdout.strip(), cluster.bootstrap)
            self.assertEqual(cluster.status(check=0), {1: "running"})
            self.assertEqual(records(cluster.bootstrap, "kept"), ["a", "b", "c"])
            cluster("stop")
            self.assertEqual(cluster.status(check=3), {1: "stopped"})
            cluster("start")
            self.assertEqual(records(cluster.bootstrap, "kept"), ["a", "b", "c"])

    def test_a_paused_broker_is_silent_until_it_is_resumed(self):
        for cluster in self.each():
            cluster("pause")
            self.assertEqual(cluster.status(check=3), {1: "paused"})
            self.assertRaises(OSError, wire.brokers, cluster.bootstrap)  # it takes the connection and says nothing
            cluster("resume")
            self.assertEqual(cluster.status(check=0), {1: "running"})
            self.assertEqual(wire.brokers(cluster.bootstrap, timeout=60), {1})
            cluster("pause")
            cluster("stop")  # a paused one is ended too
            self.assertEqual(cluster.status(check=3), {1: "stopped"})

    def test_each_version_is_the_one_asked_for(self):
        for cluster in self.each():
            version = (cluster.dir / "version").read_text().strip()
            process = next(line.split()[5] for line in cluster("status").stdout.splitlines())
            words = pathlib.Path(f"/proc/{process}/cmdline").read_text().split("\0")
            jars = pathlib.Path(words[words.index("-cp") + 1]).parent
            self.assertTrue((jars / f"kafka_2.13-{version}.jar").exists(), jars)


class Three(unittest.TestCase):
    """A cluster, and one of its brokers."""

    def wait_for(self, address, expected, seconds=60):
        until = time.monotonic() + seconds
        while wire.brokers(address, timeout=60) != expected:
            self.assertLess(time.monotonic(), until, "the others didn't notice")
            time.sleep(0.1)

    def test_one_dies_and_comes_back(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                cluster = Cluster(version, 3)
                self.addCleanup(cluster.remove)
                self.assertEqual(cluster.status(check=0), {1: "running", 2: "running", 3: "running"})
                cluster("topic", "t")
                cluster("kill", "--node", 2)
                self.assertEqual(cluster.status(check=3), {1: "running", 2: "stopped", 3: "running"})
                self.wait_for(cluster.address(1), {1, 3})
                kcat("-b", cluster.address(1), "-P", "-t", "t", "-X", "acks=all", input="written by two\n")
                cluster("start", "--node", 2)
                self.wait_for(cluster.address(2), {1, 2, 3})
                cluster("pause", "--node", 3)
                self.assertEqual(cluster.status(check=3), {1: "running", 2: "running", 3: "paused"})
                cluster("resume", "--node", 3)
                self.assertEqual(kcat("-b", cluster.address(2), "-C", "-t", "t", "-e", "-q").stdout, "written by two\n")
                cluster.remove()


class Secure(unittest.TestCase):
    """Passwords, rights and TLS."""

    def assert_refused(self, words, *arguments):
        done = kcat(*arguments, check=None, input="x\n")
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertIn(words, done.stderr)

    def test_passwords_and_rights(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                cluster = Cluster(version, 1, "--sasl")
                self.addCleanup(cluster.remove)
                cluster("topic", "shop.events")
                as_weir = ["-F", cluster.dir / "client.conf"]
                send = ["-P", "-t", "shop.events"]
                self.assert_refused("Authentication failed", *as_weir, "-X", "sasl.password=wrong", "-L")
                self.assert_refused("Topic authorization failed", *as_weir, *send)
                kcat("-b", cluster.bootstrap, *send, input="by the plain one\n")  # there no right is asked for
                cluster("allow", "weir", "write", "topic", "shop.*")
                cluster("allow", "weir", "read", "topic", "shop.events")
                kcat(*as_weir, *send, input="said\n")
                self.assertEqual(kcat(*as_weir, "-C", "-t", "shop.events", "-e", "-q").stdout, "by the plain one\nsaid\n")
                self.assert_refused("Topic authorization failed", *as_weir, "-X", "sasl.username=guest", "-X", "sasl.password=guest-password", *send)
                cluster.remove()

    def test_tls(self):
        cluster = Cluster(VERSIONS[-1], 1, "--tls", "--sasl")
        self.addCleanup(cluster.remove)
        cluster("topic", "t")
        cluster("allow", "weir", "write", "topic", "t")
        conf = cluster.dir / "client.conf"
        kcat("-F", conf, "-P", "-t", "t", input="said\n")
        self.assert_refused("certificate verify failed", "-b", (cluster.dir / "bootstrap.secure").read_text().strip(), "-X", "security.protocol=ssl", "-L")
        self.assert_refused("connecting to a SSL listener?", "-F", conf, "-X", "security.protocol=sasl_plaintext", "-L")


class Mistakes(unittest.TestCase):
    """What is asked wrongly is refused in words, and harms nothing."""

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="weir-kafka-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def assert_fails(self, words, *arguments, status=1):
        self.assertIn(words, broker(*arguments, check=status).stderr)

    def test_no_cluster_no_node_no_right(self):
        self.assert_fails("holds no cluster", "status", self.dir)
        self.assert_fails("holds no cluster", "kill", self.dir / "nowhere")
        self.assert_fails("invalid choice", "allow", self.dir, "weir", "fly", "topic", "t", status=2)
        self.assert_fails("no version of Kafka", "start", self.dir, "--version", "../4")
        self.assert_fails("--set takes NAME=VALUE", "start", self.dir, "--set", "nothing")

    def test_what_a_cluster_is_stays(self):
        cluster = Cluster(VERSIONS[-1])
        self.addCleanup(cluster.remove)
        self.assert_fails("said at its first start", "start", cluster.dir, "3")
        self.assert_fails("said at its first start", "start", cluster.dir, "--version", VERSIONS[0])
        self.assert_fails("has no broker 2", "kill", cluster.dir, "--node", "2")
        self.assertEqual(cluster.status(check=0), {1: "running"})
        cluster("kill")
        self.assert_fails("doesn't run", "pause", cluster.dir)
        self.assert_fails("no broker", "topic", cluster.dir, "t")

    def test_a_process_that_has_the_number_by_now_is_left_alone(self):
        cluster = Cluster(VERSIONS[-1])
        self.addCleanup(cluster.remove)
        cluster("kill")
        (cluster.dir / "1/pid").write_text(f"{os.getpid()}\n")
        self.assertEqual(cluster.status(check=3), {1: "stopped"})
        cluster("kill")  # would end this test

    @staticmethod
    def bind(taken, port):
        """The kernel may take a moment to give back what a killed process had."""
        for attempt in range(100):
            try:
                return taken.bind(("127.0.0.1", port))
            except OSError:
                if attempt == 99:
                    raise
                time.sleep(0.1)

    def test_a_broker_that_cannot_start_says_why(self):
        cluster = Cluster(VERSIONS[-1])
        self.addCleanup(cluster.remove)
        cluster("kill")
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.bind(taken, int(cluster.bootstrap.rsplit(":", 1)[1]))
            taken.listen()
            self.assert_fails("already in use", "start", cluster.dir)
        self.assertEqual(cluster.status(check=3), {1: "stopped"})
        cluster("start")

    def test_setting_that_kafka_refuses(self):
        said = broker("start", self.dir / "c", "--set", "log.retention.ms=never", check=1).stderr
        self.assertIn("log.retention.ms", said)
        broker("kill", self.dir / "c", check=None)


if __name__ == "__main__":
    unittest.main()
