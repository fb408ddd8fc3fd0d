#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What people and machines do wrong to a node, through the hone command.

Whatever it is: one clear message that says where, an exit code that is not 0 where the job failed, and
nothing lost of what was already taken in.

Usage: bad_input_test.py HONE [EMULATOR...] -- [unittest arguments]
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HONE = []  # filled from the command line
OK, FAILED, INPUT = 0, 1, 3

CSV_TO_CSV = """
[[stage]]
name = "in"
kind = "source.csv"
path = "{folder}/in.csv"
{options}
[[stage]]
name = "keep"
kind = "filter"
from = "in"
where = "{where}"
[[stage]]
name = "out"
kind = "sink.csv"
from = "keep"
path = "{folder}/out.csv"
"""

HOST_TO = """
[[stage]]
name = "host"
kind = "source.host"
interval = "1ms"
[[stage]]
name = "out"
kind = "{kind}"
from = "host"
path = "{path}"
"""

REPLAY = """
[[stage]]
name = "in"
kind = "source.replay"
path = "{path}"
[[stage]]
name = "out"
kind = "sink.csv"
from = "in"
path = "{out}"
"""


def environment():
    plain = {key: value for key, value in os.environ.items() if not key.startswith("HONE_")}
    plain["LC_ALL"] = "C.UTF-8"
    return plain


def hone(*words, **options):
    options.setdefault("stdout", subprocess.PIPE)
    return subprocess.run([*HONE, *words], stderr=subprocess.PIPE, text=True, timeout=120, check=False,
                          env=environment(), stdin=options.pop("stdin", subprocess.DEVNULL), **options)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="hone-bad-input-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.node = self.path("node.toml")

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        mode = "wb" if isinstance(content, bytes) else "w"
        with open(self.path(name), mode) as file:
            file.write(content)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def csv_node(self, options="", where="n >= 0"):
        self.write("node.toml", CSV_TO_CSV.format(folder=self.folder, options=options, where=where))

    def check_message(self, result, code, pattern):
        """One line on standard error, no more; {f} stands for the folder."""
        self.assertEqual(result.returncode, code, result.stderr)
        pattern = pattern.replace("{f}", re.escape(self.folder))
        self.assertRegex(result.stderr, rf"\A{pattern}\n\Z")
        return result

    def check_run(self, code, pattern, *words, **options):
        return self.check_message(hone("run", "--quiet", self.node, *words, **options), code, pattern)

    def report(self, *words, **options):
        """Runs with a report; returns the result and the stages by name."""
        result = hone("run", "--quiet", self.node, "--report", self.path("report.json"), *words, **options)
        with open(self.path("report.json"), encoding="utf-8") as file:
            report = json.load(file)
        return result, report, {stage["name"]: stage for stage in report["stages"]}


