#!/usr/bin/env python3
"""Files that `weir load` can't read, or not all of: each bad line is told by its number, the good ones around it are loaded."""
import json
import unittest

from weirtest import SHOP, Server, ServerCase, weir

RECEIVE = "shop.v1.ReceiveStock"


class Load(ServerCase):
    def load(self, content, status, *arguments, kind=RECEIVE, name="stock.csv"):
        """Loads what is given as a file, under a source name of the test's own. Returns the summary, and what was said."""
        path = self.tmp / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        run = weir("load", path, "--as", kind, "--source", self.key, "--json", *arguments, *self.url(), check=status)
        return json.loads(run.stdout) if run.stdout else None, run.stderr

    def on_hand(self, sku):
        return int(self.http.get(f"/aggregates/stock/{sku}")[2].get("state", {}).get("onHand", 0))

    def assert_loaded(self, content, good, bad, **options):
        """`good`: the keys that are loaded, each with quantity 1; `bad`: words by line."""
        summary, said = self.load(content, 1, **options)
        self.assertEqual((summary["accepted"], summary["unreadable"]), (len(good), len(bad)), said)
        self.assertEqual([self.on_hand(sku) for sku in good], [1] * len(good))
        for line, words in bad.items():
            self.assert_words(said, f"{options.get('name', 'stock.csv')}:{line}: unreadable: {words}")
        again, _ = self.load(content, 1, **options)
        self.assertEqual((again["accepted"], again["repeated"], again["unreadable"]), (0, len(good), len(bad)))
        self.assertEqual([self.on_hand(sku) for sku in good], [1] * len(good))

    # ---- lines -----------------------------------------------------------------------------------------------

    def test_broken_quoting_costs_its_line(self):
        self.assert_loaded('sku,quantity\nq1,1\n"q2"x,1\nq3,1\nq"4,1\n"q5",1\n', ["q1", "q3", "q5"],
                           {3: "text behind a closing quote", 5: "a quote inside a field"})

    def test_a_quote_that_is_not_closed_ends_the_file_and_says_where_it_began(self):
        self.assert_loaded('sku,quantity\no1,1\n"o2,1\no3,1\no4,1\n', ["o1"], {3: "the quote opened in line 3 is not closed"})

    def test_lines_are_counted_as_an_editor_does(self):
        """A record of several lines is told by its first; CRLF and a byte order mark are no part of anything."""
        self.assert_loaded(b'\xef\xbb\xbfsku,quantity,note\r\nl1,1,"a\r\nb"\r\nl2,x,\r\nl3,1,\r\n', ["l1", "l3"], {4: "quantity: 'x'"})

    def test_another_number_of_columns_costs_its_line(self):
        self.assert_loaded("sku,quantity\nc1,1\nc2\nc3,1,9\nc4,1\n", ["c1", "c4"],
                           {3: "1 column where the header has 2", 4: "3 columns where the header has 2"})

    def test_what_is_not_utf_8_costs_its_line(self):
        self.assert_loaded(b"sku,quantity\nu1,1\nu\xff2,1\nu3,1\n", ["u1", "u3"], {3: "not UTF-8"})

    def test_a_nul_byte_costs_its_line(self):
        self.assert_loaded(b"sku,quantity\nz1,1\nz\x002,1\nz3,1\n", ["z1", "z3"], {3: "a NUL byte"})

    def test_a_number_that_does_not_fit_costs_its_line(self):
        self.assert_loaded("sku,quantity\nn1,1\nn2,x\nn3,9223372036854775808\nn4,1.5\nn5,1\n", ["n1", "n5"],
                           {3: "quantity: 'x' is not a whole number", 4: "quantity: '9223372036854775808'", 5: "quantity: '1.5'"})

    def test_a_line_without_a_key_is_not_loaded(self):
        self.assert_loaded(f"sku,quantity\nk1,1\n,1\n{'k' * 256},1\nk3,1\n", ["k1", "k3"],
                           {3: "no value for the key 'sku'", 4: "the key 'sku' must be 1-255 bytes"})

    def test_an_amount_or_time_that_is_none_costs_its_line(self):
        summary, said = self.load("sku,quantity,unit_price_cents,sold_at_ms,invoice_no\na,1,1.234,2026-01-01,1\na,1,1.23,yesterday,1\n", 1,
                                  kind="shop.v1.RecordSale")
        self.assertEqual(summary["unreadable"], 2)
        self.assert_words(said, "stock.csv:2: unreadable: unit_price_cents: '1.234'", "stock.csv:3: unreadable: sold_at_ms: 'yesterday'")

    def test_json_lines_that_are_wrong_cost_their_line(self):
        self.assert_loaded('{"sku":"j1","quantity":1}\n{"sku":\n{"sku":"j3","quantty":1}\n{"sku":"j4","quantity":"x"}\n{"sku":"j5","quantity":1}\n',
                           ["j1", "j5"], {2: "not JSON: ", 3: "", 4: ""}, name="stock.jsonl")

    def test_what_the_domain_rejects_is_counted_by_code_and_is_no_failure(self):
        summary, _ = self.load("sku,quantity\nr1,1\nr2,0\nr3,-1\n", 0)
        self.assertEqual((summary["accepted"], summary["refused"], summary["codes"]), (1, 2, {"bad-quantity": 2}))

    # ---- the file as a whole ---------------------------------------------------------------------------------

    def test_a_file_without_a_header_is_refused(self):
        for content in ("", "\n", b"\xef\xbb\xbf"):
            self.assert_words(self.load(content, 2)[1], "stock.csv: no header")
        self.assert_words(self.load("1,2\n3,4\n", 2)[1], "no column of the header (line 1) is a field of shop.v1.ReceiveStock", "sku, quantity")

    def test_a_header_alone_loads_nothing(self):
        self.assertEqual(self.load("sku,quantity\n", 0)[0]["lines"], 0)

    def test_a_map_must_name_a_field_and_a_column(self):
        good = "sku,quantity\nm1,1\n"
        self.assert_words(self.load(good, 2, "--map", "sku=Skuu")[1], "--map sku=Skuu: the header has no such column; did you mean 'sku'?")
        self.assert_words(self.load(good, 2, "--map", "skuu=sku")[1], "has no field 'skuu'; did you mean 'sku'?")
        self.assert_words(self.load(good, 2, "--map", "sku")[1], "--map sku: write it as field=Column")
        self.assert_words(self.load(good, 2, "--set", "qantity=1")[1], "has no field 'qantity'; did you mean 'quantity'?")
        self.assert_words(self.load(good, 2, "--set", "quantity=x")[1], "--set quantity=x", "whole number")
        self.assert_words(self.load("sku,SKU,quantity\na,b,1\n", 2)[1], "columns 'sku' and 'SKU' are both for sku")

    def test_an_unknown_type_is_told_with_the_nearest(self):
        self.assert_words(self.load("sku,quantity\nt1,1\n", 2, kind="shop.v1.ReceiveStok")[1], "did you mean 'shop.v1.ReceiveStock'?")
        self.assert_words(self.load("sku,quantity\nt1,1\n", 2, kind="shop.v1.StockReceived")[1], "'shop.v1.StockReceived'")

    def test_another_file_under_the_same_source_is_refused(self):
        self.load("sku,quantity\nf1,1\n", 0)
        _, said = self.load("sku,quantity\nf2,1\n", 1)
        self.assert_words(said, f"source '{self.key}' has already been loaded from another file", "--source NAME")
        _, said = self.load("sku,quantity,note\nf1,1,\n", 1)
        self.assert_words(said, "another file")
        self.assertEqual((self.on_hand("f1"), self.on_hand("f2")), (1, 0))
        grown, _ = self.load("sku,quantity\nf1,1\nf3,1\n", 0)
        self.assertEqual((grown["accepted"], grown["repeated"]), (1, 1))

    def test_arguments_that_are_wrong_are_told(self):
        path = self.tmp / "stock.csv"
        path.write_text("sku,quantity\na,1\n")
        self.assert_fails(2, ("load", path, *self.url()), "--as TYPE")
        self.assert_fails(2, ("load", *self.url()), "FILE.csv")
        self.assert_fails(2, ("load", self.tmp / "none.csv", "--as", RECEIVE, *self.url()), "none.csv: No such file")
        self.assert_fails(2, ("load", self.tmp, "--as", RECEIVE, *self.url()), "is a directory")
        self.assert_fails(2, ("load", path, "--as", RECEIVE, "--delimiter", "foo", *self.url()), "'foo' is not one of , ; : | tab")
        self.assert_fails(2, ("load", path, "--as", RECEIVE, "--batch", "0", *self.url()), "--batch", "1 to 10000")


class Gone(ServerCase):
    def test_a_server_that_goes_away_is_4_and_the_same_command_goes_on(self):
        server = Server(self.dir, SHOP, "--partitions", "1").start()
        self.addCleanup(lambda: server.process.poll() is None and server.kill())
        path = self.tmp / "stock.csv"
        path.write_text("sku,quantity\n" + "".join(f"s{i % 7},1\n" for i in range(100)))
        arguments = ("load", path, "--as", RECEIVE, "--json", "--url")
        weir(*arguments, server.url, "--limit", 40, check=0)
        server.kill()
        self.assert_fails(4, (*arguments, server.url), f"nothing answers at {server.url}")
        server.start()
        summary = json.loads(weir(*arguments, server.url, check=0).stdout)
        self.assertEqual((summary["accepted"], summary["repeated"]), (60, 40))
        server.stop()


if __name__ == "__main__":
    unittest.main()
