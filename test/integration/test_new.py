#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""weir new: a project of whatever name builds, is checked, passes its stories and runs, against the build or what was installed; where it
can't be made, that is said and nothing stays. weir run --dev takes up views as they are saved, and keeps what runs when they are wrong."""
import collections
import os
import re
import shutil
import subprocess
import time
import unittest

from weirtest import BUILD, MODULES, Case, Server, weir


def make(project, *arguments, check=0, **environment):
    run = subprocess.run(["make", "-C", project, *arguments], capture_output=True, text=True, timeout=300, env={**os.environ, **environment})
    if run.returncode != check:
        raise AssertionError(f"make {' '.join(arguments)}: exit {run.returncode} instead of {check}\n{run.stdout}\n{run.stderr}")
    return run


def files_of(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


class New(Case):
    def setUp(self):
        super().setUp()
        self.tmp.chmod(0o755)

    def new(self, name, check=0, **options):
        return weir("new", name, check=check, cwd=self.tmp, **options)

    def test_it_builds_and_passes_whatever_it_is_called(self):
        for name in ("gifts", "gift-cards-2", "c", "int", "card", "a" * 63):
            said = self.new(name).stdout
            self.assert_words(said, name, "make test")
            project = self.tmp / name
            self.assertEqual(files_of(project), sorted([".gitignore", "Makefile", "README.md", "card.c", f"{name}.proto", "test", "test/card.story",
                                                        "views", "views/cards.sql"]))
            self.assertFalse([path for path in project.rglob("*") if path.is_file() and re.search("@[a-zA-Z]+@", path.read_text())])
            out = make(project, "test", "check", CFLAGS="-O0 -std=c11 -Wall -Wextra -Wno-unused-parameter -Werror").stdout
            self.assert_words(out, "\n1..2\n", "ok 1 - ", "ok 2 - ", "ok: 2 commands, 2 events, 1 view")
            self.assertNotIn("not ok", out)
            self.assert_words(make(project, "test").stdout, "ok 2 - ")
            make(project, "clean")
            self.assertFalse((project / f"{name}.so").exists())

    def test_its_stories_can_fail(self):
        self.new("gifts")
        rules = self.tmp / "gifts/card.c"
        rules.write_text(rules.read_text().replace("cmd->amount_cents > card->balance_cents", "false"))
        run = make(self.tmp / "gifts", "test", check=2)
        self.assert_words(run.stdout + run.stderr, "not ok 1", "test/card.story:6: ")

    def test_the_lines_of_its_readme(self):
        self.new("gifts")
        project = self.tmp / "gifts"
        make(project)
        text = (project / "README.md").read_text()
        lines = re.findall(r"^    weir (.*)$", text, re.M)
        self.assertEqual(len(lines), 4)
        with Server(self.dir, project / "gifts.so") as server:
            said = [weir(*line.split(), "--url", server.url, check=0).stdout for line in lines[:2]]
            self.wait_for_views(self.client(server))
            said += [weir(*line.split(), "--url", server.url, check=0).stdout for line in lines[2:]]
        self.assert_words(said[2], "ann", "3000")
        self.assert_words(said[3], "CardIssued", "CardRedeemed")

    def test_against_what_was_installed(self):
        root = self.tmp / "root"
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", root], check=True, capture_output=True)
        program = next(root.rglob("bin/weir"))
        library = next(root.rglob("libweir.so")).parent
        environment = {"LD_LIBRARY_PATH": str(library), "PKG_CONFIG_SYSROOT_DIR": str(root)}
        subprocess.run([program, "new", "gifts"], cwd=self.tmp, check=True, capture_output=True, env={**os.environ, **environment})
        self.assert_words((self.tmp / "gifts/Makefile").read_text(), f"WEIR ?= {program}\n", f"export PKG_CONFIG_PATH := {library}/pkgconfig:")
        self.assert_words(make(self.tmp / "gifts", "test", **environment).stdout, "ok 2 - ")

    def test_names_that_are_none(self):
        for name in ("", "weir", "Gifts", "9gifts", "-gifts", "gift--cards", "gifts-", "gift_cards", "gifts/", "gift cards", "gïfts", "a" * 64, "../..",
                     "gifts.v1"):
            run = weir("new", "--", name, check=2, cwd=self.tmp)
            self.assert_words(run.stderr, "is no name for a project", "at most 63")
        self.assert_words(weir("new", check=2, cwd=self.tmp).stderr, "usage: weir new NAME")
        self.assert_words(weir("new", "a", "b", check=2, cwd=self.tmp).stderr, "'b' is one argument too many")
        self.assertEqual(files_of(self.tmp), [])

    def test_what_is_there_stays(self):
        (self.tmp / "gifts").mkdir()
        (self.tmp / "cards").write_text("a file")
        (self.tmp / "loop").symlink_to("nowhere")
        for name in ("gifts", "cards", "loop"):
            self.assert_words(self.new(name, check=2).stderr, f"{name}: it exists already; nothing was written")
        self.assertEqual(files_of(self.tmp), ["cards", "gifts", "loop"])

    def test_no_directory_to_write_to(self):
        self.assert_words(self.new("nowhere/gifts", check=2).stderr, "nowhere/gifts: No such file or directory; nothing was written")
        (self.tmp / "file").write_text("")
        self.assert_words(self.new("file/gifts", check=2).stderr, "file/gifts: Not a directory; nothing was written")

    def test_no_right_to_write(self):
        closed = self.tmp / "closed"
        closed.mkdir(mode=0o555)
        options = {"user": "nobody", "extra_groups": []} if os.geteuid() == 0 else {}
        self.assert_words(self.new("closed/gifts", check=2, **options).stderr, "closed/gifts: Permission denied; nothing was written")

    def test_a_write_that_fails_leaves_nothing(self):
        """A file may have 1,000 bytes, which is less than the rules have."""
        run = subprocess.run(["bash", "-c", 'trap "" XFSZ; ulimit -f 1; exec "$0" new gifts', BUILD / "weir"], cwd=self.tmp, capture_output=True, text=True)
        self.assertEqual(run.returncode, 2, run.stderr)
        self.assert_words(run.stderr, "gifts/card.c: File too large; nothing was written")
        self.assertEqual(files_of(self.tmp), [])


class Dev(Case):
    """A project that runs with --dev, with two cards in its log."""

    def setUp(self):
        super().setUp()
        weir("new", "gifts", check=0, cwd=self.tmp)
        self.views = self.tmp / "gifts/views"
        self.cards = self.views / "cards.sql"
        make(self.tmp / "gifts")
        self.server = Server(self.dir, self.tmp / "gifts/gifts.so", "--dev").start()
        self.addCleanup(lambda: self.server.process.poll() is None and self.server.stop())
        self.times = collections.Counter()
        client = self.client(self.server)
        for card, cents in (("ann", 5000), ("bob", 700)):
            self.assertEqual(client.send("gifts.v1.IssueCard", cardId=card, amountCents=cents)[0], 200)

    def wait_for_words(self, words):
        """Until the program has said them once more."""
        self.times[words] += 1
        until = time.monotonic() + 60
        while self.server.said().count(words) < self.times[words]:
            self.assertLess(time.monotonic(), until, self.server.said())
            time.sleep(0.02)

    def taken_up(self):
        self.wait_for_words("weir run: the views are those that were saved now")
        client = self.client(self.server)
        self.wait_for_views(client)
        return client

    def rows(self, client, path):
        status, _, rows = client.get(path)
        self.assertEqual(status, 200, rows)
        return rows

    def test_a_change_of_tables_a_query_a_new_file_and_one_that_goes(self):
        text = self.cards.read_text()
        text = text.replace("issued_on TEXT NOT NULL", "issued_cents INTEGER NOT NULL").replace("issued_on)", "issued_cents)")
        self.cards.write_text(text.replace(":_time.date", ":amount_cents"))
        client = self.taken_up()
        self.assertEqual(self.rows(client, "/views/cards/card?order=card_id"), [
            {"card_id": "ann", "balance_cents": 5000, "issued_cents": 5000}, {"card_id": "bob", "balance_cents": 700, "issued_cents": 700}])
        self.assertEqual(client.send("gifts.v1.RedeemCard", cardId="bob", amountCents=700)[0], 200)

        other = self.tmp / "other.sql"
        other.write_text(self.cards.read_text() + "-- query: empty\nSELECT card_id FROM card WHERE balance_cents = 0;\n")
        other.rename(self.cards)
        self.assertEqual(self.rows(self.taken_up(), "/views/cards/queries/empty"), [{"card_id": "bob"}])

        (self.views / "total.sql").write_text("-- schema:\nCREATE TABLE total (one INTEGER PRIMARY KEY, cents INTEGER NOT NULL);\n-- on: gifts.v1.CardIssued\n"
            "INSERT INTO total VALUES (1, :amount_cents) ON CONFLICT (one) DO UPDATE SET cents = total.cents + excluded.cents;\n")
        self.assertEqual(self.rows(self.taken_up(), "/views/total/total"), [{"one": 1, "cents": 5700}])
        (self.views / "total.sql").unlink()
        self.assertEqual(self.taken_up().get("/views/total/total")[0], 404)

    def test_mistakes_are_told_and_the_views_before_go_on(self):
        good = self.cards.read_text()
        self.cards.write_text(good.replace(":amount_cents WHERE", ":amont_cents WHERE"))
        self.wait_for_words("weir run: 1 mistake in what was saved; the views before it go on")
        self.assert_words(self.server.said(), "views/cards.sql:9: gifts.v1.CardRedeemed has no field 'amont_cents'; did you mean 'amount_cents'?")
        client = self.client(self.server)
        self.assertEqual(client.send("gifts.v1.RedeemCard", cardId="ann", amountCents=1)[0], 200)
        self.wait_for_views(client)
        self.assertEqual(self.rows(client, "/views/cards/card?card_id=eq.ann&select=balance_cents"), [{"balance_cents": 4999}])
        self.cards.write_text(good.replace("at_least integer = 1", "at_least integer = 1000"))
        self.assertEqual(self.rows(self.taken_up(), "/views/cards/queries/with_balance"), [{"card_id": "ann", "balance_cents": 4999}])

    def test_a_directory_that_goes_and_comes_back(self):
        text = self.cards.read_text()
        shutil.rmtree(self.views)
        self.wait_for_words("weir run: ")
        self.views.mkdir()
        self.cards.write_text(text.replace("with_balance(", "left("))
        client = self.taken_up()
        self.assertEqual(len(self.rows(client, "/views/cards/queries/left")), 2)

    def test_other_files_change_nothing(self):
        said = self.server.said()
        (self.views / "notes.txt").write_text("x")
        (self.views / ".#cards.sql").write_text("x")
        (self.views / "cards.sql~").write_text("x")
        time.sleep(0.5)
        self.assertEqual(self.server.said(), said)

    def test_a_module_without_views(self):
        self.assert_fails(2, ["run", MODULES / "module_mended.so", "--dir", self.tmp / "d", "--dev"], "--dev: the module has no views")


if __name__ == "__main__":
    unittest.main()
