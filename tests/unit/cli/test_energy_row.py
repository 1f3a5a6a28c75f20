"""The flat row of a configuration: energy of the first counter, or why there is none."""

from __future__ import annotations

from dataclasses import replace

from backends import cli_text
from backends.domain.energy import DomainEnergy, EnergyReading
from backends.domain.metric import Interval
from tests.unit.reporting.made_up import made_up_run

RESULT = made_up_run().results[0]
NET, GROSS = Interval(0.15, 0.14, 0.16, 0.95, 3), Interval(0.19, 0.18, 0.2, 0.95, 3)


def test_measured_energy_is_that_of_one_counter() -> None:
    domains = tuple(DomainEnergy(name, "rapl", 5.0, 25.0, NET, GROSS) for name in ("package-0", "psys"))
    row = cli_text.configuration_row(replace(RESULT, energy=EnergyReading("new token", domains, 3, 10.0)))
    assert (row["energy_domain"], row["energy_unit"]) == ("package-0", "new token")
    assert (row["joules"], row["joules_low"], row["joules_high"]) == (0.15, 0.14, 0.16)
    assert row["energy_not_measured"] is None


def test_energy_that_is_missing_says_why() -> None:
    row = cli_text.configuration_row(
        replace(RESULT, energy=EnergyReading("new token", why_not="No counter."))
    )
    assert row["joules"] is None and row["energy_not_measured"] == "No counter."
    assert cli_text.configuration_row(RESULT)["energy_not_measured"] == "Nobody asked for it."
