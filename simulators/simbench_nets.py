"""SimBench networks with their profiles: an optional package, read once a process."""

import warnings
from functools import lru_cache
from typing import Any

from gridloom.simulators.errors import Problem, ScenarioError, nearest


@lru_cache(maxsize=2)
def read_simbench_net(code: str) -> Any:
    """Return the `pandapowerNet` of a SimBench code; shared, so copy it before changing it.

    Raises:
        ScenarioError: simbench is not installed or does not know the code; the key is 'simbench'.
    """
    try:
        import simbench
    except ImportError as error:
        raise ScenarioError(
            Problem(
                message="SimBench networks need the package 'simbench', which is not installed",
                key=("simbench",),
                suggestion="pip install 'gridloom[simbench]'",
            )
        ) from error
    codes = simbench.collect_all_simbench_codes()
    if code not in codes:
        raise ScenarioError(
            Problem(
                message=f"there is no SimBench network '{code}'",
                key=("simbench",),
                expected="a SimBench code, such as '1-LV-rural1--0-sw'",
                suggestion=nearest(code, codes),
            )
        )
    with warnings.catch_warnings():
        # pandas complains about the way simbench writes its own tables.
        warnings.simplefilter("ignore", FutureWarning)
        return simbench.get_simbench_net(code)
