"""What a formula of constants gives: the one kind that can be computed without the workbook around it."""

from __future__ import annotations

import ast
import math
import operator

MAX_LENGTH = 200
WORDS = {"TRUE": 1.0, "FALSE": 0.0, "TRUE()": 1.0, "FALSE()": 0.0}
TWO = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
COMPARED = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge}


def constant(text: str) -> float | None:
    """The value of a formula of numbers and their arithmetic alone, such as 5000+1; None for another one."""
    clean = text.strip().removeprefix("=").strip()
    if clean.upper() in WORDS:
        return WORDS[clean.upper()]
    if not clean or len(clean) > MAX_LENGTH or not set(clean) <= set("0123456789.+-*/()<>eE "):
        return None
    try:
        value = _value(ast.parse(clean, mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError):
        return None
    return value if math.isfinite(value) else None


def _value(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.BinOp) and type(node.op) in TWO:
        return float(TWO[type(node.op)](_value(node.left), _value(node.right)))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd | ast.USub):
        value = _value(node.operand)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARED:
        return float(COMPARED[type(node.ops[0])](_value(node.left), _value(node.comparators[0])))
    raise ValueError("is no constant")
