#!/usr/bin/env python3
"""kill -9 of the whole program at random moments, 500 times, two engines side by side: under clients that repeat by id until they are
answered, clients that ask views for what they have written, several views, and checkpoints without end. Now and then, and at the end:
every acknowledged command is there once, none twice, versions without gap, the log verifies, and each view equals a recomputation from the
events. WEIR_TEST_KILLS says how many kills."""
import collections
import concurrent.futures
import json
import os
import pathlib
import random
import shutil
import tempfile
import threading
import time
import unittest

from callertest import Caller
from weirtest import SHOP, TOP, Client, Server, weir

KILLS = int(os.environ.get("WEIR_TEST_KILLS", "500"))
ENGINES = 2
WRITERS, READERS = 5, 2
SHARED, OWN = 40, 4     # articles that all write to; that one writer has to itself
WORK = 40               # commands answered in a life, at most
CHECKS = 5              # looks at the whole in between
CHECKPOINT_EVENTS = 3   # a partition's events from one checkpoint to the next: one is always being written

VIEWS = {
    "ledger": """-- A row an event: one applied twice stops the view, one left out is missed.
-- schema:
CREATE TABLE entry (part INTEGER, place INTEGER, sku TEXT NOT NULL, version INTEGER NOT NULL, quantity INTEGER NOT NULL,
    id TEXT NOT NULL, PRIMARY KEY (part, place));
CREATE UNIQUE INDEX entry_version ON entry (sku, version);
-- on: shop.v1.StockReceived
INSERT INTO entry VALUES (:_partition, :_offset, :sku, :_version, :quantity, :_command_id);
-- on: shop.v1.StockSold
INSERT INTO entry VALUES (:_partition, :_offset, :sku, :_version, -:quantity, :_command_id);
""",
    "totals": """-- What an article has come to. It takes its time, so that whoever doesn't wait for it is too early.
-- schema:
CREATE TABLE total (sku TEXT PRIMARY KEY, version INTEGER NOT NULL, events INTEGER NOT NULL, turned INTEGER NOT NULL);
-- on: shop.v1.StockReceived, shop.v1.StockSold
INSERT INTO total VALUES (:sku, :_version, 1, :quantity)
ON CONFLICT (sku) DO UPDATE SET version = :_version, events = events + 1, turned = turned + :quantity;
UPDATE total SET events = events + (SELECT max(n) - 8000 FROM (WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count
    WHERE n < 8000) SELECT n FROM count)) WHERE sku = :sku;
""",
}
OURS = ("stock", "sales", "customers")


class Writer(Caller):
    def __init__(self, life, number):
        super().__init__(life, number)
        self.acknowledged = []      # (id, sku, signed quantity, version)
        self.refused = self.read_back = self.sent = 0
        self.on_hand = collections.Counter()  # of its own articles

    def step(self):
        own = self.chance.random() < 0.3
        sku = f"own-{self.number}-{self.chance.randrange(OWN)}" if own else f"sku-{self.chance.randrange(SHARED)}"
        quantity, self.sent = self.chance.randrange(1, 5), self.sent + 1
        fields = {"sku": sku, "quantity": str(quantity)}
        received = self.chance.random() < 0.6
        if not received:
            fields.update(invoiceNo=f"{self.number}-{self.sent}", unitPriceCents="100", customerId=f"c-{self.number}", country="X")
        id = f"{self.number}-{self.sent}"
        status, headers, reply = self.until_answered("POST", "/commands/shop.v1." + ("ReceiveStock" if received else "RecordSale"),
                                                     json.dumps(fields), {"Content-Type": "application/json", "Idempotency-Key": id})
        if status == 200:
            signed = quantity if received else -quantity
            self.acknowledged.append((id, sku, signed, int(reply["version"])))
            self.life.known[sku] = (int(reply["version"]), headers["Weir-Position"])
            if own:
                self.on_hand[sku] += signed
                self.see(f"/views/stock/stock?sku=eq.{sku}", "on_hand", self.on_hand[sku], headers["Weir-Position"])
                self.see(f"/views/totals/total?sku=eq.{sku}", "version", int(reply["version"]), headers["Weir-Position"])
        elif status == 422 and reply.get("code") == "out-of-stock":
            self.refused += 1
        else:
            self.wrong.append((id, status, reply))

    def see(self, path, column, expected, token):
        """Nobody else writes to it: with the command's token the view must say exactly what this writer knows."""
        rows = None
        while rows is None and not self.life.over.is_set():
            rows = self.rows(path, token)
        if rows is not None:
            self.read_back += 1
            if [row[column] for row in rows] != [expected]:
                self.wrong.append(("read back", path, token, rows, expected))


