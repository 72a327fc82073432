#!/usr/bin/env python3
"""A command whose rule crashes: the process is started again and again by whoever watches it, the senders repeat what was not answered.
After two crashes the command is in quarantine, its aggregate takes no others, all else goes on; a person sees it, releases it, and with
the mended module it is carried out. Without the attempt file the same is a crash loop, which is shown too."""
import http.client
import json
import os
import shutil
import threading
import unittest

from weirtest import MODULES, Case, Client, Server, weir

ADD = "testing.v1.Add"
LOOPS = 10


class Poison(Case):
    def start(self, module, forgets=False):
        """`forgets`: the attempt file is gone at each start, as if there were none."""
        self.server, self.crashes, self.forgets = Server(self.dir, MODULES / f"module_{module}.so"), 0, forgets
        self.server.start()
        self.addCleanup(self.end)

    def end(self):
        if self.server.process.poll() is None:
            self.server.kill()

    def crashed(self):
        self.crashes += 1
        self.assertLess(self.server.process.wait(), 0, "it must end by a signal")
        self.server.forget_log()
        if self.forgets:
            (self.dir / "attempts").unlink()
        self.server.start()

    def ask(self, *arguments, most=LOOPS):
        """Until it is answered; each time it is not the process has crashed. None: it crashed `most` times more."""
        for _ in range(most):
            try:
                client = Client(self.server.port, timeout=60)
                return client.request(*arguments)
            except (OSError, http.client.HTTPException):
                self.crashed()
            finally:
                client.close()
        return None

    def add(self, key, note="", id=None, amount=1, **options):
        headers = {"Content-Type": "application/json"}
        if id is not None:
            headers["Idempotency-Key"] = id
        return self.ask("POST", f"/commands/{ADD}", json.dumps({"counterId": key, "note": note, "amount": str(amount)}), headers, **options)

    def lines(self, lines):
        body = "\n".join(json.dumps(line) for line in lines)
        reply = self.ask("POST", "/commands", body, {"Content-Type": "application/x-ndjson"})
        self.assertEqual(reply[0], 200, reply[2])
        return [json.loads(line) for line in reply[2].splitlines()]

    def dead(self, check, *words):
        return weir("dead", *words, "--url", self.server.url, check=check)

    def total(self, key):
        return int(self.ask("GET", f"/aggregates/counter/{key}")[2]["state"]["total"])

    def metric(self, name):
        text = self.ask("GET", "/metrics")[2].decode()
        return sum(int(line.split()[-1]) for line in text.splitlines() if line.startswith(name))

    def restart(self, module):
        self.server.kill()
        self.start(module)

    def assert_verified(self):
        self.server.stop()
        weir("verify", "--dir", self.dir, check=0)

    def test_a_command_that_crashes_is_quarantined_and_released_by_a_person(self):
        self.start("crash")
        self.assertEqual(self.add("p", id="before")[0], 200)
        self.assert_problem(self.add("p", "crash", id="k", amount=100), 422, "quarantined", "twice", "a person releases it")
        print(f"quarantined after {self.crashes} crashes", flush=True)
        self.assertEqual(self.crashes, 2)
        # The others go on, of every partition; those of its aggregate do not, and may come again.
        for i in range(40):
            self.assertEqual(self.add(f"other-{i}", id="x")[0], 200)
        self.assert_problem(self.add("p", id="behind"), 422, "key-quarantined", "in quarantine since command 1 of partition")
        self.assert_problem(self.add("p", "crash", id="k", amount=100), 422, "quarantined", "until a person releases")
        self.assert_problem(self.ask("GET", "/aggregates/counter/p/commands/k"), 422, "quarantined", "twice")
        self.assertEqual(self.add("p", id="before")[0], 200, "what was answered before is still answered so")
        self.assertEqual((self.crashes, self.metric("weir_quarantined_aggregates")), (2, 1))
        # A kill, a lost checkpoint, a lost attempt file: the log knows.
        self.server.kill()
        shutil.rmtree(self.dir / "checkpoint")
        os.unlink(self.dir / "attempts")
        self.start("crash")
        self.assert_problem(self.add("p", "crash", id="k", amount=100), 422, "quarantined", "")
        self.assert_problem(self.add("p", id="behind"), 422, "key-quarantined", "")
        self.assertEqual(self.crashes, 0)
        self.see()
        # Released with the rule as it was: twice more, and back again. Nothing is lost by it.
        self.assertIn("counter/p takes commands again", self.dead(0, "release", "counter/p", "--reason", "to try").stderr)
        self.dead(2, "release", "counter/p")
        self.assertEqual(self.add("p", id="behind")[0], 200)
        self.dead(4, "retry", "counter/p")  # the engine crashes under it
        self.crashed()
        self.assertIn("released, not tried again yet", self.dead(0, "list").stdout)
        self.dead(4, "retry", "counter/p")
        self.crashed()
        self.assertIn("quarantined", self.dead(1, "retry", "counter/p").stderr)
        print(f"released and tried with the same module: in quarantine again after {self.crashes} crashes", flush=True)
        self.assert_problem(self.add("p", id="later"), 422, "key-quarantined", "")
        # Mended.
        self.restart("mended")
        self.assert_problem(self.add("p", "crash", id="k", amount=100), 422, "quarantined", "")
        self.assertIn("accepted: counter/p is at version 3", self.dead(0, "retry", "counter/p", "--reason", "mended").stdout)
        self.assertEqual(self.add("p", "crash", id="k", amount=100)[2]["version"], 3)
        self.assertEqual(self.add("p", id="later")[0], 200)
        self.assertEqual((self.total("p"), self.metric("weir_quarantined_commands")), (103, 0))
        print("released and tried with the mended module: accepted, once", flush=True)
        self.assert_verified()

    def see(self):
        self.assertRegex(self.dead(0, "list").stdout, r"(?m)^counter/p +quarantined +deciding this command has ended .* +testing.v1.Add +k +20\S+Z +1$")
        shown = json.loads(self.dead(0, "show", "counter/p", "--data", "--json").stdout)
        self.assertEqual(shown["held"], 1)
        command = shown["commands"][0]
        self.assertEqual([command[name] for name in ("id", "code", "released", "command")], ["k", "quarantined", False, 1])
        self.assertEqual(command["data"], {"counterId": "p", "amount": "100", "note": "crash"})
        self.assertNotIn("data", json.loads(self.dead(0, "show", "counter/p", "--json").stdout)["commands"][0])
        self.dead(2, "show", "counter/other-1")
        self.dead(2, "show", "nothing/p")
        self.dead(2, "release", "counter/other-1")
        self.dead(2, "discard", "counter/p")  # without a reason

    def test_a_bulk_source_goes_on_past_what_is_held_and_gets_it_later(self):
        def line(n, key, amount, note=""):
            return {"type": ADD, "data": {"counterId": key, "amount": str(amount), "note": note}, "source": "file", "sequence": n,
                    "previous": n - 1, "fingerprint": 7}

        self.start("crash")
        file = [line(1, "p", 1), line(2, "p", 10, "crash"), line(3, "p", 100), line(4, "q", 5), line(5, "p", 1000)]
        # One partition, so that each follows the one before it.
        self.server.kill()
        shutil.rmtree(self.dir)
        self.server = Server(self.dir, MODULES / "module_crash.so", "--partitions", "1").start()
        codes = [reply.get("code", "accepted") for reply in self.lines(file)]
        self.assertEqual(codes, ["accepted", "quarantined", "key-quarantined", "accepted", "key-quarantined"])
        self.assertEqual((self.crashes, self.total("p"), self.total("q")), (2, 1, 5))
        self.assertEqual([reply.get("code", "accepted") for reply in self.lines(file)], codes, "a repetition changes nothing")
        self.assertEqual(json.loads(self.dead(0, "show", "counter/p", "--json").stdout)["held"], 3)
        self.server.kill()
        self.server = Server(self.dir, MODULES / "module_mended.so").start()
        said = self.dead(0, "retry", "counter/p").stdout.splitlines()
        self.assertEqual([words.split(" (")[0] for words in said], [f"accepted: counter/p is at version {n}" for n in (2, 3, 4)])
        self.assertEqual(self.total("p"), 1111)
        self.assertEqual({reply.get("code", "accepted") for reply in self.lines(file)}, {"accepted"})
        self.assertEqual(self.total("p"), 1111)
        history = self.ask("GET", "/aggregates/counter/p/events?order=oldest")[2]["events"]
        self.assertEqual([event["data"]["amount"] for event in history], ["1", "10", "100", "1000"])
        self.assert_verified()

    def test_a_load_goes_past_a_line_that_crashes_and_a_person_makes_it_good(self):
        lines = [{"counterId": f"key-{n % 7}", "amount": str(n), "note": "crash" if n == 100 else ""} for n in range(1, 301)]
        path = self.tmp / "adds.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        self.start("crash")
        self.server.arguments = ("--listen", f"127.0.0.1:{self.server.port}")  # from its second life on
        done = threading.Event()

        def watch():
            while not done.wait(0.02):
                if self.server.process.poll() is not None:
                    self.crashed()

        watcher = threading.Thread(target=watch)
        watcher.start()
        summary = json.loads(weir("load", path, "--as", ADD, "--json", "--url", self.server.url, check=0).stdout)
        done.set()
        watcher.join()
        behind = sum(n % 7 == 100 % 7 for n in range(101, 301))
        print(f"loaded past a line that crashes: {self.crashes} crashes, {summary['accepted'] + summary['repeated']} in, {summary['codes']}", flush=True)
        self.assertEqual(self.crashes, 2)
        self.assertEqual(summary["codes"], {"quarantined": 1, "key-quarantined": behind})
        self.assertEqual(summary["accepted"] + summary["repeated"], 299 - behind)
        self.restart("mended")
        self.assertEqual(len(self.dead(0, "retry", f"counter/key-{100 % 7}").stdout.splitlines()), 1 + behind)
        self.assertEqual([self.total(f"key-{k}") for k in range(7)], [sum(n for n in range(1, 301) if n % 7 == k) for k in range(7)])
        again = json.loads(weir("load", path, "--as", ADD, "--json", "--url", self.server.url, check=0).stdout)
        self.assertEqual((again["accepted"], again["repeated"]), (0, 300))
        self.assert_verified()

    def test_without_the_attempt_file_it_crashes_for_ever(self):
        """The mistake that the file is there against. The same test, run against it, has no end: it is ended after some turns."""
        self.start("crash", forgets=True)
        self.assertIsNone(self.add("p", "crash", id="k"), "without the file nothing can know")
        print(f"without the attempt file: {self.crashes} crashes, no outcome yet", flush=True)
        self.forgets = False
        self.assert_problem(self.add("p", "crash", id="k"), 422, "quarantined", "")
        self.assertEqual(self.crashes, LOOPS + 2)
        self.assert_verified()


if __name__ == "__main__":
    unittest.main()
