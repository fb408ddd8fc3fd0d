/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator table: spelling, head, precedence (as Precedence[] of the language gives it), and
 * how the operator stands. What binds tighter has the larger number. Sorted by nothing: the lexer
 * looks for the longest spelling.
 */
#include "reader_internal.h"

/* clang-format off */
const hn_operator hn_operators[] = {
    {"::", "MessageName", 750, HN_INFIX_FLAT},
    {"?", "PatternTest", 680, HN_INFIX_NONE},
    {"<<", "Get", 720, HN_PREFIX},
    {"@@@", "MapApply", 620, HN_INFIX_RIGHT},
    {"@@", "Apply", 620, HN_INFIX_RIGHT},
    {"//@", "MapAll", 620, HN_INFIX_RIGHT},
    {"/@", "Map", 620, HN_INFIX_RIGHT},
    {"@*", "Composition", 625, HN_INFIX_FLAT},
    {"/*", "RightComposition", 624, HN_INFIX_FLAT},
    {"@", "@", 640, HN_INFIX_RIGHT},
    {"~", "~", 630, HN_INFIX_LEFT},
    {"!!", "Factorial2", 610, HN_POSTFIX},
    {"!", "Factorial", 610, HN_POSTFIX},
    {"!", "Not", 230, HN_PREFIX},
    {"'", "Derivative", 670, HN_POSTFIX},
    {"++", "Increment", 660, HN_POSTFIX},
    {"++", "PreIncrement", 660, HN_PREFIX},
    {"--", "Decrement", 660, HN_POSTFIX},
    {"--", "PreDecrement", 660, HN_PREFIX},
    {"<>", "StringJoin", 600, HN_INFIX_FLAT},
    {"^", "Power", 590, HN_INFIX_RIGHT},
    {"**", "NonCommutativeMultiply", 510, HN_INFIX_FLAT},
    {".", "Dot", 490, HN_INFIX_FLAT},
    {"-", "Minus", 480, HN_PREFIX},
    {"+", "Plus", 480, HN_PREFIX},
    {"/", "Divide", 470, HN_INFIX_LEFT},
    {"*", "Times", 400, HN_INFIX_FLAT},
    {"+", "Plus", 310, HN_INFIX_FLAT},
    {"-", "Subtract", 310, HN_INFIX_LEFT},
    {";;", "Span", 305, HN_INFIX_NONE},
    {"==", "Equal", 290, HN_INFIX_NONE},
    {"!=", "Unequal", 290, HN_INFIX_NONE},
    {">", "Greater", 290, HN_INFIX_NONE},
    {">=", "GreaterEqual", 290, HN_INFIX_NONE},
    {"<", "Less", 290, HN_INFIX_NONE},
    {"<=", "LessEqual", 290, HN_INFIX_NONE},
    {"===", "SameQ", 290, HN_INFIX_FLAT},
    {"=!=", "UnsameQ", 290, HN_INFIX_FLAT},
    {"&&", "And", 215, HN_INFIX_FLAT},
    {"||", "Or", 215, HN_INFIX_FLAT},
    {"..", "Repeated", 170, HN_POSTFIX},
    {"...", "RepeatedNull", 170, HN_POSTFIX},
    {"|", "Alternatives", 160, HN_INFIX_FLAT},
    {":", ":", 150, HN_INFIX_LEFT},
    {"~~", "StringExpression", 135, HN_INFIX_FLAT},
    {"/;", "Condition", 130, HN_INFIX_LEFT},
    {"->", "Rule", 120, HN_INFIX_RIGHT},
    {":>", "RuleDelayed", 120, HN_INFIX_RIGHT},
    {"<->", "TwoWayRule", 125, HN_INFIX_RIGHT},
    {"/.", "ReplaceAll", 110, HN_INFIX_LEFT},
    {"//.", "ReplaceRepeated", 110, HN_INFIX_LEFT},
    {"+=", "AddTo", 100, HN_INFIX_RIGHT},
    {"-=", "SubtractFrom", 100, HN_INFIX_RIGHT},
    {"*=", "TimesBy", 100, HN_INFIX_RIGHT},
    {"/=", "DivideBy", 100, HN_INFIX_RIGHT},
    {"&", "Function", 90, HN_POSTFIX},
    {"|->", "Function", 90, HN_INFIX_RIGHT},
    {"//", "//", 70, HN_INFIX_LEFT},
    {"=", "Set", 40, HN_INFIX_RIGHT},
    {":=", "SetDelayed", 40, HN_INFIX_RIGHT},
    {"^=", "UpSet", 40, HN_INFIX_RIGHT},
    {"^:=", "UpSetDelayed", 40, HN_INFIX_RIGHT},
    {"/:", "/:", 40, HN_INFIX_NONE},
    {"=.", "Unset", 40, HN_POSTFIX},
    {">>", "Put", 30, HN_INFIX_LEFT},
    {">>>", "PutAppend", 30, HN_INFIX_LEFT},
    {";", "CompoundExpression", 10, HN_INFIX_FLAT},
    {"\\[Sqrt]", "Sqrt", 570, HN_PREFIX},
    {"\\[Times]", "Times", 400, HN_INFIX_FLAT},
    {"\\[Divide]", "Divide", 470, HN_INFIX_LEFT},
    {"\\[Cross]", "Cross", 500, HN_INFIX_FLAT},
    {"\\[CircleTimes]", "CircleTimes", 420, HN_INFIX_FLAT},
    {"\\[CenterDot]", "CenterDot", 410, HN_INFIX_FLAT},
    {"\\[CirclePlus]", "CirclePlus", 330, HN_INFIX_FLAT},
    {"\\[SmallCircle]", "SmallCircle", 530, HN_INFIX_FLAT},
    {"\\[PlusMinus]", "PlusMinus", 310, HN_INFIX_LEFT | HN_PREFIX},
    {"\\[MinusPlus]", "MinusPlus", 310, HN_INFIX_LEFT | HN_PREFIX},
    {"\\[Del]", "Del", 550, HN_PREFIX},
    {"\\[Intersection]", "Intersection", 305, HN_INFIX_FLAT},
    {"\\[Union]", "Union", 300, HN_INFIX_FLAT},
    {"\\[NotEqual]", "Unequal", 290, HN_INFIX_NONE},
    {"\\[Equal]", "Equal", 290, HN_INFIX_NONE},
    {"\\[LongEqual]", "Equal", 290, HN_INFIX_NONE},
    {"\\[LessEqual]", "LessEqual", 290, HN_INFIX_NONE},
    {"\\[GreaterEqual]", "GreaterEqual", 290, HN_INFIX_NONE},
    {"\\[VerticalBar]", "VerticalBar", 280, HN_INFIX_NONE},
    {"\\[Element]", "Element", 250, HN_INFIX_NONE},
    {"\\[NotElement]", "NotElement", 250, HN_INFIX_NONE},
    {"\\[Subset]", "Subset", 250, HN_INFIX_FLAT},
    {"\\[Superset]", "Superset", 250, HN_INFIX_FLAT},
    {"\\[SubsetEqual]", "SubsetEqual", 250, HN_INFIX_FLAT},
    {"\\[SupersetEqual]", "SupersetEqual", 250, HN_INFIX_FLAT},
    {"\\[Not]", "Not", 230, HN_PREFIX},
    {"\\[And]", "And", 215, HN_INFIX_FLAT},
    {"\\[Nand]", "Nand", 215, HN_INFIX_FLAT},
    {"\\[Xor]", "Xor", 215, HN_INFIX_FLAT},
    {"\\[Or]", "Or", 215, HN_INFIX_FLAT},
    {"\\[Nor]", "Nor", 215, HN_INFIX_FLAT},
    {"\\[Equivalent]", "Equivalent", 205, HN_INFIX_FLAT},
    {"\\[Implies]", "Implies", 200, HN_INFIX_RIGHT},
    {"\\[ForAll]", "ForAll", 240, HN_PREFIX},
    {"\\[Exists]", "Exists", 240, HN_PREFIX},
    {"\\[SuchThat]", "SuchThat", 180, HN_INFIX_RIGHT},
    {"\\[Conditioned]", "Conditioned", 195, HN_INFIX_LEFT},
    {"\\[Distributed]", "Distributed", 250, HN_INFIX_NONE},
    {"\\[Rule]", "Rule", 120, HN_INFIX_RIGHT},
    {"\\[RuleDelayed]", "RuleDelayed", 120, HN_INFIX_RIGHT},
    {"\\[Function]", "Function", 90, HN_INFIX_RIGHT},
    {"\\[Colon]", "Colon", 80, HN_INFIX_FLAT},
    {"\\[Therefore]", "Therefore", 50, HN_INFIX_RIGHT},
    {"\\[Because]", "Because", 50, HN_INFIX_LEFT},
    {"\\[Transpose]", "Transpose", 670, HN_POSTFIX},
    {"\\[ConjugateTranspose]", "ConjugateTranspose", 670, HN_POSTFIX},
    {"\\[Conjugate]", "Conjugate", 670, HN_POSTFIX},
    {"\\[DirectedEdge]", "DirectedEdge", 120, HN_INFIX_RIGHT},
    {"\\[UndirectedEdge]", "UndirectedEdge", 120, HN_INFIX_RIGHT},
    {"\\[TwoWayRule]", "TwoWayRule", 125, HN_INFIX_RIGHT},
};
/* clang-format on */
const uint32_t hn_operators_count = sizeof hn_operators / sizeof *hn_operators;

uint32_t hn_operator_find(hone_text text, size_t *out_size) {
    uint32_t found = UINT32_MAX;
    *out_size = 0;
    for (uint32_t i = 0; i < hn_operators_count; i++) {
        hone_text spelling = hone_text_of(hn_operators[i].spelling);
        if (spelling.size > *out_size && hone_text_has_prefix(text, spelling)) {
            found = i;
            *out_size = spelling.size;
        }
    }
    return found;
}

const hn_operator *hn_operator_with(uint32_t spelling, unsigned fixity) {
    const char *wanted = hn_operators[spelling].spelling;
    for (uint32_t i = 0; i < hn_operators_count; i++) {
        if (hn_operators[i].fixity & fixity && strcmp(hn_operators[i].spelling, wanted) == 0) {
            return &hn_operators[i];
        }
    }
    return NULL;
}

const hn_operator *hn_operator_of_head(hone_text head, unsigned fixity) {
    for (uint32_t i = 0; i < hn_operators_count; i++) {
        if (hn_operators[i].fixity & fixity && hone_text_is(head, hn_operators[i].head)) {
            return &hn_operators[i];
        }
    }
    return NULL;
}
