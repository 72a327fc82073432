#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Manual pages and completions: every command and option of --help is in them, mandoc and man find nothing wrong, each page that is named is
there, and bash and zsh, asked with them, answer with what fits."""
import os
import pty
import re
import select
import signal
import subprocess
import time
import unittest

from weirtest import BUILD, Case, weir


def commands():
    return re.findall(r"^  ([a-z]+) +[A-Z]", weir("--help", check=0).stdout, re.M)


def options(command):
    return re.findall(r"^  (?:-[a-zA-Z],|   ) (--[a-z.-]+)", weir(command, "--help", check=0).stdout, re.M)


def lint(path):
    """What mandoc says of a page, but for pages that are not installed here; and what man says."""
    said = subprocess.run(["mandoc", "-Tlint", path], capture_output=True, text=True)
    faults = [line for line in said.stdout.splitlines() if "referenced manual not found" not in line]
    shown = subprocess.run(["man", "--warnings", "-P", "cat", "-l", path], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
    return faults + [said.stderr.strip()][:bool(said.stderr.strip())] + shown.stderr.splitlines(), shown.stdout


class Manual(Case):
    def pages(self):
        return sorted(path for path in (BUILD / "man").iterdir() if path.suffix in (".1", ".5"))

    def test_there_is_a_page_of_each_command_and_of_each_format(self):
        expected = [f"weir-{command}.1" for command in commands()] + ["weir.1", "weir.conf.5", "weir-views.5", "weir-stories.5"]
        self.assertEqual([path.name for path in self.pages()], sorted(expected))
        self.assertGreater(len(expected), 18)

    def test_mandoc_and_man_find_nothing_and_pages_that_are_named_are_there(self):
        names = {path.name for path in self.pages()}
        for path in self.pages():
            faults, shown = lint(path)
            self.assertEqual(faults, [], path.name)
            self.assert_words(shown, "NAME", "DESCRIPTION", "SEE ALSO")
            for page, section in re.findall(r"\.Xr (\S+) (\d)", path.read_text()):
                self.assertIn(f"{page}.{section}", names, path.name)
        print(f"{len(names)} pages, no fault", flush=True)

    def test_a_fault_is_found(self):
        page = self.tmp / "weir.1"
        page.write_text((BUILD / "man/weir.1").read_text() + ".Xyz unknown\n")
        self.assertNotEqual(lint(page)[0], [])

    def test_each_option_and_setting_is_in_its_page(self):
        conf = (BUILD / "man/weir.conf.5").read_text()
        for command in commands():
            page = (BUILD / f"man/weir-{command}.1").read_text()
            self.assertEqual(page, weir("manual", command, check=0).stdout)
            self.assertGreaterEqual(len(options(command)), 2)
            for option in options(command):
                self.assertRegex(page.replace("\\-", "-"), rf"Fl -{re.escape(option[2:])}[ \n]", command)
        for setting in re.findall(r"^(\S+) ", weir("config", check=0, cwd=self.tmp).stdout, re.M)[1:]:
            self.assertIn(f".It Sy {setting}\n", conf)

    def test_a_page_that_is_not(self):
        self.assert_fails(2, ["manual", "rum"], "there is no page 'rum'; did you mean 'run'?")
        self.assert_fails(2, ["manual", "run", "send"], "one argument too many")
        self.assert_fails(2, ["completion", "fish"], "none for 'fish'")
        self.assert_fails(2, ["completion"], "usage: weir completion bash | zsh")


class Bash(Case):
    def complete(self, *words):
        """What bash offers for the last word, as bash splits the line."""
        script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _weir; printf "%s\\n" "${COMPREPLY[@]}"'
        run = subprocess.run(["bash", "--norc", "-uc", script, "-", BUILD / "man/weir", "weir", *words], capture_output=True, text=True, cwd=self.tmp)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        return run.stdout.split()

    def test_what_fits_is_offered(self):
        (self.tmp / "shop.so").write_text("")
        (self.tmp / "shop.data").mkdir()
        for words, expected in (
                (("",), commands() + ["help", "--help", "--version"]), (("ve",), ["verify", "version"]), (("run", "--lis"), ["--listen"]),
                (("run", "s"), ["shop.so", "shop.data"]), (("run", "shop.so", "--log", ""), ["embedded", "kafka"]),
                (("run", "--log", "="), ["embedded", "kafka"]), (("run", "--log", "=", "k"), ["kafka"]), (("run", "--dir", ""), ["shop.data"]),
                (("run", "--dev", "--jso"), ["--json"]), (("run", "--partitions", ""), []), (("view", ""), ["list", "query", "rows", "status", "rebuild", "pause", "resume", "diff", "dump"]),
                (("view", "re"), ["rebuild", "resume"]), (("topics", ""), ["plan", "apply"]), (("acl", ""), ["print"]), (("completion", "z"), ["zsh"]),
                (("show", "--li"), []), (("load", "-F", ""), ["shop.so", "shop.data"]), (("nonsense", "--j"), [])):
            self.assertEqual(sorted(self.complete(*words)), sorted(expected), words)

    def test_every_option_is_offered(self):
        for command in commands():
            offered = self.complete(command, "--")
            self.assertEqual(sorted(offered), sorted(options(command)), command)


class Zsh(Case):
    def ask(self, *words):
        """What the completion tells zsh's own functions, one argument a line; they are said instead of asked."""
        script = ('compdef() { }; _arguments() { print -rl -- "$@" }; _describe() { print -rl -- ${(P)2} }; source $1; shift\n'
                  'words=("$@"); CURRENT=$#; _weir')
        run = subprocess.run(["zsh", "-fc", script, "-", BUILD / "man/_weir", "weir", *words], capture_output=True, text=True)
        self.assertEqual(run.stderr, "")
        return run.stdout.splitlines()

    def test_commands_options_and_what_first_words_there_are(self):
        self.assertEqual([line.split(":")[0] for line in self.ask("")], commands())
        for command in commands():
            said = self.ask(command, "--")
            names = [re.match(r"\*(--[a-z.-]+)(=?)\[", line)[1].rstrip("=") for line in said if line.startswith("*--")]
            self.assertEqual(sorted(names), sorted(options(command)), command)
        self.assert_words("\n".join(self.ask("view", "")), "1:what:(list query rows status rebuild pause resume diff dump)")
        run = "\n".join(self.ask("run", ""))
        self.assert_words(run, "*--log=[", ":VALUE:(embedded kafka)", "*--dir=[", ":VALUE:_files -/", "*-F[", ":FILE:_files", "*:file:_files")


