import Foundation
import Testing

/// Reads the sources against the table of targets: an arrow that points up, a pointer that leaves its
/// room, or a clock in the deterministic core fails here.
@Suite struct HouseTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The targets of Package.swift, in order, each with what it may import.
    private static func targets() throws -> [(name: String, dependencies: Set<String>)] {
        let manifest = try String(contentsOf: root.appendingPathComponent("Package.swift"), encoding: .utf8)
        let body = try #require(manifest.range(of: "targets: [\n")).upperBound
        var targets: [(name: String, dependencies: Set<String>)] = []
        for part in manifest[body...].components(separatedBy: "arget(").dropFirst() {
            guard !part.isEmpty, let name = part.firstMatch(of: /name: "([A-Za-z-]+)"/) else { continue }
            let words = part.components(separatedBy: "dependencies:").dropFirst().first ?? ""
            let quoted = words.prefix(while: { $0 != "]" }).matches(of: /"([A-Za-z]+)"/).map { String($0.1) }
            targets.append((String(name.1), Set(quoted)))
        }
        for part in manifest.components(separatedBy: "systemLibrary(").dropFirst() {
            if let name = part.firstMatch(of: /name: "([A-Za-z]+)"/) { targets.insert((String(name.1), []), at: 0) }
        }
        return targets.filter { !$0.name.hasSuffix("Tests") }
    }

    private static func files(of target: String) throws -> [(name: String, text: String)] {
        let folder = root.appendingPathComponent("Sources").appendingPathComponent(target)
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".swift") }.sorted().map {
            ($0, try String(contentsOf: folder.appendingPathComponent($0), encoding: .utf8))
        }
    }

    /// Code without comments and string literals: words in them are no code.
    private static func code(_ text: String) -> [String] {
        text.split(separator: "\n").map { line in
            let bare = line.replacing(/"(\\.|[^"\\])*"/, with: "\"\"")
            return String(bare.components(separatedBy: "//")[0])
        }
    }

    @Test func everyFolderIsATargetAndEveryTargetHasAFolder() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Self.root.appendingPathComponent("Sources").path)
        #expect(Set(folders) == Set(try Self.targets().map(\.name)))
    }

    @Test func everyArrowPointsDown() throws {
        let targets = try Self.targets()
        let order = Dictionary(uniqueKeysWithValues: targets.enumerated().map { ($1.name, $0) })
        #expect(targets.count > 20)
        for (place, target) in targets.enumerated() {
            for dependency in target.dependencies {
                if let other = order[dependency] { #expect(other < place, "\(target.name) depends on \(dependency), which stands after it") }
            }
            guard target.name != "CKernels", target.name != "CSimdJSON" else { continue }
            for file in try Self.files(of: target.name) {
                for line in Self.code(file.text) {
                    guard let match = line.firstMatch(of: /^(?:(?:public|internal|private|package) )?import ([A-Za-z]+)/) else { continue }
                    let imported = String(match.1)
                    guard order[imported] != nil else { continue }
                    #expect(target.dependencies.contains(imported), "\(target.name)/\(file.name) imports \(imported)")
                }
            }
        }
    }

    /// Where unsafe code may stand: around C and around memory.
    private static let unsafeRooms: Set<String> = ["Tensors", "Events", "Checkpoints", "Streaming", "StateStore", "EventFiles", "ModelFiles", "Telemetry", "Daemon", "freshet-fuzz"]

    @Test func pointersStayInTheirRooms() throws {
        for target in try Self.targets() where target.name != "CKernels" && target.name != "CSimdJSON" {
            for file in try Self.files(of: target.name) {
                let lines = Self.code(file.text)
                let isUnsafe = lines.contains { $0.contains(/\bunsafe\b/) || $0.contains("UnsafeMutable") || $0.contains("OpaquePointer") }
                if isUnsafe { #expect(Self.unsafeRooms.contains(target.name), "\(target.name)/\(file.name)") }
                if lines.contains(where: { $0.contains(/\bpublic\b.*(Unsafe\w*|Opaque)Pointer/) }) {
                    Issue.record("\(target.name)/\(file.name) hands a pointer out")
                }
                if target.name != "Streaming" { #expect(!file.text.contains("import CRdKafka"), "\(target.name)/\(file.name)") }
            }
        }
    }

    /// Time and chance are handed in: nothing below the engine asks for them.
    private static let deterministic = ["Tensors", "Checkpoints", "SequenceModels", "Learning", "Serving", "Engine", "Delivery", "Simulation", "Evaluation"]

    @Test func theCoreAsksNoClockAndDrawsNoChance() throws {
        let banned = ["Date()", "ContinuousClock", "SuspendingClock", "SystemRandomNumberGenerator", ".random(in", ".randomElement", ".shuffled()", "getenv", "Task {", "async "]
        for target in Self.deterministic {
            for file in try Self.files(of: target) {
                for line in Self.code(file.text) {
                    for word in banned { #expect(!line.contains(word), "\(target)/\(file.name): \(line)") }
                }
            }
        }
    }

    @Test func nothingIsForcedOrSilenced() throws {
        for target in try Self.targets() where target.name != "CKernels" && target.name != "CSimdJSON" {
            for file in try Self.files(of: target.name) {
                for line in Self.code(file.text) {
                    for word in ["fatalError(", "try!", "as!", "nonisolated(unsafe)", "@unchecked Sendable"] {
                        #expect(!line.contains(word), "\(target.name)/\(file.name): \(line)")
                    }
                }
            }
        }
    }
}
