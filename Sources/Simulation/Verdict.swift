internal import Delivery
internal import Events
internal import Streaming

/// What a scenario came to: every promise that was broken, in words.
public struct Verdict: Sendable {
    public var seed: UInt64
    /// Empty where everything held.
    public var violations: [String]
    /// Faults that happened, each with its call and door.
    public var history: [String]
    public var processes: Int
    public var calls: Int
    /// Whether the state was compared with an undisturbed run's.
    public var comparesState: Bool
}

extension Scenario {
    /// Runs the scenario and judges it.
    public func verdict() -> Verdict { verdict(in: FaithfulWorld.self) }

    /// - Parameter world: the world around the loop; another than the faithful one has a bug in it.
    public func verdict<World: ScenarioWorld>(in world: World.Type) -> Verdict {
        let ending = ScenarioRun<World>(self, faults: faults, script: nil).run()
        let observer = ending.world.observer
        var violations = observer.violations
        if !ending.isComplete { violations.append("it did not come to an end") }
        if ending.isComplete {
            violations += Judgement(ending, delivery).violations
            if delivery.isReproducible { violations += differences(ending) }
        }
        return Verdict(
            seed: seed, violations: violations, history: ending.world.history, processes: ending.processes,
            calls: ending.world.calls, comparesState: ending.isComplete && delivery.isReproducible)
    }

    /// Where the state differs from that of a run in which nothing went wrong.
    private func differences<World: ScenarioWorld>(_ ending: borrowing ScenarioRun<World>.Ending) -> [String] {
        var calm = self
        calm.traffic = calm.traffic.map { group in
            var group = group
            group.call = 0
            return group
        }
        let undisturbed = ScenarioRun<FaithfulWorld>(
            calm, faults: FaultPlan([]), script: ending.world.lineage.sources
        ).run()
        guard undisturbed.isComplete else { return ["the undisturbed run did not come to an end"] }
        let differences = ending.world.disk.state.differences(from: undisturbed.world.disk.state)
        guard !differences.isEmpty else { return [] }
        return ["the state differs from the undisturbed run's in \(differences.count) parts: \(differences.prefix(4))"]
    }
}

/// Compares what was published with what should have been.
struct Judgement {
    private(set) var violations: [String] = []
    private let guarantee: DeliveryConfiguration.Guarantee
    /// Whether a model's versions can only grow: where several events are one step, or a second partition is
    /// read while the first is still caught up with, they need not.
    private let hasRisingVersions: Bool

    init<World: ScenarioWorld>(_ ending: borrowing ScenarioRun<World>.Ending, _ configuration: DeliveryConfiguration) {
        guarantee = configuration.guarantee
        hasRisingVersions = configuration.isReproducible && guarantee == .exactlyOnce && ending.partitions == 1
        let world = ending.world
        let observer = world.observer
        for topic in [world.names.lists, world.names.deadLetters] {
            for partition in world.broker.partitions(of: topic) { observer.read(partition, world.broker) }
        }
        let (output, inputs) = (observer.output, observer.inputs)
        for (source, input) in inputs { judge(input, source, output) }
        judgeTombstones(inputs, output)
        judgeOrder(inputs, output)
        judgeStrays(inputs, output)
    }

    private mutating func judge(_ input: Traffic.Input, _ source: RecordSource, _ output: ObservedOutput) {
        switch input.kind {
        case .event(let user):
            let lists = output.lists[source] ?? []
            judge(lists.count, "lists for \(source): \(String(decoding: input.value ?? [], as: UTF8.self))")
            for list in lists where list.user != user || list.key != Array(user.utf8) {
                violations.append("the list for \(source) is for \(list.user), not for \(user)")
            }
        case .forget: break
        case .refused:
            let letters = output.deadLetters[source] ?? []
            judge(letters.count, "dead letters for \(source)")
            for letter in letters {
                let isWhole = letter.key == input.key && letter.value == input.value
                    && letter.headers.starts(with: input.headers)
                if !isWhole { violations.append("the dead letter of \(source) is not the record byte for byte") }
            }
        }
    }

    private mutating func judge(_ count: Int, _ what: String) {
        let isKept = guarantee == .exactlyOnce ? count == 1 : count >= 1
        if !isKept { violations.append("\(count) \(what)") }
    }

    private mutating func judgeTombstones(
        _ inputs: [(source: RecordSource, input: Traffic.Input)], _ output: ObservedOutput
    ) {
        var wanted: [String: Int] = [:]
        for (_, input) in inputs { if case .forget(let user) = input.kind { wanted[user, default: 0] += 1 } }
        for user in Set(wanted.keys).union(output.tombstones.keys).sorted() {
            let (count, right) = (output.tombstones[user] ?? 0, wanted[user] ?? 0)
            let isKept = guarantee == .exactlyOnce ? count == right : count >= right && (right > 0 || count == 0)
            if !isKept { violations.append("\(count) tombstones for \(user), not \(right)") }
        }
    }

    /// What a compacted topic keeps of a user is the answer to the user's newest event.
    private mutating func judgeOrder(
        _ inputs: [(source: RecordSource, input: Traffic.Input)], _ output: ObservedOutput
    ) {
        var newest: [String: RecordSource?] = [:]
        for (source, input) in inputs {
            switch input.kind {
            case .event(let user): newest[user] = source
            case .forget(let user): newest[user] = .some(nil)
            case .refused: continue
            }
        }
        for (user, source) in newest.sorted(by: { $0.key < $1.key }) where output.newest[user] != source {
            violations.append(
                "the last record of \(user) answers \(Self.text(output.newest[user] ?? nil)), not \(Self.text(source))")
        }
        if hasRisingVersions {
            violations += output.versionsThatWentBack.map { "the model version went back for \($0)" }
        }
    }

    private static func text(_ source: RecordSource?) -> String { source?.description ?? "a tombstone" }

    private mutating func judgeStrays(
        _ inputs: [(source: RecordSource, input: Traffic.Input)], _ output: ObservedOutput
    ) {
        var events: Set<RecordSource> = []
        var refused: Set<RecordSource> = []
        for (source, input) in inputs {
            switch input.kind {
            case .event: events.insert(source)
            case .refused: refused.insert(source)
            case .forget: continue
            }
        }
        let strays = output.lists.keys.filter { !events.contains($0) } + output.deadLetters.keys.filter { !refused.contains($0) }
        violations += strays.map(\.description).sorted().map { "\($0) was answered, and asked for nothing" }
        violations += output.unreadable.map { "unreadable: \($0)" }
    }
}
