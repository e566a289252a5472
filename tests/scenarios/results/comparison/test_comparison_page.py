"""The page of a comparison: complete, self-contained, harmless."""
# ruff: noqa: RUF001 -- the page writes minus signs and dashes

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from gridloom.scenarios.results.comparison import CertifiedBounds, write_comparison_page
from gridloom.scenarios.results.comparison.figures.looks import scheme_looks
from gridloom.scenarios.results.comparison.published import PublishedValue
from gridloom.simulators.errors import RecordError

HOSTILE = '"><script src="http://evil.example/x.js">alert(1)</script>'
VOID = {"meta", "img", "br"}
BOUNDS = CertifiedBounds(energy_adjusted_cost_eur=-0.1, source="a proof")


class Page(HTMLParser):
    """What is in a page; fails on elements that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sections: list[str] = []
        self.tags: set[str] = set()
        self.images: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self._texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.add(tag)
        self.links += [attributes[name] or "" for name in ("href", "src") if name in attributes]
        if tag == "section":
            self.sections.append(attributes["id"] or "")
        if tag == "img":
            self.images.append(attributes)
        if tag not in VOID:
            self._open.append(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    @override
    def handle_data(self, data: str) -> None:
        self._texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._texts).split())


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def write(comparison: Any) -> str:
        path = tmp_path / "comparison.html"
        write_comparison_page(comparison, path)
        return path.read_text(encoding="utf-8")

    return write


@pytest.fixture
def whole(scheme: Any, compare: Any) -> Any:
    """A comparison that has everything."""
    value = PublishedValue(
        scheme="amas", kpi="shortage_cost_eur", value=0.3, unit="EUR", note="other sun", source="me"
    )
    return compare(
        scheme("basic", attributes={"wall_time_charging_s": 0.2}),
        scheme("saving", "amas", imbalance=-0.5, attributes={"wall_time_charging_s": 30.0}),
        bounds=BOUNDS,
        published=[value],
    )


@pytest.fixture
def recorded_controllers(scheme: Any) -> Any:
    """Two schemes whose controllers recorded their steps."""

    def make(variant: str, wall_time_s: float) -> Any:
        record = scheme(variant, attributes={"wall_time_charging_s": wall_time_s})
        setpoint = record["ev"]["power_kw"].rename("power_setpoint_kw")
        rows = setpoint.to_dataset().assign_attrs(record["charging"].attrs)
        record["charging"] = type(record)(rows)
        return record

    return [make("basic", 0.06), make("amas", 2400.0)]


def test_the_page_holds_all_sections_in_order(
    compare: Any, write: Any, recorded_controllers: Any
) -> None:
    page = Page(write(compare(*recorded_controllers)))
    assert page.sections == [
        "headline",
        "settlement",
        "energy-adjusted-cost",
        "imbalance-market",
        "line-current",
        "departures-ev",
        "power-ev",
        "computing-time",
        "runs",
    ]


def test_the_page_needs_nothing_from_outside(whole: Any, write: Any) -> None:
    text = write(whole)
    page = Page(text)
    assert page.images
    assert all(image["alt"] for image in page.images)
    assert all(link.startswith("data:image/svg+xml;base64,") for link in page.links)
    assert not {"script", "link", "iframe"} & page.tags
    assert not re.search(r"https?:|@import|url\(", text)
    assert "max-width: 62rem" in text  # the report's own style


def test_numbers_stand_side_by_side(whole: Any, write: Any) -> None:
    text = Page(write(whole)).text
    assert "Comparison of basic, saving" in text
    # -0.5 times 0.20 - 0.08 EUR: 1 kWh surplus earns 0.09, 0.5 kWh shortage cost 0.06
    assert "imbalance cost, eq. (21) 0.120 −0.030 EUR" in text
    assert "period 1 0.200 −0.090 −45 %" in text
    assert "period 2 −0.080 0.060 –" in text
    assert (
        "Certified lower bounds of J: −0.1 EUR with speculation on known prices (a proof)" in text
    )
    assert "Ratios and gaps refer to 'basic', whose devices nobody coordinates" in text
    assert "97.5 EUR/MWh" in text


def test_published_values_stand_beside_ours(whole: Any, write: Any) -> None:
    text = Page(write(whole)).text
    assert "saving cost of shortage only, eq. (28) 0.3 EUR 0.06 EUR other sun me" in text


def test_published_values_of_no_run_are_shown_alone(scheme: Any, compare: Any, write: Any) -> None:
    value = PublishedValue(scheme="milp", kpi="plan_cosine_similarity", value=0.99018)
    text = Page(write(compare(scheme("basic"), scheme("amas", "amas"), published=[value]))).text
    assert "milp plan_cosine_similarity 0.99018 not compared" in text


def test_warnings_are_on_top(scheme: Any, compare: Any, write: Any) -> None:
    runs = (scheme("basic"), scheme("amas", "amas", changes={"seed": 8}))
    text = Page(write(compare(*runs, anyway=True))).text
    assert text.index("The runs are not of one case") < text.index("The schemes side by side")


@pytest.mark.parametrize(
    ("parts", "sections"),
    [
        (("load", "charging"), []),
        (("grid", "charging"), ["headline", "line-current"]),
        (("ev", "charging"), ["headline", "departures-ev", "power-ev"]),
        (("market", "charging"), ["headline", "settlement", "imbalance-market"]),
    ],
)
def test_sections_without_a_part_in_the_records_are_left_out(
    scheme: Any, compare: Any, write: Any, parts: tuple[str, ...], sections: list[str]
) -> None:
    page = Page(write(compare(scheme("a", "x", *parts), scheme("b", "y", *parts))))
    assert page.sections == [*sections, "runs"]
    assert "nan" not in page.text.split()


def test_user_text_cannot_become_markup(scheme: Any, compare: Any, write: Any) -> None:
    runs = (
        scheme(HOSTILE, HOSTILE, changes={"title": HOSTILE}),
        scheme("amas", changes={"title": HOSTILE}),
    )
    value = PublishedValue(scheme=HOSTILE, kpi=HOSTILE, unit=HOSTILE, note=HOSTILE, source=HOSTILE)
    page = Page(write(compare(*runs, published=[value])))
    assert "script" not in page.tags
    assert all(link.startswith("data:") for link in page.links)


def test_three_phases_and_runs_of_other_length(
    scheme: Any, compare: Any, write: Any, build_record: Any
) -> None:
    shorter = scheme("amas", "amas")
    for name in ("grid", "ev", "market", "load"):
        shorter[name] = type(shorter)(shorter[name].to_dataset().isel(time=slice(700)))
    shorter["grid"] = build_record("grid", phases=("a", "b", "c"))["grid"]
    page = Page(write(compare(scheme("basic"), shorter)))
    assert "highest phase" in page.text


def test_the_same_runs_give_the_same_bytes(whole: Any, write: Any) -> None:
    assert write(whole) == write(whole)


def test_a_page_that_cannot_be_written(whole: Any, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="cannot write"):
        write_comparison_page(whole, tmp_path / "none" / "comparison.html")


def test_schemes_keep_their_looks_and_no_two_share_one() -> None:
    labels = [f"scheme {i}" for i in range(12)]
    looks = scheme_looks(labels, "scheme 3")
    assert len({(look.colour, look.dash) for look in looks.values()}) == len(labels)
    assert looks["scheme 3"].colour == "#6B6B6B"
    fewer = scheme_looks(labels[:5], "scheme 3")
    assert all(fewer[label] == looks[label] for label in fewer)
    assert all(looks[label].dash == "-" for label in labels[:8])


def test_many_long_names_are_drawn(scheme: Any, compare: Any, write: Any) -> None:
    records = [
        scheme(f"a-rather-long-name-of-scheme-{i}", "amas", imbalance=i / 4) for i in range(9)
    ]
    assert "a-rather-long-name-of-scheme-8" in Page(write(compare(*records))).text
