#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/tutorial.md, run in order on a clean tree: `sh` blocks, `console` blocks with their answers (`...`: anything), `diff` blocks by patch,
`second` is the other terminal, and `said` what that one says. With WEIR_TEST_BUILD the tree has that build already.
And the same text with one answer changed does not pass."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from weirtest import BUILD, TOP, Case

TUTORIAL = TOP / "docs/tutorial.md"
PATIENCE_S = 120


class Wrong(AssertionError):
    pass


class Terminals:
    """One shell that keeps its state, and a second terminal that runs one program."""

    def __init__(self, directory):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.address, self.second, self.heard = f"127.0.0.1:{port}", None, 0
        environment = {**os.environ, "WEIR_LISTEN": self.address, "WEIR_URL": f"http://{self.address}", "LC_ALL": "C.UTF-8"}
        self.shell = subprocess.Popen(["bash", "--norc"], cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      text=True, env=environment)

    def run(self, text, check=False):
        """What the lines print, both streams as they come."""
        self.shell.stdin.write(text.replace("127.0.0.1:8080", self.address) + "\nprintf '\\n=%s=\\n' $?\n")
        self.shell.stdin.flush()
        said = ""
        while (end := re.search(r"\n=(\d+)=\n\Z", said)) is None:
            line = self.shell.stdout.readline()
            if line == "":
                raise Wrong(f"the shell ended:\n{said}")
            said += line
        if check and end[1] != "0":
            raise Wrong(f"status {end[1]}:\n{text}\n{said}")
        return said[:end.start()]

    def run_second(self, text):
        self.end_second()
        self.log, self.heard = tempfile.NamedTemporaryFile("w+", suffix=".log"), 0
        environment = dict(line.split("=", 1) for line in self.run("env").splitlines() if re.match("(PATH|WEIR_)", line))
        self.second = subprocess.Popen(["bash", "-c", text], cwd=self.run("pwd").strip(), stdout=self.log, stderr=subprocess.STDOUT,
                                       env={**os.environ, **environment}, start_new_session=True)
        self.wait_for_second("Try:")

    def wait_for_second(self, words):
        """Until it says the words, behind those it was waited for before."""
        until = time.monotonic() + PATIENCE_S
        while (at := (said := pathlib.Path(self.log.name).read_text()).find(words, self.heard)) < 0:
            if time.monotonic() > until or self.second.poll() is not None:
                raise Wrong(f"the second terminal does not say '{words}' but:\n{said}")
            time.sleep(0.05)
        self.heard = at + len(words)

    def end_second(self):
        if self.second is not None:
            os.killpg(self.second.pid, signal.SIGINT)
            self.second.wait(timeout=60)
            self.log.close()

    def close(self):
        self.end_second()
        self.shell.stdin.close()
        self.shell.wait(timeout=60)
        self.shell.stdout.close()


def blocks():
    """(kind, text) of each, in order."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", TUTORIAL.read_text(), re.M | re.S)


def answers(block):
    """(line, expected answer) of a console block."""
    steps = []
    for line in block.splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], []))
        else:
            steps[-1][1].append(line)
    return steps


def fits(said, expected):
    """Line by line without blanks at the end; `...` is anything: alone lines, within a line text."""
    pattern = ""
    for line in expected:
        pattern += r"(?:.*\n)*" if line == "..." else ".*".join(re.escape(part) for part in line.split("...")) + r"\n"
    return re.fullmatch(pattern, "".join(line.rstrip() + "\n" for line in said.rstrip("\n").split("\n") if said.strip())) is not None


def walk(terminals, parts):
    """Runs the blocks. What a view shows may be a moment behind: that is asked again."""
    steps = 0
    for kind, text in parts:
        if kind == "sh":
            terminals.run(text, check=True)
        elif kind == "diff":
            terminals.run("patch -p1 <<'END-OF-PATCH'\n" + text + "END-OF-PATCH", check=True)
        elif kind == "second":
            terminals.run_second(text)
        elif kind == "said":
            terminals.wait_for_second(text.strip())
        elif kind == "console":
            for line, expected in answers(text):
                until = time.monotonic() + (30 if "view" in line.split() or "/views/" in line.split()[-1] else 0)
                while not fits(said := terminals.run(line), expected):
                    if time.monotonic() > until:
                        raise Wrong(f"$ {line}\n{said}\n-- instead of:\n" + "\n".join(expected))
                    time.sleep(0.1)
                steps += 1
        else:
            raise Wrong(f"a block of kind '{kind}'")
        steps += kind != "console"
    return steps


class Tutorial(Case):
    def clean_tree(self):
        """The files of this tree as they are kept, without anything built."""
        tree = self.tmp / "weir"
        listed = subprocess.run(["git", "-C", TOP, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], capture_output=True)
        if listed.returncode == 0:
            for name in filter(None, listed.stdout.decode().split("\0")):
                if (TOP / name).is_file():
                    (tree / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(TOP / name, tree / name)
        else:
            shutil.copytree(TOP, tree, ignore=shutil.ignore_patterns("build*", ".git"))
        if "WEIR_TEST_BUILD" in os.environ:
            (tree / "build").symlink_to(BUILD)
        return tree

    def test_its_blocks_in_order_end_in_a_row_of_an_own_view(self):
        terminals = Terminals(self.clean_tree())
        self.addCleanup(terminals.close)
        steps = walk(terminals, blocks())
        kinds = [kind for kind, _ in blocks()]
        print(f"{len(kinds)} blocks, {steps} steps: {terminals.run('weir view rows turnover.day')}", flush=True)
        self.assertEqual({kind: kinds.count(kind) for kind in set(kinds)}, {"sh": 3, "console": 9, "diff": 3, "second": 2, "said": 2})

    def test_an_answer_that_differs_is_noticed(self):
        tree = self.clean_tree()
        (self.tmp / "bin").mkdir()
        (self.tmp / "bin/weir").write_text("#!/bin/sh\necho \"$@\"\necho more\n")
        (self.tmp / "bin/weir").chmod(0o755)
        terminals = Terminals(tree)
        self.addCleanup(terminals.close)
        terminals.run(f"export PATH={self.tmp}/bin:$PATH", check=True)
        self.assertEqual(walk(terminals, [("console", "$ weir one\none\nmore\n$ weir 2 3\n2...\n...\n$ true\n")]), 3)
        for wrong in ("$ weir one\none\n", "$ weir one\nmore\none\n", "$ weir one\n", "$ true\n\nmore\n", "$ weir one\n...\nmuch\n"):
            with self.assertRaises(Wrong):
                walk(terminals, [("console", wrong)])
        with self.assertRaises(Wrong):
            walk(terminals, [("sh", "false\n")])


if __name__ == "__main__":
    unittest.main()
