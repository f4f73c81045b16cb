internal import Events
internal import SequenceModels
internal import Streaming

/// Everything outside of the Freshet processes: brokers, the machines' disks, clock, and the faults that are to
/// come. One world outlives the processes that crash in it.
///
/// One process a machine; whoever takes their turns says which one is at work. A process that is dead changes
/// nothing any more: whatever its code still calls on its way out is refused.
public final class SimulatedWorld {
    public internal(set) var broker = SimulatedBroker()
    public internal(set) var clock = SimulatedClock(start: Timestamp(milliseconds: 1_767_225_600_000))
    /// The world's own chance: how long a call takes, how much a poll brings.
    private var chance: SeededGenerator
    private var faults: FaultPlan
    /// Calls that crossed the border so far.
    public private(set) var calls = 0
    /// The faults that happened, each with its call and its door: what a failed seed is told with.
    public private(set) var history: [String] = []
    /// What happens by itself at a later call.
    private var scheduled: [(call: Int, change: Change)] = []
    /// What the events topic is still to get, the next last.
    private var traffic: [Traffic] = []
    let names: Names
    private var machines: [Machine]
    /// The machine whose process is at work.
    private(set) var machine = 0
    let observer: CommitObserver
    private var competitors = 0

    /// The names of topics, group and transactional id.
    public struct Names: Sendable {
        public var events = "events"
        public var lists = "recommendations"
        public var deadLetters = "events.dlq"
        public var sessions = "sessions"
        public var group = "freshet"
        public var transactionalID = "freshet"

        public init() {}
    }

    /// What a process runs on.
    private struct Machine {
        var disk = SimulatedDisk()
        var isCrashed = false
        /// The consumer that its process has, as the group knows it.
        var member: String?
        var lineage = Lineage()
        /// What happened to its process since that began.
        var faults: [(door: Door, fault: Fault)] = []
    }

    private enum Change {
        case leave(String)
        case coordinatorReturns
    }

    /// Calls after which a passing fault has passed.
    private static let passingCalls = 40
    /// Longer than any transaction may take.
    private static let pauseLength = Duration.seconds(20)

    init(seed: UInt64, faults: FaultPlan, names: Names, observer: CommitObserver, machines: Int) {
        self.machines = [Machine](repeating: Machine(), count: machines)
        chance = SeededGenerator(seed: seed)
        self.faults = faults
        self.names = names
        self.observer = observer
    }

    /// Whether every fault's time has come, and every record has arrived. A fault that fits no call any more
    /// is left out.
    public var isCalm: Bool {
        faults.faults.allSatisfy { $0.call <= calls } && scheduled.isEmpty && traffic.isEmpty
    }

    /// What the events topic gets, and when.
    func add(_ traffic: [Traffic]) {
        self.traffic = traffic.reversed()
        passTime()
    }

    /// The time at the brokers.
    var now: Timestamp { clock.brokers }

    /// A number in 0..<bound, of the world's own chance.
    func draw(below bound: Int) -> Int { chance.next(below: bound) }

    /// A call comes through `door`: time passes, and what is due happens.
    ///
    /// - Returns: the fault of this call; the caller makes it happen, and calls `leave` at its end.
    func enter(_ door: Door) -> Fault? {
        guard !isCrashed else {
            // Time goes on for whoever waits for a deadline on the way out.
            clock.advance(by: .milliseconds(100))
            return nil
        }
        calls += 1
        clock.advance(by: .microseconds(chance.next(below: 2000)))
        passTime()
        guard let fault = faults.take(at: calls, through: door) else { return nil }
        history.append("\(calls) \(door.rawValue) \(fault.rawValue)")
        machines[machine].faults.append((door, fault))
        if machine > 0 { history.append("that was on machine \(machine)") }
        switch fault {
        case .crashBefore: crash(damagesNewest: false)
        case .crashAndDamage: crash(damagesNewest: true)
        case .diskLost:
            crash(damagesNewest: false)
            disk = SimulatedDisk()
        case .fenced: competes()
        case .coordinatorLost:
            broker.setCoordinator(isUp: false)
            schedule(.coordinatorReturns)
        case .rebalance:
            competitors += 1
            broker.join("other\(competitors)", group: names.group, topics: [names.events])
            schedule(.leave("other\(competitors)"))
        case .expelled:
            if let member = current { broker.leave(member, group: names.group, topics: [names.events]) }
        case .pause: clock.advance(by: Self.pauseLength)
        case .clockForward: clock.jump(milliseconds: Int64(1 + chance.next(below: 3_600_000)))
        case .retention: retain()
        case .clockBack: clock.jump(milliseconds: -Int64(1 + chance.next(below: 3_600_000)))
        default: return fault
        }
        return nil
    }

