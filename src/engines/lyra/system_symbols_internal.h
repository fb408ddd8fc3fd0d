/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The symbols of System` that the code names: HN_SYM(lyra, Plus) is a constant offset into the
 * kernel, so that asking "is it Plus" costs one comparison.
 */
#ifndef HN_LYRA_SYSTEM_SYMBOLS_INTERNAL_H
#define HN_LYRA_SYSTEM_SYMBOLS_INTERNAL_H

/* clang-format off */
#define HN_SYSTEM_SYMBOLS(X) \
    X(List) X(Plus) X(Times) X(Power) X(Sequence) X(Unevaluated) X(Hold) X(HoldForm) \
    X(HoldComplete) X(HoldPattern) X(Rule) X(RuleDelayed) X(Association) X(True) X(False) \
    X(Null) X(Symbol) X(String) X(Integer) X(Rational) X(Real) X(Complex) X(Blank) \
    X(BlankSequence) X(BlankNullSequence) X(Pattern) X(Condition) X(PatternTest) \
    X(Alternatives) X(Repeated) X(RepeatedNull) X(Except) X(Optional) X(Verbatim) \
    X(PatternSequence) X(OrderlessPatternSequence) X(Shortest) X(Longest) X(OptionsPattern) \
    X(KeyValuePattern) X(Default) X(Function) X(Slot) X(SlotSequence) X(Set) X(SetDelayed) \
    X(UpSet) X(UpSetDelayed) X(TagSet) X(TagSetDelayed) X(TagUnset) X(Unset) \
    X(CompoundExpression) X(If) X(Which) X(Switch) X(And) X(Or) X(Not) X(Xor) X(Module) \
    X(Block) X(With) X(MessageName) X(Message) X(Messages) X(Return) X(Throw) X(Catch) \
    X(Break) X(Continue) X(Goto) X(Label) X(Do) X(While) X(For) X(Table) X(Equal) X(Unequal) \
    X(Less) X(LessEqual) X(Greater) X(GreaterEqual) X(SameQ) X(UnsameQ) X(Inequality) \
    X(Element) X(I) X(E) X(Pi) X(Degree) X(GoldenRatio) X(EulerGamma) X(Catalan) X(Infinity) \
    X(DirectedInfinity) X(ComplexInfinity) X(Indeterminate) X(Abs) X(Sign) X(Sqrt) X(Exp) \
    X(Log) X(Sin) X(Cos) X(Tan) X(Cot) X(Sec) X(Csc) X(ArcSin) X(ArcCos) X(ArcTan) X(Sinh) \
    X(Cosh) X(Tanh) X(Floor) X(Ceiling) X(Round) X(Factorial) X(Factorial2) X(Mod) X(Quotient) \
    X(Divide) X(Subtract) X(Minus) X(Part) X(Span) X(All) X(None) X(Automatic) X(Map) X(Apply) \
    X(MapAll) X(MapApply) X(Composition) X(RightComposition) X(StringJoin) X(StringExpression) \
    X(NonCommutativeMultiply) X(Dot) X(Cross) X(Increment) X(Decrement) X(PreIncrement) \
    X(PreDecrement) X(AddTo) X(SubtractFrom) X(TimesBy) X(DivideBy) X(ReplaceAll) \
    X(ReplaceRepeated) X(Derivative) X(Out) X(In) X(Get) X(Put) X(PutAppend) X(Information) \
    X(D) X(Integrate) X(Sum) X(Product) X(Limit) X(TwoWayRule) X(Colon) X(Implies) X(Nor) \
    X(Nand) X(Equivalent) X(Therefore) X(Because) X(Union) X(Intersection) X(Complement) \
    X(PlusMinus) X(MinusPlus) X(CircleTimes) X(CirclePlus) X(CenterDot) X(SmallCircle) X(Del) \
    X(DirectedEdge) X(UndirectedEdge) X(Distributed) X(Conditioned) X(VerticalBar) X(SuchThat) \
    X(Exists) X(ForAll) X(Subset) X(Superset) X(SubsetEqual) X(SupersetEqual) X(NotElement) \
    X(Transpose) X(ConjugateTranspose) X(Conjugate) X(Flat) X(Orderless) X(OneIdentity) \
    X(Listable) X(Constant) X(NumericFunction) X(Protected) X(Locked) X(ReadProtected) \
    X(HoldFirst) X(HoldRest) X(HoldAll) X(HoldAllComplete) X(NHoldFirst) X(NHoldRest) \
    X(NHoldAll) X(SequenceHold) X(Temporary) X(Stub) X(Overflow) X(Underflow) X(Failed) \
    X(Aborted) X(TimedOut) X(Missing) X(Key) X(Heads) X(General) X(Nothing) X(Options) \
    X(OptionValue) X(N) X(Re) X(Im) X(Arg) X(FullForm) X(InputForm) X(OutputForm) \
    X(StandardForm) X(TraditionalForm) X(TeXForm) X(MatrixForm) X(TableForm) X(Short) \
    X(Shallow) X(NumberForm) X(BaseForm) X(MachinePrecision) X(Evaluate) X(SameTest) X(Ignore) \
    X(UnitStep) X(Piecewise) X(Undefined) X(Begin) X(BeginPackage) X(Attributes) X(Definition) \
    X(LessThan) X(GreaterThan) X(EqualTo) X(UnequalTo) X(LessEqualThan) X(GreaterEqualThan) \
    X(OperatorApplied) X(Subscript) X(Superscript) X(Overscript) X(Underscript) \
    X(Subsuperscript) X(RegularExpression) X(StringContainsQ) X(IgnoreCase) X(Whitespace) \
    X(NumberString) X(WordCharacter) X(LetterCharacter) X(DigitCharacter) \
    X(WhitespaceCharacter) X(StartOfString) X(EndOfString) X(WordBoundary) \
    X(HexadecimalCharacter) X(StartOfLine) X(EndOfLine) X(Boole) X(Max) X(Min) X(Binomial) \
    X(Gamma) X(GCD) X(LCM) X(Identity) X(Print) X(Echo) X(Row) X(Column) X(Graphics) X(Quit) \
    X(Exit) X(Unique) X(Clip) X(Head) X(Length) X(Depth) X(Hash) X(Total) X(Mean) X(Sort) \
    X(Order) X(ArcSinh) X(ArcCosh) X(ArcTanh) X(ArcCot) X(ArcSec) X(ArcCsc) X(Coth) X(Sech) \
    X(Csch) X(Accumulate) X(Range) X(Select) X(Fold) X(Nest) X(NestList) X(FixedPoint) \
    X(Array) X(Reverse) X(Join) X(Append) X(Prepend) X(First) X(Last) X(Rest) X(Most) X(Take) \
    X(Drop) X(Reap) X(Sow) X(Check) X(Quiet) X(Off) X(On) X(Integers) X(Reals) X(Rationals) \
    X(Complexes) X(Booleans) X(Primes) X(Algebraics) X(Expand) X(Factor) X(Together) X(Cancel) \
    X(Simplify) X(Numerator) X(Denominator) X(Coefficient) X(Exponent)
/* clang-format on */

typedef enum hn_system_symbol {
#define HN_SYSTEM_SYMBOL_ENUM(name) HN_S_##name,
    HN_SYSTEM_SYMBOLS(HN_SYSTEM_SYMBOL_ENUM)
#undef HN_SYSTEM_SYMBOL_ENUM
        HN_SYSTEM_SYMBOLS_COUNT
} hn_system_symbol;

#endif
