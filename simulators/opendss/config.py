"""What a scenario may say about a grid that OpenDSS solves."""

from pathlib import PurePath
from typing import Literal, Self

from pydantic import model_validator

from gridloom.simulators.grid.config import Background, EngineName, GridConfig, Phases

_SUFFIX = ".dss"


class OpenDssConfig(GridConfig):
    """A grid that OpenDSS solves: the user's own circuit, or any network of `type: grid`.

    `network: {file: Master.dss}` is the user's circuit; all other networks are written for OpenDSS.
    """

    engine: Literal[EngineName.OPENDSS] = EngineName.OPENDSS
    """OpenDSS, whatever the network."""

    @property
    def reads_circuit(self) -> bool:
        """Whether the network is a file that OpenDSS itself reads."""
        file = self.network.file
        return file is not None and PurePath(file).suffix.lower() == _SUFFIX

    @model_validator(mode="after")
    def _circuit_as_it_is(self) -> Self:
        """Refuse what would change the user's circuit beyond the powers of its loads."""
        if not self.reads_circuit:
            return self
        if self.phases is Phases.BALANCED:
            raise ValueError("a circuit file has the phases that it has: leave out 'phases'")
        if self.background is Background.NET:
            raise ValueError(
                "the loads of a circuit file are connection points only: leave out 'background'"
            )
        if self.source_voltage_pu is not None or self.source_impedance is not None:
            raise ValueError(
                "a circuit file says itself what its source is: leave out 'source_voltage_pu' and "
                "'source_impedance'"
            )
        return self
