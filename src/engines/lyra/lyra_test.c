/* SPDX-License-Identifier: Apache-2.0 */
/* The language by tables: what goes in, and what InputForm shows of the result. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "hone/lyra/lyra.h"

typedef struct row {
    const char *in, *out;
} row;

enum { TEXT_MAX = 1 << 20 };

typedef struct session {
    hone_lyra *lyra;
    hone_buffer result, said;
} session;

static void say(void *self, hone_text text) {
    session *it = self;
    hone_buffer_append_text(&it->said, text);
    hone_buffer_append_byte(&it->said, '\n');
}

static void begin(session *it, size_t memory_bytes_max) {
    hone_lyra_options options = {
        .print = say, .message = say, .self = it, .memory_bytes_max = memory_bytes_max};
    hone_buffer_init(&it->result, NULL, TEXT_MAX);
    hone_buffer_init(&it->said, NULL, TEXT_MAX);
    assert_int_equal(hone_lyra_create(&options, NULL, NULL, &it->lyra), HONE_OK);
}

static void end(session *it) {
    hone_lyra_destroy(it->lyra);
    hone_buffer_deinit(&it->result);
    hone_buffer_deinit(&it->said);
}

static const char *evaluate(session *it, const char *source, hone_status wanted) {
    hone_diag diag = {0};
    hone_buffer_clear(&it->result);
    hone_buffer_clear(&it->said);
    hone_status status = hone_lyra_evaluate(it->lyra, NULL, hone_text_of(source),
                                            HONE_LYRA_INPUT_FORM, &diag, &it->result);
    if (status != wanted) {
        fail_msg("%s: %s %s", source, hone_status_name(status), diag.message);
    }
    hone_buffer_append_byte(&it->result, '\0');
    hone_buffer_append_byte(&it->said, '\0');
    return (const char *)it->result.data;
}

static void check(const row *rows, size_t count) {
    session it;
    for (size_t i = 0; i < count; i++) {
        begin(&it, 0);
        const char *out = evaluate(&it, rows[i].in, HONE_OK);
        if (strcmp(out, rows[i].out) != 0) {
            fail_msg("%s gives %s, not %s", rows[i].in, out, rows[i].out);
        }
        end(&it);
    }
}

#define CHECK(rows) check((rows), sizeof(rows) / sizeof *(rows))

static void arithmetic(void **state) {
    static const row rows[] = {
        {"1 + 1", "2"},
        {"a + b + a", "2*a + b"},
        {"x^2 + 1 + x y + x", "1 + x + x^2 + x*y"},
        {"2^100", "1267650600228229401496703205376"},
        {"2305843009213693951 + 1", "2305843009213693952"},
        {"-2305843009213693952 - 1", "-2305843009213693953"},
        {"4611686018427387904 * 4611686018427387904", "21267647932558653966460912964485513216"},
        {"9223372036854775807 - 9223372036854775807", "0"},
        {"1/3 + 1/6", "1/2"},
        {"2/4", "1/2"},
        {"Sqrt[8]", "2*Sqrt[2]"},
        {"Sqrt[-4]", "2*I"},
        {"2^(-1/2)", "1/Sqrt[2]"},
        {"(1 + I)^2", "2*I"},
        {"(3 + 4 I)/(1 - I)", "-1/2 + (7*I)/2"},
        {"0.1 + 0.2", "0.30000000000000004"},
        {"1.5*^10", "1.5*^10"},
        {"10.^-7", "1.*^-7"},
        {"x - x", "0"},
        {"x/x", "1"},
        {"(a b)^2", "a^2*b^2"},
        {"a/b", "a/b"},
        {"-a - b", "-a - b"},
        {"Infinity - 1", "Infinity"},
        {"-Infinity * 2", "-Infinity"},
        {"Expand[(a + b)^3]", "a^3 + 3*a^2*b + 3*a*b^2 + b^3"},
        {"Mod[-7, 3]", "2"},
        {"Quotient[-7, 2]", "-4"},
        {"{GCD[12, 18], LCM[4, 6]}", "{6, 12}"},
        {"20!", "2432902008176640000"},
        {"Sin[Pi/3]", "Sqrt[3]/2"},
        {"Cos[0]", "1"},
        {"Floor[-7/2]", "-4"},
        {"Round[5/2]", "2"},
        {"ToString[N[1/3, 20]]", "\"0.33333333333333333333\""},
        {"Max[1, 3, 2]", "3"},
        {"PrimeQ[2^61 - 1]", "True"},
    };
    (void)state;
    CHECK(rows);
}

static void reading(void **state) {
    static const row rows[] = {
        {"Hold[a - b] // FullForm", "FullForm[Hold[a - b]]"},
        {"ToString[FullForm[Hold[a - b/c]]]",
         "\"Hold[Plus[a, Times[-1, Times[b, Power[c, -1]]]]]\""},
        {"ToString[FullForm[Hold[x_Integer /; x > 2]]]",
         "\"Hold[Condition[Pattern[x, Blank[Integer]], Greater[x, 2]]]\""},
        {"ToString[FullForm[Hold[f /: g[f] := 1]]]", "\"Hold[TagSetDelayed[f, g[f], 1]]\""},
        {"ToString[FullForm[Hold[a; b;]]]", "\"Hold[CompoundExpression[a, b, Null]]\""},
        {"ToString[FullForm[Hold[1 < x <= 3]]]", "\"Hold[Inequality[1, Less, x, LessEqual, 3]]\""},
        {"ToString[FullForm[Hold[#1 + ## &]]]",
         "\"Hold[Function[Plus[Slot[1], SlotSequence[1]]]]\""},
        {"ToString[FullForm[Hold[x[[1, 2;;3]]]]]", "\"Hold[Part[x, 1, Span[2, 3]]]\""},
        {"ToString[FullForm[Hold[a @ b @ c]]]", "\"Hold[a[b[c]]]\""},
        {"ToString[FullForm[Hold[a ~f~ b]]]", "\"Hold[f[a, b]]\""},
        {"ToString[FullForm[Hold[f'']]]", "\"Hold[Derivative[2][f]]\""},
        {"ToString[FullForm[Hold[x_ : 5]]]", "\"Hold[Optional[Pattern[x, Blank[]], 5]]\""},
        {"16^^ff", "255"},
        {"\"a\\tb\\[Alpha]\"", "\"a\\tb\xce\xb1\""},
        {"(* a (* nested *) comment *) 3", "3"},
        {"2 3 4", "24"},
        {"-2^2", "-4"},
        {"a = 5; a", "5"},
        {"{1,\n 2}", "{1, 2}"},
    };
    (void)state;
    CHECK(rows);
}

static void evaluation(void **state) {
    static const row rows[] = {
        {"f[x_] := x^2; f[3]", "9"},
        {"fib[0] = 0; fib[1] = 1; fib[n_] := fib[n - 1] + fib[n - 2]; fib[15]", "610"},
        {"f[n_] := f[n] = n + 1; f[1]; DownValues[f] // Length", "2"},
        {"f[x_] := 1; f[x_Integer] := 2; f[3] := 3; {f[a], f[2], f[3]}", "{1, 2, 3}"},
        {"f[x_ /; x > 0] := p; f[x_] := n; {f[1], f[-1]}", "{p, n}"},
        {"f[x_] := a /; x > 0; f[x_] := b; {f[1], f[-1]}", "{a, b}"},
        {"SetAttributes[f, HoldAll]; f[1 + 1]", "f[1 + 1]"},
        {"SetAttributes[f, HoldAll]; f[Evaluate[1 + 1]]", "f[2]"},
        {"SetAttributes[f, {Flat, Orderless}]; f[c, f[b, a]]", "f[a, b, c]"},
        {"SetAttributes[f, Listable]; f[{1, 2}, {3, 4}]", "{f[1, 3], f[2, 4]}"},
        {"f[Sequence[a, b], c]", "f[a, b, c]"},
        {"SetAttributes[f, HoldAll]; f[x___] := {x}; f[1 + 1, 2 + 2]", "{2, 4}"},
        {"f[Unevaluated[1 + 1]]", "f[Unevaluated[1 + 1]]"},
        {"Length[Unevaluated[1 + 1]]", "2"},
        {"g /: f[g, x_] := {x}; f[g, 2]", "{2}"},
        {"f[1][2] := 3; f[1][2]", "3"},
        {"Module[{x = 1}, x + y]", "1 + y"},
        {"x = 1; Block[{x = 2}, x] + x", "3"},
        {"With[{x = 2}, Hold[x]]", "Hold[2]"},
        {"x = 1; Catch[Block[{x = 2}, Throw[x]]] + x", "3"},
        {"f[x_] := (If[x > 1, Return[big]]; small); {f[2], f[0]}", "{big, small}"},
        {"s = 0; Do[If[i == 3, Continue[]]; If[i > 4, Break[]]; s += i, {i, 10}]; s", "7"},
        {"i = 0; While[i < 5, i++]; i", "5"},
        {"For[i = 0; s = 0, i < 4, i++, s += i]; s", "6"},
        {"f[x_] := Function[y, x + y]; f[y][1]", "1 + y"},
        {"{#, #2} & [1, 2]", "{1, 2}"},
        {"f[##] & [1, 2]", "f[1, 2]"},
        {"Function[{x, y}, x - y][5, 3]", "2"},
        {"If[a, b, c]", "If[a, b, c]"},
        {"Which[False, 1, True, 2]", "2"},
        {"Switch[3, _String, a, _Integer, b]", "b"},
        {"Reap[Sow[1]; Sow[2]; 3]", "{3, {{1, 2}}}"},
        {"True && a && True", "a"},
        {"x = 3; x += 2; x", "5"},
        {"l = {1, 2, 3}; l[[2]] = 9; l", "{1, 9, 3}"},
        {"{a, b} = {1, 2}; a + b", "3"},
        {"f[n_] := f[n - 1]; f[0] = 7; f[4000]", "7"},
        {"Clear[f]; f[x_, y___, z_] := {x, {y}, z}; f[1, 2, 3, 4]", "{1, {2, 3}, 4}"},
        {"Options[f] = {a -> 1}; f[OptionsPattern[]] := OptionValue[a]; {f[], f[a -> 2]}",
         "{1, 2}"},
    };
    (void)state;
    CHECK(rows);
}

static void patterns(void **state) {
    static const row rows[] = {
        {"MatchQ[f[1, 2], f[_, _]]", "True"},
        {"g[1] /. f[x_] | g[_] :> {x}", "{}"},
        {"MatchQ[{1, 2, 3}, {__Integer}]", "True"},
        {"MatchQ[{1, a}, {(_Integer | _Symbol) ..}]", "True"},
        {"MatchQ[{a, a}, {x_, x_}]", "True"},
        {"MatchQ[{a, b}, {x_, x_}]", "False"},
        {"MatchQ[a + b, b + x_]", "True"},
        {"a + b + c /. a + c -> d", "b + d"},
        {"a b /. x_ y_ -> {x, y}", "{a, b}"},
        {"a /. x_. y_ -> g[x, y]", "g[1, a]"},
        {"{f[1], g[2]} /. f[x_] :> x + 1", "{2, g[2]}"},
        {"{1, 2, 3} //. {x___, y_, z_} :> {x, y + z}", "{6}"},
        {"ReplaceList[{a, b, c}, {x__, y__} -> {{x}, {y}}]", "{{{a}, {b, c}}, {{a, b}, {c}}}"},
        {"ReplaceList[a + b, x_ + y_ -> {x, y}]", "{{a, b}, {b, a}}"},
        {"Cases[{1, a, 2.5, b}, _Symbol]", "{a, b}"},
        {"Cases[{f[1], f[2]}, f[x_] -> x]", "{1, 2}"},
        {"Position[{a, {a, b}}, a]", "{{1}, {2, 1}}"},
        {"Count[{1, 2, 1}, 1]", "2"},
        {"DeleteCases[{1, a, 2}, _Integer]", "{a}"},
        {"MatchQ[5, _?(# > 3 &)]", "True"},
        {"MatchQ[x_, Verbatim[x_]]", "True"},
        {"MatchQ[5, Except[_String]]", "True"},
        {"MatchQ[{1, 2}, {a_, b_} /; a < b]", "True"},
        {"f[x_ : 5] := x; {f[], f[2]}", "{5, 2}"},
        {"{3, 4} /. {Longest[x__], y___} :> {{x}, {y}}", "{{3, 4}, {}}"},
        {"Replace[{1, {2}}, x_Integer :> x + 1, {2}]", "{1, {3}}"},
        {"FreeQ[{a, {b}}, b]", "False"},
        {"MatchQ[<|a -> 1, b -> 2|>, KeyValuePattern[a -> _]]", "True"},
    };
    (void)state;
    CHECK(rows);
}

static void library(void **state) {
    static const row rows[] = {
        {"Map[f, {a, b}]", "{f[a], f[b]}"},
        {"f @@ {a, b}", "f[a, b]"},
        {"f @@@ {{a}, {b}}", "{f[a], f[b]}"},
        {"Fold[f, x, {a, b}]", "f[f[x, a], b]"},
        {"NestList[f, x, 2]", "{x, f[x], f[f[x]]}"},
        {"Select[Range[6], EvenQ]", "{2, 4, 6}"},
        {"Table[i j, {i, 2}, {j, i}]", "{{1}, {2, 4}}"},
        {"Sum[i^2, {i, 10}]", "385"},
        {"Range[0, 1, 1/4]", "{0, 1/4, 1/2, 3/4, 1}"},
        {"Sort[{c, a, b}]", "{a, b, c}"},
        {"Sort[{3, 1, 2}, Greater]", "{3, 2, 1}"},
        {"Flatten[{1, {2, {3}}}]", "{1, 2, 3}"},
        {"Union[{b, a}, {a}]", "{a, b}"},
        {"Transpose[{{1, 2}, {3, 4}}]", "{{1, 3}, {2, 4}}"},
        {"Take[{a, b, c}, -2]", "{b, c}"},
        {"{a, b, c, d}[[2 ;; 3]]", "{b, c}"},
        {"Partition[Range[4], 2]", "{{1, 2}, {3, 4}}"},
        {"Tally[{a, b, a}]", "{{a, 2}, {b, 1}}"},
        {"<|a -> 1, b -> 2|>[b]", "2"},
        {"Keys[<|a -> 1, a -> 2|>]", "{a}"},
        {"\"ab\" <> \"cd\"", "\"abcd\""},
        {"StringLength[\"a\\[Alpha]\"]", "2"},
        {"ToExpression[\"1 + 2\"]", "3"},
        {"Select[#[\"k\"] > 1 &] @ {<|\"k\" -> 2|>}", "{<|\"k\" -> 2|>}"},
        {"Outer[f, {a}, {b, c}]", "{{f[a, b], f[a, c]}}"},
        {"Thread[f[{a, b}, c]]", "{f[a, c], f[b, c]}"},
    };
    (void)state;
    CHECK(rows);
}

static void messages(void **state) {
    static const row rows[] = {
        {"First[{}]", "First::nofirst: {} has zero length and no first element.\n"},
        {"Sin[1, 2]", "Sin::argx: Sin called with 2 arguments; 1 argument is expected.\n"},
        {"Pi = 3", "Set::wrsym: Symbol Pi is Protected.\n"},
        {"{1, 2}[[5]]", "Part::partw: Part 5 of {1, 2} does not exist.\n"},
        {"f::bad = \"no `1` in `2`\"; Message[f::bad, a, b]", "f::bad: no a in b\n"},
        {"Quiet[First[{}]]", ""},
        {"Off[First::nofirst]; First[{}]", ""},
        {"Print[1, \" \", x]", "1 x\n"},
    };
    session it;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        begin(&it, 0);
        (void)evaluate(&it, rows[i].in, HONE_OK);
        assert_string_equal((const char *)it.said.data, rows[i].out);
        end(&it);
    }
}

/* What runs into a limit says so, and the kernel goes on. */
static void limits(void **state) {
    session it;
    (void)state;
    begin(&it, 64 << 20);
    assert_string_equal(evaluate(&it, "f[x_] := 1 + f[x + 1]; f[0]", HONE_OK),
                        "TerminatedEvaluation[\"RecursionLimit\"]");
    (void)evaluate(&it, "l = {1}; While[True, l = {l, l, Range[1000]}]",
                   HONE_STATUS_EVALUATION_MEMORY);
    assert_string_equal(
        evaluate(&it, "Clear[l]; TimeConstrained[While[True], 0.01, late]", HONE_OK), "late");
    assert_string_equal(evaluate(&it, "x = 1; x = x + 1", HONE_OK), "2");
    hone_lyra_interrupt(it.lyra);
    (void)evaluate(&it, "While[True]", HONE_STATUS_INTERRUPTED);
    (void)evaluate(&it, "10^(10^10)", HONE_OK);
    assert_string_equal(evaluate(&it, "1 + 1", HONE_OK), "2");
    end(&it);
}

