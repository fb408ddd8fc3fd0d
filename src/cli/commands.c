/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table: every command, option, exit code and variable of hone. Parser, help, man page and
 * shell completion read it; nothing of it is written down twice.
 */
#include "session_internal.h"

#include "build_info.h"

#define COUNT_OF(array) ((uint32_t)(sizeof(array) / sizeof *(array)))

static const char json_help[] = "print JSON for programs instead of text for people";

static const char *const shells[] = {"bash", "zsh", "fish", NULL};

static const hn_cli_option run_options[] = {
    {.name = "for",
     .letter = 'f',
     .type = HN_CLI_OPTION_DURATION,
     .argument = "DURATION",
     .help = "stop the sources after this time (500ms, 10s, 2m, 1h), then drain"},
    {.name = "records",
     .letter = 'n',
     .type = HN_CLI_OPTION_COUNT,
     .argument = "N",
     .help = "stop the sources after N records in all, then drain"},
    {.name = "report",
     .letter = 'r',
     .type = HN_CLI_OPTION_FILE,
     .argument = "FILE",
     .help = "also write the report to FILE, as JSON (*.json) or as one page with plots (*.html)"},
    {.name = "set",
     .letter = 's',
     .type = HN_CLI_OPTION_ASSIGNMENT,
     .repeats = true,
     .argument = "KEY=VALUE",
     .help = "change a key of the node file for this run: node.KEY or STAGE.KEY; VALUE as in TOML, "
             "quotes may be left out"},
    {.name = "quiet",
     .letter = 'q',
     .type = HN_CLI_OPTION_FLAG,
     .help = "no progress line and no report on standard error"},
    {.name = "progress",
     .letter = 'p',
     .type = HN_CLI_OPTION_FLAG,
     .help = "print progress even where standard error is no terminal, a line every second"},
    {.name = "root",
     .type = HN_CLI_OPTION_FOLDER,
     .argument = "DIR",
     .env = "HONE_ROOT",
     .help = "read the power supply below DIR: the copy of another machine's files"},
    {.name = "calibration",
     .type = HN_CLI_OPTION_FOLDER,
     .argument = "DIR",
     .env = "HONE_CALIBRATION",
     .help = "use the figures that 'hone detect --calibrate' has kept in DIR; without it those in "
             "its usual place, if there are any"},
};

static const hn_cli_option check_options[] = {
    {.name = "svg",
     .type = HN_CLI_OPTION_FILE,
     .argument = "FILE",
     .help = "draw the graph into FILE; - prints the drawing instead of the list"},
    {.name = "set",
     .letter = 's',
     .type = HN_CLI_OPTION_ASSIGNMENT,
     .repeats = true,
     .argument = "KEY=VALUE",
     .help = "change a key of the node file first, as with run"},
    {.name = "root",
     .type = HN_CLI_OPTION_FOLDER,
     .argument = "DIR",
     .env = "HONE_ROOT",
     .help = "read the power supply below DIR: the copy of another machine's files"},
    {.name = "json", .letter = 'j', .type = HN_CLI_OPTION_FLAG, .help = json_help},
};

static const hn_cli_option machine_options[] = {
    {.name = "json", .letter = 'j', .type = HN_CLI_OPTION_FLAG, .help = json_help},
    {.name = "root",
     .type = HN_CLI_OPTION_FOLDER,
     .argument = "DIR",
     .env = "HONE_ROOT",
     .help = "read /proc and /sys below DIR: the copy of another machine's files"},
};

static const hn_cli_option detect_options[] = {
    {.name = "json", .letter = 'j', .type = HN_CLI_OPTION_FLAG, .help = json_help},
    {.name = "root",
     .type = HN_CLI_OPTION_FOLDER,
     .argument = "DIR",
     .env = "HONE_ROOT",
     .help = "read /proc and /sys below DIR: the copy of another machine's files"},
    {.name = "calibrate",
     .letter = 'c',
     .type = HN_CLI_OPTION_FLAG,
     .help = "first measure what this host costs (some seconds, on an idle machine) and keep it"},
    {.name = "force",
     .letter = 'f',
     .type = HN_CLI_OPTION_FLAG,
     .help = "with --calibrate: keep the figures even if the machine was busy meanwhile"},
    {.name = "calibration",
     .type = HN_CLI_OPTION_FOLDER,
     .argument = "DIR",
     .env = "HONE_CALIBRATION",
     .help = "keep the figures in DIR; without it in ~/.local/state/hone/calibration, or below "
             "XDG_STATE_HOME"},
};

