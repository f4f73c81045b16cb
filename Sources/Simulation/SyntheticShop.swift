public import Events
internal import Foundation

/// A made-up shop whose visitors have habits: what a sequence model can find, planted, so that a demo
/// on an empty machine shows learning and not noise.
///
/// Each visitor has a taste for the length of a visit. Most items speak to one taste and are followed by
/// their companions; the shop's bestsellers are visited by everybody in between, and after one a visitor
/// goes on where they were. A model of the last item alone is lost there. Every so
/// often an item changes its companions, or a new item opens: what was learned grows old. Everything
/// follows from the seed.
public struct SyntheticShop: Sendable {
    public struct Configuration: Sendable, Equatable {
        public var seed: UInt64 = 1
        public var users = 5_000
        public var tastes = 12
        public var itemsPerTaste = 30
        public var bestsellers = 40
        /// Items that open while the shop runs.
        public var newItems = 200
        /// Events of a visit, on average.
        public var visitLength = 10
        /// Events after which an item changes its companions.
        public var driftInterval = 100
        /// Events after which a new item opens.
        public var openingInterval = 200
        /// Events a second, as their timestamps tell.
        public var eventsPerSecond = 500
        public var start = Timestamp(milliseconds: 1_767_225_600_000)

        public init() {}
    }

    private let configuration: Configuration
    private var generator: ShopGenerator
    /// The open items of each taste, in the order in which they opened.
    private var shelves: [[Int]]
    /// For each item that speaks to a taste, the items that are likely to come next.
    private var companions: [Int: [Int]] = [:]
    private var itemCount = 0
    private var visits: [Visit] = []
    private var produced = 0

    private struct Visit: Sendable {
        var user: Int
        var taste: Int
        /// The newest item that is no bestseller.
        var last: Int
    }

    /// Likely next items of an item.
    private static let companionCount = 4
    /// Visits under way at one time.
    private static let visitsMax = 64

    public init(_ configuration: Configuration) {
        self.configuration = configuration
        generator = ShopGenerator(state: configuration.seed)
        shelves = [[Int]](repeating: [], count: configuration.tastes)
        // Bestsellers come first: items 0..<bestsellers.
        itemCount = configuration.bestsellers
        for place in 0..<configuration.tastes * configuration.itemsPerTaste { open(taste: place % configuration.tastes) }
        for taste in shelves.indices { for item in shelves[taste] { drawCompanions(of: item, taste: taste) } }
    }

    /// The next event of the shop; there is always one.
    public mutating func next() -> Event {
        age()
        let place = continuedVisit()
        let item = nextItem(visits[place])
        if item >= configuration.bestsellers { visits[place].last = item }
        let elapsed = Int64(produced) * 1000 / Int64(configuration.eventsPerSecond)
        produced += 1
        return Event(
            user: Self.identifier("u\(visits[place].user)", UserID.init), item: Self.identifier("i\(item)", ItemID.init),
            type: generator.unit() < 0.03 ? "purchase" : "view",
            timestamp: Timestamp(milliseconds: configuration.start.milliseconds + elapsed))
    }

    /// A visit that goes on, or a new one in the place of one that ended.
    private mutating func continuedVisit() -> Int {
        let isNew = generator.unit() < 1 / Double(configuration.visitLength)
        if visits.count == Self.visitsMax && !isNew { return generator.below(visits.count) }
        let taste = generator.below(configuration.tastes)
        let visit = Visit(user: generator.below(configuration.users), taste: taste, last: shelfItem(taste))
        if visits.count < Self.visitsMax {
            visits.append(visit)
            return visits.count - 1
        }
        let place = generator.below(visits.count)
        visits[place] = visit
        return place
    }

    private mutating func nextItem(_ visit: Visit) -> Int {
        let chance = generator.unit()
        if chance < 0.35 { return zipf(configuration.bestsellers) }
        guard chance > 0.45, let likely = companions[visit.last] else { return shelfItem(visit.taste) }
        return likely[generator.below(Self.companionCount)]
    }

    /// An item of a taste; the first on the shelf are seen most.
    private mutating func shelfItem(_ taste: Int) -> Int { shelves[taste][zipf(shelves[taste].count)] }

    /// A place below `count` by Zipf's law with exponent 1: the inverse of its distribution, nearly.
    private mutating func zipf(_ count: Int) -> Int {
        let rank = exp(generator.unit() * log(Double(count + 1)))
        return min(count - 1, max(0, Int(rank) - 1))
    }

    /// Old habits change, and new items open.
    private mutating func age() {
        guard produced > 0 else { return }
        if produced % configuration.driftInterval == 0 {
            let taste = generator.below(configuration.tastes)
            drawCompanions(of: shelves[taste][generator.below(shelves[taste].count)], taste: taste)
        }
        let opened = configuration.bestsellers + configuration.tastes * configuration.itemsPerTaste
        if produced % configuration.openingInterval == 0, itemCount < opened + configuration.newItems {
            let taste = generator.below(configuration.tastes)
            let item = open(taste: taste)
            drawCompanions(of: item, taste: taste)
            // Somebody points to it from now on.
            let neighbor = shelves[taste][generator.below(shelves[taste].count)]
            companions[neighbor]?[generator.below(Self.companionCount)] = item
        }
    }

    @discardableResult
    private mutating func open(taste: Int) -> Int {
        shelves[taste].append(itemCount)
        itemCount += 1
        return itemCount - 1
    }

    private mutating func drawCompanions(of item: Int, taste: Int) {
        companions[item] = (0..<Self.companionCount).map { _ in shelves[taste][generator.below(shelves[taste].count)] }
    }

    private static func identifier<ID>(_ text: String, _ make: (String) -> ID?) -> ID {
        guard let id = make(text) else { preconditionFailure("a letter and a number are an identifier") }
        return id
    }
}
