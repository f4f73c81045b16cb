import Events
import Foundation
import Streaming
import Testing

extension EndToEndTests {
    /// Waits, at most two minutes, until what the daemons say of themselves is as it should be.
    private static func wait(_ ports: [Int], until isRight: ([[String: Any]]) -> Bool) async throws -> Bool {
        for _ in 0..<1200 {
            var reports: [[String: Any]] = []
            for port in ports { reports.append(try await status(port)) }
            if isRight(reports) { return true }
            try await Task.sleep(for: .milliseconds(100))
        }
        return false
    }

    private static func users(_ report: [String: Any]) -> Int { report["users"] as? Int ?? -1 }
    private static func partitions(_ report: [String: Any]) -> Int { (report["partitions"] as? [Any])?.count ?? -1 }

    @Test(arguments: BrokerKind.available) func twoInstancesShareTheUsersAndOneTakesOver(kind: BrokerKind) async throws {
        let cluster = try Cluster(kind)
        let ports = [try Self.freePort(), try Self.freePort(), try Self.freePort()]
        let directories = ["a", "b", "c"].map { cluster.stateDirectory + "/" + $0 }
        try FileManager.default.createDirectory(atPath: cluster.stateDirectory, withIntermediateDirectories: true)
        func start(_ place: Int) throws -> Executable {
            try Executable(
                cluster.arguments(
                    port: ports[place], state: directories[place],
                    extra: ["topics.sessions=\(cluster.topic("sessions"))", "kafka.client_id=instance-\(place)"]))
        }
        let first = try start(0)
        #expect(try await Self.wait(ports[0], "/readyz", for: 200))
        try cluster.send(events: Self.events(300, from: 0), from: 0)
        #expect(try await Self.wait([ports[0]]) { Self.users($0[0]) == 30 })

        // The second one gets a part of the partitions, and the users that are theirs.
        let second = try start(1)
        #expect(
            try await Self.wait(Array(ports[..<2])) { reports in
                reports.allSatisfy { Self.partitions($0) == 1 } && Self.users(reports[0]) + Self.users(reports[1]) >= 30
                    && (reports[1]["restoredSessions"] as? Int ?? 0) > 0
            })
        try cluster.send(events: Self.events(100, from: 300), from: 300)
        #expect(try cluster.read("recommendations") { Set($0.compactMap(\.sourceText)).count >= 400 }.count >= 400)

        // Killed, the first one leaves its users to the second.
        first.kill()
        #expect(try await Self.wait([ports[1]]) { Self.partitions($0[0]) == 2 && Self.users($0[0]) == 30 })
        for user in 0..<30 {
            let list = try #require(await Self.get(ports[1], "/v1/users/u\(user)/recommendations?count=3&exclude=none"))
            #expect(list.status == 200 && !list.body.contains("fallback"), "u\(user)")
        }
        try cluster.send(events: Self.events(100, from: 400), from: 400)
        let records = try cluster.read("recommendations") { Set($0.compactMap(\.sourceText)).count >= 500 }
        #expect(Set(records.compactMap(\.sourceText)).count == 500)
        #expect(second.drain() == 0)

        // An instance without a disk has everybody's history all the same.
        let third = try start(2)
        #expect(try await Self.wait([ports[2]]) { Self.partitions($0[0]) == 2 && Self.users($0[0]) == 30 })
        let report = try await Self.status(ports[2])
        #expect((report["restoredSessions"] as? Int ?? 0) >= 30)
        #expect((report["events"] as? [String: Any])?["accepted"] as? Int == 0)
        #expect(third.drain() == 0)
    }
}
