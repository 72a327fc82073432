#!/usr/bin/env python3
"""The simulator (test/sim/): real lanes, de-duplication, checkpoints and projector on one thread, from seeds. WEIR_TEST_SEEDS says how many
(20000), WEIR_TEST_SEED where they begin."""
import os
import random
import re
import subprocess
import unittest

from weirtest import BUILD

SEEDS = int(os.environ.get("WEIR_TEST_SEEDS", "20000"))
FIRST = int(os.environ.get("WEIR_TEST_SEED", random.randrange(1 << 40)))
MISTAKES = {"de-duplication": {"forgets-last", "short-window", "no-previous"}, "checkpoint": {"late-note", "clean-states"},
            "projector": {"two-steps", "last-again"}, "positions": {"blind"}}


class Simulator(unittest.TestCase):
    def sim(self, *words):
        run = subprocess.run([BUILD / "test/sim/sim", *map(str, words)], capture_output=True, text=True, timeout=1800)
        print(run.stdout, end="", flush=True)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        return run.stdout

    def history(self, *words):
        return re.search(r"history ([0-9a-f]{16})", self.sim(*words))[1]

    def test_no_seed_breaks_a_promise_and_every_path_is_taken(self):
        said = self.sim("--seeds", SEEDS, "--first", FIRST, "--jobs", os.cpu_count() or 1)
        counts = {name: int(n) for n, name in re.findall(r"(\d+) ([a-z][a-z ]*[a-z])(?=[,\n])", said)}
        self.assertGreaterEqual(len(counts), 31)
        self.assertEqual([name for name, n in counts.items() if n == 0], [])

    def test_a_seed_is_the_same_run_alone_and_among_others(self):
        self.sim("--seeds", 100, "--first", FIRST, "--jobs", 2, "--twice")
        self.assertEqual(self.history("--seeds", 200, "--first", FIRST, "--jobs", 1), self.history("--seeds", 200, "--first", FIRST, "--jobs", 7))

    def test_planted_mistakes_are_found(self):
        said = self.sim("--seeds", 20000, "--mistake", "all")
        found = dict(re.findall(r"planted (\S+) +found after (\d+) seeds", said))
        for where, mistakes in MISTAKES.items():
            for mistake in mistakes:
                self.assertIn(mistake, found, where)


if __name__ == "__main__":
    unittest.main()
