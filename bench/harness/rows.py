"""Rows of the report: what was measured on both sides, what was asked, and whether it was reached.

A ratio is always the factor by which Samsa is better: Apache / Samsa where less is better, Samsa /
Apache where more is.  It is taken within a pair of neighbouring runs; a row shows the median of these
ratios with their least and greatest, never a ratio of means.
"""

import statistics
from dataclasses import dataclass
from typing import Callable, Optional

APACHE, SAMSA = "apache", "samsa"


@dataclass(frozen=True)
class Row:
    """`value` takes one run's result (a dict) and gives the number, or None if it has none."""

    id: str
    workload: str
    value: Callable
    unit: str
    less_is_better: bool = True
    asked_ratio: Optional[float] = None
    asked_absolute: Optional[float] = None  # in the row's unit, for Samsa alone


def field(name, key, scale=1.0):
    """The number `key` in the line of JSON that the generator printed for `name`."""

    def value(result):
        line = result.get(name)
        return None if line is None or line.get(key) is None else line[key] * scale

    return value


def number(value):
    if value is None:
        return "-"
    if abs(value) >= 100000:
        return f"{value / 1000:,.0f} k"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3g}"


def medians(row, pairs):
    """The median of each side over all pairs; None for a side that has no number."""
    result = {}
    for side in (APACHE, SAMSA):
        values = [row.value(pair[side]) for pair in pairs if side in pair]
        values = [value for value in values if value is not None]
        result[side] = statistics.median(values) if values else None
    return result


def ratios(row, pairs):
    result = []
    for pair in pairs:
        if APACHE not in pair or SAMSA not in pair:
            continue
        apache, samsa = row.value(pair[APACHE]), row.value(pair[SAMSA])
        if apache and samsa:
            result.append(apache / samsa if row.less_is_better else samsa / apache)
    return result


def asked_text(row):
    parts = []
    if row.asked_ratio is not None:
        parts.append(f"≥ {row.asked_ratio:g}x")
    if row.asked_absolute is not None:
        sign = "≤" if row.less_is_better else "≥"
        parts.append(f"{sign} {number(row.asked_absolute)} {row.unit}")
    return ", ".join(parts) or "-"


def reached_text(row, ratio, samsa):
    """yes or no; with two conditions and one of them met, which one."""
    verdicts = []
    if row.asked_ratio is not None and ratio is not None:
        verdicts.append(("ratio", ratio >= row.asked_ratio))
    if row.asked_absolute is not None and samsa is not None:
        met = samsa <= row.asked_absolute if row.less_is_better else samsa >= row.asked_absolute
        verdicts.append(("number", met))
    if not verdicts:
        return "-"
    met = [name for name, verdict in verdicts if verdict]
    if len(met) == len(verdicts):
        return "yes"
    return f"no ({met[0]} yes)" if met else "no"


def cells(row, pairs):
    middle = medians(row, pairs)
    spread = ratios(row, pairs)
    ratio = statistics.median(spread) if spread else None
    ratio_text = "-"
    if spread:
        ratio_text = f"{ratio:.2f}x ({min(spread):.2f}-{max(spread):.2f})"
    return {
        "id": row.id,
        "workload": row.workload,
        "Apache": f"{number(middle[APACHE])} {row.unit}" if middle[APACHE] is not None else "-",
        "Samsa": f"{number(middle[SAMSA])} {row.unit}" if middle[SAMSA] is not None else "-",
        "ratio (min-max)": ratio_text,
        "asked": asked_text(row),
        "reached": reached_text(row, ratio, middle[SAMSA]),
    }


def table(lines):
    """Aligned for a terminal, and valid Markdown."""
    if not lines:
        return ""
    heads = list(lines[0])
    width = {head: max(len(head), *(len(line[head]) for line in lines)) for head in heads}

    def render(values):
        return "| " + " | ".join(values[head].ljust(width[head]) for head in heads) + " |"

    rule = "|" + "|".join("-" * (width[head] + 2) for head in heads) + "|"
    return "\n".join([render({head: head for head in heads}), rule, *map(render, lines)])
