"""Makes the packages below test/ importable, as `golden.kafka` and `peers`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
