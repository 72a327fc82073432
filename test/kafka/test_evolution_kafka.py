#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A module in three versions on a real broker: the same as on the embedded log (test/integration/test_evolution.py). Two that start at
the same moment record their version once; a log that is copied to Kafka brings its versions; and a broken record is told."""
import json
import shutil
import sys
import threading
import unittest

from kafkatest import TOP, VERSIONS, Cluster, kcat

sys.path.append(str(TOP / "test/integration"))
from evolutiontest import BREAKS, compare, module, unpack, write  # noqa: E402
from weirtest import Case, Server, weir  # noqa: E402


class EvolutionOnKafka(Case):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(VERSIONS[-1])
        cls.addClassCleanup(cls.cluster.remove)

    def setUp(self):
        super().setUp()
        self.dir = self.tmp / "parcel.data"
        self.app = self.id().rsplit("_", 1)[-1]
        self.on_kafka = ("--log", "kafka", "--brokers", self.cluster.bootstrap, "--app", self.app, "--allow-weak-cluster")
        weir("topics", "apply", *self.on_kafka[2:], check=0)

    def run_version(self, version, writers, writes=True, directory=None):
        with Server(directory or self.dir, module(version), *self.on_kafka) as server:
            client = self.client(server)
            if writes:
                write(client, version)
            n = compare(self, client, version, writers)
        print(f"{version}: {n} parcels of {', '.join(writers)} in state, view and history, on a broker", flush=True)

    def versions(self):
        return json.loads(weir("schema", "list", *self.on_kafka, "--json", check=0).stdout)

    def refused(self, *words):
        run = weir("run", module("v3"), "--dir", self.dir, "--listen", "127.0.0.1:0", *self.on_kafka, check=2)
        self.assert_words(run.stdout + run.stderr, *words)
        return run

    def records(self):
        """Keys and values of APP.schemas."""
        return kcat("-b", self.cluster.bootstrap, "-C", "-t", f"{self.app}.schemas", "-e", "-q", "-f", "%k\t%s\n").stdout.splitlines()

    def test_three_versions_and_back(self):
        self.run_version("v1", ["v1"])
        self.run_version("v2", ["v1", "v2"])
        self.run_version("v2", ["v1", "v2"])
        self.assertEqual(len(self.versions()), 2)
        run = self.refused(*BREAKS)
        print("v3 refuses to start:\n  " + "\n  ".join(line for line in run.stderr.splitlines() if "parcel.v1" in line), flush=True)
        self.assertEqual(len(self.versions()), 2)
        self.run_version("v2", ["v1", "v2"])
        self.run_version("v4", ["v1", "v2", "v4"])
        self.assertEqual(len(self.versions()), 3)
        self.assert_words(weir("schema", "check", module("v3"), *self.on_kafka, check=1).stdout, *BREAKS)
        self.assert_words(weir("schema", "diff", module("v4"), *self.on_kafka, check=0).stderr, "no difference")
        shutil.rmtree(self.dir)  # a node that has only the topics
        self.run_version("v4", ["v1", "v2", "v4"], writes=False)
        self.assertEqual([line.split("\t")[0] for line in self.records() if line.startswith("weir.version.")],
                         ["weir.version.1", "weir.version.2", "weir.version.3"])

    def test_versions_recorded_at_the_same_moment(self):
        self.run_version("v1", ["v1"])
        servers = [Server(self.tmp / f"node-{i}", module("v2"), *self.on_kafka) for i in range(3)]
        threads = [threading.Thread(target=server.start) for server in servers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for server in servers:
            server.stop()
        self.assertEqual(len(self.versions()), 2)
        print("three processes with a new version start at once: it is recorded once", flush=True)

    def test_a_log_is_copied_with_its_versions_copied(self):
        source = unpack("v2", self.tmp / "v2")
        weir("copy", "--from", source, "--to", self.cluster.bootstrap, "--app", self.app, "--allow-weak-cluster", "--dir", self.dir,
             "--module", module("v2"), check=0)
        self.assertEqual(self.versions(), json.loads(weir("schema", "list", "--dir", source, "--json", check=0).stdout))
        self.refused(*BREAKS)
        self.run_version("v4", ["v1", "v2", "v4"])
        self.assert_fails(2, ("schema", "list", "--dir", self.dir), "is the local copy of a log on Kafka: say --log kafka")

    def test_a_record_that_is_broken(self):
        self.run_version("v1", ["v1"])
        kcat("-b", self.cluster.bootstrap, "-P", "-t", f"{self.app}.schemas", "-K", "\t", input='weir.version.2\t{"format":1}\n')
        run = weir("run", module("v1"), "--dir", self.dir, "--listen", "127.0.0.1:0", *self.on_kafka)
        self.assertNotEqual(run.returncode, 0)
        self.assert_words(run.stderr, "schemas, version 2: it doesn't say its format, its module, the build and when")
        print("refused:", run.stderr.strip().splitlines()[-1], flush=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)
