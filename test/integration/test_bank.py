#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The bank's list of transactions against an oracle that is not weir: every row of the views, and the bank's own balances."""
import json
import unittest

from banktest import BANK, TABLES, ledger, oracle, which
from shoptest import ShopCase
from weirtest import Server, weir


class Ledger(ShopCase):
    @classmethod
    def setUpClass(cls):
        cls.accounts = ledger.read()
        print(f"booked: {which()}")
        cls.commands = "".join(json.dumps(command) + "\n" for command in ledger.commands(cls.accounts))

    def book(self, server):
        """Sends all; the outcomes."""
        run = weir("send", "-", "--json", "--url", server.url, check=0, input=self.commands)
        outcomes = [json.loads(line) for line in run.stdout.splitlines()]
        self.assertEqual(len(outcomes), self.commands.count("\n"))
        return outcomes

    def assert_views_are_the_oracles(self, client):
        self.wait_for_views(client)
        for table, view in TABLES.items():
            self.assertEqual(self.rows(client, view, table), oracle.rows(table, self.accounts), table)

    def rows(self, client, view, table):
        found = []
        while True:
            status, _, rows = client.get(f"/views/{view}/{table}", limit=10000, offset=len(found))
            self.assertEqual(status, 200, rows)
            found += [[str(value) for value in row.values()] for row in rows]
            if len(rows) < 10000:
                return sorted(found)

    def test_the_statement_has_the_banks_own_balances(self):
        with Server(self.dir, BANK) as server:
            self.assertFalse(any(outcome.get("repeated") for outcome in self.book(server)))
            client = self.client(server)
            self.assert_views_are_the_oracles(client)
            balances = {row[5]: int(row[7]) for row in self.rows(client, "statement", "movement")}
            before = self.dumps()
            self.assertTrue(all(outcome["repeated"] for outcome in self.book(server)))
            self.assert_views_are_the_oracles(client)
        self.assertEqual(self.dumps(), before)
        weir("verify", "--dir", self.dir, check=0)
        good = [account for account in self.accounts.values() if account.broken is None]
        for account in good:
            for movement in account.movements:
                self.assertLessEqual(abs(balances[movement.number] - movement.balance), ledger.ROUNDING, (account.name, movement))
        print("\n".join(ledger.chains(self.accounts)))
        print(f"statement view: {sum(len(account.movements) for account in good)} balances of {len(good)} accounts are the bank's own to a tenth")
        self.assertGreaterEqual(len(good), 800 if len(self.accounts) == 989 else 4)


if __name__ == "__main__":
    unittest.main()
