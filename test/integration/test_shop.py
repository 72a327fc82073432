#!/usr/bin/env python3
"""The shop's year of orders against an oracle that is not weir: outcomes by code and every view row by row, after the load, after
loading again, after an interrupted and resumed load, and after the views and checkpoints were deleted."""
import shutil
import unittest

from shoptest import OPENING, SALES, ShopCase, oracle
from weirtest import Server, weir


class Shop(ShopCase):
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
        self.assertEqual(len(before), 5)
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
