import Telemetry

/// What the system grants this process, looked at before anything depends on it: libraries below end the process where
/// they stand when they get no descriptor.
enum SystemLimits {
    /// Two event loops and librdkafka's threads take some thirty, each broker two, SQLite six, a client of HTTP one.
    private static let descriptorsMin: UInt64 = 128
    private static let descriptorsWanted: UInt64 = 65_536

    /// Raises the limit of descriptors as far as that is allowed.
    ///
    /// - Throws: exit code 78 where it stays too low to run.
    static func prepare() throws {
        guard let limit = DescriptorLimit.raise(to: descriptorsWanted), limit < descriptorsMin else { return }
        throw fail(
            "this process may have \(limit) files open and needs \(descriptorsMin): raise the limit with ulimit -n, or LimitNOFILE= in the unit",
            code: ExitStatus.configuration)
    }
}
