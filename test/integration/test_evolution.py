#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A module in three versions on one log: the first writes, the second goes on with an upcast, the third breaks their messages, is told
which and writes nothing, and the second goes on again. Then logs that each version once wrote, replayed by all that come after it."""
import json
import unittest

from evolutiontest import BREAKS, GOLDEN, compare, module, parcels, unpack, write
from weirtest import Case, Server, weir


class Evolution(Case):
    def setUp(self):
        super().setUp()
        self.dir = self.tmp / "parcel.data"

    def run_version(self, version, writers, writes=True):
        """Starts it, lets it write, and compares all that the writers wrote. Each start replays: the build is another."""
        with Server(self.dir, module(version)) as server:
            client = self.client(server)
            if writes:
                write(client, version)
            n = compare(self, client, version, writers)
        print(f"{version}: {n} parcels of {', '.join(writers)} in state, view and history", flush=True)

    def versions(self):
        return json.loads(weir("schema", "list", "--dir", self.dir, "--json", check=0).stdout)

    def faultless(self):
        self.assertEqual(json.loads(weir("verify", "--dir", self.dir, "--json", check=0).stdout)["faults"], 0)

    def refused(self, version, *words):
        """Refused at the start, and the log is byte for byte what it was."""
        before = (self.dir / "log/data.mdb").read_bytes()
        run = weir("run", module(version), "--dir", self.dir, "--listen", "127.0.0.1:0", check=2)
        self.assert_words(run.stdout + run.stderr, *words)
        self.assertEqual((self.dir / "log/data.mdb").read_bytes(), before)
        return run

    def test_three_versions_and_back(self):
        self.run_version("v1", ["v1"])
        self.assertEqual(len(self.versions()), 1)
        self.run_version("v2", ["v1", "v2"])
        self.run_version("v2", ["v1", "v2"])  # the same commands again: nothing changes, nor is the version recorded anew
        self.assertEqual(len(self.versions()), 2)
        run = self.refused("v3", *BREAKS)
        print("v3 refuses to start:\n  " + "\n  ".join(line for line in run.stderr.splitlines() if "parcel.v1" in line), flush=True)
        self.run_version("v2", ["v1", "v2"])
        self.run_version("v4", ["v1", "v2", "v4"])  # a chain of two upcasts, and a field that is retired
        self.assertEqual(len(self.versions()), 3)
        self.refused("v3", *BREAKS)
        self.faultless()

    def test_an_upcast_that_fails_stops_its_module_and_no_other(self):
        self.run_version("v1", ["v1"])
        bob = next(parcel["key"] for parcel in parcels("v1") if parcel["recipient"] == "Bob")
        run = weir("run", module("strict"), "--dir", self.dir, "--listen", "127.0.0.1:0", check=2)
        self.assert_words(run.stderr, "events[", "(parcel v1-", "the upcast of parcel.v1.Posted to parcel.v1.PostedTo failed: 'Bob' has no city")
        print(run.stderr.strip(), flush=True)
        run = weir("show", f"parcel/{bob}", "--dir", self.dir, "--module", module("strict"))
        self.assertNotEqual(run.returncode, 0)
        self.assert_words(run.stderr, "the upcast of parcel.v1.Posted to parcel.v1.PostedTo failed: 'Bob' has no city")
        self.run_version("v1", ["v1"], writes=False)
        self.run_version("v2", ["v1", "v2"])
        self.faultless()

    def test_golden_logs_of_every_version_are_replayed(self):
        writers = {"unrecorded": ["v1"], "v1": ["v1"], "v2": ["v1", "v2"], "v4": ["v1", "v2", "v4"]}
        self.assertEqual({path.name.removesuffix(".tar.gz") for path in GOLDEN.glob("*.tar.gz")}, set(writers))
        for name, wrote in writers.items():
            for version in ("v1", "v2", "v4"):
                if version < wrote[-1]:
                    continue  # it doesn't know all events of this log
                self.dir = unpack(name, self.tmp / f"{name}-{version}")
                recorded = len(self.versions())
                self.assertEqual(recorded, 0 if name == "unrecorded" else len(wrote))
                with self.subTest(log=name, version=version):
                    self.run_version(version, wrote, writes=False)
                    self.run_version("v4", wrote + (["v4"] if "v4" not in wrote else []))
                    if name != "unrecorded" or version == "v2":
                        self.refused("v3", *BREAKS[:1])
                    self.faultless()

    def test_the_command_line_tells_what_the_start_would(self):
        self.run_version("v1", ["v1"])
        run = weir("schema", "check", module("v2"), "--dir", self.dir, check=0)
        self.assert_words(run.stdout, "ok: new messages, and nothing of 1 version breaks")
        self.assert_words(weir("schema", "check", module("v1"), "--dir", self.dir, check=0).stdout, "ok: these are the messages of version 1 of 1")
        self.run_version("v2", ["v1", "v2"])
        run = weir("schema", "check", module("v3"), "--dir", self.dir, check=1)
        self.assert_words(run.stdout, *BREAKS)
        self.assertEqual(len(run.stdout.splitlines()), len(BREAKS))
        checked = weir("check", module("v3"), "--dir", self.dir, check=2)
        self.assertEqual(len([line for line in checked.stdout.splitlines() if line.startswith(BREAKS)]), len(BREAKS), checked.stdout)
        weir("check", module("v2"), "--dir", self.dir, check=0)
        told = json.loads(weir("schema", "check", module("v3"), "--dir", self.dir, "--json", check=1).stdout)
        self.assertEqual((told["known"], told["breaks"]), (0, 4))
        self.assertEqual([f"{change['rule']} {change['place']}: " for change in told["changes"] if "rule" in change], [words.split(": ")[0] + ": " for words in BREAKS])
        self.assert_words(weir("schema", "diff", module("v4"), "--dir", self.dir, check=0).stdout, "parcel.v1.Post.note: is given up", "parcel.v1.Delivered.remark: is given up",
                          "parcel.v1.PostedFor: is new, an event")
        # What CI has: what `list --json` printed, or the module that was released.
        released = self.tmp / "released.json"
        released.write_text(weir("schema", "list", "--dir", self.dir, "--json", check=0).stdout)
        self.assert_words(weir("schema", "check", module("v3"), "--against", released, check=1).stdout, *BREAKS)
        self.assert_words(weir("schema", "check", module("v3"), "--against", module("v2"), check=1).stdout, *BREAKS)
        weir("schema", "check", module("v4"), "--against", module("v2"), check=0)
        weir("schema", "check", module("v4"), "--against", released, check=0)

    def test_bad_input(self):
        self.assert_fails(2, ("schema", "ceck", module("v1")), "'ceck' is none of list, check, diff")
        self.assert_fails(2, ("schema", "check"), "which module?")
        self.assert_fails(2, ("schema", "list", "--dir", self.tmp / "nothing"), "nothing")
        broken = self.tmp / "released.json"
        for text, words in (("", "line 1"), ("{}", "this isn't what `weir schema list --json` prints"), ("[{}]", "schemas, version 1: it doesn't say its format"),
                            ('[{"format":9,"module":"parcel","build":"","recorded_ms":0}]', "it has format 9, this weir knows 1"),
                            ('[{"format":1,"module":"shop","build":"","recorded_ms":0,"messages":[]}]', "it is of module 'shop', not 'parcel'"),
                            ('[{"format":1,"module":"parcel","build":"","recorded_ms":0,"messages":[{"name":"parcel.v1.Post","kind":"command","fields":[{"number":1,"name":"x","type":"int7"}]}]}]',
                             "parcel.v1.Post.x has no type that Protobuf knows")):
            broken.write_text(text)
            run = weir("schema", "check", module("v1"), "--against", broken)
            self.assertNotIn(run.returncode, (0, 1), text)
            self.assert_words(run.stderr, words)


if __name__ == "__main__":
    unittest.main(verbosity=2)
