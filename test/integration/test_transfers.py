#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Transfers between accounts while the engine is killed at random moments: money is neither made nor lost, whatever a transfer comes to.
Clients repeat by id until they are answered; some transfers ask for more than there is, some go to an account that isn't there. When all
is quiet each transfer has ended, and has left exactly the movements that its end allows. WEIR_TEST_TRANSFER_KILLS says how many kills."""
import collections
import json
import os
import pathlib
import random
import threading
import time
import unittest

from banktest import BANK
from callertest import Caller
from shoptest import ShopCase
from weirtest import Server, weir

KILLS = int(os.environ.get("WEIR_TEST_TRANSFER_KILLS", "100"))
CLIENTS, ACCOUNTS = 6, 10
OPENING = 100000         # cents of each account
LIFE_MS = 150            # of an engine, at most
QUIET_S = 120


class Customer(Caller):
    """Requests one transfer after the other."""

    def __init__(self, life, number):
        super().__init__(life, number)
        self.sent = 0

    def step(self):
        id = f"{self.number}-{self.sent}"
        source, target = self.chance.sample(range(ACCOUNTS), 2)
        cents = self.chance.randrange(1, 2 * OPENING if self.chance.random() < 0.1 else OPENING // 10)
        target = "nowhere" if self.chance.random() < 0.1 else f"a{target}"
        fields = {"transferId": id, "fromAccount": f"a{source}", "toAccount": target, "cents": str(cents)}
        status, _, reply = self.until_answered("POST", "/commands/bank.v1.RequestTransfer", json.dumps(fields),
                                               {"Content-Type": "application/json", "Idempotency-Key": id})
        self.sent += 1
        if status != 200:
            self.wrong.append((id, status, reply))


class Transfers(ShopCase):
    def setUp(self):
        super().setUp()
        seed = int(os.environ.get("WEIR_TEST_SEED", random.randrange(1 << 30)))
        self.seed, self.chance = str(seed), random.Random(seed)
        self.over, self.pause = threading.Event(), threading.Event()
        self.server = Server(self.dir, BANK)

    def open_accounts(self):
        client = self.client(self.server)
        for i in range(ACCOUNTS):
            self.assertEqual(client.send("bank.v1.OpenAccount", accountId=f"a{i}", overdraftCents=str(1000 * (i % 2)))[0], 200)
            self.assertEqual(client.send("bank.v1.Deposit", accountId=f"a{i}", cents=str(OPENING))[0], 200)

    def all_rows(self, client, view, table, order):
        found = []
        while True:
            status, _, rows = client.get(f"/views/{view}/{table}", limit=10000, offset=len(found), order=order)
            self.assertEqual(status, 200, rows)
            found += rows
            if len(rows) < 10000:
                return found

    def wait_until_quiet(self, client):
        """Until no transfer is under way."""
        until = time.monotonic() + QUIET_S
        while True:
            self.wait_for_views(client)
            rows = client.get("/views/transfers/queries/under_way")[2]
            if not rows:
                return
            self.assertLess(time.monotonic(), until, f"{len(rows)} transfers don't end, {rows[0]} among them")
            time.sleep(0.05)

    def assert_money_is_conserved(self, client):
        """What the transfers came to."""
        transfers = self.all_rows(client, "transfers", "transfer", "transfer_id")
        moved = collections.defaultdict(list)
        balances = collections.Counter()
        for row in self.all_rows(client, "statement", "movement", "account_id,version"):
            balances[row["account_id"]] += row["cents"]
            self.assertEqual(row["balance_cents"], balances[row["account_id"]], row)
            if row["transfer_id"] is not None:
                moved[row["transfer_id"]].append((row["account_id"], row["cents"]))
        for i in range(ACCOUNTS):
            state = client.get(f"/aggregates/account/a{i}")[2]["state"]
            self.assertEqual(int(state.get("balanceCents", 0)), balances[f"a{i}"])
            self.assertGreaterEqual(balances[f"a{i}"], -1000 * (i % 2))
        self.assertEqual(sum(balances.values()), ACCOUNTS * OPENING)
        ends = collections.Counter()
        for row in transfers:
            source, cents = row["from_account"], row["cents"]
            wanted = {"completed": [(source, -cents), (row["to_account"], cents)], "insufficient-funds": [],
                      "no-account": [(source, -cents), (source, cents)]}[row["reason"] or row["status"]]
            self.assertEqual(sorted(moved.pop(row["transfer_id"], [])), sorted(wanted), row)
            ends[row["reason"] or row["status"]] += 1
        self.assertEqual(moved, {})
        return ends

    def test_money_is_conserved(self):
        began = time.monotonic()
        self.server.start()
        self.open_accounts()
        customers = [Customer(self, i) for i in range(CLIENTS)]
        for customer in customers:
            customer.start()
        for _ in range(KILLS):
            time.sleep(self.chance.randrange(LIFE_MS) / 1000)
            self.server.kill()
            self.server.start()
        self.over.set()
        for customer in customers:
            customer.join()
        client = self.client(self.server)
        self.assertEqual([wrong for customer in customers for wrong in customer.wrong], [], f"WEIR_TEST_SEED={self.seed}")
        self.wait_until_quiet(client)
        ends = self.assert_money_is_conserved(client)
        self.assertEqual(sum(ends.values()), sum(customer.sent for customer in customers))
        before = self.dumps()
        self.server.stop()
        weir("verify", "--dir", self.dir, check=0)
        for path in [*(self.dir / "views").glob("*"), *(self.dir / "checkpoint").glob("*")]:
            pathlib.Path(path).unlink()
        with Server(self.dir, BANK) as server: # all of it from the log alone
            client = self.client(server)
            self.wait_until_quiet(client)
            self.assertEqual(self.assert_money_is_conserved(client), ends)
        self.assertEqual(self.dumps(), before)
        print(f"{sum(ends.values())} transfers, {KILLS} kill -9 in {time.monotonic() - began:.0f} s: {ends['completed']} completed, "
              f"{ends['insufficient-funds']} refused, {ends['no-account']} given back; {ACCOUNTS * OPENING} cents before and after; "
              f"WEIR_TEST_SEED={self.seed}")


if __name__ == "__main__":
    unittest.main()
