"""The report of a campaign: what it says, what it links to, and that nothing breaks it."""
# ruff: noqa: RUF001 -- the page writes minus signs and dashes

import re
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from shutil import copytree
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from typing_extensions import override

from gridloom.scenarios.campaigns.campaign_folder import CampaignFolder
from gridloom.scenarios.campaigns.index import About, Index, PlannedRun
from gridloom.scenarios.campaigns.outcome import Fault, Outcome
from gridloom.scenarios.campaigns.point import Axis
from gridloom.scenarios.campaigns.results import write_campaign_report
from gridloom.scenarios.campaigns.results.bookkeeping import Books
from gridloom.scenarios.campaigns.results.overview import facts_of
from gridloom.scenarios.commands import records
from gridloom.scenarios.results.comparison.figures.looks import scheme_looks
from gridloom.scenarios.results.kpis.kpi import Kpi
from gridloom.scenarios.results.record import folder_lock
from gridloom.scenarios.runner import Run, run
from gridloom.simulators.errors import RecordError, ScenarioError

HOSTILE = '"><script src="http://evil.example/x.js">alert(1)</script>'
SCHEME = Axis(name="scheme", keys=("variant",), labels=("basic", "amas"))
POWER = Axis(name="power", keys=("simulators.ev.rated_power_kw",), labels=(3.7, 11.0), unit="kW")
SEED = Axis(name="seed", keys=("seed",), labels=(1, 2, 3), is_seed=True)
DASH = "–"
_LEGEND_PT = 25
COST, OVERLOAD = "imbalance_cost_eur", "line_overload_duration_s"


