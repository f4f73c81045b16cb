internal import SequenceModels

/// The event types that were seen, each with its place in the encoders' table. Bounded: types that come
/// after the table is full share the place of the default type.
struct EventTypes {
    /// In the order in which they were first seen, the default type first.
    private(set) var words: [String]

    init(default word: String) {
        words = [word]
    }

    /// Goes on from what a checkpoint kept.
    init?(words: [String]) {
        guard (1...SessionEvent.typesMax).contains(words.count), Set(words).count == words.count else { return nil }
        self.words = words
    }

    /// The place of a type; that of the default type where it is not known.
    func place(of word: String) -> UInt8 { UInt8(words.firstIndex(of: word) ?? 0) }

    /// The type at a place; the default one where there is none.
    func word(of place: UInt8) -> String { Int(place) < words.count ? words[Int(place)] : words[0] }

    /// The place of a type; a new one gets the next.
    mutating func admit(_ word: String) -> UInt8 {
        if let place = words.firstIndex(of: word) { return UInt8(place) }
        guard words.count < SessionEvent.typesMax else { return 0 }
        words.append(word)
        return UInt8(words.count - 1)
    }
}