static const hn_cli_option bench_options[] = {
    {.name = "list",
     .letter = 'l',
     .type = HN_CLI_OPTION_FLAG,
     .help = "list the suites that are there, one name a line"},
    {.name = "suites",
     .type = HN_CLI_OPTION_FOLDER,
     .argument = "DIR",
     .env = "HONE_SUITES",
     .help = "look for suites (hone-bench-NAME) in DIR; without it in ../libexec/hone beside the "
             "program"},
    {.name = "old",
     .type = HN_CLI_OPTION_TEXT,
     .argument = "COMMAND",
     .help = "compare two command lines in turns: this is the old one"},
    {.name = "new",
     .type = HN_CLI_OPTION_TEXT,
     .argument = "COMMAND",
     .help = "and this the new one, which is to be judged"},
    {.name = "threshold",
     .type = HN_CLI_OPTION_PERCENT,
     .argument = "PERCENT",
     .fallback = "5",
     .help = "with --old and --new: smaller changes count as the same"},
    {.name = "quick",
     .type = HN_CLI_OPTION_FLAG,
     .help = "with --old and --new: an eighth of the time, wider intervals"},
    {.name = "strict",
     .type = HN_CLI_OPTION_FLAG,
     .help = "with --old and --new: exit with 2 when the verdict is inconclusive"},
    {.name = "json",
     .letter = 'j',
     .type = HN_CLI_OPTION_FLAG,
     .help = "print JSON: the list of suites with --list, the comparison with --old and --new"},
    {.name = "html",
     .type = HN_CLI_OPTION_FILE,
     .argument = "FILE",
     .help = "with --old and --new: write the comparison as one page with plots"},
};

static const hn_cli_option model_options[] = {
    {.name = "input",
     .letter = 'i',
     .type = HN_CLI_OPTION_FILE,
     .repeats = true,
     .argument = "FILE",
     .help = "with run: an array (.npy) for an input of the model; once for each, in their order"},
    {.name = "output",
     .letter = 'o',
     .type = HN_CLI_OPTION_FILE,
     .argument = "FILE",
     .help = "with run: write the output there (.npy) instead of printing its first values"},
    {.name = "batch",
     .letter = 'b',
     .type = HN_CLI_OPTION_COUNT,
     .argument = "N",
     .fallback = "1",
     .help = "what the model's dimensions without a number become"},
};

static const hn_cli_option top_options[] = {
    {.name = "once",
     .letter = '1',
     .type = HN_CLI_OPTION_FLAG,
     .help = "print one table and end (also what happens where standard output is no terminal)"},
    {.name = "json",
     .letter = 'j',
     .type = HN_CLI_OPTION_FLAG,
     .help = "print one JSON document and end"},
    {.name = "list",
     .letter = 'l',
     .type = HN_CLI_OPTION_FLAG,
     .help = "print the names of the nodes that run, one a line"},
    {.name = "interval",
     .letter = 'i',
     .type = HN_CLI_OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "500ms",
     .help = "time between two looks"},
};

static const char *const lyra_forms[] = {"output", "input", "full", NULL};

static const hn_cli_option lyra_options[] = {
    {.name = "code",
     .letter = 'c',
     .type = HN_CLI_OPTION_TEXT,
     .argument = "EXPR",
     .help = "evaluate EXPR and print its value"},
    {.name = "form",
     .type = HN_CLI_OPTION_TEXT,
     .argument = "FORM",
     .choices = lyra_forms,
     .fallback = "output",
     .help = "how values are printed: as OutputForm, InputForm or FullForm"},
};

static const hn_cli_option version_options[] = {
    {.name = "json", .letter = 'j', .type = HN_CLI_OPTION_FLAG, .help = json_help},
};

static const hn_cli_option help_options[] = {
    {.name = "man", .type = HN_CLI_OPTION_FLAG, .help = "print the man page, for man -l"},
    {.name = "completion",
     .type = HN_CLI_OPTION_TEXT,
     .argument = "SHELL",
     .choices = shells,
     .help = "print a completion script for this shell"},
};

static const char *const vector_metrics[] = {"cosine", "l2", "dot", NULL};
static const char *const vector_storages[] = {"i8", "f32", "f16", "bf16", NULL};

