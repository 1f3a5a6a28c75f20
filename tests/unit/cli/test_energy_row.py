"""The flat row of a configuration: energy of the first counter, or why there is none."""

from __future__ import annotations

from dataclasses import replace

from backends import cli_text
from backends.actions.report import account_of
from backends.domain.energy import DomainEnergy, EnergyReading, EnergyWindow
from backends.domain.metric import Interval
from backends.reporting.report import html_report
from tests.unit.reporting.made_up import made_up_run

RESULT = made_up_run().results[0]
NET, GROSS = Interval(0.15, 0.14, 0.16, 0.95, 3), Interval(0.19, 0.18, 0.2, 0.95, 3)


def test_measured_energy_is_that_of_one_counter() -> None:
    domains = tuple(DomainEnergy(name, "rapl", 5.0, 25.0, NET, GROSS) for name in ("package-0", "psys"))
    row = cli_text.configuration_row(replace(RESULT, energy=EnergyReading("new token", domains, 3, 10.0)))
    assert (row["energy_domain"], row["energy_unit"]) == ("package-0", "new token")
    assert (row["joules"], row["joules_low"], row["joules_high"]) == (0.15, 0.14, 0.16)
    assert row["energy_not_measured"] is None and row["energy_disturbed"] == []


def test_energy_that_is_missing_says_why() -> None:
    row = cli_text.configuration_row(
        replace(RESULT, energy=EnergyReading("new token", why_not="No counter."))
    )
    assert row["joules"] is None and row["energy_not_measured"] == "No counter."
    assert cli_text.configuration_row(RESULT)["energy_not_measured"] == "Nobody asked for it."


def test_what_disturbed_the_windows_stands_beside_the_figure() -> None:
    domain = DomainEnergy("package-0", "rapl", 5.0, 25.0, NET, GROSS)
    windows = (EnergyWindow((), 9.0, ("noise",), counted=False), EnergyWindow((), 9.0, ("noise again",)))
    reading = EnergyReading("new token", (domain,), 1, 10.0, readings=windows)
    assert cli_text.configuration_row(replace(RESULT, energy=reading))["energy_disturbed"] == ["noise again"]
    run = made_up_run()
    account = account_of(replace(run, results=(replace(RESULT, energy=reading), *run.results[1:])))
    page = html_report(account)
    assert "1 disturbed window(s) were measured once more" in page and "noise again" in page