/* Nested source text costs no C stack to read; evaluating it ends with a message. */
static void nested_source(void **state) {
    enum { DEPTH = 50000 };
    static char source[2 * DEPTH + 8];
    session it;
    (void)state;
    begin(&it, 0);
    memset(source, '{', DEPTH);
    memset(source + DEPTH, '}', DEPTH);
    source[2 * DEPTH] = '\0';
    (void)evaluate(&it, source, HONE_OK);
    assert_string_equal(evaluate(&it, "2", HONE_OK), "2");
    end(&it);
}

static void syntax_errors(void **state) {
    static const struct {
        const char *in;
        hone_status status;
        uint32_t line, column;
    } rows[] = {
        {"f[1, 2", HONE_STATUS_TRUNCATED, 1, 2}, {"1 + )", HONE_STATUS_SYNTAX, 1, 5},
        {"{1, 2]", HONE_STATUS_SYNTAX, 1, 6},    {"1 +", HONE_STATUS_TRUNCATED, 1, 3},
        {"a\nb ]", HONE_STATUS_SYNTAX, 2, 3},    {"\"abc", HONE_STATUS_TRUNCATED, 1, 1},
        {"99^^1", HONE_STATUS_SYNTAX, 1, 1},
    };
    session it;
    (void)state;
    begin(&it, 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        hone_diag diag = {0};
        hone_status status = hone_lyra_evaluate(it.lyra, NULL, hone_text_of(rows[i].in),
                                                HONE_LYRA_INPUT_FORM, &diag, NULL);
        if (status != rows[i].status || diag.line != rows[i].line ||
            diag.column != rows[i].column) {
            fail_msg("%s: %s at %u:%u", rows[i].in, hone_status_name(status), diag.line,
                     diag.column);
        }
    }
    end(&it);
}

/* Much garbage in little memory: the collector keeps what is needed, Module's names are
 * forgotten. */
static void collection(void **state) {
    session it;
    hone_lyra_stats stats;
    (void)state;
    begin(&it, 64 << 20);
    assert_string_equal(evaluate(&it,
                                 "keep = Table[{i, f[i]}, {i, 100}]; Do[Module[{x = Range[10]}, "
                                 "Total[x]], {200000}]; Total[First /@ keep]",
                                 HONE_OK),
                        "5050");
    hone_lyra_stats_read(it.lyra, &stats);
    assert_true(stats.collections_count > 0);
    assert_true(stats.held_bytes <= (size_t)64 << 20);
    assert_true(stats.symbols_count < 400000);
    end(&it);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic),    cmocka_unit_test(reading),
        cmocka_unit_test(evaluation),    cmocka_unit_test(patterns),
        cmocka_unit_test(library),       cmocka_unit_test(messages),
        cmocka_unit_test(limits),        cmocka_unit_test(nested_source),
        cmocka_unit_test(syntax_errors), cmocka_unit_test(collection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
