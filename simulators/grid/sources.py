"""Reading a pandapower network: by name, from a file or from SimBench."""

import inspect
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

from gridloom.simulators.errors import Problem, ScenarioError, nearest
from gridloom.simulators.grid.config import REFERENCE_NETWORK, NetworkSource
from gridloom.simulators.model import BuildContext
from gridloom.simulators.simbench_nets import read_simbench_net


def read_pandapower_net(source: NetworkSource, context: BuildContext) -> Any:
    """Return the `pandapowerNet` that ``source`` means, unrepaired.

    Raises:
        ScenarioError: there is no such network, or it cannot be read; keys begin at 'network'.
    """
    if source.file is not None:
        return _from_file(context.file(source.file, "network", "file"))
    if source.simbench is not None:
        try:
            return deepcopy(read_simbench_net(source.simbench))
        except ScenarioError as error:
            raise error.below(("network",)) from error
    return _from_pandapower(source.name or "", source.arguments, context)


def _from_pandapower(name: str, arguments: dict[str, Any], context: BuildContext) -> Any:
    from pandapower import networks, pandapowerNet

    builders: dict[str, Callable[..., Any]] = {
        key: function
        for key, function in inspect.getmembers(networks, inspect.isfunction)
        if function.__module__.startswith("pandapower.networks") and "json" not in key
    }
    builders[REFERENCE_NETWORK] = networks.ieee_european_lv_asymmetric
    if name not in builders:
        raise ScenarioError(
            Problem(
                message=f"there is no network '{name}'",
                key=("network", "name"),
                expected=f"'{REFERENCE_NETWORK}' or a function of pandapower.networks",
                suggestion=nearest(name, builders),
            )
        )
    builder = builders[name]
    try:
        inspect.signature(builder).bind(**arguments)
    except TypeError as error:
        raise ScenarioError(
            Problem(
                message=f"pandapower.networks.{name}: {error}",
                key=("network", "arguments"),
                expected=f"{name}{inspect.signature(builder)}",
                suggestion=_meant_argument(builder, arguments),
            )
        ) from error
    try:
        with _seeded(int(context.rng("network").integers(2**32))):
            net = builder(**arguments)
    except (ValueError, KeyError, TypeError, UserWarning) as error:
        raise ScenarioError(
            Problem(
                message=f"pandapower.networks.{name} refuses its arguments: {error}",
                key=("network", "arguments"),
                expected=f"{name}{inspect.signature(builder)}",
            )
        ) from error
    if not isinstance(net, pandapowerNet):
        raise ScenarioError(
            Problem(
                message=f"pandapower.networks.{name} does not return a network",
                key=("network", "name"),
            )
        )
    return net


def _meant_argument(builder: Callable[..., Any], arguments: dict[str, Any]) -> str:
    known = list(inspect.signature(builder).parameters)
    unknown = next((name for name in arguments if name not in known), "")
    return nearest(unknown, known)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed the global generator for a while: pandapower's Kerber networks draw their cables."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def _from_file(path: Path) -> Any:
    import pandapower

    try:
        net = pandapower.from_json(str(path))
    except Exception as error:  # pandapower raises whatever its decoders stumble over
        raise _not_a_network(path, str(error)) from error
    if not isinstance(net, pandapower.pandapowerNet):
        raise _not_a_network(path, f"it holds a {type(net).__name__}")
    return net


def _not_a_network(path: Path, cause: str) -> ScenarioError:
    return ScenarioError(
        Problem(
            message=f"'{path.name}' is not a pandapower network: {cause}",
            key=("network", "file"),
            expected="a file written by pandapower.to_json",
        )
    )
