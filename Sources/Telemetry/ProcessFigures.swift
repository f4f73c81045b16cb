internal import Foundation

/// What the operating system says of this process, from /proc.
public struct ProcessFigures: Sendable, Equatable {
    public var cpuSeconds = 0.0
    public var residentBytes: UInt64 = 0
    public var virtualBytes: UInt64 = 0
    public var openFiles = 0

    /// Clock ticks and pages are 1/100 s and 4 KiB on every Linux that Swift runs on.
    private static let ticksPerSecond = 100.0
    private static let pageBytes: UInt64 = 4096

    /// Reads the figures; those that cannot be read are zero.
    public static func current() -> ProcessFigures {
        var figures = ProcessFigures()
        // A figure that cannot be read is left out of a report; the report still goes out.
        if let stat = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8), let name = stat.lastIndex(of: ")") {
            let fields = stat[stat.index(after: name)...].split(separator: " ")
            // Fields 14 and 15 of proc(5), counted from the state, which is field 3.
            if fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) {
                figures.cpuSeconds = (user + system) / ticksPerSecond
            }
        }
        if let memory = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) {
            let pages = memory.split(separator: " ").compactMap { UInt64($0) }
            if pages.count > 1 {
                figures.virtualBytes = pages[0] * pageBytes
                figures.residentBytes = pages[1] * pageBytes
            }
        }
        figures.openFiles = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
        return figures
    }
}
