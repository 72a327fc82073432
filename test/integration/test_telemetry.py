#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A year of readings through convert.awk and weir load: roll-ups and alerts equal the oracle's whatever the order, late readings count for
48 hours, older ones are refused, repeats change nothing; the same after views and checkpoints were deleted. And files that are no readings."""
import shutil
import subprocess
import unittest

from telemetrytest import EXAMPLE, READINGS, TELEMETRY, TelemetryCase
from weirtest import Server, weir


class Telemetry(TelemetryCase):
    def test_a_year_of_readings_in_every_order(self):
        with Server(self.dir, TELEMETRY) as server:
            self.walk(server)
        before = self.dumps()
        weir("verify", "--dir", self.dir, check=0)
        shutil.rmtree(self.dir / "views")
        shutil.rmtree(self.dir / "checkpoint")
        with Server(self.dir, TELEMETRY) as server:
            self.wait_for_views(self.client(server))
        self.assertEqual(self.dumps(), before)


class NoReadings(TelemetryCase):
    few = 6

    def setUp(self):
        super().setUp()
        self.server = Server(self.dir, TELEMETRY).start()
        self.addCleanup(self.server.stop)

    def load(self, path, *more):
        return weir("load", path, "--as", "RecordReading", "--url", self.server.url, "--json", *more)

    def converted(self, lines):
        path = self.tmp / "converted.csv"
        with open(path, "wb") as out:
            subprocess.run(["awk", "-v", "device=d", "-f", EXAMPLE / "convert.awk", self.published("readings", lines)], stdout=out, check=True)
        return path

    def test_the_published_form_has_no_device(self):
        run = self.load(READINGS, "--delimiter", ";", "--decimal", ",")
        self.assertEqual(run.returncode, 2, run.stderr)
        self.assert_words(run.stderr, "device_id")

    def test_a_line_that_is_no_reading_is_told_and_passed_by(self):
        self.register(self.server.url, "d")
        self.lines[1] = self.lines[1].replace(b"10/03/2004", b"31/02/2004")
        self.lines[3] = self.lines[3].replace(b"2,2;", b"2.2,;")
        path = self.converted(self.lines)
        run = self.load(path)
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assert_words(run.stderr, f"{path}:3: unreadable: ", "'2004-02-31 19:00:00'", f"{path}:5: unreadable: ", "'2.2.'")
        self.assert_words(run.stdout, '"accepted":4', '"unreadable":2')

    def test_a_device_that_nobody_registered_and_one_without_limits(self):
        path = self.converted(self.lines)
        self.assert_words(self.load(path, "--limit", "3").stdout, '"accepted":0', '"codes":{"unknown-device":3}')
        weir("send", "RegisterDevice", "device_id=d", "--url", self.server.url, check=0)
        self.assert_words(self.load(path, "--source", "another").stdout, '"accepted":6')
        self.assertEqual(self.rolled_up(self.client(self.server), "d")["alert"], [])


if __name__ == "__main__":
    unittest.main()
