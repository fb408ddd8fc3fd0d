#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every object of hone is marked for control-flow protection; on x86-64 the program for the shadow stack.

Usage: hardening_test.py READELF MARKS PROGRAM ARCHIVE...
"""

import re
import subprocess
import sys


def notes(readelf, path):
    return subprocess.run([readelf, "-nW", path], capture_output=True, text=True, check=True,
                          env={"LC_ALL": "C"}).stdout


def main():
    readelf, marks, program, *archives = sys.argv[1:]
    failures, objects = [], 0
    for archive in archives:
        for part in notes(readelf, archive).split("\nFile: ")[1:]:
            name, _, text = part.partition("\n")
            objects += 1
            if not re.search(rf"feature: {re.escape(marks)}\b", text):
                failures.append(f"{name}: not marked '{marks}'")
    if objects == 0:
        failures.append("no object was found")
    if "SHSTK" in marks and "SHSTK" not in notes(readelf, program):
        failures.append(f"{program}: not marked SHSTK")
    print("\n".join(failures) or f"{objects} objects are marked '{marks}'")
    return 1 if failures else 0


sys.exit(main())
