#!/usr/bin/env python3
"""Modules and view files that are wrong: told before anything starts, all at once, and the data directory is not even made."""
import json
import os
import shutil
import socket
import unittest

from weirtest import MODULES, SHOP, Case, Server, weir

GOOD_VIEW = """-- schema:
CREATE TABLE stock (sku TEXT PRIMARY KEY, on_hand INTEGER NOT NULL);
-- on: shop.v1.StockReceived
INSERT INTO stock (sku, on_hand) VALUES (:sku, :quantity) ON CONFLICT (sku) DO UPDATE SET on_hand = on_hand + excluded.on_hand;
"""
BAD_VIEW = """-- schema:
CREATE TABLE stock (sku TEXT PRIMARY KEY, on_hand INTEGER NOT NULL);
-- on: shop.v1.StockRecieved
INSERT INTO stock (sku, on_hand) VALUES (:sku, :quantity);
-- on: shop.v1.StockSold
UPDATE stok SET on_hand = on_hand - :quantity WHERE sku = :sku;
UPDATE stock SET on_hand = on_hand - :quantty WHERE sku = :sku;
-- qery: low(threshold integer)
SELECT * FROM stock;
-- query: low(threshold intger = 5)
SELECT * FROM stock WHERE on_hand < :treshold;
"""


class Modules(Case):
    def refused(self, module, *words, arguments=()):
        """Both the check and the run refuse it in the same words, and neither makes the data directory."""
        said = []
        for command in (("check", module, *arguments), ("run", module, "--dir", self.dir, "--listen", "127.0.0.1:0", *arguments)):
            run = weir(*command, check=2)
            lines = (run.stdout + run.stderr).splitlines()
            self.assert_words("\n".join(lines), *words)
            said.append([line for line in lines if not line.startswith(f"weir {command[0]}: ")])
            self.assertFalse(self.dir.exists())
        self.assertEqual(said[0], said[1])
        return said[0]

    def test_a_module_that_is_not_there(self):
        self.refused("/nowhere/shop.so", "module /nowhere/shop.so: No such file or directory")
        self.assert_fails(2, ("run",), "which module?")

    def test_a_file_that_is_no_shared_object(self):
        text = self.tmp / "shop.so"
        text.write_text("#!/bin/sh\n" * 500)
        self.refused(text, f"module {text}: not a shared object that can be loaded", "invalid ELF header")
        whole = SHOP.read_bytes()
        for size in (40, 3000, 5000):  # in its headers, and in what they speak of
            text.write_bytes(whole[:size])
            self.refused(text, f"module {text}: not a shared object that can be loaded")
        self.refused(self.tmp, f"module {self.tmp}: ", "directory")

    def test_a_module_without_the_symbol(self):
        self.refused(MODULES / "module_no_symbol.so", "no symbol weir_module_object", "const weir_module weir_module_object = {")

    def test_a_module_of_another_abi(self):
        self.refused(MODULES / "module_other_abi.so", "built for ABI 77 of weir, this is ABI 2: build it again")

    def test_every_mistake_in_the_tables_is_told_at_once(self):
        said = self.refused(MODULES / "module_broken.so")
        wanted = ["aggregate counter has no state", "aggregate counter: command testing.v1.Reset has no function",
                  "aggregate counter, events: row 2 is empty and row 3 is not", "aggregate 'Tally': a name is [a-z][a-z0-9-]*",
                  "aggregate counter: key 'counter_id' of testing.v1.Tick must be one string or integer: there is no such field",
                  "one function stands in two rows: of testing.v1.Add in aggregate counter and of testing.v1.Tick in counter",
                  "command testing.v1.Add has two handlers: in aggregate counter and in Tally"]
        for words in wanted:
            self.assertEqual(len([line for line in said if line.startswith(words)]), 1, (words, said))
        self.refused(MODULES / "module_plain.so", "the module has no aggregates")


