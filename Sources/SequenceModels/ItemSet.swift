/// Some items, for asking often whether one is among them: what a list leaves out.
///
/// Few are compared one by one; many are marked in a bitmap, so that asking costs the same for a user who has
/// seen thousands.
public struct ItemSet: Sendable, ExpressibleByArrayLiteral {
    /// In the order in which they were given, each as often.
    public private(set) var members: [ItemIndex]
    /// One bit an item, from item 0 to the highest member; empty where the members are few.
    private var bits: [UInt64] = []

    private static let comparedMax = 16

    public init(_ members: [ItemIndex]) {
        self.members = members
        mark()
    }

    /// Becomes another set in the same memory.
    ///
    /// - Parameter body: appends the members.
    public mutating func refill(_ body: (inout [ItemIndex]) -> Void) {
        members.removeAll(keepingCapacity: true)
        body(&members)
        mark()
    }

    private mutating func mark() {
        bits.removeAll(keepingCapacity: true)
        guard members.count > Self.comparedMax, let highest = members.max() else { return }
        bits.append(contentsOf: repeatElement(0, count: Int(highest) / 64 + 1))
        for member in members { bits[Int(member) / 64] |= 1 << UInt64(member % 64) }
    }

    public init(arrayLiteral elements: ItemIndex...) { self.init(elements) }

    public var count: Int { members.count }
    public var isEmpty: Bool { members.isEmpty }

    public func contains(_ item: ItemIndex) -> Bool {
        if bits.isEmpty { return members.contains(item) }
        let word = Int(item) / 64
        return word < bits.count && bits[word] & (1 << UInt64(item % 64)) != 0
    }
}
