#!/usr/bin/env python3
"""kill -9 at random moments under load, with clients that retry by id: every acknowledged command is there once, none twice, versions
without gap, the log verifies, and the views equal a recomputation from the events. WEIR_TEST_KILLS says how many kills (100)."""
import collections
import http.client
import json
import os
import random
import threading
import time
import unittest

from weirtest import Case, Client, Server, weir

KILLS = int(os.environ.get("WEIR_TEST_KILLS", "100"))
CLIENTS = 8
ARTICLES = 50


class Writer(threading.Thread):
    """Sends commands one by one, each with an id, again and again until it is answered. Keeps what was acknowledged."""

    def __init__(self, number, test):
        super().__init__(daemon=True)
        self.number, self.test = number, test
        self.random = random.Random(test.seed + number)
        self.acknowledged = []      # (id, sku, signed quantity, version)
        self.refused = 0
        self.wrong = []

    def command(self, i):
        sku = f"sku-{self.random.randrange(ARTICLES)}"
        if self.random.random() < 0.6:
            return "ReceiveStock", {"sku": sku, "quantity": str(self.random.randrange(1, 5))}
        return "RecordSale", {"sku": sku, "quantity": str(self.random.randrange(1, 5)), "invoiceNo": f"{self.number}-{i}",
                              "unitPriceCents": "100"}

    def run(self):
        i = 0
        while not self.test.over.is_set():
            kind, fields = self.command(i)
            self.send_until_answered(f"{self.number}-{i}", kind, fields)
            i += 1

    def send_until_answered(self, id, kind, fields):
        client = None
        while True:
            try:
                if client is None:
                    client = self.client = Client(self.test.server.port, timeout=10)
                status, _, reply = client.send(f"shop.v1.{kind}", id=id, **fields)
            except (OSError, http.client.HTTPException, json.JSONDecodeError, AttributeError):
                client = None
                time.sleep(0.01)
                continue
            if status in (503, 504):
                time.sleep(0.01)
                continue
            break
        if status == 200:
            quantity = int(fields["quantity"]) * (1 if kind == "ReceiveStock" else -1)
            self.acknowledged.append((id, fields["sku"], quantity, int(reply["version"])))
        elif status == 422 and reply.get("code") == "out-of-stock":
            self.refused += 1
        else:
            self.wrong.append((id, status, reply))
        client.close()


class Crash(Case):
    def test_kill_9_loses_and_doubles_nothing(self):
        self.seed = int(os.environ.get("WEIR_TEST_SEED", random.randrange(1 << 30)))
        print(f"seed {self.seed} (WEIR_TEST_SEED)", flush=True)
        chance = random.Random(self.seed)
        self.over = threading.Event()
        self.server = Server(self.dir).start()
        writers = [Writer(i, self) for i in range(CLIENTS)]
        for writer in writers:
            writer.start()
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.0, 0.4))
            self.server.kill()
            self.server.start()
        time.sleep(0.2)
        self.over.set()
        for writer in writers:
            writer.join(60)
            self.assertFalse(writer.is_alive(), "a client got no answer")
            self.assertEqual(writer.wrong, [])
        acknowledged = [entry for writer in writers for entry in writer.acknowledged]
        print(f"{KILLS} kills, {len(acknowledged)} acknowledged, {sum(w.refused for w in writers)} refused", flush=True)
        self.assertGreater(len(acknowledged), KILLS)
        self.check(acknowledged)

    def check(self, acknowledged):
        client = self.client(self.server)
        until = time.monotonic() + 60
        while any(view["lagEvents"] for view in client.get("/views")[2]["views"]):
            self.assertLess(time.monotonic(), until, "the views did not catch up")
            time.sleep(0.02)
        _, _, rows = client.get("/views/stock/stock", limit=100000)
        view = {row["sku"]: row["on_hand"] for row in rows}
        self.server.stop()

        versions, stock = collections.defaultdict(list), collections.Counter()
        by_version = {}
        for line in weir("events", "--dir", self.dir, "--module", self.server.module, "--json", check=0).stdout.splitlines():
            event = json.loads(line)
            quantity = int(event["data"]["quantity"]) * (1 if event["type"] == "shop.v1.StockReceived" else -1)
            versions[event["key"]].append(int(event["version"]))
            stock[event["key"]] += quantity
            by_version[(event["key"], int(event["version"]))] = quantity
        for sku, seen in versions.items():
            self.assertEqual(seen, list(range(1, len(seen) + 1)), f"versions of {sku}")
        claimed = set()
        for id, sku, quantity, version in acknowledged:
            self.assertEqual(by_version.get((sku, version)), quantity, f"{id} was acknowledged as version {version} of {sku}")
            self.assertNotIn((sku, version), claimed, f"{id} shares an event with another command")
            claimed.add((sku, version))
        self.assertEqual(len(claimed), sum(len(seen) for seen in versions.values()), "an event that nobody was told of")
        self.assertEqual(view, dict(stock), "the view differs from a recomputation")
        verify = weir("verify", "--dir", self.dir)
        self.assertEqual(verify.returncode, 0, verify.stdout + verify.stderr)


if __name__ == "__main__":
    unittest.main()
