"""The report: one page that holds everything and nothing that could do harm."""
# ruff: noqa: RUF001 -- the report writes minus signs and dashes

import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
import xarray as xr
from typing_extensions import override

from gridloom.scenarios.results.kpis.kpi import Kpi
from gridloom.scenarios.results.report import write_report

RecordBuilder = Callable[..., xr.DataTree]
HOSTILE = '"><script src="http://evil.example/x.js">alert(1)</script><img src=x onerror=alert(1)>'
KPIS = [
    Kpi(
        name="imbalance_cost_eur",
        value=-0.12345678,
        unit="EUR",
        group="Market",
        label="imbalance cost",
        headline=True,
    ),
    Kpi(
        name="line_loading_max_percent",
        value=131.4,
        unit="percent",
        group="Grid",
        label="highest line loading",
        of="LINE117",
    ),
    Kpi(
        name="voltage_min_pu",
        value=1.0264,
        unit="1",
        group="Grid",
        label="lowest voltage, pu",
        headline=True,
    ),
    Kpi(name="nothing", value=np.nan, unit="s", group="Market", label="not to be judged"),
]
VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """What is in a page; fails on elements that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append(tag)
        self.ids += [attributes["id"] or ""] if "id" in attributes else []
        self.links += [attributes[n] or "" for n in ("href", "src", "srcset") if n in attributes]
        if tag == "img":
            self.images.append(attributes)
        if tag not in VOID:
            self._open.append(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    @override
    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    path = tmp_path_factory.mktemp("report") / "report.html"

    def write(record: xr.DataTree, kpis: Any = KPIS) -> str:
        write_report(record, kpis, path)
        return path.read_text(encoding="utf-8")

    return write


@pytest.fixture(scope="module")
def whole(write: Callable[..., str], build_record: RecordBuilder) -> str:
    """The page of a record that has everything."""
    return write(build_record())


def test_the_page_holds_all_sections_in_order(whole: str) -> None:
    page = Page(whole)

    sections = [name for name in page.ids if not name.endswith("-title")]
    assert sections == [
        "indicators",
        "line-current",
        "power",
        "imbalance-market",
        "state-of-charge-ev",
        "voltage",
        "map",
        "provenance",
    ]
    assert len(set(page.ids)) == len(page.ids)


def test_sections_without_a_part_in_the_record_are_left_out(
    write: Callable[..., str], build_record: RecordBuilder
) -> None:
    page = Page(write(build_record("load"), []))

    assert [name for name in page.ids if not name.endswith("-title")] == ["power", "provenance"]


def test_the_page_needs_nothing_from_outside(whole: str) -> None:
    page = Page(whole)

    assert page.links
    assert all(link.startswith("data:image/svg+xml;base64,") for link in page.links)
    assert not {"script", "link", "iframe", "object", "embed"} & set(page.tags)
    assert not re.search(r"https?:|@import|url\(", whole)
    assert len(whole) < 1_000_000


def test_every_image_has_an_alternative_text(whole: str) -> None:
    page = Page(whole)

    assert len(page.images) == 6
    assert all(image["alt"] for image in page.images)


def test_header_states_what_was_run(whole: str) -> None:
    text = Page(whole).text

    assert "Four houses" in text
    assert "Variant: basic" in text
    assert "A street." in text
    assert "simulated 2021-03-24 16:00–16:20 (UTC+01:00)" in text
    assert "seed 7" in text
    assert "gridloom 0.1.0" in text


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2021-03-24T15:00:00+00:00", "2021-03-24 15:00–15:20 (UTC)"),
        ("2021-03-24T11:30:00-03:30", "2021-03-24 11:30–11:50 (UTC−03:30)"),
        ("2021-03-25T00:45:00+09:45", "2021-03-25 00:45–01:05 (UTC+09:45)"),
        ("2021-03-24T23:50:00+08:50", "2021-03-24 23:50–2021-03-25 00:10 (UTC+08:50)"),
    ],
)
def test_times_are_those_of_the_scenarios_zone(
    write: Callable[..., str], build_record: RecordBuilder, start: str, expected: str
) -> None:
    record = build_record("load", scenario=json.dumps({"start": start}))

    assert expected in Page(write(record)).text


def test_indicators_are_grouped_and_rounded(
    write: Callable[..., str], build_record: RecordBuilder
) -> None:
    text = Page(write(build_record("load"))).text
    headline, everything = text.split("All indicators")

    assert "Market imbalance cost −0.123 EUR" in headline
    assert "Grid lowest voltage, pu 1.026" in headline
    assert "LINE117" not in headline
    assert "highest line loading (LINE117) 131.4 %" in everything
    assert "imbalance cost −0.12346 EUR not to be judged – s" in everything


def test_provenance_is_complete(whole: str) -> None:
    text = Page(whole).text

    assert "charging basic controller 1 s – sessions_plugged_in" in text
    assert "grid grid simulator 1 s 1.5 s" in text
    assert "Wall time of the whole simulation: 3.25 s" in text
    assert "numpy 2.0.0" in text
    assert "abc123" in text
    assert "duration: 20min" in text


def test_user_text_cannot_become_markup(
    write: Callable[..., str], build_record: RecordBuilder
) -> None:
    record = build_record(
        "grid",
        title=HOSTILE,
        variant=HOSTILE,
        platform=HOSTILE,
        scenario=json.dumps({"start": "2021-03-24T16:00:00+01:00", "description": HOSTILE}),
    )
    rows = record.children["grid"].to_dataset(inherit=False)
    record["grid"] = xr.DataTree(rows.assign_coords(line=[HOSTILE, "b", "c", "d"]))
    kpi = Kpi(name="k", value=1.0, unit=HOSTILE, group=HOSTILE, label=HOSTILE, of=HOSTILE)

    page = Page(write(record, [kpi]))

    assert "script" not in page.tags
    assert all(link.startswith("data:image/svg+xml") for link in page.links)
    assert f"{HOSTILE} exceeds its 65 A rating for 90 s" in page.text
    assert len(page.images) == 3


@pytest.mark.parametrize(
    ("status", "warning"),
    [
        (1, None),
        (2, "This run is not complete (failed): bus 7 has no supply."),
        (3, "This run is not complete (interrupted): bus 7 has no supply."),
    ],
)
def test_an_incomplete_run_is_announced(
    write: Callable[..., str], build_record: RecordBuilder, status: int, warning: str | None
) -> None:
    record = build_record("load", failure="bus 7 has no supply")
    record["run_status"] = xr.DataArray(np.int8(status))

    text = Page(write(record)).text

    assert ("not complete" in text) == (warning is not None)
    assert (warning or "") in text


def test_a_record_that_says_nothing_of_itself_still_has_a_report(
    write: Callable[..., str], build_record: RecordBuilder
) -> None:
    groups = build_record("grid", "charging").children
    bare = xr.DataTree.from_dict({name: group.to_dataset() for name, group in groups.items()})

    page = Page(write(bare, []))

    assert "gridloom run" in page.text
    assert "L12 exceeds its 65 A rating for 90 s" in page.text


def test_the_same_run_gives_the_same_bytes(
    write: Callable[..., str], build_record: RecordBuilder, whole: str
) -> None:
    assert write(build_record()) == whole


def test_importing_the_report_is_light() -> None:
    code = (
        "import sys, gridloom.scenarios.results.report; "
        "print(sorted({'matplotlib', 'jinja2', 'xarray', 'pandas'} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
