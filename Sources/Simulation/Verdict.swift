internal import Delivery
internal import Engine
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
            violations += Judgement(ending, self).violations
            if comparesState(ending) { violations += differences(ending) }
            if machines == 1 { violations += differencesOnDisk(ending) }
            violations += miscounts(ending)
            if !hasLost(ending) {
                violations += Self.violation("the session is not what the user did", ending.lostHistories)
            }
        }
        return Verdict(
            seed: seed, violations: violations, history: ending.world.history, processes: ending.processes,
            calls: ending.world.calls, comparesState: ending.isComplete && comparesState(ending))
    }

    /// Whether the state must be that of an undisturbed run: it is a function of the events alone, all were there
    /// to be read, and no session came back by name, into another row.
    private func comparesState<World: ScenarioWorld>(_ ending: borrowing ScenarioRun<World>.Ending) -> Bool {
        guard delivery.isReproducible, machines == 1, !hasLost(ending) else { return false }
        guard delivery.sessionsTopic != nil else { return true }
        let hasMoved = ending.notices.contains { if case .released = $0 { true } else { false } }
        return !hasMoved && !faults.faults.contains { $0.fault == .diskLost }
    }

    /// Where nobody is pushed out and no disk is lost the counting models have each event once, whatever came back from
    /// the changelog and whichever generation the state was recovered to.
    private func miscounts<World: ScenarioWorld>(_ ending: borrowing ScenarioRun<World>.Ending) -> [String] {
        guard machines == 1, keepsEverybody, !hasLost(ending), !faults.faults.contains(where: { $0.fault == .diskLost })
        else { return [] }
        let events = ending.world.observer.inputs.filter { if case .event = $0.input.kind { true } else { false } }.count
        guard let counted = ending.countedEvents, counted != events else { return [] }
        return ["\(counted) of \(events) events were learned"]
    }

    /// Whether retention took records before they were read.
    private func hasLost<World: ScenarioWorld>(_ ending: borrowing ScenarioRun<World>.Ending) -> Bool {
        ending.notices.contains { if case .lost = $0 { true } else { false } }
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
        guard var whole = ending.whole, var calm = undisturbed.whole else { return ["no state was left"] }
        // Whether the end behind the last record, where only markers are, was heard of is chance.
        let ends = Dictionary(
            ending.world.observer.inputs.map { ($0.source.topicPartition, $0.source.offset + 1) }, uniquingKeysWith: max)
        whole.cutOffsets(at: ends)
        calm.cutOffsets(at: ends)
        // Two partitions may have been read in another order when the list was made.
        let aged = partitions == 1 ? ending.world.observer.output.agedLists(than: undisturbed.world.observer.output) : []
        return Self.violation("the state differs from the undisturbed run's", whole.differences(from: calm))
            + aged
    }

    /// Where what a next process would read is not what the last one knew.
    private func differencesOnDisk<World: ScenarioWorld>(_ ending: borrowing ScenarioRun<World>.Ending) -> [String] {
        guard let whole = ending.whole else { return ["no state was left"] }
        do throws(EngineError) {
            var next = try ScenarioRun<World>.engine(of: ending.world.disk.state, self)
            let read = StoredState(next.takeWholeCheckpoint())
            return Self.violation("the state differs on the disk", read.differences(from: whole))
        } catch {
            return ["the last state cannot be restored: \(error)"]
        }
    }

    private static func violation(_ what: String, _ differences: [String]) -> [String] {
        differences.isEmpty ? [] : ["\(what) in \(differences.count) parts: \(differences.prefix(4))"]
    }
}

/// Compares what was published with what should have been.
struct Judgement {
    private(set) var violations: [String] = []
    private let guarantee: DeliveryConfiguration.Guarantee
    /// Whether a model's versions can only grow: where several events are one step, or a second partition is
    /// read while the first is still caught up with, or what was learned is gone from the topic, they need not; nor
    /// where a member that was expelled answers once more, by its newest model, and a crash then takes it back; nor
    /// where another instance goes on, or one without its disk.
    private let hasRisingVersions: Bool
    private var lowWatermarks: [TopicPartition: Int64] = [:]
    /// What an operator was told of records that were gone before they were read.
    private var lost: [TopicPartition: [Range<Int64>]] = [:]

