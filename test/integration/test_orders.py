#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many clients want the same few articles while the engine is killed every second; each repeats by id until it is answered. They order
several articles at a time, pay, give up, return, or leave the order as it is; some deliver. At any moment no article has less than
nothing, and what was received is on hand, reserved or sold. When all is quiet each order is confirmed, paid, returned, or cancelled with
all of it given back: the stock says exactly so. WEIR_TEST_ORDER_KILLS says how many kills."""
import collections
import json
import os
import pathlib
import random
import threading
import time
import unittest

from callertest import Broken, Caller
from shoptest import ShopCase
from weirtest import Server, weir

KILLS = int(os.environ.get("WEIR_TEST_ORDER_KILLS", "30"))
CLIENTS, ARTICLES = 64, 10
OPENING = 40
QUIET_S = 120
SHOWN = 1000 # timers in a listing, at most
JSON = {"Content-Type": "application/json"}


class Customer(Caller):
    """Orders, waits for what becomes of it, and acts on that."""

    def __init__(self, life, number):
        super().__init__(life, number)
        self.sent, self.looks = 0, 0
        self.received = collections.Counter()
        self.ends = collections.Counter()

    def command(self, kind, id, allowed, **fields):
        """The reply's code, or None: accepted. What is neither accepted nor allowed is wrong."""
        status, _, reply = self.until_answered("POST", f"/commands/shop.v1.{kind}", json.dumps(fields), {**JSON, "Idempotency-Key": id})
        code = None if status == 200 else reply.get("code")
        if status != 200 and code not in allowed:
            self.wrong.append((kind, fields, status, reply))
        return code

    def settled(self, order):
        """Its status once it is confirmed or cancelled; None: the life is over."""
        while not self.life.over.is_set():
            status, _, reply = self.until_answered("GET", f"/aggregates/order/{order}")
            if status != 200:
                self.wrong.append((order, status, reply))
                return None
            if reply["state"]["status"] != "PLACED":
                return reply["state"]["status"]
            time.sleep(0.02)
        return None

    def step(self):
        self.sent += 1
        order = f"{self.number}-{self.sent}"
        if self.chance.random() < 0.1:
            sku, quantity = f"sku-{self.chance.randrange(ARTICLES)}", self.chance.randrange(1, 6)
            self.command("ReceiveStock", f"{order}-receive", (), sku=sku, quantity=str(quantity))
            self.received[sku] += quantity
        skus = self.chance.sample(range(ARTICLES), self.chance.randrange(1, 4))
        lines = [{"sku": f"sku-{i}", "quantity": str(self.chance.randrange(1, 4)), "priceCents": "100"} for i in skus]
        self.command("PlaceOrder", f"{order}-place", (), orderId=order, customer=str(self.number), lines=lines)
        act = self.chance.random()
        if act < 0.1: # at once, whatever it has come to
            self.command("CancelOrder", f"{order}-cancel", (), orderId=order, reason="regret")
            return
        if self.settled(order) != "CONFIRMED":
            return
        total = 100 * sum(int(line["quantity"]) for line in lines)
        if act < 0.6:
            self.command("PayOrder", f"{order}-pay", (), orderId=order, amountCents=str(total))
        if act < 0.4:
            self.command("ReturnOrder", f"{order}-return", (), orderId=order, reason="broken")
        if act > 0.7:
            self.command("CancelOrder", f"{order}-cancel", (), orderId=order, reason="regret")


class Auditor(Caller):
    """Asks the view again and again whether an article has less than nothing, or is not where it was received."""
    looks = 0

    def step(self):
        try:
            status, _, rows = self.ask("GET", "/views/balance/queries/wrong")
        except Broken:
            return
        self.looks += status == 200
        if status not in (200, 503) or (status == 200 and rows):
            self.wrong.append((status, rows))
        time.sleep(0.01)


