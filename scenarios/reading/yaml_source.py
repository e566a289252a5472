"""Reads YAML text into a tree with places, and explains what YAML it cannot read.

YAML 1.2, so that `18:30`, `no` and `on` are text and `1e3` is a number. Time stamps stay text;
what a value means is for the schema to say. Duplicate keys are errors.
"""

import warnings
from pathlib import Path
from typing import TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, StringMark, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.nodes import Node as YamlNode
from ruamel.yaml.reader import ReaderError

from gridloom.scenarios.reading.tree import Node, Scalar
from gridloom.scenarios.reading.yaml_problems import syntax_problem
from gridloom.simulators.errors import Location, Problem, ScenarioError

_TAG = "tag:yaml.org,2002:"
_TYPED = {_TAG + name for name in ("null", "bool", "int", "float")}
_AS_WRITTEN = {_TAG + name for name in ("str", "timestamp", "value")}
_COLLECTIONS = {_TAG + name for name in ("map", "seq")}
_MERGE = _TAG + "merge"

_Entries: TypeAlias = dict[str, Node]


def read_yaml(path: Path) -> Node:
    """Read a YAML file.

    Raises:
        ScenarioError: the file is unreadable, no text, or no YAML.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        reason = "is a folder" if path.is_dir() else f"cannot be read: {error.strerror}"
        raise ScenarioError(
            Problem(message=f"'{path}' {reason}", expected="a YAML file")
        ) from error
    except UnicodeDecodeError as error:
        raise ScenarioError(
            Problem(message=f"'{path}' is not a text file in UTF-8", expected="a YAML file")
        ) from error
    return parse_yaml(text, Location(file=path, line=1, column=1))


def parse_yaml(text: str, origin: Location, *, fixed: bool = False) -> Node:
    """Read YAML text.

    Args:
        text: YAML 1.2; JSON is a subset.
        origin: the place of the text's beginning.
        fixed: whether everything in the text is at ``origin``, as in an option's value.

    Raises:
        ScenarioError: with every duplicate key, or the one mistake that ends the reading.
    """
    yaml = YAML(typ="safe", pure=True)
    try:
        with warnings.catch_warnings():
            # An anchor may be set anew: YAML 1.2.2, section 7.1.
            warnings.simplefilter("ignore", ReusedAnchorWarning)
            root = yaml.compose(text)
    except (MarkedYAMLError, ReaderError) as error:
        raise ScenarioError(syntax_problem(error, text, origin, fixed=fixed)) from error
    except RecursionError as error:
        raise ScenarioError(Problem(message="nested too deeply", location=origin)) from error
    if root is None:
        return Node(value=None, location=origin)
    builder = _Builder(yaml, origin, fixed=fixed)
    node = builder.build(root, origin)
    if builder.problems:
        raise ScenarioError(*builder.problems)
    return node


class _Builder:
    """Turns ruamel's nodes into ours, collecting problems."""

    def __init__(self, yaml: YAML, origin: Location, *, fixed: bool) -> None:
        self.problems: list[Problem] = []
        self._yaml = yaml
        self._origin = origin
        self._fixed = fixed
        self._open: set[int] = set()
        """Nodes being built: meeting one again means that an alias contains itself."""

    def build(self, node: YamlNode, location: Location) -> Node:
        if id(node) in self._open:
            return self._refuse(location, "an alias may not contain itself")
        if isinstance(node, ScalarNode):
            return Node(value=self._scalar(node, location), location=location)
        if str(node.tag) not in _COLLECTIONS:
            return self._refuse(location, f"the tag {node.tag} has no meaning here")
        self._open.add(id(node))
        built: dict[str, Node] | list[Node] = []
        if isinstance(node, MappingNode):
            built = self._mapping(node)
        elif isinstance(node, SequenceNode):
            built = [self.build(item, self._place(item)) for item in node.value]
        self._open.remove(id(node))
        return Node(value=built, location=location)

    def _mapping(self, node: MappingNode) -> _Entries:
        own: _Entries = {}
        merged: _Entries = {}
        for key, value in node.value:
            place = self._place(key)
            if not isinstance(key, ScalarNode):
                self._refuse(place, "a key must be text")
            elif str(key.tag) == _MERGE:
                merged = {**self._merged(value, place), **merged}
            elif key.value in own:
                first = own[key.value].location
                self._refuse(
                    place, f"duplicate key '{key.value}'", f"it is first given in line {first.line}"
                )
            else:
                own[key.value] = self.build(value, place)
        return {**merged, **own}

    def _merged(self, value: YamlNode, place: Location) -> _Entries:
        """Return the entries that a merge key (`<<`) brings; of several, the first counts."""
        sources = value.value if isinstance(value, SequenceNode) else [value]
        entries: _Entries = {}
        for source in sources:
            built = self.build(source, place)
            if isinstance(built.value, dict):
                entries = {**built.value, **entries}
            else:
                self._refuse(place, "'<<' needs a mapping, or a list of mappings")
        return entries

    def _scalar(self, node: ScalarNode, place: Location) -> Scalar:
        tag = str(node.tag)
        if tag in _AS_WRITTEN:
            return str(node.value)
        if tag not in _TYPED:
            self._refuse(place, f"the tag {tag} has no meaning here")
            return None
        try:
            value: Scalar = self._yaml.constructor.construct_object(node)
        except (ValueError, KeyError, YAMLError):
            self._refuse(place, f"'{node.value}' is no {tag.removeprefix(_TAG)}")
            return None
        return value

    def _place(self, node: YamlNode) -> Location:
        mark: StringMark = node.start_mark
        if self._fixed:
            return self._origin
        return Location(file=self._origin.file, line=mark.line + 1, column=mark.column + 1)

    def _refuse(self, place: Location, message: str, hint: str = "") -> Node:
        self.problems.append(Problem(message=message, suggestion=hint, location=place))
        return Node(value=None, location=place)