class Views(Case):
    def setUp(self):
        super().setUp()
        self.views = self.tmp / "views"
        self.views.mkdir()

    def refused(self, status=2):
        run = weir("run", SHOP, "--dir", self.dir, "--listen", "127.0.0.1:0", "--views", self.views, check=status)
        self.assertFalse(self.dir.exists())
        return run.stderr.splitlines()

    def test_every_mistake_in_every_file_is_told_by_file_and_line_in_order(self):
        (self.views / "stock.sql").write_text(BAD_VIEW)
        (self.views / "good.sql").write_text(GOOD_VIEW)
        (self.views / "Bad-Name.sql").write_text(GOOD_VIEW)
        (self.views / "open.sql").write_text("-- schema:\nCREATE TABLE open (a TEXT)\n")
        wanted = [("Bad-Name.sql", "a view's name is [a-z][a-z0-9_]*"), ("open.sql:2", "the statement has no ';'"),
                  ("stock.sql:3", "did you mean 'shop.v1.StockReceived'?"), ("stock.sql:6", "no such table: stok"),
                  ("stock.sql:7", "no field 'quantty'; did you mean 'quantity'?"), ("stock.sql:8", "did you mean '-- query:'?"),
                  ("stock.sql:9", "changes nothing"), ("stock.sql:10", "'threshold' of query low needs a type"),
                  ("stock.sql:10", "never uses its parameter 'threshold'"), ("stock.sql:11", "no parameter 'treshold'; did you mean 'threshold'?")]
        said = self.refused()
        self.assertEqual(len(said), len(wanted) + 1, said)
        for line, (where, words) in zip(said, wanted):
            self.assertTrue(line.startswith(f"views/{where}: "), (where, line))
            self.assertIn(words, line)
        self.assertEqual(said[-1], "weir run: 10 mistakes; nothing was started")

    def test_a_name_that_would_hide_another_path_is_refused(self):
        for table in ("queries", "changes"):
            (self.views / "stock.sql").write_text(GOOD_VIEW.replace("TABLE stock", f"TABLE {table}").replace("INTO stock", f"INTO {table}"))
            self.assert_words("\n".join(self.refused()), "stock.sql: a table can't be called ", f"'{table}'")

    def test_a_file_that_is_not_utf_8_or_empty_is_refused(self):
        (self.views / "stock.sql").write_bytes(GOOD_VIEW.encode() + b"-- caf\xe9\n")
        self.assert_words("\n".join(self.refused()), "stock.sql: line 5 is not text in UTF-8")
        (self.views / "stock.sql").write_text("")
        self.assert_words("\n".join(self.refused()), "stock.sql: ", "no table")

    def test_a_directory_that_is_not_there_is_told(self):
        shutil.rmtree(self.views)
        self.assert_words("\n".join(self.refused()), f"{self.views}: ", "No such file")

    def test_an_event_that_a_view_can_not_take_stops_that_view_alone(self):
        """The engine and the other view go on; the stopped one tells file, line and position, and can be rebuilt when it is mended."""
        (self.views / "good.sql").write_text(GOOD_VIEW)
        strict = GOOD_VIEW.replace("on_hand INTEGER NOT NULL", "on_hand INTEGER NOT NULL CHECK (on_hand < 5)")
        (self.views / "strict.sql").write_text(strict)
        with Server(self.dir, SHOP, "--views", str(self.views)) as server:
            client = self.client(server)
            token = client.send("shop.v1.ReceiveStock", sku="a", quantity="5")[1]["Weir-Position"]
            wait = {"Weir-Position": token, "Prefer": "wait=30"}
            self.assertEqual(client.get("/views/good/stock", wait)[2], [{"sku": "a", "on_hand": 5}])
            self.assert_problem(client.get("/views/strict/stock", {**wait, "Prefer": "wait=1"}), 409, "behind", "strict.sql:4", "CHECK")
            views = {view["name"]: view for view in client.get("/views")[2]["views"]}
            self.assertEqual((views["good"]["state"], views["strict"]["state"]), ("following", "stopped"))
            self.assert_words(json.dumps(views["strict"]["error"]), "strict.sql:4", "CHECK")
        (self.views / "strict.sql").write_text(GOOD_VIEW)
        with Server(self.dir, SHOP, "--views", str(self.views)) as server:
            self.assertEqual(self.client(server).get("/views/strict/stock", wait)[2], [{"sku": "a", "on_hand": 5}])


class Settings(Case):
    def run_refused(self, words, *arguments, settings=None, status=2, **environment):
        if settings is not None:
            (self.tmp / "weir.conf").write_text(settings)
        run = self.assert_fails(status, ("run", SHOP, "--dir", self.dir, *arguments), *words, cwd=self.tmp, env={**os.environ, **environment})
        return run

    def test_a_file_with_an_unknown_setting_is_told_by_line_with_the_nearest(self):
        self.run_refused(["weir.conf:2: there is no setting 'queue.itms'; did you mean 'queue.items'?"],
                         settings="listen = 127.0.0.1:0\nqueue.itms = 5\n")
        self.assert_fails(2, ("config",), "weir.conf:2: ", "'queue.items'", cwd=self.tmp)

    def test_a_line_that_is_none_and_a_value_that_is_none_are_told_by_line(self):
        self.run_refused(["weir.conf:1: expected `name = value`", "'listen'"], settings="listen\n")
        self.run_refused(["weir.conf:3: partitions=x: expected a whole number"], settings="# a comment\n\npartitions = x\n")
        self.run_refused(["weir.conf:1: partitions=100 is out of range: expected 1 to 64"], settings="partitions = 100\n")
        self.run_refused(["weir.conf:1: ", "queue.size=5", "MB"], settings="queue.size = 5 apples\n")

    def test_a_file_that_is_asked_for_must_be_there(self):
        self.run_refused(["nowhere.conf: No such file"], "-F", "nowhere.conf")

    def test_a_wrong_variable_is_told_by_its_name(self):
        self.run_refused(["WEIR_PARTITIONS", "partitions=x: expected a whole number"], WEIR_PARTITIONS="x")
        self.run_refused(["WEIR_HTTP_THREADS", "out of range"], WEIR_HTTP_THREADS="900")
        self.run_refused(["WEIR_PARTITIONES names no setting; did you mean 'WEIR_PARTITIONS'?"], WEIR_PARTITIONES="4")

    def test_a_wrong_flag_is_told_with_the_nearest(self):
        self.run_refused(["'--partitons'; did you mean '--partitions'?"], "--partitons", "4")
        self.run_refused(["--partitions", "out of range: expected 1 to 64"], "--partitions", "0")
        self.run_refused(["--partitions needs an argument"], "--partitions")

    def test_a_port_that_is_taken_is_told(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            self.run_refused([f"{address} is taken by another program; choose another with --listen"], "--listen", address, status=4)
        with Server(self.dir):  # the directory is free again, and in order
            pass

    def test_an_address_that_is_none_is_told(self):
        for address, status, words in (("foo", 2, "is not HOST:PORT"), ("127.0.0.1:99999", 2, "is not HOST:PORT"), ("192.0.2.1:1", 4, "no such address")):
            self.run_refused([address, words], "--listen", address, status=status)


if __name__ == "__main__":
    unittest.main()
