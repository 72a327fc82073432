#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Transfers between accounts while the engine is killed at random moments: money is neither made nor lost, whatever a transfer comes to.
Clients repeat by id until they are answered; some transfers ask for more than there is, some go to an account that isn't there. When all
is quiet each transfer has ended, and has left exactly the movements that its end allows. WEIR_TEST_TRANSFER_KILLS says how many kills."""
import os
import pathlib
import time
import unittest

from banktest import BANK
from transfertest import ACCOUNTS, OPENING, TransferCase
from weirtest import Server, weir

KILLS = int(os.environ.get("WEIR_TEST_TRANSFER_KILLS", "100"))
LIFE_MS = 150 # of an engine, at most


class Transfers(TransferCase):
    def test_money_is_conserved(self):
        began = time.monotonic()
        self.server = Server(self.dir, BANK).start()
        self.open_accounts()
        self.start_customers()
        for _ in range(KILLS):
            time.sleep(self.chance.randrange(LIFE_MS) / 1000)
            self.server.kill()
            self.server.start()
        self.stop_customers()
        client = self.client(self.server)
        self.wait_until_quiet(client)
        ends = self.assert_money_is_conserved(client)
        self.assert_nothing_is_pending(client)
        self.assertEqual(sum(ends.values()), sum(customer.sent for customer in self.customers))
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
