#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The first weeks of telemetry's readings on a real broker: the same oracle, in every order, and a node that starts with an empty directory."""
import shutil
import sys
import unittest

from kafkatest import TOP, VERSIONS, Cluster

sys.path.append(str(TOP / "test/integration"))
from telemetrytest import TELEMETRY, TelemetryCase  # noqa: E402
from weirtest import Server, weir  # noqa: E402


class TelemetryOnKafka(TelemetryCase):
    few = 1000

    def test_readings_in_every_order(self):
        cluster = Cluster(VERSIONS[-1])
        self.addCleanup(cluster.remove)
        on_kafka = ("--log", "kafka", "--brokers", cluster.bootstrap, "--allow-weak-cluster")
        weir("topics", "apply", "--app", "telemetry", *on_kafka[2:], check=0)
        with Server(self.dir, TELEMETRY, *on_kafka) as server:
            self.walk(server)
        before = self.dumps()
        shutil.rmtree(self.dir)
        with Server(self.dir, TELEMETRY, *on_kafka) as server:
            client = self.client(server)
            self.wait_until_ready(client)
            self.wait_for_views(client)
        self.assertEqual(self.dumps(), before)


if __name__ == "__main__":
    unittest.main()