class NodeFile(Case):
    def test_missing(self):
        for command in ("run", "check"):
            result = hone(command, self.path("none.toml"))
            self.check_message(result, INPUT, r"hone: there is no node file '{f}/none\.toml': look .*")

    def test_a_directory(self):
        for command in ("run", "check"):
            result = hone(command, self.folder)
            self.check_message(result, INPUT, r"hone: cannot read '{f}': it is a directory, not a file")

    def test_empty(self):
        self.write("node.toml", "")
        self.check_run(INPUT, r"hone: {f}/node\.toml: a node needs at least one stage.*")

    def test_mistakes_are_told_with_line_and_stage(self):
        good = ('[[stage]]\nname = "in"\nkind = "source.host"\n'
                '[[stage]]\nname = "out"\nkind = "sink.null"\nfrom = "in"\n')
        for content, pattern in (
                (good.replace("sink.null", "sink.nul"),
                 r":6:8: stage 'out': .*'sink\.nul'; did you mean 'sink\.null'\?"),
                (good.replace("from", "form"), r":7:1: stage 'out': .*no key 'form'; did you mean 'from'\?"),
                (good + 'interval = "1s"\n', r":8:1: stage 'out': kind 'sink\.null' has no key 'interval'.*"),
                (good.replace('"in"\n', '"inn"\n').replace('name = "inn"', 'name = "in"'),
                 r":7:8: stage 'out': there is no stage 'inn'; did you mean 'in'\?"),
                (good + '[[stage]]\nname = "a"\nkind = "filter"\nwhere = "true"\nfrom = "b"\n'
                 '[[stage]]\nname = "b"\nkind = "filter"\nwhere = "true"\nfrom = "a"\n',
                 r":12:8: stage 'a': .* in a circle: 'a' takes from 'b' takes from 'a'.*"),
                (good.replace('from = "in"\n', ""), r":4:3: stage 'out': nothing comes in.*"),
                (good + '[[stage]]\nname = "more"\nkind = "source.host"\n',
                 r":8:3: stage 'more': nothing takes what it gives.*"),
                (good.replace('"in"\nkind', '"in\nkind', 1), r":2:11: the string is not closed.*"),
        ):
            for command in (["check"], ["run", "--quiet"]):
                self.write("node.toml", content)
                result = hone(*command, self.node)
                self.check_message(result, INPUT, r"hone: {f}/node\.toml" + pattern)

    def test_fields_are_checked_before_anything_runs(self):
        self.write("in.csv", "n,cell\n1,a\n")
        for where, pattern in (
                ("m > 0", r"hone: {f}/node\.toml:\d+:\d+: stage 'keep': there is no field 'm'.*"),
                ("cel == 'a'", r"hone: {f}/node\.toml:\d+:\d+: stage 'keep': .*; did you mean 'cell'\?.*"),
                ("cell > 0", r"hone: {f}/node\.toml:\d+:\d+: stage 'keep': .*text.*"),
                ("n + 1", r"hone: {f}/node\.toml:\d+:\d+: stage 'keep': .*must be true or false.*"),
                ("n >", r"hone: {f}/node\.toml:\d+:\d+: stage 'keep': .*")):
            self.csv_node(where=where)
            self.check_run(INPUT, pattern)
            self.assertFalse(os.path.exists(self.path("out.csv")))

    def test_a_file_that_changes_while_it_runs(self):
        self.write("node.toml", HOST_TO.format(kind="sink.csv", path=self.path("out.csv")))
        def change():
            time.sleep(0.3)
            self.write("node.toml", "nothing that could be run")
        changer = threading.Thread(target=change)
        changer.start()
        result, report, stages = self.report("--for", "1s")
        changer.join()
        self.check_message(result, OK, r".*{f}/node\.toml was changed or removed while the node ran; "
                                       r"this run used it as it was at the start")
        self.assertTrue(report["is_file_changed"])
        self.assertEqual(len(self.read("out.csv").splitlines()) - 1, stages["host"]["records_in"])


class Data(Case):
    def test_missing_directory_empty(self):
        place = r"hone: {f}/node\.toml:5:8: stage 'in': cannot read '{f}/in\.csv': "
        self.csv_node()
        self.check_run(INPUT, place + r"No such file.*")
        os.mkdir(self.path("in.csv"))
        self.check_run(INPUT, place + r".*directory.*")
        os.rmdir(self.path("in.csv"))
        self.write("in.csv", "")
        self.check_run(INPUT, r"hone: {f}/in\.csv:1: stage 'in': the file is empty.*")

    def check_rows(self, content, pattern, rows_count, options=""):
        self.write("in.csv", content)
        self.csv_node(options)
        result, report, stages = self.report()
        self.check_message(result, FAILED, pattern)
        self.assertEqual(len(self.read("out.csv").splitlines()) - 1, rows_count)
        self.assertEqual(stages["out"]["records_out"], rows_count)
        self.assertEqual(report["records_undelivered"], 0)
        self.assertNotEqual(report["error"], None)

    def test_a_row_with_too_few_fields(self):
        rows = "".join(f"{i},x\n" for i in range(5000))
        self.check_rows(f"n,t\n{rows}7\n{rows}",
                        r"hone: {f}/in\.csv:5002: stage 'in': the row has 1 field, but 2.*", 5000)

    def test_text_where_a_number_belongs(self):
        rows = "".join(f"{i},x\n" for i in range(5000))
        self.check_rows(f"n,t\n{rows}many,y\n{rows}",
                        r"hone: {f}/in\.csv:5002: stage 'in': field 'n': 'many' is no i64.*", 5000)

    def test_standard_input_is_named(self):
        self.csv_node()
        with open(self.write("stdin", "n,t\n1,a\n2\n"), "rb") as file:
            self.check_run(FAILED, r"hone: standard input:3: stage 'in': the row has 1 field, but 2.*",
                           "--set", "in.path=-", stdin=file)

    def test_bad_rows_may_be_skipped(self):
        rows = "".join(f"{i},x\n" for i in range(5000))
        self.write("in.csv", f"n,t\n{rows}many,y\n7\n{rows}")
        self.csv_node('on_error = "skip"')
        result, _, stages = self.report()
        self.check_message(result, OK, r".*{f}/in\.csv:5002: stage 'in': .* skipped and counted\)")
        self.assertEqual(stages["in"]["records_skipped"], 2)
        self.assertEqual(stages["out"]["records_out"], 10000)

    def test_a_line_of_a_gigabyte(self):
        self.csv_node()
        with open(self.path("in.csv"), "wb") as file:
            file.write(b"n,t\n1,a\n2,b\n3,")
            file.truncate(1 << 30)  # a hole: zero bytes without a line end
        result, report, stages = self.report()
        self.check_message(result, FAILED, r"hone: {f}/in\.csv:4: stage 'in': .*longer than the maximum of "
                                           r"1048576 bytes.*")
        self.assertEqual(stages["out"]["records_out"], 2)
        self.assertLess(report["memory_peak_bytes"], 16 << 20)

    def test_a_line_of_a_gigabyte_of_json(self):
        self.write("node.toml", f"""
[[stage]]
name = "in"
kind = "source.ndjson"
path = "{self.path("in.ndjson")}"
[[stage]]
name = "out"
kind = "sink.ndjson"
from = "in"
path = "{self.path("out.ndjson")}"
""")
        with open(self.path("in.ndjson"), "wb") as file:
            file.write(b'{"n":1}\n{"n":2}\n{"n":"')
            file.truncate(1 << 30)
        result, report, stages = self.report()
        self.check_message(result, FAILED, r"hone: {f}/in\.ndjson:3: stage 'in': .*")
        self.assertEqual(stages["out"]["records_out"], 2)
        self.assertLess(report["memory_peak_bytes"], 16 << 20)
        self.write("in.ndjson", '{"n":1}\n{"n":\n{"n":3}\n')
        result, _, stages = self.report()
        self.check_message(result, FAILED, r"hone: {f}/in\.ndjson:2(:\d+)?: stage 'in': .*")
        self.assertEqual(stages["out"]["records_out"], 1)
        self.write("in.ndjson", "")
        self.check_run(INPUT, r"hone: {f}/in\.ndjson:1: stage 'in': there is no JSON object.*")


