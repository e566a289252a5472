"""The names users import: pinned, so that none changes by accident."""

import gridloom


def test_front_door() -> None:
    assert sorted(gridloom.__all__) == [
        "__version__",
        "open_campaign",
        "open_record",
        "read_scenario",
        "run",
    ]
    for name in gridloom.__all__:
        assert getattr(gridloom, name) is not None
