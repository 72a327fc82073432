# SPDX-License-Identifier: Apache-2.0
"""Customers who have money transferred, and what must be true of it afterwards. On whichever log."""
import collections
import json
import os
import random
import threading
import time

from callertest import Caller
from shoptest import ShopCase

CLIENTS, ACCOUNTS = 6, 10
OPENING = 100000 # cents of each account
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


class TransferCase(ShopCase):
    """The customers' life: `server` is where they ask."""

    def setUp(self):
        super().setUp()
        seed = int(os.environ.get("WEIR_TEST_SEED", random.randrange(1 << 30)))
        self.seed, self.chance = str(seed), random.Random(seed)
        self.over, self.pause = threading.Event(), threading.Event()

    def open_accounts(self):
        client = self.client(self.server)
        for i in range(ACCOUNTS):
            self.assertEqual(client.send("bank.v1.OpenAccount", accountId=f"a{i}", overdraftCents=str(1000 * (i % 2)))[0], 200)
            self.assertEqual(client.send("bank.v1.Deposit", accountId=f"a{i}", cents=str(OPENING))[0], 200)

    def wait_until_quiet(self, client):
        """Until every transfer that was asked for is there and has ended."""
        sent, until = sum(customer.sent for customer in self.customers), time.monotonic() + QUIET_S
        while True:
            self.wait_for_views(client)
            rows = self.all_rows(client, "transfers", "transfer", "transfer_id")
            under_way = [row for row in rows if row["status"] == "requested"]
            if len(rows) == sent and not under_way:
                return
            self.assertLess(time.monotonic(), until, f"{len(rows)} of {sent} transfers are there; under way {len(under_way)}: {under_way[:1]}")
            time.sleep(0.05)

    def assert_money_is_conserved(self, client):
        """What the transfers came to."""
        transfers = self.all_rows(client, "transfers", "transfer", "transfer_id")
        moved = collections.defaultdict(list)
        balances = collections.Counter()
        for row in self.all_rows(client, "statement", "movement", "account_id,version", account_id="like.a%"):
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

    def assert_nothing_is_pending(self, client):
        listed = client.get("/processes")[2]
        self.assertEqual((listed["timers"], listed["unanswered"], listed["unansweredTotal"]), ([], [], 0))

    def start_customers(self):
        self.customers = [Customer(self, i) for i in range(CLIENTS)]
        for customer in self.customers:
            customer.start()

    def stop_customers(self):
        self.over.set()
        for customer in self.customers:
            customer.join()
        self.assertEqual([wrong for customer in self.customers for wrong in customer.wrong], [], f"WEIR_TEST_SEED={self.seed}")
