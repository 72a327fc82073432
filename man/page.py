#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a manual page in mdoc(7) of a page of docs/: what there is of Markdown there, and no more.

    page.py NAME SECTION DATE FILE.md        the page goes to stdout; the sentence behind the title is what NAME says"""
import re
import sys
import textwrap


def escape(text):
    return text.replace("\\", "\\e").replace("-", "\\-")


def inline(text):
    """Code is bold; of a link its words stay."""
    text = re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", text)
    parts = re.split(r"(`` .*? ``|`[^`]*`|\*\*[^*]+\*\*)", text)
    out = ""
    for part in parts:
        if len(part) > 1 and part[0] == "`":
            out += "\\fB" + escape(re.sub(r"^``? ?|(?<=.) ?``?$", "", part)).replace(" ", "\\ ") + "\\fR"
        elif part.startswith("**"):
            out += "\\fB" + escape(part[2:-2]) + "\\fR"
        else:
            out += escape(part)
    return out


def paragraph(text):
    """Lines of at most 76 characters; a sentence begins a line."""
    lines = []
    for sentence in re.split(r"(?<=[.?!:])\s+(?=[A-Z`\\])", inline(" ".join(text.split()))):
        lines += textwrap.wrap(sentence, 76, break_long_words=False, break_on_hyphens=False)
    return ["\\&" + line if line[0] in ".'" else line for line in lines]


def literal(lines):
    return [".Bd -literal -offset indent", *("\\&" + line if line[:1] in (".", "'") else line for line in map(escape, lines)), ".Ed"]


def cells(line):
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def table(lines):
    """The first column is what the others tell of."""
    out = [".Bl -tag -width Ds"]
    for line in lines[2:]:
        first, *rest = cells(line)
        out += [".It " + inline(first), *paragraph("; ".join(filter(None, rest)))]
    return out + [".El"]


def blocks(text):
    """(kind, lines) of each: head, code, table, text."""
    fence, kind, lines = False, None, []
    for line in text.splitlines() + [""]:
        now = "code" if fence or line.startswith("```") or re.match("    ", line) else "head" if line.startswith("## ") else \
            "table" if line.startswith("|") else "text" if line.strip() else None
        if line.startswith("```"):
            fence = not fence
            if fence:
                if lines:
                    yield kind, lines
                kind, lines = "code", []
            continue
        if fence or (kind == now and now is not None) or (kind == "code" and line == "" and fence):
            lines.append(line)
            kind = "code" if fence else kind
            continue
        if lines:
            yield kind, lines
        kind, lines = now, [line] if now is not None else []


def main():
    name, section, date, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        title, text = file.read().split("\n", 1)
    out = [".\\\" Made by man/page.py.", f".Dd {date}", f".Dt {name.upper()} {section}", ".Os", ".Sh NAME", f".Nm {name}",
           ".Nd " + title.lstrip("# ").lower() + " of weir", ".Sh DESCRIPTION"]
    begun = True
    for kind, lines in blocks(text):
        if kind == "head":
            out.append(".Sh " + escape(lines[0][3:].upper()))
        elif kind == "code":
            indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
            out += literal([line[indent:] for line in lines])
        elif kind == "table":
            out += table(lines)
        else:
            out += ([] if begun else [".Pp"]) + paragraph(" ".join(lines))
        begun = kind == "head"
    out += [".Sh SEE ALSO", ".Xr weir 1 ,", ".Xr weir-check 1 ,", ".Xr weir-test 1"]
    print("\n".join(out))


if __name__ == "__main__":
    main()
