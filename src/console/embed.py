# SPDX-License-Identifier: Apache-2.0
"""Makes files into a C table of weiri_page: embed.py OUTPUT NAME FILE... Their bytes stay as they are."""
import hashlib
import pathlib
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".svg": "image/svg+xml", ".json": "application/json"}


def main(output, name, *files):
    rows, text = [], ['#include "console/console.h"\n']
    for number, path in enumerate(sorted(map(pathlib.Path, files), key=lambda p: p.name)):
        data = path.read_bytes()
        etag = hashlib.sha256(data).hexdigest()[:16]
        text.append(f"static const uint8_t file_{number}[] = {{ {','.join(map(str, data))} }};\n")
        rows.append(f'    {{ "{path.name}", "{TYPES[path.suffix]}", file_{number}, sizeof file_{number}, "\\"{etag}\\"" }},\n')
    text += [f"const weiri_page {name}[] = {{\n", *rows, "    { NULL, NULL, NULL, 0, \"\" },\n};\n"]
    pathlib.Path(output).write_text("".join(text), encoding="ascii")


main(*sys.argv[1:])
