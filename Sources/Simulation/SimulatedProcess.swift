internal import Delivery
internal import Engine

/// One process of a story: a delivery loop, for as long as nothing ends it.
final class SimulatedProcess<World: ScenarioWorld> {
    var loop: DeliveryLoop<World>
    /// Turns in which nothing was left to do.
    var quietTurns = 0

    init(_ loop: consuming DeliveryLoop<World>) { self.loop = loop }
}
