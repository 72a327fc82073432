#!/usr/bin/env python3
"""Queries that can't be answered: names that aren't there, filters, and positions that a view has not reached or never will."""
import sqlite3
import unittest

from weirtest import SHOP, Case, Server, ServerCase

STOCK = "/views/stock/stock"
QUERY = "/views/stock/queries/running_low"


class Queries(ServerCase):
    def test_names_that_are_not_there_are_told_with_the_nearest(self):
        for path, words in (("/views/stok/stock", "did you mean 'stock'?"), ("/views/stock/stok", "no table 'stok'; did you mean 'stock'?"),
                            ("/views/stock/queries/runing_low", "did you mean 'running_low'?"),
                            ("/views/stock/queries/belw", "no query 'belw'; it has running_low")):
            self.assert_problem(self.http.get(path), 404, "not-found", words)
        self.assert_fails(2, ("view", "rows", "stok.stock", *self.url()), "did you mean 'stock'?")
        self.assert_fails(2, ("view", "rows", "stock.stok", *self.url()), "did you mean 'stock'?")
        self.assert_fails(2, ("view", "query", "stock.runing_low", *self.url()), "did you mean 'running_low'?")
        self.assert_fails(2, ("view", "rebuild", "stok", *self.url()), "did you mean 'stock'?")
        self.assert_fails(2, ("view", "rows", "stock", *self.url()), "VIEW.TABLE")
        self.assert_fails(2, ("view", "ro", "stock", *self.url()), "did you mean 'rows'?")

    def test_filters_are_told_what_is_wrong_with_them(self):
        for query, words in (("onhand=eq.3", "no column 'onhand'; did you mean 'on_hand'?"), ("on_hand=foo.3", "no operator 'foo' (eq neq"),
                             ("on_hand=3", "operator"), ("on_hand=lt.abc", "'on_hand' is INTEGER: 'abc'"), ("order=on_hnd", "'on_hand'"),
                             ("order=on_hand.down", "order=on_hand.down: an order is COLUMN"), ("limit=x", "limit"), ("limit=-1", "limit"), ("select=skuu", "'sku'")):
            with self.subTest(query):
                self.assert_problem(self.http.get(f"{STOCK}?{query}"), 400, "invalid", words)
        self.assert_fails(2, ("view", "rows", "stock.stock", "onhand=eq.3", *self.url()), "did you mean 'on_hand'?")

    def test_parameters_are_told_by_name_and_type(self):
        self.assert_problem(self.http.get(f"{QUERY}?threshold=abc"), 400, "invalid", "'threshold'", "an integer: 'abc'")
        self.assert_problem(self.http.get(f"{QUERY}?treshold=5"), 400, "invalid", "did you mean 'threshold'?")
        self.assert_problem(self.http.get("/aggregates/stock/a?versoin=5"), 400, "invalid", "'version'")
        self.assert_problem(self.http.get("/aggregates/stock/a?version=x"), 400, "invalid", "version")
        self.assert_fails(2, ("view", "query", "stock.running_low", "threshold=abc", *self.url()), "an integer: 'abc'")

    def test_a_path_that_is_none_is_told(self):
        for path, words in (("/views/%zz/x", "%zz"), ("/views/%00/x", "%00"), ("/views/%ff/x", "UTF-8")):
            self.assert_problem(self.http.get(path), 400, "invalid", words)

    # ---- positions -------------------------------------------------------------------------------------------

    def token(self):
        return self.receive()[1]["Weir-Position"]

    def test_a_position_of_another_log_is_refused(self):
        reply = self.http.get(STOCK, {"Weir-Position": "1111111111111111:0=0"})
        self.assert_problem(reply, 400, "foreign-token", "is of log 1111111111111111, and this is log ")
        log = self.token().split(":")[0]
        self.assert_problem(self.http.get(STOCK, {"Weir-Position": f"{log}:77=0"}), 400, "foreign-token", "there is no partition 77")
        self.assert_fails(2, ("view", "rows", "stock.stock", "--after", "1111111111111111:0=0", *self.url()), "is of log 1111111111111111")

    def test_a_position_that_the_log_has_not_reached_is_refused(self):
        token = self.token().rsplit("=", 1)[0] + "=99999"
        self.assert_problem(self.http.get(STOCK, {"Weir-Position": token}), 400, "future-token", "ends before 99999")
        self.assert_fails(2, ("view", "rows", "stock.stock", "--after", token, *self.url()), "ahead of this log")

    def test_a_position_that_is_none_is_refused(self):
        for token in ("abc", "0=0", "1111111111111111:", "1111111111111111:0", "x" * 5000):
            with self.subTest(token[:40]):
                reply = self.http.get(STOCK, {"Weir-Position": token})
                if token.endswith(":"):
                    self.assertEqual(reply[0], 400)
                elif len(token) < 100:
                    self.assertEqual((reply[0], reply[2]["code"] in ("invalid", "foreign-token")), (400, True), reply[2])
                else:
                    self.assert_problem(reply, 400, "invalid", "longer than")
        self.assert_problem(self.http.get("/events?after=abc"), 400, "invalid", "'abc'", "PARTITION=NUMBER")
        self.assert_fails(2, ("events", "--after", "abc", *self.url()), "'abc'", "PARTITION=NUMBER")

    def test_a_view_that_is_behind_says_how_far_it_is(self):
        """Another program that holds the view's database keeps the view where it is."""
        before = self.token()
        self.assertEqual(self.http.get(STOCK, {"Weir-Position": before, "Prefer": "wait=30"})[0], 200)
        [path] = (self.home / "data/views").glob("stock-*.db")
        other = sqlite3.connect(path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        after = self.token()
        for headers in ({}, {"Prefer": "wait=1"}):
            reply = self.http.get(STOCK, {"Weir-Position": after, **headers})
            self.assert_problem(reply, 409, "behind", "stock")
            self.assertEqual(reply[1]["Retry-After"], "1")
            self.assertNotEqual(reply[1]["Weir-Position"], after)
            self.assertEqual(reply[1]["Weir-Position"].split(":")[0], after.split(":")[0])
        self.assert_fails(5, ("view", "rows", "stock.stock", "--after", after, "--wait", 1, *self.url()), "stock")
        other.execute("ROLLBACK")
        status, _, rows = self.http.get(STOCK, {"Weir-Position": after, "Prefer": "wait=30"}, sku=f"eq.{self.key}")
        self.assertEqual((status, rows), (200, [{"sku": self.key, "on_hand": 10}]))


class Endless(Case):
    def test_a_query_that_takes_too_long_is_given_up(self):
        views = self.tmp / "views"
        views.mkdir()
        (views / "slow.sql").write_text(
            "-- schema:\nCREATE TABLE t (a INTEGER);\n-- on: shop.v1.StockReceived\nINSERT INTO t VALUES (1);\n-- query: endless\n"
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS i FROM n;\n")
        with Server(self.dir, SHOP, "--views", str(views), "--query.timeout", "50") as server:
            client = self.client(server)
            self.assert_problem(client.get("/views/slow/queries/endless"), 504, "query-timeout", "50")
            self.assert_fails(5, ("view", "query", "slow.endless", "--url", server.url), "50")
            self.assertEqual(client.get("/views/slow/t")[0], 200)

    def test_more_rows_than_an_answer_may_have_are_refused(self):
        with Server(self.dir, SHOP, "--query.rows", "2") as server:
            client = self.client(server)
            for sku in "abc":
                token = client.send("shop.v1.ReceiveStock", sku=sku, quantity="1")[1]["Weir-Position"]
                self.assertEqual(client.get(STOCK, {"Weir-Position": token, "Prefer": "wait=30"}, limit=1)[0], 200)
            self.assert_problem(client.get(STOCK), 400, "invalid", "2 rows", "limit")
            self.assertEqual(len(client.get(STOCK, limit=2)[2]), 2)


if __name__ == "__main__":
    unittest.main()
