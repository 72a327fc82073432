# SPDX-License-Identifier: Apache-2.0
"""Telemetry's readings: putting them in another order, loading them, and the device's roll-ups and alerts against the oracle. On whichever log."""
import collections
import itertools
import json
import random
import subprocess
import sys

from weirtest import BUILD, TOP, Case, weir

TELEMETRY = BUILD / "examples/telemetry/telemetry.so"
EXAMPLE = TOP / "examples/telemetry"
READINGS = EXAMPLE / "data/air-quality.csv"
LATE_MS = 48 * 3600 * 1000
sys.path.append(str(EXAMPLE))
import oracle  # noqa: E402


class TelemetryCase(Case):
    """`head` and `lines`: of the published file, the first `few` of them if that is set."""
    few = None

    def setUp(self):
        super().setUp()
        self.chance = random.Random(self.id())
        self.head, *self.lines = READINGS.read_bytes().splitlines(keepends=True)[:self.few and self.few + 1]

    def published(self, name, lines):
        """A file of these lines, in the form of the published one."""
        path = self.tmp / f"{name}.csv"
        path.write_bytes(self.head + b"".join(lines))
        return path

    def anyhow(self, lines):
        return self.chance.sample(lines, len(lines))

    def within_48_hours(self, lines):
        """Each line moved by up to 48 hours of its own: whatever comes before it is at most that much newer."""
        times = [at for at, _ in oracle.readings(self.published("times", lines))]
        late = sorted((at + self.chance.randrange(LATE_MS), i) for i, at in enumerate(times))
        return [lines[i] for _, i in late]

    def register(self, url, device):
        weir("send", "RegisterDevice", f"device_id={device}", 'limits={"sensor": "co", "high": 4, "low": 2}', "--url", url, check=0)

    def load(self, url, device, path):
        """Through convert.awk and weir load. Returns how many were accepted, and refused by code."""
        converted = self.tmp / f"{device}-{path.name}"
        with open(converted, "wb") as out:
            subprocess.run(["awk", "-v", f"device={device}", "-f", EXAMPLE / "convert.awk", path], stdout=out, check=True)
        run = weir("load", converted, "--as", "RecordReading", "--url", url, "--json", check=0)
        summary = json.loads(run.stdout)
        self.assertEqual((summary["repeated"], summary["unreadable"]), (0, 0), summary)
        return {"accepted": summary["accepted"], **summary["codes"]}

    def rolled_up(self, client, device):
        """The three tables of one device, as the oracle has them."""
        self.wait_for_views(client)
        tables = {}
        for what, table in (("hour", "by_hour"), ("day", "by_day"), ("alert", "alert")):
            status, _, rows = client.get(f"/views/rollup/{table}", device_id=f"eq.{device}", limit=100000)
            self.assertEqual(status, 200, rows)
            tables[what] = sorted(list(row.values())[1:] for row in rows)
        return tables

    def assert_is_the_oracles(self, server, device, loaded, *paths):
        """Roll-ups, alerts, and the number of events: each reading that counts, each alert's begin and end, and the registration."""
        client = self.client(server) # a load may take longer than an idle connection lives
        expected = oracle.device_of(*paths)
        tables = self.rolled_up(client, device)
        for what, rows in tables.items():
            other = [pair for pair in itertools.zip_longest(rows, expected.rows(what)) if pair[0] != pair[1]]
            self.assertEqual(other[:1], [], f"{what}: {len(other)} rows differ")
        self.assertEqual(loaded, {code: n for code, n in expected.outcomes.items() if code != "of them ignored"})
        ends = sum(until is not None for _, until in expected.alert)
        self.assertEqual(client.get(f"/aggregates/device/{device}")[2]["version"], 1 + len(expected.counted) + len(expected.alert) + ends)
        print(f"{device}: " + ", ".join(f"{n} {code}" for code, n in sorted(expected.outcomes.items())) + "; rows "
              + ", ".join(f"{what} {len(rows)}" for what, rows in tables.items()) + ", all as the oracle has them", flush=True)
        return tables

    def walk(self, server):
        """The file in order; every reading twice more, in any order; the file shuffled within 48 hours; its
        first thousand three times each, shuffled so; the file in any order."""
        self.wait_until_ready(self.client(server))
        for device in ("in-order", "late", "thrice", "anyhow"):
            self.register(server.url, device)

        in_order = self.published("in-order", self.lines)
        loaded = collections.Counter(self.load(server.url, "in-order", in_order))
        before = self.assert_is_the_oracles(server, "in-order", loaded, in_order)
        again = self.published("again", self.anyhow(self.lines * 2))
        loaded += self.load(server.url, "in-order", again)
        self.assertGreater(loaded["too-late"], len(self.lines))
        self.assertEqual(self.assert_is_the_oracles(server, "in-order", loaded, in_order, again), before)

        late = self.published("late", self.within_48_hours(self.lines))
        self.assertNotEqual(late.read_bytes(), in_order.read_bytes())
        after = self.assert_is_the_oracles(server, "late", self.load(server.url, "late", late), late)
        self.assertEqual({what: after[what] for what in ("hour", "day")}, {what: before[what] for what in ("hour", "day")})
        thrice = self.published("thrice", self.within_48_hours(self.lines[:1000] * 3))
        self.assert_is_the_oracles(server, "thrice", self.load(server.url, "thrice", thrice), thrice)

        anyhow = self.published("anyhow", self.anyhow(self.lines))
        self.assert_is_the_oracles(server, "anyhow", self.load(server.url, "anyhow", anyhow), anyhow)