class Reader(Caller):
    """What somebody was told of an article is in every view that is asked with that token, however often the engine was killed since."""
    asked = 0

    def step(self):
        known = list(self.life.known.items())
        if not known:
            time.sleep(0.01)
            return
        sku, (version, token) = self.chance.choice(known)
        path = self.chance.choice(("/views/totals/total?sku=eq.", "/views/ledger/entry?order=version.desc&limit=1&sku=eq.")) + sku
        rows = self.rows(path, token)
        if rows is not None:
            self.asked += 1
            if not rows or rows[0]["version"] < version:
                self.wrong.append((path, token, version, rows))


class Life:
    """One engine, its clients, and the one who kills it."""

    def __init__(self, number, seed, kills):
        self.seed, self.kills, self.chance = f"{seed} {number}", kills, random.Random(f"{seed} {number} kills")
        self.over, self.pause, self.known = threading.Event(), threading.Event(), {}
        self.check = unittest.TestCase()
        self.tmp = pathlib.Path(tempfile.mkdtemp(prefix="weir-"))
        self.dir, views = self.tmp / "shop.data", self.tmp / "views"
        views.mkdir()
        for name in OURS:
            shutil.copy(TOP / f"examples/shop/views/{name}.sql", views)
        for name, text in VIEWS.items():
            (views / f"{name}.sql").write_text(text)
        self.server = Server(self.dir, SHOP, "--views", str(views), "--checkpoint.events", str(CHECKPOINT_EVENTS))
        self.checkpoints = self.recovered = 0

    def run(self):
        self.server.start()
        self.writers = [Writer(self, i) for i in range(WRITERS)]
        self.callers = self.writers + [Reader(self, WRITERS + i) for i in range(READERS)]
        for caller in self.callers:
            caller.start()
        for kill in range(1, self.kills + 1):
            self.let_live(self.chance.randrange(WORK))
            self.server.kill()
            self.server.start()
            if kill % max(1, self.kills // CHECKS) == 0:
                self.look()
        self.over.set()
        for caller in self.callers:
            caller.join(60)
            if caller.connection is not None:
                caller.connection.close()
            self.check.assertFalse(caller.is_alive(), "a client got no answer")
        self.server.stop()
        self.verify()
        shutil.rmtree(self.tmp)
        return {"kills": self.kills, "acknowledged": sum(len(w.acknowledged) for w in self.writers),
                "refused": sum(w.refused for w in self.writers), "read back": sum(w.read_back for w in self.writers),
                "asked with tokens": sum(r.asked for r in self.callers[WRITERS:]), "checkpoints in the lives looked at": self.checkpoints,
                "events replayed at their starts": self.recovered}

    def let_live(self, commands):
        """Until so many more commands are answered, whatever the machine's load, and a moment longer; not for ever."""
        goal, until = commands + sum(writer.sent for writer in self.writers), time.monotonic() + 2
        while sum(writer.sent for writer in self.writers) < goal and time.monotonic() < until:
            time.sleep(0.002)
        time.sleep(self.chance.uniform(0.0, 0.02))

    def verify(self):
        run = weir("verify", "--dir", self.dir)
        self.check.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def look(self):
        """The clients hold still, with every command of theirs answered; the engine is the one of the last start."""
        self.let_live(2 * WORK)
        self.pause.set()
        client, until = Client(self.server.port), time.monotonic() + 60
        while not all(caller.idle for caller in self.callers) or any(view["lagEvents"] for view in client.get("/views")[2]["views"]):
            self.check.assertLess(time.monotonic(), until, "clients without an answer, or views that don't catch up")
            time.sleep(0.02)
        self.check.assertEqual([wrong for caller in self.callers for wrong in caller.wrong], [])
        for line in client.get("/metrics")[2].decode().splitlines():
            self.checkpoints += int(line.split()[1]) if line.startswith("weir_checkpoints_total") else 0
            self.recovered += int(line.split()[1]) if line.startswith("weir_recovered_events") else 0
        self.compare(client)
        client.close()
        self.verify()
        self.pause.clear()

    def rows(self, client, path):
        status, _, rows = client.get(path, limit=100000)
        self.check.assertEqual(status, 200, rows)
        return rows

    def compare(self, client):
        check, entries = self.check, []
        for line in weir("events", "--dir", self.dir, "--module", SHOP, "--json", check=0).stdout.splitlines():
            event = json.loads(line)
            sign = 1 if event["type"] == "shop.v1.StockReceived" else -1
            entries.append((event["partition"], event["offset"], event["key"], event["version"], sign * int(event["data"]["quantity"]), event["commandId"]))
        versions, stock, turned, sold, by_version = collections.defaultdict(list), collections.Counter(), collections.Counter(), collections.Counter(), {}
        for _, _, sku, version, quantity, id in entries:
            versions[sku].append(version)
            stock[sku] += quantity
            turned[sku] += abs(quantity)
            by_version[(sku, version)] = (quantity, id)
            if quantity < 0:
                sold[sku] -= quantity
        for sku, seen in versions.items():
            check.assertEqual(seen, list(range(1, len(seen) + 1)), f"versions of {sku}")
        acknowledged = {(sku, version): (quantity, id) for w in self.writers for id, sku, quantity, version in w.acknowledged}
        check.assertEqual(len(acknowledged), sum(len(w.acknowledged) for w in self.writers), "two commands share an event")
        check.assertEqual(by_version, acknowledged, "what was acknowledged, and what is there")
        check.assertEqual({row["sku"]: row["on_hand"] for row in self.rows(client, "/views/stock/stock")}, dict(stock))
        check.assertEqual(sorted((row["part"], row["place"], row["sku"], row["version"], row["quantity"], row["id"])
                                 for row in self.rows(client, "/views/ledger/entry")), sorted(entries))
        check.assertEqual({row["sku"]: (row["version"], row["events"], row["turned"]) for row in self.rows(client, "/views/totals/total")},
                          {sku: (len(seen), len(seen), turned[sku]) for sku, seen in versions.items()})
        check.assertEqual({row["sku"]: row["sold"] for row in self.rows(client, "/views/sales/article")}, dict(sold))
        check.assertEqual(sum(row["bought"] for row in self.rows(client, "/views/customers/customer")), sum(sold.values()))


def live(number, seed, kills):
    return Life(number, seed, kills).run()


class Crash(unittest.TestCase):
    def test_kill_9_loses_and_doubles_nothing(self):
        seed = int(os.environ.get("WEIR_TEST_SEED", random.randrange(1 << 30)))
        print(f"seed {seed} (WEIR_TEST_SEED)", flush=True)
        kills = [KILLS // ENGINES + (number < KILLS % ENGINES) for number in range(ENGINES)]
        began = time.monotonic()
        with concurrent.futures.ProcessPoolExecutor(ENGINES) as processes:
            lives = list(processes.map(live, range(ENGINES), [seed] * ENGINES, kills))
        figures = collections.Counter()
        for figure in lives:
            figures.update(figure)
        print(", ".join(f"{number} {what}" for what, number in figures.items()) + f" in {time.monotonic() - began:.0f} s", flush=True)
        self.assertEqual(figures["kills"], KILLS)
        self.assertGreater(figures["acknowledged"], KILLS)
        self.assertGreater(min(figures["read back"], figures["asked with tokens"], figures["checkpoints in the lives looked at"]), 0)


if __name__ == "__main__":
    unittest.main()