static const hn_cli_option vector_options[] = {
    {.name = "metric",
     .type = HN_CLI_OPTION_TEXT,
     .argument = "NAME",
     .choices = vector_metrics,
     .help = "build: what near means; without it cosine"},
    {.name = "storage",
     .type = HN_CLI_OPTION_TEXT,
     .argument = "NAME",
     .choices = vector_storages,
     .help = "build: how vectors are kept; without it i8, two bytes an element"},
    {.name = "links",
     .type = HN_CLI_OPTION_COUNT,
     .argument = "N",
     .help = "build: links of a vector in the graph, 4 to 64; without it 16"},
    {.name = "width",
     .letter = 'w',
     .type = HN_CLI_OPTION_COUNT,
     .argument = "N",
     .help = "build, search: how wide the walk through the graph is: wider finds more and takes "
             "longer; without it 200 and 64"},
    {.name = "seed",
     .type = HN_CLI_OPTION_COUNT,
     .argument = "N",
     .help = "build: of the levels of the graph"},
    {.name = "first-key",
     .type = HN_CLI_OPTION_COUNT,
     .argument = "N",
     .help =
         "build, add: the key of the first row, the next ones count on; without it 0 for build, "
         "and what follows the largest key for add"},
    {.name = "count",
     .letter = 'k',
     .type = HN_CLI_OPTION_COUNT,
     .argument = "N",
     .help = "search: how many of the nearest; without it 10"},
    {.name = "exact",
     .type = HN_CLI_OPTION_FLAG,
     .help = "search: look at every vector instead of walking the graph"},
    {.name = "json",
     .letter = 'j',
     .type = HN_CLI_OPTION_FLAG,
     .help = "search: an object of JSON a query and line; info: one object"},
};

