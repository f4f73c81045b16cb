internal import Events
internal import Foundation

/// The time of day, asked in one place and handed in everywhere else.
enum WallClock {
    static func now() -> Timestamp {
        Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
    }
}
