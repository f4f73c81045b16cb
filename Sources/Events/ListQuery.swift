/// What somebody who asks for a list wants different from the configuration.
public struct ListQuery: Sendable, Equatable {
    public var count: Int?
    public var exclusions: Set<Exclusion>?

    /// The longest list that may be asked for.
    public static let countMax = 1000

    public init(count: Int? = nil, exclusions: Set<Exclusion>? = nil) {
        self.count = count
        self.exclusions = exclusions
    }

    /// Reads the parameters of a request.
    ///
    /// - Parameters:
    ///   - count: a whole number from 1 to ``countMax``.
    ///   - exclude: words separated by commas; `none` stands for no exclusion.
    public init(count: String?, exclude: String?) throws(ListQueryRefusal) {
        if let count {
            guard let number = Int(count), (1...Self.countMax).contains(number) else {
                throw ListQueryRefusal(message: "count is \(count), not a whole number from 1 to \(Self.countMax)")
            }
            self.count = number
        }
        if let exclude {
            var named: Set<Exclusion> = []
            for word in exclude.split(separator: ",") where word != "none" {
                guard let exclusion = Exclusion(rawValue: String(word)) else {
                    throw ListQueryRefusal(message: "exclude has \(word), which is none of current, seen, purchased")
                }
                named.insert(exclusion)
            }
            exclusions = named
        }
    }
}

/// A parameter that says nothing that can be done, in one sentence.
public struct ListQueryRefusal: Error, Equatable, Sendable {
    public var message: String
}