class Page(HTMLParser):
    """What is in a page, tables cell by cell."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sections: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.alternatives: list[str] = []
        self.rows: list[list[str]] = []
        self.bold: list[str] = []
        self._texts: list[str] = []
        self._in_cell = self._in_bold = False
        self.feed(text)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.add(tag)
        self.links += [attributes[name] or "" for name in ("href", "src") if name in attributes]
        if tag == "section":
            self.sections.append(attributes["id"] or "")
        if tag == "img":
            self.alternatives.append(attributes["alt"] or "")
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
            self._in_cell = True
        if tag == "strong":
            self.bold.append("")
            self._in_bold = True

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._in_cell = False
        if tag == "strong":
            self._in_bold = False

    @override
    def handle_data(self, data: str) -> None:
        self._texts.append(data)
        if self._in_cell:
            self.rows[-1][-1] += data
        if self._in_bold:
            self.bold[-1] += data

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._texts).split())

    def row(self, *beginning: str) -> list[str]:
        """Return the row whose first cells are these."""
        (found,) = [r for r in self.rows if tuple(r[: len(beginning)]) == beginning]
        return found[len(beginning) :]


def page_of(folder: CampaignFolder, **options: Any) -> Page:
    return Page(write_campaign_report(folder, **options).read_text(encoding="utf-8"))


def cost_kpi(value: float, **told: Any) -> Kpi:
    return Kpi(
        **{
            "name": COST,
            "value": value,
            "unit": "EUR",
            "group": "Market",
            "label": "imbalance cost",
            "headline": True,
            **told,
        }
    )


def test_the_page_holds_all_sections_in_order(write_campaign: Any) -> None:
    page = page_of(write_campaign())
    assert page.sections == [
        "axes",
        "indicator-1",
        "indicator-2",
        "differences",
        "trade-off",
        "outstanding",
        "combinations",
        "indicators",
    ]


def test_the_page_needs_nothing_from_outside(write_campaign: Any) -> None:
    page = page_of(write_campaign())
    assert page.links
    assert all(link.startswith("data:image/svg+xml;base64,") for link in page.links)
    assert not page.tags & {"script", "link", "iframe", "object"}
    assert all(page.alternatives)


def test_equal_values_of_two_schemes_stand_side_by_side(write_campaign: Any) -> None:
    """The overload is the same for both, at two powers: four marks, at four places, 4 pt apart."""
    page = page_of(write_campaign(), indicators=[OVERLOAD])
    (uri, *_rest) = (link for link in page.links if link.startswith("data:"))
    svg = b64decode(uri.partition(",")[2]).decode()
    basic, amas = (
        {
            (float(x), float(y))
            for x, y in re.findall(rf'x="(.*?)" y="(.*?)" style="fill: {look.colour.lower()}', svg)
            if float(y) > _LEGEND_PT
        }
        for look in scheme_looks(("basic", "amas"), "basic").values()
    )
    assert len(basic) == 2
    moved = [(x - 4, y) for x, y in sorted(amas)]
    assert np.array(moved) == pytest.approx(np.array(sorted(basic)))


def test_means_over_seeds_with_their_intervals(write_campaign: Any) -> None:
    """Amas at 11 kW: 5.5, 11, 16.5: s = 5.5, 4.3027 x 5.5 / sqrt(3) = 13.66."""
    page = page_of(write_campaign())
    assert page.row("11.0", "amas") == ["3", "11 ± 14", "7.3 ± 0"]
    assert page.row("3.7", "basic") == ["3", "7.4 ± 9.2", "0 ± 0"]


def test_schemes_are_compared_in_pairs(write_campaign: Any) -> None:
    """Mean over both powers, 8 kW x seed / 2 less with amas: 8, s = 4, 4.3027 x 4 / sqrt(3) = 9.94.

    Only runs with equal seeds are subtracted; the overload is the same for both.
    """
    power = Axis(name="power", keys=(), labels=(4.0, 12.0), unit="kW")
    page = page_of(write_campaign((SCHEME, power, SEED)))
    begin = page.rows.index(["indicator", "seeds", "amas less basic"])
    assert page.rows[begin + 1] == ["imbalance cost (EUR)", "3", "−8.0 ± 9.9"]
    assert page.rows[begin + 2] == ["time with an overloaded line (s)", "3", "0 ± 0"]


def test_what_differs_by_more_than_chance_is_bold(write_campaign: Any) -> None:
    """Cost: 10 less, s = 1, 4.3027 / sqrt(3) = 2.48. Overload: 1 more, 4.97: may be none at all."""

    def kpis_of(parameters: Any) -> list[Kpi]:
        seed, is_amas = float(parameters["seed"]), parameters["scheme"] == "amas"
        return [
            cost_kpi(20.0 - is_amas * (8.0 + seed)),
            kpi_of_time(50.0 + is_amas * (2.0 * seed - 3.0)),
        ]

    page = page_of(write_campaign([SCHEME, SEED], kpis_of=kpis_of))
    assert page.bold == ["−10.0 ± 2.5"]
    assert ["time with an overloaded line (s)", "3", "1.0 ± 5.0"] in page.rows


def test_seeds_of_a_combination_are_those_of_its_indicators(write_campaign: Any) -> None:
    """Costs of all three seeds are known, times of seeds 1 and 2, gaps of amas alone.

    Of 1 and 2: s = 0.7071, t(0.975, 1) = 12.706, 12.706 x 0.7071 / sqrt(2) = 6.35.
    """

    def kpis_of(parameters: Any) -> list[Kpi]:
        seed, is_amas = float(parameters["seed"]), parameters["scheme"] == "amas"
        time = [kpi_of_time(seed)] if seed < 3 else []
        gap = [cost_kpi(seed, name="gap_kwh", label="gap")] if is_amas else []
        return [cost_kpi(seed), *time, *gap]

    page = page_of(write_campaign([SCHEME, SEED], kpis_of=kpis_of))
    assert ["basic", "2–3", "2.0 ± 2.5", DASH, "1.5 ± 6.4"] in page.rows
    assert ["amas", "2–3", "2.0 ± 2.5", "2.0 ± 2.5", "1.5 ± 6.4"] in page.rows


def test_the_finest_numbers_are_along_the_horizontal_axis(write_campaign: Any) -> None:
    coarse = Axis(name="coarse", keys=(), labels=(1, 2))
    fine = Axis(name="fine", keys=(), labels=(1, 2, 3, 4))

    def kpis_of(parameters: Any) -> list[Kpi]:
        return [cost_kpi(float(parameters["fine"] + parameters["coarse"]))]

    page = page_of(write_campaign([coarse, SCHEME, fine], kpis_of=kpis_of))
    assert page.alternatives[0].startswith("imbalance cost (EUR) over fine, scheme, coarse.")


def test_runs_that_points_share_count_once(write_campaign: Any) -> None:
    """Two points, one run of 2 s and 1 MB."""
    folder = write_campaign([Axis(name="power", keys=(), labels=(1, 2))], kpis_of=lambda _: [])
    with Index(folder.index, writable=True) as index:
        runs = [
            PlannedRun(number=n, parameters={"power": n}, digest=f"{1:010x}", folder="one")
            for n in (1, 2)
        ]
        index.begin(index.about(), runs)
    text = page_of(folder).text
    assert "2 (1 different): 2 complete" in text
    assert "computing time in all 2 s" in text
    assert "records 1 MB" in text


def test_the_page_does_not_depend_on_the_order_in_which_runs_end(write_campaign: Any) -> None:
    """Labels, headlines and which indicators there are differ from run to run."""

    def kpis_of(parameters: Any) -> list[Kpi] | Fault:
        seed, power = int(parameters["seed"]), float(parameters["power"])
        if seed == 3 and power > 4:
            return Fault.MEMORY if parameters["scheme"] == "amas" else Fault.CRASHED
        label = "imbalance cost" if seed == 1 else "imbalance cost (of 15-min means)"
        told = cost_kpi(power * seed, label=label)
        late = cost_kpi(power, name="late_eur", label="late", headline=seed == 2)
        return [told, late] if parameters["scheme"] == "amas" else [late, told, kpi_of_time(power)]

    pages = []
    for name, backwards in (("straight", False), ("backwards", True)):
        folder = write_campaign(kpis_of=kpis_of, name=name, backwards=backwards)
        pages.append(write_campaign_report(folder).read_bytes())
    assert pages[0] == pages[1]


def test_what_no_combination_beats(write_campaign: Any) -> None:
    """3.7 kW with amas has the least cost and no overload; alone, amas wins at each power."""
    page = page_of(write_campaign())
    front = page.rows.index(["power (kW)", "scheme", "imbalance cost (EUR)",
                             "time with an overloaded line (s)"]) + 1  # fmt: skip
    assert page.rows[front][:2] == ["3.7", "amas"]
    assert "1 combination is beaten by no other" in page.text
    assert "of 2 settings" in page.text
    assert "beats it: basic in 0; amas in 2." in page.text


def test_other_indicators_are_shown_if_asked_for(write_campaign: Any) -> None:
    folder = write_campaign()
    page = page_of(folder, indicators=[OVERLOAD], pareto=(OVERLOAD, COST))
    assert page.sections[:3] == ["axes", "indicator-1", "differences"]
    assert "Time with an overloaded line against imbalance cost" in page.text
    with pytest.raises(ScenarioError, match="did you mean 'imbalance_cost_eur'"):
        write_campaign_report(folder, indicators=["imbalance_cost"])
    with pytest.raises(ScenarioError, match="no complete run has an indicator 'nothing'"):
        write_campaign_report(folder, pareto=(COST, "nothing"))


def test_where_more_is_better_the_front_is_on_the_other_side(write_campaign: Any) -> None:
    def kpis_of(parameters: Any) -> list[Kpi]:
        sufficiency = {"basic": 20.0, "amas": 60.0}[parameters["scheme"]]
        return [
            cost_kpi(1.0 if parameters["scheme"] == "basic" else 2.0),
            cost_kpi(sufficiency, name="self_sufficiency_percent", unit="percent", label="own"),
        ]

    page = page_of(write_campaign(kpis_of=kpis_of), pareto=(COST, "self_sufficiency_percent"))
    assert "4 combinations are beaten by no other" in page.text
    assert "better is more own" in page.text
    assert "beats it: basic in 2; amas in 2." in page.text  # cheap, or more of one's own


def test_failures_are_grouped_by_what_they_have_in_common(write_campaign: Any) -> None:
    """Reasons that differ in the time only are one group."""

    def kpis_of(parameters: Any) -> Any:
        return Fault.SIMULATION if parameters["seed"] == 2 else [cost_kpi(parameters["power"])]

    folder = write_campaign(kpis_of=kpis_of)
    log = folder.runs / f"street-{2:010x}" / "run.log"
    log.parent.mkdir(parents=True)
    log.touch()
    page = page_of(folder)
    count, reason, examples = page.row("simulation failed")
    assert count == "4"
    assert reason == "simulator 'grid' failed at simulation time 2 s"
    assert "run 2: scheme basic, power 3.7, seed 2" in examples
    assert examples.count("run ") == 3
    assert "Of 12 runs, 4 failed: means leave them out." in page.text
    assert "runs/street-0000000002/run.log" in page.links


def test_computing_times_are_no_indicators_of_the_page(write_campaign: Any) -> None:
    assert "decision_wall_time_ms" not in page_of(write_campaign()).text


def test_names_cannot_break_the_page(write_campaign: Any) -> None:
    axis = Axis(name=HOSTILE, keys=(HOSTILE,), labels=(HOSTILE, "b"), unit=HOSTILE)

    def kpis_of(parameters: Any) -> Any:
        return Fault.CRASHED if parameters[HOSTILE] == "b" else [cost_kpi(1.0, label=HOSTILE)]

    folder = write_campaign([axis], kpis_of=kpis_of)
    page = page_of(folder, indicators=[COST])
    assert "script" not in page.tags


@pytest.mark.parametrize(
    ("axes", "figures"),
    [
        ([Axis(name="seed", keys=("seed",), labels=(1, 2, 3), is_seed=True)], 1),
        ([Axis(name="scheme", keys=(), labels=("a", "b"))], 1),
        ([Axis(name="files", keys=(), labels=("a", "b", "c")),
          Axis(name="scheme", keys=(), labels=("u", "v"))], 1),
        ([Axis(name="x", keys=(), labels=tuple(range(1, 201)))], 1),
        ([Axis(name=n, keys=(), labels=(1, 2)) for n in "abcde"], 1),
        ([Axis(name="one", keys=(), labels=(1,))], 0),
    ],
    ids=["seeds", "schemes", "words", "fine", "many", "one run"],
)  # fmt: skip
def test_campaigns_of_every_shape_have_a_report(
    write_campaign: Any, axes: list[Axis], figures: int
) -> None:
    def kpis_of(parameters: Any) -> list[Kpi]:
        places = [axis.labels.index(parameters[axis.name]) for axis in axes]
        return [cost_kpi(float(1 + sum(places)))]

    page = page_of(write_campaign(axes, kpis_of=kpis_of))
    assert len([s for s in page.sections if s.startswith("indicator-")]) == figures


def test_what_is_averaged_over_is_said(write_campaign: Any) -> None:
    axes = [Axis(name=n, keys=(), labels=(1, 2)) for n in "abcde"]

    def kpis_of(parameters: Any) -> list[Kpi]:
        return [cost_kpi(float(sum(parameters.values())))]

    assert "Averaged over d and e." in page_of(write_campaign(axes, kpis_of=kpis_of)).text


def test_runs_that_are_missing_make_no_difference_between_schemes(write_campaign: Any) -> None:
    """Both schemes cost the seed; without the cheap runs of one, its plain mean would be 3."""

    def kpis_of(parameters: Any) -> list[Kpi] | Fault:
        seed = parameters["seed"]
        if parameters["scheme"] == "amas" and seed < 3:
            return Fault.CRASHED
        return [cost_kpi(float(seed))]

    page = page_of(write_campaign([SCHEME, SEED], kpis_of=kpis_of))
    assert "3 EUR on average with any scheme" in page.text
    rows = [row for row in page.rows if COST in row]
    assert [row[-2:] for row in rows] == [["3", "3"]]


@pytest.mark.parametrize(
    ("costs", "heading"),
    [
        ((1000.9, 1001.2), "on average 1000.9 EUR with basic, 1001.2 EUR with amas"),
        ((1000.9, 1000.9 + 1e-9), "1001 EUR on average with any scheme"),
        ((6.8e-5, 7.1e-5), "on average 6.8·10⁻⁵ EUR with basic, 7.1·10⁻⁵ EUR with amas"),
    ],
)
def test_a_heading_tells_apart_what_differs(
    write_campaign: Any, costs: tuple[float, float], heading: str
) -> None:
    """Of seeds 1, 2 and 3 the mean is that of seed 2; 1e-9 of 1500 is what floats leave."""
    of_scheme = dict(zip(("basic", "amas"), costs, strict=True))

    def kpis_of(parameters: Any) -> list[Kpi]:
        return [cost_kpi(of_scheme[parameters["scheme"]] * parameters["seed"] / 2)]

    page = page_of(write_campaign([SCHEME, SEED], kpis_of=kpis_of), indicators=[COST])
    assert f"Imbalance cost: {heading}" in page.text


def test_a_heading_of_several_schemes_says_that_it_names_the_ends(write_campaign: Any) -> None:
    scheme = Axis(name="scheme", keys=("variant",), labels=("a", "b", "c"))

    def kpis_of(parameters: Any) -> list[Kpi]:
        return [cost_kpi({"a": 2.0, "b": 1.0, "c": 3.0}[parameters["scheme"]])]

    page = page_of(write_campaign([scheme], kpis_of=kpis_of))
    assert "Imbalance cost: on average from 1 EUR with b to 3 EUR with c" in page.text


def test_intervals_of_two_seeds_come_with_a_warning(write_campaign: Any) -> None:
    """t(0.975, 1) = 12.706 (published tables)."""
    two = Axis(name="seed", keys=("seed",), labels=(1, 2), is_seed=True)
    warning = "Intervals of two seeds say next to nothing: t is 12.7."
    assert page_of(write_campaign((SCHEME, POWER, two), name="two")).text.count(warning) == 4
    assert warning not in page_of(write_campaign(name="three")).text


def test_schemes_that_are_level_are_called_so(write_campaign: Any) -> None:
    def kpis_of(parameters: Any) -> list[Kpi]:
        power, seed = float(parameters["power"]), float(parameters["seed"])
        return [cost_kpi(power * seed), kpi_of_time(power)]

    text = page_of(write_campaign(kpis_of=kpis_of)).text
    assert "basic in 2 (in 2 level with another); amas in 2 (in 2 level with another)." in text


def test_what_a_scheme_never_has_is_not_said_of_it(write_campaign: Any) -> None:
    """Only one scheme plans: the others' runs are not missing, and no mean is theirs."""

    def kpis_of(parameters: Any) -> list[Kpi]:
        gap = [cost_kpi(parameters["seed"] / 2)] if parameters["scheme"] == "amas" else []
        return [*gap, kpi_of_time(float(parameters["seed"]))]

    page = page_of(write_campaign([SCHEME, SEED], kpis_of=kpis_of))
    assert "1 EUR on average with amas" in page.text
    assert "1 EUR on average with any scheme" not in page.text


