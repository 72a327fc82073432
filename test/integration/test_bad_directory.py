#!/usr/bin/env python3
"""Data directories that can't be used, and how an engine ends: what is under way is answered, and the next one finds all of it."""
import http.client
import json
import os
import shutil
import signal
import subprocess
import threading
import time
import unittest

from weirtest import MODULES, SHOP, TOOLS, WEIR, Case, Client, Server, weir


class Directory(Case):
    def refused(self, *words, module=SHOP, directory=None, arguments=(), status=2):
        """A run that does not come up, and says why."""
        run = ("run", module, "--dir", directory or self.dir, "--listen", "127.0.0.1:0", *arguments)
        self.assertNotIn("http://", self.assert_fails(status, run, "weir run: ", *words).stdout)

    def make(self, *arguments):
        with Server(self.dir, SHOP, *arguments) as server:
            self.assertEqual(self.client(server).send("shop.v1.ReceiveStock", sku="a", quantity="5")[0], 200)

    def assert_unharmed(self):
        """What was refused changed nothing."""
        with Server(self.dir) as server:
            self.assertEqual(self.client(server).get("/aggregates/stock/a")[2]["state"]["onHand"], "5")
        weir("verify", "--dir", self.dir, check=0)

    def test_a_directory_in_use_names_the_process_and_its_command_line(self):
        with Server(self.dir) as server:
            self.refused(f"{self.dir} is in use by process {server.process.pid} ({WEIR} run {SHOP} --dir {self.dir}")
            self.assertEqual(self.client(server).get("/health/ready")[0], 200)
        self.make()
        self.assert_unharmed()

    def test_the_lock_of_a_process_that_was_killed_holds_nobody_up(self):
        server = Server(self.dir).start()
        self.assertEqual(self.client(server).send("shop.v1.ReceiveStock", sku="a", quantity="5")[0], 200)
        server.kill()
        self.assert_unharmed()

    def test_a_log_of_another_module_is_refused(self):
        self.make()
        self.refused(f"{self.dir} belongs to module 'shop', not 'slow'", module=MODULES / "module_slow.so")
        self.assert_unharmed()

    def test_a_log_of_a_newer_format_is_refused_and_left_alone(self):
        self.make()
        subprocess.run([TOOLS / "log_format", self.dir, "7"], check=True)
        self.refused(f"{self.dir} was written by a newer weir (format 7, this one knows 1)")
        self.assert_fails(2, ("verify", "--dir", self.dir), "written by a newer weir (format 7")
        self.assert_fails(2, ("events", "--dir", self.dir), "written by a newer weir (format 7")
        subprocess.run([TOOLS / "log_format", self.dir, "1"], check=True)
        self.assert_unharmed()

    def test_another_number_of_partitions_is_refused(self):
        self.make("--partitions", "2")
        self.refused(f"{self.dir} has 2 partitions and keeps them; 8 were asked for", arguments=("--partitions", "8"))
        self.assert_unharmed()

    def test_a_directory_that_can_not_be_made_is_refused(self):
        """Permissions don't bind root, so these are places where nobody can make a directory: below a file, and in /proc."""
        file = self.tmp / "file"
        file.write_text("")
        self.refused(f"{file}/data can't be made: Not a directory", directory=file / "data")
        self.refused(f"{file} is a file, not a directory", directory=file)
        self.refused("/proc/weir can't be made: ", directory="/proc/weir")
        self.refused("too long", directory=self.tmp / ("x" * 300))

    def test_a_directory_that_can_not_be_written_is_refused(self):
        """In /proc/self/fd nobody can make a file, root included; elsewhere a plain user is refused by permissions."""
        self.refused("/proc/self/fd/lock can't be opened: ", directory="/proc/self/fd")
        if os.geteuid() != 0:
            self.dir.mkdir(mode=0o500)
            self.refused(f"{self.dir}/lock can't be opened: Permission denied")

    def test_files_that_are_no_log_are_refused_and_left_alone(self):
        (self.dir / "log").mkdir(parents=True)
        (self.dir / "log/data.mdb").write_text("my diary\n" * 1000)
        self.refused(f"{self.dir}/log/data.mdb is not a log: ", status=4)
        self.assertTrue((self.dir / "log/data.mdb").read_text().startswith("my diary"))
        shutil.rmtree(self.dir)
        self.dir.mkdir()
        (self.dir / "log").write_text("my diary\n")
        self.refused(f"{self.dir}/log")
        self.assertEqual((self.dir / "log").read_text(), "my diary\n")

    def test_what_reads_a_log_that_is_not_there_makes_none(self):
        for arguments in (("verify",), ("events",), ("show", "stock/a", "--module", SHOP), ("view", "dump")):
            self.assert_fails(2, (*arguments, "--dir", self.dir), str(self.dir))
            self.assertFalse(self.dir.exists())

    def test_a_damaged_view_is_built_anew(self):
        self.make()
        for path in (self.dir / "views").iterdir():
            path.write_bytes(b"no database at all" * 1000) if path.suffix == ".db" else path.unlink()
        with Server(self.dir) as server:
            status, _, rows = self.wait_for_stock(self.client(server))
            self.assertEqual((status, rows), (200, [{"sku": "a", "on_hand": 5}]), server.said())
        self.assert_unharmed()

    def wait_for_stock(self, client):
        until = time.monotonic() + 30
        while (reply := client.get("/views/stock/stock"))[2] == [] and time.monotonic() < until:
            time.sleep(0.01)
        return reply

    def test_a_directory_that_is_deleted_while_it_runs_is_made_anew_by_the_next_run_alone(self):
        """The files stay open: what runs goes on to its end, and the next begins empty; neither crashes."""
        with Server(self.dir) as server:
            client = self.client(server)
            self.assertEqual(client.send("shop.v1.ReceiveStock", sku="a", quantity="5")[0], 200)
            shutil.rmtree(self.dir)
            self.assertEqual(client.send("shop.v1.ReceiveStock", sku="a", quantity="5")[0], 200)
            self.assertEqual(client.get("/aggregates/stock/a")[2]["state"]["onHand"], "10")
            with Server(self.dir) as second:
                self.assertEqual(self.client(second).get("/aggregates/stock/a")[0], 404)


