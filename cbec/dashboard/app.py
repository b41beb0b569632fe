"""The script that Streamlit runs for every view; `cbec serve` starts it."""

import sys

from cbec.dashboard.frame import show

show(sys.argv[1] if len(sys.argv) > 1 else "dev")
