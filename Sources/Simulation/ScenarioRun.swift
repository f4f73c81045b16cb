internal import Delivery
internal import Engine
internal import Events
internal import Streaming

/// Runs a scenario: processes start, crash and are started again, until everything that arrived is committed; then
/// they drain, one after the other. Where sessions have a changelog, one more comes then that has no disk.
public struct ScenarioRun<World: ScenarioWorld>: ~Copyable {
    private let scenario: Scenario
    private let world: SimulatedWorld
    /// The order in which records are handed over; nil for whatever comes first.
    private let script: [RecordSource]?
    /// By machine.
    private var running: [SimulatedProcess<World>?]
    /// Machines below this one have drained.
    private var finished = 0
    private var processes = 0
    private var turns = 0
    private var largestOutbox = 0
    private var notices: [DeliveryNotice] = []
    private var whole: StoredState?
    private var countedEvents: Int?
    private var lostHistories: [String] = []

    /// Turns of all processes together, far beyond what any story needs.
    private static var turnsMax: Int { 20_000 }
    private static var quietTurnsMin: Int { 3 }
    private static var processesMax: Int { 60 }

    /// What is left when it is over.
    struct Ending {
        /// The first machine is at work in it.
        var world: SimulatedWorld
        var processes: Int
        var largestOutbox: Int
        var notices: [DeliveryNotice]
        /// Whether everything was committed and the last process drained.
        var isComplete: Bool
        /// All that the first machine's last process knew when it ended; nil where it did not come to that.
        var whole: StoredState?
        /// Events that its counting models have.
        var countedEvents: Int?
        /// Sessions that are not what their users did.
        var lostHistories: [String]
        var partitions: Int32
    }

    init(_ scenario: Scenario, faults: FaultPlan, script: [RecordSource]?) {
        self.scenario = scenario
        self.script = script
        let names = SimulatedWorld.Names()
        // Told again by a script, a story ends with its last event.
        let hasHeir = scenario.delivery.sessionsTopic != nil && script == nil
        running = []
        for _ in 0..<scenario.machines + (hasHeir ? 1 : 0) { running.append(nil) }
        world = SimulatedWorld(
            seed: scenario.seed &* 0x9E37_79B9 &+ 1, faults: faults, names: names, observer: CommitObserver(names),
            machines: running.count)
        world.broker.createTopic(names.events, partitions: scenario.partitions)
        world.broker.createTopic(names.lists, partitions: 2)
        world.broker.createTopic(names.deadLetters, partitions: 1)
        world.broker.createTopic(names.sessions, partitions: scenario.changelogPartitions)
        world.add(scenario.traffic)
    }

    consuming func run() -> Ending {
        while finished < running.count, processes < Self.processesMax, turns < Self.turnsMax {
            let waiting = max(1, scenario.machines - finished)
            let machine = finished + (waiting == 1 ? 0 : world.draw(below: waiting))
            world.turn(to: machine)
            do throws(EngineError) {
                try takeTurn(machine)
            } catch {
                world.observer.violation("process \(processes) cannot restore its state: \(error)")
                break
            }
        }
        world.turn(to: 0)
        return Ending(
            world: world, processes: processes, largestOutbox: largestOutbox, notices: notices,
            isComplete: finished == running.count, whole: whole,
            countedEvents: countedEvents, lostHistories: lostHistories, partitions: scenario.partitions)
    }

    /// A turn of one machine's process, which is started where there is none.
    private mutating func takeTurn(_ machine: Int) throws(EngineError) {
        let process: SimulatedProcess<World>
        if let running = running[machine] { process = running } else { process = try start(machine) }
        turns += 1
        do throws(DeliveryError) {
            try process.loop.turn()
            // What was handed over and not taken, as when it was only looked at, will be handed over again.
            if !world.isCrashed { world.lineage.truncate(to: process.loop.engine.nextOffsets) }
            notices += process.loop.takeNotices()
            largestOutbox = max(largestOutbox, process.loop.waitingCount)
            if machine == finished, !world.isCrashed, isDone() {
                // It may still hear of what was lost to retention.
                process.quietTurns += 1
                if process.quietTurns > Self.quietTurnsMin { try drain(process, machine) }
            }
        } catch {
            // It ends with an exit code, and the supervisor starts it again: where there was a reason.
            notices += process.loop.takeNotices()
            if !world.isCrashed, !isExplained(error) { world.observer.violation("process \(processes) ended by itself: \(error)") }
            world.crash(damagesNewest: false)
        }
        if world.isCrashed { running[machine] = nil }
    }

