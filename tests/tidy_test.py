#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each rule of tools/tidy finds what it is for, and finds nothing in a clean tree."""

import importlib.machinery
import importlib.util
import os
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"


def load_tidy():
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("tidy", os.path.join(ROOT, "tools", "tidy"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("tidy", loader))
    loader.exec_module(module)
    return module


TIDY = load_tidy()

HEADER = """/*
 * Low.
 *
 * Contract: none.
 */
#ifndef HONE_LOW_LOW_H
#define HONE_LOW_LOW_H

typedef struct hone_low {
    int x;
} hone_low;

int hone_low_get(const hone_low *low);

#endif
"""
CLEAN = {
    "src/low/CMakeLists.txt": "hone_layer(low SOURCES low.c DEPS)\n",
    "src/low/README.md": "# low\n",
    "src/low/include/hone/low/low.h": SPDX + HEADER,
    "src/low/low.c": SPDX + '#include "hone/low/low.h"\n\nstatic const int table[] = {1, 2};\n\n'
                            "int hone_low_get(const hone_low *low) {\n    return low->x + table[0];\n}\n",
    "src/high/CMakeLists.txt": "hone_layer(high SOURCES high.c DEPS low)\n"
                               "hone_test(high_test SOURCES high_test.c)\n",
    "src/high/README.md": "# high\n",
    "src/high/high.c": SPDX + '#include "hone/low/low.h"\n\nint hone_high(void);\n\n'
                              "int hone_high(void) {\n    return 0;\n}\n",
    "src/high/high_test.c": SPDX + '#include "hone/middle/middle.h"\n',
    "src/middle/CMakeLists.txt": "hone_layer(middle SOURCES middle.c DEPS)\n",
    "src/middle/README.md": "# middle\n",
    "src/middle/middle.c": SPDX,
    "CMakeLists.txt": "foreach(folder low middle high)\nendforeach()\n",
    "cmake/HoneTargets.cmake": "# SPDX-License-Identifier: Apache-2.0\n",
    "ARCHITECTURE.md": "| layer | depends on |\n|---|---|\n"
                       "| `low` | nothing |\n| `middle` | nothing |\n| `high` | `low` |\n",
}


def findings(changes):
    with tempfile.TemporaryDirectory() as root:
        for path, text in {**CLEAN, **changes}.items():
            if text is None:
                continue
            os.makedirs(os.path.dirname(os.path.join(root, path)) or root, exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        return TIDY.check_tree(root)


def function(body):
    return SPDX + '#include "hone/low/low.h"\n\nint hone_high(void) {\n' + body + "    return 0;\n}\n"


CASES = [  # rule, file, text
    ("spdx", "src/high/high.c", CLEAN["src/high/high.c"].replace(SPDX, "")),
    ("tab", "src/high/high.c", function("\tint x = 0;\n")),
    ("blank", "src/high/high.c", function("    int x = 0; \n")),
    ("columns", "src/high/high.c", function("    /* " + "x" * 100 + " */\n")),
    ("unfinished", "src/high/high.c", function("    /* TO" "DO: more */\n")),
    ("long", "src/high/high.c", function("    x();\n" * 70)),
    ("size", "src/high/high.c", CLEAN["src/high/high.c"] + "\n" * 1000),
    ("size", "src/low/include/hone/low/low.h", CLEAN["src/low/include/hone/low/low.h"] + "\n" * 300),
    ("strcpy", "src/high/high.c", function("    strcpy(a, b);\n")),
    ("print", "src/high/high.c", function('    printf("x");\n')),
    ("malloc", "src/high/high.c", function("    p = malloc(3);\n")),
    ("print", "src/high/high.c", function("    f(stderr);\n")),
    ("errno", "src/high/high.c", function("    errno = 0;\n")),
    ("dead", "src/high/high.c", function("#if 0\n#endif\n")),
    ("name", "src/high/high.c", function("") + "\ntypedef struct x {\n    int y;\n} x_t;\n"),
    ("name", "src/high/high.c", function("") + "\nint other(void) {\n    return 0;\n}\n"),
    ("global", "src/high/high.c", function("") + "\nstatic int counter;\n"),
    ("global", "src/high/high.c", function("") + "\nint table[] = {1};\n"),
    ("global", "src/high/high.c", function("    static int calls;\n")),
    ("include", "src/high/high.c", '#include "../low/x.h"\n' + CLEAN["src/high/high.c"]),
    ("guard", "src/low/include/hone/low/low.h", SPDX + HEADER.replace("HONE_LOW_LOW_H", "LOW_H")),
    ("contract", "src/low/include/hone/low/low.h", SPDX + HEADER.replace("Contract", "")),
    ("layer", "src/low/low.c", '#include "hone/high/high.h"\n' + CLEAN["src/low/low.c"]),
    ("layer", "src/middle/middle_test.c", SPDX + '#include "hone/high/high.h"\n'),
    ("layer", "src/high/high.c", CLEAN["src/high/high.c"] + '#include "hone/middle/middle.h"\n'),
    ("layer", "src/high/CMakeLists.txt", "hone_layer(high SOURCES high.c DEPS)\n"),
    ("layer", "src/low/CMakeLists.txt", "hone_layer(low SOURCES low.c DEPS none)\n"),
    ("layer", "src/high/high.c", CLEAN["src/high/high.c"].replace('#include "hone/low/low.h"', "")),
    ("architecture", "ARCHITECTURE.md", CLEAN["ARCHITECTURE.md"].replace("| `low` |\n", "| nothing |\n")),
    ("architecture", "ARCHITECTURE.md", CLEAN["ARCHITECTURE.md"].replace("| `low` | nothing |\n", "")),
    ("architecture", "ARCHITECTURE.md", CLEAN["ARCHITECTURE.md"] + "| `ghost` | nothing |\n"),
    ("readme", "src/low/README.md", None),
    ("readme", "src/low/README.md", "x\n" * 21),
    ("unique", "src/high/low.c", SPDX),
    ("unique", "src/high/high.c", CLEAN["src/high/high.c"].replace("hone_high", "hone_low_get")),
    ("listed", "src/high/orphan.c", SPDX),
]


class TidyTest(unittest.TestCase):
    def test_a_clean_tree_has_no_findings(self):
        self.assertEqual(findings({}), [])

    def test_each_rule_finds_its_breach(self):
        for rule, path, text in CASES:
            with self.subTest(rule=rule, path=path):
                rows = findings({path: text})
                self.assertTrue(any(what.endswith(f"[{rule}]") for _, _, what in rows), rows)

    def test_a_written_reason_is_accepted(self):
        reasons = [
            SPDX + "/* tidy: allow print throughout: it is a front end */\n" + function('    puts("x");\n'),
            function("    /* tidy: allow strcpy: sized above */\n    strcpy(a, b);\n"),
            function("") + "\n/* tidy: allow global: set once */\nstatic int counter;\n",
            function("    x();\n" * 70).replace("int hone_high", "/* long: a table */\nint hone_high"),
        ]
        for text in reasons:
            self.assertEqual(findings({"src/high/high.c": text}), [])

    def test_comments_and_texts_are_not_code(self):
        text = function('    f("strcpy(a)"); /* malloc(3) */\n    // exit(1)\n#define X "/*"\n')
        self.assertEqual(findings({"src/high/high.c": text}), [])


if __name__ == "__main__":
    unittest.main()
