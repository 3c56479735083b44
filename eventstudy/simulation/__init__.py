"""Size and power of a study's tests, simulated on the user's own returns."""

from eventstudy.simulation.page import write_simulation
from eventstudy.simulation.request import SimulationSpec
from eventstudy.simulation.result import SimulationResult
from eventstudy.simulation.run import simulate

__all__ = ["SimulationResult", "SimulationSpec", "simulate", "write_simulation"]
