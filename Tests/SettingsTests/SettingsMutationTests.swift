import Foundation
import Testing

@testable import Settings

/// Whatever stands in the file or on the command line: settings within their limits, or problems that a person can
/// find and act on.
@Suite struct SettingsMutationTests {
    private struct Generator {
        var state: UInt64

        mutating func below(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(max(1, bound)))
        }

        /// A text after one or two changes of its bytes.
        mutating func mutated(_ text: [UInt8]) -> [UInt8] {
            var text = text
            for _ in 0...below(2) {
                let place = below(text.count + 1)
                switch below(5) {
                case 0: if place < text.count { text[place] = UInt8(below(256)) }
                case 1: if place < text.count { text[place] ^= UInt8(1 << below(8)) }
                case 2: text.removeSubrange(place..<min(text.count, place + below(30)))
                case 3: text.insert(contentsOf: Self.pieces[below(Self.pieces.count)], at: place)
                default: text.insert(contentsOf: text[place..<min(text.count, place + below(60))], at: below(text.count + 1))
                }
            }
            return text
        }

        /// What is special in YAML, in numbers, or in durations.
        static let pieces: [[UInt8]] =
            [
                ":", ": ", "\n", "  ", "\t", "-", "- ", "[", "]", "{", "}", "&a ", "*a", "<<: *a", "!!binary ", "|\n", ">-\n", "'",
                "\"", "#", "?", "%", "@", "null", "~", ".nan", "-.inf", "1e999", "99999999999999999999", "-1", "0x10", "0o7", "1s",
                "9223372036854775807h", "-5ms", "---\n", "...\n", "\u{0}", "\u{feff}",
            ].map { Array($0.utf8) } + [[0xC0, 0x80], [0xED, 0xA0, 0x80], [0xFF]]
    }

    /// The sections of the reference, without its comments: each change meets a key or a value.
    private static func sections() throws -> [[UInt8]] {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("config/freshet.yaml").path
        var sections: [[String]] = []
        for line in try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n") {
            guard !line.trimmingCharacters(in: .whitespaces).hasPrefix("#") else { continue }
            if line.first != " " { sections.append([]) }
            sections[sections.count - 1].append(String(line))
        }
        return sections.map { Array($0.joined(separator: "\n").utf8) }
    }

    /// - Returns: whether they were read.
    private static func isReadByTheRules(
        file: String?, overrides: [String], _ told: String
    ) -> Bool {
        do throws(SettingsError) {
            let settings = try Settings.load(file: file, environment: [:], overrides: overrides)
            #expect((1...1000).contains(settings.recommendations.count), "\(told)")
            #expect((256...1_000_000).contains(settings.events.recordBytesMax), "\(told)")
            #expect((16...512).contains(settings.model.dimensions) && settings.model.dimensions % 16 == 0, "\(told)")
            #expect((1...100_000_000).contains(settings.sessions.usersMax), "\(told)")
            #expect((0.0001...1).contains(settings.learning.rate), "\(told)")
            #expect(settings.state.checkpointInterval >= .milliseconds(100), "\(told)")
            #expect((0...65_535).contains(settings.http.port), "\(told)")
            return true
        } catch {
            switch error {
            case .invalid(let problems):
                #expect(!problems.isEmpty && problems.allSatisfy { !$0.key.isEmpty && !$0.message.isEmpty }, "\(told)")
            case .unreadable(let path, let reason):
                #expect(path == file && !reason.isEmpty, "\(told)")
            case .empty: Issue.record("an empty file is the defaults here: \(told)")
            }
        }
        return false
    }

    @Test func mutatedFilesAreReadByTheRulesOrRefusedByName() throws {
        let sections = try Self.sections()
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-\(UUID().uuidString).yaml")
        defer { do { try FileManager.default.removeItem(at: file) } catch {} }
        var generator = Generator(state: 5)
        var (read, refused) = (0, 0)
        for round in 0..<600 {
            let text = generator.mutated(sections[round % sections.count])
            try Data(text).write(to: file)
            if Self.isReadByTheRules(file: file.path, overrides: [], "round \(round): \(String(decoding: text, as: UTF8.self))") {
                read += 1
            } else {
                refused += 1
            }
        }
        // Both happen, or the changes say nothing.
        #expect(read > 30 && refused > 200, "\(read) read, \(refused) refused")
    }

    @Test func everyKeyReadsAnyWordByTheRulesOrRefusesItByName() {
        var generator = Generator(state: 11)
        var (read, refused) = (0, 0)
        for key in Settings.allKeys {
            for _ in 0..<8 {
                let piece = Generator.pieces[generator.below(Generator.pieces.count)]
                let override = String(decoding: Array("\(key)=".utf8) + piece, as: UTF8.self)
                if Self.isReadByTheRules(file: nil, overrides: [override], override) { read += 1 } else { refused += 1 }
            }
        }
        #expect(read > 30 && refused > 200, "\(read) read, \(refused) refused")
    }
}
