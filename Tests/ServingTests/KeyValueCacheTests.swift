import SequenceModels
import Testing

@testable import Serving
@testable import Tensors

/// Attention that goes on from kept keys and values, beside the same windows encoded whole.
@Suite struct KeyValueCacheTests {
    private static let items = 300
    private static let width = 32

    private struct Model: ~Copyable {
        let encoder: any SequenceEncoder
        var snapshot: Snapshot

        init(_ limits: KeptLimits, lengthMax: Int, blocks: Int = 2, heads: Int = 1) throws {
            var generator = SeededGenerator(seed: 21)
            var table = EmbeddingTable(capacity: items, dimensions: width)
            var configuration = AttentionConfiguration()
            (configuration.blocks, configuration.heads) = (blocks, heads)
            let encoder = AttentionEncoder(configuration, positionsMax: 64, dimensions: width, using: &generator)
            encoder.forEachParameter { parameter in
                guard parameter.name.contains("bias") || parameter.name.contains("embedding") else { return }
                for row in 0..<parameter.rows {
                    for column in 0..<parameter.columns { parameter.value[row, column] += generator.nextSymmetric(0.5) }
                }
            }
            self.encoder = encoder
            snapshot = Snapshot(capacity: items, serving: encoder, index: .exact)
            for item in 0..<ItemIndex(items) {
                table.initializeRow(item, limit: 1, bias: 0, using: &generator)
                try snapshot.refreshItem(item, from: table)
            }
            try snapshot.refreshEncoder()
            snapshot.keepKeysAndValues(of: encoder, limits, lengthMax: lengthMax)
        }

        /// The state after a window, and whether it went on from what is kept.
        func state(_ window: Span<SessionEvent>, _ mark: SessionMark?) throws -> (values: [Float], goesOn: Bool) {
            snapshot.beginRound()
            let step = snapshot.plan(mark, length: window.count, version: 0)
            var hidden = Matrix(rows: 1, columns: width)
            try snapshot.encode(window, step, share: 0, into: &hidden)
            return ((0..<width).map { hidden[0, $0] }, step.map { !$0.isWhole } ?? false)
        }
    }

    private static let forever = KeptLimits(sessionsMax: 8, versionsMax: .max, stepsMax: .max, lengthMin: 1)

