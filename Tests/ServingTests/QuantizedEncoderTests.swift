import SequenceModels
import Tensors
import Testing

@testable import Serving

/// Each kind of encoder in int8 beside its float twin.
@Suite struct QuantizedEncoderTests {
    private static let items = 400

    /// What is served, a convolution with either network.
    enum Subject: String, CaseIterable, Sendable {
        case gru, attention, textbook, dilated

        func makeEncoder(dimensions: Int, using generator: inout SeededGenerator) -> any SequenceEncoder {
            var shape = ConvolutionConfiguration()
            shape.network = ConvolutionConfiguration.Network(rawValue: rawValue) ?? .textbook
            return (EncoderKind(rawValue: rawValue) ?? .convolution)
                .makeEncoder(convolution: shape, positionsMax: 64, dimensions: dimensions, using: &generator)
        }
    }

    private struct Model: ~Copyable {
        var table: EmbeddingTable
        let encoder: any SequenceEncoder
        var snapshot: Snapshot
        let width: Int

        init(_ subject: Subject, width: Int) throws {
            self.width = width
            var generator = SeededGenerator(seed: 11)
            table = EmbeddingTable(capacity: items, dimensions: width)
            encoder = subject.makeEncoder(dimensions: width, using: &generator)
            // What is zero at first is learned later.
            encoder.forEachParameter { parameter in
                guard parameter.name.contains("bias") || parameter.name.contains("embedding") else { return }
                for row in 0..<parameter.rows {
                    for column in 0..<parameter.columns { parameter.value[row, column] += generator.nextSymmetric(0.2) }
                }
            }
            snapshot = Snapshot(capacity: items, serving: encoder, index: .exact)
            for item in 0..<ItemIndex(items) {
                table.initializeRow(item, limit: 1, bias: generator.nextSymmetric(0.2), using: &generator)
                try snapshot.refreshItem(item, from: table)
            }
            try snapshot.refreshEncoder()
        }

        /// The scores of every item after `window`, in float.
        func scores(after window: [SessionEvent]) -> [Float] {
            var batch = SequenceBatch(positionsMax: window.count)
            batch.append((window + [SessionEvent(item: 0)]).span) { _ in 1 }
            batch.arrange()
            var dropout = Dropout.none
            encoder.forward(batch, table, dropout: &dropout)
            var scores = (0..<items).map { item in
                encoder.withHidden { hidden in
                    hidden.withRow(window.count - 1) { state in table.vectors.withRow(item) { dot(state, $0) } }
                } + table.biases[0, item]
            }
            var repeated: [ItemIndex] = []
            RepeatHead.items(of: window.span, into: &repeated)
            for (place, item) in repeated.enumerated() {
                scores[Int(item)] += encoder.withHidden {
                    encoder.repeatHead.addition(place: place, after: $0, row: window.count - 1)
                }
            }
            return scores
        }
    }

    private func window(_ length: Int, _ generator: inout SeededGenerator) -> [SessionEvent] {
        (0..<length).map { _ in
            SessionEvent(
                item: ItemIndex(generator.next(below: Self.items)), type: UInt8(generator.next(below: 3)),
                gap: UInt8(generator.next(below: SessionEvent.gapsMax)))
        }
    }

    @Test(arguments: Subject.allCases, [(32, [1, 2, 8, 17]), (64, [3, 50])])
    func int8ListsAreNearlyThoseOfFloat(subject: Subject, shape: (width: Int, lengths: [Int])) throws {
        let model = try Model(subject, width: shape.width)
        var recommender = Recommender(dimensions: shape.width, candidatesMax: 20)
        var generator = SeededGenerator(seed: 2)
        var shared = 0, lists = 0
        for length in shape.lengths {
            for _ in 0..<6 {
                let window = window(length, &generator)
                try recommender.rank(after: window.span, in: model.snapshot, limit: 20)
                let listed = (0..<recommender.candidates[0].count).map { recommender.candidates[0].index(at: $0) }
                let scores = model.scores(after: window)
                shared += Set(scores.indices.sorted { scores[$0] > scores[$1] }.prefix(20)).intersection(listed).count
                lists += 1
                let scale = scores.map(abs).max() ?? 0
                for place in 0..<20 {
                    let served = recommender.candidates[0].score(at: place)
                    #expect(abs(served - scores[listed[place]]) < 0.05 * scale, "\(subject), \(length) events")
                }
            }
        }
        // Random vectors lie closer to each other than learned ones.
        #expect(shared >= lists * 18, "\(shared) of \(20 * lists)")
    }

    @Test(arguments: Subject.allCases) func oneItemForEverAndAnEmptyWindowAreEncoded(subject: Subject) throws {
        let model = try Model(subject, width: 16)
        var recommender = Recommender(dimensions: 16, candidatesMax: 5)
        let same = [SessionEvent](repeating: SessionEvent(item: 7), count: 50)
        for length in [0, 1, 2, 50] {
            try recommender.rank(after: same.span.extracting(first: length), in: model.snapshot, limit: 5)
            #expect(recommender.candidates[0].count == 5)
            #expect(recommender.candidates[0].score(at: 0).isFinite)
        }
    }

    @Test(arguments: Subject.allCases) func everyTensorThatIsNotFiniteIsRefusedOrTellsWhenEncoding(subject: Subject) throws {
        var names: [String] = []
        try Model(subject, width: 16).encoder.forEachParameter { names.append($0.name) }
        var recommender = Recommender(dimensions: 16, candidatesMax: 5)
        let window = [SessionEvent(item: 1, type: 1, gap: 1), SessionEvent(item: 1, type: 1, gap: 1)]
        for name in names {
            var model = try Model(subject, width: 16)
            model.encoder.forEachParameter { if $0.name == name { $0.value.fill(.nan, rows: 0..<$0.rows) } }
            #expect(throws: TensorError.self, "\(name)") { try encode(window, &recommender, &model) }
        }
    }

    private func encode(
        _ window: [SessionEvent], _ recommender: inout Recommender, _ model: inout Model
    ) throws(TensorError) {
        try model.snapshot.refreshEncoder()
        try recommender.encode(window.span, nil, in: model.snapshot, limit: 5, into: 0)
    }
}