def kpi_of_time(value: float) -> Kpi:
    return Kpi(
        name=OVERLOAD,
        value=value,
        unit="s",
        group="Grid",
        label="time with an overloaded line",
        headline=True,
    )


def test_the_page_says_what_was_studied(tmp_path: Path) -> None:
    """What it asks, of which scenario, and what was set for all runs."""
    folder = CampaignFolder(tmp_path)
    about = About(
        name="case",
        title="A case",
        file="c.yaml",
        axes=(SEED,),
        gridloom_version="1",
        description="What is asked?",
        scenario="quickstart",
        changes={
            "duration": "10min",
            "simulators": {"ev": {"rated_power_kw": 11}},
            "seed": "10",
            "tags": ["a", "null"],
        },
    )
    with Index(folder.index, writable=True) as index:
        index.begin(about, [PlannedRun(number=1, parameters={"seed": 1}, digest="a", folder="a")])
        index.set_ended("a", Outcome(digest="a", kpis=[cost_kpi(1.0)]))
    text = page_of(folder).text
    assert "What is asked?" in text
    assert "quickstart" in text
    assert "duration=10min, simulators.ev.rated_power_kw=11" in text
    assert 'seed="10", tags=[a, "null"]' in text


@pytest.mark.parametrize(("title", "is_said"), [("A case", True), ("case", False), ("", False)])
def test_the_name_is_said_where_it_is_not_the_title(title: str, is_said: bool) -> None:
    about = About(name="case", title=title, file="", axes=(), gridloom_version="1")
    assert (("campaign", "case") in facts_of(about, Books(), is_over=True)) == is_said


