#!/usr/bin/env python3
"""Turns files into a C table, so that the program carries its own defaults.

    embed.py OUTPUT.c SYMBOL ROOT FILE...

defines `const struct embedded SYMBOL[]` (base/embed.h): one row per file, named by its path below
ROOT, ending with an empty row. Rows are sorted, so the same files give the same output.
"""
import os
import sys

BYTES_PER_LINE = 20


def array(name, data):
    rows = [data[i:i + BYTES_PER_LINE] for i in range(0, len(data), BYTES_PER_LINE)]
    lines = ["    " + " ".join(f"{byte}," for byte in row) for row in rows]
    # The zero after the end lets texts be used as C strings; it is not part of the size.
    return f"static const unsigned char {name}[] = {{\n" + "\n".join(lines + ["    0,"]) + "\n};\n"


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def main():
    if len(sys.argv) < 4:
        sys.exit("usage: embed.py OUTPUT.c SYMBOL ROOT FILE...")
    output, symbol, root = sys.argv[1:4]
    files = sorted((os.path.relpath(path, root).replace(os.sep, "/"), path) for path in sys.argv[4:])
    parts = ['/* Made by tools/embed.py; do not edit. */\n#include "base/embed.h"\n']
    table = []
    for i, (name, path) in enumerate(files):
        with open(path, "rb") as file:
            data = file.read()
        parts.append(array(f"{symbol}_{i}", data))
        table.append(f"    {{{quoted(name)}, {symbol}_{i}, {len(data)}}},\n")
    parts.append(f"const struct embedded {symbol}[] = {{\n" + "".join(table) + "    {0},\n};\n")
    with open(output, "w", encoding="utf-8") as file:
        file.write("\n".join(parts))


if __name__ == "__main__":
    main()