    /// A call ends: the process may die now, before its caller hears of it.
    func leave(_ fault: Fault?) {
        if fault == .crashAfter { crash(damagesNewest: false) }
        observer.look(at: broker, names)
    }

    /// A new process: alive, with the same faults ahead.
    func restart() {
        isCrashed = false
        machines[machine].faults = []
        lineage.truncate(to: disk.state.offsets)
    }

    /// The process dies. What librdkafka still had in its queues may be on its way, or not; the group finds
    /// out later.
    func crash(damagesNewest: Bool) {
        guard !isCrashed else { return }
        isCrashed = true
        disk.crash(damagesNewest: damagesNewest)
        if let member = current { schedule(.leave(member)) }
        current = nil
    }

    /// Whether a fault of its own process explains that it ended.
    func isExplained(by isCause: (Door, Fault) -> Bool) -> Bool { machines[machine].faults.contains(where: isCause) }

    /// Another machine's process is at work.
    func turn(to machine: Int) { self.machine = machine }

    /// Waits, because nothing has arrived.
    func wait(_ duration: Duration) {
        guard !isCrashed else { return }
        clock.advance(by: duration)
        passTime()
    }

    private func passTime() {
        broker.advanceTransactions(at: now)
        while let next = traffic.last, next.call <= calls {
            traffic.removeLast()
            next.write(to: &broker, topic: names.events, expecting: observer)
        }
        while let place = scheduled.firstIndex(where: { $0.call <= calls }) {
            switch scheduled.remove(at: place).change {
            case .leave(let member): broker.leave(member, group: names.group, topics: [names.events])
            case .coordinatorReturns: broker.setCoordinator(isUp: true)
            }
        }
    }

    private func schedule(_ change: Change) {
        scheduled.append((calls + 1 + draw(below: Self.passingCalls), change))
    }

    /// Retention takes the older records of a partition, some or all.
    private func retain() {
        let partitions = broker.partitions(of: names.events)
        let partition = partitions[draw(below: partitions.count)]
        // What was gone before reading began is nobody's loss.
        let isBegun = machines.contains { $0.disk.state.offsets[partition] != nil } || broker.committedOffsets(of: names.group)[partition] != nil
        guard isBegun, let log = broker.logs[partition] else { return }
        let kept = draw(below: Int(log.highWatermark - log.lowWatermark) + 1)
        broker.moveLowWatermark(of: partition, to: log.highWatermark - Int64(kept))
    }

    /// Another process takes the transactional id, and then does nothing with it.
    private func competes() {
        // Where the coordinator is away or busy nobody is fenced.
        _ = try? broker.initTransactions(transactionalID, timeoutMilliseconds: 60_000, at: now)
    }
}

/// The machine at work.
extension SimulatedWorld {
    public internal(set) var disk: SimulatedDisk {
        get { machines[machine].disk }
        set { machines[machine].disk = newValue }
    }

    public private(set) var isCrashed: Bool {
        get { machines[machine].isCrashed }
        set { machines[machine].isCrashed = newValue }
    }

    /// The consumer that its process has, as the group knows it.
    var current: String? {
        get { machines[machine].member }
        set { machines[machine].member = newValue }
    }

    /// Records as its consumers were handed them, each once: the order in which they are learned.
    var lineage: Lineage {
        get { machines[machine].lineage }
        set { machines[machine].lineage = newValue }
    }

    /// Two processes never have the same.
    var transactionalID: String { machine == 0 ? names.transactionalID : "\(names.transactionalID)-\(machine)" }
}
