"""Evaluate China's cross-border e-commerce pilot zones with the status of every cell kept.

As a library: `cbec.read_panel`, `cbec.status`, `cbec.fit`, `cbec.placebo`, `cbec.efficiency`,
`cbec.malmquist` and `cbec.entropy_weights` (docs/API.md); what they need is loaded when one is requested.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from cbec.common.public import offered

if TYPE_CHECKING:
    from cbec.api.estimation import fit as fit
    from cbec.api.estimation import placebo as placebo
    from cbec.api.panel import PanelData as PanelData
    from cbec.api.panel import read_panel as read_panel
    from cbec.api.panel import status as status
    from cbec.api.productivity import malmquist as malmquist
    from cbec.api.weights import entropy_weights as entropy_weights

__version__ = "0.1.0"

_names, __getattr__ = offered(__name__, {
    "api.estimation": ("Estimate", "Placebo", "fit", "placebo"),
    "api.panel": ("PanelData", "read_panel", "status"),
    "api.productivity": ("Scores", "malmquist"),
    "api.weights": ("EntropyWeights", "entropy_weights"),
})  # fmt: skip
__all__ = sorted([*_names, "efficiency"])


class _Efficiency(ModuleType):
    """The package `cbec.efficiency`, which measures when it is called, as `cbec.malmquist` does: one name for
    what is one thing to a reader."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        from cbec.api.productivity import efficiency

        return efficiency(*args, **options)


import_module("cbec.efficiency").__class__ = _Efficiency
