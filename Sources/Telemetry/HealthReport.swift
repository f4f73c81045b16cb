/// Whether the daemon lives and whether it serves, with the checks behind the answer.
public struct HealthReport: Sendable, Equatable {
    /// One named condition, with a sentence for the person who reads it.
    public struct Check: Codable, Sendable, Equatable {
        public var name: String
        public var passed: Bool
        public var detail: String

        public init(name: String, passed: Bool, detail: String) {
            self.name = name
            self.passed = passed
            self.detail = detail
        }
    }

    /// The engine makes progress, or waits healthily.
    public var isLive: Bool
    /// State restored, Kafka reached, partitions assigned, not draining.
    public var checks: [Check]

    public var isReady: Bool { isLive && checks.allSatisfy(\.passed) }

    public init(isLive: Bool, checks: [Check]) {
        self.isLive = isLive
        self.checks = checks
    }
}
