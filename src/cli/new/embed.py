#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a C table of files that the program carries: embed.py NAME PATH=FILE..., the table's name, and where each is to be written."""
import pathlib
import sys

print("/* SPDX-License-Identifier: Apache-2.0\n * Made by embed.py: files that the program carries. */")
for number, pair in enumerate(sys.argv[2:]):
    data = pathlib.Path(pair.split("=", 1)[1]).read_bytes()
    print(f"static const char text_{number}[] = {{ {', '.join(str(byte) for byte in data)} }};")
print(f"static const weiri_embedded {sys.argv[1]}[] = {{")
for number, pair in enumerate(sys.argv[2:]):
    print(f'    {{ "{pair.split("=", 1)[0]}", {{ text_{number}, sizeof text_{number} }} }},')
print("};")
