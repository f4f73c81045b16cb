import Foundation
import Testing

extension EndToEndTests {
    @Test func theDemoShowsWhatItLearns() throws {
        let port = try Self.freePort()
        let demo = try Executable.run(["demo", "--duration", "6", "--rate", "1000", "--http", "127.0.0.1:\(port)"])
        #expect(demo.code == 0, "\(demo.errors)")
        let lines = demo.output.split(separator: "\n")
        // The shop repeats itself: after thousands of events nobody who learns still recommends nothing.
        let newest = try #require(lines.last { $0.hasPrefix("events ") })
        let words = newest.split(separator: " ")
        let place = try #require(words.firstIndex(of: "ensemble"), "\(newest)")
        #expect(try #require(Double(words[place + 1])) > 0.1, "\(newest)")
        let summary = try #require(lines.first { $0.contains("events sent") })
        #expect(summary.contains(" 0 rejected"), "\(summary)")
        for model in ["ensemble", "gru", "attention", "popular"] {
            #expect(lines.contains { $0.hasPrefix("recall@20  \(model) ") }, "\(model)")
        }
    }
}
