/// Where some of many numbered things stand in a list that is being made: found without hashing, forgotten at once.
public struct StampedPlaces: Sendable {
    /// For each number, the stamp of the list that noted it last, and its place there.
    @usableFromInline var notes: [(stamp: UInt32, place: Int32)] = []
    @usableFromInline var stamp: UInt32 = 0

    public init() {}

    /// Forgets every place.
    ///
    /// - Parameter count: numbers that are likely to be noted are below it.
    public mutating func begin(count: Int) {
        if stamp == .max {
            // Notes of four billion lists ago would read as this one's.
            notes.removeAll()
            stamp = 0
        }
        stamp += 1
        if notes.count < count { notes.append(contentsOf: repeatElement((stamp: 0, place: 0), count: count - notes.count)) }
    }

    // Inlinable: asked for every candidate of every list.
    @inlinable
    public func place(of number: Int) -> Int? {
        guard number < notes.count, notes[number].stamp == stamp else { return nil }
        return Int(notes[number].place)
    }

    @inlinable
    public mutating func note(_ number: Int, _ place: Int) {
        if number >= notes.count { notes.append(contentsOf: repeatElement((stamp: 0, place: 0), count: number + 1 - notes.count)) }
        notes[number] = (stamp, Int32(place))
    }
}