    private func events(_ count: Int, seed: UInt64) -> [SessionEvent] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in
            SessionEvent(
                item: ItemIndex(generator.next(below: 20)), type: UInt8(generator.next(below: 3)),
                gap: UInt8(generator.next(below: SessionEvent.gapsMax)))
        }
    }

    /// How far two states are apart, as a share of the second's length.
    private func distance(_ a: [Float], _ b: [Float]) -> Float {
        let square = zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        return (square / b.reduce(0) { $0 + $1 * $1 }).squareRoot()
    }

    private func mark(_ session: Int, _ event: Int) -> SessionMark {
        SessionMark(session: session, newest: UInt32(event), previous: event > 1 ? UInt32(event - 1) : nil)
    }

    @Test(arguments: [(1, 1), (2, 1), (2, 2), (3, 2)])
    func eachEventOfASessionGivesTheStateOfItsWholeWindow(shape: (blocks: Int, heads: Int)) throws {
        let model = try Model(Self.forever, lengthMax: 40, blocks: shape.blocks, heads: shape.heads)
        let events = events(40, seed: 5)
        for count in 1...40 {
            let window = events.span.extracting(first: count)
            let (kept, whole) = (try model.state(window, mark(3, count)), try model.state(window, nil))
            #expect(kept.goesOn == (count > 1))
            #expect(distance(kept.values, whole.values) < 0.02, "\(count) events")
            // Asked once more without an event between: the same bits.
            let again = try model.state(window, mark(3, count))
            #expect(again.values == kept.values || count == 1)
        }
        // A state of another window is farther away than that.
        let (window, other) = (events.span.extracting(first: 39), events.span)
        #expect(distance(try model.state(window, nil).values, try model.state(other, nil).values) > 0.1)
    }

    /// In one block keys and values are those of an event alone: whatever slid out, the state is that of the window. A
    /// second block still knows what the events before had attended to.
    @Test(arguments: [(1, 1), (1, 2), (2, 1)])
    func theNewestEventTakesThePlaceOfTheOneThatSlidesOut(shape: (blocks: Int, heads: Int)) throws {
        let length = 7
        let model = try Model(Self.forever, lengthMax: length, blocks: shape.blocks, heads: shape.heads)
        // No item comes twice: whether one did is told to a whole window by what it still has.
        let events = (0..<40).map { (place: Int) in
            SessionEvent(item: ItemIndex(place * 7), type: UInt8(place % 3), gap: UInt8(place % 5))
        }
        var farthest: Float = 0
        for count in 1...40 {
            let window = events.span.extracting(max(0, count - length)..<count)
            let (kept, whole) = (try model.state(window, mark(3, count)), try model.state(window, nil))
            #expect(kept.goesOn == (count > 1))
            let apart = distance(kept.values, whole.values)
            if shape.blocks == 1 || count <= length { #expect(apart < 0.02, "\(count) events") }
            farthest = max(farthest, apart)
        }
        #expect(farthest < 0.1)
    }

    @Test func sessionsSideBySideGoOnFromTheirOwn() throws {
        let model = try Model(Self.forever, lengthMax: 12)
        let sessions = (0..<5).map { events(12, seed: UInt64($0 + 50)) }
        for count in 1...12 {
            for (session, events) in sessions.enumerated() {
                let window = events.span.extracting(first: count)
                let kept = try model.state(window, mark(session, 20 * count + session, after: 20 * (count - 1) + session))
                #expect(kept.goesOn == (count > 1))
                #expect(distance(kept.values, try model.state(window, nil).values) < 0.02)
            }
        }
    }

    private func mark(_ session: Int, _ newest: Int, after previous: Int) -> SessionMark {
        SessionMark(session: session, newest: UInt32(newest), previous: UInt32(previous))
    }

    @Test func whatDoesNotGoOnIsEncodedWhole() throws {
        let limits = KeptLimits(sessionsMax: 8, versionsMax: 100, stepsMax: 3, lengthMin: 2)
        let cache = KeyValueCache(limits: limits, lengthMax: 10, blocks: 2, dimensions: 16)
        func isWhole(_ mark: SessionMark, _ length: Int, version: UInt64 = 7) -> Bool? {
            cache.beginRound()
            return cache.plan(mark, length: length, version: version)?.isWhole
        }
        #expect(isWhole(mark(1, 1), 1) == nil)
        #expect(isWhole(mark(1, 2), 2) == true)
        #expect(isWhole(mark(1, 3), 3) == false)
        // An event that was never asked about, an item that left, events behind the window's beginning.
        #expect(isWhole(mark(1, 5), 5) == true)
        #expect(isWhole(mark(1, 6), 5) == true)
        #expect(isWhole(mark(1, 7), 5) == true)
        // Three steps, then whole.
        for event in 8...10 { #expect(isWhole(mark(1, event), event - 2) == false) }
        #expect(isWhole(mark(1, 11), 9) == true)
        // However many events of others came in between; weights that are more than a hundred steps ahead, or behind.
        #expect(isWhole(mark(1, 5000, after: 11), 10, version: 107) == false)
        #expect(isWhole(mark(1, 5001), 10, version: 108) == true)
        #expect(isWhole(mark(1, 5002), 10, version: 107) == true)
        // Forgotten, alone and with all others.
        #expect(isWhole(mark(2, 20), 10) == true)
        cache.remove(session: 1)
        #expect(isWhole(mark(1, 5003), 10, version: 107) == true)
        #expect(isWhole(mark(2, 21), 10) == false)
        cache.removeAll()
        #expect(isWhole(mark(2, 22), 10) == true)
    }

    @Test func numbersWrapAround() {
        let cache = KeyValueCache(
            limits: KeptLimits(sessionsMax: 8, versionsMax: 100, stepsMax: 3, lengthMin: 2), lengthMax: 10, blocks: 1,
            dimensions: 16)
        cache.beginRound()
        #expect(cache.plan(SessionMark(session: 0, newest: .max, previous: .max - 1), length: 4, version: 0)?.isWhole == true)
        cache.beginRound()
        #expect(cache.plan(SessionMark(session: 0, newest: 3, previous: .max), length: 5, version: 0)?.isWhole == false)
    }

    @Test func theLeastRecentlyActiveLeavesAndNobodyOfTheSameRound() {
        let cache = KeyValueCache(
            limits: KeptLimits(sessionsMax: 8, versionsMax: .max, stepsMax: .max, lengthMin: 1), lengthMax: 4, blocks: 1,
            dimensions: 16)
        cache.beginRound()
        let slots = (0..<8).map { cache.plan(mark($0, 10 + $0), length: 2, version: 0)?.slot }
        #expect(Set(slots) == Set((0..<8).map { $0 }))
        // All places are in use in this round: the ninth is encoded and not kept, and so is one that comes twice.
        #expect(cache.plan(mark(8, 20), length: 2, version: 0) == nil)
        #expect(cache.plan(mark(3, 21, after: 13), length: 3, version: 0) == nil)
        cache.beginRound()
        #expect(cache.plan(mark(0, 30, after: 10), length: 3, version: 0)?.isWhole == false)
        #expect(cache.plan(mark(8, 31), length: 2, version: 0)?.slot == slots[1])
        cache.beginRound()
        #expect(cache.plan(mark(1, 32, after: 11), length: 3, version: 0)?.isWhole == true)
    }

    @Test func nothingOfAForgottenSessionStaysInMemory() throws {
        let cache = KeyValueCache(limits: Self.forever, lengthMax: 4, blocks: 2, dimensions: 16)
        cache.beginRound()
        let step = try #require(cache.plan(mark(5, 1), length: 1, version: 0))
        var source = Matrix(rows: 1, columns: 16)
        source.fill(2, rows: 0..<1)
        for block in 0..<2 {
            try cache.keys.store(source, rows: 0..<1, from: cache.firstRow(step.slot, block: block))
            try cache.values.store(source, rows: 0..<1, from: cache.firstRow(step.slot, block: block))
        }
        let row = cache.firstRow(step.slot, block: 1)
        #expect(abs(cache.keys.value(row, 3) - 2) < 0.01 && abs(cache.values.value(row, 15) - 2) < 0.01)
        cache.remove(session: 5)
        for row in cache.firstRow(step.slot, block: 0)..<cache.firstRow(step.slot + 1, block: 0) {
            for column in 0..<16 { #expect(cache.keys.value(row, column) == 0 && cache.values.value(row, column) == 0) }
        }
    }

    @Test func theBytesOfAllAreBounded() {
        var limits = KeptLimits()
        (limits.bytesMax, limits.sessionsMax) = (1 << 20, 4096)
        for length in [1, 20, 50, 400] {
            let cache = KeyValueCache(limits: limits, lengthMax: length, blocks: 2, dimensions: 64)
            let rows = cache.keys.capacity + cache.values.capacity
            #expect(rows % (8 * 4 * length) == 0 && rows > 0)
            #expect(rows * QuantizedRows.rowBytes(columns: 64) <= max(1 << 20, 8 * 4 * length * 68))
        }
    }
}
