internal import Foundation

/// How many files and connections this process may have open.
public enum DescriptorLimit {
    /// The limit that holds; nil where the system does not say.
    public static var current: UInt64? {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
        return UInt64(limit.rlim_cur)
    }

    /// Raises the limit as far as that is allowed, and never lowers it.
    ///
    /// - Returns: the limit that holds then; nil where the system does not say.
    public static func raise(to wanted: UInt64) -> UInt64? {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
        let allowed = min(limit.rlim_max, rlim_t(wanted))
        if limit.rlim_cur < allowed {
            limit.rlim_cur = allowed
            // What is refused stays as it was: what holds is asked again.
            unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        }
        return current
    }
}