    /// Whether a process may end in this way: by what only a person can help with, or what a new process heals and this
    /// one could not.
    private func isExplained(_ error: DeliveryError) -> Bool {
        switch error {
        case .engine: false
        case .streaming: world.isExplained { door, fault in fault == .fatal && (door == .poll || door == .commit) }
        case .transaction: world.isExplained { _, fault in fault == .fenced }
        case .state: world.isExplained { _, fault in [.diskFull, .diskFails, .diskFailsLate].contains(fault) }
        }
    }

    /// Whether everything that arrived is committed, and learned by those who are left.
    private func isDone() -> Bool {
        guard world.isCalm, world.observer.isEverythingCommitted(world.broker) else { return false }
        var learned: [TopicPartition: Int64] = [:]
        for process in running {
            if let process { learned.merge(process.loop.engine.nextOffsets, uniquingKeysWith: max) }
        }
        // A partition with nothing to read has to be reached, too: where retention has taken all of it its sessions are
        // still to be read back, and while a disk fails it waits.
        return world.observer.isEverything(below: learned, world.broker)
            && world.broker.partitions(of: world.names.events).allSatisfy { learned[$0] != nil }
    }

    private mutating func drain(_ process: SimulatedProcess<World>, _ machine: Int) throws(DeliveryError) {
        try process.loop.drain()
        guard !world.isCrashed else { return }
        if machine >= scenario.machines - 1, scenario.keepsEverybody {
            lostHistories += UserHistories(world.observer.inputs).differences(
                lengthMax: scenario.engine.sessionLengthMax
            ) { user, partition in process.loop.engine.keptSession(of: user, from: partition) }
        }
        if machine == 0 { countedEvents = process.loop.engine.countedEvents }
        if machine == 0 { whole = StoredState(process.loop.engine.takeWholeCheckpoint()) }
        running[machine] = nil
        finished += 1
    }

    private mutating func start(_ machine: Int) throws(EngineError) -> SimulatedProcess<World> {
        processes += 1
        world.restart()
        guard let decoder = EventDecoder(fields: EventFields(), limits: EventLimits()) else {
            throw .stateMismatch("a parser of the default limits cannot be made")
        }
        let engine = try Self.engine(of: World.restored(world.disk.state), scenario)
        let transactionalID = scenario.delivery.guarantee == .exactlyOnce ? world.transactionalID : nil
        let consumer = SimulatedConsumer(world, member: "freshet-\(processes)", script: script)
        let reader =
            scenario.delivery.sessionsTopic == nil
            ? nil : World.reader(SimulatedConsumer(world, member: nil, script: nil))
        let makeProducer = { [world] in World.producer(SimulatedProducer(world, transactionalID: transactionalID)) }
        let process = SimulatedProcess<World>(
            DeliveryLoop(
                scenario.delivery, engine: engine, decoder: decoder, consumer: World.consumer(consumer), reader: reader,
                producer: makeProducer(), store: World.store(SimulatedStore(world)), time: SimulatedTime(world: world),
                makeProducer: makeProducer))
        process.loop.relearnFrom = world.disk.unlearned
        process.loop.marks = PartitionMarks.decode(world.disk.state.blobs[PartitionMarks.name])
        running[machine] = process
        return process
    }

    static func engine(of stored: StoredState, _ scenario: Scenario) throws(EngineError) -> Engine {
        guard let model = stored.model else { return try Engine(scenario.engine) }
        var restorer = try EngineRestorer(scenario.engine, stored: model)
        for row in stored.itemRows { try restorer.add(row) }
        for row in stored.userRows { try restorer.add(row) }
        return try restorer.finish(blobs: stored.blobs, offsets: stored.offsets)
    }
}
