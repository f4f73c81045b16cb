import Checkpoints
import Events
import Learning
import SequenceModels
import Tensors
import Testing

@testable import Engine

@Suite struct EnsembleTests {
    private func configuration(_ change: (inout EngineConfiguration) -> Void = { _ in }) -> EngineConfiguration {
        Fixture.configuration {
            $0.encoder = .ensemble
            change(&$0)
        }
    }

    @Test func itsListsAreAsGoodAsItsBestMember() throws {
        var engine = try Engine(configuration())
        _ = try engine.takeAll(Fixture.circle(1500))
        let recall = engine.wholeQuality.mapValues { $0.recall(at: 1) }
        #expect(Set(recall.keys) == ["ensemble", "gru", "attention", "knn", "popular", "markov", "rules"])
        let best = ["gru", "knn", "rules"].compactMap { recall[$0] }.max() ?? 0
        #expect((recall["ensemble"] ?? 0) > best - 0.03, "\(recall)")
        #expect(engine.servedModel == "ensemble")
    }

    @Test(arguments: [EngineConfiguration.Encoder.gru, .ensemble], [1, 2])
    func listsOfAGroupAreOfTheStateAfterIt(encoder: EngineConfiguration.Encoder, threads: Int) throws {
        var engine = try Engine(
            configuration {
                $0.encoder = encoder
                $0.threads = threads
            })
        let now = Timestamp(milliseconds: 0)
        for start in stride(from: 0, to: 400, by: 20) {
            let batch = (start..<start + 20).map { place in
                Fixture.input("u\(place % 20)", "i\((place * 5 + place / 50) % 30)", offset: Int64(place))
            }
            let answers = try engine.answer(batch, now: now)
            for (answer, input) in zip(answers, batch) {
                guard case .event(let event) = input.content else { continue }
                let asked = try engine.recommendation(for: event.user, rules: engine.currentConfiguration.rules, now: now)
                #expect(answer.items == asked.list.items)
            }
            try engine.learn(replay: .configured, batch: 4)
        }
    }

    @Test func threadsChangeNoBit() throws {
        let stream = Fixture.circle(300)
        var alone = try Engine(configuration { $0.learner.replayRatio = 2 })
        var shared = try Engine(
            configuration {
                $0.learner.replayRatio = 2
                $0.threads = 2
            })
        let single = try alone.takeAll(stream)
        let both = try shared.takeAll(stream)
        #expect(single.map(\.items) == both.map(\.items))
        #expect(alone.modelVersion == shared.modelVersion && alone.modelVersion > 0)
        let (first, second) = (alone.takeCheckpoint(), shared.takeCheckpoint())
        #expect(first.blobs == second.blobs)
        #expect(first.items.sorted { $0.index < $1.index } == second.items.sorted { $0.index < $1.index })
    }

    /// Steps large enough to be shared, and groups of many sessions.
    @Test(arguments: [EngineConfiguration.Encoder.gru, .attention, .ensemble], [2, 3])
    func threadsChangeNoBitOfWhatTheyShare(encoder: EngineConfiguration.Encoder, threads: Int) throws {
        func run(threads: Int) throws -> (lists: [[ScoredItem]?], blobs: [String: [UInt8]]) {
            var engine = try Engine(
                configuration {
                    $0.encoder = encoder
                    $0.learner.replayRatio = 1
                    $0.threads = threads
                })
            var lists: [[ScoredItem]?] = []
            for start in stride(from: 0, to: 600, by: 40) {
                let batch = (start..<start + 40).map { place in
                    Fixture.input("u\(place % 50)", "i\((place * 7 + place / 60) % 30)", offset: Int64(place))
                }
                lists += try engine.answer(batch, now: Timestamp(milliseconds: 0)).map(\.items)
                try engine.learn(replay: .configured, batch: Engine.learningBatchMax)
            }
            return (lists, engine.takeCheckpoint().blobs)
        }
        let (alone, shared) = (try run(threads: 1), try run(threads: threads))
        #expect(alone.lists == shared.lists)
        #expect(alone.blobs == shared.blobs)
    }

    @Test func rulesAreObeyedAndListsFall() throws {
        var engine = try Engine(configuration { $0.rules = ListRules(count: 6, exclusions: [.seen]) })
        _ = try engine.takeAll(Fixture.circle(200))
        _ = try engine.take(Fixture.input("x", "i1", offset: 900))
        let items = try #require(try engine.take(Fixture.input("x", "i2", offset: 901)).items)
        #expect(items.count == 6)
        #expect(Set(items.map(\.item)).count == 6)
        #expect(items.map(\.score) == items.map(\.score).sorted(by: >))
        #expect(!items.contains { ["i1", "i2"].contains($0.item.text) })
    }

    @Test func aPoolKnowsWhatEachModelSaid() {
        var pool = CandidatePool(sessionLength: 2, sequence: 0)
        var places = StampedPlaces()
        pool.locate(&places)
        pool.set(Blend.Feature.neighbors, of: 7, to: Blend.logShare(1), &places)
        pool.set(Blend.Feature.rules, of: 3, to: Blend.logShare(1), &places)
        pool.set(Blend.Feature.neighbors, of: 3, to: Blend.logShare(0.5), &places)
        #expect(pool.items == [7, 3])
        #expect(pool.place(of: 3) == 1 && pool.place(of: 9) == nil)
        #expect(pool.rank(at: 0, by: Blend.Feature.neighbors) == 1 && pool.rank(at: 1, by: Blend.Feature.neighbors) == 2)
        #expect(pool.rank(at: 0, by: Blend.Feature.rules) == 2 && pool.rank(at: 1, by: Blend.Feature.rules) == 1)
        // Equal in what neither is known for: the lower row is ahead.
        #expect(pool.rank(at: 0, by: Blend.Feature.isSeen) == 2 && pool.rank(at: 1, by: Blend.Feature.isSeen) == 1)
        // The weights at the start: neighbours 1, rules a half.
        var order: [(item: ItemIndex, score: Float)] = []
        for (limit, items) in [(5, [3, 7]), (1, [3])] as [(Int, [ItemIndex])] {
            pool.rank(Blend().weights(sessionLength: 2), limit: limit, into: &order)
            #expect(order.map(\.item) == items)
        }
        let (both, one) = (pool.features[1], pool.features[0])
        #expect(both[Blend.Feature.rules] == 0 && one[Blend.Feature.rules] == Blend.logShare(0))
        #expect(both[Blend.Feature.constant] == 1 && one[Blend.Feature.constant] == 1)
    }

    @Test func thePoolsThatAreKeptAreBounded() {
        var memory = PoolMemory()
        for row in 0..<5000 {
            var writer = ByteWriter()
            CandidatePool(sessionLength: row, sequence: 0).write(row: Int32(row % 4500), to: &writer)
            memory.keep(writer.bytes[...], row: row % 4500)
        }
        // Rows 0...499 came twice, the newest time last; what came before the newest 4096 is gone.
        var pool = CandidatePool(sessionLength: 0, sequence: 0)
        func length(row: Int) -> Int? { memory.take(row: row, into: &pool) ? pool.sessionLength : nil }
        #expect(length(row: 10) == 4510)
        #expect(length(row: 10) == nil)
        #expect(length(row: 600) == nil)
        #expect(length(row: 1000) == 1000)
    }
}