class Ending(Case):
    def wait_for(self, server, requests):
        """Until so many requests wait for their outcome."""
        client = Client(server.port)
        until = time.monotonic() + 30
        while f"weir_waiting_requests {requests}\n" not in client.get("/metrics")[2].decode() and time.monotonic() < until:
            time.sleep(0.005)
        client.close()

    def ends(self, number):
        """A signal while a command runs: the command is answered, new connections are refused, the end is 0, and it is all in the log."""
        server = Server(self.dir, MODULES / "module_slow.so", "--partitions", "1").start()
        self.addCleanup(lambda: server.process.poll() is None and server.kill())
        replies = [None] * 3

        def add(i):
            client = Client(server.port)
            body = json.dumps({"counterId": "a", "amount": 500})
            replies[i] = client.request("POST", "/commands/testing.v1.Add", body, {"Content-Type": "application/json"})
            client.close()

        threads = [threading.Thread(target=add, args=(i,)) for i in range(len(replies))]
        for thread in threads:
            thread.start()
        self.wait_for(server, len(replies))
        server.process.send_signal(number)
        self.assertEqual(server.process.wait(60), 0, server.said())
        for thread in threads:
            thread.join()
        self.assert_words(server.said(), "finishing what is under way")
        self.assertEqual([reply[0] for reply in replies], [200] * 3, server.said())
        self.assertEqual(sorted(reply[2]["version"] for reply in replies), [1, 2, 3])
        self.assert_fails(4, ("show", "counter/a", "--url", server.url), "nothing answers")
        with Server(self.dir, MODULES / "module_slow.so") as again:
            self.assertEqual(self.client(again).get("/aggregates/counter/a")[2]["version"], 3)

    def test_sigterm_drains(self):
        self.ends(signal.SIGTERM)

    def test_sigint_drains(self):
        self.ends(signal.SIGINT)

    def test_a_second_signal_ends_at_once_and_nothing_acknowledged_is_lost(self):
        server = Server(self.dir, MODULES / "module_slow.so", "--partitions", "1").start()
        client = self.client(server)
        self.assertEqual(client.send("testing.v1.Add", counterId="a", amount="0")[0], 200)
        client.connection.request("POST", "/commands/testing.v1.Add", json.dumps({"counterId": "a", "amount": 10000}),
                                  {"Content-Type": "application/json", "Idempotency-Key": '"slow"'})
        self.wait_for(server, 1)
        server.process.send_signal(signal.SIGINT)
        until = time.monotonic() + 30
        while "finishing what is under way" not in server.said() and time.monotonic() < until:
            time.sleep(0.005)
        server.process.send_signal(signal.SIGINT)
        self.assertEqual(server.process.wait(60), -signal.SIGINT)
        with self.assertRaises((OSError, http.client.HTTPException)):
            client.connection.getresponse()
        with Server(self.dir, MODULES / "module_slow.so") as again:
            self.assertEqual(self.client(again).get("/aggregates/counter/a")[2]["version"], 1)
            self.assertEqual(self.client(again).get("/aggregates/counter/a/commands/slow")[0], 404)
        weir("verify", "--dir", self.dir, check=0)


if __name__ == "__main__":
    unittest.main()
