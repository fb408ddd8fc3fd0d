#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The examples run as their comments say, and README shows the one that ./dev run runs.

Usage: examples_test.py HONE [EMULATOR]
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
COMMAND = []


def example(name):
    return os.path.join(ROOT, "examples", name)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Examples(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="hone-examples-")
        self.addCleanup(self.folder.cleanup)

    def run_hone(self, *arguments):
        """Runs hone in an empty folder, with live pages of its own; returns the lines it wrote."""
        result = subprocess.run(COMMAND + list(arguments), cwd=self.folder.name, text=True,
                                stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
                                env=dict(os.environ, HONE_RUNTIME_DIR=self.folder.name))
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.splitlines()

    def test_host_watch(self):
        records = [json.loads(line) for line in
                   self.run_hone("run", example("host-watch/node.toml"), "--for", "1500ms")]
        self.assertGreaterEqual(len(records), 1)
        for record in records:
            self.assertEqual(list(record), ["time", "cpu_busy.mean", "cpu_busy.max", "mem_used.mean",
                                            "mem_used.max", "is_busy"])

    def test_record_and_replay(self):
        self.run_hone("run", example("record/record.toml"), "--for", "1500ms")
        first = self.run_hone("run", example("record/replay.toml"))
        self.assertGreaterEqual(len(first), 1)
        self.assertEqual(first, self.run_hone("run", example("record/replay.toml")))

    def test_partitions(self):
        lines = self.run_hone("run", example("partitions/node.toml"), "--for", "1500ms",
                              "--report", "report.json")
        self.assertGreaterEqual(len(lines), 1)
        report = json.loads(read(os.path.join(self.folder.name, "report.json")))
        control, rest = report["partitions"]
        self.assertEqual([control["name"], rest["name"]], ["control", "default"])
        self.assertGreater(control["critical_ns"], 0)
        self.assertEqual(rest["critical_ns"], 0)
        self.assertGreater(rest["cpu_ns"], control["cpu_ns"])

    def test_readme_shows_host_watch(self):
        shown = read(os.path.join(ROOT, "README.md")).split("```toml\n")[1].split("```")[0]
        self.assertEqual(shown, read(example("host-watch/node.toml")))

    def test_its_picture_is_of_today(self):
        self.run_hone("check", example("host-watch/node.toml"), "--svg", "now.svg")
        self.assertEqual(read(os.path.join(self.folder.name, "now.svg")),
                         read(os.path.join(ROOT, "docs", "host-watch.svg")))


if __name__ == "__main__":
    COMMAND = sys.argv[2:] + [os.path.abspath(sys.argv[1])]
    unittest.main(argv=sys.argv[:1])
