#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What ./dev says about names that do not exist: its own words, with those that do. Builds nothing."""

import os
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def dev(*words):
    command = [os.path.join(ROOT, "dev"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


class Names(unittest.TestCase):
    def assert_refused(self, words, message):
        result = dev(*words)
        self.assertEqual((result.returncode, result.stdout), (1, ""), words)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertIn(message, result.stderr)

    def test_presets(self):
        self.assert_refused(["build", "foo"], "dev: there is no preset 'foo'; there are aarch64 asan-ubsan")
        self.assert_refused(["build", "asan"], "no preset 'asan' (did you mean 'asan-ubsan'?); there are")
        self.assert_refused(["build", "base"], "there is no preset 'base'")  # hidden: others are made from it
        self.assert_refused(["test", "--preset", "relase"], "(did you mean 'release'?)")
        self.assert_refused(["test", "--preset"], "--preset needs a name; there are")

    def test_fuzzers(self):
        self.assert_refused(["fuzz", "tom"], "there is no fuzzer 'tom' (did you mean 'toml'?); there are ")
        self.assert_refused(["fuzz", "toml", "long"], "'long' is no number of seconds")

    def test_an_empty_name_is_near_to_nothing(self):
        self.assert_refused(["test", "--preset", ""], "dev: there is no preset ''; there are aarch64")

    def test_names_are_checked_before_anything_is_built(self):
        self.assert_refused(["run", "nofile.toml"], "dev: run: 'nofile.toml' is no file that can be read")
        self.assert_refused(["bench", "frob"], "dev: there is no suite 'frob'; there are ")
        self.assert_refused(["bench", "node", "schedular"], "no suite 'schedular' (did you mean 'scheduler'")

    def test_commands(self):
        self.assert_refused(["buidl"], "no command 'buidl' (did you mean 'build'?); there are run")
        self.assertIn("build [PRESET]", dev("help").stdout)


if __name__ == "__main__":
    unittest.main()
