#!/usr/bin/env python3
"""Processes in a real engine: coins are moved between purses while it is killed at random moments; nothing is lost, nothing doubled.
And what a person sees of them: weir process list, show, timers; a step that fails, held and listed."""
import http.client
import json
import random
import sys
import threading
import time
import unittest

from weirtest import MODULES, Case, Client, Server, weir

PURSES, COINS, KILLS = 7, 100, 100


class Processes(Case):
    def client_of(self, server):
        return Client(server.port)

    def send(self, server, kind, id, **fields):
        """With one id until there is an answer."""
        until = time.monotonic() + 120
        while time.monotonic() < until:
            try:
                client = self.client_of(server)
                status, _, _ = client.send(kind, id=id, **fields)
                client.close()
                if status in (200, 422):
                    return status
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.02)
        raise AssertionError(f"no answer to {kind} {id}")

    def state(self, server, aggregate, key):
        client = self.client_of(server)
        status, _, body = client.get(f"/aggregates/{aggregate}/{key}")
        client.close()
        return body["state"] if status == 200 else None

    def wait(self, what, seconds=120):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            got = what()
            if got:
                return got
            time.sleep(0.05)
        raise AssertionError("it never came")

    def test_coins_are_conserved_over_kills_at_random_moments(self):
        server = Server(self.dir, MODULES / "module_purses.so", "--partitions", "3").start()
        chance, moves, ending = random.Random(5), [], threading.Event()
        for i in range(PURSES):
            self.send(server, "testing.v1.Put", f"first{i}", purseId=f"p{i}", coins=COINS)

        def clients():
            n = 0
            while not ending.is_set():
                self.send(server, "testing.v1.RequestMove", f"m{n}", moveId=f"m{n}", to=f"p{(n * 3 + 1) % PURSES}", coins=n % 23,
                          **{"from": "nobody" if n % 10 == 9 else f"p{n % PURSES}"}, patienceMs=30 if n % 10 == 9 else 0)
                moves.append(f"m{n}")
                n += 1

        thread = threading.Thread(target=clients)
        thread.start()
        for _ in range(KILLS):
            time.sleep(chance.random() * 0.25)
            server.kill()
            server.start()
        ending.set()
        thread.join()
        hows = {}
        for move in moves:
            state = self.wait(lambda: (lambda s: s if s and int(s["closed"]) > 0 else None)(self.state(server, "move", move)))
            self.assertEqual(int(state["closed"]), 1)
            hows[state["how"]] = hows.get(state["how"], 0) + 1
        total = sum(int(self.state(server, "purse", f"p{i}")["coins"]) for i in range(PURSES))
        print(f"{len(moves)} moves over {KILLS} kill -9: {hows}; {PURSES * COINS} coins before, {total} after")
        self.assertEqual(total, PURSES * COINS)
        self.assertEqual(hows.get("late", 0), len([m for m in moves if int(m[1:]) % 10 == 9]))
        listed = json.loads(weir("process", "list", "--json", "--url", server.url, check=0).stdout)
        self.assertEqual((listed["unansweredTotal"], listed["timers"]), (0, []))
        server.stop()

    def test_a_person_sees_processes_their_timers_and_what_they_could_not_do(self):
        server = Server(self.dir, MODULES / "module_purses.so").start()
        self.send(server, "testing.v1.RequestMove", "m1", moveId="m1", to="b", coins=1, patienceMs=3600000, **{"from": "nobody"})
        self.send(server, "testing.v1.RequestMove", "m2", moveId="m2", to="b", coins=1, **{"from": "mistake-timer"})
        said = self.wait(lambda: (lambda t: t if "patience" in t else None)(weir("process", "timers", "--url", server.url, check=0).stdout))
        self.assert_words(said, "moving", "m1", "patience")
        said = weir("process", "show", "moving/m1", "--url", server.url, check=0).stdout
        self.assert_words(said, "moving/m1 after 1 steps", "from", "nobody", "patience")
        said = weir("process", "list", "--url", server.url, check=0).stdout
        self.assert_words(said, "moving", "looping")
        said = self.wait(lambda: (lambda t: t if "m2" in t else None)(weir("dead", "list", "--url", server.url, check=0).stdout))
        self.assert_words(said, "moving/m2", "scheduled the timer 'patince', for which it has no row")
        self.assert_fails(2, ["process", "lst", "--url", server.url], "did you mean 'list'?")
        self.assert_fails(2, ["process", "show", "moving", "--url", server.url], "PROCESS/KEY")
        client = self.client_of(server)
        self.assertEqual(client.request("POST", "/commands/weir.StepProcess", b"{}", {"Content-Type": "application/json"})[0], 404)
        client.close()
        server.stop()


if __name__ == "__main__":
    sys.path.insert(0, ".")
    unittest.main()