class Output(Case):
    def check_full(self, path, kind):
        self.write("node.toml", HOST_TO.format(kind=kind, path=path))
        result, report, stages = self.report("--for", "10s")
        self.check_message(result, FAILED, r"hone: .*stage 'out': .*(no space is left after \d+ records|"
                                           r"No space left on device).*")
        out = stages["out"]
        self.assertLess(report["elapsed_ns"], 9e9)  # it ended because of this
        self.assertEqual(stages["host"]["records_in"], out["records_in"])
        self.assertEqual(out["records_in"], out["records_out"] + out["records_undelivered"])
        return out

    def test_a_device_that_is_always_full(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        for kind in ("sink.csv", "sink.ndjson", "sink.record"):
            self.assertEqual(self.check_full("/dev/full", kind)["records_out"], 0)

    def test_a_small_disk(self):
        """What the report calls written is on the disk."""
        disk = self.path("disk")
        os.mkdir(disk)
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk],
                                               stderr=subprocess.DEVNULL, check=False).returncode != 0:
            self.skipTest("cannot mount a tmpfs")
        self.addCleanup(subprocess.run, ["umount", disk], check=True)
        for kind, header_lines in (("sink.csv", 1), ("sink.ndjson", 0)):
            out = self.check_full(os.path.join(disk, "out"), kind)
            with open(os.path.join(disk, "out"), encoding="utf-8") as file:
                complete = file.read().count("\n") - header_lines
            self.assertGreater(complete, 0)
            self.assertLessEqual(out["records_out"], complete)
            os.unlink(os.path.join(disk, "out"))
        out = self.check_full(os.path.join(disk, "out"), "sink.record")
        self.write("node.toml", REPLAY.format(path=os.path.join(disk, "out"), out=self.path("out.csv")))
        _, _, stages = self.report()
        self.assertGreater(out["records_out"], 0)
        self.assertEqual(stages["out"]["records_out"], out["records_out"])

    def test_standard_output_is_closed(self):
        self.write("node.toml", HOST_TO.format(kind="sink.ndjson", path="-"))
        result = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *HONE, "run", "--quiet", self.node],
                                stderr=subprocess.PIPE, text=True, check=False, env=environment(), timeout=60)
        self.check_message(result, FAILED,
                           r"hone: standard output: stage 'out': writing failed: .* after 0 records")

    def test_the_reader_goes_away(self):
        self.write("node.toml", HOST_TO.format(kind="sink.ndjson", path="-"))
        child = subprocess.Popen([*HONE, "run", "--for", "20s", self.node], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True, env=environment())
        json.loads(child.stdout.readline())
        child.stdout.close()
        started = time.monotonic()
        stderr = child.stderr.read()
        child.stderr.close()
        code = child.wait(timeout=60)
        self.assertLess(time.monotonic() - started, 15)
        self.check_message(subprocess.CompletedProcess([], code, "", stderr), FAILED,
                           r"hone: .*stage 'out': .*(reader|pipe).*")

    def test_a_file_that_two_stages_use(self):
        """A sink that truncates what a source reads, sinks that overwrite each other or share a pipe."""
        sink = '[[stage]]\nname = "second"\nkind = "sink.csv"\nfrom = "in"\npath = "{path}"\n'
        node = CSV_TO_CSV.format(folder=self.folder, options="", where="true")
        self.write("in.csv", "a\n1\n")
        os.symlink("in.csv", self.path("link.csv"))
        self.write("node.toml", node.replace("out.csv", "link.csv"))
        self.check_run(INPUT,
                       r"hone: .*node\.toml:\d+:\d+: stage '(in|out)': "
                       r"stage '(in|out)' (reads|writes) the same file, .*")
        self.write("node.toml", node + sink.format(path=self.path("./out.csv")))
        self.check_run(INPUT, r"hone: .*: stage 'second': stage 'out' writes the same file, .*")
        self.write("node.toml", node.replace(self.path("out.csv"), "-") + sink.format(path="-"))
        self.check_run(INPUT,
                       r"hone: .*: stage '(out|second)': stage '(second|out)' writes the same file, '-': .*")
        self.write("node.toml", node.replace("out.csv", "node.toml"))
        self.check_run(INPUT, r"hone: .*: stage 'out': .* is the node file itself.*")
        self.assertEqual(self.read("in.csv"), "a\n1\n")

    def test_names_that_a_terminal_would_obey(self):
        self.write("in.csv", "n\n1\n")
        node = CSV_TO_CSV.format(folder=self.folder, options="", where="true")
        self.write("node.toml", node.replace('"keep"', '"ke\\u001b[31mep"'))
        self.check_run(INPUT, r"hone: .*node\.toml:\d+:\d+: stage 'ke\?\[31mep': .* control character.*")
        self.write("node.toml", '[node]\nname = "a\\nb"\n' + node)
        self.check_run(INPUT, r"hone: .*node\.toml:2:8: .* control character.*")

    def test_an_output_folder_that_is_not_there(self):
        self.write("node.toml", HOST_TO.format(kind="sink.csv", path=self.path("none/out.csv")))
        self.check_run(INPUT, r"hone: {f}/node\.toml:10:8: stage 'out': .*{f}/none/out\.csv.*")


