internal import Events
internal import HTTPService
internal import Streaming
internal import Synchronization

/// Queries on their way from HTTP to the engine thread. Bounded; what does not fit is refused at once.
final class QueryQueue: Sendable {
    struct Query: Sendable {
        var user: UserID
        var query: ListQuery
        var answer: CheckedContinuation<Result<ListAnswer, QueryError>, Never>
    }

    private struct State {
        var waiting: [Query] = []
        var isOpen = true
        /// What the engine thread waits on.
        var wakeup: Wakeup?
    }

    private let state = Mutex(State())

    /// Queries that wait at most.
    static let capacity = 256

    /// From now on a query ends the wait of the thread that answers.
    func ring(_ wakeup: Wakeup) { state.withLock { $0.wakeup = wakeup } }

    /// Asks, and waits for the engine's answer.
    func ask(_ user: UserID, _ query: ListQuery) async -> Result<ListAnswer, QueryError> {
        await withCheckedContinuation { continuation in
            let refusal: QueryError? = state.withLock { state in
                guard state.isOpen else { return .unavailable("the daemon is stopping") }
                guard state.waiting.count < Self.capacity else { return .overloaded }
                state.waiting.append(Query(user: user, query: query, answer: continuation))
                state.wakeup?.ring()
                return nil
            }
            if let refusal { continuation.resume(returning: .failure(refusal)) }
        }
    }

    /// Takes all that wait.
    func takeAll() -> [Query] {
        state.withLock { state in
            let taken = state.waiting
            state.waiting.removeAll()
            return taken
        }
    }

    /// Refuses what waits and all that will come.
    func close() {
        let left = state.withLock { state in
            state.isOpen = false
            let taken = state.waiting
            state.waiting.removeAll()
            return taken
        }
        for query in left { query.answer.resume(returning: .failure(.unavailable("the daemon is stopping"))) }
    }
}
