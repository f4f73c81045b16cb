import ArgumentParser
import Events
import Foundation
import StateStore

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Tells what a state directory holds, and whether every byte of it is sound.",
        discussion: """
            Reads and verifies everything, beside a daemon that may be running. Exits 74 where the state is damaged.

            With --recover the generation before (state.previous.sqlite) takes the place of a damaged state, which is
            kept under another name. The daemon must not be running; when it starts again it reads the events
            since that generation anew.

            Example: freshet inspect --state /var/lib/freshet --format json
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

    @Option(help: "The state directory.")
    var state: String

    @Option(help: "Lines for people, or one JSON object.")
    var format = Format.text

    @Flag(help: "Go on from the generation before, where the state is damaged.")
    var recover = false

    func run() throws {
        do throws(StateStoreError) {
            if recover { try recoverState() }
            let inspection = try StateInspection(directory: state)
            print(format == .json ? Self.json(inspection) : InspectionText(inspection).text)
            if case .damaged(_, let reason, _)? = inspection.current.finding {
                throw StateStoreError.damaged(path: state, reason: reason, hasPrevious: inspection.previous?.integrity == "ok")
            }
            if let finding = inspection.current.finding { throw finding }
        } catch {
            throw fail("\(error)", code: error.recovery.exitCode)
        }
    }

    private func recoverState() throws(StateStoreError) {
        if let inspection = try? StateInspection(directory: state), inspection.current.integrity == "ok" {
            // What is sound is never thrown away by mistake.
            return print("the state is sound: nothing to recover", to: &standardError)
        }
        let damaged = try StateInspection.recover(directory: state)
        let kept = damaged.map { "; the damaged file is kept as \($0)" } ?? ""
        print("the generation before is in place\(kept)", to: &standardError)
    }

    private static func json(_ inspection: StateInspection) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        // Plain numbers and texts always encode.
        return (try? encoder.encode(inspection)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}

/// An inspection as lines for people.
struct InspectionText {
    private let inspection: StateInspection

    init(_ inspection: StateInspection) {
        self.inspection = inspection
    }

    var text: String {
        var lines = ["state of \(inspection.directory)", ""] + Self.lines(inspection.current)
        if let previous = inspection.previous {
            lines += ["", "generation before", ""] + Self.lines(previous)
        } else {
            lines += ["", "no generation before is kept yet"]
        }
        return lines.joined(separator: "\n")
    }

    private static func lines(_ generation: StateInspection.Generation) -> [String] {
        var rows: [(String, String)] = [
            ("file", "\(generation.file), \(bytes(generation.bytes)), log \(bytes(generation.logBytes))"),
            ("integrity", generation.integrity),
        ]
        if let format = generation.format { rows.append(("format", "\(format)")) }
        if let model = generation.model {
            rows.append(("model", "\(model.encoder), \(model.dimensions) wide, version \(model.version)"))
        } else {
            rows.append(("model", "none yet"))
        }
        if let checkpoints = generation.checkpoints, let written = generation.writtenAt {
            let date = Date(timeIntervalSince1970: Double(written) / 1000)
            rows.append(("checkpoint", "number \(checkpoints), \(date.formatted(.iso8601))"))
        }
        rows.append(("items", "\(generation.items), \(bytes(generation.itemBytes))"))
        rows.append(("users", "\(generation.users), \(bytes(generation.userBytes))"))
        rows.append(("weights", "\(generation.blobs.count) parts, \(bytes(generation.blobs.values.reduce(0, +)))"))
        for offset in generation.offsets { rows.append(("next offset", "\(offset.topic)[\(offset.partition)] \(offset.next)")) }
        return rows.map { "  " + $0.0.padding(toLength: 13, withPad: " ", startingAt: 0) + $0.1 }
    }

    private static func bytes(_ count: Int) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        var (value, unit) = (Double(count), 0)
        while value >= 1024, unit < units.count - 1 { (value, unit) = (value / 1024, unit + 1) }
        return unit == 0 ? "\(count) B" : String(format: "%.1f %@", value, units[unit])
    }
}