class Ends(Case):
    def test_an_interrupt_drains(self):
        self.write("node.toml", HOST_TO.format(kind="sink.csv", path=self.path("out.csv")))
        child = subprocess.Popen([*HONE, "run", "--quiet", self.node, "--report", self.path("report.json")],
                                 stderr=subprocess.PIPE, text=True, env=environment())
        time.sleep(0.5)
        child.send_signal(signal.SIGINT)
        _, stderr = child.communicate(timeout=60)
        with open(self.path("report.json"), encoding="utf-8") as file:
            report = json.load(file)
        self.assertEqual(stderr, "hone: stopping: draining what is in flight (once more to kill)\n")
        self.assertEqual(child.returncode, OK)
        self.assertGreater(report["records_in"], 0)
        self.assertEqual(len(self.read("out.csv").splitlines()) - 1, report["records_in"])

    def test_a_killed_recording_can_be_replayed(self):
        """The blocks that were written whole are read; only a torn end may be missing."""
        record = self.path("host.hrec")
        self.write("node.toml", HOST_TO.format(kind="sink.record", path=record))
        child = subprocess.Popen([*HONE, "run", "--quiet", self.node], stderr=subprocess.DEVNULL,
                                 env=environment())
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if os.path.exists(record) and os.path.getsize(record) >= 100000:
                break
            time.sleep(0.05)
        child.kill()
        child.wait()
        self.assertGreaterEqual(os.path.getsize(record), 100000)
        self.write("node.toml", REPLAY.format(path=record, out=self.path("out.csv")))
        for cut in (0, 1, 7, 100, 5000):
            os.truncate(record, os.path.getsize(record) - cut)
            result, _, stages = self.report()
            rows = self.read("out.csv").splitlines()[1:]
            self.assertGreater(len(rows), 50)
            self.assertEqual(stages["out"]["records_out"], len(rows))
            times = [row.split(",")[0] for row in rows]
            self.assertEqual(times, sorted(times))
            if result.returncode != OK:
                self.check_message(result, FAILED, r"hone: .*stage 'in': .*")


if __name__ == "__main__":
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    HONE[:] = [*sys.argv[2:split], os.path.abspath(sys.argv[1])]
    unittest.main(argv=[sys.argv[0], *sys.argv[split + 1:]])
