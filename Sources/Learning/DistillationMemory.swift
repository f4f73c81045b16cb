internal import SequenceModels

/// Windows that were learned, each with what the model expected then: a fair sample of all there were, of bounded
/// size (Vitter 1985, algorithm R).
///
/// Draws from a source of chance of its own, and is gone with the process.
struct DistillationMemory: Sendable {
    struct Exemplar: Sendable {
        var window: [SessionEvent]
        var scores: OldScores
    }

    private(set) var exemplars: [Exemplar] = []
    private var seen = 0
    private var generator: SeededGenerator
    let capacity: Int

    init(capacity: Int, seed: UInt64) {
        self.capacity = capacity
        generator = SeededGenerator(seed: seed)
    }

    /// One of the exemplars; nil where there is none.
    mutating func draw() -> Exemplar? {
        exemplars.isEmpty ? nil : exemplars[generator.next(below: exemplars.count)]
    }

    /// Where the next window is kept; nil where chance leaves it out.
    mutating func place() -> Int? {
        seen += 1
        if exemplars.count < capacity { return exemplars.count }
        // As many as a 32-bit draw can tell apart; by then a window in a million is kept.
        let place = generator.next(below: min(seen, Int(UInt32.max)))
        return place < capacity ? place : nil
    }

    mutating func keep(_ exemplar: Exemplar, at place: Int) {
        if place < exemplars.count { exemplars[place] = exemplar } else { exemplars.append(exemplar) }
    }

    /// Forgets every exemplar that an item is part of whose row goes to another.
    mutating func remove(_ item: ItemIndex) {
        exemplars.removeAll { exemplar in
            exemplar.scores.items.contains(item) || exemplar.window.contains { $0.item == item }
        }
    }
}