class Orders(ShopCase):
    def setUp(self):
        super().setUp()
        seed = int(os.environ.get("WEIR_TEST_SEED", random.randrange(1 << 30)))
        self.seed, self.over, self.pause = str(seed), threading.Event(), threading.Event()
        self.server = Server(self.dir)

    def stock_by_the_orders(self, client, received):
        """Of each article what its orders leave of it: (received, on hand, reserved, sold, who has reserved how much)."""
        status = {row["order_id"]: row["status"] for row in self.all_rows(client, "orders", "orders", "order_id")}
        reserved, sold = collections.defaultdict(dict), collections.Counter()
        for line in self.all_rows(client, "orders", "order_line", "order_id,line"):
            if status[line["order_id"]] == "confirmed":
                reserved[line["sku"]][line["order_id"]] = line["quantity"]
            elif status[line["order_id"]] == "paid":
                sold[line["sku"]] += line["quantity"]
        stock = {}
        for sku, n in received.items():
            kept = sum(reserved[sku].values())
            stock[sku] = (n, n - kept - sold[sku], kept, sold[sku], reserved[sku])
        return collections.Counter(status.values()), stock

    def stock_as_it_is(self, client, received):
        stock = {}
        rows = {row["sku"]: row for row in client.get("/views/balance/balance")[2]}
        for sku in received:
            state, row = client.get(f"/aggregates/stock/{sku}")[2]["state"], rows[sku]
            numbers = [int(state.get(name, 0)) for name in ("onHand", "reserved", "sold")]
            self.assertEqual(numbers, [row["on_hand"], row["reserved"], row["sold"]], sku)
            who = {one["orderId"]: int(one["quantity"]) for one in state.get("reservations", [])}
            stock[sku] = (row["received"], *numbers, who)
        return stock

    def wait_until_quiet(self, client, received):
        """Until no order is between, and the stock is as the orders say. What the orders came to, by number."""
        until = time.monotonic() + QUIET_S
        while True:
            self.wait_for_views(client)
            ends, wanted = self.stock_by_the_orders(client, received)
            if ends["placed"] == 0 and self.stock_as_it_is(client, received) == wanted:
                break
            if time.monotonic() > until:
                self.assertEqual(ends["placed"], 0, ends)
                self.assertEqual(self.stock_as_it_is(client, received), wanted)
            time.sleep(0.2)
        self.assertEqual(client.get("/views/balance/queries/wrong")[2], [])
        listed = client.get("/processes")[2]
        self.assertEqual((listed["unanswered"], listed["unansweredTotal"]), ([], 0))
        self.assertEqual({timer["timer"] for timer in listed["timers"]}, {"payment"} if ends["confirmed"] > 0 else set())
        if len(listed["timers"]) < SHOWN:
            self.assertEqual(len(listed["timers"]), ends["confirmed"])
        for sku, (n, on_hand, kept, sold, _) in wanted.items():
            self.assertEqual(on_hand + kept + sold, n, sku)
            self.assertGreaterEqual(min(on_hand, kept, sold), 0, sku)
        return ends

    def test_nothing_is_sold_twice_and_no_order_stays_between(self):
        self.server.start()
        received = collections.Counter({f"sku-{i}": OPENING for i in range(ARTICLES)})
        client = self.client(self.server)
        for sku in received:
            self.assertEqual(client.send("shop.v1.ReceiveStock", sku=sku, quantity=str(OPENING))[0], 200)
        callers = [Customer(self, i) for i in range(CLIENTS)] + [Auditor(self, CLIENTS)]
        for caller in callers:
            caller.start()
        for _ in range(KILLS):
            time.sleep(1)
            self.server.kill()
            self.server.start()
        self.over.set()
        for caller in callers:
            caller.join()
        self.assertEqual([wrong for caller in callers for wrong in caller.wrong], [], f"WEIR_TEST_SEED={self.seed}")
        for customer in callers[:CLIENTS]:
            received += customer.received
        client = self.client(self.server)
        ends = self.wait_until_quiet(client, received)
        self.assertEqual(sum(ends.values()), sum(customer.sent for customer in callers[:CLIENTS]))
        before = self.dumps()
        self.server.stop()
        weir("verify", "--dir", self.dir, check=0)
        for path in [*(self.dir / "views").glob("*"), *(self.dir / "checkpoint").glob("*")]:
            pathlib.Path(path).unlink()
        with Server(self.dir) as server: # all of it from the log alone
            self.assertEqual(self.wait_until_quiet(self.client(server), received), ends)
        self.assertEqual(self.dumps(), before)
        print(f"{CLIENTS} clients, {KILLS} kill -9: {sum(ends.values())} orders of {ARTICLES} articles: "
              f"{', '.join(f'{n} {end}' for end, n in sorted(ends.items()))}; {sum(received.values())} pieces received, and there; "
              f"{callers[-1].looks} looks meanwhile; WEIR_TEST_SEED={self.seed}")


if __name__ == "__main__":
    unittest.main()