class Typed(Case):
    """In a shell on a terminal, with a tab typed."""

    def typed(self, shell, setup, line):
        """What `weir` is then started with."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.tmp)
            os.execvpe(shell[0], shell, {**os.environ, "TERM": "dumb", "PS1": "> "})
        self.addCleanup(os.close, terminal)
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(os.kill, pid, signal.SIGKILL)
        os.write(terminal, (setup + "\nweir() { echo \"=$*=\"; }\n").encode())
        os.write(terminal, line.encode() + b"\t\n")
        said, until = "", time.monotonic() + 60
        while (found := re.search(r"^=([^$]*)=\r?$", said, re.M)) is None:
            if select.select([terminal], [], [], 1)[0]:
                said += os.read(terminal, 4096).decode()
            self.assertLess(time.monotonic(), until, said)
        return found[1].strip()

    def test_a_tab(self):
        zsh = f"autoload -Uz compinit; compinit -u -d {self.tmp}/dump; source {BUILD}/man/_weir"
        bash = f"source {BUILD}/man/weir"
        for shell, setup in ((["zsh", "-f", "-i"], zsh), (["bash", "--norc", "-i"], bash)):
            for line, expected in (("weir comp", "completion"), ("weir view reb", "view rebuild"), ("weir run --log emb", "run --log embedded"),
                                   ("weir run --log=kaf", "run --log kafka"), ("weir load --time-f", "load --time-format")):
                got = self.typed(shell, setup, line)
                self.assertEqual(got.replace("--log=", "--log ").rstrip("="), expected, shell)


if __name__ == "__main__":
    unittest.main()
