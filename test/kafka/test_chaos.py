#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Six rounds of chaos, each fault once; and its judge, who must find each anomaly in a history that was doctored."""
import collections
import importlib.machinery
import importlib.util
import subprocess
import sys
import unittest

from kafkatest import HERE

loader = importlib.machinery.SourceFileLoader("chaos", str(HERE / "chaos"))
chaos = importlib.util.module_from_spec(importlib.util.spec_from_loader("chaos", loader))
loader.exec_module(chaos)


class Told(chaos.World):
    """A history in memory: a sale each of two articles, and a repeat."""

    def __init__(self):
        self.events = [self.event(0, 0, "a", 1, "x"), self.event(0, 1, "b", 1, "y"), self.event(0, 3, "a", 2, "z")]
        self.outcomes = [self.outcome(0, 0, 1), self.outcome(0, 1, 1), self.outcome(0, 2, 0, "weir.repeated"), self.outcome(0, 3, 1)]
        self.acknowledged = {"x": ("a", 1), "y": ("b", 1), "z": ("a", 2)}
        self.shown = {"a": 2, "b": 1}

    @staticmethod
    def event(partition, source, key, version, id):
        return [partition, source, key, {"weir-command-offset": str(source), "weir-index": "0", "ce_sequence": str(version), "weir-causation": id}, ""]

    @staticmethod
    def outcome(partition, source, events, kind="weir.accepted"):
        return [partition, source, "", {"weir-command-offset": str(source), "ce_type": kind, "weir-events": str(events)}, ""]

    def topic(self, name):
        return self.events if name == "events" else self.outcomes

    def rows(self):
        return self.shown


class Judge(unittest.TestCase):
    def judged(self, change=lambda told: None):
        told = Told()
        change(told)
        return collections.Counter(words.split(":")[0] for words in told.judge(seconds=0))

    def test_a_sound_history_is_sound(self):
        self.assertEqual(self.judged(), {})

    def test_each_anomaly_is_found(self):
        doctored = {
            "lost write": lambda t: t.acknowledged.update(w=("a", 3)),
            "precommitted read": lambda t: t.acknowledged.update(z=("a", 3)),
            "duplicate": lambda t: (t.events.append(t.event(0, 4, "a", 3, "z")), t.outcomes.append(t.outcome(0, 4, 1))),
            "non-monotonic": lambda t: t.events.reverse(),
            "inconsistent offsets": lambda t: t.outcomes.pop(),
            "aborted read": lambda t: t.shown.update(b=2),
        }
        for name, change in doctored.items():
            with self.subTest(anomaly=name):
                self.assertGreater(self.judged(change)[name], 0)


class Chaos(unittest.TestCase):
    def test_six_rounds(self):
        run = subprocess.run([sys.executable, HERE / "chaos", "6"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1200)
        print(run.stdout)
        self.assertEqual(run.returncode, 0)


if __name__ == "__main__":
    unittest.main()
