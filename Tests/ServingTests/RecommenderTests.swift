import Tensors
import Testing

@testable import SequenceModels
@testable import Serving

@Suite struct RecommenderTests {
    private static let width = 32
    private static let items = 400

    private struct Model: ~Copyable {
        var table: EmbeddingTable
        let encoder: GRUEncoder
        var snapshot: Snapshot
        var generator = SeededGenerator(seed: 11)

        init() throws {
            table = EmbeddingTable(capacity: items + 3, dimensions: width)
            encoder = GRUEncoder(positionsMax: 16, dimensions: width, using: &generator)
            snapshot = Snapshot(capacity: items + 3, serving: encoder, index: .exact)
            for item in 0..<ItemIndex(items) {
                table.initializeRow(item, limit: 1, bias: generator.nextSymmetric(0.2), using: &generator)
                try snapshot.refreshItem(item, from: table)
            }
            try snapshot.refreshEncoder()
        }

        /// What the head adds to the item at a place of the session's own items, in float.
        func addition(place: Int, after window: [SessionEvent]) -> Float {
            _ = scores(after: window)
            return encoder.withHidden { encoder.repeatHead.addition(place: place, after: $0, row: window.count - 1) }
        }

        /// The scores of every item after `window`, in float.
        func scores(after window: [SessionEvent]) -> [Float] {
            var batch = SequenceBatch(positionsMax: window.count)
            batch.append((window + [SessionEvent(item: 0)]).span) { _ in 1 }
            batch.arrange()
            var dropout = Dropout.none
            encoder.forward(batch, table, dropout: &dropout)
            return (0..<items).map { item in
                encoder.withHidden { hidden in
                    hidden.withRow(window.count - 1) { state in table.vectors.withRow(item) { dot(state, $0) } }
                } + table.biases[0, item]
            }
        }
    }

    /// Every item is ranked by what `scores(of:)` says of it, which has the head's part; hidden ones are not ranked.
    @Test func theSessionsOwnItemsStandWhereTheHeadPutsThem() throws {
        var model = try Model()
        let window = ([7, 3, 3, 90, 12, 7, 200, 41, 8] as [ItemIndex]).map { SessionEvent(item: $0) }
        var recommender = Recommender(dimensions: Self.width, candidatesMax: 50)
        let without = try scores(model, window, &recommender)
        for kind in 0..<RepeatHead.kinds {
            model.encoder.repeatHead.biases.value[0, kind] = kind % 2 == 0 ? 9 : -9
            for column in 0..<Self.width {
                model.encoder.repeatHead.weights.value[kind, column] = model.generator.nextSymmetric(2)
            }
        }
        try model.snapshot.refreshEncoder()
        let with = try scores(model, window, &recommender)
        let changed = without.indices.filter { without[$0] != with[$0] }
        #expect(changed == [3, 7, 8, 12, 41, 90, 200])
        // Newest first: 8, 41, 200, 7, 12, 90, and 3, which counts as the sixth does.
        for (place, item) in [8, 41, 200, 7, 12, 90, 3].enumerated() {
            let addition = model.addition(place: place, after: window)
            #expect(abs(with[item] - without[item] - addition) < 0.05 * (1 + abs(addition)), "item \(item)")
        }
        let expected = with.indices.sorted { with[$0] > with[$1] }
        let listed = (0..<20).map { recommender.candidates[0].index(at: $0) }
        #expect(listed == Array(expected.prefix(20)))
        #expect(!Set(listed).isDisjoint(with: changed) && !Set(listed).isSuperset(of: changed))

        let hidden = ItemSet([8, ItemIndex(expected[0])])
        let biases = model.snapshot.hide(hidden)
        try recommender.encode(window.span, nil, in: model.snapshot, limit: 20, into: 0)
        recommender.rank(1, in: model.snapshot)
        model.snapshot.show(hidden, biases: biases)
        let shown = expected.filter { !hidden.contains(ItemIndex($0)) }
        #expect((0..<20).map { recommender.candidates[0].index(at: $0) } == Array(shown.prefix(20)))
    }

