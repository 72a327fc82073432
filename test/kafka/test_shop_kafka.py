#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The shop, unchanged, on a real broker by one setting: the same oracle, the same canonical views as on the embedded log, a second load
that changes nothing, and a node that starts with an empty directory."""
import shutil
import sys
import unittest

from kafkatest import TOP, VERSIONS, Cluster

sys.path.append(str(TOP / "test/integration"))
from shoptest import ShopCase, oracle  # noqa: E402
from weirtest import SHOP, Server, weir  # noqa: E402


class ShopOnKafka(ShopCase):
    def test_it_is_the_same_shop(self):
        cluster = Cluster(VERSIONS[-1])
        self.addCleanup(cluster.remove)
        on_kafka = ("--log", "kafka", "--brokers", cluster.bootstrap, "--allow-weak-cluster")
        weir("topics", "apply", "--app", "shop", *on_kafka[2:], check=0)
        wanted = {code: int(n) for code, n in oracle("outcomes")}
        with Server(self.dir, SHOP, *on_kafka) as server:
            client = self.client(server)
            counts = self.load(server.url)
            self.assertEqual(counts.pop("repeated"), 0)
            self.assertEqual(counts, wanted)
            self.assert_views_are_the_oracles(client)
            again = self.load(server.url)
            self.assertEqual(again["repeated"], sum(wanted.values()) - wanted["unreadable"])
            self.assertEqual(again["accepted"], 0)
            self.assert_views_are_the_oracles(client)
        on_broker = self.dumps()
        shutil.rmtree(self.dir)
        with Server(self.dir, SHOP, *on_kafka) as server:
            client = self.client(server)
            self.wait_until_ready(client)
            self.assert_views_are_the_oracles(client)
        self.assertEqual(self.dumps(), on_broker)
        shutil.rmtree(self.dir)
        with Server(self.dir) as server:
            self.load(server.url)
            self.wait_for_views(self.client(server))
        self.assertEqual(self.dumps(), on_broker)


if __name__ == "__main__":
    unittest.main()