def test_a_campaign_without_complete_runs_has_a_report(write_campaign: Any) -> None:
    page = page_of(write_campaign(kpis_of=lambda _: Fault.MEMORY))
    assert page.sections == ["axes", "failures"]
    assert "Of 12 runs, 12 failed" in page.text


def test_a_campaign_without_its_index_is_told_from_a_record(tmp_path: Path) -> None:
    (tmp_path / "runs" / "street-1").mkdir(parents=True)
    with pytest.raises(ScenarioError, match="is the folder of a campaign, but"):
        records.report(tmp_path)


def test_no_folder_to_write_to(write_campaign: Any, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="cannot write"):
        write_campaign_report(write_campaign(), tmp_path / "nowhere" / "report.html")
    with pytest.raises(ScenarioError, match="is no campaign"):
        write_campaign_report(CampaignFolder(tmp_path / "nowhere"))


@pytest.fixture(scope="module")
def real_runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Two short runs of quickstart, seeds 1 and 2."""
    out = tmp_path_factory.mktemp("runs")
    return [
        run("quickstart", out=out, overrides=["duration=10min", f"seed={seed}"])[0]
        for seed in (1, 2)
    ]


@pytest.fixture
def real_campaign(real_runs: list[Run], tmp_path: Path) -> CampaignFolder:
    """A campaign of these runs, in a folder with a difficult name."""
    folder = CampaignFolder(tmp_path / "it's 50 %")
    for each in real_runs:
        copytree(each.folder.path, folder.runs / each.folder.path.name)
    axis = Axis(name="seed", keys=("seed",), labels=(1, 2), is_seed=True)
    about = About(name="q", title="", file="", axes=(axis,), gridloom_version="")
    names = [each.folder.path.name for each in real_runs]
    plan = [
        PlannedRun(number=n, parameters={"seed": n}, digest=name[-10:], folder=name)
        for n, name in enumerate(names, start=1)
    ]
    with Index(folder.index, writable=True) as index:
        index.begin(about, plan)
        for planned in plan:
            cost = cost_kpi(float(planned.number))  # so that one costs least and the other most
            index.set_ended(planned.digest, Outcome(digest=planned.digest, kpis=[cost]))
    return folder


def test_the_best_run_is_the_one_with_the_most_gain(write_campaign: Any) -> None:
    """Gain = 2 x seed, of which more is better; cost = seed: what is printed are these numbers."""

    def kpis_of(parameters: Any) -> list[Kpi]:
        seed = float(parameters["seed"])
        return [cost_kpi(seed), cost_kpi(2 * seed, name="gain_eur", label="gain")]

    page = page_of(write_campaign([SEED], kpis_of=kpis_of))
    assert page.row("best: gain")[:2] == ["6 EUR", "3: seed 3"]
    assert page.row("worst: gain")[:2] == ["2 EUR", "1: seed 1"]
    assert page.row("best: imbalance cost")[:2] == ["1 EUR", "1: seed 1"]
    assert page.row("worst: imbalance cost")[:2] == ["3 EUR", "3: seed 3"]


def test_outstanding_runs_are_linked_to_their_own_reports(
    real_campaign: CampaignFolder,
) -> None:
    folder = real_campaign
    reports = [path / "report.html" for path in folder.runs.iterdir()]
    for report in reports:
        report.unlink(missing_ok=True)
    page = page_of(folder)
    linked = {folder.path / unquote(link) for link in page.links if link.startswith("runs/")}
    assert linked == set(reports)
    assert all("Five houses" in path.read_text(encoding="utf-8") for path in linked)


def test_links_are_relative_to_where_the_page_is(
    real_campaign: CampaignFolder, tmp_path: Path
) -> None:
    out = tmp_path / "elsewhere" / "page.html"
    out.parent.mkdir()
    page = page_of(real_campaign, out=out)
    links = [link for link in page.links if not link.startswith("data:")]
    assert links
    assert all(re.match(r"\.\./it%27s%2050%20%25/runs/", link) for link in links)
    assert all((out.parent / unquote(link)).is_file() for link in links)


def test_a_run_whose_record_is_broken_costs_only_its_own_report(
    real_campaign: CampaignFolder,
) -> None:
    folder = real_campaign
    broken, *_ = sorted(folder.runs.iterdir())
    (broken / "report.html").unlink()
    (broken / "record.h5").write_bytes(b"nothing")
    page = page_of(folder)
    assert "none: its record cannot be read" in page.text
    assert len([link for link in page.links if link.startswith("runs/")]) == 1


def test_runs_of_a_batch_that_was_killed_are_not_called_running(write_campaign: Any) -> None:
    """Nobody holds the folder: they were interrupted; while somebody does, they run."""
    folder = write_campaign()
    with Index(folder.index, writable=True) as index:
        run = next(index.runs())
        index.set_running([run.digest])
    assert "1 interrupted" in page_of(folder).text
    with folder_lock(folder.path):
        assert "1 running" in page_of(folder).text