    /// Ranks, and says what every item scored.
    private func scores(
        _ model: borrowing Model, _ window: [SessionEvent], _ recommender: inout Recommender
    ) throws -> [Float] {
        try recommender.rank(after: window.span, in: model.snapshot, limit: 20)
        var scores = [Float](repeating: 0, count: Self.items)
        let all = (0..<ItemIndex(Self.items)).map { $0 }
        var target = scores.mutableSpan
        recommender.scores(of: all.span, 0, in: model.snapshot, into: &target)
        return scores
    }

    @Test func int8ListsAreNearlyThoseOfFloat() throws {
        let model = try Model()
        var recommender = Recommender(dimensions: Self.width, candidatesMax: 50)
        var generator = SeededGenerator(seed: 2)
        var shared = 0
        for _ in 0..<20 {
            let window = (0..<8).map { _ in SessionEvent(item: ItemIndex(generator.next(below: Self.items))) }
            try recommender.rank(after: window.span, in: model.snapshot, limit: 20)
            let listed = (0..<recommender.candidates[0].count).map { recommender.candidates[0].index(at: $0) }
            #expect(listed.count == 20)
            #expect(Set(listed).count == 20)
            let scores = model.scores(after: window)
            let expected = scores.indices.sorted { scores[$0] > scores[$1] }.prefix(20)
            shared += Set(expected).intersection(listed).count
            let falling = (0..<20).map { recommender.candidates[0].score(at: $0) }
            #expect(falling == falling.sorted(by: >))
        }
        // Of 400 listed; random vectors lie closer to each other than learned ones.
        #expect(shared >= 360, "\(shared) of 400")
    }

    @Test func aChangedRowIsServedAtOnceAndARemovedOneNever() throws {
        var model = try Model()
        var recommender = Recommender(dimensions: Self.width, candidatesMax: 10)
        let window = [1, 2, 3].map { SessionEvent(item: $0) }
        model.table.biases[0, 77] = 100
        try recommender.rank(after: window.span, in: model.snapshot, limit: 1)
        #expect(recommender.candidates[0].index(at: 0) != 77)
        try model.snapshot.refreshItem(77, from: model.table)
        try recommender.rank(after: window.span, in: model.snapshot, limit: 1)
        #expect(recommender.candidates[0].index(at: 0) == 77)
        model.snapshot.removeItem(77)
        try recommender.rank(after: window.span, in: model.snapshot, limit: 10)
        #expect(!(0..<10).contains { recommender.candidates[0].index(at: $0) == 77 })
    }

    @Test func weightsThatAreNotFiniteAreRefused() throws {
        var model = try Model()
        model.table.vectors[5, 0] = .nan
        #expect(throws: TensorError.notFinite(row: 5)) { try refreshItem(5, &model) }
        model.encoder.forEachParameter { if $0.name == "gru.weight_hh" { $0.value[7, 3] = .infinity } }
        #expect(throws: TensorError.notFinite(row: 7)) { try refreshEncoder(&model) }
    }

    private func refreshItem(_ item: ItemIndex, _ model: inout Model) throws(TensorError) {
        try model.snapshot.refreshItem(item, from: model.table)
    }

    private func refreshEncoder(_ model: inout Model) throws(TensorError) {
        try model.snapshot.refreshEncoder()
    }

    @Test func theReasonIsTheMostSimilarItemOfTheSession() throws {
        var model = try Model()
        for column in 0..<Self.width {
            model.table.vectors[20, column] = column == 0 ? 1 : 0
            model.table.vectors[21, column] = column < 2 ? 1 : 0
            model.table.vectors[22, column] = column == 5 ? -1 : 0
            model.table.vectors[23, column] = column == 0 ? 2 : column == 1 ? 1 : 0
        }
        for item: ItemIndex in 20...23 { try model.snapshot.refreshItem(item, from: model.table) }
        var explanation = Explanation(sessionItemsMax: 3, dimensions: Self.width)
        let session: [ItemIndex] = [20, 21, 22, 22]
        explanation.begin(session: session.span, in: model.snapshot)
        #expect(explanation.reason(for: 23, in: model.snapshot) == 21)
        #expect(explanation.reason(for: 21, in: model.snapshot) == 20)
        let against: [ItemIndex] = [22]
        explanation.begin(session: against.span, in: model.snapshot)
        #expect(explanation.reason(for: 23, in: model.snapshot) == nil)
    }
}
