"""When a foreign simulator is stepped, what it is told, and what becomes of its answers.

The expected values follow from `Base` in conftest.py: device i sends gain * (1000 i + time).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridloom.simulators.errors import ScenarioError, SimulatorError

Run = Callable[..., dict[str, dict[str, Any]]]
Program = Callable[..., str]

HEAD = """
name: case
start: 2021-06-21T12:00:00+02:00
duration: 4min
step_size: 1min
simulators:
  device:
    type: external
    python: {python}
    create: {{model: Device}}
"""
TWO = HEAD + "    at: [a, b]\n    sends: {{power_kw: {{name: P, unit: W}}}}\n"
ONE = HEAD + "    sends: {{x: P}}\n    defines: {{x: {{unit: '1'}}}}\n"
"""One value for the model as a whole, of a quantity of one's own."""
FED = (
    TWO
    + """
    receives: {{x: Q}}
    defines: {{x: {{unit: '1'}}}}
  sender:
    type: external
    python: {sender}
    create: {{model: Device}}
    at: [b, a]
    sends: {{x: P}}
    defines: {{x: {{unit: '1'}}}}
"""
)
"""`device` is told what `sender` sends, whose devices stand at the points in another order."""


class TestValues:
    def test_each_device_is_an_entity_in_the_order_of_its_connection_points(
        self, run: Run, program: Program
    ) -> None:
        sent = run(TWO.format(python=program()))["device"]["power_kw"]
        assert sent.tolist() == [[0, 1], [0.06, 1.06], [0.12, 1.12], [0.18, 1.18]]

    @pytest.mark.parametrize(
        ("counterpart", "factor"),
        [
            ("{name: P, unit: W}", 1e-3),
            ("{name: P, unit: kW}", 1),
            ("{name: P, unit: MW}", 1e3),
            ("P", 1),
            ("{name: P, unit: W, positive: load}", 1e-3),
            ("{name: P, unit: MW, positive: generation}", -1e3),
            ("{name: P, scale: 7}", 7),
            ("{name: P, scale: -0.5}", -0.5),
            ("{name: P, scale: 0.5, positive: generation}", -0.5),
        ],
    )
    def test_units_and_signs_are_converted(
        self, run: Run, program: Program, counterpart: str, factor: float
    ) -> None:
        text = TWO.format(python=program()).replace("{name: P, unit: W}", counterpart)
        sent = run(text)["device"]["power_kw"]
        np.testing.assert_allclose(sent[1], factor * np.array([60, 1060]), rtol=1e-15)

    def test_inputs_are_reordered_converted_and_sent_back(self, run: Run, program: Program) -> None:
        # sender: 5 * (0 at b, 1000 at a) + 5 t kW; the device returns in W what it is told in MW.
        device = program('def value(self, e, a): return 1e6 * self.told(e, "Q")')
        text = FED.format(python=device, sender=program())
        text = text.replace(
            "receives: {x: Q}",
            "receives: {power_setpoint_kw: {name: Q, unit: MW, positive: generation}}",
        )
        text = text.replace("sends: {x: P}", "sends: {power_setpoint_kw: P}")
        text = text.replace(
            "create: {model: Device}\n    at: [b",
            "create: {model: Device, parameters: {gain: 5}}\n    at: [b",
        )
        text += "couplings: [{from: sender.power_setpoint_kw, to: device.power_setpoint_kw}]\n"
        sent = run(text)["device"]["power_kw"]
        # -(value in MW) * 1e6 W = -1e3 kW for each 1 MW.
        assert sent[2].tolist() == pytest.approx([-(5000 + 600), -600], rel=1e-15)

    def test_the_unit_in_the_name_counts(self, run: Run, program: Program) -> None:
        device = program(
            'META = {"models": {"Device": {"public": True, "params": [], "attrs": ["P[MW]"]}}}'
        )
        text = TWO.format(python=device).replace("{name: P, unit: W}", "'P[MW]'")
        assert run(text)["device"]["power_kw"][1].tolist() == [60_000, 1_060_000]

    def test_temperatures_have_an_offset(self, run: Run, program: Program) -> None:
        text = ONE.format(python=program()).replace("x: P", "x: {name: P, unit: K}")
        sent = run(text.replace("unit: '1'", "unit: degC"))["device"]["x"]
        np.testing.assert_allclose(sent, np.array([0, 60, 120, 180]) - 273.15, rtol=1e-15)

    def test_a_model_as_a_whole_sends_single_values(self, run: Run, program: Program) -> None:
        sent = run(ONE.format(python=program()))["device"]["x"]
        assert sent.tolist() == [0, 60, 120, 180]

    def test_a_vector_carries_all_elements_in_one_entity(self, run: Run, program: Program) -> None:
        # The devices' inputs come back doubled, as one list.
        device = program('def value(self, e, a): return [2 * x for x in self.told(e, "Q")]')
        text = FED.format(python=device, sender=program())
        text = text.replace("    at: [a, b]", "    vector: true\n    at: [a, b]")
        sent = run(text)["device"]["power_kw"]
        expected = np.array([[2, 0], [2.12, 0.12], [2.24, 0.24], [2.36, 0.36]])
        np.testing.assert_allclose(sent, expected, rtol=1e-15)

    def test_an_attribute_for_each_element(self, run: Run, program: Program) -> None:
        meta = '{"models": {"Device": {"public": True, "params": [], "attrs": ["P a", "P b"]}}}'
        device = program(f'META = {meta}\ndef value(self, e, a): return {{"P a": 1, "P b": 2}}[a]')
        text = TWO.format(python=device).replace("name: P", "name: 'P {element}'")
        assert run(text)["device"]["power_kw"][0].tolist() == [0.001, 0.002]

    def test_children_of_a_type_are_taken_in_the_order_of_creation(
        self, run: Run, program: Program
    ) -> None:
        device = program(
            """
            def create(self, num, model):
                self.gain, self.entities = 1, ["p1", "p0"]
                parts = [{"eid": eid, "type": "Part"} for eid in self.entities]
                return [{"eid": "all", "type": "Device", "children": parts}]
            """
        )
        text = TWO.format(python=device)
        elements = text.replace("at: [a, b]", "elements: {part: {type: Part, at: [a, b]}}")
        assert run(elements)["device"]["power_kw"][0].tolist() == [0, 1]
        named = text.replace("at: [a, b]", "elements: {part: {names: {p0: a, p1: b}}}")
        assert run(named)["device"]["power_kw"][0].tolist() == [1, 0]
        listed = text.replace("at: [a, b]", "elements: {part: {names: [p0, p1], connected: false}}")
        assert run(listed)["device"]["power_kw"][0].tolist() == [1, 0]

    def test_kinds_of_elements_are_told_apart(self, run: Run, program: Program) -> None:
        text = HEAD.format(python=program()).replace("Device}", "Device, number: 3}") + (
            "    elements: {one: {names: {Device_2: a}}, rest: {names: [Device_0, Device_1], "
            "connected: false}}\n"
            "    sends: {power_kw: {name: P, unit: W, of: one}, x: {name: Q, of: rest}}\n"
            "    defines: {x: {unit: '1'}}\n"
        )
        sent = run(text)["device"]
        assert sent["power_kw"][0].tolist() == [2]
        assert sent["x"][0].tolist() == [0, 1000]

    def test_what_is_not_known_is_told_as_null(self, run: Run, program: Program) -> None:
        # voltage_pu may be NaN; the device returns 7 W where it is told None.
        device = program('def value(self, e, a): return 7 if self.told(e, "Q") is None else 8')
        sender = program('def value(self, e, a): return None if e == "Device_1" else 1.0')
        text = FED.format(python=device, sender=sender)
        text = text.replace("{x: Q}", "{voltage_pu: Q}").replace("{x: P}", "{voltage_pu: P}")
        assert run(text)["device"]["power_kw"][0].tolist() == [0.007, 0.008]

    def test_both_ways_of_running_a_class_agree_bit_for_bit(
        self, run: Run, program: Program
    ) -> None:
        # Sines have no short decimal form: every bit of them must survive the wire.
        device = program(
            """
            def value(self, e, a):
                import math
                return math.sin(self.told(e, "Q") + self.time)
            """
        )
        text = FED.format(python=device, sender=program())
        apart = text.replace("    at:", "    placement: process\n    at:")
        assert apart.count("placement: process") == 2
        here, there = run(text), run(apart)
        assert here["device"]["power_kw"].tobytes() == there["device"]["power_kw"].tobytes()
        assert len(np.unique(here["device"]["power_kw"])) == 8


