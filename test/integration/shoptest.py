# SPDX-License-Identifier: Apache-2.0
"""The shop's year of orders: loading it, its views against the oracle, and their canonical dumps. On whichever log."""
import json
import subprocess
import sys

from weirtest import SHOP_DATA, TOP, Case, weir

ORACLE = TOP / "examples/shop/oracle.py"
SALES = [SHOP_DATA / "online-retail.csv", "--as", "shop.v1.RecordSale", "--map", "sku=StockCode", "--map", "sold_at_ms=InvoiceDate",
         "--map", "unit_price_cents=UnitPrice"]
OPENING = [SHOP_DATA / "opening.csv", "--as", "shop.v1.ReceiveStock", "--map", "sku=StockCode"]
TABLES = {"stock": ("stock", "stock"), "daily": ("sales", "daily"), "article": ("sales", "article"), "customer": ("customers", "customer")}


def oracle(what):
    out = subprocess.run([sys.executable, str(ORACLE), what], capture_output=True, text=True, check=True).stdout
    return [line.split("\t") for line in out.splitlines()]


class ShopCase(Case):
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

    def all_rows(self, client, view, table, order, **filters):
        """Of a table of any size, page by page; `order` makes the pages one."""
        found = []
        while True:
            status, _, rows = client.get(f"/views/{view}/{table}", limit=10000, offset=len(found), order=order, **filters)
            self.assertEqual(status, 200, rows)
            found += rows
            if len(rows) < 10000:
                return found

    def rows(self, client, view, table):
        status, _, rows = client.get(f"/views/{view}/{table}", limit=100000)
        self.assertEqual(status, 200, rows)
        return sorted([str(value) for value in row.values()] for row in rows)

    def assert_views_are_the_oracles(self, client):
        self.wait_for_views(client)
        for what, (view, table) in TABLES.items():
            self.assertEqual(self.rows(client, view, table), sorted(oracle(what)), what)
