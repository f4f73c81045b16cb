internal import Delivery
internal import Engine
internal import Events
internal import Streaming

/// Runs a scenario: processes start, crash and are started again, until everything that arrived is
/// committed; then the last one drains.
public struct ScenarioRun<World: ScenarioWorld>: ~Copyable {
    private let scenario: Scenario
    private let world: SimulatedWorld
    /// The order in which records are handed over; nil for whatever comes first.
    private let script: [RecordSource]?
    private var processes = 0
    private var largestOutbox = 0
    private var notices: [DeliveryNotice] = []
    private var whole: StoredState?

    /// Turns of all processes together, far beyond what any story needs.
    private static var turnsMax: Int { 20_000 }
    private static var quietTurnsMin: Int { 3 }
    private static var processesMax: Int { 60 }

    /// What is left when it is over.
    struct Ending {
        var world: SimulatedWorld
        var processes: Int
        var largestOutbox: Int
        var notices: [DeliveryNotice]
        /// Whether everything was committed and the last process drained.
        var isComplete: Bool
        /// All that the last process knew when it ended; nil where it did not come to that.
        var whole: StoredState?
        var partitions: Int32
    }

    init(_ scenario: Scenario, faults: FaultPlan, script: [RecordSource]?) {
        self.scenario = scenario
        self.script = script
        let names = SimulatedWorld.Names()
        world = SimulatedWorld(
            seed: scenario.seed &* 0x9E37_79B9 &+ 1, faults: faults, names: names, observer: CommitObserver(names))
        world.broker.createTopic(names.events, partitions: scenario.partitions)
        world.broker.createTopic(names.lists, partitions: 2)
        world.broker.createTopic(names.deadLetters, partitions: 1)
        world.add(scenario.traffic)
    }

    consuming func run() -> Ending {
        var isComplete = false
        var turns = 0
        while !isComplete, processes < Self.processesMax, turns < Self.turnsMax {
            processes += 1
            world.restart()
            do throws(EngineError) {
                isComplete = try live(&turns)
            } catch {
                world.observer.violation("process \(processes) cannot restore its state: \(error)")
                break
            }
            if !isComplete { world.crash(damagesNewest: false) }
        }
        return Ending(
            world: world, processes: processes, largestOutbox: largestOutbox, notices: notices, isComplete: isComplete, whole: whole,
            partitions: scenario.partitions)
    }

    /// One process, from its start to its end.
    ///
    /// - Returns: whether everything was done, and it drained.
    private mutating func live(_ turns: inout Int) throws(EngineError) -> Bool {
        guard let decoder = EventDecoder(fields: EventFields(), limits: EventLimits()) else { return false }
        let engine = try restoredEngine()
        let producer = SimulatedProducer(
            world, transactionalID: scenario.delivery.guarantee == .exactlyOnce ? world.names.transactionalID : nil)
        let consumer = SimulatedConsumer(world, member: "freshet-\(processes)", script: script)
        var loop = DeliveryLoop<World>(
            scenario.delivery, engine: engine, decoder: decoder, consumer: World.consumer(consumer),
            reader: nil, producer: World.producer(producer), store: World.store(SimulatedStore(world)),
            time: SimulatedTime(world: world))
        var quietTurns = 0
        do throws(DeliveryError) {
            while !world.isCrashed, turns < Self.turnsMax {
                turns += 1
                try loop.turn()
                notices += loop.takeNotices()
                largestOutbox = max(largestOutbox, loop.waitingCount)
                guard world.isCalm, world.observer.isEverythingCommitted(world.broker),
                    world.observer.isEverything(below: loop.engine.nextOffsets, world.broker)
                else { continue }
                // It may still hear of what was lost to retention.
                quietTurns += 1
                guard quietTurns > Self.quietTurnsMin else { continue }
                try loop.drain()
                guard !world.isCrashed else { return false }
                whole = StoredState(loop.engine.takeWholeCheckpoint())
                return true
            }
        } catch {
            // It ends with an exit code, and the supervisor starts it again.
            notices += loop.takeNotices()
            return false
        }
        return false
    }

    private func restoredEngine() throws(EngineError) -> Engine {
        try Self.engine(of: World.restored(world.disk.state), scenario)
    }

    static func engine(of stored: StoredState, _ scenario: Scenario) throws(EngineError) -> Engine {
        guard let model = stored.model else { return try Engine(scenario.engine) }
        var restorer = try EngineRestorer(scenario.engine, stored: model)
        for row in stored.itemRows { try restorer.add(row) }
        for row in stored.userRows { try restorer.add(row) }
        return try restorer.finish(blobs: stored.blobs, offsets: stored.offsets)
    }
}
