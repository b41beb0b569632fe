"""Where a number comes from: estimate, panel cell or printed number, down to cell, page and hash."""

from cbec.provenance.why import (
    CellQuestion,
    EstimateQuestion,
    PublishedQuestion,
    Question,
    WhyCell,
    WhyEstimate,
    WhyPublished,
    why,
)

__all__ = [
    "CellQuestion",
    "EstimateQuestion",
    "PublishedQuestion",
    "Question",
    "WhyCell",
    "WhyEstimate",
    "WhyPublished",
    "why",
]
