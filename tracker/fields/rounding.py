"""The one rounding, half away from zero, and sharing an amount so that the shares sum up exactly."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal

_WIDE = Context(prec=60, rounding=ROUND_HALF_UP)  # the caller's context must not decide about money


def rounded(value: Decimal, places: int = 2) -> Decimal:
    """Round half away from zero: 0.125 becomes 0.13, and -0.125 becomes -0.13."""
    return value.quantize(Decimal(1).scaleb(-places), context=_WIDE)


def shares(total: Decimal, weights: Sequence[int | Decimal], places: int = 2) -> list[Decimal]:
    """Split `total` by `weights` into amounts of `places` decimals that sum to it exactly.

    Each part gets its share rounded toward zero; what is left goes, one unit each, to the largest
    remainders, of equal ones to the first.

    :raises ValueError: no weight is above zero, one is below, or `total` has more than `places` decimals.
    """
    if not weights or min(weights) < 0 or not any(weights):
        raise ValueError("Weights must not be negative, and one must be above zero.")
    units = _WIDE.scaleb(total, places)
    if units != units.to_integral_value():
        raise ValueError(f"{total} has more than {places} decimals.")
    count, sign = abs(int(units)), -1 if units < 0 else 1
    exact = [Decimal(weight) for weight in weights]
    finest = max(0, *(-int(weight.as_tuple().exponent) for weight in exact))
    whole = [int(_WIDE.scaleb(weight, finest)) for weight in exact]
    parts = [divmod(count * weight, sum(whole)) for weight in whole]
    left = count - sum(part for part, _ in parts)
    first = sorted(range(len(parts)), key=lambda index: -parts[index][1])[:left]
    return [
        _WIDE.scaleb(Decimal(sign * (part + (index in first))), -places)
        for index, (part, _) in enumerate(parts)
    ]