class TestTimes:
    def test_init_is_told_the_id_resolution_and_parameters(
        self, run: Run, program: Program, tmp_path: Path
    ) -> None:
        (tmp_path / "weather.csv").touch()
        device = program(
            """
            def value(self, e, a):
                assert self.sid == "simulator"
                assert self.time_resolution == 1
                assert self.parameters == {
                    "start": "2021-06-21 12:00:00",
                    "step": 60,
                    "text": "240 s with seed 5",
                    "files": [FILE, "no weather.csv", {"file": FILE}],
                    "as it is": ["{else}", 1.5, True],
                }
                assert self.gain == 240
                return 0
            """.replace("FILE", repr(str(tmp_path / "weather.csv")))
        )
        text = ONE.format(python=device).replace(
            "{model: Device}", "{model: Device, parameters: {gain: '{duration_s}'}}"
        ) + (
            "    files: [weather.csv]\n"
            "    parameters:\n"
            "      start: '{start}'\n"
            "      step: '{step_size_s}'\n"
            "      text: '{duration_s} s with seed {seed}'\n"
            "      files: [weather.csv, no weather.csv, {file: weather.csv}]\n"
            "      as it is: ['{else}', 1.5, true]\n"
            "seed: 5\n"
        )
        assert run(text)["device"]["x"].tolist() == [0, 0, 0, 0]

    def test_the_content_of_its_files_is_part_of_the_runs_identity(
        self, program: Program, tmp_path: Path
    ) -> None:
        from gridloom.scenarios.reader import read_scenario

        path = tmp_path / "case.yaml"
        path.write_text(ONE.format(python="m:S") + "    files: [weather.csv]\n")
        scenario = read_scenario(path).scenario()
        digests = set()
        for content in ("1", "2", "1"):
            (tmp_path / "weather.csv").write_text(content)
            digests.add(scenario.digest([tmp_path]))
        assert len(digests) == 2

    def test_a_simulator_with_longer_steps_holds_its_values(
        self, run: Run, program: Program
    ) -> None:
        sent = run(ONE.format(python=program("step_s = 120")))["device"]["x"]
        assert sent.tolist() == [0, 0, 120, 120]

    def test_a_last_step_beyond_the_end_may_be_anywhere(self, run: Run, program: Program) -> None:
        sent = run(ONE.format(python=program("step_s = 250")))["device"]["x"]
        assert sent.tolist() == [0, 0, 0, 0]

    @pytest.mark.parametrize("kind", ["time-based", "event-based", "hybrid"])
    @pytest.mark.parametrize(("step_s", "divisor"), [(30, "30s"), (90, "90s"), (61, "61s")])
    def test_finer_steps_are_refused(
        self, run: Run, program: Program, step_s: int, divisor: str, kind: str
    ) -> None:
        device = program(f'step_s = {step_s}\nMETA = {{**Base.META, "type": "{kind}"}}')
        with pytest.raises(SimulatorError) as caught:
            run(ONE.format(python=device))
        assert str(caught.value) == (
            f"simulator 'device' failed at simulation time 0 s: it wants its next step at "
            f"{step_s} s, its model steps every 1min: give it a step_size that divides {divisor}"
        )

    @pytest.mark.parametrize(
        ("step", "cause"),
        [
            ("return None", "step returned None as the time of the next step, expected an integer"),
            ("return 60.0", "step returned 60.0 as the time of the next step, expected an integer"),
            ("return True", "step returned True as the time of the next step, expected an integer"),
            ("return '60'", "step returned '60' as the time of the next step, expected an integer"),
            ("return time", "step returned 0 as the time of the next step, which is not later"),
            ("return -60", "step returned -60 as the time of the next step, which is not later"),
            ("return 1 / 0", "ZeroDivisionError: division by zero"),
        ],
    )
    def test_other_next_steps_are_refused(
        self, run: Run, program: Program, step: str, cause: str
    ) -> None:
        device = program(f"def step(self, time, inputs, max_advance): {step}")
        with pytest.raises(SimulatorError) as caught:
            run(ONE.format(python=device))
        assert caught.value.cause == cause
        assert caught.value.time == 0

    @pytest.mark.parametrize(
        ("kind", "expected"),
        [("time-based", [240] * 4), ("hybrid", [240] * 4), ("event-based", [59, 119, 179, 240])],
    )
    def test_max_advance_says_until_when_nothing_lets_it_step(
        self, run: Run, program: Program, kind: str, expected: list[int]
    ) -> None:
        # As mosaik's: the end of the simulation, unless inputs trigger the simulator.
        device = program(
            f"""
            META = {{**Base.META, "type": "{kind}"}}
            def value(self, e, a): return self.max_advance
            """
        )
        alone = run(ONE.format(python=device))["device"]["x"]
        assert alone.tolist() == [240, 240, 240, 240]
        fed = run(FED.format(python=device, sender=program()))["device"]["power_kw"]
        np.testing.assert_allclose(fed[:, 0], np.array(expected) / 1000)

    @pytest.mark.parametrize("placement", ["inprocess", "process"])
    def test_simulators_of_api_2_know_no_time_resolution_and_no_max_advance(
        self, run: Run, program: Program, placement: str
    ) -> None:
        device = program(
            """
            META = {"api_version": "2.2", "models": Base.META["models"]}
            def init(self, sid, rate):
                self.gain = rate
                return self.meta
            def create(self, num, model):
                self.entities = ["only"]
                return [{"eid": "only", "type": model}]
            def step(self, time, inputs):
                self.time = time
                return time + 60
            """
        )
        text = (
            ONE.format(python=device) + f"    parameters: {{rate: 3}}\n    placement: {placement}\n"
        )
        assert run(text)["device"]["x"].tolist() == [0, 180, 360, 540]


