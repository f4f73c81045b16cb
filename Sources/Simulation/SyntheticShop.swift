public import Events
internal import Foundation

/// A made-up shop whose visitors have habits: what a sequence model can find, planted, so that a demo
/// on an empty machine shows learning and not noise.
///
/// Items stand in categories, a few of them far more visited than the rest (Zipf). Each item has
/// companions that are likely to come next; which of them depends on the item before as well, so that
/// order matters. Every so often some items change companions, and new items open: what was learned
/// grows old. Everything follows from the seed.
public struct SyntheticShop: Sendable {
    public struct Configuration: Sendable, Equatable {
        public var seed: UInt64 = 1
        public var users = 5_000
        public var items = 2_000
        /// Items that open while the shop runs, beyond `items`.
        public var newItems = 500
        public var categories = 40
        /// Events of a visit, on average.
        public var visitLength = 8
        /// Events after which some items change companions and a new item opens.
        public var driftInterval = 400
        /// Events a second, as their timestamps tell.
        public var eventsPerSecond = 500
        public var start = Timestamp(milliseconds: 1_767_225_600_000)

        public init() {}
    }

    private let configuration: Configuration
    private var generator: ShopGenerator
    /// For each item, the likely next ones.
    private var companions: [[Int]] = []
    private var openItems: Int
    private var visits: [Visit] = []
    private var produced = 0

    private struct Visit: Sendable {
        var user: Int
        var last: Int
        var beforeLast: Int
    }

    /// Likely next items of an item.
    private static let companionCount = 4
    /// Visits under way at one time.
    private static let visitsMax = 64

    public init(_ configuration: Configuration) {
        self.configuration = configuration
        generator = ShopGenerator(state: configuration.seed)
        openItems = configuration.items
        for item in 0..<configuration.items + configuration.newItems {
            companions.append(Self.drawCompanions(of: item, configuration, &generator))
        }
    }

    /// The next event of the shop; there is always one.
    public mutating func next() -> Event {
        if produced > 0 && produced % configuration.driftInterval == 0 { drift() }
        let place = continuedVisit()
        let item = nextItem(visits[place])
        visits[place].beforeLast = visits[place].last
        visits[place].last = item
        let elapsed = Int64(produced) * 1000 / Int64(configuration.eventsPerSecond)
        produced += 1
        return Event(
            user: Self.user(visits[place].user), item: Self.item(item), type: generator.unit() < 0.05 ? "purchase" : "view",
            timestamp: Timestamp(milliseconds: configuration.start.milliseconds + elapsed))
    }

    /// A visit that goes on, or a new one in the place of one that ended.
    private mutating func continuedVisit() -> Int {
        let isNew = generator.unit() < 1 / Double(configuration.visitLength)
        if visits.count == Self.visitsMax && !isNew { return generator.below(visits.count) }
        let visit = Visit(
            user: generator.below(configuration.users), last: popularItem(), beforeLast: generator.below(openItems))
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
        if chance < 0.10 { return popularItem() }
        if chance < 0.15 { return visit.beforeLast }
        if chance < 0.20 { return openItems - 1 - generator.below(min(20, openItems)) }
        let likely = companions[visit.last]
        // The item before tilts the choice: a first-order model sees only half of the habit.
        let tilt = visit.beforeLast % Self.companionCount
        let choice = generator.unit() < 0.6 ? tilt : generator.below(Self.companionCount)
        return min(likely[choice], openItems - 1)
    }

    /// An item by Zipf's law with exponent 1: the inverse of its distribution, nearly.
    private mutating func popularItem() -> Int {
        let rank = exp(generator.unit() * log(Double(openItems)))
        return min(openItems - 1, max(0, Int(rank) - 1))
    }

    private mutating func drift() {
        for _ in 0..<max(1, openItems / 200) {
            let item = generator.below(openItems)
            companions[item] = Self.drawCompanions(of: item, configuration, &generator)
        }
        openItems = min(openItems + 1, configuration.items + configuration.newItems)
    }

    private static func drawCompanions(
        of item: Int, _ configuration: Configuration, _ generator: inout ShopGenerator
    ) -> [Int] {
        let total = configuration.items + configuration.newItems
        return (0..<companionCount).map { _ in
            // Of the same category: items are dealt to categories one by one.
            let step = generator.below(max(1, total / configuration.categories)) * configuration.categories
            return (item + step) % total
        }
    }

    private static func user(_ number: Int) -> UserID { identifier("u\(number)", UserID.init) }

    private static func item(_ number: Int) -> ItemID { identifier("i\(number)", ItemID.init) }

    private static func identifier<ID>(_ text: String, _ make: (String) -> ID?) -> ID {
        guard let id = make(text) else { preconditionFailure("a letter and a number are an identifier") }
        return id
    }
}
