"""What gateways do to a route."""

from random import Random

from tests.support.simulation import Simulation
from tests.support.worlds.troubles import End


def the_gateways_controller_is_away(simulation: Simulation, _random: Random) -> End:
    simulation.gateways.is_away = True
    return lambda: setattr(simulation.gateways, "is_away", False)


def the_gateway_refuses_the_route(simulation: Simulation, _random: Random) -> End:
    simulation.gateways.refuses = ("NotAllowedByListeners", "no")
    return lambda: setattr(simulation.gateways, "refuses", None)


def the_gateway_is_slow(simulation: Simulation, random: Random) -> End:
    simulation.gateways.takes = random.choice([0.5, 5.0, 12.0])
    return lambda: setattr(simulation.gateways, "takes", 1.0)


def the_class_forgets_how_to_copy(simulation: Simulation, _random: Random) -> End:
    simulation.gateways.install("HTTPRouteBackendProtocolH2C")
    return simulation.gateways.install


GATEWAY_TROUBLES = (
    the_gateways_controller_is_away,
    the_gateway_refuses_the_route,
    the_gateway_is_slow,
    the_class_forgets_how_to_copy,
)