class TestEvents:
    """Steps as mosaik would make them, values left out held."""

    def test_an_event_based_simulator_steps_when_it_said_so(
        self, run: Run, program: Program
    ) -> None:
        # At 0, then at 120, then never again by itself.
        device = program(
            """
            META = {**Base.META, "type": "event-based"}
            def step(self, time, inputs, max_advance):
                self.time = time
                return 120 if time == 0 else None
            """
        )
        assert run(ONE.format(python=device))["device"]["x"].tolist() == [0, 0, 120, 120]

    @pytest.mark.parametrize(
        ("kind", "model", "steps"),
        [
            ("event-based", "{}", [0, 60, 120, 180]),
            ("hybrid", "{}", [0, 0, 0, 0]),
            ("hybrid", '{"trigger": ["Q"]}', [0, 60, 120, 180]),
            ("hybrid", '{"trigger": True}', [0, 60, 120, 180]),
            ("hybrid", '{"trigger": ["P"]}', [0, 0, 0, 0]),
            ("hybrid", '{"non-trigger": ["P"]}', [0, 60, 120, 180]),
            ("hybrid", '{"non-trigger": ["Q"]}', [0, 0, 0, 0]),
            ("hybrid", '{"non-trigger": True}', [0, 0, 0, 0]),
        ],
    )
    def test_inputs_let_a_simulator_step_as_its_meta_says(
        self, run: Run, program: Program, kind: str, model: str, steps: list[int]
    ) -> None:
        # The rules are mosaik's own (`parse_attrs`): of a hybrid simulator, inputs trigger only
        # where its META says so.
        device = program(
            f"""
            META = {{
                "type": "{kind}",
                "models": {{"Device": {{**Base.META["models"]["Device"], **{model}}}}},
            }}
            def step(self, time, inputs, max_advance):
                self.time = time
                return None
            def value(self, e, a): return self.time
            """
        )
        sent = run(FED.format(python=device, sender=program()))["device"]["power_kw"]
        np.testing.assert_allclose(sent[:, 0], np.array(steps) / 1000)

    @pytest.mark.parametrize("kind", ["event-based", "hybrid"])
    def test_values_left_out_are_held_bit_for_bit(
        self, run: Run, program: Program, kind: str
    ) -> None:
        # Thirds in a unit of 1e-3 do not survive a conversion there and back.
        device = program(
            f"""
            META = {{**Base.META, "type": "{kind}"}}
            def get_data(self, outputs):
                if self.time == 0:
                    return {{"Device_0": {{"P": 1 / 3}}, "Device_1": {{"P": 2 / 3}}, "time": 0}}
                return {{"Device_1": {{"P": 5.0}}}} if self.time == 120 else {{"Device_0": {{}}}}
            """
        )
        sent = run(TWO.format(python=device))["device"]["power_kw"]
        first, second = sent[0]
        np.testing.assert_allclose(sent[0], [1e-3 / 3, 2e-3 / 3])
        assert sent.tolist() == [[first, second], [first, second], [first, 0.005], [first, 0.005]]

    def test_a_vector_left_out_is_held(self, run: Run, program: Program) -> None:
        device = program(
            """
            META = {**Base.META, "type": "hybrid"}
            def get_data(self, outputs):
                return {"Device_0": {"P": [1000, 2000]}} if self.time == 0 else {}
            """
        )
        text = TWO.format(python=device).replace("    at:", "    vector: true\n    at:")
        assert run(text)["device"]["power_kw"].tolist() == [[1, 2]] * 4

    def test_a_first_value_must_come(self, run: Run, program: Program) -> None:
        device = program(
            'META = {**Base.META, "type": "hybrid"}\ndef get_data(self, outputs): return {}'
        )
        with pytest.raises(SimulatorError, match="get_data left out 'P', which is x"):
            run(ONE.format(python=device))

    def test_values_of_another_time_are_refused(self, run: Run, program: Program) -> None:
        device = program(
            """
            META = {**Base.META, "type": "event-based"}
            def get_data(self, outputs): return {"Device_0": {"P": 1}, "time": self.time + 30}
            """
        )
        with pytest.raises(SimulatorError) as caught:
            run(ONE.format(python=device))
        assert caught.value.cause == ("get_data returned data for the time 30, expected the step's")


