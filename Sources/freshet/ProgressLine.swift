import Foundation

/// A bar on one line of standard error that draws over itself; nothing where that is no terminal.
struct ProgressLine {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var lastShown: ContinuousClock.Instant?

    private static let width = 30
    private static let interval = Duration.milliseconds(100)

    mutating func show(share: Double?, _ text: String) {
        let now = ContinuousClock.now
        guard isTerminal, lastShown.map({ now - $0 > Self.interval }) ?? true else { return }
        lastShown = now
        let filled = Int((share ?? 0) * Double(Self.width))
        let bar = String(repeating: "█", count: filled) + String(repeating: "·", count: Self.width - filled)
        let percent = share.map { String(format: "%3.0f%%", $0 * 100) } ?? "    "
        print("\r\u{1B}[2K\(bar) \(percent)  \(text)", terminator: "", to: &standardError)
    }

    mutating func end() {
        guard lastShown != nil else { return }
        print("\r\u{1B}[2K", terminator: "", to: &standardError)
        lastShown = nil
    }
}

/// Standard error as a stream for `print`.
struct StandardError: TextOutputStream {
    mutating func write(_ string: String) {
        FileHandle.standardError.write(Data(string.utf8))
    }
}

/// A stream without state: each use may have its own.
var standardError: StandardError {
    get { StandardError() }
    set {}
}
