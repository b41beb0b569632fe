"""Where a number comes from: estimate, panel cell or printed number, down to cell, page and hash."""

from cbec.provenance.answers import (
    CellQuestion,
    EstimateQuestion,
    PublishedQuestion,
    Question,
    WhyCell,
    WhyEstimate,
    WhyPublished,
)
from cbec.provenance.estimate import why

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