class TestAnswers:
    @pytest.mark.parametrize(
        ("data", "cause", "entity"),
        [
            ("[]", "get_data returned [], expected data by entity", ""),
            ("{}", "get_data left out 'P', which is power_kw", "Device_0"),
            ("{'Device_0': {'P': 1}}", "get_data left out 'P', which is power_kw", "Device_1"),
            (
                "{'Device_0': {'P': 1}, 'Device_1': {'P': '1'}}",
                "'P' is '1', a str, expected a number",
                "Device_1",
            ),
            (
                "{'Device_0': {'P': float('nan')}, 'Device_1': {'P': 1}}",
                "'P', which is power_kw, is not finite",
                "Device_0",
            ),
            (
                "{'Device_0': {'P': 1}, 'Device_1': {'P': float('inf')}}",
                "'P', which is power_kw, is not finite",
                "Device_1",
            ),
            (
                "{'Device_0': {'P': None}, 'Device_1': {'P': 1}}",
                "'P', which is power_kw, is not finite",
                "Device_0",
            ),
            (
                "{'Device_0': {'P': [1]}, 'Device_1': {'P': 1}}",
                "'P' is [1], a list, expected a number",
                "Device_0",
            ),
            (
                "{'Device_0': {'P': 1}, 'Device_1': {'P': 1}, 'Device_9': {}}",
                "get_data returned data of an entity that was not asked for",
                "Device_9",
            ),
        ],
    )
    def test_unfit_data_names_entity_and_attribute(
        self, run: Run, program: Program, data: str, cause: str, entity: str
    ) -> None:
        device = program(f"def get_data(self, outputs): return {data}")
        with pytest.raises(SimulatorError) as caught:
            run(TWO.format(python=device))
        assert (caught.value.cause, caught.value.element) == (cause, entity)

    def test_unfit_data_from_another_process_is_no_different(
        self, run: Run, program: Program
    ) -> None:
        device = program("def value(self, e, a): return float('nan')")
        with pytest.raises(SimulatorError) as caught:
            run(TWO.format(python=device) + "    placement: process\n")
        assert caught.value.cause == "'P', which is power_kw, is not finite"
        assert caught.value.element == "Device_0"

    @pytest.mark.parametrize(
        ("vector", "cause"),
        [
            ("[1]", "'P' has 1 values, expected 2, one an element"),
            ("3", "'P' is 3, expected a list of numbers"),
            ("[1, 'x']", "'P[1]' is 'x', a str, expected a number"),
            ("[1, None]", "'P[1]', which is power_kw, is not finite"),
        ],
    )
    def test_unfit_vectors_name_the_place(
        self, run: Run, program: Program, vector: str, cause: str
    ) -> None:
        device = program(f"def value(self, e, a): return {vector}")
        text = TWO.format(python=device).replace("    at:", "    vector: true\n    at:")
        with pytest.raises(SimulatorError) as caught:
            run(text)
        assert (caught.value.cause, caught.value.element) == (cause, "Device_0")

    def test_numpy_numbers_and_arrays_are_numbers(self, run: Run, program: Program) -> None:
        device = program("def value(self, e, a): return __import__('numpy').array([3000, 4000])")
        text = TWO.format(python=device).replace("    at:", "    vector: true\n    at:")
        assert run(text)["device"]["power_kw"][0].tolist() == [3, 4]


