#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The interpreter's handlers must jump to one another, not call: read from the object code.

Usage: tail_calls_test.py OBJDUMP OBJECTS (a list separated by semicolons)
Looks at the functions op_* of interpreter.c. What they may do with an indirect call is nothing, but
that a function of the host is called elsewhere. Handlers may share a jump, so these are counted roughly.
"""
import re
import subprocess
import sys

CALL = re.compile(r"\b(call\s+\*|blr\s|blraa|blrab)")
JUMP = re.compile(r"\b(jmp\s+\*|br\s+x|notrack jmp)")


def main():
    if len(sys.argv) < 3 or not sys.argv[1]:
        return 77
    objects = [path for path in ";".join(sys.argv[2:]).split(";") if "interpreter.c" in path]
    code = subprocess.run([sys.argv[1], "-d", "--no-show-raw-insn", *objects], check=True,
                          capture_output=True, text=True).stdout
    handlers, jumps, bad, name = 0, 0, [], ""
    for line in code.split("\n"):
        head = re.match(r"[0-9a-f]+ <(\w[\w.]*)>:", line)
        if head:
            name = head.group(1)
            handlers += name.startswith("op_")
        elif name.startswith("op_"):
            jumps += JUMP.search(line) is not None
            if CALL.search(line):
                bad.append(f"{name}: {line.strip()}")
    print(f"{handlers} handlers, {jumps} indirect jumps, {len(bad)} indirect calls")
    print("\n".join(bad))
    return 1 if bad or handlers < 500 or jumps < handlers // 2 else 0


if __name__ == "__main__":
    sys.exit(main())