static const hn_command commands[] = {
    {
        .name = "run",
        .summary = "Run a node until its sources end",
        .description =
            "Runs the node that the TOML file describes: its stages, joined by channels, until "
            "every source has ended, until --for or --records, or until Ctrl-C.\n\n"
            "However it ends, sources stop first and all that was taken in is drained, so nothing "
            "is lost; a second Ctrl-C gives up draining and kills the process. Then a report goes "
            "to standard error: records in, out and dropped per stage, latencies, throughput, and "
            "memory against the budget. Standard output belongs to the node's own sinks "
            "(path = \"-\").",
        .operand = "FILE",
        .operands_min = 1,
        .operands_max = 1,
        .completion = HN_COMPLETION_NODE_FILES,
        .options = run_options,
        .options_count = COUNT_OF(run_options),
        .examples =
            "hone run node.toml --for 10s  # ten seconds of it, then the report\n"
            "hone run node.toml --report report.html > out.ndjson  # records to a file, the report "
            "as a page\n"
            "hone run node.toml --set telemetry.interval=1s  # another value for one key",
        .run = hn_command_run,
    },
    {
        .name = "check",
        .summary = "Check a node file and draw its graph, without running it",
        .description =
            "Loads the node that the TOML file describes, wires its stages and checks the type of "
            "every field, and runs nothing. Prints the stages in the order of the flow, each with "
            "the fields that it hands on.\n\n"
            "The first mistake is told with file, line, column, stage and field, and the exit code "
            "is 3.",
        .operand = "FILE",
        .operands_min = 1,
        .operands_max = 1,
        .completion = HN_COMPLETION_NODE_FILES,
        .options = check_options,
        .options_count = COUNT_OF(check_options),
        .examples = "hone check node.toml  # is it all right?\n"
                    "hone check node.toml --svg graph.svg  # and draw it",
        .run = hn_command_check,
    },
    {
        .name = "detect",
        .summary = "Show what this machine offers to this process",
        .description =
            "Shows what the machine offers to this very process: instruction sets, caches, NUMA "
            "nodes, huge pages, CPUs and memory after affinity, cpuset and every cgroup level, "
            "clocks, power, hardware security and kernel features; then which optimisations follow "
            "from it, and why.\n\n"
            "With --calibrate it also measures: cache and memory latencies, what small and huge "
            "pages cost, bandwidth, waking a thread, a system call. The figures are kept for this "
            "host, shown with their spread and their age from then on, and decide what is advised "
            "about huge pages. A figure whose samples were all disturbed is n/a. Where other "
            "programs used the CPUs meanwhile, nothing is kept, unless --force says so; then every "
            "'hone detect' warns.\n\n"
            "Present, absent and forbidden are three different answers: what is missing is n/a "
            "with its reason, never 0.",
        .completion = HN_COMPLETION_NONE,
        .options = detect_options,
        .options_count = COUNT_OF(detect_options),
        .examples = "hone detect  # this machine\n"
                    "hone detect --calibrate  # measure it first\n"
                    "hone detect --json | jq .facts.memory  # one group of it, for a program\n"
                    "hone detect --root fixtures/laptop  # a machine that was copied to a folder",
        .run = hn_command_detect,
    },
    {
        .name = "doctor",
        .summary = "Find settings of the machine that cost speed, and say what to do",
        .description =
            "Goes through a checklist of settings that cost speed, steadiness or safety: CPU "
            "governor, huge pages, limits, affinity, real-time scheduling, hardware security. Says "
            "for each what was found, what it costs, and the exact command that changes it. It "
            "changes nothing itself, and advice is no failure: the exit code is 0.",
        .completion = HN_COMPLETION_NONE,
        .options = machine_options,
        .options_count = COUNT_OF(machine_options),
        .examples = "hone doctor  # the whole list\n"
                    "hone doctor --json  # for a program",
        .run = hn_command_doctor,
    },
    {
        .name = "bench",
        .summary = "Measure hone's own suites, or compare two commands",
        .description =
            "Runs bench suites of the performance lab, each a program of its own; what stands "
            "behind the first name of a suite and begins with a dash is passed on to it (try "
            "'hone bench SUITE --help'). Without a suite, lists them.\n\n"
            "With --old and --new it compares two command lines instead: both run in turns, "
            "disturbed samples are set aside, and the verdict is improved, same, regressed or "
            "inconclusive. Quotes work as in a shell; variables and wildcards do not.",
        .operand = "SUITE",
        .operands_max = 64,
        .completion = HN_COMPLETION_SUITES,
        .passes_rest = true,
        .options = bench_options,
        .options_count = COUNT_OF(bench_options),
        .examples =
            "hone bench  # which suites are there?\n"
            "hone bench node --peers  # one of them, beside its peers, in one interleaved run\n"
            "hone bench --old './app-1.0 in' --new './app-1.1 in'  # is the new one slower?",
        .run = hn_command_bench,
    },
    {
        .name = "model",
        .summary = "Look at a neural network, or run it on arrays",
        .description =
            "Loads the ONNX model in FILE. With 'info' shows its inputs and outputs, parameters, "
            "multiply-adds, and the memory it takes: weights, and all intermediate results in one "
            "block, beside the least that any plan needs. With 'run' computes its outputs for the "
            "arrays given.\n\n"
            "Operators that are not supported are named, all of them, with version and node.",
        .operand = "ACTION FILE",
        .operands_min = 2,
        .operands_max = 2,
        .completion = HN_COMPLETION_NONE,
        .options = model_options,
        .options_count = COUNT_OF(model_options),
        .examples = "hone model info model.onnx  # what does it take?\n"
                    "hone model run model.onnx --input x.npy  # what does it say to x?\n"
                    "hone model run model.onnx --input x.npy --output y.npy  # for a program",
        .run = hn_command_model,
    },
    {
        .name = "top",
        .summary = "Watch the live counters of running nodes",
        .description =
            "Shows the nodes of this user that run now: records in, out and dropped per stage, "
            "rates, latencies, and memory against the budget, read from the page that every "
            "running node keeps up to date; watching costs the node nothing. NODE is the name of a "
            "node or the number of its process; without it, all are shown.\n\n"
            "Keys: q ends.",
        .operand = "NODE",
        .operands_max = 1,
        .completion = HN_COMPLETION_NODES,
        .options = top_options,
        .options_count = COUNT_OF(top_options),
        .examples = "hone top  # all nodes, live\n"
                    "hone top host-watch --json  # one look at one node, for a program",
        .run = hn_command_top,
    },
    {
        .name = "lyra",
        .summary = "Evaluate a program of the symbolic language",
        .description =
            "Evaluates the expressions of FILE, or those given with --code, in the symbolic "
            "language lyra, which has the syntax and the semantics of the Wolfram Language, and "
            "prints the value of the last one. What the program prints goes to standard output, "
            "too; messages go to standard error.\n\n"
            "A mistake in the syntax is told with line and column, and the exit code is 3.",
        .operand = "FILE",
        .operands_max = 1,
        .completion = HN_COMPLETION_NONE,
        .options = lyra_options,
        .options_count = COUNT_OF(lyra_options),
        .examples = "hone lyra -c 'Expand[(a + b)^3]'  # one expression\n"
                    "hone lyra program.lyra  # a file of them",
        .run = hn_command_lyra,
    },
    {
        .name = "vector",
        .summary = "Build and search an index of vectors in a file",
        .description =
            "Keeps vectors under keys in one file and finds those nearest to others.\n\n"
            "'build INDEX ROWS' makes a new index of the rows of a file. 'add INDEX ROWS' puts "
            "more into it, all of them or none, and what it has put in survives a crash. 'search "
            "INDEX ROWS' prints for each row the nearest: number of the row, key, distance. 'info "
            "INDEX' says what is in it. 'verify INDEX' reads all of it and checks every checksum "
            "and link.\n\n"
            "ROWS is an .npy, .fvecs or .bvecs file. An index is used where it lies, so searching "
            "a large one starts at once.",
        .operand = "ACTION FILE",
        .operands_min = 2,
        .operands_max = 3,
        .completion = HN_COMPLETION_NONE,
        .options = vector_options,
        .options_count = COUNT_OF(vector_options),
        .examples = "hone vector build places.hv places.npy --metric l2  # keys are row numbers\n"
                    "hone vector search places.hv here.npy -k 5  # the five nearest of each\n"
                    "hone vector verify places.hv  # is the file whole?",
        .run = hn_command_vector,
    },
    {
        .name = "version",
        .summary = "Show the version, how it was built, and what is switched on",
        .description = "Shows the version, the build, the instruction sets in use, and the "
                       "features of this build; what is off says why.",
        .completion = HN_COMPLETION_NONE,
        .options = version_options,
        .options_count = COUNT_OF(version_options),
        .examples = "hone version --json  # for a bug report or a program",
        .run = hn_command_version,
    },
    {
        .name = "help",
        .summary = "Explain a command, or a stage kind",
        .description =
            "Explains a command, or lists them all. 'hone help stages' lists the kinds of stages "
            "that a node file can have, 'hone help KIND' the keys of one of them, 'hone help node' "
            "the keys of [node], and 'hone help expressions' what filter and map can compute with. "
            "The man page "
            "and the completion of shells come from the same table as this text.",
        .operand = "TOPIC",
        .operands_max = 1,
        .completion = HN_COMPLETION_COMMANDS,
        .options = help_options,
        .options_count = COUNT_OF(help_options),
        .examples = "hone help run  # everything about one command\n"
                    "hone help source.csv  # the keys of one stage kind\n"
                    "eval \"$(hone help --completion bash)\"  # completion for this shell",
        .run = hn_command_help,
    },
};

