"""A command that reads or writes recordings loads no pandas: it takes time and memory that nothing needs."""

import subprocess
import sys

from tests.commands.clirun import ROOT

CODE = """
import sys
from market_data.snapshots.lean import lean_arrow
lean_arrow(), lean_arrow()
import pyarrow as pa
numbers = pa.array([1.0, 2.0]).to_numpy()
finders = [type(finder).__name__ for finder in sys.meta_path]
pool = pa.default_memory_pool().backend_name
print("pandas" in sys.modules, pool, finders.count("_NoPandas"), pa.array(numbers).to_pylist())
"""


def test_arrow_works_without_pandas_and_with_the_systems_memory() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded, pool, finders, numbers = done.stdout.split(maxsplit=3)
    assert (loaded, pool, finders, numbers.strip()) == ("False", "system", "1", "[1.0, 2.0]")
