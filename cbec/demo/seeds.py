"""Seeds of the demo, read and written."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path


def read_rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as source:
        yield from csv.DictReader(source)


def write_rows(path: Path, header: list[str], rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, header, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_header(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as source:
        return next(csv.reader(source))


def approval_years(seeds: Path) -> dict[str, list[int]]:
    """Approval years by region: of whole-prefecture zones for prefectures, of every zone for provinces."""
    years: dict[str, list[int]] = {}
    zone_year = {}
    for zone in read_rows(seeds / "registry/pilot_zone.csv"):
        year = int((zone["approved_on"] or zone["published_on"])[:4])
        zone_year[zone["zone_no"]] = year
        years.setdefault(f"province {zone['province_code']}", []).append(year)
    for link in read_rows(seeds / "registry/pilot_zone_prefecture.csv"):
        if link["coverage"] == "whole":
            years.setdefault(f"city {link['prefecture_code']}", []).append(zone_year[link["zone_no"]])
    return years
