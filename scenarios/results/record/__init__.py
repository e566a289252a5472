"""The record of a run: one HDF5 file that follows the netCDF-4 and CF conventions.

    /                        Conventions, schema_version, start, provenance, failure
    ├── run_status           how the run ended (flag_meanings name the values)
    ├── committed_time_s     rows with a time before it are valid
    ├── grid/                one group a model: model_type, role, step_size_s, its summary
    │   ├── time             (time)                 seconds since the start, UTC
    │   ├── line, phase      (line), (phase)        names
    │   ├── line_current_a   (time, line, phase)    one variable an output port
    │   ├── line_current_a_max                      where a row covers several steps: a statistic
    │   └── line_rated_current_a  (line)            one a static variable
    └── unfinished_rows/     only until the record is closed: rows that fill no chunk yet

`RecordWriter` writes it, `open_record` reads it with xarray, and so does anything that reads
netCDF-4 or HDF5; `recover_record` makes that true again of what a killed run has left. The names of
the file's constants are in `layout`.
"""

from gridloom.scenarios.results.record.disk import replace_durably, write_errors, write_through
from gridloom.scenarios.results.record.layout import (
    SCHEMA_VERSION,
    Compression,
    RecordedModel,
    RunStatus,
)
from gridloom.scenarios.results.record.lock import folder_lock, is_held
from gridloom.scenarios.results.record.origin import RecordedScenario, recorded_scenario
from gridloom.scenarios.results.record.reader import open_record, record_status
from gridloom.scenarios.results.record.recovery import Recovery, recover_record
from gridloom.scenarios.results.record.several_steps import RowOfSteps
from gridloom.scenarios.results.record.statistics import (
    NETTED_POWER,
    Column,
    columns_of,
    statistic_name,
)
from gridloom.scenarios.results.record.writer import RecordWriter

__all__ = [
    "NETTED_POWER",
    "SCHEMA_VERSION",
    "Column",
    "Compression",
    "RecordWriter",
    "RecordedModel",
    "RecordedScenario",
    "Recovery",
    "RowOfSteps",
    "RunStatus",
    "columns_of",
    "folder_lock",
    "is_held",
    "open_record",
    "record_status",
    "recorded_scenario",
    "recover_record",
    "replace_durably",
    "statistic_name",
    "write_errors",
    "write_through",
]
