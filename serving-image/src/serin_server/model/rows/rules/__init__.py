"""What each operator does to rows, by family. What is not listed here is not proven."""

from collections.abc import Mapping
from typing import Final

from serin_server.model.rows.rules import (
    classical,
    elementwise,
    filling,
    images,
    mixing,
    picking,
    products,
    quantised,
    recurrent,
    reductions,
    shapes,
)
from serin_server.model.rows.step import Rule

RULES: Final[Mapping[tuple[str, str], Rule]] = {
    **elementwise.RULES,
    **products.RULES,
    **images.RULES,
    **reductions.RULES,
    **shapes.RULES,
    **picking.RULES,
    **filling.RULES,
    **recurrent.RULES,
    **classical.RULES,
    **quantised.RULES,
    **mixing.RULES,
}
"""Rules by domain (empty for ONNX's own) and operator."""
