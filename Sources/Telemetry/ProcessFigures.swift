internal import Foundation

/// What the operating system says of this process, from /proc.
public struct ProcessFigures: Sendable, Equatable {
    public var cpuSeconds = 0.0
    public var residentBytes: UInt64 = 0
    public var virtualBytes: UInt64 = 0
    /// Limit of the virtual memory; nil for none.
    public var virtualBytesMax: UInt64?
    public var openFiles = 0
    /// Limit of the open files; nil for none.
    public var openFilesMax: UInt64?
    public var threads = 0
    /// Since 1970.
    public var startSeconds = 0.0
    public var networkReceivedBytes: UInt64 = 0
    public var networkSentBytes: UInt64 = 0

    private static let ticksPerSecond = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
    /// 4 KiB on most machines, 16 or 64 KiB on some of 64-bit Arm.
    private static let pageBytes = UInt64(max(1, sysconf(Int32(_SC_PAGESIZE))))

    /// Reads the figures; those that cannot be read are zero.
    public static func current() -> ProcessFigures {
        var figures = ProcessFigures()
        figures.readStat()
        figures.readNetwork()
        // A figure that cannot be read is left out of a report; the report still goes out.
        if let memory = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) {
            let pages = memory.split(separator: " ").compactMap { UInt64($0) }
            if pages.count > 1 {
                figures.virtualBytes = pages[0] * pageBytes
                figures.residentBytes = pages[1] * pageBytes
            }
        }
        figures.openFiles = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
        figures.openFilesMax = limit(RLIMIT_NOFILE)
        figures.virtualBytesMax = limit(RLIMIT_AS)
        return figures
    }

    /// Fields of proc(5), counted from the state, which is field 3.
    private mutating func readStat() {
        guard let stat = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8), let name = stat.lastIndex(of: ")") else {
            return
        }
        let fields = stat[stat.index(after: name)...].split(separator: " ").map { Double($0) ?? 0 }
        guard fields.count > 19 else { return }
        cpuSeconds = (fields[11] + fields[12]) / Self.ticksPerSecond
        threads = Int(fields[17])
        startSeconds = Self.bootSeconds + fields[19] / Self.ticksPerSecond
    }

    /// When the system started, since 1970, by the clock as it is at the first report: the start of a process is known in
    /// ticks since then. /proc/stat, which says it too, is hidden from a service that systemd confines.
    private static let bootSeconds: Double = {
        var sinceBoot = timespec()
        guard unsafe clock_gettime(CLOCK_BOOTTIME, &sinceBoot) == 0 else { return 0 }
        return Date().timeIntervalSince1970 - Double(sinceBoot.tv_sec) - Double(sinceBoot.tv_nsec) * 1e-9
    }()

    private mutating func readNetwork() {
        guard let table = try? String(contentsOfFile: "/proc/self/net/dev", encoding: .utf8) else { return }
        for line in table.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let figures = line[line.index(after: colon)...].split(separator: " ").compactMap { UInt64($0) }
            guard figures.count > 8 else { continue }
            networkReceivedBytes += figures[0]
            networkSentBytes += figures[8]
        }
    }

    private static func limit(_ resource: __rlimit_resource) -> UInt64? {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0 else { return nil }
        return limit.rlim_cur == rlim_t.max ? nil : UInt64(limit.rlim_cur)
    }
}