class TestRequests:
    @pytest.mark.parametrize("placement", ["inprocess", "process"])
    def test_progress_and_relations_are_answered(
        self, run: Run, program: Program, placement: str
    ) -> None:
        # What mosaik's own answer would be for two coupled devices, the first with a line.
        device = program(
            """
            def create(self, num, model):
                self.entities = ["Device_0", "Device_1"]
                line = {"eid": "line", "type": "Part", "rel": ["Device_0"]}
                found = [{"eid": e, "type": model} for e in self.entities]
                found[0]["children"] = [line]
                return found
            def setup_done(self):
                self.every = yield self.mosaik.get_related_entities()
                self.some = yield self.mosaik.get_related_entities(
                    ["simulator.Device_0", "simulator.line"]
                )
                self.one = yield self.mosaik.get_related_entities("simulator.Device_1")
            def step(self, time, inputs, max_advance):
                self.time = time
                self.progress = yield self.mosaik.get_progress()
                return time + 60
            def value(self, e, a):
                told = {"gridloom.population": {"sid": "gridloom", "type": "population"}}
                assert self.some == {
                    "simulator.Device_0": {
                        "simulator.line": {"sid": "simulator", "type": "Part"}, **told
                    },
                    "simulator.line": {
                        "simulator.Device_0": {"sid": "simulator", "type": "Device"}
                    },
                }
                assert self.one == told
                assert ["simulator.line", "simulator.Device_0", {}] in self.every["edges"]
                assert set(self.every["nodes"]) == {
                    "simulator.Device_0", "simulator.Device_1", "simulator.line",
                    "gridloom.population",
                }
                return self.progress
            """
        )
        text = FED.format(python=device, sender=program()).replace(
            "    at: [a", f"    placement: {placement}\n    at: [a"
        )
        sent = run(text)["device"]["power_kw"]
        np.testing.assert_allclose(sent[:, 0], [0, 0.025, 0.05, 0.075])  # percent of 240 s

    @pytest.mark.parametrize("placement", ["inprocess", "process"])
    @pytest.mark.parametrize(
        ("request_text", "hint"),
        [
            ("set_data({})", "'set_data': let the simulator send what others need, under 'sends'"),
            (
                "get_data({})",
                "'get_data': let the simulator receive what it needs, under 'receives'",
            ),
            (
                "set_event(60)",
                "'set_event': let the simulator return the time of its next step",
            ),
        ],
    )
    def test_what_couplings_are_for_is_refused(
        self, run: Run, program: Program, placement: str, request_text: str, hint: str
    ) -> None:
        device = program(
            f"""
            def step(self, time, inputs, max_advance):
                yield self.mosaik.{request_text}
                return time + 60
            """
        )
        with pytest.raises(SimulatorError) as caught:
            run(ONE.format(python=device) + f"    placement: {placement}\n")
        assert f"gridloom does not offer {hint}" in caught.value.cause

    @pytest.mark.parametrize("placement", ["inprocess", "process"])
    def test_a_simulator_may_go_on_after_a_refusal(
        self, run: Run, program: Program, placement: str
    ) -> None:
        device = program(
            """
            def step(self, time, inputs, max_advance):
                self.time = time
                try:
                    yield self.mosaik.set_data({})
                except Exception:
                    self.time = -1
                return time + 60
            """
        )
        text = ONE.format(python=device) + f"    placement: {placement}\n"
        assert run(text)["device"]["x"].tolist() == [-1, -1, -1, -1]


def test_a_module_of_the_same_name_elsewhere_is_not_taken_for_it(
    run: Run,
    run_file: Run,
    program: Program,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    # The first scenario's simulator must not compute the second one, which lies in another folder.
    device = program()
    run(ONE.format(python=device))
    other = tmp_path_factory.mktemp("other")
    name = f"{device.partition(':')[0]}.py"
    (other / name).write_text((tmp_path / name).read_text())
    (other / "case.yaml").write_text(ONE.format(python=device))
    with pytest.raises(ScenarioError) as caught:
        run_file(other / "case.yaml")
    (problem,) = caught.value.problems
    assert problem.key == ("simulators", "device", "python")
    assert problem.message.endswith("is loaded already")
    assert problem.suggestion == "give the file another name"
