#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A log that an earlier shop wrote, under today's: its views row by row, its states, its ids and sources; and it goes on."""
import gzip
import json
import unittest

from shoptest import SALES, ShopCase
from weirtest import TOP, Server, weir

GOLDEN = TOP / "test/golden/shop"


def tables(dump):
    """The tables of a view's dump, by name: their rows; the columns are part of it."""
    found = {}
    for line in dump.splitlines():
        if line.startswith("# "):
            name, *columns = line[2:].split("\t")
            rows = found[name] = [columns]
        else:
            rows.append(line)
    return found


class Golden(ShopCase):
    def setUp(self):
        super().setUp()
        (self.dir / "log").mkdir(parents=True)
        (self.dir / "log" / "data.mdb").write_bytes(gzip.decompress((GOLDEN / "data.mdb.gz").read_bytes()))

    def test_an_earlier_shops_log_is_todays(self):
        weir("verify", "--dir", self.dir, check=0)
        with Server(self.dir) as server:
            self.wait_for_views(self.client(server))
        dumps = self.dumps()
        for file in sorted(GOLDEN.glob("*.txt")):
            today = tables(dumps[file.stem])
            for name, rows in tables(file.read_text()).items():
                self.assertEqual(today[name], rows, f"{file.stem}.{name}")
                print(f"{file.stem}.{name}: {len(rows) - 1} rows as they were")
        self.assertEqual(len(list(GOLDEN.glob("*.txt"))), 3)

    def test_it_remembers_and_goes_on(self):
        with Server(self.dir) as server:
            client = self.client(server)
            state = client.get("/aggregates/stock/mug")[2]
            self.assertEqual((state["version"], state["state"]["onHand"], state["state"]["sold"]), (4, "3", "2"))
            status, _, outcome = client.send("shop.v1.ReceiveStock", id="r1", sku="mug", quantity="5")
            self.assertEqual((status, outcome["version"]), (200, 1)) # the answer of then: it is at version 4
            self.assertEqual(client.send("shop.v1.RecordSale", id="s1", sku="mug", quantity="7", invoiceNo="9", unitPriceCents="3")[2]["code"],
                             "out-of-stock")
            again = json.loads(weir("load", GOLDEN / "sales.csv", *SALES[1:], "--url", server.url, "--json", check=0).stdout)
            self.assertEqual((again["accepted"], again["repeated"]), (0, 101))
            self.assertEqual(client.send("shop.v1.RecordSale", sku="mug", quantity="4", invoiceNo="14", unitPriceCents="1")[2]["code"],
                             "out-of-stock")
            self.assertEqual(client.send("shop.v1.RecordSale", sku="mug", quantity="3", invoiceNo="14", unitPriceCents="1")[2]["version"], 5)
        weir("verify", "--dir", self.dir, check=0)


if __name__ == "__main__":
    unittest.main()