    init<World: ScenarioWorld>(_ ending: borrowing ScenarioRun<World>.Ending, _ scenario: Scenario) {
        let configuration = scenario.delivery
        guarantee = configuration.guarantee
        hasRisingVersions = configuration.isReproducible && guarantee == .exactlyOnce && ending.partitions == 1
            && scenario.machines == 1
            && !ending.world.history.contains { told in
                [Fault.retention, .expelled, .diskLost].contains { told.hasSuffix($0.rawValue) }
            }
        let world = ending.world
        let observer = world.observer
        for topic in [world.names.lists, world.names.deadLetters] {
            for partition in world.broker.partitions(of: topic) { observer.read(partition, world.broker) }
        }
        for partition in world.broker.partitions(of: world.names.events) {
            lowWatermarks[partition] = world.broker.logs[partition]?.lowWatermark
        }
        for case .lost(let partition, let first, let count) in ending.notices {
            lost[partition, default: []].append(first..<first + count)
        }
        // Of one more batch each record may have a list and a session.
        let batchMax = configuration.sessionsTopic == nil ? configuration.batchMax : 2 * configuration.batchMax
        if ending.largestOutbox > configuration.inFlightMax + batchMax {
            violations.append("\(ending.largestOutbox) records waited for the brokers")
        }
        let (output, inputs) = (observer.output, observer.inputs)
        for (source, input) in inputs { judge(input, source, output) }
        judgeTombstones(inputs, output)
        // A member that was expelled does not know it yet, and what its producer had been given may arrive after the
        // list of its successor: without transactions nothing fences it.
        let isFenced = guarantee == .exactlyOnce || scenario.machines == 1
            || !world.history.contains { $0.hasSuffix(Fault.expelled.rawValue) }
        if isFenced { judgeOrder(inputs, output) }
        judgeStrays(inputs, output)
    }

    private mutating func judge(_ input: Traffic.Input, _ source: RecordSource, _ output: ObservedOutput) {
        switch input.kind {
        case .event(let user, _, _):
            let lists = output.lists[source] ?? []
            judge(lists.count, "lists for", source)
            for list in lists where list.user != user || list.key != Array(user.utf8) {
                violations.append("the list for \(source) is for \(list.user), not for \(user)")
            }
        case .forget, .repetition: break
        case .refused:
            let letters = output.deadLetters[source] ?? []
            judge(letters.count, "dead letters for", source)
            for letter in letters {
                let isWhole = letter.key == input.key && letter.value == input.value
                    && letter.headers.starts(with: input.headers)
                if !isWhole { violations.append("the dead letter of \(source) is not the record byte for byte") }
            }
        }
    }

    private mutating func judge(_ count: Int, _ what: String, _ source: RecordSource) {
        if count == 0, isGone(source) {
            let told = lost[source.topicPartition] ?? []
            let isTold = told.contains { $0.contains(source.offset) }
            if !isTold { violations.append("\(source) was lost to retention, and nobody was told") }
            return
        }
        let isKept = guarantee == .exactlyOnce ? count == 1 : count >= 1
        if !isKept { violations.append("\(count) \(what) \(source)") }
    }

    /// Whether retention has taken a record.
    private func isGone(_ source: RecordSource) -> Bool {
        source.offset < lowWatermarks[source.topicPartition] ?? 0
    }

    private mutating func judgeTombstones(
        _ inputs: [(source: RecordSource, input: Traffic.Input)], _ output: ObservedOutput
    ) {
        var wanted: [String: Int] = [:]
        // What retention took may be answered or not.
        var spared: Set<String> = []
        for (source, input) in inputs {
            guard case .forget(let user) = input.kind else { continue }
            wanted[user, default: 0] += 1
            if isGone(source) { spared.insert(user) }
        }
        for user in Set(wanted.keys).union(output.tombstones.keys).sorted() where !spared.contains(user) {
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
            case .event(let user, _, _): newest[user] = isGone(source) ? nil : .some(source)
            case .forget(let user): newest[user] = isGone(source) ? nil : .some(nil)
            case .refused, .repetition: continue
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
            case .forget, .repetition: continue
            }
        }
        let strays = output.lists.keys.filter { !events.contains($0) } + output.deadLetters.keys.filter { !refused.contains($0) }
        violations += strays.map(\.description).sorted().map { "\($0) was answered, and asked for nothing" }
        violations += output.unreadable.map { "unreadable: \($0)" }
    }
}
