"""docs/performance.md, written from what ``--json`` wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent.parent / "docs" / "performance.md"
HEAD = """# How fast it is

Written by `python -m benchmarks document FILE` from what `python -m benchmarks all --json FILE`
measured; do not edit it. Each way runs in turn with the others (A B A B ...); figures are medians,
and ratios are of one run. "Wanted" is what the project has set itself; what does not hold stands
here as well. The peers are in the extra `benchmarks`, each runs with its own defaults, and one
that fails is shown as failed.

"""


def document(path: Path) -> None:
    """Write the page."""
    found = json.loads(path.read_text())
    TARGET.write_text(HEAD + _machine(found["machine"]) + "".join(map(_sheet, found["sheets"])))
    print(f"written: {TARGET}")


def _machine(machine: dict[str, Any]) -> str:
    parts = (
        f"{machine['processor']}, {machine['cores']} cores",
        machine["device"],
        f"torch {machine['torch']}",
        f"Python {machine['python']}",
        machine["system"],
    )
    return f"The machine: {'; '.join(parts)}.\n"


def _sheet(sheet: dict[str, Any]) -> str:
    lines = [f"\n## {sheet['name']}: {sheet['title']}\n", f"`python -m benchmarks {sheet['name']}`"]
    lines[-1] += f", load {sheet['load']:.1f} before it began\n"
    if sheet["figures"]:
        lines += ["| | | wanted | |", "|---|---|---|---|"]
        lines += [_row(figure) for figure in sheet["figures"]]
    lines += [f"\n{words}" for words in sheet["words"]]
    return "\n".join(lines) + "\n"


def _row(figure: dict[str, Any]) -> str:
    value = "failed" if figure["value"] is None else f"{figure['value']:.4g} {figure['unit']}"
    verdict = {None: "", True: "holds", False: "**does not hold**"}[figure["holds"]]
    notes = "; ".join(x for x in (verdict, figure["note"]) if x)
    return f"| {figure['name']} | {value.strip()} | {figure['wanted']} | {notes} |"
