#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The hone command as a person and a script meet it: exit codes, messages, streams, terminals.

Usage: cli_test.py HONE [EMULATOR...] -- [unittest arguments]
What a machine cannot check (no groff, no zsh) is skipped and counted.
"""

import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CORPORA = os.path.join(ROOT, "tests", "corpora")
MACHINES = os.path.join(ROOT, "tests", "fixtures", "machines")
HONE = []  # filled from the command line
COMMANDS = ["run", "check", "detect", "doctor", "bench", "model", "top", "lyra", "vector", "version", "help"]
OK, FAILED, USAGE, INPUT = 0, 1, 2, 3

NODE = """
[node]
name = "cli-test"

[[stage]]
name = "telemetry"
kind = "source.host"
interval = "20ms"

[[stage]]
name = "out"
kind = "sink.null"
from = "telemetry"
"""


def environment(**changes):
    plain = {key: value for key, value in os.environ.items()
             if not key.startswith("HONE_") and key != "NO_COLOR"}
    plain.update({"TERM": "xterm", "LC_ALL": "C.UTF-8"})
    plain.update(changes)
    return plain


def hone(*words, **options):
    options.setdefault("env", environment())
    return subprocess.run([*HONE, *words], capture_output=True, text=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL, **options)


def on_terminal(*words, **changes):
    """Runs hone with all three streams on a terminal; returns what it showed and the exit code."""
    main, end = pty.openpty()
    process = subprocess.Popen([*HONE, *words], stdin=end, stdout=end, stderr=end, env=environment(**changes),
                               start_new_session=True)
    os.close(end)
    shown = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(main)
    return shown.decode(), process.wait(timeout=60)


class Usage(unittest.TestCase):
    def check(self, words, message, code=USAGE):
        result = hone(*words)
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertIn(message, result.stderr)

    def test_mistakes_have_a_message_and_code_2(self):
        self.check(["rnu"], "there is no command 'rnu': did you mean 'run'?")
        self.check(["stages"], "there is no command 'stages': did you mean 'hone help stages'?")
        self.check(["detect", "--jsn"], "did you mean '--json'?")
        self.check(["run"], "'hone run' needs FILE")
        self.check(["run", "a", "b"], "does not know what to do with 'b'")
        self.check(["run", "a.toml", "--for", "10"], "write a number above 0 and its unit")
        self.check(["run", "a.toml", "--records", "many"], "is not a whole number")
        self.check(["run", "a.toml", "--set", "novalue"], "write key=value")
        self.check(["run", "a.toml", "--report", "report.txt"], "must end in .json or .html")
        self.check(["help", "dtect"], "did you mean 'detect'?")
        self.check(["help", "replay"], "did you mean 'source.replay'?")
        self.check(["help", "--completion", "tcsh"], "is none of: bash, zsh, fish")
        self.check(["bench", "--old", "true"], "--old needs --new")
        self.check(["version", "--json=yes"], "takes no value")

    def test_without_a_command_the_overview_goes_to_standard_error(self):
        result = hone()
        self.assertEqual((result.returncode, result.stdout), (USAGE, ""))
        self.assertIn("Commands", result.stderr)

    def test_a_mistake_points_at_the_right_help(self):
        self.assertIn("Try 'hone help top'.", hone("top", "--nonsense").stderr)
        self.assertIn("Try 'hone help'.", hone("nonsense").stderr)


class Help(unittest.TestCase):
    def test_overview_names_every_command(self):
        result = hone("help")
        self.assertEqual(result.returncode, OK)
        for command in COMMANDS:
            self.assertRegex(result.stdout, rf"(?m)^  {command}\b")
        self.assertEqual(result.stdout, hone("--help").stdout)

    def test_each_command_explains_itself(self):
        for command in COMMANDS:
            result = hone("help", command)
            self.assertEqual(result.returncode, OK)
            self.assertIn(f"Usage: hone {command}", result.stdout)
            self.assertIn("Examples", result.stdout)
            self.assertEqual(result.stdout, hone(command, "--help").stdout)
            self.assertEqual(result.stdout, hone(command, "-h").stdout)
            self.assertLessEqual(max(map(len, re.sub("(?s)Examples.*", "", result.stdout).splitlines())), 80)

    def test_stage_kinds_are_explained(self):
        result = hone("help", "stages")
        self.assertEqual(result.returncode, OK)
        self.assertIn("source.host", result.stdout)
        self.assertIn("interval", hone("help", "source.host").stdout)
        self.assertNotIn("on_full", hone("help", "source.host").stdout)

    def test_help_names_the_keys_of_every_stage_and_choices(self):
        shown = re.sub(r"\s+", " ", hone("help", "sink.csv").stdout)
        for key in ("from (texts)", "queue (count)", "on_full (choice)"):
            self.assertIn(key, shown)
        self.assertIn('"block", "drop_oldest" or "drop_newest" (default block)', shown)

    def test_help_explains_the_node_table_and_expressions(self):
        shown = hone("help", "node").stdout
        for key in ("name", "memory_budget", "workers", "simd"):
            self.assertRegex(shown, rf"(?m)^  {key} \(")
        shown = hone("help", "expressions").stdout
        for signature in ("a and b", "concat(", "clamp("):
            self.assertIn(signature, shown)

    def test_manual_is_clean_roff(self):
        manual = hone("help", "--man").stdout
        for command in COMMANDS:
            self.assertIn(f'.SS "hone {command}', manual)
        if not shutil.which("groff"):
            self.skipTest("groff is not installed")
        result = subprocess.run(["groff", "-ww", "-man", "-Tutf8", "-"], input=manual, capture_output=True,
                                text=True, check=True)
        self.assertEqual(result.stderr, "")
        shown = re.sub(".\x08", "", result.stdout)  # bold is a letter over itself
        self.assertIn("EXIT STATUS", shown)
        self.assertIn('eval "$(hone help --completion bash)"', shown)

    def test_completion_scripts_parse(self):
        missing = []
        for shell in ("bash", "zsh", "fish"):
            script = hone("help", "--completion", shell)
            self.assertEqual(script.returncode, OK)
            self.assertIn(f"made by: hone help --completion {shell}", script.stdout)
            if not shutil.which(shell):
                missing.append(shell)
                continue
            result = subprocess.run([shell, "-n"], input=script.stdout, capture_output=True, text=True,
                                    check=False)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
        if missing:
            self.skipTest(f"not installed: {', '.join(missing)}")

    def test_bash_completes(self):
        if not shutil.which("bash"):
            self.skipTest("bash is not installed")
        script = hone("help", "--completion", "bash").stdout
        for words, expected in (
                (["hone", "de"], {"detect"}),
                (["hone", "run", "--re"], {"--records", "--report"}),
                (["hone", "help", "--completion", ""], {"bash", "zsh", "fish"}),
                (["hone", "help", "doc"], {"doctor"}),
        ):
            quoted = " ".join(f"'{word}'" for word in words)
            program = (f"{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _hone\n"
                       'echo "${COMPREPLY[@]}"')
            result = subprocess.run(["bash"], input=program, capture_output=True, text=True, check=True)
            self.assertEqual(set(result.stdout.split()), expected)


class Streams(unittest.TestCase):
    def test_a_reader_that_goes_away_is_no_error(self):
        process = subprocess.Popen([*HONE, "help", "--man"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=environment())
        process.stdout.close()
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()
        self.assertEqual(process.wait(timeout=60), OK)

    def test_a_full_disk_is_an_error(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        for words in (["help"], ["version", "--json"], ["detect"]):
            with open("/dev/full", "wb") as full:
                result = subprocess.run([*HONE, *words], stdout=full, stderr=subprocess.PIPE, text=True,
                                        check=False, env=environment())
            self.assertEqual(result.returncode, INPUT)
            self.assertIn("standard output", result.stderr)
            self.assertEqual(result.stderr.count("\n"), 1)

    def test_a_closed_output_is_an_error(self):
        result = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *HONE, "version"], stderr=subprocess.PIPE,
                                text=True, check=False, env=environment())
        self.assertEqual(result.returncode, INPUT)
        self.assertIn("standard output", result.stderr)

    def test_all_streams_closed(self):
        result = subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *HONE, "version"], check=False,
                                env=environment())
        self.assertEqual(result.returncode, INPUT)

    def test_colour_only_on_a_terminal(self):
        self.assertNotIn("\x1b", hone("detect").stdout)
        shown, code = on_terminal("detect")
        self.assertEqual(code, OK)
        self.assertIn("\x1b[1m", shown)
        for changes in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            self.assertNotIn("\x1b[", on_terminal("detect", **changes)[0])
        self.assertIn("\x1b[1m", on_terminal("detect", NO_COLOR="")[0])


class Machine(unittest.TestCase):
    def test_version(self):
        version = json.loads(hone("version", "--json").stdout)
        self.assertRegex(version["version"], r"^\d+\.\d+\.\d+$")
        self.assertIn("level", version["isa"])
        for feature in version["features"]:
            self.assertTrue(feature["is_on"] or feature["reason"])
        self.assertEqual(hone("--version").stdout, f"hone {version['version']}\n")
        self.assertIn(version["version"], hone("version").stdout)

    def test_every_fact_has_a_value_or_a_reason(self):
        roots = [None, *(os.path.join(MACHINES, name) for name in sorted(os.listdir(MACHINES)))]
        for root in roots:
            words = ["--root", root] if root else []
            result = hone("detect", "--json", *words)
            self.assertEqual((result.returncode, result.stderr), (OK, ""))
            groups = json.loads(result.stdout)["facts"]
            self.assertIn("limits", groups)
            for facts in groups.values():
                for name, fact in facts.items():
                    with self.subTest(root=root, name=name):
                        self.assertEqual(fact["value"] is None, fact["state"] != "present")
                        self.assertTrue(fact["value"] is not None or fact["reason"])
            text = hone("detect", *words)
            self.assertEqual(text.returncode, OK)
            self.assertIn("optimisations", text.stdout)

    def test_a_calibration_is_kept_and_shown(self):
        with tempfile.TemporaryDirectory() as folder:
            words = ["detect", "--json", "--calibration", os.path.join(folder, "kept")]
            before = json.loads(hone(*words).stdout)["calibration"]
            self.assertFalse(before["is_known"])
            self.assertIn("--calibrate", before["reason"])
            result = hone(*words, "--calibrate", "--force")  # other tests may keep the machine busy
            self.assertEqual((result.returncode, result.stderr), (OK, ""))  # no terminal: no progress
            measured = json.loads(result.stdout)["calibration"]
            self.assertTrue(measured["is_known"])
            for name, figure in measured["figures"].items():
                with self.subTest(name=name):
                    self.assertEqual(figure["value"] is None, bool(figure["reason"]))
                    if figure["value"] is not None:
                        self.assertTrue(0 < figure["low"] <= figure["value"] <= figure["high"])
            (name,) = os.listdir(os.path.join(folder, "kept"))
            path = os.path.join(folder, "kept", name)
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
            again = json.loads(hone(*words).stdout)
            self.assertEqual(again["calibration"]["measured_at_ns"], measured["measured_at_ns"])
            self.assertGreater(again["calibration"]["age_s"], 0)
            self.assertEqual(len(again["huge_page_advice"]), 3)
            self.assertIn(" ago", hone(*[word for word in words if word != "--json"]).stdout)
            with open(path, encoding="utf-8") as file:
                kept = json.load(file)
            kept["others_cpus"] = 1.26  # as if it had been measured under load, and kept by force
            with open(path, "w", encoding="utf-8") as file:
                json.dump(kept, file)
            marked = json.loads(hone(*words).stdout)["calibration"]
            self.assertEqual(marked["others_cpus"], 1.26)
            self.assertEqual(marked["disturbance"], "other programs kept 1.3 CPUs busy meanwhile")
            self.assertRegex(hone(*[word for word in words if word != "--json"]).stdout,
                             r"(?m)^  warning +other programs kept 1\.3 CPUs busy")
            with open(path, "w", encoding="utf-8") as file:
                file.write("{}")
            damaged = hone(*words)
            self.assertEqual((damaged.returncode, damaged.stderr), (OK, ""))
            self.assertIn("not a sound calibration", json.loads(damaged.stdout)["calibration"]["reason"])

    def test_calibrating_shows_progress_on_a_terminal(self):
        with tempfile.TemporaryDirectory() as folder:
            shown, code = on_terminal("detect", "--calibrate", "--force", "--calibration", folder)
            self.assertEqual(code, OK)
            self.assertIn("calibrating 1/", shown)
            self.assertIn("huge pages for a heap", shown)

    def test_force_needs_something_to_force(self):
        result = hone("detect", "--force")
        self.assertEqual((result.returncode, result.stdout), (USAGE, ""))
        self.assertIn("needs --calibrate", result.stderr)

    def test_a_calibration_under_load_is_not_kept(self):
        if len(HONE) > 1:
            self.skipTest("an emulator has no /proc/stat of its own")
        with tempfile.TemporaryDirectory() as folder:
            loop = [sys.executable, "-c", "while True: pass"]
            busy = [subprocess.Popen(loop) for _ in os.sched_getaffinity(0)]
            try:
                refused = hone("detect", "--calibrate", "--calibration", folder)
            finally:
                for process in busy:
                    process.kill()
                    process.wait()
            self.assertEqual((refused.returncode, refused.stdout), (FAILED, ""))
            self.assertIn("was not kept: other programs kept ", refused.stderr)
            self.assertIn("--force", refused.stderr)
            self.assertEqual(os.listdir(folder), [])

    def test_a_described_machine_is_not_measured(self):
        root = os.path.join(MACHINES, "laptop-on-battery")
        result = hone("detect", "--calibrate", "--root", root)
        self.assertEqual((result.returncode, result.stdout), (USAGE, ""))
        self.assertIn("cannot be measured", result.stderr)
        described = json.loads(hone("detect", "--json", "--root", root).stdout)
        self.assertFalse(described["calibration"]["is_known"])

    def test_doctor_names_cost_and_remedy(self):
        roots = [os.path.join(MACHINES, name) for name in sorted(os.listdir(MACHINES))]
        advice_count = 0
        for root in roots:
            result = hone("doctor", "--json", "--root", root)
            self.assertEqual((result.returncode, result.stderr), (OK, ""))
            report = json.loads(result.stdout)
            for check in report["checks"]:
                self.assertIn(check["state"], ("ok", "advice", "n/a"))
                self.assertEqual(bool(check["cost"] and check["remedy"]), check["state"] == "advice", check)
            advice_count += report["advice_count"]
            self.assertIn("Nothing was changed.", hone("doctor", "--root", root).stdout)
        self.assertGreater(advice_count, 0)

    def test_a_root_from_the_environment(self):
        root = os.path.join(MACHINES, sorted(os.listdir(MACHINES))[0])
        result = hone("detect", "--json", env=environment(HONE_ROOT=root))
        self.assertEqual(json.loads(result.stdout)["root"], root)

    def test_a_root_that_is_not_there(self):
        for command in ("detect", "doctor"):
            result = hone(command, "--root", "/nonexistent")
            self.assertEqual((result.returncode, result.stdout), (INPUT, ""))
            self.assertIn("/nonexistent", result.stderr)


class Bench(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        for name, code in (("alpha", 0), ("beta", 1)):
            path = os.path.join(self.folder.name, f"hone-bench-{name}")
            with open(path, "w", encoding="utf-8") as script:
                script.write(f"#!/bin/sh\necho {name} \"$@\"\nexit {code}\n")
            os.chmod(path, 0o755)

    def bench(self, *words):
        return hone("bench", "--suites", self.folder.name, *words)

    def test_lists(self):
        self.assertEqual(self.bench().stdout, "alpha\nbeta\n")
        self.assertEqual(self.bench("--list").stdout, "alpha\nbeta\n")
        self.assertEqual(json.loads(self.bench("--list", "--json").stdout)["suites"], ["alpha", "beta"])

    def test_passes_options_and_exit_code(self):
        result = self.bench("alpha", "--peers", "--filter", "a b")
        self.assertEqual((result.returncode, result.stdout), (OK, "alpha --peers --filter a b\n"))
        self.assertEqual(self.bench("beta").returncode, FAILED)

    def test_several_suites_give_the_worst_code(self):
        result = self.bench("beta", "alpha", "--quick")
        self.assertEqual((result.returncode, result.stdout), (FAILED, "beta --quick\nalpha --quick\n"))

    def test_unknown_suite(self):
        result = self.bench("aplha")
        self.assertEqual(result.returncode, INPUT)
        self.assertIn("did you mean 'alpha'?", result.stderr)

    def test_options_stand_where_they_belong(self):
        for words, message in (
                (["--quick"], "--quick goes with --old and --new, or behind the name of a suite"),
                (["--strict", "alpha"], "--strict goes with --old and --new"),
                (["--threshold", "5"], "--threshold goes with --old and --new"),
                (["alpha", "--suites", "x"], "--suites stands before the suite: hone bench --suites DIR a"),
                (["alpha", "--suites=x"], "--suites stands before the suite")):
            result = self.bench(*words)
            self.assertEqual((result.returncode, result.stdout), (USAGE, ""), words)
            self.assertIn(message, result.stderr)
        self.assertEqual(self.bench("alpha", "--suite").returncode, OK)  # the suite's own

    def test_no_suites(self):
        result = hone("bench", "--suites", "/nonexistent")
        self.assertEqual(result.returncode, INPUT)
        self.assertIn("HONE_BENCHES=ON", result.stderr)

    def test_compares_commands(self):
        result = hone("bench", "--quick", "--json", "--old", "sleep 0.01", "--new", "sleep 0.03")
        self.assertEqual(result.returncode, FAILED, result.stderr)
        json.loads(result.stdout)
        result = hone("bench", "--quick", "--old", "true", "--new", "/nonexistent/program")
        self.assertEqual(result.returncode, INPUT)
        self.assertIn("/nonexistent/program", result.stderr)


class Vector(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="hone-vector-")
        self.addCleanup(self.folder.cleanup)
        self.index = self.path("places.hv")
        self.rows = self.path("rows.fvecs")
        self.write(self.rows, [[x, x * x] for x in range(40)])
        result = hone("vector", "build", self.index, self.rows, "--metric", "l2")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (OK, "", ""))

    def path(self, name):
        return os.path.join(self.folder.name, name)

    @staticmethod
    def write(path, rows):
        with open(path, "wb") as file:
            for row in rows:
                file.write(struct.pack(f"<i{len(row)}f", len(row), *row))

    def search(self, rows, *words):
        self.write(self.path("asked.fvecs"), rows)
        result = hone("vector", "search", self.index, self.path("asked.fvecs"), *words)
        self.assertEqual(result.returncode, OK, result.stderr)
        return result.stdout

    def test_builds_and_searches(self):
        lines = [line.split("\t") for line in self.search([[3, 9], [30, 900]], "-k", "2").splitlines()]
        self.assertEqual([line[:2] for line in lines], [["0", "3"], ["0", "2"], ["1", "30"], ["1", "29"]])
        self.assertEqual(self.search([[3, 9]], "--exact"), self.search([[3, 9]]))
        hits = json.loads(self.search([[3, 9]], "--json", "-k", "1"))
        self.assertEqual((hits["query"], hits["hits"][0]["key"]), (0, 3))

    def test_adds_all_or_nothing(self):
        more = self.path("more.fvecs")
        self.write(more, [[100, 100], [101, 100]])
        self.assertEqual(hone("vector", "add", self.index, more).returncode, OK)
        self.assertEqual(self.search([[101, 100]], "-k", "1").split("\t")[1], "41")
        result = hone("vector", "add", self.index, more, "--first-key", "39")
        self.assertEqual(result.returncode, INPUT)
        self.assertIn("row 0", result.stderr)
        self.write(more, [[7, 7], [8, float("nan")]])
        result = hone("vector", "add", self.index, more)
        self.assertEqual(result.returncode, INPUT)
        self.assertIn("row 1", result.stderr)
        info = json.loads(hone("vector", "info", self.index, "--json").stdout)
        self.assertEqual((info["vectors"], info["dims"], info["metric"], info["log_bytes"]), (42, 2, "l2", 0))

    def test_finds_damage(self):
        self.assertEqual(hone("vector", "verify", self.index).returncode, OK)
        with open(self.index, "r+b") as file:
            file.seek(-9, os.SEEK_END)
            last = file.read(1)
            file.seek(-9, os.SEEK_END)
            file.write(bytes([last[0] ^ 1]))
        result = hone("vector", "verify", self.index)
        self.assertEqual(result.returncode, INPUT)
        self.assertIn(self.index, result.stderr)

    def test_refuses_what_it_cannot_do(self):
        self.write(self.path("three.fvecs"), [[1, 2, 3]])
        for code, hint, *words in (
                (USAGE, "did you mean 'search'", "serch", self.index),
                (USAGE, "hone vector search INDEX ROWS", "search", self.index),
                (USAGE, "--count", "info", self.index, "-k", "3"),
                (INPUT, "--links is from 4 to 64", "build", self.index, self.rows, "--links", "3"),
                (INPUT, ".npy", "search", self.index, self.index),
                (INPUT, "none.npy", "search", self.index, self.path("none.npy")),
                (INPUT, "three.fvecs", "search", self.index, self.path("three.fvecs")),
                (INPUT, "no file of a vector index", "info", self.path("noise.hv"))):
            with open(self.path("noise.hv"), "wb") as file:
                file.write(bytes(5000))
            result = hone("vector", *words)
            self.assertEqual(result.returncode, code, result.stderr)
            self.assertIn(hint, result.stderr)


class Node(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "node.toml")
        self.runtime = os.path.join(self.folder.name, "runtime")
        self.env = environment(HONE_RUNTIME_DIR=self.runtime)
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(NODE)

    def run_hone(self, *words):
        return hone(*words, env=self.env)

    def test_runs_and_reports(self):
        report = os.path.join(self.folder.name, "report.json")
        result = self.run_hone("run", self.path, "--for", "300ms", "--report", report)
        self.assertEqual((result.returncode, result.stdout), (OK, ""), result.stderr)
        self.assertIn("telemetry", result.stderr)
        with open(report, encoding="utf-8") as file:
            json.load(file)

    def test_report_as_a_page(self):
        report = os.path.join(self.folder.name, "report.html")
        result = self.run_hone("run", self.path, "--records", "3", "--quiet", "--report", report)
        self.assertEqual((result.returncode, result.stderr), (OK, ""))
        with open(report, encoding="utf-8") as file:
            self.assertIn("</html>", file.read())

    def test_progress_without_a_terminal(self):
        result = self.run_hone("run", self.path, "--for", "1200ms", "--progress")
        self.assertRegex(result.stderr, r"(?m)^cli-test  1\.\d+ s of 1\.20 s  in \d+")
        self.assertNotIn("\x1b", result.stderr)

    def test_progress_on_a_terminal(self):
        shown, code = on_terminal("run", self.path, "--for", "500ms", HONE_RUNTIME_DIR=self.runtime)
        self.assertEqual(code, OK)
        self.assertIn("cli-test", shown)
        shown, _ = on_terminal("run", self.path, "--for", "500ms", "--quiet", HONE_RUNTIME_DIR=self.runtime)
        self.assertEqual(shown, "")

    def test_settings_change_the_node(self):
        result = self.run_hone("run", self.path, "--records", "2", "--set", "telemetry.interval=1ms", "--set",
                               "node.name=renamed")
        self.assertEqual(result.returncode, OK, result.stderr)
        self.assertIn("renamed", result.stderr)
        result = self.run_hone("run", self.path, "--set", "telemtry.interval=1ms")
        self.assertEqual(result.returncode, INPUT)
        self.assertIn("did you mean 'telemetry'?", result.stderr)
        result = self.run_hone("check", self.path, "--set", "telemetry.intervall=1ms")
        self.assertEqual(result.returncode, INPUT)
        self.assertIn("did you mean 'interval'?", result.stderr)

    def test_bad_files(self):
        for path, text in ((os.path.join(self.folder.name, "missing.toml"), "missing.toml"),
                           (self.folder.name, "is a directory"), ("/dev/null", "stage")):
            for command in ("run", "check"):
                result = self.run_hone(command, path)
                self.assertEqual((result.returncode, result.stdout), (INPUT, ""))
                self.assertIn(text, result.stderr)

    def test_a_report_that_cannot_be_written_fails_at_once(self):
        began = time.monotonic()
        result = self.run_hone("run", self.path, "--for", "30s", "--report", "/nonexistent/report.json")
        self.assertEqual(result.returncode, INPUT)
        self.assertLess(time.monotonic() - began, 20)

    def test_check_shows_and_draws(self):
        picture = os.path.join(self.folder.name, "graph.svg")
        result = self.run_hone("check", self.path, "--svg", picture)
        self.assertEqual(result.returncode, OK, result.stderr)
        self.assertIn("telemetry", result.stdout)
        with open(picture, encoding="utf-8") as file:
            self.assertIn("</svg>", file.read())
        json.loads(self.run_hone("check", self.path, "--json").stdout)
        self.assertTrue(self.run_hone("check", self.path, "--svg", "-").stdout.startswith("<svg"))

    def test_check_lists_fields(self):
        shown = self.run_hone("check", self.path).stdout
        self.assertRegex(shown, r"(?m)^│  cpu_busy f64, ")
        for line in shown.splitlines():
            self.assertLessEqual(len(line), 80, line)

    def test_check_cuts_a_long_list_of_fields(self):
        table = os.path.join(self.folder.name, "wide.csv")
        with open(table, "w", encoding="utf-8") as file:
            file.write(",".join(f"f{i}" for i in range(100)) + "\n" + ",".join(["1"] * 100) + "\n")
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(NODE.replace('"source.host"\ninterval = "20ms"', f'"source.csv"\npath = "{table}"'))
        shown = self.run_hone("check", self.path).stdout
        self.assertIn("f59 i64,\n│  ... and 40 more (--json lists all)\n", shown)
        self.assertNotIn("f60", shown)

    def test_a_path_that_cannot_be_written_is_named_as_given(self):
        words = ("check", self.path, "--svg", "/nonexistent/a.svg")
        result = self.run_hone(*words)
        self.assertEqual(result.returncode, INPUT)
        self.assertEqual(result.stderr,
                         "hone: /nonexistent/a.svg: --svg: cannot be written: there is no such folder\n")

    def test_a_device_is_written_to_not_replaced(self):
        device = os.path.join(self.folder.name, "full")
        os.symlink("/dev/full", device)
        result = self.run_hone("check", self.path, "--svg", device)
        self.assertEqual(result.returncode, INPUT)
        self.assertIn("No space left", result.stderr)
        self.assertEqual(os.readlink(device), "/dev/full")

    def write_to_standard_output(self):
        """Makes the node one that prints fast and without end."""
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(NODE.replace('"sink.null"', '"sink.ndjson"\npath = "-"').replace("20ms", "1ms"))

    def test_a_reader_that_goes_away_ends_the_run(self):
        self.write_to_standard_output()
        process = self.start()
        json.loads(process.stdout.readline())
        process.stdout.close()
        errors = process.stderr.read()
        process.stderr.close()
        self.assertEqual(process.wait(timeout=60), FAILED, errors)
        self.assertRegex(errors, r"\Ahone: standard output: stage 'out': the reader has gone away .*\n\Z")

    def test_a_reader_that_goes_away_is_not_worth_a_word_when_quiet(self):
        self.write_to_standard_output()
        process = self.start("--quiet")
        json.loads(process.stdout.readline())
        process.stdout.close()
        self.assertEqual(process.stderr.read(), "")
        process.stderr.close()
        self.assertEqual(process.wait(timeout=60), FAILED)

    def test_a_full_disk_ends_the_run(self):
        self.write_to_standard_output()
        with open("/dev/full", "wb") as full:
            result = subprocess.run([*HONE, "run", self.path, "--for", "20s"], stdout=full,
                                    stderr=subprocess.PIPE, text=True, check=False, env=self.env, timeout=60)
        self.assertEqual(result.returncode, FAILED, result.stderr)
        self.assertIn("stage 'out'", result.stderr)
        self.assertIn("no space", result.stderr)

    def test_a_second_signal_kills_what_cannot_drain(self):
        self.write_to_standard_output()
        process = self.start()  # nobody reads what it prints
        blocked = False
        for _ in range(400):
            stages = json.loads(self.run_hone("top", "--json").stdout)["nodes"][0]["stages"]
            blocked = blocked or stages[1]["queued_count"] > 0
            if blocked:
                break
            time.sleep(0.05)
        self.assertTrue(blocked)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=60), 130)
        _, errors = process.communicate()
        self.assertIn("killed", errors)
        self.assertEqual(self.run_hone("top", "--list").stdout, "")  # the page it left behind is stale

    def start(self, *words):
        if len(HONE) > 1:
            self.skipTest("an emulator invents the process's start time, so its live page looks stale")
        process = subprocess.Popen([*HONE, "run", self.path, *words], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=self.env)
        for _ in range(400):
            if self.run_hone("top", "--list").stdout == "cli-test\n":
                return process
            time.sleep(0.05)
        process.kill()
        self.fail("the node did not show up in hone top")

    def test_a_signal_stops_and_drains(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.start()
            process.send_signal(number)
            _, errors = process.communicate(timeout=60)
            self.assertEqual(process.returncode, OK, errors)
            self.assertIn("stopping", errors)
            self.assertIn("telemetry", errors)

    def test_top_sees_a_running_node(self):
        process = self.start()
        nodes = json.loads(self.run_hone("top", "--json").stdout)["nodes"]
        self.assertEqual([node["name"] for node in nodes], ["cli-test"])
        self.assertEqual(nodes[0]["pid"], process.pid if len(HONE) == 1 else nodes[0]["pid"])
        self.assertEqual([stage["name"] for stage in nodes[0]["stages"]], ["telemetry", "out"])
        self.assertIn("telemetry", self.run_hone("top", "--once").stdout)
        self.assertIn("telemetry", self.run_hone("top", str(nodes[0]["pid"])).stdout)
        result = self.run_hone("top", "cli-tset", "--once")
        self.assertEqual(result.returncode, INPUT)
        self.assertIn("did you mean 'cli-test'?", result.stderr)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(json.loads(self.run_hone("top", "--json").stdout), {"nodes": []})
        self.assertIn("No node", self.run_hone("top").stdout)

    def test_top_shows_partitions_and_pressure(self):
        with open(self.path, "a", encoding="utf-8") as file:
            file.write('[[partition]]\nname = "most"\nshare = 0.8\ncritical_share = 0.9\n')
        process = self.start("--set", "out.partition=most")
        for _ in range(400):  # the first look at memory comes a moment after the start
            node = json.loads(self.run_hone("top", "--json").stdout)["nodes"][0]
            if node["memory_pressure"]:
                break
            time.sleep(0.05)
        shown = self.run_hone("top", "--once").stdout
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        shares = [(each["name"], round(each["share"], 6), round(each["critical_share"], 6))
                  for each in node["partitions"]]
        self.assertEqual(shares, [("most", 0.8, 0.9), ("rest", 0.2, 0.2)])
        self.assertGreater(node["memory_pressure"]["looks_count"], 0)
        self.assertRegex(shown, r"(?m)^  pressure \S+ +\d+ %, peak \d+ % \(own \d+ %, cgroup .*, stall ")
        self.assertRegex(shown, r"(?m)^  PARTITION .* WAITING$")
        self.assertRegex(shown, r"(?m)^  most +80\.0 % .* 90\.0 % ")

    def test_a_setting_is_blamed_by_its_name(self):
        for setting, hint in (("node.pinning=x", ""), ("node.pinning=compat", "; did you mean 'compact'?")):
            result = self.run_hone("run", self.path, "--set", setting)
            self.assertEqual(result.returncode, INPUT)
            self.assertIn(f"setting '{setting}': 'pinning = ", result.stderr)
            self.assertIn(f'"scatter"{hint}\n', result.stderr)

    def test_top_leaves_with_the_node(self):
        process = self.start("--for", "2s")
        shown, code = on_terminal("top", "cli-test", "--interval", "100ms", HONE_RUNTIME_DIR=self.runtime)
        process.communicate(timeout=60)
        self.assertEqual(code, OK)
        self.assertIn("\x1b[?1049l", shown)
        self.assertIn("ended", shown.split("\x1b[?1049l")[1])



class Model(unittest.TestCase):
    LINEAR = os.path.join(CORPORA, "onnx", "linear.onnx")
    ROW = os.path.join(CORPORA, "npy", "row.npy")

    def test_info_shows_what_it_takes(self):
        shown = hone("model", "info", os.path.join(CORPORA, "onnx", "conv_net.onnx"), "--batch", "2")
        self.assertEqual(shown.returncode, OK, shown.stderr)
        self.assertIn("f32[2, 3, 16, 12]", shown.stdout)
        self.assertRegex(shown.stdout, r"parameters +501\n")
        self.assertRegex(shown.stdout, r"results .* no plan can be below")

    def test_run_prints_or_writes_the_output(self):
        shown = hone("model", "run", self.LINEAR, "--input", self.ROW)
        self.assertEqual(shown.returncode, OK, shown.stderr)
        self.assertIn("\n15 27 35\n", shown.stdout)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "y.npy")
            written = hone("model", "run", self.LINEAR, "--input", self.ROW, "--output", path)
            self.assertEqual((written.returncode, written.stdout), (OK, ""), written.stderr)
            with open(path, "rb") as file:
                self.assertEqual(struct.unpack("<3f", file.read()[-12:]), (15, 27, 35))

    def test_mistakes_are_told(self):
        cases = [
            (["frob", self.LINEAR], USAGE, "info or run"),
            (["run", self.LINEAR], USAGE, "hone: the model has 1 input, but --input was given 0 times "
             "('hone model info FILE' shows them)\n"),
            (["run", self.LINEAR, "-i", self.ROW, "-i", self.ROW], USAGE, "--input was given 2 times"),
            (["run", self.LINEAR, "-i", os.path.join(CORPORA, "npy", "code.npy")], INPUT,
             "npy/code.npy: "),
            (["run", self.LINEAR, "-i", os.path.join(CORPORA, "npy", "scalar.npy")], INPUT,
             "npy/scalar.npy: the array for input 'x' is i64[], wanted f32[1, 2]\n"),
            (["run", self.LINEAR, "-i", "nowhere.npy"], INPUT, "hone: cannot read 'nowhere.npy'"),
            (["info", self.LINEAR, "-i", self.ROW], USAGE, "--input goes with 'hone model run'"),
            (["info", self.LINEAR, "-o", "y.npy"], USAGE, "--output goes with 'hone model run'"),
            (["info", os.path.join(CORPORA, "onnx", "missing_operators.onnx")], INPUT,
             "; docs/nn.md lists what is supported\n"),
            (["info", os.path.join(CORPORA, "onnx", "missing_operators.onnx")], INPUT,
             "LSTM-13 (node 'two')"),
            (["run", self.LINEAR, "-i", self.ROW, "-o", "/nonexistent/y.npy"], INPUT,
             "hone: /nonexistent/y.npy: --output: cannot be written: there is no such folder\n"),
            (["info", self.ROW], INPUT, "row.npy: is no ONNX model ("),
            (["info", "nowhere.onnx"], INPUT, "nowhere.onnx"),
        ]
        for words, code, message in cases:
            told = hone("model", *words)
            self.assertEqual(told.returncode, code, words)
            self.assertIn(message, told.stderr)


if __name__ == "__main__":
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    HONE = [*sys.argv[2:split], os.path.abspath(sys.argv[1])]
    unittest.main(argv=[sys.argv[0], *sys.argv[split + 1:]])
