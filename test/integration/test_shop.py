#!/usr/bin/env python3
"""The shop's year of orders against an oracle that is not weir: outcomes by code and every view row by row, after the load, after
loading again, after an interrupted and resumed load, and after the views and checkpoints were deleted."""
import json
import shutil
import subprocess
import sys
import time
import unittest

from weirtest import SHOP_DATA, TOP, Case, Server, weir

ORACLE = TOP / "examples/shop/oracle.py"
SALES = [SHOP_DATA / "online-retail.csv", "--as", "shop.v1.RecordSale", "--map", "sku=StockCode", "--map", "sold_at_ms=InvoiceDate",
         "--map", "unit_price_cents=UnitPrice"]
OPENING = [SHOP_DATA / "opening.csv", "--as", "shop.v1.ReceiveStock", "--map", "sku=StockCode"]
TABLES = {"stock": ("stock", "stock"), "daily": ("sales", "daily"), "article": ("sales", "article"), "customer": ("customers", "customer")}


def oracle(what):
    out = subprocess.run([sys.executable, str(ORACLE), what], capture_output=True, text=True, check=True).stdout
    return [line.split("\t") for line in out.splitlines()]


class Shop(Case):
    def load(self, url, *more):
        counts = {}
        for file in (OPENING, SALES):
            run = weir("load", *file, "--url", url, "--json", *more)
            self.assertIn(run.returncode, (0, 1), run.stderr)
            summary = json.loads(run.stdout)
            for key in ("accepted", "repeated", "unreadable"):
                counts[key] = counts.get(key, 0) + summary[key]
            for code, n in summary["codes"].items():
                counts[code] = counts.get(code, 0) + n
        return counts

    def wait_for_views(self, client):
        """Until no view is behind: one by one, from their status."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            _, _, listing = client.get("/views")
            if all(view["lagEvents"] == 0 and view["state"] == "following" for view in listing["views"]):
                return
            time.sleep(0.02)
        self.fail(f"the views did not catch up: {listing}")

    def rows(self, client, view, table):
        status, _, rows = client.get(f"/views/{view}/{table}", limit=100000)
        self.assertEqual(status, 200, rows)
        return sorted([str(value) for value in row.values()] for row in rows)

    def assert_views_are_the_oracles(self, client):
        self.wait_for_views(client)
        for what, (view, table) in TABLES.items():
            self.assertEqual(self.rows(client, view, table), sorted(oracle(what)), what)

    def dumps(self):
        return {path.name.split("-")[0]: weir("view", "dump", path.name.split("-")[0], "--dir", self.dir, check=0).stdout
                for path in sorted((self.dir / "views").glob("*.db"))}

    def test_a_load_and_a_second_one(self):
        wanted = {code: int(n) for code, n in oracle("outcomes")}
        with Server(self.dir) as server:
            client = self.client(server)
            counts = self.load(server.url)
            self.assertEqual(counts.pop("repeated"), 0)
            self.assertEqual(counts, wanted)
            self.assert_views_are_the_oracles(client)
            again = self.load(server.url)
            self.assertEqual(again["repeated"], sum(wanted.values()) - wanted["unreadable"])
            self.assertEqual(again["accepted"], 0)
            self.assert_views_are_the_oracles(client)
        before = self.dumps()
        self.assertEqual(len(before), 3)
        self.assertEqual(weir("verify", "--dir", self.dir).returncode, 0)

        shutil.rmtree(self.dir / "views")
        shutil.rmtree(self.dir / "checkpoint")
        with Server(self.dir) as server:
            client = self.client(server)
            self.assert_views_are_the_oracles(client)
            self.assertEqual(self.load(server.url)["accepted"], 0)
        self.assertEqual(self.dumps(), before)

    def test_a_load_that_is_cut_and_goes_on(self):
        wanted = {code: int(n) for code, n in oracle("outcomes")}
        server = Server(self.dir).start()
        weir("load", *OPENING, "--url", server.url, check=0)
        for limit in (700, 1500, 3100):
            weir("load", *SALES, "--url", server.url, "--limit", limit)
            server.kill()
            server.start()
        counts = self.load(server.url)
        self.assertEqual(counts["accepted"] + counts["repeated"] + sum(n for code, n in counts.items()
                         if code not in ("accepted", "repeated", "unreadable")) + counts["unreadable"], sum(wanted.values()))
        self.assert_views_are_the_oracles(self.client(server))
        server.stop()
        self.assertEqual(weir("verify", "--dir", self.dir).returncode, 0)


if __name__ == "__main__":
    unittest.main()
