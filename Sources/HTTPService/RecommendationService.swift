public import Events
public import Telemetry

/// What HTTP asks of the daemon. Reports are the newest that the engine handed over; lists come from
/// the engine itself, through its bounded queue of queries.
public protocol RecommendationService: Sendable {
    func health() -> HealthReport
    func status() -> StatusReport
    func recommendations(for user: UserID, query: ListQuery) async throws(QueryError) -> ListAnswer
}

/// A list, and whether it is the popular one because nothing is known of the user.
public struct ListAnswer: Sendable {
    public var recommendation: Recommendation
    public var isFallback: Bool

    public init(recommendation: Recommendation, isFallback: Bool) {
        self.recommendation = recommendation
        self.isFallback = isFallback
    }
}

/// Why a query has no answer.
public enum QueryError: Error, Equatable, Sendable {
    /// More queries wait than the queue holds: come back in a second.
    case overloaded
    /// The engine is starting, draining or gone.
    case unavailable(String)
}
