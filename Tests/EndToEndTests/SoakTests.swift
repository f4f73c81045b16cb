import Foundation
import Testing

extension EndToEndTests {
    private struct SoakLine: Decodable {
        var events: Int
        var distinctUsers: Int
        var distinctItems: Int
        var users: Int
        var items: Int
        var residentBytes: UInt64
        var ceilingBytes: UInt64?
    }

    /// The bench beside this test bundle, as a process of its own: nobody else's memory is in what it says.
    @Test func memoryStaysBelowItsCeilingHoweverManyUsersAndItemsCome() throws {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: Executable.path + "-bench")
        process.arguments = ["soak", "--events", "200000", "--users", "2000", "--items", "1000"]
        process.standardOutput = output
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let lines = try bytes.split(separator: UInt8(ascii: "\n")).map { try decoder.decode(SoakLine.self, from: $0) }
        let last = try #require(lines.last)
        #expect(last.events >= 200_000 && last.distinctUsers > 50_000 && last.distinctItems > 15_000)
        #expect(lines.allSatisfy { $0.users <= 2000 && $0.items <= 1000 })
        let judged = lines.filter { $0.ceilingBytes != nil }
        #expect(judged.count > 10)
        #expect(judged.allSatisfy { $0.residentBytes <= $0.ceilingBytes ?? 0 })
    }
}
