public import Delivery
public import Engine
internal import Events
internal import Learning
internal import SequenceModels

/// One story, told by its seed: what arrives, how Freshet is set up, and what goes wrong when.
public struct Scenario: Sendable {
    public var seed: UInt64
    public var delivery: DeliveryConfiguration
    public var engine: EngineConfiguration
    /// Partitions of the events topic. With one, the order of learning is the order of the log.
    public var partitions: Int32
    public var faults: FaultPlan
    /// Machines with an instance each, in one group. With a changelog of sessions another one, without a disk,
    /// comes when they are done.
    public var machines = 1
    /// Partitions of the changelog.
    var changelogPartitions: Int32 = 1
    var traffic: [Traffic]

    /// More users and items than there are: nobody is pushed out.
    private static let roomForAll = 100
    /// Faults of a story at most.
    private static let faultsMax = 6

    public init(seed: UInt64) {
        self.seed = seed
        var chance = SeededGenerator(seed: seed)
        partitions = Int32(1 + chance.next(below: 3))
        delivery = Self.delivery(&chance)
        engine = Self.engine(&chance)
        var source = TrafficGenerator(chance: SeededGenerator(seed: chance.next()), partitions: partitions)
        traffic = source.traffic(records: 15 + chance.next(below: 45))
        let calls = (traffic.last?.call ?? 0) + 60
        let kinds = Self.faults(for: delivery.guarantee)
        faults = FaultPlan(
            (0..<chance.next(below: Self.faultsMax + 1)).map { _ in
                (1 + chance.next(below: calls), kinds[chance.next(below: kinds.count)])
            })
        vary(calls: calls)
    }

    /// What came to the stories later, drawn apart: a seed keeps the story that it had.
    private mutating func vary(calls: Int) {
        var chance = SeededGenerator(seed: seed ^ 0x5EED)
        if chance.next(below: 6) == 0 {
            engine.encoder = .ensemble
            let kinds = EncoderKind.allCases
            let count = 1 + chance.next(below: min(kinds.count, Blend.neuralMax))
            engine.ensembleMembers = Array(kinds.shuffled(using: &chance).prefix(count))
        }
        let isCut = chance.next(below: 8) == 0
        if isCut {
            faults = FaultPlan(
                faults.faults + (0...chance.next(below: 2)).map { _ in (1 + chance.next(below: calls), .retention) })
        }
        if chance.next(below: 3) == 0 { moveSessions(&chance, calls: calls, isCut: isCut) }
        let isForgetful = machines > 1 || faults.faults.contains { $0.fault == .diskLost }
        if !isCut, !isForgetful, chance.next(below: 4) == 0 { repeatEvents(&chance, amongNewest: .max) }
        // What goes with a partition is as many ids of a user as events.
        if !isCut, isForgetful, chance.next(below: 2) == 0 { repeatEvents(&chance, amongNewest: engine.sessionLengthMax) }
    }

    /// Has sessions kept in a changelog, and perhaps a second instance, or a disk that is lost.
    private mutating func moveSessions(_ chance: inout SeededGenerator, calls: Int, isCut: Bool) {
        delivery.sessionsTopic = SimulatedWorld.Names().sessions
        changelogPartitions = Int32(1 + chance.next(below: Int(partitions)))
        if chance.next(below: 4) != 0 {
            engine.usersMax = Self.roomForAll
            engine.learner.itemsMax = Self.roomForAll
        }
        if chance.next(below: 2) == 0 { machines = 2 }
        if !isCut, chance.next(below: 2) == 0 {
            faults = FaultPlan(faults.faults + [(1 + chance.next(below: calls), .diskLost)])
        }
    }

    /// Gives events ids, and has some come a second time.
    ///
    /// - Parameter newestMax: only so many of the newest of a user do.
    private mutating func repeatEvents(_ chance: inout SeededGenerator, amongNewest newestMax: Int) {
        var seen: [Int32: [(user: String, input: Traffic.Input)]] = [:]
        for group in traffic.indices {
            let partition = traffic[group].partition
            for place in traffic[group].inputs.indices {
                let input = traffic[group].inputs[place]
                guard case .event(let user, _, _) = input.kind, let value = input.value else { continue }
                if let earlier = seen[partition], chance.next(below: 5) == 0 {
                    traffic[group].inputs[place] = earlier[chance.next(below: earlier.count)].input
                    traffic[group].inputs[place].kind = .repetition
                    continue
                }
                traffic[group].inputs[place].value = Array(#"{"id":"\#(group)-\#(place)","#.utf8) + value.dropFirst()
                // A copy of what nobody sees is the first one.
                guard traffic[group].ending != .aborted else { continue }
                seen[partition, default: []].append((user, traffic[group].inputs[place]))
                let own = seen[partition]?.indices.filter { seen[partition]?[$0].user == user } ?? []
                if own.count > newestMax { seen[partition]?.remove(at: own[0]) }
            }
        }
    }

    /// Whether every user's session must be there at the end.
    var keepsEverybody: Bool { engine.usersMax >= Self.roomForAll }

    /// Records of the events topic, hidden ones included.
    var records: Int { traffic.reduce(0) { $0 + $1.inputs.count } }

    /// Faults that can happen with this guarantee.
    public static func faults(for guarantee: DeliveryConfiguration.Guarantee) -> [Fault] {
        Fault.allCases.filter { fault in
            switch fault.delivery {
            case .any: true
            case .onlyTransactional: guarantee == .exactlyOnce
            case .onlyInVariations: false
            }
        }
    }

    private static func delivery(_ chance: inout SeededGenerator) -> DeliveryConfiguration {
        var delivery = DeliveryConfiguration()
        delivery.guarantee = chance.next(below: 2) == 0 ? .atLeastOnce : .exactlyOnce
        // Mostly reproducible: only there the state can be compared bit for bit.
        delivery.isReproducible = chance.next(below: 5) != 0
        delivery.batchMax = 1 + chance.next(below: 12)
        delivery.inFlightMax = 4 + chance.next(below: 30)
        delivery.commitInterval = .milliseconds(1 + chance.next(below: 40))
        delivery.transactionInterval = .milliseconds(1 + chance.next(below: 60))
        delivery.checkpointRowsMax = 1 + chance.next(below: 20)
        delivery.checkpointRowsIdleMax = delivery.checkpointRowsMax
        delivery.checkpointInterval = .milliseconds(5 + chance.next(below: 150))
        return delivery
    }

    /// Tables so small that users and items push each other out.
    private static func engine(_ chance: inout SeededGenerator) -> EngineConfiguration {
        var engine = EngineConfiguration()
        engine.learner.dimensions = 16
        engine.learner.itemsMax = 10 + chance.next(below: 12)
        engine.learner.negatives = 8
        engine.learner.temperature = 0.1
        engine.learner.window = 4
        engine.learner.recentEvents = 20
        engine.learner.replayRatio = chance.next(below: 3)
        engine.learner.seed = chance.next()
        engine.sessionLengthMax = 5
        engine.usersMax = 5 + chance.next(below: 8)
        engine.qualityWindow = 20
        engine.rules = ListRules(count: 4, exclusions: [.current])
        return engine
    }
}
