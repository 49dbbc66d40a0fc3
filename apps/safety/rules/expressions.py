"""The small language of the rule file: `chest_pain and (radiates or heart_rate > 100)`.

Names are concepts (true when asserted) or readings (numbers; unknown when not measured). Unknown is not normal
and not abnormal: a comparison with an unknown number is false. `not` is allowed before a few frames only (a child, the
oxygen scale), so that a further finding never lowers a level. `count(2, a, b, c)` is true when at least two hold.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_COMPARE: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What one case asserts and measures."""

    concepts: Mapping[str, tuple[str, ...]]
    """Asserted concept -> the words of the record that assert it."""
    numbers: Mapping[str, tuple[float, ...]]
    """Every value of a name; a comparison holds when it holds for one of them."""
    where: Mapping[str, str]
    """What each name was read from."""
    by_value: Mapping[tuple[str, float], str] = field(default_factory=dict)
    """What one of several values of a name was read from."""


@dataclass(frozen=True, slots=True)
class Outcome:
    holds: bool
    evidence: tuple[str, ...] = ()


class RuleError(ValueError):
    """The rule file is wrong; the message names the place."""


def compile_rule(
    source: str, *, concepts: frozenset[str], numbers: frozenset[str], frames: frozenset[str] = frozenset()
) -> ast.expr:
    """Parses and checks an expression; raises `RuleError` for an unknown name or a construct outside the language."""
    try:
        tree = ast.parse(source, mode="eval").body
    except SyntaxError as error:
        raise RuleError(f"cannot read {source!r}: {error.msg}") from None
    _check(tree, concepts, numbers, source)
    _check_denials(tree, frames, source)
    return tree


def _check(node: ast.expr, concepts: frozenset[str], numbers: frozenset[str], source: str) -> None:
    match node:
        case ast.BoolOp(values=values):
            for value in values:
                _check(value, concepts, numbers, source)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            _check(operand, concepts, numbers, source)
        case ast.Compare(left=left, comparators=rights):
            _check_comparison([left, *rights], node.ops, numbers, source)
        case ast.Call(func=ast.Name(id="count"), args=[ast.Constant(value=int(least)), *rest], keywords=[]) if (
            1 <= least <= len(rest) and not isinstance(least, bool)
        ):
            for value in rest:
                _check(value, concepts, numbers, source)
        case ast.Name(id=name) if name in concepts:
            pass
        case _:
            raise RuleError(f"unknown name or construct {ast.unparse(node)!r} in {source!r}")


def _check_denials(tree: ast.expr, frames: frozenset[str], source: str) -> None:
    """A further finding never lowers a level: only a frame, which says whose findings these are, may be denied."""
    for node in ast.walk(tree):
        if isinstance(node, ast.UnaryOp) and not (isinstance(node.operand, ast.Name) and node.operand.id in frames):
            raise RuleError(f"`not` before what is no frame in {source!r}")


def _check_comparison(sides: list[ast.expr], ops: list[ast.cmpop], numbers: frozenset[str], source: str) -> None:
    if any(type(op) not in _COMPARE for op in ops):
        raise RuleError(f"unknown comparison in {source!r}")
    if not any(isinstance(side, ast.Name) for side in sides):
        raise RuleError(f"a comparison without a reading in {source!r}")
    for side in sides:
        if isinstance(side, ast.Constant) and (isinstance(side.value, bool) or not isinstance(side.value, int | float)):
            raise RuleError(f"compared with something that is no number in {source!r}")
        if not isinstance(side, ast.Name | ast.Constant):
            raise RuleError(f"cannot compare in {source!r}")
        if isinstance(side, ast.Name) and side.id not in numbers:
            raise RuleError(f"unknown number {side.id!r} in {source!r}")


def evaluate(node: ast.expr, facts: Facts) -> Outcome:
    """Whether the expression holds, and the words and values that make it hold."""
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            outcomes = [evaluate(value, facts) for value in values]
            return _merged(outcomes) if all(outcome.holds for outcome in outcomes) else Outcome(False)
        case ast.BoolOp(values=values):
            outcomes = [evaluate(value, facts) for value in values]
            return _merged([outcome for outcome in outcomes if outcome.holds])
        case ast.UnaryOp(operand=operand):
            return Outcome(not evaluate(operand, facts).holds)
        case ast.Compare(left=left, ops=ops, comparators=rights):
            return _compared(left, ops, rights, facts)
        case ast.Call(args=[ast.Constant(value=int(least)), *rest]):
            held = [outcome for outcome in (evaluate(value, facts) for value in rest) if outcome.holds]
            return _merged(held) if len(held) >= least else Outcome(False)
        case ast.Name(id=name):
            return Outcome(name in facts.concepts, facts.concepts.get(name, ()))
    raise RuleError(ast.unparse(node))


def _merged(outcomes: list[Outcome]) -> Outcome:
    # The same words in another case ("Chest pain", "chest pain") are shown once.
    evidence = {item.casefold(): item for outcome in reversed(outcomes) for item in reversed(outcome.evidence)}
    return Outcome(bool(outcomes), tuple(reversed(evidence.values())))


def _compared(left: ast.expr, ops: list[ast.cmpop], rights: list[ast.expr], facts: Facts) -> Outcome:
    nodes = [left, *rights]
    sides = [_number(side, facts) for side in nodes]
    holding: dict[int, float] = {}
    for index, op in enumerate(ops):
        pairs = ((low, high) for low in sides[index] for high in sides[index + 1] if _COMPARE[type(op)](low, high))
        held = next(pairs, None)
        if held is None:
            return Outcome(False)
        holding[index], holding[index + 1] = held
    shown = [
        facts.by_value.get((side.id, holding[index])) or facts.where.get(side.id)
        for index, side in enumerate(nodes)
        if isinstance(side, ast.Name)
    ]
    return Outcome(True, tuple(words for words in shown if words))


def _number(node: ast.expr, facts: Facts) -> tuple[float, ...]:
    if isinstance(node, ast.Constant):
        return (float(node.value),) if isinstance(node.value, int | float) else ()
    if isinstance(node, ast.Name):
        return facts.numbers.get(node.id, ())
    return ()
