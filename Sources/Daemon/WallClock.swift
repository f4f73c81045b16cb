internal import Events
internal import Dispatch
internal import Foundation

/// The time of day, asked in one place and handed in everywhere else.
enum WallClock {
    static func now() -> Timestamp {
        Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
    }

    /// Since the system started, for what is measured.
    @Sendable static func nanoseconds() -> UInt64 { DispatchTime.now().uptimeNanoseconds }
}