static const hn_cli_option options[] = {
    {.name = "help", .letter = 'h', .type = HN_CLI_OPTION_FLAG, .help = "explain the command"},
    {.name = "version",
     .letter = 'V',
     .type = HN_CLI_OPTION_FLAG,
     .help = "print name and version"},
};

static const hn_note exit_codes[] = {
    {"0", "done; a node that Ctrl-C, --for or --records ended counts as done"},
    {"1", "it ran and failed: a stage of the node failed, or a comparison says regressed"},
    {"2", "the command line is wrong, and nothing was done; under bench --strict also: too noisy "
          "for a verdict"},
    {"3", "a file or an input is missing, unreadable or wrong, or output could not be written; a "
          "bench suite also says so of a wrong option of its own"},
    {"130", "killed by a second Ctrl-C while a node was draining"},
};

static const hn_note variables[] = {
    {"NO_COLOR", "when set and not empty, no colour, whatever the terminal"},
    {"HONE_ROOT", "stands in for --root of run, check, detect and doctor"},
    {"HONE_CALIBRATION", "stands in for --calibration of run and detect"},
    {"HONE_SUITES", "stands in for --suites of bench"},
};

static const char *const topics[] = {"stages", "node", "expressions", NULL};

const hn_program hn_hone = {
    .name = "hone",
    .version = HN_BUILD_VERSION,
    .summary = "a lean runtime for intelligent edge nodes",
    .description =
        "hone runs nodes: graphs of stages joined by channels, described in one TOML file, on one "
        "scheduler and under one memory budget. It checks a node before it runs, shows it live "
        "while it runs, and reports where the time went afterwards. It also tells what the machine "
        "offers and what slows it down, and measures itself.\n\n"
        "Answers go to standard output; complaints, progress and the report of a run go to "
        "standard error.",
    .commands = commands,
    .commands_count = COUNT_OF(commands),
    .options = options,
    .options_count = COUNT_OF(options),
    .common_count = 1,
    .topics = topics,
    .exit_codes = exit_codes,
    .exit_codes_count = COUNT_OF(exit_codes),
    .variables = variables,
    .variables_count = COUNT_OF(variables),
};
