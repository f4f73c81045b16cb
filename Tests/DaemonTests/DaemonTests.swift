import Delivery
import Engine
import Events
import HTTPService
import StateStore
import Streaming
import Testing

@testable import Daemon

@Suite struct DaemonTests {
    @Test func queriesAreBoundedAndRefusedAtTheEnd() async {
        let queue = QueryQueue()
        guard let user = UserID("u") else { preconditionFailure("u is an identifier") }
        let answers = await withTaskGroup(of: Result<ListAnswer, QueryError>.self, returning: [QueryError].self) { group in
            for _ in 0..<QueryQueue.capacity + 5 { group.addTask { await queue.ask(user, ListQuery()) } }
            var results: [QueryError] = []
            // The five that do not fit are refused at once, the others when the queue closes.
            for await result in group {
                if case .failure(let error) = result { results.append(error) }
                if results.count == 5 { queue.close() }
            }
            return results
        }
        #expect(answers.count == QueryQueue.capacity + 5)
        #expect(answers.count { $0 == .overloaded } == 5)
        #expect(answers.count { $0 == .unavailable("the daemon is stopping") } == QueryQueue.capacity)
        let late = await queue.ask(user, ListQuery())
        if case .success = late { Issue.record("a closed queue took a query") }
    }

    @Test func everyEndHasItsExitCode() {
        let kafka = { StreamingError.kafka(name: "n", detail: "d", recovery: $0) }
        #expect(DaemonError.state(.inUse(path: "/x")).exitCode == 74)
        #expect(DaemonError.engine(.stateMismatch("x")).exitCode == 74)
        #expect(DaemonError.engine(.diverged("x")).exitCode == 70)
        #expect(DaemonError.streaming(kafka(.stop)).exitCode == 69)
        #expect(DaemonError.streaming(.invalidProperty(name: "p", reason: "r")).exitCode == 78)
        #expect(DaemonError.decoder.exitCode == 70)
        let fenced = DaemonError(.transaction(TransactionError(recovery: .fenced, name: "n", detail: "")))
        #expect(fenced.exitCode == 69)
        #expect(fenced.description.contains("kafka.transactional_id"))
    }
}
